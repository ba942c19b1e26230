/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MMU_ACCESS_H
#define POMONA_A64_MMU_ACCESS_H

/* Between mmu.c (a page) and mmu_access.c (an access). */

#include "mmu_priv.h"

/* Host address of VA for ACCESS, filling the TLB, or NULL with cpu->exc set. The bytes up to the
 * end of the 4 KiB page are accessible in the same way. UNALIGNED: fault where memory is Device. */
void *mmu_access_page(struct a64_cpu *cpu, uint64_t va, unsigned access, bool unaligned);
/* Fills cpu->exc for a walk's fault at VA. */
void mmu_raise(struct a64_cpu *cpu, const struct a64_walk *walk, uint64_t va, unsigned access);
void mmu_raise_alignment(struct a64_cpu *cpu, uint64_t va, unsigned access);

#endif
