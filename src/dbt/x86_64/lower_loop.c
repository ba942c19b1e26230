/* SPDX-License-Identifier: MIT */
/* Loops of one block: one that branches back to its own start, and whose addresses are registers
 * which each turn adds constants to. Here they are recognized; lower_strip.c emits them.
 *
 * Such a loop is run in strips. Before a strip each of its streams (accesses off the same
 * registers) is checked once. At first it is only asked whether all turns that are left, or a few,
 * stay in the pages of the streams' slots: many loops are short. Else a strip is made of as many
 * turns as do. The turns themselves have neither checks nor a look at `attention`, and lead back to
 * behind the checks until a register that each turn adds to has come to the strip's end. Strips are
 * short: they end in time for interrupts, and nothing but the loop runs in one, so that
 * translations stay what they were.
 *
 * Where the loop ends when that register has a certain value, a strip ends there at the latest: its
 * turns do not compare at all.
 *
 * Where the bytes of a single turn are not all in the pages of one slot, the block's variant that
 * checks each access alone (DBT_MODE_SINGLE) takes over for a few turns. */

#include "lower_mem.h"

#include <stdlib.h>
#include <string.h>

#include "../../a64/ldst.h"
#include "../../a64/system.h"

/* In bytes. */
#define MOST_STEP          4096
#define MOST_STEP_FLIPPING 128 /* where other pages are reached every few turns */
#define MOST_SPAN          256 /* of a turn */

/* That many turns' constants are to be in reach of an immediate. */
#define MOST_TURNS 1500

_Static_assert(DBT_STREAMS + 2 == LOWER_GROUPS, "two are for the rest of the block");
#define REGISTERS 33

/* ---- registers over a turn ---- */

/* What registers are in a turn: what one of them was when it began, perhaps another one, shifted,
 * and a constant; or anything. */
struct turn {
    struct value {
        uint8_t origin, index, shift; /* index 31: none */
        int64_t added;
    } value[REGISTERS];
    bool branched;
};

#define ANYTHING REGISTERS

static void begin_turn(struct turn *turn)
{
    turn->branched = false;
    for (unsigned n = 0; n < REGISTERS; n++)
        turn->value[n] = (struct value){.origin = (uint8_t)n, .index = 31};
}

static void forget(struct turn *turn, uint64_t registers)
{
    for (unsigned n = 0; n < REGISTERS && registers >> n; n++)
        if (registers >> n & 1)
            turn->value[n].origin = ANYTHING;
}

/* Whether register N is what it was when the turn began, and a constant. */
static bool is_itself(const struct turn *turn, unsigned n)
{
    return n != 31 && n != ANYTHING && turn->value[n].origin == n && turn->value[n].index == 31;
}

/* The value of two registers, M shifted, if it is known. */
static struct value add(const struct turn *turn, unsigned n, unsigned m, unsigned shift)
{
    struct value value = turn->value[n];
    const struct value *other = &turn->value[m];
    if (n == 31 || m == 31 || shift > 3 || value.index != 31 || other->index != 31 ||
        other->origin == ANYTHING)
        return (struct value){.origin = ANYTHING};
    value.index = other->origin;
    value.shift = (uint8_t)shift;
    value.added += other->added * (1 << shift);
    return value;
}

/* Whether it is ADD Xd, Xn, Xm, LSL #n. */
static bool adds_registers(const struct a64_insn *insn)
{
    return insn->row != A64_ROW_NONE && a64_exec_ids[insn->row] == A64_EXEC_add_shift_x &&
           !(insn->word >> 22 & 3);
}

static void follow(const struct lower *l, struct turn *turn, const struct a64_insn *insn)
{
    const struct lower_shape *shape = lower_shape_of(l, insn);
    struct lower_sum sum;
    turn->branched |= !!(insn->flags & A64_F_END);
    if (lower_makes_sum(insn, &sum) && sum.to != 31) {
        turn->value[sum.to] = turn->value[sum.from];
        turn->value[sum.to].added += sum.added;
        if (sum.from == 31)
            forget(turn, 1ull << sum.to);
    } else if (adds_registers(insn) && insn->rd != 31) {
        turn->value[insn->rd] = add(turn, insn->rn, insn->rm, insn->word >> 10 & 63);
    } else if (shape->how == LOWER_BEFORE || shape->how == LOWER_BEHIND) {
        turn->value[lower_base(insn)].added += (int64_t)insn->imm;
        forget(turn, lower_loaded(insn));
    } else {
        forget(turn, lower_written(insn));
    }
}

/* Whether instruction I branches to another one of the loop that ends at END: the next turn is
 * another block's then. */
static bool stays_inside(const struct a64_insn *insn, unsigned i, unsigned end)
{
    const int64_t to = (int64_t)insn->imm / 4 + i;
    return insn->flags & A64_F_END && to > 0 && to <= end && dbt_is_conditional(insn);
}

