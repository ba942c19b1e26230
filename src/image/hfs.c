/* SPDX-License-Identifier: MIT */
/* HFS+ and HFSX volumes, read-only. Everything is found through two B-trees: the catalog, whose
 * keys are a folder's number and a name, and the extents overflow file, for forks with more than
 * eight extents. Debian's libfshfs is not used because it refuses volumes without an attributes
 * file. The third tree, the attributes file, has what says that the file system compressed a file
 * (decmpfs.h). A hard link is a file of its own in the catalog that names the file proper by
 * number, in a folder that is not shown. "/..namedfork/rsrc" behind a file's name is its resource
 * fork. Names are as stored, that is decomposed, and letters beyond ASCII match in their own case
 * only. Facts: Apple's Technical Note TN1150, and its hfs_format.h for links; all big-endian. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "container.h"
#include "decmpfs.h"
#include "hfs_internal.h"
#include "utf16.h"

#define HEADER_OFFSET    1024u
#define ROOT_FOLDER      2u
#define RECORD_FOLDER    1
#define RECORD_FILE      2
#define FILE_SIZE        248u
#define FOLDER_SIZE      88u
#define FLAG_COMPRESSED  0x20
#define MODE_OFFSET      42u
#define MODE_TYPE        0170000
#define MODE_REGULAR     0100000
#define LINK_NUMBER      44u
#define FINDER_TYPE      48u
#define DATA_FORK        88u
#define RESOURCE_FORK    168u
#define MAX_DEPTH        64
#define NAME_LONGEST     255u
#define COPY_SIZE        (256u << 10)
#define ATTRIBUTE_INLINE 0x10
#define ATTRIBUTE_FORK   0x20
/* Where the files and folders are that have several names: four NULs come first, which read_name
 * makes visible. */
#define FILE_STORE   "????HFS+ Private Data"
#define FOLDER_STORE ".HFS+ Private Directory Data\r"
#define NAMED_FORK   "..namedfork/rsrc"

/* What the catalog says of a name. */
struct item {
    char name[3 * NAME_LONGEST + 1];
    uint32_t number;
    bool folder, regular, compressed;
    uint32_t link; /* the number of the file or folder that this is a name of; 0: it is itself */
    struct hfs_fork fork, resource;
};

/* ---- catalog ---- */

static int compare_parent(const struct hfs_record *record, const uint32_t *wanted)
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
static bool read_item(const struct hfs_record *record, struct item *out)
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
    const bool folder_link = !memcmp(p + FINDER_TYPE, "fdrpMACS", 8);
    if (folder_link || !memcmp(p + FINDER_TYPE, "hlnkhfs+", 8))
        out->link = get_be32(p + LINK_NUMBER);
    out->folder = folder_link && out->link;
    out->regular = !(mode & MODE_TYPE) || (mode & MODE_TYPE) == MODE_REGULAR;
    out->compressed = p[MODE_OFFSET - 1] & FLAG_COMPRESSED;
    hfs_read_fork(p + DATA_FORK, out->number, 0, &out->fork);
    hfs_read_fork(p + RESOURCE_FORK, out->number, 0xff, &out->resource);
    return true;
}

static bool recognise(const struct source *in)
{
    uint8_t magic[2];
    return source_peek(in, HEADER_OFFSET, magic, 2) == 2 && magic[0] == 'H' &&
           (magic[1] == '+' || magic[1] == 'X');
}

/* ---- paths ---- */

struct lookup {
    uint32_t parent;
    const char *name; /* `length` bytes */
    size_t length;
    struct item item;
};

static int match(struct hfs_volume *v, void *context, const struct hfs_record *record,
                 struct error *err)
{
    struct lookup *lookup = context;
    if (compare_parent(record, &lookup->parent))
        return 2;
    if (!read_item(record, &lookup->item) || strlen(lookup->item.name) != lookup->length)
        return 0;
    return !(v->fold_case ? strncasecmp : strncmp)(lookup->item.name, lookup->name, lookup->length);
}

/* 1 and the item that PATH names; 0 when there is none. Without LINKS hard links are items like
 * others: the stores of what they name hold none. */
static int find_path(struct hfs_volume *v, const char *path, bool links, struct item *out,
                     struct error *err);

/* Of a hard link, the file or folder proper, under the name that ITEM has. */
static int follow(struct hfs_volume *v, struct item *item, struct error *err)
{
    char path[64];
    if (!item->link)
        return 0;
    snprintf(path, sizeof(path), item->folder ? FOLDER_STORE "/dir_%u" : FILE_STORE "/iNode%u",
             item->link);
    struct item *proper = malloc(sizeof(*proper));
    int result = proper ? find_path(v, path, false, proper, err)
                        : error_set(err, ERROR_OS, "%s: no memory", v->in->name);
    if (!result || (result > 0 && proper->link))
        result = hfs_damaged(v, item->number, "store of hard links", err);
    if (result > 0) {
        memcpy(proper->name, item->name, sizeof(item->name));
        *item = *proper;
        item->link = 0;
    }
    free(proper);
    return result < 0 ? -1 : 0;
}

