/* SPDX-License-Identifier: MIT */

/* Translation tables: what an address means by the tables in guest memory (Arm ARM D8).
 *
 * One walker serves both stages of all regimes, for the TLB's fills, for AT and for debuggers. It
 * reads guest memory and nothing else: no access-flag or dirty-bit updates (these models have no
 * FEAT_HAFDBS), no exceptions raised. Faults come back as a status code with stage and level, in
 * the order of precedence that the manual's pseudocode gives them: AArch64.S1Translate, then
 * AArch64.S2Translate.
 *
 * Tables are hostile: another CPU may rewrite them during the walk, so each descriptor is read
 * once, as one 8-byte load, and every index is masked by construction. A descriptor outside the
 * VM's memory is reported as an external abort on a walk, which mmu.c hands to the monitor.
 *
 * Choices where the manual leaves one:
 *  - TG0, TG1 and VTCR.TG0 values for 64K or reserved act as 16K;
 *  - T0SZ and T1SZ below 16 or above 39, and a VTCR.T0SZ that exceeds the PA size, give a
 * translation fault, level 0;
 *  - an IPS or PS value above PARange acts as PARange;
 *  - a Contiguous bit enlarges what an invalidation by address drops, nothing else.
 *
 * Left out: 64K granule, FEAT_LPA2, FEAT_LVA, FEAT_TTST, big-endian tables, FEAT_NV. */

#include <stddef.h>

#include "mmu_priv.h"
#include "system.h"

#define ADDRESS_MASK    0x0000fffffffff000ull
#define DESC_VALID      (1ull << 0)
#define DESC_TABLE      (1ull << 1) /* at level 3: page */
#define DESC_AF         (1ull << 10)
#define DESC_NG         (1ull << 11)
#define DESC_GP         (1ull << 50)
#define DESC_CONTIGUOUS (1ull << 52)
#define DESC_PXN        (1ull << 53)
#define DESC_UXN        (1ull << 54)
#define TABLE_PXN       (1ull << 59)
#define TABLE_UXN       (1ull << 60)
#define TABLE_NO_EL0    (1ull << 61) /* APTable[0] */
#define TABLE_RO        (1ull << 62) /* APTable[1] */

/* 01 is reserved and acts as none. */
enum { SH_NONE = 0, SH_OUTER = 2, SH_INNER = 3 };
#define ATTR_DEVICE    0x00
#define ATTR_NORMAL_WB 0xff

/* One translation in progress. */
struct walker {
    struct a64_cpu *cpu;
    enum a64_regime regime;
    bool stage2; /* stage 2 applies to stage 1's tables */
    bool el0;
    unsigned access; /* enum a64_access */
    bool unaligned;  /* faults in Device memory */
    struct a64_walk *out;
};

/* A set of tables ready to be walked. */
struct tables {
    unsigned granule; /* 12 or 14 */
    unsigned ia_bits, oa_bits;
    unsigned level; /* of the first lookup */
    uint64_t base;
};

/* The block or page a walk ended at. */
struct leaf {
    uint64_t desc;
    uint64_t table_attrs; /* bits 63:59 of all table descriptors, or-ed */
    uint64_t oa;
    uint64_t address; /* of the descriptor */
    unsigned level, shift;
};

/* A stage-2 translation's result. */
struct stage2 {
    uint64_t pa;
    unsigned level;
    uint8_t memattr, sh;
    uint8_t perm[2];
};

static unsigned stage2_walk(struct walker *w, uint64_t ipa, struct stage2 *out);

static unsigned fault(struct walker *w, unsigned stage, enum mmu_fsc fsc, unsigned level)
{
    w->out->fsc = (uint8_t)(fsc == FSC_ALIGNMENT ? fsc : fsc | level);
    w->out->stage = (uint8_t)stage;
    return w->out->fsc | stage << 8;
}

bool mmu_page(struct a64_cpu *cpu, uint64_t pa, struct a64_page *page)
{
    const struct a64_bus *bus = &cpu->sys->bus;
    return bus->page(bus->ctx, pa & ~A64_PAGE_MASK, page);
}

/* A descriptor from physical memory. */
static bool load_physical(struct a64_cpu *cpu, uint64_t pa, uint64_t *desc)
{
    struct a64_page page;
    if (!mmu_page(cpu, pa, &page) || !(page.flags & A64_READ))
        return false;
    const uint8_t *host = (const uint8_t *)page.host + (pa & A64_PAGE_MASK);
    *desc = __atomic_load_n((const uint64_t *)(const void *)host, __ATOMIC_RELAXED);
    return true;
}

