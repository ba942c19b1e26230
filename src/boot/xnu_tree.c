/* SPDX-License-Identifier: MIT */
/* What XNU reads from its device tree before and at IOKit start, node by node (facts: xnu-boot
 * sheet 5, image-format sheet A4, A7, A8, vmapple sheet F.2). Addresses in /arm-io are relative to
 * the SoC base, which is the lowest of the board's register windows; `interrupts` carries INTIDs.
 * Both console rules are served: a node called uart0 (up to xnu-10063) and /defaults serial-device
 * (11215 on). */

#include "xnu_tree.h"

#include <string.h>

#include "../device/pl031.h"
#include "../device/pl061.h"
#include "../device/pvpanic.h"
#include "../image/nvram.h"
#include "../machine/board.h"

#define TIMEBASE_HZ        24000000ull
#define REDISTRIBUTOR_SIZE 0x20000
#define PHANDLE_GIC        1
#define PHANDLE_UART       2
#define VMA2_CHIP_ID       0xfe00
#define VMA2_BOARD_ID      0x20
#define INTID_IPI          0 /* software generated */
#define INTID_DEFERRED_IPI 1
#define INTID_PMU          23

/* Collects failures: every setter only fails without memory. */
struct maker {
    const struct xnu_tree_params *params;
    struct adt_node *root;
    uint64_t soc_base;
    int failed;
};

static struct adt_node *node(struct maker *m, const char *path)
{
    struct adt_node *made = adt_make(m->root, path);
    m->failed |= !made;
    return made ? made : m->root;
}

#define STRINGS(m, n, name, text) ((m)->failed |= adt_set(n, name, text, sizeof(text)))
#define STRING(m, n, name, text)  ((m)->failed |= adt_set_string(n, name, text))
#define U32(m, n, name, value)    ((m)->failed |= adt_set_u32(n, name, (uint32_t)(value)))
#define U64(m, n, name, value)    ((m)->failed |= adt_set_u64(n, name, value))
#define U64S(m, n, name, ...)                                                                      \
    ((m)->failed |= adt_set_u64s(n, name, (const uint64_t[]){__VA_ARGS__},                         \
                                 sizeof((const uint64_t[]){__VA_ARGS__}) / 8))

static uint64_t soc_base(const struct board *board)
{
    uint64_t lowest = UINT64_MAX;
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        if ((row->kind == BOARD_GICD || row->kind == BOARD_DEVICE) && row->base < lowest &&
            row->spi != BOARD_NO_SPI)
            lowest = row->base;
    const struct board_row *gicd = board_first(board, BOARD_GICD);
    return gicd && gicd->base < lowest ? gicd->base : lowest;
}

static void fill_root(struct maker *m)
{
    STRING(m, m->root, "model", "VirtualMac2,1");
    STRING(m, m->root, "target-type", "VMA2MACOS");
    STRINGS(m, m->root, "compatible", "VMA2MACOSAP\0VirtualMac2,1\0AppleVirtualPlatformARM");
    U32(m, m->root, "#address-cells", 2);
    U32(m, m->root, "#size-cells", 2);
}

static void fill_nvram(struct maker *m, struct adt_node *chosen)
{
    struct nvram nvram;
    const char *args = m->params->boot_args;
    if (nvram_new(NVRAM_CHRP, XNU_NVRAM_SIZE, &nvram, NULL)) {
        m->failed = true;
        return;
    }
    /* Arguments too long for the bank: the kernel has them in boot_args anyway. */
    nvram_set(&nvram, NVRAM_COMMON, "boot-args", args, strlen(args), NULL);
    U32(m, chosen, "nvram-total-size", XNU_NVRAM_SIZE);
    U32(m, chosen, "nvram-bank-size", XNU_NVRAM_SIZE);
    U32(m, chosen, "nvram-bank-count", 1);
    U32(m, chosen, "nvram-current-bank", 0);
    m->failed |= adt_set(chosen, "nvram-proxy-data", nvram.bank, nvram.size);
    nvram_free(&nvram);
}

static void fill_memory(struct maker *m, struct adt_node *chosen)
{
    U64(m, chosen, "dram-base", m->params->ram_base);
    U64(m, chosen, "dram-size", m->params->ram_size);
    m->failed |= adt_set(chosen, "random-seed", m->params->seed, XNU_SEED_SIZE);
}

