/* SPDX-License-Identifier: MIT */
/* Holds one engine against another at floating-point: every row, on values where results turn (NaNs
 * of all kinds, infinities, denormals, the least normal number and what rounds to it, halfway
 * cases, the ends of integers), alone: FPSR is read and cleared, or set to Inexact, behind each
 * instruction. In half of the worlds FPCR is 0, elsewhere its bits are random.
 *
 *     floats [--first NAME] [--second NAME] [--knobs LIST] [--code-cache DIR] [--cases N]
 *            [--seed S] [--rows PREFIX] [--model NAME] [--show N]
 *
 * N cases are tried of each row. Exits 1 on a difference. */

#include <stdlib.h>
#include <string.h>

#include "a64/dis.h"
#include "arguments.h"
#include "interp/fp_core.h"
#include "rig.h"
#include "words.h"

#define INSNS  10u /* tried in a block */
#define RUNS   64u /* of a block */
#define STRIDE 4u  /* words of an instruction with what is behind it */

#define MRS_FPSR(t)   (0xd53b4420u | (t))
#define MSR_FPSR(t)   (0xd51b4420u | (t))
#define EOR_ROR(d, m) (0xcac01c00u | (m) << 16 | (d) << 5 | (d)) /* EOR Xd, Xd, Xm, ROR #7 */

/* ---- values ---- */

/* What most numbers of a run are; 0: all kinds. */
struct theme {
    unsigned kind;
    bool even; /* few different fractions */
};

/* A number of EXP_BITS and FRAC_BITS where something turns. */
static uint64_t number(struct rig *rig, struct theme theme, unsigned exp_bits, unsigned frac_bits)
{
    uint64_t random = rig_random(rig);
    if (theme.kind && random >> 40 & 3)
        random = (random & ~(15ull << 3)) | theme.kind << 3;
    if (theme.even)
        random &= ~4ull;
    const int bias = (1 << (exp_bits - 1)) - 1;
    const uint64_t all = (1ull << frac_bits) - 1;
    const unsigned some = (unsigned)(random >> 8) & 63;
    const uint64_t ragged[8] = {0,
                                1,
                                all,
                                all - 1,
                                all >> 1,
                                (all >> 1) + 1,
                                all & ~0ull << (some % frac_bits),
                                rig_random(rig) & all};
    uint64_t frac = ragged[random & 7];
    int exp;
    switch (random >> 3 & 15) {
    case 0: /* zero, denormals */
    case 1:
        exp = -bias;
        break;
    case 2: /* around the least normal number */
        exp = 1 - bias + (int)(some & 3);
        break;
    case 3: /* infinities and NaNs */
        exp = bias + 1;
        if (some & 1)
            frac = some & 2 ? 0 : frac | (uint64_t)(some & 4) << (frac_bits - 3);
        break;
    case 4: /* whose products are the least normal number, about */
    case 5:
        exp = (1 - bias) / 2 + (int)(some & 3) - 1;
        break;
    case 6: /* whose quotients are */
        exp = (some & 1 ? bias : 1) / 2 + (int)(some >> 1 & 3) - (some & 1 ? 0 : bias / 2);
        break;
    case 7: /* around integers' ends */
        exp = (some & 3) * 16 + (some & 3 ? -1 : 0) + (int)(some >> 2 & 1);
        exp = exp > bias ? bias : exp;
        break;
    case 8: /* small integers and halves */
        exp = (int)(some & 7) - 1;
        frac &= ~0ull << (frac_bits - 3);
        break;
    case 9:
        exp = bias - (int)(some & 1);
        break;
    case 10:
        exp = (int)(some % (2u * (unsigned)bias)) - bias;
        break;
    default:
        exp = (int)(some & 15) - 4;
    }
    return (random >> 63) << (exp_bits + frac_bits) | (uint64_t)(exp + bias) << frac_bits |
           (frac & all);
}

/* 64 bits of a vector register: one double, two singles, four halves, or integers. */
static uint64_t elements(struct rig *rig, struct theme theme)
{
    uint64_t value = 0;
    switch (rig_pick(rig, 8)) {
    case 0:
    case 1:
    case 2:
        return number(rig, theme, 11, 52);
    case 3:
        for (unsigned i = 0; i < 4; i++)
            value = value << 16 | number(rig, theme, 5, 10);
        return value;
    case 4:
        value = rig_random(rig);
        return value & 1 ? value : value >> (value >> 1 & 63);
    default:
        return number(rig, theme, 8, 23) << 32 | number(rig, theme, 8, 23);
    }
}

static void set_registers(struct rig *rig)
{
    struct a64_cpu *cpu = rig->side[0].cpu, *other = rig->side[1].cpu;
    const unsigned pick = rig_pick(rig, 64);
    const struct theme theme = {pick < 16 ? pick : 0, pick & 1};
    for (unsigned n = 0; n < 31; n++)
        other->x[n] = cpu->x[n] = elements(rig, theme);
    for (unsigned n = 0; n < 32; n++) {
        const uint64_t low = elements(rig, theme);
        cpu->v[n] = (union a64_vreg){.d = {low, rig_pick(rig, 4) ? elements(rig, theme) : 0}};
        other->v[n] = cpu->v[n];
    }
    other->x[26] = cpu->x[26] = FPSR_IXC;
    other->nzcv = cpu->nzcv = (uint32_t)rig_random(rig) & 0xf0000000u;
    other->fpsr = cpu->fpsr = pick & 2 ? FPSR_IXC : 0;
    other->pc = cpu->pc = RIG_CODE;
}

