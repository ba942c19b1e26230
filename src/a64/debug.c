/* SPDX-License-Identifier: MIT */
/* Self-hosted debug and the checks that come before an instruction.
 *
 * cpu->watch names the instructions that must be looked at: all of them (A64_F_ANY) while software
 * step or a hardware breakpoint is active, PSTATE.IL is set or an indirect branch has just set
 * BTYPE; those that touch FP and SIMD registers (A64_F_FP) while an access control traps them. An
 * engine calls a64_check_watch() for each; everything else runs at full speed.
 *
 * Left out: halting (external) debug, the Debug Communications Channel, vector catch (AArch32
 * only). Facts: Arm ARM D2 (self-hosted debug), D8.4.6 (BTI), D1.3.4 (order of synchronous
 * exceptions). */

#include "debug.h"

#include "exception.h"
#include "exception_internal.h"
#include "mmu.h"
#include "model.h"
#include "sysreg.h"

#define MDSCR_SS  (1ull << 0)
#define MDSCR_KDE (1ull << 13)
#define MDSCR_MDE (1ull << 15)
#define MDCR_TDE  (1ull << 8)

#define IFSC_DEBUG 0x22u /* fault status of a debug exception */
#define STEP_ISV   (1u << 24)
#define STEP_EX    (1u << 6)

/* ISS of EC 0x07: CV = 1, COND = 0b1110. */
#define FP_ISS 0x1e00000u

/* ---- which debug exceptions are enabled ---- */

unsigned a64_debug_target(const struct a64_cpu *cpu)
{
    const bool tde = (a64_hcr(cpu) & A64_HCR_TGE) || (cpu->sr.mdcr_el2 & MDCR_TDE);
    return a64_el2_enabled(cpu) && tde ? 2 : 1;
}

/* Breakpoint, watchpoint and step exceptions from EL with PSTATE.D = MASKED. */
static bool enabled_from(const struct a64_cpu *cpu, unsigned el, bool masked)
{
    const unsigned target = a64_debug_target(cpu);
    if (cpu->trap_debug_exceptions)
        return true;
    if ((cpu->sr.oslsr_el1 & A64_OSLSR_OSLK) || (cpu->sr.osdlr_el1 & 1))
        return false;
    if (el == target)
        return (cpu->sr.mdscr_el1 & MDSCR_KDE) && !masked;
    return el < target;
}

static bool enabled_here(const struct a64_cpu *cpu)
{
    return enabled_from(cpu, cpu->ps.el, cpu->ps.daif & A64_DAIF_D);
}

static bool step_active(const struct a64_cpu *cpu)
{
    return (cpu->sr.mdscr_el1 & MDSCR_SS) && enabled_here(cpu);
}

static bool any_enabled(const struct a64_dbg_pair *pairs, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        if (pairs[n].control & 1)
            return true;
    }
    return false;
}

static bool breakpoints_active(const struct a64_cpu *cpu)
{
    return (cpu->sr.mdscr_el1 & MDSCR_MDE) && any_enabled(cpu->sr.bp, A64_DBG_PAIRS) &&
           enabled_here(cpu);
}

bool a64_watchpoints_active(const struct a64_cpu *cpu)
{
    return (cpu->sr.mdscr_el1 & MDSCR_MDE) && any_enabled(cpu->sr.wp, A64_DBG_PAIRS) &&
           enabled_here(cpu);
}

/* ---- breakpoints and watchpoints ---- */

static unsigned breakpoint_count(const struct a64_cpu *cpu)
{
    return (a64_id(cpu, A64_ID_AA64DFR0_EL1) >> 12 & 15) + 1;
}

static unsigned watchpoint_count(const struct a64_cpu *cpu)
{
    return (a64_id(cpu, A64_ID_AA64DFR0_EL1) >> 20 & 15) + 1;
}

static unsigned context_count(const struct a64_cpu *cpu)
{
    return (a64_id(cpu, A64_ID_AA64DFR0_EL1) >> 28 & 15) + 1;
}

