/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_LOWER_MEM_H
#define POMONA_DBT_X86_64_LOWER_MEM_H

/* How a lowering reaches guest memory. It puts the address into RAX, calls lower_check() or
 * lower_check_aligned(), and then finds the bytes at lower_operand(0); RDX is free, and RAX and RCX
 * are too once the access is made. Where the check fails at run time, the interpreter's function
 * does the whole instruction instead and goes on behind lower_checked(); so nothing may be written
 * before the check. */

#include "lower.h"

#include "../../a64/system.h"

struct lower_miss {
    struct x86_label done; /* the rare path's jump to behind the instruction; `at` is NULL: there is none */
    uintptr_t slow;        /* where the interpreter's function is called; 0: in a stub */
    struct x86_label stored; /* the rare path's jump to behind the store itself; `at` is NULL: there is none */
    /* Other jumps of it, into the instruction: `looked`, from what tells the exclusive monitor. The stubs that these are of are
     * to find how far from there the instruction ends, as is that of `stored`; `at` is NULL: there is none. */
    struct x86_label gap, looked;
};

/* Makes [RAX + RCX] the SIZE bytes at guest address RAX, which FILL's kind of access may reach.
 * They lie in one page, and that is all. NZCV is saved where it is needed. What follows is less than 256 bytes. */
struct lower_miss lower_check(struct lower *l, const struct a64_insn *insn, unsigned size,
                              enum dbt_fill fill);
/* The same where others want to go to the rare path's `slow`, or more follows. */
struct lower_miss lower_check_with_slow(struct lower *l, const struct a64_insn *insn, unsigned size,
                                        enum dbt_fill fill);
/* The same before a plain store. PUT emits it, to [RAX + RCX], as WHAT says: a rare path has it too, for what crosses a page;
 * NULL: the interpreter's function does that, which is shorter, but not for vectors. */
typedef void lower_put_fn(struct lower *l, const struct a64_insn *insn, const void *what);
struct lower_miss lower_check_store(struct lower *l, const struct a64_insn *insn, unsigned size,
                                    enum dbt_fill fill, lower_put_fn *put, const void *what);
/* The same where RAX is a multiple of SIZE, a power of two, as well; all other addresses are the
 * rare path's. */
struct lower_miss lower_check_aligned(struct lower *l, const struct a64_insn *insn, unsigned size,
                                      enum dbt_fill fill);
/* The same for STXR. Other stores that are made by the side of several CPUs' are told to the exclusive
 * monitor (src/a64/monitor.h) by these functions where they must be. */
struct lower_miss lower_check_exclusive(struct lower *l, const struct a64_insn *insn, unsigned size);
/* The rare path: the interpreter's function. */
struct lower_miss lower_rarely(struct lower *l, const struct a64_insn *insn);
/* Whether the exclusive monitor is told of the access: with several CPUs, of every store. */
static inline bool lower_told(const struct lower *l, enum dbt_fill fill)
{
    return l->mode & DBT_MODE_MANY && fill != DBT_FILL_READ && fill != DBT_FILL_READ_USER;
}
/* Part of all these: TO = the TLB's entry for address RAX, as the CPU or, USER, EL0 reaches it. Costs EFLAGS. */
void lower_find_entry(const struct dbt *dbt, struct x86 *a, unsigned to, bool user);
/* Part of that: if [RAX + RCX], of BYTES and one more, may be marked for exclusive access, goes to
 * SLOW. */
void lower_look(struct lower *l, unsigned bytes, uintptr_t slow);
/* Whether a rare path has nothing to do but to run what a stub finds by a slot: one instruction of the block, which has
 * nothing to do with NZCV. */
bool lower_is_simple(const struct lower *l, const struct a64_insn *insn);
/* The same, where the stub has the interpreter's function run, as TOLD of an access at BASE and DISP, or at RAX, by its
 * slot; or, MEMBER, by that of its group: struct lower_miss's `looked`. RCX is kept. */
struct x86_label lower_look_or_run(struct lower *l, uint32_t told, int base, int32_t disp, bool member);
/* Part of a store of BYTES to BASE and DISP, or to RAX, as one of GROUP, whose check is made: tells the exclusive monitor of
 * it. */
struct lower_miss lower_look_of_member(struct lower *l, const struct a64_insn *insn, const struct lower_group *group,
                                       unsigned bytes, int base, int32_t disp);
