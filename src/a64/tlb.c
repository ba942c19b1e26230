/* SPDX-License-Identifier: MIT */

/* The software TLB: context ids, fills, invalidation (Arm ARM D8.13, D8.14).
 *
 * The TLB is a direct-mapped array that engines look into without calling anything. Its tags hold a
 * 12-bit context id that stands for all that changes what an access may do: a *group* (regime,
 * ASID, VMID, the control bits of SCTLR, HCR, TCR, VTCR and MAIR) times a *variant* (EL0;
 * privileged; privileged with PAN). Changing TTBR, EL or PAN selects another id and flushes
 * nothing. When all 1,024 groups are in use, the TLB is emptied and ids start anew.
 *
 * Entries are 4 KiB pieces. `owner` holds what invalidation needs: address, context id (hence ASID,
 * VMID and regime), the size of the block or contiguous range the piece belongs to, and whether it
 * is global. Invalidation looks at every entry: exact, and as long as 1,024 compares. Only final
 * translations are cached, so that there is no last-level flavour, and an invalidation by IPA drops
 * all that went through that VMID's stage 2.
 *
 * A global page is entered once for each ASID that uses it; invalidations that ignore the ASID drop
 * all copies.
 *
 * Pages that an enabled watchpoint covers never get tags for reading and writing, so that each
 * access to them is looked at.
 *
 * Changing the base address in TTBR or VTTBR without changing ASID or VMID leaves entries in place,
 * as it may on hardware. */

#include <errno.h>
#include <stdlib.h>

#include "debug.h"
#include "mmu_priv.h"
#include "system.h"

#define GROUPS       1024u
#define BUCKETS      2048u
#define VARIANT_BITS 2
#define REGION_BUCKETS 1024u
#define REGION_WAYS    8u

/* All that a translation depends on, beside the tables and the variant. */
struct mmu_ctx_key {
    uint64_t control; /* KEY_*: regime, SCTLR, HCR, ASID, VMID */
    uint64_t tcr, mair, vtcr;
};

struct a64_mmu_priv {
    uint64_t owner[A64_TLB_SIZE]; /* as in the entries, side by side for invalidation */
    unsigned groups;              /* in use */
    uint16_t last[3];             /* by regime: the group found last */
    uint16_t next[GROUPS];        /* in a hash chain: group + 1, 0 ends it */
    uint16_t bucket[BUCKETS];
    uint16_t any_asid[GROUPS]; /* the group whose key differs at most in the ASID, which is 0 */
    struct mmu_ctx_key key[GROUPS];
    struct a64_dbg_pair watch[A64_DBG_PAIRS]; /* the watchpoints that fills look at */
    unsigned filled; /* the entry entered last */
    bool low_global; /* a global page of the lower half was entered */
    /* Where blocks and contiguous ranges were entered: an invalidation of one page there drops more than the page.
     * Regions of 2 MiB and, for larger blocks, of 1 GiB, by a hash; in vain (~0): a bucket was full once. */
    uint64_t region[REGION_BUCKETS][REGION_WAYS];
    bool watching;                            /* MDSCR_EL1.MDE: some of them may be enabled */
};

/* mmu_ctx_key.control */
#define KEY_REGIME    3ull /* enum a64_regime */
#define KEY_STAGE1    (1ull << 2)
#define KEY_WXN       (1ull << 3)
#define KEY_DC        (1ull << 4)
#define KEY_PTW       (1ull << 5)
#define KEY_FWB       (1ull << 6)
#define KEY_STAGE2    (1ull << 7)
#define KEY_WIDE_ASID (1ull << 8)
#define KEY_WIDE_VMID (1ull << 9)
#define KEY_ASID      16
#define KEY_VMID      32

int mmu_tlb_init(struct a64_cpu *cpu)
{
    cpu->mmu->priv = calloc(1, sizeof(struct a64_mmu_priv));
    if (!cpu->mmu->priv)
        return -ENOMEM;
    a64_tlb_flush(cpu);
    return 0;
}

void mmu_tlb_free(struct a64_cpu *cpu)
{
    free(cpu->mmu->priv);
    cpu->mmu->priv = NULL;
}

/* ---- context ids ---- */

