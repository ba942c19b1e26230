/* SPDX-License-Identifier: MIT */
/* The code that stands between C and translated blocks: the way in, the ways out, and the calls
 * from blocks into C.
 *
 * A helper call (exec) runs an instruction's function of the interpreter: all pinned registers go
 * to struct a64_cpu, the function runs, and they come back; a status other than A64_NEXT leaves the
 * block. What blocks pass in scratch registers stands beside each stub. */

#include <sys/auxv.h>

#include "../../a64/mmu.h"
#include "lower_fp.h"
#include "lower_mem.h"
#include "pauth.h"
#include "target.h"
#include "vector.h"

static const uint8_t callee_saved[] = {RBX, RBP, R12, R13, R14, R15};

static void spill(struct x86 *a)
{
    for (unsigned n = 0; n <= GUEST_SP; n++)
        if (host_of[n] >= 0)
            x86_store(a, 1, guest_memory(n), (unsigned)host_of[n]);
}

static void reload(struct x86 *a)
{
    for (unsigned n = 0; n <= GUEST_SP; n++)
        if (host_of[n] >= 0)
            x86_mov(a, 1, (unsigned)host_of[n], guest_memory(n));
}

/* void enter(cpu + CPU_BIAS, code): the host's registers are kept, the stack is aligned. */
static void emit_enter(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.enter = x86_here(a);
    for (unsigned i = 0; i < sizeof callee_saved; i++)
        x86_push(a, callee_saved[i]);
    x86_alu_imm(a, ALU_SUB, 1, x86_r(RSP), 8);
    x86_mov_rr(a, 1, RBP, RDI);
    x86_mov_rr(a, 1, RAX, RSI);
    reload(a);
    x86_jmp_rm(a, x86_r(RAX));
}

/* The exceptions that MXCSR has seen go to FPSR: IE, ZE, OE, UE, PE to IOC, DZC, OFC, UFC, IXC; DE
 * is nothing to Arm. Costs RAX, RDX. */
static void merge_exceptions(struct dbt *dbt, struct x86 *a)
{
    x86_stmxcsr(a, x86_at(&dbt->hot->mxcsr_seen));
    x86_mov(a, 0, RAX, x86_at(&dbt->hot->mxcsr_seen));
    x86_mov_rr(a, 0, RDX, RAX);
    x86_shift_imm(a, SHIFT_SHR, 0, RDX, 1);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RAX), 1);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RDX), 0x1e);
    x86_alu(a, ALU_OR, 0, RAX, x86_r(RDX));
    x86_alu_store(a, ALU_OR, 0, CPU(fpsr), RAX);
}

/* Called: FPSR becomes whole; and MXCSR forgets what it has seen, for a new FPSR. */
static void emit_fpsr(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.read_fpsr = x86_here(a);
    x86_alu_imm(a, ALU_CMP, 0, CPU(vectors_away), 0);
    const struct x86_label whole = x86_jcc(a, CC_NE);
    merge_exceptions(dbt, a);
    x86_land(a, whole);
    x86_ret(a);
    dbt->stub.clear_mxcsr = x86_here(a);
    x86_alu_imm(a, ALU_CMP, 0, CPU(vectors_away), 0);
    const struct x86_label none = x86_jcc(a, CC_NE);
    x86_ldmxcsr(a, x86_at(&dbt->hot->mxcsr_guest));
    x86_land(a, none);
    x86_ret(a);
}

/* Vector registers go to struct a64_cpu if they hold V0..V31. Costs RAX, RDX. */
static void spill_vectors(struct dbt *dbt, struct x86 *a)
{
    x86_alu_imm(a, ALU_CMP, 0, CPU(vectors_away), 0);
    const struct x86_label none = x86_jcc(a, CC_NE);
    for (unsigned n = 0; n < 32; n++)
        if (vhost_of(dbt, n) >= 0)
            x86_vstore(a, guest_vector(n), (unsigned)vhost_of(dbt, n));
    merge_exceptions(dbt, a);
    x86_ldmxcsr(a, x86_at(&dbt->hot->mxcsr_host));
    x86_store32_imm(a, CPU(vectors_away), 1);
    x86_land(a, none);
}

