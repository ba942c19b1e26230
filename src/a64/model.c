/* SPDX-License-Identifier: MIT */
/* CPU models: from a table of identification registers to a CPU that can run.
 *
 * A model is its ID registers (model_ids.c); the features that the decoder, the system registers
 * and the MMU go by are read off their fields, so that what software is told and what is executed
 * cannot differ. The monitor may change an ID register later: that changes what the guest reads,
 * not what is executed. Facts: Arm ARM D19.2 (ID_AA64*), A2 (features). */

#include "model.h"

#include <errno.h>
#include <string.h>

#include "debug.h"
#include "exception.h"
#include "mmu.h"
#include "pmu.h"
#include "sysreg.h"
#include "system.h"
#include "timer.h"

#define PFR0_GIC        (1ull << 24)
#define MPIDR_RES1      (1ull << 31)
#define MIDR_APPLE      0x61
#define MMFR0_PARANGE   0xfull
#define CTR             A64_SYSREG(3, 3, 0, 0, 1)
#define CTR_L1IP        (3ull << 14)
#define CTR_L1IP_VIPT   (2ull << 14)
#define SPSR_EL1H       0x3c5
#define SPSR_EL2H       0x3c9
#define SCTLR_EL1_RESET 0x30100180
#define PAR_RESET       0x800

/* ---- features ---- */

/* FEAT is there where the field of ID register ENC at SHIFT is at least MIN. */
struct feature_field {
    uint8_t feat;
    uint8_t shift, min;
    uint16_t enc;
};

#define PFR0  A64_ID_AA64PFR0_EL1
#define PFR1  A64_ID_AA64PFR1_EL1
#define DFR0  A64_ID_AA64DFR0_EL1
#define ISAR0 A64_ID_AA64ISAR0_EL1
#define ISAR1 A64_ID_AA64ISAR1_EL1
#define ISAR2 A64_ID_AA64ISAR2_EL1
#define MMFR0 A64_ID_AA64MMFR0_EL1
#define MMFR1 A64_ID_AA64MMFR1_EL1
#define MMFR2 A64_ID_AA64MMFR2_EL1
#define FIELD(FEAT, REG, SHIFT, MIN)                                                               \
    {                                                                                              \
        A64_FEAT_##FEAT, SHIFT, MIN, REG                                                           \
    }

static const struct feature_field fields[] = {
    FIELD(EL2, PFR0, 8, 1),        FIELD(GICv3, PFR0, 24, 1),    FIELD(RAS, PFR0, 28, 1),
    FIELD(DIT, PFR0, 48, 1),       FIELD(CSV2, PFR0, 56, 1),     FIELD(CSV3, PFR0, 60, 1),
    FIELD(BTI, PFR1, 0, 1),        FIELD(SSBS, PFR1, 4, 1),      FIELD(SSBS2, PFR1, 4, 2),
    FIELD(AES, ISAR0, 4, 1),       FIELD(PMULL, ISAR0, 4, 2),    FIELD(SHA1, ISAR0, 8, 1),
    FIELD(SHA256, ISAR0, 12, 1),   FIELD(SHA512, ISAR0, 12, 2),  FIELD(CRC32, ISAR0, 16, 1),
    FIELD(LSE, ISAR0, 20, 2),      FIELD(RDM, ISAR0, 28, 1),     FIELD(SHA3, ISAR0, 32, 1),
    FIELD(DotProd, ISAR0, 44, 1),  FIELD(FHM, ISAR0, 48, 1),     FIELD(FlagM, ISAR0, 52, 1),
    FIELD(FlagM2, ISAR0, 52, 2),   FIELD(TLBIOS, ISAR0, 56, 1),  FIELD(TLBIRANGE, ISAR0, 56, 2),
    FIELD(DPB, ISAR1, 0, 1),       FIELD(DPB2, ISAR1, 0, 2),     FIELD(PACQARMA5, ISAR1, 4, 1),
    FIELD(JSCVT, ISAR1, 12, 1),    FIELD(FCMA, ISAR1, 16, 1),    FIELD(LRCPC, ISAR1, 20, 1),
    FIELD(LRCPC2, ISAR1, 20, 2),   FIELD(FRINTTS, ISAR1, 32, 1), FIELD(SB, ISAR1, 36, 1),
    FIELD(SPECRES, ISAR1, 40, 1),  FIELD(BF16, ISAR1, 44, 1),    FIELD(DGH, ISAR1, 48, 1),
    FIELD(I8MM, ISAR1, 52, 1),     FIELD(WFxT, ISAR2, 0, 2),     FIELD(ASID16, MMFR0, 4, 2),
    FIELD(ExS, MMFR0, 44, 1),      FIELD(FGT, MMFR0, 56, 1),     FIELD(ECV, MMFR0, 60, 1),
    FIELD(ECV_POFF, MMFR0, 60, 2), FIELD(HAFDBS, MMFR1, 0, 1),   FIELD(VMID16, MMFR1, 4, 2),
    FIELD(VHE, MMFR1, 8, 1),       FIELD(HPDS, MMFR1, 12, 1),    FIELD(HPDS2, MMFR1, 12, 2),
    FIELD(LOR, MMFR1, 16, 1),      FIELD(PAN, MMFR1, 20, 1),     FIELD(PAN2, MMFR1, 20, 2),
    FIELD(XNX, MMFR1, 28, 1),      FIELD(CNP, MMFR2, 0, 1),      FIELD(UAO, MMFR2, 4, 1),
    FIELD(IESB, MMFR2, 12, 1),     FIELD(LVA, MMFR2, 16, 1),     FIELD(NV, MMFR2, 24, 1),
    FIELD(LSE2, MMFR2, 32, 1),     FIELD(IDST, MMFR2, 36, 1),    FIELD(S2FWB, MMFR2, 40, 1),
    FIELD(TTL, MMFR2, 48, 1),      FIELD(EVT, MMFR2, 56, 2),     FIELD(E0PD, MMFR2, 60, 1),
    FIELD(TRF, DFR0, 40, 1),
};

