/* SPDX-License-Identifier: MIT */
#ifndef POMONA_IM4P_H
#define POMONA_IM4P_H

/* IMG4 and IM4P containers (image-format sheet A1): where the payload is and what wraps it. */

#include <stdbool.h>

#include "blob.h"

enum im4p_algorithm { IM4P_LZSS = 0, IM4P_LZFSE = 1 };

struct im4p {
    /* The elements as they lie in the file, size 0 where there is none. */
    struct blob whole, type_text, version_element, payload_element, keybag_element,
        compression_element;
    char type[5];           /* fourcc: "krnl", "dtre", ... */
    struct blob version;    /* description text, not terminated */
    struct blob payload;    /* as stored: maybe compressed, maybe encrypted */
    struct blob keybag;     /* size 0: none, so not encrypted */
    uint64_t algorithm;     /* of the compression element: 0 LZSS, 1 LZFSE; ~0: no such element */
    uint64_t raw_size;      /* of the compression element */
    struct blob properties; /* the PAYP element's content; size 0: none */
};

/* Whether IN begins as an IMG4 or IM4P does; it may be cut off. */
bool im4p_recognise(const struct blob *in);
/* Reads the IM4P in IN, which is one or an IMG4 around one. Nothing is copied. */
int im4p_parse(const struct blob *in, struct im4p *out, struct error *err);

struct im4p_key {
    uint8_t iv[16], key[32];
    size_t size; /* of the key: 16, 24 or 32 */
};
#define IM4P_MAX_KEYS 16
struct im4p_keys {
    struct im4p_key items[IM4P_MAX_KEYS];
    unsigned count;
};

/* AES-CBC without padding, as payloads are encrypted. Any key gives something. */
int img4_decrypt(const struct blob *payload, const struct im4p_key *key, struct blob *out,
                 struct error *err);
/* The payload decrypted by that of KEYS (NULL: none) which makes something of it; *OUT is to be
 * freed. -1 and *ERR, with what to do, when none does. */
int im4p_decrypt(const struct im4p *im4p, const struct im4p_keys *keys, struct blob *out,
                 struct error *err);

/* The payload, decrypted by im4p_decrypt where it has a keybag, and decompressed; *OUT is to be
 * freed. */
int im4p_payload(const struct blob *in, const struct im4p_keys *keys, struct blob *out,
                 struct error *err);
/* Builds an IM4P of TYPE and VERSION around PAYLOAD; raw_size 0: without a compression element. */
int im4p_build(const char *type, const char *version, const struct blob *payload, uint64_t raw_size,
               struct blob *out, struct error *err);

#endif
