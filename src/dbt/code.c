/* SPDX-License-Identifier: MIT */
/* One CPU's code cache: its memory, its blocks and how they are found.
 *
 * The code memory is mapped twice, once to be written and once to be executed, so that no address is
 * ever both. Right before the executable view stands the memory that emitted code reads and writes
 * RIP-relative (struct dbt_hot). Blocks fill the code memory from its start, their cold paths its
 * second part; when either is full, everything is dropped: simpler than any replacement, and
 * translating again is cheap. */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

static size_t hot_size(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (sizeof(struct dbt_hot) + page - 1) & ~(page - 1);
}

/* [hot | code], the code from FD a second time for writing. */
static int map_code(struct dbt *dbt, int fd)
{
    const size_t hot = hot_size(), size = dbt->code_size;
    if (ftruncate(fd, (off_t)size))
        return -errno;
    uint8_t *base = mmap(NULL, hot + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -ENOMEM;
    dbt->hot = (struct dbt_hot *)(void *)base;
    dbt->code = base + hot;
    if (mprotect(base, hot, PROT_READ | PROT_WRITE) ||
        mmap(dbt->code, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return -errno;
    dbt->code_write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return dbt->code_write == MAP_FAILED ? -errno : 0;
}

int dbt_code_create(struct dbt *dbt)
{
    const uint32_t wanted = dbt->cpu->sys->knobs.code_size;
    dbt->code_size = wanted ? wanted : DBT_CODE_SIZE;
    dbt->cold_start = dbt->code_size / 12 * 7 & ~(size_t)63;
    const int fd = memfd_create("pomona-code", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int status = map_code(dbt, fd);
    close(fd);
    uint32_t *log = malloc((DBT_FILLED + DBT_BUCKETS * DBT_BUCKET_ROOM) * sizeof(*log));
    dbt->filled_local.slot = log;
    for (unsigned n = 0; n < DBT_BUCKETS && log; n++)
        dbt->filled[n].slot = log + DBT_FILLED + n * DBT_BUCKET_ROOM;
    dbt->sites = calloc(DBT_JUMPS + DBT_SLOTS, sizeof(dbt->sites[0]));
    return status ? status : log && dbt->sites ? 0 : -ENOMEM;
}

void dbt_code_destroy(struct dbt *dbt)
{
    if (dbt->hot)
        munmap(dbt->hot, hot_size() + dbt->code_size);
    if (dbt->code_write && dbt->code_write != MAP_FAILED)
        munmap(dbt->code_write, dbt->code_size);
    free(dbt->filled_local.slot);
    free(dbt->sites);
    free(dbt->blocks);
    free(dbt->pages);
    free(dbt->links);
}

/* Room for COUNT + MORE elements of SIZE bytes in *ARRAY. */
static bool reserve(void *array, uint32_t *room, uint32_t count, uint32_t more, size_t size)
{
    if (count + more <= *room)
        return true;
    const uint32_t wanted = *room ? *room * 2 : 4096;
    void **place = array;
    void *grown = realloc(*place, wanted * size);
    if (!grown)
        return false;
    *place = grown;
    *room = wanted;
    return true;
}

/* ---- blocks ---- */

static uint32_t *bucket_of(struct dbt *dbt, uint64_t pa, unsigned mode)
{
    const uint64_t key = (pa >> 2) ^ (uint64_t)mode << 32;
    return &dbt->hash[key * 0x9e3779b97f4a7c15ull >> (64 - DBT_HASH_BITS)];
}

struct dbt_block *dbt_find(struct dbt *dbt, uint64_t pa, unsigned mode)
{
    for (uint32_t i = *bucket_of(dbt, pa, mode); i; i = dbt->blocks[i - 1].next) {
        struct dbt_block *block = &dbt->blocks[i - 1];
        if (block->pa == pa && block->mode == mode)
            return block;
    }
    return NULL;
}

/* ---- pages ---- */

static uint32_t *page_bucket(struct dbt *dbt, uint64_t pa)
{
    return &dbt->page_hash[(pa >> A64_PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> (64 - DBT_PAGE_BITS)];
}

static bool words_changed(const struct dbt_page *page)
{
    for (unsigned i = 0; i < 1024; i++)
        if (page->known[i / 64] >> (i % 64) & 1 && a64_code_word(&page->host[i]) != page->words[i])
            return true;
    return false;
}

static bool block_changed(const struct dbt_page *page, const struct dbt_block *block)
{
    const unsigned first = (block->pa & A64_PAGE_MASK) / 4;
    for (unsigned i = first; i < first + block->count; i++)
        if (a64_code_word(&page->host[i]) != page->words[i])
            return true;
    return false;
}

/* Takes BLOCK out of its hash chain and lets everything that jumps to it ask for a new one. */
static void drop_block(struct dbt *dbt, struct dbt_block *block)
{
    const uint32_t number = (uint32_t)(block - dbt->blocks) + 1;
    uint32_t *link = bucket_of(dbt, block->pa, block->mode);
    while (*link != number)
        link = &dbt->blocks[*link - 1].next;
    *link = block->next;
    dbt_redirect(dbt, block, UINT32_MAX);
    dbt->stats[STAT_STALE]++;
}

/* False: it is not there any more. */
static bool unlink_from_page(struct dbt *dbt, struct dbt_page *page, uint32_t number)
{
    for (uint32_t *link = &page->blocks; *link; link = &dbt->blocks[*link - 1].page_next)
        if (*link == number) {
            *link = dbt->blocks[number - 1].page_next;
            return true;
        }
    return false;
}

void dbt_follow_flips(struct dbt *dbt, struct dbt_slot *slot)
{
    const struct dbt_site *site = &dbt->sites[slot - dbt->hot->slot];
    if (slot->misses != DBT_FLIPPING)
        return;
    *slot = (struct dbt_slot){.tag = DBT_NO_TAG, .value = slot->value};
    struct dbt_block *block = &dbt->blocks[site->block];
    const uint64_t pa = block->pa & ~A64_PAGE_MASK;
    const unsigned at = dbt_flips_at(pa | site->place);
    dbt->flips[at / 64] |= 1ull << at % 64;
    for (uint32_t i = *page_bucket(dbt, pa); i; i = dbt->pages[i - 1].next)
        if (dbt->pages[i - 1].pa == pa && unlink_from_page(dbt, &dbt->pages[i - 1], site->block + 1))
            drop_block(dbt, block);
}

/* Drops the blocks of PAGE whose words are not what they were translated from. */
void dbt_revalidate(struct dbt *dbt, struct dbt_page *page)
{
    dbt->stats[STAT_PAGE_CHECKS]++;
    if (!words_changed(page))
        return;
    memset(page->known, 0, sizeof(page->known));
    for (uint32_t *link = &page->blocks; *link;) {
        struct dbt_block *block = &dbt->blocks[*link - 1];
        if (!block_changed(page, block)) {
            const unsigned first = (block->pa & A64_PAGE_MASK) / 4;
            for (unsigned i = first; i < first + block->count; i++)
                page->known[i / 64] |= 1ull << (i % 64);
            link = &block->page_next;
            continue;
        }
        *link = block->page_next;
        drop_block(dbt, block);
    }
}

struct dbt_page *dbt_page(struct dbt *dbt, uint64_t pa, const uint32_t *host)
{
    uint32_t *bucket = page_bucket(dbt, pa);
    struct dbt_page *page;
    for (uint32_t i = *bucket; i; i = page->next) {
        page = &dbt->pages[i - 1];
        if (page->pa != pa)
            continue;
        page->host = host;
        if (page->epoch != dbt->code_epoch)
            dbt_revalidate(dbt, page);
        page->epoch = dbt->code_epoch;
        return page;
    }
    if (!reserve(&dbt->pages, &dbt->page_room, dbt->page_count, 1, sizeof(dbt->pages[0])))
        return NULL;
    page = &dbt->pages[dbt->page_count++];
    page->pa = pa;
    page->host = host;
    page->epoch = dbt->code_epoch;
    page->blocks = 0;
    page->next = *bucket;
    memset(page->known, 0, sizeof(page->known));
    *bucket = dbt->page_count;
    return page;
}

void dbt_code_changed_at(struct dbt *dbt, uint64_t pa)
{
    for (uint32_t i = *page_bucket(dbt, pa); i; i = dbt->pages[i - 1].next) {
        struct dbt_page *page = &dbt->pages[i - 1];
        if (page->pa == pa && page->epoch == dbt->code_epoch)
            dbt_revalidate(dbt, page);
    }
}

/* ---- new blocks ---- */

static void note_words(struct dbt_page *page, unsigned first, const uint32_t *words, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        const unsigned i = first + k;
        page->known[i / 64] |= 1ull << (i % 64);
        page->words[i] = words[k];
    }
}

bool dbt_page_differs(const struct dbt_page *page, unsigned first, const uint32_t *words, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        const unsigned i = first + k;
        if (page->known[i / 64] >> (i % 64) & 1 && page->words[i] != words[k])
            return true;
    }
    return false;
}

struct dbt_block *dbt_add_block(struct dbt *dbt, struct dbt_page *page, uint64_t pa, unsigned mode,
                                const uint32_t *words, unsigned count)
{
    if (!reserve(&dbt->blocks, &dbt->block_room, dbt->block_count, 1, sizeof(dbt->blocks[0])))
        return NULL;
    struct dbt_block *block = &dbt->blocks[dbt->block_count++];
    uint32_t *bucket = bucket_of(dbt, pa, mode);
    *block = (struct dbt_block){
        .pa = pa,
        .mode = (uint16_t)mode,
        .count = (uint16_t)count,
        .next = *bucket,
        .page_next = page->blocks,
    };
    note_words(page, (pa & A64_PAGE_MASK) / 4, words, count);
    *bucket = page->blocks = dbt->block_count;
    return block;
}

uint32_t dbt_add_link(struct dbt *dbt, struct dbt_link link)
{
    if (!reserve(&dbt->links, &dbt->link_room, dbt->link_count, 1, sizeof(dbt->links[0])))
        return UINT32_MAX;
    dbt->links[dbt->link_count] = link;
    return dbt->link_count++;
}

void dbt_flush(struct dbt *dbt)
{
    dbt_empty_slots(dbt);
    memset(dbt->hash, 0, sizeof(dbt->hash));
    memset(dbt->page_hash, 0, sizeof(dbt->page_hash));
    memset(dbt->flips, 0, sizeof(dbt->flips));
    dbt->block_count = dbt->page_count = dbt->link_count = 0;
    dbt->slot_count = DBT_JUMPS;
    dbt->code_used = dbt->stubs_end;
    dbt->cold_used = dbt->cold_start;
    dbt->literals = dbt->code_size;
    dbt->flushes++;
    dbt->stats[STAT_FLUSHES]++;
}
