/* SPDX-License-Identifier: MIT */
/* The VM's GICv3: who is interrupted by what.
 *
 * A distributor with all 988 SPIs, a redistributor a vCPU (in the order of their slots), affinity
 * routing always on, one Security state, no LPIs, no ITS, no message-based SPIs but those of the
 * GICv2m frame. After every change the CPU interfaces concerned choose their highest-priority
 * pending interrupt again by a scan of the bitmaps; nearly always these are empty. An SPI that any
 * CPU may take (IROUTER.IRM) goes to the first that has its group enabled. GICR_WAKER is kept but
 * does not hold interrupts back, as in other virtual GICs. IHI 0069 chapters 2 to 4. */

#include "gic_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "../a64/exception.h"
#include "../a64/sysreg.h"

#define ROUTER_IRM         (1ull << 31)
#define ROUTER_AFFINITY    0xff00ffffffull
#define CTLR_ENABLE(group) (1u << (group))

static struct gic_redist *redist_of(struct gic_cpu *cpu_interface)
{
    return (struct gic_redist *)cpu_interface; /* its first member */
}

static struct hv_gic *gic_of(struct gic_cpu *cpu_interface)
{
    return redist_of(cpu_interface)->vcpu->vm->gic;
}

struct gic_bank *gic_bank_of(struct hv_gic *gic, struct gic_redist *redist, uint32_t intid)
{
    return intid < GIC_SPI_BASE ? &redist->bank : &gic->bank[intid / 32];
}

/* ---- selection ---- */

/* Of the interrupts BITS of BANK, whose first is INTID, the best one, if it beats *BEST. */
static void consider(const struct gic_bank *bank, uint32_t intid, uint32_t bits,
                     struct gic_hppi *best)
{
    for (; bits; bits &= bits - 1) {
        const unsigned n = (unsigned)__builtin_ctz(bits);
        if (best->intid != GIC_SPURIOUS && bank->priority[n] >= best->priority)
            continue;
        *best = (struct gic_hppi){
            .intid = intid + n,
            .priority = bank->priority[n],
            .group = bank->group >> n & 1,
        };
    }
}

/* Interrupts of BANK that can be signalled to a CPU interface which has groups enabled as GROUP0
 * and GROUP1 say. */
static uint32_t candidates(const struct gic_bank *bank, bool group0, bool group1)
{
    const uint32_t groups = (group1 ? bank->group : 0) | (group0 ? ~bank->group : 0);
    return gic_bank_pending(bank) & bank->enable & ~bank->active & groups;
}

/* Whether SLOT is the first CPU interface that has GROUP enabled. */
static bool first_for_group(const struct hv_gic *gic, unsigned slot, unsigned group)
{
    for (unsigned i = 0; i < slot; i++)
        if (gic->redist[i] && gic->redist[i]->cpu_interface.igrpen[group])
            return false;
    return true;
}

static uint32_t routed_here(const struct hv_gic *gic, unsigned slot, uint32_t intid, uint32_t bits)
{
    uint32_t here = 0;
    for (uint32_t rest = bits; rest; rest &= rest - 1) {
        const unsigned n = (unsigned)__builtin_ctz(rest);
        const uint8_t target = gic->target[intid + n];
        const unsigned group = gic->bank[intid / 32].group >> n & 1;
        if (target == slot || (target == GIC_TARGET_ANY && first_for_group(gic, slot, group)))
            here |= 1u << n;
    }
    return here;
}

static void select_hppi(struct gic_cpu *cpu_interface)
{
    const struct gic_redist *redist = redist_of(cpu_interface);
    const struct hv_gic *gic = gic_of(cpu_interface);
    const bool group0 = cpu_interface->igrpen[0] && (gic->ctlr & CTLR_ENABLE(0));
    const bool group1 = cpu_interface->igrpen[1] && (gic->ctlr & CTLR_ENABLE(1));
    struct gic_hppi best = {.intid = GIC_SPURIOUS};
    if (group0 || group1) {
        const unsigned slot = redist->vcpu->cpu.index;
        consider(&redist->bank, 0, candidates(&redist->bank, group0, group1), &best);
        for (unsigned i = 1; i < 32; i++) {
            const uint32_t bits = candidates(&gic->bank[i], group0, group1);
            if (bits)
                consider(&gic->bank[i], i * 32, routed_here(gic, slot, i * 32, bits), &best);
        }
    }
    cpu_interface->hppi = best;
}

