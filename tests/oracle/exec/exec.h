/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_EXEC_H
#define POMONA_TESTS_EXEC_H

/* What exec_ours.c and exec_guest.c read and write, so that a script can hold their results against
 * each other. Input: a header, the words, the states. Output: a result for each word in each state,
 * words outermost. All little-endian. */

#include <stdint.h>

struct exec_header {
    uint32_t words, states;
};

/* Registers before (and, in the programs, after) one instruction. */
struct exec_state {
    uint64_t v[32][2];
    uint64_t x[31];
    uint64_t fpcr, fpsr, nzcv;
    uint64_t unused[2];
};

struct exec_result {
    uint64_t v[2]; /* of the register that the word's bits 4:0 name */
    uint64_t x;    /* likewise; 31 gives 0 */
    uint32_t fpsr;
    uint32_t nzcv;
    uint64_t rest;      /* a hash of all registers */
    uint64_t undefined; /* 1: the instruction was; nothing else counts */
};

static inline uint64_t exec_hash(const struct exec_state *state)
{
    const uint64_t *word = &state->v[0][0];
    uint64_t hash = 0;
    for (unsigned k = 0; k < 64 + 31; k++)
        hash = (hash ^ word[k]) * 0x9E3779B97F4A7C15 + (hash >> 29);
    return hash;
}

static inline struct exec_result exec_summary(const struct exec_state *state, uint32_t word)
{
    const unsigned d = word & 31;
    return (struct exec_result){
        .v = {state->v[d][0], state->v[d][1]},
        .x = d == 31 ? 0 : state->x[d],
        .fpsr = (uint32_t)state->fpsr,
        .nzcv = (uint32_t)state->nzcv,
        .rest = exec_hash(state),
    };
}

#endif
