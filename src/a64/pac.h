/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_PAC_H
#define POMONA_A64_PAC_H

/* Pointer authentication (Arm ARM D8.10): sign, authenticate, strip; QARMA5 and our IMPDEF mix. */

#include "cpu.h"

/* AddPAC: the signed pointer; unchanged where the key is disabled (SCTLR_ELx.EnIA ...). */
uint64_t a64_pac_sign(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key);
/* Auth: *RESULT the pointer or the poisoned one; with FPAC a failure returns A64_FAULT (EC 0x1c). */
int a64_pac_auth(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key, uint64_t *result);
/* XPACI (data false), XPACD. */
uint64_t a64_pac_strip(struct a64_cpu *cpu, uint64_t pointer, bool data);
/* PACGA: the 32-bit code in bits 63..32. */
uint64_t a64_pac_generic(struct a64_cpu *cpu, uint64_t x, uint64_t y);
/* HCR_EL2.API trap for instructions (not the hints when disabled): A64_NEXT or A64_FAULT. */
int a64_pac_check_trap(struct a64_cpu *cpu);

#endif
