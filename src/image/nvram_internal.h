/* SPDX-License-Identifier: MIT */
#ifndef POMONA_NVRAM_INTERNAL_H
#define POMONA_NVRAM_INTERNAL_H

/* What the two forms of a bank give nvram.c. */

#include "nvram.h"

struct nvram_form {
    /* Fills `generation` from the bank, and `variables` with all there are, superseded ones too. */
    int (*read)(struct nvram *nvram, struct error *err);
    /* Makes an empty bank of what is in `bank`. */
    int (*format)(struct nvram *nvram, struct error *err);
    /* VALUE NULL deletes. OLD: the variable in force, or NULL. The caller reads the bank again. */
    int (*set)(struct nvram *nvram, const struct nvram_variable *old,
               const struct nvram_variable *fresh, struct error *err);
};

extern const struct nvram_form nvram_form_chrp, nvram_form_v3;

/* The bank as a blob, for messages. */
struct blob nvram_blob(const struct nvram *nvram);
/* Adds to the list, in any order; the name of NAME_SIZE bytes and the value are copied. -1: no
 * memory. */
int nvram_append(struct nvram *nvram, const struct nvram_variable *like, const void *name,
                 size_t name_size, const void *value, size_t size);
int nvram_no_memory(const struct nvram *nvram, struct error *err);

#endif
