/* SPDX-License-Identifier: MIT */
/* Each field of the identification registers against what the CPU executes: for every model, at EL1
 * and at EL2, instructions and registers that come with a value of a field are run, and are
 * UNDEFINED just when the field says that they are absent. What a field tells of translation, of
 * debugging and of control bits is tried out too; the few fields that nothing executed can tell,
 * and those that other tests hold, are named at the end with the reason. (test_models.c holds the
 * fields against the feature set, and sees to it that no field is set that nobody knows.) Facts:
 * Arm ARM D19.2. */

#include "hv_guest.h"

#include <stdio.h>

#define PFR0  0xc020
#define PFR1  0xc021
#define DFR0  0xc028
#define ISAR0 0xc030
#define ISAR1 0xc031
#define ISAR2 0xc032
#define MMFR0 0xc038
#define MMFR1 0xc039
#define MMFR2 0xc03a

#define UNDEFINED 0x02000000u
#define SCRATCH   (RAM_BASE + 0x8000)
#define TABLES    (RAM_BASE + 0x10000)

static const char *const models[] = {"apple-m1", "apple-m2", "max"};

/* A guest of MODEL at EL1, or with EL2 at EL; floating point is on, vectors are BRK 0x44. */
static void guest_of(struct guest *guest, const char *model, bool el2)
{
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_pomona_vm_config_set_cpu_model(config, model));
    OK(hv_vm_config_set_el2_enabled(config, el2));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(guest);
    guest_vcpu(guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest->vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_CPACR_EL1, 3 << 20));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    if (el2)
        OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL2, RAM_BASE + 0x1000));
    const uint32_t vector = BRK(0x44);
    for (uint32_t at = 0x1000; at < 0x1800; at += 0x80)
        guest_code(guest, at, &vector, 1);
}

static unsigned field(struct guest *guest, unsigned reg, unsigned shift)
{
    return guest_sys_reg(guest, reg) >> shift & 15;
}

/* Runs WORD at EL with X1 at some memory; whether it is UNDEFINED. */
static bool is_undefined(struct guest *guest, uint32_t word, unsigned el)
{
    const uint32_t code[] = {word, BRK(0x77), BRK(0x77)};
    const hv_sys_reg_t esr = el == 2 ? HV_SYS_REG_ESR_EL2 : HV_SYS_REG_ESR_EL1;
    OK(hv_vcpu_set_sys_reg(guest->vcpu, esr, 0)); /* a trap to EL2 leaves ESR_EL1 alone */
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, 0x3c1 | el << 2);
    guest_set_reg(guest, HV_REG_X1, SCRATCH);
    OK(hv_vcpu_run(guest->vcpu));
    assert_int_equal(guest->exit->reason, HV_EXIT_REASON_EXCEPTION);
    if (EC(guest->exit) != 0x3c || (guest->exit->exception.syndrome & 0xffff) != 0x44)
        return false;
    return guest_sys_reg(guest, esr) == UNDEFINED;
}

