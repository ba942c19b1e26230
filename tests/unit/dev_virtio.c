/* SPDX-License-Identifier: MIT */
/* The driver of dev_virtio.h. */

#include "dev_virtio.h"

#define CAP_VENDOR 0x09
#define CAP_MSIX   0x11

void poke(struct machine *m, uint64_t gpa, unsigned size, uint64_t value)
{
    assert_int_equal(guest_write(m, gpa, &value, size), 0);
}

uint64_t peek(struct machine *m, uint64_t gpa, unsigned size)
{
    uint64_t value = 0;
    assert_int_equal(guest_read(m, gpa, &value, size), 0);
    return value;
}

/* ---- PCI ---- */

void pci_rig_init(struct pci_rig *rig)
{
    *rig = (struct pci_rig){.m = rig_create(), .next_bar = WINDOW_BASE};
    rig->bus = (struct pci_bus){.machine = rig->m,
                                .intx_count = 16,
                                .send_msi = rig_send_msi,
                                .window_base = WINDOW_BASE,
                                .window_size = WINDOW_SIZE};
    for (unsigned i = 0; i < 16; i++)
        rig->bus.intx[i] = rig_line(rig->m, i);
}

void pci_rig_free(struct pci_rig *rig)
{
    rig_destroy(rig->m);
}

uint64_t config_read(struct pci_rig *rig, unsigned slot, unsigned offset, unsigned size)
{
    return pci_ecam_read(&rig->bus, (uint64_t)slot << 15 | offset, size);
}

void config_write(struct pci_rig *rig, unsigned slot, unsigned offset, unsigned size,
                  uint64_t value)
{
    pci_ecam_write(&rig->bus, (uint64_t)slot << 15 | offset, size, value);
}

uint64_t mmio_read(struct pci_rig *rig, uint64_t address, unsigned size)
{
    assert_in_range(address, WINDOW_BASE, WINDOW_BASE + WINDOW_SIZE - size);
    return pci_window_read(&rig->bus, address - WINDOW_BASE, size);
}

void mmio_write(struct pci_rig *rig, uint64_t address, unsigned size, uint64_t value)
{
    assert_in_range(address, WINDOW_BASE, WINDOW_BASE + WINDOW_SIZE - size);
    pci_window_write(&rig->bus, address - WINDOW_BASE, size, value);
}

unsigned find_capability(struct pci_rig *rig, unsigned slot, uint8_t id, unsigned after)
{
    assert_true(config_read(rig, slot, 0x06, 2) & 0x10);
    unsigned at = (unsigned)config_read(rig, slot, after ? after + 1 : 0x34, 1);
    for (unsigned steps = 0; at; steps++) {
        assert_in_range(steps, 0, 48); /* a list, not a ring */
        assert_in_range(at, 0x40, 0xfc);
        assert_int_equal(at % 4, 0);
        if (config_read(rig, slot, at, 1) == id)
            return at;
        at = (unsigned)config_read(rig, slot, at + 1, 1);
    }
    return 0;
}

uint32_t bar_size(struct pci_rig *rig, unsigned slot, unsigned index)
{
    const unsigned at = 0x10 + 4 * index;
    const uint64_t old = config_read(rig, slot, at, 4);
    config_write(rig, slot, at, 4, 0xffffffff);
    const uint32_t mask = (uint32_t)config_read(rig, slot, at, 4) & ~15u;
    config_write(rig, slot, at, 4, old);
    return mask ? ~mask + 1 : 0;
}

void enable_function(struct pci_rig *rig, unsigned slot)
{
    for (unsigned i = 0; i < 6; i++) {
        const uint32_t size = bar_size(rig, slot, i);
        if (!size)
            continue;
        rig->next_bar = (rig->next_bar + size - 1) & ~(uint64_t)(size - 1);
        config_write(rig, slot, 0x10 + 4 * i, 4, rig->next_bar);
        rig->next_bar += size;
    }
    config_write(rig, slot, 0x04, 2, 6);
}

/* ---- virtio ---- */

static uint64_t bar_address(struct pci_rig *rig, unsigned slot, unsigned index)
{
    return config_read(rig, slot, 0x10 + 4 * index, 4) & ~15ull;
}

static uint64_t structure(struct vdev *v, unsigned type, unsigned *cap)
{
    for (unsigned at = find_capability(v->rig, v->slot, CAP_VENDOR, 0); at;
         at = find_capability(v->rig, v->slot, CAP_VENDOR, at)) {
        if (config_read(v->rig, v->slot, at + 3, 1) != type)
            continue;
        const unsigned bar = (unsigned)config_read(v->rig, v->slot, at + 4, 1);
        const uint32_t offset = (uint32_t)config_read(v->rig, v->slot, at + 8, 4);
        const uint32_t length = (uint32_t)config_read(v->rig, v->slot, at + 12, 4);
        assert_in_range(offset + length, length, bar_size(v->rig, v->slot, bar));
        if (cap)
            *cap = at;
        return bar_address(v->rig, v->slot, bar) + offset;
    }
    return 0;
}

static uint64_t msix_structure(struct vdev *v, unsigned offset)
{
    const uint32_t word = (uint32_t)config_read(v->rig, v->slot, v->msix_cap + offset, 4);
    return bar_address(v->rig, v->slot, word & 7) + (word & ~7u);
}

