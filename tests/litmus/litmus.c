/* SPDX-License-Identifier: MIT */
/* Litmus tests: what two to four CPUs may see of each other's stores.
 *
 * A test is a shape (who reads and writes what, after Alglave, Maranget and Tautschnig's names)
 * with a way of ordering each thread's two accesses (threads.h). The shape's one interesting
 * outcome is a cycle: Arm forbids it exactly when every thread's pair is ordered, as all
 * communication between threads is (Arm manual B2.3, external visibility). So the verdict on each
 * test is computed from its threads, and an outcome that is forbidden and seen is an error; the
 * others are counted.
 *
 * One run of a test is many instances, each with its places in cache lines of its own; the threads
 * walk through them in an order that changes, mostly waiting for each other at each instance (not
 * for long: a host may have fewer CPUs). A line a test:
 *
 *     MP+stlr+ldar: forbidden 0 | 00:1934 01:20 11:2142
 *
 * Results are the values read, thread by thread, then what memory holds at the end, where it
 * counts. */

#include "../guest/smp/support.h"
#include "threads.h"

#define COUNT(a)  (sizeof(a) / sizeof *(a))
#define INSTANCES 1024u
#define THREADS   4u

#ifndef BATCHES
#define BATCHES 8u
#endif

enum place { X, Y, Z, PLACES };

/* One memory place of one instance, in a line of its own (two, where hosts fetch pairs of lines).
 */
struct cell {
    volatile uint64_t value[2];
} __attribute__((aligned(128)));

static struct instance {
    struct cell place[PLACES];
    uint16_t read[THREADS];
} __attribute__((aligned(128))) instances[INSTANCES];

/* A thread of a shape: the kind of its pair, and what it accesses. */
struct role {
    const struct thread *kinds;
    unsigned count;
    enum place a, b;
    uint8_t va, vb; /* stored, where they are stored */
};
#define ROLE(kinds, ...)                                                                           \
    {                                                                                              \
        kinds, COUNT(kinds), __VA_ARGS__                                                           \
    }

/* What a result is made of: a thread's first or second read, or a place's last value. */
#define READ(thread, n) ((thread)*2 + (n))
#define LAST(place)     (16 + (place))
#define SECOND(place)   (24 + (place))

struct shape {
    const char *name;
    unsigned threads;
    struct role role[THREADS];
    uint8_t shown[6]; /* what a result has, in order */
    unsigned shown_count;
    bool (*cycle)(const uint8_t *shown);
    unsigned limit; /* of the kinds of each thread, the first so many; 0: all */
    bool same;      /* threads of one kind have the same ordering */
};

/* ---- shapes ---- */

static bool is_10(const uint8_t *v)
{
    return v[0] == 1 && v[1] == 0;
}
static bool is_00(const uint8_t *v)
{
    return v[0] == 0 && v[1] == 0;
}
static bool is_11(const uint8_t *v)
{
    return v[0] == 1 && v[1] == 1;
}
static bool is_22(const uint8_t *v)
{
    return v[0] == 2 && v[1] == 2;
}
static bool is_12(const uint8_t *v)
{
    return v[0] == 1 && v[1] == 2;
}
static bool is_02(const uint8_t *v)
{
    return v[0] == 0 && v[1] == 2;
}
static bool is_1_10(const uint8_t *v)
{
    return v[0] == 1 && is_10(v + 1);
}
static bool is_10_10(const uint8_t *v)
{
    return is_10(v) && is_10(v + 2);
}
static bool orders_differ(const uint8_t *v)
{
    return v[0] && v[1] && v[2] && v[3] && v[0] != v[1] && v[2] != v[3] && v[0] != v[2];
}
static bool is_1(const uint8_t *v)
{
    return v[0] == 1;
}
static bool is_21(const uint8_t *v)
{
    return v[0] == 2 && v[1] == 1;
}
static bool differ(const uint8_t *v)
{
    return v[0] != v[1];
}

