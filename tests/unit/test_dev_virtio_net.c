/* SPDX-License-Identifier: MIT */
/* The network card, the entropy device and the console against OASIS virtio 1.2, 5.1, 5.4 and 5.3.
 */

#include "dev_virtio.h"

#include "device/virtio_console.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"

#define RX_RING (RAM_BASE + 0x10000)
#define TX_RING (RAM_BASE + 0x14000)
#define RX_DATA (RAM_BASE + 0x20000)
#define TX_DATA (RAM_BASE + 0x30000)
#define RX      0
#define TX      1
#define HEADER  12 /* struct virtio_net_hdr with num_buffers */

struct bench {
    struct pci_rig rig;
    struct virtio_device *dev;
    struct vdev v;
    struct ring rx, tx;
    /* What the network got. */
    uint8_t frame[0x20000];
    size_t frame_size;
    unsigned frames;
    bool echo; /* the network answers at once with the same frame */
};

static void network(void *ctx, const uint8_t *frame, size_t size)
{
    struct bench *b = ctx;
    memcpy(b->frame, frame, size);
    b->frame_size = size;
    b->frames++;
    if (b->echo)
        virtio_net_receive(b->dev, frame, size);
}

static const uint8_t mac[6] = {0x52, 0x54, 0x01, 0x02, 0x03, 0x04};

static void start(struct bench *b, bool two_queues)
{
    vdev_negotiate(&b->v, VERSION_1 | (vdev_features(&b->v) & 0xffffff));
    ring_enable(&b->rx, &b->v, RX, 16, RX_RING);
    if (two_queues)
        ring_enable(&b->tx, &b->v, TX, 16, TX_RING);
    vdev_driver_ok(&b->v);
}

static int setup_net(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    int result;
    pci_rig_init(&b->rig);
    b->dev = virtio_net_create(&b->rig.bus, mac, &result);
    assert_non_null(b->dev);
    virtio_net_connect(b->dev, &(struct virtio_net_peer){.send = network, .ctx = b});
    vdev_probe(&b->v, &b->rig, 0);
    start(b, true);
    *state = b;
    return 0;
}

static int setup_console(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    int result;
    pci_rig_init(&b->rig);
    b->dev = virtio_console_create(&b->rig.bus, &b->rig.m->chr, &result);
    assert_non_null(b->dev);
    vdev_probe(&b->v, &b->rig, 0);
    start(b, true);
    *state = b;
    return 0;
}

static int setup_rng(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    int result;
    pci_rig_init(&b->rig);
    b->dev = virtio_rng_create(&b->rig.bus, &result);
    vdev_probe(&b->v, &b->rig, 0);
    start(b, false);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    virtio_destroy(b->dev);
    assert_null(b->rig.m->chr.receive);
    pci_rig_free(&b->rig);
    free(b);
    return 0;
}

static void offer(struct ring *r, unsigned index, uint64_t address, uint32_t size, uint16_t flags)
{
    ring_desc(r, index, address, size, flags, 0);
    ring_offer(r, (uint16_t)index);
}

/* ---- network ---- */

static void net_configuration(void **state)
{
    struct bench *b = *state;
    assert_int_equal(config_read(&b->rig, 0, 0, 4), 0x10411af4);
    assert_int_equal(config_read(&b->rig, 0, 0x08, 4) >> 8, 0x020000);
    assert_int_equal((uint32_t)vdev_features(&b->v) & 0xffffff,
                     1u << 5 | 1u << 16); /* MAC, STATUS */
    assert_int_equal(common_read(&b->v, NUM_QUEUES, 2), 2);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(mmio_read(&b->rig, b->v.config + i, 1), mac[i]);
    assert_int_equal(mmio_read(&b->rig, b->v.config + 6, 2), 1); /* link up */
}

