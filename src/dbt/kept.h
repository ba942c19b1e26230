/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_KEPT_H
#define POMONA_DBT_KEPT_H

/* What a CPU's code cache has from an earlier run (kept.c), and how it becomes its own (wake.c). */

#include "internal.h"
#include "store.h"

struct dbt_kept {
    struct dbt_store store;
    char name[32]; /* of the file */
    struct dbt_identity identity;
    uint32_t *words; /* of sleeping blocks, one behind the other */
    uint16_t *rows;  /* which rows they are */
};

/* The words of BLOCK, which sleeps, are at struct dbt_block's page in dbt->kept->words. Its `pa` is
 * a key of them, with its place in a page, and page_next the number of the page that it was in. */
#define DBT_ASLEEP (1ull << 63)

static inline bool dbt_is_asleep(const struct dbt_block *block)
{
    return block->pa & DBT_ASLEEP;
}

/* All blocks sleep from now on, with words and rows in dbt->kept, COUNT of them; false: no memory.
 * Nothing can be run or translated any more. */
bool dbt_sleep_all(struct dbt *dbt, uint32_t *count);
/* Enters blocks that have been read, and sleep, in the hash table. */
void dbt_enter_sleeping(struct dbt *dbt);

#endif
