/* SPDX-License-Identifier: MIT */
/* The GIC CPU interface and the virtual one, register by register, against a distributor of 64
 * interrupts that is no more than arrays. What is expected is the GIC architecture specification's
 * (IHI 0069). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "a64/gic_cpu.h"

#define INTIDS 64u

struct fake {
    struct gic_cpu gic;
    bool pending[INTIDS], active[INTIDS];
    uint8_t priority[INTIDS], group[INTIDS];
    bool irq, fiq, virq, vfiq, maintenance;
    uint64_t sgi;
    unsigned sgi_group, deactivated;
};

static struct fake *fake_of(struct gic_cpu *gic)
{
    return (struct fake *)((char *)gic - offsetof(struct fake, gic));
}

static void fake_lock(struct gic_cpu *gic)
{
}

static void fake_select(struct gic_cpu *gic)
{
    const struct fake *fake = fake_of(gic);
    gic->hppi = (struct gic_hppi){.intid = GIC_SPURIOUS};
    for (unsigned i = 0; i < INTIDS; i++) {
        const bool candidate = fake->pending[i] && !fake->active[i] && gic->igrpen[fake->group[i]];
        if (candidate &&
            (gic->hppi.intid == GIC_SPURIOUS || fake->priority[i] < gic->hppi.priority))
            gic->hppi = (struct gic_hppi){i, fake->priority[i], fake->group[i]};
    }
}

static void fake_activate(struct gic_cpu *gic, uint32_t intid)
{
    fake_of(gic)->pending[intid] = false;
    fake_of(gic)->active[intid] = true;
}

static void fake_deactivate(struct gic_cpu *gic, uint32_t intid)
{
    assert_true(intid < INTIDS);
    fake_of(gic)->active[intid] = false;
    fake_of(gic)->deactivated = intid;
}

static void fake_sgi(struct gic_cpu *gic, unsigned group, uint64_t value)
{
    fake_of(gic)->sgi_group = group;
    fake_of(gic)->sgi = value;
}

static void fake_lines(struct gic_cpu *gic, bool irq, bool fiq)
{
    fake_of(gic)->irq = irq;
    fake_of(gic)->fiq = fiq;
}

static void fake_virtual_lines(struct gic_cpu *gic, bool irq, bool fiq, bool maintenance)
{
    struct fake *fake = fake_of(gic);
    fake->virq = irq;
    fake->vfiq = fiq;
    fake->maintenance = maintenance;
}

static const struct gic_ops ops = {
    fake_lock,       fake_lock, fake_select, fake_activate,
    fake_deactivate, fake_sgi,  fake_lines,  fake_virtual_lines,
};

static int setup(void **state)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    fake->gic.ops = &ops;
    gic_cpu_reset(&fake->gic);
    *state = fake;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static uint64_t icc(struct fake *fake, unsigned enc)
{
    uint64_t value = ~0ull;
    assert_true(gic_icc_read(&fake->gic, enc, &value));
    return value;
}

static void set_icc(struct fake *fake, unsigned enc, uint64_t value)
{
    assert_true(gic_icc_write(&fake->gic, enc, value));
}

static uint64_t ich(struct fake *fake, unsigned enc)
{
    uint64_t value = ~0ull;
    assert_true(gic_ich_read(&fake->gic, enc, &value));
    return value;
}

static void set_ich(struct fake *fake, unsigned enc, uint64_t value)
{
    assert_true(gic_ich_write(&fake->gic, enc, value));
}

static uint64_t icv(struct fake *fake, unsigned enc)
{
    uint64_t value = ~0ull;
    assert_true(gic_icv_read(&fake->gic, enc, &value));
    return value;
}

static void set_icv(struct fake *fake, unsigned enc, uint64_t value)
{
    assert_true(gic_icv_write(&fake->gic, enc, value));
}

static void raise(struct fake *fake, unsigned intid, unsigned group, uint8_t priority)
{
    fake->pending[intid] = true;
    fake->group[intid] = (uint8_t)group;
    fake->priority[intid] = priority;
    gic_cpu_update(&fake->gic);
}

static void enable_both(struct fake *fake)
{
    set_icc(fake, ICC_PMR_EL1, 0xff);
    set_icc(fake, ICC_IGRPEN0_EL1, 1);
    set_icc(fake, ICC_IGRPEN1_EL1, 1);
}

static void test_reset_values(void **state)
{
    struct fake *fake = *state;
    assert_int_equal(icc(fake, ICC_PMR_EL1), 0);
    assert_int_equal(icc(fake, ICC_BPR0_EL1), 2);
    assert_int_equal(icc(fake, ICC_BPR1_EL1), 3);
    assert_int_equal(icc(fake, ICC_CTLR_EL1), 0x40400);
    assert_int_equal(icc(fake, ICC_SRE_EL1), 7);
    assert_int_equal(icc(fake, ICC_SRE_EL2), 0xf);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0xff);
    assert_int_equal(icc(fake, ICC_IGRPEN0_EL1), 0);
    assert_int_equal(icc(fake, ICC_IGRPEN1_EL1), 0);
    assert_int_equal(icc(fake, ICC_IAR0_EL1), 1023);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 1023);
    assert_int_equal(ich(fake, ICH_VTR_EL2), 0x90180007);
    uint64_t value;
    assert_false(gic_icc_read(&fake->gic, ICC_AP0R0_EL1 + 1, &value));
    assert_false(gic_ich_read(&fake->gic, ICH_LR0_EL2 + 8, &value));
}

static void test_write_masks(void **state)
{
    struct fake *fake = *state;
    set_icc(fake, ICC_PMR_EL1, 0xff);
    assert_int_equal(icc(fake, ICC_PMR_EL1), 0xf8);
    set_icc(fake, ICC_BPR0_EL1, 0);
    assert_int_equal(icc(fake, ICC_BPR0_EL1), 2);
    set_icc(fake, ICC_BPR1_EL1, 0);
    assert_int_equal(icc(fake, ICC_BPR1_EL1), 3);
    set_icc(fake, ICC_CTLR_EL1, ~0ull);
    assert_int_equal(icc(fake, ICC_CTLR_EL1), 0x40403);
    /* CBPR: BPR1 reads BPR0 + 1 and ignores writes. */
    set_icc(fake, ICC_BPR0_EL1, 4);
    set_icc(fake, ICC_BPR1_EL1, 6);
    assert_int_equal(icc(fake, ICC_BPR1_EL1), 5);
    set_icc(fake, ICC_BPR0_EL1, 7);
    assert_int_equal(icc(fake, ICC_BPR1_EL1), 7);
    set_icc(fake, ICC_CTLR_EL1, 0);
    assert_int_equal(icc(fake, ICC_BPR1_EL1), 3);
    set_icc(fake, ICC_SRE_EL1, 0);
    assert_int_equal(icc(fake, ICC_SRE_EL1), 7);
}

