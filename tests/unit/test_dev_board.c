/* SPDX-License-Identifier: MIT */
/* The small devices of the boards (pvpanic, the configuration region, empty virtio-mmio
 * transports), and how accesses are cut into the widths that a device answers. */

#include "dev_rig.h"

#include <stdio.h>

#include "device/cfg.h"
#include "device/pvpanic.h"
#include "device/virtio_mmio.h"

static int setup(void **state)
{
    *state = rig_create();
    return 0;
}

static int teardown(void **state)
{
    rig_destroy(*state);
    return 0;
}

/* ---- pvpanic: QEMU's docs/specs/pvpanic ---- */

static void pvpanic_events(void **state)
{
    static const struct {
        uint8_t event;
        enum machine_stop stop;
        unsigned warnings;
    } cases[] = {
        {0, MACHINE_RUNNING, 0},  {1, MACHINE_PANIC, 0}, {2, MACHINE_RUNNING, 1},
        {4, MACHINE_OFF, 0},      {3, MACHINE_PANIC, 0}, {8, MACHINE_RUNNING, 1},
        {0xf9, MACHINE_PANIC, 1},
    };
    struct machine *m = *state;
    struct device *dev = rig_device(m, &pvpanic_class, 0x20070000, NULL);
    rig_check_reset_values(dev, NULL);
    assert_int_equal(device_read(dev, 0, 1), 7);
    assert_int_equal(device_read(dev, 1, 1), 0);
    assert_int_equal(device_read(dev, 0, 2), 7);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        m->stop = MACHINE_RUNNING;
        m->warnings = 0;
        device_write(dev, 0, 1, cases[i].event);
        assert_int_equal(m->stop, cases[i].stop);
        assert_int_equal(m->warnings, cases[i].warnings);
    }
    m->stop = MACHINE_RUNNING;
    device_write(dev, 1, 1, 1);
    assert_int_equal(m->stop, MACHINE_RUNNING);
    device_write(dev, 0, 2, 0x0001);
    assert_int_equal(m->stop, MACHINE_PANIC);
    device_destroy(dev);
}

/* ---- the configuration region ---- */

static uint64_t at(struct machine *m, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    assert_int_equal(guest_read(m, m->cfg_base + offset, &value, size), 0);
    return value;
}

static void check_string(struct machine *m, uint64_t offset, const char *text)
{
    char found[32];
    assert_int_equal(guest_read(m, m->cfg_base + offset, found, sizeof(found)), 0);
    char wanted[32] = {0};
    memcpy(wanted, text, strlen(text));
    assert_memory_equal(found, wanted, sizeof(wanted));
}

static void check_strings(struct machine *m, uint64_t offset)
{
    check_string(m, offset, "1234");
    check_string(m, offset + 0x20, "D/A");
    check_string(m, offset + 0x40, "VM0001");
    check_string(m, offset + 0x60, "");
    assert_int_equal(at(m, offset + 0x80, 4), 1);
    check_string(m, offset + 0x84, "Apple M1 (Virtual)");
}

static void cfg_region(void **state)
{
    static const struct {
        uint32_t offset, value;
    } words[] = {{0x00, 2}, {0x04, 5}, {0x08, 1}, {0x0c, 1}, {0x10, 0x20}, {0x14, 0},
                 {0x28, 0}, {0x2c, 1}, {0x30, 1}, {0x34, 0}, {0x3c, 0},    {0x60, 0}};
    const struct cfg_config config = {
        .cpus = 5,
        .ram_size = 0x180000000,
        .ecid = 0x569a2cf311f49b3d,
        .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 3}, {2, 0, 0, 0, 0, 4}}};
    struct machine *m = *state;
    m->random = 0x11;
    struct device *dev = rig_device(m, &cfg_class, m->cfg_base, &config);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_int_equal(at(m, words[i].offset, 4), words[i].value);
    assert_int_equal(at(m, 0x18, 8), config.ecid);
    assert_int_equal(at(m, 0x20, 8), config.ram_size);
    assert_int_equal(at(m, 0x38, 4), 0x14131211);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(at(m, 0x40 + 8 * i, 8), 2 | (i + 1ull) << 40);
    for (unsigned i = 0; i < 0x80; i++)
        assert_int_equal(at(m, 0x100 + 4 * i, 4), i);
    check_strings(m, 0x380);
    check_strings(m, 0x500);
    const uint8_t scribble[16] = {0xff, 0xff};
    guest_write(m, m->cfg_base, scribble, sizeof(scribble));
    device_reset(dev);
    assert_int_equal(at(m, 0x00, 4), 2);          /* rebuilt */
    assert_int_equal(at(m, 0x38, 4), 0x18171615); /* and with a fresh seed */
    device_destroy(dev);
}

