/* SPDX-License-Identifier: MIT */
/* Ranges of open files, and temporary files that are filled once and then read like any other. */

#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLE_SIZE 4096
#define COPY_SIZE 65536

static int os_error(const char *name, enum error_code code, struct error *err)
{
    return error_set(err, code, "%s: %s", name, strerror(errno));
}

static int make_temporary(const char *name, const struct source_context *context,
                          struct source *out, struct error *err)
{
    char path[1024];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/pomona-XXXXXX", folder && *folder ? folder : "/tmp");
    *out =
        (struct source){.fd = mkostemp(path, O_CLOEXEC), .name = strdup(name), .context = context};
    if (out->fd >= 0)
        unlink(path);
    if (out->fd >= 0 && out->name)
        return 0;
    os_error(path, ERROR_OS, err);
    source_close(out);
    return -1;
}

/* What cannot be read at random (a pipe) is copied. */
static int copy_stream(int fd, const char *name, const struct source_context *context,
                       struct source *out, struct error *err)
{
    uint8_t buffer[COPY_SIZE];
    ssize_t count;
    if (make_temporary(name, context, out, err))
        return -1;
    while ((count = read(fd, buffer, sizeof(buffer))) > 0)
        if (source_append(out, buffer, (size_t)count, err))
            break;
    if (!count)
        return 0;
    if (count < 0)
        os_error(name, ERROR_IO, err);
    source_close(out);
    return -1;
}

/* Takes FD. */
static int open_fd(int fd, const char *name, const struct source_context *context,
                   struct source *out, struct error *err)
{
    struct stat st;
    int result = -1;
    if (fstat(fd, &st) < 0) {
        os_error(name, ERROR_NOINPUT, err);
    } else if (S_ISDIR(st.st_mode)) {
        error_set(err, ERROR_NOINPUT, "%s: cannot be opened: %s", name, strerror(EISDIR));
    } else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
        const off_t size = lseek(fd, 0, SEEK_END);
        *out = (struct source){
            .fd = fd, .size = (uint64_t)size, .name = strdup(name), .context = context};
        if (size >= 0 && out->name)
            return 0;
        os_error(name, ERROR_NOINPUT, err);
        free(out->name);
    } else {
        result = copy_stream(fd, name, context, out, err);
    }
    close(fd);
    return result;
}

int source_open_with(struct source *source, const char *path, const struct source_context *context,
                     struct error *err)
{
    *source = (struct source){.fd = -1};
    const bool standard = !strcmp(path, "-");
    const int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERROR_NOINPUT, "%s: cannot be opened: %s", path, strerror(errno));
    return open_fd(fd, standard ? "standard input" : path, context, source, err);
}

void source_close(struct source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    free(source->name);
    *source = (struct source){.fd = -1};
}

void source_tell(const struct source_context *context, const char *what, uint64_t done,
                 uint64_t total)
{
    if (context && context->step)
        context->step(context->ctx, what, done, total);
}

