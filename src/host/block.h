/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HOST_BLOCK_H
#define POMONA_HOST_BLOCK_H

/* Raw disk images: read, write, flush, discard, and a throw-away copy-on-write layer. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/error.h"

struct block_file;

struct block_options {
    const char *path;
    bool read_only;
    bool snapshot; /* writes go to a temporary file that is gone when the disk is closed */
};

/* Reads TEXT, "FILE[,ro][,snapshot=on]": its commas become the ends of strings, of which the first is
 * the path. 0, or -1 and *ERR. */
int block_parse(char *text, struct block_options *out, struct error *err);

/* Opens an image (a file or a block device), locked against a second writer. NULL and *ERR. */
struct block_file *block_open(const struct block_options *options, struct error *err);
void block_close(struct block_file *block);

uint64_t block_size(const struct block_file *block); /* bytes */
bool block_read_only(const struct block_file *block);

/* Whole requests: 0, or -errno; -EINVAL outside the disk, -EROFS on a read-only one. */
int block_read(struct block_file *block, uint64_t offset, void *data, size_t size);
int block_write(struct block_file *block, uint64_t offset, const void *data, size_t size);
int block_flush(struct block_file *block);
/* The range reads as zeros from now on; the host may get the space back. */
int block_zero(struct block_file *block, uint64_t offset, uint64_t size);

#endif
