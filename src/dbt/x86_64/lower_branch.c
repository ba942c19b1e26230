/* SPDX-License-Identifier: MIT */
/* Branches (Arm manual C4.1.89). Conditional ones are side exits: the block goes on behind them. */

#include "lower.h"

#include "../../a64/mmu.h"

/* Where a branch by insn->imm goes, from the start of the page. */
static int64_t target_of(const struct lower *l, const struct a64_insn *insn)
{
    return (int64_t)insn->imm + lower_place(l, l->at);
}

/* A jump on CC to where INSN branches, out of the block. NZCV is in memory. */
static void side_exit(struct lower *l, const struct a64_insn *insn, enum x86_cc cc)
{
    const struct x86_label taken = x86_jcc(&l->a, cc);
    const int64_t target = target_of(l, insn);
    if (!(target & ~(int64_t)A64_PAGE_MASK) && !(l->mode & DBT_MODE_COUNT)) {
        lower_link(l, taken, target);
        return;
    }
    x86_land(&l->cold, taken);
    lower_jump(l, &l->cold, target, l->at + 1);
}

static void lower_b(struct lower *l, const struct a64_insn *insn)
{
    lower_save_flags(l);
    lower_jump(l, &l->a, target_of(l, insn), l->at + 1);
    l->ended = true;
}

/* X30 = the address behind the branch. */
static void set_link(struct lower *l)
{
    const unsigned dst = lower_dst(30, RAX);
    x86_mov(&l->a, 1, dst, x86_at(&l->dbt->hot->page));
    x86_lea(&l->a, 1, dst, x86_m((int)dst, (int32_t)lower_place(l, l->at + 1)));
    lower_done(l, 30, dst);
}

static void lower_bl(struct lower *l, const struct a64_insn *insn)
{
    lower_save_flags(l);
    set_link(l);
    lower_jump(l, &l->a, target_of(l, insn), l->at + 1);
    l->ended = true;
}

static void lower_b_cond(struct lower *l, const struct a64_insn *insn)
{
    if ((insn->word & 15) >= 14) {
        lower_b(l, insn);
        return;
    }
    lower_save_flags(l);
    side_exit(l, insn, lower_condition(l, insn->word & 15));
}

static void compare_zero(struct lower *l, const struct a64_insn *insn, int w, enum x86_cc cc)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    if (insn->rd == 31)
        x86_alu(a, ALU_CMP, 0, RAX, x86_r(RAX));
    else if (host_of[insn->rd] >= 0)
        x86_test(a, w, (unsigned)host_of[insn->rd], lower_rm(insn->rd));
    else
        x86_alu_imm(a, ALU_CMP, w, lower_rm(insn->rd), 0);
    side_exit(l, insn, cc);
}

static void test_bit(struct lower *l, const struct a64_insn *insn, enum x86_cc cc)
{
    struct x86 *a = &l->a;
    const unsigned bit = insn->word >> 31 << 5 | (insn->word >> 19 & 31);
    lower_clobber(l);
    if (insn->rd == 31)
        x86_test_imm(a, 0, x86_r(RAX), 0); /* CF is clear */
    else
        x86_bt_imm(a, 1, lower_rm(insn->rd), bit);
    side_exit(l, insn, cc);
}

static void lower_cbz_w(struct lower *l, const struct a64_insn *insn)
{
    compare_zero(l, insn, 0, CC_E);
}

static void lower_cbz_x(struct lower *l, const struct a64_insn *insn)
{
    compare_zero(l, insn, 1, CC_E);
}

static void lower_cbnz_w(struct lower *l, const struct a64_insn *insn)
{
    compare_zero(l, insn, 0, CC_NE);
}

static void lower_cbnz_x(struct lower *l, const struct a64_insn *insn)
{
    compare_zero(l, insn, 1, CC_NE);
}

static void lower_tbz(struct lower *l, const struct a64_insn *insn)
{
    test_bit(l, insn, CC_AE);
}

static void lower_tbnz(struct lower *l, const struct a64_insn *insn)
{
    test_bit(l, insn, CC_B);
}

/* ---- indirect ---- */

static void lower_ret(struct lower *l, const struct a64_insn *insn)
{
    lower_save_flags(l);
    lower_copy(l, 1, insn->rn, RAX);
    lower_jump_rax(l, l->at + 1);
    l->ended = true;
}

/* PSTATE.BTYPE, where the CPU has it, is the interpreter's. */
static void lower_br(struct lower *l, const struct a64_insn *insn)
{
    if (a64_has(&l->dbt->cpu->feat, A64_FEAT_BTI))
        lower_call(l, insn);
    else
        lower_ret(l, insn);
}

static void lower_blr(struct lower *l, const struct a64_insn *insn)
{
    if (a64_has(&l->dbt->cpu->feat, A64_FEAT_BTI)) {
        lower_call(l, insn);
        return;
    }
    lower_save_flags(l);
    lower_copy(l, 1, insn->rn, RCX);
    set_link(l);
    x86_mov_rr(&l->a, 1, RAX, RCX);
    lower_jump_rax(l, l->at + 1);
    l->ended = true;
}

static void lower_nop(struct lower *l, const struct a64_insn *insn)
{
}

/* Only a store followed by a load can be seen out of order on this host. */
static void lower_dmb(struct lower *l, const struct a64_insn *insn)
{
    if ((insn->word >> 8 & 3) != 1 && (insn->word >> 8 & 3) != 2) {
        lower_clobber(l);
        x86_u8(&l->a, 0xf0); /* LOCK OR [RSP - 8], 0 */
        x86_alu_imm(&l->a, ALU_OR, 0, x86_m(RSP, -8), 0);
    }
}

#define ROW(name) [A64_EXEC_##name] = lower_##name

lower_fn *const lower_branch_table[A64_EXEC_COUNT] = {
    ROW(b),      ROW(bl),     ROW(b_cond), ROW(cbz_w), ROW(cbz_x), ROW(cbnz_w), ROW(cbnz_x),
    ROW(tbz),    ROW(tbnz),   ROW(br),     ROW(blr),   ROW(ret),   ROW(nop),    ROW(dmb),
};
