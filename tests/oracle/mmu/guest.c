/* SPDX-License-Identifier: MIT */

/* The oracle's half inside qemu-system-aarch64: runs at EL3, which lets it set up the other levels'
 * translation without living under it. For each case at BLOB: clears the pool, writes the case's
 * words, loads the registers, asks AT about every address, and puts the values of PAR_EL1 at OUT;
 * then has the emulator write them to the file "par.bin". */

#include <stdint.h>

#include "../../unit/mmu_gen.h"
#include "ops.h"

#define BLOB ((const uint64_t *)0x50000000)
#define OUT  ((uint64_t *)0x60000000)

#define WRITE(reg, value) __asm__ volatile("msr " #reg ", %0" ::"r"((uint64_t)(value)))
#define SYNC()            __asm__ volatile("dsb sy\nisb" ::: "memory")

volatile uint64_t faulted; /* set by the vector in start.S */

static uint64_t at(unsigned op, uint64_t va)
{
    uint64_t par;
    faulted = 0;
    switch (op) {
#define X(name, op1, crm, op2)                                                                     \
    case AT_##name:                                                                                \
        __asm__ volatile("at " #name ", %0\nisb" ::"r"(va) : "memory");                            \
        break;
        AT_OPS(X)
#undef X
    }
    __asm__ volatile("mrs %0, par_el1" : "=r"(par));
    return faulted ? AT_EXCEPTION : par;
}

static void load(const struct gen_case *c)
{
    WRITE(sctlr_el1, c->sctlr_el1);
    WRITE(tcr_el1, c->tcr_el1);
    WRITE(mair_el1, c->mair_el1);
    WRITE(ttbr0_el1, c->ttbr0_el1);
    WRITE(ttbr1_el1, c->ttbr1_el1);
    WRITE(hcr_el2, c->hcr_el2);
    SYNC();
    WRITE(sctlr_el2, c->sctlr_el2);
    WRITE(tcr_el2, c->tcr_el2);
    WRITE(mair_el2, c->mair_el2);
    WRITE(ttbr0_el2, c->ttbr0_el2);
    __asm__ volatile("msr s3_4_c2_c0_1, %0" ::"r"(c->ttbr1_el2)); /* TTBR1_EL2 */
    WRITE(vtcr_el2, c->vtcr_el2);
    WRITE(vttbr_el2, c->vttbr_el2);
    if (c->pan)
        __asm__ volatile("msr pan, #1");
    else
        __asm__ volatile("msr pan, #0");
    __asm__ volatile("dsb sy\ntlbi alle1\ntlbi alle2\ndsb sy\nisb" ::: "memory");
}

static const uint64_t *make_tables(const uint64_t *from)
{
    uint64_t *pool = (uint64_t *)GEN_RAM_BASE;
    for (uint64_t i = 0; i < GEN_RAM_SIZE / 8; i++)
        pool[i] = 0;
    const uint64_t words = *from++;
    for (uint64_t i = 0; i < words; i++, from += 2)
        pool[from[0]] = from[1];
    return from;
}

static uint64_t semihosting(uint64_t op, const void *arg)
{
    register uint64_t x0 __asm__("x0") = op;
    register const void *x1 __asm__("x1") = arg;
    __asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

void guest_main(void)
{
    const uint64_t *from = BLOB;
    uint64_t *out = OUT;
    for (uint64_t cases = *from++; cases; cases--) {
        const struct gen_case *c = (const struct gen_case *)from;
        from = make_tables(from + sizeof *c / 8);
        load(c);
        for (unsigned v = 0; v < GEN_VAS; v++)
            for (unsigned op = 0; op < AT_COUNT; op++)
                *out++ = at_applies(c->mode, op) ? at(op, c->va[v]) : 0;
    }
    const uint64_t open[3] = {(uint64_t)(uintptr_t) "par.bin", 5 /* wb */, 7};
    const uint64_t file = semihosting(1, open);
    const uint64_t write[3] = {file, (uint64_t)OUT, (uint64_t)out - (uint64_t)OUT};
    semihosting(5, write);
    semihosting(2, &file);
    const uint64_t exit[2] = {0x20026, 0};
    semihosting(0x18, exit);
}
