/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_ASM_H
#define POMONA_DBT_X86_64_ASM_H

/* One x86-64 instruction at a time: those that the lowerings use, under the mnemonics of
 * Intel's manual. Operands stand in Intel's order. `w` says 64 bits (1) or 32 (0). */

#include "encode.h"

/* ---- moves ---- */

static inline void x86_mov(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0x8b | (w ? X_W : 0), dst, src, 0);
}

static inline void x86_mov_rr(struct x86 *a, int w, unsigned dst, unsigned src)
{
    if (dst != src || !w)
        x86_mov(a, w, dst, x86_r((int)src));
}

static inline void x86_store(struct x86 *a, int w, struct x86_rm dst, unsigned src)
{
    x86_op(a, 0x89 | (w ? X_W : 0), src, dst, 0);
}

static inline void x86_store8(struct x86 *a, struct x86_rm dst, unsigned src)
{
    x86_op(a, 0x88 | X_8, src, dst, 0);
}

static inline void x86_store16(struct x86 *a, struct x86_rm dst, unsigned src)
{
    x86_op(a, 0x89 | X_66, src, dst, 0);
}

static inline void x86_store8_imm(struct x86 *a, struct x86_rm dst, unsigned imm)
{
    x86_op_imm(a, 0xc6, 0, dst, 1, imm);
}

static inline void x86_store32_imm(struct x86 *a, struct x86_rm dst, uint32_t imm)
{
    x86_op_imm(a, 0xc7, 0, dst, 4, imm);
}

/* Sign-extends IMM. */
static inline void x86_store64_imm(struct x86 *a, struct x86_rm dst, int32_t imm)
{
    x86_op_imm(a, 0xc7 | X_W, 0, dst, 4, (uint32_t)imm);
}

/* The shortest way to a constant that leaves the flags alone. */
static inline void x86_imm(struct x86 *a, unsigned dst, uint64_t imm)
{
    if (imm == (uint32_t)imm) {
        if (!x86_has_room(a))
            return;
        *a->p = 0x41;
        a->p += dst >= 8;
        *a->p = (uint8_t)(0xb8 | (dst & 7));
        a->p = x86_put32(a->p + 1, (uint32_t)imm);
    } else if (imm == (uint64_t)(int64_t)(int32_t)imm) {
        x86_op_imm(a, 0xc7 | X_W, 0, x86_r((int)dst), 4, (uint32_t)imm);
    } else {
        x86_u8(a, 0x48 | dst >> 3);
        x86_u8(a, 0xb8 | (dst & 7));
        x86_u64(a, imm);
    }
}

/* MOVZX, MOVSX. */
static inline void x86_movzx8(struct x86 *a, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xb6 | X_0F | X_8, dst, src, 0);
}
static inline void x86_movzx16(struct x86 *a, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xb7 | X_0F, dst, src, 0);
}
static inline void x86_movsx8(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xbe | X_0F | X_8 | (w ? X_W : 0), dst, src, 0);
}
static inline void x86_movsx16(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xbf | X_0F | (w ? X_W : 0), dst, src, 0);
}
static inline void x86_movsxd(struct x86 *a, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0x63 | X_W, dst, src, 0);
}
static inline void x86_lea(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0x8d | (w ? X_W : 0), dst, src, 0);
}

/* ---- arithmetic: the eight of 80/81/83 by number ---- */

enum x86_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

static inline void x86_alu(struct x86 *a, enum x86_alu op, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, ((unsigned)op << 3 | 3) | (w ? X_W : 0), dst, src, 0);
}

static inline void x86_alu_imm(struct x86 *a, enum x86_alu op, int w, struct x86_rm dst, int32_t imm)
{
    const bool small = imm == (int8_t)imm;
    const unsigned code = (small ? 0x83u : 0x81u) | (w ? X_W : 0);
    x86_op_imm(a, code, op, dst, small ? 1 : 4, (uint32_t)imm);
}

