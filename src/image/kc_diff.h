/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_DIFF_H
#define POMONA_KC_DIFF_H

/* What changed from one kernel collection to another. */

#include "kc.h"

enum kc_change_kind {
    KC_CHANGE_KEXT,
    KC_CHANGE_VERSION,
    KC_CHANGE_UUID,
    KC_CHANGE_SIZE,
    KC_CHANGE_PERSONALITY,
    KC_CHANGE_SYMBOL,
};

struct kc_change {
    enum kc_change_kind kind;
    const char *kext;           /* its identifier */
    const char *name;           /* of the personality or symbol; NULL for the others */
    const char *property;       /* of a personality that both have: the first that differs */
    const char *before, *after; /* NULL: not there. Of a symbol both have, its size */
};

typedef void kc_emit_change(void *context, const struct kc_change *change);
/* Calls EMIT for each change from A to B (both kc_load_info'ed), kext by kext in the order of their
 * identifiers; what it is handed is good only meanwhile. 0, or -1 and *ERR. */
int kc_diff(const struct kc *a, const struct kc *b, kc_emit_change *emit, void *context,
            struct error *err);
const char *kc_change_name(enum kc_change_kind kind);

#endif