/* A field's value from which on WORD is there, tried at that Exception level. */
static const struct {
    uint16_t reg;
    uint8_t shift, least, el;
    uint32_t word;
    const char *text;
} probes[] = {
    {ISAR0, 4, 1, 1, 0x4e284820, "aese v0.16b, v1.16b"},
    {ISAR0, 4, 1, 1, 0x4e287820, "aesimc v0.16b, v1.16b"},
    {ISAR0, 4, 2, 1, 0x0ee2e020, "pmull v0.1q, v1.1d, v2.1d"},
    {ISAR0, 4, 2, 1, 0x4ee2e020, "pmull2 v0.1q, v1.2d, v2.2d"},
    {ISAR0, 8, 1, 1, 0x5e280820, "sha1h s0, s1"},
    {ISAR0, 8, 1, 1, 0x5e020020, "sha1c q0, s1, v2.4s"},
    {ISAR0, 12, 1, 1, 0x5e282820, "sha256su0 v0.4s, v1.4s"},
    {ISAR0, 12, 1, 1, 0x5e024020, "sha256h q0, q1, v2.4s"},
    {ISAR0, 12, 2, 1, 0xcec08020, "sha512su0 v0.2d, v1.2d"},
    {ISAR0, 16, 1, 1, 0x9ac25c20, "crc32cx w0, w1, x2"},
    {ISAR0, 20, 2, 1, 0xb8200022, "ldadd w0, w2, [x1]"},
    {ISAR0, 20, 2, 1, 0xc8e0fc22, "casal x0, x2, [x1]"},
    {ISAR0, 20, 2, 1, 0x48227c24, "casp x2, x3, x4, x5, [x1]"},
    {ISAR0, 20, 2, 1, 0x38208022, "swpb w0, w2, [x1]"},
    {ISAR0, 28, 1, 1, 0x6e828420, "sqrdmlah v0.4s, v1.4s, v2.4s"},
    {ISAR0, 28, 1, 1, 0x7e428c20, "sqrdmlsh h0, h1, h2"},
    {ISAR0, 32, 1, 1, 0xce020c20, "eor3 v0.16b, v1.16b, v2.16b, v3.16b"},
    {ISAR0, 32, 1, 1, 0xce628c20, "rax1 v0.2d, v1.2d, v2.2d"},
    {ISAR0, 36, 1, 1, 0xce420c20, "sm3ss1 v0.4s, v1.4s, v2.4s, v3.4s"},
    {ISAR0, 40, 1, 1, 0xcec08420, "sm4e v0.4s, v1.4s"},
    {ISAR0, 44, 1, 1, 0x6e829420, "udot v0.4s, v1.16b, v2.16b"},
    {ISAR0, 48, 1, 1, 0x4e22ec20, "fmlal v0.4s, v1.4h, v2.4h"},
    {ISAR0, 52, 1, 1, 0xba008402, "rmif x0, #1, #2"},
    {ISAR0, 52, 1, 1, 0xd500401f, "cfinv"},
    {ISAR0, 52, 1, 1, 0x3a00080d, "setf8 w0"},
    {ISAR0, 52, 2, 1, 0xd500405f, "axflag"},
    {ISAR0, 52, 2, 1, 0xd500403f, "xaflag"},
    {ISAR0, 56, 1, 1, 0xd508811f, "tlbi vmalle1os"},
    {ISAR0, 56, 1, 1, 0xd5088120, "tlbi vae1os, x0"},
    {ISAR0, 56, 2, 1, 0xd5088220, "tlbi rvae1is, x0"},
    {ISAR0, 60, 1, 1, 0xd53b2400, "mrs x0, s3_3_c2_c4_0"},
    {ISAR1, 0, 1, 1, 0xd50b7c21, "dc cvap, x1"},
    {ISAR1, 0, 2, 1, 0xd50b7d21, "dc cvadp, x1"},
    {ISAR1, 12, 1, 1, 0x1e7e0020, "fjcvtzs w0, d1"},
    {ISAR1, 16, 1, 1, 0x6e82e420, "fcadd v0.4s, v1.4s, v2.4s, #90"},
    {ISAR1, 16, 1, 1, 0x6e82cc20, "fcmla v0.4s, v1.4s, v2.4s, #90"},
    {ISAR1, 20, 1, 1, 0xb8bfc020, "ldapr w0, [x1]"},
    {ISAR1, 20, 2, 1, 0x99404020, "ldapur w0, [x1, #4]"},
    {ISAR1, 20, 2, 1, 0x99004020, "stlur w0, [x1, #4]"},
    {ISAR1, 32, 1, 1, 0x1e684020, "frint32z d0, d1"},
    {ISAR1, 32, 1, 1, 0x6e61f820, "frint64x v0.2d, v1.2d"},
    {ISAR1, 36, 1, 1, 0xd50330ff, "sb"},
    {ISAR1, 40, 1, 1, 0xd50b7380, "cfp rctx, x0"},
    {ISAR1, 40, 1, 1, 0xd50b73a0, "dvp rctx, x0"},
    {ISAR1, 40, 1, 1, 0xd50b73e0, "cpp rctx, x0"},
    {ISAR1, 44, 1, 1, 0x6e42fc20, "bfdot v0.4s, v1.8h, v2.8h"},
    {ISAR1, 44, 1, 1, 0x1e634020, "bfcvt h0, s1"},
    {ISAR1, 52, 1, 1, 0x4e82a420, "smmla v0.4s, v1.16b, v2.16b"},
    {ISAR1, 52, 1, 1, 0x4e829c20, "usdot v0.4s, v1.16b, v2.16b"},
    {ISAR1, 56, 1, 1, 0xd503323f, "dsb synxs"},
    {ISAR1, 56, 1, 1, 0xd508931f, "tlbi vmalle1isnxs"},
    {ISAR1, 60, 1, 1, 0xf83fd022, "ld64b x2, [x1]"},
    {ISAR2, 0, 2, 1, 0xd503103f, "wfit xzr"},
    {ISAR2, 16, 1, 1, 0x1d010440, "cpyfp [x0]!, [x1]!, x2!"},
    {ISAR2, 20, 1, 1, 0x54000030, "bc.eq +4"},
    {ISAR2, 52, 1, 1, 0xdac02000, "abs x0, x0"},
    {PFR0, 16, 0, 1, 0x1e622820, "fadd d0, d1, d2"},
    {PFR0, 16, 1, 1, 0x1ee22820, "fadd h0, h1, h2"},
    {PFR0, 20, 0, 1, 0x4e22d420, "fadd v0.4s, v1.4s, v2.4s"},
    {PFR0, 20, 1, 1, 0x4e421420, "fadd v0.8h, v1.8h, v2.8h"},
    {PFR0, 28, 1, 1, 0xd538c120, "mrs x0, disr_el1"},
    {PFR0, 28, 1, 1, 0xd5385300, "mrs x0, erridr_el1"},
    {PFR0, 32, 1, 1, 0x04200000, "add z0.b, z0.b, z0.b"},
    {PFR0, 32, 1, 1, 0xd5381200, "mrs x0, zcr_el1"},
    {PFR0, 40, 1, 1, 0xd538a500, "mrs x0, mpam1_el1"},
    {PFR0, 44, 1, 1, 0xd53bd200, "mrs x0, amcr_el0"},
    {PFR0, 48, 1, 1, 0xd53b42a0, "mrs x0, dit"},
    {PFR0, 48, 1, 1, 0xd503415f, "msr dit, #1"},
    {PFR0, 56, 2, 1, 0xd538d0e0, "mrs x0, scxtnum_el1"},
    {PFR0, 8, 1, 2, 0xd53c1100, "mrs x0, hcr_el2"},
    {PFR1, 4, 1, 1, 0xd53b42c0, "mrs x0, ssbs"},
    {PFR1, 4, 2, 1, 0xd503413f, "ssbs #1"},
    {PFR1, 8, 1, 1, 0x9adf1020, "irg x0, x1"},
    {PFR1, 8, 2, 1, 0xd9600020, "ldg x0, [x1]"},
    {PFR1, 24, 1, 1, 0xd53812c0, "mrs x0, smcr_el1"},
    {MMFR0, 44, 0, 1, 0xd5381000, "mrs x0, sctlr_el1"},
    {MMFR0, 56, 1, 2, 0xd53c1180, "mrs x0, hfgrtr_el2"},
    {MMFR0, 56, 1, 2, 0xd53c31a0, "mrs x0, hdfgwtr_el2"},
    {MMFR0, 60, 1, 1, 0xd53be0a0, "mrs x0, cntpctss_el0"},
    {MMFR0, 60, 2, 2, 0xd53ce0c0, "mrs x0, cntpoff_el2"},
    {MMFR1, 8, 1, 2, 0xd53c2020, "mrs x0, ttbr1_el2"},
    {MMFR1, 8, 1, 2, 0xd53cd020, "mrs x0, contextidr_el2"},
    {MMFR1, 8, 1, 2, 0xd53ce320, "mrs x0, cnthv_ctl_el2"},
    {MMFR1, 16, 1, 1, 0xd538a460, "mrs x0, lorc_el1"},
    {MMFR1, 16, 1, 1, 0xd538a4e0, "mrs x0, lorid_el1"},
    {MMFR1, 20, 1, 1, 0xd5384260, "mrs x0, pan"},
    {MMFR1, 20, 1, 1, 0xd500409f, "msr pan, #0"},
    {MMFR1, 20, 2, 1, 0xd5087901, "at s1e1rp, x1"},
    {MMFR1, 40, 1, 2, 0xd53c1240, "mrs x0, hcrx_el2"},
    {MMFR2, 4, 1, 1, 0xd5384280, "mrs x0, uao"},
    {MMFR2, 4, 1, 1, 0xd500407f, "msr uao, #0"},
    {MMFR2, 24, 2, 2, 0xd53c2200, "mrs x0, vncr_el2"},
    {DFR0, 4, 1, 1, 0xd53101c0, "mrs x0, trcidr"},
    {DFR0, 32, 1, 1, 0xd53899e0, "mrs x0, pmsidr_el1"},
    {DFR0, 40, 1, 1, 0xd5381220, "mrs x0, trfcr_el1"},
    {DFR0, 44, 1, 1, 0xd5389b00, "mrs x0, trblimitr_el1"},
};

