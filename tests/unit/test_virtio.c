/* SPDX-License-Identifier: MIT */
/* PCI and virtio against a driver of a few lines, on a machine that is a buffer: configuration
 * space, BARs, MSI-X, INTx, the block device's requests, snapshots, and rings that lie.
 * Expectations are those of PCI 3.0 and OASIS virtio 1.2. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/virtio_blk.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"
#include "host/block.h"

#define RAM_BASE 0x70000000ull
#define RAM_SIZE 0x40000u
#define WINDOW   0x50000000ull

/* ---- the machine ---- */

struct machine {
    uint8_t ram[RAM_SIZE];
    bool level[16];
    uint64_t msi_address;
    uint32_t msi_data;
    unsigned msi_count;
    void (*work)(void *ctx);
    void *work_ctx;
    uint64_t random;
};

static uint8_t *at(struct machine *m, uint64_t gpa, size_t size)
{
    const uint64_t offset = gpa - RAM_BASE;
    return gpa >= RAM_BASE && offset <= RAM_SIZE && size <= RAM_SIZE - offset ? m->ram + offset
                                                                              : NULL;
}

int guest_read(struct machine *m, uint64_t gpa, void *out, size_t size)
{
    const uint8_t *from = at(m, gpa, size);
    if (!from)
        return -EFAULT;
    memcpy(out, from, size);
    return 0;
}

int guest_write(struct machine *m, uint64_t gpa, const void *data, size_t size)
{
    uint8_t *to = at(m, gpa, size);
    if (!to)
        return -EFAULT;
    memcpy(to, data, size);
    return 0;
}

void machine_defer(struct machine *m, void (*work)(void *ctx), void *ctx)
{
    m->work = work;
    m->work_ctx = ctx;
}

void machine_random(struct machine *m, void *out, size_t size)
{
    memset(out, 0x5a, size);
}

void device_warn(struct device *dev, uint64_t offset, const char *format, ...)
{
}

static bool send_msi(struct machine *m, uint64_t address, uint32_t data)
{
    m->msi_address = address;
    m->msi_data = data;
    m->msi_count++;
    return true;
}

static void set_level(void *ctx, unsigned number, bool level)
{
    ((struct machine *)ctx)->level[number] = level;
}

static void run_work(struct machine *m)
{
    void (*work)(void *ctx) = m->work;
    m->work = NULL;
    if (work)
        work(m->work_ctx);
}

/* ---- a bench: one bus, one disk ---- */

struct bench {
    struct machine m;
    struct pci_bus bus;
    struct virtio_device *disk;
    char path[64];
};

#define NOTIFY 0x3000
#define DESC   (RAM_BASE + 0x1000)
#define AVAIL  (RAM_BASE + 0x2000)
#define USED   (RAM_BASE + 0x3000)
#define HEADER (RAM_BASE + 0x4000)
#define DATA   (RAM_BASE + 0x5000)
#define STATUS (RAM_BASE + 0x6000)

static void put(struct bench *b, uint64_t gpa, uint64_t value, unsigned size)
{
    memcpy(at(&b->m, gpa, size), &value, size);
}

static uint64_t get(struct bench *b, uint64_t gpa, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, at(&b->m, gpa, size), size);
    return value;
}

static uint64_t bar(struct bench *b, uint64_t offset, unsigned size)
{
    return pci_window_read(&b->bus, offset, size);
}

static void set_bar(struct bench *b, uint64_t offset, unsigned size, uint64_t value)
{
    pci_window_write(&b->bus, offset, size, value);
}

