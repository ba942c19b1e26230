/* SPDX-License-Identifier: MIT */
/* One CPU's code cache: its memory, its blocks, how they are found and what leads to them.
 *
 * The code memory is mapped twice, once to be written and once to be executed, so that no address
 * is ever both. Right before the executable view stands the memory that emitted code reads and
 * writes RIP-relative (struct dbt_hot).
 *
 * It is filled region by region. When the last one is full the first is emptied, and so on: no use
 * is counted, as what is wanted again is translated again, and what that costs at a time is a
 * region's blocks. Whatever leads to a block is known (struct dbt_link), so that one which is
 * dropped is reached by nobody, and what it leaves behind need not be looked at again. */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../a64/host_large.h"
#include "kept.h"

/* What is asked of the host at a time, and how much of it is left then. */
#define READY_STEP ((size_t)128 << 10)
#define READY_LEFT ((size_t)8 << 10)
/* Links with slots between two cuts, at most. */
#define CONNECTED (32u << 10)
/* Of the hash of pages, at least. */
#define PAGE_BITS 12

/* ---- memory ---- */

static size_t most(const struct dbt *dbt, unsigned bytes_a_piece)
{
    return dbt->code_size / bytes_a_piece;
}

/* Of access sites, and of jumps to other pages. */
static size_t most_slots(const struct dbt *dbt)
{
    const size_t most_sites = most(dbt, DBT_BYTES_A_SLOT), all = DBT_MOST_SLOTS - DBT_JUMPS;
    return most_sites < all ? most_sites : all;
}

static size_t hot_size(const struct dbt *dbt)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t slots = DBT_JUMPS + most_slots(dbt);
    const size_t size = sizeof(struct dbt_hot) + slots * sizeof(struct dbt_slot);
    return (size + page - 1) & ~(page - 1);
}

/* Asks for large pages: they cost less to touch first, and to reach. */
static void ask_for_large(void *base, size_t size)
{
#ifdef MADV_HUGEPAGE
    madvise(base, size, MADV_HUGEPAGE);
#endif
}

/* Asks for the pages of code memory from FIRST to LAST, in both views. In vain: they come when they
 * are touched. */
static void populate(struct dbt *dbt, size_t first, size_t last)
{
#if defined MADV_POPULATE_READ && defined MADV_POPULATE_WRITE
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    first &= ~(page - 1);
    last = (last + page - 1) & ~(page - 1);
    if (!madvise(dbt->code_write + first, last - first, MADV_POPULATE_WRITE))
        madvise(dbt->code + first, last - first, MADV_POPULATE_READ);
#endif
}

/* Makes what code memory has about AT one large page of the host, in both views; false: they are small pages, as the memory
 * ends within, or the host has none for it. */
static bool make_large(struct dbt *dbt, size_t at)
{
    const size_t first = at & ~(HOST_LARGE - 1);
    if (dbt->small_pages || first + HOST_LARGE > dbt->code_size)
        return false;
    const int status = host_make_large(dbt->code_write + first);
    dbt->small_pages = status == -EINVAL || status == -ENOTSUP;
    if (status)
        return false;
    populate(dbt, first, first + HOST_LARGE);
    return true;
}

static void ready_up(struct dbt *dbt, size_t *ready, size_t at, size_t end)
{
    if (at + READY_LEFT <= *ready || *ready >= end)
        return;
    const size_t first = *ready;
    const bool large = make_large(dbt, first);
    const size_t last = large ? (first | (HOST_LARGE - 1)) + 1 : first + READY_STEP;
    *ready = last < end ? last : end;
    if (!large)
        populate(dbt, first, *ready);
}

static void ready_down(struct dbt *dbt, size_t *ready, size_t at, size_t end)
{
    if (at >= *ready + READY_LEFT || *ready <= end)
        return;
    const size_t last = *ready;
    const bool large = make_large(dbt, last - 1);
    const size_t first = large ? (last - 1) & ~(HOST_LARGE - 1) : last > READY_STEP ? last - READY_STEP : 0;
    *ready = first > end ? first : end;
    if (!large)
        populate(dbt, *ready, last);
}

