/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "three different": long, wide and narrow, vector and by element; polynomial
 * products of doublewords; dot products and matrix products of bytes (Arm manual C4.1.96). */

#include "vector.h"

typedef const unsigned by_size[4];

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ}, op_sub = {VPSUBB, VPSUBW, VPSUBD, VPSUBQ};

/* ---- sums and differences ---- */

/* What Vm is multiplied by where its elements stand above Vn's, in pairs that are then added up. */
static struct x86_rm pair_factors(struct lower *l, unsigned size, bool sub)
{
    if (!sub)
        return vector_constant(l, size ? K_0001 : K_01B);
    return vector_literal_all(l, size ? 0xffff0001 : 0xff01, size + 1);
}

/* DST = Vn +- Vm, where the host multiplies elements of that kind and adds pairs of products:
 * signed halves, unsigned bytes with signed factors, or signed bytes with unsigned ones. */
static bool add_as_pairs(struct lower *l, const struct a64_insn *insn, unsigned dst, bool sign,
                         bool sub)
{
    static const unsigned interleave[2][2] = {{VPUNPCKLBW, VPUNPCKHBW}, {VPUNPCKLWD, VPUNPCKHWD}};
    const unsigned size = vec_size(insn);
    if (size == 2 || (size == 1 && !sign) || (size == 0 && sign && sub))
        return false;
    vec(l, interleave[size][vec_q(insn)], S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    if (size == 0 && sign) {
        x86_vload(&l->a, S1, pair_factors(l, 0, false));
        vec_r(l, VPMADDUBSW, dst, S1, S0);
    } else {
        vec(l, size ? VPMADDWD : VPMADDUBSW, dst, S0, pair_factors(l, size, sub));
    }
    return true;
}

static void add_long(struct lower *l, const struct a64_insn *insn, by_size op, bool sign)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (!add_as_pairs(l, insn, dst, sign, op == op_sub)) {
        vec_extend(l, S0, insn->rn, size, sign, vec_q(insn));
        vec_extend(l, S1, insn->rm, size, sign, vec_q(insn));
        vec_r(l, op[size + 1], dst, S0, S1);
    }
    lower_vdone(l, insn->rd, dst);
}

/* Whether the next instruction is exec ID on the same registers and sizes, with the other halves.
 */
static bool other_halves_follow(const struct lower *l, const struct a64_insn *insn, unsigned id)
{
    return vec_other_halves_follow(l, insn, id, 3u << 22 | 0x1fu << 16 | 0x3ff);
}

/* DST = each element of V<n>'s low half, and its fellow of the upper half behind it. */
static void interleave_halves(struct lower *l, unsigned dst, unsigned n, unsigned size)
{
    vec_k(l, VPSHUFB, dst, lower_vsrc(l, n, dst), size ? K_HALVES_H : K_HALVES_B);
}

/* Whether the two instructions behind the next one add another register's halves to V<rd>. */
static bool other_pair_follows(const struct lower *l, const struct a64_insn *insn)
{
    const unsigned id = a64_exec_ids[insn->row];
    const struct a64_insn *second = insn + 2;
    return l->at + 3 < l->count && second->row != A64_ROW_NONE && a64_exec_ids[second->row] == id &&
           !((second->word ^ insn->word) & (3u << 22 | 0x3ff)) && second->rm != insn->rd &&
           other_halves_follow(l, second, id);
}

/* To V<rd> come the sums of each element of V<rm>'s low half and its fellow of the upper half; and
 * of another register's too, where that is one instruction more. */
static void add_halves(struct lower *l, const struct a64_insn *insn, unsigned size, bool sign)
{
    interleave_halves(l, S0, insn->rm, size);
    if (size) {
        vec_k(l, VPMADDWD, S0, S0, K_0001);
    } else if (sign) {
        x86_vload(&l->a, S1, vector_constant(l, K_01B));
        vec_r(l, VPMADDUBSW, S0, S1, S0);
    } else {
        vec_k(l, VPMADDUBSW, S0, S0, K_01B);
    }
    if (size && l->dbt->avx512vnni && other_pair_follows(l, insn)) {
        interleave_halves(l, S1, insn[2].rm, size);
        vec_k(l, VPDPWSSD, S0, S1, K_0001);
        l->at += 2;
    }
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, op_add[size + 1], dst, S0, vec_rm(l, insn->rd));
    lower_vdone(l, insn->rd, dst);
}

