/* SPDX-License-Identifier: MIT */
/* Floating-point arithmetic, element by element: scalar, vector, by element, pairwise and across.
 * The operations are fp_core.h's; an element's place is all that this file knows. */

#include "fp_exec.h"

int fp_exec_unary(struct a64_cpu *cpu, const struct a64_insn *insn, fp_unary *op)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(&out, shape.bits, i,
                       op(&env, fmt, fp_element(&cpu->v[insn->rn], shape.bits, i)));
    return fp_end(cpu, insn, &env, &out);
}

/* Vd[i] = OP(Vn[i], Vm[i]) */
static int binary(struct a64_cpu *cpu, const struct a64_insn *insn, fp_binary *op)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    const union a64_vreg *n = &cpu->v[insn->rn], *m = &cpu->v[insn->rm];
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(&out, shape.bits, i,
                       op(&env, fmt, fp_element(n, shape.bits, i), fp_element(m, shape.bits, i)));
    return fp_end(cpu, insn, &env, &out);
}

/* The register of "by element": only 16 of them for halves, bit 20 being part of the index. */
static const union a64_vreg *element_register(const struct a64_cpu *cpu,
                                              const struct a64_insn *insn, unsigned bits)
{
    return &cpu->v[bits == 16 ? insn->rm & 15 : insn->rm];
}

/* Vd[i] = OP(Vn[i], Vm[index]) */
static int binary_elem(struct a64_cpu *cpu, const struct a64_insn *insn, fp_binary *op)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    const uint64_t m = fp_element(element_register(cpu, insn, shape.bits), shape.bits, shape.extra);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++)
        fp_set_element(&out, shape.bits, i,
                       op(&env, fmt, fp_element(&cpu->v[insn->rn], shape.bits, i), m));
    return fp_end(cpu, insn, &env, &out);
}

/* Vd = OP of each pair of neighbours in Vm:Vn. */
static int pairwise(struct a64_cpu *cpu, const struct a64_insn *insn, fp_binary *op)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    const struct fp_format *fmt = fp_format_of(shape.bits);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    for (unsigned i = 0; i < shape.count; i++) {
        const bool upper = 2 * i >= shape.count;
        const union a64_vreg *source = &cpu->v[upper ? insn->rm : insn->rn];
        const unsigned at = upper ? 2 * i - shape.count : 2 * i;
        fp_set_element(&out, shape.bits, i,
                       op(&env, fmt, fp_element(source, shape.bits, at),
                          fp_element(source, shape.bits, at + 1)));
    }
    return fp_end(cpu, insn, &env, &out);
}

/* Vd[0] = OP(Vn[0], Vn[1]), the scalar pairwise forms. */
static int pair(struct a64_cpu *cpu, const struct a64_insn *insn, fp_binary *op)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    const union a64_vreg *n = &cpu->v[insn->rn];
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    fp_set_element(&out, bits, 0,
                   op(&env, fp_format_of(bits), fp_element(n, bits, 0), fp_element(n, bits, 1)));
    return fp_end(cpu, insn, &env, &out);
}

/* Reduce() of the Arm manual: halves first, which decides which NaN comes out. */
static uint64_t reduce(struct fp_env *env, const union a64_vreg *v, unsigned bits, unsigned first,
                       unsigned count, fp_binary *op)
{
    if (count == 1)
        return fp_element(v, bits, first);
    const unsigned half = count / 2;
    const uint64_t low = reduce(env, v, bits, first, half, op);
    const uint64_t high = reduce(env, v, bits, first + half, half, op);
    return op(env, fp_format_of(bits), low, high);
}

/* Vd[0] = OP over all of Vn. */
static int across(struct a64_cpu *cpu, const struct a64_insn *insn, fp_binary *op)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    struct fp_env env = fp_begin(cpu);
    union a64_vreg out = {0};
    fp_set_element(&out, shape.bits, 0,
                   reduce(&env, &cpu->v[insn->rn], shape.bits, 0, shape.count, op));
    return fp_end(cpu, insn, &env, &out);
}

#define EXEC(name, how, op)                                                                        \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        return how(cpu, insn, op);                                                                 \
    }

EXEC(fabs, fp_exec_unary, fp_abs)
EXEC(fneg, fp_exec_unary, fp_neg)
EXEC(fsqrt, fp_exec_unary, fp_sqrt)
EXEC(frecpe, fp_exec_unary, fp_recpe)
EXEC(frsqrte, fp_exec_unary, fp_rsqrte)
EXEC(frecpx, fp_exec_unary, fp_recpx)

EXEC(fadd, binary, fp_add)
EXEC(fsub, binary, fp_sub)
EXEC(fmul, binary, fp_mul)
EXEC(fmulx, binary, fp_mulx)
EXEC(fnmul, binary, fp_nmul)
EXEC(fdiv, binary, fp_div)
EXEC(fmax, binary, fp_max)
EXEC(fmin, binary, fp_min)
EXEC(fmaxnm, binary, fp_maxnm)
EXEC(fminnm, binary, fp_minnm)
EXEC(fabd, binary, fp_abd)
EXEC(frecps, binary, fp_recps)
EXEC(frsqrts, binary, fp_rsqrts)
EXEC(fcmeq, binary, fp_cmeq)
EXEC(fcmge, binary, fp_cmge)
EXEC(fcmgt, binary, fp_cmgt)
EXEC(facge, binary, fp_acge)
EXEC(facgt, binary, fp_acgt)

EXEC(fmul_elem, binary_elem, fp_mul)
EXEC(fmulx_elem, binary_elem, fp_mulx)

EXEC(faddp, pairwise, fp_add)
EXEC(fmaxp, pairwise, fp_max)
EXEC(fminp, pairwise, fp_min)
EXEC(fmaxnmp, pairwise, fp_maxnm)
EXEC(fminnmp, pairwise, fp_minnm)

EXEC(faddp_pair, pair, fp_add)
EXEC(fmaxp_pair, pair, fp_max)
EXEC(fminp_pair, pair, fp_min)
EXEC(fmaxnmp_pair, pair, fp_maxnm)
EXEC(fminnmp_pair, pair, fp_minnm)

EXEC(fmaxv, across, fp_max)
EXEC(fminv, across, fp_min)
EXEC(fmaxnmv, across, fp_maxnm)
EXEC(fminnmv, across, fp_minnm)

/* Comparisons with zero. */
static uint64_t cmeq_zero(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return fp_cmeq(env, fmt, a, 0);
}

static uint64_t cmge_zero(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return fp_cmge(env, fmt, a, 0);
}

static uint64_t cmgt_zero(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return fp_cmgt(env, fmt, a, 0);
}

static uint64_t cmle_zero(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return fp_cmge(env, fmt, 0, a);
}

static uint64_t cmlt_zero(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return fp_cmgt(env, fmt, 0, a);
}

EXEC(fcmeq_zero, fp_exec_unary, cmeq_zero)
EXEC(fcmge_zero, fp_exec_unary, cmge_zero)
EXEC(fcmgt_zero, fp_exec_unary, cmgt_zero)
EXEC(fcmle_zero, fp_exec_unary, cmle_zero)
EXEC(fcmlt_zero, fp_exec_unary, cmlt_zero)
