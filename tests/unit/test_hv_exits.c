/* SPDX-License-Identifier: MIT */
/* What leaves the guest and what does not (the API sheet's A6, A7): each class of exit with its
 * syndrome and PC, what is served inside, cancelling, pending interrupts, the virtual timer, the
 * PAC service (vmapple.md C.2), SMC with EL2, SError. */

#include "hv_guest.h"

#define BAD(call) assert_int_equal((call), HV_BAD_ARGUMENT)

/* ---- A6: exits ---- */

/* ESR.ISS of data aborts, form by form: ISV with SAS, SSE, SRT, SF, AR, or none of them. */
#define ISV(sas, sse, srt, sf, ar)                                                                 \
    (1u << 24 | (sas) << 22 | (sse) << 21 | (srt) << 16 | (sf) << 15 | (ar) << 14)
#define WNR (1u << 6)
#define CM  (1u << 8)

static const struct {
    uint32_t word, iss;
    int offset;
} forms[] = {
    {0x39400023, ISV(0u, 0u, 3u, 0u, 0u), 0},        /* ldrb w3, [x1] */
    {0x39800423, ISV(0u, 1u, 3u, 1u, 0u), 1},        /* ldrsb x3, [x1, #1] */
    {0x39c00423, ISV(0u, 1u, 3u, 0u, 0u), 1},        /* ldrsb w3, [x1, #1] */
    {0xb9800423, ISV(2u, 1u, 3u, 1u, 0u), 4},        /* ldrsw x3, [x1, #4] */
    {0x79400423, ISV(1u, 0u, 3u, 0u, 0u), 2},        /* ldrh w3, [x1, #2] */
    {0x39000023, ISV(0u, 0u, 3u, 0u, 0u) | WNR, 0},  /* strb w3, [x1] */
    {0xf900003f, ISV(3u, 0u, 31u, 1u, 0u) | WNR, 0}, /* str xzr, [x1] */
    {0xb8626823, ISV(2u, 0u, 3u, 0u, 0u), 0},        /* ldr w3, [x1, x2] */
    {0xf85f8023, ISV(3u, 0u, 3u, 1u, 0u), -8},       /* ldur x3, [x1, #-8] */
    {0x88dffc23, ISV(2u, 0u, 3u, 0u, 1u), 0},        /* ldar w3, [x1] */
    {0xc89ffc23, ISV(3u, 0u, 3u, 1u, 1u) | WNR, 0},  /* stlr x3, [x1] */
    {0xf8bfc023, ISV(3u, 0u, 3u, 1u, 1u), 0},        /* ldapr x3, [x1] */
    {0xb8400823, ISV(2u, 0u, 3u, 0u, 0u), 0},        /* ldtr w3, [x1] */
    {0xa9401023, 0, 0},                              /* ldp x3, x4, [x1] */
    {0xf8408423, 0, 0},                              /* ldr x3, [x1], #8 */
    {0xb8008c23, WNR, 8},                            /* str w3, [x1, #8]! */
    {0x3dc00020, 0, 0},                              /* ldr q0, [x1] */
    {0xfd400020, 0, 0},                              /* ldr d0, [x1] */
    {0x4c407020, 0, 0},                              /* ld1 {v0.16b}, [x1] */
    {0x885f7c23, 0, 0},                              /* ldxr w3, [x1] */
    {0xf8220024, 0, 0},                              /* ldadd x2, x4, [x1]: a read fails too */
    {0xd50b7e21, CM | WNR, 0},                       /* dc civac, x1 */
};

static void test_abort_syndromes(void **state)
{
    struct guest guest;
    guest_with_traps(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CPACR_EL1, 3 << 20));
    for (unsigned k = 0; k < COUNT(forms); k++) {
        const uint64_t address = NOWHERE + 0x1040;
        guest_run_one(&guest, forms[k].word, address, 0x24);
        const hv_vcpu_exit_exception_t *exit = &guest.exit->exception;
        const uint32_t iss = exit->syndrome & 0x1ffffff;
        if (iss != (forms[k].iss | 7))
            fail_msg("%08x: ISS %#x", forms[k].word, iss);
        assert_true(exit->syndrome >> 25 == (0x24 << 1 | 1)); /* EC, IL, and nothing above */
        assert_true(exit->virtual_address == address + (uint64_t)(int64_t)forms[k].offset);
        assert_true(exit->physical_address == exit->virtual_address);
        assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE);
        assert_true(guest_reg(&guest, HV_REG_X1) == address); /* no write-back */
    }
    guest_destroy(&guest);
}