/* Compilers add up a whole vector by two of these: an instruction of the host's adds pairs. */
static bool add_wide_twice(struct lower *l, const struct a64_insn *insn, bool sign)
{
    const unsigned size = vec_size(insn);
    if (size == 2 || (size == 1 && !sign) || insn->rd != insn->rn || insn->rd == insn->rm ||
        !other_halves_follow(l, insn, a64_exec_ids[insn->row]))
        return false;
    add_halves(l, insn, size, sign);
    l->at++;
    return true;
}

static void add_wide(struct lower *l, const struct a64_insn *insn, by_size op, bool sign)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    if (op == op_add && add_wide_twice(l, insn, sign))
        return;
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_extend(l, S1, insn->rm, size, sign, vec_q(insn));
    vec_r(l, op[size + 1], dst, lower_vsrc(l, insn->rn, S0), S1);
    lower_vdone(l, insn->rd, dst);
}

/* The high halves of sums or differences; ROUND: to nearest. */
static void add_narrow(struct lower *l, const struct a64_insn *insn, by_size op, bool round)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    vec(l, op[size + 1], S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    if (round)
        vec(l, op_add[size + 1], S0, S0,
            vector_literal_all(l, 1ull << ((8u << size) - 1), size + 1));
    vec_narrow(l, insn, S0, size, true);
}

/* S0 = the absolute differences, the greater less the lesser: never negative as unsigned numbers.
 * Uses S1. */
static void difference(struct lower *l, const struct a64_insn *insn, bool sign)
{
    static by_size max[2] = {{VPMAXUB, VPMAXUW, VPMAXUD}, {VPMAXSB, VPMAXSW, VPMAXSD}};
    static by_size min[2] = {{VPMINUB, VPMINUW, VPMINUD}, {VPMINSB, VPMINSW, VPMINSD}};
    const unsigned size = vec_size(insn), n = lower_vsrc(l, insn->rn, S1);
    vec(l, max[sign][size], S0, n, vec_rm(l, insn->rm));
    vec(l, min[sign][size], S1, n, vec_rm(l, insn->rm));
    vec_r(l, op_sub[size], S0, S0, S1);
}

/* The other halves' differences are added by the next instruction: they are computed together. */
static bool both_differences(struct lower *l, const struct a64_insn *insn, unsigned dst, bool sign)
{
    const unsigned size = vec_size(insn);
    if (insn->rd == insn->rn || insn->rd == insn->rm ||
        !other_halves_follow(l, insn, sign ? A64_EXEC_simd_sabal : A64_EXEC_simd_uabal))
        return false;
    difference(l, insn, sign);
    if (size == 0) {
        vec_k(l, VPSHUFB, S0, S0, K_HALVES_B);
        vec_k(l, VPMADDUBSW, dst, S0, K_01B);
    } else {
        vec_extend_rm(l, S1, x86_r(S0), size, false, true);
        vec_extend_rm(l, S0, x86_r(S0), size, false, false);
        vec_r(l, op_add[size + 1], dst, S0, S1);
    }
    l->at++;
    return true;
}

static void difference_long(struct lower *l, const struct a64_insn *insn, bool sign,
                            bool accumulate)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (accumulate || !both_differences(l, insn, dst, sign)) {
        difference(l, insn, sign);
        vec_extend_rm(l, accumulate ? S0 : dst, x86_r(S0), size, false, vec_q(insn));
    }
    if (accumulate)
        vec(l, op_add[size + 1], dst, S0, vec_rm(l, insn->rd));
    lower_vdone(l, insn->rd, dst);
}

#define ROW_OF(name, function, ...)                                                                \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        function(l, insn, __VA_ARGS__);                                                            \
    }

ROW_OF(saddl, add_long, op_add, true)
ROW_OF(uaddl, add_long, op_add, false)
ROW_OF(ssubl, add_long, op_sub, true)
ROW_OF(usubl, add_long, op_sub, false)
ROW_OF(saddw, add_wide, op_add, true)
ROW_OF(uaddw, add_wide, op_add, false)
ROW_OF(ssubw, add_wide, op_sub, true)
ROW_OF(usubw, add_wide, op_sub, false)
ROW_OF(addhn, add_narrow, op_add, false)
ROW_OF(subhn, add_narrow, op_sub, false)
ROW_OF(raddhn, add_narrow, op_add, true)
ROW_OF(rsubhn, add_narrow, op_sub, true)
ROW_OF(sabdl, difference_long, true, false)
ROW_OF(uabdl, difference_long, false, false)
ROW_OF(sabal, difference_long, true, true)
ROW_OF(uabal, difference_long, false, true)

