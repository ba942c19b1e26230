/* SPDX-License-Identifier: MIT */
/* Windows: host addresses at which guest pages follow one another as they do in the guest.
 *
 * A slot holds as many pages as lead to the host by one sum, that is, pages that the guest's memory
 * has in the order of their addresses. A guest that has run for a while hands out its memory page
 * by page in no order, and what walks a heap or sorts an array reaches another page every few
 * accesses. Such sites look into the TLB's tables at first. If they are seen to be where the time
 * goes, their pages are mapped a second time, one behind the other, and a slot takes them all: the
 * code is that of one that stays in its page.
 *
 * That needs memory that can be mapped twice, which shared memory can (hv_vm_allocate() gives such;
 * mremap(2) with an old size of 0); the rest goes on by the tables. A window ends as a whole when a
 * translation of one of its pages ends, by what the TLB tells (a64_tlb_drop), and slots with its
 * pages are emptied. Its memory is unmapped when no translated code is under way, as code that has
 * made a check goes on with what it found to the end of its block.
 *
 * Marks of the exclusive monitor go by host addresses, so aligned accesses (LDXR, STXR and atomics)
 * use no windows; nor do stores where other CPUs' monitors look at them.
 *
 * Making one costs two microseconds for each piece of guest memory that is not in order, so that it
 * is paid from a part of the time that passes. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"
#include "x86_64/target.h"

#define PAGE (A64_PAGE_MASK + 1)

/* One part in so many of the time may be spent, and so many ticks at once. */
#define CREDIT_PART 32u
#define CREDIT_MOST (1ull << 24)
#define PIECES_MOST (unsigned)(CREDIT_MOST / COST_PIECE)
/* With less none is begun. */
#define CREDIT_LEAST (1ull << 16)
/* What a piece costs at most, in ticks, and a page. */
#define COST_PIECE 8000u
#define COST_PAGE  800u
/* Ticks between two looks at what runs; bytes of code about it. */
#define SAMPLE_TICKS (1u << 21)
#define SAMPLE_BYTES 1024u
/* Memory that cannot be mapped twice is met so often before none is asked for any more. */
#define FAILURES_MOST 16u

/* What a window is made of, in order: pieces that are in order in the host. */
struct dbt_scan {
    struct piece {
        uint8_t *host;
        size_t pages;
    } piece[2 * PIECES_MOST]; /* about the middle */
    unsigned first, end;      /* index of the first, and of the last + 1 */
    uint64_t start;           /* the first page's address */
    size_t pages, most;       /* and how many may be mapped */
    uint64_t left;            /* ticks that more may cost */
    bool writes;              /* stores may go to all */
};

/* What a page must be like. */
struct like {
    struct a64_cpu *cpu;
    uint64_t ctx;
    unsigned access;
    bool global;
};

/* ---- finding pages ---- */

/* The TLB's entry of page ADDR, after a walk if need be, if accesses may go there without a check;
 * NULL: they may not. */
static const struct a64_tlb_entry *find_page(const struct like *like, uint64_t addr)
{
    struct a64_cpu *cpu = like->cpu;
    const struct a64_tlb_entry *entry = a64_tlb_slot(cpu->mmu, addr, like->ctx);
    const uint64_t tag = addr | like->ctx;
    const uint64_t *wanted = like->access & A64_WRITE ? &entry->plain_write : &entry->plain_read;
    if (*wanted != tag) {
        const struct a64_exc exc = cpu->exc;
        const bool loaded = a64_tlb_load(cpu, addr, like->access);
        cpu->exc = exc;
        if (!loaded || *wanted != tag)
            return NULL;
    }
    const bool reads = !(like->access & A64_READ) || entry->plain_read == tag;
    return reads && (!like->global || a64_tlb_is_global(entry)) ? entry : NULL;
}

static bool same_half(uint64_t a, uint64_t b)
{
    return !((a ^ b) >> 55 & 1);
}

/* The pages about ADDR that are known to follow one another in the host as they do here; it alone
 * is always. ENTRY: the TLB's of ADDR. */
