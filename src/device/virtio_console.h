/* SPDX-License-Identifier: MIT */
#ifndef POMONA_VIRTIO_CONSOLE_H
#define POMONA_VIRTIO_CONSOLE_H

#include "device/virtio.h"

/* A console on BUS whose one port is CHR (not owned; NULL: what is sent is lost, nothing arrives).
 * NULL and -errno in *RESULT. */
struct virtio_device *virtio_console_create(struct pci_bus *bus, struct chardev *chr, int *result);

#endif
