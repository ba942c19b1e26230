/* SPDX-License-Identifier: MIT */
/* A vCPU's thread. It makes the vCPU (Apple's API binds one to the thread that created it), and
 * from then on is either parked or in the loop around hv_vcpu_run. A parked vCPU keeps existing, so
 * that its redistributor stays where the guest found it; when it is started, it is reset. Apple's
 * API has no call for that: there the system registers that it names are put back to what they were
 * after the vCPU's creation. */

#include "machine/state.h"

#include <stdlib.h>
#include <string.h>

#define CPSR_EL1H_MASKED 0x3c5 /* DAIF set, EL1 with its own stack pointer */
#define CPSR_EL2H_MASKED 0x3c9
#define MPIDR_RES1       0x80000000u

/* System registers that a reset puts back. Timers first, so that none fires meanwhile. */
static const hv_sys_reg_t reset_registers[] = {
    HV_SYS_REG_CNTV_CTL_EL0,   HV_SYS_REG_CNTP_CTL_EL0,  HV_SYS_REG_CNTV_CVAL_EL0,
    HV_SYS_REG_CNTP_CVAL_EL0,  HV_SYS_REG_CNTKCTL_EL1,   HV_SYS_REG_SCTLR_EL1,
    HV_SYS_REG_ACTLR_EL1,      HV_SYS_REG_CPACR_EL1,     HV_SYS_REG_TTBR0_EL1,
    HV_SYS_REG_TTBR1_EL1,      HV_SYS_REG_TCR_EL1,       HV_SYS_REG_APIAKEYLO_EL1,
    HV_SYS_REG_APIAKEYHI_EL1,  HV_SYS_REG_APIBKEYLO_EL1, HV_SYS_REG_APIBKEYHI_EL1,
    HV_SYS_REG_APDAKEYLO_EL1,  HV_SYS_REG_APDAKEYHI_EL1, HV_SYS_REG_APDBKEYLO_EL1,
    HV_SYS_REG_APDBKEYHI_EL1,  HV_SYS_REG_APGAKEYLO_EL1, HV_SYS_REG_APGAKEYHI_EL1,
    HV_SYS_REG_SPSR_EL1,       HV_SYS_REG_ELR_EL1,       HV_SYS_REG_SP_EL0,
    HV_SYS_REG_SP_EL1,         HV_SYS_REG_AFSR0_EL1,     HV_SYS_REG_AFSR1_EL1,
    HV_SYS_REG_ESR_EL1,        HV_SYS_REG_FAR_EL1,       HV_SYS_REG_PAR_EL1,
    HV_SYS_REG_MAIR_EL1,       HV_SYS_REG_AMAIR_EL1,     HV_SYS_REG_VBAR_EL1,
    HV_SYS_REG_CONTEXTIDR_EL1, HV_SYS_REG_TPIDR_EL1,     HV_SYS_REG_TPIDR_EL0,
    HV_SYS_REG_TPIDRRO_EL0,    HV_SYS_REG_CSSELR_EL1,    HV_SYS_REG_MDSCR_EL1,
    HV_SYS_REG_MDCCINT_EL1,
};

static const hv_sys_reg_t reset_registers_el2[] = {
    HV_SYS_REG_CNTHP_CTL_EL2, HV_SYS_REG_CNTHP_CVAL_EL2, HV_SYS_REG_CNTVOFF_EL2,
    HV_SYS_REG_CNTHCTL_EL2,   HV_SYS_REG_HCR_EL2,        HV_SYS_REG_SCTLR_EL2,
    HV_SYS_REG_MDCR_EL2,      HV_SYS_REG_CPTR_EL2,       HV_SYS_REG_TTBR0_EL2,
    HV_SYS_REG_TTBR1_EL2,     HV_SYS_REG_TCR_EL2,        HV_SYS_REG_VTTBR_EL2,
    HV_SYS_REG_VTCR_EL2,      HV_SYS_REG_VPIDR_EL2,      HV_SYS_REG_VMPIDR_EL2,
    HV_SYS_REG_SPSR_EL2,      HV_SYS_REG_ELR_EL2,        HV_SYS_REG_ESR_EL2,
    HV_SYS_REG_FAR_EL2,       HV_SYS_REG_HPFAR_EL2,      HV_SYS_REG_MAIR_EL2,
    HV_SYS_REG_VBAR_EL2,      HV_SYS_REG_TPIDR_EL2,      HV_SYS_REG_SP_EL2,
};

