/* SPDX-License-Identifier: MIT */
/* Deflate and inflate by Debian's zlib: N times 256 KiB of text. */

#include "app_text.h"
#include "bench.h"

#include <zlib.h>

enum { SIZE = 256 << 10 };

static uint64_t zlib_deflate(struct bench *b, uint64_t n)
{
    uint8_t *text = bench_alloc(SIZE), *packed = bench_alloc(2 * SIZE);
    uint64_t sum = 0;
    app_text(text, SIZE, b->seed);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        uLongf length = 2 * SIZE;
        bench_check(compress2(packed, &length, text, SIZE, 6) == Z_OK, "compress2");
        sum = bench_mix(sum, adler32(length, packed, (uInt)length));
        text[k % SIZE] ^= 1;
    }
    return sum;
}

static uint64_t zlib_inflate(struct bench *b, uint64_t n)
{
    uint8_t *text = bench_alloc(SIZE), *packed = bench_alloc(2 * SIZE);
    uLongf length = 2 * SIZE;
    uint64_t sum = 0;
    app_text(text, SIZE, b->seed);
    bench_check(compress2(packed, &length, text, SIZE, 6) == Z_OK, "compress2");
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        uLongf size = SIZE;
        bench_check(uncompress(text, &size, packed, length) == Z_OK, "uncompress");
        sum = bench_mix(sum, text[k * 4099 % SIZE]);
    }
    return bench_mix(sum, crc32(0, text, SIZE));
}

const struct benchmark bench_app_zlib[] = {
    {"app", "zlib_deflate", zlib_deflate, 4, 0},
    {"app", "zlib_inflate", zlib_inflate, 30, 0},
    {0},
};
