/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_TIMER_H
#define POMONA_A64_TIMER_H

/* The generic timers: counters, compare registers, output wires (Arm ARM D12). */

#include "cpu.h"

/* Counter views at this CPU now. */
uint64_t a64_cntpct(struct a64_cpu *cpu);
uint64_t a64_cntvct(struct a64_cpu *cpu);

uint64_t a64_timer_ctl(struct a64_cpu *cpu, enum a64_timer_id id); /* with ISTATUS */
void a64_timer_set_ctl(struct a64_cpu *cpu, enum a64_timer_id id, uint64_t value);
uint64_t a64_timer_tval(struct a64_cpu *cpu, enum a64_timer_id id);
void a64_timer_set_tval(struct a64_cpu *cpu, enum a64_timer_id id, uint64_t value);
void a64_timer_set_cval(struct a64_cpu *cpu, enum a64_timer_id id, uint64_t value);

/* Evaluates all timers, sends changed wires (system->ppi), notes events of the event stream
 * (cpu->event), tells clock.deadline when it must run again. Own thread only; after anything that
 * changes a timer or an offset, at deadlines, and when a CPU that waits in WFE looks for events. */
void a64_timer_update(struct a64_cpu *cpu);
/* Ticks of the system counter at which some enabled timer's output next rises; ~0 for never. */
uint64_t a64_timer_next(struct a64_cpu *cpu);
/* The same for a CPU that waits in WFE: the event stream's next event too. */
uint64_t a64_timer_next_event(struct a64_cpu *cpu);

#endif
