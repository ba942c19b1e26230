/* SPDX-License-Identifier: MIT */
/* HCR_EL2.E2H and TGE: what every _EL1 name reaches at EL2, the _EL12 and _EL02 names, where
 * exceptions of EL0 go, and whose permission EL0 has for counters and timers.
 *
 * With E2H_FIXED it is for a CPU whose E2H is always 1, as the M1's: cases with E2H = 0 are left
 * out, and EL1's own registers are reached by their _EL12 names. */

#include "guest.h"

#define BARE (HCR_RW | BIT(40) | BIT(41))

#ifdef E2H_FIXED
#define HOME         (BARE | HCR_E2H)
#define OF_EL1(name) name "_el12"
#define CPTR_OPEN    (3ull << 20)
#define CNTHCTL_OPEN 0xc03
#else
#define HOME         BARE
#define OF_EL1(name) name "_el1"
#define CPTR_OPEN    0x33ff
#define CNTHCTL_OPEN 3
#endif

/* Whether HCR_EL2 can be so. */
static bool possible(uint64_t hcr)
{
    return (HOME & HCR_E2H) <= (hcr & HCR_E2H);
}

/* ---- redirection ---- */

static const struct {
    const char *name;
    uint8_t crn, crm, op2;
    uint8_t crm_el2, op2_el2;
    uint64_t one, two;
} names[] = {
    {"sctlr", 1, 0, 0, 0, 0, 0x30d00800, 0x30d00802},
    {"cpacr", 1, 0, 2, 1, 2, 0x300000, 0x100000},
    {"ttbr0", 2, 0, 0, 0, 0, 0x1000, 0x2000},
    {"ttbr1", 2, 0, 1, 0, 1, 0x3000, 0x4000},
    {"tcr", 2, 0, 2, 0, 2, 0x10, 0x19},
    {"afsr0", 5, 1, 0, 1, 0, 1, 2},
    {"afsr1", 5, 1, 1, 1, 1, 1, 2},
    {"esr", 5, 2, 0, 2, 0, 0x56000001, 0x56000002},
    {"far", 6, 0, 0, 0, 0, 0x1111, 0x2222},
    {"mair", 10, 2, 0, 2, 0, 0x44, 0xff},
    {"amair", 10, 3, 0, 3, 0, 1, 2},
    {"vbar", 12, 0, 0, 0, 0, 0x8000, 0x9000},
    {"contextidr", 13, 0, 1, 0, 1, 7, 8},
    {"cntkctl", 14, 1, 0, 1, 0, 0x201, 0x102},
    {"spsr", 4, 0, 0, 0, 0, 0x3c5, 0x3c4},
    {"elr", 4, 0, 1, 0, 1, 0x7000, 0x7004},
};

/* The registers of EL2 that matter while the test runs are put back. */
static void redirection(void)
{
    for (unsigned k = 0; k < ARRAY_SIZE(names); k++) {
        const unsigned crn = names[k].crn, crm = names[k].crm, op2 = names[k].op2;
        const uint32_t get1 = GET(3, 0, crn, crm, op2), set1 = SET(3, 0, crn, crm, op2);
        const uint32_t get2 = GET(3, 4, crn, names[k].crm_el2, names[k].op2_el2),
                       set2 = SET(3, 4, crn, names[k].crm_el2, names[k].op2_el2);
        const uint32_t get12 = GET(3, 5, crn, crm, op2), set12 = SET(3, 5, crn, crm, op2);
        const uint32_t own = possible(0) ? get1 : get12, set_own = possible(0) ? set1 : set12;
        for (unsigned e2h = !possible(0); e2h < 2; e2h++) {
            text("redirect ");
            text(names[k].name);
            field("e2h", e2h);
            text(" :");
            MSR("hcr_el2", HOME);
            const uint64_t old1 = execute(own, 0);
            MSR("hcr_el2", BARE | (e2h ? HCR_E2H : 0));
            const uint64_t old2 = execute(get2, 0);
            forget();
            execute(e2h ? set12 : set1, names[k].one);
            if (e2h)
                execute(set1, names[k].two);
            else
                execute(set2, names[k].two);
            const uint64_t by1 = execute(get1, 0), by2 = execute(get2, 0);
            execute(set2, old2);
            const unsigned before = events;
            const uint64_t by12 = execute(get12, 0x5a5a);
            const unsigned undefined = events != before;
            MSR("hcr_el2", HOME);
            field("el1", by1 ^ names[k].one);
            field("el2", by2 ^ names[k].two);
            if (e2h)
                field("same", by1 == by2);
            field("el12", undefined ? 0xbad : by12 == names[k].one);
            const uint64_t kept = execute(own, 0);
            field("one", kept == names[k].one);
            if (kept != names[k].one || undefined == e2h ||
                by1 != (e2h ? names[k].two : names[k].one))
                text(" BAD");
            execute(set_own, old1);
            say_events();
            text("\n");
        }
    }
}

