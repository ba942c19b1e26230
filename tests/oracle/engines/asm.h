/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_ENGINES_ASM_H
#define POMONA_TESTS_ENGINES_ASM_H

/* The few instructions that programs.c writes itself, as words. Registers are numbers, 31 is XZR or
 * SP; displacements are in words. */

#include <stdint.h>

#define ASM_NOP     0xd503201fu
#define ASM_ISB     0xd5033fdfu
#define ASM_DSB_ISH 0xd5033b9fu
#define ASM_ERET    0xd69f03e0u
#define ASM_RET     0xd65f03c0u
#define ASM_RETAA   0xd65f0bffu
#define ASM_PACIASP 0xd503233fu
#define ASM_AUTIASP 0xd50323bfu
#define ASM_BTI_C   0xd503245fu
#define ASM_BTI_J   0xd503249fu
#define ASM_PUSH_LR 0xa9bf7bfdu /* STP X29, X30, [SP, #-16]! */
#define ASM_POP_LR  0xa8c17bfdu /* LDP X29, X30, [SP], #16 */

static inline uint32_t asm_movz(unsigned d, uint32_t imm, unsigned shift16)
{
    return 0xd2800000u | shift16 << 21 | (imm & 0xffff) << 5 | d;
}

static inline uint32_t asm_movk(unsigned d, uint32_t imm, unsigned shift16)
{
    return asm_movz(d, imm, shift16) | 0x20000000u;
}

static inline uint32_t asm_mov(unsigned d, unsigned m)
{
    return 0xaa0003e0u | m << 16 | d;
}

/* d = n OP (m shifted left by SHIFT) */
static inline uint32_t asm_add(unsigned d, unsigned n, unsigned m, unsigned shift)
{
    return 0x8b000000u | m << 16 | shift << 10 | n << 5 | d;
}

static inline uint32_t asm_orr(unsigned d, unsigned n, unsigned m, unsigned shift)
{
    return 0xaa000000u | m << 16 | shift << 10 | n << 5 | d;
}

static inline uint32_t asm_add_imm(unsigned d, unsigned n, uint32_t imm)
{
    return 0x91000000u | imm << 10 | n << 5 | d;
}

/* EOR */
static inline uint32_t asm_eor(unsigned d, unsigned n, unsigned m)
{
    return 0xca000000u | m << 16 | n << 5 | d;
}

static inline uint32_t asm_sub_imm(unsigned d, unsigned n, uint32_t imm)
{
    return 0xd1000000u | imm << 10 | n << 5 | d;
}

static inline uint32_t asm_subs(unsigned d, unsigned n, unsigned m)
{
    return 0xeb000000u | m << 16 | n << 5 | d;
}

static inline uint32_t asm_subs_imm(unsigned d, unsigned n, uint32_t imm)
{
    return 0xf1000000u | imm << 10 | n << 5 | d;
}

/* AND with a mask of the lowest BITS. */
static inline uint32_t asm_and_low(unsigned d, unsigned n, unsigned bits)
{
    return 0x92400000u | (bits - 1) << 10 | n << 5 | d;
}

static inline uint32_t asm_lsr(unsigned d, unsigned n, unsigned shift)
{
    return 0xd340fc00u | shift << 16 | n << 5 | d;
}

static inline uint32_t asm_csel(unsigned d, unsigned n, unsigned m, unsigned cond)
{
    return 0x9a800000u | m << 16 | cond << 12 | n << 5 | d;
}

static inline uint32_t asm_b(int words)
{
    return 0x14000000u | ((uint32_t)words & 0x3ffffff);
}

static inline uint32_t asm_bl(int words)
{
    return 0x94000000u | ((uint32_t)words & 0x3ffffff);
}

static inline uint32_t asm_bcond(unsigned cond, int words)
{
    return 0x54000000u | ((uint32_t)words & 0x7ffff) << 5 | cond;
}

static inline uint32_t asm_cbnz(unsigned t, int words)
{
    return 0xb5000000u | ((uint32_t)words & 0x7ffff) << 5 | t;
}

static inline uint32_t asm_cbz_w(unsigned t, int words)
{
    return 0x34000000u | ((uint32_t)words & 0x7ffff) << 5 | t;
}

static inline uint32_t asm_tbz(unsigned t, unsigned bit, int words)
{
    return 0x36000000u | (bit >> 5) << 31 | (bit & 31) << 19 | ((uint32_t)words & 0x3fff) << 5 | t;
}

static inline uint32_t asm_adr(unsigned d, int bytes)
{
    const uint32_t imm = (uint32_t)bytes;
    return 0x10000000u | (imm & 3) << 29 | (imm >> 2 & 0x7ffff) << 5 | d;
}

static inline uint32_t asm_br(unsigned n)
{
    return 0xd61f0000u | n << 5;
}

static inline uint32_t asm_blr(unsigned n)
{
    return 0xd63f0000u | n << 5;
}

static inline uint32_t asm_pacia(unsigned d, unsigned n)
{
    return 0xdac10000u | n << 5 | d;
}

static inline uint32_t asm_blraa(unsigned n, unsigned m)
{
    return 0xd73f0800u | n << 5 | m;
}

static inline uint32_t asm_str_w(unsigned t, unsigned n)
{
    return 0xb9000000u | n << 5 | t;
}

static inline uint32_t asm_str_x(unsigned t, unsigned n)
{
    return 0xf9000000u | n << 5 | t;
}

static inline uint32_t asm_ldr_x(unsigned t, unsigned n)
{
    return 0xf9400000u | n << 5 | t;
}

static inline uint32_t asm_mrs(unsigned t, unsigned enc)
{
    return 0xd5300000u | (enc & 0x7fff) << 5 | t;
}

static inline uint32_t asm_msr(unsigned enc, unsigned t)
{
    return 0xd5100000u | (enc & 0x7fff) << 5 | t;
}

static inline uint32_t asm_sys(unsigned op1, unsigned crn, unsigned crm, unsigned op2, unsigned t)
{
    return 0xd5080000u | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | t;
}

static inline uint32_t asm_svc(unsigned imm)
{
    return 0xd4000001u | imm << 5;
}

static inline uint32_t asm_hvc(unsigned imm)
{
    return 0xd4000002u | imm << 5;
}

#endif
