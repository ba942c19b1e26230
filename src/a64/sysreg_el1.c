/* SPDX-License-Identifier: MIT */
/* System registers of EL0 and EL1 but timers, debug, identification and the GIC.
 *
 * Most are plain storage: the row says who may touch them, which HCR_EL2 bits trap them and what
 * must be brought up to date after a write. Fields of features that a model lacks are not masked
 * out where nothing reads them. Facts: Arm ARM D19.2, C5.2 (special-purpose registers). */

#include "exception.h"
#include "mmu.h"
#include "sysreg_sets.h"
#include "system.h"

/* Stage-1 translation controls. */
#define VM_REG(NAME, crn, crm, op2, FIELD, BIT, ...)                                               \
    SYSREG(NAME, 3, 0, crn, crm, op2, 1, 1, AT_SR(FIELD), .trap_read = A64_HCR_TRVM,               \
           .trap_write = A64_HCR_TVM, .fgt = A64_FGT_HFG(BIT), __VA_ARGS__)
#define REGIME .flags = A64_SR_SYNC | A64_SR_MMU

static unsigned check_fp(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return A64_CHECK_FP;
}

static uint64_t read_fpcr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->fpcr;
}

/* AHP, DN, FZ, RMode, FZ16: no trapped exceptions, no FEAT_AFP. */
static void write_fpcr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    const uint32_t fz16 = a64_has(&cpu->feat, A64_FEAT_FP16) ? 1u << 19 : 0;
    cpu->fpcr = (uint32_t)value & (0x07c00000u | fz16);
}

static uint64_t read_fpsr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->fpsr;
}

static void write_fpsr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->fpsr = (uint32_t)value & 0x0800009fu;
}

/* ---- PSTATE as registers ---- */

static uint64_t read_nzcv(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->nzcv;
}

static void write_nzcv(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->nzcv = (uint32_t)value & 0xf0000000u;
}

/* SCTLR_EL2 has no UMA: a host's applications never may. */
static unsigned check_daif(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const bool allowed = !a64_e2h_tge(cpu) && (a64_sctlr(cpu) & A64_SCTLR_UMA);
    return cpu->ps.el == 0 && !allowed ? a64_regime_el(cpu) : 0;
}

static uint64_t read_daif(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return (uint64_t)cpu->ps.daif << 6;
}

static void write_daif(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->ps.daif = value >> 6 & 15;
}

static uint64_t read_current_el(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return (uint64_t)cpu->ps.el << 2;
}

static uint64_t read_spsel(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->ps.spsel;
}

static void write_spsel(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_select_el(cpu, cpu->ps.el, value & 1);
}

/* A one-bit PSTATE field: INDEX is its member's offset in a64_pstate, RESET its bit number here. */
static uint64_t read_flag(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return (uint64_t) * ((bool *)&cpu->ps + reg->index) << reg->reset;
}

static void write_flag(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    *((bool *)&cpu->ps + reg->index) = value >> reg->reset & 1;
}

#define FLAG(NAME, crm, op2, EL, FEAT, MEMBER, BIT, ...)                                           \
    SYSREG(NAME, 3, EL ? 0 : 3, 4, crm, op2, EL, EL, .feat = A64_FEAT_##FEAT,                      \
           .index = offsetof(struct a64_pstate, MEMBER), .reset = BIT, .read = read_flag,          \
           .write = write_flag, __VA_ARGS__)

/* SP_ELn, with n the row's index. */
static uint64_t read_sp(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return a64_get_sp_el(cpu, reg->index);
}

static void write_sp(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_set_sp_el(cpu, reg->index, value);
}

static unsigned check_sp_el0(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return cpu->ps.spsel ? 0 : A64_CHECK_UNDEF;
}

/* ---- EL1 ---- */

/* CPTR_EL2.TCPAC, bit 31 in both layouts. */
static unsigned check_cpacr(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return cpu->ps.el == 1 && a64_el2_enabled(cpu) && (cpu->sr.cptr_el2 >> 31 & 1) ? 2 : 0;
}

/* Pointer-authentication keys: HCR_EL2.APK = 0 traps. */
static unsigned check_key(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return cpu->ps.el == 1 && a64_el2_enabled(cpu) && !(a64_hcr(cpu) & A64_HCR_APK) ? 2 : 0;
}

