/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DER_H
#define POMONA_DER_H

/* DER (X.690) as IMG4 uses it: elements by tag, lengths checked, nothing copied. */

#include <stdbool.h>

#include "blob.h"

#define DER_BOOLEAN      0x01
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
    unsigned tag_size; /* bytes of the identifier */
    struct blob whole; /* header and content */
    struct blob content;
};

/* Reads the element at *OFFSET of IN and moves *OFFSET behind it. 0, or -1 and *ERR. */
int der_next(const struct blob *in, uint64_t *offset, struct der *out, struct error *err);
/* The first element within IN that has the tag TAG and, for high tags, NUMBER. False: none. */
bool der_find(const struct blob *in, uint32_t tag, uint32_t number, struct der *out);
/* Whether IN begins with a SEQUENCE whose first element is the text MAGIC. */
bool der_sequence_is(const struct blob *in, const char *magic);
/* The same of a SEQUENCE that may be cut off behind that text. */
bool der_begins(const struct blob *in, const char *magic);
/* Whether the content is exactly the text TEXT. */
bool der_is_text(const struct der *der, const char *text);
/* The unsigned INTEGER in DER, false when it is none or has over 64 bits. */
bool der_unsigned(const struct der *der, uint64_t *value);

/* Writes backwards, since lengths come before what they measure: last things first. */
struct der_writer {
    uint8_t *data;
    size_t at, capacity; /* what is written: [at, capacity) */
};

/* CAPACITY: at least as many bytes as will be put. 0, or -1 without memory. */
int der_writer_open(struct der_writer *w, size_t capacity);
/* Gives what was written; frees the writer. */
void der_writer_finish(struct der_writer *w, struct blob *out, const char *name);
void der_put(struct der_writer *w, const void *data, size_t size);
/* The header of an element whose content is what was put since w->at was END. */
void der_put_header(struct der_writer *w, uint8_t tag, size_t end);
/* The same of a high tag number: PRIVATE[number]. */
void der_put_private(struct der_writer *w, uint32_t number, size_t end);
void der_put_element(struct der_writer *w, uint8_t tag, const void *data, size_t size);
void der_put_unsigned(struct der_writer *w, uint64_t value);

/* IN with the SIZE bytes from OLD on, an element or several that lie within it, exchanged for NEW:
 * the lengths of all elements around them are put right, everything else stays as it is. */
int der_replace(const struct blob *in, const uint8_t *old, size_t size, const struct blob *new,
                struct blob *out, struct error *err);

#endif
