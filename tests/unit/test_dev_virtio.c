/* SPDX-License-Identifier: MIT */
/* The PCI transport and the split rings against OASIS virtio 1.2, chapters 2, 3 and 4.1, with the
 * entropy device, the simplest there is, and the block device where a configuration or a readable
 * part is needed. */

#include "dev_virtio.h"

#include <fcntl.h>
#include <unistd.h>

#include "device/virtio_blk.h"
#include "device/virtio_rng.h"
#include "host/block.h"

#define RING    (RAM_BASE + 0x10000)
#define TABLE   (RAM_BASE + 0x20000)
#define DATA    (RAM_BASE + 0x30000)
#define MESSAGE 0x1fff0040ull

struct bench {
    struct pci_rig rig;
    struct virtio_device *rng, *blk;
    struct vdev v, disk; /* slots 0 and 1 */
    struct ring ring;    /* of the entropy device */
};

static struct block_file *make_disk(void)
{
    char path[] = "/tmp/pomona-test-XXXXXX";
    struct error err = {0};
    const int fd = mkstemp(path);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    struct block_file *file = block_open(&(struct block_options){.path = path}, &err);
    unlink(path);
    assert_non_null(file);
    return file;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    int result;
    pci_rig_init(&b->rig);
    b->rng = virtio_rng_create(&b->rig.bus, &result);
    assert_int_equal(result, 0);
    b->blk = virtio_blk_create(&b->rig.bus, make_disk(), "serial", &result);
    assert_int_equal(result, 0);
    vdev_probe(&b->v, &b->rig, 0);
    vdev_probe(&b->disk, &b->rig, 1);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    virtio_destroy(b->blk);
    virtio_destroy(b->rng);
    virtio_destroy(NULL);
    assert_null(b->rig.bus.functions[0]);
    pci_rig_free(&b->rig);
    free(b);
    return 0;
}

static void start(struct bench *b, uint64_t features)
{
    vdev_negotiate(&b->v, VERSION_1 | features);
    ring_enable(&b->ring, &b->v, 0, 8, RING);
    vdev_driver_ok(&b->v);
}

/* COUNT buffers of 16 bytes are offered at once, and the device is kicked. */
static void ask(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ring_desc(&b->ring, i, DATA + 64 * i, 16, DESC_WRITE, 0);
        ring_offer(&b->ring, (uint16_t)i);
    }
    ring_kick(&b->ring);
}

static unsigned answers(struct bench *b)
{
    unsigned count = 0;
    uint32_t size;
    while (ring_used(&b->ring, NULL, &size)) {
        assert_int_equal(size, 16);
        count++;
    }
    return count;
}

/* ---- discovery: 4.1.2, 4.1.4 ---- */

static void identification(void **state)
{
    struct bench *b = *state;
    assert_int_equal(config_read(&b->rig, 0, 0, 4), 0x10441af4);
    assert_int_equal(config_read(&b->rig, 1, 0, 4), 0x10421af4);
    assert_true(config_read(&b->rig, 0, 0x08, 1) >= 1);
    assert_true(config_read(&b->rig, 0, 0x2e, 2) >= 0x40);
    assert_int_equal(config_read(&b->rig, 1, 0x09, 3 + 1) & 0xffffff, 0x010000);
    assert_int_equal(b->v.config, 0); /* an entropy device has none, and says so */
    assert_int_not_equal(b->disk.config, 0);
}

static void capability_sizes(void **state)
{
    struct bench *b = *state;
    unsigned seen = 0;
    for (unsigned at = find_capability(&b->rig, 1, 9, 0); at;
         at = find_capability(&b->rig, 1, 9, at)) {
        const unsigned type = (unsigned)config_read(&b->rig, 1, at + 3, 1);
        const unsigned length = (unsigned)config_read(&b->rig, 1, at + 2, 1);
        assert_int_equal(length, type == 2 || type == 5 ? 20 : 16);
        seen |= 1u << type;
        if (type == 1)
            assert_true(config_read(&b->rig, 1, at + 12, 4) >= 56);
        if (type == 2)
            assert_true(config_read(&b->rig, 1, at + 12, 4) >= 2);
        if (type == 4)
            assert_int_equal(config_read(&b->rig, 1, at + 12, 4), 60);
    }
    assert_int_equal(seen, 0x3e);
}

