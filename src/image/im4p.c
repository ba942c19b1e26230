/* SPDX-License-Identifier: MIT */
/* Reading IMG4/IM4P by tag, never by position (the optional elements come in several orders), and
 * writing IM4P. */

#include "im4p.h"

#include <stdlib.h>
#include <string.h>

#include "compress.h"
#include "der.h"

/* The first element of a SEQUENCE must be the text MAGIC; false without complaint. */
static bool sequence_is(const struct blob *in, const char *magic)
{
    struct der outer, first;
    uint64_t at = 0, inner = 0;
    return !der_next(in, &at, &outer, NULL) && outer.tag == DER_SEQUENCE &&
           !der_next(&outer.content, &inner, &first, NULL) && der_is_text(&first, magic);
}

bool im4p_recognise(const struct blob *in)
{
    return sequence_is(in, "IM4P") || sequence_is(in, "IMG4");
}

/* The IM4P element inside an IMG4. */
static int find_im4p(const struct blob *img4, struct blob *im4p, struct error *err)
{
    struct der outer, element;
    uint64_t at = 0;
    if (der_next(img4, &at, &outer, err))
        return -1;
    for (at = 0; at < outer.content.size;) {
        if (der_next(&outer.content, &at, &element, err))
            return -1;
        if (sequence_is(&element.whole, "IM4P")) {
            *im4p = element.whole;
            return 0;
        }
    }
    return blob_error(img4, 0, err, "this IMG4 holds no IM4P payload");
}

static void read_compression(const struct der *element, struct im4p *out)
{
    struct der algorithm, size;
    uint64_t at = 0;
    if (der_next(&element->content, &at, &algorithm, NULL) ||
        der_next(&element->content, &at, &size, NULL) ||
        !der_unsigned(&algorithm, &out->algorithm) || !der_unsigned(&size, &out->raw_size))
        out->algorithm = ~0ull;
}

/* The elements behind the payload, each optional. */
static int read_optional(const struct blob *content, uint64_t at, struct im4p *out,
                         struct error *err)
{
    while (at < content->size) {
        struct der element;
        if (der_next(content, &at, &element, err))
            return -1;
        if (element.tag == DER_OCTET_STRING)
            out->keybag = element.content;
        else if (element.tag == DER_SEQUENCE)
            read_compression(&element, out);
        else if (element.tag == DER_CONTEXT(0))
            out->properties = element.content;
    }
    return 0;
}

int im4p_parse(const struct blob *in, struct im4p *out, struct error *err)
{
    struct blob im4p = *in;
    if (sequence_is(in, "IMG4") && find_im4p(in, &im4p, err))
        return -1;
    *out = (struct im4p){.algorithm = ~0ull};
    struct der outer, magic, type, version, payload;
    uint64_t at = 0;
    if (der_next(&im4p, &at, &outer, err))
        return -1;
    const struct blob *content = &outer.content;
    at = 0;
    if (der_next(content, &at, &magic, err) || der_next(content, &at, &type, err) ||
        der_next(content, &at, &version, err) || der_next(content, &at, &payload, err))
        return -1;
    if (!der_is_text(&magic, "IM4P") || type.content.size != 4 || payload.tag != DER_OCTET_STRING)
        return blob_error(&im4p, 0, err,
                          "not an IM4P: its first elements are not magic, type, version, payload");
    memcpy(out->type, type.content.data, 4);
    out->version = version.content;
    out->payload = payload.content;
    return read_optional(content, at, out, err);
}

int im4p_payload(const struct blob *in, struct blob *out, struct error *err)
{
    struct im4p im4p;
    if (im4p_parse(in, &im4p, err))
        return -1;
    if (im4p.keybag.size)
        return blob_error(&im4p.payload, 0, err,
                          "the payload is encrypted: decrypt it with its IV and key first");
    return decompress_any(&im4p.payload, out, err);
}

/* ---- writing ---- */

struct writer {
    uint8_t *data; /* filled from the end, since DER lengths come first */
    size_t at;
};

static void prepend(struct writer *w, const void *data, size_t size)
{
    w->at -= size;
    memcpy(w->data + w->at, data, size);
}

/* Puts the header of an element whose content is what stands from w->at to END. */
static void prepend_header(struct writer *w, uint8_t tag, size_t end)
{
    size_t length = end - w->at;
    uint8_t header[10];
    unsigned size = 1;
    if (length < 0x80) {
        header[size++] = (uint8_t)length;
    } else {
        const unsigned digits = (71 - (unsigned)__builtin_clzll(length)) / 8;
        header[size++] = (uint8_t)(0x80 | digits);
        for (unsigned i = digits; i--;)
            header[size++] = (uint8_t)(length >> 8 * i);
    }
    header[0] = tag;
    prepend(w, header, size);
}

static void prepend_element(struct writer *w, uint8_t tag, const void *data, size_t size)
{
    const size_t end = w->at;
    prepend(w, data, size);
    prepend_header(w, tag, end);
}

static void prepend_unsigned(struct writer *w, uint64_t value)
{
    const size_t end = w->at;
    do {
        prepend(w, &(uint8_t){(uint8_t)value}, 1);
        value >>= 8;
    } while (value);
    if (w->data[w->at] & 0x80)
        prepend(w, &(uint8_t){0}, 1);
    prepend_header(w, DER_INTEGER, end);
}

int im4p_build(const char *type, const char *version, const struct blob *payload, uint64_t raw_size,
               struct blob *out, struct error *err)
{
    const size_t capacity = payload->size + strlen(version) + 128;
    struct writer w = {.data = malloc(capacity), .at = capacity};
    if (!w.data)
        return error_set(err, ERROR_OS, "%s: no memory for the IM4P", payload->name);
    if (raw_size) {
        prepend_unsigned(&w, raw_size);
        prepend_unsigned(&w, 1);
        prepend_header(&w, DER_SEQUENCE, capacity);
    }
    prepend_element(&w, DER_OCTET_STRING, payload->data, payload->size);
    prepend_element(&w, DER_IA5_STRING, version, strlen(version));
    prepend_element(&w, DER_IA5_STRING, type, 4);
    prepend_element(&w, DER_IA5_STRING, "IM4P", 4);
    prepend_header(&w, DER_SEQUENCE, capacity);
    const size_t size = capacity - w.at;
    memmove(w.data, w.data + w.at, size);
    blob_adopt(out, w.data, size, payload->name);
    return 0;
}
