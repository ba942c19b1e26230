/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYSREG_H
#define POMONA_A64_SYSREG_H

/* System registers as a table keyed by encoding, and the SYS space (TLBI, IC, DC, AT). */

#include <stddef.h>

#include "cpu.h"
#include "decode.h"

/* op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2: the same value as Apple's hv_sys_reg_t. */
#define A64_SYSREG(op0, op1, crn, crm, op2)                                                        \
    ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* The encoding in an MRS, MSR, SYS or SYSL word (op0 from bits 20:19). */
static inline unsigned a64_sysreg_of(uint32_t word)
{
    return (word >> 5 & 0x3fff) | (word >> 19 & 1 ? 3u : 2u)
                                      << 14; /* MRS/MSR: o0 is bit 19, op0 = 2 + o0 */
}

/* Whether an access to ENC by an instruction, at the current EL with HCR_EL2.{E2H,TGE} as they are, is only a load
 * or store of the 8 bytes at *OFFSET of struct a64_cpu (a store of the bits in *MASK), whatever other state
 * may change. */
bool a64_sysreg_plain(struct a64_cpu *cpu, unsigned enc, bool write, size_t *offset, uint64_t *mask);
/* MRS Xt and MSR Xt as the guest executes them, with all access rules and traps, E2H redirection
 * included. A64_NEXT or A64_SYNC on success, A64_FAULT with cpu->exc otherwise. */
int a64_mrs(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, uint64_t *value);
int a64_msr(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned enc, uint64_t value);
/* SYS (op0 = 1): DC, IC, AT, TLBI, CFP/DVP/CPP RCTX; op1, CRn, CRm, op2 from the word. */
int a64_sys(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t value);
int a64_sysl(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *value);
/* MSR (immediate): PSTATE fields, with the EL0 rules for DAIF (SCTLR.UMA). */
int a64_msr_imm(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned op1, unsigned op2,
                unsigned imm);

/* The monitor's view (hv_vcpu_get_sys_reg): no traps, no redirection, no masks: what is written is
 * read back. 0, -ENOENT for an unknown encoding, -ENOTSUP for a register that this CPU does not
 * have. */
int a64_sysreg_read(struct a64_cpu *cpu, unsigned enc, uint64_t *value);
int a64_sysreg_write(struct a64_cpu *cpu, unsigned enc, uint64_t value);
/* "TTBR0_EL1", or NULL. */
const char *a64_sysreg_name(unsigned enc);

/* ---- the table ---- */

/* For the min_el and write_el of a row: no guest may. */
#define A64_NEVER 3

/* What a row says beside its numbers. */
enum a64_sysreg_flag {
    A64_SR_SYNC = 1 << 0,  /* a write ends the block (A64_SYNC) */
    A64_SR_MMU = 1 << 1,   /* a write calls a64_mmu_update() */
    A64_SR_WATCH = 1 << 2, /* a write calls a64_update_watch() */
    A64_SR_IRQ = 1 << 3,   /* a write may unmask or raise an interrupt */
    A64_SR_ID = 1 << 4,    /* the model's and the monitor's: reset keeps it */
    A64_SR_GIC = 1 << 5,   /* UNDEFINED while cpu->gic is NULL */
    A64_SR_READ = 1 << 6,  /* the monitor too reads by read(): what is stored is not the register */
};

/* Registers without a field of their own live in a64_sysregs.misc. The first 64 are the ID space
 * (op0 3, op1 0, CRn 0): CRm * 8 + op2. */
enum a64_misc {
    A64_MISC_ID = 0,
    A64_MISC_AIDR = 64,
    A64_MISC_CLIDR,
    A64_MISC_CTR,
    A64_MISC_DCZID,
    A64_MISC_TPIDR2,
    A64_MISC_SCXTNUM, /* _EL0, _EL1, _EL2 */
    A64_MISC_SMPRI = A64_MISC_SCXTNUM + 3,
    A64_MISC_SMCR,
    A64_MISC_LORSA,
    A64_MISC_LOREA,
    A64_MISC_LORN,
    A64_MISC_LORC,
    A64_MISC_DBGPRCR,
    A64_MISC_OSDTRRX,
    A64_MISC_OSDTRTX,
    A64_MISC_OSECCR,
    A64_MISC_RMR,
    A64_MISC_COUNT
};

