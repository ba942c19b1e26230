/* SPDX-License-Identifier: MIT */
/* Property lists through expat. OSSerialize's dialect gives any element an ID and lets a later,
 * empty element refer to it by IDREF; numbers may be hexadecimal. Entities are refused: no property
 * list defines any, and they are how XML is made to explode. */

#include "plist_internal.h"

#include <stdlib.h>
#include <string.h>

#include <expat.h>

#define MAX_IDS (1u << 20)

struct plist *plist_new(enum plist_kind kind)
{
    struct plist *node = calloc(1, sizeof(*node));
    if (node)
        node->kind = kind;
    return node;
}

struct parser {
    XML_Parser xml;
    const struct blob *in;
    struct plist *root;
    struct {
        struct plist *node;
        struct plist **tail;
        unsigned long id; /* MAX_IDS: none */
    } stack[PLIST_MAX_DEPTH];
    unsigned depth;
    char *text; /* of the element that is open */
    size_t used, room;
    char *key;
    struct plist **ids; /* by number */
    size_t id_count;
    const char *problem;
};

static void stop(struct parser *p, const char *problem)
{
    if (!p->problem)
        p->problem = problem;
    XML_StopParser(p->xml, XML_FALSE);
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (!strcmp(attributes[0], name))
            return attributes[1];
    return NULL;
}

static bool kind_of(const char *name, enum plist_kind *kind)
{
    static const struct {
        const char *name;
        enum plist_kind kind;
    } kinds[] = {{"dict", PLIST_DICT},       {"array", PLIST_ARRAY},    {"set", PLIST_ARRAY},
                 {"string", PLIST_STRING},   {"date", PLIST_STRING},    {"data", PLIST_DATA},
                 {"integer", PLIST_INTEGER}, {"real", PLIST_INTEGER},   {"true", PLIST_BOOLEAN},
                 {"false", PLIST_BOOLEAN},   {"reference", PLIST_ARRAY}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].name, name)) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

/* An element can be referred to once it has ended, so that none contains itself. */
static void remember(struct parser *p, unsigned long number, struct plist *node)
{
    if (number >= MAX_IDS)
        return;
    if (number >= p->id_count) {
        const size_t count = (number + 1) * 2;
        struct plist **more = realloc(p->ids, count * sizeof(struct plist *));
        if (!more) {
            stop(p, "no memory");
            return;
        }
        memset(more + p->id_count, 0, (count - p->id_count) * sizeof(struct plist *));
        p->ids = more;
        p->id_count = count;
    }
    p->ids[number] = node;
}

static void identify(struct parser *p, struct plist *node, const char **attributes)
{
    const char *ref = attribute(attributes, "IDREF");
    if (!ref)
        return;
    const unsigned long number = strtoul(ref, NULL, 10);
    node->same_as = number < p->id_count ? p->ids[number] : NULL;
    if (!node->same_as)
        stop(p, "an IDREF refers to nothing");
}

/* Hangs NODE under what is open. */
static void attach(struct parser *p, struct plist *node)
{
    if (!p->depth) {
        if (p->root)
            stop(p, "two roots");
        p->root = p->root ? p->root : node;
        return;
    }
    struct plist *parent = p->stack[p->depth - 1].node;
    if (parent->kind == PLIST_DICT) {
        if (!p->key)
            stop(p, "a value without a key");
        node->key = p->key;
        p->key = NULL;
    }
    *p->stack[p->depth - 1].tail = node;
    p->stack[p->depth - 1].tail = &node->next;
}

static void XMLCALL on_start(void *context, const char *name, const char **attributes)
{
    struct parser *p = context;
    enum plist_kind kind;
    p->used = 0;
    if (!strcmp(name, "plist") || !strcmp(name, "key"))
        return;
    if (!kind_of(name, &kind) || p->depth == PLIST_MAX_DEPTH ||
        (p->depth && p->stack[p->depth - 1].node->kind > PLIST_ARRAY)) {
        stop(p, "not an element of property lists, or not in this place");
        return;
    }
    struct plist *node = plist_new(kind);
    if (!node) {
        stop(p, "no memory");
        return;
    }
    node->number = !strcmp(name, "true");
    node->inexact = !strcmp(name, "real") || !strcmp(name, "date");
    node->begin = (size_t)XML_GetCurrentByteIndex(p->xml) + (size_t)XML_GetCurrentByteCount(p->xml);
    if (p->depth || !p->root)
        attach(p, node);
    else {
        free(node);
        stop(p, "two roots");
        return;
    }
    identify(p, node, attributes);
    const char *id = attribute(attributes, "ID");
    p->stack[p->depth].node = node;
    p->stack[p->depth].id = id ? strtoul(id, NULL, 10) : MAX_IDS;
    p->stack[p->depth++].tail = &node->children;
}

