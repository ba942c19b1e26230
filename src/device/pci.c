/* SPDX-License-Identifier: MIT */
/* The bus: configuration space through ECAM (bus 0 only; elsewhere reads are all ones), BAR
 * decoding in the memory window, INTx with the board's swizzle (line = (slot + pin) mod lines),
 * MSI-X. A BAR may sit at address 0 of the bus, as macOS wants; it then lies outside the window and
 * is simply not reached. */

#include "pci.h"

#include <errno.h>
#include <string.h>

/* Configuration header, type 0. */
#define VENDOR_ID        0x00
#define DEVICE_ID        0x02
#define COMMAND          0x04
#define STATUS           0x06
#define REVISION         0x08
#define CLASS_CODE       0x09
#define CACHE_LINE       0x0c
#define BAR0             0x10
#define SUBSYSTEM_VENDOR 0x2c
#define SUBSYSTEM        0x2e
#define CAPABILITIES     0x34
#define INTERRUPT_LINE   0x3c
#define INTERRUPT_PIN    0x3d
#define HEADER_SIZE      0x40

#define COMMAND_MEMORY       0x0002
#define COMMAND_MASTER       0x0004
#define COMMAND_INTX_DISABLE 0x0400
#define COMMAND_WRITABLE     0x0546 /* memory, master, parity, SERR, INTx disable */
#define STATUS_INTERRUPT     0x0008
#define STATUS_CAPABILITIES  0x0010

#define CAP_MSIX        0x11
#define MSIX_CONTROL    2
#define MSIX_ENABLE     0x8000
#define MSIX_MASK_ALL   0x4000
#define MSIX_ENTRY      16
#define MSIX_PENDING_AT 0x800

#define ECAM_FUNCTION_SHIFT 12

bool pci_bus_master(const struct pci_function *fn)
{
    return pci_get16(fn->config, COMMAND) & COMMAND_MASTER;
}

/* ---- interrupts ---- */

/* The line is held while any function on it asserts and has not disabled its INTx. */
static void update_intx(struct pci_function *fn, bool wanted)
{
    struct pci_bus *bus = fn->bus;
    const unsigned line = bus->intx_count ? fn->slot % bus->intx_count : 0;
    const uint16_t command = pci_get16(fn->config, COMMAND);
    const bool held = wanted && !(command & COMMAND_INTX_DISABLE) && !pci_msix_enabled(fn);
    if (!bus->intx_count || held == fn->intx_asserted)
        return;
    fn->intx_asserted = held;
    bus->intx_use[line] = (uint8_t)(bus->intx_use[line] + (held ? 1 : -1));
    irq_set(&bus->intx[line], bus->intx_use[line] > 0);
}

void pci_set_intx(struct pci_function *fn, bool level)
{
    const uint16_t status = pci_get16(fn->config, STATUS);
    pci_put16(fn->config, STATUS,
              (uint16_t)(level ? status | STATUS_INTERRUPT : status & ~STATUS_INTERRUPT));
    update_intx(fn, level);
}

bool pci_msix_enabled(const struct pci_function *fn)
{
    return fn->msix_cap && pci_get16(fn->config, fn->msix_cap + MSIX_CONTROL) & MSIX_ENABLE;
}

static bool vector_masked(const struct pci_function *fn, unsigned vector)
{
    return fn->msix[vector].control & 1 ||
           pci_get16(fn->config, fn->msix_cap + MSIX_CONTROL) & MSIX_MASK_ALL;
}

void pci_msix_notify(struct pci_function *fn, unsigned vector)
{
    if (vector >= fn->msix_count || !pci_msix_enabled(fn))
        return;
    if (vector_masked(fn, vector)) {
        fn->msix_pending |= 1ull << vector;
        return;
    }
    if (pci_bus_master(fn) && fn->bus->send_msi)
        fn->bus->send_msi(fn->bus->machine, fn->msix[vector].address, fn->msix[vector].data);
}

/* After a mask was lifted. */
static void send_pending(struct pci_function *fn)
{
    for (unsigned vector = 0; vector < fn->msix_count; vector++) {
        if (!(fn->msix_pending >> vector & 1) || !pci_msix_enabled(fn) || vector_masked(fn, vector))
            continue;
        fn->msix_pending &= ~(1ull << vector);
        pci_msix_notify(fn, vector);
    }
}

