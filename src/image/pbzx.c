/* SPDX-License-Identifier: MIT */
/* pbzx, the payload of installer packages: a magic, the chunk size, then chunks with a header of
 * two big-endian 64-bit numbers, the size unpacked and the size here, each an xz stream or, where
 * it would not have shrunk, the bytes themselves. */

#include <stdlib.h>
#include <string.h>

#include <lzma.h>

#include "container.h"

#define HEADER_SIZE 12
#define CHUNK_HEAD  16
#define LARGEST     (64u << 20) /* chunks have 16 MiB */

static const uint8_t xz_magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};

bool pbzx_recognise(const struct source *in)
{
    uint8_t magic[4];
    return source_peek(in, 0, magic, 4) == 4 && !memcmp(magic, "pbzx", 4);
}

/* The chunk of SIZE bytes at DATA, that gives UNPACKED bytes. */
static int append_chunk(const struct source *in, uint64_t at, const uint8_t *data, size_t size,
                        size_t unpacked, struct source *out, struct error *err)
{
    if (size < sizeof(xz_magic) || memcmp(data, xz_magic, sizeof(xz_magic)))
        return source_append(out, data, size, err);
    uint64_t memory = 512u << 20;
    size_t used = 0, made = 0;
    uint8_t *buffer = malloc(unpacked ? unpacked : 1);
    if (!buffer)
        return error_set(err, ERROR_OS, "%s: no memory for %zu bytes", in->name, unpacked);
    const lzma_ret status =
        lzma_stream_buffer_decode(&memory, 0, NULL, data, &used, size, buffer, &made, unpacked);
    const int result = status == LZMA_OK ? source_append(out, buffer, made, err)
                                         : source_error(in, at, err,
                                                        "the xz stream of this pbzx chunk is "
                                                        "corrupted: get a whole copy");
    free(buffer);
    return result;
}

static int unpack_chunk(const struct source *in, uint64_t *at, struct source *out,
                        struct error *err)
{
    uint8_t head[CHUNK_HEAD];
    if (source_read(in, *at, head, sizeof(head), err))
        return -1;
    const uint64_t unpacked = (uint64_t)get_be32(head) << 32 | get_be32(head + 4);
    const uint64_t size = (uint64_t)get_be32(head + 8) << 32 | get_be32(head + 12);
    if (size > LARGEST || unpacked > LARGEST)
        return source_error(in, *at, err,
                            "a pbzx chunk of 0x%llx bytes: corrupted; get a whole copy",
                            (unsigned long long)size);
    uint8_t *data = malloc(size ? size : 1);
    if (!data)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    int result = source_read(in, *at + CHUNK_HEAD, data, size, err);
    if (!result)
        result = append_chunk(in, *at, data, size, unpacked, out, err);
    free(data);
    *at += CHUNK_HEAD + size;
    return result;
}

int pbzx_unwrap(const struct source *in, struct source *out, struct error *err)
{
    if (source_spool(in, "(pbzx)", 0, out, err))
        return -1;
    int result = 0;
    for (uint64_t at = HEADER_SIZE; !result && at < in->size;)
        result = unpack_chunk(in, &at, out, err);
    if (result)
        source_close(out);
    return result;
}