/* To memory. */
static inline void x86_alu_store(struct x86 *a, enum x86_alu op, int w, struct x86_rm dst,
                                 unsigned src)
{
    x86_op(a, ((unsigned)op << 3 | 1) | (w ? X_W : 0), src, dst, 0);
}

static inline void x86_test(struct x86 *a, int w, unsigned r1, struct x86_rm r2)
{
    x86_op(a, 0x85 | (w ? X_W : 0), r1, r2, 0);
}

static inline void x86_test_imm(struct x86 *a, int w, struct x86_rm rm, int32_t imm)
{
    x86_op_imm(a, 0xf7 | (w ? X_W : 0), 0, rm, 4, (uint32_t)imm);
}

static inline void x86_test8_imm(struct x86 *a, struct x86_rm rm, unsigned imm)
{
    x86_op_imm(a, 0xf6 | X_8, 0, rm, 1, imm);
}

static inline void x86_cmp8_imm(struct x86 *a, struct x86_rm rm, unsigned imm)
{
    x86_op_imm(a, 0x80 | X_8, 7, rm, 1, imm);
}

enum x86_bit { BIT_SET = 5, BIT_RESET };

/* BTS, BTR r, imm8. */
static inline void x86_bit_imm(struct x86 *a, enum x86_bit op, int w, unsigned r, unsigned bit)
{
    x86_op_imm(a, 0xba | X_0F | (w ? X_W : 0), op, x86_r((int)r), 1, bit);
}

/* BT r/m, imm8: CF = the bit. */
static inline void x86_bt_imm(struct x86 *a, int w, struct x86_rm rm, unsigned bit)
{
    x86_op_imm(a, 0xba | X_0F | (w ? X_W : 0), 4, rm, 1, bit);
}

/* BTS m, r: the bit of number R, which may be any number, from M on. */
static inline void x86_bts_memory(struct x86 *a, struct x86_rm m, unsigned r)
{
    x86_op(a, 0xab | X_0F | X_W, r, m, 0);
}

static inline void x86_not(struct x86 *a, int w, unsigned r)
{
    x86_op(a, 0xf7 | (w ? X_W : 0), 2, x86_r((int)r), 0);
}
static inline void x86_neg(struct x86 *a, int w, unsigned r)
{
    x86_op(a, 0xf7 | (w ? X_W : 0), 3, x86_r((int)r), 0);
}
/* EDX:EAX by r/m; IMUL_WIDE: the signed product of RAX. */
static inline void x86_imul_wide(struct x86 *a, int w, struct x86_rm rm)
{
    x86_op(a, 0xf7 | (w ? X_W : 0), 5, rm, 0);
}
static inline void x86_div(struct x86 *a, int w, struct x86_rm rm)
{
    x86_op(a, 0xf7 | (w ? X_W : 0), 6, rm, 0);
}
static inline void x86_idiv(struct x86 *a, int w, struct x86_rm rm)
{
    x86_op(a, 0xf7 | (w ? X_W : 0), 7, rm, 0);
}
static inline void x86_cdq(struct x86 *a, int w)
{
    if (w)
        x86_u8(a, 0x48);
    x86_u8(a, 0x99);
}
static inline void x86_imul(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xaf | X_0F | (w ? X_W : 0), dst, src, 0);
}
static inline void x86_imul_imm(struct x86 *a, int w, unsigned dst, struct x86_rm src, int32_t imm)
{
    x86_op_imm(a, 0x69 | (w ? X_W : 0), dst, src, 4, (uint32_t)imm);
}
/* DST = RM without the bits of INVERTED: N and Z as of AND, C and V are 0. */
static inline void x86_andn(struct x86 *a, int w, unsigned dst, unsigned inverted, struct x86_rm rm)
{
    x86_vex(a, 0xf2 | X_0F38 | (w ? X_W : 0), dst, inverted, rm, 0);
}
/* PEXT: the bits of SRC that MASK has, side by side. */
static inline void x86_pext(struct x86 *a, int w, unsigned dst, unsigned src, struct x86_rm mask)
{
    x86_vex(a, 0xf5 | X_0F38 | X_F3 | (w ? X_W : 0), dst, src, mask, 0);
}
/* MULX hi, lo, rm: RDX times rm; no flags. */
static inline void x86_mulx(struct x86 *a, int w, unsigned hi, unsigned lo, struct x86_rm rm)
{
    x86_vex(a, 0xf6 | X_0F38 | X_F2 | (w ? X_W : 0), hi, lo, rm, 0);
}

