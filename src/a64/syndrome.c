/* SPDX-License-Identifier: MIT */
/* The instruction syndrome of data aborts. It is worked out from the bits alone, not from the
 * decode table: the five encoding classes below are all that can have one, and the monitor of
 * another engine, which has no decoded instruction at hand, needs it too. What is UNDEFINED never
 * gets here, since it never aborts. */

#include "syndrome.h"

/* Bits 23:22 of the classes "load/store register" and "LDAPR/STLR (unscaled immediate)". */
enum { OPC_STORE, OPC_LOAD, OPC_LOAD_SIGNED_64, OPC_LOAD_SIGNED_32 };

static uint32_t syndrome(uint32_t word, unsigned size, bool sign, bool wide, bool ordered)
{
    return A64_ISS_ISV | size << A64_ISS_SAS_SHIFT | (sign ? A64_ISS_SSE : 0) |
           (word & 31) << A64_ISS_SRT_SHIFT | (wide ? A64_ISS_SF : 0) | (ordered ? A64_ISS_AR : 0);
}

static uint32_t by_opc(uint32_t word, bool ordered)
{
    const unsigned size = word >> 30, opc = word >> 22 & 3;
    if (opc == OPC_LOAD_SIGNED_64)
        return size == 3 ? 0 : syndrome(word, size, true, true, ordered); /* size 3: PRFM */
    if (opc == OPC_LOAD_SIGNED_32)
        return size >= 2 ? 0 : syndrome(word, size, true, false, ordered);
    return syndrome(word, size, false, size == 3, ordered);
}

static uint32_t literal(uint32_t word)
{
    switch (word >> 30) {
    case 0:
        return syndrome(word, 2, false, false, false);
    case 1:
        return syndrome(word, 3, false, true, false);
    case 2:
        return syndrome(word, 2, true, true, false);
    default: /* PRFM */
        return 0;
    }
}

/* The class with bits 29:24 = 111000: immediates of nine bits, register offsets, atomics, LDRAA. */
static uint32_t load_store_register(uint32_t word)
{
    const unsigned form = word >> 10 & 3;
    if (!(word >> 21 & 1))
        return form == 0 || form == 2 ? by_opc(word, false)
                                      : 0; /* unscaled, unprivileged; not pre, post */
    if (form == 2)
        return by_opc(word, false);
    if (form == 0) /* of the atomics, LDAPR alone is a plain load */
        return (word & 0x3ffffc00) == 0x38bfc000
                   ? syndrome(word, word >> 30, false, word >> 30 == 3, true)
                   : 0;
    return form == 1 ? syndrome(word, 3, false, true, false)
                     : 0; /* LDRAA, LDRAB without write-back */
}

uint32_t a64_dabt_syndrome(uint32_t word)
{
    switch (word >> 24 & 0x3f) {
    case 0x39: /* unsigned immediate */
        return by_opc(word, false);
    case 0x38:
        return load_store_register(word);
    case 0x18:
        return literal(word);
    case 0x19: /* LDAPUR, STLUR */
        return (word & 0x00200c00) == 0 ? by_opc(word, true) : 0;
    case 0x08: /* LDAR, STLR, LDLAR, STLLR; bit 23 tells them from exclusives, bit 21 from CAS */
        return (word & 0x00a00000) == 0x00800000
                   ? syndrome(word, word >> 30, false, word >> 30 == 3, true)
                   : 0;
    default:
        return 0;
    }
}
