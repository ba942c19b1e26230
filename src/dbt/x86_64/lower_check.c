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

#include <stdlib.h>

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
    dbt->sites[number] = (struct dbt_site){
        .block = dbt->now->blocks.count,
        .place = (uint16_t)lower_place(l, l->at),
    };
    struct dbt_slot *slot = &dbt->hot->slot[number];
    *slot = (struct dbt_slot){.tag = DBT_NO_TAG};
    return slot;
}

#define FLIPS(kind) (1u << DBT_FLIPS_##kind)

/* What is known of the access. With a TLB of one page all ask it. */
static unsigned flips_of(const struct lower *l)
{
    return dbt_flips_of(l->dbt, l->pa + l->at * 4) |
           (l->dbt->cpu->sys->knobs.one_tlb ? FLIPS(PAIR) | FLIPS(TLB) : 0);
}

/* Whether it has two slots, for even and for odd pages. */
static bool has_pair(unsigned flips)
{
    return (flips & (FLIPS(PAIR) | FLIPS(TLB))) == FLIPS(PAIR);
}

/* What an access asks for. */
struct want {
    unsigned size; /* bytes, in one page */
    bool aligned;  /* to their size, or the rare path does it */
    enum dbt_fill fill;
    bool told;  /* a store that the exclusive monitor may want to know of */
    bool split; /* a plain read, which may cross a page */
    bool alone; /* nobody else goes to its rare path, and what follows is short */
    /* What emits the plain store for when it crosses a page; NULL: that is the interpreter's, or it is none. */
    lower_put_fn *put;
    const void *what;
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

/* TO = the address. */
static void take_address(const struct lower *l, struct x86 *a, unsigned to)
{
    if (l->address.base < 0)
        x86_mov_rr(a, 1, to, RAX);
    else if (l->address.disp)
        x86_lea(a, 1, to, x86_m(l->address.base, l->address.disp));
    else
        x86_mov_rr(a, 1, to, (unsigned)l->address.base);
}

/* CF = whether the address is for the pages of SLOT. Bits of it that must be 0 come to the top,
 * above those of the page's offset in units of the size. Costs TO. */
static void compare_slot(struct lower *l, unsigned to, const struct dbt_slot *slot,
                         const struct want *want)
{
    struct x86 *a = &l->a;
    take_address(l, a, to);
    x86_alu(a, ALU_SUB, 1, to, x86_at(&slot->tag));
    if (want->aligned && want->size > 1)
        x86_rorx(a, 1, to, x86_r((int)to), (unsigned)__builtin_ctz(want->size));
    x86_alu(a, ALU_CMP, 1, to, x86_at(&slot->limit));
}

/* RCX = what SLOT adds to the address, if it is for its pages. */
static void check_slot(struct lower *l, const struct dbt_slot *slot, const struct want *want,
                       struct others *others)
{
    compare_slot(l, RCX, slot, want);
    leave_on(&l->a, others, CC_AE);
    x86_mov(&l->a, 1, RCX, x86_at(&slot->value));
}

/* The same for an access that need not be aligned, which is most of what is translated. */
static void check_slot_quickly(struct lower *l, const struct dbt_slot *slot, struct others *others)
{
    struct x86 *a = &l->a;
    take_address(l, a, RCX);
    if (!x86_has_room(a))
        return;
    uint8_t *p = x86_put_at(a, a->p, 7, 0x0d2b48, (uintptr_t)&slot->tag); /* SUB RCX, tag */
    p = x86_put_at(a, p, 7, 0x0d3b48, (uintptr_t)&slot->limit);           /* CMP RCX, limit */
    p = x86_put(p, 6, 0x830f, 0);                                         /* JAE */
    others->jump[others->count++] = (struct x86_label){p};
    a->p = x86_put_at(a, p, 7, 0x0d8b48, (uintptr_t)&slot->value); /* MOV RCX, value */
}

/* The same by two slots, the second of which is the next one. No address waits for memory, and none
 * is guessed. */
static void check_pair(struct lower *l, const struct dbt_slot *slot, const struct want *want,
                       struct others *others)
{
    struct x86 *a = &l->a;
    compare_slot(l, RDX, slot + 1, want);
    x86_alu(a, ALU_SBB, 1, RDX, x86_r(RDX));
    compare_slot(l, RCX, slot, want);
    x86_mov(a, 1, RCX, x86_at(&slot[1].value));
    x86_cmov(a, CC_B, 1, RCX, x86_at(&slot->value));
    x86_alu_imm(a, ALU_SBB, 1, x86_r(RDX), 0); /* 0: neither */
    leave_on(a, others, CC_E);
}

void lower_find_entry(const struct dbt *dbt, struct x86 *a, unsigned to, bool user)
{
    _Static_assert(sizeof(struct a64_tlb_entry) << 6 == A64_PAGE_MASK + 1,
                   "a page number's place by one shift");
    x86_mov_rr(a, 1, to, RAX);
    x86_shift_imm(a, SHIFT_SHR, 1, to, 6);
    x86_alu(a, ALU_XOR, 1, to, x86_at(&dbt->hot->ctx_offset[user]));
    x86_op_imm(a, 0x81, ALU_AND, x86_r((int)to), 4, (uint32_t)((A64_TLB_SIZE - 1) * sizeof(struct a64_tlb_entry)));
    x86_alu(a, ALU_ADD, 1, to, x86_at(&dbt->hot->tlb));
}

/* The same by the TLB's pages or, PIECES, pieces: the first and the last byte must have the same
 * tag. */
static void check_tlb(struct lower *l, const struct want *want, bool pieces, struct others *others)
{
    _Static_assert(sizeof(struct a64_tlb_plain) == 16, "a place by one shift");
    struct x86 *a = &l->a;
    const struct dbt_hot *hot = l->dbt->hot;
    const enum dbt_fill fill = want->fill;
    const bool user = fill == DBT_FILL_READ_USER || fill == DBT_FILL_WRITE_USER;
    const bool writes = fill != DBT_FILL_READ && fill != DBT_FILL_READ_USER;
    const unsigned shift = pieces ? A64_RUN_SHIFT : A64_PAGE_SHIFT;
    const int32_t mask = -(int32_t)(1u << shift), rest = (int32_t)want->size - 1;
    x86_mov_rr(a, 1, RCX, RAX);
    x86_shift_imm(a, SHIFT_SHR, 1, RCX, shift - 4);
    x86_op_imm(a, 0x81, ALU_AND, x86_r(RCX), 4, ((pieces ? A64_RUNS : A64_TLB_SIZE) - 1) << 4);
    const void *table = pieces ? &hot->piece_table[writes] : &hot->page_table[user][writes];
    x86_alu(a, ALU_ADD, 1, RCX, x86_at(table));
    x86_lea(a, 1, RDX, x86_m(RAX, want->aligned ? 0 : rest));
    x86_alu_imm(a, ALU_AND, 1, x86_r(RDX), want->aligned ? mask | rest : mask);
    x86_alu(a, ALU_XOR, 1, RDX, x86_at(&hot->ctx[user]));
    x86_alu(a, ALU_CMP, 1, RDX, x86_m(RCX, offsetof(struct a64_tlb_plain, tag)));
    leave_on(a, others, CC_NE);
    x86_mov(a, 1, RCX, x86_m(RCX, offsetof(struct a64_tlb_plain, addend)));
}

/* Makes the access's slot one of two, for pages of even numbers; the next one is for odd ones. */
static bool pair(struct lower *l, const struct dbt_slot *slot)
{
    const struct dbt_slot *second = new_slot(l);
    if (second)
        l->dbt->sites[slot - l->dbt->hot->slot].pair =
            l->dbt->sites[second - l->dbt->hot->slot].pair = true;
    return second;
}

/* In `cold`: RCX = the slot for RAX, SLOT or, PAIRED, that or the next. */
static void name_slot(struct lower *l, const struct dbt_slot *slot, bool paired)
{
    struct x86 *cold = &l->cold;
    x86_lea(cold, 1, paired ? RDX : RCX, x86_at(slot));
    if (!paired)
        return;
    _Static_assert(sizeof(*slot) == 32, "bit 12 of the address, as bit 5");
    x86_rorx(cold, 0, RCX, x86_r(RAX), A64_PAGE_SHIFT - 5);
    x86_alu_imm(cold, ALU_AND, 0, x86_r(RCX), 32);
    x86_alu(cold, ALU_ADD, 1, RCX, x86_r(RDX));
}

/* The check that WANT asks for; `cold` is where it fails. PAIRED: SLOT is one of two. Whether RCX is then what SLOT's tag was
 * taken from the address to. */
static bool look(struct lower *l, const struct dbt_slot *slot, const struct want *want, bool paired)
{
    struct others others = {.count = 0};
    struct dbt_site *site = &l->dbt->sites[slot - l->dbt->hot->slot];
    const unsigned flips = paired ? 0 : flips_of(l);
    site->by_tlb = flips & FLIPS(PAIR);
    site->by_piece = site->by_tlb && flips & FLIPS(PIECE);
    site->window = !site->by_tlb && flips & FLIPS(WINDOW);
    if (l->address.base >= 0 && site->by_tlb)
        take_address(l, &l->a, RAX);
    if (paired)
        check_pair(l, slot, want, &others);
    else if (site->by_tlb)
        check_tlb(l, want, site->by_piece, &others);
    else if (want->aligned)
        check_slot(l, slot, want, &others);
    else
        check_slot_quickly(l, slot, &others);
    for (unsigned i = 0; i < others.count; i++)
        x86_land(&l->cold, others.jump[i]);
    return !paired && !site->by_tlb && !want->aligned;
}

static uint32_t number_of(const struct lower *l, const struct dbt_slot *slot)
{
    return (uint32_t)(slot - l->dbt->hot->slot);
}

/* What stubs are told of WANT. */
static uint32_t told_of(const struct lower *l, const struct dbt_slot *slot, const struct want *want)
{
    _Static_assert((DBT_MOST_SLOTS - 1) >> (32 - STUB_SIZE_BITS) == 0, "a number and a size in 32 bits");
    return number_of(l, slot) << STUB_SIZE_BITS | (want->size - 1);
}

/* What is tried where the check has failed: `cold` goes on where that fails too. LEFT is what look() told. */
static void ask(struct lower *l, const struct dbt_slot *slot, const struct want *want, bool paired, bool left)
{
    struct dbt *dbt = l->dbt;
    struct x86 *cold = &l->cold;
    const bool el1 = l->mode & DBT_MODE_EL;
    if (left) {
        const unsigned fill = want->split ? DBT_FILL_COUNT : want->fill;
        x86_ask(cold, told_of(l, slot, want), dbt->stub.ask[el1][fill], x86_here(&l->a));
        return;
    }
    if (l->address.base >= 0 && !dbt->sites[number_of(l, slot)].by_tlb)
        take_address(l, cold, RAX);
    name_slot(l, slot, paired);
    x86_imm(cold, RDX, limit_of(want));
    x86_call_to(cold, want->split ? dbt->stub.fill_split[el1] : dbt->stub.fill[el1][want->fill][want->aligned]);
    x86_jcc_to(cold, CC_NE, x86_here(&l->a));
}

/* The rare path: the interpreter's function. */
struct lower_miss lower_rarely(struct lower *l, const struct a64_insn *insn)
{
    const uintptr_t slow = x86_here(&l->cold);
    lower_call_cold(l, insn);
    return (struct lower_miss){.done = x86_jmp(&l->cold), .slow = slow};
}

/* Emits the store into `cold`, to [RAX + RCX]. */
static void put_again(struct lower *l, const struct a64_insn *insn, const struct want *want)
{
    lower_swap(l);
    want->put(l, insn, want->what);
    lower_swap(l);
}

/* The rare path of a store that crosses a page: what it stores is left for split.c, which makes it.
 * Where that cannot, `cold` goes on. The result leads to behind the instruction. */
static struct x86_label split_store(struct lower *l, const struct a64_insn *insn,
                                    const struct want *want)
{
    struct x86 *cold = &l->cold;
    x86_lea(cold, 1, RCX, x86_at(l->dbt->hot->crossing));
    x86_alu(cold, ALU_SUB, 1, RCX, x86_r(RAX));
    put_again(l, insn, want);
    x86_imm(cold, RDX, want->size);
    x86_call_to(cold, l->dbt->stub.split[1]);
    return x86_jcc(cold, CC_NE);
}

bool lower_is_simple(const struct lower *l, const struct a64_insn *insn)
{
    const bool known = insn == &l->insn[l->at] && !(insn->flags & (A64_F_RF | A64_F_WF | A64_F_SYS | A64_F_END));
    return known && !l->flags.lost && !l->loop.body && !lower_btype(l) && !(l->mode & DBT_MODE_COUNT);
}

static bool is_plain(const struct want *want)
{
    return want->alone && (want->fill == DBT_FILL_WRITE || want->fill == DBT_FILL_READ);
}

/* The rare path then. A byte behind each call is for tell_gap(). */
static struct lower_miss fill_or_run(struct lower *l, const struct a64_insn *insn, const struct dbt_slot *slot,
                                     const struct want *want)
{
    struct x86 *cold = &l->cold;
    const struct dbt *dbt = l->dbt;
    const bool el1 = l->mode & DBT_MODE_EL;
    const uintptr_t stub = want->fill == DBT_FILL_READ ? dbt->stub.load[el1]
                           : want->put && !want->told  ? dbt->stub.put[el1]
                                                       : dbt->stub.store[el1];
    struct lower_miss miss = {.gap = x86_ask(cold, told_of(l, slot, want), stub, x86_here(&l->a))};
    cold->p += STUB_GAP;
    if (want->told) {
        const int base = l->address.base >= 0 ? l->address.base : RAX;
        miss.looked = lower_look_or_run(l, told_of(l, slot, want), base, l->address.disp, false);
    } else if (want->put) {
        put_again(l, insn, want);
        miss.stored = x86_ask(cold, want->size, dbt->stub.store_split, 0);
        cold->p += STUB_GAP;
    }
    return miss;
}

static struct lower_miss check(struct lower *l, const struct a64_insn *insn,
                               const struct want *want)
{
    const struct dbt_slot *slot = new_slot(l);
    const bool paired = has_pair(flips_of(l));
    if (!slot || (paired && !pair(l, slot)))
        return (struct lower_miss){.slow = 0};
    const bool left = look(l, slot, want, paired);
    if (left && is_plain(want) && lower_is_simple(l, insn))
        return fill_or_run(l, insn, slot, want);
    ask(l, slot, want, paired, left);
    const bool splits = want->put && want->size > 1 && !want->told;
    const struct x86_label stored = splits ? split_store(l, insn, want) : (struct x86_label){NULL};
    struct lower_miss miss = lower_rarely(l, insn);
    miss.stored = stored;
    if (want->told)
        lower_look(l, want->size - 1, miss.slow);
    return miss;
}

struct lower_miss lower_look_of_member(struct lower *l, const struct a64_insn *insn, const struct lower_group *group,
                                       unsigned bytes, int base, int32_t disp)
{
    if (lower_is_simple(l, insn)) {
        const uint32_t told = told_of(l, group->slot, &(struct want){.size = bytes});
        return (struct lower_miss){.looked = lower_look_or_run(l, told, base, disp, true)};
    }
    const struct lower_miss miss = lower_rarely(l, insn);
    lower_look(l, bytes - 1, miss.slow);
    return miss;
}

/* ---- groups ---- */

/* The check for all of GROUP, from RAX on; where it fails, the block is left for the one at PLACE
 * that makes them one by one. */
static void check_group(struct lower *l, struct lower_group *group, uint32_t place)
{
    const struct want want = {.size = group->bytes, .fill = group->fill};
    if (!group->slot)
        group->slot = new_slot(l);
    if (!group->slot)
        return;
    ask(l, group->slot, &want, false, look(l, group->slot, &want, false));
    if (flips_of(l) & FLIPS(PAIR)) /* the members look there */
        x86_store(&l->a, 1, x86_at(&group->slot->value), RCX);
    lower_flags_to(l, &l->cold);
    lower_link(l, x86_jmp(&l->cold), place, (struct dbt_link){.single = true});
}

void lower_open_stream(struct lower *l, struct lower_group *stream)
{
    l->at = (unsigned)__builtin_ctzll(stream->members);
    stream->slot = new_slot(l);
    stream->page = flips_of(l) & FLIPS(PAIR);
}

void lower_check_strip(struct lower *l, struct lower_group *stream)
{
    l->at = (unsigned)__builtin_ctzll(stream->members);
    check_group(l, stream, l->offset);
}

const struct lower_group *lower_member_of(const struct lower *l)
{
    for (unsigned i = 0; i < LOWER_GROUPS && l->grouped >> l->at & 1; i++)
        if (l->group[i].members >> l->at & 1)
            return l->group[i].slot ? &l->group[i] : NULL;
    return NULL;
}

/* RAX = the first byte of a group, LOWEST from where INSN is. */
static void address_of_sum(struct lower *l, const struct a64_insn *insn, int32_t lowest)
{
    lower_address_indexed(l, insn);
    if (lowest)
        x86_lea(&l->a, 1, RAX, x86_m(RAX, lowest));
}

const struct lower_group *lower_group_of(struct lower *l, const struct a64_insn *insn)
{
    const struct lower_group *member = lower_member_of(l);
    struct lower_group *group = member ? NULL : lower_begin_group(l);
    if (group) {
        lower_clobber(l);
        if (lower_shape_of(l, insn)->how == LOWER_INDEXED)
            address_of_sum(l, insn, group->lowest);
        else if (l->address.base >= 0)
            l->address.disp = group->lowest;
        else
            lower_address(l, insn, group->lowest);
        check_group(l, group, lower_place(l, l->at));
    }
    return group && group->slot ? group : member;
}

struct lower_miss lower_check(struct lower *l, const struct a64_insn *insn, unsigned size,
                              enum dbt_fill fill)
{
    return check(l, insn,
                 &(struct want){.size = size,
                                .fill = fill,
                                .told = lower_told(l, fill),
                                .alone = true,
                                .split = size > 1 && fill == DBT_FILL_READ});
}

struct lower_miss lower_check_with_slow(struct lower *l, const struct a64_insn *insn, unsigned size,
                                        enum dbt_fill fill)
{
    return check(l, insn,
                 &(struct want){.size = size,
                                .fill = fill,
                                .told = lower_told(l, fill),
                                .split = size > 1 && fill == DBT_FILL_READ});
}

struct lower_miss lower_check_store(struct lower *l, const struct a64_insn *insn, unsigned size,
                                    enum dbt_fill fill, lower_put_fn *put, const void *what)
{
    return check(l, insn,
                 &(struct want){.size = size,
                                .fill = fill,
                                .told = lower_told(l, fill),
                                .alone = true,
                                .put = put,
                                .what = what});
}

struct lower_miss lower_check_aligned(struct lower *l, const struct a64_insn *insn, unsigned size,
                                      enum dbt_fill fill)
{
    return check(
        l, insn,
        &(struct want){.size = size, .aligned = true, .fill = fill, .told = lower_told(l, fill)});
}

struct lower_miss lower_check_exclusive(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    return check(l, insn, &(struct want){.size = size, .aligned = true, .fill = DBT_FILL_WRITE});
}

void lower_join(struct lower *l, struct x86_label jump)
{
    if (!l->a.full && !l->cold.full)
        x86_patch(&l->a, jump, x86_here(&l->a));
}

/* Tells the stub that the call before JUMP is of how far from where JUMP leads the instruction ends: what follows a check
 * is short, or its lowering asks for lower_check_with_slow(). */
static void tell_gap(const struct lower *l, struct x86_label jump)
{
    int32_t offset;
    memcpy(&offset, jump.at - 4, sizeof(offset));
    const ptrdiff_t gap = l->a.p - (jump.at + offset);
    if (gap < 0 || gap > UINT8_MAX)
        abort();
    *jump.at = (uint8_t)gap;
}

void lower_tell_gaps(struct lower *l, struct lower_miss miss)
{
    if (l->a.full || l->cold.full)
        return;
    if (miss.gap.at)
        tell_gap(l, miss.gap);
    if (miss.gap.at && miss.stored.at)
        tell_gap(l, miss.stored);
    if (miss.looked.at)
        tell_gap(l, miss.looked);
}
