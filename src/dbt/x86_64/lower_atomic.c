/* SPDX-License-Identifier: MIT */
/* The LSE read-modify-write instructions (Arm manual C4.1.94: "Atomic memory operations", "Compare
 * and swap"). The host's locked instructions are sequentially consistent, which covers the acquire
 * and release forms. LDADD is XADD and SWP is XCHG; where the old value is not wanted, the logical
 * ones are a locked instruction too; all others are loops around CMPXCHG. Where nobody else looks
 * (lower_shared()), the same goes without a lock, and the loops are a load and a store.
 *
 * Only aligned addresses are handled here. What FEAT_LSE2 allows beside them, misaligned within 16
 * aligned bytes, is the interpreter's. */

#include "lower_mem.h"

/* By 8-bit opcode: OP of SIZE bytes. */
static unsigned sized(unsigned op, unsigned size)
{
    return size == 1 ? op | X_8 : (op + 1) | (size == 2 ? X_66 : size == 8 ? X_W : 0);
}

/* OP on the memory at RCX. */
static void atomic(struct lower *l, unsigned op, unsigned size, unsigned reg)
{
    if (lower_shared(l))
        x86_u8(&l->a, 0xf0);
    x86_op(&l->a, sized(op, size), reg, x86_m(RCX, 0), 0);
}

#define OP_CMP     0x3a
#define OP_STORE   0x88
#define OP_XCHG    0x86 /* locks by itself */
#define OP_CMPXCHG (0xb0 | X_0F)
#define OP_XADD    (0xc0 | X_0F)

/* Register N, zero-extended from SIZE bytes, becomes what HOST holds there. */
static void finish(struct lower *l, unsigned n, unsigned size, unsigned host)
{
    if (n == 31)
        return;
    if (size == 1)
        x86_movzx8(&l->a, host, x86_r((int)host));
    else if (size == 2)
        x86_movzx16(&l->a, host, x86_r((int)host));
    lower_done(l, n, host);
}

/* Lets RCX point to the SIZE bytes that INSN works on. RAX and RDX are free. */
static struct lower_miss begin(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    lower_clobber(l);
    lower_address(l, insn, 0);
    const struct lower_miss miss = lower_check_aligned(l, insn, size, DBT_FILL_BOTH);
    x86_lea(&l->a, 1, RCX, lower_operand(0));
    return miss;
}

static void load_old(struct x86 *a, unsigned size)
{
    static const uint8_t type[] = {[1] = U8, [2] = U16, [4] = U32, [8] = U64};
    lower_load_general(a, (enum lower_type)type[size], RAX, x86_m(RCX, 0));
}

static void store_new(struct lower *l, unsigned size, unsigned reg)
{
    x86_op(&l->a, sized(OP_STORE, size), reg, x86_m(RCX, 0), 0);
}

/* ---- one instruction ---- */

static void add(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, size);
    lower_copy(l, 1, insn->rm, RDX);
    atomic(l, insn->rd == 31 ? ALU_ADD << 3 : OP_XADD, size, RDX);
    finish(l, insn->rd, size, RDX);
    lower_checked(l, miss);
}

static void swap(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, size);
    if (lower_shared(l)) {
        lower_copy(l, 1, insn->rm, RDX);
        x86_op(&l->a, sized(OP_XCHG, size), RDX, x86_m(RCX, 0), 0);
        finish(l, insn->rd, size, RDX);
    } else {
        load_old(&l->a, size);
        store_new(l, size, lower_src(l, 1, insn->rm, RDX));
        lower_done(l, insn->rd, RAX);
    }
    lower_checked(l, miss);
}

/* ---- loops ---- */

/* Stores RDX if RAX is still what is there; else round again. */
static void store_or_repeat(struct lower *l, unsigned size, uintptr_t again)
{
    if (!lower_shared(l)) {
        store_new(l, size, RDX);
        return;
    }
    atomic(l, OP_CMPXCHG, size, RDX);
    x86_jcc_to(&l->a, CC_NE, again);
}

/* CLR is AND with the complement. */
static void logical(struct lower *l, const struct a64_insn *insn, unsigned size, enum x86_alu op)
{
    struct x86 *a = &l->a;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, size);
    if (insn->rd == 31) {
        lower_copy(l, 1, insn->rm, RDX);
        if (op == ALU_AND)
            x86_not(a, 1, RDX);
        atomic(l, (unsigned)op << 3, size, RDX);
    } else {
        load_old(a, size);
        const uintptr_t again = x86_here(a);
        lower_copy(l, 1, insn->rm, RDX);
        if (op == ALU_AND)
            x86_not(a, 1, RDX);
        x86_alu(a, op, 1, RDX, x86_r(RAX));
        store_or_repeat(l, size, again);
        lower_done(l, insn->rd, RAX);
    }
    lower_checked(l, miss);
}

