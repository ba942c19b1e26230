/* SPDX-License-Identifier: MIT */
/* Scalar floating-point that is not arithmetic: moves, comparisons to NZCV, conditional select. */

#include "fp_exec.h"

/* ConditionHolds() of the Arm manual. */
static bool condition_holds(uint32_t nzcv, unsigned cond)
{
    const bool n = nzcv & A64_N, z = nzcv & A64_Z, c = nzcv & A64_C, v = nzcv & A64_V;
    const bool base[8] = {z, c, n, v, c && !z, n == v, n == v && !z, true};
    return base[cond >> 1] != ((cond & 1) && cond != 15);
}

int exec_fmov(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    union a64_vreg out = {0};
    fp_set_element(&out, bits, 0, fp_element(&cpu->v[insn->rn], bits, 0));
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

int exec_fmov_imm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd] = (union a64_vreg){.d = {insn->imm, 0}};
    return A64_NEXT;
}

int exec_fmov_to_gpr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, fp_element(&cpu->v[insn->rn], a64_fp_shape(insn->imm).bits, 0));
    return A64_NEXT;
}

int exec_fmov_from_gpr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    union a64_vreg out = {0};
    fp_set_element(&out, a64_fp_shape(insn->imm).bits, 0, a64_x(cpu, insn->rn));
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

/* FMOV Xd, Vn.D[1] */
int exec_fmov_from_top(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, cpu->v[insn->rn].d[1]);
    return A64_NEXT;
}

/* FMOV Vd.D[1], Xn leaves Vd.D[0]. */
int exec_fmov_to_top(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd].d[1] = a64_x(cpu, insn->rn);
    return A64_NEXT;
}

int exec_fcsel(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    const bool holds = condition_holds(cpu->nzcv, insn->word >> 12 & 15);
    union a64_vreg out = {0};
    fp_set_element(&out, bits, 0, fp_element(&cpu->v[holds ? insn->rn : insn->rm], bits, 0));
    cpu->v[insn->rd] = out;
    return A64_NEXT;
}

/* Compares Vn[0] with B and leaves NZCV. */
static int compare(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t b, bool signal)
{
    const unsigned bits = a64_fp_shape(insn->imm).bits;
    const uint64_t a = fp_element(&cpu->v[insn->rn], bits, 0);
    struct fp_env env = fp_begin(cpu);
    cpu->nzcv = fp_compare(&env, fp_format_of(bits), a, b, signal);
    cpu->fpsr |= env.flags;
    return A64_NEXT;
}

static uint64_t operand_m(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return fp_element(&cpu->v[insn->rm], a64_fp_shape(insn->imm).bits, 0);
}

int exec_fcmp(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return compare(cpu, insn, operand_m(cpu, insn), false);
}

int exec_fcmpe(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return compare(cpu, insn, operand_m(cpu, insn), true);
}

int exec_fcmp_zero(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return compare(cpu, insn, 0, false);
}

int exec_fcmpe_zero(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return compare(cpu, insn, 0, true);
}

static int conditional_compare(struct a64_cpu *cpu, const struct a64_insn *insn, bool signal)
{
    if (condition_holds(cpu->nzcv, insn->word >> 12 & 15))
        return compare(cpu, insn, operand_m(cpu, insn), signal);
    cpu->nzcv = insn->word << 28;
    return A64_NEXT;
}

int exec_fccmp(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return conditional_compare(cpu, insn, false);
}

int exec_fccmpe(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return conditional_compare(cpu, insn, true);
}
