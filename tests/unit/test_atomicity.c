/* SPDX-License-Identifier: MIT */
/* What other CPUs see of loads and stores: single-copy atomicity of 16 bytes and of misaligned
 * accesses within them (FEAT_LSE2), CASP, and the order of STLR and LDAR (store buffering). Threads
 * run the interpreter's functions on one memory; a host where these tests can pass by luck runs
 * them often enough to notice a torn access within a second. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "ldst_bench.h"

#define CELL   (BENCH_VA + 4096)
#define ROUNDS 200000u

/* Base x2; general data in x5 and x6 (stores), x7 and x8 (loads), vectors v5 and v7. */
#define STP_X     0xa9001845u /* stp x5, x6, [x2] */
#define LDP_X     0xa9402047u /* ldp x7, x8, [x2] */
#define STR_Q     0x3d800045u
#define LDR_Q     0x3dc00047u
#define LDXP_X    0xc87f2047u
#define STUR_X_4  0xf8004045u /* stur x5, [x2, #4] */
#define LDUR_X_4  0xf8404047u
#define STUR_W_1  0xb8001045u
#define LDUR_W_1  0xb8401047u
#define STLUR_X_4 0xd9004045u
#define LDADD_X   0xf8250047u /* ldadd x5, x7, [x2] */
#define CASP_X    0x48267c48u /* casp x6, x7, x8, x9, [x2] */
#define STLR_X    0xc89ffc45u
#define LDAR_X    0xc8dffc67u /* ldar x7, [x3] */

struct writer {
    struct a64_cpu *cpu;
    uint32_t word;
    _Atomic bool stop;
};

/* Stores 0 and all ones by turns. */
static void *alternate(void *arg)
{
    struct writer *writer = arg;
    struct a64_cpu *cpu = writer->cpu;
    for (uint64_t i = 0; !writer->stop; i++) {
        const uint64_t value = i & 1 ? ~0ull : 0;
        cpu->x[2] = CELL;
        cpu->x[5] = cpu->x[6] = value;
        cpu->v[5] = (union a64_vreg){.d = {value, value}};
        if (bench_run(cpu, writer->word))
            abort();
    }
    return NULL;
}

static bool whole(uint64_t value, uint64_t mask)
{
    return (value & mask) == 0 || (value & mask) == mask;
}

/* STORE by one thread, LOAD by another: what is loaded is all 0 or all ones. */
static void never_torn(uint32_t store, uint32_t load, unsigned bytes, bool vector)
{
    struct bench bench;
    bench_init(&bench, 1);
    struct writer writer = {.cpu = bench_add_cpu(&bench), .word = store};
    struct a64_cpu *cpu = bench.cpu;
    pthread_t thread;
    pthread_create(&thread, NULL, alternate, &writer);
    for (unsigned i = 0; i < ROUNDS; i++) {
        cpu->x[2] = CELL;
        assert_int_equal(bench_run(cpu, load), A64_NEXT);
        const uint64_t low = vector ? cpu->v[7].d[0] : cpu->x[7];
        const uint64_t high = vector ? cpu->v[7].d[1] : cpu->x[8];
        if (!whole(low, ~0ull >> (bytes >= 8 ? 0 : 64 - 8 * bytes)) || (bytes == 16 && low != high))
            fail_msg("%08x and %08x: saw %016llx %016llx", store, load, (unsigned long long)high,
                     (unsigned long long)low);
    }
    writer.stop = true;
    pthread_join(thread, NULL);
    bench_free(&bench);
}

static void single_copy(void **state)
{
    never_torn(STP_X, LDP_X, 16, false);
    never_torn(STR_Q, LDR_Q, 16, true);
    never_torn(STP_X, LDR_Q, 16, true);
    never_torn(STR_Q, LDXP_X, 16, false);
    never_torn(STUR_X_4, LDUR_X_4, 8, false);
    never_torn(STLUR_X_4, LDUR_X_4, 8, false);
    never_torn(STUR_W_1, LDUR_W_1, 4, false);
}

