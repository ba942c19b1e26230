/* SPDX-License-Identifier: MIT */
/* Code that changes, with the maintenance that the architecture asks for. */

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
