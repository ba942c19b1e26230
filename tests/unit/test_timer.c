/* SPDX-License-Identifier: MIT */
/* The generic timers under a clock that the test turns: conditions, wires, offsets, TVAL,
 * deadlines, the event stream. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu_rig.h"

#define CNTVCT    A64_SYSREG(3, 3, 14, 0, 2)
#define CNTPCT    A64_SYSREG(3, 3, 14, 0, 1)
#define CNTP_TVAL A64_SYSREG(3, 3, 14, 2, 0)
#define CNTP_CTL  A64_SYSREG(3, 3, 14, 2, 1)
#define CNTV_CTL  A64_SYSREG(3, 3, 14, 3, 1)
#define CNTV_CVAL A64_SYSREG(3, 3, 14, 3, 2)
#define CNTV_TVAL A64_SYSREG(3, 3, 14, 3, 0)
#define CNTHCTL   A64_SYSREG(3, 4, 14, 1, 0)
#define CNTKCTL   A64_SYSREG(3, 0, 14, 1, 0)
#define CNTVOFF   A64_SYSREG(3, 4, 14, 0, 3)
#define CNTPOFF   A64_SYSREG(3, 4, 14, 0, 6)
#define SYNC      A64_SYNC

static int setup(void **state)
{
    *state = cpu_rig_new("max", true);
    return 0;
}

static int teardown(void **state)
{
    cpu_rig_free(*state);
    return 0;
}

static void turn(struct cpu_rig *rig, uint64_t ticks)
{
    rig->now = ticks;
    a64_timer_update(rig->cpu);
}

static void each_timer_has_its_wire(void **state)
{
    static const struct {
        enum a64_timer_id id;
        unsigned ppi;
    } cases[] = {
        {A64_TIMER_VIRT, 27}, {A64_TIMER_PHYS, 30}, {A64_TIMER_HYP, 26}, {A64_TIMER_HYPVIRT, 28}};
    struct cpu_rig *rig = *state;
    for (unsigned k = 0; k < 4; k++) {
        const enum a64_timer_id id = cases[k].id;
        turn(rig, 1000);
        a64_timer_set_cval(rig->cpu, id, 2000);
        a64_timer_set_ctl(rig->cpu, id, 1);
        assert_int_equal(a64_timer_ctl(rig->cpu, id), 1);
        assert_int_equal(rig->deadline, 2000);
        turn(rig, 1999);
        assert_false(rig->wire[cases[k].ppi]);
        turn(rig, 2000);
        assert_true(rig->wire[cases[k].ppi]);
        assert_int_equal(a64_timer_ctl(rig->cpu, id), 5);
        assert_int_equal(rig->deadline, ~0ull);
        a64_timer_set_ctl(rig->cpu, id, 3);
        assert_false(rig->wire[cases[k].ppi]);
        assert_int_equal(a64_timer_ctl(rig->cpu, id), 7);
        a64_timer_set_ctl(rig->cpu, id, 1);
        assert_true(rig->wire[cases[k].ppi]);
        a64_timer_set_cval(rig->cpu, id, 9000);
        assert_false(rig->wire[cases[k].ppi]);
        a64_timer_set_ctl(rig->cpu, id, 0);
        assert_int_equal(rig->deadline, ~0ull);
    }
}

static void tval_is_signed_and_32_bits(void **state)
{
    struct cpu_rig *rig = *state;
    rig->now = 0x100000000;
    a64_timer_set_tval(rig->cpu, A64_TIMER_PHYS, 0xffffffff); /* -1 */
    assert_int_equal(rig->cpu->timer[A64_TIMER_PHYS].cval, 0xffffffff);
    assert_int_equal(a64_timer_tval(rig->cpu, A64_TIMER_PHYS), 0xffffffff);
    a64_timer_set_tval(rig->cpu, A64_TIMER_PHYS, 0x7fffffff);
    assert_int_equal(rig->cpu->timer[A64_TIMER_PHYS].cval, 0x17fffffff);
    rig->now += 0x80000004ull;
    assert_int_equal(a64_timer_tval(rig->cpu, A64_TIMER_PHYS), 0xfffffffb);
    assert_int_equal(a64_timer_ctl(rig->cpu, A64_TIMER_PHYS) & 4, 4);
}

