/* SPDX-License-Identifier: MIT */
/* System instructions (Arm ARM C4.1.89): barriers, hints, waiting for events and interrupts, and
 * the ways into the system registers and the SYS space, whose contents are in src/a64/sysreg*.c. */

#include "a64_exec.h"

#include "../a64/exception.h"
#include "../a64/sysreg.h"
#include "../a64/system.h"
#include "../a64/timer.h"

#define NEVER UINT64_MAX

/* ---- registers ---- */

int exec_mrs(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    uint64_t value;
    const int status = a64_mrs(cpu, insn, a64_sysreg_of(insn->word), &value);
    if (status != A64_FAULT)
        a64_set_x(cpu, insn->rd, value);
    return status;
}

int exec_msr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_msr(cpu, insn, a64_sysreg_of(insn->word), cpu->x[insn->rd]);
}

int exec_msr_imm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_msr_imm(cpu, insn, insn->word >> 16 & 7, insn->word >> 5 & 7, insn->word >> 8 & 15);
}

int exec_sys(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_sys(cpu, insn, cpu->x[insn->rd]);
}

int exec_sysl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    uint64_t value;
    const int status = a64_sysl(cpu, insn, &value);
    if (status != A64_FAULT)
        a64_set_x(cpu, insn->rd, value);
    return status;
}

/* ---- barriers ---- */

/* All domains and types are one full barrier of the host: CPUs and devices are threads of one
 * process. */
int exec_dmb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    atomic_thread_fence(memory_order_seq_cst);
    return A64_NEXT;
}

/* DSB, SSBB, PSSBB: also completes the TLB maintenance that this CPU has broadcast. */
int exec_dsb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    atomic_thread_fence(memory_order_seq_cst);
    return a64_tlbi_wait(cpu) ? A64_SYNC : A64_NEXT;
}

/* What was decoded before may have changed: leaving the block has it looked at again. */
int exec_isb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return A64_SYNC;
}

int exec_clrex(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_clear_exclusive(cpu);
    return A64_NEXT;
}

/* ---- hints ---- */

/* NOP and everything that is allowed to do nothing: YIELD, CSDB, SB, PSB, TSB, DGH, BTI (the check
 * of a branch's target happens before it, see a64_check_watch), and all unallocated hints. */
int exec_nop(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return A64_NEXT;
}

/* ISS of a trapped wait: CV, COND = always, and TI. */
#define ISS_WFX (1u << 24 | 0xeu << 20)
enum wait_kind { WAIT_WFI = 0, WAIT_WFE = 1, WAIT_WFIT = 2, WAIT_WFET = 3 };

#define SCTLR_NTWI (1ull << 16)
#define SCTLR_NTWE (1ull << 18)

/* SCTLR_ELx.nTWI and nTWE trap EL0, HCR_EL2.TWI and TWE what is below EL2. Asked only when the CPU
 * would wait. */
static int check_wait_trap(struct a64_cpu *cpu, enum wait_kind kind)
{
    const uint64_t hcr = a64_hcr(cpu);
    const bool host = hcr & A64_HCR_E2H && hcr & A64_HCR_TGE;
    const bool wfe = kind & 1;
    if (cpu->ps.el == 0 && !(cpu->sr.sctlr[host ? 2 : 1] & (wfe ? SCTLR_NTWE : SCTLR_NTWI)))
        return a64_raise(cpu, A64_EC_WFX, ISS_WFX | kind, 0);
    if (cpu->ps.el < 2 && !host && hcr & (wfe ? A64_HCR_TWE : A64_HCR_TWI))
        return a64_raise(cpu, A64_EC_WFX, ISS_WFX | kind, 2);
    return A64_NEXT;
}

/* Consumes the event register. Other CPUs set it from their threads. */
static bool take_event(struct a64_cpu *cpu)
{
    return __atomic_exchange_n(&cpu->event, false, __ATOMIC_ACQ_REL);
}

/* Whether WFE need not wait: an event, an interrupt that can be taken, a lost mark of LDXR. */
static bool wfe_ends(struct a64_cpu *cpu)
{
    return take_event(cpu) || a64_interrupt_deliverable(cpu) || a64_exclusive_lost(cpu);
}

static int wait(struct a64_cpu *cpu, enum wait_kind kind, uint64_t until)
{
    if (check_wait_trap(cpu, kind))
        return A64_FAULT;
    cpu->exc.iss = ISS_WFX | kind;
    cpu->wait_until = until;
    return A64_WAIT;
}

/* Until CNTVCT_EL0 reaches VALUE. */
static int wait_timed(struct a64_cpu *cpu, enum wait_kind kind, uint64_t value)
{
    const uint64_t virtual_now = a64_cntvct(cpu), now = cpu->sys->clock.now(cpu);
    if (value <= virtual_now)
        return A64_NEXT;
    const uint64_t left = value - virtual_now;
    return wait(cpu, kind, left < NEVER - now ? now + left : NEVER);
}

int exec_wfi(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_wakeup_pending(cpu) ? A64_NEXT : wait(cpu, WAIT_WFI, NEVER);
}

/* Unlike WFI, WFE waits on with an interrupt pending that PSTATE masks (Arm ARM D1.6.1). */
int exec_wfe(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return wfe_ends(cpu) ? A64_NEXT : wait(cpu, WAIT_WFE, NEVER);
}

int exec_wfit(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_wakeup_pending(cpu) ? A64_NEXT : wait_timed(cpu, WAIT_WFIT, cpu->x[insn->rd]);
}

int exec_wfet(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return wfe_ends(cpu) ? A64_NEXT : wait_timed(cpu, WAIT_WFET, cpu->x[insn->rd]);
}

int exec_sevl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    __atomic_store_n(&cpu->event, true, __ATOMIC_RELEASE);
    return A64_NEXT;
}

int exec_sev(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    struct a64_system *sys = cpu->sys;
    pthread_mutex_lock(&sys->lock);
    for (unsigned k = 0; k < sys->cpu_count; k++) {
        if (!sys->cpus[k])
            continue;
        __atomic_store_n(&sys->cpus[k]->event, true, __ATOMIC_RELEASE);
        if (sys->kick && sys->cpus[k] != cpu)
            sys->kick(sys->cpus[k]);
    }
    pthread_mutex_unlock(&sys->lock);
    return A64_NEXT;
}

int exec_esb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_esb(cpu);
}
