/* SPDX-License-Identifier: MIT */
/* Fused multiply-add: FMADD and its kin, FMLA and FMLS, FMLAL, complex arithmetic and BFloat16.
 * Negating an operand comes before everything, as in the Arm manual: it flips a NaN's sign too. */

#include "fp_exec.h"

/* FMADD, FMSUB, FNMADD, FNMSUB: Vd = (+-)Va + (+-)Vn * Vm. */
static int muladd(struct a64_cpu *cpu, const struct a64_insn *insn, bool negate_a, bool negate_n)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    const struct fp_format *fmt = fp_format_of(bits);
    uint64_t a = fp_element(&cpu->v[insn->ra], bits, 0);
    uint64_t n = fp_element(&cpu->v[insn->rn], bits, 0);
    const uint64_t m = fp_element(&cpu->v[insn->rm], bits, 0);
    a ^= fp_zero(fmt, negate_a);
    n ^= fp_zero(fmt, negate_n);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    fp_set_element(&out, bits, 0, fp_muladd(&env, fmt, a, n, m));
    return fp_end(cpu, insn, &env, &out);
}

int exec_fmadd(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return muladd(cpu, insn, false, false);
}

int exec_fmsub(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return muladd(cpu, insn, false, true);
}

int exec_fnmadd(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return muladd(cpu, insn, true, true);
}

int exec_fnmsub(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return muladd(cpu, insn, true, false);
}

/* Vd[i] += (+-)Vn[i] * Vm[i] */
static int accumulate(struct a64_cpu *cpu, const struct a64_insn *insn, bool negate)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    const union a64_vreg *n = &cpu->v[insn->rn], *m = &cpu->v[insn->rm], *d = &cpu->v[insn->rd];
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(&out, shape.bits, i,
                       fp_muladd(&env, fmt, fp_element(d, shape.bits, i),
                                 fp_element(n, shape.bits, i) ^ fp_zero(fmt, negate),
                                 fp_element(m, shape.bits, i)));
    return fp_end(cpu, insn, &env, &out);
}

int exec_fmla(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return accumulate(cpu, insn, false);
}

int exec_fmls(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return accumulate(cpu, insn, true);
}

/* Vd[i] += (+-)Vn[i] * Vm[index]; halves come from the lower 16 registers. */
static int accumulate_elem(struct a64_cpu *cpu, const struct a64_insn *insn, bool negate)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    const union a64_vreg *n = &cpu->v[insn->rn], *d = &cpu->v[insn->rd];
    const union a64_vreg *source = &cpu->v[shape.bits == 16 ? insn->rm & 15 : insn->rm];
    const uint64_t m = fp_element(source, shape.bits, shape.extra);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(&out, shape.bits, i,
                       fp_muladd(&env, fmt, fp_element(d, shape.bits, i),
                                 fp_element(n, shape.bits, i) ^ fp_zero(fmt, negate), m));
    return fp_end(cpu, insn, &env, &out);
}

int exec_fmla_elem(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return accumulate_elem(cpu, insn, false);
}

int exec_fmls_elem(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return accumulate_elem(cpu, insn, true);
}

/* FMLAL and its kin, half-precision products into singles: from the lower half of Vn and Vm or, by U
 * (bit 29), FMLAL2, the upper. ELEMENT: index in Vm, or -1. */
static int accumulate_long(struct a64_cpu *cpu, const struct a64_insn *insn, bool negate,
                           int element)
{
    const unsigned count = insn->word >> 30 & 1 ? 4 : 2;
    const unsigned first = insn->word >> 29 & 1 ? count : 0;
    const union a64_vreg *n = &cpu->v[insn->rn], *d = &cpu->v[insn->rd];
    const union a64_vreg *m = &cpu->v[element >= 0 ? insn->rm & 15 : insn->rm];
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < count; i++)
        out.s[i] =
            (uint32_t)fp_muladd_half(&env, d->s[i], n->h[first + i] ^ fp_zero(&fp_half, negate),
                                     m->h[element >= 0 ? (unsigned)element : first + i]);
    return fp_end(cpu, insn, &env, &out);
}

int exec_fmlal(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return accumulate_long(cpu, insn, insn->word >> 23 & 1, -1);
}

int exec_fmlal_elem(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return accumulate_long(cpu, insn, insn->word >> 14 & 1, (int)a64_fp_shape(insn->imm).extra);
}

