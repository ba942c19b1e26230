/* SPDX-License-Identifier: MIT */
#include "mmu_gen.h"

#include <string.h>

uint64_t gen_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* A set of tables under construction. */
struct tree {
    unsigned stage, granule, ia_bits, oa_bits, level;
    uint64_t root; /* physical */
};

struct gen {
    uint64_t *seed;
    uint8_t *ram;
    uint64_t next; /* offset of the next free table */
    bool two_stage, fwb;
    uint64_t delta; /* IPA - PA of the stage-1 tables */
    struct tree s1[2], s2;
};

static uint64_t rnd(struct gen *g)
{
    return gen_random(g->seed);
}

static bool percent(struct gen *g, unsigned n)
{
    return rnd(g) % 100 < n;
}

static uint64_t *at(struct gen *g, uint64_t pa)
{
    return (uint64_t *)(void *)(g->ram + (pa - GEN_RAM_BASE));
}

static bool in_pool(uint64_t pa)
{
    return pa >= GEN_RAM_BASE && pa < GEN_RAM_BASE + GEN_RAM_SIZE;
}

/* A table of SIZE bytes, a power of two; the pool's start again when it is full. */
static uint64_t new_table(struct gen *g, uint64_t size)
{
    g->next = (g->next + size - 1) & ~(size - 1);
    if (g->next + size > GEN_RAM_SIZE)
        g->next = 0;
    const uint64_t pa = GEN_RAM_BASE + g->next;
    g->next += size;
    return pa;
}

