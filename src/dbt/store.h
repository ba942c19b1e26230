/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_STORE_H
#define POMONA_DBT_STORE_H

/* A directory of files that hold code from one run of the program to the next (kept.c).
 *
 * Code in a file is trusted as the program itself is, so nobody but the user may have put it there:
 * the directory must be the user's own with mode 0700 and no symbolic link, a file a plain one of
 * the same kind that no link leads to. Against somebody who can write as the user, nothing here
 * helps, as nothing else does. A file is only ever replaced as a whole, so that runs at the same
 * time read the old one or the new one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dbt_store {
    int directory;
    void (*said)(void *ctx, const char *text); /* told what cannot be used, and why; NULL: nobody */
    void *ctx;
};

/* What must be the same for a file to be of use. */
#define DBT_IDENTITY_WORDS 4

struct dbt_identity {
    uint64_t word[DBT_IDENTITY_WORDS];
};

/* Bytes in memory that stand one behind the other in a file. */
struct dbt_piece {
    void *bytes;
    size_t size;
};

/* Opens STORE in the directory at PATH, which is made if there is none; false: it can't be used. */
bool dbt_store_open(struct dbt_store *store, const char *path);
void dbt_store_close(struct dbt_store *store);
void dbt_store_say(const struct dbt_store *store, const char *what, const char *why);
/* A file descriptor of file NAME, which is for IDENTITY, with its first piece read to FIRST. That
 * is not to be believed before dbt_store_read() says so. -1: there is none that can be used. */
int dbt_store_find(const struct dbt_store *store, const char *name,
                   const struct dbt_identity *identity, const struct dbt_piece *first);
/* Reads all but the first of the COUNT pieces that file FD is made of; false: it is not, or the
 * checksum of all is wrong. It tells accidents, not enemies. */
bool dbt_store_read(int fd, const struct dbt_piece *pieces, unsigned count);
/* Makes file NAME of pieces, for IDENTITY, in place of what is there. */
void dbt_store_write(const struct dbt_store *store, const char *name,
                     const struct dbt_identity *identity, const struct dbt_piece *pieces,
                     unsigned count);

#endif
