/* SPDX-License-Identifier: MIT */
/* The block device against OASIS virtio 1.2, 5.2: configuration, every request type, errors, odd
 * layouts, read-only disks and snapshots. */

#include "dev_virtio.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/virtio_blk.h"
#include "host/block.h"

#define RING    (RAM_BASE + 0x10000)
#define HEADER  (RAM_BASE + 0x20000)
#define STATUS  (RAM_BASE + 0x20100)
#define DATA    (RAM_BASE + 0x30000)
#define SECTORS 2048u

#define F_SEG_MAX      (1u << 2)
#define F_RO           (1u << 5)
#define F_BLK_SIZE     (1u << 6)
#define F_FLUSH        (1u << 9)
#define F_DISCARD      (1u << 13)
#define F_WRITE_ZEROES (1u << 14)

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, NOT_WRITTEN = 0xee };

struct bench {
    struct pci_rig rig;
    struct virtio_device *dev;
    struct vdev v;
    struct ring ring;
    char path[32];
    uint32_t used; /* length of the last used element */
};

static void attach(struct bench *b, const struct block_options *options, off_t size)
{
    struct error err = {0};
    struct block_options with_path = *options;
    int result;
    pci_rig_init(&b->rig);
    strcpy(b->path, "/tmp/pomona-test-XXXXXX");
    const int fd = mkstemp(b->path);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
    with_path.path = b->path;
    struct block_file *file = block_open(&with_path, &err);
    assert_non_null(file);
    b->dev = virtio_blk_create(&b->rig.bus, file, "serial-0123456789-too-long", &result);
    assert_non_null(b->dev);
    vdev_probe(&b->v, &b->rig, 0);
    vdev_negotiate(&b->v, VERSION_1 | INDIRECT | F_FLUSH);
    ring_enable(&b->ring, &b->v, 0, 16, RING);
    vdev_driver_ok(&b->v);
}

static void detach(struct bench *b)
{
    virtio_destroy(b->dev);
    unlink(b->path);
    pci_rig_free(&b->rig);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    attach(b, &(struct block_options){0}, SECTORS * 512);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    detach(*state);
    free(*state);
    return 0;
}

static void put_header(struct bench *b, uint32_t type, uint64_t sector)
{
    poke(b->rig.m, HEADER, 4, type);
    poke(b->rig.m, HEADER + 4, 4, 0);
    poke(b->rig.m, HEADER + 8, 8, sector);
    poke(b->rig.m, STATUS, 1, NOT_WRITTEN);
}

static unsigned submit(struct bench *b)
{
    ring_offer(&b->ring, 0);
    ring_kick(&b->ring);
    b->used = UINT32_MAX;
    ring_used(&b->ring, NULL, &b->used);
    return (unsigned)peek(b->rig.m, STATUS, 1);
}

/* Header, one piece of data, status. */
static unsigned request(struct bench *b, uint32_t type, uint64_t sector, uint32_t size)
{
    const uint16_t write = type == IN || type == GET_ID ? DESC_WRITE : 0;
    put_header(b, type, sector);
    ring_desc(&b->ring, 0, HEADER, 16, DESC_NEXT, size ? 1 : 2);
    ring_desc(&b->ring, 1, DATA, size, DESC_NEXT | write, 2);
    ring_desc(&b->ring, 2, STATUS, 1, DESC_WRITE, 0);
    return submit(b);
}

static void fill(struct bench *b, uint64_t gpa, size_t size, uint8_t byte)
{
    memset(rig_memory(b->rig.m, gpa, size), byte, size);
}

