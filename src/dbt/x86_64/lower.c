/* SPDX-License-Identifier: MIT */
/* From decoded instructions to a block of host code: the loop over the rows, NZCV in EFLAGS, helper
 * calls, and the ways out of a block. */

#include "lower.h"

#include <string.h>

#include "../../a64/exception.h"
#include "../../a64/mmu.h"

/* ---- flags ---- */

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

/* The flags of UCOMIS to those of a subtraction: AL becomes 0, 1 or 2 for less, equal, greater, and 128
 * for unordered, and is compared with 1. */
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
    static const uint8_t test_equal[8] = {0x0f, 0x9b, 0xc0,  /* SETNP AL */
                                          0x0f, 0x94, 0xc4,  /* SETE AH */
                                          0x84, 0xe0};       /* TEST AL, AH */
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

/* The host's condition for one of N, Z, C and V, COND below 8, which are in memory and not with FLAGS_UCOMIS. */
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
    static const uint8_t cc[14] = {CC_E, CC_NE, CC_AE, CC_B,  CC_S,  CC_NS, CC_O,
                                   CC_NO, CC_A, CC_BE, CC_GE, CC_L, CC_G,  CC_LE};
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

/* ---- leaving ---- */

static int exec_fp_trap(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const int status = a64_check_fp(cpu);
    return status == A64_NEXT ? A64_SYNC : status;
}

void lower_count(struct lower *l, struct x86 *a, unsigned count)
{
    if (l->mode & DBT_MODE_COUNT && count != l->counted)
        x86_alu_imm(a, ALU_ADD, 1, CPU(icount), (int32_t)(count - l->counted));
}

uintptr_t lower_literal(struct lower *l, const void *bytes, unsigned size)
{
    l->literals.p -= size;
    l->literals.p -= (uintptr_t)l->literals.p & (size >= 16 ? 15 : 7);
    if (l->literals.p < l->cold.p + 4096) {
        l->cold.full = true;
        l->literals.p = l->cold.end;
        return x86_here(&l->literals);
    }
    memcpy(l->literals.p, bytes, size);
    return x86_here(&l->literals);
}

/* The call itself; NZCV is in memory, as hot.flags, where rows that know of it expect cpu->nzcv. An instruction of the
 * block is named by its word if it is to be BRIEF, and decoded again then. */
static void call(struct lower *l, struct x86 *a, const struct a64_insn *insn, bool brief)
{
    const bool word = brief && insn >= l->insn && insn < l->insn + l->count;
    if (word) {
        x86_imm(a, RCX, insn->word);
    } else {
        x86_lea(a, 1, RCX, x86_at((const void *)lower_literal(l, insn, sizeof(*insn))));
        x86_note(a, l->literals.p + offsetof(struct a64_insn, exec), 0, X86_NOTE_EXEC);
    }
    x86_imm(a, RAX, lower_place(l, l->at));
    const bool sees_flags = insn->flags & (A64_F_RF | A64_F_WF | A64_F_SYS | A64_F_END);
    if (lower_btype(l))
        x86_store32_imm(a, x86_at(&l->dbt->hot->btype), lower_btype(l));
    x86_call_to(a, (word ? l->dbt->stub.exec_word : l->dbt->stub.exec)[sees_flags]);
    if (lower_btype(l))
        x86_store32_imm(a, x86_at(&l->dbt->hot->btype), 0);
}

/* An FP or SIMD instruction while those are trapped: the interpreter finds out how. */
static void lower_trap(struct lower *l, const struct a64_insn *insn)
{
    static const struct a64_insn trap = {.exec = exec_fp_trap};
    lower_call(l, &trap);
    l->ended = true;
}

/* Whether INSN writes its base, which is SP. */
static bool moves_sp(const struct a64_insn *insn)
{
    return insn->flags & A64_F_RSP && insn->rn == 31 && a64_rows[insn->row].wx &&
           strchr(a64_rows[insn->row].wx, 'n');
}

void lower_call(struct lower *l, const struct a64_insn *insn)
{
    if (l->flags_live[l->at])
        lower_save_flags(l);
    lower_clobber(l);
    lower_count(l, &l->a, l->at);
    l->counted = l->at;
    call(l, &l->a, insn, false);
    l->flags.lost = false;
    l->vectors = false;
    if (moves_sp(insn))
        lower_sp_written(l, false);
}

void lower_call_cold(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *cold = &l->cold;
    const bool count = l->mode & DBT_MODE_COUNT && l->at != l->counted;
    if (l->flags.lost)
        lower_flags_to(l, cold);
    if (count)
        x86_alu_imm(cold, ALU_ADD, 1, CPU(icount), (int32_t)(l->at - l->counted));
    call(l, cold, insn, true);
    if (l->vectors)
        x86_call_to(cold, l->dbt->stub.vectors);
    if (count)
        x86_alu_imm(cold, ALU_SUB, 1, CPU(icount), (int32_t)(l->at - l->counted));
}

