/* SPDX-License-Identifier: MIT */
/* PL011, the Arm PrimeCell UART (Arm DDI 0183), revision r1p1 with FIFOs of 16 characters.
 *
 * Bytes leave at once, so the transmit FIFO is always empty; the receive timeout takes the 32 bit
 * periods that the divisors say. A disabled UART sends and receives all the same, as emulated ones
 * do and bare-metal programs expect. Who sends to it waits while its FIFO is full, so that only
 * loop-back overruns it. Not modelled: modem lines other than loop-back's (they are not connected),
 * characters of less than 8 bits, parity and framing errors, breaks, IrDA, DMA, the test registers.
 */

#include "device/pl011.h"

enum {
    UARTDR = 0x00,
    UARTRSR = 0x04,
    UARTFR = 0x18,
    UARTILPR = 0x20,
    UARTIBRD = 0x24,
    UARTFBRD = 0x28,
    UARTLCR_H = 0x2c,
    UARTCR = 0x30,
    UARTIFLS = 0x34,
    UARTIMSC = 0x38,
    UARTRIS = 0x3c,
    UARTMIS = 0x40,
    UARTICR = 0x44,
    UARTDMACR = 0x48,
};

#define DR_OE      (1u << 11)
#define RSR_OE     (1u << 3)
#define FR_CTS     (1u << 0)
#define FR_DSR     (1u << 1)
#define FR_DCD     (1u << 2)
#define FR_RXFE    (1u << 4)
#define FR_RXFF    (1u << 6)
#define FR_TXFE    (1u << 7)
#define FR_RI      (1u << 8)
#define LCR_H_FEN  (1u << 4)
#define CR_UARTEN  (1u << 0)
#define CR_LBE     (1u << 7)
#define CR_TXE     (1u << 8)
#define CR_RXE     (1u << 9)
#define CR_DTR     (1u << 10)
#define CR_RTS     (1u << 11)
#define CR_OUT1    (1u << 12)
#define CR_OUT2    (1u << 13)
#define INT_RIM    (1u << 0)
#define INT_CTSM   (1u << 1)
#define INT_DCDM   (1u << 2)
#define INT_DSRM   (1u << 3)
#define INT_RX     (1u << 4)
#define INT_TX     (1u << 5)
#define INT_RT     (1u << 6)
#define INT_OE     (1u << 10)
#define INT_ALL    0x7ffu
#define PERIPH_ID  0x00141011u
#define FIFO_DEPTH 16
#define UARTCLK_HZ 24000000u

struct pl011 {
    struct device dev;
    uint32_t rsr, ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
    uint32_t overrun;         /* UARTDR.OE, until a character finds room again */
    uint8_t fifo[FIFO_DEPTH]; /* received, oldest at `head` */
    uint8_t head, count;
    struct device_timer timeout;
    struct chardev *chr;
};

static void update_irq(struct pl011 *uart)
{
    irq_set(&uart->dev.irq[0], (uart->ris & uart->imsc) != 0);
}

static unsigned fifo_depth(const struct pl011 *uart)
{
    return uart->lcr_h & LCR_H_FEN ? FIFO_DEPTH : 1;
}

/* Characters at which the receive interrupt rises: UARTIFLS.RXIFLSEL eighths of the FIFO. */
static unsigned receive_trigger(const struct pl011 *uart)
{
    static const uint8_t levels[8] = {2, 4, 8, 12, 14, 14, 14, 14};
    return uart->lcr_h & LCR_H_FEN ? levels[uart->ifls >> 3 & 7] : 1;
}

/* 32 bit periods in nanoseconds; UART clock / (16 * (IBRD + FBRD / 64)) is the bit rate. */
static uint64_t timeout_ns(const struct pl011 *uart)
{
    uint64_t divisor = (uint64_t)uart->ibrd * 64 + uart->fbrd; /* in 1/64 */
    return 32ull * 16 * divisor * 1000000000 / 64 / UARTCLK_HZ;
}

static void arm_timeout(struct pl011 *uart)
{
    bool waiting = uart->count > 0 && !(uart->ris & INT_RT);
    device_timer_set(uart->dev.machine, &uart->timeout,
                     waiting ? machine_now(uart->dev.machine) + timeout_ns(uart) : UINT64_MAX);
}

static void timeout_fire(struct device_timer *timer, void *ctx)
{
    struct pl011 *uart = ctx;
    if (uart->count > 0)
        uart->ris |= INT_RT;
    update_irq(uart);
}

static void put(struct pl011 *uart, uint8_t byte)
{
    if (uart->count >= fifo_depth(uart)) { /* the character is lost, not what the FIFO holds */
        uart->overrun = DR_OE;
        uart->rsr |= RSR_OE;
        uart->ris |= INT_OE;
        return;
    }
    uart->overrun = 0;
    uart->fifo[(uart->head + uart->count++) % FIFO_DEPTH] = byte;
    if (uart->count >= receive_trigger(uart))
        uart->ris |= INT_RX;
}

