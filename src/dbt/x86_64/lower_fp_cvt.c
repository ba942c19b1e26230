/* SPDX-License-Identifier: MIT */
/* Floating-point conversions: to and from integers and fixed-point numbers, between formats, and to
 * integral values; scalar, vector, to and from general registers.
 *
 * To an integer: what does not fit becomes one certain value on the host ("integer indefinite": the
 * most negative signed number, all ones for unsigned ones), with Invalid Operation and nothing else
 * raised, as Arm raises it; the interpreter then finds out what Arm saturates to. Rounding other
 * than towards zero is done first, to an integral value and without a trace; once the result is
 * known to fit, the truncation of the operand raises Inexact, if at all. Without AVX-512 there are
 * no unsigned conversions and none of 64-bit elements. */

#include "lower_fp.h"
#include "vector.h"

/* The host's rounding modes, as in VROUNDSD's immediate; 8 added: Inexact is not raised. */
enum round { ROUND_NEAREST, ROUND_DOWN, ROUND_UP, ROUND_ZERO, ROUND_MXCSR, ROUND_AWAY };
#define ROUND_QUIET 8u

/* VROUNDxx, VRNDSCALExx */
static void round_op(struct lower *l, struct fp_shape s, unsigned dst, unsigned src, unsigned imm)
{
    const unsigned op = (s.scalar ? 0x0a : 0x08) + (s.bits == 64);
    x86_v3(&l->a, op | X_0F3A | X_66, s.bits == 64, dst, s.scalar ? src : 0, x86_r((int)src), 1);
    x86_u8(&l->a, imm);
}

/* 2^EXP in the format of BITS, in every element of 16 bytes. */
static struct x86_rm power_of_two(struct lower *l, unsigned bits, int exp)
{
    uint64_t value[2];
    if (bits == 64)
        value[0] = (uint64_t)(1023 + exp) << 52;
    else
        value[0] = (uint64_t)(127 + exp) << 23 | (uint64_t)(127 + exp) << 55;
    value[1] = value[0];
    return x86_at((const void *)lower_literal(l, value, sizeof value));
}

/* S1 = V rounded to integral values, ties away from zero, without a trace. With the lowest bit set,
 * a tie is beyond one for VROUNDxx to nearest, and nothing else changes sides while a unit of the
 * last place is a quarter at most; larger numbers, infinities and NaNs are rare. V is not S2. */
static struct fp_rare round_away(struct lower *l, const struct a64_insn *insn, struct fp_shape s,
                                 unsigned v)
{
    struct x86 *a = &l->a;
    const struct dbt_fp_constants *constants = fp_constants(l, s.bits);
    const struct x86_rm limit = power_of_two(l, s.bits, s.bits == 64 ? 51 : 22);
    enum x86_cc large = CC_BE;
    fp_logic(l, s.bits, FP_AND, S1, v, x86_at(constants->abs));
    x86_vload(a, S2, limit);
    if (s.scalar) {
        fp_logic(l, s.bits, FP_UCOMIS, S2, 0, x86_r(S1));
    } else { /* VPCMPGTx, VTESTPS: all must be less */
        vec_r(l, s.bits == 64 ? VPCMPGTQ : VPCMPGTD, S2, S2, S1);
        vec(l, V38 | X_VEX | 0x0e, S2, 0, vector_constant(l, K_ONES));
        large = CC_AE;
    }
    const struct fp_rare rare = fp_rare(l, insn, x86_jcc(a, large));
    vec(l, VPOR, S1, v, vector_literal_all(l, 1, s.bits == 64 ? 3 : 2));
    round_op(l, s, S1, S1, ROUND_NEAREST | ROUND_QUIET);
    return rare;
}

/* V<n> as an operand whose elements above the instruction's own raise nothing: a scalar alone, in
 * all 128 bits. */
static unsigned isolated(struct lower *l, struct fp_shape s, unsigned n, unsigned scratch)
{
    if (!s.scalar)
        return fp_vector(l, s, n, scratch);
    const unsigned v = fp_scalar(l, s.bits, n, scratch);
    if (fp_is_clean(l, s.bits, n))
        return v;
    fp_keep_low(l, s.bits, scratch, v);
    return scratch;
}

/* ---- from integers ---- */

