/* SPDX-License-Identifier: MIT */
/* Strips of turns of a loop that lower_loop.c found: what is checked before them, where turns end,
 * and where a loop may be left. */

#include "lower_mem.h"

#include <stdlib.h>
#include <string.h>

/* Guest instructions in a strip: interrupts are taken within 2,000. */
#define STRIP_INSNS 1500
/* Turns of a strip of which it is not known how many the loop makes. */
#define FEW_TURNS 8
/* Where a turn's bytes are in several slots' pages: that many are checked one by one. */
#define SINGLE_TURNS 8

/* ---- scratch registers that hold what is added to streams' addresses ---- */

static bool is_pinned(unsigned n)
{
    return n == 31 || host_of[n] >= 0;
}

/* Scratch registers that instruction I of the loop leaves alone. */
static unsigned spares(const struct lower *l, const struct lower_loop *loop, unsigned i)
{
    const struct a64_insn *insn = &l->insn[i];
    const unsigned vector = l->row[insn->row].spares;
    struct lower_sum sum;
    if (i == loop->setter || i == loop->end)
        return is_pinned(loop->counter) ? LOWER_SCRATCHES : 0;
    if (vector)
        return vector;
    if (lower_makes_sum(insn, &sum) && !(insn->flags & A64_F_WF))
        return is_pinned(sum.to) && is_pinned(sum.from) && sum.to != GUEST_SP ? LOWER_SCRATCHES : 0;
    return 0;
}

/* The same where it is an access. Vectors of 8 and 16 bits go by way of RDX. */
static unsigned spares_for_access(const struct lower *l, const struct lower_loop *loop, unsigned i)
{
    const struct a64_insn *insn = &l->insn[i];
    const struct lower_shape *shape = lower_shape_of(l, insn);
    const bool moves = shape->how == LOWER_BEFORE || shape->how == LOWER_BEHIND;
    if (shape->store && l->mode & DBT_MODE_MANY)
        return 0;
    if (insn->flags & A64_F_FP)
        return moves && !is_pinned(lower_base(insn)) ? 0
               : shape->bytes < 4                    ? LOWER_SCRATCHES & ~(1u << RDX)
                                                     : LOWER_SCRATCHES;
    return 0;
}

/* Gives streams registers that the loop leaves alone, if all of them get one. */
static void keep_streams(struct lower *l, const struct lower_loop *loop)
{
    static const uint8_t registers[] = {RDX, RCX, RAX};
    unsigned spared = loop->setter < l->count ? LOWER_SCRATCHES : 0;
    unsigned k = 0;
    for (unsigned i = 0; i <= loop->end && spared; i++)
        spared &= loop->members >> i & 1 ? spares_for_access(l, loop, i) : spares(l, loop, i);
    for (unsigned i = 0; i < loop->streams; i++)
        if (!is_pinned(l->group[i].varying))
            spared = 0;
    if ((unsigned)__builtin_popcount(spared) < loop->streams)
        spared &= ~(1u << RCX); /* the others' */
    for (unsigned i = 0; i < loop->streams; i++) {
        while (k < 3 && !(spared >> registers[k] & 1))
            k++;
        if (k < 3)
            l->group[i].kept = (int8_t)registers[k++];
    }
}

static void load_kept(const struct lower *l, struct x86 *a, const struct lower_loop *loop)
{
    for (unsigned i = 0; i < loop->streams; i++) {
        const struct lower_group *stream = &l->group[i];
        const void *from = stream->folded ? (const void *)stream->folded : &stream->slot->value;
        if (stream->kept >= 0 && stream->slot)
            x86_mov(a, 1, (unsigned)stream->kept, x86_at(from));
    }
}

void lower_loop_restore(struct lower *l, struct x86 *a)
{
    if (l->loop.body && l->at <= l->loop.end && !(l->mode & DBT_MODE_SINGLE))
        load_kept(l, a, &l->loop);
}

/* ---- before a strip ---- */

static int32_t most_turns(const struct lower_loop *loop)
{
    return STRIP_INSNS / ((int32_t)loop->end + 1);
}

