/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_STORE_H
#define POMONA_DBT_STORE_H

/* A file of records that outlives the process: what a translator made, for the next run.
 *
 * It trusts nobody but the user whose it is. The directory must be that user's and nobody else's
 * (mode 0700), the file a plain one of the same kind that no link leads to; then what is in it is
 * looked at: a header with the IDENTITY of what can use the records, and for each record a
 * checksum, which is compared before each use. A file that fails is left out and replaced. Against
 * somebody who can write as the user, nothing here helps, as nothing else does.
 *
 * Runs at the same time share a file: it only grows, under a lock, and is read up to where its
 * header says that it is whole. CPUs of one process share a store. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBT_STORE_IDENTITY 32u

struct dbt_store;

/* The start of a record; SIZE bytes, a multiple of 8, with this. */
struct dbt_record {
    uint32_t size;
    uint32_t zero;
    uint64_t key;
    uint64_t sum; /* of all bytes behind this field, and the key */
};

/* The store of DIRECTORY for IDENTITY; NULL: it can't be used, or there is no memory. SAID, with
 * CTX, is told why. */
struct dbt_store *dbt_store_open(const char *directory, const uint8_t identity[DBT_STORE_IDENTITY],
                                 void (*said)(void *ctx, const char *text), void *ctx);
/* Writes what is new, and frees it. */
void dbt_store_close(struct dbt_store *store);
/* Adds RECORD, whose sum is filled in. Any thread. */
void dbt_store_add(struct dbt_store *store, struct dbt_record *record);
/* Calls ACCEPT with records of KEY, the one behind the last found or the newest first, until it returns true; false: it did not. A
 * record is aligned to 8, and whole; it stays good during the call only, in which no other call may
 * be made. */
bool dbt_store_find(struct dbt_store *store, uint64_t key,
                    bool (*accept)(void *ctx, const struct dbt_record *record), void *ctx);

#endif
