/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_MMU_GEN_H
#define POMONA_TESTS_MMU_GEN_H

/* Random translation tables: registers, tables in a piece of RAM, and addresses worth translating.
 * The tables are mostly right, so that walks get far, and wrong in one place in ten, so that every
 * kind of fault occurs. Used by the unit test (against a walker of its own) and by the oracle
 * (against another emulator). */

#include <stdbool.h>
#include <stdint.h>

#define GEN_RAM_BASE 0x48000000ull
#define GEN_RAM_SIZE 0x100000ull /* one pool of tables */
#define GEN_VAS      8

enum gen_mode { GEN_EL10, GEN_EL10_S2, GEN_EL2, GEN_EL20, GEN_MODES };

/* All that a walk depends on; the order is known to the oracle's guest program. */
struct gen_case {
    uint64_t mode;
    uint64_t sctlr_el1, tcr_el1, ttbr0_el1, ttbr1_el1, mair_el1;
    uint64_t sctlr_el2, tcr_el2, ttbr0_el2, ttbr1_el2, mair_el2;
    uint64_t hcr_el2, vtcr_el2, vttbr_el2;
    uint64_t pan;
    uint64_t va[GEN_VAS];
};

uint64_t gen_random(uint64_t *seed);
/* Makes *OUT and fills RAM, the GEN_RAM_SIZE bytes that the guest sees at GEN_RAM_BASE. */
void gen_make(uint64_t *seed, struct gen_case *out, uint8_t *ram);

#endif
