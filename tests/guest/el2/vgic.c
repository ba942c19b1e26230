/* SPDX-License-Identifier: MIT */
/* The virtual CPU interface: random sequences of what EL2 does with ICH_* and a guest at EL1 with
 * ICV_*; after each step the whole state, the lines as ISR_EL1 shows them and the maintenance
 * interrupt. Then ICV against ICC by HCR_EL2.IMO and FMO, and the traps of ICH_HCR_EL2. */

#include "guest.h"

#define BARE (HCR_RW | BIT(40) | BIT(41))

#define ICC(crn, crm, op2) 3, 0, crn, crm, op2
#define ICH(crm, op2)      3, 4, 12, crm, op2

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static const uint32_t icv_set[] = {
    SET(ICC(12, 11, 1)), SET(ICC(4, 6, 0)),   SET(ICC(12, 8, 3)),  SET(ICC(12, 12, 3)),
    SET(ICC(12, 12, 4)), SET(ICC(12, 12, 6)), SET(ICC(12, 12, 7)),
};
static const char *const icv_set_name[] = {"dir",  "pmr",     "bpr0",   "bpr1",
                                           "ctlr", "igrpen0", "igrpen1"};
static const uint32_t icv_get[] = {GET(ICC(12, 8, 0)), GET(ICC(12, 12, 0))};

static uint64_t at_el1(uint64_t hcr, uint32_t word, uint64_t x0)
{
    MSR("hcr_el2", hcr);
    const uint64_t value = execute_at(EL1H, word, x0);
    MSR("hcr_el2", BARE);
    return value;
}

/* No EOI bit with HW; the four list registers have INTIDs of their own. */
static uint64_t random_lr(unsigned k)
{
    const uint64_t hw = random_below(4) == 0;
    uint64_t lr = (uint64_t)random_below(4) << 62 | hw << 61 | (uint64_t)random_below(2) << 60 |
                  (uint64_t)random_below(8) << 53 | (32 + k + 4 * random_below(2));
    return lr | (hw ? (uint64_t)(40 + k) << 32 : (uint64_t)random_below(2) << 41);
}

static void set_ich(uint32_t kind, unsigned k, uint64_t value)
{
    static const uint32_t words[] = {SET(ICH(12, 0)), SET(ICH(11, 0)), SET(ICH(11, 7))};
    execute(kind < 3 ? words[kind] : words[0] + (k << 5), value);
}

static void state(uint64_t hcr)
{
    for (unsigned k = 0; k < 4; k++)
        field("lr", execute(GET(ICH(12, 0)) + (k << 5), 0));
    field("hcr", execute(GET(ICH(11, 0)), 0));
    field("vmcr", execute(GET(ICH(11, 7)), 0));
    field("ap0", execute(GET(ICH(8, 0)), 0));
    field("ap1", execute(GET(ICH(9, 0)), 0));
    field("misr", execute(GET(ICH(11, 2)), 0));
    field("eisr", execute(GET(ICH(11, 3)), 0) & 15);
    field("elrsr", execute(GET(ICH(11, 5)), 0) & 15);
    field("hppi0", at_el1(hcr, GET(ICC(12, 8, 2)), 0));
    field("hppi1", at_el1(hcr, GET(ICC(12, 12, 2)), 0));
    field("rpr", at_el1(hcr, GET(ICC(12, 11, 3)), 0));
    field("bpr1", at_el1(hcr, GET(ICC(12, 12, 3)), 0));
    field("isr", at_el1(hcr, GET(3, 0, 12, 1, 0), 0));
    field("ppi", MMIO32(GICR + 0x10200) >> 25 & 1);
    field("active", MMIO32(GICD + 0x304) >> 8 & 15);
}

static uint64_t random_value(unsigned reg)
{
    switch (reg) {
    case 0: /* DIR */
        return 32 + random_below(8);
    case 1: /* PMR */
        return random_below(4) ? 0xff : random_below(32) << 3;
    case 2: /* BPR0, BPR1 */
    case 3:
        return random_below(8);
    case 4: /* CTLR */
        return random_below(4);
    default:
        return random_below(4) != 0;
    }
}

/* Any other EOI than that of the highest active priority's interrupt is UNPREDICTABLE; one that no
 * list register holds counts, if it is to deactivate. */
static void end_highest(uint64_t hcr)
{
    const uint32_t ap0 = (uint32_t)execute(GET(ICH(8, 0)), 0),
                   ap1 = (uint32_t)execute(GET(ICH(9, 0)), 0);
    const uint32_t highest = (ap0 | ap1) & -(ap0 | ap1);
    const bool group = ap1 & highest;
    const bool split = execute(GET(ICH(11, 7)), 0) >> 9 & 1;
    uint64_t intid = 60;
    for (unsigned k = 0; k < 4; k++) {
        const uint64_t lr = execute(GET(ICH(12, 0)) + (k << 5), 0);
        if (lr >> 63 && (lr >> 60 & 1) == group && 1u << (lr >> 51 & 31) == highest)
            intid = lr & 0xffff;
    }
    text(group ? "eoir1" : "eoir0");
    field("x", intid);
    if (highest && (intid != 60 || !split))
        at_el1(hcr, group ? SET(ICC(12, 12, 1)) : SET(ICC(12, 8, 1)), intid);
}

