/* SPDX-License-Identifier: MIT */
/* Translation by what it does to loads, stores, fetches and cache maintenance: every kind of
 * descriptor at every level, in the regimes EL1&0, EL2 and EL2&0, with 4K and 16K granules; stage 2
 * by itself and below stage 1; stage-2 faults of stage-1 walks, with HPFAR_EL2. A line a case: who
 * took which exception with which syndrome and address, or the value that was read.
 *
 * A space of tables maps the program itself (text read-only, so that WXN can be tried), a page of
 * code for the tried instruction twice (EL0 may not run what EL1 may write), and at TARGET, the
 * upper half of its addresses, what is tried. */

#include "guest.h"

#define BARE HCR_RW

#define AF         BIT(10)
#define SHARED     (3ull << 8)
#define USER       BIT(6)
#define RO         BIT(7)
#define DEVICE     BIT(2) /* attribute 1 */
#define CONTIGUOUS BIT(52)
#define PXN        BIT(53)
#define UXN        BIT(54)
#define ADDRESS    0xfffffffff000ull
#define PAGE       0x4000u
#define NO_MEMORY  0x60000000ull /* above all that the board has */

#define USER_CODE   0x100000000ull
#define KERNEL_CODE 0x140000000ull

static uint64_t pool[160][2048] __attribute__((aligned(0x10000)));
static unsigned pool_used;
static uint32_t code[PAGE / 4] __attribute__((aligned(0x4000)));
static uint32_t target[PAGE / 4] __attribute__((aligned(0x4000)));
extern char text_end[], image_end[];

