/* SPDX-License-Identifier: MIT */
/* A guest for the board `virt` that starts at EL2: what registers hold behind E2H's names, which
 * interrupt each timer raises under which name, and debug exceptions (software step, breakpoints,
 * watchpoints) of EL0 and EL1 taken to EL2. One line each. */

#include "guest.h"

#define RW   BIT(31)
#define E2H  BIT(34)
#define TGE  BIT(27)
#define OPEN (RW | BIT(40) | BIT(41))

/* Runs one instruction with X3 at EL2. */
static uint64_t at_el2(uint64_t hcr, uint32_t word, uint64_t x3)
{
    return run(hcr, 9, x3, &word, 1);
}

/* ---- E2H ---- */

static const struct {
    const char *name;
    uint8_t crn, crm, op2, op2_el2;
} redirected[] = {
    {"ttbr0", 2, 0, 0, 0}, {"ttbr1", 2, 0, 1, 1},       {"spsr", 4, 0, 0, 0},
    {"elr", 4, 0, 1, 1},   {"esr", 5, 2, 0, 0},         {"far", 6, 0, 0, 0},
    {"mair", 10, 2, 0, 0}, {"contextidr", 13, 0, 1, 1},
};

static void names_and_values(void)
{
    for (unsigned k = 0; k < sizeof redirected / sizeof *redirected; k++) {
        const unsigned crn = redirected[k].crn, crm = redirected[k].crm, op2 = redirected[k].op2;
        const uint32_t set1 = MSR_(3, 0, crn, crm, op2), get1 = MRS(3, 0, crn, crm, op2),
                       set2 = MSR_(3, 4, crn, crm, op2), get2 = MRS(3, 4, crn, crm, op2),
                       set12 = MSR_(3, 5, crn, crm, op2), get12 = MRS(3, 5, crn, crm, op2);
        /* ELR, SPSR and ESR of EL2 change with every exception: what is written and read is one
         * run. */
        const uint32_t script[] = {set1, set2, get1, get2};
        const uint32_t host[] = {set1, set12, get1, get2};
        text(redirected[k].name);
        for (unsigned n = 2; n < 4; n++) {
            const uint32_t two[] = {0xd2960003 /* mov x3, #0xb000 */, script[0], 0xd2980003,
                                    script[1], script[n]};
            field("plain", run(OPEN, 9, 0, two, 5));
        }
        for (unsigned n = 2; n < 4; n++) {
            const uint32_t two[] = {0xd29a0003, host[0], 0xd29c0003, host[1], host[n]};
            field("vhe", run(OPEN | E2H, 9, 0, two, 5));
        }
        field("el12", at_el2(OPEN | E2H, get12, 0));
        field("el1", at_el2(OPEN, get1, 0));
        text("\n");
    }
}

/* ---- timers ---- */

#define GICR_ISPENDR0 (*(volatile uint32_t *)0x080b0200)
#define GICR_WAKER    (*(volatile uint32_t *)0x080a0014)

static void timers(void)
{
    static const struct {
        const char *name;
        uint64_t hcr;
        uint8_t op1, crm;
    } cases[] = {
        {"cntp", OPEN, 3, 2},
        {"cntv", OPEN, 3, 3},
        {"cnthp", OPEN, 4, 2},
        {"cnthv", OPEN, 4, 3},
        {"vhe cntp", OPEN | E2H, 3, 2},
        {"vhe cntv", OPEN | E2H, 3, 3},
        {"cntp_el02", OPEN | E2H, 5, 2},
        {"cntv_el02", OPEN | E2H, 5, 3},
    };
    GICR_WAKER = 0;
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        const unsigned op1 = cases[k].op1, crm = cases[k].crm;
        text(cases[k].name);
        at_el2(cases[k].hcr, MSR_(3, op1, 14, crm, 2), 0); /* CVAL: long ago */
        field("before", GICR_ISPENDR0);
        at_el2(cases[k].hcr, MSR_(3, op1, 14, crm, 1), 1);
        field("on", GICR_ISPENDR0);
        field("ctl", at_el2(cases[k].hcr, MRS(3, op1, 14, crm, 1), 0));
        at_el2(cases[k].hcr, MSR_(3, op1, 14, crm, 1), 3);
        field("masked", GICR_ISPENDR0);
        field("ctl", at_el2(cases[k].hcr, MRS(3, op1, 14, crm, 1), 0));
        at_el2(cases[k].hcr, MSR_(3, op1, 14, crm, 0), 0x70000000);
        at_el2(cases[k].hcr, MSR_(3, op1, 14, crm, 1), 1);
        field("later", GICR_ISPENDR0);
        at_el2(cases[k].hcr, MSR_(3, op1, 14, crm, 1), 0);
        field("off", GICR_ISPENDR0);
        text("\n");
    }
}