/* Called: loads V0..V31 and the guest's MXCSR. Keeps all other registers. */
static void emit_vectors(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.vectors = x86_here(a);
    for (unsigned n = 0; n < 32; n++)
        if (vhost_of(dbt, n) >= 0)
            x86_vload(a, (unsigned)vhost_of(dbt, n), guest_vector(n));
    if (dbt->avx512) /* KMOVB K7, see FP_LOWEST */
        x86_vex(a, 0x90 | X_0F | X_66, FP_LOWEST, 0, x86_at(&dbt->hot->constant[K_01B]), 0);
    x86_ldmxcsr(a, x86_at(&dbt->hot->mxcsr_guest));
    x86_store32_imm(a, CPU(vectors_away), 0);
    x86_ret(a);
}

/* EAX: enum dbt_exit; RCX: its argument. Everything else is in place but the pinned registers. */
static void emit_leave(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.leave = x86_here(a);
    x86_store(a, 0, x86_at(&dbt->hot->exit), RAX);
    x86_store(a, 1, x86_at(&dbt->hot->exit_arg), RCX);
    spill(a);
    spill_vectors(dbt, a);
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 8);
    for (unsigned i = sizeof callee_saved; i--;)
        x86_pop(a, callee_saved[i]);
    x86_ret(a);
}

/* cpu->pc = the running page + RAX. */
static void emit_set_pc(struct dbt *dbt, struct x86 *a)
{
    x86_alu(a, ALU_ADD, 1, RAX, x86_at(&dbt->hot->page));
    x86_store(a, 1, CPU(pc), RAX);
}

/* A way out with the place in the page in EAX and the argument in ECX. */
static uintptr_t emit_exit(struct dbt *dbt, struct x86 *a, enum dbt_exit exit)
{
    const uintptr_t here = x86_here(a);
    emit_set_pc(dbt, a);
    x86_imm(a, RAX, exit);
    x86_jmp_to(a, dbt->stub.leave);
    return here;
}

/* A way out by the link whose number is in ECX, which knows the place. */
static void emit_link(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.link = x86_here(a);
    x86_imm(a, RAX, DBT_EXIT_LINK);
    x86_jmp_to(a, dbt->stub.leave);
}

/* RAX: the address to go on at, mixed with the mode, after a miss in the jump cache. */
static void emit_indirect(struct dbt *dbt, struct x86 *a, unsigned btype)
{
    dbt->stub.indirect[btype] = x86_here(a);
    x86_alu(a, ALU_XOR, 1, RAX, x86_at(&dbt->hot->mode_mix[btype]));
    x86_store(a, 1, CPU(pc), RAX);
    if (btype)
        x86_store8_imm(a, CPU(ps.btype), btype);
    x86_imm(a, RAX, DBT_EXIT_LOOKUP);
    x86_jmp_to(a, dbt->stub.leave);
}

/* Called: EAX, which has FLAGS_UCOMIS, to the other form. Keeps all other registers. */
static void emit_flags(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.flags = x86_here(a);
    x86_test_imm(a, 0, x86_r(RAX), FLAGS_UCOMIS_PF);
    const struct x86_label unordered = x86_jcc(a, CC_NE);
    x86_test_imm(a, 0, x86_r(RAX), FLAGS_UCOMIS_ZF);
    const struct x86_label equal = x86_jcc(a, CC_NE);
    x86_test_imm(a, 0, x86_r(RAX), FLAGS_UCOMIS_SWAPPED);
    const struct x86_label as_is = x86_jcc(a, CC_E);
    x86_alu_imm(a, ALU_XOR, 0, x86_r(RAX), FLAGS_UCOMIS_CF);
    x86_land(a, as_is);
    x86_test_imm(a, 0, x86_r(RAX), FLAGS_UCOMIS_CF);
    x86_imm(a, RAX, 0);
    const struct x86_label greater = x86_jcc(a, CC_E);
    x86_imm(a, RAX, FLAGS_N | FLAGS_NOT_C);
    x86_land(a, greater);
    x86_ret(a);
    x86_land(a, unordered);
    x86_imm(a, RAX, FLAGS_V);
    x86_ret(a);
    x86_land(a, equal);
    x86_imm(a, RAX, FLAGS_Z);
    x86_ret(a);
}