/* FP and AdvSIMD are signed: 15 is none. */
static bool present(unsigned reg, unsigned shift, unsigned value, unsigned least)
{
    if (reg == PFR0 && (shift == 16 || shift == 20) && value == 15)
        return false;
    return value >= least;
}

static void instructions_and_registers(void **state)
{
    unsigned there = 0, absent = 0;
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct guest guest;
            guest_of(&guest, models[m], el2);
            for (unsigned k = 0; k < COUNT(probes); k++) {
                if (probes[k].el == 2 && !el2)
                    continue;
                const unsigned value = field(&guest, probes[k].reg, probes[k].shift);
                const bool want = present(probes[k].reg, probes[k].shift, value, probes[k].least);
                if (is_undefined(&guest, probes[k].word, probes[k].el) == want)
                    fail_msg("%s%s: %s is %s, the field %#x[%u] is %u", models[m],
                             el2 ? " with EL2" : "", probes[k].text,
                             want ? "undefined" : "executed", probes[k].reg, probes[k].shift,
                             value);
                there += want;
                absent += !want;
            }
            guest_destroy(&guest);
        }
    }
    print_message("%u present, %u absent\n", there, absent);
}

/* ---- RAS: ERRIDR_EL1 says that there are no error records ---- */

/* Then ERRSELR_EL1 is RES0 or UNDEFINED, and each ERX* is RAZ/WI, ignored or UNDEFINED, as the
 * implementation likes (D19.6): here ERRSELR_EL1 is RES0, all others are UNDEFINED. Those of RAS
 * v1.1 (PFR0.RAS 2) have to be. */
