/* SPDX-License-Identifier: MIT */
/* The decode table and the disassembler for scripts that hold them against other people's tools.
 *
 * `a64tool rows` prints a line a row: name, group, pattern, feature, 1 if implemented, 1 if it has
 * a template.
 *
 * `a64tool dis` reads little-endian words from standard input and prints a line a word: the row it
 * is an encoding of, and what a64_disassemble() prints of it, as if the first word stood at 0.
 *
 * `a64tool cpu MODEL` reads the same and prints the row as that CPU decodes it, - where it is
 * undefined. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "dis.h"
#include "model.h"
#include "system.h"

static int print_rows(void)
{
    for (unsigned k = 0; k < A64_ROW_COUNT; k++) {
        const struct a64_row *row = &a64_rows[k];
        printf("%s %s %s %s %d %d\n", row->name, row->group, row->pattern,
               a64_feature_name(row->feat), row->implemented, row->print != NULL);
    }
    return 0;
}

static int print_words(void)
{
    uint32_t word;
    for (uint64_t pc = 0; fread(&word, sizeof(word), 1, stdin) == 1; pc += 4) {
        char text[160];
        const struct a64_row *row = a64_decode(word);
        printf("%s|%s\n", row ? row->name : "-", a64_disassemble(word, pc, text, sizeof(text)));
    }
    return 0;
}

static int print_decoded(const char *name)
{
    const struct a64_model *model = a64_model_find(name);
    const struct a64_model_options options = {0};
    struct a64_system *sys = calloc(1, sizeof(*sys));
    struct a64_cpu *cpu = calloc(1, sizeof(*cpu));
    uint32_t word;
    if (!model || !sys || !cpu || a64_cpu_init(cpu, sys, model, &options)) {
        fprintf(stderr, "no CPU model %s\n", name);
        return 2;
    }
    while (fread(&word, sizeof(word), 1, stdin) == 1) {
        const struct a64_row *row = a64_decode_for(word, &cpu->feat);
        puts(row ? row->name : "-");
    }
    a64_cpu_free(cpu);
    free(cpu);
    free(sys);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "rows"))
        return print_rows();
    if (argc == 2 && !strcmp(argv[1], "dis"))
        return print_words();
    if (argc == 3 && !strcmp(argv[1], "cpu"))
        return print_decoded(argv[2]);
    fprintf(stderr, "usage: a64tool rows | dis | cpu MODEL\n");
    return 2;
}
