/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "shift by immediate" (Arm manual C4.1.96), and narrowing, with which a shift mostly
 * goes. The decoder computed the amount: left 0 to bits - 1, right 1 to bits; the host's shifts by
 * the width or more give zeros, or signs, as Arm's.
 *
 * A narrowing that saturates sets FPSR.QC.
 *
 * The host has no shifts of bytes: with GFNI one is a multiplication by an 8x8 matrix of bits, else
 * halves are shifted and what came from the neighbour is masked. */

#include "vector.h"

typedef const unsigned by_size[4];

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ};

/* log2 of the element's bytes, by the highest bit set of immh. */
static unsigned immh_size(const struct a64_insn *insn)
{
    return 31 - (unsigned)__builtin_clz((insn->word >> 19 & 15) | 1);
}

enum direction { LEFT, RIGHT, RIGHT_SIGNED };

/* ---- lanes of one width ---- */

/* The matrix whose row for bit i, the byte 7 - i, picks bit i - BY (LEFT) or i + BY, or the sign.
 */
static uint64_t matrix(enum direction direction, unsigned by)
{
    uint64_t rows = 0;
    for (unsigned i = 0; i < 8; i++) {
        const unsigned from = direction == LEFT ? i - by : i + by;
        const uint64_t row = from < 8 ? 1u << from : direction == RIGHT_SIGNED ? 0x80 : 0;
        rows |= row << 8 * (7 - i);
    }
    return rows;
}

/* Bytes, without GFNI; DST is a scratch register or SRC's. */
static void shift_bytes(struct lower *l, unsigned dst, unsigned src, enum direction direction,
                        unsigned by)
{
    const unsigned left = 0xffu << (by & 15) & 0xff, kept = direction == LEFT ? left : 0xffu >> by;
    if (direction == RIGHT_SIGNED) {
        by = by > 7 ? 7 : by;
        vec_shift(l, VPSRLW, dst, src, by);
        vec(l, VPAND, dst, dst, vector_literal_all(l, 0xffu >> by, 0));
        const struct x86_rm sign = vector_literal_all(l, 0x80u >> by, 0);
        vec(l, VPXOR, dst, dst, sign);
        vec(l, VPSUBB, dst, dst, sign);
        return;
    }
    vec_shift(l, direction == LEFT ? VPSLLW : VPSRLW, dst, src, by);
    vec(l, VPAND, dst, dst, vector_literal_all(l, kept, 0));
}

/* DST = SRC shifted; DST may be any register. */
static void shift(struct lower *l, unsigned dst, unsigned src, unsigned size,
                  enum direction direction, unsigned by)
{
    static const unsigned op[3][4] = {
        {0, VPSLLW, VPSLLD, VPSLLQ}, {0, VPSRLW, VPSRLD, VPSRLQ}, {0, VPSRAW, VPSRAD, VPSRAQ}};
    if (size == 0 && l->dbt->gfni) {
        const uint64_t rows = matrix(direction, by);
        vec_i(l, VGF2P8AFFINEQB, dst, src, vector_literal(l, rows, rows), 0);
    } else if (size == 0) {
        shift_bytes(l, dst, src, direction, by);
    } else if (size == 3 && direction == RIGHT_SIGNED && !l->dbt->avx512) {
        const unsigned most = by > 63 ? 63 : by;
        const struct x86_rm sign = vector_literal_all(l, 1ull << (63 - most), 3);
        vec_shift(l, VPSRLQ, dst, src, most);
        vec(l, VPXOR, dst, dst, sign);
        vec(l, VPSUBQ, dst, dst, sign);
    } else {
        vec_shift(l, op[direction][size], dst, src, by);
    }
}

