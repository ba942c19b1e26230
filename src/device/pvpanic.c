/* SPDX-License-Identifier: MIT */
/* pvpanic, by which a guest tells its host that it panicked, as QEMU's docs/specs/pvpanic describes
 * it and Linux's driver uses it: one byte that reads as the events the host understands and to
 * which the guest writes an event. */

#include "device/pvpanic.h"

#define PVPANIC_PANICKED    (1u << 0) /* and nobody but the host can do anything about it */
#define PVPANIC_CRASHLOADED (1u << 1) /* the guest's own crash kernel takes over */
#define PVPANIC_SHUTDOWN    (1u << 2)
#define PVPANIC_ALL         (PVPANIC_PANICKED | PVPANIC_CRASHLOADED | PVPANIC_SHUTDOWN)

static uint64_t pvpanic_read(struct device *dev, uint64_t offset, unsigned size)
{
    return offset == 0 ? PVPANIC_ALL : 0;
}

static void pvpanic_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset != 0 || value & ~(uint64_t)PVPANIC_ALL)
        device_warn(dev, offset, "write of 0x%llx, which is no known event",
                    (unsigned long long)value);
    if (offset != 0)
        return;
    if (value & PVPANIC_PANICKED)
        machine_request_stop(dev->machine, MACHINE_PANIC);
    else if (value & PVPANIC_CRASHLOADED)
        device_warn(dev, offset, "the guest crashed and starts its crash kernel");
    else if (value & PVPANIC_SHUTDOWN)
        machine_request_stop(dev->machine, MACHINE_OFF);
}

static const struct device_reg regs[] = {
    {"EVENTS", 0, 1, PVPANIC_ALL, PVPANIC_ALL},
    {0},
};

static const struct device_field fields[] = {{0}};

const struct device_class pvpanic_class = {
    .name = "pvpanic",
    .description = "guest panic notifier",
    .state_size = sizeof(struct device),
    .mmio_size = 0x2,
    .access_max = 1,
    .regs = regs,
    .version = 1,
    .fields = fields,
    .read = pvpanic_read,
    .write = pvpanic_write,
};