static void from_gpr(struct lower *l, const struct a64_insn *insn, bool is_unsigned)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = fp_shape_of(insn);
    const unsigned fbits = a64_fp_shape(insn->imm).extra;
    const bool x = insn->word >> 31, wide = x && is_unsigned;
    if (s.bits == 16 || l->mode & DBT_MODE_FPCR || (wide && !l->dbt->avx512)) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned r = fp_target(l, insn, s, 0);
    const unsigned prefix = s.bits == 64 ? X_F2 : X_F3;
    fp_logic(l, 32, FP_XOR, r, r, x86_r((int)r));
    if (insn->rn != 31) {
        struct x86_rm n = lower_rm(insn->rn);
        if (is_unsigned && !x) {
            x86_mov(a, 0, RAX, n);
            n = x86_r(RAX);
        }
        if (wide) /* VCVTUSI2Sx */
            x86_evex(a, 0x7b | X_0F | prefix | X_W, r, r, n, 0, false, 0);
        else /* VCVTSI2Sx */
            x86_v3(a, 0x2a | X_0F | prefix | (x || is_unsigned ? X_W : 0), x || is_unsigned, r, r,
                   n, 0);
        if (fbits)
            fp_op(l, s, FP_MUL, r, r, power_of_two(l, s.bits, -(int)fbits));
    }
    fp_commit(l, insn, s, r, true);
}

/* Within the vector registers; scalars too. */
static void from_vector(struct lower *l, const struct a64_insn *insn, bool is_unsigned)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = fp_shape_of(insn);
    const unsigned fbits = a64_fp_shape(insn->imm).extra;
    if (s.bits == 16 || l->mode & DBT_MODE_FPCR ||
        ((is_unsigned || s.bits == 64) && !l->dbt->avx512)) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const struct fp_shape packed = {.bits = s.bits};
    const unsigned r = fp_target(l, insn, s, 0);
    const unsigned n = isolated(l, s, insn->rn, VSCRATCH1);
    if (s.bits == 64) /* VCVTQQ2PD, VCVTUQQ2PD */
        x86_evex(a, (is_unsigned ? 0x7a : 0xe6) | X_0F | X_F3 | X_W, r, 0, x86_r((int)n), 0, false,
                 0);
    else if (is_unsigned) /* VCVTUDQ2PS */
        x86_evex(a, 0x7a | X_0F | X_F2, r, 0, x86_r((int)n), 0, false, 0);
    else /* VCVTDQ2PS */
        x86_v3(a, 0x5b | X_0F, false, r, 0, x86_r((int)n), 0);
    if (fbits)
        fp_op(l, packed, FP_MUL, r, r, power_of_two(l, s.bits, -(int)fbits));
    fp_commit(l, insn, s, r, true);
}

/* ---- to integers ---- */

/* DST = V truncated: VCVTTSx2SI, VCVTTSx2USI */
static void truncate(struct lower *l, unsigned bits, bool x, bool is_unsigned, unsigned dst,
                     unsigned v)
{
    const unsigned prefix = (bits == 64 ? X_F2 : X_F3) | X_0F | (x ? X_W : 0);
    if (is_unsigned)
        x86_evex(&l->a, 0x78 | prefix, dst, 0, x86_r((int)v), 0, false, 0);
    else
        x86_v3(&l->a, 0x2c | prefix, x, dst, 0, x86_r((int)v), 0);
}

static void to_gpr(struct lower *l, const struct a64_insn *insn, bool is_unsigned, enum round round)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = fp_shape_of(insn);
    const unsigned fbits = a64_fp_shape(insn->imm).extra;
    const bool x = insn->word >> 31;
    struct fp_rare large = {{NULL}};
    if ((is_unsigned || fbits) && !l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n = fp_scalar(l, s.bits, insn->rn, VSCRATCH0);
    unsigned v = n;
    if (fbits) { /* exact, or too large anyway: no exceptions are raised */
        x86_vload(a, VSCRATCH1, power_of_two(l, s.bits, (int)fbits));
        const unsigned prefix = s.bits == 64 ? X_F2 | X_W : X_F3;
        x86_evex_sae(a, FP_MUL | X_0F | prefix, VSCRATCH1, VSCRATCH1, n);
        v = VSCRATCH1;
    }
    if (round != ROUND_ZERO) {
        if (round == ROUND_AWAY)
            large = round_away(l, insn, s, v);
        else
            round_op(l, s, VSCRATCH1, v, round | ROUND_QUIET);
        v = VSCRATCH1;
    }
    const unsigned dst = insn->rd == 31 ? RAX : lower_dst(insn->rd, RAX);
    truncate(l, s.bits, x, is_unsigned, dst, v);
    x86_alu_imm(a, ALU_CMP, x, x86_r((int)dst), is_unsigned ? -1 : 1);
    const struct fp_rare rare = fp_rare(l, insn, x86_jcc(a, is_unsigned ? CC_E : CC_O));
    if (round != ROUND_ZERO)
        truncate(l, s.bits, x, is_unsigned, RCX, n);
    lower_done(l, insn->rd, dst);
    fp_rejoin(l, large);
    fp_rejoin(l, rare);
}

