/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_FOLDED_H
#define POMONA_CLI_FOLDED_H

/* The folded format that viewers of flame graphs read: a line a stack, "cpu0;outer;inner 42". */

#include "image/symbols.h"
#include "machine/machine.h"

/* Writes MACHINE's stacks (machine_each_stack) to PATH, with names from SYMBOLS (empty: addresses
 * only), which lie SLIDE bytes higher in the guest than in their file. 0, or -1 and *ERR. */
int write_folded(const char *path, struct machine *machine, const struct symbols *symbols,
                 uint64_t slide, struct error *err);

#endif
