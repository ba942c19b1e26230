/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_VM_ALLOCATE_H
#define POMONA_HYPERVISOR_HV_VM_ALLOCATE_H

#include <Hypervisor/hv_vm_types.h>

HV_DECLS_BEGIN

/* Anonymous zeroed memory for hv_vm_map: *UVAP is aligned to 16 KiB, SIZE is a multiple of 16 KiB.
 */
HV_EXPORT hv_return_t hv_vm_allocate(void **uvap, size_t size, hv_allocate_flags_t flags);

/* Frees what hv_vm_allocate gave; unmap it from the VM first. */
HV_EXPORT hv_return_t hv_vm_deallocate(void *uva, size_t size);

HV_DECLS_END

#endif