/* DST = the elements of V truncated: VCVTTPx2DQ and its kin. */
static void truncate_vector(struct lower *l, unsigned bits, bool is_unsigned, unsigned dst,
                            unsigned v)
{
    struct x86 *a = &l->a;
    const struct x86_rm rm = x86_r((int)v);
    if (bits == 64)
        x86_evex(a, (is_unsigned ? 0x78 : 0x7a) | X_0F | X_66 | X_W, dst, 0, rm, 0, false, 0);
    else if (is_unsigned)
        x86_evex(a, 0x78 | X_0F, dst, 0, rm, 0, false, 0);
    else
        x86_v3(a, 0x5b | X_0F | X_F3, false, dst, 0, rm, 0);
}

static void to_vector(struct lower *l, const struct a64_insn *insn, bool is_unsigned,
                      enum round round)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = fp_shape_of(insn), packed = {.bits = s.bits};
    const struct dbt_fp_constants *constants = fp_constants(l, s.bits);
    struct fp_rare large = {{NULL}};
    if (a64_fp_shape(insn->imm).extra || ((is_unsigned || s.bits == 64) && !l->dbt->avx512)) {
        lower_call(l, insn);
        return;
    }
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n = isolated(l, s, insn->rn, VSCRATCH0);
    unsigned v = n;
    if (round != ROUND_ZERO) {
        if (round == ROUND_AWAY)
            large = round_away(l, insn, packed, v);
        else
            round_op(l, packed, VSCRATCH1, v, round | ROUND_QUIET);
        v = VSCRATCH1;
    }
    truncate_vector(l, s.bits, is_unsigned, VSCRATCH1, v);
    /* VPCMPEQD, VPCMPEQQ */
    const struct x86_rm indefinite = x86_at(is_unsigned ? constants->ones : constants->sign);
    x86_vex(a, (s.bits == 64 ? 0x29 | X_0F38 : 0x76 | X_0F) | X_66, VSCRATCH2, VSCRATCH1,
            indefinite, 0);
    x86_vex(a, 0x0e | X_0F38 | X_66, VSCRATCH2, 0, x86_r(VSCRATCH2), 0); /* VTESTPS: the signs */
    const struct fp_rare rare = fp_rare(l, insn, x86_jcc(a, CC_NE));
    if (round != ROUND_ZERO)
        truncate_vector(l, s.bits, is_unsigned, VSCRATCH2, n);
    fp_commit(l, insn, s, VSCRATCH1, true);
    fp_rejoin(l, large);
    fp_rejoin(l, rare);
}

/* FJCVTZS: what fits 32 bits is common; Z says whether it is exact, and not -0. */
static void lower_fjcvtzs(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    if (!fp_begin_lowering(l, insn, 64))
        return;
    const unsigned n = fp_scalar(l, 64, insn->rn, VSCRATCH0);
    truncate(l, 64, false, false, RAX, n);
    x86_alu_imm(a, ALU_CMP, 0, x86_r(RAX), 1);
    const struct x86_label other = x86_jcc(a, CC_O);
    fp_logic(l, 32, FP_XOR, VSCRATCH1, VSCRATCH1, x86_r(VSCRATCH1));
    x86_v3(a, 0x2a | X_0F | X_F2, false, VSCRATCH1, VSCRATCH1, x86_r(RAX), 0);
    x86_vmovd_to(a, 1, x86_r(RCX), VSCRATCH1);
    x86_vmovd_to(a, 1, x86_r(RDX), n);
    lower_done(l, insn->rd, RAX);
    x86_alu(a, ALU_XOR, 1, RCX, x86_r(RDX));
    x86_setcc(a, CC_NE, RCX);
    x86_movzx8(a, RCX, x86_r(RCX));
    x86_test(a, 0, RCX, x86_r(RCX));
    lower_set_flags(l, FLAGS_LOGIC);
    lower_save_flags(l); /* where the interpreter leaves them too */
    l->flags.host = false;
    fp_rejoin(l, fp_rare(l, insn, other));
}

/* ---- between formats ---- */

