/* SPDX-License-Identifier: MIT */
#ifndef POMONA_FP_EXEC_H
#define POMONA_FP_EXEC_H

/* What the floating-point exec functions share. One function serves an operation's scalar, vector
 * and half-precision encodings: the decoder left their shape in insn->imm (src/a64/imm_fp.h), and a
 * scalar is a vector of one element. Results are made in a zeroed register and written last, so
 * that what the encoding does not write becomes zero and sources may be the destination. */

#include "../a64/cpu.h"
#include "../a64/decode.h"
#include "../a64/imm_fp.h"
#include "a64_exec.h"
#include "fp_core.h"

static inline const struct fp_format *fp_format_of(unsigned bits)
{
    return bits == 64 ? &fp_double : bits == 32 ? &fp_single : &fp_half;
}

static inline uint64_t fp_element(const union a64_vreg *v, unsigned bits, unsigned index)
{
    return bits == 64 ? v->d[index & 1] : bits == 32 ? v->s[index & 3] : v->h[index & 7];
}

static inline void fp_set_element(union a64_vreg *v, unsigned bits, unsigned index, uint64_t value)
{
    if (bits == 64)
        v->d[index & 1] = value;
    else if (bits == 32)
        v->s[index & 3] = (uint32_t)value;
    else
        v->h[index & 7] = (uint16_t)value;
}

static inline struct fp_env fp_begin(const struct a64_cpu *cpu)
{
    return fp_env_make(cpu->fpcr, cpu->fpsr);
}

/* Commits the result of an instruction and the exceptions that it accumulated. */
static inline int fp_end(struct a64_cpu *cpu, const struct a64_insn *insn, const struct fp_env *env,
                         const union a64_vreg *result)
{
    cpu->v[insn->rd] = *result;
    cpu->fpsr |= env->flags;
    return A64_NEXT;
}

/* Vd[i] = OP(Vn[i]) for every element. */
int fp_exec_unary(struct a64_cpu *cpu, const struct a64_insn *insn, fp_unary *op);

#endif