/* ---- products ---- */

/* Words stand where VPMULDQ looks for them: in the low halves of doublewords. */
static struct x86_rm spread_words(struct lower *l, unsigned dst, struct x86_rm from, bool high)
{
    vec_i(l, VPSHUFD, dst, 0, from, high ? 0xfa : 0x50);
    return x86_r((int)dst);
}

/* DST = the products of Vn and M, twice as wide; M may be S2, which then has the same word
 * everywhere. */
static void product(struct lower *l, const struct a64_insn *insn, unsigned dst, struct x86_rm m,
                    bool sign)
{
    const unsigned size = vec_size(insn);
    const bool high = vec_upper(insn);
    if (size == 0 && sign && high) {
        /* Both factors times 256, of whose product the upper half is wanted. */
        vec_zero(l, S2);
        vec(l, VPUNPCKHBW, S0, S2, vec_rm(l, insn->rn));
        vec(l, VPUNPCKHBW, S1, S2, m);
        vec_r(l, VPMULHW, dst, S0, S1);
    } else if (size == 0) {
        vec_extend(l, S0, insn->rn, 0, sign, high);
        vec_extend_rm(l, S1, m, 0, sign, high);
        vec_r(l, VPMULLW, dst, S0, S1);
    } else if (size == 1) {
        const unsigned n = lower_vsrc(l, insn->rn, S1);
        vec(l, VPMULLW, S0, n, m);
        vec(l, sign ? VPMULHW : VPMULHUW, S1, n, m);
        vec_r(l, high ? VPUNPCKHWD : VPUNPCKLWD, dst, S0, S1);
    } else {
        spread_words(l, S0, vec_rm(l, insn->rn), high);
        if (m.reg != (int)S2)
            m = spread_words(l, S1, m, high);
        vec(l, sign ? VPMULDQ : VPMULUDQ, dst, S0, m);
    }
}

enum accumulate { ALONE, ADD_TO, SUB_FROM };

static void multiply(struct lower *l, const struct a64_insn *insn, struct x86_rm m, bool sign,
                     enum accumulate how)
{
    const unsigned size = vec_size(insn), dst = lower_vdst(l, insn->rd, S0);
    product(l, insn, how == ALONE ? dst : S0, m, sign);
    if (how != ALONE)
        vec_r(l, (how == ADD_TO ? op_add : op_sub)[size + 1], dst, lower_vsrc(l, insn->rd, S1), S0);
    lower_vdone(l, insn->rd, dst);
}