void dbt_emit_look(struct dbt *dbt, struct x86 *a);
/* Calls STUB of pauth.h: the result comes in RAX. The rare path as above. */
struct lower_miss lower_pac(struct lower *l, const struct a64_insn *insn, uintptr_t stub);
/* The store is made: what remains of the instruction is done in any case. */
void lower_join(struct lower *l, struct x86_label jump);
static inline void lower_stored(struct lower *l, struct lower_miss miss)
{
    if (miss.stored.at)
        lower_join(l, miss.stored);
}
/* The instruction's end: the rare path comes here. */
void lower_tell_gaps(struct lower *l, struct lower_miss miss);
static inline void lower_checked(struct lower *l, struct lower_miss miss)
{
    if (miss.done.at)
        lower_join(l, miss.done);
    lower_tell_gaps(l, miss);
}

/* ---- several accesses with one check ---- */

/* lower_shape.c */
static inline const struct lower_shape *lower_shape_of(const struct lower *l,
                                                       const struct a64_insn *insn)
{
    static const struct lower_shape none = {.how = LOWER_ALONE};
    return insn->row == A64_ROW_NONE ? &none : &l->row[insn->row].shape;
}
/* If all that the instruction does to general registers is TO = FROM + ADDED: whether it is that. */
struct lower_sum {
    unsigned to, from;
    int64_t added;
};
bool lower_makes_sum(const struct a64_insn *insn, struct lower_sum *sum);
/* What the instruction adds to guest register N, if that is all it does to it. */
bool lower_adds_constant(const struct a64_insn *insn, unsigned n, int64_t *constant);
/* The guest registers that it may write, a bit each; but for what an access adds to its base. */
uint64_t lower_written(const struct a64_insn *insn);
uint64_t lower_loaded(const struct a64_insn *insn);

/* lower_group.c: looks for accesses behind instruction `at`, a load or store off its base register and a constant or
 * another register, that one check can be made for together with it: they become one of l->group, which has no slot yet. NULL: there
 * are none. */
struct lower_group *lower_begin_group(struct lower *l);
/* Takes the access of LENGTH bytes at OFFSET into GROUP; false: they would all span more than MOST bytes. */
bool lower_widen(struct lower_group *group, int64_t offset, unsigned length, unsigned most);
/* The group that the access is one of, whose check is made already; NULL: none. */
const struct lower_group *lower_member_of(const struct lower *l);
/* The same, or one that begins with it, whose check then stands before it. */
const struct lower_group *lower_group_of(struct lower *l, const struct a64_insn *insn);
/* Gives a loop's STREAM its slot. */
void lower_open_stream(struct lower *l, struct lower_group *stream);
/* The check of a turn of a loop's STREAM, whose first byte is at RAX, before a strip. */
void lower_check_strip(struct lower *l, struct lower_group *stream);

/* lower_loop.c: makes l->group the streams of the loop that the block is; false: it is none that strips can be made of. */
bool lower_find_loop(struct lower *l, struct lower_loop *loop);
/* Nobody looks at NZCV in a turn before one of its instructions sets it: accesses that were checked cannot fault. */
bool lower_sets_flags_first(const struct lower *l, const struct lower_loop *loop);
static inline bool lower_is_power(int64_t step)
{
    const uint64_t magnitude = step < 0 ? -(uint64_t)step : (uint64_t)step;
    return magnitude && !(magnitude & (magnitude - 1));
}

static inline struct x86_rm lower_operand(int32_t disp)
{
    return x86_mx(RAX, RCX, 0, disp);
}

/* Whether the base is SP while it is misaligned, which is the interpreter's to check. */
static inline bool lower_sp_faults(const struct lower *l, const struct a64_insn *insn)
{
    return insn->rn == 31 && l->mode & DBT_MODE_SP_BAD;
}

/* The base plus IMM in RAX; EFLAGS stay. */
void lower_address(struct lower *l, const struct a64_insn *insn, int64_t imm);
/* The base plus register M, extended and shifted, in RAX; EFLAGS stay. Costs RCX. */
void lower_address_indexed(struct lower *l, const struct a64_insn *insn);

/* Whether somebody else may use atomic operations on what an instruction works on. A lone CPU's are
 * atomic for itself without a lock, as interrupts come between instructions. Devices are not in the
 * inner shareable domain, for which acquire and release hold; what is meant for them, barriers order.
 */
static inline bool lower_shared(const struct lower *l)
{
    return l->mode & DBT_MODE_MANY || !l->dbt->cpu->sys->private_memory;
}

/* What a load or store of a general register moves: bits, and W or X for what is extended. */
enum lower_type { U8, U16, U32, U64, S8W, S16W, S8X, S16X, S32X };

static inline unsigned lower_bytes(enum lower_type type)
{
    static const uint8_t bytes[] = {1, 2, 4, 8, 1, 2, 1, 2, 4};
    return bytes[type];
}

void lower_load_general(struct x86 *a, enum lower_type type, unsigned dst, struct x86_rm from);
void lower_store_general(struct x86 *a, enum lower_type type, struct x86_rm to, unsigned src);

#endif