static void make_bench(struct bench *b, bool snapshot, bool read_only)
{
    struct error err = {0};
    int result;
    memset(b, 0, sizeof(*b));
    strcpy(b->path, "/tmp/pomona-test-XXXXXX");
    const int fd = mkstemp(b->path);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    b->bus = (struct pci_bus){.machine = &b->m,
                              .intx_count = 16,
                              .send_msi = send_msi,
                              .window_base = WINDOW,
                              .window_size = 0x100000};
    for (unsigned i = 0; i < 16; i++)
        b->bus.intx[i] = (struct irq_line){set_level, &b->m, i};
    struct block_file *file = block_open(
        &(struct block_options){.path = b->path, .snapshot = snapshot, .read_only = read_only},
        &err);
    assert_non_null(file);
    b->disk = virtio_blk_create(&b->bus, file, "serial-7", &result);
    assert_non_null(b->disk);
    pci_ecam_write(&b->bus, 0x10, 4, WINDOW);
    pci_ecam_write(&b->bus, 0x14, 4, WINDOW + 0x10000);
    pci_ecam_write(&b->bus, 0x04, 2, 6);
}

static void free_bench(struct bench *b)
{
    virtio_destroy(b->disk);
    unlink(b->path);
}

static void start_driver(struct bench *b)
{
    set_bar(b, 0x14, 1, 0);
    set_bar(b, 0x14, 1, 3);
    set_bar(b, 0x08, 4, 1);
    set_bar(b, 0x0c, 4, 1); /* VERSION_1 and nothing else */
    set_bar(b, 0x14, 1, 0x0b);
    assert_int_equal(bar(b, 0x14, 1), 0x0b);
    set_bar(b, 0x16, 2, 0);
    set_bar(b, 0x18, 2, 8);
    set_bar(b, 0x20, 8, DESC);
    set_bar(b, 0x28, 8, AVAIL);
    set_bar(b, 0x30, 8, USED);
    set_bar(b, 0x1c, 2, 1);
    set_bar(b, 0x14, 1, 0x0f);
}

static void describe(struct bench *b, unsigned index, uint64_t address, uint32_t size,
                     uint16_t flags, uint16_t next)
{
    const uint64_t desc = DESC + 16 * index;
    put(b, desc, address, 8);
    put(b, desc + 8, size, 4);
    put(b, desc + 12, flags, 2);
    put(b, desc + 14, next, 2);
}

static void kick(struct bench *b)
{
    const uint16_t index = (uint16_t)get(b, AVAIL + 2, 2);
    put(b, AVAIL + 4 + 2 * (index % 8), 0, 2);
    put(b, AVAIL + 2, index + 1u, 2);
    set_bar(b, NOTIFY, 2, 0);
    run_work(&b->m);
}

static unsigned request(struct bench *b, uint32_t type, uint64_t sector, uint32_t size,
                        bool device_writes)
{
    put(b, HEADER, type, 8);
    put(b, HEADER + 8, sector, 8);
    put(b, STATUS, 0xff, 1);
    describe(b, 0, HEADER, 16, 1, size ? 1 : 2);
    describe(b, 1, DATA, size, device_writes ? 3 : 1, 2);
    describe(b, 2, STATUS, 1, 2, 0);
    kick(b);
    return (unsigned)get(b, STATUS, 1);
}

/* ---- tests ---- */

static void bars_and_ids(void **state)
{
    struct bench *b = malloc(sizeof(*b));
    make_bench(b, false, false);
    assert_int_equal(pci_ecam_read(&b->bus, 0, 4), 0x10421af4);
    assert_int_equal(pci_ecam_read(&b->bus, 1 << 15, 4), 0xffffffff); /* an empty slot */
    assert_int_equal(pci_ecam_read(&b->bus, 1 << 12, 4), 0xffffffff); /* function 1 */
    pci_ecam_write(&b->bus, 0x10, 4, 0xffffffff);
    assert_int_equal(pci_ecam_read(&b->bus, 0x10, 4), 0xffffc000); /* 16 KiB */
    pci_ecam_write(&b->bus, 0x18, 4, 0xffffffff);
    assert_int_equal(pci_ecam_read(&b->bus, 0x18, 4), 0); /* no BAR 2 */
    pci_ecam_write(&b->bus, 0, 4, 0);
    assert_int_equal(pci_ecam_read(&b->bus, 0, 2), 0x1af4); /* read-only */
    pci_ecam_write(&b->bus, 0x04, 2, 0);
    assert_int_equal(bar(b, 0x12, 2), 0xffff); /* memory decoding off */
    free_bench(b);
    free(b);
}

