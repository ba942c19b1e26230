/* SPDX-License-Identifier: MIT */
/* Pages that migrate while other CPUs use them, as Linux moves them: CPU 0 breaks a mapping,
 * invalidates it on all CPUs, copies the page, spoils where it was, and maps the copy. The others
 * meanwhile do all kinds of work there, code in such pages too, and wait where they meet a hole.
 * Each piece of work is done again in memory that stays; both must give the same: then no access
 * reached a page after the invalidation was complete, and none was lost. A line a test. */

#include "support.h"

#define PAGE     4096ull
#define WINDOW   0x100000000ull /* 2 MiB; 64 pages for each CPU that works */
#define SHARE    64u
#define DATA     56u /* of them */
#define CODE     6u
#define VERSION  62u /* a page that is another every time, and says which */
#define BRANCH   63u /* one whose first instruction is changed in its place */
#define PAGES    512u
#define FRAMES   0x44000000ull
#define SPARE    64u
#define SHADOW   0x86000000ull /* where memory is mapped a second time, for EL0 too */
#define MAX_CPUS 8u

#define BLOCK      (1u << 10 | 3u << 8 | 1u) /* accessed, inner shareable */
#define MAPPED     (BLOCK | 2u)              /* a page */
#define ADDRESS    0xfffffffff000ull
#define NOT_GLOBAL (1u << 11)
#define READ_ONLY  (1u << 7)
#define USER       (1u << 6)

#ifndef ROUNDS
#define ROUNDS 20000u
#endif

static volatile uint64_t level2[512] __attribute__((aligned(4096)));
static volatile uint64_t level3[PAGES] __attribute__((aligned(4096)));
static uint64_t spare[SPARE];
static unsigned next_spare;
static volatile uint64_t started, finished;
static volatile uint64_t version[MAX_CPUS], branch[MAX_CPUS];
static struct count {
    uint64_t wrong, met;
} counts[MAX_CPUS][4];       /* of data, code, VERSION and BRANCH */
static bool ranges, aliased; /* FEAT_TLBIRANGE; an instruction cache that is not PIPT */

static inline __attribute__((always_inline)) uint64_t next(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

/* ---- work: of BASE's DATA pages, by SEED alone. Code that runs wherever it lies ---- */

#define MOVING __attribute__((section(".moving"), noinline, noclone))
#define BYTES  (DATA * PAGE)
typedef uint64_t work_fn(uint8_t *base, uint64_t seed);

MOVING static uint64_t walk(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t *at = (uint64_t *)base + next(&seed, BYTES / 8);
        sum = sum * 31 + *at;
        *at += seed;
    }
    return sum;
}

/* Every size, at any byte: across the ends of pages too. */
MOVING static uint64_t sizes(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 48; i++) {
        const uint64_t page = 1 + next(&seed, DATA - 1);
        uint8_t *at = base + page * PAGE - 9 + next(&seed, 10);
        uint64_t value;
        __asm__ volatile("ldr %0, [%1]\n str %2, [%1]"
                         : "=&r"(value)
                         : "r"(at), "r"(seed)
                         : "memory");
        sum = sum * 31 + value;
        __asm__ volatile("ldrh %w0, [%1, #1]\n strh %w2, [%1, #3]"
                         : "=&r"(value)
                         : "r"(at), "r"(~seed)
                         : "memory");
        sum = sum * 31 + value;
        __asm__ volatile("ldr %w0, [%1, #2]\n strb %w2, [%1, #5]"
                         : "=&r"(value)
                         : "r"(at), "r"(seed)
                         : "memory");
        sum = sum * 31 + value;
    }
    return sum;
}

MOVING static uint64_t pairs(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 24; i++) {
        const uint64_t page = 1 + next(&seed, DATA - 1);
        uint64_t x[8], *at = (uint64_t *)(base + page * PAGE) - 8 + next(&seed, 9);
        __asm__ volatile("ldp %0, %1, [%8]\n ldp %2, %3, [%8, #16]\n ldp %4, %5, [%8, #32]\n ldp "
                         "%6, %7, [%8, #48]"
                         : "=&r"(x[0]), "=&r"(x[1]), "=&r"(x[2]), "=&r"(x[3]), "=&r"(x[4]),
                           "=&r"(x[5]), "=&r"(x[6]), "=&r"(x[7])
                         : "r"(at)
                         : "memory");
        for (unsigned k = 0; k < 8; k++)
            sum = sum * 31 + x[k];
        __asm__ volatile("stp %0, %1, [%8]\n stp %2, %3, [%8, #16]\n stp %4, %5, [%8, #32]\n stp "
                         "%6, %7, [%8, #48]" ::"r"(x[1]),
                         "r"(x[2]), "r"(x[3]), "r"(x[4]), "r"(x[5]), "r"(x[6]), "r"(x[7]), "r"(sum),
                         "r"(at)
                         : "memory");
    }
    return sum;
}

