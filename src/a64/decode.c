/* SPDX-License-Identifier: MIT */
/* From a word to its row. The table, the guards and the buckets are made by gen_a64.py from
 * decode/; this file only looks up: bits 31..21 choose a bucket, and the first of its rows that
 * matches is the answer, since rows are disjoint. */

#include "decode.h"

#include "dis.h"

/* A row of a bucket: what is compared stands together. Behind a bucket's last everything matches A64_ROW_NONE. */
struct candidate {
    uint32_t mask, value;
    uint16_t row;
};

#include "a64_rows.inc"

const struct a64_row *a64_decode(uint32_t word)
{
    for (const struct candidate *next = &bucket_rows[bucket_start[word >> 21]];; next++) {
        if ((word & next->mask) != next->value)
            continue;
        if (next->row == A64_ROW_NONE)
            return NULL;
        const struct a64_row *row = &a64_rows[next->row];
        if (!row->unless || !row->unless(word))
            return row;
    }
}

const struct a64_row *a64_decode_for(uint32_t word, const struct a64_features *features)
{
    const struct a64_row *row = a64_decode(word);
    if (!row || !row->implemented)
        return NULL;
    return row->feat == A64_FEAT_BASE || a64_has(features, row->feat) ? row : NULL;
}