static int find_path(struct hfs_volume *v, const char *path, bool links, struct item *out,
                     struct error *err)
{
    struct lookup lookup = {.parent = ROOT_FOLDER};
    *out = (struct item){.number = ROOT_FOLDER, .folder = true};
    for (path = container_plain_name(path); *path; path += strspn(path, "/")) {
        if (!out->folder && !strcmp(path, NAMED_FORK)) {
            out->fork = out->resource;
            out->compressed = false;
            return 1;
        }
        if (!out->folder)
            return 0;
        lookup.parent = out->number;
        lookup.name = path;
        lookup.length = strcspn(path, "/");
        const struct hfs_search search = {
            .tree = &v->catalog, .compare = compare_parent, .wanted = {lookup.parent}};
        const int result = hfs_each_record(v, &search, match, &lookup, err);
        if (result != 1)
            return result < 0 ? -1 : 0;
        *out = lookup.item;
        path += lookup.length;
        if (links && follow(v, out, err))
            return -1;
    }
    return 1;
}

/* ---- attributes ---- */

static int compare_file(const struct hfs_record *record, const uint32_t *wanted)
{
    const uint32_t file = record->key_size >= 6 ? get_be32(record->key + 2) : 0;
    return file < wanted[0] ? -1 : file > wanted[0];
}

struct attribute {
    uint32_t file;
    uint8_t *data; /* malloc'ed */
    size_t size;
};

/* The attribute's data, beside its key or in a fork. */
static int read_attribute(struct hfs_volume *v, const struct hfs_record *record,
                          struct attribute *out, struct error *err)
{
    const uint8_t *p = record->data;
    struct hfs_fork fork = {0};
    const uint32_t kind = record->data_size >= 16 ? get_be32(p) : 0;
    if (kind == ATTRIBUTE_INLINE)
        fork.size = get_be32(p + 12);
    else if (kind == ATTRIBUTE_FORK && record->data_size >= DATA_FORK)
        hfs_read_fork(p + 8, 0, 0, &fork);
    if ((kind == ATTRIBUTE_INLINE && fork.size > record->data_size - 16) ||
        fork.size > HFS_NODE_LARGEST)
        return hfs_damaged(v, out->file, "attributes file", err);
    out->size = (size_t)fork.size;
    out->data = malloc(out->size + 1);
    if (!out->data)
        return error_set(err, ERROR_OS, "%s: no memory", v->in->name);
    if (kind == ATTRIBUTE_FORK)
        return hfs_fork_read(v, &fork, 0, out->data, out->size, err);
    memcpy(out->data, p + 16, out->size);
    return 0;
}

static int use_attribute(struct hfs_volume *v, void *context, const struct hfs_record *record,
                         struct error *err)
{
    struct attribute *out = context;
    char name[3 * NAME_LONGEST + 1];
    const uint8_t *key = record->key;
    const unsigned length = record->key_size >= 12 ? get_be16(key + 10) : 0;
    if (compare_file(record, &out->file))
        return 2;
    if (length > NAME_LONGEST || 12 + 2 * length > record->key_size)
        return hfs_damaged(v, out->file, "attributes file", err);
    utf8_from_utf16be(key + 12, length, name);
    if (strcmp(name, DECMPFS_ATTRIBUTE))
        return 0;
    return read_attribute(v, record, out, err) ? -1 : 1;
}