MOVING static uint64_t copy(uint8_t *base, uint64_t seed)
{
    const uint64_t half = BYTES / 16, count = next(&seed, 2048), from = next(&seed, half - count),
                   to = next(&seed, half - count);
    const uint64_t *in = (uint64_t *)base + from;
    uint64_t *out = (uint64_t *)base + half + to;
    for (uint64_t i = 0; i < count; i++)
        out[i] = in[i];
    return count;
}

MOVING static uint64_t sum(uint8_t *base, uint64_t seed)
{
    const uint64_t count = next(&seed, 8192), from = next(&seed, BYTES / 4 - count);
    const uint32_t *in = (uint32_t *)base + from;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += in[i] * (i | 1);
    return sum;
}

MOVING static uint64_t fill(uint8_t *base, uint64_t seed)
{
    const uint64_t count = next(&seed, 8192), from = next(&seed, BYTES - count);
    for (uint64_t i = 0; i < count; i++)
        base[from + i] = (uint8_t)(seed + i);
    return count;
}

/* In steps, backwards too; one word of each page. */
MOVING static uint64_t steps(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0;
    const uint64_t step = 8 * (1 + next(&seed, 100)), start = next(&seed, PAGE / 8) * 8;
    for (uint64_t at = start; at < BYTES / 4; at += step)
        sum += *(uint64_t *)(base + at) += at;
    for (uint64_t at = BYTES - 8 - start; at > BYTES / 2; at -= PAGE)
        sum = sum * 31 + *(uint64_t *)(base + at);
    for (uint64_t page = 0; page < DATA; page++)
        *(uint64_t *)(base + page * PAGE + start) ^= sum;
    return sum;
}

/* A byte after the other, by one register. */
MOVING static uint64_t bytes(uint8_t *base, uint64_t seed)
{
    const uint64_t from = next(&seed, BYTES - 2048), end = from + 1024;
    const uint8_t *in = base + from, *last = base + end;
    uint8_t *out = base + end;
    uint64_t sum = 0, byte;
    do
        __asm__ volatile("ldrb %w2, [%0], #1\n add %3, %3, %2\n strb %w3, [%1], #1"
                         : "+r"(in), "+r"(out), "=&r"(byte), "+r"(sum)::"memory");
    while (in != last);
    return sum;
}

MOVING static uint64_t atomics(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0, old, fresh;
    uint32_t failed;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t *at = (uint64_t *)base + next(&seed, BYTES / 8);
        __asm__ volatile("ldadd %1, %0, [%2]" : "=r"(old) : "r"(seed), "r"(at) : "memory");
        sum = sum * 31 + old;
        at = (uint64_t *)base + next(&seed, BYTES / 8);
        __asm__ volatile("swpal %w1, %w0, [%2]" : "=r"(old) : "r"(seed), "r"(at) : "memory");
        sum = sum * 31 + old;
        at = (uint64_t *)base + next(&seed, BYTES / 8);
        fresh = old = *(volatile uint64_t *)at;
        __asm__ volatile("cas %0, %1, [%2]" : "+r"(fresh) : "r"(seed), "r"(at) : "memory");
        sum = sum * 31 + (fresh == old);
        at = (uint64_t *)base + next(&seed, BYTES / 16) * 2;
        do
            __asm__ volatile("ldxp %0, %1, [%3]\n stlxp %w2, %1, %4, [%3]"
                             : "=&r"(old), "=&r"(fresh), "=&r"(failed)
                             : "r"(at), "r"(seed)
                             : "memory");
        while (failed);
        sum = sum * 31 + old;
    }
    return sum;
}

