/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ISOLATED_H
#define POMONA_ISOLATED_H

/* Work on what a guest may have written, by libraries that are not made for hostile files: in a
 * process of its own, with little time, that may fail in any way. */

#include <stdbool.h>
#include <stddef.h>

/* As much as a pipe passes whole. */
#define ISOLATED_ANSWER_MAX 4096

/* Calls WORK in a copy of this process and gets its ANSWER of SIZE bytes, which are anything: they
 * are to be checked as a foreign file's. False when WORK gave false, crashed or took too long.
 * Files that were open are the same files there. */
bool isolated_call(bool (*work)(void *context, void *answer), void *context, void *answer,
                   size_t size);

#endif
