/* SPDX-License-Identifier: MIT */
/* HFS+ and HFSX volumes, read-only. Everything is found through two B-trees: the catalog, whose
 * keys are a folder's number and a name, and the extents overflow file, for forks with more than
 * eight extents. Debian's libfshfs is not used because it refuses volumes without an attributes
 * file. Not read: resource forks, and files that the file system compressed (they are said to be).
 * Names are as stored, that is decomposed. Facts: Apple's Technical Note TN1150; all big-endian. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "container.h"
#include "utf16.h"

#define HEADER_OFFSET   1024u
#define HEADER_SIZE     512u
#define FORK_EXTENTS    192u
#define FORK_CATALOG    272u
#define EXTENTS         8
#define ROOT_FOLDER     2u
#define CATALOG_FILE    4u
#define KIND_LEAF       0xff
#define KIND_INDEX      0x00
#define RECORD_FOLDER   1
#define RECORD_FILE     2
#define FILE_SIZE       248u
#define FOLDER_SIZE     88u
#define FLAG_COMPRESSED 0x20
#define MODE_OFFSET     42u
#define MODE_TYPE       0170000
#define MODE_REGULAR    0100000
#define MAX_DEPTH       64
#define NODE_LARGEST    32768u
#define NAME_LONGEST    255u
#define COPY_SIZE       (256u << 10)

struct fork {
    uint64_t size;
    uint32_t file; /* whose it is, for the overflow file */
    struct extent {
        uint32_t start, count;
    } extents[EXTENTS];
};

struct tree {
    struct fork fork;
    uint32_t root, node_size, node_count;
};

struct volume {
    const struct source *in;
    uint32_t block_size;
    bool fold_case;
    struct tree extents, catalog;
    uint8_t node[NODE_LARGEST]; /* the node read last, of either tree */
};

/* A record of a node; the key without its length. */
struct record {
    const uint8_t *key, *data;
    uint32_t key_size, data_size;
};

/* What the catalog says of a name. */
struct item {
    char name[3 * NAME_LONGEST + 1];
    uint32_t number;
    bool folder, regular, compressed;
    struct fork fork;
};

static uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static int damaged(const struct volume *v, uint64_t offset, const char *what, struct error *err)
{
    return source_error(v->in, offset, err, "the HFS+ volume's %s is damaged", what);
}

static void read_extents(const uint8_t *p, struct extent *out)
{
    for (int i = 0; i < EXTENTS; i++)
        out[i] = (struct extent){get_be32(p + 8 * i), get_be32(p + 8 * i + 4)};
}

static void read_fork(const uint8_t *p, uint32_t file, struct fork *out)
{
    *out = (struct fork){.size = (uint64_t)get_be32(p) << 32 | get_be32(p + 4), .file = file};
    read_extents(p + 16, out->extents);
}

static int find_overflow(struct volume *v, const struct fork *fork, uint32_t block,
                         struct extent *extents, uint32_t *first, struct error *err);

/* Where block BLOCK of the fork is in the volume, and how many follow it there. */
static int map_block(struct volume *v, const struct fork *fork, uint32_t block, uint32_t *where,
                     uint32_t *run, struct error *err)
{
    struct extent extents[EXTENTS];
    uint32_t first = 0;
    memcpy(extents, fork->extents, sizeof(extents));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < EXTENTS && extents[i].count; i++) {
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
    return damaged(v, 0, "list of extents", err);
}

static int read_fork_at(struct volume *v, const struct fork *fork, uint64_t at, void *buffer,
                        size_t size, struct error *err)
{
    uint8_t *out = buffer;
    if (at > fork->size || size > fork->size - at)
        return damaged(v, at, "file size", err);
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

static int open_tree(struct volume *v, struct tree *tree, struct error *err)
{
    uint8_t head[14 + 106];
    if (read_fork_at(v, &tree->fork, 0, head, sizeof(head), err))
        return -1;
    tree->root = get_be32(head + 14 + 2);
    tree->node_size = get_be16(head + 14 + 18);
    if (tree->node_size < 512 || tree->node_size > NODE_LARGEST)
        return damaged(v, 0, "B-tree header", err);
    tree->node_count = (uint32_t)(tree->fork.size / tree->node_size);
    return 0;
}

static int read_node(struct volume *v, const struct tree *tree, uint32_t number, struct error *err)
{
    if (number >= tree->node_count)
        return damaged(v, number, "B-tree", err);
    return read_fork_at(v, &tree->fork, (uint64_t)number * tree->node_size, v->node,
                        tree->node_size, err);
}

static unsigned record_count(const struct volume *v)
{
    return get_be16(v->node + 10);
}

/* Record INDEX of the node that was read; false when it does not lie in the node. */
static bool get_record(const struct volume *v, const struct tree *tree, unsigned index,
                       struct record *out)
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
    *out = (struct record){.key = v->node + start + 2,
                           .key_size = key_size,
                           .data = v->node + data,
                           .data_size = end - data};
    return true;
}

