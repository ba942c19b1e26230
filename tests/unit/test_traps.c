/* SPDX-License-Identifier: MIT */
/* What EL2 traps, bit by bit: of HFGRTR_EL2, HFGWTR_EL2, HDFGRTR_EL2, HDFGWTR_EL2 and HFGITR_EL2,
 * of HCR_EL2, MDCR_EL2, CPTR_EL2, CNTHCTL_EL2 and ICH_HCR_EL2. Each bit is set alone, then every
 * register (or SYS instruction) there is gets used: the list written here must trap with EC 0x18 to
 * EL2, nothing else may. And where several traps apply, which comes first. Facts: Arm ARM D19.2
 * (the registers), D1.3.5 (priorities). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "a64/gic_cpu.h"
#include "cpu_rig.h"

#define SR       A64_SYSREG
#define E2H      A64_HCR_E2H
#define TGE      A64_HCR_TGE
#define COUNT(x) (sizeof(x) / sizeof *(x))
#define EL1H     5u
#define EL0T     0u
#define EL2H     9u

/* ---- a CPU with everything: `max` at EL2, with a GIC that has no interrupts ---- */

static void nothing(struct gic_cpu *gic)
{
}

static void select_none(struct gic_cpu *gic)
{
    gic->hppi = (struct gic_hppi){.intid = GIC_SPURIOUS};
}

static void no_interrupt(struct gic_cpu *gic, uint32_t intid)
{
}

static void no_sgi(struct gic_cpu *gic, unsigned group, uint64_t value)
{
}

static void no_lines(struct gic_cpu *gic, bool irq, bool fiq)
{
}

static void no_virtual_lines(struct gic_cpu *gic, bool irq, bool fiq, bool maintenance)
{
}

static const struct gic_ops quiet = {nothing,      nothing, select_none, no_interrupt,
                                     no_interrupt, no_sgi,  no_lines,    no_virtual_lines};

struct bench {
    struct cpu_rig *rig;
    struct gic_cpu gic;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench->rig = cpu_rig_new("max", true);
    bench->gic = (struct gic_cpu){.ops = &quiet, .cpu = bench->rig->cpu};
    gic_cpu_reset(&bench->gic);
    bench->rig->cpu->gic = &bench->gic;
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    cpu_rig_free(bench->rig);
    free(bench);
    return 0;
}

static struct a64_cpu *cpu_of(void **state)
{
    return ((struct bench *)*state)->rig->cpu;
}

/* EL0 may do whatever EL1 can grant, EL1 whatever needs a grant of EL2. */
static void grant_all(struct a64_cpu *cpu, uint64_t hcr)
{
    memset(&cpu->sr.hfgrtr_el2, 0, 8);
    cpu->sr.hfgwtr_el2 = cpu->sr.hfgitr_el2 = cpu->sr.hdfgrtr_el2 = cpu->sr.hdfgwtr_el2 = 0;
    cpu->sr.hcr_el2 = hcr | A64_HCR_RW | A64_HCR_APK | A64_HCR_API;
    cpu->sr.mdcr_el2 = 6;
    cpu->sr.cptr_el2 = 0;
    cpu->sr.sctlr[1] = cpu->sr.sctlr[2] =
        A64_SCTLR_UCT | A64_SCTLR_UCI | A64_SCTLR_UMA | A64_SCTLR_DZE | A64_SCTLR_ENRCTX;
    cpu->sr.cpacr_el1 = 3 << 20;
    cpu->sr.cntkctl_el1 = 0x303;
    cpu->sr.cnthctl_el2 = hcr & E2H ? 0xf03 : 3;
    cpu->sr.mdscr_el1 = 0;
    cpu->pmu.userenr = 15;
    cpu->gic->ich_hcr = 0;
}

/* Whether STATUS is a trap to EL2 with EC 0x18. What else may stop an instruction is no matter. */
static bool trapped(struct a64_cpu *cpu, int status)
{
    return status == A64_FAULT && cpu->exc.ec == A64_EC_SYSREG &&
           (cpu->exc.target_el == 2 || (cpu->ps.el == 0 && (cpu->sr.hcr_el2 & TGE)));
}

static bool use(struct a64_cpu *cpu, unsigned enc, bool write, unsigned mode)
{
    int status;
    cpu_rig_mode(cpu, mode);
    if (write) {
        const struct a64_sysregs saved = cpu->sr;
        const struct a64_pmu saved_pmu = cpu->pmu;
        status = cpu_rig_msr(cpu, enc, 0);
        const bool result = trapped(cpu, status);
        cpu->sr = saved;
        cpu->pmu = saved_pmu;
        return result;
    }
    cpu_rig_mrs(cpu, enc, &status);
    return trapped(cpu, status);
}

/* ---- each register of a list, and no other ---- */

#define LIST 32
struct bit {
    uint8_t bit;
    uint16_t regs[LIST]; /* ended by 0 */
};

static bool listed(const uint16_t *regs, unsigned enc)
{
    for (unsigned k = 0; k < LIST && regs[k]; k++)
        if (regs[k] == enc)
            return true;
    return false;
}

/* Uses every register of the table at EL1 and EL0: REGS trap, at EL0 those that it could use
 * otherwise. EL2 is never trapped. */
static void check_registers(struct a64_cpu *cpu, const char *what, unsigned bit,
                            const uint16_t *regs, bool write)
{
    for (unsigned s = 0; a64_sysreg_sets[s]; s++) {
        for (unsigned k = 0; k < a64_sysreg_sets[s]->count; k++) {
            const struct a64_sysreg *row = &a64_sysreg_sets[s]->rows[k];
            const unsigned lowest = write ? row->write_el : row->min_el;
            const bool there = row->feat == 0 || a64_has(&cpu->feat, (enum a64_feat)row->feat);
            const bool reachable = there && lowest <= 1;
            const bool want = listed(regs, row->enc) && reachable;
            if (use(cpu, row->enc, write, EL1H) != want)
                fail_msg("%s bit %u, %s of %s at EL1: %s", what, bit, write ? "write" : "read",
                         row->name, want ? "not trapped" : "trapped");
            if (use(cpu, row->enc, write, EL0T) != (want && lowest == 0))
                fail_msg("%s bit %u, %s of %s at EL0", what, bit, write ? "write" : "read",
                         row->name);
            if (use(cpu, row->enc, write, EL2H))
                fail_msg("%s bit %u, %s of %s at EL2", what, bit, write ? "write" : "read",
                         row->name);
        }
    }
}

/* ---- HFGRTR_EL2 and HFGWTR_EL2 ---- */

