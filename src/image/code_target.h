/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CODE_TARGET_H
#define POMONA_CODE_TARGET_H

/* Which address an A64 instruction names: alone, or with the ADRP before it. */

#include <stdbool.h>
#include <stdint.h>

/* What ADRP put in the registers: those whose bit is set in `known`. All zero at a beginning. */
struct code_pages {
    uint32_t known;
    uint64_t page[31];
};

/* Where a branch, a literal load or ADR points to. */
bool code_direct_target(uint32_t word, uint64_t pc, uint64_t *target);
/* What an ADD, a load or a store reaches with a page that is known; takes note of ADRP and of what
 * overwrites its result. To be called with every instruction in turn. */
bool code_paged_target(struct code_pages *pages, uint32_t word, uint64_t pc, uint64_t *target);
/* How many bytes an instruction with such an address reads or writes there; 0: none, it jumps there
 * or computes the address. */
unsigned code_access_size(uint32_t word);
/* WORD without the field that makes up such an address. */
uint32_t code_without_target(uint32_t word);

#endif
