/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_LOWER_H
#define POMONA_DBT_X86_64_LOWER_H

/* What the lowerings (lower_CLASS.c: guest row -> host code) share.
 *
 * A lowering emits what its row does, between two states in which every pinned guest register holds its
 * value and every other one is in struct a64_cpu. It may use RAX, RCX and RDX. Whatever can fault is
 * emitted before anything is written.
 *
 * NZCV: while `flags.host` is set, EFLAGS holds it in the form `flags.kind` tells; otherwise it is in
 * dbt_hot.flags. Before an instruction that changes EFLAGS a lowering calls lower_clobber(), which
 * saves them if somebody still needs them. */

#include "a64_exec.h"
#include "target.h"

/* How the host's flags hold NZCV. N, Z and V are SF, ZF and OF. */
enum flags_kind {
    FLAGS_SUB,   /* C is the inverse of CF: the canonical form */
    FLAGS_ADD,   /* C is CF */
    FLAGS_LOGIC, /* C is 0, as are V and CF */
    /* As UCOMIS of Vn with Vm, or of Vm with Vn, sets them: less CF, equal ZF, unordered CF, ZF, PF. */
    FLAGS_FLOAT,
    FLAGS_FLOAT_SWAPPED,
};

/* Where an access is: the immediate is added to the base for the access; for good before it; behind it; or
 * another register is. LOWER_ALONE: it is none of a kind that shares checks. */
enum lower_how { LOWER_ALONE, LOWER_AT, LOWER_BEFORE, LOWER_BEHIND, LOWER_INDEXED };

struct lower_shape {
    uint8_t how, bytes;
    bool store;
};

#define LOWER_GROUPS 8

/* Accesses that one check was made for (lower_group.c). */
struct lower_group {
    uint64_t members; /* a bit for each instruction; 0: there is none */
    unsigned base;    /* among guest registers */
    int32_t lowest;   /* their first byte, from what the base was at the check */
    unsigned bytes;
    enum dbt_fill fill;
    const struct dbt_slot *slot;
    /* Of a loop's strip (lower_strip.c); off the base and another register, shifted, unless that is 31. What
     * each turn adds to the address. */
    bool loop;
    uint8_t index, shift;
    int16_t step;
    /* An access is at `varying`, which is one of them, shifted by `scale`, plus its l->loop_disp, plus what is in host
     * register `kept`; X86_NONE: in memory, at `folded`, or, NULL, the slot's value. */
    uint8_t varying, scale;
    int8_t kept;
    const uint64_t *folded;
    bool page; /* the slot does not tell in which pages the stream is, the TLB is asked */
};

/* Jumps to where long strips are set up: two for each stream, one for the number of turns, one from the end of a strip. */
#define LOWER_LONGER (2 * DBT_STREAMS + 2)

/* The block as a loop, if it is one. */
struct lower_loop {
    uintptr_t body;  /* where turns begin; 0: it is none */
    unsigned end;    /* the instruction that branches back */
    unsigned counter; /* the guest register that tells turns */
    int64_t step;     /* what a turn adds to it */
    unsigned streams;
    /* The comparison that is left out of turns, as the strip ends where the counter is what register `until`, or, 31, `limit`
     * says; DBT_MAX_INSNS: none. */
    unsigned setter, until;
    uint64_t limit;
    uint64_t members; /* its streams' accesses: a bit for each instruction */
    bool vectors;    /* V0..V31 are in host registers where turns begin */
    /* Where a strip is made as long as it can be; 0: behind the block, and these jumps lead there. */
    uintptr_t strip;
    struct x86_label longer[LOWER_LONGER];
    unsigned longer_count;
};

struct lower;
typedef void lower_fn(struct lower *l, const struct a64_insn *insn);

/* The scratch registers, a bit each. */
#define LOWER_SCRATCHES (1u << RAX | 1u << RCX | 1u << RDX)

/* When what a row's instruction is lowered to leaves RCX alone: always; where it is a LEA, or has a plain second operand; if
 * nothing is to be done about NZCV. */
enum lower_rcx { LOWER_RCX_LOST, LOWER_RCX_LEFT, LOWER_RCX_SUM, LOWER_RCX_PLAIN, LOWER_RCX_BRANCH };

