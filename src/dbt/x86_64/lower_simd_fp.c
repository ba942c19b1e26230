/* SPDX-License-Identifier: MIT */
/* Floating-point of Advanced SIMD that has no scalar counterpart, and maxima and minima, which do:
 * comparisons to masks, pairs, across all elements, reciprocal steps, complex additions (Arm manual
 * C4.1.96).
 *
 * What may meet infinity times zero without raising Invalid Operation (FMULX, FRECPS, FRSQRTS) runs
 * on the host only for finite operands. Left to the interpreter: estimates, FCMLA, widening
 * products of halves. */

#include "lower_fp.h"
#include "vector.h"

#define CMP_EQ_OQ 0x00
#define CMP_LT_OS 0x01
#define CMP_LE_OS 0x02
#define CMP_UNORD 0x03
#define CMP_GE_OS 0x0d
#define CMP_GT_OS 0x0e

/* VCMPxx; registers below 16. */
static void cmp(struct lower *l, struct fp_shape s, unsigned predicate, unsigned dst, unsigned n,
                struct x86_rm m)
{
    const unsigned prefix = s.scalar ? (s.bits == 64 ? X_F2 : X_F3) : s.bits == 64 ? X_66 : 0;
    vec_i(l, 0xc2 | X_0F | prefix, dst, n, m, predicate);
}

/* V<n> as shape S reads it, in a register below 16. */
static unsigned low_operand(struct lower *l, struct fp_shape s, unsigned n, unsigned scratch)
{
    const unsigned v = s.scalar ? fp_scalar(l, s.bits, n, scratch) : fp_vector(l, s, n, scratch);
    if (v < 16)
        return v;
    x86_vmov(&l->a, scratch, v);
    return scratch;
}

/* ---- comparisons to masks ---- */

/* A mask of what compares by PREDICATE; MAGNITUDES: of absolute values. All NaNs raise Invalid
 * Operation, but for equality signalling ones only, by the predicates as in the Arm manual. */
static void compare(struct lower *l, const struct a64_insn *insn, unsigned predicate,
                    bool magnitudes)
{
    const struct fp_shape s = fp_shape_of(insn);
    const struct dbt_fp_constants *constants = fp_constants(l, s.bits);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    unsigned n = low_operand(l, s, insn->rn, S1), m = low_operand(l, s, insn->rm, S2);
    if (magnitudes) {
        fp_logic(l, s.bits, FP_AND, S1, n, x86_at(constants->abs));
        fp_logic(l, s.bits, FP_AND, S2, m, x86_at(constants->abs));
        n = S1;
        m = S2;
    }
    cmp(l, s, predicate, S0, n, x86_r((int)m));
    fp_commit(l, insn, s, S0, false);
}

static void compare_zero(struct lower *l, const struct a64_insn *insn, unsigned predicate)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    cmp(l, s, predicate, S0, low_operand(l, s, insn->rn, S1), vector_constant(l, K_ZERO));
    fp_commit(l, insn, s, S0, false);
}

/* ---- maxima and minima ---- */

enum operation { ADD, MAX, MIN, MAXNM, MINNM };

/* A vector's NaN check (VTESTPS of a mask, all signs). */
static struct x86_label any(struct lower *l, unsigned mask)
{
    vec_r(l, V38 | X_VEX | 0x0e, mask, 0, mask);
    return x86_jcc(&l->a, CC_NE);
}

/* A NaN among N and M (below 16) is rare. Costs VSCRATCH2, which may be M. */
static struct fp_rare check_operands(struct lower *l, const struct a64_insn *insn,
                                     struct fp_shape s, unsigned n, unsigned m)
{
    if (s.scalar) {
        fp_logic(l, s.bits, FP_UCOMIS, n, 0, x86_r((int)m));
        return fp_rare(l, insn, x86_jcc(&l->a, CC_P));
    }
    cmp(l, s, CMP_UNORD, S0, n, x86_r((int)m));
    return fp_rare(l, insn, any(l, S0));
}

