/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_PROFILE_H
#define POMONA_MACHINE_PROFILE_H

/* Where a CPU's time goes: how often each stack was seen. */

#include <stddef.h>
#include <stdint.h>

struct machine_cpu;
struct machine_profile;

/* NULL: no memory. */
struct machine_profile *machine_profile_create(void);
void machine_profile_destroy(struct machine_profile *profile);
/* Counts CPU's stack. On its thread, outside hv_vcpu_run. */
void machine_profile_sample(struct machine_profile *profile, const struct machine_cpu *cpu);
/* Calls MET with each stack, innermost frame first, and how often it was seen. */
void machine_profile_each(const struct machine_profile *profile,
                          void (*met)(void *ctx, unsigned cpu, const uint64_t *frames,
                                      unsigned depth, uint64_t count),
                          void *ctx, unsigned cpu);

#endif
