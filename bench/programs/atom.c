/* SPDX-License-Identifier: MIT */
/* Atomic operations by one thread: LSE, exclusives, compare-and-swap, acquire and release,
 * barriers, a mutex. On AArch64 the instructions are named; natively they are the compiler's
 * built-ins. */

#include "bench.h"

#include <pthread.h>

/* ---- atomic additions ---- */

static inline uint64_t lse_add(uint64_t *word, uint64_t value)
{
#ifdef __aarch64__
    uint64_t old;
    __asm__ volatile(".arch_extension lse\n\tldaddal %2, %0, %1"
                     : "=r"(old), "+Q"(*word)
                     : "r"(value)
                     : "memory");
    return old;
#else
    return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
#endif
}

static inline uint64_t llsc_add(uint64_t *word, uint64_t value)
{
#ifdef __aarch64__
    uint64_t old, sum;
    uint32_t failed;
    __asm__ volatile("1: ldaxr %0, %3\n\tadd %1, %0, %4\n\tstlxr %w2, %1, %3\n\tcbnz %w2, 1b"
                     : "=&r"(old), "=&r"(sum), "=&r"(failed), "+Q"(*word)
                     : "r"(value)
                     : "memory");
    return old;
#else
    return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
#endif
}

static inline uint64_t lse_cas(uint64_t *word, uint64_t expected, uint64_t value)
{
#ifdef __aarch64__
    __asm__ volatile(".arch_extension lse\n\tcasal %0, %2, %1"
                     : "+r"(expected), "+Q"(*word)
                     : "r"(value)
                     : "memory");
#else
    __atomic_compare_exchange_n(word, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
#endif
    return expected;
}

static uint64_t lse_add_1t(struct bench *b, uint64_t n)
{
    uint64_t words[8] = {b->seed}, sum = 0;
    for (uint64_t k = 0; k < n; k++)
        sum ^= lse_add(&words[k & 7], k);
    return bench_mix(sum, words[3]);
}

static uint64_t llsc_add_1t(struct bench *b, uint64_t n)
{
    uint64_t words[8] = {b->seed}, sum = 0;
    for (uint64_t k = 0; k < n; k++)
        sum ^= llsc_add(&words[k & 7], k);
    return bench_mix(sum, words[3]);
}

static uint64_t cas_1t(struct bench *b, uint64_t n)
{
    uint64_t word = b->seed, seen = word;
    for (uint64_t k = 0; k < n; k++) {
        const uint64_t next = seen * 3 + k;
        const uint64_t old = lse_cas(&word, seen, next);
        seen = old == seen ? next : old;
    }
    return seen;
}

/* ---- LSE's other operations: exchange, set, clear, exclusive or, maximum, on all sizes ---- */

static uint64_t lse_mix_1t(struct bench *b, uint64_t n)
{
    uint64_t word = b->seed, sum = 0;
    for (uint64_t k = 0; k < n; k++) {
#ifdef __aarch64__
        uint64_t old, x = k * 0x9e3779b97f4a7c15;
        __asm__ volatile(".arch_extension lse\n\t"
                         "swpal %2, %0, %1\n\tldset %w0, %w0, %1\n\tldclral %0, %0, %1\n\tldeorl "
                         "%2, %0, %1\n\tldumaxa %2, %0, %1"
                         : "=&r"(old), "+Q"(word)
                         : "r"(x)
                         : "memory");
        sum += old;
#else
        const uint64_t x = k * 0x9e3779b97f4a7c15;
        uint64_t old = __atomic_exchange_n(&word, x, __ATOMIC_SEQ_CST), most;
        old = __atomic_fetch_or((uint32_t *)&word, (uint32_t)old, __ATOMIC_SEQ_CST);
        old = __atomic_fetch_and(&word, ~old, __ATOMIC_SEQ_CST);
        __atomic_fetch_xor(&word, x, __ATOMIC_SEQ_CST);
        old = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
        do
            most = old > x ? old : x;
        while (!__atomic_compare_exchange_n(&word, &old, most, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST));
        sum += old;
#endif
    }
    return bench_mix(sum, word);
}

/* ---- load-acquire, store-release, barriers ---- */

static uint64_t acqrel_1t(struct bench *b, uint64_t n)
{
    uint64_t words[16] = {b->seed}, sum = 0;
    for (uint64_t k = 0; k < n; k++) {
        sum += __atomic_load_n(&words[k & 15], __ATOMIC_ACQUIRE);
        __atomic_store_n(&words[(k + 5) & 15], sum ^ k, __ATOMIC_RELEASE);
    }
    return sum;
}

static uint64_t barrier_1t(struct bench *b, uint64_t n)
{
    volatile uint64_t words[16] = {b->seed};
    uint64_t sum = 0;
    for (uint64_t k = 0; k < n; k++) {
        words[k & 15] = sum ^ k;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        sum += words[(k + 3) & 15];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        sum ^= words[(k + 9) & 15];
        __atomic_thread_fence(__ATOMIC_RELEASE);
    }
    return sum;
}

/* ---- a mutex nobody else wants ---- */

static uint64_t mutex_1t(struct bench *b, uint64_t n)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    uint64_t sum = b->seed;
    for (uint64_t k = 0; k < n; k++) {
        pthread_mutex_lock(&mutex);
        sum = sum * 5 + k;
        pthread_mutex_unlock(&mutex);
    }
    return sum;
}

const struct benchmark bench_atom[] = {
    {"atom", "lse_add_1t", lse_add_1t, 8000000, 0},
    {"atom", "llsc_add_1t", llsc_add_1t, 8000000, 0},
    {"atom", "lse_mix_1t", lse_mix_1t, 2000000, 0},
    {"atom", "cas_1t", cas_1t, 8000000, 0},
    {"atom", "acqrel_1t", acqrel_1t, 25000000, 0},
    {"atom", "barrier_1t", barrier_1t, 6000000, 0},
    {"atom", "mutex_1t", mutex_1t, 5000000, 0},
    {0},
};
