/* SPDX-License-Identifier: MIT */
/* The identification registers of the CPU models.
 *
 * `ids` is what a virtual machine without EL2 sees; `el2_ids` replaces some of it where the guest
 * has EL2. Apple's values of a virtual machine are those that Hypervisor.framework shows its
 * guests, those with EL2 the hardware's, without EL3 and with what is not modelled taken out (see
 * docs of each field below). `max` is everything up to Armv8.6 that is implemented here. */

#include "model.h"

#include <string.h>

#define CLIDR_EL1 A64_SYSREG(3, 1, 0, 0, 1)
#define AIDR_EL1  A64_SYSREG(3, 1, 0, 0, 7)
#define CTR_EL0   A64_SYSREG(3, 3, 0, 0, 1)
#define DCZID_EL0 A64_SYSREG(3, 3, 0, 0, 7)
#define MIDR_EL1  A64_SYSREG(3, 0, 0, 0, 0)

/* Apple's AIDR_EL1 as the framework answers it. */
#define APPLE_VM_AIDR 0x00980200
/* DC ZVA clears 64 bytes. */
#define DCZID_64 4

#define APPLE_CCSIDR                                                                               \
    {                                                                                              \
        {0x701fe03a, 0x73ffe05b},                                                                  \
        {                                                                                          \
            0x203fe02a, 0x73ffe05b                                                                 \
        }                                                                                          \
    }

static const enum a64_feat no_extra[] = {A64_FEAT_COUNT};

/* ---- apple-m1 ---- */

static const struct a64_id_value m1_ids[] = {
    {MIDR_EL1, 0x610f0000},
    {AIDR_EL1, APPLE_VM_AIDR},
    {A64_ID_AA64PFR0_EL1, 0x1101000011110011},
    {A64_ID_AA64PFR1_EL1, 0x20},
    {A64_ID_AA64DFR0_EL1, 0x10305006},
    {A64_ID_AA64ISAR0_EL1, 0x0221100110212120},
    {A64_ID_AA64ISAR1_EL1, 0x0000011110211202},
    {A64_ID_AA64MMFR0_EL1, 0x000010000f100001},
    {A64_ID_AA64MMFR1_EL1, 0x0000000011212000},
    {A64_ID_AA64MMFR2_EL1, 0x1001001100001011},
    {CTR_EL0, 0x8444c004},
    {CLIDR_EL1, 0x81000023},
    {DCZID_EL0, DCZID_64},
    {0, 0},
};

/* DFR0: Debug v8.4; the PMU is implementation defined (0xf), so PMUv3 is absent. */
static const struct a64_id_value m1_el2_ids[] = {
    {MIDR_EL1, 0x611f0231},
    {AIDR_EL1, 0x02fd5717},
    {A64_ID_AA64PFR0_EL1, 0x1101000011110111},
    {A64_ID_AA64DFR0_EL1, 0x10305f09},
    {A64_ID_AA64MMFR0_EL1, 0x000012120f100001},
    {A64_ID_AA64MMFR1_EL1, 0x0000000011212100},
    {A64_ID_AA64MMFR2_EL1, 0x1201111100001011},
    {CTR_EL0, 0x84448004},
    {0, 0},
};

static const struct a64_model apple_m1 = {
    .name = "apple-m1",
    .description = "Apple M1: Armv8.5 without BTI, PAuth with EPAC",
    .ids = m1_ids,
    .el2_ids = m1_el2_ids,
    .features = no_extra,
    .ccsidr = APPLE_CCSIDR,
};

/* ---- apple-m2: BTI, FPAC, BF16, I8MM ---- */

