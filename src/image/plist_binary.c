/* SPDX-License-Identifier: MIT */
/* Binary property lists ("bplist00"), as Apple's frameworks store them: objects that refer to each
 * other by number, a table of where each object is, and a trailer of 32 bytes that says where the
 * table is; all big-endian. An object that several others refer to becomes a copy for each, so that
 * the result is a tree as XML gives; how many there may be in all is limited, because a file of a
 * few bytes can name more than memory holds. Facts: the comment in CoreFoundation's public
 * CFBinaryPList, as the format is described by everyone since. */

#include "plist_internal.h"
#include "utf16.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADER    8
#define TRAILER   32
#define MAX_NODES (1u << 20)
/* Seconds from 1970 to 2001, where Apple's dates begin. */
#define EPOCH_2001 978307200

enum marker {
    SIMPLE = 0,
    INTEGER,
    REAL,
    DATE,
    DATA,
    ASCII,
    UTF16,
    UID = 8,
    ARRAY = 10,
    SET = 12,
    DICT
};

struct reader {
    const struct blob *in;
    uint64_t table, count;
    unsigned offset_size, ref_size;
    unsigned nodes, depth;
    struct error *err;
};

/* What an object begins with: its kind, and where what follows is. */
struct object {
    unsigned kind;
    uint64_t size, at; /* of what is counted (bytes, characters, references) */
    unsigned low;      /* the marker's lower half */
};

static struct plist *read_object(struct reader *r, uint64_t number);

static uint64_t get_be(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    while (size--)
        value = value << 8 | *p++;
    return value;
}

static struct plist *fail(struct reader *r, uint64_t at, const char *what)
{
    blob_error(r->in, at, r->err, "a binary property list: %s", what);
    return NULL;
}

static struct plist *make(struct reader *r, enum plist_kind kind)
{
    if (++r->nodes > MAX_NODES)
        return fail(r, 0, "more than a million elements: corrupted");
    struct plist *node = calloc(1, sizeof(*node));
    if (!node)
        error_set(r->err, ERROR_OS, "%s: no memory", r->in->name);
    else
        node->kind = kind;
    return node;
}

/* The marker of object NUMBER, and its size where that follows as an integer. */
static bool read_marker(struct reader *r, uint64_t number, struct object *out)
{
    const uint8_t *entry = number < r->count
                               ? blob_at(r->in, r->table + number * r->offset_size, r->offset_size)
                               : NULL;
    const uint64_t at = entry ? get_be(entry, r->offset_size) : r->in->size;
    const uint8_t *marker = at < r->table ? blob_at(r->in, at, 1) : NULL;
    if (!marker)
        return fail(r, at, "an object that is not there: corrupted");
    *out = (struct object){
        .kind = *marker >> 4, .low = *marker & 15, .size = *marker & 15, .at = at + 1};
    if (out->low != 15 || out->kind < DATA || out->kind == UID)
        return true;
    const uint8_t *size = blob_at(r->in, at + 1, 1);
    const unsigned width =
        size && *size >> 4 == INTEGER && (*size & 15) <= 3 ? 1u << (*size & 15) : 0;
    const uint8_t *digits = width ? blob_at(r->in, at + 2, width) : NULL;
    if (!digits)
        return fail(r, at, "a size that is no number: corrupted");
    out->size = get_be(digits, width);
    out->at = at + 2 + width;
    return true;
}

static struct plist *read_number(struct reader *r, const struct object *object)
{
    const unsigned width = object->kind == UID ? object->low + 1 : 1u << (object->low & 7);
    const uint8_t *bytes = width <= 16 ? blob_at(r->in, object->at, width) : NULL;
    if (!bytes)
        return fail(r, object->at, "a number that is cut off: corrupted");
    struct plist *node = make(r, PLIST_INTEGER);
    if (node && object->kind == REAL) {
        double real = 0;
        float single;
        const uint64_t bits = get_be(bytes, width);
        const uint32_t low = (uint32_t)bits;
        memcpy(&single, &low, sizeof(single));
        memcpy(&real, &bits, sizeof(real));
        real = width == 4 ? (double)single : real;
        node->number = real > -9e18 && real < 9e18 ? (int64_t)real : 0;
    } else if (node) {
        /* The sixteen bytes of what has no sign and more than 63 bits: the lower half. */
        node->number = (int64_t)get_be(width == 16 ? bytes + 8 : bytes, width == 16 ? 8 : width);
    }
    return node;
}

static struct plist *read_date(struct reader *r, const struct object *object)
{
    const uint8_t *bytes = blob_at(r->in, object->at, 8);
    struct plist *node = bytes ? make(r, PLIST_STRING) : fail(r, object->at, "a date is cut off");
    char text[40] = "";
    if (!node)
        return NULL;
    const uint64_t bits = get_be(bytes, 8);
    double seconds;
    struct tm tm;
    memcpy(&seconds, &bits, sizeof(seconds));
    const time_t when = seconds > -1e11 && seconds < 1e11 ? (time_t)seconds + EPOCH_2001 : 0;
    if (gmtime_r(&when, &tm))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    node->text = strdup(text);
    node->size = strlen(text);
    return node;
}

