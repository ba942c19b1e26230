/* SPDX-License-Identifier: MIT */
/* Where slots hold pages (src/dbt/held.h): whatever was noted may be held until it is cleared, and
 * what lies far from all of it is not said to be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dbt/held.h"

#define PAGE 4096ull

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct dbt_held *make(void)
{
    struct dbt_held *held = calloc(1, sizeof(*held));
    assert_non_null(held);
    return held;
}

/* Addresses with any upper byte are one page's, and the halves keep apart. */
static void pages(void **state)
{
    (void)state;
    struct dbt_held *held = make();
    uint64_t seed = 1, page[512];
    for (unsigned i = 0; i < 512; i++) {
        page[i] = next(&seed) & ~(PAGE - 1);
        dbt_held_note(held, page[i]);
    }
    for (unsigned i = 0; i < 512; i++) {
        assert_true(dbt_held_may(held, page[i]));
        assert_true(dbt_held_may(held, page[i] ^ 0xa5ull << 56));
    }
    unsigned others = 0;
    for (unsigned i = 0; i < 512; i++)
        others += dbt_held_may(held, page[i] ^ 1ull << 55);
    assert_true(others < 64);
    const unsigned half = dbt_held_half(page[0]), n = dbt_held_bucket(page[0]);
    dbt_held_clear(held, half, n);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(dbt_held_may(held, page[i]),
                         dbt_held_half(page[i]) != half || dbt_held_bucket(page[i]) != n);
    free(held);
}

/* More spans than there is room for: all of each stays covered. */
static void spans(void **state)
{
    (void)state;
    struct dbt_held *held = make();
    uint64_t seed = 2, first[100], last[100];
    for (unsigned i = 0; i < 100; i++) {
        first[i] = 0xffff800000000000ull + (next(&seed) % (1u << 18)) * PAGE;
        last[i] = first[i] + (next(&seed) % 4096) * PAGE + PAGE - 1;
        dbt_held_note_span(held, 1, first[i], last[i]);
        for (unsigned k = 0; k <= i; k++) {
            assert_true(dbt_held_may_span(held, 1, first[k], first[k] + PAGE - 1));
            assert_true(dbt_held_may_span(held, 1, last[k] & ~(PAGE - 1), last[k]));
        }
    }
    assert_false(dbt_held_may_span(held, 0, 0, UINT64_MAX));
    free(held);
}

/* Few spans are exact, and those that meet become one. */
static void apart(void **state)
{
    (void)state;
    struct dbt_held *held = make();
    for (uint64_t i = 0; i < DBT_SPANS; i++)
        dbt_held_note_span(held, 0, i * 64 * PAGE, i * 64 * PAGE + 32 * PAGE - 1);
    for (uint64_t i = 0; i < DBT_SPANS; i++) {
        const uint64_t gap = i * 64 * PAGE + 32 * PAGE;
        assert_true(dbt_held_may_span(held, 0, gap - 1, gap - 1));
        assert_false(dbt_held_may_span(held, 0, gap, gap + 32 * PAGE - 1));
        assert_true(dbt_held_may_span(held, 0, 0, gap));
    }
    held->spans[0] = 0;
    for (uint64_t i = 0; i < 2 * DBT_SPANS; i++)
        dbt_held_note_span(held, 0, i * PAGE, i * PAGE + PAGE - 1);
    assert_int_equal(held->spans[0], 1);
    assert_false(dbt_held_may_span(held, 0, 2 * DBT_SPANS * PAGE, UINT64_MAX));
    free(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(spans),
        cmocka_unit_test(apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
