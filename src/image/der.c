/* SPDX-License-Identifier: MIT */
/* Reading, writing and changing definite-length DER with low and high tag numbers. Facts: ITU-T
 * X.690. */

#include "der.h"

#include <stdlib.h>
#include <string.h>

/* The identifier: 1 byte, or 0x1f in the low bits and then base-128 digits. Returns its size, 0
 * when it ends early. */
static uint64_t read_tag(const struct blob *in, uint64_t offset, struct der *out)
{
    const uint8_t *p = blob_at(in, offset, 1);
    if (!p)
        return 0;
    out->tag = *p;
    out->number = 0;
    if ((*p & 0x1f) != 0x1f)
        return 1;
    for (uint64_t size = 2; size <= 6; size++) {
        p = blob_at(in, offset + size - 1, 1);
        if (!p)
            return 0;
        out->number = out->number << 7 | (*p & 0x7f);
        if (!(*p & 0x80))
            return size;
    }
    return 0;
}

static uint64_t read_length(const struct blob *in, uint64_t offset, uint64_t *length)
{
    const uint8_t *p = blob_at(in, offset, 1);
    if (!p || *p == 0x80 || *p > 0x88)
        return 0;
    *length = *p & 0x7f;
    if (*p < 0x80)
        return 1;
    const unsigned digits = *p & 0x7f;
    p = blob_at(in, offset + 1, digits);
    *length = 0;
    for (unsigned i = 0; p && i < digits; i++)
        *length = *length << 8 | p[i];
    return p ? 1 + digits : 0;
}

int der_next(const struct blob *in, uint64_t *offset, struct der *out, struct error *err)
{
    uint64_t length = 0;
    const uint64_t tag_size = read_tag(in, *offset, out);
    const uint64_t length_size = tag_size ? read_length(in, *offset + tag_size, &length) : 0;
    if (!length_size)
        return blob_error(in, *offset, err,
                          "no DER element here: the file is truncated or not what it seems; get a "
                          "whole copy");
    const uint64_t header = tag_size + length_size;
    if (blob_slice(in, *offset + header, length, &out->content, "a DER element", err))
        return -1;
    if (blob_slice(in, *offset, header + length, &out->whole, "a DER element", err))
        return -1;
    out->tag_size = (unsigned)tag_size;
    *offset += header + length;
    return 0;
}

bool der_is_text(const struct der *der, const char *text)
{
    return der->tag == DER_IA5_STRING && der->content.size == strlen(text) &&
           !memcmp(der->content.data, text, der->content.size);
}

bool der_sequence_is(const struct blob *in, const char *magic)
{
    struct der outer, first;
    uint64_t at = 0, inner = 0;
    return !der_next(in, &at, &outer, NULL) && outer.tag == DER_SEQUENCE &&
           !der_next(&outer.content, &inner, &first, NULL) && der_is_text(&first, magic);
}

bool der_begins(const struct blob *in, const char *magic)
{
    struct der outer, first;
    uint64_t length;
    const uint64_t tag_size = read_tag(in, 0, &outer);
    const uint64_t length_size = tag_size ? read_length(in, tag_size, &length) : 0;
    uint64_t at = tag_size + length_size;
    return length_size && outer.tag == DER_SEQUENCE && !der_next(in, &at, &first, NULL) &&
           der_is_text(&first, magic);
}

bool der_unsigned(const struct der *der, uint64_t *value)
{
    const uint8_t *p = der->content.data;
    size_t size = der->content.size;
    if (der->tag != DER_INTEGER || !size || p[0] & 0x80)
        return false;
    *value = 0;
    for (; size && !*p; p++)
        size--;
    if (size > 8)
        return false;
    for (; size; size--)
        *value = *value << 8 | *p++;
    return true;
}

bool der_find(const struct blob *in, uint32_t tag, uint32_t number, struct der *out)
{
    for (uint64_t at = 0; at < in->size;) {
        if (der_next(in, &at, out, NULL))
            return false;
        if (out->tag == tag && out->number == number)
            return true;
    }
    return false;
}

/* ---- writing ---- */

