/* SPDX-License-Identifier: MIT */
/* The stubs that translated code calls where an access to guest memory is not for the pages of its
 * slot: they fill it, and what cannot be done so is made another way, by split.c or by the
 * interpreter's function. */

#include "../../a64/mmu.h"
#include "../held.h"
#include "lower_mem.h"
#include "stubs.h"
#include "target.h"

/* Bytes of a jump's opcode and offset. */
#define OPCODE 1
#define OFFSET 4

/* By enum dbt_fill, as enum a64_access. */
static const uint8_t fill_access[DBT_FILL_COUNT] = {
    [DBT_FILL_READ] = A64_READ,
    [DBT_FILL_WRITE] = A64_WRITE,
    [DBT_FILL_BOTH] = A64_READ | A64_WRITE,
    [DBT_FILL_READ_USER] = A64_READ | A64_UNPRIV,
    [DBT_FILL_WRITE_USER] = A64_WRITE | A64_UNPRIV,
};

/* What dbt_fill_site() does for an address that the TLB does not have, after a walk. What the walk finds
 * amiss is left to the interpreter's function, which walks again. */
static struct dbt_filled walk_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                   unsigned access, uint32_t limit, bool aligned)
{
    const struct a64_exc exc = cpu->exc;
    dbt_follow_flips(cpu->engine, slot, va, access);
    if (!a64_tlb_load(cpu, va, access)) {
        cpu->exc = exc;
        return (struct dbt_filled){0, 0};
    }
    return dbt_fill_again(cpu, slot, va, access, limit, aligned);
}

/* What C may change of what is not scratch, and the arguments that the stubs below came with. */
static const uint8_t called_saved[] = {RSI, RDI, R8, R9, R10, R11, RAX, RDX, RCX};

static void push_called(struct x86 *a)
{
    for (unsigned i = 0; i < sizeof called_saved; i++)
        x86_push(a, called_saved[i]);
}

/* All but RDX and RCX, which are off the stack. */
static void pop_called(struct x86 *a)
{
    for (unsigned i = sizeof called_saved - 2; i--;)
        x86_pop(a, called_saved[i]);
}

/* V0..V31 go back to where they were before stub_spill_vectors(). */
static void load_vectors_again(struct dbt *dbt, struct x86 *a)
{
    x86_alu_imm(a, ALU_CMP, 0, x86_at(&dbt->hot->away_before), 0);
    const struct x86_label none = x86_jcc(a, CC_NE);
    x86_call_to(a, dbt->stub.vectors);
    x86_land(a, none);
}

/* How a stub ends for an access that needs the slow path. */
enum end {
    END_TELLS, /* it returns with ZF set */
    END_STORE, /* it returns behind what it found behind the call, RCX leads from the address to dbt_hot.crossing, and
                  dbt_hot.missed is the slot */
    END_RUNS,  /* the interpreter's function runs, for dbt_hot.missed: as emit_missed() */
};

/* Called with RAX: the address, EDX: the size of an access that crosses a page. Returns with ZF
 * clear, and of a load RCX: what to add to RAX; or END. Keeps RAX. */
static uintptr_t emit_split(struct dbt *dbt, struct x86 *a, enum end end,
                            uint64_t (*function)(struct a64_cpu *, uint64_t, uint32_t))
{
    const uintptr_t here = x86_here(a);
    push_called(a);
    x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
    x86_mov_rr(a, 1, RSI, RAX);
    x86_imm(a, RAX, (uintptr_t)function);
    x86_call_rm(a, x86_r(RAX));
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 16);
    x86_mov_rr(a, 1, RCX, RAX);
    x86_test(a, 1, RAX, x86_r(RAX));
    pop_called(a);
    if (end == END_RUNS)
        x86_jcc_to(a, CC_E, dbt->stub.missed);
    x86_ret(a);
    return here;
}

/* Runs the instruction at PLACE of the page with the site that dbt_hot.missed is of. */
static int exec_at(struct a64_cpu *cpu, const struct dbt_site *site, unsigned place)
{
    const struct dbt *dbt = cpu->engine;
    const struct dbt_page *page = &dbt->pages[dbt->blocks[site->block].page];
    cpu->pc = dbt->hot->page + place;
    return stub_exec_word(cpu, page->words[place / 4]);
}

static const struct dbt_site *missed_site(const struct dbt *dbt)
{
    return &dbt->sites[dbt->hot->missed - dbt->hot->slot];
}

