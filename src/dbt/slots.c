/* SPDX-License-Identifier: MIT */
/* The slots of one CPU's code cache: they are filled, and emptied when translations of addresses
 * change.
 *
 * Emitted code fills them while its vector registers are the guest's, so this file has a library of
 * its own that uses the general registers only, calls nothing that does not, and is not
 * instrumented by the thread sanitizer, whose calls keep no vector register. Its data are one CPU's
 * own. */

#include "x86_64/target.h"

#define PAGE (A64_PAGE_MASK + 1)

/* A site flips between pages if its slot misses as often as this, in ticks of the host. */
#define TICKS_MISS 80u
/* A slot whose pages have no neighbours of their kind looks for some again after so many misses;
 * one that found some, after no fewer than these. */
#define MISSES_ALONE 250u
#define MISSES_LEAST 16u
/* Neighbours that are looked for in one go, to each side. */
#define REACH 32u

static unsigned bucket_of_page(uint64_t va)
{
    return va >> A64_PAGE_SHIFT & (DBT_BUCKETS - 1);
}

/* Whether a page of SLOT is one of those from START to LAST. Tags of the jump cache have the mode
 * in their upper bits. */
static bool in_range(const struct dbt_slot *slot, uint64_t start, uint64_t last)
{
    const uint64_t page = (uint64_t)((int64_t)(slot->tag << 16) >> 16) & ~A64_PAGE_MASK;
    return page - start <= last - start || start - page < (slot->more + 1) * PAGE;
}

/* Nobody's name for it counts from now on. A site keeps its value: code that has made a check
 * already goes on with it to the end of its block. */
static void empty(const struct dbt *dbt, struct dbt_slot *slot)
{
    const bool jump = slot < dbt->hot->slot + DBT_JUMPS;
    *slot =
        (struct dbt_slot){.tag = DBT_NO_TAG, .value = jump ? dbt->stub.empty_jump : slot->value};
}

/* Empties the slots that bucket N names, and the bucket. */
static void clear_bucket(struct dbt *dbt, unsigned n)
{
    struct dbt_log *log = &dbt->filled[n];
    for (uint32_t i = 0; i < log->count; i++)
        empty(dbt, &dbt->hot->slot[log->slot[i]]);
    log->count = 0;
}

/* Makes room in bucket N: takes out whom it names twice or in vain, or else everybody. */
static void make_room(struct dbt *dbt, unsigned n)
{
    struct dbt_log *log = &dbt->filled[n];
    const uint64_t bit = 1ull << n;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < log->count; i++) {
        struct dbt_slot *slot = &dbt->hot->slot[log->slot[i]];
        if (slot->named & bit) {
            slot->named &= ~bit;
            log->slot[kept++] = log->slot[i];
        }
    }
    log->count = kept;
    for (uint32_t i = 0; i < kept; i++)
        dbt->hot->slot[log->slot[i]].named |= bit;
    if (kept > DBT_BUCKET_ROOM / 4 * 3)
        clear_bucket(dbt, n);
}

/* Lets bucket N name SLOT, if it does not. */
static void name_in(struct dbt *dbt, struct dbt_slot *slot, unsigned n)
{
    struct dbt_log *log = &dbt->filled[n];
    if (slot->named >> n & 1)
        return;
    if (log->count == DBT_BUCKET_ROOM)
        make_room(dbt, n);
    log->slot[log->count++] = (uint32_t)(slot - dbt->hot->slot);
    slot->named |= 1u << n;
}

/* Room in one bucket may be made by emptying slots, this one too: then only the last pages are
 * named. False: not all are. */
static bool name_pages(struct dbt *dbt, struct dbt_slot *slot, uint64_t page, unsigned count)
{
    uint32_t wanted = 0;
    for (unsigned i = 0; i < count && i < DBT_BUCKETS; i++) {
        const unsigned n = bucket_of_page(page + i * PAGE);
        wanted |= 1u << n;
        name_in(dbt, slot, n);
    }
    return (slot->named & wanted) == wanted;
}

/* SLOT holds what is not the same for all ASIDs. */
static void name_local(struct dbt *dbt, struct dbt_slot *slot)
{
    const uint32_t number = (uint32_t)(slot - dbt->hot->slot);
    uint64_t *bits = &dbt->named_local[number / 64], bit = 1ull << number % 64;
    if (*bits & bit)
        return;
    *bits |= bit;
    dbt->filled_local.slot[dbt->filled_local.count++] = number;
}

void dbt_fill(struct dbt *dbt, struct dbt_slot *slot, uint64_t va, struct dbt_slot value,
              bool global)
{
    name_in(dbt, slot, bucket_of_page(va));
    if (!global)
        name_local(dbt, slot);
    value.named = slot->named;
    *slot = value;
}

/* Whether ENTRY with TAG lets ACCESS through without a check. */
static bool allows(const struct a64_tlb_entry *entry, uint64_t tag, unsigned access)
{
    return !(access & A64_READ && entry->read != tag) &&
           !(access & A64_WRITE && entry->write != tag) && !a64_tlb_is_device(entry);
}

/* How pages are looked up that may join a slot's. */
struct neighbours {
    struct a64_mmu *mmu;
    uint64_t ctx, addend;
    unsigned access;
    bool global;
};

static bool is_neighbour(const struct neighbours *like, uint64_t page)
{
    const struct a64_tlb_entry *entry = a64_tlb_slot(like->mmu, page, like->ctx);
    return allows(entry, page | like->ctx, like->access) && entry->addend == like->addend &&
           (!like->global || a64_tlb_is_global(entry));
}

