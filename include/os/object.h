/* SPDX-License-Identifier: MIT */
#ifndef POMONA_OS_OBJECT_H
#define POMONA_OS_OBJECT_H

/* Reference counts of the API's opaque objects (configurations, GIC state). Objects are created
 * with one reference; the last release frees. */

#ifdef __cplusplus
extern "C" {
#endif

/* Takes a reference; returns OBJECT. NULL is allowed. */
__attribute__((visibility("default"))) void *os_retain(void *object);

/* Gives a reference back. NULL is allowed. */
__attribute__((visibility("default"))) void os_release(void *object);

#ifdef __cplusplus
}
#endif

#endif
