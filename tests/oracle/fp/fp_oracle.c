/* SPDX-License-Identifier: MIT */
/* Holds the floating-point rows of the decode table against qemu-aarch64: the same instructions, on
 * the same operands, under every rounding mode and every setting of FZ, DN, FZ16 and AHP;
 * registers, NZCV and FPSR must come out the same.
 *
 *     fp_oracle GUEST KNOWN [CASES [SEED [ROW-PREFIX]]]
 *
 * GUEST is guest.c built for AArch64; KNOWN lists explained differences, known.txt says how. CASES
 * defaults to a million, in `make check` to 5 million, times POMONA_TEST_SCALE percent. Exits 77 if
 * there is no qemu. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../guest_pipe.h"
#include "case.h"
#include "cpu.h"
#include "decode.h"
#include "dis.h"

#define WORDS     1000
#define PER_WORD  50
#define MAX_KNOWN 100
#define SHOWN     3 /* differences printed for a row */

/* An explained difference: the bits of MASK in Vd or NZCV of ROW, when FPCR has the bits of FPCR.
 */
struct known {
    char row[64], where[8];
    uint64_t mask;
    uint32_t fpcr;
};

struct oracle {
    uint64_t random;
    struct a64_features features;
    const struct a64_row *rows[A64_ROW_COUNT];
    unsigned row_count, next_row;
    struct known known[MAX_KNOWN];
    unsigned known_count;
    struct guest_pipe guest;
    uint64_t done, wrong, explained;
    unsigned wrong_by_row[A64_ROW_COUNT];
};

/* xorshift64* */
static uint64_t rnd(struct oracle *o)
{
    o->random ^= o->random >> 12;
    o->random ^= o->random << 25;
    o->random ^= o->random >> 27;
    return o->random * 0x2545F4914F6CDD1Dull;
}

static unsigned pick(struct oracle *o, unsigned count)
{
    return (unsigned)(rnd(o) >> 33) % count;
}

/* Numbers. */

static uint64_t special(struct oracle *o, unsigned exp_bits, unsigned frac_bits)
{
    const uint64_t one = 1, max_exp = (one << exp_bits) - 1, bias = max_exp >> 1;
    const uint64_t frac = (one << frac_bits) - 1, quiet = one << (frac_bits - 1);
    switch (pick(o, 14)) {
    case 0:
        return 0;
    case 1:
        return max_exp << frac_bits;
    case 2:
        return max_exp << frac_bits | quiet | (rnd(o) & frac);
    case 3:
        return max_exp << frac_bits | (rnd(o) & (quiet - 1)) | 1;
    case 4:
        return 1 + pick(o, 3);
    case 5:
        return frac - pick(o, 2);
    case 6:
        return rnd(o) & frac;
    case 7:
        return (one << frac_bits) + pick(o, 3);
    case 8:
        return (max_exp << frac_bits) - 1 - pick(o, 3);
    case 9:
        return bias << frac_bits;
    case 10:
        return (bias + 1) << frac_bits;
    case 11: /* half integers of any size */
        return (bias + pick(o, frac_bits + 4) - 1) << frac_bits |
               (rnd(o) & frac & ~(frac >> pick(o, frac_bits + 1)));
    case 12: /* few bits set */
        return (rnd(o) & max_exp) << frac_bits | (frac & (one << pick(o, frac_bits)));
    default: /* about as large as integers */
        return (bias + 5 + pick(o, exp_bits == 5 ? 11 : 62)) << frac_bits | (rnd(o) & frac);
    }
}

static uint64_t number(struct oracle *o, unsigned bits)
{
    const unsigned exp_bits = bits == 64 ? 11 : bits == 32 ? 8 : 5;
    const unsigned frac_bits = bits - exp_bits - 1;
    const uint64_t sign = rnd(o) >> 63 << (bits - 1);
    const uint64_t mask = ~0ull >> (64 - bits);
    switch (pick(o, 8)) {
    case 0:
    case 1:
    case 2:
        return sign | (special(o, exp_bits, frac_bits) & (mask >> 1));
    case 3:
    case 4: { /* exponents close to each other, for cancellation and for products that are not lost
               */
        const uint64_t bias = (1ull << (exp_bits - 1)) - 1;
        return sign | (bias - 3 + pick(o, 7)) << frac_bits | (rnd(o) & ((1ull << frac_bits) - 1));
    }
    case 5: /* about the range's ends when multiplied or divided */
        return sign | (uint64_t)pick(o, 1u << exp_bits) << frac_bits |
               (rnd(o) & ((1ull << frac_bits) - 1) & rnd(o));
    default:
        return rnd(o) & mask;
    }
}

static void fill_register(struct oracle *o, uint64_t v[2], unsigned bits)
{
    for (unsigned i = 0; i < 2; i++) {
        v[i] = 0;
        for (unsigned at = 0; at < 64; at += bits)
            v[i] |= number(o, bits) << at;
    }
}

