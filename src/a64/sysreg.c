/* SPDX-License-Identifier: MIT */
/* System registers: look-up, access rules, traps, the monitor's view, reset.
 *
 * The registers themselves are rows in sysreg_id.c, sysreg_el1.c, sysreg_el2.c, sysreg_timer.c,
 * sysreg_debug.c and sysreg_pmu.c. An access goes through these steps, in the architecture's order:
 * E2H redirection, UNDEFINED at this EL, traps to EL1 (of EL0), traps to EL2, and last the monitor
 * below the guest, which may keep any register for itself (system->sysreg_trap). Facts: Arm ARM
 * D19, D1.3.6 (trap priorities), D8.10 (E2H redirection). */

#include "sysreg.h"

#include <errno.h>
#include <stdlib.h>

#include "exception.h"
#include "mmu.h"
#include "model.h"
#include "sysreg_sets.h"
#include "system.h"

const struct a64_sysreg_set *const a64_sysreg_sets[] = {
    &a64_sysregs_id,    &a64_sysregs_el1, &a64_sysregs_el2, &a64_sysregs_timer,
    &a64_sysregs_debug, &a64_sysregs_pmu, &a64_sysregs_gic, NULL,
};

/* MDCR_EL2: TDRA, TDOSA and TDA count as 1 under TDE or TGE. */
#define MDCR_DEBUG_TRAPS 0xe00ull
#define MDCR_TDE         (1ull << 8)

/* ---- look-up: an open hash of row pointers, one per CPU because sets differ ---- */

#define MAP_BITS 11
#define MAP_SIZE (1u << MAP_BITS)

static unsigned map_slot(unsigned enc)
{
    return (enc * 0x9e3779b1u) >> (32 - MAP_BITS);
}

static unsigned next_slot(unsigned slot)
{
    return (slot + 1) & (MAP_SIZE - 1);
}

const struct a64_sysreg *a64_sysreg_find(const struct a64_cpu *cpu, unsigned enc)
{
    const struct a64_sysreg *reg;
    for (unsigned slot = map_slot(enc); (reg = cpu->sysregs[slot]); slot = next_slot(slot)) {
        if (reg->enc == enc)
            return reg;
    }
    return NULL;
}

static int map_add(struct a64_cpu *cpu, const struct a64_sysreg *row)
{
    unsigned slot = map_slot(row->enc);
    for (unsigned probes = 0; probes < MAP_SIZE - 1; probes++, slot = next_slot(slot)) {
        if (!cpu->sysregs[slot] || cpu->sysregs[slot]->enc == row->enc) {
            cpu->sysregs[slot] = row;
            return 0;
        }
    }
    return -ENOSPC;
}

int a64_sysreg_add(struct a64_cpu *cpu, const struct a64_sysreg_set *set)
{
    for (unsigned k = 0; k < set->count; k++) {
        const int error = map_add(cpu, &set->rows[k]);
        if (error)
            return error;
    }
    return 0;
}

int a64_sysreg_init(struct a64_cpu *cpu)
{
    cpu->sysregs = calloc(MAP_SIZE, sizeof(*cpu->sysregs));
    if (!cpu->sysregs)
        return -ENOMEM;
    for (unsigned k = 0; a64_sysreg_sets[k]; k++) {
        if (a64_sysreg_add(cpu, a64_sysreg_sets[k]))
            return -ENOMEM;
    }
    return 0;
}

void a64_sysreg_free(struct a64_cpu *cpu)
{
    free(cpu->sysregs);
    cpu->sysregs = NULL;
}

const char *a64_sysreg_name(unsigned enc)
{
    for (unsigned s = 0; a64_sysreg_sets[s]; s++) {
        for (unsigned k = 0; k < a64_sysreg_sets[s]->count; k++) {
            if (a64_sysreg_sets[s]->rows[k].enc == enc)
                return a64_sysreg_sets[s]->rows[k].name;
        }
    }
    return NULL;
}

/* ---- E2H ---- */

#define OP1(enc)           ((enc) >> 11 & 7)
#define CRN(enc)           ((enc) >> 7 & 15)
#define CRM(enc)           ((enc) >> 3 & 15)
#define WITH_OP1(enc, op1) (((enc) & ~(7u << 11)) | (op1) << 11)

