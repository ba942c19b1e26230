/* SPDX-License-Identifier: MIT */
/* The GIC of the Hypervisor API: each fact of the API sheet's A8, then guests that use it: groups,
 * timers, SGIs, SPIs, messages, waiting in WFI, and stores without a valid syndrome. */

#include "hv_guest.h"

#include <pthread.h>
#include <unistd.h>

#include <mach/mach_time.h>

#define DIST   0x10000000ull
#define REDIST 0x10010000ull
#define MSI    0x1fff0000ull

static void gic_create(bool el2)
{
    hv_vm_config_t vm = hv_vm_config_create();
    OK(hv_vm_config_set_el2_enabled(vm, el2));
    OK(hv_vm_create(vm));
    os_release(vm);
    hv_gic_config_t config = hv_gic_config_create();
    OK(hv_gic_config_set_distributor_base(config, DIST));
    OK(hv_gic_config_set_redistributor_base(config, REDIST));
    OK(hv_gic_config_set_msi_region_base(config, MSI));
    OK(hv_gic_config_set_msi_interrupt_range(config, 160, 128));
    OK(hv_gic_create(config));
    os_release(config);
}

static void guest_with_gic(struct guest *guest)
{
    gic_create(false);
    guest_map(guest);
    guest_vcpu(guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest->vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t irq = BRK(0x11), fiq = BRK(0x22), unexpected = BRK(0x44);
    guest_code(guest, 0x1200, &unexpected, 1);
    guest_code(guest, 0x1280, &irq, 1);
    guest_code(guest, 0x1300, &fiq, 1);
}

static uint64_t dist(uint32_t reg)
{
    uint64_t value = ~0ull;
    OK(hv_gic_get_distributor_reg((hv_gic_distributor_reg_t)reg, &value));
    return value;
}

static void set_dist(uint32_t reg, uint64_t value)
{
    OK(hv_gic_set_distributor_reg((hv_gic_distributor_reg_t)reg, value));
}

static uint64_t redist(const struct guest *guest, uint32_t reg)
{
    uint64_t value = ~0ull;
    OK(hv_gic_get_redistributor_reg(guest->vcpu, (hv_gic_redistributor_reg_t)reg, &value));
    return value;
}

static void set_redist(const struct guest *guest, uint32_t reg, uint64_t value)
{
    OK(hv_gic_set_redistributor_reg(guest->vcpu, (hv_gic_redistributor_reg_t)reg, value));
}

static uint64_t icc(const struct guest *guest, hv_gic_icc_reg_t reg)
{
    uint64_t value = ~0ull;
    OK(hv_gic_get_icc_reg(guest->vcpu, reg, &value));
    return value;
}

static void set_icc(const struct guest *guest, hv_gic_icc_reg_t reg, uint64_t value)
{
    OK(hv_gic_set_icc_reg(guest->vcpu, reg, value));
}

/* ---- A8 ---- */

static void test_parameters(void **state)
{
    size_t size;
    uint32_t base, count, intid, max;
    OK(hv_gic_get_distributor_size(&size));
    assert_int_equal(size, 0x10000);
    OK(hv_gic_get_redistributor_size(&size));
    assert_int_equal(size, 0x20000);
    OK(hv_vm_get_max_vcpu_count(&max));
    OK(hv_gic_get_redistributor_region_size(&size));
    assert_int_equal(size, 0x20000 * max);
    OK(hv_gic_get_distributor_base_alignment(&size));
    assert_int_equal(size, 0x10000);
    OK(hv_gic_get_redistributor_base_alignment(&size));
    assert_int_equal(size, 0x10000);
    OK(hv_gic_get_msi_region_size(&size));
    assert_int_equal(size, 0x10000);
    OK(hv_gic_get_msi_region_base_alignment(&size));
    assert_int_equal(size, 0x10000);
    OK(hv_gic_get_spi_interrupt_range(&base, &count));
    assert_int_equal(base, 32);
    assert_int_equal(count, 988);
    static const uint16_t ids[] = {23, 25, 26, 27, 30};
    for (size_t i = 0; i < 5; i++) {
        OK(hv_gic_get_intid((hv_gic_intid_t)ids[i], &intid));
        assert_int_equal(intid, ids[i]);
    }
    assert_int_equal(hv_gic_get_intid((hv_gic_intid_t)24, &intid), HV_BAD_ARGUMENT);
}

static void test_create_rules(void **state)
{
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    uint64_t value;
    hv_gic_config_t config = hv_gic_config_create();
    assert_int_equal(hv_gic_create(config), HV_NO_DEVICE);
    assert_int_equal(hv_gic_set_spi(32, true), HV_NO_DEVICE);
    assert_null(hv_gic_state_create());
    OK(hv_vm_create(NULL));
    assert_int_equal(hv_gic_create(config), HV_BAD_ARGUMENT); /* both at 0: they overlap */
    assert_int_equal(hv_gic_config_set_distributor_base(config, 0x1000), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_config_set_distributor_base(config, 0xffffffffffff0000ull),
                     HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_config_set_redistributor_base(config, 0xfffffffffff00000ull),
                     HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_config_set_msi_interrupt_range(config, 31, 2), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_config_set_msi_interrupt_range(config, 1000, 21), HV_BAD_ARGUMENT);
    OK(hv_gic_config_set_msi_interrupt_range(config, 1000, 20));
    OK(hv_gic_config_set_msi_interrupt_range(config, 32, 0));
    OK(hv_gic_config_set_distributor_base(config, 0x10000000));
    OK(hv_vcpu_create(&vcpu, &exit, NULL));
    assert_int_equal(hv_gic_create(config), HV_BUSY);
    assert_int_equal(hv_gic_get_icc_reg(vcpu, HV_GIC_ICC_REG_PMR_EL1, &value), HV_NO_DEVICE);
    OK(hv_vcpu_destroy(vcpu));
    OK(hv_gic_create(config)); /* the redistributors are at 0 */
    assert_int_equal(hv_gic_create(config), HV_EXISTS);
    OK(hv_vm_destroy());
    os_release(config);
}

static void test_reset_values(void **state)
{
    struct guest guest;
    uint64_t value;
    guest_with_gic(&guest);
    OK(hv_gic_get_redistributor_base(guest.vcpu, &value));
    assert_int_equal(value, REDIST);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_BPR0_EL1), 2);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_BPR1_EL1), 3);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_CTLR_EL1), 0x40400);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_SRE_EL1), 7);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_RPR_EL1), 0xff);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_IGRPEN0_EL1), 0);
    set_icc(&guest, HV_GIC_ICC_REG_PMR_EL1, 0xff);
    assert_int_equal(icc(&guest, HV_GIC_ICC_REG_PMR_EL1), 0xf8);
    assert_int_equal(hv_gic_set_icc_reg(guest.vcpu, HV_GIC_ICC_REG_RPR_EL1, 0), HV_DENIED);
    assert_int_equal(hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_SRE_EL2, &value),
                     HV_UNSUPPORTED);
    assert_int_equal(hv_gic_get_ich_reg(guest.vcpu, HV_GIC_ICH_REG_HCR_EL2, &value),
                     HV_UNSUPPORTED);
    assert_int_equal(hv_gic_get_icv_reg(guest.vcpu, HV_GIC_ICV_REG_PMR_EL1, &value),
                     HV_UNSUPPORTED);
    assert_int_equal(hv_gic_get_icc_reg(guest.vcpu, (hv_gic_icc_reg_t)0xc660, &value),
                     HV_BAD_ARGUMENT); /* ICC_IAR1_EL1 has effects and no name */
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR), 0x50);
    const uint64_t typer = dist(HV_GIC_DISTRIBUTOR_REG_GICD_TYPER);
    assert_int_equal(typer & 31, 31);
    assert_int_equal(typer >> 16 & 3, 0); /* MBIS, LPIS */
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_PIDR2) & 0xf0, 0x30);
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_TYPER, 0));
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_TYPER), typer);
    assert_int_equal(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_TYPER), 0x10);
    assert_int_equal(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_ICFGR0), 0xaaaaaaaa);
    OK(hv_gic_get_msi_reg(HV_GIC_REG_GICM_TYPER, &value));
    assert_int_equal(value, 1u << 31 | 160 << 16 | 128);
    OK(hv_gic_set_msi_reg(HV_GIC_REG_GICM_TYPER, 0));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MPIDR_EL1, 0x80000302));
    assert_true(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_TYPER) == 0x0000030200000010ull);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ID_AA64PFR0_EL1, &value));
    assert_int_equal(value >> 24 & 15, 1);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CNTP_CVAL_EL0, 7));
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_CNTP_CTL_EL0, &value));
    assert_int_equal(value, 4);
    guest_destroy(&guest);
}

