/* SPDX-License-Identifier: MIT */
/* NZCV: in EFLAGS as long as it can be, else in memory; and where both can be spared, in neither.
 *
 * Behind a comparison whose flags only a branch wants, and what might fault before the next
 * comparison, they are not saved. Where they are missing after all, in a rare path or on the
 * branch's other way, the comparison is made again, of the same registers.
 *
 * Over a jump into another block memory gets no flags but the word of the comparison, if that block
 * sets them anew as well, which is known when the jump is linked (dbt_connect()): see nzcv.c. */

#include "lower_mem.h"

/* ---- in EFLAGS ---- */

static bool is_float(const struct lower *l)
{
    return l->flags.kind == FLAGS_FLOAT || l->flags.kind == FLAGS_FLOAT_SWAPPED;
}

static void save(struct lower *l)
{
    struct x86 *a = &l->a;
    if (is_float(l)) {
        const bool swapped = l->flags.kind == FLAGS_FLOAT_SWAPPED;
        x86_imm(a, RAX, FLAGS_UCOMIS | (swapped ? FLAGS_UCOMIS_SWAPPED : 0));
        x86_lahf(a);
        x86_store16(a, x86_at(&l->dbt->hot->flags), RAX);
        l->flags.dirty = l->flags.plain = false;
        return;
    }
    if (l->flags.kind == FLAGS_ADD)
        x86_cmc(a);
    else if (l->flags.kind == FLAGS_LOGIC)
        x86_stc(a);
    l->flags.kind = FLAGS_SUB;
    x86_lahf(a);
    x86_setcc(a, CC_O, RAX);
    x86_store16(a, x86_at(&l->dbt->hot->flags), RAX);
    l->flags.dirty = false;
    l->flags.plain = true;
}

void lower_save_flags(struct lower *l)
{
    lower_find_flags(l);
    if (l->flags.host && l->flags.dirty)
        save(l);
}

void lower_clobber(struct lower *l)
{
    const bool put_off = l->at <= l->flags.until;
    if (l->flags.host && l->flags.dirty && l->flags_live[l->at] && !put_off)
        save(l);
    l->flags.lost |= l->flags.host && l->flags.dirty && put_off;
    l->flags.host = false;
}

void lower_set_flags(struct lower *l, enum flags_kind kind)
{
    l->flags.host = l->flags.dirty = true;
    l->flags.lost = false;
    l->flags.until = 0;
    l->flags.kind = kind;
}

/* Uses AL and AH. OF = AL: 127 + 1 overflows. */
static void load(struct lower *l)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    x86_op(a, 0xb7 | X_0F, RAX, x86_at(&l->dbt->hot->flags), 0);
    if (!l->flags.plain) {
        x86_test8_imm(a, x86_r(RAX), FLAGS_UCOMIS);
        const struct x86_label compared = x86_jcc(a, CC_NE);
        x86_land(cold, compared);
        x86_call_to(cold, l->dbt->stub.flags);
        x86_jmp_to(cold, x86_here(a));
    }
    x86_u8(a, 0x04); /* ADD AL, 127 */
    x86_u8(a, 127);
    x86_sahf(a);
}

/* The flags of UCOMIS to those of a subtraction: AL becomes 0, 1 or 2 for less, equal, greater, and
 * 128 for unordered, and is compared with 1. */
static void from_float(struct lower *l)
{
    struct x86 *a = &l->a;
    static const uint8_t setcc_ah[2][3] = {{0x0f, 0x93, 0xc4}, {0x0f, 0x96, 0xc4}};
    static const uint8_t compare[4] = {0x00, 0xe0, 0x3c, 1}; /* ADD AL, AH; CMP AL, 1 */
    const bool swapped = l->flags.kind == FLAGS_FLOAT_SWAPPED;
    x86_setcc(a, swapped ? CC_B : CC_A, RAX);
    x86_bytes(a, setcc_ah[swapped], 3); /* SETAE AH, SETBE AH */
    x86_cmov(a, CC_P, 0, RAX, x86_at(&l->dbt->hot->unordered));
    x86_bytes(a, compare, sizeof compare);
}

