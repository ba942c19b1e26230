/* SPDX-License-Identifier: MIT */

/* Random tables, walked by src/a64/walk.c and by the reference below, which was written from the
 * Arm manual's rules one by one, for clarity alone and with no code in common. Then the same
 * accesses through the TLB, twice: the second time from its entries. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "a64/exception.h"
#include "mmu_rig.h"

enum { OK = -1, UNMAPPED = -2 };

/* What the reference says: OK and pa, UNMAPPED (a table outside RAM), or the fault status code. */
struct answer {
    int fsc;
    int stage;
    bool walk; /* stage 2, for a table of stage 1 */
    uint64_t pa;
    uint64_t ipa; /* what stage 2 could not translate */
};

struct question {
    struct rig *rig;
    const struct gen_case *c;
    bool el0, pan;
    unsigned access; /* A64_READ, A64_WRITE or A64_EXEC */
};

static uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
    return value << (63 - high) >> (63 - high + low);
}

static const unsigned ps_bits[8] = {32, 36, 40, 42, 44, 48, 48, 48};

/* ---- reference: stage 2 ---- */

static bool ref_ram(uint64_t pa)
{
    return pa >= GEN_RAM_BASE && pa < GEN_RAM_BASE + GEN_RAM_SIZE;
}

static struct answer ref_fault(int stage, int type, int level)
{
    return (struct answer){.fsc = type + level, .stage = stage};
}

/* Size of the region that one entry maps. */
static uint64_t ref_region(bool k16, int level)
{
    static const uint64_t size[2][4] = {{1ull << 39, 1ull << 30, 1ull << 21, 1ull << 12},
                                        {1ull << 47, 1ull << 36, 1ull << 25, 1ull << 14}};
    return size[k16][level];
}

static struct answer ref_stage2(const struct question *q, uint64_t ipa, unsigned access, bool el0,
                                bool ptw_forbids_device)
{
    const uint64_t vtcr = q->c->vtcr_el2;
    const bool k16 = bits(vtcr, 15, 14) != 0;
    const int in = 64 - (int)bits(vtcr, 5, 0), sl0 = (int)bits(vtcr, 7, 6);
    const unsigned out = ps_bits[bits(vtcr, 18, 16)];
    int level = (k16 ? 3 : 2) - sl0;
    if (in > 48 || in < 25 || sl0 == 3 || ipa >= 1ull << in)
        return ref_fault(2, 4, 0);
    /* The first table may be up to 16 concatenated ones, and must resolve a bit. */
    const uint64_t entries = (1ull << in) / ref_region(k16, level);
    if (entries < 2 || entries > (k16 ? 2048u : 512u) * 16u)
        return ref_fault(2, 4, 0);
    uint64_t table = q->c->vttbr_el2 & 0x0000fffffffffffeull & ~(entries * 8 - 1);
    if (table >> out)
        return ref_fault(2, 0, 0);
    for (uint64_t index = ipa / ref_region(k16, level);; level++) {
        const uint64_t where = table + index * 8;
        if (!ref_ram(where))
            return (struct answer){.fsc = UNMAPPED, .pa = where};
        const uint64_t d = *rig_word(q->rig, where);
        const bool page = level == 3 && bits(d, 1, 0) == 3;
        const bool block = bits(d, 1, 0) == 1 && (level == 2 || (level == 1 && !k16));
        const bool next = level < 3 && bits(d, 1, 0) == 3;
        if (!page && !block && !next)
            return ref_fault(2, 4, level);
        if (next) {
            table = d & 0x0000fffffffff000ull & ~(k16 ? 0x3fffull : 0xfffull);
            if (table >> out)
                return ref_fault(2, 0, level);
            index = ipa % ref_region(k16, level) / ref_region(k16, level + 1);
            continue;
        }
        const uint64_t size = ref_region(k16, level);
        const uint64_t pa = (bits(d, 47, 12) << 12) / size * size + ipa % size;
        if (pa >> out)
            return ref_fault(2, 0, level);
        if (!bits(d, 10, 10))
            return ref_fault(2, 8, level);
        const bool fwb = bits(q->c->hcr_el2, 46, 46);
        const bool device = fwb ? !bits(d, 4, 4) : bits(d, 5, 4) == 0;
        const bool r = bits(d, 6, 6), w = bits(d, 7, 7);
        const unsigned xn = (unsigned)bits(d, 54, 53);
        const bool x = xn == 0 || (xn == 1 && el0) || (xn == 3 && !el0); /* S2AP is of data */
        const bool allowed = access == A64_READ ? r : access == A64_WRITE ? w : x;
        if (!allowed || (ptw_forbids_device && device))
            return ref_fault(2, 12, level);
        return (struct answer){.fsc = OK, .pa = pa};
    }
}

