/* SPDX-License-Identifier: MIT */
/* hv_vcpu_run: the loop between the engine and the monitor.
 *
 * The engine comes back for five reasons (src/interp/interp.h); most of them are served here and
 * the guest goes on. What the monitor is told, and where the PC then stands, follows Apple's
 * framework: a WFI or WFE exits only without a GIC, with the PC on it; with a GIC it waits here. A
 * virtual timer that fires without a GIC exits once and masks itself. Interrupts set with
 * hv_vcpu_set_pending_interrupt last for one call. */

#include <sched.h>

#include "../a64/exception.h"
#include "../a64/pmu.h"
#include "../a64/timer.h"
#include "hv_internal.h"

#define NEVER       UINT64_MAX
#define SYNDROME_IL (1u << 25)
#define WFX_TI_MASK 3u
#define WFX_WFE     1u
#define WFX_WFET    3u
/* FPCR: AHP, DN, FZ, RMode, FZ16. FPSR: QC and the cumulative exception bits. */
#define FPCR_BITS 0x07c80000u
#define FPSR_BITS 0x0800009fu

/* WFE: instructions between two of a loop, at most; how many yield, and then sleep each time for
 * twice as long; the shortest sleep, 50 us in ticks; how often it doubles. */
#define WFE_LOOP      10000u
#define WFE_YIELDS    8u
#define WFE_SHORTEST  (A64_COUNTER_HZ / 20000)
#define WFE_DOUBLINGS 4u

/* What came of a stretch in the guest. */
enum outcome { GO_ON, EXIT };

static enum outcome finish(struct hv_vcpu *vcpu, hv_exit_reason_t reason)
{
    vcpu->exit.reason = reason;
    return EXIT;
}

void hv_timer_line(struct hv_vcpu *vcpu, unsigned intid, bool level)
{
    static const uint8_t timer_of[32] = {
        [27] = 1 << A64_TIMER_VIRT,
        [30] = 1 << A64_TIMER_PHYS,
        [26] = 1 << A64_TIMER_HYP,
        [28] = 1 << A64_TIMER_HYPVIRT,
    };
    const uint8_t bit = timer_of[intid & 31];
    vcpu->timer_lines = level ? vcpu->timer_lines | bit : vcpu->timer_lines & (uint8_t)~bit;
    if (vcpu->vm->config.timers_to_fiq)
        hv_set_line(vcpu, HV_INTERRUPT_TYPE_FIQ, HV_SOURCE_TIMER, vcpu->timer_lines);
    else if (level)
        atomic_fetch_or(&vcpu->cpu.attention, A64_ATT_TIMER);
}

static bool vtimer_fires(const struct hv_vcpu *vcpu)
{
    const struct hv_vm *vm = vcpu->vm;
    return !vm->gic && !vm->config.timers_to_fiq && !vcpu->vtimer_mask &&
           (vcpu->timer_lines & 1 << A64_TIMER_VIRT);
}

/* ---- WFI and WFE ---- */

bool hv_must_wake(struct hv_vcpu *vcpu)
{
    const uint32_t attention = atomic_load(&vcpu->cpu.attention);
    return (attention & (A64_ATT_CANCEL | A64_ATT_TIMER)) || a64_wakeup_pending(&vcpu->cpu);
}

/* WFE: as above, but what PSTATE masks does not end it, and events do. */
static bool ends_wfe(struct hv_vcpu *vcpu)
{
    const uint32_t attention = atomic_load(&vcpu->cpu.attention);
    return (attention & (A64_ATT_CANCEL | A64_ATT_TIMER)) ||
           __atomic_load_n(&vcpu->cpu.event, __ATOMIC_ACQUIRE) ||
           a64_interrupt_deliverable(&vcpu->cpu);
}

/* Sleeps until MUST_WAKE, a timer or LIMIT, in ticks. The thread is outside. */
static void sleep_until_woken(struct hv_vcpu *vcpu, bool (*must_wake)(struct hv_vcpu *),
                              uint64_t limit)
{
    const uint64_t start = hv_host_ticks();
    pthread_mutex_lock(&vcpu->wait_lock);
    vcpu->sleeping = true;
    while (!must_wake(vcpu)) {
        const uint64_t timer = atomic_load(&vcpu->deadline);
        const uint64_t deadline = timer < limit ? timer : limit;
        const struct timespec until = hv_host_time(deadline);
        if (deadline == NEVER)
            pthread_cond_wait(&vcpu->wait_cond, &vcpu->wait_lock);
        else if (pthread_cond_timedwait(&vcpu->wait_cond, &vcpu->wait_lock, &until))
            break;
    }
    vcpu->sleeping = false;
    pthread_mutex_unlock(&vcpu->wait_lock);
    vcpu->wait_ticks += hv_host_ticks() - start;
}

/* What ends a WFE may be a plain store of another CPU, of which nobody tells us, or an event, which
 * does not wake the thread. So the first WFEs of a loop only yield, as most waits are short; then
 * they sleep, longer each time: on a host with fewer CPUs than the guest, those that wait for a
 * lock must leave the time to the one that holds it. */
static void wait_for_event(struct hv_vcpu *vcpu)
{
    if (vcpu->cpu.icount - vcpu->wfe_icount > WFE_LOOP)
        vcpu->wfe_count = 0;
    vcpu->wfe_icount = vcpu->cpu.icount;
    if (vcpu->wfe_count < WFE_YIELDS) {
        vcpu->wfe_count++;
        sched_yield();
        return;
    }
    const unsigned doublings = (vcpu->wfe_count - WFE_YIELDS) / WFE_YIELDS;
    if (doublings < WFE_DOUBLINGS)
        vcpu->wfe_count++;
    const uint64_t limit = hv_host_ticks() + (WFE_SHORTEST << doublings);
    const uint64_t own = vcpu->cpu.wait_until; /* WFET */
    sleep_until_woken(vcpu, ends_wfe, limit < own ? limit : own);
}