static void test_groups_are_lines(void **state)
{
    struct fake *fake = *state;
    raise(fake, 27, 0, 0x80);
    assert_false(fake->fiq);
    set_icc(fake, ICC_PMR_EL1, 0xff);
    assert_false(fake->fiq);
    set_icc(fake, ICC_IGRPEN0_EL1, 1);
    assert_true(fake->fiq);
    assert_false(fake->irq);
    assert_int_equal(icc(fake, ICC_HPPIR0_EL1), 27);
    assert_int_equal(icc(fake, ICC_HPPIR1_EL1), 1023);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 1023);
    assert_true(fake->pending[27]);
    assert_int_equal(icc(fake, ICC_IAR0_EL1), 27);
    assert_false(fake->fiq);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0x80);
    assert_int_equal(icc(fake, ICC_AP0R0_EL1), 1u << 16);
    set_icc(fake, ICC_EOIR0_EL1, 27);
    assert_int_equal(fake->deactivated, 27);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0xff);
    set_icc(fake, ICC_IGRPEN1_EL1, 1);
    raise(fake, 40, 1, 0xa0);
    assert_true(fake->irq);
    assert_false(fake->fiq);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 40);
    assert_int_equal(icc(fake, ICC_AP1R0_EL1), 1u << 20);
}

static void test_disabled_group_does_not_hide(void **state)
{
    struct fake *fake = *state;
    set_icc(fake, ICC_PMR_EL1, 0xff);
    set_icc(fake, ICC_IGRPEN1_EL1, 1);
    raise(fake, 20, 0, 0x10);
    raise(fake, 21, 1, 0x90);
    assert_true(fake->irq);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 21);
}

static void test_priority_mask(void **state)
{
    struct fake *fake = *state;
    enable_both(fake);
    set_icc(fake, ICC_PMR_EL1, 0x80);
    raise(fake, 33, 1, 0x80); /* must be higher, that is less */
    assert_false(fake->irq);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 1023);
    assert_int_equal(icc(fake, ICC_HPPIR1_EL1), 33);
    raise(fake, 34, 1, 0x78);
    assert_true(fake->irq);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 34);
}

static void test_preemption(void **state)
{
    struct fake *fake = *state;
    enable_both(fake);
    raise(fake, 33, 1, 0xa0);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 33);
    raise(fake, 34, 1, 0xa0);
    assert_false(fake->irq); /* not higher */
    raise(fake, 35, 0, 0x40);
    assert_true(fake->fiq);
    assert_int_equal(icc(fake, ICC_IAR0_EL1), 35);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0x40);
    set_icc(fake, ICC_EOIR0_EL1, 35);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0xa0);
    set_icc(fake, ICC_EOIR1_EL1, 33);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0xff);
    assert_true(fake->irq);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 34);
}

