/* SPDX-License-Identifier: MIT */
/* Exclusive monitors: what clears a mark and what does not, A-B-A by other CPUs' plain stores and
 * atomics, and two threads that count with LDXR, STXR and CAS while a third stores. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "../../src/a64/monitor.h"
#include "ldst_bench.h"

#define CELL (BENCH_VA + 4096)
/* On x1, address in x2. */
#define LDXR_X1    0xc85f7c41u
#define STXR_W3    0xc8037c41u /* stxr w3, x1, [x2] */
#define LDXP_X1_4  0xc87f1041u /* ldxp x1, x4, [x2] */
#define STXP_W3    0xc8231041u /* stxp w3, x1, x4, [x2] */
#define STR_X5     0xf9000045u /* str x5, [x2] */
#define STRB_W5    0x39000045u
#define STR_Q5     0x3d800045u
#define STP_X5_6   0xa9001845u
#define ST1_V5     0x4c007045u
#define SWP_X5     0xf8258047u /* swp x5, x7, [x2] */
#define LDADD_X5   0xf8250047u
#define STLR_X5    0xc89ffc45u
#define STUR_AT_4  0xf8004045u /* str x5, [x2, #4]: unaligned */
#define LDR_X5     0xf9400045u
#define STR_AT_64  0xf9002045u /* the next granule */
#define WFE        0xd503205fu
#define SCTLR_nTWE (1ull << 18)
#define CAS_X5     0xc8a57c47u /* cas x5, x7, [x2] */

static void must(struct a64_cpu *cpu, uint32_t word)
{
    assert_int_equal(bench_run(cpu, word), A64_NEXT);
}

/* LDXR on one CPU, WORD on the other twice, the second time with the old value; then STXR's result.
 */
static uint64_t status_after(struct bench *bench, struct a64_cpu *other, uint32_t word,
                             uint64_t offset)
{
    struct a64_cpu *cpu = bench->cpu;
    cpu->x[2] = CELL;
    must(cpu, LDXR_X1);
    other->x[2] = CELL + offset;
    const uint64_t old = cpu->x[1];
    uint8_t line[64];
    memcpy(line, bench_at(bench, CELL), sizeof line);
    other->x[5] = ~old;
    must(other, word);
    memcpy(bench_at(bench, CELL), line, sizeof line);
    must(cpu, STXR_W3);
    return cpu->x[3];
}

static void what_clears_a_mark(void **state)
{
    struct bench bench;
    bench_init(&bench, 1);
    struct a64_cpu *other = bench_add_cpu(&bench);
    static const uint32_t stores[] = {STR_X5, STRB_W5,  STR_Q5,  STP_X5_6,  ST1_V5,
                                      SWP_X5, LDADD_X5, STLR_X5, STUR_AT_4, CAS_X5};
    for (unsigned i = 0; i < sizeof stores / sizeof *stores; i++) {
        assert_int_equal(status_after(&bench, other, stores[i], 0), 1);
        assert_int_equal(status_after(&bench, other, stores[i], 32), 1); /* same granule */
        assert_int_equal(status_after(&bench, other, stores[i], 128), 0);
    }
    assert_int_equal(status_after(&bench, other, STUR_AT_4, (uint64_t)-8),
                     1); /* the last bytes are inside */
    assert_int_equal(status_after(&bench, other, STR_AT_64, 0), 0);
    assert_int_equal(status_after(&bench, other, LDR_X5, 0), 0);
    bench_free(&bench);
}

static void store_exclusive_rules(void **state)
{
    struct bench bench;
    bench_init(&bench, 2);
    for (unsigned cpus = 1; cpus <= 2; cpus++) {
        struct a64_cpu *cpu = bench.cpu;
        cpu->x[2] = CELL;
        must(cpu, STXR_W3); /* without LDXR */
        assert_int_equal(cpu->x[3], 1);
        must(cpu, LDXR_X1);
        cpu->x[1]++;
        must(cpu, STXR_W3);
        assert_int_equal(cpu->x[3], 0);
        must(cpu, STXR_W3); /* the mark is used up */
        assert_int_equal(cpu->x[3], 1);
        must(cpu, LDXR_X1);
        a64_clear_exclusive(cpu);
        must(cpu, STXR_W3);
        assert_int_equal(cpu->x[3], 1);
        must(cpu, LDXP_X1_4);
        cpu->x[4] = 7;
        must(cpu, STXP_W3);
        assert_int_equal(cpu->x[3], 0);
        if (cpus == 1)
            bench_add_cpu(&bench);
    }
    uint64_t cell[2];
    memcpy(cell, bench_at(&bench, CELL), 16);
    assert_int_equal(cell[0], 2);
    assert_int_equal(cell[1], 7);
    bench_free(&bench);
}

