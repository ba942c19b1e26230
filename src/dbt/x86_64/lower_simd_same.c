/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "three same" without saturation: bitwise, arithmetic, comparisons, halving, minimum
 * and maximum, multiplication; pairwise; across lanes (Arm manual C4.1.96). */

#include "vector.h"

/* By the element's size; 0: there is none. */
typedef const unsigned by_size[4];

/* Vd = OP(Vn, Vm). */
static void binary(struct lower *l, const struct a64_insn *insn, unsigned op, unsigned bytes)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, op, dst, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    vec_done(l, insn->rd, dst, bytes);
}

static void same(struct lower *l, const struct a64_insn *insn, by_size op)
{
    const unsigned size = vec_size(insn);
    binary(l, insn, op[size], vec_bytes(insn, size));
}

#define SAME(name, ...)                                                                            \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        static by_size op = {__VA_ARGS__};                                                         \
        same(l, insn, op);                                                                         \
    }

/* ---- bitwise ---- */

static void logic(struct lower *l, const struct a64_insn *insn, unsigned op)
{
    binary(l, insn, op, vec_q(insn) ? 16 : 8);
}

static void lower_simd_and(struct lower *l, const struct a64_insn *insn)
{
    logic(l, insn, VPAND);
}

static void lower_simd_eor(struct lower *l, const struct a64_insn *insn)
{
    logic(l, insn, VPXOR);
}

/* With Vn and Vm the same it is MOV. */
static void lower_simd_orr(struct lower *l, const struct a64_insn *insn)
{
    if (insn->rn != insn->rm) {
        logic(l, insn, VPOR);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (!vec_q(insn))
        vec(l, VMOVQ, dst, 0, vec_rm(l, insn->rn));
    else if (vhost_of(l->dbt, insn->rn) >= 0)
        x86_vmov(&l->a, dst, (unsigned)vhost_of(l->dbt, insn->rn));
    else
        x86_vload(&l->a, dst, guest_vector(insn->rn));
    lower_vdone(l, insn->rd, dst);
}

/* VPANDN inverts its first source. */
static void lower_simd_bic(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPANDN, dst, lower_vsrc(l, insn->rm, S0), vec_rm(l, insn->rn));
    vec_done(l, insn->rd, dst, vec_q(insn) ? 16 : 8);
}

static void lower_simd_orn(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_k(l, VPXOR, S0, lower_vsrc(l, insn->rm, S0), K_ONES);
    vec(l, VPOR, dst, S0, vec_rm(l, insn->rn));
    vec_done(l, insn->rd, dst, vec_q(insn) ? 16 : 8);
}

/* BSL, BIT and BIF: TABLE is what VPTERNLOG makes of Vd, Vn and Vm. */
static bool ternary(struct lower *l, const struct a64_insn *insn, unsigned table)
{
    if (!l->dbt->avx512)
        return false;
    const unsigned dst = lower_vsrc(l, insn->rd, S0);
    vec_i(l, VPTERNLOGQ, dst, lower_vsrc(l, insn->rn, S1), vec_rm(l, insn->rm), table);
    vec_done(l, insn->rd, dst, vec_q(insn) ? 16 : 8);
    return true;
}

/* d ? n : m. */
static void lower_simd_bsl(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    if (ternary(l, insn, 0xca))
        return;
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPXOR, S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    vec(l, VPAND, S0, S0, vec_rm(l, insn->rd));
    vec(l, VPXOR, dst, S0, vec_rm(l, insn->rm));
    vec_done(l, insn->rd, dst, vec_q(insn) ? 16 : 8);
}

/* d with the bits of n where m has ones (BIT: AND is VPAND) or zeros (BIF: VPANDN). */
static void insert(struct lower *l, const struct a64_insn *insn, unsigned and, unsigned table)
{
    lower_vectors(l);
    if (ternary(l, insn, table))
        return;
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPXOR, S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rd));
    vec_r(l, and, S0, lower_vsrc(l, insn->rm, S1), S0);
    vec(l, VPXOR, dst, S0, vec_rm(l, insn->rd));
    vec_done(l, insn->rd, dst, vec_q(insn) ? 16 : 8);
}