/* What a row's instructions are translated by. */
struct lower_row {
    lower_fn *lowering; /* NULL: by a call of the interpreter's function */
    uint8_t vectors;    /* vector registers it writes: 0, 1, or more */
    bool plain;         /* lower_moves_plainly() */
    bool sums;          /* ADD Xd, Xn, Xm with a shift */
    uint8_t rcx;        /* enum lower_rcx, but for accesses, which tell themselves */
    struct lower_shape shape;
    uint8_t spares;     /* scratch registers that the lowering does not use, a bit each */
};

struct lower {
    struct dbt *dbt;
    struct x86 a;    /* the block */
    struct x86 cold; /* its rare paths */
    struct x86 literals; /* its constants, from the end of the memory downwards */
    struct dbt_region before; /* the region, before the block was put into it */
    size_t start;             /* where the block's code begins */
    unsigned mode;
    uint64_t pa;                  /* of the block */
    const uint32_t *host;         /* its page's memory */
    uint32_t offset;              /* of the block in its page */
    unsigned at, count, counted;  /* the instruction now, all, those in icount already */
    unsigned loop_end;            /* the first conditional branch to the block's start; `count`: none */
    uint8_t head;                 /* struct dbt_block's */
    bool ended;                   /* control does not reach the end of what was emitted */
    bool has_vectors;             /* there are instructions that use V0..V31 */
    bool vectors;                 /* V0..V31 are in host registers for certain */
    /* By vector register, a bit each: what is above the low 32 or 64 bits is 0 for certain; and what of
     * that the instruction now has made so. See lower_made(). */
    uint32_t clean32, clean64, made32, made64;
    struct {
        const uint8_t *end; /* of the code that put guest register N into memory; while nothing follows, HOST has it too */
        uint8_t n, host;
    } result;
    struct {
        int base; /* the address that is checked is this host register and `disp`, and not in RAX; X86_NONE: it is there */
        int32_t disp;
    } address;
    const struct dbt_slot *in_rcx; /* RCX is the value of this slot; NULL: of none */
    bool keeps_rcx;                /* the instruction now leaves it so */
    struct x86_label rejoin; /* of the instruction now: leads to its end; `at` is NULL: none */
    struct {
        bool host, dirty; /* in EFLAGS; not in memory */
        bool plain;       /* memory has them without FLAGS_UCOMIS for certain */
        bool lost;        /* neither: they are to be made again by instruction `setter` (lower_flags.c) */
        bool tell; /* the branch now leads where they are not wanted: lower_can_tell() */
        uint8_t setter, until; /* clobbered up to instruction `until`, they get lost */
        enum flags_kind kind;
    } flags;
    uint64_t grouped; /* the members of all groups that there have been */
    struct lower_group group[LOWER_GROUPS];
    struct lower_loop loop;
    struct {
        struct x86_label jump; /* of the first turn's end to the others: see lower_turns.c; `at` is NULL: there are none */
        uintptr_t start;       /* 0: this is the first turn */
        uint8_t setter;        /* the instruction that NZCV is from where a turn begins */
    } turns;
    /* By base register: behind the last access off it of a kind that may be in groups; 0: there is none. */
    uint8_t last_access[GUEST_SP + 1];
    uint64_t sums; /* the instructions, a bit each, that add registers to what is a base later on */
    bool flags_live[DBT_MAX_INSNS + 1]; /* NZCV as it is before instruction i may be looked at */
    int32_t loop_disp[DBT_MAX_INSNS];    /* of members of the loop's streams: see struct lower_group */
    struct a64_insn insn[DBT_MAX_INSNS];
    struct lower_row row[A64_ROW_COUNT];
};

/* How a lowering gets into its class's table: lower_NAME() calls FUNCTION, and stands for row NAME. */
#define ONE(name, function, ...)                                                                   \
    static void lower_##name(struct lower *l, const struct a64_insn *insn)                         \
    {                                                                                              \
        function(l, insn, __VA_ARGS__);                                                            \
    }
#define ROW(name) [A64_EXEC_##name] = lower_##name