void gic_update_redist(struct gic_redist *redist)
{
    gic_cpu_update(&redist->cpu_interface);
}

void gic_update_all(struct hv_gic *gic)
{
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (gic->redist[i])
            gic_update_redist(gic->redist[i]);
}

/* SPI INTID changed. */
static void update_spi(struct hv_gic *gic, uint32_t intid)
{
    const uint8_t target = gic->target[intid];
    if (target == GIC_TARGET_ANY)
        gic_update_all(gic);
    else if (target != GIC_TARGET_NONE)
        gic_update_redist(gic->redist[target]);
}

void gic_route(struct hv_gic *gic, uint32_t intid)
{
    const uint64_t router = gic->router[intid];
    const uint32_t affinity = (uint32_t)(router >> 8 & 0xff000000) | (router & 0xffffff);
    gic->target[intid] = router & ROUTER_IRM ? GIC_TARGET_ANY : GIC_TARGET_NONE;
    if (router & ROUTER_IRM)
        return;
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (gic->redist[i] && gic->redist[i]->affinity == affinity) {
            gic->target[intid] = (uint8_t)i;
            return;
        }
}

static void route_all(struct hv_gic *gic)
{
    for (uint32_t intid = GIC_SPI_BASE; intid < GIC_INTIDS; intid++)
        gic_route(gic, intid);
}

/* ---- what the CPU interface asks ---- */

static void op_lock(struct gic_cpu *cpu_interface)
{
    pthread_mutex_lock(&gic_of(cpu_interface)->lock);
}

static void op_unlock(struct gic_cpu *cpu_interface)
{
    pthread_mutex_unlock(&gic_of(cpu_interface)->lock);
}

static void op_activate(struct gic_cpu *cpu_interface, uint32_t intid)
{
    struct gic_bank *bank = gic_bank_of(gic_of(cpu_interface), redist_of(cpu_interface), intid);
    bank->active |= 1u << (intid & 31);
    bank->latch &= ~(1u << (intid & 31));
}

static void op_deactivate(struct gic_cpu *cpu_interface, uint32_t intid)
{
    struct hv_gic *gic = gic_of(cpu_interface);
    if (intid >= GIC_INTIDS)
        return;
    gic_bank_of(gic, redist_of(cpu_interface), intid)->active &= ~(1u << (intid & 31));
    if (intid >= GIC_SPI_BASE)
        update_spi(gic, intid);
    else
        gic_update_redist(redist_of(cpu_interface));
}

/* Whether ICC_SGInR VALUE names TARGET. */
static bool sgi_matches(uint64_t value, const struct gic_redist *target,
                        const struct gic_redist *self)
{
    if (value >> 40 & 1)
        return target != self;
    const uint32_t cluster =
        (uint32_t)((value >> 48 & 0xff) << 16 | (value >> 32 & 0xff) << 8 | (value >> 16 & 0xff));
    const unsigned aff0 = target->affinity & 0xff, range = value >> 44 & 15;
    return target->affinity >> 8 == cluster && aff0 >> 4 == range && (value >> (aff0 & 15) & 1);
}

static void op_sgi(struct gic_cpu *cpu_interface, unsigned group, uint64_t value)
{
    struct hv_gic *gic = gic_of(cpu_interface);
    const uint32_t bit = 1u << (value >> 24 & 15);
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++) {
        struct gic_redist *target = gic->redist[i];
        if (!target || !sgi_matches(value, target, redist_of(cpu_interface)))
            continue;
        if (!(target->bank.group & bit) != !group)
            continue;
        target->bank.latch |= bit;
        gic_update_redist(target);
    }
}

static void op_lines(struct gic_cpu *cpu_interface, bool irq, bool fiq)
{
    struct hv_vcpu *vcpu = redist_of(cpu_interface)->vcpu;
    hv_set_line(vcpu, HV_INTERRUPT_TYPE_IRQ, HV_SOURCE_GIC, irq);
    hv_set_line(vcpu, HV_INTERRUPT_TYPE_FIQ, HV_SOURCE_GIC, fiq);
}

