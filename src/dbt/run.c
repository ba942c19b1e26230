/* SPDX-License-Identifier: MIT */
/* The translator's main loop: finds the block to run, enters it, and sees to whatever it came back
 * for.
 *
 * Exceptions, interrupts and the rules of when they are looked at are the interpreter's. It also
 * runs single instructions where something must be looked at before each (breakpoints, software
 * step, PSTATE.IL), and the last few before the end of a slice. */

#include "dbt.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "../a64/exception.h"
#include "../a64/system.h"
#include "../interp/fp_core.h"
#include "internal.h"
#include "x86_64/lower.h"

const char *const dbt_statistics[STAT_COUNT + 1] = {
    [STAT_EXIT_LOOKUP] = "exits: indirect branch",
    [STAT_EXIT_LINK] = "exits: direct branch",
    [STAT_EXIT_ATTENTION] = "exits: attention",
    [STAT_EXIT_STATUS] = "exits: instruction",
    [STAT_EXIT_FOLLOWED] = "exits: exception",
    [STAT_GONE_ON] = "exceptions and returns without an exit",
    [STAT_INTERPRETED] = "interpreted instructions",
    [STAT_BLOCKS] = "translated blocks",
    [STAT_INSNS] = "translated instructions",
    [STAT_GUEST_BYTES] = "translated bytes",
    [STAT_CODE_BYTES] = "bytes of host code",
    [STAT_COLD_BYTES] = "bytes of host code, rare paths",
    [STAT_NANOSECONDS] = "nanoseconds of translation",
    [STAT_TAKEN] = "blocks from the code cache",
    [STAT_TAKEN_INSNS] = "guest instructions in them",
    [STAT_EVICTIONS] = "regions of code emptied",
    [STAT_EVICTED] = "blocks in them",
    [STAT_FORGETS] = "address caches emptied",
    [STAT_FORGETS_LOCAL] = "address caches of EL0 emptied",
    [STAT_FORGETS_RANGE] = "ranges left by address caches",
    [STAT_PAGE_CHECKS] = "code pages compared",
    [STAT_STALE] = "blocks dropped",
    [STAT_CHECKED] = "blocks run by both engines",
    [STAT_NOT_CHECKED] = "blocks run by one, with --engine-check",
    [STAT_REFILLS] = "page cache misses: TLB hits in emitted code",
    [STAT_FILL_HITS] = "page cache misses: TLB hits in C",
    [STAT_FILL_MISSES] = "page cache misses: left to the slow path",
    [STAT_TLB_RUNS] = "TLB misses: answered by a known run of pages",
    [STAT_TLB_WALKS] = "TLB misses: walks of the guest's tables",
    [STAT_WINDOWS] = "windows made",
    [STAT_WINDOW_PAGES] = "guest pages in them",
};

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void dbt_count(const struct a64_cpu *cpu, uint64_t *values)
{
    const struct dbt *dbt = cpu->engine;
    const double passed = (double)(target_clock() - dbt->began_clock);
    const double tick = passed > 0 ? (double)(nanoseconds() - dbt->began) / passed : 0;
    for (unsigned i = 0; i < STAT_COUNT; i++)
        values[i] +=
            i == STAT_NANOSECONDS ? (uint64_t)((double)dbt->stats[i] * tick) : dbt->stats[i];
    values[STAT_REFILLS] += dbt->hot->refills;
    values[STAT_TLB_RUNS] += cpu->mmu->run_hits;
    values[STAT_TLB_WALKS] += cpu->mmu->walks;
}

/* Leaf 7 of CPUID; not every compiler has names for all of it. */
static unsigned extended_features(bool ecx)
{
    unsigned a, b = 0, c = 0, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) ? (ecx ? c : b) : 0;
}