void lower_load_nzcv(struct lower *l, unsigned nzcv)
{
    const unsigned ah = (nzcv & 8 ? 0x80u : 0) | (nzcv & 4 ? 0x40u : 0) | (nzcv & 2 ? 0 : 1u);
    x86_imm(&l->a, RAX, ah << 8 | (nzcv & 1));
    x86_u8(&l->a, 0x04); /* ADD AL, 127 */
    x86_u8(&l->a, 127);
    x86_sahf(&l->a);
}

void lower_need_flags(struct lower *l)
{
    lower_find_flags(l);
    if (!l->flags.host) {
        load(l);
        l->flags.host = true;
        l->flags.dirty = false;
        l->flags.kind = FLAGS_SUB;
    } else if (l->flags.kind == FLAGS_ADD) {
        x86_cmc(&l->a);
    } else if (l->flags.kind == FLAGS_LOGIC) {
        x86_stc(&l->a);
    } else if (is_float(l)) {
        from_float(l);
    }
    l->flags.kind = FLAGS_SUB;
}

/* The host's condition for COND after UCOMIS; EQ is ZF without PF, which costs EFLAGS. */
static enum x86_cc float_condition(struct lower *l, unsigned cond)
{
    static const int8_t cc[2][14] = {
        {-1, -1, -1, -1, -1, -1, CC_P, CC_NP, -1, -1, CC_AE, CC_B, CC_A, CC_BE},
        {-1, -1, CC_BE, CC_A, CC_A, CC_BE, CC_P, CC_NP, CC_B, CC_AE, -1, -1, -1, -1}};
    static const uint8_t test_equal[8] = {0x0f, 0x9b, 0xc0, /* SETNP AL */
                                          0x0f, 0x94, 0xc4, /* SETE AH */
                                          0x84, 0xe0};      /* TEST AL, AH */
    if (cond < 2) {
        if (l->flags.dirty && l->flags_live[l->at + 1])
            save(l);
        x86_bytes(&l->a, test_equal, sizeof test_equal);
        l->flags.host = false;
        return cond == 0 ? CC_NE : CC_E;
    }
    const int8_t direct = cc[l->flags.kind == FLAGS_FLOAT_SWAPPED][cond];
    if (direct >= 0)
        return (enum x86_cc)direct;
    lower_need_flags(l);
    return lower_condition(l, cond);
}

/* The host's condition for one of N, Z, C and V, COND below 8, which are in memory and not with
 * FLAGS_UCOMIS. */
static enum x86_cc look_at_flag(struct lower *l, unsigned cond)
{
    static const uint32_t bit[4] = {FLAGS_Z, FLAGS_NOT_C, FLAGS_N, FLAGS_V};
    const uint32_t mask = bit[cond / 2];
    struct x86_rm flags = x86_at(&l->dbt->hot->flags);
    if (mask > 0xff)
        flags = x86_at((const uint8_t *)&l->dbt->hot->flags + 1);
    x86_test8_imm(&l->a, flags, mask > 0xff ? mask >> 8 : mask);
    return (cond ^ (mask == FLAGS_NOT_C)) & 1 ? CC_E : CC_NE;
}

enum x86_cc lower_condition(struct lower *l, unsigned cond)
{
    static const uint8_t cc[14] = {CC_E,  CC_NE, CC_AE, CC_B,  CC_S, CC_NS, CC_O,
                                   CC_NO, CC_A,  CC_BE, CC_GE, CC_L, CC_G,  CC_LE};
    lower_find_flags(l);
    const bool carry = cond == 2 || cond == 3 || cond == 8 || cond == 9;
    if (l->flags.host && is_float(l))
        return float_condition(l, cond);
    if (!l->flags.host && l->flags.plain && cond < 8)
        return look_at_flag(l, cond);
    if (l->flags.host && l->flags.kind != FLAGS_SUB && (cond == 2 || cond == 3))
        return cond == 2 ? CC_B : CC_AE;
    if (!l->flags.host || (carry && l->flags.kind != FLAGS_SUB))
        lower_need_flags(l);
    return (enum x86_cc)cc[cond];
}

