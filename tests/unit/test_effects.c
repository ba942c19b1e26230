/* SPDX-License-Identifier: MIT */
/* The effects that rows state (rx, wx, rv, wv, rf, wf, rc, ws, rsp, wsp), for all rows that touch
 * registers alone: what a row does not name, its function neither changes nor looks at. The
 * translator keeps guest registers in host registers on the strength of these. Loads and stores
 * have the same test in test_ldst.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu.h"
#include "decode.h"
#include "dis.h"
#include "mmu.h"
#include "system.h"

#define FILLS  48
#define ROUNDS 4
/* X0..X30 by number, SP as 31. */
#define SP_BIT (1u << 31)

static uint64_t random_state = 88172645463325252u;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Random bits, or one of the values where flags and saturation turn. */
static uint64_t random_value(void)
{
    static const uint64_t ends[] = {0, 1, ~0ull, 1ull << 63, ~0ull >> 1, 0x80000000, 0x7fffffff};
    const uint64_t choice = random64() >> 32;
    return choice & 1 ? random64() : ends[choice / 2 % (sizeof(ends) / sizeof(ends[0]))];
}

/* The field LETTER of the row's pattern in WORD. */
static unsigned field(const struct a64_row *row, uint32_t word, char letter)
{
    unsigned value = 0;
    for (unsigned k = 0; k < 32; k++) {
        if (row->pattern[k] == letter)
            value = value << 1 | (word >> (31 - k) & 1);
    }
    return value;
}

/* The registers that EFFECT names, as a mask. Number 31 of a general field is no register, unless
 * it is SP_LETTER's. */
static uint32_t named(const struct a64_row *row, uint32_t word, const char *effect, bool general,
                      char sp_letter)
{
    uint32_t mask = 0;
    for (const char *at = effect ? effect : ""; *at; at++) {
        if (*at == '#') {
            mask |= 1u << atoi(at + 1);
            at += 2;
            continue;
        }
        const unsigned first = field(row, word, *at) & 31;
        if (general && first == 31 && *at != sp_letter)
            continue;
        const unsigned count = at[1] >= '1' && at[1] <= '9' ? (unsigned)(at[1] - '0') : 1;
        for (unsigned k = 0; k < count; k++)
            mask |= 1u << ((first + k) & 31);
        at += at[1] >= '1' && at[1] <= '9';
    }
    return mask;
}

struct effects {
    uint32_t rx, wx, rv, wv;
    bool rf, wf, rc, ws;
};

static struct effects effects_of(const struct a64_row *row, uint32_t word)
{
    const char rsp = row->flags & A64_F_RSP ? 'n' : 0, wsp = row->flags & A64_F_WSP ? 'd' : 0;
    return (struct effects){
        .rx = named(row, word, row->rx, true, rsp),
        .wx = named(row, word, row->wx, true, wsp),
        .rv = named(row, word, row->rv, false, 0),
        .wv = named(row, word, row->wv, false, 0),
        .rf = row->flags & A64_F_RF,
        .wf = row->flags & A64_F_WF,
        .rc = row->flags & A64_F_RC,
        .ws = row->flags & A64_F_WS,
    };
}

/* Gives random values to everything that is not in KEEP. */
static void perturb(struct a64_cpu *cpu, const struct effects *keep)
{
    for (unsigned k = 0; k < 31; k++) {
        if (!(keep->rx >> k & 1))
            cpu->x[k] = random_value();
    }
    for (unsigned k = 0; k < 32; k++) {
        if (!(keep->rv >> k & 1))
            cpu->v[k] = (union a64_vreg){.d = {random_value(), random_value()}};
    }
    if (!(keep->rx & SP_BIT))
        cpu->sp = random_value();
    if (!keep->rf)
        cpu->nzcv = (uint32_t)random64() & 0xf0000000;
    if (!keep->rc)
        cpu->fpcr = (uint32_t)random64() & 0x07c80000; /* AHP, DN, FZ, RMode, FZ16 */
}

