/* SPDX-License-Identifier: MIT */
/* The cache of decoded blocks.
 *
 * A block is found by physical address, so it survives every change of translation, and it is
 * trusted only as long as the system's code generation stands still. When the generation moves (the
 * guest's IC, a host write, a change of the memory map) each block compares its words with memory
 * the next time it is looked up, which makes an IC free of any search. Storage is one arena that is
 * dropped as a whole when it is full: simpler than any replacement, and decoding again is cheap. */

#include "block.h"

#include <errno.h>
#include <stdlib.h>

#include "../a64/exception.h"
#include "interp.h"

#define ARENA_SIZE (16u << 20)

static void drop_all(struct interp *interp)
{
    memset(interp->hash, 0, sizeof(interp->hash));
    interp->entry = (struct block *)interp->arena;
    *interp->entry = (struct block){.pa = BLOCK_STALE};
    interp->used = sizeof(*interp->entry);
}

int interp_init(struct a64_cpu *cpu)
{
    struct interp *interp = calloc(1, sizeof(*interp));
    if (!interp)
        return -ENOMEM;
    interp->arena = malloc(ARENA_SIZE);
    if (!interp->arena) {
        free(interp);
        return -ENOMEM;
    }
    drop_all(interp);
    cpu->engine = interp;
    return 0;
}

void interp_free(struct a64_cpu *cpu)
{
    struct interp *interp = cpu->engine;
    if (interp)
        free(interp->arena);
    free(interp);
    cpu->engine = NULL;
}

static struct block **bucket_of(struct interp *interp, uint64_t pa)
{
    return &interp
                ->hash[((pa >> 2) ^ (pa >> (2 + BLOCK_HASH_BITS))) & ((1u << BLOCK_HASH_BITS) - 1)];
}

/* Decodes the block at PA whose words are at HOST. There is room for it. */
static struct block *decode(struct a64_cpu *cpu, struct interp *interp, uint64_t pa,
                            const uint32_t *host, uint64_t generation)
{
    struct block *block = (struct block *)(interp->arena + interp->used);
    const unsigned left = (unsigned)((A64_PAGE_MASK + 1 - (pa & A64_PAGE_MASK)) / 4);
    const unsigned limit = left < BLOCK_MAX_INSNS ? left : BLOCK_MAX_INSNS;
    *block = (struct block){.pa = pa, .generation = generation};
    while (block->count < limit) {
        struct a64_insn *insn = &block->insn[block->count];
        a64_insn_meet(cpu, insn, a64_code_word(&host[block->count]));
        block->count++;
        if (insn->flags & A64_F_END)
            break;
    }
    interp->used += sizeof(*block) + block->count * sizeof(block->insn[0]);
    return block;
}

static bool same_words(const struct block *block, const uint32_t *host)
{
    for (unsigned k = 0; k < block->count; k++) {
        if (block->insn[k].word != a64_code_word(&host[k]))
            return false;
    }
    return true;
}

/* The valid block at PA, or NULL; one whose words have changed is taken out. */
static struct block *look_up(struct interp *interp, uint64_t pa, const uint32_t *host,
                             uint64_t generation)
{
    for (struct block **link = bucket_of(interp, pa); *link; link = &(*link)->chain) {
        struct block *block = *link;
        if (block->pa != pa)
            continue;
        if (block->generation == generation || same_words(block, host)) {
            block->generation = generation;
            return block;
        }
        block->pa = BLOCK_STALE;
        *link = block->chain;
        return NULL;
    }
    return NULL;
}

/* Host address of the word at cpu->pc. NULL: cpu->exc says why not. */
static const uint32_t *fetch(struct a64_cpu *cpu, uint64_t *pa)
{
    bool guarded;
    const uint32_t *host = NULL;
    if (cpu->pc & 3)
        a64_raise_far(cpu, A64_EC_PC_ALIGN, 0, cpu->pc, 0);
    else
        host = a64_fetch_host(cpu, cpu->pc, pa, &guarded);
    if (!host && cpu->watch & A64_F_ANY)
        a64_check_step(cpu);
    return host;
}

struct block *block_find(struct a64_cpu *cpu, struct interp *interp, struct block *from)
{
    uint64_t pa;
    /* Before the words are read: a change that comes in between is seen next time. */
    const uint64_t generation = atomic_load(&cpu->sys->code_generation);
    const uint32_t *host = fetch(cpu, &pa);
    if (!host)
        return NULL;
    struct block *block = look_up(interp, pa, host, generation);
    if (!block) {
        if (ARENA_SIZE - interp->used < sizeof(*block) + BLOCK_MAX_INSNS * sizeof(block->insn[0])) {
            drop_all(interp);
            from = interp->entry;
        }
        block = decode(cpu, interp, pa, host, generation);
        struct block **bucket = bucket_of(interp, pa);
        block->chain = *bucket;
        *bucket = block;
    }
    from->next[cpu->pc >> 2 & (BLOCK_SUCCESSORS - 1)] = block;
    return block;
}
