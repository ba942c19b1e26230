/* SPDX-License-Identifier: MIT */
/* Advanced SIMD: the corners that the manual names (upper halves, FPSR.QC, wrapping tables,
 * reserved words), and each row's stated effects against what its function does. The arithmetic
 * itself is held against qemu-aarch64 by tests/oracle/qemu_exec.py. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu.h"
#include "decode.h"

enum { QC = 1 << 27 };

static struct a64_cpu new_cpu(void)
{
    struct a64_cpu cpu = {0};
    for (unsigned feat = A64_FEAT_BASE; feat < A64_FEAT_COUNT; feat++) {
        if (feat != A64_FEAT_ABSENT)
            a64_feature_add(&cpu.feat, feat);
    }
    return cpu;
}

static void run(struct a64_cpu *cpu, uint32_t word)
{
    struct a64_insn insn;
    a64_insn_decode(&insn, word, &cpu->feat);
    assert_int_not_equal(insn.row, A64_ROW_NONE);
    assert_int_equal(insn.exec(cpu, &insn), A64_NEXT);
}

static void set(struct a64_cpu *cpu, unsigned reg, uint64_t high, uint64_t low)
{
    cpu->v[reg] = (union a64_vreg){.d = {low, high}};
}

static void expect(const struct a64_cpu *cpu, unsigned reg, uint64_t high, uint64_t low)
{
    assert_int_equal(cpu->v[reg].d[1], high);
    assert_int_equal(cpu->v[reg].d[0], low);
}

/* An instruction on 64 bits, or a scalar, clears what lies above. */
static void test_upper_half(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    set(&cpu, 0, ~0ull, ~0ull);
    set(&cpu, 1, ~0ull, 0x0101010101010101);
    run(&cpu, 0x0E218420); /* add v0.8b, v1.8b, v1.8b */
    expect(&cpu, 0, 0, 0x0202020202020202);
    set(&cpu, 0, ~0ull, ~0ull);
    run(&cpu, 0x5E010420); /* mov b0, v1.b[0] */
    expect(&cpu, 0, 0, 1);
    set(&cpu, 0, ~0ull, ~0ull);
    run(&cpu, 0x5E210C20); /* sqadd b0, b1, b1 */
    expect(&cpu, 0, 0, 2);
    run(&cpu, 0x2E200020); /* uaddl v0.8h, v1.8b, v0.8b */
    expect(&cpu, 0, 0x0001000100010001, 0x0001000100010003);
}

/* The "2" forms narrow into the upper half and keep the lower; without Q the upper becomes zero. */
static void test_narrow(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    set(&cpu, 0, 0xAAAAAAAAAAAAAAAA, 0xBBBBBBBBBBBBBBBB);
    set(&cpu, 1, 0x1108110711061105, 0x1104110311021101);
    run(&cpu, 0x4E212820); /* xtn2 v0.16b, v1.8h */
    expect(&cpu, 0, 0x0807060504030201, 0xBBBBBBBBBBBBBBBB);
    run(&cpu, 0x0E212820); /* xtn v0.8b, v1.8h */
    expect(&cpu, 0, 0, 0x0807060504030201);
}

/* QC is set by any lane that saturates, stays, and is untouched by lanes that do not exist. */
static void test_saturation(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    set(&cpu, 1, 0x7F00000000000000, 0x0000000000000001);
    run(&cpu, 0x0E210C20); /* sqadd v0.8b, v1.8b, v1.8b: the lane that would saturate is in the
                              upper half */
    assert_int_equal(cpu.fpsr, 0);
    run(&cpu, 0x4E210C20); /* sqadd v0.16b, ... */
    expect(&cpu, 0, 0x7F00000000000000, 2);
    assert_int_equal(cpu.fpsr, QC);
    run(&cpu, 0x0E210C20);
    assert_int_equal(cpu.fpsr, QC);
    cpu.fpsr = 0;
    set(&cpu, 1, 0, 0x8000000000000000);
    run(&cpu, 0x5EE07820); /* sqabs d0, d1 */
    expect(&cpu, 0, 0, 0x7FFFFFFFFFFFFFFF);
    assert_int_equal(cpu.fpsr, QC);
}

/* Table registers wrap from V31 to V0; indices beyond give zero, or with TBX keep the byte. */
static void test_table(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    set(&cpu, 31, 0, 0x1F);
    set(&cpu, 0, 0, 0x20);
    set(&cpu, 2, 0, 0xFF20100000000010);
    set(&cpu, 3, 0x5555555555555555, 0x5555555555555555);
    run(&cpu, 0x0E0223E3); /* tbl v3.8b, {v31.16b, v0.16b}, v2.8b */
    expect(&cpu, 3, 0, 0x0000201F1F1F1F20);
    set(&cpu, 3, ~0ull, 0x5555555555555555);
    run(&cpu, 0x0E0233E3); /* tbx v3.8b, ... */
    expect(&cpu, 3, 0, 0x5555201F1F1F1F20);
}

/* Halves by element have four bits of register and three of index. */
static void test_by_element(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    set(&cpu, 1, 0, 0x0004000300020001);
    set(&cpu, 15, 0x000A000000000000, 0);
    run(&cpu, 0x0F7F8820); /* mul v0.4h, v1.4h, v15.h[7] */
    expect(&cpu, 0, 0, 0x0028001E0014000A);
    set(&cpu, 31, 0x0000000300000000, 0);
    set(&cpu, 1, 0, 0x0000000200000001);
    run(&cpu, 0x0FBF8820); /* mul v0.2s, v1.2s, v31.s[3] */
    expect(&cpu, 0, 0, 0x0000000600000003);
}

