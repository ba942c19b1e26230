/* SPDX-License-Identifier: MIT */
/* A virtio block device (OASIS virtio 1.2, 5.2): read, write, flush, discard, write zeroes, get ID,
 * over one queue. Requests are done one after the other on the machine's thread. Not modelled:
 * topology, several queues, lifetime, zones. */

#include "device/virtio_blk.h"

#include <stdlib.h>
#include <string.h>

#include "host/block.h"

#define VIRTIO_ID_BLOCK 2
#define CLASS_SCSI      0x010000

#define F_SEG_MAX      2
#define F_RO           5
#define F_BLK_SIZE     6
#define F_FLUSH        9
#define F_DISCARD      13
#define F_WRITE_ZEROES 14

#define T_IN           0
#define T_OUT          1
#define T_FLUSH        4
#define T_GET_ID       8
#define T_DISCARD      11
#define T_WRITE_ZEROES 13

#define S_OK     0
#define S_IOERR  1
#define S_UNSUPP 2

#define SECTOR            512u
#define HEADER_SIZE       16
#define ID_SIZE           20
#define SEG_MAX           254
#define RANGE_SIZE        16 /* of a discard: sector, count, flags */
#define MAX_RANGE_SECTORS (1u << 21)
#define BOUNCE            65536u
#define CONFIG_SIZE       60

struct virtio_blk {
    struct virtio_device virtio;
    struct block_file *block;
    char serial[ID_SIZE + 1];
    uint8_t bounce[BOUNCE];
};

static struct virtio_blk *of(struct virtio_device *dev)
{
    return (struct virtio_blk *)dev;
}

static uint64_t get_le(const uint8_t *raw, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i--;)
        value = value << 8 | raw[i];
    return value;
}

