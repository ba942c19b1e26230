/* SPDX-License-Identifier: MIT */
/* Bit fields, shifts by a register, multiplication and division, and instructions of one operand
 * (Arm manual C4.1.92 and C4.1.95).
 *
 * A 32-bit host operation clears the upper half of its register as a W destination wants it. */

#include "lower_dp.h"
#include "vector.h"

/* ---- bit fields ---- */

static uint64_t ones(unsigned n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}

/* REG & ones(BITS) in form W. */
static void mask_reg(struct lower *l, unsigned reg, unsigned bits)
{
    struct x86 *a = &l->a;
    if (bits == 8)
        x86_movzx8(a, reg, x86_r((int)reg));
    else if (bits == 16)
        x86_movzx16(a, reg, x86_r((int)reg));
    else if (bits == 32)
        x86_mov(a, 0, reg, x86_r((int)reg));
    else if (bits < 32)
        x86_alu_imm(a, ALU_AND, 0, x86_r((int)reg), (int32_t)ones(bits));
    else {
        x86_shift_imm(a, SHIFT_SHL, 1, reg, 64 - bits);
        x86_shift_imm(a, SHIFT_SHR, 1, reg, 64 - bits);
    }
}

/* d = n shifted up, then down by DOWN (SHR or SAR), without EFLAGS. */
static void field_keeping(struct lower *l, const struct a64_insn *insn, int w, enum x86_shift kind,
                          unsigned up, unsigned down)
{
    struct x86 *a = &l->a;
    const unsigned dst = lower_dst(insn->rd, RAX);
    unsigned src = lower_src(l, w, insn->rn, RAX);
    if (up && up <= 3 && !down) {
        x86_lea(a, w, dst, x86_mx(X86_NONE, (int)src, up, 0));
        lower_result(l, insn->rd, dst);
        return;
    }
    if (up) {
        x86_imm(a, RCX, up);
        x86_shiftx(a, SHIFT_SHL, w, down ? RAX : dst, x86_r((int)src), RCX);
        src = RAX;
    }
    if (down) {
        x86_imm(a, RCX, down);
        x86_shiftx(a, kind, w, dst, x86_r((int)src), RCX);
    }
    if (!up && !down)
        x86_mov(a, w, dst, x86_r((int)src));
    lower_result(l, insn->rd, dst);
}

/* A field at the bottom whose bits are a host's size: one MOVZX or MOVSX. */
static bool field_extended(struct lower *l, const struct a64_insn *insn, int w, bool is_signed)
{
    struct x86 *a = &l->a;
    const unsigned r = insn->word >> 16 & 63, s = insn->word >> 10 & 63;
    if (r || (s != 7 && s != 15 && s != 31) || insn->rn == 31)
        return false;
    const unsigned dst = lower_dst(insn->rd, RAX);
    const unsigned option = (s == 7 ? 0 : s == 15 ? 1 : 2) + (is_signed ? 4 : 0);
    if (!is_signed || w)
        lower_extend(l, dst, insn->rn, option);
    else if (s == 31)
        x86_mov(a, 0, dst, lower_rm(insn->rn));
    else if (s == 7)
        x86_movsx8(a, 0, dst, lower_rm(insn->rn));
    else
        x86_movsx16(a, 0, dst, lower_rm(insn->rn));
    lower_result(l, insn->rd, dst);
    return true;
}

static void ubfm(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    const unsigned size = w ? 64 : 32, r = insn->word >> 16 & 63, s = insn->word >> 10 & 63;
    const unsigned up = size - 1 - s, down = s >= r ? up + r : up - (size - r);
    if (insn->rd == 31 || field_extended(l, insn, w, false))
        return;
    if (lower_keep_flags(l)) {
        field_keeping(l, insn, w, SHIFT_SHR, up, down);
        return;
    }
    lower_clobber(l);
    const unsigned dst = lower_work_in(insn->rd, X86_NONE);
    if (insn->rd != insn->rn || dst == RAX)
        lower_copy(l, w, insn->rn, dst);
    if (s >= r) {
        if (r)
            x86_shift_imm(a, SHIFT_SHR, w, dst, r);
        if (s != size - 1)
            mask_reg(l, dst, s - r + 1);
        else if (!r && !w)
            x86_mov(a, 0, dst, x86_r((int)dst));
    } else {
        if (s != r - 1 && s + 1 < size)
            mask_reg(l, dst, s + 1);
        x86_shift_imm(a, SHIFT_SHL, w, dst, size - r);
    }
    lower_result(l, insn->rd, dst);
}