/* What the function left alone: everything that the row does not name. */
static bool kept(const struct a64_cpu *before, const struct a64_cpu *after,
                 const struct effects *effects)
{
    for (unsigned k = 0; k < 31; k++) {
        if (!(effects->wx >> k & 1) && before->x[k] != after->x[k])
            return false;
    }
    for (unsigned k = 0; k < 32; k++) {
        if (!(effects->wv >> k & 1) && memcmp(&before->v[k], &after->v[k], 16) != 0)
            return false;
    }
    return (effects->wx & SP_BIT || before->sp == after->sp) && !after->x[31] &&
           (effects->wf || before->nzcv == after->nzcv) && before->fpcr == after->fpcr &&
           (effects->ws || before->fpsr == after->fpsr) && (before->fpsr & ~after->fpsr) == 0 &&
           !memcmp(&before->ps, &after->ps, sizeof(before->ps)) &&
           !memcmp(&before->sr, &after->sr, sizeof(before->sr));
}

/* Two runs that began alike in all that the row reads end alike in all that it writes. */
static bool same_results(const struct a64_cpu *a, const struct a64_cpu *b,
                         const struct effects *effects)
{
    for (unsigned k = 0; k < 31; k++) {
        if (effects->wx >> k & 1 && a->x[k] != b->x[k])
            return false;
    }
    for (unsigned k = 0; k < 32; k++) {
        if (effects->wv >> k & 1 && memcmp(&a->v[k], &b->v[k], 16) != 0)
            return false;
    }
    return (!(effects->wx & SP_BIT) || a->sp == b->sp) && (!effects->wf || a->nzcv == b->nzcv) &&
           a->fpsr == b->fpsr && a->pc == b->pc;
}

static void check(const struct a64_row *row, uint32_t word, const struct a64_cpu *blank)
{
    const struct effects effects = effects_of(row, word), nothing = {0};
    struct a64_cpu *first = calloc(3, sizeof(*first)), *second = first + 1, *before = first + 2;
    struct a64_insn insn;
    char text[128];
    a64_insn_decode(&insn, word, &blank->feat);
    a64_disassemble(word, 0, text, sizeof(text));
    for (unsigned round = 0; round < ROUNDS; round++) {
        *first = *blank;
        perturb(first, &nothing);
        *second = *first;
        perturb(second, &effects);
        *before = *first;
        const int status = insn.exec(first, &insn);
        const struct effects *may = status == A64_FAULT ? &nothing : &effects;
        if (!kept(before, first, may))
            fail_msg("%s: %08x %s changes what the row does not name", row->name, word, text);
        *before = *second;
        if (insn.exec(second, &insn) != status || !same_results(first, second, may))
            fail_msg("%s: %08x %s reads what the row does not name", row->name, word, text);
        if (!kept(before, second, may))
            fail_msg("%s: %08x %s changes what the row does not name", row->name, word, text);
    }
    free(first);
}

static void effects_as_stated(void **state)
{
    const uint32_t outside = A64_F_MR | A64_F_MW | A64_F_SYS;
    struct a64_mmu *mmu = calloc(1, sizeof(*mmu));
    struct a64_system sys = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct a64_cpu *blank = calloc(1, sizeof(*blank));
    unsigned rows = 0;
    *blank = (struct a64_cpu){.mmu = mmu, .sys = &sys, .pc = 0x12345678};
    blank->sr.sctlr[1] = 1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13; /* all PAuth keys */
    blank->ps.el = 1;
    for (unsigned k = A64_FEAT_BASE; k < A64_FEAT_COUNT; k++) {
        if (k != A64_FEAT_ABSENT && k != A64_FEAT_BTI) /* which would look at the branch's page */
            a64_feature_add(&blank->feat, (enum a64_feat)k);
    }
    /* Random pointers carry no valid code: they are to be poisoned, not to fault. */
    a64_feature_remove(&blank->feat, A64_FEAT_FPAC);
    a64_feature_remove(&blank->feat, A64_FEAT_FPACCOMBINE);
    for (unsigned k = 0; k < A64_ROW_COUNT; k++) {
        const struct a64_row *row = &a64_rows[k];
        if (!row->implemented || row->flags & outside)
            continue;
        rows++;
        for (unsigned fill = 0, tries = 0; fill < FILLS && tries < 64 * FILLS; tries++) {
            const uint32_t word = ((uint32_t)random64() & ~row->mask) | row->value;
            if (a64_decode(word) == row) {
                fill++;
                check(row, word, blank);
            }
        }
    }
    print_message("%u rows\n", rows);
    assert_true(rows > 900);
    free(blank);
    free(mmu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(effects_as_stated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
