/* SPDX-License-Identifier: MIT */
/* What a condition decides: conditional select and compare, and CFINV (Arm manual C4.1.95).
 *
 * Selects are CMOV, or ADC where the carry is what they add; compares branch to a rare path, unless
 * the condition cannot be foreseen: then they choose their operands. */

#include "lower_dp.h"

/* ---- select ---- */

enum select { SELECT, INCREMENT, INVERT, NEGATE };

/* CSET and CSETM. */
static void set_condition(struct lower *l, unsigned d, int w, unsigned cond, bool mask)
{
    struct x86 *a = &l->a;
    const enum x86_cc cc = lower_condition(l, cond);
    x86_setcc(a, cc, RAX);
    const unsigned dst = lower_dst(d, RAX);
    x86_movzx8(a, dst, x86_r(RAX));
    if (mask) {
        /* -1 from 1 without flags: NOT and add one. */
        x86_not(a, w, dst);
        x86_lea(a, w, dst, x86_m((int)dst, 1));
    }
    lower_done(l, d, dst);
}

/* d = n + 1, or n as it is where the carry of what is in EFLAGS decides so: CC is CC_B or CC_AE, of
 * n. EFLAGS are not needed any more. */
static void add_carry(struct lower *l, const struct a64_insn *insn, int w, enum x86_cc cc)
{
    const unsigned dst = lower_dst(insn->rd, RAX);
    if (dst == RAX || insn->rd != insn->rn)
        lower_copy(l, w, insn->rn, dst);
    if (cc == CC_AE)
        x86_alu_imm(&l->a, ALU_ADC, w, x86_r((int)dst), 0);
    else
        x86_alu_imm(&l->a, ALU_SBB, w, x86_r((int)dst), -1);
    l->flags.host = false;
    lower_done(l, insn->rd, dst);
}

/* What a select takes instead of n, in a register of its own: DST, or m's. */
static unsigned other_choice(struct lower *l, const struct a64_insn *insn, enum select kind, int w,
                             unsigned dst)
{
    struct x86 *a = &l->a;
    if (kind == INCREMENT && insn->rm != 31 && host_of[insn->rm] >= 0) {
        x86_lea(a, w, dst, x86_m(host_of[insn->rm], 1));
        return dst;
    }
    if (dst != lower_dst(insn->rm, X86_NONE))
        lower_copy(l, w, insn->rm, dst);
    if (kind == INVERT || kind == NEGATE)
        x86_not(a, w, dst);
    if (kind == INCREMENT || kind == NEGATE)
        x86_lea(a, w, dst, x86_m((int)dst, 1));
    return dst;
}

/* d = n if CC holds. */
static void choose(struct lower *l, const struct a64_insn *insn, enum select kind, int w,
                   enum x86_cc cc)
{
    struct x86 *a = &l->a;
    const unsigned d = insn->rd;
    if (d == insn->rn && host_of[d] >= 0) {
        struct x86_rm other = kind == SELECT && insn->rm != 31 ? lower_rm(insn->rm) : x86_r(RCX);
        if (kind != SELECT || insn->rm == 31)
            other_choice(l, insn, kind, w, RCX);
        x86_cmov(a, (enum x86_cc)(cc ^ 1), w, (unsigned)host_of[d], other);
        return;
    }
    const unsigned dst = lower_dst(d, RCX);
    other_choice(l, insn, kind, w, dst);
    x86_cmov(a, cc, w, dst,
             insn->rn == 31 ? x86_r((int)lower_src(l, w, 31, RAX)) : lower_rm(insn->rn));
    lower_done(l, d, dst);
}

static void select(struct lower *l, const struct a64_insn *insn, enum select kind, int w)
{
    const unsigned cond = insn->word >> 12 & 15, d = insn->rd;
    if (d == 31)
        return;
    if (cond >= 14) {
        const unsigned dst = lower_dst(d, RAX);
        lower_copy(l, w, insn->rn, dst);
        lower_done(l, d, dst);
        return;
    }
    if (insn->rn == 31 && insn->rm == 31 && (kind == INCREMENT || kind == INVERT)) {
        set_condition(l, d, w, cond ^ 1, kind == INVERT);
        return;
    }
    const bool carries = kind == INCREMENT && insn->rn == insn->rm && insn->rn != 31;
    const enum x86_cc cc = carries ? lower_carry_condition(l, cond) : lower_condition(l, cond);
    if (carries && (cc == CC_B || cc == CC_AE) && (!lower_keep_flags(l) || !l->flags.dirty))
        add_carry(l, insn, w, cc);
    else
        choose(l, insn, kind, w, cc);
}