static void op_virtual_lines(struct gic_cpu *cpu_interface, bool irq, bool fiq, bool maintenance)
{
    struct gic_redist *redist = redist_of(cpu_interface);
    struct a64_cpu *cpu = &redist->vcpu->cpu;
    a64_set_line(cpu, A64_LINE_VIRQ, irq);
    a64_set_line(cpu, A64_LINE_VFIQ, fiq);
    gic_set_wire(&redist->bank, GIC_PPI_MAINTENANCE, maintenance);
    gic_update_redist(redist);
}

static const struct gic_ops ops = {
    .lock = op_lock,
    .unlock = op_unlock,
    .select = select_hppi,
    .activate = op_activate,
    .deactivate = op_deactivate,
    .sgi = op_sgi,
    .lines = op_lines,
    .virtual_lines = op_virtual_lines,
};

/* ---- wires ---- */

void gic_set_wire(struct gic_bank *bank, uint32_t intid, bool level)
{
    const uint32_t bit = 1u << (intid & 31);
    if (level && !(bank->line & bit) && (bank->edge & bit))
        bank->latch |= bit;
    bank->line = level ? bank->line | bit : bank->line & ~bit;
}

void gic_send_message(struct hv_gic *gic, uint32_t intid)
{
    gic->bank[intid / 32].latch |= 1u << (intid & 31);
    update_spi(gic, intid);
}

void hv_gic_set_ppi(struct hv_vcpu *vcpu, unsigned intid, bool level)
{
    struct hv_gic *gic = vcpu->vm->gic;
    pthread_mutex_lock(&gic->lock);
    struct gic_redist *redist = gic->redist[vcpu->cpu.index];
    if (redist) {
        gic_set_wire(&redist->bank, intid, level);
        gic_update_redist(redist);
    }
    pthread_mutex_unlock(&gic->lock);
}

static hv_return_t set_spi(struct hv_gic *gic, uint32_t intid, bool level)
{
    if (intid < GIC_SPI_BASE || intid >= GIC_INTIDS ||
        (intid >= gic->msi_intid && intid - gic->msi_intid < gic->msi_count))
        return HV_BAD_ARGUMENT;
    gic_set_wire(&gic->bank[intid / 32], intid, level);
    update_spi(gic, intid);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_spi(uint32_t intid, bool level)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm || !vm->gic)
        return HV_NO_DEVICE;
    pthread_mutex_lock(&vm->gic->lock);
    const hv_return_t result = set_spi(vm->gic, intid, level);
    pthread_mutex_unlock(&vm->gic->lock);
    return result;
}

/* ---- life ---- */

static void reset_bank(struct gic_bank *bank)
{
    const uint32_t line = bank->line;
    *bank = (struct gic_bank){.line = line};
}

static void reset_redist(struct gic_redist *redist)
{
    reset_bank(&redist->bank);
    redist->bank.edge = 0xffff; /* SGIs */
    redist->waker = 6;          /* ProcessorSleep, ChildrenAsleep */
    gic_cpu_reset(&redist->cpu_interface);
}

void gic_reset_state(struct hv_gic *gic)
{
    gic->ctlr = 0;
    for (unsigned i = 1; i < 32; i++)
        reset_bank(&gic->bank[i]);
    for (uint32_t intid = 0; intid < GIC_INTIDS; intid++)
        gic->router[intid] = 0;
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (gic->redist[i])
            reset_redist(gic->redist[i]);
    route_all(gic);
}

static uint32_t affinity_of(struct hv_vcpu *vcpu)
{
    uint64_t mpidr = 0;
    a64_sysreg_read(&vcpu->cpu, HV_SYS_REG_MPIDR_EL1, &mpidr);
    return (uint32_t)(mpidr >> 8 & 0xff000000) | (mpidr & 0xffffff);
}

void hv_gic_reset_cpu_interface(struct hv_vcpu *vcpu)
{
    struct hv_gic *gic = vcpu->vm->gic;
    struct gic_redist *redist = gic->redist[vcpu->cpu.index];
    pthread_mutex_lock(&gic->lock);
    gic_cpu_reset(&redist->cpu_interface);
    gic_update_redist(redist);
    gic_virtual_update(&redist->cpu_interface);
    pthread_mutex_unlock(&gic->lock);
}

