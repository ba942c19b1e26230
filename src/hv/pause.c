/* SPDX-License-Identifier: MIT */
/* Going into the guest and coming out, and stopping all vCPUs between instructions.
 *
 * A vCPU announces that it is inside, then looks whether somebody pauses; a pauser announces
 * itself, then looks who is inside. Both orders are sequentially consistent, so one of them sees
 * the other. */

#include "hv_internal.h"

static void announce_outside(struct hv_vm *vm)
{
    pthread_mutex_lock(&vm->pause_lock);
    pthread_cond_broadcast(&vm->pause_cond);
    pthread_mutex_unlock(&vm->pause_lock);
}

static void wait_until_resumed(struct hv_vm *vm)
{
    pthread_mutex_lock(&vm->pause_lock);
    pthread_cond_broadcast(&vm->pause_cond);
    while (atomic_load(&vm->pauses))
        pthread_cond_wait(&vm->pause_cond, &vm->pause_lock);
    pthread_mutex_unlock(&vm->pause_lock);
}

void hv_enter(struct hv_vcpu *vcpu)
{
    struct hv_vm *vm = vcpu->vm;
    for (;;) {
        atomic_fetch_and(&vcpu->cpu.attention, ~(uint32_t)A64_ATT_PAUSE);
        atomic_store(&vcpu->inside, true);
        if (!atomic_load(&vm->pauses))
            break;
        atomic_store(&vcpu->inside, false);
        wait_until_resumed(vm);
    }
    if (atomic_load(&vcpu->flush)) {
        atomic_store(&vcpu->flush, false);
        a64_tlb_flush(&vcpu->cpu);
    }
    a64_cpu_enter(&vcpu->cpu);
}

void hv_leave(struct hv_vcpu *vcpu)
{
    a64_cpu_leave(&vcpu->cpu);
    atomic_store(&vcpu->inside, false);
    if (atomic_load(&vcpu->vm->pauses))
        announce_outside(vcpu->vm);
}

static bool any_inside(const struct hv_vm *vm)
{
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (vm->vcpus[i] && atomic_load(&vm->vcpus[i]->inside))
            return true;
    return false;
}

void hv_pause(struct hv_vm *vm)
{
    pthread_mutex_lock(&vm->pause_lock);
    atomic_fetch_add(&vm->pauses, 1);
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (vm->vcpus[i])
            atomic_fetch_or(&vm->vcpus[i]->cpu.attention, A64_ATT_PAUSE);
    while (any_inside(vm))
        pthread_cond_wait(&vm->pause_cond, &vm->pause_lock);
    pthread_mutex_unlock(&vm->pause_lock);
}

void hv_resume(struct hv_vm *vm)
{
    pthread_mutex_lock(&vm->pause_lock);
    if (atomic_fetch_sub(&vm->pauses, 1) == 1)
        pthread_cond_broadcast(&vm->pause_cond);
    pthread_mutex_unlock(&vm->pause_lock);
}

hv_return_t hv_pomona_vm_pause(void)
{
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    struct hv_vm *vm = context->vm;
    if (vm) {
        hv_pause(vm);
        vm->pauser = pthread_self();
        vm->user_pauses++;
    }
    pthread_mutex_unlock(&context->lock);
    return vm ? HV_SUCCESS : HV_NO_DEVICE;
}

hv_return_t hv_pomona_vm_resume(void)
{
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    struct hv_vm *vm = context->vm;
    hv_return_t result = vm ? HV_BAD_ARGUMENT : HV_NO_DEVICE;
    if (vm && vm->user_pauses) {
        vm->user_pauses--;
        hv_resume(vm);
        result = HV_SUCCESS;
    }
    pthread_mutex_unlock(&context->lock);
    return result;
}
