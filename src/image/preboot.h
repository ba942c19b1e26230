/* SPDX-License-Identifier: MIT */
#ifndef POMONA_PREBOOT_H
#define POMONA_PREBOOT_H

/* The kernel collections of an installed macOS: they lie in the Preboot volume of the disk's APFS
 * container, below the UUID of the volume group that they start and the hash of what was signed
 * with them. */

#include <stdbool.h>

#include "source.h"

struct preboot_kernel {
    char path[448]; /* as container_open wants it behind the disk: "Preboot/UUID/boot/HASH/..." */
    char group[37]; /* the UUID */
    uint64_t size;
    bool active; /* of the HASH that the group's file "active" names */
    bool custom; /* a boot object of kmutil configure-boot, not the system's kernel */
};

#define PREBOOT_MAX_KERNELS 64

/* All of them on DISK: an APFS container, a disk with one, or an image of such a one. 0, or -1 and
 * *ERR where there is none. */
int preboot_list(const struct source *disk, struct preboot_kernel *out, unsigned *count,
                 struct error *err);

/* The one that starts: the active system's kernel, of GROUP where that is not NULL. NULL and *ERR,
 * DISK being its name there. */
const struct preboot_kernel *preboot_choose(const struct preboot_kernel *kernels, unsigned count,
                                            const char *group, const char *disk, struct error *err);

/* The file of KERNEL. */
int preboot_extract(const struct source *disk, const struct preboot_kernel *kernel,
                    struct source *out, struct error *err);

/* Whether the file PATH is a disk or a container that may have such, and no kernel itself. KEYS, of
 * encrypted files on the way, may be NULL. */
bool preboot_is_disk(const char *path, const struct im4p_keys *keys);
/* The one that starts of the disk PATH, in memory, read by a process of its own. *NAME, to be freed
 * after OUT, is how the path of the kernel would be written. 0, or -1 and *ERR. */
int preboot_open(const char *path, const struct im4p_keys *keys, struct blob *out, char **name,
                 struct error *err);

#endif
