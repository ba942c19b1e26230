/* SPDX-License-Identifier: MIT */

/* Three CPUs change tables under each other's feet. Each has an address of its own, with two pages
 * that take turns: it points the address at the other page, broadcasts TLBI, waits as DSB does, and
 * then poisons the page that nobody may see any more. All read all addresses all the time: poison
 * means that a DSB came back too early. That the test ends at all shows that CPUs waiting for each
 * other get on, also when some leave the guest meanwhile. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mmu_rig.h"

#define PAGE   0x1000ull
#define VA     0x400000ull
#define ROUNDS 4000
#define POISON 0xdeadull

struct world {
    struct rig *rig;
    uint64_t *entry[RIG_CPUS]; /* the descriptor of each CPU's address */
    atomic_uint finished, poisoned;
};

struct thread {
    struct world *w;
    unsigned self;
    uint64_t seed;
};

static uint64_t page_of(unsigned owner, unsigned turn)
{
    return GEN_RAM_BASE + 0x80000 + (owner * 2 + turn) * PAGE;
}

static void set_page(struct world *w, unsigned owner, unsigned turn, uint64_t value)
{
    __atomic_store_n(rig_word(w->rig, page_of(owner, turn)), value, __ATOMIC_SEQ_CST);
}

static void point(struct world *w, unsigned owner, unsigned turn)
{
    __atomic_store_n(w->entry[owner], page_of(owner, turn) | 0x403, __ATOMIC_SEQ_CST);
}

/* A few guest loads between block boundaries. */
static void read_all(struct world *w, struct a64_cpu *cpu)
{
    if (atomic_load(&cpu->attention) & A64_ATT_TLBI)
        a64_tlbi_drain(cpu);
    for (unsigned owner = 0; owner < RIG_CPUS; owner++) {
        uint64_t value;
        if (a64_ld(cpu, VA + owner * PAGE, 8, 0, &value) || value == POISON)
            atomic_fetch_add(&w->poisoned, 1);
    }
}

static void change(struct thread *t, struct a64_cpu *cpu, unsigned round)
{
    struct world *w = t->w;
    const unsigned turn = round & 1;
    const uint64_t va = VA + t->self * PAGE;
    const struct a64_tlbi op = {.kind = A64_TLBI_VAA, .start = va, .end = va + PAGE};
    set_page(w, t->self, turn, round);
    point(w, t->self, turn);
    a64_tlbi_broadcast(cpu, &op);
    if (gen_random(&t->seed) % 8 == 0)
        for (unsigned i = 0; i < 80; i++) /* more than an inbox holds */
            a64_tlbi_broadcast(cpu, &op);
    a64_tlbi_wait(cpu);
    set_page(w, t->self, !turn, POISON);
}

static void *run(void *arg)
{
    struct thread *t = arg;
    struct world *w = t->w;
    struct a64_cpu *cpu = &w->rig->cpu[t->self];
    a64_cpu_enter(cpu);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        change(t, cpu, round);
        for (uint64_t i = gen_random(&t->seed) % 8; i; i--)
            read_all(w, cpu);
        if (gen_random(&t->seed) % 16 == 0) {
            a64_cpu_leave(cpu);
            sched_yield();
            a64_cpu_enter(cpu);
        }
    }
    atomic_fetch_add(&w->finished, 1);
    while (atomic_load(&w->finished) < RIG_CPUS)
        read_all(w, cpu);
    a64_cpu_leave(cpu);
    return NULL;
}

static void make_tables(struct world *w)
{
    struct rig *rig = w->rig;
    *rig_word(rig, GEN_RAM_BASE + (VA >> 30) * 8) = (GEN_RAM_BASE + PAGE) | 3;
    *rig_word(rig, GEN_RAM_BASE + PAGE + (VA >> 21 & 511) * 8) = (GEN_RAM_BASE + 2 * PAGE) | 3;
    for (unsigned i = 0; i < RIG_CPUS; i++) {
        struct a64_sysregs *sr = &rig->cpu[i].sr;
        w->entry[i] = rig_word(rig, GEN_RAM_BASE + 2 * PAGE + (VA >> 12 & 511) * 8) + i;
        point(w, i, 0);
        sr->sctlr[1] = 1, sr->mair[1] = 0xff, sr->tcr[1] = 25 | 25 << 16 | 5ull << 32;
        sr->ttbr0[1] = GEN_RAM_BASE | (uint64_t)i << 48; /* each another ASID */
        a64_mmu_update(&rig->cpu[i]);
    }
}

static void stress(void **state)
{
    struct world w = {.rig = rig_new()};
    struct thread thread[RIG_CPUS];
    pthread_t id[RIG_CPUS];
    make_tables(&w);
    for (unsigned i = 0; i < RIG_CPUS; i++) {
        thread[i] = (struct thread){.w = &w, .self = i, .seed = i + 1};
        assert_int_equal(pthread_create(&id[i], NULL, run, &thread[i]), 0);
    }
    for (unsigned i = 0; i < RIG_CPUS; i++)
        pthread_join(id[i], NULL);
    assert_int_equal(atomic_load(&w.poisoned), 0);
    rig_free(w.rig);
}

/* A CPU outside the guest is not waited for and has lost the translation when it is back. */
static void outside(void **state)
{
    struct world w = {.rig = rig_new()};
    struct a64_cpu *a = &w.rig->cpu[0], *b = &w.rig->cpu[1];
    const struct a64_tlbi op = {.kind = A64_TLBI_VMALL};
    uint64_t value;
    make_tables(&w);
    set_page(&w, 0, 0, 10);
    set_page(&w, 0, 1, 11);
    a64_cpu_enter(a);
    a64_cpu_enter(b);
    assert_int_equal(a64_ld(b, VA, 8, 0, &value), A64_NEXT);
    assert_int_equal(value, 10);
    a64_cpu_leave(b);
    point(&w, 0, 1);
    a64_tlbi_broadcast(a, &op);
    a64_tlbi_wait(a);
    assert_true(atomic_load(&b->attention) & A64_ATT_TLBI);
    a64_cpu_enter(b);
    assert_false(atomic_load(&b->attention) & A64_ATT_TLBI);
    assert_int_equal(a64_ld(b, VA, 8, 0, &value), A64_NEXT);
    assert_int_equal(value, 11);
    a64_cpu_leave(b);
    a64_cpu_leave(a);
    rig_free(w.rig);
}

/* Applies B's mail once A has applied its own. */
static void *answer(void *arg)
{
    struct a64_cpu *cpu = arg;
    while (atomic_load(&cpu[0].attention) & A64_ATT_TLBI)
        sched_yield();
    a64_tlbi_drain(&cpu[1]);
    return NULL;
}

/* A DSB that applies what another CPU dropped, while it waits for that one, tells so: who keeps copies of translations has
 * nothing else to go by. */
static void waiting(void **state)
{
    struct world w = {.rig = rig_new()};
    struct a64_cpu *a = &w.rig->cpu[0], *b = &w.rig->cpu[1];
    const struct a64_tlbi op = {.kind = A64_TLBI_VMALL};
    pthread_t id;
    a64_cpu_enter(a);
    a64_cpu_enter(b);
    a64_tlbi_broadcast(a, &op);
    a64_tlbi_broadcast(b, &op);
    assert_int_equal(pthread_create(&id, NULL, answer, a), 0);
    assert_true(a64_tlbi_wait(a));
    pthread_join(id, NULL);
    assert_false(a64_tlbi_wait(a));
    a64_cpu_leave(b);
    a64_cpu_leave(a);
    rig_free(w.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(outside), cmocka_unit_test(waiting),
                                       cmocka_unit_test(stress)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
