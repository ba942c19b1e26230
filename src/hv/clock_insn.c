/* SPDX-License-Identifier: MIT */
/* The instruction clock: guest time as a function of instructions executed, and the token that
 * makes several vCPUs deterministic.
 *
 * Time is (instructions retired by all vCPUs) / insns_per_tick plus the ticks that were skipped
 * while all of them waited. At most one vCPU executes: the holder of the token. It passes to the
 * next online vCPU in order of their ids when the quantum is used up, or earlier at WFI and WFE; a
 * holder that exits to the monitor keeps it, so what the monitor does for it happens at one point
 * of guest time. A vCPU in WFI is passed over until an interrupt line, a timer or a cancel wakes
 * it. When nobody can run, time jumps to the first timer of a vCPU or the machine's deadline; when
 * there is none either, the world stands still until the host wakes somebody.
 *
 * What the host does by itself (an interrupt raised by another thread) arrives when it arrives: a
 * machine that wants two equal runs raises interrupts from vCPU threads and from deadlines only. */

#include "../a64/pmu.h"
#include "hv_internal.h"

#define NEVER UINT64_MAX

/* Ticks when the holder last accounted for its instructions; that is now, except while it is
 * inside. The lock is held, or the caller is the holder's thread. */
static uint64_t ticks_accounted(const struct hv_clock *clock)
{
    return clock->skipped + clock->insns / clock->config.insns_per_tick;
}

static uint64_t insn_now(struct a64_cpu *cpu)
{
    struct hv_clock *clock = &hv_vm_of(cpu)->clock;
    if (atomic_load(&clock->holder) == hv_vcpu_of(cpu))
        return clock->skipped +
               (clock->insns + (cpu->icount - clock->icount_start)) / clock->config.insns_per_tick;
    pthread_mutex_lock(&clock->lock);
    const uint64_t now = ticks_accounted(clock);
    pthread_mutex_unlock(&clock->lock);
    return now;
}

/* The holder's icount at which time reaches TICKS. */
static uint64_t icount_at(const struct hv_clock *clock, uint64_t ticks)
{
    if (ticks <= ticks_accounted(clock))
        return clock->icount_start;
    const uint64_t left = ticks - clock->skipped;
    if (left > (NEVER >> 1) / clock->config.insns_per_tick)
        return NEVER;
    return clock->icount_start + (left * clock->config.insns_per_tick - clock->insns);
}

static uint64_t insn_icount_at(struct a64_cpu *cpu, uint64_t ticks)
{
    return icount_at(&hv_vm_of(cpu)->clock, ticks);
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void insn_deadline(struct a64_cpu *cpu, uint64_t ticks)
{
    struct hv_vcpu *vcpu = hv_vcpu_of(cpu);
    const struct hv_clock *clock = &vcpu->vm->clock;
    atomic_store(&vcpu->deadline, ticks);
    if (clock->holder == vcpu)
        cpu->slice_end = min64(cpu->slice_end, icount_at(clock, ticks));
}

void hv_insn_clock_init(struct hv_vm *vm)
{
    vm->sys.clock.now = insn_now;
    vm->sys.clock.icount_at = insn_icount_at;
    vm->sys.clock.deadline = insn_deadline;
    vm->clock.skipped = vm->clock.config.start;
    vm->clock.deadline = NEVER;
}

/* ---- the token; everything below is called with the lock held unless it says otherwise ---- */

static void account(struct hv_clock *clock)
{
    const struct hv_vcpu *holder = atomic_load(&clock->holder);
    if (!holder)
        return;
    const uint64_t icount = holder->cpu.icount;
    clock->insns += icount - clock->icount_start;
    clock->icount_start = icount;
}

static void give(struct hv_clock *clock, struct hv_vcpu *vcpu)
{
    account(clock);
    vcpu->waiting = false;
    clock->icount_start = vcpu->cpu.icount;
    clock->quantum_end = vcpu->cpu.icount + clock->config.quantum;
    clock->holder = vcpu; /* last: its thread reads the others without the lock once it sees this */
    pthread_cond_signal(&vcpu->token_cond);
}

/* Lets waiting vCPUs whose timers are due run again; returns the earliest deadline of the others
 * and the machine. */
static uint64_t wake_due(struct hv_vm *vm)
{
    const uint64_t now = ticks_accounted(&vm->clock);
    uint64_t next = vm->clock.deadline;
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++) {
        struct hv_vcpu *vcpu = vm->vcpus[i];
        if (!vcpu || !vcpu->online || !vcpu->waiting)
            continue;
        const uint64_t deadline = min64(atomic_load(&vcpu->deadline), vcpu->cpu.wait_until);
        if (deadline <= now)
            vcpu->waiting = false;
        else
            next = min64(next, deadline);
    }
    return next;
}

/* The next vCPU that can run, in order behind FROM, itself last; NULL: none. */
static struct hv_vcpu *next_runnable(struct hv_vm *vm, const struct hv_vcpu *from)
{
    for (unsigned i = 1; i <= HV_MAX_VCPUS; i++) {
        struct hv_vcpu *vcpu = vm->vcpus[(from->cpu.index + i) % HV_MAX_VCPUS];
        if (vcpu && vcpu->online && !vcpu->waiting)
            return vcpu;
    }
    return NULL;
}

/* Calls the machine's deadlines that are due; drops the lock meanwhile. */
static void fire_due(struct hv_clock *clock)
{
    while (clock->deadline <= ticks_accounted(clock)) {
        clock->deadline = NEVER;
        pthread_mutex_unlock(&clock->lock);
        clock->fire(clock->fire_context);
        pthread_mutex_lock(&clock->lock);
    }
}

static bool any_online(const struct hv_vm *vm)
{
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (vm->vcpus[i] && vm->vcpus[i]->online)
            return true;
    return false;
}