int der_writer_open(struct der_writer *w, size_t capacity)
{
    *w = (struct der_writer){.data = malloc(capacity), .at = capacity, .capacity = capacity};
    return w->data ? 0 : -1;
}

void der_writer_finish(struct der_writer *w, struct blob *out, const char *name)
{
    const size_t size = w->capacity - w->at;
    memmove(w->data, w->data + w->at, size);
    blob_adopt(out, w->data, size, name);
}

void der_put(struct der_writer *w, const void *data, size_t size)
{
    w->at -= size;
    if (size)
        memcpy(w->data + w->at, data, size);
}

static void put_length(struct der_writer *w, size_t length)
{
    const size_t whole = length;
    if (length < 0x80) {
        der_put(w, &(uint8_t){(uint8_t)length}, 1);
        return;
    }
    unsigned digits = 0;
    for (; length; length >>= 8, digits++)
        der_put(w, &(uint8_t){(uint8_t)(whole >> 8 * digits)}, 1);
    der_put(w, &(uint8_t){(uint8_t)(0x80 | digits)}, 1);
}

void der_put_header(struct der_writer *w, uint8_t tag, size_t end)
{
    put_length(w, end - w->at);
    der_put(w, &tag, 1);
}

void der_put_private(struct der_writer *w, uint32_t number, size_t end)
{
    put_length(w, end - w->at);
    uint8_t more = 0;
    do {
        der_put(w, &(uint8_t){(uint8_t)((number & 0x7f) | more)}, 1);
        number >>= 7;
        more = 0x80;
    } while (number);
    der_put(w, &(uint8_t){DER_PRIVATE}, 1);
}

void der_put_element(struct der_writer *w, uint8_t tag, const void *data, size_t size)
{
    const size_t end = w->at;
    der_put(w, data, size);
    der_put_header(w, tag, end);
}

void der_put_unsigned(struct der_writer *w, uint64_t value)
{
    const size_t end = w->at;
    do {
        der_put(w, &(uint8_t){(uint8_t)value}, 1);
        value >>= 8;
    } while (value);
    if (w->data[w->at] & 0x80)
        der_put(w, &(uint8_t){0}, 1);
    der_put_header(w, DER_INTEGER, end);
}

/* ---- changing ---- */

struct change {
    const uint8_t *old, *old_end;
    const struct blob *new;
    struct error *err;
};

/* Whether the range to be changed lies within CONTENT. */
static bool holds(const struct blob *content, const struct change *change)
{
    return content->data <= change->old && change->old_end <= content->data + content->size;
}

/* Puts the elements of IN, which hold the change, backwards. */
static int put_changed(struct der_writer *w, const struct blob *in, const struct change *change)
{
    struct der element;
    bool inside = false;
    for (uint64_t at = 0; at < in->size && !inside;) {
        if (der_next(in, &at, &element, change->err))
            break;
        inside = element.tag & 0x20 && holds(&element.content, change);
    }
    if (!inside) {
        der_put(w, change->old_end, (size_t)(in->data + in->size - change->old_end));
        der_put(w, change->new->data, change->new->size);
        der_put(w, in->data, (size_t)(change->old - in->data));
        return 0;
    }
    const uint8_t *after = element.whole.data + element.whole.size;
    der_put(w, after, (size_t)(in->data + in->size - after));
    const size_t end = w->at;
    if (put_changed(w, &element.content, change))
        return -1;
    /* An unchanged length keeps the form it has, minimal or not. */
    const size_t header = element.whole.size - element.content.size;
    if (end - w->at == element.content.size) {
        der_put(w, element.whole.data, header);
    } else {
        put_length(w, end - w->at);
        der_put(w, element.whole.data, element.tag_size);
    }
    der_put(w, in->data, (size_t)(element.whole.data - in->data));
    return 0;
}

int der_replace(const struct blob *in, const uint8_t *old, size_t size, const struct blob *new,
                struct blob *out, struct error *err)
{
    struct der_writer w;
    const struct change change = {.old = old, .old_end = old + size, .new = new, .err = err};
    if (der_writer_open(&w, in->size + new->size + 256))
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    if (put_changed(&w, in, &change)) {
        free(w.data);
        return -1;
    }
    der_writer_finish(&w, out, in->name);
    return 0;
}
