/* SPDX-License-Identifier: MIT */
/* The virtio-mmio transports of the `virt` board (OASIS virtio 1.2, section 4.2), all of them
 * empty: a guest that probes one finds the magic value and device number 0, which the standard
 * defines as "nothing here, ignore". Our virtio devices sit on PCI. */

#include "device/virtio_mmio.h"

enum {
    MagicValue = 0x000,
    Version = 0x004,
    DeviceID = 0x008,
    VendorID = 0x00c,
};

#define SLOT_SIZE 0x200
#define MAGIC     0x74726976 /* "virt" */

static uint64_t virtio_mmio_read(struct device *dev, uint64_t offset, unsigned size)
{
    switch (offset % SLOT_SIZE) {
    case MagicValue:
        return MAGIC;
    case Version:
        return 2;
    }
    return 0;
}

static const struct device_reg regs[] = {
    {"MagicValue", MagicValue, 4, MAGIC, 0},
    {"Version", Version, 4, 2, 0},
    {"DeviceID", DeviceID, 4, 0, 0},
    {"VendorID", VendorID, 4, 0, 0},
    {0},
};

static const struct device_field fields[] = {{0}};

const struct device_class virtio_mmio_class = {
    .name = "virtio-mmio",
    .description = "empty virtio-mmio transports",
    .state_size = sizeof(struct device),
    .mmio_size = 0x4000,
    .access_min = 4,
    .access_max = 4,
    .regs = regs,
    .version = 1,
    .fields = fields,
    .read = virtio_mmio_read,
};