/* S0 = the greater or the lesser; +0 is greater than -0. VRANGExx compares so; VMAXxx gives its
 * second operand for two zeros, whatever their signs, so both ways are combined. N and M: below 16,
 * numbers. */
static void extreme(struct lower *l, struct fp_shape s, bool max, unsigned n, unsigned m)
{
    if (l->dbt->avx512) {
        const unsigned op = (s.scalar ? 0x51 : 0x50) | V3A | X_EVEX | (s.bits == 64 ? X_W : 0);
        vec_i(l, op, S0, n, x86_r((int)m), max ? 5 : 4);
        return;
    }
    fp_op(l, s, max ? FP_MAX : FP_MIN, S0, n, x86_r((int)m));
    fp_op(l, s, max ? FP_MAX : FP_MIN, S2, m, x86_r((int)n));
    fp_logic(l, s.bits, max ? FP_AND : FP_OR, S0, S0, x86_r(S2));
}

/* Vd = N OPERATION M, with the registers given (below 16), in shape S. VRANGExx prefers numbers to
 * quiet NaNs, as FMAXNM does. */
static void operate(struct lower *l, const struct a64_insn *insn, struct fp_shape s,
                    enum operation operation, unsigned n, unsigned m)
{
    struct fp_rare rare;
    if (operation == ADD) {
        fp_op(l, s, FP_ADD, S0, n, x86_r((int)m));
        rare = fp_check(l, insn, s, S0, CHECK_NAN);
    } else if (operation >= MAXNM && l->dbt->avx512) {
        extreme(l, s, operation == MAXNM, n, m);
        rare = fp_check(l, insn, s, S0, CHECK_NAN);
    } else {
        rare = check_operands(l, insn, s, n, m);
        extreme(l, s, operation == MAX || operation == MAXNM, n, m);
    }
    fp_commit(l, insn, s, S0, false);
    fp_rejoin(l, rare);
}

static void binary(struct lower *l, const struct a64_insn *insn, enum operation operation)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n = low_operand(l, s, insn->rn, S1);
    operate(l, insn, s, operation, n, low_operand(l, s, insn->rm, S2));
}

/* ---- pairs, and across ---- */

/* Pairs of neighbours in Vm:Vn. */
static void pairwise(struct lower *l, const struct a64_insn *insn, enum operation operation)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    unsigned n = lower_vsrc(l, insn->rn, S1);
    struct x86_rm m = fp_rm(l, insn->rm);
    if (s.half) {
        vec(l, VPUNPCKLQDQ, S1, n, m);
        n = S1;
        m = x86_r(S1);
    }
    if (s.bits == 64) {
        vec(l, VPUNPCKHQDQ, S2, n, m);
        vec(l, VPUNPCKLQDQ, S1, n, m);
    } else {
        vec_i(l, VSHUFPS, S2, n, m, 0xdd);
        vec_i(l, VSHUFPS, S1, n, m, 0x88);
    }
    operate(l, insn, s, operation, S1, S2);
}

/* The two elements of Vn. */
static void pair(struct lower *l, const struct a64_insn *insn, enum operation operation)
{
    const struct fp_shape s = {.bits = (uint8_t)a64_fp_shape(insn->imm).bits, .scalar = true};
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n = vec_low(l, insn->rn, S1);
    if (s.bits == 64)
        vec_r(l, VPUNPCKHQDQ, S2, n, n);
    else
        vec_i(l, VPSHUFD, S2, 0, x86_r((int)n), 1);
    operate(l, insn, s, operation, n, S2);
}

