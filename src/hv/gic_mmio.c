/* SPDX-License-Identifier: MIT */
/* The GIC's memory-mapped registers: distributor, redistributors, GICv2m frame, and the guest's
 * accesses to them.
 *
 * Inside, a frame is read and written in 32-bit words; other sizes are put together from those, a
 * byte or halfword of a register that is set or cleared by ones touching nothing else. GICD_CTLR
 * has the format of one Security state. Registers of what is not there (LPIs, ITS, message-based
 * SPIs, second Security state, pre-GICv3 routing) read as zero and ignore writes. IHI 0069 12.8
 * to 12.11; the GICv2m frame: Arm Server Base System Architecture, appendix. */

#include "gic_internal.h"

#include "../a64/mmio.h"

#define GICD_CTLR    0x0000u
#define GICD_TYPER   0x0004u
#define GICD_IROUTER 0x6000u
#define GICR_TYPER   0x0008u
#define GICR_WAKER   0x0014u
#define SGI_FRAME    0x10000u
#define IGROUPR      0x0080u
#define ISENABLER    0x0100u
#define ICENABLER    0x0180u
#define ISPENDR      0x0200u
#define ICPENDR      0x0280u
#define ISACTIVER    0x0300u
#define ICACTIVER    0x0380u
#define IPRIORITYR   0x0400u
#define ICFGR        0x0c00u
#define PIDR4        0xffd0u

#define CTLR_ARE        (1u << 4)
#define CTLR_DS         (1u << 6)
#define CTLR_WRITABLE   3u
#define TYPER_RSS       (1u << 26)
#define TYPER_IDBITS    (9u << 19)
#define TYPER_LINES     31u
#define ROUTER_WRITABLE 0xff80ffffffull
#define WAKER_SLEEP     2u
#define WAKER_ASLEEP    4u
#define TYPER_LAST      (1ull << 4)

#define GICM_TYPER      0x008u
#define GICM_SETSPI_NSR 0x040u
#define GICM_VALID      (1u << 31)

/* GICv3 of Arm's design, in the identification registers from PIDR4 on. */
static uint32_t id_register(uint32_t offset)
{
    static const uint8_t ids[] = {0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    return ids[(offset - PIDR4) / 4];
}

/* ---- banks of 32 interrupts: word OFFSET as in the distributor, for the bank's own registers ----
 */

static uint32_t get_priorities(const struct gic_bank *bank, unsigned first)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < 4; i++)
        word |= (uint32_t)bank->priority[first + i] << (8 * i);
    return word;
}

/* Two bits an interrupt, 16 of them: the upper is set for edge-triggered ones. */
static uint32_t get_config(const struct gic_bank *bank, unsigned first)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < 16; i++)
        word |= (bank->edge >> (first + i) & 1) << (2 * i + 1);
    return word;
}

static void set_config(struct gic_bank *bank, unsigned first, uint32_t value)
{
    for (unsigned i = 0; i < 16; i++) {
        const uint32_t bit = 1u << (first + i);
        bank->edge = value >> (2 * i + 1) & 1 ? bank->edge | bit : bank->edge & ~bit;
    }
}

static uint32_t bank_get(const struct gic_bank *bank, uint32_t kind)
{
    switch (kind) {
    case IGROUPR:
        return bank->group;
    case ISENABLER:
    case ICENABLER:
        return bank->enable;
    case ISPENDR:
    case ICPENDR:
        return gic_bank_pending(bank);
    default:
        return bank->active;
    }
}

static void bank_set(struct gic_bank *bank, uint32_t kind, uint32_t value)
{
    switch (kind) {
    case IGROUPR:
        bank->group = value;
        break;
    case ISENABLER:
        bank->enable |= value;
        break;
    case ICENABLER:
        bank->enable &= ~value;
        break;
    case ISPENDR:
        bank->latch |= value;
        break;
    case ICPENDR:
        bank->latch &= ~value;
        break;
    case ISACTIVER:
        bank->active |= value;
        break;
    default:
        bank->active &= ~value;
    }
}

