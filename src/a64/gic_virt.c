/* SPDX-License-Identifier: MIT */
/* The virtual CPU interface: list registers and control for EL2 (ICH_*), and the interface that a
 * guest of a guest sees in place of the physical one (ICV_*). Eight list registers. Facts: IHI 0069
 * chapter 6, 12.4, 12.5.
 *
 * Not modelled: direct injection (GICv4), virtual SError by VSEIR. */

#include "cpu.h"
#include "gic_cpu.h"

#define LR_STATE_SHIFT  62
#define LR_PENDING      (1ull << 62)
#define LR_ACTIVE       (1ull << 63)
#define LR_STATE        (LR_PENDING | LR_ACTIVE)
#define LR_HW           (1ull << 61)
#define LR_EOI          (1ull << 41) /* when HW is 0 */
#define LR_GROUP(lr)    ((unsigned)((lr) >> 60 & 1))
#define LR_PRIORITY(lr) ((uint8_t)((lr) >> 48 & GIC_PRIORITY_MASK))
#define LR_PINTID(lr)   ((uint32_t)((lr) >> 32 & 0x3ff))
#define LR_WRITABLE     0xf0f803ff0000ffffull /* 16-bit vINTID; EOI is a bit of pINTID */

#define HCR_UIE            (1ull << 1)
#define HCR_LRENPIE        (1ull << 2)
#define HCR_NPIE           (1ull << 3)
#define HCR_GRP_SHIFT      4 /* VGrp0EIE, VGrp0DIE, VGrp1EIE, VGrp1DIE */
#define HCR_EOICOUNT_SHIFT 27
#define HCR_EOICOUNT       (0x1full << HCR_EOICOUNT_SHIFT)
#define HCR_WRITABLE       (HCR_EOICOUNT | 0x5cffull)

#define VMCR_ENG(group) (1ull << (group))
#define VMCR_FIQEN      (1ull << 3)
#define VMCR_CBPR       (1ull << 4)
#define VMCR_EOIM       (1ull << 9)
#define VMCR_BPR1_SHIFT 18
#define VMCR_BPR0_SHIFT 21
#define VMCR_PMR_SHIFT  24
#define VMCR_WRITABLE   (0x1full << 27 | 0x3full << 18 | VMCR_EOIM | VMCR_CBPR | 3)

/* PRIbits 5, PREbits 5, 16-bit INTIDs, TDIR there, no direct injection, eight list registers. */
#define VTR_VALUE (4ull << 29 | 4ull << 26 | 1ull << 20 | 1ull << 19 | (GIC_LR_COUNT - 1))

static uint8_t vpmr(const struct gic_cpu *gic)
{
    return (uint8_t)(gic->ich_vmcr >> VMCR_PMR_SHIFT) & GIC_PRIORITY_MASK;
}

static unsigned vbpr(const struct gic_cpu *gic, unsigned group)
{
    return gic->ich_vmcr >> (group ? VMCR_BPR1_SHIFT : VMCR_BPR0_SHIFT) & 7;
}

static uint8_t preemption_level(const struct gic_cpu *gic, unsigned group, uint8_t priority)
{
    const bool group1_point = group == 1 && !(gic->ich_vmcr & VMCR_CBPR);
    return gic_group_priority(priority, vbpr(gic, group1_point), group1_point);
}

/* The list register of the highest-priority pending virtual interrupt whose group is enabled; -1:
 * none. */
static int highest_lr(const struct gic_cpu *gic)
{
    int best = -1;
    if (!(gic->ich_hcr & ICH_HCR_EN))
        return -1;
    for (int i = 0; i < GIC_LR_COUNT; i++) {
        const uint64_t lr = gic->ich_lr[i];
        if ((lr & LR_STATE) != LR_PENDING || !(gic->ich_vmcr & VMCR_ENG(LR_GROUP(lr))))
            continue;
        if (best < 0 || LR_PRIORITY(lr) < LR_PRIORITY(gic->ich_lr[best]))
            best = i;
    }
    return best;
}

