/* SPDX-License-Identifier: MIT */
/* The Performance Monitors, PMUv3 for Armv8.1: a cycle counter, six event counters, the overflow
 * interrupt.
 *
 * Events: SW_INCR (0x00), INST_RETIRED (0x08), CPU_CYCLES (0x11); an instruction counts as one
 * cycle, so that counts are a function of what the guest executed. Counters are brought up to date
 * lazily: at every change of the EL (the filters go by it), at every access and at timer updates.
 * Counters from MDCR_EL2.HPMN on are EL2's: HPME enables them in PMCR_EL0.E's place, and EL1 and
 * EL0 do not see them. Facts: Arm ARM D13, D19.5. */

#include "pmu.h"

#include "exception.h"
#include "sysreg_sets.h"
#include "system.h"

#define PMCR_P    (1ull << 1) /* write: event counters to zero */
#define PMCR_C    (1ull << 2) /* write: cycle counter to zero */
#define PMCR_DP   (1ull << 5)
#define PMCR_LC   (1ull << 6)
#define PMCR_KEPT (A64_PMCR_E | 1ull << 3 | 1ull << 4 | PMCR_DP | PMCR_LC)

#define EVENT_SW_INCR      0x00
#define EVENT_INST_RETIRED 0x08
#define EVENT_CPU_CYCLES   0x11
#define CYCLE_BIT          (1ull << A64_PMU_CYCLE)

#define PMU_PPI 23

/* PMUSERENR_EL0 */
#define USER_EN 1u
#define USER_SW 2u
#define USER_CR 4u
#define USER_ER 8u

/* MDCR_EL2 */
#define TPMCR 0x20
#define TPM   0x40

/* ---- counting ---- */

/* PMEVTYPER and PMCCFILTR: P and U exclude EL1 and EL0, NSH includes EL2. */
static bool filter_counts(const struct a64_cpu *cpu, uint64_t filter)
{
    switch (cpu->ps.el) {
    case 0:
        return !(filter >> 30 & 1);
    case 1:
        return !(filter >> 31 & 1);
    }
    return filter >> 27 & 1;
}

static bool event_counts(const struct a64_cpu *cpu, unsigned n)
{
    const uint64_t type = cpu->pmu.evtyper[n];
    const unsigned event = type & 0xffff;
    return (event == EVENT_INST_RETIRED || event == EVENT_CPU_CYCLES) && filter_counts(cpu, type);
}

static bool cycle_is_64(const struct a64_cpu *cpu)
{
    return cpu->pmu.pmcr & PMCR_LC;
}

/* Adds DELTA to event counter N (32 bits). */
static void count_event(struct a64_cpu *cpu, unsigned n, uint64_t delta)
{
    const uint64_t sum = cpu->pmu.count[n] + delta;
    if (sum >> 32)
        cpu->pmu.ovs |= 1ull << n;
    cpu->pmu.count[n] = (uint32_t)sum;
}

static void count_cycles(struct a64_cpu *cpu, uint64_t delta)
{
    const uint64_t before = cpu->pmu.cycle, after = before + delta;
    const bool carry32 = ((before & 0xffffffff) + delta) >> 32;
    if (cycle_is_64(cpu) ? after < before : carry32)
        cpu->pmu.ovs |= CYCLE_BIT;
    cpu->pmu.cycle = after;
}

/* How many event counters PMCR_EL0.E governs; the others go by MDCR_EL2.HPME. */
static unsigned first_of_el2(const struct a64_cpu *cpu)
{
    const unsigned hpmn = cpu->sr.mdcr_el2 & 31;
    return a64_el2_enabled(cpu) && hpmn < A64_PMU_COUNTERS ? hpmn : A64_PMU_COUNTERS;
}

/* Counters that may count and interrupt. */
static uint64_t running(const struct a64_cpu *cpu)
{
    const uint64_t all = (1ull << A64_PMU_COUNTERS) - 1, guest = (1ull << first_of_el2(cpu)) - 1;
    return (cpu->pmu.pmcr & A64_PMCR_E ? CYCLE_BIT | guest : 0) |
           (cpu->sr.mdcr_el2 & A64_MDCR_HPME ? all & ~guest : 0);
}

