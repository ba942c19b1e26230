/* SPDX-License-Identifier: MIT */
/* Loads and stores: every implemented row at every byte position across a page boundary, with the
 * first or the second page missing or read-only, must change nothing and name the first byte that
 * fails; the syndrome; the emulation of device accesses against the interpreter. What the
 * instructions do when nothing fails is the business of tests/oracle/ldst. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/a64/exception.h"
#include "../../src/a64/monitor.h"
#include "../../src/a64/pac.h"
#include "ldst_bench.h"

#define PAGE          4096u
#define BOUNDARY      (BENCH_VA + 2 * PAGE)
#define WINDOW        256u /* bytes watched on each side of the boundary */
#define WORDS_PER_ROW 4
#define DFSC_ALIGN    0x21u

/* What an instruction can change. */
struct snapshot {
    uint64_t x[32], sp, pc;
    uint32_t nzcv;
    union a64_vreg v[32];
    uint8_t memory[2 * WINDOW];
};

static void take(struct bench *bench, struct snapshot *shot)
{
    const struct a64_cpu *cpu = bench->cpu;
    memset(shot, 0, sizeof *shot);
    memcpy(shot->x, cpu->x, sizeof shot->x);
    memcpy(shot->v, cpu->v, sizeof shot->v);
    shot->sp = cpu->sp;
    shot->pc = cpu->pc;
    shot->nzcv = cpu->nzcv;
    memcpy(shot->memory, bench_at(bench, BOUNDARY - WINDOW), sizeof shot->memory);
}

static void restore(struct bench *bench, const struct snapshot *shot)
{
    struct a64_cpu *cpu = bench->cpu;
    memcpy(cpu->x, shot->x, sizeof shot->x);
    memcpy(cpu->v, shot->v, sizeof shot->v);
    cpu->sp = shot->sp;
    cpu->pc = shot->pc;
    memcpy(bench_at(bench, BOUNDARY - WINDOW), shot->memory, sizeof shot->memory);
}

static void fill_memory(struct bench *bench)
{
    uint8_t *p = bench_at(bench, BOUNDARY - WINDOW);
    for (unsigned i = 0; i < 2 * WINDOW; i++)
        p[i] = (uint8_t)bench_random(bench);
}

static void complain(const struct a64_row *row, uint32_t word, uint64_t va, const char *what)
{
    fail_msg("%s %08x at %llx: %s", row->name, word, (unsigned long long)va, what);
}

static bool is_class(const struct a64_row *row, const char *prefix)
{
    return strncmp(row->group, prefix, strlen(prefix)) == 0;
}

static bool is_exclusive(const struct a64_row *row)
{
    return is_class(row, "ldstexcl");
}

/* Rows whose misaligned accesses fault when they leave 16 bytes, or always. */
static bool faults_misaligned(const struct a64_row *row, uint64_t va, unsigned bytes)
{
    if (!(va & (bytes - 1)))
        return false;
    if (is_exclusive(row) || is_class(row, "comswappr"))
        return true;
    return (is_class(row, "memop") || is_class(row, "comswap") || is_class(row, "ldstord") ||
            is_class(row, "ldapstl")) &&
           (va & 15) + bytes > 16;
}

/* Runs WORD, which must fault at FAR with fault status FSC and change nothing. */
static void expect_fault(struct bench *bench, const struct a64_row *row, uint32_t word, uint64_t va,
                         uint64_t far, unsigned fsc)
{
    struct snapshot before, after;
    struct a64_cpu *cpu = bench->cpu;
    take(bench, &before);
    if (bench_run(cpu, word) != A64_FAULT)
        complain(row, word, va, "did not fault");
    take(bench, &after);
    if (memcmp(&before, &after, sizeof before))
        complain(row, word, va, "faulted and changed something");
    if (cpu->exc.far != far || (cpu->exc.iss & 0x3f) != fsc || cpu->exc.ec != A64_EC_DABT_LOW)
        fail_msg("%s %08x at %llx: FAR %llx, EC %x, ISS %x; expected FAR %llx, FSC %x", row->name,
                 word, (unsigned long long)va, (unsigned long long)cpu->exc.far, cpu->exc.ec,
                 cpu->exc.iss, (unsigned long long)far, fsc);
    if (fsc != DFSC_ALIGN &&
        !(cpu->exc.iss >> 6 & 1) != !(row->flags & A64_F_MW && !(row->flags & A64_F_MR)))
        complain(row, word, va, "wrong WnR");
    restore(bench, &before);
}

