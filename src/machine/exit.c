/* SPDX-License-Identifier: MIT */
/* What makes hv_vcpu_run return, and the answer: accesses to devices, calls to the firmware, system
 * registers that nobody has.
 *
 * An access to an address where nothing is gets a synchronous external abort, as the bus of a real
 * machine gives; one to a part of the board that is not there yet reads as zero. Both are told of
 * once. A data abort with a valid syndrome is completed from it; without one (pairs, write-back,
 * SIMD) the engine decodes the instruction. */

#include "machine/state.h"

#include <inttypes.h>
#include <stdio.h>

/* Exception classes in ESR_ELx bits 31:26. */
enum {
    EC_UNKNOWN = 0x00, /* HLT, when it is trapped */
    EC_WFX = 0x01,
    EC_HVC64 = 0x16,
    EC_SMC64 = 0x17,
    EC_SYSTEM_REGISTER = 0x18,
    EC_INSTRUCTION_ABORT = 0x20,
    EC_DATA_ABORT = 0x24,
};

/* Fields of a data abort's syndrome. */
#define ISS_ISV(s)   ((s) >> 24 & 1)
#define ISS_SAS(s)   ((s) >> 22 & 3) /* log2 of the size */
#define ISS_SSE(s)   ((s) >> 21 & 1) /* sign-extends */
#define ISS_SRT(s)   ((s) >> 16 & 31)
#define ISS_SF(s)    ((s) >> 15 & 1) /* 64-bit register */
#define ISS_CM(s)    ((s) >> 8 & 1)  /* cache maintenance */
#define ISS_S1PTW(s) ((s) >> 7 & 1)  /* the access is the table walk's */
#define ISS_WNR(s)   ((s) >> 6 & 1)  /* write */

static void skip_instruction(struct machine_cpu *cpu)
{
    uint64_t pc = 0;
    hv_vcpu_get_reg(cpu->id, HV_REG_PC, &pc);
    hv_vcpu_set_reg(cpu->id, HV_REG_PC, pc + 4);
}

static uint64_t bus_read(void *ctx, hv_ipa_t address, size_t size)
{
    struct machine_cpu *cpu = ctx;
    struct machine *machine = cpu->machine;
    uint64_t value = 0;
    machine_lock(machine);
    const struct machine_region *region = machine_region_at(machine, address, (unsigned)size);
    if (region)
        value = region->read(region->ctx, address - region->base, (unsigned)size);
    if (machine_log_wanted(machine, "mmio"))
        machine_log(machine, "mmio", "cpu %u reads %#" PRIx64 " size %zu: %#" PRIx64, cpu->index,
                    address, size, value);
    machine_unlock(machine);
    return value;
}

static void bus_write(void *ctx, hv_ipa_t address, size_t size, uint64_t value)
{
    struct machine_cpu *cpu = ctx;
    struct machine *machine = cpu->machine;
    machine_lock(machine);
    if (machine_log_wanted(machine, "mmio"))
        machine_log(machine, "mmio", "cpu %u writes %#" PRIx64 " size %zu: %#" PRIx64, cpu->index,
                    address, size, value);
    const struct machine_region *region = machine_region_at(machine, address, (unsigned)size);
    if (region)
        region->write(region->ctx, address - region->base, (unsigned)size, value);
    machine_unlock(machine);
}

