/* SPDX-License-Identifier: MIT */
/* What several accesses of a block may share a check by: where each is, and how registers change in
 * between. For lower_group.c and lower_loop.c. */

#include "lower_mem.h"

#define SHAPE(name, suffix, bytes, store)                                                          \
    [A64_EXEC_##name##_off_##suffix] = {LOWER_AT, bytes, store},                                   \
    [A64_EXEC_##name##_pre_##suffix] = {LOWER_BEFORE, bytes, store},                               \
    [A64_EXEC_##name##_post_##suffix] = {LOWER_BEHIND, bytes, store}
#define LOAD(suffix, bytes)                                                                        \
    SHAPE(ldr, suffix, bytes, false), [A64_EXEC_ldr_reg_##suffix] = {LOWER_INDEXED, bytes, false}
#define STORE(suffix, bytes)                                                                       \
    SHAPE(str, suffix, bytes, true), [A64_EXEC_str_reg_##suffix] = {LOWER_INDEXED, bytes, true}
#define PAIR(suffix, bytes) SHAPE(ldp, suffix, bytes, false), SHAPE(stp, suffix, bytes, true)

static const struct lower_shape shapes[A64_EXEC_COUNT] = {
    LOAD(u8, 1),
    LOAD(u16, 2),
    LOAD(u32, 4),
    LOAD(u64, 8),
    LOAD(s8w, 1),
    LOAD(s16w, 2),
    LOAD(s8x, 1),
    LOAD(s16x, 2),
    LOAD(s32x, 4),
    LOAD(b, 1),
    LOAD(h, 2),
    LOAD(s, 4),
    LOAD(d, 8),
    LOAD(q, 16),
    STORE(u8, 1),
    STORE(u16, 2),
    STORE(u32, 4),
    STORE(u64, 8),
    STORE(b, 1),
    STORE(h, 2),
    STORE(s, 4),
    STORE(d, 8),
    STORE(q, 16),
    PAIR(w, 8),
    PAIR(x, 16),
    PAIR(s, 8),
    PAIR(d, 16),
    PAIR(q, 32),
    SHAPE(ldp, sw, 8, false),
};

static unsigned exec_id(const struct a64_insn *insn)
{
    return insn->row == A64_ROW_NONE ? A64_EXEC_none : a64_exec_ids[insn->row];
}

struct lower_shape lower_shape_of_row(unsigned row)
{
    return shapes[a64_exec_ids[row]];
}

bool lower_makes_sum(const struct a64_insn *insn, struct lower_sum *sum)
{
    const unsigned id = exec_id(insn);
    const bool with_flags = id == A64_EXEC_adds_imm_x || id == A64_EXEC_subs_imm_x;
    const bool minus = id == A64_EXEC_sub_imm_x || id == A64_EXEC_subs_imm_x;
    if (with_flags || minus || id == A64_EXEC_add_imm_x) {
        const int64_t imm = (int64_t)insn->imm;
        const unsigned to = insn->rd == 31 && !with_flags ? GUEST_SP : insn->rd;
        *sum = (struct lower_sum){to, lower_base(insn), minus ? -imm : imm};
        return true;
    }
    *sum = (struct lower_sum){insn->rd, insn->rm, 0}; /* MOV */
    return id == A64_EXEC_orr_shift_x && insn->rn == 31 && !(insn->word >> 10 & 63);
}

bool lower_adds_constant(const struct a64_insn *insn, unsigned n, int64_t *constant)
{
    struct lower_sum sum;
    if (!lower_makes_sum(insn, &sum) || sum.to != n || sum.from != n)
        return false;
    *constant = sum.added;
    return true;
}

/* By the fields of its row, of which BASE may be left out. What it writes beyond one register each is taken for all. */
static uint64_t written(const struct a64_insn *insn, bool base)
{
    const unsigned writes = insn->flags >> A64_WRITES_SHIFT;
    const unsigned rd = insn->rd == 31 && insn->flags & A64_F_WSP ? GUEST_SP : insn->rd;
    if (writes & A64_WRITES_MORE)
        return UINT64_MAX;
    return (writes & A64_WRITES_D ? 1ull << rd : 0) | (writes & A64_WRITES_U ? 1ull << insn->ra : 0) |
           (writes & A64_WRITES_N && base ? 1ull << lower_base(insn) : 0);
}

uint64_t lower_written(const struct a64_insn *insn)
{
    return written(insn, true);
}

uint64_t lower_loaded(const struct a64_insn *insn)
{
    return written(insn, false);
}

bool lower_moves_plainly(unsigned row)
{
    const struct a64_row *it = &a64_rows[row];
    return !(it->flags & (A64_F_SYS | A64_F_END)) && !(it->writes & A64_WRITES_MORE);
}
