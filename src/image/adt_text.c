/* SPDX-License-Identifier: MIT */
/* Values, paths and changes of Apple device trees as text. A value's type is nowhere in the file:
 * it is guessed from the bytes, and only where writing the guess gives the same bytes again. */

#include "adt_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NUMBERS 64u /* longer arrays are hexadecimal */

/* ---- values ---- */

/* One or more NUL-terminated texts, none empty, of printable characters. */
static unsigned count_strings(const struct adt_property *property)
{
    unsigned count = 0;
    if (!property->size || property->value[property->size - 1])
        return 0;
    for (uint32_t i = 0; i < property->size; i++) {
        const uint8_t c = property->value[i];
        if (!c && (!i || !property->value[i - 1]))
            return 0;
        if (c && (!isprint(c) || c == '|'))
            return 0;
        count += !c;
    }
    return count;
}

enum adt_type adt_guess(const struct adt_property *property)
{
    const unsigned strings = count_strings(property);
    if (!property->size)
        return ADT_EMPTY;
    if (strings)
        return strings > 1 ? ADT_STRINGS : ADT_STRING;
    if (property->size % 8 == 0 && property->size / 8 <= MOST_NUMBERS)
        return ADT_U64;
    return property->size % 4 == 0 && property->size / 4 <= MOST_NUMBERS ? ADT_U32 : ADT_HEX;
}

const char *adt_type_name(enum adt_type type)
{
    static const char *const names[] = {"empty", "str", "strs", "u32", "u64", "hex"};
    return names[type];
}

static void print_strings(FILE *out, const struct adt_property *property)
{
    for (uint32_t i = 0; i + 1 < property->size; i++)
        fputc(property->value[i] ? property->value[i] : '|', out);
}

static void print_numbers(FILE *out, const struct adt_property *property, unsigned size)
{
    for (uint32_t i = 0; i < property->size; i += size)
        fprintf(out, "%s0x%llx", i ? "," : "",
                (unsigned long long)(size == 8 ? get_le64(property->value + i)
                                               : get_le32(property->value + i)));
}

char *adt_format_value(const struct adt_property *property)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const enum adt_type type = adt_guess(property);
    if (!out)
        return NULL;
    fprintf(out, "%s:", type == ADT_EMPTY ? "hex" : adt_type_name(type));
    if (type == ADT_STRING || type == ADT_STRINGS)
        print_strings(out, property);
    else if (type == ADT_U32 || type == ADT_U64)
        print_numbers(out, property, type == ADT_U64 ? 8 : 4);
    else
        for (uint32_t i = 0; i < property->size; i++)
            fprintf(out, "%02x", property->value[i]);
    return fclose(out) ? NULL : text;
}

static int parse_numbers(const char *text, unsigned size, uint8_t *out, size_t *used)
{
    for (*used = 0; *text; *used += size) {
        char *end;
        const uint64_t number = strtoull(text, &end, 0);
        if (end == text || (*end && *end != ',') || (size == 4 && number > UINT32_MAX))
            return -1;
        if (size == 8)
            put_le64(out + *used, number);
        else
            put_le32(out + *used, (uint32_t)number);
        text = *end ? end + 1 : end;
    }
    return *used ? 0 : -1;
}

static int parse_hex(const char *text, uint8_t *out, size_t *used)
{
    for (*used = 0; *text; text += 2, ++*used) {
        unsigned byte;
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
            sscanf(text, "%2x", &byte) != 1)
            return -1;
        out[*used] = (uint8_t)byte;
    }
    return 0;
}

int adt_parse_value(const char *text, uint8_t **value, size_t *size, struct error *err)
{
    const char *colon = strchr(text, ':'), *rest = colon ? colon + 1 : "";
    const size_t length = strlen(rest), type = colon ? (size_t)(colon - text) : 0;
    int result = -1;
    *value = malloc(8 * length + 8);
    if (!*value)
        return error_set(err, ERROR_OS, "no memory");
    if ((type == 3 && !strncmp(text, "str", 3)) || (type == 4 && !strncmp(text, "strs", 4))) {
        memcpy(*value, rest, length + 1);
        for (size_t i = 0; type == 4 && i < length; i++)
            (*value)[i] = rest[i] == '|' ? 0 : (uint8_t)rest[i];
        *size = length + 1;
        result = 0;
    } else if (type == 3 && (!strncmp(text, "u32", 3) || !strncmp(text, "u64", 3))) {
        result = parse_numbers(rest, text[1] == '6' ? 8 : 4, *value, size);
    } else if (type == 3 && !strncmp(text, "hex", 3)) {
        result = parse_hex(rest, *value, size);
    }
    if (!result)
        return 0;
    free(*value);
    return error_set(err, ERROR_USAGE,
                     "'%s' is no value: str:TEXT, strs:A|B, u32:N,..., u64:N,... or hex:DIGITS",
                     text);
}

