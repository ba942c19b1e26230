/* SPDX-License-Identifier: MIT */
/* Interrupts and SError: which line reaches which Exception level, what masks it, what wakes WFI.
 *
 * Lines are levels that other threads may change (a64_set_line); everything else runs on the CPU's
 * own thread. The architecture leaves the order among pending asynchronous exceptions open: here
 * SError goes before FIQ before IRQ, physical before virtual. SError is an edge: taking it consumes
 * the line. Facts: Arm ARM D1.3.5 (asynchronous exceptions, routing and masking), D1.6 (WFE, WFI),
 * the RAS chapter for ESB. */

#include "exception.h"
#include "exception_internal.h"
#include "system.h"

#define DISR_A     (1ull << 31)
#define SERROR_ISS 0x1ffffffull

struct source {
    uint32_t line;   /* enum a64_line */
    uint64_t route;  /* HCR_EL2 bit: physical goes to EL2, virtual is enabled */
    uint64_t inject; /* HCR_EL2 bit that makes a virtual one pending */
    uint8_t mask;    /* PSTATE.DAIF */
    uint16_t vector;
    bool is_virtual;
};

static const struct source sources[] = {
    {A64_LINE_SERROR, A64_HCR_AMO, 0, A64_DAIF_A, A64_VECTOR_SERROR, false},
    {A64_LINE_FIQ, A64_HCR_FMO, 0, A64_DAIF_F, A64_VECTOR_FIQ, false},
    {A64_LINE_IRQ, A64_HCR_IMO, 0, A64_DAIF_I, A64_VECTOR_IRQ, false},
    {0, A64_HCR_AMO, A64_HCR_VSE, A64_DAIF_A, A64_VECTOR_SERROR, true},
    {A64_LINE_VFIQ, A64_HCR_FMO, A64_HCR_VF, A64_DAIF_F, A64_VECTOR_FIQ, true},
    {A64_LINE_VIRQ, A64_HCR_IMO, A64_HCR_VI, A64_DAIF_I, A64_VECTOR_IRQ, true},
};
#define SOURCE_COUNT (sizeof(sources) / sizeof(sources[0]))

static bool is_pending(const struct a64_cpu *cpu, const struct source *source, uint32_t lines)
{
    return (lines & source->line) || (a64_hcr(cpu) & source->inject);
}

/* Virtual interrupts exist for EL1 and EL0 of a guest whose physical ones are routed to EL2. */
static bool virtual_enabled(const struct a64_cpu *cpu, const struct source *source)
{
    const uint64_t hcr = a64_hcr(cpu);
    return cpu->ps.el < 2 && (hcr & source->route) && !(hcr & A64_HCR_TGE);
}

/* The EL that SOURCE, pending, is taken at now; 0: it stays pending. */
static unsigned deliver_el(const struct a64_cpu *cpu, const struct source *source)
{
    const uint64_t hcr = a64_hcr(cpu);
    const bool masked = cpu->ps.daif & source->mask;
    if (source->is_virtual)
        return virtual_enabled(cpu, source) && !masked ? 1 : 0;
    const unsigned target = hcr & (source->route | A64_HCR_TGE) ? 2 : 1;
    if (cpu->ps.el > target)
        return 0;
    /* A lower EL cannot mask what goes to EL2, except an application of a VHE host. */
    if (target == 2 && cpu->ps.el < 2 && !a64_e2h_tge(cpu))
        return 2;
    return masked ? 0 : target;
}

static const struct source *next_source(const struct a64_cpu *cpu, unsigned *target)
{
    const uint32_t lines = atomic_load(&cpu->lines);
    if (!lines && !(a64_hcr(cpu) & (A64_HCR_VSE | A64_HCR_VF | A64_HCR_VI)))
        return NULL;
    for (unsigned k = 0; k < SOURCE_COUNT; k++) {
        if (!is_pending(cpu, &sources[k], lines))
            continue;
        *target = deliver_el(cpu, &sources[k]);
        if (*target)
            return &sources[k];
    }
    return NULL;
}

bool a64_interrupt_deliverable(const struct a64_cpu *cpu)
{
    unsigned target;
    return next_source(cpu, &target) != NULL;
}

void a64_recheck_interrupts(struct a64_cpu *cpu)
{
    if (a64_interrupt_deliverable(cpu))
        atomic_fetch_or(&cpu->attention, A64_ATT_LINES);
}

/* Consumes a pending SError and returns its syndrome. */
static uint64_t consume_serror(struct a64_cpu *cpu, bool is_virtual)
{
    if (is_virtual) {
        cpu->sr.hcr_el2 &= ~A64_HCR_VSE;
        return cpu->sr.vsesr_el2 & SERROR_ISS;
    }
    atomic_fetch_and(&cpu->lines, ~(uint32_t)A64_LINE_SERROR);
    return 0;
}

bool a64_take_interrupt(struct a64_cpu *cpu)
{
    unsigned target;
    const struct source *source = next_source(cpu, &target);
    if (!source)
        return false;
    if (source->vector == A64_VECTOR_SERROR)
        cpu->sr.esr[target] =
            (uint64_t)A64_EC_SERROR << 26 | A64_ESR_IL | consume_serror(cpu, source->is_virtual);
    a64_enter_vector(cpu, target, source->vector, cpu->pc);
    return true;
}

bool a64_wakeup_pending(const struct a64_cpu *cpu)
{
    const uint32_t lines = atomic_load(&cpu->lines);
    for (unsigned k = 0; k < SOURCE_COUNT; k++) {
        const struct source *source = &sources[k];
        if (is_pending(cpu, source, lines) && (!source->is_virtual || virtual_enabled(cpu, source)))
            return true;
    }
    return false;
}

void a64_set_line(struct a64_cpu *cpu, unsigned line, bool level)
{
    if (!level) {
        atomic_fetch_and(&cpu->lines, ~line);
        return;
    }
    if ((atomic_fetch_or(&cpu->lines, line) & line) == line)
        return;
    atomic_fetch_or(&cpu->attention, A64_ATT_LINES);
    if (cpu->sys && cpu->sys->kick)
        cpu->sys->kick(cpu);
}

int a64_esb(struct a64_cpu *cpu)
{
    if (!a64_has(&cpu->feat, A64_FEAT_RAS))
        return A64_NEXT;
    const struct source *physical = &sources[0], *virtual_serror = &sources[3];
    if (is_pending(cpu, physical, atomic_load(&cpu->lines)) && !deliver_el(cpu, physical))
        cpu->sr.disr_el1 = DISR_A | consume_serror(cpu, false);
    if (is_pending(cpu, virtual_serror, 0) && virtual_enabled(cpu, virtual_serror) &&
        (cpu->ps.daif & A64_DAIF_A))
        cpu->sr.vdisr_el2 = DISR_A | consume_serror(cpu, true);
    a64_recheck_interrupts(cpu);
    return A64_SYNC;
}
