/* SPDX-License-Identifier: MIT */
/* Floating-point: known answers for what the Arm manual singles out. Each vector is a result that
 * follows from its pseudocode by hand; millions of random ones are held against qemu-aarch64 by
 * tests/oracle/fp. Instructions are run as the interpreter runs them, from their words. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu.h"
#include "decode.h"
#include "fp_core.h"

#define RN   0u
#define RP   (1u << 22)
#define RM   (2u << 22)
#define RZ   (3u << 22)
#define ONES 0xFFFFFFFFFFFFFFFFull

/* WORD with V0 = D0, V1 = N, V2 = M, V3 = A under FPCR leaves RESULT in V0 and FPSR. */
struct vector {
    uint32_t word, fpcr;
    uint64_t n, m, a;
    uint64_t result;
    uint32_t fpsr;
};

static struct a64_cpu new_cpu(void)
{
    struct a64_cpu cpu = {0};
    for (unsigned feat = A64_FEAT_BASE; feat < A64_FEAT_COUNT; feat++)
        if (feat != A64_FEAT_ABSENT)
            a64_feature_add(&cpu.feat, feat);
    return cpu;
}

static void run(struct a64_cpu *cpu, uint32_t word)
{
    struct a64_insn insn;
    a64_insn_decode(&insn, word, &cpu->feat);
    assert_int_not_equal(insn.row, A64_ROW_NONE);
    assert_int_equal(insn.exec(cpu, &insn), A64_NEXT);
}

static void check(const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct vector *t = &vectors[i];
        struct a64_cpu cpu = new_cpu();
        cpu.fpcr = t->fpcr;
        cpu.v[0] = (union a64_vreg){.d = {ONES, ONES}};
        cpu.v[1].d[0] = t->n;
        cpu.v[2].d[0] = t->m;
        cpu.v[3].d[0] = t->a;
        run(&cpu, t->word);
        if (cpu.v[0].d[0] != t->result || cpu.v[0].d[1] || cpu.fpsr != t->fpsr)
            fail_msg("%zu: %08x gives %016llx:%016llx, FPSR %x", i, t->word,
                     (unsigned long long)cpu.v[0].d[1], (unsigned long long)cpu.v[0].d[0],
                     cpu.fpsr);
    }
}

#define CHECK(vectors) check(vectors, sizeof(vectors) / sizeof *(vectors))

#define FADD_D   0x1E622820u /* fadd d0, d1, d2 */
#define FADD_S   0x1E222820u
#define FADD_H   0x1EE22820u
#define FSUB_D   0x1E623820u
#define FMUL_S   0x1E220820u
#define FMUL_D   0x1E620820u
#define FMULX_S  0x5E22DC20u
#define FDIV_D   0x1E621820u
#define FSQRT_D  0x1E61C020u
#define FMADD_D  0x1F420C20u /* fmadd d0, d1, d2, d3 */
#define FNMUL_S  0x1E228820u
#define FMAX_S   0x1E224820u
#define FMAXNM_S 0x1E226820u
#define FRECPS_S 0x5E22FC20u
#define FCVT_SD  0x1E624020u /* fcvt s0, d1 */
#define FCVT_HS  0x1E23C020u
#define FCVT_SH  0x1EE24020u
#define FCVTXN   0x7E616820u
#define BFCVT    0x1E634020u
#define FRINTX_D 0x1E674020u
#define FRINT32Z 0x1E684020u /* frint32z d0, d1 */
#define FRECPE_S 0x5EA1D820u
#define FRSQRTE  0x7EA1D820u
#define FRECPX_S 0x5EA1F820u

