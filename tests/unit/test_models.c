/* SPDX-License-Identifier: MIT */
/* CPU models: each identification field against what the CPU executes, and no field beyond those.
 *
 * The table restates the architecture's meaning of each field value, apart from the one in model.c;
 * a field that a model sets and the table does not know fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "a64/decode.h"
#include "cpu_rig.h"

#define PFR0  A64_ID_AA64PFR0_EL1
#define PFR1  A64_ID_AA64PFR1_EL1
#define DFR0  A64_ID_AA64DFR0_EL1
#define ISAR0 A64_ID_AA64ISAR0_EL1
#define ISAR1 A64_ID_AA64ISAR1_EL1
#define ISAR2 A64_ID_AA64ISAR2_EL1
#define MMFR0 A64_ID_AA64MMFR0_EL1
#define CTR   A64_SYSREG(3, 3, 0, 0, 1)
#define MMFR1 A64_ID_AA64MMFR1_EL1
#define MMFR2 A64_ID_AA64MMFR2_EL1

/* A field: from LEAST on the feature is there. NONE: a field without a feature of ours, whose
 * allowed values the next table has. */
static const struct {
    unsigned enc, shift, least;
    enum a64_feat feat;
} meanings[] = {
    {ISAR0, 4, 1, A64_FEAT_AES},        {ISAR0, 4, 2, A64_FEAT_PMULL},
    {ISAR0, 8, 1, A64_FEAT_SHA1},       {ISAR0, 12, 1, A64_FEAT_SHA256},
    {ISAR0, 12, 2, A64_FEAT_SHA512},    {ISAR0, 16, 1, A64_FEAT_CRC32},
    {ISAR0, 20, 2, A64_FEAT_LSE},       {ISAR0, 28, 1, A64_FEAT_RDM},
    {ISAR0, 32, 1, A64_FEAT_SHA3},      {ISAR0, 44, 1, A64_FEAT_DotProd},
    {ISAR0, 48, 1, A64_FEAT_FHM},       {ISAR0, 52, 1, A64_FEAT_FlagM},
    {ISAR0, 52, 2, A64_FEAT_FlagM2},    {ISAR0, 56, 1, A64_FEAT_TLBIOS},
    {ISAR0, 56, 2, A64_FEAT_TLBIRANGE}, {ISAR1, 0, 1, A64_FEAT_DPB},
    {ISAR1, 0, 2, A64_FEAT_DPB2},       {ISAR1, 12, 1, A64_FEAT_JSCVT},
    {ISAR1, 16, 1, A64_FEAT_FCMA},      {ISAR1, 20, 1, A64_FEAT_LRCPC},
    {ISAR1, 20, 2, A64_FEAT_LRCPC2},    {ISAR1, 32, 1, A64_FEAT_FRINTTS},
    {ISAR1, 36, 1, A64_FEAT_SB},        {ISAR1, 40, 1, A64_FEAT_SPECRES},
    {ISAR1, 44, 1, A64_FEAT_BF16},      {ISAR1, 48, 1, A64_FEAT_DGH},
    {ISAR1, 52, 1, A64_FEAT_I8MM},      {ISAR2, 0, 2, A64_FEAT_WFxT},
    {PFR0, 8, 1, A64_FEAT_EL2},         {PFR0, 24, 1, A64_FEAT_GICv3},
    {PFR0, 28, 1, A64_FEAT_RAS},        {PFR0, 16, 1, A64_FEAT_FP16},
    {PFR0, 20, 1, A64_FEAT_FP16},       {PFR0, 48, 1, A64_FEAT_DIT},
    {PFR0, 56, 1, A64_FEAT_CSV2},       {PFR0, 60, 1, A64_FEAT_CSV3},
    {PFR1, 0, 1, A64_FEAT_BTI},         {PFR1, 4, 1, A64_FEAT_SSBS},
    {PFR1, 4, 2, A64_FEAT_SSBS2},       {MMFR0, 4, 2, A64_FEAT_ASID16},
    {MMFR0, 44, 1, A64_FEAT_ExS},       {MMFR0, 56, 1, A64_FEAT_FGT},
    {MMFR0, 60, 1, A64_FEAT_ECV},       {MMFR0, 60, 2, A64_FEAT_ECV_POFF},
    {MMFR1, 0, 1, A64_FEAT_HAFDBS},     {MMFR1, 4, 2, A64_FEAT_VMID16},
    {MMFR1, 8, 1, A64_FEAT_VHE},        {MMFR1, 12, 1, A64_FEAT_HPDS},
    {MMFR1, 12, 2, A64_FEAT_HPDS2},     {MMFR1, 16, 1, A64_FEAT_LOR},
    {MMFR1, 20, 1, A64_FEAT_PAN},       {MMFR1, 20, 2, A64_FEAT_PAN2},
    {MMFR1, 28, 1, A64_FEAT_XNX},       {MMFR2, 0, 1, A64_FEAT_CNP},
    {MMFR2, 4, 1, A64_FEAT_UAO},        {MMFR2, 12, 1, A64_FEAT_IESB},
    {MMFR2, 16, 1, A64_FEAT_LVA},       {MMFR2, 24, 1, A64_FEAT_NV},
    {MMFR2, 32, 1, A64_FEAT_LSE2},      {MMFR2, 36, 1, A64_FEAT_IDST},
    {MMFR2, 40, 1, A64_FEAT_S2FWB},     {MMFR2, 48, 1, A64_FEAT_TTL},
    {MMFR2, 56, 2, A64_FEAT_EVT},       {MMFR2, 60, 1, A64_FEAT_E0PD},
    {DFR0, 40, 1, A64_FEAT_TRF},
};