/* A stage-1 walk that meets no memory: S1PTW, with the descriptor's address. */
static void test_walk_abort(void **state)
{
    struct guest guest;
    guest_with_traps(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TTBR0_EL1, NOWHERE));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TCR_EL1, 25)); /* a table of level 1 */
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, 0x30100181));
    const uint32_t code[] = {NOP};
    guest_start(&guest, code);
    guest_run_to(&guest, 0x20);
    assert_int_equal(guest.exit->exception.syndrome, 0x82000087);
    assert_true(guest.exit->exception.virtual_address == RAM_BASE);
    assert_true(guest.exit->exception.physical_address == NOWHERE + 8 * (RAM_BASE >> 30));
    guest_destroy(&guest);
}

static void expect_abort(struct guest *guest, uint64_t esr, uint64_t far)
{
    OK(hv_pomona_vcpu_inject_abort(guest->vcpu));
    guest_run_to(guest, 0x3c);
    assert_int_equal(guest_sys_reg(guest, HV_SYS_REG_ESR_EL1), esr);
    assert_true(guest_sys_reg(guest, HV_SYS_REG_FAR_EL1) == far);
}

/* The bus's answer to what exits: the external abort says whether it was of a walk, at which level,
 * and whether of a write. */
static void test_external_aborts(void **state)
{
    struct guest guest;
    guest_with_traps(&guest);
    guest_run_one(&guest, 0xf9400023 /* ldr x3, [x1] */, NOWHERE, 0x24);
    expect_abort(&guest, 0x96000010, NOWHERE);
    guest_run_one(&guest, 0xf9000023 /* str x3, [x1] */, NOWHERE, 0x24);
    expect_abort(&guest, 0x96000050, NOWHERE);
    guest_run_one(&guest, 0xf8220024 /* ldadd x2, x4, [x1] */, NOWHERE, 0x24);
    expect_abort(&guest, 0x96000010, NOWHERE);
    /* An identity map by blocks of 1 GiB; beyond them a table of level 2 that is nowhere. */
    uint64_t *table = (uint64_t *)(guest.ram + 0x10000);
    table[1] = 1ull << 30 | 0x701;
    table[2] = NOWHERE | 3;
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MAIR_EL1, 0xff));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TTBR0_EL1, RAM_BASE + 0x10000));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TCR_EL1, 25 | 1ull << 23));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, 0x30100181));
    guest_run_one(&guest, 0xf9400023, 2ull << 30, 0x24);
    assert_int_equal(guest.exit->exception.syndrome, 0x92000087);
    expect_abort(&guest, 0x96000016, 2ull << 30);
    guest_run_one(&guest, 0xf9000023, 2ull << 30, 0x24);
    expect_abort(&guest, 0x96000056, 2ull << 30);
    guest_run_one(&guest, 0xd5087801 /* at s1e1r, x1 */, 2ull << 30, 0x24);
    expect_abort(&guest, 0x96000156, 2ull << 30);
    guest_run_one(&guest, 0xd61f0020 /* br x1 */, 2ull << 30, 0x20);
    expect_abort(&guest, 0x86000016, 2ull << 30);
    guest_destroy(&guest);
}

/* An exception vector outside of memory is an instruction abort at it. */
static void test_fetch_abort(void **state)
{
    struct guest guest;
    guest_with_traps(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, NOWHERE));
    guest_run_one(&guest, 0xd4000001 /* svc #0 */, 0, 0x20);
    assert_int_equal(guest.exit->exception.syndrome, 0x82000007);
    assert_true(guest.exit->exception.physical_address == NOWHERE + 0x200);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), NOWHERE + 0x200);
    guest_destroy(&guest);
}

