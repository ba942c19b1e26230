/* SPDX-License-Identifier: MIT */
/* Spans of addresses that cover all that slots with many pages hold: few of them, so that they grow
 * over what lies between rather than to be many. */

#include "held.h"

static bool covers(const struct dbt_span *span, const struct dbt_span *other)
{
    return span->first <= other->first && other->last <= span->last;
}

static struct dbt_span both(const struct dbt_span *a, const struct dbt_span *b)
{
    return (struct dbt_span){a->first < b->first ? a->first : b->first,
                             a->last > b->last ? a->last : b->last};
}

/* What SPAN grows by if it is to cover OTHER; below 0: they overlap or meet. */
static int64_t growth(const struct dbt_span *span, const struct dbt_span *other)
{
    const uint64_t later = span->first > other->first ? span->first : other->first;
    const uint64_t earlier = span->last < other->last ? span->last : other->last;
    return (int64_t)(later - earlier) - 2;
}

void dbt_held_note_span(struct dbt_held *held, unsigned half, uint64_t first, uint64_t last)
{
    struct dbt_span *span = held->span[half], wanted = {first, last};
    unsigned nearest = 0;
    for (unsigned i = 0; i < held->spans[half]; i++) {
        if (covers(&span[i], &wanted)) {
            const struct dbt_span found = span[i]; /* first, as it is asked for again soon */
            span[i] = span[0];
            span[0] = found;
            return;
        }
        if (growth(&span[i], &wanted) < growth(&span[nearest], &wanted))
            nearest = i;
    }
    const bool room = held->spans[half] < DBT_SPANS;
    if (!held->spans[half] || (room && growth(&span[nearest], &wanted) >= 0))
        span[held->spans[half]++] = wanted;
    else
        span[nearest] = both(&span[nearest], &wanted);
}
