/* SPDX-License-Identifier: MIT */
/* The immediates of floating-point rows, precomputed at decode: imm_fp.h has the layout. The field
 * positions are the Arm manual's (C4.1.96, "Scalar Floating-Point and Advanced SIMD"). */

#include "imm_fp.h"

#include <stdbool.h>

#include "a64_ops.h"

static uint64_t shape(unsigned bits, unsigned count, unsigned extra)
{
    return bits | (uint64_t)count << 8 | (uint64_t)extra << 16;
}

/* How many elements of BITS: one in the scalar encodings, which have bit 28, else by Q. */
static unsigned count_of(uint32_t word, unsigned bits)
{
    if (word >> 28 & 1)
        return 1;
    return (word >> 30 & 1 ? 128 : 64) / bits;
}

/* Scalar floating-point: ftype [23:22] is 0 single, 1 double, 3 half. */
uint64_t a64_imm_fp(uint32_t word)
{
    static const uint8_t bits[4] = {32, 64, 0, 16};
    return shape(bits[word >> 22 & 3], 1, 0);
}

/* Scalar conversions to and from fixed-point: 64 - scale [15:10] fraction bits. */
uint64_t a64_imm_fpfix(uint32_t word)
{
    return a64_imm_fp(word) | (uint64_t)(64 - (word >> 10 & 63)) << 16;
}

/* Advanced SIMD, single or double precision by sz [22]. */
uint64_t a64_imm_fpsz(uint32_t word)
{
    const unsigned bits = 32u << (word >> 22 & 1);
    return shape(bits, count_of(word, bits), 0);
}

/* Advanced SIMD, half precision. */
uint64_t a64_imm_fph(uint32_t word)
{
    return shape(16, count_of(word, 16), 0);
}

static unsigned index_hl(uint32_t word)
{
    return (word >> 11 & 1) << 1 | (word >> 21 & 1);
}

/* By element, single (index H:L) or double (index H) precision by sz. */
uint64_t a64_imm_fpelem(uint32_t word)
{
    const unsigned index = index_hl(word);
    return a64_imm_fpsz(word) | (uint64_t)(word >> 22 & 1 ? index >> 1 : index) << 16;
}

/* By element of half precision, index H:L:M. */
uint64_t a64_imm_fpelemh(uint32_t word)
{
    return a64_imm_fph(word) | (uint64_t)(index_hl(word) << 1 | (word >> 20 & 1)) << 16;
}

/* By pair of BFloat16, index H:L; the elements of the result are single precision. */
uint64_t a64_imm_fpelem2h(uint32_t word)
{
    return shape(32, count_of(word, 32), index_hl(word));
}

/* Vector conversions to and from fixed-point: immh:immb [22:16] is 2 * bits - fraction bits. */
uint64_t a64_imm_fpshift(uint32_t word)
{
    const unsigned immh_immb = word >> 16 & 0x7F;
    const unsigned bits = immh_immb >> 6 ? 64 : immh_immb >> 5 ? 32 : 16;
    return shape(bits, count_of(word, bits), 2 * bits - immh_immb);
}

/* FCADD (rot [12]: 90 or 270 degrees) and FCMLA (rot [12:11]), size [23:22]. */
uint64_t a64_imm_fprot(uint32_t word)
{
    const unsigned bits = 8u << (word >> 22 & 3);
    const bool fcadd = word >> 13 & 1;
    const unsigned rotation = fcadd ? (word >> 12 & 1) * 2 + 1 : word >> 11 & 3;
    return shape(bits, count_of(word, bits), rotation);
}

/* FCMLA by element: size [23:22], rot [14:13], index H:L for half and H for single precision. */
uint64_t a64_imm_fprotelem(uint32_t word)
{
    const unsigned bits = 8u << (word >> 22 & 3);
    const unsigned index = bits == 16 ? index_hl(word) : word >> 11 & 1;
    return shape(bits, count_of(word, bits), index) | (uint64_t)(word >> 13 & 3) << 24;
}

/* Sign a, exponent NOT(b):b...b:cd, fraction efgh. */
uint64_t a64_vfp_expand_imm(unsigned imm8, unsigned bits)
{
    const unsigned exp_bits = bits == 16 ? 5 : bits == 32 ? 8 : 11;
    const unsigned frac_bits = bits - exp_bits - 1;
    const uint64_t sign = imm8 >> 7, b = imm8 >> 6 & 1;
    const uint64_t repeated = b ? (1ull << (exp_bits - 3)) - 1 : 0;
    const uint64_t exp = (b ^ 1) << (exp_bits - 1) | repeated << 2 | (imm8 >> 4 & 3);
    return sign << (bits - 1) | exp << frac_bits | (uint64_t)(imm8 & 15) << (frac_bits - 4);
}

/* FMOV (scalar, immediate): the number itself. */
uint64_t a64_imm_fpmov(uint32_t word)
{
    return a64_vfp_expand_imm(word >> 13 & 0xFF, a64_fp_shape(a64_imm_fp(word)).bits);
}