/* All cases of WORD with its first byte at VA. */
static void cross_at(struct bench *bench, const struct a64_row *row, uint32_t word, uint64_t va)
{
    const unsigned bytes = bench_aim(bench, word, va);
    const bool misaligned = faults_misaligned(row, va, bytes);
    const uint64_t second = va < BOUNDARY ? BOUNDARY : va;
    const unsigned fsc = 0x07; /* translation fault, level 3 */
    fill_memory(bench);
    bench_map(bench, 2, BENCH_NONE);
    if (misaligned)
        expect_fault(bench, row, word, va, va, DFSC_ALIGN);
    else if (va + bytes > BOUNDARY)
        expect_fault(bench, row, word, va, second, fsc);
    bench_map(bench, 2, BENCH_READ_WRITE);
    bench_map(bench, 1, BENCH_NONE);
    if (va < BOUNDARY && !misaligned)
        expect_fault(bench, row, word, va, va, fsc);
    bench_map(bench, 1, BENCH_READ_WRITE);
    if (misaligned)
        expect_fault(bench, row, word, va, va, DFSC_ALIGN);
    else if (bench_run(bench->cpu, word))
        complain(row, word, va, "faulted in mapped memory");
}

/* A store to a page that may only be read. */
static void read_only_at(struct bench *bench, const struct a64_row *row, uint32_t word, uint64_t va)
{
    const unsigned bytes = bench_aim(bench, word, va);
    if (!(row->flags & A64_F_MW) || faults_misaligned(row, va, bytes) || va + bytes <= BOUNDARY)
        return;
    struct snapshot before, after;
    bench_map(bench, 2, BENCH_READ_ONLY);
    take(bench, &before);
    if (bench_run(bench->cpu, word) != A64_FAULT)
        complain(row, word, va, "wrote to a read-only page");
    take(bench, &after);
    if (memcmp(&before, &after, sizeof before))
        complain(row, word, va, "faulted on a read-only page and changed something");
    if ((bench->cpu->exc.iss & 0x7f) != (0x40 | 0x0f))
        complain(row, word, va, "not a write permission fault of level 3");
    bench_map(bench, 2, BENCH_READ_WRITE);
}

/* Misaligned, but inside a page. */
static void misaligned_at(struct bench *bench, const struct a64_row *row, uint32_t word,
                          uint64_t va)
{
    const unsigned bytes = bench_aim(bench, word, va);
    if (faults_misaligned(row, va, bytes))
        expect_fault(bench, row, word, va, va, DFSC_ALIGN);
    else if (bench_run(bench->cpu, word))
        complain(row, word, va, "faulted for alignment");
}

static void faults_change_nothing(void **state)
{
    struct bench bench;
    unsigned rows = 0, cases = 0;
    bench_init(&bench, 1);
    for (unsigned id = 0; id < A64_ROW_COUNT; id++) {
        const struct a64_row *row = &a64_rows[id];
        if (!bench_is_memory_row(row))
            continue;
        rows++;
        for (unsigned i = 0; i < WORDS_PER_ROW; i++) {
            const uint32_t word = bench_random_word(&bench, row);
            const unsigned bytes = bench_aim(&bench, word, BOUNDARY);
            for (unsigned k = 0; k <= bytes; k++, cases++) {
                if (!strchr(row->rx ? row->rx : "", 'n') && k % 4)
                    continue; /* literals are aligned to words */
                cross_at(&bench, row, word, BOUNDARY - k);
                read_only_at(&bench, row, word, BOUNDARY - k);
                misaligned_at(&bench, row, word, BOUNDARY - 128 + k); /* within 16 bytes, mostly */
                misaligned_at(&bench, row, word, BOUNDARY - 128 - k); /* across them */
            }
        }
    }
    printf("%u rows, %u positions\n", rows, cases);
    assert_true(rows > 480);
    bench_free(&bench);
}

/* SCTLR.A: alignment to the element, before anything else; SCTLR.SA0: an unaligned SP. */
static void alignment_checks(void **state)
{
    struct bench bench;
    bench_init(&bench, 2);
    bench.cpu->sr.sctlr[1] |= 1 << 1;
    a64_mmu_update(bench.cpu);
    bench_map(&bench, 2, BENCH_NONE);
    static const struct {
        uint32_t word;
        unsigned element;
    } cases[] = {
        {0xf9400041, 8},  /* ldr x1, [x2] */
        {0x79400041, 2},  /* ldrh w1, [x2] */
        {0x3dc00041, 16}, /* ldr q1, [x2] */
        {0xa9400c41, 8},  /* ldp x1, x3, [x2] */
        {0xa9000c41, 8},  /* stp x1, x3, [x2] */
        {0x29000c41, 4},  /* stp w1, w3, [x2] */
        {0xad000c41, 16}, /* stp q1, q3, [x2] */
        {0x4c402041, 1},  /* ld1 {v1.16b-v4.16b}, [x2] */
        {0x4c002c41, 8},  /* st1 {v1.2d-v4.2d}, [x2] */
        {0x4c000841, 4},  /* st4 {v1.4s-v4.4s}, [x2] */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned k = 1; k < 16; k++) {
            const uint64_t va = BOUNDARY - 128 + k;
            const struct a64_row *row = a64_decode(cases[i].word);
            bench_aim(&bench, cases[i].word, va);
            if (va % cases[i].element)
                expect_fault(&bench, row, cases[i].word, va, va, DFSC_ALIGN);
            else
                assert_int_equal(bench_run(bench.cpu, cases[i].word), A64_NEXT);
        }
    bench_free(&bench);
}

