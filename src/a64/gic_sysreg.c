/* SPDX-License-Identifier: MIT */
/* The GIC's system registers as the guest reaches them: rows of the system register table, and who
 * sees which interface. At EL1 the virtual interface answers for Group 0 when HCR_EL2.FMO is set,
 * for Group 1 with IMO, for what both share with either; ICH_HCR_EL2 traps by the same classes, and
 * SGIs of a guest always trap. IHI 0069 12.1. */

#include "exception.h"
#include "gic_cpu.h"
#include "sysreg.h"
#include "sysreg_sets.h"

/* Which class of registers a row belongs to (its index). */
enum { CLASS_GROUP0, CLASS_GROUP1, CLASS_COMMON, CLASS_DIR, CLASS_SGI, CLASS_SRE, CLASS_HYP };

/* Whether CPU at its EL sees the virtual interface of CLASS. */
static bool sees_virtual(const struct a64_cpu *cpu, unsigned class)
{
    const uint64_t hcr = cpu->ps.el == 1 ? a64_hcr(cpu) : 0;
    switch (class) {
    case CLASS_GROUP0:
        return hcr & A64_HCR_FMO;
    case CLASS_GROUP1:
        return hcr & A64_HCR_IMO;
    case CLASS_COMMON:
    case CLASS_DIR:
    case CLASS_SGI:
        return hcr & (A64_HCR_FMO | A64_HCR_IMO);
    default:
        return false;
    }
}

static unsigned check(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    static const uint64_t traps[] = {
        [CLASS_GROUP0] = ICH_HCR_TALL0,
        [CLASS_GROUP1] = ICH_HCR_TALL1,
        [CLASS_COMMON] = ICH_HCR_TC,
        [CLASS_DIR] = ICH_HCR_TC | ICH_HCR_TDIR,
        [CLASS_SGI] = ICH_HCR_TC,
        [CLASS_SRE] = 0,
        [CLASS_HYP] = 0,
    };
    if (cpu->ps.el != 1 || !a64_el2_enabled(cpu))
        return 0;
    if (cpu->gic->ich_hcr & traps[reg->index])
        return 2;
    return reg->index == CLASS_SGI && sees_virtual(cpu, CLASS_SGI) ? 2 : 0;
}

static uint64_t read_gic(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    struct gic_cpu *gic = cpu->gic;
    uint64_t value = 0;
    gic->ops->lock(gic);
    if (reg->index == CLASS_HYP)
        gic_ich_read(gic, reg->enc, &value);
    else if (sees_virtual(cpu, reg->index))
        gic_icv_read(gic, reg->enc, &value);
    else
        gic_icc_read(gic, reg->enc, &value);
    gic->ops->unlock(gic);
    return value;
}

static void write_gic(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    struct gic_cpu *gic = cpu->gic;
    gic->ops->lock(gic);
    if (reg->index == CLASS_HYP)
        gic_ich_write(gic, reg->enc, value);
    else if (sees_virtual(cpu, reg->index))
        gic_icv_write(gic, reg->enc, value);
    else
        gic_icc_write(gic, reg->enc, value);
    gic->ops->unlock(gic);
}

/* READ and WRITE are the lowest Exception levels that may. */
#define GIC(NAME, CLASS, READ, WRITE, ...)                                                         \
    {                                                                                              \
        .name = #NAME, .enc = NAME, .min_el = READ, .write_el = WRITE, .index = CLASS,             \
        .flags = A64_SR_GIC | A64_SR_READ | A64_SR_SYNC, .read = read_gic, .write = write_gic,     \
        .check = check, __VA_ARGS__                                                                \
    }
#define ICH(NAME, ENC, WRITE)                                                                      \
    {                                                                                              \
        .name = NAME, .enc = ENC, .min_el = 2, .write_el = WRITE, .feat = A64_FEAT_EL2,            \
        .index = CLASS_HYP, .flags = A64_SR_GIC | A64_SR_READ | A64_SR_SYNC, .read = read_gic,     \
        .write = write_gic                                                                         \
    }