static void net_transmit(void **state)
{
    static const uint32_t sizes[] = {1, 14, 60, 1514, 9000, 65535};
    struct bench *b = *state;
    uint32_t used;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *data = rig_memory(b->rig.m, TX_DATA, HEADER + sizes[i]);
        memset(data, 0, HEADER);
        memset(data + HEADER, (int)i + 1, sizes[i]);
        offer(&b->tx, i, TX_DATA, HEADER + sizes[i], 0);
        ring_kick(&b->tx);
        assert_int_equal(b->frames, i + 1);
        assert_int_equal(b->frame_size, sizes[i]);
        assert_memory_equal(b->frame, data + HEADER, sizes[i]);
        assert_true(ring_used(&b->tx, NULL, &used));
        assert_int_equal(used, 0);
    }
}

/* Header and frame in pieces of any size. */
static void net_transmit_in_pieces(void **state)
{
    struct bench *b = *state;
    memcpy(rig_memory(b->rig.m, TX_DATA, 32), "............abcdefghijklmnop", 28);
    for (unsigned first = 1; first < 27; first++) {
        ring_desc(&b->tx, 0, TX_DATA, first, DESC_NEXT, 1);
        ring_desc(&b->tx, 1, TX_DATA + first, 28 - first, 0, 0);
        ring_offer(&b->tx, 0);
        ring_kick(&b->tx);
        assert_int_equal(b->frame_size, 16);
        assert_memory_equal(b->frame, "abcdefghijklmnop", 16);
    }
}

/* Frames that are none, too long ones, ones outside memory: given back, not sent. */
static void net_transmit_nonsense(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t size;
        uint16_t flags;
    } wrong[] = {{TX_DATA, 0, 0},          {TX_DATA, HEADER - 1, 0},
                 {TX_DATA, HEADER, 0},     {TX_DATA, 0x11000, 0},
                 {TX_DATA, UINT32_MAX, 0}, {RAM_BASE + RAM_SIZE - 20, 100, 0},
                 {UINT64_MAX - 8, 100, 0}, {TX_DATA, 100, DESC_WRITE}};
    struct bench *b = *state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        offer(&b->tx, i, wrong[i].address, wrong[i].size, wrong[i].flags);
        ring_kick(&b->tx);
        assert_true(ring_used(&b->tx, NULL, NULL));
    }
    assert_int_equal(b->frames, 0);
    assert_false(vdev_needs_reset(&b->v));
    virtio_net_connect(b->dev, &(struct virtio_net_peer){0}); /* no network at all */
    offer(&b->tx, 0, TX_DATA, 100, 0);
    ring_kick(&b->tx);
    assert_true(ring_used(&b->tx, NULL, NULL));
}

static void net_receive(void **state)
{
    struct bench *b = *state;
    uint8_t frame[1514];
    uint32_t id, used;
    memset(frame, 0x6b, sizeof(frame));
    assert_false(virtio_net_ready(b->dev));
    virtio_net_receive(b->dev, frame, sizeof(frame)); /* lost */
    assert_false(b->rig.m->level[0]);
    ring_desc(&b->rx, 2, RX_DATA, HEADER, DESC_WRITE | DESC_NEXT, 3);
    ring_desc(&b->rx, 3, RX_DATA + 0x100, 1514, DESC_WRITE, 0);
    ring_offer(&b->rx, 2);
    memset(rig_memory(b->rig.m, RX_DATA, 0x1000), 0xff, 0x1000);
    ring_kick(&b->rx);
    assert_true(virtio_net_ready(b->dev));
    assert_true(virtio_net_ready(b->dev)); /* asking takes nothing */
    virtio_net_receive(b->dev, frame, 1000);
    assert_true(b->rig.m->level[0]);
    assert_true(ring_used(&b->rx, &id, &used));
    assert_int_equal(id, 2);
    assert_int_equal(used, HEADER + 1000);
    for (unsigned i = 0; i < HEADER; i++)
        assert_int_equal(peek(b->rig.m, RX_DATA + i, 1), i == 10); /* num_buffers is 1 */
    assert_memory_equal(rig_memory(b->rig.m, RX_DATA + 0x100, 1000), frame, 1000);
    assert_int_equal(peek(b->rig.m, RX_DATA + 0x100 + 1000, 1), 0xff);
    assert_false(virtio_net_ready(b->dev));
}