void dbt_code_ready(struct dbt *dbt)
{
    struct dbt_region *now = dbt->now;
    ready_up(dbt, &now->ready[DBT_FRONT_CODE], now->code, now->cold_start);
    ready_up(dbt, &now->ready[DBT_FRONT_COLD], now->cold, now->ready[DBT_FRONT_LITERALS]);
    ready_down(dbt, &now->ready[DBT_FRONT_LITERALS], now->literals, now->ready[DBT_FRONT_COLD]);
}

static void populate_all(struct dbt *dbt, size_t first, size_t last)
{
    for (size_t next; first < last; first = next) {
        next = (first | (HOST_LARGE - 1)) + 1;
        if (!make_large(dbt, first))
            populate(dbt, first, next < last ? next : last);
    }
}

/* As far as REGION is full, in pieces of its own. */
static void populate_full(struct dbt *dbt, struct dbt_region *region)
{
    populate_all(dbt, region->start, region->code);
    populate_all(dbt, region->cold_start, region->cold);
    populate_all(dbt, region->literals, region->end);
    region->ready[DBT_FRONT_CODE] = region->code;
    region->ready[DBT_FRONT_COLD] = region->cold;
    region->ready[DBT_FRONT_LITERALS] = region->literals;
}

void dbt_code_fill(struct dbt *dbt, struct dbt_region *region, const struct dbt_region *with)
{
    *region = *with;
    populate_full(dbt, region);
}

