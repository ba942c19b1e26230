/* SPDX-License-Identifier: MIT */
/* Progress: only when standard error is a terminal, only of what takes longer than a second, and
 * ten times a second at most. Steps with a long pause between them are of different activities (a
 * guest that is loaded again after a reset). */

#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/loop.h"

#define SLOW_NS  1000000000ull
#define PAUSE_NS 5000000000ull
#define EVERY_NS 100000000ull
#define LONGEST  48 /* of a name, whose end is the interesting part */

void progress_start(struct progress *progress, bool prints)
{
    *progress =
        (struct progress){.wanted = isatty(STDERR_FILENO) && !(prints && isatty(STDOUT_FILENO))};
}

static void show(const char *what, uint64_t done, uint64_t total)
{
    const size_t length = strlen(what);
    const bool cut = length > LONGEST;
    fprintf(stderr, "\r\033[Kpomona: reading %s", cut ? "..." : "");
    for (const char *at = what + (cut ? length - LONGEST : 0); *at; at++)
        fputc((unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at, stderr);
    if (total)
        fprintf(stderr, ": %" PRIu64 " %%", done < total ? done * 100 / total : 100);
    else if (done >> 20)
        fprintf(stderr, ": %" PRIu64 " MiB", done >> 20);
}

void progress_step(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    struct progress *p = ctx;
    if (!p->wanted)
        return;
    const uint64_t now = host_monotonic_ns();
    if (!p->since || now - p->last > PAUSE_NS)
        p->since = now;
    p->last = now;
    if (now - p->since < SLOW_NS || now - p->shown < EVERY_NS)
        return;
    show(what, done, total);
    p->shown = now;
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->since = p->last = p->shown = 0;
}