static void sbfm(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    const unsigned size = w ? 64 : 32, r = insn->word >> 16 & 63, s = insn->word >> 10 & 63;
    /* With s < r the field ends up left of where it was: shifted down by less than it was up. */
    const unsigned up = size - 1 - s, down = s >= r ? up + r : up - (size - r);
    if (insn->rd == 31 || field_extended(l, insn, w, true))
        return;
    if (lower_keep_flags(l)) {
        field_keeping(l, insn, w, SHIFT_SAR, up, down);
        return;
    }
    lower_clobber(l);
    const unsigned dst = lower_work_in(insn->rd, X86_NONE);
    if (insn->rd != insn->rn || dst == RAX)
        lower_copy(l, w, insn->rn, dst);
    if (up)
        x86_shift_imm(a, SHIFT_SHL, w, dst, up);
    if (down)
        x86_shift_imm(a, SHIFT_SAR, w, dst, down);
    if (!up && !down && !w)
        x86_mov(a, 0, dst, x86_r((int)dst));
    lower_result(l, insn->rd, dst);
}

static void bfm(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    const unsigned size = w ? 64 : 32, r = insn->word >> 16 & 63, s = insn->word >> 10 & 63;
    if (insn->rd == 31)
        return;
    const unsigned bits = s >= r ? s - r + 1 : s + 1, at = s >= r ? 0 : size - r;
    const uint64_t mask = ones(bits) << at & ones(size);
    lower_clobber(l);
    lower_copy(l, w, insn->rn, RAX);
    if (s >= r && r)
        x86_shift_imm(a, SHIFT_SHR, w, RAX, r);
    else if (s < r)
        x86_shift_imm(a, SHIFT_SHL, w, RAX, at);
    x86_imm(a, RCX, mask);
    x86_alu(a, ALU_AND, w, RAX, x86_r(RCX));
    x86_not(a, w, RCX);
    x86_alu(a, ALU_AND, w, RCX, lower_rm(insn->rd));
    x86_alu(a, ALU_OR, w, RAX, x86_r(RCX));
    lower_done(l, insn->rd, RAX);
}

static void extr(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    const unsigned by = insn->word >> 10 & 63, dst = lower_dst(insn->rd, RAX);
    if (insn->rd == 31)
        return;
    if (insn->rn == insn->rm && insn->rn != 31) {
        x86_rorx(a, w, dst, lower_rm(insn->rm), by);
        lower_result(l, insn->rd, dst);
        return;
    }
    lower_clobber(l);
    lower_copy(l, w, insn->rm, RAX);
    if (by)
        x86_shrd(a, w, RAX, lower_src(l, w, insn->rn, RCX), by);
    lower_result(l, insn->rd, RAX);
}

/* ---- shifts by a register ---- */

static void shift_reg(struct lower *l, const struct a64_insn *insn, enum x86_shift op, int w)
{
    struct x86 *a = &l->a;
    if (insn->rd == 31)
        return;
    const unsigned count = lower_src(l, w, insn->rm, RCX);
    const unsigned dst = lower_dst(insn->rd, RAX);
    if (op == SHIFT_ROR) {
        lower_clobber(l);
        x86_mov_rr(a, 0, RCX, count);
        lower_copy(l, w, insn->rn, RAX);
        x86_shift_cl(a, SHIFT_ROR, w, RAX);
        lower_result(l, insn->rd, RAX);
        return;
    }
    const struct x86_rm n =
        insn->rn == 31 ? x86_r((int)lower_src(l, w, 31, RAX)) : lower_rm(insn->rn);
    x86_shiftx(a, op, w, dst, n, count);
    lower_result(l, insn->rd, dst);
}

/* ---- multiply and divide ---- */

