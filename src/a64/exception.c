/* SPDX-License-Identifier: MIT */
/* Raising, routing and taking synchronous exceptions, and returning from them.
 *
 * An instruction only fills cpu->exc; this file decides at which Exception level that is taken and
 * what the guest then sees in ESR, FAR, HPFAR, ELR, SPSR and PSTATE. Interrupts are in interrupt.c,
 * debug exceptions and the checks before an instruction in debug.c. There is no EL3 and no AArch32.
 * Facts: Arm ARM (DDI 0487) D1.3 (exceptions), D1.4 (PSTATE), C5.2.18 ff. (SPSR_ELx). */

#include "exception.h"

#include "exception_internal.h"
#include "mmu.h"
#include "pmu.h"

#define SPSR_TCO         (1u << 25)
#define SPSR_DIT         (1u << 24)
#define SPSR_UAO         (1u << 23)
#define SPSR_PAN         (1u << 22)
#define SPSR_SS          (1u << 21)
#define SPSR_IL          (1u << 20)
#define SPSR_SSBS        (1u << 12)
#define SPSR_BTYPE_SHIFT 10
#define SPSR_DAIF_SHIFT  6
#define SPSR_M_SHIFT     2

static bool is_debug(unsigned ec)
{
    return (ec >= A64_EC_BREAK_LOW && ec <= A64_EC_WATCH) || ec == A64_EC_BRK;
}

/* Exception classes with one value for "from a lower EL" (even) and one for "from the same EL". */
static bool has_same_el_form(unsigned ec)
{
    return ec == A64_EC_IABT_LOW || ec == A64_EC_IABT || ec == A64_EC_DABT_LOW ||
           ec == A64_EC_DABT || (is_debug(ec) && ec != A64_EC_BRK);
}

static bool has_far(unsigned ec)
{
    return ec == A64_EC_IABT_LOW || ec == A64_EC_IABT || ec == A64_EC_DABT_LOW ||
           ec == A64_EC_DABT || ec == A64_EC_PC_ALIGN || ec == A64_EC_WATCH_LOW ||
           ec == A64_EC_WATCH;
}

int a64_raise_far(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, uint64_t far,
                  unsigned target_el)
{
    cpu->exc = (struct a64_exc){
        .kind = A64_EXC_SYNC,
        .target_el = (uint8_t)target_el,
        .ec = (uint8_t)ec,
        .iss = iss,
        .far = far,
    };
    if (cpu->trap_debug_exceptions && is_debug(ec)) {
        cpu->exc.kind = A64_EXC_VMEXIT;
        if (has_same_el_form(ec))
            cpu->exc.ec &= ~1u;
    }
    return A64_FAULT;
}

int a64_raise(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, unsigned target_el)
{
    return a64_raise_far(cpu, ec, iss, 0, target_el);
}

int a64_undefined(struct a64_cpu *cpu)
{
    return a64_raise(cpu, A64_EC_UNKNOWN, 0, 0);
}

int a64_vmexit(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, bool after)
{
    cpu->exc = (struct a64_exc){
        .kind = A64_EXC_VMEXIT,
        .ec = (uint8_t)ec,
        .iss = iss,
        .after = after,
    };
    return A64_FAULT;
}

uint64_t a64_get_sp_el(const struct a64_cpu *cpu, unsigned el)
{
    const unsigned selected = cpu->ps.spsel ? cpu->ps.el : 0;
    return el == selected ? cpu->sp : cpu->sp_el[el];
}

void a64_set_sp_el(struct a64_cpu *cpu, unsigned el, uint64_t value)
{
    const unsigned selected = cpu->ps.spsel ? cpu->ps.el : 0;
    if (el == selected)
        cpu->sp = value;
    else
        cpu->sp_el[el] = value;
}

/* Exchanges the banked stack pointers; what depends on the EL is brought up to date by the caller.
 */
static void switch_el(struct a64_cpu *cpu, unsigned el, unsigned spsel)
{
    a64_pmu_sync(cpu);
    cpu->sp_el[cpu->ps.spsel ? cpu->ps.el : 0] = cpu->sp;
    cpu->ps.el = (uint8_t)el;
    cpu->ps.spsel = (uint8_t)spsel;
    cpu->sp = cpu->sp_el[spsel ? el : 0];
    a64_pmu_changed(cpu);
}

