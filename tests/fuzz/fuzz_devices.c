/* SPDX-License-Identifier: MIT */
/* libFuzzer target for the devices of the vmapple board: the input is a list of operations, a byte
 * each with what it needs behind it: accesses of every size to every window (registers, interrupt
 * controller, PCI configuration and BARs), changes of the guest's memory, bytes on the serial
 * lines, frames, the passing of time, and a driver's start of a virtio device with rings in that
 * memory, which chance would hardly get to. The machine is a whole one whose CPUs never start; it
 * is reset before each input. The network is an echo. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/pl061.h"
#include "device/virtio_net.h"
#include "host/loop.h"
#include "hv/gic_internal.h"
#include "hv/hv_internal.h"
#include "machine/pci.h"
#include "machine/state.h"

#define RAM_SIZE   0x40000u
#define INPUT_MAX  8192 /* longer ones are another fuzzer's seeds */
#define FUNCTIONS  4    /* disk, console, entropy, network */
#define BAR_STRIDE 0x10000u
#define RINGS      0x2000u /* bytes of a function's rings, from the start of RAM */
#define SERIALS    2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bench {
    struct machine *machine;
    struct pci_bus *bus;
    struct virtio_device *net;
    struct chardev serial[SERIALS];
    unsigned ring_size[FUNCTIONS]; /* as do_driver made them */
    const uint8_t *data;           /* what is left of the input */
    size_t size;
};

/* ---- the input ---- */

static uint64_t take(struct bench *b, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && b->size; i++, b->data++, b->size--)
        value |= (uint64_t)*b->data << 8 * i;
    return value;
}

/* ---- the machine ---- */

static void chr_write(struct chardev *chr, const void *data, size_t size)
{
}

static void chr_accept(struct chardev *chr)
{
}

static void echo(void *ctx, const uint8_t *frame, size_t size)
{
    struct bench *b = ctx;
    virtio_net_receive(b->net, frame, size);
}

static void log_write(void *ctx, const char *category, const char *text)
{
}

static void add_network(struct bench *b)
{
    static const uint8_t mac[6] = {2};
    const uint64_t ecam = board_first(&board_vmapple, BOARD_ECAM)->base;
    int result;
    b->bus = machine_region_at(b->machine, ecam, 4)->ctx;
    b->net = virtio_net_create(b->bus, mac, &result);
    virtio_net_connect(b->net, &(struct virtio_net_peer){.send = echo, .ctx = b});
}

static void make_machine(struct bench *b)
{
    static char disk[64] = "/tmp/pomona-fuzz-XXXXXX";
    static const char *const disks[] = {disk};
    struct error err = {0};
    const int fd = mkstemp(disk);
    if (fd < 0 || ftruncate(fd, 1 << 20))
        abort();
    strcat(disk, ",snapshot=on");
    struct machine_config config = {.board = &board_vmapple,
                                    .cpu = "apple-m1",
                                    .cpus = 2,
                                    .memory = RAM_SIZE,
                                    .seeded = true,
                                    .disks = disks,
                                    .disk_count = 1,
                                    .serial_count = SERIALS,
                                    .log.write = log_write};
    for (unsigned i = 0; i < SERIALS; i++) {
        b->serial[i] = (struct chardev){.write = chr_write, .accept = chr_accept};
        config.serial[i] = &b->serial[i];
    }
    b->machine = machine_create(&config, host_loop_create(), &err);
    if (!b->machine)
        abort();
    close(fd);
    *strchr(disk, ',') = 0;
    unlink(disk);
    add_network(b);
}

static void config_write(struct bench *b, unsigned slot, unsigned offset, unsigned size,
                         uint64_t value)
{
    pci_ecam_write(b->bus, slot << 15 | offset, size, value);
}

static void reset(struct bench *b)
{
    struct machine *machine = b->machine;
    machine_time_service(machine); /* what the last input left */
    hv_gic_reset();
    for (unsigned i = 0; i < machine->device_count; i++)
        device_reset(machine->devices[i]);
    machine_pci_reset(machine->pci);
    pci_function_reset(&b->net->pci);
    memset(machine->ram[0].host, 0, RAM_SIZE);
    machine->stop = MACHINE_RUNNING;
    machine->warned_count = 0;
    memset(b->ring_size, 0, sizeof(b->ring_size));
    for (unsigned slot = 0; slot < FUNCTIONS; slot++) {
        config_write(b, slot, 0x10, 4, b->bus->window_base + slot * BAR_STRIDE);
        config_write(b, slot, 0x14, 4, b->bus->window_base + slot * BAR_STRIDE + BAR_STRIDE / 2);
        config_write(b, slot, 0x04, 2, 6);
    }
}

