/* SPDX-License-Identifier: MIT */
#ifndef POMONA_INTERP_SIMD_H
#define POMONA_INTERP_SIMD_H

/* What the Advanced SIMD instructions share: lanes, and the loops that run an operation over them.
 *
 * An instruction is written as one C expression over the elements d, n and m of Vd, Vn and Vm,
 * e.g. SIMD_LANES(smax, int64_t, n > m ? n : m), beside the loop of its class: same-width lanes,
 * long, wide, narrow, pairs. `bits` is the element's width and `qc` what FPSR.QC accumulates. The
 * loops are instantiated for each element size, so that the compiler sees constant trip counts.
 *
 * The scalar forms (bit 28 of the word) are the vector forms on one lane. Lanes beyond those that
 * an instruction names read as zero, and no operation saturates on zeros; beyond those that it
 * writes the register becomes zero. Results go through a temporary, since Vd may be Vn or Vm. */

#include <stddef.h>

#include "../a64/cpu.h"
#include "../a64/decode.h"

#include "a64_exec.h"

#define FPSR_QC (1u << 27)

#define SIMD_INLINE static inline __attribute__((always_inline))

__extension__ typedef __int128 simd_wide;
__extension__ typedef unsigned __int128 simd_uwide;

/* log2 of the element's bytes: size, bits 23:22. */
SIMD_INLINE unsigned simd_size(const struct a64_insn *insn)
{
    return insn->word >> 22 & 3;
}

SIMD_INLINE bool simd_q(const struct a64_insn *insn)
{
    return insn->word >> 30 & 1;
}

SIMD_INLINE bool simd_scalar(const struct a64_insn *insn)
{
    return insn->word >> 28 & 1;
}

/* Bytes that an instruction on elements of SIZE works on. */
SIMD_INLINE unsigned simd_bytes(const struct a64_insn *insn, unsigned size)
{
    return simd_scalar(insn) ? 1u << size : simd_q(insn) ? 16 : 8;
}

SIMD_INLINE uint64_t simd_mask(unsigned bits)
{
    return ~0ull >> (64 - bits);
}

/* The low BYTES of V, zeros above. */
SIMD_INLINE union a64_vreg simd_low(union a64_vreg v, unsigned bytes)
{
    if (bytes <= 8) {
        v.d[0] &= simd_mask(8 * bytes);
        v.d[1] = 0;
    }
    return v;
}

SIMD_INLINE union a64_vreg simd_read(const struct a64_cpu *cpu, unsigned reg, unsigned bytes)
{
    return simd_low(cpu->v[reg], bytes);
}

SIMD_INLINE void simd_write(struct a64_cpu *cpu, unsigned reg, union a64_vreg value, unsigned bytes)
{
    cpu->v[reg] = simd_low(value, bytes);
}

SIMD_INLINE void simd_saturated(struct a64_cpu *cpu, bool qc)
{
    if (qc)
        cpu->fpsr |= FPSR_QC;
}

/* Lane I of V, zero- or sign-extended. */
SIMD_INLINE uint64_t simd_lane(const union a64_vreg *v, unsigned size, bool sign, unsigned i)
{
    switch (size) {
    case 0:
        return sign ? (uint64_t)(int8_t)v->b[i] : v->b[i];
    case 1:
        return sign ? (uint64_t)(int16_t)v->h[i] : v->h[i];
    case 2:
        return sign ? (uint64_t)(int32_t)v->s[i] : v->s[i];
    default:
        return v->d[i];
    }
}

SIMD_INLINE void simd_set_lane(union a64_vreg *v, unsigned size, unsigned i, uint64_t value)
{
    switch (size) {
    case 0:
        v->b[i] = (uint8_t)value;
        break;
    case 1:
        v->h[i] = (uint16_t)value;
        break;
    case 2:
        v->s[i] = (uint32_t)value;
        break;
    default:
        v->d[i] = value;
    }
}

SIMD_INLINE union a64_vreg simd_replicate(uint64_t value, unsigned size)
{
    union a64_vreg out = {0};
    for (unsigned i = 0; i < 16u >> size; i++)
        simd_set_lane(&out, size, i, value);
    return out;
}

/* Vm of "vector x indexed element" in every lane: index H:L:M and four bits of register for halves,
 * H:L and five for words. */
SIMD_INLINE union a64_vreg simd_element(const struct a64_cpu *cpu, const struct a64_insn *insn,
                                        unsigned size)
{
    const unsigned hl = (insn->word >> 11 & 1) << 1 | (insn->word >> 21 & 1);
    if (size == 1)
        return simd_replicate(cpu->v[insn->rm & 15].h[hl << 1 | insn->rm >> 4], 1);
    return simd_replicate(cpu->v[insn->rm].s[hl], 2);
}

/* One lane of an operation. */
typedef uint64_t simd_op(uint64_t d, uint64_t n, uint64_t m, unsigned bits, bool *qc);

/* The element's operation, with its operands as TYPE (int64_t: sign-extended). */
#define SIMD_OP(name, type, expression)                                                            \
    SIMD_INLINE uint64_t op_##name(uint64_t ud, uint64_t un, uint64_t um, unsigned bits, bool *qc) \
    {                                                                                              \
        const type d = (type)ud, n = (type)un, m = (type)um;                                       \
        (void)d, (void)n, (void)m;                                                                 \
        return (uint64_t)(expression);                                                             \
    }

