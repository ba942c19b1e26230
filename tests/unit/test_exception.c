/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts against tables worked out by hand from Arm ARM D1.3: entry from every
 * mode, routing, syndromes, returns legal and illegal, masking of interrupts at every EL. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu_rig.h"

#define VBAR1 0x10000ull
#define VBAR2 0x20000ull
#define NO_EL 0xff
#define TGE   A64_HCR_TGE
#define E2H   A64_HCR_E2H

static int setup(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("max", true);
    rig->cpu->sr.vbar[1] = VBAR1;
    rig->cpu->sr.vbar[2] = VBAR2;
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    cpu_rig_free(*state);
    return 0;
}

static struct a64_cpu *cpu_of(void **state)
{
    return ((struct cpu_rig *)*state)->cpu;
}

/* ---- entry ---- */

static void vectors(void **state)
{
    static const struct {
        unsigned mode, target;
        uint64_t hcr, vector;
        unsigned mode_after;
    } cases[] = {
        {0, 0, 0, VBAR1 + 0x400, 5},         {4, 0, 0, VBAR1 + 0x000, 5},
        {5, 0, 0, VBAR1 + 0x200, 5},         {8, 0, 0, VBAR2 + 0x000, 9},
        {9, 0, 0, VBAR2 + 0x200, 9},         {0, 2, 0, VBAR2 + 0x400, 9},
        {5, 2, 0, VBAR2 + 0x400, 9},         {0, 0, TGE, VBAR2 + 0x400, 9},
        {0, 0, TGE | E2H, VBAR2 + 0x400, 9}, {0, 1, TGE, VBAR2 + 0x400, 9},
        {0, 0, E2H, VBAR1 + 0x400, 5},       {5, 0, E2H, VBAR1 + 0x200, 5},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu_rig_mode(cpu, cases[k].mode);
        cpu->pc = 0x4000;
        a64_raise(cpu, A64_EC_UNKNOWN, 0, cases[k].target);
        a64_take_exception(cpu);
        assert_int_equal(cpu->pc, cases[k].vector);
        assert_int_equal(a64_get_spsr(cpu) & 0xf, cases[k].mode_after);
        const unsigned el = cases[k].mode_after >> 2;
        assert_int_equal(cpu->sr.elr[el], 0x4000);
        assert_int_equal(cpu->sr.spsr[el] & 0xf, cases[k].mode);
        assert_int_equal(cpu->sr.esr[el], 0x02000000);
    }
}

static void syndromes(void **state)
{
    static const struct {
        unsigned mode;
        enum a64_ec ec;
        uint32_t iss, esr;
        bool has_far;
    } cases[] = {
        {0, A64_EC_DABT_LOW, 0x1234007, 0x93234007, true},
        {5, A64_EC_DABT_LOW, 0x45, 0x96000045, true},
        {0, A64_EC_IABT, 0x07, 0x82000007, true},
        {5, A64_EC_IABT, 0x0f, 0x86000000 | 0x0f, true},
        {0, A64_EC_PC_ALIGN, 0, 0x8a000000, true},
        {5, A64_EC_SP_ALIGN, 0, 0x9a000000, false},
        {0, A64_EC_SVC, 0xabcd, 0x5600abcd, false},
        {5, A64_EC_BRK, 1, 0xf2000001, false},
        {0, A64_EC_BREAK_LOW, 0x22, 0xc2000022, false},
        {5, A64_EC_BREAK_LOW, 0x22, 0xc6000022, false},
        {0, A64_EC_STEP_LOW, 0x22, 0xca000022, false},
        {5, A64_EC_STEP, 0x22, 0xce000022, false},
        {5, A64_EC_WATCH_LOW, 0x62, 0xd6000062, true},
        {0, A64_EC_BTI, 2, 0x36000002, false},
        {0, A64_EC_FP, 0x1e00000, 0x1fe00000, false},
        {0, A64_EC_ILLEGAL, 0, 0x3a000000, false},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu_rig_mode(cpu, cases[k].mode);
        cpu->sr.far[1] = 0x1111;
        a64_raise_far(cpu, cases[k].ec, cases[k].iss, 0xffff000012345678, 0);
        a64_take_exception(cpu);
        assert_int_equal(cpu->sr.esr[1], cases[k].esr);
        assert_int_equal(cpu->sr.far[1], cases[k].has_far ? 0xffff000012345678 : 0x1111);
    }
}

