/* SPDX-License-Identifier: MIT */
/* Which key, modifier and register each pointer-authentication instruction uses, by words that GNU
 * as made. The codes themselves are test_pac.c's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cpu.h"
#include "decode.h"
#include "exception.h"
#include "mmu.h"
#include "model.h"
#include "pac.h"
#include "system.h"

enum kind { SIGN, AUTH, JUMP, CALL, RETURN };
/* Modifiers that are no register. */
enum { SP = 31, ZERO = -1 };

static const struct pauth_case {
    uint32_t word;
    enum kind kind;
    int pointer, modifier; /* registers; a RETURN's pointer is ELR */
    enum a64_key key;
} cases[] = {
    // clang-format off
    {0xdac10083, SIGN, 3, 4, A64_KEY_IA}, /* pacia x3, x4 */
    {0xdac10483, SIGN, 3, 4, A64_KEY_IB}, /* pacib x3, x4 */
    {0xdac10883, SIGN, 3, 4, A64_KEY_DA}, /* pacda x3, x4 */
    {0xdac10c83, SIGN, 3, 4, A64_KEY_DB}, /* pacdb x3, x4 */
    {0xdac103e3, SIGN, 3, SP, A64_KEY_IA}, /* pacia x3, sp */
    {0xdac10fe3, SIGN, 3, SP, A64_KEY_DB}, /* pacdb x3, sp */
    {0xdac123e3, SIGN, 3, ZERO, A64_KEY_IA}, /* paciza x3 */
    {0xdac127e3, SIGN, 3, ZERO, A64_KEY_IB}, /* pacizb x3 */
    {0xdac12be3, SIGN, 3, ZERO, A64_KEY_DA}, /* pacdza x3 */
    {0xdac12fe3, SIGN, 3, ZERO, A64_KEY_DB}, /* pacdzb x3 */
    {0xd503211f, SIGN, 17, 16, A64_KEY_IA}, /* pacia1716 */
    {0xd503215f, SIGN, 17, 16, A64_KEY_IB}, /* pacib1716 */
    {0xd503233f, SIGN, 30, SP, A64_KEY_IA}, /* paciasp */
    {0xd503237f, SIGN, 30, SP, A64_KEY_IB}, /* pacibsp */
    {0xd503231f, SIGN, 30, ZERO, A64_KEY_IA}, /* paciaz */
    {0xd503235f, SIGN, 30, ZERO, A64_KEY_IB}, /* pacibz */
    {0xdac11083, AUTH, 3, 4, A64_KEY_IA}, /* autia x3, x4 */
    {0xdac11483, AUTH, 3, 4, A64_KEY_IB}, /* autib x3, x4 */
    {0xdac11883, AUTH, 3, 4, A64_KEY_DA}, /* autda x3, x4 */
    {0xdac11c83, AUTH, 3, 4, A64_KEY_DB}, /* autdb x3, x4 */
    {0xdac117e3, AUTH, 3, SP, A64_KEY_IB}, /* autib x3, sp */
    {0xdac133e3, AUTH, 3, ZERO, A64_KEY_IA}, /* autiza x3 */
    {0xdac137e3, AUTH, 3, ZERO, A64_KEY_IB}, /* autizb x3 */
    {0xdac13be3, AUTH, 3, ZERO, A64_KEY_DA}, /* autdza x3 */
    {0xdac13fe3, AUTH, 3, ZERO, A64_KEY_DB}, /* autdzb x3 */
    {0xd503219f, AUTH, 17, 16, A64_KEY_IA}, /* autia1716 */
    {0xd50321df, AUTH, 17, 16, A64_KEY_IB}, /* autib1716 */
    {0xd50323bf, AUTH, 30, SP, A64_KEY_IA}, /* autiasp */
    {0xd50323ff, AUTH, 30, SP, A64_KEY_IB}, /* autibsp */
    {0xd503239f, AUTH, 30, ZERO, A64_KEY_IA}, /* autiaz */
    {0xd50323df, AUTH, 30, ZERO, A64_KEY_IB}, /* autibz */
    {0xd71f0864, JUMP, 3, 4, A64_KEY_IA}, /* braa x3, x4 */
    {0xd71f0c7f, JUMP, 3, SP, A64_KEY_IB}, /* brab x3, sp */
    {0xd61f087f, JUMP, 3, ZERO, A64_KEY_IA}, /* braaz x3 */
    {0xd61f0c7f, JUMP, 3, ZERO, A64_KEY_IB}, /* brabz x3 */
    {0xd73f0864, CALL, 3, 4, A64_KEY_IA}, /* blraa x3, x4 */
    {0xd73f0c7f, CALL, 3, SP, A64_KEY_IB}, /* blrab x3, sp */
    {0xd63f087f, CALL, 3, ZERO, A64_KEY_IA}, /* blraaz x3 */
    {0xd63f0c7f, CALL, 3, ZERO, A64_KEY_IB}, /* blrabz x3 */
    {0xd65f0bff, JUMP, 30, SP, A64_KEY_IA}, /* retaa */
    {0xd65f0fff, JUMP, 30, SP, A64_KEY_IB}, /* retab */
    {0xd69f0bff, RETURN, 0, SP, A64_KEY_IA}, /* eretaa */
    {0xd69f0fff, RETURN, 0, SP, A64_KEY_IB}, /* eretab */
    // clang-format on
};

