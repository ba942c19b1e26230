/* SPDX-License-Identifier: MIT */

/* Pointer authentication: QARMA against the vectors of its paper; signing, authenticating and
 * stripping by their laws, over all shapes of the address space and both algorithms.
 * (tests/oracle/pac holds values against another emulator.) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "a64/exception.h"
#include "a64/pac.h"
#include "a64/qarma.h"
#include "mmu_rig.h"

#define ENABLE (1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13)
#define TBI    37
#define TBID   51

/* Avanzi 2017, QARMA-64, sigma 2, r = 5. */
static void paper(void **state)
{
    assert_int_equal(
        a64_qarma5(0xfb623599da6e8127, 0x477d469dec0b8762, 0x84be85ce9804e94b, 0xec2802d4e0a488e9),
        0xc003b93999b33765);
}

/* A CPU in a random address space; the model's features by the bits of KIND. */
static void randomize(struct a64_cpu *cpu, uint64_t *seed, unsigned kind)
{
    static const enum a64_feat optional[] = {A64_FEAT_PACQARMA5, A64_FEAT_EPAC, A64_FEAT_PAuth2,
                                             A64_FEAT_FPAC, A64_FEAT_FPACCOMBINE};
    for (unsigned i = 0; i < sizeof optional / sizeof *optional; i++)
        a64_feature_remove(&cpu->feat, optional[i]);
    if (kind & 1)
        a64_feature_add(&cpu->feat, A64_FEAT_PACQARMA5);
    if (kind >> 1 == 1)
        a64_feature_add(&cpu->feat, A64_FEAT_EPAC);
    if (kind >> 1 >= 2)
        a64_feature_add(&cpu->feat, A64_FEAT_PAuth2);
    if (kind >> 1 >= 3)
        a64_feature_add(&cpu->feat, A64_FEAT_FPAC);
    const uint64_t r = gen_random(seed);
    cpu->sr.tcr[1] =
        (16 + r % 24) | (16 + (r >> 8) % 24) << 16 | (r & (3ull << TBI | 3ull << TBID));
    cpu->sr.sctlr[1] = ENABLE;
    cpu->sr.hcr_el2 = A64_HCR_API;
    cpu->ps.el = r >> 60 & 1;
    for (unsigned key = 0; key < A64_KEY_COUNT; key++)
        cpu->sr.key[key] = (struct a64_pac_key){gen_random(seed), gen_random(seed)};
    a64_mmu_update(cpu);
}

/* A pointer that is valid there; the tag is random where it is ignored for both data and
 * instructions. */
static uint64_t random_pointer(struct a64_cpu *cpu, uint64_t *seed)
{
    const uint64_t r = gen_random(seed);
    const unsigned high = r & 1;
    const unsigned bits = 64 - (cpu->sr.tcr[1] >> (high ? 16 : 0) & 0x3f);
    uint64_t p = gen_random(seed) & ((1ull << bits) - 1);
    if (high)
        p |= ~0ull << bits;
    if (cpu->sr.tcr[1] >> (TBI + high) & 1 && !(cpu->sr.tcr[1] >> (TBID + high) & 1))
        p ^= r & 0xff00000000000000ull;
    return p;
}

static void laws(void **state)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t seed = 7;
    unsigned forged = 0, tried = 0;
    for (unsigned i = 0; i < 40000; i++) {
        const unsigned kind = i % 8;
        const enum a64_key key = (enum a64_key)(gen_random(&seed) % 4);
        randomize(cpu, &seed, kind);
        const uint64_t p = random_pointer(cpu, &seed), modifier = gen_random(&seed);
        const uint64_t s = a64_pac_sign(cpu, p, modifier, key);
        uint64_t back;
        assert_int_equal(s >> 55 & 1, p >> 55 & 1);
        assert_int_equal(a64_pac_auth(cpu, s, modifier, key, &back), A64_NEXT);
        assert_int_equal(back, p);
        assert_int_equal(a64_pac_strip(cpu, s, key >= A64_KEY_DA), p);
        /* With another modifier the result is unusable, but for luck: 2^-n for n bits of code. */
        const int status = a64_pac_auth(cpu, s, modifier ^ 4, key, &back);
        tried++;
        if (kind >> 1 == 3) {
            forged += status == A64_NEXT;
            if (status != A64_NEXT) {
                assert_int_equal(cpu->exc.ec, A64_EC_FPAC);
                assert_int_equal(cpu->exc.iss, (key >= A64_KEY_DA ? 2 : 0) | (key & 1));
            }
        } else {
            assert_int_equal(status, A64_NEXT);
            forged += back == p;
        }
        assert_int_equal(a64_pac_auth_combined(cpu, s, modifier ^ 4, key, &back), A64_NEXT);
        /* Disabled keys do nothing. */
        cpu->sr.sctlr[1] = 0;
        assert_int_equal(a64_pac_sign(cpu, p, modifier, key), p);
        assert_int_equal(a64_pac_auth(cpu, s, modifier, key, &back), A64_NEXT);
        assert_int_equal(back, s);
    }
    /* Seven bits of code at least, sixteen to thirty mostly. */
    assert_in_range(forged, 0, tried / 200);
    rig_free(rig);
}