/* 1 and what compresses the file, to be freed; 0 when nothing does. */
static int find_compression(struct hfs_volume *v, const struct item *item, struct blob *out,
                            struct error *err)
{
    struct attribute attribute = {.file = item->number};
    const struct hfs_search search = {
        .tree = &v->attributes, .compare = compare_file, .wanted = {item->number}};
    uint64_t size;
    if (!item->compressed || !v->attributes.node_size)
        return 0;
    const int result = hfs_each_record(v, &search, use_attribute, &attribute, err);
    blob_adopt(out, attribute.data, attribute.size, v->in->name);
    if (result == 1 && decmpfs_size(out, &size))
        return 1;
    blob_free(out);
    return result < 0 ? -1 : 0;
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
static int gather(struct hfs_volume *v, void *context, const struct hfs_record *record,
                  struct error *err)
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

static int walk_folder(struct hfs_volume *v, struct walk *walk, uint32_t number, unsigned depth,
                       struct error *err);

/* As a reader sees it; 0 of what cannot be read. */
static uint64_t file_size(struct hfs_volume *v, const struct item *item)
{
    struct item proper = *item;
    struct blob attribute;
    uint64_t size = 0;
    if (item->folder || follow(v, &proper, NULL))
        return 0;
    if (find_compression(v, &proper, &attribute, NULL) != 1)
        return proper.fork.size;
    decmpfs_size(&attribute, &size);
    blob_free(&attribute);
    return size;
}

static bool is_store(const struct item *item)
{
    return item->folder && (!strcmp(item->name, FILE_STORE) || !strcmp(item->name, FOLDER_STORE));
}

/* 1: the visitor wants no more. */
static int walk_item(struct hfs_volume *v, struct walk *walk, const struct item *item,
                     unsigned depth, struct error *err)
{
    const size_t length = strlen(walk->path), name = strlen(item->name);
    const size_t want = strlen(walk->folder);
    int result = 0;
    if (length + 1 + name >= sizeof(walk->path))
        return 0;
    if (++walk->entries > walk->limit)
        return hfs_damaged(v, 0, "catalog", err);
    walk->path[length] = '/';
    memcpy(walk->path + length + 1, item->name, name + 1);
    const size_t have = length + 1 + name;
    const struct container_entry entry = {
        .name = walk->path, .size = file_size(v, item), .folder = item->folder};
    if (have >= want && !strncmp(walk->path, walk->folder, want))
        result = walk->visit(walk->context, &entry) ? 1 : 0;
    /* What a folder of several names holds is listed where it has its number. */
    if (!result && item->folder && !item->link &&
        !strncmp(walk->path, walk->folder, have < want ? have : want))
        result = walk_folder(v, walk, item->number, depth + 1, err);
    walk->path[length] = 0;
    return result;
}

static int walk_folder(struct hfs_volume *v, struct walk *walk, uint32_t number, unsigned depth,
                       struct error *err)
{
    const struct hfs_search search = {
        .tree = &v->catalog, .compare = compare_parent, .wanted = {number}};
    if (depth > MAX_DEPTH)
        return hfs_damaged(v, number, "catalog", err);
    walk->found = NULL;
    walk->count = walk->room = 0;
    walk->parent = number;
    int result = hfs_each_record(v, &search, gather, walk, err) < 0 ? -1 : 0;
    struct item *found = walk->found;
    const size_t count = walk->count;
    for (size_t i = 0; !result && i < count; i++)
        if (number != ROOT_FOLDER || !is_store(&found[i]))
            result = walk_item(v, walk, &found[i], depth, err);
    free(found);
    return result;
}

static int list(const struct source *in, const char *folder, container_visit *visit, void *context,
                struct error *err)
{
    struct hfs_volume *v = calloc(1, sizeof(*v));
    struct walk *walk = calloc(1, sizeof(*walk));
    int result =
        v && walk ? hfs_open(in, v, err) : error_set(err, ERROR_OS, "%s: no memory", in->name);
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

static int copy_fork(struct hfs_volume *v, const struct hfs_fork *fork, struct source *out,
                     struct error *err)
{
    uint8_t *buffer = malloc(COPY_SIZE);
    int result = buffer ? 0 : error_set(err, ERROR_OS, "%s: no memory", v->in->name);
    for (uint64_t at = 0; !result && at < fork->size; at += COPY_SIZE) {
        const size_t piece = fork->size - at < COPY_SIZE ? (size_t)(fork->size - at) : COPY_SIZE;
        result = hfs_fork_read(v, fork, at, buffer, piece, err) ||
                 source_append(out, buffer, piece, err);
    }
    free(buffer);
    return result ? -1 : 0;
}

/* What ATTRIBUTE says of ITEM, with the resource fork as a file of its own. */
static int decompress(struct hfs_volume *v, const struct item *item, const struct blob *attribute,
                      struct source *out, struct error *err)
{
    struct source fork;
    if (source_spool(v->in, DECMPFS_FORK, item->resource.size, &fork, err))
        return -1;
    int result = copy_fork(v, &item->resource, &fork, err);
    if (!result)
        result = decmpfs_decode(attribute, &fork, out, err);
    source_close(&fork);
    return result;
}

static int copy_item(struct hfs_volume *v, const struct item *item, struct source *out,
                     struct error *err)
{
    struct blob attribute;
    int result = find_compression(v, item, &attribute, err);
    if (!result)
        return copy_fork(v, &item->fork, out, err);
    if (result < 0)
        return -1;
    result = decompress(v, item, &attribute, out, err);
    blob_free(&attribute);
    return result;
}

static int extract_item(struct hfs_volume *v, const char *member, const struct item *item,
                        struct source *out, struct error *err)
{
    if (item->folder || !item->regular)
        return source_error(v->in, 0, err, "'%s' is %s, not a file", member,
                            item->folder ? "a folder" : "a link or a device");
    if (source_spool(v->in, member, item->compressed ? 0 : item->fork.size, out, err))
        return -1;
    if (!copy_item(v, item, out, err))
        return 0;
    source_close(out);
    return -1;
}

static int extract(const struct source *in, const char *member, struct source *out,
                   struct error *err)
{
    struct hfs_volume *v = calloc(1, sizeof(*v));
    struct item item;
    int result = v ? hfs_open(in, v, err) : error_set(err, ERROR_OS, "%s: no memory", in->name);
    if (!result) {
        result = find_path(v, member, true, &item, err);
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