MOVING static uint64_t vectors(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0, value;
    for (unsigned i = 0; i < 24; i++) {
        uint8_t *at = base + (1 + next(&seed, DATA - 1)) * PAGE - 65 + next(&seed, 66);
        __asm__ volatile(
            "ld1 {v0.16b-v3.16b}, [%1]\n add v0.2d, v0.2d, v3.2d\n st2 {v0.4s, v1.4s}, [%1]\n"
            "ldp q4, q5, [%1, #16]\n add v4.16b, v4.16b, v5.16b\n str q4, [%1, #32]\n addv b4, "
            "v4.16b\n umov %w0, v4.b[0]"
            : "=r"(value)
            : "r"(at)
            : "v0", "v1", "v2", "v3", "v4", "v5", "memory");
        sum = sum * 31 + value;
        __asm__ volatile("dc zva, %0" ::"r"(base + next(&seed, BYTES)) : "memory");
    }
    return sum;
}

/* As EL0. */
MOVING static uint64_t user(uint8_t *base, uint64_t seed)
{
    uint64_t sum = 0, value;
    for (unsigned i = 0; i < 48; i++) {
        uint8_t *at = base + next(&seed, BYTES - 8);
        __asm__ volatile("ldtr %0, [%1]\n sttr %w2, [%1, #4]"
                         : "=&r"(value)
                         : "r"(at), "r"(seed)
                         : "memory");
        sum = sum * 31 + value;
    }
    return sum;
}

MOVING static uint64_t sort(uint8_t *base, uint64_t seed)
{
    uint32_t *a = (uint32_t *)base + next(&seed, BYTES / 4 - 48);
    for (unsigned i = 1; i < 48; i++) {
        const uint32_t value = a[i];
        unsigned at = i;
        for (; at && a[at - 1] > value; at--)
            a[at] = a[at - 1];
        a[at] = value;
    }
    return a[0];
}

static work_fn *const works[] = {walk,  sizes, pairs,   copy,    sum,  fill,
                                 steps, bytes, atomics, vectors, user, sort};
#define WORKS (sizeof(works) / sizeof(*works))
extern uint8_t moving_start[]; /* CODE pages at most: guest.ld looks */

/* ---- what a CPU that works checks ---- */

static uint64_t window_of(unsigned cpu)
{
    return WINDOW + (cpu - 1) * SHARE * PAGE;
}

static uint64_t differences(unsigned cpu)
{
    const volatile uint64_t *a = (uint64_t *)window_of(cpu),
                            *b = (uint64_t *)(SHADOW + cpu * BYTES);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < BYTES / 8; i++)
        wrong += a[i] != b[i];
    return wrong;
}

static uint64_t call(uint64_t page, unsigned cpu)
{
    __asm__ volatile("isb" ::: "memory");
    return ((uint64_t(*)(void))(window_of(cpu) + page * PAGE))();
}

static void look_at_versions(unsigned cpu)
{
    struct count *const moved = &counts[cpu][2], *const changed = &counts[cpu][3];
    const uint64_t least = load_acquire(&version[cpu]);
    moved->wrong += call(VERSION, cpu) < least;
    moved->met++;
    const uint64_t before = load_acquire(&branch[cpu]), seen = call(BRANCH, cpu),
                   after = load_acquire(&branch[cpu]);
    if (after - before > 100) /* of 256 that can be told apart */
        return;
    changed->wrong += ((seen - before) & 255) > after + 1 - before;
    changed->met++;
}

static void work(unsigned cpu)
{
    uint8_t *const window = (uint8_t *)window_of(cpu), *const shadow =
                                                           (uint8_t *)(SHADOW + cpu * BYTES);
    uint64_t seed = cpu;
    for (unsigned round = 0; round < ROUNDS; round++) {
        work_fn *const here = works[next(&seed, WORKS)];
        const bool moved = next(&seed, 2);
        const uint64_t delta = (uint64_t)window + DATA * PAGE - (uint64_t)moving_start;
        work_fn *const there = moved ? (work_fn *)((uint64_t)here + delta) : here;
        const uint64_t of = seed;
        struct count *const count = &counts[cpu][moved];
        count->wrong += there(window, of) != here(shadow, of);
        count->met++;
        look_at_versions(cpu);
        if (!(round & 255))
            count->wrong += differences(cpu);
    }
    counts[cpu][0].wrong += differences(cpu);
    __atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
}

/* A hole, or a page that is read-only for now: wait until CPU 0 has mapped it. */
__attribute__((target("general-regs-only"))) bool fault(uint64_t esr, uint64_t far)
{
    const uint64_t class = esr >> 26, status = esr & 0x3c, page = (far - WINDOW) / PAGE;
    const bool store = class == 0x25 && esr & 1u << 6;
    if ((class != 0x25 && class != 0x21) || (status != 4 && status != 12) || far < WINDOW ||
        page >= PAGES)
        return false;
    while (!(level3[page] & 1) || (store && level3[page] & READ_ONLY))
        __asm__ volatile("yield");
    return true;
}