static uint64_t extend(uint64_t value, uint64_t syndrome)
{
    unsigned bits = 8u << ISS_SAS(syndrome);
    if (ISS_SSE(syndrome) && bits < 64)
        value = (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
    return ISS_SF(syndrome) ? value : (uint32_t)value;
}

static void access_by_syndrome(struct machine_cpu *cpu, uint64_t syndrome, uint64_t address)
{
    size_t size = 1u << ISS_SAS(syndrome);
    unsigned rt = ISS_SRT(syndrome);
    if (ISS_WNR(syndrome)) {
        uint64_t value = machine_cpu_get_x(cpu, rt);
        bus_write(cpu, address, size, size < 8 ? value & ((1ull << size * 8) - 1) : value);
    } else {
        machine_cpu_set_x(cpu, rt, extend(bus_read(cpu, address, size), syndrome));
    }
    skip_instruction(cpu);
}

/* The guest gets what the bus gives where nothing answers. */
static void external_abort(struct machine_cpu *cpu, uint64_t address, const char *what)
{
    struct machine *machine = cpu->machine;
    machine_lock(machine);
    machine_warn_address(machine, address, what);
    machine_unlock(machine);
    machine_inject_abort(cpu);
}

/* Whether something answers at ADDRESS. A part of the board that is not there yet does, by ignoring
 * writes and reading as zero: drivers that look for it then find nothing instead of dying. */
static bool answered(struct machine *machine, uint64_t address)
{
    if (machine_region_at(machine, address, 1))
        return true;
    const struct board_row *row = board_row_at(machine->config.board, address);
    if (!row || row->kind != BOARD_LATER)
        return false;
    machine_lock(machine);
    machine_warn_address(machine, row->base, "access to a part of the board that is not there yet");
    machine_unlock(machine);
    return true;
}

static void data_abort(struct machine_cpu *cpu)
{
    uint64_t syndrome = cpu->exit->exception.syndrome;
    uint64_t address = cpu->exit->exception.physical_address;
    const hv_pomona_mmio_ops_t ops = {bus_read, bus_write, cpu};
    if (ISS_S1PTW(syndrome))
        external_abort(cpu, address, "translation tables where no memory is");
    else if (ISS_CM(syndrome)) /* there is no cache to maintain */
        skip_instruction(cpu);
    else if (!answered(cpu->machine, address))
        external_abort(cpu, address, "access to an address where nothing is");
    else if (ISS_ISV(syndrome))
        access_by_syndrome(cpu, syndrome, address);
    else if (hv_pomona_vcpu_mmio(cpu->id, &ops))
        external_abort(cpu, address, "an instruction that devices do not answer");
}

static void start_cpu(struct machine *machine, unsigned target, const struct psci_result *result)
{
    const struct boot_entry entry = {
        .pc = result->entry, .x = {result->context}, .el2 = machine->config.el2};
    machine_cpu_start(&machine->cpus[target], &entry);
}

/* Does what PSCI decided; false: the CPU leaves the guest. Under the lock.
 *
 * Apple's API has no way to wait for an interrupt outside the guest: there a suspended CPU goes on
 * at once, as PSCI lets a wake-up come for any reason. */
static bool act(struct machine_cpu *cpu, const struct psci_result *result)
{
    struct machine *machine = cpu->machine;
    switch (result->action) {
    case PSCI_RETURN:
        return true;
    case PSCI_WAIT:
        if (hv_pomona_supports(HV_POMONA_CAP_WAIT))
            hv_pomona_vcpu_wait_for_interrupt(cpu->id);
        return true;
    case PSCI_START:
        start_cpu(machine, result->target, result);
        return true;
    case PSCI_SLEEP:
        start_cpu(machine, cpu->index, result);
        return false;
    case PSCI_POWER_DOWN:
        if (machine->config.insn_clock)
            hv_pomona_vcpu_set_online(cpu->id, false);
        return false;
    case PSCI_SYSTEM_OFF:
        machine_request_stop(machine, MACHINE_OFF);
        return false;
    case PSCI_SYSTEM_RESET:
        machine_request_stop(machine, MACHINE_RESET);
        return false;
    }
    return true;
}

static bool firmware_call(struct machine_cpu *cpu)
{
    struct machine *machine = cpu->machine;
    uint64_t x[4];
    for (unsigned i = 0; i < 4; i++)
        x[i] = machine_cpu_get_x(cpu, i);
    machine_lock(machine);
    const struct psci_result result = psci_call(&machine->psci, cpu->index, x);
    machine_log(machine, "psci",
                "cpu %u calls %#" PRIx64 " (%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 "): %" PRId64,
                cpu->index, x[0], x[1], x[2], x[3], (int64_t)result.x[0]);
    const bool go_on = act(cpu, &result);
    machine_unlock(machine);
    for (unsigned i = 0; i < 4; i++)
        machine_cpu_set_x(cpu, i, result.x[i]);
    return go_on;
}

/* Firmware is called with HVC by a guest that starts at EL1, with SMC by one that starts at EL2.
 * The other instruction is UNDEFINED: there is no EL3, or no EL2, that it could go to. */
static bool hypervisor_call(struct machine_cpu *cpu, uint64_t syndrome)
{
    if (!(syndrome & 0xffff))
        return firmware_call(cpu);
    machine_cpu_set_x(cpu, 0, UINT64_MAX); /* NOT_SUPPORTED */
    return true;
}

static bool secure_monitor_call(struct machine_cpu *cpu)
{
    if (!cpu->machine->config.el2) {
        machine_inject_undefined(cpu);
        return true;
    }
    skip_instruction(cpu);
    return firmware_call(cpu);
}

#define SYSREG_OP0(s) ((s) >> 20 & 3)
#define SYSREG_OP1(s) ((s) >> 14 & 7)
#define SYSREG_CRN(s) ((s) >> 10 & 15)
#define SYSREG_CRM(s) ((s) >> 1 & 15)
#define SYSREG_OP2(s) ((s) >> 17 & 7)
#define SYSREG_RT(s)  ((s) >> 5 & 31)

/* Registers that a guest may touch without asking an identification register: the PMU's, and the
 * external debugger's. */
static bool reads_as_zero(uint64_t syndrome)
{
    const unsigned op0 = SYSREG_OP0(syndrome), op1 = SYSREG_OP1(syndrome);
    const unsigned crn = SYSREG_CRN(syndrome), crm = SYSREG_CRM(syndrome);
    if (op0 == 2)
        return true;
    return op0 == 3 && ((crn == 9 && (op1 == 0 || op1 == 3) && crm >= 12 && crm <= 14) ||
                        (crn == 14 && op1 == 3 && crm >= 8));
}

