/* SPDX-License-Identifier: MIT */
/* The physical CPU interface, ICC_*: what is signalled, acknowledged, dropped and deactivated.
 *
 * One Security state (GICD_CTLR.DS is 1), five priority bits, so 32 preemption levels and one
 * active-priorities register a group. Group 0 is signalled as FIQ, Group 1 as IRQ. The binary point
 * of Group 1 is the Non-secure one, which counts from one bit higher. Facts: IHI 0069 4.8
 * (priorities), 4.1.1 (life cycle), 12.2 (registers). */

#include "gic_cpu.h"

#include "cpu.h"

void gic_cpu_reset(struct gic_cpu *gic)
{
    gic->pmr = 0;
    gic->bpr[0] = GIC_MIN_BPR0;
    gic->bpr[1] = GIC_MIN_BPR1;
    gic->igrpen[0] = gic->igrpen[1] = gic->cbpr = gic->eoimode = false;
    gic->apr[0] = gic->apr[1] = 0;
    gic->ich_hcr = 0;
    gic->ich_vmcr = (uint64_t)GIC_MIN_BPR0 << 21 | (uint64_t)GIC_MIN_BPR1 << 18 | 1u << 3;
    gic->ich_apr[0] = gic->ich_apr[1] = 0;
    for (unsigned i = 0; i < GIC_LR_COUNT; i++)
        gic->ich_lr[i] = 0;
    gic->hppi = (struct gic_hppi){.intid = GIC_SPURIOUS};
}

static uint8_t preemption_level(const struct gic_cpu *gic, unsigned group, uint8_t priority)
{
    const bool group1_point = group == 1 && !gic->cbpr;
    return gic_group_priority(priority, gic->bpr[group1_point], group1_point);
}

/* Whether the highest pending interrupt may interrupt what runs now. */
static bool sufficient(const struct gic_cpu *gic)
{
    const struct gic_hppi *hppi = &gic->hppi;
    if (hppi->intid == GIC_SPURIOUS || hppi->priority >= gic->pmr)
        return false;
    if (!(gic->apr[0] | gic->apr[1]))
        return true;
    /* The binary point may have changed since what runs was acknowledged. */
    return preemption_level(gic, hppi->group, hppi->priority) <
           preemption_level(gic, hppi->group, gic_running_priority(gic->apr));
}

void gic_cpu_update(struct gic_cpu *gic)
{
    gic->ops->select(gic);
    const bool signal = sufficient(gic);
    gic->ops->lines(gic, signal && gic->hppi.group == 1, signal && gic->hppi.group == 0);
}

static uint32_t acknowledge(struct gic_cpu *gic, unsigned group)
{
    gic->ops->select(gic);
    if (!sufficient(gic) || gic->hppi.group != group)
        return GIC_SPURIOUS;
    const struct gic_hppi taken = gic->hppi;
    gic->apr[group] |= 1u << (preemption_level(gic, group, taken.priority) >> 3);
    gic->ops->activate(gic, taken.intid);
    gic_cpu_update(gic);
    return taken.intid;
}

/* Priority drop: the highest active priority ends, if it is GROUP's. */
static void drop_priority(struct gic_cpu *gic, unsigned group)
{
    const uint32_t all = gic->apr[0] | gic->apr[1];
    gic->apr[group] &= ~(all & -all);
}

static void end_of_interrupt(struct gic_cpu *gic, unsigned group, uint32_t intid)
{
    if (intid >= 1020)
        return;
    drop_priority(gic, group);
    if (!gic->eoimode)
        gic->ops->deactivate(gic, intid);
    gic_cpu_update(gic);
}

static void set_ctlr(struct gic_cpu *gic, uint64_t value)
{
    gic->cbpr = value & GIC_CTLR_CBPR;
    gic->eoimode = value & GIC_CTLR_EOI;
}

static uint64_t get_bpr1(const struct gic_cpu *gic)
{
    if (gic->cbpr)
        return gic->bpr[0] < 7 ? gic->bpr[0] + 1u : 7;
    return gic->bpr[1];
}

