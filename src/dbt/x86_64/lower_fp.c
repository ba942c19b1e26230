/* SPDX-License-Identifier: MIT */
/* Floating-point arithmetic, moves, comparisons to NZCV and selection (Arm manual C4.1.96, "Data
 * Processing
 * -- Scalar Floating-Point and Advanced SIMD"): the operations that the host has too, scalar and
 * vector alike. What makes them exact is told in lower_fp.h. Conversions are in lower_fp_cvt.c;
 * comparisons to masks, maxima and what goes across elements in lower_simd_fp.c. */

#include "lower_fp.h"
#include "vector.h"

#define EVERY64(x)                                                                                 \
    {                                                                                              \
        x, x                                                                                       \
    }
#define EVERY32(x) EVERY64((x) | (uint64_t)(x) << 32)
#define EVERY16(x) EVERY32((x) | (x) << 16)

const struct dbt_fp_constants dbt_fp_constants[3] = {
    {EVERY16(0x7fffu),
     EVERY16(0x8000u),
     {0x8000u, 0},
     EVERY16(0x0400u),
     EVERY16(0x7bffu),
     EVERY16(0xffffu)},
    {EVERY32(0x7fffffffu),
     EVERY32(0x80000000u),
     {0x80000000u, 0},
     EVERY32(0x00800000u),
     EVERY32(0x7f7fffffu),
     EVERY32(~0u)},
    {EVERY64(INT64_MAX),
     EVERY64(1ull << 63),
     {1ull << 63, 0},
     EVERY64(1ull << 52),
     EVERY64(0x7fefffffffffffff),
     EVERY64(~0ull)},
};

/* ---- operands ---- */

/* VFPCLASSPx of V<n> into mask register K. */
static void find_denormals(struct lower *l, unsigned bits, unsigned k, unsigned n)
{
    x86_evex(&l->a, 0x66 | X_0F3A | X_66 | (bits == 64 ? X_W : 0), k, 0, fp_rm(l, n), 0, false, 1);
    x86_u8(&l->a, 0x20);
}

void fp_check_denormals(struct lower *l, const struct a64_insn *insn, unsigned from)
{
    struct x86 *a = &l->a;
    const char *reads = a64_rows[insn->row].rv;
    unsigned count = 0;
    uint32_t seen = 0;
    for (; *reads; reads++) {
        const unsigned n = *reads == 'n'   ? insn->rn
                           : *reads == 'm' ? insn->rm
                           : *reads == 'a' ? insn->ra
                                           : insn->rd;
        if (seen >> n & 1)
            continue;
        seen |= 1u << n;
        find_denormals(l, from, ++count, n);
    }
    if (count == 3) /* KORB K1, K1, K3 */
        x86_vex(a, 0x45 | X_0F | X_66 | X_L, 1, 1, x86_r(3), 0);
    x86_vex(a, 0x98 | X_0F | X_66, 1, 0, x86_r(count == 1 ? 1 : 2), 0); /* KORTESTB */
    l->rejoin = fp_rare(l, insn, x86_jcc(a, CC_NE)).done;
}

/* ---- results ---- */

static enum x86_cc check_scalar(struct lower *l, unsigned bits, unsigned r, enum fp_check check)
{
    const struct dbt_fp_constants *constants = fp_constants(l, bits);
    if (check == CHECK_NAN) {
        fp_logic(l, bits, FP_UCOMIS, r, 0, x86_r((int)r));
        return CC_P;
    }
    /* ZF: equal or unordered. */
    fp_logic(l, bits, FP_AND, VSCRATCH2, r, x86_at(constants->abs));
    fp_logic(l, bits, FP_UCOMIS, VSCRATCH2, 0, x86_at(constants->least));
    return CC_E;
}

#define CMP_UNORD 3
#define CMP_EQ_UQ 8

static enum x86_cc check_vector(struct lower *l, unsigned bits, unsigned r, enum fp_check check)
{
    struct x86 *a = &l->a;
    const struct dbt_fp_constants *constants = fp_constants(l, bits);
    const unsigned prefix = bits == 64 ? X_66 : 0;
    if (check == CHECK_NAN) {
        x86_vex(a, 0xc2 | X_0F | prefix, VSCRATCH2, r, x86_r((int)r), 1);
        x86_u8(a, CMP_UNORD);
    } else {
        fp_logic(l, bits, FP_AND, VSCRATCH2, r, x86_at(constants->abs));
        x86_vex(a, 0xc2 | X_0F | prefix, VSCRATCH2, VSCRATCH2, x86_at(constants->least), 1);
        x86_u8(a, CMP_EQ_UQ);
    }
    x86_vex(a, 0x0e | X_0F38 | X_66, VSCRATCH2, 0, x86_r(VSCRATCH2), 0); /* VTESTPS: the signs */
    return CC_NE;
}

