/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MMU_H
#define POMONA_A64_MMU_H

/* Guest memory as an instruction sees it: translation (4K and 16K granules, two stages),
 * permissions, the software TLB in front, and loads and stores through it by host atomics of the
 * access's size.
 *
 * The functions that can fail return A64_NEXT (0) or A64_FAULT with cpu->exc filled in; a failed
 * access has changed nothing in guest memory. */

#include <stdint.h>
#include <string.h>

#include "cpu.h"
#include "decode.h"
#include "host_access.h"
#include "monitor.h"

enum a64_access {
    A64_READ = 1 << 0,
    A64_WRITE = 1 << 1,
    A64_EXEC = 1 << 2,
    A64_UNPRIV = 1 << 3, /* LDTR, STTR: as EL0 would (when at EL1, or EL2 with E2H,TGE) */
    A64_ATOMIC =
        1 << 4, /* LSE, CAS, acquire/release: must lie in one aligned 16-byte granule (LSE2) */
    A64_ALIGNED = 1 << 5, /* exclusives: must be aligned to its size */
    A64_CACHEOP = 1 << 6, /* DC, IC by address: abort ISS has CM */
    A64_ACQREL = 1 << 7,  /* abort ISS has AR */
    A64_NOTAG = 1 << 8,
    A64_PAN = 1 << 9, /* for a64_walk(): with PSTATE.PAN as if 1 (AT S1E1RP, S1E1WP) */
};

/* A build with 0 here, a TLB of one entry, shows who wrongly relies on what the TLB held. */
#ifndef A64_TLB_BITS
#define A64_TLB_BITS 13
#endif
#define A64_TLB_SIZE   (1u << A64_TLB_BITS)
#define A64_CONTEXTS   4096u /* context ids */
#define A64_PAGE_SHIFT 12
#define A64_PAGE_MASK  0xfffull
/* A tag that no address has. */
#define A64_TLB_NONE (~0ull)

/* One page of 4 KiB. A tag is (page's VA with TBI's top byte as the regime sign-extends it) |
 * context id; the context id stands for regime, ASID, VMID and everything else that changes what an
 * access may do (EL0 or not, PAN, ...), so that no switch flushes. A tag is set only when the
 * access needs no check. */
struct a64_tlb_entry {
    uint64_t read, write, exec;       /* tags; A64_TLB_NONE where this access needs the slow path */
    uintptr_t addend;                 /* host address = VA (TBI-stripped) + addend */
    uint64_t pa;                      /* of the page, after both stages */
    uint64_t owner;                   /* for invalidation: kept by tlb.c; 0: empty */
    uint64_t plain_read, plain_write; /* of no Device memory and no brief page */
};

_Static_assert(sizeof(struct a64_tlb_entry) == 64, "found by a shift");

/* Pages of one piece of 2 MiB that follow one another in the tables and in the host, with the same
 * rights: a walk to one of them is a walk to all. */
struct a64_tlb_run {
    uint64_t first, last;      /* pages' addresses, as in tags; first > last: none */
    uint64_t ctx;              /* whose; of global pages, the id that stands for every ASID */
    struct a64_tlb_entry like; /* of the first */
};
#define A64_RUN_SHIFT 21
#define A64_RUNS      512u

/* What leads from the addresses of a page, or of a piece that is one run, to the host: a part of
 * the entry or run for those who look often. */
struct a64_tlb_plain {
    uint64_t tag; /* A64_TLB_NONE: the slow path */
    uintptr_t addend;
};

#define A64_TLB_OWNER_DEVICE (1ull << 61)
#define A64_TLB_OWNER_GLOBAL (1ull << 62)

/* What an invalidation dropped, at least. */
struct a64_tlb_drop {
    enum {
        A64_DROP_ALL,
        A64_DROP_LOCAL, /* pages that are not global */
        A64_DROP_RANGE, /* the pages of [start, last], sign-extended from bit 55 */
    } what;
    uint64_t start, last;
};
#define A64_TLB_DROPS 64u

/* A page of a regime and VMID that is invalidated by address again and again, and little used in between: a kernel's
 * window to what it patches. Once it is brief, nobody keeps copies of its tags and addresses (plain_read and plain_write
 * are never set), and so nobody is told when it is dropped. */
