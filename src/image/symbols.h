/* SPDX-License-Identifier: MIT */
#ifndef POMONA_IMAGE_SYMBOLS_H
#define POMONA_IMAGE_SYMBOLS_H

/* Names for the addresses of a guest's program: from an ELF file's symbol table, a Mach-O's or a
 * kernel collection's, or text as nm prints it (System.map, /proc/kallsyms). */

#include "source.h"

struct symbol {
    uint64_t value;   /* first: macho_last_at() */
    const char *name; /* name_length bytes; in the file */
    size_t name_length;
};

struct symbols {
    struct blob file;
    struct symbol *items; /* by address */
    size_t count;
};

/* Reads the symbols of the file NAME, nested and in whatever wrapping; CONTEXT may be NULL. 0, or
 * -1 and *ERR: it cannot be read, or has none. */
int symbols_open(struct symbols *symbols, const char *name, const struct source_context *context,
                 struct error *err);
void symbols_free(struct symbols *symbols);
/* The last one at or before ADDRESS; NULL: none. */
const struct symbol *symbols_at(const struct symbols *symbols, uint64_t address);

#endif