/* Whether stage 2 alone makes memory Device. */
static bool stage2_device(uint64_t hcr, unsigned memattr)
{
    return !(memattr & (hcr & HCR_FWB ? 0x4 : 0xc));
}

/* The stage-2 faults of a stage-1 walk. */
static unsigned walk_stage2(struct walker *w, uint64_t ipa, uint64_t *pa)
{
    struct stage2 s2;
    unsigned status = stage2_walk(w, ipa, &s2);
    const uint64_t hcr = a64_hcr(w->cpu);
    const bool device = stage2_device(hcr, s2.memattr);
    if (!status && (!(s2.perm[0] & A64_READ) || (device && hcr & HCR_PTW)))
        status = fault(w, 2, FSC_PERMISSION, s2.level);
    if (status) {
        w->out->s1ptw = true;
        w->out->ipa = ipa;
    }
    *pa = s2.pa;
    return status;
}

static unsigned load_descriptor(struct walker *w, unsigned stage, uint64_t address, unsigned level,
                                uint64_t *desc)
{
    uint64_t pa = address;
    if (stage == 1 && w->stage2) {
        const unsigned status = walk_stage2(w, address, &pa);
        if (status)
            return status;
    }
    if (load_physical(w->cpu, pa, desc))
        return 0;
    w->out->pa = pa;
    return fault(w, stage, FSC_EXTERNAL_WALK, level);
}

static uint8_t shareability(uint64_t desc)
{
    const unsigned sh = desc >> 8 & 3;
    return sh >= SH_OUTER ? (uint8_t)sh : SH_NONE;
}

static bool beyond(uint64_t address, unsigned bits)
{
    return bits < 64 && address >> bits;
}

/* log2 of the bytes that one entry of LEVEL maps. */
static unsigned level_shift(unsigned granule, unsigned level)
{
    return granule + (3 - level) * (granule - 3);
}

/* Blocks: levels 1 and 2 for 4K, 2 for 16K. */
static bool is_leaf(unsigned granule, unsigned level, uint64_t desc)
{
    return level == 3 ? desc & DESC_TABLE : !(desc & DESC_TABLE);
}

static bool leaf_allowed(unsigned granule, unsigned level)
{
    return level == 3 || level == 2 || (level == 1 && granule == 12);
}

/* log2 of what the block or the contiguous range of blocks covers. */
static unsigned leaf_extent(unsigned granule, unsigned level, uint64_t desc)
{
    const unsigned shift = level_shift(granule, level);
    if (!(desc & DESC_CONTIGUOUS))
        return shift;
    return shift + (granule == 12 ? 4 : level == 3 ? 7 : 5);
}

/* From the first table to a block or page. IA is below 2^ia_bits. */
static unsigned walk_tables(struct walker *w, unsigned stage, const struct tables *t, uint64_t ia,
                            struct leaf *leaf)
{
    uint64_t base = t->base;
    unsigned high = t->ia_bits; /* index bits are high-1 .. shift */
    leaf->table_attrs = 0;
    if (beyond(base, t->oa_bits))
        return fault(w, stage, FSC_ADDRESS_SIZE, 0);
    for (unsigned level = t->level;; level++) {
        const unsigned shift = level_shift(t->granule, level);
        const uint64_t index = (ia & ((1ull << high) - 1)) >> shift;
        uint64_t desc;
        const unsigned status = load_descriptor(w, stage, base + index * 8, level, &desc);
        if (status)
            return status;
        const bool end = is_leaf(t->granule, level, desc);
        if (!(desc & DESC_VALID) || (level == 3 && !end) ||
            (end && !leaf_allowed(t->granule, level)))
            return fault(w, stage, FSC_TRANSLATION, level);
        const uint64_t address = desc & ADDRESS_MASK & ~((1ull << (end ? shift : t->granule)) - 1);
        if (beyond(address, t->oa_bits))
            return fault(w, stage, FSC_ADDRESS_SIZE, level);
        if (end) {
            leaf->desc = desc;
            leaf->address = base + index * 8;
            leaf->level = level;
            leaf->oa = address | (ia & ((1ull << shift) - 1));
            leaf->shift = leaf_extent(t->granule, level, desc);
            return desc & DESC_AF ? 0 : fault(w, stage, FSC_ACCESS_FLAG, level);
        }
        leaf->table_attrs |= desc;
        base = address;
        high = shift;
    }
}

