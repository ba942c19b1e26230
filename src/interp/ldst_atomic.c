/* SPDX-License-Identifier: MIT */
/* The LSE read-modify-write instructions: LDADD, LDCLR, LDEOR, LDSET, LDSMAX, LDSMIN, LDUMAX,
 * LDUMIN, SWP, CAS and CASP, with their store-only aliases. One compare-and-swap loop on the host
 * does all of them, always sequentially consistent, which covers the acquire and release forms.
 *
 * FEAT_LSE2 lets the address be misaligned within 16 aligned bytes; those go through a 16-byte
 * compare-and-swap. CASP must be aligned. */

#include "ldst.h"

#include "../a64/host_access.h"
#include "../a64/host_atomic.h"
#include "../a64/monitor.h"

/* So that the size is a constant in each of the small functions below. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

enum rmw { RMW_ADD, RMW_CLR, RMW_EOR, RMW_SET, RMW_SMAX, RMW_SMIN, RMW_UMAX, RMW_UMIN, RMW_SWP };

static inline int64_t as_signed(uint64_t value, unsigned size)
{
    const unsigned shift = 64 - 8 * size;
    return (int64_t)(value << shift) >> shift;
}

static inline uint64_t as_unsigned(uint64_t value, unsigned size)
{
    return value & (~0ull >> (64 - 8 * size));
}

static ALWAYS_INLINE uint64_t combine(enum rmw op, unsigned size, uint64_t old, uint64_t operand)
{
    switch (op) {
    case RMW_ADD:
        return old + operand;
    case RMW_CLR:
        return old & ~operand;
    case RMW_EOR:
        return old ^ operand;
    case RMW_SET:
        return old | operand;
    case RMW_SMAX:
        return as_signed(old, size) > as_signed(operand, size) ? old : operand;
    case RMW_SMIN:
        return as_signed(old, size) < as_signed(operand, size) ? old : operand;
    case RMW_UMAX:
        return old > as_unsigned(operand, size) ? old : operand;
    case RMW_UMIN:
        return old < as_unsigned(operand, size) ? old : operand;
    default:
        return operand;
    }
}

/* Compare-and-swap of SIZE (up to 8) bytes anywhere within 16 aligned bytes. */
static bool cas_within_16(uint8_t *p, unsigned size, uint64_t *expected, uint64_t desired)
{
    const unsigned at = (uintptr_t)p & 15;
    uint8_t old[16], new[16];
    host_load(p - at, 16, old);
    for (;;) {
        uint64_t found = 0;
        memcpy(&found, old + at, size);
        if (found != *expected) {
            *expected = found;
            return false;
        }
        memcpy(new, old, 16);
        memcpy(new + at, &desired, size);
        if (host_cas16(p - at, old, new))
            return true;
    }
}

static ALWAYS_INLINE bool cas(void *p, unsigned size, uint64_t *expected, uint64_t desired)
{
    if (__builtin_expect((uintptr_t)p & (size - 1), 0))
        return cas_within_16(p, size, expected, desired);
    return host_cas(p, size, expected, &desired);
}

static ALWAYS_INLINE uint64_t load(const void *p, unsigned size)
{
    uint64_t value = 0;
    if (__builtin_expect((uintptr_t)p & (size - 1), 0))
        host_load_any(p, size, &value);
    else
        host_load(p, size, &value);
    return value;
}

/* The host address of what an atomic instruction works on. */
static inline void *target(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size,
                           unsigned access)
{
    uint64_t address;
    if (ldst_base(cpu, insn->rn, &address))
        return NULL;
    return a64_host(cpu, address, size, A64_READ | A64_WRITE | access);
}

static ALWAYS_INLINE int read_modify_write(struct a64_cpu *cpu, const struct a64_insn *insn,
                                           unsigned size, enum rmw op)
{
    void *host = target(cpu, insn, size, A64_ATOMIC);
    if (!host)
        return A64_FAULT;
    const uint64_t operand = cpu->x[insn->rm];
    struct a64_monitor_entry *entry = a64_store_begin(cpu, host);
    uint64_t old = load(host, size);
    while (!cas(host, size, &old, combine(op, size, old, operand)))
        ;
    a64_store_end(entry);
    a64_set_x(cpu, insn->rd, old);
    return A64_NEXT;
}

static ALWAYS_INLINE int compare_and_swap(struct a64_cpu *cpu, const struct a64_insn *insn,
                                          unsigned size)
{
    void *host = target(cpu, insn, size, A64_ATOMIC);
    if (!host)
        return A64_FAULT;
    uint64_t old = as_unsigned(cpu->x[insn->rm], size);
    struct a64_monitor_entry *entry = a64_store_begin(cpu, host);
    cas(host, size, &old, cpu->x[insn->rd]);
    a64_store_end(entry);
    a64_set_x(cpu, insn->rm, old);
    return A64_NEXT;
}

#define RMW(name, op, bits)                                                                        \
    int exec_atomic_##name##bits(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        return read_modify_write(cpu, insn, bits / 8, op);                                         \
    }
#define RMW_SIZES(name, op)                                                                        \
    RMW(name, op, 8)                                                                               \
    RMW(name, op, 16)                                                                              \
    RMW(name, op, 32)                                                                              \
    RMW(name, op, 64)

RMW_SIZES(add, RMW_ADD)
RMW_SIZES(clr, RMW_CLR)
RMW_SIZES(eor, RMW_EOR)
RMW_SIZES(set, RMW_SET)
RMW_SIZES(smax, RMW_SMAX)
RMW_SIZES(smin, RMW_SMIN)
RMW_SIZES(umax, RMW_UMAX)
RMW_SIZES(umin, RMW_UMIN)
RMW_SIZES(swp, RMW_SWP)

#define CAS(bits)                                                                                  \
    int exec_cas##bits(struct a64_cpu *cpu, const struct a64_insn *insn)                           \
    {                                                                                              \
        return compare_and_swap(cpu, insn, bits / 8);                                              \
    }
CAS(8)
CAS(16)
CAS(32)
CAS(64)

/* Registers come in pairs that begin with an even one; number 31 as a second is the zero register.
 */
int exec_casp32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned s = insn->rm, t = insn->rd;
    void *host = target(cpu, insn, 8, A64_ALIGNED);
    if (!host)
        return A64_FAULT;
    uint64_t old = (uint32_t)cpu->x[s] | cpu->x[s + 1] << 32;
    const uint64_t new = (uint32_t)cpu->x[t] | cpu->x[t + 1] << 32;
    struct a64_monitor_entry *entry = a64_store_begin(cpu, host);
    host_cas(host, 8, &old, &new);
    a64_store_end(entry);
    a64_set_w(cpu, s, (uint32_t)old);
    a64_set_w(cpu, s + 1, (uint32_t)(old >> 32));
    return A64_NEXT;
}

int exec_casp64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned s = insn->rm, t = insn->rd;
    void *host = target(cpu, insn, 16, A64_ALIGNED);
    if (!host)
        return A64_FAULT;
    uint64_t old[2] = {cpu->x[s], cpu->x[s + 1]};
    const uint64_t new[2] = {cpu->x[t], cpu->x[t + 1]};
    struct a64_monitor_entry *entry = a64_store_begin(cpu, host);
    host_cas16(host, old, new);
    a64_store_end(entry);
    a64_set_x(cpu, s, old[0]);
    a64_set_x(cpu, s + 1, old[1]);
    return A64_NEXT;
}
