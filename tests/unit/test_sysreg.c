/* SPDX-License-Identifier: MIT */
/* System registers: Apple's names are all there, E2H redirection name by name, syndromes, a matrix
 * of traps, the monitor's view, the SYS space. What TLBI asks of the MMU is caught by wrapping its
 * two entry points (see meson.build). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "a64/pmu.h"
#include "cpu_rig.h"

#define E2H   A64_HCR_E2H
#define TGE   A64_HCR_TGE
#define UNDEF 0x100u /* in tables: EC 0 */
#define OK    0u

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

static struct a64_cpu *cpu_of(void **state)
{
    return ((struct cpu_rig *)*state)->cpu;
}

/* What an access came to: OK, UNDEF, or the EL that EC 0x18 goes to. */
static unsigned outcome(struct a64_cpu *cpu, int status)
{
    if (status != A64_FAULT)
        return OK;
    if (cpu->exc.ec == A64_EC_UNKNOWN)
        return UNDEF;
    assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
    return cpu->exc.target_el;
}

static unsigned reading(struct a64_cpu *cpu, unsigned enc)
{
    int status;
    cpu_rig_mrs(cpu, enc, &status);
    return outcome(cpu, status);
}

static unsigned writing(struct a64_cpu *cpu, unsigned enc)
{
    return outcome(cpu, cpu_rig_msr(cpu, enc, 0));
}

/* ---- the names of Apple's API (SDK 26) ---- */

static const uint16_t apple_regs[] = {
#define PAIR(n) 0x8004 + 8 * (n), 0x8005 + 8 * (n), 0x8006 + 8 * (n), 0x8007 + 8 * (n)
    PAIR(0),
    PAIR(1),
    PAIR(2),
    PAIR(3),
    PAIR(4),
    PAIR(5),
    PAIR(6),
    PAIR(7),
    PAIR(8),
    PAIR(9),
    PAIR(10),
    PAIR(11),
    PAIR(12),
    PAIR(13),
    PAIR(14),
    PAIR(15),
    0x8010,
    0x8012,
    0xc000,
    0xc005,
    0xc020,
    0xc021,
    0xc024,
    0xc025,
    0xc028,
    0xc029,
    0xc030,
    0xc031,
    0xc038,
    0xc039,
    0xc03a,
    0xc080,
    0xc081,
    0xc082,
    0xc094,
    0xc096,
    0xc100,
    0xc101,
    0xc102,
    0xc108,
    0xc109,
    0xc10a,
    0xc10b,
    0xc110,
    0xc111,
    0xc112,
    0xc113,
    0xc118,
    0xc119,
    0xc200,
    0xc201,
    0xc208,
    0xc288,
    0xc289,
    0xc290,
    0xc300,
    0xc3a0,
    0xc510,
    0xc518,
    0xc600,
    0xc681,
    0xc684,
    0xc687,
    0xc708,
    0xd000,
    0xde82,
    0xde83,
    0xde85,
    0xde87,
    0xdf10,
    0xdf11,
    0xdf12,
    0xdf19,
    0xdf1a,
    0xe208,
    /* EL2 */
    0xe000,
    0xe005,
    0xe080,
    0xe088,
    0xe089,
    0xe08a,
    0xe100,
    0xe101,
    0xe102,
    0xe108,
    0xe10a,
    0xe200,
    0xe201,
    0xe290,
    0xe300,
    0xe304,
    0xe510,
    0xe600,
    0xe682,
    0xe703,
    0xe708,
    0xe710,
    0xe711,
    0xe712,
    0xf208,
};

static bool is_absent(unsigned enc)
{
    return enc == 0xc094 || enc == 0xc096 || enc == 0xc687 || enc == 0xde85 || enc == 0xde87;
}

/* ACTLR_EL1 keeps EnTSO alone; timer controls add ISTATUS and keep two bits; TVAL counts. */
static bool is_exact(unsigned enc)
{
    return enc != 0xc081 && enc != 0xdf10 && enc != 0xdf11 && enc != 0xdf19 && enc != 0xe710 &&
           enc != 0xe711 && enc != 0xc708 && enc != 0xe708;
}

static void apples_names(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    assert_int_equal(sizeof apple_regs / sizeof *apple_regs, 148);
    for (unsigned k = 0; k < sizeof apple_regs / sizeof *apple_regs; k++) {
        const unsigned enc = apple_regs[k];
        uint64_t value = 1;
        assert_non_null(a64_sysreg_name(enc));
        const int status = a64_sysreg_read(cpu, enc, &value);
        assert_int_equal(status, is_absent(enc) ? -ENOTSUP : 0);
        if (is_absent(enc) || !is_exact(enc))
            continue;
        const uint64_t pattern = 0xa5a5f00d12345670ull + k;
        assert_int_equal(a64_sysreg_write(cpu, enc, pattern), 0);
        assert_int_equal(a64_sysreg_read(cpu, enc, &value), 0);
        assert_int_equal(value, pattern);
    }
}

