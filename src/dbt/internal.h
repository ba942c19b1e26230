/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_INTERNAL_H
#define POMONA_DBT_INTERNAL_H

/* What the parts of the translator share: the state of one CPU's code cache, its blocks, and the
 * memory that emitted code and C both look at.
 *
 * Every CPU has a cache of its own, touched by its own thread alone, so nothing here is locked. */

#include <stddef.h>
#include <stdio.h>

#include "../a64/cpu.h"
#include "../a64/decode.h"
#include "../a64/mmu.h"
#include "../a64/system.h"
#include "../interp/interp.h"
#include "dbt.h"
#include "slots.h"

#define DBT_MAX_INSNS 64u
#define DBT_JUMPS     16384u        /* entries of the jump cache */
#define DBT_PAGE_WORDS 1024u
#define DBT_CODE_SIZE (48u << 20)
#define DBT_REGIONS   16u
#define DBT_REGION_LEAST (256u << 10) /* bytes of a region, where there are several */
/* So many bytes of code memory make one more block, link, or slot of an access site. */
#define DBT_BYTES_A_BLOCK 256u
#define DBT_BYTES_A_LINK  128u
#define DBT_BYTES_A_SLOT  128u
#define DBT_MOST_SLOTS    (1u << 23) /* whose numbers code can name, see STUB_SIZE_BITS */
#define DBT_CONSTANTS 64           /* of vector code */
#define DBT_DECODED   2048u /* words that are known decoded */

/* Masks and bounds of a floating-point format, in every element of 16 bytes. */
struct dbt_fp_constants {
    uint64_t abs[2], sign[2]; /* all but the sign bit; the sign bit */
    uint64_t lowest_sign[2];  /* of the lowest element alone */
    uint64_t least[2], most[2]; /* the least normal number, the greatest number */
    uint64_t ones[2];
};

#define DBT_STREAMS 6 /* of a loop, at most */
#define DBT_CROSSING 64 /* twice what a plain access of one instruction moves */

/* What emitted code reaches RIP-relative; stands right before the code. */
struct dbt_hot {
    uint64_t page;         /* the virtual page of the block that runs */
    uint32_t mode[4];      /* of blocks that may be entered now, by the BTYPE that a branch sets */
    uint32_t btype;        /* PSTATE.BTYPE as it was before the instruction that a helper was called for */
    uint32_t flags;        /* NZCV as LAHF and SETO leave it in AX, C inverted; see FLAGS_* */
    uint32_t exit;         /* enum dbt_exit */
    uint64_t exit_arg;     /* link or block number */
    uint64_t exit_status;  /* enum a64_status of DBT_EXIT_STATUS */
    const struct a64_insn *insn; /* the one that a helper was called for */
    const void *system_generation; /* the system's code_generation, and the one that blocks are good for */
    uint64_t code_generation;
    uint64_t ctx[2];        /* of data accesses now, and of unprivileged ones */
    uint64_t ctx_offset[2]; /* the same, times the size of a TLB entry */
    const void *tlb;        /* mmu->tlb */
    /* mmu->page from these contexts' places on, and mmu->piece: for reads, for writes too. */
    const void *page_table[2][2], *piece_table[2];
    /* The stack as it was before code was entered, and as it is when no call is on it: see x86_64/lower_go.c. */
    uintptr_t host_stack, frames;
    uint32_t away_before; /* cpu->vectors_away before a helper */
    const struct dbt_slot *missed; /* of the access that the interpreter's function is called for */
    /* MXCSR: what the guest's begins with, as FPCR says; what it was when vectors were left; the
     * host's own. Its exception flags are what FPSR has yet to get: see x86_64/lower_fp.h. */
    uint32_t mxcsr_guest, mxcsr_seen, mxcsr_host;
    uint64_t strip_end; /* of the loop that runs: see x86_64/lower_loop.c */
    uint64_t strip_base[DBT_STREAMS];
    /* Where an access that crosses a page finds its bytes, or leaves them: see split.c. */
    _Alignas(16) uint64_t crossing[DBT_CROSSING / 8];
    uint32_t unordered; /* what FCMP makes of NaNs: see from_float() in x86_64/lower.c */
    _Alignas(16) struct dbt_fp_constants fp[3]; /* half, single, double */
    uintptr_t functions; /* what code names functions of the program from */
    struct dbt_slot *slots; /* `slot` */
    struct dbt_held *held;  /* dbt->held */
    uint64_t refills; /* slots that emitted code filled, if that is counted (a64_knobs.count_refills) */
    union a64_vreg constant[DBT_CONSTANTS]; /* x86_64/vector_constants.c */
    uint32_t estimate[2][256]; /* FRECPE, FRSQRTE: see estimate() in x86_64/lower_simd_fp.c */
    struct dbt_slot slot[]; /* the first DBT_JUMPS are the jump cache */
};

