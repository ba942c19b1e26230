/* SPDX-License-Identifier: MIT */
/* Two CPUs against each other: single-copy atomicity, exclusives that must not succeed,
 * read-modify-writes that must not get lost, order, and waking up. A line a test: its name, ok or
 * how often it went wrong, and how often the CPUs really met. */

#include "support.h"

#ifndef ABA_ROUNDS
#define ABA_ROUNDS 100000u
#endif

/* ---- rendezvous ---- */

static volatile uint64_t phase, reached;

/* Both CPUs are here before either goes on. */
static void meet(unsigned cpu)
{
    const uint64_t now = load_acquire(&phase);
    if (cpu) {
        __atomic_store_n(&reached, now + 1, __ATOMIC_RELEASE);
        while (load_acquire(&phase) == now)
            ;
    } else {
        while (load_acquire(&reached) != now + 1)
            ;
        __atomic_store_n(&phase, now + 1, __ATOMIC_RELEASE);
    }
}

/* ---- sixteen bytes at once ---- */

#define TEAR_ROUNDS 400000u
static volatile uint64_t cell[8] __attribute__((aligned(64)));
static volatile uint64_t stop;

enum tear { TEAR_PAIR, TEAR_Q, TEAR_CASP };

static void write16(enum tear how, uint64_t value)
{
    if (how == TEAR_Q)
        __asm__ volatile("fmov d0, %1; mov v0.d[1], %1; str q0, [%0]" ::"r"(cell), "r"(value)
                         : "v0", "memory");
    else
        __asm__ volatile("stp %1, %1, [%0]" ::"r"(cell), "r"(value) : "memory");
}

static bool torn(enum tear how, uint64_t *last)
{
    uint64_t a, b;
    if (how == TEAR_Q) {
        __asm__ volatile("ldr q0, [%2]; fmov %0, d0; mov %1, v0.d[1]"
                         : "=r"(a), "=r"(b)
                         : "r"(cell)
                         : "v0", "memory");
    } else if (how == TEAR_CASP) {
        register uint64_t x0 __asm__("x0") = 1, x1 __asm__("x1") = 2;
        register uint64_t x2 __asm__("x2") = 3, x3 __asm__("x3") = 3;
        __asm__ volatile("casp x0, x1, x2, x3, [%4]"
                         : "+r"(x0), "+r"(x1)
                         : "r"(x2), "r"(x3), "r"(cell)
                         : "memory");
        a = x0;
        b = x1;
    } else {
        __asm__ volatile("ldp %0, %1, [%2]" : "=r"(a), "=r"(b) : "r"(cell) : "memory");
    }
    *last = a;
    return a != b;
}

static void tearing(unsigned cpu, enum tear how, const char *name)
{
    uint64_t wrong = 0, met = 0, last = 0, value;
    stop = 0;
    meet(cpu);
    if (cpu) {
        for (uint64_t k = 0; !load_acquire(&stop); k++)
            write16(how, k * 0x100000001ull);
    } else {
        for (unsigned k = 0; k < TEAR_ROUNDS; k++) {
            wrong += torn(how, &value);
            met += value != last;
            last = value;
        }
        __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
        say(name, wrong, met);
    }
    meet(cpu);
}

/* ---- a lock-free stack: pop takes the top by a store-exclusive that must fail when the top went
 * away and came back ---- */

#define NODES 8u
static struct node {
    struct node *volatile next;
    volatile uint32_t owner; /* 0: on the stack */
} __attribute__((aligned(64))) nodes[NODES];
static struct node *volatile top __attribute__((aligned(64)));
static volatile uint64_t taken_twice;

static struct node *pop(void)
{
    struct node *node, *next;
    uint32_t failed;
    do {
        __asm__ volatile("ldaxr %0, [%1]" : "=r"(node) : "r"(&top) : "memory");
        if (!node) {
            __asm__ volatile("clrex");
            return 0;
        }
        next = node->next; /* the node may be another's by now: then the store must fail */
        __asm__ volatile("stlxr %w0, %2, [%1]" : "=&r"(failed) : "r"(&top), "r"(next) : "memory");
    } while (failed);
    return node;
}

static void push(struct node *node, bool lse)
{
    struct node *old;
    uint32_t failed;
    if (lse) {
        struct node *seen = top;
        do {
            old = seen;
            node->next = old;
            seen = old;
            __asm__ volatile("casal %0, %2, [%1]" : "+r"(seen) : "r"(&top), "r"(node) : "memory");
        } while (seen != old);
        return;
    }
    do {
        __asm__ volatile("ldaxr %0, [%1]" : "=r"(old) : "r"(&top) : "memory");
        node->next = old;
        __asm__ volatile("stlxr %w0, %2, [%1]" : "=&r"(failed) : "r"(&top), "r"(node) : "memory");
    } while (failed);
}

