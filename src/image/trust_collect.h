/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TRUST_COLLECT_H
#define POMONA_TRUST_COLLECT_H

/* Trust caches of programs: the hashes of their code directories, computed here. */

#include "source.h"
#include "trust_cache.h"

struct trust_collection {
    const struct source_context *context; /* of what is read; NULL: an empty one */
    struct trust_cache cache;
    size_t programs,
        unsigned_programs; /* Mach-O slices that were seen, those without a signature */
};

/* Adds the program at PATH (a nested one, maybe wrapped), all programs in the folder PATH, or all
 * in the disk image or archive PATH. 0, or -1 and *ERR. */
int trust_collect(struct trust_collection *collection, const char *path, struct error *err);
/* Sets the UUID from the hashes, so that the same programs give the same file. */
void trust_collection_finish(struct trust_collection *collection);

#endif