/* clang-format off */
static const struct bit hfg[] = {
    {0, {SR(3, 0, 5, 1, 0)}},                    /* AFSR0_EL1 */
    {1, {SR(3, 0, 5, 1, 1)}},
    {2, {SR(3, 1, 0, 0, 7)}},                    /* AIDR_EL1 */
    {3, {SR(3, 0, 10, 3, 0)}},                   /* AMAIR_EL1 */
    {4, {SR(3, 0, 2, 2, 0), SR(3, 0, 2, 2, 1)}}, /* APDAKey */
    {5, {SR(3, 0, 2, 2, 2), SR(3, 0, 2, 2, 3)}}, /* APDBKey */
    {6, {SR(3, 0, 2, 3, 0), SR(3, 0, 2, 3, 1)}}, /* APGAKey */
    {7, {SR(3, 0, 2, 1, 0), SR(3, 0, 2, 1, 1)}}, /* APIAKey */
    {8, {SR(3, 0, 2, 1, 2), SR(3, 0, 2, 1, 3)}}, /* APIBKey */
    {9, {SR(3, 1, 0, 0, 0)}},                    /* CCSIDR_EL1 */
    {10, {SR(3, 1, 0, 0, 1)}},                   /* CLIDR_EL1 */
    {11, {SR(3, 0, 13, 0, 1)}},                  /* CONTEXTIDR_EL1 */
    {12, {SR(3, 0, 1, 0, 2)}},                   /* CPACR_EL1 */
    {13, {SR(3, 2, 0, 0, 0)}},                   /* CSSELR_EL1 */
    {14, {SR(3, 3, 0, 0, 1)}},                   /* CTR_EL0 */
    {15, {SR(3, 3, 0, 0, 7)}},                   /* DCZID_EL0 */
    {16, {SR(3, 0, 5, 2, 0)}},                   /* ESR_EL1 */
    {17, {SR(3, 0, 6, 0, 0)}},                   /* FAR_EL1 */
    {18, {SR(3, 0, 12, 1, 0)}},                  /* ISR_EL1 */
    {19, {SR(3, 0, 10, 4, 3)}},                  /* LORC_EL1 */
    {20, {SR(3, 0, 10, 4, 1)}},                  /* LOREA_EL1 */
    {21, {SR(3, 0, 10, 4, 7)}},                  /* LORID_EL1 */
    {22, {SR(3, 0, 10, 4, 2)}},                  /* LORN_EL1 */
    {23, {SR(3, 0, 10, 4, 0)}},                  /* LORSA_EL1 */
    {24, {SR(3, 0, 10, 2, 0)}},                  /* MAIR_EL1 */
    {25, {SR(3, 0, 0, 0, 0)}},                   /* MIDR_EL1 */
    {26, {SR(3, 0, 0, 0, 5)}},                   /* MPIDR_EL1 */
    {27, {SR(3, 0, 7, 4, 0)}},                   /* PAR_EL1 */
    {28, {SR(3, 0, 0, 0, 6)}},                   /* REVIDR_EL1 */
    {29, {SR(3, 0, 1, 0, 0)}},                   /* SCTLR_EL1 */
    {30, {0}},                                   /* SCXTNUM_EL1: FEAT_CSV2_2 */
    {31, {0}},                                   /* SCXTNUM_EL0 */
    {32, {SR(3, 0, 2, 0, 2)}},                   /* TCR_EL1 */
    {33, {SR(3, 0, 13, 0, 4)}},                  /* TPIDR_EL1 */
    {34, {SR(3, 3, 13, 0, 3)}},                  /* TPIDRRO_EL0 */
    {35, {SR(3, 3, 13, 0, 2)}},                  /* TPIDR_EL0 */
    {36, {SR(3, 0, 2, 0, 0)}},                   /* TTBR0_EL1 */
    {37, {SR(3, 0, 2, 0, 1)}},                   /* TTBR1_EL1 */
    {38, {SR(3, 0, 12, 0, 0)}},                  /* VBAR_EL1 */
    {39, {SR(3, 0, 12, 12, 6), SR(3, 0, 12, 12, 7)}}, /* ICC_IGRPENn_EL1 */
    {40, {SR(3, 0, 5, 3, 0)}},                   /* ERRIDR_EL1 */
    {41, {SR(3, 0, 5, 3, 1)}},                   /* ERRSELR_EL1 */
    {42, {0}}, {43, {0}}, {44, {0}}, {45, {0}}, {46, {0}}, {47, {0}}, {48, {0}}, {49, {0}}, /* ERX*: no records */
    {50, {0}}, {51, {0}}, {52, {0}}, {53, {0}}, {54, {0}}, {55, {0}}, {56, {0}}, {57, {0}}, {58, {0}}, {59, {0}},
    {60, {0}}, {61, {0}}, {62, {0}}, {63, {0}},
};

#define PAIRS(op2)                                                                                 \
    SR(2, 0, 0, 0, op2), SR(2, 0, 0, 1, op2), SR(2, 0, 0, 2, op2), SR(2, 0, 0, 3, op2), SR(2, 0, 0, 4, op2), SR(2, 0, 0, 5, op2)
#define COUNTERS(crm)                                                                              \
    SR(3, 3, 14, crm, 0), SR(3, 3, 14, crm, 1), SR(3, 3, 14, crm, 2), SR(3, 3, 14, crm, 3), SR(3, 3, 14, crm, 4), SR(3, 3, 14, crm, 5)

