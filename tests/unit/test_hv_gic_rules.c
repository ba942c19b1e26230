/* SPDX-License-Identifier: MIT */
/* The rules of the API sheet's A8 that test_hv_gic.c leaves open: every register by name, what is
 * no register, where the regions may lie, which state is taken back; and SErrors of a VM with EL2.
 */

#include "hv_guest.h"

#include <pthread.h>
#include <unistd.h>

#define DIST   0x10000000ull
#define REDIST 0x10010000ull
#define MSI    0x1fff0000ull

#define BAD(call) assert_int_equal((call), HV_BAD_ARGUMENT)

static void create_gic(uint64_t dist, uint64_t redist, uint64_t msi)
{
    hv_gic_config_t config = hv_gic_config_create();
    OK(hv_gic_config_set_distributor_base(config, dist));
    OK(hv_gic_config_set_redistributor_base(config, redist));
    if (msi) {
        OK(hv_gic_config_set_msi_region_base(config, msi));
        OK(hv_gic_config_set_msi_interrupt_range(config, 160, 128));
    }
    OK(hv_gic_create(config));
    os_release(config);
}

static void guest_with_gic(struct guest *guest, bool el2)
{
    hv_vm_config_t vm = hv_vm_config_create();
    OK(hv_vm_config_set_el2_enabled(vm, el2));
    OK(hv_vm_create(vm));
    os_release(vm);
    create_gic(DIST, REDIST, MSI);
    guest_map(guest);
    guest_vcpu(guest);
}

/* ---- registers ---- */

static void dist_ok(uint32_t reg)
{
    uint64_t value = 0;
    if (hv_gic_get_distributor_reg((hv_gic_distributor_reg_t)reg, &value) != HV_SUCCESS ||
        hv_gic_set_distributor_reg((hv_gic_distributor_reg_t)reg, value) != HV_SUCCESS)
        fail_msg("GICD register %#x", reg);
}

/* All 1534 names: read, and written with what was read. */
static void test_distributor_names(void **state)
{
    struct guest guest;
    uint64_t value;
    unsigned count = 0;
    guest_with_gic(&guest, false);
    dist_ok(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR);
    dist_ok(HV_GIC_DISTRIBUTOR_REG_GICD_TYPER);
    dist_ok(HV_GIC_DISTRIBUTOR_REG_GICD_PIDR2);
    count += 3;
    for (uint32_t reg = HV_GIC_DISTRIBUTOR_REG_GICD_IGROUPR0;
         reg <= HV_GIC_DISTRIBUTOR_REG_GICD_IPRIORITYR254; reg += 4, count++)
        dist_ok(reg);
    for (uint32_t reg = HV_GIC_DISTRIBUTOR_REG_GICD_ICFGR0;
         reg <= HV_GIC_DISTRIBUTOR_REG_GICD_ICFGR63; reg += 4, count++)
        dist_ok(reg);
    for (uint32_t reg = HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32;
         reg <= HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER1019; reg += 8, count++)
        dist_ok(reg);
    assert_int_equal(count, 1534);
    dist_ok(8); /* a raw offset: GICD_IIDR */
    BAD(hv_gic_get_distributor_reg((hv_gic_distributor_reg_t)2, &value));
    BAD(hv_gic_get_distributor_reg(
        (hv_gic_distributor_reg_t)(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32 + 4), &value));
    BAD(hv_gic_get_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR, NULL));
    BAD(hv_gic_set_distributor_reg((hv_gic_distributor_reg_t)1, 0));
    guest_destroy(&guest);
}

static void test_redistributor_names(void **state)
{
    static const uint32_t names[] = {0x8,     0xffe8,  0x10080, 0x10100, 0x10180, 0x10200, 0x10280,
                                     0x10300, 0x10380, 0x10400, 0x10404, 0x10408, 0x1040c, 0x10410,
                                     0x10414, 0x10418, 0x1041c, 0x10c00, 0x10c04};
    struct guest guest;
    uint64_t value;
    guest_with_gic(&guest, false);
    for (unsigned k = 0; k < COUNT(names); k++) {
        const hv_gic_redistributor_reg_t reg = (hv_gic_redistributor_reg_t)names[k];
        OK(hv_gic_get_redistributor_reg(guest.vcpu, reg, &value));
        OK(hv_gic_set_redistributor_reg(guest.vcpu, reg, value));
    }
    BAD(hv_gic_get_redistributor_reg(guest.vcpu, (hv_gic_redistributor_reg_t)0x10402, &value));
    BAD(hv_gic_get_redistributor_reg(guest.vcpu, (hv_gic_redistributor_reg_t)0x20000, &value));
    BAD(hv_gic_get_redistributor_reg(guest.vcpu + 1, (hv_gic_redistributor_reg_t)8, &value));
    BAD(hv_gic_get_redistributor_base(guest.vcpu, NULL));
    BAD(hv_gic_get_redistributor_base(guest.vcpu + 1, &value));
    BAD(hv_gic_get_msi_reg((hv_gic_msi_reg_t)0xc, &value));
    OK(hv_gic_get_msi_reg(HV_GIC_REG_GICM_SET_SPI_NSR, &value));
    guest_destroy(&guest);
}

