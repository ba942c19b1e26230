/* SPDX-License-Identifier: MIT */
/* Advanced SIMD same-width instructions that saturate, which sets FPSR.QC (Arm manual C7.2). The
 * host saturates bytes and halves, and says nothing of it: the same without saturation tells.
 * SQRDMLAH and SQRDMLSH of words are the interpreter's. */

#include "vector.h"

typedef const unsigned by_size[4];

static by_size op_add = {VPADDB, VPADDW, VPADDD, VPADDQ}, op_sub = {VPSUBB, VPSUBW, VPSUBD, VPSUBQ};

/* ---- sums and differences ---- */

static void native(struct lower *l, const struct a64_insn *insn, unsigned saturating,
                   unsigned wrapping)
{
    const unsigned bytes = vec_bytes(insn, vec_size(insn)), n = lower_vsrc(l, insn->rn, S1);
    vec(l, wrapping, S0, n, vec_rm(l, insn->rm));
    vec(l, saturating, S1, n, vec_rm(l, insn->rm));
    vec_r(l, VPXOR, S0, S0, S1);
    vec_qc(l, S0, bytes);
    vec_done(l, insn->rd, S1, bytes);
}

/* Words and doublewords, signed. The sum overflows where its sign is neither operand's, the
 * difference where the operands' differ and it has not the first one's; the result then is the
 * greatest or least, by that one's sign. */
static void signed_wide(struct lower *l, const struct a64_insn *insn, bool sub)
{
    const unsigned size = vec_size(insn), bytes = vec_bytes(insn, size);
    const uint64_t signs = size == 2 ? 0x8000000080000000 : 0x8000000000000000;
    const struct x86_rm n = vec_rm(l, insn->rn), m = vec_rm(l, insn->rm);
    vec(l, (sub ? op_sub : op_add)[size], S0, lower_vsrc(l, insn->rn, S0), m);
    vec(l, VPXOR, S1, S0, n);
    vec(l, VPXOR, S2, sub ? lower_vsrc(l, insn->rn, S2) : S0, m);
    vec_r(l, VPAND, S1, S1, S2);
    vec(l, VPAND, S1, S1,
        vector_literal(l, bytes == 4 ? 0x80000000 : signs, bytes == 16 ? signs : 0));
    vec_qc(l, S1, 16);
    if (size == 2) {
        vec_shift(l, VPSRAD, S2, lower_vsrc(l, insn->rn, S2), 31);
    } else if (l->dbt->avx512) {
        vec_shift(l, VPSRAQ, S2, lower_vsrc(l, insn->rn, S2), 63);
    } else {
        vec_zero(l, S2);
        vec(l, VPCMPGTQ, S2, S2, n);
    }
    vec(l, VPXOR, S2, S2, vector_literal_all(l, ~signs, 3));
    vec_i(l, size == 2 ? VBLENDVPS : VBLENDVPD, S0, S0, x86_r(S2), S1 << 4);
    vec_done(l, insn->rd, S0, bytes);
}

/* Unsigned: what is added is at most what is missing to the greatest number, what is subtracted at
 * most what is there; and it saturates where that is less than m. */
static void unsigned_wide(struct lower *l, const struct a64_insn *insn, bool sub)
{
    const unsigned size = vec_size(insn), bytes = vec_bytes(insn, size);
    const unsigned n = lower_vsrc(l, insn->rn, S2), min = size == 2 ? VPMINUD : VPMINUQ;
    if (!sub)
        vec_k(l, VPXOR, S0, n, K_ONES);
    vec(l, min, S1, sub ? n : S0, vec_rm(l, insn->rm));
    vec(l, VPXOR, S0, S1, vec_rm(l, insn->rm));
    vec_qc(l, S0, bytes);
    vec_r(l, (sub ? op_sub : op_add)[size], S1, n, S1);
    vec_done(l, insn->rd, S1, bytes);
}