/* ASCII, in which nothing else is allowed to stand. */
static size_t copy_ascii(char *out, const uint8_t *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (char)(p[i] && p[i] < 0x80 ? p[i] : '?');
    out[count] = 0;
    return count;
}

static struct plist *read_bytes(struct reader *r, const struct object *object)
{
    const bool wide = object->kind == UTF16;
    const uint8_t *bytes =
        object->size <= r->in->size ? blob_at(r->in, object->at, object->size << wide) : NULL;
    struct plist *node = bytes ? make(r, object->kind == DATA ? PLIST_DATA : PLIST_STRING)
                               : fail(r, object->at, "text or data that is cut off: corrupted");
    char *copy = node ? malloc(3 * object->size + 1) : NULL;
    if (!copy) {
        if (node)
            error_set(r->err, ERROR_OS, "%s: no memory", r->in->name);
        free(node);
        return NULL;
    }
    if (node->kind == PLIST_DATA) {
        memcpy(copy, bytes, object->size);
        node->data = (uint8_t *)copy;
        node->size = object->size;
    } else {
        node->text = copy;
        node->size = wide ? utf8_from_utf16be(bytes, object->size, copy)
                          : copy_ascii(copy, bytes, object->size);
    }
    return node;
}

/* The key of a member: object NUMBER, which must be a string. */
static char *read_key(struct reader *r, uint64_t number)
{
    struct object object;
    if (!read_marker(r, number, &object) || (object.kind != ASCII && object.kind != UTF16)) {
        fail(r, r->table, "a key that is no string: corrupted");
        return NULL;
    }
    struct plist *node = read_bytes(r, &object);
    char *key = node ? node->text : NULL;
    free(node);
    return key;
}

/* REFS are the object numbers of a container's members: all keys, in a dictionary, then all
 * values. */
static bool read_members(struct reader *r, const struct object *object, const uint8_t *refs,
                         struct plist *parent)
{
    const uint64_t keys = object->kind == DICT ? object->size : 0;
    struct plist **tail = &parent->children;
    for (uint64_t i = 0; i < object->size; i++) {
        struct plist *child = read_object(r, get_be(refs + (keys + i) * r->ref_size, r->ref_size));
        if (!child)
            return false;
        *tail = child;
        tail = &child->next;
        if (keys && !(child->key = read_key(r, get_be(refs + i * r->ref_size, r->ref_size))))
            return false;
    }
    return true;
}

static struct plist *read_container(struct reader *r, const struct object *object)
{
    const uint64_t each = (uint64_t)r->ref_size * (object->kind == DICT ? 2 : 1);
    const uint8_t *refs =
        object->size <= r->in->size / each ? blob_at(r->in, object->at, object->size * each) : NULL;
    if (!refs || r->depth == PLIST_MAX_DEPTH)
        return fail(r, object->at,
                    refs ? "nested too deeply, or in a circle" : "a list is cut off");
    struct plist *node = make(r, object->kind == DICT ? PLIST_DICT : PLIST_ARRAY);
    r->depth++;
    if (node && !read_members(r, object, refs, node)) {
        plist_free(node);
        node = NULL;
    }
    r->depth--;
    return node;
}

static struct plist *read_object(struct reader *r, uint64_t number)
{
    struct object object;
    if (!read_marker(r, number, &object))
        return NULL;
    switch (object.kind) {
    case SIMPLE: {
        struct plist *node = make(r, PLIST_BOOLEAN);
        if (node)
            node->number = object.low == 9;
        return node;
    }
    case INTEGER:
    case REAL:
    case UID:
        return read_number(r, &object);
    case DATE:
        return read_date(r, &object);
    case DATA:
    case ASCII:
    case UTF16:
        return read_bytes(r, &object);
    case ARRAY:
    case SET:
    case DICT:
        return read_container(r, &object);
    default:
        return fail(r, object.at, "an object of an unknown kind");
    }
}

bool plist_binary_recognise(const struct blob *in)
{
    return in->size >= HEADER && !memcmp(in->data, "bplist", 6);
}

int plist_binary_parse(const struct blob *in, struct plist **root, struct error *err)
{
    *root = NULL;
    if (in->size < HEADER + TRAILER)
        return blob_error(in, 0, err, "a binary property list that is cut off: get a whole copy");
    const uint8_t *trailer = in->data + in->size - TRAILER;
    struct reader r = {.in = in,
                       .offset_size = trailer[6],
                       .ref_size = trailer[7],
                       .count = get_be(trailer + 8, 8),
                       .table = get_be(trailer + 24, 8),
                       .err = err};
    if (!r.offset_size || r.offset_size > 8 || !r.ref_size || r.ref_size > 8 ||
        r.table > in->size - TRAILER || r.count > (in->size - TRAILER - r.table) / r.offset_size)
        return blob_error(in, in->size - TRAILER, err,
                          "a binary property list with a damaged trailer: get a whole copy");
    *root = read_object(&r, get_be(trailer + 16, 8));
    return *root ? 0 : -1;
}