static void test_el2_registers(void **state)
{
    struct guest guest;
    uint64_t value;
    gic_create(true);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_gic_get_icc_reg(guest.vcpu, HV_GIC_ICC_REG_SRE_EL2, &value));
    assert_int_equal(value, 0xf);
    OK(hv_gic_get_ich_reg(guest.vcpu, HV_GIC_ICH_REG_VTR_EL2, &value));
    assert_int_equal(value & 31, 7);
    for (unsigned i = 0; i < 8; i++)
        OK(hv_gic_set_ich_reg(guest.vcpu, (hv_gic_ich_reg_t)(HV_GIC_ICH_REG_LR0_EL2 + i), i));
    assert_int_equal(hv_gic_set_ich_reg(guest.vcpu, HV_GIC_ICH_REG_LR8_EL2, 0), HV_BAD_ARGUMENT);
    OK(hv_gic_set_icv_reg(guest.vcpu, HV_GIC_ICV_REG_PMR_EL1, 0xff));
    OK(hv_gic_get_ich_reg(guest.vcpu, HV_GIC_ICH_REG_VMCR_EL2, &value));
    assert_int_equal(value >> 24, 0xf8);
    guest_destroy(&guest);
}

static void test_spi_rules(void **state)
{
    gic_create(false);
    assert_int_equal(hv_gic_set_spi(31, true), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_set_spi(1020, true), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_set_spi(160, true), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_set_spi(287, true), HV_BAD_ARGUMENT);
    OK(hv_gic_set_spi(288, true));
    OK(hv_gic_set_spi(1019, true));
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISPENDR0 + 4 * 9), 1);
    OK(hv_gic_set_spi(288, false));
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISPENDR0 + 4 * 9), 0);
    /* Edge: low is ignored. */
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ICFGR0 + 4 * 18, 2);
    OK(hv_gic_set_spi(288, true));
    OK(hv_gic_set_spi(288, false));
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISPENDR0 + 4 * 9), 1);
    assert_int_equal(hv_gic_send_msi(MSI + 0x40, 159), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_send_msi(MSI + 0x40, 288), HV_BAD_ARGUMENT);
    OK(hv_gic_send_msi(MSI + 0x40, 161));
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISPENDR0 + 4 * 5), 2);
    OK(hv_vm_destroy());
}