static void error_records(void **state)
{
    static const uint16_t none[] = {
        0xc2a0, 0xc2a1, 0xc2a2, 0xc2a3, /* ERXFR, ERXCTLR, ERXSTATUS, ERXADDR */
        0xc2a4, 0xc2a5, 0xc2a6,         /* ERXPFGF, ERXPFGCTL, ERXPFGCDN */
        0xc2a8, 0xc2a9, 0xc2aa, 0xc2ab, /* ERXMISC0 to 3 */
        0xc2a7, 0xc2ac, 0xc29a,         /* not allocated; ERXGSR */
    };
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct guest guest;
            guest_of(&guest, models[m], el2);
            assert_int_equal(field(&guest, PFR0, 28), 1);
            for (unsigned el = 1; el <= 1 + el2; el++) {
                for (unsigned k = 0; k < COUNT(none); k++) {
                    assert_true(is_undefined(&guest, MRS(0, none[k]), el));
                    assert_true(is_undefined(&guest, MSR(none[k], 0), el));
                }
                assert_true(is_undefined(&guest, MSR(0xc298, 0), el)); /* ERRIDR is read-only */
                const uint32_t code[] = {MSR(0xc299, 1), MRS(2, 0xc298), MRS(3, 0xc299), BRK(0x77)};
                guest_start(&guest, code);
                guest_set_reg(&guest, HV_REG_CPSR, 0x3c1 | el << 2);
                guest_set_reg(&guest, HV_REG_X1, ~0ull);
                guest_run_to(&guest, 0x3c);
                assert_true(guest_reg(&guest, HV_REG_X2) == 0 && guest_reg(&guest, HV_REG_X3) == 0);
            }
            guest_destroy(&guest);
        }
    }
}

/* ---- control bits that come with a field, which all models have: without it they would be RES0
 * or RES1 ---- */

static const struct {
    uint16_t field;
    uint8_t shift, least, el;
    uint16_t reg;
    uint8_t bit;
    const char *text;
} controls[] = {
    {MMFR2, 0, 1, 1, 0xc100, 0, "TTBR0_EL1.CnP"},
    {MMFR2, 0, 1, 1, 0xc101, 0, "TTBR1_EL1.CnP"},
    {MMFR2, 0, 1, 2, 0xe100, 0, "TTBR0_EL2.CnP"},
    {MMFR2, 0, 1, 2, 0xe108, 0, "VTTBR_EL2.CnP"},
    {MMFR0, 44, 1, 1, 0xc080, 22, "SCTLR_EL1.EIS"},
    {MMFR0, 44, 1, 1, 0xc080, 11, "SCTLR_EL1.EOS"},
    {MMFR0, 44, 1, 2, 0xe080, 22, "SCTLR_EL2.EIS"},
    {MMFR0, 44, 1, 2, 0xe080, 11, "SCTLR_EL2.EOS"},
    {MMFR2, 12, 1, 1, 0xc080, 21, "SCTLR_EL1.IESB"},
    {MMFR2, 12, 1, 2, 0xe080, 21, "SCTLR_EL2.IESB"},
    {PFR1, 4, 1, 1, 0xc080, 44, "SCTLR_EL1.DSSBS"},
    {MMFR2, 60, 1, 1, 0xc102, 55, "TCR_EL1.E0PD0"},
};

static bool writable(struct guest *guest, unsigned reg, unsigned bit, unsigned el)
{
    const uint32_t code[] = {MRS(4, reg), MSR(reg, 0), MRS(2, reg), MSR(reg, 1),
                             MRS(3, reg), MSR(reg, 4), BRK(0x77)};
    const uint64_t value = guest_sys_reg(guest, reg), mask = 1ull << bit;
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, 0x3c1 | el << 2);
    guest_set_reg(guest, HV_REG_X0, value & ~mask);
    guest_set_reg(guest, HV_REG_X1, value | mask);
    guest_run_to(guest, 0x3c);
    assert_int_equal(guest->exit->exception.syndrome & 0xffff, 0x77);
    return !(guest_reg(guest, HV_REG_X2) & mask) && (guest_reg(guest, HV_REG_X3) & mask);
}

