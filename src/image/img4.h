/* SPDX-License-Identifier: MIT */
#ifndef POMONA_IMG4_H
#define POMONA_IMG4_H

/* IMG4 containers whole (image-format sheet A1): manifest, restore info, properties, certificates;
 * made and changed. im4p.h has the payload alone. */

#include "der.h"
#include "im4p.h"

struct img4 {
    struct blob im4p, im4m, im4r; /* each a whole element; size 0: not there */
};

/* Reads an IMG4, or a bare IM4P, IM4M or IM4R. */
int img4_open(const struct blob *in, struct img4 *out, struct error *err);

/* "BORD" and its value, one of a set. */
struct img4_property {
    char name[5];
    struct der value;
};
/* Iterates over the SET whose content is SET; *AT starts at 0. What is no property is passed over.
 */
bool img4_next_property(const struct blob *set, uint64_t *at, struct img4_property *out);
/* The set of properties in a PAYP element's content. */
bool img4_payload_properties(const struct im4p *im4p, struct blob *set);

struct im4m {
    struct blob body;         /* the SET that is signed, whole */
    struct blob manb;         /* content of MANB's set: MANP and images, each with a set as value */
    struct blob signature;    /* size 0: unsigned */
    struct blob certificates; /* content of the chain; size 0: none */
};
int im4m_parse(const struct blob *im4m, struct im4m *out, struct error *err);
/* The value of BNCN, as stored. False: none. */
bool im4r_nonce(const struct blob *im4r, uint8_t nonce[8]);

/* A property list with a manifest in it, as tickets are saved (.shsh2). */
bool img4_is_ticket(const struct blob *in);
/* *IM4M is to be freed; *GENERATOR 0: none is in it. */
int img4_open_ticket(const struct blob *in, struct blob *im4m, uint64_t *generator,
                     struct error *err);

struct img4_keybag {
    uint64_t type; /* 1 production, 2 development */
    struct blob iv, key;
};
bool im4p_next_keybag(const struct im4p *im4p, uint64_t *at, struct img4_keybag *out);

/* Whether the digest in the manifest for an image of TYPE is that of IM4P (whole). */
enum img4_digest { IMG4_DIGEST_NONE, IMG4_DIGEST_GOOD, IMG4_DIGEST_BAD };
enum img4_digest img4_check_digest(const struct im4m *im4m, const struct blob *im4p);

/* What can be said of a manifest's signature without Apple's root. */
struct img4_signature {
    bool present;
    bool body_verifies;  /* by the key of certificate `signer` */
    bool chain_verifies; /* each of the others signs the next, the first itself or it is alone */
    bool self_signed;    /* the signer is its own issuer */
    bool apple_shaped;   /* an issuer of the chain calls itself Apple; proves nothing */
    unsigned count, signer;
};
struct img4_certificate {
    char subject[256], issuer[256], not_before[32], not_after[32], algorithm[64];
};
void img4_check_signature(const struct im4m *im4m, struct img4_signature *out);
/* Certificate INDEX of the chain. False: none, or not X.509. */
bool img4_certificate(const struct im4m *im4m, unsigned index, struct img4_certificate *out);

/* An IMG4 of the elements (size 0: left out). */
int img4_build(const struct img4 *parts, struct blob *out, struct error *err);
/* An IM4R whose nonce is GENERATOR. */
int im4r_build(uint64_t generator, struct blob *out, struct error *err);

/* What im4p_change exchanges; NULL members stay. */
struct im4p_change {
    const char *type, *version;
    const struct blob *payload; /* stored as it is */
    uint64_t raw_size;          /* with `payload`: for the compression element; 0: none */
    bool remove_keybag;
};
/* IN, an IM4P or an IMG4 around one, with CHANGE made; the rest byte for byte. */
int im4p_change(const struct blob *in, const struct im4p_change *change, struct blob *out,
                struct error *err);

/* An IM4P of a flat program, with the properties that `kmutil configure-boot --raw` gives. */
struct im4p_raw_boot {
    uint64_t entry_point;    /* virtual address */
    uint64_t lowest_address; /* the payload's first virtual address */
};
int im4p_build_raw_boot(const char *type, const char *version, const struct blob *payload,
                        const struct im4p_raw_boot *raw, struct blob *out, struct error *err);
/* The properties of such an IM4P; false when it is none. */
bool im4p_is_raw_boot(const struct im4p *im4p, struct im4p_raw_boot *out);

#endif
