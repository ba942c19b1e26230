/* SPDX-License-Identifier: MIT */
#ifndef POMONA_REQUIREMENT_H
#define POMONA_REQUIREMENT_H

/* Code requirements, compiled, in their language: `identifier "x" and anchor apple`. */

#include <stdbool.h>

#include "blob.h"

/* Writes what WHOLE, a requirement with its header, says into the SIZE bytes at TEXT; what does not
 * fit is left out. False: it is damaged, or uses what is not known here; TEXT is then cut short. */
bool requirement_text(const struct blob *whole, char *text, size_t size);

#endif
