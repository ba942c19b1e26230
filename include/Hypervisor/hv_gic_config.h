/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_GIC_CONFIG_H
#define POMONA_HYPERVISOR_HV_GIC_CONFIG_H

#include <Hypervisor/hv_gic_types.h>

HV_DECLS_BEGIN

/* A configuration with all bases 0 and no MSI frame; NULL without memory. */
HV_EXPORT hv_gic_config_t hv_gic_config_create(void);

/* HV_BAD_ARGUMENT: misaligned (hv_gic_parameters.h), or the region's end overflows. */
HV_EXPORT hv_return_t hv_gic_config_set_distributor_base(hv_gic_config_t config,
                                                         hv_ipa_t distributor_base_address);
HV_EXPORT hv_return_t hv_gic_config_set_redistributor_base(hv_gic_config_t config,
                                                           hv_ipa_t redistributor_base_address);
HV_EXPORT hv_return_t hv_gic_config_set_msi_region_base(hv_gic_config_t config,
                                                        hv_ipa_t msi_region_base_address);

/* SPIs that the GICv2m frame sends. HV_BAD_ARGUMENT: not all of them are SPIs. */
HV_EXPORT hv_return_t hv_gic_config_set_msi_interrupt_range(hv_gic_config_t config,
                                                            uint32_t msi_intid_base,
                                                            uint32_t msi_intid_count);

HV_DECLS_END

#endif
