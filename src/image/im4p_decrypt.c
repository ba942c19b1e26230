/* SPDX-License-Identifier: MIT */
/* Payloads of IM4P files that are encrypted: AES-CBC without padding, through OpenSSL's libcrypto
 * (image-format sheet A1). Nothing in the file says which key is right. But what a wrong one makes
 * is as random as the cipher's output is, and no payload is: it is compressed, and begins as
 * such, or is a trust cache, or somewhere in it bytes are distributed unevenly. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "compress.h"
#include "img4.h"
#include "macho.h"
#include "trust_cache.h"

#define BLOCK 16 /* of AES */
/* Fewer bytes tell nothing. */
#define SHORTEST 64
#define WINDOW   512
/* Pearson's chi-squared of a window's bytes: 255 on average if they are random, with a deviation
 * of 25; beyond this once in 10^15 windows. */
#define UNEVEN 512

int img4_decrypt(const struct blob *payload, const struct im4p_key *key, struct blob *out,
                 struct error *err)
{
    const EVP_CIPHER *cipher = key->size == 16   ? EVP_aes_128_cbc()
                               : key->size == 24 ? EVP_aes_192_cbc()
                                                 : EVP_aes_256_cbc();
    if (payload->size % BLOCK || payload->size > INT_MAX)
        return blob_error(payload, 0, err,
                          "an encrypted payload of %zu bytes: it must be a multiple of %u, below "
                          "2 GiB; get a whole copy",
                          payload->size, BLOCK);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *plain = malloc(payload->size + 2 * BLOCK);
    int made = 0;
    const bool good = ctx && plain &&
                      EVP_DecryptInit_ex(ctx, cipher, NULL, key->key, key->iv) == 1 &&
                      EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
                      EVP_DecryptUpdate(ctx, plain, &made, payload->data, (int)payload->size) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (good) {
        blob_adopt(out, plain, (size_t)made, payload->name);
        return 0;
    }
    free(plain);
    return error_set(err, ERROR_OS, "%s: no memory to decrypt", payload->name);
}

static bool uneven(const uint8_t *data, size_t size)
{
    unsigned counts[256] = {0}, squares = 0;
    for (size_t i = 0; i < size; i++)
        counts[data[i]]++;
    for (unsigned i = 0; i < 256; i++)
        squares += counts[i] * counts[i];
    return squares * 256 / size > UNEVEN + size;
}

static bool any_uneven(const struct blob *plain)
{
    bool found = plain->size < WINDOW && uneven(plain->data, plain->size);
    for (size_t at = 0; !found && plain->size - at >= WINDOW; at += WINDOW)
        found = uneven(plain->data + at, WINDOW);
    return found;
}

/* Ends as LZFSE does, but for the zeros that fill the last block of the cipher. */
static bool ends_as_lzfse(const struct blob *plain)
{
    size_t size = plain->size;
    while (size && plain->size - size < BLOCK && !plain->data[size - 1])
        size--;
    return size >= 4 && !memcmp(plain->data + size - 4, "bvx$", 4);
}

enum verdict { WRONG, POSSIBLE, RIGHT };

/* Whether PLAIN is what the payload of IM4P was before it was encrypted. A wrong IV spoils the
 * first block alone, which is where formats are told by. */
static enum verdict judge(const struct im4p *im4p, const struct blob *plain)
{
    struct im4p_raw_boot raw;
    if (lzfse_recognise(plain) || lzss_recognise(plain) || macho_recognise(plain) ||
        trust_cache_recognise(plain))
        return RIGHT;
    const bool kernel = !strcmp(im4p->type, "krnl") && !im4p_is_raw_boot(im4p, &raw);
    if (im4p->compression_element.size || kernel || ends_as_lzfse(plain))
        return WRONG;
    return plain->size < SHORTEST || gzip_recognise(plain) || any_uneven(plain) ? POSSIBLE : WRONG;
}

int im4p_decrypt(const struct im4p *im4p, const struct im4p_keys *keys, struct blob *out,
                 struct error *err)
{
    const unsigned count = keys ? keys->count : 0;
    enum verdict best = WRONG;
    *out = (struct blob){0};
    for (unsigned i = 0; i < count && best != RIGHT; i++) {
        struct blob made, worse;
        if (img4_decrypt(&im4p->payload, &keys->items[i], &made, err)) {
            blob_free(out);
            return -1;
        }
        const enum verdict verdict = judge(im4p, &made);
        worse = verdict > best ? *out : made;
        if (verdict > best) {
            *out = made;
            best = verdict;
        }
        blob_free(&worse);
    }
    if (best)
        return 0;
    if (!count)
        return blob_error(&im4p->payload, 0, err,
                          "the payload is encrypted: give its key with --iv and --key");
    return blob_error(&im4p->payload, 0, err,
                      "the payload is encrypted, and %s given makes nothing known of it: give the "
                      "IV and the key of this very file",
                      count > 1 ? "no key" : "the key");
}
