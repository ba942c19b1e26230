/* SPDX-License-Identifier: MIT */
#ifndef POMONA_APFS_VOLUMES_H
#define POMONA_APFS_VOLUMES_H

/* The volumes of an APFS container and what each is for, which libfsapfs does not tell. */

#include "source.h"

#define APFS_MAX_VOLUMES 100

enum apfs_role { APFS_ROLE_SYSTEM = 0x1, APFS_ROLE_PREBOOT = 0x10, APFS_ROLE_DATA = 0x40 };

struct apfs_volume {
    char name[256];
    unsigned role;     /* an enum apfs_role, or another that Apple numbers */
    uint8_t group[16]; /* the UUID that system and data volume share; zeros: none */
};

/* Fills OUT with up to APFS_MAX_VOLUMES volumes. 0, or -1 and *ERR. */
int apfs_volumes(const struct source *in, struct apfs_volume *out, unsigned *count,
                 struct error *err);

/* Puts Fletcher's sum into a block of SIZE bytes, as its writer does. */
void apfs_seal(uint8_t *block, size_t size);

#endif
