/* SPDX-License-Identifier: MIT */
/* See ldst_bench.h. The tables are one each of level 1, 2 and 3 at the start of memory. */

#include "ldst_bench.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/a64/exception.h"
#include "../../src/a64/model.h"
#include "../../src/a64/monitor.h"

#define TABLES    3u
#define PAGE      4096u
#define DESC_PAGE (3ull | 1 << 6 | 3 << 8 | 1 << 10) /* valid, EL0, inner shareable, accessed */
#define DESC_RO   (1ull << 7)
#define TCR       (25ull | 1ull << 23 | 1ull << 32) /* 39-bit TTBR0, EPD1, 36-bit PA */
#define SCTLR_M   1ull

static bool bus_page(void *ctx, uint64_t pa, struct a64_page *out)
{
    const struct bench *bench = ctx;
    const uint64_t offset = pa - BENCH_PA;
    if (offset >= (uint64_t)(TABLES + BENCH_PAGES) * PAGE)
        return false;
    *out = (struct a64_page){.host = bench->ram + offset, .flags = 7};
    return true;
}

static uint64_t clock_now(struct a64_cpu *cpu)
{
    return 0;
}

static uint64_t clock_icount_at(struct a64_cpu *cpu, uint64_t ticks)
{
    return 0;
}

static void kick(struct a64_cpu *cpu)
{
}

struct a64_cpu *bench_add_cpu(struct bench *bench)
{
    struct a64_cpu *cpu = calloc(1, sizeof *cpu);
    struct a64_model_options options = {.pa_bits = 0};
    if (!cpu || a64_cpu_init(cpu, &bench->sys, a64_model_find("apple-m1"), &options))
        abort();
    cpu->index = bench->sys.cpu_count;
    bench->sys.cpus[bench->sys.cpu_count++] = cpu;
    a64_monitor_attach(cpu);
    cpu->sr.tcr[1] = TCR;
    cpu->sr.mair[1] = 0xff;
    cpu->sr.ttbr0[1] = BENCH_PA;
    cpu->sr.sctlr[1] = SCTLR_M;
    a64_select_el(cpu, 0, 0);
    a64_mmu_update(cpu);
    return cpu;
}

void bench_map(struct bench *bench, unsigned page, enum bench_map how)
{
    uint64_t *table = (uint64_t *)(bench->ram + 2 * PAGE);
    uint64_t desc = (BENCH_PA + (uint64_t)(TABLES + page) * PAGE) | DESC_PAGE;
    if (how == BENCH_READ_ONLY)
        desc |= DESC_RO;
    table[(BENCH_VA >> 12 & 511) + page] = how == BENCH_NONE ? 0 : desc;
    for (unsigned i = 0; i < bench->sys.cpu_count; i++)
        a64_tlb_flush(bench->sys.cpus[i]);
}

void bench_init(struct bench *bench, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    bench->seed = seed;
    bench->ram = aligned_alloc(PAGE, (size_t)(TABLES + BENCH_PAGES) * PAGE);
    if (!bench->ram)
        abort();
    memset(bench->ram, 0, (size_t)(TABLES + BENCH_PAGES) * PAGE);
    uint64_t *level1 = (uint64_t *)bench->ram, *level2 = (uint64_t *)(bench->ram + PAGE);
    level1[BENCH_VA >> 30 & 511] = (BENCH_PA + PAGE) | 3;
    level2[BENCH_VA >> 21 & 511] = (BENCH_PA + 2 * PAGE) | 3;
    for (unsigned page = 0; page < BENCH_PAGES; page++)
        bench_map(bench, page, BENCH_READ_WRITE);
    bench->sys.bus = (struct a64_bus){.page = bus_page, .ctx = bench};
    bench->sys.clock = (struct a64_clock){.now = clock_now, .icount_at = clock_icount_at};
    bench->sys.kick = kick;
    pthread_mutex_init(&bench->sys.lock, NULL);
    if (a64_monitor_create(&bench->sys))
        abort();
    bench->cpu = bench_add_cpu(bench);
}

void bench_free(struct bench *bench)
{
    for (unsigned i = 0; i < bench->sys.cpu_count; i++) {
        a64_monitor_detach(bench->sys.cpus[i]);
        a64_cpu_free(bench->sys.cpus[i]);
        free(bench->sys.cpus[i]);
    }
    a64_monitor_destroy(&bench->sys);
    pthread_mutex_destroy(&bench->sys.lock);
    free(bench->ram);
}

