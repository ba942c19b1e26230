/* SPDX-License-Identifier: MIT */
/* PSCI 1.1 by SMC at EL2 or HVC at EL1: the calls there are, their errors, all CPUs up and down,
 * CPU_SUSPEND, and at last SYSTEM_RESET: after it the guest runs a second time, which a word of RAM
 * beyond the image tells it, and looks at what became of the machine. */

#include "guest.h"

#define VERSION         0x84000000
#define CPU_SUSPEND     0xc4000001
#define SYSTEM_RESET    0x84000009
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

/* ---- CPU_SUSPEND ---- */

/* Standby until the virtual timer's interrupt, which PSTATE masks. */
static void suspend(const char *name, uint64_t function, uint64_t state)
{
    const uint64_t delay = MRS("cntfrq_el0") / 50, start = ticks();
    MSR("cntv_tval_el0", delay);
    MSR("cntv_ctl_el0", 1);
    const uint64_t result = psci(function, state, (uintptr_t)secondary, 1);
    const uint64_t passed = ticks() - start;
    MSR("cntv_ctl_el0", 0);
    text("suspend ");
    text(name);
    text(" :");
    field("x0", (uint32_t)result);
    field("slept", passed >= delay);
    text("\n");
}

static void suspends(void)
{
    MMIO32(GICD) = 3;
    MMIO32(GICR + 0x14) = 0;
    MMIO32(GICR + 0x10080) = 0xffffffff;
    MMIO32(GICR + 0x10100) = 1u << 27;
    MSR("s3_0_c4_c6_0", 0xff);
    MSR("s3_0_c12_c12_7", 1);
    if (MRS("CurrentEL") == 8)
        MSR("hcr_el2", HCR_RW | BIT(4)); /* IMO: the interrupt is EL2's */
    suspend("standby", CPU_SUSPEND, 0);
    suspend("standby, smc32", CPU_SUSPEND & ~0x40000000, 0);
    suspend("standby, state 7", CPU_SUSPEND, 7);
    suspend("power down", CPU_SUSPEND, 0x10000);
    suspend("a reserved bit", CPU_SUSPEND, 0x20000);
    suspend("a power level that is not", CPU_SUSPEND, 0x1000000);
    suspend("smc32 ignores the upper half", CPU_SUSPEND & ~0x40000000, 0xf00000000);
}

/* ---- SYSTEM_RESET ---- */

#define MARK  (*(volatile uint64_t *)0x4e000000)
#define MAGIC 0x5245534554ull

static void dirty(void)
{
    MSR("tpidr_el0", 1);
    MSR("tpidr_el1", 2);
    MSR("mair_el1", 3);
    MSR("ttbr0_el1", 0x4000);
    MSR("contextidr_el1", 5);
    MSR("cntkctl_el1", 3);
    MSR("cntv_cval_el0", 0);
    MSR("cntv_ctl_el0", 1);
    MSR("esr_el1", 6);
    MSR("far_el1", 7);
    MSR("mdscr_el1", BIT(12));
    MSR("fpcr", BIT(24));
    if (MRS("CurrentEL") == 8) {
        MSR("tpidr_el2", 8);
        MSR("hstr_el2", 1);
        MSR("contextidr_el2", 9);
        MSR("s3_4_c14_c3_2", 0); /* CNTHV_CVAL_EL2, CNTHV_CTL_EL2 */
        MSR("s3_4_c14_c3_1", 1);
        MSR("vttbr_el2", 0x8000);
        MSR("s3_4_c12_c11_0", 1);       /* ICH_HCR_EL2 */
        MSR("s3_4_c12_c12_0", BIT(62)); /* ICH_LR0_EL2 */
    }
    MMIO32(GICD + 0x6100 + 8 * 8) = 1;
    MMIO32(GICD + 0x104) = 2;
}

static void value(const char *name, uint64_t is)
{
    text("reset ");
    text(name);
    text(" :");
    field("is", is);
    text("\n");
}

static void after_reset(void)
{
    MSR("cpacr_el1", 3 << 20);
    value("el", MRS("CurrentEL") >> 2);
    value("daif", MRS("daif") >> 6);
    value("tpidr_el0", MRS("tpidr_el0"));
    value("tpidr_el1", MRS("tpidr_el1"));
    value("mair_el1", MRS("mair_el1"));
    value("ttbr0_el1", MRS("ttbr0_el1"));
    value("contextidr_el1", MRS("contextidr_el1"));
    value("cntkctl_el1", MRS("cntkctl_el1") & 0x303);
    value("cntv_ctl_el0", MRS("cntv_ctl_el0") & 3);
    value("esr_el1", MRS("esr_el1"));
    value("far_el1", MRS("far_el1"));
    value("mdscr_el1", MRS("mdscr_el1"));
    if (MRS("CurrentEL") == 8) {
        MSR("cptr_el2", 0x33ff);
        value("hcr_el2", MRS("hcr_el2") & ~HCR_RW);
        value("tpidr_el2", MRS("tpidr_el2"));
        value("hstr_el2", MRS("hstr_el2"));
        value("contextidr_el2", MRS("contextidr_el2"));
        value("cnthv_ctl_el2", MRS("s3_4_c14_c3_1") & 3);
        value("vttbr_el2", MRS("vttbr_el2"));
        value("ich_hcr_el2", MRS("s3_4_c12_c11_0"));
        value("ich_lr0_el2", MRS("s3_4_c12_c12_0"));
    }
    value("fpcr", MRS("fpcr"));
    value("icc_igrpen1", MRS("s3_0_c12_c12_7"));
    value("icc_pmr", MRS("s3_0_c4_c6_0"));
    value("gicd_ctlr", MMIO32(GICD) & 3);
    value("gicd_isenabler1", MMIO32(GICD + 0x104));
    value("gicd_irouter40", MMIO32(GICD + 0x6100 + 8 * 8));
    value("gicr_isenabler0", MMIO32(GICR + 0x10100));
    value("gicr_igroupr0", MMIO32(GICR + 0x10080));
    value("data", came); /* .bss is the image's again */
    call("reset info of self", AFFINITY_INFO, 0, 0, 0);
    call("reset info of cpu 1", AFFINITY_INFO, 1, 0, 0);
}

static void restart(void)
{
    came = may_leave = 0;
    psci(CPU_ON, 1, (uintptr_t)secondary, 3); /* it is still on at the reset */
    wait_came(1);
    dirty();
    MARK = MAGIC;
    psci(SYSTEM_RESET, 0, 0, 0);
    text("returned from SYSTEM_RESET : BAD\n");
}

void main(void)
{
    if (MARK == MAGIC) {
        MARK = 0;
        after_reset();
        return;
    }
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
    suspends();
    restart();
}