struct fp_rare fp_check(struct lower *l, const struct a64_insn *insn, struct fp_shape s, unsigned r,
                        enum fp_check check)
{
    if (check == CHECK_NONE)
        return (struct fp_rare){{NULL}};
    const enum x86_cc cc =
        s.scalar ? check_scalar(l, s.bits, r, check) : check_vector(l, s.bits, r, check);
    return fp_rare(l, insn, x86_jcc(&l->a, cc));
}

void fp_keep_low(struct lower *l, unsigned bits, unsigned dst, unsigned src)
{
    if (bits == 64) {
        x86_v3(&l->a, 0x7e | X_0F | X_F3, true, dst, 0, x86_r((int)src), 0); /* VMOVQ */
    } else {
        x86_v3(&l->a, 0x21 | X_0F3A | X_66, false, dst, src, x86_r((int)src), 1); /* VINSERTPS */
        x86_u8(&l->a, 0x0e);
    }
}

void fp_commit(struct lower *l, const struct a64_insn *insn, struct fp_shape s, unsigned r,
               bool clean)
{
    const unsigned low = s.half ? 64 : s.bits;
    if ((s.scalar && !clean) || s.half) {
        const unsigned dst = lower_vdst(l, insn->rd, r);
        fp_keep_low(l, low, dst, r);
        r = dst;
    }
    lower_vdone(l, insn->rd, r);
    if (s.scalar || s.half)
        lower_made(l, insn->rd, low / 8);
}

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

/* ABS or NEG: the sign bits alone. */
static void signs(struct lower *l, const struct a64_insn *insn, unsigned op)
{
    const struct fp_shape s = fp_shape_of(insn);
    const struct dbt_fp_constants *constants = fp_constants(l, s.bits);
    if (s.scalar && s.bits == 16) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, VSCRATCH0);
    const unsigned n =
        s.scalar ? fp_scalar(l, s.bits, insn->rn, VSCRATCH0) : lower_vsrc(l, insn->rn, VSCRATCH0);
    const uint64_t *sign = s.scalar ? constants->lowest_sign : constants->sign;
    fp_logic(l, s.bits == 64 ? 64 : 32, op, dst, n, x86_at(op == FP_AND ? constants->abs : sign));
    fp_commit(l, insn, s, dst, fp_is_clean(l, s.bits, insn->rn));
}

/* ---- arithmetic ---- */

/* d = n OP m. COMMUTES: but for NaNs. */
static void binary(struct lower *l, const struct a64_insn *insn, unsigned op, bool commutes,
                   enum fp_check check)
{
    const struct fp_shape s = fp_shape_of(insn);
    unsigned n = insn->rn, m = insn->rm;
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    if (s.scalar && commutes && !fp_is_clean(l, s.bits, n) && fp_is_clean(l, s.bits, m)) {
        n = insn->rm;
        m = insn->rn;
    }
    const unsigned r = fp_target(l, insn, s, 1u << n | 1u << m);
    if (s.scalar)
        fp_op(l, s, op, r, fp_scalar(l, s.bits, n, VSCRATCH1), fp_rm(l, m));
    else if (!s.half)
        fp_op(l, s, op, r, lower_vsrc(l, n, VSCRATCH1), fp_rm(l, m));
    else {
        const unsigned first = fp_vector(l, s, n, VSCRATCH1);
        fp_op(l, s, op, r, first, x86_r((int)fp_vector(l, s, m, VSCRATCH2)));
    }
    const struct fp_rare rare = fp_check(l, insn, s, r, check);
    fp_commit(l, insn, s, r, fp_is_clean(l, s.bits, n));
    fp_rejoin(l, rare);
}

/* d = n * m with its sign turned round, or |n - m|: BINARY, then a mask. */
static void binary_signs(struct lower *l, const struct a64_insn *insn, unsigned op,
                         enum fp_check check, unsigned mask)
{
    const struct fp_shape s = fp_shape_of(insn);
    const struct dbt_fp_constants *constants = fp_constants(l, s.bits);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned first =
        s.scalar ? fp_scalar(l, s.bits, insn->rn, VSCRATCH1) : fp_vector(l, s, insn->rn, VSCRATCH1);
    const struct x86_rm second =
        s.half ? x86_r((int)fp_vector(l, s, insn->rm, VSCRATCH2)) : fp_rm(l, insn->rm);
    fp_op(l, s, op, VSCRATCH0, first, second);
    const struct fp_rare rare = fp_check(l, insn, s, VSCRATCH0, check);
    fp_logic(l, s.bits, mask, VSCRATCH0, VSCRATCH0,
             x86_at(mask == FP_AND ? constants->abs : constants->sign));
    fp_commit(l, insn, s, VSCRATCH0, false);
    fp_rejoin(l, rare);
}