/* [hot | code], the code from FD a second time for writing. */
static int map_code(struct dbt *dbt, int fd)
{
    const size_t hot = hot_size(dbt), size = dbt->code_size;
    if (ftruncate(fd, (off_t)size))
        return -errno;
    uint8_t *base = host_reserve(hot, size, HOST_LARGE);
    if (!base)
        return -ENOMEM;
    dbt->hot = (struct dbt_hot *)(void *)base;
    dbt->code = base + hot;
    if (mprotect(base, hot, PROT_READ | PROT_WRITE) ||
        mmap(dbt->code, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return -errno;
    ask_for_large(base, hot);
    dbt->code_write = host_reserve(0, size, HOST_LARGE);
    if (!dbt->code_write)
        return -ENOMEM;
    if (mmap(dbt->code_write, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return -errno;
    return 0;
}

/* The tables' memory, from the first not given out. */
struct room {
    uint8_t *at; /* NULL: only the size is wanted */
    size_t size;
};

static void *take(struct room *room, size_t count, size_t size)
{
    void *taken = room->at ? room->at + room->size : NULL;
    room->size += (count * size + 63) & ~(size_t)63;
    return taken;
}

static void lay_out_set(struct dbt_set *set, struct room *room, size_t slots)
{
    set->log.slot = take(room, slots, sizeof(set->log.slot[0]));
    set->named = take(room, slots / 64 + 1, sizeof(set->named[0]));
}

/* Lists that are empty for the most part. */
static void lay_out_lists(struct dbt *dbt, struct room *room)
{
    const size_t slots = DBT_JUMPS + most_slots(dbt);
    lay_out_set(&dbt->local, room, slots);
    for (unsigned half = 0; half < 2; half++)
        lay_out_set(&dbt->wide[half], room, slots);
    for (unsigned n = 0; n < 2 * DBT_BUCKETS; n++)
        dbt->filled[n & 1][n >> 1].slot = take(room, DBT_BUCKET_ROOM, sizeof(uint32_t));
    dbt->connected.slot = take(room, CONNECTED, sizeof(uint32_t));
}

/* Tables that are filled from their start, or everywhere. A page of the guest is named by a block at least, or was until a
 * block of it is made. */
static void lay_out_tables(struct dbt *dbt, struct room *room)
{
    const size_t slots = DBT_JUMPS + most_slots(dbt);
    const size_t blocks = most(dbt, DBT_BYTES_A_BLOCK);
    for (dbt->hash_bits = 6; 1ull << dbt->hash_bits < blocks;)
        dbt->hash_bits++;
    dbt->sites = take(room, slots, sizeof(dbt->sites[0]));
    dbt->blocks = take(room, blocks, sizeof(dbt->blocks[0]));
    dbt->links = take(room, DBT_JUMPS + most(dbt, DBT_BYTES_A_LINK), sizeof(dbt->links[0]));
    dbt->hash = take(room, 1ull << dbt->hash_bits, sizeof(dbt->hash[0]));
    dbt->page_bits = dbt->hash_bits > PAGE_BITS + 6 ? dbt->hash_bits - 6 : PAGE_BITS;
    dbt->page_hash = take(room, 1ull << dbt->page_bits, sizeof(dbt->page_hash[0]));
    dbt->page_room = (uint32_t)blocks + 1;
    dbt->pages = take(room, dbt->page_room, sizeof(dbt->pages[0]));
}

static int create_tables(struct dbt *dbt)
{
    struct room lists = {NULL, 0}, tables = {NULL, 0};
    lay_out_lists(dbt, &lists);
    lay_out_tables(dbt, &tables);
    const size_t size = lists.size + HOST_LARGE + tables.size;
    void *base =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -ENOMEM;
    dbt->tables = base;
    dbt->tables_size = size;
    uint8_t *behind = (uint8_t *)base + lists.size;
    behind += -(uintptr_t)behind & (HOST_LARGE - 1);
    ask_for_large(behind, tables.size);
    lay_out_lists(dbt, &(struct room){base, 0});
    lay_out_tables(dbt, &(struct room){behind, 0});
    return 0;
}

int dbt_code_create(struct dbt *dbt)
{
    const uint32_t wanted = dbt->cpu->sys->knobs.code_size;
    dbt->code_size = wanted ? wanted : DBT_CODE_SIZE;
    const int fd = memfd_create("pomona-code", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int status = map_code(dbt, fd);
    close(fd);
    return status ? status : create_tables(dbt);
}

void dbt_code_destroy(struct dbt *dbt)
{
    if (dbt->hot)
        munmap(dbt->hot, hot_size(dbt) + dbt->code_size);
    if (dbt->code_write)
        munmap(dbt->code_write, dbt->code_size);
    if (dbt->tables)
        munmap(dbt->tables, dbt->tables_size);
}

/* ---- links ---- */

uint32_t dbt_add_link(struct dbt *dbt, const struct dbt_link *link)
{
    struct dbt_part *links = &dbt->now->links;
    if (links->count == links->limit)
        return UINT32_MAX;
    dbt->links[links->count] = *link;
    return links->count++;
}

/* Takes LINK off its target's list. */
static void leave_target(struct dbt *dbt, struct dbt_link *link)
{
    if (!link->target)
        return;
    if (link->previous)
        dbt->links[link->previous - 1].next = link->next;
    else
        dbt->blocks[link->target - 1].ways = link->next;
    if (link->next)
        dbt->links[link->next - 1].previous = link->previous;
    link->target = link->next = link->previous = 0;
}

static void join_target(struct dbt *dbt, uint32_t number, struct dbt_block *block)
{
    struct dbt_link *link = &dbt->links[number];
    leave_target(dbt, link);
    link->target = (uint32_t)(block - dbt->blocks) + 1;
    link->next = block->ways;
    if (block->ways)
        dbt->links[block->ways - 1].previous = number + 1;
    block->ways = number + 1;
}

/* What a target must keep for the fast way. */
static uint64_t needs(const struct dbt_link *link)
{
    const uint64_t operands = 1ull << link->first | 1ull << link->second;
    return (operands & ~(1ull << 31)) | DBT_SETS_FLAGS;
}

void dbt_connect(struct dbt *dbt, uint32_t number, struct dbt_block *block)
{
    const struct dbt_link *link = &dbt->links[number];
    join_target(dbt, number, block);
    const bool saves = link->save && needs(link) & ~block->kept;
    const uint32_t target = block->code + (link->forward ? block->head : 0);
    dbt_link_jump(dbt, saves ? link->slot : link->jump, target);
}

static uint64_t entry_of(const struct dbt *dbt, const struct dbt_block *block)
{
    return (uint64_t)(uintptr_t)dbt->code + block->code;
}

static void cut_slot(struct dbt *dbt, struct dbt_link *link)
{
    link->noted = false;
    if (link->jump || !link->target)
        return;
    dbt_empty_slots(dbt, link->slot, link->slot + 1);
    leave_target(dbt, link);
}

void dbt_leave_pages(struct dbt *dbt)
{
    struct dbt_log *log = &dbt->connected;
    for (uint32_t i = 0; i < log->count; i++)
        cut_slot(dbt, &dbt->links[log->slot[i]]);
    log->count = 0;
}

/* Where there are too many, they are cut now, so that no cut costs more than what was connected. */
static void note_connected(struct dbt *dbt, uint32_t number)
{
    struct dbt_log *log = &dbt->connected;
    if (dbt->links[number].noted)
        return;
    if (log->count == CONNECTED)
        dbt_leave_pages(dbt);
    dbt->links[number].noted = true;
    log->slot[log->count++] = number;
}

void dbt_connect_slot(struct dbt *dbt, uint32_t number, struct dbt_block *block, struct dbt_slot value,
                      bool global)
{
    note_connected(dbt, number);
    join_target(dbt, number, block);
    value.value = entry_of(dbt, block);
    dbt_fill(dbt, &dbt->hot->slot[dbt->links[number].slot], value.tag, value, global);
}

static void disconnect(struct dbt *dbt, const struct dbt_link *link)
{
    dbt_link_jump(dbt, link->jump, link->slot - link->save);
    if (link->save)
        dbt_link_jump(dbt, link->slot, link->slot); /* the one right before it */
}

void dbt_cut_jump(struct dbt *dbt, uint32_t number)
{
    struct dbt_link *link = &dbt->links[number];
    disconnect(dbt, link);
    leave_target(dbt, link);
}

uint32_t dbt_links_end(const struct dbt *dbt, uint32_t number)
{
    const struct dbt_region *region = dbt->region;
    while (number >= region->blocks.limit)
        region++;
    return number + 1 < region->blocks.count ? dbt->blocks[number + 1].links : region->links.count;
}

void dbt_cut_off(struct dbt *dbt, struct dbt_block *block)
{
    while (block->ways) {
        struct dbt_link *link = &dbt->links[block->ways - 1];
        if (link->jump)
            disconnect(dbt, link);
        else if (dbt->hot->slot[link->slot].value == entry_of(dbt, block))
            dbt_empty_slots(dbt, link->slot, link->slot + 1);
        leave_target(dbt, link);
    }
}

/* ---- blocks ---- */

static uint32_t *bucket_of(struct dbt *dbt, uint64_t pa, unsigned mode)
{
    const uint64_t key = (pa >> 2) ^ (uint64_t)mode << 32;
    return &dbt->hash[key * 0x9e3779b97f4a7c15ull >> (64 - dbt->hash_bits)];
}

/* The first of the blocks from index I - 1 on in a hash chain that is for PA and MODE. */
static struct dbt_block *find_from(const struct dbt *dbt, uint32_t i, uint64_t pa, unsigned mode)
{
    for (; i; i = dbt->blocks[i - 1].next) {
        struct dbt_block *block = &dbt->blocks[i - 1];
        if (block->pa == pa && block->mode == mode)
            return block;
    }
    return NULL;
}

void dbt_find_soon(struct dbt *dbt, uint64_t pa, unsigned mode)
{
    __builtin_prefetch(bucket_of(dbt, pa, mode));
}

struct dbt_block *dbt_find(struct dbt *dbt, uint64_t pa, unsigned mode)
{
    return find_from(dbt, *bucket_of(dbt, pa, mode), pa, mode);
}

struct dbt_block *dbt_find_next(struct dbt *dbt, const struct dbt_block *block)
{
    return find_from(dbt, block->next, block->pa, block->mode);
}

void dbt_hash_block(struct dbt *dbt, struct dbt_block *block)
{
    uint32_t *bucket = bucket_of(dbt, block->pa, block->mode);
    block->next = *bucket;
    *bucket = (uint32_t)(block - dbt->blocks) + 1;
}

void dbt_unhash_block(struct dbt *dbt, const struct dbt_block *block)
{
    const uint32_t number = (uint32_t)(block - dbt->blocks) + 1;
    uint32_t *link = bucket_of(dbt, block->pa, block->mode);
    while (*link != number)
        link = &dbt->blocks[*link - 1].next;
    *link = block->next;
}

void dbt_join_page(struct dbt *dbt, struct dbt_page *page, struct dbt_block *block,
                   const uint32_t *words)
{
    block->page = (uint32_t)(page - dbt->pages);
    block->page_next = page->blocks;
    page->blocks = (uint32_t)(block - dbt->blocks) + 1;
    dbt_page_note(page, (block->pa & A64_PAGE_MASK) / 4, words, block->count);
    dbt_hash_block(dbt, block);
}

struct dbt_block *dbt_add_block(struct dbt *dbt, struct dbt_page *page, uint64_t pa, unsigned mode,
                                const uint32_t *words, unsigned count, uint32_t links)
{
    struct dbt_part *blocks = &dbt->now->blocks;
    if (blocks->count == blocks->limit)
        return NULL;
    struct dbt_block *block = &dbt->blocks[blocks->count++];
    *block = (struct dbt_block){
        .pa = pa, .mode = (uint16_t)mode, .count = (uint8_t)count, .links = links};
    dbt_join_page(dbt, page, block, words);
    return block;
}

void dbt_drop_block(struct dbt *dbt, struct dbt_block *block)
{
    dbt_unhash_block(dbt, block);
    dbt_cut_off(dbt, block);
    block->count = 0;
}

/* ---- regions ---- */

static struct dbt_part part(unsigned n, unsigned count, size_t before, size_t all)
{
    const uint32_t size = (uint32_t)(all / count), first = (uint32_t)before + n * size;
    return (struct dbt_part){first, first, first + size};
}

static void begin_region(struct dbt_region *region)
{
    region->code = region->start;
    region->cold = region->cold_start;
    region->literals = region->end;
    region->blocks.count = region->blocks.first;
    region->links.count = region->links.first;
    region->slots.count = region->slots.first;
}

void dbt_code_begin(struct dbt *dbt)
{
    const unsigned many = (unsigned)(dbt->code_size / DBT_REGION_LEAST);
    const unsigned count = many < 2 ? 1 : many < DBT_REGIONS ? many : DBT_REGIONS;
    const size_t size = dbt->code_size / count & ~(size_t)63;
    dbt->region_count = count;
    for (unsigned n = 0; n < count; n++) {
        struct dbt_region *region = &dbt->region[n];
        region->start = n ? n * size : dbt->stubs_end;
        region->end = (n + 1) * size;
        region->cold_start = region->start + ((region->end - region->start) / 12 * 7 & ~(size_t)63);
        region->blocks = part(n, count, 0, most(dbt, DBT_BYTES_A_BLOCK));
        region->links = part(n, count, DBT_JUMPS, most(dbt, DBT_BYTES_A_LINK));
        region->slots = part(n, count, DBT_JUMPS, most_slots(dbt));
        region->ready[DBT_FRONT_CODE] = region->start;
        region->ready[DBT_FRONT_COLD] = region->cold_start;
        region->ready[DBT_FRONT_LITERALS] = region->end;
        begin_region(region);
    }
    for (uint32_t n = 0; n < DBT_JUMPS; n++)
        dbt->links[n] = (struct dbt_link){.slot = n};
    dbt_empty_slots(dbt, 0, DBT_JUMPS);
    dbt->now = dbt->region;
}

static void empty_region(struct dbt *dbt, struct dbt_region *region)
{
    dbt->evictions++;
    dbt->stats[STAT_EVICTIONS]++;
    for (uint32_t i = region->blocks.first; i < region->blocks.count; i++)
        if (dbt->blocks[i].count) {
            dbt_drop_block(dbt, &dbt->blocks[i]);
            dbt->stats[STAT_EVICTED]++;
        }
    for (uint32_t i = region->blocks.first; i < region->blocks.count; i++)
        if (!dbt_is_asleep(&dbt->blocks[i]))
            dbt_page_sweep(dbt, &dbt->pages[dbt->blocks[i].page]);
    for (uint32_t i = region->links.first; i < region->links.count; i++)
        leave_target(dbt, &dbt->links[i]);
    dbt_empty_slots(dbt, region->slots.first, region->slots.count);
    begin_region(region);
}

void dbt_next_region(struct dbt *dbt)
{
    const unsigned next = (unsigned)(dbt->now - dbt->region) + 1;
    dbt->now = &dbt->region[next < dbt->region_count ? next : 0];
    if (dbt->now->blocks.count != dbt->now->blocks.first || dbt->now->code != dbt->now->start)
        empty_region(dbt, dbt->now);
}

void dbt_flush(struct dbt *dbt)
{
    for (unsigned n = 0; n < dbt->region_count; n++)
        empty_region(dbt, &dbt->region[n]);
    dbt->now = dbt->region;
    dbt_forget_addresses(dbt);
    memset(dbt->flips, 0, sizeof(dbt->flips));
}