struct a64_tlb_brief {
    uint64_t page;  /* address, sign-extended from bit 55 */
    uint32_t drops; /* invalidations that were told; A64_BRIEF_DROPS: the page is brief */
    uint32_t uses;  /* by who would have kept a copy, since the last one */
    uint16_t vmid;
    uint8_t regime; /* enum a64_regime */
};
#define A64_BRIEF_DROPS 4u
#define A64_BRIEF_USES  16u /* a page that is used more often is not brief any more */
#define A64_BRIEF_PAGES 64u

struct a64_mmu {
    uint64_t ctx;      /* the context id of data accesses now (12 bits) */
    uint64_t ctx_user; /* and of unprivileged ones */
    uint64_t ctx_fetch;
    bool align_check;   /* SCTLR.A */
    bool tbi[2];        /* data: top byte ignored, by bit 55 */
    bool tbi_fetch[2];  /* and of instruction addresses (TBI and not TBID) */
    uint8_t va_bits[2]; /* 64 - TCR.TxSZ as it acts, by half: where a PAC begins */
    /* Where a pointer's code is, by [data pointer][bit 55 is 0]: follows from the above. */
    uint64_t pac_field[2][2];
    /* What tbi, tbi_fetch, va_bits and pac_field were made of. */
    struct {
        bool known;
        uint8_t regime; /* enum a64_regime */
        uint64_t tcr;
    } pointers;
    uint8_t pa_bits; /* ID_AA64MMFR0_EL1.PARange in bits */
    /* Grows whenever translations were dropped or context ids were given out anew: whoever keeps
     * copies of tags or host addresses outside `tlb` must then drop what dropped[generation %
     * A64_TLB_DROPS] says. */
    uint64_t generation;
    struct a64_tlb_drop dropped[A64_TLB_DROPS];
    uint64_t invalidations; /* all of them, those that nobody need follow too */
    uint64_t run_hits, walks; /* accesses that `tlb` did not have: what `run` knew, and what the tables were asked for */
    struct a64_tlb_brief brief[A64_BRIEF_PAGES]; /* by page number, modulo their number */
    uint64_t ctx_any_asid; /* like ctx, whatever the ASID */
    struct a64_tlb_entry tlb[A64_TLB_SIZE];
    struct a64_tlb_run run[A64_RUNS];
    /* For reads, and for reads and writes: pages of what `tlb` holds, at a64_plain_place(), and
     * pieces, as in `run`. */
    struct a64_tlb_plain page[2][A64_TLB_SIZE + A64_CONTEXTS], piece[2][A64_RUNS];
    /* If set, no store passes the TLB, and this is told of the page that each one is about to
     * change. */
    void (*note_write)(void *ctx, void *host);
    void *note_write_ctx;
    struct a64_mmu_priv *priv; /* tlb.c's own: the context ids */
};

/* Address with the ignored top byte replaced by copies of bit 55, when TBI says so. */
static inline uint64_t a64_strip_tbi(const struct a64_mmu *mmu, uint64_t va)
{
    return mmu->tbi[va >> 55 & 1] ? (uint64_t)((int64_t)(va << 8) >> 8) : va;
}

#define A64_PAC_BIT55 (1ull << 55)

/* The bits of a pointer that hold its authentication code: all above the VA_BITS of the address but
 * bit 55, and not an ignored top byte. */
static inline uint64_t a64_pac_field(unsigned va_bits, bool tbi)
{
    return ~0ull << va_bits & ~A64_PAC_BIT55 & (tbi ? ~0ull >> 8 : ~0ull);
}

static inline struct a64_tlb_entry *a64_tlb_slot(struct a64_mmu *mmu, uint64_t va, uint64_t ctx)
{
    return &mmu->tlb[((va >> A64_PAGE_SHIFT) ^ ctx) & (A64_TLB_SIZE - 1)];
}

/* The place in `page` of the page of ADDR, for a lookup that is as short as can be: a sum whose
 * second part stands in the table's address. */
static inline uint64_t a64_plain_place(uint64_t addr, uint64_t ctx)
{
    return (addr >> A64_PAGE_SHIFT & (A64_TLB_SIZE - 1)) + ctx;
}

/* Device memory: only aligned accesses may do without a check. */
static inline bool a64_tlb_is_device(const struct a64_tlb_entry *entry)
{
    return entry->owner & A64_TLB_OWNER_DEVICE;
}