/* Signing what is already signed must not give a pointer that authenticates (but with PAuth2, which
 * fails later). */
static void not_canonical(void **state)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t seed = 9, back;
    unsigned passed = 0;
    for (unsigned i = 0; i < 20000; i++) {
        const unsigned kind = i % 4; /* without and with EPAC */
        randomize(cpu, &seed, kind);
        const uint64_t p = random_pointer(cpu, &seed), modifier = gen_random(&seed);
        const uint64_t bad = p ^ 1ull << 54;
        if (a64_pac_strip(cpu, bad, true) == bad)
            continue;
        const uint64_t s = a64_pac_sign(cpu, bad, modifier, A64_KEY_DA);
        a64_pac_auth(cpu, s, modifier, A64_KEY_DA, &back);
        passed += back == p;
    }
    assert_in_range(passed, 0, 200);
    rig_free(rig);
}

/* KERNKEY acts on the A keys alone, at the exception level that APCTL names. */
static void diversified(void **state)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t seed = 3;
    const uint64_t p = 0x123456780;
    randomize(cpu, &seed, 0);
    cpu->ps.el = 0;
    a64_mmu_update(cpu);
    const uint64_t ia = a64_pac_sign(cpu, p, 1, A64_KEY_IA),
                   ib = a64_pac_sign(cpu, p, 1, A64_KEY_IB);
    cpu->sr.kernkey = (struct a64_pac_key){1, 2};
    assert_int_equal(a64_pac_sign(cpu, p, 1, A64_KEY_IA), ia);
    cpu->sr.apctl = A64_APCTL_USER_KEY_EN;
    assert_int_not_equal(a64_pac_sign(cpu, p, 1, A64_KEY_IA), ia);
    assert_int_equal(a64_pac_sign(cpu, p, 1, A64_KEY_IB), ib);
    const uint64_t user = a64_pac_sign(cpu, p, 1, A64_KEY_DA);
    cpu->ps.el = 1;
    a64_mmu_update(cpu);
    assert_int_equal(a64_pac_sign(cpu, p, 1, A64_KEY_IA), ia);
    cpu->sr.apctl |= A64_APCTL_KERN_KEY_EN; /* the kernel signs for the process */
    assert_int_equal(a64_pac_sign(cpu, p, 1, A64_KEY_DA), user);
    rig_free(rig);
}

static void traps(void **state)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t seed = 5, result;
    randomize(cpu, &seed, 0);
    cpu->ps.el = 1;
    cpu->sr.hcr_el2 = 0;
    a64_mmu_update(cpu);
    assert_int_equal(a64_pac_check_trap(cpu), A64_FAULT);
    assert_int_equal(cpu->exc.ec, A64_EC_PAC);
    assert_int_equal(cpu->exc.target_el, 2);
    assert_int_equal(a64_pac_auth(cpu, 0, 0, A64_KEY_IA, &result), A64_FAULT);
    cpu->sr.sctlr[1] = ENABLE & ~(1ull << 31);
    assert_int_equal(a64_pac_check_key(cpu, A64_KEY_IA), A64_NEXT);
    assert_int_equal(a64_pac_check_key(cpu, A64_KEY_IB), A64_FAULT);
    cpu->ps.el = 2;
    a64_mmu_update(cpu);
    assert_int_equal(a64_pac_check_trap(cpu), A64_NEXT);
    cpu->ps.el = 0;
    cpu->sr.hcr_el2 = A64_HCR_E2H | A64_HCR_TGE;
    a64_mmu_update(cpu);
    assert_int_equal(a64_pac_check_trap(cpu), A64_NEXT);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper),       cmocka_unit_test(laws),  cmocka_unit_test(not_canonical),
        cmocka_unit_test(diversified), cmocka_unit_test(traps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
