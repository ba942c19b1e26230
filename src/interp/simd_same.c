/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "three same" without saturation, vector and scalar: bitwise, arithmetic,
 * comparison, halving, minimum and maximum, multiplication, pairwise; and "across lanes". The
 * saturating ones and those that shift by a register are in simd_sat.c. Arm manual C7.2; the loops
 * are in simd.h. */

#include "simd.h"

/* Bitwise: whole doublewords, no lanes. */
#define BITWISE(name, expression)                                                                  \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        union a64_vreg *vd = &cpu->v[insn->rd];                                                    \
        const union a64_vreg *vn = &cpu->v[insn->rn], *vm = &cpu->v[insn->rm];                     \
        for (unsigned k = 0; k < 2; k++) {                                                         \
            const uint64_t d = vd->d[k], n = vn->d[k], m = vm->d[k];                               \
            (void)d;                                                                               \
            vd->d[k] = (expression);                                                               \
        }                                                                                          \
        if (!simd_q(insn))                                                                         \
            vd->d[1] = 0;                                                                          \
        return A64_NEXT;                                                                           \
    }

BITWISE(and, (n & m))
BITWISE(bic, n & ~m)
BITWISE(orr, n | m)
BITWISE(orn, n | ~m)
BITWISE(eor, n ^ m)
BITWISE(bsl, (n & d) | (m & ~d))
BITWISE(bit, (n & m) | (d & ~m))
BITWISE(bif, (n & ~m) | (d & m))

SIMD_LANES(add, uint64_t, n + m)
SIMD_LANES(sub, uint64_t, n - m)
SIMD_LANES_ELEM(mul, uint64_t, (n * m))
SIMD_LANES_ELEM(mla, uint64_t, d + n * m)
SIMD_LANES_ELEM(mls, uint64_t, d - n * m)

SIMD_LANES(cmeq, uint64_t, n == m ? ~0ull : 0)
SIMD_LANES(cmge, int64_t, n >= m ? ~0ull : 0)
SIMD_LANES(cmgt, int64_t, n > m ? ~0ull : 0)
SIMD_LANES(cmhi, uint64_t, n > m ? ~0ull : 0)
SIMD_LANES(cmhs, uint64_t, n >= m ? ~0ull : 0)
SIMD_LANES(cmtst, uint64_t, (n & m) ? ~0ull : 0)

SIMD_LANES(smax, int64_t, n > m ? n : m)
SIMD_LANES(smin, int64_t, n < m ? n : m)
SIMD_LANES(umax, uint64_t, n > m ? n : m)
SIMD_LANES(umin, uint64_t, n < m ? n : m)

/* No doublewords below: the sums and differences of words fit. */
SIMD_LANES(sabd, int64_t, n > m ? n - m : m - n)
SIMD_LANES(uabd, uint64_t, n > m ? n - m : m - n)
SIMD_LANES(saba, int64_t, d + (n > m ? n - m : m - n))
SIMD_LANES(uaba, uint64_t, d + (n > m ? n - m : m - n))
SIMD_LANES(shadd, int64_t, (n + m) >> 1)
SIMD_LANES(uhadd, uint64_t, (n + m) >> 1)
SIMD_LANES(srhadd, int64_t, (n + m + 1) >> 1)
SIMD_LANES(urhadd, uint64_t, (n + m + 1) >> 1)
SIMD_LANES(shsub, int64_t, (n - m) >> 1)
SIMD_LANES(uhsub, uint64_t, (n - m) >> 1)

SIMD_LANES(pmul, uint64_t, simd_polynomial_mul8(n, m))

/* Adjacent pairs of Vn make the low half of the result, those of Vm the high half. */
SIMD_INLINE void simd_pairs(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                            bool sign, unsigned size)
{
    const unsigned bytes = simd_q(insn) ? 16 : 8, half = bytes >> (size + 1);
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    union a64_vreg r = {0};
    for (unsigned i = 0; i < half; i++) {
        simd_set_lane(&r, size, i,
                      op(0, simd_lane(&n, size, sign, 2 * i), simd_lane(&n, size, sign, 2 * i + 1),
                         8u << size, NULL));
        simd_set_lane(&r, size, half + i,
                      op(0, simd_lane(&m, size, sign, 2 * i), simd_lane(&m, size, sign, 2 * i + 1),
                         8u << size, NULL));
    }
    cpu->v[insn->rd] = r;
}

SIMD_EXEC(addp, simd_pairs, simd_size, op_add, false)
SIMD_EXEC(smaxp, simd_pairs, simd_size, op_smax, true)
SIMD_EXEC(sminp, simd_pairs, simd_size, op_smin, true)
SIMD_EXEC(umaxp, simd_pairs, simd_size, op_umax, false)
SIMD_EXEC(uminp, simd_pairs, simd_size, op_umin, false)

int exec_simd_addp_scalar(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg *n = &cpu->v[insn->rn];
    cpu->v[insn->rd] = (union a64_vreg){.d = {n->d[0] + n->d[1], 0}};
    return A64_NEXT;
}

/* Reduces all lanes of Vn; 64 bits of accumulator hold the sum of any. */
SIMD_INLINE uint64_t reduce(const struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                            bool sign, unsigned size)
{
    const union a64_vreg *n = &cpu->v[insn->rn];
    const unsigned count = (simd_q(insn) ? 16u : 8u) >> size;
    uint64_t out = simd_lane(n, size, sign, 0);
    for (unsigned i = 1; i < count; i++)
        out = op(0, out, simd_lane(n, size, sign, i), 8u << size, NULL);
    return out;
}

SIMD_INLINE void simd_across(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                             bool sign, unsigned size)
{
    const union a64_vreg r = {.d = {reduce(cpu, insn, op, sign, size)}};
    simd_write(cpu, insn->rd, r, 1u << size);
}

/* The result is twice as wide as the lanes. */
SIMD_INLINE void simd_across_long(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                                  bool sign, unsigned size)
{
    const union a64_vreg r = {.d = {reduce(cpu, insn, op, sign, size)}};
    simd_write(cpu, insn->rd, r, 2u << size);
}

SIMD_EXEC(addv, simd_across, simd_size, op_add, false)
SIMD_EXEC(smaxv, simd_across, simd_size, op_smax, true)
SIMD_EXEC(sminv, simd_across, simd_size, op_smin, true)
SIMD_EXEC(umaxv, simd_across, simd_size, op_umax, false)
SIMD_EXEC(uminv, simd_across, simd_size, op_umin, false)
SIMD_EXEC(saddlv, simd_across_long, simd_size, op_add, true)
SIMD_EXEC(uaddlv, simd_across_long, simd_size, op_add, false)