/* d = a +- RAX, where EFLAGS is free. */
static void accumulate(struct lower *l, const struct a64_insn *insn, int w, bool sub)
{
    struct x86 *a = &l->a;
    if (insn->ra == 31) {
        if (sub)
            x86_neg(a, w, RAX);
        lower_result(l, insn->rd, RAX);
        return;
    }
    const unsigned dst = lower_dst(insn->rd, RCX);
    if (insn->rd != insn->ra || dst == RCX)
        lower_copy(l, w, insn->ra, dst);
    x86_alu(a, sub ? ALU_SUB : ALU_ADD, w, dst, x86_r(RAX));
    lower_result(l, insn->rd, dst);
}

/* MUL into a pinned register. */
static void multiply(struct lower *l, const struct a64_insn *insn, int w)
{
    const unsigned n = insn->rd == insn->rm ? insn->rm : insn->rn,
                   m = n == insn->rn ? insn->rm : insn->rn;
    const unsigned dst = (unsigned)host_of[insn->rd];
    if (insn->rd != n)
        lower_copy(l, w, n, dst);
    x86_imul(&l->a, w, dst, m == 31 ? x86_r((int)lower_src(l, w, 31, RCX)) : lower_rm(m));
}

/* d = the upper half of n * m, and LOW, if it is not 31, the lower half. EFLAGS stay. */
static void multiply_wide(struct lower *l, const struct a64_insn *insn, unsigned low)
{
    const unsigned high = lower_dst(insn->rd, RDX), rest = low == 31 ? RAX : lower_dst(low, RAX);
    lower_copy(l, 1, insn->rn, RDX);
    x86_mulx(&l->a, 1, high, rest,
             insn->rm == 31 ? x86_r((int)lower_src(l, 1, 31, RAX)) : lower_rm(insn->rm));
    lower_done(l, insn->rd, high);
    lower_done(l, low, rest);
}

static unsigned exec_of(const struct a64_insn *insn)
{
    return insn->row == A64_ROW_NONE ? A64_EXEC_none : a64_exec_ids[insn->row];
}

/* MUL and UMULH of the same, side by side, are one MULX: the one at INSN and the next, of row
 * WANTED. */
static bool both_halves(struct lower *l, const struct a64_insn *insn, unsigned wanted)
{
    const struct a64_insn *next = insn + 1;
    const bool first_low = wanted == A64_EXEC_umulh;
    if (l->at + 1 >= l->count || exec_of(next) != wanted)
        return false;
    const bool same = (insn->rn == next->rn && insn->rm == next->rm) ||
                      (insn->rn == next->rm && insn->rm == next->rn);
    if (!same || (first_low ? insn : next)->ra != 31 || insn->rd == insn->rn ||
        insn->rd == insn->rm || insn->rd == next->rd || next->rd == 31)
        return false;
    multiply_wide(l, first_low ? next : insn, first_low ? insn->rd : next->rd);
    l->at++;
    return true;
}

static void madd(struct lower *l, const struct a64_insn *insn, int w, bool sub)
{
    if (insn->rd == 31 || (w && !sub && both_halves(l, insn, A64_EXEC_umulh)))
        return;
    lower_clobber(l);
    if (insn->ra == 31 && !sub && host_of[insn->rd] >= 0) {
        multiply(l, insn, w);
        return;
    }
    lower_copy(l, w, insn->rn, RAX);
    x86_imul(&l->a, w, RAX,
             insn->rm == 31 ? x86_r((int)lower_src(l, w, 31, RCX)) : lower_rm(insn->rm));
    accumulate(l, insn, w, sub);
}

/* OPTION: how both operands are extended from 32 bits. */
static void maddl(struct lower *l, const struct a64_insn *insn, unsigned option, bool sub)
{
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    lower_extend(l, RAX, insn->rn, option);
    lower_extend(l, RCX, insn->rm, option);
    x86_imul(&l->a, 1, RAX, x86_r(RCX));
    accumulate(l, insn, 1, sub);
}

static void lower_umulh(struct lower *l, const struct a64_insn *insn)
{
    if (insn->rd != 31 && !both_halves(l, insn, A64_EXEC_madd_x))
        multiply_wide(l, insn, 31);
}

