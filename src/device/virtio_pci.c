/* SPDX-License-Identifier: MIT */
/* The PCI transport of virtio 1.2 (section 4.1), modern only: BAR 0 holds the common configuration,
 * the interrupt status, the device's own configuration and the doorbells; BAR 1 the MSI-X table.
 * Kicks are answered on the machine's thread. */

#include <string.h>

#include "virtio.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_BASE   0x1040
#define CAP_VENDOR    0x09

#define CFG_COMMON 1
#define CFG_NOTIFY 2
#define CFG_ISR    3
#define CFG_DEVICE 4
#define CFG_PCI    5

/* Layout of BAR 0. */
#define COMMON_AT         0x0000
#define COMMON_SIZE       0x38
#define ISR_AT            0x1000
#define DEVICE_AT         0x2000
#define NOTIFY_AT         0x3000
#define NOTIFY_MULTIPLIER 4
#define AREA              0x1000
#define BAR_SIZE          0x4000

/* Common configuration. */
#define DEVICE_FEATURE_SELECT 0x00
#define DEVICE_FEATURE        0x04
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE        0x0c
#define CONFIG_MSIX_VECTOR    0x10
#define NUM_QUEUES            0x12
#define DEVICE_STATUS         0x14
#define CONFIG_GENERATION     0x15
#define QUEUE_SELECT          0x16
#define QUEUE_SIZE            0x18
#define QUEUE_MSIX_VECTOR     0x1a
#define QUEUE_ENABLE          0x1c
#define QUEUE_NOTIFY_OFF      0x1e
#define QUEUE_DESC            0x20
#define QUEUE_DRIVER          0x28
#define QUEUE_DEVICE          0x30

#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40
#define NO_VECTOR          0xffff
#define CONFIG_MAX         256

static struct virtio_device *of(struct pci_function *fn)
{
    return (struct virtio_device *)fn;
}

static struct virtq *selected(struct virtio_device *dev)
{
    return dev->queue_select < dev->ops->queues ? &dev->queues[dev->queue_select] : NULL;
}

static uint64_t offered(struct virtio_device *dev)
{
    return dev->ops->features(dev) | 1ull << VIRTIO_F_VERSION_1 |
           1ull << VIRTIO_F_RING_INDIRECT_DESC | 1ull << VIRTIO_F_RING_EVENT_IDX;
}

/* ---- interrupts ---- */

void virtio_pci_interrupt(struct virtio_device *dev, uint16_t vector, uint8_t isr)
{
    if (pci_msix_enabled(&dev->pci)) {
        if (vector != NO_VECTOR)
            pci_msix_notify(&dev->pci, vector);
        return;
    }
    dev->isr |= isr;
    pci_set_intx(&dev->pci, true);
}

/* Reading acknowledges. */
static uint64_t read_isr(struct virtio_device *dev)
{
    const uint8_t isr = dev->isr;
    dev->isr = 0;
    pci_set_intx(&dev->pci, false);
    return isr;
}

/* ---- doorbells ---- */

static void run_kicks(void *ctx)
{
    struct virtio_device *dev = ctx;
    dev->deferred = false;
    const uint32_t kicked = dev->kicked;
    dev->kicked = 0;
    for (unsigned queue = 0; queue < dev->ops->queues; queue++)
        if (kicked >> queue & 1 && dev->queues[queue].enabled)
            dev->ops->kick(dev, queue);
}

static void notify(struct virtio_device *dev, uint64_t queue)
{
    if (queue >= dev->ops->queues)
        return;
    dev->kicked |= 1u << queue;
    if (dev->deferred)
        return;
    dev->deferred = true;
    machine_defer(dev->pci.dev.machine, run_kicks, dev);
}

/* ---- common configuration ---- */

static uint64_t read_queue_field(struct virtio_device *dev, unsigned offset)
{
    const struct virtq *q = selected(dev);
    if (!q)
        return 0;
    switch (offset) {
    case QUEUE_SIZE:
        return q->size;
    case QUEUE_MSIX_VECTOR:
        return q->vector;
    case QUEUE_ENABLE:
        return q->enabled;
    case QUEUE_NOTIFY_OFF:
        return dev->queue_select;
    case QUEUE_DESC:
        return (uint32_t)q->desc;
    case QUEUE_DESC + 4:
        return q->desc >> 32;
    case QUEUE_DRIVER:
        return (uint32_t)q->avail;
    case QUEUE_DRIVER + 4:
        return q->avail >> 32;
    case QUEUE_DEVICE:
        return (uint32_t)q->used;
    case QUEUE_DEVICE + 4:
        return q->used >> 32;
    }
    return 0;
}