/* Four singles: pairs of neighbours, then of pairs. A NaN is rare. */
static void across(struct lower *l, const struct a64_insn *insn, bool max)
{
    const struct fp_shape s = {.bits = 32}, scalar = {.bits = 32, .scalar = true};
    if (!fp_begin_lowering(l, insn, a64_fp_shape(insn->imm).bits))
        return;
    const unsigned n = vec_low(l, insn->rn, S1);
    const struct fp_rare rare = check_operands(l, insn, s, n, n);
    if (n != S1)
        x86_vmov(&l->a, S1, n);
    for (unsigned swap = 0x4e; swap; swap = swap == 0x4e ? 0xb1 : 0) {
        vec_i(l, VPSHUFD, S2, 0, x86_r(S1), swap);
        extreme(l, s, max, S1, S2);
        x86_vmov(&l->a, S1, S0);
    }
    fp_commit(l, insn, scalar, S0, false);
    fp_rejoin(l, rare);
}

/* ---- products ---- */

/* S2 = the greater exponents of N and M; an infinity or a NaN is rare. */
static struct fp_rare check_finite(struct lower *l, const struct a64_insn *insn, struct fp_shape s,
                                   unsigned n, unsigned m)
{
    const struct dbt_fp_constants *constants = fp_constants(l, s.bits);
    const unsigned greater = s.bits == 64 ? VPCMPGTQ : VPCMPGTD;
    fp_logic(l, s.bits, FP_AND, S0, n, x86_at(constants->abs));
    vec(l, greater, S0, S0, x86_at(constants->most));
    const struct x86_label first = any(l, S0);
    fp_logic(l, s.bits, FP_AND, S0, m, x86_at(constants->abs));
    vec(l, greater, S0, S0, x86_at(constants->most));
    const struct x86_label second = any(l, S0);
    x86_land(&l->cold, first);
    return fp_rare(l, insn, second);
}

/* As packed operands: what is above a scalar is 0. */
static unsigned packed_operand(struct lower *l, struct fp_shape s, unsigned n, unsigned scratch)
{
    const unsigned v = low_operand(l, s, n, scratch);
    if (!s.scalar || fp_is_clean(l, s.bits, n))
        return v;
    fp_keep_low(l, s.bits, scratch, v);
    return scratch;
}

/* As a product, but that of 0 and infinity is 2; infinities are rare. */
static void extended_product(struct lower *l, const struct a64_insn *insn, bool by_element)
{
    const struct fp_shape s = fp_shape_of(insn), packed = {.bits = s.bits};
    const unsigned index = a64_fp_shape(insn->imm).extra;
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n = packed_operand(l, s, insn->rn, S1);
    unsigned m = S2;
    if (by_element)
        vec_i(l, VPSHUFD, m, 0, fp_rm(l, insn->rm),
              s.bits == 64 ? (index ? 0xee : 0x44) : index * 0x55);
    else
        m = packed_operand(l, s, insn->rm, S2);
    const struct fp_rare infinite = check_finite(l, insn, s, n, m);
    fp_op(l, packed, FP_MUL, S0, n, x86_r((int)m));
    const struct fp_rare rare = fp_check(l, insn, packed, S0, CHECK_TINY);
    fp_commit(l, insn, s, S0, !by_element); /* 0 times a negative element is -0 */
    fp_rejoin(l, infinite);
    fp_rejoin(l, rare);
}

/* FRECPS: 2 - n * m; FRSQRTS: (3 - n * m) / 2, as 1.5 - n / 2 * m, which is the same unless n / 2
 * is not exact: an n below twice the least normal number is rare. A result that small is exact. */