/* What is answered inside, whatever the monitor does. */
static void test_served_inside(void **state)
{
    static const uint16_t regs[] = {
        0xc010, 0xc01a, 0xc032, 0xc02c, 0xc807, /* AArch32's and Apple's identification */
        0x8002, 0x801a, 0x8010, 0x9808, 0x9820, 0x9828, 0x8012, /* the debug channel and MDSCR */
        0xdf00, 0xdf02, 0xdf19, 0xdf1a, 0xdf18,                 /* CNTFRQ, CNTVCT, CNTV */
    };
    struct guest guest;
    guest_with_traps(&guest);
    for (unsigned k = 0; k < COUNT(regs); k++)
        guest_runs_inside(&guest, MRS(5, regs[k]));
    guest_runs_inside(&guest, MRS(5, 0xdf00));
    assert_int_equal(guest_reg(&guest, HV_REG_X0 + 5), 24000000);
    guest_runs_inside(&guest, MRS(5, 0xc010)); /* ID_PFR0_EL1 */
    assert_int_equal(guest_reg(&guest, HV_REG_X0 + 5), 0);
    guest_runs_inside(&guest, MRS(5, 0x9808)); /* MDCCSR_EL0 */
    assert_int_equal(guest_reg(&guest, HV_REG_X0 + 5), 0);
    guest_destroy(&guest);
}

/* What exits with EC 0x18: the PMU, the GIC's and the physical timer's registers, each by name. */
static void test_trapped_by_default(void **state)
{
    static const uint16_t regs[] = {
        0xdce0, 0xdce1, 0xdce2, 0xdce3, 0xdce5, 0xdce6, 0xdce7, 0xdce8, 0xdce9, 0xdcea,
        0xdcf0, 0xdcf3, 0xc4f1, 0xc4f2, 0xdf40, 0xdf60, 0xdf7f,                         /* PM* */
        0xc230, 0xc640, 0xc642, 0xc643, 0xc644, 0xc648, 0xc65b,                         /* ICC_* */
        0xc660, 0xc662, 0xc663, 0xc664, 0xc665, 0xc666, 0xc667, 0xdf10, 0xdf11, 0xdf12, /* CNTP */
    };
    struct guest guest;
    guest_with_traps(&guest);
    for (unsigned k = 0; k < COUNT(regs); k++) {
        guest_run_one(&guest, MRS(9, regs[k]), 0, 0x18);
        const unsigned enc = regs[k];
        const uint64_t want = 0x18ull << 26 | 1 << 25 | (enc >> 14 & 3) << 20 | (enc & 7) << 17 |
                              (enc >> 11 & 7) << 14 | (enc >> 7 & 15) << 10 | 9 << 5 |
                              (enc >> 3 & 15) << 1 | 1;
        assert_true(guest.exit->exception.syndrome == want);
        assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE);
    }
    guest_run_one(&guest, MSR(0xc65d, 4), 0, 0x18); /* ICC_SGI1R_EL1: write-only */
    assert_int_equal(guest.exit->exception.syndrome & 0x3e1, 4 << 5);
    guest_run_one(&guest, MSR(0xdce4, 31), 0, 0x18); /* PMSWINC_EL0 of XZR */
    assert_int_equal(guest.exit->exception.syndrome & 0x3e1, 31 << 5);
    guest_destroy(&guest);
}

/* TDA: each debug register exits; without it none does. */
static void test_debug_register_trap(void **state)
{
    static const uint16_t regs[] = {0x8004, 0x8005, 0x8006, 0x8007, 0x8012, 0x8010, 0x8002,
                                    0x801a, 0x9808, 0x9820, 0x8032, 0x802c, 0x801f};
    struct guest guest;
    bool on = false;
    guest_with_traps(&guest);
    for (unsigned k = 0; k < COUNT(regs); k++)
        guest_runs_inside(&guest, MRS(5, regs[k]));
    OK(hv_vcpu_set_trap_debug_reg_accesses(guest.vcpu, true));
    OK(hv_vcpu_get_trap_debug_reg_accesses(guest.vcpu, &on));
    assert_true(on);
    for (unsigned k = 0; k < COUNT(regs); k++)
        guest_run_one(&guest, MRS(5, regs[k]), 0, 0x18);
    guest_destroy(&guest);
}

