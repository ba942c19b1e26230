/* SPDX-License-Identifier: MIT */
/* The identification registers.
 *
 * Their values come from the CPU model (model_ids.c) and from the monitor, which may set each of
 * them; what a guest reads is what was set last. The space op0 3, op1 0, CRn 0, CRm 1..7 has a row
 * for every encoding: those that the architecture has not allocated read as zero. Facts: Arm ARM
 * D19.1 ("Identification registers"), FEAT_IDST, HCR_EL2.{TID1,TID2,TID3,TID4}. */

#include "exception.h"
#include "model.h"
#include "sysreg_sets.h"

#define ID_OFFSET(crm, op2) AT_MISC((crm)*8 + (op2))

/* An ID register of group 3. */
#define ID(NAME, crm, op2)                                                                         \
    SYSREG(NAME, 3, 0, 0, crm, op2, 1, A64_NEVER, ID_OFFSET(crm, op2), .flags = A64_SR_ID,         \
           .trap_read = A64_HCR_TID3)
#define RESERVED(crm, op2) ID("ID_S3_0_C0_C" #crm "_" #op2, crm, op2)

static uint64_t read_midr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    if (cpu->ps.el == 1 && a64_el2_enabled(cpu))
        return cpu->sr.vpidr_el2;
    return cpu->sr.misc[A64_MISC_ID];
}

static uint64_t read_mpidr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    if (cpu->ps.el == 1 && a64_el2_enabled(cpu))
        return cpu->sr.vmpidr_el2;
    return cpu->sr.misc[A64_MISC_ID + 5];
}

/* CTR_EL0 at EL0: SCTLR.UCT. */
static unsigned check_ctr(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return cpu->ps.el == 0 && !(a64_sctlr(cpu) & A64_SCTLR_UCT) ? a64_regime_el(cpu) : 0;
}

/* DZP tells whether DC ZVA is prohibited here. */
static uint64_t read_dczid(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    const unsigned el = cpu->ps.el;
    const bool el0 = el == 0 && !(a64_sctlr(cpu) & A64_SCTLR_DZE);
    const bool el2 = el < 2 && !a64_e2h_tge(cpu) && (a64_hcr(cpu) & A64_HCR_TDZ);
    const uint64_t prohibited =
        el0 || el2 || a64_fgt_trap(cpu, cpu->sr.hfgitr_el2, 11) ? 1 << 4 : 0;
    return cpu->sr.misc[A64_MISC_DCZID] | prohibited;
}

static uint64_t read_ccsidr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    const uint64_t select = cpu->sr.csselr_el1;
    return a64_model_ccsidr(cpu->model, select >> 1 & 7, select & 1);
}