/* CASP: pairs of equal halves only, counted up by two threads. */
static void *count_pairs(void *arg)
{
    struct a64_cpu *cpu = arg;
    for (unsigned done = 0; done < ROUNDS / 4;) {
        cpu->x[2] = CELL;
        if (bench_run(cpu, LDP_X) || cpu->x[7] != cpu->x[8])
            abort();
        const uint64_t old = cpu->x[7];
        cpu->x[6] = old;
        cpu->x[8] = cpu->x[9] = old + 1;
        if (bench_run(cpu, CASP_X))
            abort();
        done += cpu->x[6] == old;
    }
    return NULL;
}

static void compare_and_swap_pairs(void **state)
{
    struct bench bench;
    pthread_t thread;
    uint64_t cell[2];
    bench_init(&bench, 2);
    pthread_create(&thread, NULL, count_pairs, bench_add_cpu(&bench));
    count_pairs(bench.cpu);
    pthread_join(thread, NULL);
    memcpy(cell, bench_at(&bench, CELL), 16);
    assert_int_equal(cell[0], 2 * (ROUNDS / 4));
    assert_int_equal(cell[1], 2 * (ROUNDS / 4));
    bench_free(&bench);
}

/* A misaligned atomic in 16 bytes: the word at 4 counts, its neighbours stay. */
static void *count_misaligned(void *arg)
{
    struct a64_cpu *cpu = arg;
    for (unsigned i = 0; i < ROUNDS / 4; i++) {
        cpu->x[2] = CELL + 5;
        cpu->x[5] = 1;
        if (bench_run(cpu, LDADD_X))
            abort();
    }
    return NULL;
}

static void misaligned_atomics(void **state)
{
    struct bench bench;
    pthread_t thread;
    uint64_t count;
    bench_init(&bench, 3);
    memset(bench_at(&bench, CELL), 0xee, 16);
    memset(bench_at(&bench, CELL + 5), 0, 8);
    pthread_create(&thread, NULL, count_misaligned, bench_add_cpu(&bench));
    count_misaligned(bench.cpu);
    pthread_join(thread, NULL);
    memcpy(&count, bench_at(&bench, CELL + 5), 8);
    assert_int_equal(count, 2 * (ROUNDS / 4));
    for (unsigned i = 0; i < 16; i++)
        assert_true((i >= 5 && i < 13) || *bench_at(&bench, CELL + i) == 0xee);
    bench_free(&bench);
}

/* ---- store buffering: x = 1; r = y against y = 1; r = x ---- */

#define CELLS 2048u

struct buffering {
    struct a64_cpu *cpu;
    uint64_t mine, other; /* addresses of arrays of CELLS */
    uint64_t seen[CELLS];
    pthread_barrier_t *start;
};

static void *store_then_load(void *arg)
{
    struct buffering *side = arg;
    struct a64_cpu *cpu = side->cpu;
    cpu->x[5] = 1;
    pthread_barrier_wait(side->start);
    for (unsigned i = 0; i < CELLS; i++) {
        cpu->x[2] = side->mine + 8 * i;
        cpu->x[3] = side->other + 8 * i;
        if (bench_run(cpu, STLR_X) || bench_run(cpu, LDAR_X))
            abort();
        side->seen[i] = cpu->x[7];
    }
    return NULL;
}

static void release_then_acquire(void **state)
{
    struct bench bench;
    bench_init(&bench, 4);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    static struct buffering side[2];
    const uint64_t x = BENCH_VA + 4 * 4096, y = BENCH_VA + 8 * 4096;
    side[0] = (struct buffering){.cpu = bench.cpu, .mine = x, .other = y, .start = &start};
    side[1] =
        (struct buffering){.cpu = bench_add_cpu(&bench), .mine = y, .other = x, .start = &start};
    for (unsigned round = 0; round < 50; round++) {
        memset(bench_at(&bench, x), 0, 8 * CELLS);
        memset(bench_at(&bench, y), 0, 8 * CELLS);
        pthread_t thread;
        pthread_create(&thread, NULL, store_then_load, &side[1]);
        store_then_load(&side[0]);
        pthread_join(thread, NULL);
        for (unsigned i = 0; i < CELLS; i++)
            assert_true(side[0].seen[i] || side[1].seen[i]);
    }
    pthread_barrier_destroy(&start);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_copy),
        cmocka_unit_test(compare_and_swap_pairs),
        cmocka_unit_test(misaligned_atomics),
        cmocka_unit_test(release_then_acquire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