/* 1 + 2^-53 is a tie; 1 + 2^-52 is the next number. */
static void test_rounding(void **unused)
{
    const uint64_t one = 0x3FF0000000000000, half_ulp = 0x3CA0000000000000;
    const uint64_t minus = 1ull << 63;
    const struct vector vectors[] = {
        {FADD_D, RN, one, half_ulp, 0, one, FPSR_IXC},
        {FADD_D, RN, one + 1, half_ulp, 0, one + 2, FPSR_IXC},
        {FADD_D, RP, one, half_ulp, 0, one + 1, FPSR_IXC},
        {FADD_D, RM, one, half_ulp, 0, one, FPSR_IXC},
        {FADD_D, RZ, one, half_ulp, 0, one, FPSR_IXC},
        {FADD_D, RM, minus | one, minus | half_ulp, 0, minus | (one + 1), FPSR_IXC},
        {FSUB_D, RN, one, one, 0, 0, 0},
        {FSUB_D, RM, one, one, 0, minus, 0},
        {FADD_D, RM, minus, minus, 0, minus, 0},
        /* (1 + 2^-52)^2 - (1 + 2^-51) is 2^-104: fused, nothing is lost */
        {FMADD_D, RN, one + 1, one + 1, minus | (one + 2), 0x3970000000000000, 0},
        {FSQRT_D, RN, 0x4000000000000000, 0, 0, 0x3FF6A09E667F3BCD, FPSR_IXC},
        {FDIV_D, RN, one, 0x4008000000000000, 0, 0x3FD5555555555555, FPSR_IXC},
        {FDIV_D, RP, one, 0x4008000000000000, 0, 0x3FD5555555555556, FPSR_IXC},
        {FDIV_D, RN, one, 0, 0, 0x7FF0000000000000, FPSR_DZC},
    };
    CHECK(vectors);
}

static void test_range(void **unused)
{
    const uint64_t big = 0x7F7FFFFF, tiny = 0x00800000, half = 0x3F000000;
    const struct vector vectors[] = {
        {FADD_S, RN, big, big, 0, 0x7F800000, FPSR_OFC | FPSR_IXC},
        {FADD_S, RZ, big, big, 0, big, FPSR_OFC | FPSR_IXC},
        {FADD_S, RM, big, big, 0, big, FPSR_OFC | FPSR_IXC},
        /* exact denormals raise nothing; FZ flushes them, with UFC alone */
        {FMUL_S, RN, tiny, half, 0, 0x00400000, 0},
        {FMUL_S, FPCR_FZ, tiny, half, 0, 0, FPSR_UFC},
        {FADD_S, FPCR_FZ, 1, 0, 0, 0, FPSR_IDC},
        {FADD_S, FPCR_FZ16, 1, 0, 0, 1, 0},
        {FADD_H, FPCR_FZ16, 1, 0, 0, 0, 0},
        {FADD_H, FPCR_FZ, 1, 1, 0, 2, 0},
        /* (1 - 2^-24) * 2^-126 rounds up to the least normal number: tiny before rounding */
        {FMUL_S, RN, 0x3F7FFFFF, tiny, 0, tiny, FPSR_UFC | FPSR_IXC},
        {FMUL_S, FPCR_FZ, 0x3F7FFFFF, tiny, 0, 0, FPSR_UFC},
    };
    CHECK(vectors);
}

static void test_nans(void **unused)
{
    const uint64_t snan = 0x7F800001, qnan = 0x7FC00002, inf = 0x7F800000;
    const struct vector vectors[] = {
        {FADD_S, RN, qnan, snan, 0, snan | 0x400000, FPSR_IOC},
        {FADD_S, RN, qnan, qnan | 5, 0, qnan, 0},
        {FADD_S, FPCR_DN, qnan, qnan | 5, 0, 0x7FC00000, 0},
        {FADD_S, RN, inf, inf | 0x80000000, 0, 0x7FC00000, FPSR_IOC},
        {FNMUL_S, RN, qnan, 0, 0, qnan | 0x80000000, 0},
        {FMUL_S, RN, inf, 0x80000000, 0, 0x7FC00000, FPSR_IOC},
        {FMULX_S, RN, inf, 0x80000000, 0, 0xC0000000, 0},
        {FRECPS_S, RN, inf, 0, 0, 0x40000000, 0},
        {FRECPS_S, RN, qnan, 0, 0, qnan | 0x80000000, 0},
        {FMAX_S, RN, qnan, 0x3F800000, 0, qnan, 0},
        {FMAXNM_S, RN, qnan, 0x3F800000, 0, 0x3F800000, 0},
        {FMAXNM_S, RN, qnan, snan, 0, snan | 0x400000, FPSR_IOC},
        {FMAX_S, RN, 0x80000000, 0, 0, 0, 0},
        /* infinity times zero is invalid behind a quiet addend too */
        {FMADD_D, RN, 0x7FF0000000000000, 0, 0x7FF8000000000009, 0x7FF8000000000000, FPSR_IOC},
        {FMADD_D, RN, 0x3FF0000000000000, 0, 0x7FF8000000000009, 0x7FF8000000000009, 0},
    };
    CHECK(vectors);
}

