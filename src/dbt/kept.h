/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_KEPT_H
#define POMONA_DBT_KEPT_H

/* What a CPU's code cache has from an earlier run (kept.c), and how it becomes its own (wake.c). */

#include "internal.h"
#include "store.h"

/* What sleeping blocks are made of. */
struct dbt_bed {
    uint32_t *words; /* one block's behind the other's */
    uint16_t *rows;  /* which rows they are */
    uint32_t count, room;
};

struct dbt_kept {
    struct dbt_store store;
    char name[32]; /* of the file */
    struct dbt_identity identity;
    struct dbt_bed bed;
    uint32_t dozed; /* words of blocks that fell asleep in this run */
};

/* The words of BLOCK, which sleeps, are at struct dbt_block's page in dbt->kept->bed. Its `pa` is a
 * key of them, with its place in a page, and page_next the number of the page that it was in. */
#define DBT_ASLEEP (1ull << 63)

static inline bool dbt_is_asleep(const struct dbt_block *block)
{
    return block->pa & DBT_ASLEEP;
}

/* ROOM for so many words; false: no memory. */
bool dbt_make_bed(struct dbt_bed *bed, uint32_t room);
void dbt_free_bed(struct dbt_bed *bed);
/* All blocks sleep from now on; false: no memory. Nothing can be run or translated any more. */
bool dbt_sleep_all(struct dbt *dbt);
/* Enters blocks that have been read, and sleep, in the hash table. */
void dbt_enter_sleeping(struct dbt *dbt);

#endif