/* Buffers that cannot hold the frame come back with nothing in them. */
static void net_receive_does_not_fit(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t size;
        uint16_t flags;
    } wrong[] = {{RX_DATA, 4, DESC_WRITE},
                 {RX_DATA, HEADER + 99, DESC_WRITE},
                 {RX_DATA, 2000, 0},
                 {RAM_BASE + RAM_SIZE - 50, 2000, DESC_WRITE}};
    struct bench *b = *state;
    const uint8_t frame[100] = {1};
    uint32_t used;
    for (unsigned i = 0; i < 4; i++) {
        offer(&b->rx, i, wrong[i].address, wrong[i].size, wrong[i].flags);
        virtio_net_receive(b->dev, frame, sizeof(frame));
        assert_true(ring_used(&b->rx, NULL, &used));
        assert_int_equal(used, 0);
    }
    assert_false(vdev_needs_reset(&b->v));
    offer(&b->rx, 0, RX_DATA, HEADER + 100, DESC_WRITE);
    virtio_net_receive(b->dev, frame, sizeof(frame));
    assert_true(ring_used(&b->rx, NULL, &used));
    assert_int_equal(used, HEADER + 100);
}

/* The network answers while a frame is on its way out: both queues work on a chain at once. */
static void net_answer_at_once(void **state)
{
    struct bench *b = *state;
    uint32_t id, used;
    b->echo = true;
    offer(&b->rx, 5, RX_DATA, 2000, DESC_WRITE);
    memcpy(rig_memory(b->rig.m, TX_DATA, 112), "............hello", 17);
    ring_desc(&b->tx, 9, TX_DATA, 112, 0, 0);
    ring_offer(&b->tx, 9);
    ring_kick(&b->tx);
    assert_true(ring_used(&b->tx, &id, &used));
    assert_int_equal(id, 9);
    assert_int_equal(used, 0);
    assert_true(ring_used(&b->rx, &id, &used));
    assert_int_equal(id, 5);
    assert_int_equal(used, 112);
    assert_memory_equal(rig_memory(b->rig.m, RX_DATA + HEADER, 5), "hello", 5);
}

/* ---- entropy ---- */

static void rng_fills_buffers(void **state)
{
    static const uint32_t sizes[] = {1, 5, 64, 4096, 0x4000};
    struct bench *b = *state;
    uint32_t used;
    assert_int_equal(config_read(&b->rig, 0, 0, 4), 0x10441af4);
    assert_int_equal(vdev_features(&b->v) & 0xffffff, 0);
    for (unsigned i = 0; i < 5; i++) {
        memset(rig_memory(b->rig.m, RX_DATA, 0x5000), 0, 0x5000);
        b->rig.m->random = 1;
        offer(&b->rx, i, RX_DATA, sizes[i], DESC_WRITE);
        ring_kick(&b->rx);
        assert_true(ring_used(&b->rx, NULL, &used));
        assert_in_range(used, 1, sizes[i]); /* one byte at least, and no more than asked for */
        assert_int_equal(used, sizes[i] < 4096 ? sizes[i] : 4096);
        for (unsigned at = 0; at < used; at++)
            assert_int_equal(peek(b->rig.m, RX_DATA + at, 1), (uint8_t)(at + 1));
        assert_int_equal(peek(b->rig.m, RX_DATA + used, 1), 0);
    }
}

static void rng_nonsense(void **state)
{
    struct bench *b = *state;
    uint32_t used;
    offer(&b->rx, 0, RX_DATA, 64, 0); /* nothing to write to */
    offer(&b->rx, 1, RAM_BASE + RAM_SIZE - 10, 64, DESC_WRITE);
    offer(&b->rx, 2, RX_DATA, 0, DESC_WRITE);
    ring_kick(&b->rx);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ring_used(&b->rx, NULL, &used));
        assert_int_equal(used, 0);
    }
    assert_false(vdev_needs_reset(&b->v));
}

/* ---- console ---- */

static size_t type(struct bench *b, const char *text)
{
    return b->rig.m->chr.receive(b->rig.m->chr.receive_ctx, (const uint8_t *)text, strlen(text));
}