/* By enum a64_exec_id, one table a class; NULL: another class's, or none. */
extern lower_fn *const lower_arith_table[A64_EXEC_COUNT];
extern lower_fn *const lower_cond_table[A64_EXEC_COUNT];
extern lower_fn *const lower_bits_table[A64_EXEC_COUNT];
extern lower_fn *const lower_ldst_table[A64_EXEC_COUNT];
extern lower_fn *const lower_atomic_table[A64_EXEC_COUNT];
extern lower_fn *const lower_ordered_table[A64_EXEC_COUNT];
extern lower_fn *const lower_excl_table[A64_EXEC_COUNT];
extern lower_fn *const lower_pauth_table[A64_EXEC_COUNT];
extern lower_fn *const lower_branch_table[A64_EXEC_COUNT];
extern lower_fn *const lower_fp_table[A64_EXEC_COUNT];
extern lower_fn *const lower_fp_cvt_table[A64_EXEC_COUNT];
extern lower_fn *const lower_fp_move_table[A64_EXEC_COUNT];
extern lower_fn *const lower_crypto_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_diff_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_fp_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_ldst_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_misc_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_move_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_pair_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_same_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_sat_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_shift_table[A64_EXEC_COUNT];
extern lower_fn *const lower_simd_shl_table[A64_EXEC_COUNT];
extern lower_fn *const lower_system_table[A64_EXEC_COUNT];

/* At an entry of code: no register, flag or address is known to be anywhere but in its place. */
void lower_know_nothing(struct lower *l);
/* Emits a head: the look at `attention` and at how many instructions are left. */
void lower_head(struct lower *l);
/* Emits instructions `at` to END - 1, as far as control gets. */
void lower_insns(struct lower *l, unsigned end);

/* ---- lower_turns.c ---- */

/* Whether the branch now ends a turn of a loop whose next ones have code of their own; its condition is then in EFLAGS. */
bool lower_turns_end(struct lower *l);
/* The next turn, on CC. */
void lower_turn(struct lower *l, enum x86_cc cc);
/* Behind a block: the code of its other turns, if it leads to them. */
void lower_turns(struct lower *l);

/* Address of instruction I in its page. */
static inline uint32_t lower_place(const struct lower *l, unsigned i)
{
    return l->offset + i * 4;
}

/* What emits into the block emits its rare paths, and the other way round. */
static inline void lower_swap(struct lower *l)
{
    const struct x86 a = l->a;
    l->a = l->cold;
    l->cold = a;
}

/* Whether an instruction of ROW does not end groups, and writes no general register but those that its fields d, n
 * and a name. */
bool lower_moves_plainly(unsigned row);
/* How one of ROW accesses memory. */
struct lower_shape lower_shape_of_row(unsigned row);

/* ---- guest registers ---- */

/* The base register's number among guest registers. */
static inline unsigned lower_base(const struct a64_insn *insn)
{
    return insn->rn == 31 ? GUEST_SP : insn->rn;
}

extern const struct x86_rm lower_operands[GUEST_SP + 1];

/* Register N as an operand; N is not the zero register. */
static inline struct x86_rm lower_rm(unsigned n)
{
    return lower_operands[n];
}

/* Whether the instruction before has just put register N from a host register into memory: `result`. */
static inline bool lower_is_result(const struct lower *l, unsigned n)
{
    return l->result.end == l->a.p && l->result.n == n;
}

/* Register N in a host register, SCRATCH if it is not pinned. Flags stay. */
static inline unsigned lower_src(struct lower *l, int w, unsigned n, unsigned scratch)
{
    if (n == 31) {
        x86_imm(&l->a, scratch, 0);
        return scratch;
    }
    if (host_of[n] >= 0)
        return (unsigned)host_of[n];
    if (lower_is_result(l, n))
        x86_mov_rr(&l->a, 1, scratch, l->result.host);
    else
        x86_mov(&l->a, w, scratch, guest_memory(n));
    return scratch;
}

/* A copy of register N that may be changed, in SCRATCH. */
static inline void lower_copy(struct lower *l, int w, unsigned n, unsigned scratch)
{
    if (n == 31)
        x86_imm(&l->a, scratch, 0);
    else if (lower_is_result(l, n))
        x86_mov_rr(&l->a, w, scratch, l->result.host);
    else
        x86_mov(&l->a, w, scratch, lower_rm(n));
}

/* Register M, extended from what OPTION (UXTB .. SXTX) says to 64 bits, in host register DST. */
void lower_extend(struct lower *l, unsigned dst, unsigned m, unsigned option);

/* Where to compute register N: its own, or SCRATCH. lower_done() then puts it in place. */
static inline unsigned lower_dst(unsigned n, unsigned scratch)
{
    return host_of[n] >= 0 ? (unsigned)host_of[n] : scratch;
}

