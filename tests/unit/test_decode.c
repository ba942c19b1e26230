/* SPDX-License-Identifier: MIT */
/* The decode table as a whole: no word is an encoding of two rows, every row is reached, the
 * buckets find what a search of all rows finds, and what rows say of themselves is well formed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu.h"
#include "decode.h"
#include "dis.h"

static bool matches(const struct a64_row *row, uint32_t word)
{
    return (word & row->mask) == row->value && !(row->unless && row->unless(word));
}

/* The next subset of BITS after SUBSET; 0 after the last. */
static uint32_t next_subset(uint32_t subset, uint32_t bits)
{
    return (subset - bits) & bits;
}

/* Two rows whose fixed bits agree have words in common unless their guards keep them apart; only
 * the bits that the guards look at decide, so all their values are all cases. */
static unsigned common_words(const struct a64_row *a, const struct a64_row *b, uint32_t *example)
{
    const uint32_t fixed = a->value | b->value;
    const uint32_t bits = (a->unless_bits | b->unless_bits) & ~(a->mask | b->mask);
    unsigned count = 0;
    uint32_t subset = 0;
    assert_true(__builtin_popcount(bits) <= 22);
    do {
        if (matches(a, fixed | subset) && matches(b, fixed | subset)) {
            *example = fixed | subset;
            count++;
        }
        subset = next_subset(subset, bits);
    } while (subset);
    return count;
}

static void rows_are_disjoint(void **state)
{
    unsigned overlaps = 0, pairs = 0;
    for (unsigned j = 0; j < A64_ROW_COUNT; j++) {
        for (unsigned k = j + 1; k < A64_ROW_COUNT; k++) {
            const struct a64_row *a = &a64_rows[j], *b = &a64_rows[k];
            uint32_t word;
            if ((a->value ^ b->value) & a->mask & b->mask)
                continue;
            pairs++;
            if (!common_words(a, b, &word))
                continue;
            overlaps++;
            print_error("%08x is both %s and %s\n", word, a->name, b->name);
        }
    }
    print_message("%u pairs of rows with common fixed bits\n", pairs);
    assert_int_equal(overlaps, 0);
}

static uint64_t random_state = 1;

static uint32_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

static void every_row_is_reached(void **state)
{
    for (unsigned k = 0; k < A64_ROW_COUNT; k++) {
        const struct a64_row *row = &a64_rows[k];
        bool reached = false;
        for (unsigned tries = 0; tries < 4096 && !reached; tries++)
            reached = a64_decode((random_word() & ~row->mask) | row->value) == row;
        if (!reached)
            fail_msg("no word decodes to %s", row->name);
    }
}

static const struct a64_row *search(uint32_t word)
{
    for (unsigned k = 0; k < A64_ROW_COUNT; k++) {
        if (matches(&a64_rows[k], word))
            return &a64_rows[k];
    }
    return NULL;
}

static void buckets_find_what_a_search_finds(void **state)
{
    for (unsigned k = 0; k < 200000; k++) {
        const struct a64_row *row = &a64_rows[random_word() % A64_ROW_COUNT];
        const uint32_t word = k & 1 ? random_word() : (random_word() & ~row->mask) | row->value;
        if (a64_decode(word) != search(word))
            fail_msg("%08x", word);
    }
}

/* The registers of an effect: letters of the pattern, a digit behind one for more of them, #NN for
 * a fixed one. */
static bool well_formed(const struct a64_row *row, const char *registers)
{
    if (!registers)
        return true;
    for (const char *at = registers; *at; at++) {
        if (*at == '#') {
            if (!at[1] || !at[2] || atoi(at + 1) > 31)
                return false;
            at += 2;
        } else if (*at >= '0' && *at <= '9') {
            if (at == registers)
                return false;
        } else if (*at == '0' || !strchr(row->pattern, *at)) {
            return false;
        }
    }
    return true;
}

static void rows_are_well_formed(void **state)
{
    for (unsigned k = 0; k < A64_ROW_COUNT; k++) {
        const struct a64_row *row = &a64_rows[k];
        if (row->implemented != (a64_exec_table[k] != NULL) ||
            (row->feat == A64_FEAT_ABSENT && row->implemented))
            fail_msg("%s: implemented and its function disagree", row->name);
        if (row->implemented && !row->print)
            fail_msg("%s has no template", row->name);
        if (!well_formed(row, row->rx) || !well_formed(row, row->wx) ||
            !well_formed(row, row->rv) || !well_formed(row, row->wv))
            fail_msg("%s names a register that is not in its pattern", row->name);
        if ((row->rv || row->wv) && !(row->flags & A64_F_FP))
            fail_msg("%s touches vectors and is not fp", row->name);
    }
}

static void features_gate_rows(void **state)
{
    struct a64_features none = {{0}}, lse = {{0}};
    const uint32_t swp = 0xf8208020; /* swp x0, x0, [x1] */
    struct a64_insn insn;
    a64_feature_add(&lse, A64_FEAT_LSE);
    assert_null(a64_decode_for(swp, &none));
    assert_non_null(a64_decode_for(swp, &lse));
    a64_insn_decode(&insn, swp, &none);
    assert_int_equal(insn.row, A64_ROW_NONE);
    assert_true(insn.flags & A64_F_ANY && insn.flags & A64_F_END && insn.flags & A64_F_FAULT);
    assert_null(a64_decode_for(0x9ac01400, &lse)); /* gmi: no Apple CPU has MTE */
}

static void undefined_words_print_as_such(void **state)
{
    char text[64], small[8];
    assert_string_equal(a64_disassemble(0xffffffff, 0, text, sizeof(text)),
                        ".inst\t0xffffffff ; undefined");
    assert_string_equal(a64_disassemble(0xd503201f, 0, text, sizeof(text)), "nop");
    assert_string_equal(a64_disassemble(0x8b020020, 0, small, sizeof(small)), "add\tx0,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_disjoint),
        cmocka_unit_test(every_row_is_reached),
        cmocka_unit_test(buckets_find_what_a_search_finds),
        cmocka_unit_test(rows_are_well_formed),
        cmocka_unit_test(features_gate_rows),
        cmocka_unit_test(undefined_words_print_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