static void test_binary_point(void **state)
{
    struct fake *fake = *state;
    enable_both(fake);
    set_icc(fake, ICC_BPR1_EL1, 6); /* group 1: bits 7..6 preempt */
    raise(fake, 33, 1, 0xb8);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 33);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0x80);
    raise(fake, 34, 1, 0x88);
    assert_false(fake->irq);
    raise(fake, 35, 1, 0x78);
    assert_true(fake->irq);
    set_icc(fake, ICC_BPR0_EL1, 7); /* group 0: nothing preempts */
    raise(fake, 36, 0, 0x00);
    assert_false(fake->fiq);
    assert_int_equal(icc(fake, ICC_IAR0_EL1), GIC_SPURIOUS);
    set_icc(fake, ICC_EOIR1_EL1, 33);
    assert_int_equal(icc(fake, ICC_IAR0_EL1), 36);
    raise(fake, 37, 0, 0x00);
    assert_false(fake->fiq);
}

static void test_eoimode(void **state)
{
    struct fake *fake = *state;
    enable_both(fake);
    raise(fake, 33, 1, 0x50);
    assert_int_equal(icc(fake, ICC_IAR1_EL1), 33);
    set_icc(fake, ICC_DIR_EL1, 33); /* ignored while EOImode is 0 */
    assert_true(fake->active[33]);
    set_icc(fake, ICC_CTLR_EL1, 2);
    set_icc(fake, ICC_EOIR1_EL1, 33);
    assert_int_equal(icc(fake, ICC_RPR_EL1), 0xff);
    assert_true(fake->active[33]);
    set_icc(fake, ICC_DIR_EL1, 33);
    assert_false(fake->active[33]);
    set_icc(fake, ICC_EOIR1_EL1, 1023); /* special numbers do nothing */
}

static void test_sgi(void **state)
{
    struct fake *fake = *state;
    set_icc(fake, ICC_SGI1R_EL1, 0x123);
    assert_int_equal(fake->sgi, 0x123);
    assert_int_equal(fake->sgi_group, 1);
    set_icc(fake, ICC_SGI0R_EL1, 0x456);
    assert_int_equal(fake->sgi, 0x456);
    assert_int_equal(fake->sgi_group, 0);
}

/* ---- virtual ---- */

#define LR(state, hw, group, priority, pintid, vintid)                                             \
    ((uint64_t)(state) << 62 | (uint64_t)(hw) << 61 | (uint64_t)(group) << 60 |                    \
     (uint64_t)(priority) << 48 | (uint64_t)(pintid) << 32 | (vintid))

static void enable_virtual(struct fake *fake)
{
    set_ich(fake, ICH_HCR_EL2, 1);
    set_icv(fake, ICC_PMR_EL1, 0xff);
    set_icv(fake, ICC_IGRPEN0_EL1, 1);
    set_icv(fake, ICC_IGRPEN1_EL1, 1);
    assert_int_equal(ich(fake, ICH_VMCR_EL2) & 3, 3);
    assert_int_equal(ich(fake, ICH_VMCR_EL2) >> 24, 0xf8);
}

static void test_list_register_life(void **state)
{
    struct fake *fake = *state;
    enable_virtual(fake);
    fake->active[35] = true;
    set_ich(fake, ICH_LR0_EL2 + 2, LR(1, 1, 1, 0xa0, 35, 45));
    assert_true(fake->virq);
    assert_false(fake->vfiq);
    assert_int_equal(icv(fake, ICC_HPPIR1_EL1), 45);
    assert_int_equal(icv(fake, ICC_IAR0_EL1), 1023);
    assert_int_equal(icv(fake, ICC_IAR1_EL1), 45);
    assert_false(fake->virq);
    assert_int_equal(ich(fake, ICH_LR0_EL2 + 2) >> 62, 2);
    assert_int_equal(icv(fake, ICC_RPR_EL1), 0xa0);
    assert_int_equal(ich(fake, ICH_AP1R0_EL2), 1u << 20);
    set_icv(fake, ICC_EOIR1_EL1, 45);
    assert_int_equal(ich(fake, ICH_LR0_EL2 + 2) >> 62, 0);
    assert_false(fake->active[35]);
    assert_int_equal(fake->deactivated, 35);
    assert_int_equal(icv(fake, ICC_RPR_EL1), 0xff);
    assert_int_equal(ich(fake, ICH_ELRSR_EL2), 0xff);
    assert_int_equal(ich(fake, ICH_EISR_EL2), 0);
}

