/* SPDX-License-Identifier: MIT */
/* Pages that change places: a few instructions, which all of a program shares, reach one after the other, at EL0, at EL1
 * and as EL0 would; and two pages exchange what they show, now and then. */

#include "program.h"

/* A load, X0, and a store beside it, at T0. */
enum { REACH_PLAIN, REACH_USER, REACH_COUNT };
#define REACH_WORDS 5u

void program_put_reach(struct program *o)
{
    o->reach = o->at;
    for (unsigned kind = 0; kind < REACH_COUNT; kind++) {
        put(o, ASM_BTI_C);
        put(o, (kind ? 0xf8400800u : 0xf9400000u) | T0 << 5); /* LDTR, LDR X0, [T0] */
        put(o, asm_add_imm(1, 0, 1));
        put(o, (kind ? 0xf8000800u : 0xf9000000u) | T0 << 5 | 1); /* STTR, STR X1, [T0] */
        put(o, ASM_RET);
    }
}

static void put_reach_call(struct program *o, unsigned n)
{
    const unsigned kind = pick(o, REACH_COUNT);
    put_value(o, T0, MOVE(n) + pick(o, 4) * 8);
    put(o, asm_bl((int)(o->reach + kind * REACH_WORDS) - (int)o->at));
}

/* The pages A and B, in both address spaces. */
static void put_exchange(struct program *o, unsigned a, unsigned b)
{
    for (unsigned space = 0; space < 2; space++) {
        put_value(o, T0, program_entry(o, space, MOVE(a)));
        put_value(o, T1, program_entry(o, space, MOVE(b)));
        put(o, asm_ldr_x(0, T0));
        put(o, asm_ldr_x(1, T1));
        put(o, asm_str_x(1, T0));
        put(o, asm_str_x(0, T1));
    }
    program_put_tlbi(o, MOVE(a), true);
    program_put_tlbi(o, MOVE(b), true);
}

void program_put_moves(struct program *o)
{
    for (unsigned n = 1 + pick(o, 8); n; n--) {
        const unsigned a = pick(o, MOVES), b = pick(o, MOVES);
        put_reach_call(o, a);
        if (o->el0 || pick(o, 2))
            continue;
        put_exchange(o, pick(o, 2) ? a : b, pick(o, MOVES));
        put_reach_call(o, a);
    }
}