static size_t receive(void *ctx, const uint8_t *data, size_t size)
{
    struct pl011 *uart = ctx;
    if (uart->cr & CR_LBE)
        return size; /* the line is not looked at */
    size_t taken = 0;
    while (taken < size && uart->count < fifo_depth(uart))
        put(uart, data[taken++]);
    if (taken)
        arm_timeout(uart);
    update_irq(uart);
    return taken;
}

static uint32_t get(struct pl011 *uart)
{
    if (!uart->count)
        return uart->overrun;
    const uint32_t data = uart->fifo[uart->head] | uart->overrun;
    uart->head = (uart->head + 1) % FIFO_DEPTH;
    uart->count--;
    if (uart->count < receive_trigger(uart))
        uart->ris &= ~INT_RX;
    if (!uart->count)
        uart->ris &= ~INT_RT;
    arm_timeout(uart);
    if (uart->chr)
        uart->chr->accept(uart->chr);
    return data;
}

static void send(struct pl011 *uart, uint8_t byte)
{
    if (~uart->cr & (CR_UARTEN | CR_TXE))
        device_warn(&uart->dev, UARTDR, "data written while the UART is disabled (UARTCR 0x%x)",
                    uart->cr);
    if (uart->cr & CR_LBE) {
        put(uart, byte);
        arm_timeout(uart);
    } else if (uart->chr) {
        uart->chr->write(uart->chr, &byte, 1);
    }
    uart->ris |= INT_TX; /* the FIFO filled and emptied through its trigger level */
}

/* Modem inputs as UARTFR shows them: loop-back connects RTS to CTS, DTR to DSR, Out1 to DCD and
 * Out2 to RI; otherwise nothing is connected. */
static uint32_t modem_inputs(uint32_t cr)
{
    if (!(cr & CR_LBE))
        return 0;
    return (cr & CR_RTS ? FR_CTS : 0) | (cr & CR_DTR ? FR_DSR : 0) | (cr & CR_OUT1 ? FR_DCD : 0) |
           (cr & CR_OUT2 ? FR_RI : 0);
}

static void write_cr(struct pl011 *uart, uint32_t value)
{
    const uint32_t changed = modem_inputs(uart->cr) ^ modem_inputs(value);
    uart->cr = value;
    uart->ris |= (changed & FR_CTS ? INT_CTSM : 0) | (changed & FR_DSR ? INT_DSRM : 0) |
                 (changed & FR_DCD ? INT_DCDM : 0) | (changed & FR_RI ? INT_RIM : 0);
}

static uint32_t flags(const struct pl011 *uart)
{
    uint32_t fr = FR_TXFE | modem_inputs(uart->cr);
    if (!uart->count)
        fr |= FR_RXFE;
    if (uart->count >= fifo_depth(uart))
        fr |= FR_RXFF;
    return fr;
}

static uint64_t pl011_read(struct device *dev, uint64_t offset, unsigned size)
{
    struct pl011 *uart = (struct pl011 *)dev;
    uint64_t value = 0;
    switch (offset) {
    case UARTDR:
        value = get(uart);
        update_irq(uart);
        return value;
    case UARTRSR:
        return uart->rsr;
    case UARTFR:
        return flags(uart);
    case UARTILPR:
        return uart->ilpr;
    case UARTIBRD:
        return uart->ibrd;
    case UARTFBRD:
        return uart->fbrd;
    case UARTLCR_H:
        return uart->lcr_h;
    case UARTCR:
        return uart->cr;
    case UARTIFLS:
        return uart->ifls;
    case UARTIMSC:
        return uart->imsc;
    case UARTRIS:
        return uart->ris;
    case UARTMIS:
        return uart->ris & uart->imsc;
    case UARTDMACR:
        return uart->dmacr;
    }
    if (!primecell_id(PERIPH_ID, offset, &value))
        device_warn(dev, offset, "read of a register that is not there");
    return value;
}

static void write_lcr_h(struct pl011 *uart, uint32_t value)
{
    if ((value ^ uart->lcr_h) & LCR_H_FEN) { /* enabling or disabling the FIFOs flushes them */
        uart->count = 0;
        uart->overrun = 0;
        uart->ris &= ~(INT_RX | INT_RT);
        arm_timeout(uart);
        if (uart->chr)
            uart->chr->accept(uart->chr);
    }
    uart->lcr_h = value;
}

static void pl011_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl011 *uart = (struct pl011 *)dev;
    switch (offset) {
    case UARTDR:
        send(uart, (uint8_t)value);
        break;
    case UARTRSR: /* UARTECR: any value clears */
        uart->rsr = 0;
        break;
    case UARTILPR:
        uart->ilpr = value & 0xff;
        break;
    case UARTIBRD:
        uart->ibrd = value & 0xffff;
        break;
    case UARTFBRD:
        uart->fbrd = value & 0x3f;
        break;
    case UARTLCR_H:
        write_lcr_h(uart, value & 0xff);
        break;
    case UARTCR:
        write_cr(uart, value & 0xff87);
        break;
    case UARTIFLS:
        uart->ifls = value & 0x3f;
        break;
    case UARTIMSC:
        uart->imsc = value & INT_ALL;
        break;
    case UARTICR:
        uart->ris &= ~(uint32_t)value;
        break;
    case UARTDMACR:
        uart->dmacr = value & 7;
        break;
    default:
        device_warn(dev, offset, "write of 0x%llx to a register that is not there",
                    (unsigned long long)value);
    }
    update_irq(uart);
}

