/* SPDX-License-Identifier: MIT */
/* The Linux device tree of a board, after the kernel's bindings
 * (Documentation/devicetree/bindings): arm,gic-v3 with a v2m child, arm,armv8-timer, psci,
 * PrimeCells with a 24 MHz apb_pclk, gpio-keys, pci-host-ecam-generic. Rows that have no binding
 * are left out. libfdt's sequential writer keeps the first error; it is looked at once, at the end.
 */

#include "fdt.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../device/pl011.h"
#include "../device/pl031.h"
#include "../device/pl061.h"
#include "../device/pvpanic.h"
#include "../machine/board.h"

#define TREE_ROOM      0x20000
#define PHANDLE_GIC    1
#define PHANDLE_CLOCK  2
#define PHANDLE_MSI    3
#define PHANDLE_GPIO   4
#define SPI            0u
#define PPI            1u
#define LEVEL_HIGH     4u
#define PRIMECELL_SIZE 0x1000 /* the bus driver reads the IDs at the end of the window */
#define PCI_SLOTS      32
#define PCI_PINS       4
#define KEY_POWER      116

/* A writer that stops at the first error. */
struct tree {
    void *fdt;
    int error;
    const struct fdt_params *params;
};

static void keep(struct tree *t, int result)
{
    if (!t->error && result < 0)
        t->error = result;
}

__attribute__((format(printf, 2, 3))) static void begin(struct tree *t, const char *format, ...)
{
    char name[64];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    keep(t, fdt_begin_node(t->fdt, name));
}

static void end(struct tree *t)
{
    keep(t, fdt_end_node(t->fdt));
}

static void string(struct tree *t, const char *name, const char *value)
{
    keep(t, fdt_property_string(t->fdt, name, value));
}

/* Several strings; VALUES holds them with their terminators. */
#define STRINGS(t, name, values) keep(t, fdt_property((t)->fdt, name, values, sizeof(values)))

static void flag(struct tree *t, const char *name)
{
    keep(t, fdt_property(t->fdt, name, NULL, 0));
}

static void cells(struct tree *t, const char *name, const uint32_t *values, size_t count)
{
    fdt32_t *raw;
    void *place;
    const int result = fdt_property_placeholder(t->fdt, name, (int)(count * 4), &place);
    keep(t, result);
    if (result < 0)
        return;
    raw = place;
    for (size_t i = 0; i < count; i++)
        raw[i] = cpu_to_fdt32(values[i]);
}
#define CELLS(t, name, ...)                                                                        \
    cells(t, name, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)
#define HIGH(x) (uint32_t)((uint64_t)(x) >> 32)
#define LOW(x)  (uint32_t)(x)

static void root_properties(struct tree *t)
{
    char compatible[64];
    snprintf(compatible, sizeof(compatible), "pomona,%s", t->params->board->name);
    string(t, "compatible", compatible);
    string(t, "model", t->params->board->description);
    CELLS(t, "#address-cells", 2);
    CELLS(t, "#size-cells", 2);
    CELLS(t, "interrupt-parent", PHANDLE_GIC);
}

static void add_chosen(struct tree *t)
{
    const struct fdt_params *p = t->params;
    const struct board_row *uart = board_row_find(p->board, "uart0");
    char path[64];
    begin(t, "chosen");
    string(t, "bootargs", p->command_line);
    if (uart) {
        snprintf(path, sizeof(path), "/serial@%llx", (unsigned long long)uart->base);
        string(t, "stdout-path", path);
    }
    if (p->initrd_end != p->initrd_start) {
        CELLS(t, "linux,initrd-start", HIGH(p->initrd_start), LOW(p->initrd_start));
        CELLS(t, "linux,initrd-end", HIGH(p->initrd_end), LOW(p->initrd_end));
    }
    keep(t, fdt_property(t->fdt, "kaslr-seed", p->seed, 8));
    keep(t, fdt_property(t->fdt, "rng-seed", p->seed + 8, 48));
    end(t);
}

static void add_memory(struct tree *t, const struct board_row *ram)
{
    begin(t, "memory@%llx", (unsigned long long)ram->base);
    string(t, "device_type", "memory");
    CELLS(t, "reg", HIGH(ram->base), LOW(ram->base), HIGH(t->params->ram_size),
          LOW(t->params->ram_size));
    end(t);
}