/* Fields that stand for something else, and the values they may have: a bit a value. */
static const struct {
    unsigned enc, shift, values;
} others[] = {
    {PFR0, 0, 1 << 1}, /* EL0: AArch64 */
    {PFR0, 4, 1 << 1}, /* EL1: AArch64 */
    {ISAR1, 4, 1 << 5},
    {ISAR1, 8, 1 << 2 | 1 << 4},
    {ISAR1, 24, 1 << 1},
    {ISAR1, 28, 1 << 1},  /* PAuth */
    {MMFR0, 0, 0x3e},     /* PARange */
    {MMFR0, 20, 1 << 1},  /* 16K granule */
    {MMFR0, 24, 1 << 15}, /* no 64K granule */
    {MMFR0, 32, 1 << 2},
    {MMFR0, 36, 1 << 1},
    {MMFR0, 40, 1 << 2},         /* the same at stage 2 */
    {MMFR1, 24, 1 << 1},         /* SpecSEI */
    {MMFR2, 44, 1 << 1},         /* reserved; the M1 has it */
    {DFR0, 0, 1 << 6 | 1 << 9},  /* debug version */
    {DFR0, 8, 1 << 1 | 1 << 15}, /* PMU */
    {DFR0, 12, 1 << 5},
    {DFR0, 20, 1 << 3},
    {DFR0, 28, 1 << 1}, /* breakpoints, watchpoints, context-aware */
};

static bool field_known(unsigned enc, unsigned shift, unsigned value)
{
    for (unsigned k = 0; k < sizeof meanings / sizeof *meanings; k++) {
        if (meanings[k].enc == enc && meanings[k].shift == shift)
            return true;
    }
    for (unsigned k = 0; k < sizeof others / sizeof *others; k++) {
        if (others[k].enc == enc && others[k].shift == shift)
            return others[k].values >> value & 1;
    }
    return false;
}

static void check_fields(const struct a64_cpu *cpu)
{
    static const unsigned regs[] = {PFR0, PFR1, DFR0, ISAR0, ISAR1, ISAR2, MMFR0, MMFR1, MMFR2};
    for (unsigned k = 0; k < sizeof meanings / sizeof *meanings; k++) {
        const unsigned value = a64_id(cpu, meanings[k].enc) >> meanings[k].shift & 15;
        const bool told = value >= meanings[k].least;
        if (told != a64_has(&cpu->feat, meanings[k].feat))
            print_error("%s: %s\n", cpu->model->name, a64_feature_name(meanings[k].feat));
        assert_int_equal(told, a64_has(&cpu->feat, meanings[k].feat));
    }
    for (unsigned r = 0; r < sizeof regs / sizeof *regs; r++) {
        for (unsigned shift = 0; shift < 64; shift += 4) {
            const unsigned value = a64_id(cpu, regs[r]) >> shift & 15;
            if (value && !field_known(regs[r], shift, value))
                print_error("%s: %s[%u] = %u\n", cpu->model->name, a64_sysreg_name(regs[r]), shift,
                            value);
            assert_true(!value || field_known(regs[r], shift, value));
        }
    }
}

