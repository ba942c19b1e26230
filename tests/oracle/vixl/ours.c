/* SPDX-License-Identifier: MIT */
/* Our half of the fuzzer: one instruction of src/interp on a bare CPU that has every feature but
 * FEAT_BTI, which needs a page to run in. */

#include "fuzz.h"

#include <string.h>

#include "cpu.h"
#include "decode.h"
#include "dis.h"
#include "mmu.h"
#include "system.h"

unsigned fuzz_row_count(void)
{
    return A64_ROW_COUNT;
}

struct fuzz_row fuzz_row_at(unsigned index)
{
    const struct a64_row *row = &a64_rows[index];
    const uint32_t outside = A64_F_MR | A64_F_MW | A64_F_SYS | A64_F_FAULT;
    return (struct fuzz_row){
        .name = row->name,
        .group = row->group,
        .pattern = row->pattern,
        .mask = row->mask,
        .value = row->value,
        .runs = row->implemented && !(row->flags & outside),
    };
}

bool fuzz_decodes_to(uint32_t word, unsigned index)
{
    return a64_decode(word) == &a64_rows[index];
}

void fuzz_disassemble(uint32_t word, uint64_t pc, char *out, unsigned size)
{
    a64_disassemble(word, pc, out, size);
}

bool fuzz_run(uint32_t word, struct fuzz_state *state)
{
    static struct a64_mmu mmu;
    static struct a64_system sys = {.lock = PTHREAD_MUTEX_INITIALIZER}; /* for SEV */
    struct a64_cpu cpu = {
        .mmu = &mmu, .sys = &sys, .sp = state->sp, .pc = state->pc, .nzcv = state->nzcv};
    struct a64_insn insn;
    for (unsigned k = A64_FEAT_BASE; k < A64_FEAT_COUNT; k++) {
        if (k != A64_FEAT_ABSENT && k != A64_FEAT_BTI)
            a64_feature_add(&cpu.feat, (enum a64_feat)k);
    }
    memcpy(cpu.x, state->x, sizeof(state->x));
    memcpy(cpu.v, state->v, sizeof(state->v));
    a64_insn_decode(&insn, word, &cpu.feat);
    const int status = insn.exec(&cpu, &insn);
    if (status == A64_FAULT || status == A64_WAIT)
        return false;
    state->pc = status == A64_BRANCH ? cpu.pc : cpu.pc + 4;
    state->sp = cpu.sp;
    state->nzcv = cpu.nzcv;
    memcpy(state->x, cpu.x, sizeof(state->x));
    memcpy(state->v, cpu.v, sizeof(state->v));
    return true;
}
