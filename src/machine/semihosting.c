/* SPDX-License-Identifier: MIT */
/* Semihosting: HLT #0xF000 with an operation in W0 and its parameter in X1, so that a bare-metal
 * program can print, ask for the time and end with a status before it has a driver for anything.
 *
 * Follows Arm's "Semihosting for AArch32 and AArch64", release 2.0. What is there: the console
 * (WRITEC, WRITE0, and OPEN, WRITE, ISTTY, CLOSE of ":tt"), EXIT and EXIT_EXTENDED, the clocks,
 * GET_CMDLINE and HEAPINFO. Reading from the console finds its end at once. The host's files are
 * not within a guest's reach: every other operation returns -1. Output goes to the first serial
 * line. */

#include <string.h>

#include "machine/state.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31,
};

#define APPLICATION_EXIT 0x20026u /* ADP_Stopped_ApplicationExit */
#define CONSOLE_HANDLE   1
#define FAILED           UINT64_MAX
/* So many bytes at once, and so many in one call: a guest's string need not have an end. */
#define CHUNK 256u
#define LIMIT (1u << 20)
#define PAGE  4096u

/* Argument N of the block that X1 points to. */
static bool argument(const struct machine_cpu *cpu, uint64_t block, unsigned n, uint64_t *value)
{
    return hv_pomona_vcpu_read(cpu->id, block + n * 8, value, 8) == HV_SUCCESS;
}

static void print(struct machine *machine, const void *bytes, size_t size)
{
    struct chardev *chr = machine->config.serial[0];
    machine_lock(machine);
    if (chr && size)
        chr->write(chr, bytes, size);
    machine_unlock(machine);
}

/* Bytes from VA to the end of its 256-byte piece, so that no read crosses a page for nothing. */
static size_t piece(uint64_t va, uint64_t left)
{
    const uint64_t step = CHUNK - (va & (CHUNK - 1));
    return (size_t)(step < left ? step : left);
}

/* Prints memory at VA: SIZE bytes, or up to a zero byte. The bytes that were not printed. */
static uint64_t print_memory(struct machine_cpu *cpu, uint64_t va, uint64_t size, bool string)
{
    char text[CHUNK];
    while (size) {
        const size_t step = piece(va, size);
        if (hv_pomona_vcpu_read(cpu->id, va, text, step))
            break;
        const size_t length = string ? strnlen(text, step) : step;
        print(cpu->machine, text, length);
        if (length != step)
            break;
        va += step;
        size -= step;
    }
    return size;
}

static uint64_t open_console(struct machine_cpu *cpu, uint64_t block)
{
    uint64_t name, length;
    char text[3];
    if (!argument(cpu, block, 0, &name) || !argument(cpu, block, 2, &length) || length != 3 ||
        hv_pomona_vcpu_read(cpu->id, name, text, 3) || memcmp(text, ":tt", 3))
        return FAILED;
    return CONSOLE_HANDLE;
}

static uint64_t write_console(struct machine_cpu *cpu, uint64_t block)
{
    uint64_t handle, data, length;
    if (!argument(cpu, block, 0, &handle) || !argument(cpu, block, 1, &data) ||
        !argument(cpu, block, 2, &length) || handle != CONSOLE_HANDLE)
        return FAILED;
    const uint64_t wanted = length < LIMIT ? length : LIMIT;
    return length - wanted + print_memory(cpu, data, wanted, false);
}

/* The first argument is a handle: WHAT if it is the console's. */
static uint64_t of_console(const struct machine_cpu *cpu, uint64_t block, uint64_t what)
{
    uint64_t handle;
    return argument(cpu, block, 0, &handle) && handle == CONSOLE_HANDLE ? what : FAILED;
}

/* All of a read is missing: the end of the file. */
static uint64_t read_console(const struct machine_cpu *cpu, uint64_t block)
{
    uint64_t length;
    return argument(cpu, block, 2, &length) ? of_console(cpu, block, length) : FAILED;
}

static uint64_t is_error(const struct machine_cpu *cpu, uint64_t block)
{
    uint64_t value;
    return !argument(cpu, block, 0, &value) || (int64_t)value < 0;
}

