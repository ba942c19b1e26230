/* SPDX-License-Identifier: MIT */
/* A virtio entropy device (OASIS virtio 1.2, 5.4): every buffer comes back filled, up to a limit a
 * request. */

#include "device/virtio_rng.h"

#define VIRTIO_ID_ENTROPY 4
#define CLASS_OTHER       0xff0000
#define REQUEST_MAX       4096

static uint64_t rng_features(struct virtio_device *dev)
{
    return 0;
}

static void rng_kick(struct virtio_device *dev, unsigned queue)
{
    uint8_t bytes[REQUEST_MAX];
    while (virtq_pop(dev, queue)) {
        const size_t size =
            dev->chain.writable_size < REQUEST_MAX ? (size_t)dev->chain.writable_size : REQUEST_MAX;
        machine_random(dev->pci.dev.machine, bytes, size);
        const bool filled = virtq_write(dev, 0, bytes, size);
        virtq_push(dev, queue, dev->chain.head, filled ? (uint32_t)size : 0);
    }
    virtq_flush(dev, queue);
}

static void rng_config_read(struct virtio_device *dev, uint8_t *config)
{
}

static const struct virtio_ops virtio_rng_ops = {
    .cls = {.name = "virtio-rng",
            .description = "source of entropy",
            .state_size = sizeof(struct virtio_device)},
    .id = VIRTIO_ID_ENTROPY,
    .class_code = CLASS_OTHER,
    .queues = 1,
    .features = rng_features,
    .kick = rng_kick,
    .config_read = rng_config_read,
};

struct virtio_device *virtio_rng_create(struct pci_bus *bus, int *result)
{
    return virtio_create(&virtio_rng_ops, bus, result);
}
