/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_VCPU_H
#define POMONA_HYPERVISOR_HV_VCPU_H

/* A vCPU belongs to the thread that created it: every call here but hv_vcpus_exit is that thread's
 * alone and gives HV_BAD_ARGUMENT elsewhere. Unknown registers give HV_BAD_ARGUMENT, registers that
 * the VM lacks (EL2, the GIC's physical timer) HV_UNSUPPORTED. */

#include <Hypervisor/hv_vcpu_types.h>

HV_DECLS_BEGIN

/* Makes a vCPU of the calling thread. *EXIT stays valid until hv_vcpu_destroy. HV_BUSY: the thread
 * has one; HV_NO_DEVICE: no VM; HV_NO_RESOURCES: too many. */
HV_EXPORT hv_return_t hv_vcpu_create(hv_vcpu_t *vcpu, hv_vcpu_exit_t **exit,
                                     hv_vcpu_config_t config);
HV_EXPORT hv_return_t hv_vcpu_destroy(hv_vcpu_t vcpu);

HV_EXPORT hv_return_t hv_vcpu_get_reg(hv_vcpu_t vcpu, hv_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_vcpu_set_reg(hv_vcpu_t vcpu, hv_reg_t reg, uint64_t value);
HV_EXPORT hv_return_t hv_vcpu_get_simd_fp_reg(hv_vcpu_t vcpu, hv_simd_fp_reg_t reg,
                                              hv_simd_fp_uchar16_t *value);
HV_EXPORT hv_return_t hv_vcpu_set_simd_fp_reg(hv_vcpu_t vcpu, hv_simd_fp_reg_t reg,
                                              hv_simd_fp_uchar16_t value);
HV_EXPORT hv_return_t hv_vcpu_get_sys_reg(hv_vcpu_t vcpu, hv_sys_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_vcpu_set_sys_reg(hv_vcpu_t vcpu, hv_sys_reg_t reg, uint64_t value);

/* An interrupt that is pending for the next run only: cleared when hv_vcpu_run returns, taken or
 * not. */
HV_EXPORT hv_return_t hv_vcpu_get_pending_interrupt(hv_vcpu_t vcpu, hv_interrupt_type_t type,
                                                    bool *pending);
HV_EXPORT hv_return_t hv_vcpu_set_pending_interrupt(hv_vcpu_t vcpu, hv_interrupt_type_t type,
                                                    bool pending);

/* Whether BRK, breakpoints, watchpoints and software steps exit (MDCR_EL2.TDE). */
HV_EXPORT hv_return_t hv_vcpu_get_trap_debug_exceptions(hv_vcpu_t vcpu, bool *value);
HV_EXPORT hv_return_t hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t vcpu, bool value);

/* Whether accesses to the debug registers exit (MDCR_EL2.TDA). */
HV_EXPORT hv_return_t hv_vcpu_get_trap_debug_reg_accesses(hv_vcpu_t vcpu, bool *value);
HV_EXPORT hv_return_t hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t vcpu, bool value);

/* Runs the guest until it exits; hv_vcpu_exit_t says why. */
HV_EXPORT hv_return_t hv_vcpu_run(hv_vcpu_t vcpu);

/* Makes the vCPUs' runs return with HV_EXIT_REASON_CANCELED; one that is not running returns so at
 * its next run. From any thread. */
HV_EXPORT hv_return_t hv_vcpus_exit(hv_vcpu_t *vcpus, uint32_t vcpu_count);

/* Time spent in the guest, in ticks of mach_absolute_time(). */
HV_EXPORT hv_return_t hv_vcpu_get_exec_time(hv_vcpu_t vcpu, uint64_t *time);

/* The monitor's mask of HV_EXIT_REASON_VTIMER_ACTIVATED; set by that exit. Not CNTV_CTL_EL0.IMASK.
 */
HV_EXPORT hv_return_t hv_vcpu_get_vtimer_mask(hv_vcpu_t vcpu, bool *vtimer_is_masked);
HV_EXPORT hv_return_t hv_vcpu_set_vtimer_mask(hv_vcpu_t vcpu, bool vtimer_is_masked);

/* CNTVCT_EL0 = mach_absolute_time() - offset. */
HV_EXPORT hv_return_t hv_vcpu_get_vtimer_offset(hv_vcpu_t vcpu, uint64_t *vtimer_offset);
HV_EXPORT hv_return_t hv_vcpu_set_vtimer_offset(hv_vcpu_t vcpu, uint64_t vtimer_offset);

/* A physical SError, pending until the guest takes it. */
HV_EXPORT hv_return_t hv_vcpu_get_serror(hv_vcpu_t vcpu, bool *pending);
HV_EXPORT hv_return_t hv_vcpu_set_serror(hv_vcpu_t vcpu, bool pending);

/* Time spent waiting in WFI and WFE, in ticks of mach_absolute_time(). HV_UNSUPPORTED without a
 * GIC. */
HV_EXPORT hv_return_t hv_vcpu_get_wait_for_interrupt_time(hv_vcpu_t vcpu, uint64_t *time);

/* What the TLBI named by OP does when the guest executes it with Xt = PARAM, or more. */
HV_EXPORT hv_return_t hv_vcpu_invalidate_tlb(hv_vcpu_t vcpu, hv_tlbi_op_t op, uint64_t param);

/* SME: HV_UNSUPPORTED on a CPU without it. */
HV_EXPORT hv_return_t hv_vcpu_get_sme_state(hv_vcpu_t vcpu, hv_vcpu_sme_state_t *sme_state);
HV_EXPORT hv_return_t hv_vcpu_set_sme_state(hv_vcpu_t vcpu, const hv_vcpu_sme_state_t *sme_state);
HV_EXPORT hv_return_t hv_vcpu_get_sme_z_reg(hv_vcpu_t vcpu, hv_sme_z_reg_t reg, uint8_t *value,
                                            size_t length);
HV_EXPORT hv_return_t hv_vcpu_set_sme_z_reg(hv_vcpu_t vcpu, hv_sme_z_reg_t reg,
                                            const uint8_t *value, size_t length);
HV_EXPORT hv_return_t hv_vcpu_get_sme_p_reg(hv_vcpu_t vcpu, hv_sme_p_reg_t reg, uint8_t *value,
                                            size_t length);
HV_EXPORT hv_return_t hv_vcpu_set_sme_p_reg(hv_vcpu_t vcpu, hv_sme_p_reg_t reg,
                                            const uint8_t *value, size_t length);
HV_EXPORT hv_return_t hv_vcpu_get_sme_za_reg(hv_vcpu_t vcpu, uint8_t *value, size_t length);
HV_EXPORT hv_return_t hv_vcpu_set_sme_za_reg(hv_vcpu_t vcpu, const uint8_t *value, size_t length);
HV_EXPORT hv_return_t hv_vcpu_get_sme_zt0_reg(hv_vcpu_t vcpu, hv_sme_zt0_uchar64_t *value);
HV_EXPORT hv_return_t hv_vcpu_set_sme_zt0_reg(hv_vcpu_t vcpu, const hv_sme_zt0_uchar64_t *value);

HV_DECLS_END

#endif
