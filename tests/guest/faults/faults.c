/* SPDX-License-Identifier: MIT */
/* Every load and store of the decode table, with its access starting at every byte around the
 * border of two pages, while one of them is missing, read-only, never accessed, or Device memory:
 * which exception, with which syndrome and address, and what the instruction has changed.
 *
 * The words are in words.inc, made by run.py from the decode table: base register X1, index X5 or
 * X6. A line a word and scenario: the hash of all that happened at all places, and at how many a
 * faulting instruction had changed a register or memory all the same. With DETAIL, a line a place.
 */

#include <stdint.h>

#define UART   (*(volatile uint32_t *)0x09000000)
#define WINDOW 0x100000000ull /* two pages: TTBR0's L1 entry 4 */
#define PAGE   4096u
#define BORDER (WINDOW + PAGE)
#define AROUND 80 /* bytes before and behind the border that are watched */

struct state {
    uint64_t x[31], esr;
    uint64_t v[32][2];
    uint64_t far, elr;
};
void probe(struct state *in, struct state *out);
extern uint32_t slot[];

static const struct {
    uint32_t first, word; /* FIRST runs before it: a load-exclusive, or NOP */
    uint32_t step;        /* from place to place */
} words[] = {
#include "words.inc"
};

static uint64_t l1[512] __attribute__((aligned(4096)));
static uint64_t l2[512] __attribute__((aligned(4096)));
static uint64_t l3[512] __attribute__((aligned(4096)));
static uint8_t pages[2][PAGE] __attribute__((aligned(4096)));

static void put(char c)
{
    UART = (uint32_t)c;
}

static void text(const char *s)
{
    while (*s)
        put(*s++);
}

static void hex(uint64_t value)
{
    char digits[17], *at = digits + 16;
    *at = 0;
    do
        *--at = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    text(at);
}

/* ---- pages ---- */

#define AF     (1ull << 10)
#define USER   (1ull << 6)
#define RO     (1ull << 7)
#define DEVICE (1ull << 2) /* attribute 1 */
#define PAGE_D (3ull | AF | USER | 3ull << 8)

enum { HERE, MISSING, READ_ONLY, UNUSED, IS_DEVICE };

static uint64_t descriptor(unsigned page, unsigned kind)
{
    static const uint64_t bits[] = {PAGE_D, 0, PAGE_D | RO, PAGE_D & ~AF, PAGE_D | DEVICE};
    return kind == MISSING ? 0 : (uint64_t)(uintptr_t)pages[page] | bits[kind];
}

static void map(unsigned first, unsigned second)
{
    l3[0] = descriptor(0, first);
    l3[1] = descriptor(1, second);
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
}

static void mmu_on(void)
{
    l1[0] = 1 | AF | DEVICE;
    l1[1] = 0x40000000 | 1 | AF | 3ull << 8;
    l1[4] = (uint64_t)(uintptr_t)l2 | 3;
    l2[0] = (uint64_t)(uintptr_t)l3 | 3;
    __asm__ volatile("msr mair_el1, %0; msr tcr_el1, %1; msr ttbr0_el1, %2; dsb sy; isb; mrs x0, "
                     "sctlr_el1; orr x0, x0, #1; orr x0, x0, #0x800000; "
                     "bic x0, x0, #2; msr sctlr_el1, x0; isb" ::"r"(0x00ffull),
                     "r"(25ull | 1ull << 8 | 1ull << 10 | 3ull << 12 | 1ull << 23 | 2ull << 32),
                     "r"(l1)
                     : "x0", "memory");
}

/* ---- probes ---- */

static struct state before, after;
static uint64_t hash;

static void mix(uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
}

static void fill(uint64_t base)
{
    for (unsigned i = 0; i < 31; i++)
        before.x[i] = 0x1111111111111111ull * i + 0x123456789abcdefull;
    before.x[1] = base;
    before.x[5] = 8; /* what a post-index register adds, and */
    before.x[6] = 0; /* a register offset */
    for (unsigned i = 0; i < 32; i++) {
        before.v[i][0] = 0x0123456789abcdefull * (i + 3);
        before.v[i][1] = 0xfedcba9876543211ull * (i + 5);
    }
    for (int i = -2 * AROUND; i < 2 * AROUND; i++)
        (i < 0 ? pages[0] + PAGE : pages[1])[i] = (uint8_t)(i * 7 + 13);
}

static uint64_t memory_hash(void)
{
    uint64_t sum = 0;
    for (int i = -2 * AROUND; i < 2 * AROUND; i++)
        sum = sum * 0x100000001b3ull + (i < 0 ? pages[0] + PAGE : pages[1])[i];
    return sum;
}

/* Whether anything differs between the states; X30 is the probe's own. */
static int changed(void)
{
    int differ = 0;
    for (unsigned i = 0; i < 30; i++)
        differ |= before.x[i] != after.x[i];
    for (unsigned i = 0; i < 32; i++)
        differ |= before.v[i][0] != after.v[i][0] || before.v[i][1] != after.v[i][1];
    return differ;
}

static void set_slot(uint32_t first, uint32_t word)
{
    slot[0] = first;
    slot[1] = word;
    __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" ::"r"(slot) : "memory");
}

/* One place; whether a faulting instruction changed something. */
static int probe_at(uint64_t base)
{
    fill(base);
    const uint64_t memory = memory_hash();
    probe(&before, &after);
    if (after.esr) {
        mix(after.esr);
        mix(after.far);
        mix(after.elr - (uint64_t)(uintptr_t)slot);
        /* What the load-exclusive in front has loaded is no change of the instruction's. */
        return slot[0] == 0xd503201f && (changed() || memory != memory_hash());
    }
    for (unsigned i = 0; i < 30; i++)
        mix(after.x[i]);
    for (unsigned i = 0; i < 32; i++) {
        mix(after.v[i][0]);
        mix(after.v[i][1]);
    }
    mix(memory_hash());
    return 0;
}

#ifdef DETAIL
static void say_place(uint64_t base, int dirty)
{
    text("  at ");
    hex(base - BORDER + 0x1000);
    text(" esr=");
    hex(after.esr);
    text(" far=");
    hex(after.esr ? after.far - BORDER + 0x1000 : 0);
    text(" dirty=");
    hex((uint64_t)dirty);
    text(" hash=");
    hex(hash);
    text("\n");
}
#endif

static void run_word(unsigned index, unsigned scenario)
{
    unsigned dirty = 0;
    set_slot(words[index].first, words[index].word);
    hash = 1;
    for (int at = -AROUND; at <= AROUND / 2; at += (int)words[index].step) {
        const uint64_t base = BORDER + (uint64_t)(int64_t)at;
        const int changes = probe_at(base);
        dirty += (unsigned)changes;
#ifdef DETAIL
        say_place(base, changes);
#endif
    }
    hex(words[index].word);
    text(" s");
    hex(scenario);
    text(" v=");
    hex(hash);
    text(" dirty=");
    hex(dirty);
    text("\n");
}

int main(void)
{
    static const uint8_t scenarios[][2] = {
        {HERE, HERE},      {HERE, MISSING}, {MISSING, HERE}, {HERE, READ_ONLY},
        {READ_ONLY, HERE}, {HERE, UNUSED},  {UNUSED, HERE},  {IS_DEVICE, IS_DEVICE}};
    mmu_on();
    for (unsigned s = 0; s < sizeof(scenarios) / sizeof(scenarios[0]); s++) {
        map(scenarios[s][0], scenarios[s][1]);
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            run_word(i, s);
    }
    text("done\n");
    return 0;
}
