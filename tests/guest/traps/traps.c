/* SPDX-License-Identifier: MIT */
/* A guest for the board `virt` that starts at EL2 and tries system instructions at every Exception
 * level under many settings of HCR_EL2, CPTR_EL2, MDCR_EL2, CNTHCTL_EL2, CPACR_EL1, SCTLR_EL1 ...
 * One line each: what came of it, with the exception's level, vector, syndrome, SPSR and return
 * address. Its output on another machine of the same architecture must be the same, line by line,
 * where both have the feature. */

#include "guest.h"

struct setting {
    const char *name;
    uint64_t hcr, cptr, mdcr, cnthctl, cpacr, sctlr1, sctlr2, cntkctl;
    uint8_t modes; /* bits: EL0, EL1, EL2 */
};

#define RW     BIT(31)
#define E2H    BIT(34)
#define TGE    BIT(27)
#define SCTLR1 0x30d00800ull
#define SCTLR2 0x30c50830ull
#define OPEN                                                                                       \
    .cptr = 0x33ff, .cpacr = 3 << 20, .cnthctl = 3, .cntkctl = 0x303, .sctlr1 = SCTLR1,            \
    .sctlr2 = SCTLR2
#define HOST                                                                                       \
    .cptr = 3 << 20, .cpacr = 3 << 20, .cnthctl = 0xf03, .cntkctl = 0x303, .sctlr1 = SCTLR1,       \
    .sctlr2 = SCTLR2

static const struct setting settings[] = {
    {"plain", .hcr = RW | BIT(40) | BIT(41), OPEN, .modes = 7},
    {"closed", .hcr = RW, .cptr = 0x33ff, .sctlr1 = SCTLR1, .sctlr2 = SCTLR2, .modes = 7},
    {"user", .hcr = RW | BIT(40) | BIT(41), .cptr = 0x33ff, .cpacr = 3 << 20, .cnthctl = 3,
     .cntkctl = 0x303, .sctlr1 = SCTLR1 | BIT(9) | BIT(14) | BIT(15) | BIT(16) | BIT(18) | BIT(26),
     .sctlr2 = SCTLR2, .modes = 3},
    {"vhe", .hcr = RW | E2H | BIT(40) | BIT(41), HOST, .modes = 7},
    {"host", .hcr = RW | E2H | TGE | BIT(40) | BIT(41), HOST, .modes = 5},
    {"hostuser", .hcr = RW | E2H | TGE | BIT(40) | BIT(41), .cptr = 3 << 20, .cnthctl = 0xf03,
     .sctlr1 = SCTLR1, .sctlr2 = SCTLR2 | BIT(9) | BIT(14) | BIT(15) | BIT(16) | BIT(18) | BIT(26),
     .modes = 1},
    {"hostshut", .hcr = RW | E2H | TGE, .sctlr1 = SCTLR1, .sctlr2 = SCTLR2, .modes = 5},
    {"tge", .hcr = RW | TGE | BIT(40) | BIT(41), OPEN, .modes = 5},
    {"tvm", .hcr = RW | BIT(26), OPEN, .modes = 6},
    {"trvm", .hcr = RW | BIT(30), OPEN, .modes = 2},
    {"tid", .hcr = RW | BIT(15) | BIT(16) | BIT(17) | BIT(18), OPEN, .modes = 3},
    {"tidcp", .hcr = RW | BIT(20) | BIT(21), OPEN, .modes = 2},
    {"tcache", .hcr = RW | BIT(22) | BIT(23) | BIT(24), OPEN, .modes = 2},
    {"ttlb", .hcr = RW | BIT(25), OPEN, .modes = 2},
    {"tdz", .hcr = RW | BIT(28), OPEN, .modes = 2},
    {"tlor", .hcr = RW | BIT(35) | BIT(36), OPEN, .modes = 2},
    {"twx", .hcr = RW | BIT(13) | BIT(14) | BIT(19), OPEN, .modes = 6},
    {"imo", .hcr = RW | BIT(3) | BIT(4) | BIT(5), OPEN, .modes = 2},
    {"tda", .hcr = RW, .mdcr = BIT(9), OPEN, .modes = 7},
    {"tdosa", .hcr = RW, .mdcr = BIT(10), OPEN, .modes = 2},
    {"tdra", .hcr = RW, .mdcr = BIT(11), OPEN, .modes = 2},
    {"tde", .hcr = RW, .mdcr = BIT(8), OPEN, .modes = 3},
    {"tpm", .hcr = RW, .mdcr = BIT(6), OPEN, .modes = 2},
    {"tpmcr", .hcr = RW, .mdcr = BIT(5), OPEN, .modes = 2},
    {"tfp", .hcr = RW, .cptr = 0x33ff | BIT(10) | BIT(31), .cpacr = 3 << 20, .sctlr1 = SCTLR1,
     .sctlr2 = SCTLR2, .modes = 7},
    {"fpen1", .hcr = RW, .cptr = 0x33ff & ~BIT(10), .cpacr = 1 << 20, .sctlr1 = SCTLR1,
     .sctlr2 = SCTLR2, .modes = 3},
    {"vhefp1", .hcr = RW | E2H, .cptr = 1 << 20, .cpacr = 3 << 20, .sctlr1 = SCTLR1,
     .sctlr2 = SCTLR2, .modes = 7},
    {"vhefp0", .hcr = RW | E2H, .cptr = BIT(31), .cpacr = 3 << 20, .sctlr1 = SCTLR1,
     .sctlr2 = SCTLR2, .modes = 7},
    {"hostfp1", .hcr = RW | E2H | TGE, .cptr = 1 << 20, .sctlr1 = SCTLR1, .sctlr2 = SCTLR2,
     .modes = 5},
};