static void lower_fsqrt(struct lower *l, const struct a64_insn *insn)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned r = fp_target(l, insn, s, 1u << insn->rn);
    const unsigned n =
        s.scalar ? fp_scalar(l, s.bits, insn->rn, VSCRATCH1) : fp_vector(l, s, insn->rn, VSCRATCH1);
    fp_op(l, s, FP_SQRT, r, s.scalar ? n : 0, x86_r((int)n));
    const struct fp_rare rare = fp_check(l, insn, s, r, CHECK_NAN);
    fp_commit(l, insn, s, r, fp_is_clean(l, s.bits, insn->rn));
    fp_rejoin(l, rare);
}

/* ---- fused multiply-add ---- */

/* Opcodes of form 231 (first = second * third + first), packed; 213 (first = second * first +
 * third) is 0x10 less, scalar one more. */
enum fused { FMADD = 0xb8, FMSUB = 0xba, FNMADD = 0xbc, FNMSUB = 0xbe };

static void fused_op(struct lower *l, struct fp_shape s, unsigned op, unsigned dst, unsigned src2,
                     struct x86_rm src3)
{
    const unsigned w = s.bits == 64 ? X_W : 0;
    x86_v3(&l->a, (op + s.scalar) | X_0F38 | X_66 | w, w, dst, src2, src3, 0);
}

/* R = the element of V<n>, and what is above it. */
static void copy_scalar(struct lower *l, unsigned bits, unsigned r, unsigned n)
{
    if (fp_pinned(l, n))
        x86_vmov(&l->a, r, (unsigned)vhost_of(l->dbt, n));
    else
        x86_vmovd_from(&l->a, bits == 64, r, guest_vector(n));
}

/* d = (+-)a + (+-)n * m: the one of the three that is clean is the host's first operand. */
static void muladd(struct lower *l, const struct a64_insn *insn, enum fused op)
{
    const struct fp_shape s = fp_shape_of(insn);
    const unsigned n = insn->rn, m = insn->rm, addend = insn->ra;
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned r = fp_target(l, insn, s, 1u << n | 1u << m | 1u << addend);
    unsigned first = addend;
    if (!fp_is_clean(l, s.bits, addend) && (fp_is_clean(l, s.bits, n) || fp_is_clean(l, s.bits, m)))
        first = fp_is_clean(l, s.bits, n) ? n : m;
    copy_scalar(l, s.bits, r, first);
    if (first == addend)
        fused_op(l, s, op, r, fp_scalar(l, s.bits, n, VSCRATCH1), fp_rm(l, m));
    else
        fused_op(l, s, op - 0x10, r, fp_scalar(l, s.bits, first == n ? m : n, VSCRATCH1),
                 fp_rm(l, addend));
    const struct fp_rare rare = fp_check(l, insn, s, r, CHECK_TINY);
    fp_commit(l, insn, s, r, fp_is_clean(l, s.bits, first));
    fp_rejoin(l, rare);
}

/* d[i] += (+-)n[i] * m[i] */
static void accumulate(struct lower *l, const struct a64_insn *insn, enum fused op)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned d = fp_vector(l, s, insn->rd, VSCRATCH0);
    if (d != VSCRATCH0)
        x86_vmov(&l->a, VSCRATCH0, d);
    const unsigned n = fp_vector(l, s, insn->rn, VSCRATCH1);
    const struct x86_rm m =
        s.half ? x86_r((int)fp_vector(l, s, insn->rm, VSCRATCH2)) : fp_rm(l, insn->rm);
    fused_op(l, s, op, VSCRATCH0, n, m);
    const struct fp_rare rare = fp_check(l, insn, s, VSCRATCH0, CHECK_TINY);
    fp_commit(l, insn, s, VSCRATCH0, false);
    fp_rejoin(l, rare);
}

/* ---- by element ---- */

/* Element INDEX of V<m> in every element of SCRATCH, or in its lowest for a scalar. */
static unsigned element(struct lower *l, struct fp_shape s, unsigned m, unsigned index,
                        unsigned scratch)
{
    struct x86 *a = &l->a;
    if (s.scalar && !index)
        return fp_scalar(l, s.bits, m, scratch);
    const unsigned v = lower_vsrc(l, m, scratch);
    if (s.bits == 64) {
        /* VMOVDDUP or VUNPCKHPD. */
        if (index)
            x86_v3(a, 0x15 | X_0F | X_66, true, scratch, v, x86_r((int)v), 0);
        else
            x86_v3(a, 0x12 | X_0F | X_F2, true, scratch, 0, x86_r((int)v), 0);
        return scratch;
    }
    x86_v3(a, 0xc6 | X_0F, false, scratch, v, x86_r((int)v), 1); /* VSHUFPS */
    x86_u8(a, index * 0x55);
    return scratch;
}

