/* SPDX-License-Identifier: MIT */
#ifndef GUEST_H
#define GUEST_H

/* Run-time support of freestanding guests for the board `virt`: serial line, exceptions, calls into
 * lower Exception levels, instructions given as words, PSCI, the GIC's addresses. */

#include <stdbool.h>
#include <stdint.h>

#define BIT(n)        (1ull << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))
#define MMIO32(a)     (*(volatile uint32_t *)(uintptr_t)(a))
#define MMIO64(a)     (*(volatile uint64_t *)(uintptr_t)(a))
#define MMIO8(a)      (*(volatile uint8_t *)(uintptr_t)(a))

#define MSR(name, value)                                                                           \
    __asm__ volatile("msr " name ", %0; isb" ::"r"((uint64_t)(value)) : "memory")
#define MRS(name)                                                                                  \
    ({                                                                                             \
        uint64_t mrs_value;                                                                        \
        __asm__ volatile("isb; mrs %0, " name : "=r"(mrs_value)::"memory");                        \
        mrs_value;                                                                                 \
    })

/* Words with X0: MRS and MSR of a register by encoding. */
#define REG(op0, op1, crn, crm, op2)                                                               \
    ((uint32_t)(op0) << 19 | (uint32_t)(op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define GET(...) (0xd5200000u | REG(__VA_ARGS__))
#define SET(...) (0xd5000000u | REG(__VA_ARGS__))

#define HCR_FMO BIT(3)
#define HCR_IMO BIT(4)
#define HCR_AMO BIT(5)
#define HCR_TGE BIT(27)
#define HCR_RW  BIT(31)
#define HCR_E2H BIT(34)
#define EL0T    0x3c0 /* SPSR, everything masked */
#define EL1H    0x3c5

#define GICD 0x08000000ull
#define GICR 0x080a0000ull /* CPU 0's; 128 KiB each */

struct frame {
    uint64_t x[31], vector, esr, elr, spsr, far;
};

/* Exceptions since the last forget(); `el` is who took it. */
struct event {
    uint64_t el, vector, esr, spsr, far, from;
};
extern volatile unsigned events;
extern struct event event[16];
/* An interrupt or SError at vector VECTOR of EL, noted, and masked in FRAME, which may be changed.
 * May be NULL. */
extern void (*volatile on_interrupt)(struct frame *frame, unsigned el, unsigned vector);

void forget(void);
/* " taken=EL/vector/ESR ..." of each event, or " taken=none". */
void say_events(void);

void text(const char *s);
void hex(uint64_t value);
void field(const char *name, uint64_t value);

uint64_t lower(void (*fn)(uint64_t), uint64_t x0, uint64_t spsr);
/* Ends what lower() began, with its value. */
void end(uint64_t value) __attribute__((noreturn));

/* Executes WORD with X0 at this EL; returns X0. An exception is noted and the word skipped. Not for
 * two CPUs at a time. */
uint64_t execute(uint32_t word, uint64_t x0);
/* The same at EL0 or EL1 as SPSR says. */
uint64_t execute_at(uint64_t spsr, uint32_t word, uint64_t x0);

uint64_t smc(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);
uint64_t hvc(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);
/* PSCI by the conduit of this EL. */
uint64_t psci(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);
void power_off(void);

uint64_t ticks(void);
void wait_ticks(uint64_t count);
/* Waits for *FLAG to be VALUE; false after about a second. */
bool wait_for(volatile uint32_t *flag, uint32_t value);

extern char vectors_el1[], vectors_el2[], secondary[];
void main(void);
void secondary_main(uint64_t cpu, uint64_t context);

#endif