static void find_features(struct dbt *dbt)
{
    const unsigned ebx = extended_features(false), ecx = extended_features(true);
    __builtin_cpu_init();
    const bool avx2 = dbt->cpu->sys->knobs.avx2;
    dbt->avx512 = !avx2 && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    dbt->avx512vnni = dbt->avx512 && __builtin_cpu_supports("avx512vnni");
    dbt->avx512cd = dbt->avx512 && __builtin_cpu_supports("avx512cd");
    dbt->avx512bitalg = dbt->avx512 && __builtin_cpu_supports("avx512bitalg");
    dbt->vaes = dbt->avx512 && ecx >> 9 & 1 && ecx >> 10 & 1;
    dbt->gfni = !avx2 && __builtin_cpu_supports("gfni");
    dbt->aes = __builtin_cpu_supports("aes");
    dbt->pclmul = __builtin_cpu_supports("pclmul");
    dbt->sha = ebx >> 29 & 1;
}

static void name_vectors(struct dbt *dbt)
{
    for (int n = 0; n < 32; n++) {
        /* The lower half of the host's takes shorter code, and more instructions exist there: it
         * holds what compilers use first, the registers that calls do not preserve. */
        const int low = n < 8 ? n : n >= 16 && n < 21 ? n - 8 : -1;
        const int high = n < 8 ? -1 : n < 16 ? n + 8 : n >= 21 && n < 29 ? n + 3 : -1;
        dbt->vhost[n] = (int8_t)(low >= 0 || !dbt->avx512 ? low : high);
    }
}

int dbt_init(struct a64_cpu *cpu)
{
    if (!dbt_host_ok())
        return -ENOTSUP;
    int status = interp_init(cpu);
    if (status)
        return status;
    struct dbt *dbt = calloc(1, sizeof(*dbt));
    if (!dbt) {
        interp_free(cpu);
        return -ENOMEM;
    }
    dbt->cpu = cpu;
    dbt->interp = cpu->engine;
    cpu->engine = dbt;
    dbt->began = nanoseconds();
    dbt->began_clock = target_clock();
    find_features(dbt);
    name_vectors(dbt);
    dbt->lower = malloc(sizeof(*dbt->lower));
    if (dbt->lower)
        dbt_lower_prepare(dbt->lower);
    status = dbt->lower && !dbt_check_create(dbt) ? dbt_code_create(dbt) : -ENOMEM;
    if (status) {
        dbt_free(cpu);
        return status;
    }
    dbt->hot->system_generation = &cpu->sys->code_generation;
    dbt->hot->tlb = cpu->mmu->tlb;
    dbt->hot->functions = (uintptr_t)interp_init;
    dbt->hot->slots = dbt->hot->slot;
    dbt->hot->held = &dbt->held;
    for (unsigned writes = 0; writes < 2; writes++)
        dbt->hot->piece_table[writes] = cpu->mmu->piece[writes];
    dbt_emit_stubs(dbt);
    dbt_code_begin(dbt);
    dbt_kept_attach(dbt);
    dbt_perf_open(dbt);
    return 0;
}

void dbt_free(struct a64_cpu *cpu)
{
    struct dbt *dbt = cpu->engine;
    if (!dbt)
        return;
    dbt_kept_detach(dbt);
    dbt_perf_close(dbt);
    dbt_check_destroy(dbt);
    dbt_windows_free(dbt);
    dbt_code_destroy(dbt);
    cpu->engine = dbt->interp;
    interp_free(cpu);
    free(dbt->lower);
    free(dbt);
}

