/* SPDX-License-Identifier: MIT */
/* Every exception class that an AArch64 CPU without SVE and without nested virtualisation has, but
 * for translation's (mmu.c) and those that QEMU 7.2 lacks (FPAC, fine-grained traps): from EL0, EL1
 * and EL2, under each setting of HCR_EL2.E2H and TGE, with the controls that cause and route it. At
 * the end which classes each EL took: one that is missing is an error whatever QEMU says. */

#include "guest.h"

#define BARE   (HCR_RW | BIT(40) | BIT(41)) /* APK, API */
#define SCTLR1 (0x30d50800ull | BIT(31))    /* EnIA, nTWI, nTWE */
#define SCTLR2 0x30c50830ull
#define NOP    0xd503201f
#define PLACE  0x40300000ull

static uint32_t code[8] __attribute__((aligned(64)));
static uint64_t met[3];

static const struct {
    const char *name;
    uint64_t hcr;
} hosts[] = {
    {"plain", 0},
    {"tge", HCR_TGE},
    {"e2h", HCR_E2H},
    {"host", HCR_E2H | HCR_TGE},
};

/* What a case wants set. */
struct setting {
    uint64_t hcr, sctlr, mdcr, mdscr, spsr; /* SPSR's bits are exchanged */
    uint64_t x0;
};

static void execute_word(uint32_t word, unsigned el, uint64_t spsr, uint64_t x0)
{
    const uint32_t leave = el == 2 ? 0xd65f03c0 : el ? 0xd4000ee2 : 0xd4000ee1;
    code[0] = word;
    for (unsigned k = 1; k < ARRAY_SIZE(code); k++)
        code[k] = leave;
    __asm__ volatile("dc cvau, %0; dsb sy; ic iallu; dsb sy; isb" ::"r"(code) : "memory");
    if (el < 2) {
        lower((void (*)(uint64_t))(uintptr_t)code, x0, (el ? EL1H : EL0T) ^ spsr);
        return;
    }
    if (spsr & BIT(9))
        __asm__ volatile("msr daifclr, #8; isb");
    ((uint64_t(*)(uint64_t))(uintptr_t)code)(x0);
    __asm__ volatile("msr daifset, #15; isb");
}

static void try(const char *name, uint32_t word, unsigned el, unsigned host,
                const struct setting *with)
{
    text(hosts[host].name);
    text(" ");
    text(name);
    text(" el");
    hex(el);
    text(" :");
    forget();
    const uint64_t sctlr = MRS("sctlr_el2"), hcr = BARE | hosts[host].hcr;
    MSR("sctlr_el1", SCTLR1 ^ with->sctlr);
    MSR("mdcr_el2", with->mdcr);
    MSR("hcr_el2", hcr ^ with->hcr);
    MSR("cptr_el2", hcr & HCR_E2H ? 3ull << 20 : 0x33ff);
    if ((hcr & (HCR_E2H | HCR_TGE)) == (HCR_E2H | HCR_TGE))
        MSR("sctlr_el2", (SCTLR2 | BIT(31) | BIT(16) | BIT(18)) ^ with->sctlr);
    MSR("mdscr_el1", with->mdscr);
    execute_word(word, el, with->spsr, with->x0);
    MSR("mdscr_el1", 0);
    MSR("sctlr_el2", sctlr);
    MSR("hcr_el2", BARE);
    MSR("mdcr_el2", 0);
    say_events();
    for (unsigned k = 0; k < events && k < ARRAY_SIZE(event); k++) {
        const unsigned kind = event[k].vector & 3;
        field("spsr", event[k].spsr & ~0xf0000c00ull); /* BTYPE need not be kept */
        if (kind == 3)
            field("esr", event[k].esr);
        if (event[k].esr >> 26 == 0x22 || event[k].esr >> 27 == 0x34 >> 1)
            field("far", event[k].far);
        if (kind == 0 || kind == 3)
            met[event[k].el] |= BIT(event[k].esr >> 26);
    }
    text("\n");
}

#define ALL     7
#define LOW     3
#define NO_HOST 8

static void everywhere(const char *name, uint32_t word, const struct setting *with, unsigned els)
{
    for (unsigned host = 0; host < ARRAY_SIZE(hosts); host++)
        for (unsigned el = 0; el < 3; el++)
            if (els >> el & 1 && !(el == 1 && hosts[host].hcr & HCR_TGE) &&
                !(els & NO_HOST && host == 3))
                try(name, word, el, host, with);
}