/* ---- operations ---- */

static void access_region(struct bench *b, uint64_t address, unsigned size, bool write,
                          uint64_t value)
{
    const struct machine_region *region = machine_region_at(b->machine, address, size);
    if (region && write)
        region->write(region->ctx, address - region->base, size, value);
    else if (region)
        region->read(region->ctx, address - region->base, size);
}

static void access_gic(unsigned frame, uint32_t offset, unsigned size, bool write, uint64_t value)
{
    struct hv_gic *gic = hv_context()->vm->gic;
    struct gic_redist *redist = gic->redist[offset >> 31];
    offset &= ~(size - 1) & (frame == 1 ? GIC_REDIST_SIZE - 1 : GIC_DIST_SIZE - 1);
    pthread_mutex_lock(&gic->lock);
    if (frame == 0 && write)
        gic_dist_write(gic, offset, size, value);
    else if (frame == 0)
        gic_dist_read(gic, offset, size);
    else if (frame == 1 && write)
        gic_redist_write(gic, redist, offset, size, value);
    else if (frame == 1)
        gic_redist_read(gic, redist, offset, size);
    else if (write)
        gic_msi_write(gic, offset, size, value);
    else
        gic_msi_read(gic, offset, size);
    pthread_mutex_unlock(&gic->lock);
}

/* A window by a byte, an offset by two, perhaps scaled, and for writes a value that is as it comes
 * or an address in RAM. */
static void do_access(struct bench *b, unsigned size)
{
    const unsigned how = (unsigned)take(b, 1), window = (unsigned)take(b, 1) % 20;
    const bool write = how & 1;
    uint32_t offset = (uint32_t)take(b, 2) << (how & 2 ? 4 : 0);
    uint64_t value = write ? take(b, size) : 0;
    if (how & 4)
        value = machine_ram_base(b->machine) + value % RAM_SIZE;
    if (window < 3)
        access_gic(window, offset | (uint32_t)(how & 8) << 28, size, write, value);
    else if (window < 11)
        access_region(
            b, b->bus->window_base + (window - 3) * (BAR_STRIDE / 2) + offset % (BAR_STRIDE / 2),
            size, write, value);
    else if (window < 12)
        access_region(b, b->machine->regions[0].base + ((uint64_t)offset << 16), size, write,
                      value);
    else
        access_region(b,
                      b->machine->regions[(window - 12) % b->machine->region_count].base + offset,
                      size, write, value);
}

static uint64_t ring_at(const struct bench *b, unsigned slot, unsigned queue)
{
    return machine_ram_base(b->machine) + slot * RINGS + queue * (RINGS / 2);
}

/* A buffer by a byte, or any address by eight. */
static uint64_t take_address(struct bench *b, bool any)
{
    return any ? take(b, 8) : machine_ram_base(b->machine) + 0x10000 + take(b, 1) * 0x100;
}

/* A descriptor of a ring that do_driver made, or of an indirect table. */
static void do_descriptor(struct bench *b, unsigned slot, unsigned queue, unsigned how)
{
    const unsigned index = (unsigned)take(b, 1) & 63;
    const uint64_t table = how & 1 ? take_address(b, false) : ring_at(b, slot, queue);
    const uint64_t address = take_address(b, how & 2);
    const uint64_t size = take(b, how & 2 ? 4 : 2);
    const uint64_t flags = take(b, 1), next = take(b, 1) & 63;
    const uint64_t words[2] = {address, size | (flags & 7) << 32 | next << 48};
    guest_write(b->machine, table + 16 * index, words, sizeof(words));
}

/* Up to 16 bytes in a buffer, or anywhere in memory. */
static void do_memory(struct bench *b, unsigned how)
{
    uint8_t bytes[16];
    const unsigned count = 1 + (how >> 1 & 15);
    const uint64_t address =
        how & 1 ? machine_ram_base(b->machine) + take(b, 2) * 4 % RAM_SIZE : take_address(b, false);
    for (unsigned i = 0; i < count; i++)
        bytes[i] = (uint8_t)take(b, 1);
    guest_write(b->machine, address, bytes, count);
}

/* What comes from outside. */
static void do_outside(struct bench *b, unsigned how)
{
    uint8_t bytes[256];
    const size_t count = take(b, 1);
    memset(bytes, (int)count, sizeof(bytes));
    struct chardev *chr = &b->serial[how & 1];
    if (how & 2)
        pl061_set_input(machine_device(b->machine, "gpio"), (unsigned)count & 7, how & 1);
    else if (how & 4 && virtio_net_ready(b->net))
        virtio_net_receive(b->net, bytes, count);
    else if (chr->receive)
        chr->receive(chr->receive_ctx, bytes, count);
}

