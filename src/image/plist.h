/* SPDX-License-Identifier: MIT */
#ifndef POMONA_PLIST_H
#define POMONA_PLIST_H

/* Property lists as Apple's tools and XNU's OSSerialize write them, ID and IDREF resolved: XML,
 * binary, and JSON. */

#include <stdbool.h>
#include <stdio.h>

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
    char *key;         /* within a dictionary */
    char *text;        /* of a string; NUL-terminated */
    uint8_t *data;     /* of data */
    size_t size;       /* of text or data */
    int64_t number;    /* integer, boolean */
    bool inexact;      /* a real or a date: kept as another kind */
    size_t begin, end; /* of XML: what stands between its tags, as offsets in what was parsed */
    struct plist *children, *next;
    const struct plist *same_as; /* IDREF: what this stands for */
};

/* Reads the property list in IN: a <plist> or a bare <dict>, with zeros behind it or not; bplist00;
 * a JSON object. 0 and *ROOT, to be freed, or -1 and *ERR. */
int plist_parse(const struct blob *in, struct plist **root, struct error *err);
void plist_free(struct plist *root);

/* A new node with no value, NULL without memory. */
struct plist *plist_new(enum plist_kind kind);

/* NODE itself, or what its IDREF names. */
const struct plist *plist_resolve(const struct plist *node);
/* The value of KEY, resolved; NULL when NODE is no dictionary or has none. */
const struct plist *plist_get(const struct plist *node, const char *key);
/* The text of the string at KEY, or NULL. */
const char *plist_text(const struct plist *node, const char *key);
/* The number at KEY, false without one. */
bool plist_number(const struct plist *node, const char *key, uint64_t *value);
/* Whether NODE with every IDREF followed is a tree of reasonable size: a few references to each
 * other make an endless one. Whoever follows them all asks first. */
bool plist_unfolds(const struct plist *node);
/* NODE, which was read from IN and unfolds, as an XML property list of its own: IDREFs resolved,
 * everything else in the words of IN, so that dates and fractions stay what they are. Keys of the
 * outermost dictionary that begin with WITHOUT (NULL: none) are left out. */
void plist_write(const struct plist *node, const struct blob *in, const char *without, FILE *out);

/* Decodes base 64 in place, passing over what is none; how many bytes it gave. */
size_t plist_base64(char *text, size_t size);

#endif