/* ---- compare ---- */

/* The comparison of CCMP, SUB, or CCMN. IMMEDIATE: with the number in the register's field. */
static void compare(struct lower *l, const struct a64_insn *insn, int w, bool sub, bool immediate)
{
    struct x86 *a = &l->a;
    const unsigned n = insn->rn, m = insn->rm;
    if (sub && immediate && n != 31) {
        x86_alu_imm(a, ALU_CMP, w, lower_rm(n), (int32_t)m);
        return;
    }
    if (!sub)
        lower_copy(l, w, n, RCX);
    const unsigned first = sub ? lower_src(l, w, n, RCX) : RCX;
    if (immediate)
        x86_alu_imm(a, sub ? ALU_CMP : ALU_ADD, w, x86_r((int)first), (int32_t)m);
    else
        x86_alu(a, sub ? ALU_CMP : ALU_ADD, w, first,
                m == 31 ? x86_r((int)lower_src(l, w, 31, RAX)) : lower_rm(m));
    if (!sub)
        x86_cmc(a);
}

/* CCMP without a branch: its operands if CC holds, else two numbers whose difference has the flags
 * NZCV. False: there are no such, or none that are short. */
static bool compare_chosen(struct lower *l, const struct a64_insn *insn, int w, bool immediate,
                           enum x86_cc cc, unsigned nzcv)
{
    static const int8_t numbers[16][2] = {[0] = {1, -1}, [2] = {2, 1}, [6] = {1, 1}, [8] = {1, 2}};
    struct x86 *a = &l->a;
    const int8_t *number = numbers[nzcv];
    const unsigned n = insn->rn, m = insn->rm;
    if (!number[0] || n == 31)
        return false;
    x86_imm(a, RAX, (uint64_t)number[0]);
    x86_imm(a, RCX, w ? (uint64_t)number[1] : (uint32_t)number[1]);
    if (immediate || m == 31)
        x86_imm(a, RDX, immediate ? m : 0);
    x86_cmov(a, cc, w, RAX, lower_rm(n));
    x86_cmov(a, cc, w, RCX, immediate || m == 31 ? x86_r(RDX) : lower_rm(m));
    x86_alu(a, ALU_CMP, w, RAX, x86_r(RCX));
    return true;
}

/* CCMP and CCMN: compares if COND holds, else the flags are bits [3:0]. */
static void compare_if(struct lower *l, const struct a64_insn *insn, int w, bool sub,
                       bool immediate)
{
    struct x86 *cold = &l->cold;
    const unsigned cond = insn->word >> 12 & 15, nzcv = insn->word & 15;
    const bool always = cond >= 14, random = sub && lower_is_carry_of_sum(l, cond);
    const enum x86_cc cc = always ? CC_E : lower_condition(l, cond);
    if (random && compare_chosen(l, insn, w, immediate, cc, nzcv)) {
        lower_set_flags(l, FLAGS_SUB);
        return;
    }
    if (!always) {
        x86_land(cold, x86_jcc(&l->a, (enum x86_cc)(cc ^ 1)));
        lower_swap(l);
        lower_load_nzcv(l, nzcv);
        lower_swap(l);
    }
    compare(l, insn, w, sub, immediate);
    if (!always)
        x86_jmp_to(cold, x86_here(&l->a));
    lower_set_flags(l, FLAGS_SUB);
}

static void lower_cfinv(struct lower *l, const struct a64_insn *insn)
{
    lower_need_flags(l);
    x86_cmc(&l->a);
    lower_set_flags(l, FLAGS_SUB);
}

/* ---- the table's functions ---- */

BOTH(csel, select, SELECT, w)
BOTH(csinc, select, INCREMENT, w)
BOTH(csinv, select, INVERT, w)
BOTH(csneg, select, NEGATE, w)
BOTH(ccmp_imm, compare_if, w, true, true)
BOTH(ccmn_imm, compare_if, w, false, true)
BOTH(ccmp_reg, compare_if, w, true, false)
BOTH(ccmn_reg, compare_if, w, false, false)

lower_fn *const lower_cond_table[A64_EXEC_COUNT] = {
    W_X(csel),     W_X(csinc),    W_X(csinv),    W_X(csneg), W_X(ccmp_imm),
    W_X(ccmn_imm), W_X(ccmp_reg), W_X(ccmn_reg), ROW(cfinv),
};