/* What is written to the CPU interface is read back, in the bits there are. */
static void test_icc_names(void **state)
{
    static const struct {
        uint16_t reg;
        uint64_t write, read;
    } regs[] = {
        {HV_GIC_ICC_REG_PMR_EL1, 0xff, 0xf8},   {HV_GIC_ICC_REG_BPR0_EL1, 5, 5},
        {HV_GIC_ICC_REG_BPR0_EL1, 0, 2},        {HV_GIC_ICC_REG_BPR1_EL1, 6, 6},
        {HV_GIC_ICC_REG_BPR1_EL1, 0, 3},        {HV_GIC_ICC_REG_AP0R0_EL1, 0x10, 0x10},
        {HV_GIC_ICC_REG_AP1R0_EL1, 0x20, 0x20}, {HV_GIC_ICC_REG_CTLR_EL1, 3, 0x40403},
        {HV_GIC_ICC_REG_SRE_EL1, 0, 7},         {HV_GIC_ICC_REG_IGRPEN0_EL1, 1, 1},
        {HV_GIC_ICC_REG_IGRPEN1_EL1, ~0ull, 1},
    };
    for (unsigned el2 = 0; el2 < 2; el2++) {
        struct guest guest;
        uint64_t value;
        guest_with_gic(&guest, el2);
        for (unsigned k = 0; k < COUNT(regs); k++) {
            OK(hv_gic_set_icc_reg(guest.vcpu, (hv_gic_icc_reg_t)regs[k].reg, regs[k].write));
            OK(hv_gic_get_icc_reg(guest.vcpu, (hv_gic_icc_reg_t)regs[k].reg, &value));
            if (value != regs[k].read)
                fail_msg("ICC register %#x: %#llx", regs[k].reg, (unsigned long long)value);
        }
        OK(hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_RPR_EL1, &value));
        assert_int_equal(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_RPR_EL1, 0), HV_DENIED);
        const hv_return_t sre_el2 = hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_SRE_EL2, &value);
        assert_int_equal(sre_el2, el2 ? HV_SUCCESS : HV_UNSUPPORTED);
        /* Registers with effects have no name: IAR, EOIR, HPPIR, DIR, SGI. */
        static const uint16_t effects[] = {0xc640, 0xc641, 0xc642, 0xc659, 0xc65d,
                                           0xc660, 0xc661, 0xc662, 0};
        for (unsigned k = 0; k < COUNT(effects); k++) {
            BAD(hv_gic_get_icc_reg(guest.vcpu, (hv_gic_icc_reg_t)effects[k], &value));
            BAD(hv_gic_set_icc_reg(guest.vcpu, (hv_gic_icc_reg_t)effects[k], 0));
        }
        BAD(hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, NULL));
        guest_destroy(&guest);
    }
}

static void test_virtual_names(void **state)
{
    static const uint16_t ich[] = {0xe640, 0xe648, 0xe658, 0xe659, 0xe65a, 0xe65b, 0xe65d, 0xe65f,
                                   0xe660, 0xe661, 0xe662, 0xe663, 0xe664, 0xe665, 0xe666, 0xe667};
    static const uint16_t icv[] = {0xc230, 0xc643, 0xc644, 0xc648, 0xc65b,
                                   0xc663, 0xc664, 0xc665, 0xc666, 0xc667};
    for (unsigned el2 = 0; el2 < 2; el2++) {
        struct guest guest;
        uint64_t value;
        const hv_return_t want = el2 ? HV_SUCCESS : HV_UNSUPPORTED;
        guest_with_gic(&guest, el2);
        for (unsigned k = 0; k < COUNT(ich); k++)
            assert_int_equal(hv_gic_get_ich_reg(guest.vcpu, (hv_gic_ich_reg_t)ich[k], &value),
                             want);
        for (unsigned k = 0; k < COUNT(icv); k++)
            assert_int_equal(hv_gic_get_icv_reg(guest.vcpu, (hv_gic_icv_reg_t)icv[k], &value),
                             want);
        for (unsigned n = 8; n < 16 && el2; n++) /* eight list registers */
            BAD(hv_gic_get_ich_reg(guest.vcpu, (hv_gic_ich_reg_t)(HV_GIC_ICH_REG_LR0_EL2 + n),
                                   &value));
        guest_destroy(&guest);
    }
}

