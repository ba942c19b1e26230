/* SPDX-License-Identifier: MIT */
/* Loops of one block: one that branches back to its own start, and whose addresses are registers
 * which each turn adds constants to.
 *
 * Such a loop is run in strips. Before a strip each of its streams (accesses off the same
 * registers) is checked once, for all the bytes that so many turns reach; the turns themselves have
 * neither checks nor a look at `attention`, and lead back to behind the checks until a register
 * that each turn adds to has come to the strip's end. Strips are short: they end in time for
 * interrupts, and nothing but the loop runs in one, so that translations stay what they were.
 *
 * Where the bytes of a strip are not all in the pages of one slot, the block's variant that checks
 * each access alone (DBT_MODE_SINGLE) takes over for about as many turns as a strip has. */

#include "lower_mem.h"

#include <stdlib.h>
#include <string.h>

#include "../../a64/ldst.h"
#include "../../a64/system.h"

/* What a strip should reach of a stream, in bytes: little of a page, as the slow variant runs its
 * last bytes; more where steps are long. */
#define STRIP_BYTES 512
#define LEAST_TURNS 8
#define MOST_STEP   128
#define MOST_SPAN   256 /* of a turn */
/* Guest instructions in a strip: interrupts are taken within 2,000. */
#define STRIP_INSNS 1500

_Static_assert(DBT_STREAMS + 2 == LOWER_GROUPS, "two are for the rest of the block");
#define REGISTERS 33

/* ---- registers over a turn ---- */

/* What registers are in a turn: what one of them was when it began, and a constant; or anything. */
struct turn {
    uint8_t origin[REGISTERS];
    int64_t added[REGISTERS];
    bool branched;
};

#define ANYTHING REGISTERS

static void begin_turn(struct turn *turn)
{
    *turn = (struct turn){.branched = false};
    for (unsigned n = 0; n < REGISTERS; n++)
        turn->origin[n] = (uint8_t)n;
}

static void forget(struct turn *turn, uint64_t registers)
{
    for (unsigned n = 0; n < REGISTERS && registers >> n; n++)
        if (registers >> n & 1)
            turn->origin[n] = ANYTHING;
}

static void follow(const struct lower *l, struct turn *turn, const struct a64_insn *insn)
{
    const struct lower_shape *shape = lower_shape_of(l, insn);
    struct lower_sum sum;
    turn->branched |= !!(insn->flags & A64_F_END);
    if (lower_makes_sum(insn, &sum) && sum.to != 31) {
        turn->origin[sum.to] = sum.from == 31 ? ANYTHING : turn->origin[sum.from];
        turn->added[sum.to] = turn->added[sum.from] + sum.added;
    } else if (shape->how == LOWER_BEFORE || shape->how == LOWER_BEHIND) {
        turn->added[lower_base(insn)] += (int64_t)insn->imm;
        forget(turn, lower_loaded(insn));
    } else {
        forget(turn, lower_written(insn));
    }
}

/* Whether each turn does nothing to register N but adding a constant. */
static bool advances(const struct turn *whole, unsigned n)
{
    return n != 31 && n != ANYTHING && whole->origin[n] == n;
}

/* What a whole turn does; false: it has something that a strip must not run. */
static bool follow_all(struct turn *turn, const struct lower *l, unsigned end)
{
    begin_turn(turn);
    for (unsigned i = 0; i <= end; i++) {
        if (l->insn[i].row == A64_ROW_NONE || l->insn[i].flags & A64_F_SYS)
            return false;
        follow(l, turn, &l->insn[i]);
    }
    return true;
}

/* ---- streams ---- */

/* How a stream moves with each turn, and what its accesses are. */
struct moves {
    int step;
    bool reads, writes;
};

/* What is known of a loop while it is looked at; its streams are in l->group. */
struct survey {
    struct turn whole, now;
    struct moves moves[DBT_STREAMS];
    unsigned streams;
};

/* Whether the access is off a register and a constant or another register, and how far from what
 * these were when the turn began; how far a turn moves it. LIKE gets those whose value they had. */