/* ---- reference: stage 1 ---- */

struct ref_half {
    bool k16, disabled, hpd, tbi;
    unsigned tsz, out;
    uint64_t table;
};

static struct ref_half ref_tcr(const struct gen_case *c, bool upper)
{
    struct ref_half h = {0};
    if (c->mode == GEN_EL2) {
        h.k16 = bits(c->tcr_el2, 15, 14) != 0;
        h.tsz = (unsigned)bits(c->tcr_el2, 5, 0);
        h.out = ps_bits[bits(c->tcr_el2, 18, 16)];
        h.hpd = bits(c->tcr_el2, 24, 24);
        h.table = c->ttbr0_el2;
        h.disabled = upper;
        return h;
    }
    const bool el2 = c->mode == GEN_EL20;
    const uint64_t tcr = el2 ? c->tcr_el2 : c->tcr_el1;
    h.k16 = upper ? bits(tcr, 31, 30) != 2 : bits(tcr, 15, 14) != 0;
    h.tsz = (unsigned)(upper ? bits(tcr, 21, 16) : bits(tcr, 5, 0));
    h.out = ps_bits[bits(tcr, 34, 32)];
    h.hpd = upper ? bits(tcr, 42, 42) : bits(tcr, 41, 41);
    h.disabled = upper ? bits(tcr, 23, 23) : bits(tcr, 7, 7);
    if (upper)
        h.table = el2 ? c->ttbr1_el2 : c->ttbr1_el1;
    else
        h.table = el2 ? c->ttbr0_el2 : c->ttbr0_el1;
    return h;
}

static bool ref_tbi(const struct question *q, bool upper)
{
    const struct gen_case *c = q->c;
    const bool fetch = q->access == A64_EXEC;
    if (c->mode == GEN_EL2)
        return bits(c->tcr_el2, 20, 20) && !(fetch && bits(c->tcr_el2, 29, 29));
    const uint64_t tcr = c->mode == GEN_EL20 ? c->tcr_el2 : c->tcr_el1;
    return upper ? bits(tcr, 38, 38) && !(fetch && bits(tcr, 52, 52))
                 : bits(tcr, 37, 37) && !(fetch && bits(tcr, 51, 51));
}

static bool ref_e0pd(const struct question *q, bool upper)
{
    if (!q->el0 || q->c->mode == GEN_EL2)
        return false;
    const uint64_t tcr = q->c->mode == GEN_EL20 ? q->c->tcr_el2 : q->c->tcr_el1;
    return upper ? bits(tcr, 56, 56) : bits(tcr, 55, 55);
}

static bool ref_allowed(const struct question *q, uint64_t d, uint64_t tables)
{
    const bool wxn = bits(q->c->mode >= GEN_EL2 ? q->c->sctlr_el2 : q->c->sctlr_el1, 19, 19);
    const bool readonly = bits(d, 7, 7) || bits(tables, 62, 62);
    if (q->c->mode == GEN_EL2) {
        const bool xn = bits(d, 54, 54) || bits(tables, 60, 60) || (wxn && !readonly);
        return q->access == A64_READ || (q->access == A64_WRITE ? !readonly : !xn);
    }
    const bool user = bits(d, 6, 6) && !bits(tables, 61, 61);
    const bool uxn = bits(d, 54, 54) || bits(tables, 60, 60);
    const bool pxn = bits(d, 53, 53) || bits(tables, 59, 59);
    if (q->access == A64_EXEC && q->el0)
        return !uxn && !(wxn && user && !readonly);
    if (q->access == A64_EXEC)
        return !pxn && !(user && !readonly) && !(wxn && !readonly);
    if (q->el0)
        return user && (q->access == A64_READ || !readonly);
    if (q->pan && user)
        return false;
    return q->access == A64_READ || !readonly;
}