/* FCADD: complex numbers are pairs, real part first; Vm is turned by 90 or 270 degrees. */
int exec_fcadd(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const unsigned bits = shape.bits;
    const struct fp_format *fmt = fp_format_of(bits);
    const union a64_vreg *n = &cpu->v[insn->rn], *m = &cpu->v[insn->rm];
    const uint64_t negate_imaginary = fp_zero(fmt, shape.extra == 1);
    const uint64_t negate_real = fp_zero(fmt, shape.extra == 3);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i += 2) {
        const uint64_t real = fp_element(m, bits, i) ^ negate_real;
        const uint64_t imaginary = fp_element(m, bits, i + 1) ^ negate_imaginary;
        fp_set_element(&out, bits, i, fp_add(&env, fmt, fp_element(n, bits, i), imaginary));
        fp_set_element(&out, bits, i + 1, fp_add(&env, fmt, fp_element(n, bits, i + 1), real));
    }
    return fp_end(cpu, insn, &env, &out);
}

/* FCMLA: adds the products of one part of Vn, real or imaginary by ROTATION, with both of Vm. FIXED
 * is the index of the complex number of Vm, or -1 for each its own. */
static int complex_muladd(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned rotation,
                          int fixed)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const unsigned bits = shape.bits, part = rotation & 1;
    const struct fp_format *fmt = fp_format_of(bits);
    const union a64_vreg *n = &cpu->v[insn->rn], *m = &cpu->v[insn->rm], *d = &cpu->v[insn->rd];
    const uint64_t negate_real = fp_zero(fmt, rotation == 1 || rotation == 2);
    const uint64_t negate_imaginary = fp_zero(fmt, rotation >= 2);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i += 2) {
        const unsigned at = fixed >= 0 ? 2 * (unsigned)fixed : i;
        const uint64_t factor = fp_element(n, bits, i + part);
        const uint64_t real = fp_element(m, bits, at + part) ^ negate_real;
        const uint64_t imaginary = fp_element(m, bits, at + (part ^ 1)) ^ negate_imaginary;
        fp_set_element(&out, bits, i, fp_muladd(&env, fmt, fp_element(d, bits, i), factor, real));
        fp_set_element(&out, bits, i + 1,
                       fp_muladd(&env, fmt, fp_element(d, bits, i + 1), factor, imaginary));
    }
    return fp_end(cpu, insn, &env, &out);
}

int exec_fcmla(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return complex_muladd(cpu, insn, a64_fp_shape(insn->imm).extra, -1);
}

int exec_fcmla_elem(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    return complex_muladd(cpu, insn, shape.rotation, (int)shape.extra);
}

int exec_bfdot(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned count = insn->word >> 30 & 1 ? 4 : 2;
    union a64_vreg out = {0};
    for (unsigned i = 0; i < count; i++)
        out.s[i] =
            fp_bfdot_add(cpu->v[insn->rd].s[i], cpu->v[insn->rn].s[i], cpu->v[insn->rm].s[i]);
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

int exec_bfdot_elem(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const uint32_t m = cpu->v[insn->rm].s[shape.extra];
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        out.s[i] = fp_bfdot_add(cpu->v[insn->rd].s[i], cpu->v[insn->rn].s[i], m);
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

/* BFMMLA: Vd, 2x2 singles, += Vn (2x4) * transposed Vm (2x4). */
int exec_bfmmla(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg *n = &cpu->v[insn->rn], *m = &cpu->v[insn->rm];
    union a64_vreg out = cpu->v[insn->rd];
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < 2; j++)
            for (unsigned k = 0; k < 2; k++)
                out.s[2 * i + j] = fp_bfdot_add(out.s[2 * i + j], n->s[2 * i + k], m->s[2 * j + k]);
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

/* BFMLALB and BFMLALT: the even or, by Q, odd BFloat16 numbers as singles. FIXED: index in Vm or
 * -1. */
static int bf_accumulate(struct a64_cpu *cpu, const struct a64_insn *insn, int fixed)
{
    const unsigned odd = insn->word >> 30 & 1;
    const union a64_vreg *n = &cpu->v[insn->rn];
    const union a64_vreg *m = &cpu->v[fixed >= 0 ? insn->rm & 15 : insn->rm];
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned at = fixed >= 0 ? (unsigned)fixed : 2 * i + odd;
        out.s[i] = (uint32_t)fp_muladd(&env, &fp_single, cpu->v[insn->rd].s[i],
                                       (uint32_t)n->h[2 * i + odd] << 16, (uint32_t)m->h[at] << 16);
    }
    return fp_end(cpu, insn, &env, &out);
}

int exec_bfmlal(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return bf_accumulate(cpu, insn, -1);
}

int exec_bfmlal_elem(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return bf_accumulate(cpu, insn, (int)a64_fp_shape(insn->imm).extra);
}