/* clang-format off */
static const struct shape shapes[] = {
    {"MP", 2, {ROLE(ww, X, Y, 1, 1), ROLE(rr, Y, X)}, {READ(1, 0), READ(1, 1)}, 2, is_10},
    {"SB", 2, {ROLE(wr, X, Y, 1), ROLE(wr, Y, X, 1)}, {READ(0, 1), READ(1, 1)}, 2, is_00},
    {"LB", 2, {ROLE(rw, X, Y, 0, 1), ROLE(rw, Y, X, 0, 1)}, {READ(0, 0), READ(1, 0)}, 2, is_11},
    {"2+2W", 2, {ROLE(ww, X, Y, 2, 1), ROLE(ww, Y, X, 2, 1)}, {LAST(X), LAST(Y)}, 2, is_22},
    {"S", 2, {ROLE(ww, X, Y, 2, 1), ROLE(rw, Y, X, 0, 1)}, {READ(1, 0), LAST(X)}, 2, is_12},
    {"R", 2, {ROLE(ww, X, Y, 1, 1), ROLE(wr, Y, X, 2)}, {READ(1, 1), LAST(Y)}, 2, is_02},
    /* one place */
    {"CoRR", 2, {ROLE(w, X, X, 1), ROLE(rr_same, X, X)}, {READ(1, 0), READ(1, 1)}, 2, is_10},
    {"CoWW", 2, {ROLE(ww_same, X, X, 1, 2), ROLE(rr_same, X, X)}, {LAST(X)}, 1, is_1},
    {"CoRW1", 2, {ROLE(rw_same, X, X, 0, 1), ROLE(w, X, X, 2)}, {READ(0, 0)}, 1, is_1},
    {"CoRW2", 2, {ROLE(rw_same, X, X, 0, 1), ROLE(w, X, X, 2)}, {READ(0, 0), LAST(X)}, 2, is_22},
    {"CoWR", 2, {ROLE(wr_same, X, X, 1), ROLE(w, X, X, 2)}, {READ(0, 1), LAST(X)}, 2, is_21},
    /* sixteen bytes */
    {"16", 2, {ROLE(w16, X, X, 1), ROLE(r16, X, X)}, {READ(1, 0), READ(1, 1)}, 2, differ},
    {"16W", 2, {ROLE(w16, X, X, 1), ROLE(w16, X, X, 2)}, {LAST(X), SECOND(X)}, 2, differ},
    /* more threads */
    {"WRC", 3, {ROLE(w, X, X, 1), ROLE(rw, X, Y, 0, 1), ROLE(rr, Y, X)},
     {READ(1, 0), READ(2, 0), READ(2, 1)}, 3, is_1_10, .limit = 6},
    {"ISA2", 3, {ROLE(ww, X, Y, 1, 1), ROLE(rw, Y, Z, 0, 1), ROLE(rr, Z, X)},
     {READ(1, 0), READ(2, 0), READ(2, 1)}, 3, is_1_10, .limit = 4},
    {"IRIW", 4, {ROLE(w, X, X, 1), ROLE(w, Y, Y, 1), ROLE(rr, X, Y), ROLE(rr, Y, X)},
     {READ(2, 0), READ(2, 1), READ(3, 0), READ(3, 1)}, 4, is_10_10, .same = true},
    {"CoRR2", 4, {ROLE(w, X, X, 1), ROLE(w, X, X, 2), ROLE(rr_same, X, X), ROLE(rr_same, X, X)},
     {READ(2, 0), READ(2, 1), READ(3, 0), READ(3, 1)}, 4, orders_differ, .same = true},
};
/* clang-format on */

/* ---- the threads of one batch ---- */

static struct {
    const struct shape *shape;
    const struct thread *thread[THREADS];
    unsigned stride;
    bool together; /* who is ahead waits */
} test;

/* How far each thread is in its batch. */
static struct {
    volatile uint64_t at;
} __attribute__((aligned(128))) progress[THREADS];

static volatile uint64_t batch, awake, go, done, ready;
static unsigned cpus = 1;

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* WFE leaves the host to whoever is waited for, after so many looks. */
static void wait_until(const volatile uint64_t *p, uint64_t value, unsigned looks)
{
    for (unsigned n = 0; load_acquire(p) < value; n++)
        if (n > looks)
            __asm__ volatile("wfe");
}

#define SOON  20000u
#define LATER 500000u /* who has slept meets nobody; most tests have two threads */

/* Waits for those behind, a little: they may not be running at all. False: that took too long. */
static bool wait_for_others(unsigned cpu, uint64_t n)
{
    unsigned spins = 0;
    __atomic_store_n(&progress[cpu].at, n, __ATOMIC_RELEASE);
    for (unsigned t = 0; t < test.shape->threads; t++)
        while (load_acquire(&progress[t].at) < n)
            if (++spins > 300)
                return false;
    return true;
}

static void run_thread(unsigned cpu, uint64_t base, uint64_t *state)
{
    const struct role *role = &test.shape->role[cpu];
    thread_fn *run = test.thread[cpu]->run;
    unsigned alone = 0; /* instances for which nobody is waited for */
    for (unsigned n = 0; n < INSTANCES; n++) {
        struct instance *at = &instances[n * test.stride % INSTANCES];
        if (alone)
            alone--;
        else if (test.together && !wait_for_others(cpu, base + n))
            alone = 16;
        for (uint64_t delay = random_next(state) & 7; delay; delay--)
            __asm__ volatile("nop");
        at->read[cpu] =
            (uint16_t)run(at->place[role->a].value, at->place[role->b].value, role->va, role->vb);
    }
    __atomic_store_n(&progress[cpu].at, base + INSTANCES, __ATOMIC_RELEASE);
}

/* The CPUs but the first: a batch after the other. */
static void serve(unsigned cpu)
{
    uint64_t state = 0x9e3779b97f4a7c15 * (cpu + 1);
    __atomic_fetch_add(&ready, 1, __ATOMIC_ACQ_REL);
    for (uint64_t next = 1;; next++) {
        wait_until(&batch, next, cpu < 2 ? LATER : SOON);
        if (cpu < test.shape->threads) {
            __atomic_fetch_add(&awake, 1, __ATOMIC_ACQ_REL);
            wait_until(&go, next, LATER);
            run_thread(cpu, next * INSTANCES, &state);
        }
        __atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);
    }
}

