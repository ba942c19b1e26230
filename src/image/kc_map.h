/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_MAP_H
#define POMONA_KC_MAP_H

/* Addresses of a kernel by itself and of its copy in a collection: the builder moves each segment
 * by a distance of its own, and leaves what is in it. */

#include "kc.h"

/* A place in both. */
struct kc_place {
    char segment[17];
    uint64_t offset;             /* in the segment */
    uint64_t kernel, collection; /* addresses as linked */
};

/* KERNEL, or its dSYM, is the one of KC: their UUIDs agree. 0, or -1 and *ERR with both. */
int kc_same_kernel(const struct kc *kc, const struct macho *kernel, struct error *err);
/* Where ADDRESS of KERNEL is in KC, and the other way. False: in no segment that both have. */
bool kc_from_kernel(const struct kc *kc, const struct macho *kernel, uint64_t address,
                    struct kc_place *out);
bool kc_to_kernel(const struct kc *kc, const struct macho *kernel, uint64_t address,
                  struct kc_place *out);

#endif