/* TO = the stream's first byte. Costs RAX and RCX. */
static void stream_address(struct lower *l, const struct lower_group *stream, unsigned to)
{
    struct x86 *a = &l->a;
    const int base = (int)lower_src(l, 1, stream->base, RAX);
    if (stream->index == 31) {
        x86_lea(a, 1, to, x86_m(base, stream->lowest));
        return;
    }
    const int index = (int)lower_src(l, 1, stream->index, RCX);
    x86_lea(a, 1, to, x86_mx(base, index, stream->shift, stream->lowest));
}

static unsigned log2_of(int64_t step)
{
    return (unsigned)__builtin_ctzll((uint64_t)step);
}

/* RDX = for how many turns more than one the stream, whose first byte is at RAX, stays in the pages
 * of its slot, or, without one, in this page; or less. */
static void find_room(struct lower *l, const struct lower_group *stream)
{
    struct x86 *a = &l->a;
    const unsigned step = (unsigned)abs(stream->step);
    const bool up = stream->step > 0;
    if (stream->page) {
        x86_mov_rr(a, 0, RDX, RAX);
        if (up)
            x86_not(a, 0, RDX);
        x86_op(a, 0x81, ALU_AND, x86_r(RDX), 4);
        x86_u32(a, (uint32_t)A64_PAGE_MASK);
        if (up) { /* a piece of memory that the TLB knows may be more than the page */
            x86_imm(a, RAX, 0);
            x86_alu_imm(a, ALU_SUB, 0, x86_r(RDX), (int32_t)stream->bytes - 1);
            x86_cmov(a, CC_B, 0, RDX, x86_r(RAX));
        }
    } else if (up) {
        x86_mov(a, 1, RDX, x86_at(&stream->slot->limit));
        x86_alu(a, ALU_SUB, 1, RDX, x86_r(RAX));
        x86_alu(a, ALU_ADD, 1, RDX, x86_at(&stream->slot->tag));
        x86_alu_imm(a, ALU_SUB, 1, x86_r(RDX), 1);
        x86_alu_imm(a, ALU_ADC, 1, x86_r(RDX), 0); /* the page was only lent: none */
    } else {
        x86_mov_rr(a, 1, RDX, RAX);
        x86_alu(a, ALU_SUB, 1, RDX, x86_at(&stream->slot->tag));
    }
    if (lower_is_power(step)) {
        x86_shift_imm(a, SHIFT_SHR, 1, RDX, log2_of(step));
        return;
    }
    x86_imm(a, RAX, step * STRIP_INSNS);
    x86_alu(a, ALU_CMP, 1, RDX, x86_r(RAX));
    x86_cmov(a, CC_A, 1, RDX, x86_r(RAX));
    x86_imm(a, RAX, UINT32_MAX / step);
    x86_imul(a, 1, RDX, x86_r(RAX));
    x86_shift_imm(a, SHIFT_SHR, 1, RDX, 32);
}

/* The strip has no more than RDX turns, and one. Costs RAX. */
static void shorten(struct lower *l)
{
    const struct x86_rm turns = x86_at(&l->dbt->hot->strip_end);
    x86_mov(&l->a, 1, RAX, turns);
    x86_alu(&l->a, ALU_CMP, 1, RDX, x86_r(RAX));
    x86_cmov(&l->a, CC_A, 1, RDX, x86_r(RAX));
    x86_store(&l->a, 1, turns, RDX);
}

/* Puts what is added to the stream's addresses into memory. RAX may hold the BASE. Costs RAX. */
static void fold(struct lower *l, const struct lower_group *stream, bool base)
{
    struct x86 *a = &l->a;
    const bool index = stream->varying == stream->base;
    if (!stream->folded)
        return;
    if (index || !base || host_of[stream->base] >= 0)
        lower_copy(l, 1, index ? stream->index : stream->base, RAX);
    if (index && stream->shift)
        x86_shift_imm(a, SHIFT_SHL, 1, RAX, stream->shift);
    x86_alu(a, ALU_ADD, 1, RAX, x86_at(&stream->slot->value));
    x86_store(a, 1, x86_at(stream->folded), RAX);
}

/* RDX = what the counter is where the loop ends. */
static void load_until(struct lower *l, const struct lower_loop *loop)
{
    if (loop->until == 31)
        x86_imm(&l->a, RDX, loop->limit);
    else
        lower_copy(l, 1, loop->until, RDX);
}

