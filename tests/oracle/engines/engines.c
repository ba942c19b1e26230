/* SPDX-License-Identifier: MIT */
/* Holds one engine against another: blocks of up to 32 random instructions of all rows of the
 * decode table, each run several times on random registers, at EL0 and EL1, with the MMU on and
 * off, both page sizes, traps, rounding modes; with an instruction budget that may end anywhere, or
 * none. Everything must come out equal: registers, memory, exceptions, exits, instruction counts.
 *
 *     engines [--first NAME] [--second NAME] [--knobs LIST] [--code-cache DIR] [--insns N]
 *             [--seed S] [--group-of-blocks G] [--rows PREFIX] [--model NAME] [--el2 1] [--show N]
 *             [--plant ROW]
 *
 * A group of blocks runs in one world; group G of seed S is always the same. A difference is
 * reduced to the instructions that it needs. --plant makes the second engine wrong at one row.
 * Exits 1 on a difference. */

#include <stdlib.h>
#include <string.h>

#include "a64/dis.h"
#include "a64/exception.h"
#include "arguments.h"
#include "rig.h"
#include "words.h"

#define BLOCK_MAX  32u
#define SLOT       256u /* bytes of code a block has */
#define FIRST_SLOT 128u /* so that every 16th straddles a page's end */
#define BLOCKS     64u  /* of a group */
#define RUNS       8u   /* of a block */
#define BUDGET     160u /* instructions of a run, where counted */
#define NOP        0xd503201fu
#define TRAIL      8u /* RIG_END behind a block */

struct block {
    uint32_t word[BLOCK_MAX + TRAIL];
    unsigned count; /* without RIG_END */
    uint64_t pa;
    uint64_t seed; /* of its runs */
};

struct oracle {
    struct rig rig;
    struct words words;
    uint8_t *image; /* the data before a block's first run */
    struct block block[BLOCKS];
    bool el2;
    uint64_t seed, insns, done, runs, differences, show;
    uint64_t row_runs[A64_ROW_COUNT]; /* that began in runs which did not end before them */
};

/* ---- worlds and blocks ---- */

#define SCTLR_BASE                                                                                 \
    (1ull << 2 | 1ull << 12 | 1ull << 4 | 1ull << 3 | 1ull << 16 | 1ull << 18 | 1ull << 11 |       \
     1ull << 22 | 1ull << 28 | 1ull << 29 | 1ull << 23)
/* A, SA, SA0, UMA, DZE, UCT, nTWI, nTWE, UCI, nAA and the keys' enables. */
#define SCTLR_RARE (1ull << 1)
#define SCTLR_VARIES                                                                               \
    (1ull << 3 | 1ull << 4 | 1ull << 6 | 1ull << 9 | 1ull << 14 | 1ull << 15 | 1ull << 16 |        \
     1ull << 18 | 1ull << 26 | 1ull << 27 | 1ull << 13 | 1ull << 30 | 1ull << 31 | 1ull << 35 |    \
     1ull << 36)

static struct rig_world random_world(struct oracle *o)
{
    struct rig *rig = &o->rig;
    const uint64_t random = rig_random(rig);
    struct rig_world world = {
        .el = random & 1,
        .mmu = random >> 1 & 7,
        .big = random >> 4 & 1,
        .counted = random >> 5 & 1,
        .fp_trapped = !(random >> 6 & 15),
        .high = random >> 10 & 1,
        .tbi = random >> 11 & 3,
        .pan = !(random >> 13 & 7),
        .uao = !(random >> 16 & 3),
        .btype_pages = !(random >> 18 & 3),
        .asid = (uint16_t)(random >> 20 & 7),
    };
    world.many = random >> 30 & 1;
    world.host = o->el2 && random >> 31 & 1;
    if (!(random >> 32 & 15) && !world.host)
        world.watchpoint = RIG_DATA_VA +
                           (rig_pick(rig, 2) ? 0 : (world.big ? 0x4000 : 0x1000) - 64) +
                           rig_pick(rig, 256);
    if (!(random >> 36 & 31) && !world.host)
        world.breakpoint = RIG_CODE + rig_pick(rig, BLOCKS * SLOT / 4) * 4;
    world.spsel = world.el && random >> 23 & 3;
    world.sctlr = SCTLR_BASE ^ (rig_random(rig) & rig_random(rig) & SCTLR_VARIES);
    if (!(random >> 25 & 15))
        world.sctlr |= SCTLR_RARE;
    if (random >> 29 & 1) /* FZ16, RMode, FZ, DN, AHP */
        world.fpcr = (uint32_t)(rig_random(rig) & rig_random(rig)) & 0x07c80000;
    return world;
}

