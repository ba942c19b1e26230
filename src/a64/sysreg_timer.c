/* SPDX-License-Identifier: MIT */
/* The generic timers' registers; what they do is in timer.c.
 *
 * Access from EL0 is granted by CNTKCTL_EL1 (of a VHE host: CNTHCTL_EL2), from EL1 and EL0 of a
 * guest by CNTHCTL_EL2, whose EL1PCTEN and EL1PCEN sit elsewhere when E2H is set. Facts: Arm ARM
 * D12, D19.12. */

#include "exception.h"
#include "sysreg_sets.h"
#include "system.h"
#include "timer.h"

/* CNTKCTL_EL1, and CNTHCTL_EL2 with E2H. */
#define EL0PCTEN (1ull << 0)
#define EL0VCTEN (1ull << 1)
#define EL0VTEN  (1ull << 8)
#define EL0PTEN  (1ull << 9)
/* CNTHCTL_EL2: counter and timer, plain and with E2H; FEAT_ECV's traps are the same in both. */
#define EL1PCTEN(e2h) ((e2h) ? 1ull << 10 : 1ull << 0)
#define EL1PCEN(e2h)  ((e2h) ? 1ull << 11 : 1ull << 1)
#define ECV_FIELDS    (0x3full << 12)
#define ECV_ENABLE    (1ull << 12) /* CNTPOFF_EL2 counts */
#define EL1TVT        (1ull << 13)
#define EL1TVCT       (1ull << 14)

/* EL0's permission: 0, or the EL that an access without any of BITS traps to. */
static unsigned check_el0(const struct a64_cpu *cpu, uint64_t bits)
{
    const uint64_t control = a64_e2h_tge(cpu) ? cpu->sr.cnthctl_el2 : cpu->sr.cntkctl_el1;
    return cpu->ps.el == 0 && !(control & bits) ? a64_regime_el(cpu) : 0;
}

/* A guest's EL1 or EL0, for which CNTHCTL_EL2 counts. */
static bool under_el2(const struct a64_cpu *cpu)
{
    return cpu->ps.el < 2 && a64_el2_enabled(cpu) && !a64_e2h_tge(cpu);
}

static bool e2h(const struct a64_cpu *cpu)
{
    return a64_hcr(cpu) & A64_HCR_E2H;
}

static bool ecv_trap(const struct a64_cpu *cpu, uint64_t bit)
{
    return under_el2(cpu) && a64_has(&cpu->feat, A64_FEAT_ECV) && (cpu->sr.cnthctl_el2 & bit);
}

/* The counter's rate is what it is: software of the highest Exception level may note another one.
 */
static unsigned check_frequency(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    return write ? 0 : check_el0(cpu, EL0PCTEN | EL0VCTEN);
}

static unsigned check_physical_count(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const unsigned el = check_el0(cpu, EL0PCTEN);
    if (el)
        return el;
    return under_el2(cpu) && !(cpu->sr.cnthctl_el2 & EL1PCTEN(e2h(cpu))) ? 2 : 0;
}

static unsigned check_virtual_count(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const unsigned el = check_el0(cpu, EL0VCTEN);
    return el ? el : ecv_trap(cpu, EL1TVCT) ? 2 : 0;
}

static unsigned check_physical_timer(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const unsigned el = check_el0(cpu, EL0PTEN);
    if (el)
        return el;
    return under_el2(cpu) && !(cpu->sr.cnthctl_el2 & EL1PCEN(e2h(cpu))) ? 2 : 0;
}

static unsigned check_virtual_timer(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    const unsigned el = check_el0(cpu, EL0VTEN);
    return el ? el : ecv_trap(cpu, EL1TVT) ? 2 : 0;
}

/* At EL0 of a host the redirected names reach these rows, under the host's own permission. */
static unsigned check_hyp_timer(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write)
{
    if (cpu->ps.el == 2)
        return 0;
    if (!a64_in_host(cpu))
        return A64_CHECK_UNDEF;
    return check_el0(cpu, reg->index == A64_TIMER_HYP ? EL0PTEN : EL0VTEN);
}

static uint64_t read_cntpct(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return a64_cntpct(cpu);
}

static uint64_t read_cntvct(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return a64_cntvct(cpu);
}

static uint64_t read_ctl(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return a64_timer_ctl(cpu, reg->index);
}

static void write_ctl(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_timer_set_ctl(cpu, reg->index, value);
}

static uint64_t read_tval(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return a64_timer_tval(cpu, reg->index);
}

static void write_tval(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_timer_set_tval(cpu, reg->index, value);
}

static uint64_t read_cval(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return cpu->timer[reg->index].cval;
}

static void write_cval(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    a64_timer_set_cval(cpu, reg->index, value);
}

