/* SPDX-License-Identifier: MIT */
/* The code that stands between C and translated blocks: the way in, the ways out, and the calls
 * from blocks into C.
 *
 * A helper call (exec) runs an instruction's function of the interpreter: all pinned registers go
 * to struct a64_cpu, the function runs, and they come back; a status other than A64_NEXT leaves the
 * block. What blocks pass in scratch registers stands beside each stub. */

#include <cpuid.h>
#include <sys/auxv.h>

#include "../../a64/mmu.h"
#include "lower_fp.h"
#include "lower_mem.h"
#include "pauth.h"
#include "stubs.h"
#include "target.h"
#include "vector.h"

static const uint8_t callee_saved[] = {RBX, RBP, R12, R13, R14, R15};

void stub_spill(struct x86 *a)
{
    for (unsigned n = 0; n <= GUEST_SP; n++)
        if (host_of[n] >= 0)
            x86_store(a, 1, guest_memory(n), (unsigned)host_of[n]);
}

void stub_reload(struct x86 *a)
{
    for (unsigned n = 0; n <= GUEST_SP; n++)
        if (host_of[n] >= 0)
            x86_mov(a, 1, (unsigned)host_of[n], guest_memory(n));
}

/* Where RET leads that finds no call's frame but the address that is there: nothing can be executed at it. */
static void emit_returned(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.returned = x86_here(a);
    x86_imm(a, RAX, NO_RETURN);
    x86_store(a, 1, CPU(pc), RAX);
    x86_imm(a, RAX, DBT_EXIT_LOOKUP);
    x86_jmp_to(a, dbt->stub.leave);
}

/* void enter(cpu + CPU_BIAS, code): the host's registers are kept, the stack is aligned, and has no calls of the
 * guest. */