static void offsets(void **state)
{
    struct cpu_rig *rig = *state;
    struct a64_cpu *cpu = rig->cpu;
    rig->now = 10000;
    cpu_rig_msr(cpu, CNTVOFF, 3000);
    cpu_rig_msr(cpu, CNTHCTL, 3);
    assert_int_equal(cpu_rig_mrs(cpu, CNTPCT, NULL), 10000);
    assert_int_equal(cpu_rig_mrs(cpu, CNTVCT, NULL), 7000); /* EL2, E2H = 0 */
    cpu->sr.hcr_el2 = A64_HCR_E2H;
    assert_int_equal(cpu_rig_mrs(cpu, CNTVCT, NULL), 10000);
    cpu_rig_mode(cpu, 5);
    cpu->sr.cnthctl_el2 = 3 << 10;
    assert_int_equal(cpu_rig_mrs(cpu, CNTVCT, NULL), 7000);
    assert_int_equal(cpu_rig_mrs(cpu, CNTPCT, NULL), 10000);
    cpu->sr.cnthctl_el2 |= 1 << 12; /* ECV */
    cpu->sr.cntpoff_el2 = 400;
    assert_int_equal(cpu_rig_mrs(cpu, CNTPCT, NULL), 9600);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 3, 14, 0, 5), NULL), 9600);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 3, 14, 0, 6), NULL), 7000);
    cpu->sr.hcr_el2 = A64_HCR_E2H | A64_HCR_TGE;
    cpu_rig_mode(cpu, 0);
    cpu->sr.cnthctl_el2 |= 3;
    assert_int_equal(cpu_rig_mrs(cpu, CNTVCT, NULL), 10000);
    cpu->vtimer_offset = 10;
    assert_int_equal(cpu_rig_mrs(cpu, CNTVCT, NULL), 9990);
    assert_int_equal(cpu_rig_mrs(cpu, CNTPCT, NULL), 9990);
}

/* Without EL2 the monitor's offset is the virtual counter's alone, and moves CNTV's condition. */
static void monitor_offset(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    struct a64_cpu *cpu = rig->cpu;
    assert_int_equal(cpu_rig_mrs(cpu, CNTP_CTL, NULL), 4); /* disabled, condition met */
    rig->now = 5000;
    cpu->vtimer_offset = 4000;
    assert_int_equal(cpu_rig_mrs(cpu, CNTVCT, NULL), 1000);
    assert_int_equal(cpu_rig_mrs(cpu, CNTPCT, NULL), 5000);
    assert_int_equal(cpu_rig_msr(cpu, CNTV_CVAL, 1500), SYNC);
    cpu_rig_msr(cpu, CNTV_CTL, 1);
    assert_int_equal(rig->deadline, 5500);
    cpu->vtimer_offset = 3000;
    a64_timer_update(cpu);
    assert_true(rig->wire[27]);
    cpu_rig_free(rig);
}

static void nearest_deadline(void **state)
{
    struct cpu_rig *rig = *state;
    rig->now = 100;
    a64_timer_set_cval(rig->cpu, A64_TIMER_VIRT, 900);
    a64_timer_set_ctl(rig->cpu, A64_TIMER_VIRT, 1);
    a64_timer_set_cval(rig->cpu, A64_TIMER_HYP, 500);
    a64_timer_set_ctl(rig->cpu, A64_TIMER_HYP, 1);
    a64_timer_set_cval(rig->cpu, A64_TIMER_PHYS, 200);
    a64_timer_set_ctl(rig->cpu, A64_TIMER_PHYS, 3); /* masked: no deadline */
    assert_int_equal(a64_timer_next(rig->cpu), 500);
    turn(rig, 600);
    assert_int_equal(rig->deadline, 900);
    a64_timer_set_cval(rig->cpu, A64_TIMER_VIRT, ~0ull);
    assert_int_equal(rig->deadline, ~0ull);
}

/* Time goes on while the timers are looked at: what they come to meanwhile must not be lost. */
static void none_is_missed(void **state)
{
    struct cpu_rig *rig = *state;
    rig->pace = 1;
    for (uint64_t ahead = 0; ahead < 100; ahead++) {
        a64_timer_set_ctl(rig->cpu, A64_TIMER_VIRT, 0);
        rig->now = 1000;
        a64_timer_set_cval(rig->cpu, A64_TIMER_VIRT, 1000 + ahead);
        a64_timer_set_ctl(rig->cpu, A64_TIMER_VIRT, 1);
        assert_true(rig->wire[27] || rig->deadline == 1000 + ahead);
    }
}