/* The ASID's part of a key. */
static uint64_t asid_key(const struct a64_cpu *cpu, enum a64_regime regime)
{
    if (regime == A64_REGIME_EL2)
        return 0;
    const unsigned el = mmu_regime_el(regime);
    const uint64_t tcr = cpu->sr.tcr[el];
    const uint64_t asid = (tcr & TCR_A1 ? cpu->sr.ttbr1[el] : cpu->sr.ttbr0[el]) >> 48;
    if (tcr & TCR_AS && a64_has(&cpu->feat, A64_FEAT_ASID16))
        return asid << KEY_ASID | KEY_WIDE_ASID;
    return (asid & 0xff) << KEY_ASID;
}

static uint64_t vmid_key(const struct a64_cpu *cpu, enum a64_regime regime)
{
    if (regime != A64_REGIME_EL10 || !a64_el2_enabled(cpu))
        return 0;
    const uint64_t vmid = cpu->sr.vttbr_el2 >> 48;
    if (cpu->sr.vtcr_el2 & VTCR_VS && a64_has(&cpu->feat, A64_FEAT_VMID16))
        return vmid << KEY_VMID | KEY_WIDE_VMID;
    return (vmid & 0xff) << KEY_VMID;
}

static void make_key(const struct a64_cpu *cpu, enum a64_regime regime, struct mmu_ctx_key *key)
{
    const struct a64_sysregs *sr = &cpu->sr;
    const unsigned el = mmu_regime_el(regime);
    const uint64_t hcr = a64_hcr(cpu);
    const bool stage2 = regime == A64_REGIME_EL10 && mmu_stage2_on(hcr);
    key->control = (uint64_t)regime | (mmu_stage1_on(cpu, regime) ? KEY_STAGE1 : 0) |
                   (sr->sctlr[el] & SCTLR_WXN ? KEY_WXN : 0) |
                   (mmu_default_cacheable(hcr) ? KEY_DC : 0) | (hcr & HCR_PTW ? KEY_PTW : 0) |
                   (hcr & HCR_FWB ? KEY_FWB : 0) | (stage2 ? KEY_STAGE2 : 0) |
                   asid_key(cpu, regime) | vmid_key(cpu, regime);
    key->tcr = sr->tcr[el];
    key->mair = sr->mair[el];
    key->vtcr = stage2 ? sr->vtcr_el2 : 0;
}

static bool same_key(const struct mmu_ctx_key *a, const struct mmu_ctx_key *b)
{
    return !((a->control ^ b->control) | (a->tcr ^ b->tcr) | (a->mair ^ b->mair) |
             (a->vtcr ^ b->vtcr));
}

static unsigned hash_key(const struct mmu_ctx_key *key)
{
    uint64_t h = key->control * 0x9e3779b97f4a7c15ull;
    h = (h ^ key->tcr) * 0xc2b2ae3d27d4eb4full;
    h = (h ^ key->mair ^ key->vtcr << 17) * 0x165667b19e3779f9ull;
    return (unsigned)(h >> 40) % BUCKETS;
}

/* The ids start anew; the caller, a64_mmu_update(), computes all that are in use. */
static void forget_groups(struct a64_cpu *cpu)
{
    struct a64_mmu_priv *priv = cpu->mmu->priv;
    a64_tlb_flush(cpu);
    memset(priv->bucket, 0, sizeof priv->bucket);
    priv->groups = 0;
}

/* The group with *KEY, made if it is new. There is room. */
static unsigned get_group(struct a64_mmu_priv *priv, const struct mmu_ctx_key *key)
{
    const unsigned bucket = hash_key(key);
    for (unsigned g = priv->bucket[bucket]; g; g = priv->next[g - 1])
        if (same_key(&priv->key[g - 1], key))
            return g - 1;
    const unsigned group = priv->groups++;
    priv->key[group] = *key;
    priv->any_asid[group] = (uint16_t)group;
    priv->next[group] = priv->bucket[bucket];
    priv->bucket[bucket] = (uint16_t)(group + 1);
    return group;
}

static unsigned find_group(struct a64_cpu *cpu, const struct mmu_ctx_key *key)
{
    struct a64_mmu_priv *priv = cpu->mmu->priv;
    struct mmu_ctx_key any = *key;
    any.control &= ~(0xffffull << KEY_ASID);
    if (priv->groups + 2 > GROUPS)
        forget_groups(cpu);
    const unsigned group = get_group(priv, key);
    priv->any_asid[group] = (uint16_t)get_group(priv, &any);
    return group;
}

uint64_t mmu_tlb_any_asid(const struct a64_cpu *cpu, uint64_t ctx)
{
    const unsigned variant = ctx & ((1u << VARIANT_BITS) - 1);
    return (uint64_t)cpu->mmu->priv->any_asid[ctx >> VARIANT_BITS] << VARIANT_BITS | variant;
}