/* One row; src/a64/sysreg_*.c hold the tables. */
struct a64_sysreg {
    const char *name;
    uint16_t enc;
    uint8_t min_el;     /* lowest EL that may read it; A64_NEVER: write-only */
    uint8_t write_el;   /* lowest EL that may write it; A64_NEVER: read-only */
    uint8_t feat;       /* enum a64_feat that it comes with; 0: always there */
    uint8_t index;      /* for read(), write(), check() that serve several rows */
    uint8_t fgt;        /* A64_FGT_HFG(bit), A64_FGT_HDFG(bit): the fine-grained trap; 0: none */
    uint16_t flags;     /* enum a64_sysreg_flag */
    uint16_t offset;    /* of a uint64_t in struct a64_cpu; 0: code only */
    uint32_t trap_mdcr; /* MDCR_EL2 bits that trap EL1 and EL0 to EL2 */
    uint64_t trap_read, trap_write; /* HCR_EL2 bits that do */
    uint64_t write_mask;            /* bits that a guest's write changes; 0: all */
    uint64_t reset;
    uint64_t (*read)(struct a64_cpu *cpu, const struct a64_sysreg *reg);
    void (*write)(struct a64_cpu *cpu, const struct a64_sysreg *reg, uint64_t value);
    /* A further access rule: 0 allowed, else the EL to trap to (EC 0x18), or A64_CHECK_UNDEF, or
     * A64_CHECK_FP. */
    unsigned (*check)(struct a64_cpu *cpu, const struct a64_sysreg *reg, bool write);
};

#define A64_CHECK_UNDEF 0x80u /* EC 0 */
#define A64_CHECK_FP    0x81u /* whatever a64_check_fp() says */

#define A64_FGT_HFG(bit)  ((bit) + 1)
#define A64_FGT_HDFG(bit) ((bit) + 65)

/* A table of rows. Further sets (the GIC's CPU interface, a vendor's registers) are added to the
 * list in sysreg.c (a64_sysreg_sets), or to one CPU with a64_sysreg_add(). Where two rows have one
 * encoding the later one counts. */
struct a64_sysreg_set {
    const struct a64_sysreg *rows;
    unsigned count;
};
extern const struct a64_sysreg_set *const a64_sysreg_sets[]; /* ends with NULL */

/* Builds cpu->sysregs from a64_sysreg_sets; 0 or -ENOMEM. Freed by a64_sysreg_free(). */
int a64_sysreg_init(struct a64_cpu *cpu);
void a64_sysreg_free(struct a64_cpu *cpu);
/* Adds or replaces rows of this CPU; SET must outlive it. 0 or -ENOSPC. */
int a64_sysreg_add(struct a64_cpu *cpu, const struct a64_sysreg_set *set);

/* The row that ENC names on this CPU, without any access rule; NULL when there is none. */
const struct a64_sysreg *a64_sysreg_find(const struct a64_cpu *cpu, unsigned enc);

/* ESR_ELx.ISS of EC 0x18 for an MRS, MSR, SYS or SYSL word. */
uint32_t a64_sysreg_iss(uint32_t word);
/* Raises EC 0x18 for INSN at EL TARGET (EL2 instead of EL1 for EL0 under TGE). A64_FAULT. */
int a64_sysreg_trap(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned target);
/* Whether FEAT_FGT traps an operation of the current EL: bit BIT of the given register. */
bool a64_fgt_trap(const struct a64_cpu *cpu, uint64_t fgt_register, unsigned bit);
/* Bits of HFGITR_EL2 that the interpreter asks about. */
#define A64_HFGITR_ERET    51
#define A64_HFGITR_SVC_EL0 52
#define A64_HFGITR_SVC_EL1 53

/* Resets all registers to the model's values. */
void a64_sysreg_reset(struct a64_cpu *cpu);

#endif