/* TCR_ELx.IPS, TCR_EL2.PS, VTCR_EL2.PS */
static unsigned output_bits(const struct a64_cpu *cpu, unsigned ps)
{
    static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 48, 48};
    const unsigned limit = cpu->mmu->pa_bits;
    return bits[ps] < limit ? bits[ps] : limit;
}

/* ---- stage 2 ---- */

/* VTCR_EL2.SL0 as the level of the first lookup; -1 for a reserved value. */
static int stage2_level(unsigned granule, unsigned sl0, unsigned pa_bits)
{
    if (sl0 == 3 || (sl0 == 2 && pa_bits < (granule == 12 ? 44 : 42)))
        return -1;
    return (int)((granule == 12 ? 2 : 3) - sl0);
}

/* Whether the input size suits the first level, with up to 16 concatenated tables. */
static bool stage2_consistent(unsigned granule, unsigned level, unsigned ia_bits)
{
    const unsigned stride = granule - 3;
    const unsigned least = (3 - level) * stride + granule + 1;
    return ia_bits >= least && ia_bits <= least + stride - 1 + 4;
}

static bool stage2_tables(struct walker *w, struct tables *t)
{
    const struct a64_cpu *cpu = w->cpu;
    const uint64_t vtcr = cpu->sr.vtcr_el2;
    const unsigned tsz = vtcr & 0x3f;
    t->granule = (vtcr >> 14 & 3) == 0 ? 12 : 14;
    t->ia_bits = 64 - tsz;
    t->oa_bits = output_bits(cpu, vtcr >> 16 & 7);
    const int level = stage2_level(t->granule, vtcr >> 6 & 3, cpu->mmu->pa_bits);
    if (tsz > 39 || t->ia_bits > cpu->mmu->pa_bits || level < 0 ||
        !stage2_consistent(t->granule, (unsigned)level, t->ia_bits))
        return false;
    t->level = (unsigned)level;
    const unsigned align = t->ia_bits - level_shift(t->granule, t->level) + 3;
    t->base = cpu->sr.vttbr_el2 & 0x0000fffffffffffeull & ~((1ull << align) - 1);
    return true;
}

/* S2AP and XN[1:0] as permissions of EL1 and EL0. S2AP says nothing of execution (D8.4.2.1). */
static void stage2_permissions(const struct a64_cpu *cpu, uint64_t desc, uint8_t perm[2])
{
    const unsigned rw = (desc >> 6 & 1 ? A64_READ : 0) | (desc >> 7 & 1 ? A64_WRITE : 0);
    unsigned xn = desc >> 53 & 3;
    if (!a64_has(&cpu->feat, A64_FEAT_XNX))
        xn &= 2;
    perm[0] = (uint8_t)(rw | (xn == 0 || xn == 3 ? A64_EXEC : 0));
    perm[1] = (uint8_t)(rw | (xn == 0 || xn == 1 ? A64_EXEC : 0));
}

static unsigned stage2_walk(struct walker *w, uint64_t ipa, struct stage2 *out)
{
    struct tables t;
    struct leaf leaf;
    *out = (struct stage2){0};
    if (!stage2_tables(w, &t) || beyond(ipa, t.ia_bits))
        return fault(w, 2, FSC_TRANSLATION, 0);
    const unsigned status = walk_tables(w, 2, &t, ipa, &leaf);
    if (status)
        return status;
    out->pa = leaf.oa;
    out->level = leaf.level;
    out->memattr = leaf.desc >> 2 & 0xf;
    out->sh = shareability(leaf.desc);
    stage2_permissions(w->cpu, leaf.desc, out->perm);
    return 0;
}

