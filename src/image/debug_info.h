/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEBUG_INFO_H
#define POMONA_DEBUG_INFO_H

/* Which line of which source file an address comes from, and through which inlined functions: from
 * the DWARF of a dSYM. */

#include "macho.h"

struct debug_frame {
    const char *function, *file; /* "" where it is not known */
    uint32_t line, column;       /* 0: not known */
};

struct debug_function {
    uint64_t low, high; /* of its first piece */
    const char *name;
};

struct debug_info;

/* Reads what the DWARF of MACHO says about the addresses from LOW up to HIGH, and maybe more. 0, or
 * -1 and *ERR: there is none, or it is damaged. */
int debug_info_load(const struct macho *macho, uint64_t low, uint64_t high, struct debug_info **out,
                    struct error *err);
void debug_info_free(struct debug_info *info);

/* The frames that ADDRESS belongs to, the innermost first; how many, at most MOST. 0: nothing is
 * known. */
size_t debug_info_frames(const struct debug_info *info, uint64_t address,
                         struct debug_frame *frames, size_t most);
/* The function number INDEX, by address; false at the end. */
bool debug_info_function(const struct debug_info *info, size_t index, struct debug_function *out);

#endif