/* Less than, equal to or greater than 0 as KEY's first SIZE bytes are to WANTED. Both trees' keys
 * are chosen so that the bytes compared are big-endian numbers in order of weight. */
struct search {
    const struct tree *tree;
    int (*compare)(const struct record *record, const uint32_t *wanted);
    uint32_t wanted[3];
};

/* Reads the leaf where the first record not less than what is wanted may be, or the leaf before
 * it. */
static int find_leaf(struct volume *v, const struct search *search, struct error *err)
{
    uint32_t number = search->tree->root;
    for (int depth = 0; depth < 16; depth++) {
        struct record record;
        uint32_t below = 0;
        if (read_node(v, search->tree, number, err))
            return -1;
        if (v->node[8] == KIND_LEAF)
            return 0;
        for (unsigned i = 0; i < record_count(v); i++) {
            if (!get_record(v, search->tree, i, &record) || record.data_size < 4)
                return damaged(v, number, "B-tree", err);
            if (i && search->compare(&record, search->wanted) >= 0)
                break;
            below = get_be32(record.data);
        }
        number = below;
    }
    return damaged(v, number, "B-tree", err);
}

/* Calls USE for each record from what is wanted on, until it returns something other than 0, which
 * is then the result: negative ones are errors. 0 at the end of the tree. */
typedef int use_fn(struct volume *v, void *context, const struct record *record, struct error *err);

static int each_record(struct volume *v, const struct search *search, use_fn *use, void *context,
                       struct error *err)
{
    if (find_leaf(v, search, err))
        return -1;
    for (uint32_t nodes = 0; nodes < search->tree->node_count; nodes++) {
        const uint32_t next = get_be32(v->node);
        struct record record;
        for (unsigned i = 0; i < record_count(v); i++) {
            if (!get_record(v, search->tree, i, &record))
                return damaged(v, nodes, "B-tree", err);
            if (search->compare(&record, search->wanted) < 0)
                continue;
            const int result = use(v, context, &record, err);
            if (result)
                return result;
        }
        if (!next || read_node(v, search->tree, next, err))
            return next ? -1 : 0;
    }
    return damaged(v, 0, "B-tree", err);
}

/* ---- extents overflow ---- */

static int compare_extents(const struct record *record, const uint32_t *wanted)
{
    const uint32_t file = record->key_size >= 10 ? get_be32(record->key + 2) : 0;
    if (file != wanted[0])
        return file < wanted[0] ? -1 : 1;
    return record->key[0] ? 1 : 0;
}

struct overflow {
    uint32_t file, block, first;
    struct extent *extents;
};

/* The record whose extents reach the block. */
static int use_extents(struct volume *v, void *context, const struct record *record,
                       struct error *err)
{
    struct overflow *overflow = context;
    uint32_t count = 0;
    if (record->key_size < 10 || record->data_size < 8 * EXTENTS)
        return damaged(v, 0, "overflow file", err);
    if (record->key[0] || get_be32(record->key + 2) != overflow->file)
        return damaged(v, 0, "list of extents", err);
    read_extents(record->data, overflow->extents);
    overflow->first = get_be32(record->key + 6);
    for (int i = 0; i < EXTENTS; i++)
        count += overflow->extents[i].count;
    return overflow->block >= overflow->first && overflow->block - overflow->first < count;
}

static int find_overflow(struct volume *v, const struct fork *fork, uint32_t block,
                         struct extent *extents, uint32_t *first, struct error *err)
{
    struct overflow overflow = {.file = fork->file, .block = block, .extents = extents};
    const struct search search = {
        .tree = &v->extents, .compare = compare_extents, .wanted = {fork->file}};
    /* The overflow file has no overflow of its own, and v->node may be in use by the catalog. */
    if (!fork->file || !v->extents.node_size)
        return damaged(v, block, "list of extents", err);
    uint8_t *kept = malloc(NODE_LARGEST);
    if (!kept)
        return error_set(err, ERROR_OS, "%s: no memory", v->in->name);
    memcpy(kept, v->node, NODE_LARGEST);
    const int result = each_record(v, &search, use_extents, &overflow, err);
    memcpy(v->node, kept, NODE_LARGEST);
    free(kept);
    *first = overflow.first;
    return result > 0 ? 0 : result < 0 ? -1 : damaged(v, block, "list of extents", err);
}

/* ---- catalog ---- */

static int compare_parent(const struct record *record, const uint32_t *wanted)
{
    const uint32_t parent = record->key_size >= 6 ? get_be32(record->key) : 0;
    return parent < wanted[0] ? -1 : parent > wanted[0];
}

