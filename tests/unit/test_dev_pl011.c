/* SPDX-License-Identifier: MIT */
/* PL011 against its manual (Arm DDI 0183): every register, FIFO levels, interrupts, loop-back,
 * identification. */

#include "dev_rig.h"

#include "device/pl011.h"

#define UART_BASE 0x20010000ull

enum {
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,
};

#define FR_RXFE 0x010u
#define FR_RXFF 0x040u
#define FR_TXFE 0x080u
#define FEN     0x10u
#define CR_ON   0x301u
#define CR_LBE  0x80u
#define INT_RX  0x010u
#define INT_TX  0x020u
#define INT_RT  0x040u
#define INT_OE  0x400u
#define INT_ALL 0x7ffu

struct bench {
    struct machine *m;
    struct pl011_config config;
    struct device *uart;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->m = rig_create();
    b->config.chr = &b->m->chr;
    b->uart = rig_device(b->m, &pl011_class, UART_BASE, &b->config);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    device_destroy(b->uart);
    assert_null(b->m->chr.receive); /* nobody calls a device that is gone */
    rig_destroy(b->m);
    free(b);
    return 0;
}

/* SIZE characters arrive: FIRST, FIRST + 1, …; returns how many were taken. */
static size_t arrive(struct bench *b, uint8_t first, size_t size)
{
    uint8_t data[64];
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(first + i);
    return b->m->chr.receive(b->m->chr.receive_ctx, data, size);
}

static void start(struct bench *b, uint32_t lcr_h)
{
    w32(b->uart, IBRD, 13); /* 24 MHz / (16 * (13 + 1 / 64)): 115200 baud */
    w32(b->uart, FBRD, 1);
    w32(b->uart, LCR_H, 0x60 | lcr_h);
    w32(b->uart, CR, CR_ON);
}

static void reset_values(void **state)
{
    struct bench *b = *state;
    rig_check_reset_values(b->uart, NULL);
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE);
    assert_int_equal(r32(b->uart, CR), 0x300);
    assert_int_equal(r32(b->uart, IFLS), 0x12);
    assert_int_equal(r32(b->uart, DR), 0);
}

static void writable_bits(void **state)
{
    static const struct {
        uint32_t offset, bits;
    } regs[] = {{ILPR, 0xff}, {IBRD, 0xffff},  {FBRD, 0x3f}, {LCR_H, 0xff},
                {IFLS, 0x3f}, {IMSC, INT_ALL}, {DMACR, 7}};
    struct bench *b = *state;
    for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        w32(b->uart, regs[i].offset, UINT32_MAX);
        assert_int_equal(r32(b->uart, regs[i].offset), regs[i].bits);
        w32(b->uart, regs[i].offset, 0);
        assert_int_equal(r32(b->uart, regs[i].offset), 0);
    }
    w32(b->uart, CR, 0xffffff7f); /* all but loop-back; bits 3 to 6 are reserved */
    assert_int_equal(r32(b->uart, CR), 0xff07);
    assert_int_equal(b->m->warnings, 0);
    device_reset(b->uart);
    rig_check_reset_values(b->uart, NULL);
}

static void identification(void **state)
{
    static const uint8_t ids[8] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    struct bench *b = *state;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(r32(b->uart, 0xfe0 + 4 * i), ids[i]);
        assert_int_equal(device_read(b->uart, 0xfe0 + 4 * i, 1), ids[i]);
    }
    assert_int_equal(device_read(b->uart, 0xfe0, 8), 0x1000000011);
    assert_int_equal(b->m->warnings, 0);
    r32(b->uart, 0x80);
    w32(b->uart, 0xfe0, 0);
    r32(b->uart, 0xfffc); /* the rest of the board's window */
    assert_int_equal(b->m->warnings, 3);
}

static void transmit(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, DR, 0xf41); /* only 8 bits are data */
    device_write(b->uart, DR, 1, 0x42);
    device_write(b->uart, DR, 2, 0x43);
    assert_int_equal(b->m->sent_count, 3);
    assert_memory_equal(b->m->sent, "ABC", 3);
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE); /* never busy or full */
    assert_int_equal(r32(b->uart, RIS), INT_TX);
    assert_false(b->m->level[0]);
    w32(b->uart, IMSC, INT_TX);
    assert_true(b->m->level[0]);
    assert_int_equal(r32(b->uart, MIS), INT_TX);
    w32(b->uart, ICR, INT_TX);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->uart, RIS), 0);
}