static uint64_t integer(struct oracle *o)
{
    const uint64_t value = rnd(o) >> pick(o, 64);
    return rnd(o) & 1 ? value : -value;
}

static void fill_state(struct oracle *o, struct fp_state *state, unsigned bits)
{
    static const unsigned sizes[3] = {16, 32, 64};
    for (unsigned i = 0; i < 4; i++) {
        state->x[i] = pick(o, 3) ? integer(o) : rnd(o);
        fill_register(o, state->v[i], bits && pick(o, 8) ? bits : sizes[pick(o, 3)]);
        if (!pick(o, 8))
            memcpy(state->v[i], state->v[pick(o, i + 1)], sizeof state->v[i]);
        if (!pick(o, 8)) /* integers, for SCVTF */
            state->v[i][pick(o, 2)] = integer(o);
    }
    state->nzcv = pick(o, 16) << 28;
    state->fpsr = pick(o, 3) ? 0 : (uint32_t)rnd(o) & 0x0800009F;
    if (!pick(o, 4))
        state->fpsr |= 0x10; /* Inexact is set already: the fast path */
}

static uint32_t random_fpcr(struct oracle *o)
{
    return pick(o, 5) ? (uint32_t)rnd(o) & 0x07C80000 : 0;
}

/* Instructions. */

/* Sets LETTER's field of *WORD, all of its bits, to VALUE. */
static void set_field(uint32_t *word, const char *pattern, char letter, uint64_t value)
{
    for (int position = 31; position >= 0; position--)
        if (pattern[position] == letter) {
            *word |= (uint32_t)(value & 1) << (31 - position);
            value >>= 1;
        }
}

static bool is_general(const struct a64_row *row, char letter)
{
    return (row->rx && strchr(row->rx, letter)) || (row->wx && strchr(row->wx, letter));
}

/* A random encoding of ROW whose registers are numbers 0 to 3, or for general registers 31 too. */
static uint32_t random_word(struct oracle *o, const struct a64_row *row)
{
    for (;;) {
        uint32_t word = row->value;
        for (char letter = 'A'; letter <= 'z'; letter++) {
            uint64_t value = rnd(o) >> 20;
            if (strchr("dnma", letter))
                value = is_general(row, letter) && !pick(o, 8) ? 31 : value & 3;
            if (letter != 'x')
                set_field(&word, row->pattern, letter, value);
        }
        if (a64_decode(word) == row)
            return word;
    }
}

static bool is_ours(const struct a64_row *row, const char *prefix)
{
    if (!row->implemented || !(row->flags & A64_F_FP) || row->flags & (A64_F_MR | A64_F_MW))
        return false;
    if (strncmp(row->name, prefix, strlen(prefix)))
        return false;
    return row->name[0] == 'F' || !strncmp(row->name, "BF", 2) ||
           !strncmp(row->name + 1, "CVTF", 4) || !strncmp(row->name, "URECPE", 6) ||
           !strncmp(row->name, "URSQRTE", 7);
}

static void run_ours(const struct oracle *o, uint32_t word, uint32_t fpcr, struct fp_state *state)
{
    struct a64_insn insn;
    a64_insn_decode(&insn, word, &o->features);
    struct a64_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        exit(1);
    memcpy(cpu->x, state->x, sizeof state->x);
    memcpy(cpu->v, state->v, sizeof state->v);
    cpu->nzcv = state->nzcv;
    cpu->fpsr = state->fpsr;
    cpu->fpcr = fpcr;
    insn.exec(cpu, &insn);
    memcpy(state->x, cpu->x, sizeof state->x);
    memcpy(state->v, cpu->v, sizeof state->v);
    state->nzcv = cpu->nzcv;
    state->fpsr = cpu->fpsr;
    free(cpu);
}

/* Comparing. */

/* Whether taking what KNOWN explains from THEIRS leaves OURS. */
static bool explains(const struct known *known, uint32_t word, const struct fp_state *ours,
                     const struct fp_state *theirs)
{
    struct fp_state rest = *theirs;
    uint64_t *vd = &rest.v[word & 3][0];
    if (!strcmp(known->where, "vd"))
        *vd ^= (*vd ^ ours->v[word & 3][0]) & known->mask;
    else if (!strcmp(known->where, "nzcv"))
        rest.nzcv ^= (rest.nzcv ^ ours->nzcv) & (uint32_t)known->mask;
    return !memcmp(&rest, ours, sizeof rest);
}

static bool is_known(const struct oracle *o, uint32_t word, const struct fp_case *c,
                     const struct fp_state *ours, const struct fp_state *theirs)
{
    for (unsigned i = 0; i < o->known_count; i++) {
        const struct known *known = &o->known[i];
        if (!strcmp(known->row, a64_decode(word)->name) && (c->fpcr & known->fpcr) == known->fpcr &&
            explains(known, word, ours, theirs))
            return true;
    }
    return false;
}

