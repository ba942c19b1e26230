/* SPDX-License-Identifier: MIT */
/* The generic timers: CVAL, TVAL and CTL of each, signs and carries, offsets, interrupts, traps,
 * and event streams. */

#include "guest.h"

#define BARE (HCR_RW | BIT(40) | BIT(41))
#define PPIS (MMIO32(GICR + 0x10200) & 0x7c000000)
#define CTL  1
#define CVAL 2
#define TVAL 0

static const struct {
    const char *name;
    uint8_t op1, crm;
    uint8_t ppi; /* 0: QEMU 7.2's board has no wire */
} timers[] = {{"cntp", 3, 2, 30}, {"cntv", 3, 3, 27}, {"cnthp", 4, 2, 26}, {"cnthv", 4, 3, 28}};

static uint64_t get(unsigned k, unsigned op2)
{
    return execute(GET(3, timers[k].op1, 14, timers[k].crm, op2), 0);
}

static void set(unsigned k, unsigned op2, uint64_t value)
{
    execute(SET(3, timers[k].op1, 14, timers[k].crm, op2), value);
}

static uint64_t count(unsigned k)
{
    return k == 1 ? MRS("cntvct_el0") : MRS("cntpct_el0");
}

/* ISTATUS and the interrupt by control and compare value; ISTATUS is UNKNOWN while ENABLE is 0. */
static void conditions(void)
{
    static const uint64_t values[] = {0, 1, 0x1000, BIT(63), ~0ull, BIT(62), BIT(63) - 1};
    static const int64_t distances[] = {
        -1, 0, 0x3fffffff, 0x7fffffff, 0xffffffffll, 0x1000000000ll};
    for (unsigned k = 0; k < ARRAY_SIZE(timers); k++) {
        for (unsigned d = 0; d < ARRAY_SIZE(values) + ARRAY_SIZE(distances); d++) {
            for (unsigned ctl = 0; ctl < 8; ctl++) {
                const uint64_t start = count(k);
                const uint64_t cval = d < ARRAY_SIZE(values)
                                          ? values[d]
                                          : start + (uint64_t)distances[d - ARRAY_SIZE(values)];
                set(k, CVAL, cval);
                set(k, CTL, ctl);
                const uint64_t is = get(k, CTL), ppi = PPIS >> timers[k].ppi & 1,
                               tval = get(k, TVAL);
                const uint64_t met = count(k) >= cval;
                text("condition ");
                text(timers[k].name);
                field("d", d);
                field("ctl", ctl);
                text(" :");
                field("ctl", is & (is & 1 ? 7 : 3));
                field("ppi", ppi);
                field("cval", get(k, CVAL) - cval);
                field("tval high", tval >> 32);
                if ((is & 3) != (ctl & 3) || ((is & 1) && (is >> 2) != met) ||
                    ppi != (met && (ctl & 3) == 1) ||
                    (uint32_t)(cval - start - tval) > count(k) - start)
                    text(" BAD");
                set(k, CTL, 0);
                text("\n");
            }
        }
    }
}

/* TVAL is signed, 32 bits; CVAL = counter + TVAL. */
static void tvals(void)
{
    static const uint64_t values[] = {0,          1,           0x7fffffff,  0x80000000,
                                      0xffffffff, 0x100000000, 0x1ffffffff, 0xfffffffffffffff0};
    for (unsigned k = 0; k < ARRAY_SIZE(timers); k++) {
        for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
            const uint64_t before = count(k);
            set(k, TVAL, values[v]);
            const uint64_t cval = get(k, CVAL), after = count(k);
            const uint64_t low = before + (uint64_t)(int32_t)values[v],
                           high = after + (uint64_t)(int32_t)values[v];
            text("tval ");
            text(timers[k].name);
            field("v", v);
            text(" :");
            field("right", cval - low <= high - low);
            text("\n");
        }
    }
}

