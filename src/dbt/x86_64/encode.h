/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_ENCODE_H
#define POMONA_DBT_X86_64_ENCODE_H

/* How x86-64 instructions are put into bytes: operands, prefixes, ModRM, and VEX and EVEX, by opcode numbers. asm.h gives
 * them names.
 *
 * An emitter writes through one view of the code memory and computes addresses in the other (see
 * code.c): `run` is what to add to a written address to get the one that executes. Behind its end, where the last instruction
 * may begin, it stays with `full` set, so callers need to look once for a whole block. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum x86_reg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
    X86_NONE = -1,
};

/* Condition codes as they stand in Jcc, SETcc and CMOVcc. */
enum x86_cc {
    CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G,
};

/* Bytes of the longest instruction, or of several that are put at once: for these room is looked for once. */
#define X86_LONGEST 48

struct x86 {
    uint8_t *p, *end; /* X86_LONGEST bytes are behind the end */
    intptr_t run;
    bool full;
};

/* A register or a memory operand, as it will stand in an instruction. */
struct x86_rm {
    union {
        uint64_t code; /* ModRM with 0 for the other operand, SIB and displacement, as bytes */
        uintptr_t at;  /* the address that is meant, if `relative` */
    };
    int8_t reg;    /* the register, or X86_NONE: memory */
    uint8_t size;  /* of `code` */
    uint8_t rex;   /* REX.X and REX.B */
    bool relative; /* to RIP */
};

static inline struct x86_rm x86_r(int reg)
{
    return (struct x86_rm){
        .code = 0xc0 | (reg & 7), .reg = (int8_t)reg, .size = 1, .rex = reg >> 3 & 1};
}

/* Behind HEAD, which is ModRM or that and SIB, comes DISP; a base of RBP or R13 always has one. */
static inline struct x86_rm x86_with_disp(uint64_t head, unsigned size, unsigned rex, bool always,
                                          int32_t disp)
{
    struct x86_rm rm = {.code = head, .reg = X86_NONE, .size = (uint8_t)size, .rex = (uint8_t)rex};
    if (disp == 0 && !always)
        return rm;
    const bool byte = disp == (int8_t)disp;
    rm.code |= (uint64_t)(byte ? (uint8_t)disp : (uint32_t)disp) << 8 * size | (byte ? 0x40 : 0x80);
    rm.size = (uint8_t)(size + (byte ? 1 : 4));
    return rm;
}

static inline struct x86_rm x86_m(int base, int32_t disp)
{
    const unsigned low = base & 7, rex = base >> 3 & 1;
    if (low == RSP)
        return x86_with_disp(0x2404, 2, rex, false, disp);
    return x86_with_disp(low, 1, rex, low == RBP, disp);
}

/* BASE may be X86_NONE. */
static inline struct x86_rm x86_mx(int base, int index, unsigned shift, int32_t disp)
{
    const unsigned scaled = shift << 6 | (index & 7u) << 3, rex = (unsigned)index >> 3 << 1;
    if (base < 0)
        return (struct x86_rm){.code = 4u | (scaled | 5u) << 8 | (uint64_t)(uint32_t)disp << 16,
                               .reg = X86_NONE,
                               .size = 6,
                               .rex = (uint8_t)rex};
    const unsigned low = base & 7;
    return x86_with_disp(4u | (scaled | low) << 8, 2, rex | (base >> 3 & 1), low == RBP, disp);
}

static inline struct x86_rm x86_at(const volatile void *address)
{
    return (struct x86_rm){.at = (uintptr_t)address, .reg = X86_NONE, .size = 5, .relative = true};
}

/* What lies BYTES behind RM, which is off a register and a constant. */
static inline struct x86_rm x86_beyond(struct x86_rm rm, int32_t bytes)
{
    const unsigned size = (rm.code & 7) == RSP ? 2 : 1, width = rm.size - size;
    const uint64_t disp = rm.code >> 8 * size;
    const int32_t from = width == 0 ? 0 : width == 1 ? (int8_t)disp : (int32_t)disp;
    const uint64_t head = rm.code & (size == 2 ? 0xff3fu : 0x3fu);
    return x86_with_disp(head, size, rm.rex, (head & 7) == RBP, from + bytes);
}