static void test_distributor_registers(void **state)
{
    gic_create(false);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, 0xf0);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ICENABLER1, 0x30);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1), 0xc0);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ICENABLER1), 0xc0);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISACTIVER1, 3);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ICACTIVER1, 1);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISACTIVER1), 2);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IPRIORITYR8, 0xffeeddcc);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_IPRIORITYR8), 0xf8e8d8c8);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32, ~0ull);
    assert_true(dist(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32) == 0xff80ffffffull);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER31, ~0u);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER31), 0x0fffffff);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IGROUPR0, ~0u);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_IGROUPR0), 0); /* the redistributors' */
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR, 3);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR), 0x53);
    OK(hv_gic_reset());
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR), 0x50);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1), 0);
    OK(hv_vm_destroy());
}

static void test_state(void **state)
{
    struct guest guest;
    size_t size, size2;
    guest_with_gic(&guest);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, 0xabc);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32, 0x80000000);
    set_redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_IPRIORITYR0, 0x10203040);
    hv_gic_state_t saved = hv_gic_state_create();
    OK(hv_gic_state_get_size(saved, &size));
    uint8_t *data = malloc(size), *again = malloc(size);
    OK(hv_gic_state_get_data(saved, data));
    OK(hv_gic_reset());
    OK(hv_gic_set_state(data, size));
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1), 0xabc);
    assert_int_equal(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_IPRIORITYR0), 0x10203040);
    hv_gic_state_t second = hv_gic_state_create();
    OK(hv_gic_state_get_size(second, &size2));
    assert_int_equal(size, size2);
    OK(hv_gic_state_get_data(second, again));
    assert_memory_equal(data, again, size);
    assert_int_equal(hv_gic_set_state(data, size - 1), HV_BAD_ARGUMENT);
    assert_int_equal(hv_gic_set_state(data, 3), HV_BAD_ARGUMENT);
    for (size_t at = 0; at < size; at += 97) {
        data[at] ^= 0x10;
        assert_int_equal(hv_gic_set_state(data, size), HV_BAD_ARGUMENT);
        data[at] ^= 0x10;
    }
    free(data);
    free(again);
    os_release(saved);
    os_release(second);
    guest_destroy(&guest);
}

