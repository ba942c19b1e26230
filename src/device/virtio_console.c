/* SPDX-License-Identifier: MIT */
/* A virtio console (OASIS virtio 1.2, 5.3) with its one fixed port: queue 0 to the guest, queue 1
 * from it. Not modelled: further ports, the size of the terminal. */

#include "device/virtio_console.h"

#define VIRTIO_ID_CONSOLE          3
#define CLASS_SIMPLE_COMMUNICATION 0x078000
#define RECEIVE                    0
#define TRANSMIT                   1
#define PIECE                      4096u

struct virtio_console {
    struct virtio_device virtio;
    struct chardev *chr;
};

static struct virtio_console *of(struct virtio_device *dev)
{
    return (struct virtio_console *)dev;
}

static uint64_t console_features(struct virtio_device *dev)
{
    return 0;
}

static void console_config_read(struct virtio_device *dev, uint8_t *config)
{
}

static size_t console_receive(void *ctx, const uint8_t *data, size_t size)
{
    struct virtio_device *dev = ctx;
    size_t taken = 0;
    while (taken < size && virtq_pop(dev, RECEIVE)) {
        const uint64_t room = dev->chain.writable_size;
        const size_t part = size - taken < room ? size - taken : (size_t)room;
        const bool ok = virtq_write(dev, 0, data + taken, part);
        virtq_push(dev, RECEIVE, dev->chain.head, ok ? (uint32_t)part : 0);
        taken += part;
    }
    virtq_flush(dev, RECEIVE);
    return taken;
}

static void transmit(struct virtio_device *dev)
{
    uint8_t data[PIECE];
    for (uint64_t done = 0; done < dev->chain.readable_size;) {
        const uint64_t left = dev->chain.readable_size - done;
        const size_t part = left < PIECE ? (size_t)left : PIECE;
        if (!virtq_read(dev, done, data, part))
            return;
        if (of(dev)->chr)
            of(dev)->chr->write(of(dev)->chr, data, part);
        done += part;
    }
}

static void console_kick(struct virtio_device *dev, unsigned queue)
{
    if (queue == RECEIVE) {
        if (of(dev)->chr)
            of(dev)->chr->accept(of(dev)->chr);
        return;
    }
    while (virtq_pop(dev, queue)) {
        transmit(dev);
        virtq_push(dev, queue, dev->chain.head, 0);
    }
    virtq_flush(dev, queue);
}

static void console_fini(struct virtio_device *dev)
{
    if (of(dev)->chr)
        of(dev)->chr->receive = NULL;
}

static const struct virtio_ops virtio_console_ops = {
    .cls = {.name = "virtio-console",
            .description = "console",
            .state_size = sizeof(struct virtio_console)},
    .id = VIRTIO_ID_CONSOLE,
    .class_code = CLASS_SIMPLE_COMMUNICATION,
    .queues = 2,
    .features = console_features,
    .kick = console_kick,
    .config_read = console_config_read,
    .fini = console_fini,
};

struct virtio_device *virtio_console_create(struct pci_bus *bus, struct chardev *chr, int *result)
{
    struct virtio_device *dev = virtio_create(&virtio_console_ops, bus, result);
    if (!dev)
        return NULL;
    of(dev)->chr = chr;
    if (chr) {
        chr->receive = console_receive;
        chr->receive_ctx = dev;
    }
    return dev;
}
