/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_VM_TYPES_H
#define POMONA_HYPERVISOR_HV_VM_TYPES_H

#include <Hypervisor/hv_base.h>

/* An intermediate physical address: where the guest believes its memory to be. */
typedef uint64_t hv_ipa_t;

/* A virtual machine's configuration; os_release() frees it. */
typedef struct hv_vm_config_s *hv_vm_config_t;

/* The unit of hv_vm_map and its kin. */
/* clang-format off */
HV_ENUM(hv_ipa_granule, uint32_t,
    HV_IPA_GRANULE_4KB = 0,
    HV_IPA_GRANULE_16KB = 1,
);
/* clang-format on */

#endif
