/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_MONITOR_H
#define POMONA_A64_MONITOR_H

/* The exclusive monitors (Arm ARM B2.12): LDXR marks a granule of 64 bytes (CTR_EL0.ERG) for its
 * CPU, STXR stores only if the mark still stands, and every store by another CPU removes it, also
 * one that puts the old value back: comparing values is not enough.
 *
 * A CPU's own part is cpu->excl: address, size and value of its LDXR. With one CPU that is all. The
 * shared part is a table of entries to which granules hash by host address (all guest addresses of
 * a byte lead to one host address). An entry is one word, its state: a lock, a count of the stores
 * made under the lock, and whether it is hot:
 *
 *  - LDXR needs a hot entry. It remembers the state, unlocked, and only then loads: no locked
 *    instruction, nothing that others can see.
 *  - STXR locks the entry by compare-and-swap of the state that LDXR saw, which fails if anybody
 * has stored since; stores, if the value is LDXR's as well; counts, and unlocks.
 *  - In a hot entry every other store, plain or atomic, locks, stores, counts and unlocks, too. So
 *    among those the count tells the truth.
 *  - While a CPU knows of no hot entry (cpu->monitored is 0), that is all its stores look at;
 *    otherwise they look at the state of their entry. In a cold one they simply store.
 *  - LDXR heats a cold entry: it sets the bit, tells all CPUs, makes all other threads of the
 * process execute a barrier (membarrier(2)), and only then loads. Entries that no LDXR has used for
 *    a while cool down again: every so many looks of stores the table is swept. A sweep comes the
 *    later the more entries had to be heated since the last.
 *
 * Why a store that found its entry cold does no harm. It looked before the LDXR's barrier took
 * effect on its thread, else it would have seen the bit. So whatever its thread did before the
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
 * is not LDXR's, when a store went to another granule of the entry, when the entry has cooled, and
 * when LDXR ran while the VM had only one CPU.
 *
 * Not modelled: a device's write clears no mark; only STXR's comparison of values notices it. */

#include <stddef.h>

#include "cpu.h"

#define A64_GRANULE_SHIFT   6
#define A64_MONITOR_ENTRIES 4096u

struct a64_monitor;

struct a64_monitor_entry {
    _Atomic uint64_t state;
    uint64_t unused;
};

/* Bits of a state; the count is above them. LDXR may remember A64_MONITOR_NONE, which is no state.
 */
#define A64_MONITOR_LOCKED 1ull
#define A64_MONITOR_HOT    2ull
#define A64_MONITOR_USED   4ull /* by an LDXR since the last sweep */
#define A64_MONITOR_WAITED 8ull /* a CPU waits in WFE for a store */
#define A64_MONITOR_NONE   16ull
#define A64_MONITOR_COUNT  32ull
/* What an LDXR without further ado wants to see in the bits below A64_MONITOR_COUNT. */
#define A64_MONITOR_READY (A64_MONITOR_HOT | A64_MONITOR_USED)

/* The shared part for SYS, before its first CPU. 0 or -ENOMEM. */
int a64_monitor_create(struct a64_system *sys);
void a64_monitor_destroy(struct a64_system *sys);
/* Connects a CPU to its system's monitor, or takes it out; on a thread that may touch the CPU. */
void a64_monitor_attach(struct a64_cpu *cpu);
void a64_monitor_detach(struct a64_cpu *cpu);

/* Stands for the SIZE bytes at the aligned address HOST: no two pairs of these have the same key.
 */
static inline uint64_t a64_exclusive_key(const void *host, unsigned size)
{
    return ((uint64_t)(uintptr_t)host << 1) + size;
}

/* LDXR: loads SIZE (1, 2, 4, 8, 16) bytes at the aligned address HOST into *VALUE, zero-extended to
 * 8 or 16 bytes, and marks. Order (acquire) is the caller's. */
void a64_exclusive_load(struct a64_cpu *cpu, void *host, unsigned size, void *value);
/* STXR: stores if the mark stands; true if it did. The mark is gone in any case. */
bool a64_exclusive_store(struct a64_cpu *cpu, void *host, unsigned size, const void *value);
/* WFE: whether the CPU had a mark and has lost it. If it still has, it gets an event when it loses
 * it. */
bool a64_exclusive_lost(struct a64_cpu *cpu);

/* CLREX, and part of every exception return. */
static inline void a64_clear_exclusive(struct a64_cpu *cpu)
{
    cpu->excl.key = 0;
}

struct a64_monitor_entry *a64_store_begin_slow(struct a64_cpu *cpu, const void *host);
void a64_store_end_slow(struct a64_monitor_entry *entry);
/* Cools what is not used; when cpu->excl.looks has come below 0. */
void a64_monitor_sweep(struct a64_cpu *cpu);

/* HOST's place in the table, in bytes. */
static inline unsigned a64_monitor_offset(const void *host)
{
    return (unsigned)((uintptr_t)host >> A64_GRANULE_SHIFT) % A64_MONITOR_ENTRIES *
           (unsigned)sizeof(struct a64_monitor_entry);
}

/* Every write to guest memory by a CPU, of at most a granule and within one, stands between these
 * two: entry = a64_store_begin(cpu, host); ...write...; a64_store_end(entry); Nothing between them
 * may fail or wait. Translated code looks itself. */
static inline struct a64_monitor_entry *a64_store_begin(struct a64_cpu *cpu, const void *host)
{
    if (__builtin_expect(!atomic_load_explicit(&cpu->monitored, memory_order_relaxed), 1))
        return NULL;
    return a64_store_begin_slow(cpu, host);
}

static inline void a64_store_end(struct a64_monitor_entry *entry)
{
    if (__builtin_expect(entry != NULL, 0))
        a64_store_end_slow(entry);
}

#endif
