/* SPDX-License-Identifier: MIT */
/* Distributor, redistributor and physical CPU interface: register contents, then random sequences
 * of writes, acknowledges and ends with both groups; after each step the whole state. SGIs to and
 * from CPU 1 and an SPI routed there. */

#include "guest.h"

#define ICC(crn, crm, op2) 3, 0, crn, crm, op2
#define SGI_FRAME          (GICR + 0x10000)
#define GICR1              (GICR + 0x20000)

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static uint64_t icc_get(unsigned crn, unsigned crm, unsigned op2)
{
    return execute(GET(3, 0, crn, crm, op2), 0);
}

static void icc_set(unsigned crn, unsigned crm, unsigned op2, uint64_t value)
{
    execute(SET(3, 0, crn, crm, op2), value);
}

static void say(const char *name, uint64_t value)
{
    text(name);
    text(" :");
    field("value", value);
    text("\n");
}

/* ---- identification, and which bits of each register hold ---- */

static void probe_word(const char *name, uint64_t frame, uint32_t offset)
{
    const uint32_t old = MMIO32(frame + offset);
    text("bits ");
    text(name);
    field("offset", offset);
    text(" :");
    field("old", old);
    MMIO32(frame + offset) = 0xffffffff;
    field("ones", MMIO32(frame + offset));
    MMIO32(frame + offset) = 0;
    field("zeros", MMIO32(frame + offset));
    MMIO32(frame + offset) = 0x5a5aa5a5;
    field("mixed", MMIO32(frame + offset));
    MMIO32(frame + offset) = old;
    text("\n");
}

static void registers(void)
{
    static const uint16_t dist[] = {0x0,   0x84,  0xa0,  0x104, 0x184, 0x204, 0x284, 0x304, 0x384,
                                    0x400, 0x420, 0x424, 0x800, 0xc00, 0xc04, 0xc08, 0xf00};
    static const uint32_t redist[] = {0x14,    0x10080, 0x10100, 0x10180, 0x10200, 0x10280,
                                      0x10300, 0x10380, 0x10400, 0x1041c, 0x10c00, 0x10c04};
    MMIO32(GICD + 0x184) = MMIO32(GICD + 0x284) = MMIO32(GICD + 0x384) = 0xffffffff;
    say("typer lines", (MMIO32(GICD + 4) & 31) >= 7);
    say("typer security", MMIO32(GICD + 4) >> 10 & 1);
    for (uint32_t offset = 0xffd0; offset < 0x10000; offset += 4) {
        text("id");
        field("offset", offset);
        text(" :");
        field("dist", MMIO32(GICD + offset));
        field("redist", MMIO32(GICR + offset));
        text("\n");
    }
    say("redist 0 typer", MMIO64(GICR + 8) & 0xffffffff00ffff10);
    say("redist 1 typer", MMIO64(GICR1 + 8) & 0xffffffff00ffff10);
    for (unsigned k = 0; k < ARRAY_SIZE(dist); k++)
        probe_word("dist", GICD, dist[k]);
    for (unsigned k = 0; k < ARRAY_SIZE(redist); k++)
        probe_word("redist", GICR, redist[k]);
    MMIO32(GICD) = 0;
    MMIO64(GICD + 0x6000 + 8 * 40) = ~0ull;
    say("router ones", MMIO64(GICD + 0x6000 + 8 * 40));
    MMIO64(GICD + 0x6000 + 8 * 40) = 0;
    MMIO8(GICD + 0x429) = 0xa8;
    say("priority byte", MMIO32(GICD + 0x428));
    MMIO8(GICD + 0x429) = 0;
    for (unsigned k = 0; k < 2; k++) {
        MMIO32(GICR + 0x14) = k ? 2 : 0;
        text("waker");
        field("written", k);
        text(" :");
        field("value", MMIO32(GICR + 0x14));
        text("\n");
    }
    MMIO32(GICR + 0x14) = 0;
}

/* ---- random sequences: SGIs 0 to 3, SPIs 40 to 43 ---- */