static const uint32_t words[] = {
#include "words.inc"
};

static void set_up(const struct setting *s)
{
    MSR("hcr_el2", RW);
    __asm__ volatile("isb");
    MSR("vbar_el2", vectors_el2);
    MSR("vbar_el1", vectors_el1);
    MSR("sctlr_el1", s->sctlr1);
    MSR("sctlr_el2", s->sctlr2);
    MSR("cpacr_el1", s->cpacr);
    MSR("mdcr_el2", s->mdcr);
    MSR("cntkctl_el1", s->cntkctl);
    MSR("cntv_ctl_el0", 2);
    MSR("cntp_ctl_el0", 2);
    MSR("cnthp_ctl_el2", 2);
    MSR("vtcr_el2", 0);
    MSR("tcr_el1", 0);
    MSR("tcr_el2", 0);
    MSR("mdscr_el1", 0);
    MSR("oslar_el1", 0);
    MSR("pmuserenr_el0", 0);
    MSR("daif", 0x3c0);
    /* The layouts of these two go by E2H. */
    MSR("hcr_el2", RW | (s->hcr & E2H));
    __asm__ volatile("isb");
    MSR("cptr_el2", s->cptr);
    MSR("cnthctl_el2", s->cnthctl);
    MSR("hcr_el2", RW);
    __asm__ volatile("isb");
}

static void report(const struct setting *s, unsigned el, uint32_t word)
{
    const struct result *r = &context.result;
    const uint32_t ec2 = r->esr2 >> 26;
    const int from_el1 = ec2 == 0x16 && (r->esr2 & 0xffff) == 0x99;
    const uint64_t esr = from_el1 ? r->esr1 : r->esr2;
    const uint64_t vector = from_el1 ? r->x0 : r->vector;
    const uint64_t elr = (from_el1 ? r->elr1 : r->elr2) - (uint64_t)(uintptr_t)slot;
    text(s->name);
    text(" el");
    hex(el);
    put(' ');
    hex(word);
    if ((esr & 0xffff) == 0x77 && (esr >> 26 == 0x16 || esr >> 26 == 0x15)) {
        text(" ok");
        field("at", from_el1 ? 1 : 2);
    } else {
        field("to", from_el1 ? 1 : 2);
        field("v", vector);
        field("esr", esr);
        field("spsr", from_el1 ? r->spsr1 : r->spsr2);
        field("elr", elr);
    }
    text("\n");
}

static void try_word(const struct setting *s, unsigned el, uint32_t word)
{
    set_up(s);
    /* X3: an address in RAM for cache operations, and harmless in every register. */
    run(s->hcr, el << 2 | (el != 0), 0x40300000, &word, 1);
    report(s, el, word);
}

void main(void)
{
    for (unsigned k = 0; k < sizeof settings / sizeof *settings; k++) {
        for (unsigned el = 0; el < 3; el++) {
            if (!(settings[k].modes >> el & 1))
                continue;
            for (unsigned w = 0; w < sizeof words / sizeof *words; w++)
                try_word(&settings[k], el, words[w]);
        }
    }
    text("done\n");
}
