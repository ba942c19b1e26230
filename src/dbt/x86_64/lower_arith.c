/* SPDX-License-Identifier: MIT */
/* Integer arithmetic and logic, constants and addresses (Arm manual C4.1.92 and C4.1.95).
 *
 * A 32-bit host operation clears the upper half of its register as a W destination wants it. */

#include "lower_dp.h"

/* A 64-bit immediate as the sign-extended 32 bits that host instructions take. */
static bool fits32(uint64_t imm)
{
    return imm == (uint64_t)(int64_t)(int32_t)imm;
}

/* ---- add and subtract ---- */

/* d = n. */
static void move(struct lower *l, int w, unsigned d, unsigned n)
{
    if (w && host_of[d] < 0 && n != 31 && host_of[n] >= 0) {
        x86_store(&l->a, 1, guest_memory(d), (unsigned)host_of[n]);
        return;
    }
    const unsigned dst = lower_dst(d, RAX);
    lower_copy(l, w, n, dst);
    lower_done(l, d, dst);
}

/* d = n +- imm, the flags as they were. */
static void add_imm(struct lower *l, int w, unsigned d, unsigned n, int32_t imm)
{
    if (imm == 0) {
        move(l, w, d, n);
        return;
    }
    const unsigned base = lower_src(l, w, n, RAX), dst = lower_dst(d, RAX);
    x86_lea(&l->a, w, dst, x86_m((int)base, imm));
    lower_done(l, d, dst);
}

/* The same with flags; D is 31 for a compare. */
static void adds_imm(struct lower *l, int w, bool sub, unsigned d, unsigned n, int32_t imm)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    if (d == 31 && sub) {
        x86_alu_imm(a, ALU_CMP, w, lower_rm(n), imm);
    } else {
        const unsigned dst = lower_work_in(d, X86_NONE);
        if (d != n || dst == RAX)
            lower_copy(l, w, n, dst);
        x86_alu_imm(a, sub ? ALU_SUB : ALU_ADD, w, x86_r((int)dst), imm);
        lower_result(l, d, dst);
    }
    lower_set_flags(l, sub ? FLAGS_SUB : FLAGS_ADD);
}

static void addsub_imm(struct lower *l, const struct a64_insn *insn, int w, bool sub, bool flags)
{
    const unsigned n = insn->rn == 31 ? GUEST_SP : insn->rn;
    const int32_t imm = (int32_t)insn->imm;
    if (flags && lower_flags_wanted(l)) {
        adds_imm(l, w, sub, insn->rd, n, imm);
        return;
    }
    const unsigned d = insn->rd == 31 && !flags ? GUEST_SP : insn->rd;
    if (d == 31)
        return;
    add_imm(l, w, d, n, sub ? -imm : imm);
    if (d == GUEST_SP)
        lower_sp_written(l, n == GUEST_SP && !(imm & 15));
}

/* d = n + host register M. */
static void add_reg(struct lower *l, int w, unsigned d, unsigned n, unsigned m)
{
    const unsigned base = lower_src(l, w, n, RAX), dst = lower_dst(d, RAX);
    x86_lea(&l->a, w, dst, x86_mx((int)base, (int)m, 0, 0));
    lower_result(l, d, dst);
}

/* d = n op M (an operand other than RAX), EFLAGS set. */
static void alu_reg(struct lower *l, enum x86_alu op, int w, unsigned d, unsigned n,
                    struct x86_rm m)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    const unsigned dst = lower_work_in(d, m.reg);
    if (d != n || dst == RAX)
        lower_copy(l, w, n, dst);
    x86_alu(a, op, w, dst, m);
    lower_result(l, d, dst);
}

/* d = n +- M without EFLAGS: -M is ~M + 1. */
static void addsub_keeping(struct lower *l, int w, bool sub, unsigned d, unsigned n,
                           struct x86_rm m)
{
    struct x86 *a = &l->a;
    const unsigned dst = lower_dst(d, RAX);
    if (m.reg != RCX)
        x86_mov(a, w, RCX, m);
    if (sub)
        x86_not(a, w, RCX);
    x86_lea(a, w, dst, x86_mx((int)lower_src(l, w, n, RAX), RCX, 0, sub));
    lower_result(l, d, dst);
}

