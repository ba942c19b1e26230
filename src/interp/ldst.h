/* SPDX-License-Identifier: MIT */
#ifndef POMONA_INTERP_LDST_H
#define POMONA_INTERP_LDST_H

/* What all loads and stores share: base registers with the stack-alignment check, and the rule that
 * an instruction commits nothing before the last access that can fault.
 *
 * For a single access that needs no care: a64_ld() and a64_st() change nothing when they fail. An
 * instruction of several loads collects them before it writes a register. One of several stores
 * calls ldst_reserve() first. */

#include "../a64/cpu.h"
#include "../a64/decode.h"
#include "../a64/ldst.h"
#include "../a64/mmu.h"
#include "a64_exec.h"

/* SP as a base that is not 16-byte aligned: a fault if SCTLR_ELx.SA or SA0 says so. A64_NEXT or
 * A64_FAULT. */
int ldst_check_sp(struct a64_cpu *cpu);

/* The base register N (31: SP). */
static inline int ldst_base(struct a64_cpu *cpu, unsigned n, uint64_t *base)
{
    *base = a64_xsp(cpu, n);
    if (n == 31 && __builtin_expect(*base & 15, 0))
        return ldst_check_sp(cpu);
    return A64_NEXT;
}

/* Whether all SIZE bytes at VA lie in one page of RAM that may be accessed without any check. */
static inline bool ldst_in_page(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    return (va & A64_PAGE_MASK) + size <= A64_PAGE_MASK + 1 &&
           a64_tlb_host(cpu->mmu, va, 1, access);
}

/* Before several stores of ELEMENT bytes each, SIZE in all: A64_NEXT when none of them will fail.
 * An alignment fault is left to the first store, which raises it before anything is written. */
static inline int ldst_reserve(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned element)
{
    if (ldst_in_page(cpu, va, size, A64_WRITE) || (cpu->mmu->align_check && (va & (element - 1))))
        return A64_NEXT;
    return a64_probe(cpu, va, size, A64_WRITE);
}

#endif
