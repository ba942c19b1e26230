/* SPDX-License-Identifier: MIT */
/* The engines of this build, the preferred one first, and the knobs that make their rare paths common. */

#include "engine.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../dbt/dbt.h"
#include "Hypervisor/hv_pomona.h"

static const struct hv_engine engines[] = {
#if defined(__x86_64__)
    {"dbt", dbt_init, dbt_free, dbt_run, dbt_statistics, dbt_count, dbt_host_ok},
#endif
    {"interp", interp_init, interp_free, interp_run, NULL, NULL, NULL},
};

bool hv_engine_usable(const struct hv_engine *engine, const struct a64_knobs *knobs)
{
    return !engine->usable || (!knobs->old_host && engine->usable());
}

/* The first that runs on this host; the last runs on every one. */
static const struct hv_engine *preferred(void)
{
    const struct hv_engine *engine = engines;
    struct a64_knobs knobs;
    hv_engine_knobs(getenv("POMONA_ENGINE_KNOBS"), &knobs);
    while (!hv_engine_usable(engine, &knobs))
        engine++;
    return engine;
}

const char *hv_pomona_preferred_engine(void)
{
    return preferred()->name;
}

const struct hv_engine *hv_engine_find(const char *name)
{
    if (!name)
        name = getenv("POMONA_ENGINE");
    if (!name || !*name)
        return preferred();
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
        if (strcmp(engines[i].name, name) == 0)
            return &engines[i];
    return NULL;
}

/* ---- knobs ---- */


static const struct {
    const char *name;
    size_t at; /* of a bool */
} flags[] = {
    {"avx2", offsetof(struct a64_knobs, avx2)},
    {"every-block", offsetof(struct a64_knobs, every_block)},
    {"evict", offsetof(struct a64_knobs, evict)},
    {"no-slots", offsetof(struct a64_knobs, no_slots)},
    {"old-host", offsetof(struct a64_knobs, old_host)},
    {"one-tlb", offsetof(struct a64_knobs, one_tlb)},
    {"vipt", offsetof(struct a64_knobs, vipt)},
    {"windows", offsetof(struct a64_knobs, windows)},
};

/* "64K", "2M" */
static bool parse_code_size(const char *text, size_t length, struct a64_knobs *knobs)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    const unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 0;
    if (!shift || end + 1 != text + length || number > HV_MOST_CODE >> shift || number << shift < HV_LEAST_CODE)
        return false;
    knobs->code_size = (uint32_t)number << shift;
    return true;
}

static bool parse_plant(const char *text, size_t length, struct a64_knobs *knobs)
{
    for (unsigned row = 0; row < A64_ROW_COUNT; row++)
        if (strlen(a64_rows[row].name) == length && !memcmp(text, a64_rows[row].name, length))
            knobs->plant = (uint16_t)(row + 1);
    return knobs->plant != 0;
}

static bool parse_knob(const char *text, size_t length, struct a64_knobs *knobs)
{
    static const char code[] = "code=", plant[] = "plant=";
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strlen(flags[i].name) == length && !memcmp(text, flags[i].name, length)) {
            *(bool *)((char *)knobs + flags[i].at) = true;
            return true;
        }
    }
    const size_t prefix = sizeof(code) - 1, plant_prefix = sizeof(plant) - 1;
    if (length > plant_prefix && !memcmp(text, plant, plant_prefix))
        return parse_plant(text + plant_prefix, length - plant_prefix, knobs);
    return length > prefix && !memcmp(text, code, prefix) &&
           parse_code_size(text + prefix, length - prefix, knobs);
}

bool hv_engine_knobs(const char *list, struct a64_knobs *knobs)
{
    *knobs = (struct a64_knobs){0};
    while (list && *list) {
        const size_t length = strcspn(list, ",");
        if (!parse_knob(list, length, knobs))
            return false;
        list += length + (list[length] == ',');
    }
    return true;
}