/* ---- debug ---- */

#define TDE BIT(8)
#define SS  BIT(21)

/* What the exception that ended a run looked like. */
static void outcome(void)
{
    const struct result *r = &context.result;
    field("v", r->vector);
    field("esr", r->esr2);
    field("spsr", r->spsr2);
    field("elr", r->elr2 - (uint64_t)(uintptr_t)slot);
    if (r->esr2 >> 26 == 0x16 && (r->esr2 & 0xffff) == 0x99)
        field("esr1", r->esr1), field("spsr1", r->spsr1),
            field("elr1", r->elr1 - (uint64_t)(uintptr_t)slot);
    text("\n");
}

static void steps(void)
{
    static const struct {
        const char *name;
        uint32_t word;
    } cases[] = {
        {"nop", 0xd503201f},   {"ldr", 0xf9400064}, {"ldxr", 0xc85f7c64},  {"stxr", 0xc8057c64},
        {"b .+8", 0x14000002}, {"b .", 0x14000000}, {"svc", 0xd4000541},   {"brk", 0xd4200540},
        {"udf", 0x00000000},   {"hvc", 0xd4000542}, {"ldaxp", 0xc87f9464}, {"mrs nzcv", 0xd53b4204},
        {"ldar", 0xc8dffc64},
    };
    for (unsigned el = 0; el < 2; el++) {
        for (unsigned ss = 0; ss < 2; ss++) {
            for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
                const uint32_t code[] = {cases[k].word, 0xd503201f, 0xd503201f};
                text("step el");
                hex(el);
                field("ss", ss);
                put(' ');
                text(cases[k].name);
                MSR("mdcr_el2", TDE);
                MSR("mdscr_el1", 1);
                run(OPEN, (el << 2 | (el != 0)) | (ss ? SS : 0), 0x40300000, code, 3);
                MSR("mdscr_el1", 0);
                MSR("mdcr_el2", 0);
                outcome();
            }
        }
    }
}

static void breakpoints(void)
{
    /* E, PAC and HMC/SSC: EL0, EL1, both, EL2. */
    static const uint32_t controls[] = {0x1e5, 0x1e3, 0x1e7, 0x1e0, 0x21e7, 0x21e3};
    static const uint32_t code[] = {0xd503201f, 0xd503201f, 0xd503201f};
    for (unsigned k = 0; k < sizeof controls / sizeof *controls; k++) {
        for (unsigned el = 0; el < 2; el++) {
            text("break el");
            hex(el);
            field("bcr", controls[k]);
            MSR("mdcr_el2", TDE);
            MSR("dbgbvr0_el1", (uintptr_t)&slot[1]);
            MSR("dbgbcr0_el1", controls[k]);
            MSR("mdscr_el1", 1 << 15);
            run(OPEN, el << 2 | (el != 0), 0, code, 3);
            MSR("mdscr_el1", 0);
            MSR("dbgbcr0_el1", 0);
            MSR("mdcr_el2", 0);
            outcome();
        }
    }
}