void lower_leave(struct lower *l, struct x86 *a)
{
    lower_flags_to(l, a);
    lower_count(l, a, l->at + 1);
    x86_imm(a, RAX, lower_place(l, l->at + 1));
    x86_jmp_to(a, l->dbt->stub.lookup);
}

void lower_sp_written(struct lower *l, bool aligned)
{
    struct x86 *a = &l->a;
    if (l->mode & DBT_MODE_SP_BAD) {
        lower_save_flags(l);
        lower_leave(l, a);
        l->ended = true;
        return;
    }
    if (aligned)
        return;
    lower_clobber(l);
    x86_test8_imm(a, lower_rm(GUEST_SP), 15);
    const struct x86_label bad = x86_jcc(a, CC_NE);
    x86_land(&l->cold, bad);
    lower_leave(l, &l->cold);
}

void lower_vectors(struct lower *l)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    if (l->vectors)
        return;
    l->vectors = true;
    lower_clobber(l);
    x86_alu_imm(a, ALU_CMP, 0, CPU(vectors_away), 0);
    const struct x86_label load = x86_jcc(a, CC_NE);
    x86_land(cold, load);
    x86_call_to(cold, l->dbt->stub.vectors);
    x86_jmp_to(cold, x86_here(a));
}

/* Leaves by link NUMBER; RAX is the place in the page. */
static void name_link(struct lower *l, uint32_t number)
{
    x86_imm(&l->cold, RCX, number);
    x86_note(&l->cold, l->cold.p - 4, number, X86_NOTE_LINK);
    x86_jmp_to(&l->cold, l->dbt->stub.link);
}

void lower_link(struct lower *l, struct x86_label jump, int64_t place, bool single)
{
    struct dbt *dbt = l->dbt;
    const struct dbt_link link = {
        .jump = (uint32_t)(jump.at - dbt->code_write),
        .slot = (uint32_t)(l->cold.p - dbt->code_write),
        .single = single,
    };
    const uint32_t number = dbt_add_link(dbt, link);
    x86_land(&l->cold, jump);
    x86_imm(&l->cold, RAX, (uint64_t)place);
    name_link(l, number);
}

void lower_jump(struct lower *l, struct x86 *a, int64_t place, unsigned count)
{
    struct dbt *dbt = l->dbt;
    lower_count(l, a, count);
    const int64_t page = place & ~(int64_t)A64_PAGE_MASK;
    if (page) {
        /* Another page: its address decides. */
        if (dbt->now->slots.count == dbt->now->slots.limit) {
            a->full = true;
            return;
        }
        const struct dbt_link link = {.slot = dbt->now->slots.count++};
        struct dbt_slot *slot = &dbt->hot->slot[link.slot];
        dbt_empty_slots(dbt, link.slot, link.slot + 1);
        x86_mov(a, 1, RAX, x86_at(&dbt->hot->page));
        if (page == (int32_t)page) {
            x86_op(a, 0x81 | X_W, ALU_ADD, x86_r(RAX), 4);
            x86_u32(a, (uint32_t)page);
        } else {
            x86_imm(a, RCX, (uint64_t)page);
            x86_alu(a, ALU_ADD, 1, RAX, x86_r(RCX));
        }
        x86_store(a, 1, x86_at(&dbt->hot->page), RAX);
        x86_alu(a, ALU_CMP, 1, RAX, x86_at(&slot->tag));
        const struct x86_label miss = x86_jcc(a, CC_NE);
        x86_jmp_rm(a, x86_at(&slot->value));
        struct x86 *cold = &l->cold;
        x86_land(cold, miss);
        const uint32_t number = dbt_add_link(dbt, link);
        x86_imm(cold, RAX, (uint64_t)place & A64_PAGE_MASK);
        name_link(l, number);
        return;
    }
    lower_link(l, x86_jmp(a), place, false);
}

void lower_jump_rax(struct lower *l, unsigned count, unsigned btype)
{
    struct x86 *a = &l->a;
    struct dbt_hot *hot = l->dbt->hot;
    lower_count(l, a, count);
    x86_mov_rr(a, 0, RCX, RAX);
    x86_op(a, 0x81, ALU_AND, x86_r(RCX), 4);
    x86_u32(a, (DBT_JUMPS - 1) << 2);
    x86_lea(a, 1, RDX, x86_at(hot->slot));
    x86_alu(a, ALU_XOR, 1, RAX, x86_at(&hot->mode_mix[btype]));
    x86_alu(a, ALU_CMP, 1, RAX, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, tag)));
    x86_jcc_to(a, CC_NE, l->dbt->stub.indirect[btype]);
    x86_mov(a, 1, RAX, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, limit)));
    x86_store(a, 1, x86_at(&hot->page), RAX);
    x86_jmp_rm(a, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, value)));
}