/* Bits of struct dbt_hot's flags. */
#define FLAGS_N     0x8000u
#define FLAGS_Z     0x4000u
#define FLAGS_NOT_C 0x0100u
#define FLAGS_V     0x0001u
/* Or, after a floating-point comparison: LAHF as UCOMIS left it, bits 15..8, of Vn with Vm or, SWAPPED, of Vm
 * with Vn. */
#define FLAGS_UCOMIS         0x0002u
#define FLAGS_UCOMIS_SWAPPED 0x0004u
#define FLAGS_UCOMIS_CF      0x0100u
#define FLAGS_UCOMIS_PF      0x0400u
#define FLAGS_UCOMIS_ZF      0x4000u
/* Or the word of a comparison that makes NZCV (nzcv.c), without its bits 4..0; UNDO: its first operand was overwritten
 * by the result. */
#define FLAGS_AGAIN      0x0008u
#define FLAGS_AGAIN_UNDO 0x0010u

/* Why emitted code came back. */
enum dbt_exit {
    DBT_EXIT_LOOKUP,    /* cpu->pc is where to go on */
    DBT_EXIT_LINK,      /* where the link goes that is exit_arg */
    DBT_EXIT_ATTENTION, /* cpu->attention or the slice's end, before the block at cpu->pc */
    DBT_EXIT_STATUS,    /* a helper returned exit_status for the instruction at cpu->pc */
    DBT_EXIT_FOLLOWED,  /* what a helper returned was followed; cpu->pc is where to go on */
};

/* What a block's code depends on beside its words; the block's mode. */
enum dbt_mode {
    DBT_MODE_EL = 3 << 0,
    DBT_MODE_HOST = 1 << 2,     /* the EL2&0 regime */
    DBT_MODE_PAN = 1 << 3,
    DBT_MODE_UAO = 1 << 4,
    DBT_MODE_NO_FP = 1 << 5,    /* FP instructions are trapped */
    DBT_MODE_SP_BAD = 1 << 6,   /* SP is not aligned where it must be */
    DBT_MODE_ALIGN = 1 << 7,    /* SCTLR.A */
    DBT_MODE_COUNT = 1 << 8,    /* instructions are counted */
    DBT_MODE_BTYPE = 3 << 9,
    DBT_MODE_FPCR = 1 << 11,    /* FPCR wants what the host has not: arithmetic goes to the interpreter */
    DBT_MODE_MANY = 1 << 12,    /* more than one CPU: pairs must be single-copy atomic */
    DBT_MODE_SINGLE = 1 << 15,  /* not of the CPU: each access is checked alone, see x86_64/lower_group.c */
    DBT_MODE_FZ = 1 << 14,      /* FPCR.FZ, and FPSR.IXC is set: see x86_64/lower_fp.h */
};

#define DBT_MODES (1u << 13) /* that differ in what addresses mean */
#define DBT_BTYPE_SHIFT 9

/* With this, what a block depends on: its page is guarded (FEAT_BTI). It follows from the page, so that no jump has
 * to look at it. */
#define DBT_GUARDED (1u << 13)