static void watchpoints(void)
{
    static const struct {
        const char *name;
        uint32_t word;
    } accesses[] = {
        {"ldr x", 0xf9400064},   {"str x", 0xf9000064},   {"ldrb", 0x39400064},
        {"strb +4", 0x39001064}, {"ldp", 0xa9401464},     {"ldr +8", 0xf9400464},
        {"ldxr", 0xc85f7c64},    {"dc cvac", 0xd50b7a23}, {"dc ivac", 0xd5087623},
        {"ldadd", 0xf8240065},
    };
    /* Both, loads, stores; bytes 0 to 3, 4 to 7; 32 bytes by mask. */
    static const uint32_t controls[] = {0x1ffd | 2, 0x1fef, 0x1ff7, 0x1ff, 0x1e1f, 0x05001fff};
    for (unsigned k = 0; k < sizeof controls / sizeof *controls; k++) {
        for (unsigned a = 0; a < sizeof accesses / sizeof *accesses; a++) {
            text("watch");
            field("wcr", controls[k]);
            put(' ');
            text(accesses[a].name);
            MSR("mdcr_el2", TDE);
            MSR("dbgwvr0_el1", 0x40300000);
            MSR("dbgwcr0_el1", controls[k]);
            MSR("mdscr_el1", 1 << 15);
            run(OPEN, 5, 0x40300000, &accesses[a].word, 1);
            MSR("mdscr_el1", 0);
            MSR("dbgwcr0_el1", 0);
            MSR("mdcr_el2", 0);
            if (context.result.esr2 >> 26 == 0x34)
                field("far", context.result.far2);
            outcome();
        }
    }
}

/* ---- exceptions that are no traps ---- */

static void faults(void)
{
    static const struct {
        const char *name;
        uint32_t code[3];
        uint64_t x3;
    } cases[] = {
        {"sp alignment",
         {0x9100207f, 0xf94003e4, 0xd503201f},
         0x40200000}, /* mov sp, x3 + 8; ldr x4, [sp] */
        {"sp aligned", {0x9100407f, 0xf94003e4, 0xd503201f}, 0x40200000},
        {"pc alignment", {0xd61f0060, 0xd503201f, 0xd503201f}, 0x40300002}, /* br x3 */
        {"brk", {0xd4212340, 0xd503201f, 0xd503201f}, 0},
        {"udf", {0x0000dead, 0xd503201f, 0xd503201f}, 0},
        {"svc", {0xd4000541, 0xd503201f, 0xd503201f}, 0},
        {"hvc", {0xd4000542, 0xd503201f, 0xd503201f}, 0},
        {"eret to el2", {0xd2807923, 0xd5184003, 0xd69f03e0}, 0},     /* SPSR_EL1 = EL2h */
        {"eret to aarch32", {0xd2807a03, 0xd5184003, 0xd69f03e0}, 0}, /* SPSR_EL1 = A32 user */
        {"eret to el0h", {0xd2807823, 0xd5184003, 0xd69f03e0}, 0},
        {"eret to el3", {0xd28079a3, 0xd5184003, 0xd69f03e0}, 0},
    };
    static const uint64_t hcr[] = {OPEN, OPEN | TGE, OPEN | E2H, OPEN | E2H | TGE};
    for (unsigned h = 0; h < sizeof hcr / sizeof *hcr; h++) {
        for (unsigned el = 0; el < 3; el++) {
            if (el == 1 && (hcr[h] & TGE))
                continue;
            for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
                if (el == 2 && cases[k].name[0] == 'e')
                    continue; /* these set EL1's registers */
                text("fault el");
                hex(el);
                field("hcr", hcr[h] >> 24);
                put(' ');
                text(cases[k].name);
                MSR("elr_el1", (uintptr_t)&slot[3]);
                MSR("sctlr_el1", 0x30d00818);
                MSR("sctlr_el2", 0x30c50838);
                run(hcr[h], el << 2 | (el != 0), cases[k].x3, cases[k].code, 3);
                outcome();
            }
        }
    }
    /* ERET from EL2 itself to what does not exist or is not allowed. */
    static const uint64_t modes[] = {0x1, 0x2, 0xc, 0xd, 0x6, 0xa, 0x1c};
    static const uint32_t nop = 0xd503201f;
    for (unsigned k = 0; k < sizeof modes / sizeof *modes; k++) {
        text("eret");
        field("mode", modes[k]);
        run(OPEN, modes[k], 0, &nop, 1);
        outcome();
    }
    for (unsigned mode = 4; mode < 6; mode++) {
        text("eret under TGE");
        field("mode", mode);
        run(OPEN | TGE, mode, 0, &nop, 1);
        outcome();
    }
}

void main(void)
{
    MSR("vbar_el2", vectors_el2);
    MSR("vbar_el1", vectors_el1);
    MSR("sctlr_el1", 0x30d00800);
    MSR("cntvoff_el2", 0);
    MSR("oslar_el1", 0);
    MSR("cnthctl_el2", 3);
    names_and_values();
    timers();
    steps();
    breakpoints();
    watchpoints();
    faults();
    text("done\n");
}