/* Gives FROM's token to whom it is due, letting time jump when all wait. With no vCPU online time
 * stands: the machine's deadlines may follow one another without end. */
static void pass(struct hv_vm *vm, struct hv_vcpu *from)
{
    struct hv_clock *clock = &vm->clock;
    for (;;) {
        account(clock);
        fire_due(clock);
        const uint64_t next = wake_due(vm);
        struct hv_vcpu *vcpu = next_runnable(vm, from);
        if (vcpu) {
            give(clock, vcpu);
            return;
        }
        if (next == NEVER || !any_online(vm)) {
            clock->holder = NULL;
            return;
        }
        const uint64_t now = ticks_accounted(clock);
        if (next > now)
            clock->skipped += next - now;
    }
}

bool hv_token_acquire(struct hv_vcpu *vcpu)
{
    struct hv_vm *vm = vcpu->vm;
    struct hv_clock *clock = &vm->clock;
    struct a64_cpu *cpu = &vcpu->cpu;
    if (!hv_insn_clock(vm))
        return true;
    pthread_mutex_lock(&clock->lock);
    vcpu->online = true;
    if (!clock->holder && !vcpu->waiting)
        give(clock, vcpu);
    while (clock->holder != vcpu && !(atomic_load(&cpu->attention) & A64_ATT_CANCEL))
        pthread_cond_wait(&vcpu->token_cond, &clock->lock);
    const bool mine = clock->holder == vcpu;
    if (mine) {
        fire_due(clock);
        const uint64_t next = min64(wake_due(vm), atomic_load(&vcpu->deadline));
        cpu->slice_end = min64(min64(clock->quantum_end, vcpu->budget_end), icount_at(clock, next));
        cpu->slice_end = min64(cpu->slice_end, a64_pmu_next(cpu));
    }
    pthread_mutex_unlock(&clock->lock);
    return mine;
}

void hv_token_account(struct hv_vcpu *vcpu)
{
    struct hv_clock *clock = &vcpu->vm->clock;
    if (!hv_insn_clock(vcpu->vm))
        return;
    pthread_mutex_lock(&clock->lock);
    account(clock);
    if (vcpu->cpu.icount >= clock->quantum_end)
        pass(vcpu->vm, vcpu);
    pthread_mutex_unlock(&clock->lock);
}

void hv_token_yield(struct hv_vcpu *vcpu, bool waiting)
{
    struct hv_clock *clock = &vcpu->vm->clock;
    pthread_mutex_lock(&clock->lock);
    if (clock->holder == vcpu) {
        vcpu->waiting = waiting && !hv_must_wake(vcpu);
        pass(vcpu->vm, vcpu);
    }
    pthread_mutex_unlock(&clock->lock);
}

void hv_token_wake(struct hv_vcpu *vcpu)
{
    struct hv_clock *clock = &vcpu->vm->clock;
    if (!hv_insn_clock(vcpu->vm))
        return;
    pthread_mutex_lock(&clock->lock);
    vcpu->waiting = false;
    if (!clock->holder && vcpu->online)
        give(clock, vcpu);
    else
        pthread_cond_signal(&vcpu->token_cond);
    pthread_mutex_unlock(&clock->lock);
}

void hv_token_set_online(struct hv_vcpu *vcpu, bool online)
{
    struct hv_clock *clock = &vcpu->vm->clock;
    if (!hv_insn_clock(vcpu->vm))
        return;
    pthread_mutex_lock(&clock->lock);
    vcpu->online = online;
    vcpu->waiting = false;
    if (!online && clock->holder == vcpu)
        pass(vcpu->vm, vcpu);
    else if (online && !clock->holder)
        give(clock, vcpu);
    pthread_mutex_unlock(&clock->lock);
}

/* ---- API; the lock is not held ---- */

hv_return_t hv_pomona_vcpu_set_online(hv_vcpu_t id, bool online)
{
    struct hv_pomona_context_s *context = hv_context_find((uint32_t)(id >> 32));
    const uint32_t slot = (uint32_t)id;
    if (!context || slot >= HV_MAX_VCPUS)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&context->lock);
    struct hv_vcpu *vcpu = context->vm ? context->vm->vcpus[slot] : NULL;
    pthread_mutex_unlock(&context->lock);
    if (!vcpu)
        return HV_BAD_ARGUMENT;
    hv_token_set_online(vcpu, online);
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_set_deadline(uint64_t ticks, void (*fire)(void *context), void *context)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm)
        return HV_NO_DEVICE;
    if (!hv_insn_clock(vm))
        return HV_UNSUPPORTED;
    if (!fire && ticks != NEVER)
        return HV_BAD_ARGUMENT;
    struct hv_clock *clock = &vm->clock;
    pthread_mutex_lock(&clock->lock);
    clock->deadline = ticks;
    clock->fire = fire;
    clock->fire_context = context;
    /* Nobody runs: a wake-up for no reason, which WFI may have, gives the deadline a thread. */
    for (unsigned i = 0; i < HV_MAX_VCPUS && !clock->holder; i++)
        if (vm->vcpus[i] && vm->vcpus[i]->online)
            give(clock, vm->vcpus[i]);
    pthread_mutex_unlock(&clock->lock);
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_get_time(uint64_t *ticks)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm || !ticks)
        return vm ? HV_BAD_ARGUMENT : HV_NO_DEVICE;
    if (!hv_insn_clock(vm)) {
        *ticks = hv_host_ticks();
        return HV_SUCCESS;
    }
    pthread_mutex_lock(&vm->clock.lock);
    *ticks = ticks_accounted(&vm->clock);
    pthread_mutex_unlock(&vm->clock.lock);
    return HV_SUCCESS;
}
