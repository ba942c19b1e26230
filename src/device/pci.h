/* SPDX-License-Identifier: MIT */
#ifndef POMONA_PCI_H
#define POMONA_PCI_H

/* A PCI host bridge with ECAM and one 32-bit memory window, and the functions on its one bus. A
 * function is any device whose state begins with struct pci_function; it declares BARs and
 * capabilities, the bus does configuration space, decoding, INTx and MSI-X. Follows PCI Local
 * Bus 3.0 and the PCIe ECAM layout; not modelled: bridges, I/O space, PCIe capabilities. */

#include "device.h"

#define PCI_SLOTS       32
#define PCI_BARS        6
#define PCI_CONFIG_SIZE 256
#define PCI_MSIX_MAX    64

struct pci_bus;
struct pci_function;

struct pci_bar {
    uint32_t size; /* a power of two, at least 16; 0: none */
    uint64_t (*read)(struct pci_function *fn, uint64_t offset, unsigned size);
    void (*write)(struct pci_function *fn, uint64_t offset, unsigned size, uint64_t value);
};

struct pci_ids {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t revision;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
};

struct pci_msix_vector {
    uint64_t address;
    uint32_t data, control; /* control bit 0: masked */
};

struct pci_function {
    struct device dev;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE]; /* bits that a guest's write changes */
    struct pci_msix_vector msix[PCI_MSIX_MAX];
    uint64_t msix_pending;
    bool intx_asserted;
    /* handles */
    struct pci_bus *bus;
    unsigned slot;
    struct pci_bar bars[PCI_BARS];
    unsigned msix_count, msix_bar;
    uint8_t msix_cap; /* offset of the capability, 0: none */
    uint8_t next_cap; /* first free byte for capabilities */
    uint8_t last_cap; /* offset of the last capability's header */
    void (*config_written)(struct pci_function *fn, unsigned offset, unsigned size);
    uint64_t (*config_read)(struct pci_function *fn, unsigned offset, unsigned size,
                            uint64_t value);
    void (*reset)(struct pci_function *fn);
};

struct pci_bus {
    struct machine *machine;
    struct pci_function *functions[PCI_SLOTS];
    struct irq_line intx[16];
    unsigned intx_count;
    uint8_t intx_use[16]; /* how many functions hold the line */
    bool (*send_msi)(struct machine *machine, uint64_t address, uint32_t data);
    uint64_t ecam_base;                /* of the configuration space, for telling of a function */
    uint64_t window_base, window_size; /* the memory window; its bus addresses equal the CPU's */
};

/* Puts FN, whose class and machine are set, in the first free slot with IDS. -ENOSPC when the bus
 * is full. */
int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, const struct pci_ids *ids);
/* Before pci_bus_add returns to the guest: BAR number INDEX is 32-bit memory of BAR's size. */
void pci_set_bar(struct pci_function *fn, unsigned index, const struct pci_bar *bar);
/* A capability of SIZE bytes (with its two header bytes) of type ID; returns its offset in config.
 */
uint8_t pci_add_capability(struct pci_function *fn, uint8_t id, unsigned size);
/* MSI-X with COUNT vectors, its table and pending bits in BAR INDEX (which it takes whole). */
void pci_add_msix(struct pci_function *fn, unsigned index, unsigned count);

/* Interrupts: by INTx level, or by MSI-X vector when the guest has enabled it. */
void pci_set_intx(struct pci_function *fn, bool level);
bool pci_msix_enabled(const struct pci_function *fn);
void pci_msix_notify(struct pci_function *fn, unsigned vector);

void pci_function_reset(struct pci_function *fn);

/* The bridge's windows, for the machine's regions. */
uint64_t pci_ecam_read(void *bus, uint64_t offset, unsigned size);
void pci_ecam_write(void *bus, uint64_t offset, unsigned size, uint64_t value);
uint64_t pci_window_read(void *bus, uint64_t offset, unsigned size);
void pci_window_write(void *bus, uint64_t offset, unsigned size, uint64_t value);
/* The I/O window, in which no function has a BAR: all ones. */
uint64_t pci_io_read(void *bus, uint64_t offset, unsigned size);
void pci_io_write(void *bus, uint64_t offset, unsigned size, uint64_t value);

/* Whether the guest lets the function read and write its memory. */
bool pci_bus_master(const struct pci_function *fn);

static inline void pci_put16(uint8_t *config, unsigned offset, uint16_t value)
{
    config[offset] = (uint8_t)value;
    config[offset + 1] = (uint8_t)(value >> 8);
}

static inline void pci_put32(uint8_t *config, unsigned offset, uint32_t value)
{
    pci_put16(config, offset, (uint16_t)value);
    pci_put16(config, offset + 2, (uint16_t)(value >> 16));
}

static inline uint16_t pci_get16(const uint8_t *config, unsigned offset)
{
    return (uint16_t)(config[offset] | config[offset + 1] << 8);
}

static inline uint32_t pci_get32(const uint8_t *config, unsigned offset)
{
    return pci_get16(config, offset) | (uint32_t)pci_get16(config, offset + 2) << 16;
}

#endif
