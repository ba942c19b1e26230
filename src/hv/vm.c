/* SPDX-License-Identifier: MIT */
/* Creating and destroying the virtual machine: hv_vm_create, hv_vm_destroy, and what a VM shares
 * among its vCPUs. */

#include <errno.h>
#include <stdlib.h>

#include "../a64/broadcast.h"
#include "../a64/monitor.h"
#include "gic.h"
#include "hv_internal.h"

hv_return_t hv_vm_get_max_vcpu_count(uint32_t *max_vcpu_count)
{
    if (!max_vcpu_count)
        return HV_BAD_ARGUMENT;
    *max_vcpu_count = HV_MAX_VCPUS;
    return HV_SUCCESS;
}

/* A timer's output, or the GIC's maintenance interrupt: a PPI with a GIC; else what run.c makes of
 * it. */
static void system_ppi(struct a64_cpu *cpu, unsigned intid, bool level)
{
    struct hv_vcpu *vcpu = hv_vcpu_of(cpu);
    if (vcpu->vm->gic)
        hv_gic_set_ppi(vcpu, intid, level);
    else
        hv_timer_line(vcpu, intid, level);
}

static hv_return_t resolve_config(struct hv_vm *vm, const struct hv_vm_config_s *config)
{
    struct hv_vm_config_s *own = &vm->config;
    if (config)
        *own = *config;
    else
        hv_vm_config_defaults(own);
    if (!own->ipa_bits)
        own->ipa_bits = HV_DEFAULT_IPA_BITS;
    if (!own->model || !own->engine || (own->e2h_fixed && !own->el2))
        return HV_BAD_ARGUMENT;
    if (!hv_engine_usable(own->engine, &own->knobs))
        return HV_UNSUPPORTED;
    if (own->knobs.plant)
        own->knobs.code_cache = NULL;
    vm->granule = own->granule == HV_IPA_GRANULE_4KB ? HV_GRANULE_4K : HV_GRANULE_16K;
    return HV_SUCCESS;
}

static int init_system(struct hv_vm *vm)
{
    struct a64_system *sys = &vm->sys;
    sys->bus.page = hv_bus_page;
    sys->bus.ctx = vm;
    sys->ppi = system_ppi;
    sys->kick = hv_kick;
    sys->sysreg_trap = hv_sysreg_trap;
    sys->knobs = vm->config.knobs;
    sys->paravirt_pac = !vm->config.el2;
    sys->private_memory = vm->config.private_memory;
    pthread_mutex_init(&sys->lock, NULL);
    int error = a64_monitor_create(sys);
    if (error)
        return error;
    error = a64_broadcast_create(sys);
    if (error)
        a64_monitor_destroy(sys);
    return error;
}

static void free_vm(struct hv_vm *vm)
{
    hv_gic_destroy(vm);
    hv_clock_fini(vm);
    a64_broadcast_destroy(&vm->sys);
    a64_monitor_destroy(&vm->sys);
    pthread_mutex_destroy(&vm->sys.lock);
    pthread_mutex_destroy(&vm->pause_lock);
    pthread_cond_destroy(&vm->pause_cond);
    free(vm->map);
    free(vm);
}

static hv_return_t create_locked(struct hv_pomona_context_s *context,
                                 const struct hv_vm_config_s *config)
{
    if (context->vm)
        return HV_BUSY;
    struct hv_vm *vm = calloc(1, sizeof(*vm));
    struct hv_map *map = calloc(1, sizeof(*map));
    hv_return_t result = vm && map ? resolve_config(vm, config) : HV_NO_RESOURCES;
    if (result == HV_SUCCESS && init_system(vm))
        result = HV_NO_RESOURCES;
    if (result != HV_SUCCESS) {
        free(map);
        free(vm);
        return result;
    }
    pthread_mutex_init(&vm->pause_lock, NULL);
    pthread_cond_init(&vm->pause_cond, NULL);
    vm->context = context;
    vm->map = map;
    hv_clock_init(vm);
    context->vm = vm;
    return HV_SUCCESS;
}

hv_return_t hv_vm_create(hv_vm_config_t config)
{
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    const hv_return_t result = create_locked(context, config);
    pthread_mutex_unlock(&context->lock);
    return result;
}

hv_return_t hv_vm_destroy(void)
{
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    struct hv_vm *vm = context->vm;
    const hv_return_t result = !vm ? HV_NO_DEVICE : vm->vcpu_count ? HV_BUSY : HV_SUCCESS;
    if (result == HV_SUCCESS)
        context->vm = NULL;
    pthread_mutex_unlock(&context->lock);
    if (result == HV_SUCCESS)
        free_vm(vm);
    return result;
}
