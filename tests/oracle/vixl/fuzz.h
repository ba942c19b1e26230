/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_VIXL_FUZZ_H
#define POMONA_TESTS_VIXL_FUZZ_H

/* What the two halves of the fuzzer share: ours.c (C, our interpreter and decode table) and fuzz.cc
 * (C++, VIXL's simulator and the comparison). */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Registers before and after one instruction. */
struct fuzz_state {
    uint64_t x[31];
    uint64_t sp, pc;
    uint64_t v[32][2];
    uint32_t nzcv;
};

struct fuzz_row {
    const char *name, *group, *pattern;
    uint32_t mask, value;
    bool runs; /* implemented, and touches nothing but registers: no memory, system state,
                  exceptions */
};

unsigned fuzz_row_count(void);
struct fuzz_row fuzz_row_at(unsigned index);
/* Whether WORD is an encoding of row INDEX. */
bool fuzz_decodes_to(uint32_t word, unsigned index);
void fuzz_disassemble(uint32_t word, uint64_t pc, char *out, unsigned size);
/* Runs WORD on *STATE; false if it raised an exception. */
bool fuzz_run(uint32_t word, struct fuzz_state *state);

#ifdef __cplusplus
}
#endif

#endif
