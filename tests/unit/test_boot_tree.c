/* SPDX-License-Identifier: MIT */
/* The device trees that guests are handed, against the board's table: Linux's, for each board, with
 * and without EL2, as libfdt reads it and without a complaint of dtc's; and Apple's, whose /arm-io
 * names the same addresses and interrupts. Bindings: Documentation/devicetree/bindings of the
 * kernel; image-format sheet A4. */

#include "boot_rig.h"

#include <libfdt.h>
#include <stdio.h>

#include "boot/fdt.h"
#include "boot/xnu_tree.h"

#define SPI  0u
#define PPI  1u
#define HIGH 4u

struct tree {
    const struct board *board;
    void *fdt;
    size_t size;
};

static struct tree make(const struct fdt_params *params)
{
    struct tree tree = {.board = params->board};
    struct error err;
    assert_int_equal(fdt_make(params, &tree.fdt, &tree.size, &err), 0);
    assert_int_equal(fdt_check_full(tree.fdt, tree.size), 0);
    assert_int_equal(fdt_totalsize(tree.fdt), tree.size);
    return tree;
}

static struct fdt_params params_of(const struct board *board)
{
    struct fdt_params params = {
        .board = board,
        .ram_size = MIB(3072),
        .cpus = 20,
        .command_line = "console=ttyAMA0 quiet",
        .initrd_start = 0x123456000,
        .initrd_end = 0x123457891,
    };
    for (unsigned k = 0; k < sizeof params.seed; k++)
        params.seed[k] = (uint8_t)(k + 1);
    return params;
}

static int node(const struct tree *tree, const char *path)
{
    const int at = fdt_path_offset(tree->fdt, path);
    if (at < 0)
        fail_msg("%s: no node %s", tree->board->name, path);
    return at;
}

static const fdt32_t *property(const struct tree *tree, int at, const char *name, unsigned cells)
{
    int length;
    const fdt32_t *value = fdt_getprop(tree->fdt, at, name, &length);
    if (!value || (cells && length != (int)cells * 4))
        fail_msg("%s: %s of %s: %d bytes", tree->board->name, name,
                 fdt_get_name(tree->fdt, at, NULL), length);
    return value;
}

static uint32_t cell(const struct tree *tree, int at, const char *name, unsigned cells, unsigned n)
{
    return fdt32_to_cpu(property(tree, at, name, cells)[n]);
}

static uint64_t wide(const struct tree *tree, int at, const char *name, unsigned cells, unsigned n)
{
    return (uint64_t)cell(tree, at, name, cells, n) << 32 | cell(tree, at, name, cells, n + 1);
}

static bool is(const struct tree *tree, int at, const char *name, const char *want)
{
    return fdt_stringlist_search(tree->fdt, at, name, want) >= 0;
}

/* The node of PREFIX at the row's address. */
static int row_node(const struct tree *tree, const char *prefix, const struct board_row *row)
{
    char path[64];
    snprintf(path, sizeof path, "/%s@%llx", prefix, (unsigned long long)row->base);
    const int at = node(tree, path);
    assert_true(wide(tree, at, "reg", 0, 0) == row->base);
    return at;
}

static void is_interrupt(const struct tree *tree, int at, uint32_t kind, uint32_t number)
{
    assert_int_equal(cell(tree, at, "interrupts", 3, 0), kind);
    assert_int_equal(cell(tree, at, "interrupts", 3, 1), number);
    assert_int_equal(cell(tree, at, "interrupts", 3, 2), HIGH);
}

/* ---- rows ---- */