/* ---- shifts ---- */

enum x86_shift { SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR, SHIFT_SHL, SHIFT_SHR, SHIFT_SAR = 7 };

static inline void x86_shift_imm(struct x86 *a, enum x86_shift op, int w, unsigned r, unsigned by)
{
    x86_op_imm(a, 0xc1 | (w ? X_W : 0), op, x86_r((int)r), 1, by);
}
/* By CL. */
static inline void x86_shift_cl(struct x86 *a, enum x86_shift op, int w, unsigned r)
{
    x86_op(a, 0xd3 | (w ? X_W : 0), op, x86_r((int)r), 0);
}
/* Without flags, count in any register: OP is SHL, SHR or SAR. */
static inline void x86_shiftx(struct x86 *a, enum x86_shift op, int w, unsigned dst,
                              struct x86_rm src, unsigned count)
{
    const unsigned pp = op == SHIFT_SHL ? X_66 : op == SHIFT_SHR ? X_F2 : X_F3;
    x86_vex(a, 0xf7 | X_0F38 | pp | (w ? X_W : 0), dst, count, src, 0);
}
static inline void x86_rorx(struct x86 *a, int w, unsigned dst, struct x86_rm src, unsigned by)
{
    x86_vex(a, 0xf0 | X_0F3A | X_F2 | (w ? X_W : 0), dst, 0, src, 1);
    x86_u8(a, by);
}
static inline void x86_shrd(struct x86 *a, int w, unsigned dst, unsigned high, unsigned by)
{
    x86_op_imm(a, 0xac | X_0F | (w ? X_W : 0), high, x86_r((int)dst), 1, by);
}
static inline void x86_bswap(struct x86 *a, int w, unsigned r)
{
    if (w || r >= 8)
        x86_u8(a, 0x40u | (w ? 8u : 0u) | r >> 3);
    x86_u8(a, 0x0f);
    x86_u8(a, 0xc8 | (r & 7));
}
static inline void x86_lzcnt(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xbd | X_0F | X_F3 | (w ? X_W : 0), dst, src, 0);
}
static inline void x86_tzcnt(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, 0xbc | X_0F | X_F3 | (w ? X_W : 0), dst, src, 0);
}
/* CRC32 dst, src of SIZE bytes (1, 2, 4, 8). */
static inline void x86_crc32(struct x86 *a, unsigned size, unsigned dst, struct x86_rm src)
{
    if (size == 2)
        x86_u8(a, 0x66);
    x86_op(a, (size == 1 ? 0xf0u | X_8 : 0xf1u) | X_0F38 | X_F2 | (size == 8 ? X_W : 0), dst, src, 0);
}

/* ---- vector registers ---- */

/* An instruction of 128 bits that exists as VEX and, for registers above 15, as EVEX. OP has the W of VEX;
 * EVEX_W is the W of EVEX, which wants it where the element has 64 bits. */
static inline void x86_v3(struct x86 *a, unsigned op, bool evex_w, unsigned reg, unsigned vvvv,
                          struct x86_rm rm, unsigned imm)
{
    if (reg < 16 && vvvv < 16 && rm.reg < 16)
        x86_vex(a, op, reg, vvvv, rm, imm);
    else
        x86_evex(a, (op & ~X_W) | (evex_w ? X_W : 0), reg, vvvv, rm, 0, false, imm);
}

