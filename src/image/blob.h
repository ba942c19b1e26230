/* SPDX-License-Identifier: MIT */
#ifndef POMONA_BLOB_H
#define POMONA_BLOB_H

/* A piece of a file in memory that knows where it came from, so that every complaint can name file
 * and offset. */

#include <stddef.h>
#include <stdint.h>

#include "../host/error.h"

struct blob {
    const uint8_t *data;
    size_t size;
    const char *name; /* of the file; lives as long as the caller's string */
    uint64_t origin;  /* offset of data[0] in that file, or in what was decompressed from it */
    void *owned;      /* to be freed or unmapped by blob_free; NULL for a view */
    size_t mapped;    /* bytes mapped at `owned`; 0: from malloc */
};

/* Maps the whole file NAME read-only. 0, or -1 and *ERR. An empty file gives size 0. */
int blob_open(struct blob *blob, const char *name, struct error *err);
/* Takes malloc'ed DATA; NAME says what it is a part of. */
void blob_adopt(struct blob *blob, void *data, size_t size, const char *name);
void blob_free(struct blob *blob);
/* OUT was made of FILE, maybe as a view of it: then what FILE owns is OUT's, else FILE is freed. */
void blob_replace(struct blob *file, struct blob *out);

/* A view of [offset, offset + size); 0, or -1 and *ERR "truncated" where it ends too early. WHAT
 * names the part. */
int blob_slice(const struct blob *blob, uint64_t offset, uint64_t size, struct blob *out,
               const char *what, struct error *err);
/* NULL where the range is not wholly inside. */
const uint8_t *blob_at(const struct blob *blob, uint64_t offset, uint64_t size);

/* "NAME: offset 0x..: TEXT", code ERROR_DATA. Returns -1. */
__attribute__((format(printf, 4, 5))) int blob_error(const struct blob *blob, uint64_t offset,
                                                     struct error *err, const char *format, ...);

static inline uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
    return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
    return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get_be64(const uint8_t *p)
{
    return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline void put_be32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void put_be64(uint8_t *p, uint64_t value)
{
    put_be32(p, (uint32_t)(value >> 32));
    put_be32(p + 4, (uint32_t)value);
}

static inline void put_le32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static inline void put_le64(uint8_t *p, uint64_t value)
{
    put_le32(p, (uint32_t)value);
    put_le32(p + 4, (uint32_t)(value >> 32));
}

#endif