static void step(struct lower *l, const struct a64_insn *insn, bool halve)
{
    const struct fp_shape s = fp_shape_of(insn), packed = {.bits = s.bits};
    const bool d = s.bits == 64;
    const unsigned frac_bits = d ? 52 : 23;
    struct fp_rare tiny = {{NULL}};
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    unsigned n = packed_operand(l, s, insn->rn, S1);
    const unsigned m = packed_operand(l, s, insn->rm, S2);
    const struct fp_rare rare = check_finite(l, insn, s, n, m);
    if (halve) {
        fp_logic(l, s.bits, FP_AND, S0, n, x86_at(fp_constants(l, s.bits)->abs));
        vec(l, d ? VPCMPGTQ : VPCMPGTD, S0, S0,
            vector_literal_all(l, (2ull << frac_bits) - 1, d ? 3 : 2));
        if (s.scalar)
            vec(l, VPOR, S0, S0, vector_literal(l, d ? 0 : ~0ull << 32, ~0ull));
        vec_k(l, V38 | X_VEX | 0x0e, S0, 0, K_ONES); /* VTESTPS: CF if all are set */
        tiny = fp_rare(l, insn, x86_jcc(&l->a, CC_AE));
        fp_op(l, packed, FP_MUL, S1, n,
              vector_literal_all(l, d ? 0x3fe0000000000000 : 0x3f000000, d ? 3 : 2));
        n = S1;
    }
    const uint64_t constant = halve ? (d ? 0x3ff8000000000000 : 0x3fc00000)
                              : d   ? 1ull << 62
                                    : 1u << 30;
    x86_vload(&l->a, S0, vector_literal_all(l, constant, d ? 3 : 2));
    x86_vex(&l->a, 0xbc | V38 | (d ? X_W : 0), S0, n, x86_r((int)m), 0); /* VFNMADD231Px */
    fp_commit(l, insn, s, S0, false);
    fp_rejoin(l, rare);
    fp_rejoin(l, tiny);
}

/* DST = BASE[the elements of INDEX] (VPGATHERDD; costs K1). */
static void gather_words(struct lower *l, unsigned dst, unsigned base, unsigned index)
{
    struct x86 *a = &l->a;
    x86_vex(a, 0x46 | X_0F | X_66 | X_L, 1, 1, x86_r(1), 0); /* KXNORB */
    x86_evex(a, 0x90 | V38, dst, 0, x86_mx((int)base, (int)index, 2, 0), 1, false, 0);
}

/* FRECPE, FRSQRTE (ROOT) of singles: eight bits of fraction by a table. What it has is the result's
 * exponent for an operand's of 0, from which the operand's (half of it) comes off. Denormal
 * results, operands that are not normal and, for roots, negative ones are rare. */
