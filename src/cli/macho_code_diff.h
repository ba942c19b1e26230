/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_MACHO_CODE_DIFF_H
#define POMONA_CLI_MACHO_CODE_DIFF_H

/* Code and data of two builds of a program, compared by what addresses stand for. */

#include "image/macho.h"

/* One of the two files. */
struct code_side {
    const struct macho *macho;
    struct macho_symbols symbols;
    struct macho_fixups fixups;
};

int code_side_open(struct code_side *side, const struct macho *macho, struct error *err);
void code_side_close(struct code_side *side);

/* A function or another named piece. */
struct code_piece {
    const char *name;
    uint64_t address, size; /* up to the next symbol, or the section's end */
    bool code;
};

/* The pieces of SIDE by name, those of one name by address; to be freed. NULL without memory. */
struct code_piece *code_pieces(const struct code_side *side, size_t *count);

struct code_difference {
    uint64_t count, at; /* words that differ; the first one's offset */
    uint32_t old, new;  /* the first one's words; 0 behind an end */
};

/* Compares instructions: where both hold an address, what it stands for. True: equal. */
bool code_compare(const struct code_side *a, const struct code_piece *old,
                  const struct code_side *b, const struct code_piece *new,
                  struct code_difference *out);
/* Compares the contents of two sections, pointers that are fixed up by what they point to. How many
 * bytes differ; *AT is the offset of the first. */
uint64_t code_compare_data(const struct code_side *a, const struct macho_section *old,
                           const struct code_side *b, const struct macho_section *new,
                           uint64_t *at);
/* Whether SECTION holds instructions. */
bool code_in_section(const struct macho_section *section);

#endif
