/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ORACLE_FP_CASE_H
#define POMONA_ORACLE_FP_CASE_H

/* What fp_oracle sends to its guest, and back. A batch is a struct fp_batch, WORDS instruction
 * words and CASES struct fp_case; the answer to it is CASES struct fp_result. All little-endian. */

#include <stdint.h>

#define FP_MAX_WORDS 4096

struct fp_batch {
    uint32_t words, cases;
};

/* The registers that instructions may name: X0..X3 and V0..V3. */
struct fp_state {
    uint64_t x[4];
    uint64_t v[4][2];
    uint32_t nzcv, fpsr;
};

struct fp_case {
    uint32_t index; /* of the word */
    uint32_t fpcr;
    struct fp_state state;
};

#endif
