/* SPDX-License-Identifier: MIT */

/* AT: address translation instructions, and PAR_EL1 (Arm ARM D8.16, AArch64.AT).
 *
 * A fault goes into PAR_EL1, but for two kinds: a stage-2 fault on a stage-1 walk of an AT at EL1
 * is EL2's business and taken there; a table outside the VM's memory is the monitor's. PAR_EL1.NS,
 * UNKNOWN in Non-secure state, reads 0. FEAT_ATS1A is left out. */

#include "mmu_access.h"

#define PAR_F    (1ull << 0)
#define PAR_PTW  (1ull << 8)
#define PAR_S    (1ull << 9)
#define PAR_RES1 (1ull << 11)
#define PAR_PA   0x0000fffffffff000ull

/* Which translation an AT asks for. */
struct request {
    enum a64_regime regime;
    bool stage1_only, el0;
    unsigned access;
};

static struct request decode(const struct a64_cpu *cpu, unsigned op1, unsigned crm, unsigned op2)
{
    const uint64_t hcr = a64_hcr(cpu);
    const bool el2_op = op1 == 4;
    struct request r = {.access = op2 & 1 ? A64_WRITE : A64_READ};
    r.el0 = op2 & 2;
    r.stage1_only = !(el2_op && op2 & 4);
    if (el2_op && !(op2 & 4))
        r.regime = hcr & A64_HCR_E2H ? A64_REGIME_EL20 : A64_REGIME_EL2;
    else if (!el2_op && mmu_host_mode(hcr) && cpu->ps.el == 2)
        r.regime = A64_REGIME_EL20;
    else
        r.regime = A64_REGIME_EL10;
    if (crm == 9 && cpu->ps.pan)
        r.access |= A64_PAN;
    return r;
}

static uint64_t par_success(const struct a64_walk *walk)
{
    const bool uncached = !(walk->attr & 0xf0) || walk->attr == 0x44;
    const uint64_t sh = uncached ? 2 : walk->sh;
    return (uint64_t)walk->attr << 56 | (walk->pa & PAR_PA) | PAR_RES1 | sh << 7;
}

static uint64_t par_fault(const struct a64_walk *walk)
{
    return PAR_RES1 | PAR_F | (uint64_t)walk->fsc << 1 | (walk->s1ptw ? PAR_PTW : 0) |
           (walk->stage == 2 ? PAR_S : 0);
}

int a64_address_translate(struct a64_cpu *cpu, unsigned op1, unsigned crm, unsigned op2,
                          uint64_t va)
{
    const struct request r = decode(cpu, op1, crm, op2);
    struct a64_walk walk;
    if (!mmu_translate(cpu, r.regime, r.stage1_only, r.el0, r.access, va, false, &walk)) {
        cpu->sr.par_el1 = par_success(&walk);
        return A64_NEXT;
    }
    if ((walk.fsc & 0x3c) == FSC_EXTERNAL_WALK || (walk.s1ptw && cpu->ps.el == 1)) {
        mmu_raise(cpu, &walk, va, r.access | A64_CACHEOP);
        return A64_FAULT;
    }
    cpu->sr.par_el1 = par_fault(&walk);
    return A64_NEXT;
}