void a64_select_el(struct a64_cpu *cpu, unsigned el, unsigned spsel)
{
    switch_el(cpu, el, spsel);
    a64_mmu_update(cpu);
    a64_update_watch(cpu);
}

uint64_t a64_get_spsr(const struct a64_cpu *cpu)
{
    const struct a64_pstate *ps = &cpu->ps;
    uint64_t spsr = cpu->nzcv & (A64_N | A64_Z | A64_C | A64_V);
    spsr |= ps->tco ? SPSR_TCO : 0;
    spsr |= ps->dit ? SPSR_DIT : 0;
    spsr |= ps->uao ? SPSR_UAO : 0;
    spsr |= ps->pan ? SPSR_PAN : 0;
    spsr |= ps->ss ? SPSR_SS : 0;
    spsr |= ps->il ? SPSR_IL : 0;
    spsr |= ps->ssbs ? SPSR_SSBS : 0;
    spsr |= (uint64_t)ps->btype << SPSR_BTYPE_SHIFT;
    spsr |= (uint64_t)ps->daif << SPSR_DAIF_SHIFT;
    return spsr | (uint64_t)ps->el << SPSR_M_SHIFT | ps->spsel;
}

/* What both a legal and an illegal return take from SPSR. */
static void set_common(struct a64_cpu *cpu, uint64_t spsr)
{
    cpu->nzcv = (uint32_t)spsr & (A64_N | A64_Z | A64_C | A64_V);
    cpu->ps.daif = spsr >> SPSR_DAIF_SHIFT & 15;
    cpu->ps.pan = (spsr & SPSR_PAN) && a64_has(&cpu->feat, A64_FEAT_PAN);
}

/* Whether SPSR.M names a state that this CPU has. */
static bool valid_mode(const struct a64_cpu *cpu, uint64_t spsr)
{
    const unsigned el = spsr >> SPSR_M_SHIFT & 3;
    const bool aarch32 = spsr & 1u << 4, reserved = spsr & 1u << 1;
    if (aarch32 || reserved || el == 3 || (el == 0 && (spsr & 1)))
        return false;
    return el != 2 || a64_el2_enabled(cpu);
}

void a64_set_spsr(struct a64_cpu *cpu, uint64_t spsr)
{
    const struct a64_features *feat = &cpu->feat;
    const bool valid = valid_mode(cpu, spsr);
    set_common(cpu, spsr);
    cpu->ps.dit = (spsr & SPSR_DIT) && a64_has(feat, A64_FEAT_DIT);
    cpu->ps.uao = (spsr & SPSR_UAO) && a64_has(feat, A64_FEAT_UAO);
    cpu->ps.ss = spsr & SPSR_SS;
    cpu->ps.il = (spsr & SPSR_IL) || !valid;
    cpu->ps.ssbs = (spsr & SPSR_SSBS) && a64_has(feat, A64_FEAT_SSBS);
    cpu->ps.btype = a64_has(feat, A64_FEAT_BTI) ? spsr >> SPSR_BTYPE_SHIFT & 3 : 0;
    if (valid)
        switch_el(cpu, spsr >> SPSR_M_SHIFT & 3, spsr & 1);
    a64_mmu_update(cpu);
    a64_update_watch(cpu);
    a64_recheck_interrupts(cpu);
}

/* The EL at which cpu->exc is taken. */
static unsigned route(const struct a64_cpu *cpu)
{
    const unsigned el = cpu->ps.el;
    unsigned target = cpu->exc.target_el;
    if (is_debug(cpu->exc.ec))
        target = a64_debug_target(cpu);
    if (target == 0)
        target = 1;
    if (el == 0 && target == 1 && (a64_hcr(cpu) & A64_HCR_TGE))
        target = 2;
    return target > el ? target : el;
}

/* PSTATE as the handler at the (already selected) EL finds it. */
static void enter_pstate(struct a64_cpu *cpu)
{
    struct a64_pstate *ps = &cpu->ps;
    const uint64_t sctlr = cpu->sr.sctlr[ps->el];
    const bool own_el0 = ps->el == 1 || a64_e2h_tge(cpu);
    ps->daif = 15;
    ps->il = ps->ss = ps->uao = false;
    ps->btype = 0;
    if (a64_has(&cpu->feat, A64_FEAT_PAN) && own_el0 && !(sctlr & A64_SCTLR_SPAN))
        ps->pan = true;
    ps->ssbs = a64_has(&cpu->feat, A64_FEAT_SSBS) && (sctlr & A64_SCTLR_DSSBS);
}