static uint32_t *msix_word(struct pci_function *fn, uint64_t offset, unsigned word)
{
    struct pci_msix_vector *entry = &fn->msix[offset / MSIX_ENTRY];
    return word == 2 ? &entry->data : &entry->control;
}

static uint64_t msix_read_word(struct pci_function *fn, uint64_t offset)
{
    if (offset / MSIX_ENTRY >= fn->msix_count)
        return offset == MSIX_PENDING_AT       ? (uint32_t)fn->msix_pending
               : offset == MSIX_PENDING_AT + 4 ? fn->msix_pending >> 32
                                               : 0;
    const unsigned word = offset % MSIX_ENTRY / 4;
    if (word < 2)
        return (uint32_t)(fn->msix[offset / MSIX_ENTRY].address >> 32 * word);
    return *msix_word(fn, offset, word);
}

static void msix_write_word(struct pci_function *fn, uint64_t offset, uint32_t value)
{
    if (offset / MSIX_ENTRY >= fn->msix_count)
        return;
    const unsigned word = offset % MSIX_ENTRY / 4;
    uint64_t *address = &fn->msix[offset / MSIX_ENTRY].address;
    if (word == 0)
        *address = (*address & ~0xffffffffull) | (value & ~3u);
    else if (word == 1)
        *address = (*address & 0xffffffffull) | (uint64_t)value << 32;
    else
        *msix_word(fn, offset, word) = word == 3 ? value & 1 : value;
    send_pending(fn);
}

static uint64_t msix_read(struct pci_function *fn, uint64_t offset, unsigned size)
{
    uint64_t value = msix_read_word(fn, offset & ~3ull) >> 8 * (offset & 3);
    if (size == 8)
        value |= msix_read_word(fn, offset + 4) << 32;
    return size < 4 ? value & ((1ull << 8 * size) - 1) : value;
}

/* The table takes aligned 32- and 64-bit writes; others have no effect, as the specification
 * allows. */
static void msix_write(struct pci_function *fn, uint64_t offset, unsigned size, uint64_t value)
{
    if (size < 4 || offset % 4)
        return;
    msix_write_word(fn, offset, (uint32_t)value);
    if (size == 8)
        msix_write_word(fn, offset + 4, (uint32_t)(value >> 32));
}

/* ---- making a function ---- */

uint8_t pci_add_capability(struct pci_function *fn, uint8_t id, unsigned size)
{
    const uint8_t offset = fn->next_cap;
    fn->config[offset] = id;
    fn->config[fn->last_cap ? fn->last_cap + 1 : CAPABILITIES] = offset;
    fn->last_cap = offset;
    fn->next_cap = (uint8_t)(offset + ((size + 3) & ~3u));
    pci_put16(fn->config, STATUS, STATUS_CAPABILITIES);
    return offset;
}

void pci_set_bar(struct pci_function *fn, unsigned index, const struct pci_bar *bar)
{
    fn->bars[index] = *bar;
    pci_put32(fn->writable, BAR0 + 4 * index, ~(bar->size - 1) & ~15u);
}

void pci_add_msix(struct pci_function *fn, unsigned index, unsigned count)
{
    fn->msix_count = count;
    fn->msix_bar = index;
    fn->msix_cap = pci_add_capability(fn, CAP_MSIX, 12);
    pci_put16(fn->config, fn->msix_cap + MSIX_CONTROL, (uint16_t)(count - 1));
    pci_put32(fn->config, fn->msix_cap + 4, index);
    pci_put32(fn->config, fn->msix_cap + 8, MSIX_PENDING_AT | index);
    pci_put16(fn->writable, fn->msix_cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
    pci_set_bar(fn, index,
                &(struct pci_bar){.size = 0x1000, .read = msix_read, .write = msix_write});
}

int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, const struct pci_ids *ids)
{
    unsigned slot = 0;
    while (slot < PCI_SLOTS && bus->functions[slot])
        slot++;
    if (slot == PCI_SLOTS)
        return -ENOSPC;
    fn->bus = bus;
    fn->slot = slot;
    fn->dev.base = bus->ecam_base + (slot << 3 << ECAM_FUNCTION_SHIFT);
    fn->next_cap = HEADER_SIZE;
    pci_put16(fn->config, VENDOR_ID, ids->vendor);
    pci_put16(fn->config, DEVICE_ID, ids->device);
    fn->config[REVISION] = ids->revision;
    for (unsigned i = 0; i < 3; i++)
        fn->config[CLASS_CODE + i] = (uint8_t)(ids->class_code >> 8 * i);
    pci_put16(fn->config, SUBSYSTEM_VENDOR, ids->subsystem_vendor);
    pci_put16(fn->config, SUBSYSTEM, ids->subsystem);
    fn->config[INTERRUPT_PIN] = 1;
    pci_put16(fn->writable, COMMAND, COMMAND_WRITABLE);
    fn->writable[CACHE_LINE] = fn->writable[INTERRUPT_LINE] = 0xff;
    bus->functions[slot] = fn;
    return 0;
}

