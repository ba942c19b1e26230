/* SPDX-License-Identifier: MIT */
/* A virtio network card (OASIS virtio 1.2, 5.1): one pair of queues, no offloads, link always up.
 */

#include "device/virtio_net.h"

#include <string.h>

#define VIRTIO_ID_NET  1
#define CLASS_ETHERNET 0x020000
#define F_MAC          5
#define F_STATUS       16
#define STATUS_LINK_UP 1
#define RECEIVE        0
#define TRANSMIT       1
#define HEADER_SIZE    12 /* with num_buffers, as VERSION_1 has it */
#define NUM_BUFFERS_AT 10
#define FRAME_MAX      65550u
#define CONFIG_SIZE    8

struct virtio_net {
    struct virtio_device virtio;
    uint8_t mac[6];
    struct virtio_net_peer peer;
    uint8_t frame[HEADER_SIZE + FRAME_MAX];
};

static struct virtio_net *of(struct virtio_device *dev)
{
    return (struct virtio_net *)dev;
}

static uint64_t net_features(struct virtio_device *dev)
{
    return 1u << F_MAC | 1u << F_STATUS;
}

static void net_config_read(struct virtio_device *dev, uint8_t *config)
{
    memcpy(config, of(dev)->mac, 6);
    config[6] = STATUS_LINK_UP;
}

static void transmit(struct virtio_device *dev)
{
    struct virtio_net *net = of(dev);
    const uint64_t size = dev->chain.readable_size;
    if (size <= HEADER_SIZE || size > HEADER_SIZE + FRAME_MAX ||
        !virtq_read(dev, 0, net->frame, (size_t)size))
        return;
    if (net->peer.send)
        net->peer.send(net->peer.ctx, net->frame + HEADER_SIZE, (size_t)size - HEADER_SIZE);
}

/* New receive buffers need no answer: frames come when they come. */
static void net_kick(struct virtio_device *dev, unsigned queue)
{
    if (queue != TRANSMIT)
        return;
    while (virtq_pop(dev, queue)) {
        const uint16_t head = dev->chain.head; /* an answer may use the chain */
        transmit(dev);
        virtq_push(dev, queue, head, 0);
    }
    virtq_flush(dev, queue);
}

bool virtio_net_ready(struct virtio_device *dev)
{
    if (!virtq_pop(dev, RECEIVE))
        return false;
    virtq_unpop(dev, RECEIVE);
    return true;
}

void virtio_net_receive(struct virtio_device *dev, const uint8_t *frame, size_t size)
{
    uint8_t header[HEADER_SIZE] = {0};
    header[NUM_BUFFERS_AT] = 1;
    if (!virtq_pop(dev, RECEIVE))
        return;
    const bool ok =
        virtq_write(dev, 0, header, HEADER_SIZE) && virtq_write(dev, HEADER_SIZE, frame, size);
    virtq_push(dev, RECEIVE, dev->chain.head, ok ? (uint32_t)(HEADER_SIZE + size) : 0);
    virtq_flush(dev, RECEIVE);
}

static const struct virtio_ops virtio_net_ops = {
    .cls = {.name = "virtio-net",
            .description = "network card",
            .state_size = sizeof(struct virtio_net)},
    .id = VIRTIO_ID_NET,
    .class_code = CLASS_ETHERNET,
    .queues = 2,
    .config_size = CONFIG_SIZE,
    .features = net_features,
    .kick = net_kick,
    .config_read = net_config_read,
};

struct virtio_device *virtio_net_create(struct pci_bus *bus, const uint8_t mac[6], int *result)
{
    struct virtio_device *dev = virtio_create(&virtio_net_ops, bus, result);
    if (dev)
        memcpy(of(dev)->mac, mac, 6);
    return dev;
}

void virtio_net_connect(struct virtio_device *dev, const struct virtio_net_peer *peer)
{
    of(dev)->peer = *peer;
}