size_t source_peek(const struct source *source, uint64_t at, void *buffer, size_t size)
{
    size_t done = 0;
    if (at >= source->size)
        return 0;
    if (size > source->size - at)
        size = (size_t)(source->size - at);
    while (done < size) {
        const ssize_t count = pread(source->fd, (uint8_t *)buffer + done, size - done,
                                    (off_t)(source->offset + at + done));
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    return done;
}

int source_read(const struct source *source, uint64_t at, void *buffer, size_t size,
                struct error *err)
{
    if (source_peek(source, at, buffer, size) == size)
        return 0;
    return source_error(source, at, err,
                        "truncated: 0x%zx bytes are needed here, the file has 0x%llx in all; get a "
                        "whole copy",
                        size, (unsigned long long)source->size);
}

int source_error(const struct source *source, uint64_t offset, struct error *err,
                 const char *format, ...)
{
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(err, ERROR_DATA, "%s: offset 0x%llx: %s", source->name,
                     (unsigned long long)offset, text);
}

int source_map(const struct source *source, struct blob *out, struct error *err)
{
    *out = (struct blob){.name = source->name};
    if (!source->size)
        return 0;
    const uint64_t skipped = source->offset % (uint64_t)sysconf(_SC_PAGESIZE);
    const size_t size = (size_t)(source->size + skipped);
    void *map =
        mmap(NULL, size, PROT_READ, MAP_PRIVATE, source->fd, (off_t)(source->offset - skipped));
    if (map == MAP_FAILED)
        return os_error(source->name, ERROR_OS, err);
    out->owned = map;
    out->mapped = size;
    out->data = (uint8_t *)map + skipped;
    out->size = (size_t)source->size;
    return 0;
}

/* "IN:MEMBER", or NULL. */
static char *member_name(const struct source *in, const char *member)
{
    char *name;
    return asprintf(&name, "%s:%s", in->name, member) < 0 ? NULL : name;
}

int source_range(const struct source *in, uint64_t offset, uint64_t size, const char *member,
                 struct source *out, struct error *err)
{
    *out = (struct source){.fd = -1};
    if (offset > in->size || size > in->size - offset)
        return source_error(in, offset, err,
                            "truncated: %s needs 0x%llx bytes here; get a whole copy", member,
                            (unsigned long long)size);
    *out = (struct source){.fd = fcntl(in->fd, F_DUPFD_CLOEXEC, 0),
                           .offset = in->offset + offset,
                           .size = size,
                           .name = member_name(in, member),
                           .context = in->context};
    if (out->fd >= 0 && out->name)
        return 0;
    os_error(in->name, ERROR_OS, err);
    source_close(out);
    return -1;
}

int source_spool(const struct source *in, const char *member, uint64_t expected, struct source *out,
                 struct error *err)
{
    char *name = member_name(in, member);
    *out = (struct source){.fd = -1};
    const int result =
        name ? make_temporary(name, in->context, out, err) : os_error(in->name, ERROR_OS, err);
    free(name);
    out->expected = expected;
    return result;
}

static bool all_zero(const uint8_t *data, size_t size)
{
    return size && !data[0] && !memcmp(data, data + 1, size - 1);
}

static int write_all(struct source *spool, uint64_t at, const uint8_t *data, size_t size,
                     struct error *err)
{
    for (size_t done = 0; done < size;) {
        const ssize_t count = pwrite(spool->fd, data + done, size - done, (off_t)(at + done));
        if (count <= 0)
            return error_set(err, ERROR_IO,
                             "%s: the temporary copy cannot be written: %s; set TMPDIR to where "
                             "there is room",
                             spool->name, strerror(errno));
        done += (size_t)count;
    }
    return 0;
}

int source_grow(struct source *spool, uint64_t size, struct error *err)
{
    if (size <= spool->size)
        return 0;
    spool->size = size;
    return ftruncate(spool->fd, (off_t)size) ? os_error(spool->name, ERROR_IO, err) : 0;
}

/* How many bytes of DATA, which goes to AT, are alike in being pages of zeros or not. */
static size_t run_of(uint64_t at, const uint8_t *data, size_t size, bool *hole)
{
    size_t run = HOLE_SIZE - at % HOLE_SIZE;
    run = run < size ? run : size;
    *hole = run == HOLE_SIZE && all_zero(data, run);
    while (size - run >= HOLE_SIZE && all_zero(data + run, HOLE_SIZE) == *hole)
        run += HOLE_SIZE;
    /* The last, partial page goes with what was written before it. */
    return !*hole && size - run < HOLE_SIZE ? size : run;
}

int source_write(struct source *spool, uint64_t at, const void *data, size_t size,
                 struct error *err)
{
    const uint8_t *p = data;
    if (source_grow(spool, at + size, err))
        return -1;
    spool->written += size;
    source_tell(spool->context, spool->name, spool->written, spool->expected);
    while (size) {
        bool hole;
        const size_t run = run_of(at, p, size, &hole);
        if (!hole && write_all(spool, at, p, run, err))
            return -1;
        p += run;
        at += run;
        size -= run;
    }
    return 0;
}

int source_append(struct source *spool, const void *data, size_t size, struct error *err)
{
    return source_write(spool, spool->size, data, size, err);
}