static const struct {
    const char *name;
    uint8_t crn, crm, op2;
} aliases[] = {
    {"sctlr_el12", 1, 0, 0},        {"cpacr_el12", 1, 0, 2},        {"zcr_el12", 1, 2, 0},
    {"ttbr0_el12", 2, 0, 0},        {"ttbr1_el12", 2, 0, 1},        {"tcr_el12", 2, 0, 2},
    {"spsr_el12", 4, 0, 0},         {"elr_el12", 4, 0, 1},          {"afsr0_el12", 5, 1, 0},
    {"afsr1_el12", 5, 1, 1},        {"esr_el12", 5, 2, 0},          {"far_el12", 6, 0, 0},
    {"mair_el12", 10, 2, 0},        {"amair_el12", 10, 3, 0},       {"vbar_el12", 12, 0, 0},
    {"contextidr_el12", 13, 0, 1},  {"cntkctl_el12", 14, 1, 0},     {"cntp_tval_el02", 14, 2, 0},
    {"cntp_ctl_el02", 14, 2, 1},    {"cntp_cval_el02", 14, 2, 2},   {"cntv_tval_el02", 14, 3, 0},
    {"cntv_ctl_el02", 14, 3, 1},    {"cntv_cval_el02", 14, 3, 2},   {"none_el12 1,0,1", 1, 0, 1},
    {"none_el12 12,0,1", 12, 0, 1}, {"none_el12 14,0,1", 14, 0, 1},
};

/* Whether an alias is there: at EL2 with E2H, without, at EL1 and EL0 with and without. */
static void alias_levels(void)
{
    for (unsigned k = 0; k < ARRAY_SIZE(aliases); k++) {
        const uint32_t word = GET(3, 5, aliases[k].crn, aliases[k].crm, aliases[k].op2);
        static const uint64_t hcr[] = {BARE, BARE | HCR_E2H, BARE | HCR_E2H | HCR_TGE};
        for (unsigned h = 0; h < ARRAY_SIZE(hcr); h++) {
            for (unsigned el = 0; el < 3; el++) {
                if ((el == 1 && h == 2) || !possible(hcr[h]))
                    continue;
                text("alias ");
                text(aliases[k].name);
                field("hcr", hcr[h] >> 27);
                text(" el");
                hex(el);
                MSR("hcr_el2", hcr[h]);
                forget();
                if (el == 2)
                    execute(word, 0);
                else
                    execute_at(el ? EL1H : EL0T, word, 0);
                MSR("hcr_el2", HOME);
                text(" :");
                say_events();
                text("\n");
            }
        }
    }
}

/* ---- routing ---- */

