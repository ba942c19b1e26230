/* SPDX-License-Identifier: MIT */
/* DER entitlements: [APPLICATION 16] { INTEGER 1, dictionary }, where a dictionary is [16]
 * { SEQUENCE { UTF8String key, value }, … } with its keys in ascending order, an array SEQUENCE
 * { value, … }, and the rest BOOLEAN, INTEGER, UTF8String and OCTET STRING. Facts: what signed
 * programs hold, and the digests that the documentation of apple-codesign publishes for two lists
 * (tests/image/macho_sign.py). */

#include "entitlements.h"

#include <stdlib.h>
#include <string.h>

#include "code_signature.h"
#include "der.h"

#define TAG_TOP        0x70
#define TAG_DICTIONARY 0xb0
#define TAG_UTF8       0x0c
#define VERSION        1
#define MAX_DEPTH      64

/* ---- writing ---- */

struct encoder {
    struct der_writer w;
    const struct blob *in; /* for complaints */
    struct error *err;
};

/* The children of NODE as an array, to be freed; *COUNT of them. */
static const struct plist **children_of(const struct plist *node, size_t *count)
{
    size_t n = 0;
    for (const struct plist *child = node->children; child; child = child->next)
        n++;
    const struct plist **all = malloc((n + 1) * sizeof(*all));
    *count = n;
    n = 0;
    for (const struct plist *child = node->children; all && child; child = child->next)
        all[n++] = child;
    return all;
}

static int compare_keys(const void *left, const void *right)
{
    const struct plist *const *a = left, *const *b = right;
    return strcmp((*a)->key, (*b)->key);
}

static int put_value(struct encoder *e, const struct plist *node);

static int put_pair(struct encoder *e, const struct plist *node)
{
    const size_t end = e->w.at;
    if (put_value(e, node))
        return -1;
    der_put_element(&e->w, TAG_UTF8, node->key, strlen(node->key));
    der_put_header(&e->w, DER_SEQUENCE, end);
    return 0;
}

static int put_children(struct encoder *e, const struct plist *node)
{
    size_t count;
    const struct plist **children = children_of(node, &count);
    const bool dictionary = node->kind == PLIST_DICT;
    int result = children ? 0 : error_set(e->err, ERROR_OS, "%s: no memory", e->in->name);
    if (!result && dictionary)
        qsort(children, count, sizeof(*children), compare_keys);
    for (size_t i = count; !result && i--;) {
        if (dictionary && i && !strcmp(children[i]->key, children[i - 1]->key))
            result = blob_error(e->in, 0, e->err, "the entitlement '%s' is given twice",
                                children[i]->key);
        else
            result = dictionary ? put_pair(e, children[i]) : put_value(e, children[i]);
    }
    free(children);
    return result;
}

static void put_integer(struct der_writer *w, int64_t value)
{
    uint8_t bytes[8];
    size_t first = 0;
    put_be64(bytes, (uint64_t)value);
    while (first < 7 && ((bytes[first] == 0x00 && bytes[first + 1] < 0x80) ||
                         (bytes[first] == 0xff && bytes[first + 1] >= 0x80)))
        first++;
    der_put_element(w, DER_INTEGER, bytes + first, 8 - first);
}

static int put_value(struct encoder *e, const struct plist *node)
{
    const size_t end = e->w.at;
    if (node->inexact || node->same_as)
        return blob_error(e->in, 0, e->err,
                          "entitlements cannot hold real numbers, dates or references");
    switch (node->kind) {
    case PLIST_DICT:
    case PLIST_ARRAY:
        if (put_children(e, node))
            return -1;
        der_put_header(&e->w, node->kind == PLIST_DICT ? TAG_DICTIONARY : DER_SEQUENCE, end);
        return 0;
    case PLIST_STRING:
        der_put_element(&e->w, TAG_UTF8, node->text, node->size);
        return 0;
    case PLIST_DATA:
        der_put_element(&e->w, DER_OCTET_STRING, node->data, node->size);
        return 0;
    case PLIST_INTEGER:
        put_integer(&e->w, node->number);
        return 0;
    case PLIST_BOOLEAN:
        der_put_element(&e->w, DER_BOOLEAN, node->number ? "\xff" : "\0", 1);
        return 0;
    }
    return -1;
}

/* As many bytes as NODE can become at most: a header has up to 10. */
static size_t room_for(const struct plist *node)
{
    size_t room = 40 + node->size + (node->key ? strlen(node->key) : 0);
    for (const struct plist *child = node->children; child; child = child->next)
        room += room_for(child);
    return room;
}

int entitlements_encode(const struct plist *root, const struct blob *in, struct blob *out,
                        struct error *err)
{
    struct encoder e = {.in = in, .err = err};
    if (root->kind != PLIST_DICT)
        return blob_error(in, 0, err, "entitlements are a dictionary; this is none");
    if (der_writer_open(&e.w, room_for(root) + 32))
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    const size_t end = e.w.at;
    if (put_value(&e, root)) {
        free(e.w.data);
        return -1;
    }
    der_put_unsigned(&e.w, VERSION);
    der_put_header(&e.w, TAG_TOP, end);
    der_writer_finish(&e.w, out, in->name);
    return 0;
}

/* ---- reading ---- */

static struct plist *read_value(const struct der *der, unsigned depth, struct error *err);

static struct plist *bad(const struct der *der, struct error *err)
{
    blob_error(&der->whole, 0, err, "not an element of DER entitlements, or not in this place");
    return NULL;
}

