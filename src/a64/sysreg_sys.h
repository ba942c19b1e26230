/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYSREG_SYS_H
#define POMONA_A64_SYSREG_SYS_H

/* Between sysreg_sys.c and sysreg_tlbi.c. */

#include "cpu.h"
#include "decode.h"

/* SYS with CRn 8: TLBI. */
int a64_sys_tlbi(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t value);

#endif