/* Runs the instruction whose access missed. */
static int exec_missed(struct a64_cpu *cpu)
{
    const struct dbt_site *site = missed_site(cpu->engine);
    return exec_at(cpu, site, site->place);
}

/* Runs the group's member of which the call was whose jump is at JUMP. */
static int exec_member(struct a64_cpu *cpu, const uint8_t *jump)
{
    uint16_t place;
    memcpy(&place, jump + OPCODE + OFFSET + STUB_GAP, sizeof(place));
    return exec_at(cpu, missed_site(cpu->engine), place);
}

/* Called for a load or store that missed its slot, dbt_hot.missed: the interpreter's function does
 * the instruction. Goes on at its end: so far from where the jump behind the call leads as is told behind that. */
static uintptr_t emit_missed(struct dbt *dbt, struct x86 *a, bool member)
{
    const uintptr_t here = x86_here(a);
    x86_mov(a, 0, RAX, CPU(vectors_away));
    x86_store(a, 0, x86_at(&dbt->hot->away_before), RAX);
    stub_spill(a);
    stub_spill_vectors(dbt, a);
    x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
    x86_imm(a, RAX, member ? (uintptr_t)exec_member : (uintptr_t)exec_missed);
    x86_mov(a, 1, RSI, x86_m(RSP, 0));
    x86_alu_imm(a, ALU_SUB, 1, x86_r(RSP), 8);
    x86_call_rm(a, x86_r(RAX));
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 8);
    stub_go_on_unless_done(dbt, a);
    load_vectors_again(dbt, a);
    x86_pop(a, RAX);
    x86_movsxd(a, RCX, x86_m(RAX, OPCODE));
    x86_movzx8(a, RDX, x86_m(RAX, OPCODE + OFFSET));
    x86_lea(a, 1, RAX, x86_mx(RAX, RCX, 0, OPCODE + OFFSET));
    x86_alu(a, ALU_ADD, 1, RAX, x86_r(RDX));
    if (member) { /* what the group adds to its addresses is in RCX */
        x86_mov(a, 1, RCX, x86_at(&dbt->hot->missed));
        x86_mov(a, 1, RCX, x86_m(RCX, offsetof(struct dbt_slot, value)));
    }
    x86_jmp_rm(a, x86_r(RAX));
    return here;
}

static void call_c(struct x86 *a, unsigned access, bool aligned, uintptr_t function)
{
    x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
    x86_mov(a, 1, RSI, x86_m(RSP, 0));
    x86_mov(a, 0, R8, x86_m(RSP, 8));
    x86_mov(a, 1, RDX, x86_m(RSP, 16));
    x86_imm(a, RCX, access);
    x86_imm(a, R9, aligned);
    x86_imm(a, RAX, function);
    x86_call_rm(a, x86_r(RAX));
}

/* The slow path of an access at RAX that slot RCX is not filled for. */
static void end_slowly(struct dbt *dbt, struct x86 *a, enum end end)
{
    if (end != END_TELLS)
        x86_store(a, 1, x86_at(&dbt->hot->missed), RCX);
    if (end == END_RUNS) {
        x86_jmp_to(a, dbt->stub.missed);
        return;
    }
    if (end == END_STORE) {
        x86_lea(a, 1, RCX, x86_at(dbt->hot->crossing));
        x86_alu(a, ALU_SUB, 1, RCX, x86_r(RAX));
        x86_alu_imm(a, ALU_ADD, 1, x86_m(RSP, 0), OPCODE + OFFSET + STUB_GAP);
        x86_ret(a);
        return;
    }
    x86_alu(a, ALU_CMP, 0, RAX, x86_r(RAX));
    x86_ret(a);
}

/* The C function, for what the short way does not know: the same registers as emit_fill(). */
static void call_fill(struct dbt *dbt, struct x86 *a, unsigned access, bool aligned, enum end end)
{
    push_called(a);
    call_c(a, access, aligned, (uintptr_t)dbt_fill_site);
    x86_test(a, 0, RAX, x86_r(RAX));
    const struct x86_label found = x86_jcc(a, CC_NE);
    x86_mov(a, 0, RAX, CPU(vectors_away));
    x86_store(a, 0, x86_at(&dbt->hot->away_before), RAX);
    stub_spill_vectors(dbt, a);
    call_c(a, access, aligned, (uintptr_t)walk_site);
    load_vectors_again(dbt, a);
    x86_land(a, found);
    x86_test(a, 0, RAX, x86_r(RAX));
    x86_pop(a, RCX);
    x86_cmov(a, CC_NE, 1, RCX, x86_r(RDX));
    x86_pop(a, RDX);
    pop_called(a);
    const struct x86_label slow = x86_jcc(a, CC_E);
    x86_ret(a);
    x86_land(a, slow);
    end_slowly(dbt, a, end);
}

