/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEBUG_INFO_TABLES_H
#define POMONA_DEBUG_INFO_TABLES_H

/* What the process that reads DWARF (debug_info_read.c) hands to the one that asked for it
 * (debug_info.c): arrays of fixed size items, numbers of which the latter checks before use. Within
 * src/image. */

#include "debug_info.h"

#define DEBUG_NONE UINT32_MAX

/* From this address on, a place in the source text; file DEBUG_NONE: nothing, a sequence ends. */
struct debug_row {
    uint64_t address; /* first: macho_last_at() */
    uint32_t file, line, column, order;
};

/* A function, or one that is inlined in another scope; each is followed by those within it. */
struct debug_scope {
    uint32_t parent; /* DEBUG_NONE: a function */
    uint32_t end;    /* the first scope that is not within it */
    uint32_t name, call_file, call_line, call_column;
};

struct debug_range {
    uint64_t low, high; /* low first: macho_last_at() */
    uint32_t scope, unused;
};

struct debug_tables {
    struct debug_row *rows;
    struct debug_scope *scopes;
    struct debug_range *ranges;
    char *strings; /* files and names are offsets in here */
    size_t row_count, scope_count, range_count, string_size;
};

/* What the child writes: this, then as many rows, scopes, ranges and bytes of strings. */
struct debug_head {
    uint64_t rows, scopes, ranges, strings;
    char problem[128]; /* "": none */
};

/* Takes over DATA, what the child wrote about the file NAME, from malloc. 0, or -1 and *ERR. */
int debug_info_adopt(void *data, size_t size, const char *name, struct debug_info **out,
                     struct error *err);

/* Reads the DWARF of MACHO with libdwarf, which may crash, hang or take all memory over a damaged
 * one: to be called in a process of its own. NULL, or what is wrong. */
const char *debug_info_read(const struct macho *macho, uint64_t low, uint64_t high,
                            struct debug_tables *out);
/* How many bytes of DWARF there are; 0: none. */
uint64_t debug_info_size(const struct macho *macho);

#endif
