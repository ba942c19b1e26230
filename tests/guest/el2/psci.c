/* SPDX-License-Identifier: MIT */
/* PSCI 1.1 by SMC at EL2 or HVC at EL1: the calls there are, their errors, and all CPUs up and
 * down. */

#include "guest.h"

#define VERSION         0x84000000
#define CPU_OFF         0x84000002
#define CPU_ON          0xc4000003
#define AFFINITY_INFO   0xc4000004
#define FEATURES        0x8400000a
#define CPUS            32
#define ROUNDS          3
#define AFFINITY(cpu)   (((cpu) >> 4) << 8 | ((cpu)&15))
#define CONTEXT(cpu, n) (0x5a5a000000000000ull | (uint64_t)(n) << 32 | (cpu) << 8 | 1)

static volatile uint64_t seen_context[CPUS], seen_el[CPUS], seen_daif[CPUS], seen_sctlr[CPUS];
static volatile uint32_t may_leave, came;

void secondary_main(uint64_t cpu, uint64_t context)
{
    seen_context[cpu] = context;
    seen_el[cpu] = MRS("CurrentEL") >> 2;
    seen_daif[cpu] = MRS("daif") >> 6;
    seen_sctlr[cpu] = (seen_el[cpu] == 2 ? MRS("sctlr_el2") : MRS("sctlr_el1")) & 0x1005;
    __atomic_fetch_add(&came, 1, __ATOMIC_SEQ_CST);
    while (!may_leave)
        __asm__ volatile("wfe");
    psci(CPU_OFF, 0, 0, 0);
    text("returned from CPU_OFF : BAD\n");
}

static void call(const char *name, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
    text(name);
    text(" :");
    field("x0", (uint32_t)psci(x0, x1, x2, x3)); /* an error is a 32-bit number for SMC32 */
    text("\n");
}

static void features(void)
{
    static const uint32_t ids[] = {
        0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0xc4000002, 0x84000003, 0xc4000003,
        0x84000004, 0xc4000004, 0x84000005, 0xc4000005, 0x84000006, 0xc4000006, 0x84000007,
        0x84000008, 0xc4000008, 0x84000009, 0x8400000a, 0xc400000a, 0x8400000b, 0x8400000c,
        0x8400000d, 0x8400000e, 0xc400000e, 0x8400000f, 0x84000010, 0x84000011, 0x84000012,
        0xc4000012, 0x84000013, 0x84000014, 0x8400001f, 0x80000000, 0x80008000, 0x12345678,
    };
    for (unsigned k = 0; k < ARRAY_SIZE(ids); k++) {
        text("features");
        field("of", ids[k]);
        text(" :");
        field("x0", (uint32_t)psci(FEATURES, ids[k], 0, 0));
        text("\n");
    }
}

static bool wait_came(uint32_t n)
{
    const uint64_t start = ticks(), limit = 20 * MRS("cntfrq_el0");
    while (came != n)
        if (ticks() - start > limit)
            return false;
    return true;
}

/* CPU_OFF is done when AFFINITY_INFO says so. */
static bool wait_off(uint64_t cpu)
{
    const uint64_t start = ticks(), limit = 20 * MRS("cntfrq_el0");
    while (psci(AFFINITY_INFO, AFFINITY(cpu), 0, 0) != 1)
        if (ticks() - start > limit)
            return false;
    return true;
}

static void round_of_all(unsigned n)
{
    unsigned started = 0, pending = 0, right = 0, off = 0, on = 0;
    came = may_leave = 0;
    for (uint64_t cpu = 1; cpu < CPUS; cpu++) {
        started += psci(CPU_ON, AFFINITY(cpu), (uintptr_t)secondary, CONTEXT(cpu, n)) == 0;
        const int32_t again = (int32_t)psci(CPU_ON, AFFINITY(cpu), (uintptr_t)secondary, 1);
        pending += again == -4 || again == -5;
    }
    const bool all = wait_came(CPUS - 1);
    for (uint64_t cpu = 1; cpu < CPUS; cpu++) {
        right += seen_context[cpu] == CONTEXT(cpu, n) && seen_el[cpu] == MRS("CurrentEL") >> 2 &&
                 seen_daif[cpu] == 15 && seen_sctlr[cpu] == 0;
        on += psci(AFFINITY_INFO, AFFINITY(cpu), 0, 0) == 0;
    }
    may_leave = 1;
    __asm__ volatile("dsb sy; sev");
    for (uint64_t cpu = 1; cpu < CPUS; cpu++)
        off += wait_off(cpu);
    text("round");
    field("n", n);
    text(" :");
    field("started", started);
    field("twice", pending);
    field("came", all);
    field("right", right);
    field("on", on);
    field("off", off);
    if (started + 1 != CPUS || pending != started || !all || right != started || on != started ||
        off != started)
        text(" BAD");
    text("\n");
}

void main(void)
{
    const uint64_t entry = (uintptr_t)secondary;
    call("version", VERSION, 0, 0, 0);
    call("migrate info type", 0x84000006, 0, 0, 0);
    features();
    call("smccc version", 0x80000000, 0, 0, 0);
    call("smccc arch features of itself", 0x80000001, 0x80000001, 0, 0);
    call("smccc arch features of workaround 1", 0x80000001, 0x80008000, 0, 0);
    call("unknown 84", 0x8400001f, 0, 0, 0);
    call("unknown c4", 0xc400001f, 0, 0, 0);
    call("unknown smc64 of 32-bit call", 0xc4000000, 0, 0, 0);
    call("unknown vendor", 0x86000000, 0, 0, 0);
    call("unknown standard", 0x85000000, 0, 0, 0);
    call("unknown 0", 0, 0, 0, 0);
    call("unknown negative", ~0ull, 0, 0, 0);
    call("info of self", AFFINITY_INFO, 0, 0, 0);
    call("info of self smc32", 0x84000004, 0, 0, 0);
    call("info of cpu 1", AFFINITY_INFO, 1, 0, 0);
    call("info of cpu 31", AFFINITY_INFO, 0x10f, 0, 0);
    call("info of nobody", AFFINITY_INFO, 0x20f, 0, 0);
    call("info of nobody smc32", 0x84000004, 0x7f, 0, 0);
    call("info smc32 ignores the upper half", 0x84000004, 0xf00000001, 0, 0);
    call("info level 4", AFFINITY_INFO, 1, 4, 0);
    call("on of self", CPU_ON, 0, entry, 0);
    call("on of self smc32", 0x84000003, 0, entry, 0);
    call("on of nobody", CPU_ON, 0x20f, entry, 0);
    call("on with RES0 bits", CPU_ON, 0x80000001, entry, 0);
    call("on at an odd address", CPU_ON, 1, entry + 1, 0);
    for (unsigned n = 0; n < ROUNDS; n++)
        round_of_all(n);
    /* SMC32: context and entry are 32-bit. */
    came = may_leave = 0;
    call("on smc32", 0x84000003, 0xf00000001, entry, 0xf12345679);
    text("smc32 :");
    field("came", wait_came(1));
    field("context", seen_context[1]);
    text("\n");
    may_leave = 1;
    __asm__ volatile("dsb sy; sev");
    text("off again :");
    field("off", wait_off(1));
    text("\n");
}
