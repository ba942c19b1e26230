/* SPDX-License-Identifier: MIT */
/* The way from an APFS container's first block to its volumes' superblocks: the newest superblock
 * of the checkpoint area, its object map (a B-tree of physical addresses by object and
 * transaction), the volumes' objects. Every address is checked against the container and every
 * block against its checksum. Facts: Apple File System Reference, image-format sheet A9; all
 * little-endian. */

#include "apfs_volumes.h"

#include <stdlib.h>
#include <string.h>

#define HEADER      32u
#define MAX_BLOCK   65536u
#define MAX_LEVELS  16
#define MAX_AREA    4096u /* blocks of the checkpoint area that are looked at */
#define VOLUME_LIST 0xb8u
#define NODE_FIXED  4u /* keys and values of one size */
#define NODE_ROOT   1u
#define NODE_INFO   40u /* at a root node's end */
#define NODE_DATA   56u

struct container {
    const struct source *in;
    uint32_t block_size;
    uint64_t blocks, xid;
    uint8_t *block; /* the block that was read last */
};

static int damaged(const struct container *c, uint64_t block, struct error *err)
{
    return source_error(c->in, block * c->block_size, err,
                        "the APFS container is damaged or cut off here: get a whole copy");
}

/* Fletcher's sum over what follows it, modulo 2^32 - 1. */
static uint64_t sum_of(const uint8_t *block, size_t size)
{
    uint64_t low = 0, high = 0;
    for (size_t at = 8; at < size; at += 4) {
        low = (low + get_le32(block + at)) % UINT32_MAX;
        high = (high + low) % UINT32_MAX;
    }
    const uint64_t first = UINT32_MAX - (low + high) % UINT32_MAX;
    return (UINT32_MAX - (low + first) % UINT32_MAX) << 32 | first;
}

void apfs_seal(uint8_t *block, size_t size)
{
    put_le64(block, sum_of(block, size));
}

/* Block NUMBER; false when it is not in the container or not whole. */
static bool read_block(struct container *c, uint64_t number)
{
    return number < c->blocks &&
           source_peek(c->in, number * c->block_size, c->block, c->block_size) == c->block_size &&
           get_le64(c->block) == sum_of(c->block, c->block_size);
}

/* Keeps in SUPER the newest superblock that is whole. */
static int find_super(struct container *c, uint8_t *super, struct error *err)
{
    if (source_read(c->in, 0, super, c->block_size, err))
        return -1;
    const uint32_t count = get_le32(super + 0x68);
    const uint64_t base = get_le64(super + 0x70);
    c->xid = get_le64(super + 16);
    /* The top bit of COUNT says that the area is not of one piece: block 0 has to do. */
    for (uint32_t i = 0; i < count && count <= MAX_AREA; i++)
        if (read_block(c, base + i) && !memcmp(c->block + HEADER, "NXSB", 4) &&
            get_le64(c->block + 16) > c->xid) {
            c->xid = get_le64(c->block + 16);
            memcpy(super, c->block, c->block_size);
        }
    return 0;
}

/* Key and value INDEX of the node in c->block: 16 bytes each, of a value of an inner node 8. */
static bool get_entry(const struct container *c, unsigned index, const uint8_t **key,
                      const uint8_t **value)
{
    const uint8_t *node = c->block;
    const unsigned flags = node[32] | node[33] << 8, inner = node[34] | node[35] << 8;
    const uint32_t table = NODE_DATA + get_le16(node + 40);
    const uint32_t keys = table + get_le16(node + 42);
    const uint32_t end = c->block_size - (flags & NODE_ROOT ? NODE_INFO : 0);
    if (!(flags & NODE_FIXED) || table + 4 * (index + 1) > keys || keys > end)
        return false;
    const uint32_t at = keys + get_le16(node + table + 4 * index);
    const uint32_t back = get_le16(node + table + 4 * index + 2), size = inner ? 8 : 16;
    if (at + 16 > end || back < size || back > end - keys)
        return false;
    *key = node + at;
    *value = node + end - back;
    return true;
}

/* The last entry of the node whose object is not behind OID. */
static const uint8_t *find_entry(const struct container *c, uint64_t oid, uint64_t *found)
{
    const uint8_t *key, *value, *best = NULL;
    for (unsigned i = 0; i < get_le32(c->block + 36) && get_entry(c, i, &key, &value); i++) {
        if (get_le64(key) > oid || (get_le64(key) == oid && get_le64(key + 8) > c->xid))
            break;
        *found = get_le64(key);
        best = value;
    }
    return best;
}

/* Where the object map at block TREE says that OID is; 0: nowhere. */
static uint64_t look_up(struct container *c, uint64_t tree, uint64_t oid)
{
    for (int level = 0; level < MAX_LEVELS && read_block(c, tree); level++) {
        uint64_t found = 0;
        const bool leaf = !get_le16(c->block + 34);
        const uint8_t *value = find_entry(c, oid, &found);
        if (!value || (leaf && found != oid))
            return 0;
        if (leaf)
            return get_le64(value + 8);
        tree = get_le64(value);
    }
    return 0;
}

static int read_volumes(struct container *c, const uint8_t *super, struct apfs_volume *out,
                        unsigned *count, struct error *err)
{
    const uint64_t map = get_le64(super + 0xa0);
    if (!read_block(c, map))
        return damaged(c, map, err);
    const uint64_t tree = get_le64(c->block + 48);
    for (unsigned i = 0; i < APFS_MAX_VOLUMES; i++) {
        const uint64_t oid = get_le64(super + VOLUME_LIST + 8 * i);
        const uint64_t at = oid ? look_up(c, tree, oid) : 0;
        if (!oid)
            continue;
        if (!at || !read_block(c, at) || memcmp(c->block + HEADER, "APSB", 4))
            return damaged(c, at, err);
        struct apfs_volume *volume = &out[(*count)++];
        memcpy(volume->name, c->block + 0x2c0, sizeof(volume->name));
        volume->name[sizeof(volume->name) - 1] = 0;
        volume->role = get_le16(c->block + 0x3c4);
        memcpy(volume->group, c->block + 0x3f0, sizeof(volume->group));
    }
    return 0;
}

int apfs_volumes(const struct source *in, struct apfs_volume *out, unsigned *count,
                 struct error *err)
{
    struct container c = {.in = in};
    uint8_t head[HEADER + 8];
    *count = 0;
    if (source_read(in, 0, head, sizeof(head), err))
        return -1;
    c.block_size = get_le32(head + HEADER + 4);
    if (memcmp(head + HEADER, "NXSB", 4) || c.block_size < 4096 || c.block_size > MAX_BLOCK ||
        c.block_size & (c.block_size - 1))
        return source_error(in, HEADER, err, "not an APFS container");
    c.blocks = in->size / c.block_size;
    uint8_t *super = malloc(c.block_size);
    c.block = malloc(c.block_size);
    int result = super && c.block ? find_super(&c, super, err)
                                  : error_set(err, ERROR_OS, "%s: no memory", in->name);
    if (!result)
        result = read_volumes(&c, super, out, count, err);
    free(super);
    free(c.block);
    return result;
}