static void fields_and_features(void **state)
{
    for (unsigned k = 0; a64_models[k]; k++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct cpu_rig *rig = cpu_rig_new(a64_models[k]->name, el2);
            check_fields(rig->cpu);
            assert_int_equal(a64_el2_enabled(rig->cpu), el2);
            cpu_rig_free(rig);
        }
    }
}

static void pointer_authentication(void **state)
{
    static const struct {
        const char *model;
        bool epac, pauth2, fpac, qarma;
    } cases[] = {
        {"apple-m1", true, false, false, false},
        {"apple-m2", false, true, true, false},
        {"max", false, true, true, true},
    };
    for (unsigned k = 0; k < 3; k++) {
        struct cpu_rig *rig = cpu_rig_new(cases[k].model, false);
        const struct a64_features *feat = &rig->cpu->feat;
        assert_true(a64_has(feat, A64_FEAT_PAuth));
        assert_int_equal(a64_has(feat, A64_FEAT_EPAC), cases[k].epac);
        assert_int_equal(a64_has(feat, A64_FEAT_PAuth2), cases[k].pauth2);
        assert_int_equal(a64_has(feat, A64_FEAT_FPAC), cases[k].fpac);
        assert_int_equal(a64_has(feat, A64_FEAT_PACQARMA5), cases[k].qarma);
        cpu_rig_free(rig);
    }
}

/* The values of Apple's framework, word by word. */
static void apple_values(void **state)
{
    static const struct {
        unsigned enc;
        uint64_t value;
    } m1[] = {
        {PFR0, 0x1101000010110011},
        {PFR1, 0x20},
        {DFR0, 0x10305006},
        {ISAR0, 0x0221100110212120},
        {ISAR1, 0x0000011110211202},
        {MMFR0, 0x000010000f100001},
        {MMFR1, 0x11212000},
        {MMFR2, 0x1001001100001011},
        {A64_SYSREG(3, 3, 0, 0, 1), 0x8444c004},
        {A64_SYSREG(3, 0, 0, 4, 4), 0},
        {A64_SYSREG(3, 0, 0, 4, 5), 0},
        {A64_SYSREG(3, 0, 0, 5, 1), 0},
        {A64_SYSREG(3, 1, 0, 0, 1), 0x81000023},
        {A64_SYSREG(3, 3, 0, 0, 7), 4},
        {A64_SYSREG(3, 3, 14, 0, 0), 24000000},
    };
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    for (unsigned k = 0; k < sizeof m1 / sizeof *m1; k++)
        assert_int_equal(cpu_rig_mrs(rig->cpu, m1[k].enc, NULL), m1[k].value);
    cpu_rig_msr(rig->cpu, A64_SYSREG(3, 2, 0, 0, 0), 1);
    assert_int_equal(cpu_rig_mrs(rig->cpu, A64_SYSREG(3, 1, 0, 0, 0), NULL), 0x203fe02a);
    cpu_rig_msr(rig->cpu, A64_SYSREG(3, 2, 0, 0, 0), 2);
    assert_int_equal(cpu_rig_mrs(rig->cpu, A64_SYSREG(3, 1, 0, 0, 0), NULL), 0x73ffe05b);
    cpu_rig_msr(rig->cpu, A64_SYSREG(3, 2, 0, 0, 0), 4);
    assert_int_equal(cpu_rig_mrs(rig->cpu, A64_SYSREG(3, 1, 0, 0, 0), NULL), 0);
    cpu_rig_free(rig);
}

