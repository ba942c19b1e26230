/* SPDX-License-Identifier: MIT */
#ifndef GUEST_PIPE_H
#define GUEST_PIPE_H

/* An oracle's other half: a program under qemu-aarch64 that takes cases on its standard input and
 * gives results on its standard output; and the report of which rows were tried. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode.h"

#define GUEST_SKIP 77

struct guest_pipe {
    int to, from;
    pid_t process;
};

static inline bool guest_have_qemu(void)
{
    return system("qemu-aarch64 --version >/dev/null 2>&1") == 0;
}

static inline void guest_start(struct guest_pipe *guest, const char *path)
{
    int in[2], out[2];
    if (pipe(in) || pipe(out) || (guest->process = fork()) < 0) {
        perror(path);
        exit(1);
    }
    if (!guest->process) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        execlp("qemu-aarch64", "qemu-aarch64", "-cpu", "max", path, (char *)NULL);
        _exit(GUEST_SKIP);
    }
    close(in[0]);
    close(out[1]);
    guest->to = in[1];
    guest->from = out[0];
}

/* All SIZE bytes, to or from the guest. */
static inline void guest_transfer(int fd, void *buffer, size_t size, bool out)
{
    for (char *at = buffer; size;) {
        const ssize_t count = out ? write(fd, at, size) : read(fd, at, size);
        if (count <= 0) {
            fprintf(stderr, "the guest is gone: %s\n", count ? strerror(errno) : "end of file");
            exit(1);
        }
        at += count;
        size -= (size_t)count;
    }
}

static inline void guest_end(const struct guest_pipe *guest)
{
    close(guest->to);
    waitpid(guest->process, NULL, 0);
}

/* FULL cases, scaled by POMONA_TEST_SCALE percent. */
static inline uint64_t guest_default_cases(uint64_t full)
{
    const char *scale = getenv("POMONA_TEST_SCALE");
    return (uint64_t)((double)full * (scale ? atof(scale) / 100 : 1));
}

/* With POMONA_ROWS=FILE a line "ORACLE ROW CASES" is added to FILE for each of COUNT rows, which
 * took turns in CASES cases. */
static inline void guest_report_rows(const char *oracle, const struct a64_row *const *rows,
                                     unsigned count, uint64_t cases)
{
    FILE *file = getenv("POMONA_ROWS") ? fopen(getenv("POMONA_ROWS"), "a") : NULL;
    if (!file)
        return;
    for (unsigned i = 0; i < count; i++)
        fprintf(file, "%s %s %lu\n", oracle, rows[i]->name, (unsigned long)(cases / count));
    fclose(file);
}

#endif
