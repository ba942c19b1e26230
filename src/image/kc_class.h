/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_CLASS_H
#define POMONA_KC_CLASS_H

/* The C++ classes of libkern and IOKit in a kernel collection: which kext brings which, and what
 * descends from what. */

#include "kc.h"

struct kc_class {
    char *name;
    const struct kc_entry *owner;
    uint64_t metaclass;           /* address of NAME::gMetaClass; 0: not known */
    uint64_t super_at;            /* address of NAME::superClass, a pointer to the super's; or 0 */
    const struct kc_class *super; /* NULL: none, or not known */
};

struct kc_classes {
    struct kc_class *items; /* by name */
    size_t count;
};

/* By the symbols of all members; a collection without any gives none. KC must stay as it is while
 * OUT lives. 0, or -1 and *ERR. */
int kc_classes_load(const struct kc *kc, struct kc_classes *out, struct error *err);
void kc_classes_free(struct kc_classes *classes);
/* NULL: no such class. */
const struct kc_class *kc_class_find(const struct kc_classes *classes, const char *name);
/* Whether the class NAME is ANCESTOR or descends from it. */
bool kc_class_is(const struct kc_classes *classes, const char *name, const char *ancestor);
/* Whether the C strings of ENTRY hold NAME: each class hands its own name to OSMetaClass, so that
 * this is how a stripped member shows that it may bring the class. */
bool kc_class_mentioned_in(const struct kc_entry *entry, const char *name);
/* The first member whose C strings hold NAME, those aside for which SKIP (kc->count elements, or
 * NULL) is set: each class hands its own name to OSMetaClass, so that this is how a stripped member
 * shows that it may bring the class. NULL: none. */
const struct kc_entry *kc_class_mentioned(const struct kc *kc, const char *name, const bool *skip);

#endif