static void monitor_sees_what_there_is(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    uint64_t value;
    assert_int_equal(a64_sysreg_read(rig->cpu, 0xe080, &value), -ENOTSUP); /* SCTLR_EL2 */
    assert_int_equal(a64_sysreg_read(rig->cpu, A64_SYSREG(3, 0, 15, 0, 0), &value), -ENOENT);
    assert_int_equal(a64_sysreg_write(rig->cpu, 0xc081, 0xffff), 0);
    assert_int_equal(a64_sysreg_read(rig->cpu, 0xc081, &value), 0);
    assert_int_equal(value, 2);
    /* An identification register that the monitor sets is what the guest reads. */
    a64_sysreg_write(rig->cpu, 0xc030, 0x1234);
    a64_sysreg_write(rig->cpu, 0xc000, 0x610f0042);
    a64_sysreg_write(rig->cpu, 0xc005, 0x80000103);
    assert_int_equal(cpu_rig_mrs(rig->cpu, 0xc030, NULL), 0x1234);
    assert_int_equal(cpu_rig_mrs(rig->cpu, 0xc000, NULL), 0x610f0042);
    assert_int_equal(cpu_rig_mrs(rig->cpu, 0xc005, NULL), 0x80000103);
    cpu_rig_free(rig);
}

static void reset_state(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    struct a64_cpu *cpu = rig->cpu;
    uint64_t value;
    assert_int_equal(a64_get_spsr(cpu), 0x3c5);
    a64_sysreg_read(cpu, 0xc080, &value);
    assert_int_equal(value, 0x30100180);
    a64_sysreg_read(cpu, 0xc3a0, &value);
    assert_int_equal(value, 0x800);
    a64_sysreg_read(cpu, 0xc000, &value);
    assert_int_equal(value, 0x610f0000);
    cpu_rig_free(rig);
    assert_int_equal(a64_get_spsr(cpu_of(state)), 0x3c9);
}

/* ---- E2H ---- */

static const struct {
    uint16_t el1, el2;
} redirected[] = {
    {0xc080, 0xe080}, /* SCTLR */
    {0xc082, 0xe08a}, /* CPACR: CPTR */
    {0xc100, 0xe100}, /* TTBR0 */
    {0xc101, 0xe101}, /* TTBR1 */
    {0xc102, 0xe102}, /* TCR */
    {0xc200, 0xe200}, /* SPSR */
    {0xc201, 0xe201}, /* ELR */
    {0xc288, 0xe288}, /* AFSR0 */
    {0xc289, 0xe289}, /* AFSR1 */
    {0xc290, 0xe290}, /* ESR */
    {0xc300, 0xe300}, /* FAR */
    {0xc510, 0xe510}, /* MAIR */
    {0xc518, 0xe518}, /* AMAIR */
    {0xc600, 0xe600}, /* VBAR */
    {0xc681, 0xe681}, /* CONTEXTIDR */
    {0xc708, 0xe708}, /* CNTKCTL: CNTHCTL */
};

static uint64_t monitor_read(struct a64_cpu *cpu, unsigned enc)
{
    uint64_t value;
    assert_int_equal(a64_sysreg_read(cpu, enc, &value), 0);
    return value;
}

/* Values that every one of these registers keeps whole: CPTR's FPEN, a table's address, a vector's.
 */
#define VALUE_A 0x00300000ull
#define VALUE_B 0x00100000ull

static void el1_names_at_el2(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof redirected / sizeof *redirected; k++) {
        const unsigned el1 = redirected[k].el1, el2 = redirected[k].el2;
        const bool counter = el1 == 0xc708;
        const uint64_t a = counter ? 0x203 : VALUE_A, b = counter ? 0x101 : VALUE_B;
        const unsigned el12 = el1 | 5 << 11;
        cpu->sr.hcr_el2 = E2H;
        a64_sysreg_write(cpu, el1, 0);
        a64_sysreg_write(cpu, el2, 0);
        assert_int_equal(writing(cpu, el1), OK);
        cpu_rig_msr(cpu, el1, a);
        assert_int_equal(monitor_read(cpu, el2), a);
        assert_int_equal(monitor_read(cpu, el1), 0);
        assert_int_equal(cpu_rig_mrs(cpu, el1, NULL), a);
        assert_int_equal(cpu_rig_mrs(cpu, el2, NULL), a);
        cpu_rig_msr(cpu, el12, b);
        assert_int_equal(monitor_read(cpu, el1), b);
        assert_int_equal(cpu_rig_mrs(cpu, el12, NULL), b);
        assert_int_equal(cpu_rig_mrs(cpu, el1, NULL), a);
        cpu->sr.hcr_el2 = 0;
        assert_int_equal(cpu_rig_mrs(cpu, el1, NULL), b);
        assert_int_equal(reading(cpu, el12), UNDEF);
        assert_int_equal(writing(cpu, el12), UNDEF);
        cpu->sr.hcr_el2 = E2H;
        cpu_rig_mode(cpu, 5);
        assert_int_equal(cpu_rig_mrs(cpu, el1, NULL), b);
        assert_int_equal(reading(cpu, el12), UNDEF);
        assert_int_equal(reading(cpu, el2), UNDEF);
        cpu_rig_mode(cpu, 9);
    }
}

