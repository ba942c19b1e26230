/* SPDX-License-Identifier: MIT */
/* What an HFS+ volume is made of: forks, which are lists of extents, the first eight beside the
 * file and the others in the extents overflow file; and B-trees, which are forks of nodes of one
 * size. Every number is the volume's word and is checked. Facts: Apple's Technical Note TN1150; all
 * big-endian. */

#include "hfs_internal.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_OFFSET   1024u
#define HEADER_SIZE     512u
#define FORK_EXTENTS    192u
#define FORK_CATALOG    272u
#define FORK_ATTRIBUTES 352u
#define CATALOG_FILE    4u
#define ATTRIBUTES_FILE 8u
#define CASE_FOLDING    0xcf
#define KIND_LEAF       0xff

int hfs_damaged(const struct hfs_volume *v, uint64_t offset, const char *what, struct error *err)
{
    return source_error(v->in, offset, err, "the HFS+ volume's %s is damaged; get a whole copy",
                        what);
}

static void read_extents(const uint8_t *p, struct hfs_extent *out)
{
    for (int i = 0; i < HFS_EXTENTS; i++)
        out[i] = (struct hfs_extent){get_be32(p + 8 * i), get_be32(p + 8 * i + 4)};
}

void hfs_read_fork(const uint8_t *p, uint32_t file, uint8_t type, struct hfs_fork *out)
{
    *out = (struct hfs_fork){
        .size = (uint64_t)get_be32(p) << 32 | get_be32(p + 4), .file = file, .type = type};
    read_extents(p + 16, out->extents);
}

static int find_overflow(struct hfs_volume *v, const struct hfs_fork *fork, uint32_t block,
                         struct hfs_extent *extents, uint32_t *first, struct error *err);

/* Where block BLOCK of the fork is in the volume, and how many follow it there. */
static int map_block(struct hfs_volume *v, const struct hfs_fork *fork, uint32_t block,
                     uint32_t *where, uint32_t *run, struct error *err)
{
    struct hfs_extent extents[HFS_EXTENTS];
    uint32_t first = 0;
    memcpy(extents, fork->extents, sizeof(extents));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < HFS_EXTENTS && extents[i].count; i++) {
            if (block - first < extents[i].count) {
                *where = extents[i].start + (block - first);
                *run = extents[i].count - (block - first);
                return 0;
            }
            first += extents[i].count;
        }
        if (!round && find_overflow(v, fork, block, extents, &first, err))
            return -1;
    }
    return hfs_damaged(v, 0, "list of extents", err);
}

int hfs_fork_read(struct hfs_volume *v, const struct hfs_fork *fork, uint64_t at, void *buffer,
                  size_t size, struct error *err)
{
    uint8_t *out = buffer;
    if (at > fork->size || size > fork->size - at)
        return hfs_damaged(v, at, "file size", err);
    while (size) {
        const uint64_t block = at / v->block_size, within = at % v->block_size;
        uint32_t where = 0, run = 0;
        if (block > UINT32_MAX || map_block(v, fork, (uint32_t)block, &where, &run, err))
            return -1;
        const uint64_t here = (uint64_t)run * v->block_size - within;
        const size_t piece = here < size ? (size_t)here : size;
        if (source_read(v->in, (uint64_t)where * v->block_size + within, out, piece, err))
            return -1;
        out += piece;
        at += piece;
        size -= piece;
    }
    return 0;
}

/* ---- B-trees ---- */

static int open_tree(struct hfs_volume *v, struct hfs_tree *tree, struct error *err)
{
    uint8_t head[14 + 106];
    if (hfs_fork_read(v, &tree->fork, 0, head, sizeof(head), err))
        return -1;
    tree->root = get_be32(head + 14 + 2);
    tree->node_size = get_be16(head + 14 + 18);
    tree->compare = head[14 + 37];
    if (tree->node_size < 512 || tree->node_size > HFS_NODE_LARGEST)
        return hfs_damaged(v, 0, "B-tree header", err);
    tree->node_count = (uint32_t)(tree->fork.size / tree->node_size);
    return 0;
}

static int read_node(struct hfs_volume *v, const struct hfs_tree *tree, uint32_t number,
                     struct error *err)
{
    if (number >= tree->node_count)
        return hfs_damaged(v, number, "B-tree", err);
    return hfs_fork_read(v, &tree->fork, (uint64_t)number * tree->node_size, v->node,
                         tree->node_size, err);
}

static unsigned record_count(const struct hfs_volume *v)
{
    return get_be16(v->node + 10);
}

/* Record INDEX of the node that was read; false when it does not lie in the node. */
static bool get_record(const struct hfs_volume *v, const struct hfs_tree *tree, unsigned index,
                       struct hfs_record *out)
{
    const uint32_t table = tree->node_size - 2 * (index + 2);
    if (2 * (index + 2) > tree->node_size || table < 14)
        return false;
    const uint32_t start = get_be16(v->node + table + 2), end = get_be16(v->node + table);
    if (start < 14 || start + 2 > end || end > tree->node_size)
        return false;
    const uint32_t key_size = get_be16(v->node + start), data = start + 2 + key_size + key_size % 2;
    if (data > end)
        return false;
    *out = (struct hfs_record){.key = v->node + start + 2,
                               .key_size = key_size,
                               .data = v->node + data,
                               .data_size = end - data};
    return true;
}