static const struct a64_id_value m2_ids[] = {
    {MIDR_EL1, 0x610f0000},
    {AIDR_EL1, APPLE_VM_AIDR},
    {A64_ID_AA64PFR0_EL1, 0x1101000011110011},
    {A64_ID_AA64PFR1_EL1, 0x21},
    {A64_ID_AA64DFR0_EL1, 0x10305006},
    {A64_ID_AA64ISAR0_EL1, 0x0221100110212120},
    {A64_ID_AA64ISAR1_EL1, 0x0010111110211402},
    {A64_ID_AA64MMFR0_EL1, 0x000010000f100001},
    {A64_ID_AA64MMFR1_EL1, 0x0000000011212000},
    {A64_ID_AA64MMFR2_EL1, 0x1001001100001011},
    {CTR_EL0, 0x8444c004},
    {CLIDR_EL1, 0x81000023},
    {DCZID_EL0, DCZID_64},
    {0, 0},
};

static const struct a64_id_value m2_el2_ids[] = {
    {MIDR_EL1, 0x611f0330},
    {AIDR_EL1, 0x6afd5797},
    {A64_ID_AA64PFR0_EL1, 0x1101000011110111},
    {A64_ID_AA64DFR0_EL1, 0x10305f09},
    {A64_ID_AA64MMFR0_EL1, 0x110012120f100001}, /* FGT, ECV without CNTPOFF_EL2 */
    {A64_ID_AA64MMFR1_EL1, 0x0000000011212100},
    {A64_ID_AA64MMFR2_EL1, 0x1201111100001011},
    {0, 0},
};

static const struct a64_model apple_m2 = {
    .name = "apple-m2",
    .description = "Apple M2: Armv8.6, PAuth with FPAC, BTI, BF16, I8MM",
    .ids = m2_ids,
    .el2_ids = m2_el2_ids,
    .features = no_extra,
    .ccsidr = APPLE_CCSIDR,
};

/* ---- max ---- */

static const struct a64_id_value max_ids[] = {
    {MIDR_EL1, 0x000f0510}, /* reserved for software use */
    {A64_ID_AA64PFR0_EL1, 0x1101000011110011},
    {A64_ID_AA64PFR1_EL1, 0x21},
    {A64_ID_AA64DFR0_EL1, 0x10305106},
    {A64_ID_AA64ISAR0_EL1, 0x0221100110212120},
    {A64_ID_AA64ISAR1_EL1, 0x0011111101211052}, /* QARMA5, FPACCOMBINE */
    {A64_ID_AA64ISAR2_EL1, 0x2},                /* WFxT */
    {A64_ID_AA64MMFR0_EL1, 0x200010000f100025}, /* ECV, ExS, 16-bit ASIDs, 48-bit PAs */
    {A64_ID_AA64MMFR1_EL1, 0x0000000010212000},
    {A64_ID_AA64MMFR2_EL1, 0x1001001100001011},
    {CTR_EL0, 0x8444c004},
    {CLIDR_EL1, 0x81000023},
    {DCZID_EL0, DCZID_64},
    {0, 0},
};

static const struct a64_id_value max_el2_ids[] = {
    {A64_ID_AA64PFR0_EL1, 0x1101000011110111},  {A64_ID_AA64DFR0_EL1, 0x10305109},
    {A64_ID_AA64MMFR0_EL1, 0x210012120f100025}, /* FGT */
    {A64_ID_AA64MMFR1_EL1, 0x0000000010212120}, /* VHE, 16-bit VMIDs */
    {A64_ID_AA64MMFR2_EL1, 0x1201011100001011}, {0, 0},
};

static const struct a64_model max = {
    .name = "max",
    .description = "all that is implemented, up to Armv8.6: QARMA5, FGT, ECV, WFxT, PMUv3",
    .ids = max_ids,
    .el2_ids = max_el2_ids,
    .features = no_extra,
    .ccsidr = APPLE_CCSIDR,
};

const struct a64_model *const a64_models[] = {&apple_m1, &apple_m2, &max, NULL};

const struct a64_model *a64_model_find(const char *name)
{
    for (unsigned k = 0; a64_models[k]; k++) {
        if (!strcmp(a64_models[k]->name, name))
            return a64_models[k];
    }
    return NULL;
}
