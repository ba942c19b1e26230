/* SPDX-License-Identifier: MIT */
#ifndef POMONA_NVRAM_H
#define POMONA_NVRAM_H

/* NVRAM banks as XNU wants them in nvram-proxy-data (image-format sheet A8). */

#include "blob.h"

/* An empty CHRP (version 1) bank of SIZE bytes (a multiple of 16, at least 0x1000): the Apple
 * header, a `common` and a `system` partition, free space; with the variable boot-args=ARGS in
 * `common` unless ARGS is NULL. */
int nvram_make_chrp(uint8_t *bank, size_t size, const char *boot_args);

#endif
