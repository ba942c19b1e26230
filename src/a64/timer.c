/* SPDX-License-Identifier: MIT */
/* The generic timers: counters with their offsets, four compare registers, their output wires, the
 * event stream.
 *
 * All run on the 24 MHz system counter that system->clock.now gives. Offsets: CNTVOFF_EL2 for the
 * virtual view, CNTPOFF_EL2 (FEAT_ECV_POFF) for EL1's and EL0's physical one, and below both the
 * monitor's vtimer_offset: without EL2 it is the virtual counter's alone, as Hypervisor.framework
 * has it; a guest with EL2 owns the virtual offset itself, and the monitor's then moves all
 * counters alike.
 *
 * Contract: every change (a register, an offset) ends in a64_timer_update(), which sends changed
 * wires by system->ppi and tells the clock's owner the next deadline by clock.deadline; the owner
 * sees to it that a64_timer_update() runs again by then (A64_ATT_TIMER with host time, slice_end
 * with the instruction clock). Facts: Arm ARM D12 (generic timer), D12.1.5 (event streams), D8.10
 * (VHE). */

#include "timer.h"

#include "exception.h"
#include "pmu.h"
#include "system.h"

#define CTL_ENABLE  1u
#define CTL_IMASK   2u
#define CTL_ISTATUS 4u

#define CNTHCTL_ECV (1ull << 12)
/* Apple's HACR_EL2: a host at EL2 keeps the guest's virtual timer quiet while it emulates it. */
#define HACR_MASKS_CNTV (1ull << 20)
#define EVNTEN          (1ull << 2)
#define EVNTDIR         (1ull << 3)
#define EVNTI(reg)      ((reg) >> 4 & 15)
#define EVNTIS          (1ull << 17) /* FEAT_ECV: EVNTI selects from bits 23..8 */

/* Outputs, as PPI INTIDs. */
static const uint8_t timer_ppi[A64_TIMER_COUNT] = {
    [A64_TIMER_VIRT] = 27,
    [A64_TIMER_PHYS] = 30,
    [A64_TIMER_HYP] = 26,
    [A64_TIMER_HYPVIRT] = 28,
};

static uint64_t now(struct a64_cpu *cpu)
{
    return cpu->sys->clock.now(cpu);
}

/* What the monitor subtracts below every counter of the guest. */
static uint64_t common_offset(const struct a64_cpu *cpu)
{
    return a64_el2_enabled(cpu) ? cpu->vtimer_offset : 0;
}

/* What is subtracted from the system counter for timer ID. */
static uint64_t timer_offset(const struct a64_cpu *cpu, enum a64_timer_id id)
{
    const uint64_t common = common_offset(cpu);
    if (id == A64_TIMER_VIRT)
        return a64_el2_enabled(cpu) ? common + cpu->sr.cntvoff_el2 : cpu->vtimer_offset;
    if (id == A64_TIMER_PHYS && a64_has(&cpu->feat, A64_FEAT_ECV_POFF) && a64_el2_enabled(cpu) &&
        (cpu->sr.cnthctl_el2 & CNTHCTL_ECV) && !a64_e2h_tge(cpu))
        return common + cpu->sr.cntpoff_el2;
    return common;
}

/* The counter that timer ID compares with. */
static uint64_t timer_count(struct a64_cpu *cpu, enum a64_timer_id id)
{
    return now(cpu) - timer_offset(cpu, id);
}

uint64_t a64_cntpct(struct a64_cpu *cpu)
{
    return timer_count(cpu, cpu->ps.el < 2 ? A64_TIMER_PHYS : A64_TIMER_HYP);
}

/* At EL2 of a VHE host and for its applications the offset counts as zero. */
uint64_t a64_cntvct(struct a64_cpu *cpu)
{
    return timer_count(cpu, a64_in_host(cpu) ? A64_TIMER_HYPVIRT : A64_TIMER_VIRT);
}

/* At TICKS of the system counter. */
static bool condition(const struct a64_cpu *cpu, enum a64_timer_id id, uint64_t ticks)
{
    return ticks - timer_offset(cpu, id) >= cpu->timer[id].cval;
}

/* Whether the timer may drive its wire at all. */
static bool armed(const struct a64_cpu *cpu, enum a64_timer_id id)
{
    if (id == A64_TIMER_VIRT && (cpu->sr.hacr_el2 & HACR_MASKS_CNTV))
        return false;
    return (cpu->timer[id].ctl & (CTL_ENABLE | CTL_IMASK)) == CTL_ENABLE;
}

uint64_t a64_timer_ctl(struct a64_cpu *cpu, enum a64_timer_id id)
{
    /* With ENABLE clear ISTATUS is UNKNOWN; Apple's still tells the comparison. */
    return cpu->timer[id].ctl | (condition(cpu, id, now(cpu)) ? CTL_ISTATUS : 0);
}