/* Whether {HMC, SSC, PAC} of CONTROL select Exception level EL, in Non-secure state. */
static bool state_matches(uint64_t control, unsigned el)
{
    const unsigned pac = control >> 1 & 3, hmc = control >> 13 & 1, ssc = control >> 14 & 3;
    if (ssc == 2 || (ssc == 3 && !hmc))
        return false;
    if (el == 2)
        return hmc;
    return pac & (el == 1 ? 1 : 2);
}

/* VMID as VTTBR_EL2 holds it, in the width in use. */
static uint64_t current_vmid(const struct a64_cpu *cpu)
{
    const bool wide = a64_has(&cpu->feat, A64_FEAT_VMID16) && (cpu->sr.vtcr_el2 >> 19 & 1);
    return cpu->sr.vttbr_el2 >> 48 & (wide ? 0xffff : 0xff);
}

/* The context part of breakpoint N, which is of a context type (BT >= 2). */
static bool context_matches(const struct a64_cpu *cpu, unsigned n)
{
    const uint64_t value = cpu->sr.bp[n].value, control = cpu->sr.bp[n].control;
    const unsigned type = control >> 20 & 15 & ~1u;
    const bool in_host = a64_in_host(cpu), guest = cpu->ps.el < 2 && !in_host;
    const uint32_t id1 = (uint32_t)cpu->sr.contextidr[1], id2 = (uint32_t)cpu->sr.contextidr[2];
    const bool vmid = guest && a64_el2_enabled(cpu) && (value >> 32 & 0xffff) == current_vmid(cpu);
    if (n < breakpoint_count(cpu) - context_count(cpu))
        return false; /* the last ones are context-aware */
    switch (type) {
    case 2: /* CONTEXTIDR of the regime */
        return cpu->ps.el == 2 && !in_host ? false : (uint32_t)value == (in_host ? id2 : id1);
    case 6: /* CONTEXTIDR_EL1 */
        return guest && (uint32_t)value == id1;
    case 8: /* VMID */
        return vmid;
    case 10: /* CONTEXTIDR_EL1 and VMID */
        return vmid && (uint32_t)value == id1;
    case 12: /* CONTEXTIDR_EL2 */
        return a64_el2_enabled(cpu) && value >> 32 == id2;
    case 14: /* both */
        return guest && a64_el2_enabled(cpu) && (uint32_t)value == id1 && value >> 32 == id2;
    }
    return false;
}

/* The breakpoint that an address breakpoint or watchpoint with LBN = N is linked to. */
static bool linked_matches(const struct a64_cpu *cpu, unsigned n)
{
    if (n >= breakpoint_count(cpu) || !(cpu->sr.bp[n].control & 1))
        return false;
    const unsigned type = cpu->sr.bp[n].control >> 20 & 15;
    return (type & 1) && type >= 2 && context_matches(cpu, n);
}

static bool breakpoint_matches(const struct a64_cpu *cpu, unsigned n)
{
    const uint64_t value = cpu->sr.bp[n].value, control = cpu->sr.bp[n].control;
    const unsigned type = control >> 20 & 15;
    if (!(control & 1) || !state_matches(control, cpu->ps.el))
        return false;
    if (type >= 2)
        return !(type & 1) && context_matches(cpu, n);
    if ((cpu->pc ^ value) & 0x1fffffffffffcull)
        return false;
    return type == 0 || linked_matches(cpu, control >> 16 & 15);
}

static bool breakpoint_hit(const struct a64_cpu *cpu)
{
    for (unsigned n = 0; n < breakpoint_count(cpu); n++) {
        if (breakpoint_matches(cpu, n))
            return true;
    }
    return false;
}

/* Whether byte ADDR is one of those that a watchpoint watches. */
static bool watched_byte(const struct a64_dbg_pair *wp, uint64_t addr)
{
    const unsigned mask = wp->control >> 24 & 31, bas = wp->control >> 5 & 255;
    const uint64_t va = 0x1ffffffffffffull;
    if (mask)
        return !((addr ^ wp->value) & va & ~((1ull << mask) - 1));
    return !((addr ^ wp->value) & va & ~7ull) && (bas >> (addr & 7) & 1);
}

