/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_VM_CONFIG_H
#define POMONA_HYPERVISOR_HV_VM_CONFIG_H

#include <Hypervisor/hv_vm_types.h>

HV_DECLS_BEGIN

/* A configuration with the defaults; NULL without memory. */
HV_EXPORT hv_vm_config_t hv_vm_config_create(void);

/* Widths of the IPA space, in bits: the most that can be had, and what a VM gets unasked. */
HV_EXPORT hv_return_t hv_vm_config_get_max_ipa_size(uint32_t *ipa_bit_length);
HV_EXPORT hv_return_t hv_vm_config_get_default_ipa_size(uint32_t *ipa_bit_length);

/* 0 means the default. HV_UNSUPPORTED above the maximum. */
HV_EXPORT hv_return_t hv_vm_config_set_ipa_size(hv_vm_config_t config, uint32_t ipa_bit_length);
HV_EXPORT hv_return_t hv_vm_config_get_ipa_size(hv_vm_config_t config, uint32_t *ipa_bit_length);

/* Whether a guest can have EL2; asking for it always succeeds here and is judged by hv_vm_create.
 */
HV_EXPORT hv_return_t hv_vm_config_get_el2_supported(bool *el2_supported);
HV_EXPORT hv_return_t hv_vm_config_get_el2_enabled(hv_vm_config_t config, bool *el2_enabled);
HV_EXPORT hv_return_t hv_vm_config_set_el2_enabled(hv_vm_config_t config, bool el2_enabled);

/* The unit that hv_vm_map and its kin take. */
HV_EXPORT hv_return_t hv_vm_config_get_default_ipa_granule(hv_ipa_granule_t *granule);
HV_EXPORT hv_return_t hv_vm_config_get_ipa_granule(hv_vm_config_t config,
                                                   hv_ipa_granule_t *granule);
HV_EXPORT hv_return_t hv_vm_config_set_ipa_granule(hv_vm_config_t config, hv_ipa_granule_t granule);

HV_DECLS_END

#endif