/* A lost mark ends WFE, and wakes who waits in it. */
static void lost_mark_ends_wfe(void **state)
{
    struct bench bench;
    bench_init(&bench, 3);
    struct a64_cpu *other = bench_add_cpu(&bench);
    bench.cpu->sr.sctlr[1] |= SCTLR_nTWE;
    bench.cpu->event = false;
    bench.cpu->x[2] = other->x[2] = CELL;
    must(bench.cpu, LDXR_X1);
    must(other, STR_X5);
    assert_int_equal(bench_run(bench.cpu, WFE), A64_NEXT);
    must(bench.cpu, LDXR_X1);
    assert_int_equal(bench_run(bench.cpu, WFE), A64_WAIT);
    assert_false(bench.cpu->event);
    must(other, STR_AT_64);
    must(other, LDR_X5);
    assert_false(bench.cpu->event);
    must(other, STR_X5);
    assert_true(bench.cpu->event);
    bench_free(&bench);
}

/* What no LDXR uses cools down, which voids marks, and works again afterwards. */
static void cooling(void **state)
{
    struct bench bench;
    bench_init(&bench, 4);
    struct a64_cpu *other = bench_add_cpu(&bench);
    other->x[2] = bench.cpu->x[2] = CELL;
    for (unsigned round = 0; round < 3; round++) {
        must(bench.cpu, LDXR_X1);
        assert_true(other->monitored && bench.cpu->monitored);
        a64_monitor_sweep(other);
        assert_true(other->monitored);
        must(bench.cpu, STXR_W3);
        assert_int_equal(bench.cpu->x[3], 0);
        must(bench.cpu, LDXR_X1);
        a64_monitor_sweep(other);
        a64_monitor_sweep(other);
        assert_false(other->monitored || bench.cpu->monitored);
        must(bench.cpu, STXR_W3);
        assert_int_equal(bench.cpu->x[3], 1);
        assert_int_equal(status_after(&bench, other, STR_X5, 0), 1);
        assert_int_equal(status_after(&bench, other, LDR_X5, 0), 0);
    }
    bench_free(&bench);
}

/* ---- threads ---- */

struct job {
    struct a64_cpu *cpu;
    uint64_t count, failures;
};

/* Adds one COUNT times with LDXR and STXR. */
static void *count_exclusively(void *arg)
{
    struct job *job = arg;
    struct a64_cpu *cpu = job->cpu;
    cpu->x[2] = CELL;
    for (uint64_t i = 0; i < job->count; i++) {
        do {
            if (bench_run(cpu, LDXR_X1))
                abort();
            cpu->x[1]++;
            if (bench_run(cpu, STXR_W3))
                abort();
            job->failures += cpu->x[3];
        } while (cpu->x[3]);
    }
    return NULL;
}

static void *count_with_ldadd(void *arg)
{
    struct job *job = arg;
    struct a64_cpu *cpu = job->cpu;
    cpu->x[2] = CELL;
    cpu->x[5] = 1;
    for (uint64_t i = 0; i < job->count; i++)
        if (bench_run(cpu, LDADD_X5))
            abort();
    return NULL;
}

static void threads_count(void **state)
{
    struct bench bench;
    pthread_t threads[4];
    struct job jobs[4];
    bench_init(&bench, 5);
    for (unsigned i = 0; i < 4; i++)
        jobs[i] = (struct job){.cpu = i ? bench_add_cpu(&bench) : bench.cpu, .count = 100000};
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i < 3 ? count_exclusively : count_with_ldadd, &jobs[i]);
    uint64_t failures = 0, total;
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        failures += jobs[i].failures;
    }
    memcpy(&total, bench_at(&bench, CELL), 8);
    printf("%llu store-exclusives failed\n", (unsigned long long)failures);
    assert_int_equal(total, 400000);
    bench_free(&bench);
}

/* A-B-A under way: one thread owns the cell in turn by a flag that it passes to another, which
 * stores B and then A while the first is between LDXR and STXR. No STXR may succeed across it. */
struct turn {
    struct a64_cpu *cpu;
    _Atomic unsigned phase; /* 0: LDXR to come; 1: store B, A; 2: STXR to come */
    unsigned rounds;
};

static void *store_b_then_a(void *arg)
{
    struct turn *turn = arg;
    turn->cpu->x[2] = CELL;
    for (unsigned i = 0; i < turn->rounds; i++) {
        while (turn->phase != 1)
            sched_yield();
        turn->cpu->x[5] = 111;
        if (bench_run(turn->cpu, STR_X5))
            abort();
        turn->cpu->x[5] = 0;
        if (bench_run(turn->cpu, STR_X5))
            abort();
        turn->phase = 2;
    }
    return NULL;
}

static void aba_across_threads(void **state)
{
    struct bench bench;
    bench_init(&bench, 6);
    struct turn turn = {.cpu = bench_add_cpu(&bench), .rounds = 20000};
    pthread_t thread;
    pthread_create(&thread, NULL, store_b_then_a, &turn);
    unsigned passed = 0;
    bench.cpu->x[2] = CELL;
    for (unsigned i = 0; i < turn.rounds; i++) {
        must(bench.cpu, LDXR_X1);
        turn.phase = 1;
        while (turn.phase != 2)
            sched_yield();
        must(bench.cpu, STXR_W3);
        passed += !bench.cpu->x[3];
    }
    pthread_join(thread, NULL);
    assert_int_equal(passed, 0);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clears_a_mark), cmocka_unit_test(store_exclusive_rules),
        cmocka_unit_test(lost_mark_ends_wfe), cmocka_unit_test(cooling),
        cmocka_unit_test(threads_count),      cmocka_unit_test(aba_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