static unsigned shift_of(const struct tree *t, unsigned level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

static uint64_t random_bits(struct gen *g, unsigned bits)
{
    return rnd(g) & ((1ull << bits) - 1);
}

/* MemAttr without the reserved values. */
static uint64_t stage2_memory(struct gen *g, uint64_t desc)
{
    const unsigned attr = desc >> 2 & 0xf;
    if (g->fwb)
        return (desc & ~(1ull << 5)) | ((attr & 7) == 4 ? 3 << 2 : 0);
    return desc | (attr & 0xc && !(attr & 3) ? 3 << 2 : 0);
}

/* A leaf descriptor but its address. */
static uint64_t random_attributes(struct gen *g, const struct tree *t)
{
    uint64_t desc = rnd(g) & (t->stage == 1 ? 0x03e4000000000bfcull : 0x01e00000000003fcull);
    desc |= percent(g, 92) ? 1ull << 10 : 0;
    if ((desc >> 8 & 3) == 1)
        desc &= ~(3ull << 8); /* SH 01 is reserved */
    if (t->stage == 2)
        desc = stage2_memory(g, desc);
    if (percent(g, 80))
        desc |= 0xc0; /* stage 1: read-only at EL0; stage 2: all */
    if (percent(g, 50))
        desc &= ~(3ull << 53);
    if (percent(g, 90))
        desc &= ~(1ull << 52);
    if (t->stage == 1 && percent(g, 60))
        desc &= ~(1ull << 7);
    return desc;
}

static uint64_t leaf(struct gen *g, const struct tree *t, unsigned level)
{
    unsigned bits = percent(g, 95) ? t->oa_bits : 48;
    if (t->stage == 1 && g->two_stage && percent(g, 95))
        bits = g->s2.ia_bits;
    const uint64_t oa = random_bits(g, bits) & ~((1ull << shift_of(t, level)) - 1);
    return oa | random_attributes(g, t) | (level == 3 ? 3 : 1);
}

/* A stage-2 leaf under which a stage-1 table stays readable. */
static uint64_t table_leaf(struct gen *g, const struct tree *t, unsigned level, uint64_t ipa)
{
    const uint64_t oa = (ipa - g->delta) & ~((1ull << shift_of(t, level)) - 1);
    uint64_t desc = oa | (g->fwb ? 0x7dc : 0x7fc) | (level == 3 ? 3 : 1);
    static const uint8_t flaws[4] = {4, 6, 7, 10}; /* memory type, S2AP, AF */
    if (percent(g, 6))
        desc ^= 1ull << flaws[rnd(g) % 4];
    return desc;
}

static uint64_t table(struct gen *g, const struct tree *t)
{
    uint64_t address = new_table(g, 1ull << t->granule);
    if (percent(g, 3))
        address = GEN_RAM_BASE + (random_bits(g, 20) & ~((1ull << t->granule) - 1));
    if (t->stage == 1)
        address += g->delta;
    if (percent(g, 1))
        address |= 1ull << 47;
    uint64_t desc = address | 3;
    if (t->stage == 1 && percent(g, 20))
        desc |= rnd(g) & 0x7800000000000000ull;
    return desc;
}

static bool leaf_ok(const struct tree *t, unsigned level)
{
    return level == 3 || level == 2 || (level == 1 && t->granule == 12);
}

/* What to put into an empty entry; FOR_TABLE: the address is that of a stage-1 table. */
static uint64_t choose(struct gen *g, const struct tree *t, unsigned level, uint64_t ia,
                       bool for_table)
{
    if (percent(g, for_table ? 1 : 4))
        return (rnd(g) & ~3ull) | (percent(g, 50) ? 2 : level == 3) | 1ull << 60;
    const bool end = level == 3 || (leaf_ok(t, level) && percent(g, 25)) || percent(g, 1);
    if (!end)
        return table(g, t);
    return for_table ? table_leaf(g, t, level, ia) : leaf(g, t, level);
}

static void build(struct gen *g, const struct tree *t, uint64_t ia, bool for_table);

/* Where the tree's table at ADDRESS is written, or 0. */
static uint64_t writable(struct gen *g, const struct tree *t, uint64_t address)
{
    if (t->stage == 1 && g->two_stage) {
        build(g, &g->s2, address, true);
        address -= g->delta;
    }
    return in_pool(address) ? address : 0;
}

/* Makes the path for IA, as far as it is not there. */
static void build(struct gen *g, const struct tree *t, uint64_t ia, bool for_table)
{
    uint64_t address = t->root + (t->stage == 1 ? g->delta : 0);
    unsigned high = t->ia_bits;
    if (ia >> t->ia_bits)
        return;
    for (unsigned level = t->level; level <= 3; level++) {
        const unsigned shift = shift_of(t, level);
        const uint64_t index = (ia & ((1ull << high) - 1)) >> shift;
        const uint64_t pa = writable(g, t, address + index * 8);
        if (!pa)
            return;
        uint64_t *entry = at(g, pa);
        if (!*entry)
            *entry = choose(g, t, level, ia, for_table);
        address = *entry & 0x0000fffffffff000ull;
        if ((*entry & 3) != 3 || level == 3) {
            if (t->stage == 1 && g->two_stage)
                build(g, &g->s2, address | (ia & ((1ull << shift) - 1)), false);
            return;
        }
        high = shift;
    }
}

/* ---- registers ---- */

static const uint8_t oa_sizes[6] = {32, 36, 40, 42, 44, 48};

static unsigned random_tsz(struct gen *g)
{
    return percent(g, 96) ? 16 + (unsigned)(rnd(g) % 24) : (unsigned)(rnd(g) % 16);
}

/* A stage-1 half: its tree, and TG, TxSZ for the TCR. */
static void make_half(struct gen *g, struct tree *t, unsigned ps, unsigned *tsz)
{
    *tsz = random_tsz(g);
    t->stage = 1;
    t->granule = percent(g, 50) ? 12 : 14;
    t->ia_bits = *tsz < 16 ? 48 : 64 - *tsz;
    t->oa_bits = oa_sizes[ps];
    const unsigned stride = t->granule - 3;
    t->level = 4 - (t->ia_bits - t->granule + stride - 1) / stride;
    t->root = new_table(g, 1ull << t->granule);
}

static uint64_t tcr_two_halves(struct gen *g, unsigned ps)
{
    unsigned tsz0, tsz1;
    make_half(g, &g->s1[0], ps, &tsz0);
    make_half(g, &g->s1[1], ps, &tsz1);
    uint64_t tcr = (uint64_t)tsz0 | (uint64_t)tsz1 << 16 | (uint64_t)ps << 32;
    tcr |= (g->s1[0].granule == 12 ? 0ull : 2ull) << 14;
    tcr |= (g->s1[1].granule == 12 ? 2ull : 1ull) << 30;
    tcr |= rnd(g) & (3ull << 37 | 3ull << 51); /* TBI, TBID */
    if (percent(g, 30))
        tcr |= rnd(g) & (3ull << 41); /* HPD */
    if (percent(g, 5))
        tcr |= 1ull << (percent(g, 50) ? 7 : 23); /* EPD */
    if (percent(g, 10))
        tcr |= rnd(g) & (3ull << 55); /* E0PD */
    return tcr;
}

static uint64_t tcr_el2_one_half(struct gen *g, unsigned ps)
{
    unsigned tsz;
    make_half(g, &g->s1[0], ps, &tsz);
    g->s1[1] = g->s1[0];
    uint64_t tcr = 0x80800000ull | tsz | (uint64_t)ps << 16;
    tcr |= (g->s1[0].granule == 12 ? 0ull : 2ull) << 14;
    return tcr | (rnd(g) & (1ull << 20 | 1ull << 24));
}

/* A stage 2 whose input can hold the stage-1 tables' addresses. */
static void make_stage2(struct gen *g, struct gen_case *c)
{
    struct tree *t = &g->s2;
    unsigned ps = (unsigned)(rnd(g) % 6), tsz, sl0, least;
    t->stage = 2;
    t->granule = percent(g, 50) ? 12 : 14;
    const unsigned stride = t->granule - 3;
    do {
        tsz = 16 + (unsigned)(rnd(g) % 17);
        sl0 = (unsigned)(rnd(g) % 3);
        t->level = (t->granule == 12 ? 2 : 3) - sl0;
        least = (3 - t->level) * stride + t->granule + 1;
    } while (64 - tsz < least || 64 - tsz > least + stride - 1 + 4);
    t->ia_bits = 64 - tsz;
    while (percent(g, 90) && oa_sizes[ps] < t->ia_bits)
        ps++;
    t->oa_bits = oa_sizes[ps];
    const unsigned size = t->ia_bits - shift_of(t, t->level) + 3;
    t->root = new_table(g, 1ull << (size > t->granule ? size : t->granule));
    if (percent(g, 5))
        tsz ^= 1u << rnd(g) % 4; /* may no longer suit SL0 */
    c->vtcr_el2 = 0x80000000ull | tsz | sl0 << 6 | (t->granule == 12 ? 0u : 2u) << 14 | ps << 16;
    c->vttbr_el2 = t->root;
    g->delta = (rnd(g) % 3) << 30;
}

static uint64_t random_mair(struct gen *g)
{
    static const uint8_t bytes[8] = {0x00, 0x04, 0x08, 0x0c, 0x44, 0xff, 0xbb, 0xf4};
    uint64_t mair = 0;
    for (unsigned i = 0; i < 8; i++)
        mair = mair << 8 | bytes[percent(g, 50) ? 5 : rnd(g) % 8];
    return mair;
}

/* ---- addresses ---- */

static uint64_t random_va(struct gen *g, bool two_halves, uint64_t tcr)
{
    const unsigned half = percent(g, two_halves ? 50 : 3);
    const struct tree *t = &g->s1[half];
    uint64_t va = random_bits(g, t->ia_bits);
    build(g, t, va, false);
    if (half)
        va |= ~0ull << t->ia_bits;
    const bool tbi = two_halves ? tcr >> (37 + half) & 1 : tcr >> 20 & 1;
    if (tbi && percent(g, 50))
        va ^= rnd(g) << 56;
    if (percent(g, 3))
        va ^= 1ull << (rnd(g) % 64);
    return va;
}

static void make_vas(struct gen *g, struct gen_case *c, bool two_halves, uint64_t tcr)
{
    for (unsigned i = 0; i < GEN_VAS; i++) {
        c->va[i] = random_va(g, two_halves, tcr);
        if (i && percent(g, 30)) {
            c->va[i] = c->va[i - 1] ^ random_bits(g, 22);
            const struct tree *t = &g->s1[c->va[i] >> 55 & 1];
            build(g, t, c->va[i] & ((1ull << t->ia_bits) - 1), false);
        }
    }
}

void gen_make(uint64_t *seed, struct gen_case *c, uint8_t *ram)
{
    struct gen g = {.seed = seed, .ram = ram};
    memset(c, 0, sizeof *c);
    memset(ram, 0, GEN_RAM_SIZE);
    c->mode = rnd(&g) % GEN_MODES;
    c->pan = rnd(&g) & 1;
    g.two_stage = c->mode == GEN_EL10_S2;
    g.fwb = g.two_stage && percent(&g, 30);
    const bool wxn = percent(&g, 30), mmu = percent(&g, 96);
    const uint64_t sctlr = 0x30d00800ull | mmu | (wxn ? 1ull << 19 : 0);
    if (g.two_stage)
        make_stage2(&g, c);
    const unsigned ps = (unsigned)(rnd(&g) % 6);
    const bool two = c->mode != GEN_EL2;
    const uint64_t tcr = two ? tcr_two_halves(&g, ps) : tcr_el2_one_half(&g, ps);
    const uint64_t ttbr0 = g.s1[0].root + g.delta, ttbr1 = g.s1[1].root + g.delta;
    c->hcr_el2 = 1ull << 31 | (g.two_stage ? 1 : 0) | (c->mode == GEN_EL20 ? 1ull << 34 : 0);
    if (g.two_stage && percent(&g, 20))
        c->hcr_el2 |= 1ull << 2; /* PTW */
    if (g.two_stage && percent(&g, 10))
        c->hcr_el2 |= 1ull << 12; /* DC */
    if (g.fwb)
        c->hcr_el2 |= 1ull << 46;
    if (c->mode <= GEN_EL10_S2) {
        c->sctlr_el1 = sctlr, c->tcr_el1 = tcr, c->ttbr0_el1 = ttbr0, c->ttbr1_el1 = ttbr1;
        c->mair_el1 = random_mair(&g);
    } else {
        c->sctlr_el2 = sctlr, c->tcr_el2 = tcr, c->ttbr0_el2 = ttbr0, c->ttbr1_el2 = ttbr1;
        c->mair_el2 = random_mair(&g);
    }
    make_vas(&g, c, two, tcr);
}