/* Where word OFFSET of a frame's interrupt registers leads: the register's kind, its first INTID.
 * False: elsewhere. */
static bool locate(uint32_t offset, uint32_t *kind, uint32_t *intid)
{
    if (offset >= IGROUPR && offset < IPRIORITYR) {
        *kind = offset & ~0x7fu;
        *intid = (offset & 0x7f) / 4 * 32;
    } else if (offset >= IPRIORITYR && offset < IPRIORITYR + 1024) {
        *kind = IPRIORITYR;
        *intid = offset - IPRIORITYR;
    } else if (offset >= ICFGR && offset < ICFGR + 256) {
        *kind = ICFGR;
        *intid = (offset - ICFGR) * 4;
    } else {
        return false;
    }
    return true;
}

/* INTIDs 1020 to 1023 are no interrupts. */
static uint32_t valid_bits(uint32_t intid)
{
    return intid + 32 > GIC_INTIDS ? 0x0fffffff : 0xffffffff;
}

static uint32_t get_word(const struct gic_bank *bank, uint32_t kind, uint32_t intid)
{
    if (kind == IPRIORITYR)
        return get_priorities(bank, intid & 31);
    if (kind == ICFGR)
        return get_config(bank, intid & 31);
    return bank_get(bank, kind);
}

static void set_word(struct gic_bank *bank, uint32_t kind, uint32_t intid, uint32_t value)
{
    if (kind == IPRIORITYR) {
        for (unsigned i = 0; i < 4 && intid + i < GIC_INTIDS; i++)
            bank->priority[(intid & 31) + i] = value >> (8 * i) & GIC_PRIORITY_MASK;
    } else if (kind == ICFGR) {
        if (intid >= 16) /* SGIs are edge-triggered */
            set_config(bank, intid & 31, value);
    } else {
        bank_set(bank, kind, value & valid_bits(intid));
    }
}

/* ---- frames by words ---- */

typedef uint32_t read_word_fn(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset);
typedef void write_word_fn(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                           uint32_t value);

static bool is_router(uint32_t offset, uint32_t *intid)
{
    *intid = (offset - GICD_IROUTER) / 8;
    return offset >= GICD_IROUTER + 8 * GIC_SPI_BASE && offset < GICD_IROUTER + 8 * GIC_INTIDS;
}

static uint32_t dist_read_word(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset)
{
    uint32_t kind, intid;
    if (offset == GICD_CTLR)
        return gic->ctlr | CTLR_ARE | CTLR_DS;
    if (offset == GICD_TYPER)
        return TYPER_RSS | TYPER_IDBITS | TYPER_LINES;
    if (locate(offset, &kind, &intid))
        return intid < GIC_SPI_BASE ? 0 : get_word(&gic->bank[intid / 32], kind, intid);
    if (is_router(offset, &intid))
        return (uint32_t)(gic->router[intid] >> (offset & 4 ? 32 : 0));
    return offset >= PIDR4 && offset < GIC_DIST_SIZE ? id_register(offset) : 0;
}

static void set_router(struct hv_gic *gic, uint32_t intid, bool high, uint32_t value)
{
    const uint64_t old = gic->router[intid];
    const uint64_t now =
        high ? (old & 0xffffffff) | (uint64_t)value << 32 : (old & ~0xffffffffull) | value;
    gic->router[intid] = now & ROUTER_WRITABLE;
    gic_route(gic, intid);
}

static void dist_write_word(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                            uint32_t value)
{
    uint32_t kind, intid;
    if (offset == GICD_CTLR)
        gic->ctlr = value & CTLR_WRITABLE;
    else if (locate(offset, &kind, &intid) && intid >= GIC_SPI_BASE)
        set_word(&gic->bank[intid / 32], kind, intid, value);
    else if (is_router(offset, &intid))
        set_router(gic, intid, offset & 4, value);
}