/* The MAIR byte of stage 1 under the stage-2 attributes MEMATTR (Arm ARM D8.6.x, combining). */
static uint8_t combine_attr(uint64_t hcr, uint8_t s1, unsigned memattr)
{
    static const uint8_t device[4] = {0x00, 0x04, 0x08, 0x0c};
    if (hcr & HCR_FWB) {
        if (!(memattr & 4))
            return s1 & 0xf0 || device[memattr & 3] < s1 ? device[memattr & 3] : s1;
        if ((memattr & 3) == 3)
            return s1;
        if ((memattr & 3) == 2)
            return ATTR_NORMAL_WB;
        return s1 & 0xf0 ? 0x44 : s1;
    }
    if (!(memattr & 0xc))
        return s1 & 0xf0 || device[memattr & 3] < s1 ? device[memattr & 3] : s1;
    if (!(s1 & 0xf0))
        return s1;
    /* 1: non-cacheable, 2: write-through, 3: write-back; the weaker of the two wins by half. */
    static const uint8_t half[4] = {0x4, 0x4, 0xb, 0xf};
    const uint8_t outer = half[memattr >> 2 & 3], inner = half[memattr & 3];
    const uint8_t s1_outer = s1 >> 4, s1_inner = s1 & 0xf;
    return (uint8_t)((outer < s1_outer ? outer : s1_outer) << 4 |
                     (inner < s1_inner ? inner : s1_inner));
}

/* ---- stage 1 ---- */

bool mmu_tbi(const struct a64_cpu *cpu, enum a64_regime regime, bool fetch, bool high)
{
    const uint64_t tcr = cpu->sr.tcr[mmu_regime_el(regime)];
    if (regime == A64_REGIME_EL2)
        return tcr & TCR_EL2_TBI && !(fetch && tcr & TCR_EL2_TBID);
    return tcr & (high ? TCR_TBI1 : TCR_TBI0) && !(fetch && tcr & (high ? TCR_TBID1 : TCR_TBID0));
}

/* The tables for VA's half in a regime with two halves; false: translation fault, level 0. */
static bool two_range_tables(const struct walker *w, uint64_t va, struct tables *t, bool *hpd)
{
    const struct a64_sysregs *sr = &w->cpu->sr;
    const unsigned el = mmu_regime_el(w->regime);
    const bool high = va >> 55 & 1;
    const uint64_t tcr = sr->tcr[el];
    const unsigned tsz = (high ? tcr >> 16 : tcr) & 0x3f;
    if (high)
        t->granule = (tcr >> 30 & 3) == 2 ? 12 : 14;
    else
        t->granule = (tcr >> 14 & 3) == 0 ? 12 : 14;
    t->ia_bits = 64 - tsz;
    t->oa_bits = output_bits(w->cpu, tcr >> 32 & 7);
    t->base = high ? sr->ttbr1[el] : sr->ttbr0[el];
    *hpd = tcr & (high ? TCR_HPD1 : TCR_HPD0);
    const bool e0pd =
        w->el0 && a64_has(&w->cpu->feat, A64_FEAT_E0PD) && tcr & (high ? TCR_E0PD1 : TCR_E0PD0);
    return !e0pd && !(tcr & (high ? TCR_EPD1 : TCR_EPD0));
}

static bool el2_tables(const struct walker *w, uint64_t va, struct tables *t, bool *hpd)
{
    const struct a64_sysregs *sr = &w->cpu->sr;
    const uint64_t tcr = sr->tcr[2];
    t->granule = (tcr >> 14 & 3) == 0 ? 12 : 14;
    t->ia_bits = 64 - (tcr & 0x3f);
    t->oa_bits = output_bits(w->cpu, tcr >> 16 & 7);
    t->base = sr->ttbr0[2];
    *hpd = tcr & TCR_EL2_HPD;
    return !(va >> 55 & 1);
}

/* The address and first level, or false for an address outside the range. VA is sign-extended if
 * TBI. */
static bool stage1_tables(struct walker *w, uint64_t va, struct tables *t, bool *hpd)
{
    const bool ok =
        w->regime == A64_REGIME_EL2 ? el2_tables(w, va, t, hpd) : two_range_tables(w, va, t, hpd);
    if (!ok || t->ia_bits > 48 || t->ia_bits < 25)
        return false;
    const int64_t top = (int64_t)va >> t->ia_bits;
    if (top != (va >> 55 & 1 ? -1 : 0))
        return false;
    const unsigned stride = t->granule - 3;
    t->level = 4 - (t->ia_bits - t->granule + stride - 1) / stride;
    unsigned align = t->ia_bits - level_shift(t->granule, t->level) + 3;
    if (align < 6)
        align = 6; /* TTBR has no bits below 64-byte alignment but CnP */
    t->base &= 0x0000ffffffffffffull & ~((1ull << align) - 1);
    *hpd = *hpd && a64_has(&w->cpu->feat, A64_FEAT_HPDS);
    return true;
}

