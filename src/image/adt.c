/* SPDX-License-Identifier: MIT */
/* The Apple device tree as a tree of nodes in memory. The file has no header and no size of its
 * own: a node is two counts, its properties (32-byte name, length, value padded to four) and then
 * its children, each likewise, so reading means walking. Depth and counts have fixed limits, so
 * that the time for what is not a device tree is bounded too. */

#include "adt.h"

#include <stdlib.h>
#include <string.h>

#define PROPERTY_HEADER 36
#define PLACEHOLDER     0x80000000u
#define MAX_DEPTH       32
/* Properties, and children, of one node; trees of devices have a few hundred. */
#define MAX_ENTRIES 4096

struct reader {
    const struct blob *in;
    uint64_t at;
    struct error *err;
};

static struct adt_node *new_node(struct adt_node *parent)
{
    struct adt_node *node = calloc(1, sizeof(*node));
    if (!node || !parent)
        return node;
    node->parent = parent;
    struct adt_node **link = &parent->children;
    while (*link)
        link = &(*link)->next;
    *link = node;
    return node;
}

static int no_memory(struct reader *r)
{
    return error_set(r->err, ERROR_OS, "%s: no memory for the device tree", r->in->name);
}

static struct adt_property *append_property(struct adt_node *node, const char *name,
                                            const void *value, size_t size)
{
    struct adt_property *property = calloc(1, sizeof(*property));
    uint8_t *copy = malloc(size ? size : 1);
    if (!property || !copy) {
        free(property);
        free(copy);
        return NULL;
    }
    strncpy(property->name, name, ADT_NAME_MAX);
    if (size)
        memcpy(copy, value, size);
    property->value = copy;
    property->size = (uint32_t)size;
    struct adt_property **link = &node->properties;
    while (*link)
        link = &(*link)->next;
    *link = property;
    return property;
}

static int read_property(struct reader *r, struct adt_node *node)
{
    const uint8_t *p = blob_at(r->in, r->at, PROPERTY_HEADER);
    if (!p)
        return blob_error(r->in, r->at, r->err,
                          "truncated: a device tree property is cut off; get a whole copy");
    const uint32_t length = get_le32(p + 32), size = length & ~PLACEHOLDER;
    const uint64_t padded = (size + 3ull) & ~3ull;
    const uint8_t *value = blob_at(r->in, r->at + PROPERTY_HEADER, size);
    if (!memchr(p, 0, 32) || !p[0])
        return blob_error(r->in, r->at, r->err, "not a device tree: no property name here");
    if (!value)
        return blob_error(
            r->in, r->at + 32, r->err,
            "property %s says it has %u bytes: truncated or not a device tree; get a whole copy",
            (const char *)p, size);
    struct adt_property *property = append_property(node, (const char *)p, value, size);
    if (!property)
        return no_memory(r);
    property->placeholder = length & PLACEHOLDER;
    /* The very last value may lack its padding. */
    r->at += PROPERTY_HEADER + padded;
    if (r->at > r->in->size)
        r->at = r->in->size;
    return 0;
}

static int read_node(struct reader *r, struct adt_node *node, unsigned depth)
{
    const uint8_t *p = blob_at(r->in, r->at, 8);
    if (!p)
        return blob_error(r->in, r->at, r->err,
                          "truncated: a device tree node is cut off; get a whole copy");
    const uint32_t properties = get_le32(p), children = get_le32(p + 4);
    if (depth > MAX_DEPTH || properties > MAX_ENTRIES || children > MAX_ENTRIES)
        return blob_error(r->in, r->at, r->err,
                          "a node of %u properties and %u children: not a device tree; give one as "
                          "it is or in an IM4P",
                          properties, children);
    r->at += 8;
    for (uint32_t i = 0; i < properties; i++)
        if (read_property(r, node))
            return -1;
    for (uint32_t i = 0; i < children; i++) {
        struct adt_node *child = new_node(node);
        if (!child)
            return no_memory(r);
        if (read_node(r, child, depth + 1))
            return -1;
    }
    return 0;
}

int adt_parse(const struct blob *in, struct adt_node **root, struct error *err)
{
    struct reader r = {.in = in, .err = err};
    *root = new_node(NULL);
    if (!*root)
        return no_memory(&r);
    if (!read_node(&r, *root, 0))
        return 0;
    adt_free(*root);
    *root = NULL;
    return -1;
}

void adt_free(struct adt_node *root)
{
    if (!root)
        return;
    for (struct adt_node *child = root->children, *next; child; child = next) {
        next = child->next;
        adt_free(child);
    }
    for (struct adt_property *property = root->properties, *next; property; property = next) {
        next = property->next;
        free(property->value);
        free(property);
    }
    free(root);
}

static size_t node_size(const struct adt_node *node)
{
    size_t size = 8;
    for (const struct adt_property *property = node->properties; property;
         property = property->next)
        size += PROPERTY_HEADER + ((property->size + 3ull) & ~3ull);
    for (const struct adt_node *child = node->children; child; child = child->next)
        size += node_size(child);
    return size;
}

static uint8_t *write_node(const struct adt_node *node, uint8_t *out, uint32_t kept_bits)
{
    uint32_t properties = 0, children = 0;
    uint8_t *counts = out;
    out += 8;
    for (const struct adt_property *property = node->properties; property;
         property = property->next, properties++) {
        memcpy(out, property->name, 32);
        put_le32(out + 32, property->size | (property->placeholder ? kept_bits : 0));
        memcpy(out + PROPERTY_HEADER, property->value, property->size);
        out += PROPERTY_HEADER + ((property->size + 3ull) & ~3ull);
    }
    for (const struct adt_node *child = node->children; child; child = child->next, children++)
        out = write_node(child, out, kept_bits);
    put_le32(counts, properties);
    put_le32(counts + 4, children);
    return out;
}

