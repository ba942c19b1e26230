/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_MMU_RIG_H
#define POMONA_TESTS_MMU_RIG_H

/* A CPU or more with nothing but an MMU and some RAM, for tests of translation. */

#include "a64/broadcast.h"
#include "a64/mmu.h"
#include "a64/system.h"
#include "mmu_gen.h"

#define RIG_CPUS  3
#define RIG_PIECE 0x80000000ull
#define RIG_PAGES (GEN_RAM_SIZE >> A64_PAGE_SHIFT)

struct rig {
    struct a64_system sys;
    struct a64_cpu cpu[RIG_CPUS];
    uint8_t *ram;             /* GEN_RAM_SIZE bytes at GEN_RAM_BASE */
    uint8_t flags[RIG_PAGES]; /* what the VM's map allows; 0: not mapped */
    uint8_t *piece;           /* A64_RUN_SHIFT's bytes more at RIG_PIECE; NULL: none */
};

struct rig *rig_new(void);
void rig_free(struct rig *rig);
/* The registers of a case; EL and the rest of PSTATE are the caller's, and a64_mmu_update() after
 * that. */
void rig_load(struct a64_cpu *cpu, const struct gen_case *c);
/* The 8 bytes of RAM at guest-physical PA. */
uint64_t *rig_word(struct rig *rig, uint64_t pa);

#endif
