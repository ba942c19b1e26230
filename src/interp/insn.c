/* SPDX-License-Identifier: MIT */
/* From a word to an instruction that is ready to run: the decode table's row together with its
 * function. The dispatch table is made by src/a64/gen_a64.py from the EXEC column of
 * src/a64/decode. */

#include "../a64/decode.h"
#include "../a64/exception.h"
#include "../a64/system.h"

#include "a64_exec.inc"

/* Unallocated words, rows that are not implemented, and rows whose feature the CPU lacks. */
static int exec_undefined(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_undefined(cpu);
}

void a64_insn_decode(struct a64_insn *insn, uint32_t word, const struct a64_features *features)
{
    const struct a64_row *row = a64_decode_for(word, features);
    insn->word = word;
    insn->rd = word & 31;
    insn->rn = word >> 5 & 31;
    insn->rm = word >> 16 & 31;
    insn->ra = word >> 10 & 31;
    if (row) {
        insn->row = (uint16_t)(row - a64_rows);
        insn->exec = a64_exec_table[insn->row];
        insn->flags = row->flags | A64_F_ANY | (uint32_t)row->writes << A64_WRITES_SHIFT;
        insn->imm = row->imm ? row->imm(word) : 0;
        return;
    }
    insn->row = A64_ROW_NONE;
    insn->exec = exec_undefined;
    insn->flags = A64_F_ANY | A64_F_END | A64_F_FAULT | (uint32_t)A64_WRITES_MORE << A64_WRITES_SHIFT;
    insn->imm = 0;
}

void a64_insn_meet(struct a64_cpu *cpu, struct a64_insn *insn, uint32_t word)
{
    a64_insn_decode(insn, word, &cpu->feat);
    if (insn->row != A64_ROW_NONE)
        atomic_store_explicit(&cpu->sys->row_met[insn->row], true, memory_order_relaxed);
}