static const struct a64_sysreg rows[] = {
    GIC(ICC_PMR_EL1, CLASS_COMMON, 1, 1),
    GIC(ICC_IAR0_EL1, CLASS_GROUP0, 1, A64_NEVER),
    GIC(ICC_EOIR0_EL1, CLASS_GROUP0, A64_NEVER, 1),
    GIC(ICC_HPPIR0_EL1, CLASS_GROUP0, 1, A64_NEVER),
    GIC(ICC_BPR0_EL1, CLASS_GROUP0, 1, 1),
    GIC(ICC_AP0R0_EL1, CLASS_GROUP0, 1, 1),
    GIC(ICC_AP1R0_EL1, CLASS_GROUP1, 1, 1),
    GIC(ICC_DIR_EL1, CLASS_DIR, A64_NEVER, 1),
    GIC(ICC_RPR_EL1, CLASS_COMMON, 1, A64_NEVER),
    GIC(ICC_SGI1R_EL1, CLASS_SGI, A64_NEVER, 1),
    GIC(ICC_ASGI1R_EL1, CLASS_SGI, A64_NEVER, 1),
    GIC(ICC_SGI0R_EL1, CLASS_SGI, A64_NEVER, 1),
    GIC(ICC_IAR1_EL1, CLASS_GROUP1, 1, A64_NEVER),
    GIC(ICC_EOIR1_EL1, CLASS_GROUP1, A64_NEVER, 1),
    GIC(ICC_HPPIR1_EL1, CLASS_GROUP1, 1, A64_NEVER),
    GIC(ICC_BPR1_EL1, CLASS_GROUP1, 1, 1),
    GIC(ICC_CTLR_EL1, CLASS_COMMON, 1, 1),
    GIC(ICC_SRE_EL1, CLASS_SRE, 1, 1),
    GIC(ICC_IGRPEN0_EL1, CLASS_GROUP0, 1, 1, .fgt = A64_FGT_HFG(39)),
    GIC(ICC_IGRPEN1_EL1, CLASS_GROUP1, 1, 1, .fgt = A64_FGT_HFG(39)),
    {.name = "ICC_SRE_EL2",
     .enc = ICC_SRE_EL2,
     .min_el = 2,
     .write_el = 2,
     .feat = A64_FEAT_EL2,
     .index = CLASS_SRE,
     .flags = A64_SR_GIC | A64_SR_READ,
     .read = read_gic,
     .write = write_gic},
    ICH("ICH_AP0R0_EL2", ICH_AP0R0_EL2, 2),
    ICH("ICH_AP1R0_EL2", ICH_AP1R0_EL2, 2),
    ICH("ICH_HCR_EL2", ICH_HCR_EL2, 2),
    ICH("ICH_VTR_EL2", ICH_VTR_EL2, A64_NEVER),
    ICH("ICH_MISR_EL2", ICH_MISR_EL2, A64_NEVER),
    ICH("ICH_EISR_EL2", ICH_EISR_EL2, A64_NEVER),
    ICH("ICH_ELRSR_EL2", ICH_ELRSR_EL2, A64_NEVER),
    ICH("ICH_VMCR_EL2", ICH_VMCR_EL2, 2),
    ICH("ICH_LR0_EL2", ICH_LR0_EL2 + 0, 2),
    ICH("ICH_LR1_EL2", ICH_LR0_EL2 + 1, 2),
    ICH("ICH_LR2_EL2", ICH_LR0_EL2 + 2, 2),
    ICH("ICH_LR3_EL2", ICH_LR0_EL2 + 3, 2),
    ICH("ICH_LR4_EL2", ICH_LR0_EL2 + 4, 2),
    ICH("ICH_LR5_EL2", ICH_LR0_EL2 + 5, 2),
    ICH("ICH_LR6_EL2", ICH_LR0_EL2 + 6, 2),
    ICH("ICH_LR7_EL2", ICH_LR0_EL2 + 7, 2),
};

SYSREG_SET(a64_sysregs_gic, rows);