/* ---- guests ---- */

/* The sequence of XNU's pe_fiq.c, with the pre-indexed store that has no syndrome; then the timer
 * as FIQ. */
static void test_group0_timer(void **state)
{
    struct guest guest;
    guest_with_gic(&guest);
    const uint32_t code[] = {
        STR_W_PRE(2, 1, 0x80), /* GICR_IGROUPR0 = x2, x1 += 0x80 */
        STR_W_PRE(3, 1, 0x80), /* GICR_ISENABLER0 */
        MSR(HV_GIC_ICC_REG_BPR0_EL1, 31),
        MSR(HV_GIC_ICC_REG_PMR_EL1, 4),
        LDR_W(5, 6), /* GICD_CTLR |= 1 */
        0x320000a5,  /* orr w5, w5, #1 */
        STR_W(5, 6),
        MSR(HV_GIC_ICC_REG_IGRPEN0_EL1, 7),
        MSR(HV_SYS_REG_CNTV_CVAL_EL0, 31),
        MSR(HV_SYS_REG_CNTV_CTL_EL0, 7),
        DAIFCLR(1),
        WFI,
        B_SELF,
    };
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, REDIST + 0x10000);
    guest_set_reg(&guest, HV_REG_X2, 0x81ffffff);
    guest_set_reg(&guest, HV_REG_X3, 1 << 27);
    guest_set_reg(&guest, HV_REG_X4, 0xff);
    guest_set_reg(&guest, HV_REG_X6, DIST);
    guest_set_reg(&guest, HV_REG_X7, 1);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x22);
    assert_int_equal(guest_reg(&guest, HV_REG_X1), REDIST + 0x10100);
    assert_int_equal(guest_reg(&guest, HV_REG_X5), 0x51);
    assert_int_equal(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_IGROUPR0), 0x81ffffff);
    const uint32_t handler[] = {MRS(0, 0xc640), MSR(HV_SYS_REG_CNTV_CTL_EL0, 31),
                                MRS(8, 0xc65b), MSR(0xc641, 0),
                                MRS(9, 0xc640), BRK(1)};
    guest_start(&guest, handler);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 1);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 27);
    assert_int_equal(guest_reg(&guest, HV_REG_X8), 0);
    assert_int_equal(guest_reg(&guest, HV_REG_X9), 1023);
    guest_destroy(&guest);
}

