/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_PVPANIC_H
#define POMONA_DEVICE_PVPANIC_H

#include "device/device.h"

extern const struct device_class pvpanic_class;

#endif
