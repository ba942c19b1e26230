/* SPDX-License-Identifier: MIT */
#ifndef POMONA_XNU_VOLUME_H
#define POMONA_XNU_VOLUME_H

/* Which release a kernel and a volume are of. */

#include "../image/macho.h"
#include "../image/source.h"
#include "load.h"

/* The major number of the kernel's Darwin; 0: unknown. */
unsigned xnu_darwin(const struct xnu_version *version);
/* The major number of the Darwin that the release on a volume came with; 0: unknown. */
unsigned xnu_volume_darwin(const struct xnu_volume *volume);
/* What the SystemVersion.plist says in the (nested) file PATH: a file system or a disk with one.
 * KEYS, of encrypted files on the way, may be NULL. False: there is none that can be read. */
bool xnu_volume_read(const char *path, const struct im4p_keys *keys, struct xnu_volume *out);
/* Both, and whether they fit. DISKS are as --disk names them. */
void xnu_versions(const struct xnu_version *version, const struct boot_options *options,
                  const char *const *disks, unsigned count, struct boot_versions *out);
/* Warns of a root volume that is of another release than the kernel. */
void xnu_check_root(struct machine *machine, const struct boot_options *options,
                    const struct xnu_version *version);

#endif