static void shift_lanes(struct lower *l, const struct a64_insn *insn, enum direction direction,
                        bool accumulate)
{
    const unsigned size = immh_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    shift(l, accumulate ? S0 : dst, lower_vsrc(l, insn->rn, S0), size, direction,
          (unsigned)insn->imm);
    if (accumulate)
        vec(l, op_add[size], dst, S0, vec_rm(l, insn->rd));
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

/* DST = SRC >> BY, rounded: plus the last bit that was shifted out. Changes S1; SRC is not S0, nor
 * is DST S1. */
static void shift_round(struct lower *l, unsigned dst, unsigned src, unsigned size, bool sign,
                        unsigned by)
{
    const struct x86_rm one = vector_literal_all(l, 1, size);
    const enum direction direction = sign ? RIGHT_SIGNED : RIGHT;
    if (by > 1)
        shift(l, S0, src, size, RIGHT, by - 1);
    vec(l, VPAND, S0, by > 1 ? S0 : src, one);
    shift(l, S1, src, size, direction, by);
    vec_r(l, op_add[size], dst, S0, S1);
}

static void shift_round_lanes(struct lower *l, const struct a64_insn *insn, bool sign,
                              bool accumulate)
{
    const unsigned size = immh_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    shift_round(l, accumulate ? S0 : dst, lower_vsrc(l, insn->rn, S2), size, sign,
                (unsigned)insn->imm);
    if (accumulate)
        vec(l, op_add[size], dst, S0, vec_rm(l, insn->rd));
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

/* SLI and SRI: the bits that the shift would fill with zeros stay those of Vd. */
static void shift_insert(struct lower *l, const struct a64_insn *insn, enum direction direction)
{
    const unsigned size = immh_size(insn), by = (unsigned)insn->imm, bits = 8u << size;
    const uint64_t all = ~0ull >> (64 - bits);
    const uint64_t moved = direction == LEFT ? all << by & all : by < 64 ? all >> by : 0;
    lower_vectors(l);
    const struct x86_rm kept = vector_literal_all(l, ~moved, size);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    shift(l, S0, lower_vsrc(l, insn->rn, S0), size, direction, by);
    vec(l, VPAND, S0, S0, vector_literal_all(l, moved, size));
    vec(l, VPAND, S1, lower_vsrc(l, insn->rd, S1), kept);
    vec_r(l, VPOR, dst, S0, S1);
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

#define SHIFT(name, function, ...)                                                                 \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        function(l, insn, __VA_ARGS__);                                                            \
    }

SHIFT(shl, shift_lanes, LEFT, false)
SHIFT(sshr, shift_lanes, RIGHT_SIGNED, false)
SHIFT(ushr, shift_lanes, RIGHT, false)
SHIFT(ssra, shift_lanes, RIGHT_SIGNED, true)
SHIFT(usra, shift_lanes, RIGHT, true)
SHIFT(srshr, shift_round_lanes, true, false)
SHIFT(urshr, shift_round_lanes, false, false)
SHIFT(srsra, shift_round_lanes, true, true)
SHIFT(ursra, shift_round_lanes, false, true)
SHIFT(sli, shift_insert, LEFT)
SHIFT(sri, shift_insert, RIGHT)

/* Left, with saturation: what is shifted back is not what it was where bits were lost. TO_U: what is
 * negative becomes 0. */
static void shift_left_saturating(struct lower *l, const struct a64_insn *insn, bool from_signed,
                                  bool to_signed)
{
    static by_size equal = {VPCMPEQB, VPCMPEQW, VPCMPEQD, VPCMPEQQ};
    const unsigned size = immh_size(insn), by = (unsigned)insn->imm, bits = 8u << size;
    const unsigned bytes = vec_bytes(insn, size);
    if (from_signed && !to_signed && by == 0) { /* nothing is lost of negative numbers then */
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    const unsigned n = lower_vsrc(l, insn->rn, S2);
    shift(l, S0, n, size, LEFT, by);
    shift(l, S1, S0, size, to_signed ? RIGHT_SIGNED : RIGHT, by);
    vec_r(l, VPXOR, S1, S1, n);
    vec_qc(l, S1, bytes);
    if (from_signed)
        shift(l, S2, n, size, RIGHT_SIGNED, bits - 1);
    if (to_signed)
        vec(l, VPXOR, S2, S2, vector_literal_all(l, ~0ull >> (65 - bits), size));
    else if (from_signed)
        vec_k(l, VPXOR, S2, S2, K_ONES);
    else
        x86_vload(&l->a, S2, vector_constant(l, K_ONES));
    vec_k(l, equal[size], S1, S1, K_ZERO);
    vec_i(l, VPBLENDVB, S0, S2, x86_r(S0), S1 << 4);
    vec_done(l, insn->rd, S0, bytes);
}

SHIFT(sqshl_imm, shift_left_saturating, true, true)
SHIFT(uqshl_imm, shift_left_saturating, false, false)
SHIFT(sqshlu, shift_left_saturating, true, false)

/* ---- twice as wide ---- */

static void shift_long(struct lower *l, const struct a64_insn *insn, bool sign)
{
    static by_size left = {VPSLLW, VPSLLD, VPSLLQ};
    const unsigned size = immh_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_extend(l, dst, insn->rn, size, sign, vec_q(insn));
    if (insn->imm)
        vec_shift(l, left[size], dst, dst, (unsigned)insn->imm);
    lower_vdone(l, insn->rd, dst);
}

SHIFT(sshll, shift_long, true)
SHIFT(ushll, shift_long, false)

/* By the element's width: below Vn's elements come zeros. */
static void lower_simd_shll(struct lower *l, const struct a64_insn *insn)
{
    static by_size low = {VPUNPCKLBW, VPUNPCKLWD, VPUNPCKLDQ},
                   high = {VPUNPCKHBW, VPUNPCKHWD, VPUNPCKHDQ};
    const unsigned size = vec_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_zero(l, S0);
    vec(l, vec_q(insn) ? high[size] : low[size], dst, S0, vec_rm(l, insn->rn));
    lower_vdone(l, insn->rd, dst);
}

/* ---- half as wide ---- */

/* SRC shifted right by BY and cut to its low halves: as whole bytes a shift is part of the cutting.
 */
static void shift_narrow(struct lower *l, const struct a64_insn *insn, unsigned src, unsigned size,
                         unsigned by)
{
    static by_size right = {VPSRLW, VPSRLD, VPSRLQ};
    if (by == 8u << size) {
        vec_narrow(l, insn, src, size, true);
        return;
    }
    if (by) {
        vec_shift(l, right[size], S0, src, by);
        src = S0;
    }
    vec_narrow(l, insn, src, size, false);
}

/* Two of these, SHRN and SHRN2, make a whole register: the second one's elements go above the first
 * one's in each element, then all go to their halves. Shifted by whole elements, or words, they are in
 * place at once. */
static void shift_narrow_twice(struct lower *l, const struct a64_insn *insn, unsigned dst)
{
    static by_size right = {VPSRLW, VPSRLD, VPSRLQ}, left = {VPSLLW, VPSLLD};
    const unsigned size = immh_size(insn), bits = 8u << size, by = (unsigned)insn->imm;
    const unsigned n = lower_vsrc(l, insn->rn, S0), n2 = lower_vsrc(l, insn[1].rn, S1);
    vec_shift(l, right[size], S0, n, by);
    if (size == 2 || by == bits) {
        vec_shift(l, right[size], S1, n2, by);
        if (size == 2)
            vec_i(l, VSHUFPS, dst, S0, x86_r(S1), 0x88);
        else
            vec_r(l, size ? VPACKUSDW : VPACKUSWB, dst, S0, S1);
        return;
    }
    vec_shift(l, left[size], S1, n2, bits - by);
    if (size) {
        vec_i(l, VPBLENDW, S0, S0, x86_r(S1), 0xaa);
    } else if (l->dbt->avx512) {
        vec_i(l, VPTERNLOGQ, S0, S1, vector_constant(l, K_00FF), 0xe4); /* S0 where it is 1 */
    } else {
        vec_k(l, VPAND, S0, S0, K_00FF);
        vec_k(l, VPAND, S1, S1, K_FF00);
        vec_r(l, VPOR, S0, S0, S1);
    }
    vec(l, VPSHUFB, dst, S0,
        size ? vector_literal(l, 0x0d0c090805040100, 0x0f0e0b0a07060302)
             : vector_literal(l, 0x0e0c0a0806040200, 0x0f0d0b0907050301));
}

static void lower_simd_shrn(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    if (!vec_q(insn) && vec_other_halves_follow(l, insn, A64_EXEC_simd_shrn, 0x7fu << 16 | 31) &&
        insn[1].rn != insn->rd) {
        const unsigned dst = lower_vdst(l, insn->rd, S0);
        shift_narrow_twice(l, insn, dst);
        lower_vdone(l, insn->rd, dst);
        l->at++;
        return;
    }
    shift_narrow(l, insn, lower_vsrc(l, insn->rn, S0), immh_size(insn), (unsigned)insn->imm);
}

static void lower_simd_xtn(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    shift_narrow(l, insn, lower_vsrc(l, insn->rn, S0), vec_size(insn), 0);
}

/* What the addition carries out of an element would come to stand above the half that is kept. */
static void lower_simd_rshrn(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = immh_size(insn), by = (unsigned)insn->imm;
    lower_vectors(l);
    vec(l, op_add[size + 1], S0, lower_vsrc(l, insn->rn, S0),
        vector_literal_all(l, 1ull << (by - 1), size + 1));
    shift_narrow(l, insn, S0, size, by);
}

/* ---- half as wide, with saturation ---- */

enum saturation { SAT_S, SAT_S_TO_U, SAT_U };

/* Doublewords of SRC, a scratch register's or not S0: S0 = the words. */
static void pack_doublewords(struct lower *l, unsigned src, enum saturation kind)
{
    if (kind == SAT_S_TO_U) {
        vec_zero(l, S0);
        vec_r(l, VPMAXSQ, S0, S0, src);
        src = S0;
    }
    vec_r(l, kind == SAT_S ? VPMOVSQD : VPMOVUSQD, src, 0, S0);
}

/* S0 = SRC's elements of 2 << SIZE bytes, half as wide and saturated; what they were is not lost
 * where they are the same when they are widened again. */
static void pack(struct lower *l, unsigned src, unsigned size, enum saturation kind)
{
    static const unsigned signed_in[2][2] = {{VPACKSSWB, VPACKSSDW}, {VPACKUSWB, VPACKUSDW}};
    if (size == 2) {
        pack_doublewords(l, src, kind);
    } else if (kind == SAT_U) {
        vec_k(l, size ? VPMINUD : VPMINUW, S0, src, size ? K_0000FFFF : K_00FF);
        vec_r(l, size ? VPACKUSDW : VPACKUSWB, S0, S0, S0);
    } else {
        vec_r(l, signed_in[kind == SAT_S_TO_U][size], S0, src, src);
    }
    vec_extend_rm(l, S1, x86_r(S0), size, kind == SAT_S, false);
    vec_r(l, VPXOR, S1, S1, src);
}

static void narrow_saturating(struct lower *l, const struct a64_insn *insn, unsigned src,
                              unsigned size, enum saturation kind)
{
    const bool scalar = vec_scalar(insn);
    pack(l, src, size, kind);
    vec_qc(l, S1, scalar ? 2u << size : 16);
    if (scalar || !vec_q(insn)) {
        vec_done(l, insn->rd, S0, scalar ? 1u << size : 8);
        return;
    }
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_r(l, VPUNPCKLQDQ, dst, lower_vsrc(l, insn->rd, S1), S0);
    lower_vdone(l, insn->rd, dst);
}

static void extract_saturating(struct lower *l, const struct a64_insn *insn, enum saturation kind)
{
    const unsigned size = vec_size(insn);
    if (size == 2 && !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    narrow_saturating(l, insn, lower_vsrc(l, insn->rn, S2), size, kind);
}

static void shift_saturating(struct lower *l, const struct a64_insn *insn, enum saturation kind,
                             bool round)
{
    const unsigned size = immh_size(insn), by = (unsigned)insn->imm;
    if (size == 2 && !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    const unsigned n = lower_vsrc(l, insn->rn, S2);
    if (round)
        shift_round(l, S2, n, size + 1, kind != SAT_U, by);
    else
        shift(l, S2, n, size + 1, kind == SAT_U ? RIGHT : RIGHT_SIGNED, by);
    narrow_saturating(l, insn, S2, size, kind);
}

SHIFT(sqxtn, extract_saturating, SAT_S)
SHIFT(sqxtun, extract_saturating, SAT_S_TO_U)
SHIFT(uqxtn, extract_saturating, SAT_U)
SHIFT(sqshrn, shift_saturating, SAT_S, false)
SHIFT(sqrshrn, shift_saturating, SAT_S, true)
SHIFT(sqshrun, shift_saturating, SAT_S_TO_U, false)
SHIFT(sqrshrun, shift_saturating, SAT_S_TO_U, true)
SHIFT(uqshrn, shift_saturating, SAT_U, false)
SHIFT(uqrshrn, shift_saturating, SAT_U, true)

lower_fn *const lower_simd_shift_table[A64_EXEC_COUNT] = {
    SIMD_ROW(shl),     SIMD_ROW(sshr),    SIMD_ROW(ushr),     SIMD_ROW(ssra),   SIMD_ROW(usra),    SIMD_ROW(srshr), SIMD_ROW(urshr),
    SIMD_ROW(srsra),   SIMD_ROW(ursra),   SIMD_ROW(sli),      SIMD_ROW(sri),    SIMD_ROW(sshll),   SIMD_ROW(ushll), SIMD_ROW(shll),
    SIMD_ROW(shrn),    SIMD_ROW(rshrn),   SIMD_ROW(xtn),      SIMD_ROW(sqxtn),  SIMD_ROW(sqxtun),  SIMD_ROW(uqxtn), SIMD_ROW(sqshrn),
    SIMD_ROW(sqshl_imm), SIMD_ROW(uqshl_imm), SIMD_ROW(sqshlu), SIMD_ROW(sqrshrn), SIMD_ROW(sqshrun), SIMD_ROW(sqrshrun), SIMD_ROW(uqshrn), SIMD_ROW(uqrshrn),
};
