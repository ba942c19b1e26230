/* SPDX-License-Identifier: MIT */
/* From decoded instructions to a block of host code: the loop over the rows, helper calls, and the ways out of a
 * block. */

#include "lower.h"

#include <string.h>

#include "../../a64/exception.h"
#include "../../a64/mmu.h"

/* ---- guest registers ---- */

/* As x86_r() and x86_m() make them. */
#define PLACE(n)    ((n) == GUEST_SP ? (int)offsetof(struct a64_cpu, sp) - CPU_BIAS : (n)*8 - CPU_BIAS)
#define IN_REACH(n) (PLACE(n) >= -128 && PLACE(n) < 128)
#define IN_MEMORY(n)                                                                               \
    (IN_REACH(n) ? 0x45 | (PLACE(n) & 0xffull) << 8 : 0x85 | (PLACE(n) & 0xffffffffull) << 8)
#define OPERAND(n)                                                                                 \
    [n] = {.code = HOST_OF(n) >= 0 ? 0xc0u | (HOST_OF(n) & 7) : IN_MEMORY(n),                      \
           .reg = HOST_OF(n),                                                                      \
           .size = HOST_OF(n) >= 0 ? 1 : IN_REACH(n) ? 2 : 5,                                      \
           .rex = HOST_OF(n) >= 8},

const struct x86_rm lower_operands[GUEST_SP + 1] = {EACH_GUEST(OPERAND)};

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
 * block is named by its word if it is to be BRIEF, and decoded again then. Else what is called is named by its distance
 * from another function, which is the same in each run of the program. */
