/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_PL011_H
#define POMONA_DEVICE_PL011_H

#include "device/device.h"

struct pl011_config {
    struct chardev *chr; /* NULL: what is sent is lost, nothing arrives */
};

extern const struct device_class pl011_class;

#endif