/* The transmit interrupt is a transition, not a level: enabling it on an idle UART raises nothing.
 */
static void transmit_interrupt_needs_a_transition(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, IMSC, INT_TX);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->uart, RIS), 0);
}

static void receive_without_fifo(void **state)
{
    struct bench *b = *state;
    start(b, 0);
    w32(b->uart, IMSC, INT_RX);
    assert_int_equal(arrive(b, 'a', 3), 1);
    assert_true(b->m->level[0]);
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFF);
    assert_int_equal(arrive(b, 'x', 1), 0);
    assert_int_equal(r32(b->uart, DR), 'a');
    assert_int_equal(b->m->accepted, 1 + 0u);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE);
    assert_int_equal(arrive(b, 'b', 2), 1);
    assert_int_equal(r32(b->uart, DR), 'b');
}

static void fifo_levels(void **state)
{
    static const unsigned levels[5] = {2, 4, 8, 12, 14}; /* 1/8, 1/4, 1/2, 3/4, 7/8 of 16 */
    struct bench *b = *state;
    for (unsigned select = 0; select < 5; select++) {
        device_reset(b->uart);
        start(b, FEN);
        w32(b->uart, IFLS, select << 3);
        w32(b->uart, IMSC, INT_RX);
        for (unsigned i = 1; i <= 16; i++) {
            assert_int_equal(arrive(b, (uint8_t)i, 1), 1);
            assert_int_equal(b->m->level[0], i >= levels[select]);
            assert_int_equal(r32(b->uart, FR), FR_TXFE | (i == 16 ? FR_RXFF : 0));
        }
        assert_int_equal(arrive(b, 99, 1), 0);
        for (unsigned i = 1; i <= 16; i++) {
            assert_int_equal(r32(b->uart, DR), i);
            assert_int_equal(b->m->level[0], 16 - i >= levels[select]);
        }
        assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE);
    }
}

static void receive_interrupt_is_cleared(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, IFLS, 1 << 3); /* 4 characters */
    arrive(b, 0, 5);
    assert_int_equal(r32(b->uart, RIS), INT_RX);
    assert_int_equal(r32(b->uart, MIS), 0);
    w32(b->uart, ICR, INT_RX);
    assert_int_equal(r32(b->uart, RIS), 0);
    arrive(b, 5, 1); /* still above the level */
    assert_int_equal(r32(b->uart, RIS), INT_RX);
    w32(b->uart, ICR, INT_ALL & ~INT_RX);
    assert_int_equal(r32(b->uart, RIS), INT_RX);
}

/* 32 bit periods after the last character, when the FIFO holds something. */
static void receive_timeout(void **state)
{
    const uint64_t period = 32ull * 16 * (13 * 64 + 1) * 1000000000 / 64 / 24000000;
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, IMSC, INT_RT);
    arrive(b, 'a', 1);
    rig_advance(b->m, period - 1000);
    assert_false(b->m->level[0]);
    arrive(b, 'b', 1); /* starts the period anew */
    rig_advance(b->m, period - 1000);
    assert_false(b->m->level[0]);
    rig_advance(b->m, 1000);
    assert_true(b->m->level[0]);
    assert_int_equal(r32(b->uart, MIS), INT_RT);
    r32(b->uart, DR);
    assert_true(b->m->level[0]); /* until the FIFO is empty */
    r32(b->uart, DR);
    assert_false(b->m->level[0]);
    rig_advance(b->m, 10 * period);
    assert_false(b->m->level[0]);
    arrive(b, 'c', 1);
    rig_advance(b->m, period);
    assert_true(b->m->level[0]);
    w32(b->uart, ICR, INT_RT);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->uart, DR), 'c');
}

/* Switching the FIFOs empties them, and the sender hears of the room. */
static void fifo_switch_flushes(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    arrive(b, 0, 16);
    assert_int_equal(r32(b->uart, RIS), INT_RX);
    const unsigned before = b->m->accepted;
    w32(b->uart, LCR_H, 0x60);
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE);
    assert_int_equal(r32(b->uart, RIS), 0);
    assert_true(b->m->accepted > before);
    arrive(b, 7, 1);
    w32(b->uart, LCR_H, 0x40); /* the FIFO bit stays: nothing is lost */
    assert_int_equal(r32(b->uart, DR), 7);
}