#define POINTER 0x40001230ull
#define ELR     0x40004560ull

static struct a64_system sys = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct a64_cpu *make(const char *model)
{
    const struct a64_model_options options = {0};
    struct a64_cpu *cpu = calloc(1, sizeof(*cpu));
    assert_int_equal(a64_cpu_init(cpu, &sys, a64_model_find(model), &options), 0);
    a64_feature_remove(&cpu->feat, A64_FEAT_BTI); /* branches would look at their page */
    cpu->sr.sctlr[1] |= 1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13;
    cpu->sr.tcr[1] = 25 | 25 << 16;
    for (unsigned k = 0; k < A64_KEY_COUNT; k++)
        cpu->sr.key[k] =
            (struct a64_pac_key){0x123456789abcdef * (k + 1), 0xfedcba987654321 * (k + 3)};
    a64_mmu_update(cpu);
    return cpu;
}

static void destroy(struct a64_cpu *cpu)
{
    a64_cpu_free(cpu);
    free(cpu);
}

/* Registers that differ from each other, with POINTER in the one that the case uses. */
static void prepare(struct a64_cpu *cpu, const struct pauth_case *c)
{
    for (unsigned k = 0; k < 31; k++)
        cpu->x[k] = 0x1111 * (k + 1);
    cpu->sp = 0x7700;
    cpu->pc = 0x40000000;
    cpu->x[c->pointer] = POINTER;
    cpu->x[31] = 0;
    cpu->sr.elr[1] = ELR;
    cpu->sr.spsr[1] = 5; /* EL1h */
}

static uint64_t modifier_of(const struct a64_cpu *cpu, const struct pauth_case *c)
{
    return c->modifier == ZERO ? 0 : a64_xsp(cpu, (unsigned)c->modifier);
}

static int run(struct a64_cpu *cpu, uint32_t word)
{
    struct a64_insn insn;
    a64_insn_decode(&insn, word, &cpu->feat);
    return insn.exec(cpu, &insn);
}

static void check_sign(struct a64_cpu *cpu, const struct pauth_case *c)
{
    const uint64_t want = a64_pac_sign(cpu, POINTER, modifier_of(cpu, c), c->key);
    assert_int_not_equal(want, POINTER);
    assert_int_equal(run(cpu, c->word), A64_NEXT);
    assert_int_equal(cpu->x[c->pointer], want);
}

static void check_auth(struct a64_cpu *cpu, const struct pauth_case *c)
{
    const uint64_t code = a64_pac_sign(cpu, POINTER, modifier_of(cpu, c), c->key);
    cpu->x[c->pointer] = code;
    assert_int_equal(run(cpu, c->word), A64_NEXT);
    assert_int_equal(cpu->x[c->pointer], POINTER);
    cpu->x[c->pointer] = code ^ 1ull << 50;
    const int status = run(cpu, c->word);
    if (a64_has(&cpu->feat, A64_FEAT_FPAC)) {
        assert_int_equal(status, A64_FAULT);
        assert_int_equal(cpu->exc.ec, A64_EC_FPAC);
        assert_int_equal(cpu->x[c->pointer], code ^ 1ull << 50);
    } else {
        assert_int_equal(status, A64_NEXT);
        assert_int_not_equal(cpu->x[c->pointer], POINTER);
    }
}