/* An empty command line, where the buffer has room for its zero byte. */
static uint64_t command_line(struct machine_cpu *cpu, uint64_t block)
{
    uint64_t buffer, size;
    const uint64_t none = 0;
    if (!argument(cpu, block, 0, &buffer) || !argument(cpu, block, 1, &size) || !size ||
        hv_pomona_vcpu_write(cpu->id, buffer, "", 1) ||
        hv_pomona_vcpu_write(cpu->id, block + 8, &none, 8))
        return FAILED;
    return 0;
}

/* Heap base and limit, stack base and limit: both have what the program leaves of RAM, the heap
 * from below, the stack from above. */
static uint64_t heap_info(struct machine_cpu *cpu, uint64_t block)
{
    const struct machine *machine = cpu->machine;
    const uint64_t ram = machine_ram_base(machine), top = ram + machine_ram_size(machine);
    const uint64_t end = machine->image_end > ram ? machine->image_end : ram;
    const uint64_t free = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    const uint64_t info[4] = {free, top, top, free};
    uint64_t where;
    if (argument(cpu, block, 0, &where))
        hv_pomona_vcpu_write(cpu->id, where, info, sizeof(info));
    return block;
}

static uint64_t seconds(struct machine *machine)
{
    machine_lock(machine);
    const uint64_t now = machine_wall_seconds(machine);
    machine_unlock(machine);
    return now;
}

static uint64_t elapsed(struct machine_cpu *cpu, uint64_t block)
{
    uint64_t ticks = 0;
    hv_pomona_vm_get_time(&ticks);
    return hv_pomona_vcpu_write(cpu->id, block, &ticks, 8) ? FAILED : 0;
}

/* EXIT: X1 points to a reason and a status. Only an application that ends by itself has one. */
static bool exit_guest(struct machine_cpu *cpu, uint64_t block)
{
    struct machine *machine = cpu->machine;
    uint64_t reason = 0, status = 1;
    if (!argument(cpu, block, 0, &reason) || reason != APPLICATION_EXIT ||
        !argument(cpu, block, 1, &status))
        status = 1;
    machine_lock(machine);
    if (machine->stop == MACHINE_RUNNING)
        machine->outcome.status = (int)(status & 0xff);
    machine_unlock(machine);
    machine_request_stop(machine, MACHINE_OFF);
    return false;
}

static uint64_t write_character(struct machine_cpu *cpu, uint64_t va)
{
    print_memory(cpu, va, 1, false);
    return 0;
}

static uint64_t clock_ticks(void)
{
    uint64_t ticks = 0;
    hv_pomona_vm_get_time(&ticks);
    return ticks / (24000000 / 100); /* centiseconds */
}

static uint64_t operate(struct machine_cpu *cpu, uint32_t operation, uint64_t x1)
{
    switch (operation) {
    case SYS_OPEN:
        return open_console(cpu, x1);
    case SYS_CLOSE:
        return of_console(cpu, x1, 0);
    case SYS_WRITEC:
        return write_character(cpu, x1);
    case SYS_WRITE0:
        print_memory(cpu, x1, LIMIT, true);
        return 0;
    case SYS_WRITE:
        return write_console(cpu, x1);
    case SYS_READ:
        return read_console(cpu, x1);
    case SYS_ISERROR:
        return is_error(cpu, x1);
    case SYS_ISTTY:
        return of_console(cpu, x1, 1);
    case SYS_CLOCK:
        return clock_ticks();
    case SYS_TIME:
        return seconds(cpu->machine);
    case SYS_ERRNO:
        return 0;
    case SYS_GET_CMDLINE:
        return command_line(cpu, x1);
    case SYS_HEAPINFO:
        return heap_info(cpu, x1);
    case SYS_ELAPSED:
        return elapsed(cpu, x1);
    case SYS_TICKFREQ:
        return 24000000;
    }
    return FAILED; /* READC too: nobody types */
}

bool machine_semihosting(struct machine_cpu *cpu)
{
    const uint32_t operation = (uint32_t)machine_cpu_get_x(cpu, 0);
    const uint64_t x1 = machine_cpu_get_x(cpu, 1);
    if (operation == SYS_EXIT || operation == SYS_EXIT_EXTENDED)
        return exit_guest(cpu, x1);
    machine_cpu_set_x(cpu, 0, operate(cpu, operation, x1));
    return true;
}