struct dbt_block {
    uint64_t pa;          /* or what it sleeps under: see kept.h */
    uint16_t mode;
    uint8_t count;        /* instructions; 0: the block was dropped */
    /* How far from the entry it begins behind the look at `attention`, where jumps forward in the page lead; 0: they do not. */
    uint8_t head;
    uint32_t code;        /* offset of its entry */
    uint32_t code_size;   /* without its rare paths */
    uint32_t page;        /* its page's index; a block that was dropped: what was its page */
    uint32_t next;        /* in the hash chain: index + 1 */
    uint32_t page_next;   /* in its page's list: index + 1 */
    uint32_t ways;        /* the links that lead here: the first's index + 1 */
    uint32_t links;       /* its own links, up to the next block's: the first's index */
    /* The guest registers, a bit each, that hold what they held at the entry wherever NZCV as it was there may be looked
     * at, with DBT_SETS_FLAGS if that is only where something rare happens, such as a fault, before it is set anew. */
    uint64_t kept;
};
#define DBT_SETS_FLAGS (1ull << 63)

/* A jump that can be made to lead to a block: of a block into its own page; or of what goes by a slot, into
 * another page or an entry of the jump cache. The first DBT_JUMPS links are those entries'. */
struct dbt_link {
    uint32_t jump; /* offset of the byte behind the 32-bit displacement; 0: slot */
    uint32_t slot; /* a jump: the offset where it leads while it is not linked */
    uint32_t target; /* the block that it leads to, a slot: if it still does: index + 1; 0: none */
    uint32_t next, previous; /* of those with this target: index + 1 */
    uint32_t place : 10; /* the word of its page that it leads to */
    /* If not 0, the jump leads so many bytes before the slot, to code that puts NZCV into memory and a jump of its own behind
     * that; or else to a target that keeps the operands: memory holds FLAGS_AGAIN. */
    uint32_t save : 7;
    uint32_t first : 6, second : 6; /* the guest registers that FLAGS_AGAIN needs; 31: none */
    uint32_t single : 1; /* it leads to a block of DBT_MODE_SINGLE */
    uint32_t forward : 1; /* it leads forward in the page, out of a block that is no loop */
    uint32_t noted : 1;  /* in dbt->connected */
};
#define DBT_SAVE_MOST 127u /* bytes */

/* What was given out of something that a region has a part of. */
struct dbt_part {
    uint32_t first, count, limit; /* index of the first, of the next, of the last + 1 */
};

/* Where a region is filled: upwards, upwards, downwards. */
enum dbt_front {
    DBT_FRONT_CODE,
    DBT_FRONT_COLD,
    DBT_FRONT_LITERALS,
    DBT_FRONTS
};

/* A part of the code memory, which is emptied as a whole: code from its start, rare paths from its middle,
 * constants from its end downwards; with its part of all blocks, links and slots. */
struct dbt_region {
    size_t start, code, cold_start, cold, literals, end; /* offsets */
    size_t ready[DBT_FRONTS]; /* where the pages end that the host has given already */
    struct dbt_part blocks, links, slots;
};

/* A physical page with blocks. */
struct dbt_page {
    uint64_t pa;
    const uint32_t *host; /* its memory; NULL: the page is free */
    uint32_t swept;      /* dbt->evictions when its list was last swept */
    uint64_t epoch;      /* dbt->code_epoch when its words were last compared */
    uint32_t blocks;     /* the first: index + 1 */
    uint32_t next;       /* in the hash chain, or of the free ones: index + 1 */
    uint64_t known[DBT_PAGE_WORDS / 64]; /* a bit a word: it was translated, from `words` */
    uint32_t words[DBT_PAGE_WORDS];
};

/* What the stubs of pointer authentication depend on beside the key (x86_64/pauth.h). */
#define DBT_PAC_PLACES 4