static void lower_simd_bit(struct lower *l, const struct a64_insn *insn)
{
    insert(l, insn, VPAND, 0xd8);
}

static void lower_simd_bif(struct lower *l, const struct a64_insn *insn)
{
    insert(l, insn, VPANDN, 0xe4);
}

/* ---- arithmetic ---- */

SAME(add, VPADDB, VPADDW, VPADDD, VPADDQ)
SAME(sub, VPSUBB, VPSUBW, VPSUBD, VPSUBQ)
SAME(smax, VPMAXSB, VPMAXSW, VPMAXSD)
SAME(smin, VPMINSB, VPMINSW, VPMINSD)
SAME(umax, VPMAXUB, VPMAXUW, VPMAXUD)
SAME(umin, VPMINUB, VPMINUW, VPMINUD)

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ}, op_sub = {VPSUBB, VPSUBW, VPSUBD, VPSUBQ};

/* DST = the products of Vn and M. Bytes: the even and the odd ones, the latter shifted out of the
 * way of the former's upper halves. */
static void multiply(struct lower *l, unsigned dst, unsigned n, struct x86_rm m, unsigned size)
{
    if (size) {
        vec(l, size == 1 ? VPMULLW : VPMULLD, dst, lower_vsrc(l, n, S0), m);
        return;
    }
    vec_shift(l, VPSRLW, S0, lower_vsrc(l, n, S0), 8);
    x86_vload(&l->a, S1, vector_constant(l, K_FF00));
    vec(l, VPAND, S1, S1, m);
    vec_r(l, VPMULLW, S1, S0, S1);
    vec(l, VPMULLW, S0, lower_vsrc(l, n, S0), m);
    vec_k(l, VPAND, S0, S0, K_00FF);
    vec_r(l, VPOR, dst, S0, S1);
}

enum accumulate { ALONE, ADD_TO, SUB_FROM };