static void check_device(const struct tree *tree, const struct board_row *row)
{
    static const struct {
        const char *cls, *node, *compatible;
        bool primecell;
    } known[] = {
        {"pl011", "serial", "arm,pl011", true},
        {"pl031", "rtc", "arm,pl031", true},
        {"pl061", "gpio", "arm,pl061", true},
        {"pvpanic", "pvpanic", "qemu,pvpanic-mmio", false},
    };
    for (unsigned k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(row->cls->name, known[k].cls) != 0)
            continue;
        const int at = row_node(tree, known[k].node, row);
        assert_true(is(tree, at, "compatible", known[k].compatible));
        if (row->spi != BOARD_NO_SPI)
            is_interrupt(tree, at, SPI, (uint32_t)row->spi);
        if (!known[k].primecell) {
            assert_int_equal(wide(tree, at, "reg", 4, 2), row->size);
            return;
        }
        assert_true(is(tree, at, "compatible", "arm,primecell"));
        assert_int_equal(wide(tree, at, "reg", 4, 2), 0x1000); /* the IDs are at 0xfe0 */
        assert_true(is(tree, at, "clock-names", "apb_pclk"));
        const int clock = fdt_node_offset_by_phandle(tree->fdt, cell(tree, at, "clocks", 0, 0));
        assert_true(is(tree, clock, "compatible", "fixed-clock"));
        assert_int_equal(cell(tree, clock, "clock-frequency", 1, 0), 24000000);
        return;
    }
    if (strcmp(row->cls->name, "virtio-mmio") != 0) /* empty ones are not told of */
        fail_msg("%s: nothing tells of %s", tree->board->name, row->name);
}

static void check_gic(const struct tree *tree, const struct board_row *gicd)
{
    const struct board_row *gicr = board_first(tree->board, BOARD_GICR);
    const struct board_row *frame = board_first(tree->board, BOARD_GICM);
    const int gic = row_node(tree, "interrupt-controller", gicd);
    assert_true(is(tree, gic, "compatible", "arm,gic-v3"));
    assert_int_equal(wide(tree, gic, "reg", 8, 2), gicd->size);
    assert_true(wide(tree, gic, "reg", 8, 4) == gicr->base);
    assert_int_equal(wide(tree, gic, "reg", 8, 6), gicr->size);
    assert_int_equal(cell(tree, gic, "#interrupt-cells", 1, 0), 3);
    is_interrupt(tree, gic, PPI, 9); /* maintenance, INTID 25 */
    assert_int_equal(cell(tree, node(tree, "/"), "interrupt-parent", 1, 0),
                     fdt_get_phandle(tree->fdt, gic));
    const int v2m = fdt_first_subnode(tree->fdt, gic);
    assert_true(is(tree, v2m, "compatible", "arm,gic-v2m-frame"));
    assert_non_null(fdt_getprop(tree->fdt, v2m, "msi-controller", NULL));
    assert_true(wide(tree, v2m, "reg", 4, 0) == frame->base);
    assert_int_equal(cell(tree, v2m, "arm,msi-base-spi", 1, 0), frame->spi + 32);
    assert_int_equal(cell(tree, v2m, "arm,msi-num-spis", 1, 0), frame->spi_count);
}

static void check_pcie(const struct tree *tree, const struct board_row *ecam)
{
    const struct board_row *window = board_first(tree->board, BOARD_MMIO32);
    const int pcie = row_node(tree, "pcie", ecam);
    const uint32_t gic = cell(tree, node(tree, "/"), "interrupt-parent", 1, 0);
    assert_true(is(tree, pcie, "compatible", "pci-host-ecam-generic"));
    assert_int_equal(wide(tree, pcie, "reg", 4, 2), ecam->size);
    assert_int_equal(cell(tree, pcie, "bus-range", 2, 0), 0);
    assert_int_equal(cell(tree, pcie, "bus-range", 2, 1), (ecam->size >> 20) - 1);
    assert_int_equal(cell(tree, pcie, "ranges", 7, 0), 0x02000000); /* one, 32-bit, no I/O */
    assert_true(wide(tree, pcie, "ranges", 7, 1) == window->base);
    assert_true(wide(tree, pcie, "ranges", 7, 3) == window->base);
    assert_true(wide(tree, pcie, "ranges", 7, 5) == window->size);
    assert_non_null(fdt_getprop(tree->fdt, pcie, "dma-coherent", NULL));
    const int msi = fdt_node_offset_by_phandle(tree->fdt, cell(tree, pcie, "msi-parent", 1, 0));
    assert_true(is(tree, msi, "compatible", "arm,gic-v2m-frame"));
    for (uint32_t k = 0; k < 32 * 4; k++) {
        const uint32_t slot = k / 4, pin = k % 4;
        const uint32_t want[] = {
            slot << 11, 0,   0,
            pin + 1,    gic, 0,
            0,          SPI, (uint32_t)ecam->spi + (slot + pin) % ecam->spi_count,
            HIGH};
        for (unsigned n = 0; n < 10; n++)
            assert_int_equal(cell(tree, pcie, "interrupt-map", 32 * 4 * 10, k * 10 + n), want[n]);
    }
    assert_int_equal(cell(tree, pcie, "interrupt-map-mask", 4, 0), 0xf800);
    assert_int_equal(cell(tree, pcie, "interrupt-map-mask", 4, 3), 7);
}