/* d = n +- M, with M in a host register or (not the zero register) an operand. */
static void addsub(struct lower *l, int w, bool sub, bool flags, unsigned d, unsigned n,
                   struct x86_rm m)
{
    struct x86 *a = &l->a;
    if (!flags || !lower_flags_wanted(l)) {
        if (d == 31)
            return;
        if (!sub && m.reg >= 0 && m.reg != RAX)
            add_reg(l, w, d, n, (unsigned)m.reg);
        else if (lower_keep_flags(l))
            addsub_keeping(l, w, sub, d, n, m);
        else
            alu_reg(l, sub ? ALU_SUB : ALU_ADD, w, d, n, m);
        return;
    }
    if (d == 31 && sub && n != 31 && host_of[n] < 0 && m.reg >= 0) {
        lower_clobber(l);
        x86_alu_store(a, ALU_CMP, w, lower_rm(n), (unsigned)m.reg);
    } else if (d == 31 && sub && (n == 31 || host_of[n] >= 0)) {
        lower_clobber(l);
        x86_alu(a, ALU_CMP, w, lower_src(l, w, n, RAX), m);
    } else {
        alu_reg(l, sub ? ALU_SUB : ALU_ADD, w, d, n, m);
    }
    lower_set_flags(l, sub ? FLAGS_SUB : FLAGS_ADD);
}

/* Register M shifted as bits [23:22] and [15:10] say; a shift is computed in RCX, which costs
 * EFLAGS. */
static struct x86_rm shifted(struct lower *l, int w, const struct a64_insn *insn)
{
    static const uint8_t shift[4] = {SHIFT_SHL, SHIFT_SHR, SHIFT_SAR, SHIFT_ROR};
    const unsigned by = insn->word >> 10 & 63, kind = insn->word >> 22 & 3;
    if (insn->rm == 31) {
        x86_imm(&l->a, RCX, 0);
        return x86_r(RCX);
    }
    if (by == 0)
        return lower_rm(insn->rm);
    if (kind == 3) {
        x86_rorx(&l->a, w, RCX, lower_rm(insn->rm), by);
        return x86_r(RCX);
    }
    if (lower_keep_flags(l)) {
        x86_imm(&l->a, RCX, by);
        x86_shiftx(&l->a, (enum x86_shift)shift[kind], w, RCX, lower_rm(insn->rm), RCX);
        return x86_r(RCX);
    }
    lower_clobber(l);
    lower_copy(l, w, insn->rm, RCX);
    x86_shift_imm(&l->a, (enum x86_shift)shift[kind], w, RCX, by);
    return x86_r(RCX);
}

/* An addition of a register shifted left by 1 to 3 is one LEA. */
static bool lea_shifted(struct lower *l, const struct a64_insn *insn, int w)
{
    const unsigned by = insn->word >> 10 & 63;
    if (insn->word >> 22 & 3 || by > 3 || insn->rm == 31)
        return false;
    const unsigned n = lower_src(l, w, insn->rn, RAX), m = lower_src(l, w, insn->rm, RCX);
    const unsigned dst = lower_dst(insn->rd, RAX);
    if (insn->rn == 31)
        return false;
    x86_lea(&l->a, w, dst, x86_mx((int)n, (int)m, by, 0));
    lower_done(l, insn->rd, dst);
    return true;
}

/* d = -m, the flags as they were. */
static void negate(struct lower *l, int w, unsigned d, unsigned m)
{
    struct x86 *a = &l->a;
    const bool keep = lower_keep_flags(l);
    if (!keep)
        lower_clobber(l);
    const unsigned dst = lower_dst(d, RAX);
    if (d != m || dst == RAX)
        lower_copy(l, w, m, dst);
    if (keep) {
        x86_not(a, w, dst);
        x86_lea(a, w, dst, x86_m((int)dst, 1));
    } else {
        x86_neg(a, w, dst);
    }
    lower_result(l, d, dst);
}

static void addsub_shift(struct lower *l, const struct a64_insn *insn, int w, bool sub, bool flags)
{
    const bool wanted = flags && lower_flags_wanted(l);
    if (!wanted && insn->rd == 31)
        return;
    if (!wanted && !sub && lea_shifted(l, insn, w))
        return;
    if (!wanted && sub && insn->rn == 31 && insn->rm != 31 && !(insn->word >> 10 & 63)) {
        negate(l, w, insn->rd, insn->rm);
        return;
    }
    addsub(l, w, sub, flags, insn->rd, insn->rn, shifted(l, w, insn));
}

/* Register M extended as bits [15:13] say and shifted by [12:10], in RCX. */
static void extended(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const unsigned by = insn->word >> 10 & 7;
    if (by)
        lower_clobber(l);
    lower_extend(l, RCX, insn->rm, insn->word >> 13 & 7);
    if (by)
        x86_shift_imm(a, SHIFT_SHL, 1, RCX, by);
}

