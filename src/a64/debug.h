/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_DEBUG_H
#define POMONA_A64_DEBUG_H

/* Self-hosted debug: watchpoints, for the memory accessors. Breakpoints, software step and the rest
 * of a64_check_watch() are declared in exception.h. */

#include "cpu.h"

#define A64_DBG_PAIRS  16
#define A64_OSLSR_OSLK (1ull << 1)
/* MDCR_EL2.TDCC (FEAT_FGT): traps the Debug Communications Channel. */
#define A64_MDCR_TDCC (1ull << 27)

/* Whether some watchpoint is enabled in the current state: then no access may skip the check below.
 */
bool a64_watchpoints_active(const struct a64_cpu *cpu);
/* Compares SIZE bytes at VA (tag stripped) with the watchpoints; ACCESS is of enum a64_access
 * (READ, WRITE, UNPRIV and CACHEOP count). A64_NEXT, or A64_FAULT with cpu->exc set (EC 0x34). */
int a64_check_watchpoints(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access);

#endif
