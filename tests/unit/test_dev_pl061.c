/* SPDX-License-Identifier: MIT */
/* PL061 against its manual (Arm DDI 0190): every register, masked data accesses, interrupts on
 * levels and edges. */

#include "dev_rig.h"

#include "device/pl061.h"

#define POWER_KEY 3

enum {
    DATA = 0x3fc, /* all eight lines */
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c,
    AFSEL = 0x420,
};

struct bench {
    struct machine *m;
    struct device *gpio;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->m = rig_create();
    b->gpio = rig_device(b->m, &pl061_class, 0x20060000, NULL);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    device_destroy(b->gpio);
    rig_destroy(b->m);
    free(b);
    return 0;
}

static void registers(void **state)
{
    static const uint32_t stored[] = {DIR, IS, IBE, IEV, IE, AFSEL};
    static const uint8_t ids[8] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    struct bench *b = *state;
    rig_check_reset_values(b->gpio, NULL);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(r32(b->gpio, 0xfe0 + 4 * i), ids[i]);
    b->m->warnings = 0;
    for (unsigned i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
        w32(b->gpio, stored[i], UINT32_MAX);
        assert_int_equal(r32(b->gpio, stored[i]), 0xff);
        w32(b->gpio, stored[i], 0x5a);
        assert_int_equal(device_read(b->gpio, stored[i], 1), 0x5a);
        w32(b->gpio, stored[i], 0);
    }
    assert_int_equal(b->m->warnings, 0);
    r32(b->gpio, 0x424);
    w32(b->gpio, 0xfe0, 1);
    assert_int_equal(b->m->warnings, 2);
}

/* Address bits 9:2 say which bits a data access reads and writes. */
static void masked_data(void **state)
{
    struct bench *b = *state;
    w32(b->gpio, DIR, 0xff);
    for (unsigned mask = 0; mask < 256; mask++) {
        w32(b->gpio, DATA, 0xa5);
        w32(b->gpio, mask << 2, 0x3c);
        assert_int_equal(r32(b->gpio, DATA), (0xa5 & ~mask) | (0x3c & mask));
        assert_int_equal(r32(b->gpio, mask << 2), 0x3c & mask);
    }
    assert_int_equal(r32(b->gpio, 0), 0);
}

static void inputs_and_outputs(void **state)
{
    struct bench *b = *state;
    w32(b->gpio, DIR, 0xf0);
    w32(b->gpio, DATA, 0xff);
    assert_int_equal(r32(b->gpio, DATA), 0xf0); /* inputs are pulled down */
    pl061_set_input(b->gpio, 0, true);
    pl061_set_input(b->gpio, 7, true);
    w32(b->gpio, DATA, 0);
    assert_int_equal(r32(b->gpio, DATA), 0x01); /* an output is what the guest wrote */
    w32(b->gpio, DIR, 0);
    assert_int_equal(r32(b->gpio, DATA), 0x81);
    w32(b->gpio, DATA, 0xff); /* no output, no effect */
    w32(b->gpio, DIR, 0xff);
    assert_int_equal(r32(b->gpio, DATA), 0x00);
}

/* Presses or releases line 3 and tells whether the edge was seen; clears it. */
static bool edge(struct bench *b, bool level)
{
    pl061_set_input(b->gpio, POWER_KEY, level);
    const bool raised = b->m->level[0];
    assert_int_equal(r32(b->gpio, RIS), raised ? 8 : 0);
    assert_int_equal(r32(b->gpio, MIS), raised ? 8 : 0);
    w32(b->gpio, IC, 0xf7);
    assert_int_equal(b->m->level[0], raised);
    w32(b->gpio, IC, 8);
    assert_false(b->m->level[0]);
    return raised;
}

static void edges(void **state)
{
    struct bench *b = *state;
    w32(b->gpio, IE, 0xff);
    assert_false(edge(b, true)); /* falling */
    assert_true(edge(b, false));
    w32(b->gpio, IEV, 8); /* rising */
    assert_true(edge(b, true));
    assert_false(edge(b, true)); /* no change, no edge */
    assert_false(edge(b, false));
    w32(b->gpio, IBE, 8); /* both */
    assert_true(edge(b, true));
    assert_true(edge(b, false));
    w32(b->gpio, IEV, 0);
    assert_true(edge(b, true));
    assert_true(edge(b, false));
}

static void levels(void **state)
{
    struct bench *b = *state;
    w32(b->gpio, IEV, 8);
    w32(b->gpio, IS, 8);
    w32(b->gpio, IE, 8);
    pl061_set_input(b->gpio, POWER_KEY, true);
    assert_true(b->m->level[0]);
    w32(b->gpio, IC, 0xff); /* a level is not cleared */
    assert_true(b->m->level[0]);
    assert_int_equal(r32(b->gpio, RIS), 8);
    pl061_set_input(b->gpio, POWER_KEY, false);
    assert_false(b->m->level[0]);
    w32(b->gpio, IEV, 0); /* low */
    assert_true(b->m->level[0]);
    w32(b->gpio, IE, 0);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->gpio, RIS), 8);
    assert_int_equal(r32(b->gpio, MIS), 0);
}

static void masked_interrupt_stays(void **state)
{
    struct bench *b = *state;
    w32(b->gpio, IEV, 0xff);
    pl061_set_input(b->gpio, POWER_KEY, true);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->gpio, RIS), 8);
    assert_int_equal(r32(b->gpio, MIS), 0);
    w32(b->gpio, IE, 8);
    assert_true(b->m->level[0]);
    pl061_set_input(b->gpio, POWER_KEY, false); /* an edge is remembered */
    assert_true(b->m->level[0]);
    w32(b->gpio, IC, 8);
    assert_false(b->m->level[0]);
}

static void reset_keeps_the_lines(void **state)
{
    struct bench *b = *state;
    w32(b->gpio, IEV, 0xff);
    w32(b->gpio, IE, 0xff);
    pl061_set_input(b->gpio, POWER_KEY, true);
    device_reset(b->gpio);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->gpio, RIS), 0);
    assert_int_equal(r32(b->gpio, DATA), 8); /* still pressed */
    pl061_set_input(b->gpio, POWER_KEY, false);
    assert_int_equal(r32(b->gpio, RIS), 8); /* GPIOIEV is 0: falling */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers),
        TEST(masked_data),
        TEST(inputs_and_outputs),
        TEST(edges),
        TEST(levels),
        TEST(masked_interrupt_stays),
        TEST(reset_keeps_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