/* HDFGRTR_EL2 and HDFGWTR_EL2: what only one of them has is a register of one direction. */
static const struct bit hdfg[] = {
    {0, {PAIRS(5)}},            /* DBGBCR */
    {1, {PAIRS(4)}},            /* DBGBVR */
    {2, {SR(2, 0, 0, 0, 7), SR(2, 0, 0, 1, 7), SR(2, 0, 0, 2, 7), SR(2, 0, 0, 3, 7)}}, /* DBGWCR */
    {3, {SR(2, 0, 0, 0, 6), SR(2, 0, 0, 1, 6), SR(2, 0, 0, 2, 6), SR(2, 0, 0, 3, 6)}}, /* DBGWVR */
    {4, {SR(2, 0, 0, 2, 2)}},   /* MDSCR_EL1 */
    {5, {SR(2, 0, 7, 8, 6), SR(2, 0, 7, 9, 6)}}, /* DBGCLAIM */
    {6, {SR(2, 0, 7, 14, 6)}},  /* DBGAUTHSTATUS_EL1 */
    {7, {SR(2, 0, 1, 4, 4)}},   /* DBGPRCR_EL1 */
    {8, {SR(2, 0, 1, 0, 4)}},   /* OSLAR_EL1 */
    {9, {SR(2, 0, 1, 1, 4)}},   /* OSLSR_EL1 */
    {10, {SR(2, 0, 0, 6, 2)}},  /* OSECCR_EL1 */
    {11, {SR(2, 0, 1, 3, 4)}},  /* OSDLR_EL1 */
    {12, {COUNTERS(8), SR(3, 3, 9, 13, 2)}},  /* PMEVCNTRn_EL0, PMXEVCNTR_EL0 */
    {13, {COUNTERS(12), SR(3, 3, 9, 13, 1)}}, /* PMEVTYPERn_EL0, PMXEVTYPER_EL0 */
    {14, {SR(3, 3, 14, 15, 7)}}, /* PMCCFILTR_EL0 */
    {15, {SR(3, 3, 9, 13, 0)}},  /* PMCCNTR_EL0 */
    {16, {SR(3, 3, 9, 12, 1), SR(3, 3, 9, 12, 2)}}, /* PMCNTEN */
    {17, {SR(3, 0, 9, 14, 1), SR(3, 0, 9, 14, 2)}}, /* PMINTEN */
    {18, {SR(3, 3, 9, 12, 3), SR(3, 3, 9, 14, 3)}}, /* PMOVS */
    {19, {SR(3, 3, 9, 12, 5)}}, /* PMSELR_EL0 */
    {20, {SR(3, 3, 9, 12, 4)}}, /* PMSWINC_EL0 */
    {21, {SR(3, 3, 9, 12, 0)}}, /* PMCR_EL0, writes only */
    {22, {0}}, {23, {0}}, {24, {0}}, {25, {0}}, {26, {0}}, {27, {0}}, {28, {0}}, {29, {0}}, {30, {0}}, {31, {0}}, /* SPE */
    {32, {0}}, {33, {0}}, {34, {0}}, {35, {0}}, {36, {0}}, {37, {0}}, {38, {0}}, {39, {0}}, {40, {0}}, {41, {0}}, /* trace */
    {42, {0}}, {43, {0}}, {44, {0}}, {45, {0}}, {46, {0}}, {47, {0}}, {48, {0}}, {49, {0}}, {50, {0}}, {51, {0}},
    {52, {0}}, {53, {0}}, {54, {0}}, {55, {0}}, {56, {0}},
    {57, {SR(3, 3, 9, 14, 0)}}, /* PMUSERENR_EL0 */
    {58, {SR(3, 3, 9, 12, 6), SR(3, 3, 9, 12, 7)}}, /* PMCEIDn_EL0 */
    {59, {0}}, {60, {0}}, {61, {0}}, {62, {0}}, {63, {0}},
};
/* clang-format on */

/* PMUSERENR_EL0 can be read at EL0 without a grant; PMCR_EL0's field is of HDFGWTR_EL2 alone. */
static void fine_grained(void **state)
{
    static const struct {
        const char *name;
        const struct bit *bits;
        unsigned enc;
        bool write;
    } registers[] = {
        {"HFGRTR_EL2", hfg, SR(3, 4, 1, 1, 4), false},
        {"HFGWTR_EL2", hfg, SR(3, 4, 1, 1, 5), true},
        {"HDFGRTR_EL2", hdfg, SR(3, 4, 3, 1, 4), false},
        {"HDFGWTR_EL2", hdfg, SR(3, 4, 3, 1, 5), true},
    };
    static const uint16_t none[LIST];
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned r = 0; r < COUNT(registers); r++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            grant_all(cpu, 0);
            cpu_rig_mode(cpu, EL2H);
            assert_int_equal(registers[r].bits[bit].bit, bit);
            assert_int_equal(cpu_rig_msr(cpu, registers[r].enc, 1ull << bit), A64_NEXT);
            const bool pmcr_read = registers[r].bits == hdfg && bit == 21 && !registers[r].write;
            check_registers(cpu, registers[r].name, bit,
                            pmcr_read ? none : registers[r].bits[bit].regs, registers[r].write);
            /* Without the other direction. */
            check_registers(cpu, registers[r].name, bit, none, !registers[r].write);
        }
    }
}

/* All bits at once do nothing at EL0 of a host, nor at EL2. */
static void fine_grained_spare_hosts(void **state)
{
    static const uint16_t names[] = {0xde82, 0xd801, 0xde83};
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < COUNT(names); k++) {
        grant_all(cpu, 0);
        cpu->sr.hfgrtr_el2 = cpu->sr.hfgwtr_el2 = ~0ull;
        assert_true(use(cpu, names[k], false, EL0T));
        grant_all(cpu, E2H | TGE);
        cpu->sr.hfgrtr_el2 = cpu->sr.hfgwtr_el2 = ~0ull;
        assert_false(use(cpu, names[k], false, EL0T));
        grant_all(cpu, E2H);
        cpu->sr.hfgrtr_el2 = cpu->sr.hfgwtr_el2 = ~0ull;
        assert_true(use(cpu, names[k], false, EL0T));
    }
}

/* ---- HFGITR_EL2, and HCR_EL2's traps of SYS ---- */

#define SYS(op1, crn, crm, op2) ((op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* Bits 0 to 50 and 54, in order. */
static const uint16_t hfgi[] = {
    SYS(0, 7, 1, 0),
    SYS(0, 7, 5, 0),
    SYS(3, 7, 5, 1),
    SYS(0, 7, 6, 1), /* IC, DC IVAC */
    SYS(0, 7, 6, 2),
    SYS(0, 7, 10, 2),
    SYS(0, 7, 14, 2),
    SYS(3, 7, 11, 1),
    SYS(3, 7, 12, 1),
    SYS(3, 7, 13, 1),
    SYS(3, 7, 14, 1),
    SYS(3, 7, 4, 1),
    SYS(0, 7, 8, 0),
    SYS(0, 7, 8, 1),
    SYS(0, 7, 8, 2),
    SYS(0, 7, 8, 3), /* AT */
    SYS(0, 7, 9, 0),
    SYS(0, 7, 9, 1),
    SYS(0, 8, 1, 0),
    SYS(0, 8, 1, 1),
    SYS(0, 8, 1, 2),
    SYS(0, 8, 1, 3), /* TLBI ...OS */
    SYS(0, 8, 1, 5),
    SYS(0, 8, 1, 7),
    SYS(0, 8, 5, 1),
    SYS(0, 8, 5, 3),
    SYS(0, 8, 5, 5),
    SYS(0, 8, 5, 7), /* R...OS */
    SYS(0, 8, 3, 0),
    SYS(0, 8, 3, 1),
    SYS(0, 8, 3, 2),
    SYS(0, 8, 3, 3), /* ...IS */
    SYS(0, 8, 3, 5),
    SYS(0, 8, 3, 7),
    SYS(0, 8, 2, 1),
    SYS(0, 8, 2, 3),
    SYS(0, 8, 2, 5),
    SYS(0, 8, 2, 7), /* R...IS */
    SYS(0, 8, 6, 1),
    SYS(0, 8, 6, 3),
    SYS(0, 8, 6, 5),
    SYS(0, 8, 6, 7), /* R... */
    SYS(0, 8, 7, 0),
    SYS(0, 8, 7, 1),
    SYS(0, 8, 7, 2),
    SYS(0, 8, 7, 3),
    SYS(0, 8, 7, 5),
    SYS(0, 8, 7, 7),
    SYS(3, 7, 3, 4),
    SYS(3, 7, 3, 5),
    SYS(3, 7, 3, 7), /* CFP, DVP, CPP RCTX */
    0,
    0,
    0,
    SYS(3, 7, 10, 1), /* ERET, SVC, SVC: not SYS; DC CVAC */
};

