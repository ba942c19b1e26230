/* SPDX-License-Identifier: MIT */
/* The other CPUs, started through PSCI by HVC. */

#include "pip.h"

#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_CPU_ON 0xc4000003

volatile unsigned cpus_online = 1;
void secondary_start(void);

int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory", "x4", "x5", "x6", "x7");
    return (int64_t)x0;
}

void power_off(void)
{
    psci(PSCI_SYSTEM_OFF, 0, 0, 0);
    panic("PSCI SYSTEM_OFF came back");
}

unsigned cpus_total(void)
{
    struct adt cpus;
    return adt_path("/cpus", &cpus) ? adt_count(cpus) : 1;
}

void secondary_main(unsigned cpu);
void secondary_main(unsigned cpu)
{
    gic_cpu_init(cpu);
    __atomic_fetch_add(&cpus_online, 1, __ATOMIC_SEQ_CST);
    for (;;)
        __asm__ volatile("wfi");
}

/* True when *VALUE reaches WANTED within a second. */
static bool wait_for(const volatile unsigned *value, unsigned wanted)
{
    const uint64_t start = SYSREG_READ("cntvct_el0");
    while (*value < wanted)
        if (SYSREG_READ("cntvct_el0") - start > 24000000)
            return false;
    return true;
}

void cpus_start(void)
{
    struct adt cpus;
    const unsigned total = cpus_total();
    adt_path("/cpus", &cpus);
    bool ok = true;
    for (unsigned i = 1; i < total; i++) {
        const uint64_t mpidr = adt_number(adt_child(cpus, i), "reg", 0, i);
        ok &= psci(PSCI_CPU_ON, mpidr, to_physical((void *)secondary_start), i) == 0 && wait_for(&cpus_online, i + 1);
    }
    check("cpus", ok, "%u of %u online by PSCI", cpus_online, total);
    for (unsigned i = 1; i < total; i++)
        ipi_send(adt_number(adt_child(cpus, i), "reg", 0, i));
    check("ipi", wait_for(&ipis_taken, total - 1), "%u of %u interrupts between CPUs taken as IRQ", ipis_taken, total - 1);
}
