/* SPDX-License-Identifier: MIT */
/* What leaves the guest: which exits the library serves itself, how the others are described to the
 * monitor, and which system registers the monitor traps. reference hypervisor-api.md A6. */

#include "../a64/exception.h"
#include "../a64/sysreg.h"
#include "gic.h"
#include "hv_internal.h"

#define SYNDROME_IL (1u << 25)

static bool is_pv_call(const struct a64_cpu *cpu)
{
    return cpu->sys->paravirt_pac && (cpu->exc.iss & 0xffff) == 0 &&
           (cpu->x[0] & 0xff000000) == 0xc1000000;
}

bool hv_exit(struct hv_vcpu *vcpu)
{
    struct a64_cpu *cpu = &vcpu->cpu;
    const struct a64_exc *exc = &cpu->exc;
    if (exc->ec == A64_EC_HVC && is_pv_call(cpu)) {
        hv_pv_pac_call(cpu);
        return false;
    }
    if (exc->ec == A64_EC_DABT_LOW && vcpu->vm->gic && hv_gic_abort(vcpu))
        return false;
    vcpu->exit.exception = (hv_vcpu_exit_exception_t){
        .syndrome = (uint64_t)exc->ec << 26 | SYNDROME_IL | exc->iss,
        .virtual_address = exc->far,
        .physical_address = exc->ipa,
    };
    vcpu->exit_pc = cpu->pc;
    vcpu->exit_is_abort = exc->ec == A64_EC_DABT_LOW;
    return true;
}

/* ---- trapped system registers ---- */

#define OP0(enc) ((enc) >> 14 & 3)
#define OP1(enc) ((enc) >> 11 & 7)
#define CRN(enc) ((enc) >> 7 & 15)
#define CRM(enc) ((enc) >> 3 & 15)

/* Breakpoints, watchpoints, MDSCR_EL1 and the debug communication channel: MDCR_EL2.TDA's set. */
static bool is_debug_reg(unsigned enc)
{
    return OP0(enc) == 2 && CRN(enc) == 0 && (OP1(enc) == 0 || OP1(enc) == 3);
}

static bool is_pmu_reg(unsigned enc)
{
    if (OP0(enc) != 3)
        return false;
    if (CRN(enc) == 9)
        return (OP1(enc) == 3 && CRM(enc) >= 12 && CRM(enc) <= 14) ||
               (OP1(enc) == 0 && CRM(enc) == 14);
    return CRN(enc) == 14 && OP1(enc) == 3 && CRM(enc) >= 8;
}

static bool is_icc_reg(unsigned enc)
{
    return enc == HV_GIC_ICC_REG_PMR_EL1 ||
           (OP0(enc) == 3 && OP1(enc) == 0 && CRN(enc) == 12 && CRM(enc) >= 8 && CRM(enc) <= 12);
}

static bool is_cntp_reg(unsigned enc)
{
    return enc >= HV_SYS_REG_CNTP_TVAL_EL0 && enc <= HV_SYS_REG_CNTP_CVAL_EL0;
}

static bool is_impdef_reg(unsigned enc)
{
    return OP0(enc) == 3 && (CRN(enc) == 11 || CRN(enc) == 15);
}

bool hv_sysreg_trap(struct a64_cpu *cpu, unsigned enc, bool write)
{
    const struct hv_vcpu *vcpu = hv_vcpu_of(cpu);
    if (is_debug_reg(enc))
        return vcpu->trap_debug_regs;
    if (a64_el2_enabled(cpu))
        return is_impdef_reg(enc) && !a64_sysreg_name(enc);
    if (is_pmu_reg(enc))
        return !a64_has(&cpu->feat, A64_FEAT_PMUv3);
    return !vcpu->vm->gic && (is_icc_reg(enc) || is_cntp_reg(enc));
}