static bool ref_two_stages(const struct gen_case *c)
{
    return c->mode == GEN_EL10_S2;
}

static struct answer ref_output(const struct question *q, uint64_t ipa)
{
    if (ref_two_stages(q->c)) {
        struct answer a = ref_stage2(q, ipa, q->access, q->el0, false);
        a.ipa = ipa;
        return a;
    }
    return (struct answer){.fsc = OK, .pa = ipa};
}

static struct answer ref_off(const struct question *q, uint64_t va, bool tbi)
{
    const uint64_t address = tbi ? bits(va, 55, 0) : va;
    if (address >> 48)
        return ref_fault(1, 0, 0);
    return ref_output(q, address);
}

static struct answer reference(const struct question *q, uint64_t va)
{
    const bool upper = bits(va, 55, 55);
    const bool tbi = ref_tbi(q, upper);
    const struct ref_half h = ref_tcr(q->c, upper);
    const uint64_t sctlr = q->c->mode >= GEN_EL2 ? q->c->sctlr_el2 : q->c->sctlr_el1;
    if (!bits(sctlr, 0, 0) || (ref_two_stages(q->c) && bits(q->c->hcr_el2, 12, 12)))
        return ref_off(q, va, tbi);
    const uint64_t size = h.tsz < 16 || h.tsz > 39 ? 0 : 1ull << (64 - h.tsz);
    const unsigned top = tbi ? 55 : 63;
    if (!size || h.disabled || ref_e0pd(q, upper))
        return ref_fault(1, 4, 0);
    const uint64_t above = bits(va, top, 64 - h.tsz);
    if (above != (upper ? bits(~0ull, top, 64 - h.tsz) : 0))
        return ref_fault(1, 4, 0);
    const uint64_t ia = va % size;
    int level = 0;
    while (level < 3 && ref_region(h.k16, level) >= size)
        level++;
    const uint64_t entries = size / ref_region(h.k16, level);
    const uint64_t align = entries * 8 < 64 ? 64 : entries * 8;
    uint64_t table = bits(h.table, 47, 1) << 1 & ~(align - 1), tables = 0;
    if (table >> h.out)
        return ref_fault(1, 0, 0);
    for (uint64_t index = ia / ref_region(h.k16, level);; level++) {
        uint64_t where = table + index * 8;
        if (ref_two_stages(q->c)) {
            struct answer s2 = ref_stage2(q, where, A64_READ, false, bits(q->c->hcr_el2, 2, 2));
            if (s2.fsc != OK) {
                s2.walk = s2.fsc != UNMAPPED;
                s2.ipa = where;
                return s2;
            }
            where = s2.pa;
        }
        if (!ref_ram(where))
            return (struct answer){.fsc = UNMAPPED, .pa = where};
        const uint64_t d = *rig_word(q->rig, where);
        if (level < 3 && bits(d, 1, 0) == 3) {
            tables |= h.hpd ? 0 : d;
            table = d & 0x0000fffffffff000ull & ~(h.k16 ? 0x3fffull : 0xfffull);
            if (table >> h.out)
                return ref_fault(1, 0, level);
            index = ia % ref_region(h.k16, level) / ref_region(h.k16, level + 1);
            continue;
        }
        const bool block = bits(d, 1, 0) == 1 && (level == 2 || (level == 1 && !h.k16));
        if (!block && !(level == 3 && bits(d, 1, 0) == 3))
            return ref_fault(1, 4, level);
        const uint64_t region = ref_region(h.k16, level);
        const uint64_t pa = (bits(d, 47, 12) << 12) / region * region + ia % region;
        if (pa >> h.out)
            return ref_fault(1, 0, level);
        if (!bits(d, 10, 10))
            return ref_fault(1, 8, level);
        if (!ref_allowed(q, d, tables))
            return ref_fault(1, 12, level);
        return ref_output(q, pa);
    }
}

/* ---- comparison ---- */

static struct {
    unsigned ok, unmapped, fault[3][16], walk;
} seen;

