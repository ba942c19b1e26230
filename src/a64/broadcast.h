/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_BROADCAST_H
#define POMONA_A64_BROADCAST_H

/* TLB maintenance that reaches the other CPUs of a VM: see broadcast.c. */

#include "system.h"

/* The inboxes of SYS, before its first CPU. 0 or -ENOMEM. */
int a64_broadcast_create(struct a64_system *sys);
void a64_broadcast_destroy(struct a64_system *sys);
/* Takes CPU out; its thread is outside the guest. a64_mmu_free() calls it. */
void a64_broadcast_detach(struct a64_cpu *cpu);

#endif
