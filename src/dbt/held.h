/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_HELD_H
#define POMONA_DBT_HELD_H

/* Where slots may hold pages, so that an invalidation that concerns none of them, as most do, looks
 * at none. What is said of the pages is never too little: who is emptied is forgotten only when
 * slots were looked at in vain.
 *
 * Pages are by address, as slots have it: bits 63 to 56 say nothing. Slots with many pages have
 * spans, in addresses that are sign-extended from bit 55; the others a bit for each page, by bucket
 * and by a hash of the rest. */

#include <string.h>

#include "internal.h"

static inline unsigned dbt_held_bucket(uint64_t va)
{
    return va >> A64_PAGE_SHIFT & (DBT_BUCKETS - 1);
}

/* 1: an address of the upper half. */
static inline unsigned dbt_held_half(uint64_t va)
{
    return va >> 55 & 1;
}

/* Emitted code, which fills slots too, makes the same of it (x86_64/stubs_fill.c). */
static inline unsigned dbt_held_bit(uint64_t va)
{
    return (uint32_t)(va >> DBT_HELD_SHIFT) * DBT_HELD_MIX >> (32 - DBT_HELD_LOG);
}

/* A slot holds the page at VA. */
static inline void dbt_held_note(struct dbt_held *held, uint64_t va)
{
    const unsigned bit = dbt_held_bit(va);
    held->page[dbt_held_half(va)][dbt_held_bucket(va)][bit / 64] |= 1ull << bit % 64;
}

/* Whether one may. */
static inline bool dbt_held_may(const struct dbt_held *held, uint64_t va)
{
    const unsigned bit = dbt_held_bit(va);
    return held->page[dbt_held_half(va)][dbt_held_bucket(va)][bit / 64] >> bit % 64 & 1;
}

/* None holds a page of bucket N of HALF. */
static inline void dbt_held_clear(struct dbt_held *held, unsigned half, unsigned n)
{
    memset(held->page[half][n], 0, sizeof(held->page[half][n]));
}

/* A slot holds the pages from FIRST to LAST of HALF. */
void dbt_held_note_span(struct dbt_held *held, unsigned half, uint64_t first, uint64_t last);

/* Whether one may hold an address of [START, LAST]. */
static inline bool dbt_held_may_span(const struct dbt_held *held, unsigned half, uint64_t start,
                                     uint64_t last)
{
    for (unsigned i = 0; i < held->spans[half]; i++)
        if (start <= held->span[half][i].last && last >= held->span[half][i].first)
            return true;
    return false;
}

#endif