static void find_run(const struct like *like, const struct a64_tlb_entry *entry, uint64_t addr,
                     uint64_t *first, uint64_t *last)
{
    const struct a64_tlb_run *run = dbt_run_like(like->cpu->mmu, addr, like->ctx, entry->addend,
                                                 like->access, like->global);
    *first = run ? run->first : addr;
    *last = run ? run->last : addr;
}

/* What it costs to have PAGES more in SCAN, that are a piece of their own or not: a window of one
 * piece is not mapped. */
static uint64_t cost_of(const struct dbt_scan *scan, size_t pages, bool alone)
{
    if (!alone && scan->end - scan->first == 1)
        return 0;
    const bool second = scan->end - scan->first == 1;
    return COST_PAGE * (pages + (second ? scan->pages : 0)) + (alone ? COST_PIECE : 0);
}

/* Takes the pages from ADDR on into SCAN, behind what it has, or those up to ADDR before it. False:
 * they are none of the window, or cost more than is left but RESERVE. */
static bool take_run(const struct like *like, struct dbt_scan *scan, uint64_t addr, bool before,
                     uint64_t reserve)
{
    const struct a64_tlb_entry *entry = find_page(like, addr);
    uint64_t first, last;
    if (!entry)
        return false;
    find_run(like, entry, addr, &first, &last);
    *(before ? &last : &first) = addr;
    const size_t pages = (last - first) / PAGE + 1;
    uint8_t *host = (uint8_t *)(uintptr_t)(first + entry->addend);
    struct piece *next = &scan->piece[before ? scan->first : scan->end - 1];
    const bool alone =
        before ? host + pages * PAGE != next->host : next->host + next->pages * PAGE != host;
    const uint64_t cost = cost_of(scan, pages, alone);
    const bool mapped = alone || scan->end - scan->first > 1;
    if (scan->left < cost + reserve ||
        scan->pages + pages > (mapped ? scan->most : DBT_WINDOW_PAGES))
        return false;
    scan->left -= cost;
    scan->pages += pages;
    scan->writes &= entry->plain_write == (addr | like->ctx);
    if (alone)
        scan->piece[before ? --scan->first : scan->end++] = (struct piece){host, pages};
    else
        *next = (struct piece){before ? host : next->host, next->pages + pages};
    scan->start = before ? first : scan->start;
    return true;
}

/* The pages about ADDR that CREDIT pays for: before it with half of it at most. False: it is alone.
 */
static bool scan_about(const struct like *like, struct dbt_scan *scan, uint64_t addr,
                       uint64_t credit)
{
    const struct a64_tlb_entry *entry = find_page(like, addr);
    if (!entry)
        return false;
    scan->first = PIECES_MOST;
    scan->end = PIECES_MOST + 1;
    scan->piece[PIECES_MOST] = (struct piece){(uint8_t *)(uintptr_t)(addr + entry->addend), 1};
    scan->start = addr;
    scan->pages = 1;
    scan->left = credit;
    scan->writes = entry->plain_write == (addr | like->ctx);
    uint64_t next = addr - PAGE;
    while (same_half(next, addr) && take_run(like, scan, next, true, credit / 2))
        next = scan->start - PAGE;
    next = scan->start + scan->pages * PAGE;
    while (same_half(next, addr) && take_run(like, scan, next, false, 0))
        next = scan->start + scan->pages * PAGE;
    return scan->pages > 1;
}

/* ---- mapping them ---- */