/* The places in emit_fill() where the short way ends. */
struct misses {
    struct x86_label at[8];
    unsigned count;
};

static void miss_on(struct x86 *a, struct misses *misses, enum x86_cc cc)
{
    misses->at[misses->count++] = x86_jcc(a, cc);
}

/* Misses unless entry RDI lets ACCESS to page RSI through, and it is GLOBAL if it must be. */
static void check_entry(struct x86 *a, struct misses *misses, unsigned access, const uint64_t *ctx,
                        bool global)
{
    const struct x86_rm owner = x86_m(RDI, (int32_t)offsetof(struct a64_tlb_entry, owner) + 4);
    x86_alu(a, ALU_XOR, 1, RSI, x86_at(ctx));
    if (access & A64_READ) {
        x86_alu(a, ALU_CMP, 1, RSI, x86_m(RDI, offsetof(struct a64_tlb_entry, plain_read)));
        miss_on(a, misses, CC_NE);
    }
    if (access & A64_WRITE) {
        x86_alu(a, ALU_CMP, 1, RSI, x86_m(RDI, offsetof(struct a64_tlb_entry, plain_write)));
        miss_on(a, misses, CC_NE);
    }
    x86_alu(a, ALU_XOR, 1, RSI, x86_at(ctx));
    if (global) {
        x86_test_imm(a, 0, owner, (int32_t)(A64_TLB_OWNER_GLOBAL >> 32));
        miss_on(a, misses, CC_E);
    }
}

/* Fills slot RCX with page RSI and addend RDI, unless its bucket does not name it, it held a page
 * of the other half of the address space, or it is time to look for more. Costs R8. */
static void refill(struct x86 *a, struct misses *misses)
{
    x86_mov(a, 1, R8, x86_m(RCX, offsetof(struct dbt_slot, tag)));
    x86_alu(a, ALU_XOR, 1, R8, x86_r(RSI));
    x86_bt_imm(a, 1, x86_r(R8), 55);
    miss_on(a, misses, CC_B);
    x86_mov_rr(a, 1, R8, RSI);
    x86_shift_imm(a, SHIFT_SHR, 1, R8, A64_PAGE_SHIFT);
    x86_shiftx(a, SHIFT_SHR, 0, R8, x86_m(RCX, offsetof(struct dbt_slot, named)), R8);
    x86_test8_imm(a, x86_r(R8), 1);
    miss_on(a, misses, CC_E);
    x86_movzx16(a, R8, x86_m(RCX, offsetof(struct dbt_slot, misses)));
    x86_alu_imm(a, ALU_SUB, 0, x86_r(R8), 1);
    miss_on(a, misses, CC_BE);
    x86_store(a, 0, x86_m(RCX, offsetof(struct dbt_slot, misses)), R8); /* and no more pages */
    x86_store(a, 1, x86_m(RCX, offsetof(struct dbt_slot, tag)), RSI);
    x86_store(a, 1, x86_m(RCX, offsetof(struct dbt_slot, limit)), RDX);
    x86_store(a, 1, x86_m(RCX, offsetof(struct dbt_slot, value)), RDI);
}

/* A slot holds page RSI from now on: dbt_held_note(). Costs RSI, RDI, R8. */
static void note_held(struct dbt *dbt, struct x86 *a)
{
    const uint64_t half = 1ull << 55, bucket = (uint64_t)(DBT_BUCKETS - 1) << A64_PAGE_SHIFT;
    _Static_assert(!offsetof(struct dbt_held, page), "bits are counted from the start");
    _Static_assert(DBT_BUCKETS << A64_PAGE_SHIFT == 1 << DBT_HELD_SHIFT, "a bucket's bits are of the rest");
    x86_mov_rr(a, 1, R8, RSI);
    x86_shift_imm(a, SHIFT_SHR, 1, R8, DBT_HELD_SHIFT);
    x86_imul_imm(a, 0, R8, x86_r(R8), (int32_t)DBT_HELD_MIX);
    x86_shift_imm(a, SHIFT_SHR, 0, R8, 32 - DBT_HELD_LOG);
    x86_imm(a, RDI, half | bucket);
    x86_pext(a, 1, RDI, RSI, x86_r(RDI));
    x86_shift_imm(a, SHIFT_SHL, 0, RDI, DBT_HELD_LOG);
    x86_alu(a, ALU_OR, 0, R8, x86_r(RDI));
    x86_mov(a, 1, RDI, x86_at(&dbt->hot->held));
    x86_bts_memory(a, x86_m(RDI, 0), R8);
}