/* ---- CPU 0 ---- */

static void barrier(void)
{
    __asm__ volatile("dsb ish; isb" ::: "memory");
}

static void invalidate(unsigned page, unsigned count, unsigned how)
{
    const uint64_t of = (WINDOW >> 12) + page;
    __asm__ volatile("dsb ishst" ::: "memory");
    if (how == 4)
        __asm__ volatile("tlbi vmalle1is");
    else if (how == 5)
        __asm__ volatile("tlbi aside1is, xzr\n tlbi vaae1is, %0" ::"r"(of));
    else if (how == 3 && ranges) /* TLBI RVAE1IS of 4 KiB pages; the scale and number for 2, 4... */
        __asm__ volatile("sys #0, c8, c2, #1, %0" ::"r"(
            1ull << 46 | (uint64_t)((count + 1) / 2 - 1) << 39 | of));
    else
        for (unsigned i = 0; i < count; i++)
            switch (how & 3) {
            case 0:
                __asm__ volatile("tlbi vae1is, %0" ::"r"(of + i));
                break;
            case 1:
                __asm__ volatile("tlbi vaae1is, %0" ::"r"(of + i));
                break;
            default:
                __asm__ volatile("tlbi vale1is, %0" ::"r"(of + i));
            }
    barrier();
}

static void clean_code(uint64_t from, uint64_t bytes)
{
    for (uint64_t at = from; at < from + bytes; at += 64)
        __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
    __asm__ volatile("dsb ish" ::: "memory");
    for (uint64_t at = from; at < from + bytes && !aliased; at += 64)
        __asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
    if (aliased)
        __asm__ volatile("ic ialluis" ::: "memory");
    barrier();
}

static bool is_code(unsigned page)
{
    return page % SHARE >= DATA;
}

static void move_words(volatile uint64_t *to, volatile uint64_t *from, uint64_t spoil)
{
    for (unsigned i = 0; i < PAGE / 8; i++) {
        to[i] = from[i];
        from[i] = spoil;
    }
}

#define MOVZ_W0 0x52800000u
#define MOVK_W0 0x72a00000u /* the upper half */
#define RET     0xd65f03c0u

/* What VERSION is: mov w0, #NUMBER; ret */
static void put_version(volatile uint32_t *code, uint64_t number)
{
    code[0] = MOVZ_W0 | (uint32_t)(number & 0xffff) << 5;
    code[1] = MOVK_W0 | (uint32_t)(number >> 16 & 0xffff) << 5;
    code[2] = RET;
}

static void migrate(unsigned page, unsigned count, unsigned how, bool gently)
{
    uint64_t old[8];
    for (unsigned i = 0; i < count; i++) {
        old[i] = level3[page + i];
        if (gently)
            level3[page + i] = old[i] | READ_ONLY;
    }
    if (gently)
        invalidate(page, count, how);
    for (unsigned i = 0; i < count; i++)
        level3[page + i] = 0;
    invalidate(page, count, how);
    for (unsigned i = 0; i < count; i++) {
        const unsigned cpu = (page + i) / SHARE + 1;
        const uint64_t from = old[i] & ADDRESS, to = spare[next_spare];
        move_words((uint64_t *)to, (uint64_t *)from,
                   is_code(page + i) ? 0xd4200000d4200000u : 0x5b5b5b5b5b5b5b5bu);
        if ((page + i) % SHARE == VERSION)
            put_version((uint32_t *)to, version[cpu] + 1);
        if (is_code(page + i))
            clean_code(to, PAGE);
        spare[next_spare] = from;
        next_spare = (next_spare + 1) % SPARE;
        level3[page + i] = to | (old[i] & ~ADDRESS);
        barrier();
        if ((page + i) % SHARE == VERSION)
            __atomic_store_n(&version[cpu], version[cpu] + 1, __ATOMIC_RELEASE);
    }
}

/* BRANCH begins with a branch to one of 256 returns. */
static void put_branch(unsigned cpu, uint64_t number)
{
    const uint64_t code = level3[(cpu - 1) * SHARE + BRANCH] & ADDRESS;
    *(volatile uint32_t *)code = 0x14000000u + 16 + 2 * (uint32_t)(number & 255);
    clean_code(code, 4);
    __atomic_store_n(&branch[cpu], number, __ATOMIC_RELEASE);
}

