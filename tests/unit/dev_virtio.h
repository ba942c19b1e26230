/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TEST_DEV_VIRTIO_H
#define POMONA_TEST_DEV_VIRTIO_H

/* A guest's side of virtio over PCI, after OASIS virtio 1.2 and not after our headers: it finds the
 * structures by walking the capabilities, sizes and places the BARs, negotiates, and drives split
 * rings. */

#include "dev_rig.h"

#include "device/pci.h"
#include "device/virtio.h"

#define WINDOW_BASE 0x50000000ull
#define WINDOW_SIZE 0x1fff0000ull

#define STATUS_ACKNOWLEDGE 0x01
#define STATUS_DRIVER      0x02
#define STATUS_DRIVER_OK   0x04
#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40

#define VERSION_1 (1ull << 32)
#define EVENT_IDX (1ull << 29)
#define INDIRECT  (1ull << 28)

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4

/* Fields of the common configuration. */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_MSIX_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MSIX_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
};

/* A machine with a bus. */
struct pci_rig {
    struct machine *m;
    struct pci_bus bus;
    uint64_t next_bar; /* where the next BAR goes */
};

void pci_rig_init(struct pci_rig *rig);
void pci_rig_free(struct pci_rig *rig);

uint64_t config_read(struct pci_rig *rig, unsigned slot, unsigned offset, unsigned size);
void config_write(struct pci_rig *rig, unsigned slot, unsigned offset, unsigned size,
                  uint64_t value);
/* By physical address. */
uint64_t mmio_read(struct pci_rig *rig, uint64_t address, unsigned size);
void mmio_write(struct pci_rig *rig, uint64_t address, unsigned size, uint64_t value);
/* The next capability with ID behind the one at AFTER (0: the first); 0 when there is none. */
unsigned find_capability(struct pci_rig *rig, unsigned slot, uint8_t id, unsigned after);
/* The size of BAR INDEX by the specification's procedure; its value is put back. */
uint32_t bar_size(struct pci_rig *rig, unsigned slot, unsigned index);
/* Places all BARs and lets the function decode memory and be a master. */
void enable_function(struct pci_rig *rig, unsigned slot);

/* A virtio function as its driver sees it: addresses of its structures. */
struct vdev {
    struct pci_rig *rig;
    unsigned slot;
    uint64_t common, isr, config, notify, msix_table, msix_pending;
    unsigned notify_multiplier, msix_cap;
};

/* Finds all structures of the function in SLOT; fails the test when one is missing. */
void vdev_probe(struct vdev *v, struct pci_rig *rig, unsigned slot);
uint64_t common_read(struct vdev *v, unsigned offset, unsigned size);
void common_write(struct vdev *v, unsigned offset, unsigned size, uint64_t value);
uint64_t vdev_features(struct vdev *v);
/* Reset, then the negotiation up to FEATURES_OK. */
void vdev_negotiate(struct vdev *v, uint64_t features);
void vdev_driver_ok(struct vdev *v);
bool vdev_needs_reset(struct vdev *v);
void vdev_enable_msix(struct vdev *v);
void vdev_set_vector(struct vdev *v, unsigned vector, uint64_t address, uint32_t data);

/* A split ring in guest memory. */
struct ring {
    struct vdev *v;
    unsigned queue, size;
    uint64_t desc, avail, used;
    uint16_t next_avail, next_used;
};

/* Lays an empty ring out at BASE (0x3000 bytes), and tells the device where. */
void ring_place(struct ring *r, struct vdev *v, unsigned queue, unsigned size, uint64_t base);
/* The same, and enables the queue. */
void ring_enable(struct ring *r, struct vdev *v, unsigned queue, unsigned size, uint64_t base);
void ring_desc(struct ring *r, unsigned index, uint64_t address, uint32_t size, uint16_t flags,
               uint16_t next);
/* The same in a table anywhere. */
void table_desc(struct machine *m, uint64_t table, unsigned index, uint64_t address, uint32_t size,
                uint16_t flags, uint16_t next);
/* Makes the chain at HEAD available. */
void ring_offer(struct ring *r, uint16_t head);
/* Rings the doorbell, and the device does its work. */
void ring_kick(struct ring *r);
/* The next used element, if there is one. */
bool ring_used(struct ring *r, uint32_t *id, uint32_t *size);

void poke(struct machine *m, uint64_t gpa, unsigned size, uint64_t value);
uint64_t peek(struct machine *m, uint64_t gpa, unsigned size);

#endif
