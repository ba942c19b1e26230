/* SPDX-License-Identifier: MIT */
/* Floating-point moves, comparisons to NZCV and selection (Arm manual C4.1.96): what becomes of
 * numbers without arithmetic. */

#include "lower_fp.h"
#include "vector.h"

/* ---- moves ---- */

static void lower_fmov(struct lower *l, const struct a64_insn *insn)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (s.bits == 16) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, VSCRATCH0);
    if (!fp_pinned(l, insn->rn))
        x86_vmovd_from(&l->a, s.bits == 64, dst, guest_vector(insn->rn));
    else if (fp_is_clean(l, s.bits, insn->rn))
        x86_vmov(&l->a, dst, (unsigned)vhost_of(l->dbt, insn->rn));
    else
        fp_keep_low(l, s.bits, dst, (unsigned)vhost_of(l->dbt, insn->rn));
    lower_vdone(l, insn->rd, dst);
    lower_made(l, insn->rd, s.bits / 8);
}

static void lower_fmov_imm(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, VSCRATCH0);
    const struct x86_rm value = x86_at((const void *)lower_literal(l, &insn->imm, 8));
    x86_vmovd_from(&l->a, 1, dst, value);
    lower_vdone(l, insn->rd, dst);
    lower_made(l, insn->rd, insn->imm >> 32 ? 8 : 4);
}

static void lower_fmov_to_gpr(struct lower *l, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    if (insn->rd == 31)
        return;
    if (bits == 16) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_dst(insn->rd, RAX);
    if (fp_pinned(l, insn->rn))
        x86_vmovd_to(&l->a, bits == 64, x86_r((int)dst), (unsigned)vhost_of(l->dbt, insn->rn));
    else
        x86_mov(&l->a, bits == 64, dst, guest_vector(insn->rn));
    lower_done(l, insn->rd, dst);
}

static void lower_fmov_from_gpr(struct lower *l, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    if (bits == 16) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, VSCRATCH0);
    if (insn->rn == 31)
        x86_v3(&l->a, 0xef | X_0F | X_66, false, dst, dst, x86_r((int)dst), 0); /* VPXOR */
    else
        x86_vmovd_from(&l->a, bits == 64, dst, lower_rm(insn->rn));
    lower_vdone(l, insn->rd, dst);
    lower_made(l, insn->rd, bits / 8);
}

/* FMOV Xd, Vn.D[1] */
static void lower_fmov_from_top(struct lower *l, const struct a64_insn *insn)
{
    if (insn->rd == 31)
        return;
    lower_vectors(l);
    const unsigned dst = lower_dst(insn->rd, RAX);
    x86_vpextrq(&l->a, x86_r((int)dst), lower_vsrc(l, insn->rn, VSCRATCH0), 1);
    lower_done(l, insn->rd, dst);
}

/* FMOV Vd.D[1], Xn */
static void lower_fmov_to_top(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned d = lower_vsrc(l, insn->rd, VSCRATCH0);
    x86_vpinsrq(&l->a, d, d, x86_r((int)lower_src(l, 1, insn->rn, RAX)), 1);
    lower_vdone(l, insn->rd, d);
}

/* ---- comparisons to NZCV ---- */

/* Vn with Vm, or, SWAPPED, Vm with Vn; ZERO: Vm is 0. */
static void compare(struct lower *l, const struct a64_insn *insn, unsigned op, bool zero,
                    bool swapped)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    const struct x86_rm none = vector_constant(l, K_ZERO);
    if (swapped) {
        unsigned first = VSCRATCH0;
        if (zero)
            vec_zero(l, first);
        else
            first = fp_scalar(l, bits, insn->rm, first);
        fp_logic(l, bits, op, first, 0, fp_rm(l, insn->rn));
    } else {
        fp_logic(l, bits, op, fp_scalar(l, bits, insn->rn, VSCRATCH0), 0,
                 zero ? none : fp_rm(l, insn->rm));
    }
    lower_set_flags(l, swapped ? FLAGS_FLOAT_SWAPPED : FLAGS_FLOAT);
}