/* CNTKCTL_EL1: EVNTEN, EVNTI = 4, on the rise of bit 4, that is at 16, 48, 80 ... */
static void event_stream(void **state)
{
    struct cpu_rig *rig = *state;
    struct a64_cpu *cpu = rig->cpu;
    rig->now = 1000; /* 1008 is next: 1000 = 31 * 32 + 8 */
    cpu_rig_msr(cpu, CNTKCTL, 4 << 4 | 1 << 2);
    cpu->event = false;
    assert_int_equal(a64_timer_next_event(cpu), 1008);
    assert_int_equal(a64_timer_next(cpu), ~0ull);
    turn(rig, 1007);
    assert_false(cpu->event);
    turn(rig, 1008);
    assert_true(cpu->event);
    cpu->event = false;
    assert_int_equal(a64_timer_next_event(cpu), 1040);
    turn(rig, 1039);
    assert_false(cpu->event);
    turn(rig, 1105);
    assert_true(cpu->event);
    cpu_rig_msr(cpu, CNTKCTL, 4 << 4 | 1 << 3 | 1 << 2); /* on the fall: multiples of 32 */
    assert_int_equal(a64_timer_next_event(cpu), 1120);
    cpu_rig_msr(cpu, CNTKCTL, 0);
    assert_int_equal(a64_timer_next_event(cpu), ~0ull);
}

/* Who may use what: CNTKCTL_EL1 for EL0, CNTHCTL_EL2 for EL1, in both layouts. */
static void permissions(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr, kctl, hctl;
        unsigned enc, target; /* 0: allowed */
    } cases[] = {
        {0, 0, 0, 3, CNTVCT, 1},
        {0, 0, 2, 3, CNTVCT, 0},
        {0, 0, 1, 3, CNTVCT, 1},
        {0, 0, 1, 3, CNTPCT, 0},
        {0, 0, 1, 0, CNTPCT, 2},
        {5, 0, 0, 0, CNTPCT, 2},
        {5, 0, 0, 1, CNTPCT, 0},
        {5, 0, 0, 1, CNTP_CTL, 2},
        {5, 0, 0, 2, CNTP_CTL, 0},
        {5, 0, 0, 0, CNTV_CTL, 0},
        {5, 0, 0, 1 << 13, CNTV_CTL, 2},
        {5, 0, 0, 1 << 14, CNTVCT, 2},
        {0, 0, 1 << 8, 0, CNTV_TVAL, 0},
        {0, 0, 1 << 9, 0, CNTV_TVAL, 1},
        {0, 0, 1 << 9, 2, CNTP_TVAL, 0},
        {5, A64_HCR_E2H, 0, 3, CNTPCT, 2},
        {5, A64_HCR_E2H, 0, 1 << 10, CNTPCT, 0},
        {5, A64_HCR_E2H, 0, 1 << 11, CNTP_CTL, 0},
        {0, A64_HCR_E2H | A64_HCR_TGE, 0x3ff, 0, CNTPCT, 2},
        {0, A64_HCR_E2H | A64_HCR_TGE, 0, 1, CNTPCT, 0},
        {0, A64_HCR_E2H | A64_HCR_TGE, 0, 1 << 9, CNTP_CTL, 0},
        {0, A64_HCR_E2H | A64_HCR_TGE, 0, 1 << 8, CNTP_CTL, 2},
        {9, 0, 0, 0, CNTPCT, 0},
        {9, 0, 0, 0, CNTP_CTL, 0},
    };
    struct a64_cpu *cpu = ((struct cpu_rig *)*state)->cpu;
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        int status;
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu->sr.cntkctl_el1 = cases[k].kctl;
        cpu->sr.cnthctl_el2 = cases[k].hctl;
        cpu_rig_mode(cpu, cases[k].mode);
        cpu_rig_mrs(cpu, cases[k].enc, &status);
        assert_int_equal(status, cases[k].target ? A64_FAULT : A64_NEXT);
        if (status == A64_FAULT) {
            assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
            assert_int_equal(cpu->exc.target_el, cases[k].target);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_timer_has_its_wire),
        TEST(tval_is_signed_and_32_bits),
        TEST(offsets),
        TEST(monitor_offset),
        TEST(nearest_deadline),
        TEST(none_is_missed),
        TEST(event_stream),
        TEST(permissions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
