/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_LARGE_H
#define POMONA_MACHINE_LARGE_H

/* While the machine runs, on its thread: guest memory that is touched gets large pages of the host, where it has them. */

struct machine;

void machine_large_start(struct machine *machine);
void machine_large_stop(struct machine *machine);

#endif
