/* SPDX-License-Identifier: MIT */
/* A vCPU's registers by Apple's names: general, SIMD&FP, system.
 *
 * CPSR after creation is a trap of Apple's that programs rely on both sides of: it reads 0x3c5
 * (EL1h), and the guest starts at EL0 unless the monitor writes CPSR, even with that value. FPCR,
 * FPSR and CPSR hold any 32 bits until the vCPU runs; only then do they mean something. */

#include <errno.h>
#include <string.h>

#include "../a64/exception.h"
#include "../a64/sysreg.h"
#include "gic.h"
#include "hv_internal.h"

#define RESET_CPSR 0x3c5u

static uint64_t get_cpsr(const struct hv_vcpu *vcpu)
{
    if (vcpu->cpsr_written)
        return vcpu->cpsr;
    const bool fresh = !vcpu->has_run && !a64_el2_enabled(&vcpu->cpu);
    return fresh ? RESET_CPSR : (uint32_t)a64_get_spsr(&vcpu->cpu);
}

/* Apple's API has no call for "the host wrote code": who writes the PC may have. One that only steps over the
 * instruction that exited, as monitors do after each device access, has not. */
static void set_pc(struct hv_vcpu *vcpu, uint64_t pc)
{
    if (pc != vcpu->cpu.pc + 4)
        a64_code_changed(&vcpu->vm->sys);
    vcpu->cpu.pc = pc;
}

hv_return_t hv_vcpu_get_reg(hv_vcpu_t vcpu, hv_reg_t reg, uint64_t *value)
{
    const struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !value || (uint32_t)reg > HV_REG_CPSR)
        return HV_BAD_ARGUMENT;
    switch ((uint32_t)reg) {
    case HV_REG_PC:
        *value = self->cpu.pc;
        break;
    case HV_REG_FPCR:
        *value = self->cpu.fpcr;
        break;
    case HV_REG_FPSR:
        *value = self->cpu.fpsr;
        break;
    case HV_REG_CPSR:
        *value = get_cpsr(self);
        break;
    default:
        *value = self->cpu.x[reg];
    }
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_reg(hv_vcpu_t vcpu, hv_reg_t reg, uint64_t value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || (uint32_t)reg > HV_REG_CPSR)
        return HV_BAD_ARGUMENT;
    switch ((uint32_t)reg) {
    case HV_REG_PC:
        set_pc(self, value);
        break;
    case HV_REG_FPCR:
        self->cpu.fpcr = (uint32_t)value;
        break;
    case HV_REG_FPSR:
        self->cpu.fpsr = (uint32_t)value;
        break;
    case HV_REG_CPSR:
        self->cpsr = (uint32_t)value;
        self->cpsr_written = true;
        hv_apply_cpsr(self);
        break;
    default:
        self->cpu.x[reg] = value;
    }
    return HV_SUCCESS;
}

/* The exception level and stack pointer exist: what an exception return would accept. */
static bool mode_valid(const struct a64_cpu *cpu, uint32_t cpsr)
{
    const unsigned el = cpsr >> 2 & 3;
    if (cpsr & (1u << 4 | 1u << 1))
        return false;
    return el == 0 ? !(cpsr & 1) : el == 1 || (el == 2 && a64_el2_enabled(cpu));
}

void hv_apply_cpsr(struct hv_vcpu *vcpu)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const uint32_t mode = 0x1f;
    if (mode_valid(cpu, vcpu->cpsr)) {
        a64_set_spsr(cpu, vcpu->cpsr);
        return;
    }
    /* As an illegal exception return: the mode stays, PSTATE.IL is set. */
    const uint32_t now = (uint32_t)a64_get_spsr(cpu);
    a64_set_spsr(cpu, (vcpu->cpsr & ~mode) | (now & mode) | 1u << 20);
}

/* ---- SIMD&FP ---- */

