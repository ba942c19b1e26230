/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_INTR_H
#define POMONA_HYPERVISOR_HV_INTR_H

/* Empty on arm64, as Apple's is: there for programs that include it by name. */

#include <Hypervisor/hv_base.h>

#endif