static void expect_fill(struct bench *b, uint64_t gpa, size_t size, uint8_t byte)
{
    const uint8_t *at = rig_memory(b->rig.m, gpa, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(at[i], byte);
}

/* What the image holds. */
static void expect_file(struct bench *b, off_t offset, size_t size, uint8_t byte)
{
    uint8_t data[4096];
    const int fd = open(b->path, O_RDONLY);
    assert_true(size <= sizeof(data));
    assert_int_equal(pread(fd, data, size, offset), (ssize_t)size);
    close(fd);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(data[i], byte);
}

static uint64_t config(struct bench *b, unsigned offset, unsigned size)
{
    return mmio_read(&b->rig, b->v.config + offset, size);
}

static void configuration(void **state)
{
    struct bench *b = *state;
    assert_int_equal((uint32_t)vdev_features(&b->v) & 0xffffff,
                     F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES);
    assert_int_equal(config(b, 0, 8), SECTORS);
    assert_int_equal(config(b, 12, 4), 254);     /* seg_max: two less than the queue has */
    assert_int_equal(config(b, 20, 4), 512);     /* blk_size */
    assert_int_equal(config(b, 36, 4), 1 << 21); /* max_discard_sectors */
    assert_int_equal(config(b, 40, 4), 1);       /* max_discard_seg */
    assert_int_equal(config(b, 44, 4), 8);       /* discard_sector_alignment */
    assert_int_equal(config(b, 48, 4), 1 << 21); /* max_write_zeroes_sectors */
    assert_int_equal(config(b, 52, 4), 1);
    assert_int_equal(config(b, 56, 1), 1); /* write_zeroes_may_unmap */
}

static void reads_and_writes(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < 8; i++) {
        const uint32_t size = 512u << i;
        const uint64_t sector = i ? SECTORS - size / 512 : 0;
        fill(b, DATA, size, (uint8_t)(0x30 + i));
        assert_int_equal(request(b, OUT, sector, size), OK);
        assert_int_equal(b->used, 1); /* the status */
        expect_file(b, (off_t)sector * 512, 512, (uint8_t)(0x30 + i));
        fill(b, DATA, size + 16, 0);
        assert_int_equal(request(b, IN, sector, size), OK);
        assert_int_equal(b->used, size + 1);
        expect_fill(b, DATA, size, (uint8_t)(0x30 + i));
        expect_fill(b, DATA + size, 16, 0);
    }
    assert_int_equal(request(b, IN, 0, 0), OK);
    assert_int_equal(b->used, 1);
    assert_int_equal(request(b, OUT, SECTORS, 0), OK);
}

/* A request longer than the device's own buffer, in pieces that no sector fits. */
static void odd_pieces(void **state)
{
    static const uint32_t sizes[] = {1, 511, 0, 7, 1000, 65536, 3000, 70233};
    struct bench *b = *state;
    const uint32_t total = 512 + 7 + 1000 + 65536 + 3000 + 70233;
    uint8_t *wanted = malloc(total), *data = rig_memory(b->rig.m, DATA, total);
    for (uint32_t i = 0; i < total; i++)
        wanted[i] = (uint8_t)(i * 7 + i / 256);
    memcpy(data, wanted, total);
    for (uint32_t type = OUT; type <= OUT; type--) {
        uint64_t at = DATA;
        put_header(b, type, 3);
        ring_desc(&b->ring, 0, HEADER, 5, DESC_NEXT, 1); /* the header in two pieces */
        ring_desc(&b->ring, 1, HEADER + 5, 11, DESC_NEXT, 2);
        for (unsigned i = 0; i < 8; at += sizes[i++])
            ring_desc(&b->ring, 2 + i, at, sizes[i], DESC_NEXT | (type == IN ? DESC_WRITE : 0),
                      (uint16_t)(3 + i));
        ring_desc(&b->ring, 10, STATUS, 1, DESC_WRITE, 0);
        assert_int_equal(submit(b), OK);
        assert_int_equal(b->used, type == IN ? total + 1 : 1);
        if (type == OUT)
            memset(data, 0, total);
    }
    assert_memory_equal(data, wanted, total);
    free(wanted);
}

