/* SPDX-License-Identifier: MIT */
/* CPU models.
 *
 * Apple's values are those of an M1 as a virtual machine of Apple's framework sees it and, with EL2, as the bare machine has them;
 * both are published measurements (reference sheets: hypervisor-api A5, cpu 3). `max` has everything that is implemented here.
 * Features follow from the ID registers by one table, so that the two cannot disagree. */

#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exception.h"
#include "mmu.h"
#include "sysreg.h"
#include "timer.h"

#define ID(crm, op2) A64_SYSREG(3, 0, 0, crm, op2)
#define MIDR ID(0, 0)
#define AIDR A64_SYSREG(3, 1, 0, 0, 7)
#define CLIDR A64_SYSREG(3, 1, 0, 0, 1)
#define CTR A64_SYSREG(3, 3, 0, 0, 1)
#define DCZID A64_SYSREG(3, 3, 0, 0, 7)
#define PFR0 A64_ID_AA64PFR0_EL1
#define PFR1 A64_ID_AA64PFR1_EL1
#define DFR0 A64_ID_AA64DFR0_EL1
#define ISAR0 A64_ID_AA64ISAR0_EL1
#define ISAR1 A64_ID_AA64ISAR1_EL1
#define ISAR2 A64_ID_AA64ISAR2_EL1
#define MMFR0 A64_ID_AA64MMFR0_EL1
#define MMFR1 A64_ID_AA64MMFR1_EL1
#define MMFR2 A64_ID_AA64MMFR2_EL1

#define PFR0_EL2 (1ull << 8)
#define PFR0_GIC (1ull << 24)
#define MMFR1_VH (1ull << 8)
#define RESET_EL1H 0x3c5
#define RESET_EL2H 0x3c9

static const struct a64_id_value m1_ids[] = {
    {MIDR, 0x610f0000},         {CLIDR, 0x81000023},         {CTR, 0x8444c004},
    {DCZID, 4},                 {PFR0, 0x1101000010110011},  {PFR1, 0x20},
    {DFR0, 0x10305006},         {ISAR0, 0x0221100110212120}, {ISAR1, 0x0000011110211202},
    {MMFR0, 0x000010000f100001}, {MMFR1, 0x11212000},         {MMFR2, 0x1001001100001011},
    {AIDR, 0x00980200},         {0, 0},
};

/* The bare M1, for a guest that has EL2. */
static const struct a64_id_value m1_el2_ids[] = {
    {MIDR, 0x611f0231},         {AIDR, 0x02fd5717},         {CTR, 0x84448004},
    {DFR0, 0x10305f09},         {MMFR0, 0x000012120f100001}, {MMFR1, 0x11212100},
    {MMFR2, 0x1201111100001011}, {0, 0},
};

static const struct a64_id_value m2_ids[] = {
    {MIDR, 0x610f0000},         {CLIDR, 0x81000023},         {CTR, 0x8444c004},
    {DCZID, 4},                 {PFR0, 0x1101000010110011},  {PFR1, 0x21},
    {DFR0, 0x10305006},         {ISAR0, 0x0221100110212120}, {ISAR1, 0x0010111110211402},
    {MMFR0, 0x000010000f100001}, {MMFR1, 0x11212000},         {MMFR2, 0x1001001100001011},
    {AIDR, 0x00980200},         {0, 0},
};

static const struct a64_id_value m2_el2_ids[] = {
    {MIDR, 0x611f0330},         {AIDR, 0x6afd5797},         {DFR0, 0x10305f09},
    {MMFR0, 0x110012120f100003 & 0x00ffffffffffffff},        {MMFR1, 0x11212100},
    {MMFR2, 0x1201111100001011}, {0, 0},
};

/* No PMU yet: DFR0.PMUVer is 0. */
static const struct a64_id_value max_ids[] = {
    {MIDR, 0x610f0000},         {CLIDR, 0x81000023},         {CTR, 0x8444c004},
    {DCZID, 4},                 {PFR0, 0x1101000010110011},  {PFR1, 0x21},
    {DFR0, 0x10305009},         {ISAR0, 0x0221100110212120}, {ISAR1, 0x0010111101211042},
    {ISAR2, 0x2},               {MMFR0, 0x2100121200100025}, {MMFR1, 0x10212020},
    {MMFR2, 0x1201111100001011}, {0, 0},
};

static const struct a64_id_value max_el2_ids[] = {{MMFR1, 0x10212120}, {0, 0}};

/* Features that no ID field tells of. */
static const enum a64_feat m1_extra[] = {A64_FEAT_EPAC, A64_FEAT_DoubleLock, A64_FEAT_COUNT};
static const enum a64_feat m2_extra[] = {A64_FEAT_DoubleLock, A64_FEAT_COUNT};
static const enum a64_feat max_extra[] = {A64_FEAT_COUNT};