/* VMOVDQA xmm, xmm; VMOVDQU xmm, m; VMOVDQU m, xmm (EVEX: VMOVDQU64). */
static inline void x86_vmov(struct x86 *a, unsigned dst, unsigned src)
{
    x86_v3(a, 0x6f | X_0F | X_66, true, dst, 0, x86_r((int)src), 0);
}
static inline void x86_vload(struct x86 *a, unsigned dst, struct x86_rm src)
{
    if (dst < 16)
        x86_vex(a, 0x6f | X_0F | X_F3, dst, 0, src, 0);
    else
        x86_evex(a, 0x6f | X_0F | X_F3 | X_W, dst, 0, src, 0, false, 0);
}
static inline void x86_vstore(struct x86 *a, struct x86_rm dst, unsigned src)
{
    if (src < 16)
        x86_vex(a, 0x7f | X_0F | X_F3, src, 0, dst, 0);
    else
        x86_evex(a, 0x7f | X_0F | X_F3 | X_W, src, 0, dst, 0, false, 0);
}

/* VMOVD and VMOVQ from and to a general register or memory. */
static inline void x86_vmovd_from(struct x86 *a, int w, unsigned dst, struct x86_rm src)
{
    x86_v3(a, 0x6e | X_0F | X_66 | (w ? X_W : 0), w, dst, 0, src, 0);
}
static inline void x86_vmovd_to(struct x86 *a, int w, struct x86_rm dst, unsigned src)
{
    x86_v3(a, 0x7e | X_0F | X_66 | (w ? X_W : 0), w, src, 0, dst, 0);
}
static inline void x86_vpextrq(struct x86 *a, struct x86_rm dst, unsigned src, unsigned lane)
{
    x86_v3(a, 0x16 | X_0F3A | X_66 | X_W, true, src, 0, dst, 1);
    x86_u8(a, lane);
}
static inline void x86_vpinsrq(struct x86 *a, unsigned dst, unsigned src, struct x86_rm value,
                               unsigned lane)
{
    x86_v3(a, 0x22 | X_0F3A | X_66 | X_W, true, dst, src, value, 1);
    x86_u8(a, lane);
}

static inline void x86_ldmxcsr(struct x86 *a, struct x86_rm rm)
{
    x86_op(a, 0xae | X_0F, 2, rm, 0);
}
static inline void x86_stmxcsr(struct x86 *a, struct x86_rm rm)
{
    x86_op(a, 0xae | X_0F, 3, rm, 0);
}

/* ---- flags ---- */

static inline void x86_setcc(struct x86 *a, enum x86_cc cc, unsigned r)
{
    x86_op(a, (0x90u | cc) | X_0F | X_8, 0, x86_r((int)r), 0);
}
static inline void x86_cmov(struct x86 *a, enum x86_cc cc, int w, unsigned dst, struct x86_rm src)
{
    x86_op(a, (0x40u | cc) | X_0F | (w ? X_W : 0), dst, src, 0);
}
static inline void x86_lahf(struct x86 *a)
{
    x86_u8(a, 0x9f);
}
static inline void x86_sahf(struct x86 *a)
{
    x86_u8(a, 0x9e);
}
static inline void x86_cmc(struct x86 *a)
{
    x86_u8(a, 0xf5);
}
static inline void x86_stc(struct x86 *a)
{
    x86_u8(a, 0xf9);
}

/* NOPs, few and long, up to a multiple of LINE. */
static inline void x86_align(struct x86 *a, unsigned line)
{
    static const uint8_t nops[8][8] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    unsigned left = -(unsigned)x86_here(a) & (line - 1);
    while (left && !a->full) {
        const unsigned size = left < 8 ? left : 8;
        x86_bytes(a, nops[size - 1], size);
        left -= size;
    }
}

/* ---- jumps ---- */

/* A place to be filled in: the 4 bytes before `at` are relative to it. */
struct x86_label {
    uint8_t *at;
};

