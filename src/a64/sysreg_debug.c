/* SPDX-License-Identifier: MIT */
/* Debug registers (op0 2). What they do is in debug.c.
 *
 * A guest sees as many breakpoints and watchpoints as ID_AA64DFR0_EL1 says; the monitor's view has
 * all sixteen. The Debug Communications Channel has nobody at its other end: it reads as empty.
 * Left out: the trace registers, AArch32's. Facts: Arm ARM D19.3, MDCR_EL2.{TDA,TDOSA,TDRA}. */

#include "debug.h"
#include "exception.h"
#include "model.h"
#include "sysreg_sets.h"

/* MDCR_EL2; the communications channel goes by TDA and by TDCC. */
#define TDA   0x200
#define TDOSA 0x400
#define TDRA  0x800
#define DCC   (TDA | A64_MDCR_TDCC)

#define OSLSR_OSLM      8u /* the OS lock is implemented */
#define MDSCR_TDCC      (1ull << 12)
#define AUTHSTATUS_NSID 2ull /* invasive and non-invasive debug: implemented, disabled */
#define CLAIM_TAGS      0xffull

/* Which of them there are: the row's index is the pair's number. */
static unsigned check_breakpoint(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return reg->index > (a64_id(cpu, A64_ID_AA64DFR0_EL1) >> 12 & 15) ? A64_CHECK_UNDEF : 0;
}

static unsigned check_watchpoint(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return reg->index > (a64_id(cpu, A64_ID_AA64DFR0_EL1) >> 20 & 15) ? A64_CHECK_UNDEF : 0;
}

/* EL0's access to the communications channel. */
static unsigned check_dcc(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return cpu->ps.el == 0 && (cpu->sr.mdscr_el1 & MDSCR_TDCC) ? a64_regime_el(cpu) : 0;
}

static void write_oslar(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.oslsr_el1 = OSLSR_OSLM | (value & 1 ? A64_OSLSR_OSLK : 0);
}

/* DBGCLAIMSET reads as the tags there are, DBGCLAIMCLR as those that are set. */
static uint64_t read_claimset(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return CLAIM_TAGS;
}

static void write_claimset(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.dbgclaim_el1 |= value & CLAIM_TAGS;
}

static uint64_t read_claimclr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->sr.dbgclaim_el1;
}

static void write_claimclr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.dbgclaim_el1 &= ~value;
}

#define WATCHED .flags = A64_SR_SYNC | A64_SR_WATCH | A64_SR_MMU, .trap_mdcr = TDA
#define PAIR(n)                                                                                    \
    SYSREG("DBGBVR" #n "_EL1", 2, 0, 0, n, 4, 1, 1, AT_SR(bp[n].value), .index = n,                \
           .check = check_breakpoint, .fgt = A64_FGT_HDFG(1), WATCHED),                            \
        SYSREG("DBGBCR" #n "_EL1", 2, 0, 0, n, 5, 1, 1, AT_SR(bp[n].control), .index = n,          \
               .check = check_breakpoint, .write_mask = 0xffe1e7, .fgt = A64_FGT_HDFG(0),          \
               WATCHED),                                                                           \
        SYSREG("DBGWVR" #n "_EL1", 2, 0, 0, n, 6, 1, 1, AT_SR(wp[n].value), .index = n,            \
               .check = check_watchpoint, .write_mask = ~3ull, .fgt = A64_FGT_HDFG(3), WATCHED),   \
        SYSREG("DBGWCR" #n "_EL1", 2, 0, 0, n, 7, 1, 1, AT_SR(wp[n].control), .index = n,          \
               .check = check_watchpoint, .write_mask = 0x1f1fffff, .fgt = A64_FGT_HDFG(2),        \
               WATCHED)

