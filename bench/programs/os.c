/* SPDX-License-Identifier: MIT */
/* What the operating system costs: system calls, pipes, faults, mappings, processes, signals,
 * threads, files. The counts are the checksums. bench_child() is where an executed copy of this
 * program arrives. */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t syscalls(struct bench *b, uint64_t n)
{
    uint64_t sum = 0;
    (void)b;
    for (uint64_t k = 0; k < n; k++)
        sum += (uint64_t)syscall(SYS_getppid) > 0;
    return sum;
}

/* ---- a byte to and fro between two processes, N times ---- */

static uint64_t pipe_pp(struct bench *b, uint64_t n)
{
    int there[2], back[2];
    char byte = 0;
    uint64_t sum = 0;
    bench_check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    const pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) {
            byte++;
            if (write(back[1], &byte, 1) != 1)
                break;
        }
        _exit(0);
    }
    close(there[0]);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        bench_check(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
        sum += (uint8_t)byte;
    }
    close(there[1]);
    waitpid(child, NULL, 0);
    return sum;
}

/* ---- first writes to N pages ---- */

static uint64_t pagefault(struct bench *b, uint64_t n)
{
    enum { PAGES = 1024 };
    const size_t page = 4096;
    uint64_t sum = 0;
    (void)b;
    for (uint64_t done = 0; done < n; done += PAGES) {
        uint8_t *memory =
            mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        bench_check(memory != MAP_FAILED, "mmap");
        for (size_t k = 0; k < PAGES; k++)
            sum += ++memory[k * page];
        munmap(memory, PAGES * page);
    }
    return sum;
}

/* ---- N mappings that are touched and removed ---- */

static uint64_t mmapchurn(struct bench *b, uint64_t n)
{
    uint64_t sum = 0;
    (void)b;
    for (uint64_t k = 0; k < n; k++) {
        uint8_t *memory =
            mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        bench_check(memory != MAP_FAILED, "mmap");
        memory[k & 16383] = 3;
        sum += memory[k & 16383];
        munmap(memory, 16384);
    }
    return sum;
}

static uint64_t protect(struct bench *b, uint64_t n)
{
    uint8_t *memory = bench_alloc(65536);
    uint64_t sum = 0;
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        uint8_t *page = memory + (k & 15) * 4096;
        bench_check(mprotect(page, 4096, PROT_READ) == 0, "mprotect");
        sum += page[k & 4095];
        bench_check(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0, "mprotect");
        page[k & 4095]++;
    }
    return sum;
}

/* ---- a write to a page that may only be read: the handler allows it ---- */

static struct {
    uint8_t *page;
    uint64_t count;
} guarded;

static void on_fault(int number)
{
    (void)number;
    guarded.count++;
    mprotect(guarded.page, 4096, PROT_READ | PROT_WRITE);
}

static uint64_t segv(struct bench *b, uint64_t n)
{
    struct sigaction action = {.sa_handler = on_fault};
    guarded.page = bench_alloc(4096);
    sigaction(SIGSEGV, &action, NULL);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        mprotect(guarded.page, 4096, PROT_READ);
        ((volatile uint8_t *)guarded.page)[k & 4095] = 1;
    }
    return guarded.count;
}

/* ---- processes ---- */