/* Maps memory at HOST a second time, to AT. */
static bool map_again(uint8_t *host, size_t size, uint8_t *at)
{
#ifdef __linux__
    return mremap(host, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at;
#else
    (void)host, (void)size, (void)at;
    return false;
#endif
}

/* The pages of SCAN in order; NULL: the host cannot. */
static uint8_t *map_scan(const struct dbt_scan *scan)
{
    const size_t size = scan->pages * PAGE;
    uint8_t *memory =
        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    uint8_t *at = memory;
    for (unsigned i = scan->first; i < scan->end; i++) {
        const struct piece *piece = &scan->piece[i];
        if (!map_again(piece->host, piece->pages * PAGE, at)) {
            munmap(memory, size);
            return NULL;
        }
        at += piece->pages * PAGE;
    }
#if defined MADV_POPULATE_READ && defined MADV_DONTDUMP
    madvise(memory, size, MADV_POPULATE_READ);
    madvise(memory, size, MADV_DONTDUMP);
#endif
    return memory;
}

/* ---- windows ---- */

static bool is_live(const struct dbt_window *window)
{
    return window->first <= window->last;
}

/* No slot finds WINDOW from now on. Those that hold its pages are the caller's to empty. */
static void end_window(struct dbt *dbt, struct dbt_window *window)
{
    window->first = 1;
    window->last = 0;
    dbt->windows.ended |= window->memory != NULL;
}

static void unmap(struct dbt *dbt, struct dbt_window *window)
{
    if (!window->memory)
        return;
    munmap(window->memory, window->size);
    dbt->windows.mapped -= window->size;
    window->memory = NULL;
}

void dbt_windows_settle(struct dbt *dbt)
{
    if (!dbt->windows.ended)
        return;
    for (unsigned i = 0; i < DBT_WINDOWS; i++)
        if (!is_live(&dbt->windows.window[i]))
            unmap(dbt, &dbt->windows.window[i]);
    dbt->windows.ended = false;
}

/* WINDOW's addresses, sign-extended from bit 55 as those of drops are. */
static uint64_t extended(uint64_t addr)
{
    return (uint64_t)((int64_t)(addr << 8) >> 8);
}

static void end_and_forget(struct dbt *dbt, struct dbt_window *window)
{
    const uint64_t first = extended(window->first), last = extended(window->last);
    end_window(dbt, window);
    dbt_forget_range(dbt, first, last | A64_PAGE_MASK);
}

static bool is_dropped(const struct dbt_window *window, const struct a64_tlb_drop *drop)
{
    if (!is_live(window))
        return false;
    switch (drop->what) {
    case A64_DROP_RANGE:
        return extended(window->first) <= drop->last &&
               (extended(window->last) | A64_PAGE_MASK) >= drop->start;
    case A64_DROP_LOCAL:
        return !window->global;
    default:
        return true;
    }
}

void dbt_windows_drop(struct dbt *dbt, const struct a64_tlb_drop *drop)
{
    const bool slots_too = drop->what == A64_DROP_RANGE;
    for (unsigned i = 0; i < dbt->windows.count; i++) {
        struct dbt_window *window = &dbt->windows.window[i];
        if (!is_dropped(window, drop))
            continue;
        if (slots_too)
            end_and_forget(dbt, window);
        else
            end_window(dbt, window);
    }
    while (dbt->windows.count && !is_live(&dbt->windows.window[dbt->windows.count - 1]))
        dbt->windows.count--;
}

/* How much may be mapped for this CPU. */
static size_t memory_most(const struct dbt *dbt)
{
    return DBT_WINDOW_MEMORY / dbt->cpu->sys->cpu_count;
}

/* Ends the live window whose turn it is. */
static void make_room(struct dbt *dbt)
{
    struct dbt_windows *windows = &dbt->windows;
    for (unsigned i = 0; i < DBT_WINDOWS; i++) {
        struct dbt_window *window = &windows->window[windows->next++ % DBT_WINDOWS];
        if (is_live(window)) {
            end_and_forget(dbt, window);
            return;
        }
    }
}

/* A place for a window of SIZE bytes; NULL: there is none until dbt_windows_settle(). */
static struct dbt_window *find_room(struct dbt *dbt, size_t size)
{
    struct dbt_windows *windows = &dbt->windows;
    for (unsigned i = 0; i < DBT_WINDOWS && windows->mapped + size <= memory_most(dbt); i++)
        if (!is_live(&windows->window[i]) && !windows->window[i].memory)
            return &windows->window[i];
    make_room(dbt);
    return NULL;
}

/* What may be spent now. */
static uint64_t credit_now(struct dbt_windows *windows)
{
    const uint64_t now = target_clock();
    const uint64_t credit = windows->credit + (now - windows->asked) / CREDIT_PART;
    windows->asked = now;
    windows->credit = credit < CREDIT_MOST ? credit : CREDIT_MOST;
    return windows->credit;
}

/* A window has been made since credit_now(), or tried; to unmap it will cost about as much. */
static void spend(struct dbt_windows *windows)
{
    const uint64_t now = target_clock(), spent = 2 * (now - windows->asked);
    windows->asked = now;
    windows->credit -= spent < windows->credit ? spent : windows->credit;
}

static void enter_window(struct dbt *dbt, struct dbt_window *window)
{
    struct dbt_windows *windows = &dbt->windows;
    const uint8_t number = (uint8_t)(window - windows->window);
    for (uint64_t piece = window->first >> A64_RUN_SHIFT; piece <= window->last >> A64_RUN_SHIFT;
         piece++)
        windows->place[window->writes][piece % DBT_WINDOW_PLACES] = number;
    if (number >= windows->count)
        windows->count = number + 1u;
    dbt->stats[STAT_WINDOWS]++;
    dbt->stats[STAT_WINDOW_PAGES] += (window->last - window->first) / PAGE + 1;
}

/* Maps what SCAN found as LIKE asks. What is in order already is not mapped again. */
static enum dbt_made make_window(struct dbt *dbt, const struct like *like,
                                 const struct dbt_scan *scan)
{
    const size_t mapped = scan->end - scan->first > 1 ? scan->pages * PAGE : 0;
    struct dbt_window *window = find_room(dbt, mapped);
    if (!window)
        return DBT_MADE_LATER;
    uint8_t *memory = mapped ? map_scan(scan) : NULL;
    if (mapped && !memory) {
        dbt->windows.off = ++dbt->windows.failures > FAILURES_MOST;
        return DBT_MADE_NONE;
    }
    *window = (struct dbt_window){
        .first = scan->start,
        .last = scan->start + (scan->pages - 1) * PAGE,
        .ctx = like->global ? a64_any_asid(like->cpu->mmu, like->ctx) : like->ctx,
        .addend = (uintptr_t)(mapped ? memory : scan->piece[scan->first].host) - scan->start,
        .writes = scan->writes,
        .global = like->global,
        .memory = memory,
        .size = mapped,
    };
    dbt->windows.mapped += mapped;
    enter_window(dbt, window);
    return DBT_MADE;
}

static bool init_windows(struct dbt *dbt)
{
    struct dbt_windows *windows = &dbt->windows;
    if (windows->scan || windows->off)
        return !windows->off;
    windows->scan = malloc(sizeof(*windows->scan));
    windows->off = !windows->scan;
    windows->asked = target_clock();
    for (unsigned i = 0; i < DBT_WINDOWS; i++)
        end_window(dbt, &windows->window[i]);
    return !windows->off;
}

/* What pages about ADDR must be like for ACCESS to it. */
static struct like like_of(struct a64_cpu *cpu, uint64_t addr, unsigned access)
{
    const bool user = access & A64_UNPRIV;
    struct like like = {cpu, user ? cpu->mmu->ctx_user : cpu->mmu->ctx, access, false};
    const struct a64_tlb_entry *entry = find_page(&like, addr);
    if (entry && cpu->sys->cpu_count == 1 && entry->plain_write == (addr | like.ctx))
        like.access |= A64_WRITE; /* one window for both */
    like.global = entry && cpu->ps.el && !user && a64_tlb_is_global(entry);
    return like;
}

enum dbt_made dbt_window_make(struct a64_cpu *cpu, uint64_t va, unsigned access)
{
    struct dbt *dbt = cpu->engine;
    if ((access & A64_WRITE && cpu->sys->cpu_count > 1) || !init_windows(dbt))
        return DBT_MADE_NONE;
    struct dbt_windows *windows = &dbt->windows;
    const uint64_t credit = credit_now(windows);
    if (credit < CREDIT_LEAST)
        return DBT_MADE_LATER;
    const uint64_t addr = a64_strip_tbi(cpu->mmu, va) & ~A64_PAGE_MASK;
    const struct like like = like_of(cpu, addr, access);
    windows->scan->most = memory_most(dbt) / 2 / PAGE;
    const enum dbt_made made = scan_about(&like, windows->scan, addr, credit)
                                   ? make_window(dbt, &like, windows->scan)
                                   : DBT_MADE_NONE;
    spend(windows);
    return made;
}

void dbt_windows_free(struct dbt *dbt)
{
    for (unsigned i = 0; dbt->windows.scan && i < DBT_WINDOWS; i++)
        unmap(dbt, &dbt->windows.window[i]);
    free(dbt->windows.scan);
}

/* ---- who asks for them ---- */

/* What is known of an access that flips, at PA: it is to have a window. */
static bool promote(struct dbt *dbt, uint64_t pa)
{
    const bool flips = dbt_flips(dbt, DBT_FLIPS_PAIR, pa) || dbt_flips(dbt, DBT_FLIPS_SLOWLY, pa);
    if (!flips || dbt_flips(dbt, DBT_FLIPS_NO_WINDOW, pa))
        return false;
    for (unsigned kind = DBT_FLIPS_PAIR; kind < DBT_FLIPS_SLOWLY; kind++)
        dbt_forget_flips(dbt, kind, pa);
    dbt_note_flips(dbt, DBT_FLIPS_WINDOW, pa);
    return true;
}

void dbt_demote(struct dbt *dbt, uint64_t pa, bool for_ever)
{
    const bool slowly = dbt_flips(dbt, DBT_FLIPS_SLOWLY, pa);
    for (unsigned kind = DBT_FLIPS_PAIR; kind < DBT_FLIPS_SLOWLY && !slowly; kind++)
        dbt_note_flips(dbt, kind, pa);
    dbt_forget_flips(dbt, DBT_FLIPS_WINDOW, pa);
    if (for_ever)
        dbt_note_flips(dbt, DBT_FLIPS_NO_WINDOW, pa);
}

/* Whether the code page at PA was met by one of the samples before this one. */
static bool seen_before(struct dbt_windows *windows, uint64_t pa)
{
    bool found = false;
    for (unsigned i = 0; i < DBT_WINDOW_SAMPLES; i++)
        found |= windows->seen[i] == pa;
    windows->seen[windows->samples++ % DBT_WINDOW_SAMPLES] = pa;
    return found;
}

void dbt_windows_sample(struct dbt *dbt)
{
    struct a64_cpu *cpu = dbt->cpu;
    const uint64_t now = target_clock();
    const bool due = now - dbt->windows.sampled >= SAMPLE_TICKS && init_windows(dbt);
    if (!due || !a64_tlb_fetches(cpu, cpu->pc) || credit_now(&dbt->windows) < CREDIT_MOST / 4)
        return;
    dbt->windows.sampled = now;
    uint64_t pa, words[DBT_PAGE_WORDS / 64] = {0};
    bool guarded, some = false;
    if (!a64_fetch_host(cpu, cpu->pc, &pa, &guarded))
        return;
    const uint64_t page = pa & ~A64_PAGE_MASK;
    if (!seen_before(&dbt->windows, page))
        return;
    const uint64_t first = pa - page < SAMPLE_BYTES ? 0 : pa - page - SAMPLE_BYTES;
    for (uint64_t at = first; at < pa - page + SAMPLE_BYTES && at < PAGE; at += 4) {
        const bool promoted = promote(dbt, page + at);
        words[at / 4 / 64] |= (uint64_t)promoted << at / 4 % 64;
        some |= promoted;
    }
    if (some)
        dbt_drop_blocks(dbt, page, words);
}
