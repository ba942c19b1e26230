/* SPDX-License-Identifier: MIT */
/* GICv3 as XNU uses it: the timers' PPIs in Group 0, which arrives as FIQ; everything else in Group 1, as IRQ. The store to IGROUPR0 is
 * pre-indexed, so that a hypervisor gets no syndrome for it and must decode the instruction. */

#include "pip.h"

#define GICD_CTLR 0x0000
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI 0x10000
#define GICR_IGROUPR0 0x10080
#define GICR_ISENABLER0 0x10100
#define GICR_STRIDE 0x20000
#define TYPER_LAST 0x10
#define WAKER_PROCESSOR_SLEEP 2
#define WAKER_CHILDREN_ASLEEP 4
#define XNU_GROUPS 0x81ffffff /* INTID 25 to 30 in Group 0 */
#define VIRTUAL_TIMER 27
#define SPURIOUS 1023
#define ISTATUS 4

volatile unsigned timer_ticks, ipis_taken;
static uint64_t distributor, redistributors, redistributors_size;

bool gic_init(void)
{
    struct adt gic, io;
    if (!adt_path("/arm-io/gic", &gic) || !adt_path("/arm-io", &io))
        return false;
    const uint64_t soc = adt_number(io, "ranges", 1, 0) + DEVICE_BASE;
    distributor = soc + adt_number(gic, "reg", 0, 0);
    redistributors = soc + adt_number(gic, "reg", 2, 0);
    redistributors_size = adt_number(gic, "reg", 3, 0);
    return redistributors_size != 0;
}

/* This CPU's frame: affinity 1 and 0 in TYPER[47:32]. */
static uint64_t own_frame(void)
{
    const uint64_t mpidr = SYSREG_READ("mpidr_el1") & 0xffff;
    for (uint64_t frame = redistributors; frame < redistributors + redistributors_size; frame += GICR_STRIDE) {
        const uint64_t typer = read64(frame + GICR_TYPER);
        if ((typer >> 32 & 0xffff) == mpidr)
            return frame;
        if (typer & TYPER_LAST)
            break;
    }
    panic("no redistributor for this CPU");
}

static void write32_pre_indexed(uint64_t base, uint32_t value)
{
    __asm__ volatile("str %w1, [%0, #0x80]!" : "+r"(base) : "r"(value) : "memory");
}

void gic_cpu_init(unsigned cpu)
{
    const uint64_t frame = own_frame();
    write32(frame + GICR_WAKER, read32(frame + GICR_WAKER) & ~WAKER_PROCESSOR_SLEEP);
    while (read32(frame + GICR_WAKER) & WAKER_CHILDREN_ASLEEP)
        ;
    write32_pre_indexed(frame + GICR_SGI, XNU_GROUPS);
    write32(frame + GICR_ISENABLER0, 1u << VIRTUAL_TIMER | 1);
    SYSREG_WRITE("s3_0_c12_c12_5", SYSREG_READ("s3_0_c12_c12_5") | 1); /* ICC_SRE_EL1.SRE */
    SYSREG_WRITE("s3_0_c12_c8_3", 0);                                  /* ICC_BPR0_EL1 */
    SYSREG_WRITE("s3_0_c4_c6_0", 0xff);                                /* ICC_PMR_EL1 */
    SYSREG_WRITE("s3_0_c12_c12_4", 0);                                 /* ICC_CTLR_EL1.EOImode = 0 */
    if (!cpu)
        write32(distributor + GICD_CTLR, read32(distributor + GICD_CTLR) | 3);
    SYSREG_WRITE("s3_0_c12_c12_6", 1); /* ICC_IGRPEN0_EL1 */
    SYSREG_WRITE("s3_0_c12_c12_7", 1); /* ICC_IGRPEN1_EL1 */
    __asm__ volatile("msr daifclr, #3" : : : "memory");
}

/* XNU looks at the timer before it acknowledges. */
void gic_fiq(void)
{
    const bool timer = SYSREG_READ("cntv_ctl_el0") & ISTATUS;
    const uint64_t intid = SYSREG_READ("s3_0_c12_c8_0"); /* ICC_IAR0_EL1 */
    if (timer) {
        SYSREG_WRITE("cntv_ctl_el0", 0);
        timer_ticks++;
    }
    if (intid != SPURIOUS)
        SYSREG_WRITE("s3_0_c12_c8_1", intid); /* ICC_EOIR0_EL1 */
}

void gic_irq(void)
{
    const uint64_t intid = SYSREG_READ("s3_0_c12_c12_0"); /* ICC_IAR1_EL1 */
    if (intid == 0)
        __atomic_fetch_add(&ipis_taken, 1, __ATOMIC_SEQ_CST);
    if (intid != SPURIOUS)
        SYSREG_WRITE("s3_0_c12_c12_1", intid); /* ICC_EOIR1_EL1 */
}

void timer_start(uint64_t ticks)
{
    SYSREG_WRITE("cntv_tval_el0", ticks);
    SYSREG_WRITE("cntv_ctl_el0", 1);
}

void ipi_send(uint64_t mpidr)
{
    __asm__ volatile("dsb ishst" : : : "memory");
    SYSREG_WRITE("s3_0_c12_c11_5", 1ull << (mpidr & 15) | (mpidr & 0xff00) << 8); /* ICC_SGI1R_EL1, INTID 0 */
}