static void console_output(void **state)
{
    struct bench *b = *state;
    uint32_t used;
    assert_int_equal(config_read(&b->rig, 0, 0, 4), 0x10431af4);
    assert_int_equal(common_read(&b->v, NUM_QUEUES, 2), 2);
    memcpy(rig_memory(b->rig.m, TX_DATA, 16), "hello, world\n", 13);
    ring_desc(&b->tx, 0, TX_DATA, 6, DESC_NEXT, 1);
    ring_desc(&b->tx, 1, TX_DATA + 6, 7, 0, 0);
    ring_offer(&b->tx, 0);
    ring_kick(&b->tx);
    assert_int_equal(b->rig.m->sent_count, 13);
    assert_memory_equal(b->rig.m->sent, "hello, world\n", 13);
    assert_true(ring_used(&b->tx, NULL, &used));
    assert_int_equal(used, 0);
    offer(&b->tx, 0, TX_DATA, 0, 0);
    offer(&b->tx, 1, RAM_BASE + RAM_SIZE - 2, 5, 0);
    offer(&b->tx, 2, TX_DATA, 5, DESC_WRITE);
    ring_kick(&b->tx);
    for (unsigned i = 0; i < 3; i++)
        assert_true(ring_used(&b->tx, NULL, NULL));
    assert_int_equal(b->rig.m->sent_count, 13);
    memset(rig_memory(b->rig.m, TX_DATA, 10000), 'x',
           10000); /* longer than the device's own piece */
    offer(&b->tx, 3, TX_DATA, 10000, 0);
    ring_kick(&b->tx);
    assert_int_equal(b->rig.m->sent_count, sizeof(b->rig.m->sent));
}

static void console_input(void **state)
{
    struct bench *b = *state;
    uint32_t used;
    assert_int_equal(type(b, "lost?"), 0); /* no buffer: it waits */
    const unsigned before = b->rig.m->accepted;
    offer(&b->rx, 0, RX_DATA, 4, DESC_WRITE);
    offer(&b->rx, 1, RX_DATA + 16, 4, DESC_WRITE);
    ring_kick(&b->rx);
    assert_true(b->rig.m->accepted > before); /* the sender hears of the room */
    assert_int_equal(type(b, "abcdefghij"), 8);
    assert_true(ring_used(&b->rx, NULL, &used));
    assert_int_equal(used, 4);
    assert_true(ring_used(&b->rx, NULL, &used));
    assert_int_equal(used, 4);
    assert_memory_equal(rig_memory(b->rig.m, RX_DATA, 4), "abcd", 4);
    assert_memory_equal(rig_memory(b->rig.m, RX_DATA + 16, 4), "efgh", 4);
    assert_true(b->rig.m->level[0]);
    offer(&b->rx, 2, RX_DATA, 100, DESC_WRITE);
    assert_int_equal(type(b, "ij"), 2);
    assert_true(ring_used(&b->rx, NULL, &used));
    assert_int_equal(used, 2);
}

static void console_without_line(void **state)
{
    struct bench *b = *state;
    int result;
    struct virtio_device *other = virtio_console_create(&b->rig.bus, NULL, &result);
    struct vdev v;
    struct ring ring;
    assert_non_null(other);
    vdev_probe(&v, &b->rig, 1);
    vdev_negotiate(&v, VERSION_1);
    ring_enable(&ring, &v, TX, 16, RX_RING);
    vdev_driver_ok(&v);
    offer(&ring, 0, TX_DATA, 5, 0);
    ring_kick(&ring);
    assert_true(ring_used(&ring, NULL, NULL));
    ring.queue = RX;
    ring_kick(&ring);
    virtio_destroy(other);
}

#define NET(name)     cmocka_unit_test_setup_teardown(name, setup_net, teardown)
#define RNG(name)     cmocka_unit_test_setup_teardown(name, setup_rng, teardown)
#define CONSOLE(name) cmocka_unit_test_setup_teardown(name, setup_console, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET(net_configuration),     NET(net_transmit),      NET(net_transmit_in_pieces),
        NET(net_transmit_nonsense), NET(net_receive),       NET(net_receive_does_not_fit),
        NET(net_answer_at_once),    RNG(rng_fills_buffers), RNG(rng_nonsense),
        CONSOLE(console_output),    CONSOLE(console_input), CONSOLE(console_without_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