/* What nobody has is UNDEFINED in the guest: ESR_EL1 0x02000000, at the vector of its level. */
static void test_undefined(void **state)
{
    static const uint32_t words[] = {
        0xd53ef100, /* mrs x0, s3_6_c15_c1_0 */
        0xd538b000, /* mrs x0, s3_0_c11_c0_0 */
        0xd53827e0, /* mrs x0, s3_0_c2_c7_7 */
        0xd53c1100, /* mrs x0, hcr_el2 */
        0xd53e1100, /* mrs x0, scr_el3 */
        0x00000000, /* udf #0 */
        0x04000000, /* SVE */
    };
    struct guest guest;
    guest_with_traps(&guest);
    const uint32_t handler = BRK(0x66);
    guest_code(&guest, 0x1200, &handler, 1);
    for (unsigned k = 0; k < COUNT(words); k++) {
        guest_run_one(&guest, words[k], 0, 0x3c);
        assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 0x1200);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL1), 0x02000000);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ELR_EL1), RAM_BASE);
    }
    guest_destroy(&guest);
}

/* ---- A7 ---- */

/* A pending interrupt is gone after any return, even one that never entered the guest. */
static void test_pending_and_cancel(void **state)
{
    struct guest guest;
    bool pending = true;
    guest_with_traps(&guest);
    const uint32_t code[] = {BRK(0)};
    guest_start(&guest, code);
    for (unsigned type = 0; type < 2; type++) {
        OK(hv_vcpu_set_pending_interrupt(guest.vcpu, (hv_interrupt_type_t)type, true));
        OK(hv_vcpus_exit(&guest.vcpu, 1));
        OK(hv_vcpu_run(guest.vcpu));
        assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
        OK(hv_vcpu_get_pending_interrupt(guest.vcpu, (hv_interrupt_type_t)type, &pending));
        assert_false(pending);
    }
    guest_set_reg(&guest, HV_REG_CPSR, 5);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE); /* nothing was taken */
    guest_destroy(&guest);
}

/* hv_vcpus_exit: those of a list that exist are told, also beside one that does not. */
static void test_exit_list(void **state)
{
    struct guest guest;
    guest_create(&guest);
    hv_vcpu_t list[3] = {63, guest.vcpu, 99};
    BAD(hv_vcpus_exit(list, 3));
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    guest_destroy(&guest);
}

/* The mask is the framework's: a timer that fires while masked says nothing, IMASK says nothing,
 * and an armed one that is not yet due does not exit. */
static void test_vtimer_conditions(void **state)
{
    struct guest guest;
    bool masked = true;
    guest_with_traps(&guest);
    const uint32_t code[] = {NOP, BRK(0)};
    static const struct {
        bool mask;
        uint64_t ctl, cval;
        bool fires;
    } cases[] = {
        {false, 1, 0, true},          {true, 1, 0, false},  {false, 3, 0, false},
        {false, 1, INT64_MAX, false}, {false, 0, 0, false},
    };
    for (unsigned k = 0; k < COUNT(cases); k++) {
        OK(hv_vcpu_set_vtimer_mask(guest.vcpu, cases[k].mask));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CNTV_CVAL_EL0, cases[k].cval));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CNTV_CTL_EL0, cases[k].ctl));
        guest_start(&guest, code);
        OK(hv_vcpu_run(guest.vcpu));
        assert_int_equal(guest.exit->reason, cases[k].fires ? HV_EXIT_REASON_VTIMER_ACTIVATED
                                                            : HV_EXIT_REASON_EXCEPTION);
        OK(hv_vcpu_get_vtimer_mask(guest.vcpu, &masked));
        assert_int_equal(masked, cases[k].mask || cases[k].fires);
    }
    guest_destroy(&guest);
}

