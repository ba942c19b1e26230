/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_RUN_BUNDLE_H
#define POMONA_CLI_RUN_BUNDLE_H

/* `run --bundle`. */

#include "cli/options.h"
#include "image/bundle.h"

/* All zero: no bundle. */
struct run_bundle {
    struct bundle bundle;
    char **specs; /* of its disks, ended by NULL */
};

/* Reads the bundle in FOLDER and puts its disks before those of --disk. 0, or -1 and *ERR; to be
 * closed in either case. */
int run_bundle_open(struct run_bundle *run, const char *folder, struct string_list *disks,
                    struct error *err);
void run_bundle_close(struct run_bundle *run);

#endif
