/* SPDX-License-Identifier: MIT */
/* UDIF disk images (.dmg): a trailer of 512 bytes names a property list, whose blkx tables say for
 * each run of sectors where its bytes are and how they are packed (image-format sheet A10). The
 * disk is written out whole, with its holes, and read as any other. Images whose tables are in an
 * old resource fork are refused. */

#include <stdlib.h>
#include <string.h>

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>

#include "compress.h"
#include "container.h"
#include "plist.h"

#define TRAILER     512
#define SECTOR      512u
#define MISH_HEADER 204
#define RUN_SIZE    40
/* Run lengths as hdiutil makes them are at most 2 MiB; this is memory for one run. */
#define LARGEST_RUN  (256u << 20)
#define LARGEST_LIST (64u << 20)
#define LARGEST_DISK (1ull << 42)

enum run_type {
    RUN_ZERO = 0,
    RUN_RAW = 1,
    RUN_IGNORE = 2,
    RUN_ADC = 0x80000004,
    RUN_ZLIB = 0x80000005,
    RUN_BZIP2 = 0x80000006,
    RUN_LZFSE = 0x80000007,
    RUN_XZ = 0x80000008,
    RUN_COMMENT = 0x7ffffffe,
    RUN_END = 0xffffffff,
};

struct run {
    uint32_t type;
    uint64_t sector, count, offset, size; /* sectors of the disk; bytes of the image */
};

bool udif_recognise(const struct source *in)
{
    uint8_t magic[4];
    return in->size >= TRAILER && source_peek(in, in->size - TRAILER, magic, 4) == 4 &&
           !memcmp(magic, "koly", 4);
}

static int unpack_zlib(const uint8_t *in, size_t size, uint8_t *out, size_t *room)
{
    uLongf made = *room;
    const int status = uncompress(out, &made, in, size);
    *room = made;
    return status == Z_OK ? 0 : -1;
}

static int unpack_bzip2(const uint8_t *in, size_t size, uint8_t *out, size_t *room)
{
    unsigned made = (unsigned)*room;
    const int status =
        BZ2_bzBuffToBuffDecompress((char *)out, &made, (char *)in, (unsigned)size, 0, 0);
    *room = made;
    return status == BZ_OK ? 0 : -1;
}

static int unpack_xz(const uint8_t *in, size_t size, uint8_t *out, size_t *room)
{
    uint64_t memory = 512u << 20;
    size_t used = 0, made = 0;
    const lzma_ret status =
        lzma_stream_buffer_decode(&memory, 0, NULL, in, &used, size, out, &made, *room);
    *room = made;
    return status == LZMA_OK ? 0 : -1;
}

static int unpack_lzfse(const uint8_t *in, size_t size, uint8_t *out, size_t *room)
{
    const struct blob packed = {.data = in, .size = size, .name = ""};
    struct blob plain;
    if (lzfse_decode(&packed, &plain, NULL))
        return -1;
    const bool fits = plain.size <= *room;
    if (fits)
        memcpy(out, plain.data, plain.size);
    *room = plain.size;
    blob_free(&plain);
    return fits ? 0 : -1;
}

static int unpack_adc(const uint8_t *in, size_t size, uint8_t *out, size_t *room)
{
    *room = adc_decode(in, size, out, *room);
    return *room ? 0 : -1;
}

typedef int unpack_fn(const uint8_t *in, size_t size, uint8_t *out, size_t *room);

static unpack_fn *unpacker(uint32_t type)
{
    switch (type) {
    case RUN_ADC:
        return unpack_adc;
    case RUN_ZLIB:
        return unpack_zlib;
    case RUN_BZIP2:
        return unpack_bzip2;
    case RUN_LZFSE:
        return unpack_lzfse;
    case RUN_XZ:
        return unpack_xz;
    default:
        return NULL;
    }
}

/* Reads and unpacks RUN into memory that the caller frees; *MADE bytes. NULL and *ERR. */
static uint8_t *unpack_run(const struct source *in, const struct run *run, size_t *made,
                           struct error *err)
{
    const size_t plain = (size_t)(run->count * SECTOR);
    uint8_t *packed = malloc(run->size + 1), *out = malloc(plain + 1);
    bool good = packed && out;
    if (!good)
        error_set(err, ERROR_OS, "%s: no memory for a run of %zu bytes", in->name, plain);
    good = good && !source_read(in, run->offset, packed, run->size, err);
    *made = plain;
    if (good && run->type == RUN_RAW) {
        *made = run->size < plain ? run->size : plain;
        memcpy(out, packed, *made);
    } else if (good && unpacker(run->type)(packed, run->size, out, made)) {
        source_error(in, run->offset, err,
                     "this run of the disk image is corrupted: get a whole copy");
        good = false;
    }
    free(packed);
    if (good)
        return out;
    free(out);
    return NULL;
}