uint64_t mmu_tlb_context(struct a64_cpu *cpu, enum a64_regime regime)
{
    struct a64_mmu_priv *priv = cpu->mmu->priv;
    struct mmu_ctx_key key;
    make_key(cpu, regime, &key);
    const unsigned last = priv->last[regime];
    if (last < priv->groups && same_key(&priv->key[last], &key))
        return (uint64_t)last << VARIANT_BITS;
    const unsigned group = find_group(cpu, &key);
    priv->last[regime] = (uint16_t)group;
    return (uint64_t)group << VARIANT_BITS;
}

/* ---- watchpoints ---- */

void mmu_tlb_watch(struct a64_cpu *cpu)
{
    static const struct a64_dbg_pair none[A64_DBG_PAIRS];
    struct a64_mmu_priv *priv = cpu->mmu->priv;
    const bool watching = cpu->sr.mdscr_el1 & MDSCR_MDE;
    if (!watching && !priv->watching)
        return;
    const struct a64_dbg_pair *now = watching ? cpu->sr.wp : none;
    priv->watching = watching;
    if (!memcmp(priv->watch, now, sizeof priv->watch))
        return;
    memcpy(priv->watch, now, sizeof priv->watch);
    a64_tlb_flush(cpu);
}

/* Whether a watchpoint may match in the page at BASE: by its address and mask alone. */
static bool page_watched(const struct a64_mmu_priv *priv, uint64_t base)
{
    if (!priv->watching)
        return false;
    for (unsigned i = 0; i < A64_DBG_PAIRS; i++) {
        const unsigned mask = priv->watch[i].control >> 24 & 0x1f;
        const unsigned shift = mask > A64_PAGE_SHIFT ? mask : A64_PAGE_SHIFT;
        /* VA[48:2]; the bits above repeat bit 48. */
        const uint64_t differ = (base ^ priv->watch[i].value) & 0x0001ffffffffffffull;
        if (priv->watch[i].control & 1 && !(differ >> shift))
            return true;
    }
    return false;
}

/* ---- blocks ---- */

#define REGION_SMALL 21
#define REGION_LARGE 30
#define REGION_ANY   (~0ull)

/* The region of VA of 2^SHIFT bytes; never 0. */
static uint64_t region_of(uint64_t va, unsigned shift)
{
    return (va >> shift) << 6 | shift;
}

static uint64_t *region_bucket(struct a64_mmu_priv *priv, uint64_t region)
{
    return priv->region[region * 0x9e3779b97f4a7c15ull >> 40 & (REGION_BUCKETS - 1)];
}

/* Where REGION is, or a REGION_ANY that stands for it too; NULL: nowhere. */
static uint64_t *find_region(struct a64_mmu_priv *priv, uint64_t region)
{
    uint64_t *const bucket = region_bucket(priv, region);
    for (unsigned i = 0; i < REGION_WAYS; i++)
        if (bucket[i] == region || bucket[i] == REGION_ANY)
            return &bucket[i];
    return NULL;
}

static bool has_region(struct a64_mmu_priv *priv, uint64_t va, unsigned shift)
{
    return find_region(priv, region_of(va, shift));
}

static void note_block(struct a64_mmu_priv *priv, uint64_t va, uint64_t size)
{
    const uint64_t region = region_of(va, size <= 1u << REGION_SMALL ? REGION_SMALL : REGION_LARGE);
    uint64_t *const bucket = region_bucket(priv, region);
    if (find_region(priv, region))
        return;
    for (unsigned i = 0; i < REGION_WAYS; i++) {
        if (!bucket[i]) {
            bucket[i] = region;
            return;
        }
    }
    bucket[0] = REGION_ANY;
}

/* The page of ENTRY, which leaves the TLB, or another one that stands in its place. */
static void forget_plain(struct a64_mmu *mmu, const struct a64_tlb_entry *entry)
{
    const uint64_t place = a64_plain_place(entry->owner, entry->owner & A64_PAGE_MASK);
    mmu->page[0][place].tag = mmu->page[1][place].tag = A64_TLB_NONE;
}

static void drop(struct a64_mmu *mmu, unsigned i)
{
    struct a64_tlb_entry *entry = &mmu->tlb[i];
    entry->read = entry->write = entry->exec = A64_TLB_NONE;
    entry->plain_read = entry->plain_write = A64_TLB_NONE;
    forget_plain(mmu, entry);
    entry->owner = mmu->priv->owner[i] = 0;
}

