/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_PMU_H
#define POMONA_A64_PMU_H

/* The Performance Monitors (PMUv3, model `max`): see sysreg_pmu.c. */

#include "cpu.h"

#define A64_PMCR_E    1ull
#define A64_MDCR_HPME (1ull << 7) /* enables the event counters that MDCR_EL2.HPMN keeps for EL2 */

/* Brings the counters up to cpu->icount at the current EL and sends the overflow wire (PPI 23). */
void a64_pmu_update(struct a64_cpu *cpu);
/* The icount at which some counter overflows and interrupts if the EL stays; ~0: never. Whoever runs
 * an engine ends its slice there, and calls a64_timer_update(), which looks at the counters too. */
uint64_t a64_pmu_next(const struct a64_cpu *cpu);
/* What counts has changed, or the EL: asks for a new slice (A64_ATT_TIMER) if an overflow interrupts. */
void a64_pmu_changed(struct a64_cpu *cpu);

/* Before a change of the EL. */
static inline void a64_pmu_sync(struct a64_cpu *cpu)
{
    if ((cpu->pmu.pmcr & A64_PMCR_E) || (cpu->sr.mdcr_el2 & A64_MDCR_HPME))
        a64_pmu_update(cpu);
}

#endif
