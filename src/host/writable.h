/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HOST_WRITABLE_H
#define POMONA_HOST_WRITABLE_H

/* Asking whether a name can be written, without writing. */

/* Whether a file PATH could be opened for writing, made if it is not there: 0 or an errno. */
int host_cannot_write(const char *path);
/* Whether PATH, which must not be there yet, could be made: 0 or an errno. */
int host_cannot_make(const char *path);

#endif