/* Whether entries with this key are REGIME's and VMID's. Keys hold ASID and VMID as wide
 * as they acted. */
static bool is_of(const struct mmu_ctx_key *key, enum a64_regime regime, unsigned vmid)
{
    if ((key->control & KEY_REGIME) != regime)
        return false;
    if (regime != A64_REGIME_EL10)
        return true;
    return (uint16_t)(key->control >> KEY_VMID) == (key->control & KEY_WIDE_VMID ? vmid : vmid & 0xff);
}

/* ---- brief pages ---- */

/* Whether the page at VA is brief in context CTX. */
static bool is_brief(struct a64_mmu *mmu, uint64_t va, uint64_t ctx)
{
    const struct a64_tlb_brief *brief = a64_tlb_brief_of(mmu, va);
    const uint64_t page = (uint64_t)((int64_t)(va << 8) >> 8) & ~A64_PAGE_MASK;
    return brief->page == page && brief->drops >= A64_BRIEF_DROPS &&
           is_of(&mmu->priv->key[ctx >> VARIANT_BITS], brief->regime, brief->vmid);
}

bool a64_tlb_is_brief(struct a64_cpu *cpu, uint64_t pc)
{
    return is_brief(cpu->mmu, pc, cpu->mmu->ctx_fetch);
}

/* Counts that OP dropped PAGE for all ASIDs; whether that is to be told. */
static bool drops_copies(struct a64_mmu *mmu, const struct a64_tlbi *op, uint64_t page)
{
    struct a64_tlb_brief *brief = a64_tlb_brief_of(mmu, page);
    if (brief->page != page || brief->regime != op->regime || brief->vmid != op->vmid)
        *brief = (struct a64_tlb_brief){.page = page, .vmid = op->vmid, .regime = (uint8_t)op->regime};
    brief->uses = 0;
    if (brief->drops >= A64_BRIEF_DROPS)
        return false;
    brief->drops++;
    return true;
}

/* ---- fills ---- */

void mmu_tlb_enter(struct a64_cpu *cpu, uint64_t base, uint64_t ctx, const struct a64_tlb_entry *entry)
{
    struct a64_mmu *mmu = cpu->mmu;
    const unsigned place = (unsigned)(a64_tlb_slot(mmu, base, ctx) - mmu->tlb);
    if (cpu->sys->knobs.one_tlb)
        drop(mmu, mmu->priv->filled);
    forget_plain(mmu, &mmu->tlb[place]);
    mmu->tlb[place] = *entry;
    a64_plain_enter(mmu, entry, base, ctx);
    mmu->priv->filled = place;
    mmu->priv->owner[place] = entry->owner;
}

/* What the entry of page BASE may let through. */
static unsigned entry_permissions(const struct a64_cpu *cpu, uint64_t base, uint64_t ctx,
                                  const struct a64_walk *walk, const struct a64_page *page)
{
    const unsigned variant = ctx & ((1u << VARIANT_BITS) - 1);
    unsigned perm = walk->perm[variant == MMU_EL0];
    if (variant == MMU_PRIV_PAN && walk->user_read)
        perm &= A64_EXEC;
    perm &= page->flags;
    if (cpu->mmu->note_write)
        perm &= ~(unsigned)A64_WRITE;
    return page_watched(cpu->mmu->priv, base) ? perm & A64_EXEC : perm;
}

void mmu_tlb_fill(struct a64_cpu *cpu, uint64_t addr, uint64_t ctx, const struct a64_walk *walk,
                  const struct a64_page *page)
{
    struct a64_mmu_priv *priv = cpu->mmu->priv;
    const uint64_t base = addr & ~A64_PAGE_MASK, tag = base | ctx, none = A64_TLB_NONE;
    const unsigned shift = (unsigned)__builtin_ctzll(walk->page_size) - A64_PAGE_SHIFT;
    const unsigned perm = entry_permissions(cpu, base, ctx, walk, page);
    struct a64_tlb_entry entry = {
        .read = perm & A64_READ ? tag : none,
        .write = perm & A64_WRITE ? tag : none,
        .exec = perm & A64_EXEC ? tag : none,
        .addend = (uintptr_t)page->host - (uintptr_t)base,
        .pa = walk->pa & ~A64_PAGE_MASK,
        .owner = (base & 0x00ffffffffffffffull) | ctx | (uint64_t)shift << TLB_OWNER_SHIFT |
                 (walk->device ? TLB_OWNER_DEVICE : 0) | (walk->global ? TLB_OWNER_GLOBAL : 0) |
                 (walk->guarded ? TLB_OWNER_GUARDED : 0),
    };
    const bool plain = !walk->device && !is_brief(cpu->mmu, base, ctx);
    entry.plain_read = plain ? entry.read : none;
    entry.plain_write = plain ? entry.write : none;
    mmu_tlb_enter(cpu, base, ctx, &entry);
    if (walk->page_size > 1u << 14)
        note_block(priv, base, walk->page_size);
    if (walk->global && !(base >> 63))
        priv->low_global = true;
    if (plain && !priv->watching)
        mmu_run_note(cpu, base, ctx, walk, page);
}

