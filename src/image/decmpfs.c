/* SPDX-License-Identifier: MIT */
/* decmpfs: an attribute of 16 bytes ("fpmc", kind, size), behind which a small file's data lies; a
 * large one's lies in the resource fork, in pieces of 64 KiB. The kinds come in pairs, attribute
 * and fork: zlib, LZVN, stored, LZFSE. What packing would have enlarged is stored behind a byte
 * that the packing cannot begin with. The fork begins with a table of where the pieces are; zlib's
 * is the only one inside a resource, behind a resource fork's header. Facts: <sys/decmpfs.h> of XNU
 * for the attribute, and the layouts as 7-Zip, libfshfs and libfsapfs read them. Not read: LZBITMAP
 * (13, 14), and pieces in another volume's store (5). */

#include "decmpfs.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "compress.h"

#define HEADER      16u
#define PIECE       65536u
#define FORK_HEADER 0x104u /* of the resource fork and of the resource, before zlib's table */
/* A piece that did not get smaller has its mark, or an encoder's overhead. */
#define LARGEST_PIECE (PIECE + 4096u)

enum packing { ZLIB, LZVN, STORED, LZFSE, PACKINGS };

static const struct kind {
    uint32_t number; /* in the attribute; one more: in the fork */
    enum packing packing;
} kinds[] = {{3, ZLIB}, {7, LZVN}, {9, STORED}, {11, LZFSE}};

bool decmpfs_size(const struct blob *attribute, uint64_t *size)
{
    if (attribute->size < HEADER || memcmp(attribute->data, "fpmc", 4))
        return false;
    *size = get_le64(attribute->data + 8);
    return true;
}

/* Whether what begins with FIRST is stored behind it. */
static bool is_mark(enum packing packing, uint8_t first)
{
    static const uint8_t marks[PACKINGS] = {[LZVN] = 0x06, [STORED] = 0xcc, [LZFSE] = 0xff};
    return packing == ZLIB ? (first & 15) == 15 : first == marks[packing];
}

/* Unpacks exactly OUT_SIZE bytes. */
static bool unpack(enum packing packing, const uint8_t *in, size_t size, uint8_t *out,
                   size_t out_size)
{
    uLongf made = out_size;
    if (size == out_size + 1 && is_mark(packing, *in)) {
        memcpy(out, in + 1, out_size);
        return true;
    }
    switch (packing) {
    case ZLIB:
        return uncompress(out, &made, in, size) == Z_OK && made == out_size;
    case LZVN:
        return lzvn_decode(in, size, out, out_size, 0) == out_size;
    case LZFSE: {
        const struct blob packed = {.data = in, .size = size, .name = ""};
        struct blob plain;
        if (!lzfse_recognise(&packed) || lzfse_decode(&packed, &plain, NULL))
            return false;
        const bool fits = plain.size == out_size;
        if (fits)
            memcpy(out, plain.data, out_size);
        blob_free(&plain);
        return fits;
    }
    default:
        if (size == out_size)
            memcpy(out, in, out_size);
        return size == out_size;
    }
}

static int damaged(const struct source *out, uint64_t at, struct error *err)
{
    return source_error(out, at, err,
                        "the file system's compressed data is corrupted: get a whole copy");
}

static int decode_attribute(enum packing packing, const struct blob *attribute, uint64_t size,
                            struct source *out, struct error *err)
{
    const uint8_t *in = attribute->data + HEADER;
    const size_t packed = attribute->size - HEADER;
    /* Nothing that fits an attribute gets longer than this. */
    if (size > (uint64_t)LARGEST_PIECE * 256)
        return damaged(out, 0, err);
    uint8_t *plain = malloc(size + 1);
    if (!plain)
        return error_set(err, ERROR_OS, "%s: no memory", out->name);
    const int result = packed && unpack(packing, in, packed, plain, size)
                           ? source_append(out, plain, size, err)
                           : damaged(out, 0, err);
    free(plain);
    return result;
}

/* Where piece INDEX of COUNT is in the fork. */
static int find_piece(enum packing packing, const struct source *fork, uint64_t index,
                      uint64_t count, uint64_t *at, uint64_t *size, struct error *err)
{
    uint8_t entry[8];
    if (packing == ZLIB) {
        if (source_read(fork, FORK_HEADER + 4 + 8 * index, entry, 8, err))
            return -1;
        *at = FORK_HEADER + (uint64_t)get_le32(entry);
        *size = get_le32(entry + 4);
    } else {
        if (source_read(fork, 4 * index, entry, 8, err))
            return -1;
        *at = get_le32(entry);
        *size = get_le32(entry + 4) - *at;
        if (*at < 4 * (count + 1))
            return damaged(fork, 4 * index, err);
    }
    return *size && *size <= LARGEST_PIECE ? 0 : damaged(fork, *at, err);
}

static int decode_fork(enum packing packing, const struct source *fork, uint64_t size,
                       struct source *out, struct error *err)
{
    const uint64_t count = size / PIECE + (size % PIECE != 0);
    uint8_t *packed = malloc(LARGEST_PIECE), *plain = malloc(PIECE);
    int result = packed && plain ? 0 : error_set(err, ERROR_OS, "%s: no memory", out->name);
    if (!result && count > fork->size / 4)
        result = damaged(fork, 0, err);
    for (uint64_t i = 0; !result && i < count; i++) {
        const size_t wanted = i + 1 < count ? PIECE : (size_t)(size - i * PIECE);
        uint64_t at, length;
        result = find_piece(packing, fork, i, count, &at, &length, err) ||
                 source_read(fork, at, packed, length, err);
        if (!result && !unpack(packing, packed, length, plain, wanted))
            result = damaged(fork, at, err);
        result = result || source_append(out, plain, wanted, err) ? -1 : 0;
    }
    free(packed);
    free(plain);
    return result;
}

int decmpfs_decode(const struct blob *attribute, const struct source *fork, struct source *out,
                   struct error *err)
{
    uint64_t size;
    if (!decmpfs_size(attribute, &size))
        return damaged(out, 0, err);
    const uint32_t number = get_le32(attribute->data + 4);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (number == kinds[i].number)
            return decode_attribute(kinds[i].packing, attribute, size, out, err);
        else if (number == kinds[i].number + 1)
            return decode_fork(kinds[i].packing, fork, size, out, err);
    return source_error(out, 0, err,
                        "compressed by the file system in a way (%u) that is not read: copy it "
                        "with ditto --nohfsCompression first",
                        number);
}
