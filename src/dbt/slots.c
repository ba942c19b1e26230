/* SPDX-License-Identifier: MIT */
/* The slots of one CPU's code cache: they are filled, and emptied when translations of addresses
 * change.
 *
 * Emitted code fills them while its vector registers are the guest's, so this file has a library of
 * its own that uses the general registers only, calls nothing that does not, and is not
 * instrumented by the thread sanitizer, whose calls keep no vector register. Its data are one CPU's
 * own. */

#include "held.h"
#include "x86_64/target.h"

#define PAGE (A64_PAGE_MASK + 1)

/* A site flips between pages if its slot misses as often as this, in ticks of the host; or, if it
 * has two, each a quarter as often. */
#define TICKS_MISS 80u
/* It does so slowly if it misses as often as this. */
#define TICKS_SLOW 800u
/* A slot whose pages have no neighbours of their kind looks for some again after so many misses;
 * one that found some, after no fewer than these. */
#define MISSES_ALONE 250u
#define MISSES_LEAST 16u
/* Neighbours that are looked for in one go, to each side. */
#define REACH 32u
/* A slot may take many pages so often and yet miss as often as one that flips. */
#define TRIES_WIDE 3u
/* A site that looks for pieces may reach so many pages that are none. */
#define TRIES_PIECE 100u
/* Slots that are fetched before they are looked at. */
#define AHEAD 8u
/* Runs that lead from pages that a slot holds to others. */
#define RUNS_BETWEEN 128u

/* Addresses, sign-extended from bit 55. */
struct range {
    uint64_t start, last;
};

/* The first page of SLOT, as an address. What has none of its own has no page. */
static uint64_t page_of(const struct dbt *dbt, const struct dbt_slot *slot)
{
    const bool jump = slot < dbt->hot->slot + DBT_JUMPS;
    return (jump ? slot->limit : slot->tag) & ~A64_PAGE_MASK;
}

/* Whether one of the pages of SLOT, of which PAGE is the first, is one of RANGE's. */
static bool in_range(const struct dbt_slot *slot, uint64_t page, const struct range *range)
{
    page = (uint64_t)((int64_t)(page << 8) >> 8);
    return page - range->start <= range->last - range->start ||
           range->start - page < (slot->more + 1) * PAGE;
}

/* Nobody's name for it counts from now on. A site keeps its value: code that has made a check
 * already goes on with it to the end of its block. An empty place of the jump cache has the tag of
 * an address that is looked for in its neighbour. */
static void empty(const struct dbt *dbt, struct dbt_slot *slot)
{
    const uint64_t number = (uint64_t)(slot - dbt->hot->slot);
    const uint64_t tag = number < DBT_JUMPS ? (number ^ 1) << 2 : DBT_NO_TAG;
    *slot = (struct dbt_slot){.tag = tag, .value = slot->value};
}

/* Empties the slots that LOG names, and LOG. */
static void clear_log(struct dbt *dbt, struct dbt_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        empty(dbt, &dbt->hot->slot[log->slot[i]]);
    log->count = 0;
}

/* Has SET name SLOT. */
static void add(const struct dbt *dbt, struct dbt_set *set, const struct dbt_slot *slot)
{
    const uint32_t number = (uint32_t)(slot - dbt->hot->slot);
    uint64_t *bits = &set->named[number / 64], bit = 1ull << number % 64;
    if (*bits & bit)
        return;
    *bits |= bit;
    set->log.slot[set->log.count++] = number;
}

/* Empties the slots that SET names, and SET. */
static void clear_set(struct dbt *dbt, struct dbt_set *set)
{
    for (uint32_t i = 0; i < set->log.count; i++)
        set->named[set->log.slot[i] / 64] = 0;
    clear_log(dbt, &set->log);
}

/* Pages from PAGE to the next one that is of bucket N. */
static unsigned pages_to(uint64_t page, unsigned n)
{
    return (n - dbt_held_bucket(page)) & (DBT_BUCKETS - 1);
}

/* Goes through bucket N of HALF: empties slots with pages of RANGE, if it is not NULL, and takes
 * out whom it names twice or in vain. That includes who has gone on to a page of another bucket:
 * the list is as short as can be for the next time. Names of a slot that holds pages of the other
 * half are the other half's. Returns whether any was emptied. */