static void estimate(struct lower *l, const struct a64_insn *insn, bool root)
{
    const struct fp_shape s = fp_shape_of(insn);
    const uint32_t least = 0x00800000, most = root ? 0x7f7fffff : 0x7e7fffff;
    if (s.bits != 32 || !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    if (s.scalar)
        vec_i(l, VPSHUFD, S0, 0, fp_rm(l, insn->rn), 0);
    else
        x86_vmov(&l->a, S0, fp_vector(l, s, insn->rn, S0));
    unsigned magnitude = S0;
    if (!root)
        vec(l, VPAND, magnitude = S1, S0, x86_at(fp_constants(l, 32)->abs));
    vec(l, VPSUBD, S1, magnitude, vector_literal_all(l, least, 2));
    vec(l, VPMINUD, S2, S1, vector_literal_all(l, most - least, 2));
    vec_r(l, VPCMPEQD, S2, S2, S1);
    vec_k(l, V38 | X_VEX | 0x0e, S2, 0, K_ONES); /* VTESTPS: CF if all are set */
    const struct fp_rare rare = fp_rare(l, insn, x86_jcc(&l->a, CC_AE));
    vec_shift(l, VPSRLD, S1, S0, root ? 16 : 15);
    vec(l, VPAND, S1, S1, vector_literal_all(l, 0xff, 2));
    x86_lea(&l->a, 1, RAX, x86_at(l->dbt->hot->estimate[root]));
    gather_words(l, S2, RAX, S1);
    if (root)
        vec_shift(l, VPSRLD, S1, S0, 1);
    vec(l, VPAND, S1, root ? S1 : S0, vector_literal_all(l, 0x7f800000, 2));
    vec_r(l, VPSUBD, S2, S2, S1);
    if (!root) {
        vec(l, VPAND, S0, S0, x86_at(fp_constants(l, 32)->sign));
        vec_r(l, VPOR, S2, S2, S0);
    }
    fp_commit(l, insn, s, S2, false);
    fp_rejoin(l, rare);
}

/* FCADD: Vn + Vm turned by 90 or 270 degrees: parts change places, and the imaginary or the real
 * one its sign. */
static void lower_fcadd(struct lower *l, const struct a64_insn *insn)
{
    const struct fp_shape s = fp_shape_of(insn);
    const bool real = a64_fp_shape(insn->imm).extra == 1; /* the new real part is -imaginary */
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n = fp_vector(l, s, insn->rn, S1), m = fp_vector(l, s, insn->rm, S2);
    const uint64_t sign = 1ull << 63;
    if (s.bits == 64) {
        vec_i(l, VSHUFPD, S2, m, x86_r((int)m), 1);
        vec(l, VPXOR, S2, S2, vector_literal(l, real ? sign : 0, real ? 0 : sign));
    } else {
        vec_i(l, VPSHUFD, S2, 0, x86_r((int)m), 0xb1);
        vec(l, VPXOR, S2, S2, vector_literal_all(l, real ? sign >> 32 : sign, 3));
    }
    fp_op(l, s, FP_ADD, S0, n, x86_r(S2));
    const struct fp_rare rare = fp_check(l, insn, s, S0, CHECK_NAN);
    fp_commit(l, insn, s, S0, false);
    fp_rejoin(l, rare);
}

/* ---- the table ---- */

#define EXTREME(name, operation)                                                                   \
    ONE(name, binary, operation)                                                                   \
    ONE(name##p, pairwise, operation) ONE(name##p_pair, pair, operation)

ONE(fcmeq, compare, CMP_EQ_OQ, false)
ONE(fcmge, compare, CMP_GE_OS, false)
ONE(fcmgt, compare, CMP_GT_OS, false)
ONE(facge, compare, CMP_GE_OS, true)
ONE(facgt, compare, CMP_GT_OS, true)
ONE(fcmeq_zero, compare_zero, CMP_EQ_OQ)
ONE(fcmge_zero, compare_zero, CMP_GE_OS)
ONE(fcmgt_zero, compare_zero, CMP_GT_OS)
ONE(fcmle_zero, compare_zero, CMP_LE_OS)
ONE(fcmlt_zero, compare_zero, CMP_LT_OS)
EXTREME(fmax, MAX)
EXTREME(fmin, MIN)
EXTREME(fmaxnm, MAXNM)
EXTREME(fminnm, MINNM)
ONE(faddp, pairwise, ADD)
ONE(faddp_pair, pair, ADD)
ONE(fmaxv, across, true)
ONE(fminv, across, false)
ONE(fmaxnmv, across, true)
ONE(fminnmv, across, false)

ONE(fmulx, extended_product, false)
ONE(fmulx_elem, extended_product, true)
ONE(frecpe, estimate, false)
ONE(frsqrte, estimate, true)
ONE(frecps, step, false)
ONE(frsqrts, step, true)

#define EXTREME_ROWS(name) ROW(name), ROW(name##p), ROW(name##p_pair), ROW(name##v)

lower_fn *const lower_simd_fp_table[A64_EXEC_COUNT] = {
    ROW(fcmeq),           ROW(fcmge),           ROW(fcmgt),      ROW(facge),
    ROW(facgt),           ROW(fcmeq_zero),      ROW(fcmge_zero), ROW(fcmgt_zero),
    ROW(fcmle_zero),      ROW(fcmlt_zero),      ROW(faddp),      ROW(faddp_pair),
    EXTREME_ROWS(fmax),   EXTREME_ROWS(fmin),   ROW(fmulx),      ROW(fmulx_elem),
    ROW(frecpe),          ROW(frsqrte),         ROW(frecps),     ROW(frsqrts),
    EXTREME_ROWS(fmaxnm), EXTREME_ROWS(fminnm), ROW(fcadd),
};
