/* SPDX-License-Identifier: MIT */
/* System registers of EL2. Every row comes with A64_FEAT_EL2; those of the Virtualization Host
 * Extensions and of fine-grained traps with theirs. Facts: Arm ARM D19.2, D19.6. */

#include "debug.h"
#include "exception.h"
#include "mmu.h"
#include "model.h"
#include "pmu.h"
#include "sysreg_sets.h"
#include "timer.h"

#define EL2(NAME, crn, crm, op2, FIELD, ...)                                                       \
    SYSREG(NAME, 3, 4, crn, crm, op2, 2, 2, AT_SR(FIELD), .feat = A64_FEAT_EL2, __VA_ARGS__)
#define EL2_FEAT(NAME, FEAT, crn, crm, op2, FIELD, ...)                                            \
    SYSREG(NAME, 3, 4, crn, crm, op2, 2, 2, AT_SR(FIELD), .feat = A64_FEAT_##FEAT,                 \
           .check = check_el2, __VA_ARGS__)
#define REGIME  .flags = A64_SR_SYNC | A64_SR_MMU
#define CONTROL .flags = A64_SR_SYNC | A64_SR_MMU | A64_SR_WATCH | A64_SR_IRQ

/* A row gated by a feature that a model without EL2 may have too. */
static unsigned check_el2(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return a64_el2_enabled(cpu) ? 0 : A64_CHECK_UNDEF;
}

/* Bits of HCR_EL2 that do something here; the others are RES0 (or of AArch32). */
#define HCR_BASE                                                                                   \
    (A64_HCR_VM | A64_HCR_SWIO | A64_HCR_PTW | A64_HCR_FMO | A64_HCR_IMO | A64_HCR_AMO |           \
     A64_HCR_VF | A64_HCR_VI | A64_HCR_VSE | A64_HCR_FB | A64_HCR_BSU | A64_HCR_DC | A64_HCR_TWI | \
     A64_HCR_TWE | 1ull << 15 | A64_HCR_TID1 | A64_HCR_TID2 | A64_HCR_TID3 | A64_HCR_TSC |         \
     A64_HCR_TIDCP | A64_HCR_TACR | A64_HCR_TSW | A64_HCR_TPCP | A64_HCR_TPU | A64_HCR_TTLB |      \
     A64_HCR_TVM | A64_HCR_TGE | A64_HCR_TDZ | A64_HCR_HCD | A64_HCR_TRVM | A64_HCR_CD |           \
     A64_HCR_ID)

static uint64_t hcr_mask(const struct a64_cpu *cpu)
{
    static const struct {
        enum a64_feat feat;
        uint64_t bits;
    } extra[] = {
        {A64_FEAT_VHE, A64_HCR_E2H},
        {A64_FEAT_LOR, A64_HCR_TLOR},
        {A64_FEAT_RAS, A64_HCR_TERR | A64_HCR_TEA},
        {A64_FEAT_PAuth, A64_HCR_APK | A64_HCR_API},
        {A64_FEAT_S2FWB, A64_HCR_FWB},
        {A64_FEAT_EVT,
         A64_HCR_TID4 | A64_HCR_TICAB | A64_HCR_TOCU | A64_HCR_TTLBIS | A64_HCR_TTLBOS},
    };
    uint64_t mask = HCR_BASE;
    for (unsigned k = 0; k < sizeof(extra) / sizeof(extra[0]); k++) {
        if (a64_has(&cpu->feat, extra[k].feat))
            mask |= extra[k].bits;
    }
    return mask;
}

/* EL1 is AArch64 (RW reads as one); a board may fix E2H. */
static void write_hcr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    const uint64_t fixed = A64_HCR_RW | (cpu->e2h_fixed ? A64_HCR_E2H : 0);
    cpu->sr.hcr_el2 = (value & hcr_mask(cpu)) | fixed;
}

/* CPTR_EL2 has two layouts. With E2H: TCPAC, TTA (28), FPEN. Without: TCPAC, TTA (20), TFP, and
 * ones in bits 13, 12 and 9..0 but TFP's. The bits of both are kept, the view follows E2H. */
#define CPTR_E2H   (1ull << 31 | 1ull << 28 | 3ull << 20)
#define CPTR_PLAIN (1ull << 31 | 1ull << 20 | 1ull << 10)
#define CPTR_RES1  0x33ffull

static uint64_t read_cptr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    const bool e2h = a64_hcr(cpu) & A64_HCR_E2H;
    return e2h ? cpu->sr.cptr_el2 & CPTR_E2H : (cpu->sr.cptr_el2 & CPTR_PLAIN) | CPTR_RES1;
}

static void write_cptr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.cptr_el2 = value & (CPTR_E2H | CPTR_PLAIN);
}

/* TDE, TDA, TDOSA, TDRA; HPMN, TPMCR, TPM, HPME of the PMU; TDCC. */
static void write_mdcr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    const bool pmu = a64_has(&cpu->feat, A64_FEAT_PMUv3), fgt = a64_has(&cpu->feat, A64_FEAT_FGT);
    a64_pmu_update(cpu);
    cpu->sr.mdcr_el2 = value & (0xf00 | (pmu ? 0xff : 0) | (fgt ? A64_MDCR_TDCC : 0));
    a64_pmu_update(cpu);
    a64_pmu_changed(cpu);
}

