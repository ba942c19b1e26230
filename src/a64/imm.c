/* SPDX-License-Identifier: MIT */
/* Immediates of branches and general data processing that the decoder computes once (imm= in the
 * decode table). Facts: the Arm manual, DecodeBitMasks and MoveWidePreferred (J1.1). */

#include <stdbool.h>

#include "a64_ops.h"
#include "dis.h"

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

/* Byte offsets from the instruction. */
uint64_t a64_imm_branch26(uint32_t word)
{
    return sign_extend(word & 0x3ffffff, 26) * 4;
}

uint64_t a64_imm_branch19(uint32_t word)
{
    return sign_extend(word >> 5 & 0x7ffff, 19) * 4;
}

uint64_t a64_imm_branch14(uint32_t word)
{
    return sign_extend(word >> 5 & 0x3fff, 14) * 4;
}

uint64_t a64_imm_adr(uint32_t word)
{
    return sign_extend((word >> 5 & 0x7ffff) << 2 | (word >> 29 & 3), 21);
}

/* From the instruction's 4 KiB page. */
uint64_t a64_imm_adrp(uint32_t word)
{
    return a64_imm_adr(word) << 12;
}

uint64_t a64_imm_addsub(uint32_t word)
{
    return (uint64_t)(word >> 10 & 0xfff) << (word >> 22 & 1 ? 12 : 0);
}

/* imm16 where the instruction puts it. */
uint64_t a64_imm_movewide(uint32_t word)
{
    return (uint64_t)(word >> 5 & 0xffff) << (word >> 21 & 3) * 16;
}

uint64_t a64_imm_movewide_not_x(uint32_t word)
{
    return ~a64_imm_movewide(word);
}

uint64_t a64_imm_movewide_not_w(uint32_t word)
{
    return (uint32_t)~a64_imm_movewide(word);
}

/* The bit mask of AND, ORR, EOR, ANDS (immediate), as wide as the operation. The element's size is
 * the highest zero of N:~imms; imms+1 ones are rotated right by immr and repeated. */
uint64_t a64_imm_logical(uint32_t word)
{
    const unsigned immr = word >> 16 & 63, imms = word >> 10 & 63;
    const unsigned top = (word >> 22 & 1) << 6 | (~imms & 63);
    if (!top)
        return 0; /* reserved: no row matches it */
    const unsigned size = 1u << (31 - __builtin_clz(top));
    const unsigned ones = (imms & (size - 1)) + 1, rotate = immr & (size - 1);
    const uint64_t element = size == 64 ? ~0ull : (1ull << size) - 1;
    uint64_t mask = ones == 64 ? ~0ull : (1ull << ones) - 1;
    if (rotate)
        mask = (mask >> rotate | mask << (size - rotate)) & element;
    for (unsigned width = size; width < 64; width *= 2)
        mask |= mask << width;
    return word >> 31 ? mask : (uint32_t)mask;
}

/* Whether one MOVZ or MOVN could make the constant of an ORR (immediate), which is then no MOV. */
bool a64_move_wide_preferred(uint32_t word)
{
    const uint64_t mask = word >> 31 ? ~0ull : 0xffffffffull;
    const uint64_t value = a64_imm_logical(word);
    for (unsigned shift = 0; shift < 64; shift += 16) {
        const uint64_t others = ~(0xffffull << shift) & mask;
        if (!(value & others) || (value & others) == others)
            return true;
    }
    return false;
}