/* WFI, or WFE: until something comes, or for no reason. */
static void wait_for(struct hv_vcpu *vcpu, bool wfi)
{
    if (hv_insn_clock(vcpu->vm))
        hv_token_yield(vcpu, wfi);
    else if (wfi)
        sleep_until_woken(vcpu, hv_must_wake, vcpu->cpu.wait_until);
    else
        wait_for_event(vcpu);
}

hv_return_t hv_pomona_vcpu_wait_for_interrupt(hv_vcpu_t vcpu)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    if (!self->vm->gic)
        return HV_UNSUPPORTED;
    self->wait_first = true;
    return HV_SUCCESS;
}

static enum outcome wait(struct hv_vcpu *vcpu)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const unsigned kind = cpu->exc.iss & WFX_TI_MASK;
    const bool wfi = kind != WFX_WFE && kind != WFX_WFET;
    if (!vcpu->vm->gic) {
        cpu->pc -= 4;
        vcpu->exit_pc = cpu->pc;
        vcpu->exit.exception = (hv_vcpu_exit_exception_t){.syndrome = (uint64_t)A64_EC_WFX << 26 |
                                                                      SYNDROME_IL | cpu->exc.iss};
        return finish(vcpu, HV_EXIT_REASON_EXCEPTION);
    }
    wait_for(vcpu, wfi);
    return GO_ON;
}

/* ---- the loop ---- */

static enum outcome before_entry(struct hv_vcpu *vcpu)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    if (atomic_load(&cpu->attention) & A64_ATT_CANCEL) {
        atomic_fetch_and(&cpu->attention, ~(uint32_t)A64_ATT_CANCEL);
        return finish(vcpu, HV_EXIT_REASON_CANCELED);
    }
    if (cpu->icount >= vcpu->budget_end) {
        vcpu->budget_end = NEVER;
        return finish(vcpu, HV_EXIT_REASON_CANCELED);
    }
    if (vcpu->vm->config.loop_exit && cpu->loop.repeats >= A64_LOOP_EXCEPTIONS) {
        cpu->loop.repeats = 0;
        return finish(vcpu, HV_EXIT_REASON_UNKNOWN);
    }
    atomic_fetch_and(&cpu->attention, ~(uint32_t)A64_ATT_TIMER);
    a64_timer_update(cpu);
    if (!hv_insn_clock(vcpu->vm)) {
        const uint64_t overflow = a64_pmu_next(cpu);
        cpu->slice_end = overflow < vcpu->budget_end ? overflow : vcpu->budget_end;
    }
    if (vtimer_fires(vcpu)) {
        vcpu->vtimer_mask = true;
        return finish(vcpu, HV_EXIT_REASON_VTIMER_ACTIVATED);
    }
    return GO_ON;
}

/* Runs the engine once. *EXIT: it came to something that the monitor must see. */
static enum engine_stop run_engine(struct hv_vcpu *vcpu, bool *exit)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const uint64_t start = hv_host_ticks();
    hv_enter(vcpu);
    const enum engine_stop stop = vcpu->vm->config.engine->run(cpu);
    *exit = stop == ENGINE_VMEXIT && hv_exit(vcpu);
    hv_leave(vcpu);
    const uint64_t spent = hv_host_ticks() - start;
    vcpu->exec_ticks += spent ? spent : 1;
    hv_token_account(vcpu);
    return stop;
}

static enum outcome run_once(struct hv_vcpu *vcpu)
{
    bool exit;
    if (before_entry(vcpu) == EXIT)
        return EXIT;
    if (!hv_token_acquire(vcpu))
        return GO_ON;
    if (vcpu->wait_first) {
        vcpu->wait_first = false;
        vcpu->cpu.wait_until = NEVER;
        wait_for(vcpu, true);
        return GO_ON;
    }
    switch (run_engine(vcpu, &exit)) {
    case ENGINE_VMEXIT:
        return exit ? finish(vcpu, HV_EXIT_REASON_EXCEPTION) : GO_ON;
    case ENGINE_WAIT:
        return wait(vcpu);
    case ENGINE_LOOP:
        vcpu->cpu.loop.repeats = 0;
        return vcpu->vm->config.loop_exit ? finish(vcpu, HV_EXIT_REASON_UNKNOWN) : GO_ON;
    case ENGINE_ATTENTION:
    case ENGINE_SLICE:
        break;
    }
    return GO_ON;
}

static void set_run_lines(struct hv_vcpu *vcpu, bool irq, bool fiq)
{
    hv_set_line(vcpu, HV_INTERRUPT_TYPE_IRQ, HV_SOURCE_RUN, irq);
    hv_set_line(vcpu, HV_INTERRUPT_TYPE_FIQ, HV_SOURCE_RUN, fiq);
}

hv_return_t hv_vcpu_run(hv_vcpu_t vcpu)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    struct a64_cpu *cpu = &self->cpu;
    self->exit_is_abort = false;
    self->exit_pc = NEVER;
    self->cpsr_written = false;
    self->has_run = true;
    cpu->fpcr &= FPCR_BITS;
    cpu->fpsr &= FPSR_BITS;
    cpu->x[31] = 0;
    set_run_lines(self, self->pending[0], self->pending[1]);
    atomic_fetch_or(&cpu->attention, A64_ATT_LINES);
    while (run_once(self) == GO_ON)
        ;
    self->pending[0] = self->pending[1] = false;
    set_run_lines(self, false, false);
    return HV_SUCCESS;
}