static void stack_alignment(void **state)
{
    struct bench bench;
    bench_init(&bench, 3);
    const uint32_t ldr = 0xf94003e1, prfm = 0xf98003e0; /* [sp] */
    bench_aim(&bench, ldr, BOUNDARY - 8);
    assert_int_equal(bench_run(bench.cpu, ldr), A64_NEXT);
    bench.cpu->sr.sctlr[1] |= 1 << 4; /* SA0 */
    assert_int_equal(bench_run(bench.cpu, ldr), A64_FAULT);
    assert_int_equal(bench.cpu->exc.ec, A64_EC_SP_ALIGN);
    assert_int_equal(bench_run(bench.cpu, prfm), A64_NEXT);
    bench.cpu->sp -= 8;
    assert_int_equal(bench_run(bench.cpu, ldr), A64_NEXT);
    bench_free(&bench);
}

/* ---- device emulation against the interpreter ---- */

static void emulate(struct bench *bench, uint32_t word)
{
    struct a64_mmio_plan plan;
    struct a64_mmio_access *access;
    const struct a64_mmio_regs regs = bench_regs(bench->cpu);
    assert_int_equal(a64_mmio_decode(&plan, word, bench->cpu->pc, 0, &regs), 0);
    while ((access = a64_mmio_next(&plan))) {
        assert_in_range(access->va, BOUNDARY - WINDOW, BOUNDARY + WINDOW - access->size);
        if (access->write)
            memcpy(bench_at(bench, access->va), &access->value, access->size);
        else
            memcpy(&access->value, bench_at(bench, access->va), access->size);
    }
    a64_mmio_commit(&plan, &regs);
}

static void emulate_by_syndrome(struct bench *bench, const struct a64_row *row, uint32_t word,
                                uint64_t va)
{
    struct a64_mmio_plan plan;
    struct a64_mmio_access *access;
    const struct a64_mmio_regs regs = bench_regs(bench->cpu);
    const uint32_t iss = a64_dabt_syndrome(word) | (row->flags & A64_F_MW ? 1 << 6 : 0);
    a64_mmio_from_iss(&plan, iss, va, &regs);
    access = a64_mmio_next(&plan);
    if (access->write)
        memcpy(bench_at(bench, access->va), &access->value, access->size);
    else
        memcpy(&access->value, bench_at(bench, access->va), access->size);
    assert_null(a64_mmio_next(&plan));
    a64_mmio_commit(&plan, &regs);
}

static void emulation_matches(void **state)
{
    struct bench bench;
    bench_init(&bench, 4);
    for (unsigned id = 0; id < A64_ROW_COUNT; id++) {
        const struct a64_row *row = &a64_rows[id];
        if (!bench_is_memory_row(row))
            continue;
        for (unsigned i = 0; i < 20; i++) {
            const uint32_t word = bench_random_word(&bench, row);
            struct snapshot before, by_interpreter, by_emulation;
            uint64_t va = BOUNDARY - 64 + (bench_random(&bench) & 64);
            const unsigned bytes = bench_aim(&bench, word, va);
            const unsigned misaligned = bench_random(&bench) & 15;
            if (bytes < 16 && !faults_misaligned(row, va + misaligned, bytes)) {
                va += misaligned & (strchr(row->rx ? row->rx : "", 'n') ? 15 : 12);
                bench_aim(&bench, word, va);
            }
            fill_memory(&bench);
            const unsigned s = word >> 16 & 31, n = word >> 5 & 31;
            if (i & 1 && is_class(row, "comswap") && n != s && n != s + 1)
                memcpy(&bench.cpu->x[s], bench_at(&bench, va), bytes); /* the comparison succeeds */
            bench.cpu->x[31] = 0;
            take(&bench, &before);
            uint64_t value[2];
            if (is_exclusive(row))
                a64_exclusive_load(bench.cpu, bench_at(&bench, va), bytes, value);
            if (bench_run(bench.cpu, word))
                complain(row, word, va, "faulted");
            take(&bench, &by_interpreter);
            restore(&bench, &before);
            emulate(&bench, word);
            take(&bench, &by_emulation);
            if (memcmp(&by_interpreter, &by_emulation, sizeof by_emulation))
                complain(row, word, va, "device emulation differs from the interpreter");
            if (!(a64_dabt_syndrome(word) & A64_ISS_ISV))
                continue;
            restore(&bench, &before);
            emulate_by_syndrome(&bench, row, word, va);
            take(&bench, &by_emulation);
            if (memcmp(&by_interpreter, &by_emulation, sizeof by_emulation))
                complain(row, word, va, "emulation by syndrome differs from the interpreter");
        }
    }
    bench_free(&bench);
}

