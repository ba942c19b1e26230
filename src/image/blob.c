/* SPDX-License-Identifier: MIT */
/* Files in memory, with their names. Whole files are mapped privately, so that a 6 GiB image costs
 * no memory until it is read; a file that shrinks while mapped is the user's own doing and is not
 * guarded against. */

#include "blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_error(const char *name, struct error *err)
{
    return error_set(err, ERROR_NOINPUT, "%s: cannot be opened: %s", name, strerror(errno));
}

int blob_open(struct blob *blob, const char *name, struct error *err)
{
    *blob = (struct blob){.name = name};
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return open_error(name, err);
    struct stat st;
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : errno;
        close(fd);
        return open_error(name, err);
    }
    if (st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            close(fd);
            return open_error(name, err);
        }
        blob->data = blob->owned = map;
        blob->size = blob->mapped = (size_t)st.st_size;
    }
    close(fd);
    return 0;
}

void blob_adopt(struct blob *blob, void *data, size_t size, const char *name)
{
    *blob = (struct blob){.data = data, .size = size, .name = name, .owned = data};
}

void blob_free(struct blob *blob)
{
    if (blob->mapped)
        munmap(blob->owned, blob->mapped);
    else
        free(blob->owned);
    *blob = (struct blob){.name = blob->name};
}

void blob_replace(struct blob *file, struct blob *out)
{
    if (out->owned) {
        blob_free(file);
        return;
    }
    out->owned = file->owned;
    out->mapped = file->mapped;
    *file = (struct blob){.name = file->name};
}

const uint8_t *blob_at(const struct blob *blob, uint64_t offset, uint64_t size)
{
    if (offset > blob->size || size > blob->size - offset)
        return NULL;
    return blob->data + offset;
}

int blob_slice(const struct blob *blob, uint64_t offset, uint64_t size, struct blob *out,
               const char *what, struct error *err)
{
    const uint8_t *data = blob_at(blob, offset, size);
    if (!data)
        return blob_error(blob, offset, err,
                          "truncated: %s needs 0x%llx bytes here, the file has 0x%llx in all; "
                          "get a whole copy",
                          what, (unsigned long long)size, (unsigned long long)blob->size);
    *out = (struct blob){
        .data = data, .size = size, .name = blob->name, .origin = blob->origin + offset};
    return 0;
}

int blob_error(const struct blob *blob, uint64_t offset, struct error *err, const char *format, ...)
{
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(err, ERROR_DATA, "%s: offset 0x%llx: %s", blob->name,
                     (unsigned long long)(blob->origin + offset), text);
}
