/* SPDX-License-Identifier: MIT */
#ifndef POMONA_SOURCE_H
#define POMONA_SOURCE_H

/* Something to read at random that may be larger than memory: a range of an open file. What a
 * container holds becomes one by being written to a temporary file, so that every reader, ours or a
 * library's, has only this one kind of input. */

#include "blob.h"

struct im4p_keys;

/* What reading has to do with the user; goes from each source to what is made of it. */
struct source_context {
    /* Told while a temporary file is filled: DONE of TOTAL bytes of WHAT; TOTAL 0: not known. NULL:
     * nobody is. */
    void (*step)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *ctx;
    const struct im4p_keys *keys; /* of encrypted IM4P files on the way; NULL: none was given */
};

struct source {
    int fd;                               /* owned; -1: closed */
    uint64_t offset, size;                /* of the range */
    char *name;                           /* owned: the path as the user would write it */
    const struct source_context *context; /* NULL: an empty one */
    uint64_t written, expected;           /* of a temporary file, for the context; 0: not known */
};

/* Opens the file PATH, "-" being standard input. CONTEXT may be NULL, and lives longer. 0, or -1
 * and *ERR. */
int source_open_with(struct source *source, const char *path, const struct source_context *context,
                     struct error *err);
static inline int source_open(struct source *source, const char *path, struct error *err)
{
    return source_open_with(source, path, NULL, err);
}
void source_close(struct source *source);
/* Tells CONTEXT (NULL: nobody) how far something is. */
void source_tell(const struct source_context *context, const char *what, uint64_t done,
                 uint64_t total);
static inline const struct im4p_keys *source_keys(const struct source_context *context)
{
    return context ? context->keys : NULL;
}

/* All of [AT, AT + SIZE); -1 and *ERR where it ends before or cannot be read. */
int source_read(const struct source *source, uint64_t at, void *buffer, size_t size,
                struct error *err);
/* Up to SIZE bytes at AT, how many it were; 0 behind the end or on an error. */
size_t source_peek(const struct source *source, uint64_t at, void *buffer, size_t size);
/* The whole as memory, mapped: to be freed by blob_free, and valid after source_close. The name is
 * the source's, so OUT must not outlive it. */
int source_map(const struct source *source, struct blob *out, struct error *err);
/* A range of IN as a source of its own, called "NAME of IN:MEMBER". */
int source_range(const struct source *in, uint64_t offset, uint64_t size, const char *member,
                 struct source *out, struct error *err);
/* "NAME: offset 0x..: TEXT", code ERROR_DATA. Returns -1. */
__attribute__((format(printf, 4, 5))) int source_error(const struct source *source, uint64_t offset,
                                                       struct error *err, const char *format, ...);

/* An empty temporary file (in $TMPDIR, already unlinked), called "IN:MEMBER", that will have
 * EXPECTED bytes (0: not known). */
int source_spool(const struct source *in, const char *member, uint64_t expected, struct source *out,
                 struct error *err);
/* Writes at the end, or at AT, where nothing was written before; whole pages of zeros become
 * holes. */
int source_append(struct source *spool, const void *data, size_t size, struct error *err);
int source_write(struct source *spool, uint64_t at, const void *data, size_t size,
                 struct error *err);
/* To at least SIZE bytes, with zeros. */
int source_grow(struct source *spool, uint64_t size, struct error *err);

#endif