static void send_wire(struct a64_cpu *cpu)
{
    const struct a64_pmu *pmu = &cpu->pmu;
    const bool level = pmu->ovs & pmu->inten & running(cpu);
    if (level == pmu->output)
        return;
    cpu->pmu.output = level;
    if (cpu->sys && cpu->sys->ppi)
        cpu->sys->ppi(cpu, PMU_PPI, level);
}

void a64_pmu_update(struct a64_cpu *cpu)
{
    struct a64_pmu *pmu = &cpu->pmu;
    const uint64_t delta = cpu->icount - pmu->seen_icount;
    pmu->seen_icount = cpu->icount;
    const uint64_t active = delta ? pmu->cnten & running(cpu) : 0;
    if ((active & CYCLE_BIT) && filter_counts(cpu, pmu->ccfiltr))
        count_cycles(cpu, delta);
    for (unsigned n = 0; active && n < A64_PMU_COUNTERS; n++) {
        if ((active >> n & 1) && event_counts(cpu, n))
            count_event(cpu, n, delta);
    }
    send_wire(cpu);
}

uint64_t a64_pmu_next(const struct a64_cpu *cpu)
{
    const struct a64_pmu *pmu = &cpu->pmu;
    const uint64_t active = pmu->cnten & pmu->inten & running(cpu);
    uint64_t left = ~0ull;
    for (unsigned n = 0; n < A64_PMU_COUNTERS; n++) {
        const uint64_t room = (1ull << 32) - pmu->count[n];
        if (active >> n & 1 && event_counts(cpu, n) && room < left)
            left = room;
    }
    const uint64_t cycle = cycle_is_64(cpu) ? pmu->cycle : pmu->cycle | ~0ull << 32;
    if ((active & CYCLE_BIT) && filter_counts(cpu, pmu->ccfiltr) && -cycle < left)
        left = -cycle;
    return left > ~0ull - pmu->seen_icount ? ~0ull : pmu->seen_icount + left;
}

void a64_pmu_changed(struct a64_cpu *cpu)
{
    if (cpu->pmu.inten & cpu->pmu.cnten & running(cpu))
        atomic_fetch_or(&cpu->attention, A64_ATT_TIMER);
}

/* ---- access rules ---- */

/* EL0 needs PMUSERENR_EL0.EN or one of BITS. */
static unsigned check_user(const struct a64_cpu *cpu, uint64_t bits)
{
    return cpu->ps.el == 0 && !(cpu->pmu.userenr & (USER_EN | bits)) ? a64_regime_el(cpu) : 0;
}

static unsigned check_plain(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return check_user(cpu, 0);
}

static unsigned check_swinc(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return check_user(cpu, USER_SW);
}

static unsigned check_cycle(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return check_user(cpu, write ? 0 : USER_CR);
}

static unsigned check_event(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return check_user(cpu, write ? 0 : USER_ER);
}

static unsigned check_select(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return check_user(cpu, USER_ER);
}

/* Event counters that the current EL sees: below EL2 those under MDCR_EL2.HPMN. */
static unsigned visible(const struct a64_cpu *cpu)
{
    return cpu->ps.el < 2 ? first_of_el2(cpu) : A64_PMU_COUNTERS;
}

static uint64_t visible_mask(const struct a64_cpu *cpu)
{
    return CYCLE_BIT | ((1ull << visible(cpu)) - 1);
}

/* ---- registers ---- */

static uint64_t read_pmcr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->pmu.pmcr | (uint64_t)visible(cpu) << 11;
}

static void write_pmcr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_pmu_update(cpu);
    if (value & PMCR_P) {
        for (unsigned n = 0; n < visible(cpu); n++)
            cpu->pmu.count[n] = 0;
    }
    if (value & PMCR_C)
        cpu->pmu.cycle = 0;
    cpu->pmu.pmcr = value & PMCR_KEPT;
    send_wire(cpu);
    a64_pmu_changed(cpu);
}

/* The bit masks, by the row's index: enable, interrupt enable, overflow; reset says whether a write
 * of ones clears. */
