/* SPDX-License-Identifier: MIT */
#ifndef POMONA_INTERP_H
#define POMONA_INTERP_H

/* The portable engine: runs decoded instructions from cached blocks. What each instruction means is
 * in the exec_* functions of this folder, one file an encoding class of the Arm manual. */

#include "../a64/cpu.h"
#include "../a64/decode.h"

/* Why an engine came back. */
enum engine_stop {
    ENGINE_VMEXIT,    /* cpu->exc is for the monitor; state is that at the instruction (pc + 4 if
                         exc.after) */
    ENGINE_WAIT,      /* WFI or WFE with nothing to wake it; pc is behind it */
    ENGINE_ATTENTION, /* A64_ATT_CANCEL, _PAUSE or _TIMER is set; between instructions */
    ENGINE_SLICE,     /* icount reached slice_end */
    ENGINE_LOOP,      /* 1,000 synchronous exceptions at one vector with nothing retired between */
};

/* Runs CPU until one of the above. Takes guest exceptions and interrupts itself, drains TLBI
 * inboxes. The caller brackets it with a64_cpu_enter() and a64_cpu_leave(), and clears CANCEL,
 * PAUSE and TIMER. */
enum engine_stop interp_run(struct a64_cpu *cpu);
/* Runs exactly one instruction at pc (or takes one exception): ENGINE_SLICE, or another stop. */
enum engine_stop interp_step(struct a64_cpu *cpu);
/* The same, whatever cpu->attention says. */
enum engine_stop interp_insn(struct a64_cpu *cpu);

/* What the engines share. */

/* cpu->attention is set: serves what an engine can, *TAKEN when an interrupt was taken. False: leave
 * the engine. */
bool engine_serve_attention(struct a64_cpu *cpu, bool *taken);
/* What follows from the STATUS of an instruction, with cpu->pc at it (at what comes next for A64_NEXT,
 * BRANCH, SYNC and WAIT): true: leave the engine with *STOP. */
bool engine_must_stop(struct a64_cpu *cpu, int status, enum engine_stop *stop);
/* What a stage-2 or monitor's data abort in cpu->exc says of INSN. */
void engine_add_syndrome(struct a64_cpu *cpu, const struct a64_insn *insn);

/* Gives CPU its block cache (cpu->engine). 0 or -ENOMEM. */
int interp_init(struct a64_cpu *cpu);
void interp_free(struct a64_cpu *cpu);

#endif