/* A slash in a name is a colon on the outside. */
static void read_name(const uint8_t *p, unsigned length, char *out)
{
    utf8_from_utf16be(p, length, out);
    for (; *out; out++)
        *out = (char)(*out == '/' ? ':' : *out);
}

/* False for threads and what else is no file or folder. */
static bool read_item(const struct record *record, struct item *out)
{
    const uint8_t *p = record->data;
    const unsigned length = record->key_size >= 6 ? get_be16(record->key + 4) : 0;
    const unsigned type = record->data_size >= FOLDER_SIZE ? get_be16(p) : 0;
    if (length > NAME_LONGEST || 6 + 2 * length > record->key_size || !length ||
        (type != RECORD_FOLDER && (type != RECORD_FILE || record->data_size < FILE_SIZE)))
        return false;
    *out = (struct item){.number = get_be32(p + 8), .folder = type == RECORD_FOLDER};
    read_name(record->key + 6, length, out->name);
    if (out->folder)
        return true;
    const unsigned mode = get_be16(p + MODE_OFFSET);
    out->regular = !(mode & MODE_TYPE) || (mode & MODE_TYPE) == MODE_REGULAR;
    out->compressed = p[MODE_OFFSET - 1] & FLAG_COMPRESSED;
    read_fork(p + 88, out->number, &out->fork);
    return true;
}

static bool recognise(const struct source *in)
{
    uint8_t magic[2];
    return source_peek(in, HEADER_OFFSET, magic, 2) == 2 && magic[0] == 'H' &&
           (magic[1] == '+' || magic[1] == 'X');
}

static int open_volume(const struct source *in, struct volume *v, struct error *err)
{
    uint8_t head[HEADER_SIZE];
    v->in = in;
    if (source_read(in, HEADER_OFFSET, head, sizeof(head), err))
        return -1;
    v->fold_case = head[1] == '+';
    v->block_size = get_be32(head + 40);
    if (v->block_size < 512 || v->block_size > 1u << 20 || v->block_size & (v->block_size - 1))
        return damaged(v, HEADER_OFFSET + 40, "header", err);
    read_fork(head + FORK_EXTENTS, 0, &v->extents.fork);
    read_fork(head + FORK_CATALOG, CATALOG_FILE, &v->catalog.fork);
    if (v->extents.fork.size && open_tree(v, &v->extents, err))
        return -1;
    return open_tree(v, &v->catalog, err);
}

/* ---- listing ---- */

struct walk {
    container_visit *visit;
    void *context;
    const char *folder; /* only what lies under it */
    char path[4096];
    uint32_t entries, limit; /* more than the catalog can hold: it goes in circles */
    struct item *found;      /* of the folder that is read */
    uint32_t parent;
    size_t count, room;
};

/* Gathers the folder's entries, since the node is overwritten by going deeper. */
static int gather(struct volume *v, void *context, const struct record *record, struct error *err)
{
    struct walk *walk = context;
    if (compare_parent(record, &walk->parent))
        return 1;
    if (walk->count == walk->room) {
        const size_t room = walk->room ? walk->room * 2 : 16;
        struct item *more = realloc(walk->found, room * sizeof(*more));
        if (!more)
            return error_set(err, ERROR_OS, "%s: no memory", v->in->name);
        walk->found = more;
        walk->room = room;
    }
    if (read_item(record, &walk->found[walk->count]))
        walk->count++;
    return 0;
}

static int walk_folder(struct volume *v, struct walk *walk, uint32_t number, unsigned depth,
                       struct error *err);

/* 1: the visitor wants no more. */
static int walk_item(struct volume *v, struct walk *walk, const struct item *item, unsigned depth,
                     struct error *err)
{
    const size_t length = strlen(walk->path), name = strlen(item->name);
    const size_t want = strlen(walk->folder);
    int result = 0;
    if (length + 1 + name >= sizeof(walk->path))
        return 0;
    if (++walk->entries > walk->limit)
        return damaged(v, 0, "catalog", err);
    walk->path[length] = '/';
    memcpy(walk->path + length + 1, item->name, name + 1);
    const size_t have = length + 1 + name;
    const struct container_entry entry = {
        .name = walk->path, .size = item->fork.size, .folder = item->folder};
    if (have >= want && !strncmp(walk->path, walk->folder, want))
        result = walk->visit(walk->context, &entry) ? 1 : 0;
    if (!result && item->folder && !strncmp(walk->path, walk->folder, have < want ? have : want))
        result = walk_folder(v, walk, item->number, depth + 1, err);
    walk->path[length] = 0;
    return result;
}