/* The window for those who cannot map BARs: 4.1.4.9. */
static void configuration_access(void **state)
{
    struct bench *b = *state;
    unsigned cap = find_capability(&b->rig, 0, 9, 0);
    while (config_read(&b->rig, 0, cap + 3, 1) != 5)
        cap = find_capability(&b->rig, 0, 9, cap);
    const uint32_t common = (uint32_t)(b->v.common & 0xfff);
    config_write(&b->rig, 0, cap + 4, 1, 0);
    config_write(&b->rig, 0, cap + 8, 4, common + NUM_QUEUES);
    config_write(&b->rig, 0, cap + 12, 4, 2);
    assert_int_equal(config_read(&b->rig, 0, cap + 16, 2), 1);
    config_write(&b->rig, 0, cap + 8, 4, common + DEVICE_STATUS);
    config_write(&b->rig, 0, cap + 12, 4, 1);
    config_write(&b->rig, 0, cap + 16, 1, 3);
    assert_int_equal(common_read(&b->v, DEVICE_STATUS, 1), 3);
    assert_int_equal(config_read(&b->rig, 0, cap + 16, 1), 3);
    static const struct {
        uint32_t bar, offset, length;
    } wrong[] = {{1, 0, 4}, {9, 0, 4},      {0, 0, 3},          {0, 0, 8},
                 {0, 2, 4}, {0, 0x4000, 4}, {0, 0xfffffffc, 4}, {0, 0, 0}};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        config_write(&b->rig, 0, cap + 4, 1, wrong[i].bar);
        config_write(&b->rig, 0, cap + 8, 4, wrong[i].offset);
        config_write(&b->rig, 0, cap + 12, 4, wrong[i].length);
        config_write(&b->rig, 0, cap + 16, 4, 0x11111111);
        config_read(&b->rig, 0, cap + 16, 4);
    }
    assert_int_equal(common_read(&b->v, DEVICE_STATUS, 1), 3);
}

/* ---- common configuration: 4.1.4.3 ---- */

static void feature_words(void **state)
{
    struct bench *b = *state;
    assert_int_equal(vdev_features(&b->v), VERSION_1 | EVENT_IDX | INDIRECT);
    assert_int_equal(vdev_features(&b->disk) & ~(VERSION_1 | EVENT_IDX | INDIRECT), 0x6244);
    for (unsigned select = 2; select < 34; select++) {
        common_write(&b->v, DEVICE_FEATURE_SELECT, 4, select);
        assert_int_equal(common_read(&b->v, DEVICE_FEATURE_SELECT, 4), select);
        assert_int_equal(common_read(&b->v, DEVICE_FEATURE, 4), 0);
        common_write(&b->v, DRIVER_FEATURE_SELECT, 4, select);
        common_write(&b->v, DRIVER_FEATURE, 4, UINT32_MAX);
        assert_int_equal(common_read(&b->v, DRIVER_FEATURE, 4), 0);
    }
    common_write(&b->v, DRIVER_FEATURE_SELECT, 4, 1);
    common_write(&b->v, DRIVER_FEATURE, 4, 1);
    common_write(&b->v, DRIVER_FEATURE_SELECT, 4, 0);
    common_write(&b->v, DRIVER_FEATURE, 4, 1u << 29);
    assert_int_equal(common_read(&b->v, DRIVER_FEATURE, 4), 1u << 29);
    common_write(&b->v, DRIVER_FEATURE_SELECT, 4, 1);
    assert_int_equal(common_read(&b->v, DRIVER_FEATURE, 4), 1);
    common_write(&b->v, DEVICE_FEATURE, 4, 0); /* read-only */
    common_write(&b->v, DEVICE_FEATURE_SELECT, 4, 1);
    assert_int_equal(common_read(&b->v, DEVICE_FEATURE, 4), 1);
}

