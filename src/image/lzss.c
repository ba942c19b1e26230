/* SPDX-License-Identifier: MIT */
/* LZSS as Apple wraps it ("complzss"): a big-endian header of 0x180 bytes, then flag bytes, least
 * significant bit first, each bit a literal or a pair of 12-bit ring position and 4-bit length less
 * three. The ring begins filled with blanks. Facts: the format as the public img4 tools describe
 * it. Decoding only. */

#include "compress.h"

#include <stdlib.h>
#include <string.h>

#define LZSS_HEADER 0x180
#define RING_SIZE   4096
#define MATCH_MAX   18
#define THRESHOLD   2

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
    return in->size >= LZSS_HEADER && !memcmp(in->data, "complzss", 8);
}

int lzss_decode(const struct blob *in, struct blob *out, struct error *err)
{
    const uint32_t sum = get_be32(in->data + 8), raw_size = get_be32(in->data + 12);
    const uint32_t packed_size = get_be32(in->data + 16);
    struct blob stream;
    if (blob_slice(in, LZSS_HEADER, packed_size, &stream, "the LZSS stream", err))
        return -1;
    /* A pair of two bytes gives at most 18: a header that promises more lies, and must not cost
     * memory. */
    if (raw_size / MATCH_MAX > stream.size)
        return blob_error(in, 12, err,
                          "complzss promises %u bytes from a stream of %zu: corrupted header",
                          raw_size, stream.size);
    struct lzss *lz = calloc(1, sizeof(*lz));
    uint8_t *buffer = malloc(raw_size ? raw_size : 1);
    if (!lz || !buffer) {
        free(lz);
        free(buffer);
        return error_set(err, ERROR_OS, "%s: no memory for %u decompressed bytes", in->name,
                         raw_size);
    }
    *lz = (struct lzss){.in = stream.data,
                        .in_end = stream.data + stream.size,
                        .out = buffer,
                        .out_end = buffer + raw_size,
                        .position = RING_SIZE - MATCH_MAX};
    memset(lz->ring, ' ', RING_SIZE);
    run(lz);
    const size_t produced = (size_t)(lz->out - buffer);
    free(lz);
    blob_adopt(out, buffer, produced, in->name);
    if (produced != raw_size || compress_adler32(buffer, produced) != sum) {
        blob_free(out);
        return blob_error(in, 8, err,
                          "complzss: %zu of %u bytes and a wrong Adler-32: the file is corrupted",
                          produced, raw_size);
    }
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