/* ---- paths ---- */

/* The child that the component of LENGTH characters means. */
static struct adt_node *child_at(struct adt_node *node, const char *component, size_t length)
{
    const char *hash = memchr(component, '#', length);
    unsigned long skip = hash ? strtoul(hash + 1, NULL, 10) : 0;
    const size_t name = hash ? (size_t)(hash - component) : length;
    /* A property's name may begin with '#', but a node's does not. */
    for (struct adt_node *child = node->children; child; child = child->next) {
        const char *text = adt_name(child);
        const bool same = !name || (strlen(text) == name && !memcmp(text, component, name));
        if (same && !skip--)
            return child;
    }
    return NULL;
}

struct adt_node *adt_walk(struct adt_node *root, const char *path)
{
    for (struct adt_node *node = root; node;) {
        path += strspn(path, "/");
        const size_t length = strcspn(path, "/");
        if (!length)
            return node;
        node = child_at(node, path, length);
        path += length;
    }
    return NULL;
}

void adt_path(const struct adt_node *node, char *out, size_t size)
{
    if (!node->parent) {
        snprintf(out, size, "/");
        return;
    }
    adt_path(node->parent, out, size);
    const char *name = adt_name(node);
    unsigned index = 0, same = 0;
    const struct adt_node *sibling = node->parent->children;
    for (; sibling != node; sibling = sibling->next, index++)
        same += !strcmp(adt_name(sibling), name);
    const size_t used = strlen(out);
    const char *slash = used > 1 ? "/" : "";
    if (!*name || strpbrk(name, "#/:@=!"))
        snprintf(out + used, size - used, "%s#%u", slash, index);
    else if (same)
        snprintf(out + used, size - used, "%s%s#%u", slash, name, same);
    else
        snprintf(out + used, size - used, "%s%s", slash, name);
}

/* ---- changes ---- */

static int bad_change(const char *change, struct error *err)
{
    return error_set(err, ERROR_USAGE,
                     "'%s' is no change: /path:property=TYPE:VALUE, -/path:property, +/path or "
                     "-/path",
                     change);
}

static int no_node(const char *path, struct error *err)
{
    return error_set(err, ERROR_DATA, "there is no node %s", path);
}

/* TEXT is "/parent/@2" or "/parent/name". */
static int add_node(struct adt_node *root, char *text, struct error *err)
{
    char *last = strrchr(text, '/');
    if (!last || !last[1])
        return bad_change(text, err);
    const bool numbered = last[1] == '@';
    const unsigned index = numbered ? (unsigned)strtoul(last + 2, NULL, 10) : UINT32_MAX;
    *last = 0;
    struct adt_node *parent = adt_walk(root, text);
    if (!parent)
        return no_node(text, err);
    struct adt_node *node = adt_insert_node(parent, index);
    if (node && !numbered && adt_set_string(node, "name", last + 1))
        node = NULL;
    return node ? 0 : error_set(err, ERROR_OS, "no memory");
}

static int delete (struct adt_node *root, char *text, struct error *err)
{
    char *colon = strchr(text, ':');
    if (colon)
        *colon = 0;
    struct adt_node *node = adt_walk(root, text);
    if (!node)
        return no_node(text, err);
    if (!colon && !node->parent)
        return error_set(err, ERROR_USAGE, "the root cannot be deleted");
    if (!colon) {
        adt_remove_node(node);
        return 0;
    }
    if (!adt_get(node, colon + 1))
        return error_set(err, ERROR_DATA, "%s has no property '%s'", text, colon + 1);
    adt_remove(node, colon + 1);
    return 0;
}

/* TEXT is "/path:property@2!", EQUALS its end. */
static int set(struct adt_node *root, char *text, const char *value_text, struct error *err)
{
    char *colon = strchr(text, ':'), *name = colon + 1;
    const size_t length = strlen(name);
    const bool placeholder = length && name[length - 1] == '!';
    uint8_t *value;
    size_t size;
    if (placeholder)
        name[length - 1] = 0;
    char *at = strrchr(name, '@');
    const unsigned index = at ? (unsigned)strtoul(at + 1, NULL, 10) : UINT32_MAX;
    if (at)
        *at = 0;
    *colon = 0;
    struct adt_node *node = adt_walk(root, text);
    if (!node)
        return no_node(text, err);
    if (!*name || strlen(name) > ADT_NAME_MAX)
        return error_set(err, ERROR_USAGE, "'%s': a property's name has 1 to %d characters", name,
                         ADT_NAME_MAX);
    if (adt_parse_value(value_text, &value, &size, err))
        return -1;
    const int result = adt_set(node, name, value, size);
    free(value);
    if (result)
        return error_set(err, ERROR_OS, "no memory");
    adt_get(node, name)->placeholder = placeholder;
    if (at)
        adt_move(node, name, index);
    return 0;
}