static uint64_t forks(struct bench *b, uint64_t n)
{
    uint8_t *memory = bench_alloc(1 << 20);
    uint64_t sum = 0;
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        const pid_t child = fork();
        bench_check(child >= 0, "fork");
        if (child == 0) {
            for (size_t at = 0; at < 16; at++)
                memory[at * 65536]++;
            _exit((int)k & 0x3f);
        }
        int status = 0;
        waitpid(child, &status, 0);
        sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

int bench_child(int argc, char **argv)
{
    return argc > 2 ? atoi(argv[2]) : 1;
}

static uint64_t forkexec(struct bench *b, uint64_t n)
{
    uint64_t sum = 0;
    (void)b;
    for (uint64_t k = 0; k < n; k++) {
        const pid_t child = fork();
        bench_check(child >= 0, "fork");
        if (child == 0) {
            char number[16];
            snprintf(number, sizeof(number), "%u", (unsigned)k & 0x3f);
            execl("/proc/self/exe", "bench", "-exit", number, NULL);
            _exit(127);
        }
        int status = 0;
        waitpid(child, &status, 0);
        sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

static uint64_t signal_self(struct bench *b, uint64_t n)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++)
        kill(getpid(), SIGUSR1);
    return (uint64_t)signals;
}

/* ---- two threads that take turns ---- */

struct turns {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t turn, n, sum;
};

static void take_turns(struct turns *t, uint64_t mine)
{
    pthread_mutex_lock(&t->mutex);
    for (uint64_t k = 0; k < t->n; k++) {
        while ((t->turn & 1) != mine)
            pthread_cond_wait(&t->changed, &t->mutex);
        t->sum = t->sum * 3 + ++t->turn;
        pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->mutex);
}

static void *other_turns(void *argument)
{
    take_turns(argument, 1);
    return NULL;
}

static uint64_t condvar(struct bench *b, uint64_t n)
{
    struct turns t = {
        .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .n = n};
    pthread_t other;
    bench_begin(b);
    bench_check(pthread_create(&other, NULL, other_turns, &t) == 0, "pthread_create");
    take_turns(&t, 0);
    pthread_join(other, NULL);
    return t.sum;
}

static void *idle_thread(void *argument)
{
    return argument;
}

static uint64_t threads(struct bench *b, uint64_t n)
{
    uint64_t sum = 0;
    (void)b;
    for (uint64_t k = 0; k < n; k++) {
        pthread_t thread;
        void *result = NULL;
        bench_check(pthread_create(&thread, NULL, idle_thread, &sum) == 0, "pthread_create");
        pthread_join(thread, &result);
        sum += result == &sum;
    }
    return sum;
}

/* ---- files ---- */

static int make_file(const char *path, size_t size)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    bench_check(fd >= 0, path);
    char block[4096];
    for (size_t k = 0; k < sizeof(block); k++)
        block[k] = (char)(k * 7);
    for (size_t at = 0; at < size; at += sizeof(block))
        bench_check(write(fd, block, sizeof(block)) == (ssize_t)sizeof(block), "write");
    return fd;
}

static uint64_t fileread4k(struct bench *b, uint64_t n)
{
    enum { SIZE = 1 << 20 };
    const int fd = make_file("/tmp/bench.file", SIZE);
    char block[4096];
    uint64_t sum = 0;
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        bench_check(pread(fd, block, sizeof(block), (off_t)(k * 4096 % SIZE)) ==
                        (ssize_t)sizeof(block),
                    "pread");
        sum += (uint8_t)block[k & 4095];
    }
    unlink("/tmp/bench.file");
    return sum;
}

static uint64_t stats(struct bench *b, uint64_t n)
{
    struct stat found;
    uint64_t sum = 0;
    mkdir("/tmp/bench.d", 0700);
    mkdir("/tmp/bench.d/deeper", 0700);
    close(make_file("/tmp/bench.d/deeper/file", 8192));
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        sum += stat("/tmp/bench.d/deeper/file", &found) == 0 ? (uint64_t)found.st_size : 0;
        sum += stat("/tmp/bench.d/none", &found) != 0 && errno == ENOENT;
    }
    unlink("/tmp/bench.d/deeper/file");
    rmdir("/tmp/bench.d/deeper");
    rmdir("/tmp/bench.d");
    return sum;
}

/* A file made, written, renamed and removed. */
static uint64_t filechurn(struct bench *b, uint64_t n)
{
    uint64_t sum = 0;
    (void)b;
    for (uint64_t k = 0; k < n; k++) {
        const int fd = open("/tmp/bench.new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        sum += (uint64_t)write(fd, &k, sizeof(k));
        close(fd);
        sum += rename("/tmp/bench.new", "/tmp/bench.old") == 0;
        sum += unlink("/tmp/bench.old") == 0;
    }
    return sum;
}

const struct benchmark bench_os[] = {
    {"os", "syscall", syscalls, 400000, 0},
    {"os", "pipe_pp", pipe_pp, 10000, 0},
    {"os", "pagefault", pagefault, 32768, 0},
    {"os", "mmapchurn", mmapchurn, 20000, 0},
    {"os", "mprotect", protect, 20000, 0},
    {"os", "segv", segv, 10000, 0},
    {"os", "fork", forks, 400, 0},
    {"os", "forkexec", forkexec, 60, 0},
    {"os", "signal", signal_self, 60000, 0},
    {"os", "condvar", condvar, 5000, 0},
    {"os", "threads", threads, 2000, 0},
    {"os", "fileread4k", fileread4k, 60000, 0},
    {"os", "stat", stats, 40000, 0},
    {"os", "filechurn", filechurn, 4000, 0},
    {0},
};
