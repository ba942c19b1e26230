/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_PL061_H
#define POMONA_DEVICE_PL061_H

#include "device/device.h"

extern const struct device_class pl061_class;

/* Drives input LINE (0 to 7) from outside, as a power key does; an undriven line is pulled down.
 * Under the machine's lock. */
void pl061_set_input(struct device *dev, unsigned line, bool level);

#endif