static uint8_t clamp_bpr(uint64_t value, unsigned min)
{
    value &= 7;
    return (uint8_t)(value < min ? min : value);
}

static uint32_t pending(struct gic_cpu *gic, unsigned group)
{
    gic->ops->select(gic);
    return gic->hppi.group == group ? gic->hppi.intid : GIC_SPURIOUS;
}

bool gic_icc_read(struct gic_cpu *gic, unsigned enc, uint64_t *value)
{
    switch (enc) {
    case ICC_PMR_EL1:
        *value = gic->pmr;
        return true;
    case ICC_IAR0_EL1:
    case ICC_IAR1_EL1:
        *value = acknowledge(gic, enc == ICC_IAR1_EL1);
        return true;
    case ICC_HPPIR0_EL1:
    case ICC_HPPIR1_EL1:
        *value = pending(gic, enc == ICC_HPPIR1_EL1);
        return true;
    case ICC_BPR0_EL1:
        *value = gic->bpr[0];
        return true;
    case ICC_BPR1_EL1:
        *value = get_bpr1(gic);
        return true;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        *value = gic->apr[enc == ICC_AP1R0_EL1];
        return true;
    case ICC_RPR_EL1:
        *value = gic_running_priority(gic->apr);
        return true;
    case ICC_CTLR_EL1:
        *value =
            GIC_CTLR_FIXED | (gic->cbpr ? GIC_CTLR_CBPR : 0) | (gic->eoimode ? GIC_CTLR_EOI : 0);
        return true;
    case ICC_SRE_EL1:
        *value = GIC_SRE_EL1;
        return true;
    case ICC_SRE_EL2:
        *value = GIC_SRE_EL2;
        return true;
    case ICC_IGRPEN0_EL1:
    case ICC_IGRPEN1_EL1:
        *value = gic->igrpen[enc == ICC_IGRPEN1_EL1];
        return true;
    default:
        return false;
    }
}

/* The registers whose write changes state only. */
static bool write_state(struct gic_cpu *gic, unsigned enc, uint64_t value)
{
    switch (enc) {
    case ICC_PMR_EL1:
        gic->pmr = value & GIC_PRIORITY_MASK;
        return true;
    case ICC_BPR0_EL1:
        gic->bpr[0] = clamp_bpr(value, GIC_MIN_BPR0);
        return true;
    case ICC_BPR1_EL1:
        if (!gic->cbpr)
            gic->bpr[1] = clamp_bpr(value, GIC_MIN_BPR1);
        return true;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        gic->apr[enc == ICC_AP1R0_EL1] = (uint32_t)value;
        return true;
    case ICC_CTLR_EL1:
        set_ctlr(gic, value);
        return true;
    case ICC_IGRPEN0_EL1:
    case ICC_IGRPEN1_EL1:
        gic->igrpen[enc == ICC_IGRPEN1_EL1] = value & 1;
        return true;
    case ICC_SRE_EL1:
    case ICC_SRE_EL2:
        return true;
    default:
        return false;
    }
}

bool gic_icc_write(struct gic_cpu *gic, unsigned enc, uint64_t value)
{
    switch (enc) {
    case ICC_EOIR0_EL1:
    case ICC_EOIR1_EL1:
        end_of_interrupt(gic, enc == ICC_EOIR1_EL1, value & 0xffffff);
        return true;
    case ICC_DIR_EL1:
        if (gic->eoimode)
            gic->ops->deactivate(gic, value & 0xffffff);
        break;
    case ICC_SGI0R_EL1:
    case ICC_SGI1R_EL1:
        gic->ops->sgi(gic, enc == ICC_SGI1R_EL1, value);
        return true;
    case ICC_ASGI1R_EL1: /* for the other Security state, which is not there */
        return true;
    default:
        if (!write_state(gic, enc, value))
            return false;
    }
    gic_cpu_update(gic);
    return true;
}
