/* SPDX-License-Identifier: MIT */
/* The PCI host against PCI Local Bus 3.0 and the PCIe ECAM layout, with a function made for the
 * test: configuration header, BARs, decoding, INTx, MSI-X. */

#include "dev_virtio.h"

#include <errno.h>

#define VECTORS 40

/* A function with two BARs of memory, and MSI-X in BAR 4. */
struct fake {
    struct pci_function fn;
    uint8_t memory[0x10000];
    unsigned resets;
};

static uint64_t fake_read(struct pci_function *fn, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, ((struct fake *)fn)->memory + offset, size);
    return value;
}

static void fake_write(struct pci_function *fn, uint64_t offset, unsigned size, uint64_t value)
{
    memcpy(((struct fake *)fn)->memory + offset, &value, size);
}

static void fake_reset(struct pci_function *fn)
{
    ((struct fake *)fn)->resets++;
}

static struct fake *add_fake(struct pci_rig *rig)
{
    static const struct pci_ids ids = {.vendor = 0x1234,
                                       .device = 0x5678,
                                       .subsystem_vendor = 0x9abc,
                                       .subsystem = 0xdef0,
                                       .revision = 0x42,
                                       .class_code = 0x010802};
    struct fake *fake = calloc(1, sizeof(*fake));
    fake->fn.dev.machine = rig->m;
    assert_int_equal(pci_bus_add(&rig->bus, &fake->fn, &ids), 0);
    pci_set_bar(&fake->fn, 0,
                &(struct pci_bar){.size = 0x10000, .read = fake_read, .write = fake_write});
    pci_set_bar(&fake->fn, 2,
                &(struct pci_bar){.size = 16, .read = fake_read, .write = fake_write});
    pci_add_msix(&fake->fn, 4, VECTORS);
    fake->fn.reset = fake_reset;
    pci_function_reset(&fake->fn);
    return fake;
}

static int setup(void **state)
{
    struct pci_rig *rig = calloc(1, sizeof(*rig));
    pci_rig_init(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct pci_rig *rig = *state;
    for (unsigned i = 0; i < PCI_SLOTS; i++)
        free(rig->bus.functions[i]);
    pci_rig_free(rig);
    free(rig);
    return 0;
}

static void header(void **state)
{
    struct pci_rig *rig = *state;
    add_fake(rig);
    assert_int_equal(config_read(rig, 0, 0x00, 4), 0x56781234);
    assert_int_equal(config_read(rig, 0, 0x04, 4), 0x00100000); /* a list of capabilities */
    assert_int_equal(config_read(rig, 0, 0x08, 4), 0x01080242);
    assert_int_equal(config_read(rig, 0, 0x0e, 1), 0); /* header type 0, one function */
    assert_int_equal(config_read(rig, 0, 0x2c, 4), 0xdef09abc);
    assert_int_equal(config_read(rig, 0, 0x30, 4), 0);      /* no ROM */
    assert_int_equal(config_read(rig, 0, 0x3c, 2), 0x0100); /* INTA */
    assert_int_equal(config_read(rig, 0, 0x00, 8), 0x0010000056781234);
    assert_int_equal(config_read(rig, 0, 0x02, 2), 0x5678);
    assert_int_equal(config_read(rig, 0, 0x09, 1), 0x02);
}

/* What all ones change in every dword of the header and of the capability. */
static void writable_bits(void **state)
{
    static const uint32_t bits[0x40 / 4] = {[0x04 / 4] = 0x0546,     [0x0c / 4] = 0xff,
                                            [0x10 / 4] = 0xffff0000, [0x18 / 4] = ~15u,
                                            [0x20 / 4] = 0xfffff000, [0x3c / 4] = 0xff};
    struct pci_rig *rig = *state;
    struct fake *fake = add_fake(rig);
    for (unsigned at = 0; at < 0x1000; at += 4) {
        uint32_t wanted = at < 0x40 ? bits[at / 4] : 0;
        if (at == fake->fn.msix_cap)
            wanted = 0xc0000000;
        const uint32_t before = (uint32_t)config_read(rig, 0, at, 4);
        config_write(rig, 0, at, 4, 0xffffffff);
        const uint32_t after = (uint32_t)config_read(rig, 0, at, 4);
        assert_int_equal(after, before | wanted);
        config_write(rig, 0, at, 4, 0);
        assert_int_equal(config_read(rig, 0, at, 4), before & ~wanted);
    }
}

static void nobody_there(void **state)
{
    struct pci_rig *rig = *state;
    add_fake(rig);
    for (unsigned size = 1; size <= 8; size *= 2) {
        const uint64_t ones = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
        assert_int_equal(config_read(rig, 1, 0, size), ones);
        assert_int_equal(pci_ecam_read(&rig->bus, 1 << 12, size), ones);   /* function 1 */
        assert_int_equal(pci_ecam_read(&rig->bus, 1 << 20, size), ones);   /* bus 1 */
        assert_int_equal(pci_ecam_read(&rig->bus, 0xfffffff, size), ones); /* the last byte */
        pci_ecam_write(&rig->bus, 1 << 20 | 4, size, ones);
        assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x1000, size), ones);
        mmio_write(rig, WINDOW_BASE + 0x1000, size, 0);
    }
    assert_int_equal(config_read(rig, 0, 4, 2), 0);
    assert_int_equal(config_read(rig, 0, 0x100, 4), 0); /* no extended capabilities */
}