static const struct a64_sysreg rows[] = {
    PAIR(0),
    PAIR(1),
    PAIR(2),
    PAIR(3),
    PAIR(4),
    PAIR(5),
    PAIR(6),
    PAIR(7),
    PAIR(8),
    PAIR(9),
    PAIR(10),
    PAIR(11),
    PAIR(12),
    PAIR(13),
    PAIR(14),
    PAIR(15),
    SYSREG("OSDTRRX_EL1", 2, 0, 0, 0, 2, 1, 1, AT_MISC(A64_MISC_OSDTRRX), .trap_mdcr = DCC,
           .write_mask = 0xffffffff),
    SYSREG("MDCCINT_EL1", 2, 0, 0, 2, 0, 1, 1, AT_SR(mdccint_el1), .trap_mdcr = DCC,
           .write_mask = 0x60000000),
    SYSREG("MDSCR_EL1", 2, 0, 0, 2, 2, 1, 1, AT_SR(mdscr_el1), .write_mask = 0x6ce8f041,
           .fgt = A64_FGT_HDFG(4), WATCHED),
    SYSREG("OSDTRTX_EL1", 2, 0, 0, 3, 2, 1, 1, AT_MISC(A64_MISC_OSDTRTX), .trap_mdcr = DCC,
           .write_mask = 0xffffffff),
    SYSREG("OSECCR_EL1", 2, 0, 0, 6, 2, 1, 1, AT_MISC(A64_MISC_OSECCR), .trap_mdcr = TDA,
           .write_mask = 0xffffffff, .fgt = A64_FGT_HDFG(10)),
    SYSREG("MDRAR_EL1", 2, 0, 1, 0, 0, 1, A64_NEVER, .trap_mdcr = TDRA),
    SYSREG("OSLAR_EL1", 2, 0, 1, 0, 4, A64_NEVER, 1, .write = write_oslar, .trap_mdcr = TDOSA,
           .fgt = A64_FGT_HDFG(8), .flags = A64_SR_SYNC | A64_SR_WATCH | A64_SR_MMU),
    SYSREG("OSLSR_EL1", 2, 0, 1, 1, 4, 1, A64_NEVER, AT_SR(oslsr_el1),
           .reset = OSLSR_OSLM | A64_OSLSR_OSLK, .trap_mdcr = TDOSA, .fgt = A64_FGT_HDFG(9)),
    SYSREG("OSDLR_EL1", 2, 0, 1, 3, 4, 1, 1, AT_SR(osdlr_el1), .feat = A64_FEAT_DoubleLock,
           .write_mask = 1, .trap_mdcr = TDOSA, .fgt = A64_FGT_HDFG(11),
           .flags = A64_SR_SYNC | A64_SR_WATCH),
    SYSREG("DBGPRCR_EL1", 2, 0, 1, 4, 4, 1, 1, AT_MISC(A64_MISC_DBGPRCR), .write_mask = 1,
           .trap_mdcr = TDOSA, .fgt = A64_FGT_HDFG(7)),
    SYSREG("DBGCLAIMSET_EL1", 2, 0, 7, 8, 6, 1, 1, .read = read_claimset, .write = write_claimset,
           .trap_mdcr = TDA, .fgt = A64_FGT_HDFG(5)),
    SYSREG("DBGCLAIMCLR_EL1", 2, 0, 7, 9, 6, 1, 1, .read = read_claimclr, .write = write_claimclr,
           .trap_mdcr = TDA, .fgt = A64_FGT_HDFG(5)),
    SYSREG("DBGAUTHSTATUS_EL1", 2, 0, 7, 14, 6, 1, A64_NEVER,
           .reset = AUTHSTATUS_NSID | AUTHSTATUS_NSID << 2, .trap_mdcr = TDA,
           .fgt = A64_FGT_HDFG(6)),
    SYSREG("MDCCSR_EL0", 2, 3, 0, 1, 0, 0, A64_NEVER, .check = check_dcc, .trap_mdcr = DCC),
    SYSREG("DBGDTR_EL0", 2, 3, 0, 4, 0, 0, 0, .check = check_dcc, .trap_mdcr = DCC),
    SYSREG("DBGDTRRX_EL0", 2, 3, 0, 5, 0, 0, 0, .check = check_dcc, .trap_mdcr = DCC),
};

SYSREG_SET(a64_sysregs_debug, rows);
