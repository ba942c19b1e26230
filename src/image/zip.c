/* SPDX-License-Identifier: MIT */
/* ZIP archives (IPSW files) through libzip, which reads ZIP64 and checks each member's CRC. */

#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#define COPY_SIZE (256u << 10)

static bool recognise(const struct source *in)
{
    uint8_t magic[4];
    return source_peek(in, 0, magic, 4) == 4 &&
           (!memcmp(magic, "PK\3\4", 4) || !memcmp(magic, "PK\5\6", 4));
}

static zip_t *open_zip(const struct source *in, struct error *err)
{
    zip_error_t problem;
    zip_error_init(&problem);
    const int fd = dup(in->fd);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "rb");
    zip_source_t *source =
        file ? zip_source_filep_create(file, in->offset, (zip_int64_t)in->size, &problem) : NULL;
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &problem) : NULL;
    if (!zip) {
        source_error(in, 0, err, "the ZIP archive cannot be read: %s",
                     zip_error_strerror(&problem));
        if (source)
            zip_source_free(source);
        else if (file)
            fclose(file);
    }
    zip_error_fini(&problem);
    return zip;
}

static int list(const struct source *in, const char *folder, container_visit *visit, void *context,
                struct error *err)
{
    zip_t *zip = open_zip(in, err);
    if (!zip)
        return -1;
    const zip_int64_t count = zip_get_num_entries(zip, 0);
    int stop = 0;
    for (zip_int64_t i = 0; i < count && !stop; i++) {
        zip_stat_t stat;
        if (zip_stat_index(zip, (zip_uint64_t)i, 0, &stat) ||
            strncmp(stat.name, folder, strlen(folder)))
            continue;
        const size_t length = strlen(stat.name);
        const struct container_entry entry = {
            .name = stat.name, .size = stat.size, .folder = length && stat.name[length - 1] == '/'};
        stop = visit(context, &entry);
    }
    zip_discard(zip);
    return 0;
}

static int copy_member(const struct source *in, zip_file_t *file, struct source *out,
                       struct error *err)
{
    uint8_t *buffer = malloc(COPY_SIZE);
    zip_int64_t count = -1;
    int result = buffer ? 0 : error_set(err, ERROR_OS, "%s: no memory", in->name);
    while (!result && (count = zip_fread(file, buffer, COPY_SIZE)) > 0)
        result = source_append(out, buffer, (size_t)count, err);
    if (!result && count < 0)
        result = source_error(out, out->size, err,
                              "the ZIP archive's member is corrupted: %s; get a whole copy",
                              zip_file_strerror(file));
    free(buffer);
    return result;
}

/* 0: not known. */
static uint64_t member_size(zip_t *zip, const char *member)
{
    zip_stat_t stat;
    return !zip_stat(zip, member, 0, &stat) && stat.valid & ZIP_STAT_SIZE ? stat.size : 0;
}

static int extract(const struct source *in, const char *member, struct source *out,
                   struct error *err)
{
    zip_t *zip = open_zip(in, err);
    if (!zip)
        return -1;
    zip_file_t *file = zip_fopen(zip, member, 0);
    int result = -1;
    if (!file && zip_name_locate(zip, member, 0) < 0) {
        container_no_member(in, member, err);
    } else if (!file) {
        source_error(in, 0, err, "member '%s' cannot be read: %s", member, zip_strerror(zip));
    } else if (!source_spool(in, member, member_size(zip, member), out, err)) {
        result = copy_member(in, file, out, err);
        if (result)
            source_close(out);
    }
    if (file)
        zip_fclose(file);
    zip_discard(zip);
    return result;
}

const struct container_class container_zip = {.name = "zip",
                                              .description = "ZIP archive",
                                              .recognise = recognise,
                                              .list = list,
                                              .extract = extract};
