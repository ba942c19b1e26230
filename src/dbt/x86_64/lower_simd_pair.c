/* SPDX-License-Identifier: MIT */
/* Advanced SIMD across elements of one register: pairwise operations, pairwise long additions,
 * reductions over all lanes (Arm manual C4.1.96). String functions live on these. */

#include "vector.h"

typedef const unsigned by_size[4];

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ};
static by_size op_smax = {VPMAXSB, VPMAXSW, VPMAXSD}, op_smin = {VPMINSB, VPMINSW, VPMINSD};
static by_size op_umax = {VPMAXUB, VPMAXUW, VPMAXUD}, op_umin = {VPMINUB, VPMINUW, VPMINUD};

/* ---- pairs ---- */

/* DST = OP of the odd elements of SRC, moved onto the even ones, and those; the odd elements of DST
 * are nothing. */
static void fold_pairs(struct lower *l, unsigned op, unsigned dst, unsigned src, unsigned size)
{
    static const unsigned right[3] = {VPSRLW, VPSRLD, VPSRLQ};
    if (size == 2)
        vec_i(l, VPSHUFD, dst, 0, x86_r((int)src), 0xf5);
    else
        vec_shift(l, right[size], dst, src, 8u << size);
    vec_r(l, op, dst, dst, src);
}

/* All 16 bytes of Vn and Vm, which differ. */
static void two_registers(struct lower *l, const struct a64_insn *insn, unsigned dst, unsigned op,
                          unsigned size)
{
    const unsigned n = lower_vsrc(l, insn->rn, S1);
    if (size == 3) {
        vec(l, VPUNPCKHQDQ, S0, n, vec_rm(l, insn->rm));
        vec(l, VPUNPCKLQDQ, S1, n, vec_rm(l, insn->rm));
        vec_r(l, op, dst, S0, S1);
    } else if (size == 2) {
        vec_i(l, VSHUFPS, S0, n, vec_rm(l, insn->rm), 0xdd);
        vec_i(l, VSHUFPS, S1, n, vec_rm(l, insn->rm), 0x88);
        vec_r(l, op, dst, S0, S1);
    } else {
        fold_pairs(l, op, S0, n, size);
        fold_pairs(l, op, S1, lower_vsrc(l, insn->rm, S2), size);
        vec_unzip(l, S0, S0, size, false, false);
        vec_unzip(l, S1, S1, size, false, false);
        vec_r(l, VPUNPCKLQDQ, dst, S0, S1);
    }
}

/* Pairs of Vn make the low half of Vd, those of Vm the high half. */
static void pairs(struct lower *l, const struct a64_insn *insn, by_size op)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (!vec_q(insn)) {
        vec_low_halves(l, insn);
        fold_pairs(l, op[size], S1, S0, size);
        vec_unzip(l, dst, S1, size, false, false);
    } else if (size == 3 || insn->rn != insn->rm) {
        two_registers(l, insn, dst, op[size], size);
    } else {
        fold_pairs(l, op[size], S0, lower_vsrc(l, insn->rn, S1), size);
        vec_unzip(l, dst, S0, size, false, true);
    }
    lower_vdone(l, insn->rd, dst);
}

/* VPHADD is the same on 16 bytes. */
static void lower_simd_addp(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = vec_size(insn);
    if (!vec_q(insn) || (size != 1 && size != 2)) {
        pairs(l, insn, op_add);
        return;
    }
    lower_vectors(l);
    const unsigned dst = vec_low_dst(l, insn->rd), n = vec_low(l, insn->rn, S0);
    vec(l, size == 1 ? VPHADDW : VPHADDD, dst, n,
        insn->rn == insn->rm ? x86_r((int)n) : vec_low_rm(l, insn->rm, S1));
    lower_vdone(l, insn->rd, dst);
}

static void lower_simd_addp_scalar(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned n = lower_vsrc(l, insn->rn, S1);
    vec_shift(l, VPSRLDQ, S0, n, 8);
    vec_r(l, VPADDQ, S0, S0, n);
    vec_done(l, insn->rd, S0, 8);
}

#define PAIRS(name, op)                                                                            \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        pairs(l, insn, op);                                                                        \
    }

