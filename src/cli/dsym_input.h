/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_DSYM_INPUT_H
#define POMONA_CLI_DSYM_INPUT_H

/* The dSYM of a program: a bundle or the file in it. Addresses are the program's throughout, also
 * where a collection's builder has moved its segments. */

#include <jansson.h>

#include "image/debug_info.h"

struct dsym {
    const struct macho *program;
    char *path; /* of the file */
    struct blob file;
    struct macho macho;
    struct macho_symbols symbols;
    struct debug_info *info;
};

/* Opens the dSYM at PATH and reads what it says of the addresses from LOW up to HIGH (0 and
 * UINT64_MAX: all). 0, or -1 and *ERR: it is that of another build, say. */
int dsym_open(struct dsym *dsym, const char *path, const struct macho *program, uint64_t low,
              uint64_t high, struct error *err);
void dsym_close(struct dsym *dsym);

/* Adds to SYMBOLS, the program's, those that only the dSYM has. It must stay open as long. */
int dsym_add_symbols(struct dsym *dsym, struct macho_symbols *symbols, struct error *err);
/* The frames of ADDRESS, the innermost first; how many, at most MOST. */
size_t dsym_frames(const struct dsym *dsym, uint64_t address, struct debug_frame *frames,
                   size_t most);
/* Function number INDEX with the program's addresses; false at the end. */
bool dsym_function(const struct dsym *dsym, size_t index, struct debug_function *out);

/* A line for each frame of ADDRESS, indented. */
void dsym_print_frames(const struct dsym *dsym, uint64_t address);
json_t *dsym_frames_json(const struct dsym *dsym, uint64_t address);

#endif
