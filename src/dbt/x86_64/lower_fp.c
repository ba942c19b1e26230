/* SPDX-License-Identifier: MIT */
/* Floating-point arithmetic (Arm manual C4.1.96, "Data Processing -- Scalar Floating-Point and
 * Advanced SIMD"): the operations that the host has too, scalar and vector alike. What makes them
 * exact is told in lower_fp.h. Moves, comparisons to NZCV and selection are in lower_fp_move.c,
 * conversions in lower_fp_cvt.c; comparisons to masks, maxima and what goes across elements in
 * lower_simd_fp.c. */

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
    if (check == CHECK_TINY) {
        fp_logic(l, bits, FP_AND, VSCRATCH2, r, x86_at(constants->abs));
        r = VSCRATCH2;
    }
    fp_logic(l, bits, FP_UCOMIS, r, 0, x86_at(constants->least)); /* ZF: equal or unordered */
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
        if (check == CHECK_TINY)
            fp_logic(l, bits, FP_AND, VSCRATCH2, r, x86_at(constants->abs));
        x86_vex(a, 0xc2 | X_0F | prefix, VSCRATCH2, check == CHECK_TINY ? VSCRATCH2 : r,
                x86_at(constants->least), 1);
        x86_u8(a, CMP_EQ_UQ);
    }
    x86_vex(a, 0x0e | X_0F38 | X_66, VSCRATCH2, 0, x86_r(VSCRATCH2), 0); /* VTESTPS: the signs */
    return CC_NE;
}

static struct x86_label jump_if_found(struct lower *l, struct fp_shape s, unsigned r,
                                      enum fp_check check)
{
    const enum x86_cc cc =
        s.scalar ? check_scalar(l, s.bits, r, check) : check_vector(l, s.bits, r, check);
    return x86_jcc(&l->a, cc);
}

struct fp_rare fp_check(struct lower *l, const struct a64_insn *insn, struct fp_shape s, unsigned r,
                        enum fp_check check)
{
    if (check == CHECK_NONE)
        return (struct fp_rare){{NULL}};
    return fp_rare(l, insn, jump_if_found(l, s, r, check));
}

/* The same for a result in V<rd>'s own register R already: what V<rd> was before is in VSCRATCH0.
 */