/* For --stats. Stubs are of the same length without: a code cache that was kept is good for both. */
static void count_refill(struct dbt *dbt, struct x86 *a)
{
    static const uint8_t nop[] = {0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
    if (dbt->cpu->sys->knobs.count_refills)
        x86_alu_imm(a, ALU_ADD, 1, x86_at(&dbt->hot->refills), 1);
    else
        x86_bytes(a, nop, sizeof nop);
}

static void pop_scratch(struct x86 *a)
{
    x86_pop(a, R8);
    x86_pop(a, RDI);
    x86_pop(a, RSI);
}

/* Called with RAX: the address, RCX: the slot, EDX: its limit. Returns RCX: what to add to RAX,
 * with ZF clear; or END: the access needs the slow path. Keeps RAX.
 *
 * The short way looks up the TLB for an address without a tag, and fills the slot with a page of
 * which it is known that it may hold it. A slot of a privileged block (PRIVILEGED) is not known to
 * hold pages that are not global. SPLIT: where an access that crosses a page goes on; 0: it is
 * slow. */
static uintptr_t emit_fill(struct dbt *dbt, struct x86 *a, unsigned access, bool privileged,
                           bool aligned, uintptr_t split, enum end end)
{
    struct dbt_hot *hot = dbt->hot;
    const bool user = access & A64_UNPRIV;
    struct misses misses = {.count = 0};
    struct x86_label slow;
    const uintptr_t here = x86_here(a);
    if (dbt->cpu->sys->knobs.no_slots) {
        end_slowly(dbt, a, end);
        return here;
    }
    x86_push(a, RSI);
    x86_mov_rr(a, 0, RSI, RAX);
    if (aligned) { /* the limit is the number of aligned places */
        x86_imul(a, 0, RSI, x86_r(RDX));
        x86_test_imm(a, 0, x86_r(RSI), A64_PAGE_MASK);
        slow = x86_jcc(a, CC_NE);
    } else {
        x86_alu_imm(a, ALU_AND, 0, x86_r(RSI), A64_PAGE_MASK);
        x86_alu(a, ALU_CMP, 0, RSI, x86_r(RDX));
        slow = x86_jcc(a, CC_AE);
    }
    x86_push(a, RDI);
    x86_push(a, R8);
    lower_find_entry(dbt, a, RDI, user);
    x86_mov_rr(a, 1, RSI, RAX);
    x86_alu_imm(a, ALU_AND, 1, x86_r(RSI), -(int32_t)(A64_PAGE_MASK + 1));
    check_entry(a, &misses, access, &hot->ctx[user], privileged && !user);
    x86_mov(a, 1, RDI, x86_m(RDI, offsetof(struct a64_tlb_entry, addend)));
    refill(a, &misses);
    x86_mov_rr(a, 1, RCX, RDI);
    note_held(dbt, a);
    count_refill(dbt, a);
    pop_scratch(a);
    x86_test(a, 0, RSP, x86_r(RSP));
    x86_ret(a);
    for (unsigned i = 0; i < misses.count; i++)
        x86_land(a, misses.at[i]);
    pop_scratch(a);
    call_fill(dbt, a, access, aligned, end);
    x86_land(a, slow);
    x86_pop(a, RSI);
    if (!split) {
        end_slowly(dbt, a, end);
        return here;
    }
    if (end == END_RUNS)
        x86_store(a, 1, x86_at(&dbt->hot->missed), RCX);
    x86_neg(a, 0, RDX);
    x86_alu_imm(a, ALU_ADD, 0, x86_r(RDX), A64_PAGE_MASK + 2);
    x86_jmp_to(a, split);
    return here;
}

/* RCX = the slot that is told in EDX. */
static void find_told(struct dbt *dbt, struct x86 *a)
{
    _Static_assert(sizeof(struct dbt_slot) == 32, "a place by a shift");
    x86_mov_rr(a, 0, RCX, RDX);
    x86_shift_imm(a, SHIFT_SHR, 0, RCX, STUB_SIZE_BITS - 5);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RCX), -32);
    x86_alu(a, ALU_ADD, 1, RCX, x86_at(&dbt->hot->slots));
}