static void bars(void **state)
{
    struct pci_rig *rig = *state;
    add_fake(rig);
    assert_int_equal(bar_size(rig, 0, 0), 0x10000);
    assert_int_equal(bar_size(rig, 0, 1), 0);
    assert_int_equal(bar_size(rig, 0, 2), 16);
    assert_int_equal(bar_size(rig, 0, 4), 0x1000);
    assert_int_equal(config_read(rig, 0, 0x10, 4) & 15, 0); /* 32-bit memory, not prefetchable */
    config_write(rig, 0, 0x10, 2, 0x1234);                  /* byte by byte as well */
    config_write(rig, 0, 0x12, 1, 0x02);
    config_write(rig, 0, 0x13, 1, 0x50);
    assert_int_equal(config_read(rig, 0, 0x10, 4), 0x50020000);
}

static void decoding(void **state)
{
    struct pci_rig *rig = *state;
    struct fake *fake = add_fake(rig);
    config_write(rig, 0, 0x10, 4, WINDOW_BASE + 0x20000);
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x20000, 4),
                     0xffffffff); /* memory space is off */
    config_write(rig, 0, 0x04, 2, 2);
    fake->memory[0] = 0x5a;
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x20000, 4), 0x5a);
    mmio_write(rig, WINDOW_BASE + 0x2fff8, 8, 0x1122334455667788);
    assert_int_equal(fake->memory[0xffff], 0x11);
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x2ffff, 1), 0x11);
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x2fffe, 4), 0xffffffff); /* leaves the BAR */
    mmio_write(rig, WINDOW_BASE + 0x2fffe, 4, 0);
    assert_int_equal(fake->memory[0xffff], 0x11);
    config_write(rig, 0, 0x10, 4, WINDOW_BASE + 0x40000);
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x20000, 4), 0xffffffff);
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x40000, 1), 0x5a);
    config_write(rig, 0, 0x10, 4, 0); /* as macOS may: out of the window, and no harm */
    assert_int_equal(mmio_read(rig, WINDOW_BASE + 0x40000, 1), 0xff);
    config_write(rig, 0, 0x10, 4, 0xffff0000);
    assert_int_equal(mmio_read(rig, WINDOW_BASE + WINDOW_SIZE - 8, 8), UINT64_MAX);
    /* Two functions at one address: one of them answers. */
    struct fake *other = add_fake(rig);
    other->memory[0] = 0xa5;
    config_write(rig, 0, 0x10, 4, WINDOW_BASE);
    config_write(rig, 1, 0x10, 4, WINDOW_BASE);
    config_write(rig, 1, 0x04, 2, 2);
    assert_int_equal(mmio_read(rig, WINDOW_BASE, 1), 0x5a);
    config_write(rig, 0, 0x04, 2, 0);
    assert_int_equal(mmio_read(rig, WINDOW_BASE, 1), 0xa5);
}

/* Line = (slot + pin) mod lines; functions on one line share it. */
static void interrupt_lines(void **state)
{
    struct pci_rig *rig = *state;
    struct fake *fakes[PCI_SLOTS];
    for (unsigned i = 0; i < PCI_SLOTS; i++)
        fakes[i] = add_fake(rig);
    struct pci_function extra = {0};
    assert_int_equal(pci_bus_add(&rig->bus, &extra, &(struct pci_ids){0}), -ENOSPC);
    for (unsigned i = 0; i < PCI_SLOTS; i++) {
        pci_set_intx(&fakes[i]->fn, true);
        for (unsigned line = 0; line < 16; line++)
            assert_int_equal(rig->m->level[line], line == i % 16);
        pci_set_intx(&fakes[i]->fn, false);
        assert_false(rig->m->level[i % 16]);
    }
    pci_set_intx(&fakes[3]->fn, true);
    pci_set_intx(&fakes[19]->fn, true);
    pci_set_intx(&fakes[3]->fn, false);
    pci_set_intx(&fakes[3]->fn, false);
    assert_true(rig->m->level[3]);
    pci_set_intx(&fakes[19]->fn, false);
    assert_false(rig->m->level[3]);
    rig->bus.intx_count = 4; /* the board `virt` */
    pci_set_intx(&fakes[7]->fn, true);
    assert_true(rig->m->level[3]);
}