static void stage2_fault_tells_the_ipa(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 5);
    a64_raise_far(cpu, A64_EC_DABT_LOW, 0x47, 0xffff800000001234, 2);
    cpu->exc.stage2 = true;
    cpu->exc.ipa = 0x812345678;
    a64_take_exception(cpu);
    assert_int_equal(cpu->sr.esr[2], 0x92000047);
    assert_int_equal(cpu->sr.hpfar_el2, 0x8123450);
    assert_int_equal(cpu->sr.far[2], 0xffff800000001234);
}

static void svc_returns_behind_itself(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 0);
    cpu->pc = 0x8000;
    a64_raise(cpu, A64_EC_SVC, 0, 0);
    cpu->exc.after = true;
    a64_take_exception(cpu);
    assert_int_equal(cpu->sr.elr[1], 0x8004);
}

static void pstate_on_entry(void **state)
{
    static const struct {
        unsigned target;
        uint64_t hcr, sctlr;
        bool pan, ssbs;
    } cases[] = {
        {1, 0, 0, true, false},
        {1, 0, A64_SCTLR_SPAN, false, false},
        {1, 0, A64_SCTLR_DSSBS | A64_SCTLR_SPAN, false, true},
        {2, 0, 0, false, false},
        {2, E2H, 0, false, false},
        {2, E2H | TGE, 0, true, false},
        {2, E2H | TGE, A64_SCTLR_SPAN | A64_SCTLR_DSSBS, false, true},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu->sr.sctlr[cases[k].target] = cases[k].sctlr;
        a64_set_spsr(cpu, 0xa1901c00); /* N, C, V?; DIT, UAO, IL, SSBS, BTYPE 3; EL0 */
        assert_int_equal(a64_get_spsr(cpu), 0xa1901c00);
        a64_raise(cpu, A64_EC_ILLEGAL, 0, cases[k].target);
        a64_take_exception(cpu);
        assert_int_equal(cpu->sr.spsr[cases[k].target], 0xa1901c00);
        const uint64_t expect = 0xa1000000 | (cases[k].pan ? 1 << 22 : 0) |
                                (cases[k].ssbs ? 1 << 12 : 0) | 0x3c0 | cases[k].target << 2 | 1;
        assert_int_equal(a64_get_spsr(cpu), expect);
    }
}

static void stack_pointers_are_banked(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 0);
    cpu->sp = 0x100;
    a64_set_sp_el(cpu, 1, 0x200);
    a64_set_sp_el(cpu, 2, 0x300);
    a64_raise(cpu, A64_EC_SVC, 0, 0);
    a64_take_exception(cpu);
    assert_int_equal(cpu->sp, 0x200);
    cpu->sp = 0x210;
    a64_raise(cpu, A64_EC_HVC, 0, 2);
    a64_take_exception(cpu);
    assert_int_equal(cpu->sp, 0x300);
    assert_int_equal(a64_get_sp_el(cpu, 0), 0x100);
    assert_int_equal(a64_get_sp_el(cpu, 1), 0x210);
    assert_int_equal(a64_get_sp_el(cpu, 2), 0x300);
    cpu_rig_mode(cpu, 8);
    assert_int_equal(cpu->sp, 0x100);
}

/* ---- return ---- */

static void legal_returns(void **state)
{
    static const uint32_t modes[][2] = {{5, 0}, {5, 4}, {5, 5}, {9, 0},
                                        {9, 4}, {9, 5}, {9, 8}, {9, 9}};
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof modes / sizeof *modes; k++) {
        cpu_rig_mode(cpu, modes[k][0]);
        cpu->excl.key = 1;
        cpu->event = false;
        cpu->sr.spsr[modes[k][0] >> 2] = 0x60400140 | modes[k][1];
        assert_int_equal(a64_exception_return(cpu, 0x1230), A64_BRANCH);
        assert_int_equal(a64_get_spsr(cpu), 0x60400140 | modes[k][1]);
        assert_int_equal(cpu->pc, 0x1230);
        assert_int_equal(cpu->excl.key, 0);
        assert_true(cpu->event);
    }
}

