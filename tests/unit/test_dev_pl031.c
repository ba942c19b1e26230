/* SPDX-License-Identifier: MIT */
/* PL031 against its manual (Arm DDI 0224): every register, setting the clock, the alarm. */

#include "dev_rig.h"

#include "device/pl031.h"

#define SECOND 1000000000ull

enum {
    DR = 0x00,
    MR = 0x04,
    LR = 0x08,
    CR = 0x0c,
    IMSC = 0x10,
    RIS = 0x14,
    MIS = 0x18,
    ICR = 0x1c
};

struct bench {
    struct machine *m;
    struct device *rtc;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->m = rig_create();
    b->rtc = rig_device(b->m, &pl031_class, 0x20050000, NULL);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    device_destroy(b->rtc);
    rig_destroy(b->m);
    free(b);
    return 0;
}

static void registers(void **state)
{
    struct bench *b = *state;
    static const uint8_t ids[8] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    static const uint32_t clock[] = {DR, UINT32_MAX};
    rig_check_reset_values(b->rtc, clock);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(r32(b->rtc, 0xfe0 + 4 * i), ids[i]);
    b->m->warnings = 0;
    assert_int_equal(r32(b->rtc, DR), RIG_SECONDS);
    w32(b->rtc, MR, 0xdeadbeef);
    assert_int_equal(r32(b->rtc, MR), 0xdeadbeef);
    w32(b->rtc, IMSC, UINT32_MAX);
    assert_int_equal(r32(b->rtc, IMSC), 1);
    w32(b->rtc, CR, 0); /* the clock cannot be stopped */
    assert_int_equal(r32(b->rtc, CR), 1);
    assert_int_equal(r32(b->rtc, ICR), 0);
    assert_int_equal(b->m->warnings, 1); /* ICR is write-only */
    r32(b->rtc, 0x20);
    w32(b->rtc, DR, 1);
    assert_int_equal(b->m->warnings, 3);
    assert_int_equal(r32(b->rtc, DR), RIG_SECONDS);
}

static void counts_seconds(void **state)
{
    struct bench *b = *state;
    rig_advance(b->m, SECOND - 1);
    assert_int_equal(r32(b->rtc, DR), RIG_SECONDS);
    rig_advance(b->m, 1);
    assert_int_equal(r32(b->rtc, DR), RIG_SECONDS + 1);
}

static void setting_the_clock(void **state)
{
    struct bench *b = *state;
    w32(b->rtc, LR, 1000);
    assert_int_equal(r32(b->rtc, LR), 1000);
    assert_int_equal(r32(b->rtc, DR), 1000);
    rig_advance(b->m, 5 * SECOND);
    assert_int_equal(r32(b->rtc, DR), 1005);
    assert_int_equal(r32(b->rtc, LR), 1000); /* what was loaded, not the time */
    w32(b->rtc, LR, 0xfffffffe);
    rig_advance(b->m, 3 * SECOND);
    assert_int_equal(r32(b->rtc, DR), 1); /* 32 bits wrap */
    device_reset(b->rtc);
    assert_int_equal(r32(b->rtc, DR), 1); /* as if a battery had kept it */
    assert_int_equal(r32(b->rtc, LR), 0);
}

static void alarm(void **state)
{
    struct bench *b = *state;
    w32(b->rtc, IMSC, 1);
    w32(b->rtc, MR, RIG_SECONDS + 10);
    rig_advance(b->m, 9 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 0);
    rig_advance(b->m, 2 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 1);
    assert_int_equal(r32(b->rtc, MIS), 1);
    assert_true(b->m->level[0]);
    w32(b->rtc, ICR, 0);
    assert_true(b->m->level[0]);
    w32(b->rtc, IMSC, 0);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->rtc, MIS), 0);
    assert_int_equal(r32(b->rtc, RIS), 1); /* raw status knows no mask */
    w32(b->rtc, IMSC, 1);
    assert_true(b->m->level[0]);
    w32(b->rtc, ICR, 1);
    assert_false(b->m->level[0]);
    rig_advance(b->m, 100 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 0); /* once */
}

static void alarm_moves_with_the_clock(void **state)
{
    struct bench *b = *state;
    w32(b->rtc, MR, RIG_SECONDS + 100);
    w32(b->rtc, LR, RIG_SECONDS + 95);
    rig_advance(b->m, 4 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 0);
    rig_advance(b->m, 2 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 1);
    w32(b->rtc, ICR, 1);
    w32(b->rtc, MR, r32(b->rtc, DR)); /* equal now */
    rig_advance(b->m, 0);
    assert_int_equal(r32(b->rtc, RIS), 1);
    w32(b->rtc, ICR, 1);
    w32(b->rtc, MR, r32(b->rtc, DR) - 1); /* just missed: in 2^32 seconds */
    rig_advance(b->m, 1000000 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 0);
    rig_advance(b->m, 4293967296 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 1);
}

/* The host's clock is set back and forth while an alarm is armed. */
static void host_clock_changes(void **state)
{
    struct bench *b = *state;
    w32(b->rtc, MR, RIG_SECONDS + 10);
    b->m->wall_offset = (uint64_t)-60;
    rig_advance(b->m, 11 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 0); /* it is not that late yet */
    rig_advance(b->m, 60 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 1);
}

static void reset_ends_the_alarm(void **state)
{
    struct bench *b = *state;
    w32(b->rtc, IMSC, 1);
    w32(b->rtc, MR, RIG_SECONDS + 1);
    rig_advance(b->m, 2 * SECOND);
    assert_true(b->m->level[0]);
    w32(b->rtc, MR, RIG_SECONDS + 10);
    device_reset(b->rtc);
    assert_false(b->m->level[0]);
    assert_int_equal(r32(b->rtc, RIS), 0);
    rig_advance(b->m, 20 * SECOND);
    assert_int_equal(r32(b->rtc, RIS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers),
        TEST(counts_seconds),
        TEST(setting_the_clock),
        TEST(alarm),
        TEST(alarm_moves_with_the_clock),
        TEST(host_clock_changes),
        TEST(reset_ends_the_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
