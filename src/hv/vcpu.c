/* SPDX-License-Identifier: MIT */
/* vCPUs: creation on the calling thread, destruction, cancelling, interrupts, and the monitor's
 * settings.
 *
 * A vCPU is its creating thread's. The thread keeps a pointer to it, so looking up an id that
 * belongs to the caller, which is nearly every call, costs one comparison. Its registers are in
 * registers.c, running it in run.c. */

#include <stdlib.h>
#include <string.h>

#include "../a64/exception.h"
#include "../a64/monitor.h"
#include "../a64/sysreg.h"
#include "../a64/timer.h"
#include "gic.h"
#include "hv_internal.h"

#define NEVER            UINT64_MAX
#define SPSR_EL0T_MASKED 0x3c0u
#define MPIDR_RES1       0x80000000u

static _Thread_local struct hv_vcpu *own;

struct hv_vcpu *hv_vcpu_own(hv_vcpu_t id)
{
    return own && own->id == id ? own : NULL;
}

static bool paused_by_me(struct hv_vm *vm)
{
    return vm->user_pauses && pthread_equal(vm->pauser, pthread_self());
}

struct hv_vcpu *hv_vcpu_mine(hv_vcpu_t id)
{
    if (own && own->id == id)
        return own;
    struct hv_pomona_context_s *context = hv_context_find((uint32_t)(id >> 32));
    const uint32_t slot = (uint32_t)id;
    if (!context || slot >= HV_MAX_VCPUS)
        return NULL;
    pthread_mutex_lock(&context->lock);
    struct hv_vm *vm = context->vm;
    struct hv_vcpu *vcpu = vm && paused_by_me(vm) ? vm->vcpus[slot] : NULL;
    pthread_mutex_unlock(&context->lock);
    return vcpu;
}

/* ---- creation ---- */

/* vcpus[] is read under either lock. */
static void set_slot(struct hv_vm *vm, unsigned slot, struct hv_vcpu *vcpu)
{
    pthread_mutex_lock(&vm->pause_lock);
    pthread_mutex_lock(&vm->clock.lock);
    vm->vcpus[slot] = vcpu;
    pthread_mutex_unlock(&vm->clock.lock);
    pthread_mutex_unlock(&vm->pause_lock);
}

/* Puts VCPU in the first free slot of VM; false when all are taken. Caller holds context->lock. */
static bool insert(struct hv_vm *vm, struct hv_vcpu *vcpu)
{
    unsigned slot = 0;
    while (slot < HV_MAX_VCPUS && vm->vcpus[slot])
        slot++;
    if (slot == HV_MAX_VCPUS)
        return false;
    vcpu->id = (uint64_t)vm->context->number << 32 | slot;
    vcpu->cpu.index = slot;
    set_slot(vm, slot, vcpu);
    vm->vcpu_count++;
    return true;
}

static void remove_vcpu(struct hv_vm *vm, struct hv_vcpu *vcpu)
{
    set_slot(vm, vcpu->cpu.index, NULL);
    vm->vcpu_count--;
}

/* Makes the CPU visible to the others' broadcasts, or takes it out. */
static void publish_cpu(struct a64_cpu *cpu, bool present)
{
    struct a64_system *sys = cpu->sys;
    pthread_mutex_lock(&sys->lock);
    sys->cpus[cpu->index] = present ? cpu : NULL;
    unsigned count = A64_MAX_CPUS;
    while (count && !sys->cpus[count - 1])
        count--;
    sys->cpu_count = count;
    pthread_mutex_unlock(&sys->lock);
}

/* Aff0 holds 16 CPUs, so that a GIC's target list names each. */
static uint64_t default_mpidr(unsigned index)
{
    return MPIDR_RES1 | (index & 15) | (uint64_t)(index >> 4) << 8;
}