static void check_branch(struct a64_cpu *cpu, const struct pauth_case *c)
{
    const uint64_t target = c->kind == RETURN ? ELR : POINTER;
    const uint64_t code = a64_pac_sign(cpu, target, modifier_of(cpu, c), c->key);
    *(c->kind == RETURN ? &cpu->sr.elr[1] : &cpu->x[c->pointer]) = code;
    const uint64_t link = cpu->x[30];
    assert_int_equal(run(cpu, c->word), A64_BRANCH);
    assert_int_equal(cpu->pc, target);
    assert_int_equal(cpu->x[30], c->kind == CALL ? 0x40000004 : link);
}

static void each_uses_its_own(void **state)
{
    struct a64_cpu *cpu = make(*state);
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        const struct pauth_case *c = &cases[k];
        prepare(cpu, c);
        if (c->kind == SIGN)
            check_sign(cpu, c);
        else if (c->kind == AUTH)
            check_auth(cpu, c);
        else
            check_branch(cpu, c);
    }
    destroy(cpu);
}

static void strip_and_generic(void **state)
{
    struct a64_cpu *cpu = make(*state);
    const struct pauth_case any = {.pointer = 3};
    prepare(cpu, &any);
    const uint64_t code = a64_pac_sign(cpu, POINTER, 1, A64_KEY_IA);
    const uint64_t data = a64_pac_sign(cpu, POINTER, 1, A64_KEY_DA);
    cpu->x[3] = code;
    assert_int_equal(run(cpu, 0xdac143e3), A64_NEXT); /* xpaci x3 */
    assert_int_equal(cpu->x[3], POINTER);
    cpu->x[3] = data;
    assert_int_equal(run(cpu, 0xdac147e3), A64_NEXT); /* xpacd x3 */
    assert_int_equal(cpu->x[3], POINTER);
    cpu->x[30] = code;
    assert_int_equal(run(cpu, 0xd50320ff), A64_NEXT); /* xpaclri */
    assert_int_equal(cpu->x[30], POINTER);
    assert_int_equal(run(cpu, 0x9ac53083), A64_NEXT); /* pacga x3, x4, x5 */
    assert_int_equal(cpu->x[3], a64_pac_generic(cpu, cpu->x[4], cpu->x[5]));
    assert_int_equal(run(cpu, 0x9adf3083), A64_NEXT); /* pacga x3, x4, sp */
    assert_int_equal(cpu->x[3], a64_pac_generic(cpu, cpu->x[4], cpu->sp));
    destroy(cpu);
}

/* Disabled keys leave pointers alone; without FEAT_PAuth the hints do, and the rest is undefined.
 */
static void disabled(void **state)
{
    struct a64_cpu *cpu = make("apple-m1");
    struct a64_insn insn;
    cpu->sr.sctlr[1] &= ~(1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
            const struct pauth_case *c = &cases[k];
            a64_insn_decode(&insn, c->word, &cpu->feat);
            prepare(cpu, c);
            if (pass && (c->word & 0xfffff000) != 0xd5032000) {
                assert_int_equal(insn.row, A64_ROW_NONE);
            } else if (c->kind == SIGN || c->kind == AUTH) {
                assert_int_equal(insn.exec(cpu, &insn), A64_NEXT);
                assert_int_equal(cpu->x[c->pointer], POINTER);
            }
        }
        a64_feature_remove(&cpu->feat, A64_FEAT_PAuth);
    }
    destroy(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_uses_its_own, "apple-m1"),
        cmocka_unit_test_prestate(each_uses_its_own, "apple-m2"),
        cmocka_unit_test_prestate(strip_and_generic, "apple-m1"),
        cmocka_unit_test(disabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
