/* SPDX-License-Identifier: MIT */
/* From guest words to a block: which instructions it has, and where it ends.
 *
 * A block is a straight run inside one 4 KiB page, over conditional branches, up to the first instruction
 * that always goes elsewhere, or in front of a loop that is run in strips. Its words are read once, here; what they were is kept with the page, so that
 * a change is noticed. */

#include "internal.h"

#include "../a64/system.h"
#include "a64_exec.h"
#include "x86_64/lower.h"

bool dbt_is_conditional(const struct a64_insn *insn)
{
    switch (insn->row == A64_ROW_NONE ? A64_EXEC_none : a64_exec_ids[insn->row]) {
    case A64_EXEC_b_cond:
        return (insn->word & 15) < 14;
    case A64_EXEC_cbz_w:
    case A64_EXEC_cbz_x:
    case A64_EXEC_cbnz_w:
    case A64_EXEC_cbnz_x:
    case A64_EXEC_tbz:
    case A64_EXEC_tbnz:
        return true;
    }
    return false;
}

static inline const struct a64_insn *find_decoded(struct dbt *dbt, uint32_t word)
{
    struct a64_insn *known = &dbt->decoded[(word * 0x9e3779b1u >> 16) % DBT_DECODED];
    if (known->word != word || !known->exec)
        a64_insn_meet(dbt->cpu, known, word);
    return known;
}

const struct a64_insn *dbt_decode(struct dbt *dbt, uint32_t word)
{
    return find_decoded(dbt, word);
}

/* Whether the instructions from FIRST to LAST, which branches back there, are a loop that may be run in strips: see
 * x86_64/lower_loop.c. */
static bool is_loop(const struct lower *l, unsigned first, unsigned last)
{
    unsigned accesses = 0;
    for (unsigned i = first; i < last; i++) {
        const uint32_t flags = l->insn[i].flags;
        if (flags & (A64_F_END | A64_F_SYS))
            return false;
        accesses += !!(flags & (A64_F_MR | A64_F_MW));
    }
    return accesses;
}

/* Decodes the block whose first word is word FIRST of the page at HOST. */
static void decode(struct dbt *dbt, struct lower *l, unsigned first, const uint32_t *host,
                   uint32_t *words)
{
    const unsigned left = 1024 - first, limit = left < DBT_MAX_INSNS ? left : DBT_MAX_INSNS;
    unsigned count = 0;
    for (bool ends = false; count < limit && !ends; count++) {
        const struct a64_insn *insn = find_decoded(dbt, a64_code_word(&host[first + count]));
        words[count] = insn->word;
        if (insn->row + 1u == dbt->cpu->sys->knobs.plant)
            insn = find_decoded(dbt, insn->word ^ 1);
        l->insn[count] = *insn;
        ends = insn->flags & A64_F_END && !dbt_is_conditional(insn); /* as all undefined ones are */
        const int64_t to = (int64_t)insn->imm / 4 + count;
        if (insn->flags & A64_F_END && !ends && to > 0 && to <= count && is_loop(l, (unsigned)to, count)) {
            l->count = (unsigned)to;
            return;
        }
    }
    l->count = count;
}

struct dbt_page *dbt_page_for(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned first,
                              const uint32_t *words, unsigned count)
{
    struct dbt_page *page = dbt_page(dbt, pa & ~A64_PAGE_MASK, host);
    if (page && dbt_page_differs(page, first, words, count))
        dbt_revalidate(dbt, page);
    return page;
}

/* Emits the block of L, or, into a code memory too small for it, the first part of it. False: none of it fits. */
static bool emit(struct dbt *dbt, struct lower *l)
{
    if (dbt_lower(dbt, l))
        return true;
    for (dbt_next_region(dbt); !dbt_lower(dbt, l); l->count /= 2)
        if (l->count == 1)
            return false;
    return true;
}

static void count(struct dbt *dbt, unsigned insns, size_t code, size_t cold, uint64_t start)
{
    dbt->stats[STAT_BLOCKS]++;
    dbt->stats[STAT_INSNS] += insns;
    dbt->stats[STAT_GUEST_BYTES] += insns * 4;
    dbt->stats[STAT_CODE_BYTES] += code;
    dbt->stats[STAT_COLD_BYTES] += cold;
    dbt->stats[STAT_NANOSECONDS] += target_clock() - start;
}

static void begin(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode, uint32_t *words)
{
    struct lower *l = dbt->lower;
    l->mode = mode;
    l->pa = pa;
    l->host = host;
    l->offset = (uint32_t)(pa & A64_PAGE_MASK);
    decode(dbt, l, l->offset / 4, host, words);
}

uint32_t dbt_translate_first(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode, unsigned insns)
{
    struct lower *l = dbt->lower;
    uint32_t words[DBT_MAX_INSNS];
    begin(dbt, pa, host, mode, words);
    if (insns > l->count)
        return 0;
    l->count = insns;
    return emit(dbt, l) && l->count == insns ? (uint32_t)l->start : 0;
}

struct dbt_block *dbt_translate(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode)
{
    const uint64_t start = target_clock();
    struct lower *l = dbt->lower;
    uint32_t words[DBT_MAX_INSNS];
    const unsigned first = (pa & A64_PAGE_MASK) / 4;
    begin(dbt, pa, host, mode, words);
    if (!emit(dbt, l))
        return NULL;
    struct dbt_page *page = dbt_page_for(dbt, pa, host, first, words, l->count);
    struct dbt_block *block = page ? dbt_add_block(dbt, page, pa, mode, words, l->count, l->before.links.count) : NULL;
    if (!block)
        return NULL;
    const size_t size = dbt->now->code - l->before.code; /* with what it begins behind */
    block->code = (uint32_t)l->start;
    block->code_size = (uint32_t)(dbt->now->code - l->start);
    block->kept = lower_kept_registers(l);
    block->head = l->head;
    dbt_perf_block(dbt, block, l->before.cold, dbt->now->cold - l->before.cold);
    count(dbt, l->count, size, dbt->now->cold - l->before.cold, start);
    return block;
}