static bool makes_d_of_n(const char *written, const char *read)
{
    return written && written[0] == 'd' && read && strchr(read, 'n');
}

/* An instruction works in place on what the one before it made: pairs that engines take together.
 */
static void chain(uint32_t *word)
{
    const struct a64_row *before = a64_decode(word[-1]), *row = a64_decode(word[0]);
    const uint32_t d = word[-1] & 31, chained = (word[0] & ~0x3ffu) | d << 5 | d;
    if (!before || !row || a64_decode(chained) != row)
        return;
    if ((before->wv && makes_d_of_n(row->wv, row->rv)) ||
        (before->wx && makes_d_of_n(row->wx, row->rx)))
        word[0] = chained;
}

/* An instruction has the registers and sizes of the one before it, and the other half (Q). */
static void follow_half(uint32_t *word)
{
    const uint32_t operands = 1u << 30 | 3u << 22 | 0x1fu << 16 | 0x3ff;
    const struct a64_row *row = a64_decode(word[0]);
    const uint32_t other = (word[0] & ~operands) | ((word[-1] ^ 1u << 30) & operands);
    if (row && row->wv && a64_decode(other) == row)
        word[0] = other;
}

/* An instruction is the one before it, on the other half and with another Vn. */
static void again_on_half(struct rig *rig, uint32_t *word)
{
    const struct a64_row *row = a64_decode(word[-1]);
    const uint32_t other = ((word[-1] ^ 1u << 30) & ~0x3e0u) | rig_pick(rig, 32) << 5;
    if (row && row->wv && a64_decode(other) == row)
        word[0] = other;
}

/* An access is where the one before it is, at the sum of the same registers. */
static void same_sum(uint32_t *word)
{
    const uint32_t place = 0x1fu << 16 | 0xf << 12 | 0x1f << 5;
    const struct a64_row *before = a64_decode(word[-1]), *row = a64_decode(word[0]);
    const uint32_t same = (word[0] & ~place) | (word[-1] & place);
    if (before && row && !strcmp(before->group, "ldst_regoff") && a64_decode(same) == row &&
        !strcmp(row->group, "ldst_regoff"))
        word[0] = same;
}

static void random_block(struct oracle *o, unsigned index)
{
    struct rig *rig = &o->rig;
    struct block *block = &o->block[index];
    block->pa = RIG_CODE + FIRST_SLOT + index * SLOT;
    block->count = rig_pick(rig, 3) ? 1 + rig_pick(rig, BLOCK_MAX) : 1 + rig_pick(rig, 6);
    for (unsigned i = 0; i < block->count; i++)
        block->word[i] = words_random(&o->words, rig, block->count - i);
    for (unsigned i = 1; i < block->count; i++)
        if (!rig_pick(rig, 8))
            chain(&block->word[i]);
        else if (!rig_pick(rig, 8))
            follow_half(&block->word[i]);
        else if (!rig_pick(rig, 16))
            again_on_half(rig, &block->word[i]);
        else if (rig_pick(rig, 4))
            same_sum(&block->word[i]);
    for (unsigned i = block->count; i < BLOCK_MAX + TRAIL; i++)
        block->word[i] = RIG_END;
    block->seed = rig_random(rig);
    rig_put_code(rig, block->pa, block->word, BLOCK_MAX + TRAIL);
}

/* ---- runs ---- */

static void reset_memory(struct oracle *o)
{
    for (unsigned i = 0; i < 2; i++)
        memcpy(rig_at(&o->rig.side[i], RIG_DATA), o->image, rig_data_size(&o->rig));
}