static int walk_folder(struct volume *v, struct walk *walk, uint32_t number, unsigned depth,
                       struct error *err)
{
    const struct search search = {
        .tree = &v->catalog, .compare = compare_parent, .wanted = {number}};
    if (depth > MAX_DEPTH)
        return damaged(v, number, "catalog", err);
    walk->found = NULL;
    walk->count = walk->room = 0;
    walk->parent = number;
    int result = each_record(v, &search, gather, walk, err) < 0 ? -1 : 0;
    struct item *found = walk->found;
    const size_t count = walk->count;
    for (size_t i = 0; !result && i < count; i++)
        result = walk_item(v, walk, &found[i], depth, err);
    free(found);
    return result;
}

static int list(const struct source *in, const char *folder, container_visit *visit, void *context,
                struct error *err)
{
    struct volume *v = calloc(1, sizeof(*v));
    struct walk *walk = calloc(1, sizeof(*walk));
    int result =
        v && walk ? open_volume(in, v, err) : error_set(err, ERROR_OS, "%s: no memory", in->name);
    if (!result) {
        *walk = (struct walk){.visit = visit,
                              .context = context,
                              .folder = folder,
                              .limit = (uint32_t)(v->catalog.fork.size / FOLDER_SIZE)};
        result = walk_folder(v, walk, ROOT_FOLDER, 0, err);
    }
    free(v);
    free(walk);
    return result < 0 ? -1 : 0;
}

/* ---- extracting ---- */

struct lookup {
    uint32_t parent;
    const char *name; /* `length` bytes */
    size_t length;
    struct item item;
};

static int match(struct volume *v, void *context, const struct record *record, struct error *err)
{
    struct lookup *lookup = context;
    if (compare_parent(record, &lookup->parent))
        return 2;
    if (!read_item(record, &lookup->item) || strlen(lookup->item.name) != lookup->length)
        return 0;
    return !(v->fold_case ? strncasecmp : strncmp)(lookup->item.name, lookup->name, lookup->length);
}

/* 1 and the item that PATH names; 0 when there is none. */
static int find_path(struct volume *v, const char *path, struct item *out, struct error *err)
{
    struct lookup lookup = {.parent = ROOT_FOLDER};
    *out = (struct item){.number = ROOT_FOLDER, .folder = true};
    for (path = container_plain_name(path); *path; path += strspn(path, "/")) {
        if (!out->folder)
            return 0;
        lookup.parent = out->number;
        lookup.name = path;
        lookup.length = strcspn(path, "/");
        const struct search search = {
            .tree = &v->catalog, .compare = compare_parent, .wanted = {lookup.parent}};
        const int result = each_record(v, &search, match, &lookup, err);
        if (result != 1)
            return result < 0 ? -1 : 0;
        *out = lookup.item;
        path += lookup.length;
    }
    return 1;
}

static int copy_fork(struct volume *v, const struct fork *fork, struct source *out,
                     struct error *err)
{
    uint8_t *buffer = malloc(COPY_SIZE);
    int result = buffer ? 0 : error_set(err, ERROR_OS, "%s: no memory", v->in->name);
    for (uint64_t at = 0; !result && at < fork->size; at += COPY_SIZE) {
        const size_t piece = fork->size - at < COPY_SIZE ? (size_t)(fork->size - at) : COPY_SIZE;
        result =
            read_fork_at(v, fork, at, buffer, piece, err) || source_append(out, buffer, piece, err);
    }
    free(buffer);
    return result ? -1 : 0;
}

static int extract_item(struct volume *v, const char *member, const struct item *item,
                        struct source *out, struct error *err)
{
    if (item->folder || !item->regular)
        return source_error(v->in, 0, err, "'%s' is %s, not a file", member,
                            item->folder ? "a folder" : "a link or a device");
    if (item->compressed && !item->fork.size)
        return source_error(v->in, 0, err,
                            "'%s' is compressed by the file system, which is not read: copy it "
                            "with ditto --nohfsCompression first",
                            member);
    if (source_spool(v->in, member, item->fork.size, out, err))
        return -1;
    if (!copy_fork(v, &item->fork, out, err))
        return 0;
    source_close(out);
    return -1;
}

static int extract(const struct source *in, const char *member, struct source *out,
                   struct error *err)
{
    struct volume *v = calloc(1, sizeof(*v));
    struct item item;
    int result = v ? open_volume(in, v, err) : error_set(err, ERROR_OS, "%s: no memory", in->name);
    if (!result) {
        result = find_path(v, member, &item, err);
        if (!result)
            result = container_no_member(in, member, err);
        else if (result > 0)
            result = extract_item(v, member, &item, out, err);
    }
    free(v);
    return result;
}

const struct container_class container_hfs = {.name = "hfs",
                                              .description = "HFS+ volume",
                                              .recognise = recognise,
                                              .list = list,
                                              .extract = extract};
