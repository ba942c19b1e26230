/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_BASE_H
#define POMONA_HYPERVISOR_HV_BASE_H

/* What the other headers of this folder stand on. The folder is source-compatible with the arm64
 * part of Apple's Hypervisor.framework: same names, values, parameter names and struct layouts, for
 * C and C++, gcc and clang, whatever the host's architecture. Availability attributes are left out:
 * everything is there. Facts: Apple's public documentation; see docs/hypervisor-api.md for each
 * rule. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <os/object.h>

#include <arm64/hv/hv_kern_types.h>

#ifdef __cplusplus
#define HV_DECLS_BEGIN extern "C" {
#define HV_DECLS_END   }
#else
#define HV_DECLS_BEGIN
#define HV_DECLS_END
#endif

#define HV_EXPORT __attribute__((visibility("default")))

#endif
