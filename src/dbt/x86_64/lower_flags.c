/* SPDX-License-Identifier: MIT */
/* NZCV that is put off: behind a comparison whose flags only a branch wants, and what might fault
 * before the next comparison, they are not saved. Where they are missing after all, in a rare path
 * or on the branch's other way, the comparison is made again, of the same registers. */

#include "lower_mem.h"

/* How far behind a branch the next comparison is looked for. */
#define FAR 16

/* The instruction that NZCV before instruction AT is from. */
static unsigned find_setter(const struct lower *l, unsigned at)
{
    unsigned i = at;
    while (i && !(l->insn[--i].flags & A64_F_WF))
        ;
    return i;
}

/* Whether what INSN makes of its operands can be made again when it has been executed. */
static bool can_repeat(const struct a64_insn *insn)
{
    switch (a64_exec_ids[insn->row]) {
    case A64_EXEC_adds_imm_w:
    case A64_EXEC_adds_imm_x:
    case A64_EXEC_subs_imm_w:
    case A64_EXEC_subs_imm_x:
        return true;
    case A64_EXEC_adds_shift_w:
    case A64_EXEC_adds_shift_x:
    case A64_EXEC_subs_shift_w:
    case A64_EXEC_subs_shift_x:
    case A64_EXEC_subs_ext_w:
    case A64_EXEC_subs_ext_x:
    case A64_EXEC_ands_imm_w:
    case A64_EXEC_ands_imm_x:
    case A64_EXEC_ands_shift_w:
    case A64_EXEC_ands_shift_x:
        return insn->rd == 31;
    }
    return false;
}

/* The guest registers that instruction SETTER has its flags from, or left. */
static uint64_t operands_of(const struct a64_insn *setter)
{
    const uint64_t all = 1ull << setter->rd | 1ull << lower_base(setter) | 1ull << setter->rm;
    return all & ~(1ull << 31);
}

/* Instructions from FIRST to before END leave these alone. */
static bool unchanged(const struct lower *l, const struct a64_insn *setter, unsigned first,
                      unsigned end)
{
    for (unsigned i = first; i < end; i++)
        if (lower_written(&l->insn[i]) & operands_of(setter))
            return false;
    return true;
}

/* EFLAGS has NZCV that only an integer comparison may have made. */
static bool is_new(const struct lower *l)
{
    return l->flags.host && l->flags.dirty && l->flags.kind <= FLAGS_LOGIC;
}

bool lower_can_set_again(struct lower *l)
{
    const unsigned setter = find_setter(l, l->at);
    const struct a64_insn *insn = &l->insn[setter];
    l->flags.setter = (uint8_t)setter;
    return is_new(l) && can_repeat(insn) && unchanged(l, insn, setter + 1, l->at);
}

/* Whether the instruction neither reads NZCV nor leaves the block as a rule. */
static bool passes(const struct a64_insn *insn)
{
    if (insn->row == A64_ROW_NONE || insn->flags & (A64_F_RF | A64_F_SYS))
        return false;
    return !(insn->flags & A64_F_END) || (dbt_is_conditional(insn) && (int64_t)insn->imm > 0);
}

bool lower_put_off_flags(struct lower *l)
{
    const unsigned first = l->at + 1, far = first + FAR < l->count ? first + FAR : l->count;
    unsigned i = first;
    if ((int64_t)l->insn[l->at].imm <= 0 || !lower_can_set_again(l))
        return false;
    while (i < far && passes(&l->insn[i]) && !(l->insn[i].flags & A64_F_WF))
        i++;
    if (i == far || !passes(&l->insn[i]) || !unchanged(l, &l->insn[l->flags.setter], first, i))
        return false;
    l->flags.until = (uint8_t)i;
    return true;
}

/* NZCV of the addition or subtraction whose result overwrote its operand. */
static void undo_and_set(struct lower *l, const struct a64_insn *insn)
{
    const unsigned id = a64_exec_ids[insn->row];
    const int w = id == A64_EXEC_adds_imm_x || id == A64_EXEC_subs_imm_x;
    const bool sub = id == A64_EXEC_subs_imm_w || id == A64_EXEC_subs_imm_x;
    const int32_t imm = (int32_t)insn->imm;
    const int result = (int)lower_src(l, 1, insn->rd, RAX);
    x86_lea(&l->a, w, RAX, x86_m(result, sub ? imm : -imm));
    x86_alu_imm(&l->a, sub ? ALU_SUB : ALU_ADD, w, x86_r(RAX), imm);
    lower_set_flags(l, sub ? FLAGS_SUB : FLAGS_ADD);
}

/* NZCV that was lost is in EFLAGS again. */
static void set_again(struct lower *l)
{
    const unsigned at = l->at;
    struct a64_insn insn = l->insn[l->flags.setter];
    l->flags.host = l->flags.lost = false;
    l->at = l->flags.setter;
    if (insn.rd != 31 && insn.rd == insn.rn) {
        undo_and_set(l, &insn);
    } else {
        insn.rd = 31;
        lower_arith_table[a64_exec_ids[insn.row]](l, &insn);
    }
    l->at = at;
}

void lower_find_flags(struct lower *l)
{
    if (l->flags.lost)
        set_again(l);
}

void lower_flags_to(struct lower *l, struct x86 *a)
{
    const typeof(l->flags) flags = l->flags;
    const bool swap = a == &l->cold;
    if (!flags.lost && !(flags.host && flags.dirty))
        return;
    if (swap)
        lower_swap(l);
    lower_save_flags(l);
    if (swap)
        lower_swap(l);
    l->flags = flags;
}
