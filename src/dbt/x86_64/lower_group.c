/* SPDX-License-Identifier: MIT */
/* One check for several accesses: those of a block that lie near each other off one base register,
 * which only constants are added to in between, or at the sum of the same two registers, as when an
 * element of an array is read and written; or off a register that has the sum, as when the element
 * is a structure. A check of all their bytes stands before the first;
 * what is reached through it cannot fault any more, as nothing in a block changes translations.
 *
 * Where the bytes are not all in the pages of one slot, the block is left before the first access
 * for another that begins there and checks each access alone (DBT_MODE_SINGLE). Accesses behind a
 * conditional branch belong to the group too: a read that is checked in vain costs nothing, but a
 * write may be in vain for ever, so that writes join reads only before the next branch. */

#include "lower_mem.h"

#include "../../a64/ldst.h"

/* All that a group's accesses span, in bytes. */
#define MOST_BYTES 512

/* ---- the group ---- */

bool lower_widen(struct lower_group *group, int64_t offset, unsigned length, unsigned most)
{
    if (!group->members) {
        group->lowest = (int32_t)offset;
        group->bytes = length;
        return true;
    }
    const int64_t lowest = offset < group->lowest ? offset : group->lowest;
    const int64_t end = group->lowest + (int64_t)group->bytes,
                  far = offset + length > end ? offset + length : end;
    if (far - lowest > most)
        return false;
    group->lowest = (int32_t)lowest;
    group->bytes = (unsigned)(far - lowest);
    return true;
}

/* What the walk over a block knows of the group that begins at its first access. */
struct walk {
    struct lower_group group;
    const struct a64_insn *first;
    bool indexed;
    const struct a64_insn
        *sum;      /* what made the base, of registers that are as they were; or NULL */
    int64_t added; /* to the base since then */
    bool reads, writes, branched;
};

/* ---- a base that is a sum ---- */

/* Whether INSN, whose base is another register, is at the sum that SUM makes. */
static bool is_at_sum(const struct a64_insn *insn, const struct a64_insn *sum)
{
    const unsigned option = (unsigned)(insn->imm >> 8);
    return insn->rn != 31 && insn->rn == sum->rn && insn->rm == sum->rm &&
           (option == A64_EXTEND_LSL || option == A64_EXTEND_SXTX) &&
           a64_regoff_shift(insn->imm) == (sum->word >> 10 & 63);
}

static uint64_t operands_of(const struct a64_insn *sum)
{
    return 1ull << sum->rn | 1ull << sum->rm;
}

/* Whether the registers of the sum that instruction I makes are behind it what they still are. */
static bool holds(const struct lower *l, unsigned i)
{
    const uint64_t registers = operands_of(&l->insn[i]) | 1ull << l->insn[i].rd;
    if (operands_of(&l->insn[i]) >> l->insn[i].rd & 1)
        return false;
    while (++i < l->at)
        if (lower_written(&l->insn[i]) & registers)
            return false;
    return true;
}

/* The instruction that made the base of the access now, or the sum that it is at; NULL: none is
 * known. */
static const struct a64_insn *find_sum(const struct lower *l, bool indexed)
{
    const struct a64_insn *first = &l->insn[l->at];
    for (uint64_t left = l->sums & ((1ull << l->at) - 1); left;) {
        const unsigned i = 63 - (unsigned)__builtin_clzll(left);
        const struct a64_insn *sum = &l->insn[i];
        if (indexed ? is_at_sum(first, sum) : sum->rd == first->rn)
            return holds(l, i) ? sum : NULL;
        left &= ~(1ull << i);
    }
    return NULL;
}

/* ---- its members ---- */

/* Whether the access of SHAPE is off what the group's are. */
static bool is_mine(const struct walk *walk, const struct a64_insn *insn,
                    const struct lower_shape *shape)
{
    if (shape->how == LOWER_ALONE)
        return false;
    if (walk->sum && shape->how == LOWER_INDEXED)
        return is_at_sum(insn, walk->sum);
    if (lower_base(insn) != walk->group.base)
        return false;
    if (shape->how != LOWER_INDEXED)
        return !walk->indexed;
    return walk->indexed && insn->rm == walk->first->rm && insn->imm == walk->first->imm;
}

/* Takes in instruction I, which has SHAPE; false: the group ends before it. */
static bool join(struct walk *walk, const struct a64_insn *insn, unsigned i,
                 const struct lower_shape *shape)
{
    const bool indexed = shape->how == LOWER_INDEXED;
    const bool at_base = shape->how == LOWER_BEHIND || indexed;
    const int64_t offset = (indexed ? 0 : walk->added) + (at_base ? 0 : (int64_t)insn->imm);
    if (shape->store && walk->reads && !walk->writes && walk->branched)
        return false;
    if (!lower_widen(&walk->group, offset, shape->bytes, MOST_BYTES))
        return false;
    walk->group.members |= 1ull << i;
    walk->reads |= !shape->store;
    walk->writes |= shape->store;
    return true;
}

