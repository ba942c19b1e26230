/* SPDX-License-Identifier: MIT */
/* Code signatures, as far as trust caches need them: the code directories in the SuperBlob and
 * their hashes, and the entitlements. Big-endian throughout. Nothing is verified. */

#include <string.h>

#include <openssl/evp.h>

#include "macho.h"
#include "trust_cache.h"

#define MAGIC_SUPERBLOB    0xfade0cc0u
#define MAGIC_DIRECTORY    0xfade0c02u
#define MAGIC_ENTITLEMENTS 0xfade7171u
#define MAX_BLOBS          64u
#define DIRECTORY_LEAST    44u
#define IDENTIFIER_OFFSET  20u
#define HASH_TYPE_OFFSET   37u

/* The INDEXth blob of the signature. */
static bool signature_blob(const struct macho *macho, uint32_t index, struct blob *out)
{
    struct macho_command command;
    struct blob all;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_CODE_SIGNATURE || command.size < 16 ||
            blob_slice(&macho->file, macho->header + get_le32(command.data + 8),
                       get_le32(command.data + 12), &all, "the signature", NULL))
            continue;
        const uint8_t *p = blob_at(&all, 0, 12);
        if (!p || get_be32(p) != MAGIC_SUPERBLOB || index >= get_be32(p + 8) ||
            index >= MAX_BLOBS || !(p = blob_at(&all, 12 + 8ull * index, 8)))
            return false;
        const uint32_t offset = get_be32(p + 4);
        const uint8_t *head = blob_at(&all, offset, 8);
        return head &&
               !blob_slice(&all, offset, get_be32(head + 4), out, "a part of the signature", NULL);
    }
    return false;
}

static const EVP_MD *digest_of(unsigned hash_type)
{
    switch (hash_type) {
    case TRUST_SHA1:
        return EVP_sha1();
    case TRUST_SHA256:
    case TRUST_SHA256_TRUNCATED:
        return EVP_sha256();
    case TRUST_SHA384:
        return EVP_sha384();
    case TRUST_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

static bool read_directory(const struct blob *in, struct macho_code_directory *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (in->size < DIRECTORY_LEAST || get_be32(in->data) != MAGIC_DIRECTORY)
        return false;
    const uint32_t name = get_be32(in->data + IDENTIFIER_OFFSET);
    const EVP_MD *kind = digest_of(in->data[HASH_TYPE_OFFSET]);
    if (!kind || name >= in->size || !memchr(in->data + name, 0, in->size - name) ||
        EVP_Digest(in->data, in->size, digest, NULL, kind, NULL) != 1)
        return false;
    out->whole = *in;
    out->identifier = (const char *)in->data + name;
    out->hash_type = in->data[HASH_TYPE_OFFSET];
    memcpy(out->cdhash, digest, sizeof(out->cdhash));
    return true;
}

/* In the order in which the kernel prefers them. */
static unsigned rank(unsigned hash_type)
{
    return hash_type == TRUST_SHA1               ? 1
           : hash_type == TRUST_SHA256_TRUNCATED ? 2
           : hash_type == TRUST_SHA256           ? 3
                                                 : hash_type;
}

bool macho_code_directory(const struct macho *macho, struct macho_code_directory *out)
{
    struct blob part;
    struct macho_code_directory found;
    bool any = false;
    for (uint32_t i = 0; signature_blob(macho, i, &part); i++)
        if (read_directory(&part, &found) &&
            (!any || rank(found.hash_type) > rank(out->hash_type))) {
            *out = found;
            any = true;
        }
    return any;
}

bool macho_entitlements(const struct macho *macho, struct blob *out)
{
    struct blob part;
    for (uint32_t i = 0; signature_blob(macho, i, &part); i++)
        if (part.size >= 8 && get_be32(part.data) == MAGIC_ENTITLEMENTS)
            return !blob_slice(&part, 8, part.size - 8, out, "entitlements", NULL);
    return false;
}