static void aba(unsigned cpu, uint64_t rounds, bool lse, const char *name)
{
    uint64_t met = 0;
    if (!cpu) {
        top = 0;
        taken_twice = 0;
        for (unsigned i = 0; i < NODES; i++) {
            nodes[i].owner = 0;
            push(&nodes[i], false);
        }
    }
    meet(cpu);
    for (uint64_t k = 0; k < rounds; k++) {
        struct node *a = pop(), *b = pop();
        struct node *const got[2] = {a, b};
        for (unsigned i = 0; i < 2; i++)
            if (got[i] && __atomic_exchange_n(&got[i]->owner, cpu + 1, __ATOMIC_ACQ_REL))
                taken_twice = taken_twice + 1;
        met += !a || !b;
        for (unsigned i = 0; i < 2; i++)
            if (got[i]) {
                __atomic_store_n(&got[i]->owner, 0, __ATOMIC_RELEASE);
                push(got[i], lse);
            }
    }
    meet(cpu);
    if (!cpu) {
        unsigned left = 0;
        for (struct node *node = top; node && left <= NODES; node = node->next)
            left++;
        say(name, taken_twice + (left != NODES), met);
    }
    meet(cpu);
}

/* ---- a store-exclusive must fail after another CPU's store of the same value ---- */

static volatile uint64_t guarded[8] __attribute__((aligned(64))), turn __attribute__((aligned(64)));

static void same_value(unsigned cpu, unsigned how, const char *name)
{
    enum { ROUNDS = 20000 };
    uint64_t wrong = 0;
    if (!cpu)
        turn = guarded[0] = guarded[1] = 0;
    meet(cpu);
    for (uint64_t k = 0; k < ROUNDS; k++) {
        if (cpu) {
            while (load_acquire(&turn) != 2 * k + 1)
                ;
            uint64_t value = 0;
            uint32_t failed;
            switch (how) {
            case 0:
                guarded[0] = 0;
                break;
            case 1: /* elsewhere in the granule */
                guarded[1] = k;
                break;
            case 2:
                __asm__ volatile("ldadd xzr, %0, [%1]" : "=r"(value) : "r"(guarded) : "memory");
                break;
            case 3:
                do
                    __asm__ volatile("ldxr %0, [%2]; stxr %w1, %0, [%2]"
                                     : "=&r"(value), "=&r"(failed)
                                     : "r"(guarded)
                                     : "memory");
                while (failed);
                break;
            }
            __atomic_store_n(&turn, 2 * k + 2, __ATOMIC_RELEASE);
        } else {
            uint64_t value;
            uint32_t failed;
            __asm__ volatile("ldxr %0, [%1]" : "=r"(value) : "r"(guarded) : "memory");
            __atomic_store_n(&turn, 2 * k + 1, __ATOMIC_RELEASE);
            while (load_acquire(&turn) != 2 * k + 2)
                ;
            __asm__ volatile("stxr %w0, %1, [%2]"
                             : "=&r"(failed)
                             : "r"(value), "r"(guarded)
                             : "memory");
            wrong += !failed;
        }
    }
    meet(cpu);
    if (!cpu)
        say(name, wrong, ROUNDS);
}

/* ---- sums by every kind of read-modify-write, every size ---- */

#define ADDS 200000u
static volatile uint64_t sums[8] __attribute__((aligned(64)));

static void add_all(unsigned how)
{
    for (unsigned k = 0; k < ADDS; k++) {
        uint64_t old, sum;
        uint32_t failed;
        switch (how) {
        case 0:
            __asm__ volatile("ldaddb %w1, %w0, [%2]" : "=r"(old) : "r"(1), "r"(sums) : "memory");
            break;
        case 1:
            __asm__ volatile("ldaddalh %w1, %w0, [%2]" : "=r"(old) : "r"(1), "r"(sums) : "memory");
            break;
        case 2:
            __asm__ volatile("stadd %w0, [%1]" ::"r"(1), "r"(sums) : "memory");
            break;
        case 3:
            __asm__ volatile("staddl %x0, [%1]" ::"r"(1), "r"(sums) : "memory");
            break;
        case 4:
            do
                __asm__ volatile("ldxr %0, [%3]; add %1, %0, #1; stxr %w2, %1, [%3]"
                                 : "=&r"(old), "=&r"(sum), "=&r"(failed)
                                 : "r"(sums)
                                 : "memory");
            while (failed);
            break;
        case 5:
            do
                __asm__ volatile("ldxp %0, %1, [%3]; add %0, %0, #1; stxp %w2, %0, %1, [%3]"
                                 : "=&r"(old), "=&r"(sum), "=&r"(failed)
                                 : "r"(sums)
                                 : "memory");
            while (failed);
            break;
        case 6:
            old = sums[0];
            do {
                sum = old;
                __asm__ volatile("casal %0, %1, [%2]"
                                 : "+r"(old)
                                 : "r"(sum + 1), "r"(sums)
                                 : "memory");
            } while (old != sum);
            break;
        }
    }
}

