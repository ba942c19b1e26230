/* SPDX-License-Identifier: MIT */
/* Advanced SIMD shifts by a register (Arm manual C7.2): SSHL, USHL, their rounding and saturating
 * forms. An amount is a signed byte, to the right if it is negative.
 *
 * The host shifts words and doublewords of vectors so, halves with AVX-512; bytes are multiplied.
 * Saturating forms take AVX-512; those of bytes are the interpreter's. */

#include "vector.h"

typedef const unsigned by_size[4];

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ}, op_sub = {VPSUBB, VPSUBW, VPSUBD, VPSUBQ};
static by_size shift_left = {0, VPSLLVW, VPSLLVD, VPSLLVQ};
static by_size shift_right[2] = {{0, VPSRLVW, VPSRLVD, VPSRLVQ}, {0, VPSRAVW, VPSRAVD, VPSRAVQ}};

/* ---- bytes ---- */

/* S1 = amounts from -LEAST to 8, S2 = their negatives. */
static void clamped_amounts(struct lower *l, const struct a64_insn *insn, unsigned least)
{
    vec(l, VPMINSB, S1, lower_vsrc(l, insn->rm, S1), vector_literal_all(l, 8, 0));
    vec(l, VPMAXSB, S1, S1, vector_literal_all(l, 0u - least, 0));
    vec_zero(l, S2);
    vec_r(l, VPSUBB, S2, S2, S1);
}

/* A byte times 1 << (8 + amount), in a half, has the shifted one in its upper byte. That factor's
 * upper byte is 1 << amount, its lower one 1 << (8 - a shift to the right), both found by VPSHUFB,
 * which gives 0 for negative numbers. Amounts of -9 stand for less, of which rounding makes 0. */