static void interrupt_disable(void **state)
{
    struct pci_rig *rig = *state;
    struct fake *fake = add_fake(rig);
    pci_set_intx(&fake->fn, true);
    assert_true(rig->m->level[0]);
    assert_int_equal(config_read(rig, 0, 0x06, 2), 0x18); /* interrupt status, capabilities */
    config_write(rig, 0, 0x04, 2, 0x400);
    assert_false(rig->m->level[0]);
    assert_int_equal(config_read(rig, 0, 0x06, 2), 0x18); /* the status does not care */
    config_write(rig, 0, 0x04, 2, 0);
    assert_true(rig->m->level[0]);
    config_write(rig, 0, fake->fn.msix_cap + 2u, 2, 0x8000); /* MSI-X instead */
    assert_false(rig->m->level[0]);
    config_write(rig, 0, fake->fn.msix_cap + 2u, 2, 0);
    assert_true(rig->m->level[0]);
    pci_set_intx(&fake->fn, false);
    assert_int_equal(config_read(rig, 0, 0x06, 2), 0x10);
    assert_false(rig->m->level[0]);
}

/* ---- MSI-X ---- */

static uint64_t table_at(struct pci_rig *rig)
{
    return config_read(rig, 0, 0x20, 4);
}

static void set_entry(struct pci_rig *rig, unsigned vector, uint32_t control)
{
    const uint64_t entry = table_at(rig) + 16 * vector;
    mmio_write(rig, entry, 4, 0x1fff0040);
    mmio_write(rig, entry + 4, 4, vector);
    mmio_write(rig, entry + 8, 4, 160 + vector);
    mmio_write(rig, entry + 12, 4, control);
}

static void msix_control(struct pci_rig *rig, struct fake *fake, uint16_t value)
{
    config_write(rig, 0, fake->fn.msix_cap + 2u, 2, value);
}

static void msix_capability(void **state)
{
    struct pci_rig *rig = *state;
    add_fake(rig);
    const unsigned cap = find_capability(rig, 0, 0x11, 0);
    assert_int_equal(cap, 0x40);
    assert_int_equal(config_read(rig, 0, cap + 1, 1), 0); /* the last one */
    assert_int_equal(config_read(rig, 0, cap + 2, 2), VECTORS - 1);
    assert_int_equal(config_read(rig, 0, cap + 4, 4), 4);         /* table: BAR 4, offset 0 */
    assert_int_equal(config_read(rig, 0, cap + 8, 4), 0x800 | 4); /* pending bits */
    assert_int_equal(find_capability(rig, 0, 0x05, 0), 0);        /* no plain MSI */
}

static void msix_table(void **state)
{
    struct pci_rig *rig = *state;
    add_fake(rig);
    enable_function(rig, 0);
    const uint64_t table = table_at(rig);
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        const uint64_t entry = table + 16 * vector;
        assert_int_equal(mmio_read(rig, entry, 8), 0);
        assert_int_equal(mmio_read(rig, entry + 8, 8), 1ull << 32); /* masked */
        mmio_write(rig, entry, 4, 0xffffffff);
        mmio_write(rig, entry + 4, 4, vector);
        mmio_write(rig, entry + 8, 4, 0xabcd0000 + vector);
        mmio_write(rig, entry + 12, 4, 0xfffffffe);
        assert_int_equal(mmio_read(rig, entry, 8), (uint64_t)vector << 32 | 0xfffffffc);
        assert_int_equal(mmio_read(rig, entry + 8, 8),
                         0xabcd0000 + vector); /* one bit of control */
        mmio_write(rig, entry, 8, 0x1122334455667788);
        mmio_write(rig, entry + 8, 8, 0x1cafe0001);
        assert_int_equal(mmio_read(rig, entry + 4, 4), 0x11223344);
        assert_int_equal(mmio_read(rig, entry + 8, 8), 0x1cafe0001);
        assert_int_equal(mmio_read(rig, entry + 2, 2), 0x5566);
        mmio_write(rig, entry + 8, 2, 0); /* narrow writes do nothing */
        mmio_write(rig, entry + 8, 1, 0);
        assert_int_equal(mmio_read(rig, entry + 8, 4), 0xcafe0001);
    }
    mmio_write(rig, table + 16 * VECTORS, 8, UINT64_MAX); /* behind the table */
    assert_int_equal(mmio_read(rig, table + 16 * VECTORS, 8), 0);
    mmio_write(rig, table + 0x800, 8, UINT64_MAX); /* pending bits are read-only */
    assert_int_equal(mmio_read(rig, table + 0x800, 8), 0);
    assert_int_equal(mmio_read(rig, table + 0xff8, 8), 0);
}