static void quiet(void)
{
    for (unsigned k = 0; k < 40; k++) {
        icc_set(12, 8, 4, 0);
        icc_set(12, 9, 0, 0);
    }
    MMIO32(SGI_FRAME + 0x180) = MMIO32(SGI_FRAME + 0x280) = MMIO32(SGI_FRAME + 0x380) = 0xffffffff;
    MMIO32(GICD + 0x184) = MMIO32(GICD + 0x284) = MMIO32(GICD + 0x384) = 0xffffffff;
    MMIO32(GICD + 0x84) = MMIO32(SGI_FRAME + 0x80) = 0;
    MMIO32(GICD + 0xc08) = 0;
    for (unsigned k = 0; k < 4; k++) {
        MMIO8(SGI_FRAME + 0x400 + k) = MMIO8(GICD + 0x400 + 40 + k) = 0;
        MMIO64(GICD + 0x6000 + 8 * (40 + k)) = 0;
    }
    MMIO32(GICD) = 0x13;
    icc_set(4, 6, 0, 0xff);
    icc_set(12, 8, 3, 0);
    icc_set(12, 12, 4, 0);
    icc_set(12, 12, 3, 0);
    icc_set(12, 12, 6, 1);
    icc_set(12, 12, 7, 1);
}

static void state(void)
{
    field("pend", MMIO32(SGI_FRAME + 0x200) & 0xf);
    field("spis", MMIO32(GICD + 0x204) >> 8 & 0xf);
    field("active", MMIO32(SGI_FRAME + 0x300) & 0xf);
    field("spis", MMIO32(GICD + 0x304) >> 8 & 0xf);
    field("enable", (MMIO32(SGI_FRAME + 0x100) & 0xf) | (MMIO32(GICD + 0x104) >> 4 & 0xf0));
    field("ap0", icc_get(12, 8, 4));
    field("ap1", icc_get(12, 9, 0));
    field("hppi0", icc_get(12, 8, 2));
    field("hppi1", icc_get(12, 12, 2));
    field("rpr", icc_get(12, 11, 3));
    field("pmr", icc_get(4, 6, 0));
    field("bpr", icc_get(12, 8, 3) << 4 | icc_get(12, 12, 3));
    field("isr", execute(GET(3, 0, 12, 1, 0), 0));
}

/* INTID's register of KIND and its bit. */
static volatile uint32_t *bank(uint32_t kind, unsigned intid)
{
    return intid < 32 ? &MMIO32(SGI_FRAME + kind) : &MMIO32(GICD + kind + 4);
}

static unsigned random_intid(void)
{
    return random_below(4) + (random_below(2) ? 40 : 0);
}

/* The interrupt of the highest active priority: any other end is UNPREDICTABLE. */
static void end_highest(void)
{
    const uint32_t ap0 = (uint32_t)icc_get(12, 8, 4), ap1 = (uint32_t)icc_get(12, 9, 0);
    const uint32_t highest = (ap0 | ap1) & -(ap0 | ap1);
    const unsigned group = (ap1 & highest) != 0;
    unsigned found = 0;
    for (unsigned k = 0; k < 8 && highest; k++) {
        const unsigned intid = k < 4 ? k : 36 + k;
        const uint8_t priority =
            k < 4 ? MMIO8(SGI_FRAME + 0x400 + intid) : MMIO8(GICD + 0x400 + intid);
        if ((*bank(0x300, intid) >> (intid & 31) & 1) &&
            (*bank(0x80, intid) >> (intid & 31) & 1) == group && 1u << (priority >> 3) == highest)
            found = intid + 1;
    }
    text("eoi");
    field("x", found);
    if (found)
        icc_set(12, group ? 12 : 8, 1, found - 1);
}

static void one_step(void)
{
    static const struct {
        const char *name;
        uint16_t kind;
    } banks[] = {
        {"enable", 0x100},   {"enable", 0x100},     {"enable", 0x100}, {"disable", 0x180},
        {"pend", 0x200},     {"pend", 0x200},       {"pend", 0x200},   {"unpend", 0x280},
        {"activate", 0x300}, {"deactivate", 0x380},
    };
    const unsigned what = random_below(20), intid = random_intid();
    if (what < 10) {
        text(banks[what].name);
        field("intid", intid);
        *bank(banks[what].kind, intid) = 1u << (intid & 31);
    } else if (what < 13) {
        const unsigned group = random_below(2);
        text(group ? "iar1 :" : "iar0 :");
        field("got", icc_get(12, group ? 12 : 8, 0));
    } else if (what == 13) {
        end_highest();
    } else if (what == 14) {
        const unsigned value = random_below(3) ? 0xff : random_below(32) << 3;
        text("pmr");
        field("x", value);
        icc_set(4, 6, 0, value);
    } else if (what == 15) {
        const unsigned group = random_below(2), value = random_below(8);
        text(group ? "bpr1" : "bpr0");
        field("x", value);
        icc_set(12, group ? 12 : 8, 3, value);
    } else if (what == 16) {
        const unsigned value = random_below(4);
        text("ctlr");
        field("x", value);
        icc_set(12, 12, 4, value);
    } else if (what == 17) {
        text("dir");
        field("intid", intid);
        if (icc_get(12, 12, 4) & 2)
            icc_set(12, 11, 1, intid);
    } else if (what == 18) {
        const unsigned sgi = random_below(4), group = random_below(2);
        text(group ? "sgi1r" : "sgi0r");
        field("intid", sgi);
        icc_set(12, 11, group ? 5 : 7, (uint64_t)sgi << 24 | 1);
    } else {
        const unsigned value = random_below(4) != 0; /* one of the two: group_enables() */
        text("igrpen");
        field("x", value);
        icc_set(12, 12, 6, value);
        icc_set(12, 12, 7, value);
    }
    text(" :");
}

