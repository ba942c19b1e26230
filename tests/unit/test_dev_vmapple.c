/* SPDX-License-Identifier: MIT */
/* The boards put together: each device at its address, its interrupt at its INTID (seen pending in
 * the distributor), messages through the GICv2m frame. A whole machine, whose CPUs never start;
 * expectations are the memory map in docs/boards.md. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/pci.h"
#include "host/loop.h"
#include "hv/gic_internal.h"
#include "hv/hv_internal.h"
#include "machine/state.h"

#define UART    0x20010000ull
#define RTC     0x20050000ull
#define GPIO    0x20060000ull
#define PVPANIC 0x20070000ull
#define ECAM    0x40000000ull
#define MMIO    0x50000000ull
#define GICM    0x1fff0000ull
#define MEMORY  0x4000000u
#define SERIALS 3

/* A serial line that remembers what was sent. */
struct line {
    struct chardev chr;
    char sent[16];
    size_t count;
};

struct bench {
    struct host_loop *loop;
    struct machine *machine;
    struct line lines[SERIALS];
    char disk[64], spec[80];
};

static void line_write(struct chardev *chr, const void *data, size_t size)
{
    struct line *line = (struct line *)chr;
    assert_in_range(size, 0, sizeof(line->sent) - line->count);
    memcpy(line->sent + line->count, data, size);
    line->count += size;
}

static void line_accept(struct chardev *chr)
{
}

static void create(struct bench *b, const struct board *board)
{
    const char *disks[] = {b->spec};
    struct error err = {0};
    struct machine_config config = {.board = board,
                                    .cpu = "apple-m1",
                                    .cpus = 2,
                                    .memory = MEMORY,
                                    .seeded = true,
                                    .ecid = 0x569a2cf311f49b3d,
                                    .disks = disks,
                                    .disk_count = 1,
                                    .serial_count = SERIALS};
    for (unsigned i = 0; i < SERIALS; i++) {
        b->lines[i].chr = (struct chardev){.write = line_write, .accept = line_accept};
        config.serial[i] = &b->lines[i].chr;
    }
    b->machine = machine_create(&config, b->loop, &err);
    if (!b->machine)
        fail_msg("%s", err.text);
}

static int setup_board(void **state, const struct board *board)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->loop = host_loop_create();
    strcpy(b->disk, "/tmp/pomona-test-XXXXXX");
    const int fd = mkstemp(b->disk);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    strcpy(b->spec, b->disk);
    strcat(b->spec, ",snapshot=on");
    create(b, board);
    *state = b;
    return 0;
}

static int setup_vmapple(void **state)
{
    return setup_board(state, &board_vmapple);
}

static int setup_virt(void **state)
{
    return setup_board(state, &board_virt);
}

static int teardown(void **state)
{
    struct bench *b = *state;
    machine_destroy(b->machine);
    for (unsigned i = 0; i < SERIALS; i++)
        assert_null(b->lines[i].chr.receive);
    host_loop_destroy(b->loop);
    unlink(b->disk);
    free(b);
    return 0;
}

static uint64_t load(struct bench *b, uint64_t address, unsigned size)
{
    const struct machine_region *region = machine_region_at(b->machine, address, size);
    assert_non_null(region);
    return region->read(region->ctx, address - region->base, size);
}

static void store(struct bench *b, uint64_t address, unsigned size, uint64_t value)
{
    const struct machine_region *region = machine_region_at(b->machine, address, size);
    assert_non_null(region);
    region->write(region->ctx, address - region->base, size, value);
}

/* Checks that of all SPIs exactly INTID is pending; 0: none. */
static void expect_pending(uint32_t intid)
{
    for (uint32_t word = 1; word < 9; word++) {
        uint64_t value = 0;
        assert_int_equal(
            hv_gic_get_distributor_reg(
                (hv_gic_distributor_reg_t)(HV_GIC_DISTRIBUTOR_REG_GICD_ISPENDR0 + 4 * word),
                &value),
            HV_SUCCESS);
        assert_int_equal(value, intid / 32 == word ? 1u << intid % 32 : 0);
    }
}

static void identification(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint64_t base;
        uint32_t id;
    } cells[] = {{UART, 0x00141011}, {RTC, 0x00041031}, {GPIO, 0x00041061}};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned byte = 0; byte < 4; byte++) {
            assert_int_equal(load(b, cells[i].base + 0xfe0 + 4 * byte, 4),
                             cells[i].id >> 8 * byte & 0xff);
            assert_int_equal(load(b, cells[i].base + 0xff0 + 4 * byte, 4),
                             0xb105f00d >> 8 * byte & 0xff);
        }
    }
    assert_int_equal(load(b, PVPANIC, 1), 7);
    assert_null(machine_region_at(b->machine, 0x30220000, 4)); /* later */
    assert_int_equal(board_row_at(&board_vmapple, 0x30220000)->kind, BOARD_LATER);
    assert_int_equal(board_row_at(&board_vmapple, 0x30223fff)->kind, BOARD_LATER);
    assert_null(board_row_at(&board_vmapple, 0x30224000));
    assert_null(machine_region_at(b->machine, 0x20080000, 4));
    assert_null(machine_region_at(b->machine, UART + 0xfffd, 4)); /* across the end of a window */
    assert_null(machine_region_at(b->machine, UINT64_MAX, 8));
    expect_pending(0);
}