static void negotiation(void **state)
{
    struct bench *b = *state;
    for (unsigned bit = 0; bit < 64; bit++) {
        vdev_negotiate(&b->v, VERSION_1 | 1ull << bit);
        const bool offered = bit == 28 || bit == 29 || bit == 32;
        assert_int_equal(common_read(&b->v, DEVICE_STATUS, 1), offered ? 0x0b : 0x03);
    }
    vdev_negotiate(&b->v, EVENT_IDX); /* a driver of before 1.0 */
    assert_int_equal(common_read(&b->v, DEVICE_STATUS, 1), 0x03);
    vdev_negotiate(&b->v, VERSION_1);
    common_write(&b->v, DRIVER_FEATURE_SELECT, 4, 0);
    common_write(&b->v, DRIVER_FEATURE, 4, 1u << 29); /* too late */
    assert_int_equal(common_read(&b->v, DRIVER_FEATURE, 4), 0);
}

static void queue_registers(void **state)
{
    struct bench *b = *state;
    struct vdev *v = &b->v;
    assert_int_equal(common_read(v, NUM_QUEUES, 2), 1);
    common_write(v, NUM_QUEUES, 2, 7);
    assert_int_equal(common_read(v, NUM_QUEUES, 2), 1);
    assert_int_equal(common_read(v, QUEUE_SIZE, 2), 256);
    static const unsigned refused[] = {0, 3, 255, 257, 512, 0x8000, 0xffff};
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        common_write(v, QUEUE_SIZE, 2, refused[i]);
        assert_int_equal(common_read(v, QUEUE_SIZE, 2), 256);
    }
    for (unsigned size = 1; size <= 256; size *= 2) {
        common_write(v, QUEUE_SIZE, 2, size);
        assert_int_equal(common_read(v, QUEUE_SIZE, 2), size);
    }
    for (unsigned at = QUEUE_DESC; at <= QUEUE_DEVICE; at += 8) {
        common_write(v, at, 8, 0x1111111122222222);
        common_write(v, at, 4, 0x33333000 + at);
        assert_int_equal(common_read(v, at, 8), 0x1111111133333000 + at);
        common_write(v, at + 4, 4, 0x44444444);
        assert_int_equal(common_read(v, at, 4), 0x33333000 + at);
        assert_int_equal(common_read(v, at + 4, 4), 0x44444444);
    }
    common_write(v, QUEUE_ENABLE, 2, 0);
    assert_int_equal(common_read(v, QUEUE_ENABLE, 2), 0);
    common_write(v, QUEUE_ENABLE, 2, 1);
    assert_int_equal(common_read(v, QUEUE_ENABLE, 2), 1);
    common_write(v, QUEUE_SIZE, 2, 4); /* an enabled queue keeps what it has */
    common_write(v, QUEUE_DESC, 8, 0);
    common_write(v, QUEUE_ENABLE, 2, 0);
    assert_int_equal(common_read(v, QUEUE_SIZE, 2), 256);
    assert_int_equal(common_read(v, QUEUE_DESC, 8), 0x4444444433333020);
    assert_int_equal(common_read(v, QUEUE_ENABLE, 2), 1);
    common_write(v, QUEUE_SELECT, 2, 1); /* there is none: size 0, and nothing sticks */
    assert_int_equal(common_read(v, QUEUE_SELECT, 2), 1);
    common_write(v, QUEUE_SIZE, 2, 4);
    common_write(v, QUEUE_ENABLE, 2, 1);
    common_write(v, QUEUE_DESC, 8, UINT64_MAX);
    for (unsigned at = QUEUE_SIZE; at < QUEUE_DEVICE + 8; at += 2)
        assert_int_equal(common_read(v, at, 2), 0);
    common_write(v, QUEUE_SELECT, 2, 0xffff);
    assert_int_equal(common_read(v, QUEUE_SIZE, 2), 0);
}