static inline struct x86_label x86_jcc(struct x86 *a, enum x86_cc cc)
{
    if (x86_has_room(a)) {
        *a->p = 0x0f;
        a->p[1] = (uint8_t)(0x80 | cc);
        a->p = x86_put32(a->p + 2, 0);
    }
    return (struct x86_label){a->p};
}
static inline struct x86_label x86_jmp(struct x86 *a)
{
    if (x86_has_room(a)) {
        *a->p = 0xe9;
        a->p = x86_put32(a->p + 1, 0);
    }
    return (struct x86_label){a->p};
}
/* Lets LABEL lead to TARGET, an executable address; A: any emitter of the code memory that it is in. */
static inline void x86_patch(const struct x86 *a, struct x86_label label, uintptr_t target)
{
    const int32_t offset = (int32_t)(target - ((uintptr_t)label.at + (uintptr_t)a->run));
    __atomic_store_n((int32_t *)(void *)(label.at - 4), offset, __ATOMIC_RELAXED);
}
/* Lets LABEL lead to here. */
static inline void x86_land(struct x86 *a, struct x86_label label)
{
    if (!a->full)
        x86_patch(a, label, x86_here(a));
}
static inline void x86_jmp_to(struct x86 *a, uintptr_t target)
{
    const struct x86_label label = x86_jmp(a);
    if (!a->full)
        x86_patch(a, label, target);
}
static inline void x86_jcc_to(struct x86 *a, enum x86_cc cc, uintptr_t target)
{
    const struct x86_label label = x86_jcc(a, cc);
    if (!a->full)
        x86_patch(a, label, target);
}
static inline struct x86_label x86_call(struct x86 *a)
{
    if (x86_has_room(a)) {
        *a->p = 0xe8;
        a->p = x86_put32(a->p + 1, 0);
    }
    return (struct x86_label){a->p};
}
static inline void x86_call_to(struct x86 *a, uintptr_t target)
{
    const struct x86_label label = x86_call(a);
    if (!a->full)
        x86_patch(a, label, target);
}
/* A call of what finds the SIZE low bytes of DATA, 3 at most, where it would return to. */
static inline void x86_call_with(struct x86 *a, uintptr_t target, unsigned size, uint32_t data)
{
    if (!x86_has_room(a))
        return;
    const uint32_t offset = (uint32_t)(target - (x86_here(a) + 5));
    const uint64_t code = 0xe8 | (uint64_t)offset << 8 | (uint64_t)data << 40;
    memcpy(a->p, &code, 8);
    a->p += 5 + size;
}
/* EDX = VALUE; a call of TARGET; a jump to NEXT; and a byte of 0, which X86_ASKED does not count. The jump. */
#define X86_ASKED 15
static inline struct x86_label x86_ask(struct x86 *a, uint32_t value, uintptr_t target, uintptr_t next)
{
    if (!x86_has_room(a))
        return (struct x86_label){a->p};
    const uint64_t call = (uint32_t)(target - (x86_here(a) + 10)), jump = (uint32_t)(next - (x86_here(a) + X86_ASKED));
    const uint64_t code[2] = {0xba | (uint64_t)value << 8 | 0xe8ull << 40 | call << 48, call >> 16 | 0xe9u << 16 | jump << 24};
    memcpy(a->p, code, sizeof(code));
    a->p += X86_ASKED;
    return (struct x86_label){a->p};
}
static inline void x86_jmp_rm(struct x86 *a, struct x86_rm rm)
{
    x86_op(a, 0xff, 4, rm, 0);
}
static inline void x86_call_rm(struct x86 *a, struct x86_rm rm)
{
    x86_op(a, 0xff, 2, rm, 0);
}
static inline void x86_push(struct x86 *a, unsigned r)
{
    if (r >= 8)
        x86_u8(a, 0x41);
    x86_u8(a, 0x50 | (r & 7));
}
static inline void x86_pop(struct x86 *a, unsigned r)
{
    if (r >= 8)
        x86_u8(a, 0x41);
    x86_u8(a, 0x58 | (r & 7));
}
static inline void x86_ret(struct x86 *a)
{
    x86_u8(a, 0xc3);
}

#endif