int adt_change(struct adt_node *root, const char *change, struct error *err)
{
    char *copy = strdup(change);
    if (!copy)
        return error_set(err, ERROR_OS, "no memory");
    char *equals = strchr(copy, '=');
    int result;
    if (*copy == '+') {
        result = add_node(root, copy + 1, err);
    } else if (*copy == '-') {
        result = delete (root, copy + 1, err);
    } else if (equals && memchr(copy, ':', (size_t)(equals - copy))) {
        *equals = 0;
        result = set(root, copy, equals + 1, err);
    } else {
        result = bad_change(change, err);
    }
    free(copy);
    return result;
}

/* ---- differences ---- */

struct diff {
    adt_emit *emit;
    void *context;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void emit(struct diff *diff, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    const int size = vasprintf(&text, format, args);
    va_end(args);
    diff->failed |= size < 0;
    if (size < 0)
        return;
    diff->emit(diff->context, text);
    free(text);
}

static void emit_property(struct diff *diff, const char *path, const struct adt_property *property,
                          unsigned index)
{
    char *value = adt_format_value(property);
    diff->failed |= !value;
    if (value)
        emit(diff, "%s:%s@%u%s=%s", path, property->name, index, property->placeholder ? "!" : "",
             value);
    free(value);
}

static bool same_property(const struct adt_property *a, const struct adt_property *b)
{
    return a->size == b->size && a->placeholder == b->placeholder &&
           !memcmp(a->value, b->value, a->size);
}

/* Whether the properties that A and B share come in the same order in both. */
static bool same_order(const struct adt_node *a, const struct adt_node *b)
{
    const struct adt_property *in_b = b->properties;
    for (const struct adt_property *p = a->properties; p; p = p->next) {
        if (!adt_get(b, p->name))
            continue;
        while (in_b && strcmp(in_b->name, p->name))
            in_b = in_b->next;
        if (!in_b)
            return false;
        in_b = in_b->next;
    }
    return true;
}

static void diff_properties(struct diff *diff, const struct adt_node *a, const struct adt_node *b,
                            const char *path)
{
    const bool anew = !same_order(a, b);
    unsigned index = 0;
    for (const struct adt_property *p = a->properties; p; p = p->next)
        if (!adt_get(b, p->name))
            emit(diff, "-%s:%s", path, p->name);
    for (const struct adt_property *p = b->properties; p; p = p->next, index++) {
        const struct adt_property *old = adt_get(a, p->name);
        if (!old || anew || !same_property(old, p))
            emit_property(diff, path, p, index);
    }
}

/* NODE with all that is in it, as the child number INDEX of what PATH is. */
static void emit_node(struct diff *diff, const struct adt_node *node, const char *path,
                      unsigned index)
{
    char here[1024];
    unsigned i = 0;
    emit(diff, "+%s/@%u", strcmp(path, "/") ? path : "", index);
    snprintf(here, sizeof(here), "%s/#%u", strcmp(path, "/") ? path : "", index);
    for (const struct adt_property *p = node->properties; p; p = p->next)
        emit_property(diff, here, p, i++);
    i = 0;
    for (const struct adt_node *child = node->children; child; child = child->next)
        emit_node(diff, child, here, i++);
}

/* The first child of NODE from *AT on that has the name of WANTED. */
static struct adt_node *matching(struct adt_node *from, const struct adt_node *wanted)
{
    while (from && strcmp(adt_name(from), adt_name(wanted)))
        from = from->next;
    return from;
}

/* PATH counts children as they are while the changes are being made: before INDEX they are B's
 * already. */
static void diff_node(struct diff *diff, struct adt_node *a, struct adt_node *b, const char *path)
{
    struct adt_node *old = a->children;
    unsigned index = 0;
    diff_properties(diff, a, b, path);
    for (struct adt_node *child = b->children; child; child = child->next, index++) {
        struct adt_node *match = matching(old, child);
        char here[1024];
        snprintf(here, sizeof(here), "%s/#%u", strcmp(path, "/") ? path : "", index);
        if (!match) {
            emit_node(diff, child, path, index);
            continue;
        }
        for (; old != match; old = old->next)
            emit(diff, "-%s", here);
        diff_node(diff, match, child, here);
        old = match->next;
    }
    for (; old; old = old->next)
        emit(diff, "-%s/#%u", strcmp(path, "/") ? path : "", index);
}

int adt_diff(struct adt_node *a, struct adt_node *b, adt_emit *emitter, void *context,
             struct error *err)
{
    struct diff diff = {.emit = emitter, .context = context};
    diff_node(&diff, a, b, "/");
    return diff.failed ? error_set(err, ERROR_OS, "no memory") : 0;
}
