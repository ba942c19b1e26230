/* SPDX-License-Identifier: MIT */
/* The slots of one CPU's code cache: they are filled, and emptied when translations of addresses
 * change.
 *
 * Emitted code fills them while its vector registers are the guest's, so this file has a library of
 * its own that uses the general registers only, calls nothing that does not, and is not
 * instrumented by the thread sanitizer, whose calls keep no vector register. Its data are one CPU's
 * own. */

#include "internal.h"

static unsigned bucket_of_page(uint64_t va)
{
    return va >> A64_PAGE_SHIFT & (DBT_BUCKETS - 1);
}

/* Whether a slot's tag is in the pages from START to LAST; those of the jump cache have the mode in
 * their upper bits. */
static bool in_range(uint64_t tag, uint64_t start, uint64_t last)
{
    const uint64_t page = (uint64_t)((int64_t)(tag << 16) >> 16) & ~A64_PAGE_MASK;
    return page - start <= last - start;
}

/* Nobody's name for it counts from now on. */
static void empty(const struct dbt *dbt, struct dbt_slot *slot)
{
    *slot = (struct dbt_slot){.tag = DBT_NO_TAG, .value = dbt->stub.empty_jump};
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

void dbt_fill(struct dbt *dbt, struct dbt_slot *slot, uint64_t va, struct dbt_slot value,
              bool global)
{
    const unsigned n = bucket_of_page(va);
    const uint32_t number = (uint32_t)(slot - dbt->hot->slot);
    struct dbt_log *log = &dbt->filled[n];
    if (log->count == DBT_BUCKET_ROOM)
        make_room(dbt, n);
    log->slot[log->count++] = number;
    if (!global) {
        if (dbt->filled_local.count < DBT_FILLED)
            dbt->filled_local.slot[dbt->filled_local.count] = number;
        dbt->filled_local.count++;
    }
    value.named = slot->named | 1ull << n;
    *slot = value;
}

/* Whether ENTRY with TAG lets ACCESS through without a check. */
static bool allows(const struct a64_tlb_entry *entry, uint64_t tag, unsigned access)
{
    return !(access & A64_READ && entry->read != tag) &&
           !(access & A64_WRITE && entry->write != tag) && !a64_tlb_is_device(entry);
}

struct dbt_filled dbt_fill_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                unsigned access, uint32_t limit)
{
    struct dbt *dbt = cpu->engine;
    struct a64_mmu *mmu = cpu->mmu;
    const uint64_t ctx = access & A64_UNPRIV ? mmu->ctx_user : mmu->ctx;
    const uint64_t addr = a64_strip_tbi(mmu, va);
    const struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, ctx);
    if (!allows(entry, (addr & ~A64_PAGE_MASK) | ctx, access)) {
        dbt->stats[STAT_FILL_MISSES]++;
        return (struct dbt_filled){0, 0};
    }
    dbt->stats[STAT_FILLS]++;
    const uint64_t page = va & ~A64_PAGE_MASK;
    const uint64_t addend = (addr & ~A64_PAGE_MASK) + entry->addend - page;
    const bool global = cpu->ps.el && !(access & A64_UNPRIV) && a64_tlb_is_global(entry);
    dbt_fill(dbt, slot, va, (struct dbt_slot){.tag = page, .limit = limit, .value = addend},
             global);
    return (struct dbt_filled){1, addend};
}

void dbt_forget_addresses(struct dbt *dbt)
{
    dbt->stats[STAT_FORGETS]++;
    for (unsigned n = 0; n < DBT_BUCKETS; n++)
        clear_bucket(dbt, n);
    dbt->filled_local.count = 0;
    dbt->epoch_local++;
    dbt->epoch_global++;
}

void dbt_forget_local(struct dbt *dbt)
{
    struct dbt_log *log = &dbt->filled_local;
    dbt->stats[STAT_FORGETS_LOCAL]++;
    if (log->count > DBT_FILLED) {
        dbt_forget_addresses(dbt);
        return;
    }
    for (uint32_t i = 0; i < log->count; i++)
        empty(dbt, &dbt->hot->slot[log->slot[i]]);
    log->count = 0;
    dbt->epoch_local++;
}

static void forget_in_bucket(struct dbt *dbt, unsigned n, uint64_t start, uint64_t last)
{
    struct dbt_log *log = &dbt->filled[n];
    for (uint32_t i = 0; i < log->count;) {
        struct dbt_slot *slot = &dbt->hot->slot[log->slot[i]];
        if (in_range(slot->tag, start, last)) {
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

void dbt_empty_slots(struct dbt *dbt)
{
    for (uint32_t i = 0; i < (dbt->slot_count ? dbt->slot_count : DBT_JUMPS); i++)
        empty(dbt, &dbt->hot->slot[i]);
    dbt_forget_addresses(dbt);
}
