/* SPDX-License-Identifier: MIT */
#ifndef TRAPS_GUEST_H
#define TRAPS_GUEST_H

/* What the guests of this folder share: the serial line, registers by encoding, start.S. */

#include <stdint.h>

#define UART             (*(volatile uint32_t *)0x09000000)
#define BIT(n)           (1ull << (n))
#define MSR(name, value) __asm__ volatile("msr " name ", %0" ::"r"((uint64_t)(value)))

#define REG(op0, op1, crn, crm, op2)                                                               \
    ((op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define MRS(...)                (0xd5300003u | (REG(__VA_ARGS__) & ~(1u << 20)))
#define MSR_(...)               (0xd5100003u | (REG(__VA_ARGS__) & ~(1u << 20)))
#define SYS(op1, crn, crm, op2) (0xd5080003u | REG(0, op1, crn, crm, op2))
#define BOTH(...)               MRS(__VA_ARGS__), MSR_(__VA_ARGS__)

/* How a run ended: at EL2 by vector number; esr1 ... where EL1 took it first (HVC #0x99, x0 its
 * vector). */
struct result {
    uint64_t vector, x0, x3, esr2, spsr2, elr2, esr1, spsr1, elr1, far2;
};

extern uint32_t slot[];
extern struct {
    uint64_t saved[16];
    struct result result;
} context;
extern char vectors_el1[], vectors_el2[];
void probe(uint64_t hcr, uint64_t spsr, uint64_t x3);

static inline void put(char c)
{
    UART = (uint32_t)c;
}

static inline void text(const char *s)
{
    while (*s)
        put(*s++);
}

static inline void hex(uint64_t value)
{
    unsigned digits = 1;
    while (digits < 16 && value >> (4 * digits))
        digits++;
    while (digits--)
        put("0123456789abcdef"[value >> (4 * digits) & 15]);
}

static inline void field(const char *name, uint64_t value)
{
    put(' ');
    text(name);
    put('=');
    hex(value);
}

/* A call that tells "it went through", allowed at this EL. */
static inline uint32_t end_of(unsigned el)
{
    return el ? 0xd4000002u | 0x77 << 5 : 0xd4000001u | 0x77 << 5;
}

/* Runs COUNT words and the call behind them in the mode of SPSR (DAIF set), X3 given; returns X3.
 */
static inline uint64_t run(uint64_t hcr, uint64_t spsr, uint64_t x3, const uint32_t *words,
                           unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        slot[k] = words[k];
    slot[count] = end_of(spsr >> 2 & 3);
    slot[count + 1] = 0xe7f000f0; /* UDF in A32, which QEMU's `max` can return to: ends it at once */
    __asm__ volatile("dc cvau, %0; dsb sy; ic ivau, %0; dsb sy; isb" ::"r"(slot) : "memory");
    MSR("sp_el0", 0x40200000);
    MSR("sp_el1", 0x40200000);
    probe(hcr, 0x3c0 | spsr, x3);
    return context.result.x3;
}

#endif
