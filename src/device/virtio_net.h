/* SPDX-License-Identifier: MIT */
#ifndef POMONA_VIRTIO_NET_H
#define POMONA_VIRTIO_NET_H

#include "device/virtio.h"

/* Where the card's frames go. */
struct virtio_net_peer {
    void (*send)(void *ctx, const uint8_t *frame, size_t size);
    void *ctx;
};

/* A network card on BUS with the address MAC. NULL and -errno in *RESULT. */
struct virtio_device *virtio_net_create(struct pci_bus *bus, const uint8_t mac[6], int *result);
/* Connects it; before that, frames are lost. */
void virtio_net_connect(struct virtio_device *dev, const struct virtio_net_peer *peer);
/* Whether the guest has a buffer for a frame; gives it one (lost when it has none). Under the
 * machine's lock. */
bool virtio_net_ready(struct virtio_device *dev);
void virtio_net_receive(struct virtio_device *dev, const uint8_t *frame, size_t size);

#endif