/* For every ASID. */
static inline bool a64_tlb_is_global(const struct a64_tlb_entry *entry)
{
    return entry->owner & A64_TLB_OWNER_GLOBAL;
}

/* The place in `run` and `piece` of the piece that ADDR lies in. */
static inline unsigned a64_run_place(uint64_t addr)
{
    return addr >> A64_RUN_SHIFT & (A64_RUNS - 1);
}

/* CTX, one of those of the current state, as it would be for any ASID: the lowest bits are the kind
 * of access. */
static inline uint64_t a64_any_asid(const struct a64_mmu *mmu, uint64_t ctx)
{
    return (mmu->ctx_any_asid & ~3ull) | (ctx & 3);
}

/* The run that page ADDR (stripped) of context CTX is one of; NULL: none is known. */
static inline const struct a64_tlb_run *a64_tlb_run(const struct a64_mmu *mmu, uint64_t addr,
                                                    uint64_t ctx)
{
    const struct a64_tlb_run *run = &mmu->run[a64_run_place(addr)];
    const uint64_t page = addr & ~A64_PAGE_MASK;
    if (page < run->first || page > run->last)
        return NULL;
    return run->ctx == (a64_tlb_is_global(&run->like) ? a64_any_asid(mmu, ctx) : ctx) ? run : NULL;
}

/* Enters the piece of ADDR for CTX if all of it is one run; false: it is not. */
static inline bool a64_tlb_load_piece(struct a64_mmu *mmu, uint64_t addr, uint64_t ctx)
{
    const struct a64_tlb_run *run = a64_tlb_run(mmu, addr, ctx);
    if (!run || run->last - run->first != (1ull << A64_RUN_SHIFT) - A64_PAGE_MASK - 1)
        return false;
    const unsigned place = a64_run_place(addr);
    const bool reads = run->like.plain_read != A64_TLB_NONE;
    const bool writes = reads && run->like.plain_write != A64_TLB_NONE;
    const uint64_t tag = run->first | ctx;
    mmu->piece[0][place] = (struct a64_tlb_plain){reads ? tag : A64_TLB_NONE, run->like.addend};
    mmu->piece[1][place] = (struct a64_tlb_plain){writes ? tag : A64_TLB_NONE, run->like.addend};
    return true;
}

/* Whether ACCESS to pages of RUN needs no check. */
static inline bool a64_run_allows(const struct a64_tlb_run *run, unsigned access)
{
    const struct a64_tlb_entry *like = &run->like;
    return !(access & A64_READ && like->read == A64_TLB_NONE) &&
           !(access & A64_WRITE && like->write == A64_TLB_NONE) &&
           !(access & A64_EXEC && like->exec == A64_TLB_NONE);
}

/* Has `page` hold the page at ADDR too, of ENTRY, which the TLB has for CTX. */
static inline void a64_plain_enter(struct a64_mmu *mmu, const struct a64_tlb_entry *entry,
                                   uint64_t addr, uint64_t ctx)
{
    const uint64_t place = a64_plain_place(addr, ctx), reads = entry->plain_read;
    const uint64_t both = reads == A64_TLB_NONE ? reads : entry->plain_write;
    mmu->page[0][place] = (struct a64_tlb_plain){reads, entry->addend};
    mmu->page[1][place] = (struct a64_tlb_plain){both, entry->addend};
}

static inline struct a64_tlb_brief *a64_tlb_brief_of(struct a64_mmu *mmu, uint64_t va)
{
    return &mmu->brief[(va >> A64_PAGE_SHIFT) % A64_BRIEF_PAGES];
}

/* The page of ENTRY, which would let its copies be kept if it were not brief, is used once more. True: it is not brief
 * from now on, and copies may be kept. */
static inline bool a64_tlb_used(struct a64_mmu *mmu, struct a64_tlb_entry *entry, uint64_t va, uint64_t ctx)
{
    struct a64_tlb_brief *brief = a64_tlb_brief_of(mmu, va);
    const bool known = brief->page == (uint64_t)((int64_t)(va << 8) >> 8 & ~(int64_t)A64_PAGE_MASK);
    if (known && ++brief->uses <= A64_BRIEF_USES)
        return false;
    if (known)
        brief->drops = 0;
    entry->plain_read = entry->read;
    entry->plain_write = entry->write;
    a64_plain_enter(mmu, entry, va, ctx);
    return true;
}

