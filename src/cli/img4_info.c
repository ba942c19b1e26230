/* SPDX-License-Identifier: MIT */
/* What `pomona img4 info` prints: built once, as JSON, which is printed as text too. */

#include "cli/img4_input.h"

#include <inttypes.h>
#include <string.h>

#include "cli/output.h"
#include "image/compress.h"
#include "image/container.h"

int img4_input_open(const char *path, const struct key_options *keys, struct img4_input *in,
                    struct error *err)
{
    *in = (struct img4_input){0};
    if (input_open(&in->file, path, keys, err))
        return -1;
    int result;
    if (img4_is_ticket(&in->file)) {
        result = img4_open_ticket(&in->file, &in->ticket_im4m, &in->generator, err);
        in->img4.im4m = in->ticket_im4m;
        in->img4.im4m.owned = NULL;
    } else {
        result = img4_open(&in->file, &in->img4, err);
    }
    if (result)
        blob_free(&in->file);
    return result;
}

void img4_input_close(struct img4_input *in)
{
    blob_free(&in->ticket_im4m);
    blob_free(&in->file);
}

/* A property's value. */
static json_t *value_json(const struct der *value)
{
    const struct blob *content = &value->content;
    uint64_t number;
    if (der_unsigned(value, &number))
        return number < 1u << 31 ? json_integer((json_int_t)number) : json_address(number);
    if (value->tag == DER_BOOLEAN && content->size == 1)
        return json_boolean(content->data[0]);
    if (value->tag == DER_IA5_STRING)
        return json_text((const char *)content->data, content->size);
    if (value->tag == DER_OCTET_STRING)
        return json_hex(content->data, content->size);
    return json_hex(value->whole.data, value->whole.size);
}

static json_t *properties_json(const struct blob *set)
{
    json_t *out = json_object();
    struct img4_property property;
    for (uint64_t at = 0; img4_next_property(set, &at, &property);)
        json_object_set_new(out, property.name,
                            property.value.tag == DER_SET ? properties_json(&property.value.content)
                                                          : value_json(&property.value));
    return out;
}

static const char *compression_of(const struct im4p *im4p)
{
    return im4p->keybag.size                 ? "unknown (encrypted)"
           : lzss_is_lzvn(&im4p->payload)    ? "lzvn"
           : lzss_recognise(&im4p->payload)  ? "lzss"
           : lzfse_recognise(&im4p->payload) ? "lzfse"
           : im4p->compression_element.size  ? "unknown (encrypted?)"
                                             : "none";
}

static json_t *keybags_json(const struct im4p *im4p)
{
    json_t *out = json_array();
    struct img4_keybag bag;
    for (uint64_t at = 0; im4p_next_keybag(im4p, &at, &bag);)
        json_array_append_new(out, json_pack("{s:s, s:o, s:o}", "type",
                                             bag.type == 1   ? "production"
                                             : bag.type == 2 ? "development"
                                                             : "unknown",
                                             "iv", json_hex(bag.iv.data, bag.iv.size), "key",
                                             json_hex(bag.key.data, bag.key.size)));
    return out;
}

static json_t *payload_json(const struct im4p *im4p)
{
    struct blob set;
    json_t *out =
        json_pack("{s:o, s:o, s:I, s:s, s:b}", "type", json_text(im4p->type, 4), "description",
                  json_text((const char *)im4p->version.data, im4p->version.size), "size",
                  (json_int_t)im4p->payload.size, "compression", compression_of(im4p), "encrypted",
                  im4p->keybag.size != 0);
    if (im4p->compression_element.size)
        json_object_set_new(out, "uncompressed_size", json_integer((json_int_t)im4p->raw_size));
    else if (lzss_recognise(&im4p->payload))
        json_object_set_new(out, "uncompressed_size",
                            json_integer(get_be32(im4p->payload.data + 12)));
    const struct blob extra = lzss_extra(&im4p->payload);
    if (extra.size)
        json_object_set_new(out, "extra_size", json_integer((json_int_t)extra.size));
    if (im4p->keybag.size)
        json_object_set_new(out, "keybags", keybags_json(im4p));
    if (img4_payload_properties(im4p, &set))
        json_object_set_new(out, "properties", properties_json(&set));
    return out;
}

