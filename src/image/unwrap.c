/* SPDX-License-Identifier: MIT */
/* What lies around a container or a file: partition tables, and the packings that are undone in
 * memory. Of a partitioned disk only the partitions count that begin as HFS+ or APFS does. */

#include <stdlib.h>
#include <string.h>

#include "compress.h"
#include "container.h"

#define LARGEST_ENTRY 4096u
#define MAX_ENTRIES   256u
/* What has to be in memory to know whether it is an IM4P. */
#define HEAD_SIZE 64u

struct partition {
    uint64_t offset, size;
};

static bool holds_file_system(const struct source *in, const struct partition *partition)
{
    struct source range = *in;
    if (partition->offset > in->size || partition->size > in->size - partition->offset)
        return false;
    range.offset += partition->offset;
    range.size = partition->size;
    return container_hfs.recognise(&range) || container_apfs.recognise(&range);
}

/* GUID partition table with blocks of SECTOR bytes. */
static bool find_gpt(const struct source *in, unsigned sector, unsigned index,
                     struct partition *out)
{
    uint8_t head[92], entry[128];
    if (source_peek(in, sector, head, sizeof(head)) != sizeof(head) || memcmp(head, "EFI PART", 8))
        return false;
    const uint64_t table = get_le64(head + 72);
    const uint32_t count = get_le32(head + 80), each = get_le32(head + 84);
    if (each < sizeof(entry) || each > LARGEST_ENTRY || table > in->size / sector)
        return false;
    for (uint32_t i = 0; i < count && i < MAX_ENTRIES; i++) {
        if (source_peek(in, table * sector + (uint64_t)i * each, entry, sizeof(entry)) !=
            sizeof(entry))
            return false;
        const uint64_t first = get_le64(entry + 32), last = get_le64(entry + 40);
        if (first > last || last >= in->size / sector)
            continue;
        *out = (struct partition){.offset = first * sector, .size = (last - first + 1) * sector};
        if (holds_file_system(in, out) && !index--)
            return true;
    }
    return false;
}

/* Apple partition map: a block each from block 1 on. */
static bool find_apm(const struct source *in, unsigned index, struct partition *out)
{
    uint8_t head[4], entry[16];
    if (source_peek(in, 0, head, 4) != 4 || memcmp(head, "ER", 2))
        return false;
    const uint32_t block = (uint32_t)head[2] << 8 | head[3];
    for (uint32_t i = 1; block && i < MAX_ENTRIES; i++) {
        if (source_peek(in, (uint64_t)i * block, entry, sizeof(entry)) != sizeof(entry) ||
            memcmp(entry, "PM", 2))
            return false;
        *out = (struct partition){.offset = (uint64_t)get_be32(entry + 8) * block,
                                  .size = (uint64_t)get_be32(entry + 12) * block};
        if (holds_file_system(in, out) && !index--)
            return true;
    }
    return false;
}

static bool find_partition(const struct source *in, unsigned index, struct partition *out)
{
    return find_gpt(in, 512, index, out) || find_gpt(in, 4096, index, out) ||
           find_apm(in, index, out);
}

bool partition_recognise(const struct source *in, unsigned index)
{
    struct partition partition;
    return find_partition(in, index, &partition);
}

int partition_unwrap(const struct source *in, unsigned index, struct source *out, struct error *err)
{
    struct partition partition = {0};
    if (!find_partition(in, index, &partition))
        return source_error(in, 0, err, "no partition here");
    return source_range(in, partition.offset, partition.size, "(partition)", out, err);
}

/* Whether the first bytes are those of a DER SEQUENCE with IMG4 or IM4P as its first element. */
static bool looks_like_im4p(const uint8_t *head, size_t size)
{
    size_t at = 2;
    if (size < 2 || head[0] != 0x30)
        return false;
    if (head[1] & 0x80)
        at += head[1] & 0x7f;
    return at + 6 <= size && !memcmp(head + at, "\x16\x04IM", 4);
}

bool packed_recognise(const struct source *in)
{
    uint8_t bytes[HEAD_SIZE];
    const size_t size = source_peek(in, 0, bytes, sizeof(bytes));
    /* The recognisers want to see that a whole header is there, which the file's size says. */
    const struct blob head = {.data = bytes, .size = size, .name = in->name};
    return looks_like_im4p(bytes, size) || lzfse_recognise(&head) || gzip_recognise(&head) ||
           (size >= 8 && (!memcmp(bytes, "complzss", 8) || !memcmp(bytes, "complzvn", 8)));
}

int packed_unwrap(const struct source *in, struct source *out, struct error *err)
{
    struct blob whole, plain;
    if (source_map(in, &whole, err))
        return -1;
    int result = image_unpack(&whole, source_keys(in->context), &plain, err);
    if (!result) {
        result = plain.data == whole.data
                     ? source_error(in, 0, err, "the compressed data is cut off: get a whole copy")
                     : source_spool(in, "(payload)", plain.size, out, err);
        if (!result && source_append(out, plain.data, plain.size, err)) {
            source_close(out);
            result = -1;
        }
        blob_free(&plain);
    }
    blob_free(&whole);
    return result;
}
