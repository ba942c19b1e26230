/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_PROGRESS_H
#define POMONA_CLI_PROGRESS_H

/* A line on the terminal that tells how far slow reading is. */

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool wanted;
    uint64_t since, last, shown; /* host time: first step, last step, last time on the screen; 0 */
};

/* PRINTS: the verb writes to standard output meanwhile, so that nothing is shown when that is a
 * terminal too. */
void progress_start(struct progress *progress, bool prints);
/* DONE of TOTAL bytes of WHAT were read; TOTAL 0: not known. CTX is the progress; the type is that
 * of a source's context and of a machine's. */
void progress_step(void *ctx, const char *what, uint64_t done, uint64_t total);
/* Takes the line away, before anything else is printed. */
void progress_end(struct progress *progress);

#endif