static bool sufficient(const struct gic_cpu *gic, uint64_t lr)
{
    if (LR_PRIORITY(lr) >= vpmr(gic))
        return false;
    if (!(gic->ich_apr[0] | gic->ich_apr[1]))
        return true;
    return preemption_level(gic, LR_GROUP(lr), LR_PRIORITY(lr)) <
           preemption_level(gic, LR_GROUP(lr), gic_running_priority(gic->ich_apr));
}

/* ---- maintenance ---- */

static uint64_t eisr(const struct gic_cpu *gic)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < GIC_LR_COUNT; i++)
        if (!(gic->ich_lr[i] & (LR_STATE | LR_HW)) && (gic->ich_lr[i] & LR_EOI))
            bits |= 1ull << i;
    return bits;
}

static uint64_t elrsr(const struct gic_cpu *gic)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < GIC_LR_COUNT; i++) {
        const uint64_t lr = gic->ich_lr[i];
        if (!(lr & LR_STATE) && ((lr & LR_HW) || !(lr & LR_EOI)))
            bits |= 1ull << i;
    }
    return bits;
}

static uint64_t misr(const struct gic_cpu *gic)
{
    const uint64_t hcr = gic->ich_hcr, vmcr = gic->ich_vmcr;
    unsigned used = 0, waiting = 0;
    for (unsigned i = 0; i < GIC_LR_COUNT; i++) {
        used += (gic->ich_lr[i] & LR_STATE) != 0;
        waiting += (gic->ich_lr[i] & LR_STATE) == LR_PENDING;
    }
    uint64_t bits = eisr(gic) ? 1 : 0;
    bits |= (hcr & HCR_UIE) && used <= 1 ? HCR_UIE : 0;
    bits |= (hcr & HCR_LRENPIE) && (hcr & HCR_EOICOUNT) ? HCR_LRENPIE : 0;
    bits |= (hcr & HCR_NPIE) && !waiting ? HCR_NPIE : 0;
    for (unsigned group = 0; group < 2; group++) {
        const uint64_t enabled = 1ull << (HCR_GRP_SHIFT + 2 * group), disabled = enabled << 1;
        bits |= hcr & (vmcr & VMCR_ENG(group) ? enabled : disabled);
    }
    return bits;
}

void gic_virtual_update(struct gic_cpu *gic)
{
    const int best = highest_lr(gic);
    const bool signal = best >= 0 && sufficient(gic, gic->ich_lr[best]);
    const unsigned group = best >= 0 ? LR_GROUP(gic->ich_lr[best]) : 0;
    const bool maintenance = (gic->ich_hcr & ICH_HCR_EN) && misr(gic);
    gic->ops->virtual_lines(gic, signal && group == 1, signal && group == 0, maintenance);
}

/* ---- the guest's interface ---- */

static uint32_t acknowledge(struct gic_cpu *gic, unsigned group)
{
    const int best = highest_lr(gic);
    if (best < 0 || LR_GROUP(gic->ich_lr[best]) != group || !sufficient(gic, gic->ich_lr[best]))
        return GIC_SPURIOUS;
    uint64_t *lr = &gic->ich_lr[best];
    gic->ich_apr[group] |= 1u << (preemption_level(gic, group, LR_PRIORITY(*lr)) >> 3);
    const uint32_t intid = (uint32_t)*lr;
    /* LPIs have no active state. */
    *lr = (*lr & ~LR_STATE) | (intid < 8192 ? LR_ACTIVE : 0);
    return intid;
}

/* Ends the active state of INTID; false: no list register holds it. */
static bool deactivate(struct gic_cpu *gic, uint32_t intid)
{
    for (unsigned i = 0; i < GIC_LR_COUNT; i++) {
        uint64_t *lr = &gic->ich_lr[i];
        if (!(*lr & LR_ACTIVE) || (uint32_t)*lr != intid)
            continue;
        *lr &= ~LR_ACTIVE;
        if (*lr & LR_HW)
            gic->ops->deactivate(gic, LR_PINTID(*lr));
        return true;
    }
    return false;
}