/* CNTP and CNTV, by name, at EL2 and at EL0 of a host; _EL02. */
static void timer_names_at_el2(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    static const struct {
        enum a64_timer_id own, host;
        unsigned crm;
    } cases[] = {{A64_TIMER_PHYS, A64_TIMER_HYP, 2}, {A64_TIMER_VIRT, A64_TIMER_HYPVIRT, 3}};
    for (unsigned k = 0; k < 2; k++) {
        const unsigned cval = A64_SYSREG(3, 3, 14, cases[k].crm, 2), el02 = cval | 5 << 11;
        cpu->sr.hcr_el2 = 0;
        cpu_rig_msr(cpu, cval, 111);
        assert_int_equal(cpu->timer[cases[k].own].cval, 111);
        assert_int_equal(reading(cpu, (el02 & ~(7u << 11)) | 5 << 11), UNDEF);
        cpu->sr.hcr_el2 = E2H;
        cpu_rig_msr(cpu, cval, 222);
        assert_int_equal(cpu->timer[cases[k].host].cval, 222);
        assert_int_equal(cpu->timer[cases[k].own].cval, 111);
        cpu_rig_msr(cpu, (cval & ~(7u << 11)) | 5 << 11, 333);
        assert_int_equal(cpu->timer[cases[k].own].cval, 333);
        cpu->sr.hcr_el2 = E2H | TGE;
        cpu->sr.cnthctl_el2 = 0x300;
        cpu_rig_mode(cpu, 0);
        cpu_rig_msr(cpu, cval, 444);
        assert_int_equal(cpu->timer[cases[k].host].cval, 444);
        cpu_rig_mode(cpu, 9);
    }
}

static void e2h_can_be_fixed(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_msr(cpu, A64_SYSREG(3, 4, 1, 1, 0), ~0ull & ~E2H);
    assert_false(cpu->sr.hcr_el2 & E2H);
    assert_true(cpu->sr.hcr_el2 & A64_HCR_RW);
    cpu->e2h_fixed = true;
    cpu_rig_msr(cpu, A64_SYSREG(3, 4, 1, 1, 0), 0);
    assert_int_equal(cpu->sr.hcr_el2, E2H | A64_HCR_RW);
}

static void cptr_has_two_layouts(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    const unsigned cptr = 0xe08a;
    cpu->sr.hcr_el2 = 0;
    cpu_rig_msr(cpu, cptr, 0);
    assert_int_equal(cpu_rig_mrs(cpu, cptr, NULL), 0x33ff);
    cpu_rig_msr(cpu, cptr, 1 << 10);
    assert_true(cpu->watch & A64_F_FP);
    cpu->sr.hcr_el2 = E2H;
    cpu_rig_msr(cpu, cptr, 3 << 20);
    assert_int_equal(cpu_rig_mrs(cpu, cptr, NULL), 3 << 20);
    assert_false(cpu->watch & A64_F_FP);
}

/* ---- access rules ---- */

static void syndrome_names_the_register(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu_rig_mode(cpu, 5);
    cpu->sr.hcr_el2 = A64_HCR_TVM | A64_HCR_TRVM;
    /* TCR_EL1 = S3_0_C2_C0_2, X3 */
    reading(cpu, 0xc102);
    assert_int_equal(cpu->exc.iss, 3 << 20 | 2 << 17 | 0 << 14 | 2 << 10 | 3 << 5 | 0 << 1 | 1);
    writing(cpu, 0xc102);
    assert_int_equal(cpu->exc.iss, 3 << 20 | 2 << 17 | 0 << 14 | 2 << 10 | 3 << 5 | 0 << 1 | 0);
    cpu->sr.hcr_el2 = A64_HCR_TPU;
    cpu_rig_sys(cpu, 3, 7, 5, 1, 0); /* IC IVAU */
    assert_int_equal(cpu->exc.iss, 1 << 20 | 1 << 17 | 3 << 14 | 7 << 10 | 3 << 5 | 5 << 1);
    const struct a64_insn daifset = {.word = 0xd50347df};
    cpu->sr.hcr_el2 = 0;
    cpu->sr.sctlr[1] = 0;
    cpu_rig_mode(cpu, 0);
    assert_int_equal(a64_msr_imm(cpu, &daifset, 3, 6, 7), A64_FAULT);
    assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
    assert_int_equal(cpu->exc.iss, 0 << 20 | 6 << 17 | 3 << 14 | 4 << 10 | 31 << 5 | 7 << 1);
}