enum x86_cc lower_carry_condition(struct lower *l, unsigned cond)
{
    if (l->flags.host || !l->flags.plain || (cond != 2 && cond != 3))
        return lower_condition(l, cond);
    x86_u8(&l->a, 0x66); /* BT of 16 bits, as many as were stored */
    x86_bt_imm(&l->a, 0, x86_at(&l->dbt->hot->flags), (unsigned)__builtin_ctz(FLAGS_NOT_C));
    return cond == 2 ? CC_AE : CC_B;
}

/* ---- made again ---- */

/* So far is looked for where NZCV is set anew: in the block, in the turn of a loop, and beyond. */
#define FAR  16
#define TURN DBT_MAX_INSNS
#define NEAR 8

/* The instruction that NZCV before instruction AT is from. */
static unsigned find_setter(const struct lower *l, unsigned at)
{
    unsigned i = at;
    while (i && !(l->insn[--i].flags & A64_F_WF))
        ;
    return i;
}

bool lower_is_carry_of_sum(const struct lower *l, unsigned cond)
{
    const struct a64_insn *setter = &l->insn[find_setter(l, l->at)];
    if ((cond != 2 && cond != 3) || setter->row == A64_ROW_NONE)
        return false;
    switch (a64_exec_ids[setter->row]) {
    case A64_EXEC_adds_shift_w:
    case A64_EXEC_adds_shift_x:
    case A64_EXEC_adcs_w:
    case A64_EXEC_adcs_x:
        return true;
    }
    return false;
}

/* What makes NZCV again when the instruction that made it has been executed: a comparison, as a
 * word without a destination, of these guest registers; 31: of one or none. UNDO: the first was the
 * destination. */
struct again {
    uint32_t word;
    uint8_t operand[2];
    bool undo;
};

static struct again of_registers(const struct a64_insn *insn, unsigned n, unsigned m)
{
    return (struct again){insn->word | 31, {(uint8_t)n, (uint8_t)m}, false};
}

/* Of an operation whose flags tell of its result alone, that is what is compared: TST Xd, Xd. */
static struct again of_result(const struct a64_insn *insn)
{
    const uint32_t sf = insn->word & 1u << 31;
    const uint8_t d = insn->rd;
    return (struct again){sf | 0x6a00001f | (uint32_t)d << 16 | (uint32_t)d << 5, {d, 31}, false};
}

/* Whether there is such a comparison. */
static bool find_again(const struct a64_insn *insn, struct again *again)
{
    const unsigned d = insn->rd, n = insn->rn, m = insn->rm;
    switch (insn->row == A64_ROW_NONE ? A64_EXEC_none : a64_exec_ids[insn->row]) {
    case A64_EXEC_adds_imm_w:
    case A64_EXEC_adds_imm_x:
    case A64_EXEC_subs_imm_w:
    case A64_EXEC_subs_imm_x:
        *again = of_registers(insn, lower_base(insn), 31);
        again->undo = d != 31 && d == n;
        return true;
    case A64_EXEC_adds_shift_w:
    case A64_EXEC_adds_shift_x:
    case A64_EXEC_subs_shift_w:
    case A64_EXEC_subs_shift_x:
        *again = of_registers(insn, n, m);
        return d == 31 || (d != n && d != m);
    case A64_EXEC_subs_ext_w:
    case A64_EXEC_subs_ext_x:
        *again = of_registers(insn, lower_base(insn), m);
        return d == 31 || (d != n && d != m);
    case A64_EXEC_ands_imm_w:
    case A64_EXEC_ands_imm_x:
        *again = d == 31 ? of_registers(insn, n, 31) : of_result(insn);
        return true;
    case A64_EXEC_ands_shift_w:
    case A64_EXEC_ands_shift_x:
    case A64_EXEC_bics_shift_w:
    case A64_EXEC_bics_shift_x:
        *again = d == 31 ? of_registers(insn, n, m) : of_result(insn);
        return true;
    }
    return false;
}

