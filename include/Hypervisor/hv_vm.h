/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_VM_H
#define POMONA_HYPERVISOR_HV_VM_H

#include <Hypervisor/hv_vm_types.h>

HV_DECLS_BEGIN

/* The most vCPUs that a VM can have at once. Needs no VM. */
HV_EXPORT hv_return_t hv_vm_get_max_vcpu_count(uint32_t *max_vcpu_count);

/* Creates the process's virtual machine. CONFIG NULL: defaults. HV_BUSY: there is one already. */
HV_EXPORT hv_return_t hv_vm_create(hv_vm_config_t config);

/* Destroys it. HV_BUSY while a vCPU lives, HV_NO_DEVICE without a VM. */
HV_EXPORT hv_return_t hv_vm_destroy(void);

/* Maps [addr, addr + size) of this process at IPA. IPA and SIZE are multiples of the IPA granule
 * (16 KiB unless configured), ADDR of the host's page; else HV_BAD_ARGUMENT. HV_ERROR: part of the
 * range is mapped. */
HV_EXPORT hv_return_t hv_vm_map(void *addr, hv_ipa_t ipa, size_t size, hv_memory_flags_t flags);

/* Removes mappings; what was not mapped does not matter. The memory may be freed after this
 * returns. */
HV_EXPORT hv_return_t hv_vm_unmap(hv_ipa_t ipa, size_t size);

/* Changes the guest's permissions. HV_ERROR: part of the range is not mapped. */
HV_EXPORT hv_return_t hv_vm_protect(hv_ipa_t ipa, size_t size, hv_memory_flags_t flags);

HV_DECLS_END

#endif