static bool is_last(const struct hv_gic *gic, unsigned slot)
{
    for (unsigned i = slot + 1; i < HV_MAX_VCPUS; i++)
        if (gic->redist[i])
            return false;
    return true;
}

static uint64_t redist_typer(const struct hv_gic *gic, const struct gic_redist *redist)
{
    const unsigned slot = redist->vcpu->cpu.index;
    return (uint64_t)redist->affinity << 32 | (uint64_t)slot << 8 |
           (is_last(gic, slot) ? TYPER_LAST : 0);
}

static uint32_t redist_read_word(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset)
{
    uint32_t kind, intid;
    if (offset >= SGI_FRAME) {
        const bool known = locate(offset - SGI_FRAME, &kind, &intid) && intid < GIC_SPI_BASE;
        return known ? get_word(&redist->bank, kind, intid) : 0;
    }
    if (offset == GICR_TYPER || offset == GICR_TYPER + 4)
        return (uint32_t)(redist_typer(gic, redist) >> (offset & 4 ? 32 : 0));
    if (offset == GICR_WAKER)
        return redist->waker;
    return offset >= PIDR4 && offset < SGI_FRAME ? id_register(offset) : 0;
}

static void redist_write_word(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                              uint32_t value)
{
    uint32_t kind, intid;
    if (offset == GICR_WAKER)
        redist->waker = value & WAKER_SLEEP ? WAKER_SLEEP | WAKER_ASLEEP : 0;
    else if (offset >= SGI_FRAME && locate(offset - SGI_FRAME, &kind, &intid) &&
             intid < GIC_SPI_BASE)
        set_word(&redist->bank, kind, intid, value);
}

/* ---- other sizes ---- */

/* Reading a register of these says what a write of it must keep: the rest are written with ones. */
static bool keeps_rest(uint32_t offset)
{
    const uint32_t low = offset & 0xffff;
    return !(low >= ISENABLER && low < IPRIORITYR);
}

static uint64_t read_sized(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                           unsigned size, read_word_fn *read_word)
{
    const uint32_t word = read_word(gic, redist, offset & ~3u);
    if (size == 8)
        return word | (uint64_t)read_word(gic, redist, (offset & ~3u) + 4) << 32;
    const uint32_t value = word >> (8 * (offset & 3));
    return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}

static void write_sized(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                        unsigned size, uint64_t value, read_word_fn *read_word,
                        write_word_fn *write_word)
{
    const uint32_t aligned = offset & ~3u;
    if (size >= 4) {
        write_word(gic, redist, aligned, (uint32_t)value);
        if (size == 8)
            write_word(gic, redist, aligned + 4, (uint32_t)(value >> 32));
        return;
    }
    const unsigned shift = 8 * (offset & 3);
    const uint32_t mask = ((1u << (8 * size)) - 1) << shift;
    const uint32_t rest = keeps_rest(offset) ? read_word(gic, redist, aligned) & ~mask : 0;
    write_word(gic, redist, aligned, rest | ((uint32_t)value << shift & mask));
}

uint64_t gic_dist_read(struct hv_gic *gic, uint32_t offset, unsigned size)
{
    return read_sized(gic, NULL, offset, size, dist_read_word);
}

void gic_dist_write(struct hv_gic *gic, uint32_t offset, unsigned size, uint64_t value)
{
    write_sized(gic, NULL, offset, size, value, dist_read_word, dist_write_word);
    gic_update_all(gic);
}

uint64_t gic_redist_read(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                         unsigned size)
{
    return read_sized(gic, redist, offset, size, redist_read_word);
}

void gic_redist_write(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset, unsigned size,
                      uint64_t value)
{
    write_sized(gic, redist, offset, size, value, redist_read_word, redist_write_word);
    gic_update_redist(redist);
}