static bool sweep(struct dbt *dbt, unsigned half, unsigned n, const struct range *range)
{
    struct dbt_log *log = &dbt->filled[half][n];
    const uint32_t bit = 1u << n;
    uint32_t kept = 0;
    bool found = false;
    for (uint32_t i = 0; i < log->count; i++) {
        struct dbt_slot *slot = &dbt->hot->slot[log->slot[i]];
        const uint64_t page = page_of(dbt, slot);
        if (!(slot->named & bit) || dbt_held_half(page) != half)
            continue;
        slot->named &= ~bit;
        if (range && in_range(slot, page, range)) {
            empty(dbt, slot);
            found = true;
        } else if (pages_to(page, n) <= slot->more) {
            log->slot[kept++] = log->slot[i];
        }
    }
    log->count = kept;
    for (uint32_t i = 0; i < kept; i++)
        dbt->hot->slot[log->slot[i]].named |= bit;
    return found;
}

/* Notes anew which pages of bucket N of HALF are held: by those that it names. */
static void note_held(struct dbt *dbt, unsigned half, unsigned n)
{
    const struct dbt_log *log = &dbt->filled[half][n];
    dbt_held_clear(&dbt->held, half, n);
    for (uint32_t i = 0; i < log->count; i++) {
        const uint64_t page = page_of(dbt, &dbt->hot->slot[log->slot[i]]);
        dbt_held_note(&dbt->held, page + pages_to(page, n) * PAGE);
    }
}

/* Makes room in bucket N of HALF, if need be by emptying all its slots. */
static void make_room(struct dbt *dbt, unsigned half, unsigned n)
{
    struct dbt_log *log = &dbt->filled[half][n];
    sweep(dbt, half, n, NULL);
    if (log->count > DBT_BUCKET_ROOM / 4 * 3)
        clear_log(dbt, log);
    note_held(dbt, half, n);
}

/* Lets bucket N of HALF name SLOT, if it does not. */
static void name_in(struct dbt *dbt, struct dbt_slot *slot, unsigned half, unsigned n)
{
    struct dbt_log *log = &dbt->filled[half][n];
    if (slot->named >> n & 1)
        return;
    if (log->count == DBT_BUCKET_ROOM)
        make_room(dbt, half, n);
    log->slot[log->count++] = (uint32_t)(slot - dbt->hot->slot);
    slot->named |= 1u << n;
}

/* SLOT will hold pages of VA's half: its names are that half's. */
static unsigned turn_to(const struct dbt *dbt, struct dbt_slot *slot, uint64_t va)
{
    if (dbt_held_half(page_of(dbt, slot)) != dbt_held_half(va))
        slot->named = 0;
    return dbt_held_half(va);
}

/* ---- slots with many pages ---- */

static bool is_wide(const struct dbt_slot *slot)
{
    return slot->more >= DBT_BUCKETS;
}

static void see(struct dbt *dbt, unsigned half, const struct dbt_slot *slot, uint64_t page)
{
    page = (uint64_t)((int64_t)(page << 8) >> 8);
    dbt_held_note_span(&dbt->held, half, page, page + slot->more * PAGE + A64_PAGE_MASK);
}

/* Where the wide slots of HALF have pages, anew. */
static void see_all(struct dbt *dbt, unsigned half)
{
    const struct dbt_log *log = &dbt->wide[half].log;
    dbt->held.spans[half] = 0;
    for (uint32_t i = 0; i < log->count; i++) {
        const struct dbt_slot *slot = &dbt->hot->slot[log->slot[i]];
        see(dbt, half, slot, page_of(dbt, slot));
    }
}