static void adding(unsigned cpu)
{
    static const uint64_t masks[] = {0xff, 0xffff, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull};
    static const char *const names[] = {"ldaddb", "ldaddalh", "stadd-w", "staddl-x",
                                        "ldxr",   "ldxp",     "casal"};
    for (unsigned how = 0; how < 7; how++) {
        if (!cpu)
            sums[0] = sums[1] = 0;
        meet(cpu);
        add_all(how);
        meet(cpu);
        if (!cpu)
            say(names[how], sums[0] != (2 * ADDS & masks[how]), 2 * ADDS);
    }
}

/* ---- message passing ---- */

static volatile uint64_t data __attribute__((aligned(64))), flag __attribute__((aligned(64)));

static void messages(unsigned cpu, bool barrier)
{
    enum { ROUNDS = 100000 };
    uint64_t wrong = 0;
    if (!cpu)
        data = flag = 0;
    meet(cpu);
    for (uint64_t k = 1; k <= ROUNDS; k++) {
        if (cpu) {
            data = k;
            if (barrier)
                __asm__ volatile("dmb ishst" ::: "memory");
            __asm__ volatile("stlr %0, [%1]" ::"r"(k), "r"(&flag) : "memory");
        } else {
            uint64_t seen, got;
            __asm__ volatile("ldar %0, [%1]" : "=r"(seen) : "r"(&flag) : "memory");
            got = data;
            wrong += got < seen;
        }
    }
    meet(cpu);
    if (!cpu)
        say(barrier ? "message-dmb" : "message-release", wrong, ROUNDS);
}

/* ---- waiting: SEV and a lost monitor wake WFE ---- */

static void waking(unsigned cpu)
{
    enum { ROUNDS = 300 };
    if (!cpu)
        flag = 0;
    meet(cpu);
    for (uint64_t k = 1; k <= ROUNDS; k++) {
        if (cpu) {
            while (load_acquire(&flag) != 2 * k - 1)
                ;
            for (volatile unsigned spin = 0; spin < 200; spin++)
                ;
            __atomic_store_n(&flag, 2 * k, __ATOMIC_RELEASE);
            if (k & 1)
                __asm__ volatile("dsb ish; sev");
        } else {
            __atomic_store_n(&flag, 2 * k - 1, __ATOMIC_RELEASE);
            if (k & 1) {
                while (load_acquire(&flag) != 2 * k)
                    __asm__ volatile("wfe");
            } else {
                uint64_t seen;
                for (;;) {
                    __asm__ volatile("ldaxr %0, [%1]" : "=r"(seen) : "r"(&flag) : "memory");
                    if (seen == 2 * k)
                        break;
                    __asm__ volatile("wfe");
                }
                __asm__ volatile("clrex");
            }
        }
    }
    meet(cpu);
    if (!cpu)
        say("wfe", 0, ROUNDS);
}

/* WFIT and WFET in a loop end at their time, not before and not long after (a second). On a CPU
 * without them nothing runs. */
static void timed_wait(unsigned cpu)
{
    uint64_t features, start, now, end, frequency;
    __asm__("mrs %0, s3_0_c0_c6_2" : "=r"(features)); /* ID_AA64ISAR2_EL1 */
    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    if (cpu)
        return;
    uint64_t wrong = 0, rounds = 0;
    for (unsigned k = 0; k < 4 && (features & 15) == 2; k++, rounds++) {
        __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(start));
        end = start + frequency / 100;
        do {
            register uint64_t x5 __asm__("x5") = end;
            if (k & 1)
                __asm__ volatile(".inst 0xd5031005" ::"r"(x5)); /* WFET X5 */
            else
                __asm__ volatile(".inst 0xd5031025" ::"r"(x5)); /* WFIT X5 */
            __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(now));
        } while (now < end);
        wrong += now - end > frequency;
    }
    say("wfit", wrong, rounds);
}

int main(unsigned cpu)
{
    if (!cpu && !start_cpu(1))
        text("CPU_ON failed\n");
    tearing(cpu, TEAR_PAIR, "tear-ldp");
    tearing(cpu, TEAR_Q, "tear-q");
    tearing(cpu, TEAR_CASP, "tear-casp");
    for (unsigned how = 0; how < 4; how++) {
        static const char *const names[] = {"stxr-store", "stxr-granule", "stxr-ldadd",
                                            "stxr-stxr"};
        same_value(cpu, how, names[how]);
    }
    adding(cpu);
    messages(cpu, false);
    messages(cpu, true);
    waking(cpu);
    timed_wait(cpu);
    aba(cpu, ABA_ROUNDS, false, "aba-stxr");
    aba(cpu, ABA_ROUNDS, true, "aba-cas");
    if (cpu)
        for (;;)
            __asm__ volatile("wfi");
    text("done\n");
    return 0;
}
