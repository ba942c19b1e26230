/* SPDX-License-Identifier: MIT */
/* Exclusive accesses, and what other stores owe to them: the emitted side of src/a64/monitor.h,
 * whose words these are.
 *
 * With one CPU, LDXR notes what it loaded, and STXR compares and stores. With several, LDXR
 * notes the state of its entry too if the entry is ready; STXR locks the entry if the state still
 * is that, and does the same. Whatever else is the case is left to the interpreter's functions,
 * also that STXR fails.
 *
 * Other stores look at cpu->monitored; only if that is set do they look at their entry, and only if
 * the entry is hot does the interpreter's function store. */

#include "lower_mem.h"

#include "../../a64/monitor.h"

/* RAX = the entry of the host address in RCX. */
static void find_entry(struct x86 *a)
{
    _Static_assert(sizeof(struct a64_monitor_entry) == 1 << 4,
                   "the granule's number is scaled by it");
    x86_mov_rr(a, 0, RAX, RCX);
    x86_shift_imm(a, SHIFT_SHR, 0, RAX, A64_GRANULE_SHIFT - 4);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RAX), (A64_MONITOR_ENTRIES - 1) << 4);
    x86_alu(a, ALU_ADD, 1, RAX, CPU(excl.table));
}

/* ---- LDXR ---- */

/* Lets RCX point to the SIZE bytes, and marks them. RAX and RDX are free. */
static struct lower_miss mark(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    lower_address(l, insn, 0);
    const struct lower_miss miss = lower_check_aligned(l, insn, size, DBT_FILL_READ);
    x86_lea(a, 1, RCX, lower_operand(0));
    if (l->mode & DBT_MODE_MANY) {
        find_entry(a);
        x86_mov(a, 1, RDX, x86_m(RAX, offsetof(struct a64_monitor_entry, state)));
        x86_store(a, 1, CPU(excl.entry), RAX);
        x86_store(a, 1, CPU(excl.version), RDX);
        x86_alu_imm(a, ALU_AND, 0, x86_r(RDX), A64_MONITOR_COUNT - 1);
        x86_alu_imm(a, ALU_CMP, 0, x86_r(RDX), A64_MONITOR_READY);
        x86_jcc_to(a, CC_NE, miss.slow);
    } else {
        x86_store64_imm(a, CPU(excl.version), A64_MONITOR_NONE);
    }
    x86_lea(a, 1, RAX, x86_mx(RCX, RCX, 0, (int32_t)size));
    x86_store(a, 1, CPU(excl.key), RAX);
    return miss;
}

static void load(struct lower *l, const struct a64_insn *insn, enum lower_type type)
{
    struct x86 *a = &l->a;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = mark(l, insn, lower_bytes(type));
    const unsigned dst = insn->rd == 31 ? RDX : lower_dst(insn->rd, RDX);
    lower_load_general(a, type, dst, x86_m(RCX, 0));
    x86_store(a, 1, CPU(excl.value[0]), dst);
    lower_done(l, insn->rd, dst);
    lower_checked(l, miss);
}

static void lower_ldxp32(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = mark(l, insn, 8);
    x86_mov(a, 1, RDX, x86_m(RCX, 0));
    x86_store(a, 1, CPU(excl.value[0]), RDX);
    x86_mov_rr(a, 0, RAX, RDX);
    lower_done(l, insn->rd, RAX);
    x86_shift_imm(a, SHIFT_SHR, 1, RDX, 32);
    lower_done(l, insn->ra, RDX);
    lower_checked(l, miss);
}

static void lower_ldxp64(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = mark(l, insn, 16);
    x86_vload(a, VSCRATCH0, x86_m(RCX, 0));
    x86_vstore(a, CPU(excl.value), VSCRATCH0);
    x86_vmovd_to(a, 1, x86_r(RDX), VSCRATCH0);
    lower_done(l, insn->rd, RDX);
    x86_vpextrq(a, x86_r(RDX), VSCRATCH0, 1);
    lower_done(l, insn->ra, RDX);
    lower_checked(l, miss);
}

/* ---- STXR ---- */

/* Lets [RCX + *DISP] be the SIZE bytes that LDXR marked, with their entry locked. RAX and RDX are
 * free. */