static bool watchpoint_matches(const struct a64_cpu *cpu, unsigned n, uint64_t va, unsigned size,
                               unsigned access, uint64_t *hit)
{
    const struct a64_dbg_pair *wp = &cpu->sr.wp[n];
    const unsigned lsc = wp->control >> 3 & 3;
    const unsigned el = access & A64_UNPRIV ? 0 : cpu->ps.el;
    const bool kind = ((access & A64_READ) && (lsc & 1)) || ((access & A64_WRITE) && (lsc & 2));
    /* Of cache maintenance only DC IVAC counts, as a store. */
    if ((access & (A64_CACHEOP | A64_WRITE)) == A64_CACHEOP)
        return false;
    if (!(wp->control & 1) || !kind || !state_matches(wp->control, el))
        return false;
    if ((wp->control >> 20 & 1) && !linked_matches(cpu, wp->control >> 16 & 15))
        return false;
    for (unsigned k = 0; k < size; k++) {
        if (watched_byte(wp, va + k)) {
            *hit = va + k;
            return true;
        }
    }
    return false;
}

int a64_check_watchpoints(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    const uint32_t cm = access & A64_CACHEOP ? 1u << 8 : 0;
    uint64_t hit;
    if (!a64_watchpoints_active(cpu))
        return A64_NEXT;
    for (unsigned n = 0; n < watchpoint_count(cpu); n++) {
        if (!watchpoint_matches(cpu, n, va, size, access, &hit))
            continue;
        /* A read-modify-write that its read alone would have stopped is reported as a read. */
        const bool by_read = (access & A64_READ) && (cpu->sr.wp[n].control >> 3 & 1);
        const uint32_t wnr = by_read ? 0 : 1u << 6;
        return a64_raise_far(cpu, A64_EC_WATCH_LOW, cm | wnr | IFSC_DEBUG, hit, 0);
    }
    return A64_NEXT;
}

/* ---- software step ---- */

static bool step_is_current(const struct a64_cpu *cpu)
{
    return cpu->step.armed && cpu->step.pc == cpu->pc && cpu->step.icount == cpu->icount;
}

void a64_step_undo(struct a64_cpu *cpu)
{
    if (step_is_current(cpu))
        cpu->ps.ss = true;
    cpu->step.armed = false;
}

bool a64_step_return(const struct a64_cpu *cpu, unsigned el, bool masked)
{
    return (cpu->sr.mdscr_el1 & MDSCR_SS) && !enabled_here(cpu) && enabled_from(cpu, el, masked);
}

static bool is_load_exclusive(uint32_t word)
{
    const bool pair = word >> 21 & 1;
    return (word & 0x3fc00000) == 0x08400000 && (!pair || word >> 31);
}

/* Active-pending: the exception; its syndrome tells what was stepped. */
static int step_exception(struct a64_cpu *cpu)
{
    const uint32_t stepped = cpu->step.ran ? STEP_ISV | (cpu->step.exclusive ? STEP_EX : 0) : 0;
    cpu->step.armed = cpu->step.ran = false;
    return a64_raise(cpu, A64_EC_STEP_LOW, stepped | IFSC_DEBUG, 0);
}

/* Active-not-pending: INSN runs now, and the next one is preceded by the exception. */
static void step_begin(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->ps.ss = false;
    cpu->step.armed = cpu->step.ran = true;
    cpu->step.exclusive = is_load_exclusive(insn->word);
    cpu->step.pc = cpu->pc;
    cpu->step.icount = cpu->icount;
}

/* ---- BTI ---- */