void pci_function_reset(struct pci_function *fn)
{
    pci_set_intx(fn, false);
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
        fn->config[i] &= (uint8_t)~fn->writable[i];
    for (unsigned i = 0; i < fn->msix_count; i++)
        fn->msix[i] = (struct pci_msix_vector){.control = 1};
    fn->msix_pending = 0;
    if (fn->reset)
        fn->reset(fn);
}

/* ---- configuration space ---- */

static struct pci_function *ecam_function(const struct pci_bus *bus, uint64_t offset)
{
    const uint64_t devfn = offset >> ECAM_FUNCTION_SHIFT;
    return devfn < PCI_SLOTS * 8 && devfn % 8 == 0 ? bus->functions[devfn / 8] : NULL;
}

static uint64_t ones(unsigned size)
{
    return size >= 8 ? ~0ull : (1ull << 8 * size) - 1;
}

uint64_t pci_ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_function *fn = ecam_function(opaque, offset);
    const unsigned at = offset & 0xfff;
    uint64_t value = 0;
    if (!fn)
        return ones(size);
    for (unsigned i = 0; i < size && at + i < PCI_CONFIG_SIZE; i++)
        value |= (uint64_t)fn->config[at + i] << 8 * i;
    return fn->config_read ? fn->config_read(fn, at, size, value) : value;
}

void pci_ecam_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_function *fn = ecam_function(opaque, offset);
    const unsigned at = offset & 0xfff;
    if (!fn)
        return;
    for (unsigned i = 0; i < size && at + i < PCI_CONFIG_SIZE; i++) {
        const uint8_t mask = fn->writable[at + i], byte = (uint8_t)(value >> 8 * i);
        fn->config[at + i] = (uint8_t)((fn->config[at + i] & ~mask) | (byte & mask));
    }
    update_intx(fn, pci_get16(fn->config, STATUS) & STATUS_INTERRUPT);
    send_pending(fn);
    if (fn->config_written)
        fn->config_written(fn, at, size);
}

/* ---- the memory window ---- */

static struct pci_function *decode(struct pci_bus *bus, uint64_t address, unsigned size,
                                   struct pci_bar **bar, uint64_t *at)
{
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        struct pci_function *fn = bus->functions[slot];
        if (!fn || !(pci_get16(fn->config, COMMAND) & COMMAND_MEMORY))
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++) {
            *bar = &fn->bars[i];
            *at = address - (pci_get32(fn->config, BAR0 + 4 * i) & ~15u);
            if ((*bar)->size && *at < (*bar)->size && size <= (*bar)->size - *at)
                return fn;
        }
    }
    return NULL;
}

uint64_t pci_window_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_bus *bus = opaque;
    struct pci_bar *bar;
    uint64_t at;
    struct pci_function *fn = decode(bus, bus->window_base + offset, size, &bar, &at);
    return fn ? bar->read(fn, at, size) : ones(size);
}

void pci_window_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_bus *bus = opaque;
    struct pci_bar *bar;
    uint64_t at;
    struct pci_function *fn = decode(bus, bus->window_base + offset, size, &bar, &at);
    if (fn)
        bar->write(fn, at, size, value);
}

uint64_t pci_io_read(void *bus, uint64_t offset, unsigned size)
{
    return ones(size);
}

void pci_io_write(void *bus, uint64_t offset, unsigned size, uint64_t value)
{
}
