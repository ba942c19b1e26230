/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYNDROME_H
#define POMONA_A64_SYNDROME_H

/* The instruction syndrome of a data abort: what ESR_ELx.ISS[24:14] says of the load or store that
 * aborted, so that a monitor can emulate a device access without reading the guest's instruction
 * (Arm ARM D17.2.37, "ISS encoding for an exception from a Data Abort"). */

#include <stdbool.h>
#include <stdint.h>

#define A64_ISS_ISV       (1u << 24)
#define A64_ISS_SAS_SHIFT 22
#define A64_ISS_SSE       (1u << 21)
#define A64_ISS_SRT_SHIFT 16
#define A64_ISS_SF        (1u << 15)
#define A64_ISS_AR        (1u << 14)

/* ISV, SAS, SSE, SRT, SF and AR, in place, for the instruction WORD; 0 where the architecture gives
 * no valid syndrome: everything but a load or store of one general-purpose register without
 * write-back and without exclusive or atomic read-modify-write semantics. */
uint32_t a64_dabt_syndrome(uint32_t word);

#endif