#define SIMD_SIGNED(type) ((type)-1 < 1)

/* An instruction: LOOP(cpu, insn, operation, signed, size) for its element size. */
#define SIMD_EXEC(name, loop, size_of, op, sign)                                                   \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        switch (size_of(insn)) {                                                                   \
        case 0:                                                                                    \
            loop(cpu, insn, op, sign, 0);                                                          \
            break;                                                                                 \
        case 1:                                                                                    \
            loop(cpu, insn, op, sign, 1);                                                          \
            break;                                                                                 \
        case 2:                                                                                    \
            loop(cpu, insn, op, sign, 2);                                                          \
            break;                                                                                 \
        default:                                                                                   \
            loop(cpu, insn, op, sign, 3);                                                          \
        }                                                                                          \
        return A64_NEXT;                                                                           \
    }

/* Lanes of one width. */
SIMD_INLINE void simd_map(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op, bool sign,
                          unsigned size, union a64_vreg m)
{
    const unsigned bytes = simd_bytes(insn, size);
    const union a64_vreg d = simd_read(cpu, insn->rd, bytes), n = simd_read(cpu, insn->rn, bytes);
    union a64_vreg r;
    bool qc = false;
    m = simd_low(m, bytes);
    for (unsigned i = 0; i < 16u >> size; i++)
        simd_set_lane(&r, size, i,
                      op(simd_lane(&d, size, sign, i), simd_lane(&n, size, sign, i),
                         simd_lane(&m, size, sign, i), 8u << size, &qc));
    simd_write(cpu, insn->rd, r, bytes);
    simd_saturated(cpu, qc);
}

SIMD_INLINE void simd_lanes(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                            bool sign, unsigned size)
{
    simd_map(cpu, insn, op, sign, size, cpu->v[insn->rm]);
}

SIMD_INLINE void simd_lanes_elem(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                                 bool sign, unsigned size)
{
    simd_map(cpu, insn, op, sign, size, simd_element(cpu, insn, size));
}

/* exec_simd_NAME: EXPRESSION in each lane. */
#define SIMD_LANES(name, type, expression)                                                         \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC(name, simd_lanes, simd_size, op_##name, SIMD_SIGNED(type))

/* ... and exec_simd_NAME_elem: the same with an element of Vm for every m; halves and words only.
 */
#define SIMD_LANES_ELEM(name, type, expression)                                                    \
    SIMD_LANES(name, type, expression)                                                             \
    int exec_simd_##name##_elem(struct a64_cpu *cpu, const struct a64_insn *insn)                  \
    {                                                                                              \
        if (simd_size(insn) == 1)                                                                  \
            simd_lanes_elem(cpu, insn, op_##name, SIMD_SIGNED(type), 1);                           \
        else                                                                                       \
            simd_lanes_elem(cpu, insn, op_##name, SIMD_SIGNED(type), 2);                           \
        return A64_NEXT;                                                                           \
    }

/* Shifts and saturation, exact for elements of up to 64 bits. Shift amounts may exceed the width.
 */

SIMD_INLINE uint64_t simd_shl(uint64_t value, unsigned shift)
{
    return shift < 64 ? value << shift : 0;
}

SIMD_INLINE uint64_t simd_lsr(uint64_t value, unsigned shift)
{
    return shift < 64 ? value >> shift : 0;
}

SIMD_INLINE uint64_t simd_asr(int64_t value, unsigned shift)
{
    return (uint64_t)(value >> (shift < 64 ? shift : 63));
}

/* (value + 2^(shift-1)) >> shift without losing the carry. */
SIMD_INLINE uint64_t simd_lsr_round(uint64_t value, unsigned shift)
{
    if (shift == 0 || shift > 64)
        return shift ? 0 : value;
    return simd_lsr(value, shift) + (value >> (shift - 1) & 1);
}

SIMD_INLINE uint64_t simd_asr_round(int64_t value, unsigned shift)
{
    if (shift == 0 || shift > 64)
        return shift ? 0 : (uint64_t)value;
    return simd_asr(value, shift) + ((uint64_t)(value >> (shift - 1)) & 1);
}

/* SignedSat and UnsignedSat. */
SIMD_INLINE uint64_t simd_sat_s(simd_wide value, unsigned bits, bool *qc)
{
    const int64_t max = (int64_t)(simd_mask(bits) >> 1), min = -max - 1;
    if (value >= min && value <= max)
        return (uint64_t)value;
    *qc = true;
    return (uint64_t)(value < 0 ? min : max);
}

SIMD_INLINE uint64_t simd_sat_u(simd_wide value, unsigned bits, bool *qc)
{
    const uint64_t max = simd_mask(bits);
    if (value >= 0 && value <= max)
        return (uint64_t)value;
    *qc = true;
    return value < 0 ? 0 : max;
}

/* The product of two polynomials over {0, 1} of degree 7: 15 bits. */
SIMD_INLINE uint64_t simd_polynomial_mul8(uint64_t n, uint64_t m)
{
    uint64_t product = 0;
    for (unsigned k = 0; k < 8; k++)
        product ^= (0 - (m >> k & 1)) & n << k;
    return product;
}

#endif
