/* SPDX-License-Identifier: MIT */
/* Export tries: what a library offers, by name, in LC_DYLD_EXPORTS_TRIE or LC_DYLD_INFO. A node is
 * the size of its terminal and that, then its children: the letters that lead to each and where it
 * is. A damaged trie may lead back to where it came from, so that no node is entered twice. Facts:
 * the published loader header, and dyld's description of the format. */

#include <stdlib.h>
#include <string.h>

#include "macho.h"

#define LC_DYLD_INFO         0x22u
#define LC_DYLD_INFO_ONLY    0x80000022u
#define LC_DYLD_EXPORTS_TRIE 0x80000033u
#define MAX_NAME             (64u << 10)

/* A node that is yet to be entered, and how much of the name leads to its parent. */
struct pending {
    uint32_t node, prefix;
    uint32_t edge; /* where in the trie the letters that lead to it are */
};

struct walk {
    struct blob trie;
    uint64_t base;
    uint8_t *entered; /* a bit a byte of the trie */
    struct pending *pending;
    size_t count, room;
    char *name; /* of the node that is being read */
    size_t name_room;
    macho_export_visit *visit;
    void *context;
    struct error *err;
};

static int damaged(const struct walk *walk, uint64_t at, const char *what)
{
    return blob_error(&walk->trie, at, walk->err,
                      "the export trie is damaged: %s; get a whole copy", what);
}

static bool read_uleb(const struct blob *in, uint64_t *at, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < in->size && shift < 64; shift += 7) {
        const uint8_t byte = in->data[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* The text at AT, which must end before the trie does; NULL: it does not. */
static const char *read_text(const struct blob *in, uint64_t *at)
{
    const char *text = (const char *)in->data + *at;
    const size_t room = *at < in->size ? (size_t)(in->size - *at) : 0;
    const size_t length = strnlen(text, room);
    *at += length + 1;
    return length < room ? text : NULL;
}

/* Makes *ITEMS hold COUNT of SIZE bytes; false without memory. */
static bool grow(void **items, size_t *room, size_t count, size_t size)
{
    if (count <= *room)
        return true;
    const size_t more = count * 2;
    void *larger = realloc(*items, more * size);
    if (!larger)
        return false;
    *items = larger;
    *room = more;
    return true;
}

/* What a terminal says; END is where it ends. */
static int read_terminal(struct walk *walk, uint64_t at, uint64_t end)
{
    const struct blob content = {.data = walk->trie.data, .size = (size_t)end};
    struct macho_export export = {.name = walk->name};
    uint64_t value;
    if (!read_uleb(&content, &at, &export.flags) || !read_uleb(&content, &at, &value))
        return damaged(walk, at, "a terminal ends early");
    if (export.flags & MACHO_EXPORT_REEXPORT) {
        export.library = (unsigned)value;
        if (!(export.import = read_text(&content, &at)))
            return damaged(walk, at, "the name of a re-export does not end");
    } else {
        const bool absolute = (export.flags & MACHO_EXPORT_KIND) == MACHO_EXPORT_ABSOLUTE;
        export.address = value + (absolute ? 0 : walk->base);
        if (export.flags & MACHO_EXPORT_RESOLVER && read_uleb(&content, &at, &value))
            export.resolver = value + walk->base;
    }
    return walk->visit(walk->context, &export);
}

/* The children at AT wait until their turn; the first of them is to be the next, so that names come
 * in the trie's order. */
static int read_children(struct walk *walk, uint64_t at, uint32_t prefix)
{
    if (at >= walk->trie.size)
        return damaged(walk, at, "a node ends early");
    const unsigned count = walk->trie.data[at++];
    if (!grow((void **)&walk->pending, &walk->room, walk->count + count, sizeof(*walk->pending)))
        return error_set(walk->err, ERROR_OS, "%s: no memory", walk->trie.name);
    walk->count += count;
    for (unsigned i = 0; i < count; i++) {
        uint64_t node;
        const uint32_t edge = (uint32_t)at;
        if (!read_text(&walk->trie, &at) || !read_uleb(&walk->trie, &at, &node))
            return damaged(walk, at, "a node ends early");
        if (node >= walk->trie.size)
            return damaged(walk, at, "a child lies outside");
        walk->pending[walk->count - 1 - i] = (struct pending){(uint32_t)node, prefix, edge};
    }
    return 0;
}

/* The name up to PENDING's node. */
static int extend_name(struct walk *walk, const struct pending *pending, uint32_t *length)
{
    const char *edge = (const char *)walk->trie.data + pending->edge;
    const size_t more = strlen(edge);
    if (pending->prefix + more > MAX_NAME)
        return damaged(walk, pending->edge, "a name of over 64 KiB");
    if (!grow((void **)&walk->name, &walk->name_room, pending->prefix + more + 1, 1))
        return error_set(walk->err, ERROR_OS, "%s: no memory", walk->trie.name);
    memcpy(walk->name + pending->prefix, edge, more + 1);
    *length = pending->prefix + (uint32_t)more;
    return 0;
}

static int read_node(struct walk *walk, uint32_t node, uint32_t length)
{
    uint64_t at = node, size;
    if (walk->entered[node / 8] & 1 << node % 8)
        return damaged(walk, node, "it leads to one node twice");
    walk->entered[node / 8] |= (uint8_t)(1 << node % 8);
    if (!read_uleb(&walk->trie, &at, &size) || size > walk->trie.size - at)
        return damaged(walk, node, "a terminal ends behind it");
    if (size) {
        const int result = read_terminal(walk, at, at + size);
        if (result)
            return result;
    }
    return read_children(walk, at + size, length);
}

static int walk_trie(struct walk *walk)
{
    uint32_t length = 0;
    walk->entered = calloc(1, walk->trie.size / 8 + 1);
    if (!walk->entered || !grow((void **)&walk->name, &walk->name_room, 1, 1))
        return error_set(walk->err, ERROR_OS, "%s: no memory", walk->trie.name);
    walk->name[0] = 0;
    int result = read_node(walk, 0, 0);
    while (!result && walk->count) {
        const struct pending next = walk->pending[--walk->count];
        result = extend_name(walk, &next, &length);
        if (!result)
            result = read_node(walk, next.node, length);
    }
    return result;
}

/* Where COMMAND says the trie is; false when it is not of that kind. */
static bool names_trie(const struct macho_command *command, uint32_t *offset, uint32_t *size)
{
    const bool alone = command->cmd == LC_DYLD_EXPORTS_TRIE && command->size >= 16;
    const bool info =
        (command->cmd == LC_DYLD_INFO || command->cmd == LC_DYLD_INFO_ONLY) && command->size >= 48;
    if (!alone && !info)
        return false;
    *offset = get_le32(command->data + (info ? 40 : 8));
    *size = get_le32(command->data + (info ? 44 : 12));
    return *size != 0;
}

int macho_each_export(const struct macho *macho, macho_export_visit *visit, void *context,
                      struct error *err)
{
    struct walk walk = {.visit = visit, .context = context, .err = err};
    struct macho_command command;
    uint32_t offset, size;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (!names_trie(&command, &offset, &size))
            continue;
        if (!macho_base(macho, &walk.base))
            return blob_error(&macho->file, 0, err, "no segment holds the header");
        if (blob_slice(&macho->file, offset, size, &walk.trie, "the export trie", err))
            return -1;
        const int result = walk_trie(&walk);
        free(walk.entered);
        free(walk.pending);
        free(walk.name);
        return result < 0 ? -1 : 0;
    }
    return 0;
}
