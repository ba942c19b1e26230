/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_ENGINES_WORDS_H
#define POMONA_TESTS_ENGINES_WORDS_H

/* Random instructions that mean something when they run one after another, and random registers for
 * them. The registers have parts, which instructions mostly keep to:
 *     X4..X7      small numbers: offsets, indices
 *     X8..X15, SP addresses of data, near the borders of pages
 *     the others  values */

#include "a64/decode.h"
#include "rig.h"

struct words {
    const struct a64_row *row[A64_ROW_COUNT];
    unsigned count;
    unsigned group[A64_ROW_COUNT]; /* where each group of rows begins in row[] */
    unsigned group_count;
    bool forward; /* no instruction may go back: nothing limits how long a run takes */
};

/* All implemented rows, or those whose name or group begins with PREFIX. */
void words_init(struct words *words, const char *prefix);
/* An encoding of some row; it stands LEFT words before the end of its block. */
uint32_t words_random(struct words *words, struct rig *rig, unsigned left);
/* The same of ROW. */
uint32_t words_of(struct rig *rig, const struct a64_row *row, unsigned left);
/* The general registers that WORD, of ROW, writes or reads: a bit each, 31 for SP. */
uint32_t words_written(const struct a64_row *row, uint32_t word);
uint32_t words_read(const struct a64_row *row, uint32_t word);
/* Random registers, the same on both sides. */
void words_registers(struct rig *rig);
/* A random address of data for the rig's world. */
uint64_t words_address(struct rig *rig);

#endif