static void reads_and_writes(void **state)
{
    struct bench *b = malloc(sizeof(*b));
    make_bench(b, false, false);
    start_driver(b);
    memset(at(&b->m, DATA, 1024), 0xa7, 1024);
    assert_int_equal(request(b, 1, 5, 1024, false), 0);
    memset(at(&b->m, DATA, 1024), 0, 1024);
    assert_int_equal(request(b, 0, 5, 1024, true), 0);
    assert_int_equal(get(b, DATA + 1023, 1), 0xa7);
    assert_int_equal(get(b, USED + 2, 2), 2);            /* two requests used */
    assert_int_equal(get(b, USED + 4 + 8 + 4, 4), 1025); /* bytes written by the second */
    assert_true(b->m.level[0]);                          /* INTx of slot 0 */
    assert_int_equal(bar(b, 0x1000, 1), 1);              /* ISR, and reading acknowledges */
    assert_false(b->m.level[0]);
    assert_int_equal(request(b, 4, 0, 0, false), 0);
    assert_int_equal(request(b, 8, 0, 20, true), 0);
    assert_memory_equal(at(&b->m, DATA, 8), "serial-7", 8);
    assert_int_equal(request(b, 0, 2048, 512, true), 1);      /* behind the end */
    assert_int_equal(request(b, 0, ~0ull / 2, 512, true), 1); /* overflow */
    assert_int_equal(request(b, 0, 0, 100, true), 1);         /* no whole sector */
    assert_int_equal(request(b, 77, 0, 512, true), 2);        /* unknown type */
    put(b, DATA, 5, 8);
    put(b, DATA + 8, 2, 8);
    assert_int_equal(request(b, 13, 0, 16, false), 0); /* write zeroes */
    assert_int_equal(request(b, 0, 5, 512, true), 0);
    assert_int_equal(get(b, DATA, 8), 0);
    free_bench(b);
    free(b);
}

static void snapshots_and_read_only(void **state)
{
    struct bench *b = malloc(sizeof(*b));
    char byte = 1;
    make_bench(b, true, false);
    start_driver(b);
    memset(at(&b->m, DATA, 512), 0x33, 512);
    assert_int_equal(request(b, 1, 3, 512, false), 0);
    memset(at(&b->m, DATA, 512), 0, 512);
    assert_int_equal(request(b, 0, 3, 512, true), 0);
    assert_int_equal(get(b, DATA, 1), 0x33);
    const int fd = open(b->path, O_RDONLY);
    assert_int_equal(pread(fd, &byte, 1, 3 * 512), 1);
    assert_int_equal(byte, 0); /* the image is untouched */
    close(fd);
    free_bench(b);
    make_bench(b, false, true);
    start_driver(b);
    set_bar(b, 0x00, 4, 0);
    assert_true(bar(b, 0x04, 4) & 1 << 5); /* F_RO */
    assert_int_equal(request(b, 1, 3, 512, false), 1);
    free_bench(b);
    free(b);
}

static void messages(void **state)
{
    struct bench *b = malloc(sizeof(*b));
    make_bench(b, false, false);
    unsigned cap = (unsigned)pci_ecam_read(&b->bus, 0x34, 1);
    while (pci_ecam_read(&b->bus, cap, 1) != 0x11)
        cap = (unsigned)pci_ecam_read(&b->bus, cap + 1, 1);
    start_driver(b);
    set_bar(b, 0x10000 + 16, 8, 0x1fff0040); /* vector 1 */
    set_bar(b, 0x10000 + 24, 4, 177);
    set_bar(b, 0x1a, 2, 1); /* queue 0 uses it */
    pci_ecam_write(&b->bus, cap + 2, 2, 0x8000);
    request(b, 4, 0, 0, false);
    assert_int_equal(b->m.msi_count, 0); /* masked since reset: pending */
    assert_int_equal(bar(b, 0x10800, 4), 2);
    set_bar(b, 0x10000 + 28, 4, 0);
    assert_int_equal(b->m.msi_count, 1);
    assert_int_equal(b->m.msi_address, 0x1fff0040);
    assert_int_equal(b->m.msi_data, 177);
    assert_int_equal(bar(b, 0x10800, 4), 0);
    request(b, 4, 0, 0, false);
    assert_int_equal(b->m.msi_count, 2);
    assert_false(b->m.level[0]); /* no INTx beside MSI-X */
    set_bar(b, 0x1a, 2, 99);
    assert_int_equal(bar(b, 0x1a, 2), 0xffff); /* no such vector */
    free_bench(b);
    free(b);
}

