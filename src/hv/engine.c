/* SPDX-License-Identifier: MIT */
/* The engines of this build, the preferred one first. */

#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "../dbt/dbt.h"

static const struct hv_engine engines[] = {
    {"interp", interp_init, interp_free, interp_run, NULL, NULL},
#if defined(__x86_64__)
    {"dbt", dbt_init, dbt_free, dbt_run, dbt_statistics, dbt_count},
#endif
};

const struct hv_engine *hv_engine_find(const char *name)
{
    if (!name)
        name = getenv("POMONA_ENGINE");
    if (!name || !*name)
        return &engines[0];
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
        if (strcmp(engines[i].name, name) == 0)
            return &engines[i];
    return NULL;
}
