/* SPDX-License-Identifier: MIT */
/* Pages that move: a window of 512 pages, in two address spaces, whose pages are exchanged one by
 * one while a few instructions reach all over it. Each access must find the page that is mapped
 * now: also where many pages in a row were mapped to memory in the same order and then one of them
 * is not, where one instruction reaches another page every time, and where accesses off one
 * register lie on both sides of a page's end. */

#include "guest.h"

#define PAGES      512u
#define PAGE       4096u
#define WINDOW     0x100000000ull
#define HIGH       0xffffff8000000000ull /* where the upper half begins */
#define MEMORY     0x44400000ull /* in a direct-mapped TLB not at the window's places */
#define WORDS      (PAGE / 8)
#define SPACES     2u
#define BLOCK      (BIT(10) | 3u << 8 | 1u) /* accessed, inner shareable; a block */
#define NORMAL     (1u << 2)
#define NOT_GLOBAL BIT(11)
#define READ_ONLY  BIT(7)
#define USER       BIT(6)

static uint64_t level1[SPACES][512] __attribute__((aligned(4096)));
static uint64_t level2[SPACES][512] __attribute__((aligned(4096)));
static uint64_t level3[SPACES][512] __attribute__((aligned(4096)));
static uint64_t seed = 1;
static unsigned space;
static uint64_t window = WINDOW, not_global = NOT_GLOBAL;

static uint64_t random(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static uint64_t frame_of(unsigned page)
{
    return level3[space][page] & 0xfffffffff000ull;
}

static void map(unsigned s, unsigned page, uint64_t frame, uint64_t more)
{
    level3[s][page] = frame | BLOCK | 2 | NORMAL | USER | not_global | more;
}

static void build(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        level1[s][0] = BLOCK;
        level1[s][1] = 0x40000000 | BLOCK | NORMAL;
        level1[s][4] = (uint64_t)(uintptr_t)level2[s] | 3;
        level2[s][0] = (uint64_t)(uintptr_t)level3[s] | 3;
        for (unsigned page = 0; page < PAGES; page++)
            map(s, page, MEMORY + (s ? PAGES - 1 - page : page) * (uint64_t)PAGE, 0);
    }
}

/* No TLB maintenance: the ASID tells. */
static void enter(unsigned s)
{
    space = s;
    MSR("ttbr0_el1", (uint64_t)(uintptr_t)level1[s] | (uint64_t)(s + 1) << 48);
}

static void forget_page(unsigned page)
{
    const uint64_t of = (uint64_t)(space + 1) << 48 | ((window << 8 >> 20) + page);
    __asm__ volatile("dsb ishst; tlbi vae1is, %0; dsb ish; isb" ::"r"(of) : "memory");
}

/* The same for all address spaces. */
static void forget_page_everywhere(unsigned page)
{
    __asm__ volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" ::"r"((window << 8 >> 20) + page)
                     : "memory");
}

/* Exchanges what two pages show. */
static void swap(unsigned a, unsigned b, void (*forget)(unsigned page))
{
    const uint64_t of_a = frame_of(a), of_b = frame_of(b);
    level3[space][a] = level3[space][b] = 0;
    forget(a);
    forget(b);
    map(space, a, of_b, 0);
    map(space, b, of_a, 0);
    __asm__ volatile("dsb ishst; isb" ::: "memory");
}

static volatile uint64_t *at(unsigned page, unsigned word)
{
    return (volatile uint64_t *)(uintptr_t)(window + (uint64_t)page * PAGE + word * 8ull);
}

static volatile uint64_t *behind(unsigned page, unsigned word)
{
    return (volatile uint64_t *)(uintptr_t)(frame_of(page) + word * 8ull);
}

/* get_NAME() and put_NAME(), of one instruction each; and check_NAME(PAGE): stores through the window and loads through the
 * map of all memory, or the other way round. */
#define ACCESSES(name, load, store)                                                                                     \
    static __attribute__((noipa)) uint64_t get_##name(volatile uint64_t *from)                                          \
    {                                                                                                                   \
        uint64_t value;                                                                                                 \
        __asm__ volatile(load " %0, [%1]" : "=r"(value) : "r"(from) : "memory");                                        \
        return value;                                                                                                   \
    }                                                                                                                   \
    static __attribute__((noipa)) void put_##name(volatile uint64_t *to, uint64_t value)                                \
    {                                                                                                                   \
        __asm__ volatile(store " %0, [%1]" ::"r"(value), "r"(to) : "memory");                                           \
    }                                                                                                                   \
    static unsigned check_##name(unsigned page)                                                                         \
    {                                                                                                                   \
        const unsigned word = (unsigned)random(WORDS);                                                                  \
        const uint64_t value = seed;                                                                                    \
        if (value >> 40 & 1) {                                                                                          \
            put_##name(at(page, word), value);                                                                          \
            return *behind(page, word) != value;                                                                        \
        }                                                                                                               \
        *behind(page, word) = value;                                                                                    \
        return get_##name(at(page, word)) != value;                                                                     \
    }