/* ---- invalidation ---- */

static void note_drop(struct a64_mmu *mmu, struct a64_tlb_drop what)
{
    mmu->generation++;
    mmu->dropped[mmu->generation % A64_TLB_DROPS] = what;
    mmu_run_drop(mmu, &what);
}

void a64_tlb_flush(struct a64_cpu *cpu)
{
    struct a64_mmu *mmu = cpu->mmu;
    mmu->invalidations++;
    for (unsigned i = 0; i < A64_TLB_SIZE; i++)
        drop(mmu, i);
    for (unsigned i = 0; i < sizeof mmu->page[0] / sizeof mmu->page[0][0]; i++)
        mmu->page[0][i].tag = mmu->page[1][i].tag = A64_TLB_NONE;
    note_drop(mmu, (struct a64_tlb_drop){.what = A64_DROP_ALL});
    mmu->priv->low_global = false;
    memset(mmu->priv->region, 0, sizeof mmu->priv->region);
}

/* Whether the entry's block has an address in [start, last], all of them sign-extended from bit 55.
 */
static bool in_range(uint64_t owner, uint64_t start, uint64_t last)
{
    const unsigned shift = (owner >> TLB_OWNER_SHIFT & 0x1f) + A64_PAGE_SHIFT;
    const uint64_t va = (uint64_t)((int64_t)(owner << 8) >> 8);
    const uint64_t first = va & ~((1ull << shift) - 1);
    return first <= last && first + ((1ull << shift) - 1) >= start;
}

static bool key_matches(const struct mmu_ctx_key *key, const struct a64_tlbi *op)
{
    return op->any_vmid ? (key->control & KEY_REGIME) == op->regime : is_of(key, op->regime, op->vmid);
}

static bool asid_matches(const struct mmu_ctx_key *key, const struct a64_tlbi *op)
{
    const unsigned asid = key->control & KEY_WIDE_ASID ? op->asid : op->asid & 0xff;
    return (uint16_t)(key->control >> KEY_ASID) == asid;
}

static bool entry_matches(const struct a64_mmu_priv *priv, uint64_t owner,
                          const struct a64_tlbi *op, uint64_t start, uint64_t last)
{
    const bool by_address = op->kind == A64_TLBI_VA || op->kind == A64_TLBI_VAA;
    if (by_address && !in_range(owner, start, last))
        return false;
    const struct mmu_ctx_key *key = &priv->key[(owner & A64_PAGE_MASK) >> VARIANT_BITS];
    if (!key_matches(key, op))
        return false;
    const bool global = owner & TLB_OWNER_GLOBAL;
    switch (op->kind) {
    case A64_TLBI_ASID:
        return asid_matches(key, op) && !global;
    case A64_TLBI_VA:
        return asid_matches(key, op) || global;
    case A64_TLBI_IPA:
        return key->control & KEY_STAGE2;
    default:
        return true;
    }
}

/* The most pages that are looked for one by one. */
#define FEW_PAGES 64u

/* Whether [*START, *LAST] can be looked for page by page, or by regions with blocks that it is widened to then. */
static bool few_regions(struct a64_mmu_priv *priv, uint64_t *start, uint64_t *last)
{
    if (*last - *start >= FEW_PAGES << A64_PAGE_SHIFT)
        return false;
    static const unsigned shift[] = {REGION_LARGE, REGION_SMALL};
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t mask = (1ull << shift[i]) - 1;
        const bool first = has_region(priv, *start, shift[i]), second = has_region(priv, *last, shift[i]);
        if (!first && !second)
            continue;
        if ((*start ^ *last) & ~mask)
            return false;
        *start &= ~mask;
        *last |= mask;
        return true;
    }
    return true;
}

