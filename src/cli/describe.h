/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_DESCRIBE_H
#define POMONA_CLI_DESCRIBE_H

/* Boards and machines as JSON, for `pomona machine --json` and `pomona run --dry-run`. */

#include <jansson.h>

#include "host/error.h"
#include "machine/board.h"

/* A new reference; NULL when out of memory. */
json_t *describe_board(const struct board *board);

struct boot_versions;
/* Adds what is known of kernel and root volume, and the warning as the only one of "warnings". */
void describe_versions(const struct boot_versions *versions, json_t *out);

/* The board called NAME; NULL and a suggestion in *ERR when there is none. */
const struct board *board_from_name(const char *name, struct error *err);

#endif
