/* SPDX-License-Identifier: MIT */
/* What comes before an instruction: software step, breakpoints, watchpoints, BTI, FP traps. Facts:
 * Arm ARM D2, D8.4.6, CheckFPAdvSIMDEnabled64. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "a64/debug.h"
#include "cpu_rig.h"

#define SS  1ull
#define KDE (1ull << 13)
#define MDE (1ull << 15)
#define NOP 0xd503201f
#define TGE A64_HCR_TGE
#define E2H A64_HCR_E2H

static int setup(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("max", true);
    rig->cpu->sr.oslsr_el1 = 8;
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

static int check(struct a64_cpu *cpu, uint32_t word, uint32_t flags)
{
    const struct a64_insn insn = {.word = word, .flags = flags | A64_F_ANY};
    if (!(insn.flags & cpu->watch))
        return A64_NEXT;
    return a64_check_watch(cpu, &insn);
}

/* As an engine does after an instruction. */
static void retire(struct a64_cpu *cpu)
{
    cpu->pc += 4;
    cpu->icount++;
}

/* ---- software step ---- */

/* A debugger at EL1 steps EL0: it returns with SPSR.SS = 1, one instruction runs, the exception
 * comes. */
static void step_one_instruction(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 5);
    cpu->sr.mdscr_el1 = SS;
    cpu->sr.spsr[1] = 1 << 21;
    a64_exception_return(cpu, 0x1000);
    assert_true(cpu->ps.ss);
    assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
    retire(cpu);
    assert_int_equal(check(cpu, NOP, 0), A64_FAULT);
    assert_int_equal(cpu->exc.ec, A64_EC_STEP_LOW);
    assert_int_equal(cpu->exc.iss, 0x1000022); /* ISV, EX = 0 */
    a64_take_exception(cpu);
    assert_int_equal(cpu->sr.elr[1], 0x1004);
    assert_false(cpu->sr.spsr[1] >> 21 & 1);
    /* At EL1 without KDE nothing is stepped. */
    assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
    assert_false(cpu->watch & A64_F_ANY);
}

static void step_a_load_exclusive(void **state)
{
    static const struct {
        uint32_t word;
        bool exclusive;
    } cases[] = {
        {0x885f7c20, true},  /* LDXR W0, [X1] */
        {0xc85ffc20, true},  /* LDAXR X0, [X1] */
        {0xc87f0440, true},  /* LDXP X0, X1, [X2] */
        {0x88007c41, false}, /* STXR */
        {0x88dffc20, false}, /* LDAR */
        {0x08207c82, false}, /* CASP */
        {0x08607c82, false}, /* CASPA */
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu_rig_mode(cpu, 0);
        cpu->sr.mdscr_el1 = SS;
        cpu->ps.ss = true;
        a64_update_watch(cpu);
        assert_int_equal(check(cpu, cases[k].word, 0), A64_NEXT);
        retire(cpu);
        assert_int_equal(check(cpu, NOP, 0), A64_FAULT);
        assert_int_equal(cpu->exc.iss, cases[k].exclusive ? 0x1000062 : 0x1000022);
    }
}

/* SPSR.SS = 0: the exception comes before the first instruction, and says that none was stepped. */
static void step_pending_at_once(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 5);
    cpu->sr.mdscr_el1 = SS;
    cpu->sr.spsr[1] = 0;
    a64_exception_return(cpu, 0x1000);
    assert_int_equal(check(cpu, NOP, 0), A64_FAULT);
    assert_int_equal(cpu->exc.iss, 0x22);
}

/* A stepped instruction that faults is stepped again: SPSR.SS stays 1; one that made a call is
 * done. */
static void step_and_exceptions(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned after = 0; after < 2; after++) {
        cpu_rig_mode(cpu, 0);
        cpu->sr.mdscr_el1 = SS;
        cpu->ps.ss = true;
        a64_update_watch(cpu);
        assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
        a64_raise(cpu, after ? A64_EC_SVC : A64_EC_DABT_LOW, 0, 0);
        cpu->exc.after = after;
        a64_take_exception(cpu);
        assert_int_equal(cpu->sr.spsr[1] >> 21 & 1, !after);
    }
}