/* With EL2: the hardware's, but for EL3 (none) and the GIC (an option). */
static void hardware_values(void **state)
{
    static const struct {
        const char *model;
        unsigned enc;
        uint64_t value;
    } cases[] = {
        {"apple-m1", A64_SYSREG(3, 0, 0, 0, 0), 0x611f0231},
        {"apple-m1", A64_SYSREG(3, 1, 0, 0, 7), 0x02fd5717},
        {"apple-m1", PFR0, 0x1101000010110111},
        {"apple-m1", PFR1, 0x20},
        {"apple-m1", DFR0, 0x10305f09},
        {"apple-m1", ISAR0, 0x0221100110212120},
        {"apple-m1", ISAR1, 0x0000011110211202},
        {"apple-m1", ISAR2, 0},
        {"apple-m1", MMFR0, 0x000012120f100001},
        {"apple-m1", MMFR1, 0x11212100},
        {"apple-m1", MMFR2, 0x1201111100001011},
        {"apple-m1", A64_SYSREG(3, 3, 0, 0, 1), 0x84448004},
        {"apple-m1", A64_SYSREG(3, 3, 0, 0, 7), 4},
        {"apple-m1", A64_SYSREG(3, 1, 0, 0, 1), 0x81000023},
        {"apple-m2", A64_SYSREG(3, 1, 0, 0, 7), 0x6afd5797},
        {"apple-m2", PFR1, 0x21},
        {"apple-m2", ISAR1, 0x0010111110211402},
        {"apple-m2", MMFR0, 0x110012120f100001},
        {"apple-m2", A64_SYSREG(3, 3, 0, 0, 1), 0x8444c004},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct cpu_rig *rig = cpu_rig_new(cases[k].model, true);
        const uint64_t value = cpu_rig_mrs(rig->cpu, cases[k].enc, NULL);
        if (value != cases[k].value)
            fail_msg("%s: %s is %#llx", cases[k].model, a64_sysreg_name(cases[k].enc),
                     (unsigned long long)value);
        cpu_rig_free(rig);
    }
}

static void options(void **state)
{
    static const struct {
        unsigned bits;
        int range;
    } widths[] = {{36, 1}, {40, 2}, {42, 3}, {44, 4}, {48, 5}, {37, -1}};
    for (unsigned k = 0; k < sizeof widths / sizeof *widths; k++) {
        struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
        struct a64_cpu *cpu = calloc(1, sizeof *cpu);
        const struct a64_model_options want = {.gic = true, .pa_bits = widths[k].bits};
        const int error = a64_cpu_init(cpu, &rig->sys, rig->cpu->model, &want);
        assert_int_equal(error != 0, widths[k].range < 0);
        if (!error) {
            assert_int_equal(a64_id(cpu, MMFR0) & 15, widths[k].range);
            assert_int_equal(a64_id(cpu, PFR0) >> 24 & 15, 1);
            a64_cpu_free(cpu);
        }
        free(cpu);
        cpu_rig_free(rig);
    }
    assert_null(a64_model_find("apple-m9"));
}

/* CTR_EL0.L1Ip of a virtual machine's models is PIPT, so that a guest invalidates new code by address, and VIPT if asked
 * for; nothing else of the register changes. */
static void instruction_cache_type(void **state)
{
    for (unsigned k = 0; a64_models[k]; k++) {
        const struct a64_model_options options[] = {{.vipt = false}, {.vipt = true}};
        const uint64_t pipt = a64_model_id(a64_models[k], &options[0], CTR);
        assert_int_equal(pipt >> 14 & 3, 3);
        assert_int_equal(a64_model_id(a64_models[k], &options[1], CTR), pipt ^ 1 << 14);
    }
}

/* Every feature that gates a row of the decode table is one that some model can have or that none
 * has. */
static void rows_have_models(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("max", true);
    for (unsigned k = 0; k < A64_ROW_COUNT; k++) {
        const enum a64_feat feat = a64_rows[k].feat;
        if (!a64_rows[k].implemented || feat == A64_FEAT_BASE)
            continue;
        if (!a64_has(&rig->cpu->feat, feat))
            print_error("%s: %s\n", a64_rows[k].name, a64_feature_name(feat));
        assert_true(a64_has(&rig->cpu->feat, feat));
    }
    cpu_rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_features),
        cmocka_unit_test(pointer_authentication),
        cmocka_unit_test(apple_values),
        cmocka_unit_test(hardware_values),
        cmocka_unit_test(options),
        cmocka_unit_test(instruction_cache_type),
        cmocka_unit_test(rows_have_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