/* What --stats shows; dbt_statistics has the names. */
enum dbt_stat {
    STAT_EXIT_LOOKUP, /* the first are by enum dbt_exit */
    STAT_EXIT_LINK,
    STAT_EXIT_ATTENTION,
    STAT_EXIT_STATUS,
    STAT_EXIT_FOLLOWED,
    STAT_GONE_ON,
    STAT_INTERPRETED,
    STAT_BLOCKS,
    STAT_INSNS,
    STAT_GUEST_BYTES,
    STAT_CODE_BYTES,
    STAT_COLD_BYTES,
    STAT_NANOSECONDS, /* in ticks of target_clock() until it is shown */
    STAT_TAKEN,
    STAT_TAKEN_INSNS,
    STAT_EVICTIONS,
    STAT_EVICTED,
    STAT_FORGETS,
    STAT_FORGETS_LOCAL,
    STAT_FORGETS_RANGE,
    STAT_PAGE_CHECKS,
    STAT_STALE,
    STAT_CHECKED,
    STAT_NOT_CHECKED,
    STAT_REFILLS, /* in dbt_hot, until it is shown */
    STAT_FILL_HITS,
    STAT_FILL_MISSES,
    STAT_TLB_RUNS, /* these two in struct a64_mmu */
    STAT_TLB_WALKS,
    STAT_WINDOWS,
    STAT_WINDOW_PAGES,
    STAT_COUNT
};

struct lower;
struct dbt_kept;

struct dbt {
    struct a64_cpu *cpu;
    void *interp; /* the interpreter's state, for what is not translated */
    struct dbt_hot *hot;
    uint8_t *code;       /* as it executes */
    uint8_t *code_write; /* the same memory, writable */
    size_t code_size;
    bool small_pages;    /* the host has no large ones for it */
    size_t stubs_end; /* the stubs stand at the start of the code */
    struct dbt_region region[DBT_REGIONS], *now; /* and the one that is being filled */
    unsigned region_count;
    struct {
        uintptr_t enter, leave, go_on, attention, link, sp_written, vectors, flags, read_fpsr, clear_mxcsr;
        uintptr_t exec[2], exec_word[2]; /* [1]: of instructions that may look at NZCV */
        uintptr_t indirect[4], other_mode[4]; /* by BTYPE */
        uintptr_t look, returned;
        uintptr_t full, elsewhere[2]; /* x86_64/lower_go.c; [1]: to X30's address */
        uintptr_t sign[DBT_PAC_PLACES][A64_KEY_COUNT], auth[DBT_PAC_PLACES][A64_KEY_COUNT];
        uintptr_t strip[2]; /* [1]: data pointers */
        uintptr_t split[2]; /* [1]: stores */
        /* Of blocks at EL0 and above; [1] last: for addresses that are aligned. */
        uintptr_t fill[2][DBT_FILL_COUNT][2];
        uintptr_t fill_split[2]; /* of reads that may cross a page */
        uintptr_t ask[2][DBT_FILL_COUNT + 1]; /* all these but the aligned ones, which are told the slot's number */
        /* The same of plain loads and stores, by EL0 or above, which the interpreter's function does if need be:
         * x86_64/stubs_fill.c. */
        uintptr_t load[2], store[2], put[2], store_split;
        uintptr_t missed, missed_told[2], look_or_run[2]; /* [1]: of a group's members */
    } stub;
    struct lower *lower; /* what a translation works in */
    struct a64_insn decoded[DBT_DECODED]; /* words met lately; `exec` is NULL: none */
    void *tables;        /* the memory of all that follows */
    size_t tables_size;
    struct dbt_block *blocks;
    struct dbt_link *links;
    struct dbt_page *pages;
    uint32_t page_count, page_room, page_free; /* the first free one: index + 1 */
    uint32_t *page_hash; /* of 2^page_bits: page index + 1 */
    unsigned page_bits;
    uint32_t *hash; /* of 2^hash_bits, by (pa, mode): block index + 1 */
    unsigned hash_bits;
    struct dbt_site *sites; /* by slot */
    uint8_t flips[DBT_FLIPS]; /* by hash of an access's address */
    /* Which slots hold pages that are not the same for all ASIDs, and which hold pages of a hash. Who was
     * filled again or emptied may still be named, and who was emptied for an ASID twice. */
    struct dbt_log filled[2][DBT_BUCKETS];
    struct dbt_set local;
    /* Slots that hold more pages than there are buckets, by half. */
    struct dbt_set wide[2];
    struct dbt_held held;
    struct dbt_windows windows;
    /* The links with slots that were connected since all were cut; some may stand there twice, or for another link that
     * is gone. */
    struct dbt_log connected;
    uint32_t evictions; /* how often a region was emptied: numbers from before are void */
    uint64_t tlb_generation;
    uint64_t entry;      /* where blocks were entered last */
    uint64_t code_epoch; /* grows when any code may have changed */
    uint64_t epoch_local, epoch_global; /* grow when slots and jump cache are emptied */
    /* By mode: the contexts that its slots were filled for in these epochs. */
    struct dbt_contexts {
        uint64_t ctx, ctx_any_asid, epoch_local, epoch_global;
    } ctx[DBT_MODES];
    int8_t vhost[32];    /* host register of V0..V31; -1: in memory */
    uint64_t random; /* of when the cache is emptied for no reason */
    bool avx512;         /* VL, BW, DQ */
    bool avx512vnni, avx512cd, avx512bitalg, gfni, aes, pclmul, sha;
    bool vaes; /* VAES and VPCLMULQDQ, for registers above 15 */
    struct dbt_kept *kept;   /* what is kept from one run to the next; NULL: nothing */
    struct dbt_check *check; /* both engines run; NULL: they do not */
    FILE *perf; /* perf's map; NULL: none */
    uint64_t stats[STAT_COUNT];
    uint64_t began, began_clock; /* in nanoseconds and in ticks of target_clock() */
};

