/* SPDX-License-Identifier: MIT */
#ifndef POMONA_BOOT_FDT_H
#define POMONA_BOOT_FDT_H

/* A flattened device tree for Linux from the board's table, and a user's tree brought up to date.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../host/error.h"

struct board;

struct fdt_params {
    const struct board *board;
    uint64_t ram_size;
    unsigned cpus;
    bool el2; /* PSCI by SMC, since HVC belongs to the guest */
    bool pmu; /* the CPU has PMUv3 (PPI 23) */
    const char *command_line;
    uint64_t initrd_start, initrd_end; /* equal: no initrd */
    uint8_t seed[64];                  /* kaslr-seed and rng-seed */
};

/* Makes a tree; *DTB is malloc'ed, *SIZE its size. 0, or -1 and *ERR. */
int fdt_make(const struct fdt_params *params, void **dtb, size_t *size, struct error *err);
/* A copy of the user's tree USER of USER_SIZE bytes with /chosen brought up to date; NAME is
 * its file's. */
int fdt_patch(const struct fdt_params *params, const void *user, size_t user_size, const char *name,
              void **dtb, size_t *size, struct error *err);

#endif