/* Beyond the CPU model's reset: what Apple's framework leaves, where clients rely on it. */
static void reset_as_apple(struct a64_cpu *cpu)
{
    const uint64_t mpidr = default_mpidr(cpu->index);
    a64_sysreg_write(cpu, HV_SYS_REG_MPIDR_EL1, mpidr);
    if (a64_el2_enabled(cpu))
        a64_sysreg_write(cpu, HV_SYS_REG_VMPIDR_EL2, mpidr);
    else
        a64_set_spsr(cpu, SPSR_EL0T_MASKED); /* until the monitor writes CPSR */
}

static hv_return_t init_cpu(struct hv_vm *vm, struct hv_vcpu *vcpu)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const struct hv_vm_config_s *config = &vm->config;
    const struct a64_model_options options = hv_model_options(vm);
    if (a64_cpu_init(cpu, &vm->sys, config->model, &options))
        return HV_NO_RESOURCES;
    if (config->engine->init(cpu)) {
        a64_cpu_free(cpu);
        return HV_NO_RESOURCES;
    }
    if (vm->gic && hv_gic_attach(vcpu)) {
        config->engine->free(cpu);
        a64_cpu_free(cpu);
        return HV_NO_RESOURCES;
    }
    reset_as_apple(cpu);
    hv_gic_mpidr_changed(vcpu);
    /* What runs now may rely on there being one CPU. */
    hv_pause(vm);
    publish_cpu(cpu, true);
    a64_monitor_attach(cpu);
    hv_resume(vm);
    return HV_SUCCESS;
}

static struct hv_vcpu *vcpu_alloc(struct hv_vm *vm)
{
    struct hv_vcpu *vcpu = aligned_alloc(64, (sizeof(*vcpu) + 63) & ~(size_t)63);
    if (!vcpu)
        return NULL;
    memset(vcpu, 0, sizeof(*vcpu));
    vcpu->vm = vm;
    vcpu->cpu.owner = vcpu;
    atomic_store(&vcpu->deadline, NEVER);
    vcpu->budget_end = NEVER;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&vcpu->line_lock, NULL);
    pthread_mutex_init(&vcpu->wait_lock, NULL);
    pthread_cond_init(&vcpu->wait_cond, &attributes);
    pthread_cond_init(&vcpu->token_cond, NULL);
    pthread_condattr_destroy(&attributes);
    return vcpu;
}

static void vcpu_free(struct hv_vcpu *vcpu)
{
    pthread_cond_destroy(&vcpu->token_cond);
    pthread_cond_destroy(&vcpu->wait_cond);
    pthread_mutex_destroy(&vcpu->wait_lock);
    pthread_mutex_destroy(&vcpu->line_lock);
    free(vcpu);
}

static hv_return_t create_locked(struct hv_pomona_context_s *context, struct hv_vcpu **out)
{
    struct hv_vm *vm = context->vm;
    if (!vm)
        return HV_NO_DEVICE;
    struct hv_vcpu *vcpu = vcpu_alloc(vm);
    if (!vcpu)
        return HV_NO_RESOURCES;
    hv_return_t result = insert(vm, vcpu) ? HV_SUCCESS : HV_NO_RESOURCES;
    if (result == HV_SUCCESS) {
        result = init_cpu(vm, vcpu);
        if (result != HV_SUCCESS)
            remove_vcpu(vm, vcpu);
    }
    if (result != HV_SUCCESS)
        vcpu_free(vcpu);
    else
        *out = vcpu;
    return result;
}

hv_return_t hv_vcpu_create(hv_vcpu_t *vcpu, hv_vcpu_exit_t **exit, hv_vcpu_config_t config)
{
    if (!vcpu || !exit)
        return HV_BAD_ARGUMENT;
    if (own)
        return HV_BUSY;
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    const hv_return_t result = create_locked(context, &own);
    pthread_mutex_unlock(&context->lock);
    if (result == HV_SUCCESS) {
        *vcpu = own->id;
        *exit = &own->exit;
    }
    return result;
}