/* ---- blocks ---- */

/* What in its flags tells that an instruction may look at NZCV. */
static uint32_t looks_of(const struct lower *l)
{
    const uint32_t traps = l->mode & DBT_MODE_NO_FP ? A64_F_FP : 0;
    return A64_F_RF | A64_F_FAULT | A64_F_MR | A64_F_MW | A64_F_SYS | A64_F_END | traps;
}

static bool looks(uint32_t looks, const struct a64_insn *insn)
{
    return insn->flags & looks || (insn->flags & A64_F_WSP && insn->rd == 31);
}

bool lower_looks(const struct lower *l, const struct a64_insn *insn)
{
    return looks(looks_of(l), insn);
}

/* An access that comes before all that were looked at so far. */
static void note_access(struct lower *l, const struct a64_insn *insn, unsigned i)
{
    uint8_t *last = &l->last_access[lower_base(insn)];
    if (l->row[insn->row].shape.how != LOWER_ALONE && !*last)
        *last = (uint8_t)(i + 1);
}

/* Goes over the instructions once, from the last to the first: which ones' NZCV somebody may look at, which accesses
 * may have others behind them, and whether the block is a loop. */
static void look_over(struct lower *l)
{
    const uint32_t mask = looks_of(l);
    bool live = true;
    memset(l->last_access, 0, sizeof(l->last_access));
    l->loop_end = l->count;
    l->flags_live[l->count] = true;
    for (unsigned i = l->count; i--;) {
        const struct a64_insn *insn = &l->insn[i];
        live = looks(mask, insn) || (live && !(insn->flags & A64_F_WF));
        l->flags_live[i] = live;
        if (insn->flags & (A64_F_MR | A64_F_MW) && insn->row != A64_ROW_NONE)
            note_access(l, insn, i);
        else if (insn->flags & A64_F_END && insn->imm == -(uint64_t)i * 4 && dbt_is_conditional(insn))
            l->loop_end = i;
    }
}

/* The lowering that one of the tables has for the row of function ID. */
static lower_fn *find_lowering(unsigned id)
{
    static lower_fn *const *const tables[] = {
        lower_arith_table,
        lower_bits_table,
        lower_ldst_table,
        lower_branch_table,
        lower_system_table,
        lower_atomic_table,
        lower_fp_table,
        lower_fp_cvt_table,
        lower_fp_move_table,
        lower_ordered_table,
        lower_excl_table,
        lower_pauth_table,
        lower_crypto_table,
        lower_simd_diff_table,
        lower_simd_fp_table,
        lower_simd_ldst_table,
        lower_simd_misc_table,
        lower_simd_move_table,
        lower_simd_pair_table,
        lower_simd_same_table,
        lower_simd_sat_table,
        lower_simd_shift_table,
        lower_simd_shl_table,
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (tables[i][id])
            return tables[i][id];
    return NULL;
}

void dbt_lower_prepare(struct lower *l)
{
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        const char *writes = a64_rows[row].wv;
        l->row[row] = (struct lower_row){
            .lowering = find_lowering(a64_exec_ids[row]),
            .vectors = (uint8_t)(!writes ? 0 : writes[1] ? 2 : 1),
            .plain = lower_moves_plainly(row),
            .shape = lower_shape_of_row(row),
        };
    }
}

static lower_fn *lowering_of(const struct lower *l, const struct a64_insn *insn)
{
    if (insn->row == A64_ROW_NONE || (insn->flags & A64_F_FP && l->mode & DBT_MODE_NO_FP))
        return NULL;
    return l->row[insn->row].lowering;
}

/* Whether the block gets to vector registers before anything can leave it but a fault, and not by the
 * interpreter's functions. */
static bool begins_with_vectors(const struct lower *l)
{
    for (unsigned i = 0; i < l->count && !(l->insn[i].flags & A64_F_END); i++)
        if (l->insn[i].flags & A64_F_FP)
            return !(l->mode & DBT_MODE_FPCR) && lowering_of(l, &l->insn[i]);
    return false;
}

