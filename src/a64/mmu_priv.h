/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MMU_PRIV_H
#define POMONA_A64_MMU_PRIV_H

/* What the files of the MMU (mmu.c, mmu_access.c, mmu_at.c, walk.c, tlb.c) share and nobody else
 * needs: register bits, the walker, the TLB's fill and context ids. */

#include "exception.h"
#include "mmu.h"

/* SCTLR_ELx */
#define SCTLR_M   (1ull << 0)
#define SCTLR_A   (1ull << 1)
#define SCTLR_nAA (1ull << 6)
#define SCTLR_WXN (1ull << 19)

/* HCR_EL2 bits that only translation looks at */
#define HCR_PTW (1ull << 2)
#define HCR_FWB (1ull << 46)

/* TCR_EL1, and TCR_EL2 with E2H */
#define TCR_EPD0  (1ull << 7)
#define TCR_A1    (1ull << 22)
#define TCR_EPD1  (1ull << 23)
#define TCR_AS    (1ull << 36)
#define TCR_TBI0  (1ull << 37)
#define TCR_TBI1  (1ull << 38)
#define TCR_HPD0  (1ull << 41)
#define TCR_HPD1  (1ull << 42)
#define TCR_TBID0 (1ull << 51)
#define TCR_TBID1 (1ull << 52)
#define TCR_E0PD0 (1ull << 55)
#define TCR_E0PD1 (1ull << 56)
/* TCR_EL2 without E2H */
#define TCR_EL2_TBI  (1ull << 20)
#define TCR_EL2_HPD  (1ull << 24)
#define TCR_EL2_TBID (1ull << 29)

#define VTCR_VS (1ull << 19)

#define MDSCR_MDE (1ull << 15)

/* Fault status codes; those of a walk have the level in bits 1:0 (Arm ARM, ISS encoding of a Data
 * Abort). */
enum mmu_fsc {
    FSC_ADDRESS_SIZE = 0x00,
    FSC_TRANSLATION = 0x04,
    FSC_ACCESS_FLAG = 0x08,
    FSC_PERMISSION = 0x0c,
    FSC_EXTERNAL = 0x10,
    FSC_EXTERNAL_WALK = 0x14,
    FSC_ALIGNMENT = 0x21,
    FSC_NONE = 0x3f, /* in struct a64_walk: no fault (0x00 is an address size fault) */
};

/* The VM's page at PA; false where nothing is mapped. */
struct a64_page;
bool mmu_page(struct a64_cpu *cpu, uint64_t pa, struct a64_page *page);

/* The exception level whose registers control REGIME. */
static inline unsigned mmu_regime_el(enum a64_regime regime)
{
    return regime == A64_REGIME_EL10 ? 1 : 2;
}

/* HCR_EL2.{E2H,TGE} = {1,1} */
static inline bool mmu_host_mode(uint64_t hcr)
{
    return (hcr & (A64_HCR_E2H | A64_HCR_TGE)) == (A64_HCR_E2H | A64_HCR_TGE);
}

/* Whether HCR_EL2.DC acts, and whether stage 2 translates the EL1&0 regime. */
static inline bool mmu_default_cacheable(uint64_t hcr)
{
    return hcr & A64_HCR_DC && !mmu_host_mode(hcr);
}

static inline bool mmu_stage2_on(uint64_t hcr)
{
    return hcr & (A64_HCR_VM | A64_HCR_DC) && !(hcr & A64_HCR_TGE);
}

static inline bool mmu_stage1_on(const struct a64_cpu *cpu, enum a64_regime regime)
{
    const uint64_t hcr = a64_hcr(cpu);
    if (regime != A64_REGIME_EL10)
        return cpu->sr.sctlr[2] & SCTLR_M;
    return cpu->sr.sctlr[1] & SCTLR_M && !(hcr & A64_HCR_TGE) && !mmu_default_cacheable(hcr);
}

/* Top-byte-ignore of REGIME for data (fetch false) or instruction addresses whose bit 55 is HIGH.
 */
bool mmu_tbi(const struct a64_cpu *cpu, enum a64_regime regime, bool fetch, bool high);

/* Translates VA (top byte as given) with all checks for ACCESS; UNALIGNED accesses fault in Device
 * memory. 0, or the fault as a64_walk(). */
unsigned mmu_translate(struct a64_cpu *cpu, enum a64_regime regime, bool stage1_only, bool el0,
                       unsigned access, uint64_t va, bool unaligned, struct a64_walk *out);

/* ---- tlb.c ---- */

/* A context id is a group (everything in struct mmu_ctx_key) and one of these. */
enum mmu_variant {
    MMU_EL0,
    MMU_PRIV,
    MMU_PRIV_PAN,
};

int mmu_tlb_init(struct a64_cpu *cpu);
void mmu_tlb_free(struct a64_cpu *cpu);
/* The context id of VARIANT 0 in REGIME as its registers are now; the variant is added to it. */
uint64_t mmu_tlb_context(struct a64_cpu *cpu, enum a64_regime regime);
/* The id that stands for CTX whatever its ASID. */
uint64_t mmu_tlb_any_asid(const struct a64_cpu *cpu, uint64_t ctx);
/* Follows a change of the watchpoint registers. */
void mmu_tlb_watch(struct a64_cpu *cpu);
/* Enters a page: ADDR is the stripped address, HOST the page's first byte, FLAGS what the VM's map
 * allows. */
void mmu_tlb_fill(struct a64_cpu *cpu, uint64_t addr, uint64_t ctx, const struct a64_walk *walk,
                  const struct a64_page *page);

/* ---- tlb_run.c ---- */

/* Notes the run about page ADDR, which was just entered for CTX. */
void mmu_run_note(struct a64_cpu *cpu, uint64_t addr, uint64_t ctx, const struct a64_walk *walk,
                  const struct a64_page *page);
/* Enters page ADDR for CTX from a run that lets ACCESS through; false: there is none. */
bool mmu_run_enter(struct a64_cpu *cpu, uint64_t addr, uint64_t ctx, unsigned access);
/* Forgets the runs that an invalidation of WHAT concerns. */
void mmu_run_drop(struct a64_mmu *mmu, const struct a64_tlb_drop *what);
/* Enters ENTRY for page BASE: TLB and what tlb.c keeps beside it. */
void mmu_tlb_enter(struct a64_cpu *cpu, uint64_t base, uint64_t ctx, const struct a64_tlb_entry *entry);

/* In a64_tlb_entry.owner beside the page's address (bits 55:12) and the context id (11:0). */
#define TLB_OWNER_SHIFT   56 /* log2 of the block's size - 12, 5 bits */
#define TLB_OWNER_DEVICE  A64_TLB_OWNER_DEVICE
#define TLB_OWNER_GLOBAL  A64_TLB_OWNER_GLOBAL
#define TLB_OWNER_GUARDED (1ull << 63)

#endif