static const struct a64_model apple_m1 = {"apple-m1", "Apple M1", m1_ids, m1_extra, m1_el2_ids};
static const struct a64_model apple_m2 = {"apple-m2", "Apple M2", m2_ids, m2_extra, m2_el2_ids};
static const struct a64_model max = {"max", "everything that is implemented", max_ids, max_extra, max_el2_ids};

const struct a64_model *const a64_models[] = {&apple_m1, &apple_m2, &max, NULL};

const struct a64_model *a64_model_find(const char *name)
{
    for (const struct a64_model *const *model = a64_models; *model; model++)
        if (!strcmp((*model)->name, name))
            return *model;
    return NULL;
}

/* L1 data and instruction caches and the L2, as the M1's efficiency cores have them. */
uint64_t a64_model_ccsidr(const struct a64_model *model, unsigned level, bool instruction)
{
    if (level == 0)
        return instruction ? 0x201fe03a : 0x700fe03a;
    return level == 1 && !instruction ? 0x70ffe07b : 0;
}

/* ---- features from ID fields: present from a field value on ---- */

static const struct {
    uint8_t feat, shift, least;
    uint16_t enc;
} fields[] = {
    {A64_FEAT_AES, 4, 1, ISAR0},      {A64_FEAT_PMULL, 4, 2, ISAR0},    {A64_FEAT_SHA1, 8, 1, ISAR0},
    {A64_FEAT_SHA256, 12, 1, ISAR0},  {A64_FEAT_SHA512, 12, 2, ISAR0},  {A64_FEAT_CRC32, 16, 1, ISAR0},
    {A64_FEAT_LSE, 20, 2, ISAR0},     {A64_FEAT_RDM, 28, 1, ISAR0},     {A64_FEAT_SHA3, 32, 1, ISAR0},
    {A64_FEAT_DotProd, 44, 1, ISAR0}, {A64_FEAT_FHM, 48, 1, ISAR0},     {A64_FEAT_FlagM, 52, 1, ISAR0},
    {A64_FEAT_FlagM2, 52, 2, ISAR0},  {A64_FEAT_TLBIOS, 56, 1, ISAR0},  {A64_FEAT_TLBIRANGE, 56, 2, ISAR0},
    {A64_FEAT_DPB, 0, 1, ISAR1},      {A64_FEAT_DPB2, 0, 2, ISAR1},     {A64_FEAT_PAuth, 4, 1, ISAR1},
    {A64_FEAT_PACQARMA5, 4, 1, ISAR1}, {A64_FEAT_PAuth2, 4, 3, ISAR1},  {A64_FEAT_FPAC, 4, 4, ISAR1},
    {A64_FEAT_PAuth, 8, 1, ISAR1},    {A64_FEAT_PAuth2, 8, 3, ISAR1},   {A64_FEAT_FPAC, 8, 4, ISAR1},
    {A64_FEAT_JSCVT, 12, 1, ISAR1},   {A64_FEAT_FCMA, 16, 1, ISAR1},    {A64_FEAT_LRCPC, 20, 1, ISAR1},
    {A64_FEAT_LRCPC2, 20, 2, ISAR1},  {A64_FEAT_FRINTTS, 32, 1, ISAR1}, {A64_FEAT_SB, 36, 1, ISAR1},
    {A64_FEAT_SPECRES, 40, 1, ISAR1}, {A64_FEAT_BF16, 44, 1, ISAR1},    {A64_FEAT_DGH, 48, 1, ISAR1},
    {A64_FEAT_I8MM, 52, 1, ISAR1},    {A64_FEAT_WFxT, 0, 2, ISAR2},     {A64_FEAT_RAS, 28, 1, PFR0},
    {A64_FEAT_DIT, 48, 1, PFR0},      {A64_FEAT_CSV2, 56, 1, PFR0},     {A64_FEAT_CSV3, 60, 1, PFR0},
    {A64_FEAT_BTI, 0, 1, PFR1},       {A64_FEAT_SSBS, 4, 1, PFR1},      {A64_FEAT_SSBS2, 4, 2, PFR1},
    {A64_FEAT_ASID16, 4, 2, MMFR0},   {A64_FEAT_ExS, 44, 1, MMFR0},     {A64_FEAT_FGT, 56, 1, MMFR0},
    {A64_FEAT_ECV, 60, 1, MMFR0},     {A64_FEAT_VMID16, 4, 2, MMFR1},   {A64_FEAT_VHE, 8, 1, MMFR1},
    {A64_FEAT_HPDS, 12, 1, MMFR1},    {A64_FEAT_HPDS2, 12, 2, MMFR1},   {A64_FEAT_LOR, 16, 1, MMFR1},
    {A64_FEAT_PAN, 20, 1, MMFR1},     {A64_FEAT_PAN2, 20, 2, MMFR1},    {A64_FEAT_XNX, 28, 1, MMFR1},
    {A64_FEAT_CNP, 0, 1, MMFR2},      {A64_FEAT_UAO, 4, 1, MMFR2},      {A64_FEAT_IESB, 12, 1, MMFR2},
    {A64_FEAT_LSE2, 32, 1, MMFR2},    {A64_FEAT_IDST, 36, 1, MMFR2},    {A64_FEAT_S2FWB, 40, 1, MMFR2},
    {A64_FEAT_TTL, 48, 1, MMFR2},     {A64_FEAT_EVT, 56, 1, MMFR2},     {A64_FEAT_E0PD, 60, 1, MMFR2},
};