void a64_timer_set_ctl(struct a64_cpu *cpu, enum a64_timer_id id, uint64_t value)
{
    cpu->timer[id].ctl = (uint32_t)value & (CTL_ENABLE | CTL_IMASK);
    a64_timer_update(cpu);
}

uint64_t a64_timer_tval(struct a64_cpu *cpu, enum a64_timer_id id)
{
    return (uint32_t)(cpu->timer[id].cval - timer_count(cpu, id));
}

void a64_timer_set_tval(struct a64_cpu *cpu, enum a64_timer_id id, uint64_t value)
{
    a64_timer_set_cval(cpu, id, timer_count(cpu, id) + (uint64_t)(int64_t)(int32_t)value);
}

void a64_timer_set_cval(struct a64_cpu *cpu, enum a64_timer_id id, uint64_t value)
{
    cpu->timer[id].cval = value;
    a64_timer_update(cpu);
}

/* ---- the event stream ---- */

/* One of the two streams: from CNTVCT by CNTKCTL_EL1, from CNTPCT by CNTHCTL_EL2. */
static uint64_t stream_control(const struct a64_cpu *cpu, unsigned stream)
{
    if (stream == 0)
        return cpu->sr.cntkctl_el1;
    return a64_el2_enabled(cpu) ? cpu->sr.cnthctl_el2 : 0;
}

static uint64_t stream_count(struct a64_cpu *cpu, unsigned stream)
{
    return timer_count(cpu, stream ? A64_TIMER_HYP : A64_TIMER_VIRT);
}

/* Ticks between two events, 0 when the stream is off; *PHASE is the counter value modulo it at an
 * event. */
static uint64_t stream_period(const struct a64_cpu *cpu, unsigned stream, uint64_t *phase)
{
    const uint64_t control = stream_control(cpu, stream);
    const bool scaled = a64_has(&cpu->feat, A64_FEAT_ECV) && (control & EVNTIS);
    const unsigned bit = (unsigned)EVNTI(control) + (scaled ? 8 : 0);
    *phase = control & EVNTDIR ? 0 : 1ull << bit;
    return control & EVNTEN ? 2ull << bit : 0;
}

/* Sets the event register if a stream had an event since the last look. */
static void update_events(struct a64_cpu *cpu)
{
    for (unsigned stream = 0; stream < 2; stream++) {
        uint64_t phase;
        const uint64_t period = stream_period(cpu, stream, &phase);
        const uint64_t count = stream_count(cpu, stream);
        if (period && (count - phase) / period != (cpu->event_seen[stream] - phase) / period)
            __atomic_store_n(&cpu->event, true, __ATOMIC_RELEASE);
        cpu->event_seen[stream] = count;
    }
}

/* ---- wires and deadlines ---- */

/* When after TICKS the first output rises. */
static uint64_t next_output(const struct a64_cpu *cpu, uint64_t ticks)
{
    uint64_t next = ~0ull;
    for (unsigned id = 0; id < A64_TIMER_COUNT; id++) {
        const uint64_t at = cpu->timer[id].cval + timer_offset(cpu, id);
        if (armed(cpu, id) && !condition(cpu, id, ticks) && at > ticks && at < next)
            next = at;
    }
    return next;
}

uint64_t a64_timer_next(struct a64_cpu *cpu)
{
    return next_output(cpu, now(cpu));
}

uint64_t a64_timer_next_event(struct a64_cpu *cpu)
{
    uint64_t next = a64_timer_next(cpu);
    for (unsigned stream = 0; stream < 2; stream++) {
        uint64_t phase;
        const uint64_t period = stream_period(cpu, stream, &phase);
        if (!period)
            continue;
        const uint64_t count = stream_count(cpu, stream);
        const uint64_t at = now(cpu) + period - (count - phase) % period;
        next = at < next ? at : next;
    }
    return next;
}

/* Time is looked at once: what has not come by then is a deadline, and nothing comes between. */
void a64_timer_update(struct a64_cpu *cpu)
{
    if (!cpu->sys || !cpu->sys->clock.now)
        return;
    const uint64_t ticks = now(cpu);
    for (unsigned id = 0; id < A64_TIMER_COUNT; id++) {
        struct a64_timer *timer = &cpu->timer[id];
        const bool level = armed(cpu, id) && condition(cpu, id, ticks);
        if (level == timer->output)
            continue;
        timer->output = level;
        if (cpu->sys->ppi)
            cpu->sys->ppi(cpu, timer_ppi[id], level);
    }
    update_events(cpu);
    a64_pmu_sync(cpu);
    if (cpu->sys->clock.deadline)
        cpu->sys->clock.deadline(cpu, next_output(cpu, ticks));
}