static void ranges(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint64_t sector;
        uint32_t size;
    } wrong[] = {
        {SECTORS, 512},      {SECTORS - 1, 1024},   {UINT64_MAX, 512}, {UINT64_MAX / 512, 512},
        {1ull << 55, 512},   {SECTORS + 1, 0},      {0, 100},          {0, 513},
        {SECTORS - 1, 1000}, {SECTORS - 100, 65536}};
    fill(b, DATA, 0x10000, 0x99);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(request(b, OUT, wrong[i].sector, wrong[i].size), IOERR);
        assert_int_equal(request(b, IN, wrong[i].sector, wrong[i].size), IOERR);
        assert_int_equal(b->used,
                         wrong[i].size ? 0 : 1); /* no data, so the status is not contiguous */
    }
    expect_file(b, (SECTORS - 4) * 512, 2048,
                0); /* nothing of a request that does not fit is done */
    assert_false(vdev_needs_reset(&b->v));
    assert_int_equal(request(b, IN, 0, 512), OK);
}

static void flush_and_identification(void **state)
{
    struct bench *b = *state;
    assert_int_equal(request(b, FLUSH, 0, 0), OK);
    assert_int_equal(b->used, 1);
    fill(b, DATA, 32, 0xcc);
    assert_int_equal(request(b, GET_ID, 0, 20), OK);
    assert_int_equal(b->used, 21);
    assert_memory_equal(rig_memory(b->rig.m, DATA, 20), "serial-0123456789-too-long", 20);
    expect_fill(b, DATA + 20, 12, 0xcc);
    assert_int_equal(request(b, GET_ID, 0, 32), OK);
    assert_int_equal(b->used, 20); /* a gap before the status */
    assert_int_equal(request(b, GET_ID, 0, 19), IOERR);
}

static void unknown_types(void **state)
{
    static const uint32_t types[] = {2,  3,  5,  9,  10,      12,         14,
                                     15, 16, 24, 26, 0x10000, 0x80000000, UINT32_MAX};
    struct bench *b = *state;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(request(b, types[i], 0, 512), UNSUPP);
        assert_int_equal(request(b, types[i], 0, 0), UNSUPP);
    }
    assert_false(vdev_needs_reset(&b->v));
}

static void put_range(struct bench *b, unsigned index, uint64_t sector, uint32_t count,
                      uint32_t flags)
{
    poke(b->rig.m, DATA + 16 * index, 8, sector);
    poke(b->rig.m, DATA + 16 * index + 8, 4, count);
    poke(b->rig.m, DATA + 16 * index + 12, 4, flags);
}

static unsigned zero(struct bench *b, uint32_t type, uint64_t sector, uint32_t count,
                     uint32_t flags)
{
    put_range(b, 0, sector, count, flags);
    return request(b, type, 0, 16);
}

static void discard_and_write_zeroes(void **state)
{
    struct bench *b = *state;
    for (uint32_t type = DISCARD; type <= WRITE_ZEROES; type += 2) {
        fill(b, DATA, 0x10000, 0x77);
        for (unsigned i = 0; i < SECTORS / 128; i++)
            assert_int_equal(request(b, OUT, i * 128, 0x10000), OK);
        assert_int_equal(zero(b, type, 8, 16, 0), OK);
        expect_file(b, 7 * 512, 512, 0x77);
        expect_file(b, 8 * 512, 4096, 0);
        expect_file(b, 23 * 512, 512, 0);
        expect_file(b, 24 * 512, 512, 0x77);
        assert_int_equal(zero(b, type, SECTORS - 1, 1, 0), OK);
        expect_file(b, (SECTORS - 1) * 512, 512, 0);
        assert_int_equal(zero(b, type, 0, 0, 0), OK);
        assert_int_equal(zero(b, type, SECTORS - 1, 2, 0), IOERR);
        assert_int_equal(zero(b, type, SECTORS, 1, 0), IOERR);
        assert_int_equal(zero(b, type, UINT64_MAX, 1, 0), IOERR);
        assert_int_equal(zero(b, type, 0, UINT32_MAX, 0), IOERR);
        assert_int_equal(zero(b, type, 100, 1, 2), UNSUPP);
        assert_int_equal(zero(b, type, 100, 1, 0x80000000), UNSUPP);
        assert_int_equal(zero(b, type, 100, 1, 1), type == DISCARD ? UNSUPP : OK); /* unmap */
        put_range(b, 0, 40, 1, 0);                                                 /* two ranges */
        put_range(b, 1, 50, 1, 0);
        assert_int_equal(request(b, type, 0, 32), OK);
        expect_file(b, 40 * 512, 512, 0);
        expect_file(b, 41 * 512, 512, 0x77);
        expect_file(b, 50 * 512, 512, 0);
        assert_int_equal(request(b, type, 0, 0), IOERR);
        assert_int_equal(request(b, type, 0, 15), IOERR);
        assert_int_equal(request(b, type, 0, 24), IOERR);
        struct stat st;
        assert_int_equal(stat(b->path, &st), 0);
        assert_int_equal(st.st_size, SECTORS * 512); /* it keeps its size */
    }
}

