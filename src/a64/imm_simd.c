/* SPDX-License-Identifier: MIT */
/* The immediates of Advanced SIMD that the decoder computes once for an instruction:
 * AdvSIMDExpandImm of the Arm manual (C4.1, shared/functions/vector), and the shift amounts of
 * "shift by immediate". */

#include "a64_ops.h"

static uint64_t replicate(uint64_t value, unsigned bits)
{
    for (; bits < 64; bits *= 2)
        value |= value << bits;
    return value;
}

/* Each bit of IMM8 becomes a byte of zeros or ones. */
static uint64_t bits_to_bytes(uint64_t imm8)
{
    uint64_t out = 0;
    for (unsigned k = 0; k < 8; k++)
        out |= (imm8 >> k & 1) * 0xFFull << (8 * k);
    return out;
}

/* VFPExpandImm: sign a, exponent NOT(b) and copies of b and cd, fraction efgh. */
static uint64_t vfp_expand(uint64_t imm8, unsigned bits, unsigned exponent)
{
    const uint64_t sign = imm8 >> 7, b = imm8 >> 6 & 1;
    const uint64_t copies = b ? (1ull << (exponent - 3)) - 1 : 0;
    const uint64_t exp = (!b) << (exponent - 1) | copies << 2 | (imm8 >> 4 & 3);
    const unsigned fraction = bits - 1 - exponent;
    return sign << (bits - 1) | exp << fraction | (imm8 & 15) << (fraction - 4);
}

uint64_t a64_imm_simd(uint32_t word)
{
    const uint64_t imm8 = (word >> 16 & 7) << 5 | (word >> 5 & 31);
    const unsigned cmode = word >> 12 & 15, op = word >> 29 & 1, o2 = word >> 11 & 1;
    switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3:
        return replicate(imm8 << (cmode >> 1) * 8, 32);
    case 4:
    case 5:
        return replicate(imm8 << (cmode >> 1 & 1) * 8, 16);
    case 6:
        return replicate(cmode & 1 ? imm8 << 16 | 0xFFFF : imm8 << 8 | 0xFF, 32);
    }
    if (!(cmode & 1))
        return op ? bits_to_bytes(imm8) : replicate(imm8, 8);
    if (o2)
        return replicate(vfp_expand(imm8, 16, 5), 16);
    return op ? vfp_expand(imm8, 64, 11) : replicate(vfp_expand(imm8, 32, 8), 32);
}

/* immh:immb, and 8 * (the highest bit set of immh): the element's width. */
static uint64_t immhb(uint32_t word)
{
    return word >> 16 & 127;
}

static uint64_t shift_esize(uint32_t word)
{
    return 8ull << (31 - __builtin_clz((word >> 19 & 15) | 1));
}

uint64_t a64_imm_simd_lsh(uint32_t word)
{
    return immhb(word) - shift_esize(word);
}

uint64_t a64_imm_simd_rsh(uint32_t word)
{
    return 2 * shift_esize(word) - immhb(word);
}