static int write_tree(const struct adt_node *root, uint32_t kept_bits, struct blob *out,
                      struct error *err)
{
    const size_t size = node_size(root);
    uint8_t *buffer = calloc(1, size);
    if (!buffer)
        return error_set(err, ERROR_OS, "no memory for a device tree of %zu bytes", size);
    write_node(root, buffer, kept_bits);
    blob_adopt(out, buffer, size, "device tree");
    return 0;
}

int adt_write(const struct adt_node *root, struct blob *out, struct error *err)
{
    return write_tree(root, 0, out, err);
}

int adt_write_exact(const struct adt_node *root, struct blob *out, struct error *err)
{
    return write_tree(root, PLACEHOLDER, out, err);
}

const char *adt_name(const struct adt_node *node)
{
    const struct adt_property *name = adt_get(node, "name");
    return name && name->size && !name->value[name->size - 1] ? (const char *)name->value : "";
}

struct adt_node *adt_add_node(struct adt_node *parent, const char *name)
{
    struct adt_node *node = new_node(parent);
    if (node && adt_set_string(node, "name", name))
        return NULL; /* stays, empty, under its parent, which is freed as a whole */
    return node;
}

/* The child that the path component of LENGTH characters at PATH names. */
static struct adt_node *child_named(const struct adt_node *node, const char *path, size_t length)
{
    for (struct adt_node *child = node->children; child; child = child->next) {
        const char *name = adt_name(child);
        if (strlen(name) == length && !memcmp(name, path, length))
            return child;
    }
    return NULL;
}

static struct adt_node *walk(struct adt_node *root, const char *path, bool make)
{
    struct adt_node *node = root;
    while (node) {
        path += strspn(path, "/");
        const size_t length = strcspn(path, "/");
        if (!length)
            return node;
        struct adt_node *child = child_named(node, path, length);
        if (!child && make && length <= ADT_COMPONENT_MAX) {
            char name[ADT_COMPONENT_MAX + 1] = {0};
            memcpy(name, path, length);
            child = adt_add_node(node, name);
        }
        node = child;
        path += length;
    }
    return NULL;
}

struct adt_node *adt_find(struct adt_node *root, const char *path)
{
    return walk(root, path, false);
}

struct adt_node *adt_make(struct adt_node *root, const char *path)
{
    return walk(root, path, true);
}

struct adt_property *adt_get(const struct adt_node *node, const char *name)
{
    for (struct adt_property *property = node->properties; property; property = property->next)
        if (!strcmp(property->name, name))
            return property;
    return NULL;
}

struct adt_node *adt_new(void)
{
    return new_node(NULL);
}

int adt_append(struct adt_node *node, const char *name, const void *value, size_t size,
               bool placeholder)
{
    struct adt_property *property = append_property(node, name, value, size);
    if (property)
        property->placeholder = placeholder;
    return property ? 0 : -1;
}

int adt_set(struct adt_node *node, const char *name, const void *value, size_t size)
{
    struct adt_property *property = adt_get(node, name);
    if (!property)
        return append_property(node, name, value, size) ? 0 : -1;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return -1;
    if (size)
        memcpy(copy, value, size);
    free(property->value);
    property->value = copy;
    property->size = (uint32_t)size;
    property->placeholder = false;
    return 0;
}

int adt_set_u32(struct adt_node *node, const char *name, uint32_t value)
{
    uint8_t bytes[4];
    put_le32(bytes, value);
    return adt_set(node, name, bytes, sizeof(bytes));
}

int adt_set_u64(struct adt_node *node, const char *name, uint64_t value)
{
    return adt_set_u64s(node, name, &value, 1);
}

int adt_set_string(struct adt_node *node, const char *name, const char *value)
{
    return adt_set(node, name, value, strlen(value) + 1);
}

int adt_set_u64s(struct adt_node *node, const char *name, const uint64_t *values, size_t count)
{
    uint8_t bytes[64];
    if (count * 8 > sizeof(bytes))
        return -1;
    for (size_t i = 0; i < count; i++)
        put_le64(bytes + 8 * i, values[i]);
    return adt_set(node, name, bytes, count * 8);
}

void adt_remove(struct adt_node *node, const char *name)
{
    for (struct adt_property **link = &node->properties; *link; link = &(*link)->next) {
        struct adt_property *property = *link;
        if (strcmp(property->name, name))
            continue;
        *link = property->next;
        free(property->value);
        free(property);
        return;
    }
}

void adt_move(struct adt_node *node, const char *name, unsigned index)
{
    struct adt_property **link = &node->properties, *property = adt_get(node, name);
    if (!property)
        return;
    while (*link != property)
        link = &(*link)->next;
    *link = property->next;
    for (link = &node->properties; *link && index; index--)
        link = &(*link)->next;
    property->next = *link;
    *link = property;
}

struct adt_node *adt_insert_node(struct adt_node *parent, unsigned index)
{
    struct adt_node *node = new_node(NULL), **link = &parent->children;
    if (!node)
        return NULL;
    for (; *link && index; index--)
        link = &(*link)->next;
    node->parent = parent;
    node->next = *link;
    *link = node;
    return node;
}

void adt_remove_node(struct adt_node *node)
{
    struct adt_node **link = &node->parent->children;
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    adt_free(node);
}
