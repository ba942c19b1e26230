/* SPDX-License-Identifier: MIT */
/* Private files of pieces (store.h). They are read into memory, not mapped: what was compared with
 * its checksum is then what is used, whoever may change the file meanwhile. */

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "pomonaC2"

/* A file's start. */
struct head {
    char magic[8];
    struct dbt_identity identity;
    uint64_t sum; /* of the pieces */
};

void dbt_store_say(const struct dbt_store *store, const char *what, const char *why)
{
    char text[160];
    snprintf(text, sizeof(text), "code cache: %s: %s", what, why);
    if (store->said)
        store->said(store->ctx, text);
}

/* ---- checksums ---- */

static uint64_t mix_word(uint64_t sum, const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
    return sum ^ sum >> 29;
}

/* Each step is a bijection of the sum before. Six go side by side, as one alone waits for its
 * multiplications. */
#define SIDES 6

static uint64_t mix(uint64_t sum, const struct dbt_piece *piece)
{
    const uint8_t *p = piece->bytes;
    size_t size = piece->size;
    uint64_t side[SIDES] = {sum, 1, 2, 3, 4, 5};
    for (; size >= 8 * SIDES; p += 8 * SIDES, size -= 8 * SIDES) {
        side[0] = mix_word(side[0], p);
        side[1] = mix_word(side[1], p + 8);
        side[2] = mix_word(side[2], p + 16);
        side[3] = mix_word(side[3], p + 24);
        side[4] = mix_word(side[4], p + 32);
        side[5] = mix_word(side[5], p + 40);
    }
    uint8_t rest[8 * SIDES] = {0};
    if (size)
        memcpy(rest, p, size);
    for (unsigned i = 0; i < SIDES; i++)
        side[i] = mix_word(side[i], rest + 8 * i);
    sum = piece->size;
    for (unsigned i = 0; i < SIDES; i++)
        sum = mix_word(sum, (const uint8_t *)&side[i]);
    return sum;
}

static uint64_t sum_of(const struct dbt_piece *pieces, unsigned count)
{
    uint64_t sum = count;
    for (unsigned i = 0; i < count; i++)
        sum = mix(sum, &pieces[i]);
    return sum;
}

/* ---- files ---- */

/* Whether FD is what nobody but the user can have written. A file without a link was replaced since
 * it was opened. */
static bool is_private(int fd, mode_t kind)
{
    struct stat st;
    return !fstat(fd, &st) && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() &&
           !(st.st_mode & 077) && (kind == S_IFDIR || st.st_nlink <= 1);
}

/* A file of NAME that is the user's own; -1: none. */
static int open_file(const struct dbt_store *store, const char *name)
{
    const int fd = openat(store->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT)
            dbt_store_say(store, name, strerror(errno));
        return -1;
    }
    if (is_private(fd, S_IFREG))
        return fd;
    dbt_store_say(store, name, "ignored: not a file of this user's own, with mode 0600");
    close(fd);
    return -1;
}

/* Reads PIECE from byte *AT on, and goes there behind it. */
static bool read_piece(int fd, const struct dbt_piece *piece, size_t *at)
{
    for (size_t done = 0; done < piece->size;) {
        const ssize_t n = pread(fd, (uint8_t *)piece->bytes + done, piece->size - done, (off_t)*at);
        if (n <= 0)
            return false;
        done += (size_t)n;
        *at += (size_t)n;
    }
    return true;
}

static bool read_head(int fd, struct head *head, size_t *at)
{
    *at = 0;
    return read_piece(fd, &(struct dbt_piece){head, sizeof(*head)}, at);
}

int dbt_store_find(const struct dbt_store *store, const char *name,
                   const struct dbt_identity *identity, const struct dbt_piece *first)
{
    struct head head;
    size_t at;
    const int fd = open_file(store, name);
    if (fd < 0)
        return -1;
    if (read_head(fd, &head, &at) && !memcmp(head.magic, MAGIC, sizeof(head.magic)) &&
        !memcmp(&head.identity, identity, sizeof(*identity)) && read_piece(fd, first, &at))
        return fd;
    dbt_store_say(store, name, "ignored: damaged, or of another version");
    close(fd);
    return -1;
}

bool dbt_store_read(int fd, const struct dbt_piece *pieces, unsigned count)
{
    struct head head;
    size_t at;
    if (!read_head(fd, &head, &at))
        return false;
    at += pieces[0].size;
    uint64_t sum = mix(count, &pieces[0]);
    for (unsigned i = 1; i < count; i++) {
        if (!read_piece(fd, &pieces[i], &at))
            return false;
        sum = mix(sum, &pieces[i]); /* while it is in the host's caches */
    }
    return sum == head.sum;
}

static bool write_piece(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(fd, (const uint8_t *)bytes + done, size - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const struct head *head, const struct dbt_piece *pieces,
                      unsigned count)
{
    bool good = write_piece(fd, head, sizeof(*head));
    for (unsigned i = 0; i < count && good; i++)
        good = write_piece(fd, pieces[i].bytes, pieces[i].size);
    return good;
}

void dbt_store_write(const struct dbt_store *store, const char *name,
                     const struct dbt_identity *identity, const struct dbt_piece *pieces,
                     unsigned count)
{
    static _Atomic unsigned written;
    char fresh[64];
    const struct head head = {.magic = MAGIC, .identity = *identity, .sum = sum_of(pieces, count)};
    snprintf(fresh, sizeof(fresh), "%s.%ld-%u.new", name, (long)getpid(), atomic_fetch_add(&written, 1));
    unlinkat(store->directory, fresh, 0); /* of a process that was killed */
    const int fd =
        openat(store->directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    const bool good = fd >= 0 && write_all(fd, &head, pieces, count) &&
                      !renameat(store->directory, fresh, store->directory, name);
    if (!good)
        dbt_store_say(store, name, "could not be written");
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !good)
        unlinkat(store->directory, fresh, 0);
}

/* ---- the directory ---- */

bool dbt_store_open(struct dbt_store *store, const char *path)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        dbt_store_say(store, path, strerror(errno));
    store->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (store->directory >= 0 && is_private(store->directory, S_IFDIR))
        return true;
    dbt_store_say(store, path, "not used: not a directory of this user's own, with mode 0700");
    if (store->directory >= 0)
        close(store->directory);
    return false;
}

void dbt_store_close(struct dbt_store *store)
{
    close(store->directory);
}
