/* SPDX-License-Identifier: MIT */
/* Comparisons whose flags a branch looks at, and then nobody as a rule before the next comparison,
 * as compilers write them: over the branch they may be put off. What comes there may look after
 * all: an access that faults, of which the handler sees SPSR, or a word that was changed since. */

#include "program.h"

/* The operands of comparisons; TARGET is what lies behind the branch. */
enum { OPERANDS = 4, TARGET = 44 };

#define CSET_EQ 0x9a9f17e0u /* X0 */

/* ADDS or SUBS of an immediate or a register, ANDS, BICS, or ANDS of an immediate; 32 or 64 bits.
 */
static uint32_t comparison(struct program *o)
{
    static const uint32_t forms[] = {0x31000000, 0x71000000, 0x2b000000, 0x6b000000,
                                     0x6a000000, 0x6a200000, 0x72000000};
    const unsigned form = pick(o, sizeof forms / sizeof *forms);
    const unsigned n = pick(o, OPERANDS), d = pick(o, 2) ? 31 : pick(o, OPERANDS);
    const uint32_t wide = pick(o, 2) << 31,
                   operand = form < 2 || form == 6 ? pick(o, 6) << 10 : pick(o, OPERANDS) << 16;
    return forms[form] | wide | operand | n << 5 | d;
}

/* LDR, of data or of what no page is at. */
static uint32_t load(struct program *o)
{
    return asm_ldr_x(pick(o, OPERANDS), T0);
}

static uint32_t addition(struct program *o)
{
    return asm_add_imm(pick(o, OPERANDS), pick(o, OPERANDS), 1);
}

/* NOP at WORD, or what reads NZCV or writes an operand, by the parity of a counter. */
static void put_change(struct program *o, unsigned word)
{
    put_value(o, T0, ASM_NOP);
    put_value(o, T1, pick(o, 2) ? CSET_EQ : addition(o));
    put(o, asm_and_low(T2, LOOP, 1));
    put(o, asm_subs_imm(T2, T2, 0));
    put(o, asm_csel(T1, T0, T1, 0)); /* EQ */
    program_put_store(o, word);
}

void program_put_compare(struct program *o)
{
    const unsigned first = o->at, cond = pick(o, 14);
    if (!o->el0 && chance(o, 2))
        put_change(o, first + TARGET);
    put_value(o, T0, RIG_DATA_VA + pick(o, rig_data_size(&o->rig) / 8) * 8);
    while (o->at < first + TARGET - 5)
        put(o, ASM_NOP);
    put(o, comparison(o));
    put(o, pick(o, 4) ? ASM_NOP : addition(o));
    put(o, asm_bcond(cond, (int)(first + TARGET - o->at)));
    put(o, pick(o, 2) ? load(o) : addition(o));
    put(o, pick(o, 2) ? asm_b(1) : comparison(o));
    put(o, ASM_NOP); /* changes */
    for (unsigned n = pick(o, 4); n; n--)
        put(o, pick(o, 2) ? load(o) : addition(o));
    put(o, comparison(o));
}