hv_return_t hv_vcpu_destroy(hv_vcpu_t vcpu)
{
    struct hv_vcpu *self = own;
    if (!self || self->id != vcpu)
        return HV_BAD_ARGUMENT;
    struct hv_vm *vm = self->vm;
    struct hv_pomona_context_s *context = vm->context;
    hv_token_set_online(self, false);
    pthread_mutex_lock(&context->lock);
    a64_monitor_detach(&self->cpu);
    publish_cpu(&self->cpu, false);
    if (vm->gic)
        hv_gic_detach(self);
    remove_vcpu(vm, self);
    vm->retired_before += self->cpu.icount;
    pthread_mutex_unlock(&context->lock);
    vm->config.engine->free(&self->cpu);
    a64_cpu_free(&self->cpu);
    vcpu_free(self);
    own = NULL;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vcpu_reset(hv_vcpu_t vcpu)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    a64_cpu_reset(&self->cpu);
    a64_tlb_flush(&self->cpu);
    if (self->vm->gic)
        hv_gic_reset_cpu_interface(self);
    if (!a64_el2_enabled(&self->cpu))
        a64_set_spsr(&self->cpu, SPSR_EL0T_MASKED);
    self->has_run = self->cpsr_written = self->wait_first = false;
    return HV_SUCCESS;
}

/* ---- waking and cancelling ---- */

void hv_kick(struct a64_cpu *cpu)
{
    struct hv_vcpu *vcpu = hv_vcpu_of(cpu);
    pthread_mutex_lock(&vcpu->wait_lock);
    if (vcpu->sleeping)
        pthread_cond_signal(&vcpu->wait_cond);
    pthread_mutex_unlock(&vcpu->wait_lock);
    hv_token_wake(vcpu);
}

static hv_return_t cancel(hv_vcpu_t id)
{
    struct hv_pomona_context_s *context = hv_context_find((uint32_t)(id >> 32));
    const uint32_t slot = (uint32_t)id;
    if (!context || slot >= HV_MAX_VCPUS)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&context->lock);
    struct hv_vcpu *vcpu = context->vm ? context->vm->vcpus[slot] : NULL;
    if (vcpu) {
        atomic_fetch_or(&vcpu->cpu.attention, A64_ATT_CANCEL);
        hv_kick(&vcpu->cpu);
    }
    pthread_mutex_unlock(&context->lock);
    return vcpu ? HV_SUCCESS : HV_BAD_ARGUMENT;
}

hv_return_t hv_vcpus_exit(hv_vcpu_t *vcpus, uint32_t vcpu_count)
{
    if (!vcpus && vcpu_count)
        return HV_BAD_ARGUMENT;
    hv_return_t result = HV_SUCCESS;
    for (uint32_t i = 0; i < vcpu_count; i++)
        if (cancel(vcpus[i]) != HV_SUCCESS)
            result = HV_BAD_ARGUMENT;
    return result;
}

/* ---- interrupts ---- */

void hv_set_line(struct hv_vcpu *vcpu, hv_interrupt_type_t type, enum hv_line_source source,
                 bool level)
{
    const unsigned line = type == HV_INTERRUPT_TYPE_IRQ ? A64_LINE_IRQ : A64_LINE_FIQ;
    pthread_mutex_lock(&vcpu->line_lock);
    const uint8_t before = vcpu->line_sources[type];
    const uint8_t now = level ? before | source : before & (uint8_t)~source;
    vcpu->line_sources[type] = now;
    if (!before != !now)
        a64_set_line(&vcpu->cpu, line, now); /* kicks */
    pthread_mutex_unlock(&vcpu->line_lock);
}