/* Whether the next condition that is looked at (CS, CC, MI, PL, HI, LS) is one of the host's for
 * the operands in the other order. */
static bool better_swapped(const struct lower *l)
{
    for (unsigned i = l->at + 1; i < l->count && l->flags_live[i]; i++) {
        const struct a64_insn *insn = &l->insn[i];
        if (insn->flags & A64_F_RF)
            return 0x33c >> (insn->flags & A64_F_END ? insn->word & 15 : insn->word >> 12 & 15) & 1;
    }
    return false;
}

/* UCOMIS raises Invalid for signalling NaNs, as FCMP does; COMIS for all, as FCMPE does. */
static void fcmp(struct lower *l, const struct a64_insn *insn, unsigned op, bool zero)
{
    if (!fp_begin_lowering(l, insn, a64_fp_shape(insn->imm).bits))
        return;
    compare(l, insn, op, zero, better_swapped(l));
    if (l->mode & DBT_MODE_FZ)
        lower_save_flags(l); /* where the rare path leaves them */
    if (!lower_flags_wanted(l) || l->mode & DBT_MODE_FZ)
        l->flags.host = false;
}

static void fccmp(struct lower *l, const struct a64_insn *insn, unsigned op)
{
    struct x86 *a = &l->a;
    const unsigned cond = insn->word >> 12 & 15, nzcv = insn->word & 15;
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    if (bits == 16 || l->mode & (DBT_MODE_FPCR | DBT_MODE_FZ) || cond >= 14) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const enum x86_cc cc = lower_condition(l, cond);
    const struct x86_label otherwise = x86_jcc(a, (enum x86_cc)(cc ^ 1));
    compare(l, insn, op, false, false);
    lower_need_flags(l);
    const struct x86_label done = x86_jmp(a);
    x86_land(a, otherwise);
    lower_load_nzcv(l, nzcv);
    x86_land(a, done);
    lower_set_flags(l, FLAGS_SUB);
}

/* ---- selection ---- */

/* Element 0 of V<n>, in general register DST. */
static void to_general(struct lower *l, unsigned bits, unsigned dst, unsigned n)
{
    if (fp_pinned(l, n))
        x86_vmovd_to(&l->a, bits == 64, x86_r((int)dst), (unsigned)vhost_of(l->dbt, n));
    else
        x86_mov(&l->a, bits == 64, dst, guest_vector(n));
}

static void lower_fcsel(struct lower *l, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits, cond = insn->word >> 12 & 15;
    if (bits == 16 || cond >= 14) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const enum x86_cc cc = lower_condition(l, cond);
    to_general(l, bits, RCX, insn->rn);
    to_general(l, bits, RDX, insn->rm);
    x86_cmov(&l->a, (enum x86_cc)(cc ^ 1), bits == 64, RCX, x86_r(RDX));
    const unsigned dst = lower_vdst(l, insn->rd, VSCRATCH0);
    x86_vmovd_from(&l->a, bits == 64, dst, x86_r(RCX));
    lower_vdone(l, insn->rd, dst);
    lower_made(l, insn->rd, bits / 8);
}

/* ---- the table ---- */

ONE(fcmp, fcmp, FP_UCOMIS, false)
ONE(fcmpe, fcmp, FP_COMIS, false)
ONE(fcmp_zero, fcmp, FP_UCOMIS, true)
ONE(fcmpe_zero, fcmp, FP_COMIS, true)
ONE(fccmp, fccmp, FP_UCOMIS)
ONE(fccmpe, fccmp, FP_COMIS)

lower_fn *const lower_fp_move_table[A64_EXEC_COUNT] = {
    ROW(fmov),        ROW(fmov_imm), ROW(fmov_to_gpr), ROW(fmov_from_gpr), ROW(fmov_from_top),
    ROW(fmov_to_top), ROW(fcmp),     ROW(fcmpe),       ROW(fcmp_zero),     ROW(fcmpe_zero),
    ROW(fccmp),       ROW(fccmpe),   ROW(fcsel),
};
