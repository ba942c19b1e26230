/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_LIBRARY_H
#define POMONA_KC_LIBRARY_H

/* What a kext of a collection links against: OSBundleLibraries. */

#include "kc.h"

/* "1.0.2d3" as a number that sorts as the kernel sorts versions of kexts; 0: not a version. */
uint64_t kc_version(const char *text);

enum kc_library_fault {
    KC_LIBRARY_FINE,
    KC_LIBRARY_ABSENT,       /* not in the collection */
    KC_LIBRARY_NOT_ONE,      /* has no OSBundleCompatibleVersion: nothing can link against it */
    KC_LIBRARY_TOO_OLD,      /* its version is below the one that is wanted */
    KC_LIBRARY_INCOMPATIBLE, /* the one that is wanted is below its OSBundleCompatibleVersion */
};

/* Whether the library ID in KC serves one that wants VERSION of it. */
enum kc_library_fault kc_library_check(const struct kc *kc, const char *id, const char *version);

struct kc_library_problem {
    const struct kc_entry *kext;   /* whose library it is: the kext asked for, or one it needs */
    const char *library, *version; /* as its OSBundleLibraries say */
    enum kc_library_fault fault;
};

/* For each entry of KC whether it and all it links against are there: FAULTS has kc->count
 * elements, KC_LIBRARY_FINE ones where all is well. */
void kc_library_problems(const struct kc *kc, struct kc_library_problem *faults);
/* Of each entry of KC whether it links against LIBRARY, itself or by what it links against, or is
 * it: OUT has kc->count elements. */
void kc_linkers(const struct kc *kc, const struct kc_entry *library, bool *out);
/* "com.a 1.2 is wanted, the collection has 1.0" and the like. */
void kc_library_describe(const struct kc *kc, const struct kc_library_problem *problem, char *text,
                         size_t size);

#endif