static void count(const struct answer *a)
{
    if (a->fsc == OK)
        seen.ok++;
    else if (a->fsc == UNMAPPED)
        seen.unmapped++;
    else
        seen.fault[a->stage][a->fsc]++;
    seen.walk += a->walk;
}

static enum a64_regime regime_of(const struct gen_case *c)
{
    return c->mode == GEN_EL2    ? A64_REGIME_EL2
           : c->mode == GEN_EL20 ? A64_REGIME_EL20
                                 : A64_REGIME_EL10;
}

static void compare_walk(const struct question *q, uint64_t va, const struct answer *want)
{
    struct a64_walk walk;
    const unsigned access = q->access | (q->pan && q->access != A64_EXEC ? A64_PAN : 0);
    const int got = a64_walk(&q->rig->cpu[0], regime_of(q->c), false, q->el0, access, va, &walk);
    if (want->fsc == OK) {
        assert_int_equal(got, 0);
        assert_int_equal(walk.pa, want->pa);
    } else if (want->fsc == UNMAPPED) {
        assert_int_equal(got & 0x3c, 0x14);
        assert_int_equal(walk.pa, want->pa);
    } else {
        assert_int_equal(got, want->fsc | want->stage << 8);
        assert_int_equal(walk.s1ptw, want->walk);
    }
}

/* The exception that the CPU must report for an answer. */
static void check_exception(const struct question *q, const struct a64_cpu *cpu, uint64_t va,
                            const struct answer *want)
{
    const uint32_t wnr = q->access == A64_WRITE ? 0x40 : 0;
    const struct a64_exc *exc = &cpu->exc;
    assert_int_equal(exc->far, va);
    if (want->fsc == OK || want->fsc == UNMAPPED) {
        const bool table = want->fsc == UNMAPPED;
        assert_int_equal(exc->kind, A64_EXC_VMEXIT);
        assert_int_equal(exc->ec, q->access == A64_EXEC ? A64_EC_IABT_LOW : A64_EC_DABT_LOW);
        assert_int_equal(exc->iss, 0x07 | wnr | (table ? 0x80 : 0));
        assert_int_equal(exc->ipa, want->pa);
        return;
    }
    const bool low = cpu->ps.el == 0 || (want->stage == 2 && cpu->ps.el == 1);
    const unsigned ec = q->access == A64_EXEC ? A64_EC_IABT : A64_EC_DABT;
    assert_int_equal(exc->kind, A64_EXC_SYNC);
    assert_int_equal(exc->ec, low ? ec - 1 : ec);
    assert_int_equal(exc->iss, (unsigned)want->fsc | wnr | (want->walk ? 0x80 : 0));
    assert_int_equal(exc->stage2, want->stage == 2);
    if (want->stage == 2)
        assert_int_equal(exc->ipa, want->ipa);
    assert_int_equal(exc->target_el, want->stage == 2 ? 2 : 0);
}

/* The access itself, as the CPU would do it, twice. */
static void compare_access(const struct question *q, uint64_t va, const struct answer *want)
{
    struct a64_cpu *cpu = &q->rig->cpu[0];
    const bool ram = want->fsc == OK && ref_ram(want->pa);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t pa;
        bool guarded;
        uint8_t *host;
        if (q->access == A64_EXEC)
            host = (uint8_t *)(uintptr_t)a64_fetch_host(cpu, va & ~3ull, &pa, &guarded);
        else
            host = a64_host(cpu, va, 1, q->access);
        if (!ram) {
            assert_null(host);
            continue;
        }
        const uint64_t at = want->pa & ~(q->access == A64_EXEC ? 3ull : 0);
        assert_ptr_equal(host, q->rig->ram + (at - GEN_RAM_BASE));
        if (q->access == A64_EXEC)
            assert_int_equal(pa, at);
    }
    if (!ram && !(q->access == A64_EXEC && va & 3))
        check_exception(q, cpu, va, want);
}

static void set_state(struct question *q)
{
    struct a64_cpu *cpu = &q->rig->cpu[0];
    cpu->ps.el = q->el0 ? 0 : q->c->mode >= GEN_EL2 ? 2 : 1;
    cpu->ps.pan = q->pan;
    cpu->sr.hcr_el2 = q->c->hcr_el2;
    if (q->el0 && q->c->mode == GEN_EL20)
        cpu->sr.hcr_el2 |= A64_HCR_TGE;
    a64_mmu_update(cpu);
}