static void pl011_reset(struct device *dev)
{
    struct pl011 *uart = (struct pl011 *)dev;
    const bool had_data = uart->count;
    uart->ilpr = uart->ibrd = uart->fbrd = uart->lcr_h = uart->imsc = uart->ris = uart->dmacr = 0;
    uart->cr = (uint32_t)device_reg_at(dev->cls, UARTCR)->reset;
    uart->ifls = (uint32_t)device_reg_at(dev->cls, UARTIFLS)->reset;
    uart->rsr = uart->overrun = 0;
    uart->head = uart->count = 0;
    device_timer_set(dev->machine, &uart->timeout, UINT64_MAX);
    update_irq(uart);
    if (had_data && uart->chr)
        uart->chr->accept(uart->chr);
}

static int pl011_init(struct device *dev)
{
    struct pl011 *uart = (struct pl011 *)dev;
    const struct pl011_config *config = dev->config;
    uart->timeout = (struct device_timer){UINT64_MAX, timeout_fire, uart, dev->machine, NULL};
    uart->chr = config ? config->chr : NULL;
    if (uart->chr) {
        uart->chr->receive = receive;
        uart->chr->receive_ctx = uart;
    }
    return 0;
}

static void pl011_fini(struct device *dev)
{
    struct pl011 *uart = (struct pl011 *)dev;
    device_timer_set(dev->machine, &uart->timeout, UINT64_MAX);
    if (uart->chr)
        uart->chr->receive = NULL;
}

static const struct device_reg regs[] = {
    {"UARTDR", UARTDR, 4, 0, 0xff},
    {"UARTRSR", UARTRSR, 4, 0, 0},
    {"UARTFR", UARTFR, 4, FR_TXFE | FR_RXFE, 0},
    {"UARTILPR", UARTILPR, 4, 0, 0xff},
    {"UARTIBRD", UARTIBRD, 4, 0, 0xffff},
    {"UARTFBRD", UARTFBRD, 4, 0, 0x3f},
    {"UARTLCR_H", UARTLCR_H, 4, 0, 0xff},
    {"UARTCR", UARTCR, 4, CR_TXE | CR_RXE, 0xff87},
    {"UARTIFLS", UARTIFLS, 4, 0x12, 0x3f},
    {"UARTIMSC", UARTIMSC, 4, 0, INT_ALL},
    {"UARTRIS", UARTRIS, 4, 0, 0},
    {"UARTMIS", UARTMIS, 4, 0, 0},
    {"UARTICR", UARTICR, 4, 0, INT_ALL},
    {"UARTDMACR", UARTDMACR, 4, 0, 7},
    {"UARTPeriphID0", 0xfe0, 4, 0x11, 0},
    {"UARTPeriphID1", 0xfe4, 4, 0x10, 0},
    {"UARTPeriphID2", 0xfe8, 4, 0x14, 0},
    {"UARTPeriphID3", 0xfec, 4, 0x00, 0},
    {"UARTPCellID0", 0xff0, 4, 0x0d, 0},
    {"UARTPCellID1", 0xff4, 4, 0xf0, 0},
    {"UARTPCellID2", 0xff8, 4, 0x05, 0},
    {"UARTPCellID3", 0xffc, 4, 0xb1, 0},
    {0},
};

static const struct device_field fields[] = {
    DEVICE_FIELD(struct pl011, rsr),          DEVICE_FIELD(struct pl011, overrun),
    DEVICE_FIELD(struct pl011, ilpr),         DEVICE_FIELD(struct pl011, ibrd),
    DEVICE_FIELD(struct pl011, fbrd),         DEVICE_FIELD(struct pl011, lcr_h),
    DEVICE_FIELD(struct pl011, cr),           DEVICE_FIELD(struct pl011, ifls),
    DEVICE_FIELD(struct pl011, imsc),         DEVICE_FIELD(struct pl011, ris),
    DEVICE_FIELD(struct pl011, dmacr),        DEVICE_FIELD(struct pl011, fifo),
    DEVICE_FIELD(struct pl011, head),         DEVICE_FIELD(struct pl011, count),
    DEVICE_FIELD(struct pl011, timeout.when), {0},
};

const struct device_class pl011_class = {
    .name = "pl011",
    .description = "Arm PrimeCell UART",
    .state_size = sizeof(struct pl011),
    .mmio_size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .regs = regs,
    .version = 1,
    .fields = fields,
    .init = pl011_init,
    .reset = pl011_reset,
    .read = pl011_read,
    .write = pl011_write,
    .fini = pl011_fini,
};