/* Deferred work, and perhaps the first timer, whenever it is due. */
static void do_time(struct bench *b, unsigned how)
{
    if (how & 1 && b->machine->timers)
        b->machine->timers->when = 0;
    machine_time_service(b->machine);
}

static void common_write(struct bench *b, unsigned slot, unsigned offset, unsigned size,
                         uint64_t value)
{
    access_region(b, b->bus->window_base + slot * BAR_STRIDE + offset, size, true, value);
}

static void enable_msix(struct bench *b, unsigned slot)
{
    const unsigned cap = (unsigned)pci_ecam_read(b->bus, slot << 15 | 0x34, 1);
    const uint64_t table = b->bus->window_base + slot * BAR_STRIDE + BAR_STRIDE / 2;
    const uint64_t address = board_first(&board_vmapple, BOARD_GICM)->base + 0x40;
    for (unsigned vector = 0; vector < 3; vector++) {
        access_region(b, table + 16 * vector, 8, true, address);
        access_region(b, table + 16 * vector + 8, 8, true, 160 + slot * 4 + vector);
    }
    config_write(b, slot, cap + 2, 2, 0x8000);
}

/* A driver's start, with or without MSI-X and the features of rings. A queue's table, available and
 * used rings are 0x400 bytes apart. */
static void do_driver(struct bench *b, unsigned slot, unsigned how)
{
    if (how & 8)
        enable_msix(b, slot);
    b->ring_size[slot] = 4u << (how >> 1 & 3);
    common_write(b, slot, 0x14, 1, 0);
    common_write(b, slot, 0x08, 4, 1);
    common_write(b, slot, 0x0c, 4, 1);
    common_write(b, slot, 0x08, 4, 0);
    common_write(b, slot, 0x0c, 4, how & 1 ? 0x30000000 : 0);
    common_write(b, slot, 0x14, 1, 0x0b);
    for (unsigned queue = 0; queue < 2; queue++) {
        const uint64_t at = ring_at(b, slot, queue);
        common_write(b, slot, 0x16, 2, queue);
        common_write(b, slot, 0x18, 2, b->ring_size[slot]);
        common_write(b, slot, 0x1a, 2, queue);
        common_write(b, slot, 0x20, 8, at);
        common_write(b, slot, 0x28, 8, at + 0x400);
        common_write(b, slot, 0x30, 8, at + 0x800);
        common_write(b, slot, 0x1c, 2, 1);
    }
    common_write(b, slot, 0x14, 1, 0x0f);
}

/* Makes the chains at COUNT heads available and kicks. */
static void do_kick(struct bench *b, unsigned slot, unsigned queue, unsigned count)
{
    const uint64_t avail = ring_at(b, slot, queue) + 0x400;
    uint16_t index = 0;
    guest_read(b->machine, avail + 2, &index, 2);
    for (unsigned i = 0; i < count && b->ring_size[slot]; i++) {
        const uint16_t head = (uint16_t)take(b, 1) & 63;
        guest_write(b->machine, avail + 4 + 2 * (index++ % b->ring_size[slot]), &head, 2);
    }
    guest_write(b->machine, avail + 2, &index, 2);
    common_write(b, slot, 0x3000 + 4 * queue, 2, queue);
    machine_time_service(b->machine);
}

static void operate(struct bench *b)
{
    const unsigned op = (unsigned)take(b, 1), how = op >> 3;
    switch (op & 7) {
    case 0:
        do_access(b, 1u << (how & 3));
        break;
    case 1:
        do_descriptor(b, how % FUNCTIONS, how >> 2 & 1, how >> 3);
        break;
    case 2:
        do_memory(b, how);
        break;
    case 3:
        config_write(b, how & 7, (unsigned)take(b, 1) * 4u + (how >> 3), 1u << (how >> 3 & 3),
                     take(b, 4));
        pci_ecam_read(b->bus, (how & 7) << 15 | (unsigned)take(b, 1), 1u << (how >> 3 & 3));
        break;
    case 4:
        do_outside(b, how);
        break;
    case 5:
        do_time(b, how);
        break;
    case 6:
        do_driver(b, how % FUNCTIONS, (unsigned)take(b, 1));
        break;
    case 7:
        do_kick(b, how % FUNCTIONS, how >> 2 & 1, how >> 3);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench *b;
    if (!b) {
        b = calloc(1, sizeof(*b));
        make_machine(b);
    }
    if (size > INPUT_MAX)
        return 0;
    b->data = data;
    b->size = size;
    machine_lock(b->machine);
    reset(b);
    while (b->size)
        operate(b);
    machine_unlock(b->machine);
    return 0;
}