#define MULTIPLY(name, sign, how)                                                                  \
    VEC_BY_VECTOR(simd_##name, multiply, sign, how)                                                \
    VEC_BY_ELEMENT(simd_##name, multiply, sign, how)

MULTIPLY(smull, true, ALONE)
MULTIPLY(umull, false, ALONE)
MULTIPLY(smlal, true, ADD_TO)
MULTIPLY(umlal, false, ADD_TO)
MULTIPLY(smlsl, true, SUB_FROM)
MULTIPLY(umlsl, false, SUB_FROM)

/* The doubled product overflows only where both factors are the least number, to what is the least
 * one again: turned round it is the greatest. S0 = what, S1 = where. */
static void doubled_product(struct lower *l, const struct a64_insn *insn, struct x86_rm m)
{
    const bool words = vec_size(insn) == 2;
    product(l, insn, S0, m, true);
    vec_r(l, words ? VPADDQ : VPADDD, S0, S0, S0);
    vec_k(l, words ? VPCMPEQQ : VPCMPEQD, S1, S0, words ? K_SIGN64 : K_80000000);
    vec_r(l, VPXOR, S0, S0, S1);
}

static void doubling(struct lower *l, const struct a64_insn *insn, struct x86_rm m)
{
    const unsigned bytes = vec_scalar(insn) ? 2u << vec_size(insn) : 16;
    doubled_product(l, insn, m);
    vec_qc(l, S1, bytes);
    vec_done(l, insn->rd, S0, bytes);
}

static void lower_simd_sqdmull(struct lower *l, const struct a64_insn *insn)
{
    lower_clobber(l);
    lower_vectors(l);
    doubling(l, insn, vec_rm(l, insn->rm));
}

static void lower_simd_sqdmull_elem(struct lower *l, const struct a64_insn *insn)
{
    lower_clobber(l);
    lower_vectors(l);
    vec_element(l, insn, S2);
    doubling(l, insn, x86_r(S2));
}

/* The sum overflows where its sign is neither operand's, the difference where the operands' differ
 * and it has not the first one's. Then its sign is the wrong one. */
static void doubling_accumulate(struct lower *l, const struct a64_insn *insn, struct x86_rm m,
                                bool sub)
{
    const bool words = vec_size(insn) == 2;
    const unsigned bytes = vec_scalar(insn) ? 2u << vec_size(insn) : 16;
    const enum vector_constant sign = words ? K_SIGN64 : K_80000000;
    lower_clobber(l);
    doubled_product(l, insn, m);
    vec_qc(l, S1, bytes);
    const unsigned d = lower_vsrc(l, insn->rd, S2);
    vec_r(l, (sub ? op_sub : op_add)[vec_size(insn) + 1], S1, d, S0);
    vec_r(l, VPXOR, S0, sub ? d : S1, S0);
    vec_r(l, VPXOR, S2, S1, d);
    vec_r(l, VPAND, S0, S0, S2);
    vec_k(l, VPAND, S0, S0, sign);
    vec_qc(l, S0, bytes);
    if (!words) {
        vec_shift(l, VPSRAD, S2, S1, 31);
    } else {
        vec_zero(l, S2);
        vec_r(l, VPCMPGTQ, S2, S2, S1);
    }
    vec_k(l, VPXOR, S2, S2, sign);
    vec_i(l, words ? VBLENDVPD : VBLENDVPS, S1, S1, x86_r(S2), S0 << 4);
    vec_done(l, insn->rd, S1, bytes);
}

VEC_BY_VECTOR(simd_sqdmlal, doubling_accumulate, false)
VEC_BY_ELEMENT(simd_sqdmlal, doubling_accumulate, false)
VEC_BY_VECTOR(simd_sqdmlsl, doubling_accumulate, true)
VEC_BY_ELEMENT(simd_sqdmlsl, doubling_accumulate, true)

/* The host's product of doublewords without carries is Arm's. */
static void lower_simd_pmull_q(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->pclmul) {
        lower_call(l, insn);
        return;
    }
    const unsigned imm = vec_q(insn) ? 0x11 : 0;
    lower_vectors(l);
    if (l->dbt->vaes) {
        const unsigned dst = lower_vdst(l, insn->rd, S0);
        vec_i(l, VPCLMULQDQ, dst, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm), imm);
        lower_vdone(l, insn->rd, dst);
    } else {
        const unsigned dst = vec_low_dst(l, insn->rd), n = vec_low(l, insn->rn, S0);
        vec_i(l, VPCLMULQDQ, dst, n, vec_low_rm(l, insn->rm, S1), imm);
        lower_vdone(l, insn->rd, dst);
    }
}

/* Bytes: bit by bit of Vm, the highest first. The product so far is doubled, and Vn added where the
 * bit is 1, which VPBLENDVB sees in the sign. S0 = the product, S1 = the bits left. */
static void lower_simd_pmul(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    vec_copy(l, insn->rm, S1);
    vec_zero(l, S0);
    for (unsigned bit = 0; bit < 8; bit++) {
        if (bit) {
            vec_r(l, VPADDB, S0, S0, S0);
            vec_r(l, VPADDB, S1, S1, S1);
        }
        vec(l, VPXOR, S2, S0, vec_rm(l, insn->rn));
        vec_i(l, VPBLENDVB, S0, S0, x86_r(S2), S1 << 4);
    }
    vec_done(l, insn->rd, S0, vec_bytes(insn, 0));
}

/* The same to halves: Vm's bits leave S0 upwards while the product grows behind them. */
static void lower_simd_pmull(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_zero(l, S0);
    vec(l, vec_q(insn) ? VPUNPCKHBW : VPUNPCKLBW, S0, S0, vec_rm(l, insn->rm));
    vec_extend(l, S1, insn->rn, 0, false, vec_q(insn));
    for (unsigned bit = 0; bit < 8; bit++) {
        vec_shift(l, VPSRAW, S2, S0, 15);
        vec_r(l, VPAND, S2, S2, S1);
        vec_r(l, VPADDW, S0, S0, S0);
        vec_r(l, VPXOR, bit == 7 ? dst : S0, S0, S2);
    }
    lower_vdone(l, insn->rd, dst);
}