/* ---- bytes ---- */

static inline bool x86_has_room(struct x86 *a)
{
    if (a->p <= a->end)
        return true;
    a->full = true;
    return false;
}

static inline void x86_u8(struct x86 *a, unsigned value)
{
    if (x86_has_room(a))
        *a->p++ = (uint8_t)value;
}

/* SIZE is X86_LONGEST at most. */
static inline void x86_bytes(struct x86 *a, const void *bytes, unsigned size)
{
    if (!x86_has_room(a))
        return;
    memcpy(a->p, bytes, size);
    a->p += size;
}

static inline void x86_u32(struct x86 *a, uint32_t value)
{
    x86_bytes(a, &value, 4);
}

static inline void x86_u64(struct x86 *a, uint64_t value)
{
    x86_bytes(a, &value, 8);
}

/* Where the next byte will execute. */
static inline uintptr_t x86_here(const struct x86 *a)
{
    return (uintptr_t)a->p + (uintptr_t)a->run;
}

/* ---- encodings ---- */

/* Opcode in the low byte, and: its map, its mandatory prefix, REX.W, 8-bit registers. */
#define X_0F   0x100u
#define X_0F38 0x200u
#define X_0F3A 0x300u
#define X_MAP5 0x500u
#define X_MAP6 0x600u
#define X_MAP(op) ((op) >> 8 & 7)
#define X_66   0x1000u
#define X_F3   0x2000u
#define X_F2   0x3000u
#define X_PP(op) ((op) >> 12 & 3)
#define X_W    0x4000u
#define X_8    0x8000u
#define X_L    0x10000u /* VEX: 256 bits */

static inline uint8_t *x86_put32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, 4);
    return p + 4;
}

/* An instruction of SIZE bytes at P, which are OPCODE and, behind it, a displacement of 32 bits; 8 bytes are written. Where it
 * ends. */
static inline uint8_t *x86_put(uint8_t *p, unsigned size, uint32_t opcode, uint32_t displacement)
{
    const uint64_t code = opcode | (uint64_t)displacement << (8 * size - 32);
    memcpy(p, &code, 8);
    return p + size;
}

/* The same for one that has AT as an operand, or leads there. */
static inline uint8_t *x86_put_at(const struct x86 *a, uint8_t *p, unsigned size, uint32_t opcode, uintptr_t at)
{
    return x86_put(p, size, opcode, (uint32_t)(at - ((uintptr_t)p + size + (uintptr_t)a->run)));
}

/* The same operand without an 8-bit displacement. */
static inline struct x86_rm x86_wide(struct x86_rm rm)
{
    const unsigned size = rm.size - 1u;
    if (rm.relative || rm.reg >= 0 || (rm.code & 0xc0) != 0x40)
        return rm;
    const uint64_t head = (rm.code & ((1u << 8 * size) - 1)) ^ 0xc0;
    rm.code = head | (uint64_t)(uint32_t)(int8_t)(rm.code >> 8 * size) << 8 * size;
    rm.size = (uint8_t)(size + 4);
    return rm;
}

/* ModRM, SIB and displacement at P, which has room for 8 bytes; the instruction ends there but for IMM bytes that
 * follow. Where that is. */
static inline uint8_t *x86_modrm(const struct x86 *a, uint8_t *p, unsigned reg, struct x86_rm rm, unsigned imm)
{
    uint64_t code = rm.code;
    if (rm.relative) {
        const uintptr_t next = (uintptr_t)p + 5 + (uintptr_t)a->run + imm;
        code = 5 | (uint64_t)(uint32_t)(rm.at - next) << 8;
    }
    code |= (reg & 7) << 3;
    memcpy(p, &code, 8);
    return p + rm.size;
}