static void sequences(void)
{
    for (unsigned n = 0; n < 150; n++) {
        quiet();
        seed = n + 1;
        for (unsigned k = 0; k < 4; k++) {
            MMIO8(SGI_FRAME + 0x400 + k) = (uint8_t)(random_below(8) << 5);
            MMIO8(GICD + 0x400 + 40 + k) = (uint8_t)(random_below(8) << 5);
        }
        MMIO32(SGI_FRAME + 0x80) = random_below(16);
        MMIO32(GICD + 0x84) = random_below(16) << 8;
        MMIO32(GICD + 0xc08) = random_below(16) << 16 & 0xaa0000;
        MMIO32(SGI_FRAME + 0x100) = random_below(16);
        MMIO32(GICD + 0x104) = random_below(16) << 8;
        for (unsigned step = 0; step < 16; step++) {
            text("gic");
            field("n", n);
            field("step", step);
            text(" ");
            one_step();
            state();
            text("\n");
        }
    }
    quiet();
}

/* An interrupt whose group is off is not in the way of one of lower priority whose group is on. */
static void group_enables(void)
{
    quiet();
    MMIO32(SGI_FRAME + 0x80) = 2;
    MMIO8(SGI_FRAME + 0x400) = 0x40;
    MMIO8(SGI_FRAME + 0x401) = 0x60;
    MMIO32(SGI_FRAME + 0x100) = MMIO32(SGI_FRAME + 0x200) = 3;
    for (unsigned enables = 0; enables < 16; enables++) {
        MMIO32(GICD) = 0x10 | (enables >> 2);
        icc_set(12, 12, 6, enables & 1);
        icc_set(12, 12, 7, enables >> 1 & 1);
        const unsigned both = enables & enables >> 2 & 3;
        const uint64_t isr = execute(GET(3, 0, 12, 1, 0), 0);
        text("group enables");
        field("cpu", enables & 3);
        field("dist", enables >> 2);
        text(" :");
        field("hppi0", icc_get(12, 8, 2));
        field("hppi1", icc_get(12, 12, 2));
        field("isr", isr);
        if (isr != (both & 1 ? 0x40 : both & 2 ? 0x80 : 0))
            text(" BAD");
        text("\n");
    }
    quiet();
}

/* ---- two CPUs ---- */

/* After so many in vain nothing has come, however seldom the host lets CPU 1 look. */
#define LOOKS 200000u
static volatile uint32_t up, looks, taken, taken_as, quit;

void secondary_main(uint64_t cpu, uint64_t context)
{
    (void)cpu, (void)context;
    MMIO32(GICR1 + 0x14) = 0;
    MSR("s3_0_c4_c6_0", 0xff);
    MSR("s3_0_c12_c12_6", 1);
    MSR("s3_0_c12_c12_7", 1);
    MMIO32(GICR1 + 0x10080) = 0xfe; /* SGI 0 is Group 0 */
    MMIO32(GICR1 + 0x10100) = 0xff;
    up = 1;
    while (!quit) {
        const uint64_t isr = MRS("isr_el1");
        looks++;
        if (!(isr & 0xc0))
            continue;
        const bool fiq = isr & 0x40;
        const uint64_t intid = fiq ? MRS("s3_0_c12_c8_0") : MRS("s3_0_c12_c12_0");
        if (fiq)
            MSR("s3_0_c12_c8_1", intid);
        else
            MSR("s3_0_c12_c12_1", intid);
        taken_as = fiq ? 0 : 1;
        __asm__ volatile("dmb ish" ::: "memory");
        taken = (uint32_t)intid + 1;
    }
    up = 2;
    psci(0x84000002, 0, 0, 0);
}