static void instructions(void)
{
    static const struct setting none = {0};
    static const struct {
        const char *name;
        uint32_t word;
        unsigned els;
        struct setting with;
    } cases[] = {
        {"udf", 0, ALL, {0}},
        {"svc", 0xd4000541, ALL, {0}},
        {"hvc", 0xd4000542, ALL, {0}},
        {"smc tsc", 0xd4000543, 2, {.hcr = BIT(19)}},
        {"brk", 0xd4200540, ALL, {0}},
        {"brk tde", 0xd4200540, ALL, {.mdcr = BIT(8)}},
        {"wfi ntwi", 0xd503207f, 1, {.sctlr = BIT(16)}},
        {"wfe ntwe", 0xd503205f, 1, {.sctlr = BIT(18)}},
        {"wfi twi", 0xd503207f, LOW | NO_HOST, {.hcr = BIT(13)}},
        {"wfe twe", 0xd503205f, LOW | NO_HOST, {.hcr = BIT(14)}},
        {"pacia api", 0xdac10020, LOW, {.hcr = BIT(41)}},
        {"paciasp api", 0xd503233f, LOW, {.hcr = BIT(41)}},
        {"pacga api", 0x9ac13000, LOW, {.hcr = BIT(41)}},
        {"mrs key apk", 0xd5382100, LOW, {.hcr = BIT(40)}},
        {"mrs ttbr0 trvm", 0xd5382000, 2, {.hcr = BIT(30)}},
        {"msr ttbr0 tvm", 0xd5182000, 2, {.hcr = BIT(26)}},
        {"mrs midr", 0xd5380000, ALL, {0}},
        {"mrs id tid3", 0xd5380400, LOW, {.hcr = BIT(18)}},
        {"fmov", 0x9e660000, ALL, {0}},
        {"ldr sp", 0xf94003e1, 2, {.spsr = 1}}, /* EL1t: SP_EL0 is aligned */
        {"ldr unaligned a", 0xf9400001, ALL, {.sctlr = BIT(1), .x0 = PLACE + 1}},
        {"ldxr unaligned", 0xc85f7c01, ALL, {.x0 = PLACE + 1}},
        {"stxr unaligned", 0xc8027c01, ALL, {.x0 = PLACE + 2}},
        {"br odd", 0xd63f0000, LOW, {.x0 = PLACE + 2}},
        {"msr daifset", 0xd50342df, ALL, {0}},
        {"nop il", NOP, LOW, {.spsr = BIT(20)}},
    };
    for (unsigned k = 0; k < ARRAY_SIZE(cases); k++)
        everywhere(cases[k].name, cases[k].word, &cases[k].with, cases[k].els);
    MSR("cpacr_el1", 0);
    everywhere("fmov cpacr", 0x9e660000, &none, LOW);
    MSR("cpacr_el1", 3ull << 20);
}

/* Step, breakpoint and watchpoint where MDCR_EL2.TDE and MDSCR_EL1.KDE put them; PSTATE.D is clear.
 */
static void debug(void)
{
    static const uint64_t d = BIT(9), ss = BIT(21), kde = BIT(13), mde = BIT(15);
    for (unsigned tde = 0; tde < 2; tde++) {
        for (unsigned k = 0; k < 2; k++) {
            struct setting with = {.mdcr = tde ? BIT(8) : 0, .spsr = d};
            const char *names[] = {"step", "step kde", "step tde", "step tde kde"};
            with.mdscr = 1 | (k ? kde : 0);
            with.spsr = d | ss;
            everywhere(names[tde * 2 + k], NOP, &with, LOW);
            with.mdscr = mde | (k ? kde : 0);
            with.spsr = d;
            const char *breaks[] = {"break", "break kde", "break tde", "break tde kde"};
            MSR("dbgbvr0_el1", (uintptr_t)code);
            MSR("dbgbcr0_el1", 0x21e7); /* every EL */
            everywhere(breaks[tde * 2 + k], NOP, &with, ALL);
            MSR("dbgbcr0_el1", 0);
            const char *watches[] = {"watch", "watch kde", "watch tde", "watch tde kde"};
            MSR("dbgwvr0_el1", PLACE);
            MSR("dbgwcr0_el1", 0x3fff);
            with.x0 = PLACE;
            everywhere(watches[tde * 2 + k], 0xf9000001, &with, ALL);
            MSR("dbgwcr0_el1", 0);
        }
    }
}

/* A virtual SError with VSESR_EL2's syndrome, taken, masked, and deferred by ESB. */
static void serrors(void)
{
    MSR("s3_4_c5_c2_3", 0x1abcdef);
    const struct setting taken = {.hcr = HCR_AMO | BIT(8), .spsr = BIT(8)},
                         masked = {.hcr = HCR_AMO | BIT(8)};
    for (unsigned el = 0; el < 2; el++) {
        try("vserror", NOP, el, 0, &taken);
        try("vserror masked", NOP, el, 0, &masked);
        try("vserror esb", 0xd503221f, el, 0, &masked);
        text("vdisr el");
        hex(el);
        text(" :");
        field("vdisr", MRS("s3_4_c12_c1_1"));
        text("\n");
        MSR("s3_4_c12_c1_1", 0);
    }
}

/* Which classes have to be met; mmu.c has those of aborts by translation and of branch targets,
 * vhe.c EL2's traps of floating point. */
static const uint64_t wanted[3] = {
    0,
    BIT(0x00) | BIT(0x01) | BIT(0x07) | BIT(0x0e) | BIT(0x15) | BIT(0x18) | BIT(0x22) | BIT(0x24) |
        BIT(0x25) | BIT(0x2f) | BIT(0x30) | BIT(0x31) | BIT(0x32) | BIT(0x33) | BIT(0x34) |
        BIT(0x35) | BIT(0x3c),
    BIT(0x00) | BIT(0x01) | BIT(0x09) | BIT(0x0e) | BIT(0x15) | BIT(0x16) | BIT(0x17) | BIT(0x18) |
        BIT(0x22) | BIT(0x24) | BIT(0x25) | BIT(0x30) | BIT(0x31) | BIT(0x32) | BIT(0x34) |
        BIT(0x35) | BIT(0x3c),
};

void main(void)
{
    MSR("cpacr_el1", 3ull << 20);
    MSR("cptr_el2", 0x33ff);
    MSR("oslar_el1", 0);
    MSR("hcr_el2", BARE);
    instructions();
    debug();
    serrors();
    for (unsigned el = 1; el < 3; el++) {
        text("classes of el");
        hex(el);
        text(" :");
        field("met", met[el]);
        field("missing", wanted[el] & ~met[el]);
        text(wanted[el] & ~met[el] ? " BAD\n" : "\n");
    }
}
