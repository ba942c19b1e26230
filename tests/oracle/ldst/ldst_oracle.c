/* SPDX-License-Identifier: MIT */
/* Holds the load and store rows of the decode table against qemu-aarch64: random encodings of every
 * row, random registers and memory, aimed at 512 bytes that straddle a page boundary; registers,
 * stack pointer, vectors and those bytes must come out the same. Nothing faults here:
 * tests/unit/test_ldst.c is about that.
 *
 *     ldst_oracle GUEST [CASES [SEED [ROW-PREFIX]]]
 *
 * GUEST is guest.c built for AArch64. CASES defaults to 200,000 times POMONA_TEST_SCALE percent.
 * Exits 77 if there is no qemu. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../../src/a64/dis.h"
#include "../../../src/a64/monitor.h"
#include "../../unit/ldst_bench.h"
#include "../guest_pipe.h"
#include "case.h"

#define CLREX 0xd5033f5fu
#define SHOWN 2 /* differences printed for a row */

_Static_assert(LDST_DATA == BENCH_VA, "the guest and the bench have their memory at one address");

struct oracle {
    struct bench bench;
    const struct a64_row *rows[A64_ROW_COUNT];
    unsigned row_count, next_row;
    struct guest_pipe guest;
    uint64_t done, wrong;
    unsigned wrong_by_row[A64_ROW_COUNT];
};

static unsigned pick(struct oracle *o, unsigned count)
{
    return (unsigned)(bench_random(&o->bench) >> 33) % count;
}

static bool is_class(const struct a64_row *row, const char *prefix)
{
    return strncmp(row->group, prefix, strlen(prefix)) == 0;
}

/* Classes that qemu before 8.1, which has no FEAT_LSE2, wants aligned. */
static bool must_align(const struct a64_row *row)
{
    return is_class(row, "ldstexcl") || is_class(row, "ldstord") || is_class(row, "comswap") ||
           is_class(row, "memop") || is_class(row, "ldapstl");
}

/* An address in the window where BYTES bytes of ROW do not fault: often aligned. */
static uint64_t choose_address(struct oracle *o, const struct a64_row *row, unsigned bytes)
{
    const uint64_t va = LDST_WINDOW + pick(o, LDST_BYTES - bytes + 1);
    if (must_align(row) || (pick(o, 2) && (bytes & (bytes - 1)) == 0))
        return va & -(uint64_t)bytes;
    return is_class(row, "loadlit") ? va & ~3ull : va;
}

/* The load-exclusive of the same address and size, to x16 and x17. */
static uint32_t load_exclusive_for(uint32_t word)
{
    const uint32_t pair = word >> 21 & 1;
    return (word & 0xffe003e0) | 1u << 22 | 0x1fu << 16 | (pair ? 17u : 31u) << 10 | 16;
}

static void make_case(struct oracle *o, struct ldst_case *c, unsigned index)
{
    const struct a64_row *row = o->rows[o->next_row++ % o->row_count];
    struct a64_cpu *cpu = o->bench.cpu;
    uint32_t word = bench_random_word(&o->bench, row);
    const unsigned n = word >> 5 & 31, s = word >> 16 & 31;
    const unsigned bytes = bench_aim(&o->bench, word, 0);
    const uint64_t va = choose_address(o, row, bytes);
    bench_aim(&o->bench, word, va);
    if (is_class(row, "loadlit"))
        word = (word & ~0x00ffffe0u) | (uint32_t)((va - ldst_pc(index)) >> 2 & 0x7ffff) << 5;
    c->word = word;
    c->first = CLREX;
    if (is_class(row, "ldstexcl") && row->flags & A64_F_MW && pick(o, 4))
        c->first = load_exclusive_for(word);
    for (unsigned i = 0; i < LDST_BYTES; i += 8) {
        const uint64_t value = bench_random(&o->bench);
        memcpy(c->state.memory + i, &value, 8);
    }
    if (is_class(row, "comswap") && n != s && n != s + 1 && pick(o, 2)) /* let it succeed */
        memcpy(&cpu->x[s], c->state.memory + (va - LDST_WINDOW), bytes);
    cpu->x[31] = 0;
    memcpy(c->state.x, cpu->x, sizeof c->state.x);
    memcpy(c->state.v, cpu->v, sizeof c->state.v);
    c->state.sp = cpu->sp;
}

