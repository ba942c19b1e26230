/* SPDX-License-Identifier: MIT */
/* The constants that vector code finds in dbt_hot (see vector.h). */

#include "../../interp/fp_core.h"
#include "vector.h"

#define ALL(value)                                                                                 \
    {                                                                                              \
        .d = { value, value }                                                                      \
    }
#define BYTES(low, high)                                                                           \
    {                                                                                              \
        .d = { low, high }                                                                         \
    }
#define NONE 0x8080808080808080 /* VPSHUFB makes it zeros */

const union a64_vreg vector_constants[K_COUNT] = {
    [K_ZERO] = ALL(0),
    [K_ONES] = ALL(~0ull),
    [K_LOW_1] = BYTES(0xff, 0),
    [K_LOW_2] = BYTES(0xffff, 0),
    [K_LOW_4] = BYTES(0xffffffff, 0),
    [K_LOW_8] = BYTES(~0ull, 0),
    [K_01B] = ALL(0x0101010101010101),
    [K_0F] = ALL(0x0f0f0f0f0f0f0f0f),
    [K_7F] = ALL(0x7f7f7f7f7f7f7f7f),
    [K_80B] = ALL(0x8080808080808080),
    [K_70] = ALL(0x7070707070707070),
    [K_0001] = ALL(0x0001000100010001),
    [K_00FF] = ALL(0x00ff00ff00ff00ff),
    [K_FF00] = ALL(0xff00ff00ff00ff00),
    [K_8000] = ALL(0x8000800080008000),
    [K_80000000] = ALL(0x8000000080000000),
    [K_0000FFFF] = ALL(0x0000ffff0000ffff),
    [K_SIGN64] = ALL(0x8000000000000000),
    [K_LOW_WORD] = ALL(0x00000000ffffffff),
    [K_EVEN_B] = BYTES(0x0e0c0a0806040200, NONE),
    [K_EVEN_H] = BYTES(0x0d0c090805040100, NONE),
    [K_EVEN_S] = BYTES(0x0b0a090803020100, NONE),
    [K_ODD_B] = BYTES(0x0f0d0b0907050301, NONE),
    [K_ODD_H] = BYTES(0x0f0e0b0a07060302, NONE),
    [K_ODD_S] = BYTES(0x0f0e0d0c07060504, NONE),
    [K_EVEN_B_TWICE] = ALL(0x0e0c0a0806040200),
    [K_EVEN_H_TWICE] = ALL(0x0d0c090805040100),
    [K_ODD_B_TWICE] = ALL(0x0f0d0b0907050301),
    [K_ODD_H_TWICE] = ALL(0x0f0e0b0a07060302),
    [K_REV16_B] = BYTES(0x0607040502030001, 0x0e0f0c0d0a0b0809),
    [K_REV32_B] = BYTES(0x0405060700010203, 0x0c0d0e0f08090a0b),
    [K_REV32_H] = BYTES(0x0504070601000302, 0x0d0c0f0e09080b0a),
    [K_REV64_B] = BYTES(0x0001020304050607, 0x08090a0b0c0d0e0f),
    [K_REV64_H] = BYTES(0x0100030205040706, 0x09080b0a0d0c0f0e),
    [K_COUNT_BITS] = BYTES(0x0302020102010100, 0x0403030203020201),
    [K_REVERSE_LOW] = BYTES(0xe060a020c0408000, 0xf070b030d0509010),
    [K_REVERSE_HIGH] = BYTES(0x0e060a020c040800, 0x0f070b030d050901),
    [K_CLZ_HIGH] = BYTES(0x0101010102020308, 0),
    [K_CLZ_LOW] = BYTES(0x0505050506060708, 0x0404040404040404),
    [K_HALVES_B] = BYTES(0x0b030a0209010800, 0x0f070e060d050c04),
    [K_HALVES_H] = BYTES(0x0b0a030209080100, 0x0f0e07060d0c0504),
    [K_REVERSE_MATRIX] = ALL(0x8040201008040201),
};

/* The square root's index is the exponent's last bit, 0 for numbers that stand for 0.5..1.0 of the
 * manual's RecipSqrtEstimate, and seven bits of fraction. */
void vector_estimates(uint32_t estimate[2][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        const uint32_t scaled = i & 0x80 ? i : 256 + 2 * i;
        const uint32_t recip = fp_unsigned_recpe((256 + i) << 23),
                       root = fp_unsigned_rsqrte(scaled << 23);
        estimate[0][i] = (253u << 23) + (recip >> 8 & 0x007f8000);
        estimate[1][i] = ((i & 0x80 ? 189u : 190u) << 23) + (root >> 8 & 0x007f8000);
    }
}