static uint64_t read_common(struct virtio_device *dev, unsigned offset)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        return dev->device_feature_select;
    case DEVICE_FEATURE:
        return dev->device_feature_select < 2
                   ? (uint32_t)(offered(dev) >> 32 * dev->device_feature_select)
                   : 0;
    case DRIVER_FEATURE_SELECT:
        return dev->driver_feature_select;
    case DRIVER_FEATURE:
        return dev->driver_feature_select < 2
                   ? (uint32_t)(dev->driver_features >> 32 * dev->driver_feature_select)
                   : 0;
    case CONFIG_MSIX_VECTOR:
        return dev->config_vector;
    case NUM_QUEUES:
        return dev->ops->queues;
    case DEVICE_STATUS:
        return dev->status;
    case CONFIG_GENERATION:
        return dev->config_generation;
    case QUEUE_SELECT:
        return dev->queue_select;
    }
    return read_queue_field(dev, offset);
}

static void set_status(struct virtio_device *dev, uint8_t status)
{
    if (!status) {
        virtio_reset(dev);
        return;
    }
    /* Features that were not offered, and drivers of the time before VERSION_1, are refused by
     * leaving FEATURES_OK clear. */
    if (status & STATUS_FEATURES_OK &&
        (dev->driver_features & ~offered(dev) || !virtio_has(dev, VIRTIO_F_VERSION_1)))
        status &= (uint8_t)~STATUS_FEATURES_OK;
    dev->status = (uint8_t)((status & ~STATUS_NEEDS_RESET) | (dev->status & STATUS_NEEDS_RESET));
}

static uint16_t valid_vector(const struct virtio_device *dev, uint64_t vector)
{
    return vector < dev->pci.msix_count ? (uint16_t)vector : NO_VECTOR;
}

static uint64_t set_half(uint64_t old, bool high, uint32_t value)
{
    return high ? (old & 0xffffffffull) | (uint64_t)value << 32 : (old & ~0xffffffffull) | value;
}

static void set_size(struct virtq *q, uint64_t size)
{
    const bool power = size && !(size & (size - 1));
    if (power && size <= VIRTQ_MAX_SIZE)
        q->size = (uint16_t)size;
}

static void write_queue_field(struct virtio_device *dev, unsigned offset, uint64_t value)
{
    struct virtq *q = selected(dev);
    const bool high = offset & 4;
    if (!q)
        return;
    if (offset == QUEUE_MSIX_VECTOR)
        q->vector = valid_vector(dev, value);
    else if (offset == QUEUE_ENABLE && value == 1)
        q->enabled = true;
    else if (offset == QUEUE_SIZE && !q->enabled)
        set_size(q, value);
    else if ((offset & ~4u) == QUEUE_DESC && !q->enabled)
        q->desc = set_half(q->desc, high, (uint32_t)value);
    else if ((offset & ~7u) == QUEUE_DRIVER && !q->enabled)
        q->avail = set_half(q->avail, high, (uint32_t)value);
    else if ((offset & ~7u) == QUEUE_DEVICE && !q->enabled)
        q->used = set_half(q->used, high, (uint32_t)value);
}

static void write_common(struct virtio_device *dev, unsigned offset, uint64_t value)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        dev->device_feature_select = (uint32_t)value;
        break;
    case DRIVER_FEATURE_SELECT:
        dev->driver_feature_select = (uint32_t)value;
        break;
    case DRIVER_FEATURE:
        if (dev->driver_feature_select < 2 && !(dev->status & STATUS_FEATURES_OK))
            dev->driver_features =
                set_half(dev->driver_features, dev->driver_feature_select, (uint32_t)value);
        break;
    case CONFIG_MSIX_VECTOR:
        dev->config_vector = valid_vector(dev, value);
        break;
    case DEVICE_STATUS:
        set_status(dev, (uint8_t)value);
        break;
    case QUEUE_SELECT:
        dev->queue_select = (uint16_t)value;
        break;
    default:
        write_queue_field(dev, offset, value);
    }
}

/* ---- BAR 0 ---- */

static uint64_t read_device_config(struct virtio_device *dev, unsigned offset, unsigned size)
{
    uint8_t config[CONFIG_MAX] = {0};
    uint64_t value = 0;
    dev->ops->config_read(dev, config);
    for (unsigned i = 0; i < size && offset + i < dev->ops->config_size; i++)
        value |= (uint64_t)config[offset + i] << 8 * i;
    return value;
}