static void disturb_code(unsigned cpu, unsigned how)
{
    migrate((cpu - 1) * SHARE + VERSION, 1, how, false);
    put_branch(cpu, branch[cpu] + 1);
}

static void build(unsigned cpus)
{
    uint64_t features, cache;
    __asm__("mrs %0, id_aa64isar0_el1" : "=r"(features));
    __asm__("mrs %0, ctr_el0" : "=r"(cache));
    ranges = features >> 56 & 2;
    aliased = (cache >> 14 & 3) != 3;
    for (unsigned i = 0; i < SPARE; i++)
        spare[i] = FRAMES + (PAGES + i) * PAGE;
    for (unsigned page = 0; page < (cpus - 1) * SHARE; page++) {
        const uint64_t frame = FRAMES + page * PAGE;
        const unsigned cpu = page / SHARE + 1, of = page % SHARE;
        if (of >= DATA && of < DATA + CODE)
            for (unsigned i = 0; i < PAGE / 8; i++)
                ((uint64_t *)frame)[i] = ((uint64_t *)(moving_start + (of - DATA) * PAGE))[i];
        if (of == VERSION)
            put_version((uint32_t *)frame, version[cpu]);
        for (unsigned i = 0; i < 256 && of == BRANCH; i++) {
            ((volatile uint32_t *)frame)[16 + 2 * i] = MOVZ_W0 | i << 5;
            ((volatile uint32_t *)frame)[17 + 2 * i] = RET;
        }
        clean_code(frame, PAGE);
        level3[page] = frame | MAPPED | (is_code(page) ? 0 : USER) | (page & 1 ? NOT_GLOBAL : 0);
        if (of == BRANCH)
            put_branch(cpu, 0);
    }
    l1[SHADOW >> 30] = 0x40000000 | BLOCK | USER;
    level2[0] = (uint64_t)level3 | 3;
    l1[WINDOW >> 30] = (uint64_t)level2 | 3;
    barrier();
}

/* Moves one of CPU's pages, or several, in the manner of this PHASE: often or seldom, all over or
 * the same few; or invalidates in vain. How many were moved. */
static uint64_t disturb(unsigned cpu, uint64_t *seed, uint64_t phase)
{
    const unsigned how = (unsigned)next(seed, 6), first = (cpu - 1) * SHARE;
    const unsigned count = how == 5 || next(seed, 4) ? 1 : 2 + 2 * (unsigned)next(seed, 3);
    const unsigned few = phase & 1 ? SHARE : 8;
    const unsigned page = first + (unsigned)((phase >> 1) + next(seed, few)) % (SHARE - count + 1);
    for (volatile uint64_t pause = next(seed, 1u << (phase >> 8) % 16); pause; pause--)
        ;
    if (phase >> 16 & 1 && next(seed, 2)) {
        invalidate(page, count, how);
        return 0;
    }
    migrate(page, count, how, next(seed, 4) == 0);
    return count;
}

static uint64_t direct(unsigned cpus)
{
    uint64_t seed = 7, moves = 0, phase = 0;
    for (unsigned i = 0; load_acquire(&finished) != cpus - 1; i++) {
        const unsigned cpu = 1 + (unsigned)next(&seed, cpus - 1);
        if (!(i & 63))
            phase = next(&seed, 1u << 20);
        moves += disturb(cpu, &seed, phase);
        if (next(&seed, 2)) {
            disturb_code(cpu, (unsigned)next(&seed, 6));
            moves++;
        }
    }
    return moves;
}

int main(unsigned cpu)
{
    static const char *const names[] = {"data", "code", "version", "branch"};
    if (cpu) {
        __atomic_fetch_add(&started, 1, __ATOMIC_RELEASE);
        while (!load_acquire(&branch[0]))
            ;
        barrier();
        work(cpu);
        for (;;)
            __asm__ volatile("wfi");
    }
    unsigned cpus = 1;
    while (cpus < MAX_CPUS && start_cpu(cpus))
        cpus++;
    while (load_acquire(&started) != cpus - 1)
        ;
    build(cpus);
    __atomic_store_n(&branch[0], 1, __ATOMIC_RELEASE);
    const uint64_t moves = direct(cpus);
    for (unsigned of = 0; of < 4; of++) {
        uint64_t wrong = 0, met = 0;
        for (unsigned k = 1; k < cpus; k++) {
            wrong += counts[k][of].wrong;
            met += counts[k][of].met;
        }
        say(names[of], wrong, met);
    }
    say("moves", 0, moves);
    text("done\n");
    return 0;
}