/* Empties the wide slots of HALF with pages of RANGE, and takes out whom the set names in vain. */
static void sweep_wide(struct dbt *dbt, unsigned half, const struct range *range)
{
    struct dbt_set *set = &dbt->wide[half];
    if (!set->log.count || !dbt_held_may_span(&dbt->held, half, range->start, range->last))
        return;
    const uint32_t count = set->log.count;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count) /* they are all over the place */
            __builtin_prefetch(&dbt->hot->slot[set->log.slot[i + AHEAD]]);
        const uint32_t number = set->log.slot[i];
        struct dbt_slot *slot = &dbt->hot->slot[number];
        const uint64_t page = page_of(dbt, slot);
        const bool holds = is_wide(slot) && dbt_held_half(page) == half;
        if (holds && !in_range(slot, page, range)) {
            set->log.slot[kept++] = number;
            continue;
        }
        set->named[number / 64] &= ~(1ull << number % 64);
        if (holds)
            empty(dbt, slot);
    }
    set->log.count = kept;
    if (kept < count)
        see_all(dbt, half);
}

/* Room in one bucket may be made by emptying slots, this one too: then only the last pages are
 * named. False: not all are. */
static bool name_pages(struct dbt *dbt, struct dbt_slot *slot, uint64_t page, unsigned count)
{
    const unsigned half = turn_to(dbt, slot, page);
    uint32_t wanted = 0;
    if (count > DBT_BUCKETS) {
        add(dbt, &dbt->wide[half], slot);
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        const unsigned n = dbt_held_bucket(page + i * PAGE);
        wanted |= 1u << n;
        name_in(dbt, slot, half, n);
        dbt_held_note(&dbt->held, page + i * PAGE);
    }
    return (slot->named & wanted) == wanted;
}

void dbt_fill(struct dbt *dbt, struct dbt_slot *slot, uint64_t va, struct dbt_slot value,
              bool global)
{
    name_in(dbt, slot, turn_to(dbt, slot, va), dbt_held_bucket(va));
    dbt_held_note(&dbt->held, va);
    if (!global)
        add(dbt, &dbt->local, slot);
    value.named = slot->named;
    value.limit = va & ~A64_PAGE_MASK;
    *slot = value;
}

/* Whether ENTRY with TAG lets ACCESS through without a check. */
static bool allows(const struct a64_tlb_entry *entry, uint64_t tag, unsigned access)
{
    return !(access & A64_READ && entry->read != tag) &&
           !(access & A64_WRITE && entry->write != tag) && !a64_tlb_is_device(entry);
}

/* Whether copies of ENTRY may be kept for ACCESS. */
static bool may_keep(const struct a64_tlb_entry *entry, uint64_t tag, unsigned access)
{
    return !(access & A64_READ && entry->plain_read != tag) && !(access & A64_WRITE && entry->plain_write != tag);
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
    return may_keep(entry, page | like->ctx, like->access) && entry->addend == like->addend &&
           (!like->global || a64_tlb_is_global(entry));
}

/* How many pages follow PAGE, in steps of STEP, that belong to it. */
static unsigned follow(const struct neighbours *like, uint64_t page, uint64_t step)
{
    unsigned count = 0;
    while (count < REACH && dbt_held_half(page + (count + 1) * step) == dbt_held_half(page) &&
           is_neighbour(like, page + (count + 1) * step))
        count++;
    return count;
}

/* Pages before one and behind it. */
struct about {
    uint64_t before, behind;
};

/* The run that PAGE is of, if it is like what is looked up; NULL: none is known. */
static const struct a64_tlb_run *find_run(const struct neighbours *like, uint64_t page)
{
    return dbt_run_like(like->mmu, page, like->ctx, like->addend, like->access, like->global);
}

/* The pages that belong to PAGE as far as is known: of its run, or else, those beside it in the TLB. */
static struct about find_about(const struct neighbours *like, uint64_t page)
{
    const struct a64_tlb_run *run = find_run(like, page);
    if (run)
        return (struct about){(page - run->first) / PAGE, (run->last - page) / PAGE};
    return (struct about){follow(like, page, -PAGE), follow(like, page, PAGE)};
}

/* Whether known runs lead from page AT to END. */
static bool lead_to(const struct neighbours *like, uint64_t at, uint64_t end)
{
    for (unsigned i = 0; at < end; i++) {
        const struct a64_tlb_run *run = i < RUNS_BETWEEN ? find_run(like, at) : NULL;
        if (!run)
            return false;
        at = run->last + PAGE;
    }
    return true;
}