static void control_bits(void **state)
{
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct guest guest;
            guest_of(&guest, models[m], el2);
            for (unsigned k = 0; k < COUNT(controls); k++) {
                if (controls[k].el == 2 && !el2)
                    continue;
                const bool told =
                    field(&guest, controls[k].field, controls[k].shift) >= controls[k].least;
                if (writable(&guest, controls[k].reg, controls[k].bit, controls[k].el) != told)
                    fail_msg("%s%s: %s is%s writable", models[m], el2 ? " with EL2" : "",
                             controls[k].text, told ? " not" : "");
            }
            guest_destroy(&guest);
        }
    }
}

/* Pointer authentication: some field says which algorithm, and it acts; FPAC (4) faults, and faults
 * for the combined forms (5). */
static void pointer_authentication(void **state)
{
    for (unsigned m = 0; m < COUNT(models); m++) {
        struct guest guest;
        guest_of(&guest, models[m], false);
        const unsigned apa = field(&guest, ISAR1, 4), api = field(&guest, ISAR1, 8);
        const unsigned gpa = field(&guest, ISAR1, 24), gpi = field(&guest, ISAR1, 28);
        const unsigned address = apa ? apa : api;
        assert_true(!apa != !api && !gpa != !gpi && !apa == !gpa);
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, 0x30100180 | 1u << 31));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_APIAKEYLO_EL1, 0x1234));
        const uint32_t code[] = {0xdac10020 /* pacia x0, x1 */,
                                 0xdac11020 /* autia x0, x1 */,
                                 0xd2c00042 /* mov x2, #2 << 32 */,
                                 0xdac10020,
                                 0xca3f0000 | 2 << 16 /* eon x0, x0, x2 */,
                                 0xdac11020,
                                 BRK(0x77)};
        guest_start(&guest, code);
        guest_set_reg(&guest, HV_REG_X0, RAM_BASE);
        guest_set_reg(&guest, HV_REG_X1, 5);
        guest_run_to(&guest, 0x3c);
        const bool faulted = (guest.exit->exception.syndrome & 0xffff) == 0x44;
        assert_int_equal(faulted, address >= 4);
        if (faulted)
            assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL1) >> 26, 0x1c);
        guest_destroy(&guest);
    }
}

/* BRPs and WRPs count from one; DoubleLock 0 is there, 15 is not. */
static void debug_resources(void **state)
{
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct guest guest;
            guest_of(&guest, models[m], el2);
            const unsigned brps = field(&guest, DFR0, 12), wrps = field(&guest, DFR0, 20);
            for (unsigned n = 0; n < 16; n++) {
                const unsigned value = 0x8004 + 8 * n;
                assert_int_equal(is_undefined(&guest, MRS(0, value), 1), n > brps);
                assert_int_equal(is_undefined(&guest, MRS(0, value + 1), 1), n > brps);
                assert_int_equal(is_undefined(&guest, MRS(0, value + 2), 1), n > wrps);
                assert_int_equal(is_undefined(&guest, MRS(0, value + 3), 1), n > wrps);
            }
            const bool lock = field(&guest, DFR0, 36) == 0;
            assert_int_equal(is_undefined(&guest, MRS(0, 0x809c), 1), !lock); /* OSDLR_EL1 */
            guest_destroy(&guest);
        }
    }
}

/* PMUVer: architected counters execute; without them the registers are the monitor's (no EL2) or
 * UNDEFINED. */
static void performance_monitors(void **state)
{
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct guest guest;
            guest_of(&guest, models[m], el2);
            const unsigned version = field(&guest, DFR0, 8);
            const bool there = version && version != 15;
            const bool undefined = is_undefined(&guest, MRS(0, 0xdce0), 1); /* PMCR_EL0 */
            assert_int_equal(undefined, el2 && !there);
            if (!el2 && !there)
                assert_int_equal(EC(guest.exit), 0x18);
            else if (there)
                assert_int_equal(EC(guest.exit), 0x3c);
            guest_destroy(&guest);
        }
    }
}

/* PFR0.GIC: the CPU interface's registers. */
static void gic_registers(void **state)
{
    for (unsigned gic = 0; gic < 2; gic++) {
        struct guest guest;
        OK(hv_vm_create(NULL));
        if (gic) {
            hv_gic_config_t config = hv_gic_config_create();
            OK(hv_gic_config_set_distributor_base(config, 0x10000000));
            OK(hv_gic_config_set_redistributor_base(config, 0x10010000));
            OK(hv_gic_create(config));
            os_release(config);
        }
        guest_map(&guest);
        guest_vcpu(&guest);
        OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
        assert_int_equal(field(&guest, PFR0, 24), gic);
        const uint32_t code[] = {MRS(0, 0xc230), BRK(0x77)}; /* ICC_PMR_EL1 */
        guest_start(&guest, code);
        guest_run_to(&guest, gic ? 0x3c : 0x18);
        guest_destroy(&guest);
    }
}

