/* SPDX-License-Identifier: MIT */
/* What the translator emits, as bytes, for the code of two processes to be compared: a kept code
 * cache is an image of code memory, so no block may have an address in it that another process does
 * not have there.
 *
 *     image [--apart] [KNOBS]
 *
 * Prints for each block its mode and place, then its code, rare paths and constants: every row in
 * every mode that its code may depend on, a block each, and the text of random programs, which has
 * loops, groups and strips. On stderr, where things lie in this process: a comparison says
 * something only if each of these differs.
 *
 * Nothing runs. Whether the code is right is shown elsewhere. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dbt/internal.h"
#include "program.h"

#define ENCODINGS  4u /* of a row in a mode */
#define PROGRAMS   40u
#define NEXT       0x14000001u /* B to the next instruction: ends a block */
#define PAGE_BYTES (DBT_PAGE_WORDS * 4)

static const unsigned modes[] = {
    0,
    1,
    1 | DBT_MODE_PAN | DBT_MODE_UAO,
    2 | DBT_MODE_HOST,
    DBT_MODE_NO_FP,
    DBT_MODE_SP_BAD,
    DBT_MODE_ALIGN,
    DBT_MODE_COUNT,
    2 << DBT_BTYPE_SHIFT,
    DBT_MODE_FPCR,
    DBT_MODE_FZ,
    DBT_MODE_MANY,
    1 | DBT_MODE_MANY | DBT_MODE_COUNT,
    DBT_MODE_SINGLE,
};

static void print_bytes(const struct dbt *dbt, size_t from, size_t to)
{
    static const char digits[] = "0123456789abcdef";
    putchar(' ');
    for (size_t i = from; i < to; i++) {
        putchar(digits[dbt->code[i] >> 4]);
        putchar(digits[dbt->code[i] & 15]);
    }
}

/* The block at PA; how many instructions it has. */
static unsigned emit(struct rig *rig, uint64_t pa, unsigned mode)
{
    struct dbt *dbt = rig->side[1].cpu->engine;
    /* What is made of an access may depend on which slots there are: so that a region's end changes
     * nothing. */
    const struct dbt_region before = *dbt->now;
    const uint32_t *page = rig_at(&rig->side[1], pa & ~A64_PAGE_MASK);
    const struct dbt_block *block = dbt_translate(dbt, pa, page, mode);
    if (!block || dbt->now->start != before.start) {
        fprintf(stderr, "the code memory is too small\n");
        exit(2);
    }
    printf("%04x %" PRIx64 " %08x", mode, pa, page[(pa & A64_PAGE_MASK) / 4]);
    print_bytes(dbt, before.code, dbt->now->code);
    print_bytes(dbt, before.cold, dbt->now->cold);
    print_bytes(dbt, dbt->now->literals, before.literals);
    putchar('\n');
    return block->count;
}

static void emit_row(struct rig *rig, const struct a64_row *row)
{
    struct dbt *dbt = rig->side[1].cpu->engine;
    for (unsigned k = 0; k < ENCODINGS; k++) {
        const uint32_t words[] = {words_of(rig, row, 1), NEXT};
        dbt_flush(dbt);
        rig_put_code(rig, RIG_CODE, words, 2);
        for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
            emit(rig, RIG_CODE, modes[i]);
    }
}

static void emit_program(struct program *program, uint64_t number)
{
    struct rig *rig = &program->rig;
    program_prepare(program, number);
    dbt_flush(rig->side[1].cpu->engine);
    for (unsigned at = 0; at < program->at;)
        at += emit(rig, RIG_CODE + at * 4, modes[number % (sizeof(modes) / sizeof(modes[0]))]);
}

/* Takes the memory that the host would have given next, but for a hole for what is small and one
 * for the code. */
static void move_apart(void)
{
    const size_t mebibyte = (size_t)1 << 20, taken = 1024 * mebibyte;
    const size_t room = DBT_CODE_SIZE + 256 * mebibyte;
    uint8_t *base =
        mmap(NULL, taken, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED || munmap(base + taken - 16 * mebibyte, 8 * mebibyte) ||
        munmap(base + 64 * mebibyte, room)) {
        perror("mmap");
        exit(2);
    }
}

/* Whatever code could be given the address of. */
static void print_layout(const struct rig *rig)
{
    const struct a64_cpu *cpu = rig->side[1].cpu;
    const struct dbt *dbt = cpu->engine;
    const struct {
        const char *name;
        uintptr_t at;
    } place[] = {
        {"code", (uintptr_t)dbt->code},
        {"tables", (uintptr_t)dbt->tables},
        {"cpu", (uintptr_t)cpu},
        {"dbt", (uintptr_t)dbt},
        {"ram", (uintptr_t)rig->side[1].ram},
        {"stack", (uintptr_t)&cpu},
        {"library", (uintptr_t)stdout},
        {"program", (uintptr_t)print_layout},
    };
    for (unsigned i = 0; i < sizeof(place) / sizeof(place[0]); i++)
        fprintf(stderr, "%s %" PRIxPTR " %" PRIxPTR "\n", place[i].name, place[i].at,
                place[i].at - place[0].at);
}

int main(int argc, char **argv)
{
    static const struct rig_world world = {.mmu = true};
    const bool apart = argc > 1 && !strcmp(argv[1], "--apart");
    const char *knobs = argc > 1 + apart ? argv[1 + apart] : NULL;
    struct program *program = calloc(1, sizeof(*program));
    if (!program)
        return 2;
    if (apart)
        move_apart();
    struct rig *rig = &program->rig;
    rig_create(rig, "max", true, (const char *const[]){"interp", "dbt"}, knobs, NULL);
    words_init(&program->words, "");
    print_layout(rig);
    rig_set_world(rig, &world);
    rig->seed = 1;
    for (unsigned i = 0; i < program->words.count; i++)
        emit_row(rig, program->words.row[i]);
    program->seed = 1;
    program->image = rig_image(program->seed);
    for (unsigned p = 0; p < PROGRAMS; p++)
        emit_program(program, p);
    rig_destroy(rig);
    free(program->image);
    free(program);
    return 0;
}
