/* SPDX-License-Identifier: MIT */
/* Trust caches: a header of version, UUID and count, then entries of 20, 22 or 24 bytes. There is
 * no magic number, so a file is recognised by having the size its header says. Facts: the
 * structures of xnu's trust-cache headers (image-format sheet A6). */

#include "trust_cache.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE    24
#define COUNT_OFFSET   20
#define LATEST         2
#define CIPHER_BLOCK   16   /* a file that was encrypted has as many zeros behind it as fill one */
#define REGION_MODULES 1024 /* more than any loader hands over; a larger count is no region */

static size_t entry_size(uint32_t version)
{
    return CDHASH_SIZE + 2 * (size_t)version;
}

/* The size of the module at P, 0 when there is none within SIZE bytes. */
static uint64_t module_size(const struct blob *in, uint64_t at)
{
    const uint8_t *p = blob_at(in, at, HEADER_SIZE);
    if (!p || get_le32(p) > LATEST)
        return 0;
    const uint64_t size =
        HEADER_SIZE + (uint64_t)get_le32(p + COUNT_OFFSET) * entry_size(get_le32(p));
    return blob_at(in, at, size) ? size : 0;
}

bool trust_cache_recognise(const struct blob *in)
{
    const uint64_t size = module_size(in, 0);
    if (!size || in->size - size >= CIPHER_BLOCK)
        return false;
    for (uint64_t at = size; at < in->size; at++)
        if (in->data[at])
            return false;
    return true;
}

bool trust_region_recognise(const struct blob *in)
{
    const uint8_t *p = blob_at(in, 0, 8);
    const uint32_t count = p ? get_le32(p) : 0;
    if (!count || count > REGION_MODULES || !(p = blob_at(in, 4, 4ull * count)))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (get_le32(p + 4 * i) < 4 + 4 * count || !module_size(in, get_le32(p + 4 * i)))
            return false;
    return true;
}

static void read_entry(const uint8_t *p, uint32_t version, struct trust_entry *out)
{
    *out = (struct trust_entry){0};
    memcpy(out->cdhash, p, CDHASH_SIZE);
    if (version >= 1) {
        out->hash_type = p[CDHASH_SIZE];
        out->flags = p[CDHASH_SIZE + 1];
    }
    if (version >= 2) {
        out->category = p[CDHASH_SIZE + 2];
        out->reserved = p[CDHASH_SIZE + 3];
    }
}

static int check_order(const struct blob *in, const struct trust_cache *cache, struct error *err)
{
    for (size_t i = 1; cache->version && i < cache->count; i++)
        if (memcmp(cache->entries[i - 1].cdhash, cache->entries[i].cdhash, CDHASH_SIZE) > 0)
            return blob_error(in, HEADER_SIZE + i * entry_size(cache->version), err,
                              "trust cache entry %zu is not in order: the kernel's search would "
                              "miss it; make the cache anew",
                              i);
    return 0;
}

int trust_cache_parse(const struct blob *in, struct trust_cache *out, struct error *err)
{
    *out = (struct trust_cache){0};
    const uint8_t *p = blob_at(in, 0, HEADER_SIZE);
    if (!p)
        return blob_error(in, 0, err,
                          "truncated: a trust cache has a header of 24 bytes; get a whole "
                          "copy");
    if (get_le32(p) > LATEST)
        return blob_error(
            in, 0, err, "version %u: not a trust cache of version 0, 1 or 2; 'tc create' makes one",
            get_le32(p));
    out->version = get_le32(p);
    memcpy(out->uuid, p + 4, sizeof(out->uuid));
    const size_t count = get_le32(p + COUNT_OFFSET), each = entry_size(out->version);
    struct blob entries;
    if (blob_slice(in, HEADER_SIZE, (uint64_t)count * each, &entries, "the trust cache", err))
        return -1;
    out->entries = calloc(count ? count : 1, sizeof(*out->entries));
    if (!out->entries)
        return error_set(err, ERROR_OS, "%s: no memory for %zu hashes", in->name, count);
    out->count = count;
    for (size_t i = 0; i < count; i++)
        read_entry(entries.data + i * each, out->version, &out->entries[i]);
    if (!check_order(in, out, err))
        return 0;
    trust_cache_free(out);
    return -1;
}