ACCESSES(near, "ldr", "str")
ACCESSES(user, "ldtr", "sttr") /* as EL0 */
ACCESSES(global, "ldr", "str")

/* Eight words from FROM on, by four instructions, each one more than before, if it was as the map
 * of all memory says. */
static __attribute__((noinline)) uint64_t add_to_eight(volatile uint64_t *from)
{
    uint64_t x[8];
    __asm__ volatile(
        "ldp %0, %1, [%8]\n ldp %2, %3, [%8, #16]\n ldp %4, %5, [%8, #32]\n ldp %6, %7, [%8, #48]"
        : "=&r"(x[0]), "=&r"(x[1]), "=&r"(x[2]), "=&r"(x[3]), "=&r"(x[4]), "=&r"(x[5]), "=&r"(x[6]),
          "=&r"(x[7])
        : "r"(from)
        : "memory");
    uint64_t sum = 0;
    for (unsigned i = 0; i < 8; i++)
        sum = sum * 31 + x[i]++;
    __asm__ volatile("stp %0, %1, [%8]\n stp %2, %3, [%8, #16]\n stp %4, %5, [%8, #32]\n stp %6, "
                     "%7, [%8, #48]" ::"r"(x[0]),
                     "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(x[4]), "r"(x[5]), "r"(x[6]), "r"(x[7]),
                     "r"(from)
                     : "memory");
    return sum;
}

/* Across the end of PAGE, and somewhere in it. */
static unsigned check_border(unsigned page)
{
    const unsigned first = random(4) ? WORDS - (unsigned)random(9) : (unsigned)random(WORDS - 8);
    uint64_t before[8], sum = 0;
    unsigned bad = 0;
    for (unsigned i = 0; i < 8; i++) {
        const unsigned word = first + i;
        before[i] = *behind(page + word / WORDS, word % WORDS);
        sum = sum * 31 + before[i];
    }
    bad += add_to_eight(at(page, first)) != sum;
    for (unsigned i = 0; i < 8; i++) {
        const unsigned word = first + i;
        bad += *behind(page + word / WORDS, word % WORDS) != before[i] + 1;
    }
    return bad;
}

/* Two words at sums of registers, of which the second has another index. The base is not the
 * register that the fields of MOV look like. */
static __attribute__((noinline)) uint64_t get_indexed(volatile uint64_t *from, uint64_t first,
                                                      uint64_t second)
{
    register volatile uint64_t *base __asm__("x9") = from;
    uint64_t one, two, index = first;
    __asm__ volatile("ldr %0, [%3, %2]\n mov %2, %4\n ldr %1, [%3, %2]"
                     : "=&r"(one), "=&r"(two), "+&r"(index)
                     : "r"(base), "r"(second)
                     : "memory");
    return one * 31 + two;
}

static unsigned check_indexed(unsigned page, unsigned other)
{
    const unsigned word = (unsigned)random(WORDS);
    const uint64_t want = *behind(page, word) * 31 + *behind(other, word);
    return get_indexed(at(0, word), (uint64_t)page * PAGE, (uint64_t)other * PAGE) != want;
}

static void say(const char *name, uint64_t n, uint64_t bad)
{
    text(name);
    field("n", n);
    text(":");
    text(bad ? " BAD" : " ok");
    field("bad", bad);
    field("seed", seed);
    text("\n");
}

/* Rounds of accesses to REACH pages, with a change of address space before each, and SWAPS
 * exchanges every 1,000. */
static void rounds(const char *name, unsigned swaps, unsigned reach)
{
    for (unsigned round = 0; round < 24; round++) {
        uint64_t bad = 0;
        enter((unsigned)random(SPACES));
        const unsigned from = (unsigned)random(PAGES - reach);
        for (unsigned i = 0; i < 4000; i++) {
            if (i % 1000 == 999)
                for (unsigned k = 0; k < swaps; k++)
                    swap(from + (unsigned)random(reach), (unsigned)random(PAGES), forget_page);
            bad += check_near(from + (unsigned)random(reach));
        }
        for (unsigned i = 0; i < 400; i++)
            bad += check_border(from + (unsigned)random(reach - 1)) +
                   check_indexed(from + (unsigned)random(reach), from + (unsigned)random(reach));
        say(name, round, bad);
    }
}