static uint64_t *mask_of(struct a64_cpu *cpu, unsigned index)
{
    uint64_t *const masks[] = {&cpu->pmu.cnten, &cpu->pmu.inten, &cpu->pmu.ovs};
    return masks[index];
}

static uint64_t read_mask(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    a64_pmu_update(cpu);
    return *mask_of(cpu, reg->index) & visible_mask(cpu);
}

static void write_set(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_pmu_update(cpu);
    *mask_of(cpu, reg->index) |= value & visible_mask(cpu);
    send_wire(cpu);
    a64_pmu_changed(cpu);
}

static void write_clear(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_pmu_update(cpu);
    *mask_of(cpu, reg->index) &= ~(value & visible_mask(cpu));
    send_wire(cpu);
    a64_pmu_changed(cpu);
}

static void write_swinc(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_pmu_update(cpu);
    for (unsigned n = 0; n < visible(cpu); n++) {
        const uint64_t type = cpu->pmu.evtyper[n];
        if ((value & cpu->pmu.cnten & running(cpu)) >> n & 1 && (type & 0xffff) == EVENT_SW_INCR &&
            filter_counts(cpu, type))
            count_event(cpu, n, 1);
    }
    send_wire(cpu);
}

static uint64_t read_selr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->pmu.selr;
}

static void write_selr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->pmu.selr = value & 31;
}

static uint64_t read_userenr(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->pmu.userenr;
}

static void write_userenr(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    cpu->pmu.userenr = value & 15;
}

static uint64_t read_cycle(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    a64_pmu_update(cpu);
    return cpu->pmu.cycle;
}

static void write_cycle(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_pmu_update(cpu);
    cpu->pmu.cycle = value;
    a64_pmu_changed(cpu);
}

/* Event counter or type by number; PMX* go by PMSELR_EL0 (their rows have index 32). */
static unsigned selected(const struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return reg->index == 32 ? (unsigned)cpu->pmu.selr : reg->index;
}

static uint64_t read_count(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    const unsigned n = selected(cpu, reg);
    a64_pmu_update(cpu);
    return n < visible(cpu) ? cpu->pmu.count[n] : 0;
}

static void write_count(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    const unsigned n = selected(cpu, reg);
    a64_pmu_update(cpu);
    if (n < visible(cpu))
        cpu->pmu.count[n] = (uint32_t)value;
    a64_pmu_changed(cpu);
}

static uint64_t *type_of(struct a64_cpu *cpu, unsigned n)
{
    if (n == A64_PMU_CYCLE)
        return &cpu->pmu.ccfiltr;
    return n < visible(cpu) ? &cpu->pmu.evtyper[n] : NULL;
}

static uint64_t read_type(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    const uint64_t *type = type_of(cpu, selected(cpu, reg));
    return type ? *type : 0;
}

static void write_type(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    const unsigned n = selected(cpu, reg);
    uint64_t *type = type_of(cpu, n);
    a64_pmu_update(cpu);
    if (type)
        *type = value & (n == A64_PMU_CYCLE ? 0xfc000000 : 0xfc00ffff);
    a64_pmu_changed(cpu);
}

#define PMU(NAME, op1, crm, op2, RD, WR, ...)                                                      \
    SYSREG(NAME, 3, op1, 9, crm, op2, RD, WR, .feat = A64_FEAT_PMUv3, .trap_mdcr = TPM,            \
           .flags = A64_SR_SYNC, __VA_ARGS__)
#define COUNTER(n)                                                                                 \
    SYSREG("PMEVCNTR" #n "_EL0", 3, 3, 14, 8, n, 0, 0, .feat = A64_FEAT_PMUv3, .trap_mdcr = TPM,   \
           .flags = A64_SR_SYNC, .index = n, .read = read_count, .write = write_count,             \
           .check = check_event, .fgt = A64_FGT_HDFG(12)),                                         \
        SYSREG("PMEVTYPER" #n "_EL0", 3, 3, 14, 12, n, 0, 0, .feat = A64_FEAT_PMUv3,               \
               .trap_mdcr = TPM, .flags = A64_SR_SYNC, .index = n, .read = read_type,              \
               .write = write_type, .check = check_plain, .fgt = A64_FGT_HDFG(13))