/* ---- implemented in mmu.c, mmu_access.c, mmu_at.c, walk.c, tlb.c, tlb_run.c ---- */

int a64_mmu_init(struct a64_cpu *cpu);
void a64_mmu_free(struct a64_cpu *cpu);
/* Recomputes ctx, align_check, tbi; after a change of EL, PAN, SCTLR, TCR, TTBRn, HCR, VTTBR, VTCR,
 * MAIR ... Cheap. */
void a64_mmu_update(struct a64_cpu *cpu);

/* Slow path of a64_host(): translates, checks, fills the TLB. NULL: cpu->exc is set: a fault, a
 * watchpoint, or an exit to the monitor because the address has no memory behind it. A range that
 * crosses a page comes back as an alignment fault: only a64_ld() and a64_st() split accesses. */
void *a64_host_slow(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access);
int a64_ld_slow(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access, void *value);
int a64_st_slow(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access,
                const void *value);
/* Physical address of the page that the TLB has for data accesses at VA; A64_CODE_ALL: it has none.
 */
uint64_t a64_tlb_page(struct a64_cpu *cpu, uint64_t va);
/* Whether the TLB has the page at PC for fetches. */
bool a64_tlb_fetches(const struct a64_cpu *cpu, uint64_t pc);
/* Whether the page at PC is brief, for fetches. */
bool a64_tlb_is_brief(struct a64_cpu *cpu, uint64_t pc);
/* Has the TLB hold the page at VA if ACCESS is allowed there; else false, with cpu->exc changed. */
bool a64_tlb_load(struct a64_cpu *cpu, uint64_t va, unsigned access);
/* Whether every byte of [va, va + size) can be accessed so; sets cpu->exc for the first that can't.
 */
int a64_probe(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access);

/* Fetches the word at PC. *PA is its physical address. Instruction aborts come back as A64_FAULT.
 */
int a64_fetch(struct a64_cpu *cpu, uint64_t pc, uint32_t *word, uint64_t *pa);
/* Host address of the code at PC, valid to the end of its 4 KiB page; *PA its physical address,
 * *guarded the GP bit of its page. NULL: cpu->exc holds the instruction abort. */
const void *a64_fetch_host(struct a64_cpu *cpu, uint64_t pc, uint64_t *pa, bool *guarded);

/* A translation by the current or another regime, without side effects: for AT, debuggers, and
 * decoding of MMIO without a syndrome. 0, or the fault status code | stage << 8. */
struct a64_walk {
    uint64_t pa, ipa;
    uint8_t attr;   /* MAIR byte, both stages combined */
    uint8_t sh, ap; /* shareability as in a descriptor; AP[2:1] with APTable applied */
    bool user_exec, priv_exec, guarded, ns;
    uint64_t page_size; /* of the stage-1 block or contiguous range (4 KiB with stage 1 off) */
    bool device;        /* some stage says Device: unaligned accesses fault */
    bool global;        /* for every ASID */
    uint8_t perm[2]; /* A64_READ, WRITE, EXEC after both stages: [0] privileged (PAN ignored), [1]
                        EL0 */
    bool user_read;  /* stage 1 lets EL0 read: what PAN goes by */
    /* With one stage: the block's or page's descriptor, its address, and log2 of what one such
     * maps; else entry_shift is 0. */
    uint64_t entry, desc;
    uint8_t entry_shift;
    /* After a fault: */
    uint8_t fsc;   /* fault status code with its level; 0x14..0x17: no memory at the descriptor's
                      address, `pa` */
    uint8_t stage; /* 1 or 2 */
    bool s1ptw;    /* stage 2, on a stage-1 walk; ipa is then the descriptor's */
};
enum a64_regime { A64_REGIME_EL10, A64_REGIME_EL2, A64_REGIME_EL20 };
enum a64_regime a64_current_regime(const struct a64_cpu *cpu);
int a64_walk(struct a64_cpu *cpu, enum a64_regime regime, bool stage1_only, bool el0,
             unsigned access, uint64_t va, struct a64_walk *out);

/* The bus answers the access of the last abort that left for the monitor (cpu->exc) with a
 * synchronous external abort: the guest takes it. */