static void enable_group1(struct guest *guest)
{
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR, 3);
    set_icc(guest, HV_GIC_ICC_REG_PMR_EL1, 0xff);
    set_icc(guest, HV_GIC_ICC_REG_IGRPEN1_EL1, 1);
    set_icc(guest, HV_GIC_ICC_REG_IGRPEN0_EL1, 1);
}

/* An SPI routed here wakes WFI, from another thread. */
static void *raise_spi_soon(void *arg)
{
    usleep(300000);
    OK(hv_gic_set_spi(40, true));
    return NULL;
}

static void test_spi_wakes_wfi(void **state)
{
    struct guest guest;
    pthread_t thread;
    uint64_t waited;
    guest_with_gic(&guest);
    enable_group1(&guest);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IGROUPR1, 1 << 8);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, 1 << 8);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32 + 8 * 8, 0);
    const uint32_t code[] = {WFI, DAIFCLR(2), B_SELF};
    guest_start(&guest, code);
    pthread_create(&thread, NULL, raise_spi_soon, NULL);
    guest_run_to(&guest, 0x3c);
    pthread_join(thread, NULL);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x11);
    OK(hv_vcpu_get_wait_for_interrupt_time(guest.vcpu, &waited));
    assert_true(waited > 24000 * 10);
    const uint32_t handler[] = {MRS(0, 0xc660), BRK(1), MSR(0xc661, 0), BRK(2)};
    guest_start(&guest, handler);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 40);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISACTIVER1), 1 << 8);
    OK(hv_gic_set_spi(40, false));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE + 8);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISACTIVER1), 0);
    guest_destroy(&guest);
}

static void test_cancel_wakes_wfi(void **state)
{
    struct guest guest;
    guest_with_gic(&guest);
    const uint32_t code[] = {MSR(HV_SYS_REG_CNTV_CVAL_EL0, 1), MSR(HV_SYS_REG_CNTV_CTL_EL0, 2), WFI,
                             BRK(0)};
    guest_start(&guest, code);
    /* A masked-by-priority timer does not wake; WFI ends by cancel only. */
    guest_set_reg(&guest, HV_REG_X1, 0);
    guest_set_reg(&guest, HV_REG_X2, 0);
    OK(hv_vcpus_exit(&guest.vcpu, 1));
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    guest_destroy(&guest);
}

/* A timer in the future wakes WFI at its time. */
static void test_timer_wakes_wfi(void **state)
{
    struct guest guest;
    guest_with_gic(&guest);
    enable_group1(&guest);
    set_redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_IGROUPR0, ~0u);
    set_redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_ISENABLER0, 1 << 27);
    const uint32_t code[] = {MSR(HV_SYS_REG_CNTV_CVAL_EL0, 1), MSR(HV_SYS_REG_CNTV_CTL_EL0, 2), WFI,
                             BRK(7)};
    guest_start(&guest, code);
    const uint64_t when = mach_absolute_time() + 24000 * 30;
    guest_set_reg(&guest, HV_REG_X1, when);
    guest_set_reg(&guest, HV_REG_X2, 1);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 7);
    assert_true(mach_absolute_time() >= when);
    assert_true(mach_absolute_time() - when < SOON);
    guest_destroy(&guest);
}

/* ---- two CPUs ---- */

struct second {
    struct guest guest;
    pthread_barrier_t ready;
    unsigned taken;
};

static void *second_cpu(void *arg)
{
    struct second *second = arg;
    struct guest *guest = &second->guest;
    guest_vcpu(guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest->vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_MPIDR_EL1, 0x80000105));
    enable_group1(guest);
    set_redist(guest, HV_GIC_REDISTRIBUTOR_REG_GICR_IGROUPR0, 1 << 3);
    set_redist(guest, HV_GIC_REDISTRIBUTOR_REG_GICR_ISENABLER0, 0xffff);
    pthread_barrier_wait(&second->ready);
    guest_set_reg(guest, HV_REG_PC, RAM_BASE + 0x100);
    guest_set_reg(guest, HV_REG_CPSR, 5);
    guest_run_to(guest, 0x3c);
    second->taken = guest->exit->exception.syndrome & 0xffff;
    OK(hv_vcpu_destroy(guest->vcpu));
    return NULL;
}

