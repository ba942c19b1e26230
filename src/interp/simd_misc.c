/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "two-register miscellaneous": absolute value, negation, comparison with zero, bit
 * and byte counting and reversal, pairwise long addition, narrowing. Arm manual C7.2; the loops are
 * in simd.h. */

#include "simd.h"
#include "simd_long.h"

SIMD_LANES(abs, int64_t, n < 0 ? 0 - un : un)
SIMD_LANES(neg, uint64_t, 0 - n)

SIMD_LANES(cmeq_zero, int64_t, n == 0 ? ~0ull : 0)
SIMD_LANES(cmge_zero, int64_t, n >= 0 ? ~0ull : 0)
SIMD_LANES(cmgt_zero, int64_t, n > 0 ? ~0ull : 0)
SIMD_LANES(cmle_zero, int64_t, n <= 0 ? ~0ull : 0)
SIMD_LANES(cmlt_zero, int64_t, n < 0 ? ~0ull : 0)

SIMD_LANES(cls, int64_t, (unsigned)__builtin_clrsbll(n) - (64 - bits))
SIMD_LANES(clz, uint64_t, n ? (unsigned)__builtin_clzll(n) - (64 - bits) : bits)

/* On the bytes of a doubleword at once. */
#define BYTES(name, expression)                                                                    \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        const union a64_vreg v = cpu->v[insn->rn];                                                 \
        union a64_vreg r;                                                                          \
        for (unsigned k = 0; k < 2; k++) {                                                         \
            const uint64_t n = v.d[k];                                                             \
            r.d[k] = (expression);                                                                 \
        }                                                                                          \
        simd_write(cpu, insn->rd, r, simd_q(insn) ? 16 : 8);                                       \
        return A64_NEXT;                                                                           \
    }

static uint64_t popcount_bytes(uint64_t n)
{
    n -= n >> 1 & 0x5555555555555555;
    n = (n & 0x3333333333333333) + (n >> 2 & 0x3333333333333333);
    return (n + (n >> 4)) & 0x0F0F0F0F0F0F0F0F;
}

static uint64_t reverse_bits_in_bytes(uint64_t n)
{
    n = (n & 0x5555555555555555) << 1 | (n >> 1 & 0x5555555555555555);
    n = (n & 0x3333333333333333) << 2 | (n >> 2 & 0x3333333333333333);
    return (n & 0x0F0F0F0F0F0F0F0F) << 4 | (n >> 4 & 0x0F0F0F0F0F0F0F0F);
}

BYTES(not, ~n)
BYTES(cnt, popcount_bytes(n))
BYTES(rbit, reverse_bits_in_bytes(n))

/* Reverses the elements of SIZE within containers of CONTAINER bytes. */
SIMD_INLINE void reverse(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size,
                         unsigned container)
{
    const union a64_vreg n = cpu->v[insn->rn];
    union a64_vreg r;
    for (unsigned i = 0; i < 16u >> size; i++)
        simd_set_lane(&r, size, i, simd_lane(&n, size, false, i ^ ((container >> size) - 1)));
    simd_write(cpu, insn->rd, r, simd_q(insn) ? 16 : 8);
}

int exec_simd_rev64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (simd_size(insn) == 0)
        reverse(cpu, insn, 0, 8);
    else if (simd_size(insn) == 1)
        reverse(cpu, insn, 1, 8);
    else
        reverse(cpu, insn, 2, 8);
    return A64_NEXT;
}

int exec_simd_rev32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (simd_size(insn) == 0)
        reverse(cpu, insn, 0, 4);
    else
        reverse(cpu, insn, 1, 4);
    return A64_NEXT;
}

int exec_simd_rev16(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    reverse(cpu, insn, 0, 2);
    return A64_NEXT;
}

/* Sums of adjacent pairs, twice as wide; ACCUMULATE: on top of Vd. */
SIMD_INLINE void pairs_long(struct a64_cpu *cpu, const struct a64_insn *insn, bool accumulate,
                            bool sign, unsigned size)
{
    const union a64_vreg n = cpu->v[insn->rn], d = cpu->v[insn->rd];
    union a64_vreg r;
    for (unsigned i = 0; i < 8u >> size; i++) {
        const uint64_t sum =
            simd_lane(&n, size, sign, 2 * i) + simd_lane(&n, size, sign, 2 * i + 1);
        simd_set_lane(&r, size + 1, i, sum + (accumulate ? simd_lane(&d, size + 1, sign, i) : 0));
    }
    simd_write(cpu, insn->rd, r, simd_q(insn) ? 16 : 8);
}

SIMD_EXEC_NARROW(saddlp, pairs_long, simd_size, false, true)
SIMD_EXEC_NARROW(uaddlp, pairs_long, simd_size, false, false)
SIMD_EXEC_NARROW(sadalp, pairs_long, simd_size, true, true)
SIMD_EXEC_NARROW(uadalp, pairs_long, simd_size, true, false)

SIMD_NARROW(xtn, uint64_t, n)
SIMD_NARROW(sqxtn, int64_t, simd_sat_s(n, bits, qc))
SIMD_NARROW(sqxtun, int64_t, simd_sat_u(n, bits, qc))
SIMD_NARROW(uqxtn, uint64_t, simd_sat_u(n, bits, qc))

SIMD_LONG(shll, uint64_t, n << bits)
