/* SPDX-License-Identifier: MIT */
/* LZSS as Apple wraps it ("complzss"), and what else has its header ("complzvn": an LZVN stream): a
 * big-endian header of 0x180 bytes, then, for LZSS, flag bytes, least
 * significant bit first, each bit a literal or a pair of 12-bit ring position and 4-bit length less
 * three. The ring begins filled with blanks. Facts: the format as the public img4 tools describe
 * it. */

#include "compress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define LZSS_HEADER 0x180
#define RING_SIZE   4096
#define MATCH_MAX   18
#define THRESHOLD   2
/* The longest match of two bytes in LZVN. */
#define LZVN_MATCH_MAX 271

struct lzss {
    const uint8_t *in, *in_end;
    uint8_t *out, *out_end;
    uint8_t ring[RING_SIZE];
    unsigned position;
};

static bool emit(struct lzss *lz, uint8_t byte)
{
    if (lz->out == lz->out_end)
        return false;
    *lz->out++ = byte;
    lz->ring[lz->position] = byte;
    lz->position = (lz->position + 1) % RING_SIZE;
    return true;
}

static bool copy_pair(struct lzss *lz)
{
    const unsigned low = lz->in[0], high = lz->in[1];
    const unsigned from = low | (high & 0xf0) << 4;
    const unsigned count = (high & 0x0f) + THRESHOLD + 1;
    lz->in += 2;
    for (unsigned i = 0; i < count; i++)
        if (!emit(lz, lz->ring[(from + i) % RING_SIZE]))
            return false;
    return true;
}

/* Runs until either side is exhausted. */
static void run(struct lzss *lz)
{
    for (unsigned flags = 0; lz->in < lz->in_end; flags >>= 1) {
        if (!(flags & 0x100)) {
            flags = *lz->in++ | 0xff00;
            if (lz->in == lz->in_end)
                return;
        }
        if (flags & 1) {
            if (!emit(lz, *lz->in++))
                return;
        } else if (lz->in_end - lz->in < 2 || !copy_pair(lz)) {
            return;
        }
    }
}

bool lzss_recognise(const struct blob *in)
{
    return in->size >= LZSS_HEADER && (!memcmp(in->data, "complzss", 8) || lzss_is_lzvn(in));
}

bool lzss_is_lzvn(const struct blob *in)
{
    return in->size >= LZSS_HEADER && !memcmp(in->data, "complzvn", 8);
}

struct blob lzss_extra(const struct blob *in)
{
    struct blob extra = {.name = in->name};
    const uint64_t end = lzss_recognise(in) ? LZSS_HEADER + (uint64_t)get_be32(in->data + 16) : 0;
    if (end && end < in->size)
        extra = (struct blob){.data = in->data + end,
                              .size = in->size - end,
                              .name = in->name,
                              .origin = in->origin + end};
    return extra;
}

/* Unpacks STREAM; how many bytes it gave, or -1 without memory. */
static ssize_t unpack(const struct blob *stream, uint8_t *out, size_t size)
{
    struct lzss *lz = calloc(1, sizeof(*lz));
    if (!lz)
        return -1;
    *lz = (struct lzss){.in = stream->data,
                        .in_end = stream->data + stream->size,
                        .out = out,
                        .out_end = out + size,
                        .position = RING_SIZE - MATCH_MAX};
    memset(lz->ring, ' ', RING_SIZE);
    run(lz);
    const ssize_t produced = lz->out - out;
    free(lz);
    return produced;
}

int lzss_decode(const struct blob *in, struct blob *out, struct error *err)
{
    const uint32_t sum = get_be32(in->data + 8), raw_size = get_be32(in->data + 12);
    const uint32_t packed_size = get_be32(in->data + 16);
    const bool lzvn = lzss_is_lzvn(in);
    struct blob stream;
    if (blob_slice(in, LZSS_HEADER, packed_size, &stream, "the compressed stream", err))
        return -1;
    /* A pair of two bytes gives so much at most: a header that promises more lies, and must not
     * cost memory. */
    if (raw_size / (lzvn ? LZVN_MATCH_MAX : MATCH_MAX) > stream.size)
        return blob_error(
            in, 12, err,
            "%.8s promises %u bytes from a stream of %zu: corrupted header; get a whole copy",
            (const char *)in->data, raw_size, stream.size);
    uint8_t *buffer = malloc(raw_size ? raw_size : 1);
    const ssize_t produced =
        !buffer ? -1
        : lzvn  ? (ssize_t)lzvn_decode(stream.data, stream.size, buffer, raw_size, 0)
                : unpack(&stream, buffer, raw_size);
    if (produced < 0) {
        free(buffer);
        return error_set(err, ERROR_OS, "%s: no memory for %u decompressed bytes", in->name,
                         raw_size);
    }
    blob_adopt(out, buffer, (size_t)produced, in->name);
    if ((size_t)produced != raw_size || compress_adler32(buffer, raw_size) != sum) {
        blob_free(out);
        return blob_error(
            in, 8, err,
            "%.8s: %zd of %u bytes and a wrong Adler-32: the file is corrupted; get a whole copy",
            (const char *)in->data, produced, raw_size);
    }
    return 0;
}
/* ---- encoding ---- */

