/* SPDX-License-Identifier: MIT */
/* Drivers that lie: every lie about rings, descriptors and addresses, told to every queue of every
 * virtio device. The device either ignores it or says that it needs a reset; it never leaves guest
 * memory (the address sanitizer watches), and after a reset it works as before. */

#include "dev_virtio.h"

#include <fcntl.h>
#include <unistd.h>

#include "device/virtio_blk.h"
#include "device/virtio_console.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"
#include "host/block.h"

#define RING  (RAM_BASE + 0x10000)
#define TABLE (RAM_BASE + 0x20000)
#define DATA  (RAM_BASE + 0x30000)
#define END   (RAM_BASE + RAM_SIZE)
#define SIZE  8 /* of the rings */

enum kind { BLK, NET, RNG, CONSOLE };

struct bench {
    struct pci_rig rig;
    enum kind kind;
    unsigned queue;
    struct virtio_device *dev;
    struct vdev v;
    struct ring ring;
    unsigned frames;
};

static void network(void *ctx, const uint8_t *frame, size_t size)
{
    ((struct bench *)ctx)->frames++;
}

/* A device of KIND on RIG's bus; frames are counted in B. */
static struct virtio_device *create(struct pci_rig *rig, enum kind kind, struct bench *b)
{
    static const uint8_t mac[6] = {2};
    char path[] = "/tmp/pomona-test-XXXXXX";
    struct error err = {0};
    struct virtio_device *net;
    int result, fd;
    switch (kind) {
    case BLK:
        fd = mkstemp(path);
        assert_int_equal(ftruncate(fd, 1 << 20), 0);
        close(fd);
        struct block_file *file = block_open(&(struct block_options){.path = path}, &err);
        unlink(path);
        return virtio_blk_create(&rig->bus, file, "disk", &result);
    case NET:
        net = virtio_net_create(&rig->bus, mac, &result);
        virtio_net_connect(net, &(struct virtio_net_peer){.send = network, .ctx = b});
        return net;
    case RNG:
        return virtio_rng_create(&rig->bus, &result);
    case CONSOLE:
        return virtio_console_create(&rig->bus, &rig->m->chr, &result);
    }
    return NULL;
}

/* Makes the device look at the queue: by a kick, and by what comes from outside for the queues that
 * wait for that. */
static void provoke(struct bench *b)
{
    uint8_t bytes[100] = {0};
    ring_kick(&b->ring);
    if (b->kind == NET && b->queue == 0 && virtio_net_ready(b->dev))
        virtio_net_receive(b->dev, bytes, sizeof(bytes));
    if (b->kind == CONSOLE && b->queue == 0)
        b->rig.m->chr.receive(b->rig.m->chr.receive_ctx, bytes, sizeof(bytes));
    rig_run_deferred(b->rig.m);
}

static void start(struct bench *b)
{
    vdev_negotiate(&b->v, VERSION_1 | INDIRECT);
    ring_enable(&b->ring, &b->v, b->queue, SIZE, RING);
    vdev_driver_ok(&b->v);
}

static bool device_writes(const struct bench *b)
{
    return b->kind == RNG || (b->kind != BLK && b->queue == 0);
}

/* Makes one honest request of the kind that the queue is for available. */
static void offer_request(struct bench *b)
{
    if (b->kind == BLK) {
        memset(rig_memory(b->rig.m, DATA, 16), 0, 16);
        poke(b->rig.m, DATA, 4, 8); /* GET_ID */
        ring_desc(&b->ring, 0, DATA, 16, DESC_NEXT, 1);
        ring_desc(&b->ring, 1, DATA + 0x100, 21, DESC_WRITE, 0);
    } else {
        ring_desc(&b->ring, 0, DATA, 200, device_writes(b) ? DESC_WRITE : 0, 0);
    }
    ring_offer(&b->ring, 0);
}

static bool works(struct bench *b)
{
    uint32_t used = 0;
    const bool answers = device_writes(b) || b->kind == BLK;
    offer_request(b);
    provoke(b);
    return ring_used(&b->ring, NULL, &used) && answers == (used > 0);
}

/* ---- lies: each is told on a fresh ring ---- */

enum verdict { BREAKS, ANY };

struct lie {
    const char *name;
    enum verdict verdict; /* what the device makes of it */
    void (*tell)(struct bench *b);
};

static void offer(struct bench *b, uint64_t address, uint32_t size, uint16_t flags, uint16_t next)
{
    ring_desc(&b->ring, 0, address, size, flags, next);
    ring_offer(&b->ring, 0);
}

static void head_beyond_table(struct bench *b)
{
    ring_offer(&b->ring, SIZE);
}

static void head_far_away(struct bench *b)
{
    ring_offer(&b->ring, 0xffff);
}

