/* SPDX-License-Identifier: MIT */
/* What a benchmark is. Every benchmark is one function that does N units of fixed, seeded work and
 * returns a checksum of all it computed, so that nothing can be optimised away and every machine
 * that runs it can be held to the same answer. main.c times it with CLOCK_MONOTONIC; a benchmark
 * with a preparation that is not to be measured calls bench_begin() after it. The default N makes
 * the native run last some 0.02 to 0.1 s.
 *
 * The same source is compiled for AArch64 and natively; where it must name instructions (LSE,
 * crypto, code that is written at run time), both sides have their own snippet. */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench {
    uint64_t seed;     /* of all random numbers: a value the compiler does not know */
    uint64_t nonce;    /* differs from run to run: for code that must not have been seen before */
    uint64_t start;    /* when the measured part began, nanoseconds */
    unsigned threads;  /* of parallel benchmarks */
    const char *input; /* of a child: what its parent told it */
};

enum bench_flags {
    BENCH_FLOAT = 1,    /* the checksum depends on whether the compiler contracts to FMA: not
                           comparable to native */
    BENCH_PARALLEL = 2, /* uses bench.threads threads, each doing N units */
    BENCH_CONTENDED =
        4, /* and they fight for one line: not expected to be faster with two CPUs than with one */
};

struct benchmark {
    const char *group, *name;
    uint64_t (*run)(struct bench *b, uint64_t n);
    uint64_t n;
    unsigned flags;
};

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_now(void);

/* The measured part begins here. */
void bench_begin(struct bench *b);

/* Zeroed memory, page-aligned, never returned; ends the program if there is none. */
void *bench_alloc(size_t size);

/* Ends the program with a message if OK is false. */
void bench_check(bool ok, const char *what);

/* xorshift64*: the benchmarks' random numbers. */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1d;
}

/* Mixes VALUE into a checksum. */
static inline uint64_t bench_mix(uint64_t sum, uint64_t value)
{
    sum ^= value + 0x9e3779b97f4a7c15 + (sum << 6) + (sum >> 2);
    return sum * 0xff51afd7ed558ccd;
}

/* FNV-1a over memory. */
static inline uint64_t bench_hash(const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ byte[k]) * 0x100000001b3;
    return hash;
}

/* Lists of benchmarks, each ended by a nameless one. */
extern const struct benchmark bench_int_algorithms[], bench_int_control[], bench_mem[], bench_fp[],
    bench_simd[], bench_crypto[], bench_os[], bench_jit[], bench_atom[], bench_parallel[],
    bench_app_zlib[], bench_app_xz[], bench_app_lua[], bench_app_sqlite[], bench_app_quickjs[];

/* What a benchmark that executes this program again gives as its first argument, and the function
 * it gets to. */
int bench_child(int argc, char **argv);

#endif