static void run_batch(uint64_t *state)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        struct instance *at = &instances[i];
        for (unsigned p = 0; p < PLACES; p++)
            at->place[p].value[0] = at->place[p].value[1] = 0;
    }
    const uint64_t finished = done + cpus - 1;
    awake = 0;
    __atomic_fetch_add(&batch, 1, __ATOMIC_ACQ_REL);
    __asm__ volatile("dsb ish; sev");
    wait_until(&awake, test.shape->threads - 1, LATER);
    __atomic_store_n(&go, batch, __ATOMIC_RELEASE);
    run_thread(0, batch * INSTANCES, state);
    wait_until(&done, finished, LATER);
}

/* ---- results ---- */

#define OUTCOMES 243u /* five values of 0..2 */

static unsigned histogram[OUTCOMES];

static uint8_t shown_value(const struct instance *at, uint8_t what)
{
    if (what >= SECOND(0))
        return (uint8_t)at->place[what - SECOND(0)].value[1];
    if (what >= LAST(0))
        return (uint8_t)at->place[what - LAST(0)].value[0];
    return (uint8_t)(at->read[what / 2] >> (what % 2 * 8));
}

/* Counts the outcomes; the number of cycles. */
static uint64_t collect(void)
{
    const struct shape *shape = test.shape;
    uint64_t cycles = 0;
    for (unsigned i = 0; i < INSTANCES; i++) {
        uint8_t shown[6];
        unsigned outcome = 0;
        for (unsigned k = 0; k < shape->shown_count; k++) {
            shown[k] = shown_value(&instances[i], shape->shown[k]);
            outcome = outcome * 3 + (shown[k] < 3 ? shown[k] : 2);
        }
        histogram[outcome]++;
        cycles += shape->cycle(shown);
    }
    return cycles;
}

static void print_outcomes(void)
{
    for (unsigned outcome = 0; outcome < OUTCOMES; outcome++) {
        unsigned divisor = 1;
        if (!histogram[outcome])
            continue;
        text(" ");
        for (unsigned k = 1; k < test.shape->shown_count; k++)
            divisor *= 3;
        for (; divisor; divisor /= 3)
            number(outcome / divisor % 3);
        text(":");
        number(histogram[outcome]);
        histogram[outcome] = 0;
    }
}

static struct {
    uint64_t tests, wrong, relaxed, instances;
} total;

/* The test at hand, in all ways of running it. */
static void check(uint64_t *state)
{
    const struct shape *shape = test.shape;
    bool forbidden = true;
    uint64_t cycles = 0;
    text(shape->name);
    for (unsigned t = 0; t < shape->threads; t++) {
        forbidden &= test.thread[t]->ordered;
        if (test.thread[t]->name[0]) {
            text("+");
            text(test.thread[t]->name);
        }
    }
    for (unsigned k = 0; k < BATCHES; k++) {
        test.stride = (unsigned)(random_next(state) >> 20) | 1;
        test.together = k % 4 != 3;
        run_batch(state);
        cycles += collect();
    }
    text(forbidden ? ": forbidden " : ": allowed ");
    number(cycles);
    text(forbidden && cycles ? " BAD |" : " |");
    print_outcomes();
    text("\n");
    total.tests++;
    total.instances += (uint64_t)BATCHES * INSTANCES;
    total.wrong += forbidden && cycles;
    total.relaxed += !forbidden && cycles;
}

static unsigned kinds(const struct shape *shape, unsigned t)
{
    const unsigned count = shape->role[t].count;
    return shape->limit && shape->limit < count ? shape->limit : count;
}

/* All combinations of the threads' orderings, or, where those are too many, those in which threads
 * of one kind have the same. */
static void check_shape(const struct shape *shape, uint64_t *state)
{
    unsigned at[THREADS] = {0};
    test.shape = shape;
    for (;;) {
        bool wanted = true;
        for (unsigned t = 0; t < shape->threads; t++) {
            test.thread[t] = &shape->role[t].kinds[at[t]];
            for (unsigned s = 0; s < t && shape->same; s++)
                wanted &= shape->role[s].kinds != shape->role[t].kinds || at[s] == at[t];
        }
        if (wanted)
            check(state);
        unsigned t = 0;
        while (t < shape->threads && ++at[t] == kinds(shape, t))
            at[t++] = 0;
        if (t == shape->threads)
            return;
    }
}

int main(unsigned cpu)
{
    uint64_t state = 88172645463325252u;
    if (cpu)
        serve(cpu);
    while (cpus < THREADS && start_cpu(cpus))
        cpus++;
    wait_until(&ready, cpus - 1, SOON);
    for (unsigned k = 0; k < COUNT(shapes); k++)
        if (shapes[k].threads <= cpus)
            check_shape(&shapes[k], &state);
    text("total: ");
    number(total.tests);
    text(" tests, ");
    number(total.instances);
    text(" instances, relaxed outcomes in ");
    number(total.relaxed);
    text(" tests, forbidden ones in ");
    number(total.wrong);
    text("\ndone\n");
    return 0;
}
