/* SPDX-License-Identifier: MIT */
/* Loops that the compiler makes vector code of (-O3), and GCC's vector types where it would not:
 * single precision, bytes, 32-bit words, permutations. Sums of floating point are made in a fixed
 * order, so that both instruction sets agree but for FMA. */

#include "bench.h"

#include <string.h>

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef uint16_t halves __attribute__((vector_size(16)));
typedef uint32_t words __attribute__((vector_size(16)));

#ifdef __x86_64__
#define WITH_SHUFFLE __attribute__((target("ssse3")))
#else
#define WITH_SHUFFLE
#endif

enum { COUNT = 8192 };

static void fill(void *memory, size_t size, uint64_t seed)
{
    uint8_t *byte = memory;
    for (size_t k = 0; k < size; k++)
        byte[k] = (uint8_t)(bench_random(&seed) >> 32);
}

/* ---- single precision ---- */

static void fill_float(float *to, size_t count, uint64_t seed)
{
    for (size_t k = 0; k < count; k++)
        to[k] = (float)(bench_random(&seed) >> 40) * 0x1p-24F;
}

static uint64_t saxpy(struct bench *b, uint64_t n)
{
    float *restrict x = bench_alloc(COUNT * sizeof(*x)), *restrict y =
                                                             bench_alloc(COUNT * sizeof(*y));
    fill_float(x, COUNT, b->seed);
    fill_float(y, COUNT, b->seed + 1);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        const float a = 0.5F - (float)(round & 3) / 4;
        for (int k = 0; k < COUNT; k++)
            y[k] = a * x[k] + y[k];
    }
    return bench_hash(y, COUNT * sizeof(*y));
}

static uint64_t fir(struct bench *b, uint64_t n)
{
    enum { TAPS = 16 };
    float *restrict in = bench_alloc((COUNT + TAPS) * sizeof(*in)), *restrict out = bench_alloc(
                                                                        COUNT * sizeof(*out));
    float taps[TAPS];
    fill_float(in, COUNT + TAPS, b->seed);
    fill_float(taps, TAPS, b->seed + 7);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        memset(out, 0, COUNT * sizeof(*out));
        for (int k = 0; k < COUNT; k += 8) {
            float sum[8] = {0};
            for (int tap = 0; tap < TAPS; tap++) {
                for (int lane = 0; lane < 8; lane++)
                    sum[lane] += in[k + lane + tap] * taps[tap];
            }
            memcpy(out + k, sum, sizeof(sum));
        }
        in[round % COUNT] = out[round * 7 % COUNT] * 0.125F;
    }
    return bench_hash(out, COUNT * sizeof(*out));
}

/* Multiplications, square roots, quotients, minima and comparisons of four lanes. */
static uint64_t fmix(struct bench *b, uint64_t n)
{
    float *restrict x = bench_alloc(COUNT * sizeof(*x)), *restrict y =
                                                             bench_alloc(COUNT * sizeof(*y));
    fill_float(x, COUNT, b->seed);
    fill_float(y, COUNT, b->seed + 1);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < COUNT; k++) {
            const float root = __builtin_sqrtf(x[k] + 1.0F), ratio = (y[k] + 0.25F) / root;
            y[k] = ratio > x[k] ? ratio - x[k] : ratio * 0.5F;
        }
    }
    return bench_hash(y, COUNT * sizeof(*y));
}

/* ---- bytes ---- */

static uint64_t dot_i8(struct bench *b, uint64_t n)
{
    int8_t *restrict x = bench_alloc(COUNT), *restrict y = bench_alloc(COUNT);
    uint64_t total = 0;
    fill(x, COUNT, b->seed);
    fill(y, COUNT, b->seed + 1);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        int32_t sum = 0;
        for (int k = 0; k < COUNT; k++)
            sum += (int32_t)x[k] * y[k];
        total = bench_mix(total, (uint64_t)sum);
        x[round % COUNT] = (int8_t)total;
    }
    return total;
}

static uint64_t sad_u8(struct bench *b, uint64_t n)
{
    uint8_t *restrict x = bench_alloc(COUNT), *restrict y = bench_alloc(COUNT);
    uint64_t total = 0;
    fill(x, COUNT, b->seed);
    fill(y, COUNT, b->seed + 1);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        uint32_t sum = 0;
        for (int k = 0; k < COUNT; k++) {
            const int difference = x[k] - y[k];
            sum += (uint32_t)(difference < 0 ? -difference : difference);
        }
        total = bench_mix(total, sum);
        x[round % COUNT] = (uint8_t)total;
    }
    return total;
}