/* Fine-grained traps: the fields of registers and instructions that some CPU model here can have,
 * the error record registers among them. Read-only registers have no field for writes. */
#define HFGRTR_FIELDS  0x0003ffff3fffffffull
#define HFGWTR_FIELDS  0x0003baff29db39fbull
#define HFGITR_FIELDS  0x007fffffffffffffull
#define HDFGRTR_FIELDS 0x06000000000ffeffull
#define HDFGWTR_FIELDS 0x02000000003ffdbfull

/* Apple's masks the guest's virtual timer (timer.c); nobody else's has bits. */
static void write_hacr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.hacr_el2 = a64_is_apple(cpu) ? value : 0;
    a64_timer_update(cpu);
}

static uint64_t read_actlr_el2(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->sr.actlr[2];
}

static const struct a64_sysreg rows[] = {
    EL2("VPIDR_EL2", 0, 0, 0, vpidr_el2),
    EL2("VMPIDR_EL2", 0, 0, 5, vmpidr_el2),
    EL2("SCTLR_EL2", 1, 0, 0, sctlr[2], .reset = 0x30c50830, REGIME | A64_SR_WATCH),
    SYSREG("ACTLR_EL2", 3, 4, 1, 0, 1, 2, A64_NEVER, .feat = A64_FEAT_EL2, .read = read_actlr_el2),
    EL2("HCR_EL2", 1, 1, 0, hcr_el2, .write = write_hcr, CONTROL),
    EL2("MDCR_EL2", 1, 1, 1, mdcr_el2, .write = write_mdcr, .flags = A64_SR_SYNC | A64_SR_WATCH),
    EL2("CPTR_EL2", 1, 1, 2, cptr_el2, .read = read_cptr, .write = write_cptr,
        .flags = A64_SR_SYNC | A64_SR_WATCH),
    EL2("HSTR_EL2", 1, 1, 3, hstr_el2),
    EL2_FEAT("HFGRTR_EL2", FGT, 1, 1, 4, hfgrtr_el2, .write_mask = HFGRTR_FIELDS),
    EL2_FEAT("HFGWTR_EL2", FGT, 1, 1, 5, hfgwtr_el2, .write_mask = HFGWTR_FIELDS),
    EL2_FEAT("HFGITR_EL2", FGT, 1, 1, 6, hfgitr_el2, .write_mask = HFGITR_FIELDS),
    EL2("HACR_EL2", 1, 1, 7, hacr_el2, .write = write_hacr),
    EL2_FEAT("HDFGRTR_EL2", FGT, 3, 1, 4, hdfgrtr_el2, .write_mask = HDFGRTR_FIELDS),
    EL2_FEAT("HDFGWTR_EL2", FGT, 3, 1, 5, hdfgwtr_el2, .write_mask = HDFGWTR_FIELDS),
    EL2("TTBR0_EL2", 2, 0, 0, ttbr0[2], REGIME),
    EL2_FEAT("TTBR1_EL2", VHE, 2, 0, 1, ttbr1[2], REGIME),
    EL2("TCR_EL2", 2, 0, 2, tcr[2], REGIME),
    EL2("VTTBR_EL2", 2, 1, 0, vttbr_el2, REGIME),
    EL2("VTCR_EL2", 2, 1, 2, vtcr_el2, REGIME),
    EL2("SPSR_EL2", 4, 0, 0, spsr[2], .write_mask = 0xffffffff),
    EL2("ELR_EL2", 4, 0, 1, elr[2]),
    EL2("AFSR0_EL2", 5, 1, 0, afsr0[2]),
    EL2("AFSR1_EL2", 5, 1, 1, afsr1[2]),
    EL2("ESR_EL2", 5, 2, 0, esr[2]),
    EL2_FEAT("VSESR_EL2", RAS, 5, 2, 3, vsesr_el2, .write_mask = 0x1ffffff),
    EL2("FAR_EL2", 6, 0, 0, far[2]),
    EL2("HPFAR_EL2", 6, 0, 4, hpfar_el2, .write_mask = 0xffffffffff0),
    EL2("MAIR_EL2", 10, 2, 0, mair[2], REGIME),
    EL2("AMAIR_EL2", 10, 3, 0, amair[2]),
    EL2("VBAR_EL2", 12, 0, 0, vbar[2], .write_mask = ~0x7ffull),
    SYSREG("RVBAR_EL2", 3, 4, 12, 0, 1, 2, A64_NEVER, .feat = A64_FEAT_EL2),
    EL2_FEAT("VDISR_EL2", RAS, 12, 1, 1, vdisr_el2, .write_mask = 0x81ffffff),
    EL2_FEAT("CONTEXTIDR_EL2", VHE, 13, 0, 1, contextidr[2], .write_mask = 0xffffffff,
             .flags = A64_SR_WATCH),
    EL2("TPIDR_EL2", 13, 0, 2, tpidr[2]),
    SYSREG("SCXTNUM_EL2", 3, 4, 13, 0, 7, 2, 2, AT_MISC(A64_MISC_SCXTNUM + 2),
           .feat = A64_FEAT_ABSENT),
};

SYSREG_SET(a64_sysregs_el2, rows);
