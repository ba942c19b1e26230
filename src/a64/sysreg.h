/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYSREG_H
#define POMONA_A64_SYSREG_H

/* System registers as a table keyed by encoding, and the SYS space (TLBI, IC, DC, AT). */

#include "cpu.h"
#include "decode.h"

/* op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2: the same value as Apple's hv_sys_reg_t. */
#define A64_SYSREG(op0, op1, crn, crm, op2)                                                        \
    ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* The encoding in an MRS, MSR, SYS or SYSL word (op0 from bits 20:19). */
static inline unsigned a64_sysreg_of(uint32_t word)
{
    return (word >> 5 & 0x3fff) | (word >> 19 & 1 ? 3u : 2u) << 14; /* MRS/MSR: o0 is bit 19, op0 = 2 + o0 */
}

/* MRS Xt and MSR Xt as the guest executes them, with all access rules and traps, E2H redirection included.
 * A64_NEXT or A64_SYNC on success, A64_FAULT with cpu->exc otherwise. */
int a64_mrs(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, uint64_t *value);
int a64_msr(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, uint64_t value);
/* SYS (op0 = 1): DC, IC, AT, TLBI, CFP/DVP/CPP RCTX; op1, CRn, CRm, op2 from the word. */
int a64_sys(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t value);
int a64_sysl(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *value);
/* MSR (immediate): PSTATE fields, with the EL0 rules for DAIF (SCTLR.UMA). */
int a64_msr_imm(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned op1, unsigned op2, unsigned imm);

/* The monitor's view (hv_vcpu_get_sys_reg): no traps, no redirection. 0 or -ENOENT for an unknown encoding. */
int a64_sysreg_read(struct a64_cpu *cpu, unsigned enc, uint64_t *value);
int a64_sysreg_write(struct a64_cpu *cpu, unsigned enc, uint64_t value);
/* "TTBR0_EL1", or NULL. */
const char *a64_sysreg_name(unsigned enc);

/* One row; src/a64/sysreg_*.c hold the tables. */
struct a64_sysreg {
    const char *name;
    uint16_t enc;
    uint8_t min_el;            /* lowest EL that may read it; writes: write_el */
    uint8_t write_el;          /* 3: read-only */
    enum a64_feat feat;
    uint16_t flags;            /* enum a64_sysreg_flag */
    uint16_t offset;           /* of a uint64_t in struct a64_cpu; 0: code only */
    uint64_t write_mask;       /* bits that stick */
    uint64_t reset;
    uint64_t (*read)(struct a64_cpu *cpu, const struct a64_sysreg *reg);
    void (*write)(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value);
    /* Extra access rule: 0 allowed; else the EL to trap to, or 0x80 for UNDEFINED. */
    unsigned (*check)(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write);
    uint64_t trap_hcr;         /* HCR_EL2 bits that trap an EL1/EL0 access to EL2 */
};

/* Resets all registers to the model's values. */
void a64_sysreg_reset(struct a64_cpu *cpu);

#endif
