/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HV_GIC_H
#define POMONA_HV_GIC_H

/* The VM's GICv3 as the rest of src/hv sees it: the distributor, the redistributors, the GICv2m
 * frame. The CPU interfaces are src/a64/gic_cpu.h. */

#include "hv_internal.h"

/* A vCPU comes or goes; the VM has a GIC. 0 or -ENOMEM. */
int hv_gic_attach(struct hv_vcpu *vcpu);
void hv_gic_detach(struct hv_vcpu *vcpu);
/* The monitor gave the vCPU an MPIDR: its affinity as SPIs and SGIs name it. */
void hv_gic_mpidr_changed(struct hv_vcpu *vcpu);
/* The CPU interface, physical and virtual, as after the vCPU's creation. */
void hv_gic_reset_cpu_interface(struct hv_vcpu *vcpu);
/* Wire INTID (16..31) of VCPU. */
void hv_gic_set_ppi(struct hv_vcpu *vcpu, unsigned intid, bool level);
/* cpu->exc is a data abort: true when it was an access to the GIC, which then is done. */
bool hv_gic_abort(struct hv_vcpu *vcpu);
/* Frees VM's GIC, if it has one. */
void hv_gic_destroy(struct hv_vm *vm);

#endif