static const struct a64_sysreg rows[] = {
    /* AT_MISC(0) is at a non-zero offset, as every member of sr. */
    SYSREG("MIDR_EL1", 3, 0, 0, 0, 0, 1, A64_NEVER, ID_OFFSET(0, 0), .flags = A64_SR_ID,
           .read = read_midr, .fgt = A64_FGT_HFG(25)),
    SYSREG("MPIDR_EL1", 3, 0, 0, 0, 5, 1, A64_NEVER, ID_OFFSET(0, 5), .flags = A64_SR_ID,
           .read = read_mpidr, .fgt = A64_FGT_HFG(26)),
    SYSREG("REVIDR_EL1", 3, 0, 0, 0, 6, 1, A64_NEVER, ID_OFFSET(0, 6), .flags = A64_SR_ID,
           .trap_read = A64_HCR_TID1, .fgt = A64_FGT_HFG(28)),

    /* AArch32's: this CPU has none, they read as zero. */
    ID("ID_PFR0_EL1", 1, 0),
    ID("ID_PFR1_EL1", 1, 1),
    ID("ID_DFR0_EL1", 1, 2),
    ID("ID_AFR0_EL1", 1, 3),
    ID("ID_MMFR0_EL1", 1, 4),
    ID("ID_MMFR1_EL1", 1, 5),
    ID("ID_MMFR2_EL1", 1, 6),
    ID("ID_MMFR3_EL1", 1, 7),
    ID("ID_ISAR0_EL1", 2, 0),
    ID("ID_ISAR1_EL1", 2, 1),
    ID("ID_ISAR2_EL1", 2, 2),
    ID("ID_ISAR3_EL1", 2, 3),
    ID("ID_ISAR4_EL1", 2, 4),
    ID("ID_ISAR5_EL1", 2, 5),
    ID("ID_MMFR4_EL1", 2, 6),
    ID("ID_ISAR6_EL1", 2, 7),
    ID("MVFR0_EL1", 3, 0),
    ID("MVFR1_EL1", 3, 1),
    ID("MVFR2_EL1", 3, 2),
    RESERVED(3, 3),
    ID("ID_PFR2_EL1", 3, 4),
    ID("ID_DFR1_EL1", 3, 5),
    ID("ID_MMFR5_EL1", 3, 6),
    RESERVED(3, 7),

    ID("ID_AA64PFR0_EL1", 4, 0),
    ID("ID_AA64PFR1_EL1", 4, 1),
    ID("ID_AA64PFR2_EL1", 4, 2),
    RESERVED(4, 3),
    ID("ID_AA64ZFR0_EL1", 4, 4),
    ID("ID_AA64SMFR0_EL1", 4, 5),
    RESERVED(4, 6),
    ID("ID_AA64FPFR0_EL1", 4, 7),
    ID("ID_AA64DFR0_EL1", 5, 0),
    ID("ID_AA64DFR1_EL1", 5, 1),
    ID("ID_AA64DFR2_EL1", 5, 2),
    RESERVED(5, 3),
    ID("ID_AA64AFR0_EL1", 5, 4),
    ID("ID_AA64AFR1_EL1", 5, 5),
    RESERVED(5, 6),
    RESERVED(5, 7),
    ID("ID_AA64ISAR0_EL1", 6, 0),
    ID("ID_AA64ISAR1_EL1", 6, 1),
    ID("ID_AA64ISAR2_EL1", 6, 2),
    ID("ID_AA64ISAR3_EL1", 6, 3),
    RESERVED(6, 4),
    RESERVED(6, 5),
    RESERVED(6, 6),
    RESERVED(6, 7),
    ID("ID_AA64MMFR0_EL1", 7, 0),
    ID("ID_AA64MMFR1_EL1", 7, 1),
    ID("ID_AA64MMFR2_EL1", 7, 2),
    ID("ID_AA64MMFR3_EL1", 7, 3),
    ID("ID_AA64MMFR4_EL1", 7, 4),
    RESERVED(7, 5),
    RESERVED(7, 6),
    RESERVED(7, 7),

    SYSREG("CCSIDR_EL1", 3, 1, 0, 0, 0, 1, A64_NEVER, .read = read_ccsidr, .flags = A64_SR_ID,
           .trap_read = A64_HCR_TID2 | A64_HCR_TID4, .fgt = A64_FGT_HFG(9)),
    SYSREG("CLIDR_EL1", 3, 1, 0, 0, 1, 1, A64_NEVER, AT_MISC(A64_MISC_CLIDR), .flags = A64_SR_ID,
           .trap_read = A64_HCR_TID2 | A64_HCR_TID4, .fgt = A64_FGT_HFG(10)),
    SYSREG("AIDR_EL1", 3, 1, 0, 0, 7, 1, A64_NEVER, AT_MISC(A64_MISC_AIDR), .flags = A64_SR_ID,
           .trap_read = A64_HCR_TID1, .fgt = A64_FGT_HFG(2)),
    SYSREG("CSSELR_EL1", 3, 2, 0, 0, 0, 1, 1, AT_SR(csselr_el1), .write_mask = 0xf,
           .trap_read = A64_HCR_TID2 | A64_HCR_TID4, .trap_write = A64_HCR_TID2 | A64_HCR_TID4,
           .fgt = A64_FGT_HFG(13)),
    SYSREG("CTR_EL0", 3, 3, 0, 0, 1, 0, A64_NEVER, AT_MISC(A64_MISC_CTR), .flags = A64_SR_ID,
           .trap_read = A64_HCR_TID2, .check = check_ctr, .fgt = A64_FGT_HFG(14)),
    SYSREG("DCZID_EL0", 3, 3, 0, 0, 7, 0, A64_NEVER, AT_MISC(A64_MISC_DCZID), .flags = A64_SR_ID,
           .read = read_dczid, .fgt = A64_FGT_HFG(15)),
};

SYSREG_SET(a64_sysregs_id, rows);