static uint64_t operands_of(const struct again *again)
{
    return (1ull << again->operand[0] | 1ull << again->operand[1]) & ~(1ull << 31);
}

/* The guest registers that instructions FIRST to END - 1 write. */
static uint64_t written(const struct lower *l, unsigned first, unsigned end)
{
    uint64_t all = 0;
    for (unsigned i = first; i < end; i++)
        all |= lower_written(&l->insn[i]);
    return all;
}

bool lower_can_repeat(const struct lower *l, unsigned setter, unsigned end)
{
    struct again again;
    if (!find_again(&l->insn[setter], &again))
        return false;
    if (setter >= end) /* it was the turn before */
        return !(written(l, 0, end) & operands_of(&again));
    return !(written(l, setter + 1, end) & operands_of(&again));
}

/* EFLAGS has NZCV that only an integer comparison may have made. */
static bool is_new(const struct lower *l)
{
    return l->flags.host && l->flags.dirty && l->flags.kind <= FLAGS_LOGIC;
}

/* Whether NZCV as it is now is lost, or can be, as it can be made AGAIN by what SETTER has left. */
static bool can_set_again(const struct lower *l, unsigned *setter, struct again *again)
{
    *setter = l->flags.lost ? l->flags.setter : find_setter(l, l->at);
    return (l->flags.lost || is_new(l)) && find_again(&l->insn[*setter], again) &&
           lower_can_repeat(l, *setter, l->at);
}

bool lower_can_set_again(const struct lower *l)
{
    struct again again;
    unsigned setter;
    return can_set_again(l, &setter, &again);
}

void lower_lose_flags(struct lower *l)
{
    l->flags.setter = (uint8_t)find_setter(l, l->at);
    l->flags.host = false;
    l->flags.lost = true;
}

/* Whether the instruction neither reads NZCV nor leaves the block as a rule. */
static bool passes(const struct a64_insn *insn)
{
    if (insn->flags & (A64_F_RF | A64_F_SYS))
        return false;
    return !(insn->flags & A64_F_END) || (dbt_is_conditional(insn) && (int64_t)insn->imm > 0);
}

/* Whether a look ahead, from where NZCV is not in memory, goes over INSN, which nobody looks at NZCV in but for what is rare,
 * such as a fault; with BRANCHES, for a branch that leaves the block. */
static bool goes_over(const struct a64_insn *insn, bool branches)
{
    return passes(insn) && (branches || !(insn->flags & A64_F_END));
}

struct ahead {
    uint64_t written; /* guest registers, a bit each */
    uint64_t kept;    /* those that were not written where somebody may look at NZCV */
};

static void take_in(const struct lower *l, struct ahead *ahead, const struct a64_insn *insn)
{
    const uint64_t writes = lower_written(insn);
    if (lower_looks(l, insn)) /* once SP is written, see lower_sp_written() */
        ahead->kept = ~(ahead->written | (writes & 1ull << GUEST_SP));
    ahead->written |= writes;
}

/* Of MOST of the block's instructions from FIRST on, UNTIL the one that sets NZCV: what they keep, and DBT_SETS_FLAGS; 0:
 * none is found to set it. */
static uint64_t find_kept(const struct lower *l, unsigned first, unsigned most, bool branches,
                          unsigned *until)
{
    const unsigned far = first + most < l->count ? first + most : l->count;
    struct ahead ahead = {.kept = UINT64_MAX};
    for (*until = first; *until < far; ++*until) {
        if (!goes_over(&l->insn[*until], branches))
            return 0;
        if (l->insn[*until].flags & A64_F_WF)
            break;
    }
    if (*until >= far)
        return 0;
    for (unsigned i = first; i <= *until; i++)
        take_in(l, &ahead, &l->insn[i]);
    return ahead.kept | DBT_SETS_FLAGS;
}

