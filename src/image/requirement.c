/* SPDX-License-Identifier: MIT */
/* A requirement is an expression in prefix order: operation numbers, then what each operates on;
 * strings and data have a length before them and are padded to four bytes. Facts: the operations as
 * Apple's Technical Note 3127 and the published Security framework name them. */

#include "requirement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC      0xfade0c00u
#define EXPRESSION 1u
#define FLAGS      0xff000000u
#define MAX_DEPTH  100
#define LEAF       0u
#define ROOT       0xffffffffu

enum operation {
    OP_FALSE,
    OP_TRUE,
    OP_IDENTIFIER,
    OP_APPLE,
    OP_ANCHOR_HASH,
    OP_INFO_VALUE,
    OP_AND,
    OP_OR,
    OP_CDHASH,
    OP_NOT,
    OP_INFO_FIELD,
    OP_CERTIFICATE_FIELD,
    OP_TRUSTED_CERTIFICATE,
    OP_TRUSTED_CERTIFICATES,
    OP_CERTIFICATE_EXTENSION,
    OP_APPLE_GENERIC,
    OP_ENTITLEMENT,
    OP_CERTIFICATE_POLICY,
    OP_NAMED_ANCHOR,
    OP_NAMED_CODE,
    OP_PLATFORM,
    OP_NOTARIZED,
    OP_CERTIFICATE_DATE,
    OP_LEGACY,
};

/* How tightly what is printed binds: OR least. */
enum binding { BINDS_OR, BINDS_AND, BINDS_ALL };

struct reader {
    const struct blob *in;
    uint64_t at;
    char *text;
    size_t size, used;
    unsigned depth;
};

__attribute__((format(printf, 2, 3))) static void put(struct reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(r->text + r->used, r->size - r->used, format, args);
    va_end(args);
    r->used += length > 0 ? (size_t)length : 0;
    if (r->used >= r->size)
        r->used = r->size - 1;
}

static bool read_number(struct reader *r, uint32_t *value)
{
    const uint8_t *p = blob_at(r->in, r->at, 4);
    *value = p ? get_be32(p) : 0;
    r->at += 4;
    return p != NULL;
}

static bool read_data(struct reader *r, const uint8_t **data, uint32_t *size)
{
    if (!read_number(r, size))
        return false;
    *data = blob_at(r->in, r->at, *size);
    r->at += ((uint64_t)*size + 3) & ~3ull;
    return *data != NULL;
}

static bool put_hash(struct reader *r)
{
    const uint8_t *data;
    uint32_t size;
    if (!read_data(r, &data, &size))
        return false;
    put(r, "H\"");
    for (uint32_t i = 0; i < size; i++)
        put(r, "%02x", data[i]);
    put(r, "\"");
    return true;
}

/* A string in quotation marks, or as it is. */
static bool put_string(struct reader *r, bool quoted)
{
    const uint8_t *data;
    uint32_t size;
    if (!read_data(r, &data, &size))
        return false;
    put(r, "%s", quoted ? "\"" : "");
    for (uint32_t i = 0; i < size; i++)
        put(r, data[i] == '"' || data[i] == '\\' ? "\\%c" : "%c",
            data[i] < 0x20 || data[i] == 0x7f ? '?' : data[i]);
    put(r, "%s", quoted ? "\"" : "");
    return true;
}

/* "1.2.840.113635.100.6.1.9" of an object identifier. */
static bool put_identifier(struct reader *r)
{
    const uint8_t *data;
    uint32_t size;
    uint64_t number = 0;
    bool first = true;
    if (!read_data(r, &data, &size))
        return false;
    for (uint32_t i = 0; i < size; i++) {
        number = number << 7 | (data[i] & 0x7f);
        if (data[i] & 0x80)
            continue;
        if (first) {
            const unsigned arc = number < 40 ? 0 : number < 80 ? 1 : 2;
            put(r, "%u.%" PRIu64, arc, number - arc * 40);
        } else {
            put(r, ".%" PRIu64, number);
        }
        first = false;
        number = 0;
    }
    return true;
}

static bool put_certificate(struct reader *r)
{
    uint32_t slot;
    if (!read_number(r, &slot))
        return false;
    if (slot == LEAF)
        put(r, "certificate leaf");
    else if (slot == ROOT)
        put(r, "certificate root");
    else
        put(r, "certificate %" PRId32, (int32_t)slot);
    return true;
}

/* What a value is compared with, and how. */
static bool put_match(struct reader *r)
{
    static const struct {
        const char *before, *after;
    } matches[] = {{" /* exists */", NULL}, {" = ", ""}, {" = *", "*"}, {" = ", "*"}, {" = *", ""},
                   {" < ", ""},       {" > ", ""}, {" <= ", ""},  {" >= ", ""}};
    uint32_t match;
    if (!read_number(r, &match))
        return false;
    if (match == 14) {
        put(r, " absent");
        return true;
    }
    if (match >= sizeof(matches) / sizeof(matches[0]))
        return false;
    put(r, "%s", matches[match].before);
    if (!matches[match].after)
        return true;
    const bool good = put_string(r, true);
    put(r, "%s", matches[match].after);
    return good;
}

