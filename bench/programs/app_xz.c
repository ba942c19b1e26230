/* SPDX-License-Identifier: MIT */
/* LZMA2 by Debian's liblzma: N KiB of text encoded, and decoded. */

#include "app_text.h"
#include "bench.h"

#include <lzma.h>

static size_t encode(const uint8_t *text, size_t size, uint8_t *packed)
{
    size_t length = 0;
    bench_check(lzma_easy_buffer_encode(3, LZMA_CHECK_CRC64, NULL, text, size, packed, &length,
                                        2 * size + 4096) == LZMA_OK,
                "lzma_easy_buffer_encode");
    return length;
}

static uint64_t xz_encode(struct bench *b, uint64_t n)
{
    const size_t size = n << 10;
    uint8_t *text = bench_alloc(size), *packed = bench_alloc(2 * size + 4096);
    app_text(text, size, b->seed);
    bench_begin(b);
    return bench_hash(packed, encode(text, size, packed));
}

static uint64_t xz_decode(struct bench *b, uint64_t n)
{
    const size_t size = n << 10;
    uint8_t *text = bench_alloc(size), *packed = bench_alloc(2 * size + 4096);
    app_text(text, size, b->seed);
    const size_t length = encode(text, size, packed);
    uint64_t limit = UINT64_MAX, sum = 0;
    bench_begin(b);
    for (int round = 0; round < 8; round++) {
        size_t in = 0, out = 0;
        bench_check(lzma_stream_buffer_decode(&limit, 0, NULL, packed, &in, length, text, &out,
                                              size) == LZMA_OK,
                    "lzma decoder");
        sum = bench_mix(sum, bench_hash(text, size < 65536 ? size : 65536));
    }
    return sum;
}

const struct benchmark bench_app_xz[] = {
    {"app", "xz_encode", xz_encode, 512, 0},
    {"app", "xz_decode", xz_decode, 256, 0},
    {0},
};