/* FCVT to or from halves by F16C. The half is alone in its register. */
static void from_half(struct lower *l, const struct a64_insn *insn, unsigned to)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = {.bits = (uint8_t)to, .scalar = true};
    if (fp_pinned(l, insn->rn)) {
        x86_vmovd_to(a, 0, x86_r(RAX), (unsigned)vhost_of(l->dbt, insn->rn));
        x86_movzx16(a, RAX, x86_r(RAX));
    } else {
        x86_movzx16(a, RAX, guest_vector(insn->rn));
    }
    x86_vmovd_from(a, 0, VSCRATCH0, x86_r(RAX));
    x86_vex(a, 0x13 | X_0F38 | X_66, VSCRATCH0, 0, x86_r(VSCRATCH0), 0); /* VCVTPH2PS */
    if (to == 64)
        x86_vex(a, 0x5a | X_0F | X_F3, VSCRATCH0, VSCRATCH0, x86_r(VSCRATCH0), 0);
    const struct fp_rare rare = fp_check(l, insn, s, VSCRATCH0, CHECK_NAN);
    fp_commit(l, insn, s, VSCRATCH0, true);
    fp_rejoin(l, rare);
}

/* The half that a single becomes is rare if it is a NaN or the least normal number. */
static void to_half(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = {.bits = 32, .scalar = true};
    const unsigned n = isolated(l, s, insn->rn, VSCRATCH0);
    if (n > 15)
        x86_vmov(a, VSCRATCH0, n);
    x86_vex(a, 0x1d | X_0F3A | X_66, n > 15 ? VSCRATCH0 : n, 0, x86_r(VSCRATCH0),
            1); /* VCVTPS2PH */
    x86_u8(a, ROUND_MXCSR);
    x86_vmovd_to(a, 0, x86_r(RAX), VSCRATCH0);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RAX), 0x7fff);
    x86_alu_imm(a, ALU_CMP, 0, x86_r(RAX), 0x0400);
    const struct x86_label least = x86_jcc(a, CC_E);
    x86_alu_imm(a, ALU_CMP, 0, x86_r(RAX), 0x7c00);
    const struct x86_label nan = x86_jcc(a, CC_A);
    x86_land(&l->cold, least);
    const struct fp_rare rare = fp_rare(l, insn, nan);
    fp_commit(l, insn, s, VSCRATCH0, true);
    fp_rejoin(l, rare);
}

static void lower_fcvt(struct lower *l, const struct a64_insn *insn)
{
    static const uint8_t bits_of[4] = {32, 64, 0, 16};
    const unsigned from = a64_fp_shape(insn->imm).bits, to = bits_of[insn->word >> 15 & 3];
    const struct fp_shape s = {.bits = (uint8_t)to, .scalar = true};
    if (!fp_begin_conversion(l, insn, from, from == 64 && to == 16 ? 16 : 32))
        return;
    if (from == 16) {
        from_half(l, insn, to);
        return;
    }
    if (to == 16) {
        to_half(l, insn);
        return;
    }
    const unsigned r = fp_target(l, insn, s, 1u << insn->rn);
    fp_logic(l, 32, FP_XOR, r, r, x86_r((int)r));
    x86_v3(&l->a, 0x5a | X_0F | (from == 64 ? X_F2 : X_F3), from == 64, r, r, fp_rm(l, insn->rn),
           0);
    const struct fp_rare rare = fp_check(l, insn, s, r, to == 64 ? CHECK_NAN : CHECK_TINY);
    fp_commit(l, insn, s, r, true);
    fp_rejoin(l, rare);
}

/* FCVTL, FCVTL2: the lower or upper half of Vn to elements twice as wide. */
static void lower_fcvtl(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = {.bits = (uint8_t)a64_fp_shape(insn->imm).bits};
    if (!fp_begin_conversion(l, insn, s.bits / 2, s.bits))
        return;
    unsigned n = lower_vsrc(l, insn->rn, VSCRATCH0);
    if (insn->word >> 30 & 1) { /* VUNPCKHPD */
        x86_v3(a, 0x15 | X_0F | X_66, true, VSCRATCH0, n, x86_r((int)n), 0);
        n = VSCRATCH0;
    }
    if (s.bits == 64) /* VCVTPS2PD */
        x86_v3(a, 0x5a | X_0F, false, VSCRATCH0, 0, x86_r((int)n), 0);
    else /* VCVTPH2PS */
        x86_v3(a, 0x13 | X_0F38 | X_66, false, VSCRATCH0, 0, x86_r((int)n), 0);
    const struct fp_rare rare = fp_check(l, insn, s, VSCRATCH0, CHECK_NAN);
    fp_commit(l, insn, s, VSCRATCH0, false);
    fp_rejoin(l, rare);
}