/* How many pages follow PAGE, in steps of STEP, that belong to it. */
static unsigned follow(const struct neighbours *like, uint64_t page, uint64_t step)
{
    unsigned count = 0;
    while (count < REACH && is_neighbour(like, page + (count + 1) * step))
        count++;
    return count;
}

/* The range of pages about PAGE (its address without a tag) that SLOT may hold in its place: those
 * that it holds already if they adjoin it, and, LOOK, what else the TLB knows. VALUE is of the page
 * alone. */
static void grow(const struct dbt_slot *slot, struct dbt_slot *value, const struct neighbours *like,
                 uint64_t page, bool look)
{
    const unsigned held = slot->limit && slot->value == value->value ? slot->more + 1u : 0;
    const bool above = held && value->tag == slot->tag + held * PAGE;
    const bool below = held && value->tag + PAGE == slot->tag;
    unsigned down = above ? held : look ? follow(like, page, -PAGE) : 0;
    unsigned up = below ? held : look ? follow(like, page, PAGE) : 0;
    if (down + up >= DBT_RANGE)
        down = up = 0;
    value->tag -= down * PAGE;
    value->more = (uint16_t)(down + up);
    const unsigned misses = 2u * (value->more + 1u);
    value->misses = (uint16_t)(!value->more            ? MISSES_ALONE
                               : misses < MISSES_LEAST ? MISSES_LEAST
                                                       : misses);
}

/* Whether SITE's slot has counted its misses in no time. */
static bool came_soon(struct dbt_site *site)
{
    const uint32_t now = target_ticks(), passed = now - site->ticks;
    site->ticks = now;
    return passed < MISSES_ALONE * TICKS_MISS;
}

struct dbt_filled dbt_fill_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                unsigned access, uint32_t limit, bool aligned)
{
    struct dbt *dbt = cpu->engine;
    struct a64_mmu *mmu = cpu->mmu;
    const uint64_t ctx = access & A64_UNPRIV ? mmu->ctx_user : mmu->ctx;
    const uint64_t addr = a64_strip_tbi(mmu, va) & ~A64_PAGE_MASK;
    const struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, ctx);
    if (!allows(entry, addr | ctx, access)) {
        dbt->stats[STAT_FILL_MISSES]++;
        return (struct dbt_filled){0, 0};
    }
    dbt->stats[STAT_FILLS]++;
    const uint64_t page = va & ~A64_PAGE_MASK;
    const uint64_t addend = addr + entry->addend - page;
    const bool global = cpu->ps.el && !(access & A64_UNPRIV) && a64_tlb_is_global(entry);
    struct dbt_slot value = {.tag = page, .value = addend};
    const bool due = slot->limit && slot->misses <= 1;
    grow(slot, &value, &(struct neighbours){mmu, ctx, entry->addend, access, global}, addr, due);
    if (due && came_soon(&dbt->sites[slot - dbt->hot->slot]) && !slot->more && !value.more) {
        slot->misses = DBT_FLIPPING;
        return (struct dbt_filled){0, 0};
    }
    if (slot->limit && !due)
        value.misses = slot->misses - 1;
    if (!name_pages(dbt, slot, value.tag, value.more + 1u)) {
        value = (struct dbt_slot){.tag = page, .value = addend, .misses = MISSES_ALONE};
        name_pages(dbt, slot, page, 1);
    }
    value.limit = limit + (uint64_t)value.more * (aligned ? limit : PAGE);
    if (!global)
        name_local(dbt, slot);
    value.named = slot->named;
    *slot = value;
    return (struct dbt_filled){1, addend};
}

/* Empties the slots of pages that are not global, and the list of them. */
static void clear_local(struct dbt *dbt)
{
    struct dbt_log *log = &dbt->filled_local;
    for (uint32_t i = 0; i < log->count; i++) {
        empty(dbt, &dbt->hot->slot[log->slot[i]]);
        dbt->named_local[log->slot[i] / 64] = 0;
    }
    log->count = 0;
}

void dbt_forget_addresses(struct dbt *dbt)
{
    dbt->stats[STAT_FORGETS]++;
    for (unsigned n = 0; n < DBT_BUCKETS; n++)
        clear_bucket(dbt, n);
    clear_local(dbt);
    dbt->epoch_local++;
    dbt->epoch_global++;
}

void dbt_forget_local(struct dbt *dbt)
{
    dbt->stats[STAT_FORGETS_LOCAL]++;
    clear_local(dbt);
    dbt->epoch_local++;
}

static void forget_in_bucket(struct dbt *dbt, unsigned n, uint64_t start, uint64_t last)
{
    struct dbt_log *log = &dbt->filled[n];
    for (uint32_t i = 0; i < log->count;) {
        struct dbt_slot *slot = &dbt->hot->slot[log->slot[i]];
        if (in_range(slot, start, last)) {
            empty(dbt, slot);
            log->slot[i] = log->slot[--log->count];
        } else {
            i++;
        }
    }
}

void dbt_forget_range(struct dbt *dbt, uint64_t start, uint64_t last)
{
    const uint64_t pages = (last - start) / (A64_PAGE_MASK + 1) + 1;
    dbt->stats[STAT_FORGETS_RANGE]++;
    start = (uint64_t)((int64_t)(start << 16) >> 16);
    last = (uint64_t)((int64_t)(last << 16) >> 16);
    for (uint64_t i = 0; i < (pages < DBT_BUCKETS ? pages : DBT_BUCKETS); i++)
        forget_in_bucket(dbt, bucket_of_page(start + i * (A64_PAGE_MASK + 1)), start, last);
}

void dbt_empty_slots(struct dbt *dbt, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++)
        empty(dbt, &dbt->hot->slot[i]);
}