/* ---- code.c ---- */

int dbt_code_create(struct dbt *dbt);
/* The stubs stand: lays out the regions, empty. */
void dbt_code_begin(struct dbt *dbt);
void dbt_code_destroy(struct dbt *dbt);
/* Drops everything but the stubs. */
void dbt_flush(struct dbt *dbt);
/* REGION, which is empty, is filled as far as WITH is, by who reads it from somewhere. */
void dbt_code_fill(struct dbt *dbt, struct dbt_region *region, const struct dbt_region *with);
/* Has the host give pages for the next blocks of the region, in pieces rather than one by one. */
void dbt_code_ready(struct dbt *dbt);
/* Goes on to the next region, with everything in it dropped. */
void dbt_next_region(struct dbt *dbt);
/* The block at PA for MODE; NULL: none. dbt_find_soon() has the host's caches fetch where it is looked for. */
void dbt_find_soon(struct dbt *dbt, uint64_t pa, unsigned mode);
struct dbt_block *dbt_find(struct dbt *dbt, uint64_t pa, unsigned mode);
/* Another block of the same PA and mode as BLOCK; NULL: none. */
struct dbt_block *dbt_find_next(struct dbt *dbt, const struct dbt_block *block);
/* BLOCK is found by its `pa` and mode from now on, or no more. */
void dbt_hash_block(struct dbt *dbt, struct dbt_block *block);
void dbt_unhash_block(struct dbt *dbt, const struct dbt_block *block);
/* BLOCK, of these words, belongs to PAGE from now on, and is found. */
void dbt_join_page(struct dbt *dbt, struct dbt_page *page, struct dbt_block *block,
                   const uint32_t *words);
/* A new block without code of COUNT words in PAGE, with links from LINKS on; NULL: no room in the region. */
struct dbt_block *dbt_add_block(struct dbt *dbt, struct dbt_page *page, uint64_t pa, unsigned mode,
                                const uint32_t *words, unsigned count, uint32_t links);
/* Makes BLOCK unfindable and unreachable, except for its page. */
void dbt_drop_block(struct dbt *dbt, struct dbt_block *block);
/* Nothing leads to BLOCK any more. */
void dbt_cut_off(struct dbt *dbt, struct dbt_block *block);
/* The index of a new link; UINT32_MAX: no room in the region. */
uint32_t dbt_add_link(struct dbt *dbt, const struct dbt_link *link);
/* The index behind the last link of block NUMBER. */
uint32_t dbt_links_end(const struct dbt *dbt, uint32_t number);
/* Undoes the jump of link NUMBER. */
void dbt_cut_jump(struct dbt *dbt, uint32_t number);
/* Lets link NUMBER lead to BLOCK. One by a slot: which gets VALUE, but for the code, for an address of the page at
 * VALUE.tag; GLOBAL: as in dbt_fill(). */