hv_return_t hv_vcpu_get_simd_fp_reg(hv_vcpu_t vcpu, hv_simd_fp_reg_t reg,
                                    hv_simd_fp_uchar16_t *value)
{
    const struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || !value || (uint32_t)reg > HV_SIMD_FP_REG_Q31)
        return HV_BAD_ARGUMENT;
    memcpy(value, &self->cpu.v[reg], sizeof(*value));
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_simd_fp_reg(hv_vcpu_t vcpu, hv_simd_fp_reg_t reg,
                                    hv_simd_fp_uchar16_t value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    if (!self || (uint32_t)reg > HV_SIMD_FP_REG_Q31)
        return HV_BAD_ARGUMENT;
    memcpy(&self->cpu.v[reg], &value, sizeof(value));
    return HV_SUCCESS;
}

/* ---- system registers ---- */

#define OLD_MDCR_EL2       0xe019u /* of the macOS 15 SDK */
#define IS_DEBUG_PAIR(enc) ((enc) >= 0x8004u && (enc) <= 0x807fu && ((enc)&4))

/* DBGBVR, DBGBCR, DBGWVR, DBGWCR: all 16 are storage, however many the CPU model compares. */
static uint64_t *debug_pair(struct a64_cpu *cpu, unsigned enc)
{
    struct a64_dbg_pair *pair = (enc & 2 ? cpu->sr.wp : cpu->sr.bp) + (enc >> 3 & 15);
    return enc & 1 ? &pair->control : &pair->value;
}

/* Registers of what the VM may lack. SP_EL1 has an EL2 encoding but is every VM's. */
static hv_return_t check_available(const struct hv_vcpu *vcpu, unsigned enc)
{
    const unsigned op1 = enc >> 11 & 7;
    const bool el2_only = (op1 == 4 && enc != HV_SYS_REG_SP_EL1) || enc == HV_SYS_REG_SP_EL2;
    if (el2_only && !a64_el2_enabled(&vcpu->cpu))
        return HV_UNSUPPORTED;
    switch (enc) {
    case HV_SYS_REG_CNTP_TVAL_EL0:
    case HV_SYS_REG_CNTP_CTL_EL0:
    case HV_SYS_REG_CNTP_CVAL_EL0:
        return vcpu->vm->gic || a64_el2_enabled(&vcpu->cpu) ? HV_SUCCESS : HV_UNSUPPORTED;
    case HV_SYS_REG_SMPRI_EL1:
    case HV_SYS_REG_SMCR_EL1:
    case HV_SYS_REG_TPIDR2_EL0:
        return HV_UNSUPPORTED; /* no CPU model has SME */
    default:
        return HV_SUCCESS;
    }
}

hv_return_t hv_vcpu_get_sys_reg(hv_vcpu_t vcpu, hv_sys_reg_t reg, uint64_t *value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    const unsigned enc = reg == OLD_MDCR_EL2 ? (unsigned)HV_SYS_REG_MDCR_EL2 : (unsigned)reg;
    if (!self || !value)
        return HV_BAD_ARGUMENT;
    const hv_return_t available = check_available(self, enc);
    if (available != HV_SUCCESS)
        return available;
    if (IS_DEBUG_PAIR(enc)) {
        *value = *debug_pair(&self->cpu, enc);
        return HV_SUCCESS;
    }
    return a64_sysreg_read(&self->cpu, enc, value) ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t hv_vcpu_set_sys_reg(hv_vcpu_t vcpu, hv_sys_reg_t reg, uint64_t value)
{
    struct hv_vcpu *self = hv_vcpu_mine(vcpu);
    const unsigned enc = reg == OLD_MDCR_EL2 ? (unsigned)HV_SYS_REG_MDCR_EL2 : (unsigned)reg;
    if (!self)
        return HV_BAD_ARGUMENT;
    const hv_return_t available = check_available(self, enc);
    if (available != HV_SUCCESS)
        return available;
    if (IS_DEBUG_PAIR(enc)) {
        *debug_pair(&self->cpu, enc) = value;
        a64_update_watch(&self->cpu);
        return HV_SUCCESS;
    }
    if (a64_sysreg_write(&self->cpu, enc, value))
        return HV_BAD_ARGUMENT;
    if (enc == HV_SYS_REG_MPIDR_EL1)
        hv_gic_mpidr_changed(self);
    return HV_SUCCESS;
}