/* The block at cpu->pc. NULL: cpu->exc says why the instruction cannot be fetched. */
static struct dbt_block *find_block(struct dbt *dbt, unsigned mode)
{
    struct a64_cpu *cpu = dbt->cpu;
    uint64_t pa;
    bool guarded;
    const uint32_t *host = a64_fetch_host(cpu, cpu->pc, &pa, &guarded);
    if (!host)
        return NULL;
    const uint32_t *page = host - (pa & A64_PAGE_MASK) / 4;
    if (guarded && a64_has(&cpu->feat, A64_FEAT_BTI))
        mode |= DBT_GUARDED;
    dbt_find_soon(dbt, pa, mode);
    __builtin_prefetch(host);
    if (!dbt_page(dbt, pa & ~A64_PAGE_MASK, page))
        abort();
    struct dbt_block *block = dbt_find(dbt, pa, mode);
    if (!block && dbt->kept)
        block = dbt_wake(dbt, pa, page, mode);
    if (!block)
        block = dbt_translate(dbt, pa, page, mode);
    if (!block)
        abort();
    return block;
}

/* ---- running ---- */

/* Runs one instruction, or takes one exception; true: leave with *STOP. */
static bool interpret(struct dbt *dbt, enum engine_stop *stop)
{
    struct a64_cpu *cpu = dbt->cpu;
    cpu->engine = dbt->interp;
    if (cpu->ps.btype)
        cpu->watch |= A64_F_ANY;
    *stop = interp_step(cpu);
    cpu->engine = dbt;
    dbt->stats[STAT_INTERPRETED]++;
    return *stop != ENGINE_SLICE;
}

/* What led to a block, to lead there directly from now on. */
struct way {
    enum dbt_exit from;
    uint32_t arg;
    uint32_t evictions;
    unsigned mode; /* what the block's must have beside the CPU's: DBT_MODE_SINGLE or nothing */
    unsigned entered; /* the CPU's mode before what led there was run */
};

/* Whether it went by the jump cache, or would have. */
static bool by_jump_cache(const struct way *way)
{
    return way->from == DBT_EXIT_LOOKUP || way->from == DBT_EXIT_FOLLOWED;
}

/* Has the host's caches fetch what shorten() will write: much of what leads to new blocks was never looked at. */
static void shorten_soon(const struct dbt *dbt, const struct way *way)
{
    const uint32_t jump = dbt_jump_of(dbt->cpu->pc);
    if (way->from == DBT_EXIT_LINK)
        __builtin_prefetch(&dbt->links[way->arg], 1);
    if (!by_jump_cache(way))
        return;
    __builtin_prefetch(&dbt->links[jump], 1);
    __builtin_prefetch(&dbt->hot->slot[jump], 1);
}

/* What the mode says of FPCR may change while a block runs, when the first inexact result comes: a
 * jump is made direct where it did not. */
static void shorten(struct dbt *dbt, const struct way *way, unsigned mode, struct dbt_block *block)
{
    struct a64_cpu *cpu = dbt->cpu;
    const bool global =
        cpu->ps.el && a64_tlb_is_global(a64_tlb_slot(cpu->mmu, cpu->pc, cpu->mmu->ctx_fetch));
    const bool jump = way->from == DBT_EXIT_LINK && dbt->links[way->arg].jump;
    if (cpu->sys->knobs.every_block || (!jump && a64_tlb_is_brief(cpu, cpu->pc)))
        return;
    if (by_jump_cache(way))
        dbt_connect_slot(dbt, dbt_jump_of(cpu->pc), block,
                         (struct dbt_slot){.tag = cpu->pc, .mode = (uint16_t)mode}, global);
    if (way->from != DBT_EXIT_LINK || way->evictions != dbt->evictions ||
        (way->entered ^ mode) & (DBT_MODE_FPCR | DBT_MODE_FZ))
        return;
    if (dbt->links[way->arg].jump)
        dbt_connect(dbt, way->arg, block);
    else
        dbt_connect_slot(dbt, way->arg, block, (struct dbt_slot){.tag = cpu->pc & ~A64_PAGE_MASK}, global);
}