/* AP, UXN, PXN with the tables' and SCTLR.WXN, for a regime with EL0. */
static void permissions_el0(struct walker *w, uint64_t desc, uint64_t table, bool wxn)
{
    const bool el0 = desc >> 6 & 1 && !(table & TABLE_NO_EL0);
    const bool ro = desc >> 7 & 1 || table & TABLE_RO;
    const bool user_write = el0 && !ro;
    bool user_exec = !((desc & DESC_UXN) || table & TABLE_UXN);
    bool priv_exec = !((desc & DESC_PXN) || table & TABLE_PXN) && !user_write;
    if (wxn) {
        user_exec = user_exec && !user_write;
        priv_exec = priv_exec && ro;
    }
    w->out->ap = (uint8_t)(ro << 1 | el0);
    w->out->user_read = el0;
    w->out->perm[0] = (uint8_t)(A64_READ | (ro ? 0 : A64_WRITE) | (priv_exec ? A64_EXEC : 0));
    w->out->perm[1] =
        (uint8_t)((el0 ? A64_READ : 0) | (user_write ? A64_WRITE : 0) | (user_exec ? A64_EXEC : 0));
}

/* The same for EL2 without EL0: AP[1] is not looked at. */
static void permissions_el2(struct walker *w, uint64_t desc, uint64_t table, bool wxn)
{
    const bool ro = desc >> 7 & 1 || table & TABLE_RO;
    const bool exec = !((desc & DESC_UXN) || table & TABLE_UXN) && !(wxn && !ro);
    w->out->ap = (uint8_t)(ro << 1);
    w->out->user_read = false;
    w->out->perm[0] = (uint8_t)(A64_READ | (ro ? 0 : A64_WRITE) | (exec ? A64_EXEC : 0));
    w->out->perm[1] = 0;
}

static bool permitted(const struct walker *w)
{
    unsigned perm = w->out->perm[w->el0];
    if (w->access & A64_PAN && !w->el0 && w->out->user_read)
        perm &= A64_EXEC;
    const unsigned wanted = w->access & (A64_READ | A64_WRITE | A64_EXEC);
    return (perm & wanted) == wanted;
}

/* SCTLR.M = 0: the address is the output. */
static unsigned stage1_flat(struct walker *w, uint64_t va)
{
    const bool cacheable = w->regime == A64_REGIME_EL10 && mmu_default_cacheable(a64_hcr(w->cpu));
    const uint64_t address = va & 0x00ffffffffffffffull;
    struct a64_walk *out = w->out;
    const bool top = !mmu_tbi(w->cpu, w->regime, w->access & A64_EXEC, va >> 55 & 1) && va >> 56;
    if (top || beyond(address, w->cpu->mmu->pa_bits))
        return fault(w, 1, FSC_ADDRESS_SIZE, 0);
    out->ipa = address;
    out->attr = cacheable ? ATTR_NORMAL_WB : ATTR_DEVICE;
    out->sh = cacheable ? SH_NONE : SH_OUTER;
    out->device = !cacheable;
    out->global = true;
    out->ap = 1;
    out->perm[0] = out->perm[1] = A64_READ | A64_WRITE | A64_EXEC;
    out->page_size = 1ull << A64_PAGE_SHIFT;
    w->access &= ~(unsigned)A64_PAN;
    return w->unaligned && out->device ? fault(w, 1, FSC_ALIGNMENT, 0) : 0;
}