static void routing(void)
{
    static const struct {
        const char *name;
        uint32_t word;
        uint64_t x0;
    } cases[] = {
        {"svc", 0xd4000541, 0},
        {"hvc", 0xd4000542, 0},
        {"udf", 0, 0},
        {"brk", 0xd4200540, 0},
        {"unmapped ldr", 0xf9400000, 0x200000000000},
        {"unaligned ldxr", 0xc85f7c00, 0x40300001},
        {"mrs ttbr0_el1", 0xd5382000, 0},
        {"mrs midr_el1", 0xd5380000, 0},
        {"fmov", 0x9e660000, 0},
        {"nop", 0xd503201f, 0},
        {"tlbi vmalle1", 0xd508871f, 0},
        {"mrs daif", 0xd53b4220, 0},
        {"msr daifset", 0xd50342df, 0},
        {"dc zva", 0xd50b7420, 0x40300000},
        {"dc civac", 0xd50b7e20, 0x40300000},
        {"mrs ctr_el0", 0xd53b0020, 0},
        {"mrs tpidr_el0", 0xd53bd040, 0},
        {"mrs tpidr_el1", 0xd538d080, 0},
    };
    static const uint64_t hcr[] = {BARE, BARE | HCR_TGE, BARE | HCR_E2H, BARE | HCR_E2H | HCR_TGE};
    for (unsigned h = 0; h < ARRAY_SIZE(hcr); h++) {
        for (unsigned open = 0; open < 2 && possible(hcr[h]); open++) {
            for (unsigned k = 0; k < ARRAY_SIZE(cases); k++) {
                text("route ");
                text(cases[k].name);
                field("hcr", hcr[h] >> 27);
                field("open", open);
                MSR(OF_EL1("sctlr"),
                    0x30d00800 | (open ? BIT(9) | BIT(14) | BIT(15) | BIT(16) | BIT(26) : 0));
                MSR(OF_EL1("cpacr"), open ? BIT(20) | BIT(21) : 0);
                MSR("hcr_el2", hcr[h]);
                const uint64_t sctlr = MRS("sctlr_el2"), cptr = MRS("cptr_el2");
                if (h == 3)
                    MSR("sctlr_el2",
                        sctlr | (open ? BIT(9) | BIT(14) | BIT(15) | BIT(16) | BIT(26) : 0));
                MSR("cptr_el2", h >= 2 ? (open ? 3ull << 20 : 1ull << 20) : open ? 0x33ff : 0x37ff);
                forget();
                execute_at(EL0T, cases[k].word, cases[k].x0);
                MSR("cptr_el2", cptr);
                MSR("sctlr_el2", sctlr);
                MSR("hcr_el2", HOME);
                text(" :");
                say_events();
                text("\n");
            }
        }
    }
}

/* CPTR_EL2 in both layouts: FP at each EL. */
static void fp_traps(void)
{
    for (unsigned e2h = !possible(0); e2h < 2; e2h++) {
        for (unsigned tge = 0; tge < 2; tge++) {
            for (unsigned fpen = 0; fpen < 4; fpen++) {
                for (unsigned el = 0; el < 3; el++) {
                    if (el == 1 && tge)
                        continue;
                    text("cptr");
                    field("e2h", e2h);
                    field("tge", tge);
                    field("fpen", fpen);
                    text(" el");
                    hex(el);
                    text(" :");
                    MSR(OF_EL1("cpacr"), 3ull << 20);
                    MSR("hcr_el2", BARE | (e2h ? HCR_E2H : 0) | (tge ? HCR_TGE : 0));
                    MSR("cptr_el2", (uint64_t)fpen << 20 | (fpen == 2 && !e2h ? BIT(10) : 0));
                    forget();
                    if (el == 2)
                        execute(0x9e660000, 0);
                    else
                        execute_at(el ? EL1H : EL0T, 0x9e660000, 0);
                    field("value", MRS("cptr_el2"));
                    MSR("cptr_el2", e2h ? 3ull << 20 : 0x33ff);
                    MSR("hcr_el2", HOME);
                    MSR("cptr_el2", CPTR_OPEN);
                    say_events();
                    text("\n");
                }
            }
        }
    }
}

