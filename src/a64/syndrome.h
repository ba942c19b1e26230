/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYNDROME_H
#define POMONA_A64_SYNDROME_H

/* The instruction syndrome of a data abort (ESR_ELx.ISS, Arm ARM D24.2.40). */

#include <stdint.h>

/* ISS bits ISV, SAS, SSE, SRT, SF, AR for the load or store WORD, or 0 where the architecture gives
 * no valid syndrome (pairs, exclusives, vectors, writeback, anything that is no load or store). */
uint32_t a64_dabt_syndrome(uint32_t word);

#endif