static void print_state(const char *who, const struct fp_state *s)
{
    printf("  %-6s", who);
    for (unsigned i = 0; i < 4; i++)
        printf(" v%u %016lx:%016lx", i, s->v[i][1], s->v[i][0]);
    printf("\n        ");
    for (unsigned i = 0; i < 4; i++)
        printf(" x%u %016lx", i, s->x[i]);
    printf(" nzcv %x fpsr %08x\n", s->nzcv >> 28, s->fpsr);
}

static void compare(struct oracle *o, uint32_t word, const struct fp_case *c,
                    const struct fp_state *theirs)
{
    struct fp_state ours = c->state;
    const struct a64_row *row = a64_decode(word);
    run_ours(o, word, c->fpcr, &ours);
    o->done++;
    if (!memcmp(&ours, theirs, sizeof ours))
        return;
    if (is_known(o, word, c, &ours, theirs)) {
        o->explained++;
        return;
    }
    o->wrong++;
    if (o->wrong_by_row[row - a64_rows]++ >= SHOWN)
        return;
    char text[160];
    printf("%s: %08x %s, fpcr %08x\n", row->name, word, a64_disassemble(word, 0, text, sizeof text),
           c->fpcr);
    print_state("before", &c->state);
    print_state("qemu", theirs);
    print_state("ours", &ours);
}

static void run_batch(struct oracle *o)
{
    static uint32_t words[WORDS];
    static struct fp_case cases[WORDS * PER_WORD];
    static struct fp_state results[WORDS * PER_WORD];
    struct fp_batch batch = {WORDS, WORDS * PER_WORD};
    for (unsigned i = 0; i < WORDS; i++) {
        const struct a64_row *row = o->rows[o->next_row++ % o->row_count];
        words[i] = random_word(o, row);
        const unsigned bits = row->imm ? row->imm(words[i]) & 0xFF : 0;
        for (unsigned k = 0; k < PER_WORD; k++) {
            struct fp_case *c = &cases[i * PER_WORD + k];
            *c = (struct fp_case){.index = i, .fpcr = random_fpcr(o)};
            fill_state(o, &c->state, bits == 16 || bits == 32 || bits == 64 ? bits : 0);
        }
    }
    guest_transfer(o->guest.to, &batch, sizeof batch, true);
    guest_transfer(o->guest.to, words, sizeof words, true);
    guest_transfer(o->guest.to, cases, sizeof cases, true);
    guest_transfer(o->guest.from, results, sizeof results, false);
    for (unsigned i = 0; i < WORDS * PER_WORD; i++)
        compare(o, words[cases[i].index], &cases[i], &results[i]);
}

static void read_known(struct oracle *o, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[400];
    if (!file) {
        perror(path);
        exit(1);
    }
    while (fgets(line, sizeof line, file) && o->known_count < MAX_KNOWN) {
        struct known *known = &o->known[o->known_count];
        if (sscanf(line, "%63[A-Za-z0-9_] %7s %lx %x", known->row, known->where, &known->mask,
                   &known->fpcr) == 4)
            o->known_count++;
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    static struct oracle o;
    if (argc < 3) {
        fprintf(stderr, "usage: fp_oracle GUEST KNOWN [CASES [SEED [ROW-PREFIX]]]\n");
        return 2;
    }
    if (!argv[1][0] || !guest_have_qemu()) {
        printf("skipped: no qemu-aarch64, or no AArch64 compiler for its guest\n");
        return GUEST_SKIP;
    }
    const uint64_t cases = argc > 3 ? strtoull(argv[3], NULL, 0) : guest_default_cases(1000000);
    const uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)time(NULL);
    o.random = seed * 2 + 1;
    for (unsigned feat = 0; feat < A64_FEAT_COUNT; feat++)
        if (feat != A64_FEAT_ABSENT)
            a64_feature_add(&o.features, feat);
    for (unsigned i = 0; i < A64_ROW_COUNT; i++)
        if (is_ours(&a64_rows[i], argc > 5 ? argv[5] : ""))
            o.rows[o.row_count++] = &a64_rows[i];
    if (!o.row_count)
        return 2;
    read_known(&o, argv[2]);
    guest_start(&o.guest, argv[1]);
    while (o.done < cases)
        run_batch(&o);
    guest_end(&o.guest);
    guest_report_rows("qemu-fp", o.rows, o.row_count, o.done);
    printf("seed %lu: %lu cases of %u rows, %lu differ from qemu-aarch64, %lu explained\n", seed,
           o.done, o.row_count, o.wrong, o.explained);
    return o.wrong != 0;
}