static void debug_exceptions_enabled(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr, mdcr, mdscr, oslsr;
        bool masked, enabled;
    } cases[] = {
        {0, 0, 0, SS, 8, true, true},
        {0, 0, 0, SS, 10, false, false}, /* OS lock */
        {0, 0, 0, 0, 8, false, false},
        {5, 0, 0, SS, 8, false, false},
        {5, 0, 0, SS | KDE, 8, false, true},
        {5, 0, 0, SS | KDE, 8, true, false},
        {9, 0, 0, SS | KDE, 8, false, false}, /* above the target */
        {5, 0, 0x100, SS, 8, true, true},     /* MDCR_EL2.TDE */
        {9, 0, 0x100, SS | KDE, 8, false, true},
        {9, 0, 0x100, SS | KDE, 8, true, false},
        {0, TGE, 0, SS, 8, true, true},
        {9, TGE, 0, SS | KDE, 8, false, true},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu->sr.mdcr_el2 = cases[k].mdcr;
        cpu->sr.mdscr_el1 = cases[k].mdscr;
        cpu->sr.oslsr_el1 = cases[k].oslsr;
        cpu->ps.daif = cases[k].masked ? 8 : 0;
        cpu_rig_mode(cpu, cases[k].mode);
        assert_int_equal(cpu->watch & A64_F_ANY, cases[k].enabled);
    }
}

static void monitor_takes_debug_exceptions(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    struct a64_cpu *cpu = rig->cpu;
    cpu->trap_debug_exceptions = true;
    cpu->sr.mdscr_el1 = SS;
    cpu->ps.ss = true;
    a64_update_watch(cpu);
    assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
    retire(cpu);
    assert_int_equal(check(cpu, NOP, 0), A64_FAULT);
    assert_int_equal(cpu->exc.kind, A64_EXC_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_STEP_LOW);
    a64_raise(cpu, A64_EC_BRK, 7, 0);
    assert_int_equal(cpu->exc.kind, A64_EXC_VMEXIT);
    a64_raise(cpu, A64_EC_SVC, 7, 0);
    assert_int_equal(cpu->exc.kind, A64_EXC_SYNC);
    cpu_rig_free(rig);
}

/* ---- breakpoints ---- */

static void breakpoints(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t value, control;
        bool hit;
    } cases[] = {
        {0, 0x1000, 0x1e5, true},                                /* EL0 */
        {0, 0x1004, 0x1e5, false},    {0, 0x1000, 0x1e4, false}, /* disabled */
        {0, 0x1000, 0x1e3, false},                               /* EL1 only */
        {0, 0x1000, 0x1e7, true},                                /* EL1 and EL0 */
        {0, 0x1000, 0xc1e5, false},                              /* SSC 3 without HMC */
        {0, 0x1000, 0x21e7, true},                               /* HMC: EL2, EL1, EL0 */
        {0, 0x1234, 0x3001e5, false},                            /* linked context: not by itself */
    };
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.mdscr_el1 = MDE;
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.bp[0] = (struct a64_dbg_pair){cases[k].value, cases[k].control};
        cpu_rig_mode(cpu, cases[k].mode);
        cpu->pc = 0x1000;
        assert_int_equal(check(cpu, NOP, 0), cases[k].hit ? A64_FAULT : A64_NEXT);
        if (cases[k].hit) {
            assert_int_equal(cpu->exc.ec, A64_EC_BREAK_LOW);
            assert_int_equal(cpu->exc.iss, 0x22);
        }
    }
}

/* Breakpoint 4 (context-aware: the last two of six) holds a CONTEXTIDR, 0 is linked to it. */
static void linked_breakpoint(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.mdscr_el1 = MDE;
    cpu->sr.bp[0] = (struct a64_dbg_pair){0x1000, 1 << 20 | 4 << 16 | 0x1e5};
    cpu->sr.bp[4] = (struct a64_dbg_pair){0x55, 3 << 20 | 0x1e5};
    cpu_rig_mode(cpu, 0);
    cpu->pc = 0x1000;
    assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
    cpu->sr.contextidr[1] = 0x55;
    assert_int_equal(check(cpu, NOP, 0), A64_FAULT);
    cpu->sr.bp[4].control =
        2 << 20 | 0x1e5; /* unlinked: breaks on every instruction of that context */
    cpu->pc = 0x9000;
    assert_int_equal(check(cpu, NOP, 0), A64_FAULT);
    cpu->sr.contextidr[1] = 0x56;
    assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
}