static unsigned field(const struct a64_cpu *cpu, unsigned enc, unsigned shift)
{
    return a64_id(cpu, enc) >> shift & 15;
}

static void set_feature(struct a64_cpu *cpu, enum a64_feat feat, bool present)
{
    if (present)
        a64_feature_add(&cpu->feat, feat);
}

/* Features whose fields are not ordered, or are told by two fields. */
static void derive_special(struct a64_cpu *cpu)
{
    const unsigned qarma = field(cpu, ISAR1, 4), impdef = field(cpu, ISAR1, 8);
    const unsigned pauth = qarma ? qarma : impdef;
    const unsigned pmu = field(cpu, DFR0, 8);
    set_feature(cpu, A64_FEAT_BASE, true);
    set_feature(cpu, A64_FEAT_PAuth, pauth >= 1);
    set_feature(cpu, A64_FEAT_EPAC, pauth == 2);
    set_feature(cpu, A64_FEAT_PAuth2, pauth >= 3);
    set_feature(cpu, A64_FEAT_FPAC, pauth >= 4);
    set_feature(cpu, A64_FEAT_FPACCOMBINE, pauth >= 5);
    set_feature(cpu, A64_FEAT_FP16, field(cpu, PFR0, 16) == 1);
    set_feature(cpu, A64_FEAT_PMUv3, pmu >= 1 && pmu < 15);
    set_feature(cpu, A64_FEAT_DoubleLock, field(cpu, DFR0, 36) == 0);
}

