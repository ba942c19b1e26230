/* SPDX-License-Identifier: MIT */
/* Raw images through pread and pwrite. With a snapshot the image is opened read-only and every
 * cluster that is written is first copied into a temporary file without a name, at the same offset
 * (sparse, so it costs what was written); a bitmap says which clusters are there. */

#include "host/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#endif

#define CLUSTER 65536u

struct block_file {
    int fd;
    int overlay;     /* -1: none */
    uint8_t *copied; /* a bit a cluster, with an overlay */
    uint64_t size;
    bool read_only;
};

int block_parse(char *text, struct block_options *out, struct error *err)
{
    *out = (struct block_options){.path = strsep(&text, ",")};
    for (const char *part = strsep(&text, ","); part; part = strsep(&text, ",")) {
        if (!strcmp(part, "ro"))
            out->read_only = true;
        else if (!strcmp(part, "snapshot=on") || !strcmp(part, "snapshot"))
            out->snapshot = true;
        else if (strcmp(part, "snapshot=off"))
            return error_set(err, ERROR_USAGE,
                             "--disk: '%s' is unknown: give FILE[,ro][,snapshot=on]", part);
    }
    return 0;
}

static bool device_size(int fd, uint64_t *size)
{
#ifdef BLKGETSIZE64
    return !ioctl(fd, BLKGETSIZE64, size);
#else
    return false;
#endif
}

static int find_size(struct block_file *block, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(block->fd, &st) < 0)
        return error_set(err, ERROR_IO, "%s: %s", path, strerror(errno));
    if (S_ISBLK(st.st_mode) && device_size(block->fd, &block->size))
        return 0;
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_NOINPUT, "%s: a disk must be a file or a block device", path);
    block->size = (uint64_t)st.st_size;
    if (!block->size)
        return error_set(err, ERROR_DATA,
                         "%s: the disk is empty: make one with 'truncate -s 8G %s'", path, path);
    return 0;
}

/* A temporary file without a name. */
static int open_unnamed(const char *folder)
{
#ifdef O_TMPFILE
    const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
#endif
    char path[4096];
    snprintf(path, sizeof(path), "%s/pomona-disk-XXXXXX", folder);
    const int named = mkostemp(path, O_CLOEXEC);
    if (named >= 0)
        unlink(path);
    return named;
}

static int open_overlay(struct block_file *block, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    block->overlay = open_unnamed(folder);
    if (block->overlay < 0)
        return error_set(err, ERROR_OS, "%s: no temporary file for the snapshot: %s", folder,
                         strerror(errno));
    const uint64_t clusters = (block->size + CLUSTER - 1) / CLUSTER;
    block->copied = calloc(1, clusters / 8 + 1);
    if (!block->copied)
        return error_set(err, ERROR_OS, "no memory for the snapshot's map");
    return 0;
}

static int lock(const struct block_file *block, const char *path, struct error *err)
{
    const int mode = block->read_only || block->overlay >= 0 ? LOCK_SH : LOCK_EX;
    if (!flock(block->fd, mode | LOCK_NB) || errno != EWOULDBLOCK)
        return 0;
    return error_set(
        err, ERROR_UNAVAILABLE,
        "%s: another machine writes to this disk: stop it, or add ,snapshot=on once it is idle",
        path);
}