/* HOST, zero-extended to 64 bits, becomes register N. */
static inline void lower_done(struct lower *l, unsigned n, unsigned host)
{
    if (n == 31)
        return;
    if (host_of[n] < 0)
        x86_store(&l->a, 1, guest_memory(n), host);
    else
        x86_mov_rr(&l->a, 1, (unsigned)host_of[n], host);
}

/* The same as the end of an instruction, which nothing jumps to: a next one that wants register N has it in HOST. */
static inline void lower_result(struct lower *l, unsigned n, unsigned host)
{
    lower_done(l, n, host);
    if (n == 31 || host_of[n] >= 0)
        return;
    l->result.end = l->a.p;
    l->result.n = (uint8_t)n;
    l->result.host = (uint8_t)host;
}

/* ---- vector registers ---- */

/* V0..V31 are about to be used in host registers: loads them unless they are there. Costs EFLAGS. */
void lower_vectors(struct lower *l);

/* V<n> in a vector register: its own, or SCRATCH (29..31 or 13..15, see target.h). */
static inline unsigned lower_vsrc(struct lower *l, unsigned n, unsigned scratch)
{
    if (vhost_of(l->dbt, n) >= 0)
        return (unsigned)vhost_of(l->dbt, n);
    x86_vload(&l->a, scratch, guest_vector(n));
    return scratch;
}

/* Where to compute V<n>; lower_vdone() then puts it in place. */
static inline unsigned lower_vdst(const struct lower *l, unsigned n, unsigned scratch)
{
    return vhost_of(l->dbt, n) >= 0 ? (unsigned)vhost_of(l->dbt, n) : scratch;
}

/* HOST, all 128 bits of it, becomes V<n>. */
static inline void lower_vdone(struct lower *l, unsigned n, unsigned host)
{
    if (vhost_of(l->dbt, n) < 0)
        x86_vstore(&l->a, guest_vector(n), host);
    else if ((unsigned)vhost_of(l->dbt, n) != host)
        x86_vmov(&l->a, (unsigned)vhost_of(l->dbt, n), host);
}

/* The instruction leaves V<n> with nothing but its low SIZE bytes, 4 or 8. */
static inline void lower_made(struct lower *l, unsigned n, unsigned size)
{
    l->made64 |= size <= 8 ? 1u << n : 0;
    l->made32 |= size <= 4 ? 1u << n : 0;
}

/* ---- flags ---- */

/* Whether the instruction may look at NZCV as it is before it: it reads it, or may not be the last of the block that
 * runs, as after a fault. */
bool lower_looks(const struct lower *l, const struct a64_insn *insn);
/* EFLAGS will change. */
void lower_clobber(struct lower *l);
/* EFLAGS holds what instruction `at` set, in form KIND. */
void lower_set_flags(struct lower *l, enum flags_kind kind);
/* Brings NZCV into EFLAGS in canonical form. */
void lower_need_flags(struct lower *l);
/* The same; the host's condition for COND (not AL or NV). */
enum x86_cc lower_condition(struct lower *l, unsigned cond);
/* The same, where CC_B and CC_AE serve best. */
enum x86_cc lower_carry_condition(struct lower *l, unsigned cond);
/* Whether COND tells of the carry of a sum, which no branch can be foreseen by. */
bool lower_is_carry_of_sum(const struct lower *l, unsigned cond);
/* EFLAGS becomes NZCV (4 bits) in canonical form. Costs RAX. */
void lower_load_nzcv(struct lower *l, unsigned nzcv);
/* NZCV must be in memory before what follows, also if EFLAGS still holds it. */
void lower_save_flags(struct lower *l);
/* Whether instruction `at` finds NZCV in EFLAGS that what it is from can make again. */
bool lower_can_set_again(const struct lower *l);
/* That is how it is to be had from now on. */
void lower_lose_flags(struct lower *l);
/* Whether instruction END could make NZCV again that instruction SETTER sets. */
bool lower_can_repeat(const struct lower *l, unsigned setter, unsigned end);
/* Before a branch: whether NZCV is not missed before the next comparison but in rare paths, and is from now on only
 * made again for them. */
bool lower_put_off_flags(struct lower *l);
/* Before the branch of a block to its own start: whether NZCV as it is can be made again by instruction *SETTER wherever
 * the next turn may look at it. */
bool lower_can_carry(const struct lower *l, uint8_t *setter);
/* Whether NZCV as it is can be made again by what a block at PLACE in this page will probably keep until it sets it
 * anew. */