static void illegal_returns(void **state)
{
    static const struct {
        unsigned mode, m;
        uint64_t hcr;
    } cases[] = {
        {5, 9, 0}, {5, 8, 0},  {5, 13, 0},  {5, 1, 0},         {5, 2, 0},    {5, 0x10, 0},
        {5, 6, 0}, {9, 12, 0}, {9, 5, TGE}, {9, 4, TGE | E2H}, {9, 0x13, 0}, {9, 1, 0},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        a64_set_spsr(cpu, 0x3c0 | cases[k].mode);
        cpu->sr.spsr[cases[k].mode >> 2] = 0x90000080 | cases[k].m;
        a64_exception_return(cpu, 0x7778);
        assert_true(cpu->ps.il);
        assert_int_equal(a64_get_spsr(cpu), 0x90100080 | cases[k].mode);
        assert_int_equal(cpu->pc, 0x7778);
        assert_true(cpu->watch & A64_F_ANY);
    }
    const struct a64_insn nop = {.word = 0xd503201f, .flags = A64_F_ANY};
    assert_int_equal(a64_check_watch(cpu, &nop), A64_FAULT);
    assert_int_equal(cpu->exc.ec, A64_EC_ILLEGAL);
}

static void no_el2_no_return_to_it(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    rig->cpu->sr.spsr[1] = 0x3c9;
    a64_exception_return(rig->cpu, 0);
    assert_int_equal(a64_get_spsr(rig->cpu), 0x1003c5);
    cpu_rig_free(rig);
}

static void branch_addresses(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr, tcr, in, out;
    } cases[] = {
        {5, 0, 0, 0x1200000000001000, 0x1200000000001000},
        {5, 0, 1ull << 37, 0x1200000000001000, 0x0000000000001000},
        {5, 0, 1ull << 37, 0x12f0000000001000, 0x12f0000000001000},
        {5, 0, 1ull << 38, 0x12f0000000001000, 0xfff0000000001000},
        {5, 0, 1ull << 37 | 1ull << 51, 0x1200000000001000, 0x1200000000001000},
        {0, 0, 1ull << 38 | 1ull << 52, 0x12f0000000001000, 0x12f0000000001000},
        {9, 0, 1ull << 20, 0x12f0000000001000, 0x00f0000000001000},
        {9, 0, 1ull << 20 | 1ull << 29, 0x12f0000000001000, 0x12f0000000001000},
        {9, E2H, 1ull << 38, 0x12f0000000001000, 0xfff0000000001000},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu_rig_mode(cpu, cases[k].mode);
        cpu->sr.tcr[1] = cpu->sr.tcr[2] = cases[k].tcr;
        assert_int_equal(a64_branch_address(cpu, cases[k].in), cases[k].out);
    }
}

/* ---- interrupts ---- */

/* Where an IRQ is taken, by Arm ARM table D1-12 ff.; NO_EL: it stays pending. */
static void physical_routing(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr;
        bool masked;
        unsigned el;
    } cases[] = {
        {0, 0, false, 1},
        {0, 0, true, NO_EL},
        {5, 0, false, 1},
        {5, 0, true, NO_EL},
        {9, 0, false, NO_EL},
        {9, 0, true, NO_EL},
        {0, A64_HCR_IMO, false, 2},
        {0, A64_HCR_IMO, true, 2},
        {5, A64_HCR_IMO, false, 2},
        {5, A64_HCR_IMO, true, 2},
        {9, A64_HCR_IMO, false, 2},
        {9, A64_HCR_IMO, true, NO_EL},
        {0, TGE, false, 2},
        {0, TGE, true, 2},
        {9, TGE, false, 2},
        {0, TGE | E2H, false, 2},
        {0, TGE | E2H, true, NO_EL},
        {9, TGE | E2H, false, 2},
        {9, TGE | E2H, true, NO_EL},
        {5, E2H | A64_HCR_IMO, true, 2},
        {5, E2H, true, NO_EL},
        {5, A64_HCR_FMO | A64_HCR_AMO, false, 1},
    };
    struct a64_cpu *cpu = cpu_of(state);
    a64_set_line(cpu, A64_LINE_IRQ, true);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu_rig_mode(cpu, cases[k].mode);
        cpu->ps.daif = cases[k].masked ? 2 : 0;
        const bool taken = a64_take_interrupt(cpu);
        assert_int_equal(taken ? cpu->ps.el : NO_EL, cases[k].el);
        assert_int_equal(cpu->ps.daif, taken ? 15 : cases[k].masked ? 2 : 0);
        if (taken)
            assert_int_equal(cpu->pc & 0x180, 0x80);
        assert_true(a64_wakeup_pending(cpu));
    }
}