static char *copy_text(const struct blob *in)
{
    char *text = malloc(in->size + 1);
    if (text) {
        memcpy(text, in->data, in->size);
        text[in->size] = 0;
    }
    return text;
}

/* SEQUENCE { UTF8String, value }. */
static struct plist *read_pair(const struct der *pair, unsigned depth, struct error *err)
{
    struct der key, value;
    uint64_t at = 0;
    if (pair->tag != DER_SEQUENCE)
        return bad(pair, err);
    if (der_next(&pair->content, &at, &key, err) || der_next(&pair->content, &at, &value, err))
        return NULL;
    if (key.tag != TAG_UTF8 || at != pair->content.size ||
        memchr(key.content.data, 0, key.content.size))
        return bad(pair, err);
    struct plist *node = read_value(&value, depth, err);
    if (node && !(node->key = copy_text(&key.content))) {
        plist_free(node);
        error_set(err, ERROR_OS, "no memory");
        return NULL;
    }
    return node;
}

static int read_children(const struct der *der, struct plist *parent, unsigned depth,
                         struct error *err)
{
    struct plist **tail = &parent->children;
    struct der child;
    if (depth == MAX_DEPTH)
        return blob_error(&der->whole, 0, err, "entitlements nested too deeply");
    for (uint64_t at = 0; at < der->content.size; tail = &(*tail)->next) {
        if (der_next(&der->content, &at, &child, err))
            return -1;
        *tail = (parent->kind == PLIST_DICT ? read_pair : read_value)(&child, depth + 1, err);
        if (!*tail)
            return -1;
    }
    return 0;
}

static bool kind_of(uint32_t tag, enum plist_kind *kind)
{
    static const struct {
        uint32_t tag;
        enum plist_kind kind;
    } kinds[] = {{TAG_DICTIONARY, PLIST_DICT}, {DER_SEQUENCE, PLIST_ARRAY},
                 {TAG_UTF8, PLIST_STRING},     {DER_OCTET_STRING, PLIST_DATA},
                 {DER_INTEGER, PLIST_INTEGER}, {DER_BOOLEAN, PLIST_BOOLEAN}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].tag == tag) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

/* Two's complement, at most 8 bytes. */
static int64_t read_integer(const struct blob *in)
{
    uint64_t value = in->size && in->data[0] & 0x80 ? ~0ull : 0;
    for (size_t i = 0; i < in->size; i++)
        value = value << 8 | in->data[i];
    return (int64_t)value;
}

static int fill(const struct der *der, struct plist *node, unsigned depth, struct error *err)
{
    if (node->kind <= PLIST_ARRAY)
        return read_children(der, node, depth, err);
    if (node->kind >= PLIST_INTEGER) {
        if (!der->content.size || der->content.size > 8)
            return blob_error(&der->whole, 0, err, "a number of %zu bytes", der->content.size);
        node->number = read_integer(&der->content);
        if (node->kind == PLIST_BOOLEAN)
            node->number = node->number != 0;
        return 0;
    }
    char *copy = copy_text(&der->content);
    node->size = der->content.size;
    if (node->kind == PLIST_STRING)
        node->text = copy;
    else
        node->data = (uint8_t *)copy;
    return copy ? 0 : error_set(err, ERROR_OS, "no memory");
}

static struct plist *read_value(const struct der *der, unsigned depth, struct error *err)
{
    enum plist_kind kind;
    if (!kind_of(der->tag, &kind))
        return bad(der, err);
    struct plist *node = plist_new(kind);
    if (!node)
        error_set(err, ERROR_OS, "no memory");
    else if (fill(der, node, depth, err)) {
        plist_free(node);
        node = NULL;
    }
    return node;
}

int entitlements_decode(const struct blob *in, struct plist **root, struct error *err)
{
    struct der top, version, value;
    uint64_t at = 0, inner = 0, number;
    if (der_next(in, &at, &top, err))
        return -1;
    if (top.tag != TAG_TOP)
        return blob_error(in, 0, err, "no DER entitlements: they begin with 0x70");
    if (der_next(&top.content, &inner, &version, err) ||
        der_next(&top.content, &inner, &value, err))
        return -1;
    if (!der_unsigned(&version, &number) || number != VERSION || value.tag != TAG_DICTIONARY)
        return blob_error(&top.content, 0, err, "DER entitlements of an unknown version");
    *root = read_value(&value, 0, err);
    return *root ? 0 : -1;
}

/* ---- what they mean to the kernel ---- */

uint64_t entitlements_exec_flags(const struct plist *root)
{
    static const struct {
        const char *name;
        unsigned flag;
    } flags[] = {
        {"get-task-allow", EXEC_ALLOW_UNSIGNED},
        {"run-unsigned-code", EXEC_ALLOW_UNSIGNED},
        {"com.apple.private.cs.debugger", EXEC_DEBUGGER},
        {"dynamic-codesigning", EXEC_JIT},
        {"com.apple.private.skip-library-validation", EXEC_SKIP_LIBRARIES},
        {"com.apple.private.amfi.can-load-cdhash", EXEC_CAN_LOAD_CDHASH},
        {"com.apple.private.amfi.can-execute-cdhash", EXEC_CAN_EXEC_CDHASH},
    };
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const struct plist *value = plist_get(root, flags[i].name);
        if (value && value->kind == PLIST_BOOLEAN && value->number)
            all |= flags[i].flag;
    }
    return all;
}