static void traps(void **state)
{
    enum { READ, WRITE };
    static const struct {
        unsigned mode;
        uint64_t hcr, mdcr, sctlr;
        unsigned enc, direction, outcome;
    } cases[] = {
        /* HCR_EL2 */
        {5, A64_HCR_TVM, 0, 0, 0xc080, WRITE, 2},
        {5, A64_HCR_TVM, 0, 0, 0xc080, READ, OK},
        {5, A64_HCR_TRVM, 0, 0, 0xc681, READ, 2},
        {9, A64_HCR_TVM | A64_HCR_TRVM, 0, 0, 0xc080, WRITE, OK},
        {5, A64_HCR_TID3, 0, 0, 0xc020, READ, 2},
        {5, A64_HCR_TID3, 0, 0, A64_SYSREG(3, 0, 0, 3, 7), READ, 2},
        {5, A64_HCR_TID3, 0, 0, 0xc000, READ, OK},
        {5, A64_HCR_TID1, 0, 0, A64_SYSREG(3, 1, 0, 0, 7), READ, 2},
        {5, A64_HCR_TID2, 0, 0, A64_SYSREG(3, 1, 0, 0, 1), READ, 2},
        {5, A64_HCR_TID2, 0, 0, 0xd000, WRITE, 2},
        {5, A64_HCR_TID4, 0, 0, A64_SYSREG(3, 1, 0, 0, 0), READ, 2},
        {5, A64_HCR_TID4, 0, 0, A64_SYSREG(3, 3, 0, 0, 1), READ, OK},
        {0, A64_HCR_TID2, 0, A64_SCTLR_UCT, A64_SYSREG(3, 3, 0, 0, 1), READ, 2},
        {0, A64_HCR_TID2, 0, 0, A64_SYSREG(3, 3, 0, 0, 1), READ, 1},
        {0, 0, 0, A64_SCTLR_UCT, A64_SYSREG(3, 3, 0, 0, 1), READ, OK},
        {5, A64_HCR_TACR, 0, 0, 0xc081, READ, 2},
        {5, 0, 0, 0, 0xc108, READ, 2}, /* APK = 0 */
        {5, A64_HCR_APK, 0, 0, 0xc108, READ, OK},
        {5, A64_HCR_TLOR, 0, 0, A64_SYSREG(3, 0, 10, 4, 7), READ, 2},
        {5, A64_HCR_TERR, 0, 0, A64_SYSREG(3, 0, 5, 3, 0), READ, 2},
        {5, A64_HCR_TIDCP, 0, 0, A64_SYSREG(3, 0, 15, 2, 0), READ, 2},
        {5, 0, 0, 0, A64_SYSREG(3, 0, 15, 2, 0), READ, UNDEF},
        /* MDCR_EL2 */
        {5, 0, 0x200, 0, 0x8012, READ, 2},
        {5, 0, 0x200, 0, A64_SYSREG(2, 0, 1, 1, 4), READ, OK},
        {5, 0, 0x400, 0, A64_SYSREG(2, 0, 1, 0, 4), WRITE, 2},
        {5, 0, 0x800, 0, A64_SYSREG(2, 0, 1, 0, 0), READ, 2},
        {5, 0, 0x100, 0, 0x8012, WRITE, 2},
        {5, 0, 0x40, 0, A64_SYSREG(3, 3, 9, 12, 0), READ, 2},
        {5, 0, 0x20, 0, A64_SYSREG(3, 3, 9, 12, 0), READ, 2},
        {5, 0, 0x20, 0, A64_SYSREG(3, 3, 9, 12, 1), READ, OK},
        {9, 0, 0xf60, 0, 0x8012, READ, OK},
        /* EL0 */
        {0, 0, 0, 0, 0xc020, READ, 1}, /* FEAT_IDST */
        {0, TGE, 0, 0, 0xc020, READ, 1},
        {0, 0, 0, 0, 0xc020, WRITE, UNDEF},
        {0, 0, 0, 0, 0xc080, READ, UNDEF},
        {0, 0, 0, 0, 0xde82, WRITE, OK},
        {0, 0, 0, 0, 0xde83, READ, OK},
        {0, 0, 0, 0, 0xde83, WRITE, UNDEF},
        {0, 0, 0, 0, A64_SYSREG(3, 3, 4, 2, 1), READ, 1},
        {0, 0, 0, A64_SCTLR_UMA, A64_SYSREG(3, 3, 4, 2, 1), WRITE, OK},
        {0, 0, 0, 0, A64_SYSREG(3, 3, 9, 12, 0), READ, 1},
        {0, 0, 0, 0, A64_SYSREG(3, 3, 4, 2, 0), WRITE, OK},
        /* plain */
        {5, 0, 0, 0, 0xc000, WRITE, UNDEF},
        {5, 0, 0, 0, 0xe088, READ, UNDEF},
        {5, 0, 0, 0, A64_SYSREG(3, 0, 4, 2, 2), WRITE, UNDEF},
        {4, 0, 0, 0, 0xc208, READ, UNDEF}, /* SP_EL0 while it is the stack pointer */
        {5, 0, 0, 0, 0xc208, READ, OK},
        {5, 0, 0, 0, 0xe208, READ, UNDEF},
        {9, 0, 0, 0, 0xe208, READ, OK},
        {9, 0, 0, 0, 0xf208, READ, UNDEF},
        {5, 0, 0, 0, A64_SYSREG(3, 3, 2, 4, 0), READ, UNDEF}, /* RNDR */
        {5, 0, 0, 0, 0xc687, READ, UNDEF},                    /* SCXTNUM_EL1 */
        {5, 0, 0, 0, 0x8004 + 8 * 5, READ, OK}, /* the sixth breakpoint, and no seventh */
        {5, 0, 0, 0, 0x8004 + 8 * 6, READ, UNDEF},
        {5, 0, 0, 0, 0x8006 + 8 * 3, READ, OK},
        {5, 0, 0, 0, 0x8006 + 8 * 4, READ, UNDEF},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu->sr.mdcr_el2 = cases[k].mdcr;
        cpu->sr.sctlr[1] = cases[k].sctlr;
        cpu->sr.cpacr_el1 = 3 << 20;
        cpu_rig_mode(cpu, cases[k].mode);
        const unsigned got =
            cases[k].direction == READ ? reading(cpu, cases[k].enc) : writing(cpu, cases[k].enc);
        if (got != cases[k].outcome)
            print_error("case %u, register %#x\n", k, cases[k].enc);
        assert_int_equal(got, cases[k].outcome);
    }
}

static void cpacr_traps_by_cptr(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.cptr_el2 = 1ull << 31;
    cpu_rig_mode(cpu, 5);
    assert_int_equal(reading(cpu, 0xc082), 2);
    cpu->sr.cptr_el2 = 0;
    assert_int_equal(reading(cpu, 0xc082), OK);
}