static bool use_sys(struct a64_cpu *cpu, unsigned op, unsigned mode)
{
    cpu_rig_mode(cpu, mode);
    return trapped(cpu, cpu_rig_sys(cpu, op >> 11, op >> 7 & 15, op >> 3 & 15, op & 7, 0x8000));
}

/* Every SYS instruction of CRn 7 and 8, at EL1 and EL0: traps when it is one of OPS. */
static void check_sys(struct a64_cpu *cpu, const char *what, const uint16_t *ops, unsigned count)
{
    for (unsigned op = 0; op < 1 << 14; op++) {
        const unsigned crn = op >> 7 & 15, op1 = op >> 11;
        if (crn != 7 && crn != 8)
            continue;
        bool want = false;
        for (unsigned k = 0; k < count; k++)
            want |= ops[k] == op;
        if (use_sys(cpu, op, EL1H) != want)
            fail_msg("%s: SYS %#x at EL1: %s", what, op, want ? "not trapped" : "trapped");
        if (use_sys(cpu, op, EL0T) != (want && op1 == 3))
            fail_msg("%s: SYS %#x at EL0", what, op);
        if (use_sys(cpu, op, EL2H))
            fail_msg("%s: SYS %#x at EL2", what, op);
    }
}

static void fine_grained_instructions(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned bit = 0; bit < 64; bit++) {
        char name[32];
        grant_all(cpu, 0);
        cpu_rig_mode(cpu, EL2H);
        cpu_rig_msr(cpu, SR(3, 4, 1, 1, 6), 1ull << bit);
        snprintf(name, sizeof name, "HFGITR_EL2 bit %u", bit);
        const bool some = bit < COUNT(hfgi) && hfgi[bit];
        check_sys(cpu, name, hfgi + (some ? bit : 0), some);
    }
}

/* clang-format off */
static void hcr_sys(void **state)
{
    static const struct {
        const char *name;
        uint64_t bit;
        uint16_t ops[64];
    } cases[] = {
        {"TPCP", A64_HCR_TPCP, {SYS(0, 7, 6, 1), SYS(3, 7, 10, 1), SYS(3, 7, 14, 1), SYS(3, 7, 12, 1), SYS(3, 7, 13, 1)}},
        {"TPU", A64_HCR_TPU, {SYS(3, 7, 5, 1), SYS(0, 7, 5, 0), SYS(0, 7, 1, 0), SYS(3, 7, 11, 1)}},
        {"TOCU", A64_HCR_TOCU, {SYS(3, 7, 5, 1), SYS(0, 7, 5, 0), SYS(3, 7, 11, 1)}},
        {"TICAB", A64_HCR_TICAB, {SYS(0, 7, 1, 0)}},
        {"TSW", A64_HCR_TSW, {SYS(0, 7, 6, 2), SYS(0, 7, 10, 2), SYS(0, 7, 14, 2)}},
        {"TDZ", A64_HCR_TDZ, {SYS(3, 7, 4, 1)}},
        {"TTLBIS", A64_HCR_TTLBIS, {SYS(0, 8, 3, 0), SYS(0, 8, 3, 1), SYS(0, 8, 3, 2), SYS(0, 8, 3, 3), SYS(0, 8, 3, 5),
            SYS(0, 8, 3, 7), SYS(0, 8, 2, 1), SYS(0, 8, 2, 3), SYS(0, 8, 2, 5), SYS(0, 8, 2, 7)}},
        {"TTLBOS", A64_HCR_TTLBOS, {SYS(0, 8, 1, 0), SYS(0, 8, 1, 1), SYS(0, 8, 1, 2), SYS(0, 8, 1, 3), SYS(0, 8, 1, 5),
            SYS(0, 8, 1, 7), SYS(0, 8, 5, 1), SYS(0, 8, 5, 3), SYS(0, 8, 5, 5), SYS(0, 8, 5, 7)}},
        {"TTLB", A64_HCR_TTLB, {SYS(0, 8, 3, 0), SYS(0, 8, 3, 1), SYS(0, 8, 3, 2), SYS(0, 8, 3, 3), SYS(0, 8, 3, 5),
            SYS(0, 8, 3, 7), SYS(0, 8, 2, 1), SYS(0, 8, 2, 3), SYS(0, 8, 2, 5), SYS(0, 8, 2, 7), SYS(0, 8, 1, 0),
            SYS(0, 8, 1, 1), SYS(0, 8, 1, 2), SYS(0, 8, 1, 3), SYS(0, 8, 1, 5), SYS(0, 8, 1, 7), SYS(0, 8, 5, 1),
            SYS(0, 8, 5, 3), SYS(0, 8, 5, 5), SYS(0, 8, 5, 7), SYS(0, 8, 6, 1), SYS(0, 8, 6, 3), SYS(0, 8, 6, 5),
            SYS(0, 8, 6, 7), SYS(0, 8, 7, 0), SYS(0, 8, 7, 1), SYS(0, 8, 7, 2), SYS(0, 8, 7, 3), SYS(0, 8, 7, 5),
            SYS(0, 8, 7, 7)}},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < COUNT(cases); k++) {
        unsigned count = 0;
        while (cases[k].ops[count])
            count++;
        grant_all(cpu, cases[k].bit);
        check_sys(cpu, cases[k].name, cases[k].ops, count);
    }
}

/* ---- HCR_EL2, MDCR_EL2, CPTR_EL2, CNTHCTL_EL2, ICH_HCR_EL2: registers ---- */

#define ID_ROW(crm) SR(3, 0, 0, crm, 0), SR(3, 0, 0, crm, 1), SR(3, 0, 0, crm, 2), SR(3, 0, 0, crm, 3), SR(3, 0, 0, crm, 4), \
    SR(3, 0, 0, crm, 5), SR(3, 0, 0, crm, 6), SR(3, 0, 0, crm, 7)