static void fill_chosen(struct maker *m)
{
    struct adt_node *chosen = node(m, "/chosen");
    fill_memory(m, chosen);
    U32(m, chosen, "debug-enabled", 1);
    STRING(m, chosen, "firmware-version", "pomona-" POMONA_VERSION);
    STRING(m, chosen, "system-firmware-version", "pomona-" POMONA_VERSION);
    U64(m, chosen, "unique-chip-id", m->params->ecid);
    U32(m, chosen, "chip-id", VMA2_CHIP_ID);
    U32(m, chosen, "board-id", VMA2_BOARD_ID);
    U32(m, chosen, "effective-production-status-ap", 1);
    U32(m, chosen, "effective-security-mode-ap", 1);
    fill_nvram(m, chosen);
    node(m, "/chosen/memory-map");
    struct adt_node *iboot = node(m, "/chosen/iBoot");
    U64(m, iboot, "start-time", 0);
    U64(m, iboot, "load-kernel-start", 0);
    U64(m, iboot, "debug-wait-start", 0);
    U64(m, iboot, "populate-registry-time", 0);
    node(m, "/chosen/manifest-properties");
}

/* All besides the time base; XNU divides by the first. */
static const char *const clocks[] = {"bus-frequency", "memory-frequency", "peripheral-frequency",
                                     "fixed-frequency", "clock-frequency"};
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

/* Without HAS_IPI a kernel wants three interrupts of each CPU, and panics over fewer: signal,
 * performance counters, deferred signal. */
static void fill_cpu_interrupts(struct maker *m, struct adt_node *cpu)
{
    static const uint32_t intids[] = {INTID_IPI, INTID_PMU, INTID_DEFERRED_IPI};
    uint8_t cells[sizeof(intids)];
    for (size_t i = 0; i < sizeof(intids) / sizeof(intids[0]); i++)
        put_le32(cells + 4 * i, intids[i]);
    m->failed |= adt_set(cpu, "interrupts", cells, sizeof(cells));
    U32(m, cpu, "interrupt-parent", PHANDLE_GIC);
}

static void fill_cpu(struct maker *m, unsigned index)
{
    char path[24];
    snprintf(path, sizeof(path), "/cpus/cpu%u", index);
    struct adt_node *cpu = node(m, path);
    STRING(m, cpu, "device_type", "cpu");
    STRING(m, cpu, "state", index ? "waiting" : "running");
    STRINGS(m, cpu, "compatible", "apple,v1\0ARM,v8");
    U32(m, cpu, "reg", board_mpidr(index));
    U32(m, cpu, "cpu-id", index);
    U32(m, cpu, "cluster-id", 0);
    U64(m, cpu, "timebase-frequency", TIMEBASE_HZ);
    for (size_t i = 0; i < CLOCKS; i++)
        U64(m, cpu, clocks[i], TIMEBASE_HZ);
    fill_cpu_interrupts(m, cpu);
}

static void fill_uart(struct maker *m, struct adt_node *uart, const struct board_row *row)
{
    STRING(m, uart, "compatible", "arm,pl011");
    U64S(m, uart, "reg", row->base - m->soc_base, row->size);
    U32(m, uart, "interrupts", row->spi + 32);
    U32(m, uart, "interrupt-parent", PHANDLE_GIC);
    U32(m, uart, "AAPL,phandle", PHANDLE_UART);
    STRING(m, uart, "device_type", "uart");
}

static void fill_gic(struct maker *m)
{
    const struct board_row *gicd = board_first(m->params->board, BOARD_GICD);
    const struct board_row *gicr = board_first(m->params->board, BOARD_GICR);
    struct adt_node *gic = node(m, "/arm-io/gic");
    STRING(m, gic, "compatible", "arm,gic-v3");
    U64S(m, gic, "reg", gicd->base - m->soc_base, gicd->size, gicr->base - m->soc_base,
         (uint64_t)m->params->cpus * REDISTRIBUTOR_SIZE);
    STRING(m, gic, "interrupt-controller", "master");
    U32(m, gic, "#interrupt-cells", 1);
    U32(m, gic, "AAPL,phandle", PHANDLE_GIC);
    STRING(m, gic, "device_type", "interrupt-controller");
}