static uint64_t pa_of(const volatile void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* ---- spaces ---- */

struct space {
    unsigned granule; /* 12 or 14 */
    unsigned bits, first;
    bool stage2, el2; /* whose descriptors */
    uint64_t *top;
};

static unsigned shift_of(const struct space *s, unsigned level)
{
    return s->granule + (3 - level) * (s->granule - 3);
}

static uint64_t *entry(const struct space *s, uint64_t va, unsigned level)
{
    uint64_t *table = s->top;
    for (unsigned l = s->first;; l++) {
        const unsigned top_bits = s->bits - shift_of(s, l);
        uint64_t *at =
            &table[va >> shift_of(s, l) & (BIT(l == s->first ? top_bits : s->granule - 3) - 1)];
        if (l == level)
            return at;
        if (!*at)
            *at = pa_of(pool[pool_used++ % ARRAY_SIZE(pool)]) | 3;
        table = (uint64_t *)(uintptr_t)(*at & ADDRESS);
    }
}

static void map(const struct space *s, uint64_t va, uint64_t pa, unsigned level, uint64_t bits)
{
    *entry(s, va, level) = pa | bits | AF | SHARED | (level == 3 ? 3 : 1);
}

/* What the program needs wherever it runs. */
static void map_program(const struct space *s)
{
    const uint64_t ro = s->stage2 ? 0xfcull : RO | (s->el2 ? USER : 0);
    const uint64_t rw = s->stage2 ? 0xfcull : s->el2 ? USER : 0;
    for (uint64_t at = 0x40080000; at < pa_of(image_end); at += BIT(s->granule))
        map(s, at, at, 3, at < pa_of(text_end) ? ro : rw);
    if (s->stage2)
        return;
    for (uint64_t at = 0; at < sizeof code; at += BIT(s->granule)) {
        map(s, KERNEL_CODE + at, pa_of(code) + at, 3, ro);
        map(s, USER_CODE + at, pa_of(code) + at, 3, USER | RO);
    }
}

static void make(struct space *s, unsigned granule, unsigned bits, unsigned first)
{
    pool_used = (pool_used + 3) & ~3u;
    s->granule = granule, s->bits = bits, s->first = first;
    s->top = pool[pool_used];
    pool_used += 4; /* 64 KiB: 16 tables side by side */
    map_program(s);
}

static void clear_pool(void)
{
    for (unsigned k = 0; k < pool_used * 2048; k++)
        pool[0][k] = 0;
    pool_used = 0;
}

static uint64_t upper_half(const struct space *s)
{
    return BIT(s->bits - 1);
}

/* ---- trying ---- */

struct access {
    const char *name;
    uint32_t word, then; /* THEN: behind it */
};
static const struct access accesses[] = {
    {"ldr", 0xf9400002, 0},          {"str", 0xf9000002, 0},          {"fetch", 0, 0},
    {"at", 0xd5087800, 0xd5387400}, /* at s1e1r, x0; mrs x0, par_el1 */
    {"atw", 0xd5087820, 0xd5387400}, {"atu", 0xd5087840, 0xd5387400}, {"ldrb", 0x39400002, 0},
    {"ldrsw", 0xb9800002, 0},        {"ldp", 0xa9400c02, 0},          {"stp", 0xa9000c02, 0},
    {"ldr post", 0xf8408402, 0},     {"ldr q", 0x3dc00000, 0},        {"ldr +1", 0xf8401002, 0},
    {"ldxr", 0xc85f7c02, 0},         {"ldar", 0xc8dffc02, 0},         {"stlr", 0xc89ffc02, 0},
    {"ldadd", 0xf8220003, 0},        {"casal", 0xc8e2fc03, 0},        {"ldtr", 0xf8400802, 0},
    {"sttr", 0xf8000802, 0},         {"dc cvac", 0xd50b7a20, 0},      {"dc civac", 0xd50b7e20, 0},
    {"dc ivac", 0xd5087620, 0},      {"dc zva", 0xd50b7420, 0},       {"ic ivau", 0xd50b7520, 0},
    {"prfm", 0xf9800000, 0},
};
#define FEW 6

static struct {
    const char *regime;        /* begins the name of a case */
    uint64_t hcr, sctlr, spsr; /* SPSR: more of the lower EL's */
    bool stage1, el2;
} now;
static uint32_t met[3]; /* exception classes 0x20 to 0x3f, by who took them */

static uint64_t run(unsigned el, const struct access *a, uint64_t va)
{
    const bool user = el == 0;
    const uint32_t call = el == 2 ? 0xd61f0000 : 0xd63f0000; /* BR, BLR x0 */
    const uint32_t leave = el == 2 ? 0xd65f03c0 : user ? 0xd4000ee1 : 0xd4000ee2;
    code[0] = a->word ? a->word : call;
    code[1] = a->then ? a->then : leave;
    code[2] = leave;
    __asm__ volatile("dsb sy; ic iallu; dsb sy; isb" ::: "memory");
    const uint64_t at = !now.stage1 ? pa_of(code) : user ? USER_CODE : KERNEL_CODE;
    if (el == 2)
        return ((uint64_t(*)(uint64_t))(uintptr_t)at)(va);
    return lower((void (*)(uint64_t))(uintptr_t)at, va, (user ? EL0T : EL1H) | now.spsr);
}

static void say_case(unsigned level, const char *kind, unsigned el, const char *name)
{
    text(now.regime);
    if (level <= 3) {
        text(" L");
        hex(level);
    }
    text(" ");
    text(kind);
    text(" el");
    hex(el);
    text(" ");
    text(name);
    text(" :");
}

/* One access; tables are as they are to be. */
static void try_one(unsigned el, const struct access *a, uint64_t va)
{
    for (unsigned k = 0; k < ARRAY_SIZE(target); k++)
        target[k] = 0xd65f03c0; /* RET */
    forget();
    MSR("hcr_el2", now.hcr); /* whose EL2 regime TLBI ALLE2 is of */
    __asm__ volatile("dsb sy; tlbi alle1; tlbi alle2; dsb sy; ic iallu; dsb sy; isb" ::: "memory");
    const uint64_t sctlr = MRS("sctlr_el2");
    if (now.el2)
        MSR("sctlr_el2", now.sctlr);
    else
        MSR("sctlr_el1", now.sctlr);
    const uint64_t value = run(el, a, va);
    if (now.el2)
        MSR("sctlr_el2", sctlr);
    MSR("hcr_el2", BARE);
    if (!events && a->then)
        field("par", value & 1 ? value : value & ~0x200ull); /* NS is UNKNOWN */
    else if (!events)
        text(" done");
    say_events();
    for (unsigned k = 0; k < events && k < ARRAY_SIZE(event); k++) {
        field("far", event[k].far);
        met[event[k].el] |= 1u << (event[k].esr >> 26 & 31);
        if (event[k].el == 2 && now.hcr & 1)
            field("hpfar", MRS("hpfar_el2"));
    }
    text("\n");
}

static void try(unsigned level, const char *kind, uint64_t va, bool all)
{
    const unsigned first = now.el2 && !(now.hcr & HCR_TGE) ? 2 : 0;
    for (unsigned el = first; el <= (now.el2 ? 2 : 1); el++) {
        if (el == 1 && now.el2)
            continue;
        for (unsigned k = 0; k < (all ? ARRAY_SIZE(accesses) : FEW); k++) {
            const uint32_t word = accesses[k].word;
            if (el == 0 && (word >> 16 == 0xd508)) /* AT, DC IVAC: UNDEFINED there */
                continue;
            if (now.el2 && accesses[k].then) /* AT of EL1 */
                continue;
            say_case(level, kind, el, accesses[k].name);
            try_one(el, &accesses[k], va);
        }
    }
}

/* ---- stage 1 ---- */

static uint64_t tcr(const struct space *s, bool el2, uint64_t more)
{
    const uint64_t tg0 = s->granule == 14 ? 2 : 0;
    const uint64_t common = (64 - s->bits) | 0x3500 | tg0 << 14 | more;
    /* EPD1, IPS: 32 bits; in EL2's layout RES1 and PS */
    return common | (el2 ? BIT(23) | BIT(31) : BIT(23));
}

static const struct {
    const char *name;
    uint64_t bits;
    bool user; /* tried with all accesses */
} leaves[] = {
    {"kernel rw", 0, true},
    {"user rw", USER, true},
    {"kernel ro", RO, true},
    {"user ro", USER | RO, true},
    {"uxn", USER | UXN, false},
    {"pxn", USER | RO | PXN, false},
    {"xn", USER | UXN | PXN, false},
    {"device", USER | DEVICE | UXN | PXN, true},
    {"guarded", RO | BIT(50), false},
    {"user guarded", USER | RO | BIT(50), false},
    {"contiguous", CONTIGUOUS | USER, false},
};

static uint64_t size_of(const struct space *s, unsigned level)
{
    return BIT(shift_of(s, level));
}

/* A leaf at LEVEL; where the target is in it. */
static uint64_t leaf(const struct space *s, uint64_t va, unsigned level, uint64_t bits)
{
    const uint64_t mask = size_of(s, level) - 1;
    map(s, va, pa_of(target) & ~mask, level, bits);
    return va | (pa_of(target) & mask);
}

static void run_of_contiguous(const struct space *s, uint64_t va, unsigned level, uint64_t bits)
{
    const unsigned count = s->granule == 12 ? 16 : level == 3 ? 128 : 32;
    const uint64_t size = size_of(s, level), pa = pa_of(target) & ~(count * size - 1);
    for (unsigned k = 0; k < count; k++)
        map(s, va + k * size, pa + k * size, level, bits);
}

static bool has_blocks(const struct space *s, unsigned level)
{
    return level == 3 || level == 2 || (level == 1 && s->granule == 12);
}

static void try_leaves(const struct space *s, unsigned level)
{
    const uint64_t va = upper_half(s);
    for (unsigned k = 0; k < ARRAY_SIZE(leaves); k++) {
        uint64_t at = leaf(s, va, level, leaves[k].bits);
        if (leaves[k].bits & CONTIGUOUS) {
            const unsigned count = s->granule == 12 ? 16 : level == 3 ? 128 : 32;
            run_of_contiguous(s, va, level, leaves[k].bits);
            at = va | (pa_of(target) & (count * size_of(s, level) - 1));
        }
        try(level, leaves[k].name, at, leaves[k].user && level == 3);
    }
    uint64_t at = leaf(s, va, level, USER);
    *entry(s, va, level) &= ~AF;
    try(level, "no af", at, level == 3);
    *entry(s, va, level) |= AF | BIT(33);
    try(level, "output size", at, false);
    if (level == 3) {
        *entry(s, va, 3) = (pa_of(target) | AF | USER | SHARED) + 1;
        try(level, "reserved", at, false);
        *entry(s, va, 3) = NO_MEMORY | AF | USER | SHARED | 3;
        try(level, "no bus", at, true);
        if (!now.el2) { /* HCR_EL2.TEA: external aborts are EL2's */
            now.hcr |= BIT(37);
            try(level, "no bus tea", at, true);
            now.hcr &= ~BIT(37);
        }
    }
    *entry(s, va, level) = 0;
}

static const struct {
    const char *name;
    uint64_t bits;
} tables[] = {
    {"table", 0},
    {"aptable 1", BIT(61)},
    {"aptable 2", BIT(62)},
    {"aptable 3", 3 * BIT(61)},
    {"uxntable", BIT(60)},
    {"pxntable", BIT(59)},
    {"table size", BIT(33)},
};

/* A descriptor of a table at LEVEL, above a page that EL0 may use. */
static void try_tables(const struct space *s, unsigned level)
{
    const uint64_t va = upper_half(s), at = leaf(s, va, 3, USER);
    uint64_t *above = entry(s, va, level);
    const uint64_t right = *above;
    *above = 0;
    try(level, "invalid", at, false);
    for (unsigned k = 0; k < ARRAY_SIZE(tables); k++) {
        *above = right | tables[k].bits;
        try(level, tables[k].name, at, false);
    }
    *above = NO_MEMORY | 3;
    try(level, "no memory", at, false);
    *above = right;
    *entry(s, va, 3) = 0;
}

static void clear_upper_half(const struct space *s)
{
    *entry(s, upper_half(s), s->first) = 0;
}

static void try_levels(const struct space *s)
{
    for (unsigned level = s->first; level <= 3; level++) {
        if (has_blocks(s, level)) {
            try_leaves(s, level);
            clear_upper_half(s);
        }
        if (level < 3)
            try_tables(s, level);
        clear_upper_half(s);
    }
}

/* Modes of a regime: a page each for EL0 and for EL1 alone under PAN, UAO, WXN, HPD; addresses
 * beyond T0SZ; tags. */
static void try_modes(const struct space *s, const char *tcr_name, uint64_t own_tcr,
                      bool el2_layout)
{
    const uint64_t va = upper_half(s), sctlr = now.sctlr;
    const uint64_t tbi = el2_layout ? BIT(20) : BIT(37), hpd = el2_layout ? BIT(24) : BIT(41);
    const uint64_t pan = BIT(22), uao = BIT(23);
    static const uint64_t kinds[] = {USER, 0};
    (void)tcr_name;
    for (unsigned k = 0; k < 2; k++) {
        const uint64_t at = leaf(s, va, 3, kinds[k]);
        if (!now.el2) {
            now.spsr = pan;
            try(4, k ? "pan kernel" : "pan user", at, true);
            now.spsr = uao;
            try(4, k ? "uao kernel" : "uao user", at, true);
            now.spsr = pan | uao;
            try(4, k ? "pan uao kernel" : "pan uao user", at, true);
            now.spsr = 0;
        }
        now.sctlr = sctlr | BIT(19);
        try(4, k ? "wxn kernel" : "wxn user", at, false);
        now.sctlr = sctlr;
    }
    const uint64_t at = leaf(s, va, 3, USER);
#define SET_TCR(value)                                                                             \
    do {                                                                                           \
        if (now.el2)                                                                               \
            MSR("tcr_el2", value);                                                                 \
        else                                                                                       \
            MSR("tcr_el1", value);                                                                 \
    } while (0)
    uint64_t *above = entry(s, va, 2);
    *above |= BIT(62) | BIT(60) | BIT(59);
    MSR("hcr_el2", now.hcr);
    SET_TCR(own_tcr | hpd);
    try(4, "hpd", at, false);
    SET_TCR(own_tcr);
    *above &= ~(BIT(62) | BIT(60) | BIT(59));
    if (s->bits < 48)
        try(4, "beyond", at | BIT(s->bits), false);
    try(4, "bit 55", at | BIT(55), false);
    try(4, "tag", at | 0x5aull << 56, true);
    MSR("hcr_el2", now.hcr);
    SET_TCR(own_tcr | tbi);
    try(4, "tag tbi", at | 0x5aull << 56, true);
    *entry(s, va, 3) = 0;
    try(4, "tag tbi invalid", at | 0x5aull << 56, true);
    MSR("hcr_el2", now.hcr);
    SET_TCR(own_tcr);
    clear_upper_half(s);
}

struct shape {
    const char *name;
    uint8_t granule, bits, first;
};
static const struct shape shapes[] = {
    {"4k 48", 12, 48, 0},  {"4k 39", 12, 39, 1},  {"4k 36", 12, 36, 1},
    {"16k 47", 14, 47, 1}, {"16k 48", 14, 48, 0}, {"16k 36", 14, 36, 2},
};

static char name_buffer[48];

static const char *join(const char *a, const char *b)
{
    char *at = name_buffer;
    while (*a)
        *at++ = *a++;
    *at++ = ' ';
    while (*b)
        *at++ = *b++;
    *at = 0;
    return name_buffer;
}

#define SCTLR_EL1_ON (0x30d00800ull | BIT(0) | BIT(2) | BIT(9) | BIT(14) | BIT(15) | BIT(26))

static void stage1(const struct shape *shape)
{
    struct space s = {0};
    clear_pool();
    make(&s, shape->granule, shape->bits, shape->first);
    now.regime = join("el1", shape->name);
    now.hcr = BARE;
    now.sctlr = SCTLR_EL1_ON & ~BIT(23); /* SPAN: 0 would set PAN at each exception to EL1 */
    now.sctlr |= BIT(23);
    now.stage1 = true, now.el2 = false;
    MSR("ttbr0_el1", pa_of(s.top));
    MSR("tcr_el1", tcr(&s, false, 0));
    MSR("mair_el1", 0xff);
    try_levels(&s);
    try_modes(&s, "tcr_el1", tcr(&s, false, 0), false);
}

static void el2_stage1(const struct shape *shape, bool host)
{
    struct space s = {.el2 = !host};
    clear_pool();
    make(&s, shape->granule, shape->bits, shape->first);
    now.regime = join(host ? "host" : "el2", shape->name);
    now.hcr = BARE | (host ? HCR_E2H | HCR_TGE : 0);
    now.sctlr =
        0x30c50830 | BIT(0) | BIT(2) | (host ? BIT(9) | BIT(14) | BIT(15) | BIT(23) | BIT(26) : 0);
    now.stage1 = now.el2 = true;
    MSR("hcr_el2", now.hcr);
    MSR("cptr_el2", host ? 3ull << 20 : 0x33ff);
    MSR("ttbr0_el2", pa_of(s.top));
    MSR("tcr_el2", tcr(&s, !host, 0));
    MSR("mair_el2", 0xff);
    try_levels(&s);
    try_modes(&s, "tcr_el2", tcr(&s, !host, 0), !host);
    MSR("hcr_el2", BARE);
    MSR("cptr_el2", 0x33ff);
}

/* ---- stage 2 ---- */

#define S2_RW 0xfcull /* Normal, read and write */

static const struct {
    const char *name;
    uint64_t bits;
    bool all;
} leaves2[] = {
    {"rw", S2_RW, true},
    {"none", 0x3c, true},
    {"ro", 0x7c, true},
    {"wo", 0xbc, true},
    {"xn", S2_RW | BIT(54), false},
    {"xn 1", S2_RW | BIT(53), false},
    {"xn 3", S2_RW | 3 * BIT(53), false},
    {"device", 0xc0, true},
    {"contiguous", S2_RW | CONTIGUOUS, false},
};

static const struct shape shapes2[] = {
    {"4k 36", 12, 36, 1},
    {"4k 33 eight", 12, 33, 2},
    {"16k 36", 14, 36, 2},
};

static void use_stage2(const struct space *s)
{
    const uint64_t sl0 = s->granule == 12 ? 2 - s->first : 3 - s->first;
    MSR("vtcr_el2", BIT(31) | (64 - s->bits) | sl0 << 6 | 0x3500 |
                        (s->granule == 14 ? 2ull << 14 : 0) | 1ull << 16);
    MSR("vttbr_el2", pa_of(s->top));
}

/* SPACE: stage 2's; VA of the target by its IPA is IPA + OFFSET. */
static void try_levels2(const struct space *s, uint64_t offset)
{
    const uint64_t ipa = upper_half(s);
    for (unsigned level = s->first; level <= 3; level++) {
        for (unsigned k = 0; k < ARRAY_SIZE(leaves2); k++) {
            uint64_t at = leaf(s, ipa, level, leaves2[k].bits);
            if (leaves2[k].bits & CONTIGUOUS) {
                const unsigned count = s->granule == 12 ? 16 : level == 3 ? 128 : 32;
                run_of_contiguous(s, ipa, level, leaves2[k].bits);
                at = ipa | (pa_of(target) & (count * size_of(s, level) - 1));
            }
            try(level, leaves2[k].name, at + offset, leaves2[k].all);
        }
        const uint64_t at = leaf(s, ipa, level, S2_RW) + offset;
        *entry(s, ipa, level) &= ~AF;
        try(level, "no af", at, false);
        *entry(s, ipa, level) |= AF | BIT(37);
        try(level, "output size", at, false);
        *entry(s, ipa, level) = 0;
        try(level, "invalid", at, true);
        if (level < 3) {
            *entry(s, ipa, level) = NO_MEMORY | 3;
            try(level, "no memory", at, false);
        }
        clear_upper_half(s);
    }
}

static void stage2_only(const struct shape *shape)
{
    struct space s = {.stage2 = true};
    clear_pool();
    make(&s, shape->granule, shape->bits, shape->first);
    now.regime = join("s2", shape->name);
    now.hcr = BARE | 1;
    now.sctlr = SCTLR_EL1_ON & ~5ull;
    now.stage1 = now.el2 = false;
    use_stage2(&s);
    try_levels2(&s, 0);
    if (s.bits < 36)
        try(4, "beyond", BIT(s.bits), false);
}

/* Stage 1 maps the upper half of IPAs as it maps the program: pages at the same addresses. */
static void both_stages(const struct shape *shape)
{
    struct space s1 = {0}, s2 = {.stage2 = true};
    clear_pool();
    make(&s2, shape->granule, shape->bits, shape->first);
    make(&s1, 12, 39, 1);
    now.regime = join("s12", shape->name);
    now.hcr = BARE | 1;
    now.sctlr = SCTLR_EL1_ON;
    now.stage1 = true, now.el2 = false;
    use_stage2(&s2);
    MSR("ttbr0_el1", pa_of(s1.top));
    MSR("tcr_el1", tcr(&s1, false, 0) | 1ull << 32); /* 36 bits */
    const uint64_t ipa = upper_half(&s2), va = upper_half(&s1);
    for (uint64_t at = 0; at < BIT(30); at += BIT(21))
        map(&s1, va + at, ipa + at, 2, USER);
    try_levels2(&s2, va - ipa);
}

/* The table of stage 1 that is read at LEVEL of the target's walk is at an IPA of its own, of which
 * stage 2 makes this and that. */
static const struct {
    const char *name;
    uint64_t bits, hcr;
} walks[] = {
    {"seen", S2_RW, 0},
    {"seen ro", 0x7c, 0},
    {"seen none", 0x3c, 0},
    {"seen wo", 0xbc, 0},
    {"seen xn", S2_RW | BIT(54), 0},
    {"seen device", 0xc0, 0},
    {"seen device ptw", 0xc0, BIT(2)},
    {"seen ptw", S2_RW, BIT(2)},
};

static void walk_faults(const struct shape *shape)
{
    struct space s1 = {0}, s2 = {.stage2 = true};
    clear_pool();
    make(&s2, shape->granule, shape->bits, shape->first);
    make(&s1, 12, 48, 0);
    now.regime = join("ptw", shape->name);
    now.sctlr = SCTLR_EL1_ON;
    now.stage1 = true, now.el2 = false;
    use_stage2(&s2);
    MSR("ttbr0_el1", pa_of(s1.top));
    MSR("tcr_el1", tcr(&s1, false, 0) | 1ull << 32);
    const uint64_t ipa = upper_half(&s2);
    uint64_t va = upper_half(&s1) + 0x8040201000ull;
    va = leaf(&s1, va & ~0xfffull, 3, USER);
    for (unsigned level = 1; level <= 3; level++) {
        uint64_t *above = entry(&s1, va, level - 1);
        const uint64_t right = *above, pa = right & ADDRESS & ~0x3fffull;
        *above = (ipa | (right & 0x3000)) | 3;
        now.hcr = BARE | 1;
        for (unsigned at2 = s2.first; at2 <= 3; at2++) {
            *entry(&s2, ipa, at2) = 0;
            static const char *const kinds[] = {"", "unseen 1", "unseen 2", "unseen 3"};
            try(level, kinds[at2], va, at2 == 3);
        }
        for (unsigned k = 0; k < ARRAY_SIZE(walks); k++) {
            map(&s2, ipa, pa, 3, walks[k].bits);
            if (s2.granule == 12)
                for (uint64_t page = 0; page < 0x4000; page += 0x1000)
                    map(&s2, ipa + page, pa + page, 3, walks[k].bits);
            now.hcr = BARE | 1 | walks[k].hcr;
            try(level, walks[k].name, va, false);
        }
        now.hcr = BARE | 1;
        *entry(&s2, ipa, 3) &= ~AF;
        try(level, "seen no af", va, false);
        *entry(&s2, ipa, 3) |= AF | BIT(37);
        try(level, "seen size", va, false);
        clear_upper_half(&s2);
        *above = right;
    }
    now.hcr = BARE;
}

static void say_classes(void)
{
    static const uint32_t all[3] = {0, BIT(0) | BIT(1) | BIT(4) | BIT(5),
                                    BIT(0) | BIT(1) | BIT(4) | BIT(5)};
    for (unsigned el = 1; el < 3; el++) {
        text("classes of el");
        hex(el);
        text(" :");
        field("met", met[el]);
        text((met[el] & all[el]) == all[el] ? "\n" : " BAD\n");
    }
}

void main(void)
{
    MSR("cpacr_el1", 3ull << 20);
    MSR("cptr_el2", 0x33ff);
    MSR("hcr_el2", BARE);
    for (unsigned k = 0; k < ARRAY_SIZE(shapes); k++)
        stage1(&shapes[k]);
    for (unsigned k = 0; k < ARRAY_SIZE(shapes); k += 2) {
        el2_stage1(&shapes[k], false);
        el2_stage1(&shapes[k], true);
    }
    for (unsigned k = 0; k < ARRAY_SIZE(shapes2); k++) {
        stage2_only(&shapes2[k]);
        both_stages(&shapes2[k]);
        walk_faults(&shapes2[k]);
    }
    say_classes();
}