static void emit_enter(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.enter = x86_here(a);
    for (unsigned i = 0; i < sizeof callee_saved; i++)
        x86_push(a, callee_saved[i]);
    x86_store(a, 1, x86_at(&dbt->hot->host_stack), RSP);
    x86_alu_imm(a, ALU_AND, 1, x86_r(RSP), -FRAMES_SIZE);
    x86_mov_rr(a, 1, RBP, RDI);
    x86_imm(a, RAX, NO_RETURN);
    x86_push(a, RAX);
    x86_lea(a, 1, RAX, x86_at((const void *)dbt->stub.returned));
    x86_push(a, RAX);
    x86_store(a, 1, x86_at(&dbt->hot->frames), RSP);
    x86_mov_rr(a, 1, RAX, RSI);
    stub_reload(a);
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

void stub_spill_vectors(struct dbt *dbt, struct x86 *a)
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

/* EAX: enum dbt_exit; RCX: its argument. Everything else is in place but the pinned registers. The jump at the end is
 * no RET, which the host would take for the end of the guest's last call.
 *
 * go_on, with all registers in struct a64_cpu: EAX is the status of an instruction's function. */
static void emit_leave(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.leave = x86_here(a);
    x86_store(a, 0, x86_at(&dbt->hot->exit), RAX);
    x86_store(a, 1, x86_at(&dbt->hot->exit_arg), RCX);
    stub_spill(a);
    stub_spill_vectors(dbt, a);
    const uintptr_t leave = x86_here(a);
    x86_mov(a, 1, RSP, x86_at(&dbt->hot->host_stack));
    for (unsigned i = sizeof callee_saved; i--;)
        x86_pop(a, callee_saved[i]);
    x86_pop(a, RCX);
    x86_jmp_rm(a, x86_r(RCX));

    dbt->stub.go_on = x86_here(a);
    x86_mov(a, 1, RSP, x86_at(&dbt->hot->frames));
    x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
    x86_mov_rr(a, 0, RSI, RAX);
    x86_imm(a, RAX, (uintptr_t)dbt_go_on);
    x86_call_rm(a, x86_r(RAX));
    x86_test(a, 1, RAX, x86_r(RAX));
    x86_jcc_to(a, CC_E, leave);
    stub_reload(a);
    x86_jmp_rm(a, x86_r(RAX));
}

/* cpu->pc = the running page + RAX. */
static void emit_set_pc(struct dbt *dbt, struct x86 *a)
{
    x86_alu(a, ALU_ADD, 1, RAX, x86_at(&dbt->hot->page));
    x86_store(a, 1, CPU(pc), RAX);
}

/* A way out with the place in the page behind the call. */
static uintptr_t emit_exit(struct dbt *dbt, struct x86 *a, enum dbt_exit exit)
{
    const uintptr_t here = x86_here(a);
    x86_pop(a, RAX);
    x86_movzx16(a, RAX, x86_m(RAX, 0));
    emit_set_pc(dbt, a);
    x86_imm(a, RAX, exit);
    x86_jmp_to(a, dbt->stub.leave);
    return here;
}

/* A way out by the link whose number is behind the call, which knows the place. */
static void emit_link(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.link = x86_here(a);
    x86_pop(a, RCX);
    x86_mov(a, 0, RCX, x86_m(RCX, STUB_NUMBER - 4));
    x86_shift_imm(a, SHIFT_SHR, 0, RCX, 8);
    x86_imm(a, RAX, DBT_EXIT_LINK);
    x86_jmp_to(a, dbt->stub.leave);
}

/* RAX: the address to go on at, after a miss in the jump cache. other_mode: it is the tag of what was found there, at RDX
 * and RCX as in lower_jump_cached(). */
static void emit_indirect(struct dbt *dbt, struct x86 *a, unsigned btype)
{
    dbt->stub.other_mode[btype] = x86_here(a);
    x86_mov(a, 1, RAX, x86_mx(RDX, RCX, 3, offsetof(struct dbt_slot, tag)));
    dbt->stub.indirect[btype] = x86_here(a);
    x86_store(a, 1, CPU(pc), RAX);
    if (btype)
        x86_store8_imm(a, CPU(ps.btype), btype);
    x86_imm(a, RAX, DBT_EXIT_LOOKUP);
    x86_jmp_to(a, dbt->stub.leave);
}

/* SP, which is or was not aligned, was written by the instruction before the place behind the call: goes on there in the
 * mode that blocks now have. Calls are forgotten, as they return to blocks of the other one. */
static void emit_sp_written(struct dbt *dbt, struct x86 *a)
{
    struct dbt_hot *hot = dbt->hot;
    const unsigned bad = __builtin_ctz(DBT_MODE_SP_BAD);
    dbt->stub.sp_written = x86_here(a);
    x86_pop(a, RAX);
    x86_movzx16(a, RAX, x86_m(RAX, 0));
    x86_mov(a, 1, RSP, x86_at(&hot->frames));
    x86_mov(a, 0, RCX, x86_at(&hot->mode[0]));
    x86_bit_imm(a, BIT_RESET, 0, RCX, bad);
    x86_test8_imm(a, lower_rm(GUEST_SP), 15);
    const struct x86_label good = x86_jcc(a, CC_E);
    x86_bit_imm(a, BIT_SET, 0, RCX, bad);
    x86_land(a, good);
    for (unsigned btype = 0; btype < 4; btype++) {
        x86_store(a, 0, x86_at(&hot->mode[btype]), RCX);
        x86_alu_imm(a, ALU_ADD, 0, x86_r(RCX), 1 << DBT_BTYPE_SHIFT);
    }
    x86_alu(a, ALU_ADD, 1, RAX, x86_at(&hot->page));
    lower_jump_cached(dbt, a, 0, false);
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
    x86_pext(a, 0, RAX, RAX, x86_r(RDX));
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

void stub_go_on_unless_done(struct dbt *dbt, struct x86 *a)
{
    x86_test(a, 0, RAX, x86_r(RAX));
    x86_jcc_to(a, CC_NE, dbt->stub.go_on);
    stub_reload(a);
}

int stub_exec_word(struct a64_cpu *cpu, uint32_t word)
{
    struct dbt *dbt = cpu->engine;
    const struct a64_insn *insn = dbt_decode(dbt, word);
    dbt->hot->insn = insn;
    return insn->exec(cpu, insn);
}

/* In a stub that 8 bytes more are on the stack of: it returns to where no call of the guest is known, as what they
 * would return to may not be there any more. Keeps EAX. */
static void forget_calls(struct dbt *dbt, struct x86 *a)
{
    x86_mov(a, 1, RCX, x86_m(RSP, 8));
    x86_mov(a, 1, RSP, x86_at(&dbt->hot->frames));
    x86_push(a, RCX);
    x86_alu_imm(a, ALU_SUB, 1, x86_r(RSP), 8);
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
    stub_spill(a);
    stub_spill_vectors(dbt, a);
    x86_lea(a, 1, RDI, x86_m(RBP, -CPU_BIAS));
    x86_mov_rr(a, 1, RSI, RCX);
    if (flags)
        emit_flags_to_cpu(dbt, a);
    if (word)
        x86_imm(a, RAX, (uintptr_t)stub_exec_word);
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
        forget_calls(dbt, a);
        x86_land(a, other);
    }
    x86_alu_imm(a, ALU_ADD, 1, x86_r(RSP), 8);
    if (flags)
        emit_flags_from_cpu(dbt, a);
    stub_go_on_unless_done(dbt, a);
    x86_ret(a);
    return here;
}

void dbt_emit_stubs(struct dbt *dbt)
{
    struct x86 a = {
        .p = dbt->code_write,
        .end = dbt->code_write + dbt->code_size - X86_LONGEST,
        .run = dbt->code - dbt->code_write,
    };
    memcpy(dbt->hot->constant, vector_constants, sizeof vector_constants);
    memcpy(dbt->hot->fp, dbt_fp_constants, sizeof dbt->hot->fp);
    vector_estimates(dbt->hot->estimate);
    dbt->hot->unordered = 128;
    emit_flags(dbt, &a);
    emit_fpsr(dbt, &a);
    emit_leave(dbt, &a);
    emit_returned(dbt, &a);
    emit_enter(dbt, &a);
    for (unsigned flags = 0; flags < 2; flags++) {
        dbt->stub.exec[flags] = emit_exec(dbt, &a, false, flags);
        dbt->stub.exec_word[flags] = emit_exec(dbt, &a, true, flags);
    }
    for (unsigned btype = 0; btype < 4; btype++)
        emit_indirect(dbt, &a, btype);
    emit_vectors(dbt, &a);
    emit_sp_written(dbt, &a);
    dbt->stub.attention = emit_exit(dbt, &a, DBT_EXIT_ATTENTION);
    emit_link(dbt, &a);
    dbt_emit_calls(dbt, &a);
    dbt_emit_fills(dbt, &a);
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

/* What not every compiler has names for: CMPXCHG16B, F16C, LAHF and LZCNT. */
static bool host_has_rest(void)
{
    unsigned a, b, c = 0, c_extended = 0, d;
    const unsigned basic = 1u << 13 | 1u << 29, extended = 1u << 0 | 1u << 5;
    return __get_cpuid(1, &a, &b, &c, &d) && __get_cpuid(0x80000001, &a, &b, &c_extended, &d) &&
           (c & basic) == basic && (c_extended & extended) == extended;
}

bool dbt_host_ok(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") && host_has_rest();
}