static void reset_clears_all(void **state)
{
    struct bench *b = *state;
    start(b, EVENT_IDX);
    common_write(&b->v, CONFIG_MSIX_VECTOR, 2, 1);
    common_write(&b->v, QUEUE_MSIX_VECTOR, 2, 0);
    ask(b, 1);
    assert_true(b->rig.m->level[0]);
    common_write(&b->v, DEVICE_STATUS, 1, 0);
    assert_false(b->rig.m->level[0]);
    assert_int_equal(common_read(&b->v, DEVICE_STATUS, 1), 0);
    assert_int_equal(common_read(&b->v, DEVICE_FEATURE_SELECT, 4), 0);
    assert_int_equal(common_read(&b->v, DRIVER_FEATURE, 4), 0);
    assert_int_equal(common_read(&b->v, CONFIG_MSIX_VECTOR, 2), 0xffff);
    assert_int_equal(common_read(&b->v, QUEUE_SELECT, 2), 0);
    assert_int_equal(common_read(&b->v, QUEUE_SIZE, 2), 256);
    assert_int_equal(common_read(&b->v, QUEUE_MSIX_VECTOR, 2), 0xffff);
    assert_int_equal(common_read(&b->v, QUEUE_ENABLE, 2), 0);
    for (unsigned at = QUEUE_DESC; at <= QUEUE_DEVICE; at += 8)
        assert_int_equal(common_read(&b->v, at, 8), 0);
    assert_int_equal(mmio_read(&b->rig, b->v.isr, 1), 0);
}

/* A kick that was on its way when the driver reset the device is lost. */
static void reset_while_kicked(void **state)
{
    struct bench *b = *state;
    start(b, 0);
    ring_desc(&b->ring, 0, DATA, 16, DESC_WRITE, 0);
    ring_offer(&b->ring, 0);
    mmio_write(&b->rig, b->v.notify, 2, 0);
    assert_int_equal(b->rig.m->deferred_count, 1);
    mmio_write(&b->rig, b->v.notify, 2, 0); /* two kicks are one piece of work */
    assert_int_equal(b->rig.m->deferred_count, 1);
    common_write(&b->v, DEVICE_STATUS, 1, 0);
    rig_run_deferred(b->rig.m);
    assert_int_equal(answers(b), 0);
    start(b, 0);
    ask(b, 2);
    assert_int_equal(answers(b), 2);
}

/* Whatever is missing of DRIVER_OK, the queue's enable bit and bus mastering, the queue is left
 * alone. */
static void nothing_before_its_time(void **state)
{
    struct bench *b = *state;
    vdev_negotiate(&b->v, VERSION_1);
    ring_enable(&b->ring, &b->v, 0, 8, RING);
    ask(b, 1);
    assert_int_equal(answers(b), 0);
    config_write(&b->rig, 0, 0x04, 2, 2);
    vdev_driver_ok(&b->v);
    ring_kick(&b->ring);
    assert_int_equal(answers(b), 0);
    config_write(&b->rig, 0, 0x04, 2, 6);
    ring_kick(&b->ring);
    assert_int_equal(answers(b), 1);
    vdev_negotiate(&b->v, VERSION_1);
    vdev_driver_ok(&b->v);
    ring_kick(&b->ring);
    assert_int_equal(answers(b), 0);
    mmio_write(&b->rig, b->v.notify + b->v.notify_multiplier, 2, 1); /* no such queue */
    mmio_write(&b->rig, b->v.notify + 0xff8, 8, 0);
    rig_run_deferred(b->rig.m);
    assert_false(vdev_needs_reset(&b->v));
}