static void next_beyond_table(struct bench *b)
{
    offer(b, DATA, 16, DESC_NEXT, SIZE);
}

static void loop_of_one(struct bench *b)
{
    offer(b, DATA, 16, DESC_NEXT, 0);
}

static void loop_of_writable(struct bench *b)
{
    offer(b, DATA, 16, DESC_NEXT | DESC_WRITE, 0);
}

static void loop_of_all(struct bench *b)
{
    for (unsigned i = 0; i < SIZE; i++)
        ring_desc(&b->ring, i, DATA, 0, DESC_NEXT, (uint16_t)((i + 1) % SIZE));
    ring_offer(&b->ring, 0);
}

static void loop_in_table(struct bench *b)
{
    for (unsigned i = 0; i < 64; i++)
        table_desc(b->rig.m, TABLE, i, DATA, 1, DESC_NEXT | DESC_WRITE, (uint16_t)((i + 1) % 64));
    offer(b, TABLE, 64 * 16, DESC_INDIRECT, 0);
}

static void readable_after_writable(struct bench *b)
{
    ring_desc(&b->ring, 1, DATA, 16, 0, 0);
    offer(b, DATA, 16, DESC_NEXT | DESC_WRITE, 1);
}

static void nested_tables(struct bench *b)
{
    table_desc(b->rig.m, TABLE, 0, TABLE + 0x100, 16, DESC_INDIRECT, 0);
    table_desc(b->rig.m, TABLE + 0x100, 0, DATA, 16, 0, 0);
    offer(b, TABLE, 16, DESC_INDIRECT, 0);
}

static void table_of_itself(struct bench *b)
{
    offer(b, RING, 16, DESC_INDIRECT, 0);
}

static void table_with_next(struct bench *b)
{
    table_desc(b->rig.m, TABLE, 0, DATA, 16, DESC_WRITE, 0);
    offer(b, TABLE, 16, DESC_INDIRECT | DESC_NEXT, 1);
}

static void table_of_odd_length(struct bench *b)
{
    offer(b, TABLE, 24, DESC_INDIRECT, 0);
}

static void table_of_one_byte(struct bench *b)
{
    offer(b, TABLE, 1, DESC_INDIRECT, 0);
}

static void empty_table(struct bench *b)
{
    offer(b, TABLE, 0, DESC_INDIRECT, 0);
}

static void giant_table(struct bench *b)
{
    offer(b, TABLE, 0xfffffff0, DESC_INDIRECT, 0);
}

static void table_over_the_end(struct bench *b)
{
    table_desc(b->rig.m, END - 16, 0, DATA, 0, DESC_NEXT, 1);
    offer(b, END - 16, 32, DESC_INDIRECT, 0);
}

static void table_nowhere(struct bench *b)
{
    offer(b, 0x10, 32, DESC_INDIRECT, 0);
}

static void table_at_the_top(struct bench *b)
{
    offer(b, UINT64_MAX - 15, 32, DESC_INDIRECT, 0);
}

static void next_in_table_beyond(struct bench *b)
{
    table_desc(b->rig.m, TABLE, 0, DATA, 16, DESC_NEXT, 2);
    offer(b, TABLE, 32, DESC_INDIRECT, 0);
}

static void available_runs_away(struct bench *b)
{
    b->ring.next_avail = SIZE;
    ring_offer(&b->ring, 0);
}

static void available_goes_back(struct bench *b)
{
    b->ring.next_avail = (uint16_t)-2;
    ring_offer(&b->ring, 0);
}

/* The queue is set up anew with one of its addresses changed, and an honest request in it. */
static void move(struct bench *b, unsigned field, uint64_t address)
{
    vdev_negotiate(&b->v, VERSION_1 | INDIRECT);
    ring_place(&b->ring, &b->v, b->queue, SIZE, RING);
    common_write(&b->v, field, 8, address);
    common_write(&b->v, QUEUE_ENABLE, 2, 1);
    vdev_driver_ok(&b->v);
    offer_request(b);
}

static void desc_nowhere(struct bench *b)
{
    move(b, QUEUE_DESC, 0);
}

static void desc_over_the_end(struct bench *b)
{
    move(b, QUEUE_DESC, END - 8);
}

static void desc_wraps(struct bench *b)
{
    move(b, QUEUE_DESC, UINT64_MAX - 7);
}

static void avail_nowhere(struct bench *b)
{
    move(b, QUEUE_DRIVER, 0x1000);
}

static void avail_over_the_end(struct bench *b)
{
    move(b, QUEUE_DRIVER, END - 4);
    poke(b->rig.m, END - 2, 2, 1);
}

static void avail_wraps(struct bench *b)
{
    move(b, QUEUE_DRIVER, UINT64_MAX);
}

static void used_nowhere(struct bench *b)
{
    move(b, QUEUE_DEVICE, 0x2000);
}