static struct fp_rare check_in_place(struct lower *l, const struct a64_insn *insn,
                                     struct fp_shape s, unsigned r)
{
    x86_land(&l->cold, jump_if_found(l, s, r, CHECK_TINY));
    x86_vmov(&l->cold, r, VSCRATCH0);
    lower_call_cold(l, insn);
    return (struct fp_rare){x86_jmp(&l->cold)};
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

/* ---- arithmetic ---- */

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

/* d = n OP m. COMMUTES: but for NaNs. */
static void binary(struct lower *l, const struct a64_insn *insn, unsigned op, bool commutes,
                   enum fp_check check)
{
    const struct fp_shape s = fp_shape_of(insn);
    unsigned n = insn->rn, m = insn->rm;
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    if (op == FP_MUL && n == m)
        check = CHECK_SQUARE;
    if (s.scalar && commutes && !fp_is_clean(l, s.bits, n) && fp_is_clean(l, s.bits, m)) {
        n = insn->rm;
        m = insn->rn;
    }
    const unsigned r = fp_target(l, insn, s, 1u << n | 1u << m);
    bool clean = fp_is_clean(l, s.bits, n);
    if (s.scalar)
        clean = fp_op_clean(l, s, op, r, fp_scalar(l, s.bits, n, VSCRATCH1), fp_rm(l, m), clean);
    else if (!s.half)
        fp_op(l, s, op, r, lower_vsrc(l, n, VSCRATCH1), fp_rm(l, m));
    else {
        const unsigned first = fp_vector(l, s, n, VSCRATCH1);
        fp_op(l, s, op, r, first, x86_r((int)fp_vector(l, s, m, VSCRATCH2)));
    }
    const struct fp_rare rare = fp_check(l, insn, s, r, check);
    fp_commit(l, insn, s, r, clean);
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
    const bool clean = fp_op_clean(l, s, FP_SQRT, r, s.scalar ? n : 0, x86_r((int)n),
                                   fp_is_clean(l, s.bits, insn->rn));
    const struct fp_rare rare = fp_check(l, insn, s, r, CHECK_NAN);
    fp_commit(l, insn, s, r, clean);
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

/* As fp_op_clean(), of DST. */
static bool fused_op_clean(struct lower *l, struct fp_shape s, unsigned op, unsigned dst,
                           unsigned src2, struct x86_rm src3, bool clean)
{
    if (!s.scalar || clean || !l->dbt->avx512) {
        fused_op(l, s, op, dst, src2, src3);
        return clean;
    }
    x86_evex(&l->a, op | X_0F38 | X_66 | (s.bits == 64 ? X_W : 0), dst, src2, src3, FP_LOWEST, true,
             0);
    return true;
}

/* R = the element of V<n>, and what is above it. */
static void copy_scalar(struct lower *l, unsigned bits, unsigned r, unsigned n)
{
    if (fp_pinned(l, n))
        x86_vmov(&l->a, r, (unsigned)vhost_of(l->dbt, n));
    else
        x86_vmovd_from(&l->a, bits == 64, r, guest_vector(n));
}

/* Which of the three sources of a scalar instruction is the host's first operand: preferably the
 * one that the result takes the place of, or one that is clean. */
static unsigned first_operand(const struct lower *l, const struct a64_insn *insn, unsigned bits)
{
    const uint8_t sources[] = {insn->ra, insn->rn, insn->rm};
    for (unsigned i = 0; i < 3; i++)
        if (sources[i] == insn->rd && (l->dbt->avx512 || fp_is_clean(l, bits, insn->rd)))
            return insn->rd;
    for (unsigned i = 0; i < 3; i++)
        if (fp_is_clean(l, bits, sources[i]))
            return sources[i];
    return insn->ra;
}

/* d = (+-)a + (+-)n * m */
static void muladd(struct lower *l, const struct a64_insn *insn, enum fused op)
{
    const struct fp_shape s = fp_shape_of(insn);
    const unsigned n = insn->rn, m = insn->rm, addend = insn->ra;
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned first = first_operand(l, insn, s.bits);
    const bool in_place = first == insn->rd && fp_pinned(l, first);
    const unsigned r = in_place ? (unsigned)vhost_of(l->dbt, first)
                                : fp_target(l, insn, s, 1u << n | 1u << m | 1u << addend);
    bool clean = fp_is_clean(l, s.bits, first);
    if (in_place)
        x86_vmov(&l->a, VSCRATCH0, r);
    else
        copy_scalar(l, s.bits, r, first);
    if (first == addend)
        clean = fused_op_clean(l, s, op, r, fp_scalar(l, s.bits, n, VSCRATCH1), fp_rm(l, m), clean);
    else
        clean =
            fused_op_clean(l, s, op - 0x10, r, fp_scalar(l, s.bits, first == n ? m : n, VSCRATCH1),
                           fp_rm(l, addend), clean);
    const struct fp_rare rare =
        in_place ? check_in_place(l, insn, s, r) : fp_check(l, insn, s, r, CHECK_TINY);
    fp_commit(l, insn, s, r, clean);
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
    fused_op(l, s, op, d, n, m);
    const struct fp_rare rare =
        d != VSCRATCH0 ? check_in_place(l, insn, s, d) : fp_check(l, insn, s, d, CHECK_TINY);
    fp_commit(l, insn, s, d, false);
    fp_rejoin(l, rare);
}

/* S1 = the real (PART: the imaginary) numbers of Vn, each twice. */
static void complex_factor(struct lower *l, struct fp_shape s, unsigned n, unsigned part)
{
    const unsigned v = fp_vector(l, s, n, S1);
    if (s.bits == 32)
        vec_r(l, part ? VMOVSHDUP : VMOVSLDUP, S1, 0, v);
    else if (part)
        vec_r(l, VPUNPCKHQDQ, S1, v, v);
    else
        vec_r(l, VPUNPCKLQDQ, S1, v, v);
}

/* V<m>, or, in S2, its complex number FIXED everywhere; SWAPPED: real and imaginary parts. */
static unsigned complex_operand(struct lower *l, struct fp_shape s, unsigned m, int fixed,
                                bool swapped)
{
    static const uint8_t order[3][2] = {{0xe4, 0xb1}, {0x44, 0x11}, {0xee, 0xbb}};
    const unsigned v = fp_vector(l, s, m, S2);
    if (fixed < 0 && !swapped)
        return v;
    vec_i(l, VPSHUFD, S2, 0, x86_r((int)v), s.bits == 64 ? 0x4e : order[fixed + 1][swapped]);
    return S2;
}

/* FCMLA: the products of one part of Vn with both of Vm, turned by ROTATION times 90 degrees: parts
 * change places, and some their signs. */
static void complex_muladd(struct lower *l, const struct a64_insn *insn, unsigned rotation,
                           int fixed)
{
    const struct fp_shape s = fp_shape_of(insn);
    const bool turned = rotation & 1;
    const uint64_t sign = 1ull << 63;
    if (!fp_begin_lowering(l, insn, s.bits))
        return;
    const unsigned d = fp_vector(l, s, insn->rd, S0);
    complex_factor(l, s, insn->rn, turned);
    const unsigned m = complex_operand(l, s, insn->rm, fixed, turned);
    if (turned && s.bits == 64)
        vec(l, VPXOR, S2, S2,
            vector_literal(l, rotation == 1 ? sign : 0, rotation == 3 ? sign : 0));
    else if (turned)
        vec(l, VPXOR, S2, S2, vector_literal_all(l, rotation == 1 ? sign >> 32 : sign, 3));
    if (d != S0)
        x86_vmov(&l->a, S0, d);
    fused_op(l, s, rotation == 2 ? FNMADD : FMADD, d, S1, x86_r((int)m));
    const struct fp_rare rare =
        d != S0 ? check_in_place(l, insn, s, d) : fp_check(l, insn, s, d, CHECK_TINY);
    fp_commit(l, insn, s, d, false);
    fp_rejoin(l, rare);
}

static void lower_fcmla(struct lower *l, const struct a64_insn *insn)
{
    complex_muladd(l, insn, a64_fp_shape(insn->imm).extra, -1);
}

static void lower_fcmla_elem(struct lower *l, const struct a64_insn *insn)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    complex_muladd(l, insn, shape.rotation, (int)shape.extra);
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
    const unsigned d =
        s.scalar ? fp_scalar(l, s.bits, insn->rd, VSCRATCH0) : fp_vector(l, s, insn->rd, VSCRATCH0);
    if (d != VSCRATCH0)
        x86_vmov(&l->a, VSCRATCH0, d);
    const struct x86_rm n =
        s.half ? x86_r((int)fp_vector(l, s, insn->rn, VSCRATCH2)) : fp_rm(l, insn->rn);
    const bool clean = fused_op_clean(l, s, op, d, m, n, fp_is_clean(l, s.bits, insn->rd));
    const struct fp_rare rare =
        d != VSCRATCH0 ? check_in_place(l, insn, s, d) : fp_check(l, insn, s, d, CHECK_TINY);
    fp_commit(l, insn, s, d, clean);
    fp_rejoin(l, rare);
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

lower_fn *const lower_fp_table[A64_EXEC_COUNT] = {
    ROW(fabs),      ROW(fneg),      ROW(fadd),      ROW(fsub),  ROW(fmul),
    ROW(fdiv),      ROW(fnmul),     ROW(fabd),      ROW(fsqrt), ROW(fmadd),
    ROW(fmsub),     ROW(fnmadd),    ROW(fnmsub),    ROW(fmla),  ROW(fmls),
    ROW(fmul_elem), ROW(fmla_elem), ROW(fmls_elem), ROW(fcmla), ROW(fcmla_elem),
};
