/* SPDX-License-Identifier: MIT */
/* Parallel programs: B->threads threads, each doing N units; the time with as many CPUs as threads,
 * beside the time with one thread, is how a machine scales. Some share nothing, some only a mutex
 * or an atomic word, some hand over work. */

#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST = 16 };

struct shared {
    pthread_mutex_t mutex;
    pthread_barrier_t barrier;
    uint64_t n, counter;
    uint8_t *memory;
    unsigned threads;
};

struct worker {
    struct shared *shared;
    void (*work)(struct worker *w);
    pthread_t thread;
    unsigned index;
    uint64_t sum;
    uint8_t apart[64]; /* keeps the sums of two workers in different lines */
};

static void *start(void *argument)
{
    struct worker *w = argument;
    pthread_barrier_wait(&w->shared->barrier);
    w->work(w);
    return NULL;
}

/* Runs WORK on all threads, with MEMORY bytes that they share. */
static uint64_t parallel(struct bench *b, uint64_t n, size_t memory, void (*work)(struct worker *w))
{
    struct shared shared = {.n = n, .threads = b->threads, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct worker workers[MOST] = {0};
    uint64_t sum = 0;
    bench_check(b->threads >= 1 && b->threads <= MOST, "threads");
    shared.memory = memory ? bench_alloc(memory) : NULL;
    pthread_barrier_init(&shared.barrier, NULL, b->threads);
    bench_begin(b);
    for (unsigned k = 0; k < b->threads; k++) {
        workers[k] = (struct worker){.shared = &shared, .work = work, .index = k};
        bench_check(pthread_create(&workers[k].thread, NULL, start, &workers[k]) == 0,
                    "pthread_create");
    }
    for (unsigned k = 0; k < b->threads; k++) {
        pthread_join(workers[k].thread, NULL);
        sum += workers[k].sum;
    }
    return bench_mix(sum, shared.counter);
}

/* ---- nothing shared: arithmetic; private memory ---- */

static void arithmetic(struct worker *w)
{
    uint64_t x = w->index + 1, sum = 0;
    for (uint64_t k = 0; k < w->shared->n; k++) {
        const uint64_t random = bench_random(&x);
        sum += random & 1 ? random >> 7 : random * 3 ^ k;
    }
    w->sum = sum;
}

static uint64_t arithmetic_mt(struct bench *b, uint64_t n)
{
    return parallel(b, n, 0, arithmetic);
}

static void sort_part(struct worker *w)
{
    uint64_t *words = (uint64_t *)w->shared->memory + w->index * w->shared->n, seed = w->index + 1;
    const uint64_t n = w->shared->n;
    for (uint64_t k = 0; k < n; k++)
        words[k] = bench_random(&seed);
    for (uint64_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint64_t k = gap; k < n; k++) {
            const uint64_t value = words[k];
            uint64_t at = k;
            for (; at >= gap && words[at - gap] > value; at -= gap)
                words[at] = words[at - gap];
            words[at] = value;
        }
    }
    w->sum = bench_hash(words, 4096);
}

static uint64_t shellsort_mt(struct bench *b, uint64_t n)
{
    return parallel(b, n, n * b->threads * sizeof(uint64_t), sort_part);
}

/* ---- one word that all add to ---- */

static void add_lse(struct worker *w)
{
    uint64_t *counter = &w->shared->counter;
    for (uint64_t k = 0; k < w->shared->n; k++) {
#ifdef __aarch64__
        uint64_t old;
        __asm__ volatile(".arch_extension lse\n\tldaddal %2, %0, %1"
                         : "=r"(old), "+Q"(*counter)
                         : "r"(k)
                         : "memory");
#else
        __atomic_fetch_add(counter, k, __ATOMIC_SEQ_CST);
#endif
    }
}

static uint64_t lse_add_mt(struct bench *b, uint64_t n)
{
    return parallel(b, n, 0, add_lse);
}

static void add_llsc(struct worker *w)
{
    uint64_t *counter = &w->shared->counter;
    for (uint64_t k = 0; k < w->shared->n; k++) {
#ifdef __aarch64__
        uint64_t sum;
        uint32_t failed;
        __asm__ volatile("1: ldaxr %0, %2\n\tadd %0, %0, %3\n\tstlxr %w1, %0, %2\n\tcbnz %w1, 1b"
                         : "=&r"(sum), "=&r"(failed), "+Q"(*counter)
                         : "r"(k)
                         : "memory");
#else
        uint64_t old = __atomic_load_n(counter, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(counter, &old, old + k, true, __ATOMIC_SEQ_CST,
                                            __ATOMIC_RELAXED))
            continue;
#endif
    }
}

static uint64_t llsc_add_mt(struct bench *b, uint64_t n)
{
    return parallel(b, n, 0, add_llsc);
}

/* ---- a mutex around a little work, with more work outside ---- */

static void locked(struct worker *w)
{
    uint64_t seed = w->index + 1;
    for (uint64_t k = 0; k < w->shared->n; k++) {
        uint64_t sum = 0;
        for (int j = 0; j < 1000; j++)
            sum ^= bench_random(&seed);
        pthread_mutex_lock(&w->shared->mutex);
        w->shared->counter += sum;
        pthread_mutex_unlock(&w->shared->mutex);
    }
}

static uint64_t mutex_mt(struct bench *b, uint64_t n)
{
    return parallel(b, n, 0, locked);
}

/* ---- a grid relaxed in steps, with a barrier after each ---- */

enum { SIDE = 1026 };

static void relax(struct worker *w)
{
    int32_t(*grid)[SIDE][SIDE] = (void *)w->shared->memory;
    const unsigned rows = (SIDE - 2) / w->shared->threads;
    const unsigned first = 1 + w->index * rows,
                   last = w->index + 1 == w->shared->threads ? SIDE - 1 : first + rows;
    for (unsigned row = first; row < last; row++)
        grid[0][row][row] = (int32_t)row << 12;
    pthread_barrier_wait(&w->shared->barrier);
    for (uint64_t step = 0; step < w->shared->n; step++) {
        int32_t(*from)[SIDE] = grid[step & 1], (*to)[SIDE] = grid[~step & 1];
        for (unsigned row = first; row < last; row++) {
            for (unsigned k = 1; k < SIDE - 1; k++)
                to[row][k] =
                    (from[row - 1][k] + from[row + 1][k] + from[row][k - 1] + from[row][k + 1]) /
                        4 +
                    (int32_t)(k & 3);
        }
        pthread_barrier_wait(&w->shared->barrier);
    }
    if (w->index == 0)
        w->sum = bench_hash(grid, sizeof(*grid));
}

/* N steps of the whole grid by all threads together, times the number of threads, as the work of a
 * thread is to stay the same. */
static uint64_t relax_mt(struct bench *b, uint64_t n)
{
    return parallel(b, n * b->threads, 2 * sizeof(int32_t[SIDE][SIDE]), relax);
}

const struct benchmark bench_parallel[] = {
    {"mt", "arithmetic_mt", arithmetic_mt, 15000000, BENCH_PARALLEL},
    {"mt", "shellsort_mt", shellsort_mt, 200000, BENCH_PARALLEL},
    {"mt", "mutex_mt", mutex_mt, 30000, BENCH_PARALLEL},
    {"mt", "relax_mt", relax_mt, 30, BENCH_PARALLEL},
    {"mt", "lse_add_mt", lse_add_mt, 2000000, BENCH_PARALLEL | BENCH_CONTENDED},
    {"mt", "llsc_add_mt", llsc_add_mt, 2000000, BENCH_PARALLEL | BENCH_CONTENDED},
    {0},
};
