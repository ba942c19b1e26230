/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MODEL_H
#define POMONA_A64_MODEL_H

/* CPU models: a feature set and the identification registers that say the same. */

#include "cpu.h"
#include "sysreg.h"

#define A64_ID_AA64PFR0_EL1  A64_SYSREG(3, 0, 0, 4, 0)
#define A64_ID_AA64PFR1_EL1  A64_SYSREG(3, 0, 0, 4, 1)
#define A64_ID_AA64DFR0_EL1  A64_SYSREG(3, 0, 0, 5, 0)
#define A64_ID_AA64ISAR0_EL1 A64_SYSREG(3, 0, 0, 6, 0)
#define A64_ID_AA64ISAR1_EL1 A64_SYSREG(3, 0, 0, 6, 1)
#define A64_ID_AA64ISAR2_EL1 A64_SYSREG(3, 0, 0, 6, 2)
#define A64_ID_AA64MMFR0_EL1 A64_SYSREG(3, 0, 0, 7, 0)
#define A64_ID_AA64MMFR1_EL1 A64_SYSREG(3, 0, 0, 7, 1)
#define A64_ID_AA64MMFR2_EL1 A64_SYSREG(3, 0, 0, 7, 2)

#define A64_CACHE_LEVELS 8

struct a64_model {
    const char *name; /* "apple-m1" */
    const char *description;
    const struct a64_id_value *ids;     /* as a guest without EL2 sees them; ended by enc 0 */
    const struct a64_id_value *el2_ids; /* what differs where the guest has EL2 */
    const enum a64_feat
        *features; /* beyond those that the ID registers tell; ended by A64_FEAT_COUNT */
    uint64_t
        ccsidr[2][A64_CACHE_LEVELS]; /* CCSIDR_EL1 of data or unified [0], instruction [1] caches */
};

struct a64_id_value {
    uint16_t enc; /* A64_SYSREG(...) */
    uint64_t value;
};

struct a64_model_options {
    bool el2;         /* the guest has EL2 */
    bool gic;         /* PFR0.GIC = 1 */
    bool e2h_fixed;   /* HCR_EL2.E2H reads as 1 (the M1) */
    bool vipt;        /* CTR_EL0.L1Ip says VIPT; else the model's, which mostly is PIPT */
    unsigned pa_bits; /* MMFR0.PARange; 0: the model's */
};

/* By name; NULL when unknown. a64_models ends with NULL. */
const struct a64_model *a64_model_find(const char *name);
extern const struct a64_model *const a64_models[];

/* CCSIDR_EL1 of the cache at LEVEL (0: L1); 0 where there is none. */
uint64_t a64_model_ccsidr(const struct a64_model *model, unsigned level, bool instruction);

/* The value that ID register ENC has at reset in a CPU made of MODEL with OPTIONS; 0 for what is none. */
uint64_t a64_model_id(const struct a64_model *model, const struct a64_model_options *options,
                      unsigned enc);

/* Makes CPU, zeroed but for `index` and `owner`, one of MODEL: features, ID registers, reset state
 * (EL1h, or EL2h with el2; DAIF masked). MPIDR is 0x80000000 | index. Does not enter it in
 * sys->cpus. 0 or -errno. */
int a64_cpu_init(struct a64_cpu *cpu, struct a64_system *sys, const struct a64_model *model,
                 const struct a64_model_options *options);
/* A cold reset; ID registers, icount and interrupt lines stay. */
void a64_cpu_reset(struct a64_cpu *cpu);
void a64_cpu_free(struct a64_cpu *cpu);
/* Whether the CPU is made by Apple, going by the model. */
bool a64_is_apple(const struct a64_cpu *cpu);
/* The guest's own value of an ID register. */
uint64_t a64_id(const struct a64_cpu *cpu, unsigned enc);

#endif