static json_t *certificates_json(const struct im4m *im4m)
{
    json_t *out = json_array();
    struct img4_certificate c;
    for (unsigned i = 0; img4_certificate(im4m, i, &c); i++)
        json_array_append_new(out, json_pack("{s:o, s:o, s:s, s:s, s:s}", "subject",
                                             json_text(c.subject, strlen(c.subject)), "issuer",
                                             json_text(c.issuer, strlen(c.issuer)), "not_before",
                                             c.not_before, "not_after", c.not_after, "signed_with",
                                             c.algorithm));
    return out;
}

/* What the signature is, never that it is valid: no root is known here. */
static const char *signature_text(const struct img4_signature *s)
{
    if (!s->present)
        return "unsigned";
    if (!s->count)
        return "signed, without certificates";
    if (!s->body_verifies)
        return "broken: no certificate's key made it";
    if (!s->chain_verifies)
        return "of a certificate in it, but the chain is broken";
    if (s->self_signed)
        return "self-signed";
    return s->apple_shaped ? "Apple-shaped (its root is not known here)"
                           : "chained to a root that is not known here";
}

static json_t *manifest_json(const struct im4m *im4m, const struct img4 *img4)
{
    static const char *const digests[] = {"none for this type", "matches", "DOES NOT MATCH"};
    struct img4_signature signature;
    img4_check_signature(im4m, &signature);
    json_t *out =
        json_pack("{s:o, s:s, s:I}", "body", properties_json(&im4m->manb), "signature",
                  signature_text(&signature), "signature_size", (json_int_t)im4m->signature.size);
    if (img4->im4p.size)
        json_object_set_new(out, "digest_of_payload",
                            json_string(digests[img4_check_digest(im4m, &img4->im4p)]));
    if (signature.count)
        json_object_set_new(out, "certificates", certificates_json(im4m));
    return out;
}

static json_t *restore_json(const struct blob *im4r, uint64_t generator)
{
    uint8_t nonce[8];
    if (im4r->size && im4r_nonce(im4r, nonce))
        return json_pack("{s:o, s:o}", "nonce", json_hex(nonce, 8), "generator",
                         json_sprintf("0x%016" PRIx64, get_le64(nonce)));
    return json_pack("{s:o}", "generator", json_sprintf("0x%016" PRIx64, generator));
}

int img4_print_info(const struct img4_print *print, const char *path,
                    const struct key_options *keys, struct error *err)
{
    struct img4_input in;
    struct im4p im4p;
    struct im4m im4m;
    if (img4_input_open(path, keys, &in, err))
        return -1;
    json_t *out = json_object();
    int result = 0;
    bool good = true;
    if (in.img4.im4p.size && !(result = im4p_parse(&in.img4.im4p, &im4p, err)))
        json_object_set_new(out, "payload", payload_json(&im4p));
    if (!result && in.img4.im4m.size && !print->im4p_only &&
        !(result = im4m_parse(&in.img4.im4m, &im4m, err))) {
        json_object_set_new(out, "manifest", manifest_json(&im4m, &in.img4));
        good = img4_check_digest(&im4m, &in.img4.im4p) == IMG4_DIGEST_GOOD;
    } else {
        good = false;
    }
    if (!result && !print->im4p_only && (in.img4.im4r.size || in.generator))
        json_object_set_new(out, "restore_info", restore_json(&in.img4.im4r, in.generator));
    if (!result && print->json)
        print_json(json_incref(out));
    else if (!result)
        print_tree(out);
    json_decref(out);
    if (!result && print->verify && !good)
        result = blob_error(&in.file, 0, err, "the manifest does not have this payload's digest");
    img4_input_close(&in);
    return result;
}