PAIRS(smaxp, op_smax)
PAIRS(sminp, op_smin)
PAIRS(umaxp, op_umax)
PAIRS(uminp, op_umin)

/* ---- pairwise long additions ---- */

/* DST = the sums of pairs of SRC, twice as wide; changes S0 and S1, one of which SRC may be.
 * VPMADDUBSW wants unsigned bytes first and signed ones last. */
static void sum_pairs(struct lower *l, unsigned dst, unsigned src, unsigned size, bool sign)
{
    if (size == 0 && sign) {
        x86_vload(&l->a, S2, vector_constant(l, K_01B));
        vec_r(l, VPMADDUBSW, dst, S2, src);
    } else if (size == 0) {
        vec_k(l, VPMADDUBSW, dst, src, K_01B);
    } else if (size == 1 && sign) {
        vec_k(l, VPMADDWD, dst, src, K_0001);
    } else if (sign) {
        vec_unzip(l, S2, src, 2, true, false);
        vec_unzip(l, S1, src, 2, false, false);
        vec_r(l, VPMOVSXDQ, S2, 0, S2);
        vec_r(l, VPMOVSXDQ, S1, 0, S1);
        vec_r(l, VPADDQ, dst, S1, S2);
    } else {
        vec_shift(l, size == 1 ? VPSRLD : VPSRLQ, S2, src, 8u << size);
        vec_k(l, VPAND, S1, src, size == 1 ? K_0000FFFF : K_LOW_WORD);
        vec_r(l, size == 1 ? VPADDD : VPADDQ, dst, S1, S2);
    }
}

/* Whether the halves of V<n> are differences of bytes, or two of them added, by the instructions right
 * before: then they are positive also as signed numbers. */
static bool halves_are_differences(const struct lower *l, unsigned n)
{
    for (unsigned i = l->at; i && i + 2 > l->at; i--) {
        const struct a64_insn *before = &l->insn[i - 1];
        const unsigned id = before->row == A64_ROW_NONE ? 0 : a64_exec_ids[before->row];
        if (before->rd != n || vec_size(before))
            return false;
        if (id == A64_EXEC_simd_uabdl)
            return true;
        if (id != A64_EXEC_simd_uabal)
            return false;
    }
    return false;
}

static void add_long_pairs(struct lower *l, const struct a64_insn *insn, bool sign, bool accumulate)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    if (size == 1 && halves_are_differences(l, insn->rn))
        sign = true;
    const unsigned dst = lower_vdst(l, insn->rd, S0), n = lower_vsrc(l, insn->rn, S0);
    sum_pairs(l, accumulate ? S0 : dst, n, size, sign);
    if (accumulate)
        vec(l, op_add[size + 1], dst, S0, vec_rm(l, insn->rd));
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

#define LONG_PAIRS(name, sign, accumulate)                                                         \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        add_long_pairs(l, insn, sign, accumulate);                                                 \
    }

LONG_PAIRS(saddlp, true, false)
LONG_PAIRS(uaddlp, false, false)
LONG_PAIRS(sadalp, true, true)
LONG_PAIRS(uadalp, false, true)

/* ---- all lanes ---- */

/* S0 = S0 op its upper half, then its second quarter, down to the first element. */
static void fold(struct lower *l, unsigned op, unsigned size)
{
    vec_i(l, VPSHUFD, S1, 0, x86_r(S0), 0xee);
    vec_r(l, op, S0, S0, S1);
    if (size == 3)
        return;
    vec_i(l, VPSHUFD, S1, 0, x86_r(S0), 0x55);
    vec_r(l, op, S0, S0, S1);
}

/* S0 = Vn, its upper half zeros without Q. */
static void summand(struct lower *l, const struct a64_insn *insn)
{
    if (!vec_q(insn))
        vec(l, VMOVQ, S0, 0, vec_rm(l, insn->rn));
    else
        vec_copy(l, insn->rn, S0);
}

/* The sum of all lanes in S0, of at least twice their width; VPSADBW adds eight bytes. Signed bytes
 * are made unsigned by 128, which makes 128 too much eight times. */