/* Adds the pages that SLOT holds already to those about VALUE's, PAGE, if all between them belong to it too. False:
 * they are others. */
static bool join_held(const struct dbt_slot *slot, const struct dbt_slot *value,
                      const struct neighbours *like, uint64_t page, struct about *about)
{
    if (!slot->limit || slot->value != value->value || dbt_held_half(slot->tag) != dbt_held_half(value->tag))
        return false;
    const uint64_t held = page + (slot->tag - value->tag), held_end = held + (slot->more + 1ull) * PAGE;
    const uint64_t first = page - about->before * PAGE, end = page + (about->behind + 1) * PAGE;
    if (held < first ? !lead_to(like, held_end, first) : !lead_to(like, end, held))
        return false;
    const uint64_t before = held < first ? (page - held) / PAGE : about->before;
    const uint64_t behind = held_end > end ? (held_end - page) / PAGE - 1 : about->behind;
    if (before + behind >= DBT_RANGE)
        return false;
    *about = (struct about){before, behind};
    return true;
}

/* How often a slot with so many pages beside its first may miss before more is looked for. One that is wide cannot be
 * filled without looking: its names are others. */
static uint16_t misses_of(const struct dbt_slot *slot)
{
    const unsigned misses = 2u * (slot->more + 1u);
    if (is_wide(slot))
        return 1;
    return (uint16_t)(!slot->more ? MISSES_ALONE : misses < MISSES_LEAST ? MISSES_LEAST : misses);
}

/* The range of pages about PAGE (its address without a tag) that SLOT may hold in its place: VALUE is of the page
 * alone, and stays so if SLOT is wide and it lies elsewhere. */
static void grow(const struct dbt_slot *slot, struct dbt_slot *value, const struct neighbours *like,
                 uint64_t page, bool look)
{
    struct about about = look ? find_about(like, page) : (struct about){0, 0};
    const bool joined = join_held(slot, value, like, page, &about);
    if (joined || !is_wide(slot)) {
        value->tag -= about.before * PAGE;
        value->more = (uint16_t)(about.before + about.behind);
    }
    value->misses = misses_of(value);
}

/* Whether VALUE's page is the next one after SLOT's: the site goes through memory. */
static bool goes_on(const struct dbt_slot *slot, const struct dbt_slot *value)
{
    return value->tag == slot->tag + PAGE;
}

/* Whether SITE, whose SLOT with one page is filled with VALUE, flips: it has counted its misses in no time, and more
 * pages do not help. */
static bool flips_now(struct dbt *dbt, struct dbt_site *site, const struct dbt_slot *slot, const struct dbt_slot *value)
{
    const uint32_t now = target_ticks(), passed = now - site->ticks;
    site->ticks = now;
    if (slot->more)
        return false;
    if (passed >= MISSES_ALONE * TICKS_MISS << 2 * site->pair) {
        if (passed < MISSES_ALONE * TICKS_SLOW && !goes_on(slot, value))
            dbt_note_flips(dbt, DBT_FLIPS_SLOWLY, (dbt->blocks[site->block].pa & ~A64_PAGE_MASK) | site->place);
        return false;
    }
    return !value->more || ++site->tries > TRIES_WIDE;
}

/* SLOT holds VALUE from now on. False: not all its pages could be named, and it holds none. */
static bool hold(struct dbt *dbt, struct dbt_slot *slot, struct dbt_slot value, bool global)
{
    if (!name_pages(dbt, slot, value.tag, value.more + 1u))
        return false;
    if (!global)
        add(dbt, &dbt->local, slot);
    value.named = slot->named;
    *slot = value;
    if (is_wide(slot))
        see(dbt, dbt_held_half(slot->tag), slot, slot->tag);
    return true;
}

/* The same, of ENTRY, for a site that has no slot in truth. If it looks for pieces and there are none, it goes back to
 * pages. */