static void system_register(struct machine_cpu *cpu, uint64_t syndrome)
{
    struct machine *machine = cpu->machine;
    const bool read = syndrome & 1, zero = reads_as_zero(syndrome);
    char what[96];
    snprintf(what, sizeof(what), "%s of S%u_%u_C%u_C%u_%u, which %s; PC", read ? "read" : "write",
             (unsigned)SYSREG_OP0(syndrome), (unsigned)SYSREG_OP1(syndrome),
             (unsigned)SYSREG_CRN(syndrome), (unsigned)SYSREG_CRM(syndrome),
             (unsigned)SYSREG_OP2(syndrome), zero ? "reads as zero" : "is not there");
    uint64_t pc = 0;
    hv_vcpu_get_reg(cpu->id, HV_REG_PC, &pc);
    machine_lock(machine);
    machine_warn_address(machine, pc, what);
    machine_unlock(machine);
    if (!zero) {
        machine_inject_undefined(cpu);
        return;
    }
    if (read)
        machine_cpu_set_x(cpu, SYSREG_RT(syndrome), 0);
    skip_instruction(cpu);
}

static bool exception(struct machine_cpu *cpu)
{
    const uint64_t syndrome = cpu->exit->exception.syndrome;
    const uint64_t address = cpu->exit->exception.physical_address;
    switch (syndrome >> 26 & 0x3f) {
    case EC_UNKNOWN:
        if ((syndrome & 0xffff) != MACHINE_SEMIHOSTING_HLT) {
            machine_inject_undefined(cpu);
            return true;
        }
        skip_instruction(cpu);
        return machine_semihosting(cpu);
    case EC_WFX: /* only without an interrupt controller that waits itself */
        skip_instruction(cpu);
        return true;
    case EC_HVC64:
        return hypervisor_call(cpu, syndrome);
    case EC_SMC64:
        return secure_monitor_call(cpu);
    case EC_SYSTEM_REGISTER:
        system_register(cpu, syndrome);
        return true;
    case EC_DATA_ABORT:
        data_abort(cpu);
        return true;
    case EC_INSTRUCTION_ABORT:
        external_abort(cpu, address, "an instruction fetched where no memory is");
        return true;
    }
    machine_log(cpu->machine, "guest", "cpu %u: unexpected exit, syndrome %#" PRIx64, cpu->index,
                syndrome);
    machine_inject_undefined(cpu);
    return true;
}

/* The engine saw the guest take exception after exception without ever getting on. */
static void exception_loop(struct machine_cpu *cpu)
{
    struct machine *machine = cpu->machine;
    struct machine_outcome *outcome = &machine->outcome;
    const bool at_el2 = machine->config.el2;
    machine_lock(machine);
    if (machine->stop == MACHINE_RUNNING) {
        outcome->exception_loop = true;
        outcome->cpu = cpu->index;
        hv_vcpu_get_reg(cpu->id, HV_REG_PC, &outcome->pc);
        uint64_t cpsr = 0;
        hv_vcpu_get_reg(cpu->id, HV_REG_CPSR, &cpsr);
        const bool el2 = at_el2 && (cpsr >> 2 & 3) == 2;
        hv_vcpu_get_sys_reg(cpu->id, el2 ? HV_SYS_REG_ESR_EL2 : HV_SYS_REG_ESR_EL1, &outcome->esr);
        hv_vcpu_get_sys_reg(cpu->id, el2 ? HV_SYS_REG_FAR_EL2 : HV_SYS_REG_FAR_EL1, &outcome->far);
        hv_vcpu_get_sys_reg(cpu->id, el2 ? HV_SYS_REG_ELR_EL2 : HV_SYS_REG_ELR_EL1, &outcome->elr);
    }
    machine_request_stop(machine, MACHINE_PANIC);
    machine_unlock(machine);
}

/* Whether the machine still wants this CPU in the guest. */
static bool goes_on(struct machine_cpu *cpu)
{
    struct machine *machine = cpu->machine;
    machine_lock(machine);
    const bool result = machine->phase == MACHINE_PHASE_RUN && machine->stop == MACHINE_RUNNING;
    machine_unlock(machine);
    return result;
}

bool machine_cpu_exit(struct machine_cpu *cpu)
{
    switch (cpu->exit->reason) {
    case HV_EXIT_REASON_CANCELED:
        if (atomic_exchange(&cpu->sample, false))
            machine_profile_sample(cpu->profile, cpu);
        break;
    case HV_EXIT_REASON_EXCEPTION:
        if (!exception(cpu))
            return false;
        break;
    case HV_EXIT_REASON_VTIMER_ACTIVATED: /* the interrupt controller has it */
        hv_vcpu_set_vtimer_mask(cpu->id, false);
        break;
    case HV_EXIT_REASON_UNKNOWN:
        exception_loop(cpu);
        return false;
    }
    return goes_on(cpu);
}