void a64_enter_vector(struct a64_cpu *cpu, unsigned target, unsigned kind, uint64_t return_address)
{
    const unsigned offset = cpu->ps.el < target ? 0x400 : cpu->ps.spsel ? 0x200 : 0;
    cpu->sr.spsr[target] = a64_get_spsr(cpu);
    cpu->sr.elr[target] = return_address;
    cpu->step.ran = false;
    switch_el(cpu, target, 1);
    enter_pstate(cpu);
    cpu->pc = (cpu->sr.vbar[target] & ~0x7ffull) + offset + kind;
    a64_mmu_update(cpu);
    a64_update_watch(cpu);
}

static void note_repeat(struct a64_cpu *cpu)
{
    const bool again = cpu->pc == cpu->loop.vector && cpu->icount == cpu->loop.icount;
    cpu->loop.repeats = again ? cpu->loop.repeats + 1 : 1;
    cpu->loop.vector = cpu->pc;
    cpu->loop.icount = cpu->icount;
}

void a64_take_exception(struct a64_cpu *cpu)
{
    const struct a64_exc *exc = &cpu->exc;
    const unsigned target = route(cpu);
    unsigned ec = exc->ec;
    if (has_same_el_form(ec))
        ec = (ec & ~1u) | (target == cpu->ps.el);
    cpu->sr.esr[target] = (uint64_t)ec << 26 | A64_ESR_IL | (exc->iss & 0x1ffffff);
    if (has_far(ec))
        cpu->sr.far[target] = exc->far;
    if (exc->stage2 && target == 2)
        cpu->sr.hpfar_el2 = (exc->ipa >> 12) << 4 & 0xffffffffff0;
    if (!exc->after)
        a64_step_undo(cpu);
    a64_enter_vector(cpu, target, A64_VECTOR_SYNC, cpu->pc + (exc->after ? 4 : 0));
    note_repeat(cpu);
}

/* D1.4.4, illegal return events. */
static bool illegal_return(const struct a64_cpu *cpu, uint64_t spsr)
{
    const unsigned el = spsr >> SPSR_M_SHIFT & 3;
    return !valid_mode(cpu, spsr) || el > cpu->ps.el ||
           (el == 1 && cpu->ps.el == 2 && (a64_hcr(cpu) & A64_HCR_TGE));
}

int a64_exception_return(struct a64_cpu *cpu, uint64_t address)
{
    const uint64_t spsr = cpu->sr.spsr[cpu->ps.el];
    const bool illegal = illegal_return(cpu, spsr);
    const unsigned el = illegal ? cpu->ps.el : spsr >> SPSR_M_SHIFT & 3;
    const bool masked = spsr >> SPSR_DAIF_SHIFT & 8;
    const bool ss = (spsr & SPSR_SS) && a64_step_return(cpu, el, masked);
    a64_clear_exclusive(cpu);
    __atomic_store_n(&cpu->event, true, __ATOMIC_RELEASE);
    if (illegal) {
        set_common(cpu, spsr);
        cpu->ps.il = true;
        cpu->ps.ss = ss;
        a64_mmu_update(cpu);
        a64_update_watch(cpu);
        a64_recheck_interrupts(cpu);
        cpu->pc = address;
        return A64_BRANCH;
    }
    a64_set_spsr(cpu, (spsr & ~(uint64_t)SPSR_SS) | (ss ? SPSR_SS : 0));
    cpu->step.ran = false;
    cpu->pc = a64_branch_address(cpu, address);
    return A64_BRANCH;
}

uint64_t a64_branch_address(const struct a64_cpu *cpu, uint64_t address)
{
    const unsigned el = a64_regime_el(cpu);
    const uint64_t tcr = cpu->sr.tcr[el];
    const bool two_ranges = el == 1 || (a64_hcr(cpu) & A64_HCR_E2H);
    const bool high = two_ranges && (address >> 55 & 1);
    const unsigned tbi = two_ranges ? (high ? 38 : 37) : 20;
    const unsigned tbid = two_ranges ? (high ? 52 : 51) : 29;
    const bool has_tbid = a64_has(&cpu->feat, A64_FEAT_PAuth);
    if (!(tcr >> tbi & 1) || (has_tbid && (tcr >> tbid & 1)))
        return address;
    return high ? address | 0xffull << 56 : address & ~(0xffull << 56);
}
