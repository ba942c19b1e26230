/* SPDX-License-Identifier: MIT */
/* Branches to addresses that differ from a place of the program in bits 48 to 63 alone, one by one or at random, from EL0
 * and EL1: no program is there, unless the bits are ignored (TCR.TBI). The fault's address returns to LR. Before that the
 * place itself is branched to, so that whoever remembers it remembers it. */

#include "program.h"

#define ASM_BTI_JC 0xd50324dfu

enum wild { WILD_BR, WILD_BLR, WILD_RET, WILD_ERET, WILD_ERET_EL0, WILD_KINDS };

void program_put_landing(struct program *o)
{
    o->landing = o->at;
    put(o, ASM_BTI_JC);
    put(o, asm_add_imm(0, 0, 1));
    put(o, ASM_RET);
}

/* Branches to T2; what is there, and what takes the fault, comes back behind. */
static void put_branch(struct program *o, enum wild kind)
{
    if (kind == WILD_BLR) {
        put(o, asm_blr(T2));
        put(o, ASM_BTI_JC);
        return;
    }
    const bool eret = kind == WILD_ERET || kind == WILD_ERET_EL0;
    if (eret) {
        put_value(o, LR, kind == WILD_ERET ? SPSR_EL1 : SPSR_EL0);
        put(o, asm_msr(SPSR, LR));
        put(o, asm_msr(ELR, T2));
        put(o, asm_adr(BACK, kind == WILD_ERET ? 0 : 20));
    }
    put(o, asm_adr(LR, 8));
    put(o, eret ? ASM_ERET : kind == WILD_BR ? asm_br(T2) : ASM_RET ^ (LR ^ T2) << 5);
    put(o, ASM_BTI_JC);
    if (kind == WILD_ERET_EL0)
        put(o, asm_svc(SVC_BACK)); /* to BACK */
}

/* The program's place, and what T1 makes of it until T1 is 0. */
static void put_one_by_one(struct program *o, enum wild kind)
{
    put_value(o, T1, 1ull << 48);
    const int start = (int)o->at;
    put(o, asm_eor(T2, T0, T1));
    put_branch(o, kind);
    put(o, asm_add(T1, T1, T1, 0));
    put(o, asm_cbnz(T1, start - (int)o->at));
}

static void put_some(struct program *o, enum wild kind)
{
    for (unsigned n = 3; n; n--) {
        put_value(o, T1, (uint64_t)pick(o, 0x10000) << 48);
        put(o, asm_eor(T2, T0, T1));
        put_branch(o, kind);
    }
}

void program_put_wild(struct program *o)
{
    const enum wild kind = pick(o, o->el0 ? WILD_ERET : WILD_KINDS);
    put_value(o, T0, RIG_CODE + o->landing * 4ull);
    put(o, asm_mov(T2, T0));
    put_branch(o, kind);
    (pick(o, 2) ? put_one_by_one : put_some)(o, kind);
}