static uint64_t blend_u8(struct bench *b, uint64_t n)
{
    uint8_t *restrict x = bench_alloc(COUNT), *restrict y = bench_alloc(COUNT),
                      *restrict alpha = bench_alloc(COUNT);
    fill(x, COUNT, b->seed);
    fill(y, COUNT, b->seed + 1);
    fill(alpha, COUNT, b->seed + 2);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < COUNT; k++)
            y[k] = (uint8_t)((x[k] * alpha[k] + y[k] * (255 - alpha[k]) + 127) >> 8);
        alpha[round % COUNT] ^= y[round * 5 % COUNT];
    }
    return bench_hash(y, COUNT);
}

/* Bytes found: comparison, selection and a reduction, as in string functions. */
static uint64_t count_u8(struct bench *b, uint64_t n)
{
    uint8_t *text = bench_alloc(COUNT);
    uint64_t total = 0;
    fill(text, COUNT, b->seed);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        uint32_t lines = 0, capitals = 0;
        for (int k = 0; k < COUNT; k++) {
            lines += text[k] == '\n';
            capitals += (uint8_t)(text[k] - 'A') < 26;
        }
        total = bench_mix(total, lines * 65536 + capitals);
        text[round % COUNT] = (uint8_t)total;
    }
    return total;
}

/* ---- 32-bit words ---- */

static uint64_t i32mix(struct bench *b, uint64_t n)
{
    uint32_t *restrict x = bench_alloc(COUNT * sizeof(*x)), *restrict y =
                                                                bench_alloc(COUNT * sizeof(*y));
    fill(x, COUNT * sizeof(*x), b->seed);
    fill(y, COUNT * sizeof(*y), b->seed + 1);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < COUNT; k++) {
            const uint32_t z = (x[k] << 5 | x[k] >> 27) + (y[k] ^ x[k] >> 3);
            y[k] = z * 0x9e3779b1 + (z > y[k] ? z : y[k] & ~x[k]);
        }
    }
    return bench_hash(y, COUNT * sizeof(*y));
}

/* 16-bit: saturating sums of pixels and a rounding mean. */
static uint64_t i16sat(struct bench *b, uint64_t n)
{
    int16_t *restrict x = bench_alloc(COUNT * sizeof(*x)), *restrict y =
                                                               bench_alloc(COUNT * sizeof(*y));
    fill(x, COUNT * sizeof(*x), b->seed);
    fill(y, COUNT * sizeof(*y), b->seed + 1);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < COUNT; k++) {
            int32_t sum = x[k] + y[k];
            sum = sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum;
            y[k] = (int16_t)((sum * 3 + x[k] + 2) >> 2);
        }
    }
    return bench_hash(y, COUNT * sizeof(*y));
}

/* ---- permutations: reversal, interleaving, table look-up ---- */

WITH_SHUFFLE static uint64_t shuffle(struct bench *b, uint64_t n)
{
    bytes *data = bench_alloc(COUNT), table;
    fill(data, COUNT, b->seed);
    fill(&table, sizeof(table), b->seed + 9);
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < COUNT / 16; k += 2) {
            const bytes low = data[k], high = data[k + 1];
            const bytes reversed = __builtin_shuffle(
                low, (bytes){15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0});
            const bytes zipped = __builtin_shuffle(
                reversed, high, (bytes){0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23});
            const bytes found = __builtin_shuffle(table, high & 15);
            const words turned = __builtin_shuffle((words)zipped, (words){1, 2, 3, 0});
            data[k] = (bytes)turned ^ found;
            data[k + 1] = (bytes)((halves)found + (halves)reversed);
        }
    }
    return bench_hash(data, COUNT);
}

const struct benchmark bench_simd[] = {
    {"simd", "saxpy", saxpy, 12000, BENCH_FLOAT},
    {"simd", "fir", fir, 2000, BENCH_FLOAT},
    {"simd", "fmix", fmix, 1000, 0},
    {"simd", "dot_i8", dot_i8, 20000, 0},
    {"simd", "sad_u8", sad_u8, 40000, 0},
    {"simd", "blend_u8", blend_u8, 10000, 0},
    {"simd", "count_u8", count_u8, 10000, 0},
    {"simd", "i32mix", i32mix, 6000, 0},
    {"simd", "i16sat", i16sat, 10000, 0},
    {"simd", "shuffle", shuffle, 40000, 0},
    {0},
};