/* ---- running ---- */

static bool wanted(const struct a64_row *row, const char *prefix)
{
    return row->implemented && row->flags & A64_F_FP && !(row->flags & (A64_F_MR | A64_F_MW)) &&
           (row->name[0] == 'F' || row->flags & A64_F_RC) &&
           !strncmp(row->name, prefix, strlen(prefix));
}

static void random_world(struct rig *rig)
{
    const uint64_t random = rig_random(rig);
    struct rig_world world = {.el = 1, .spsel = 1, .counted = random & 1};
    world.sctlr = 1ull << 11 | 1ull << 22 | 1ull << 28 | 1ull << 29;
    if (random >> 1 & 1) /* FZ16, RMode, FZ, DN, AHP */
        world.fpcr = (uint32_t)rig_random(rig) & (random >> 2 & 1 ? 0x07c80000 : 0x03c00000);
    rig->side[1].cpu->icount = rig->side[0].cpu->icount; /* not all worlds count */
    rig_set_world(rig, &world);
}

static void put_block(struct rig *rig, const struct a64_row *row)
{
    uint32_t words[INSNS * STRIDE + 8];
    unsigned at = 0;
    const bool inexact = rig->world.fpcr & FPCR_FZ && rig_pick(rig, 3);
    for (unsigned i = 0; i < INSNS; i++) {
        words[at++] = words_of(rig, row, 0);
        words[at++] = MRS_FPSR(28);
        words[at++] = MSR_FPSR(inexact ? 26 : 31);
        words[at++] = EOR_ROR(27, 28);
    }
    while (at < sizeof words / sizeof *words)
        words[at++] = RIG_END;
    rig_put_code(rig, RIG_CODE, words, at);
}

static void report(struct rig *rig, const struct a64_row *row, uint64_t seed)
{
    char text[160];
    printf("%s differs, FPCR %#x:\n", row->name, rig->world.fpcr);
    const uint32_t *words = rig_at(&rig->side[0], RIG_CODE);
    rig->world.counted = true;
    for (unsigned i = 0; i < INSNS; i++)
        printf("  %s\n", a64_disassemble(words[i * STRIDE], 0, text, sizeof text));
    rig_same_state(rig, stdout);
    /* The first of them by which the sides part. */
    for (uint64_t count = 1; count <= INSNS * STRIDE; count++) {
        rig->seed = seed;
        rig_restart(rig);
        set_registers(rig);
        for (unsigned i = 0; i < 2; i++)
            rig_run(&rig->side[i], count);
        if (rig_same_state(rig, NULL))
            continue;
        const unsigned at = (unsigned)(count - 1) / STRIDE;
        printf(" from %s on, which began with\n",
               a64_disassemble(words[at * STRIDE], 0, text, sizeof text));
        rig->seed = seed;
        rig_restart(rig);
        set_registers(rig);
        for (unsigned i = 0; at && i < 2; i++)
            rig_run(&rig->side[i], at * STRIDE);
        rig_print_state(rig->side[0].cpu, stdout);
        return;
    }
}

/* Tries CASES of ROW; true: they agreed. */
static bool try_row(struct rig *rig, const struct a64_row *row, uint64_t cases, bool show)
{
    for (uint64_t done = 0; done < cases;) {
        if (done % (INSNS * RUNS * 3) == 0)
            random_world(rig);
        put_block(rig, row);
        for (unsigned run = 0; run < RUNS; run++, done += INSNS) {
            const uint64_t seed = rig->seed;
            rig_restart(rig);
            set_registers(rig);
            for (unsigned i = 0; i < 2; i++)
                rig_run(&rig->side[i], rig->world.counted ? INSNS * STRIDE + 8 : ~0ull);
            if (rig_same_state(rig, NULL))
                continue;
            if (show)
                report(rig, row, seed);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct rig rig;
    const char *rows_named = "";
    uint64_t cases = 20000;
    const struct arguments_option own[] = {
        {"--cases", .number = &cases},
        {"--rows", .text = &rows_named},
        {0},
    };
    struct arguments a = {.show = 3};
    arguments_parse(&a, own, argc, argv);
    rig_create(&rig, a.model, false, a.engine, a.knobs, a.code_cache);
    rig.seed = a.seed;
    unsigned rows = 0, differ = 0;
    for (unsigned i = 0; i < A64_ROW_COUNT; i++) {
        if (!wanted(&a64_rows[i], rows_named))
            continue;
        rows++;
        if (!try_row(&rig, &a64_rows[i], cases, differ < a.show)) {
            printf("%s differs\n", a64_rows[i].name);
            differ++;
        }
    }
    printf("%s and %s, %s, seed %lu: %u floating-point rows, %lu cases of each, %u rows differ\n",
           a.engine[0], a.engine[1], a.model, a.seed, rows, cases, differ);
    rig_destroy(&rig);
    return differ != 0 || !rows;
}