/* FCVTN, FCVTN2 of doubles: to the lower half of Vd, the upper becoming 0, or to the upper. */
static void lower_fcvtn(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const struct fp_shape s = {.bits = 32};
    if (!fp_begin_lowering(l, insn, a64_fp_shape(insn->imm).bits == 64 ? 64 : 16))
        return;
    x86_v3(a, 0x5a | X_0F | X_66, true, VSCRATCH0, 0, fp_rm(l, insn->rn), 0); /* VCVTPD2PS */
    const struct fp_rare rare = fp_check(l, insn, s, VSCRATCH0, CHECK_TINY);
    if (insn->word >> 30 & 1) { /* VUNPCKLPD */
        const unsigned d = lower_vsrc(l, insn->rd, VSCRATCH1);
        x86_v3(a, 0x14 | X_0F | X_66, true, VSCRATCH0, d, x86_r(VSCRATCH0), 0);
    } else {
        lower_made(l, insn->rd, 8);
    }
    fp_commit(l, insn, s, VSCRATCH0, false);
    fp_rejoin(l, rare);
}

/* ---- to integral values ---- */

static void integral(struct lower *l, const struct a64_insn *insn, unsigned imm)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned r = fp_target(l, insn, s, 1u << insn->rn);
    const unsigned n =
        s.scalar ? fp_scalar(l, s.bits, insn->rn, VSCRATCH1) : fp_vector(l, s, insn->rn, VSCRATCH1);
    round_op(l, s, r, n, imm);
    const struct fp_rare rare = fp_check(l, insn, s, r, CHECK_NAN);
    fp_commit(l, insn, s, r, fp_is_clean(l, s.bits, insn->rn));
    fp_rejoin(l, rare);
}

static void lower_frinta(struct lower *l, const struct a64_insn *insn)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned n =
        s.scalar ? fp_scalar(l, s.bits, insn->rn, S0) : fp_vector(l, s, insn->rn, S0);
    const struct fp_rare rare = round_away(l, insn, s, n);
    fp_commit(l, insn, s, S1, false);
    fp_rejoin(l, rare);
}

/* ---- the table ---- */

#define TO_INTEGER(name, is_unsigned, round)                                                       \
    ONE(name, to_vector, is_unsigned, round)                                                       \
    ONE(name##_gpr, to_gpr, is_unsigned, round)

TO_INTEGER(fcvtns, false, ROUND_NEAREST)
TO_INTEGER(fcvtnu, true, ROUND_NEAREST)
TO_INTEGER(fcvtps, false, ROUND_UP)
TO_INTEGER(fcvtpu, true, ROUND_UP)
TO_INTEGER(fcvtms, false, ROUND_DOWN)
TO_INTEGER(fcvtmu, true, ROUND_DOWN)
TO_INTEGER(fcvtas, false, ROUND_AWAY)
TO_INTEGER(fcvtau, true, ROUND_AWAY)
TO_INTEGER(fcvtzs, false, ROUND_ZERO)
TO_INTEGER(fcvtzu, true, ROUND_ZERO)
ONE(scvtf, from_vector, false)
ONE(ucvtf, from_vector, true)
ONE(scvtf_gpr, from_gpr, false)
ONE(ucvtf_gpr, from_gpr, true)
ONE(frintn, integral, ROUND_NEAREST | ROUND_QUIET)
ONE(frintp, integral, ROUND_UP | ROUND_QUIET)
ONE(frintm, integral, ROUND_DOWN | ROUND_QUIET)
ONE(frintz, integral, ROUND_ZERO | ROUND_QUIET)
ONE(frinti, integral, ROUND_MXCSR | ROUND_QUIET)
ONE(frintx, integral, ROUND_MXCSR)

#define TO_ROWS(name) ROW(name), ROW(name##_gpr)

lower_fn *const lower_fp_cvt_table[A64_EXEC_COUNT] = {
    TO_ROWS(fcvtas), TO_ROWS(fcvtau), ROW(frinta),     TO_ROWS(fcvtns), TO_ROWS(fcvtnu),
    TO_ROWS(fcvtps), TO_ROWS(fcvtpu), TO_ROWS(fcvtms), TO_ROWS(fcvtmu), TO_ROWS(fcvtzs),
    TO_ROWS(fcvtzu), TO_ROWS(scvtf),  TO_ROWS(ucvtf),  ROW(fjcvtzs),    ROW(fcvt),
    ROW(fcvtl),      ROW(fcvtn),      ROW(frintn),     ROW(frintp),     ROW(frintm),
    ROW(frintz),     ROW(frinti),     ROW(frintx),
};
