/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_GIC_STATE_H
#define POMONA_HYPERVISOR_HV_GIC_STATE_H

/* The GIC's state as bytes, without the CPU interfaces (hv_gic_get_icc_reg and its kin). The format
 * is versioned and private; hv_gic_set_state takes it back. */

#include <Hypervisor/hv_gic_types.h>

HV_DECLS_BEGIN

/* A snapshot; take it while no vCPU runs. NULL without a GIC. */
HV_EXPORT hv_gic_state_t hv_gic_state_create(void);
HV_EXPORT hv_return_t hv_gic_state_get_size(hv_gic_state_t state, size_t *gic_state_size);
HV_EXPORT hv_return_t hv_gic_state_get_data(hv_gic_state_t state, void *gic_state_data);

HV_DECLS_END

#endif