static bool put_expression(struct reader *r, enum binding outer);

static bool put_pair(struct reader *r, const char *word, enum binding binding, enum binding outer)
{
    const bool brackets = binding < outer;
    put(r, "%s", brackets ? "(" : "");
    if (!put_expression(r, binding))
        return false;
    put(r, " %s ", word);
    const bool good = put_expression(r, binding);
    put(r, "%s", brackets ? ")" : "");
    return good;
}

/* A name in brackets, and a match of what has it. */
static bool put_field(struct reader *r, const char *kind)
{
    put(r, "%s[", kind);
    if (!put_string(r, false))
        return false;
    put(r, "]");
    return put_match(r);
}

/* The same of a certificate. */
static bool put_certificate_field(struct reader *r, uint32_t operation)
{
    if (!put_certificate(r))
        return false;
    put(r, operation == OP_CERTIFICATE_EXTENSION ? "[field."
           : operation == OP_CERTIFICATE_POLICY  ? "[policy."
                                                 : "[");
    if (operation == OP_CERTIFICATE_FIELD ? !put_string(r, false) : !put_identifier(r))
        return false;
    put(r, "]");
    return put_match(r);
}

static bool put_word(struct reader *r, const char *word)
{
    put(r, "%s", word);
    return true;
}

/* Those that have one operand or none. */
static bool put_simple(struct reader *r, uint32_t operation)
{
    uint32_t number;
    switch (operation) {
    case OP_FALSE:
        return put_word(r, "never");
    case OP_TRUE:
        return put_word(r, "always");
    case OP_APPLE:
        return put_word(r, "anchor apple");
    case OP_APPLE_GENERIC:
        return put_word(r, "anchor apple generic");
    case OP_TRUSTED_CERTIFICATES:
        return put_word(r, "anchor trusted");
    case OP_NOTARIZED:
        return put_word(r, "notarized");
    case OP_LEGACY:
        return put_word(r, "legacy");
    case OP_IDENTIFIER:
        return put_word(r, "identifier ") && put_string(r, true);
    case OP_CDHASH:
        return put_word(r, "cdhash ") && put_hash(r);
    case OP_NAMED_ANCHOR:
        return put_word(r, "anchor apple ") && put_string(r, false);
    case OP_NAMED_CODE:
        return put_word(r, "(") && put_string(r, false) && put_word(r, ")");
    case OP_PLATFORM:
        if (!read_number(r, &number))
            return false;
        put(r, "platform = %" PRId32, (int32_t)number);
        return true;
    default:
        return false;
    }
}

static bool put_operation(struct reader *r, uint32_t operation, enum binding outer)
{
    switch (operation) {
    case OP_AND:
        return put_pair(r, "and", BINDS_AND, outer);
    case OP_OR:
        return put_pair(r, "or", BINDS_OR, outer);
    case OP_NOT:
        return put_word(r, "! ") && put_expression(r, BINDS_ALL);
    case OP_ANCHOR_HASH:
        return put_certificate(r) && put_word(r, " = ") && put_hash(r);
    case OP_TRUSTED_CERTIFICATE:
        return put_certificate(r) && put_word(r, " trusted");
    case OP_INFO_VALUE:
        return put_word(r, "info[") && put_string(r, false) && put_word(r, "] = ") &&
               put_string(r, true);
    case OP_INFO_FIELD:
        return put_field(r, "info");
    case OP_ENTITLEMENT:
        return put_field(r, "entitlement");
    case OP_CERTIFICATE_FIELD:
    case OP_CERTIFICATE_EXTENSION:
    case OP_CERTIFICATE_POLICY:
        return put_certificate_field(r, operation);
    default:
        return put_simple(r, operation);
    }
}

static bool put_expression(struct reader *r, enum binding outer)
{
    uint32_t operation;
    if (r->depth == MAX_DEPTH || !read_number(r, &operation))
        return false;
    r->depth++;
    const bool good = put_operation(r, operation & ~FLAGS, outer);
    r->depth--;
    return good;
}

bool requirement_text(const struct blob *whole, char *text, size_t size)
{
    struct reader r = {.in = whole, .text = text, .size = size};
    uint32_t magic, length, kind;
    *text = 0;
    return read_number(&r, &magic) && read_number(&r, &length) && read_number(&r, &kind) &&
           magic == MAGIC && length == whole->size && kind == EXPRESSION &&
           put_expression(&r, BINDS_OR) && r.at == whole->size;
}
