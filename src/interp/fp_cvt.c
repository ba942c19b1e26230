/* SPDX-License-Identifier: MIT */
/* Conversions: to integral values, to and from integers and fixed-point numbers (within the SIMD&FP
 * registers and to and from the general ones), and between formats. */

#include "fp_exec.h"

/* FRINTx, FRINT32x and FRINT64x, scalar and vector. */
#define FRINT(name, function, rounding, argument)                                                  \
    static uint64_t name(struct fp_env *env, const struct fp_format *fmt, uint64_t a)              \
    {                                                                                              \
        return function(env, fmt, a, rounding, argument);                                          \
    }                                                                                              \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        return fp_exec_unary(cpu, insn, name);                                                     \
    }

FRINT(frintn, fp_round_int, FP_ROUND_TIEEVEN, false)
FRINT(frintp, fp_round_int, FP_ROUND_POSINF, false)
FRINT(frintm, fp_round_int, FP_ROUND_NEGINF, false)
FRINT(frintz, fp_round_int, FP_ROUND_ZERO, false)
FRINT(frinta, fp_round_int, FP_ROUND_TIEAWAY, false)
FRINT(frinti, fp_round_int, env->rounding, false)
FRINT(frintx, fp_round_int, env->rounding, true)
FRINT(frint32z, fp_round_int_n, FP_ROUND_ZERO, 32)
FRINT(frint32x, fp_round_int_n, env->rounding, 32)
FRINT(frint64z, fp_round_int_n, FP_ROUND_ZERO, 64)
FRINT(frint64x, fp_round_int_n, env->rounding, 64)

/* The element as an integer as wide as itself. */
static int to_fixed(struct a64_cpu *cpu, const struct a64_insn *insn, bool is_unsigned,
                    enum fp_rounding rounding)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    const struct fp_fixed to = {shape.bits, shape.extra, is_unsigned};
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(
            &out, shape.bits, i,
            fp_to_fixed(&env, fmt, fp_element(&cpu->v[insn->rn], shape.bits, i), to, rounding));
    return fp_end(cpu, insn, &env, &out);
}

/* To a general register, 32 or 64 bits by sf (bit 31). */
static int to_gpr(struct a64_cpu *cpu, const struct a64_insn *insn, bool is_unsigned,
                  enum fp_rounding rounding)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_fixed to = {insn->word >> 31 ? 64 : 32, shape.extra, is_unsigned};
    struct fp_env env = fp_begin(cpu);
    const uint64_t a = fp_element(&cpu->v[insn->rn], shape.bits, 0);
    a64_set_x(cpu, insn->rd, fp_to_fixed(&env, fp_format_of(shape.bits), a, to, rounding));
    cpu->fpsr |= env.flags;
    return A64_NEXT;
}

#define FCVT(name, is_unsigned, rounding)                                                          \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        return to_fixed(cpu, insn, is_unsigned, rounding);                                         \
    }                                                                                              \
    int exec_##name##_gpr(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        return to_gpr(cpu, insn, is_unsigned, rounding);                                           \
    }

FCVT(fcvtns, false, FP_ROUND_TIEEVEN)
FCVT(fcvtnu, true, FP_ROUND_TIEEVEN)
FCVT(fcvtps, false, FP_ROUND_POSINF)
FCVT(fcvtpu, true, FP_ROUND_POSINF)
FCVT(fcvtms, false, FP_ROUND_NEGINF)
FCVT(fcvtmu, true, FP_ROUND_NEGINF)
FCVT(fcvtzs, false, FP_ROUND_ZERO)
FCVT(fcvtzu, true, FP_ROUND_ZERO)
FCVT(fcvtas, false, FP_ROUND_TIEAWAY)
FCVT(fcvtau, true, FP_ROUND_TIEAWAY)

int exec_fjcvtzs(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    struct fp_env env = fp_begin(cpu);
    bool exact;
    const uint32_t result = fp_to_fixed_js(&env, cpu->v[insn->rn].d[0], &exact);
    a64_set_w(cpu, insn->rd, result);
    cpu->nzcv = exact ? A64_Z : 0;
    cpu->fpsr |= env.flags;
    return A64_NEXT;
}

static int from_fixed(struct a64_cpu *cpu, const struct a64_insn *insn, bool is_unsigned)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    const struct fp_fixed from = {shape.bits, shape.extra, is_unsigned};
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(
            &out, shape.bits, i,
            fp_from_fixed(&env, fmt, fp_element(&cpu->v[insn->rn], shape.bits, i), from));
    return fp_end(cpu, insn, &env, &out);
}

