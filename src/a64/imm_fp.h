/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_IMM_FP_H
#define POMONA_A64_IMM_FP_H

/* What the decoder precomputes for floating-point rows (imm=fp... in the decode table): the shape
 * of the operation in one word.
 *
 *   [7:0]    bits of an element: 16, 32, 64
 *   [15:8]   number of elements; 1 for scalars
 *   [23:16]  by row: fraction bits of a fixed-point number, index of an element, rotation / 90
 *   [25:24]  FCMLA by element: rotation / 90, the index being in [23:16] */

#include <stdint.h>

struct a64_fp_shape {
    unsigned bits, count, extra, rotation;
};

static inline struct a64_fp_shape a64_fp_shape(uint64_t imm)
{
    return (struct a64_fp_shape){.bits = imm & 0xFF,
                                 .count = imm >> 8 & 0xFF,
                                 .extra = imm >> 16 & 0xFF,
                                 .rotation = imm >> 24 & 3};
}

/* VFPExpandImm: the 8-bit immediate of FMOV as a number of BITS (16, 32, 64). */
uint64_t a64_vfp_expand_imm(unsigned imm8, unsigned bits);

#endif