/* The GIC's CPU interface is powered down with its CPU. */
static const hv_gic_icc_reg_t reset_icc[] = {
    HV_GIC_ICC_REG_IGRPEN0_EL1, HV_GIC_ICC_REG_IGRPEN1_EL1, HV_GIC_ICC_REG_PMR_EL1,
    HV_GIC_ICC_REG_AP0R0_EL1,   HV_GIC_ICC_REG_AP1R0_EL1,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t machine_cpu_get_x(const struct machine_cpu *cpu, unsigned n)
{
    uint64_t value = 0;
    if (n < 31)
        hv_vcpu_get_reg(cpu->id, (hv_reg_t)(HV_REG_X0 + n), &value);
    return value;
}

void machine_cpu_set_x(const struct machine_cpu *cpu, unsigned n, uint64_t value)
{
    if (n < 31)
        hv_vcpu_set_reg(cpu->id, (hv_reg_t)(HV_REG_X0 + n), value);
}

static hv_sys_reg_t reset_register(size_t i)
{
    return i < COUNT(reset_registers) ? reset_registers[i]
                                      : reset_registers_el2[i - COUNT(reset_registers)];
}

static size_t reset_count(const struct machine *machine)
{
    return COUNT(reset_registers) + (machine->config.el2 ? COUNT(reset_registers_el2) : 0);
}

static void put_back_registers(struct machine_cpu *cpu)
{
    for (size_t i = 0; i < reset_count(cpu->machine); i++)
        hv_vcpu_set_sys_reg(cpu->id, reset_register(i), cpu->reset_values[i]);
    for (size_t i = 0; i < COUNT(reset_icc); i++)
        hv_gic_set_icc_reg(cpu->id, reset_icc[i], 0);
}

static void enter_guest_at(struct machine_cpu *cpu)
{
    if (hv_pomona_supports(HV_POMONA_CAP_RESET))
        hv_pomona_vcpu_reset(cpu->id);
    else
        put_back_registers(cpu);
    for (unsigned i = 0; i < 31; i++)
        machine_cpu_set_x(cpu, i, i < 4 ? cpu->entry.x[i] : 0);
    hv_vcpu_set_reg(cpu->id, HV_REG_CPSR, cpu->entry.el2 ? CPSR_EL2H_MASKED : CPSR_EL1H_MASKED);
    hv_vcpu_set_reg(cpu->id, HV_REG_PC, cpu->entry.pc);
}

static hv_return_t create_vcpu(struct machine_cpu *cpu)
{
    struct machine *machine = cpu->machine;
    machine_enter(machine);
    hv_return_t result = hv_vcpu_create(&cpu->id, &cpu->exit, NULL);
    if (result)
        return result;
    hv_vcpu_set_sys_reg(cpu->id, HV_SYS_REG_MPIDR_EL1, MPIDR_RES1 | machine->mpidr[cpu->index]);
    if (machine->config.semihosting)
        hv_pomona_vcpu_set_trap_hlt(cpu->id, true);
    if (machine->config.el2)
        hv_vcpu_set_sys_reg(cpu->id, HV_SYS_REG_VMPIDR_EL2,
                            MPIDR_RES1 | machine->mpidr[cpu->index]);
    for (size_t i = 0; i < reset_count(machine); i++)
        hv_vcpu_get_sys_reg(cpu->id, reset_register(i), &cpu->reset_values[i]);
    return HV_SUCCESS;
}

/* Until the CPU is to park. */
static void run_guest(struct machine_cpu *cpu)
{
    hv_return_t result;
    do {
        result = hv_vcpu_run(cpu->id);
        cpu->exits++;
    } while (!result && machine_cpu_exit(cpu));
    if (!result)
        return;
    struct machine *machine = cpu->machine;
    machine_lock(machine);
    error_set(&machine->error, ERROR_SOFTWARE, "CPU %u: the engine failed (%s)", cpu->index,
              machine_hv_error(result));
    machine_request_stop(machine, MACHINE_QUIT);
    machine_unlock(machine);
}

/* Waits until the CPU is started; false: the machine ends. Under the lock. */
static bool wait_for_start(struct machine_cpu *cpu)
{
    struct machine *machine = cpu->machine;
    cpu->parked = true;
    pthread_cond_broadcast(&machine->changed);
    while (machine->phase != MACHINE_PHASE_QUIT &&
           !(cpu->start && machine->phase == MACHINE_PHASE_RUN))
        pthread_cond_wait(&machine->changed, &machine->lock);
    cpu->parked = cpu->start = false;
    return machine->phase != MACHINE_PHASE_QUIT;
}

static void *cpu_main(void *ctx)
{
    struct machine_cpu *cpu = ctx;
    struct machine *machine = cpu->machine;
    hv_return_t created = create_vcpu(cpu);
    machine_lock(machine);
    cpu->created = created;
    cpu->ready = true;
    pthread_cond_broadcast(&machine->changed);
    while (!created && wait_for_start(cpu)) {
        machine->psci.power[cpu->index] = PSCI_ON;
        machine_unlock(machine);
        enter_guest_at(cpu);
        run_guest(cpu);
        machine_lock(machine);
    }
    machine_unlock(machine);
    if (!created)
        hv_vcpu_destroy(cpu->id);
    return NULL;
}

int machine_cpu_create(struct machine *machine, unsigned index, struct error *err)
{
    struct machine_cpu *cpu = &machine->cpus[index];
    cpu->machine = machine;
    cpu->index = index;
    cpu->reset_values = calloc(reset_count(machine), sizeof(uint64_t));
    if (machine->config.profile)
        cpu->profile = machine_profile_create();
    if (!cpu->reset_values || (machine->config.profile && !cpu->profile))
        return error_set(err, ERROR_OS, "out of memory");
    int result = pthread_create(&cpu->thread, NULL, cpu_main, cpu);
    if (result)
        return error_set(err, ERROR_OS, "CPU %u: no thread: %s", index, strerror(result));
    cpu->has_thread = true;
    machine_lock(machine);
    while (!cpu->ready)
        pthread_cond_wait(&machine->changed, &machine->lock);
    machine_unlock(machine);
    if (cpu->created)
        return error_set(err, ERROR_OS, "CPU %u: the engine refused (%s)", index,
                         machine_hv_error(cpu->created));
    return 0;
}

void machine_cpu_destroy(struct machine_cpu *cpu)
{
    if (cpu->has_thread)
        pthread_join(cpu->thread, NULL);
    free(cpu->reset_values);
    machine_profile_destroy(cpu->profile);
}

void machine_cpu_start(struct machine_cpu *cpu, const struct boot_entry *entry)
{
    cpu->entry = *entry;
    cpu->start = true;
    if (cpu->machine->config.insn_clock)
        hv_pomona_vcpu_set_online(cpu->id, true);
    pthread_cond_broadcast(&cpu->machine->changed);
}

void machine_cpus_park(struct machine *machine)
{
    machine->phase = MACHINE_PHASE_PARK;
    for (unsigned i = 0; i < machine->config.cpus; i++) {
        struct machine_cpu *cpu = &machine->cpus[i];
        cpu->start = false;
        if (!cpu->ready || cpu->created)
            continue;
        hv_vcpus_exit(&cpu->id, 1);
        while (!cpu->parked)
            pthread_cond_wait(&machine->changed, &machine->lock);
        if (machine->config.insn_clock)
            hv_pomona_vcpu_set_online(cpu->id, false);
    }
}
