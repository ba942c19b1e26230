/* SPDX-License-Identifier: MIT */
/* The same as exec_guest.c, by src/interp: each word's exec function on each state, as a CPU that
 * has every feature. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "decode.h"
#include "exec.h"

static void load(struct a64_cpu *cpu, const struct exec_state *state)
{
    memcpy(cpu->v, state->v, sizeof(state->v));
    memcpy(cpu->x, state->x, sizeof(state->x));
    cpu->x[31] = 0;
    cpu->fpcr = (uint32_t)state->fpcr;
    cpu->fpsr = (uint32_t)state->fpsr;
    cpu->nzcv = (uint32_t)state->nzcv;
}

static void store(const struct a64_cpu *cpu, struct exec_state *state)
{
    memcpy(state->v, cpu->v, sizeof(state->v));
    memcpy(state->x, cpu->x, sizeof(state->x));
    state->fpsr = cpu->fpsr;
    state->nzcv = cpu->nzcv;
}

static struct exec_result run(struct a64_cpu *cpu, uint32_t word, const struct exec_state *before)
{
    struct a64_insn insn;
    struct exec_state after = *before;
    load(cpu, before);
    a64_insn_decode(&insn, word, &cpu->feat);
    if (insn.row == A64_ROW_NONE)
        return (struct exec_result){.undefined = 1};
    if (insn.exec(cpu, &insn) != A64_NEXT)
        return (struct exec_result){.undefined = 2};
    store(cpu, &after);
    return exec_summary(&after, word);
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "exec_ours: %s failed\n", what);
        exit(2);
    }
}

int main(void)
{
    static struct a64_cpu cpu;
    struct exec_header header;
    for (unsigned feat = A64_FEAT_BASE; feat < A64_FEAT_COUNT; feat++) {
        if (feat != A64_FEAT_ABSENT)
            a64_feature_add(&cpu.feat, feat);
    }
    must(fread(&header, sizeof(header), 1, stdin) == 1, "reading the header");
    uint32_t *words = calloc(header.words, sizeof(*words));
    struct exec_state *states = calloc(header.states, sizeof(*states));
    must(words && fread(words, sizeof(*words), header.words, stdin) == header.words, "the words");
    must(states && fread(states, sizeof(*states), header.states, stdin) == header.states,
         "the states");
    for (unsigned w = 0; w < header.words; w++) {
        for (unsigned s = 0; s < header.states; s++) {
            const struct exec_result result = run(&cpu, words[w], &states[s]);
            must(fwrite(&result, sizeof(result), 1, stdout) == 1, "writing");
        }
    }
    free(words);
    free(states);
    return fflush(stdout) ? 2 : 0;
}
