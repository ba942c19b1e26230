/* SPDX-License-Identifier: MIT */
/* A virtio block device on PCI, modern, polled, one request at a time. */

#include "pip.h"

#define VENDOR 0x1af4
#define DEVICE_BLOCK 0x1042
#define QUEUE 8

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

static struct {
    struct descriptor table[QUEUE];
    struct {
        uint16_t flags, index, ring[QUEUE];
    } avail;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, size;
        } ring[QUEUE];
    } used __attribute__((aligned(16)));
} rings __attribute__((aligned(4096)));

static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header __attribute__((aligned(16)));
static volatile uint8_t status;
static uint64_t doorbell;
uint64_t disk_sectors;

struct areas {
    uint64_t common, notify, device;
    uint32_t multiplier;
};

static uint8_t read8(uint64_t address)
{
    uint8_t value;
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static void write8(uint64_t address, uint8_t value)
{
    __asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

static void write16(uint64_t address, uint16_t value)
{
    __asm__ volatile("strh %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

static void find_areas(struct pci_device *dev, struct areas *out)
{
    const uint64_t config = (uint64_t)dev->config;
    for (uint8_t cap = read8(config + 0x34); cap; cap = read8(config + cap + 1)) {
        if (read8(config + cap) != 9)
            continue;
        const uint8_t type = read8(config + cap + 3);
        if (type < 1 || type > 4)
            continue;
        const uint64_t at = pci_bar(dev, read8(config + cap + 4)) + read32(config + cap + 8);
        if (type == 1)
            out->common = at;
        if (type == 4)
            out->device = at;
        if (type == 2) {
            out->notify = at;
            out->multiplier = read32(config + cap + 16);
        }
    }
}

static void set_address(uint64_t at, const void *memory)
{
    const uint64_t physical = to_physical(memory);
    write32(at, (uint32_t)physical);
    write32(at + 4, (uint32_t)(physical >> 32));
}

static void negotiate(uint64_t common)
{
    write8(common + 0x14, 0);
    write8(common + 0x14, 1);
    write8(common + 0x14, 3);
    write32(common + 0x08, 0);
    write32(common + 0x0c, 0);
    write32(common + 0x08, 1);
    write32(common + 0x0c, 1); /* VERSION_1 */
    write8(common + 0x14, 0x0b);
}

bool disk_init(void)
{
    struct pci_device *dev = NULL;
    struct areas areas = {0};
    for (unsigned i = 0; i < pci_count; i++)
        if (pci_devices[i].vendor == VENDOR && pci_devices[i].device == DEVICE_BLOCK && !dev)
            dev = &pci_devices[i];
    if (!dev)
        return false;
    find_areas(dev, &areas);
    negotiate(areas.common);
    write16(areas.common + 0x16, 0);
    write16(areas.common + 0x18, QUEUE);
    set_address(areas.common + 0x20, rings.table);
    set_address(areas.common + 0x28, &rings.avail);
    set_address(areas.common + 0x30, &rings.used);
    write16(areas.common + 0x1c, 1);
    write8(areas.common + 0x14, 0x0f);
    doorbell = areas.notify;
    disk_sectors = read32(areas.device) | (uint64_t)read32(areas.device + 4) << 32;
    return true;
}

bool disk_transfer(uint64_t sector, void *buffer, bool write)
{
    header.type = write;
    header.sector = sector;
    status = 0xff;
    rings.table[0] = (struct descriptor){to_physical(&header), 16, 1, 1};
    rings.table[1] = (struct descriptor){to_physical(buffer), 512, write ? 1 : 3, 2};
    rings.table[2] = (struct descriptor){to_physical(&status), 1, 2, 0};
    const uint16_t index = rings.avail.index;
    rings.avail.ring[index % QUEUE] = 0;
    __asm__ volatile("dmb ish" : : : "memory");
    *(volatile uint16_t *)&rings.avail.index = (uint16_t)(index + 1);
    __asm__ volatile("dsb sy" : : : "memory");
    write16(doorbell, 0);
    while (*(volatile uint16_t *)&rings.used.index != (uint16_t)(index + 1))
        ;
    __asm__ volatile("dmb ish" : : : "memory");
    return status == 0;
}