void dbt_connect(struct dbt *dbt, uint32_t number, struct dbt_block *block);
void dbt_connect_slot(struct dbt *dbt, uint32_t number, struct dbt_block *block, struct dbt_slot value,
                      bool global);
/* No jump leads from one page to another, so that each page is looked up before it runs next. */
void dbt_leave_pages(struct dbt *dbt);

/* ---- pages.c ---- */

/* Compares the blocks of the page at PA with memory, if their page has been looked up since all code last
 * may have changed: what has not will be anyway. */
void dbt_code_changed_at(struct dbt *dbt, uint64_t pa);
/* The page at PA, made if it is new; its blocks are good for the code generation now. HOST: its memory.
 * NULL: no memory. */
struct dbt_page *dbt_page(struct dbt *dbt, uint64_t pa, const uint32_t *host);
/* Drops the blocks of PAGE whose words are not what they were translated from any more. */
void dbt_revalidate(struct dbt *dbt, struct dbt_page *page);
/* Whether a word known of PAGE is not the one of WORDS: the guest changed it without telling. */
bool dbt_page_differs(const struct dbt_page *page, unsigned first, const uint32_t *words,
                      unsigned count);
/* Notes that PAGE has a block of these words. */
void dbt_page_note(struct dbt_page *page, unsigned first, const uint32_t *words, unsigned count);
/* If dbt_fill_site() found that SLOT's site flips, in an access to VA: finds a window for it, or marks it and drops
 * its block, which is translated anew when it is entered next. */
void dbt_follow_flips(struct dbt *dbt, struct dbt_slot *slot, uint64_t va, unsigned access);
/* Drops the blocks of the page at PA that have one of these words, a bit each. */
void dbt_drop_blocks(struct dbt *dbt, uint64_t pa, const uint64_t words[DBT_PAGE_WORDS / 64]);
/* Takes dropped blocks off PAGE's list, once an eviction; a page without blocks is gone. */
void dbt_page_sweep(struct dbt *dbt, struct dbt_page *page);

/* The place of PC in the jump cache: its slot's number, and its link's. */
static inline uint32_t dbt_jump_of(uint64_t pc)
{
    return (uint32_t)(pc >> 2) & (DBT_JUMPS - 1);
}

/* ---- follow.c ---- */

/* The mode of the blocks that are for the CPU as it is now. */
unsigned dbt_mode(const struct a64_cpu *cpu);
/* Before blocks of MODE are looked for: follows what changed of code and addresses. */
void dbt_follow(struct dbt *dbt, unsigned mode);
/* Before the block at cpu->pc is entered. */
void dbt_before_entry(struct dbt *dbt);
/* An instruction of a block returned dbt_hot.exit_status, which ends blocks. True: leave the engine with *STOP. */
bool dbt_follow_status(struct dbt *dbt, enum engine_stop *stop);
/* An instruction of emitted code, at cpu->pc, has returned A64_SYNC: follows what it changed. A64_NEXT: emitted code may
 * go on behind it; A64_SYNC: it must be left. */
int dbt_synchronize(struct a64_cpu *cpu);
/* An instruction of emitted code has returned STATUS, which ends blocks: the code to go on at; NULL: code must be left,
 * by dbt_hot.exit. */
const void *dbt_go_on(struct a64_cpu *cpu, int status);

/* ---- slots.c ---- */

/* Empties what depends on translations of addresses: slots and jump cache; of EL0's blocks, or of all. */
void dbt_forget_local(struct dbt *dbt);
void dbt_forget_addresses(struct dbt *dbt);
/* The same for the pages from START to LAST of all regimes. */
void dbt_forget_range(struct dbt *dbt, uint64_t start, uint64_t last);
/* Empties the slots from FIRST to LAST - 1, whatever they remember. */
void dbt_empty_slots(struct dbt *dbt, uint32_t first, uint32_t last);
/* Fills SLOT and remembers that. GLOBAL: the page is the same for all ASIDs, and the block is not one of
 * EL0. VA is an address of the page. */