static void put_le(uint8_t *raw, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        raw[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t blk_features(struct virtio_device *dev)
{
    const uint64_t common = 1u << F_SEG_MAX | 1u << F_BLK_SIZE | 1u << F_FLUSH;
    return common |
           (block_read_only(of(dev)->block) ? 1u << F_RO : 1u << F_DISCARD | 1u << F_WRITE_ZEROES);
}

static void blk_config_read(struct virtio_device *dev, uint8_t *config)
{
    put_le(config, 8, block_size(of(dev)->block) / SECTOR);
    put_le(config + 12, 4, SEG_MAX);
    put_le(config + 20, 4, SECTOR);
    put_le(config + 36, 4, MAX_RANGE_SECTORS); /* max_discard_sectors, seg, alignment */
    put_le(config + 40, 4, 1);
    put_le(config + 44, 4, 8);
    put_le(config + 48, 4, MAX_RANGE_SECTORS); /* max_write_zeroes_sectors, seg, may_unmap */
    put_le(config + 52, 4, 1);
    config[56] = 1;
}

/* Whether SIZE bytes from SECTOR on are whole sectors of the disk, and few enough for the used
 * ring's 32-bit length. */
static bool valid_range(const struct virtio_blk *blk, uint64_t sector, uint64_t size)
{
    const uint64_t sectors = block_size(blk->block) / SECTOR;
    return size % SECTOR == 0 && size < UINT32_MAX && sector <= sectors &&
           size / SECTOR <= sectors - sector;
}

/* What was written is on the disk before the request is done, when the driver did not promise to
 * ask for that (5.2.6.2). */
static uint8_t settle(struct virtio_blk *blk)
{
    return !virtio_has(&blk->virtio, F_FLUSH) && block_flush(blk->block) ? S_IOERR : S_OK;
}

/* Disk to guest: all of the writable part but its last byte, the status. */
static uint8_t read_sectors(struct virtio_blk *blk, uint64_t sector, uint32_t *written)
{
    const uint64_t size = blk->virtio.chain.writable_size - 1;
    if (!valid_range(blk, sector, size))
        return S_IOERR;
    for (uint64_t done = 0; done < size;) {
        const size_t part = size - done < BOUNCE ? (size_t)(size - done) : BOUNCE;
        if (block_read(blk->block, sector * SECTOR + done, blk->bounce, part) ||
            !virtq_write(&blk->virtio, done, blk->bounce, part))
            return S_IOERR;
        done += part;
        *written = (uint32_t)done;
    }
    return S_OK;
}

static uint8_t write_sectors(struct virtio_blk *blk, uint64_t sector)
{
    const uint64_t size = blk->virtio.chain.readable_size - HEADER_SIZE;
    if (!valid_range(blk, sector, size))
        return S_IOERR;
    for (uint64_t done = 0; done < size;) {
        const size_t part = size - done < BOUNCE ? (size_t)(size - done) : BOUNCE;
        if (!virtq_read(&blk->virtio, HEADER_SIZE + done, blk->bounce, part) ||
            block_write(blk->block, sector * SECTOR + done, blk->bounce, part))
            return S_IOERR;
        done += part;
    }
    return settle(blk);
}

/* Discard and write zeroes: a list of ranges. Flags: only "unmap", and only for write zeroes. */
static uint8_t zero_ranges(struct virtio_blk *blk, uint32_t type)
{
    const uint64_t size = blk->virtio.chain.readable_size - HEADER_SIZE;
    uint8_t raw[RANGE_SIZE];
    if (!size || size % RANGE_SIZE)
        return S_IOERR;
    for (uint64_t at = 0; at < size; at += RANGE_SIZE) {
        if (!virtq_read(&blk->virtio, HEADER_SIZE + at, raw, RANGE_SIZE))
            return S_IOERR;
        const uint64_t sector = get_le(raw, 8), count = get_le(raw + 8, 4),
                       flags = get_le(raw + 12, 4);
        if (flags & ~(type == T_WRITE_ZEROES ? 1u : 0u))
            return S_UNSUPP;
        if (count > MAX_RANGE_SECTORS || !valid_range(blk, sector, count * SECTOR) ||
            block_zero(blk->block, sector * SECTOR, count * SECTOR))
            return S_IOERR;
    }
    return settle(blk);
}

static uint8_t get_id(struct virtio_blk *blk, uint32_t *written)
{
    if (blk->virtio.chain.writable_size < ID_SIZE + 1 ||
        !virtq_write(&blk->virtio, 0, blk->serial, ID_SIZE))
        return S_IOERR;
    *written = ID_SIZE;
    return S_OK;
}

static uint8_t perform(struct virtio_blk *blk, uint32_t type, uint64_t sector, uint32_t *written)
{
    switch (type) {
    case T_IN:
        return read_sectors(blk, sector, written);
    case T_OUT:
        return write_sectors(blk, sector);
    case T_FLUSH:
        return block_flush(blk->block) ? S_IOERR : S_OK;
    case T_GET_ID:
        return get_id(blk, written);
    case T_DISCARD:
    case T_WRITE_ZEROES:
        return zero_ranges(blk, type);
    }
    return S_UNSUPP;
}

static void do_request(struct virtio_blk *blk)
{
    struct virtio_device *dev = &blk->virtio;
    uint8_t header[HEADER_SIZE];
    uint32_t written = 0;
    if (!dev->chain.writable_size || !virtq_read(dev, 0, header, HEADER_SIZE)) {
        virtio_break(dev, "a block request without header or status");
        return;
    }
    const uint8_t status =
        perform(blk, (uint32_t)get_le(header, 4), get_le(header + 8, 8), &written);
    if (!virtq_write(dev, dev->chain.writable_size - 1, &status, 1)) {
        virtio_break(dev, "a status byte outside memory");
        return;
    }
    /* The used length counts what is written without a gap: the status only when all before it is.
     */
    if (written == dev->chain.writable_size - 1)
        written++;
    virtq_push(dev, 0, dev->chain.head, written);
}

static void blk_kick(struct virtio_device *dev, unsigned queue)
{
    while (virtq_pop(dev, queue))
        do_request(of(dev));
    virtq_flush(dev, queue);
}

static void blk_fini(struct virtio_device *dev)
{
    block_flush(of(dev)->block);
    block_close(of(dev)->block);
}

static const struct virtio_ops virtio_blk_ops = {
    .cls = {.name = "virtio-blk", .description = "disk", .state_size = sizeof(struct virtio_blk)},
    .id = VIRTIO_ID_BLOCK,
    .class_code = CLASS_SCSI,
    .queues = 1,
    .config_size = CONFIG_SIZE,
    .features = blk_features,
    .kick = blk_kick,
    .config_read = blk_config_read,
    .fini = blk_fini,
};

struct virtio_device *virtio_blk_create(struct pci_bus *bus, struct block_file *block,
                                        const char *serial, int *result)
{
    struct virtio_device *dev = virtio_create(&virtio_blk_ops, bus, result);
    if (!dev)
        return NULL;
    of(dev)->block = block;
    strncpy(of(dev)->serial, serial, ID_SIZE);
    return dev;
}
