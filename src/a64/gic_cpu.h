/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_GIC_CPU_H
#define POMONA_A64_GIC_CPU_H

/* The GICv3 CPU interface of one CPU (ICC_*) and its virtual CPU interface (ICH_*, ICV_*):
 * priorities, masks, active priorities, list registers. The distributor and redistributors, which
 * know what is pending, are behind struct gic_ops: src/hv/gic.c, or a test's fake. GIC architecture
 * specification (IHI 0069), chapters 4, 6, 12.
 *
 * One lock, the distributor's, covers all of it. Functions here say "locked" when the caller holds
 * it; the system register rows take it themselves. */

#include <stdbool.h>
#include <stdint.h>

struct a64_cpu;
struct gic_cpu;

#define GIC_SPURIOUS        1023u
#define GIC_PRIORITY_BITS   5
#define GIC_PRIORITY_MASK   0xf8u
#define GIC_IDLE_PRIORITY   0xffu
#define GIC_LR_COUNT        8
#define GIC_PPI_MAINTENANCE 25

/* The highest-priority pending interrupt of a CPU; intid GIC_SPURIOUS: none. */
struct gic_hppi {
    uint32_t intid;
    uint8_t priority, group;
};

/* What the CPU interface asks of the distributor side; all but lock and unlock are called locked.
 */
struct gic_ops {
    void (*lock)(struct gic_cpu *gic);
    void (*unlock)(struct gic_cpu *gic);
    /* Brings gic->hppi up to date, for the groups that gic->igrpen enables. */
    void (*select)(struct gic_cpu *gic);
    void (*activate)(struct gic_cpu *gic, uint32_t intid);
    void (*deactivate)(struct gic_cpu *gic, uint32_t intid);
    /* ICC_SGInR_EL1 was written: SGIs of GROUP. */
    void (*sgi)(struct gic_cpu *gic, unsigned group, uint64_t value);
    /* The CPU's physical interrupt inputs. */
    void (*lines)(struct gic_cpu *gic, bool irq, bool fiq);
    /* The CPU's virtual interrupt inputs, and the maintenance interrupt. */
    void (*virtual_lines)(struct gic_cpu *gic, bool irq, bool fiq, bool maintenance);
};

struct gic_cpu {
    const struct gic_ops *ops;
    struct a64_cpu *cpu;

    /* Saved state. Arrays are indexed by group. */
    uint8_t pmr, bpr[2];
    bool igrpen[2], cbpr, eoimode;
    uint32_t apr[2]; /* active preemption levels: bit n is priority n << 3 */
    uint64_t ich_hcr, ich_vmcr, ich_lr[GIC_LR_COUNT];
    uint32_t ich_apr[2];

    struct gic_hppi hppi; /* kept by ops->select */
};

void gic_cpu_reset(struct gic_cpu *gic);
/* Something pending changed, or a register: selects again and sends the lines. Locked. */
void gic_cpu_update(struct gic_cpu *gic);

/* Registers by their system register encoding, without access rules; locked. False: there is no
 * such register. Reads of the acknowledge registers have their effect. */
bool gic_icc_read(struct gic_cpu *gic, unsigned enc, uint64_t *value);
bool gic_icc_write(struct gic_cpu *gic, unsigned enc, uint64_t value);
bool gic_ich_read(struct gic_cpu *gic, unsigned enc, uint64_t *value);
bool gic_ich_write(struct gic_cpu *gic, unsigned enc, uint64_t value);
bool gic_icv_read(struct gic_cpu *gic, unsigned enc, uint64_t *value);
bool gic_icv_write(struct gic_cpu *gic, unsigned enc, uint64_t value);
/* For gic_cpu_update: the virtual interface's lines. */
void gic_virtual_update(struct gic_cpu *gic);

/* The priority bits that preempt, by binary point: group 1 counts from one more. */
static inline uint8_t gic_group_priority(uint8_t priority, unsigned bpr, bool group1_point)
{
    const unsigned low = bpr + (group1_point ? 0u : 1u);
    return priority & (uint8_t)(0xffu << (low > 7 ? 8 : low));
}

/* The highest active priority in two sets of levels; GIC_IDLE_PRIORITY: none. */
static inline uint8_t gic_running_priority(const uint32_t apr[2])
{
    const uint32_t all = apr[0] | apr[1];
    return all ? (uint8_t)(__builtin_ctz(all) << 3) : (uint8_t)GIC_IDLE_PRIORITY;
}

/* Encodings; those that the API names are its values. */
enum gic_sysreg {
    ICC_PMR_EL1 = 0xc230,
    ICC_IAR0_EL1 = 0xc640,
    ICC_EOIR0_EL1 = 0xc641,
    ICC_HPPIR0_EL1 = 0xc642,
    ICC_BPR0_EL1 = 0xc643,
    ICC_AP0R0_EL1 = 0xc644,
    ICC_AP1R0_EL1 = 0xc648,
    ICC_DIR_EL1 = 0xc659,
    ICC_RPR_EL1 = 0xc65b,
    ICC_SGI1R_EL1 = 0xc65d,
    ICC_ASGI1R_EL1 = 0xc65e,
    ICC_SGI0R_EL1 = 0xc65f,
    ICC_IAR1_EL1 = 0xc660,
    ICC_EOIR1_EL1 = 0xc661,
    ICC_HPPIR1_EL1 = 0xc662,
    ICC_BPR1_EL1 = 0xc663,
    ICC_CTLR_EL1 = 0xc664,
    ICC_SRE_EL1 = 0xc665,
    ICC_IGRPEN0_EL1 = 0xc666,
    ICC_IGRPEN1_EL1 = 0xc667,
    ICC_SRE_EL2 = 0xe64d,
    ICH_AP0R0_EL2 = 0xe640,
    ICH_AP1R0_EL2 = 0xe648,
    ICH_HCR_EL2 = 0xe658,
    ICH_VTR_EL2 = 0xe659,
    ICH_MISR_EL2 = 0xe65a,
    ICH_EISR_EL2 = 0xe65b,
    ICH_ELRSR_EL2 = 0xe65d,
    ICH_VMCR_EL2 = 0xe65f,
    ICH_LR0_EL2 = 0xe660,
};

/* Priority bits 5, 16-bit INTIDs, SGI target ranges (RSS): what ICC_CTLR_EL1 and ICV_CTLR_EL1 read
 * beside the mode. */
#define GIC_CTLR_FIXED 0x40400u
#define GIC_CTLR_CBPR  (1u << 0)
#define GIC_CTLR_EOI   (1u << 1)
#define GIC_SRE_EL1    0x7u
#define GIC_SRE_EL2    0xfu
#define GIC_MIN_BPR0   2u
#define GIC_MIN_BPR1   3u

#define ICH_HCR_EN    (1ull << 0)
#define ICH_HCR_TC    (1ull << 10)
#define ICH_HCR_TALL0 (1ull << 11)
#define ICH_HCR_TALL1 (1ull << 12)
#define ICH_HCR_TDIR  (1ull << 14)

#endif