static struct lower_miss claim(struct lower *l, const struct a64_insn *insn, unsigned size,
                               int32_t *disp)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    lower_address(l, insn, 0);
    const struct lower_miss miss = lower_check_exclusive(l, insn, size);
    x86_lea(a, 1, RCX, lower_operand(0));
    x86_lea(a, 1, RAX, x86_mx(RCX, RCX, 0, (int32_t)size));
    x86_alu(a, ALU_CMP, 1, RAX, CPU(excl.key));
    x86_jcc_to(a, CC_NE, miss.slow);
    *disp = 0;
    if (!(l->mode & DBT_MODE_MANY))
        return miss;
    x86_mov(a, 1, RCX, CPU(excl.entry));
    x86_mov(a, 1, RAX, CPU(excl.version));
    x86_lea(a, 1, RDX, x86_m(RAX, A64_MONITOR_LOCKED));
    x86_u8(a, 0xf0); /* LOCK CMPXCHG */
    x86_op(a, 0xb1 | X_0F | X_W, RDX, x86_m(RCX, offsetof(struct a64_monitor_entry, state)), 0);
    x86_jcc_to(a, CC_NE, miss.slow);
    /* The key is the address, doubled, and the size. */
    x86_mov(a, 1, RCX, CPU(excl.key));
    x86_shift_imm(a, SHIFT_SHR, 1, RCX, 1);
    *disp = -(int32_t)(size / 2);
    return miss;
}

/* A lone CPU's STXR, to [RCX]: nobody else stores. A value that is not LDXR's any more is the rare
 * path's. */
static void store_alone(struct lower *l, const struct a64_insn *insn, unsigned size,
                        struct lower_miss miss)
{
    static const uint8_t type[] = {[1] = U8, [2] = U16, [4] = U32, [8] = U64};
    static const unsigned cmp[] = {
        [1] = 0x3a | X_8, [2] = 0x3b | X_66, [4] = 0x3b, [8] = 0x3b | X_W};
    struct x86 *a = &l->a;
    x86_mov(a, 1, RAX, CPU(excl.value[0]));
    x86_op(a, cmp[size], RAX, x86_m(RCX, 0), 0);
    x86_jcc_to(a, CC_NE, miss.slow);
    lower_store_general(a, (enum lower_type)type[size], x86_m(RCX, 0),
                        lower_src(l, 1, insn->rd, RDX));
    x86_store64_imm(a, CPU(excl.key), 0);
    if (insn->rm != 31) {
        x86_imm(a, RAX, 0);
        lower_done(l, insn->rm, RAX);
    }
    lower_checked(l, miss);
}

/* ZF tells whether the value was stored. */
static void release(struct lower *l, const struct a64_insn *insn, struct lower_miss miss)
{
    struct x86 *a = &l->a;
    if (l->mode & DBT_MODE_MANY) {
        x86_mov(a, 1, RCX, CPU(excl.entry));
        x86_mov(a, 1, RDX, CPU(excl.version));
        x86_lea(a, 1, RDX, x86_m(RDX, A64_MONITOR_COUNT));
        x86_store(a, 1, x86_m(RCX, offsetof(struct a64_monitor_entry, state)), RDX);
    }
    x86_store64_imm(a, CPU(excl.key), 0);
    x86_setcc(a, CC_NE, RAX);
    x86_movzx8(a, RAX, x86_r(RAX));
    lower_done(l, insn->rm, RAX);
    lower_checked(l, miss);
}

/* Stores SRC if the SIZE bytes are still what LDXR loaded. */
static void store_if_same(struct x86 *a, unsigned size, unsigned src, int32_t disp)
{
    static const unsigned cmpxchg[] = {[1] = 0xb0 | X_0F | X_8,
                                       [2] = 0xb1 | X_0F | X_66,
                                       [4] = 0xb1 | X_0F,
                                       [8] = 0xb1 | X_0F | X_W};
    x86_mov(a, 1, RAX, CPU(excl.value[0]));
    x86_u8(a, 0xf0);
    x86_op(a, cmpxchg[size], src, x86_m(RCX, disp), 0);
}

static void store(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    int32_t disp;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = claim(l, insn, size, &disp);
    if (!lower_shared(l)) {
        store_alone(l, insn, size, miss);
        return;
    }
    store_if_same(&l->a, size, lower_src(l, 1, insn->rd, RDX), disp);
    release(l, insn, miss);
}

/* The two words come together below the stack. */
static void lower_stxp32(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    int32_t disp;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = claim(l, insn, 8, &disp);
    x86_store(a, 0, x86_m(RSP, -8), lower_src(l, 0, insn->rd, RDX));
    x86_store(a, 0, x86_m(RSP, -4), lower_src(l, 0, insn->ra, RDX));
    x86_mov(a, 1, RDX, x86_m(RSP, -8));
    store_if_same(a, 8, RDX, disp);
    release(l, insn, miss);
}

/* CMPXCHG16B wants RCX:RBX for what to store, so RBX (X19) and a register for the address, which
 * holds none of it, are lent: that of X0, X1 or X2, also where these are in memory. */
