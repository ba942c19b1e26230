/* SPDX-License-Identifier: MIT */

/* The oracle's half inside qemu-system-aarch64, at EL1 with the MMU off: performs the cases at BLOB
 * and has the emulator write the results to the file "pac.bin". */

#include "case.h"

#define BLOB ((const uint64_t *)0x50000000)
#define OUT  ((uint64_t *)0x60000000)

#define WRITE(reg, value) __asm__ volatile("msr " #reg ", %0" ::"r"((uint64_t)(value)))

#define APPLY(insn, p, m) __asm__ volatile(insn " %0, %1" : "+r"(p) : "r"(m))

static uint64_t sign(uint64_t op, uint64_t p, uint64_t m)
{
    switch (op & 3) {
    case PAC_IA:
        APPLY("pacia", p, m);
        break;
    case PAC_IB:
        APPLY("pacib", p, m);
        break;
    case PAC_DA:
        APPLY("pacda", p, m);
        break;
    default:
        APPLY("pacdb", p, m);
    }
    return p;
}

static uint64_t perform(const struct pac_case *c)
{
    uint64_t p = c->pointer;
    const uint64_t m = c->modifier;
    if (c->op < AUT_IA)
        return sign(c->op, p, m);
    if (c->op < XPAC_I)
        p = sign(c->op, p, m) ^ c->flip;
    switch (c->op) {
    case AUT_IA:
        APPLY("autia", p, m);
        break;
    case AUT_IB:
        APPLY("autib", p, m);
        break;
    case AUT_DA:
        APPLY("autda", p, m);
        break;
    case AUT_DB:
        APPLY("autdb", p, m);
        break;
    case XPAC_I:
        __asm__ volatile("xpaci %0" : "+r"(p));
        break;
    case XPAC_D:
        __asm__ volatile("xpacd %0" : "+r"(p));
        break;
    default:
        __asm__ volatile("pacga %0, %1, %2" : "=r"(p) : "r"(p), "r"(m));
    }
    return p;
}

static void load(const struct pac_case *c)
{
    WRITE(tcr_el1, c->tcr_el1);
    WRITE(sctlr_el1, c->sctlr_el1);
    WRITE(apiakeylo_el1, c->key[0][0]);
    WRITE(apiakeyhi_el1, c->key[0][1]);
    WRITE(apibkeylo_el1, c->key[1][0]);
    WRITE(apibkeyhi_el1, c->key[1][1]);
    WRITE(apdakeylo_el1, c->key[2][0]);
    WRITE(apdakeyhi_el1, c->key[2][1]);
    WRITE(apdbkeylo_el1, c->key[3][0]);
    WRITE(apdbkeyhi_el1, c->key[3][1]);
    WRITE(apgakeylo_el1, c->key[4][0]);
    WRITE(apgakeyhi_el1, c->key[4][1]);
    __asm__ volatile("isb" ::: "memory");
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
    const uint64_t count = *BLOB;
    const struct pac_case *cases = (const struct pac_case *)(BLOB + 1);
    for (uint64_t i = 0; i < count; i++) {
        load(&cases[i]);
        OUT[i] = perform(&cases[i]);
    }
    const uint64_t open[3] = {(uint64_t)(uintptr_t) "pac.bin", 5 /* wb */, 7};
    const uint64_t file = semihosting(1, open);
    const uint64_t write[3] = {file, (uint64_t)OUT, count * 8};
    semihosting(5, write);
    semihosting(2, &file);
    const uint64_t exit[2] = {0x20026, 0};
    semihosting(0x18, exit);
}