uint64_t lower_kept_registers(const struct lower *l)
{
    unsigned until;
    return find_kept(l, 0, FAR, false, &until);
}

/* The same of the words at PLACE in this page, as far as can be told now. */
static uint64_t guess_kept(const struct lower *l, uint32_t place)
{
    struct ahead ahead = {.kept = UINT64_MAX};
    const unsigned first = place / 4, end = first + NEAR < 1024 ? first + NEAR : 1024;
    for (unsigned i = first; i < end; i++) {
        const struct a64_insn *insn = dbt_decode(l->dbt, a64_code_word(&l->host[i]));
        if (!goes_over(insn, false))
            return 0;
        take_in(l, &ahead, insn);
        if (insn->flags & A64_F_WF)
            return ahead.kept | DBT_SETS_FLAGS;
    }
    return 0;
}

bool lower_put_off_flags(struct lower *l)
{
    struct again again;
    unsigned setter, until;
    if (!can_set_again(l, &setter, &again) ||
        (operands_of(&again) | DBT_SETS_FLAGS) & ~find_kept(l, l->at + 1, FAR, true, &until))
        return false;
    l->flags.setter = (uint8_t)setter;
    l->flags.until = (uint8_t)until;
    return true;
}

bool lower_can_carry(const struct lower *l, uint8_t *setter)
{
    struct again again;
    unsigned from, until;
    if (!is_new(l) || !can_set_again(l, &from, &again))
        return false;
    *setter = (uint8_t)from;
    return !((operands_of(&again) | DBT_SETS_FLAGS) & ~find_kept(l, 0, TURN, true, &until));
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

/* NZCV of the register that has the result. */
static void set_by_result(struct lower *l, const struct a64_insn *insn)
{
    const unsigned result = lower_src(l, 1, insn->rd, RAX);
    x86_test(&l->a, (int)(insn->word >> 31), result, x86_r((int)result));
    lower_set_flags(l, FLAGS_LOGIC);
}

/* NZCV that was lost is in EFLAGS again. */
static void set_again(struct lower *l)
{
    const unsigned at = l->at;
    struct a64_insn insn = l->insn[l->flags.setter];
    struct again again = {0};
    l->flags.host = l->flags.lost = false;
    l->at = l->flags.setter;
    find_again(&insn, &again);
    if (again.undo) {
        undo_and_set(l, &insn);
    } else if (again.word != (insn.word | 31)) {
        set_by_result(l, &insn);
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
    if (!lower_flags_missing(l))
        return;
    if (swap)
        lower_swap(l);
    lower_save_flags(l);
    if (swap)
        lower_swap(l);
    l->flags = flags;
}

/* ---- over a jump ---- */

bool lower_can_tell(const struct lower *l, int64_t place)
{
    struct again again;
    unsigned setter;
    return place >= 0 && place <= (int64_t)A64_PAGE_MASK && !(l->mode & DBT_MODE_COUNT) &&
           can_set_again(l, &setter, &again) &&
           !((operands_of(&again) | DBT_SETS_FLAGS) & ~guess_kept(l, (uint32_t)place));
}

void lower_tell_flags(struct lower *l, struct dbt_link *link)
{
    struct again again = {0};
    unsigned setter;
    can_set_again(l, &setter, &again);
    link->first = again.operand[0] & 63;
    link->second = again.operand[1] & 63;
    x86_store32_imm(&l->a, x86_at(&l->dbt->hot->flags),
                    (again.word & ~31u) | FLAGS_AGAIN | (again.undo ? FLAGS_AGAIN_UNDO : 0));
    l->flags.plain = false;
}
