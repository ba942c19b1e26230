/* SPDX-License-Identifier: MIT */
/* Memory: dependent loads at three sizes, large and small copies, fills, the C library's string
 * functions, strided and scattered stores. */

#include "bench.h"

#include <string.h>

/* ---- dependent loads around a random cycle through SIZE bytes, one line each ---- */

static uint64_t chase(struct bench *b, uint64_t n, size_t size)
{
    enum { LINE = 64 };
    const size_t count = size / LINE;
    uint32_t *order = bench_alloc(count * sizeof(*order));
    uint8_t *lines = bench_alloc(size);
    uint64_t seed = b->seed;
    for (uint32_t k = 0; k < count; k++)
        order[k] = k;
    for (size_t k = count - 1; k > 0; k--) {
        const size_t other = bench_random(&seed) % k;
        const uint32_t kept = order[k];
        order[k] = order[other];
        order[other] = kept;
    }
    for (size_t k = 0; k < count; k++)
        *(void **)(lines + (size_t)order[k] * LINE) = lines + (size_t)order[(k + 1) % count] * LINE;
    bench_begin(b);
    void *at = lines;
    for (uint64_t k = 0; k < n; k++)
        at = *(void **)at;
    return (uint64_t)((uint8_t *)at - lines);
}

static uint64_t chase16k(struct bench *b, uint64_t n)
{
    return chase(b, n, 16 << 10);
}

static uint64_t chase2m(struct bench *b, uint64_t n)
{
    return chase(b, n, 2 << 20);
}

static uint64_t chase64m(struct bench *b, uint64_t n)
{
    return chase(b, n, 64 << 20);
}

/* ---- N copies and fills of 4 MiB ---- */

static uint64_t memcpy4m(struct bench *b, uint64_t n)
{
    enum { SIZE = 4 << 20 };
    uint8_t *from = bench_alloc(SIZE), *to = bench_alloc(SIZE);
    uint64_t seed = b->seed;
    for (size_t k = 0; k < SIZE; k += 64)
        from[k] = (uint8_t)bench_random(&seed);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        memcpy(to, from, SIZE);
        from[k % SIZE] ^= to[SIZE - 64 - k % 64];
    }
    return bench_hash(to, 1 << 16);
}

static uint64_t memset4m(struct bench *b, uint64_t n)
{
    enum { SIZE = 4 << 20 };
    uint8_t *to = bench_alloc(SIZE);
    uint64_t sum = 0;
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        memset(to, (int)(k + b->seed), SIZE);
        sum = bench_mix(sum, to[k * 4099 % SIZE]);
    }
    return sum;
}

/* ---- N copies of 1 to 128 bytes at odd addresses ---- */

static uint64_t memcpy_small(struct bench *b, uint64_t n)
{
    enum { SIZE = 16 << 10 };
    uint8_t *data = bench_alloc(SIZE + 256);
    uint64_t seed = b->seed;
    for (size_t k = 0; k < SIZE; k++)
        data[k] = (uint8_t)bench_random(&seed);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        const uint64_t x = bench_random(&seed);
        memmove(data + (x & (SIZE - 1)), data + (x >> 20 & (SIZE - 1)), (x >> 40 & 127) + 1);
    }
    return bench_hash(data, SIZE);
}

/* ---- strlen, strchr, memchr, strcmp, memcmp of short and long strings ---- */

static uint64_t strops(struct bench *b, uint64_t n)
{
    enum { SIZE = 4096 };
    char *text = bench_alloc(SIZE + 1), *same = bench_alloc(SIZE + 1);
    uint64_t seed = b->seed, sum = 0;
    for (size_t k = 0; k < SIZE; k++)
        text[k] = same[k] = (char)('a' + bench_random(&seed) % 25);
    text[SIZE - 1] = 'z';
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        const size_t at = bench_random(&seed) % SIZE, end = at + (k & 127);
        const char kept = text[end > SIZE ? SIZE : end];
        text[end > SIZE ? SIZE : end] = 0;
        sum += strlen(text + at);
        text[end > SIZE ? SIZE : end] = kept;
        sum += (size_t)(strchr(text + at, 'z') - text);
        sum += (size_t)((const char *)memchr(text, 'z', SIZE) - text);
        sum += (size_t)(strcmp(text + at, same + at) > 0) + (size_t)(memcmp(text, same, at) == 0);
    }
    return sum;
}

/* ---- a matrix of words summed by columns, and scattered increments ---- */

static uint64_t stride(struct bench *b, uint64_t n)
{
    enum { ROWS = 1024, COLUMNS = 512 };
    uint32_t(*words)[COLUMNS] = bench_alloc(ROWS * sizeof(*words));
    uint64_t sum = 0;
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        for (size_t column = 0; column < COLUMNS; column++) {
            for (size_t row = 0; row < ROWS; row++)
                sum += words[row][column] += (uint32_t)(row ^ k);
        }
    }
    return sum;
}

static uint64_t scatter(struct bench *b, uint64_t n)
{
    enum { SIZE = 1 << 20 };
    uint32_t *counts = bench_alloc(SIZE * sizeof(*counts));
    uint64_t seed = b->seed;
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++)
        counts[bench_random(&seed) >> 44] += (uint32_t)k;
    return bench_hash(counts, 1 << 18);
}

const struct benchmark bench_mem[] = {
    {"mem", "chase16k", chase16k, 20000077, 0}, {"mem", "chase2m", chase2m, 2000000, 0},
    {"mem", "chase64m", chase64m, 500000, 0},   {"mem", "memcpy4m", memcpy4m, 60, 0},
    {"mem", "memset4m", memset4m, 120, 0},      {"mem", "memcpy_small", memcpy_small, 4000000, 0},
    {"mem", "strops", strops, 100000, 0},       {"mem", "stride", stride, 20, 0},
    {"mem", "scatter", scatter, 8000000, 0},    {0},
};