static struct dbt_filled fill_tlb(struct a64_mmu *mmu, struct dbt_slot *slot, struct dbt_site *site,
                                  const struct a64_tlb_entry *entry, uint64_t addr, uint64_t ctx, uint64_t addend)
{
    if (!site->by_piece) {
        a64_plain_enter(mmu, entry, addr, ctx);
    } else if (!a64_tlb_load_piece(mmu, addr, ctx) && ++site->tries > TRIES_PIECE) {
        slot->misses = DBT_FLIPPING;
        return (struct dbt_filled){0, 0};
    }
    return (struct dbt_filled){1, addend};
}

/* ---- windows ---- */

/* A site that is to have a window asks for one if it misses so many times, as a site that flips slowly, and for a larger
 * one if it goes from window to window so many times, in so many ticks each. */
#define MISSES_WINDOW 16u
#define MOVES_WINDOW  32u
#define TICKS_MOVE    20000u

/* The live window with page ADDR that is like what is looked up; NULL: there is none. */
static const struct dbt_window *find_window(const struct dbt *dbt, const struct neighbours *like, uint64_t addr)
{
    const struct dbt_windows *windows = &dbt->windows;
    if (!windows->count)
        return NULL;
    for (unsigned writes = like->access & A64_WRITE ? 1 : 0; writes < 2; writes++) {
        const unsigned place = windows->place[writes][(addr >> A64_RUN_SHIFT) % DBT_WINDOW_PLACES];
        const struct dbt_window *window = &windows->window[place];
        const uint64_t ctx = window->global ? a64_any_asid(like->mmu, like->ctx) : like->ctx;
        if (addr >= window->first && addr <= window->last && window->ctx == ctx && window->writes >= writes &&
            window->global >= like->global)
            return window;
    }
    return NULL;
}

/* Makes VALUE, of the page ADDR alone, one of a window's pages, if there is one. Stores that monitors look at have
 * none. */
static bool take_window(const struct dbt *dbt, struct dbt_slot *value, const struct neighbours *like, uint64_t addr)
{
    const bool told = like->access & A64_WRITE && dbt->cpu->sys->cpu_count > 1;
    const struct dbt_window *window = told ? NULL : find_window(dbt, like, addr);
    if (!window)
        return false;
    value->value += window->addend - like->addend;
    value->tag -= addr - window->first;
    value->more = (uint16_t)((window->last - window->first) / PAGE);
    value->misses = 1;
    return true;
}

/* Whether a window is to be made for SITE, which is DUE or is filled first, and has come to one (FOUND) or not. */
static bool wants_window(const struct dbt *dbt, struct dbt_site *site, bool due, bool found)
{
    if (!site->window)
        return dbt->cpu->sys->knobs.windows && !found && !dbt->windows.refused;
    if (!due)
        return false;
    if (found && ++site->tries % MOVES_WINDOW)
        return false;
    const uint32_t now = target_ticks(), passed = now - site->ticks;
    const bool often = passed < (found ? MOVES_WINDOW * TICKS_MOVE : MISSES_WINDOW * TICKS_SLOW);
    site->ticks = now;
    if (!often)
        site->tries = 0;
    return often;
}

/* SLOT holds no page: what has made its check of VA goes on with ADDEND, and nobody else. A strip takes one turn: from VA
 * no byte further is the slot's, up or down (find_room() in x86_64/lower_strip.c). */
static void lend(struct dbt_slot *slot, uint64_t va, uint64_t addend)
{
    *slot = (struct dbt_slot){.tag = va, .value = addend};
}