/* The old value stays where CC holds between it and the operand. */
static void extreme(struct lower *l, const struct a64_insn *insn, unsigned size, enum x86_cc cc)
{
    struct x86 *a = &l->a;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, size);
    load_old(a, size);
    const uintptr_t again = x86_here(a);
    lower_copy(l, 1, insn->rm, RDX);
    x86_op(a, sized(OP_CMP, size), RAX, x86_r(RDX), 0);
    x86_cmov(a, cc, 1, RDX, x86_r(RAX));
    store_or_repeat(l, size, again);
    lower_done(l, insn->rd, RAX);
    lower_checked(l, miss);
}

/* ---- compare and swap ---- */

static void compare_and_swap(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, size);
    lower_copy(l, size == 8, insn->rm, RAX);
    const unsigned new = lower_src(l, 1, insn->rd, RDX);
    atomic(l, OP_CMPXCHG, size, new);
    finish(l, insn->rm, size, RAX);
    lower_checked(l, miss);
}

/* HOST = W<n + 1>:W<n>, by way of the 8 bytes below the stack. */
static void join_words(struct lower *l, unsigned n, unsigned host)
{
    x86_store(&l->a, 0, x86_m(RSP, -8), lower_src(l, 0, n, host));
    x86_store(&l->a, 0, x86_m(RSP, -4), lower_src(l, 0, n + 1, host));
    x86_mov(&l->a, 1, host, x86_m(RSP, -8));
}

static void lower_casp32(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, 8);
    join_words(l, insn->rm, RAX);
    join_words(l, insn->rd, RDX);
    atomic(l, OP_CMPXCHG, 8, RDX);
    x86_mov_rr(a, 0, RDX, RAX);
    lower_done(l, insn->rm, RDX);
    x86_shift_imm(a, SHIFT_SHR, 1, RAX, 32);
    lower_done(l, insn->rm + 1, RAX);
    lower_checked(l, miss);
}

/* CMPXCHG16B wants RCX:RBX for what to store, so RBX (X19) and a register for the address, R8 (X2) or RSI
 * (X0), which holds none of the operands that are still to be read, are lent. */
static void lower_casp64(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const unsigned s = insn->rm, t = insn->rd;
    const unsigned at = t == 0 ? R8 : RSI;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, 16);
    lower_copy(l, 1, s, RAX);
    lower_copy(l, 1, s + 1, RDX);
    x86_push(a, RBX);
    x86_push(a, at);
    x86_mov_rr(a, 1, at, RCX);
    lower_copy(l, 1, t + 1, RCX);
    lower_copy(l, 1, t, RBX);
    x86_u8(a, 0xf0);
    x86_op(a, 0xc7 | X_0F | X_W, 1, x86_m((int)at, 0), 0);
    x86_pop(a, at);
    x86_pop(a, RBX);
    lower_done(l, s, RAX);
    lower_done(l, s + 1, RDX);
    lower_checked(l, miss);
}

/* ---- the table ---- */

#define SIZES(name, function, ...)                                                                 \
    ONE(name##8, function, 1, ##__VA_ARGS__)                                                       \
    ONE(name##16, function, 2, ##__VA_ARGS__)                                                      \
    ONE(name##32, function, 4, ##__VA_ARGS__)                                                      \
    ONE(name##64, function, 8, ##__VA_ARGS__)

SIZES(atomic_add, add)
SIZES(atomic_swp, swap)
SIZES(atomic_clr, logical, ALU_AND)
SIZES(atomic_eor, logical, ALU_XOR)
SIZES(atomic_set, logical, ALU_OR)
SIZES(atomic_smax, extreme, CC_G)
SIZES(atomic_smin, extreme, CC_L)
SIZES(atomic_umax, extreme, CC_A)
SIZES(atomic_umin, extreme, CC_B)
SIZES(cas, compare_and_swap)

#define ROWS(name) ROW(name##8), ROW(name##16), ROW(name##32), ROW(name##64)

lower_fn *const lower_atomic_table[A64_EXEC_COUNT] = {
    ROWS(atomic_add),  ROWS(atomic_swp),  ROWS(atomic_clr),  ROWS(atomic_eor),
    ROWS(atomic_set),  ROWS(atomic_smax), ROWS(atomic_smin), ROWS(atomic_umax),
    ROWS(atomic_umin), ROWS(cas),         ROW(casp32),       ROW(casp64),
};
