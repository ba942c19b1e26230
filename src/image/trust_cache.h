/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TRUST_CACHE_H
#define POMONA_TRUST_CACHE_H

/* Trust caches (image-format sheet A6): the code-directory hashes that a kernel accepts without a
 * signature, and the region of several of them that a boot loader hands over. */

#include <stdbool.h>

#include "blob.h"

#define CDHASH_SIZE 20

/* What made the hash; it is cut to CDHASH_SIZE bytes in any case. */
enum trust_hash {
    TRUST_SHA1 = 1,
    TRUST_SHA256 = 2,
    TRUST_SHA256_TRUNCATED = 3,
    TRUST_SHA384 = 4,
    TRUST_SHA512 = 5,
};

struct trust_entry {
    uint8_t cdhash[CDHASH_SIZE];
    uint8_t hash_type, flags;   /* version 1 and later; flags: bit 0 AMFI, bit 1 neural engine */
    uint8_t category, reserved; /* version 2: the launch constraint's */
};

struct trust_cache {
    uint32_t version; /* 0, 1 or 2 */
    uint8_t uuid[16];
    struct trust_entry *entries; /* malloc'ed; sorted by hash from version 1 on */
    size_t count;
};

/* Whether IN has exactly the size that a module's header promises. */
bool trust_cache_recognise(const struct blob *in);
/* Whether IN is a region: a count, as many offsets, a module at each. */
bool trust_region_recognise(const struct blob *in);

/* Reads the module at the start of IN; bytes behind it (padding to a page) are left alone. Entries
 * that are not sorted are refused, as XNU would search in vain. 0, or -1 and *ERR. */
int trust_cache_parse(const struct blob *in, struct trust_cache *out, struct error *err);
int trust_cache_write(const struct trust_cache *cache, struct blob *out, struct error *err);
void trust_cache_free(struct trust_cache *cache);

/* Puts ENTRY in its place unless the hash is there already; *ADDED says which. -1: no memory. */
int trust_cache_add(struct trust_cache *cache, const struct trust_entry *entry, bool *added);
/* False when there is no such hash. */
bool trust_cache_remove(struct trust_cache *cache, const uint8_t cdhash[CDHASH_SIZE]);

/* How many modules the region IN holds, at most LIMIT, each as a view in MODULES. -1 and *ERR when
 * it is none. */
int trust_region_parse(const struct blob *in, struct blob *modules, size_t limit,
                       struct error *err);
/* A region of COUNT modules. */
int trust_region_write(const struct blob *modules, size_t count, struct blob *out,
                       struct error *err);

#endif
