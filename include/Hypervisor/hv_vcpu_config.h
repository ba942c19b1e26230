/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_VCPU_CONFIG_H
#define POMONA_HYPERVISOR_HV_VCPU_CONFIG_H

#include <Hypervisor/hv_vcpu_types.h>

HV_DECLS_BEGIN

/* A configuration with the defaults; NULL without memory. */
HV_EXPORT hv_vcpu_config_t hv_vcpu_config_create(void);

/* The value of a feature register that a vCPU made with CONFIG has. */
HV_EXPORT hv_return_t hv_vcpu_config_get_feature_reg(hv_vcpu_config_t config,
                                                     hv_feature_reg_t feature_reg, uint64_t *value);

/* CCSIDR_EL1 of the data or instruction caches, levels 1 to 8; 0 where there is none. */
HV_EXPORT hv_return_t hv_vcpu_config_get_ccsidr_el1_sys_reg_values(hv_vcpu_config_t config,
                                                                   hv_cache_type_t cache_type,
                                                                   uint64_t values[8]);

HV_DECLS_END

#endif
