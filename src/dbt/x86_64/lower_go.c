/* SPDX-License-Identifier: MIT */
/* The ways from one block to another: jumps that are linked to blocks of the same page, jumps by a slot to other
 * pages, and by the jump cache to addresses in registers.
 *
 * A call of the guest's is a call of the host's, so that the host foresees where RET goes. Beside the host's address to
 * return to, the stack has the guest's, which RET compares; if it differs, or there is no call, RET goes by the jump
 * cache, and all calls are forgotten. So they are wherever code is left, and where what they return to may have changed
 * (forget_calls() in stubs.c): a call that RET finds returns to a page that still is where it was, in the same mode. */

#include "lower.h"

static uint32_t offset_of(const struct lower *l, const uint8_t *p)
{
    return (uint32_t)(p - l->dbt->code_write);
}

/* Leaves by LINK. */
static void leave_by(struct lower *l, const struct dbt_link *link)
{
    x86_call_with(&l->cold, l->dbt->stub.link, STUB_NUMBER, dbt_add_link(l->dbt, link));
}

static uint32_t place_of(int64_t place)
{
    return (uint32_t)place / 4 & 1023;
}

void lower_link(struct lower *l, struct x86_label jump, int64_t place, struct dbt_link link)
{
    if (!link.save)
        link.jump = offset_of(l, jump.at);
    link.slot = offset_of(l, l->cold.p);
    link.place = place_of(place);
    x86_land(&l->cold, jump);
    leave_by(l, &link);
}

/* To PLACE in another page: its address decides. NZCV is in memory; RAX has the page that the block is in. */
static void go_far(struct lower *l, struct x86 *a, int64_t place, bool call)
{
    struct dbt *dbt = l->dbt;
    struct x86 *cold = &l->cold;
    const int64_t page = place & ~(int64_t)A64_PAGE_MASK;
    if (dbt->now->slots.count == dbt->now->slots.limit) {
        a->full = true;
        return;
    }
    const struct dbt_link link = {.slot = dbt->now->slots.count++, .place = place_of(place)};
    struct dbt_slot *slot = &dbt->hot->slot[link.slot];
    dbt_empty_slots(dbt, link.slot, link.slot + 1);
    if (page != (int32_t)page) {
        x86_imm(a, RCX, (uint64_t)page);
        x86_alu(a, ALU_ADD, 1, RAX, x86_r(RCX));
    }
    if (!x86_has_room(a))
        return;
    uint8_t *p = a->p;
    if (page == (int32_t)page)
        p = x86_put(p, 6, 0x0548, (uint32_t)page);                      /* ADD RAX, page */
    p = x86_put_at(a, p, 7, 0x058948, (uintptr_t)&dbt->hot->page);      /* MOV dbt_hot.page, RAX */
    p = x86_put_at(a, p, 7, 0x053b48, (uintptr_t)&slot->tag);           /* CMP RAX, tag */
    p = x86_put(p, 6, 0x850f, 0);                                       /* JNE */
    const struct x86_label miss = {p};
    a->p = x86_put_at(a, p, 6, call ? 0x15ff : 0x25ff, (uintptr_t)&slot->value);
    x86_land(cold, miss); /* which may be the same */
    leave_by(l, &link);
}

/* A jump of the block itself, on CC or ALWAYS. */
static struct x86_label jump_on(struct lower *l, enum x86_cc cc, bool always)
{
    return always ? x86_jmp(&l->a) : x86_jcc(&l->a, cc);
}

/* Whether a jump to PLACE needs no look at `attention`: no more than the rest of the page is run before the next one. Behind
 * a strip there is one. */
static bool is_forward(const struct lower *l, int64_t place)
{
    return !l->loop.body && (place > lower_place(l, l->at) || l->at == l->count);
}

/* Where NZCV is missing, the jump leads into the rare paths, which save it first. */
static void go_near(struct lower *l, enum x86_cc cc, bool always, int64_t place)
{
    struct dbt_link link = {.forward = is_forward(l, place)};
    const bool tell =
        lower_flags_missing(l) && (always ? lower_can_tell(l, place) : l->flags.tell);
    if (tell)
        lower_tell_flags(l, &link);
    else if (always)
        lower_save_flags(l);
    struct x86_label jump = jump_on(l, cc, always);
    if (lower_flags_missing(l)) {
        const uint8_t *save = l->cold.p;
        link.jump = offset_of(l, jump.at);
        x86_land(&l->cold, jump);
        lower_flags_to(l, &l->cold);
        jump = x86_jmp(&l->cold);
        link.save = tell && l->cold.p - save <= (ptrdiff_t)DBT_SAVE_MOST ? (uint32_t)(l->cold.p - save) : 0;
    }
    lower_link(l, jump, place, link);
}

void lower_go(struct lower *l, enum x86_cc cc, bool always, int64_t place, unsigned count)
{
    struct x86 *a = always ? &l->a : &l->cold;
    const bool far = place & ~(int64_t)A64_PAGE_MASK;
    if (!far && !(l->mode & DBT_MODE_COUNT)) {
        go_near(l, cc, always, place);
        return;
    }
    if (!always)
        x86_land(a, x86_jcc(&l->a, cc));
    lower_flags_to(l, a);
    lower_count(l, a, count);
    if (far) {
        x86_mov(a, 1, RAX, x86_at(&l->dbt->hot->page));
        go_far(l, a, place, false);
    } else {
        lower_link(l, x86_jmp(a), place, (struct dbt_link){.single = false});
    }
}

