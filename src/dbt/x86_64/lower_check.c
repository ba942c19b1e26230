/* SPDX-License-Identifier: MIT */
/* The check before an access to guest memory; lower_mem.h says how it is used, and where it is in
 * vain.
 *
 * Every access has a slot of its own: the virtual pages it reached last and what leads from there
 * to host memory. The check, that the whole access lies in them, is the only one; a slot is filled
 * only where the TLB allows the access without any other. When it fails, the rare path asks the
 * TLB, and if that does not know either, the interpreter's function does the instruction. An access
 * that reaches another page every other time is translated anew, to ask the TLB at once. */

#include "lower_mem.h"

#include "../../a64/mmu.h"

/* The site's slot; NULL: none is left. */
static struct dbt_slot *new_slot(struct lower *l)
{
    struct dbt *dbt = l->dbt;
    if (dbt->now->slots.count == dbt->now->slots.limit) {
        l->a.full = true;
        return NULL;
    }
    const uint32_t number = dbt->now->slots.count++;
    dbt->sites[number] = (struct dbt_site){dbt->now->blocks.count, lower_place(l, l->at), 0};
    struct dbt_slot *slot = &dbt->hot->slot[number];
    *slot = (struct dbt_slot){.tag = DBT_NO_TAG};
    return slot;
}

/* Whether the access reaches other pages so often that a slot does not pay. */
static bool flips(const struct lower *l)
{
    const unsigned at = dbt_flips_at(l->pa + l->at * 4);
    return l->dbt->flips[at / 64] >> at % 64 & 1;
}

/* What an access asks for. */
struct want {
    unsigned size; /* bytes, in one page */
    bool aligned;  /* to their size, or the rare path does it */
    enum dbt_fill fill;
    bool told; /* a store that the exclusive monitor may want to know of */
};

/* How far from its page's start the access may begin, in bytes or, ALIGNED, in units of its size.
 */
static unsigned limit_of(const struct want *want)
{
    const unsigned page = (unsigned)A64_PAGE_MASK + 1;
    return want->aligned ? page / want->size : page + 1 - want->size;
}

/* Where a check sends what it does not let through. */
struct others {
    struct x86_label jump[2];
    unsigned count;
};

static void leave_on(struct x86 *a, struct others *others, enum x86_cc cc)
{
    others->jump[others->count++] = x86_jcc(a, cc);
}

/* RCX = what SLOT adds to RAX, if it is for its pages. Bits of the address that must be 0 come to
 * the top, above those of the page's offset in units of the size. */
static void check_slot(struct lower *l, const struct dbt_slot *slot, const struct want *want,
                       struct others *others)
{
    struct x86 *a = &l->a;
    x86_mov_rr(a, 1, RCX, RAX);
    x86_alu(a, ALU_SUB, 1, RCX, x86_at(&slot->tag));
    if (want->aligned && want->size > 1)
        x86_rorx(a, 1, RCX, x86_r(RCX), (unsigned)__builtin_ctz(want->size));
    x86_alu(a, ALU_CMP, 1, RCX, x86_at(&slot->limit));
    leave_on(a, others, CC_AE);
    x86_mov(a, 1, RCX, x86_at(&slot->value));
}

void lower_find_entry(const struct dbt *dbt, struct x86 *a, unsigned to, bool user)
{
    _Static_assert(sizeof(struct a64_tlb_entry) << 6 == A64_PAGE_MASK + 1,
                   "a page number's place by one shift");
    x86_mov_rr(a, 1, to, RAX);
    x86_shift_imm(a, SHIFT_SHR, 1, to, 6);
    x86_alu(a, ALU_XOR, 1, to, x86_at(&dbt->hot->ctx_offset[user]));
    x86_op(a, 0x81, ALU_AND, x86_r((int)to), 4);
    x86_u32(a, (uint32_t)((A64_TLB_SIZE - 1) * sizeof(struct a64_tlb_entry)));
    x86_alu(a, ALU_ADD, 1, to, x86_at(&dbt->hot->tlb));
}

/* The same by the TLB, of which the first and the last byte's tags must be the same. */
static void check_tlb(struct lower *l, const struct want *want, struct others *others)
{
    struct x86 *a = &l->a;
    const enum dbt_fill fill = want->fill;
    const bool user = fill == DBT_FILL_READ_USER || fill == DBT_FILL_WRITE_USER;
    const bool write_only = fill == DBT_FILL_WRITE || fill == DBT_FILL_WRITE_USER;
    const int32_t page = -(int32_t)(A64_PAGE_MASK + 1), rest = (int32_t)want->size - 1;
    lower_find_entry(l->dbt, a, RCX, user);
    x86_lea(a, 1, RDX, x86_m(RAX, want->aligned ? 0 : rest));
    x86_alu_imm(a, ALU_AND, 1, x86_r(RDX), want->aligned ? page | rest : page);
    x86_alu(a, ALU_XOR, 1, RDX, x86_at(&l->dbt->hot->ctx[user]));
    if (!write_only) {
        x86_alu(a, ALU_CMP, 1, RDX, x86_m(RCX, offsetof(struct a64_tlb_entry, plain_read)));
        leave_on(a, others, CC_NE);
    }
    if (write_only || fill == DBT_FILL_BOTH) {
        x86_alu(a, ALU_CMP, 1, RDX, x86_m(RCX, offsetof(struct a64_tlb_entry, plain_write)));
        leave_on(a, others, CC_NE);
    }
    x86_mov(a, 1, RCX, x86_m(RCX, offsetof(struct a64_tlb_entry, addend)));
}

