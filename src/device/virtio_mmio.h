/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_VIRTIO_MMIO_H
#define POMONA_DEVICE_VIRTIO_MMIO_H

#include "device/device.h"

extern const struct device_class virtio_mmio_class;

#endif
