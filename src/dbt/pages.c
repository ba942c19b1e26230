/* SPDX-License-Identifier: MIT */
/* The pages of guest memory that one CPU's blocks were made from: what their words were then, and
 * which blocks are to be dropped because they are not that any more. */

#include <stdlib.h>

#include "kept.h"

#define PAGE_WORDS 1024u

static uint32_t *page_bucket(struct dbt *dbt, uint64_t pa)
{
    return &dbt->page_hash[(pa >> A64_PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> (64 - dbt->page_bits)];
}

/* ---- words ---- */

/* The bits of COUNT words from FIRST on in group GROUP of `known`. */
static uint64_t bits_of(unsigned group, unsigned first, unsigned count)
{
    const unsigned start = group * 64, last = first + count;
    uint64_t bits = ~0ull;
    if (first > start)
        bits <<= first - start;
    return last < start + 64 ? bits & ((1ull << (last - start)) - 1) : bits;
}

static void know(struct dbt_page *page, unsigned first, unsigned count)
{
    for (unsigned group = first / 64; group <= (first + count - 1) / 64; group++)
        page->known[group] |= bits_of(group, first, count);
}

void dbt_page_note(struct dbt_page *page, unsigned first, const uint32_t *words, unsigned count)
{
    know(page, first, count);
    memcpy(&page->words[first], words, count * sizeof(*words));
}

bool dbt_page_differs(const struct dbt_page *page, unsigned first, const uint32_t *words,
                      unsigned count)
{
    for (unsigned group = first / 64; group <= (first + count - 1) / 64; group++) {
        uint64_t left = page->known[group] & bits_of(group, first, count);
        for (; left; left &= left - 1) {
            const unsigned i = group * 64 + (unsigned)__builtin_ctzll(left);
            if (page->words[i] != words[i - first])
                return true;
        }
    }
    return false;
}

/* Only what is known is read: few words of a page that is mostly data, or written all the time. */
static bool words_changed(const struct dbt_page *page)
{
    for (unsigned group = 0; group < PAGE_WORDS / 64; group++)
        for (uint64_t left = page->known[group]; left; left &= left - 1) {
            const unsigned i = group * 64 + (unsigned)__builtin_ctzll(left);
            if (a64_code_word(&page->host[i]) != page->words[i])
                return true;
        }
    return false;
}

/* ---- blocks ---- */

static unsigned first_word(const struct dbt_block *block)
{
    return (block->pa & A64_PAGE_MASK) / 4;
}

static bool block_changed(const struct dbt_page *page, const struct dbt_block *block)
{
    const unsigned first = first_word(block);
    for (unsigned i = first; i < first + block->count; i++)
        if (a64_code_word(&page->host[i]) != page->words[i])
            return true;
    return false;
}

void dbt_revalidate(struct dbt *dbt, struct dbt_page *page)
{
    dbt->stats[STAT_PAGE_CHECKS]++;
    if (!words_changed(page))
        return;
    memset(page->known, 0, sizeof(page->known));
    for (uint32_t *link = &page->blocks; *link;) {
        struct dbt_block *block = &dbt->blocks[*link - 1];
        if (!block_changed(page, block)) {
            know(page, first_word(block), block->count);
            link = &block->page_next;
            continue;
        }
        *link = block->page_next;
        if (!dbt_doze(dbt, block))
            dbt_drop_block(dbt, block);
        dbt->stats[STAT_STALE]++;
    }
}

/* ---- pages ---- */

static struct dbt_page *find(struct dbt *dbt, uint64_t pa)
{
    for (uint32_t i = *page_bucket(dbt, pa); i; i = dbt->pages[i - 1].next)
        if (dbt->pages[i - 1].pa == pa)
            return &dbt->pages[i - 1];
    return NULL;
}

/* Memory for a page; NULL: none. */
static struct dbt_page *new_page(struct dbt *dbt)
{
    if (dbt->page_free) {
        struct dbt_page *page = &dbt->pages[dbt->page_free - 1];
        dbt->page_free = page->next;
        return page;
    }
    return dbt->page_count < dbt->page_room ? &dbt->pages[dbt->page_count++] : NULL;
}

struct dbt_page *dbt_page(struct dbt *dbt, uint64_t pa, const uint32_t *host)
{
    struct dbt_page *page = find(dbt, pa);
    if (page) {
        page->host = host;
        if (page->epoch != dbt->code_epoch)
            dbt_revalidate(dbt, page);
        page->epoch = dbt->code_epoch;
        return page;
    }
    page = new_page(dbt);
    if (!page)
        return NULL;
    uint32_t *bucket = page_bucket(dbt, pa);
    page->pa = pa;
    page->host = host;
    page->epoch = dbt->code_epoch;
    page->blocks = 0;
    page->next = *bucket;
    memset(page->known, 0, sizeof(page->known));
    *bucket = (uint32_t)(page - dbt->pages) + 1;
    return page;
}

/* Its memory is another's from now on. */
static void free_page(struct dbt *dbt, struct dbt_page *page)
{
    const uint32_t number = (uint32_t)(page - dbt->pages) + 1;
    uint32_t *link = page_bucket(dbt, page->pa);
    while (*link != number)
        link = &dbt->pages[*link - 1].next;
    *link = page->next;
    page->next = dbt->page_free;
    page->host = NULL;
    dbt->page_free = number;
}

void dbt_page_sweep(struct dbt *dbt, struct dbt_page *page)
{
    if (!page->host || page->swept == dbt->evictions)
        return;
    page->swept = dbt->evictions;
    for (uint32_t *link = &page->blocks; *link;) {
        struct dbt_block *block = &dbt->blocks[*link - 1];
        if (block->count)
            link = &block->page_next;
        else
            *link = block->page_next;
    }
    if (!page->blocks)
        free_page(dbt, page);
}

/* What is known from now on of the access of SITE, at PA. */
static void note_kind(struct dbt *dbt, const struct dbt_site *site, uint64_t pa)
{
    if (site->by_piece) {
        dbt_forget_flips(dbt, DBT_FLIPS_PIECE, pa);
        return;
    }
    dbt_note_flips(dbt, DBT_FLIPS_PAIR, pa);
    if (site->pair || site->tries)
        dbt_note_flips(dbt, DBT_FLIPS_TLB, pa);
    if (site->tries)
        dbt_note_flips(dbt, DBT_FLIPS_PIECE, pa);
}

/* Makes a window for the access of SITE, at PA, if that is what it is to have. False: it has to do without. */
static bool find_window(struct dbt *dbt, const struct dbt_site *site, uint64_t pa, uint64_t va, unsigned access)
{
    if (!site->window && !dbt->cpu->sys->knobs.windows)
        return false;
    const enum dbt_made made = dbt_window_make(dbt->cpu, va, access);
    dbt->windows.refused = made != DBT_MADE;
    if (!site->window || (made == DBT_MADE && site->tries < DBT_WINDOW_TRIES))
        return true;
    dbt_demote(dbt, pa, made != DBT_MADE_LATER);
    return false;
}

void dbt_follow_flips(struct dbt *dbt, struct dbt_slot *slot, uint64_t va, unsigned access)
{
    const struct dbt_site *site = &dbt->sites[slot - dbt->hot->slot];
    if (slot->misses != DBT_FLIPPING)
        return;
    *slot = (struct dbt_slot){.tag = DBT_NO_TAG, .value = slot->value};
    struct dbt_block *block = &dbt->blocks[site->block];
    const uint64_t pa = (block->pa & ~A64_PAGE_MASK) | site->place;
    if (find_window(dbt, site, pa, va, access))
        return;
    if (!site->window)
        note_kind(dbt, site, pa);
    if (!block->count || dbt_is_asleep(block))
        return;
    uint32_t *link = &dbt->pages[block->page].blocks;
    while (*link != site->block + 1)
        link = &dbt->blocks[*link - 1].page_next;
    *link = block->page_next;
    dbt_drop_block(dbt, block);
}

/* Whether BLOCK has one of the words of its page that WORDS says. */
static bool has_word(const struct dbt_block *block, const uint64_t *words)
{
    const unsigned first = (block->pa & A64_PAGE_MASK) / 4;
    bool found = false;
    for (unsigned i = first; i < first + block->count && !found; i++)
        found = words[i / 64] >> i % 64 & 1;
    return found;
}

void dbt_drop_blocks(struct dbt *dbt, uint64_t pa, const uint64_t words[DBT_PAGE_WORDS / 64])
{
    struct dbt_page *page = find(dbt, pa);
    for (uint32_t *link = page ? &page->blocks : NULL; link && *link;) {
        struct dbt_block *block = &dbt->blocks[*link - 1];
        if (!has_word(block, words)) {
            link = &block->page_next;
            continue;
        }
        *link = block->page_next;
        dbt_drop_block(dbt, block);
    }
}

/* A page whose last block fell asleep is named by no block any more, and would never be freed. */
void dbt_code_changed_at(struct dbt *dbt, uint64_t pa)
{
    struct dbt_page *page = find(dbt, pa);
    if (!page || page->epoch != dbt->code_epoch)
        return;
    dbt_revalidate(dbt, page);
    if (!page->blocks)
        free_page(dbt, page);
}