#define PAC_KEY(NAME, crm, op2, KEY, BIT)                                                          \
    SYSREG("AP" NAME "KeyLo_EL1", 3, 0, 2, crm, op2, 1, 1, AT_SR(key[KEY].lo),                     \
           .feat = A64_FEAT_PAuth, .check = check_key, .fgt = A64_FGT_HFG(BIT)),                   \
        SYSREG("AP" NAME "KeyHi_EL1", 3, 0, 2, crm, (op2) + 1, 1, 1, AT_SR(key[KEY].hi),           \
               .feat = A64_FEAT_PAuth, .check = check_key, .fgt = A64_FGT_HFG(BIT))

/* ISR_EL1: what is pending for EL1 (or, at EL2, physically), whatever the masks. */
static uint64_t read_isr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    static const struct {
        uint32_t physical, virtual_line;
        uint64_t route, inject;
        unsigned bit;
    } kinds[] = {
        {A64_LINE_FIQ, A64_LINE_VFIQ, A64_HCR_FMO, A64_HCR_VF, 6},
        {A64_LINE_IRQ, A64_LINE_VIRQ, A64_HCR_IMO, A64_HCR_VI, 7},
        {A64_LINE_SERROR, 0, A64_HCR_AMO, A64_HCR_VSE, 8},
    };
    const uint32_t lines = atomic_load(&cpu->lines);
    const uint64_t hcr = a64_hcr(cpu);
    uint64_t isr = 0;
    for (unsigned k = 0; k < 3; k++) {
        const bool virtual_view = cpu->ps.el == 1 && (hcr & kinds[k].route);
        const bool pending = virtual_view
                                 ? (lines & kinds[k].virtual_line) || (hcr & kinds[k].inject)
                                 : lines & kinds[k].physical;
        isr |= (uint64_t)pending << kinds[k].bit;
    }
    return isr;
}

/* RVBAR_EL1 is there where EL1 is the highest Exception level. */
static unsigned check_highest(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return a64_el2_enabled(cpu) ? A64_CHECK_UNDEF : 0;
}

/* DISR_EL1 at EL1 is VDISR_EL2 while SErrors are virtual. */
static uint64_t *disr(struct a64_cpu *cpu)
{
    const bool virtual_view = cpu->ps.el == 1 && (a64_hcr(cpu) & A64_HCR_AMO);
    return virtual_view ? &cpu->sr.vdisr_el2 : &cpu->sr.disr_el1;
}

static uint64_t read_disr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return *disr(cpu);
}

static void write_disr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    *disr(cpu) = value & 0x81ffffffull;
}

/* Apple's ACTLR_EL1: of its bits only EnTSO means something here (and TSO always holds). */
#define ACTLR_ENTSO (1ull << 1)

static uint64_t read_actlr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->sr.actlr[reg->index];
}

static void write_actlr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.actlr[reg->index] = value & ACTLR_ENTSO;
}