/* ---- watchpoints ---- */

static void watchpoints(void **state)
{
    static const struct {
        uint64_t value, control, va;
        unsigned size, access;
        bool hit;
        uint64_t far;
    } cases[] = {
        {0x1000, 0x1ffd, 0x1000, 8, A64_READ, true, 0x1000},
        {0x1000, 0x1ffd, 0x1007, 1, A64_WRITE, true, 0x1007},
        {0x1000, 0x1ffd, 0x1008, 8, A64_WRITE, false, 0},
        {0x1000, 0x1ffd, 0x0ffc, 8, A64_WRITE, true, 0x1000},
        {0x1000, 0x1ff5, 0x1000, 8, A64_READ, false, 0},  /* stores only */
        {0x1000, 0x1fed, 0x1000, 8, A64_WRITE, false, 0}, /* loads only */
        {0x1000, 0x061d, 0x1000, 4, A64_READ, false, 0},  /* BAS 0b00110000: bytes 4 and 5 */
        {0x1000, 0x061d, 0x1005, 1, A64_READ, true, 0x1005},
        {0x1000, 0x1ffb, 0x1000, 8, A64_READ, false, 0},                   /* EL1 only */
        {0x4000, 12ull << 24 | 0x1ffd, 0x4ff0, 4, A64_READ, true, 0x4ff0}, /* MASK: 4 KiB */
        {0x4000, 12ull << 24 | 0x1ffd, 0x5000, 4, A64_READ, false, 0},
        {0x1000, 0x1ffd, 0x1000, 1, A64_READ | A64_CACHEOP, false, 0},      /* DC CIVAC */
        {0x1000, 0x1ffd, 0x1000, 1, A64_WRITE | A64_CACHEOP, true, 0x1000}, /* DC IVAC */
    };
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.mdscr_el1 = MDE;
    cpu_rig_mode(cpu, 0);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.wp[0] = (struct a64_dbg_pair){cases[k].value, cases[k].control};
        const int status = a64_check_watchpoints(cpu, cases[k].va, cases[k].size, cases[k].access);
        if (status != (cases[k].hit ? A64_FAULT : A64_NEXT))
            print_error("case %u\n", k);
        assert_int_equal(status, cases[k].hit ? A64_FAULT : A64_NEXT);
        if (!cases[k].hit)
            continue;
        const uint32_t cm = cases[k].access & A64_CACHEOP ? 1 << 8 : 0;
        assert_int_equal(cpu->exc.ec, A64_EC_WATCH_LOW);
        assert_int_equal(cpu->exc.iss, cm | (cases[k].access & A64_WRITE ? 0x62 : 0x22));
        assert_int_equal(cpu->exc.far, cases[k].far);
    }
    cpu->sr.mdscr_el1 = 0;
    assert_false(a64_watchpoints_active(cpu));
}

/* ---- FP ---- */

/* CPACR_EL1.FPEN and CPTR_EL2, by Arm's CheckFPAdvSIMDEnabled64; the EL of the trap, 0 for none. */
static void fp_traps(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr, cpacr, cptr;
        unsigned el;
        enum a64_ec ec;
    } cases[] = {
        {0, 0, 0 << 20, 0, 1, A64_EC_FP},
        {5, 0, 0 << 20, 0, 1, A64_EC_FP},
        {0, 0, 1 << 20, 0, 1, A64_EC_FP},
        {5, 0, 1 << 20, 0, 0, 0},
        {5, 0, 2 << 20, 0, 1, A64_EC_FP},
        {0, 0, 3 << 20, 0, 0, 0},
        {9, 0, 0 << 20, 0, 0, 0},
        {0, 0, 3 << 20, 1 << 10, 2, A64_EC_FP},
        {5, 0, 3 << 20, 1 << 10, 2, A64_EC_FP},
        {9, 0, 3 << 20, 1 << 10, 2, A64_EC_FP},
        {0, TGE, 0, 0, 2, A64_EC_UNKNOWN},
        {0, TGE, 3 << 20, 1 << 10, 2, A64_EC_FP},
        {9, E2H, 0, 0 << 20, 2, A64_EC_FP},
        {9, E2H, 0, 1 << 20, 0, 0},
        {9, E2H, 0, 2 << 20, 2, A64_EC_FP},
        {9, E2H, 0, 3 << 20, 0, 0},
        {0, E2H | TGE, 0, 1 << 20, 2, A64_EC_FP},
        {0, E2H | TGE, 0, 3 << 20, 0, 0},
        {5, E2H, 3 << 20, 0 << 20, 2, A64_EC_FP},
        {0, E2H, 3 << 20, 1 << 20, 0, 0},
        {5, E2H, 3 << 20, 3 << 20, 0, 0},
        {5, E2H, 0, 3 << 20, 1, A64_EC_FP},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu->sr.cpacr_el1 = cases[k].cpacr;
        cpu->sr.cptr_el2 = cases[k].cptr;
        cpu_rig_mode(cpu, cases[k].mode);
        assert_int_equal(!!(cpu->watch & A64_F_FP), cases[k].el != 0);
        assert_int_equal(check(cpu, 0x1e222820, A64_F_FP), cases[k].el ? A64_FAULT : A64_NEXT);
        assert_int_equal(check(cpu, NOP, 0), A64_NEXT);
        if (!cases[k].el)
            continue;
        assert_int_equal(cpu->exc.target_el, cases[k].el);
        assert_int_equal(cpu->exc.ec, cases[k].ec);
        assert_int_equal(cpu->exc.iss, cases[k].ec ? 0x1e00000 : 0);
    }
}