/* Vd = the products, Vd + or Vd - them; M may be S2. */
static void multiply_add(struct lower *l, const struct a64_insn *insn, struct x86_rm m,
                         enum accumulate how)
{
    const unsigned size = vec_size(insn), dst = lower_vdst(l, insn->rd, S0);
    if (how == ALONE) {
        multiply(l, dst, insn->rn, m, size);
    } else {
        multiply(l, S0, insn->rn, m, size);
        vec_r(l, how == ADD_TO ? op_add[size] : op_sub[size], dst, lower_vsrc(l, insn->rd, S1), S0);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

#define MULTIPLY(name, how)                                                                        \
    VEC_BY_VECTOR(simd_##name, multiply_add, how)                                                  \
    VEC_BY_ELEMENT(simd_##name, multiply_add, how)

MULTIPLY(mul, ALONE)
MULTIPLY(mla, ADD_TO)
MULTIPLY(mls, SUB_FROM)

/* |n - m|, which is the greater less the smaller, in DST. */
static void difference(struct lower *l, const struct a64_insn *insn, unsigned dst, by_size max,
                       by_size min)
{
    const unsigned size = vec_size(insn), n = lower_vsrc(l, insn->rn, S1);
    vec(l, max[size], S0, n, vec_rm(l, insn->rm));
    vec(l, min[size], S1, n, vec_rm(l, insn->rm));
    vec_r(l, op_sub[size], dst, S0, S1);
}

static by_size max_s = {VPMAXSB, VPMAXSW, VPMAXSD}, min_s = {VPMINSB, VPMINSW, VPMINSD};
static by_size max_u = {VPMAXUB, VPMAXUW, VPMAXUD}, min_u = {VPMINUB, VPMINUW, VPMINUD};

static void absolute_difference(struct lower *l, const struct a64_insn *insn, bool sign,
                                bool accumulate)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    difference(l, insn, accumulate ? S0 : dst, sign ? max_s : max_u, sign ? min_s : min_u);
    if (accumulate)
        vec(l, op_add[size], dst, S0, vec_rm(l, insn->rd));
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

static void lower_simd_sabd(struct lower *l, const struct a64_insn *insn)
{
    absolute_difference(l, insn, true, false);
}

static void lower_simd_uabd(struct lower *l, const struct a64_insn *insn)
{
    absolute_difference(l, insn, false, false);
}

static void lower_simd_saba(struct lower *l, const struct a64_insn *insn)
{
    absolute_difference(l, insn, true, true);
}

static void lower_simd_uaba(struct lower *l, const struct a64_insn *insn)
{
    absolute_difference(l, insn, false, true);
}

/* ---- comparisons ---- */

/* VPCMP's predicates. */
enum predicate { CMP_EQ, CMP_GE = 5, CMP_GT = 6 };

/* Through a mask register: any predicate, any registers. */
static void compare_k(struct lower *l, unsigned dst, unsigned n, struct x86_rm m, unsigned size,
                      enum predicate predicate, bool sign)
{
    static by_size cmp_s = {VPCMP_B, VPCMP_W, VPCMP_D, VPCMP_Q},
                   cmp_u = {VPCMP_UB, VPCMP_UW, VPCMP_UD, VPCMP_UQ};
    static by_size spread = {VPMOVM2B, VPMOVM2W, VPMOVM2D, VPMOVM2Q};
    vec_i(l, sign ? cmp_s[size] : cmp_u[size], 1, n, m, predicate);
    vec_r(l, spread[size], dst, 0, 1);
}

static by_size cmp_eq = {VPCMPEQB, VPCMPEQW, VPCMPEQD, VPCMPEQQ};
static by_size cmp_gt = {VPCMPGTB, VPCMPGTW, VPCMPGTD, VPCMPGTQ};

/* DST = OP(n, m), one of the VEX instructions above; all below 16. INVERT: its inverse. */
static void compare_vex(struct lower *l, unsigned op, unsigned dst, unsigned n, struct x86_rm m,
                        bool invert)
{
    vec(l, op, invert ? S0 : dst, n, m);
    if (invert)
        vec_k(l, VPXOR, dst, S0, K_ONES);
}

/* Without AVX-512, unsigned. n > m: the lesser of both is not n. Doublewords are compared as
 * signed, with the sign turned round. */
static void compare_unsigned(struct lower *l, const struct a64_insn *insn, unsigned dst,
                             unsigned size, bool gt)
{
    const unsigned n = vec_low(l, insn->rn, S1);
    if (size < 3) {
        vec(l, min_u[size], S0, n, vec_rm(l, insn->rm));
        compare_vex(l, cmp_eq[size], dst, S0, x86_r((int)n), true);
        return;
    }
    vec_k(l, VPXOR, S0, n, K_SIGN64);
    vec_k(l, VPXOR, S1, vec_low(l, insn->rm, S1), K_SIGN64);
    if (gt)
        compare_vex(l, VPCMPGTQ, dst, S0, x86_r(S1), false);
    else
        compare_vex(l, VPCMPGTQ, dst, S1, x86_r(S0), true);
}

static bool is_low(const struct lower *l, unsigned n)
{
    return vhost_of(l->dbt, n) < 16;
}

/* n >= m: the greater of both is n. */
static void compare_greatest(struct lower *l, const struct a64_insn *insn, unsigned dst,
                             unsigned max)
{
    const unsigned n = lower_vsrc(l, insn->rn, S1);
    vec(l, max, S0, n, vec_rm(l, insn->rm));
    vec_r(l, cmp_eq[vec_size(insn)], dst, S0, n);
}

static void compare(struct lower *l, const struct a64_insn *insn, enum predicate predicate,
                    bool sign)
{
    const unsigned size = vec_size(insn), bytes = vec_bytes(insn, size);
    const bool low = is_low(l, insn->rn) && is_low(l, insn->rm) && is_low(l, insn->rd);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    const struct x86_rm m = vec_rm(l, insn->rm);
    if (low && predicate == CMP_EQ)
        vec(l, cmp_eq[size], dst, lower_vsrc(l, insn->rn, S0), m);
    else if (low && sign && predicate == CMP_GT)
        vec(l, cmp_gt[size], dst, lower_vsrc(l, insn->rn, S0), m);
    else if (low && predicate == CMP_GE && size < 3)
        compare_greatest(l, insn, dst, sign ? max_s[size] : max_u[size]);
    else if (l->dbt->avx512)
        compare_k(l, dst, lower_vsrc(l, insn->rn, S0), m, size, predicate, sign);
    else if (!sign)
        compare_unsigned(l, insn, dst, size, predicate == CMP_GT);
    else
        compare_vex(l, cmp_gt[size], dst, lower_vsrc(l, insn->rm, S1), vec_rm(l, insn->rn), true);
    vec_done(l, insn->rd, dst, bytes);
}

#define COMPARE(name, predicate, sign)                                                             \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        compare(l, insn, predicate, sign);                                                         \
    }

COMPARE(cmeq, CMP_EQ, true)
COMPARE(cmge, CMP_GE, true)
COMPARE(cmgt, CMP_GT, true)
COMPARE(cmhi, CMP_GT, false)
COMPARE(cmhs, CMP_GE, false)

static void lower_simd_cmtst(struct lower *l, const struct a64_insn *insn)
{
    static by_size test = {VPTESTMB, VPTESTMW, VPTESTMD, VPTESTMQ};
    static by_size spread = {VPMOVM2B, VPMOVM2W, VPMOVM2D, VPMOVM2Q};
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0), n = lower_vsrc(l, insn->rn, S0);
    if (l->dbt->avx512) {
        vec(l, test[size], 1, n, vec_rm(l, insn->rm));
        vec_r(l, spread[size], dst, 0, 1);
    } else {
        vec(l, VPAND, S0, n, vec_rm(l, insn->rm));
        vec_k(l, cmp_eq[size], S0, S0, K_ZERO);
        vec_k(l, VPXOR, dst, S0, K_ONES);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

/* Comparisons of Vn with zero. */
static void compare_zero(struct lower *l, const struct a64_insn *insn, enum predicate predicate,
                         bool swap)
{
    const unsigned size = vec_size(insn), bytes = vec_bytes(insn, size);
    lower_vectors(l);
    const unsigned dst = vec_low_dst(l, insn->rd);
    if (swap) {
        vec_zero(l, S0);
        if (predicate == CMP_GT) /* 0 > n */
            vec(l, cmp_gt[size], dst, S0, vec_low_rm(l, insn->rn, S1));
        else /* 0 >= n */
            compare_vex(l, cmp_gt[size], dst, vec_low(l, insn->rn, S1), x86_r(S0), true);
    } else if (predicate == CMP_GE) { /* n > -1 */
        vec_k(l, cmp_gt[size], dst, vec_low(l, insn->rn, S0), K_ONES);
    } else {
        vec_k(l, predicate == CMP_EQ ? cmp_eq[size] : cmp_gt[size], dst, vec_low(l, insn->rn, S0),
              K_ZERO);
    }
    vec_done(l, insn->rd, dst, bytes);
}

#define COMPARE_ZERO(name, predicate, swap)                                                        \
    static void lower_simd_##name##_zero(struct lower *l, const struct a64_insn *insn)             \
    {                                                                                              \
        compare_zero(l, insn, predicate, swap);                                                    \
    }

COMPARE_ZERO(cmeq, CMP_EQ, false)
COMPARE_ZERO(cmgt, CMP_GT, false)
COMPARE_ZERO(cmge, CMP_GE, false)
COMPARE_ZERO(cmlt, CMP_GT, true)
COMPARE_ZERO(cmle, CMP_GE, true)

/* ---- halving ---- */

/* Halves and words, without a bit more than they have:
 *     n + m = (n EOR m) + 2 (n AND m) = 2 (n OR m) - (n EOR m),  n - m = (n EOR m) - 2 (NOT n AND
 * m) S0 = half the first, S1 = COMBINE of n and m. */
static void halve_wide(struct lower *l, const struct a64_insn *insn, unsigned combine, bool sign)
{
    static by_size right_s = {0, VPSRAW, VPSRAD}, right_u = {0, VPSRLW, VPSRLD};
    const unsigned size = vec_size(insn), n = lower_vsrc(l, insn->rn, S1);
    vec(l, VPXOR, S0, n, vec_rm(l, insn->rm));
    vec_shift(l, sign ? right_s[size] : right_u[size], S0, S0, 1);
    vec(l, combine, S1, n, vec_rm(l, insn->rm));
}

/* Bytes: S0 and S1 are n and m; signed ones are biased by 128, which their difference does not see
 * and their mean gets too. */
static void bias(struct lower *l, const struct a64_insn *insn, bool sign)
{
    const enum vector_constant k = sign ? K_80B : K_ZERO;
    vec_k(l, VPXOR, S0, lower_vsrc(l, insn->rn, S0), k);
    vec_k(l, VPXOR, S1, lower_vsrc(l, insn->rm, S1), k);
}

static void unbias(struct lower *l, unsigned dst, bool sign)
{
    vec_k(l, VPXOR, dst, S0, sign ? K_80B : K_ZERO);
}

/* VPAVGB rounds up. */
static void halving_add(struct lower *l, const struct a64_insn *insn, bool sign, bool round)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (round && !sign && size < 2) {
        vec(l, size ? VPAVGW : VPAVGB, dst, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    } else if (size) {
        halve_wide(l, insn, round ? VPOR : VPAND, sign);
        vec_r(l, round ? op_sub[size] : op_add[size], dst, S1, S0);
    } else {
        bias(l, insn, sign);
        if (!round)
            vec_r(l, VPXOR, S2, S0, S1);
        vec_r(l, VPAVGB, S0, S0, S1);
        if (!round) {
            vec_k(l, VPAND, S2, S2, K_01B);
            vec_r(l, VPSUBB, S0, S0, S2);
        }
        unbias(l, dst, sign);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

static void halving_sub(struct lower *l, const struct a64_insn *insn, bool sign)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (size) {
        halve_wide(l, insn, VPANDN, sign);
        vec_r(l, op_sub[size], dst, S0, S1);
    } else {
        bias(l, insn, sign);
        vec_r(l, VPANDN, S2, S0, S1);
        vec_r(l, VPXOR, S0, S0, S1);
        vec_shift(l, VPSRLW, S0, S0, 1);
        vec_k(l, VPAND, S0, S0, K_7F);
        vec_r(l, VPSUBB, dst, S0, S2);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

#define HALVING(name, function, ...)                                                               \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        function(l, insn, __VA_ARGS__);                                                            \
    }

HALVING(shadd, halving_add, true, false)
HALVING(uhadd, halving_add, false, false)
HALVING(srhadd, halving_add, true, true)
HALVING(urhadd, halving_add, false, true)
HALVING(shsub, halving_sub, true)
HALVING(uhsub, halving_sub, false)

lower_fn *const lower_simd_same_table[A64_EXEC_COUNT] = {
    SIMD_ROW(and),       SIMD_ROW(bic),       SIMD_ROW(orr),       SIMD_ROW(orn),       SIMD_ROW(eor),       SIMD_ROW(bsl),
    SIMD_ROW(bit),       SIMD_ROW(bif),       SIMD_ROW(add),       SIMD_ROW(sub),       SIMD_ROW(mul),       SIMD_ROW(mla),
    SIMD_ROW(mls),       SIMD_ROW(mul_elem),  SIMD_ROW(mla_elem),  SIMD_ROW(mls_elem),  SIMD_ROW(smax),      SIMD_ROW(smin),
    SIMD_ROW(umax),      SIMD_ROW(umin),      SIMD_ROW(sabd),      SIMD_ROW(uabd),      SIMD_ROW(saba),      SIMD_ROW(uaba),
    SIMD_ROW(cmeq),      SIMD_ROW(cmge),      SIMD_ROW(cmgt),      SIMD_ROW(cmhi),      SIMD_ROW(cmhs),      SIMD_ROW(cmtst),
    SIMD_ROW(cmeq_zero), SIMD_ROW(cmge_zero), SIMD_ROW(cmgt_zero), SIMD_ROW(cmle_zero), SIMD_ROW(cmlt_zero), SIMD_ROW(shadd),
    SIMD_ROW(uhadd),     SIMD_ROW(srhadd),    SIMD_ROW(urhadd),    SIMD_ROW(shsub),     SIMD_ROW(uhsub),
};