/* _EL1 registers whose names act on EL2's at EL2 with E2H, and that _EL12 names then reach. */
static bool has_el12_alias(unsigned enc)
{
    switch (WITH_OP1(enc, 0)) {
    case A64_SYSREG(3, 0, 1, 0, 0):  /* SCTLR */
    case A64_SYSREG(3, 0, 1, 0, 2):  /* CPACR, CPTR_EL2 */
    case A64_SYSREG(3, 0, 2, 0, 0):  /* TTBR0 */
    case A64_SYSREG(3, 0, 2, 0, 1):  /* TTBR1 */
    case A64_SYSREG(3, 0, 2, 0, 2):  /* TCR */
    case A64_SYSREG(3, 0, 4, 0, 0):  /* SPSR */
    case A64_SYSREG(3, 0, 4, 0, 1):  /* ELR */
    case A64_SYSREG(3, 0, 5, 1, 0):  /* AFSR0 */
    case A64_SYSREG(3, 0, 5, 1, 1):  /* AFSR1 */
    case A64_SYSREG(3, 0, 5, 2, 0):  /* ESR */
    case A64_SYSREG(3, 0, 6, 0, 0):  /* FAR */
    case A64_SYSREG(3, 0, 10, 2, 0): /* MAIR */
    case A64_SYSREG(3, 0, 10, 3, 0): /* AMAIR */
    case A64_SYSREG(3, 0, 12, 0, 0): /* VBAR */
    case A64_SYSREG(3, 0, 13, 0, 1): /* CONTEXTIDR */
    case A64_SYSREG(3, 0, 14, 1, 0): /* CNTKCTL, CNTHCTL_EL2 */
        return true;
    }
    return false;
}

/* CNTP_*_EL0 (CRm 2) and CNTV_*_EL0 (CRm 3), under OP1. */
static bool is_el0_timer(unsigned enc)
{
    return CRN(enc) == 14 && (CRM(enc) == 2 || CRM(enc) == 3) && (enc & 7) < 3;
}

/* What ENC names at EL2 with E2H = 1. */
static unsigned redirect_el2(unsigned enc)
{
    const unsigned op1 = OP1(enc);
    if (op1 == 0 && has_el12_alias(enc)) {
        if (enc == A64_SYSREG(3, 0, 1, 0, 2))
            return A64_SYSREG(3, 4, 1, 1, 2);
        return WITH_OP1(enc, 4);
    }
    if (op1 == 5 && has_el12_alias(enc))
        return WITH_OP1(enc, 0);
    if (op1 == 5 && is_el0_timer(enc))
        return WITH_OP1(enc, 3);
    if (op1 == 3 && is_el0_timer(enc))
        return WITH_OP1(enc, 4);
    return enc;
}

/* CNTHP_* are CRm 2 and CNTHV_* CRm 3 of op1 4: the same numbers as CNTP_* and CNTV_*. At EL0 of a
 * host only the timers are redirected. */
static unsigned redirect(const struct a64_cpu *cpu, unsigned enc)
{
    if (enc >> 14 != 3 || !a64_in_host(cpu))
        return enc;
    if (cpu->ps.el == 2)
        return redirect_el2(enc);
    return OP1(enc) == 3 && is_el0_timer(enc) ? WITH_OP1(enc, 4) : enc;
}

/* ---- access rules ---- */

uint32_t a64_sysreg_iss(uint32_t word)
{
    const uint32_t op0 = word >> 19 & 3, op1 = word >> 16 & 7, crn = word >> 12 & 15,
                   crm = word >> 8 & 15, op2 = word >> 5 & 7, rt = word & 31, read = word >> 21 & 1;
    return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read;
}

int a64_sysreg_trap(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned target)
{
    return a64_raise(cpu, A64_EC_SYSREG, a64_sysreg_iss(insn->word), target);
}

/* The monitor below the guest, which comes after all of the guest's own rules. */
static bool monitor_traps(struct a64_cpu *cpu, unsigned enc, bool write)
{
    return cpu->sys && cpu->sys->sysreg_trap && cpu->sys->sysreg_trap(cpu, enc, write);
}

static int monitor_exit(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_vmexit(cpu, A64_EC_SYSREG, a64_sysreg_iss(insn->word), false);
}

bool a64_fgt_trap(const struct a64_cpu *cpu, uint64_t fgt_register, unsigned bit)
{
    return cpu->ps.el < 2 && a64_has(&cpu->feat, A64_FEAT_FGT) && a64_el2_enabled(cpu) &&
           !a64_e2h_tge(cpu) && (fgt_register >> bit & 1);
}

