/* SPDX-License-Identifier: MIT */
/* Blocks of an earlier run: they sleep until memory holds their words where somebody wants to go.
 *
 * A sleeping block is in the hash table under a key of its first words and its place in a page, not
 * under an address: nobody finds it, and no page knows of it. It wakes when a block is looked for
 * that is not there, and all of its words are in memory, in the same place of whatever page. Its
 * jumps inside the page lead where they led: what sleeps there wakes with it, if its words are in
 * memory too; a jump to what does not is undone. So each jump leads to code of words that have been
 * compared, and most of those that will be taken need not be made again. Slots, for other pages and
 * accesses, begin empty.
 *
 * Blocks of this run whose words memory has lost fall asleep too, for the next run: a kernel patches
 * itself as it boots, and begins with the same words each time. */

#include <stdlib.h>

#include "kept.h"

/* ---- keys ---- */

static unsigned first_word(const struct dbt_block *block)
{
    return (block->pa & A64_PAGE_MASK) / 4;
}

/* Of a block of COUNT words in word PLACE of a page: what is told by the first two. */
static uint64_t key_of(unsigned place, const uint32_t *words, unsigned count)
{
    uint64_t key = words[0] | (uint64_t)(count > 1 ? words[1] : ~0u) << 32;
    key = (key ^ key >> 29 ^ place) * 0x9e3779b97f4a7c15ull;
    return DBT_ASLEEP | (key >> 1 & ~A64_PAGE_MASK) | place * 4;
}

/* ---- to sleep ---- */

static const uint32_t *words_of(const struct dbt *dbt, const struct dbt_block *block)
{
    if (dbt_is_asleep(block))
        return &dbt->kept->bed.words[block->page];
    return &dbt->pages[block->page].words[first_word(block)];
}

static void note_rows(const struct dbt *dbt, const struct dbt_block *block, uint16_t *rows)
{
    struct a64_insn insn;
    if (dbt_is_asleep(block)) {
        memcpy(rows, &dbt->kept->bed.rows[block->page], block->count * sizeof(*rows));
        return;
    }
    for (unsigned i = 0; i < block->count; i++) {
        a64_insn_decode(&insn, words_of(dbt, block)[i], &dbt->cpu->feat);
        rows[i] = insn.row;
    }
}

static void fall_asleep(struct dbt_block *block, const uint32_t *words)
{
    if (dbt_is_asleep(block))
        return;
    block->page_next = (uint32_t)(block->pa >> A64_PAGE_SHIFT);
    block->pa = key_of(first_word(block), words, block->count);
}

/* Calls MET with each block. */
static void each_block(struct dbt *dbt, void (*met)(struct dbt *, struct dbt_block *, void *ctx),
                       void *ctx)
{
    for (unsigned n = 0; n < dbt->region_count; n++) {
        const struct dbt_part *blocks = &dbt->region[n].blocks;
        for (uint32_t i = blocks->first; i < blocks->count; i++)
            if (dbt->blocks[i].count)
                met(dbt, &dbt->blocks[i], ctx);
    }
}

bool dbt_make_bed(struct dbt_bed *bed, uint32_t room)
{
    uint32_t *words = realloc(bed->words, (room + 1) * sizeof(*words));
    if (words)
        bed->words = words;
    uint16_t *rows = realloc(bed->rows, (room + 1) * sizeof(*rows));
    if (rows)
        bed->rows = rows;
    if (words && rows)
        bed->room = room;
    return words && rows;
}

void dbt_free_bed(struct dbt_bed *bed)
{
    free(bed->words);
    free(bed->rows);
    *bed = (struct dbt_bed){.count = 0};
}

static void count_words(struct dbt *dbt, struct dbt_block *block, void *ctx)
{
    *(uint32_t *)ctx += block->count;
}

/* CTX: the bed, which has room. */
static void put_to_sleep(struct dbt *dbt, struct dbt_block *block, void *ctx)
{
    struct dbt_bed *bed = ctx;
    uint32_t *words = &bed->words[bed->count];
    memcpy(words, words_of(dbt, block), block->count * sizeof(*words));
    note_rows(dbt, block, &bed->rows[bed->count]);
    fall_asleep(block, words);
    block->page = bed->count;
    bed->count += block->count;
}

bool dbt_sleep_all(struct dbt *dbt)
{
    struct dbt_bed bed = {.count = 0};
    uint32_t count = 0;
    each_block(dbt, count_words, &count);
    if (!dbt_make_bed(&bed, count)) {
        dbt_free_bed(&bed);
        return false;
    }
    each_block(dbt, put_to_sleep, &bed);
    dbt_free_bed(&dbt->kept->bed);
    dbt->kept->bed = bed;
    return true;
}

/* So many words of blocks may fall asleep in a run; the bed grows by so many. */
#define DOZE_MOST (256u << 10)
#define DOZE_STEP (16u << 10)

bool dbt_doze(struct dbt *dbt, struct dbt_block *block)
{
    struct dbt_kept *kept = dbt->kept;
    if (!kept || kept->dozed + block->count > DOZE_MOST)
        return false;
    struct dbt_bed *bed = &kept->bed;
    if (bed->count + block->count > bed->room && !dbt_make_bed(bed, bed->count + DOZE_STEP))
        return false;
    dbt_unhash_block(dbt, block);
    dbt_cut_off(dbt, block);
    put_to_sleep(dbt, block, bed);
    dbt_hash_block(dbt, block);
    kept->dozed += block->count;
    return true;
}

