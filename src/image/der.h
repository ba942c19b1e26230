/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DER_H
#define POMONA_DER_H

/* DER (X.690) as IMG4 uses it: elements by tag, lengths checked, nothing copied. */

#include <stdbool.h>

#include "blob.h"

#define DER_INTEGER      0x02
#define DER_OCTET_STRING 0x04
#define DER_IA5_STRING   0x16
#define DER_SEQUENCE     0x30
#define DER_SET          0x31
#define DER_CONTEXT(n)   (0xa0 + (n))
/* The identifier of a private high-tag-number element; its number is the fourcc. */
#define DER_PRIVATE 0xff

struct der {
    uint32_t tag;      /* first identifier byte */
    uint32_t number;   /* the tag number of a high-tag form (a fourcc for DER_PRIVATE), else 0 */
    struct blob whole; /* header and content */
    struct blob content;
};

/* Reads the element at *OFFSET of IN and moves *OFFSET behind it. 0, or -1 and *ERR. */
int der_next(const struct blob *in, uint64_t *offset, struct der *out, struct error *err);
/* Whether the content is exactly the text TEXT. */
bool der_is_text(const struct der *der, const char *text);
/* The unsigned INTEGER in DER, false when it is none or has over 64 bits. */
bool der_unsigned(const struct der *der, uint64_t *value);

#endif