/* The check that WANT asks for; `cold` goes on where it fails. */
static void ask(struct lower *l, const struct dbt_slot *slot, const struct want *want)
{
    struct x86 *cold = &l->cold;
    struct others others = {.count = 0};
    if (flips(l))
        check_tlb(l, want, &others);
    else
        check_slot(l, slot, want, &others);
    for (unsigned i = 0; i < others.count; i++)
        x86_land(cold, others.jump[i]);
    x86_lea(cold, 1, RCX, x86_at(slot));
    x86_imm(cold, RDX, limit_of(want));
    x86_call_to(cold, l->dbt->stub.fill[(l->mode & DBT_MODE_EL) != 0][want->fill][want->aligned]);
    x86_jcc_to(cold, CC_NE, x86_here(&l->a));
}

/* The rare path: the interpreter's function. */
struct lower_miss lower_rarely(struct lower *l, const struct a64_insn *insn)
{
    const uintptr_t slow = x86_here(&l->cold);
    lower_call_cold(l, insn);
    return (struct lower_miss){x86_jmp(&l->cold), slow};
}

static struct lower_miss check(struct lower *l, const struct a64_insn *insn,
                               const struct want *want)
{
    const struct dbt_slot *slot = new_slot(l);
    if (!slot)
        return (struct lower_miss){{l->a.p}, 0};
    ask(l, slot, want);
    const struct lower_miss miss = lower_rarely(l, insn);
    if (want->told)
        lower_look(l, want->size - 1, miss.slow);
    return miss;
}

/* ---- groups ---- */

/* The check for all of GROUP, from RAX on; where it fails, the block is left for the one at PLACE
 * that makes them one by one. */
static void check_group(struct lower *l, struct lower_group *group, uint32_t place)
{
    const struct want want = {group->bytes, false, group->fill, false};
    group->slot = new_slot(l);
    if (!group->slot)
        return;
    ask(l, group->slot, &want);
    if (flips(l)) /* the members look there */
        x86_store(&l->a, 1, x86_at(&group->slot->value), RCX);
    lower_flags_to(l, &l->cold);
    lower_link(l, x86_jmp(&l->cold), place, true);
}

void lower_check_strip(struct lower *l, struct lower_group *stream)
{
    l->at = (unsigned)__builtin_ctzll(stream->members);
    check_group(l, stream, l->offset);
}

const struct lower_group *lower_member_of(const struct lower *l)
{
    for (unsigned i = 0; i < LOWER_GROUPS; i++)
        if (l->group[i].members >> l->at & 1)
            return l->group[i].slot ? &l->group[i] : NULL;
    return NULL;
}

const struct lower_group *lower_group_of(struct lower *l, const struct a64_insn *insn)
{
    const struct lower_group *member = lower_member_of(l);
    struct lower_group *group = member ? NULL : lower_begin_group(l);
    if (group) {
        lower_clobber(l);
        if (lower_shape_of(insn)->how == LOWER_INDEXED)
            lower_address_indexed(l, insn);
        else
            lower_address(l, insn, group->lowest);
        check_group(l, group, lower_place(l, l->at));
    }
    return group && group->slot ? group : member;
}

/* With several CPUs every store is told. */
bool lower_told(const struct lower *l, enum dbt_fill fill)
{
    return fill != DBT_FILL_READ && fill != DBT_FILL_READ_USER && l->mode & DBT_MODE_MANY;
}

struct lower_miss lower_check(struct lower *l, const struct a64_insn *insn, unsigned size,
                              enum dbt_fill fill)
{
    return check(l, insn, &(struct want){size, false, fill, lower_told(l, fill)});
}

struct lower_miss lower_check_aligned(struct lower *l, const struct a64_insn *insn, unsigned size,
                                      enum dbt_fill fill)
{
    return check(l, insn, &(struct want){size, true, fill, lower_told(l, fill)});
}

struct lower_miss lower_check_exclusive(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    return check(l, insn, &(struct want){size, true, DBT_FILL_WRITE, false});
}

void lower_checked(struct lower *l, struct lower_miss miss)
{
    if (miss.done.at && !l->a.full && !l->cold.full)
        x86_patch(&l->a, miss.done, x86_here(&l->a));
}
