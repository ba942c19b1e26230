/* SPDX-License-Identifier: MIT */
/* Split virtqueues (OASIS virtio 1.2, 2.7) with indirect descriptors and event indexes. */

#include "virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DESC_SIZE          16
#define DESC_NEXT          1
#define DESC_WRITE         2
#define DESC_INDIRECT      4
#define AVAIL_NO_INTERRUPT 1
#define STATUS_DRIVER_OK   0x04
#define STATUS_NEEDS_RESET 0x40
#define ISR_QUEUE          1
#define ISR_CONFIG         2
#define NO_VECTOR          0xffff

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

static bool read16(struct virtio_device *dev, uint64_t address, uint16_t *value)
{
    uint8_t raw[2];
    if (guest_read(dev->pci.dev.machine, address, raw, 2))
        return false;
    *value = (uint16_t)(raw[0] | raw[1] << 8);
    return true;
}

static bool write16(struct virtio_device *dev, uint64_t address, uint16_t value)
{
    const uint8_t raw[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    return !guest_write(dev->pci.dev.machine, address, raw, 2);
}

static uint64_t le(const uint8_t *raw, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i--;)
        value = value << 8 | raw[i];
    return value;
}

static bool read_descriptor(struct virtio_device *dev, uint64_t table, unsigned index,
                            struct descriptor *out)
{
    uint8_t raw[DESC_SIZE];
    if (guest_read(dev->pci.dev.machine, table + (uint64_t)index * DESC_SIZE, raw, DESC_SIZE))
        return false;
    *out = (struct descriptor){le(raw, 8), (uint32_t)le(raw + 8, 4), (uint16_t)le(raw + 12, 2),
                               (uint16_t)le(raw + 14, 2)};
    return true;
}

void virtio_break(struct virtio_device *dev, const char *why)
{
    if (dev->status & STATUS_NEEDS_RESET)
        return;
    device_warn(&dev->pci.dev, 0,
                "the guest's rings are broken (%s); stopped until it resets the device", why);
    dev->status |= STATUS_NEEDS_RESET;
    if (dev->status & STATUS_DRIVER_OK)
        virtio_config_changed(dev);
}

static bool broken(struct virtio_device *dev, const char *why)
{
    virtio_break(dev, why);
    return false;
}

/* Adds one descriptor to the chain; writable ones must come last. */
static bool add_piece(struct virtio_device *dev, const struct descriptor *desc)
{
    struct virtq_chain *chain = &dev->chain;
    const bool writable = desc->flags & DESC_WRITE;
    if (chain->readable + chain->writable == VIRTQ_MAX_CHAIN)
        return broken(dev, "a chain is too long or loops");
    if (chain->writable && !writable)
        return broken(dev, "a readable descriptor behind a writable one");
    chain->pieces[chain->readable + chain->writable] =
        (struct virtq_piece){desc->address, desc->size};
    if (writable) {
        chain->writable++;
        chain->writable_size += desc->size;
    } else {
        chain->readable++;
        chain->readable_size += desc->size;
    }
    return true;
}

/* Follows the chain from INDEX in a table of COUNT descriptors. A loop runs into the chain's limit.
 */
static bool walk_table(struct virtio_device *dev, uint64_t table, unsigned count, unsigned index,
                       bool indirect)
{
    for (unsigned steps = 0; steps <= count; steps++) {
        struct descriptor desc;
        if (index >= count)
            return broken(dev, "a descriptor index is beyond the table");
        if (!read_descriptor(dev, table, index, &desc))
            return broken(dev, "a descriptor table is outside memory");
        if (desc.flags & DESC_INDIRECT) {
            if (indirect || desc.size % DESC_SIZE || !desc.size || desc.flags & DESC_NEXT ||
                desc.size / DESC_SIZE > VIRTQ_MAX_CHAIN)
                return broken(dev, "an impossible indirect descriptor");
            return walk_table(dev, desc.address, desc.size / DESC_SIZE, 0, true);
        }
        if (!add_piece(dev, &desc))
            return false;
        if (!(desc.flags & DESC_NEXT))
            return true;
        index = desc.next;
    }
    return broken(dev, "a chain loops");
}

static bool queue_ready(const struct virtio_device *dev, const struct virtq *q)
{
    return q->enabled && q->size && dev->status & STATUS_DRIVER_OK &&
           !(dev->status & STATUS_NEEDS_RESET) && pci_bus_master(&dev->pci);
}

/* With event indexes: asks to be kicked for the next chain. */
static void publish_avail_event(struct virtio_device *dev, struct virtq *q)
{
    if (virtio_has(dev, VIRTIO_F_RING_EVENT_IDX))
        write16(dev, q->used + 4 + 8ull * q->size, q->last_avail);
}

bool virtq_pop(struct virtio_device *dev, unsigned queue)
{
    struct virtq *q = &dev->queues[queue];
    struct virtq_chain *chain = &dev->chain;
    uint16_t available, head;
    if (!queue_ready(dev, q))
        return false;
    if (!read16(dev, q->avail + 2, &available))
        return broken(dev, "the available ring is outside memory");
    if (available == q->last_avail) {
        /* Ask for a kick, then look again: the guest may have added one in between. */
        publish_avail_event(dev, q);
        if (!read16(dev, q->avail + 2, &available) || available == q->last_avail)
            return false;
    }
    if ((uint16_t)(available - q->last_avail) > q->size)
        return broken(dev, "the available index ran away");
    if (!read16(dev, q->avail + 4 + 2ull * (q->last_avail % q->size), &head))
        return broken(dev, "the available ring is outside memory");
    chain->head = head;
    chain->readable = chain->writable = 0;
    chain->readable_size = chain->writable_size = 0;
    q->last_avail++;
    return walk_table(dev, q->desc, q->size, head, false);
}

