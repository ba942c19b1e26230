/* SPDX-License-Identifier: MIT */
/* NZCV as emitted code leaves it in memory (dbt_hot.flags), and as struct a64_cpu has it.
 *
 * A block that jumps to one which sets NZCV anew before anything but a fault can look at it (struct
 * dbt_block's `kept`) leaves a comparison there, not its result: what the comparison compares still
 * is in the guest's registers wherever it is asked for. */

#include "internal.h"

uint32_t dbt_flags_from(uint32_t nzcv)
{
    return (nzcv & A64_N ? FLAGS_N : 0) | (nzcv & A64_Z ? FLAGS_Z : 0) |
           (nzcv & A64_C ? 0 : FLAGS_NOT_C) | (nzcv & A64_V ? FLAGS_V : 0);
}

static uint32_t compared(uint32_t flags)
{
    if (flags & FLAGS_UCOMIS_PF)
        return A64_C | A64_V;
    if (flags & FLAGS_UCOMIS_ZF)
        return A64_Z | A64_C;
    return !(flags & FLAGS_UCOMIS_CF) == !(flags & FLAGS_UCOMIS_SWAPPED) ? A64_C : A64_N;
}

/* The comparison is made by the interpreter's function. UNDO: its first operand, ADDS or SUBS of an
 * immediate, was overwritten by its result, so that the opposite gives it back. */
static uint32_t compare_again(struct a64_cpu *cpu, uint32_t flags)
{
    const uint32_t word = (flags & ~31u) | 31, nzcv = cpu->nzcv, opposite = 1u << 30;
    const bool undo = flags & FLAGS_AGAIN_UNDO;
    const unsigned n = word >> 5 & 31;
    const uint64_t kept = undo ? cpu->x[n] : 0;
    struct a64_insn insn;
    if (undo) {
        a64_insn_decode(&insn, ((word & ~31u) | n) ^ opposite, &cpu->feat);
        insn.exec(cpu, &insn);
    }
    a64_insn_decode(&insn, word, &cpu->feat);
    insn.exec(cpu, &insn);
    const uint32_t result = cpu->nzcv;
    cpu->nzcv = nzcv;
    if (undo)
        cpu->x[n] = kept;
    return result;
}

uint32_t dbt_flags_to(struct a64_cpu *cpu, uint32_t flags)
{
    if (flags & FLAGS_AGAIN)
        return compare_again(cpu, flags);
    if (flags & FLAGS_UCOMIS)
        return compared(flags);
    return (flags & FLAGS_N ? A64_N : 0) | (flags & FLAGS_Z ? A64_Z : 0) |
           (flags & FLAGS_NOT_C ? 0 : A64_C) | (flags & FLAGS_V ? A64_V : 0);
}