/* ---- dot products of bytes ---- */

/* VPDPBUSD multiplies unsigned bytes by signed ones. Where both are signed, n + 128 stands for n,
 * and 128 times the sum of m comes off: as (m + 128) * -128, plus the four 128 * 128 that are too
 * many. Where both are unsigned, m - 128 stands for m, and 128 times the sum of n comes on, as
 * twice n * 64. */
static void flip_signs(struct lower *l, unsigned dst, struct x86_rm from)
{
    if (from.reg >= 0) {
        vec_k(l, VPXOR, dst, (unsigned)from.reg, K_80B);
        return;
    }
    x86_vload(&l->a, dst, from);
    vec_k(l, VPXOR, dst, dst, K_80B);
}

/* S0 = the sums. */
static void dot_signed(struct lower *l, struct x86_rm n, struct x86_rm m)
{
    x86_vload(&l->a, S0, vector_literal_all(l, 65536, 2));
    flip_signs(l, S1, m);
    vec_k(l, VPDPBUSD, S0, S1, K_80B);
    flip_signs(l, S1, n);
    vec(l, VPDPBUSD, S0, S1, m);
}

/* M may be S2, where Vn goes when it is not needed any more. */
static void dot_unsigned(struct lower *l, unsigned n, struct x86_rm m)
{
    const struct x86_rm half = vector_literal_all(l, 64, 0);
    flip_signs(l, S1, m);
    n = lower_vsrc(l, n, S2);
    vec_zero(l, S0);
    vec(l, VPDPBUSD, S0, n, half);
    vec(l, VPDPBUSD, S0, n, half);
    vec_r(l, VPDPBUSD, S0, n, S1);
}

/* Without VPDPBUSD: as halves, whose products VPMADDWD adds by two. M may be S2. */
static void dot_wide(struct lower *l, struct x86_rm n, struct x86_rm m, bool sign_n, bool sign_m)
{
    vec_extend_rm(l, S0, n, 0, sign_n, false);
    vec_extend_rm(l, S1, m, 0, sign_m, false);
    vec_r(l, VPMADDWD, S0, S0, S1);
    vec_extend_rm(l, S1, n, 0, sign_n, true);
    vec_extend_rm(l, S2, m, 0, sign_m, true);
    vec_r(l, VPMADDWD, S1, S1, S2);
    vec_r(l, VPHADDD, S0, S0, S1);
}

static void dot(struct lower *l, const struct a64_insn *insn, struct x86_rm m, bool sign_n,
                bool sign_m)
{
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (!l->dbt->avx512vnni) {
        dot_wide(l, vec_rm(l, insn->rn), m, sign_n, sign_m);
    } else if (sign_n && sign_m) {
        dot_signed(l, vec_rm(l, insn->rn), m);
    } else if (!sign_n && !sign_m) {
        dot_unsigned(l, insn->rn, m);
    } else {
        vec_zero(l, S0);
        if (sign_m)
            vec(l, VPDPBUSD, S0, lower_vsrc(l, insn->rn, S1), m);
        else
            vec(l, VPDPBUSD, S0, (unsigned)m.reg,
                vec_rm(l, insn->rn)); /* SUDOT has an element only */
    }
    vec(l, VPADDD, dst, S0, vec_rm(l, insn->rd));
    vec_done(l, insn->rd, dst, vec_bytes(insn, 2));
}

VEC_BY_VECTOR(simd_sdot, dot, true, true)
VEC_BY_VECTOR(simd_udot, dot, false, false)
VEC_BY_VECTOR(simd_usdot, dot, false, true)
VEC_BY_ELEMENT(simd_sdot, dot, true, true)
VEC_BY_ELEMENT(simd_udot, dot, false, false)
VEC_BY_ELEMENT(simd_usdot, dot, false, true)
VEC_BY_ELEMENT(simd_sudot, dot, true, false)

/* Of the rows of eight bytes that make Vn or Vm, the first (K: the second) four, in the order of
 * the words of the product: row i of Vn with row j of Vm in word 2i + j. */
static void rows_of_n(struct lower *l, const struct a64_insn *insn, unsigned k)
{
    vec_i(l, VPSHUFD, S1, 0, vec_rm(l, insn->rn), k ? 0xf5 : 0xa0);
}