/* ---- where the regions lie ---- */

static hv_return_t try_bases(uint64_t dist, uint64_t redist, uint64_t msi)
{
    hv_gic_config_t config = hv_gic_config_create();
    OK(hv_gic_config_set_distributor_base(config, dist));
    OK(hv_gic_config_set_redistributor_base(config, redist));
    if (msi) {
        OK(hv_gic_config_set_msi_region_base(config, msi));
        OK(hv_gic_config_set_msi_interrupt_range(config, 160, 128));
    }
    OK(hv_vm_create(NULL));
    const hv_return_t result = hv_gic_create(config);
    OK(hv_vm_destroy());
    os_release(config);
    return result;
}

static void test_regions(void **state)
{
    size_t dist, redist;
    OK(hv_gic_get_distributor_size(&dist));
    OK(hv_gic_get_redistributor_region_size(&redist));
    OK(try_bases(0, dist, 0)); /* one base at 0 is no default */
    OK(try_bases(redist, 0, 0));
    OK(try_bases(DIST, REDIST, MSI));
    BAD(try_bases(0, 0, 0));
    BAD(try_bases(DIST, DIST, 0));
    BAD(try_bases(DIST + redist - 0x10000, DIST, 0)); /* in the last 64 KiB of the region */
    OK(try_bases(DIST + redist, DIST, 0));
    BAD(try_bases(DIST, REDIST, DIST));
    BAD(try_bases(DIST, REDIST, REDIST + redist - 0x10000));
    OK(try_bases(DIST, REDIST, REDIST + redist));
    hv_gic_config_t config = hv_gic_config_create();
    BAD(hv_gic_config_set_msi_region_base(config, 0x8000));
    BAD(hv_gic_config_set_msi_region_base(config, 0xffffffffffff0000ull));
    BAD(hv_gic_config_set_msi_interrupt_range(config, 0, 32));
    BAD(hv_gic_config_set_msi_interrupt_range(config, 1020, 1));
    BAD(hv_gic_config_set_msi_interrupt_range(config, 1000, UINT32_MAX));
    BAD(hv_gic_config_set_distributor_base(NULL, DIST));
    os_release(config);
    BAD(hv_gic_create(NULL));
}

/* ---- state ---- */

/* It is taken back by a GIC of the same shape, with the same vCPUs; the CPU interface is no part of
 * it. */
static void test_state_of_another(void **state)
{
    struct guest guest;
    size_t size = 0;
    uint64_t value;
    guest_with_gic(&guest, false);
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, 0x55));
    OK(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, 0x40));
    hv_gic_state_t saved = hv_gic_state_create();
    BAD(hv_gic_state_get_size(saved, NULL));
    BAD(hv_gic_state_get_size(NULL, &size));
    OK(hv_gic_state_get_size(saved, &size));
    BAD(hv_gic_state_get_data(saved, NULL));
    uint8_t *data = malloc(size);
    OK(hv_gic_state_get_data(saved, data));
    OK(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, 0x80));
    OK(hv_gic_set_state(data, size));
    OK(hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, &value));
    assert_int_equal(value, 0x80);
    BAD(hv_gic_set_state(NULL, size));
    BAD(hv_gic_set_state(data, 0));
    guest_destroy(&guest);
    assert_int_equal(hv_gic_set_state(data, size), HV_NO_DEVICE);
    OK(hv_vm_create(NULL)); /* the same GIC, no vCPU */
    create_gic(DIST, REDIST, MSI);
    BAD(hv_gic_set_state(data, size));
    OK(hv_vm_destroy());
    OK(hv_vm_create(NULL)); /* elsewhere */
    create_gic(DIST, REDIST + 0x10000, MSI);
    guest_map(&guest);
    guest_vcpu(&guest);
    BAD(hv_gic_set_state(data, size));
    guest_destroy(&guest);
    guest_with_gic(&guest, false);
    OK(hv_gic_set_state(data, size));
    OK(hv_gic_get_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, &value));
    assert_int_equal(value, 0x55);
    guest_destroy(&guest);
    free(data);
    os_release(saved);
}