#define VM SR(3, 0, 1, 0, 0), SR(3, 0, 2, 0, 0), SR(3, 0, 2, 0, 1), SR(3, 0, 2, 0, 2), SR(3, 0, 5, 2, 0), SR(3, 0, 6, 0, 0), \
    SR(3, 0, 5, 1, 0), SR(3, 0, 5, 1, 1), SR(3, 0, 10, 2, 0), SR(3, 0, 10, 3, 0), SR(3, 0, 13, 0, 1)
#define KEYS SR(3, 0, 2, 1, 0), SR(3, 0, 2, 1, 1), SR(3, 0, 2, 1, 2), SR(3, 0, 2, 1, 3), SR(3, 0, 2, 2, 0), SR(3, 0, 2, 2, 1), \
    SR(3, 0, 2, 2, 2), SR(3, 0, 2, 2, 3), SR(3, 0, 2, 3, 0), SR(3, 0, 2, 3, 1)
#define DCC SR(2, 0, 0, 0, 2), SR(2, 0, 0, 2, 0), SR(2, 0, 0, 3, 2), SR(2, 3, 0, 1, 0), SR(2, 3, 0, 4, 0), SR(2, 3, 0, 5, 0)
#define TDA PAIRS(4), PAIRS(5), SR(2, 0, 0, 0, 6), SR(2, 0, 0, 1, 6), SR(2, 0, 0, 2, 6), SR(2, 0, 0, 3, 6), SR(2, 0, 0, 0, 7), \
    SR(2, 0, 0, 1, 7), SR(2, 0, 0, 2, 7), SR(2, 0, 0, 3, 7), SR(2, 0, 0, 2, 2), SR(2, 0, 0, 6, 2), SR(2, 0, 7, 8, 6), \
    SR(2, 0, 7, 9, 6), SR(2, 0, 7, 14, 6), DCC
#define TDOSA SR(2, 0, 1, 0, 4), SR(2, 0, 1, 1, 4), SR(2, 0, 1, 3, 4), SR(2, 0, 1, 4, 4)
#define TDRA SR(2, 0, 1, 0, 0)
#define PMU COUNTERS(8), COUNTERS(12), SR(3, 3, 14, 15, 7), SR(3, 3, 9, 12, 0), SR(3, 3, 9, 12, 1), SR(3, 3, 9, 12, 2), \
    SR(3, 3, 9, 12, 3), SR(3, 3, 9, 12, 4), SR(3, 3, 9, 12, 5), SR(3, 3, 9, 12, 6), SR(3, 3, 9, 12, 7), SR(3, 3, 9, 13, 0), \
    SR(3, 3, 9, 13, 1), SR(3, 3, 9, 13, 2), SR(3, 3, 9, 14, 0), SR(3, 3, 9, 14, 3), SR(3, 0, 9, 14, 1), SR(3, 0, 9, 14, 2)
#define CNTP SR(3, 3, 14, 2, 0), SR(3, 3, 14, 2, 1), SR(3, 3, 14, 2, 2)
#define CNTV SR(3, 3, 14, 3, 0), SR(3, 3, 14, 3, 1), SR(3, 3, 14, 3, 2)
#define ICC_COMMON SR(3, 0, 4, 6, 0), SR(3, 0, 12, 11, 3), SR(3, 0, 12, 12, 4), SR(3, 0, 12, 11, 1), SR(3, 0, 12, 11, 5), \
    SR(3, 0, 12, 11, 6), SR(3, 0, 12, 11, 7)

enum where { HCR, NOT_HCR, MDCR, CPTR, CNTHCTL, NOT_CNTHCTL, ICH };