void lower_jump_cached(const struct dbt *dbt, struct x86 *a, unsigned btype, bool call)
{
    struct dbt_hot *hot = dbt->hot;
    x86_mov_rr(a, 0, RCX, RAX);
    x86_op_imm(a, 0x81, ALU_AND, x86_r(RCX), 4, (DBT_JUMPS - 1) << 2);
    x86_lea(a, 1, RDX, x86_at(hot->slot));
    x86_alu(a, ALU_CMP, 1, RAX, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, tag)));
    x86_jcc_to(a, CC_NE, dbt->stub.indirect[btype]);
    x86_movzx16(a, RAX, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, mode)));
    x86_alu(a, ALU_CMP, 0, RAX, x86_at(&hot->mode[btype]));
    x86_jcc_to(a, CC_NE, dbt->stub.other_mode[btype]);
    x86_mov(a, 1, RAX, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, limit)));
    x86_store(a, 1, x86_at(&hot->page), RAX);
    const struct x86_rm target = x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, value));
    if (call)
        x86_call_rm(a, target);
    else
        x86_jmp_rm(a, target);
}

void lower_jump_rax(struct lower *l, unsigned count, unsigned btype)
{
    lower_count(l, &l->a, count);
    lower_jump_cached(l->dbt, &l->a, btype, false);
}

/* ---- calls ---- */

/* Whether RET may find the call that the instruction is. A block counts what it has run at its end. */
static bool is_found(const struct lower *l)
{
    return !(l->mode & DBT_MODE_COUNT) && lower_place(l, l->at + 1) <= A64_PAGE_MASK;
}

/* Puts what RET compares, which is in host register LINK, on the stack. Where the stack ends, calls are forgotten. Costs
 * EFLAGS. */
static void begin_call(struct lower *l, unsigned link)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    x86_push(a, link);
    if (!x86_has_room(a))
        return;
    uint8_t *p = x86_put(a->p, 6, 0xc4f7, FRAMES_SIZE - FRAME_SIZE); /* TEST ESP */
    a->p = x86_put(p, 6, 0x840f, 0);                                 /* JE */
    x86_land(cold, (struct x86_label){a->p});
    x86_call_to(cold, l->dbt->stub.full);
    x86_u32(cold, (uint32_t)(x86_here(a) - (x86_here(cold) + 4)));
}

/* Where the call returns to: in the page that the block was in. */
static void end_call(struct lower *l)
{
    struct x86 *a = &l->a;
    if (!x86_has_room(a))
        return;
    uint8_t *p = x86_put(a->p, 7, 0x254858, -(uint32_t)(A64_PAGE_MASK + 1)); /* POP RAX; AND RAX */
    a->p = x86_put_at(a, p, 7, 0x058948, (uintptr_t)&l->dbt->hot->page);      /* MOV dbt_hot.page, RAX */
    lower_link(l, x86_jmp(a), lower_place(l, l->at + 1), (struct dbt_link){.single = false});
}

void lower_go_calling(struct lower *l, int64_t place, unsigned link)
{
    if (!is_found(l)) {
        lower_go(l, CC_O, true, place, l->at + 1);
        return;
    }
    begin_call(l, link);
    if (place & ~(int64_t)A64_PAGE_MASK)
        go_far(l, &l->a, place, true);
    else
        lower_link(l, x86_call(&l->a), place, (struct dbt_link){.forward = is_forward(l, place)});
    end_call(l);
}

void lower_call_rax(struct lower *l, unsigned btype, unsigned link)
{
    if (!is_found(l)) {
        lower_jump_rax(l, l->at + 1, btype);
        return;
    }
    begin_call(l, link);
    lower_jump_cached(l->dbt, &l->a, btype, true);
    end_call(l);
}

void lower_return(struct lower *l, unsigned target)
{
    struct x86 *a = &l->a;
    const bool usual = (int)target == host_of[30];
    if (!usual || l->mode & DBT_MODE_COUNT)
        x86_mov_rr(a, 1, RAX, target);
    if (l->mode & DBT_MODE_COUNT) {
        lower_jump_rax(l, l->at + 1, 0);
        return;
    }
    x86_alu(a, ALU_CMP, 1, target, x86_m(RSP, FRAME_SIZE - 8));
    x86_jcc_to(a, CC_NE, l->dbt->stub.elsewhere[usual]);
    x86_ret(a);
}

/* Called where the stack ends, with the guest's address on it: there it is alone. Goes on as the offset behind the call says.
 * Keeps RAX. */
static void emit_full(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.full = x86_here(a);
    x86_pop(a, RCX);
    x86_pop(a, RDX);
    x86_mov(a, 1, RSP, x86_at(&dbt->hot->frames));
    x86_push(a, RDX);
    x86_movsxd(a, RDX, x86_m(RCX, 0));
    x86_lea(a, 1, RCX, x86_mx(RCX, RDX, 0, 4));
    x86_jmp_rm(a, x86_r(RCX));
}

void dbt_emit_calls(struct dbt *dbt, struct x86 *a)
{
    emit_full(dbt, a);
    if (host_of[30] >= 0) {
        dbt->stub.elsewhere[1] = x86_here(a);
        x86_mov_rr(a, 1, RAX, (unsigned)host_of[30]);
    }
    dbt->stub.elsewhere[0] = x86_here(a);
    x86_mov(a, 1, RSP, x86_at(&dbt->hot->frames));
    lower_jump_cached(dbt, a, 0, false);
}