static void read_only(void **state)
{
    struct bench *b = *state;
    detach(b);
    attach(b, &(struct block_options){.read_only = true}, SECTORS * 512);
    assert_int_equal((uint32_t)vdev_features(&b->v) & 0xffffff,
                     F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_RO);
    fill(b, DATA, 512, 0x55);
    assert_int_equal(request(b, OUT, 0, 512), IOERR);
    put_range(b, 0, 0, 1, 0);
    assert_int_equal(request(b, DISCARD, 0, 16), IOERR);
    assert_int_equal(request(b, WRITE_ZEROES, 0, 16), IOERR);
    assert_int_equal(request(b, FLUSH, 0, 0), OK);
    assert_int_equal(request(b, IN, 0, 512), OK);
    expect_file(b, 0, 512, 0);
}

/* The image of a snapshot is never touched; what was written, discarded and zeroed is seen by the
 * guest. */
static void snapshot(void **state)
{
    struct bench *b = *state;
    const int fd = open(b->path, O_WRONLY);
    for (unsigned i = 0; i < SECTORS; i++)
        assert_int_equal(
            pwrite(fd, memset(rig_memory(b->rig.m, DATA, 512), 0x11, 512), 512, i * 512), 512);
    close(fd);
    char path[32];
    strcpy(path, b->path);
    struct error err = {0};
    virtio_destroy(b->dev);
    int result;
    struct block_file *file =
        block_open(&(struct block_options){.path = path, .snapshot = true}, &err);
    assert_non_null(file);
    b->dev = virtio_blk_create(&b->rig.bus, file, "", &result);
    vdev_probe(&b->v, &b->rig, 0);
    vdev_negotiate(&b->v, VERSION_1 | F_FLUSH);
    ring_enable(&b->ring, &b->v, 0, 16, RING);
    vdev_driver_ok(&b->v);
    fill(b, DATA, 1024, 0x22);
    assert_int_equal(request(b, OUT, 127, 1024), OK);         /* over the border of two clusters */
    assert_int_equal(zero(b, WRITE_ZEROES, 200, 300, 0), OK); /* part, whole, part */
    assert_int_equal(zero(b, DISCARD, SECTORS - 130, 130, 0), OK);
    assert_int_equal(zero(b, DISCARD, 128, 128, 0), OK); /* a cluster that is copied */
    static const struct {
        uint64_t sector;
        uint8_t byte;
    } wanted[] = {{0, 0x11},          {126, 0x11},     {127, 0x22}, {128, 0},
                  {199, 0},           {255, 0},        {256, 0},    {383, 0},
                  {384, 0},           {499, 0},        {500, 0x11}, {SECTORS - 131, 0x11},
                  {SECTORS - 130, 0}, {SECTORS - 1, 0}};
    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        fill(b, DATA, 512, 0xff);
        assert_int_equal(request(b, IN, wanted[i].sector, 512), OK);
        expect_fill(b, DATA, 512, wanted[i].byte);
    }
    assert_int_equal(request(b, FLUSH, 0, 0), OK);
    for (unsigned i = 0; i < SECTORS; i += 8)
        expect_file(b, i * 512, 4096, 0x11);
    fill(b, DATA, 512, 0x33); /* a zeroed cluster can be written again */
    assert_int_equal(request(b, OUT, 300, 512), OK);
    assert_int_equal(request(b, IN, 300, 1024), OK);
    expect_fill(b, DATA, 512, 0x33);
    expect_fill(b, DATA + 512, 512, 0);
}