static void add_cpus(struct tree *t)
{
    begin(t, "cpus");
    CELLS(t, "#address-cells", 1);
    CELLS(t, "#size-cells", 0);
    for (unsigned i = 0; i < t->params->cpus; i++) {
        const uint32_t mpidr = (uint32_t)board_mpidr(i);
        begin(t, "cpu@%x", mpidr);
        string(t, "device_type", "cpu");
        string(t, "compatible", "arm,armv8");
        CELLS(t, "reg", mpidr);
        string(t, "enable-method", "psci");
        end(t);
    }
    end(t);
}

static void add_psci(struct tree *t)
{
    begin(t, "psci");
    STRINGS(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
    string(t, "method", t->params->el2 ? "smc" : "hvc");
    end(t);
}

/* Secure 29, EL1 physical 30, EL1 virtual 27, EL2 physical 26. */
static void add_timer(struct tree *t)
{
    begin(t, "timer");
    string(t, "compatible", "arm,armv8-timer");
    CELLS(t, "interrupts", PPI, 13, LEVEL_HIGH, PPI, 14, LEVEL_HIGH, PPI, 11, LEVEL_HIGH, PPI, 10,
          LEVEL_HIGH);
    flag(t, "always-on");
    end(t);
}

static void add_pmu(struct tree *t)
{
    if (!t->params->pmu)
        return;
    begin(t, "pmu");
    string(t, "compatible", "arm,armv8-pmuv3");
    CELLS(t, "interrupts", PPI, 7, LEVEL_HIGH);
    end(t);
}

static void add_clock(struct tree *t)
{
    begin(t, "apb-pclk");
    string(t, "compatible", "fixed-clock");
    CELLS(t, "#clock-cells", 0);
    CELLS(t, "clock-frequency", 24000000);
    string(t, "clock-output-names", "clk24mhz");
    CELLS(t, "phandle", PHANDLE_CLOCK);
    end(t);
}

static void add_msi_frame(struct tree *t, const struct board_row *frame)
{
    if (!frame)
        return;
    begin(t, "v2m@%llx", (unsigned long long)frame->base);
    string(t, "compatible", "arm,gic-v2m-frame");
    flag(t, "msi-controller");
    CELLS(t, "reg", HIGH(frame->base), LOW(frame->base), 0, 0x1000);
    CELLS(t, "arm,msi-base-spi", (uint32_t)frame->spi + 32);
    CELLS(t, "arm,msi-num-spis", frame->spi_count);
    CELLS(t, "phandle", PHANDLE_MSI);
    end(t);
}

static void add_gic(struct tree *t, const struct board_row *gicd)
{
    const struct board_row *gicr = board_first(t->params->board, BOARD_GICR);
    begin(t, "interrupt-controller@%llx", (unsigned long long)gicd->base);
    string(t, "compatible", "arm,gic-v3");
    CELLS(t, "#interrupt-cells", 3);
    CELLS(t, "#address-cells", 2);
    CELLS(t, "#size-cells", 2);
    flag(t, "ranges");
    flag(t, "interrupt-controller");
    CELLS(t, "#redistributor-regions", 1);
    CELLS(t, "reg", HIGH(gicd->base), LOW(gicd->base), 0, LOW(gicd->size), HIGH(gicr->base),
          LOW(gicr->base), HIGH(gicr->size), LOW(gicr->size));
    CELLS(t, "interrupts", PPI, 9, LEVEL_HIGH);
    CELLS(t, "phandle", PHANDLE_GIC);
    add_msi_frame(t, board_first(t->params->board, BOARD_GICM));
    end(t);
}

static void primecell(struct tree *t, const struct board_row *row, const char *node,
                      const char *compatible, size_t size)
{
    begin(t, "%s@%llx", node, (unsigned long long)row->base);
    keep(t, fdt_property(t->fdt, "compatible", compatible, (int)size));
    CELLS(t, "reg", HIGH(row->base), LOW(row->base), 0, PRIMECELL_SIZE);
    CELLS(t, "interrupts", SPI, (uint32_t)row->spi, LEVEL_HIGH);
}

static void add_pl011(struct tree *t, const struct board_row *row)
{
    static const char compatible[] = "arm,pl011\0arm,primecell";
    primecell(t, row, "serial", compatible, sizeof(compatible));
    CELLS(t, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
    STRINGS(t, "clock-names", "uartclk\0apb_pclk");
    end(t);
}

static void add_pl031(struct tree *t, const struct board_row *row)
{
    static const char compatible[] = "arm,pl031\0arm,primecell";
    primecell(t, row, "rtc", compatible, sizeof(compatible));
    CELLS(t, "clocks", PHANDLE_CLOCK);
    string(t, "clock-names", "apb_pclk");
    end(t);
}

static void add_pl061(struct tree *t, const struct board_row *row)
{
    static const char compatible[] = "arm,pl061\0arm,primecell";
    primecell(t, row, "gpio", compatible, sizeof(compatible));
    CELLS(t, "clocks", PHANDLE_CLOCK);
    string(t, "clock-names", "apb_pclk");
    flag(t, "gpio-controller");
    CELLS(t, "#gpio-cells", 2);
    flag(t, "interrupt-controller");
    CELLS(t, "#interrupt-cells", 2);
    CELLS(t, "#address-cells", 0); /* of an interrupt-map that might name it */
    CELLS(t, "phandle", PHANDLE_GPIO);
    end(t);
    begin(t, "gpio-keys");
    string(t, "compatible", "gpio-keys");
    begin(t, "poweroff");
    string(t, "label", "GPIO Key Poweroff");
    CELLS(t, "linux,code", KEY_POWER);
    CELLS(t, "gpios", PHANDLE_GPIO, t->params->board->power_key_line, 0);
    end(t);
    end(t);
}

static void add_pvpanic(struct tree *t, const struct board_row *row)
{
    begin(t, "pvpanic@%llx", (unsigned long long)row->base);
    string(t, "compatible", "qemu,pvpanic-mmio");
    CELLS(t, "reg", HIGH(row->base), LOW(row->base), 0, LOW(row->size));
    end(t);
}

/* Every slot and pin: INTx line = (slot + pin) mod lines, pin A being 0. */
static void interrupt_map(struct tree *t, const struct board_row *ecam)
{
    enum { ENTRY = 10 };
    uint32_t map[PCI_SLOTS * PCI_PINS * ENTRY];
    uint32_t *entry = map;
    for (uint32_t slot = 0; slot < PCI_SLOTS; slot++)
        for (uint32_t pin = 0; pin < PCI_PINS; pin++, entry += ENTRY) {
            const uint32_t line = (uint32_t)ecam->spi + (slot + pin) % ecam->spi_count;
            const uint32_t row[ENTRY] = {slot << 11, 0, 0,   pin + 1, PHANDLE_GIC,
                                         0,          0, SPI, line,    LEVEL_HIGH};
            memcpy(entry, row, sizeof(row));
        }
    cells(t, "interrupt-map", map, PCI_SLOTS * PCI_PINS * ENTRY);
    CELLS(t, "interrupt-map-mask", 0xf800, 0, 0, 7);
}

static void add_pcie(struct tree *t, const struct board_row *ecam)
{
    const struct board_row *window = board_first(t->params->board, BOARD_MMIO32);
    begin(t, "pcie@%llx", (unsigned long long)ecam->base);
    string(t, "compatible", "pci-host-ecam-generic");
    string(t, "device_type", "pci");
    CELLS(t, "#address-cells", 3);
    CELLS(t, "#size-cells", 2);
    CELLS(t, "#interrupt-cells", 1);
    CELLS(t, "bus-range", 0, (uint32_t)(ecam->size >> 20) - 1);
    CELLS(t, "reg", HIGH(ecam->base), LOW(ecam->base), HIGH(ecam->size), LOW(ecam->size));
    CELLS(t, "ranges", 0x02000000, HIGH(window->base), LOW(window->base), HIGH(window->base),
          LOW(window->base), HIGH(window->size), LOW(window->size));
    flag(t, "dma-coherent");
    if (board_first(t->params->board, BOARD_GICM))
        CELLS(t, "msi-parent", PHANDLE_MSI);
    interrupt_map(t, ecam);
    end(t);
}

static void add_device(struct tree *t, const struct board_row *row)
{
    static const struct {
        const struct device_class *cls;
        void (*add)(struct tree *t, const struct board_row *row);
    } nodes[] = {{&pl011_class, add_pl011},
                 {&pl031_class, add_pl031},
                 {&pl061_class, add_pl061},
                 {&pvpanic_class, add_pvpanic}};
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (row->cls == nodes[i].cls)
            nodes[i].add(t, row);
}

static void add_rows(struct tree *t)
{
    for (const struct board_row *row = t->params->board->rows; row->kind != BOARD_END; row++) {
        if (row->kind == BOARD_RAM)
            add_memory(t, row);
        else if (row->kind == BOARD_GICD)
            add_gic(t, row);
        else if (row->kind == BOARD_ECAM)
            add_pcie(t, row);
        else if (row->kind == BOARD_DEVICE)
            add_device(t, row);
    }
}

static void write_tree(struct tree *t)
{
    keep(t, fdt_create(t->fdt, TREE_ROOM));
    keep(t, fdt_finish_reservemap(t->fdt));
    begin(t, "%s", "");
    root_properties(t);
    add_chosen(t);
    add_cpus(t);
    add_psci(t);
    add_timer(t);
    add_pmu(t);
    add_clock(t);
    add_rows(t);
    end(t);
    keep(t, fdt_finish(t->fdt));
}

int fdt_make(const struct fdt_params *params, void **dtb, size_t *size, struct error *err)
{
    struct tree t = {.fdt = calloc(1, TREE_ROOM), .params = params};
    if (!t.fdt)
        return error_set(err, ERROR_OS, "no memory for the device tree");
    write_tree(&t);
    if (t.error) {
        free(t.fdt);
        return error_set(err, ERROR_SOFTWARE, "the device tree cannot be made: %s",
                         fdt_strerror(t.error));
    }
    *dtb = t.fdt;
    *size = fdt_totalsize(t.fdt);
    return 0;
}

static void patch_chosen(struct tree *t)
{
    const struct fdt_params *p = t->params;
    int node = fdt_path_offset(t->fdt, "/chosen");
    if (node == -FDT_ERR_NOTFOUND)
        node = fdt_add_subnode(t->fdt, 0, "chosen");
    keep(t, node);
    if (t->error)
        return;
    keep(t, fdt_setprop_string(t->fdt, node, "bootargs", p->command_line));
    if (p->initrd_end != p->initrd_start) {
        keep(t, fdt_setprop_u64(t->fdt, node, "linux,initrd-start", p->initrd_start));
        keep(t, fdt_setprop_u64(t->fdt, node, "linux,initrd-end", p->initrd_end));
    } else { /* the tree's own was of the boot that it was taken from */
        fdt_delprop(t->fdt, node, "linux,initrd-start");
        fdt_delprop(t->fdt, node, "linux,initrd-end");
    }
    keep(t, fdt_setprop(t->fdt, node, "kaslr-seed", p->seed, 8));
    keep(t, fdt_setprop(t->fdt, node, "rng-seed", p->seed + 8, 48));
}

/* 0, or why USER is no tree that can be worked on. Trees before version 16 (2005) keep full paths
 * as names, which libfdt 1.6.1's fdt_check_full() does not survive. */
static int check_user_tree(const void *user, size_t size)
{
    if (size < sizeof(struct fdt_header))
        return -FDT_ERR_TRUNCATED;
    if (fdt_magic(user) != FDT_MAGIC)
        return -FDT_ERR_BADMAGIC;
    if (fdt_version(user) < 16)
        return -FDT_ERR_BADVERSION;
    return fdt_check_full(user, size);
}

/* Where in USER the fault is that check_user_tree() found: what in the header is wrong, where the
 * file ends too early, or the last token that could be read. */
static size_t user_tree_fault(const void *user, size_t size, int fault)
{
    if (fault == -FDT_ERR_BADMAGIC)
        return 0;
    if (size < sizeof(struct fdt_header) ||
        (fault == -FDT_ERR_TRUNCATED && fdt_totalsize(user) > size))
        return size;
    if (fault == -FDT_ERR_BADVERSION)
        return offsetof(struct fdt_header, version);
    if (fault != -FDT_ERR_BADSTRUCTURE)
        return offsetof(struct fdt_header, totalsize);
    int at = 0, next = 0;
    while (fdt_next_tag(user, at, &next) != FDT_END && next > at)
        at = next;
    return fdt_off_dt_struct(user) + (size_t)at;
}

int fdt_patch(const struct fdt_params *params, const void *user, size_t user_size, const char *name,
              void **dtb, size_t *size, struct error *err)
{
    struct tree t = {.params = params};
    const int bad = check_user_tree(user, user_size);
    if (bad)
        return error_set(err, ERROR_DATA,
                         "%s: offset 0x%zx: not a sound device tree blob: %s; make it with dtc",
                         name, user_tree_fault(user, user_size, bad), fdt_strerror(bad));
    *size = fdt_totalsize(user) + 0x1000 + strlen(params->command_line);
    t.fdt = malloc(*size);
    if (!t.fdt)
        return error_set(err, ERROR_OS, "no memory for the device tree");
    keep(&t, fdt_open_into(user, t.fdt, (int)*size));
    if (!t.error)
        patch_chosen(&t);
    if (t.error) {
        free(t.fdt);
        return error_set(err, ERROR_DATA, "%s: cannot be patched: %s", name, fdt_strerror(t.error));
    }
    *dtb = t.fdt;
    return 0;
}