static inline struct dbt_filled fill_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                          unsigned access, uint32_t limit, bool aligned, bool again)
{
    struct dbt *dbt = cpu->engine;
    struct a64_mmu *mmu = cpu->mmu;
    struct dbt_site *site = &dbt->sites[slot - dbt->hot->slot];
    const uint64_t ctx = access & A64_UNPRIV ? mmu->ctx_user : mmu->ctx;
    const uint64_t addr = a64_strip_tbi(mmu, va) & ~A64_PAGE_MASK;
    struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, ctx);
    const bool has = allows(entry, addr | ctx, access);
    dbt->stats[has ? STAT_FILL_HITS : STAT_FILL_MISSES] += !again;
    if (!has)
        return (struct dbt_filled){0, 0};
    const uint64_t page = va & ~A64_PAGE_MASK;
    const uint64_t addend = addr + entry->addend - page;
    if (!may_keep(entry, addr | ctx, access) && !a64_tlb_used(mmu, entry, addr, ctx)) {
        lend(slot, va, addend);
        return (struct dbt_filled){1, addend};
    }
    if (site->by_tlb)
        return fill_tlb(mmu, slot, site, entry, addr, ctx, addend);
    const bool global = cpu->ps.el && !(access & A64_UNPRIV) && a64_tlb_is_global(entry);
    struct dbt_slot value = {.tag = page, .value = addend};
    const bool due = slot->limit && slot->misses <= 1, look = due || !slot->limit;
    const struct neighbours like = {mmu, ctx, entry->addend, access, global};
    const bool found = look && !aligned && take_window(dbt, &value, &like, addr);
    if (!found)
        grow(slot, &value, &like, addr, look);
    const bool window = !aligned && !goes_on(slot, &value) && wants_window(dbt, site, due, found);
    if (window || (due && !found && !site->window && flips_now(dbt, site, slot, &value))) {
        slot->misses = DBT_FLIPPING;
        return (struct dbt_filled){0, 0};
    }
    dbt->windows.refused = false;
    if (site->window && !found)
        value.misses = MISSES_WINDOW;
    if (slot->limit && !due)
        value.misses = slot->misses - 1;
    value.limit = limit + (uint64_t)value.more * (aligned ? limit : PAGE);
    if (!hold(dbt, slot, value, global))
        hold(dbt, slot, (struct dbt_slot){.tag = page, .limit = limit, .value = addend, .misses = MISSES_ALONE}, global);
    return (struct dbt_filled){1, value.value};
}

struct dbt_filled dbt_fill_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                unsigned access, uint32_t limit, bool aligned)
{
    return fill_site(cpu, slot, va, access, limit, aligned, false);
}

struct dbt_filled dbt_fill_again(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                 unsigned access, uint32_t limit, bool aligned)
{
    return fill_site(cpu, slot, va, access, limit, aligned, true);
}

void dbt_forget_addresses(struct dbt *dbt)
{
    dbt->stats[STAT_FORGETS]++;
    for (unsigned n = 0; n < DBT_BUCKETS; n++)
        for (unsigned half = 0; half < 2; half++)
            clear_log(dbt, &dbt->filled[half][n]);
    for (unsigned half = 0; half < 2; half++)
        clear_set(dbt, &dbt->wide[half]);
    memset(&dbt->held, 0, sizeof(dbt->held));
    clear_set(dbt, &dbt->local);
    dbt->epoch_local++;
    dbt->epoch_global++;
}

void dbt_forget_local(struct dbt *dbt)
{
    dbt->stats[STAT_FORGETS_LOCAL]++;
    clear_set(dbt, &dbt->local);
    dbt->epoch_local++;
}

/* The page at VA, which is one of RANGE's. If its bit was another page's, bits are noted anew. */
static void forget_page(struct dbt *dbt, uint64_t va, const struct range *range)
{
    const unsigned half = dbt_held_half(va), n = dbt_held_bucket(va);
    if (dbt_held_may(&dbt->held, va) && !sweep(dbt, half, n, range))
        note_held(dbt, half, n);
}

void dbt_forget_range(struct dbt *dbt, uint64_t start, uint64_t last)
{
    const uint64_t pages = (last - start) / PAGE + 1;
    dbt->stats[STAT_FORGETS_RANGE]++;
    const struct range range = {start, last};
    if (pages <= DBT_BUCKETS)
        for (uint64_t i = 0; i < pages; i++)
            forget_page(dbt, start + i * PAGE, &range);
    else
        for (unsigned n = 0; n < DBT_BUCKETS; n++)
            for (unsigned half = dbt_held_half(start); half <= dbt_held_half(last); half++)
                sweep(dbt, half, n, &range);
    for (unsigned half = dbt_held_half(start); half <= dbt_held_half(last); half++)
        sweep_wide(dbt, half, &range);
}

void dbt_empty_slots(struct dbt *dbt, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++)
        empty(dbt, &dbt->hot->slot[i]);
}
