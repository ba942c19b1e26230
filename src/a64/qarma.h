/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_QARMA_H
#define POMONA_A64_QARMA_H

#include <stdint.h>

/* ComputePACQARMA5: the 64-bit code of DATA under MODIFIER and the key KEY_HI:KEY_LO (APxKeyHi_EL1,
 * APxKeyLo_EL1). It leaves the host's vector registers alone. */
uint64_t a64_qarma5(uint64_t data, uint64_t modifier, uint64_t key_hi, uint64_t key_lo);

#endif