static void check_case(struct rig *rig, const struct gen_case *c)
{
    rig_load(&rig->cpu[0], c);
    a64_tlb_flush(&rig->cpu[0]);
    for (unsigned i = 0; i < GEN_VAS * 12; i++) {
        struct question q = {
            .rig = rig, .c = c, .access = 1u << i % 3, .el0 = i / 3 & 1, .pan = i / 6 & 1};
        const uint64_t va = c->va[i / 12];
        if (q.el0 && c->mode == GEN_EL2)
            continue; /* that regime has no EL0 */
        const struct answer want = reference(&q, va);
        set_state(&q);
        compare_walk(&q, va, &want);
        compare_access(&q, va, &want);
        count(&want);
    }
}

static void random_tables(void **state)
{
    struct rig *rig = rig_new();
    const char *scale = getenv("POMONA_TEST_SCALE"), *given = getenv("POMONA_SEED");
    const unsigned cases = 20000 * (scale ? (unsigned)atoi(scale) : 100) / 100;
    uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
    for (unsigned i = 0; i < cases; i++) {
        const uint64_t from = seed;
        struct gen_case c;
        gen_make(&seed, &c, rig->ram);
        if (i == 0 || given)
            print_message("seed %#llx\n", (unsigned long long)from);
        check_case(rig, &c);
    }
    rig_free(rig);
    print_message("%u translated, %u tables outside RAM, %u faults on walks\n", seen.ok,
                  seen.unmapped, seen.walk);
    /* Every kind of fault at every level that has it. */
    for (unsigned stage = 1; stage <= 2; stage++)
        for (unsigned fsc = 0; fsc < 16; fsc++)
            if (fsc != 8 && fsc != 12 && !(stage == 2 && fsc == 0))
                assert_true(seen.fault[stage][fsc] > 0);
    assert_true(seen.ok > 1000 && seen.unmapped > 100 && seen.walk > 1000);
}

/* ---- tables that change under the walk ---- */

struct vandal {
    struct rig *rig;
    atomic_bool stop;
};

/* Writes descriptors that lead on within the pool, one word at a time, everywhere. */
static void *vandalize(void *arg)
{
    struct vandal *v = arg;
    uint64_t seed = 99;
    while (!atomic_load(&v->stop)) {
        const uint64_t r = gen_random(&seed);
        const uint64_t desc =
            r & 1 ? r : ((r & 0xff000) + GEN_RAM_BASE) | (r & 0x7800000000000fffull);
        __atomic_store_n(rig_word(v->rig, GEN_RAM_BASE + (r >> 20 & 0xffff8)), desc,
                         __ATOMIC_RELAXED);
    }
    return NULL;
}

static void hostile_tables(void **state)
{
    struct vandal v = {.rig = rig_new()};
    struct a64_cpu *cpu = &v.rig->cpu[0];
    pthread_t thread;
    uint64_t seed = 5;
    struct gen_case c;
    uint8_t *tables = malloc(GEN_RAM_SIZE);
    assert_int_equal(pthread_create(&thread, NULL, vandalize, &v), 0);
    for (unsigned i = 0; i < 300; i++) {
        gen_make(&seed, &c, tables);
        host_copy_to(v.rig->ram, tables, GEN_RAM_SIZE); /* while the vandal writes */
        rig_load(cpu, &c);
        cpu->ps.el = c.mode >= GEN_EL2 ? 2 : 1;
        a64_mmu_update(cpu);
        for (unsigned n = 0; n < 200; n++) {
            const uint64_t va = c.va[n % GEN_VAS] ^ (n << 12);
            uint8_t *host = a64_host(cpu, va, 1, 1u << n % 2);
            assert_true(!host || (host >= v.rig->ram && host < v.rig->ram + GEN_RAM_SIZE));
            if (n % 16 == 0)
                a64_tlb_flush(cpu);
        }
    }
    atomic_store(&v.stop, true);
    pthread_join(thread, NULL);
    free(tables);
    rig_free(v.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_tables),
                                       cmocka_unit_test(hostile_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
