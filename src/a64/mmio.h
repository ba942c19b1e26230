/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MMIO_H
#define POMONA_A64_MMIO_H

/* Emulating a load or store that reached a device: what it reads and writes, in order, and what
 * becomes of the registers. For machine monitors, which see the guest through Apple's Hypervisor
 * API alone: nothing here knows struct a64_cpu or an engine.
 *
 *     if (iss & A64_ISS_ISV)
 *         a64_mmio_from_iss(&plan, iss, fault_va, &regs);
 *     else if (a64_mmio_decode(&plan, word, pc, fault_va, &regs) < 0)
 *         ...not a load or store: stop, or give the guest an abort...
 *     while ((access = a64_mmio_next(&plan))) {
 *         pa = fault_pa + (access->va - fault_va);    (within a page; else translate access->va)
 *         if (access->write)
 *             device_write(pa, access->size, access->value);
 *         else
 *             access->value = device_read(pa, access->size);
 *     }
 *     a64_mmio_commit(&plan, &regs);
 *     pc += 4;
 *
 * Registers change only in a64_mmio_commit(), so that a monitor can give up in between. An
 * instruction whose accesses reach a device in part (a pair across two pages) gets all of them in
 * the list, also those that are RAM.
 *
 * Exclusives act as plain loads and stores here, and STXR reports success: a device has no monitor.
 * Atomics are read, then written; the machine's lock makes them one. */

#include <stdbool.h>
#include <stdint.h>

#include "ldst.h"
#include "syndrome.h"

/* The guest's registers, as far as the instruction needs them. N is 0..30 for x, 0..31 for v; sp is
 * the selected stack pointer. */
struct a64_mmio_regs {
    void *ctx;
    uint64_t (*get_x)(void *ctx, unsigned n);
    void (*set_x)(void *ctx, unsigned n, uint64_t value);
    uint64_t (*get_sp)(void *ctx);
    void (*set_sp)(void *ctx, uint64_t value);
    void (*get_v)(void *ctx, unsigned n, uint8_t value[16]);
    void (*set_v)(void *ctx, unsigned n, const uint8_t value[16]);
};

struct a64_mmio_access {
    uint64_t va;
    uint8_t size; /* 1, 2, 4 or 8 bytes */
    bool write;
    uint64_t value; /* to write; or, zero-extended, what was read */
};

enum a64_mmio_kind {
    A64_MMIO_NONE,      /* a prefetch, or cache maintenance: nothing to do */
    A64_MMIO_GENERAL,   /* one or two general registers */
    A64_MMIO_VECTOR,    /* one or two vector registers */
    A64_MMIO_STRUCTURE, /* LDn, STn, LDnR */
    A64_MMIO_RMW,       /* LDADD and its kin, SWP */
    A64_MMIO_CAS,       /* CAS, CASP */
    A64_MMIO_ZERO,      /* DC ZVA */
};

/* Filled by decode; private to mmio.c but for the access in hand. */
struct a64_mmio_plan {
    struct a64_mmio_access access;
    uint32_t word;
    enum a64_mmio_kind kind;
    bool reads, writes, writing; /* what is to be done, and whether the reads are over */
    uint8_t bytes, step, at;     /* all bytes; size of one access; the next one's offset */
    uint8_t rt[2], registers;    /* GENERAL, VECTOR, CAS */
    uint8_t size;                /* bytes of memory for each register */
    bool sign, wide;             /* GENERAL: sign-extended, to 64 bits */
    bool write_back, status;     /* base register, STXR's result */
    uint8_t rn, rs;
    uint64_t va, base; /* first address; what write-back puts in the base */
    uint64_t operand[2], expected[2];
    struct a64_struct_form form;
    uint8_t data[64]; /* in memory's order */
};

/* By the instruction's word, at PC. FAR is the address that faulted; it stands in for the one that
 * an authenticated load (LDRAA) computes. 0, or -ENOTSUP where the word is nothing that accesses
 * memory by data address. */
int a64_mmio_decode(struct a64_mmio_plan *plan, uint32_t word, uint64_t pc, uint64_t far,
                    const struct a64_mmio_regs *regs);
/* By a valid syndrome: bits 24..14 and 6 (WnR) of ESR_ELx.ISS; VA is FAR_ELx. */
void a64_mmio_from_iss(struct a64_mmio_plan *plan, uint32_t iss, uint64_t va,
                       const struct a64_mmio_regs *regs);
/* The next access, after taking in the value of the last one if that was a read. NULL: there are no
 * more. */
struct a64_mmio_access *a64_mmio_next(struct a64_mmio_plan *plan);
/* Writes what was loaded, and the base, to the registers. After the last access. */
void a64_mmio_commit(const struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs);

#endif