static void msix_messages(void **state)
{
    struct pci_rig *rig = *state;
    struct fake *fake = add_fake(rig);
    enable_function(rig, 0);
    for (unsigned vector = 0; vector < VECTORS; vector++)
        set_entry(rig, vector, 0);
    pci_msix_notify(&fake->fn, 1);
    assert_int_equal(rig->m->msi_count, 0); /* not enabled: neither sent nor pending */
    assert_int_equal(mmio_read(rig, table_at(rig) + 0x800, 8), 0);
    msix_control(rig, fake, 0x8000);
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        pci_msix_notify(&fake->fn, vector);
        assert_int_equal(rig->m->msi_count, vector + 1);
        assert_int_equal(rig->m->msi.address, (uint64_t)vector << 32 | 0x1fff0040);
        assert_int_equal(rig->m->msi.data, 160 + vector);
    }
    pci_msix_notify(&fake->fn, VECTORS);
    pci_msix_notify(&fake->fn, 0xffff);
    assert_int_equal(rig->m->msi_count, VECTORS);
    config_write(rig, 0, 0x04, 2, 2); /* no master: no messages */
    pci_msix_notify(&fake->fn, 0);
    assert_int_equal(rig->m->msi_count, VECTORS);
}

static void msix_masks(void **state)
{
    struct pci_rig *rig = *state;
    struct fake *fake = add_fake(rig);
    enable_function(rig, 0);
    for (unsigned vector = 0; vector < VECTORS; vector++)
        set_entry(rig, vector, 1);
    const uint64_t pending = table_at(rig) + 0x800;
    msix_control(rig, fake, 0x8000);
    pci_msix_notify(&fake->fn, 0);
    pci_msix_notify(&fake->fn, 33);
    pci_msix_notify(&fake->fn, 33);
    assert_int_equal(rig->m->msi_count, 0);
    assert_int_equal(mmio_read(rig, pending, 8), 1ull << 33 | 1);
    assert_int_equal(mmio_read(rig, pending + 4, 4), 2);
    set_entry(rig, 33, 0);
    assert_int_equal(rig->m->msi_count, 1); /* once, however often it was asked for */
    assert_int_equal(rig->m->msi.data, 193);
    assert_int_equal(mmio_read(rig, pending, 8), 1);
    msix_control(rig, fake, 0xc000); /* all masked */
    pci_msix_notify(&fake->fn, 33);
    set_entry(rig, 0, 0);
    assert_int_equal(rig->m->msi_count, 1);
    assert_int_equal(mmio_read(rig, pending, 8), 1ull << 33 | 1);
    msix_control(rig, fake, 0x8000);
    assert_int_equal(rig->m->msi_count, 3);
    assert_int_equal(mmio_read(rig, pending, 8), 0);
}

static void reset(void **state)
{
    struct pci_rig *rig = *state;
    struct fake *fake = add_fake(rig);
    const unsigned resets = fake->resets;
    enable_function(rig, 0);
    msix_control(rig, fake, 0x8000);
    set_entry(rig, 5, 1);
    pci_msix_notify(&fake->fn, 5);
    config_write(rig, 0, 0x3c, 1, 77);
    pci_set_intx(&fake->fn, true);
    pci_function_reset(&fake->fn);
    assert_int_equal(fake->resets, resets + 1);
    assert_false(rig->m->level[0]);
    assert_int_equal(config_read(rig, 0, 0x04, 4), 0x00100000);
    assert_int_equal(config_read(rig, 0, 0x10, 4), 0);
    assert_int_equal(config_read(rig, 0, 0x20, 4), 0);
    assert_int_equal(config_read(rig, 0, 0x3c, 2), 0x0100);
    assert_int_equal(config_read(rig, 0, fake->fn.msix_cap + 2u, 2), VECTORS - 1);
    enable_function(rig, 0);
    assert_int_equal(mmio_read(rig, table_at(rig) + 0x58, 8), 1ull << 32);
    assert_int_equal(mmio_read(rig, table_at(rig) + 0x800, 8), 0);
    assert_int_equal(rig->m->msi_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(header),     TEST(writable_bits),   TEST(nobody_there),      TEST(bars),
        TEST(decoding),   TEST(interrupt_lines), TEST(interrupt_disable), TEST(msix_capability),
        TEST(msix_table), TEST(msix_messages),   TEST(msix_masks),        TEST(reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
