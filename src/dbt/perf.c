/* SPDX-License-Identifier: MIT */
/* Names for emitted code: the stubs', and /tmp/perf-PID.map, which Linux's perf reads for code that
 * no file holds (tools/perf/Documentation/jit-interface.txt of its source): lines of an address, a
 * size and a name. The file is made anew, in a folder that everybody writes to: what another process
 * of this number left there goes first, and nothing that is there then, nor a link, is written to.
 * Blocks are named by the guest address that they were first run at. When a code
 * cache is emptied its addresses get new names; perf then knows the last one only. */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* ---- stubs ---- */

void dbt_each_stub(const struct dbt *dbt, void (*met)(void *ctx, uintptr_t at, const char *name),
                   void *ctx)
{
#define ONE(name)                                                                                  \
    {                                                                                              \
        dbt->stub.name, #name                                                                      \
    }
    const struct {
        uintptr_t at;
        const char *name;
    } single[] = {
        ONE(enter),         ONE(leave),         ONE(go_on),        ONE(exec[0]),
        ONE(exec[1]),       ONE(attention),     ONE(exec_word[0]), ONE(exec_word[1]),
        ONE(link),          ONE(sp_written),    ONE(vectors),      ONE(flags),
        ONE(read_fpsr),     ONE(clear_mxcsr),   ONE(indirect[0]),  ONE(indirect[1]),
        ONE(indirect[2]),   ONE(indirect[3]),   ONE(other_mode[0]), ONE(other_mode[1]),
        ONE(other_mode[2]), ONE(other_mode[3]), ONE(look),         ONE(returned),
        ONE(look_or_run[0]), ONE(look_or_run[1]), ONE(missed_told[0]), ONE(missed_told[1]),
        ONE(strip[0]),      ONE(strip[1]),      ONE(split[0]),     ONE(split[1]),
        ONE(fill_split[0]), ONE(fill_split[1]), ONE(missed),       ONE(full),
        ONE(elsewhere[0]),  ONE(elsewhere[1]),  ONE(load[0]),      ONE(load[1]),
        ONE(store[0]),      ONE(store[1]),      ONE(put[0]),       ONE(put[1]),
        ONE(store_split),
    };
    static const char *const fills[DBT_FILL_COUNT] = {"read", "write", "both", "read_user",
                                                      "write_user"};
    static const char *const keys[A64_KEY_COUNT] = {[A64_KEY_IA] = "ia",
                                                    [A64_KEY_IB] = "ib",
                                                    [A64_KEY_DA] = "da",
                                                    [A64_KEY_DB] = "db",
                                                    [A64_KEY_GA] = "ga"};
    char name[64];
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
        if (single[i].at)
            met(ctx, single[i].at, single[i].name);
    for (unsigned fill = 0; fill < DBT_FILL_COUNT; fill++)
        for (unsigned k = 0; k < 4; k++) {
            snprintf(name, sizeof(name), "fill_%s%s%s", fills[fill], k >> 1 ? "_el1" : "",
                     k & 1 ? "_aligned" : "");
            met(ctx, dbt->stub.fill[k >> 1][fill][k & 1], name);
        }
    for (unsigned k = 0; k < 2 * (DBT_FILL_COUNT + 1); k++) {
        const unsigned fill = k >> 1, el1 = k & 1;
        snprintf(name, sizeof(name), "ask_%s%s", fill < DBT_FILL_COUNT ? fills[fill] : "split",
                 el1 ? "_el1" : "");
        met(ctx, dbt->stub.ask[el1][fill], name);
    }
    for (unsigned k = 0; k < 2 * DBT_PAC_PLACES * A64_KEY_COUNT; k++) {
        const unsigned place = k / 2 / A64_KEY_COUNT, key = k / 2 % A64_KEY_COUNT;
        const uintptr_t at = k & 1 ? dbt->stub.auth[place][key] : dbt->stub.sign[place][key];
        snprintf(name, sizeof(name), "%s_%s_%u", k & 1 ? "auth" : "sign", keys[key], place);
        if (at)
            met(ctx, at, name);
    }
}

/* ---- the map ---- */

#define MAX_STUBS 192u

struct stubs {
    struct stub {
        uintptr_t at;
        char name[64];
    } stub[MAX_STUBS];
    unsigned count;
};

static void keep(void *ctx, uintptr_t at, const char *name)
{
    struct stubs *stubs = ctx;
    if (stubs->count == MAX_STUBS)
        return;
    struct stub *stub = &stubs->stub[stubs->count++];
    stub->at = at;
    snprintf(stub->name, sizeof(stub->name), "%s", name);
}

static int compare(const void *left, const void *right)
{
    const struct stub *a = left, *b = right;
    return a->at < b->at ? -1 : a->at > b->at;
}

static void print_range(FILE *map, uintptr_t at, size_t size, const char *what, const char *name)
{
    fprintf(map, "%" PRIxPTR " %zx pomona_%s_%s\n", at, size, what, name);
}

static int map = -1; /* of all CPUs of the process: lines at its end, each in one piece */

static void create_map(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
    unlink(path);
    map = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
    if (map < 0)
        perror(path);
}

static FILE *open_map(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, create_map);
    const int own = map < 0 ? -1 : fcntl(map, F_DUPFD_CLOEXEC, 0);
    FILE *file = own < 0 ? NULL : fdopen(own, "a");
    if (!file && own >= 0)
        close(own);
    return file;
}

void dbt_perf_open(struct dbt *dbt)
{
    struct stubs stubs = {.count = 0};
    if (!dbt->cpu->sys->knobs.perf_map)
        return;
    dbt->perf = open_map();
    if (!dbt->perf)
        return;
    setvbuf(dbt->perf, NULL, _IOLBF, 0);
    dbt_each_stub(dbt, keep, &stubs);
    qsort(stubs.stub, stubs.count, sizeof(stubs.stub[0]), compare);
    for (unsigned i = 0; i < stubs.count; i++) {
        const uintptr_t end =
            i + 1 < stubs.count ? stubs.stub[i + 1].at : (uintptr_t)dbt->code + dbt->stubs_end;
        print_range(dbt->perf, stubs.stub[i].at, end - stubs.stub[i].at, "stub",
                    stubs.stub[i].name);
    }
}

void dbt_perf_block(struct dbt *dbt, const struct dbt_block *block, size_t cold, size_t cold_size)
{
    char name[32];
    if (!dbt->perf)
        return;
    const uint64_t va = (dbt->cpu->pc & ~A64_PAGE_MASK) | (block->pa & A64_PAGE_MASK);
    snprintf(name, sizeof(name), "%#" PRIx64, va);
    const uintptr_t code = (uintptr_t)dbt->code;
    print_range(dbt->perf, code + block->code, block->code_size, "block", name);
    if (cold_size)
        print_range(dbt->perf, code + cold, cold_size, "rare", name);
}

void dbt_perf_close(struct dbt *dbt)
{
    if (dbt->perf)
        fclose(dbt->perf);
    dbt->perf = NULL;
}