static void virtual_interrupts(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr;
        uint32_t line;
        unsigned daif;
        bool taken, wakes;
        unsigned vector;
    } cases[] = {
        {5, A64_HCR_IMO, A64_LINE_VIRQ, 0, true, true, 0x280},
        {5, A64_HCR_IMO, A64_LINE_VIRQ, 2, false, true, 0},
        {0, A64_HCR_IMO, A64_LINE_VIRQ, 0, true, true, 0x480},
        {5, 0, A64_LINE_VIRQ, 0, false, false, 0},
        {9, A64_HCR_IMO, A64_LINE_VIRQ, 0, false, false, 0},
        {0, A64_HCR_IMO | TGE, A64_LINE_VIRQ, 0, false, false, 0},
        {5, A64_HCR_IMO | A64_HCR_VI, 0, 0, true, true, 0x280},
        {5, A64_HCR_VI, 0, 0, false, false, 0},
        {5, A64_HCR_FMO | A64_HCR_VF, 0, 0, true, true, 0x300},
        {5, A64_HCR_FMO, A64_LINE_VFIQ, 1, false, true, 0},
        {5, A64_HCR_FMO | A64_HCR_IMO, A64_LINE_VFIQ | A64_LINE_VIRQ, 0, true, true, 0x300},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        a64_set_line(cpu, A64_LINE_VIRQ | A64_LINE_VFIQ, false);
        a64_set_line(cpu, cases[k].line, true);
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu_rig_mode(cpu, cases[k].mode);
        cpu->ps.daif = (uint8_t)cases[k].daif;
        assert_int_equal(a64_wakeup_pending(cpu), cases[k].wakes);
        assert_int_equal(a64_interrupt_deliverable(cpu), cases[k].taken);
        assert_int_equal(a64_take_interrupt(cpu), cases[k].taken);
        if (cases[k].taken)
            assert_int_equal(cpu->pc, VBAR1 + cases[k].vector);
    }
}

static void serror_comes_first_and_once(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 5);
    cpu->ps.daif = 0;
    cpu->pc = 0x500;
    a64_set_line(cpu, A64_LINE_SERROR | A64_LINE_FIQ | A64_LINE_IRQ, true);
    assert_true(a64_take_interrupt(cpu));
    assert_int_equal(cpu->pc, VBAR1 + 0x380);
    assert_int_equal(cpu->sr.esr[1], 0xbe000000);
    assert_int_equal(cpu->sr.elr[1], 0x500);
    assert_false(cpu->lines & A64_LINE_SERROR);
    cpu->ps.daif = 0;
    assert_true(a64_take_interrupt(cpu));
    assert_int_equal(cpu->pc, VBAR1 + 0x300);
}

static void virtual_serror(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.vsesr_el2 = 0x1000011;
    cpu->sr.hcr_el2 = A64_HCR_AMO | A64_HCR_VSE;
    cpu_rig_mode(cpu, 5);
    cpu->ps.daif = 4;
    assert_false(a64_take_interrupt(cpu));
    a64_esb(cpu);
    assert_int_equal(cpu->sr.vdisr_el2, 0x81000011);
    assert_int_equal(cpu->sr.hcr_el2, A64_HCR_AMO);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 0, 12, 1, 1), NULL), 0x81000011);
    cpu->sr.hcr_el2 = A64_HCR_AMO | A64_HCR_VSE;
    cpu->ps.daif = 0;
    assert_true(a64_take_interrupt(cpu));
    assert_int_equal(cpu->pc, VBAR1 + 0x380);
    assert_int_equal(cpu->sr.esr[1], 0xbf000011);
    assert_int_equal(cpu->sr.hcr_el2, A64_HCR_AMO);
}

static void unmasking_asks_the_engine(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    const struct a64_insn daifclr = {.word = 0xd50342ff};
    cpu_rig_mode(cpu, 5);
    cpu->ps.daif = 15;
    a64_set_line(cpu, A64_LINE_IRQ, true);
    assert_true(cpu->attention & A64_ATT_LINES);
    cpu->attention = 0;
    assert_false(a64_take_interrupt(cpu));
    assert_int_equal(a64_msr_imm(cpu, &daifclr, 3, 7, 2), A64_SYNC);
    assert_int_equal(cpu->ps.daif, 13);
    assert_true(cpu->attention & A64_ATT_LINES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(vectors),
        TEST(syndromes),
        TEST(stage2_fault_tells_the_ipa),
        TEST(svc_returns_behind_itself),
        TEST(pstate_on_entry),
        TEST(stack_pointers_are_banked),
        TEST(legal_returns),
        TEST(illegal_returns),
        TEST(no_el2_no_return_to_it),
        TEST(branch_addresses),
        TEST(physical_routing),
        TEST(virtual_interrupts),
        TEST(serror_comes_first_and_once),
        TEST(virtual_serror),
        TEST(unmasking_asks_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
