/* SPDX-License-Identifier: MIT */
/* From the board's rows and --disk, --net, --serial to a bus: the ECAM and memory windows become
 * regions, INTx lines shared interrupts, MSI-X messages go to the GICv2m frame. */

#include "machine/pci.h"

#include <stdlib.h>
#include <string.h>

#include "device/virtio_blk.h"
#include "device/virtio_console.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"
#include "host/block.h"
#include "host/net.h"
#include "machine/state.h"

#define MAX_FUNCTIONS PCI_SLOTS

struct net_link {
    struct machine *machine;
    struct virtio_device *card;
    struct net_user *user;
};

struct machine_pci {
    struct pci_bus bus;
    struct virtio_device *devices[MAX_FUNCTIONS];
    unsigned count;
    struct net_link links[MAX_FUNCTIONS];
    unsigned link_count;
};

static int keep(struct machine_pci *pci, struct virtio_device *dev, int result, const char *what,
                struct error *err)
{
    if (!dev)
        return error_set(err, ERROR_USAGE,
                         "%s: no room on the PCI bus of %u slots (%s): leave some devices out",
                         what, PCI_SLOTS, strerror(-result));
    pci->devices[pci->count++] = dev;
    return 0;
}

static int add_disk(struct machine_pci *pci, unsigned index, const char *spec, struct error *err)
{
    struct block_options options;
    char serial[24];
    int result = -1;
    char *copy = strdup(spec);
    if (!copy)
        return error_set(err, ERROR_OS, "no memory for a disk");
    struct block_file *block = block_parse(copy, &options, err) ? NULL : block_open(&options, err);
    if (block) {
        snprintf(serial, sizeof(serial), "pomona-disk%u", index);
        struct virtio_device *disk = virtio_blk_create(&pci->bus, block, serial, &result);
        if (!disk)
            block_close(block);
        result = keep(pci, disk, result, spec, err);
    }
    free(copy);
    return result;
}

static void deliver(void *ctx, const uint8_t *frame, size_t size)
{
    struct net_link *link = ctx;
    virtio_net_receive(link->card, frame, size);
}

static bool ready(void *ctx)
{
    struct net_link *link = ctx;
    return virtio_net_ready(link->card);
}

static void lock_link(void *ctx)
{
    struct net_link *link = ctx;
    machine_lock(link->machine);
}

static void unlock_link(void *ctx)
{
    struct net_link *link = ctx;
    machine_unlock(link->machine);
}

/* From the guest, under the lock; slirp may answer at once with a frame, which takes the
 * (recursive) lock again. */
static void send_frame(void *ctx, const uint8_t *frame, size_t size)
{
    struct net_link *link = ctx;
    net_user_send(link->user, frame, size);
}

static int add_net(struct machine *machine, struct machine_pci *pci, const char *spec,
                   struct error *err)
{
    uint8_t mac[6];
    int result;
    if (!strcmp(spec, "none"))
        return 0;
    if (machine->config.insn_clock)
        return error_set(
            err, ERROR_USAGE,
            "--net %s: a network cannot be deterministic: leave it out with --clock insn", spec);
    memcpy(mac, machine->config.mac, 6);
    mac[5] = (uint8_t)(mac[5] + pci->link_count);
    struct net_link *link = &pci->links[pci->link_count];
    struct virtio_device *card = virtio_net_create(&pci->bus, mac, &result);
    if (keep(pci, card, result, spec, err))
        return -1;
    *link = (struct net_link){.machine = machine, .card = card};
    const struct net_user_config config = {.loop = machine->loop,
                                           .spec = spec,
                                           .dry_run = machine->config.dry_run,
                                           .deliver = deliver,
                                           .ready = ready,
                                           .lock = lock_link,
                                           .unlock = unlock_link,
                                           .ctx = link};
    link->user = net_user_open(&config, err);
    if (!link->user)
        return -1;
    pci->link_count++;
    virtio_net_connect(card, &(struct virtio_net_peer){.send = send_frame, .ctx = link});
    return 0;
}