void dbt_fill(struct dbt *dbt, struct dbt_slot *slot, uint64_t va, struct dbt_slot value, bool global);
/* Fills SLOT, whose limit in one page is LIMIT, for an access (enum a64_access) to VA if the TLB allows it without a
 * check: whether it does, and what to add to an address. ALIGNED: the limit counts aligned places, not bytes. */
struct dbt_filled {
    uint64_t ok, addend;
} dbt_fill_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va, unsigned access, uint32_t limit, bool aligned);
/* The same, when that was not done and the TLB has been seen to. */
struct dbt_filled dbt_fill_again(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va, unsigned access, uint32_t limit,
                                 bool aligned);

/* The run that PAGE of context CTX is of, if its pages lead to the host by ADDEND and let ACCESS through without a check;
 * GLOBAL: for every ASID. NULL: none is known. */
static inline const struct a64_tlb_run *dbt_run_like(const struct a64_mmu *mmu, uint64_t page, uint64_t ctx,
                                                     uintptr_t addend, unsigned access, bool global)
{
    const struct a64_tlb_run *run = a64_tlb_run(mmu, page, ctx);
    return run && run->like.addend == addend && a64_run_allows(run, access) &&
                   (!global || a64_tlb_is_global(&run->like))
               ? run
               : NULL;
}

static inline unsigned dbt_flips_at(uint64_t pa)
{
    return (pa >> 2 ^ pa >> 18) & (DBT_FLIPS - 1);
}

/* What is known of the access at PA, a bit for each of enum dbt_flips. */
static inline unsigned dbt_flips_of(const struct dbt *dbt, uint64_t pa)
{
    return dbt->flips[dbt_flips_at(pa)];
}

/* Whether KIND is. */
static inline bool dbt_flips(const struct dbt *dbt, unsigned kind, uint64_t pa)
{
    return dbt_flips_of(dbt, pa) >> kind & 1;
}

static inline void dbt_note_flips(struct dbt *dbt, unsigned kind, uint64_t pa)
{
    dbt->flips[dbt_flips_at(pa)] |= (uint8_t)(1u << kind);
}

static inline void dbt_forget_flips(struct dbt *dbt, unsigned kind, uint64_t pa)
{
    dbt->flips[dbt_flips_at(pa)] &= (uint8_t)~(1u << kind);
}

/* ---- window.c ---- */

/* Whether a window was made about VA for ACCESS, cannot be, or may be later. */
enum dbt_made {
    DBT_MADE_NONE,
    DBT_MADE_LATER,
    DBT_MADE,
} dbt_window_make(struct a64_cpu *cpu, uint64_t va, unsigned access);
/* Between two entries into translated code: unmaps what has ended. */
void dbt_windows_settle(struct dbt *dbt);
/* Ends the windows that an invalidation of WHAT concerns; with a range, their slots are emptied. */
void dbt_windows_drop(struct dbt *dbt, const struct a64_tlb_drop *what);
/* Sites about cpu->pc, where time was seen to be spent, are to have windows. */
void dbt_windows_sample(struct dbt *dbt);
/* The access at PA is done as it was before it was to have a window; FOR_EVER: that is the best there is. */
void dbt_demote(struct dbt *dbt, uint64_t pa, bool for_ever);
void dbt_windows_free(struct dbt *dbt);

/* ---- split.c ---- */

/* A load or store of SIZE bytes at VA that crosses a page: what to add to VA to find them; or whether it was made, of
 * what dbt_hot.crossing has. 0: it is the interpreter's. */
uint64_t dbt_split_load(struct a64_cpu *cpu, uint64_t va, uint32_t size);
uint64_t dbt_split_store(struct a64_cpu *cpu, uint64_t va, uint32_t size);

/* ---- translate.c ---- */

