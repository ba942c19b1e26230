/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_PL031_H
#define POMONA_DEVICE_PL031_H

#include "device/device.h"

extern const struct device_class pl031_class;

#endif