void lower_extend(struct lower *l, unsigned dst, unsigned m, unsigned option)
{
    struct x86 *a = &l->a;
    if (m == 31) {
        x86_imm(a, dst, 0);
        return;
    }
    const struct x86_rm rm = lower_rm(m);
    switch (option) {
    case 0:
        x86_movzx8(a, dst, rm);
        break;
    case 1:
        x86_movzx16(a, dst, rm);
        break;
    case 2:
        x86_mov(a, 0, dst, rm);
        break;
    case 4:
        x86_movsx8(a, 1, dst, rm);
        break;
    case 5:
        x86_movsx16(a, 1, dst, rm);
        break;
    case 6:
        x86_movsxd(a, dst, rm);
        break;
    default:
        x86_mov(a, 1, dst, rm);
    }
}

static void addsub_ext(struct lower *l, const struct a64_insn *insn, int w, bool sub, bool flags)
{
    const unsigned n = insn->rn == 31 ? GUEST_SP : insn->rn;
    const unsigned d = insn->rd == 31 && !flags ? GUEST_SP : insn->rd;
    extended(l, insn);
    addsub(l, w, sub, flags, d, n, x86_r(RCX));
    if (d == GUEST_SP)
        lower_sp_written(l, false);
}

/* d = n + m + C, or n - m - !C: with CF the inverse of C the latter is SBB. */
static void addsub_carry(struct lower *l, const struct a64_insn *insn, int w, bool sub, bool flags)
{
    struct x86 *a = &l->a;
    lower_need_flags(l);
    if (insn->rm == 31)
        x86_imm(a, RCX, 0);
    lower_copy(l, w, insn->rn, RDX);
    const bool wanted = flags && lower_flags_wanted(l);
    if (!wanted && l->flags.dirty && l->flags_live[l->at + 1])
        lower_save_flags(l); /* LAHF and SETO leave CF */
    if (!sub)
        x86_cmc(a);
    x86_alu(a, sub ? ALU_SBB : ALU_ADC, w, RDX, insn->rm == 31 ? x86_r(RCX) : lower_rm(insn->rm));
    l->flags.host = false;
    if (wanted)
        lower_set_flags(l, sub ? FLAGS_SUB : FLAGS_ADD);
    lower_done(l, insn->rd, RDX);
}

/* ---- logic ---- */

/* d = n op M, where ANDS is ALU_AND with FLAGS. */
static void logic(struct lower *l, enum x86_alu op, int w, bool flags, unsigned d, unsigned n,
                  struct x86_rm m)
{
    const bool wanted = flags && lower_flags_wanted(l);
    if (d == 31 && wanted && m.reg >= 0) {
        lower_clobber(l);
        x86_test(&l->a, w, (unsigned)m.reg,
                 n == 31 ? x86_r((int)lower_src(l, w, n, RAX)) : lower_rm(n));
    } else if (d != 31 || wanted) {
        alu_reg(l, op, w, d, n, m);
    }
    if (wanted)
        lower_set_flags(l, FLAGS_LOGIC);
}

/* AND with 0xff, 0xffff or 0xffffffff is an extension. */
static bool mask_extends(struct lower *l, const struct a64_insn *insn, unsigned d, int w)
{
    const uint64_t imm = w ? insn->imm : (uint32_t)insn->imm;
    const unsigned option = imm == 0xff ? 0 : imm == 0xffff ? 1 : 2;
    if ((option == 2 && imm != 0xffffffff) || d == GUEST_SP || d == 31)
        return false;
    const unsigned dst = lower_dst(d, RAX);
    lower_extend(l, dst, insn->rn, option);
    lower_result(l, d, dst);
    return true;
}

