/* SPDX-License-Identifier: MIT */
/* Runs of pages: what one walk finds out about more than its page.
 *
 * Where a walk ends, the descriptors beside the one that it came to are at hand. As long as they
 * say the same but for an address that follows on (a block says it for all its pages), and the
 * host's memory follows on too, they are one run: its other pages are entered into the TLB without
 * a walk, and the translator's slots take it whole. Hardware is as free to hold translations that
 * nobody has asked for (Arm ARM D8.13); as there, an invalidation of any of the pages ends the run.
 *
 * A run is kept by the piece of 2 MiB that it lies in, one to a piece, so that an invalidation by
 * address finds it. There are none of brief pages (struct a64_tlb_brief), with two stages, of Device memory, or while watchpoints are
 * looked at, which go by page. */

#include "mmu_priv.h"
#include "system.h"

#define PAGE       (A64_PAGE_MASK + 1)
#define PIECE      (1ull << A64_RUN_SHIFT)
#define OWNER_PAGE 0x00fffffffffff000ull

/* ---- what a walk finds ---- */

/* How many descriptors from ENTRY on, in steps of STEP (1 or -1) and at most MOST, follow on. */
static uint64_t follow(const uint64_t *entry, int step, uint64_t most, unsigned shift)
{
    const uint64_t first = __atomic_load_n(entry, __ATOMIC_RELAXED),
                   more = (uint64_t)(int64_t)step << shift;
    uint64_t count = 0;
    for (uint64_t wanted = first + more; count < most; count++, wanted += more)
        if (__atomic_load_n(&entry[step * (int64_t)(count + 1)], __ATOMIC_RELAXED) != wanted)
            break;
    return count;
}

/* The host's view of the descriptor at PA; NULL: there is none. */
static const uint64_t *descriptor(struct a64_cpu *cpu, uint64_t pa)
{
    struct a64_page page;
    if (!mmu_page(cpu, pa, &page) || !(page.flags & A64_READ))
        return NULL;
    return (const uint64_t *)(const void *)((const uint8_t *)page.host + (pa & A64_PAGE_MASK));
}

/* Bytes about the page at ADDR, in its piece. */
struct extent {
    uint64_t before, behind;
};

/* Those that the page or block that the walk came to has, and more such beside it. */
static struct extent in_tables(struct a64_cpu *cpu, uint64_t addr, const struct a64_walk *walk)
{
    const uint64_t size = 1ull << walk->entry_shift, mask = (size < PIECE ? size : PIECE) - 1;
    struct extent extent = {addr & mask, mask - (addr & mask) - A64_PAGE_MASK};
    const uint64_t *entry = size < PIECE ? descriptor(cpu, walk->entry) : NULL;
    if (!entry || __atomic_load_n(entry, __ATOMIC_RELAXED) != walk->desc)
        return extent;
    const uint64_t place = (addr & (PIECE - 1)) >> walk->entry_shift;
    extent.before += follow(entry, -1, place, walk->entry_shift) * size;
    extent.behind += follow(entry, 1, PIECE / size - 1 - place, walk->entry_shift) * size;
    return extent;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* No brief page is in a run: its end is not told. */
static void leave_brief(const struct a64_mmu *mmu, uint64_t addr, struct extent *extent)
{
    const uint64_t page = (uint64_t)((int64_t)(addr << 8) >> 8);
    for (unsigned i = 0; i < A64_BRIEF_PAGES; i++) {
        const struct a64_tlb_brief *brief = &mmu->brief[i];
        if (brief->drops < A64_BRIEF_DROPS)
            continue;
        if (brief->page - page <= extent->behind)
            extent->behind = brief->page - page - PAGE;
        else if (page - brief->page <= extent->before)
            extent->before = page - brief->page - PAGE;
    }
}

void mmu_run_note(struct a64_cpu *cpu, uint64_t addr, uint64_t ctx, const struct a64_walk *walk,
                  const struct a64_page *page)
{
    if (!walk->entry_shift || cpu->sys->knobs.one_tlb)
        return;
    struct extent extent = in_tables(cpu, addr, walk);
    extent.before = least(extent.before, page->before & ~A64_PAGE_MASK);
    extent.behind = least(extent.behind, page->behind & ~A64_PAGE_MASK);
    leave_brief(cpu->mmu, addr, &extent);
    if (!extent.before && !extent.behind)
        return;
    struct a64_tlb_run *run = &cpu->mmu->run[a64_run_place(addr)];
    run->first = addr - extent.before;
    run->last = addr + extent.behind;
    run->ctx = walk->global ? a64_any_asid(cpu->mmu, ctx) : ctx;
    run->like = *a64_tlb_slot(cpu->mmu, addr, ctx);
    run->like.pa -= extent.before;
}

/* ---- its use ---- */

/* TAG of another page, as that of PAGE. */
static uint64_t retag(uint64_t tag, uint64_t page)
{
    return tag == A64_TLB_NONE ? tag : page;
}

bool mmu_run_enter(struct a64_cpu *cpu, uint64_t addr, uint64_t ctx, unsigned access)
{
    const struct a64_tlb_run *run = a64_tlb_run(cpu->mmu, addr, ctx);
    if (!run || !a64_run_allows(run, access))
        return false;
    const uint64_t tag = addr | ctx;
    struct a64_tlb_entry entry = run->like;
    entry.read = retag(entry.read, tag);
    entry.write = retag(entry.write, tag);
    entry.exec = retag(entry.exec, tag);
    entry.plain_read = retag(entry.plain_read, tag);
    entry.plain_write = retag(entry.plain_write, tag);
    entry.pa += addr - run->first;
    entry.owner = (entry.owner & ~(OWNER_PAGE | A64_PAGE_MASK)) | (addr & OWNER_PAGE) | ctx;
    mmu_tlb_enter(cpu, addr, ctx, &entry);
    return true;
}

/* ---- its end ---- */

static void forget(struct a64_mmu *mmu, unsigned place)
{
    mmu->run[place] = (struct a64_tlb_run){.first = 1, .last = 0};
    mmu->piece[0][place].tag = mmu->piece[1][place].tag = A64_TLB_NONE;
}

void mmu_run_drop(struct a64_mmu *mmu, const struct a64_tlb_drop *what)
{
    const bool some = what->what == A64_DROP_RANGE;
    const uint64_t pieces =
        some ? (what->last >> A64_RUN_SHIFT) - (what->start >> A64_RUN_SHIFT) : A64_RUNS;
    for (uint64_t i = 0; i <= pieces && i < A64_RUNS; i++)
        forget(mmu, some ? a64_run_place(what->start + i * PIECE) : (unsigned)i);
}