/* ---- translation: an identity map by blocks of 1 GiB, the one above RAM has what a test wants
 * ---- */

#define BLOCK_IS(pa, more) ((pa) | 0x301ull | (more)) /* valid, inner shareable */
#define AF                 (1ull << 10)
#define USER               (1ull << 6)
#define ALIAS              0x80000000ull

static void mmu_on(struct guest *guest, uint64_t tcr, uint64_t alias)
{
    uint64_t *table = (uint64_t *)(guest->ram + 0x10000);
    table[1] = BLOCK_IS(RAM_BASE, AF);
    table[2] = alias;
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_MAIR_EL1, 0xff));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_TTBR0_EL1, TABLES));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_TCR_EL1, 25 | 1ull << 23 | tcr));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_SCTLR_EL1, 0x30900181));
    OK(hv_vcpu_invalidate_tlb(guest->vcpu, HV_TLBI_OP_VMALLE1IS, 0));
}

/* Runs WORD with X1 = ADDRESS; ESR_EL1 when it faulted, 0 when it went through. */
static uint64_t fault_of(struct guest *guest, uint32_t word, uint64_t address, uint64_t cpsr)
{
    const uint32_t code[] = {word, BRK(0x77)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, cpsr);
    guest_set_reg(guest, HV_REG_X1, address);
    guest_run_to(guest, 0x3c);
    const bool through = (guest->exit->exception.syndrome & 0xffff) == 0x77;
    return through ? 0 : guest_sys_reg(guest, HV_SYS_REG_ESR_EL1);
}

static void translation(void **state)
{
    const uint64_t el1 = 0x3c5, pan = 1 << 22, uao = 1 << 23;
    const uint32_t ldtr = 0xb8400820 /* ldtr w0, [x1] */;
    for (unsigned m = 0; m < COUNT(models); m++) {
        struct guest guest;
        guest_of(&guest, models[m], false);
        /* HAFDBS: without it hardware leaves the access flag alone, whatever TCR.HA says. */
        assert_int_equal(field(&guest, MMFR1, 0), 0);
        mmu_on(&guest, 1ull << 39, BLOCK_IS(RAM_BASE, 0));
        assert_int_equal(fault_of(&guest, LDR_W(0, 1), ALIAS, el1) & 0x3f, 0x09);
        /* PAN: user memory is out of reach. LDTR goes by EL0's rights, with UAO by EL1's. */
        assert_true(field(&guest, MMFR1, 20) >= 1 && field(&guest, MMFR2, 4) >= 1);
        mmu_on(&guest, 0, BLOCK_IS(RAM_BASE, AF | USER));
        assert_int_equal(fault_of(&guest, LDR_W(0, 1), ALIAS, el1), 0);
        assert_int_equal(fault_of(&guest, LDR_W(0, 1), ALIAS, el1 | pan) & 0x3f, 0x0d);
        mmu_on(&guest, 0, BLOCK_IS(RAM_BASE, AF));
        assert_int_equal(fault_of(&guest, ldtr, ALIAS, el1) & 0x3f, 0x0d);
        assert_int_equal(fault_of(&guest, ldtr, ALIAS, el1 | uao), 0);
        /* E0PD: EL0 has nothing below TTBR0 at all; LDTR is EL0's. */
        assert_int_equal(field(&guest, MMFR2, 60), 1);
        mmu_on(&guest, 1ull << 55, BLOCK_IS(RAM_BASE, AF | USER));
        assert_int_equal(fault_of(&guest, ldtr, ALIAS, el1) & 0x3f, 0x04);
        assert_int_equal(fault_of(&guest, LDR_W(0, 1), ALIAS, el1), 0);
        /* LSE2: any alignment within 16 bytes; across them it is a fault. */
        assert_int_equal(field(&guest, MMFR2, 32), 1);
        mmu_on(&guest, 0, BLOCK_IS(RAM_BASE, AF));
        const uint32_t ldar = 0xc8dffc20 /* ldar x0, [x1] */;
        assert_int_equal(fault_of(&guest, ldar, ALIAS + 0x8003, el1), 0);
        assert_int_equal(fault_of(&guest, ldar, ALIAS + 0x800b, el1) & 0x3f, 0x21);
        /* HPDS: a table's APTable counts, but not with TCR.HPD0. */
        assert_true(field(&guest, MMFR1, 12) >= 1);
        uint64_t *second = (uint64_t *)(guest.ram + 0x12000);
        second[0] = BLOCK_IS(RAM_BASE, AF); /* 2 MiB */
        for (unsigned hpd = 0; hpd < 2; hpd++) {
            mmu_on(&guest, (uint64_t)hpd << 41, (TABLES + 0x2000) | 3 | 1ull << 62);
            assert_int_equal(fault_of(&guest, STR_W(0, 1), ALIAS + 0x8000, el1) & 0x3f,
                             hpd ? 0 : 0x0e);
        }
        /* IDS: an identification register at EL0 says why it cannot be read. */
        assert_int_equal(field(&guest, MMFR2, 36), 1);
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, 0x30900180));
        assert_int_equal(fault_of(&guest, MRS(0, PFR0), 0, 0x3c0) >> 26, 0x18);
        guest_destroy(&guest);
    }
}

