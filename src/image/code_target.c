/* SPDX-License-Identifier: MIT */
/* Addresses in A64 code, from the encodings' own fields (Arm ARM, C4.1). Registers are followed in
 * a straight line only, which is how compilers put ADRP and its companions. */

#include "code_target.h"

/* BL may change them. */
#define CALL_CHANGES 0x4007ffffu /* x0 to x18, x30 */

enum form {
    FORM_NONE,
    FORM_26,  /* B, BL */
    FORM_19,  /* B.cond, CBZ, CBNZ, LDR (literal) */
    FORM_14,  /* TBZ, TBNZ */
    FORM_ADR, /* ADR, ADRP */
};

static enum form form_of(uint32_t word)
{
    if ((word & 0x7c000000) == 0x14000000)
        return FORM_26;
    if ((word & 0xff000000) == 0x54000000 || (word & 0x7e000000) == 0x34000000 ||
        (word & 0x3b000000) == 0x18000000)
        return FORM_19;
    if ((word & 0x7e000000) == 0x36000000)
        return FORM_14;
    return (word & 0x1f000000) == 0x10000000 ? FORM_ADR : FORM_NONE;
}

static bool is_adrp(uint32_t word)
{
    return (word & 0x9f000000) == 0x90000000;
}

static int64_t adr_offset(uint32_t word)
{
    return (int64_t)((uint64_t)(word >> 5 & 0x7ffff) << 45) >> 43 | (word >> 29 & 3);
}

bool code_direct_target(uint32_t word, uint64_t pc, uint64_t *target)
{
    int64_t offset;
    switch (form_of(word)) {
    case FORM_26:
        offset = (int64_t)((uint64_t)word << 38) >> 36;
        break;
    case FORM_19:
        offset = (int64_t)((uint64_t)(word >> 5) << 45) >> 43;
        break;
    case FORM_14:
        offset = (int64_t)((uint64_t)(word >> 5) << 50) >> 48;
        break;
    case FORM_ADR:
        if (is_adrp(word))
            return false;
        offset = adr_offset(word);
        break;
    default:
        return false;
    }
    *target = pc + (uint64_t)offset;
    return true;
}

/* ADD (immediate), 64 bits, without a shift. */
static bool is_add(uint32_t word)
{
    return (word & 0xffc00000) == 0x91000000;
}

/* Loads, stores and PRFM with an unsigned offset: log2 of the size it counts in, or -1. */
static int scale_of(uint32_t word)
{
    if ((word & 0x3b000000) != 0x39000000)
        return -1;
    const int size = (int)(word >> 30);
    const bool vector = word >> 26 & 1;
    return vector && !size && word >> 23 & 1 ? 4 : size;
}

bool code_paged_target(struct code_pages *pages, uint32_t word, uint64_t pc, uint64_t *target)
{
    const unsigned d = word & 31, n = word >> 5 & 31;
    const int scale = is_add(word) ? 0 : scale_of(word);
    const bool found = scale >= 0 && n < 31 && pages->known >> n & 1;
    if (found)
        *target = pages->page[n] + ((uint64_t)(word >> 10 & 0xfff) << scale);
    if ((word & 0xfc000000) == 0x94000000)
        pages->known &= ~CALL_CHANGES;
    /* Where the lowest field is no destination a page is forgotten that was still there. */
    else if (d < 31)
        pages->known &= ~(1u << d);
    if (is_adrp(word) && d < 31) {
        pages->known |= 1u << d;
        pages->page[d] = (pc & ~0xfffull) + (uint64_t)adr_offset(word) * 4096;
    }
    return found;
}

unsigned code_access_size(uint32_t word)
{
    const int scale = scale_of(word);
    if (scale >= 0)
        return 1u << scale;
    if ((word & 0x3b000000) != 0x18000000) /* LDR (literal) */
        return 0;
    /* opc 10 is LDRSW, or 16 bytes of a vector. */
    const unsigned opc = word >> 30;
    return opc == 1 ? 8 : opc == 2 && word >> 26 & 1 ? 16 : 4;
}

uint32_t code_without_target(uint32_t word)
{
    switch (form_of(word)) {
    case FORM_26:
        return word & 0xfc000000;
    case FORM_19:
        return word & 0xff00001f;
    case FORM_14:
        return word & 0xfff8001f;
    case FORM_ADR:
        return word & 0x9f00001f;
    default:
        return is_add(word) || scale_of(word) >= 0 ? word & 0xffc003ff : word;
    }
}
