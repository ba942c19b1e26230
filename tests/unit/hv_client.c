/* SPDX-License-Identifier: MIT */
/* Code as programs for Apple's framework have it: compiled by tests/steps/15-hv-headers.test with
 * every compiler at hand, as C and as C++. It must compile without a warning; the unit tests run
 * the API. */

#include <Hypervisor/Hypervisor.h>
#include <Hypervisor/hv.h>
#include <mach/mach_time.h>
#include <os/object.h>

#ifdef __cplusplus
#define SAME(a, b) static_assert((a) == (b), #a)
#else
#define SAME(a, b) _Static_assert((a) == (b), #a)
#endif

SAME(sizeof(hv_vcpu_exit_t), 32);
SAME(sizeof(hv_simd_fp_uchar16_t), 16);
SAME(sizeof(hv_sys_reg_t), 2);
SAME(sizeof(hv_exit_reason_t), 4);
SAME(HV_SYS_REG_DBGWCR15_EL1, 0x807f);
SAME(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER1019, 0x7fd8);
SAME((unsigned)HV_BAD_ARGUMENT, 0xfae94003u);

int run(void *memory, size_t size);

static hv_return_t handle(hv_vcpu_t vcpu, const hv_vcpu_exit_t *exit)
{
    uint64_t pc;
    switch (exit->reason) {
    case HV_EXIT_REASON_EXCEPTION:
        break;
    case HV_EXIT_REASON_VTIMER_ACTIVATED:
        return hv_vcpu_set_vtimer_mask(vcpu, false);
    case HV_EXIT_REASON_CANCELED:
    case HV_EXIT_REASON_UNKNOWN:
    default:
        return HV_ERROR;
    }
    hv_return_t ret = hv_vcpu_get_reg(vcpu, HV_REG_PC, &pc);
    if (exit->exception.syndrome >> 26 == 0x24)
        ret |= hv_vcpu_set_reg(vcpu, (hv_reg_t)(HV_REG_X0 + 3), exit->exception.physical_address);
    return ret | hv_vcpu_set_reg(vcpu, HV_REG_PC, pc + 4);
}

int run(void *memory, size_t size)
{
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    hv_simd_fp_uchar16_t q0 = {0};
    hv_vm_config_t config = hv_vm_config_create();
    hv_gic_config_t gic = hv_gic_config_create();
    hv_return_t ret = hv_vm_create(config);
    ret |= hv_vm_map(memory, 0x80000000, size, HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC);
    ret |= hv_gic_config_set_distributor_base(gic, 0x10000000);
    ret |= hv_gic_create(gic);
    ret |= hv_vcpu_create(&vcpu, &exit, NULL);
    ret |= hv_vcpu_set_sys_reg(vcpu, HV_SYS_REG_MPIDR_EL1, 0);
    q0[3] = 7;
    ret |= hv_vcpu_set_simd_fp_reg(vcpu, HV_SIMD_FP_REG_Q0, q0);
    ret |= hv_vcpu_set_pending_interrupt(vcpu, HV_INTERRUPT_TYPE_IRQ, true);
    while (ret == HV_SUCCESS && hv_vcpu_run(vcpu) == HV_SUCCESS)
        ret = handle(vcpu, exit);
    ret |= hv_vcpu_destroy(vcpu);
    ret |= hv_vm_destroy();
    os_release(config);
    os_release(gic);
    return ret == HV_SUCCESS && mach_absolute_time() ? 0 : 1;
}
