/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_SME_CONFIG_H
#define POMONA_HYPERVISOR_HV_SME_CONFIG_H

#include <Hypervisor/hv_base.h>

HV_DECLS_BEGIN

/* The largest streaming vector length; HV_UNSUPPORTED without SME. */
HV_EXPORT hv_return_t hv_sme_config_get_max_svl_bytes(size_t *value);

HV_DECLS_END

#endif
