/* SPDX-License-Identifier: MIT */
/* Stacks in the folded format. */

#include "cli/folded.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/output.h"

/* What is farther behind a symbol is not its function: another program's address. */
#define FARTHEST (1u << 20)

struct folded {
    FILE *out;
    const struct symbols *symbols;
    uint64_t slide;
};

static void print_frame(const struct folded *folded, uint64_t address)
{
    const uint64_t linked = address - folded->slide;
    const struct symbol *symbol = symbols_at(folded->symbols, linked);
    if (!symbol || linked - symbol->value > FARTHEST) {
        fprintf(folded->out, "%#" PRIx64, address);
        return;
    }
    /* The format's own separators cannot be part of a name. */
    for (size_t i = 0; i < symbol->name_length; i++) {
        const char c = symbol->name[i];
        fputc(c == ';' || c <= ' ' ? '_' : c, folded->out);
    }
}

static void print_stack(void *ctx, unsigned cpu, const uint64_t *frames, unsigned depth,
                        uint64_t count)
{
    const struct folded *folded = ctx;
    fprintf(folded->out, "cpu%u", cpu);
    while (depth--) {
        fputc(';', folded->out);
        print_frame(folded, frames[depth]);
    }
    fprintf(folded->out, " %" PRIu64 "\n", count);
}

int write_folded(const char *path, struct machine *machine, const struct symbols *symbols,
                 uint64_t slide, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    struct folded folded = {open_memstream(&text, &size), symbols, slide};
    if (!folded.out)
        return error_set(err, ERROR_OS, "%s: out of memory", path);
    machine_each_stack(machine, print_stack, &folded);
    const bool failed = ferror(folded.out) | fclose(folded.out);
    const struct blob blob = {.data = (const uint8_t *)text, .size = size, .name = path};
    const int result =
        failed ? error_set(err, ERROR_OS, "%s: out of memory", path) : write_blob(path, &blob, err);
    free(text);
    return result;
}