/* What CPU 1 took after this; CPU 0's own pending SGIs. */
static void arrived(const char *name)
{
    const uint32_t start = looks;
    while (!taken && looks - start < LOOKS)
        ;
    text("cpu1 ");
    text(name);
    text(" :");
    field("taken", taken);
    if (taken)
        field("group", taken_as);
    taken = 0;
    field("own", MMIO32(SGI_FRAME + 0x200) & 0xffff);
    MMIO32(SGI_FRAME + 0x280) = 0xffff;
    text("\n");
}

static void two_cpus(void)
{
    psci(0xc4000003, 1, (uintptr_t)secondary, 1);
    say("cpu1 up", wait_for(&up, 1));
    MMIO32(SGI_FRAME + 0x80) = 0xfe;
    icc_set(12, 11, 5, 3ull << 24 | 2);
    arrived("sgi1r to list");
    icc_set(12, 11, 7, 0ull << 24 | 2);
    arrived("sgi0r group 0");
    icc_set(12, 11, 7, 4ull << 24 | 2);
    arrived("sgi0r of a group 1 interrupt");
    icc_set(12, 11, 5, 0ull << 24 | 2);
    arrived("sgi1r of a group 0 interrupt");
    icc_set(12, 11, 6, 5ull << 24 | 2);
    arrived("asgi1r");
    icc_set(12, 11, 5, BIT(40) | 5ull << 24);
    arrived("sgi1r to all others");
    icc_set(12, 11, 5, BIT(40) | 5ull << 24 | 1);
    arrived("sgi1r to all others, list ignored");
    icc_set(12, 11, 5, 6ull << 24 | 3);
    arrived("sgi1r to both");
    icc_set(12, 11, 5, 6ull << 24 | 1ull << 16 | 2);
    arrived("sgi1r to an affinity 1 that is not there");
    icc_set(12, 11, 5, 6ull << 24 | 4);
    arrived("sgi1r to a CPU that is not there");
    MMIO32(GICR1 + 0x10200) = 0x80;
    arrived("ispendr by another CPU");
    for (unsigned group = 0; group < 2; group++) {
        MMIO32(GICD + 0x84) = group << 8;
        MMIO64(GICD + 0x6000 + 8 * 40) = 1;
        MMIO32(GICD + 0x104) = 1 << 8;
        MMIO32(GICD + 0x204) = 1 << 8;
        arrived(group ? "spi routed, group 1" : "spi routed, group 0");
    }
    MMIO64(GICD + 0x6000 + 8 * 40) = 0;
    MMIO32(GICD + 0x204) = 1 << 8;
    arrived("spi to cpu 0");
    MMIO64(GICD + 0x6000 + 8 * 40) = 1;
    arrived("the same, moved while pending");
    MMIO32(GICD + 0x184) = 1 << 8;
    MMIO32(GICD + 0x204) = 1 << 8;
    arrived("disabled while pending");
    MMIO32(GICD + 0x104) = 1 << 8;
    arrived("enabled while pending");
    MMIO64(GICD + 0x6000 + 8 * 40) = 7;
    MMIO32(GICD + 0x204) = 1 << 8;
    arrived("routed to nobody");
    MMIO64(GICD + 0x6000 + 8 * 40) = 1;
    arrived("then to somebody");
    /* 1 of N: CPU 0 has its groups off, so it can only be CPU 1. */
    icc_set(12, 12, 6, 0);
    icc_set(12, 12, 7, 0);
    MMIO64(GICD + 0x6000 + 8 * 40) = BIT(31);
    MMIO32(GICD + 0x204) = 1 << 8;
    arrived("1 of N");
    MMIO32(GICD) = 0x11;
    MMIO64(GICD + 0x6000 + 8 * 40) = 1;
    MMIO32(GICD + 0x204) = 1 << 8;
    arrived("distributor group 1 off");
    MMIO32(GICD) = 0x13;
    arrived("distributor group 1 on");
    quit = 1;
    say("cpu1 down", wait_for(&up, 2));
}

void main(void)
{
    MSR("hcr_el2", HCR_RW | BIT(40) | BIT(41) | HCR_IMO | HCR_FMO);
    MSR("s3_4_c12_c9_5", 0xf);
    MMIO32(GICR + 0x14) = 0;
    registers();
    sequences();
    group_enables();
    two_cpus();
}