static bool fgt_traps(const struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const struct a64_sysregs *sr = &cpu->sr;
    if (!reg->fgt)
        return false;
    if (reg->fgt < A64_FGT_HDFG(0))
        return a64_fgt_trap(cpu, write ? sr->hfgwtr_el2 : sr->hfgrtr_el2, reg->fgt - 1u);
    return a64_fgt_trap(cpu, write ? sr->hdfgwtr_el2 : sr->hdfgrtr_el2, reg->fgt - 65u);
}

/* MDCR_EL2 as it acts on EL1 and EL0. */
static uint64_t effective_mdcr(const struct a64_cpu *cpu)
{
    uint64_t mdcr = cpu->sr.mdcr_el2;
    if ((mdcr & MDCR_TDE) || (a64_hcr(cpu) & A64_HCR_TGE))
        mdcr |= MDCR_DEBUG_TRAPS;
    return mdcr;
}

static bool el2_traps(const struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    if (cpu->ps.el >= 2 || !a64_el2_enabled(cpu))
        return false;
    if (reg->trap_mdcr & effective_mdcr(cpu))
        return true;
    if (!a64_e2h_tge(cpu) && (a64_hcr(cpu) & (write ? reg->trap_write : reg->trap_read)))
        return true;
    return fgt_traps(cpu, reg, write);
}

/* The space that the architecture leaves to implementations. */
static bool is_impdef(unsigned enc)
{
    return enc >> 14 == 3 && (CRN(enc) == 11 || CRN(enc) == 15);
}

/* Reads of the feature ID space that fail do so with EC 0x18 (FEAT_IDST). */
static int undefined_access(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc,
                            bool write)
{
    const unsigned op1 = OP1(enc);
    const bool id_space =
        enc >> 14 == 3 && CRN(enc) == 0 && CRM(enc) < 8 && (op1 == 0 || op1 == 1 || op1 == 3);
    if (id_space && !write && a64_has(&cpu->feat, A64_FEAT_IDST))
        return a64_sysreg_trap(cpu, insn, cpu->ps.el ? cpu->ps.el : 1);
    return a64_undefined(cpu);
}

/* An encoding that nothing answers to: implementation-defined space may be trapped as a whole. */
static int unallocated(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, bool write)
{
    const unsigned op1 = OP1(enc);
    const bool impdef = is_impdef(enc);
    if (impdef && cpu->ps.el < 2 && !a64_e2h_tge(cpu) && (a64_hcr(cpu) & A64_HCR_TIDCP))
        return a64_sysreg_trap(cpu, insn, 2);
    const unsigned min_el = op1 < 3 || impdef ? 1 : op1 == 3 ? 0 : op1 == 7 ? A64_NEVER : 2;
    if (cpu->ps.el >= min_el && monitor_traps(cpu, enc, write))
        return monitor_exit(cpu, insn);
    return undefined_access(cpu, insn, enc, write);
}

/* All rules for INSN's access to REG; A64_NEXT: go ahead. */
static int check_access(struct a64_cpu *cpu, const struct a64_insn *insn,
                        const struct a64_sysreg *reg, bool write)
{
    if (cpu->ps.el < (write ? reg->write_el : reg->min_el))
        return undefined_access(cpu, insn, reg->enc, write);
    const unsigned target = reg->check ? reg->check(cpu, reg, write) : 0;
    if (target == A64_CHECK_UNDEF)
        return a64_undefined(cpu);
    if (target == A64_CHECK_FP)
        return a64_check_fp(cpu);
    if (target)
        return a64_sysreg_trap(cpu, insn, target);
    if (el2_traps(cpu, reg, write))
        return a64_sysreg_trap(cpu, insn, 2);
    return A64_NEXT;
}

static bool exists(const struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    if (!a64_has(&cpu->feat, (enum a64_feat)reg->feat) && reg->feat != A64_FEAT_BASE)
        return false;
    return !(reg->flags & A64_SR_GIC) || cpu->gic;
}

static uint64_t *storage(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return (uint64_t *)((char *)cpu + reg->offset);
}

static uint64_t read_reg(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return reg->read ? reg->read(cpu, reg) : reg->offset ? *storage(cpu, reg) : reg->reset;
}

/* What must follow a change of REG. */
static void after_write(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    if (reg->flags & A64_SR_MMU)
        a64_mmu_update(cpu);
    if (reg->flags & A64_SR_WATCH)
        a64_update_watch(cpu);
    if (reg->flags & A64_SR_IRQ)
        a64_recheck_interrupts(cpu);
}

