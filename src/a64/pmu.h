/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_PMU_H
#define POMONA_A64_PMU_H

/* The Performance Monitors (PMUv3, model `max`): see sysreg_pmu.c. */

#include "cpu.h"

#define A64_PMCR_E 1ull

/* Brings the counters up to cpu->icount at the current EL and sends the overflow wire (PPI 23). */
void a64_pmu_update(struct a64_cpu *cpu);
/* The icount at which some counter overflows and interrupts; ~0: never. For whoever sets
 * cpu->slice_end. */
uint64_t a64_pmu_next(const struct a64_cpu *cpu);

/* Before anything that changes what the counters count: the EL, above all. */
static inline void a64_pmu_sync(struct a64_cpu *cpu)
{
    if (cpu->pmu.pmcr & A64_PMCR_E)
        a64_pmu_update(cpu);
}

#endif