/* After a broken ring the device says NEEDS_RESET and does nothing more until it is reset. */
static void expect_broken(struct bench *b)
{
    assert_true(bar(b, 0x14, 1) & 0x40);
    assert_int_not_equal(request(b, 4, 0, 0, false), 0);
    put(b, AVAIL, 0, 4);
    put(b, USED, 0, 4);
    start_driver(b);
    assert_int_equal(request(b, 4, 0, 0, false), 0);
}

static void lying_rings(void **state)
{
    struct bench *b = malloc(sizeof(*b));
    make_bench(b, false, false);
    start_driver(b);
    describe(b, 0, HEADER, 16, 1, 0); /* a loop */
    kick(b);
    expect_broken(b);
    describe(b, 0, HEADER, 16, 1, 200); /* beyond the table */
    kick(b);
    expect_broken(b);
    describe(b, 0, DESC, 32, 4, 0); /* indirect, whose first is indirect */
    kick(b);
    expect_broken(b);
    describe(b, 0, RAM_BASE + RAM_SIZE - 8, 32, 4, 0); /* an indirect table that leaves memory */
    kick(b);
    expect_broken(b);
    put(b, AVAIL + 2, 1000, 2); /* the index ran away */
    set_bar(b, NOTIFY, 2, 0);
    run_work(&b->m);
    expect_broken(b);
    describe(b, 0, HEADER, 16, 1, 1);
    describe(b, 1, RAM_BASE + RAM_SIZE - 4, 512, 3, 2); /* data past the end of memory */
    describe(b, 2, STATUS, 1, 2, 0);
    put(b, HEADER, 0, 8);
    kick(b);
    assert_int_equal(get(b, STATUS, 1), 1);
    describe(b, 0, HEADER, 16, 2, 0); /* no header */
    kick(b);
    expect_broken(b);
    free_bench(b);
    free(b);
}

static uint64_t next_random(struct machine *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random;
}

static void random_accesses(void **state)
{
    struct bench *b = malloc(sizeof(*b));
    int result;
    make_bench(b, true, false);
    struct virtio_device *rng = virtio_rng_create(&b->bus, &result);
    struct virtio_device *net =
        virtio_net_create(&b->bus, (const uint8_t[]){2, 0, 0, 0, 0, 1}, &result);
    b->m.random = 0x1234567;
    for (unsigned i = 0; i < 300000; i++) {
        const uint64_t r = next_random(&b->m), value = next_random(&b->m);
        const unsigned size = 1u << (r & 3);
        const uint64_t offset = (r >> 8) % (r & 0x10 ? 0x12000 : 0x40);
        if (r & 0x20)
            put(b, RAM_BASE + (r >> 20) % (RAM_SIZE - 8), value, 8);
        if (r % 97 == 0)
            start_driver(b);
        if (r & 0x40)
            pci_window_write(&b->bus, offset, size, r & 0x80 ? value : RAM_BASE + value % RAM_SIZE);
        else
            pci_window_read(&b->bus, offset, size);
        if (r % 31 == 0)
            pci_ecam_write(&b->bus, (r >> 12) % 0x20000 & ~3ull, 4, value);
        if (r % 53 == 0) {
            pci_ecam_write(&b->bus, 0x10, 4, WINDOW);
            pci_ecam_write(&b->bus, 0x04, 2, 6);
        }
        run_work(&b->m);
    }
    virtio_destroy(net);
    virtio_destroy(rng);
    free_bench(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_and_ids),
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(snapshots_and_read_only),
        cmocka_unit_test(messages),
        cmocka_unit_test(lying_rings),
        cmocka_unit_test(random_accesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
