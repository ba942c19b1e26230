/* SPDX-License-Identifier: MIT */
/* One program that holds all benchmarks: `bench NAME [N [THREADS]]` runs one and prints
 * "result NAME CHECKSUM NANOSECONDS"; `bench list` prints "GROUP NAME N FLAGS" for each. As process
 * 1 of a guest it mounts what the benchmarks need and answers such command lines on the console,
 * one child process each, until the machine is ended or the line `poweroff` comes. `bench now`
 * prints its clock, to be held against the host's, `bench cpu` the processor's features. */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const struct benchmark *const lists[] = {
    bench_int_algorithms, bench_int_control, bench_mem,     bench_fp,         bench_simd,
    bench_crypto,         bench_os,          bench_jit,     bench_atom,       bench_parallel,
    bench_app_zlib,       bench_app_xz,      bench_app_lua, bench_app_sqlite, bench_app_quickjs,
};

enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

uint64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void bench_begin(struct bench *b)
{
    b->start = bench_now();
}

void bench_check(bool ok, const char *what)
{
    if (!ok) {
        printf("error %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

void *bench_alloc(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    bench_check(memory != MAP_FAILED, "mmap");
    return memory;
}

static const struct benchmark *find(const char *name)
{
    for (unsigned k = 0; k < LISTS; k++) {
        for (const struct benchmark *one = lists[k]; one->name; one++) {
            if (strcmp(one->name, name) == 0)
                return one;
        }
    }
    return NULL;
}

static int list(void)
{
    for (unsigned k = 0; k < LISTS; k++) {
        for (const struct benchmark *one = lists[k]; one->name; one++)
            printf("%s %s %" PRIu64 " %u\n", one->group, one->name, one->n, one->flags);
    }
    return 0;
}

static int now(void)
{
    printf("now %" PRIu64 "\n", bench_now());
    return 0;
}

/* The first CPU's lines of /proc/cpuinfo that tell what it is. */
static int cpu(void)
{
    char line[4096];
    FILE *file = fopen("/proc/cpuinfo", "r");
    bench_check(file != NULL, "/proc/cpuinfo");
    while (fgets(line, sizeof(line), file) && line[0] != '\n') {
        if (strncmp(line, "Features", 8) == 0 || strncmp(line, "CPU ", 4) == 0)
            fputs(line, stdout);
    }
    fclose(file);
    return 0;
}

/* bench NAME [N [THREADS]] */
static int run(int argc, char **argv)
{
    const struct benchmark *one = find(argv[1]);
    if (!one) {
        printf("error no benchmark %s\n", argv[1]);
        return 1;
    }
    const uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 0) : one->n;
    struct bench b = {.seed = 88172645463325252, .threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1};
    b.nonce = bench_now();
    bench_begin(&b);
    const uint64_t sum = one->run(&b, n);
    const uint64_t end = bench_now();
    printf("result %s %016" PRIx64 " %" PRIu64 "\n", one->name, sum, end - b.start);
    return 0;
}

/* Executes this program with the words of LINE as arguments. */
static void answer(char *line)
{
    char *argv[8] = {"/init"};
    int argc = 1;
    for (char *word = strtok(line, " \r\n"); word && argc < 7; word = strtok(NULL, " \r\n"))
        argv[argc++] = word;
    if (argc == 1)
        return;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    printf("done %d\n", status);
}

/* The console without echo and translation. */
static void open_console(void)
{
    const int console = open("/dev/ttyAMA0", O_RDWR);
    struct termios mode;
    for (int fd = 0; fd < 3; fd++)
        dup2(console, fd);
    if (tcgetattr(0, &mode) == 0) {
        mode.c_lflag &= (tcflag_t) ~(ECHO | ISIG);
        tcsetattr(0, TCSANOW, &mode);
    }
}

static int serve(void)
{
    static const struct {
        const char *type, *where;
    } mounts[] = {{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}};
    for (unsigned k = 0; k < sizeof(mounts) / sizeof(mounts[0]); k++) {
        mkdir(mounts[k].where, 0755);
        mount(mounts[k].type, mounts[k].where, mounts[k].type, 0, NULL);
    }
    open_console();
    char line[256];
    printf("\nbench: ready %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) && strncmp(line, "poweroff", 8) != 0) {
        answer(line);
        fflush(stdout);
    }
    return reboot(RB_POWER_OFF);
}

int main(int argc, char **argv)
{
    if (getpid() == 1)
        return serve();
    if (argc > 1 && argv[1][0] == '-')
        return bench_child(argc, argv);
    if (argc < 2) {
        fprintf(stderr, "usage: bench list | now | cpu | NAME [N [THREADS]]\n");
        return 64;
    }
    if (strcmp(argv[1], "now") == 0)
        return now();
    if (strcmp(argv[1], "cpu") == 0)
        return cpu();
    return strcmp(argv[1], "list") == 0 ? list() : run(argc, argv);
}
