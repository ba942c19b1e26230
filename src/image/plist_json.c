/* SPDX-License-Identifier: MIT */
/* JSON as a form of property list, which it is for plutil too: what describes some virtual machines
 * is read by the same calls as what describes the others. null becomes false. */

#include "plist_internal.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static struct plist *convert(const json_t *json);

/* False without memory. */
static bool add(struct plist ***tail, const char *key, const json_t *value)
{
    struct plist *child = convert(value);
    if (!child)
        return false;
    **tail = child;
    *tail = &child->next;
    child->key = key ? strdup(key) : NULL;
    return !key || child->key;
}

static bool add_all(struct plist *node, const json_t *json)
{
    struct plist **tail = &node->children;
    const char *key;
    json_t *value;
    size_t index;
    json_object_foreach((json_t *)json, key, value)
    {
        if (!add(&tail, key, value))
            return false;
    }
    json_array_foreach(json, index, value)
    {
        if (!add(&tail, NULL, value))
            return false;
    }
    return true;
}

static enum plist_kind kind_of(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return PLIST_DICT;
    case JSON_ARRAY:
        return PLIST_ARRAY;
    case JSON_STRING:
        return PLIST_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return PLIST_INTEGER;
    default:
        return PLIST_BOOLEAN;
    }
}

static struct plist *convert(const json_t *json)
{
    struct plist *node = calloc(1, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind_of(json);
    node->number = json_is_real(json)      ? (int64_t)json_number_value(json)
                   : json_is_integer(json) ? json_integer_value(json)
                                           : json_is_true(json);
    bool good = add_all(node, json);
    if (json_is_string(json)) {
        node->size = json_string_length(json);
        good = (node->text = strdup(json_string_value(json))) != NULL;
    }
    if (good)
        return node;
    plist_free(node);
    return NULL;
}

bool plist_json_recognise(const struct blob *in)
{
    size_t at = 0;
    while (at < in->size && memchr(" \t\r\n", in->data[at], 4))
        at++;
    return at < in->size && in->data[at] == '{';
}

int plist_json_parse(const struct blob *in, struct plist **root, struct error *err)
{
    json_error_t problem;
    json_t *json = json_loadb((const char *)in->data, in->size, 0, &problem);
    *root = json ? convert(json) : NULL;
    json_decref(json);
    if (*root)
        return 0;
    return json ? error_set(err, ERROR_OS, "%s: no memory", in->name)
                : blob_error(in, (uint64_t)(problem.position > 0 ? problem.position : 0), err,
                             "not JSON: line %d: %s", problem.line, problem.text);
}
