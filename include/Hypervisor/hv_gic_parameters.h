/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_GIC_PARAMETERS_H
#define POMONA_HYPERVISOR_HV_GIC_PARAMETERS_H

/* Sizes and alignments of the GIC's regions, in bytes. None needs a VM. */

#include <Hypervisor/hv_gic_types.h>

HV_DECLS_BEGIN

HV_EXPORT hv_return_t hv_gic_get_distributor_size(size_t *distributor_size);
HV_EXPORT hv_return_t hv_gic_get_distributor_base_alignment(size_t *distributor_base_alignment);

/* Of all redistributors together, and of one. */
HV_EXPORT hv_return_t hv_gic_get_redistributor_region_size(size_t *redistributor_region_size);
HV_EXPORT hv_return_t hv_gic_get_redistributor_size(size_t *redistributor_size);
HV_EXPORT hv_return_t hv_gic_get_redistributor_base_alignment(size_t *redistributor_base_alignment);

HV_EXPORT hv_return_t hv_gic_get_msi_region_size(size_t *msi_region_size);
HV_EXPORT hv_return_t hv_gic_get_msi_region_base_alignment(size_t *msi_region_base_alignment);

HV_EXPORT hv_return_t hv_gic_get_spi_interrupt_range(uint32_t *spi_intid_base,
                                                     uint32_t *spi_intid_count);

/* The INTID that a CPU's own interrupt arrives as. */
HV_EXPORT hv_return_t hv_gic_get_intid(hv_gic_intid_t interrupt, uint32_t *intid);

HV_DECLS_END

#endif