/* Whether an indirect branch with the current BTYPE may land on WORD in a guarded page. */
static bool landing_pad(const struct a64_cpu *cpu, uint32_t word)
{
    const unsigned btype = cpu->ps.btype;
    if ((word & 0xffffff3f) == 0xd503241f) { /* BTI {c|j|jc} */
        const unsigned targets = word >> 6 & 3;
        return targets == 3 || (targets == 1 && btype != 3) || (targets == 2 && btype != 2);
    }
    if (word == 0xd503233f || word == 0xd503237f) { /* PACIASP, PACIBSP */
        const uint64_t strict = cpu->ps.el ? A64_SCTLR_BT1 : A64_SCTLR_BT0;
        return btype != 3 || !(a64_sctlr(cpu) & strict);
    }
    const uint32_t exception = word & 0xffe0001f;
    return exception == 0xd4200000 || exception == 0xd4400000; /* BRK, HLT */
}

static int check_bti(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    bool guarded = false;
    uint64_t pa;
    if (!cpu->ps.btype || landing_pad(cpu, insn->word))
        return A64_NEXT;
    if (!a64_fetch_host(cpu, cpu->pc, &pa, &guarded))
        return A64_FAULT;
    return guarded ? a64_raise(cpu, A64_EC_BTI, cpu->ps.btype, 0) : A64_NEXT;
}

/* ---- FP and SIMD access ---- */

/* CPACR_EL1.FPEN or, with E2H, CPTR_EL2.FPEN: whether EL0 (or the level above it) is trapped. */
static bool fpen_traps(uint64_t reg, bool el0)
{
    const unsigned fpen = reg >> 20 & 3;
    return fpen == 1 ? el0 : fpen != 3;
}

/* The EL that FP instructions trap to; 0: they don't. */
static unsigned fp_trap_el(const struct a64_cpu *cpu)
{
    const unsigned el = cpu->ps.el;
    const uint64_t hcr = a64_hcr(cpu), cptr = cpu->sr.cptr_el2;
    if (el < 2 && !a64_in_host(cpu) && fpen_traps(cpu->sr.cpacr_el1, el == 0))
        return 1;
    if (!a64_el2_enabled(cpu))
        return 0;
    if (!(hcr & A64_HCR_E2H))
        return cptr >> 10 & 1 ? 2 : 0;
    return fpen_traps(cptr, el == 0 && (hcr & A64_HCR_TGE)) ? 2 : 0;
}

int a64_check_fp(struct a64_cpu *cpu)
{
    const unsigned target = fp_trap_el(cpu);
    if (!target)
        return A64_NEXT;
    /* CPACR_EL1 under TGE: the exception goes to EL2, where EC 0x07 would speak of CPTR_EL2. */
    if (target == 1 && (a64_hcr(cpu) & A64_HCR_TGE))
        return a64_raise(cpu, A64_EC_UNKNOWN, 0, 2);
    return a64_raise(cpu, A64_EC_FP, FP_ISS, target);
}

/* ---- the watch ---- */

void a64_update_watch(struct a64_cpu *cpu)
{
    const bool any = cpu->ps.il || cpu->ps.btype || step_active(cpu) || breakpoints_active(cpu);
    cpu->watch = (any ? A64_F_ANY : 0) | (fp_trap_el(cpu) ? A64_F_FP : 0);
}

int a64_check_step(struct a64_cpu *cpu)
{
    a64_step_undo(cpu);
    return step_active(cpu) && !cpu->ps.ss ? step_exception(cpu) : A64_NEXT;
}

int a64_check_watch(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (a64_check_step(cpu) != A64_NEXT)
        return A64_FAULT;
    if (breakpoints_active(cpu) && breakpoint_hit(cpu))
        return a64_raise(cpu, A64_EC_BREAK_LOW, IFSC_DEBUG, 0);
    if (cpu->ps.il)
        return a64_raise(cpu, A64_EC_ILLEGAL, 0, 0);
    if (check_bti(cpu, insn) != A64_NEXT)
        return A64_FAULT;
    if ((insn->flags & A64_F_FP) && a64_check_fp(cpu) != A64_NEXT)
        return A64_FAULT;
    if (step_active(cpu))
        step_begin(cpu, insn);
    return A64_NEXT;
}
