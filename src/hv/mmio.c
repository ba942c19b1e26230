/* SPDX-License-Identifier: MIT */
/* Completing a data abort at device registers, whatever the instruction was: for the GIC's own
 * frames, and for the monitor's devices through hv_pomona_vcpu_mmio. The instruction's meaning is
 * src/a64/mmio.h's; here are the vCPU's registers, and where the instruction is read from when the
 * syndrome does not describe it. */

#include "../a64/mmio.h"

#include <string.h>

#include "../a64/exception.h"
#include "hv_internal.h"

#define ISS_ISV   (1u << 24)
#define ISS_S1PTW (1u << 7)
#define PAGE      0x1000u

static uint64_t get_x(void *ctx, unsigned n)
{
    return ((struct a64_cpu *)ctx)->x[n];
}

static void set_x(void *ctx, unsigned n, uint64_t value)
{
    a64_set_x(ctx, n, value);
}

static uint64_t get_sp(void *ctx)
{
    return ((struct a64_cpu *)ctx)->sp;
}

static void set_sp(void *ctx, uint64_t value)
{
    ((struct a64_cpu *)ctx)->sp = value;
}

static void get_v(void *ctx, unsigned n, uint8_t value[16])
{
    memcpy(value, &((struct a64_cpu *)ctx)->v[n], 16);
}

static void set_v(void *ctx, unsigned n, const uint8_t value[16])
{
    memcpy(&((struct a64_cpu *)ctx)->v[n], value, 16);
}

static struct a64_mmio_regs mmio_regs(struct a64_cpu *cpu)
{
    return (struct a64_mmio_regs){cpu, get_x, set_x, get_sp, set_sp, get_v, set_v};
}

/* The instruction word at the vCPU's PC, by its own translation. */
static bool fetch(struct hv_vcpu *vcpu, uint32_t *word)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    struct a64_walk walk;
    return a64_walk(cpu, a64_current_regime(cpu), false, cpu->ps.el == 0, 0, cpu->pc, &walk) == 0 &&
           hv_memory_copy(vcpu->vm, walk.pa, word, sizeof(*word), false);
}

bool hv_mmio_plan(struct hv_vcpu *vcpu, struct a64_mmio_plan *plan)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const struct a64_exc *exc = &cpu->exc;
    const struct a64_mmio_regs regs = mmio_regs(cpu);
    uint32_t word;
    if (exc->iss & ISS_S1PTW)
        return false;
    if (exc->iss & ISS_ISV) {
        a64_mmio_from_iss(plan, exc->iss, exc->far, &regs);
        return true;
    }
    return fetch(vcpu, &word) && a64_mmio_decode(plan, word, cpu->pc, exc->far, &regs) == 0;
}

void hv_mmio_finish(struct hv_vcpu *vcpu, const struct a64_mmio_plan *plan)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const struct a64_mmio_regs regs = mmio_regs(cpu);
    a64_mmio_commit(plan, &regs);
    cpu->pc += 4;
    cpu->icount++;
    if (cpu->ps.btype) {
        cpu->ps.btype = 0;
        a64_update_watch(cpu);
    }
}

bool hv_mmio_ipa(struct hv_vcpu *vcpu, uint64_t va, uint64_t *ipa)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const struct a64_exc *exc = &cpu->exc;
    struct a64_walk walk;
    *ipa = exc->ipa + (va - exc->far);
    if ((va ^ exc->far) < PAGE)
        return true;
    if (a64_walk(cpu, a64_current_regime(cpu), false, cpu->ps.el == 0, 0, va, &walk))
        return false;
    *ipa = walk.pa;
    return true;
}

/* One access; false: it has no address. An instruction may reach RAM with one part and a device
 * with another. */
static bool perform(struct hv_vcpu *vcpu, const hv_pomona_mmio_ops_t *ops,
                    struct a64_mmio_access *access)
{
    pthread_mutex_t *lock = &vcpu->vm->context->lock;
    uint64_t ipa;
    pthread_mutex_lock(lock);
    const bool found = hv_mmio_ipa(vcpu, access->va, &ipa);
    const bool elsewhere = found && (ipa ^ vcpu->cpu.exc.ipa) >= PAGE;
    const bool done =
        elsewhere && hv_memory_copy(vcpu->vm, ipa, &access->value, access->size, access->write);
    pthread_mutex_unlock(lock);
    if (found && !done && access->write)
        ops->write(ops->context, ipa, access->size, access->value);
    else if (found && !done)
        access->value = ops->read(ops->context, ipa, access->size);
    return found;
}

static bool plan_locked(struct hv_vcpu *vcpu, struct a64_mmio_plan *plan)
{
    pthread_mutex_lock(&vcpu->vm->context->lock);
    const bool planned = hv_mmio_plan(vcpu, plan);
    pthread_mutex_unlock(&vcpu->vm->context->lock);
    return planned;
}

hv_return_t hv_pomona_vcpu_mmio(hv_vcpu_t vcpu, const hv_pomona_mmio_ops_t *ops)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    struct a64_mmio_plan plan;
    struct a64_mmio_access *access;
    if (!self || !ops || !ops->read || !ops->write || !self->exit_is_abort ||
        self->cpu.pc != self->exit_pc || !plan_locked(self, &plan))
        return HV_BAD_ARGUMENT;
    while ((access = a64_mmio_next(&plan)))
        if (!perform(self, ops, access))
            return HV_BAD_ARGUMENT;
    hv_mmio_finish(self, &plan);
    self->exit_is_abort = false;
    return HV_SUCCESS;
}

/* ---- exceptions that the monitor gives the guest ---- */

hv_return_t hv_pomona_vcpu_inject_abort(hv_vcpu_t vcpu)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    a64_external_abort(&self->cpu);
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vcpu_inject_undefined(hv_vcpu_t vcpu)
{
    struct hv_vcpu *self = hv_vcpu_own(vcpu);
    if (!self)
        return HV_BAD_ARGUMENT;
    a64_undefined(&self->cpu);
    a64_take_exception(&self->cpu);
    return HV_SUCCESS;
}