/* What a multiple of ODD is to be multiplied by to be divided by it. What is none becomes larger
 * than all that are. */
static uint64_t inverse(uint64_t odd)
{
    uint64_t x = odd; /* right in 3 bits, and in twice as many after each step */
    for (unsigned bits = 3; bits < 64; bits *= 2)
        x *= 2 - odd * x;
    return x;
}

/* RDX, load_until()'s, becomes the number of turns less one that lead there; more than any strip
 * has if none does. */
static void count_turns(struct lower *l, const struct lower_loop *loop)
{
    struct x86 *a = &l->a;
    const uint64_t step = (uint64_t)llabs(loop->step), odd = step >> log2_of(loop->step);
    x86_alu(a, ALU_SUB, 1, RDX, lower_rm(loop->counter));
    if (loop->step < 0)
        x86_neg(a, 1, RDX);
    x86_alu_imm(a, ALU_SUB, 1, x86_r(RDX), (int32_t)step);
    if (odd != step)
        x86_rorx(a, 1, RDX, x86_r(RDX), log2_of(loop->step));
    if (odd == 1)
        return;
    const uint64_t factor = inverse(odd);
    x86_imul(a, 1, RDX, x86_at((const void *)lower_literal(l, &factor, sizeof(factor))));
}

/* From the number of turns less one to what the counter is behind them. */
static void set_end(struct lower *l, const struct lower_loop *loop)
{
    struct x86 *a = &l->a;
    x86_mov(a, 1, RAX, x86_at(&l->dbt->hot->strip_end));
    x86_imm(a, RDX, (uint64_t)loop->step);
    x86_imul(a, 1, RAX, x86_r(RDX));
    x86_alu(a, ALU_ADD, 1, RAX, x86_r(RDX));
    x86_alu(a, ALU_ADD, 1, RAX, lower_rm(loop->counter));
    x86_store(a, 1, x86_at(&l->dbt->hot->strip_end), RAX);
}

static bool uses_vectors(const struct lower *l, unsigned end)
{
    for (unsigned i = 0; i <= end; i++)
        if (l->insn[i].flags & A64_F_FP)
            return !(l->mode & DBT_MODE_NO_FP);
    return false;
}

/* Makes a strip as long as it can be. */
static void begin_long(struct lower *l, const struct lower_loop *loop)
{
    struct x86 *a = &l->a;
    x86_store64_imm(a, x86_at(&l->dbt->hot->strip_end), most_turns(loop) - 1);
    for (unsigned i = 0; i < loop->streams && !a->full; i++) {
        struct lower_group *stream = &l->group[i];
        stream_address(l, stream, RAX);
        lower_check_strip(l, stream);
        if (stream->step && !a->full)
            find_room(l, stream);
        fold(l, stream, false);
        if (stream->step)
            shorten(l);
    }
    if (loop->setter < l->count) {
        load_until(l, loop);
        count_turns(l, loop);
        shorten(l);
    }
    set_end(l, loop);
    load_kept(l, a, loop);
}

/* ---- before a strip, the short way ---- */

/* Where JUMP leads is known when the block has been emitted. */
static void go_long(struct lower_loop *loop, struct x86_label jump)
{
    loop->longer[loop->longer_count++] = jump;
}

/* The strip ends with the loop. RDX = the number of its turns less one. */
static void take_all(struct lower *l, struct lower_loop *loop)
{
    struct x86 *a = &l->a;
    load_until(l, loop);
    x86_store(a, 1, x86_at(&l->dbt->hot->strip_end), RDX);
    count_turns(l, loop);
    x86_alu_imm(a, ALU_CMP, 1, x86_r(RDX), most_turns(loop) - 1);
    go_long(loop, x86_jcc(a, CC_A));
}

/* The strip has a few turns. */
static void take_few(struct lower *l, const struct lower_loop *loop)
{
    struct x86 *a = &l->a;
    const int counter = (int)lower_src(l, 1, loop->counter, RAX);
    x86_lea(a, 1, RAX, x86_m(counter, (int32_t)loop->step * FEW_TURNS));
    x86_store(a, 1, x86_at(&l->dbt->hot->strip_end), RAX);
}