#define HASH_SIZE   4096
#define CHAIN_DEPTH 64
#define NOWHERE     SIZE_MAX

/* Earlier places with the same three bytes, by hash, then from each to the one before. Blanks that
 * the ring begins with are not used. */
struct finder {
    size_t head[HASH_SIZE];
    size_t before[RING_SIZE];
};

static size_t hash_of(const uint8_t *p)
{
    return (p[0] << 4 ^ p[1] << 2 ^ p[2] * 33u) % HASH_SIZE;
}

static void insert(struct finder *finder, const uint8_t *data, size_t size, size_t at)
{
    if (size - at <= THRESHOLD)
        return;
    const size_t hash = hash_of(data + at);
    finder->before[at % RING_SIZE] = finder->head[hash];
    finder->head[hash] = at;
}

/* The longest match at AT; its start in *FROM. */
static size_t find_match(const struct finder *finder, const uint8_t *data, size_t size, size_t at,
                         size_t *from)
{
    const size_t limit = size - at < MATCH_MAX ? size - at : MATCH_MAX;
    size_t best = 0;
    if (limit <= THRESHOLD)
        return 0;
    size_t place = finder->head[hash_of(data + at)];
    /* The ring's slots about to be overwritten are left alone. */
    for (int i = 0; i < CHAIN_DEPTH && place != NOWHERE && at - place <= RING_SIZE - MATCH_MAX;
         i++) {
        size_t length = 0;
        while (length < limit && data[place + length] == data[at + length])
            length++;
        if (length > best) {
            best = length;
            *from = place;
        }
        const size_t next = finder->before[place % RING_SIZE];
        place = next != NOWHERE && next < place ? next : NOWHERE;
    }
    return best > THRESHOLD ? best : 0;
}

/* The stream for DATA at OUT, which has room for the worst case; how long it is. */
static size_t encode(struct finder *finder, const uint8_t *data, size_t size, uint8_t *out)
{
    uint8_t *flags = NULL, *const start = out;
    unsigned bit = 8;
    for (size_t at = 0; at < size; bit++) {
        size_t from = 0, length = find_match(finder, data, size, at, &from);
        if (bit == 8) {
            flags = out++;
            *flags = 0;
            bit = 0;
        }
        if (length) {
            const size_t slot = (from + RING_SIZE - MATCH_MAX) % RING_SIZE;
            *out++ = (uint8_t)slot;
            *out++ = (uint8_t)((slot >> 4 & 0xf0) | (length - THRESHOLD - 1));
        } else {
            *flags |= (uint8_t)(1u << bit);
            *out++ = data[at];
            length = 1;
        }
        for (size_t i = 0; i < length; i++, at++)
            insert(finder, data, size, at);
    }
    return (size_t)(out - start);
}

int lzss_encode(const struct blob *in, struct blob *out, struct error *err)
{
    if (in->size > UINT32_MAX)
        return error_set(err, ERROR_DATA, "%s: too large for complzss", in->name);
    struct finder *finder = malloc(sizeof(*finder));
    uint8_t *buffer = calloc(1, LZSS_HEADER + in->size + in->size / 8 + 2);
    if (!finder || !buffer) {
        free(finder);
        free(buffer);
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    }
    memset(finder, 0xff, sizeof(*finder));
    const size_t size = encode(finder, in->data, in->size, buffer + LZSS_HEADER);
    free(finder);
    memcpy(buffer, "complzss", 8);
    put_be32(buffer + 8, compress_adler32(in->data, in->size));
    put_be32(buffer + 12, (uint32_t)in->size);
    put_be32(buffer + 16, (uint32_t)size);
    put_be32(buffer + 20, 1);
    blob_adopt(out, buffer, LZSS_HEADER + size, in->name);
    return 0;
}

uint32_t compress_adler32(const uint8_t *data, size_t size)
{
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < size; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}