static void write_reg(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    if (reg->write) {
        reg->write(cpu, reg, value);
    } else if (reg->offset) {
        const uint64_t mask = reg->write_mask ? reg->write_mask : ~0ull;
        uint64_t *const where = storage(cpu, reg);
        *where = (*where & ~mask) | (value & mask);
    }
    after_write(cpu, reg);
}

/* The row for INSN's access, after every rule; NULL: cpu->exc is set. */
static const struct a64_sysreg *resolve(struct a64_cpu *cpu, const struct a64_insn *insn,
                                        unsigned enc, bool write)
{
    const unsigned named = redirect(cpu, enc);
    const struct a64_sysreg *reg = a64_sysreg_find(cpu, named);
    if (OP1(enc) == 4 && cpu->ps.el < 2 && !is_impdef(enc)) {
        a64_undefined(cpu); /* a host's EL0 reaches CNTHP and CNTHV by EL0's names alone */
        return NULL;
    }
    if (!reg || !exists(cpu, reg)) {
        unallocated(cpu, insn, named, write);
        return NULL;
    }
    if (check_access(cpu, insn, reg, write) != A64_NEXT)
        return NULL;
    if (monitor_traps(cpu, named, write)) {
        monitor_exit(cpu, insn);
        return NULL;
    }
    return reg;
}

int a64_mrs(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, uint64_t *value)
{
    const struct a64_sysreg *reg = resolve(cpu, insn, enc, false);
    if (!reg)
        return A64_FAULT;
    *value = read_reg(cpu, reg);
    return A64_NEXT;
}

int a64_msr(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, uint64_t value)
{
    const struct a64_sysreg *reg = resolve(cpu, insn, enc, true);
    if (!reg)
        return A64_FAULT;
    write_reg(cpu, reg, value);
    return reg->flags & A64_SR_SYNC ? A64_SYNC : A64_NEXT;
}

bool a64_sysreg_plain(struct a64_cpu *cpu, unsigned enc, bool write, size_t *offset, uint64_t *mask)
{
    const unsigned named = redirect(cpu, enc), el = cpu->ps.el;
    const struct a64_sysreg *reg = a64_sysreg_find(cpu, named);
    if (enc >> 14 != 3 || is_impdef(enc) || (OP1(enc) == 4 && el < 2) || !reg || !exists(cpu, reg) || !reg->offset)
        return false;
    if ((el < 2 && a64_el2_enabled(cpu)) || el < (write ? reg->write_el : reg->min_el))
        return false;
    if (write ? reg->write || reg->flags & (A64_SR_SYNC | A64_SR_MMU | A64_SR_WATCH | A64_SR_IRQ) : reg->read != NULL)
        return false;
    if ((reg->check && (el == 0 || reg->check(cpu, reg, write))) || monitor_traps(cpu, named, write))
        return false;
    *offset = reg->offset;
    *mask = reg->write_mask ? reg->write_mask : ~0ull;
    return true;
}

/* ---- the monitor ---- */

int a64_sysreg_read(struct a64_cpu *cpu, unsigned enc, uint64_t *value)
{
    const struct a64_sysreg *reg = a64_sysreg_find(cpu, enc);
    if (!reg)
        return -ENOENT;
    if (!exists(cpu, reg))
        return -ENOTSUP;
    const bool raw = reg->offset && !(reg->flags & A64_SR_READ);
    *value = raw ? *storage(cpu, reg) : read_reg(cpu, reg);
    return 0;
}

int a64_sysreg_write(struct a64_cpu *cpu, unsigned enc, uint64_t value)
{
    const struct a64_sysreg *reg = a64_sysreg_find(cpu, enc);
    if (!reg)
        return -ENOENT;
    if (!exists(cpu, reg))
        return -ENOTSUP;
    if (reg->offset) {
        *storage(cpu, reg) = value;
        after_write(cpu, reg);
    } else {
        write_reg(cpu, reg, value);
    }
    return 0;
}

void a64_sysreg_reset(struct a64_cpu *cpu)
{
    for (unsigned slot = 0; slot < MAP_SIZE; slot++) {
        const struct a64_sysreg *reg = cpu->sysregs[slot];
        if (reg && reg->offset && !(reg->flags & A64_SR_ID))
            *storage(cpu, reg) = reg->reset;
    }
}