/* A legacy-encoded instruction with a ModRM byte, for which there is room; but for IMM bytes that follow. Where it ends. */
static inline uint8_t *x86_legacy(const struct x86 *a, unsigned op, unsigned reg, struct x86_rm rm, unsigned imm)
{
    static const uint8_t prefix[4] = {0, 0x66, 0xf3, 0xf2};
    uint8_t *p = a->p;
    *p = prefix[X_PP(op)];
    p += X_PP(op) != 0;
    const unsigned rex = (op & X_W ? 8u : 0u) | (reg >> 3 & 1) << 2 | rm.rex;
    *p = (uint8_t)(0x40 | rex);
    p += rex || (op & X_8 && (reg >= 4 || rm.reg >= 4));
    *p = 0x0f;
    p += X_MAP(op) != 0;
    *p = X_MAP(op) == 2 ? 0x38 : 0x3a;
    p += X_MAP(op) >= 2;
    *p++ = op & 0xff;
    return x86_modrm(a, p, reg, rm, imm);
}

/* IMM bytes are put behind it. */
static inline void x86_op(struct x86 *a, unsigned op, unsigned reg, struct x86_rm rm, unsigned imm)
{
    if (x86_has_room(a))
        a->p = x86_legacy(a, op, reg, rm, imm);
}

/* The low SIZE bytes of IMM are. */
static inline void x86_op_imm(struct x86 *a, unsigned op, unsigned reg, struct x86_rm rm,
                              unsigned size, uint32_t imm)
{
    if (!x86_has_room(a))
        return;
    uint8_t *p = x86_legacy(a, op, reg, rm, size);
    x86_put32(p, imm);
    a->p = p + size;
}

/* A VEX-encoded instruction; registers 0..15. */
static inline void x86_vex(struct x86 *a, unsigned op, unsigned reg, unsigned vvvv,
                           struct x86_rm rm, unsigned imm)
{
    const unsigned b = rm.rex & 1, x = rm.rex >> 1;
    const unsigned last =
        (op & X_W ? 0x80u : 0) | (~vvvv & 15) << 3 | (op & X_L ? 4u : 0) | X_PP(op);
    if (!x86_has_room(a))
        return;
    uint8_t *p = a->p;
    if (!rm.rex && X_MAP(op) == 1 && !(op & X_W)) {
        *p++ = 0xc5;
        *p++ = (uint8_t)((~reg >> 3 & 1) << 7 | last);
    } else {
        *p++ = 0xc4;
        *p++ = (uint8_t)((~reg >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | X_MAP(op));
        *p++ = (uint8_t)last;
    }
    *p++ = op & 0xff;
    a->p = x86_modrm(a, p, reg, rm, imm);
}

/* An EVEX-encoded instruction of 128 bits; registers 0..31, mask register K (0: none), Z: zeroing. */
static inline void x86_evex(struct x86 *a, unsigned op, unsigned reg, unsigned vvvv,
                            struct x86_rm rm, unsigned k, bool z, unsigned imm)
{
    const unsigned b = rm.rex & 1, x = rm.reg >= 0 ? (unsigned)rm.reg >> 4 & 1 : rm.rex >> 1;
    if (!x86_has_room(a))
        return;
    uint8_t *p = a->p;
    *p++ = 0x62;
    *p++ = (uint8_t)((~reg >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | (~reg >> 4 & 1) << 4 |
                     X_MAP(op));
    *p++ = (uint8_t)((op & X_W ? 0x80u : 0) | (~vvvv & 15) << 3 | 4 | X_PP(op));
    *p++ = (uint8_t)((z ? 0x80u : 0) | (op & X_L ? 0x20u : 0) | (~vvvv >> 4 & 1) << 3 | k);
    *p++ = op & 0xff;
    a->p = x86_modrm(a, p, reg, x86_wide(rm), imm); /* EVEX scales displacements of 8 bits */
}

/* A scalar EVEX instruction on registers that rounds to nearest and raises no exceptions. */
static inline void x86_evex_sae(struct x86 *a, unsigned op, unsigned reg, unsigned vvvv, unsigned rm)
{
    x86_evex(a, op, reg, vvvv, x86_r((int)rm), 0, false, 0);
    if (!a->full)
        a->p[-3] |= 0x10;
}

#endif
