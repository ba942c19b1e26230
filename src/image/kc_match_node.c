/* SPDX-License-Identifier: MIT */
/* One personality against one node: IOService's passive matching, in its order: IONameMatch,
 * IOPropertyMatch, IOPropertyExistsMatch, IOPathMatch, then IOParentMatch on what is above. The
 * registry has a node's properties as data, so that a number or a boolean of a personality is equal
 * to none of them. Left out: IOLocationMatch and what families add (a PCI device's or USB device's
 * own keys), which a device tree cannot answer. Facts: Apple's IOKit Fundamentals ("Driver and
 * Device Matching"), its documentation of the keys, and how IOService behaves. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adt_text.h"
#include "kc_match.h"

#define PATH_SIZE 512

/* ---- names ---- */

/* The strings of a property, *AT from 0 on; false at the end. */
static bool next_string(const struct adt_property *property, size_t *at, const char **text,
                        size_t *size)
{
    if (*at >= property->size)
        return false;
    *text = (const char *)property->value + *at;
    *size = strnlen(*text, property->size - *at);
    *at += *size + 1;
    return true;
}

/* An asterisk at the end of WANTED stands for anything. */
static bool name_is(const char *wanted, const char *text, size_t size)
{
    const size_t length = strlen(wanted);
    if (length && wanted[length - 1] == '*')
        return size >= length - 1 && !memcmp(text, wanted, length - 1);
    return size == length && !memcmp(text, wanted, length);
}

static const char *const name_properties[] = {"name", "compatible", "device_type", "model"};
#define NAME_PROPERTIES (sizeof(name_properties) / sizeof(name_properties[0]))

static bool match_name(const char *wanted, const struct adt_node *node, struct kc_node_match *out)
{
    const char *text;
    size_t size;
    for (size_t i = 0; i < NAME_PROPERTIES; i++) {
        const struct adt_property *property = adt_get(node, name_properties[i]);
        for (size_t at = 0; property && next_string(property, &at, &text, &size);)
            if (name_is(wanted, text, size)) {
                snprintf(out->text, sizeof(out->text), "\"%s\" is its %s", wanted,
                         name_properties[i]);
                return true;
            }
    }
    return false;
}

/* One string, or any of several. */
static bool match_names(const struct plist *wanted, const struct adt_node *node,
                        struct kc_node_match *out)
{
    if (wanted->kind == PLIST_STRING)
        return match_name(wanted->text, node, out);
    if (wanted->kind != PLIST_ARRAY)
        return false;
    for (const struct plist *at = wanted->children; at; at = at->next) {
        const struct plist *one = plist_resolve(at);
        if (one && one->kind == PLIST_STRING && match_name(one->text, node, out))
            return true;
    }
    return false;
}

/* ---- properties ---- */

static bool value_is(const struct plist *wanted, const struct adt_property *property)
{
    if (wanted->kind == PLIST_DATA)
        return wanted->size == property->size &&
               !memcmp(wanted->data, property->value, wanted->size);
    /* A string is equal to data that is the string, with or without its terminator. */
    return wanted->kind == PLIST_STRING && property->size >= wanted->size &&
           property->size - wanted->size <= 1 &&
           !memcmp(wanted->text, property->value, property->size);
}

static void describe_value(const struct plist *wanted, char *text, size_t size)
{
    size_t used = 0;
    if (wanted->kind == PLIST_STRING)
        snprintf(text, size, "str:%s", wanted->text);
    else if (wanted->kind == PLIST_DATA) {
        used = (size_t)snprintf(text, size, "hex:");
        for (size_t i = 0; i < wanted->size && used + 3 < size; i++, used += 2)
            snprintf(text + used, size - used, "%02x", wanted->data[i]);
    } else
        snprintf(text, size, "a %s",
                 wanted->kind == PLIST_INTEGER   ? "number, which no property of a tree equals"
                 : wanted->kind == PLIST_BOOLEAN ? "boolean, which no property of a tree equals"
                                                 : "collection");
}

static bool match_dictionary(const struct plist *wanted, const struct adt_node *node,
                             struct kc_node_match *out)
{
    char is[128], should[128];
    for (const struct plist *at = wanted->children; at; at = at->next) {
        const struct plist *value = plist_resolve(at);
        const struct adt_property *property = at->key ? adt_get(node, at->key) : NULL;
        if (property && value && value_is(value, property))
            continue;
        if (!property) {
            snprintf(out->text, sizeof(out->text), "no property %s", at->key);
            return false;
        }
        char *has = adt_format_value(property);
        snprintf(is, sizeof(is), "%s", has ? has : "");
        free(has);
        describe_value(value ? value : at, should, sizeof(should));
        snprintf(out->text, sizeof(out->text), "its %s is %s, not %s", at->key, is, should);
        return false;
    }
    return true;
}

/* One dictionary, or any of several. */
static bool match_properties(const struct plist *wanted, const struct adt_node *node,
                             struct kc_node_match *out)
{
    if (wanted->kind == PLIST_DICT)
        return match_dictionary(wanted, node, out);
    if (wanted->kind != PLIST_ARRAY)
        return false;
    for (const struct plist *at = wanted->children; at; at = at->next) {
        const struct plist *one = plist_resolve(at);
        if (one && one->kind == PLIST_DICT && match_dictionary(one, node, out))
            return true;
    }
    return false;
}