/* Follows the base over the instruction, and the index; false: what they are is not known behind
 * it. */
static bool follow_base(struct walk *walk, const struct a64_insn *insn,
                        const struct lower_shape *shape)
{
    int64_t constant;
    if (walk->sum && operands_of(walk->sum) & lower_written(insn))
        return false;
    if (shape->how == LOWER_AT && insn->rd != walk->group.base && insn->ra != walk->group.base &&
        !walk->indexed)
        return true;
    if (walk->indexed)
        return !((1ull << walk->group.base | 1ull << walk->first->rm) & lower_written(insn));
    if (lower_adds_constant(insn, walk->group.base, &constant)) {
        walk->added += constant;
        return true;
    }
    const bool moves = shape->how == LOWER_BEFORE || shape->how == LOWER_BEHIND;
    if (moves && lower_base(insn) == walk->group.base) {
        walk->added += (int64_t)insn->imm;
        return !(lower_loaded(insn) >> walk->group.base & 1);
    }
    return !(lower_written(insn) >> walk->group.base & 1);
}

/* A place for a group, of one that is over if there is one. A loop's streams are asked for at the
 * block's end. */
static struct lower_group *room(struct lower *l)
{
    for (unsigned i = l->loop.body ? l->loop.streams : 0; i < LOWER_GROUPS; i++)
        if (!(l->group[i].members >> l->at))
            return &l->group[i];
    return NULL;
}

/* Whether the instruction has nothing to do with register BASE, at a glance. */
static bool leaves_alone(const struct a64_insn *insn, unsigned base)
{
    const unsigned field = base == GUEST_SP ? 31 : base;
    return insn->rd != field && insn->rn != field && insn->ra != field;
}

/* Whether it has nothing to do with the group: with the base, and the index where there is one. */
static bool passes_by(const struct lower *l, const struct a64_insn *insn, const struct walk *walk)
{
    return insn->row != A64_ROW_NONE && l->row[insn->row].plain &&
           leaves_alone(insn, walk->group.base) &&
           (!walk->indexed || leaves_alone(insn, walk->first->rm)) &&
           (!walk->sum || (leaves_alone(insn, walk->sum->rn) && leaves_alone(insn, walk->sum->rm)));
}

/* Behind the last access that may be in the group off BASE, or at SUM if it is not NULL. */
static unsigned end_of(const struct lower *l, unsigned base, const struct a64_insn *sum)
{
    const unsigned end = l->last_access[base];
    const unsigned other = sum ? l->last_access[sum->rn] : 0;
    return end > other ? end : other;
}

/* Goes over the instructions from the first access to END - 1. */
static void collect(const struct lower *l, struct walk *walk, unsigned end)
{
    for (unsigned i = l->at; i < end; i++) {
        const struct a64_insn *insn = &l->insn[i];
        if (passes_by(l, insn, walk))
            continue;
        const struct lower_shape *shape = lower_shape_of(l, insn);
        if (insn->row == A64_ROW_NONE || insn->flags & A64_F_SYS ||
            (is_mine(walk, insn, shape) && !join(walk, insn, i, shape)))
            return;
        if (!follow_base(walk, insn, shape))
            return;
        walk->branched |= !!(insn->flags & A64_F_END);
    }
}

struct lower_group *lower_begin_group(struct lower *l)
{
    const unsigned none = DBT_MODE_SINGLE | DBT_MODE_COUNT | DBT_MODE_ALIGN | DBT_MODE_SP_BAD;
    const struct a64_insn *first = &l->insn[l->at];
    const bool indexed = lower_shape_of(l, first)->how == LOWER_INDEXED;
    if (l->mode & none || lower_btype(l))
        return NULL;
    const struct a64_insn *sum = l->sums ? find_sum(l, indexed) : NULL;
    const unsigned base = sum ? sum->rd : lower_base(first), end = end_of(l, base, sum);
    if (end == l->at + 1)
        return NULL;
    struct lower_group *group = room(l);
    if (!group)
        return NULL;
    struct walk walk = {.group.base = base, .first = first, .indexed = indexed && !sum, .sum = sum};
    collect(l, &walk, end);
    if (!(walk.group.members & (walk.group.members - 1)))
        return NULL;
    walk.group.fill = !walk.writes ? DBT_FILL_READ : walk.reads ? DBT_FILL_BOTH : DBT_FILL_WRITE;
    *group = walk.group;
    l->grouped |= group->members;
    return group;
}
