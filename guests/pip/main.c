/* SPDX-License-Identifier: MIT */
/* After the MMU is on: fixups, console, then one line a check in the order in which XNU comes to need things, then the shell. */

#include "pip.h"

struct boot_args *args;
extern char pip_collection[], pip_text[];

void panic(const char *why)
{
    struct adt panic_node, io;
    print("panic: %s\n", why);
    if (adt_path("/arm-io/pvpanic", &panic_node) && adt_path("/arm-io", &io)) {
        const uint64_t at = DEVICE_BASE + adt_number(io, "ranges", 1, 0) + adt_number(panic_node, "reg", 0, 0);
        __asm__ volatile("strb %w0, [%1]" : : "r"(1), "r"(at) : "memory");
    }
    for (;;)
        __asm__ volatile("wfi");
}

static void open_console(void)
{
    struct adt uart, io;
    if (adt_path("/arm-io/uart0", &uart) && adt_path("/arm-io", &io))
        console_init(DEVICE_BASE + adt_number(io, "ranges", 1, 0) + adt_number(uart, "reg", 0, 0));
}

static void check_boot_args(void)
{
    const uint64_t header = to_physical(pip_collection);
    check("boot_args", args->version == 2 && args->revision >= 2 && args->top_of_kernel_data % 0x4000 == 0,
          "revision %u, top of kernel data 0x%lx", args->revision, args->top_of_kernel_data);
    check("placement", (header & 0x1ffffff) == ((uint64_t)pip_collection & 0x1ffffff) &&
                           args->top_of_kernel_data - header >= 0x2000000,
          "header at 0x%lx for 0x%lx", header, (uint64_t)pip_collection);
}

static void check_tree(void)
{
    struct adt chosen, cpus, defaults, map;
    uint32_t seed_size = 0;
    const bool nodes = adt_path("/chosen", &chosen) && adt_path("/cpus", &cpus) && adt_path("/defaults", &defaults) &&
                       adt_path("/chosen/memory-map", &map);
    const uint8_t *seed = nodes ? adt_get(chosen, "random-seed", &seed_size) : NULL;
    check("device tree", nodes && seed && seed_size >= 64 && adt_number(chosen, "dram-size", 0, 0) == args->mem_size,
          "%u bytes, timebase %lu", args->device_tree_length,
          nodes ? adt_number(adt_child(cpus, 0), "timebase-frequency", 0, 0) : 0ul);
}

static void write_constant(void)
{
    *(volatile uint32_t *)pip_text = 0;
}

static void run_data(void)
{
    static uint32_t data[2] = {0xd65f03c0}; /* RET */
    ((void (*)(void))data)();
}

static void check_mmu(void)
{
    const bool write = faults(write_constant);
    const uint64_t write_esr = fault_esr;
    const bool run = faults(run_data);
    check("mmu", write && run && (write_esr & 0x3f) == 0x0f && (fault_esr & 0x3f) == 0x0f,
          "16K pages: constants refuse a write (0x%lx), data refuses to run (0x%lx)", write_esr, fault_esr);
}

static void check_timer(void)
{
    const uint64_t start = SYSREG_READ("cntvct_el0");
    timer_start(24000);
    while (!timer_ticks && SYSREG_READ("cntvct_el0") - start < 24000000)
        ;
    const uint64_t took = SYSREG_READ("cntvct_el0") - start;
    check("timer", timer_ticks == 1 && took >= 24000, "virtual timer as Group 0 FIQ after %lu us of 1000", took / 24);
}

static void check_disk(void)
{
    static uint8_t saved[512] __attribute__((aligned(512))), pattern[512] __attribute__((aligned(512)));
    const uint64_t last = disk_sectors - 1;
    bool ok = disk_transfer(last, saved, false);
    for (unsigned i = 0; i < 512; i++)
        pattern[i] = (uint8_t)(i * 7 + 3);
    ok = ok && disk_transfer(last, pattern, true);
    memset(pattern, 0, 512);
    ok = ok && disk_transfer(last, pattern, false) && pattern[1] == 10 && pattern[511] == (uint8_t)(511 * 7 + 3);
    ok = ok && disk_transfer(last, saved, true);
    check("disk", ok, "%lu sectors; the last one read, written and put back", disk_sectors);
}

static void check_ramdisk(void)
{
    struct adt map;
    adt_path("/chosen/memory-map", &map);
    const uint64_t at = adt_number(map, "RAMDisk", 0, 0), size = adt_number(map, "RAMDisk", 1, 0);
    if (!size)
        return;
    const uint8_t *data = to_virtual(at);
    uint32_t sum = 0;
    for (uint64_t i = 0; i < size; i++)
        sum += data[i];
    check("ram disk", at + size <= args->top_of_kernel_data, "%lu bytes at 0x%lx, sum %u", size, at, sum);
}

void main(struct boot_args *virtual_args);
void main(struct boot_args *virtual_args)
{
    args = virtual_args;
    open_console(); /* needs no pointer from memory */
    const bool fixed = fixups_apply();
    print("\npip: a kernel in XNU's manner, on a virtual Mac\n");
    check_boot_args();
    check_tree();
    check("fixups", fixed && fixups_plain && fixups_signed, "%u plain, %u signed chained fixups", fixups_plain,
          fixups_signed);
    check_mmu();
    pac_checks();
    check("gic", gic_init(), "distributor and redistributors from the tree");
    gic_cpu_init(0);
    check_timer();
    cpus_start();
    check("pci", pci_init(), "%u functions", pci_count);
    if (disk_init())
        check_disk();
    check_ramdisk();
    print(checks_failed ? "pip: %u checks FAILED\n" : "pip: all checks passed\n", checks_failed);
    if (!strcmp(args->command_line, "selftest"))
        power_off();
    shell();
}