static void rows_of_m(struct lower *l, const struct a64_insn *insn, unsigned k)
{
    vec_i(l, VPSHUFD, S2, 0, vec_rm(l, insn->rm), k ? 0xdd : 0x88);
}

/* As dot_signed(): S0 += the sums of products. */
static void matrix_signed(struct lower *l, const struct a64_insn *insn, unsigned k)
{
    rows_of_m(l, insn, k);
    vec_k(l, VPXOR, S1, S2, K_80B);
    vec_k(l, VPDPBUSD, S0, S1, K_80B);
    rows_of_n(l, insn, k);
    vec_k(l, VPXOR, S1, S1, K_80B);
    vec_r(l, VPDPBUSD, S0, S1, S2);
}

/* As dot_unsigned(). */
static void matrix_unsigned(struct lower *l, const struct a64_insn *insn, unsigned k,
                            struct x86_rm half)
{
    rows_of_n(l, insn, k);
    rows_of_m(l, insn, k);
    vec_k(l, VPXOR, S2, S2, K_80B);
    vec_r(l, VPDPBUSD, S0, S1, S2);
    vec(l, VPDPBUSD, S0, S1, half);
    vec(l, VPDPBUSD, S0, S1, half);
}

static void matrix_mixed(struct lower *l, const struct a64_insn *insn, unsigned k)
{
    rows_of_n(l, insn, k);
    rows_of_m(l, insn, k);
    vec_r(l, VPDPBUSD, S0, S1, S2);
}

static void matrix(struct lower *l, const struct a64_insn *insn, bool sign_n, bool sign_m)
{
    if (!l->dbt->avx512vnni) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (sign_n)
        x86_vload(&l->a, S0, vector_literal_all(l, 2 * 65536, 2));
    else
        vec_zero(l, S0);
    const struct x86_rm half = vector_literal_all(l, 64, 0);
    for (unsigned k = 0; k < 2; k++)
        if (sign_n)
            matrix_signed(l, insn, k);
        else if (sign_m)
            matrix_mixed(l, insn, k);
        else
            matrix_unsigned(l, insn, k, half);
    vec(l, VPADDD, dst, S0, vec_rm(l, insn->rd));
    lower_vdone(l, insn->rd, dst);
}

ROW_OF(smmla, matrix, true, true)
ROW_OF(ummla, matrix, false, false)
ROW_OF(usmmla, matrix, false, true)

lower_fn *const lower_simd_diff_table[A64_EXEC_COUNT] = {
    SIMD_ROW(saddl),        SIMD_ROW(uaddl),        SIMD_ROW(ssubl),        SIMD_ROW(usubl),
    SIMD_ROW(saddw),        SIMD_ROW(uaddw),        SIMD_ROW(ssubw),        SIMD_ROW(usubw),
    SIMD_ROW(addhn),        SIMD_ROW(subhn),        SIMD_ROW(raddhn),       SIMD_ROW(rsubhn),
    SIMD_ROW(sabdl),        SIMD_ROW(uabdl),        SIMD_ROW(sabal),        SIMD_ROW(uabal),
    SIMD_ROW(smull),        SIMD_ROW(umull),        SIMD_ROW(smlal),        SIMD_ROW(umlal),
    SIMD_ROW(smlsl),        SIMD_ROW(umlsl),        SIMD_ROW(smull_elem),   SIMD_ROW(umull_elem),
    SIMD_ROW(smlal_elem),   SIMD_ROW(umlal_elem),   SIMD_ROW(smlsl_elem),   SIMD_ROW(umlsl_elem),
    SIMD_ROW(sqdmull),      SIMD_ROW(sqdmull_elem), SIMD_ROW(pmull_q),      SIMD_ROW(sdot),
    SIMD_ROW(udot),         SIMD_ROW(usdot),        SIMD_ROW(sdot_elem),    SIMD_ROW(udot_elem),
    SIMD_ROW(usdot_elem),   SIMD_ROW(sudot_elem),   SIMD_ROW(smmla),        SIMD_ROW(ummla),
    SIMD_ROW(usmmla),       SIMD_ROW(sqdmlal),      SIMD_ROW(sqdmlal_elem), SIMD_ROW(sqdmlsl),
    SIMD_ROW(sqdmlsl_elem), SIMD_ROW(pmul),         SIMD_ROW(pmull),
};