static const struct {
    const char *name;
    enum where where;
    uint64_t bit, hcr; /* beside it */
    bool reads, writes;
    uint16_t regs[80];
} groups[] = {
    {"HCR.TVM", HCR, A64_HCR_TVM, 0, false, true, {VM}},
    {"HCR.TRVM", HCR, A64_HCR_TRVM, 0, true, false, {VM}},
    {"HCR.TID1", HCR, A64_HCR_TID1, 0, true, false, {SR(3, 0, 0, 0, 6), SR(3, 1, 0, 0, 7)}},
    {"HCR.TID2", HCR, A64_HCR_TID2, 0, true, true, {SR(3, 1, 0, 0, 0), SR(3, 1, 0, 0, 1), SR(3, 2, 0, 0, 0), SR(3, 3, 0, 0, 1)}},
    {"HCR.TID3", HCR, A64_HCR_TID3, 0, true, false, {ID_ROW(1), ID_ROW(2), ID_ROW(3), ID_ROW(4), ID_ROW(5), ID_ROW(6), ID_ROW(7)}},
    {"HCR.TID4", HCR, A64_HCR_TID4, 0, true, true, {SR(3, 1, 0, 0, 0), SR(3, 1, 0, 0, 1), SR(3, 2, 0, 0, 0)}},
    {"HCR.TACR", HCR, A64_HCR_TACR, 0, true, true, {SR(3, 0, 1, 0, 1)}},
    {"HCR.TLOR", HCR, A64_HCR_TLOR, 0, true, true, {SR(3, 0, 10, 4, 0), SR(3, 0, 10, 4, 1), SR(3, 0, 10, 4, 2), SR(3, 0, 10, 4, 3),
        SR(3, 0, 10, 4, 7)}},
    {"HCR.TERR", HCR, A64_HCR_TERR, 0, true, true, {SR(3, 0, 5, 3, 0), SR(3, 0, 5, 3, 1)}},
    {"HCR.APK", NOT_HCR, A64_HCR_APK, 0, true, true, {KEYS}},
    {"MDCR.TDA", MDCR, 1 << 9, 0, true, true, {TDA}},
    {"MDCR.TDOSA", MDCR, 1 << 10, 0, true, true, {TDOSA}},
    {"MDCR.TDRA", MDCR, 1 << 11, 0, true, true, {TDRA}},
    {"MDCR.TDE", MDCR, 1 << 8, 0, true, true, {TDA, TDOSA, TDRA}},
    {"MDCR.TDCC", MDCR, 1 << 27, 0, true, true, {DCC}},
    {"MDCR.TPM", MDCR, 1 << 6, 0, true, true, {PMU}},
    {"MDCR.TPMCR", MDCR, 1 << 5, 0, true, true, {SR(3, 3, 9, 12, 0)}},
    {"MDCR.HPME", MDCR, 1 << 7, 0, true, true, {0}},
    {"CPTR.TCPAC", CPTR, 1ull << 31, 0, true, true, {SR(3, 0, 1, 0, 2)}},
    {"CPTR.TCPAC, VHE", CPTR, 1ull << 31 | 3 << 20, E2H, true, true, {SR(3, 0, 1, 0, 2)}},
    {"CPTR.TTA", CPTR, 1 << 20, 0, true, true, {0}}, /* there are no trace registers */
    {"CNTHCTL.EL1PCTEN", NOT_CNTHCTL, 1 << 0, 0, true, false, {SR(3, 3, 14, 0, 1), SR(3, 3, 14, 0, 5)}},
    {"CNTHCTL.EL1PCEN", NOT_CNTHCTL, 1 << 1, 0, true, true, {CNTP}},
    {"CNTHCTL.EL1PCTEN, VHE", NOT_CNTHCTL, 1 << 10, E2H, true, false, {SR(3, 3, 14, 0, 1), SR(3, 3, 14, 0, 5)}},
    {"CNTHCTL.EL1PTEN, VHE", NOT_CNTHCTL, 1 << 11, E2H, true, true, {CNTP}},
    {"CNTHCTL.EL0PCTEN, VHE, guest", NOT_CNTHCTL, 0x303, E2H, true, true, {0}}, /* for a host's EL0 */
    {"CNTHCTL.EL1TVT", CNTHCTL, 1 << 13, 0, true, true, {CNTV}},
    {"CNTHCTL.EL1TVCT", CNTHCTL, 1 << 14, 0, true, false, {SR(3, 3, 14, 0, 2), SR(3, 3, 14, 0, 6)}},
    {"CNTHCTL.EL1TVT, VHE", CNTHCTL, 1 << 13, E2H, true, true, {CNTV}},
    {"CNTHCTL.EL1TVCT, VHE", CNTHCTL, 1 << 14, E2H, true, false, {SR(3, 3, 14, 0, 2), SR(3, 3, 14, 0, 6)}},
    {"CNTHCTL.EL1NVPCT, EL1NVVCT, ECV, EVNT*", CNTHCTL, 1 << 12 | 1 << 15 | 1 << 16 | 1 << 17 | 0xfc, 0, true, true, {0}},
    {"ICH_HCR.TC", ICH, ICH_HCR_TC, 0, true, true, {ICC_COMMON}},
    {"ICH_HCR.TALL0", ICH, ICH_HCR_TALL0, 0, true, true, {SR(3, 0, 12, 8, 0), SR(3, 0, 12, 8, 1), SR(3, 0, 12, 8, 2),
        SR(3, 0, 12, 8, 3), SR(3, 0, 12, 8, 4), SR(3, 0, 12, 12, 6)}},
    {"ICH_HCR.TALL1", ICH, ICH_HCR_TALL1, 0, true, true, {SR(3, 0, 12, 9, 0), SR(3, 0, 12, 12, 0), SR(3, 0, 12, 12, 1),
        SR(3, 0, 12, 12, 2), SR(3, 0, 12, 12, 3), SR(3, 0, 12, 12, 7)}},
    {"ICH_HCR.TDIR", ICH, ICH_HCR_TDIR, 0, true, true, {SR(3, 0, 12, 11, 1)}},
    {"HCR.IMO", HCR, A64_HCR_IMO, 0, true, true, {SR(3, 0, 12, 11, 5), SR(3, 0, 12, 11, 6), SR(3, 0, 12, 11, 7)}},
    {"HCR.FMO", HCR, A64_HCR_FMO, 0, true, true, {SR(3, 0, 12, 11, 5), SR(3, 0, 12, 11, 6), SR(3, 0, 12, 11, 7)}},
};
/* clang-format on */

static void apply(struct a64_cpu *cpu, unsigned k)
{
    const uint64_t bit = groups[k].bit;
    grant_all(cpu, groups[k].hcr);
    switch (groups[k].where) {
    case HCR:
        cpu->sr.hcr_el2 |= bit;
        break;
    case NOT_HCR:
        cpu->sr.hcr_el2 &= ~bit;
        break;
    case MDCR:
        cpu->sr.mdcr_el2 |= bit;
        break;
    case CPTR:
        cpu->sr.cptr_el2 = bit;
        break;
    case CNTHCTL:
        cpu->sr.cnthctl_el2 |= bit;
        break;
    case NOT_CNTHCTL:
        cpu->sr.cnthctl_el2 &= ~bit;
        break;
    case ICH:
        cpu->gic->ich_hcr = bit;
        break;
    }
}

static bool in_group(unsigned k, unsigned enc)
{
    for (unsigned n = 0; n < COUNT(groups[k].regs) && groups[k].regs[n]; n++)
        if (groups[k].regs[n] == enc)
            return true;
    return false;
}

static void check_group(struct a64_cpu *cpu, unsigned k, const struct a64_sysreg *row, bool write)
{
    const unsigned lowest = write ? row->write_el : row->min_el;
    const bool there = row->feat == 0 || a64_has(&cpu->feat, (enum a64_feat)row->feat);
    const bool want = there && lowest <= 1 && in_group(k, row->enc) &&
                      (write ? groups[k].writes : groups[k].reads);
    apply(cpu, k);
    if (use(cpu, row->enc, write, EL1H) != want)
        fail_msg("%s: %s of %s at EL1: %s", groups[k].name, write ? "write" : "read", row->name,
                 want ? "not trapped" : "trapped");
    apply(cpu, k);
    if (use(cpu, row->enc, write, EL0T) != (want && lowest == 0))
        fail_msg("%s: %s of %s at EL0", groups[k].name, write ? "write" : "read", row->name);
    apply(cpu, k);
    if (use(cpu, row->enc, write, EL2H))
        fail_msg("%s: %s of %s at EL2", groups[k].name, write ? "write" : "read", row->name);
}

static void by_register(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < COUNT(groups); k++) {
        for (unsigned s = 0; a64_sysreg_sets[s]; s++) {
            for (unsigned n = 0; n < a64_sysreg_sets[s]->count; n++) {
                check_group(cpu, k, &a64_sysreg_sets[s]->rows[n], false);
                check_group(cpu, k, &a64_sysreg_sets[s]->rows[n], true);
            }
        }
    }
}

/* A host's applications go by CNTHCTL_EL2 alone, bit by bit. */
static void timers_of_a_host(void **state)
{
    static const struct {
        unsigned bit;
        uint16_t regs[4];
    } cases[] = {
        {0, {SR(3, 3, 14, 0, 1), SR(3, 3, 14, 0, 5)}},
        {1, {SR(3, 3, 14, 0, 2), SR(3, 3, 14, 0, 6)}},
        {8, {CNTV}},
        {9, {CNTP}},
    };
    static const uint16_t all[] = {
        SR(3, 3, 14, 0, 1), SR(3, 3, 14, 0, 5), SR(3, 3, 14, 0, 2), SR(3, 3, 14, 0, 6), CNTP, CNTV};
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < COUNT(cases); k++) {
        grant_all(cpu, E2H | TGE);
        cpu->sr.cntkctl_el1 = 0;
        cpu->sr.cnthctl_el2 = 0x6303 & ~(1ull << cases[k].bit);
        for (unsigned n = 0; n < COUNT(all); n++)
            assert_int_equal(use(cpu, all[n], false, EL0T), listed(cases[k].regs, all[n]));
        /* CNTFRQ_EL0 needs one of the counters. */
        assert_false(use(cpu, SR(3, 3, 14, 0, 0), false, EL0T));
    }
    cpu->sr.cnthctl_el2 = 0x300;
    assert_true(use(cpu, SR(3, 3, 14, 0, 0), false, EL0T));
}