static const struct a64_sysreg rows[] = {
    VM_REG("SCTLR_EL1", 1, 0, 0, sctlr[1], 29, .reset = 0x30100180, REGIME | A64_SR_WATCH),
    SYSREG("ACTLR_EL1", 3, 0, 1, 0, 1, 1, 1, .index = 1, .read = read_actlr, .write = write_actlr,
           .trap_read = A64_HCR_TACR, .trap_write = A64_HCR_TACR),
    SYSREG("CPACR_EL1", 3, 0, 1, 0, 2, 1, 1, AT_SR(cpacr_el1), .check = check_cpacr,
           .flags = A64_SR_SYNC | A64_SR_WATCH, .fgt = A64_FGT_HFG(12)),
    SYSREG("SMPRI_EL1", 3, 0, 1, 2, 4, 1, 1, AT_MISC(A64_MISC_SMPRI), .feat = A64_FEAT_ABSENT),
    SYSREG("SMCR_EL1", 3, 0, 1, 2, 6, 1, 1, AT_MISC(A64_MISC_SMCR), .feat = A64_FEAT_ABSENT),
    VM_REG("TTBR0_EL1", 2, 0, 0, ttbr0[1], 36, REGIME),
    VM_REG("TTBR1_EL1", 2, 0, 1, ttbr1[1], 37, REGIME),
    VM_REG("TCR_EL1", 2, 0, 2, tcr[1], 32, REGIME),
    PAC_KEY("IA", 1, 0, A64_KEY_IA, 7),
    PAC_KEY("IB", 1, 2, A64_KEY_IB, 8),
    PAC_KEY("DA", 2, 0, A64_KEY_DA, 4),
    PAC_KEY("DB", 2, 2, A64_KEY_DB, 5),
    PAC_KEY("GA", 3, 0, A64_KEY_GA, 6),

    SYSREG("SPSR_EL1", 3, 0, 4, 0, 0, 1, 1, AT_SR(spsr[1]), .write_mask = 0xffffffff),
    SYSREG("ELR_EL1", 3, 0, 4, 0, 1, 1, 1, AT_SR(elr[1])),
    SYSREG("SP_EL0", 3, 0, 4, 1, 0, 1, 1, .index = 0, .read = read_sp, .write = write_sp,
           .check = check_sp_el0),
    SYSREG("SPSel", 3, 0, 4, 2, 0, 1, 1, .read = read_spsel, .write = write_spsel),
    SYSREG("CurrentEL", 3, 0, 4, 2, 2, 1, A64_NEVER, .read = read_current_el),
    FLAG("PAN", 2, 3, 1, PAN, pan, 22, .flags = A64_SR_SYNC | A64_SR_MMU),
    FLAG("UAO", 2, 4, 1, UAO, uao, 23, .flags = A64_SR_SYNC | A64_SR_MMU),
    SYSREG("NZCV", 3, 3, 4, 2, 0, 0, 0, .read = read_nzcv, .write = write_nzcv),
    SYSREG("DAIF", 3, 3, 4, 2, 1, 0, 0, .read = read_daif, .write = write_daif, .check = check_daif,
           .flags = A64_SR_SYNC | A64_SR_IRQ | A64_SR_WATCH),
    FLAG("DIT", 2, 5, 0, DIT, dit, 24),
    FLAG("SSBS", 2, 6, 0, SSBS, ssbs, 12),
    SYSREG("FPCR", 3, 3, 4, 4, 0, 0, 0, .read = read_fpcr, .write = write_fpcr, .check = check_fp,
           .flags = A64_SR_SYNC),
    SYSREG("FPSR", 3, 3, 4, 4, 1, 0, 0, .read = read_fpsr, .write = write_fpsr, .check = check_fp,
           .flags = A64_SR_SYNC),

    VM_REG("AFSR0_EL1", 5, 1, 0, afsr0[1], 0),
    VM_REG("AFSR1_EL1", 5, 1, 1, afsr1[1], 1),
    VM_REG("ESR_EL1", 5, 2, 0, esr[1], 16),
    SYSREG("ERRIDR_EL1", 3, 0, 5, 3, 0, 1, A64_NEVER, .feat = A64_FEAT_RAS,
           .trap_read = A64_HCR_TERR, .fgt = A64_FGT_HFG(40)),
    SYSREG("ERRSELR_EL1", 3, 0, 5, 3, 1, 1, 1, .feat = A64_FEAT_RAS, .trap_read = A64_HCR_TERR,
           .trap_write = A64_HCR_TERR, .fgt = A64_FGT_HFG(41)),
    VM_REG("FAR_EL1", 6, 0, 0, far[1], 17),
    SYSREG("PAR_EL1", 3, 0, 7, 4, 0, 1, 1, AT_SR(par_el1), .reset = 0x800, .fgt = A64_FGT_HFG(27)),
    VM_REG("MAIR_EL1", 10, 2, 0, mair[1], 24, REGIME),
    VM_REG("AMAIR_EL1", 10, 3, 0, amair[1], 3),

#define LOR(NAME, op2, N, BIT, MASK)                                                               \
    SYSREG(NAME, 3, 0, 10, 4, op2, 1, 1, AT_MISC(N), .feat = A64_FEAT_LOR,                         \
           .trap_read = A64_HCR_TLOR, .trap_write = A64_HCR_TLOR, .write_mask = MASK,              \
           .fgt = A64_FGT_HFG(BIT))
    LOR("LORSA_EL1", 0, A64_MISC_LORSA, 23, 0xffffffff0001),
    LOR("LOREA_EL1", 1, A64_MISC_LOREA, 20, 0xffffffff0000),
    LOR("LORN_EL1", 2, A64_MISC_LORN, 22, 0xff),
    LOR("LORC_EL1", 3, A64_MISC_LORC, 19, 0x3fd),
    SYSREG("LORID_EL1", 3, 0, 10, 4, 7, 1, A64_NEVER, .feat = A64_FEAT_LOR,
           .trap_read = A64_HCR_TLOR, .fgt = A64_FGT_HFG(21)),

    SYSREG("VBAR_EL1", 3, 0, 12, 0, 0, 1, 1, AT_SR(vbar[1]), .write_mask = ~0x7ffull,
           .fgt = A64_FGT_HFG(38)),
    SYSREG("RVBAR_EL1", 3, 0, 12, 0, 1, 1, A64_NEVER, .check = check_highest),
    SYSREG("ISR_EL1", 3, 0, 12, 1, 0, 1, A64_NEVER, .read = read_isr, .fgt = A64_FGT_HFG(18)),
    SYSREG("DISR_EL1", 3, 0, 12, 1, 1, 1, 1, .read = read_disr, .write = write_disr,
           .feat = A64_FEAT_RAS),
    VM_REG("CONTEXTIDR_EL1", 13, 0, 1, contextidr[1], 11, .write_mask = 0xffffffff,
           .flags = A64_SR_WATCH),
    SYSREG("TPIDR_EL1", 3, 0, 13, 0, 4, 1, 1, AT_SR(tpidr[1]), .fgt = A64_FGT_HFG(33)),
    SYSREG("SCXTNUM_EL1", 3, 0, 13, 0, 7, 1, 1, AT_MISC(A64_MISC_SCXTNUM + 1),
           .feat = A64_FEAT_ABSENT),
    SYSREG("TPIDR_EL0", 3, 3, 13, 0, 2, 0, 0, AT_SR(tpidr[0]), .fgt = A64_FGT_HFG(35)),
    SYSREG("TPIDRRO_EL0", 3, 3, 13, 0, 3, 0, 1, AT_SR(tpidrro_el0), .fgt = A64_FGT_HFG(34)),
    SYSREG("TPIDR2_EL0", 3, 3, 13, 0, 5, 0, 0, AT_MISC(A64_MISC_TPIDR2), .feat = A64_FEAT_ABSENT),
    SYSREG("SCXTNUM_EL0", 3, 3, 13, 0, 7, 0, 0, AT_MISC(A64_MISC_SCXTNUM), .feat = A64_FEAT_ABSENT),
    SYSREG("SP_EL1", 3, 4, 4, 1, 0, 2, 2, .index = 1, .read = read_sp, .write = write_sp),
    SYSREG("SP_EL2", 3, 6, 4, 1, 0, A64_NEVER, A64_NEVER, .index = 2, .read = read_sp,
           .write = write_sp, .feat = A64_FEAT_EL2),
};