/* ---- the effects that rows state: the translator relies on them ---- */

#define SP_BIT (1ull << 32)

static unsigned field_of(const struct a64_row *row, uint32_t word, char letter)
{
    unsigned value = 0;
    for (unsigned i = 0; i < 32; i++)
        if (row->pattern[i] == letter)
            value = value << 1 | (word >> (31 - i) & 1);
    return value;
}

/* The registers that EFFECT (rx, wx, rv or wv: letters, each with a count) names in WORD. */
static uint64_t named(const struct a64_row *row, uint32_t word, const char *effect, bool general)
{
    uint64_t set = 0;
    for (const char *c = effect ? effect : ""; *c; c++) {
        const unsigned first = field_of(row, word, *c);
        const bool base = general && *c == 'n' && row->flags & A64_F_RSP;
        unsigned count = 1;
        if (c[1] >= '2' && c[1] <= '4')
            count = (unsigned)(*++c - '0');
        for (unsigned i = 0; i < count; i++)
            set |= base && first == 31 ? SP_BIT : 1ull << (first + i) % 32;
    }
    return general ? set & ~(1ull << 31) : set;
}

/* Changes every register that is neither read nor written. */
static void disturb(struct bench *bench, uint64_t general, uint64_t vector)
{
    struct a64_cpu *cpu = bench->cpu;
    for (unsigned i = 0; i < 31; i++)
        if (!(general >> i & 1))
            cpu->x[i] ^= bench_random(bench);
    if (!(general & SP_BIT))
        cpu->sp ^= bench_random(bench) & ~15ull;
    for (unsigned i = 0; i < 32; i++)
        if (!(vector >> i & 1))
            cpu->v[i].d[1] = cpu->v[i].d[0] ^= bench_random(bench);
}

/* Registers that differ between two states. */
static void differences(const struct snapshot *a, const struct snapshot *b, uint64_t *general,
                        uint64_t *vector)
{
    *general = a->sp != b->sp ? SP_BIT : 0;
    *vector = 0;
    for (unsigned i = 0; i < 32; i++) {
        *general |= (uint64_t)(a->x[i] != b->x[i]) << i;
        *vector |= (uint64_t)(memcmp(&a->v[i], &b->v[i], 16) != 0) << i;
    }
}

static void run_armed(struct bench *bench, const struct a64_row *row, uint32_t word, uint64_t va,
                      unsigned bytes, struct snapshot *after)
{
    uint64_t value[2];
    if (is_exclusive(row))
        a64_exclusive_load(bench->cpu, bench_at(bench, va), bytes, value);
    if (bench_run(bench->cpu, word))
        complain(row, word, va, "faulted");
    take(bench, after);
}

static void effects_as_stated(void **state)
{
    struct bench bench;
    bench_init(&bench, 7);
    for (unsigned id = 0; id < A64_ROW_COUNT; id++) {
        const struct a64_row *row = &a64_rows[id];
        for (unsigned i = 0; bench_is_memory_row(row) && i < 10; i++) {
            const uint32_t word = bench_random_word(&bench, row);
            const uint64_t va = BOUNDARY - 64, written = named(row, word, row->wx, true);
            const uint64_t written_v = named(row, word, row->wv, false);
            const unsigned bytes = bench_aim(&bench, word, va);
            struct snapshot before, first, second;
            uint64_t general, vector;
            fill_memory(&bench);
            take(&bench, &before);
            run_armed(&bench, row, word, va, bytes, &first);
            differences(&before, &first, &general, &vector);
            if (general & ~written || vector & ~written_v)
                complain(row, word, va, "wrote a register that its row does not name");
            if (!(row->flags & A64_F_MW) &&
                memcmp(before.memory, first.memory, sizeof first.memory))
                complain(row, word, va, "wrote memory");
            restore(&bench, &before);
            disturb(&bench, named(row, word, row->rx, true), named(row, word, row->rv, false));
            run_armed(&bench, row, word, va, bytes, &second);
            differences(&first, &second, &general, &vector);
            if (general & written || vector & written_v ||
                memcmp(first.memory, second.memory, sizeof first.memory))
                complain(row, word, va, "read a register that its row does not name");
        }
    }
    bench_free(&bench);
}

