/* SPDX-License-Identifier: MIT */
/* Guest memory as devices and the host see it. All writes by the host go through guest_write, which
 * tells the engine, because translated code may lie there. The guest's CPUs may write what is being
 * copied: an aligned index of 16 bits is read and written at once, as by a real bus master. */

#include "a64/host_access.h"
#include "machine/state.h"

#include <errno.h>

/* The host's address of [gpa, gpa + size), or NULL when that is not within one piece of memory. */
static uint8_t *host_address(const struct machine *machine, uint64_t gpa, size_t size)
{
    for (unsigned i = 0; i < machine->ram_count; i++) {
        const struct machine_ram *ram = &machine->ram[i];
        uint64_t offset = gpa - ram->base;
        if (gpa >= ram->base && offset < ram->size && size <= ram->size - offset)
            return ram->host + offset;
    }
    return NULL;
}

int guest_read(struct machine *machine, uint64_t gpa, void *out, size_t size)
{
    const uint8_t *host = host_address(machine, gpa, size);
    if (!host)
        return size ? -EFAULT : 0;
    host_copy_from(out, host, size);
    return 0;
}

int guest_write(struct machine *machine, uint64_t gpa, const void *data, size_t size)
{
    uint8_t *host = host_address(machine, gpa, size);
    if (!host)
        return size ? -EFAULT : 0;
    host_copy_to(host, data, size);
    if (machine->vm_created && size)
        hv_pomona_code_changed(gpa, size);
    return 0;
}

const void *guest_view(struct machine *machine, uint64_t gpa, size_t size)
{
    return host_address(machine, gpa, size);
}

uint64_t machine_ram_base(const struct machine *machine)
{
    return machine->ram[0].base;
}

uint64_t machine_ram_size(const struct machine *machine)
{
    return machine->ram[0].size;
}
