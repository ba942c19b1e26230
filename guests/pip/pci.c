/* SPDX-License-Identifier: MIT */
/* Bus 0 through ECAM; BARs are assigned from the 32-bit window. */

#include "pip.h"

struct pci_device pci_devices[32];
unsigned pci_count;
static uint64_t window_next;

static uint32_t config32(const struct pci_device *dev, unsigned offset)
{
    return read32((uint64_t)dev->config + offset);
}

bool pci_init(void)
{
    struct adt pcie, io;
    if (!adt_path("/arm-io/pcie", &pcie) || !adt_path("/arm-io", &io))
        return false;
    const uint64_t ecam = DEVICE_BASE + adt_number(io, "ranges", 1, 0) + adt_number(pcie, "reg", 0, 0);
    window_next = adt_number(pcie, "ranges", 1, 0);
    for (unsigned slot = 0; slot < 32; slot++) {
        struct pci_device dev = {.config = (volatile uint8_t *)(ecam + (slot << 15))};
        const uint32_t id = config32(&dev, 0);
        if (id == 0xffffffff)
            continue;
        dev.vendor = (uint16_t)id;
        dev.device = (uint16_t)(id >> 16);
        pci_devices[pci_count++] = dev;
    }
    return pci_count > 0;
}

uint64_t pci_bar(struct pci_device *dev, unsigned index)
{
    const uint64_t slot = (uint64_t)dev->config + 0x10 + 4 * index;
    uint32_t address = read32(slot) & ~15u;
    if (!address) {
        write32(slot, 0xffffffff);
        const uint32_t size = ~(read32(slot) & ~15u) + 1;
        window_next = (window_next + size - 1) & ~(uint64_t)(size - 1);
        address = (uint32_t)window_next;
        window_next += size;
        write32(slot, address);
        write32((uint64_t)dev->config + 4, read32((uint64_t)dev->config + 4) | 6); /* memory, bus master */
    }
    return DEVICE_BASE + address;
}