static uint64_t bar_read(struct pci_function *fn, uint64_t offset, unsigned size)
{
    struct virtio_device *dev = of(fn);
    const unsigned at = offset % AREA;
    switch (offset / AREA * AREA) {
    case COMMON_AT:
        if (size == 8)
            return read_common(dev, at) | read_common(dev, at + 4) << 32;
        return read_common(dev, at);
    case ISR_AT:
        return at ? 0 : read_isr(dev);
    case DEVICE_AT:
        return read_device_config(dev, at, size);
    }
    return 0;
}

static void bar_write(struct pci_function *fn, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_device *dev = of(fn);
    const unsigned at = offset % AREA;
    switch (offset / AREA * AREA) {
    case COMMON_AT:
        write_common(dev, at, size == 8 ? (uint32_t)value : value);
        if (size == 8)
            write_common(dev, at + 4, value >> 32);
        break;
    case DEVICE_AT:
        if (dev->ops->config_write)
            dev->ops->config_write(dev, at, size, value);
        break;
    case NOTIFY_AT:
        notify(dev, at / NOTIFY_MULTIPLIER);
        break;
    }
}

/* ---- the configuration access capability: BAR 0 through configuration space ---- */

struct window {
    uint32_t offset, length;
};

static bool pci_cfg_window(struct virtio_device *dev, unsigned at, struct window *out)
{
    const uint8_t *cap = &dev->pci.config[dev->cap_pci];
    out->offset = pci_get32(cap, 8);
    out->length = pci_get32(cap, 12);
    const bool sound = out->length == 1 || out->length == 2 || out->length == 4;
    return at == dev->cap_pci + 16u && sound && !cap[4] && out->offset <= BAR_SIZE - out->length &&
           out->offset % out->length == 0;
}

static uint64_t config_read(struct pci_function *fn, unsigned offset, unsigned size, uint64_t value)
{
    struct window w;
    return pci_cfg_window(of(fn), offset, &w) ? bar_read(fn, w.offset, w.length) : value;
}

static void config_written(struct pci_function *fn, unsigned offset, unsigned size)
{
    struct window w;
    if (pci_cfg_window(of(fn), offset, &w))
        bar_write(fn, w.offset, w.length, pci_get32(fn->config, offset));
}

/* ---- attaching ---- */

static uint8_t add_cap(struct virtio_device *dev, uint8_t type, unsigned size, uint32_t offset,
                       uint32_t length)
{
    const uint8_t at = pci_add_capability(&dev->pci, CAP_VENDOR, size);
    uint8_t *cap = &dev->pci.config[at];
    cap[2] = (uint8_t)size;
    cap[3] = type;
    pci_put32(cap, 8, offset);
    pci_put32(cap, 12, length);
    return at;
}

static void add_capabilities(struct virtio_device *dev)
{
    add_cap(dev, CFG_COMMON, 16, COMMON_AT, COMMON_SIZE);
    add_cap(dev, CFG_ISR, 16, ISR_AT, 1);
    if (dev->ops->config_size)
        add_cap(dev, CFG_DEVICE, 16, DEVICE_AT, dev->ops->config_size);
    const uint8_t doorbell =
        add_cap(dev, CFG_NOTIFY, 20, NOTIFY_AT, dev->ops->queues * NOTIFY_MULTIPLIER);
    pci_put32(dev->pci.config, doorbell + 16u, NOTIFY_MULTIPLIER);
    dev->cap_pci = add_cap(dev, CFG_PCI, 20, 0, 0);
    uint8_t *writable = &dev->pci.writable[dev->cap_pci];
    writable[4] = 0xff;
    memset(writable + 8, 0xff, 12);
}

static void function_reset(struct pci_function *fn)
{
    virtio_reset(of(fn));
}

int virtio_pci_attach(struct virtio_device *dev, struct pci_bus *bus)
{
    const struct pci_ids ids = {.vendor = VENDOR_VIRTIO,
                                .device = (uint16_t)(DEVICE_BASE + dev->ops->id),
                                .subsystem_vendor = VENDOR_VIRTIO,
                                .subsystem = (uint16_t)(DEVICE_BASE + dev->ops->id),
                                .revision = 1,
                                .class_code = dev->ops->class_code};
    const int result = pci_bus_add(bus, &dev->pci, &ids);
    if (result)
        return result;
    pci_set_bar(&dev->pci, 0,
                &(struct pci_bar){.size = BAR_SIZE, .read = bar_read, .write = bar_write});
    pci_add_msix(&dev->pci, 1, dev->ops->queues + 1);
    add_capabilities(dev);
    dev->pci.config_read = config_read;
    dev->pci.config_written = config_written;
    dev->pci.reset = function_reset;
    pci_function_reset(&dev->pci);
    return 0;
}
