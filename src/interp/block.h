/* SPDX-License-Identifier: MIT */
#ifndef POMONA_INTERP_BLOCK_H
#define POMONA_INTERP_BLOCK_H

/* Decoded blocks of one CPU: straight runs of instructions inside one 4 KiB page, found by the
 * physical address of their first word. No locks: nobody but the CPU's own thread sees them. */

#include "../a64/decode.h"
#include "../a64/mmu.h"
#include "../a64/system.h"

#define BLOCK_MAX_INSNS  48
#define BLOCK_HASH_BITS  14
#define BLOCK_SUCCESSORS 4
/* The pa of a block that another one has replaced. */
#define BLOCK_STALE (~0ull)

struct block {
    uint64_t pa;
    uint64_t generation; /* of the system's code when the words were last compared */
    struct block *chain; /* next of its hash bucket */
    struct block
        *next[BLOCK_SUCCESSORS]; /* who ran after it, by bits 3..2 of the address: a hint */
    uint32_t count;
    struct a64_insn insn[];
};

/* The interpreter's state behind cpu->engine. */
struct interp {
    struct block *hash[1 << BLOCK_HASH_BITS];
    unsigned char
        *arena; /* blocks stand here one after the other; when it is full all are dropped */
    size_t used;
    struct block *entry; /* no block: stands before the first one of a run, at the arena's start */
};

/* Slow path of block_next(): translates cpu->pc, finds or decodes the block, makes it a successor
 * of FROM. NULL: cpu->exc holds an instruction abort or a PC alignment fault. */
struct block *block_find(struct a64_cpu *cpu, struct interp *interp, struct block *from);

/* The block at cpu->pc, after FROM. The hint counts only where the TLB still maps PC to the block's
 * physical address and no code changed since, so following it is exactly as right as looking it up.
 */
static inline struct block *block_next(struct a64_cpu *cpu, struct interp *interp,
                                       struct block *from)
{
    const uint64_t pc = cpu->pc, ctx = cpu->mmu->ctx_fetch;
    const struct a64_tlb_entry *entry = a64_tlb_slot(cpu->mmu, pc, ctx);
    struct block *block = from->next[pc >> 2 & (BLOCK_SUCCESSORS - 1)];
    if (__builtin_expect(entry->exec == ((pc & ~A64_PAGE_MASK) | ctx) && block &&
                             block->pa == (entry->pa | (pc & A64_PAGE_MASK)) &&
                             block->generation == atomic_load_explicit(&cpu->sys->code_generation,
                                                                       memory_order_acquire),
                         1))
        return block;
    return block_find(cpu, interp, from);
}

#endif