static void check_rows(const struct tree *tree)
{
    for (const struct board_row *row = tree->board->rows; row->kind != BOARD_END; row++) {
        if (row->kind == BOARD_DEVICE)
            check_device(tree, row);
        else if (row->kind == BOARD_GICD)
            check_gic(tree, row);
        else if (row->kind == BOARD_ECAM)
            check_pcie(tree, row);
        else if (row->kind == BOARD_RAM)
            assert_int_equal(wide(tree, row_node(tree, "memory", row), "reg", 4, 2), MIB(3072));
    }
}

/* ---- the rest ---- */

static void check_cpus(const struct tree *tree, const struct fdt_params *params)
{
    const int cpus = node(tree, "/cpus"), psci = node(tree, "/psci"), timer = node(tree, "/timer");
    static const uint32_t ppis[] = {13, 14, 11, 10};
    unsigned count = 0;
    int cpu;
    fdt_for_each_subnode(cpu, tree->fdt, cpus)
    {
        assert_int_equal(cell(tree, cpu, "reg", 1, 0), board_mpidr(count));
        assert_true(is(tree, cpu, "enable-method", "psci"));
        assert_true(is(tree, cpu, "device_type", "cpu"));
        count++;
    }
    assert_int_equal(count, params->cpus);
    assert_true(is(tree, psci, "compatible", "arm,psci-1.0"));
    assert_true(is(tree, psci, "method", params->el2 ? "smc" : "hvc"));
    assert_true(is(tree, timer, "compatible", "arm,armv8-timer"));
    for (unsigned k = 0; k < 4; k++) {
        assert_int_equal(cell(tree, timer, "interrupts", 12, 3 * k), PPI);
        assert_int_equal(cell(tree, timer, "interrupts", 12, 3 * k + 1), ppis[k]);
    }
    if (params->pmu)
        is_interrupt(tree, node(tree, "/pmu"), PPI, 7);
    else
        assert_true(fdt_path_offset(tree->fdt, "/pmu") < 0);
}

static void check_chosen(const struct tree *tree, const struct fdt_params *params)
{
    const int chosen = node(tree, "/chosen");
    const char *path = fdt_getprop(tree->fdt, chosen, "stdout-path", NULL);
    assert_true(is(tree, node(tree, path), "compatible", "arm,pl011"));
    assert_true(is(tree, chosen, "bootargs", params->command_line));
    assert_true(wide(tree, chosen, "linux,initrd-start", 2, 0) == params->initrd_start);
    assert_true(wide(tree, chosen, "linux,initrd-end", 2, 0) == params->initrd_end);
    assert_memory_equal(property(tree, chosen, "kaslr-seed", 2), params->seed, 8);
    assert_memory_equal(property(tree, chosen, "rng-seed", 12), params->seed + 8, 48);
}

static void check_power_key(const struct tree *tree)
{
    const int keys = node(tree, "/gpio-keys"), key = fdt_first_subnode(tree->fdt, keys);
    const int gpio = fdt_node_offset_by_phandle(tree->fdt, cell(tree, key, "gpios", 3, 0));
    assert_true(is(tree, gpio, "compatible", "arm,pl061"));
    assert_int_equal(cell(tree, key, "gpios", 3, 1), tree->board->power_key_line);
    assert_int_equal(cell(tree, key, "linux,code", 1, 0), 116);
}

/* dtc, with all of its checks, has nothing to say. */
static void check_with_dtc(const struct tree *tree)
{
    char command[128], line[256];
    rig_file("boot-tree.dtb", tree->fdt, tree->size);
    snprintf(command, sizeof command, "dtc -I dtb -O dts -o /dev/null boot-tree.dtb 2>&1");
    FILE *dtc = popen(command, "r");
    assert_non_null(dtc);
    if (fgets(line, sizeof line, dtc))
        fail_msg("%s: %s", tree->board->name, line);
    assert_int_equal(pclose(dtc), 0);
}