static void lower_smulh(struct lower *l, const struct a64_insn *insn)
{
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    lower_copy(l, 1, insn->rn, RAX);
    x86_imul_wide(&l->a, 1, x86_r((int)lower_src(l, 1, insn->rm, RCX)));
    lower_done(l, insn->rd, RDX);
}

/* Division by zero gives 0; the most negative number by -1 itself. */
static void divide(struct lower *l, const struct a64_insn *insn, int w, bool is_signed)
{
    struct x86 *a = &l->a;
    struct x86_label one = {0};
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    lower_copy(l, w, insn->rm, RCX);
    x86_imm(a, RAX, 0);
    x86_test(a, w, RCX, x86_r(RCX));
    const struct x86_label zero = x86_jcc(a, CC_E);
    lower_copy(l, w, insn->rn, RAX);
    if (is_signed) {
        x86_alu_imm(a, ALU_CMP, w, x86_r(RCX), -1);
        const struct x86_label ordinary = x86_jcc(a, CC_NE);
        x86_neg(a, w, RAX);
        one = x86_jmp(a);
        x86_land(a, ordinary);
        x86_cdq(a, w);
        x86_idiv(a, w, x86_r(RCX));
        x86_land(a, one);
    } else {
        x86_imm(a, RDX, 0);
        x86_div(a, w, x86_r(RCX));
    }
    x86_land(a, zero);
    lower_done(l, insn->rd, RAX);
}

/* ---- one operand ---- */

static void clz(struct lower *l, const struct a64_insn *insn, int w)
{
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    x86_lzcnt(&l->a, w, RAX, x86_r((int)lower_src(l, w, insn->rn, RCX)));
    lower_done(l, insn->rd, RAX);
}

/* Leading bits equal to the sign, without the sign itself. */
static void cls(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    lower_copy(l, w, insn->rn, RAX);
    x86_mov_rr(a, w, RCX, RAX);
    x86_shift_imm(a, SHIFT_SAR, w, RCX, w ? 63 : 31);
    x86_alu(a, ALU_XOR, w, RAX, x86_r(RCX));
    x86_lzcnt(a, w, RAX, x86_r(RAX));
    x86_lea(a, 0, RAX, x86_m(RAX, -1));
    lower_done(l, insn->rd, RAX);
}

/* Exchanges neighbouring groups of BITS bits in RAX; MASK has every second group set. */
static void swap_groups(struct lower *l, int w, unsigned bits, uint64_t mask)
{
    struct x86 *a = &l->a;
    x86_imm(a, RCX, w ? mask : (uint32_t)mask);
    x86_mov_rr(a, w, RDX, RAX);
    x86_shift_imm(a, SHIFT_SHR, w, RDX, bits);
    x86_alu(a, ALU_AND, w, RDX, x86_r(RCX));
    x86_alu(a, ALU_AND, w, RAX, x86_r(RCX));
    x86_shift_imm(a, SHIFT_SHL, w, RAX, bits);
    x86_alu(a, ALU_OR, w, RAX, x86_r(RDX));
}

/* RBIT and CLZ count trailing zeros, as string functions do; the host has that in one. */
static bool count_trailing(struct lower *l, const struct a64_insn *insn, int w)
{
    if (l->at + 1 >= l->count || insn[1].row == A64_ROW_NONE ||
        a64_exec_ids[insn[1].row] != (w ? A64_EXEC_clz_x : A64_EXEC_clz_w) ||
        insn[1].rn != insn->rd || insn[1].rd != insn->rd)
        return false;
    const unsigned dst = lower_dst(insn->rd, RAX);
    x86_tzcnt(&l->a, w, dst, x86_r((int)lower_src(l, w, insn->rn, RCX)));
    lower_done(l, insn->rd, dst);
    l->at++;
    return true;
}

/* The bits of each byte by an 8x8 matrix of bits, then the bytes. */
static void reverse_bits_by_matrix(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    const unsigned dst = lower_dst(insn->rd, RAX);
    x86_vmovd_from(a, w, S0, x86_r((int)lower_src(l, w, insn->rn, RAX)));
    vec_i(l, VGF2P8AFFINEQB, S0, S0, vector_constant(l, K_REVERSE_MATRIX), 0);
    x86_vmovd_to(a, w, x86_r((int)dst), S0);
    x86_bswap(a, w, dst);
    lower_done(l, insn->rd, dst);
}

