/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_GIC_H
#define POMONA_HYPERVISOR_HV_GIC_H

/* The GICv3 of the VM: created after the VM and before its first vCPU. Guest accesses to it never
 * exit; the timers' interrupts arrive through it, WFI waits inside hv_vcpu_run. Calls that name a
 * vCPU's CPU interface are its thread's alone; the others are any thread's. All give HV_NO_DEVICE
 * without a GIC. */

#include <Hypervisor/hv_gic_types.h>

HV_DECLS_BEGIN

/* HV_BAD_ARGUMENT: regions overlap; HV_BUSY: a vCPU exists; HV_EXISTS: so does a GIC; HV_NO_DEVICE:
 * no VM. */
HV_EXPORT hv_return_t hv_gic_create(hv_gic_config_t gic_config);

/* Level of an SPI's wire; for an edge-triggered one a rising edge makes it pending.
 * HV_BAD_ARGUMENT: not an SPI, or one of the MSI frame's. */
HV_EXPORT hv_return_t hv_gic_set_spi(uint32_t intid, bool level);

/* What a device's write of INTID to ADDRESS, the frame's GICM_SET_SPI_NSR, does. HV_BAD_ARGUMENT:
 * not an MSI. */
HV_EXPORT hv_return_t hv_gic_send_msi(hv_ipa_t address, uint32_t intid);

/* Registers as the guest would read and write them, but a set of read-only ones succeeds and does
 * nothing. */
HV_EXPORT hv_return_t hv_gic_get_distributor_reg(hv_gic_distributor_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_gic_set_distributor_reg(hv_gic_distributor_reg_t reg, uint64_t value);

/* Where the vCPU's redistributor lies; decided by its order of creation. Set MPIDR_EL1 first. */
HV_EXPORT hv_return_t hv_gic_get_redistributor_base(hv_vcpu_t vcpu,
                                                    hv_ipa_t *redistributor_base_address);
HV_EXPORT hv_return_t hv_gic_get_redistributor_reg(hv_vcpu_t vcpu, hv_gic_redistributor_reg_t reg,
                                                   uint64_t *value);
HV_EXPORT hv_return_t hv_gic_set_redistributor_reg(hv_vcpu_t vcpu, hv_gic_redistributor_reg_t reg,
                                                   uint64_t value);

/* ICH_* and ICC_SRE_EL2 need EL2: HV_UNSUPPORTED without. HV_DENIED: a set of ICC_RPR_EL1. */
HV_EXPORT hv_return_t hv_gic_get_icc_reg(hv_vcpu_t vcpu, hv_gic_icc_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_gic_set_icc_reg(hv_vcpu_t vcpu, hv_gic_icc_reg_t reg, uint64_t value);
HV_EXPORT hv_return_t hv_gic_get_ich_reg(hv_vcpu_t vcpu, hv_gic_ich_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_gic_set_ich_reg(hv_vcpu_t vcpu, hv_gic_ich_reg_t reg, uint64_t value);
HV_EXPORT hv_return_t hv_gic_get_icv_reg(hv_vcpu_t vcpu, hv_gic_icv_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_gic_set_icv_reg(hv_vcpu_t vcpu, hv_gic_icv_reg_t reg, uint64_t value);

HV_EXPORT hv_return_t hv_gic_get_msi_reg(hv_gic_msi_reg_t reg, uint64_t *value);
HV_EXPORT hv_return_t hv_gic_set_msi_reg(hv_gic_msi_reg_t reg, uint64_t value);

/* Puts back what hv_gic_state_get_data gave, into a GIC of the same shape: HV_BAD_ARGUMENT for
 * anything else, and then nothing has changed. */
HV_EXPORT hv_return_t hv_gic_set_state(const void *gic_state_data, size_t gic_state_size);

/* All of the GIC, CPU interfaces included, as after hv_gic_create; wires keep their levels. */
HV_EXPORT hv_return_t hv_gic_reset(void);

HV_DECLS_END

#endif