int hv_gic_attach(struct hv_vcpu *vcpu)
{
    struct hv_gic *gic = vcpu->vm->gic;
    struct gic_redist *redist = calloc(1, sizeof(*redist));
    if (!redist)
        return -ENOMEM;
    redist->vcpu = vcpu;
    redist->cpu_interface.ops = &ops;
    redist->cpu_interface.cpu = &vcpu->cpu;
    vcpu->cpu.gic = &redist->cpu_interface;
    pthread_mutex_lock(&gic->lock);
    reset_redist(redist);
    redist->affinity = affinity_of(vcpu);
    gic->redist[vcpu->cpu.index] = redist;
    route_all(gic);
    pthread_mutex_unlock(&gic->lock);
    return 0;
}

void hv_gic_detach(struct hv_vcpu *vcpu)
{
    struct hv_gic *gic = vcpu->vm->gic;
    pthread_mutex_lock(&gic->lock);
    struct gic_redist *redist = gic->redist[vcpu->cpu.index];
    gic->redist[vcpu->cpu.index] = NULL;
    route_all(gic);
    pthread_mutex_unlock(&gic->lock);
    vcpu->cpu.gic = NULL;
    free(redist);
}

void hv_gic_mpidr_changed(struct hv_vcpu *vcpu)
{
    struct hv_gic *gic = vcpu->vm->gic;
    if (!gic)
        return;
    pthread_mutex_lock(&gic->lock);
    gic->redist[vcpu->cpu.index]->affinity = affinity_of(vcpu);
    route_all(gic);
    gic_update_all(gic);
    pthread_mutex_unlock(&gic->lock);
}

void hv_gic_destroy(struct hv_vm *vm)
{
    if (!vm->gic)
        return;
    pthread_mutex_destroy(&vm->gic->lock);
    free(vm->gic);
    vm->gic = NULL;
}

/* Regions [a, a + a_size) and [b, b + b_size), neither wrapping. */
static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static bool regions_overlap(const struct hv_gic_config_s *config)
{
    const uint64_t dist = config->dist_base, redist = config->redist_base, msi = config->msi_base;
    if (overlap(dist, GIC_DIST_SIZE, redist, GIC_REDIST_REGION))
        return true;
    return config->has_msi && (overlap(msi, GIC_MSI_SIZE, dist, GIC_DIST_SIZE) ||
                               overlap(msi, GIC_MSI_SIZE, redist, GIC_REDIST_REGION));
}

static hv_return_t create_locked(struct hv_vm *vm, const struct hv_gic_config_s *config)
{
    if (!vm)
        return HV_NO_DEVICE;
    if (vm->gic)
        return HV_EXISTS;
    if (vm->vcpu_count)
        return HV_BUSY;
    if (regions_overlap(config) || (config->msi_count && !config->has_msi))
        return HV_BAD_ARGUMENT;
    struct hv_gic *gic = calloc(1, sizeof(*gic));
    if (!gic)
        return HV_NO_RESOURCES;
    pthread_mutex_init(&gic->lock, NULL);
    gic->dist_base = config->dist_base;
    gic->redist_base = config->redist_base;
    gic->msi_base = config->msi_base;
    gic->msi_intid = config->msi_intid;
    gic->msi_count = config->has_msi ? config->msi_count : 0;
    gic_reset_state(gic);
    vm->gic = gic;
    return HV_SUCCESS;
}

hv_return_t hv_gic_create(hv_gic_config_t gic_config)
{
    if (!gic_config)
        return HV_BAD_ARGUMENT;
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    const hv_return_t result = create_locked(context->vm, gic_config);
    pthread_mutex_unlock(&context->lock);
    return result;
}

hv_return_t hv_gic_reset(void)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm || !vm->gic)
        return HV_NO_DEVICE;
    pthread_mutex_lock(&vm->gic->lock);
    gic_reset_state(vm->gic);
    gic_update_all(vm->gic);
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (vm->gic->redist[i])
            gic_virtual_update(&vm->gic->redist[i]->cpu_interface);
    pthread_mutex_unlock(&vm->gic->lock);
    return HV_SUCCESS;
}