/* Two pages that show something else again and again, after few accesses or many, as a kernel's
 * window to what it patches. */
static void patching(const char *name)
{
    for (unsigned round = 0; round < 16; round++) {
        const unsigned page = (unsigned)random(PAGES - 1), most = round % 4 * 12;
        uint64_t bad = 0;
        for (unsigned i = 0; i < 400; i++) {
            if (!random(8))
                enter((unsigned)random(SPACES));
            for (unsigned k = (unsigned)random(most + 2); k--;)
                bad += random(4) ? check_near(page + (unsigned)random(2)) : check_border(page);
            swap(page + (unsigned)random(2), (unsigned)random(PAGES), forget_page_everywhere);
            bad += check_near(page + (unsigned)random(2));
        }
        say(name, round, bad);
    }
}

/* One instruction comes from page to page, all of which are STEP apart, and the last one shows something else before it is
 * reached again. */
static void left_behind(const char *name, unsigned step, unsigned spaces, unsigned (*check_page)(unsigned page))
{
    for (unsigned round = 0; round < 16; round++) {
        uint64_t bad = 0;
        enter((unsigned)random(spaces));
        for (unsigned i = 0; i < 400; i++) {
            unsigned page = 0;
            for (unsigned k = (unsigned)random(3) + 1; k--;) {
                page = (unsigned)random(PAGES / step) * step;
                bad += check_page(page);
            }
            const unsigned other = (unsigned)random(PAGES);
            swap(page, random(2) ? other : other / step * step, random(2) ? forget_page : forget_page_everywhere);
            bad += check_page(page);
        }
        say(name, step * 16 + round, bad);
    }
}

/* The window is the upper half's from now on, of global pages. */
static void go_up(void)
{
    window = HIGH | WINDOW;
    not_global = 0;
    space = 0;
    for (unsigned page = 0; page < PAGES; page++)
        map(0, page, frame_of(page), 0);
    MSR("ttbr1_el1", (uint64_t)(uintptr_t)level1[0]);
    MSR("tcr_el1", (MRS("tcr_el1") & ~BIT(23)) | 25u << 16 | 1u << 24 | 1u << 26 | 3u << 28 | 2ull << 30);
    __asm__ volatile("dsb sy; tlbi vmalle1; dsb sy; isb" ::: "memory");
}

/* A page in the middle of others becomes read-only: only it faults. */
static void read_only(const char *name)
{
    for (unsigned round = 0; round < 8; round++) {
        const unsigned page = 100 + (unsigned)random(300);
        for (unsigned i = 0; i < 2000; i++)
            put_near(at(page - 20 + (unsigned)random(40), 3), i);
        map(space, page, frame_of(page), READ_ONLY);
        forget_page(page);
        put_near(at(page - 1, 5), round);
        put_near(at(page + 1, 5), round);
        forget();
        const uint64_t was = *behind(page, 5);
        put_near(at(page, 5), was + 1);
        text(name);
        field("n", round);
        text(":");
        say_events();
        text(*behind(page, 5) != was ? " BAD" : " ok");
        text("\n");
        map(space, page, frame_of(page), 0);
        forget_page(page);
    }
}

void main(void)
{
    build();
    MSR("mair_el1", 0xff04);
    MSR("tcr_el1", 25 | 1u << 8 | 1u << 10 | 3u << 12 | BIT(23) | 2ull << 32);
    enter(0);
    __asm__ volatile("dsb sy; tlbi vmalle1; dsb sy; isb" ::: "memory");
    MSR("sctlr_el1", MRS("sctlr_el1") | BIT(0) | BIT(2) | BIT(12));
    read_only("read-only page");
    rounds("near each other", 1, 8);
    rounds("in order", 0, 200);
    rounds("a few moved", 3, 200);
    rounds("many moved", 40, 500);
    patching("moved again and again");
    for (unsigned step = 1; step <= 128; step *= 2)
        left_behind("left behind, as EL0", step, SPACES, check_user);
    read_only("read-only page at the end");
    go_up();
    for (unsigned step = 1; step <= 128; step *= 2)
        left_behind("left behind, global", step, 1, check_global);
    text("done\n");
    power_off();
}