static void enter(struct dbt *dbt, struct dbt_block *block, void *ctx)
{
    dbt_hash_block(dbt, block);
}

void dbt_enter_sleeping(struct dbt *dbt)
{
    each_block(dbt, enter, NULL);
}

/* ---- to wake ---- */

static bool is_in(const struct dbt *dbt, const struct dbt_block *block, const uint32_t *host)
{
    const uint32_t *words = words_of(dbt, block);
    const unsigned first = first_word(block);
    for (unsigned i = 0; i < block->count; i++)
        if (a64_code_word(&host[first + i]) != words[i])
            return false;
    return true;
}

/* The sleeping block of KEY for MODE whose words the page at HOST holds; rather one that was in the
 * page of this number before. NULL: none. */
static struct dbt_block *find(struct dbt *dbt, uint64_t key, unsigned mode, const uint32_t *host,
                              uint32_t page)
{
    struct dbt_block *found = NULL;
    for (struct dbt_block *block = dbt_find(dbt, key, mode); block;
         block = dbt_find_next(dbt, block)) {
        __builtin_prefetch(&dbt->kept->bed.rows[block->page]);
        __builtin_prefetch(&dbt->links[block->links]);
        if (found && block->page_next != page)
            continue;
        if (!is_in(dbt, block, host))
            continue;
        found = block;
        if (block->page_next == page)
            break;
    }
    return found;
}

/* As if the instructions had been decoded to be executed. */
static void meet(struct a64_system *sys, const uint16_t *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i] != A64_ROW_NONE &&
            !atomic_load_explicit(&sys->row_met[rows[i]], memory_order_relaxed))
            atomic_store_explicit(&sys->row_met[rows[i]], true, memory_order_relaxed);
}

static void wake(struct dbt *dbt, struct dbt_page *page, struct dbt_block *block)
{
    const uint32_t words = block->page;
    const unsigned first = first_word(block);
    __builtin_prefetch(dbt->code + block->code);
    __builtin_prefetch(dbt->code + block->code + 64);
    meet(dbt->cpu->sys, &dbt->kept->bed.rows[words], block->count);
    dbt_unhash_block(dbt, block);
    block->pa = page->pa + first * 4;
    dbt_join_page(dbt, page, block, &dbt->kept->bed.words[words]);
    dbt_perf_block(dbt, block, 0, 0);
    dbt->stats[STAT_TAKEN]++;
    dbt->stats[STAT_TAKEN_INSNS] += block->count;
}

/* Blocks that are awake but whose links have not been followed. */
struct awake {
    uint32_t number[1024];
    unsigned count;
};

/* Whether a jump in PAGE may lead to BLOCK, which wakes for that if it sleeps. */
static bool may_lead_to(struct dbt *dbt, struct dbt_page *page, struct dbt_block *block,
                        struct awake *awake)
{
    if (!dbt_is_asleep(block))
        return &dbt->pages[block->page] == page;
    dbt_find_soon(dbt, block->pa, block->mode); /* where it is now, and will be */
    dbt_find_soon(dbt, page->pa + first_word(block) * 4, block->mode);
    if (awake->count == sizeof(awake->number) / sizeof(awake->number[0]) ||
        !is_in(dbt, block, page->host) ||
        dbt_page_differs(page, first_word(block), words_of(dbt, block), block->count))
        return false;
    wake(dbt, page, block);
    awake->number[awake->count++] = (uint32_t)(block - dbt->blocks);
    return true;
}

static void follow_link(struct dbt *dbt, struct dbt_page *page, uint32_t number,
                        struct awake *awake)
{
    const struct dbt_link *link = &dbt->links[number];
    if (!link->jump)
        dbt_empty_slots(dbt, link->slot, link->slot + 1);
    else if (link->target && !may_lead_to(dbt, page, &dbt->blocks[link->target - 1], awake))
        dbt_cut_jump(dbt, number);
}

struct dbt_block *dbt_wake(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode)
{
    const unsigned place = (pa & A64_PAGE_MASK) / 4;
    const uint32_t words[2] = {a64_code_word(&host[place]),
                               a64_code_word(&host[place + 1 < 1024 ? place + 1 : place])};
    struct dbt_block *block = NULL;
    for (unsigned count = 2; count && !block; count--)
        block =
            find(dbt, key_of(place, words, count), mode, host, (uint32_t)(pa >> A64_PAGE_SHIFT));
    struct dbt_page *page =
        block ? dbt_page_for(dbt, pa, host, place, words_of(dbt, block), block->count) : NULL;
    if (!page)
        return NULL;
    struct awake awake = {.number = {(uint32_t)(block - dbt->blocks)}, .count = 1};
    wake(dbt, page, block);
    while (awake.count) {
        const uint32_t number = awake.number[--awake.count];
        const uint32_t last = dbt_links_end(dbt, number);
        for (uint32_t i = dbt->blocks[number].links; i < last; i++)
            if (dbt->links[i].target)
                __builtin_prefetch(&dbt->blocks[dbt->links[i].target - 1]);
        for (uint32_t i = dbt->blocks[number].links; i < last; i++)
            follow_link(dbt, page, i, &awake);
    }
    return block;
}