static bool locate(const struct survey *survey, const struct a64_insn *insn,
                   const struct lower_shape *shape, struct lower_group *like, int64_t *offset,
                   int64_t *step)
{
    const struct turn *now = &survey->now, *whole = &survey->whole;
    const unsigned base = lower_base(insn), option = (unsigned)(insn->imm >> 8);
    *like = (struct lower_group){.base = now->origin[base], .index = 31};
    if (shape->how == LOWER_ALONE || !advances(whole, like->base))
        return false;
    *offset = now->added[base];
    *step = whole->added[like->base];
    if (shape->how != LOWER_INDEXED) {
        *offset += shape->how == LOWER_BEHIND ? 0 : (int64_t)insn->imm;
        return true;
    }
    like->index = now->origin[insn->rm];
    like->shift = (uint8_t)a64_regoff_shift(insn->imm);
    if (!advances(whole, like->index) || like->shift > 3)
        return false;
    *offset += now->added[insn->rm] * (1 << like->shift);
    *step += whole->added[like->index] * (1 << like->shift);
    return option == A64_EXTEND_LSL || option == A64_EXTEND_SXTX;
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

/* Takes access I into a stream if it can be in one. A store behind a branch may never be made. */
static void take(struct lower *l, struct survey *survey, unsigned i)
{
    const struct a64_insn *insn = &l->insn[i];
    const struct lower_shape *shape = lower_shape_of(l, insn);
    struct lower_group like;
    int64_t offset, step;
    if (!locate(survey, insn, shape, &like, &offset, &step) ||
        (shape->store && survey->now.branched))
        return;
    if (step > MOST_STEP || step < -MOST_STEP || offset != (int32_t)offset)
        return;
    struct lower_group *stream = find_stream(l, survey, &like);
    if (!stream || !lower_widen(stream, offset, shape->bytes, MOST_SPAN))
        return;
    struct moves *moves = &survey->moves[stream - l->group];
    moves->step = (int)step;
    moves->reads |= !shape->store;
    moves->writes |= shape->store;
    stream->members |= 1ull << i;
}

/* As many turns as fit into STRIP_BYTES of each stream, and in time. */
static unsigned count_turns(const struct lower *l, const struct survey *survey, unsigned end)
{
    unsigned turns = STRIP_INSNS / (end + 1);
    for (unsigned i = 0; i < survey->streams; i++) {
        const unsigned bytes = l->group[i].bytes, step = (unsigned)abs(survey->moves[i].step);
        const unsigned fit = !step || bytes >= STRIP_BYTES ? 0 : (STRIP_BYTES - bytes) / step + 1;
        const unsigned wanted = !step ? turns : fit < LEAST_TURNS ? LEAST_TURNS : fit;
        turns = wanted < turns ? wanted : turns;
    }
    return turns;
}

/* What the accesses of all turns span, and need. */
static void stretch(struct lower_group *stream, const struct moves *moves, unsigned turns)
{
    const int far = (int)(turns - 1) * moves->step;
    stream->lowest += far < 0 ? far : 0;
    stream->bytes += (unsigned)abs(far);
    stream->fill = !moves->writes ? DBT_FILL_READ : moves->reads ? DBT_FILL_BOTH : DBT_FILL_WRITE;
    stream->loop = true;
}

/* Whether no instruction of the loop writes register N. */
static bool stays(const struct lower *l, unsigned end, unsigned n)
{
    for (unsigned i = 0; i <= end; i++)
        if (lower_written(&l->insn[i]) >> n & 1)
            return false;
    return true;
}

/* Of a stream off two registers, one mostly is where an array begins. */
static void fold(struct lower *l, unsigned end, unsigned number)
{
    struct lower_group *stream = &l->group[number];
    const bool base_stays = stays(l, end, stream->base);
    if (stream->index == 31 || !(base_stays || stays(l, end, stream->index)))
        return;
    stream->folded = &l->dbt->hot->strip_base[number];
    stream->varying = (uint8_t)(base_stays ? stream->index : stream->base);
}

/* A register that tells how many turns were made; REGISTERS: none. Better one with a host's. */
static unsigned find_counter(const struct turn *whole)
{
    unsigned found = REGISTERS;
    for (unsigned n = 0; n < REGISTERS; n++)
        if (advances(whole, n) && whole->added[n] &&
            (found == REGISTERS || (host_of[found] < 0 && host_of[n] >= 0)))
            found = n;
    return found;
}

/* Makes l->group the streams of the loop that the block is, if it is one. */
static bool survey_loop(struct lower *l, struct lower_loop *loop)
{
    struct survey survey = {.streams = 0};
    const unsigned end = l->loop_end;
    if (!follow_all(&survey.whole, l, end))
        return false;
    loop->counter = find_counter(&survey.whole);
    if (loop->counter == REGISTERS)
        return false;
    begin_turn(&survey.now);
    for (unsigned i = 0; i <= end; i++) {
        take(l, &survey, i);
        follow(l, &survey.now, &l->insn[i]);
    }
    loop->turns = count_turns(l, &survey, end);
    loop->step = survey.whole.added[loop->counter];
    for (unsigned i = 0; i < survey.streams; i++) {
        loop->members |= l->group[i].members;
        stretch(&l->group[i], &survey.moves[i], loop->turns);
        fold(l, end, i);
    }
    loop->end = end;
    loop->streams = survey.streams;
    return survey.streams && loop->step * loop->turns == (int32_t)(loop->step * loop->turns);
}

/* ---- emission ---- */

/* RAX = the stream's first byte. */
static void stream_address(struct lower *l, const struct lower_group *stream)
{
    struct x86 *a = &l->a;
    const int base = (int)lower_src(l, 1, stream->base, RAX);
    if (stream->index == 31) {
        x86_lea(a, 1, RAX, x86_m(base, stream->lowest));
        return;
    }
    const int index = (int)lower_src(l, 1, stream->index, RCX);
    x86_lea(a, 1, RAX, x86_mx(base, index, stream->shift, stream->lowest));
}

/* RCX is what is added to the stream's addresses. */
static void keep_folded(struct lower *l, const struct lower_group *stream)
{
    struct x86 *a = &l->a;
    const bool index = stream->varying == stream->base;
    const unsigned n = lower_src(l, 1, index ? stream->index : stream->base, RAX);
    x86_lea(a, 1, RCX, x86_mx(RCX, (int)n, index ? stream->shift : 0, 0));
    x86_store(a, 1, x86_at(stream->folded), RCX);
}

static bool uses_vectors(const struct lower *l, unsigned end)
{
    for (unsigned i = 0; i <= end; i++)
        if (l->insn[i].flags & A64_F_FP)
            return !(l->mode & DBT_MODE_NO_FP);
    return false;
}

/* What stands before a strip: the streams' checks, and where it ends. */
static void begin_strip(struct lower *l, const struct lower_loop *loop)
{
    if (uses_vectors(l, loop->end))
        lower_vectors(l);
    for (unsigned i = 0; i < loop->streams && !l->a.full; i++) {
        stream_address(l, &l->group[i]);
        lower_check_strip(l, &l->group[i]);
        if (l->group[i].folded)
            keep_folded(l, &l->group[i]);
    }
    const unsigned counter = lower_src(l, 1, loop->counter, RAX);
    x86_lea(&l->a, 1, RAX, x86_m((int)counter, (int32_t)loop->step * (int32_t)loop->turns));
    x86_store(&l->a, 1, x86_at(&l->dbt->hot->strip_end), RAX);
}

/* The block branches back to its start: makes it a loop if it can be one. */
static void begin_loop(struct lower *l)
{
    struct lower_loop loop = {0};
    const bool found = survey_loop(l, &loop);
    if (!found || l->mode & DBT_MODE_SINGLE)
        memset(l->group, 0, sizeof(l->group));
    if (!found)
        return;
    if (!(l->mode & DBT_MODE_SINGLE)) {
        l->grouped = loop.members;
        begin_strip(l, &loop);
    }
    loop.body = x86_here(&l->a);
    loop.vectors = l->vectors;
    l->loop = loop;
    l->at = 0;
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

/* ---- NZCV between turns ---- */

/* Nobody looks at NZCV in a turn before one of its instructions sets it: accesses that were checked
 * cannot fault. */
static bool sets_flags_first(const struct lower *l)
{
    for (unsigned i = 0; i <= l->loop.end; i++) {
        const uint32_t flags = l->insn[i].flags;
        const bool member = l->loop.members >> i & 1;
        const bool checked = member && !(flags & A64_F_MW && l->mode & DBT_MODE_MANY);
        if (lower_looks(l, &l->insn[i]) && !checked)
            return false;
        if (flags & A64_F_WF)
            return true;
    }
    return false;
}

/* NZCV may stay in EFLAGS alone over the end of a turn. */
static bool keeps_flags(struct lower *l)
{
    return !(l->mode & DBT_MODE_SINGLE) && sets_flags_first(l) && lower_can_set_again(l);
}

/* ---- the end of a turn ---- */

/* A strip goes on to its end. */
static void next_turn(struct lower *l)
{
    struct x86 *a = &l->a;
    const unsigned counter = lower_src(l, 1, l->loop.counter, RAX);
    const typeof(l->flags) flags = l->flags;
    x86_alu(a, ALU_CMP, 1, counter, x86_at(&l->dbt->hot->strip_end));
    x86_jcc_to(a, CC_NE, l->loop.body);
    if (lower_flags_missing(l)) {
        lower_lose_flags(l);
        x86_land(&l->cold, x86_jmp(a));
        lower_flags_to(l, &l->cold);
        l->flags = flags;
        a = &l->cold;
    }
    lower_link(l, x86_jmp(a), l->offset, (struct dbt_link){.single = false});
}

/* Accesses are checked alone until the counter comes past a multiple of what a strip adds to it, or
 * nearly that. */
static void next_single_turn(struct lower *l)
{
    struct x86 *a = &l->a;
    const uint32_t step = (uint32_t)llabs(l->loop.step);
    const uint32_t window = 1u << (31 - __builtin_clz(step * l->loop.turns));
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
    if (!keeps_flags(l))
        lower_save_flags(l);
    return true;
}

bool lower_loop_back(struct lower *l, enum x86_cc cc)
{
    if (!ends_turn(l))
        return false;
    const struct x86_label out = x86_jcc(&l->a, cc ^ 1);
    if (l->mode & DBT_MODE_SINGLE)
        next_single_turn(l);
    else
        next_turn(l);
    x86_land(&l->a, out);
    return true;
}