static void lower_stxp64(struct lower *l, const struct a64_insn *insn)
{
    static const uint8_t lent[] = {RSI, RDI, R8};
    struct x86 *a = &l->a;
    int32_t disp;
    unsigned n = 0;
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    while (n == insn->rd || n == insn->ra)
        n++;
    const unsigned at = lent[n];
    const struct lower_miss miss = claim(l, insn, 16, &disp);
    x86_push(a, RBX);
    x86_push(a, at);
    x86_lea(a, 1, at, x86_m(RCX, disp));
    x86_mov(a, 1, RAX, CPU(excl.value[0]));
    x86_mov(a, 1, RDX, CPU(excl.value[1]));
    lower_copy(l, 1, insn->ra, RCX);
    lower_copy(l, 1, insn->rd, RBX);
    x86_u8(a, 0xf0);
    x86_op(a, 0xc7 | X_0F | X_W, 1, x86_m((int)at, 0), 0);
    x86_pop(a, at);
    x86_pop(a, RBX);
    release(l, insn, miss);
}

static void lower_clrex(struct lower *l, const struct a64_insn *insn)
{
    x86_store64_imm(&l->a, CPU(excl.key), 0);
}

/* ---- other stores ---- */

/* If a CPU may have marked anything, goes to `cold`, with the address in RAX: it is BASE and DISP, or there. */
static void look_if_monitored(struct lower *l, int base, int32_t disp)
{
    x86_alu_imm(&l->a, ALU_CMP, 0, CPU(monitored), 0);
    x86_land(&l->cold, x86_jcc(&l->a, CC_NE));
    if (base != RAX)
        x86_lea(&l->cold, 1, RAX, x86_m(base, disp));
}

void lower_look(struct lower *l, unsigned bytes, uintptr_t slow)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    look_if_monitored(l, l->address.base >= 0 ? l->address.base : RAX, l->address.disp);
    x86_imm(cold, RDX, bytes);
    x86_call_to(cold, l->dbt->stub.look);
    x86_jcc_to(cold, CC_NE, slow);
    x86_jmp_to(cold, x86_here(a));
}

struct x86_label lower_look_or_run(struct lower *l, uint32_t told, int base, int32_t disp, bool member)
{
    struct x86 *cold = &l->cold;
    look_if_monitored(l, base, disp);
    const struct x86_label looked = x86_ask(cold, told, l->dbt->stub.look_or_run[member], x86_here(&l->a));
    cold->p += STUB_GAP;
    if (member) {
        x86_u8(cold, lower_place(l, l->at) & 0xff);
        x86_u8(cold, lower_place(l, l->at) >> 8);
    }
    return looked;
}

/* Called with [RAX + RCX] of EDX and one more bytes, up to 64, that are going to be stored: ZF is
 * set if all of them are in cold entries. RDX is lost. The sweep that is due once in a while is
 * left to the store function of the interpreter. */
void dbt_emit_look(struct dbt *dbt, struct x86 *a)
{
    dbt->stub.look = x86_here(a);
    x86_push(a, RAX);
    x86_push(a, RCX);
    x86_alu(a, ALU_ADD, 1, RCX, x86_r(RAX));
    x86_alu(a, ALU_ADD, 1, RDX, x86_r(RCX));
    x86_alu_imm(a, ALU_SUB, 0, CPU(excl.looks), 1);
    const struct x86_label sweep = x86_jcc(a, CC_S);
    find_entry(a);
    x86_mov_rr(a, 1, RCX, RDX);
    x86_mov(a, 0, RDX, x86_m(RAX, offsetof(struct a64_monitor_entry, state)));
    find_entry(a);
    x86_alu(a, ALU_OR, 0, RDX, x86_m(RAX, offsetof(struct a64_monitor_entry, state)));
    x86_test_imm(a, 0, x86_r(RDX), A64_MONITOR_HOT);
    x86_land(a, sweep);
    x86_pop(a, RCX);
    x86_pop(a, RAX);
    x86_ret(a);

    /* The same with EDX: what is told of an access by its slot. Returns, or the interpreter's function runs. */
    for (unsigned member = 0; member < 2; member++) {
        dbt->stub.look_or_run[member] = x86_here(a);
        x86_push(a, RDX);
        x86_alu_imm(a, ALU_AND, 0, x86_r(RDX), (1 << STUB_SIZE_BITS) - 1);
        x86_call_to(a, dbt->stub.look);
        x86_pop(a, RDX);
        x86_jcc_to(a, CC_NE, dbt->stub.missed_told[member]);
        x86_ret(a);
    }
}

/* ---- the table ---- */

ONE(ldxr8, load, U8)
ONE(ldxr16, load, U16)
ONE(ldxr32, load, U32)
ONE(ldxr64, load, U64)
ONE(stxr8, store, 1)
ONE(stxr16, store, 2)
ONE(stxr32, store, 4)
ONE(stxr64, store, 8)

lower_fn *const lower_excl_table[A64_EXEC_COUNT] = {
    ROW(ldxr8),  ROW(ldxr16), ROW(ldxr32), ROW(ldxr64), ROW(ldxp32), ROW(ldxp64), ROW(stxr8),
    ROW(stxr16), ROW(stxr32), ROW(stxr64), ROW(stxp32), ROW(stxp64), ROW(clrex),
};