static void loop_back(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, CR, CR_ON | CR_LBE);
    assert_int_equal(arrive(b, 'z', 1), 1); /* the line is not looked at */
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE);
    for (unsigned i = 0; i < 16; i++)
        w32(b->uart, DR, 0x30 + i);
    assert_int_equal(b->m->sent_count, 0);
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFF);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(r32(b->uart, DR), 0x30 + i);
    assert_int_equal(r32(b->uart, RSR), 0);
}

static void overrun(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, IMSC, INT_OE);
    w32(b->uart, CR, CR_ON | CR_LBE);
    for (unsigned i = 0; i < 17; i++)
        w32(b->uart, DR, i);
    assert_true(b->m->level[0]);
    assert_int_equal(r32(b->uart, RSR), 8);
    assert_int_equal(r32(b->uart, DR), 0x800); /* character 0 with the overrun flag */
    w32(b->uart, DR, 100);                     /* there is room again: the flag goes */
    for (unsigned i = 1; i < 16; i++)
        assert_int_equal(r32(b->uart, DR), i);
    assert_int_equal(r32(b->uart, DR), 100);
    assert_int_equal(r32(b->uart, RSR), 8);
    w32(b->uart, RSR, 0); /* UARTECR: any value */
    assert_int_equal(r32(b->uart, RSR), 0);
    assert_true(b->m->level[0]);
    w32(b->uart, ICR, INT_OE);
    assert_false(b->m->level[0]);
}

/* DTR, RTS, Out1, Out2 come back as DSR, CTS, DCD, RI, with an interrupt for each change. */
static void loop_back_of_modem_lines(void **state)
{
    static const struct {
        uint32_t out, in, interrupt;
    } lines[4] = {
        {1 << 10, 0x002, 8}, {1 << 11, 0x001, 2}, {1 << 12, 0x004, 4}, {1 << 13, 0x100, 1}};
    struct bench *b = *state;
    w32(b->uart, CR, 0xff01); /* outputs alone move no input */
    assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE);
    w32(b->uart, CR, CR_ON | CR_LBE);
    assert_int_equal(r32(b->uart, RIS), 0);
    w32(b->uart, IMSC, 0xf);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned up = 1; up <= 1; up--) {
            w32(b->uart, CR, CR_ON | CR_LBE | (up ? lines[i].out : 0));
            assert_int_equal(r32(b->uart, FR), FR_TXFE | FR_RXFE | (up ? lines[i].in : 0));
            assert_int_equal(r32(b->uart, MIS), lines[i].interrupt);
            assert_true(b->m->level[0]);
            w32(b->uart, ICR, lines[i].interrupt);
            assert_false(b->m->level[0]);
        }
    }
}

/* The sender that waited for room hears of it when a reset makes some. */
static void reset_with_characters(void **state)
{
    struct bench *b = *state;
    start(b, FEN);
    w32(b->uart, IMSC, INT_ALL);
    arrive(b, 0, 20);
    assert_true(b->m->level[0]);
    const unsigned before = b->m->accepted;
    device_reset(b->uart);
    assert_true(b->m->accepted > before);
    assert_false(b->m->level[0]);
    rig_check_reset_values(b->uart, NULL);
    assert_int_equal(arrive(b, 1, 2), 1); /* FIFOs are off */
}

/* A divisor of zero and an unconnected line. */
static void odd_settings(void **state)
{
    struct bench *b = *state;
    arrive(b, 1, 1);
    rig_advance(b->m, 0);
    assert_int_equal(r32(b->uart, RIS), INT_RX | INT_RT);
    struct device *alone = rig_device(b->m, &pl011_class, UART_BASE, NULL);
    w32(alone, CR, CR_ON);
    w32(alone, DR, 'q');
    assert_int_equal(r32(alone, DR), 0);
    w32(alone, LCR_H, FEN);
    device_destroy(alone);
    assert_int_equal(b->m->sent_count, 0);
    assert_int_equal(b->m->warnings, 0);
    w32(b->uart, CR, 0);
    w32(b->uart, DR, 'q'); /* goes out, and is told of */
    assert_int_equal(b->m->sent_count, 1);
    assert_int_equal(b->m->warnings, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_values),
        TEST(writable_bits),
        TEST(identification),
        TEST(transmit),
        TEST(transmit_interrupt_needs_a_transition),
        TEST(receive_without_fifo),
        TEST(fifo_levels),
        TEST(receive_interrupt_is_cleared),
        TEST(receive_timeout),
        TEST(fifo_switch_flushes),
        TEST(loop_back),
        TEST(overrun),
        TEST(loop_back_of_modem_lines),
        TEST(reset_with_characters),
        TEST(odd_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