void virtq_unpop(struct virtio_device *dev, unsigned queue)
{
    dev->queues[queue].last_avail--;
}

void virtq_push(struct virtio_device *dev, unsigned queue, uint16_t head, uint32_t written)
{
    struct virtq *q = &dev->queues[queue];
    uint8_t element[8];
    if (!queue_ready(dev, q))
        return;
    for (unsigned i = 0; i < 4; i++) {
        element[i] = (uint8_t)(head >> 8 * i);
        element[4 + i] = (uint8_t)(written >> 8 * i);
    }
    if (guest_write(dev->pci.dev.machine, q->used + 4 + 8ull * (q->used_index % q->size), element,
                    8)) {
        broken(dev, "the used ring is outside memory");
        return;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!write16(dev, q->used + 2, ++q->used_index))
        broken(dev, "the used ring is outside memory");
    else if ((uint16_t)(q->used_index - q->signalled) >= q->size)
        virtq_flush(dev, queue); /* so that the distance never wraps */
}

/* Whether the guest asked to hear of anything from index OLD of the used ring on. */
static bool wants_interrupt(struct virtio_device *dev, const struct virtq *q, uint16_t old)
{
    uint16_t word;
    if (!virtio_has(dev, VIRTIO_F_RING_EVENT_IDX))
        return read16(dev, q->avail, &word) && !(word & AVAIL_NO_INTERRUPT);
    if (!read16(dev, q->avail + 4 + 2ull * q->size, &word))
        return false;
    return (uint16_t)(q->used_index - word - 1) < (uint16_t)(q->used_index - old);
}

void virtq_flush(struct virtio_device *dev, unsigned queue)
{
    struct virtq *q = &dev->queues[queue];
    const uint16_t old = q->signalled;
    if (!queue_ready(dev, q) || old == q->used_index)
        return;
    q->signalled = q->used_index;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (wants_interrupt(dev, q, old))
        virtio_pci_interrupt(dev, q->vector, ISR_QUEUE);
}

/* Applies COPY to the part [offset, offset + size) of COUNT pieces from FIRST. */
static bool each_piece(struct virtio_device *dev, unsigned first, unsigned count, uint64_t offset,
                       uint8_t *data, size_t size, bool write)
{
    struct machine *machine = dev->pci.dev.machine;
    for (unsigned i = first; i < first + count && size; i++) {
        const struct virtq_piece *piece = &dev->chain.pieces[i];
        if (offset >= piece->size) {
            offset -= piece->size;
            continue;
        }
        const size_t part = piece->size - offset < size ? piece->size - offset : size;
        if (write ? guest_write(machine, piece->address + offset, data, part)
                  : guest_read(machine, piece->address + offset, data, part))
            return false;
        data += part;
        size -= part;
        offset = 0;
    }
    return !size;
}

bool virtq_read(struct virtio_device *dev, uint64_t offset, void *out, size_t size)
{
    return each_piece(dev, 0, dev->chain.readable, offset, out, size, false);
}

bool virtq_write(struct virtio_device *dev, uint64_t offset, const void *data, size_t size)
{
    return each_piece(dev, dev->chain.readable, dev->chain.writable, offset, (uint8_t *)data, size,
                      true);
}

void virtio_config_changed(struct virtio_device *dev)
{
    dev->config_generation++;
    virtio_pci_interrupt(dev, dev->config_vector, ISR_CONFIG);
}

void virtio_reset(struct virtio_device *dev)
{
    dev->driver_features = 0;
    dev->device_feature_select = dev->driver_feature_select = 0;
    dev->queue_select = 0;
    dev->config_vector = NO_VECTOR;
    dev->status = dev->isr = 0;
    dev->kicked = 0;
    for (unsigned i = 0; i < VIRTQ_MAX_QUEUES; i++)
        dev->queues[i] = (struct virtq){.size = VIRTQ_MAX_SIZE, .vector = NO_VECTOR};
    pci_set_intx(&dev->pci, false);
    if (dev->ops->reset)
        dev->ops->reset(dev);
}

struct virtio_device *virtio_create(const struct virtio_ops *ops, struct pci_bus *bus, int *result)
{
    struct virtio_device *dev = calloc(1, ops->cls.state_size);
    *result = -ENOMEM;
    if (!dev)
        return NULL;
    dev->ops = ops;
    dev->pci.dev.cls = &ops->cls;
    dev->pci.dev.machine = bus->machine;
    *result = virtio_pci_attach(dev, bus);
    if (*result) {
        free(dev);
        return NULL;
    }
    return dev;
}

void virtio_destroy(struct virtio_device *dev)
{
    if (!dev)
        return;
    if (dev->ops->fini)
        dev->ops->fini(dev);
    dev->pci.bus->functions[dev->pci.slot] = NULL;
    free(dev);
}