/* Runs both sides from where they are. True: they agree. */
static bool run_once(struct oracle *o, uint64_t count, FILE *out)
{
    for (unsigned i = 0; i < 2; i++)
        rig_run(&o->rig.side[i], count);
    return rig_same_state(&o->rig, out);
}

/* One run of BLOCK on registers by SEED: in one go, or with a stop on the way. */
static bool run_block(struct oracle *o, const struct block *block, uint64_t seed, FILE *out)
{
    struct rig *rig = &o->rig;
    rig->seed = seed;
    rig_restart(rig);
    words_registers(rig);
    for (unsigned i = 0; i < 2; i++)
        rig->side[i].cpu->pc = block->pa;
    if (!rig->world.counted)
        return run_once(o, ~0ull, out);
    const unsigned stop = rig_pick(rig, 3) ? 0 : 1 + rig_pick(rig, block->count + 2);
    if (out)
        fprintf(out, " %u words before SMC, run%s %u\n", block->count,
                stop ? " with a stop after instruction" : ", stop", stop);
    if (stop && !run_once(o, stop, out))
        return false;
    if (stop && rig->side[0].stop != ENGINE_SLICE)
        return true;
    return run_once(o, BUDGET, out);
}

static uint64_t run_seed(const struct block *block, unsigned run)
{
    return block->seed + run * 0x100000001b3ull;
}

/* ---- reports ---- */

static void print_block(const struct block *block, FILE *out)
{
    for (unsigned i = 0; i < block->count; i++) {
        char text[160];
        if (block->word[i] != NOP)
            fprintf(out, "  %#lx: %08x  %s\n", block->pa + i * 4, block->word[i],
                    a64_disassemble(block->word[i], block->pa + i * 4, text, sizeof text));
    }
}

/* A run that shows the difference by itself, or none. Each begins with the memory that BEFORE
 * holds; NULL: whatever the runs before made of it. */
static bool differs(struct oracle *o, const struct block *block, uint64_t seed,
                    const uint8_t *before, FILE *out)
{
    for (unsigned i = 0; i < 2; i++)
        memcpy(rig_at(&o->rig.side[i], RIG_DATA), before, rig_data_size(&o->rig));
    const bool same = run_block(o, block, seed, out);
    return !(rig_same_memory(&o->rig, out) && same);
}

/* Replaces what the difference does not need by NOP; true if anything went. */
static bool reduce(struct oracle *o, struct block *block, uint64_t seed, const uint8_t *before)
{
    bool any = false;
    for (unsigned i = 0; i < block->count; i++) {
        const uint32_t word = block->word[i];
        if (word == NOP)
            continue;
        block->word[i] = NOP;
        rig_put_code(&o->rig, block->pa, block->word, BLOCK_MAX + TRAIL);
        if (differs(o, block, seed, before, NULL))
            any = true;
        else
            block->word[i] = word;
    }
    rig_put_code(&o->rig, block->pa, block->word, BLOCK_MAX + TRAIL);
    return any;
}

static void print_world(const struct rig_world *world, FILE *out)
{
    fprintf(out,
            "  EL%u spsel %u host %u CPUs %u mmu %u pages %s counted %u fp trapped %u sctlr %#lx "
            "tbi %lu pan %u uao %u guarded %u watchpoint %#lx breakpoint %#lx\n",
            world->el, world->spsel, world->host, world->many + 1, world->mmu,
            world->big ? "16K" : "4K", world->counted, world->fp_trapped, world->sctlr, world->tbi,
            world->pan, world->uao, world->btype_pages, world->watchpoint, world->breakpoint);
}