SYSREG_SET(a64_sysregs_el1, rows);

/* ---- MSR (immediate) ---- */

/* PSTATE.DAIF from EL0 needs SCTLR.UMA. */
static int change_daif(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned set,
                       unsigned clear)
{
    if (check_daif(cpu, NULL, true))
        return a64_sysreg_trap(cpu, insn, a64_regime_el(cpu));
    cpu->ps.daif = (uint8_t)((cpu->ps.daif | set) & ~clear);
    a64_update_watch(cpu);
    a64_recheck_interrupts(cpu);
    return A64_SYNC;
}

/* The fields that EL0 may not write. */
static int change_privileged(struct a64_cpu *cpu, unsigned op2, unsigned imm)
{
    if (cpu->ps.el == 0)
        return a64_undefined(cpu);
    if (op2 == 5) {
        a64_select_el(cpu, cpu->ps.el, imm & 1);
        return A64_SYNC;
    }
    const enum a64_feat feat = op2 == 3 ? A64_FEAT_UAO : A64_FEAT_PAN;
    if (!a64_has(&cpu->feat, feat))
        return a64_undefined(cpu);
    *(op2 == 3 ? &cpu->ps.uao : &cpu->ps.pan) = imm & 1;
    a64_mmu_update(cpu);
    return A64_SYNC;
}

static int change_user_flag(struct a64_cpu *cpu, enum a64_feat feat, bool *flag, unsigned imm)
{
    if (!a64_has(&cpu->feat, feat))
        return a64_undefined(cpu);
    *flag = imm & 1;
    return A64_NEXT;
}

int a64_msr_imm(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned op1, unsigned op2,
                unsigned imm)
{
    switch (op1 << 3 | op2) {
    case 003: /* UAO */
    case 004: /* PAN */
    case 005: /* SPSel */
        return change_privileged(cpu, op2, imm);
    case 031:
        return change_user_flag(cpu, A64_FEAT_SSBS2, &cpu->ps.ssbs, imm);
    case 032:
        return change_user_flag(cpu, A64_FEAT_DIT, &cpu->ps.dit, imm);
    case 036: /* DAIFSet */
        return change_daif(cpu, insn, imm, 0);
    case 037: /* DAIFClr */
        return change_daif(cpu, insn, 0, imm);
    }
    return a64_undefined(cpu);
}