static const struct a64_sysreg rows[] = {
    SYSREG("PMCR_EL0", 3, 3, 9, 12, 0, 0, 0, .feat = A64_FEAT_PMUv3, .trap_mdcr = TPM | TPMCR,
           .flags = A64_SR_SYNC, .read = read_pmcr, .write = write_pmcr, .check = check_plain,
           .fgt = A64_FGT_HDFG(21)),
    PMU("PMCNTENSET_EL0", 3, 12, 1, 0, 0, .index = 0, .read = read_mask, .write = write_set,
        .check = check_plain, .fgt = A64_FGT_HDFG(16)),
    PMU("PMCNTENCLR_EL0", 3, 12, 2, 0, 0, .index = 0, .read = read_mask, .write = write_clear,
        .check = check_plain, .fgt = A64_FGT_HDFG(16)),
    PMU("PMOVSCLR_EL0", 3, 12, 3, 0, 0, .index = 2, .read = read_mask, .write = write_clear,
        .check = check_plain, .fgt = A64_FGT_HDFG(18)),
    PMU("PMSWINC_EL0", 3, 12, 4, A64_NEVER, 0, .write = write_swinc, .check = check_swinc,
        .fgt = A64_FGT_HDFG(20)),
    PMU("PMSELR_EL0", 3, 12, 5, 0, 0, .read = read_selr, .write = write_selr, .check = check_select,
        .fgt = A64_FGT_HDFG(19)),
    PMU("PMCEID0_EL0", 3, 12, 6, 0, A64_NEVER, .check = check_plain, .fgt = A64_FGT_HDFG(58),
        .reset = 1ull << EVENT_SW_INCR | 1ull << EVENT_INST_RETIRED | 1ull << EVENT_CPU_CYCLES),
    PMU("PMCEID1_EL0", 3, 12, 7, 0, A64_NEVER, .check = check_plain, .fgt = A64_FGT_HDFG(58)),
    PMU("PMCCNTR_EL0", 3, 13, 0, 0, 0, .read = read_cycle, .write = write_cycle,
        .check = check_cycle, .fgt = A64_FGT_HDFG(15)),
    PMU("PMXEVTYPER_EL0", 3, 13, 1, 0, 0, .index = 32, .read = read_type, .write = write_type,
        .check = check_plain, .fgt = A64_FGT_HDFG(13)),
    PMU("PMXEVCNTR_EL0", 3, 13, 2, 0, 0, .index = 32, .read = read_count, .write = write_count,
        .check = check_event, .fgt = A64_FGT_HDFG(12)),
    PMU("PMUSERENR_EL0", 3, 14, 0, 0, 1, .read = read_userenr, .write = write_userenr,
        .fgt = A64_FGT_HDFG(57)),
    PMU("PMOVSSET_EL0", 3, 14, 3, 0, 0, .index = 2, .read = read_mask, .write = write_set,
        .check = check_plain, .fgt = A64_FGT_HDFG(18)),
    PMU("PMINTENSET_EL1", 0, 14, 1, 1, 1, .index = 1, .read = read_mask, .write = write_set,
        .fgt = A64_FGT_HDFG(17)),
    PMU("PMINTENCLR_EL1", 0, 14, 2, 1, 1, .index = 1, .read = read_mask, .write = write_clear,
        .fgt = A64_FGT_HDFG(17)),
    COUNTER(0),
    COUNTER(1),
    COUNTER(2),
    COUNTER(3),
    COUNTER(4),
    COUNTER(5),
    SYSREG("PMCCFILTR_EL0", 3, 3, 14, 15, 7, 0, 0, .feat = A64_FEAT_PMUv3, .trap_mdcr = TPM,
           .flags = A64_SR_SYNC, .index = A64_PMU_CYCLE, .read = read_type, .write = write_type,
           .check = check_plain, .fgt = A64_FGT_HDFG(14)),
};

SYSREG_SET(a64_sysregs_pmu, rows);
