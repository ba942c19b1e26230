/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HYPERVISOR_H
#define POMONA_HYPERVISOR_HYPERVISOR_H

/* Apple's Hypervisor.framework, arm64: one include for everything but our extensions (hv_pomona.h). */

#include <Hypervisor/hv_base.h>
#include <Hypervisor/hv_gic.h>
#include <Hypervisor/hv_gic_config.h>
#include <Hypervisor/hv_gic_parameters.h>
#include <Hypervisor/hv_gic_state.h>
#include <Hypervisor/hv_gic_types.h>
#include <Hypervisor/hv_sme_config.h>
#include <Hypervisor/hv_vcpu.h>
#include <Hypervisor/hv_vcpu_config.h>
#include <Hypervisor/hv_vcpu_types.h>
#include <Hypervisor/hv_vm.h>
#include <Hypervisor/hv_vm_allocate.h>
#include <Hypervisor/hv_vm_config.h>
#include <Hypervisor/hv_vm_types.h>

#endif
