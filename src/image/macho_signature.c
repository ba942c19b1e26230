/* SPDX-License-Identifier: MIT */
/* Code signatures, read: the blobs of the SuperBlob, its code directories and their hashes, the
 * entitlements. Big-endian throughout. Page hashes can be compared with the file; certificates are
 * not looked at. Facts: the published cs_blobs header of XNU. */

#include <string.h>

#include <openssl/evp.h>

#include "code_signature.h"
#include "trust_cache.h"

#define MAX_BLOBS       64u
#define DIRECTORY_LEAST 44u

/* From which version on a directory has more fields, and what it then measures at least. */
#define VERSION_TEAM    0x20200u
#define VERSION_LIMIT64 0x20300u
#define VERSION_EXEC    0x20400u
#define VERSION_RUNTIME 0x20500u

/* ---- blobs ---- */

static bool whole_signature(const struct macho *macho, struct blob *out)
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        if (command.cmd == LC_CODE_SIGNATURE && command.size >= 16 &&
            !blob_slice(&macho->file, macho->header + get_le32(command.data + 8),
                        get_le32(command.data + 12), out, "the signature", NULL))
            return true;
    return false;
}

bool macho_signature_blob(const struct macho *macho, uint32_t index, struct signature_blob *out)
{
    struct blob all;
    const uint8_t *p = whole_signature(macho, &all) ? blob_at(&all, 0, 12) : NULL;
    if (!p || get_be32(p) != SIGNATURE_MAGIC_SUPERBLOB || index >= get_be32(p + 8) ||
        index >= MAX_BLOBS || !(p = blob_at(&all, 12 + 8ull * index, 8)))
        return false;
    const uint32_t offset = get_be32(p + 4);
    const uint8_t *head = blob_at(&all, offset, 8);
    if (!head || get_be32(head + 4) < 8 ||
        blob_slice(&all, offset, get_be32(head + 4), &out->whole, "a part of the signature", NULL))
        return false;
    out->slot = get_be32(p);
    out->magic = get_be32(head);
    return true;
}

bool macho_signature_slot(const struct macho *macho, uint32_t slot, struct signature_blob *out)
{
    for (uint32_t i = 0; macho_signature_blob(macho, i, out); i++)
        if (out->slot == slot)
            return true;
    return false;
}

bool macho_entitlements(const struct macho *macho, struct blob *out)
{
    struct signature_blob part;
    for (uint32_t i = 0; macho_signature_blob(macho, i, &part); i++)
        if (part.magic == SIGNATURE_MAGIC_ENTITLEMENTS)
            return !blob_slice(&part.whole, 8, part.whole.size - 8, out, "entitlements", NULL);
    return false;
}

/* ---- code directories ---- */

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

/* The text at OFFSET of the directory; NULL: it does not end in there. */
static const char *text_at(const struct blob *in, uint32_t offset)
{
    const bool inside = offset < in->size && memchr(in->data + offset, 0, in->size - offset);
    return inside ? (const char *)in->data + offset : NULL;
}

/* What versions after the first added. */
static void read_later_fields(const struct blob *in, struct macho_code_directory *out)
{
    const uint8_t *p = in->data;
    const uint32_t team = out->version >= VERSION_TEAM && in->size >= 52 ? get_be32(p + 48) : 0;
    out->team = team ? text_at(in, team) : NULL;
    if (out->version >= VERSION_LIMIT64 && in->size >= 64 && get_be64(p + 56))
        out->code_limit = get_be64(p + 56);
    if (out->version >= VERSION_EXEC && in->size >= 88) {
        out->exec_base = get_be64(p + 64);
        out->exec_limit = get_be64(p + 72);
        out->exec_flags = get_be64(p + 80);
    }
    if (out->version >= VERSION_RUNTIME && in->size >= 92)
        out->runtime = get_be32(p + 88);
}

bool code_directory_hash(const struct macho_code_directory *directory, const void *data,
                         size_t size, uint8_t out[64])
{
    const EVP_MD *kind = digest_of(directory->hash_type);
    return kind && EVP_Digest(data, size, out, NULL, kind, NULL) == 1;
}

bool code_directory_read(const struct blob *in, struct macho_code_directory *out)
{
    const uint8_t *p = in->data;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (in->size < DIRECTORY_LEAST || get_be32(p) != SIGNATURE_MAGIC_DIRECTORY)
        return false;
    const uint32_t hashes = get_be32(p + 16);
    *out = (struct macho_code_directory){.whole = *in,
                                         .version = get_be32(p + 8),
                                         .flags = get_be32(p + 12),
                                         .identifier = text_at(in, get_be32(p + 20)),
                                         .special_slots = get_be32(p + 24),
                                         .code_slots = get_be32(p + 28),
                                         .code_limit = get_be32(p + 32),
                                         .hash_size = p[36],
                                         .hash_type = p[37],
                                         .platform = p[38],
                                         .page_shift = p[39]};
    const uint64_t special = (uint64_t)out->special_slots * out->hash_size;
    const uint64_t code = (uint64_t)out->code_slots * out->hash_size;
    if (!out->identifier || out->page_shift > 31 || special > hashes || hashes > in->size ||
        code > in->size - hashes || !code_directory_hash(out, p, in->size, digest) ||
        (int)out->hash_size > EVP_MD_get_size(digest_of(out->hash_type)))
        return false;
    out->hashes = p + hashes;
    memcpy(out->cdhash, digest, sizeof(out->cdhash));
    read_later_fields(in, out);
    return true;
}

bool code_directory_page_matches(const struct macho_code_directory *directory,
                                 const struct blob *file, uint32_t index)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    const uint64_t page = directory->page_shift ? 1ull << directory->page_shift : UINT64_MAX;
    const uint64_t start = directory->page_shift ? index * page : 0;
    if (index >= directory->code_slots || start >= directory->code_limit)
        return false;
    const uint64_t left = directory->code_limit - start, size = left < page ? left : page;
    const uint8_t *data = blob_at(file, start, size);
    return data && code_directory_hash(directory, data, (size_t)size, digest) &&
           !memcmp(digest, directory->hashes + (size_t)index * directory->hash_size,
                   directory->hash_size);
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
    struct signature_blob part;
    struct macho_code_directory found;
    bool any = false;
    for (uint32_t i = 0; macho_signature_blob(macho, i, &part); i++)
        if (code_directory_read(&part.whole, &found) &&
            (!any || rank(found.hash_type) > rank(out->hash_type))) {
            *out = found;
            any = true;
        }
    return any;
}