static void serial_line(void **state)
{
    struct bench *b = *state;
    store(b, UART + 0x30, 4, 0x301);
    store(b, UART, 4, 'A');
    assert_int_equal(b->lines[0].count, 1);
    assert_int_equal(b->lines[0].sent[0], 'A');
    expect_pending(0);
    store(b, UART + 0x38, 4, 0x20);
    expect_pending(33);
    store(b, UART + 0x44, 4, 0x20);
    expect_pending(0);
}

static void clock_and_key(void **state)
{
    struct bench *b = *state;
    const uint64_t now = load(b, RTC, 4);
    assert_true(now > 1600000000);
    store(b, RTC + 0x10, 4, 1);
    store(b, RTC + 0x04, 4, now);
    machine_time_service(b->machine);
    expect_pending(34);
    store(b, RTC + 0x1c, 4, 1);
    expect_pending(0);
    store(b, GPIO + 0x40c, 4, 8); /* rising */
    store(b, GPIO + 0x410, 4, 8);
    machine_press_power_key(b->machine);
    expect_pending(37);
    assert_int_equal(load(b, GPIO + 0x3fc, 4), 8);
    store(b, GPIO + 0x41c, 4, 8);
    expect_pending(0);
    usleep(110000); /* it is released by itself */
    machine_time_service(b->machine);
    assert_int_equal(load(b, GPIO + 0x3fc, 4), 0);
}

static void configuration_region(void **state)
{
    struct bench *b = *state;
    uint64_t words[4];
    assert_int_equal(guest_read(b->machine, 0x400000, words, sizeof(words)), 0);
    assert_int_equal(words[0], 2 | 2ull << 32); /* version, CPUs */
    assert_int_equal(words[3], 0x569a2cf311f49b3d);
    assert_int_equal(guest_read(b->machine, 0x400020, words, 8), 0);
    assert_int_equal(words[0], MEMORY);
    assert_int_equal(guest_read(b->machine, 0x40fff8, words, 16), -14); /* over the end */
    assert_null(guest_view(b->machine, 0x70000000 + MEMORY - 8, 16));
    assert_non_null(guest_view(b->machine, 0x70000000 + MEMORY - 8, 8));
}

/* The functions in their order: disk, two consoles (the lines that the board has no UART for),
 * entropy. */
static void pci_functions(void **state)
{
    struct bench *b = *state;
    static const uint32_t ids[] = {0x10421af4, 0x10431af4, 0x10431af4, 0x10441af4, 0xffffffff};
    for (unsigned slot = 0; slot < 5; slot++)
        assert_int_equal(load(b, ECAM + (slot << 15), 4), ids[slot]);
    assert_int_equal(load(b, ECAM + 0xffffff8, 8), UINT64_MAX);
    assert_int_equal(load(b, MMIO, 4), 0xffffffff);
    assert_int_equal(load(b, MMIO + 0x1ffeffff, 1), 0xff);
    assert_null(machine_region_at(b->machine, MMIO + 0x1fff0000, 1));
    assert_int_equal(load(b, ECAM, 8) >> 32, 0x00100000);
}

/* Makes the function in SLOT break, which interrupts with the configuration's vector. */
static void interrupt_from(struct bench *b, unsigned slot, bool msix)
{
    const uint64_t config = ECAM + (slot << 15), bar = MMIO + slot * 0x10000;
    const uint64_t cap = config + load(b, config + 0x34, 1);
    store(b, config + 0x10, 4, bar);
    store(b, config + 0x14, 4, bar + 0x8000);
    store(b, config + 0x04, 2, 6);
    store(b, cap + 2, 2, msix ? 0x8000 : 0);
    store(b, bar + 0x8000, 8, GICM + 0x40);
    store(b, bar + 0x8008, 8, 160 + 7 * slot);
    store(b, bar + 0x14, 1, 0);
    store(b, bar + 0x08, 4, 1);
    store(b, bar + 0x0c, 4, 1);
    store(b, bar + 0x14, 1, 0x0b);
    store(b, bar + 0x10, 2, msix ? 0 : 0xffff);
    store(b, bar + 0x1c, 2, 1); /* rings at address 0, where no memory is */
    store(b, bar + 0x14, 1, 0x0f);
    store(b, bar + 0x3000, 2, 0);
    machine_time_service(b->machine);
    assert_true(load(b, bar + 0x14, 1) & 0x40);
}

static void interrupt_lines(void **state)
{
    struct bench *b = *state;
    interrupt_from(b, 0, false);
    expect_pending(32 + 0x20);
    assert_int_equal(load(b, MMIO + 0x1000, 1), 2);
    expect_pending(0);
    interrupt_from(b, 3, false);
    expect_pending(32 + 0x23);
    assert_int_equal(load(b, MMIO + 0x31000, 1), 2);
    expect_pending(0);
}