static void fine_grained_traps(void **state)
{
    static const struct {
        uint64_t hfgrtr, hfgwtr, hdfgrtr, hdfgwtr;
        unsigned enc, read, write;
    } cases[] = {
        {1ull << 29, 0, 0, 0, 0xc080, 2, OK},
        {0, 1ull << 29, 0, 0, 0xc080, OK, 2},
        {1ull << 35, 0, 0, 0, 0xde82, 2, OK},
        {0, 1ull << 36, 0, 0, 0xc100, OK, 2},
        {1ull << 25, 0, 0, 0, 0xc000, 2, UNDEF},
        {0, 0, 1ull << 4, 0, 0x8012, 2, OK},
        {0, 0, 0, 1ull << 4, 0x8012, OK, 2},
        {0, 0, 1ull << 15, 0, A64_SYSREG(3, 3, 9, 13, 0), 2, OK},
        {~0ull, ~0ull, ~0ull, ~0ull, A64_SYSREG(3, 0, 4, 0, 0), OK, OK}, /* SPSR_EL1 has none */
    };
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.hcr_el2 = A64_HCR_APK;
    cpu_rig_mode(cpu, 5);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hfgrtr_el2 = cases[k].hfgrtr;
        cpu->sr.hfgwtr_el2 = cases[k].hfgwtr;
        cpu->sr.hdfgrtr_el2 = cases[k].hdfgrtr;
        cpu->sr.hdfgwtr_el2 = cases[k].hdfgwtr;
        assert_int_equal(reading(cpu, cases[k].enc), cases[k].read);
        assert_int_equal(writing(cpu, cases[k].enc), cases[k].write);
    }
    cpu->sr.hfgitr_el2 = 1ull << 42;
    assert_int_equal(outcome(cpu, cpu_rig_sys(cpu, 0, 8, 7, 0, 0)), 2); /* TLBI VMALLE1 */
    assert_int_equal(outcome(cpu, cpu_rig_sys(cpu, 0, 8, 3, 0, 0)), OK);
}

static void the_monitor_comes_last(void **state)
{
    struct cpu_rig *rig = *state;
    struct a64_cpu *cpu = rig->cpu;
    int status;
    rig->trap_all = true;
    cpu_rig_mode(cpu, 5);
    cpu_rig_mrs(cpu, 0xc080, &status);
    assert_int_equal(status, A64_FAULT);
    assert_int_equal(cpu->exc.kind, A64_EXC_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
    assert_int_equal(cpu->exc.iss, 0x300461);
    assert_false(cpu->exc.after);
    cpu_rig_mrs(cpu, A64_SYSREG(3, 0, 15, 2, 0), &status); /* nothing has this one */
    assert_int_equal(cpu->exc.kind, A64_EXC_VMEXIT);
    cpu_rig_mode(cpu, 0);
    cpu_rig_mrs(cpu, 0xc080, &status);
    assert_int_equal(cpu->exc.kind, A64_EXC_SYNC);
    assert_int_equal(cpu->exc.ec, A64_EC_UNKNOWN);
}

static void fp_registers_go_by_the_fp_trap(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    int status;
    cpu->sr.cpacr_el1 = 1 << 20;
    cpu_rig_mode(cpu, 0);
    cpu_rig_mrs(cpu, A64_SYSREG(3, 3, 4, 4, 0), &status);
    assert_int_equal(cpu->exc.ec, A64_EC_FP);
    cpu_rig_mode(cpu, 5);
    assert_int_equal(cpu_rig_msr(cpu, A64_SYSREG(3, 3, 4, 4, 0), ~0ull), A64_SYNC);
    assert_int_equal(cpu->fpcr, 0x07c80000);
    assert_int_equal(cpu_rig_msr(cpu, A64_SYSREG(3, 3, 4, 4, 1), ~0ull), A64_SYNC);
    assert_int_equal(cpu->fpsr, 0x0800009f);
}

static void pstate_by_immediate(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    const struct a64_insn insn = {.word = 0xd500409f};
    cpu_rig_mode(cpu, 5);
    cpu->ps.daif = 0;
    a64_msr_imm(cpu, &insn, 0, 4, 1);
    assert_true(cpu->ps.pan);
    a64_msr_imm(cpu, &insn, 0, 3, 1);
    assert_true(cpu->ps.uao);
    a64_msr_imm(cpu, &insn, 3, 2, 1);
    assert_true(cpu->ps.dit);
    a64_msr_imm(cpu, &insn, 3, 1, 1);
    assert_true(cpu->ps.ssbs);
    a64_msr_imm(cpu, &insn, 3, 6, 0xf);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 3, 4, 2, 1), NULL), 0x3c0);
    a64_msr_imm(cpu, &insn, 3, 7, 0xa);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 3, 4, 2, 1), NULL), 0x140);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 0, 4, 2, 3), NULL), 1 << 22);
    a64_msr_imm(cpu, &insn, 0, 5, 0);
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 0, 4, 2, 0), NULL), 0);
    cpu_rig_mode(cpu, 0);
    assert_int_equal(a64_msr_imm(cpu, &insn, 0, 4, 0), A64_FAULT);
    assert_int_equal(cpu->exc.ec, A64_EC_UNKNOWN);
    assert_int_equal(a64_msr_imm(cpu, &insn, 3, 4, 0), A64_FAULT); /* TCO: no MTE */
}