/* TTL: an invalidation that names the level of the last descriptor drops what it holds; the bits
 * are none of the address, whatever the CPU does with them. */
static void level_hints(void **state)
{
    static const struct {
        uint32_t tlbi;
        uint64_t operand;
    } forms[] = {
        {0xd5088320 /* tlbi vae1is, x0 */, ALIAS >> 12 | 5ull << 44 /* 4K, level 1 */},
        {0xd50883a0 /* tlbi vale1is, x0 */, ALIAS >> 12 | 5ull << 44},
        {0xd5088760 /* tlbi vaae1, x0 */, ALIAS >> 12 | 5ull << 44},
        {0xd5088220 /* tlbi rvae1is, x0 */, ALIAS >> 12 | 1ull << 46 | 1ull << 37},
    };
    for (unsigned m = 0; m < COUNT(models); m++) {
        struct guest guest;
        guest_of(&guest, models[m], false);
        assert_int_equal(field(&guest, MMFR2, 48), 1);
        for (unsigned k = 0; k < COUNT(forms); k++) {
            mmu_on(&guest, 0, BLOCK_IS(RAM_BASE, AF));
            const uint32_t code[] = {LDR_W(2, 1),   STR_X(31, 3), 0xd5033f9f /* dsb sy */,
                                     forms[k].tlbi, 0xd5033f9f,   ISB,
                                     LDR_W(2, 1),   BRK(0x77)};
            guest_start(&guest, code);
            guest_set_reg(&guest, HV_REG_X0, forms[k].operand);
            guest_set_reg(&guest, HV_REG_X1, ALIAS);
            guest_set_reg(&guest, HV_REG_X3, TABLES + 16); /* the alias's descriptor */
            guest_run_to(&guest, 0x3c);
            assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x44);
            assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL1) & 0x3f, 0x05);
        }
        guest_destroy(&guest);
    }
}

/* BT: a branch into a guarded page lands on BTI, or faults. */
static void guarded_pages(void **state)
{
    static const uint32_t target[] = {NOP, BRK(0x77)};
    const uint32_t br = 0xd61f0020; /* br x1 */
    for (unsigned m = 0; m < COUNT(models); m++) {
        struct guest guest;
        guest_of(&guest, models[m], false);
        mmu_on(&guest, 0, BLOCK_IS(RAM_BASE, AF | 1ull << 50));
        guest_code(&guest, 0x9000, target, COUNT(target));
        const uint64_t esr = fault_of(&guest, br, ALIAS + 0x9000, 0x3c5);
        assert_int_equal(esr >> 26, field(&guest, PFR1, 0) ? 0x0d : 0);
        guest_destroy(&guest);
    }
}

/* PARange: an output address beyond it is an address size fault, one below it is not; TCR.IPS above
 * PARange counts as PARange. */
static void physical_address_range(void **state)
{
    static const uint8_t widths[] = {32, 36, 40, 42, 44, 48};
    static const uint8_t ipa[] = {0, 40};
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned k = 0; k < 2; k++) {
            struct guest guest;
            hv_vm_config_t config = hv_vm_config_create();
            OK(hv_pomona_vm_config_set_cpu_model(config, models[m]));
            OK(hv_vm_config_set_ipa_size(config, ipa[k]));
            OK(hv_vm_create(config));
            os_release(config);
            guest_map(&guest);
            guest_vcpu(&guest);
            OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
            OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
            const uint32_t vector = BRK(0x44);
            guest_code(&guest, 0x1200, &vector, 1);
            const unsigned bits = widths[field(&guest, MMFR0, 0)];
            if (strcmp(models[m], "max") != 0)
                assert_int_equal(bits, k ? 40 : 36);
            if (bits < 48) {
                mmu_on(&guest, 5ull << 32, BLOCK_IS(1ull << bits, AF));
                assert_int_equal(fault_of(&guest, LDR_W(0, 1), ALIAS, 0x3c5) & 0x3f, 0x01);
            }
            /* The last block below: within the VM's addresses, where no memory is. */
            mmu_on(&guest, 5ull << 32, BLOCK_IS((1ull << bits) - (1ull << 30), AF));
            const uint32_t code[] = {LDR_W(0, 1)};
            guest_start(&guest, code);
            guest_set_reg(&guest, HV_REG_X1, ALIAS);
            guest_run_to(&guest, 0x24);
            assert_true(guest.exit->exception.physical_address == (1ull << bits) - (1ull << 30));
            guest_destroy(&guest);
        }
    }
}