/* The head: 13 bytes or more, see dbt_redirect(). */
static void lower_head(struct lower *l)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    l->vectors = begins_with_vectors(l);
    x86_alu_imm(a, ALU_CMP, l->vectors, l->vectors ? CPU(vectors_away) : CPU(attention), 0);
    const struct x86_label attention = x86_jcc(a, CC_NE);
    x86_land(cold, attention);
    if (l->vectors) {
        x86_alu_imm(cold, ALU_CMP, 0, CPU(attention), 0);
        const struct x86_label wanted = x86_jcc(cold, CC_NE);
        x86_call_to(cold, l->dbt->stub.vectors);
        x86_jmp_to(cold, x86_here(a));
        x86_land(cold, wanted);
    }
    if (l->mode & DBT_MODE_COUNT) {
        x86_mov(a, 1, RAX, CPU(icount));
        x86_alu_imm(a, ALU_ADD, 1, x86_r(RAX), (int32_t)l->count);
        x86_alu(a, ALU_CMP, 1, RAX, CPU(slice_end));
        const struct x86_label slice = x86_jcc(a, CC_A);
        x86_land(cold, slice);
    }
    if (lower_btype(l))
        x86_store8_imm(cold, CPU(ps.btype), lower_btype(l));
    x86_imm(cold, RAX, l->offset);
    x86_jmp_to(cold, l->dbt->stub.attention);
}

/* The instruction was emitted: what is known of the vector registers that it wrote (rd; with more letters or a
 * count in its row, at most four from there on, and ra). */
static void follow_vectors(struct lower *l, const struct a64_insn *insn)
{
    const unsigned vectors = insn->row == A64_ROW_NONE ? 0 : l->row[insn->row].vectors;
    if (!vectors)
        return;
    uint32_t written = 1u << insn->rd;
    if (vectors > 1)
        written = 15u << insn->rd | (uint32_t)(15ull << insn->rd >> 32) | 1u << insn->ra;
    l->clean32 = (l->clean32 & ~written) | l->made32;
    l->clean64 = (l->clean64 & ~written) | l->made64;
    l->made32 = l->made64 = 0;
}

static void lower_insn(struct lower *l)
{
    const struct a64_insn *insn = &l->insn[l->at];
    lower_fn *lowering = lowering_of(l, insn);
    if (lowering) {
        lowering(l, insn);
        return;
    }
    if (insn->flags & A64_F_FP && l->mode & DBT_MODE_NO_FP) {
        lower_trap(l, insn);
        return;
    }
    lower_call(l, insn);
}

static void lower_rows(struct lower *l)
{
    l->at = 0;
    lower_head(l);
    if (lower_btype(l))
        lower_landing(l);
    lower_loop_begin(l);
    for (; l->at < l->count && !l->ended; l->at++) {
        const unsigned first = l->at;
        lower_insn(l);
        if (l->rejoin.at && !l->a.full && !l->cold.full)
            x86_patch(&l->a, l->rejoin, x86_here(&l->a));
        l->rejoin.at = NULL;
        for (unsigned i = first; i <= l->at; i++)
            follow_vectors(l, &l->insn[i]);
    }
    if (l->ended)
        return;
    l->at = l->count;
    lower_save_flags(l);
    lower_jump(l, &l->a, lower_place(l, l->count), l->count);
}

static struct x86 emitter(struct dbt *dbt, size_t from, size_t to)
{
    return (struct x86){
        .p = dbt->code_write + from,
        .end = dbt->code_write + to,
        .run = dbt->code - dbt->code_write,
        .notes = dbt->notes,
    };
}

bool dbt_lower(struct dbt *dbt, struct lower *l)
{
    struct dbt_region *now = dbt->now, before = *now;
    const unsigned links = 2 * l->count + 2 + LOWER_GROUPS; /* at most */
    if (now->links.limit - now->links.count < links || now->blocks.count == now->blocks.limit)
        return false;
    dbt_code_ready(dbt);
    l->dbt = dbt;
    l->ended = false;
    l->clean32 = l->clean64 = l->made32 = l->made64 = 0;
    l->rejoin.at = NULL;
    l->counted = 0;
    l->grouped = 0;
    for (unsigned i = 0; i < LOWER_GROUPS; i++)
        l->group[i].members = 0;
    l->loop.body = 0;
    memset(&l->flags, 0, sizeof(l->flags));
    l->before = before;
    if (dbt->notes)
        dbt->notes->count = 0;
    l->a = emitter(dbt, now->code, now->cold_start);
    l->cold = emitter(dbt, now->cold, now->literals);
    l->literals = emitter(dbt, now->literals, now->literals);
    look_over(l);
    lower_rows(l);
    if (l->a.full || l->cold.full) {
        *now = before;
        return false;
    }
    memset(l->a.p, 0x90, -(uintptr_t)l->a.p & 15); /* NOP, up to the next block */
    now->code = (size_t)(l->a.p - dbt->code_write + 15) & ~(size_t)15;
    now->cold = (size_t)(l->cold.p - dbt->code_write);
    now->literals = (size_t)(l->literals.p - dbt->code_write);
    return true;
}