uint64_t gic_msi_read(struct hv_gic *gic, uint32_t offset, unsigned size)
{
    uint32_t word = 0;
    if ((offset & ~3u) == GICM_TYPER)
        word = GICM_VALID | gic->msi_intid << 16 | gic->msi_count;
    else if (offset >= PIDR4 && offset < GIC_MSI_SIZE)
        word = id_register(offset & ~3u);
    return size == 8 ? word : (word >> (8 * (offset & 3))) & (uint32_t)((1ull << (8 * size)) - 1);
}

void gic_msi_write(struct hv_gic *gic, uint32_t offset, unsigned size, uint64_t value)
{
    const uint32_t intid = (uint32_t)value & 0x3ff;
    if (offset == GICM_SETSPI_NSR && size <= 4 && intid >= gic->msi_intid &&
        intid - gic->msi_intid < gic->msi_count)
        gic_send_message(gic, intid);
}

/* ---- the guest's accesses ---- */

static bool in_region(uint64_t ipa, uint64_t base, uint64_t size)
{
    return ipa >= base && ipa - base < size;
}

static bool is_gic(const struct hv_gic *gic, uint64_t ipa)
{
    return in_region(ipa, gic->dist_base, GIC_DIST_SIZE) ||
           in_region(ipa, gic->redist_base, GIC_REDIST_REGION) ||
           (gic->msi_count && in_region(ipa, gic->msi_base, GIC_MSI_SIZE));
}

static void access_dist(struct hv_gic *gic, uint32_t offset, struct a64_mmio_access *access)
{
    if (access->write)
        gic_dist_write(gic, offset, access->size, access->value);
    else
        access->value = gic_dist_read(gic, offset, access->size);
}

/* Frames of vCPUs that do not exist read as zero. */
static void access_redist(struct hv_gic *gic, uint64_t offset, struct a64_mmio_access *access)
{
    struct gic_redist *redist = gic->redist[offset / GIC_REDIST_SIZE];
    const uint32_t reg = (uint32_t)(offset % GIC_REDIST_SIZE);
    if (!access->write)
        access->value = redist ? gic_redist_read(gic, redist, reg, access->size) : 0;
    else if (redist)
        gic_redist_write(gic, redist, reg, access->size, access->value);
}

static void access_msi(struct hv_gic *gic, uint32_t offset, struct a64_mmio_access *access)
{
    if (access->write)
        gic_msi_write(gic, offset, access->size, access->value);
    else
        access->value = gic_msi_read(gic, offset, access->size);
}

/* One access of an instruction that reaches the GIC; a part of it may lie elsewhere, in RAM or
 * nowhere. */
static void perform(struct hv_vcpu *vcpu, struct a64_mmio_access *access)
{
    struct hv_gic *gic = vcpu->vm->gic;
    uint64_t ipa;
    if (!hv_mmio_ipa(vcpu, access->va, &ipa))
        return;
    if (in_region(ipa, gic->dist_base, GIC_DIST_SIZE))
        access_dist(gic, (uint32_t)(ipa - gic->dist_base), access);
    else if (in_region(ipa, gic->redist_base, GIC_REDIST_REGION))
        access_redist(gic, ipa - gic->redist_base, access);
    else if (gic->msi_count && in_region(ipa, gic->msi_base, GIC_MSI_SIZE))
        access_msi(gic, (uint32_t)(ipa - gic->msi_base), access);
    else
        hv_memory_copy(vcpu->vm, ipa, &access->value, access->size, access->write);
}

bool hv_gic_abort(struct hv_vcpu *vcpu)
{
    struct hv_gic *gic = vcpu->vm->gic;
    struct a64_mmio_plan plan;
    struct a64_mmio_access *access;
    if (!is_gic(gic, vcpu->cpu.exc.ipa) || !hv_mmio_plan(vcpu, &plan))
        return false;
    pthread_mutex_lock(&gic->lock);
    while ((access = a64_mmio_next(&plan)))
        perform(vcpu, access);
    pthread_mutex_unlock(&gic->lock);
    hv_mmio_finish(vcpu, &plan);
    return true;
}