static void logic_imm(struct lower *l, const struct a64_insn *insn, enum x86_alu op, int w,
                      bool flags)
{
    struct x86 *a = &l->a;
    const unsigned d = insn->rd == 31 && !flags ? GUEST_SP : insn->rd;
    const uint64_t imm = w ? insn->imm : (uint64_t)(int64_t)(int32_t)insn->imm;
    const bool wanted = flags && lower_flags_wanted(l);
    if (op == ALU_AND && !wanted && mask_extends(l, insn, d, w))
        return;
    if (op == ALU_OR && insn->rn == 31) {
        const unsigned dst = lower_dst(d, RAX);
        x86_imm(a, dst, w ? imm : (uint32_t)imm);
        lower_done(l, d, dst);
    } else if (!fits32(imm)) {
        x86_imm(a, RCX, imm);
        logic(l, op, w, flags, d, insn->rn, x86_r(RCX));
    } else if (wanted && d == 31) {
        lower_clobber(l);
        x86_test_imm(a, w,
                     insn->rn == 31 ? x86_r((int)lower_src(l, w, 31, RAX)) : lower_rm(insn->rn),
                     (int32_t)imm);
        lower_set_flags(l, FLAGS_LOGIC);
    } else if (d != 31 || wanted) {
        lower_clobber(l);
        const unsigned dst = lower_work_in(d, X86_NONE);
        if (d != insn->rn || dst == RAX)
            lower_copy(l, w, insn->rn, dst);
        /* A mask of 31 bits or fewer clears the upper half by itself; SF is 0 either way. */
        const int wide = w && !(op == ALU_AND && !(imm >> 31));
        x86_alu_imm(a, op, wide, x86_r((int)dst), (int32_t)imm);
        lower_result(l, d, dst);
        if (wanted)
            lower_set_flags(l, FLAGS_LOGIC);
    }
    if (d == GUEST_SP)
        lower_sp_written(l, false);
}

/* ORR with the zero register is MOV, ORN is MVN. */
static bool move_shift(struct lower *l, const struct a64_insn *insn, enum x86_alu op, int w,
                       bool inverted)
{
    if (op != ALU_OR || insn->rn != 31 || insn->word >> 10 & 63)
        return false;
    if (insn->rd == 31)
        return true;
    if (!inverted) {
        move(l, w, insn->rd, insn->rm);
        return true;
    }
    const unsigned dst = lower_dst(insn->rd, RAX);
    lower_copy(l, w, insn->rm, dst);
    x86_not(&l->a, w, dst);
    lower_done(l, insn->rd, dst);
    return true;
}

/* d = n without the bits of M. */
static void and_not(struct lower *l, int w, bool flags, unsigned d, unsigned n, struct x86_rm m)
{
    struct x86 *a = &l->a;
    const unsigned dst = d == 31 ? RAX : lower_dst(d, RAX);
    lower_clobber(l);
    if (m.reg < 0)
        x86_mov(a, w, RCX, m);
    x86_andn(a, w, dst, m.reg < 0 ? RCX : (unsigned)m.reg, lower_rm(n));
    lower_done(l, d, dst);
    if (flags && lower_flags_wanted(l))
        lower_set_flags(l, FLAGS_LOGIC);
}

static void logic_shift(struct lower *l, const struct a64_insn *insn, enum x86_alu op, int w,
                        bool flags, bool inverted)
{
    if (move_shift(l, insn, op, w, inverted))
        return;
    if (insn->rd == 31 && !(flags && lower_flags_wanted(l)))
        return;
    struct x86_rm m = shifted(l, w, insn);
    if (inverted && op == ALU_AND && insn->rn != 31) {
        and_not(l, w, flags, insn->rd, insn->rn, m);
        return;
    }
    if (inverted) {
        if (m.reg != RCX)
            x86_mov(&l->a, w, RCX, m);
        x86_not(&l->a, w, RCX);
        m = x86_r(RCX);
    }
    logic(l, op, w, flags, insn->rd, insn->rn, m);
}

/* ---- constants and addresses ---- */

static void constant(struct lower *l, unsigned d, uint64_t value)
{
    if (d == 31)
        return;
    if (host_of[d] < 0 && fits32(value)) {
        x86_store64_imm(&l->a, guest_memory(d), (int32_t)value);
        return;
    }
    const unsigned dst = lower_dst(d, RAX);
    x86_imm(&l->a, dst, value);
    lower_done(l, d, dst);
}

/* MOVZ or MOVN with the MOVKs that follow it are one constant; their instructions are skipped. */
static void lower_movz(struct lower *l, const struct a64_insn *insn)
{
    uint64_t value = insn->imm;
    while (l->at + 1 < l->count) {
        const struct a64_insn *next = insn + 1;
        const unsigned id = next->row == A64_ROW_NONE ? 0 : a64_exec_ids[next->row];
        if ((id != A64_EXEC_movk_w && id != A64_EXEC_movk_x) || next->rd != insn->rd)
            break;
        const unsigned shift = (next->word >> 21 & 3) * 16;
        value = (value & ~(0xffffull << shift)) | (uint64_t)(next->word >> 5 & 0xffff) << shift;
        if (id == A64_EXEC_movk_w)
            value = (uint32_t)value;
        l->at++;
        insn = next;
    }
    constant(l, insn->rd, value);
}