void vdev_probe(struct vdev *v, struct pci_rig *rig, unsigned slot)
{
    unsigned cap;
    *v = (struct vdev){.rig = rig, .slot = slot};
    enable_function(rig, slot);
    v->common = structure(v, 1, NULL);
    v->notify = structure(v, 2, &cap);
    v->isr = structure(v, 3, NULL);
    v->config = structure(v, 4, NULL);
    assert_true(v->common && v->notify && v->isr);
    v->notify_multiplier = (unsigned)config_read(rig, slot, cap + 16, 4);
    v->msix_cap = find_capability(rig, slot, CAP_MSIX, 0);
    v->msix_table = msix_structure(v, 4);
    v->msix_pending = msix_structure(v, 8);
}

uint64_t common_read(struct vdev *v, unsigned offset, unsigned size)
{
    return mmio_read(v->rig, v->common + offset, size);
}

void common_write(struct vdev *v, unsigned offset, unsigned size, uint64_t value)
{
    mmio_write(v->rig, v->common + offset, size, value);
}

uint64_t vdev_features(struct vdev *v)
{
    uint64_t features = 0;
    for (unsigned half = 0; half < 2; half++) {
        common_write(v, DEVICE_FEATURE_SELECT, 4, half);
        features |= common_read(v, DEVICE_FEATURE, 4) << 32 * half;
    }
    return features;
}

void vdev_negotiate(struct vdev *v, uint64_t features)
{
    common_write(v, DEVICE_STATUS, 1, 0);
    assert_int_equal(common_read(v, DEVICE_STATUS, 1), 0);
    common_write(v, DEVICE_STATUS, 1, STATUS_ACKNOWLEDGE);
    common_write(v, DEVICE_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    for (unsigned half = 0; half < 2; half++) {
        common_write(v, DRIVER_FEATURE_SELECT, 4, half);
        common_write(v, DRIVER_FEATURE, 4, features >> 32 * half);
    }
    common_write(v, DEVICE_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
}

void vdev_driver_ok(struct vdev *v)
{
    assert_true(common_read(v, DEVICE_STATUS, 1) & STATUS_FEATURES_OK);
    common_write(v, DEVICE_STATUS, 1,
                 STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

bool vdev_needs_reset(struct vdev *v)
{
    return common_read(v, DEVICE_STATUS, 1) & STATUS_NEEDS_RESET;
}

void vdev_enable_msix(struct vdev *v)
{
    config_write(v->rig, v->slot, v->msix_cap + 2, 2, 0x8000);
}

void vdev_set_vector(struct vdev *v, unsigned vector, uint64_t address, uint32_t data)
{
    mmio_write(v->rig, v->msix_table + 16 * vector, 8, address);
    mmio_write(v->rig, v->msix_table + 16 * vector + 8, 4, data);
    mmio_write(v->rig, v->msix_table + 16 * vector + 12, 4, 0);
}

/* ---- rings ---- */

void ring_place(struct ring *r, struct vdev *v, unsigned queue, unsigned size, uint64_t base)
{
    *r = (struct ring){.v = v,
                       .queue = queue,
                       .size = size,
                       .desc = base,
                       .avail = base + 0x1000,
                       .used = base + 0x2000};
    memset(rig_memory(v->rig->m, base, 0x3000), 0, 0x3000);
    common_write(v, QUEUE_SELECT, 2, queue);
    common_write(v, QUEUE_SIZE, 2, size);
    common_write(v, QUEUE_DESC, 8, r->desc);
    common_write(v, QUEUE_DRIVER, 8, r->avail);
    common_write(v, QUEUE_DEVICE, 8, r->used);
}

void ring_enable(struct ring *r, struct vdev *v, unsigned queue, unsigned size, uint64_t base)
{
    ring_place(r, v, queue, size, base);
    common_write(v, QUEUE_ENABLE, 2, 1);
}

void table_desc(struct machine *m, uint64_t table, unsigned index, uint64_t address, uint32_t size,
                uint16_t flags, uint16_t next)
{
    poke(m, table + 16 * index, 8, address);
    poke(m, table + 16 * index + 8, 4, size);
    poke(m, table + 16 * index + 12, 2, flags);
    poke(m, table + 16 * index + 14, 2, next);
}

void ring_desc(struct ring *r, unsigned index, uint64_t address, uint32_t size, uint16_t flags,
               uint16_t next)
{
    table_desc(r->v->rig->m, r->desc, index, address, size, flags, next);
}

void ring_offer(struct ring *r, uint16_t head)
{
    poke(r->v->rig->m, r->avail + 4 + 2 * (r->next_avail % r->size), 2, head);
    poke(r->v->rig->m, r->avail + 2, 2, ++r->next_avail);
}

void ring_kick(struct ring *r)
{
    common_write(r->v, QUEUE_SELECT, 2, r->queue);
    const uint64_t off = common_read(r->v, QUEUE_NOTIFY_OFF, 2);
    mmio_write(r->v->rig, r->v->notify + off * r->v->notify_multiplier, 2, r->queue);
    rig_run_deferred(r->v->rig->m);
}

bool ring_used(struct ring *r, uint32_t *id, uint32_t *size)
{
    struct machine *m = r->v->rig->m;
    if (peek(m, r->used + 2, 2) == r->next_used)
        return false;
    const uint64_t element = r->used + 4 + 8 * (r->next_used++ % r->size);
    if (id)
        *id = (uint32_t)peek(m, element, 4);
    if (size)
        *size = (uint32_t)peek(m, element + 4, 4);
    return true;
}