/* Moves from general registers read W31 as zero; moves to them clear or extend. */
static void test_general(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    set(&cpu, 1, 0, 0x80FF);
    run(&cpu, 0x0E032C20); /* smov w0, v1.b[1] */
    assert_int_equal(cpu.x[0], 0xFFFFFF80);
    run(&cpu, 0x4E032C20); /* smov x0, v1.b[1] */
    assert_int_equal(cpu.x[0], 0xFFFFFFFFFFFFFF80);
    run(&cpu, 0x0E023C3F); /* umov wzr, v1.h[0] */
    assert_int_equal(cpu.x[31], 0);
    run(&cpu, 0x4E011FE1); /* mov v1.b[0], wzr */
    expect(&cpu, 1, 0, 0x8000);
}

/* Sizes, Q and immh that the manual reserves. */
static void test_reserved(void **unused)
{
    static const uint32_t words[] = {
        0x0EE28420, /* add v0.1d, ... */
        0x4EE29C20, /* mul v0.2d, ... */
        0x2E629C20, /* pmul v0.4h, ... */
        0x0EB1B820, /* addv s0, v1.2s */
        0x0E605820, /* cnt v0.4h, ... */
        0x2EA00820, /* rev32 v0.2s, ... */
        0x0E22B420, /* sqdmulh v0.8b, ... */
        0x0F400420, /* sshr v0.1d, ... */
        0x0F408420, /* shrn from 128 bits */
        0x0E000420, /* dup with imm5 of 0 */
        0x0E080420, /* dup v0.1d, ... */
        0x0E083C20, /* umov w0, v1.d[0] */
        0x2E024020, /* ext v0.8b, ..., #8 */
        0x0E62E020, /* pmull from v1.4h */
        0x2F022020, /* umlal by an element of a byte */
        0x2F03F600, /* fmov v0.1d, #1.0 */
    };
    for (unsigned k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
        const struct a64_row *row = a64_decode(words[k]);
        if (row)
            print_message("%08x is %s\n", words[k], row->name);
        assert_null(row);
    }
}

/* Effects. */

static uint64_t seed = 0x2545F4914F6CDD1D;

static uint64_t random64(void)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}

static uint32_t field(const struct a64_row *row, uint32_t word, char letter)
{
    uint32_t value = 0;
    for (unsigned k = 0; k < 32; k++) {
        if (row->pattern[k] == letter)
            value = value << 1 | (word >> (31 - k) & 1);
    }
    return value;
}

/* The registers that LETTERS name, "n2" being two from n on, as a bit set. */
static uint32_t register_set(const struct a64_row *row, uint32_t word, const char *letters)
{
    uint32_t set_of = 0;
    for (; letters && *letters; letters++) {
        if (*letters >= '1' && *letters <= '9')
            continue;
        const uint32_t first = field(row, word, *letters);
        const unsigned count =
            letters[1] >= '1' && letters[1] <= '9' ? (unsigned)(letters[1] - '0') : 1;
        for (unsigned k = 0; k < count; k++)
            set_of |= 1u << (first + k) % 32;
    }
    return set_of;
}

static void randomize(struct a64_cpu *cpu, uint32_t keep_v, uint32_t keep_x)
{
    for (unsigned k = 0; k < 32; k++) {
        if (!(keep_v >> k & 1))
            set(cpu, k, random64(), random64());
        if (!(keep_x >> k & 1))
            cpu->x[k] = k == 31 ? 0 : random64();
    }
}

/* Runs WORD twice, with everything different that ROW does not claim to read. */
static void check_effects(const struct a64_row *row, uint32_t word)
{
    struct a64_cpu one = new_cpu();
    randomize(&one, 0, 0);
    struct a64_cpu two = one;
    randomize(&two, register_set(row, word, row->rv), register_set(row, word, row->rx));
    const struct a64_cpu before = one;
    run(&one, word);
    run(&two, word);
    const uint32_t wv = register_set(row, word, row->wv), wx = register_set(row, word, row->wx);
    for (unsigned k = 0; k < 32; k++) {
        assert_memory_equal(&one.v[k], wv >> k & 1 ? &two.v[k] : &before.v[k], 16);
        assert_int_equal(one.x[k], wx >> k & 1 ? two.x[k] : before.x[k]);
    }
    assert_int_equal(one.fpsr, two.fpsr);
    assert_true(row->flags & A64_F_WS || one.fpsr == before.fpsr);
    assert_int_equal(one.nzcv, before.nzcv);
}

static bool is_simd(const struct a64_row *row)
{
    const bool group = !strncmp(row->group, "asimd", 5) || !strncmp(row->group, "asisd", 5) ||
                       !strncmp(row->group, "crypto", 6);
    return group && row->implemented && !(row->flags & (A64_F_MR | A64_F_MW | A64_F_RC));
}

static void test_effects(void **unused)
{
    unsigned rows = 0;
    for (unsigned id = 0; id < A64_ROW_COUNT; id++) {
        const struct a64_row *row = &a64_rows[id];
        if (!is_simd(row))
            continue;
        unsigned words = 0;
        for (unsigned tries = 0; tries < 4000 && words < 100; tries++) {
            const uint32_t word = ((uint32_t)random64() & ~row->mask) | row->value;
            if (a64_decode(word) == row) {
                check_effects(row, word);
                words++;
            }
        }
        assert_int_equal(words, 100);
        rows++;
    }
    assert_true(rows >= 310);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upper_half), cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_saturation), cmocka_unit_test(test_table),
        cmocka_unit_test(test_by_element), cmocka_unit_test(test_general),
        cmocka_unit_test(test_reserved),   cmocka_unit_test(test_effects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
