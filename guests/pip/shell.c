/* SPDX-License-Identifier: MIT */
/* A small shell on the serial line. */

#include "pip.h"

static void read_line(char *line, size_t size)
{
    size_t length = 0;
    for (;;) {
        const int c = get_char();
        if (c < 0) {
            /* Look again in a millisecond. Masked, so that the timer cannot fire, and be done with, before the wait. */
            __asm__ volatile("msr daifset, #3");
            timer_start(24000);
            __asm__ volatile("wfi; msr daifclr, #3");
            continue;
        }
        if (c == '\r' || c == '\n')
            break;
        if ((c == 8 || c == 127) && length) {
            length--;
            print("\b \b");
        } else if (c >= 32 && c < 127 && length + 1 < size) {
            line[length++] = (char)c;
            put_char((char)c);
        }
    }
    line[length] = 0;
    print("\n");
}

static void show_cpus(void)
{
    struct adt cpus;
    adt_path("/cpus", &cpus);
    for (unsigned i = 0; i < adt_count(cpus); i++) {
        struct adt cpu = adt_child(cpus, i);
        print("%s: mpidr 0x%lx %s\n", (const char *)adt_get(cpu, "name", NULL), adt_number(cpu, "reg", 0, 0),
              i < cpus_online ? "online" : "off");
    }
    print("midr 0x%lx, %u online\n", SYSREG_READ("midr_el1"), cpus_online);
}

static void show_tree(void)
{
    struct adt root;
    adt_path("", &root);
    adt_print(root, 0);
}

static void show_pci(void)
{
    for (unsigned i = 0; i < pci_count; i++)
        print("slot %u: %04x:%04x\n", i, pci_devices[i].vendor, pci_devices[i].device);
}

static void show_memory(void)
{
    print("physical 0x%lx, virtual 0x%lx, %lu MiB, kernel data up to 0x%lx\n", args->phys_base, args->virt_base,
          args->mem_size >> 20, args->top_of_kernel_data);
}

static void show_disk(void)
{
    static uint8_t sector[512] __attribute__((aligned(512)));
    if (!disk_sectors) {
        print("no disk\n");
        return;
    }
    print("%lu sectors; sector 0:\n", disk_sectors);
    if (!disk_transfer(0, sector, false))
        print("read error\n");
    for (unsigned i = 0; i < 64; i++)
        print("%02x%s", sector[i], i % 16 == 15 ? "\n" : " ");
}

/* Integer work of a known number of instructions: two a round. */
static void bench(void)
{
    const uint64_t rounds = 20000000, start = SYSREG_READ("cntvct_el0");
    uint64_t count = rounds;
    __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(count) : : "cc");
    const uint64_t ticks = SYSREG_READ("cntvct_el0") - start;
    print("%lu million instructions in %lu ms: %lu million a second\n", 2 * rounds / 1000000, ticks / 24000,
          2 * rounds * 24 / (ticks ? ticks : 1));
}

static void user_panic(void)
{
    panic("asked for");
}

static const struct {
    const char *name;
    void (*run)(void);
    const char *help;
} commands[] = {
    {"cpus", show_cpus, "the CPUs"},        {"tree", show_tree, "the device tree"}, {"pci", show_pci, "the PCI bus"},
    {"mem", show_memory, "memory"},         {"bench", bench, "a counting loop"},    {"disk", show_disk, "the first disk"},
    {"panic", user_panic, "stop in panic"}, {"poweroff", power_off, "power off"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void run(const char *line)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (!strcmp(line, commands[i].name)) {
            commands[i].run();
            return;
        }
    for (unsigned i = 0; i < COMMANDS; i++)
        print("  %-10s %s\n", commands[i].name, commands[i].help);
}

void shell(void)
{
    char line[80];
    print("type help; poweroff or Ctrl-A x leaves\n");
    for (;;) {
        print("pip> ");
        read_line(line, sizeof(line));
        if (line[0])
            run(line);
    }
}
