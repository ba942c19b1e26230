/* SPDX-License-Identifier: MIT */
/* What every device shares: its life, and the cutting of a guest's accesses into widths that the
 * device answers. Relies on nothing but the class tables; the board (src/machine) decides where a
 * device sits. */

#include "device/device.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

const struct device_reg *device_reg_at(const struct device_class *cls, uint64_t offset)
{
    for (const struct device_reg *reg = cls->regs; reg && reg->name; reg++)
        if (reg->offset == offset)
            return reg;
    return NULL;
}

struct device *device_create(const struct device_class *cls, struct machine *machine, uint64_t base,
                             const struct irq_line *irq, unsigned irq_count, const void *config,
                             int *result)
{
    assert(cls->state_size >= sizeof(struct device));
    struct device *dev = calloc(1, cls->state_size);
    if (!dev) {
        *result = -ENOMEM;
        return NULL;
    }
    dev->cls = cls;
    dev->machine = machine;
    dev->base = base;
    dev->config = config;
    assert(irq_count <= sizeof(dev->irq) / sizeof(dev->irq[0]));
    for (unsigned i = 0; i < irq_count; i++)
        dev->irq[i] = irq[i];
    *result = cls->init ? cls->init(dev) : 0;
    if (*result) {
        free(dev);
        return NULL;
    }
    device_reset(dev);
    return dev;
}

void device_reset(struct device *dev)
{
    if (dev->cls->reset)
        dev->cls->reset(dev);
}

void device_destroy(struct device *dev)
{
    if (!dev)
        return;
    if (dev->cls->fini)
        dev->cls->fini(dev);
    free(dev);
}

static unsigned width_min(const struct device_class *cls)
{
    return cls->access_min ? cls->access_min : 1;
}

static unsigned width_max(const struct device_class *cls)
{
    return cls->access_max ? cls->access_max : 8;
}

static uint64_t width_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

static uint64_t read_narrow(struct device *dev, uint64_t offset, unsigned size)
{
    unsigned min = width_min(dev->cls);
    if (size >= min)
        return dev->cls->read ? dev->cls->read(dev, offset, size) & width_mask(size) : 0;
    uint64_t aligned = offset & ~(uint64_t)(min - 1);
    uint64_t whole = dev->cls->read ? dev->cls->read(dev, aligned, min) : 0;
    return whole >> (offset - aligned) * 8 & width_mask(size);
}

uint64_t device_read(struct device *dev, uint64_t offset, unsigned size)
{
    unsigned piece = offset & (size - 1) ? 1 : size;
    if (piece > width_max(dev->cls))
        piece = width_max(dev->cls);
    uint64_t value = 0;
    for (unsigned done = 0; done < size; done += piece)
        value |= read_narrow(dev, offset + done, piece) << done * 8;
    return value;
}

void device_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
    if (!dev->cls->write)
        return;
    unsigned piece = offset & (size - 1) ? 1 : size;
    if (piece > width_max(dev->cls))
        piece = width_max(dev->cls);
    unsigned width = piece < width_min(dev->cls) ? width_min(dev->cls) : piece;
    for (unsigned done = 0; done < size; done += piece) {
        uint64_t part = value >> done * 8 & width_mask(piece);
        dev->cls->write(dev, (offset + done) & ~(uint64_t)(width - 1), width,
                        part << ((offset + done) & (width - 1)) * 8);
    }
}

bool primecell_id(uint32_t periph_id, uint64_t offset, uint64_t *value)
{
    if (offset < 0xfe0 || offset > 0xffc)
        return false;
    unsigned byte = (unsigned)(offset - 0xfe0) / 4;
    uint32_t word = byte < 4 ? periph_id : 0xb105f00d;
    *value = word >> byte % 4 * 8 & 0xff;
    return true;
}
