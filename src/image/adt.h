/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ADT_H
#define POMONA_ADT_H

/* Apple device trees (image-format sheet A4): read, made, changed, written. */

#include <stdbool.h>

#include "blob.h"

#define ADT_NAME_MAX      31 /* characters of a property's name */
#define ADT_COMPONENT_MAX 63 /* characters of a node's name that XNU compares */

struct adt_property {
    char name[ADT_NAME_MAX + 1];
    bool placeholder; /* length bit 31: the boot loader was to fill it in; XNU panics on it, so it
                         is never written */
    uint32_t size;
    uint8_t *value; /* malloc'ed, `size` bytes */
    struct adt_property *next;
};

struct adt_node {
    struct adt_property *properties; /* in file order */
    struct adt_node *children, *next, *parent;
};

/* Reads the tree in IN. 0 and *ROOT (free with adt_free), or -1 and *ERR. */
int adt_parse(const struct blob *in, struct adt_node **root, struct error *err);
/* Writes the tree; *OUT is to be freed. */
int adt_write(const struct adt_node *root, struct blob *out, struct error *err);
/* The same with placeholder bits as they were read, for other loaders. */
int adt_write_exact(const struct adt_node *root, struct blob *out, struct error *err);
void adt_free(struct adt_node *root);

/* A root without properties. NULL without memory. */
struct adt_node *adt_new(void);
/* Appends a property even where there is one of that name. 0, or -1 without memory. */
int adt_append(struct adt_node *node, const char *name, const void *value, size_t size,
               bool placeholder);
/* A new node called NAME, the last child of PARENT (NULL: a root). NULL without memory. */
struct adt_node *adt_add_node(struct adt_node *parent, const char *name);
/* By path from ROOT: "/chosen/memory-map"; "" or "/" is ROOT. NULL when absent. */
struct adt_node *adt_find(struct adt_node *root, const char *path);
/* The same, made where absent. NULL without memory. */
struct adt_node *adt_make(struct adt_node *root, const char *path);
/* The value of the node's `name`, or "". */
const char *adt_name(const struct adt_node *node);

struct adt_property *adt_get(const struct adt_node *node, const char *name);
/* Sets or replaces. 0, or -1 without memory. Integers are little-endian. */
int adt_set(struct adt_node *node, const char *name, const void *value, size_t size);
int adt_set_u32(struct adt_node *node, const char *name, uint32_t value);
int adt_set_u64(struct adt_node *node, const char *name, uint64_t value);
int adt_set_string(struct adt_node *node, const char *name, const char *value);
int adt_set_u64s(struct adt_node *node, const char *name, const uint64_t *values, size_t count);
void adt_remove(struct adt_node *node, const char *name);
/* Makes the property the INDEXth of its node (the last where there are fewer). */
void adt_move(struct adt_node *node, const char *name, unsigned index);
/* A new child without properties, the INDEXth. NULL without memory. */
struct adt_node *adt_insert_node(struct adt_node *parent, unsigned index);
/* Takes NODE, which has a parent, out of the tree and frees it. */
void adt_remove_node(struct adt_node *node);

#endif