static void device_configuration(void **state)
{
    struct bench *b = *state;
    const uint64_t config = b->disk.config;
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)mmio_read(&b->rig, config + i, 1);
    for (unsigned size = 2; size <= 8; size *= 2) {
        for (unsigned i = 0; i < sizeof(bytes); i += size) {
            uint64_t wanted = 0;
            memcpy(&wanted, bytes + i, size);
            assert_int_equal(mmio_read(&b->rig, config + i, size), wanted);
        }
    }
    assert_int_equal(mmio_read(&b->rig, config, 8), 2048);
    assert_int_equal(mmio_read(&b->rig, config + 60, 8), 0); /* behind its end */
    assert_int_equal(mmio_read(&b->rig, config + 0xff8, 8), 0);
    mmio_write(&b->rig, config, 8, 0);
    assert_int_equal(mmio_read(&b->rig, config, 8), 2048);
    const uint64_t generation = common_read(&b->disk, CONFIG_GENERATION, 1);
    assert_int_equal(common_read(&b->disk, CONFIG_GENERATION, 1), generation);
}

/* ---- interrupts: 4.1.4.5, 4.1.5.1.2, 2.7.7 ---- */

static void interrupt_status(void **state)
{
    struct bench *b = *state;
    start(b, 0);
    ring_kick(&b->ring);
    assert_false(b->rig.m->level[0]); /* nothing was used */
    assert_int_equal(mmio_read(&b->rig, b->v.isr, 1), 0);
    ask(b, 3);
    assert_true(b->rig.m->level[0]);
    assert_int_equal(b->rig.m->edges[0], 1);
    assert_int_equal(mmio_read(&b->rig, b->v.isr, 1), 1);
    assert_false(b->rig.m->level[0]);
    assert_int_equal(mmio_read(&b->rig, b->v.isr, 1), 0);
    assert_int_equal(answers(b), 3);
    ring_kick(&b->ring);
    assert_false(b->rig.m->level[0]);
    poke(b->rig.m, b->ring.avail, 2, 1); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
    ask(b, 3);
    assert_int_equal(answers(b), 3);
    assert_false(b->rig.m->level[0]);
    poke(b->rig.m, b->ring.avail, 2, 0);
    ask(b, 1);
    assert_true(b->rig.m->level[0]);
}

static void broken_device_tells(void **state)
{
    struct bench *b = *state;
    start(b, 0);
    ring_offer(&b->ring, 77); /* no such descriptor */
    ring_kick(&b->ring);
    assert_true(vdev_needs_reset(&b->v));
    assert_int_equal(b->rig.m->warnings, 1);
    assert_true(b->rig.m->level[0]);
    assert_int_equal(mmio_read(&b->rig, b->v.isr, 1), 2); /* configuration change */
    common_write(&b->v, DEVICE_STATUS, 1, 0x0f);          /* the driver cannot take it back */
    assert_true(vdev_needs_reset(&b->v));
    ask(b, 1);
    assert_int_equal(answers(b), 0);
    start(b, 0);
    assert_false(vdev_needs_reset(&b->v));
    ask(b, 1);
    assert_int_equal(answers(b), 1);
    common_write(&b->v, DEVICE_STATUS, 1, 0x4f); /* nor is it the driver's to say */
    assert_false(vdev_needs_reset(&b->v));
}

static void vectors(void **state)
{
    struct bench *b = *state;
    start(b, 0);
    vdev_enable_msix(&b->v);
    vdev_set_vector(&b->v, 0, MESSAGE, 160);
    vdev_set_vector(&b->v, 1, MESSAGE, 161);
    ask(b, 1);
    assert_int_equal(b->rig.m->msi_count, 0); /* no vector is mapped */
    common_write(&b->v, QUEUE_MSIX_VECTOR, 2, 1);
    assert_int_equal(common_read(&b->v, QUEUE_MSIX_VECTOR, 2), 1);
    common_write(&b->v, CONFIG_MSIX_VECTOR, 2, 0);
    ask(b, 2);
    assert_int_equal(b->rig.m->msi_count, 1);
    assert_int_equal(b->rig.m->msi.data, 161);
    assert_int_equal(b->rig.m->msi.address, MESSAGE);
    assert_false(b->rig.m->level[0]);
    assert_int_equal(mmio_read(&b->rig, b->v.isr, 1), 0);
    ring_offer(&b->ring, 77);
    ring_kick(&b->ring);
    assert_int_equal(b->rig.m->msi_count, 2);
    assert_int_equal(b->rig.m->msi.data, 160); /* the configuration's */
    for (unsigned vector = 2; vector < 0x10000; vector += 0x33) {
        common_write(&b->v, QUEUE_MSIX_VECTOR, 2, vector);
        assert_int_equal(common_read(&b->v, QUEUE_MSIX_VECTOR, 2), 0xffff);
        common_write(&b->v, CONFIG_MSIX_VECTOR, 2, vector);
        assert_int_equal(common_read(&b->v, CONFIG_MSIX_VECTOR, 2), 0xffff);
    }
}

