/* SPDX-License-Identifier: MIT */
/* What of an IMG4's manifest needs cryptography: the digests in it, and its signature, as far as it
 * can be judged without Apple's root certificate: whether the body was signed by a key in the
 * chain, and whether the chain holds together. That proves nothing about who made it, and the
 * answer never says that it does. Through OpenSSL's libcrypto. */

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "img4.h"

#define MAX_CERTIFICATES 8

/* The digest of the image TYPE in the manifest. */
static bool find_digest(const struct im4m *im4m, const char *type, struct blob *out)
{
    struct img4_property image, property;
    for (uint64_t at = 0; img4_next_property(&im4m->manb, &at, &image);) {
        if (strcmp(image.name, type) || image.value.tag != DER_SET)
            continue;
        for (uint64_t inner = 0; img4_next_property(&image.value.content, &inner, &property);)
            if (!strcmp(property.name, "DGST") && property.value.tag == DER_OCTET_STRING) {
                *out = property.value.content;
                return true;
            }
    }
    return false;
}

/* Digests are told apart by their length. */
static const EVP_MD *digest_of_size(size_t size)
{
    return size == 20 ? EVP_sha1() : size == 32 ? EVP_sha256() : size == 48 ? EVP_sha384() : NULL;
}

enum img4_digest img4_check_digest(const struct im4m *im4m, const struct blob *im4p)
{
    struct im4p parsed;
    struct blob wanted;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (im4p_parse(im4p, &parsed, NULL) || !find_digest(im4m, parsed.type, &wanted))
        return IMG4_DIGEST_NONE;
    const EVP_MD *kind = digest_of_size(wanted.size);
    if (!kind || EVP_Digest(im4p->data, im4p->size, digest, &size, kind, NULL) != 1)
        return IMG4_DIGEST_BAD;
    return memcmp(digest, wanted.data, size) ? IMG4_DIGEST_BAD : IMG4_DIGEST_GOOD;
}

static unsigned read_chain(const struct im4m *im4m, X509 *chain[MAX_CERTIFICATES])
{
    unsigned count = 0;
    struct der element;
    for (uint64_t at = 0; at < im4m->certificates.size && count < MAX_CERTIFICATES;) {
        if (der_next(&im4m->certificates, &at, &element, NULL))
            break;
        const uint8_t *p = element.whole.data;
        X509 *certificate = d2i_X509(NULL, &p, (long)element.whole.size);
        if (certificate)
            chain[count++] = certificate;
    }
    ERR_clear_error();
    return count;
}

static void free_chain(X509 **chain, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        X509_free(chain[i]);
}

/* With SHA-384 since the A10, with SHA-1 before; SHA-256 in between. */
static bool signs_body(const struct im4m *im4m, X509 *certificate)
{
    const EVP_MD *const kinds[] = {EVP_sha384(), EVP_sha256(), EVP_sha1()};
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool good = false;
    for (size_t i = 0; key && !good && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        good = ctx && EVP_DigestVerifyInit(ctx, NULL, kinds[i], NULL, key) == 1 &&
               EVP_DigestVerify(ctx, im4m->signature.data, im4m->signature.size, im4m->body.data,
                                im4m->body.size) == 1;
        EVP_MD_CTX_free(ctx);
    }
    return good;
}

static bool names_apple(X509 *certificate)
{
    char text[256] = "";
    X509_NAME_oneline(X509_get_issuer_name(certificate), text, sizeof(text));
    return strstr(text, "Apple") || strstr(text, "Secure Boot");
}

void img4_check_signature(const struct im4m *im4m, struct img4_signature *out)
{
    X509 *chain[MAX_CERTIFICATES];
    *out = (struct img4_signature){.present = im4m->signature.size != 0};
    out->count = read_chain(im4m, chain);
    out->chain_verifies = out->count > 0;
    for (unsigned i = 0; i < out->count; i++) {
        if (!out->body_verifies && signs_body(im4m, chain[i])) {
            out->body_verifies = true;
            out->signer = i;
            out->self_signed = X509_verify(chain[i], X509_get0_pubkey(chain[i])) == 1;
        }
        if (i && X509_verify(chain[i], X509_get0_pubkey(chain[i - 1])) != 1)
            out->chain_verifies = false;
        out->apple_shaped |= names_apple(chain[i]);
    }
    free_chain(chain, out->count);
    ERR_clear_error();
}

static void print_time(const ASN1_TIME *time, char out[32])
{
    struct tm tm;
    if (time && ASN1_TIME_to_tm(time, &tm) == 1)
        strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
    else
        out[0] = 0;
}

bool img4_certificate(const struct im4m *im4m, unsigned index, struct img4_certificate *out)
{
    X509 *chain[MAX_CERTIFICATES];
    const unsigned count = read_chain(im4m, chain);
    *out = (struct img4_certificate){0};
    if (index < count) {
        X509_NAME_oneline(X509_get_subject_name(chain[index]), out->subject, sizeof(out->subject));
        X509_NAME_oneline(X509_get_issuer_name(chain[index]), out->issuer, sizeof(out->issuer));
        print_time(X509_get0_notBefore(chain[index]), out->not_before);
        print_time(X509_get0_notAfter(chain[index]), out->not_after);
        snprintf(out->algorithm, sizeof(out->algorithm), "%s",
                 OBJ_nid2ln(X509_get_signature_nid(chain[index])));
    }
    free_chain(chain, count);
    return index < count;
}