static void XMLCALL on_text(void *context, const char *text, int length)
{
    struct parser *p = context;
    const size_t size = (size_t)length;
    if (p->used + size + 1 > p->room) {
        const size_t room = (p->used + size + 1) * 2;
        char *more = realloc(p->text, room);
        if (!more) {
            stop(p, "no memory");
            return;
        }
        p->text = more;
        p->room = room;
    }
    memcpy(p->text + p->used, text, size);
    p->used += size;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

size_t plist_base64(char *text, size_t size)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t used = 0;
    for (size_t i = 0; i < size && text[i] != '='; i++) {
        const int digit = base64_digit(text[i]);
        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8)
            text[used++] = (char)(bits >> (have -= 8));
    }
    return used;
}

static void take_text(struct parser *p, struct plist *node)
{
    char *copy = malloc(p->used + 1);
    if (!copy) {
        stop(p, "no memory");
        return;
    }
    memcpy(copy, p->text ? p->text : "", p->used);
    copy[p->used] = 0;
    if (node->kind == PLIST_STRING) {
        node->text = copy;
        node->size = p->used;
    } else if (node->kind == PLIST_DATA) {
        node->size = plist_base64(copy, p->used);
        node->data = (uint8_t *)copy;
    } else {
        node->number = copy[0] == '-' ? strtoll(copy, NULL, 0) : (int64_t)strtoull(copy, NULL, 0);
        free(copy);
    }
}

static void XMLCALL on_end(void *context, const char *name)
{
    struct parser *p = context;
    if (!strcmp(name, "key")) {
        free(p->key);
        p->key = strndup(p->text ? p->text : "", p->used);
    } else if (strcmp(name, "plist") && p->depth) {
        struct plist *node = p->stack[--p->depth].node;
        node->end = (size_t)XML_GetCurrentByteIndex(p->xml);
        if (node->kind >= PLIST_STRING && node->kind <= PLIST_INTEGER && !node->same_as)
            take_text(p, node);
        remember(p, p->stack[p->depth].id, node);
    }
    p->used = 0;
}

static void XMLCALL on_entity(void *context, const char *name, int is_parameter, const char *value,
                              int size, const char *base, const char *system, const char *public,
                              const char *notation)
{
    stop(context, "an entity declaration");
}

static int parse(struct parser *p, size_t size, struct error *err)
{
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetEntityDeclHandler(p->xml, on_entity);
    const int step = 1 << 24;
    for (size_t at = 0; at < size;) {
        const int piece = size - at < (size_t)step ? (int)(size - at) : step;
        if (XML_Parse(p->xml, (const char *)p->in->data + at, piece, at + (size_t)piece == size) !=
            XML_STATUS_OK)
            return blob_error(p->in, (uint64_t)XML_GetCurrentByteIndex(p->xml), err,
                              "not a property list: %s; give an XML, binary or JSON one",
                              p->problem ? p->problem : XML_ErrorString(XML_GetErrorCode(p->xml)));
        at += (size_t)piece;
    }
    return p->root ? 0 : blob_error(p->in, 0, err, "an empty property list: get a whole copy");
}

static int parse_xml(const struct blob *in, struct plist **root, struct error *err)
{
    struct parser p = {.in = in, .xml = XML_ParserCreate(NULL)};
    size_t size = in->size;
    if (!p.xml)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    while (size && !in->data[size - 1])
        size--;
    const int result = parse(&p, size, err);
    XML_ParserFree(p.xml);
    free(p.text);
    free(p.key);
    free(p.ids);
    if (result)
        plist_free(p.root);
    else
        *root = p.root;
    return result;
}

int plist_parse(const struct blob *in, struct plist **root, struct error *err)
{
    *root = NULL;
    if (plist_binary_recognise(in))
        return plist_binary_parse(in, root, err);
    if (plist_json_recognise(in))
        return plist_json_parse(in, root, err);
    return parse_xml(in, root, err);
}

void plist_free(struct plist *root)
{
    for (struct plist *node = root, *next; node; node = next) {
        next = node->next;
        plist_free(node->children);
        free(node->key);
        free(node->text);
        free(node->data);
        free(node);
    }
}

const struct plist *plist_resolve(const struct plist *node)
{
    /* An IDREF can only name an earlier element, so that this ends. */
    while (node && node->same_as)
        node = node->same_as;
    return node;
}

const struct plist *plist_get(const struct plist *node, const char *key)
{
    node = plist_resolve(node);
    if (!node || node->kind != PLIST_DICT)
        return NULL;
    for (const struct plist *child = node->children; child; child = child->next)
        if (child->key && !strcmp(child->key, key))
            return plist_resolve(child);
    return NULL;
}

const char *plist_text(const struct plist *node, const char *key)
{
    const struct plist *value = plist_get(node, key);
    return value && value->kind == PLIST_STRING ? value->text : NULL;
}

bool plist_number(const struct plist *node, const char *key, uint64_t *value)
{
    const struct plist *found = plist_get(node, key);
    if (!found || found->kind != PLIST_INTEGER)
        return false;
    *value = (uint64_t)found->number;
    return true;
}