/* From RCX, where a stream that moves by STEP is in the first turn, to where it is in the last.
 * Costs RAX. */
static void go_to_last(struct lower *l, const struct lower_loop *loop, int32_t step)
{
    struct x86 *a = &l->a;
    if (loop->setter >= l->count) {
        x86_alu_imm(a, ALU_ADD, 1, x86_r(RCX), step * (FEW_TURNS - 1));
    } else if (step > 0 && step <= 8 && lower_is_power(step)) {
        x86_lea(a, 1, RCX, x86_mx(RCX, RDX, log2_of(step), 0));
    } else {
        x86_imul_imm(a, 1, RAX, x86_r(RDX), step);
        x86_alu(a, ALU_ADD, 1, RCX, x86_r(RAX));
    }
}

/* The stream is in the pages of its slot, in the first turn and in the last one, or the long way is
 * taken. */
static void check_ends(struct lower *l, struct lower_loop *loop, const struct lower_group *stream)
{
    struct x86 *a = &l->a;
    stream_address(l, stream, RCX);
    fold(l, stream, true);
    x86_alu(a, ALU_SUB, 1, RCX, x86_at(&stream->slot->tag));
    x86_alu(a, ALU_CMP, 1, RCX, x86_at(&stream->slot->limit));
    go_long(loop, x86_jcc(a, CC_AE));
    if (!stream->step)
        return;
    go_to_last(l, loop, stream->step);
    x86_alu(a, ALU_CMP, 1, RCX, x86_at(&stream->slot->limit));
    go_long(loop, x86_jcc(a, CC_AE));
}

/* Makes a strip of all turns that are left or, if they cannot be counted, of a few. If these are
 * too many, or not all in pages that are known, the long way finds how many are not. */
static void begin_short(struct lower *l, struct lower_loop *loop)
{
    struct x86 *a = &l->a;
    if (loop->setter < l->count)
        take_all(l, loop);
    else
        take_few(l, loop);
    for (unsigned i = 0; i < loop->streams && !a->full; i++)
        check_ends(l, loop, &l->group[i]);
    load_kept(l, a, loop);
}

/* What stands before a strip. */
static void begin_strip(struct lower *l, struct lower_loop *loop)
{
    bool page = false;
    if (uses_vectors(l, loop->end))
        lower_vectors(l);
    keep_streams(l, loop);
    for (unsigned i = 0; i < loop->streams && !l->a.full; i++) {
        lower_open_stream(l, &l->group[i]);
        page |= l->group[i].page;
    }
    if (l->a.full)
        return;
    if (page) {
        loop->strip = x86_here(&l->a);
        begin_long(l, loop);
    } else {
        begin_short(l, loop);
    }
}

/* The block branches back to its start: makes it a loop if it can be one. */
static void begin_loop(struct lower *l)
{
    struct lower_loop loop;
    const bool found = lower_find_loop(l, &loop);
    if (!found || l->mode & DBT_MODE_SINGLE)
        memset(l->group, 0, sizeof(l->group));
    if (!found)
        return;
    if (!(l->mode & DBT_MODE_SINGLE)) {
        l->grouped = loop.members;
        begin_strip(l, &loop);
    }
    x86_align(&l->a, 32); /* no more lines of code are fetched in a turn than must be */
    loop.body = x86_here(&l->a);
    loop.vectors = l->vectors;
    l->loop = loop;
    l->at = 0;
}

void lower_loop_finish(struct lower *l)
{
    if (!l->loop.body || !l->loop.longer_count || l->a.full || l->cold.full)
        return;
    memset(&l->flags, 0, sizeof(l->flags));
    l->vectors = l->loop.vectors;
    l->result.end = NULL;
    l->in_rcx = NULL;
    for (unsigned i = 0; i < l->loop.longer_count; i++)
        x86_land(&l->a, l->loop.longer[i]);
    begin_long(l, &l->loop);
    x86_jmp_to(&l->a, l->loop.body);
}

