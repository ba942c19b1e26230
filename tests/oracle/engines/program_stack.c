/* SPDX-License-Identifier: MIT */
/* A stack pointer that is no multiple of 16 for a while, as in the first instructions of a kernel's
 * vectors, which look so for an overflow of the stack; and SPSR as software leaves it. What reaches
 * memory by such an SP faults, and the handler goes on behind it. */

#include "program.h"

#define STEPS 6

static void put_step(struct program *o, uint32_t odd)
{
    switch (pick(o, STEPS)) {
    case 0:
        put(o, asm_ldr_x(0, SP));
        break;
    case 1: /* aligned for one instruction */
        put(o, asm_add_imm(SP, SP, odd));
        put(o, asm_sub_imm(SP, SP, odd));
        break;
    case 2:
        put(o, asm_svc(pick(o, 8)));
        break;
    case 3:
        put(o, asm_tbz(pick(o, 4), pick(o, 64), 2));
        put(o, asm_add_imm(0, SP, pick(o, 16)));
        break;
    case 4: /* 64 bits of what has 32 */
        if (o->el0)
            break;
        put(o, asm_msr(SPSR, pick(o, 8)));
        put(o, asm_mrs(T0, SPSR));
        put(o, asm_add(SUM, SUM, T0, 1));
        break;
    default:
        put(o, asm_add_imm(1 + pick(o, 3), pick(o, 4), pick(o, 4096)));
    }
}

#define ADD 0x8b200000u
#define SUB 0xcb200000u

/* ADD or SUB SP, SP, X<COUNTER>, LSL #3. */
static uint32_t move_by(uint32_t op, unsigned counter)
{
    return op | counter << 16 | 3 << 13 | 3 << 10 | SP << 5 | SP;
}

/* A call that comes back with another SP. */
static void put_moving_call(struct program *o)
{
    put(o, asm_bl(3));
    put(o, asm_ldr_x(0, SP));
    put(o, asm_b(3));
    put(o, move_by(SUB, LOOP + 1));
    put(o, ASM_RET);
    put(o, move_by(ADD, LOOP + 1));
}

void program_put_stack(struct program *o)
{
    const uint32_t odd = pick(o, 4) ? 1 + pick(o, 15) : 16 * pick(o, 4);
    const bool twice = pick(o, 2);
    if (chance(o, 3)) {
        put_moving_call(o);
        return;
    }
    put(o, twice ? move_by(SUB, LOOP) : asm_sub_imm(SP, SP, odd));
    if (twice)
        put(o, move_by(SUB, LOOP + 1));
    for (unsigned n = 1 + pick(o, STEPS); n; n--)
        put_step(o, odd);
    if (twice)
        put(o, move_by(ADD, LOOP + 1));
    put(o, twice ? move_by(ADD, LOOP) : asm_add_imm(SP, SP, odd));
}
