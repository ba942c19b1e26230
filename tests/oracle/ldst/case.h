/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ORACLE_LDST_CASE_H
#define POMONA_ORACLE_LDST_CASE_H

/* What ldst_oracle sends to its guest, and back: LDST_BATCH cases at a time, answered by as many
 * states. */

#include <stdint.h>

#define LDST_BATCH 512u
#define LDST_DATA  0x10000000ull /* 64 KiB of the guest's memory */
#define LDST_WINDOW                                                                                \
    (LDST_DATA + 0x1f00) /* the bytes that a case has: they straddle a page boundary */
#define LDST_BYTES 512u
#define LDST_CODE  (LDST_DATA + 0x20000) /* three words a case: first, word, ret */

struct ldst_state {
    uint64_t x[16], sp, pad; /* other registers cannot be named */
    uint64_t v[32][2];
    uint8_t memory[LDST_BYTES];
};

struct ldst_case {
    uint32_t first, word; /* first: CLREX, or the load-exclusive that goes with a store-exclusive */
    struct ldst_state state;
};

/* Where WORD of a batch's case INDEX stands. */
static inline uint64_t ldst_pc(unsigned index)
{
    return LDST_CODE + 12 * index + 4;
}

#endif