/* The start of a stub that is called with RCX: the address less the slot's tag, and told the slot in EDX. RAX = the address,
 * RCX = the slot, EDX = its limit. */
static void find_slot(struct dbt *dbt, struct x86 *a)
{
    x86_mov_rr(a, 1, RAX, RCX);
    find_told(dbt, a);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RDX), (1 << STUB_SIZE_BITS) - 1);
    x86_neg(a, 0, RDX);
    x86_alu_imm(a, ALU_ADD, 0, x86_r(RDX), (int32_t)A64_PAGE_MASK + 1);
    x86_alu(a, ALU_ADD, 1, RAX, x86_m(RCX, offsetof(struct dbt_slot, tag)));
}

/* FILL, which ends as it is to, for a slot that is told. */
static uintptr_t emit_told(struct dbt *dbt, struct x86 *a, uintptr_t fill)
{
    const uintptr_t here = x86_here(a);
    find_slot(dbt, a);
    x86_jmp_to(a, fill);
    return here;
}

/* FILL, which tells, for one that is told. Returns behind the jump that follows the call if the access needs the slow path. */
static uintptr_t emit_ask(struct dbt *dbt, struct x86 *a, uintptr_t fill)
{
    const uintptr_t here = x86_here(a);
    find_slot(dbt, a);
    x86_push(a, RDX); /* for the stack's alignment */
    x86_call_to(a, fill);
    x86_pop(a, RDX);
    const struct x86_label slow = x86_jcc(a, CC_E);
    x86_ret(a);
    x86_land(a, slow);
    x86_alu_imm(a, ALU_ADD, 1, x86_m(RSP, 0), OPCODE + OFFSET);
    x86_ret(a);
    return here;
}

void dbt_emit_fills(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.missed = emit_missed(dbt, a, false);
    const uintptr_t missed[] = {dbt->stub.missed, emit_missed(dbt, a, true)};
    for (unsigned member = 0; member < 2; member++) {
        dbt->stub.missed_told[member] = x86_here(a);
        find_told(dbt, a);
        x86_store(a, 1, x86_at(&dbt->hot->missed), RCX);
        x86_jmp_to(a, missed[member]);
    }
    dbt->stub.split[0] = emit_split(dbt, a, END_TELLS, dbt_split_load);
    dbt->stub.split[1] = emit_split(dbt, a, END_TELLS, dbt_split_store);
    const uintptr_t split = emit_split(dbt, a, END_RUNS, dbt_split_load);
    dbt->stub.store_split = emit_split(dbt, a, END_RUNS, dbt_split_store);
    for (unsigned fill = 0; fill < DBT_FILL_COUNT; fill++)
        for (unsigned k = 0; k < 4; k++)
            dbt->stub.fill[k >> 1][fill][k & 1] =
                emit_fill(dbt, a, fill_access[fill], k >> 1, k & 1, 0, END_TELLS);
    for (unsigned el1 = 0; el1 < 2; el1++) {
        dbt->stub.fill_split[el1] =
            emit_fill(dbt, a, A64_READ, el1, false, dbt->stub.split[0], END_TELLS);
        for (unsigned fill = 0; fill < DBT_FILL_COUNT; fill++)
            dbt->stub.ask[el1][fill] = emit_ask(dbt, a, dbt->stub.fill[el1][fill][0]);
        dbt->stub.ask[el1][DBT_FILL_COUNT] = emit_ask(dbt, a, dbt->stub.fill_split[el1]);
        dbt->stub.load[el1] = emit_told(dbt, a, emit_fill(dbt, a, A64_READ, el1, false, split, END_RUNS));
        dbt->stub.store[el1] = emit_told(dbt, a, emit_fill(dbt, a, A64_WRITE, el1, false, 0, END_RUNS));
        dbt->stub.put[el1] = emit_told(dbt, a, emit_fill(dbt, a, A64_WRITE, el1, false, 0, END_STORE));
    }
}
