/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_PAC_CASE_H
#define POMONA_TESTS_PAC_CASE_H

#include <stdint.h>

enum pac_op {
    PAC_IA,
    PAC_IB,
    PAC_DA,
    PAC_DB,
    AUT_IA,
    AUT_IB,
    AUT_DA,
    AUT_DB,
    XPAC_I,
    XPAC_D,
    PAC_GA,
    PAC_OPS
};

/* One instruction; for AUT* the pointer is what PAC* of the same key made of it, xor FLIP. */
struct pac_case {
    uint64_t op, tcr_el1, sctlr_el1;
    uint64_t key[5][2]; /* lo, hi of IA, IB, DA, DB, GA */
    uint64_t pointer, modifier, flip;
};

#endif