/* hv_vcpu_invalidate_tlb: every operation by name, nothing else; what the TLB held is gone. */
static void test_invalidate_tlb(void **state)
{
    static const uint8_t known[] = {0x11, 0x13, 0x15, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1d, 0x1f};
    struct guest guest;
    uint32_t accepted = 0;
    guest_with_traps(&guest);
    for (unsigned op = 0; op < 40; op++)
        if (hv_vcpu_invalidate_tlb(guest.vcpu, (hv_tlbi_op_t)op, 0) == HV_SUCCESS)
            accepted |= 1u << op;
    for (unsigned k = 0; k < COUNT(known); k++)
        accepted &= ~(1u << known[k]);
    assert_int_equal(accepted, 0);
    /* An identity map by blocks of 1 GiB, the second of which then moves. */
    uint64_t *table = (uint64_t *)(guest.ram + 0x10000);
    const uint64_t block = 0x701; /* valid, AF, inner shareable */
    table[1] = 1ull << 30 | block;
    table[2] = 1ull << 30 | block;
    memset(guest.ram + 0x8000, 0x11, 8);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MAIR_EL1, 0xff));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TTBR0_EL1, RAM_BASE + 0x10000));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TCR_EL1, 25 | 1ull << 23));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, 0x30100181));
    guest_run_one(&guest, LDR_X(0, 1), 0x80008000, 0x3c);
    assert_true(guest_reg(&guest, HV_REG_X0) == 0x1111111111111111ull);
    table[2] = 0;
    OK(hv_vcpu_invalidate_tlb(guest.vcpu, HV_TLBI_OP_VAE1IS, 0x80008000 >> 12));
    guest_run_one(&guest, LDR_X(0, 1), 0x80008000, 0x3c); /* the vector's BRK */
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x44);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_FAR_EL1), 0x80008000);
    guest_destroy(&guest);
}

/* ---- C: the PAC service ---- */

static uint64_t pac_call(struct guest *guest, uint64_t x0, uint64_t x1, uint64_t x2)
{
    const uint32_t code[] = {HVC(0), BRK(0)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_X0, x0);
    guest_set_reg(guest, HV_REG_X1, x1);
    guest_set_reg(guest, HV_REG_X2, x2);
    guest_run_to(guest, 0x3c);
    return guest_reg(guest, HV_REG_X0);
}

static void expect_keys(struct guest *guest, unsigned low, uint64_t k)
{
    assert_true(guest_sys_reg(guest, low) == k);
    assert_true(guest_sys_reg(guest, low + 1) == k + 1);
}

static void test_pac_keys(void **state)
{
    static const uint64_t k = 0xfeedfacefeedfacfull;
    struct guest guest;
    guest_with_traps(&guest);
    assert_int_equal(pac_call(&guest, 0xc1000000, 0, 0), 0);
    expect_keys(&guest, HV_SYS_REG_APIAKEYLO_EL1, k);
    expect_keys(&guest, HV_SYS_REG_APDAKEYLO_EL1, k + 2);
    expect_keys(&guest, HV_SYS_REG_APIBKEYLO_EL1, k + 6);
    expect_keys(&guest, HV_SYS_REG_APDBKEYLO_EL1, k + 8);
    expect_keys(&guest, HV_SYS_REG_APGAKEYLO_EL1, k + 10);
    assert_int_equal(pac_call(&guest, 0xc1000002, 0x1000, 0), 0);
    expect_keys(&guest, HV_SYS_REG_APIAKEYLO_EL1, 0x1000);
    expect_keys(&guest, HV_SYS_REG_APDAKEYLO_EL1, 0x1002);
    expect_keys(&guest, HV_SYS_REG_APIBKEYLO_EL1, k + 6);
    assert_int_equal(pac_call(&guest, 0xc1000003, 0x2000, 0), 0);
    expect_keys(&guest, HV_SYS_REG_APIBKEYLO_EL1, 0x2000);
    expect_keys(&guest, HV_SYS_REG_APDBKEYLO_EL1, 0x2002);
    assert_int_equal(pac_call(&guest, 0xc1000006, 0x3000, 0), 0);
    expect_keys(&guest, HV_SYS_REG_APGAKEYLO_EL1, 0x3000);
    expect_keys(&guest, HV_SYS_REG_APIAKEYLO_EL1, 0x1000);
    assert_int_equal(pac_call(&guest, 0xc1000004, 0x4000, 0), 0);
    assert_int_equal(pac_call(&guest, 0xc1000005, 1, 0x4000), 0);
    assert_int_equal(pac_call(&guest, 0xc1000007, 0, 0), 0xffffffff);
    assert_true((int64_t)pac_call(&guest, 0xc10000f0, 0, 0) < 0);
    guest_destroy(&guest);
}

