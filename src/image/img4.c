/* SPDX-License-Identifier: MIT */
/* IMG4: reading manifest, restore info and properties by tag, and building and changing containers.
 * Elements that nobody knows stay where they are: an IM4P is changed in place (der_replace), never
 * written anew from what was understood of it. */

#include "img4.h"

#include <stdlib.h>
#include <string.h>

#include "plist.h"

/* Notes ELEMENT, an IM4P, IM4M or IM4R. */
static bool note_part(const struct der *element, struct img4 *out)
{
    struct {
        const char *magic;
        struct blob *where;
    } parts[] = {{"IM4P", &out->im4p}, {"IM4M", &out->im4m}, {"IM4R", &out->im4r}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (der_sequence_is(&element->whole, parts[i].magic)) {
            *parts[i].where = element->whole;
            return true;
        }
    return false;
}

int img4_open(const struct blob *in, struct img4 *out, struct error *err)
{
    struct der outer, element, inner;
    uint64_t at = 0;
    *out = (struct img4){0};
    const bool sequence = !in->size || in->data[0] == DER_SEQUENCE;
    if (sequence && der_next(in, &at, &outer, err))
        return -1;
    if (sequence && note_part(&outer, out))
        return 0;
    if (!sequence || !der_sequence_is(in, "IMG4"))
        return blob_error(in, 0, err,
                          "not an IMG4, IM4P, IM4M or IM4R, nor a saved ticket; 'img4 "
                          "create' makes one");
    for (at = 0; at < outer.content.size;) {
        uint64_t in_context = 0;
        if (der_next(&outer.content, &at, &element, err))
            return -1;
        if (!note_part(&element, out) && (element.tag & 0xe0) == DER_CONTEXT(0) &&
            !der_next(&element.content, &in_context, &inner, NULL))
            note_part(&inner, out);
    }
    return 0;
}

bool img4_next_property(const struct blob *set, uint64_t *at, struct img4_property *out)
{
    struct der outer, sequence, name;
    while (*at < set->size) {
        uint64_t inner = 0, in_sequence = 0;
        if (der_next(set, at, &outer, NULL))
            return false;
        if (outer.tag != DER_PRIVATE || der_next(&outer.content, &inner, &sequence, NULL) ||
            sequence.tag != DER_SEQUENCE ||
            der_next(&sequence.content, &in_sequence, &name, NULL) || name.tag != DER_IA5_STRING ||
            name.content.size != 4 || der_next(&sequence.content, &in_sequence, &out->value, NULL))
            continue;
        memcpy(out->name, name.content.data, 4);
        out->name[4] = 0;
        return true;
    }
    return false;
}

/* The content of the SET that is the value of the property NAME in SET. */
static bool property_set(const struct blob *set, const char *name, struct blob *out)
{
    struct img4_property property;
    for (uint64_t at = 0; img4_next_property(set, &at, &property);)
        if (!strcmp(property.name, name) && property.value.tag == DER_SET) {
            *out = property.value.content;
            return true;
        }
    return false;
}

bool img4_payload_properties(const struct im4p *im4p, struct blob *set)
{
    struct der payp, found;
    uint64_t at = 0;
    if (!im4p->properties.size || der_next(&im4p->properties, &at, &payp, NULL) ||
        !der_sequence_is(&payp.whole, "PAYP") || !der_find(&payp.content, DER_SET, 0, &found))
        return false;
    *set = found.content;
    return true;
}

int im4m_parse(const struct blob *im4m, struct im4m *out, struct error *err)
{
    struct der outer, element;
    uint64_t at = 0;
    *out = (struct im4m){0};
    if (der_next(im4m, &at, &outer, err))
        return -1;
    for (at = 0; at < outer.content.size;) {
        if (der_next(&outer.content, &at, &element, err))
            return -1;
        if (element.tag == DER_SET && !out->body.size) {
            out->body = element.whole;
            property_set(&element.content, "MANB", &out->manb);
        } else if (element.tag == DER_OCTET_STRING) {
            out->signature = element.content;
        } else if (element.tag == DER_SEQUENCE) {
            out->certificates = element.content;
        }
    }
    if (!out->manb.size)
        return blob_error(im4m, 0, err, "a manifest without a body (MANB)");
    return 0;
}

bool im4r_nonce(const struct blob *im4r, uint8_t nonce[8])
{
    struct der outer, set;
    struct img4_property property;
    uint64_t at = 0;
    if (der_next(im4r, &at, &outer, NULL) || !der_find(&outer.content, DER_SET, 0, &set))
        return false;
    for (at = 0; img4_next_property(&set.content, &at, &property);)
        if (!strcmp(property.name, "BNCN") && property.value.content.size == 8) {
            memcpy(nonce, property.value.content.data, 8);
            return true;
        }
    return false;
}

bool im4p_next_keybag(const struct im4p *im4p, uint64_t *at, struct img4_keybag *out)
{
    struct der outer, bag, type, iv, key;
    uint64_t start = 0, inner = 0;
    if (!im4p->keybag.size || der_next(&im4p->keybag, &start, &outer, NULL) ||
        *at >= outer.content.size || der_next(&outer.content, at, &bag, NULL) ||
        der_next(&bag.content, &inner, &type, NULL) || der_next(&bag.content, &inner, &iv, NULL) ||
        der_next(&bag.content, &inner, &key, NULL) || !der_unsigned(&type, &out->type))
        return false;
    out->iv = iv.content;
    out->key = key.content;
    return true;
}

/* ---- saved tickets ---- */

bool img4_is_ticket(const struct blob *in)
{
    return in->size > 6 && (!memcmp(in->data, "<?xml", 5) || !memcmp(in->data, "<plist", 6));
}

int img4_open_ticket(const struct blob *in, struct blob *im4m, uint64_t *generator,
                     struct error *err)
{
    struct plist *list;
    if (plist_parse(in, &list, err))
        return -1;
    const struct plist *ticket = plist_get(list, "ApImg4Ticket");
    const char *text = plist_text(list, "generator");
    *generator = text ? strtoull(text, NULL, 0) : 0;
    uint8_t *copy = ticket && ticket->kind == PLIST_DATA ? malloc(ticket->size + 1) : NULL;
    if (copy) {
        memcpy(copy, ticket->data, ticket->size);
        blob_adopt(im4m, copy, ticket->size, in->name);
    }
    plist_free(list);
    return copy ? 0 : blob_error(in, 0, err, "no ApImg4Ticket in it: not a saved ticket (shsh2)");
}

/* ---- building ---- */

static int no_memory(const char *name, struct error *err)
{
    return error_set(err, ERROR_OS, "%s: no memory", name);
}

int img4_build(const struct img4 *parts, struct blob *out, struct error *err)
{
    struct der_writer w;
    if (der_writer_open(&w, parts->im4p.size + parts->im4m.size + parts->im4r.size + 64))
        return no_memory(parts->im4p.name, err);
    const size_t end = w.at;
    if (parts->im4r.size)
        der_put_element(&w, DER_CONTEXT(1), parts->im4r.data, parts->im4r.size);
    if (parts->im4m.size)
        der_put_element(&w, DER_CONTEXT(0), parts->im4m.data, parts->im4m.size);
    der_put(&w, parts->im4p.data, parts->im4p.size);
    der_put_element(&w, DER_IA5_STRING, "IMG4", 4);
    der_put_header(&w, DER_SEQUENCE, end);
    der_writer_finish(&w, out, parts->im4p.name);
    return 0;
}

/* PRIVATE[name] { name, what was put since END }. */
static void put_property(struct der_writer *w, const char *name, size_t end)
{
    der_put_element(w, DER_IA5_STRING, name, 4);
    der_put_header(w, DER_SEQUENCE, end);
    der_put_private(w, get_be32((const uint8_t *)name), end);
}

int im4r_build(uint64_t generator, struct blob *out, struct error *err)
{
    struct der_writer w;
    uint8_t nonce[8];
    if (der_writer_open(&w, 128))
        return no_memory("IM4R", err);
    const size_t end = w.at;
    put_le64(nonce, generator);
    der_put_element(&w, DER_OCTET_STRING, nonce, sizeof(nonce));
    put_property(&w, "BNCN", end);
    der_put_header(&w, DER_SET, end);
    der_put_element(&w, DER_IA5_STRING, "IM4R", 4);
    der_put_header(&w, DER_SEQUENCE, end);
    der_writer_finish(&w, out, "IM4R");
    return 0;
}

/* ---- changing ---- */

/* One step of a change: CURRENT is exchanged for itself with the element OLD made NEW. */
static int exchange(struct blob *current, const struct blob *old, const struct blob *new,
                    struct error *err)
{
    struct blob changed;
    if (der_replace(current, old->data, old->size, new, &changed, err))
        return -1;
    blob_free(current);
    *current = changed;
    return 0;
}

static int exchange_text(struct blob *current, const struct blob *old, const char *text,
                         struct error *err)
{
    struct der_writer w;
    struct blob element;
    if (der_writer_open(&w, strlen(text) + 16))
        return no_memory(current->name, err);
    der_put_element(&w, DER_IA5_STRING, text, strlen(text));
    der_writer_finish(&w, &element, current->name);
    const int result = exchange(current, old, &element, err);
    blob_free(&element);
    return result;
}

static int remove_element(struct blob *current, const struct blob *old, struct error *err)
{
    const struct blob nothing = {.data = (const uint8_t *)"", .name = current->name};
    return old->size ? exchange(current, old, &nothing, err) : 0;
}

/* The payload element, and the compression element behind it where there is to be one and was
 * none. */
static int exchange_payload(struct blob *current, const struct im4p_change *change,
                            struct error *err)
{
    struct im4p im4p;
    struct der_writer w;
    struct blob element;
    if (im4p_parse(current, &im4p, err))
        return -1;
    if (im4p.compression_element.size && (remove_element(current, &im4p.compression_element, err) ||
                                          im4p_parse(current, &im4p, err)))
        return -1;
    if (der_writer_open(&w, change->payload->size + 64))
        return no_memory(current->name, err);
    if (change->raw_size) {
        const size_t end = w.at;
        der_put_unsigned(&w, change->raw_size);
        der_put_unsigned(&w, IM4P_LZFSE);
        der_put_header(&w, DER_SEQUENCE, end);
    }
    der_put_element(&w, DER_OCTET_STRING, change->payload->data, change->payload->size);
    der_writer_finish(&w, &element, current->name);
    const int result = exchange(current, &im4p.payload_element, &element, err);
    blob_free(&element);
    return result;
}

static int change_all(struct blob *current, const struct im4p_change *change, struct error *err)
{
    struct im4p im4p;
    if (change->payload && exchange_payload(current, change, err))
        return -1;
    if (im4p_parse(current, &im4p, err))
        return -1;
    if (change->remove_keybag &&
        (remove_element(current, &im4p.keybag_element, err) || im4p_parse(current, &im4p, err)))
        return -1;
    if (change->version && (exchange_text(current, &im4p.version_element, change->version, err) ||
                            im4p_parse(current, &im4p, err)))
        return -1;
    if (!change->type)
        return 0;
    if (strlen(change->type) != 4)
        return error_set(err, ERROR_USAGE, "'%s': a type has four characters", change->type);
    const struct blob type = {.data = (const uint8_t *)change->type, .size = 4, .name = ""};
    return exchange(current, &im4p.type_text, &type, err);
}

int im4p_change(const struct blob *in, const struct im4p_change *change, struct blob *out,
                struct error *err)
{
    uint8_t *copy = malloc(in->size + 1);
    if (!copy)
        return no_memory(in->name, err);
    memcpy(copy, in->data, in->size);
    blob_adopt(out, copy, in->size, in->name);
    if (!change_all(out, change, err))
        return 0;
    blob_free(out);
    return -1;
}

/* ---- raw boot objects ---- */

static void put_number(struct der_writer *w, const char *name, uint64_t value)
{
    const size_t end = w->at;
    der_put_unsigned(w, value);
    put_property(w, name, end);
}

/* All of the payload is the writable region; link edit information, of which there is none, lies
 * behind it. */
int im4p_build_raw_boot(const char *type, const char *version, const struct blob *payload,
                        const struct im4p_raw_boot *raw, struct blob *out, struct error *err)
{
    struct der_writer w;
    if (der_writer_open(&w, payload->size + strlen(version) + 512))
        return no_memory(payload->name, err);
    const size_t end = w.at;
    put_number(&w, "kcwz", payload->size);
    put_number(&w, "kcwf", 0);
    put_number(&w, "kclz", 0);
    put_number(&w, "kclo", raw->lowest_address);
    put_number(&w, "kclf", payload->size);
    put_number(&w, "kcep", raw->entry_point);
    der_put_header(&w, DER_SET, end);
    der_put_element(&w, DER_IA5_STRING, "PAYP", 4);
    der_put_header(&w, DER_SEQUENCE, end);
    der_put_header(&w, DER_CONTEXT(0), end);
    der_put_element(&w, DER_OCTET_STRING, payload->data, payload->size);
    der_put_element(&w, DER_IA5_STRING, version, strlen(version));
    der_put_element(&w, DER_IA5_STRING, type, 4);
    der_put_element(&w, DER_IA5_STRING, "IM4P", 4);
    der_put_header(&w, DER_SEQUENCE, end);
    der_writer_finish(&w, out, payload->name);
    return 0;
}

bool im4p_is_raw_boot(const struct im4p *im4p, struct im4p_raw_boot *out)
{
    struct blob set;
    struct img4_property property;
    unsigned found = 0;
    if (!img4_payload_properties(im4p, &set))
        return false;
    for (uint64_t at = 0; img4_next_property(&set, &at, &property);) {
        if (!strcmp(property.name, "kcep"))
            found |= der_unsigned(&property.value, &out->entry_point) ? 1 : 0;
        if (!strcmp(property.name, "kclo"))
            found |= der_unsigned(&property.value, &out->lowest_address) ? 2 : 0;
    }
    return found == 3;
}