int trust_cache_write(const struct trust_cache *cache, struct blob *out, struct error *err)
{
    const size_t each = entry_size(cache->version), size = HEADER_SIZE + cache->count * each;
    uint8_t *p = calloc(1, size);
    if (!p)
        return error_set(err, ERROR_OS, "no memory for a trust cache of %zu bytes", size);
    put_le32(p, cache->version);
    memcpy(p + 4, cache->uuid, sizeof(cache->uuid));
    put_le32(p + COUNT_OFFSET, (uint32_t)cache->count);
    for (size_t i = 0; i < cache->count; i++) {
        const struct trust_entry *entry = &cache->entries[i];
        uint8_t *at = p + HEADER_SIZE + i * each;
        const uint8_t more[4] = {entry->hash_type, entry->flags, entry->category, entry->reserved};
        memcpy(at, entry->cdhash, CDHASH_SIZE);
        memcpy(at + CDHASH_SIZE, more, each - CDHASH_SIZE);
    }
    blob_adopt(out, p, size, "trust cache");
    return 0;
}

void trust_cache_free(struct trust_cache *cache)
{
    free(cache->entries);
    *cache = (struct trust_cache){0};
}

int trust_cache_add(struct trust_cache *cache, const struct trust_entry *entry, bool *added)
{
    size_t at = 0;
    int order = 1;
    while (at < cache->count &&
           (order = memcmp(cache->entries[at].cdhash, entry->cdhash, CDHASH_SIZE)) < 0)
        at++;
    *added = at == cache->count || order;
    if (!*added)
        return 0;
    struct trust_entry *more = realloc(cache->entries, (cache->count + 1) * sizeof(*more));
    if (!more)
        return -1;
    memmove(more + at + 1, more + at, (cache->count - at) * sizeof(*more));
    more[at] = *entry;
    cache->entries = more;
    cache->count++;
    return 0;
}

bool trust_cache_remove(struct trust_cache *cache, const uint8_t cdhash[CDHASH_SIZE])
{
    for (size_t i = 0; i < cache->count; i++) {
        if (memcmp(cache->entries[i].cdhash, cdhash, CDHASH_SIZE))
            continue;
        cache->count--;
        memmove(&cache->entries[i], &cache->entries[i + 1],
                (cache->count - i) * sizeof(*cache->entries));
        return true;
    }
    return false;
}

int trust_region_parse(const struct blob *in, struct blob *modules, size_t limit, struct error *err)
{
    if (!trust_region_recognise(in))
        return blob_error(in, 0, err, "not a trust cache region: a count, offsets, modules");
    const uint32_t count = get_le32(in->data);
    for (uint32_t i = 0; i < count && i < limit; i++) {
        const uint32_t offset = get_le32(in->data + 4 + 4 * i);
        if (blob_slice(in, offset, module_size(in, offset), &modules[i], "a trust cache", err))
            return -1;
    }
    return (int)count;
}

int trust_region_write(const struct blob *modules, size_t count, struct blob *out,
                       struct error *err)
{
    size_t size = 4 + 4 * count;
    for (size_t i = 0; i < count; i++)
        size += module_size(&modules[i], 0);
    uint8_t *p = size > UINT32_MAX ? NULL : calloc(1, size);
    if (!p)
        return error_set(err, ERROR_OS, "no memory for a region of %zu bytes", size);
    put_le32(p, (uint32_t)count);
    size_t at = 4 + 4 * count;
    for (size_t i = 0; i < count; i++) {
        put_le32(p + 4 + 4 * i, (uint32_t)at);
        memcpy(p + at, modules[i].data, module_size(&modules[i], 0));
        at += module_size(&modules[i], 0);
    }
    blob_adopt(out, p, size, "trust cache region");
    return 0;
}