static void used_over_the_end(struct bench *b)
{
    move(b, QUEUE_DEVICE, END - 8);
}

static void used_before_the_start(struct bench *b)
{
    move(b, QUEUE_DEVICE, RAM_BASE - 4);
}

static void rings_on_each_other(struct bench *b)
{
    move(b, QUEUE_DEVICE, RING);
}

/* Chains that are sound and pieces that are not. Devices answer with an error, or skip. */
static void pieces(struct bench *b, uint64_t address, uint32_t size)
{
    ring_desc(&b->ring, 1, address, size, DESC_WRITE, 0);
    offer(b, address, size, DESC_NEXT, 1);
}

static void piece_over_the_end(struct bench *b)
{
    pieces(b, END - 10, 64);
}

static void piece_past_the_end(struct bench *b)
{
    pieces(b, END, 64);
}

static void piece_nowhere(struct bench *b)
{
    pieces(b, 0, 64);
}

static void piece_at_the_top(struct bench *b)
{
    pieces(b, UINT64_MAX - 10, 64);
}

static void giant_piece(struct bench *b)
{
    pieces(b, DATA, UINT32_MAX);
}

static void empty_pieces(struct bench *b)
{
    pieces(b, DATA, 0);
}

static void empty_piece_nowhere(struct bench *b)
{
    pieces(b, 0x123, 0);
}

static void only_readable(struct bench *b)
{
    offer(b, DATA, 64, 0, 0);
}

static void only_writable(struct bench *b)
{
    offer(b, DATA, 64, DESC_WRITE, 0);
}

static void unknown_flags(struct bench *b)
{
    offer(b, DATA, 64, 0xfff8 | DESC_WRITE, 0);
}

/* A table of 1,024 pieces of 4 GiB each. */
static void giant_chain(struct bench *b)
{
    for (unsigned i = 0; i < 1024; i++)
        table_desc(b->rig.m, TABLE, i, DATA, UINT32_MAX,
                   (i < 1023 ? DESC_NEXT : 0) | (i ? DESC_WRITE : 0), (uint16_t)(i + 1));
    offer(b, TABLE, 1024 * 16, DESC_INDIRECT, 0);
}

/* The data are the ring itself. */
static void data_on_the_ring(struct bench *b)
{
    ring_desc(&b->ring, 1, RING, 0x3000, DESC_WRITE, 0);
    offer(b, DATA, 16, DESC_NEXT, 1);
}

static const struct lie lies[] = {
    {"head beyond the table", BREAKS, head_beyond_table},
    {"head 65535", BREAKS, head_far_away},
    {"next beyond the table", BREAKS, next_beyond_table},
    {"a loop of one", BREAKS, loop_of_one},
    {"a loop of one, writable", BREAKS, loop_of_writable},
    {"a loop of all", BREAKS, loop_of_all},
    {"a loop in an indirect table", BREAKS, loop_in_table},
    {"readable after writable", BREAKS, readable_after_writable},
    {"nested indirect tables", BREAKS, nested_tables},
    {"an indirect table that names itself", BREAKS, table_of_itself},
    {"an indirect table with a next", BREAKS, table_with_next},
    {"an indirect table of 24 bytes", BREAKS, table_of_odd_length},
    {"an indirect table of 1 byte", BREAKS, table_of_one_byte},
    {"an empty indirect table", BREAKS, empty_table},
    {"an indirect table of 4 GiB", BREAKS, giant_table},
    {"an indirect table over the end of memory", BREAKS, table_over_the_end},
    {"an indirect table where no memory is", BREAKS, table_nowhere},
    {"an indirect table at the top of the address space", BREAKS, table_at_the_top},
    {"next beyond an indirect table", BREAKS, next_in_table_beyond},
    {"the available index runs away", BREAKS, available_runs_away},
    {"the available index goes back", BREAKS, available_goes_back},
    {"descriptors where no memory is", BREAKS, desc_nowhere},
    {"descriptors over the end of memory", BREAKS, desc_over_the_end},
    {"descriptors at the top of the address space", BREAKS, desc_wraps},
    {"available ring where no memory is", BREAKS, avail_nowhere},
    {"available ring over the end of memory", BREAKS, avail_over_the_end},
    {"available ring at the top of the address space", BREAKS, avail_wraps},
    {"used ring where no memory is", BREAKS, used_nowhere},
    {"used ring over the end of memory", BREAKS, used_over_the_end},
    {"used ring before the start of memory", BREAKS, used_before_the_start},
    {"used ring on the descriptors", ANY, rings_on_each_other},
    {"a piece over the end of memory", ANY, piece_over_the_end},
    {"a piece past the end of memory", ANY, piece_past_the_end},
    {"a piece where no memory is", ANY, piece_nowhere},
    {"a piece at the top of the address space", ANY, piece_at_the_top},
    {"a piece of 4 GiB", ANY, giant_piece},
    {"empty pieces", ANY, empty_pieces},
    {"empty pieces where no memory is", ANY, empty_piece_nowhere},
    {"nothing writable", ANY, only_readable},
    {"nothing readable", ANY, only_writable},
    {"unknown flags", ANY, unknown_flags},
    {"1,024 pieces of 4 GiB", ANY, giant_chain},
    {"data on the ring", ANY, data_on_the_ring},
};

