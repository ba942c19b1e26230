/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_MMU_OPS_H
#define POMONA_TESTS_MMU_OPS_H

#include "../../unit/mmu_gen.h"

/* AT instructions: name, op1, CRm, op2. */
#define AT_OPS(X)                                                                                  \
    X(s1e1r, 0, 8, 0)                                                                              \
    X(s1e1w, 0, 8, 1) X(s1e0r, 0, 8, 2) X(s1e0w, 0, 8, 3) X(s1e1rp, 0, 9, 0) X(s1e1wp, 0, 9, 1)    \
        X(s1e2r, 4, 8, 0) X(s1e2w, 4, 8, 1) X(s12e1r, 4, 8, 4) X(s12e1w, 4, 8, 5)                  \
            X(s12e0r, 4, 8, 6) X(s12e0w, 4, 8, 7)

enum {
#define X(name, op1, crm, op2) AT_##name,
    AT_OPS(X)
#undef X
        AT_COUNT
};

/* In place of PAR_EL1: AT itself took an exception. */
#define AT_EXCEPTION 0xffffffffffffffffull

static inline bool at_applies(uint64_t mode, unsigned op)
{
    const bool el2 = op == AT_s1e2r || op == AT_s1e2w;
    return el2 == (mode >= GEN_EL2);
}

#endif
