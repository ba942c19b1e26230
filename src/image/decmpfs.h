/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DECMPFS_H
#define POMONA_DECMPFS_H

/* Files that HFS+ or APFS keeps compressed: the data fork is empty, and the extended attribute
 * below says what the file is, alone or with the resource fork. */

#include <stdbool.h>

#include "source.h"

#define DECMPFS_ATTRIBUTE "com.apple.decmpfs"
#define DECMPFS_FORK      "com.apple.ResourceFork"

/* The size of the file that ATTRIBUTE describes; false when it is no such attribute. */
bool decmpfs_size(const struct blob *attribute, uint64_t *size);

/* Appends the file to OUT. FORK is the resource fork, of size 0 when there is none. 0, or -1 and
 * *ERR. */
int decmpfs_decode(const struct blob *attribute, const struct source *fork, struct source *out,
                   struct error *err);

#endif
