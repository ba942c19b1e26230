/* SPDX-License-Identifier: MIT */
/* gzip and zstd through their libraries, and the chain that undoes whatever it recognises. */

#include "compress.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#define GROW_STEP (4u << 20)
/* Nothing that boots is larger decompressed; a bomb stops here. */
#define OUTPUT_LIMIT (4ull << 30)

struct sink {
    uint8_t *data;
    size_t used, capacity;
};

static bool sink_room(struct sink *sink)
{
    if (sink->used < sink->capacity)
        return true;
    const size_t capacity = sink->capacity ? sink->capacity * 2 : GROW_STEP;
    uint8_t *bigger = capacity > OUTPUT_LIMIT ? NULL : realloc(sink->data, capacity);
    if (!bigger)
        return false;
    sink->data = bigger;
    sink->capacity = capacity;
    return true;
}

bool gzip_recognise(const struct blob *in)
{
    return in->size >= 18 && in->data[0] == 0x1f && in->data[1] == 0x8b;
}

/* Inflates until the end of the member; Z_STREAM_END or a zlib error. */
static int inflate_all(z_stream *z, struct sink *sink)
{
    int status = Z_OK;
    while (status == Z_OK) {
        if (!sink_room(sink))
            return Z_MEM_ERROR;
        const size_t room = sink->capacity - sink->used;
        z->next_out = sink->data + sink->used;
        z->avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
        const uInt before = z->avail_out;
        status = inflate(z, Z_NO_FLUSH);
        sink->used += before - z->avail_out;
    }
    return status;
}

int gzip_decode(const struct blob *in, struct blob *out, struct error *err)
{
    z_stream z = {.next_in = (Bytef *)in->data,
                  .avail_in = in->size > UINT32_MAX ? UINT32_MAX : (uInt)in->size};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return error_set(err, ERROR_OS, "%s: no memory to decompress", in->name);
    struct sink sink = {0};
    const int status = inflate_all(&z, &sink);
    const uint64_t stopped = z.total_in;
    inflateEnd(&z);
    if (status == Z_STREAM_END) {
        blob_adopt(out, sink.data, sink.used, in->name);
        return 0;
    }
    free(sink.data);
    if (status == Z_MEM_ERROR)
        return error_set(err, ERROR_OS, "%s: no memory to decompress it", in->name);
    return blob_error(in, stopped, err, "gzip data is %s here: get a whole copy",
                      status == Z_BUF_ERROR ? "truncated" : "corrupted");
}

int zstd_decode(const struct blob *in, struct blob *out, struct error *err)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx)
        return error_set(err, ERROR_OS, "%s: no memory to decompress", in->name);
    struct sink sink = {0};
    ZSTD_inBuffer input = {.src = in->data, .size = in->size};
    size_t left = 1;
    while (left && !ZSTD_isError(left) && sink_room(&sink)) {
        ZSTD_outBuffer output = {.dst = sink.data, .size = sink.capacity, .pos = sink.used};
        const size_t before = input.pos;
        left = ZSTD_decompressStream(ctx, &output, &input);
        const bool stuck = input.pos == before && output.pos == sink.used;
        sink.used = output.pos;
        if (stuck)
            break;
    }
    ZSTD_freeDCtx(ctx);
    if (!left) {
        blob_adopt(out, sink.data, sink.used, in->name);
        return 0;
    }
    free(sink.data);
    return blob_error(in, input.pos, err,
                      "zstd data is corrupted or truncated here: get a whole copy");
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
    for (decode_fn *decode; (decode = decoder_of(&current));) {
        struct blob next;
        const int result = decode(&current, &next, err);
        blob_free(&current);
        if (result)
            return -1;
        current = next;
    }
    *out = current;
    return 0;
}