/* ---- SErrors, physical and virtual, of a VM with EL2 ---- */

#define HCR_RW  (1ull << 31)
#define HCR_AMO (1ull << 5)
#define HCR_VSE (1ull << 8)
#define HCR_TGE (1ull << 27)
#define HCR_E2H (1ull << 34)

static void guest_with_el2(struct guest *guest)
{
    guest_with_gic(guest, true);
    OK(hv_vcpu_set_trap_debug_exceptions(guest->vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL2, RAM_BASE + 0x2000));
    for (uint32_t at = 0x1000; at < 0x2800; at += 0x80) {
        const uint32_t vector = BRK(at >> 4);
        guest_code(guest, at, &vector, 1);
    }
}

/* Where the vCPU is after a run that starts with NOP at CPSR: an offset in RAM. */
static uint64_t run_nop(struct guest *guest, uint64_t hcr, uint64_t cpsr)
{
    const uint32_t code[] = {NOP, BRK(0)};
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_HCR_EL2, hcr | HCR_RW));
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, cpsr);
    guest_run_to(guest, 0x3c);
    return guest_reg(guest, HV_REG_PC) - RAM_BASE;
}

static void test_physical_serror(void **state)
{
    static const struct {
        uint64_t hcr, cpsr, at; /* at 4: not taken */
    } cases[] = {
        {0, 0x2c5, 0x1380},                 /* EL1's own, unmasked */
        {0, 0x3c5, 4},                      /* masked */
        {HCR_AMO, 0x3c5, 0x2580},           /* EL2's: EL1 cannot mask it */
        {HCR_AMO, 0x2c9, 0x2380},           /* at EL2 */
        {HCR_AMO, 0x3c9, 4},                /* EL2 masks it */
        {0, 0x2c9, 4},                      /* EL1's, while at EL2 */
        {HCR_TGE, 0x3c0, 0x2580},           /* EL0 under TGE */
        {HCR_TGE | HCR_E2H, 0x2c0, 0x2580}, /* a host's EL0 */
        {HCR_TGE | HCR_E2H, 0x3c0, 4},      /* which does mask it */
        {HCR_TGE | HCR_E2H, 0x2c9, 0x2380},
    };
    for (unsigned k = 0; k < COUNT(cases); k++) {
        struct guest guest;
        bool pending;
        guest_with_el2(&guest);
        OK(hv_vcpu_set_serror(guest.vcpu, true));
        const uint64_t at = run_nop(&guest, cases[k].hcr, cases[k].cpsr);
        if (at != cases[k].at)
            fail_msg("case %u: at %#llx", k, (unsigned long long)at);
        OK(hv_vcpu_get_serror(guest.vcpu, &pending));
        assert_int_equal(pending, at == 4);
        if (at != 4)
            assert_int_equal(
                guest_sys_reg(&guest, at >= 0x2000 ? HV_SYS_REG_ESR_EL2 : HV_SYS_REG_ESR_EL1) >> 26,
                0x2f);
        guest_destroy(&guest);
    }
}

/* HCR_EL2.VSE: an SError of EL1 with VSESR_EL2's syndrome; taken when unmasked, and then gone. */
static void test_virtual_serror(void **state)
{
    struct guest guest;
    guest_with_el2(&guest);
    const uint32_t set[] = {MSR(0xe293 /* VSESR_EL2 */, 0), BRK(0x7)};
    guest_start(&guest, set);
    guest_set_reg(&guest, HV_REG_CPSR, 0x3c9);
    guest_set_reg(&guest, HV_REG_X0, 0x1000123);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(run_nop(&guest, HCR_AMO | HCR_VSE, 0x3c5), 4); /* masked */
    assert_int_equal(run_nop(&guest, HCR_AMO | HCR_VSE, 0x2c9), 4); /* not EL2's */
    assert_int_equal(run_nop(&guest, HCR_VSE, 0x2c5), 4);           /* without AMO */
    assert_int_equal(run_nop(&guest, HCR_AMO | HCR_VSE | HCR_TGE, 0x2c9), 4);
    assert_true(guest_sys_reg(&guest, HV_SYS_REG_HCR_EL2) & HCR_VSE);
    assert_int_equal(run_nop(&guest, HCR_AMO | HCR_VSE, 0x2c5), 0x1380);
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_ESR_EL1), 0xbf000123);
    assert_false(guest_sys_reg(&guest, HV_SYS_REG_HCR_EL2) & HCR_VSE);
    guest_destroy(&guest);
}