hv_return_t hv_vcpu_get_pending_interrupt(hv_vcpu_t vcpu, hv_interrupt_type_t type, bool *pending)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !pending || (uint32_t)type > HV_INTERRUPT_TYPE_FIQ)
        return HV_BAD_ARGUMENT;
    *pending = self->pending[type];
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_pending_interrupt(hv_vcpu_t vcpu, hv_interrupt_type_t type, bool pending)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || (uint32_t)type > HV_INTERRUPT_TYPE_FIQ)
        return HV_BAD_ARGUMENT;
    self->pending[type] = pending;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vcpu_set_line(hv_vcpu_t id, hv_interrupt_type_t type, bool level)
{
    struct hv_pomona_context_s *context = hv_context_find((uint32_t)(id >> 32));
    const uint32_t slot = (uint32_t)id;
    if (!context || slot >= HV_MAX_VCPUS || (uint32_t)type > HV_INTERRUPT_TYPE_FIQ)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&context->lock);
    struct hv_vcpu *vcpu = context->vm ? context->vm->vcpus[slot] : NULL;
    if (vcpu)
        hv_set_line(vcpu, type, HV_SOURCE_LEVEL, level);
    pthread_mutex_unlock(&context->lock);
    return vcpu ? HV_SUCCESS : HV_BAD_ARGUMENT;
}

hv_return_t hv_vcpu_get_serror(hv_vcpu_t vcpu, bool *pending)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !pending)
        return HV_BAD_ARGUMENT;
    *pending = atomic_load(&self->cpu.lines) & A64_LINE_SERROR;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_serror(hv_vcpu_t vcpu, bool pending)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    a64_set_line(&self->cpu, A64_LINE_SERROR, pending);
    return HV_SUCCESS;
}

/* ---- the monitor's settings ---- */

hv_return_t hv_vcpu_get_trap_debug_exceptions(hv_vcpu_t vcpu, bool *value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !value)
        return HV_BAD_ARGUMENT;
    *value = self->cpu.trap_debug_exceptions;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t vcpu, bool value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    self->cpu.trap_debug_exceptions = value;
    a64_update_watch(&self->cpu);
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_get_trap_debug_reg_accesses(hv_vcpu_t vcpu, bool *value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !value)
        return HV_BAD_ARGUMENT;
    *value = self->trap_debug_regs;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t vcpu, bool value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    self->trap_debug_regs = value;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_invalidate_tlb(hv_vcpu_t vcpu, hv_tlbi_op_t op, uint64_t param)
{
    static const uint32_t known = 1u << 0x11 | 1u << 0x13 | 1u << 0x15 | 1u << 0x17 | 1u << 0x18 |
                                  1u << 0x19 | 1u << 0x1a | 1u << 0x1b | 1u << 0x1d | 1u << 0x1f;
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self || (uint32_t)op > 31 || !(known >> op & 1))
        return HV_BAD_ARGUMENT;
    /* A TLB may always forget more than it is asked to; monitors ask seldom. */
    const struct a64_tlbi all = {
        .kind = A64_TLBI_ALL, .regime = A64_REGIME_EL10, .any_vmid = true, .end = NEVER};
    a64_tlbi_broadcast(&self->cpu, &all);
    a64_tlbi_wait(&self->cpu);
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_get_exec_time(hv_vcpu_t vcpu, uint64_t *time)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !time)
        return HV_BAD_ARGUMENT;
    *time = self->exec_ticks;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_get_wait_for_interrupt_time(hv_vcpu_t vcpu, uint64_t *time)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !time)
        return HV_BAD_ARGUMENT;
    if (!self->vm->gic)
        return HV_UNSUPPORTED;
    *time = self->wait_ticks;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_get_vtimer_mask(hv_vcpu_t vcpu, bool *vtimer_is_masked)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !vtimer_is_masked)
        return HV_BAD_ARGUMENT;
    *vtimer_is_masked = self->vtimer_mask;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_vtimer_mask(hv_vcpu_t vcpu, bool vtimer_is_masked)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    self->vtimer_mask = vtimer_is_masked;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_get_vtimer_offset(hv_vcpu_t vcpu, uint64_t *vtimer_offset)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !vtimer_offset)
        return HV_BAD_ARGUMENT;
    *vtimer_offset = self->cpu.vtimer_offset;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_vtimer_offset(hv_vcpu_t vcpu, uint64_t vtimer_offset)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    self->cpu.vtimer_offset = vtimer_offset;
    a64_timer_update(&self->cpu);
    return HV_SUCCESS;
}
