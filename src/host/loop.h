/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HOST_LOOP_H
#define POMONA_HOST_LOOP_H

/* The event loop of one thread: libuv's, with what the machine needs of it. Character devices,
 * sockets and networks hang their own libuv handles on host_loop_uv(). */

#include <stdint.h>

struct host_loop;
struct uv_loop_s;

/* NULL when out of memory or descriptors. */
struct host_loop *host_loop_create(void);
/* Closes every handle that is still open. */
void host_loop_destroy(struct host_loop *loop);
struct uv_loop_s *host_loop_uv(struct host_loop *loop);

/* SERVICE is called on the loop's thread after a wake-up and when the timer is due. */
void host_loop_set_service(struct host_loop *loop, void (*service)(void *ctx), void *ctx);

/* Runs until host_loop_stop. */
void host_loop_run(struct host_loop *loop);
/* On the loop's thread. */
void host_loop_stop(struct host_loop *loop);
/* Makes SERVICE run soon. Any thread; several calls may become one. */
void host_loop_wake(struct host_loop *loop);
/* Makes SERVICE run NS nanoseconds from now, rounded up to milliseconds; UINT64_MAX: not. On the
 * loop's thread. */
void host_loop_set_timer(struct host_loop *loop, uint64_t ns);

/* The host's monotonic clock in nanoseconds. */
uint64_t host_monotonic_ns(void);
/* Fills OUT with the host's random bytes. */
void host_random(void *out, unsigned long size);

#endif
