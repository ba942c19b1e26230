/* SPDX-License-Identifier: MIT */
/* Exceptions that the machine gives a guest. Our engines know how to route one to any exception
 * level and are asked first; on Apple's framework and on KVM the guest has no EL2, so an exception
 * goes to EL1 and is made of registers here, as Arm's AArch64.TakeException describes it. */

#include "machine/state.h"

enum {
    EC_UNKNOWN = 0x00,
    EC_INSTRUCTION_ABORT_LOWER = 0x20,
    EC_INSTRUCTION_ABORT = 0x21,
    EC_DATA_ABORT_LOWER = 0x24,
    EC_DATA_ABORT = 0x25,
};

#define ISS_EXTERNAL_ABORT 0x10u /* synchronous external abort, not on a table walk */
#define ESR_IL             (1u << 25)
#define PSTATE_EL_MASK     0xcu
#define PSTATE_EL1H        0x5u
#define PSTATE_DAIF        0x3c0u
#define PSTATE_PAN         (1u << 22)
#define PSTATE_KEPT        0xf1400000u /* NZCV, DIT, PAN; SS, IL, UAO, SSBS and BTYPE are cleared */
#define SCTLR_SPAN         (1u << 23)

/* From VBAR_EL1: where an exception from the mode in CPSR goes. */
static uint64_t vector_offset(uint64_t cpsr)
{
    if (!(cpsr & PSTATE_EL_MASK))
        return 0x400;
    return cpsr & 1 ? 0x200 : 0x000;
}

static void take_to_el1(struct machine_cpu *cpu, unsigned ec, uint32_t iss, const uint64_t *far)
{
    uint64_t cpsr = 0, pc = 0, vbar = 0, sctlr = 0;
    hv_vcpu_get_reg(cpu->id, HV_REG_CPSR, &cpsr);
    hv_vcpu_get_reg(cpu->id, HV_REG_PC, &pc);
    hv_vcpu_get_sys_reg(cpu->id, HV_SYS_REG_VBAR_EL1, &vbar);
    hv_vcpu_get_sys_reg(cpu->id, HV_SYS_REG_SCTLR_EL1, &sctlr);
    uint64_t mode = (cpsr & PSTATE_KEPT) | PSTATE_DAIF | PSTATE_EL1H;
    if (!(sctlr & SCTLR_SPAN))
        mode |= PSTATE_PAN;
    hv_vcpu_set_sys_reg(cpu->id, HV_SYS_REG_ESR_EL1, (uint64_t)ec << 26 | ESR_IL | iss);
    if (far)
        hv_vcpu_set_sys_reg(cpu->id, HV_SYS_REG_FAR_EL1, *far);
    hv_vcpu_set_sys_reg(cpu->id, HV_SYS_REG_SPSR_EL1, cpsr);
    hv_vcpu_set_sys_reg(cpu->id, HV_SYS_REG_ELR_EL1, pc);
    hv_vcpu_set_reg(cpu->id, HV_REG_CPSR, mode);
    hv_vcpu_set_reg(cpu->id, HV_REG_PC, vbar + vector_offset(cpsr));
}

static bool at_el0(const struct machine_cpu *cpu)
{
    uint64_t cpsr = 0;
    hv_vcpu_get_reg(cpu->id, HV_REG_CPSR, &cpsr);
    return !(cpsr & PSTATE_EL_MASK);
}

void machine_inject_abort(struct machine_cpu *cpu)
{
    if (!hv_pomona_vcpu_inject_abort(cpu->id))
        return;
    const uint64_t far = cpu->exit->exception.virtual_address;
    const uint32_t syndrome = (uint32_t)cpu->exit->exception.syndrome;
    const bool data = (syndrome >> 26 & 0x3f) == EC_DATA_ABORT_LOWER;
    const uint32_t write = data ? syndrome & 1u << 6 : 0;
    const unsigned lower = data ? EC_DATA_ABORT_LOWER : EC_INSTRUCTION_ABORT_LOWER;
    take_to_el1(cpu, at_el0(cpu) ? lower : lower + 1, ISS_EXTERNAL_ABORT | write, &far);
}

void machine_inject_undefined(struct machine_cpu *cpu)
{
    if (hv_pomona_vcpu_inject_undefined(cpu->id))
        take_to_el1(cpu, EC_UNKNOWN, 0, NULL);
}
