/* SPDX-License-Identifier: MIT */
/* Reading IMG4/IM4P by tag, never by position (the optional elements come in several orders), and
 * writing IM4P. */

#include "im4p.h"

#include <stdlib.h>
#include <string.h>

#include "compress.h"
#include "der.h"

bool im4p_recognise(const struct blob *in)
{
    return der_begins(in, "IM4P") || der_begins(in, "IMG4");
}

/* ---- reading ---- */

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
        if (der_sequence_is(&element.whole, "IM4P")) {
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
        if (element.tag == DER_OCTET_STRING) {
            out->keybag = element.content;
            out->keybag_element = element.whole;
        } else if (element.tag == DER_SEQUENCE) {
            out->compression_element = element.whole;
            read_compression(&element, out);
        } else if (element.tag == DER_CONTEXT(0))
            out->properties = element.content;
    }
    return 0;
}

int im4p_parse(const struct blob *in, struct im4p *out, struct error *err)
{
    struct blob im4p = *in;
    if (der_sequence_is(in, "IMG4") && find_im4p(in, &im4p, err))
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
    out->whole = outer.whole;
    out->type_text = type.content;
    out->version = version.content;
    out->version_element = version.whole;
    out->payload = payload.content;
    out->payload_element = payload.whole;
    return read_optional(content, at, out, err);
}

/* OUT: the payload decrypted, or what is compressed in that. */
static int decrypted_payload(const struct im4p *im4p, const struct im4p_keys *keys,
                             struct blob *out, struct error *err)
{
    struct blob stored;
    if (im4p_decrypt(im4p, keys, &stored, err))
        return -1;
    const int result = decompress_any(&stored, out, err);
    if (result)
        blob_free(&stored);
    else
        blob_replace(&stored, out);
    return result;
}

int im4p_payload(const struct blob *in, const struct im4p_keys *keys, struct blob *out,
                 struct error *err)
{
    struct im4p im4p;
    if (im4p_parse(in, &im4p, err))
        return -1;
    return im4p.keybag.size ? decrypted_payload(&im4p, keys, out, err)
                            : decompress_any(&im4p.payload, out, err);
}

/* ---- writing ---- */

int im4p_build(const char *type, const char *version, const struct blob *payload, uint64_t raw_size,
               struct blob *out, struct error *err)
{
    struct der_writer w;
    if (der_writer_open(&w, payload->size + strlen(version) + 128))
        return error_set(err, ERROR_OS, "%s: no memory for the IM4P", payload->name);
    const size_t end = w.at;
    if (raw_size) {
        der_put_unsigned(&w, raw_size);
        der_put_unsigned(&w, IM4P_LZFSE);
        der_put_header(&w, DER_SEQUENCE, end);
    }
    der_put_element(&w, DER_OCTET_STRING, payload->data, payload->size);
    der_put_element(&w, DER_IA5_STRING, version, strlen(version));
    der_put_element(&w, DER_IA5_STRING, type, 4);
    der_put_element(&w, DER_IA5_STRING, "IM4P", 4);
    der_put_header(&w, DER_SEQUENCE, end);
    der_writer_finish(&w, out, payload->name);
    return 0;
}
