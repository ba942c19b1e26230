/* SPDX-License-Identifier: MIT */
/* PL061, the Arm PrimeCell GPIO (Arm DDI 0190): eight lines, each an input or an output, with an
 * interrupt on a level or an edge. The boards connect their power key to one of them. Address bits
 * 9:2 mask the data register.
 *
 * Not modelled: hardware control of lines (GPIOAFSEL is stored only), and the lines' way out:
 * nothing listens to an output but the guest, who reads it back. */

#include "device/pl061.h"

enum {
    GPIODATA = 0x000, /* to 0x3fc */
    GPIODIR = 0x400,
    GPIOIS = 0x404,
    GPIOIBE = 0x408,
    GPIOIEV = 0x40c,
    GPIOIE = 0x410,
    GPIORIS = 0x414,
    GPIOMIS = 0x418,
    GPIOIC = 0x41c,
    GPIOAFSEL = 0x420,
};

#define PERIPH_ID 0x00041061u

struct pl061 {
    struct device dev;
    uint8_t output; /* what the guest wrote; counts where dir is 1 */
    uint8_t input;  /* from outside; counts where dir is 0 */
    uint8_t dir, is, ibe, iev, ie, afsel;
    uint8_t edges; /* edges seen, where `is` says edge */
    uint8_t lines; /* the level of the lines after the last change, for finding edges */
};

static uint8_t levels(const struct pl061 *gpio)
{
    return (gpio->output & gpio->dir) | (gpio->input & ~gpio->dir);
}

static uint8_t raw_status(const struct pl061 *gpio)
{
    uint8_t at_level = ~(levels(gpio) ^ gpio->iev);
    return (gpio->is & at_level) | (~gpio->is & gpio->edges);
}

static void update_irq(struct pl061 *gpio)
{
    uint8_t now = levels(gpio), changed = now ^ gpio->lines;
    uint8_t wanted = gpio->ibe | ~(now ^ gpio->iev); /* both edges, or the one that ends at iev */
    gpio->edges |= changed & wanted & ~gpio->is;
    gpio->lines = now;
    irq_set(&gpio->dev.irq[0], (raw_status(gpio) & gpio->ie) != 0);
}

void pl061_set_input(struct device *dev, unsigned line, bool level)
{
    struct pl061 *gpio = (struct pl061 *)dev;
    gpio->input = (gpio->input & ~(1u << line)) | (unsigned)level << line;
    update_irq(gpio);
}

/* The byte that a plain read-write register is kept in; NULL for all others. */
static uint8_t *stored(struct pl061 *gpio, uint64_t offset)
{
    switch (offset) {
    case GPIODIR:
        return &gpio->dir;
    case GPIOIS:
        return &gpio->is;
    case GPIOIBE:
        return &gpio->ibe;
    case GPIOIEV:
        return &gpio->iev;
    case GPIOIE:
        return &gpio->ie;
    case GPIOAFSEL:
        return &gpio->afsel;
    }
    return NULL;
}

static uint64_t pl061_read(struct device *dev, uint64_t offset, unsigned size)
{
    struct pl061 *gpio = (struct pl061 *)dev;
    const uint8_t *byte = stored(gpio, offset);
    if (byte)
        return *byte;
    if (offset < GPIODIR)
        return levels(gpio) & (offset >> 2);
    uint64_t value = 0;
    if (offset == GPIORIS)
        value = raw_status(gpio);
    else if (offset == GPIOMIS)
        value = raw_status(gpio) & gpio->ie;
    else if (!primecell_id(PERIPH_ID, offset, &value))
        device_warn(dev, offset, "read of a register that is not there");
    return value;
}

static void pl061_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl061 *gpio = (struct pl061 *)dev;
    uint8_t *byte = stored(gpio, offset);
    if (byte) {
        *byte = (uint8_t)value;
    } else if (offset < GPIODIR) {
        /* A bit takes a value only while its line is an output, as Linux's driver found. */
        uint8_t mask = (uint8_t)(offset >> 2) & gpio->dir;
        gpio->output = (gpio->output & ~mask) | (value & mask);
    } else if (offset == GPIOIC) {
        gpio->edges &= ~value;
    } else {
        device_warn(dev, offset, "write of 0x%llx to a register that is not there",
                    (unsigned long long)value);
    }
    update_irq(gpio);
}

/* The lines keep their levels: who drives them was not reset. */
static void pl061_reset(struct device *dev)
{
    struct pl061 *gpio = (struct pl061 *)dev;
    gpio->output = gpio->dir = gpio->is = gpio->ibe = gpio->iev = gpio->ie = gpio->afsel = 0;
    gpio->edges = 0;
    gpio->lines = levels(gpio);
    update_irq(gpio);
}

static const struct device_reg regs[] = {
    {"GPIODATA", 0x3fc, 4, 0, 0xff},
    {"GPIODIR", GPIODIR, 4, 0, 0xff},
    {"GPIOIS", GPIOIS, 4, 0, 0xff},
    {"GPIOIBE", GPIOIBE, 4, 0, 0xff},
    {"GPIOIEV", GPIOIEV, 4, 0, 0xff},
    {"GPIOIE", GPIOIE, 4, 0, 0xff},
    {"GPIORIS", GPIORIS, 4, 0, 0},
    {"GPIOMIS", GPIOMIS, 4, 0, 0},
    {"GPIOIC", GPIOIC, 4, 0, 0xff},
    {"GPIOAFSEL", GPIOAFSEL, 4, 0, 0xff},
    {"GPIOPeriphID0", 0xfe0, 4, 0x61, 0},
    {"GPIOPeriphID1", 0xfe4, 4, 0x10, 0},
    {"GPIOPeriphID2", 0xfe8, 4, 0x04, 0},
    {"GPIOPeriphID3", 0xfec, 4, 0x00, 0},
    {"GPIOPCellID0", 0xff0, 4, 0x0d, 0},
    {"GPIOPCellID1", 0xff4, 4, 0xf0, 0},
    {"GPIOPCellID2", 0xff8, 4, 0x05, 0},
    {"GPIOPCellID3", 0xffc, 4, 0xb1, 0},
    {0},
};

static const struct device_field fields[] = {
    DEVICE_FIELD(struct pl061, output),
    DEVICE_FIELD(struct pl061, input),
    DEVICE_FIELD(struct pl061, dir),
    DEVICE_FIELD(struct pl061, is),
    DEVICE_FIELD(struct pl061, ibe),
    DEVICE_FIELD(struct pl061, iev),
    DEVICE_FIELD(struct pl061, ie),
    DEVICE_FIELD(struct pl061, afsel),
    DEVICE_FIELD(struct pl061, edges),
    DEVICE_FIELD(struct pl061, lines),
    {0},
};

const struct device_class pl061_class = {
    .name = "pl061",
    .description = "Arm PrimeCell GPIO",
    .state_size = sizeof(struct pl061),
    .mmio_size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .regs = regs,
    .version = 1,
    .fields = fields,
    .reset = pl061_reset,
    .read = pl061_read,
    .write = pl061_write,
};