static void run_ours(struct oracle *o, const struct ldst_case *c, unsigned index,
                     struct ldst_state *state)
{
    struct a64_cpu *cpu = o->bench.cpu;
    memcpy(cpu->x, state->x, sizeof state->x);
    memcpy(cpu->v, state->v, sizeof state->v);
    memcpy(bench_at(&o->bench, LDST_WINDOW), state->memory, sizeof state->memory);
    cpu->sp = state->sp;
    cpu->pc = ldst_pc(index);
    a64_clear_exclusive(cpu);
    if ((c->first != CLREX && bench_run(cpu, c->first)) || bench_run(cpu, c->word))
        printf("%08x faulted\n", c->word);
    memcpy(state->x, cpu->x, sizeof state->x);
    memcpy(state->v, cpu->v, sizeof state->v);
    memcpy(state->memory, bench_at(&o->bench, LDST_WINDOW), sizeof state->memory);
    state->sp = cpu->sp;
}

static void print_difference(const struct ldst_state *theirs, const struct ldst_state *ours)
{
    for (unsigned i = 0; i < 16; i++)
        if (theirs->x[i] != ours->x[i])
            printf("    x%u: qemu %016lx, ours %016lx\n", i, theirs->x[i], ours->x[i]);
    if (theirs->sp != ours->sp)
        printf("    sp: qemu %016lx, ours %016lx\n", theirs->sp, ours->sp);
    for (unsigned i = 0; i < 32; i++)
        if (memcmp(theirs->v[i], ours->v[i], 16))
            printf("    v%u: qemu %016lx:%016lx, ours %016lx:%016lx\n", i, theirs->v[i][1],
                   theirs->v[i][0], ours->v[i][1], ours->v[i][0]);
    for (unsigned i = 0; i < LDST_BYTES; i++)
        if (theirs->memory[i] != ours->memory[i]) {
            printf("    memory from byte %u\n", i);
            return;
        }
}

static void compare(struct oracle *o, const struct ldst_case *c, unsigned index,
                    const struct ldst_state *theirs)
{
    struct ldst_state ours = c->state;
    const struct a64_row *row = a64_decode(c->word);
    run_ours(o, c, index, &ours);
    o->done++;
    if (!memcmp(&ours, theirs, sizeof ours))
        return;
    o->wrong++;
    if (o->wrong_by_row[row - a64_rows]++ >= SHOWN)
        return;
    char text[160];
    printf("%s: %08x %s\n", row->name, c->word,
           a64_disassemble(c->word, ldst_pc(index), text, sizeof text));
    print_difference(theirs, &ours);
}

static void run_batch(struct oracle *o)
{
    static struct ldst_case cases[LDST_BATCH];
    static struct ldst_state results[LDST_BATCH];
    memset(cases, 0, sizeof cases);
    for (unsigned i = 0; i < LDST_BATCH; i++)
        make_case(o, &cases[i], i);
    guest_transfer(o->guest.to, cases, sizeof cases, true);
    guest_transfer(o->guest.from, results, sizeof results, false);
    for (unsigned i = 0; i < LDST_BATCH; i++)
        compare(o, &cases[i], i, &results[i]);
}

int main(int argc, char **argv)
{
    static struct oracle o;
    if (argc < 2) {
        fprintf(stderr, "usage: ldst_oracle GUEST [CASES [SEED [ROW-PREFIX]]]\n");
        return 2;
    }
    if (!argv[1][0] || !guest_have_qemu()) {
        printf("skipped: no qemu-aarch64, or no AArch64 compiler for its guest\n");
        return GUEST_SKIP;
    }
    const uint64_t cases = argc > 2 ? strtoull(argv[2], NULL, 0) : guest_default_cases(200000);
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL);
    const char *prefix = argc > 4 ? argv[4] : "";
    bench_init(&o.bench, seed);
    for (unsigned i = 0; i < A64_ROW_COUNT; i++)
        if (bench_is_memory_row(&a64_rows[i]) && !strncmp(a64_rows[i].name, prefix, strlen(prefix)))
            o.rows[o.row_count++] = &a64_rows[i];
    if (!o.row_count)
        return 2;
    guest_start(&o.guest, argv[1]);
    while (o.done < cases)
        run_batch(&o);
    guest_end(&o.guest);
    guest_report_rows("qemu-ldst", o.rows, o.row_count, o.done);
    printf("seed %lu: %lu cases of %u rows, %lu differ from qemu-aarch64\n", seed, o.done,
           o.row_count, o.wrong);
    bench_free(&o.bench);
    return o.wrong != 0;
}
