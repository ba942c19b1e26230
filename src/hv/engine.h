/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HV_ENGINE_H
#define POMONA_HV_ENGINE_H

/* What executes a vCPU's instructions, seen by the API. The stops and their rules are those of
 * src/interp/interp.h, whichever engine it is. */

#include "../a64/system.h"
#include "../interp/interp.h"

/* Bytes of a code cache. */
#define HV_LEAST_CODE (64u << 10)
#define HV_MOST_CODE  (1u << 30)

struct hv_engine {
    const char *name;                 /* of hv_pomona_vm_config_set_engine */
    int (*init)(struct a64_cpu *cpu); /* 0 or -errno; sets cpu->engine */
    void (*free)(struct a64_cpu *cpu);
    enum engine_stop (*run)(struct a64_cpu *cpu);
    const char *const *statistics; /* names of what it counts, NULL-terminated; NULL: nothing */
    /* Adds what it counted for CPU to VALUES[]; any thread, approximately right while CPU runs. */
    void (*count)(const struct a64_cpu *cpu, uint64_t *values);
    bool (*usable)(void); /* on this host; NULL: on every one */
};

/* By name; NULL: the one that POMONA_ENGINE in the environment names, or the first. NULL when
 * unknown. */
const struct hv_engine *hv_engine_find(const char *name);
/* Whether it runs on this host. */
bool hv_engine_usable(const struct hv_engine *engine, const struct a64_knobs *knobs);
/* A comma-separated LIST of hv_pomona_vm_config_set_engine_knobs; NULL or empty: none. False: there is
 * no such knob. */
bool hv_engine_knobs(const char *list, struct a64_knobs *knobs);

#endif
