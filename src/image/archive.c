/* SPDX-License-Identifier: MIT */
/* xar archives (installer packages) and cpio archives (their payloads) through libarchive. A cpio
 * archive may be compressed in any way that libarchive undoes; pbzx is ours (pbzx.c). */

#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#define READ_SIZE (64u << 10)

struct reader {
    const struct source *in;
    uint64_t at;
    uint8_t buffer[READ_SIZE];
};

static ssize_t on_read(struct archive *archive, void *context, const void **data)
{
    struct reader *reader = context;
    const size_t count = source_peek(reader->in, reader->at, reader->buffer, READ_SIZE);
    reader->at += count;
    *data = reader->buffer;
    return (ssize_t)count;
}

static int64_t on_skip(struct archive *archive, void *context, int64_t count)
{
    struct reader *reader = context;
    const uint64_t left = reader->in->size - reader->at;
    const uint64_t skipped = (uint64_t)count < left ? (uint64_t)count : left;
    reader->at += skipped;
    return (int64_t)skipped;
}

static int64_t on_seek(struct archive *archive, void *context, int64_t offset, int whence)
{
    struct reader *reader = context;
    const int64_t from = whence == SEEK_SET   ? 0
                         : whence == SEEK_CUR ? (int64_t)reader->at
                                              : (int64_t)reader->in->size;
    const int64_t to = from + offset;
    if (to < 0 || (uint64_t)to > reader->in->size)
        return ARCHIVE_FATAL;
    reader->at = (uint64_t)to;
    return to;
}

static bool recognise_xar(const struct source *in)
{
    uint8_t magic[4];
    return source_peek(in, 0, magic, 4) == 4 && !memcmp(magic, "xar!", 4);
}

static bool recognise_cpio(const struct source *in)
{
    uint8_t magic[6];
    return source_peek(in, 0, magic, 6) == 6 &&
           (!memcmp(magic, "070707", 6) || !memcmp(magic, "070701", 6) ||
            !memcmp(magic, "070702", 6));
}

static struct archive *open_archive(struct reader *reader, struct error *err)
{
    struct archive *archive = archive_read_new();
    if (!archive) {
        error_set(err, ERROR_OS, "%s: no memory", reader->in->name);
        return NULL;
    }
    archive_read_support_format_xar(archive);
    archive_read_support_format_cpio(archive);
    archive_read_set_read_callback(archive, on_read);
    archive_read_set_skip_callback(archive, on_skip);
    archive_read_set_seek_callback(archive, on_seek);
    archive_read_set_callback_data(archive, reader);
    if (archive_read_open1(archive) == ARCHIVE_OK)
        return archive;
    source_error(reader->in, reader->at, err, "the archive cannot be read: %s",
                 archive_error_string(archive));
    archive_read_free(archive);
    return NULL;
}

/* 1 and *ENTRY, 0 at the end, -1 and *ERR. */
static int next_entry(struct reader *reader, struct archive *archive, struct archive_entry **entry,
                      struct error *err)
{
    const int status = archive_read_next_header(archive, entry);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN)
        return 1;
    return source_error(reader->in, reader->at, err,
                        "the archive is corrupted: %s; get a whole copy",
                        archive_error_string(archive));
}

static int list(const struct source *in, const char *folder, container_visit *visit, void *context,
                struct error *err)
{
    struct reader *reader = malloc(sizeof(*reader));
    if (!reader)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    reader->in = in;
    reader->at = 0;
    struct archive *archive = open_archive(reader, err);
    struct archive_entry *found;
    int more = archive ? 1 : -1, stop = 0;
    while (!stop && more > 0 && (more = next_entry(reader, archive, &found, err)) > 0) {
        const char *name = archive_entry_pathname(found);
        if (!name || strncmp(container_plain_name(name), folder, strlen(folder)))
            continue;
        const struct container_entry entry = {.name = container_plain_name(name),
                                              .size = (uint64_t)archive_entry_size(found),
                                              .folder = archive_entry_filetype(found) == AE_IFDIR};
        stop = visit(context, &entry);
    }
    if (archive)
        archive_read_free(archive);
    free(reader);
    return more < 0 ? -1 : 0;
}

static int copy_member(struct reader *reader, struct archive *archive, struct source *out,
                       struct error *err)
{
    const void *data;
    size_t size;
    int64_t offset;
    int status;
    while ((status = archive_read_data_block(archive, &data, &size, &offset)) == ARCHIVE_OK) {
        if (source_write(out, (uint64_t)offset, data, size, err))
            return -1;
    }
    if (status == ARCHIVE_EOF)
        return 0;
    return source_error(reader->in, reader->at, err,
                        "the archive's member is corrupted: %s; get a whole copy",
                        archive_error_string(archive));
}

static int extract_from(struct reader *reader, struct archive *archive, const char *member,
                        struct source *out, struct error *err)
{
    struct archive_entry *found;
    int more;
    while ((more = next_entry(reader, archive, &found, err)) > 0) {
        const char *name = archive_entry_pathname(found);
        if (!name || strcmp(container_plain_name(name), container_plain_name(member)) ||
            archive_entry_filetype(found) != AE_IFREG)
            continue;
        const uint64_t size = (uint64_t)archive_entry_size(found);
        if (source_spool(reader->in, member, size, out, err))
            return -1;
        if (!copy_member(reader, archive, out, err))
            return 0;
        source_close(out);
        return -1;
    }
    return more < 0 ? -1 : container_no_member(reader->in, member, err);
}

static int extract(const struct source *in, const char *member, struct source *out,
                   struct error *err)
{
    struct reader *reader = malloc(sizeof(*reader));
    if (!reader)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    reader->in = in;
    reader->at = 0;
    struct archive *archive = open_archive(reader, err);
    const int result = archive ? extract_from(reader, archive, member, out, err) : -1;
    if (archive)
        archive_read_free(archive);
    free(reader);
    return result;
}

const struct container_class container_xar = {.name = "xar",
                                              .description = "xar archive",
                                              .recognise = recognise_xar,
                                              .list = list,
                                              .extract = extract};
const struct container_class container_cpio = {.name = "cpio",
                                               .description = "cpio archive",
                                               .recognise = recognise_cpio,
                                               .list = list,
                                               .extract = extract};