int exec_scvtf(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return from_fixed(cpu, insn, false);
}

int exec_ucvtf(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return from_fixed(cpu, insn, true);
}

static int from_gpr(struct a64_cpu *cpu, const struct a64_insn *insn, bool is_unsigned)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_fixed from = {insn->word >> 31 ? 64 : 32, shape.extra, is_unsigned};
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    fp_set_element(&out, shape.bits, 0,
                   fp_from_fixed(&env, fp_format_of(shape.bits), a64_x(cpu, insn->rn), from));
    return fp_end(cpu, insn, &env, &out);
}

int exec_scvtf_gpr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return from_gpr(cpu, insn, false);
}

int exec_ucvtf_gpr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return from_gpr(cpu, insn, true);
}

/* FCVT: opc [16:15] is the destination's format as ftype [23:22] is the source's. */
int exec_fcvt(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    static const unsigned bits_of[4] = {32, 64, 0, 16};
    const unsigned from = a64_fp_shape(insn->imm).bits, to = bits_of[insn->word >> 15 & 3];
    const uint64_t a = fp_element(&cpu->v[insn->rn], from, 0);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    fp_set_element(&out, to, 0,
                   fp_convert(&env, fp_format_of(to), fp_format_of(from), a, env.rounding));
    return fp_end(cpu, insn, &env, &out);
}

/* FCVTL, FCVTL2: the lower or, by Q, upper half of Vn, to elements twice as wide. */
int exec_fcvtl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits, count = 128 / bits;
    const unsigned first = insn->word >> 30 & 1 ? count : 0;
    const struct fp_format *to = fp_format_of(bits), *from = fp_format_of(bits / 2);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < count; i++) {
        const uint64_t a = fp_element(&cpu->v[insn->rn], bits / 2, first + i);
        fp_set_element(&out, bits, i, fp_convert(&env, to, from, a, env.rounding));
    }
    return fp_end(cpu, insn, &env, &out);
}

/* All of Vn, BITS wide, into half as much of Vd: the lower half, the rest becoming zero, or by Q
 * the upper, the lower staying. */
static int narrow(struct a64_cpu *cpu, const struct a64_insn *insn, const struct fp_format *to,
                  unsigned bits, bool to_odd)
{
    const unsigned count = 128 / bits;
    const bool upper = insn->word >> 30 & 1;
    struct fp_env env = fp_begin(cpu);
    const enum fp_rounding rounding = to_odd ? FP_ROUND_ODD : env.rounding;
    union a64_vreg out = {.d = {upper ? cpu->v[insn->rd].d[0] : 0, 0}};
    for (unsigned i = 0; i < count; i++) {
        const uint64_t a = fp_element(&cpu->v[insn->rn], bits, i);
        fp_set_element(&out, bits / 2, upper ? count + i : i,
                       fp_convert(&env, to, fp_format_of(bits), a, rounding));
    }
    return fp_end(cpu, insn, &env, &out);
}

int exec_fcvtn(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    return narrow(cpu, insn, fp_format_of(bits / 2), bits, false);
}

int exec_bfcvtn(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return narrow(cpu, insn, &fp_bfloat, 32, false);
}

int exec_fcvtxn(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return narrow(cpu, insn, &fp_single, 64, true);
}

int exec_fcvtxn_scalar(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    out.s[0] =
        (uint32_t)fp_convert(&env, &fp_single, &fp_double, cpu->v[insn->rn].d[0], FP_ROUND_ODD);
    return fp_end(cpu, insn, &env, &out);
}

int exec_bfcvt(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    out.h[0] =
        (uint16_t)fp_convert(&env, &fp_bfloat, &fp_single, cpu->v[insn->rn].s[0], env.rounding);
    return fp_end(cpu, insn, &env, &out);
}

/* URECPE and URSQRTE are on integers, but of the same tables as the floating-point estimates. */
static int unsigned_estimate(struct a64_cpu *cpu, const struct a64_insn *insn,
                             uint32_t (*op)(uint32_t))
{
    const unsigned count = insn->word >> 30 & 1 ? 4 : 2;
    union a64_vreg out = {0};
    for (unsigned i = 0; i < count; i++)
        out.s[i] = op(cpu->v[insn->rn].s[i]);
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

int exec_urecpe(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return unsigned_estimate(cpu, insn, fp_unsigned_recpe);
}

int exec_ursqrte(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return unsigned_estimate(cpu, insn, fp_unsigned_rsqrte);
}
