/* SPDX-License-Identifier: MIT */
/* Guest memory as devices and the host see it. All writes by the host go through guest_write, which
 * tells the engine, because translated code may lie there. The guest's CPUs may write what is being
 * copied: an aligned index of 16 bits is read and written at once, as by a real bus master. */

#include "a64/host_access.h"
#include "machine/state.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Writes of so many bytes are made to memory's file. */
#define LARGE (256u << 10)

/* The piece of memory that has [gpa, gpa + size); NULL: there is none. */
static const struct machine_ram *find_memory(const struct machine *machine, uint64_t gpa,
                                             size_t size)
{
    for (unsigned i = 0; i < machine->ram_count; i++) {
        const struct machine_ram *ram = &machine->ram[i];
        uint64_t offset = gpa - ram->base;
        if (gpa >= ram->base && offset < ram->size && size <= ram->size - offset)
            return ram;
    }
    return NULL;
}

/* The host's address of [gpa, gpa + size), or NULL when that is not within one piece of memory. */
static uint8_t *host_address(const struct machine *machine, uint64_t gpa, size_t size)
{
    const struct machine_ram *ram = find_memory(machine, gpa, size);
    return ram ? ram->host + (gpa - ram->base) : NULL;
}

/* A kernel's image: pages that nobody has touched yet are not cleared before they are overwritten.
 * Returns how many bytes were written. */
static size_t write_file(const struct machine_ram *ram, uint64_t offset, const uint8_t *data,
                         size_t size)
{
    size_t done = 0;
    while (size >= LARGE && ram->fd >= 0 && done < size) {
        const ssize_t written = pwrite(ram->fd, data + done, size - done, (off_t)(offset + done));
        if (written <= 0)
            break;
        done += (size_t)written;
    }
#ifdef MADV_POPULATE_READ
    madvise(ram->host + offset, done, MADV_POPULATE_READ);
#endif
    return done;
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
    const struct machine_ram *ram = find_memory(machine, gpa, size);
    if (!ram)
        return size ? -EFAULT : 0;
    const uint64_t offset = gpa - ram->base;
    const size_t done = write_file(ram, offset, data, size);
    host_copy_to(ram->host + offset + done, (const uint8_t *)data + done, size - done);
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