static void sum_all(struct lower *l, const struct a64_insn *insn, bool sign)
{
    const unsigned size = vec_size(insn);
    if (size == 0) {
        vec_zero(l, S1);
        if (sign)
            vec_k(l, VPXOR, S0, lower_vsrc(l, insn->rn, S0), K_80B);
        vec_r(l, VPSADBW, S0, sign ? S0 : lower_vsrc(l, insn->rn, S0), S1);
        if (vec_q(insn))
            fold(l, VPADDQ, 3);
        if (sign)
            vec(l, VPSUBW, S0, S0, vector_literal(l, vec_q(insn) ? 2048 : 1024, 0));
        return;
    }
    summand(l, insn);
    sum_pairs(l, S0, S0, size, sign);
    fold(l, op_add[size + 1], size + 1);
}

static void lower_simd_addv(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    if (size == 2) {
        vec_copy(l, insn->rn, S0); /* there is no ADDV of two words */
        fold(l, VPADDD, 2);
    } else {
        sum_all(l, insn, size == 1);
    }
    vec_done(l, insn->rd, S0, 1u << size);
}

static void add_all_long(struct lower *l, const struct a64_insn *insn, bool sign)
{
    lower_vectors(l);
    sum_all(l, insn, sign);
    vec_done(l, insn->rd, S0, 2u << vec_size(insn));
}

static void lower_simd_saddlv(struct lower *l, const struct a64_insn *insn)
{
    add_all_long(l, insn, true);
}

static void lower_simd_uaddlv(struct lower *l, const struct a64_insn *insn)
{
    add_all_long(l, insn, false);
}

/* VPHMINPOSUW finds the least of eight unsigned halves; FLIP turns the order that is asked for into
 * that one. Of bytes the lesser of each pair is the half, since what is shifted in above it is
 * zero. */
static void least(struct lower *l, const struct a64_insn *insn, uint64_t flips)
{
    const unsigned size = vec_size(insn);
    const struct x86_rm flip =
        flips ? vector_literal_all(l, flips, size) : vector_constant(l, K_ZERO);
    if (!vec_q(insn))
        vec(l, VMOVDDUP, S0, 0, vec_rm(l, insn->rn));
    else
        vec_copy(l, insn->rn, S0);
    if (flips)
        vec(l, VPXOR, S0, S0, flip);
    if (size == 0) {
        vec_shift(l, VPSRLW, S1, S0, 8);
        vec_r(l, VPMINUB, S0, S0, S1);
    }
    vec_r(l, VPHMINPOSUW, S0, 0, S0);
    if (flips)
        vec(l, VPXOR, S0, S0, flip);
}

/* FLIP: of one element. */
static void extreme(struct lower *l, const struct a64_insn *insn, unsigned op, uint64_t flip)
{
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    if (size == 2) {
        vec_copy(l, insn->rn, S0);
        fold(l, op, 2);
    } else {
        least(l, insn, flip);
    }
    vec_done(l, insn->rd, S0, 1u << size);
}

static uint64_t sign_bit(const struct a64_insn *insn)
{
    return 0x80ull << 8 * (vec_size(insn) & 1);
}

static void lower_simd_uminv(struct lower *l, const struct a64_insn *insn)
{
    extreme(l, insn, VPMINUD, 0);
}

static void lower_simd_umaxv(struct lower *l, const struct a64_insn *insn)
{
    extreme(l, insn, VPMAXUD, ~0ull);
}

static void lower_simd_sminv(struct lower *l, const struct a64_insn *insn)
{
    extreme(l, insn, VPMINSD, sign_bit(insn));
}

static void lower_simd_smaxv(struct lower *l, const struct a64_insn *insn)
{
    extreme(l, insn, VPMAXSD, sign_bit(insn) - 1);
}

lower_fn *const lower_simd_pair_table[A64_EXEC_COUNT] = {
    SIMD_ROW(addp),   SIMD_ROW(addp_scalar), SIMD_ROW(smaxp),  SIMD_ROW(sminp),  SIMD_ROW(umaxp), SIMD_ROW(uminp),
    SIMD_ROW(saddlp), SIMD_ROW(uaddlp),      SIMD_ROW(sadalp), SIMD_ROW(uadalp), SIMD_ROW(addv),  SIMD_ROW(saddlv),
    SIMD_ROW(uaddlv), SIMD_ROW(smaxv),       SIMD_ROW(sminv),  SIMD_ROW(umaxv),  SIMD_ROW(uminv),
};
