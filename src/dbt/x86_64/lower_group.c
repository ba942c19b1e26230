/* SPDX-License-Identifier: MIT */
/* One check for several accesses: those of a block that lie near each other off one base register,
 * which only constants are added to in between. A check of all their bytes stands before the first;
 * what is reached through it cannot fault any more, as nothing in a block changes translations.
 *
 * Where the bytes are not all in the pages of one slot, the block is left before the first access
 * for another that begins there and checks each access alone (DBT_MODE_SINGLE). Accesses behind a
 * conditional branch belong to the group too: a read that is checked in vain costs nothing, but a
 * write may be in vain for ever, so that writes join reads only before the next branch. */

#include "lower_mem.h"

#include <string.h>

/* All that a group's accesses span, in bytes. */
#define MOST_BYTES 512

/* ---- which accesses can be in a group ---- */

enum how {
    ALONE,
    AT,
    BEFORE,
    BEHIND
}; /* the immediate is added: for the access; for good before it; behind it */

struct shape {
    uint8_t how, bytes;
    bool store;
};

#define SHAPE(name, suffix, bytes, store)                                                          \
    [A64_EXEC_##name##_off_##suffix] = {AT, bytes, store},                                         \
    [A64_EXEC_##name##_pre_##suffix] = {BEFORE, bytes, store},                                     \
    [A64_EXEC_##name##_post_##suffix] = {BEHIND, bytes, store}
#define LOAD(suffix, bytes)  SHAPE(ldr, suffix, bytes, false)
#define STORE(suffix, bytes) SHAPE(str, suffix, bytes, true)
#define PAIR(suffix, bytes)  SHAPE(ldp, suffix, bytes, false), SHAPE(stp, suffix, bytes, true)

static const struct shape shapes[A64_EXEC_COUNT] = {
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

/* ---- the base register ---- */

/* What the instruction adds to register BASE, if that is all it does to it. */
static bool adds_constant(const struct a64_insn *insn, unsigned base, int64_t *constant)
{
    const unsigned id = exec_id(insn);
    const bool with_flags = id == A64_EXEC_adds_imm_x || id == A64_EXEC_subs_imm_x;
    const bool minus = id == A64_EXEC_sub_imm_x || id == A64_EXEC_subs_imm_x;
    const unsigned target = insn->rd == 31 && !with_flags ? GUEST_SP : insn->rd;
    if (!(with_flags || minus || id == A64_EXEC_add_imm_x) || target != base ||
        lower_base(insn) != base)
        return false;
    *constant = minus ? -(int64_t)insn->imm : (int64_t)insn->imm;
    return true;
}

/* Whether it may write register BASE: by the letters of its row. What they say beyond one register
 * each is taken for all. */
static bool may_write(const struct a64_insn *insn, unsigned base)
{
    if (insn->row == A64_ROW_NONE)
        return true;
    const char *writes = a64_rows[insn->row].wx;
    for (; writes && *writes; writes++) {
        const unsigned rn = lower_base(insn);
        const unsigned rd = insn->rd == 31 && insn->flags & A64_F_WSP ? GUEST_SP : insn->rd;
        if (!strchr("dtnu", *writes) || (*writes == 'n' && rn == base) ||
            (*writes == 'u' && insn->ra == base) ||
            ((*writes == 'd' || *writes == 't') && rd == base))
            return true;
    }
    return false;
}

/* ---- the group ---- */

/* Takes the access of LENGTH bytes at OFFSET in; false: it is too far from the others. */
static bool widen(struct lower_group *group, int64_t offset, unsigned length)
{
    const int64_t lowest = offset < group->lowest ? offset : group->lowest;
    const int64_t end = group->lowest + (int64_t)group->bytes,
                  far = offset + length > end ? offset + length : end;
    if (far - lowest > MOST_BYTES)
        return false;
    group->lowest = (int32_t)lowest;
    group->bytes = (unsigned)(far - lowest);
    return true;
}

/* What the walk over a block knows of the group that begins at its first access. */
struct walk {
    struct lower_group group;
    int64_t added; /* to the base since then */
    bool reads, writes, branched;
};

/* Takes in instruction I, which has SHAPE; false: the group ends before it. */
static bool join(struct walk *walk, const struct a64_insn *insn, unsigned i,
                 const struct shape *shape)
{
    const int64_t offset = walk->added + (shape->how == BEHIND ? 0 : (int64_t)insn->imm);
    if (shape->store && walk->reads && !walk->writes && walk->branched)
        return false;
    if (!walk->group.members) {
        walk->group.lowest = (int32_t)offset;
        walk->group.bytes = shape->bytes;
    } else if (!widen(&walk->group, offset, shape->bytes)) {
        return false;
    }
    walk->group.members |= 1ull << i;
    walk->reads |= !shape->store;
    walk->writes |= shape->store;
    return true;
}

/* Follows the base over instruction I; false: its value is not known behind it. */
static bool follow_base(struct walk *walk, const struct a64_insn *insn, const struct shape *shape)
{
    int64_t constant;
    if (adds_constant(insn, walk->group.base, &constant)) {
        walk->added += constant;
        return true;
    }
    const bool mine = shape && shape->how != ALONE && lower_base(insn) == walk->group.base;
    if (mine && (shape->how == BEFORE || shape->how == BEHIND)) {
        walk->added += (int64_t)insn->imm;
        return insn->rn == 31 || shape->store || (insn->rd != insn->rn && insn->ra != insn->rn);
    }
    return !may_write(insn, walk->group.base);
}

/* A place for a group, of one that is over if there is one. */
static struct lower_group *room(struct lower *l)
{
    for (unsigned i = 0; i < LOWER_GROUPS; i++)
        if (!(l->group[i].members >> l->at))
            return &l->group[i];
    return NULL;
}

struct lower_group *lower_begin_group(struct lower *l)
{
    struct walk walk = {.group.base = lower_base(&l->insn[l->at])};
    const unsigned none = DBT_MODE_SINGLE | DBT_MODE_COUNT | DBT_MODE_ALIGN | DBT_MODE_SP_BAD;
    struct lower_group *group = room(l);
    if (!group || l->mode & none || lower_btype(l))
        return NULL;
    for (unsigned i = l->at; i < l->count; i++) {
        const struct a64_insn *insn = &l->insn[i];
        const struct shape *shape = &shapes[exec_id(insn)];
        const bool mine = shape->how != ALONE && lower_base(insn) == walk.group.base;
        if (insn->row == A64_ROW_NONE || insn->flags & A64_F_SYS ||
            (mine && !join(&walk, insn, i, shape)))
            break;
        if (!follow_base(&walk, insn, shape))
            break;
        walk.branched |= !!(insn->flags & A64_F_END);
    }
    if (!(walk.group.members & (walk.group.members - 1)))
        return NULL;
    walk.group.fill = !walk.writes ? DBT_FILL_READ : walk.reads ? DBT_FILL_BOTH : DBT_FILL_WRITE;
    *group = walk.group;
    return group;
}