/* ---- interrupts ---- */

static void pend_virtual(uint64_t hcr, uint64_t spsr, const char *name)
{
    static const uint64_t kinds[] = {BIT(6), BIT(7), BIT(8)};
    for (unsigned k = 0; k < 3; k++) {
        text("virtual ");
        text(name);
        field("hcr", hcr >> 24);
        field("routes", hcr >> 3 & 7);
        field("kind", k);
        text(" :");
        forget();
        MSR("hcr_el2", hcr | kinds[k]);
        if (spsr)
            execute_at(spsr, 0xd503201f, 0);
        else
            __asm__ volatile("msr daifclr, #7; isb; nop; msr daifset, #7");
        field("vse", MRS("hcr_el2") >> 6 & 7);
        MSR("hcr_el2", HOME);
        say_events();
        text("\n");
    }
}

/* PSTATE of a lower EL does not mask what goes to EL2. */
static void end_interrupt(struct frame *frame, unsigned el, unsigned vector)
{
    (void)frame, (void)vector;
    if (el == 2)
        MMIO32(GICR + 0x10280) = 0xc;
}

/* An SGI of each group. */
static void physical(uint64_t hcr, uint64_t spsr, const char *name)
{
    for (unsigned group = 0; group < 2; group++) {
        text("physical ");
        text(name);
        field("hcr", hcr >> 24);
        field("routes", hcr >> 3 & 7);
        field("group", group);
        text(" :");
        MMIO32(GICR + 0x10200) = 1u << (2 + group);
        forget();
        MSR("hcr_el2", hcr);
        if (spsr)
            execute_at(spsr, 0xd503201f, 0);
        else
            __asm__ volatile("msr daifclr, #7; isb; nop; msr daifset, #7");
        MSR("hcr_el2", HOME);
        MMIO32(GICR + 0x10280) = 0xc;
        say_events();
        text("\n");
    }
}

static void interrupts(void)
{
    on_interrupt = end_interrupt;
    MMIO32(GICR + 0x14) = 0;
    MMIO32(GICD) = 0x13;
    MMIO32(GICR + 0x10080) = 8; /* SGI 2 is Group 0, SGI 3 Group 1 */
    MMIO32(GICR + 0x10100) = 0xc;
    MSR("s3_0_c4_c6_0", 0xff);
    MSR("s3_0_c12_c12_6", 1);
    MSR("s3_0_c12_c12_7", 1);
    for (unsigned host = !possible(0); host < 4; host += possible(0) ? 1 : 2) {
        for (unsigned routes = 0; routes < 8; routes++) {
            const uint64_t hcr =
                BARE | (host & 1 ? HCR_E2H : 0) | (host & 2 ? HCR_TGE : 0) | routes << 3;
            pend_virtual(hcr, EL0T & ~0x1c0ull, "el0");
            pend_virtual(hcr, EL0T, "el0 masked");
            pend_virtual(hcr, 0, "el2");
            physical(hcr, EL0T & ~0x1c0ull, "el0");
            physical(hcr, EL0T, "el0 masked");
            physical(hcr, 0, "el2");
            if (host & 2)
                continue;
            pend_virtual(hcr, EL1H & ~0x1c0ull, "el1");
            pend_virtual(hcr, EL1H, "el1 masked");
            physical(hcr, EL1H & ~0x1c0ull, "el1");
            physical(hcr, EL1H, "el1 masked");
        }
    }
}

/* ---- counters and timers of EL0 ---- */