static void shift_bytes(struct lower *l, const struct a64_insn *insn, bool sign, bool round)
{
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    clamped_amounts(l, insn, round ? 9 : 8);
    x86_vload(&l->a, S0, vector_literal(l, 0x8040201008040201, 0));
    vec_r(l, VPSHUFB, S1, S0, S1);
    x86_vload(&l->a, S0, vector_literal(l, 0x0204081020408000, 1));
    vec_r(l, VPSHUFB, S2, S0, S2);
    vec_r(l, VPUNPCKLBW, S0, S2, S1);
    vec_r(l, VPUNPCKHBW, S2, S2, S1);
    vec_extend(l, S1, insn->rn, 0, sign, false);
    vec_r(l, VPMULLW, S0, S0, S1);
    vec_extend(l, S1, insn->rn, 0, sign, true);
    vec_r(l, VPMULLW, S2, S2, S1);
    if (round) {
        const struct x86_rm half = vector_literal_all(l, 0x80, 1);
        vec(l, VPADDW, S0, S0, half);
        vec(l, VPADDW, S2, S2, half);
    }
    vec_shift(l, VPSRLW, S0, S0, 8);
    vec_shift(l, VPSRLW, S2, S2, 8);
    vec_r(l, VPACKUSWB, dst, S0, S2);
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

/* ---- wider lanes ---- */

/* S1 = the low byte of each lane of Vm as a signed number, S2 = its negative. */
static void amounts(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    static by_size left = {0, VPSLLW, VPSLLD, VPSLLQ}, right = {0, VPSRAW, VPSRAD, VPSRAQ};
    const unsigned by = (8u << size) - 8;
    vec_shift(l, left[size], S1, lower_vsrc(l, insn->rm, S1), by);
    vec_shift(l, right[size], S1, S1, by);
    vec_zero(l, S2);
    vec_r(l, op_sub[size], S2, S2, S1);
}

/* S2 = N shifted right by S2. ROUND: with the last bit that is shifted out. Changes EXTRA. */
static void right(struct lower *l, unsigned n, unsigned size, bool sign, bool round, unsigned extra)
{
    const unsigned op = shift_right[sign][size];
    if (round) {
        vec_k(l, op_add[size], extra, S2, K_ONES);
        vec_r(l, op, extra, n, extra);
        vec(l, VPAND, extra, extra, vector_literal_all(l, 1, size));
    }
    vec_r(l, op, S2, n, S2);
    if (round)
        vec_r(l, op_add[size], S2, S2, extra);
}

/* The host's shifts take any amount, as an unsigned number: too much gives zeros, or signs. So of
 * an unsigned shift left and one right by the negative amount one is all zeros, or nothing is
 * shifted at all; of signed ones the amount's sign chooses. */
static void shift(struct lower *l, const struct a64_insn *insn, bool sign, bool round)
{
    const unsigned size = vec_size(insn);
    if ((size == 1 || size == 3) && !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    if (size && round && vhost_of(l->dbt, insn->rn) < 0) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    if (size == 0) {
        shift_bytes(l, insn, sign, round);
        return;
    }
    const unsigned dst = sign ? vec_low_dst(l, insn->rd) : lower_vdst(l, insn->rd, S0);
    amounts(l, insn, size);
    const unsigned n = lower_vsrc(l, insn->rn, S0);
    right(l, n, size, sign, round, S0);
    vec_r(l, shift_left[size], S0, n, S1);
    if (sign)
        vec_i(l, VPBLENDVB, dst, S0, x86_r(S2), S1 << 4);
    else
        vec_r(l, VPOR, dst, S0, S2);
    vec_done(l, insn->rd, dst, vec_bytes(insn, size));
}

/* ---- with saturation ---- */

enum { K_LEFT = 1, K_LOST = 2 }; /* mask registers */

/* S1 = the greatest numbers; SIGN: or the least, for what is negative. */
static void limits(struct lower *l, unsigned n, unsigned size, bool sign)
{
    static by_size signs = {0, VPSRAW, VPSRAD, VPSRAQ};
    const unsigned bits = 8u << size;
    if (!sign) {
        x86_vload(&l->a, S1, vector_constant(l, K_ONES));
        return;
    }
    vec_shift(l, signs[size], S1, n, bits - 1);
    vec(l, VPXOR, S1, S1, vector_literal_all(l, ~0ull >> (65 - bits), size));
}

/* Bits were lost to the left where shifting back does not give the same. */
static void shift_saturating(struct lower *l, const struct a64_insn *insn, bool sign, bool round)
{
    static by_size compare = {0, VPCMP_W, VPCMP_D, VPCMP_Q};
    static by_size move = {0, X_F2 | X_W | X_0F | 0x6f, X_66 | X_0F | 0x6f,
                           X_66 | X_W | X_0F | 0x6f};
    static by_size spread = {0, VPMOVM2W, VPMOVM2D, VPMOVM2Q};
    const unsigned size = vec_size(insn), bytes = vec_bytes(insn, size);
    if (size == 0 || !l->dbt->avx512 || vhost_of(l->dbt, insn->rn) < 0) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    const unsigned n = lower_vsrc(l, insn->rn, S0);
    amounts(l, insn, size);
    vec_i(l, compare[size], K_LEFT, S1, vector_constant(l, K_ZERO), 5); /* not less */
    vec_r(l, shift_left[size], S0, n, S1);
    vec_r(l, shift_right[sign][size], S1, S0, S1);
    x86_evex(&l->a, compare[size], K_LOST, n, x86_r(S1), K_LEFT, false, 1);
    x86_u8(&l->a, 4); /* not equal */
    limits(l, n, size, sign);
    x86_evex(&l->a, move[size] | X_EVEX, S0, 0, x86_r(S1), K_LOST, false, 0);
    right(l, n, size, sign, round, S1);
    x86_evex(&l->a, move[size] | X_EVEX, S2, 0, x86_r(S0), K_LEFT, false, 0);
    vec_r(l, spread[size], S1, 0, K_LOST);
    vec_qc(l, S1, bytes);
    vec_done(l, insn->rd, S2, bytes);
}

#define SHIFT(name, function, sign, round)                                                         \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        function(l, insn, sign, round);                                                            \
    }

SHIFT(sshl, shift, true, false)
SHIFT(ushl, shift, false, false)
SHIFT(srshl, shift, true, true)
SHIFT(urshl, shift, false, true)
SHIFT(sqshl, shift_saturating, true, false)
SHIFT(uqshl, shift_saturating, false, false)
SHIFT(sqrshl, shift_saturating, true, true)
SHIFT(uqrshl, shift_saturating, false, true)

lower_fn *const lower_simd_shl_table[A64_EXEC_COUNT] = {
    SIMD_ROW(sshl),  SIMD_ROW(ushl),  SIMD_ROW(srshl),  SIMD_ROW(urshl),
    SIMD_ROW(sqshl), SIMD_ROW(uqshl), SIMD_ROW(sqrshl), SIMD_ROW(uqrshl),
};
