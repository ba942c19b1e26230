/* SPDX-License-Identifier: MIT */
/* Loops of one block that are not run in strips (lower_strip.c): code of their own for the second
 * turn and all later ones.
 *
 * A loop's comparison makes NZCV that the branch behind it uses, and that nothing else looks at
 * before the next turn makes it anew, but for what is rare. The block cannot count on that when it
 * is entered from elsewhere, so that NZCV, or what makes it again, would have to be in memory at
 * the end of each turn: a store, and no small part of a short loop. In the turns that follow it is
 * known where NZCV comes from: they begin with it lost (lower_flags.c), and rare paths make it
 * again.
 *
 * They look at `attention` as the block does, and their end is the block's: a jump to what is
 * behind the loop. */

#include "lower_mem.h"

#include "../../a64/system.h"

/* Longer loops would not gain. */
#define MOST_INSNS 40u

/* Whether blocks may run more than one turn without being left. */
static bool may_turn(const struct lower *l)
{
    const unsigned none = DBT_MODE_COUNT | DBT_MODE_SINGLE | DBT_MODE_BTYPE;
    return !(l->mode & none) && !l->dbt->cpu->sys->knobs.every_block && !l->dbt->check;
}

bool lower_turns_end(struct lower *l)
{
    if (l->at != l->loop_end || l->loop.body || l->at >= MOST_INSNS || !may_turn(l))
        return false;
    return l->turns.start || lower_can_carry(l, &l->turns.setter);
}

void lower_turn(struct lower *l, enum x86_cc cc)
{
    if (l->turns.start)
        x86_jcc_to(&l->a, cc, l->turns.start);
    else
        l->turns.jump = x86_jcc(&l->a, cc);
}

void lower_turns(struct lower *l)
{
    if (!l->turns.jump.at || l->a.full || l->cold.full)
        return;
    x86_land(&l->a, l->turns.jump);
    l->turns.start = x86_here(&l->a);
    lower_know_nothing(l);
    l->flags.lost = true;
    l->flags.setter = l->turns.setter;
    l->at = 0;
    lower_head(l);
    lower_insns(l, l->loop_end + 1);
    lower_go(l, CC_O, true, lower_place(l, l->at), l->at);
}