/* d[i] = n[i] * m[index] */
static void lower_fmul_elem(struct lower *l, const struct a64_insn *insn)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned r = fp_target(l, insn, s, 1u << insn->rn | 1u << insn->rm);
    const unsigned m = element(l, s, insn->rm, a64_fp_shape(insn->imm).extra, VSCRATCH1);
    if (s.scalar)
        fp_op(l, s, FP_MUL, r, fp_scalar(l, s.bits, insn->rn, VSCRATCH2), x86_r((int)m));
    else if (s.half)
        fp_op(l, s, FP_MUL, r, fp_vector(l, s, insn->rn, VSCRATCH2), x86_r((int)m));
    else
        fp_op(l, s, FP_MUL, r, m, fp_rm(l, insn->rn));
    const struct fp_rare rare = fp_check(l, insn, s, r, CHECK_TINY);
    fp_commit(l, insn, s, r, fp_is_clean(l, s.bits, insn->rn));
    fp_rejoin(l, rare);
}

/* d[i] += (+-)n[i] * m[index] */
static void accumulate_elem(struct lower *l, const struct a64_insn *insn, enum fused op)
{
    const struct fp_shape s = fp_shape_of(insn);
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned m = element(l, s, insn->rm, a64_fp_shape(insn->imm).extra, VSCRATCH1);
    if (s.scalar) {
        copy_scalar(l, s.bits, VSCRATCH0, insn->rd);
    } else {
        const unsigned d = fp_vector(l, s, insn->rd, VSCRATCH0);
        if (d != VSCRATCH0)
            x86_vmov(&l->a, VSCRATCH0, d);
    }
    const struct x86_rm n =
        s.half ? x86_r((int)fp_vector(l, s, insn->rn, VSCRATCH2)) : fp_rm(l, insn->rn);
    fused_op(l, s, op, VSCRATCH0, m, n);
    const struct fp_rare rare = fp_check(l, insn, s, VSCRATCH0, CHECK_TINY);
    fp_commit(l, insn, s, VSCRATCH0, fp_is_clean(l, s.bits, insn->rd));
    fp_rejoin(l, rare);
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

ONE(fabs, signs, FP_AND)
ONE(fneg, signs, FP_XOR)
ONE(fadd, binary, FP_ADD, true, CHECK_NAN)
ONE(fsub, binary, FP_SUB, false, CHECK_NAN)
ONE(fmul, binary, FP_MUL, true, CHECK_TINY)
ONE(fdiv, binary, FP_DIV, false, CHECK_NAN)
ONE(fnmul, binary_signs, FP_MUL, CHECK_TINY, FP_XOR)
ONE(fabd, binary_signs, FP_SUB, CHECK_NAN, FP_AND)
ONE(fmadd, muladd, FMADD)
ONE(fmsub, muladd, FNMADD)
ONE(fnmadd, muladd, FNMSUB)
ONE(fnmsub, muladd, FMSUB)
ONE(fmla, accumulate, FMADD)
ONE(fmls, accumulate, FNMADD)
ONE(fmla_elem, accumulate_elem, FMADD)
ONE(fmls_elem, accumulate_elem, FNMADD)
ONE(fcmp, fcmp, FP_UCOMIS, false)
ONE(fcmpe, fcmp, FP_COMIS, false)
ONE(fcmp_zero, fcmp, FP_UCOMIS, true)
ONE(fcmpe_zero, fcmp, FP_COMIS, true)
ONE(fccmp, fccmp, FP_UCOMIS)
ONE(fccmpe, fccmp, FP_COMIS)

lower_fn *const lower_fp_table[A64_EXEC_COUNT] = {
    ROW(fmov),        ROW(fmov_imm),  ROW(fmov_to_gpr), ROW(fmov_from_gpr), ROW(fmov_from_top),
    ROW(fmov_to_top), ROW(fabs),      ROW(fneg),        ROW(fadd),          ROW(fsub),
    ROW(fmul),        ROW(fdiv),      ROW(fnmul),       ROW(fabd),          ROW(fsqrt),
    ROW(fmadd),       ROW(fmsub),     ROW(fnmadd),      ROW(fnmsub),        ROW(fmla),
    ROW(fmls),        ROW(fmul_elem), ROW(fmla_elem),   ROW(fmls_elem),     ROW(fcmp),
    ROW(fcmpe),       ROW(fcmp_zero), ROW(fcmpe_zero),  ROW(fccmp),         ROW(fccmpe),
    ROW(fcsel),
};