static void call(struct lower *l, struct x86 *a, const struct a64_insn *insn, bool brief)
{
    const bool word = brief && insn >= l->insn && insn < l->insn + l->count;
    if (word) {
        x86_imm(a, RCX, insn->word);
    } else {
        struct a64_insn moved = *insn;
        moved.exec = (a64_exec_fn *)((uintptr_t)insn->exec - l->dbt->hot->functions);
        x86_lea(a, 1, RCX, x86_at((const void *)lower_literal(l, &moved, sizeof(moved))));
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
    return insn->flags & A64_F_RSP && insn->rn == 31 && a64_rows[insn->row].writes & A64_WRITES_N;
}

void lower_call(struct lower *l, const struct a64_insn *insn)
{
    if (l->flags_live[l->at])
        lower_save_flags(l);
    lower_clobber(l);
    lower_count(l, &l->a, l->at);
    l->counted = l->at;
    call(l, &l->a, insn, false);
    lower_loop_restore(l, &l->a);
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
    lower_loop_restore(l, cold);
    if (count)
        x86_alu_imm(cold, ALU_SUB, 1, CPU(icount), (int32_t)(l->at - l->counted));
}

static void leave_for_sp(struct lower *l, struct x86 *a)
{
    lower_flags_to(l, a);
    lower_count(l, a, l->at + 1);
    x86_call_with(a, l->dbt->stub.sp_written, STUB_PLACE, lower_place(l, l->at + 1));
}

void lower_sp_written(struct lower *l, bool aligned)
{
    struct x86 *a = &l->a;
    if (l->mode & DBT_MODE_SP_BAD) {
        lower_save_flags(l);
        leave_for_sp(l, a);
        l->ended = true;
        return;
    }
    if (aligned)
        return;
    lower_clobber(l);
    x86_test8_imm(a, lower_rm(GUEST_SP), 15);
    const struct x86_label bad = x86_jcc(a, CC_NE);
    x86_land(&l->cold, bad);
    leave_for_sp(l, &l->cold);
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

/* Whether the sum of two registers, one shifted to the left, comes before an access off it. */
static bool makes_base(const struct lower *l, const struct a64_insn *insn)
{
    return !(insn->word >> 22 & 3) && insn->rn != 31 && insn->rm != 31 && insn->rd != 31 &&
           l->last_access[insn->rd];
}

/* Goes over the instructions once, from the last to the first: which ones' NZCV somebody may look at, which accesses
 * may have others behind them, whether the block is a loop, and whether it has to do with vectors. */
static void look_over(struct lower *l)
{
    const uint32_t mask = looks_of(l);
    const struct lower_row *const rows = l->row;
    uint32_t all = 0;
    bool live = true;
    memset(l->last_access, 0, sizeof(l->last_access));
    l->loop_end = l->count;
    l->sums = 0;
    l->flags_live[l->count] = true;
    for (unsigned i = l->count; i--;) {
        const struct a64_insn *insn = &l->insn[i];
        const uint32_t flags = insn->flags;
        all |= flags;
        live = looks(mask, insn) || (live && !(flags & A64_F_WF));
        l->flags_live[i] = live;
        if (flags & (A64_F_MR | A64_F_MW)) {
            note_access(l, insn, i);
        } else if (flags & A64_F_END) { /* as all have that are not of a row */
            if (insn->imm == -(uint64_t)i * 4 && dbt_is_conditional(insn))
                l->loop_end = i;
        } else if (rows[insn->row].sums && makes_base(l, insn)) {
            l->sums |= 1ull << i;
        }
    }
    l->has_vectors = all & A64_F_FP;
}

/* The lowerings' tables; and the scratch registers that rows do not use which name no general ones.
 */
static const struct {
    lower_fn *const *table;
    uint8_t spares;
} tables[] = {
    {lower_arith_table, 0},
    {lower_cond_table, 0},
    {lower_bits_table, 0},
    {lower_ldst_table, 0},
    {lower_branch_table, 0},
    {lower_system_table, 0},
    {lower_atomic_table, 0},
    {lower_fp_table, LOWER_SCRATCHES},
    {lower_fp_cvt_table, 0},
    {lower_fp_move_table, LOWER_SCRATCHES},
    {lower_ordered_table, 0},
    {lower_excl_table, 0},
    {lower_pauth_table, 0},
    {lower_crypto_table, 0},
    {lower_simd_diff_table, LOWER_SCRATCHES},
    {lower_simd_fp_table, LOWER_SCRATCHES},
    {lower_simd_ldst_table, 0},
    {lower_simd_misc_table, LOWER_SCRATCHES},
    {lower_simd_move_table, LOWER_SCRATCHES},
    {lower_simd_pair_table, LOWER_SCRATCHES},
    {lower_simd_same_table, LOWER_SCRATCHES},
    {lower_simd_sat_table, LOWER_SCRATCHES},
    {lower_simd_shift_table, LOWER_SCRATCHES},
    {lower_simd_shl_table, LOWER_SCRATCHES},
};

/* Scratch registers that the lowering of ROW, in table I, does not use. */
static uint8_t spares(unsigned row, size_t i)
{
    const uint32_t flags = A64_F_RF | A64_F_WF | A64_F_SYS;
    switch (a64_exec_ids[row]) {
    case A64_EXEC_simd_ins_v:
    case A64_EXEC_frecpe:
    case A64_EXEC_frsqrte:
        return LOWER_SCRATCHES & ~(1u << RAX);
    }
    return a64_rows[row].rx || a64_rows[row].wx || a64_rows[row].flags & flags ? 0
                                                                               : tables[i].spares;
}

static uint8_t rcx_of(unsigned id)
{
    switch (id) {
    case A64_EXEC_add_imm_w:
    case A64_EXEC_add_imm_x:
    case A64_EXEC_sub_imm_w:
    case A64_EXEC_sub_imm_x:
    case A64_EXEC_subs_imm_w:
    case A64_EXEC_subs_imm_x:
    case A64_EXEC_movz:
        return LOWER_RCX_LEFT;
    case A64_EXEC_add_shift_w:
    case A64_EXEC_add_shift_x:
        return LOWER_RCX_SUM;
    case A64_EXEC_and_shift_w:
    case A64_EXEC_and_shift_x:
    case A64_EXEC_eor_shift_w:
    case A64_EXEC_eor_shift_x:
    case A64_EXEC_orr_shift_w:
    case A64_EXEC_orr_shift_x:
        return LOWER_RCX_PLAIN;
    case A64_EXEC_b_cond:
    case A64_EXEC_cbz_w:
    case A64_EXEC_cbz_x:
    case A64_EXEC_cbnz_w:
    case A64_EXEC_cbnz_x:
        return LOWER_RCX_BRANCH;
    }
    return LOWER_RCX_LOST;
}

void dbt_lower_prepare(struct lower *l)
{
    const size_t count = sizeof(tables) / sizeof(tables[0]);
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        const unsigned id = a64_exec_ids[row];
        const char *writes = a64_rows[row].wv;
        size_t i = 0;
        while (i < count && !tables[i].table[id])
            i++;
        l->row[row] = (struct lower_row){
            .lowering = i < count ? tables[i].table[id] : NULL,
            .vectors = (uint8_t)(!writes     ? 0
                                 : writes[1] ? 2
                                             : 1),
            .plain = lower_moves_plainly(row),
            .sums = id == A64_EXEC_add_shift_x,
            .rcx = rcx_of(id),
            .shape = lower_shape_of_row(row),
            .spares = i < count ? spares(row, i) : 0,
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
    if (!l->has_vectors)
        return false;
    for (unsigned i = 0; i < l->count && !(l->insn[i].flags & A64_F_END); i++)
        if (l->insn[i].flags & A64_F_FP)
            return !(l->mode & DBT_MODE_FPCR) && lowering_of(l, &l->insn[i]);
    return false;
}

/* Compares `attention` or, VECTORS, also `vectors_away`, which is before it, with 0, and jumps if it is not 0: where the jump's
 * offset ends. There is room. */
static uint8_t *look_at(struct x86 *a, bool vectors)
{
    const struct x86_rm field = vectors ? CPU(vectors_away) : CPU(attention);
    uint8_t *p = a->p;
    *p = 0x48;
    p += vectors;
    p = x86_put(p, 4, 0x7d83 | (uint32_t)(field.code & 0xff00) << 8, 0); /* CMP [RBP + ], 0 */
    return a->p = x86_put(p, 6, 0x850f, 0);                              /* JNE */
}

void lower_head(struct lower *l)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    l->vectors = begins_with_vectors(l);
    if (!x86_has_room(a))
        return;
    x86_land(cold, (struct x86_label){look_at(a, l->vectors)});
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
    lower_flags_to(l, cold);
    x86_call_with(cold, l->dbt->stub.attention, STUB_PLACE, l->offset);
}

/* The instruction was emitted: what is known of the vector registers that it wrote (rd; with more letters or a
 * count in its row, at most four from there on, and ra). */
static void follow_vectors(struct lower *l, const struct a64_insn *insn)
{
    const bool may = insn->flags & A64_F_FP && insn->row != A64_ROW_NONE;
    const unsigned vectors = may ? l->row[insn->row].vectors : 0;
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
    if (l->at == l->loop.setter) {
        lower_loop_compare(l);
        return;
    }
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

/* Whether what the instruction is lowered to has nothing to do with RCX; but for accesses, which tell themselves. */
static bool leaves_rcx(const struct lower *l, const struct a64_insn *insn)
{
    if (insn->row == A64_ROW_NONE)
        return false;
    switch (l->row[insn->row].rcx) {
    case LOWER_RCX_LEFT:
        return true;
    case LOWER_RCX_SUM:
        return insn->rn != 31 && insn->rm != 31 && host_of[insn->rm] >= 0 &&
               !(insn->word >> 10 & 0x303c); /* LEA: LSL by 3 at most */
    case LOWER_RCX_PLAIN:
        return insn->rm != 31 && !(insn->word >> 10 & 63);
    case LOWER_RCX_BRANCH:
        return !l->flags.lost && !l->loop.body;
    }
    return false;
}

/* What was to lead to the instruction's end does. */
static void rejoin(struct lower *l)
{
    if (!l->a.full && !l->cold.full)
        x86_patch(&l->a, l->rejoin, x86_here(&l->a));
    l->rejoin.at = NULL;
}

void lower_insns(struct lower *l, unsigned end)
{
    for (; l->at < end && !l->ended; l->at++) {
        const unsigned first = l->at;
        l->keeps_rcx = l->in_rcx && leaves_rcx(l, &l->insn[first]);
        lower_insn(l);
        if (!l->keeps_rcx)
            l->in_rcx = NULL;
        if (l->rejoin.at)
            rejoin(l);
        for (unsigned i = first; l->has_vectors && i <= l->at; i++)
            follow_vectors(l, &l->insn[i]);
    }
}

static void lower_rows(struct lower *l)
{
    l->at = 0;
    lower_head(l);
    if (lower_btype(l))
        lower_landing(l);
    const size_t head = (size_t)(l->a.p - l->dbt->code_write) - l->start;
    const bool plain = !l->vectors && !(l->mode & DBT_MODE_COUNT) && !lower_btype(l);
    lower_loop_begin(l);
    l->head = plain && !l->loop.body ? (uint8_t)head : 0;
    lower_insns(l, l->count);
    if (!l->ended) {
        l->at = l->count;
        lower_go(l, CC_O, true, lower_place(l, l->count), l->count);
    }
    lower_loop_finish(l);
    lower_turns(l);
}

static struct x86 emitter(struct dbt *dbt, size_t from, size_t to)
{
    return (struct x86){
        .p = dbt->code_write + from,
        .end = dbt->code_write + to - X86_LONGEST,
        .run = dbt->code - dbt->code_write,
    };
}

void lower_know_nothing(struct lower *l)
{
    l->ended = false;
    l->clean32 = l->clean64 = l->made32 = l->made64 = 0;
    l->rejoin.at = NULL;
    l->in_rcx = NULL;
    l->result.end = NULL;
    l->address.base = X86_NONE;
    l->grouped = 0;
    for (unsigned i = 0; i < LOWER_GROUPS; i++)
        l->group[i].members = 0;
    memset(&l->flags, 0, sizeof(l->flags));
}

/* Blocks that branch back to their start begin where the host fetches at once; others anywhere: more of them fit its caches. */
#define LOOP_ALIGN 16

static size_t start_from(const struct lower *l, size_t at)
{
    return l->loop_end < l->count ? (at + LOOP_ALIGN - 1) & ~(size_t)(LOOP_ALIGN - 1) : at;
}

bool dbt_lower(struct dbt *dbt, struct lower *l)
{
    struct dbt_region *now = dbt->now;
    const unsigned links = 2 * (2 * l->count + 2 + LOWER_GROUPS); /* at most */
    if (now->links.limit - now->links.count < links || now->blocks.count == now->blocks.limit)
        return false;
    dbt_code_ready(dbt);
    l->dbt = dbt;
    lower_know_nothing(l);
    l->counted = 0;
    memset(&l->turns, 0, sizeof(l->turns));
    l->loop.body = 0;
    l->loop.setter = DBT_MAX_INSNS;
    look_over(l);
    l->before = *now;
    l->start = start_from(l, now->code);
    l->a = emitter(dbt, l->start, now->cold_start);
    l->cold = emitter(dbt, now->cold, now->literals);
    l->literals = emitter(dbt, now->literals, now->literals);
    /* What does not fit is written off; but a jump that was not emitted would be one right before its place. */
    if (!x86_has_room(&l->a) || !x86_has_room(&l->cold))
        return false;
    lower_rows(l);
    if (!x86_has_room(&l->a) || l->a.full || l->cold.full) {
        *now = l->before;
        return false;
    }
    memset(l->a.p, 0x90, LOOP_ALIGN); /* NOP, up to the next block and beyond */
    now->code = (size_t)(l->a.p - dbt->code_write);
    now->cold = (size_t)(l->cold.p - dbt->code_write);
    now->literals = (size_t)(l->literals.p - dbt->code_write);
    return true;
}
