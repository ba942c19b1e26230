/* SPDX-License-Identifier: MIT */
/* A reader of definite-length DER with low and high tag numbers. Facts: ITU-T X.690. */

#include "der.h"

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
                          "no DER element here: the file is truncated or not what it seems");
    const uint64_t header = tag_size + length_size;
    if (blob_slice(in, *offset + header, length, &out->content, "a DER element", err))
        return -1;
    if (blob_slice(in, *offset, header + length, &out->whole, "a DER element", err))
        return -1;
    *offset += header + length;
    return 0;
}

bool der_is_text(const struct der *der, const char *text)
{
    return der->tag == DER_IA5_STRING && der->content.size == strlen(text) &&
           !memcmp(der->content.data, text, der->content.size);
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