static void rbit(struct lower *l, const struct a64_insn *insn, int w)
{
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    if (count_trailing(l, insn, w))
        return;
    if (l->dbt->gfni) {
        reverse_bits_by_matrix(l, insn, w);
        return;
    }
    lower_copy(l, w, insn->rn, RAX);
    x86_bswap(&l->a, w, RAX);
    swap_groups(l, w, 4, 0x0f0f0f0f0f0f0f0full);
    swap_groups(l, w, 2, 0x3333333333333333ull);
    swap_groups(l, w, 1, 0x5555555555555555ull);
    lower_done(l, insn->rd, RAX);
}

/* Reverses the bytes in groups of 8, 4 or 2. */
static void rev(struct lower *l, const struct a64_insn *insn, int w, unsigned group)
{
    struct x86 *a = &l->a;
    if (insn->rd == 31)
        return;
    lower_clobber(l);
    lower_copy(l, w, insn->rn, RAX);
    if (group == 2 && w) {
        swap_groups(l, w, 8, 0x00ff00ff00ff00ffull);
    } else {
        x86_bswap(a, w, RAX);
        if (group == 2)
            x86_shift_imm(a, SHIFT_ROR, 0, RAX, 16);
        else if (group == 4 && w)
            x86_shift_imm(a, SHIFT_ROR, 1, RAX, 32);
    }
    lower_done(l, insn->rd, RAX);
}

static void crc32c(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    struct x86 *a = &l->a;
    if (insn->rd == 31)
        return;
    lower_copy(l, 0, insn->rn, RAX);
    x86_crc32(a, size, RAX, x86_r((int)lower_src(l, 1, insn->rm, RCX)));
    lower_done(l, insn->rd, RAX);
}

/* ---- the table's functions ---- */

BOTH(ubfm, ubfm, w)
BOTH(sbfm, sbfm, w)
BOTH(bfm, bfm, w)
BOTH(extr, extr, w)
BOTH(lslv, shift_reg, SHIFT_SHL, w)
BOTH(lsrv, shift_reg, SHIFT_SHR, w)
BOTH(asrv, shift_reg, SHIFT_SAR, w)
BOTH(rorv, shift_reg, SHIFT_ROR, w)
BOTH(madd, madd, w, false)
BOTH(msub, madd, w, true)
ONE(smaddl, maddl, 6, false)
ONE(smsubl, maddl, 6, true)
ONE(umaddl, maddl, 2, false)
ONE(umsubl, maddl, 2, true)
BOTH(udiv, divide, w, false)
BOTH(sdiv, divide, w, true)
BOTH(clz, clz, w)
BOTH(cls, cls, w)
BOTH(rbit, rbit, w)
BOTH(rev16, rev, w, 2)
ONE(rev32_x, rev, 1, 4)
ONE(rev_w, rev, 0, 4)
ONE(rev_x, rev, 1, 8)
ONE(crc32cb, crc32c, 1)
ONE(crc32ch, crc32c, 2)
ONE(crc32cw, crc32c, 4)
ONE(crc32cx, crc32c, 8)

lower_fn *const lower_bits_table[A64_EXEC_COUNT] = {
    W_X(ubfm),    W_X(sbfm),    W_X(bfm),     W_X(extr),  W_X(lslv),   W_X(lsrv),
    W_X(asrv),    W_X(rorv),    W_X(madd),    W_X(msub),  ROW(smaddl), ROW(smsubl),
    ROW(umaddl),  ROW(umsubl),  W_X(udiv),    W_X(sdiv),  W_X(clz),    W_X(cls),
    W_X(rbit),    W_X(rev16),   ROW(rev32_x), ROW(rev_w), ROW(rev_x),  ROW(crc32cb),
    ROW(crc32ch), ROW(crc32cw), ROW(crc32cx), ROW(umulh), ROW(smulh),
};
