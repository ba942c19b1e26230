/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_STUBS_H
#define POMONA_DBT_X86_64_STUBS_H

/* What stubs.c and stubs_fill.c share. */

#include "target.h"

/* Pinned registers go to struct a64_cpu, and come from there; NZCV and vectors stay. */
void stub_spill(struct x86 *a);
void stub_reload(struct x86 *a);
/* Vector registers go to struct a64_cpu if they hold V0..V31. Costs RAX, RDX. */
void stub_spill_vectors(struct dbt *dbt, struct x86 *a);
/* In a stub that was called, and has run an instruction's function: EAX is its status. The pinned
 * registers come back; but for A64_NEXT the block is left, for what dbt_go_on() finds. */
void stub_go_on_unless_done(struct dbt *dbt, struct x86 *a);
/* Runs the instruction that WORD is. */
int stub_exec_word(struct a64_cpu *cpu, uint32_t word);

void dbt_emit_fills(struct dbt *dbt, struct x86 *a);

#endif