void dbt_run_code(struct dbt *dbt, uint32_t offset)
{
    struct a64_cpu *cpu = dbt->cpu;
    struct dbt_hot *hot = dbt->hot;
    dbt_before_entry(dbt);
    hot->mxcsr_host = __builtin_ia32_stmxcsr();
    dbt_enter(dbt, offset);
    cpu->nzcv = dbt_flags_to(cpu, hot->flags);
    dbt->stats[hot->exit]++;
    if (hot->exit == DBT_EXIT_LOOKUP)
        cpu->pc = a64_branch_address(cpu, cpu->pc);
    else if (hot->exit == DBT_EXIT_LINK)
        cpu->pc = hot->page + dbt->links[hot->exit_arg].place * 4;
}

/* Once in 256 times. */
static bool must_evict(struct dbt *dbt)
{
    if (!dbt->cpu->sys->knobs.evict)
        return false;
    dbt->random = dbt->random * 6364136223846793005u + 1442695040888963407u;
    return dbt->random >> 56 == 0;
}

/* Empties a region, or all. */
static void evict(struct dbt *dbt)
{
    if (dbt->random >> 55 & 1)
        dbt_flush(dbt);
    else
        dbt_next_region(dbt);
}

/* Runs BLOCK, at cpu->pc, in MODE; true: leave the engine with *STOP. */
static bool run_block(struct dbt *dbt, const struct dbt_block *block, unsigned mode,
                      struct way *way, enum engine_stop *stop)
{
    const struct dbt_hot *hot = dbt->hot;
    dbt_run_code(dbt, block->code);
    *way = (struct way){
        .from = (enum dbt_exit)hot->exit,
        .arg = (uint32_t)hot->exit_arg,
        .evictions = dbt->evictions,
        .entered = mode,
    };
    switch (way->from) {
    case DBT_EXIT_LINK:
        way->mode = dbt->links[way->arg].single ? DBT_MODE_SINGLE : 0;
        break;
    case DBT_EXIT_STATUS:
        return dbt_follow_status(dbt, stop);
    case DBT_EXIT_ATTENTION:
        dbt_windows_sample(dbt);
        break;
    default:
        break;
    }
    return false;
}

/* Enters at cpu->pc; true: leave the engine with *STOP. */
static bool run_once(struct dbt *dbt, struct way *way, enum engine_stop *stop)
{
    struct a64_cpu *cpu = dbt->cpu;
    const unsigned mode = dbt_mode(cpu);
    if (must_evict(dbt))
        evict(dbt);
    dbt_follow(dbt, mode);
    shorten_soon(dbt, way);
    struct dbt_block *block = find_block(dbt, mode | way->mode);
    if (!block) {
        *way = (struct way){.from = DBT_EXIT_STATUS};
        return engine_must_stop(cpu, A64_FAULT, stop);
    }
    shorten(dbt, way, mode, block);
    *way = (struct way){.from = DBT_EXIT_STATUS};
    if (cpu->slice_end - cpu->icount < block->count)
        return interpret(dbt, stop);

    if (dbt->check)
        dbt_check_before(dbt, block);
    const bool leave = run_block(dbt, block, mode, way, stop);
    if (dbt->check)
        dbt_check_after(dbt, block);
    return leave;
}

enum engine_stop dbt_run(struct a64_cpu *cpu)
{
    struct dbt *dbt = cpu->engine;
    struct way way = {.from = DBT_EXIT_STATUS};
    enum engine_stop stop;
    bool taken;
    for (;;) {
        if (atomic_load_explicit(&cpu->attention, memory_order_relaxed)) {
            way = (struct way){.from = DBT_EXIT_STATUS};
            if (!engine_serve_attention(cpu, &taken))
                return ENGINE_ATTENTION;
        }
        if (cpu->icount >= cpu->slice_end)
            return ENGINE_SLICE;
        if (cpu->watch & A64_F_ANY) {
            way = (struct way){.from = DBT_EXIT_STATUS};
            if (interpret(dbt, &stop))
                return stop;
        } else if (run_once(dbt, &way, &stop)) {
            return stop;
        }
    }
}