/* ---- virtio-mmio: OASIS virtio 1.2, 4.2.2.2: device number 0 is to be ignored ---- */

static void empty_transports(void **state)
{
    struct device *dev = rig_device(*state, &virtio_mmio_class, 0x0a000000, NULL);
    for (unsigned slot = 0; slot < 32; slot++) {
        assert_int_equal(r32(dev, slot * 0x200), 0x74726976);
        assert_int_equal(r32(dev, slot * 0x200 + 4), 2);
        assert_int_equal(r32(dev, slot * 0x200 + 8), 0);
        w32(dev, slot * 0x200 + 0x70, 1);
        assert_int_equal(r32(dev, slot * 0x200 + 0x70), 0);
    }
    device_destroy(dev);
}

/* ---- widths ---- */

static char told[256];

static uint64_t tell_read(struct device *dev, uint64_t offset, unsigned size)
{
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "r%u@%u ", size, (unsigned)offset);
    return 0x8877665544332211ull >> 8 * (offset & 7);
}

static void tell_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "w%u@%u=%llx ", size,
             (unsigned)offset, (unsigned long long)value);
}

static void expect_read(struct device *dev, uint64_t offset, unsigned size, uint64_t value,
                        const char *how)
{
    told[0] = 0;
    assert_int_equal(device_read(dev, offset, size), value);
    assert_string_equal(told, how);
}

static void expect_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value,
                         const char *how)
{
    told[0] = 0;
    device_write(dev, offset, size, value);
    assert_string_equal(told, how);
}

static void access_widths(void **state)
{
    const struct device_class words = {.name = "words",
                                       .state_size = sizeof(struct device),
                                       .access_min = 4,
                                       .access_max = 4,
                                       .read = tell_read,
                                       .write = tell_write};
    const struct device_class any = {
        .name = "any", .state_size = sizeof(struct device), .read = tell_read, .write = tell_write};
    const struct device_class none = {.name = "none", .state_size = sizeof(struct device)};
    struct device *dev = rig_device(*state, &words, 0, NULL);
    expect_read(dev, 0, 4, 0x44332211, "r4@0 ");
    expect_read(dev, 0, 8, 0x8877665544332211, "r4@0 r4@4 ");
    expect_read(dev, 6, 1, 0x77, "r4@4 ");
    expect_read(dev, 2, 2, 0x4433, "r4@0 ");
    expect_read(dev, 3, 2, 0x5544, "r4@0 r4@4 ");
    expect_write(dev, 0, 4, 0x1234567890, "w4@0=34567890 ");
    expect_write(dev, 0, 8, 0x1122334455667788, "w4@0=55667788 w4@4=11223344 ");
    expect_write(dev, 5, 1, 0x1ab, "w4@4=ab00 ");
    expect_write(dev, 1, 2, 0xbbaa, "w4@0=aa00 w4@0=bb0000 ");
    device_destroy(dev);
    dev = rig_device(*state, &any, 0, NULL);
    expect_read(dev, 0, 8, 0x8877665544332211, "r8@0 ");
    expect_read(dev, 1, 1, 0x22, "r1@1 ");
    expect_read(dev, 1, 4, 0x55443322, "r1@1 r1@2 r1@3 r1@4 ");
    expect_write(dev, 0, 8, UINT64_MAX, "w8@0=ffffffffffffffff ");
    expect_write(dev, 2, 2, 0x12345, "w2@2=2345 ");
    device_destroy(dev);
    dev = rig_device(*state, &none, 0, NULL);
    assert_int_equal(device_read(dev, 0, 8), 0);
    device_write(dev, 0, 8, 1);
    device_destroy(dev);
}

static void primecell_numbers(void **state)
{
    uint64_t value = 77;
    assert_false(primecell_id(0x00041061, 0xfdc, &value));
    assert_false(primecell_id(0x00041061, 0x1000, &value));
    assert_int_equal(value, 77);
    assert_true(primecell_id(0x00041061, 0xfe8, &value));
    assert_int_equal(value, 4);
    assert_true(primecell_id(0x00041061, 0xffc, &value));
    assert_int_equal(value, 0xb1);
}

static int refuse(struct device *dev)
{
    return -12;
}

static void refusing_device(void **state)
{
    const struct device_class cls = {
        .name = "refusing", .state_size = sizeof(struct device), .init = refuse};
    int result = 0;
    assert_null(device_create(&cls, *state, 0, NULL, 0, NULL, &result));
    assert_int_equal(result, -12);
    device_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pvpanic_events), TEST(cfg_region),        TEST(empty_transports),
        TEST(access_widths),  TEST(primecell_numbers), TEST(refusing_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
