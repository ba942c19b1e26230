/* SPDX-License-Identifier: MIT */
/* Branches (Arm manual C4.1.89). Conditional ones are side exits: the block goes on behind them. */

#include "lower_mem.h"
#include "pauth.h"

#include "../../a64/exception.h"
#include "../../a64/mmu.h"

/* Where a branch by insn->imm goes, from the start of the page. */
static int64_t target_of(const struct lower *l, const struct a64_insn *insn)
{
    return (int64_t)insn->imm + lower_place(l, l->at);
}

/* A jump on CC to where INSN branches, out of the block. */
static void side_exit(struct lower *l, const struct a64_insn *insn, enum x86_cc cc)
{
    if (lower_loop_back(l, cc))
        return;
    lower_go(l, cc, false, target_of(l, insn), l->at + 1);
}

static void lower_b(struct lower *l, const struct a64_insn *insn)
{
    lower_go(l, CC_O, true, target_of(l, insn), l->at + 1);
    l->ended = true;
}

/* X30 = the address behind the branch; the host register that has it, SCRATCH if it is not pinned. PAGE = the page. */
static unsigned set_link(struct lower *l, unsigned page, unsigned scratch)
{
    const unsigned dst = lower_dst(30, scratch);
    x86_mov(&l->a, 1, page, x86_at(&l->dbt->hot->page));
    x86_lea(&l->a, 1, dst, x86_m((int)page, (int32_t)lower_place(l, l->at + 1)));
    lower_done(l, 30, dst);
    return dst;
}

static void lower_bl(struct lower *l, const struct a64_insn *insn)
{
    lower_save_flags(l); /* they may be X30's */
    lower_go_calling(l, target_of(l, insn), set_link(l, RAX, RCX));
    l->ended = true;
}

