/* SPDX-License-Identifier: MIT */
#ifndef POMONA_XNU_VOLUME_H
#define POMONA_XNU_VOLUME_H

/* Which release of macOS a kernel and a volume are of. */

#include "load.h"

/* The macOS (11, 12, ... 15, 26) that the kernel xnu-XNU came with; 0: older or unknown. */
unsigned xnu_macos_release(unsigned xnu);
/* The major ProductVersion of the first SystemVersion.plist in SIZE bytes at DATA; 0: none. */
unsigned xnu_volume_release(const void *data, size_t size);
/* Warns of a RAM disk or disk whose release is not the kernel's. */
void xnu_check_volumes(struct machine *machine, const struct boot_options *options, unsigned xnu);

#endif
