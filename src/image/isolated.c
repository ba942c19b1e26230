/* SPDX-License-Identifier: MIT */
/* fork, a pipe for the answer, and limits. */

#include "isolated.h"

#include <assert.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_SECONDS  20
#define LARGEST_FILE (4ull << 30)

static void child(bool (*work)(void *context, void *answer), void *context, int out, size_t size)
{
    const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS}, core = {0, 0};
    const struct rlimit file = {LARGEST_FILE, LARGEST_FILE}; /* what is unpacked into $TMPDIR */
    char answer[ISOLATED_ANSWER_MAX] = {0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_FSIZE, &file);
    _exit(!work(context, answer) || write(out, answer, size) != (ssize_t)size);
}

bool isolated_call(bool (*work)(void *context, void *answer), void *context, void *answer,
                   size_t size)
{
    int ends[2];
    assert(size <= ISOLATED_ANSWER_MAX);
    memset(answer, 0, size);
    if (pipe(ends))
        return false;
    const pid_t pid = fork();
    if (!pid)
        child(work, context, ends[1], size);
    close(ends[1]);
    /* Less than a pipe holds, so it arrives whole or not at all. */
    const bool whole = pid > 0 && read(ends[0], answer, size) == (ssize_t)size;
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return whole;
}
