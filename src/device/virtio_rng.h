/* SPDX-License-Identifier: MIT */
#ifndef POMONA_VIRTIO_RNG_H
#define POMONA_VIRTIO_RNG_H

#include "device/virtio.h"

/* A source of entropy on BUS, fed by machine_random. NULL and -errno in *RESULT. */
struct virtio_device *virtio_rng_create(struct pci_bus *bus, int *result);

#endif