static void one_step(uint64_t hcr)
{
    const unsigned what = random_below(16);
    if (what < 4) {
        text("lr");
        const unsigned k = random_below(4);
        set_ich(0, 0, 0);
        execute(SET(ICH(12, 0)) + (k << 5), random_lr(k));
    } else if (what == 4) {
        text("hcr");
        set_ich(1, 0, 1 | (random_below(128) << 1 & ~0x20u) | random_below(2) << 27);
    } else if (what == 5) {
        text("vmcr");
        set_ich(2, 0,
                0xf0000003 | random_below(2) << 9 | random_below(2) << 4 | random_below(64) << 18);
    } else if (what < 11) {
        const unsigned group = random_below(2);
        text(group ? "iar1 :" : "iar0 :");
        field("got", at_el1(hcr, icv_get[group], 0));
    } else if (what < 13) {
        end_highest(hcr);
    } else {
        const unsigned reg = what == 13 ? 0 : random_below(ARRAY_SIZE(icv_set));
        const uint64_t value = random_value(reg);
        text(icv_set_name[reg]);
        field("x", value);
        at_el1(hcr, icv_set[reg], value);
    }
}

static void sequences(void)
{
    const uint64_t hcr = BARE | HCR_IMO | HCR_FMO;
    for (unsigned n = 0; n < 150; n++) {
        seed = n + 1;
        for (unsigned k = 0; k < 4; k++)
            execute(SET(ICH(12, 0)) + (k << 5), 0);
        execute(SET(ICH(8, 0)), 0);
        execute(SET(ICH(9, 0)), 0);
        set_ich(1, 0, 1);
        set_ich(2, 0, 0xf84c0003);
        MMIO32(GICD + 0x384) = 0xf00;
        MMIO32(GICD + 0x304) = 0xf00;
        for (unsigned step = 0; step < 12; step++) {
            text("vgic");
            field("n", n);
            field("step", step);
            text(" ");
            one_step(hcr);
            text(" :");
            state(hcr);
            text("\n");
        }
    }
    set_ich(1, 0, 0);
}

/* Group enables: a maintenance interrupt each for on and off, by the manual's rule. */
static void group_enables(void)
{
    for (unsigned enables = 0; enables < 16; enables++) {
        for (unsigned groups = 0; groups < 4; groups++) {
            set_ich(1, 0, 1 | enables << 4);
            set_ich(2, 0, 0xf84c0000 | groups);
            const uint64_t want = enables & ((groups & 1 ? 1 : 2) | (groups & 2 ? 4 : 8));
            const uint64_t misr = execute(GET(ICH(11, 2)), 0);
            text("misr");
            field("enables", enables);
            field("groups", groups);
            text(" :");
            field("misr", misr);
            field("ppi", MMIO32(GICR + 0x10200) >> 25 & 1);
            if (misr != want << 4)
                text(" BAD");
            text("\n");
        }
    }
    set_ich(1, 0, 0);
}

/* ---- who is reached ---- */

static const struct {
    const char *name;
    uint32_t word;
} all[] = {
    {"pmr r", GET(ICC(4, 6, 0))},     {"pmr w", SET(ICC(4, 6, 0))},
    {"iar0", GET(ICC(12, 8, 0))},     {"eoir0", SET(ICC(12, 8, 1))},
    {"hppir0", GET(ICC(12, 8, 2))},   {"bpr0", GET(ICC(12, 8, 3))},
    {"ap0r0", GET(ICC(12, 8, 4))},    {"ap1r0", GET(ICC(12, 9, 0))},
    {"dir", SET(ICC(12, 11, 1))},     {"rpr", GET(ICC(12, 11, 3))},
    {"sgi1r", SET(ICC(12, 11, 5))},   {"asgi1r", SET(ICC(12, 11, 6))},
    {"sgi0r", SET(ICC(12, 11, 7))},   {"iar1", GET(ICC(12, 12, 0))},
    {"eoir1", SET(ICC(12, 12, 1))},   {"hppir1", GET(ICC(12, 12, 2))},
    {"bpr1", GET(ICC(12, 12, 3))},    {"ctlr", GET(ICC(12, 12, 4))},
    {"sre", GET(ICC(12, 12, 5))},     {"igrpen0", GET(ICC(12, 12, 6))},
    {"igrpen1", GET(ICC(12, 12, 7))}, {"sre_el2", GET(3, 4, 12, 9, 5)},
    {"ich_hcr", GET(ICH(11, 0))},     {"ich_lr0", GET(ICH(12, 0))},
};

static void traps(void)
{
    static const uint32_t controls[] = {0, 1 << 10, 1 << 11, 1 << 12, 1 << 14};
    for (unsigned route = 0; route < 4; route++) {
        for (unsigned c = 0; c < ARRAY_SIZE(controls); c++) {
            for (unsigned k = 0; k < ARRAY_SIZE(all); k++) {
                text("reach ");
                text(all[k].name);
                field("route", route);
                field("ich", controls[c]);
                text(" :");
                set_ich(1, 0, controls[c]);
                set_ich(2, 0, 0x50600000 | 1);
                forget();
                const bool get = all[k].word & BIT(21);
                const uint64_t value = at_el1(BARE | route << 3, all[k].word, get ? 0 : 0xf0);
                if (get && !events)
                    field("value", value);
                say_events();
                text("\n");
                execute(SET(ICC(4, 6, 0)), 0xa0);
            }
        }
    }
}

void main(void)
{
    MSR("hcr_el2", BARE);
    MSR("sctlr_el1", 0x30d00800);
    MSR("s3_4_c12_c9_5", 0xf);
    MMIO32(GICR + 0x14) = 0;
    MMIO32(GICD) = 0x13;
    sequences();
    group_enables();
    traps();
}