static int open_all(struct block_file *block, const struct block_options *options,
                    struct error *err)
{
    const bool write = !options->read_only && !options->snapshot;
    block->fd = open(options->path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (block->fd < 0)
        return error_set(err, ERROR_NOINPUT, "%s: cannot be opened: %s%s", options->path,
                         strerror(errno),
                         errno == EACCES && write ? "; add ,ro to use it read-only" : "");
    if (find_size(block, options->path, err))
        return -1;
    if (options->snapshot && !options->read_only && open_overlay(block, err))
        return -1;
    return lock(block, options->path, err);
}

struct block_file *block_open(const struct block_options *options, struct error *err)
{
    struct block_file *block = calloc(1, sizeof(*block));
    if (!block) {
        error_set(err, ERROR_OS, "%s: no memory", options->path);
        return NULL;
    }
    block->fd = block->overlay = -1;
    block->read_only = options->read_only;
    if (!open_all(block, options, err))
        return block;
    block_close(block);
    return NULL;
}

void block_close(struct block_file *block)
{
    if (!block)
        return;
    if (block->fd >= 0)
        close(block->fd);
    if (block->overlay >= 0)
        close(block->overlay);
    free(block->copied);
    free(block);
}

uint64_t block_size(const struct block_file *block)
{
    return block->size;
}

bool block_read_only(const struct block_file *block)
{
    return block->read_only;
}

static int read_all(int fd, uint64_t offset, uint8_t *data, size_t size)
{
    while (size) {
        const ssize_t got = pread(fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (!got) { /* behind the end of a file that is no multiple of a sector */
            memset(data, 0, size);
            return 0;
        }
        data += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int write_all(int fd, uint64_t offset, const uint8_t *data, size_t size)
{
    while (size) {
        const ssize_t put = pwrite(fd, data, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put ? -errno : -EIO;
        data += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return 0;
}

static bool outside(const struct block_file *block, uint64_t offset, uint64_t size)
{
    return offset > block->size || size > block->size - offset;
}

static bool is_copied(const struct block_file *block, uint64_t cluster)
{
    return block->copied[cluster / 8] >> cluster % 8 & 1;
}

/* How much of [offset, offset + size) lies in offset's cluster. */
static size_t in_cluster(uint64_t offset, size_t size)
{
    const size_t room = CLUSTER - offset % CLUSTER;
    return size < room ? size : room;
}

int block_read(struct block_file *block, uint64_t offset, void *data, size_t size)
{
    if (outside(block, offset, size))
        return -EINVAL;
    if (block->overlay < 0)
        return read_all(block->fd, offset, data, size);
    for (uint8_t *at = data; size;) {
        const size_t part = in_cluster(offset, size);
        const int result = read_all(is_copied(block, offset / CLUSTER) ? block->overlay : block->fd,
                                    offset, at, part);
        if (result)
            return result;
        at += part;
        offset += part;
        size -= part;
    }
    return 0;
}

/* Brings the cluster at OFFSET into the overlay. */
static int copy_cluster(struct block_file *block, uint64_t cluster)
{
    uint8_t buffer[CLUSTER];
    const uint64_t start = cluster * CLUSTER;
    const size_t size = block->size - start < CLUSTER ? (size_t)(block->size - start) : CLUSTER;
    int result = read_all(block->fd, start, buffer, size);
    if (!result)
        result = write_all(block->overlay, start, buffer, size);
    if (!result)
        block->copied[cluster / 8] |= (uint8_t)(1u << cluster % 8);
    return result;
}

int block_write(struct block_file *block, uint64_t offset, const void *data, size_t size)
{
    if (block->read_only)
        return -EROFS;
    if (outside(block, offset, size))
        return -EINVAL;
    if (block->overlay < 0)
        return write_all(block->fd, offset, data, size);
    for (const uint8_t *at = data; size;) {
        const size_t part = in_cluster(offset, size);
        int result = is_copied(block, offset / CLUSTER) ? 0 : copy_cluster(block, offset / CLUSTER);
        if (!result)
            result = write_all(block->overlay, offset, at, part);
        if (result)
            return result;
        at += part;
        offset += part;
        size -= part;
    }
    return 0;
}

int block_flush(struct block_file *block)
{
    if (block->read_only || block->overlay >= 0)
        return 0;
    return fdatasync(block->fd) ? -errno : 0;
}

static int write_zeros(struct block_file *block, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[CLUSTER];
    while (size) {
        const size_t part = size < CLUSTER ? (size_t)size : CLUSTER;
        const int result = block_write(block, offset, zeros, part);
        if (result)
            return result;
        offset += part;
        size -= part;
    }
    return 0;
}

/* A whole cluster becomes a hole in the overlay, which reads as zeros. */
static int zero_cluster(struct block_file *block, uint64_t cluster)
{
    const uint64_t start = cluster * CLUSTER;
#ifdef FALLOC_FL_PUNCH_HOLE
    if (!is_copied(block, cluster) ||
        !fallocate(block->overlay, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)start,
                   CLUSTER)) {
        block->copied[cluster / 8] |= (uint8_t)(1u << cluster % 8);
        return 0;
    }
#endif
    const uint64_t left = block->size - start;
    return write_zeros(block, start, left < CLUSTER ? left : CLUSTER);
}

static int zero_overlay(struct block_file *block, uint64_t offset, uint64_t size)
{
    while (size) {
        const uint64_t left = block->size - offset;
        const uint64_t room = CLUSTER - offset % CLUSTER;
        const uint64_t part = size < room ? size : room;
        const bool whole = offset % CLUSTER == 0 && (part == CLUSTER || part == left);
        const int result =
            whole ? zero_cluster(block, offset / CLUSTER) : write_zeros(block, offset, part);
        if (result)
            return result;
        offset += part;
        size -= part;
    }
    return 0;
}

int block_zero(struct block_file *block, uint64_t offset, uint64_t size)
{
    if (block->read_only)
        return -EROFS;
    if (outside(block, offset, size))
        return -EINVAL;
    if (block->overlay >= 0)
        return zero_overlay(block, offset, size);
#ifdef FALLOC_FL_PUNCH_HOLE
    if (size && !fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                           (off_t)size))
        return 0;
#endif
    return write_zeros(block, offset, size);
}