static bool match_exists(const struct plist *wanted, const struct adt_node *node,
                         struct kc_node_match *out)
{
    const char *last = "";
    if (wanted->kind == PLIST_STRING && adt_get(node, wanted->text))
        return true;
    if (wanted->kind == PLIST_STRING)
        last = wanted->text;
    for (const struct plist *at = wanted->kind == PLIST_ARRAY ? wanted->children : NULL; at;
         at = at->next) {
        const struct plist *one = plist_resolve(at);
        if (!one || one->kind != PLIST_STRING)
            continue;
        if (adt_get(node, one->text))
            return true;
        last = one->text;
    }
    snprintf(out->text, sizeof(out->text), "no property %s", last);
    return false;
}

/* ---- paths ---- */

/* "IODeviceTree:/arm-io/uart0@35200000" is /arm-io/uart0 of the tree; the unit address is left out.
 * False: the path is of another plane. */
static bool tree_path(const char *path, char *out, size_t size)
{
    static const char plane[] = "IODeviceTree:";
    size_t used = 0;
    if (strncmp(path, plane, sizeof(plane) - 1))
        return false;
    bool unit = false;
    for (const char *at = path + sizeof(plane) - 1; *at && used + 1 < size; at++) {
        unit = *at == '@' || (unit && *at != '/');
        if (!unit)
            out[used++] = *at;
    }
    out[used] = 0;
    return true;
}

static bool match_path(const struct plist *wanted, const struct adt_node *node,
                       struct kc_node_match *out)
{
    char path[PATH_SIZE], is[PATH_SIZE];
    if (wanted->kind != PLIST_STRING || !tree_path(wanted->text, path, sizeof(path)))
        return true;
    adt_path(node, is, sizeof(is));
    snprintf(out->text, sizeof(out->text), "it is not at %.200s", path);
    return !strcmp(path, is);
}

/* ---- parents ---- */

static void match_one(const struct plist *table, const struct adt_node *node,
                      struct kc_node_match *out);

/* Anything above NODE. What is there besides nodes, drivers, has no properties that are known
 * here: with a class alone asked for, there may be one. */
static bool match_parent(const struct plist *wanted, const struct adt_node *node,
                         struct kc_node_match *out)
{
    struct kc_node_match above;
    if (wanted->kind != PLIST_DICT || !kc_match_has_criteria(wanted))
        return true;
    for (const struct adt_node *at = node->parent; at; at = at->parent) {
        match_one(wanted, at, &above);
        if (above.matches)
            return true;
    }
    snprintf(out->text, sizeof(out->text), "nothing above it matches");
    return false;
}

/* ---- all ---- */

typedef bool criterion_fn(const struct plist *wanted, const struct adt_node *node,
                          struct kc_node_match *out);

static const struct criterion {
    const char *key;
    criterion_fn *match;
} criteria[] = {
    {"IONameMatch", match_names},
    {"IOPropertyMatch", match_properties},
    {"IOPropertyExistsMatch", match_exists},
    {"IOPathMatch", match_path},
    {"IOParentMatch", match_parent},
};
#define CRITERIA (sizeof(criteria) / sizeof(criteria[0]))

/* Without IOParentMatch within IOParentMatch, which no personality has. The name that matched is
 * what is worth saying, if there is one. */
static void match_one(const struct plist *table, const struct adt_node *node,
                      struct kc_node_match *out)
{
    struct kc_node_match next;
    *out = (struct kc_node_match){.matches = true};
    for (size_t i = 0; i + 1 < CRITERIA && out->matches; i++) {
        const struct plist *wanted = plist_get(table, criteria[i].key);
        if (!wanted)
            continue;
        next = (struct kc_node_match){.property = criteria[i].key, .steps = out->steps};
        next.matches = criteria[i].match(wanted, node, &next);
        next.steps += next.matches;
        if (next.matches && i)
            *next.text = 0;
        if (next.matches && out->property == criteria[0].key)
            out->steps = next.steps;
        else
            *out = next;
    }
}

void kc_match_node(const struct plist *table, const struct adt_node *node,
                   struct kc_node_match *out)
{
    match_one(table, node, out);
    const struct criterion *last = &criteria[CRITERIA - 1];
    const struct plist *wanted = out->matches ? plist_get(table, last->key) : NULL;
    if (wanted && !last->match(wanted, node, out)) {
        out->matches = false;
        out->property = last->key;
    }
}

bool kc_match_has_criteria(const struct plist *table)
{
    char path[PATH_SIZE];
    for (size_t i = 0; i + 1 < CRITERIA; i++) {
        const struct plist *wanted = plist_get(table, criteria[i].key);
        const bool other_plane =
            wanted && criteria[i].match == match_path &&
            (wanted->kind != PLIST_STRING || !tree_path(wanted->text, path, sizeof(path)));
        if (wanted && !other_plane)
            return true;
    }
    return false;
}

/* ---- what was perhaps meant ---- */

static size_t common_prefix(const char *a, const char *b, size_t size)
{
    size_t same = 0;
    while (same < size && a[same] && a[same] == b[same])
        same++;
    return same;
}

void kc_match_nearest(const char *wanted, const struct adt_node *const *nodes, size_t count,
                      struct kc_nearest *best)
{
    const char *text;
    size_t size;
    for (size_t i = 0; i < count; i++) {
        const struct adt_property *property = adt_get(nodes[i], "compatible");
        for (size_t at = 0; property && next_string(property, &at, &text, &size);) {
            const size_t same = common_prefix(wanted, text, size);
            if (same > best->same)
                *best = (struct kc_nearest){nodes[i], text, size, same};
        }
    }
}

void kc_describe_nearest(const struct kc_nearest *best, char *out, size_t size)
{
    char path[PATH_SIZE];
    *out = 0;
    if (!best->node)
        return;
    adt_path(best->node, path, sizeof(path));
    snprintf(out, size, "; nearest: %.100s, compatible \"%.*s\"", path,
             (int)(best->size < 60 ? best->size : 60), best->text);
}