/* Reads the leaf where the first record not less than what is wanted may be, or the leaf before
 * it. */
static int find_leaf(struct hfs_volume *v, const struct hfs_search *search, struct error *err)
{
    uint32_t number = search->tree->root;
    for (int depth = 0; depth < 16; depth++) {
        struct hfs_record record;
        uint32_t below = 0;
        if (read_node(v, search->tree, number, err))
            return -1;
        if (v->node[8] == KIND_LEAF)
            return 0;
        for (unsigned i = 0; i < record_count(v); i++) {
            if (!get_record(v, search->tree, i, &record) || record.data_size < 4)
                return hfs_damaged(v, number, "B-tree", err);
            if (i && search->compare(&record, search->wanted) >= 0)
                break;
            below = get_be32(record.data);
        }
        number = below;
    }
    return hfs_damaged(v, number, "B-tree", err);
}

int hfs_each_record(struct hfs_volume *v, const struct hfs_search *search, hfs_use *use,
                    void *context, struct error *err)
{
    if (find_leaf(v, search, err))
        return -1;
    for (uint32_t nodes = 0; nodes < search->tree->node_count; nodes++) {
        const uint32_t next = get_be32(v->node);
        struct hfs_record record;
        for (unsigned i = 0; i < record_count(v); i++) {
            if (!get_record(v, search->tree, i, &record))
                return hfs_damaged(v, nodes, "B-tree", err);
            if (search->compare(&record, search->wanted) < 0)
                continue;
            const int result = use(v, context, &record, err);
            if (result)
                return result;
        }
        if (!next || read_node(v, search->tree, next, err))
            return next ? -1 : 0;
    }
    return hfs_damaged(v, 0, "B-tree", err);
}

/* ---- extents overflow ---- */

static int compare_extents(const struct hfs_record *record, const uint32_t *wanted)
{
    const uint32_t file = record->key_size >= 10 ? get_be32(record->key + 2) : 0;
    if (file != wanted[0])
        return file < wanted[0] ? -1 : 1;
    const uint32_t type = record->key[0];
    return type < wanted[1] ? -1 : type > wanted[1];
}

struct overflow {
    const struct hfs_fork *fork;
    uint32_t block, first;
    struct hfs_extent *extents;
};

/* The record whose extents reach the block. */
static int use_extents(struct hfs_volume *v, void *context, const struct hfs_record *record,
                       struct error *err)
{
    struct overflow *overflow = context;
    uint32_t count = 0;
    if (record->key_size < 10 || record->data_size < 8 * HFS_EXTENTS)
        return hfs_damaged(v, 0, "overflow file", err);
    if (record->key[0] != overflow->fork->type || get_be32(record->key + 2) != overflow->fork->file)
        return hfs_damaged(v, 0, "list of extents", err);
    read_extents(record->data, overflow->extents);
    overflow->first = get_be32(record->key + 6);
    for (int i = 0; i < HFS_EXTENTS; i++)
        count += overflow->extents[i].count;
    return overflow->block >= overflow->first && overflow->block - overflow->first < count;
}

static int find_overflow(struct hfs_volume *v, const struct hfs_fork *fork, uint32_t block,
                         struct hfs_extent *extents, uint32_t *first, struct error *err)
{
    struct overflow overflow = {.fork = fork, .block = block, .extents = extents};
    const struct hfs_search search = {
        .tree = &v->extents, .compare = compare_extents, .wanted = {fork->file, fork->type}};
    /* The overflow file has no overflow of its own, and v->node may be in use by the catalog. */
    if (!fork->file || !v->extents.node_size)
        return hfs_damaged(v, block, "list of extents", err);
    uint8_t *kept = malloc(HFS_NODE_LARGEST);
    if (!kept)
        return error_set(err, ERROR_OS, "%s: no memory", v->in->name);
    memcpy(kept, v->node, HFS_NODE_LARGEST);
    const int result = hfs_each_record(v, &search, use_extents, &overflow, err);
    memcpy(v->node, kept, HFS_NODE_LARGEST);
    free(kept);
    *first = overflow.first;
    return result > 0 ? 0 : result < 0 ? -1 : hfs_damaged(v, block, "list of extents", err);
}

/* ---- the volume ---- */

int hfs_open(const struct source *in, struct hfs_volume *v, struct error *err)
{
    uint8_t head[HEADER_SIZE];
    v->in = in;
    if (source_read(in, HEADER_OFFSET, head, sizeof(head), err))
        return -1;
    v->block_size = get_be32(head + 40);
    if (v->block_size < 512 || v->block_size > 1u << 20 || v->block_size & (v->block_size - 1))
        return hfs_damaged(v, HEADER_OFFSET + 40, "header", err);
    hfs_read_fork(head + FORK_EXTENTS, 0, 0, &v->extents.fork);
    hfs_read_fork(head + FORK_CATALOG, CATALOG_FILE, 0, &v->catalog.fork);
    hfs_read_fork(head + FORK_ATTRIBUTES, ATTRIBUTES_FILE, 0, &v->attributes.fork);
    if (v->extents.fork.size && open_tree(v, &v->extents, err))
        return -1;
    if (v->attributes.fork.size && open_tree(v, &v->attributes, err))
        return -1;
    if (open_tree(v, &v->catalog, err))
        return -1;
    v->fold_case = head[1] == '+' || v->catalog.compare == CASE_FOLDING;
    return 0;
}
