/* SPDX-License-Identifier: MIT */
/* Debug registers (op0 = 2): storage for breakpoints and watchpoints, MDSCR, the OS lock. What they do is in debug.c. The Debug
 * Communications Channel reads as empty. Facts: Arm ARM D19.3. */

#include "exception.h"
#include "model.h"
#include "debug.h"
#include "sysreg_sets.h"

#define MDCR_TDA (1u << 9)
#define MDCR_TDOSA (1u << 10)
#define MDCR_TDRA (1u << 11)
#define OSLSR_OSLM 8ull
#define CLAIM_TAGS 0xffull

static unsigned check_pair(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const unsigned shift = reg->index & 16 ? 20 : 12;
    const unsigned last = a64_id(cpu, A64_ID_AA64DFR0_EL1) >> shift & 15;
    return (reg->index & 15u) > last ? A64_CHECK_UNDEF : 0;
}

static void write_oslar(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.oslsr_el1 = OSLSR_OSLM | (value & 1 ? A64_OSLSR_OSLK : 0);
}

static uint64_t read_claim_set(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return CLAIM_TAGS;
}

static void write_claim_set(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.dbgclaim_el1 |= value & CLAIM_TAGS;
}

static uint64_t read_claim_clear(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->sr.dbgclaim_el1;
}

static void write_claim_clear(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->sr.dbgclaim_el1 &= ~value;
}

#define DEBUG(NAME, op1, crn, crm, op2, R, W, MDCR, ...)                                           \
    SYSREG(NAME, 2, op1, crn, crm, op2, R, W, .trap_mdcr = MDCR, __VA_ARGS__)
#define PAIR(n)                                                                                    \
    DEBUG("DBGBVR" #n "_EL1", 0, 0, n, 4, 1, 1, MDCR_TDA, AT_SR(bp[n].value), .index = n,          \
          .check = check_pair, .flags = A64_SR_SYNC | A64_SR_WATCH),                               \
        DEBUG("DBGBCR" #n "_EL1", 0, 0, n, 5, 1, 1, MDCR_TDA, AT_SR(bp[n].control), .index = n,    \
              .check = check_pair, .flags = A64_SR_SYNC | A64_SR_WATCH, .write_mask = 0xffe1e7),   \
        DEBUG("DBGWVR" #n "_EL1", 0, 0, n, 6, 1, 1, MDCR_TDA, AT_SR(wp[n].value), .index = 16 | n, \
              .check = check_pair, .flags = A64_SR_SYNC | A64_SR_MMU),                             \
        DEBUG("DBGWCR" #n "_EL1", 0, 0, n, 7, 1, 1, MDCR_TDA, AT_SR(wp[n].control),                \
              .index = 16 | n, .check = check_pair, .flags = A64_SR_SYNC | A64_SR_MMU,             \
              .write_mask = 0x1f1fffff)

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
    DEBUG("OSDTRRX_EL1", 0, 0, 0, 2, 1, 1, MDCR_TDA, AT_MISC(A64_MISC_OSDTRRX), .write_mask = 0xffffffff),
    DEBUG("MDCCINT_EL1", 0, 0, 2, 0, 1, 1, MDCR_TDA, AT_SR(mdccint_el1), .write_mask = 0x60000000),
    DEBUG("MDSCR_EL1", 0, 0, 2, 2, 1, 1, MDCR_TDA, AT_SR(mdscr_el1),
          .flags = A64_SR_SYNC | A64_SR_MMU | A64_SR_WATCH),
    DEBUG("OSDTRTX_EL1", 0, 0, 3, 2, 1, 1, MDCR_TDA, AT_MISC(A64_MISC_OSDTRTX), .write_mask = 0xffffffff),
    DEBUG("OSECCR_EL1", 0, 0, 6, 2, 1, 1, MDCR_TDA, AT_MISC(A64_MISC_OSECCR), .write_mask = 0xffffffff),
    DEBUG("MDRAR_EL1", 0, 1, 0, 0, 1, A64_NEVER, MDCR_TDRA, IS_RAZ_WI),
    DEBUG("OSLAR_EL1", 0, 1, 0, 4, A64_NEVER, 1, MDCR_TDOSA, .write = write_oslar,
          .flags = A64_SR_SYNC | A64_SR_MMU | A64_SR_WATCH),
    DEBUG("OSLSR_EL1", 0, 1, 1, 4, 1, A64_NEVER, MDCR_TDOSA, AT_SR(oslsr_el1),
          .reset = OSLSR_OSLM | A64_OSLSR_OSLK),
    DEBUG("OSDLR_EL1", 0, 1, 3, 4, 1, 1, MDCR_TDOSA, AT_SR(osdlr_el1), .write_mask = 1,
          .flags = A64_SR_SYNC | A64_SR_MMU | A64_SR_WATCH),
    DEBUG("DBGPRCR_EL1", 0, 1, 4, 4, 1, 1, MDCR_TDOSA, AT_MISC(A64_MISC_DBGPRCR), .write_mask = 1),
    DEBUG("DBGCLAIMSET_EL1", 0, 7, 8, 6, 1, 1, MDCR_TDA, .read = read_claim_set, .write = write_claim_set),
    DEBUG("DBGCLAIMCLR_EL1", 0, 7, 9, 6, 1, 1, MDCR_TDA, .read = read_claim_clear,
          .write = write_claim_clear),
    DEBUG("DBGAUTHSTATUS_EL1", 0, 7, 14, 6, 1, A64_NEVER, MDCR_TDA, IS_RAZ_WI),
    DEBUG("MDCCSR_EL0", 3, 0, 1, 0, 0, A64_NEVER, MDCR_TDA, IS_RAZ_WI),
    DEBUG("DBGDTR_EL0", 3, 0, 4, 0, 0, 0, MDCR_TDA, IS_RAZ_WI),
    DEBUG("DBGDTRRX_EL0", 3, 0, 5, 0, 0, 0, MDCR_TDA, IS_RAZ_WI),
};

SYSREG_SET(a64_sysregs_debug, rows);
