/* SPDX-License-Identifier: MIT */
/* hv_pomona.h: capabilities, instruction counts, and the debugger's view of guest memory. What
 * belongs to one subject is beside it: contexts, clocks, pauses, MMIO. */

#include <string.h>

#include "../a64/exception.h"
#include "hv_internal.h"

bool hv_pomona_supports(hv_pomona_capability_t capability)
{
    return (uint32_t)capability <= HV_POMONA_CAP_WAIT;
}

hv_return_t hv_pomona_vcpu_get_instruction_count(hv_vcpu_t vcpu, uint64_t *count)
{
    const struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !count)
        return HV_BAD_ARGUMENT;
    *count = self->cpu.icount;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vcpu_set_budget(hv_vcpu_t vcpu, uint64_t count)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    self->budget_end = count ? self->cpu.icount + count : UINT64_MAX;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_get_instruction_count(uint64_t *count)
{
    struct hv_pomona_context_s *context = hv_context();
    if (!count)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&context->lock);
    struct hv_vm *vm = context->vm;
    *count = vm ? vm->retired_before : 0;
    for (unsigned i = 0; vm && i < HV_MAX_VCPUS; i++)
        if (vm->vcpus[i])
            *count += a64_retired(&vm->vcpus[i]->cpu);
    pthread_mutex_unlock(&context->lock);
    return vm ? HV_SUCCESS : HV_NO_DEVICE;
}

hv_return_t hv_pomona_vm_each_encoding(void (*met)(void *context, const char *name), void *context)
{
    struct hv_pomona_context_s *current = hv_context();
    if (!met)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&current->lock);
    const struct hv_vm *vm = current->vm;
    for (unsigned row = 0; vm && row < A64_ROW_COUNT; row++)
        if (atomic_load_explicit(&vm->sys.row_met[row], memory_order_relaxed))
            met(context, a64_rows[row].name);
    pthread_mutex_unlock(&current->lock);
    return vm ? HV_SUCCESS : HV_NO_DEVICE;
}

hv_return_t hv_pomona_vm_each_statistic(void (*met)(void *context, const char *name, uint64_t value),
                                        void *context)
{
    struct hv_pomona_context_s *current = hv_context();
    if (!met)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&current->lock);
    const struct hv_vm *vm = current->vm;
    const struct hv_engine *engine = vm ? vm->config.engine : NULL;
    uint64_t values[64] = {0};
    for (unsigned i = 0; engine && engine->statistics && i < A64_MAX_CPUS; i++)
        if (vm->sys.cpus[i])
            engine->count(vm->sys.cpus[i], values);
    for (unsigned i = 0; engine && engine->statistics && engine->statistics[i]; i++)
        met(context, engine->statistics[i], values[i]);
    pthread_mutex_unlock(&current->lock);
    return vm ? HV_SUCCESS : HV_NO_DEVICE;
}

/* ---- guest-virtual memory ---- */

/* Caller holds context->lock. */
static bool translate(struct hv_vcpu *vcpu, uint64_t va, struct a64_walk *walk)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    return a64_walk(cpu, a64_current_regime(cpu), false, false, 0, va, walk) == 0;
}

static hv_return_t copy(struct hv_vcpu *vcpu, uint64_t va, void *data, size_t size, bool write)
{
    uint8_t *bytes = data;
    while (size) {
        struct a64_walk walk;
        const size_t left = HV_GRANULE_4K - (va & (HV_GRANULE_4K - 1));
        const size_t step = size < left ? size : left;
        if (!translate(vcpu, va, &walk) || !hv_memory_copy(vcpu->vm, walk.pa, bytes, step, write))
            return HV_FAULT;
        bytes += step;
        va += step;
        size -= step;
    }
    return HV_SUCCESS;
}

static hv_return_t copy_locked(hv_vcpu_t id, uint64_t va, void *data, size_t size, bool write)
{
    struct hv_vcpu *vcpu = hv_vcpu_mine(id);
    if (!vcpu || (!data && size))
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&vcpu->vm->context->lock);
    const hv_return_t result = copy(vcpu, va, data, size, write);
    if (write)
        a64_code_changed(&vcpu->vm->sys);
    pthread_mutex_unlock(&vcpu->vm->context->lock);
    return result;
}

hv_return_t hv_pomona_vcpu_set_trap_hlt(hv_vcpu_t vcpu, bool enabled)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    self->cpu.trap_hlt = enabled;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vcpu_translate(hv_vcpu_t vcpu, uint64_t va, hv_ipa_t *ipa)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    struct a64_walk walk;
    if (!self || !ipa)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&self->vm->context->lock);
    const bool found = translate(self, va, &walk);
    pthread_mutex_unlock(&self->vm->context->lock);
    if (!found)
        return HV_FAULT;
    *ipa = walk.pa;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vcpu_read(hv_vcpu_t vcpu, uint64_t va, void *data, size_t size)
{
    return copy_locked(vcpu, va, data, size, false);
}

hv_return_t hv_pomona_vcpu_write(hv_vcpu_t vcpu, uint64_t va, const void *data, size_t size)
{
    return copy_locked(vcpu, va, (void *)data, size, true);
}