/* The last bytes of an image that is no multiple of a sector are no sector. */
static void odd_size(void **state)
{
    struct bench *b = *state;
    detach(b);
    attach(b, &(struct block_options){0}, 3 * 512 + 100);
    assert_int_equal(config(b, 0, 8), 3);
    assert_int_equal(request(b, IN, 2, 512), OK);
    assert_int_equal(request(b, IN, 3, 512), IOERR);
    fill(b, DATA, 512, 1);
    assert_int_equal(request(b, OUT, 3, 512), IOERR);
    assert_int_equal(zero(b, WRITE_ZEROES, 2, 2, 0), IOERR);
}

/* The image got shorter behind the machine's back. */
static void shrunk_image(void **state)
{
    struct bench *b = *state;
    assert_int_equal(truncate(b->path, 512), 0);
    fill(b, DATA, 1024, 0x44);
    assert_int_equal(request(b, IN, 0, 1024), OK);
    expect_fill(b, DATA, 1024, 0);
    assert_false(vdev_needs_reset(&b->v));
}

/* Requests that name memory which is none. */
static void data_outside_memory(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint64_t address;
        uint32_t size;
    } outside[] = {
        {RAM_BASE + RAM_SIZE - 100, 512}, {RAM_BASE + RAM_SIZE, 512}, {0, 512},
        {UINT64_MAX - 100, 512},          {RAM_BASE - 100, 512},      {RAM_BASE, 0xfffffe00}};
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        for (uint32_t type = IN; type <= OUT; type++) {
            put_header(b, type, 0);
            ring_desc(&b->ring, 0, HEADER, 16, DESC_NEXT, 1);
            ring_desc(&b->ring, 1, outside[i].address, outside[i].size,
                      DESC_NEXT | (type == IN ? DESC_WRITE : 0), 2);
            ring_desc(&b->ring, 2, STATUS, 1, DESC_WRITE, 0);
            assert_int_equal(submit(b), IOERR);
        }
    }
    assert_false(vdev_needs_reset(&b->v));
    expect_file(b, 0, 512, 0);
    assert_int_equal(request(b, GET_ID, 0, 20), OK);
}

/* Several requests for one kick, answered in their order, with one interrupt. */
static void many_at_once(void **state)
{
    struct bench *b = *state;
    uint32_t id;
    put_header(b, FLUSH, 0);
    for (uint16_t i = 0; i < 8; i++) {
        ring_desc(&b->ring, i, HEADER, 16, DESC_NEXT, (uint16_t)(8 + i));
        ring_desc(&b->ring, 8u + i, STATUS + i, 1, DESC_WRITE, 0);
        ring_offer(&b->ring, i);
    }
    ring_kick(&b->ring);
    for (uint16_t i = 0; i < 8; i++) {
        assert_true(ring_used(&b->ring, &id, NULL));
        assert_int_equal(id, i);
        assert_int_equal(peek(b->rig.m, STATUS + i, 1), OK);
    }
    assert_int_equal(b->rig.m->edges[0], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(configuration),
        TEST(reads_and_writes),
        TEST(odd_pieces),
        TEST(ranges),
        TEST(flush_and_identification),
        TEST(unknown_types),
        TEST(discard_and_write_zeroes),
        TEST(read_only),
        TEST(snapshot),
        TEST(odd_size),
        TEST(shrunk_image),
        TEST(data_outside_memory),
        TEST(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
