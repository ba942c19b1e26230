/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HV_GIC_INTERNAL_H
#define POMONA_HV_GIC_INTERNAL_H

/* The distributor side of the GIC: state and what its files share. gic.c: life, wires, selection;
 * gic_mmio.c: registers; gic_api.c: hv_gic_*; gic_state.c: saving. */

#include "../a64/gic_cpu.h"
#include "gic.h"

#define GIC_INTIDS        1020u
#define GIC_SPI_BASE      32u
#define GIC_SPI_COUNT     (GIC_INTIDS - GIC_SPI_BASE)
#define GIC_DIST_SIZE     0x10000u
#define GIC_REDIST_SIZE   0x20000u
#define GIC_REGION_ALIGN  0x10000u
#define GIC_REDIST_REGION ((uint64_t)GIC_REDIST_SIZE * HV_MAX_VCPUS)
#define GIC_MSI_SIZE      0x10000u
/* struct hv_gic.target: no CPU, or any one CPU of those that take part. */
#define GIC_TARGET_NONE 0xffu
#define GIC_TARGET_ANY  0xfeu

/* 32 interrupts. Pending is latch, or line where the interrupt is level-triggered. */
struct gic_bank {
    uint32_t group, enable, latch, active, edge;
    uint32_t line; /* the wires: not reset, not saved */
    uint8_t priority[32];
};

struct gic_redist {
    struct gic_cpu cpu_interface;
    struct gic_bank bank; /* SGIs, PPIs */
    struct hv_vcpu *vcpu;
    uint32_t affinity; /* Aff3.Aff2.Aff1.Aff0 */
    uint32_t waker;
};

struct hv_gic {
    pthread_mutex_t lock;
    uint64_t dist_base, redist_base, msi_base;
    uint32_t msi_intid, msi_count; /* 0: no frame */
    uint32_t ctlr;                 /* group enables */
    struct gic_bank bank[32];      /* [0] is unused */
    uint64_t router[GIC_INTIDS];
    uint8_t target[GIC_INTIDS]; /* derived from router: a slot of redist */
    struct gic_redist *redist[HV_MAX_VCPUS];
};

struct hv_gic_config_s {
    struct hv_object object;
    uint64_t dist_base, redist_base, msi_base;
    bool has_msi;
    uint32_t msi_intid, msi_count;
};

static inline uint32_t gic_bank_pending(const struct gic_bank *bank)
{
    return bank->latch | (bank->line & ~bank->edge);
}

/* All locked. */
struct gic_bank *gic_bank_of(struct hv_gic *gic, struct gic_redist *redist, uint32_t intid);
void gic_reset_state(struct hv_gic *gic);
/* Recomputes SPI INTID's target from its router. */
void gic_route(struct hv_gic *gic, uint32_t intid);
/* Sends the lines of one CPU (by slot), or of all. */
void gic_update_redist(struct gic_redist *redist);
void gic_update_all(struct hv_gic *gic);
void gic_set_wire(struct gic_bank *bank, uint32_t intid, bool level);
/* Makes INTID pending, as a message does. */
void gic_send_message(struct hv_gic *gic, uint32_t intid);

/* Registers of the frames, any aligned access of 1, 2, 4 or 8 bytes; locked. Unknown offsets read
 * 0. */
uint64_t gic_dist_read(struct hv_gic *gic, uint32_t offset, unsigned size);
void gic_dist_write(struct hv_gic *gic, uint32_t offset, unsigned size, uint64_t value);
uint64_t gic_redist_read(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset,
                         unsigned size);
void gic_redist_write(struct hv_gic *gic, struct gic_redist *redist, uint32_t offset, unsigned size,
                      uint64_t value);
uint64_t gic_msi_read(struct hv_gic *gic, uint32_t offset, unsigned size);
void gic_msi_write(struct hv_gic *gic, uint32_t offset, unsigned size, uint64_t value);

#endif