/* PEXT and PDEP between dbt_hot.flags and NZCV in bits 3..0, C inverted. */
#define FLAGS_MASK (FLAGS_N | FLAGS_Z | FLAGS_NOT_C | FLAGS_V)

/* Keeps RDI, RSI. */
static void emit_flags_to_cpu(struct dbt *dbt, struct x86 *a)
{
    x86_mov(a, 0, RAX, x86_at(&dbt->hot->flags));
    x86_test8_imm(a, x86_r(RAX), FLAGS_AGAIN);
    const struct x86_label here = x86_jcc(a, CC_E);
    x86_push(a, RDI);
    x86_push(a, RSI);
    x86_alu_imm(a, ALU_SUB, 1, x86_r(RSP), 8);
    x86_mov_rr(a, 0, RSI, RAX);
    x86_imm(a, RAX, (uintptr_t)dbt_flags_to);
    x86_call_rm(a, x86_r(RAX));
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 8);
    x86_pop(a, RSI);
    x86_pop(a, RDI);
    const struct x86_label made = x86_jmp(a);
    x86_land(a, here);
    x86_imm(a, RDX, FLAGS_MASK);
    x86_test8_imm(a, x86_r(RAX), FLAGS_UCOMIS);
    const struct x86_label integer = x86_jcc(a, CC_E);
    x86_call_to(a, dbt->stub.flags);
    x86_land(a, integer);
    x86_vex(a, 0xf5 | X_0F38 | X_F3, RAX, RAX, x86_r(RDX), 0);
    x86_alu_imm(a, ALU_XOR, 0, x86_r(RAX), 2);
    x86_shift_imm(a, SHIFT_SHL, 0, RAX, 28);
    x86_land(a, made);
    x86_store(a, 0, CPU(nzcv), RAX);
}

/* Keeps EAX. */
static void emit_flags_from_cpu(struct dbt *dbt, struct x86 *a)
{
    x86_imm(a, RDX, FLAGS_MASK);
    x86_mov(a, 0, RCX, CPU(nzcv));
    x86_shift_imm(a, SHIFT_SHR, 0, RCX, 28);
    x86_alu_imm(a, ALU_XOR, 0, x86_r(RCX), 2);
    x86_vex(a, 0xf5 | X_0F38 | X_F2, RCX, RCX, x86_r(RDX), 0);
    x86_store(a, 0, x86_at(&dbt->hot->flags), RCX);
}

/* Runs the instruction that WORD is. */
static int exec_word(struct a64_cpu *cpu, uint32_t word)
{
    struct dbt *dbt = cpu->engine;
    const struct a64_insn *insn = dbt_decode(dbt, word);
    dbt->hot->insn = insn;
    return insn->exec(cpu, insn);
}

/* Called with EAX: an instruction's place in the page, RCX: its struct a64_insn, or, WORD, only its
 * word. FLAGS: the function may look at NZCV, and may return A64_SYNC with nothing
 * changed that emitted code depends on. */
static uintptr_t emit_exec(struct dbt *dbt, struct x86 *a, bool word, bool flags)
{
    const uintptr_t here = x86_here(a);
    emit_set_pc(dbt, a);
    if (!word)
        x86_store(a, 1, x86_at(&dbt->hot->insn), RCX);
    spill(a);
    spill_vectors(dbt, a);
    x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
    x86_mov_rr(a, 1, RSI, RCX);
    if (flags)
        emit_flags_to_cpu(dbt, a);
    if (word)
        x86_imm(a, RAX, (uintptr_t)exec_word);
    x86_alu_imm(a, ALU_SUB, 1, x86_r(RSP), 8);
    if (!word) {
        x86_mov(a, 1, RAX, x86_m(RSI, offsetof(struct a64_insn, exec)));
        x86_alu(a, ALU_ADD, 1, RAX, x86_at(&dbt->hot->functions));
    }
    x86_call_rm(a, x86_r(RAX));
    if (flags) {
        x86_alu_imm(a, ALU_CMP, 0, x86_r(RAX), A64_SYNC);
        const struct x86_label other = x86_jcc(a, CC_NE);
        x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
        x86_imm(a, RAX, (uintptr_t)dbt_synchronize);
        x86_call_rm(a, x86_r(RAX));
        x86_land(a, other);
    }
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 8);
    if (flags)
        emit_flags_from_cpu(dbt, a);
    reload(a);
    x86_test(a, 0, RAX, x86_r(RAX));
    const struct x86_label bad = x86_jcc(a, CC_NE);
    x86_ret(a);
    x86_land(a, bad);
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 8); /* the return address */
    x86_store(a, 0, x86_at(&dbt->hot->exit_status), RAX);
    x86_imm(a, RAX, DBT_EXIT_STATUS);
    x86_jmp_to(a, dbt->stub.leave);
    return here;
}