/* ---- the rest ---- */

/* Fields that are held against what is executed by other tests, and those that nothing executed
 * tells. */
static const struct {
    uint16_t reg;
    uint8_t shift;
    const char *where;
} elsewhere[] = {
    {PFR0, 0, "EL0 is AArch64 only: a return to AArch32 is illegal: test_exception"},
    {PFR0, 4, "EL1 likewise"},
    {PFR0, 24, "gic_registers here"},
    {PFR0, 60, "CSV3: of data loaded in speculation; nothing here speculates"},
    {PFR1, 0, "guarded_pages here"},
    {DFR0, 0, "debug version: test_debug"},
    {DFR0, 8, "performance_monitors here"},
    {DFR0, 12, "debug_resources here"},
    {DFR0, 20, "debug_resources here"},
    {DFR0, 28, "context-aware breakpoints: test_debug"},
    {ISAR1, 4, "pointer_authentication here"},
    {ISAR1, 8, "pointer_authentication here"},
    {ISAR1, 24, "pointer_authentication here"},
    {ISAR1, 28, "pointer_authentication here"},
    {ISAR1, 48, "DGH: a hint, a NOP with and without the feature (C6.2)"},
    {MMFR0, 0, "physical_address_range here"},
    {MMFR0, 4, "ASIDBits: test_mmu_tlb"},
    {MMFR0, 20, "16K granule: test_mmu_walk"},
    {MMFR0, 24, "64K granule, absent: test_mmu_walk"},
    {MMFR0, 32, "16K granule at stage 2: test_mmu_walk"},
    {MMFR0, 36, "64K granule at stage 2, absent: test_mmu_walk"},
    {MMFR0, 40, "4K granule at stage 2: test_mmu_walk"},
    {MMFR1, 4, "VMIDBits: test_mmu_tlb"},
    {MMFR1, 12, "translation here"},
    {MMFR1, 24, "SpecSEI: SErrors by speculative reads; nothing here speculates"},
    {MMFR1, 28, "XNX: test_mmu_walk"},
    {MMFR2, 32, "translation here"},
    {MMFR2, 36, "translation here"},
    {MMFR2, 40, "FWB: test_mmu_walk"},
    {MMFR2, 44, "reserved, RES0 in the architecture; the M1 reads 1"},
    {MMFR2, 48, "level_hints here"},
    {MMFR2, 56, "EVT: test_traps"},
};

static bool is_held(unsigned reg, unsigned shift)
{
    for (unsigned k = 0; k < COUNT(probes); k++)
        if (probes[k].reg == reg && probes[k].shift == shift)
            return true;
    for (unsigned k = 0; k < COUNT(controls); k++)
        if (controls[k].field == reg && controls[k].shift == shift)
            return true;
    for (unsigned k = 0; k < COUNT(elsewhere); k++)
        if (elsewhere[k].reg == reg && elsewhere[k].shift == shift)
            return true;
    return false;
}

/* No field of any model that is set is left out. */
static void every_field(void **state)
{
    static const uint16_t regs[] = {PFR0, PFR1, DFR0, ISAR0, ISAR1, ISAR2, MMFR0, MMFR1, MMFR2};
    for (unsigned m = 0; m < COUNT(models); m++) {
        for (unsigned el2 = 0; el2 < 2; el2++) {
            struct guest guest;
            guest_of(&guest, models[m], el2);
            for (unsigned r = 0; r < COUNT(regs); r++)
                for (unsigned shift = 0; shift < 64; shift += 4)
                    if (field(&guest, regs[r], shift) && !is_held(regs[r], shift))
                        fail_msg("%s: nothing holds %#x[%u]", models[m], regs[r], shift);
            guest_destroy(&guest);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_and_registers),
        cmocka_unit_test(pointer_authentication),
        cmocka_unit_test(debug_resources),
        cmocka_unit_test(performance_monitors),
        cmocka_unit_test(gic_registers),
        cmocka_unit_test(translation),
        cmocka_unit_test(physical_address_range),
        cmocka_unit_test(error_records),
        cmocka_unit_test(control_bits),
        cmocka_unit_test(level_hints),
        cmocka_unit_test(guarded_pages),
        cmocka_unit_test(every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
