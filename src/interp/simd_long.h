/* SPDX-License-Identifier: MIT */
#ifndef POMONA_INTERP_SIMD_LONG_H
#define POMONA_INTERP_SIMD_LONG_H

/* The loops of Advanced SIMD instructions whose elements change width: long (narrow -> wide), wide
 * (wide and narrow -> wide), narrow (wide -> narrow). `size` is always the narrow element's, and so
 * is `bits`. With Q the narrow side is the upper half of its register ("saddl2"); a narrowing to
 * the upper half keeps the lower. */

#include "simd.h"

/* As SIMD_EXEC, for instructions whose narrow elements are bytes, halves and words. */
#define SIMD_EXEC_NARROW(name, loop, size_of, op, sign)                                            \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        switch (size_of(insn)) {                                                                   \
        case 0:                                                                                    \
            loop(cpu, insn, op, sign, 0);                                                          \
            break;                                                                                 \
        case 1:                                                                                    \
            loop(cpu, insn, op, sign, 1);                                                          \
            break;                                                                                 \
        default:                                                                                   \
            loop(cpu, insn, op, sign, 2);                                                          \
        }                                                                                          \
        return A64_NEXT;                                                                           \
    }

/* The first of the narrow lanes: with Q those of the upper half; a scalar has one. */
SIMD_INLINE unsigned simd_part(const struct a64_insn *insn, unsigned size)
{
    return simd_q(insn) && !simd_scalar(insn) ? 8u >> size : 0;
}

SIMD_INLINE void simd_map_long(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                               bool sign, unsigned size, union a64_vreg m)
{
    const bool scalar = simd_scalar(insn);
    const unsigned part = simd_part(insn, size), bytes = scalar ? 1u << size : 16;
    const union a64_vreg d = simd_read(cpu, insn->rd, scalar ? 2u << size : 16);
    const union a64_vreg n = simd_read(cpu, insn->rn, bytes);
    union a64_vreg r;
    bool qc = false;
    m = simd_low(m, bytes);
    for (unsigned i = 0; i < 8u >> size; i++)
        simd_set_lane(&r, size + 1, i,
                      op(simd_lane(&d, size + 1, sign, i), simd_lane(&n, size, sign, part + i),
                         simd_lane(&m, size, sign, part + i), 8u << size, &qc));
    simd_write(cpu, insn->rd, r, scalar ? 2u << size : 16);
    simd_saturated(cpu, qc);
}

SIMD_INLINE void simd_long(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op, bool sign,
                           unsigned size)
{
    simd_map_long(cpu, insn, op, sign, size, cpu->v[insn->rm]);
}

SIMD_INLINE void simd_long_elem(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                                bool sign, unsigned size)
{
    simd_map_long(cpu, insn, op, sign, size, simd_element(cpu, insn, size));
}

/* exec_simd_NAME: d is wide, n and m are narrow. */
#define SIMD_LONG(name, type, expression)                                                          \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC_NARROW(name, simd_long, simd_size, op_##name, SIMD_SIGNED(type))

/* ... and exec_simd_NAME_elem: m is an element, half or word. */
#define SIMD_LONG_ELEM(name, type, expression)                                                     \
    SIMD_LONG(name, type, expression)                                                              \
    int exec_simd_##name##_elem(struct a64_cpu *cpu, const struct a64_insn *insn)                  \
    {                                                                                              \
        if (simd_size(insn) == 1)                                                                  \
            simd_long_elem(cpu, insn, op_##name, SIMD_SIGNED(type), 1);                            \
        else                                                                                       \
            simd_long_elem(cpu, insn, op_##name, SIMD_SIGNED(type), 2);                            \
        return A64_NEXT;                                                                           \
    }

SIMD_INLINE void simd_wide_lanes(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                                 bool sign, unsigned size)
{
    const unsigned part = simd_part(insn, size);
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    union a64_vreg r;
    for (unsigned i = 0; i < 8u >> size; i++)
        simd_set_lane(&r, size + 1, i,
                      op(0, simd_lane(&n, size + 1, sign, i), simd_lane(&m, size, sign, part + i),
                         8u << size, NULL));
    cpu->v[insn->rd] = r;
}

/* exec_simd_NAME: n is wide, m is narrow. */
#define SIMD_WIDE(name, type, expression)                                                          \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC_NARROW(name, simd_wide_lanes, simd_size, op_##name, SIMD_SIGNED(type))

SIMD_INLINE void simd_map_narrow(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                                 bool sign, unsigned size, union a64_vreg m)
{
    const bool scalar = simd_scalar(insn);
    const union a64_vreg n = simd_read(cpu, insn->rn, scalar ? 2u << size : 16);
    union a64_vreg r = {0};
    bool qc = false;
    for (unsigned i = 0; i < 8u >> size; i++)
        simd_set_lane(&r, size, i,
                      op(0, simd_lane(&n, size + 1, sign, i), simd_lane(&m, size + 1, sign, i),
                         8u << size, &qc));
    if (scalar)
        simd_write(cpu, insn->rd, r, 1u << size);
    else if (simd_q(insn))
        cpu->v[insn->rd].d[1] = r.d[0];
    else
        cpu->v[insn->rd] = r;
    simd_saturated(cpu, qc);
}

SIMD_INLINE void simd_narrow(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                             bool sign, unsigned size)
{
    simd_map_narrow(cpu, insn, op, sign, size, cpu->v[insn->rm]);
}

/* exec_simd_NAME: n and m are wide, the result is narrow. */
#define SIMD_NARROW(name, type, expression)                                                        \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC_NARROW(name, simd_narrow, simd_size, op_##name, SIMD_SIGNED(type))

#endif
