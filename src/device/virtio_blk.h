/* SPDX-License-Identifier: MIT */
#ifndef POMONA_VIRTIO_BLK_H
#define POMONA_VIRTIO_BLK_H

#include "device/virtio.h"

struct block_file;

/* A disk on BUS backed by BLOCK, which it owns from then on; SERIAL (20 characters at most) is what
 * GET_ID answers. NULL and -errno in *RESULT. */
struct virtio_device *virtio_blk_create(struct pci_bus *bus, struct block_file *block,
                                        const char *serial, int *result);

#endif