static void test_formats(void **unused)
{
    const uint64_t snan_d = 0x7FF0000020000000;
    const struct vector vectors[] = {
        {FCVT_SD, RN, snan_d, 0, 0, 0x7FC00001, FPSR_IOC},
        {FCVT_SD, RN, 0x36A0000000000000, 0, 0, 1, 0},
        {FCVT_SD, FPCR_FZ, 0x36A0000000000000, 0, 0, 0, FPSR_UFC},
        {FCVT_HS, RN, 0x477FF000, 0, 0, 0x7C00, FPSR_OFC | FPSR_IXC},
        {FCVT_HS, FPCR_AHP, 0x477FF000, 0, 0, 0x7C00, FPSR_IXC}, /* 65520 to 65536 */
        {FCVT_HS, FPCR_AHP, 0x48000000, 0, 0, 0x7FFF, FPSR_IOC},
        {FCVT_HS, FPCR_AHP, 0xFFC00000, 0, 0, 0x8000, FPSR_IOC},
        {FCVT_HS, FPCR_AHP, 0x7F800000, 0, 0, 0x7FFF, FPSR_IOC},
        {FCVT_HS, FPCR_FZ16, 0x33800000, 0, 0, 1, 0}, /* FZ16 is not for conversions */
        {FCVT_SH, RN, 0x7C00, 0, 0, 0x7F800000, 0},
        {FCVT_SH, FPCR_AHP, 0x7C00, 0, 0, 0x47800000, 0},
        {FCVTXN, RP, 0x3FF0000000000001, 0, 0, 0x3F800001, FPSR_IXC},
        {FCVTXN, RN, 0x7FEFFFFFFFFFFFFF, 0, 0, 0x7F7FFFFF, FPSR_OFC | FPSR_IXC},
        {BFCVT, RN, 0x3F808000, 0, 0, 0x3F80, FPSR_IXC},
        {BFCVT, RN, 0x3F818000, 0, 0, 0x3F82, FPSR_IXC},
        {BFCVT, RN, 0x7F800001, 0, 0, 0x7FC0, FPSR_IOC},
        {FRINTX_D, RN, 0x4004000000000000, 0, 0, 0x4000000000000000, FPSR_IXC},
        {FRINT32Z, RN, 0x41E0000000000000, 0, 0, 0xC1E0000000000000, FPSR_IOC},
        {FRINT32Z, RN, 0xC1E0000000000000, 0, 0, 0xC1E0000000000000, 0},
    };
    CHECK(vectors);
}

static void test_estimates(void **unused)
{
    const struct vector vectors[] = {
        {FRECPE_S, RN, 0x3F800000, 0, 0, 0x3F7F8000, 0},
        {FRECPE_S, RN, 0, 0, 0, 0x7F800000, FPSR_DZC},
        {FRECPE_S, RN, 1, 0, 0, 0x7F800000, FPSR_OFC | FPSR_IXC},
        {FRECPE_S, RZ, 1, 0, 0, 0x7F7FFFFF, FPSR_OFC | FPSR_IXC},
        {FRECPE_S, FPCR_FZ, 0x7E800000, 0, 0, 0, FPSR_UFC},
        {FRSQRTE, RN, 0x3F800000, 0, 0, 0x3F7F8000, 0},
        {FRSQRTE, RN, 0xBF800000, 0, 0, 0x7FC00000, FPSR_IOC},
        {FRECPX_S, RN, 0x3F812345, 0, 0, 0x40000000, 0},
        {FRECPX_S, RN, 0, 0, 0, 0x7F000000, 0},
    };
    CHECK(vectors);
}

