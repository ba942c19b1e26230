/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MONITOR_H
#define POMONA_A64_MONITOR_H

/* The exclusive monitors (Arm ARM B2.12): LDXR marks a granule of 64 bytes (CTR_EL0.ERG) for its
 * CPU, STXR stores only if the mark still stands, and every store by another CPU removes it, also
 * one that puts the old value back: comparing values is not enough.
 *
 * A CPU's own part is cpu->excl: address, size and value of its LDXR. With one CPU that is all. The
 * shared part is struct a64_monitor: armed[], the granule that each CPU has marked, and a table of
 * entries to which granules hash by host address (all guest addresses of a byte lead to one host
 * address). An entry has a lock and is cold or hot:
 *
 *  - No CPU has a mark in a cold entry. A store looks at the entry's byte of the filter and stores:
 *    that one load and branch is all that plain stores pay for exclusives.
 *  - In a hot entry every LDXR, STXR, atomic and plain store works under the entry's lock, and
 * whoever stores clears the other CPUs' marks of that granule. So among those the mark tells the
 * truth.
 *  - LDXR heats a cold entry: it sets the byte, makes all other threads of the process execute a
 *    barrier (membarrier(2)), and only then loads. An entry that has no marks and only costs stores
 *    their time cools down again.
 *
 * Why a store that found its entry cold does no harm. It looked before the LDXR's barrier took
 * effect on its thread, else it would have seen the byte. So whatever its thread did before the
 * look is visible to the LDXR. If the store is too, the LDXR has loaded its value. If not, it is
 * still in flight. Should it change the value, STXR fails, as it compares values as well. Should it
 * store the value that was there, it can as well have come just before the LDXR: its thread has
 * seen nothing that happened after the LDXR, since all that it did before the store it did before
 * the barrier. (What is left: two stores by two threads to one granule, A to B and B to A, both
 * stopped between look and store across the very heating of the entry and across a whole LDXR-STXR
 * of a third CPU that a fourth one watches. An LDXR of an entry that is hot already knows no such
 * case.) Where the host has no membarrier, all entries are hot for ever.
 *
 * STXR may also fail where nobody stored, which the architecture allows: when its address or size
 * is not LDXR's, and when LDXR ran while the VM had only one CPU.
 *
 * Not modelled: a device's write clears no mark; only STXR's comparison of values notices it. */

#include <stddef.h>

#include "cpu.h"

#define A64_GRANULE_SHIFT   6
#define A64_MONITOR_ENTRIES 4096u

struct a64_monitor;
struct a64_monitor_entry;

/* The shared part for SYS, before its first CPU. 0 or -ENOMEM. */
int a64_monitor_create(struct a64_system *sys);
void a64_monitor_destroy(struct a64_system *sys);
/* Connects a CPU to its system's monitor, or takes it out; on a thread that may touch the CPU. */
void a64_monitor_attach(struct a64_cpu *cpu);
void a64_monitor_detach(struct a64_cpu *cpu);

/* LDXR: loads SIZE (1, 2, 4, 8, 16) bytes at the aligned address HOST into *VALUE, zero-extended to
 * 8 or 16 bytes, and marks. Order (acquire) is the caller's. */
void a64_exclusive_load(struct a64_cpu *cpu, void *host, unsigned size, void *value);
/* STXR: stores if the mark stands; true if it did. The mark is gone in any case. */
bool a64_exclusive_store(struct a64_cpu *cpu, void *host, unsigned size, const void *value);

void a64_monitor_disarm(struct a64_cpu *cpu);

/* CLREX, and part of every exception return. */
static inline void a64_clear_exclusive(struct a64_cpu *cpu)
{
    if (cpu->excl.armed)
        a64_monitor_disarm(cpu);
}

struct a64_monitor_entry *a64_store_begin_slow(struct a64_cpu *cpu, const void *host);
void a64_store_end_slow(struct a64_monitor_entry *entry);

static inline unsigned a64_monitor_index(const void *host)
{
    return ((uintptr_t)host >> A64_GRANULE_SHIFT) & (A64_MONITOR_ENTRIES - 1);
}

/* Every write to guest memory by a CPU, of at most a granule and within one, stands between these
 * two: entry = a64_store_begin(cpu, host); ...write...; a64_store_end(entry); Nothing between them
 * may fail or wait. Translated code tests the filter's byte itself and calls a64_store_begin_slow()
 * when it is not 0. */
static inline struct a64_monitor_entry *a64_store_begin(struct a64_cpu *cpu, const void *host)
{
    const _Atomic uint8_t *filter = cpu->excl.filter;
    if (__builtin_expect(!filter || !atomic_load_explicit(&filter[a64_monitor_index(host)],
                                                          memory_order_relaxed),
                         1))
        return NULL;
    return a64_store_begin_slow(cpu, host);
}

static inline void a64_store_end(struct a64_monitor_entry *entry)
{
    if (__builtin_expect(entry != NULL, 0))
        a64_store_end_slow(entry);
}

#endif