static void linux_trees(void **state)
{
    for (unsigned k = 0; boards[k]; k++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            struct fdt_params params = params_of(boards[k]);
            params.el2 = variant & 1;
            params.pmu = variant & 2;
            struct tree tree = make(&params);
            check_rows(&tree);
            check_cpus(&tree, &params);
            check_chosen(&tree, &params);
            check_power_key(&tree);
            check_with_dtc(&tree);
            free(tree.fdt);
        }
    }
}

/* A user's tree keeps what it says, but for /chosen. */
static void users_tree(void **state)
{
    struct fdt_params params = params_of(&board_vmapple);
    struct tree first = make(&params), patched = {.board = &board_vmapple};
    struct error err;
    params.command_line = "another line, which is longer than the first one was";
    params.initrd_start = 0x80000000;
    params.initrd_end = 0x80001000;
    params.ram_size = MIB(64); /* the tree's own memory stays */
    assert_int_equal(
        fdt_patch(&params, first.fdt, first.size, "user.dtb", &patched.fdt, &patched.size, &err),
        0);
    const int chosen = node(&patched, "/chosen");
    assert_true(is(&patched, chosen, "bootargs", params.command_line));
    assert_true(wide(&patched, chosen, "linux,initrd-end", 2, 0) == 0x80001000);
    assert_memory_equal(property(&patched, chosen, "rng-seed", 12), params.seed + 8, 48);
    check_rows(&patched);
    free(patched.fdt);
    /* Without an initrd that of the tree goes: it was another boot's. */
    params.initrd_end = params.initrd_start;
    memset(params.seed, 0x77, sizeof params.seed);
    assert_int_equal(
        fdt_patch(&params, first.fdt, first.size, "user.dtb", &patched.fdt, &patched.size, &err),
        0);
    assert_int_equal(node(&patched, "/chosen"), chosen);
    assert_null(fdt_getprop(patched.fdt, chosen, "linux,initrd-start", NULL));
    assert_null(fdt_getprop(patched.fdt, chosen, "linux,initrd-end", NULL));
    assert_memory_equal(property(&patched, chosen, "kaslr-seed", 2), params.seed, 8);
    assert_memory_equal(property(&patched, chosen, "rng-seed", 12), params.seed + 8, 48);
    for (size_t cut = 0; cut < first.size; cut += 97) {
        void *exact = malloc(cut ? cut : 1), *out;
        size_t size;
        memcpy(exact, first.fdt, cut);
        assert_int_equal(fdt_patch(&params, exact, cut, "user.dtb", &out, &size, &err), -1);
        assert_int_equal(err.code, ERROR_DATA);
        free(exact);
    }
    free(first.fdt);
    free(patched.fdt);
}

/* ---- Apple's ---- */

static uint64_t adt_number(const struct adt_node *at, const char *name, unsigned n)
{
    const struct adt_property *p = adt_get(at, name);
    assert_non_null(p);
    return p->size == 4 ? get_le32(p->value) : get_le64(p->value + 8 * n);
}

static void apple_tree(void **state)
{
    struct xnu_tree_params params = {
        .board = &board_vmapple,
        .ram_base = board_first(&board_vmapple, BOARD_RAM)->base,
        .ram_size = MIB(1024),
        .cpus = 2,
        .boot_args = "",
        .seed = {1},
    };
    struct adt_node *tree = xnu_tree_make(&params);
    const uint64_t soc = adt_number(adt_find(tree, "/arm-io"), "ranges", 1);
    unsigned devices = 0;
    for (const struct board_row *row = board_vmapple.rows; row->kind != BOARD_END; row++) {
        const bool bus = row->kind == BOARD_ECAM;
        char path[64];
        if (row->kind != BOARD_DEVICE && !bus)
            continue;
        snprintf(path, sizeof path, "/arm-io/%s", bus ? "pcie" : row->name);
        const struct adt_node *at = adt_find(tree, path);
        if (!at)
            fail_msg("no node %s", path);
        assert_true(soc + adt_number(at, "reg", 0) == row->base);
        assert_true(adt_number(at, "reg", 1) == row->size);
        if (row->spi != BOARD_NO_SPI)
            assert_int_equal(adt_number(at, "interrupts", 0), row->spi + 32);
        devices++;
    }
    assert_true(devices >= 5);
    adt_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_trees),
        cmocka_unit_test(users_tree),
        cmocka_unit_test(apple_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
