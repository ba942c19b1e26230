/* SPDX-License-Identifier: MIT */
/* Advanced SIMD same-width instructions that saturate, and all that shift by a register; vector,
 * scalar and by element. Saturation sets FPSR.QC. 128-bit intermediates keep doublewords exact. Arm
 * manual C7.2. */

#include "simd.h"

SIMD_LANES(sqadd, int64_t, simd_sat_s((simd_wide)n + m, bits, qc))
SIMD_LANES(sqsub, int64_t, simd_sat_s((simd_wide)n - m, bits, qc))
SIMD_LANES(uqadd, uint64_t, simd_sat_u((simd_wide)n + m, bits, qc))
SIMD_LANES(uqsub, uint64_t, simd_sat_u((simd_wide)n - m, bits, qc))

/* Vd is the accumulator; in SUQADD Vn is unsigned, in USQADD Vd is. */
SIMD_LANES(suqadd, int64_t, simd_sat_s((simd_wide)d + (simd_mask(bits) & un), bits, qc))
SIMD_LANES(usqadd, int64_t, simd_sat_u(n + (simd_wide)(simd_mask(bits) & ud), bits, qc))

SIMD_LANES(sqabs, int64_t, simd_sat_s(n < 0 ? -(simd_wide)n : n, bits, qc))
SIMD_LANES(sqneg, int64_t, simd_sat_s(-(simd_wide)n, bits, qc))

/* The high half of the doubled product of N and M, with the accumulator D above it. Halves and
 * words only: everything fits. */
SIMD_INLINE uint64_t doubling_high(int64_t d, int64_t n, int64_t m, bool round, unsigned bits,
                                   bool *qc)
{
    const simd_wide rounding = round ? (simd_wide)1 << (bits - 1) : 0;
    const simd_wide sum = d * ((simd_wide)1 << bits) + 2 * (simd_wide)(n * m) + rounding;
    return simd_sat_s(sum >> bits, bits, qc);
}

SIMD_LANES_ELEM(sqdmulh, int64_t, doubling_high(0, n, m, false, bits, qc))
SIMD_LANES_ELEM(sqrdmulh, int64_t, doubling_high(0, n, m, true, bits, qc))
SIMD_LANES_ELEM(sqrdmlah, int64_t, doubling_high(d, n, m, true, bits, qc))
SIMD_LANES_ELEM(sqrdmlsh, int64_t, doubling_high(d, -n, m, true, bits, qc))

/* Shifts by the low byte of each lane of Vm, signed: left if positive, right if negative. */

SIMD_INLINE uint64_t shift_s(int64_t n, uint64_t m, bool round)
{
    const int shift = (int8_t)m;
    if (shift >= 0)
        return simd_shl((uint64_t)n, (unsigned)shift);
    return round ? simd_asr_round(n, (unsigned)-shift) : simd_asr(n, (unsigned)-shift);
}

SIMD_INLINE uint64_t shift_u(uint64_t n, uint64_t m, bool round)
{
    const int shift = (int8_t)m;
    if (shift >= 0)
        return simd_shl(n, (unsigned)shift);
    return round ? simd_lsr_round(n, (unsigned)-shift) : simd_lsr(n, (unsigned)-shift);
}

SIMD_LANES(sshl, int64_t, shift_s(n, um, false))
SIMD_LANES(ushl, uint64_t, shift_u(n, m, false))
SIMD_LANES(srshl, int64_t, shift_s(n, um, true))
SIMD_LANES(urshl, uint64_t, shift_u(n, m, true))

/* A shift left by the element's width or more saturates all but zero; right shifts never saturate.
 */
SIMD_INLINE simd_wide shift_left_wide(simd_wide n, unsigned shift, unsigned bits)
{
    return n * ((simd_wide)1 << (shift < bits ? shift : bits));
}

SIMD_INLINE uint64_t sat_shift_s(int64_t n, uint64_t m, bool round, unsigned bits, bool *qc)
{
    const int shift = (int8_t)m;
    if (shift < 0)
        return shift_s(n, m, round);
    return simd_sat_s(shift_left_wide(n, (unsigned)shift, bits), bits, qc);
}

SIMD_INLINE uint64_t sat_shift_u(uint64_t n, uint64_t m, bool round, unsigned bits, bool *qc)
{
    const int shift = (int8_t)m;
    if (shift < 0)
        return shift_u(n, m, round);
    if (n && (unsigned)shift >= bits) {
        *qc = true;
        return simd_mask(bits);
    }
    return simd_sat_u(shift_left_wide(n, (unsigned)shift, bits), bits, qc);
}

SIMD_LANES(sqshl, int64_t, sat_shift_s(n, um, false, bits, qc))
SIMD_LANES(uqshl, uint64_t, sat_shift_u(n, m, false, bits, qc))
SIMD_LANES(sqrshl, int64_t, sat_shift_s(n, um, true, bits, qc))
SIMD_LANES(uqrshl, uint64_t, sat_shift_u(n, m, true, bits, qc))