static void messages(void **state)
{
    struct bench *b = *state;
    interrupt_from(b, 0, true);
    expect_pending(160);
    hv_gic_reset();
    interrupt_from(b, 3, true);
    expect_pending(160 + 21);
}

/* ---- the GICv2m frame: Arm Server Base System Architecture, appendix E ---- */

static void msi_frame(void **state)
{
    struct hv_gic *gic = hv_context()->vm->gic;
    pthread_mutex_lock(&gic->lock);
    const uint64_t typer = gic_msi_read(gic, 0x008, 4);
    assert_int_equal(typer, 1u << 31 | 160 << 16 | 128); /* bit 31 is Apple's */
    assert_int_equal(gic_msi_read(gic, 0x00a, 2), typer >> 16);
    assert_int_equal(gic_msi_read(gic, 0x008, 1), 128);
    gic_msi_write(gic, 0x008, 4, 0);
    assert_int_equal(gic_msi_read(gic, 0x008, 4), typer);
    for (uint32_t offset = 0; offset < 0xfcc; offset += 4)
        if (offset != 0x008)
            assert_int_equal(gic_msi_read(gic, offset, 4), 0);
    pthread_mutex_unlock(&gic->lock);
    for (uint32_t intid = 0; intid < 1024; intid++) {
        pthread_mutex_lock(&gic->lock);
        gic_msi_write(gic, 0x040, 4, intid);
        pthread_mutex_unlock(&gic->lock);
        if (intid < 160 || intid >= 288) {
            expect_pending(0);
            continue;
        }
        expect_pending(intid);
        assert_int_equal(
            hv_gic_set_distributor_reg(
                (hv_gic_distributor_reg_t)(HV_GIC_DISTRIBUTOR_REG_GICD_ICPENDR0 + intid / 32 * 4),
                1u << intid % 32),
            HV_SUCCESS);
    }
    for (uint32_t offset = 0; offset < 0x1000; offset += 4) {
        pthread_mutex_lock(&gic->lock);
        if (offset != 0x040)
            gic_msi_write(gic, offset, 4, 200);
        pthread_mutex_unlock(&gic->lock);
    }
    expect_pending(0);
    assert_true(machine_send_msi(((struct bench *)*state)->machine, GICM + 0x40, 200));
    expect_pending(200);
    assert_false(machine_send_msi(((struct bench *)*state)->machine, GICM + 0x44, 201));
    assert_false(machine_send_msi(((struct bench *)*state)->machine, 0x70000000, 201));
    expect_pending(200);
}

/* ---- QEMU's board ---- */

static void virt_board(void **state)
{
    struct bench *b = *state;
    assert_int_equal(load(b, 0x09000fe0, 4), 0x11);
    assert_int_equal(load(b, 0x09010fe0, 4), 0x31);
    assert_int_equal(load(b, 0x09030fe0, 4), 0x61);
    assert_int_equal(load(b, 0x0a000000, 4), 0x74726976);
    assert_int_equal(load(b, 0x3f000000, 4), 0x10421af4);
    assert_int_equal(load(b, 0x3eff0000, 4), 0xffffffff); /* nobody has I/O ports */
    store(b, 0x3effffff, 1, 0);
    assert_int_equal(load(b, 0x10000000, 4), 0xffffffff);
    store(b, 0x09000030, 4, 0x301);
    store(b, 0x09000038, 4, 0x20);
    store(b, 0x09000000, 4, 'v');
    expect_pending(33);
    assert_int_equal(b->lines[0].sent[0], 'v');
}

/* What the configuration asks for and cannot be had. */
static void refusals(void **state)
{
    struct host_loop *loop = host_loop_create();
    const struct machine_config good = {
        .board = &board_vmapple, .cpu = "apple-m1", .cpus = 1, .memory = MEMORY};
    const char *const missing[] = {"/nonexistent/disk"}, *const odd[] = {"/dev/null,bogus"};
    struct machine_config configs[8];
    struct error err;
    for (unsigned i = 0; i < 8; i++)
        configs[i] = good;
    configs[0].cpus = 0;
    configs[1].cpus = 33;
    configs[2].memory = 0;
    configs[3].memory = MEMORY + 0x1000;
    configs[4].memory = 1ull << 41;
    configs[5].cpu = "apple-m99";
    configs[6].disks = missing;
    configs[7].disks = odd;
    configs[6].disk_count = configs[7].disk_count = 1;
    for (unsigned i = 0; i < 8; i++) {
        memset(&err, 0, sizeof(err));
        assert_null(machine_create(&configs[i], loop, &err));
        assert_int_not_equal(err.code, 0);
        assert_int_not_equal(err.text[0], 0);
    }
    host_loop_destroy(loop);
}

#define VMAPPLE(name) cmocka_unit_test_setup_teardown(name, setup_vmapple, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VMAPPLE(identification),
        VMAPPLE(serial_line),
        VMAPPLE(clock_and_key),
        VMAPPLE(configuration_region),
        VMAPPLE(pci_functions),
        VMAPPLE(interrupt_lines),
        VMAPPLE(messages),
        VMAPPLE(msi_frame),
        cmocka_unit_test_setup_teardown(virt_board, setup_virt, teardown),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