/* The interrupt comes when the used index passes used_event, from the first one on. */
static void used_event(void **state)
{
    struct bench *b = *state;
    const uint64_t event = RING + 0x1000 + 4 + 2 * 8;
    start(b, EVENT_IDX);
    poke(b->rig.m, event, 2, 2);         /* tell me of the third */
    poke(b->rig.m, b->ring.avail, 2, 1); /* the flag means nothing now */
    ask(b, 1);
    ask(b, 1);
    assert_false(b->rig.m->level[0]);
    ask(b, 1);
    assert_true(b->rig.m->level[0]);
    mmio_read(&b->rig, b->v.isr, 1);
    ask(b, 4);
    assert_false(b->rig.m->level[0]);
    poke(b->rig.m, event, 2, 9);
    ask(b, 8); /* 7 to 14: the tenth is among them */
    assert_true(b->rig.m->level[0]);
    assert_int_equal(answers(b), 3 + 4 + 8);
}

/* The device asks for a kick when it has taken all there was. */
static void avail_event(void **state)
{
    struct bench *b = *state;
    const uint64_t event = RING + 0x2000 + 4 + 8 * 8;
    start(b, EVENT_IDX);
    for (unsigned round = 1; round <= 3; round++) {
        ask(b, 5);
        assert_int_equal(peek(b->rig.m, event, 2), 5 * round);
        assert_int_equal(peek(b->rig.m, RING + 0x2000, 2), 0); /* flags */
    }
}

/* 16-bit indices wrap, with the event index right on the border. */
static void indices_wrap(void **state)
{
    struct bench *b = *state;
    const uint64_t event = RING + 0x1000 + 4 + 2 * 8;
    unsigned interrupts = 0;
    start(b, EVENT_IDX);
    for (unsigned i = 0; i < 70000; i++) {
        const bool wanted = i % 1000 == 7 || (i & 0xffff) >= 0xfffe || (i & 0xffff) < 2;
        poke(b->rig.m, event, 2, wanted ? i : i - 1);
        ask(b, 1);
        assert_true(ring_used(&b->ring, NULL, NULL));
        assert_int_equal(b->rig.m->level[0], wanted);
        interrupts += wanted;
        mmio_read(&b->rig, b->v.isr, 1);
    }
    assert_true(interrupts > 70);
}

/* ---- descriptors: 2.7.5 ---- */

static void chains(void **state)
{
    struct bench *b = *state;
    uint32_t id, size;
    start(b, 0);
    b->rig.m->random = 0;
    ring_desc(&b->ring, 6, DATA, 3, DESC_NEXT | DESC_WRITE, 1);
    ring_desc(&b->ring, 1, DATA + 100, 0, DESC_NEXT | DESC_WRITE, 4); /* an empty piece */
    ring_desc(&b->ring, 4, DATA + 200, 5, DESC_WRITE, 99); /* next counts only with its flag */
    ring_offer(&b->ring, 6);
    ring_kick(&b->ring);
    assert_true(ring_used(&b->ring, &id, &size));
    assert_int_equal(id, 6);
    assert_int_equal(size, 8);
    assert_int_equal(peek(b->rig.m, DATA, 4), 0x020100);
    assert_int_equal(peek(b->rig.m, DATA + 100, 1), 0);
    assert_int_equal(peek(b->rig.m, DATA + 200, 6), 0x0706050403);
}