/* ---- SYS ---- */

static void cache_operations(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr, sctlr;
        unsigned op1, crm, op2, outcome;
    } cases[] = {
        {5, 0, 0, 0, 1, 0, OK},          /* IC IALLUIS */
        {5, A64_HCR_TPU, 0, 0, 5, 0, 2}, /* IC IALLU */
        {5, A64_HCR_TOCU, 0, 0, 5, 0, 2},
        {5, A64_HCR_TOCU, 0, 0, 1, 0, OK},
        {5, A64_HCR_TICAB, 0, 0, 1, 0, 2},
        {0, 0, 0, 0, 5, 0, UNDEF},
        {0, 0, 0, 3, 5, 1, 1}, /* IC IVAU */
        {0, 0, A64_SCTLR_UCI, 3, 5, 1, OK},
        {0, A64_HCR_TPU, A64_SCTLR_UCI, 3, 5, 1, 2},
        {0, A64_HCR_TPCP, A64_SCTLR_UCI, 3, 14, 1, 2}, /* DC CIVAC */
        {0, 0, A64_SCTLR_UCI, 3, 12, 1, OK},           /* DC CVAP */
        {0, TGE | E2H, 0, 3, 10, 1, 2},                /* DC CVAC: SCTLR_EL2.UCI */
        {5, A64_HCR_TSW, 0, 0, 14, 2, 2},              /* DC CISW */
        {5, A64_HCR_TPCP, 0, 0, 6, 1, 2},              /* DC IVAC */
        {0, 0, 0, 0, 6, 1, UNDEF},
        {0, 0, 0, 3, 4, 1, 1}, /* DC ZVA */
        {5, A64_HCR_TDZ, 0, 3, 4, 1, 2},
        {5, 0, 0, 3, 4, 3, UNDEF}, /* DC GVA: MTE */
        {0, 0, 0, 3, 3, 4, 1},     /* CFP RCTX */
        {0, 0, A64_SCTLR_ENRCTX, 3, 3, 5, OK},
        {5, 0, 0, 3, 3, 6, UNDEF},
        {5, 0, 0, 4, 8, 0, UNDEF}, /* AT S1E2R */
        {9, 0, 0, 4, 8, 2, UNDEF},
        {5, 0, 0, 0, 9, 2, UNDEF}, /* AT S1E1A */
    };
    struct cpu_rig *rig = *state;
    struct a64_cpu *cpu = rig->cpu;
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu->sr.sctlr[1] = cases[k].sctlr;
        cpu->sr.sctlr[2] = 0;
        cpu_rig_mode(cpu, cases[k].mode);
        const unsigned got =
            outcome(cpu, cpu_rig_sys(cpu, cases[k].op1, 7, cases[k].crm, cases[k].op2, 0x1000));
        if (got != cases[k].outcome)
            print_error("case %u\n", k);
        assert_int_equal(got, cases[k].outcome);
    }
}

static void ic_moves_the_code_generation(void **state)
{
    struct cpu_rig *rig = *state;
    const uint64_t before = rig->sys.code_generation;
    assert_int_equal(cpu_rig_sys(rig->cpu, 3, 7, 5, 1, 0x40), A64_SYNC);
    assert_true(rig->sys.code_generation > before);
}

static void dczid_tells_whether_zva_is_allowed(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    const unsigned dczid = A64_SYSREG(3, 3, 0, 0, 7);
    assert_int_equal(cpu_rig_mrs(cpu, dczid, NULL), 4);
    cpu->sr.sctlr[1] = 0;
    cpu_rig_mode(cpu, 0);
    assert_int_equal(cpu_rig_mrs(cpu, dczid, NULL), 0x14);
    cpu->sr.sctlr[1] = A64_SCTLR_DZE;
    assert_int_equal(cpu_rig_mrs(cpu, dczid, NULL), 4);
    cpu->sr.hcr_el2 = A64_HCR_TDZ;
    assert_int_equal(cpu_rig_mrs(cpu, dczid, NULL), 0x14);
}

static struct a64_tlbi seen;
static unsigned seen_local, seen_broadcast;

void __wrap_a64_tlb_invalidate(struct a64_cpu *cpu, const struct a64_tlbi *op);
void __wrap_a64_tlbi_broadcast(struct a64_cpu *cpu, const struct a64_tlbi *op);

void __wrap_a64_tlb_invalidate(struct a64_cpu *cpu, const struct a64_tlbi *op)
{
    seen = *op;
    seen_local++;
}

void __wrap_a64_tlbi_broadcast(struct a64_cpu *cpu, const struct a64_tlbi *op)
{
    seen = *op;
    seen_broadcast++;
}

#define KIND(x) A64_TLBI_##x
#define R10     A64_REGIME_EL10
#define R2      A64_REGIME_EL2
#define R20     A64_REGIME_EL20