static unsigned stage1_walk(struct walker *w, uint64_t va)
{
    const struct a64_sysregs *sr = &w->cpu->sr;
    const unsigned el = mmu_regime_el(w->regime);
    struct a64_walk *out = w->out;
    struct tables t;
    struct leaf leaf;
    bool hpd;
    if (!stage1_tables(w, va, &t, &hpd))
        return fault(w, 1, FSC_TRANSLATION, 0);
    const unsigned status = walk_tables(w, 1, &t, va & ((1ull << t.ia_bits) - 1), &leaf);
    if (status)
        return status;
    const uint64_t table = hpd ? 0 : leaf.table_attrs;
    const bool wxn = sr->sctlr[el] & SCTLR_WXN;
    if (w->regime == A64_REGIME_EL2)
        permissions_el2(w, leaf.desc, table, wxn);
    else
        permissions_el0(w, leaf.desc, table, wxn);
    out->ipa = leaf.oa;
    out->attr = (uint8_t)(sr->mair[el] >> (leaf.desc >> 2 & 7) * 8);
    out->device = !(out->attr & 0xf0);
    out->sh = out->device ? SH_OUTER : shareability(leaf.desc);
    out->global = w->regime == A64_REGIME_EL2 || !(leaf.desc & DESC_NG);
    out->guarded = leaf.desc & DESC_GP && a64_has(&w->cpu->feat, A64_FEAT_BTI);
    out->page_size = 1ull << leaf.shift;
    if (!w->stage2) {
        out->entry = leaf.address;
        out->desc = leaf.desc;
        out->entry_shift = (uint8_t)level_shift(t.granule, leaf.level);
    }
    if (w->unaligned && out->device)
        return fault(w, 1, FSC_ALIGNMENT, 0);
    return permitted(w) ? 0 : fault(w, 1, FSC_PERMISSION, leaf.level);
}

/* Stage 2 on stage 1's output. */
static unsigned stage2_output(struct walker *w)
{
    const uint64_t hcr = a64_hcr(w->cpu);
    struct a64_walk *out = w->out;
    struct stage2 s2;
    const unsigned status = stage2_walk(w, out->ipa, &s2);
    if (status)
        return status;
    const bool device = stage2_device(hcr, s2.memattr);
    if (w->unaligned && device)
        return fault(w, 2, FSC_ALIGNMENT, 0);
    out->pa = s2.pa;
    out->perm[0] &= s2.perm[0];
    out->perm[1] &= s2.perm[1];
    out->device = out->device || device;
    out->attr = combine_attr(hcr, out->attr, s2.memattr);
    if (!(out->attr & 0xf0))
        out->sh = SH_OUTER;
    else if (s2.sh == SH_OUTER || out->sh == SH_OUTER)
        out->sh = SH_OUTER;
    else if (s2.sh == SH_INNER)
        out->sh = SH_INNER;
    return permitted(w) ? 0 : fault(w, 2, FSC_PERMISSION, s2.level);
}

unsigned mmu_translate(struct a64_cpu *cpu, enum a64_regime regime, bool stage1_only, bool el0,
                       unsigned access, uint64_t va, bool unaligned, struct a64_walk *out)
{
    struct walker w = {.cpu = cpu,
                       .regime = regime,
                       .el0 = el0,
                       .access = access,
                       .unaligned = unaligned,
                       .out = out};
    w.stage2 = regime == A64_REGIME_EL10 && mmu_stage2_on(a64_hcr(cpu));
    *out = (struct a64_walk){.fsc = FSC_NONE};
    if (mmu_tbi(cpu, regime, access & A64_EXEC, va >> 55 & 1))
        va = (uint64_t)((int64_t)(va << 8) >> 8);
    const unsigned status = mmu_stage1_on(cpu, regime) ? stage1_walk(&w, va) : stage1_flat(&w, va);
    if (status)
        return status;
    out->pa = out->ipa;
    const unsigned status2 = w.stage2 && !stage1_only ? stage2_output(&w) : 0;
    out->priv_exec = out->perm[0] & A64_EXEC;
    out->user_exec = out->perm[1] & A64_EXEC;
    return status2;
}

int a64_walk(struct a64_cpu *cpu, enum a64_regime regime, bool stage1_only, bool el0,
             unsigned access, uint64_t va, struct a64_walk *out)
{
    return (int)mmu_translate(cpu, regime, stage1_only, el0, access, va, false, out);
}

bool a64_phys_read(struct a64_cpu *cpu, uint64_t pa, void *out, unsigned size)
{
    uint8_t *to = out;
    while (size) {
        struct a64_page page;
        const unsigned offset = pa & A64_PAGE_MASK;
        const unsigned left = (unsigned)A64_PAGE_MASK + 1 - offset;
        const unsigned n = size < left ? size : left;
        if (!mmu_page(cpu, pa, &page) || !(page.flags & A64_READ))
            return false;
        host_copy_from(to, (const uint8_t *)page.host + offset, n);
        to += n;
        pa += n;
        size -= n;
    }
    return true;
}