static void count_eoi(struct gic_cpu *gic)
{
    const uint64_t count = (gic->ich_hcr + (1ull << HCR_EOICOUNT_SHIFT)) & HCR_EOICOUNT;
    gic->ich_hcr = (gic->ich_hcr & ~HCR_EOICOUNT) | count;
}

static void end_of_interrupt(struct gic_cpu *gic, unsigned group, uint32_t intid)
{
    const uint32_t all = gic->ich_apr[0] | gic->ich_apr[1];
    if (intid >= 1020 && intid < 8192)
        return;
    if (!all)
        return;
    gic->ich_apr[group] &= ~(all & -all);
    if (!(gic->ich_vmcr & VMCR_EOIM) && intid < 8192 && !deactivate(gic, intid))
        count_eoi(gic);
}

static void set_field(struct gic_cpu *gic, unsigned shift, uint64_t mask, uint64_t value)
{
    gic->ich_vmcr = (gic->ich_vmcr & ~(mask << shift)) | (value & mask) << shift;
}

static void set_vbpr(struct gic_cpu *gic, unsigned group, uint64_t value)
{
    const unsigned min = group ? GIC_MIN_BPR1 : GIC_MIN_BPR0;
    value &= 7;
    set_field(gic, group ? VMCR_BPR1_SHIFT : VMCR_BPR0_SHIFT, 7, value < min ? min : value);
}

static uint64_t get_vbpr1(const struct gic_cpu *gic)
{
    if (gic->ich_vmcr & VMCR_CBPR)
        return vbpr(gic, 0) < 7 ? vbpr(gic, 0) + 1 : 7;
    return vbpr(gic, 1);
}

static uint32_t pending(const struct gic_cpu *gic, unsigned group)
{
    const int best = highest_lr(gic);
    return best >= 0 && LR_GROUP(gic->ich_lr[best]) == group ? (uint32_t)gic->ich_lr[best]
                                                             : GIC_SPURIOUS;
}

bool gic_icv_read(struct gic_cpu *gic, unsigned enc, uint64_t *value)
{
    const uint64_t vmcr = gic->ich_vmcr;
    switch (enc) {
    case ICC_PMR_EL1:
        *value = vpmr(gic);
        break;
    case ICC_IAR0_EL1:
    case ICC_IAR1_EL1:
        *value = acknowledge(gic, enc == ICC_IAR1_EL1);
        gic_virtual_update(gic);
        break;
    case ICC_HPPIR0_EL1:
    case ICC_HPPIR1_EL1:
        *value = pending(gic, enc == ICC_HPPIR1_EL1);
        break;
    case ICC_BPR0_EL1:
        *value = vbpr(gic, 0);
        break;
    case ICC_BPR1_EL1:
        *value = get_vbpr1(gic);
        break;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        *value = gic->ich_apr[enc == ICC_AP1R0_EL1];
        break;
    case ICC_RPR_EL1:
        *value = gic_running_priority(gic->ich_apr);
        break;
    case ICC_CTLR_EL1:
        *value = GIC_CTLR_FIXED | (vmcr & VMCR_CBPR ? GIC_CTLR_CBPR : 0) |
                 (vmcr & VMCR_EOIM ? GIC_CTLR_EOI : 0);
        break;
    case ICC_SRE_EL1:
        *value = GIC_SRE_EL1;
        break;
    case ICC_IGRPEN0_EL1:
    case ICC_IGRPEN1_EL1:
        *value = vmcr >> (enc == ICC_IGRPEN1_EL1) & 1;
        break;
    default:
        return false;
    }
    return true;
}