/* Another immediate, another byte at the top: the monitor's. At EL0: nobody's. With EL2: EL2's. */
static void test_pac_boundaries(void **state)
{
    struct guest guest;
    guest_with_traps(&guest);
    const uint32_t other[] = {HVC(1)}, same[] = {HVC(0)};
    guest_start(&guest, other);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000000);
    guest_run_to(&guest, 0x16);
    assert_int_equal(guest.exit->exception.syndrome, 0x5a000001);
    guest_start(&guest, same);
    guest_set_reg(&guest, HV_REG_X0, 0xc3000003);
    guest_run_to(&guest, 0x16);
    guest_start(&guest, same);
    guest_set_reg(&guest, HV_REG_CPSR, 0x3c0);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000000);
    const uint32_t lower = BRK(0x55);
    guest_code(&guest, 0x1400, &lower, 1);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x55);
    assert_true(guest_sys_reg(&guest, HV_SYS_REG_APIAKEYLO_EL1) == 0);
    guest_destroy(&guest);
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_vm_config_set_el2_enabled(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL2, RAM_BASE + 0x1000));
    const uint32_t vector = BRK(0x33);
    guest_code(&guest, 0x1400, &vector, 1);
    guest_start(&guest, same);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000000);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x33);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL2), 0x5a000000);
    assert_true(guest_sys_reg(&guest, HV_SYS_REG_APIAKEYLO_EL1) == 0);
    guest_destroy(&guest);
}

/* ---- EL2: SMC and TSC ---- */

/* SMC exits from EL2, and from EL1 with TSC clear; with TSC set it is EL2's, with the PC on it. */
static void test_smc_with_el2(void **state)
{
    struct guest guest;
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_vm_config_set_el2_enabled(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL2, RAM_BASE + 0x1000));
    const uint32_t vector = BRK(0x33), code[] = {SMC(9)};
    guest_code(&guest, 0x1400, &vector, 1);
    for (unsigned el = 1; el <= 2; el++) {
        guest_start(&guest, code);
        guest_set_reg(&guest, HV_REG_CPSR, 0x3c1 | el << 2);
        guest_run_to(&guest, 0x17);
        assert_int_equal(guest.exit->exception.syndrome, 0x5e000009);
        assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE);
    }
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_HCR_EL2, 1ull << 31 | 1 << 19));
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x33);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL2), 0x5e000009);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ELR_EL2), RAM_BASE);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 0x3c9); /* TSC is for EL1 */
    guest_run_to(&guest, 0x17);
    guest_destroy(&guest);
}

/* ---- SError ---- */

/* Pending until it is taken; masked by PSTATE.A; at EL1 with vector and ESR of an SError. */
static void test_serror(void **state)
{
    struct guest guest;
    bool pending = false;
    guest_with_traps(&guest);
    const uint32_t handler = BRK(0x88), code[] = {NOP, BRK(0)};
    guest_code(&guest, 0x1380, &handler, 1);
    guest_start(&guest, code);
    OK(hv_vcpu_set_serror(guest.vcpu, true));
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    OK(hv_vcpu_get_serror(guest.vcpu, &pending));
    assert_true(pending);
    OK(hv_vcpu_set_serror(guest.vcpu, false));
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 0x2c5); /* A clear, nothing pending any more */
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    OK(hv_vcpu_set_serror(guest.vcpu, true));
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 0x2c5);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 0x1380);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL1) >> 26, 0x2f);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ELR_EL1), RAM_BASE);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_SPSR_EL1) & 0x3cf, 0x2c5);
    OK(hv_vcpu_get_serror(guest.vcpu, &pending));
    assert_false(pending);
    guest_destroy(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abort_syndromes),
        cmocka_unit_test(test_walk_abort),
        cmocka_unit_test(test_external_aborts),
        cmocka_unit_test(test_fetch_abort),
        cmocka_unit_test(test_served_inside),
        cmocka_unit_test(test_trapped_by_default),
        cmocka_unit_test(test_debug_register_trap),
        cmocka_unit_test(test_undefined),
        cmocka_unit_test(test_pending_and_cancel),
        cmocka_unit_test(test_exit_list),
        cmocka_unit_test(test_vtimer_conditions),
        cmocka_unit_test(test_invalidate_tlb),
        cmocka_unit_test(test_pac_keys),
        cmocka_unit_test(test_pac_boundaries),
        cmocka_unit_test(test_smc_with_el2),
        cmocka_unit_test(test_serror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