/* splitmix64 */
uint64_t bench_random(struct bench *bench)
{
    uint64_t z = bench->seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint8_t *bench_at(struct bench *bench, uint64_t va)
{
    return bench->ram + (size_t)TABLES * PAGE + (va - BENCH_VA);
}

/* ---- words ---- */

bool bench_is_memory_row(const struct a64_row *row)
{
    const bool load_or_store = (row->value & 0x0a000000) == 0x08000000;
    return load_or_store && row->implemented && row->flags & (A64_F_MR | A64_F_MW) &&
           row->feat != A64_FEAT_PAuth;
}

static void set_field(uint32_t *word, const char *pattern, char letter, uint64_t value)
{
    for (int position = 31; position >= 0; position--)
        if (pattern[position] == letter) {
            *word = (*word & ~(1u << (31 - position))) | (uint32_t)(value & 1) << (31 - position);
            value >>= 1;
        }
}

static bool names(const char *set, char letter)
{
    return set && strchr(set, letter);
}

/* Registers that must differ: the base from whatever is loaded or (with write-back) stored, STXR's
 * result from all else, the two targets of a pair. */
static bool unpredictable(const struct a64_row *row, uint32_t word)
{
    const unsigned t = word & 31, n = word >> 5 & 31, u = word >> 10 & 31, s = word >> 16 & 31;
    const bool write_back = names(row->wx, 'n'),
               status = names(row->wx, 's') && names(row->rx, 't');
    const bool general = names(row->rx, 't') || names(row->wx, 't'),
               two = strchr(row->pattern, 'u');
    if (general && n == t && n != 31 && (write_back || status))
        return true;
    if (general && two && n == u && n != 31 && (write_back || status))
        return true;
    if (two && t == u && row->flags & A64_F_MR)
        return true;
    return status && (s == t || s == n || (two && s == u));
}

uint32_t bench_random_word(struct bench *bench, const struct a64_row *row)
{
    for (;;) {
        uint32_t word = row->value;
        for (char letter = 'A'; letter <= 'z'; letter++) {
            uint64_t value = bench_random(bench) >> 32;
            const bool general = names(row->rx, letter) || names(row->wx, letter);
            if (general)
                value = value >> 8 & 7 ? value & 15 : 31;
            if (letter == 'm' && value == 31)
                value = 5;
            if (letter != 'x')
                set_field(&word, row->pattern, letter, value);
        }
        const unsigned n = word >> 5 & 31, m = word >> 16 & 31;
        if (names(row->rx, 'm') && m == n)
            continue; /* could not be aimed */
        if (a64_decode(word) == row && !unpredictable(row, word))
            return word;
    }
}

unsigned bench_aim(struct bench *bench, uint32_t word, uint64_t va)
{
    struct a64_cpu *cpu = bench->cpu;
    const unsigned n = word >> 5 & 31;
    for (unsigned i = 0; i < 31; i++)
        cpu->x[i] = bench_random(bench);
    for (unsigned i = 0; i < 32; i++)
        cpu->v[i] = (union a64_vreg){.d = {bench_random(bench), bench_random(bench)}};
    cpu->x[31] = 0;
    cpu->pc = 0;
    struct a64_mmio_plan plan;
    const struct a64_mmio_regs regs = bench_regs(cpu);
    if (!names(a64_decode(word)->rx, 'n')) {
        a64_mmio_decode(&plan, word, 0, 0, &regs);
        cpu->pc = va - plan.va;
        return plan.bytes;
    }
    a64_set_xsp(cpu, n, 0);
    a64_mmio_decode(&plan, word, 0, 0, &regs);
    a64_set_xsp(cpu, n, va - plan.va);
    return plan.bytes;
}

int bench_run(struct a64_cpu *cpu, uint32_t word)
{
    struct a64_insn insn;
    a64_insn_decode(&insn, word, &cpu->feat);
    return insn.exec(cpu, &insn);
}

/* ---- registers for the emulation of device accesses ---- */

static uint64_t get_x(void *ctx, unsigned n)
{
    return ((struct a64_cpu *)ctx)->x[n];
}

static void set_x(void *ctx, unsigned n, uint64_t value)
{
    ((struct a64_cpu *)ctx)->x[n] = value;
}

static uint64_t get_sp(void *ctx)
{
    return ((struct a64_cpu *)ctx)->sp;
}

static void set_sp(void *ctx, uint64_t value)
{
    ((struct a64_cpu *)ctx)->sp = value;
}

static void get_v(void *ctx, unsigned n, uint8_t value[16])
{
    memcpy(value, ((struct a64_cpu *)ctx)->v[n].b, 16);
}

static void set_v(void *ctx, unsigned n, const uint8_t value[16])
{
    memcpy(((struct a64_cpu *)ctx)->v[n].b, value, 16);
}

struct a64_mmio_regs bench_regs(struct a64_cpu *cpu)
{
    return (struct a64_mmio_regs){.ctx = cpu,
                                  .get_x = get_x,
                                  .set_x = set_x,
                                  .get_sp = get_sp,
                                  .set_sp = set_sp,
                                  .get_v = get_v,
                                  .set_v = set_v};
}