bool gic_icv_write(struct gic_cpu *gic, unsigned enc, uint64_t value)
{
    switch (enc) {
    case ICC_PMR_EL1:
        set_field(gic, VMCR_PMR_SHIFT, 0xff, value & GIC_PRIORITY_MASK);
        break;
    case ICC_EOIR0_EL1:
    case ICC_EOIR1_EL1:
        end_of_interrupt(gic, enc == ICC_EOIR1_EL1, value & 0xffffff);
        break;
    case ICC_DIR_EL1:
        if ((gic->ich_vmcr & VMCR_EOIM) && !deactivate(gic, value & 0xffffff))
            count_eoi(gic);
        break;
    case ICC_BPR0_EL1:
        set_vbpr(gic, 0, value);
        break;
    case ICC_BPR1_EL1:
        if (!(gic->ich_vmcr & VMCR_CBPR))
            set_vbpr(gic, 1, value);
        break;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        gic->ich_apr[enc == ICC_AP1R0_EL1] = (uint32_t)value;
        break;
    case ICC_CTLR_EL1:
        set_field(gic, 4, 1, value & GIC_CTLR_CBPR);
        set_field(gic, 9, 1, value >> 1);
        break;
    case ICC_IGRPEN0_EL1:
    case ICC_IGRPEN1_EL1:
        set_field(gic, enc == ICC_IGRPEN1_EL1, 1, value);
        break;
    case ICC_SRE_EL1:
        break;
    default:
        return false;
    }
    gic_virtual_update(gic);
    return true;
}

/* ---- EL2's view ---- */

bool gic_ich_read(struct gic_cpu *gic, unsigned enc, uint64_t *value)
{
    if (enc >= ICH_LR0_EL2 && enc < ICH_LR0_EL2 + GIC_LR_COUNT) {
        *value = gic->ich_lr[enc - ICH_LR0_EL2];
        return true;
    }
    switch (enc) {
    case ICH_AP0R0_EL2:
    case ICH_AP1R0_EL2:
        *value = gic->ich_apr[enc == ICH_AP1R0_EL2];
        return true;
    case ICH_HCR_EL2:
        *value = gic->ich_hcr;
        return true;
    case ICH_VTR_EL2:
        *value = VTR_VALUE;
        return true;
    case ICH_MISR_EL2:
        *value = misr(gic);
        return true;
    case ICH_EISR_EL2:
        *value = eisr(gic);
        return true;
    case ICH_ELRSR_EL2:
        *value = elrsr(gic);
        return true;
    case ICH_VMCR_EL2:
        *value = gic->ich_vmcr;
        return true;
    default:
        return false;
    }
}

static void set_vmcr(struct gic_cpu *gic, uint64_t value)
{
    gic->ich_vmcr = (value & VMCR_WRITABLE) | VMCR_FIQEN;
    set_vbpr(gic, 0, vbpr(gic, 0));
    set_vbpr(gic, 1, vbpr(gic, 1));
}

bool gic_ich_write(struct gic_cpu *gic, unsigned enc, uint64_t value)
{
    if (enc >= ICH_LR0_EL2 && enc < ICH_LR0_EL2 + GIC_LR_COUNT) {
        gic->ich_lr[enc - ICH_LR0_EL2] = value & LR_WRITABLE;
        gic_virtual_update(gic);
        return true;
    }
    switch (enc) {
    case ICH_AP0R0_EL2:
    case ICH_AP1R0_EL2:
        gic->ich_apr[enc == ICH_AP1R0_EL2] = (uint32_t)value;
        break;
    case ICH_HCR_EL2:
        gic->ich_hcr = value & HCR_WRITABLE;
        break;
    case ICH_VMCR_EL2:
        set_vmcr(gic, value);
        break;
    case ICH_VTR_EL2:
    case ICH_MISR_EL2:
    case ICH_EISR_EL2:
    case ICH_ELRSR_EL2:
        return true; /* read-only: the API's sets succeed */
    default:
        return false;
    }
    gic_virtual_update(gic);
    return true;
}