static unsigned send_sgi(unsigned enc, uint64_t value)
{
    struct guest guest;
    struct second second = {.taken = 0};
    pthread_t thread;
    guest_with_gic(&guest);
    const uint32_t wait[] = {WFI, B(-1)};
    guest_code(&guest, 0x100, wait, 2);
    pthread_barrier_init(&second.ready, NULL, 2);
    pthread_create(&thread, NULL, second_cpu, &second);
    pthread_barrier_wait(&second.ready);
    assert_true(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_TYPER) == 0); /* not the last one */
    const uint32_t code[] = {MSR(0xc65d, 3), MSR(enc, 0), BRK(0)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, value);
    guest_set_reg(&guest, HV_REG_X3, 1 << 4 | 3ull << 16 | 3 << 24); /* nobody has that affinity */
    guest_run_to(&guest, 0x3c);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&second.ready);
    guest_destroy(&guest);
    return second.taken;
}

static void test_sgis(void **state)
{
    /* SGI1R, Aff1 1, target list bit 5, INTID 3: Group 1, IRQ. */
    assert_int_equal(send_sgi(0xc65d, 3ull << 24 | 1 << 16 | 1 << 5), 0x11);
    /* SGI0R to all others, INTID 4: Group 0, FIQ. */
    assert_int_equal(send_sgi(0xc65f, 4ull << 24 | 1ull << 40), 0x22);
}

/* Byte, halfword and doubleword accesses, and vCPUs that are not there. */
static void test_access_sizes(void **state)
{
    struct guest guest;
    guest_with_gic(&guest);
    const uint32_t code[] = {
        0x39000022, /* strb w2, [x1] */
        0x79000462, /* strh w2, [x3, #2] */
        0xf9400064, /* ldr x4, [x3] */
        0xf9400cc5, /* ldr x5, [x6, #24] */
        BRK(0),
    };
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, DIST + 0x400 + 37); /* IPRIORITYR of 37 */
    guest_set_reg(&guest, HV_REG_X2, 0xa8);
    guest_set_reg(&guest, HV_REG_X3,
                  DIST + 0x108); /* ISENABLER2, upper half; then with ISENABLER3 */
    guest_set_reg(&guest, HV_REG_X6, REDIST + 0x20000 - 16);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER2, 1);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER3, 2);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0);
    assert_int_equal(dist(HV_GIC_DISTRIBUTOR_REG_GICD_IPRIORITYR9), 0xa800);
    assert_true(guest_reg(&guest, HV_REG_X4) == 0x200a80001ull);
    assert_int_equal(guest_reg(&guest, HV_REG_X5), 0);
    guest_destroy(&guest);
}

/* Every word of the frames, and pairs that begin before a frame or end behind it, read and written:
 * nothing breaks. */