static void offsets(void)
{
    static const uint64_t values[] = {0, BIT(62), ~0ull, BIT(63)};
    for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
        text("offset");
        field("v", v);
        text(" :");
        MSR("hcr_el2", BARE);
        MSR("cntvoff_el2", values[v]);
        const uint64_t before = MRS("cntpct_el0"), virtual = MRS("cntvct_el0"),
                       after = MRS("cntpct_el0");
        field("right", virtual - (before - values[v]) <= after - before);
        set(1, CVAL, virtual + 0x100000000);
        set(1, CTL, 1);
        field("cntv", get(1, CTL));
        field("ppi", PPIS >> 27);
        /* The offset moves the condition. */
        MSR("cntvoff_el2", values[v] - 0x200000000);
        field("moved", get(1, CTL));
        field("ppi", PPIS >> 27);
        set(1, CTL, 0);
        text("\n");
    }
    MSR("cntvoff_el2", 0);
}

/* Each timer's interrupt, taken, then ended by its mask. */
static volatile uint64_t taken;

static void take(struct frame *frame, unsigned el, unsigned vector)
{
    (void)el, (void)vector;
    taken = taken << 16 | MRS("s3_0_c12_c12_0");
    MSR("s3_0_c12_c12_1", taken & 0x3ff);
    frame->spsr |= 0x80;
}

static void interrupts(void)
{
    MMIO32(GICR + 0x10080) = 0xffffffff;
    MMIO32(GICR + 0x10100) = 0x7c000000;
    MSR("s3_0_c4_c6_0", 0xff);
    MSR("s3_0_c12_c12_7", 1);
    MSR("hcr_el2", BARE | HCR_IMO);
    on_interrupt = take;
    for (unsigned k = 0; k < ARRAY_SIZE(timers); k++) {
        taken = 0;
        const uint64_t start = ticks(), second = MRS("cntfrq_el0");
        set(k, TVAL, second / 500);
        set(k, CTL, 1);
        __asm__ volatile("msr daifclr, #2; isb" ::: "memory");
        if (timers[k].ppi == 28) {
            while (!taken && ticks() - start < second / 10)
                ;
        } else {
            __asm__ volatile("wfi");
            while (!taken && ticks() - start < second)
                ;
        }
        const uint64_t passed = ticks() - start;
        __asm__ volatile("msr daifset, #2; isb" ::: "memory");
        set(k, CTL, 0);
        text("interrupt ");
        text(timers[k].name);
        text(" :");
        field("taken", taken);
        field("early", passed < second / 500);
        text("\n");
    }
    on_interrupt = 0;
    MSR("hcr_el2", BARE);
}

/* WFE wakes by the stream, at its rate; EVNTI is the bit of the counter. */
static void streams(void)
{
    for (unsigned virtual = 0; virtual < 2; virtual ++) {
        for (unsigned direction = 0; direction < 2; direction++) {
            const uint64_t control = BIT(2) | direction << 3 | 14 << 4;
            if (virtual)
                MSR("cntkctl_el1", control | 3);
            else
                MSR("cnthctl_el2", control | 3);
            __asm__ volatile("sevl; wfe");
            const uint64_t start = ticks();
            unsigned wakes = 0;
            while (wakes < 8) {
                __asm__ volatile("wfe");
                wakes++;
            }
            const uint64_t passed = ticks() - start;
            MSR("cntkctl_el1", 3);
            MSR("cnthctl_el2", 3);
            text("stream");
            field("virtual", virtual);
            field("direction", direction);
            text(" :");
            field("woke", passed < MRS("cntfrq_el0"));
            text("\n");
        }
    }
}

void main(void)
{
    MSR("hcr_el2", BARE);
    MSR("sctlr_el1", 0x30d00800);
    MSR("cnthctl_el2", 3);
    MSR("cntvoff_el2", 0);
    MMIO32(GICR + 0x14) = 0;
    MMIO32(GICD) = 0x13;
    MSR("s3_4_c12_c9_5", 0xf);
    while (ticks() < 0x2000) /* compare values of conditions() that are past */
        ;
    conditions();
    tvals();
    offsets();
    interrupts();
    streams();
}