/* Translates the block at PA, whose page is at HOST; NULL: no memory. */
struct dbt_block *dbt_translate(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode);
/* Code for the first INSNS instructions of that block alone, which nobody finds and dbt_flush() must follow: its offset. 0: none. */
uint32_t dbt_translate_first(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode, unsigned insns);

/* WORD decoded for this CPU, good until the next one is: many a word is met again soon. */
const struct a64_insn *dbt_decode(struct dbt *dbt, uint32_t word);

/* Whether the branch may go on behind itself. */
bool dbt_is_conditional(const struct a64_insn *insn);

/* PAGE at PA, whose words from FIRST on are good as of now. */
struct dbt_page *dbt_page_for(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned first,
                              const uint32_t *words, unsigned count);

/* ---- kept.c, wake.c: what outlives the process ---- */

/* Reads what the system's knobs say is kept for this CPU; writes it, if much is new. */
void dbt_kept_attach(struct dbt *dbt);
void dbt_kept_detach(struct dbt *dbt);
/* The block at PA for MODE, if one is kept for what the page at HOST holds now; NULL: none. */
struct dbt_block *dbt_wake(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode);
/* BLOCK, whose words memory has no more, and which its page does not name, sleeps until it has; false: it is to be dropped. */
bool dbt_doze(struct dbt *dbt, struct dbt_block *block);

/* ---- run.c ---- */

/* Enters code at OFFSET, for cpu->pc, until an exit, which dbt_hot tells; cpu->pc is where to go on then, or the instruction
 * that returned a status. */
void dbt_run_code(struct dbt *dbt, uint32_t offset);

/* ---- check.c ---- */

/* If cpu->sys->knobs.differs is set: the interpreter runs BLOCK, at cpu->pc, and leaves no trace; after the
 * translated code ran too, both are compared. */
int dbt_check_create(struct dbt *dbt);
void dbt_check_destroy(struct dbt *dbt);
void dbt_check_before(struct dbt *dbt, const struct dbt_block *block);
void dbt_check_after(struct dbt *dbt, const struct dbt_block *block);

/* ---- perf.c ---- */

/* Calls MET with each stub, in no order. */
void dbt_each_stub(const struct dbt *dbt, void (*met)(void *ctx, uintptr_t at, const char *name), void *ctx);
/* The map for Linux's perf, if it is wanted: stubs, then each block as it comes, with what it has in COLD. */
void dbt_perf_open(struct dbt *dbt);
void dbt_perf_block(struct dbt *dbt, const struct dbt_block *block, size_t cold, size_t cold_size);
void dbt_perf_close(struct dbt *dbt);

/* ---- nzcv.c ---- */

/* NZCV in its two forms; the registers of CPU are those that FLAGS_AGAIN compares. */
uint32_t dbt_flags_from(uint32_t nzcv);
uint32_t dbt_flags_to(struct a64_cpu *cpu, uint32_t flags);

/* ---- x86_64/ ---- */

struct lower;
/* Before L is used first. */
void dbt_lower_prepare(struct lower *l);
/* Emits the block that L describes (x86_64/lower.h); false: no room. */
bool dbt_lower(struct dbt *dbt, struct lower *l);
void dbt_emit_stubs(struct dbt *dbt);
/* Lets the jump whose displacement ends at JUMP lead to TARGET (offsets). */
void dbt_link_jump(struct dbt *dbt, uint32_t jump, uint32_t target);
/* Runs from block code at OFFSET until an exit. */
void dbt_enter(struct dbt *dbt, uint32_t offset);

/* What MXCSR is for FPCR: its rounding mode and flushing of results to zero, all exceptions masked, none
 * seen. */
static inline uint32_t dbt_mxcsr(uint32_t fpcr)
{
    const uint32_t rmode = fpcr >> 22 & 3; /* the host has up and down the other way round */
    const uint32_t ftz = fpcr >> 24 & 1; /* FZ */
    return 0x1f80u | ftz << 15 | (rmode >> 1 | (rmode & 1) << 1) << 13;
}

/* By format: half, single, double. */
extern const struct dbt_fp_constants dbt_fp_constants[3];

#endif
