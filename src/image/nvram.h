/* SPDX-License-Identifier: MIT */
#ifndef POMONA_NVRAM_H
#define POMONA_NVRAM_H

/* NVRAM banks as XNU wants them in nvram-proxy-data (image-format sheet A8): the CHRP form with
 * partitions, and the NVV3 form that is only appended to. */

#include <stdbool.h>

#include "blob.h"

enum nvram_format { NVRAM_CHRP, NVRAM_V3 };

/* Which of the two sets of variables one belongs to: CHRP has a partition for each, V3 a GUID. */
enum nvram_scope { NVRAM_COMMON, NVRAM_SYSTEM, NVRAM_OTHER };

struct nvram_variable {
    enum nvram_scope scope;
    uint8_t guid[16]; /* V3 */
    char *name;
    uint8_t *value; /* with CHRP's escapes undone */
    size_t size;
    uint64_t offset; /* of the record in the bank */
    struct nvram_variable *next;
};

struct nvram {
    enum nvram_format format;
    uint8_t *bank; /* malloc'ed: always a valid bank of `size` bytes */
    size_t size;
    uint32_t generation;
    const char *file;
    struct nvram_variable *variables; /* in force: the last of each name; in bank order */
};

bool nvram_recognise(const struct blob *in);
/* Copies and checks the bank IN: partitions, lengths, checksums, every variable. 0, or -1 and
 * *ERR naming what XNU would stumble over. */
int nvram_open(const struct blob *in, struct nvram *out, struct error *err);
void nvram_free(struct nvram *nvram);

/* An empty bank. CHRP: a multiple of 16, 0x1000 to 0xffff0 bytes. V3: 0x100 bytes or more. */
int nvram_new(enum nvram_format format, size_t size, struct nvram *out, struct error *err);

/* NULL when it is not there. */
const struct nvram_variable *nvram_get(const struct nvram *nvram, enum nvram_scope scope,
                                       const char *name);
/* Sets (VALUE NULL: deletes) the common or system variable in the bank as firmware does: V3 appends
 * a record and marks the old ones, and packs the bank when there is no room left. What else there
 * was of that name is gone. A refusal changes nothing. */
int nvram_set(struct nvram *nvram, enum nvram_scope scope, const char *name, const void *value,
              size_t size, struct error *err);

const char *nvram_scope_name(enum nvram_scope scope);

#endif