/* What drivers match a device by; only pvpanic's is known from Apple's tree. */
static const char *compatible_of(const struct board_row *row)
{
    static const struct {
        const struct device_class *cls;
        const char *compatible;
    } known[] = {{&pl031_class, "arm,pl031"},
                 {&pl061_class, "arm,pl061"},
                 {&pvpanic_class, "qemu,pvpanic-mmio"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (row->cls == known[i].cls)
            return known[i].compatible;
    return row->name;
}

static void fill_other(struct maker *m, const struct board_row *row)
{
    char path[64];
    snprintf(path, sizeof(path), "/arm-io/%s", row->name);
    struct adt_node *other = node(m, path);
    U64S(m, other, "reg", row->base - m->soc_base, row->size);
    if (row->spi != BOARD_NO_SPI) {
        U32(m, other, "interrupts", row->spi + 32);
        U32(m, other, "interrupt-parent", PHANDLE_GIC);
    }
    STRING(m, other, "compatible", compatible_of(row));
}

/* ECAM window, then the 32-bit memory window as {PCI address, CPU address, size}. */
static void fill_pcie(struct maker *m, const struct board_row *ecam)
{
    const struct board_row *window = board_first(m->params->board, BOARD_MMIO32);
    struct adt_node *pcie = node(m, "/arm-io/pcie");
    STRING(m, pcie, "compatible", "pci-host-ecam-generic");
    STRING(m, pcie, "device_type", "pci");
    U64S(m, pcie, "reg", ecam->base - m->soc_base, ecam->size);
    if (window)
        U64S(m, pcie, "ranges", window->base, window->base, window->size);
    U32(m, pcie, "interrupts", ecam->spi + 32);
    U32(m, pcie, "interrupt-lines", ecam->spi_count);
    U32(m, pcie, "interrupt-parent", PHANDLE_GIC);
}

static void fill_arm_io(struct maker *m)
{
    struct adt_node *io = node(m, "/arm-io");
    STRING(m, io, "device_type", "vma2-io");
    STRINGS(m, io, "compatible", "arm-io,vma2");
    U32(m, io, "#address-cells", 2);
    U32(m, io, "#size-cells", 2);
    const struct board_row *ram = board_first(m->params->board, BOARD_RAM);
    U64S(m, io, "ranges", 0, m->soc_base, ram->base - m->soc_base);
    fill_gic(m);
    for (const struct board_row *row = m->params->board->rows; row->kind != BOARD_END; row++) {
        if (row->kind == BOARD_DEVICE && !strcmp(row->name, "uart0"))
            fill_uart(m, node(m, "/arm-io/uart0"), row);
        else if (row->kind == BOARD_DEVICE)
            fill_other(m, row);
        else if (row->kind == BOARD_ECAM)
            fill_pcie(m, row);
    }
}

struct adt_node *xnu_tree_make(const struct xnu_tree_params *params)
{
    struct maker m = {.params = params,
                      .root = adt_add_node(NULL, "device-tree"),
                      .soc_base = soc_base(params->board)};
    if (!m.root)
        return NULL;
    fill_root(&m);
    fill_chosen(&m);
    for (unsigned i = 0; i < params->cpus; i++)
        fill_cpu(&m, i);
    fill_arm_io(&m);
    U32(&m, node(&m, "/defaults"), "serial-device", PHANDLE_UART);
    node(&m, "/options");
    STRING(&m, node(&m, "/product"), "product-soc-name", "Apple M1 (Virtual)");
    if (!m.failed)
        return m.root;
    adt_free(m.root);
    return NULL;
}

/* Sets `reg` of /arm-io/NAME, if the tree has it, to where ROW is. */
static void place(struct maker *m, const char *name, const struct board_row *row)
{
    char path[64];
    snprintf(path, sizeof(path), "/arm-io/%s", name);
    struct adt_node *found = adt_find(m->root, path);
    if (found && row)
        U64S(m, found, "reg", row->base - m->soc_base, row->size);
}

int xnu_tree_place(struct adt_node *root, const struct board *board, unsigned cpus)
{
    const struct xnu_tree_params params = {.board = board, .cpus = cpus};
    struct maker m = {.params = &params, .root = root, .soc_base = soc_base(board)};
    struct adt_node *io = adt_find(root, "/arm-io");
    const struct board_row *ram = board_first(board, BOARD_RAM);
    if (!io)
        return 0;
    U64S(&m, io, "ranges", 0, m.soc_base, ram->base - m.soc_base);
    if (adt_find(root, "/arm-io/gic"))
        fill_gic(&m);
    place(&m, "pcie", board_first(board, BOARD_ECAM));
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        if (row->kind == BOARD_DEVICE)
            place(&m, strcmp(row->name, "gpio") ? row->name : "buttons", row);
    return m.failed ? -1 : 0;
}

int xnu_tree_map(struct adt_node *root, const char *name, uint64_t address, uint64_t size)
{
    struct adt_node *map = adt_make(root, "/chosen/memory-map");
    return map ? adt_set_u64s(map, name, (const uint64_t[]){address, size}, 2) : -1;
}

bool xnu_tree_is_locked(struct adt_node *root)
{
    return adt_find(root, "/chosen/lock-regs") != NULL;
}

/* XNU adds the raw length to a pointer: a placeholder bit makes it panic. adt_write never writes
 * the bit. */
static void clear_placeholders(struct adt_node *at)
{
    for (struct adt_property *property = at->properties; property; property = property->next)
        property->placeholder = false;
    for (struct adt_node *child = at->children; child; child = child->next)
        clear_placeholders(child);
}

/* A number of 4 or 8 bytes; OTHERWISE when it is not there. */
static uint64_t number(const struct adt_node *node, const char *name, uint64_t otherwise)
{
    const struct adt_property *p = adt_get(node, name);
    return !p             ? otherwise
           : p->size == 8 ? get_le64(p->value)
           : p->size == 4 ? get_le32(p->value)
                          : otherwise;
}

/* XNU never reads CNTFRQ_EL0, and divides by clocks that iBoot fills in. */
static void patch_clocks(struct maker *m, struct adt_node *cpu)
{
    if (number(cpu, "timebase-frequency", TIMEBASE_HZ) != TIMEBASE_HZ)
        U64(m, cpu, "timebase-frequency", TIMEBASE_HZ);
    for (size_t i = 0; i < CLOCKS; i++)
        if (number(cpu, clocks[i], i ? TIMEBASE_HZ : 0) == 0)
            U64(m, cpu, clocks[i], TIMEBASE_HZ);
}

/* Which CPU of the machine a node of /cpus is for; params->cpus: none. */
static unsigned cpu_of(const struct maker *m, const struct adt_node *cpu)
{
    const uint64_t mpidr = number(cpu, "reg", UINT64_MAX);
    unsigned index = 0;
    while (index < m->params->cpus && board_mpidr(index) != mpidr)
        index++;
    return index;
}

/* The CPUs that the machine has, as iBoot would leave them: XNU starts all that it finds. A tree
 * that names none of them keeps all of its own. */
static void remove_missing_cpus(const struct maker *m, struct adt_node *cpus)
{
    bool any = false;
    for (struct adt_node *cpu = cpus->children; cpu; cpu = cpu->next)
        any |= cpu_of(m, cpu) < m->params->cpus;
    for (struct adt_node *cpu = cpus->children, *next; any && cpu; cpu = next) {
        next = cpu->next;
        if (cpu_of(m, cpu) == m->params->cpus)
            adt_remove_node(cpu);
    }
}

/* Exactly one CPU must be running: the machine's first, and where the tree does not name that, the
 * tree's first. */
static void patch_cpus(struct maker *m)
{
    struct adt_node *cpus = adt_find(m->root, "/cpus"), *first;
    if (!cpus)
        return;
    remove_missing_cpus(m, cpus);
    for (first = cpus->children; first && cpu_of(m, first) != 0; first = first->next)
        ;
    if (!first)
        first = cpus->children;
    for (struct adt_node *cpu = cpus->children; cpu; cpu = cpu->next) {
        const struct adt_property *state = adt_get(cpu, "state");
        const bool running = state && state->size >= 7 && !memcmp(state->value, "running", 7);
        if (cpu == first ? !running : running || !state)
            STRING(m, cpu, "state", cpu == first ? "running" : "waiting");
        patch_clocks(m, cpu);
    }
}

/* Whether the bank is one that a kernel can read: it panics over another, or over a size that is
 * not the bank's. A tree that no firmware has filled in has a placeholder. */
static bool has_nvram(const struct adt_node *chosen)
{
    const struct adt_property *bank = adt_get(chosen, "nvram-proxy-data");
    struct nvram nvram;
    if (!bank || number(chosen, "nvram-bank-size", 0) != bank->size)
        return false;
    const struct blob image = {.data = bank->value, .size = bank->size, .name = "nvram-proxy-data"};
    if (nvram_open(&image, &nvram, NULL))
        return false;
    nvram_free(&nvram);
    return true;
}

int xnu_tree_patch(struct adt_node *root, const struct xnu_tree_params *params)
{
    struct maker m = {.params = params, .root = root, .soc_base = soc_base(params->board)};
    clear_placeholders(root);
    struct adt_node *chosen = node(&m, "/chosen");
    fill_memory(&m, chosen);
    if (!has_nvram(chosen))
        fill_nvram(&m, chosen);
    node(&m, "/defaults");
    patch_cpus(&m);
    return m.failed ? -1 : 0;
}
