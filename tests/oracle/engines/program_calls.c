/* SPDX-License-Identifier: MIT */
/* Calls that do not return as they were made: never, elsewhere, or so many of them within each other that an engine
 * which keeps a record of them has to let go of some. */

#include "program.h"

/* So many calls, none of which returns. */
static void put_lost(struct program *o)
{
    put_value(o, T2, 1 + pick(o, chance(o, 3) ? 1500 : 8));
    put(o, asm_bl(1));
    put(o, asm_sub_imm(T2, T2, 1));
    put(o, asm_cbnz(T2, -2));
}

/* A function that calls itself, up to 40 times, and adds something to X0 on the way back. */
static void put_recursion(struct program *o)
{
    put_value(o, T2, pick(o, 40));
    put(o, asm_bl(2));
    put(o, asm_b(8));
    put(o, ASM_PUSH_LR);
    put(o, asm_cbz_w(T2, 3));
    put(o, asm_sub_imm(T2, T2, 1));
    put(o, asm_bl(-3));
    put(o, asm_add_imm(0, 0, 3));
    put(o, ASM_POP_LR);
    put(o, ASM_RET);
}

/* A function that returns behind where it is to, by one register or another. */
static void put_stray(struct program *o)
{
    const unsigned target = pick(o, 2) ? LR : T0;
    put(o, asm_bl(4));
    put(o, asm_movz(0, 1, 0));
    put(o, asm_add_imm(0, 0, 1));
    put(o, asm_b(3));
    put(o, asm_add_imm(target, LR, pick(o, 3) * 4));
    put(o, ASM_RET ^ (LR ^ target) << 5);
}

void program_put_calls(struct program *o)
{
    static void (*const kinds[])(struct program *) = {put_lost, put_recursion, put_stray};
    kinds[pick(o, 3)](o);
}