static void indirect_tables(void **state)
{
    struct bench *b = *state;
    uint32_t id, size;
    start(b, INDIRECT);
    b->rig.m->random = 0;
    table_desc(b->rig.m, TABLE, 0, DATA, 2, DESC_NEXT | DESC_WRITE, 2);
    table_desc(b->rig.m, TABLE, 1, DATA + 0x300, 1, DESC_WRITE, 0);
    table_desc(b->rig.m, TABLE, 2, DATA + 0x100, 2, DESC_NEXT | DESC_WRITE, 1);
    ring_desc(&b->ring, 3, TABLE, 48, DESC_INDIRECT | DESC_WRITE,
              0); /* the write flag is ignored */
    ring_offer(&b->ring, 3);
    ring_kick(&b->ring);
    assert_true(ring_used(&b->ring, &id, &size));
    assert_int_equal(id, 3);
    assert_int_equal(size, 5);
    assert_int_equal(peek(b->rig.m, DATA, 2), 0x0100);
    assert_int_equal(peek(b->rig.m, DATA + 0x100, 2), 0x0302);
    assert_int_equal(peek(b->rig.m, DATA + 0x300, 2), 4);
    /* Direct ones, then an indirect one. */
    b->rig.m->random = 0;
    ring_desc(&b->ring, 0, DATA + 0x400, 1, DESC_NEXT | DESC_WRITE, 5);
    ring_desc(&b->ring, 5, TABLE, 48, DESC_INDIRECT, 0);
    ring_offer(&b->ring, 0);
    ring_kick(&b->ring);
    assert_true(ring_used(&b->ring, &id, &size));
    assert_int_equal(size, 6);
    assert_int_equal(peek(b->rig.m, DATA + 0x400, 1), 0);
    assert_int_equal(peek(b->rig.m, DATA, 2), 0x0201);
}

/* A table longer than the ring, as a driver with many pieces makes it. */
static void long_indirect_table(void **state)
{
    struct bench *b = *state;
    uint32_t size;
    start(b, INDIRECT);
    for (unsigned i = 0; i < 1024; i++)
        table_desc(b->rig.m, TABLE, i, DATA + 2 * i, 1, DESC_WRITE | (i < 1023 ? DESC_NEXT : 0),
                   (uint16_t)(i + 1));
    ring_desc(&b->ring, 0, TABLE, 1024 * 16, DESC_INDIRECT, 0);
    ring_offer(&b->ring, 0);
    ring_kick(&b->ring);
    assert_true(ring_used(&b->ring, NULL, &size));
    assert_int_equal(size, 1024);
}

/* A reset of the whole function, as when the machine is reset. */
static void function_reset(void **state)
{
    struct bench *b = *state;
    start(b, 0);
    ask(b, 1);
    pci_function_reset(&b->rng->pci);
    assert_false(b->rig.m->level[0]);
    assert_int_equal(config_read(&b->rig, 0, 0x04, 2), 0);
    vdev_probe(&b->v, &b->rig, 0);
    assert_int_equal(common_read(&b->v, DEVICE_STATUS, 1), 0);
    start(b, 0);
    ask(b, 1);
    assert_int_equal(answers(b), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identification),
        TEST(capability_sizes),
        TEST(configuration_access),
        TEST(feature_words),
        TEST(negotiation),
        TEST(queue_registers),
        TEST(reset_clears_all),
        TEST(reset_while_kicked),
        TEST(nothing_before_its_time),
        TEST(device_configuration),
        TEST(interrupt_status),
        TEST(broken_device_tells),
        TEST(vectors),
        TEST(used_event),
        TEST(avail_event),
        TEST(indices_wrap),
        TEST(chains),
        TEST(indirect_tables),
        TEST(long_indirect_table),
        TEST(function_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