static void tlb_operations(void **state)
{
    static const struct {
        unsigned mode;
        uint64_t hcr;
        unsigned op1, crm, op2;
        uint64_t value;
        bool broadcast;
        struct a64_tlbi expect;
    } cases[] = {
        {5, 0, 0, 7, 0, 0, false, {KIND(VMALL), R10, 0, 0x42, false, false, 0, 0}},
        {5, 0, 0, 3, 0, 0, true, {KIND(VMALL), R10, 0, 0x42, false, false, 0, 0}},
        {5, A64_HCR_FB, 0, 7, 0, 0, true, {KIND(VMALL), R10, 0, 0x42, false, false, 0, 0}},
        {5, 0, 0, 1, 2, 0x1234ull << 48, true, {KIND(ASID), R10, 0x34, 0x42, false, false, 0, 0}},
        {5,
         0,
         0,
         3,
         1,
         0x0005000012345678,
         true,
         {KIND(VA), R10, 5, 0x42, false, false, 0x12345678000, 0x12345679000}},
        {5,
         0,
         0,
         7,
         5,
         0x00050fffffff8000,
         false,
         {KIND(VA), R10, 5, 0x42, false, false, 0xfffffffff8000000, 0xfffffffff8001000}},
        {5, 0, 0, 3, 7, 0x7, true, {KIND(VAA), R10, 0, 0x42, false, false, 0x7000, 0x8000}},
        {9,
         E2H | TGE,
         0,
         3,
         1,
         0x0009000000000001,
         true,
         {KIND(VA), R20, 9, 0x42, false, false, 0x1000, 0x2000}},
        {9,
         0,
         0,
         3,
         1,
         0x0009000000000001,
         true,
         {KIND(VA), R10, 9, 0x42, false, false, 0x1000, 0x2000}},
        {9, 0, 4, 7, 1, 1, false, {KIND(VAA), R2, 0, 0x42, false, false, 0x1000, 0x2000}},
        {9,
         E2H,
         4,
         3,
         1,
         0x0003000000000001,
         true,
         {KIND(VA), R20, 3, 0x42, false, false, 0x1000, 0x2000}},
        {9, 0, 4, 3, 4, 0, true, {KIND(ALL), R10, 0, 0x42, true, true, 0, 0}},
        {9, 0, 4, 7, 0, 0, false, {KIND(ALL), R2, 0, 0x42, false, false, 0, 0}},
        {9, 0, 4, 1, 6, 0, true, {KIND(VMALL), R10, 0, 0x42, false, true, 0, 0}},
        {9,
         0,
         4,
         0,
         1,
         0x80000,
         true,
         {KIND(IPA), R10, 0, 0x42, false, false, 0x80000000, 0x80001000}},
        {9,
         0,
         4,
         4,
         5,
         0x80000,
         false,
         {KIND(IPA), R10, 0, 0x42, false, false, 0x80000000, 0x80001000}},
        {9,
         0,
         4,
         4,
         0,
         0x80000,
         true,
         {KIND(IPA), R10, 0, 0x42, false, false, 0x80000000, 0x80001000}},
        /* RVAE1IS: TG 4K, SCALE 0, NUM 0: two pages */
        {5,
         0,
         0,
         2,
         1,
         0x0001400000000010,
         true,
         {KIND(VA), R10, 1, 0x42, false, false, 0x10000, 0x12000}},
        /* RVAE1: TG 16K, SCALE 1, NUM 3: 4 * 64 granules */
        {5,
         0,
         0,
         6,
         1,
         0x0001918000000001,
         false,
         {KIND(VA), R10, 1, 0x42, false, false, 0x4000, 0x4000 + (4ull << 6 << 14)}},
        /* RVAAE1OS: TG 64K, SCALE 3, NUM 31, negative base */
        {5,
         0,
         0,
         5,
         3,
         0x0000ff9f00000000,
         true,
         {KIND(VAA), R10, 0, 0x42, false, false, 0xffff000000000000,
          0xffff000000000000 + (32ull << 32)}},
        /* RIPAS2E1: TG 4K, SCALE 1, NUM 0 */
        {9,
         0,
         4,
         4,
         2,
         0x0000500000080000,
         false,
         {KIND(IPA), R10, 0, 0x42, false, false, 0x80000000, 0x80000000 + (1ull << 6 << 12)}},
    };
    struct a64_cpu *cpu = cpu_of(state);
    cpu->sr.vttbr_el2 = 0x0042ull << 48;
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct a64_tlbi *expect = &cases[k].expect;
        cpu->sr.hcr_el2 = cases[k].hcr;
        cpu_rig_mode(cpu, cases[k].mode);
        seen_local = seen_broadcast = 0;
        assert_int_equal(
            cpu_rig_sys(cpu, cases[k].op1, 8, cases[k].crm, cases[k].op2, cases[k].value),
            A64_SYNC);
        if (seen.kind != expect->kind || seen.start != expect->start)
            print_error("case %u: kind %d start %#lx\n", k, seen.kind, (unsigned long)seen.start);
        assert_int_equal(seen_broadcast, cases[k].broadcast);
        assert_int_equal(seen_local, !cases[k].broadcast);
        assert_int_equal(seen.kind, expect->kind);
        assert_int_equal(seen.regime, expect->regime);
        assert_int_equal(seen.vmid, expect->vmid);
        assert_int_equal(seen.any_vmid, expect->any_vmid);
        assert_int_equal(seen.stage12, expect->stage12);
        if (expect->kind == KIND(VA) || expect->kind == KIND(ASID))
            assert_int_equal(seen.asid, expect->asid);
        if (!expect->end)
            continue;
        assert_int_equal(seen.start, expect->start);
        assert_int_equal(seen.end, expect->end);
    }
}