typedef uint64_t window_read(void *bus, uint64_t offset, unsigned size);
typedef void window_write(void *bus, uint64_t offset, unsigned size, uint64_t value);

static int add_window(struct machine *machine, struct machine_pci *pci, const struct board_row *row,
                      window_read *read, window_write *write, struct error *err)
{
    const struct machine_region region = {row->base, row->size, read, write, &pci->bus};
    if (!machine_add_region(machine, &region))
        return 0;
    return error_set(err, ERROR_SOFTWARE, "%s of %s overlaps something", row->name,
                     machine->config.board->name);
}

static int add_windows(struct machine *machine, struct machine_pci *pci,
                       const struct board_row *ecam, struct error *err)
{
    const struct board_row *memory = board_first(machine->config.board, BOARD_MMIO32);
    const struct board_row *io = board_first(machine->config.board, BOARD_PIO);
    pci->bus.ecam_base = ecam->base;
    pci->bus.window_base = memory->base;
    pci->bus.window_size = memory->size;
    if (add_window(machine, pci, ecam, pci_ecam_read, pci_ecam_write, err) ||
        add_window(machine, pci, memory, pci_window_read, pci_window_write, err))
        return -1;
    return io ? add_window(machine, pci, io, pci_io_read, pci_io_write, err) : 0;
}

/* The serial lines that the board has no UART for. */
static int add_consoles(struct machine *machine, struct machine_pci *pci, struct error *err)
{
    int result = 0;
    for (unsigned i = machine->uart_count; i < machine->config.serial_count; i++) {
        struct virtio_device *dev =
            virtio_console_create(&pci->bus, machine->config.serial[i], &result);
        if (keep(pci, dev, result, "virtio-console", err))
            return -1;
    }
    return 0;
}

static int add_functions(struct machine *machine, struct machine_pci *pci, struct error *err)
{
    const struct machine_config *config = &machine->config;
    int result;
    for (unsigned i = 0; i < config->disk_count; i++)
        if (add_disk(pci, i, config->disks[i], err))
            return -1;
    for (unsigned i = 0; i < config->net_count; i++)
        if (add_net(machine, pci, config->nets[i], err))
            return -1;
    if (add_consoles(machine, pci, err))
        return -1;
    struct virtio_device *rng = virtio_rng_create(&pci->bus, &result);
    return keep(pci, rng, result, "virtio-rng", err);
}

int machine_pci_create(struct machine *machine, struct machine_pci **out, struct error *err)
{
    const struct board_row *ecam = board_first(machine->config.board, BOARD_ECAM);
    *out = NULL;
    if (!ecam)
        return 0;
    struct machine_pci *pci = calloc(1, sizeof(*pci));
    if (!pci)
        return error_set(err, ERROR_OS, "no memory for the PCI bus");
    pci->bus.machine = machine;
    pci->bus.send_msi = machine_send_msi;
    pci->bus.intx_count = ecam->spi_count;
    for (unsigned i = 0; i < ecam->spi_count; i++)
        pci->bus.intx[i] = machine_spi(machine, (unsigned)ecam->spi + i);
    if (!add_windows(machine, pci, ecam, err) && !add_functions(machine, pci, err)) {
        *out = pci;
        return 0;
    }
    machine_pci_destroy(pci);
    return -1;
}

void machine_pci_reset(struct machine_pci *pci)
{
    for (unsigned i = 0; pci && i < pci->count; i++)
        pci_function_reset(&pci->devices[i]->pci);
}

void machine_pci_destroy(struct machine_pci *pci)
{
    if (!pci)
        return;
    for (unsigned i = 0; i < pci->link_count; i++)
        net_user_close(pci->links[i].user);
    for (unsigned i = 0; i < pci->count; i++)
        virtio_destroy(pci->devices[i]);
    free(pci);
}