/* Finds the run of BLOCK after which the sides differ, reduces and prints it. */
static void investigate(struct oracle *o, uint64_t group, const struct block *original)
{
    struct rig *rig = &o->rig;
    struct block block = *original;
    const unsigned size = rig_data_size(rig);
    uint8_t *before = malloc(size);
    o->differences++;
    if (!before || o->differences > o->show) {
        free(before);
        return;
    }
    printf("difference: --seed %lu --group-of-blocks %lu, block at %#lx\n", o->seed, group,
           block.pa);
    print_world(&rig->world, stdout);
    reset_memory(o);
    unsigned run = 0;
    for (bool same = true; run < RUNS; run++) {
        memcpy(before, rig_at(&rig->side[0], RIG_DATA), size);
        same = run_block(o, &block, run_seed(&block, run), NULL);
        if (!(rig_same_memory(rig, NULL) && same))
            break;
    }
    if (run == RUNS || !differs(o, &block, run_seed(&block, run), before, NULL)) {
        printf(" not seen again when run alone; the whole block:\n");
        print_block(&block, stdout);
    } else {
        while (reduce(o, &block, run_seed(&block, run), before))
            ;
        print_block(&block, stdout);
        differs(o, &block, run_seed(&block, run), before, stdout);
        rig->seed = run_seed(&block, run);
        rig_restart(rig);
        words_registers(rig);
        printf(" it began with\n");
        rig_print_state(rig->side[0].cpu, stdout);
    }
    fflush(stdout);
    rig_put_code(rig, original->pa, original->word, BLOCK_MAX + TRAIL);
    free(before);
}

/* ---- the whole ---- */

/* Notes the rows that the run got to, going by where it ended. */
static void note_rows(struct oracle *o, const struct block *block, uint64_t retired)
{
    const uint64_t end = retired < block->count ? retired : block->count;
    for (unsigned i = 0; i < end; i++) {
        const struct a64_row *row = a64_decode(block->word[i]);
        if (row)
            o->row_runs[row - a64_rows]++;
    }
}

static void check_block(struct oracle *o, uint64_t group, const struct block *block)
{
    const struct a64_cpu *cpu = o->rig.side[0].cpu;
    bool same = true;
    reset_memory(o);
    for (unsigned run = 0; run < RUNS && same; run++) {
        const uint64_t before = cpu->icount;
        same = run_block(o, block, run_seed(block, run), NULL);
        o->done += cpu->icount - before;
        o->runs++;
        note_rows(o, block, cpu->icount - before + 1);
    }
    if (!same || !rig_same_memory(&o->rig, NULL))
        investigate(o, group, block);
}

static void check_group(struct oracle *o, uint64_t group)
{
    struct rig *rig = &o->rig;
    rig->seed = o->seed * 0x9e3779b97f4a7c15 + group * 0xc2b2ae3d27d4eb4f;
    const struct rig_world world = random_world(o);
    o->words.forward = !world.counted;
    rig_set_world(rig, &world);
    for (unsigned i = 0; i < BLOCKS; i++)
        random_block(o, i);
    for (unsigned i = 0; i < BLOCKS; i++)
        check_block(o, group, &o->block[i]);
}

static unsigned rows_met(const struct oracle *o)
{
    unsigned met = 0;
    for (unsigned i = 0; i < A64_ROW_COUNT; i++)
        met += o->row_runs[i] != 0;
    return met;
}

int main(int argc, char **argv)
{
    static struct oracle o;
    const char *rows = "", *plant = NULL;
    uint64_t insns = 2000000, first_group = 0, el2 = 0;
    bool one_group = false;
    const struct arguments_option own[] = {
        {"--insns", .number = &insns},
        {"--rows", .text = &rows},
        {"--el2", .number = &el2},
        {"--plant", .text = &plant},
        {"--group-of-blocks", .number = &first_group, .given = &one_group},
        {0},
    };
    struct arguments a = {.show = 5};
    arguments_parse(&a, own, argc, argv);
    arguments_plant(&a, plant);
    o.el2 = el2;
    rig_create(&o.rig, a.model, o.el2, a.engine, a.knobs, a.code_cache);
    words_init(&o.words, rows);
    if (!o.words.count)
        fprintf(stderr, "no row is named %s...\n", rows), exit(2);
    o.seed = a.seed;
    o.show = a.show;
    o.image = rig_image(a.seed);
    for (uint64_t group = first_group; one_group ? group == first_group : o.done < insns; group++)
        check_group(&o, group);
    printf("%s and %s, %s%s, seed %lu: %lu instructions in %lu runs, %u of %u rows, %lu blocks "
           "differ\n",
           a.engine[0], a.engine[1], a.model, o.el2 ? " with EL2" : "", o.seed, o.done, o.runs,
           rows_met(&o), o.words.count, o.differences);
    rig_destroy(&o.rig);
    free(o.image);
    return o.differences != 0;
}