static void el0_timers(void)
{
    static const struct {
        const char *name;
        uint8_t crm, op2;
    } regs[] = {
        {"cntfrq", 0, 0},    {"cntpct", 0, 1},   {"cntvct", 0, 2},
        {"cntp_tval", 2, 0}, {"cntp_ctl", 2, 1}, {"cntp_cval", 2, 2},
        {"cntv_tval", 3, 0}, {"cntv_ctl", 3, 1}, {"cntv_cval", 3, 2},
    };
    static const uint64_t hcr[] = {BARE, BARE | HCR_E2H, BARE | HCR_E2H | HCR_TGE, BARE | HCR_TGE};
    static const uint16_t bits[] = {0, 1, 2, 0x100, 0x200, 0x400, 0x800, 0xc00, 0xf03, 0x303, 3};
    for (unsigned h = 0; h < ARRAY_SIZE(hcr); h++) {
        for (unsigned b = 0; b < ARRAY_SIZE(bits) && possible(hcr[h]); b++) {
            for (unsigned k = 0; k < ARRAY_SIZE(regs); k++) {
                for (unsigned el = 0; el < 2; el++) {
                    if (el == 1 && (hcr[h] & HCR_TGE))
                        continue;
                    text("timer ");
                    text(regs[k].name);
                    field("hcr", hcr[h] >> 27);
                    field("cnthctl", bits[b]);
                    text(" el");
                    hex(el);
                    MSR("hcr_el2", HOME);
                    MSR(OF_EL1("cntkctl"), h == 0 || h == 3 ? bits[b] & 0x303 : 0x303);
                    MSR("hcr_el2", hcr[h]);
                    MSR("cnthctl_el2", bits[b]);
                    forget();
                    execute_at(el ? EL1H : EL0T, GET(3, 3, 14, regs[k].crm, regs[k].op2), 0);
                    MSR("hcr_el2", HOME);
                    MSR("cnthctl_el2", CNTHCTL_OPEN);
                    text(" :");
                    say_events();
                    text("\n");
                }
            }
        }
    }
}

/* CNTVOFF_EL2 where it counts: EL2 with E2H and EL0 of its host read the counter itself. */
static void offset(void)
{
    static const uint64_t hcr[] = {BARE, BARE | HCR_E2H, BARE | HCR_E2H | HCR_TGE, BARE | HCR_TGE};
    MSR(OF_EL1("cntkctl"), 0x303);
    for (unsigned h = 0; h < ARRAY_SIZE(hcr); h++) {
        for (unsigned el = 0; el < 3; el++) {
            if ((el == 1 && (hcr[h] & HCR_TGE)) || !possible(hcr[h]))
                continue;
            MSR("cntvoff_el2", BIT(60));
            MSR("hcr_el2", hcr[h]);
            MSR("cnthctl_el2", 0xf03);
            const uint64_t count = el == 2 ? execute(GET(3, 3, 14, 0, 2), 0)
                                           : execute_at(el ? EL1H : EL0T, GET(3, 3, 14, 0, 2), 0);
            MSR("hcr_el2", HOME);
            MSR("cnthctl_el2", CNTHCTL_OPEN);
            text("cntvoff");
            field("hcr", hcr[h] >> 27);
            text(" el");
            hex(el);
            text(" :");
            field("applied", count >> 60);
            text("\n");
        }
    }
    MSR("cntvoff_el2", 0);
}

/* Whether E2H can be cleared: only without E2H_FIXED. */
static void e2h(void)
{
    MSR("hcr_el2", BARE);
    const unsigned cleared = !(MRS("hcr_el2") & HCR_E2H);
    MSR("hcr_el2", HOME);
    text("e2h :");
    field("cleared", cleared);
    text("\n");
}

void main(void)
{
    MSR("hcr_el2", HOME);
    MSR("cptr_el2", CPTR_OPEN);
    MSR(OF_EL1("sctlr"), 0x30d00800);
    MSR("sctlr_el2", 0x30c50830);
    MSR("cnthctl_el2", CNTHCTL_OPEN);
    MSR("cntvoff_el2", 0);
    e2h();
    redirection();
    alias_levels();
    routing();
    fp_traps();
    interrupts();
    el0_timers();
    offset();
}
