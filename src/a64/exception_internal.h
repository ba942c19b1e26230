/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_EXCEPTION_INTERNAL_H
#define POMONA_A64_EXCEPTION_INTERNAL_H

/* What exception.c, interrupt.c and debug.c share. */

#include "cpu.h"

#define A64_ESR_IL (1u << 25)

/* Offsets in a quarter of the vector table. */
#define A64_VECTOR_SYNC   0x000
#define A64_VECTOR_IRQ    0x080
#define A64_VECTOR_FIQ    0x100
#define A64_VECTOR_SERROR 0x180

/* PSTATE.{D,A,I,F} in a64_pstate.daif. */
#define A64_DAIF_D 8u
#define A64_DAIF_A 4u
#define A64_DAIF_I 2u
#define A64_DAIF_F 1u

/* Saves PSTATE and RETURN_ADDRESS, enters EL TARGET at its vector for KIND. */
void a64_enter_vector(struct a64_cpu *cpu, unsigned target, unsigned kind, uint64_t return_address);

/* The EL that debug exceptions from EL0 and EL1 go to: EL2 with TGE or MDCR_EL2.TDE, else EL1. */
unsigned a64_debug_target(const struct a64_cpu *cpu);
/* PSTATE.SS becomes 1 again if the instruction at pc was let run by software step and did not
 * retire. */
void a64_step_undo(struct a64_cpu *cpu);
/* Whether an exception return to EL with PSTATE.D = MASKED copies SPSR.SS (DebugExceptionReturnSS).
 */
bool a64_step_return(const struct a64_cpu *cpu, unsigned el, bool masked);

#endif