void a64_external_abort(struct a64_cpu *cpu);

/* Physical memory through the VM's map, for walks and debuggers; false where there is none. */
bool a64_phys_read(struct a64_cpu *cpu, uint64_t pa, void *out, unsigned size);

/* TLB maintenance on this CPU; broadcast forms are sent by sysreg code through a64_system. */
struct a64_tlbi {
    enum {
        A64_TLBI_ALL,
        A64_TLBI_VMALL,
        A64_TLBI_ASID,
        A64_TLBI_VA,
        A64_TLBI_VAA,
        A64_TLBI_IPA
    } kind;
    enum a64_regime regime;
    uint16_t asid, vmid;
    bool any_vmid;       /* ALLE1: whatever the VMID */
    bool stage12;        /* VMALLS12E1, ALLE1: stage-2 and combined entries too */
    uint64_t start, end; /* addresses [start, end) for VA, VAA, IPA */
};
void a64_tlb_invalidate(struct a64_cpu *cpu, const struct a64_tlbi *op);
/* Everything, after the VM's memory map changed. */
void a64_tlb_flush(struct a64_cpu *cpu);

/* AT: performs the operation that op1, CRm (8, 9) and op2 name and writes PAR_EL1.
 * A64_NEXT, or A64_FAULT for a fault that AT itself reports as an abort (stage 2 on a walk). */
int a64_address_translate(struct a64_cpu *cpu, unsigned op1, unsigned crm, unsigned op2,
                          uint64_t va);

/* ---- hot paths ---- */

/* Host address of the SIZE bytes at VA if they lie in one page of RAM that the access may touch
 * without any check; NULL otherwise, with cpu->exc set. Used by atomics and by anything that wants
 * the bytes themselves. */
static inline void *a64_host(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    struct a64_mmu *mmu = cpu->mmu;
    const uint64_t ctx = access & A64_UNPRIV ? mmu->ctx_user : mmu->ctx;
    const uint64_t addr = a64_strip_tbi(mmu, va);
    struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, ctx);
    const uint64_t tag = (addr & ~A64_PAGE_MASK) | ctx;
    const bool ok = (!(access & A64_READ) || entry->read == tag) &&
                    (!(access & A64_WRITE) || entry->write == tag) &&
                    size <= 16; /* DC ZVA minds Device memory even when aligned */
    if (__builtin_expect(ok && !(addr & (size - 1)), 1))
        return (void *)(addr + entry->addend);
    return a64_host_slow(cpu, va, size, access);
}

/* The same without the slow path: NULL where that would be needed. */
static inline void *a64_tlb_host(struct a64_mmu *mmu, uint64_t va, unsigned size, unsigned access)
{
    const uint64_t ctx = access & A64_UNPRIV ? mmu->ctx_user : mmu->ctx;
    const uint64_t addr = a64_strip_tbi(mmu, va);
    const struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, ctx);
    const uint64_t found = access & A64_WRITE ? entry->write : entry->read;
    const uint64_t tag = (addr & ~A64_PAGE_MASK) | ctx;
    return found == tag && !(addr & (size - 1)) ? (void *)(uintptr_t)(addr + entry->addend) : NULL;
}

/* Loads SIZE (1, 2, 4, 8, 16) bytes, zero-extended into *VALUE (8 bytes, or 16 for size 16);
 * single-copy atomic as FEAT_LSE2 says. */
static inline int a64_ld(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access,
                         void *value)
{
    const void *host = a64_tlb_host(cpu->mmu, va, size, A64_READ | (access & A64_UNPRIV));
    if (__builtin_expect(!host, 0))
        return a64_ld_slow(cpu, va, size, access, value);
    host_load(host, size, value);
    return A64_NEXT;
}

/* Stores the low SIZE bytes of *VALUE. */
static inline int a64_st(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access,
                         const void *value)
{
    void *host = a64_tlb_host(cpu->mmu, va, size, A64_WRITE | (access & A64_UNPRIV));
    if (__builtin_expect(!host, 0))
        return a64_st_slow(cpu, va, size, access, value);
    struct a64_monitor_entry *entry = a64_store_begin(cpu, host);
    host_store(host, size, value);
    a64_store_end(entry);
    return A64_NEXT;
}

#endif
