/* SPDX-License-Identifier: MIT */
/* The GIC's state as bytes: hv_gic_state_*, hv_gic_set_state.
 *
 * A header (magic, version, shape of the GIC, checksum), then the distributor, then the
 * redistributors by slot; words of the host's byte order. Wires and CPU interfaces are not part of
 * it: devices drive the former again, the monitor carries the latter. A blob is taken back only
 * whole and only by a GIC of the same shape. */

#include <stdlib.h>
#include <string.h>

#include "gic_internal.h"

#define STATE_MAGIC   0x31434947u /* "GIC1" */
#define STATE_VERSION 1u
#define FNV_BASIS     0xcbf29ce484222325ull
#define FNV_PRIME     0x100000001b3ull

struct state_header {
    uint32_t magic, version;
    uint64_t dist_base, redist_base, msi_base;
    uint32_t msi_intid, msi_count;
    uint64_t present;  /* slots that have a vCPU */
    uint64_t checksum; /* of what follows */
};

struct state_bank {
    uint32_t group, enable, latch, active, edge;
    uint8_t priority[32];
};

struct state_dist {
    uint32_t ctlr, reserved;
    struct state_bank bank[31];
    uint32_t reserved2;
    uint64_t router[GIC_SPI_COUNT];
};

struct state_redist {
    struct state_bank bank;
    uint32_t waker;
};

struct hv_gic_state_s {
    struct hv_object object;
    size_t size;
    uint8_t data[];
};

static uint64_t checksum(const uint8_t *data, size_t size)
{
    uint64_t hash = FNV_BASIS;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * FNV_PRIME;
    return hash;
}

static uint64_t present_slots(const struct hv_gic *gic)
{
    uint64_t slots = 0;
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        slots |= (uint64_t)(gic->redist[i] != NULL) << i;
    return slots;
}

static size_t state_size(uint64_t present)
{
    const size_t count = (size_t)__builtin_popcountll(present);
    return sizeof(struct state_header) + sizeof(struct state_dist) +
           count * sizeof(struct state_redist);
}

static struct state_header make_header(const struct hv_gic *gic)
{
    return (struct state_header){
        .magic = STATE_MAGIC,
        .version = STATE_VERSION,
        .dist_base = gic->dist_base,
        .redist_base = gic->redist_base,
        .msi_base = gic->msi_base,
        .msi_intid = gic->msi_intid,
        .msi_count = gic->msi_count,
        .present = present_slots(gic),
    };
}

static void save_bank(struct state_bank *out, const struct gic_bank *bank)
{
    out->group = bank->group;
    out->enable = bank->enable;
    out->latch = bank->latch;
    out->active = bank->active;
    out->edge = bank->edge;
    memcpy(out->priority, bank->priority, sizeof(out->priority));
}

static void load_bank(struct gic_bank *bank, const struct state_bank *in)
{
    bank->group = in->group;
    bank->enable = in->enable;
    bank->latch = in->latch;
    bank->active = in->active;
    bank->edge = in->edge;
    for (unsigned i = 0; i < 32; i++)
        bank->priority[i] = in->priority[i] & GIC_PRIORITY_MASK;
}

static void save(const struct hv_gic *gic, uint8_t *data, size_t size)
{
    struct state_header header = make_header(gic);
    uint8_t *next = data + sizeof(header);
    struct state_dist dist = {.ctlr = gic->ctlr};
    for (unsigned i = 0; i < 31; i++)
        save_bank(&dist.bank[i], &gic->bank[i + 1]);
    memcpy(dist.router, gic->router + GIC_SPI_BASE, sizeof(dist.router));
    memcpy(next, &dist, sizeof(dist));
    next += sizeof(dist);
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++) {
        if (!gic->redist[i])
            continue;
        struct state_redist redist = {.waker = gic->redist[i]->waker};
        save_bank(&redist.bank, &gic->redist[i]->bank);
        memcpy(next, &redist, sizeof(redist));
        next += sizeof(redist);
    }
    header.checksum = checksum(data + sizeof(header), size - sizeof(header));
    memcpy(data, &header, sizeof(header));
}

static void load(struct hv_gic *gic, const uint8_t *data)
{
    struct state_dist dist;
    const uint8_t *next = data + sizeof(struct state_header);
    memcpy(&dist, next, sizeof(dist));
    next += sizeof(dist);
    gic->ctlr = dist.ctlr & 3;
    for (unsigned i = 0; i < 31; i++)
        load_bank(&gic->bank[i + 1], &dist.bank[i]);
    for (uint32_t i = 0; i < GIC_SPI_COUNT; i++) {
        gic->router[GIC_SPI_BASE + i] = dist.router[i];
        gic_route(gic, GIC_SPI_BASE + i);
    }
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++) {
        if (!gic->redist[i])
            continue;
        struct state_redist redist;
        memcpy(&redist, next, sizeof(redist));
        next += sizeof(redist);
        load_bank(&gic->redist[i]->bank, &redist.bank);
        gic->redist[i]->bank.edge |= 0xffff;
        gic->redist[i]->waker = redist.waker & 6;
    }
    gic_update_all(gic);
}

/* Whether DATA is what save() makes of a GIC of this shape. */
static bool acceptable(const struct hv_gic *gic, const uint8_t *data, size_t size)
{
    struct state_header header, expected = make_header(gic);
    if (size < sizeof(header) || size != state_size(expected.present))
        return false;
    memcpy(&header, data, sizeof(header));
    expected.checksum = checksum(data + sizeof(header), size - sizeof(header));
    return memcmp(&header, &expected, sizeof(header)) == 0;
}

hv_gic_state_t hv_gic_state_create(void)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm || !vm->gic)
        return NULL;
    pthread_mutex_lock(&vm->gic->lock);
    const size_t size = state_size(present_slots(vm->gic));
    struct hv_gic_state_s *state = hv_object_create(sizeof(*state) + size);
    if (state) {
        state->size = size;
        save(vm->gic, state->data, size);
    }
    pthread_mutex_unlock(&vm->gic->lock);
    return state;
}

hv_return_t hv_gic_state_get_size(hv_gic_state_t state, size_t *gic_state_size)
{
    if (!state || !gic_state_size)
        return HV_BAD_ARGUMENT;
    *gic_state_size = state->size;
    return HV_SUCCESS;
}

hv_return_t hv_gic_state_get_data(hv_gic_state_t state, void *gic_state_data)
{
    if (!state || !gic_state_data)
        return HV_BAD_ARGUMENT;
    memcpy(gic_state_data, state->data, state->size);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_state(const void *gic_state_data, size_t gic_state_size)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm || !vm->gic)
        return HV_NO_DEVICE;
    if (!gic_state_data)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&vm->gic->lock);
    const bool good = acceptable(vm->gic, gic_state_data, gic_state_size);
    if (good)
        load(vm->gic, gic_state_data);
    pthread_mutex_unlock(&vm->gic->lock);
    return good ? HV_SUCCESS : HV_BAD_ARGUMENT;
}
