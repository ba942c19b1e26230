/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_H
#define POMONA_DBT_H

/* The translator: the engine that turns guest blocks into host code. Its stops are the interpreter's
 * (src/interp/interp.h), which also runs whatever it leaves out. */

#include "../interp/interp.h"

/* Gives CPU its code cache (cpu->engine). 0, -ENOMEM, or -ENOTSUP: the host lacks what the emitted
 * code needs (x86-64 with AVX2 and BMI2). */
int dbt_init(struct a64_cpu *cpu);
void dbt_free(struct a64_cpu *cpu);
enum engine_stop dbt_run(struct a64_cpu *cpu);
/* Whether this host can run what the emitter makes. */
bool dbt_host_ok(void);
/* What it counts in a64_system.statistics. */
extern const char *const dbt_statistics[];
void dbt_count(const struct a64_cpu *cpu, uint64_t *values);

#endif
