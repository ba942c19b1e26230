/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "two-register miscellaneous" that computes in place: absolute value, negation,
 * counting and reversing bits (Arm manual C4.1.96). */

#include "vector.h"

typedef const unsigned by_size[4];

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ}, op_sub = {VPSUBB, VPSUBW, VPSUBD, VPSUBQ};
static by_size cmp_gt = {VPCMPGTB, VPCMPGTW, VPCMPGTD, VPCMPGTQ};

static void lower_simd_abs(struct lower *l, const struct a64_insn *insn)
{
    static by_size op = {VPABSB, VPABSW, VPABSD, VPABSQ};
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (size < 3 || l->dbt->avx512) {
        vec(l, op[size], dst, 0, vec_rm(l, insn->rn));
    } else {
        vec_zero(l, S0);
        vec(l, VPCMPGTQ, S0, S0, vec_rm(l, insn->rn));
        vec(l, VPXOR, S1, S0, vec_rm(l, insn->rn));
        vec_r(l, VPSUBQ, dst, S1, S0);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

static void lower_simd_neg(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_zero(l, S0);
    vec(l, op_sub[size], dst, S0, vec_rm(l, insn->rn));
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

static void lower_simd_not(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_k(l, VPXOR, dst, lower_vsrc(l, insn->rn, S0), K_ONES);
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

/* ---- bits of bytes ---- */

/* S0 = HIGH by the upper nibble of each byte of SRC, S1 = LOW by the lower. SRC is not S1. */
static void by_nibbles(struct lower *l, unsigned src, enum vector_constant high,
                       enum vector_constant low)
{
    vec_k(l, VPAND, S1, src, K_0F);
    vec_shift(l, VPSRLW, S0, src, 4);
    vec_k(l, VPAND, S0, S0, K_0F);
    x86_vload(&l->a, S2, vector_constant(l, low));
    vec_r(l, VPSHUFB, S1, S2, S1);
    x86_vload(&l->a, S2, vector_constant(l, high));
    vec_r(l, VPSHUFB, S0, S2, S0);
}

static void lower_simd_cnt(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (l->dbt->avx512bitalg) {
        vec(l, VPOPCNTB, dst, 0, vec_rm(l, insn->rn));
    } else {
        by_nibbles(l, lower_vsrc(l, insn->rn, S0), K_COUNT_BITS, K_COUNT_BITS);
        vec_r(l, VPADDB, dst, S0, S1);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

static void lower_simd_rbit(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (l->dbt->gfni) {
        vec_i(l, VGF2P8AFFINEQB, dst, lower_vsrc(l, insn->rn, S0),
              vector_constant(l, K_REVERSE_MATRIX), 0);
    } else {
        by_nibbles(l, lower_vsrc(l, insn->rn, S0), K_REVERSE_HIGH, K_REVERSE_LOW);
        vec_r(l, VPOR, dst, S0, S1);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

/* ---- leading zeros ---- */

/* S0 = leading zeros of the elements of SIZE from those of their halves in S0: the upper half's,
 * and where it is all zeros the lower half's too. */
static void clz_of_halves(struct lower *l, unsigned size)
{
    static by_size right = {0, VPSRLW, VPSRLD}, equal = {0, VPCMPEQW, VPCMPEQD};
    const unsigned half = 4u << size;
    vec(l, VPAND, S1, S0, vector_literal_all(l, (1ull << half) - 1, size));
    vec_shift(l, right[size], S0, S0, half);
    vec(l, equal[size], S2, S0, vector_literal_all(l, half, size));
    vec_r(l, VPAND, S1, S1, S2);
    vec_r(l, op_add[size], S0, S0, S1);
}

/* S0 = the leading zeros of SRC, which is no scratch register but S0. */
static void clz(struct lower *l, unsigned src, unsigned size)
{
    if (size == 2 && l->dbt->avx512cd) {
        vec_r(l, VPLZCNTD, S0, 0, src);
        return;
    }
    /* A byte's upper nibble has 0 to 3, or 8 where it is zero; its lower one 4 to 8. */
    by_nibbles(l, src, K_CLZ_HIGH, K_CLZ_LOW);
    vec_r(l, VPMINUB, S0, S0, S1);
    for (unsigned s = 1; s <= size; s++)
        clz_of_halves(l, s);
}

static void lower_simd_clz(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    if (size == 2 && l->dbt->avx512cd) {
        const unsigned dst = lower_vdst(l, insn->rd, S0);
        vec(l, VPLZCNTD, dst, 0, vec_rm(l, insn->rn));
        vec_done(l, insn->rd, dst, vec_bytes(insn, size));
        return;
    }
    clz(l, lower_vsrc(l, insn->rn, S0), size);
    vec_done(l, insn->rd, S0, vec_bytes(insn, size));
}

/* Bits equal to the sign, less the sign itself: it is turned into leading zeros. */
static void lower_simd_cls(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_copy(l, insn->rn, S1);
    vec_zero(l, S0);
    vec_r(l, cmp_gt[size], S0, S0, S1);
    vec_r(l, VPXOR, S0, S0, S1);
    clz(l, S0, size);
    vec(l, op_sub[size], dst, S0, vector_literal_all(l, 1, size));
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

lower_fn *const lower_simd_misc_table[A64_EXEC_COUNT] = {
    SIMD_ROW(abs),  SIMD_ROW(neg), SIMD_ROW(not ), SIMD_ROW(cnt),
    SIMD_ROW(rbit), SIMD_ROW(clz), SIMD_ROW(cls),
};
