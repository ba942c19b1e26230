/* SPDX-License-Identifier: MIT */
#ifndef POMONA_PLIST_H
#define POMONA_PLIST_H

/* XML property lists as Apple's tools and XNU's OSSerialize write them, ID and IDREF resolved. */

#include <stdbool.h>

#include "blob.h"

enum plist_kind {
    PLIST_DICT,
    PLIST_ARRAY,
    PLIST_STRING, /* also dates */
    PLIST_DATA,
    PLIST_INTEGER, /* reals are cut */
    PLIST_BOOLEAN,
};

struct plist {
    enum plist_kind kind;
    char *key;      /* within a dictionary */
    char *text;     /* of a string; NUL-terminated */
    uint8_t *data;  /* of data */
    size_t size;    /* of text or data */
    int64_t number; /* integer, boolean */
    struct plist *children, *next;
    const struct plist *same_as; /* IDREF: what this stands for */
};

/* Reads the <plist> (or the bare <dict>) in IN; trailing zeros are allowed. 0 and *ROOT, to be
 * freed, or -1 and *ERR. */
int plist_parse(const struct blob *in, struct plist **root, struct error *err);
void plist_free(struct plist *root);

/* NODE itself, or what its IDREF names. */
const struct plist *plist_resolve(const struct plist *node);
/* The value of KEY, resolved; NULL when NODE is no dictionary or has none. */
const struct plist *plist_get(const struct plist *node, const char *key);
/* The text of the string at KEY, or NULL. */
const char *plist_text(const struct plist *node, const char *key);
bool plist_number(const struct plist *node, const char *key, uint64_t *value);

#endif