/* What a whole turn does; false: it has something that a strip must not run, or that few turns go
 * past. */
static bool follow_all(struct turn *turn, const struct lower *l, unsigned end)
{
    begin_turn(turn);
    for (unsigned i = 0; i <= end; i++) {
        if (l->insn[i].row == A64_ROW_NONE || l->insn[i].flags & A64_F_SYS ||
            stays_inside(&l->insn[i], i, end))
            return false;
        follow(l, turn, &l->insn[i]);
    }
    return true;
}

/* ---- streams ---- */

/* What is known of a loop while it is looked at; its streams are in l->group. */
struct survey {
    struct turn whole, now;
    struct {
        bool reads, writes;
    } moves[DBT_STREAMS];
    unsigned streams;
};

/* Where an access is. */
struct place {
    struct lower_group like; /* what registers it is off */
    int64_t offset, step;    /* from what these were when the turn began; what a turn adds */
};

/* Each turn does nothing to register N but adding a constant; and nothing else was done to it yet.
 */
static bool advances(const struct survey *survey, unsigned n)
{
    return is_itself(&survey->whole, n) && is_itself(&survey->now, n);
}

/* Whether PLACE becomes known: that of an access off a register and a constant or another register.
 */
static bool locate(const struct lower *l, const struct survey *survey, const struct a64_insn *insn,
                   struct place *place)
{
    const struct turn *now = &survey->now, *whole = &survey->whole;
    const struct lower_shape *shape = lower_shape_of(l, insn);
    const unsigned option = (unsigned)(insn->imm >> 8);
    struct value value = now->value[lower_base(insn)];
    if (shape->how == LOWER_ALONE)
        return false;
    if (shape->how == LOWER_INDEXED) {
        if (option != A64_EXTEND_LSL && option != A64_EXTEND_SXTX)
            return false;
        value = add(now, lower_base(insn), insn->rm, a64_regoff_shift(insn->imm));
    } else if (shape->how != LOWER_BEHIND) {
        value.added += (int64_t)insn->imm;
    }
    if (!advances(survey, value.origin))
        return false;
    *place = (struct place){
        .like = {.base = value.origin, .index = value.index, .shift = value.shift},
        .offset = value.added,
        .step = whole->value[value.origin].added,
    };
    if (value.index == 31)
        return true;
    place->step += whole->value[value.index].added * (1 << value.shift);
    return advances(survey, value.index);
}

static struct lower_group *find_stream(struct lower *l, struct survey *survey,
                                       const struct lower_group *like)
{
    for (unsigned i = 0; i < survey->streams; i++) {
        struct lower_group *stream = &l->group[i];
        if (stream->base == like->base && stream->index == like->index &&
            stream->shift == like->shift)
            return stream;
    }
    if (survey->streams == DBT_STREAMS)
        return NULL;
    l->group[survey->streams] = *like;
    return &l->group[survey->streams++];
}

/* Whether no instruction of the loop writes register N. */
static bool stays(const struct survey *survey, unsigned n)
{
    return is_itself(&survey->whole, n) && !survey->whole.value[n].added;
}

/* Of what a stream is off, the register that moves; of two, the other one is where an array begins.
 * False: both move. */
static bool find_varying(const struct survey *survey, struct lower_group *stream)
{
    const bool index = stream->index != 31 && stays(survey, stream->base);
    stream->varying = index ? stream->index : (uint8_t)stream->base;
    stream->scale = index ? stream->shift : 0;
    return stream->index == 31 || index || stays(survey, stream->index);
}

/* Takes access I into a stream if it can be in one. A store behind a branch may never be made. */
static void take(struct lower *l, struct survey *survey, unsigned i)
{
    const struct a64_insn *insn = &l->insn[i];
    const struct lower_shape *shape = lower_shape_of(l, insn);
    struct place place;
    if (!locate(l, survey, insn, &place) || !find_varying(survey, &place.like) ||
        (shape->store && survey->now.branched))
        return;
    const int64_t passed = survey->now.value[place.like.varying].added * (1 << place.like.scale);
    l->loop_disp[i] = (int32_t)(place.offset - passed);
    const int64_t most =
        dbt_flips(l->dbt, DBT_FLIPS_PAIR, l->pa + i * 4) ? MOST_STEP_FLIPPING : MOST_STEP;
    if (place.step > most || place.step < -most || place.offset != (int32_t)place.offset ||
        l->loop_disp[i] != place.offset - passed)
        return;
    struct lower_group *stream = find_stream(l, survey, &place.like);
    if (!stream || !lower_widen(stream, place.offset, shape->bytes, MOST_SPAN))
        return;
    stream->step = (int16_t)place.step;
    stream->members |= 1ull << i;
    survey->moves[stream - l->group].reads |= !shape->store;
    survey->moves[stream - l->group].writes |= shape->store;
}