/* To an integer register: word, FPCR, operand, X0, NZCV, FPSR. */
static void test_integers(void **unused)
{
    static const struct {
        uint32_t word, fpcr;
        uint64_t operand, result;
        uint32_t nzcv, fpsr;
    } vectors[] = {
        {0x1E780020, RN, 0x41E0000000000000, 0x7FFFFFFF, 0, FPSR_IOC}, /* fcvtzs w0, d1 */
        {0x1E780020, RN, 0xBFF8000000000000, 0xFFFFFFFF, 0, FPSR_IXC}, /* -1.5 */
        {0x9E790020, RN, 0xBFE0000000000000, 0, 0, FPSR_IXC},          /* fcvtzu x0, d1 */
        {0x9E790020, RN, 0xBFF0000000000000, 0, 0, FPSR_IOC},          /* -1 */
        {0x9E780020, RN, 0x7FF8000000000000, 0, 0, FPSR_IOC},          /* fcvtzs x0, d1 */
        {0x1E640020, RM, 0x4004000000000000, 3, 0, FPSR_IXC},          /* fcvtas w0, d1 */
        {0x1E600020, RM, 0x4004000000000000, 2, 0, FPSR_IXC},          /* fcvtns w0, d1 */
        {0x1E58FC20, RN, 0x3FF8000000000000, 3, 0, 0},                 /* #1 */
        {0x1E7E0020, RN, 0x41F0000000500000, 5, 0, FPSR_IOC},          /* fjcvtzs w0, d1 */
        {0x1E7E0020, RN, 0x4008000000000000, 3, A64_Z, 0},             /* 3 */
        {0x1E7E0020, RN, 0xBFF8000000000000, 0xFFFFFFFF, 0, FPSR_IXC}, /* -1.5 */
        {0x1E7E0020, RN, 0x8000000000000000, 0, 0, 0},                 /* -0 */
        {0x1E7E0020, FPCR_FZ, 0x0000000000000001, 0, 0, FPSR_IDC},     /* flushed */
        {0x1E7E0020, RN, 0x7FF0000000000000, 0, 0, FPSR_IOC},          /* infinity */
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct a64_cpu cpu = new_cpu();
        cpu.fpcr = vectors[i].fpcr;
        cpu.x[0] = ONES;
        cpu.v[1].d[0] = vectors[i].operand;
        run(&cpu, vectors[i].word);
        if (cpu.x[0] != vectors[i].result || cpu.nzcv != vectors[i].nzcv ||
            cpu.fpsr != vectors[i].fpsr)
            fail_msg("%zu: %08x gives %016llx, NZCV %x, FPSR %x", i, vectors[i].word,
                     (unsigned long long)cpu.x[0], cpu.nzcv, cpu.fpsr);
    }
}

static void test_compare(void **unused)
{
    static const struct {
        uint32_t word;
        uint64_t n, m;
        uint32_t nzcv, fpsr;
    } vectors[] = {
        {0x1E622020, 0, 1ull << 63, A64_Z | A64_C, 0},                  /* fcmp d1, d2 */
        {0x1E622020, 0xBFF0000000000000, 0, A64_N, 0},                  /* -1, 0 */
        {0x1E622020, 0x7FF0000000000000, 0x7FEFFFFFFFFFFFFF, A64_C, 0}, /* inf, max */
        {0x1E622020, 0x7FF8000000000000, 0, A64_C | A64_V, 0},          /* quiet */
        {0x1E622030, 0x7FF8000000000000, 0, A64_C | A64_V, FPSR_IOC},   /* fcmpe */
        {0x1E622020, 0, 0x7FF0000000000001, A64_C | A64_V, FPSR_IOC},   /* signalling */
        {0x1E602028, 0x8000000000000001, 0, A64_N, 0},                  /* fcmp d1, #0 */
        {0x1E620425, 0, 0, A64_Z | A64_V, 0}, /* fccmp d1, d2, #5, eq with Z clear */
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct a64_cpu cpu = new_cpu();
        cpu.v[1].d[0] = vectors[i].n;
        cpu.v[2].d[0] = vectors[i].m;
        run(&cpu, vectors[i].word);
        if (cpu.nzcv != vectors[i].nzcv || cpu.fpsr != vectors[i].fpsr)
            fail_msg("%zu: %08x gives NZCV %x, FPSR %x", i, vectors[i].word, cpu.nzcv, cpu.fpsr);
    }
}

