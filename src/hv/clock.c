/* SPDX-License-Identifier: MIT */
/* Time. The guest's counter ticks at 24 MHz, as Apple's does; with the host clock it is the host's
 * monotonic clock, which mach_absolute_time() shows too.
 *
 * A vCPU that executes does not look at a clock: when its timers need it next, a thread of the VM
 * sets A64_ATT_TIMER at that time. The thread exists once a timer was armed. A deadline that moves
 * away leaves the thread's own wake-up where it was: it wakes, finds nothing due and sleeps again,
 * which is cheaper than telling it at each of a guest's timer writes. The instruction clock
 * (clock_insn.c) needs no thread. */

#include <mach/mach_time.h>
#include <time.h>

#include "hv_internal.h"

#define NEVER UINT64_MAX

uint64_t hv_host_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * A64_COUNTER_HZ + (uint64_t)now.tv_nsec * 3 / 125;
}

struct timespec hv_host_time(uint64_t ticks)
{
    const uint64_t rest = ticks % A64_COUNTER_HZ;
    return (struct timespec){
        .tv_sec = (time_t)(ticks / A64_COUNTER_HZ),
        .tv_nsec = (long)((rest * 125 + 2) / 3),
    };
}

uint64_t mach_absolute_time(void)
{
    return hv_host_ticks();
}

kern_return_t mach_timebase_info(mach_timebase_info_t info)
{
    info->numer = 125;
    info->denom = 3;
    return 0;
}

static uint64_t host_now(struct a64_cpu *cpu)
{
    return hv_host_ticks();
}

static uint64_t host_icount_at(struct a64_cpu *cpu, uint64_t ticks)
{
    return 0;
}

/* Sets A64_ATT_TIMER for every vCPU whose deadline is at NOW or before; returns the earliest of the
 * others. */
static uint64_t notify_due(struct hv_vm *vm, uint64_t now)
{
    uint64_t next = NEVER;
    pthread_mutex_lock(&vm->pause_lock); /* vcpus[] */
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++) {
        struct hv_vcpu *vcpu = vm->vcpus[i];
        uint64_t deadline = vcpu ? atomic_load(&vcpu->deadline) : NEVER;
        if (deadline > now) {
            next = deadline < next ? deadline : next;
        } else if (atomic_compare_exchange_strong(&vcpu->deadline, &deadline, NEVER)) {
            atomic_fetch_or(&vcpu->cpu.attention, A64_ATT_TIMER);
            hv_kick(&vcpu->cpu);
        } else {
            next = now; /* moved just now: look again */
        }
    }
    pthread_mutex_unlock(&vm->pause_lock);
    return next;
}

static void *timer_thread(void *arg)
{
    struct hv_vm *vm = arg;
    struct hv_clock *clock = &vm->clock;
    pthread_mutex_lock(&clock->lock);
    while (!clock->stop) {
        /* What is armed from here on sees this and signals. */
        atomic_store(&clock->next, NEVER);
        pthread_mutex_unlock(&clock->lock);
        const uint64_t next = notify_due(vm, hv_host_ticks());
        pthread_mutex_lock(&clock->lock);
        if (next < atomic_load(&clock->next))
            atomic_store(&clock->next, next);
        const uint64_t until = atomic_load(&clock->next);
        if (clock->stop || until <= hv_host_ticks())
            continue;
        if (until == NEVER) {
            pthread_cond_wait(&clock->cond, &clock->lock);
        } else {
            const struct timespec time = hv_host_time(until);
            pthread_cond_timedwait(&clock->cond, &clock->lock, &time);
        }
    }
    pthread_mutex_unlock(&clock->lock);
    return NULL;
}

/* The clock's `deadline` hook: TICKS is when CPU's timers need it next. */
static void host_deadline(struct a64_cpu *cpu, uint64_t ticks)
{
    struct hv_vcpu *vcpu = hv_vcpu_of(cpu);
    struct hv_vm *vm = vcpu->vm;
    struct hv_clock *clock = &vm->clock;
    atomic_store(&vcpu->deadline, ticks);
    if (ticks >= atomic_load(&clock->next))
        return;
    pthread_mutex_lock(&clock->lock);
    if (!clock->thread_runs)
        clock->thread_runs = !pthread_create(&clock->thread, NULL, timer_thread, vm);
    const bool nearer = ticks < atomic_load(&clock->next);
    if (nearer)
        atomic_store(&clock->next, ticks);
    pthread_mutex_unlock(&clock->lock);
    if (nearer) /* now, as the thread wants the lock first */
        pthread_cond_signal(&clock->cond);
}

void hv_clock_init(struct hv_vm *vm)
{
    struct hv_clock *clock = &vm->clock;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&clock->lock, NULL);
    pthread_cond_init(&clock->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    atomic_store(&clock->next, NEVER);
    clock->config = vm->config.clock;
    if (hv_insn_clock(vm)) {
        hv_insn_clock_init(vm);
        return;
    }
    vm->sys.clock.now = host_now;
    vm->sys.clock.icount_at = host_icount_at;
    vm->sys.clock.deadline = host_deadline;
}

void hv_clock_fini(struct hv_vm *vm)
{
    struct hv_clock *clock = &vm->clock;
    pthread_mutex_lock(&clock->lock);
    clock->stop = true;
    pthread_cond_broadcast(&clock->cond);
    pthread_mutex_unlock(&clock->lock);
    if (clock->thread_runs)
        pthread_join(clock->thread, NULL);
    pthread_cond_destroy(&clock->cond);
    pthread_mutex_destroy(&clock->lock);
}