static int check_run(const struct source *in, const struct run *run, struct error *err)
{
    if (run->type != RUN_RAW && !unpacker(run->type))
        return source_error(in, run->offset, err, "run type 0x%x is unknown", run->type);
    if (run->count > LARGEST_RUN / SECTOR || run->size > LARGEST_RUN)
        return source_error(in, run->offset, err,
                            "a run of 0x%llx sectors: corrupted; get a whole copy",
                            (unsigned long long)run->count);
    return 0;
}

/* Puts the run at its sector; runs may come in any order. */
static int write_run(const struct source *in, const struct run *run, struct source *out,
                     struct error *err)
{
    const uint64_t at = run->sector * SECTOR;
    size_t made;
    if (run->sector > LARGEST_DISK / SECTOR || run->count > LARGEST_DISK / SECTOR)
        return source_error(in, run->offset, err,
                            "a run at sector 0x%llx: corrupted; get a whole copy",
                            (unsigned long long)run->sector);
    if (run->type != RUN_ZERO && run->type != RUN_IGNORE) {
        if (check_run(in, run, err))
            return -1;
        uint8_t *data = unpack_run(in, run, &made, err);
        if (!data)
            return -1;
        const int result = source_write(out, at, data, made, err);
        free(data);
        if (result)
            return -1;
    }
    return source_grow(out, at + run->count * SECTOR, err);
}

/* The runs of one "mish" table. */
static int write_table(const struct source *in, uint64_t data_fork, const struct plist *table,
                       struct source *out, struct error *err)
{
    const struct plist *data = plist_get(table, "Data");
    if (!data || data->kind != PLIST_DATA || data->size < MISH_HEADER ||
        memcmp(data->data, "mish", 4))
        return source_error(in, 0, err,
                            "a blkx entry without its table: corrupted; get a whole copy");
    const uint64_t first = get_be64(data->data + 8), start = get_be64(data->data + 24);
    const uint32_t count = get_be32(data->data + 200);
    if (count > (data->size - MISH_HEADER) / RUN_SIZE)
        return source_error(in, 0, err,
                            "a blkx table of %u runs in %zu bytes: corrupted; get a whole copy",
                            count, data->size);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = data->data + MISH_HEADER + (size_t)i * RUN_SIZE;
        const struct run run = {.type = get_be32(p),
                                .sector = first + get_be64(p + 8),
                                .count = get_be64(p + 16),
                                .offset = data_fork + start + get_be64(p + 24),
                                .size = get_be64(p + 32)};
        if (run.type == RUN_END)
            break;
        if (run.type != RUN_COMMENT && write_run(in, &run, out, err))
            return -1;
    }
    return 0;
}

static int read_list(const struct source *in, const uint8_t *trailer, struct plist **list,
                     struct error *err)
{
    const uint64_t offset = get_be64(trailer + 216), size = get_be64(trailer + 224);
    struct source range;
    struct blob text;
    if (!size || size > LARGEST_LIST)
        return source_error(in, in->size - TRAILER + 216, err,
                            "a disk image without a property list of its runs (an old resource "
                            "fork?): convert it with hdiutil or dmg2img");
    if (source_range(in, offset, size, "(property list)", &range, err))
        return -1;
    int result = source_map(&range, &text, err);
    if (!result) {
        result = plist_parse(&text, list, err);
        blob_free(&text);
    }
    source_close(&range);
    return result;
}

int udif_unwrap(const struct source *in, struct source *out, struct error *err)
{
    uint8_t trailer[TRAILER];
    struct plist *list = NULL;
    if (source_read(in, in->size - TRAILER, trailer, TRAILER, err) ||
        read_list(in, trailer, &list, err))
        return -1;
    const struct plist *tables = plist_get(plist_get(list, "resource-fork"), "blkx");
    int result = tables ? source_spool(in, "(disk)", get_be64(trailer + 492) * SECTOR, out, err)
                        : source_error(in, 0, err, "the property list names no blkx tables");
    if (!result) {
        for (const struct plist *table = tables->children; table && !result; table = table->next)
            result = write_table(in, get_be64(trailer + 24), plist_resolve(table), out, err);
        const uint64_t size = get_be64(trailer + 492) * SECTOR;
        if (!result && size <= LARGEST_DISK)
            result = source_grow(out, size, err);
        if (result)
            source_close(out);
    }
    plist_free(list);
    return result;
}