/* ---- ours: reset, and waiting before a run ---- */

static void test_reset(void **state)
{
    for (unsigned el2 = 0; el2 < 2; el2++) {
        struct guest guest;
        uint64_t value;
        guest_with_gic(&guest, el2);
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MPIDR_EL1, 0x80000103));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TPIDR_EL1, 1));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_DBGBCR0_EL1, 1));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CNTV_CTL_EL0, 1));
        OK(hv_vcpu_set_vtimer_offset(guest.vcpu, 77));
        OK(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, 0xf8));
        OK(hv_gic_set_redistributor_reg(guest.vcpu, HV_GIC_REDISTRIBUTOR_REG_GICR_ISENABLER0, 2));
        if (el2) {
            OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_HCR_EL2, 1 << 4));
            OK(hv_gic_set_ich_reg(guest.vcpu, HV_GIC_ICH_REG_HCR_EL2, 1));
            OK(hv_gic_set_ich_reg(guest.vcpu, HV_GIC_ICH_REG_LR0_EL2, 1ull << 62));
        }
        guest_set_reg(&guest, HV_REG_X0 + 5, 5);
        guest_set_reg(&guest, HV_REG_CPSR, 0x600003c5);
        OK(hv_pomona_vcpu_reset(guest.vcpu));
        assert_int_equal(guest_reg(&guest, HV_REG_CPSR), el2 ? 0x3c9 : 0x3c5);
        assert_int_equal(guest_reg(&guest, HV_REG_X0 + 5), 0);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_MPIDR_EL1), 0x80000103);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_TPIDR_EL1), 0);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_DBGBCR0_EL1), 0);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_CNTV_CTL_EL0) & 1, 0);
        assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_SCTLR_EL1), 0x30100180);
        OK(hv_vcpu_get_vtimer_offset(guest.vcpu, &value));
        assert_int_equal(value, 77); /* the monitor's */
        OK(hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, &value));
        assert_int_equal(value, 0);
        OK(hv_gic_get_redistributor_reg(guest.vcpu, HV_GIC_REDISTRIBUTOR_REG_GICR_ISENABLER0,
                                        &value));
        assert_int_equal(value, 2); /* the redistributor is another part */
        if (el2) {
            assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_HCR_EL2), HCR_RW);
            OK(hv_gic_get_ich_reg(guest.vcpu, HV_GIC_ICH_REG_LR0_EL2, &value));
            assert_int_equal(value, 0);
        }
        BAD(hv_pomona_vcpu_reset(guest.vcpu + 1));
        guest_destroy(&guest);
    }
}

static void *raise_later(void *arg)
{
    usleep(300000);
    OK(hv_gic_set_spi(40, true));
    return arg;
}

static void test_wait_first(void **state)
{
    struct guest guest;
    pthread_t thread;
    uint64_t waited = 0;
    guest_create(&guest);
    assert_int_equal(hv_pomona_vcpu_wait_for_interrupt(guest.vcpu), HV_UNSUPPORTED);
    guest_destroy(&guest);
    guest_with_gic(&guest, false);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR, 3));
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_IGROUPR1, 1 << 8));
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, 1 << 8));
    OK(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_PMR_EL1, 0xf8));
    OK(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_IGRPEN1_EL1, 1));
    const uint32_t code[] = {NOP, BRK(0)};
    guest_start(&guest, code); /* with the interrupt masked: it wakes all the same */
    OK(hv_pomona_vcpu_wait_for_interrupt(guest.vcpu));
    pthread_create(&thread, NULL, raise_later, NULL);
    guest_run_to(&guest, 0x3c);
    pthread_join(thread, NULL);
    OK(hv_vcpu_get_wait_for_interrupt_time(guest.vcpu, &waited));
    assert_true(waited > 24000 * 10);
    OK(hv_gic_set_spi(40, false));
    guest_start(&guest, code); /* only once */
    guest_run_to(&guest, 0x3c);
    guest_start(&guest, code);
    OK(hv_pomona_vcpu_wait_for_interrupt(guest.vcpu));
    OK(hv_vcpus_exit(&guest.vcpu, 1));
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    BAD(hv_pomona_vcpu_wait_for_interrupt(guest.vcpu + 1));
    guest_destroy(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributor_names),
        cmocka_unit_test(test_redistributor_names),
        cmocka_unit_test(test_icc_names),
        cmocka_unit_test(test_virtual_names),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_state_of_another),
        cmocka_unit_test(test_physical_serror),
        cmocka_unit_test(test_virtual_serror),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_wait_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
