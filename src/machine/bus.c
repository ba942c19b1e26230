/* SPDX-License-Identifier: MIT */
/* Which device answers at an address. */

#include "machine/state.h"

#include <errno.h>
#include <string.h>

static bool overlap(uint64_t base_a, uint64_t size_a, uint64_t base_b, uint64_t size_b)
{
    return base_a < base_b + size_b && base_b < base_a + size_a;
}

int machine_add_region(struct machine *machine, const struct machine_region *region)
{
    if (!region->size || region->base + region->size < region->base)
        return -EINVAL;
    if (machine->region_count == MACHINE_MAX_REGIONS)
        return -ENOSPC;
    for (unsigned i = 0; i < machine->ram_count; i++)
        if (overlap(region->base, region->size, machine->ram[i].base, machine->ram[i].size))
            return -EEXIST;
    unsigned at = 0;
    for (unsigned i = 0; i < machine->region_count; i++) {
        const struct machine_region *other = &machine->regions[i];
        if (overlap(region->base, region->size, other->base, other->size))
            return -EEXIST;
        if (other->base < region->base)
            at = i + 1;
    }
    memmove(&machine->regions[at + 1], &machine->regions[at],
            (machine->region_count - at) * sizeof(machine->regions[0]));
    machine->regions[at] = *region;
    machine->region_count++;
    return 0;
}

const struct machine_region *machine_region_at(const struct machine *machine, uint64_t address,
                                               unsigned size)
{
    unsigned low = 0, high = machine->region_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct machine_region *region = &machine->regions[middle];
        uint64_t offset = address - region->base;
        if (address < region->base)
            high = middle;
        else if (offset >= region->size)
            low = middle + 1;
        else
            return size <= region->size - offset ? region : NULL;
    }
    return NULL;
}

struct device *machine_device(const struct machine *machine, const char *name)
{
    for (unsigned i = 0; i < machine->device_count; i++)
        if (!strcmp(machine->device_rows[i]->name, name))
            return machine->devices[i];
    return NULL;
}
