/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HFS_INTERNAL_H
#define POMONA_HFS_INTERNAL_H

/* Forks and B-trees of an HFS+ volume (hfs_btree.c), as the catalog's reader uses them. */

#include <stdbool.h>

#include "source.h"

#define HFS_EXTENTS      8
#define HFS_NODE_LARGEST 32768u

struct hfs_extent {
    uint32_t start, count;
};

struct hfs_fork {
    uint64_t size;
    uint32_t file; /* whose it is, for the overflow file; 0: nobody's that is there */
    uint8_t type;  /* 0: data; 0xff: resource */
    struct hfs_extent extents[HFS_EXTENTS];
};

struct hfs_tree {
    struct hfs_fork fork;
    uint32_t root, node_size, node_count;
    uint8_t compare; /* of the catalog: 0xbc letters differ in case, 0xcf they do not */
};

struct hfs_volume {
    const struct source *in;
    uint32_t block_size;
    bool fold_case;
    struct hfs_tree extents, catalog, attributes;
    uint8_t node[HFS_NODE_LARGEST]; /* the node read last, of any tree */
};

/* A record of a node; the key without its length. */
struct hfs_record {
    const uint8_t *key, *data;
    uint32_t key_size, data_size;
};

/* COMPARE gives less than, equal to or greater than 0 as RECORD's key is to WANTED. */
struct hfs_search {
    const struct hfs_tree *tree;
    int (*compare)(const struct hfs_record *record, const uint32_t *wanted);
    uint32_t wanted[3];
};

/* Calls USE for each record from what is wanted on, until it returns something other than 0, which
 * is then the result: negative ones are errors. 0 at the end of the tree. */
typedef int hfs_use(struct hfs_volume *v, void *context, const struct hfs_record *record,
                    struct error *err);
int hfs_each_record(struct hfs_volume *v, const struct hfs_search *search, hfs_use *use,
                    void *context, struct error *err);

/* Fills v: the sizes and the three trees. 0, or -1 and *ERR. */
int hfs_open(const struct source *in, struct hfs_volume *v, struct error *err);

void hfs_read_fork(const uint8_t *p, uint32_t file, uint8_t type, struct hfs_fork *out);
int hfs_fork_read(struct hfs_volume *v, const struct hfs_fork *fork, uint64_t at, void *buffer,
                  size_t size, struct error *err);
int hfs_damaged(const struct hfs_volume *v, uint64_t offset, const char *what, struct error *err);

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

#endif
