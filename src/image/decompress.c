/* SPDX-License-Identifier: MIT */
/* gzip, zstd and xz through their libraries, and the chain that undoes whatever it recognises. */

#include "compress.h"

#include <stdlib.h>
#include <string.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define GROW_STEP (4u << 20)
/* zlib counts a chunk of input in 32 bits. */
#define CHUNK (1u << 30)
/* Nested compression beyond this is a file that unpacks to itself. */
#define LAYERS 4
/* What a stream may ask for, dictionary and all. */
#define XZ_MEMORY (256ull << 20)

struct sink {
    uint8_t *data;
    size_t used, capacity;
};

/* Room for a byte more at least; 0, or -1 and *ERR when IN, at OFFSET, is too much. */
static int sink_room(struct sink *sink, const struct blob *in, uint64_t offset, struct error *err)
{
    if (sink->used < sink->capacity)
        return 0;
    const size_t capacity = sink->capacity ? sink->capacity * 2 : GROW_STEP;
    if (capacity > DECOMPRESSED_MAX)
        return decompressed_too_large(in, offset, err);
    uint8_t *bigger = realloc(sink->data, capacity);
    if (!bigger)
        return error_set(err, ERROR_OS, "%s: no memory to decompress it", in->name);
    sink->data = bigger;
    sink->capacity = capacity;
    return 0;
}

int decompressed_too_large(const struct blob *in, uint64_t offset, struct error *err)
{
    return blob_error(in, offset, err,
                      "more than %llu GiB when decompressed, which nothing that boots is",
                      (unsigned long long)(DECOMPRESSED_MAX >> 30));
}

bool gzip_recognise(const struct blob *in)
{
    return in->size >= 18 && in->data[0] == 0x1f && in->data[1] == 0x8b;
}

/* Gives Z the next chunk of IN when it has used up the last. */
static void feed(z_stream *z, const struct blob *in)
{
    const size_t left = in->size - (size_t)(z->next_in - in->data);
    if (!z->avail_in)
        z->avail_in = left < CHUNK ? (uInt)left : CHUNK;
}

/* Inflates until the end of the member: 0, or -1 and *ERR. */
static int inflate_all(z_stream *z, const struct blob *in, struct sink *sink, struct error *err)
{
    int status = Z_OK;
    while (status == Z_OK) {
        if (sink_room(sink, in, z->total_in, err))
            return -1;
        feed(z, in);
        const size_t room = sink->capacity - sink->used;
        const uInt given = room < CHUNK ? (uInt)room : CHUNK;
        z->next_out = sink->data + sink->used;
        z->avail_out = given;
        status = inflate(z, Z_NO_FLUSH);
        sink->used += given - z->avail_out;
    }
    if (status == Z_STREAM_END)
        return 0;
    if (status == Z_MEM_ERROR)
        return error_set(err, ERROR_OS, "%s: no memory to decompress it", in->name);
    return blob_error(in, z->total_in, err, "gzip data is %s here: get a whole copy",
                      status == Z_BUF_ERROR ? "truncated" : "corrupted");
}

int gzip_decode(const struct blob *in, struct blob *out, struct error *err)
{
    z_stream z = {.next_in = (Bytef *)in->data};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return error_set(err, ERROR_OS, "%s: no memory to decompress", in->name);
    struct sink sink = {0};
    const int result = inflate_all(&z, in, &sink, err);
    inflateEnd(&z);
    if (result)
        free(sink.data);
    else
        blob_adopt(out, sink.data, sink.used, in->name);
    return result;
}

/* Decompresses one frame: 0, or -1 and *ERR. */
static int zstd_all(ZSTD_DCtx *ctx, const struct blob *in, struct sink *sink, struct error *err)
{
    ZSTD_inBuffer input = {.src = in->data, .size = in->size};
    for (size_t left = 1; left;) {
        if (sink_room(sink, in, input.pos, err))
            return -1;
        ZSTD_outBuffer output = {.dst = sink->data, .size = sink->capacity, .pos = sink->used};
        const size_t before = input.pos;
        left = ZSTD_decompressStream(ctx, &output, &input);
        const bool stuck = input.pos == before && output.pos == sink->used;
        sink->used = output.pos;
        if (ZSTD_isError(left) || (left && stuck))
            return blob_error(in, input.pos, err,
                              "zstd data is corrupted or truncated here: get a whole copy");
    }
    return 0;
}

int zstd_decode(const struct blob *in, struct blob *out, struct error *err)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx)
        return error_set(err, ERROR_OS, "%s: no memory to decompress", in->name);
    struct sink sink = {0};
    const int result = zstd_all(ctx, in, &sink, err);
    ZSTD_freeDCtx(ctx);
    if (result)
        free(sink.data);
    else
        blob_adopt(out, sink.data, sink.used, in->name);
    return result;
}

/* Decompresses up to the end of the stream: 0, or -1 and *ERR. */
static int xz_all(lzma_stream *xz, const struct blob *in, struct sink *sink, struct error *err)
{
    lzma_ret status = LZMA_OK;
    xz->next_in = in->data;
    xz->avail_in = in->size;
    while (status == LZMA_OK) {
        if (sink_room(sink, in, xz->total_in, err))
            return -1;
        xz->next_out = sink->data + sink->used;
        xz->avail_out = sink->capacity - sink->used;
        status = lzma_code(xz, LZMA_FINISH);
        sink->used = sink->capacity - xz->avail_out;
    }
    if (status == LZMA_STREAM_END)
        return 0;
    if (status == LZMA_MEM_ERROR || status == LZMA_MEMLIMIT_ERROR)
        return error_set(err, ERROR_OS, "%s: no memory to decompress it", in->name);
    return blob_error(in, xz->total_in, err,
                      "xz data is corrupted or truncated here: get a whole copy");
}

int xz_decode(const struct blob *in, struct blob *out, struct error *err)
{
    lzma_stream xz = LZMA_STREAM_INIT;
    if (lzma_auto_decoder(&xz, XZ_MEMORY, 0) != LZMA_OK)
        return error_set(err, ERROR_OS, "%s: no memory to decompress", in->name);
    struct sink sink = {0};
    const int result = xz_all(&xz, in, &sink, err);
    lzma_end(&xz);
    if (result)
        free(sink.data);
    else
        blob_adopt(out, sink.data, sink.used, in->name);
    return result;
}

typedef int decode_fn(const struct blob *in, struct blob *out, struct error *err);

static decode_fn *decoder_of(const struct blob *in)
{
    if (lzss_recognise(in))
        return lzss_decode;
    if (lzfse_recognise(in))
        return lzfse_decode;
    if (gzip_recognise(in))
        return gzip_decode;
    return NULL;
}

int decompress_any(const struct blob *in, struct blob *out, struct error *err)
{
    struct blob current = *in;
    current.owned = NULL;
    current.mapped = 0;
    unsigned layers = 0;
    for (decode_fn *decode; (decode = decoder_of(&current));) {
        struct blob next;
        const int result =
            ++layers > LAYERS
                ? blob_error(&current, 0, err, "compressed more than %u times over", LAYERS)
                : decode(&current, &next, err);
        blob_free(&current);
        if (result)
            return -1;
        current = next;
    }
    *out = current;
    return 0;
}
