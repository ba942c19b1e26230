/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "shift by immediate", vector and scalar. The element's size is the highest bit set
 * of immh; the decoder computed the amount (src/a64/imm_simd.c), which stands in m. Arm manual
 * C7.2. */

#include "simd_long.h"

SIMD_INLINE unsigned immh_size(const struct a64_insn *insn)
{
    return 31 - (unsigned)__builtin_clz((insn->word >> 19 & 15) | 1);
}

SIMD_INLINE void shift_lanes(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                             bool sign, unsigned size)
{
    simd_map(cpu, insn, op, sign, size, simd_replicate(insn->imm, size));
}

SIMD_INLINE void shift_long(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                            bool sign, unsigned size)
{
    simd_map_long(cpu, insn, op, sign, size, simd_replicate(insn->imm, size));
}

SIMD_INLINE void shift_narrow(struct a64_cpu *cpu, const struct a64_insn *insn, simd_op *op,
                              bool sign, unsigned size)
{
    simd_map_narrow(cpu, insn, op, sign, size, simd_replicate(insn->imm, size + 1));
}

#define SHIFT(name, type, expression)                                                              \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC(name, shift_lanes, immh_size, op_##name, SIMD_SIGNED(type))
#define SHIFT_LONG(name, type, expression)                                                         \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC_NARROW(name, shift_long, immh_size, op_##name, SIMD_SIGNED(type))
#define SHIFT_NARROW(name, type, expression)                                                       \
    SIMD_OP(name, type, expression)                                                                \
    SIMD_EXEC_NARROW(name, shift_narrow, immh_size, op_##name, SIMD_SIGNED(type))

/* Left shifts are by 0 to bits - 1, right shifts by 1 to bits. */
SHIFT(shl, uint64_t, n << m)
SHIFT(sshr, int64_t, simd_asr(n, (unsigned)m))
SHIFT(ushr, uint64_t, simd_lsr(n, (unsigned)m))
SHIFT(srshr, int64_t, simd_asr_round(n, (unsigned)m))
SHIFT(urshr, uint64_t, simd_lsr_round(n, (unsigned)m))
SHIFT(ssra, int64_t, ud + simd_asr(n, (unsigned)m))
SHIFT(usra, uint64_t, d + simd_lsr(n, (unsigned)m))
SHIFT(srsra, int64_t, ud + simd_asr_round(n, (unsigned)m))
SHIFT(ursra, uint64_t, d + simd_lsr_round(n, (unsigned)m))

/* The bits that the shift would fill with zeros stay those of Vd. */
SHIFT(sli, uint64_t, n << m | (d & ~(simd_mask(bits) << m)))
SHIFT(sri, uint64_t, simd_lsr(n, (unsigned)m) | (d & ~simd_lsr(simd_mask(bits), (unsigned)m)))

/* A left shift of signed values that loses nothing. */
SIMD_INLINE simd_wide shift_left(int64_t n, int64_t shift)
{
    return n * ((simd_wide)1 << shift);
}

SHIFT(sqshl_imm, int64_t, simd_sat_s(shift_left(n, m), bits, qc))
SHIFT(uqshl_imm, uint64_t, simd_sat_u((simd_wide)n << m, bits, qc))
SHIFT(sqshlu, int64_t, simd_sat_u(shift_left(n, m), bits, qc))

SHIFT_LONG(sshll, int64_t, un << m)
SHIFT_LONG(ushll, uint64_t, n << m)

SHIFT_NARROW(shrn, uint64_t, n >> m)
SHIFT_NARROW(rshrn, uint64_t, simd_lsr_round(n, (unsigned)m))
SHIFT_NARROW(sqshrn, int64_t, simd_sat_s(n >> m, bits, qc))
SHIFT_NARROW(sqrshrn, int64_t, simd_sat_s((int64_t)simd_asr_round(n, (unsigned)m), bits, qc))
SHIFT_NARROW(sqshrun, int64_t, simd_sat_u(n >> m, bits, qc))
SHIFT_NARROW(sqrshrun, int64_t, simd_sat_u((int64_t)simd_asr_round(n, (unsigned)m), bits, qc))
SHIFT_NARROW(uqshrn, uint64_t, simd_sat_u(n >> m, bits, qc))
SHIFT_NARROW(uqrshrn, uint64_t, simd_sat_u(simd_lsr_round(n, (unsigned)m), bits, qc))