static void test_virtual_group0_is_fiq(void **state)
{
    struct fake *fake = *state;
    enable_virtual(fake);
    set_ich(fake, ICH_LR0_EL2, LR(1, 0, 0, 0x80, 0, 99));
    assert_true(fake->vfiq);
    assert_false(fake->virq);
    set_ich(fake, ICH_HCR_EL2, 0);
    assert_false(fake->vfiq);
}

static void test_maintenance(void **state)
{
    struct fake *fake = *state;
    enable_virtual(fake);
    set_ich(fake, ICH_LR0_EL2 + 1, LR(2, 0, 1, 0x80, 0x200, 50)); /* active, EOI wanted */
    fake->gic.ich_apr[1] = 1u << 16;
    assert_false(fake->maintenance);
    set_icv(fake, ICC_EOIR1_EL1, 50);
    assert_int_equal(ich(fake, ICH_EISR_EL2), 2);
    assert_int_equal(ich(fake, ICH_MISR_EL2), 1);
    assert_true(fake->maintenance);
    assert_int_equal(ich(fake, ICH_ELRSR_EL2), 0xfd);
    set_ich(fake, ICH_LR0_EL2 + 1, 0);
    assert_false(fake->maintenance);
    set_ich(fake, ICH_HCR_EL2, 1 | 1 << 1); /* UIE: none or one valid */
    assert_int_equal(ich(fake, ICH_MISR_EL2), 2);
    set_ich(fake, ICH_LR0_EL2 + 0, LR(1, 0, 1, 0x80, 0, 50));
    assert_true(fake->maintenance);
    set_ich(fake, ICH_LR0_EL2 + 3, LR(1, 0, 1, 0x80, 0, 51));
    assert_false(fake->maintenance);
    set_ich(fake, ICH_HCR_EL2, 1 | 1 << 3); /* NPIE */
    assert_false(fake->maintenance);
    set_ich(fake, ICH_LR0_EL2 + 0, 0);
    set_ich(fake, ICH_LR0_EL2 + 3, LR(2, 0, 1, 0x80, 0, 51));
    assert_int_equal(ich(fake, ICH_MISR_EL2), 8);
    set_ich(fake, ICH_HCR_EL2, 1 | 1 << 6); /* VGrp1EIE */
    assert_int_equal(ich(fake, ICH_MISR_EL2), 1 << 6);
    set_ich(fake, ICH_HCR_EL2, 1 | 1 << 5); /* VGrp0DIE */
    assert_false(fake->maintenance);
    set_icv(fake, ICC_IGRPEN0_EL1, 0);
    assert_true(fake->maintenance);
}

static void test_eoi_without_list_register(void **state)
{
    struct fake *fake = *state;
    enable_virtual(fake);
    set_icv(fake, ICC_EOIR1_EL1, 60); /* nothing active: no drop, no count */
    assert_int_equal(ich(fake, ICH_HCR_EL2) >> 27, 0);
    set_ich(fake, ICH_AP1R0_EL2, 1u << 16);
    set_ich(fake, ICH_HCR_EL2, 1 | 1 << 2); /* LRENPIE */
    set_icv(fake, ICC_EOIR1_EL1, 60);
    assert_int_equal(ich(fake, ICH_HCR_EL2) >> 27, 1);
    assert_int_equal(ich(fake, ICH_MISR_EL2), 4);
    assert_true(fake->maintenance);
    set_icv(fake, ICC_CTLR_EL1, 2); /* EOImode: DIR counts instead */
    set_icv(fake, ICC_DIR_EL1, 60);
    assert_int_equal(ich(fake, ICH_HCR_EL2) >> 27, 2);
}

static void test_vmcr_views(void **state)
{
    struct fake *fake = *state;
    set_ich(fake, ICH_VMCR_EL2, ~0ull);
    assert_int_equal(ich(fake, ICH_VMCR_EL2), 0xf8fc021b);
    assert_int_equal(icv(fake, ICC_CTLR_EL1), 0x40403);
    set_ich(fake, ICH_VMCR_EL2, 0);
    assert_int_equal(icv(fake, ICC_BPR0_EL1), 2);
    assert_int_equal(icv(fake, ICC_BPR1_EL1), 3);
    assert_int_equal(icv(fake, ICC_PMR_EL1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reset_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_masks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups_are_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disabled_group_does_not_hide, setup, teardown),
        cmocka_unit_test_setup_teardown(test_priority_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(test_preemption, setup, teardown),
        cmocka_unit_test_setup_teardown(test_binary_point, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eoimode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sgi, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_register_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_virtual_group0_is_fiq, setup, teardown),
        cmocka_unit_test_setup_teardown(test_maintenance, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eoi_without_list_register, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vmcr_views, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