static void movk(struct lower *l, const struct a64_insn *insn, int w)
{
    struct x86 *a = &l->a;
    const unsigned shift = (insn->word >> 21 & 3) * 16, size = w ? 64 : 32;
    if (insn->rd == 31)
        return;
    x86_rorx(a, w, RAX, lower_rm(insn->rd), shift);
    x86_u8(a, 0x66); /* MOV AX, imm16 */
    x86_u8(a, 0xb8);
    x86_u8(a, insn->word >> 5 & 0xff);
    x86_u8(a, insn->word >> 13 & 0xff);
    const unsigned dst = lower_dst(insn->rd, RAX);
    x86_rorx(a, w, dst, x86_r(RAX), (size - shift) & (size - 1));
    lower_done(l, insn->rd, dst);
}

static void address(struct lower *l, unsigned d, int64_t place)
{
    struct x86 *a = &l->a;
    if (d == 31)
        return;
    const unsigned dst = lower_dst(d, RAX);
    if (place == (int32_t)place) {
        x86_mov(a, 1, RAX, x86_at(&l->dbt->hot->page));
        x86_lea(a, 1, dst, x86_m(RAX, (int32_t)place));
    } else {
        x86_imm(a, RCX, (uint64_t)place);
        x86_mov(a, 1, RAX, x86_at(&l->dbt->hot->page));
        x86_lea(a, 1, dst, x86_mx(RAX, RCX, 0, 0));
    }
    lower_done(l, d, dst);
}

static void lower_adr(struct lower *l, const struct a64_insn *insn)
{
    address(l, insn->rd, (int64_t)insn->imm + lower_place(l, l->at));
}

static void lower_adrp(struct lower *l, const struct a64_insn *insn)
{
    address(l, insn->rd, (int64_t)insn->imm);
}

/* ---- the table's functions ---- */

BOTH(add_imm, addsub_imm, w, false, false)
BOTH(sub_imm, addsub_imm, w, true, false)
BOTH(adds_imm, addsub_imm, w, false, true)
BOTH(subs_imm, addsub_imm, w, true, true)
BOTH(add_shift, addsub_shift, w, false, false)
BOTH(sub_shift, addsub_shift, w, true, false)
BOTH(adds_shift, addsub_shift, w, false, true)
BOTH(subs_shift, addsub_shift, w, true, true)
BOTH(add_ext, addsub_ext, w, false, false)
BOTH(sub_ext, addsub_ext, w, true, false)
BOTH(adds_ext, addsub_ext, w, false, true)
BOTH(subs_ext, addsub_ext, w, true, true)
BOTH(adc, addsub_carry, w, false, false)
BOTH(sbc, addsub_carry, w, true, false)
BOTH(adcs, addsub_carry, w, false, true)
BOTH(sbcs, addsub_carry, w, true, true)
BOTH(and_imm, logic_imm, ALU_AND, w, false)
BOTH(orr_imm, logic_imm, ALU_OR, w, false)
BOTH(eor_imm, logic_imm, ALU_XOR, w, false)
BOTH(ands_imm, logic_imm, ALU_AND, w, true)
BOTH(and_shift, logic_shift, ALU_AND, w, false, false)
BOTH(orr_shift, logic_shift, ALU_OR, w, false, false)
BOTH(eor_shift, logic_shift, ALU_XOR, w, false, false)
BOTH(ands_shift, logic_shift, ALU_AND, w, true, false)
BOTH(bic_shift, logic_shift, ALU_AND, w, false, true)
BOTH(orn_shift, logic_shift, ALU_OR, w, false, true)
BOTH(eon_shift, logic_shift, ALU_XOR, w, false, true)
BOTH(bics_shift, logic_shift, ALU_AND, w, true, true)
BOTH(movk, movk, w)

lower_fn *const lower_arith_table[A64_EXEC_COUNT] = {
    W_X(add_imm),   W_X(sub_imm),    W_X(adds_imm),   W_X(subs_imm),   W_X(add_shift),
    W_X(sub_shift), W_X(adds_shift), W_X(subs_shift), W_X(add_ext),    W_X(sub_ext),
    W_X(adds_ext),  W_X(subs_ext),   W_X(adc),        W_X(sbc),        W_X(adcs),
    W_X(sbcs),      W_X(and_imm),    W_X(orr_imm),    W_X(eor_imm),    W_X(ands_imm),
    W_X(and_shift), W_X(orr_shift),  W_X(eor_shift),  W_X(ands_shift), W_X(bic_shift),
    W_X(orn_shift), W_X(eon_shift),  W_X(bics_shift), W_X(movk),       ROW(movz),
    ROW(adr),       ROW(adrp),
};
