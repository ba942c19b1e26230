/* SPDX-License-Identifier: MIT */
#ifndef POMONA_UTF16_H
#define POMONA_UTF16_H

#include <stddef.h>
#include <stdint.h>

/* COUNT units of big-endian UTF-16 at P as UTF-8, NUL-terminated: OUT has room for three bytes a
 * unit and one more. NUL becomes "?". Returns the length. */
size_t utf8_from_utf16be(const uint8_t *p, size_t count, char *out);

#endif