/* CNTKCTL_EL1, CNTHCTL_EL2 and the offsets, by the row's index: the timers look at them at once. */
static uint64_t *control(struct a64_cpu *cpu, unsigned index)
{
    uint64_t *const fields[] = {&cpu->sr.cntkctl_el1, &cpu->sr.cnthctl_el2, &cpu->sr.cntvoff_el2,
                                &cpu->sr.cntpoff_el2};
    return fields[index];
}

static uint64_t read_control(struct a64_cpu *cpu, const struct a64_sysreg *reg)
{
    return *control(cpu, reg->index);
}

static void write_control(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value)
{
    const struct a64_features *feat = &cpu->feat;
    const uint64_t absent = (a64_has(feat, A64_FEAT_ECV) ? 0 : ECV_FIELDS) |
                            (a64_has(feat, A64_FEAT_ECV_POFF) ? 0 : ECV_ENABLE);
    const uint64_t mask = reg->index < 2 ? reg->write_mask & ~absent : ~0ull;
    *control(cpu, reg->index) = value & mask;
    a64_timer_update(cpu);
}

#define TIMER(NAME, SUFFIX, op1, crm, EL, ID, CHECK, FEAT)                                         \
    SYSREG(NAME "_TVAL_" SUFFIX, 3, op1, 14, crm, 0, EL, EL, .index = ID, .read = read_tval,       \
           .write = write_tval, .check = CHECK, .feat = FEAT, .flags = A64_SR_SYNC),               \
        SYSREG(NAME "_CTL_" SUFFIX, 3, op1, 14, crm, 1, EL, EL, .index = ID, .read = read_ctl,     \
               .write = write_ctl, .check = CHECK, .feat = FEAT, .flags = A64_SR_SYNC),            \
        SYSREG(NAME "_CVAL_" SUFFIX, 3, op1, 14, crm, 2, EL, EL, .index = ID, .read = read_cval,   \
               .write = write_cval, .check = CHECK, .feat = FEAT, .flags = A64_SR_SYNC)
#define CONTROL(NAME, op1, crn, crm, op2, EL, INDEX, FEAT, MASK)                                   \
    SYSREG(NAME, 3, op1, crn, crm, op2, EL, EL, .index = INDEX, .read = read_control,              \
           .write = write_control, .feat = FEAT, .write_mask = MASK, .flags = A64_SR_SYNC)

static const struct a64_sysreg rows[] = {
    SYSREG("CNTFRQ_EL0", 3, 3, 14, 0, 0, 0, 2, AT_SR(cntfrq_el0), .reset = A64_COUNTER_HZ,
           .write_mask = 0xffffffff, .check = check_frequency),
    SYSREG("CNTPCT_EL0", 3, 3, 14, 0, 1, 0, A64_NEVER, .read = read_cntpct,
           .check = check_physical_count),
    SYSREG("CNTVCT_EL0", 3, 3, 14, 0, 2, 0, A64_NEVER, .read = read_cntvct,
           .check = check_virtual_count),
    SYSREG("CNTPCTSS_EL0", 3, 3, 14, 0, 5, 0, A64_NEVER, .read = read_cntpct,
           .check = check_physical_count, .feat = A64_FEAT_ECV),
    SYSREG("CNTVCTSS_EL0", 3, 3, 14, 0, 6, 0, A64_NEVER, .read = read_cntvct,
           .check = check_virtual_count, .feat = A64_FEAT_ECV),
    CONTROL("CNTKCTL_EL1", 0, 14, 1, 0, 1, 0, A64_FEAT_BASE, 0x203ff),
    CONTROL("CNTHCTL_EL2", 4, 14, 1, 0, 2, 1, A64_FEAT_EL2, 0x3ffff),
    CONTROL("CNTVOFF_EL2", 4, 14, 0, 3, 2, 2, A64_FEAT_EL2, ~0ull),
    CONTROL("CNTPOFF_EL2", 4, 14, 0, 6, 2, 3, A64_FEAT_ECV_POFF, ~0ull),
    TIMER("CNTP", "EL0", 3, 2, 0, A64_TIMER_PHYS, check_physical_timer, A64_FEAT_BASE),
    TIMER("CNTV", "EL0", 3, 3, 0, A64_TIMER_VIRT, check_virtual_timer, A64_FEAT_BASE),
    TIMER("CNTHP", "EL2", 4, 2, 0, A64_TIMER_HYP, check_hyp_timer, A64_FEAT_EL2),
    TIMER("CNTHV", "EL2", 4, 3, 0, A64_TIMER_HYPVIRT, check_hyp_timer, A64_FEAT_VHE),
};

SYSREG_SET(a64_sysregs_timer, rows);