/* ---- BTI ---- */

/* One page at 0x40000 by a table of 4 KiB pages, guarded or not. */
static void map_guarded(struct cpu_rig *rig, bool guarded)
{
    uint64_t *l1 = (uint64_t *)(rig->ram + 0x80000), *l2 = l1 + 512, *l3 = l2 + 512;
    l1[0] = 0x81000 | 3;
    l2[0] = 0x82000 | 3;
    l3[0x40] = 0x40000 | 0x443 | (guarded ? 1ull << 50 : 0); /* AF, AP: EL0 and EL1 */
    rig->cpu->sr.ttbr0[1] = 0x80000;
    rig->cpu->sr.tcr[1] = 25; /* 39 bits */
    rig->cpu->sr.sctlr[1] |= 1;
    a64_tlb_flush(rig->cpu);
}

static void branch_targets(void **state)
{
    static const struct {
        uint32_t word;
        unsigned ok; /* bit BTYPE: may land here */
    } cases[] = {
        {NOP, 1},
        {0xd503241f, 1},         /* BTI */
        {0xd503245f, 1 | 2 | 4}, /* BTI c */
        {0xd503249f, 1 | 2 | 8}, /* BTI j */
        {0xd50324df, 15},        /* BTI jc */
        {0xd503233f, 1 | 2 | 4}, /* PACIASP, with SCTLR.BT0 */
        {0xd503237f, 1 | 2 | 4}, /* PACIBSP */
        {0xd4200000, 15},        /* BRK */
        {0xd4400000, 15},        /* HLT */
    };
    struct cpu_rig *rig = *state;
    struct a64_cpu *cpu = rig->cpu;
    cpu->sr.sctlr[1] = A64_SCTLR_BT0;
    for (unsigned guarded = 0; guarded < 2; guarded++) {
        map_guarded(rig, guarded);
        cpu_rig_mode(cpu, 0);
        cpu->pc = 0x40000;
        for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
            for (unsigned btype = 0; btype < 4; btype++) {
                cpu->ps.btype = (uint8_t)btype;
                a64_update_watch(cpu);
                const bool ok = !guarded || (cases[k].ok >> btype & 1);
                assert_int_equal(check(cpu, cases[k].word, 0), ok ? A64_NEXT : A64_FAULT);
                if (ok)
                    continue;
                assert_int_equal(cpu->exc.ec, A64_EC_BTI);
                assert_int_equal(cpu->exc.iss, btype);
            }
        }
    }
    cpu->sr.sctlr[1] &= ~A64_SCTLR_BT0;
    cpu->ps.btype = 3;
    a64_update_watch(cpu);
    assert_int_equal(check(cpu, 0xd503233f, 0), A64_NEXT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(step_one_instruction),
        TEST(step_a_load_exclusive),
        TEST(step_pending_at_once),
        TEST(step_and_exceptions),
        TEST(debug_exceptions_enabled),
        TEST(monitor_takes_debug_exceptions),
        TEST(breakpoints),
        TEST(linked_breakpoint),
        TEST(watchpoints),
        TEST(fp_traps),
        TEST(branch_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