static void add(struct lower *l, const struct a64_insn *insn, bool sign, bool sub)
{
    static const unsigned op[2][2][2] = {{{VPADDUSB, VPADDUSW}, {VPSUBUSB, VPSUBUSW}},
                                         {{VPADDSB, VPADDSW}, {VPSUBSB, VPSUBSW}}};
    const unsigned size = vec_size(insn);
    if (size == 3 && !sign && !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    if (size < 2)
        native(l, insn, op[sign][sub][size], (sub ? op_sub : op_add)[size]);
    else if (sign)
        signed_wide(l, insn, sub);
    else
        unsigned_wide(l, insn, sub);
}

#define ROW_OF(name, function, ...)                                                                \
    static void lower_simd_##name(struct lower *l, const struct a64_insn *insn)                    \
    {                                                                                              \
        function(l, insn, __VA_ARGS__);                                                            \
    }

ROW_OF(sqadd, add, true, false)
ROW_OF(sqsub, add, true, true)
ROW_OF(uqadd, add, false, false)
ROW_OF(uqsub, add, false, true)

/* SUQADD adds unsigned numbers to signed ones, USQADD signed ones to unsigned ones: Vd half the
 * range away makes both the same kind. */
static void add_mixed(struct lower *l, const struct a64_insn *insn, unsigned bytes_op,
                      unsigned halves_op)
{
    const unsigned size = vec_size(insn), bytes = vec_bytes(insn, size);
    const enum vector_constant sign = size ? K_8000 : K_80B;
    if (size > 1) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    vec_k(l, VPXOR, S2, lower_vsrc(l, insn->rd, S2), sign);
    vec(l, op_add[size], S0, S2, vec_rm(l, insn->rn));
    vec(l, size ? halves_op : bytes_op, S1, S2, vec_rm(l, insn->rn));
    vec_r(l, VPXOR, S0, S0, S1);
    vec_qc(l, S0, bytes);
    vec_k(l, VPXOR, S1, S1, sign);
    vec_done(l, insn->rd, S1, bytes);
}

ROW_OF(suqadd, add_mixed, VPADDUSB, VPADDUSW)
ROW_OF(usqadd, add_mixed, VPADDSB, VPADDSW)

/* ---- what overflows only to the least number: that becomes the greatest ---- */

/* S0 becomes Vd. */
static void least_is_greatest(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    static by_size equal = {VPCMPEQB, VPCMPEQW, VPCMPEQD, VPCMPEQQ};
    static const uint8_t least[4] = {K_80B, K_8000, K_80000000, K_SIGN64};
    const unsigned bytes = vec_bytes(insn, size);
    vec_k(l, equal[size], S1, S0, (enum vector_constant)least[size]);
    vec_r(l, VPXOR, S0, S0, S1);
    vec_qc(l, S1, bytes);
    vec_done(l, insn->rd, S0, bytes);
}

static void lower_simd_sqabs(struct lower *l, const struct a64_insn *insn)
{
    static by_size op = {VPABSB, VPABSW, VPABSD, VPABSQ};
    const unsigned size = vec_size(insn);
    if (size == 3 && !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    vec(l, op[size], S0, 0, vec_rm(l, insn->rn));
    least_is_greatest(l, insn, size);
}

static void lower_simd_sqneg(struct lower *l, const struct a64_insn *insn)
{
    lower_clobber(l);
    lower_vectors(l);
    vec_zero(l, S0);
    vec(l, op_sub[vec_size(insn)], S0, S0, vec_rm(l, insn->rn));
    least_is_greatest(l, insn, vec_size(insn));
}

/* Words: the even and the odd products, doubled and rounded, of which the upper halves are wanted.
 * M may be S2, the same word everywhere. */
static void high_words(struct lower *l, const struct a64_insn *insn, struct x86_rm m, bool round)
{
    const struct x86_rm half = vector_literal_all(l, 0x80000000, 3);
    vec(l, VPMULDQ, S0, lower_vsrc(l, insn->rn, S0), m);
    if (m.reg != (int)S2)
        vec_i(l, VPSHUFD, S2, 0, m, 0xf5);
    vec_i(l, VPSHUFD, S1, 0, vec_rm(l, insn->rn), 0xf5);
    vec_r(l, VPMULDQ, S1, S1, S2);
    for (unsigned k = 0; k < 2; k++) {
        vec_r(l, VPADDQ, k ? S1 : S0, k ? S1 : S0, k ? S1 : S0);
        if (round)
            vec(l, VPADDQ, k ? S1 : S0, k ? S1 : S0, half);
    }
    vec_shift(l, VPSRLQ, S0, S0, 32);
    vec_i(l, VPBLENDD, S0, S0, x86_r(S1), 0xa);
}

/* VPMULHRSW is the rounding one for halves. */
static void doubling_high(struct lower *l, const struct a64_insn *insn, struct x86_rm m, bool round)
{
    const unsigned size = vec_size(insn), n = lower_vsrc(l, insn->rn, S1);
    lower_clobber(l);
    if (size == 2) {
        high_words(l, insn, m, round);
    } else if (round) {
        vec(l, VPMULHRSW, S0, n, m);
    } else {
        vec(l, VPMULHW, S0, n, m);
        vec(l, VPMULLW, S1, n, m);
        vec_shift(l, VPSRLW, S1, S1, 15);
        vec_r(l, VPADDW, S0, S0, S0);
        vec_r(l, VPOR, S0, S0, S1);
    }
    least_is_greatest(l, insn, size);
}

VEC_BY_VECTOR(simd_sqdmulh, doubling_high, false)
VEC_BY_ELEMENT(simd_sqdmulh, doubling_high, false)
VEC_BY_VECTOR(simd_sqrdmulh, doubling_high, true)
VEC_BY_ELEMENT(simd_sqrdmulh, doubling_high, true)

/* S0 and S1 = the low and the high words of Vd << 15 plus or less Vn * Vm, rounded to 1 << 15: Vn *
 * Vm less Vd << 15 by VPMADDWD, turned round; or of ~Vd, which is (1 << 15) - (1 << 14) more than
 * it should be. */
static void accumulated_products(struct lower *l, const struct a64_insn *insn, bool by_element,
                                 bool sub)
{
    const struct x86_rm half = vector_literal_all(l, 1 << 14, 2), n = vec_rm(l, insn->rn);
    unsigned d = lower_vsrc(l, insn->rd, S0);
    if (!sub) {
        vec_k(l, VPXOR, S0, d, K_ONES);
        d = S0;
    }
    vec(l, VPUNPCKHWD, S1, d, n);
    vec(l, VPUNPCKLWD, S0, d, n);
    if (by_element) {
        vec_element(l, insn, S2);
        vec_i(l, VPBLENDW, S2, S2, vector_constant(l, K_8000), 0x55);
        vec_r(l, VPMADDWD, S0, S0, S2);
    } else {
        x86_vload(&l->a, S2, vector_constant(l, K_8000));
        vec(l, VPUNPCKLWD, S2, S2, vec_rm(l, insn->rm));
        vec_r(l, VPMADDWD, S0, S0, S2);
        x86_vload(&l->a, S2, vector_constant(l, K_8000));
        vec(l, VPUNPCKHWD, S2, S2, vec_rm(l, insn->rm));
    }
    vec_r(l, VPMADDWD, S1, S1, S2);
    if (sub)
        x86_vload(&l->a, S2, half);
    for (unsigned reg = S0; reg <= S1; reg++) {
        if (sub)
            vec_r(l, VPSUBD, reg, S2, reg);
        else
            vec(l, VPSUBD, reg, reg, half);
        vec_shift(l, VPSRAD, reg, reg, 15);
    }
}

/* SQRDMLAH, SQRDMLSH: halves saturate where a word has more than 16 bits. */
static void accumulate_high(struct lower *l, const struct a64_insn *insn, bool by_element, bool sub)
{
    const unsigned bytes = vec_bytes(insn, 1);
    if (vec_size(insn) != 1) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_vectors(l);
    accumulated_products(l, insn, by_element, sub);
    const struct x86_rm least = vector_literal_all(l, 0x8000, 2);
    vec_r(l, VPACKSSDW, S2, S0, S1);
    vec(l, VPADDD, S0, S0, least);
    if (bytes == 16) {
        vec(l, VPADDD, S1, S1, least);
        vec_r(l, VPOR, S0, S0, S1);
    }
    vec_shift(l, VPSRLD, S0, S0, 16);
    vec_qc(l, S0, bytes == 2 ? 4 : 16);
    vec_done(l, insn->rd, S2, bytes);
}

ROW_OF(sqrdmlah, accumulate_high, false, false)
ROW_OF(sqrdmlsh, accumulate_high, false, true)
ROW_OF(sqrdmlah_elem, accumulate_high, true, false)
ROW_OF(sqrdmlsh_elem, accumulate_high, true, true)

lower_fn *const lower_simd_sat_table[A64_EXEC_COUNT] = {
    SIMD_ROW(sqadd),    SIMD_ROW(sqsub),        SIMD_ROW(uqadd),         SIMD_ROW(uqsub),
    SIMD_ROW(sqabs),    SIMD_ROW(suqadd),       SIMD_ROW(usqadd),        SIMD_ROW(sqneg),
    SIMD_ROW(sqdmulh),  SIMD_ROW(sqdmulh_elem), SIMD_ROW(sqrdmulh),      SIMD_ROW(sqrdmulh_elem),
    SIMD_ROW(sqrdmlah), SIMD_ROW(sqrdmlsh),     SIMD_ROW(sqrdmlah_elem), SIMD_ROW(sqrdmlsh_elem),
};