/* By enum dbt_fill, as enum a64_access. */
static const uint8_t fill_access[DBT_FILL_COUNT] = {
    [DBT_FILL_READ] = A64_READ,
    [DBT_FILL_WRITE] = A64_WRITE,
    [DBT_FILL_BOTH] = A64_READ | A64_WRITE,
    [DBT_FILL_READ_USER] = A64_READ | A64_UNPRIV,
    [DBT_FILL_WRITE_USER] = A64_WRITE | A64_UNPRIV,
};

/* dbt_fill_site() for an address that the TLB does not have, after a walk. What the walk finds
 * amiss is left to the interpreter's function, which walks again. */
static struct dbt_filled walk_site(struct a64_cpu *cpu, struct dbt_slot *slot, uint64_t va,
                                   unsigned access, uint32_t limit, bool aligned)
{
    const struct a64_exc exc = cpu->exc;
    dbt_follow_flips(cpu->engine, slot);
    if (!a64_tlb_load(cpu, va, access)) {
        cpu->exc = exc;
        return (struct dbt_filled){0, 0};
    }
    return dbt_fill_site(cpu, slot, va, access, limit, aligned);
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

/* Called with RAX: the address, EDX: the size of an access that crosses a page. Returns with ZF
 * clear, and of a load RCX: what to add to RAX; or ZF set: it needs the slow path. Keeps RAX. */
static uintptr_t emit_split(struct x86 *a,
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
    x86_ret(a);
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

/* The C function, for what the short way does not know: the same registers as emit_fill(). */
static void call_fill(struct dbt *dbt, struct x86 *a, unsigned access, bool aligned)
{
    push_called(a);
    call_c(a, access, aligned, (uintptr_t)dbt_fill_site);
    x86_test(a, 0, RAX, x86_r(RAX));
    const struct x86_label found = x86_jcc(a, CC_NE);
    x86_mov(a, 0, RAX, CPU(vectors_away));
    x86_store(a, 0, x86_at(&dbt->hot->away_before), RAX);
    spill_vectors(dbt, a);
    call_c(a, access, aligned, (uintptr_t)walk_site);
    x86_alu_imm(a, ALU_CMP, 0, x86_at(&dbt->hot->away_before), 0);
    const struct x86_label none = x86_jcc(a, CC_NE);
    x86_push(a, RAX);
    x86_push(a, RDX);
    x86_call_to(a, dbt->stub.vectors);
    x86_pop(a, RDX);
    x86_pop(a, RAX);
    x86_land(a, none);
    x86_land(a, found);
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 16);
    x86_mov_rr(a, 1, RCX, RDX);
    x86_test(a, 0, RAX, x86_r(RAX));
    pop_called(a);
    x86_ret(a);
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

static void pop_scratch(struct x86 *a)
{
    x86_pop(a, R8);
    x86_pop(a, RDI);
    x86_pop(a, RSI);
}

/* Called with RAX: the address, RCX: the slot, EDX: its limit. Returns RCX: what to add to RAX,
 * with ZF clear; or ZF set: the access needs the slow path. Keeps RAX.
 *
 * The short way looks up the TLB for an address without a tag, and fills the slot with a page of
 * which it is known that it may hold it. A slot of a privileged block (PRIVILEGED) is not known to
 * hold pages that are not global. SPLIT: for a read that crosses a page, RCX leads to its bytes
 * elsewhere. */
static uintptr_t emit_fill(struct dbt *dbt, struct x86 *a, unsigned access, bool privileged,
                           bool aligned, bool split)
{
    struct dbt_hot *hot = dbt->hot;
    const bool user = access & A64_UNPRIV;
    struct misses misses = {.count = 0};
    struct x86_label slow;
    const uintptr_t here = x86_here(a);
    if (dbt->cpu->sys->knobs.no_slots) {
        x86_alu(a, ALU_CMP, 0, RAX, x86_r(RAX));
        x86_ret(a);
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
    pop_scratch(a);
    x86_test(a, 0, RSP, x86_r(RSP));
    x86_ret(a);
    for (unsigned i = 0; i < misses.count; i++)
        x86_land(a, misses.at[i]);
    pop_scratch(a);
    call_fill(dbt, a, access, aligned);
    x86_land(a, slow);
    x86_pop(a, RSI);
    if (split) {
        x86_neg(a, 0, RDX);
        x86_alu_imm(a, ALU_ADD, 0, x86_r(RDX), A64_PAGE_MASK + 2);
        x86_jmp_to(a, dbt->stub.split[0]);
        return here;
    }
    x86_alu(a, ALU_CMP, 0, RAX, x86_r(RAX));
    x86_ret(a);
    return here;
}

void dbt_emit_stubs(struct dbt *dbt)
{
    struct x86 a = {
        .p = dbt->code_write,
        .end = dbt->code_write + dbt->code_size,
        .run = dbt->code - dbt->code_write,
    };
    memcpy(dbt->hot->constant, vector_constants, sizeof vector_constants);
    memcpy(dbt->hot->fp, dbt_fp_constants, sizeof dbt->hot->fp);
    vector_estimates(dbt->hot->estimate);
    dbt->hot->unordered = 128;
    emit_flags(dbt, &a);
    emit_fpsr(dbt, &a);
    emit_enter(dbt, &a);
    emit_leave(dbt, &a);
    for (unsigned flags = 0; flags < 2; flags++) {
        dbt->stub.exec[flags] = emit_exec(dbt, &a, false, flags);
        dbt->stub.exec_word[flags] = emit_exec(dbt, &a, true, flags);
    }
    for (unsigned btype = 0; btype < 4; btype++)
        emit_indirect(dbt, &a, btype);
    emit_vectors(dbt, &a);
    dbt->stub.lookup = emit_exit(dbt, &a, DBT_EXIT_LOOKUP);
    dbt->stub.attention = emit_exit(dbt, &a, DBT_EXIT_ATTENTION);
    emit_link(dbt, &a);
    dbt->stub.split[0] = emit_split(&a, dbt_split_load);
    dbt->stub.split[1] = emit_split(&a, dbt_split_store);
    for (unsigned fill = 0; fill < DBT_FILL_COUNT; fill++)
        for (unsigned k = 0; k < 4; k++)
            dbt->stub.fill[k >> 1][fill][k & 1] =
                emit_fill(dbt, &a, fill_access[fill], k >> 1, k & 1, false);
    for (unsigned el1 = 0; el1 < 2; el1++)
        dbt->stub.fill_split[el1] = emit_fill(dbt, &a, A64_READ, el1, false, true);
    dbt_emit_pauth(dbt, &a);
    dbt_emit_look(dbt, &a);
    dbt->stubs_end = (size_t)(a.p - dbt->code_write + 63) & ~(size_t)63;
}

void dbt_enter(struct dbt *dbt, uint32_t offset)
{
    void (*enter)(void *cpu, void *code) = (void (*)(void *, void *))dbt->stub.enter;
    enter((uint8_t *)dbt->cpu + CPU_BIAS, dbt->code + offset);
}

void dbt_link_jump(struct dbt *dbt, uint32_t jump, uint32_t target)
{
    const struct x86 a = {.run = dbt->code - dbt->code_write};
    const struct x86_label label = {dbt->code_write + jump};
    x86_patch(&a, label, (uintptr_t)dbt->code + target);
}

bool dbt_host_ok(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
}