static void test_hostile_accesses(void **state)
{
    static const uint64_t edges[] = {DIST, DIST + 0x10000, REDIST, REDIST + 0x20000,
                                     MSI,  MSI + 0x10000};
    struct guest guest;
    guest_with_gic(&guest);
    const uint32_t sweep[] = {LDR_X(0, 1),
                              STR_X(2, 1),
                              0x91001021 /* add x1, x1, #4 */,
                              0xf1000463 /* subs x3, x3, #1 */,
                              0x54ffff81 /* b.ne .-16 */,
                              BRK(0)};
    for (size_t i = 0; i < 6; i += 2) {
        guest_start(&guest, sweep);
        guest_set_reg(&guest, HV_REG_X1, edges[i]);
        guest_set_reg(&guest, HV_REG_X2, ~0ull);
        guest_set_reg(&guest, HV_REG_X3, (edges[i + 1] - edges[i]) / 4);
        OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x2000));
        const uint32_t skip[] = {MRS(9, HV_SYS_REG_ELR_EL1), 0x91001129 /* add x9, x9, #4 */,
                                 MSR(HV_SYS_REG_ELR_EL1, 9), 0xd69f03e0 /* eret */};
        guest_code(&guest, 0x2200, skip, 4); /* misaligned device accesses fault */
        do
            OK(hv_vcpu_run(guest.vcpu));
        while (EC(guest.exit) != 0x3c &&
               (guest_set_reg(&guest, HV_REG_PC, guest_reg(&guest, HV_REG_PC) + 4), true));
    }
    for (size_t i = 0; i < 6; i++) {
        const uint32_t pair[] = {0xa97f0420 /* ldp x0, x1, [x1, #-16] */, BRK(0)};
        for (unsigned back = 0; back <= 16; back += 8) {
            guest_start(&guest, pair);
            guest_set_reg(&guest, HV_REG_X1, edges[i] + back);
            OK(hv_vcpu_run(guest.vcpu));
        }
    }
    guest_destroy(&guest);
}

/* The GICv2m frame from the guest's side. */
static void test_guest_message(void **state)
{
    struct guest guest;
    guest_with_gic(&guest);
    enable_group1(&guest);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IGROUPR5, ~0u);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER5, ~0u);
    set_dist(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER160 + 16, 1ull << 31); /* any CPU */
    const uint32_t code[] = {LDR_W(0, 1), DAIFCLR(2), STR_W(2, 3), NOP, B_SELF};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, MSI + 8);
    guest_set_reg(&guest, HV_REG_X2, 162);
    guest_set_reg(&guest, HV_REG_X3, MSI + 0x40);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 1u << 31 | 160 << 16 | 128);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x11);
    guest_destroy(&guest);
}

/* A guest of a guest: EL2 routes interrupts to itself, injects with a list register; EL1
 * acknowledges by ICC names. */
static void test_nested(void **state)
{
    struct guest guest;
    uint64_t value;
    gic_create(true);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_HCR_EL2, 1ull << 31 | 1 << 3 | 1 << 4));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    OK(hv_gic_set_ich_reg(guest.vcpu, HV_GIC_ICH_REG_HCR_EL2, 1));
    OK(hv_gic_set_ich_reg(guest.vcpu, HV_GIC_ICH_REG_VMCR_EL2, 0xf8000003));
    OK(hv_gic_set_ich_reg(guest.vcpu, HV_GIC_ICH_REG_LR0_EL2,
                          1ull << 62 | 1ull << 60 | 0x80ull << 48 | 1ull << 41 | 55));
    const uint32_t vector[] = {MRS(0, 0xc660), MSR(0xc661, 0), BRK(0x33)};
    guest_code(&guest, 0x1280, vector, 3);
    const uint32_t code[] = {B_SELF};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 5);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 0x33);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 55);
    OK(hv_gic_get_ich_reg(guest.vcpu, HV_GIC_ICH_REG_EISR_EL2, &value));
    assert_int_equal(value, 1);
    assert_int_equal(redist(&guest, HV_GIC_REDISTRIBUTOR_REG_GICR_ISPENDR0), 1 << 25);
    guest_destroy(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),      cmocka_unit_test(test_create_rules),
        cmocka_unit_test(test_reset_values),    cmocka_unit_test(test_el2_registers),
        cmocka_unit_test(test_spi_rules),       cmocka_unit_test(test_distributor_registers),
        cmocka_unit_test(test_state),           cmocka_unit_test(test_group0_timer),
        cmocka_unit_test(test_spi_wakes_wfi),   cmocka_unit_test(test_cancel_wakes_wfi),
        cmocka_unit_test(test_timer_wakes_wfi), cmocka_unit_test(test_sgis),
        cmocka_unit_test(test_access_sizes),    cmocka_unit_test(test_hostile_accesses),
        cmocka_unit_test(test_guest_message),   cmocka_unit_test(test_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