/* ---- which comes first ---- */

/* Takes the exception; where it arrived. */
static unsigned arrives(struct a64_cpu *cpu)
{
    a64_take_exception(cpu);
    return cpu->ps.el;
}

/* EL0: what EL1 refuses goes to EL1 before EL2 is asked, with TGE to EL2; UNDEFINED comes before
 * any trap; EL2's own reasons are all the same to see. */
static void priorities(void **state)
{
    static const struct {
        const char *what;
        unsigned enc;
        bool write;
    } refused[] = {
        {"CTR_EL0", SR(3, 3, 0, 0, 1), false},     {"PMCR_EL0", SR(3, 3, 9, 12, 0), false},
        {"CNTPCT_EL0", SR(3, 3, 14, 0, 1), false}, {"CNTP_CTL_EL0", SR(3, 3, 14, 2, 1), true},
        {"DAIF", SR(3, 3, 4, 2, 1), false},        {"CNTVCT_EL0", SR(3, 3, 14, 0, 2), false},
        {"PMCCNTR_EL0", SR(3, 3, 9, 13, 0), true},
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned tge = 0; tge < 2; tge++) {
        for (unsigned k = 0; k < COUNT(refused); k++) {
            int status;
            grant_all(cpu, tge ? TGE : 0);
            cpu->sr.sctlr[1] = 0;
            cpu->sr.cntkctl_el1 = cpu->sr.cnthctl_el2 = 0;
            cpu->pmu.userenr = 0;
            cpu->sr.hcr_el2 |= A64_HCR_TID2;
            cpu->sr.mdcr_el2 = 0x60;
            cpu->sr.hfgrtr_el2 = cpu->sr.hdfgrtr_el2 = cpu->sr.hdfgwtr_el2 = ~0ull;
            cpu_rig_mode(cpu, EL0T);
            if (refused[k].write)
                status = cpu_rig_msr(cpu, refused[k].enc, 0);
            else
                cpu_rig_mrs(cpu, refused[k].enc, &status);
            assert_int_equal(status, A64_FAULT);
            assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
            if (arrives(cpu) != 1 + tge)
                fail_msg("%s, TGE %u: at EL%u", refused[k].what, tge, cpu->ps.el);
        }
    }
}

static void undefined_comes_first(void **state)
{
    static const struct {
        unsigned mode, enc;
        bool write;
    } cases[] = {
        {EL0T, SR(3, 0, 1, 0, 0), true},   /* SCTLR_EL1 at EL0, with TVM */
        {EL1H, SR(3, 0, 0, 4, 0), true},   /* writing ID_AA64PFR0_EL1, with TID3 */
        {EL1H, SR(2, 0, 0, 6, 4), false},  /* a seventh breakpoint, with TDA */
        {EL1H, SR(3, 0, 5, 3, 0), true},   /* writing ERRIDR_EL1, with TERR */
        {EL1H, SR(2, 0, 1, 1, 4), true},   /* writing OSLSR_EL1, with TDOSA */
        {EL1H, SR(3, 3, 9, 12, 6), true},  /* writing PMCEID0_EL0, with TPM */
        {EL1H, SR(3, 0, 13, 0, 7), false}, /* SCXTNUM_EL1, which is not there, with its trap */
        {EL1H, SR(3, 4, 1, 1, 0), false},  /* HCR_EL2 */
        {EL1H, SR(3, 5, 1, 0, 0), false},  /* SCTLR_EL12 */
        {EL1H, SR(3, 0, 12, 0, 1), false}, /* RVBAR_EL1: EL2 is the highest */
    };
    struct a64_cpu *cpu = cpu_of(state);
    for (unsigned k = 0; k < COUNT(cases); k++) {
        int status;
        grant_all(cpu, A64_HCR_TVM | A64_HCR_TRVM | A64_HCR_TID3 | A64_HCR_TERR);
        cpu->sr.mdcr_el2 = 0xf60;
        cpu->sr.hfgrtr_el2 = cpu->sr.hfgwtr_el2 = cpu->sr.hdfgrtr_el2 = cpu->sr.hdfgwtr_el2 = ~0ull;
        cpu_rig_mode(cpu, cases[k].mode);
        if (cases[k].write)
            status = cpu_rig_msr(cpu, cases[k].enc, 0);
        else
            cpu_rig_mrs(cpu, cases[k].enc, &status);
        assert_int_equal(status, A64_FAULT);
        if (cpu->exc.ec != A64_EC_UNKNOWN)
            fail_msg("register %#x: EC %#x", cases[k].enc, cpu->exc.ec);
        assert_int_equal(arrives(cpu), 1);
    }
}

/* FEAT_IDST: what cannot be read of the feature ID space says so with EC 0x18, allocated or not. */
static void feature_id_space(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    static const uint8_t spaces[] = {0, 1, 3};
    for (unsigned k = 0; k < COUNT(spaces); k++) {
        for (unsigned n = 0; n < 64; n++) {
            const unsigned enc = SR(3, spaces[k], 0, 0, 0) + n;
            int status;
            grant_all(cpu, 0);
            cpu->sr.sctlr[1] = 0;
            cpu_rig_mode(cpu, EL0T);
            cpu_rig_mrs(cpu, enc, &status);
            if (spaces[k] == 3 && n == 7)
                continue; /* DCZID_EL0 is everybody's */
            assert_int_equal(status, A64_FAULT);
            assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
            assert_int_equal(arrives(cpu), 1);
            cpu_rig_mode(cpu, EL0T);
            assert_int_equal(cpu_rig_msr(cpu, enc, 0), A64_FAULT);
            assert_int_equal(cpu->exc.ec, A64_EC_UNKNOWN);
        }
    }
    int status;
    cpu_rig_mode(cpu, EL2H);
    cpu_rig_mrs(cpu, SR(3, 1, 0, 0, 2), &status); /* CCSIDR2_EL1, at EL2 */
    assert_int_equal(status, A64_FAULT);
    assert_int_equal(cpu->exc.ec, A64_EC_SYSREG);
    assert_int_equal(arrives(cpu), 2);
}