static uint64_t *misc_of(struct a64_cpu *cpu, unsigned enc)
{
    switch (enc) {
    case AIDR:
        return &cpu->sr.misc[A64_MISC_AIDR];
    case CLIDR:
        return &cpu->sr.misc[A64_MISC_CLIDR];
    case CTR:
        return &cpu->sr.misc[A64_MISC_CTR];
    case DCZID:
        return &cpu->sr.misc[A64_MISC_DCZID];
    }
    return &cpu->sr.misc[A64_MISC_ID + (enc & 63)];
}

uint64_t a64_id(const struct a64_cpu *cpu, unsigned enc)
{
    return *misc_of((struct a64_cpu *)cpu, enc);
}

static void set_ids(struct a64_cpu *cpu, const struct a64_id_value *ids)
{
    for (; ids->enc; ids++)
        *misc_of(cpu, ids->enc) = ids->value;
}

/* MMFR0.PARange for BITS. */
static unsigned pa_range(unsigned bits)
{
    static const uint8_t known[] = {32, 36, 40, 42, 44, 48};
    unsigned range = 0;
    while (range < 5 && known[range] < bits)
        range++;
    return range;
}

static void apply_options(struct a64_cpu *cpu, const struct a64_model_options *options)
{
    uint64_t *pfr0 = misc_of(cpu, PFR0), *mmfr0 = misc_of(cpu, MMFR0);
    if (options->el2) {
        set_ids(cpu, cpu->model->el2_ids);
        *pfr0 |= PFR0_EL2;
    }
    if (options->gic)
        *pfr0 |= PFR0_GIC;
    if (options->pa_bits)
        *mmfr0 = (*mmfr0 & ~15ull) | pa_range(options->pa_bits);
}

static void derive_features(struct a64_cpu *cpu, const struct a64_model_options *options)
{
    a64_feature_add(&cpu->feat, A64_FEAT_BASE);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if ((a64_id(cpu, fields[i].enc) >> fields[i].shift & 15) >= fields[i].least)
            a64_feature_add(&cpu->feat, (enum a64_feat)fields[i].feat);
    /* FP16 is told by PFR0.FP = 1 (0xf: no FP at all). */
    if ((a64_id(cpu, PFR0) >> 16 & 15) == 1)
        a64_feature_add(&cpu->feat, A64_FEAT_FP16);
    for (const enum a64_feat *feat = cpu->model->features; *feat != A64_FEAT_COUNT; feat++)
        a64_feature_add(&cpu->feat, *feat);
    if (options->el2)
        a64_feature_add(&cpu->feat, A64_FEAT_EL2);
}

int a64_cpu_init(struct a64_cpu *cpu, struct a64_system *sys, const struct a64_model *model,
                 const struct a64_model_options *options)
{
    cpu->sys = sys;
    cpu->model = model;
    set_ids(cpu, model->ids);
    apply_options(cpu, options);
    derive_features(cpu, options);
    cpu->e2h_fixed = options->e2h_fixed;
    int error = a64_sysreg_init(cpu);
    if (!error)
        error = a64_mmu_init(cpu);
    if (error) {
        a64_sysreg_free(cpu);
        return error;
    }
    a64_cpu_reset(cpu);
    return 0;
}

void a64_cpu_reset(struct a64_cpu *cpu)
{
    memset(cpu->x, 0, sizeof(cpu->x));
    memset(cpu->v, 0, sizeof(cpu->v));
    memset(cpu->sp_el, 0, sizeof(cpu->sp_el));
    memset(cpu->timer, 0, sizeof(cpu->timer));
    cpu->sp = cpu->pc = 0;
    cpu->fpcr = cpu->fpsr = 0;
    cpu->excl.armed = false;
    a64_sysreg_reset(cpu);
    if (a64_el2_enabled(cpu)) {
        cpu->sr.vpidr_el2 = a64_id(cpu, MIDR);
        cpu->sr.vmpidr_el2 = a64_id(cpu, ID(0, 5));
        cpu->sr.hcr_el2 = cpu->e2h_fixed ? A64_HCR_E2H : 0;
    }
    cpu->ps = (struct a64_pstate){.el = a64_el2_enabled(cpu) ? 2 : 1, .spsel = 1, .daif = 15};
    a64_set_spsr(cpu, a64_el2_enabled(cpu) ? RESET_EL2H : RESET_EL1H);
    a64_mmu_update(cpu);
    a64_update_watch(cpu);
}

void a64_cpu_free(struct a64_cpu *cpu)
{
    a64_mmu_free(cpu);
    a64_sysreg_free(cpu);
}