static void derive_features(struct a64_cpu *cpu)
{
    cpu->feat = (struct a64_features){{0, 0}};
    for (unsigned k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
        set_feature(cpu, (enum a64_feat)fields[k].feat,
                    field(cpu, fields[k].enc, fields[k].shift) >= fields[k].min);
    derive_special(cpu);
    for (const enum a64_feat *extra = cpu->model->features; *extra != A64_FEAT_COUNT; extra++)
        a64_feature_add(&cpu->feat, *extra);
}

/* ---- identification ---- */

/* Where the value of an ID register is kept; NULL: not one. */
static uint64_t *id_slot(struct a64_cpu *cpu, unsigned enc)
{
    switch (enc) {
    case A64_SYSREG(3, 1, 0, 0, 1):
        return &cpu->sr.misc[A64_MISC_CLIDR];
    case A64_SYSREG(3, 1, 0, 0, 7):
        return &cpu->sr.misc[A64_MISC_AIDR];
    case CTR:
        return &cpu->sr.misc[A64_MISC_CTR];
    case A64_SYSREG(3, 3, 0, 0, 7):
        return &cpu->sr.misc[A64_MISC_DCZID];
    }
    if (enc >= A64_SYSREG(3, 0, 0, 0, 0) && enc <= A64_SYSREG(3, 0, 0, 7, 7))
        return &cpu->sr.misc[A64_MISC_ID + (enc & 63)];
    return NULL;
}

uint64_t a64_id(const struct a64_cpu *cpu, unsigned enc)
{
    const uint64_t *slot = id_slot((struct a64_cpu *)cpu, enc);
    return slot ? *slot : 0;
}

bool a64_is_apple(const struct a64_cpu *cpu)
{
    return cpu->model && cpu->model->ids[0].value >> 24 == MIDR_APPLE;
}

uint64_t a64_model_ccsidr(const struct a64_model *model, unsigned level, bool instruction)
{
    return model && level < A64_CACHE_LEVELS ? model->ccsidr[instruction][level] : 0;
}

static void set_ids(struct a64_cpu *cpu, const struct a64_id_value *ids)
{
    for (; ids->enc; ids++)
        *id_slot(cpu, ids->enc) = ids->value;
}

/* ID_AA64MMFR0_EL1.PARange, or -1 for a width that the architecture does not have. */
static int parange(unsigned bits)
{
    static const uint8_t widths[] = {32, 36, 40, 42, 44, 48};
    for (unsigned k = 0; k < sizeof(widths); k++) {
        if (widths[k] == bits)
            return (int)k;
    }
    return -1;
}

static int apply_options(struct a64_cpu *cpu, const struct a64_model_options *options)
{
    uint64_t *pfr0 = id_slot(cpu, PFR0), *mmfr0 = id_slot(cpu, MMFR0);
    *pfr0 = (*pfr0 & ~(15 * PFR0_GIC)) | (options->gic ? PFR0_GIC : 0);
    if (options->pa_bits) {
        const int range = parange(options->pa_bits);
        if (range < 0)
            return -EINVAL;
        *mmfr0 = (*mmfr0 & ~MMFR0_PARANGE) | (uint64_t)range;
    }
    if (options->vipt)
        *id_slot(cpu, CTR) = (*id_slot(cpu, CTR) & ~CTR_L1IP) | CTR_L1IP_VIPT;
    cpu->e2h_fixed = options->el2 && options->e2h_fixed;
    return 0;
}

uint64_t a64_model_id(const struct a64_model *model, const struct a64_model_options *options,
                      unsigned enc)
{
    struct a64_cpu cpu = {.model = model};
    set_ids(&cpu, model->ids);
    if (options->el2)
        set_ids(&cpu, model->el2_ids);
    return apply_options(&cpu, options) ? 0 : a64_id(&cpu, enc);
}

/* ---- a CPU ---- */

int a64_cpu_init(struct a64_cpu *cpu, struct a64_system *sys, const struct a64_model *model,
                 const struct a64_model_options *options)
{
    cpu->sys = sys;
    cpu->model = model;
    set_ids(cpu, model->ids);
    if (options->el2)
        set_ids(cpu, model->el2_ids);
    *id_slot(cpu, A64_SYSREG(3, 0, 0, 0, 5)) = MPIDR_RES1 | cpu->index;
    int error = apply_options(cpu, options);
    if (error)
        return error;
    derive_features(cpu);
    error = a64_sysreg_init(cpu);
    if (!error)
        error = a64_mmu_init(cpu);
    if (error) {
        a64_sysreg_free(cpu);
        return error;
    }
    a64_cpu_reset(cpu);
    return 0;
}

void a64_cpu_free(struct a64_cpu *cpu)
{
    a64_mmu_free(cpu);
    a64_sysreg_free(cpu);
}

/* Everything of sr but the ID registers, which are the model's and the monitor's. */
static void reset_sysregs(struct a64_cpu *cpu)
{
    uint64_t ids[A64_MISC_DCZID + 1];
    memcpy(ids, cpu->sr.misc, sizeof(ids));
    memset(&cpu->sr, 0, sizeof(cpu->sr));
    memcpy(cpu->sr.misc, ids, sizeof(ids));
    a64_sysreg_reset(cpu);
    cpu->sr.sctlr[1] = SCTLR_EL1_RESET;
    cpu->sr.par_el1 = PAR_RESET;
    cpu->sr.hcr_el2 = A64_HCR_RW | (cpu->e2h_fixed ? A64_HCR_E2H : 0);
    cpu->sr.vpidr_el2 = cpu->sr.misc[A64_MISC_ID];
    cpu->sr.vmpidr_el2 = cpu->sr.misc[A64_MISC_ID + 5];
    if (a64_has(&cpu->feat, A64_FEAT_PMUv3))
        cpu->sr.mdcr_el2 = A64_PMU_COUNTERS;
    /* Without EL2 the guest is some hypervisor's, whose host unlocked the OS lock long ago. */
    if (!a64_el2_enabled(cpu))
        cpu->sr.oslsr_el1 &= ~A64_OSLSR_OSLK;
}

/* Outputs of what reset is about to clear. */
static void lower_wires(struct a64_cpu *cpu)
{
    for (unsigned id = 0; id < A64_TIMER_COUNT; id++) {
        cpu->timer[id].cval = 0;
        cpu->timer[id].ctl = 0;
        if (cpu->timer[id].output)
            a64_timer_update(cpu);
    }
    cpu->pmu.pmcr = 0;
    cpu->sr.mdcr_el2 = 0;
    a64_pmu_update(cpu);
    memset(&cpu->pmu, 0, sizeof(cpu->pmu));
    cpu->pmu.seen_icount = cpu->icount;
}

void a64_cpu_reset(struct a64_cpu *cpu)
{
    lower_wires(cpu);
    memset(cpu->x, 0, sizeof(cpu->x));
    memset(cpu->v, 0, sizeof(cpu->v));
    memset(cpu->sp_el, 0, sizeof(cpu->sp_el));
    cpu->sp = cpu->pc = 0;
    cpu->fpcr = cpu->fpsr = 0;
    __atomic_store_n(&cpu->event, false, __ATOMIC_RELEASE);
    a64_clear_exclusive(cpu);
    memset(&cpu->step, 0, sizeof(cpu->step));
    memset(&cpu->ps, 0, sizeof(cpu->ps));
    reset_sysregs(cpu);
    a64_set_spsr(cpu, a64_el2_enabled(cpu) ? SPSR_EL2H : SPSR_EL1H);
}