static void lower_b_cond(struct lower *l, const struct a64_insn *insn)
{
    if ((insn->word & 15) >= 14) {
        lower_b(l, insn);
        return;
    }
    if (lower_turns_end(l)) {
        lower_turn(l, lower_condition(l, insn->word & 15));
        return;
    }
    if (!lower_loop_ends(l)) {
        l->flags.tell = lower_can_tell(l, target_of(l, insn));
        const bool in_vain = l->flags.tell || (int64_t)insn->imm > 0;
        if (!(in_vain && lower_put_off_flags(l)) && !l->flags.tell)
            lower_save_flags(l);
    }
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

/* How an indirect branch goes on, which PSTATE.BTYPE tells its target. */
enum kind { JUMP, CALL, RETURN };

/* A jump through X16 or X17, as of linker veneers, counts as a call too, and one from a page that
 * is not guarded (BTypeNext of the Arm manual's BR). */
static unsigned next_btype(const struct lower *l, const struct a64_insn *insn, enum kind kind)
{
    if (kind == RETURN || !a64_has(&l->dbt->cpu->feat, A64_FEAT_BTI))
        return 0;
    const bool veneer = insn->rn == 16 || insn->rn == 17;
    return kind == CALL ? 2 : l->mode & DBT_GUARDED && !veneer ? 3 : 1;
}

/* To TARGET, which is RAX but for a return. NZCV is in memory. */
static void indirect(struct lower *l, const struct a64_insn *insn, enum kind kind, unsigned target)
{
    const unsigned btype = next_btype(l, insn, kind);
    if (kind == CALL)
        lower_call_rax(l, btype, set_link(l, RCX, RCX));
    else if (kind == RETURN)
        lower_return(l, target);
    else
        lower_jump_rax(l, l->at + 1, btype);
    l->ended = true;
}

static void branch(struct lower *l, const struct a64_insn *insn, enum kind kind)
{
    lower_save_flags(l);
    if (kind != RETURN)
        lower_copy(l, 1, insn->rn, RAX);
    indirect(l, insn, kind, kind == RETURN ? lower_src(l, 1, insn->rn, RAX) : RAX);
}

/* The target is X<n>, signed with MODIFIER and KEY. The rare path does not come back. */
static void authenticated(struct lower *l, const struct a64_insn *insn, enum kind kind, unsigned n,
                          unsigned modifier, enum a64_key key)
{
    lower_save_flags(l);
    lower_copy(l, 1, n, RAX);
    lower_copy(l, 1, modifier, RDX);
    lower_checked(l, lower_pac(l, insn, l->dbt->stub.auth[dbt_pac_place(l->mode)][key]));
    indirect(l, insn, kind, RAX);
}

/* ---- targets ---- */

static int exec_bad_target(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_raise(cpu, A64_EC_BTI, (uint32_t)insn->imm, 0);
}

/* Whether WORD may be the target of an indirect branch with BTYPE, but for SCTLR_ELx.BTn. */
static bool is_landing_pad(uint32_t word, unsigned btype)
{
    const uint32_t exception = word & 0xffe0001f;
    if ((word & 0xffffff3f) == 0xd503241f) { /* BTI {c|j|jc} */
        const unsigned targets = word >> 6 & 3;
        return targets == 3 || (targets == 1 && btype != 3) || (targets == 2 && btype != 2);
    }
    return word == 0xd503233f || word == 0xd503237f ||         /* PACIASP, PACIBSP */
           exception == 0xd4200000 || exception == 0xd4400000; /* BRK, HLT */
}

void lower_landing(struct lower *l)
{
    const struct a64_insn wrong = {.exec = exec_bad_target, .imm = lower_btype(l)};
    const uint32_t word = l->insn[0].word;
    const unsigned el = l->mode & DBT_MODE_EL, regime = el == 2 || l->mode & DBT_MODE_HOST ? 2 : 1;
    if (!(l->mode & DBT_GUARDED))
        return;
    if (!is_landing_pad(word, lower_btype(l))) {
        lower_call(l, &wrong);
        l->ended = true;
    } else if (lower_btype(l) == 3 && (word | 0x40) == 0xd503237f) {
        /* The upper half of SCTLR_ELx. */
        const uint64_t strict = el ? A64_SCTLR_BT1 : A64_SCTLR_BT0;
        x86_test_imm(&l->a, 0, x86_beyond(CPU(sr.sctlr[regime]), 4), (int32_t)(strict >> 32));
        const struct x86_label bad = x86_jcc(&l->a, CC_NE);
        x86_land(&l->cold, bad);
        lower_call_cold(l, &wrong);
    }
}

static void lower_nop(struct lower *l, const struct a64_insn *insn)
{
}

static bool is_full_barrier(const struct a64_insn *insn)
{
    return insn->row != A64_ROW_NONE && a64_exec_ids[insn->row] == A64_EXEC_dmb &&
           (insn->word >> 8 & 3) != 1 && (insn->word >> 8 & 3) != 2;
}

/* Whether nothing has been stored since a full barrier in this block. */
static bool is_behind_barrier(const struct lower *l)
{
    for (unsigned i = l->at; i--;) {
        if (is_full_barrier(&l->insn[i]))
            return true;
        if (l->insn[i].row == A64_ROW_NONE || l->insn[i].flags & (A64_F_MW | A64_F_SYS | A64_F_END))
            return false;
    }
    return false;
}

/* Only a store followed by a load can be seen out of order on this host. */
static void lower_dmb(struct lower *l, const struct a64_insn *insn)
{
    if (is_full_barrier(insn) && !is_behind_barrier(l)) {
        lower_clobber(l);
        x86_u8(&l->a, 0xf0); /* LOCK OR [RSP - 8], 0 */
        x86_alu_imm(&l->a, ALU_OR, 0, x86_m(RSP, -8), 0);
    }
}

/* ---- the table ---- */

#define AUTHENTICATED(letter, key)                                                                 \
    ONE(bra##letter, authenticated, JUMP, insn->rn, insn->rd == 31 ? GUEST_SP : insn->rd, key)     \
    ONE(bra##letter##z, authenticated, JUMP, insn->rn, 31, key)                                    \
    ONE(blra##letter, authenticated, CALL, insn->rn, insn->rd == 31 ? GUEST_SP : insn->rd, key)    \
    ONE(blra##letter##z, authenticated, CALL, insn->rn, 31, key)                                   \
    ONE(reta##letter, authenticated, RETURN, 30, GUEST_SP, key)

ONE(br, branch, JUMP)
ONE(blr, branch, CALL)
ONE(ret, branch, RETURN)
AUTHENTICATED(a, A64_KEY_IA)
AUTHENTICATED(b, A64_KEY_IB)

#define AUTHENTICATED_ROWS(letter)                                                                 \
    ROW(bra##letter), ROW(bra##letter##z), ROW(blra##letter), ROW(blra##letter##z),                \
        ROW(reta##letter)

lower_fn *const lower_branch_table[A64_EXEC_COUNT] = {
    ROW(b),
    ROW(bl),
    ROW(b_cond),
    ROW(cbz_w),
    ROW(cbz_x),
    ROW(cbnz_w),
    ROW(cbnz_x),
    ROW(tbz),
    ROW(tbnz),
    ROW(br),
    ROW(blr),
    ROW(ret),
    AUTHENTICATED_ROWS(a),
    AUTHENTICATED_ROWS(b),
    ROW(nop),
    ROW(dmb),
};