/* FMAXV goes by halves: the first NaN of the lower half wins over one of the upper, and a
 * signalling one over a quiet one wherever it is. */
static void test_across(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    cpu.v[0] = (union a64_vreg){.d = {ONES, ONES}};
    cpu.v[1] = (union a64_vreg){.s = {1, 0x7FC00001, 0x7FC00002, 3}};
    run(&cpu, 0x6E30F820); /* fmaxv s0, v1.4s */
    assert_int_equal(cpu.v[0].d[0], 0x7FC00001);
    assert_int_equal(cpu.v[0].d[1], 0);
    cpu.v[1].s[2] = 0x7F800002;
    run(&cpu, 0x6E30F820);
    assert_int_equal(cpu.v[0].d[0], 0x7FC00001); /* quieted before the halves meet */
    assert_int_equal(cpu.fpsr, FPSR_IOC);
}

/* BFDOT rounds to odd, flushes denormals, knows one NaN and touches neither FPCR nor FPSR. */
static void test_bfdot(void **unused)
{
    struct a64_cpu cpu = new_cpu();
    cpu.fpcr = RP;
    cpu.v[1].s[0] = 0x3F803F80; /* 1, 1 */
    cpu.v[2].s[0] = 0x00013F80; /* 1, denormal */
    cpu.v[0].s[0] = 0x30000000; /* 2^-31 */
    cpu.v[1].s[1] = 0x7F813F80; /* NaN */
    cpu.v[2].s[1] = 0xFFFFFFFF;
    run(&cpu, 0x2E42FC20); /* bfdot v0.2s, v1.4h, v2.4h */
    assert_int_equal(cpu.v[0].s[0], 0x3F800001);
    assert_int_equal(cpu.v[0].s[1], 0x7FC00000);
    assert_int_equal(cpu.fpsr, 0);
}

/* The host's arithmetic and ours give the same, whenever the first may be used. */
static void test_fast_path(void **unused)
{
    uint64_t random = 1;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t operand[3];
        for (unsigned k = 0; k < 3; k++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            operand[k] = random ^ random >> 29;
            if (i & 1) /* of like size */
                operand[k] = (operand[k] & ~(0x7FCull << 52)) | 0x3FCull << 52;
        }
        static const uint32_t words[] = {FADD_D,  FSUB_D,  FMUL_D, FDIV_D,
                                         FSQRT_D, FMADD_D, FADD_S, FMUL_S};
        for (unsigned k = 0; k < sizeof words / sizeof *words; k++) {
            struct a64_cpu fast = new_cpu(), slow = new_cpu();
            for (unsigned r = 0; r < 3; r++)
                fast.v[1 + r].d[0] = slow.v[1 + r].d[0] = operand[r];
            fast.fpsr = FPSR_IXC;
            run(&fast, words[k]);
            run(&slow, words[k]);
            assert_int_equal(fast.v[0].d[0], slow.v[0].d[0]);
            assert_int_equal(fast.fpsr, slow.fpsr | FPSR_IXC);
        }
    }
}

/* Reserved sizes are no encodings. */
static void test_reserved(void **unused)
{
    static const uint32_t words[] = {
        0x0E62D420, /* fadd v0.1d */
        0x0FC29020, /* fmul v0.1d by element */
        0x4FE29020, /* fmul v0.2d, L set */
        0x2E02E420, /* fcadd of bytes */
        0x0F0AFC20, /* fcvtzs v0.8b, #6 */
        0x0F40FC20, /* fcvtzs v0.1d, #64 */
        0x1E187C20, /* fcvtzs w0, s1, #33 */
        0x0EE1C820, /* urecpe of doubles */
        0x2F4A1820, /* fcmla v0.4h, index 2 */
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct a64_row *row = a64_decode(words[i]);
        if (row && row->implemented)
            fail_msg("%08x is %s", words[i], row->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),  cmocka_unit_test(test_range),
        cmocka_unit_test(test_nans),      cmocka_unit_test(test_formats),
        cmocka_unit_test(test_estimates), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_compare),   cmocka_unit_test(test_across),
        cmocka_unit_test(test_bfdot),     cmocka_unit_test(test_fast_path),
        cmocka_unit_test(test_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