/* ---- the loop's end ---- */

/* A register that tells how many turns were made; REGISTERS: none. Better one with a host's. */
static unsigned find_counter(const struct turn *whole)
{
    unsigned found = REGISTERS;
    for (unsigned n = 0; n < REGISTERS; n++)
        if (is_itself(whole, n) && whole->value[n].added &&
            (found == REGISTERS || (host_of[found] < 0 && host_of[n] >= 0)))
            found = n;
    return found;
}

/* Whether instruction I neither looks at NZCV nor may be the last of the block that runs. */
static bool goes_on(const struct lower *l, const struct lower_loop *loop, unsigned i)
{
    const uint32_t flags = l->insn[i].flags;
    const bool member = loop->members >> i & 1;
    const bool checked = member && !(flags & A64_F_MW && l->mode & DBT_MODE_MANY);
    return checked || !lower_looks(l, &l->insn[i]);
}

bool lower_sets_flags_first(const struct lower *l, const struct lower_loop *loop)
{
    for (unsigned i = 0; i <= loop->end; i++) {
        if (!goes_on(l, loop, i))
            return false;
        if (l->insn[i].flags & A64_F_WF)
            return true;
    }
    return false;
}

/* Makes REGISTER the loop's counter, and VALUE of another register, 31: none, or else LIMIT what it
 * ends at, if that can be. */
static bool end_at(const struct survey *survey, struct lower_loop *loop, unsigned reg,
                   unsigned value, uint64_t limit)
{
    const struct turn *whole = &survey->whole;
    if (!is_itself(whole, reg) || !whole->value[reg].added)
        return false;
    if (value != 31 && !stays(survey, value))
        return false;
    loop->counter = reg;
    loop->until = value;
    loop->limit = limit;
    return true;
}

/* Looks for the comparison that the loop ends at: B.NE behind one of a register that each turn adds
 * to with one that stays, or a constant. Then l->loop.setter is it. */
static void find_comparison(const struct lower *l, const struct survey *survey,
                            struct lower_loop *loop)
{
    const struct a64_insn *branch = &l->insn[loop->end], *insn;
    unsigned i = loop->end;
    if (a64_exec_ids[branch->row] != A64_EXEC_b_cond || (branch->word & 15) != 1 ||
        !lower_sets_flags_first(l, loop))
        return;
    while (i && !(l->insn[--i].flags & A64_F_WF))
        if (!goes_on(l, loop, i))
            return;
    insn = &l->insn[i];
    const unsigned id = a64_exec_ids[insn->row], n = lower_base(insn);
    bool found = false;
    if (!lower_can_repeat(l, i, loop->end))
        return;
    if (id == A64_EXEC_subs_imm_x && insn->rd == 31)
        found = end_at(survey, loop, n, 31, insn->imm);
    else if (id == A64_EXEC_subs_imm_x && insn->rd == n)
        found = end_at(survey, loop, n, 31, 0);
    else if (id == A64_EXEC_subs_shift_x && insn->rd == 31 && !(insn->word >> 10 & 63))
        found = end_at(survey, loop, insn->rn, insn->rm, 0) ||
                end_at(survey, loop, insn->rm, insn->rn, 0);
    if (found)
        loop->setter = i;
}

bool lower_find_loop(struct lower *l, struct lower_loop *loop)
{
    struct survey survey = {.streams = 0};
    *loop = (struct lower_loop){.setter = DBT_MAX_INSNS};
    loop->end = l->loop_end;
    if (!follow_all(&survey.whole, l, loop->end))
        return false;
    loop->counter = find_counter(&survey.whole);
    if (loop->counter == REGISTERS)
        return false;
    begin_turn(&survey.now);
    for (unsigned i = 0; i <= loop->end; i++) {
        take(l, &survey, i);
        follow(l, &survey.now, &l->insn[i]);
    }
    for (unsigned i = 0; i < survey.streams; i++) {
        struct lower_group *stream = &l->group[i];
        const bool reads = survey.moves[i].reads, writes = survey.moves[i].writes;
        loop->members |= stream->members;
        stream->fill = !writes ? DBT_FILL_READ : reads ? DBT_FILL_BOTH : DBT_FILL_WRITE;
        stream->loop = true;
        stream->kept = X86_NONE;
        if (stream->index != 31)
            stream->folded = &l->dbt->hot->strip_base[i];
    }
    if (!(l->mode & DBT_MODE_SINGLE))
        find_comparison(l, &survey, loop);
    loop->streams = survey.streams;
    loop->step = survey.whole.value[loop->counter].added;
    return loop->streams && loop->step * MOST_TURNS == (int32_t)(loop->step * MOST_TURNS);
}