void lower_loop_begin(struct lower *l)
{
    const struct a64_knobs *knobs = &l->dbt->cpu->sys->knobs;
    const unsigned none = DBT_MODE_COUNT | DBT_MODE_ALIGN | DBT_MODE_SP_BAD;
    if (l->loop_end < l->count && !(l->mode & none) && !lower_btype(l) && !knobs->every_block &&
        !l->dbt->check)
        begin_loop(l);
}

/* Whether the instruction is the branch back, and turns can go on there. */
static bool ends_turn(const struct lower *l)
{
    return l->loop.body && l->at == l->loop.end && l->vectors >= l->loop.vectors && !l->a.full;
}

/* ---- the end of a turn ---- */

void lower_loop_compare(struct lower *l)
{
    const struct a64_insn *insn = &l->insn[l->at];
    if (insn->rd != 31) {
        const unsigned dst = lower_dst(insn->rd, RAX);
        const int n = (int)lower_src(l, 1, insn->rd, RAX);
        x86_lea(&l->a, 1, dst, x86_m(n, -(int32_t)insn->imm));
        lower_done(l, insn->rd, dst);
    }
    l->flags.host = false;
    l->flags.lost = true;
    l->flags.setter = (uint8_t)l->at;
    l->flags.until = 0;
}

/* NZCV may stay in EFLAGS alone over the end of a turn. */
static bool keeps_flags(struct lower *l)
{
    return !(l->mode & DBT_MODE_SINGLE) && lower_sets_flags_first(l, &l->loop) &&
           lower_can_set_again(l);
}

/* Back to behind the checks unless the strip is over. */
static void next_turn(struct lower *l)
{
    const unsigned counter = lower_src(l, 1, l->loop.counter, RAX);
    x86_alu(&l->a, ALU_CMP, 1, counter, x86_at(&l->dbt->hot->strip_end));
    x86_jcc_to(&l->a, CC_NE, l->loop.body);
}

/* The next strip, the long way; EFLAGS hold NZCV, or, TURNED, did before the comparison of
 * next_turn(). */
static void next_strip(struct lower *l, bool turned)
{
    const typeof(l->flags) flags = l->flags;
    struct x86 *cold = &l->cold;
    x86_land(cold, x86_jmp(&l->a));
    if (lower_flags_missing(l)) {
        if (turned)
            lower_lose_flags(l);
        lower_flags_to(l, cold);
        l->flags = flags;
    }
    x86_alu_imm(cold, ALU_CMP, 0, CPU(attention), 0);
    if (l->loop.strip)
        x86_jcc_to(cold, CC_E, l->loop.strip);
    else
        go_long(&l->loop, x86_jcc(cold, CC_E));
    lower_link(l, x86_jmp(cold), l->offset, (struct dbt_link){.single = false});
}

/* Accesses are checked alone until the counter comes past a multiple of what some turns add to it,
 * or nearly that. */
static void next_single_turn(struct lower *l)
{
    struct x86 *a = &l->a;
    const uint32_t step = (uint32_t)llabs(l->loop.step);
    const uint32_t window = 1u << (31 - __builtin_clz(step * SINGLE_TURNS));
    x86_mov(a, 0, RAX, lower_rm(l->loop.counter));
    x86_alu_imm(a, ALU_AND, 0, x86_r(RAX), (int32_t)(window - 1));
    x86_alu_imm(a, ALU_CMP, 0, x86_r(RAX), (int32_t)step);
    lower_link(l, x86_jcc(a, CC_AE), l->offset, (struct dbt_link){.single = true});
    lower_link(l, x86_jmp(a), l->offset, (struct dbt_link){.single = false});
}

bool lower_loop_ends(struct lower *l)
{
    if (!ends_turn(l))
        return false;
    if (l->loop.setter < l->count)
        next_turn(l);
    else if (!keeps_flags(l))
        lower_save_flags(l);
    return true;
}

bool lower_loop_back(struct lower *l, enum x86_cc cc)
{
    const bool turned = l->loop.setter >= l->count;
    if (!ends_turn(l))
        return false;
    const struct x86_label out = x86_jcc(&l->a, cc ^ 1);
    if (l->mode & DBT_MODE_SINGLE) {
        next_single_turn(l);
    } else {
        if (turned)
            next_turn(l);
        next_strip(l, turned);
    }
    x86_land(&l->a, out);
    return true;
}
