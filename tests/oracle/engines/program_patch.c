/* SPDX-License-Identifier: MIT */
/* Code that changes, with the maintenance that the architecture asks for, and before it comes. */

#include "program.h"

static void put_maintenance(struct program *o, unsigned address)
{
    put(o, asm_sys(3, 7, 11, 1, address)); /* DC CVAU */
    put(o, ASM_DSB_ISH);
    switch (pick(o, 3)) {
    case 0:
        put(o, asm_sys(0, 7, 5, 0, 31)); /* IC IALLU */
        break;
    case 1:
        put(o, asm_sys(0, 7, 1, 0, 31)); /* IC IALLUIS */
        break;
    case 2:
        put(o, asm_sys(3, 7, 5, 1, address)); /* IC IVAU */
        break;
    }
    put(o, ASM_DSB_ISH);
    put(o, ASM_ISB);
}

void program_put_store(struct program *o, unsigned word)
{
    put_value(o, T0, WRITABLE + word * 4ull);
    put(o, asm_str_w(T1, T0));
    put_maintenance(o, T0);
}

/* Stores MOVZ X0, #(a number and a loop counter) over WORD. */
static void put_patching(struct program *o, unsigned word)
{
    put_value(o, T1, asm_movz(0, pick(o, 0x400) << 6, 0));
    put(o, asm_and_low(T2, LOOP, 6));
    put(o, asm_orr(T1, T1, T2, 5));
    program_put_store(o, word);
}

bool program_put_patch(struct program *o)
{
    if (chance(o, 3)) { /* a little further on */
        const unsigned room = 24, before = o->at;
        put_patching(o, before + room);
        while (o->at < before + room)
            put(o, ASM_NOP);
        put(o, asm_movz(0, 1, 0));
        return false;
    }
    if (o->patches)
        put_patching(o, o->patch[pick(o, o->patches)]);
    return true;
}

/* ---- before the maintenance ---- */

/* In DST the immediate of the MOVZ in SRC. */
static void put_immediate(struct program *o, unsigned dst, unsigned src)
{
    put(o, 0xd3400000u | 5 << 16 | 20 << 10 | src << 5 | dst); /* UBFX #5, #16 */
}

/* X0, which may be either of two values, is 0 if it is one of those in the words X1 and T1; of what it was nothing is left. */
static void put_one_of_both(struct program *o)
{
    put_immediate(o, 2, 1);
    put_immediate(o, 3, T1);
    put(o, asm_eor(2, 2, 0));
    put(o, asm_eor(3, 3, 0));
    put(o, 0x9b007c00u | 3 << 16 | 2 << 5); /* MUL X0, X2, X3 */
    put(o, asm_movz(2, 0, 0));
    put(o, asm_movz(3, 0, 0));
}

/* A MOVZ to X0 changes, further on in the same run or in a function. Until there was IC and ISB the old and the new one are
 * both right, and no third; behind that the new one alone. Where steps have ends of their own, they would show which. */
void program_put_stale(struct program *o)
{
    enum { ROOM = 40, TURNS = 3 };
    if (o->el0 || o->rig.world.counted)
        return;
    const bool call = pick(o, 2);
    const unsigned leaf = o->at + 2; /* its MOVZ */
    if (call) {
        put(o, asm_b(4));
        put(o, ASM_BTI_C);
        put(o, asm_movz(0, 0, 0));
        put(o, ASM_RET);
    }
    const unsigned word = call ? leaf : o->at + ROOM;
    put_value(o, T2, 1 + pick(o, TURNS));
    const unsigned start = o->at;
    put_value(o, T0, WRITABLE + word * 4ull);
    put(o, 0xb9400000u | T0 << 5 | 1); /* LDR W1 */
    put_value(o, T1, asm_movz(0, pick(o, 0x400) << 6, 0));
    put(o, asm_and_low(2, T2, 6));
    put(o, asm_orr(T1, T1, 2, 5));
    put(o, asm_str_w(T1, T0));
    if (pick(o, 2))
        put(o, pick(o, 2) ? ASM_ISB : ASM_DSB_ISH);
    if (call) {
        put(o, asm_bl((int)word - 1 - (int)o->at));
    } else {
        while (o->at < word)
            put(o, ASM_NOP);
        put(o, asm_movz(0, 0, 0));
    }
    put_one_of_both(o);
    put_maintenance(o, T0);
    if (call)
        put(o, asm_bl((int)word - 1 - (int)o->at));
    put(o, asm_sub_imm(T2, T2, 1));
    put(o, asm_cbnz(T2, (int)start - (int)o->at));
}