/* No block is known there any more. */
static void forget_regions(struct a64_mmu_priv *priv, uint64_t start, uint64_t last)
{
    const bool large = last - start == (1ull << REGION_LARGE) - 1;
    if (!large && last - start != (1ull << REGION_SMALL) - 1)
        return;
    uint64_t *place = find_region(priv, region_of(start, large ? REGION_LARGE : REGION_SMALL));
    if (place && *place != REGION_ANY)
        *place = 0;
}

/* What OP on [START, LAST] drops, in the TLB or not any more. */
static struct a64_tlb_drop what_drops(struct a64_mmu_priv *priv, const struct a64_tlbi *op,
                                      uint64_t start, uint64_t last)
{
    const struct a64_tlb_drop all = {.what = A64_DROP_ALL}, local = {.what = A64_DROP_LOCAL};
    const bool low = !(start >> 63) && !(last >> 63);
    if (op->kind == A64_TLBI_ASID)
        return local;
    if (op->kind != A64_TLBI_VA && op->kind != A64_TLBI_VAA)
        return all;
    if (few_regions(priv, &start, &last))
        return (struct a64_tlb_drop){A64_DROP_RANGE, start, last};
    return op->kind == A64_TLBI_VA && low && !priv->low_global ? local : all;
}

static void drop_if_match(struct a64_mmu *mmu, unsigned i, const struct a64_tlbi *op, uint64_t start,
                          uint64_t last)
{
    const uint64_t owner = mmu->priv->owner[i];
    if (owner && entry_matches(mmu->priv, owner, op, start, last))
        drop(mmu, i);
}

/* One page in all contexts. */
static void drop_page(struct a64_mmu *mmu, const struct a64_tlbi *op, uint64_t va)
{
    for (uint64_t ctx = 0; ctx < (uint64_t)mmu->priv->groups << VARIANT_BITS; ctx++)
        drop_if_match(mmu, (unsigned)(a64_tlb_slot(mmu, va, ctx) - mmu->tlb), op, va, va | A64_PAGE_MASK);
}

/* Everything that OP matches. False: pieces of blocks are left in WHAT's range. */
static bool drop_matching(struct a64_mmu *mmu, const struct a64_tlbi *op, uint64_t start, uint64_t last,
                          const struct a64_tlb_drop *what)
{
    bool clean = true;
    for (unsigned i = 0; i < A64_TLB_SIZE; i++) {
        drop_if_match(mmu, i, op, start, last);
        const uint64_t owner = mmu->priv->owner[i];
        if ((owner >> TLB_OWNER_SHIFT & 0x1f) > 2 && in_range(owner, what->start, what->last))
            clean = false;
    }
    return clean;
}

/* Everybody forgets all addresses: only the TLB's own entries count for low_global from now on. */
static void find_low_global(struct a64_mmu_priv *priv)
{
    priv->low_global = false;
    for (unsigned i = 0; i < A64_TLB_SIZE; i++)
        if (priv->owner[i] & TLB_OWNER_GLOBAL && !(priv->owner[i] >> 55 & 1))
            priv->low_global = true;
}

void a64_tlb_invalidate(struct a64_cpu *cpu, const struct a64_tlbi *op)
{
    struct a64_mmu *mmu = cpu->mmu;
    const uint64_t start = (uint64_t)((int64_t)(op->start << 8) >> 8);
    const uint64_t last = (uint64_t)((int64_t)((op->end - 1) << 8) >> 8);
    const struct a64_tlb_drop what = what_drops(mmu->priv, op, start, last);
    const uint64_t pages = (last - start) / (A64_PAGE_MASK + 1) + 1;
    const bool range = what.what == A64_DROP_RANGE, exact = range && what.start == start && what.last == last;
    mmu->invalidations++;
    if (exact && pages * mmu->priv->groups < A64_TLB_SIZE / 8)
        for (uint64_t i = 0; i < pages; i++)
            drop_page(mmu, op, start + i * (A64_PAGE_MASK + 1));
    else if (drop_matching(mmu, op, start, last, &what) && range)
        forget_regions(mmu->priv, what.start, what.last);
    if (what.what == A64_DROP_ALL)
        find_low_global(mmu->priv);
    if (pages == 1 && exact && op->kind == A64_TLBI_VAA && !drops_copies(mmu, op, start))
        return;
    note_drop(mmu, what);
}
