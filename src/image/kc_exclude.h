/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_EXCLUDE_H
#define POMONA_KC_EXCLUDE_H

/* Which kexts go when others do. */

#include "kc.h"

/* Of one entry: why it cannot stay. */
struct kc_exclusion {
    bool excluded;
    const char *library; /* it links against this, which goes; NULL: it was named itself */
};

/* KC without what NAMES (COUNT of them) name: identifiers, of kexts or of libraries that are not in
 * it at all, or patterns with * and ?. OUT has kc->count elements. Returns the number of
 * exclusions; *UNKNOWN becomes the first of NAMES that neither is there nor is a library of
 * anything, or NULL. kc_load_info() was called. */
size_t kc_exclude(const struct kc *kc, const char *const *names, size_t count,
                  struct kc_exclusion *out, const char **unknown);

#endif