bool lower_can_tell(const struct lower *l, int64_t place);
/* Then, for a jump that LINK will lead there: tells memory how it is made, and LINK of what registers. EFLAGS stay. */
void lower_tell_flags(struct lower *l, struct dbt_link *link);
/* For such jumps to this block, see struct dbt_block. */
uint64_t lower_kept_registers(const struct lower *l);
/* Whether memory has not NZCV. */
static inline bool lower_flags_missing(const struct lower *l)
{
    return l->flags.lost || (l->flags.host && l->flags.dirty);
}
/* NZCV that was lost comes to EFLAGS. */
void lower_find_flags(struct lower *l);
/* On a way out that A emits NZCV comes to memory; nothing changes elsewhere. Before it A may use RAX, RCX, RDX. */
void lower_flags_to(struct lower *l, struct x86 *a);
/* Whether anybody looks at what instruction `at` leaves in NZCV. */
static inline bool lower_flags_wanted(const struct lower *l)
{
    return l->flags_live[l->at + 1];
}

/* ---- leaving ---- */

/* Runs the interpreter's function for the instruction. */
void lower_call(struct lower *l, const struct a64_insn *insn);
/* The same as a rare path, in `cold`: NZCV is in memory, V0..V31 are in host registers afterwards if they
 * were before. */
void lower_call_cold(struct lower *l, const struct a64_insn *insn);
/* A constant of SIZE bytes for the block's code, aligned to 8, or 16 if it is that large. */
uintptr_t lower_literal(struct lower *l, const void *bytes, unsigned size);
/* JUMP, emitted already, leads to PLACE in this page, as LINK, which is complete but for `jump` and `slot`. */
void lower_link(struct lower *l, struct x86_label jump, int64_t place, struct dbt_link link);
/* A jump on CC, or ANY condition, to PLACE in another block. NZCV goes to memory where it must. COUNT instructions of the block
 * have then retired. */
void lower_go(struct lower *l, enum x86_cc cc, bool always, int64_t place, unsigned count);
/* The instruction, which calls what is at PLACE or at the address in RAX, is done: host register LINK has the address
 * behind it, RAX the page of the one that calls PLACE, NZCV is in memory. */
void lower_go_calling(struct lower *l, int64_t place, unsigned link);
void lower_call_rax(struct lower *l, unsigned btype, unsigned link);
/* The instruction, which returns to the address in host register TARGET, is done. */
void lower_return(struct lower *l, unsigned target);
/* The stubs that these need. */
void dbt_emit_calls(struct dbt *dbt, struct x86 *a);
/* At the start of a block: makes it a loop if it can be one. */
void lower_loop_begin(struct lower *l);
/* At the end of a block: what is left of a loop. */
void lower_loop_finish(struct lower *l);
/* For the comparison that turns do without, l->loop.setter: its flags are put off. */
void lower_loop_compare(struct lower *l);
/* Behind a call of C in A: scratch registers hold again what the loop keeps there. */
void lower_loop_restore(struct lower *l, struct x86 *a);
/* A branch on NZCV: whether it ends the loop's turn; NZCV is then in memory, or nobody misses it there. */
bool lower_loop_ends(struct lower *l);
/* A branch on CC: if it ends the loop's turn, emits what it does. */
bool lower_loop_back(struct lower *l, enum x86_cc cc);
/* To the address in RAX, by the jump cache; PSTATE.BTYPE is then as given. */
void lower_jump_cached(const struct dbt *dbt, struct x86 *a, unsigned btype, bool call);
/* Goes on at the address in RAX, with PSTATE.BTYPE. */
void lower_jump_rax(struct lower *l, unsigned count, unsigned btype);
/* Before the first instruction of a block that PSTATE.BTYPE is not 0 for: whether it may be that. */
void lower_landing(struct lower *l);
/* PSTATE.BTYPE before the instruction. */
static inline unsigned lower_btype(const struct lower *l)
{
    return l->at == 0 ? l->mode >> DBT_BTYPE_SHIFT & 3 : 0;
}
/* SP was written; ALIGNED: it is a multiple of 16 for certain if it was one before. */
void lower_sp_written(struct lower *l, bool aligned);
/* In counting mode: adds to icount what retired before COUNT. */
void lower_count(struct lower *l, struct x86 *a, unsigned count);

#endif