/* SCTLR_EL2 has no UMA: DAIF is never a host's application's. */
static void daif_of_a_host(void **state)
{
    struct a64_cpu *cpu = cpu_of(state);
    grant_all(cpu, E2H | TGE);
    assert_true(use(cpu, SR(3, 3, 4, 2, 1), false, EL0T));
    assert_true(use(cpu, SR(3, 3, 4, 2, 1), true, EL0T));
}

/* ---- registers that the traps live in ---- */

static void control_registers(void **state)
{
    static const struct {
        const char *model;
        unsigned enc;
        uint64_t ones; /* that can be set */
    } cases[] = {
        {"max", SR(3, 4, 1, 1, 1), 0x08000fff}, /* MDCR_EL2: TDCC, debug, the PMU's */
        {"apple-m1", SR(3, 4, 1, 1, 1), 0xf00},
        {"max", SR(3, 4, 14, 1, 0), 0x3ffff},      /* CNTHCTL_EL2 with FEAT_ECV */
        {"apple-m2", SR(3, 4, 14, 1, 0), 0x3efff}, /* without CNTPOFF_EL2 */
        {"apple-m1", SR(3, 4, 14, 1, 0), 0xfff},
        {"max", SR(3, 4, 1, 1, 7), 0}, /* HACR_EL2 */
        {"apple-m1", SR(3, 4, 1, 1, 7), ~0ull},
        {"max", SR(3, 4, 1, 1, 4), 0x0003ffff3fffffff}, /* HFGRTR_EL2 */
        {"max", SR(3, 4, 1, 1, 6), 0x007fffffffffffff}, /* HFGITR_EL2 */
        {"apple-m1", SR(3, 3, 14, 0, 0), 0xffffffff},   /* CNTFRQ_EL0, at the highest level */
    };
    for (unsigned k = 0; k < COUNT(cases); k++) {
        struct cpu_rig *rig = cpu_rig_new(cases[k].model, true);
        cpu_rig_msr(rig->cpu, cases[k].enc, ~0ull);
        const uint64_t got = cpu_rig_mrs(rig->cpu, cases[k].enc, NULL);
        if (got != cases[k].ones)
            fail_msg("%s, register %#x: %#llx", cases[k].model, cases[k].enc,
                     (unsigned long long)got);
        cpu_rig_free(rig);
    }
    struct cpu_rig *rig = cpu_rig_new("apple-m1", false);
    assert_int_equal(cpu_rig_msr(rig->cpu, SR(3, 3, 14, 0, 0), 1), A64_FAULT);
    assert_int_equal(cpu_rig_mrs(rig->cpu, SR(3, 3, 14, 0, 0), NULL), 24000000);
    cpu_rig_free(rig);
}

/* Apple's HACR_EL2 bit 20 holds the guest's virtual timer back from its wire. */
static void hacr_masks_the_virtual_timer(void **state)
{
    struct cpu_rig *rig = cpu_rig_new("apple-m1", true);
    struct a64_cpu *cpu = rig->cpu;
    rig->now = 1000;
    cpu_rig_msr(cpu, SR(3, 3, 14, 3, 2), 500); /* CNTV_CVAL_EL0 */
    cpu_rig_msr(cpu, SR(3, 3, 14, 3, 1), 1);
    assert_true(rig->wire[27]);
    cpu_rig_msr(cpu, SR(3, 4, 1, 1, 7), 1 << 20);
    assert_false(rig->wire[27]);
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 3, 1), NULL), 5);
    cpu_rig_msr(cpu, SR(3, 4, 1, 1, 7), 0);
    assert_true(rig->wire[27]);
    cpu_rig_free(rig);
}

/* MDCR_EL2.HPMN splits the event counters: EL1 sees the lower ones, HPME runs the upper ones. */
static void counters_of_el2(void **state)
{
    struct bench *bench = *state;
    struct a64_cpu *cpu = bench->rig->cpu;
    const unsigned mdcr = SR(3, 4, 1, 1, 1), pmcr = SR(3, 3, 9, 12, 0), set = SR(3, 3, 9, 12, 1),
                   interrupt = SR(3, 0, 9, 14, 1), overflow = SR(3, 3, 9, 12, 3);
    grant_all(cpu, 0);
    cpu_rig_mode(cpu, EL2H);
    for (unsigned n = 0; n < 6; n++)
        cpu_rig_msr(cpu, SR(3, 3, 14, 12, n), 1 << 27 | 0x08); /* also at EL2 */
    cpu_rig_msr(cpu, set, 0x3f);
    cpu_rig_msr(cpu, mdcr, 4 | 0x80);
    cpu->icount += 100;
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 3), NULL), 0); /* PMCR_EL0.E is clear */
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 4), NULL), 100);
    cpu_rig_msr(cpu, mdcr, 4);
    cpu_rig_msr(cpu, pmcr, 1);
    cpu->icount += 10;
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 3), NULL), 10);
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 4), NULL), 100);
    cpu_rig_mode(cpu, EL1H);
    assert_int_equal(cpu_rig_mrs(cpu, pmcr, NULL) >> 11 & 31, 4);
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 4), NULL), 0);
    cpu_rig_msr(cpu, pmcr, 2); /* P at EL1 leaves EL2's alone */
    cpu_rig_mode(cpu, EL2H);
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 3), NULL), 0);
    assert_int_equal(cpu_rig_mrs(cpu, SR(3, 3, 14, 8, 4), NULL), 100);
    cpu_rig_msr(cpu, interrupt, 1 << 4);
    cpu_rig_msr(cpu, SR(3, 3, 14, 8, 4), 0xffffffff);
    cpu_rig_msr(cpu, mdcr, 4 | 0x80);
    assert_int_equal(cpu->attention & A64_ATT_TIMER, A64_ATT_TIMER);
    cpu->icount += 1;
    assert_int_equal(cpu_rig_mrs(cpu, overflow, NULL), 1 << 4);
    assert_true(bench->rig->wire[23]);
    cpu_rig_msr(cpu, mdcr, 4);
    assert_false(bench->rig->wire[23]);
    cpu_rig_msr(cpu, mdcr, 4 | 0x80);
    assert_true(bench->rig->wire[23]);
    a64_cpu_reset(cpu);
    assert_false(bench->rig->wire[23]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fine_grained),
        TEST(fine_grained_spare_hosts),
        TEST(fine_grained_instructions),
        TEST(hcr_sys),
        TEST(by_register),
        TEST(timers_of_a_host),
        TEST(priorities),
        TEST(undefined_comes_first),
        TEST(feature_id_space),
        TEST(daif_of_a_host),
        TEST(control_registers),
        TEST(hacr_masks_the_virtual_timer),
        TEST(counters_of_el2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
