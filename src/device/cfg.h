/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_CFG_H
#define POMONA_DEVICE_CFG_H

#include "device/device.h"

struct cfg_config {
    unsigned cpus;
    uint64_t ram_size; /* bytes */
    uint64_t ecid;     /* the machine's identity, as Apple's exclusive chip identification */
    uint8_t mac[4][6]; /* en0, en1, wifi0, bt0 */
};

extern const struct device_class cfg_class;

#endif