static void tell_all(enum kind kind, unsigned queue)
{
    struct bench *b = calloc(1, sizeof(*b));
    pci_rig_init(&b->rig);
    b->kind = kind;
    b->queue = queue;
    b->dev = create(&b->rig, kind, b);
    assert_non_null(b->dev);
    vdev_probe(&b->v, &b->rig, 0);
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        start(b);
        lies[i].tell(b);
        provoke(b);
        provoke(b);
        const bool needs_reset = vdev_needs_reset(&b->v);
        if (lies[i].verdict == BREAKS && !needs_reset)
            fail_msg("%s: the device goes on", lies[i].name);
        start(b);
        if (!works(b) || vdev_needs_reset(&b->v))
            fail_msg("%s: the device does not work after a reset", lies[i].name);
    }
    virtio_destroy(b->dev);
    pci_rig_free(&b->rig);
    free(b);
}

static void blk_requests(void **state)
{
    tell_all(BLK, 0);
}

static void net_receive(void **state)
{
    tell_all(NET, 0);
}

static void net_transmit(void **state)
{
    tell_all(NET, 1);
}

static void rng_requests(void **state)
{
    tell_all(RNG, 0);
}

static void console_receive(void **state)
{
    tell_all(CONSOLE, 0);
}

static void console_transmit(void **state)
{
    tell_all(CONSOLE, 1);
}

/* ---- random: accesses of every width everywhere, rings full of noise ---- */

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

#define DEVICES 4

/* All four devices on one bus, running. */
static void start_all(struct pci_rig *rig, struct vdev *v)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        struct ring ring;
        rig->next_bar = WINDOW_BASE + i * 0x10000;
        vdev_probe(&v[i], rig, i);
        vdev_negotiate(&v[i], VERSION_1 | INDIRECT | EVENT_IDX);
        ring_enable(&ring, &v[i], 0, SIZE, RING + i * 0x8000);
        if (i == NET || i == CONSOLE)
            ring_enable(&ring, &v[i], 1, SIZE, RING + i * 0x8000 + 0x4000);
        vdev_driver_ok(&v[i]);
    }
}

static void random_accesses(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct pci_rig *rig = &b->rig;
    struct virtio_device *devices[DEVICES];
    struct vdev v[DEVICES];
    uint64_t x = 0x1234567;
    pci_rig_init(rig);
    for (unsigned i = 0; i < DEVICES; i++)
        devices[i] = create(rig, (enum kind)i, b);
    for (unsigned i = 0; i < 300000; i++) {
        const uint64_t r = next_random(&x), value = next_random(&x);
        const unsigned size = 1u << (r & 3);
        const uint64_t offset =
            (r >> 8) % (r & 0x10 ? DEVICES * 0x10000 : 0x40) + (r >> 40) % DEVICES * 0x10000;
        if (i % 1000 == 0)
            start_all(rig, v);
        if (r & 0x20)
            poke(rig->m, RING + (r >> 20) % (DEVICES * 0x8000), size,
                 r & 0x400 ? value : RAM_BASE + value % RAM_SIZE);
        if (r & 0x40)
            mmio_write(rig, WINDOW_BASE + offset, size,
                       r & 0x80 ? value : RAM_BASE + value % RAM_SIZE);
        else
            mmio_read(rig, WINDOW_BASE + offset, size);
        if (r % 31 == 0)
            pci_ecam_write(&rig->bus, (r >> 12) % (DEVICES << 15), size, value);
        if (r % 37 == 0)
            pci_ecam_read(&rig->bus, (r >> 12) % (DEVICES << 15), size);
        if (r % 41 == 0)
            virtio_net_receive(devices[NET], (const uint8_t *)v, sizeof(v));
        if (r % 43 == 0)
            rig->m->chr.receive(rig->m->chr.receive_ctx, (const uint8_t *)&r, sizeof(r));
        rig_run_deferred(rig->m);
    }
    for (unsigned i = 0; i < DEVICES; i++)
        virtio_destroy(devices[i]);
    pci_rig_free(rig);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blk_requests),    cmocka_unit_test(net_receive),
        cmocka_unit_test(net_transmit),    cmocka_unit_test(rng_requests),
        cmocka_unit_test(console_receive), cmocka_unit_test(console_transmit),
        cmocka_unit_test(random_accesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