static void tlb_operations_that_do_not_exist(void **state)
{
    static const struct {
        unsigned mode, op1, crm, op2;
    } cases[] = {
        {0, 0, 7, 0}, {5, 4, 7, 0}, {5, 0, 7, 4}, {5, 0, 7, 6}, {5, 0, 2, 0}, {5, 0, 4, 1},
        {9, 4, 7, 2}, {9, 4, 2, 0}, {9, 4, 0, 0}, {9, 6, 7, 0}, {5, 0, 0, 0},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        cpu_rig_mode(cpu, cases[k].mode);
        assert_int_equal(
            outcome(cpu, cpu_rig_sys(cpu, cases[k].op1, 8, cases[k].crm, cases[k].op2, 0)), UNDEF);
    }
    /* HCR_EL2.TTLB and its parts */
    cpu_rig_mode(cpu, 5);
    cpu->sr.hcr_el2 = A64_HCR_TTLBIS;
    assert_int_equal(outcome(cpu, cpu_rig_sys(cpu, 0, 8, 3, 0, 0)), 2);
    assert_int_equal(outcome(cpu, cpu_rig_sys(cpu, 0, 8, 1, 0, 0)), OK);
    assert_int_equal(outcome(cpu, cpu_rig_sys(cpu, 0, 8, 7, 0, 0)), OK);
    cpu->sr.hcr_el2 = A64_HCR_TTLB;
    assert_int_equal(outcome(cpu, cpu_rig_sys(cpu, 0, 8, 7, 0, 0)), 2);
}

/* ---- the performance monitors ---- */

static void counters_count(void **state)
{
    struct cpu_rig *rig = *state;
    struct a64_cpu *cpu = rig->cpu;
    const unsigned pmcr = A64_SYSREG(3, 3, 9, 12, 0), enable = A64_SYSREG(3, 3, 9, 12, 1),
                   type0 = A64_SYSREG(3, 3, 14, 12, 0), count0 = A64_SYSREG(3, 3, 14, 8, 0),
                   cycles = A64_SYSREG(3, 3, 9, 13, 0), overflow = A64_SYSREG(3, 3, 9, 12, 3),
                   interrupt = A64_SYSREG(3, 0, 9, 14, 1), swinc = A64_SYSREG(3, 3, 9, 12, 4);
    cpu_rig_mode(cpu, 5);
    assert_int_equal(cpu_rig_mrs(cpu, pmcr, NULL) >> 11 & 31, 6);
    cpu_rig_msr(cpu, type0, 0x08);
    cpu_rig_msr(cpu, enable, 1 | 1ull << 31 | 2);
    cpu_rig_msr(cpu, pmcr, 0x41 | 6);
    cpu->icount += 1000;
    assert_int_equal(cpu_rig_mrs(cpu, count0, NULL), 1000);
    assert_int_equal(cpu_rig_mrs(cpu, cycles, NULL), 1000);
    cpu_rig_msr(cpu, type0, 0x80000008); /* not at EL1 */
    cpu->icount += 50;
    assert_int_equal(cpu_rig_mrs(cpu, count0, NULL), 1000);
    cpu_rig_mode(cpu, 0);
    cpu->icount += 7;
    cpu_rig_mode(cpu, 5);
    assert_int_equal(cpu_rig_mrs(cpu, count0, NULL), 1007);
    cpu_rig_msr(cpu, swinc, 2); /* event 0 */
    assert_int_equal(cpu_rig_mrs(cpu, A64_SYSREG(3, 3, 14, 8, 1), NULL), 1);
    cpu_rig_msr(cpu, type0, 0x11);
    cpu_rig_msr(cpu, count0, 0xfffffff0);
    cpu_rig_msr(cpu, interrupt, 1);
    assert_false(rig->wire[23]);
    assert_int_equal(a64_pmu_next(cpu), cpu->icount + 0x10);
    assert_true(cpu->attention & A64_ATT_TIMER);
    cpu->icount += 0x20;
    assert_int_equal(cpu_rig_mrs(cpu, count0, NULL), 0x10);
    assert_int_equal(cpu_rig_mrs(cpu, overflow, NULL), 1);
    assert_true(rig->wire[23]);
    cpu_rig_msr(cpu, overflow, 1);
    assert_false(rig->wire[23]);
    cpu_rig_msr(cpu, A64_SYSREG(3, 3, 9, 14, 3), 1); /* PMOVSSET */
    assert_true(rig->wire[23]);
    a64_cpu_reset(cpu);
    assert_false(rig->wire[23]);
    assert_int_equal(a64_pmu_next(cpu), ~0ull);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(apples_names),
        TEST(monitor_sees_what_there_is),
        TEST(reset_state),
        TEST(el1_names_at_el2),
        TEST(timer_names_at_el2),
        TEST(e2h_can_be_fixed),
        TEST(cptr_has_two_layouts),
        TEST(syndrome_names_the_register),
        TEST(traps),
        TEST(cpacr_traps_by_cptr),
        TEST(fine_grained_traps),
        TEST(the_monitor_comes_last),
        TEST(fp_registers_go_by_the_fp_trap),
        TEST(pstate_by_immediate),
        TEST(cache_operations),
        TEST(ic_moves_the_code_generation),
        TEST(dczid_tells_whether_zva_is_allowed),
        TEST(tlb_operations),
        TEST(tlb_operations_that_do_not_exist),
        TEST(counters_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