/* A syndrome is valid for one general register without write-back, exclusivity or
 * read-modify-write. */
static void syndromes(void **state)
{
    struct bench bench;
    bench_init(&bench, 5);
    for (unsigned id = 0; id < A64_ROW_COUNT; id++) {
        const struct a64_row *row = &a64_rows[id];
        if (!bench_is_memory_row(row))
            continue;
        const uint32_t word = bench_random_word(&bench, row);
        const bool one =
            (row->wx && !strcmp(row->wx, "t")) || (row->rx && !row->wx && strchr(row->rx, 't'));
        const bool plain = !(row->flags & A64_F_FP) && !is_exclusive(row) &&
                           !strchr(row->pattern, 'u') &&
                           (row->flags & (A64_F_MR | A64_F_MW)) != (A64_F_MR | A64_F_MW);
        if (!(a64_dabt_syndrome(word) & A64_ISS_ISV) != !(one && plain))
            complain(row, word, 0, "the syndrome should be the other way");
    }
    assert_int_equal(a64_dabt_syndrome(0xb9400043), 0x01830000); /* ldr w3, [x2] */
    assert_int_equal(a64_dabt_syndrome(0xf9000043), 0x01c38000); /* str x3, [x2] */
    assert_int_equal(a64_dabt_syndrome(0x39c00043), 0x01230000); /* ldrsb w3, [x2] */
    assert_int_equal(a64_dabt_syndrome(0xb9800043), 0x01a38000); /* ldrsw x3, [x2] */
    assert_int_equal(a64_dabt_syndrome(0x48dffc43), 0x01434000); /* ldarh w3, [x2] */
    assert_int_equal(a64_dabt_syndrome(0xf9800043), 0);          /* prfm */
    assert_int_equal(a64_dabt_syndrome(0xf8408443), 0);          /* ldr x3, [x2], #8 */
    bench_free(&bench);
}

/* LDRAA, LDRAB: the authenticated address, write-back of it, and no access through a pointer that
 * fails. */
static void authenticated_loads(void **state)
{
    struct bench bench;
    bench_init(&bench, 6);
    struct a64_cpu *cpu = bench.cpu;
    const uint64_t va = BOUNDARY - 64;
    cpu->sr.sctlr[1] |= 1ull << 27 | 1ull << 13; /* EnDA, EnDB */
    for (unsigned key = 0; key < A64_KEY_COUNT; key++)
        cpu->sr.key[key] = (struct a64_pac_key){bench_random(&bench), bench_random(&bench)};
    fill_memory(&bench);
    for (unsigned b = 0; b < 2; b++) {
        const uint32_t ldraa = 0xf8201441 | b << 23, ldraa_pre = ldraa | 1 << 11; /* x1, [x2, #8] */
        const uint64_t pointer = a64_pac_sign(cpu, va, 0, b ? A64_KEY_DB : A64_KEY_DA);
        uint64_t expected;
        memcpy(&expected, bench_at(&bench, va + 8), 8);
        assert_int_not_equal(pointer, va);
        cpu->x[2] = pointer;
        assert_int_equal(bench_run(cpu, ldraa), A64_NEXT);
        assert_int_equal(cpu->x[1], expected);
        assert_int_equal(cpu->x[2], pointer);
        cpu->x[1] = 0;
        assert_int_equal(bench_run(cpu, ldraa_pre), A64_NEXT);
        assert_int_equal(cpu->x[1], expected);
        assert_int_equal(cpu->x[2], va + 8);
        cpu->x[1] = 77;
        cpu->x[2] = pointer ^ 1ull << 50;
        assert_int_equal(bench_run(cpu, ldraa_pre), A64_FAULT);
        assert_int_equal(cpu->x[1], 77);
        assert_int_equal(cpu->x[2], pointer ^ 1ull << 50);
    }
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_change_nothing),
        cmocka_unit_test(alignment_checks),
        cmocka_unit_test(stack_alignment),
        cmocka_unit_test(emulation_matches),
        cmocka_unit_test(syndromes),
        cmocka_unit_test(authenticated_loads),
        cmocka_unit_test(effects_as_stated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
