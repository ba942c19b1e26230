/* SPDX-License-Identifier: MIT */
/* The shared exclusive monitor; monitor.h tells how it works and why. Locks are spin locks, as they
 * are held for a few host instructions (or, once in a while, for a membarrier), and yield when the
 * holder seems to have lost its processor. */

#include "monitor.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "host_access.h"
#include "host_atomic.h"
#include "system.h"

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Looks of stores between two sweeps: at least so many, and so many more for each entry that was
 * heated, as heating costs about as much time as that many looks. */
#define SWEEP_LEAST 65536
#define SWEEP_HEAT  4096
#define SPIN_LIMIT  100

struct a64_monitor {
    struct a64_monitor_entry entry[A64_MONITOR_ENTRIES];
    bool membarrier;
    _Atomic bool lock; /* of what follows; taken after an entry's */
    unsigned hot;      /* entries */
    unsigned heated;   /* since the last sweep */
    struct a64_cpu *cpu[A64_MAX_CPUS];
    /* The entries that CPUs in WFE wait for. */
    struct a64_monitor_entry *waits[A64_MAX_CPUS];
};

#ifdef __linux__
static bool membarrier_register(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* Every thread of this process has executed a full barrier when this returns. */
static void membarrier_all(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}
#else
static bool membarrier_register(void)
{
    return false;
}

static void membarrier_all(void)
{
}
#endif

/* ---- locks ---- */

static void wait_a_moment(unsigned *spins)
{
    if (++*spins % SPIN_LIMIT == 0)
        sched_yield();
}

static void lock_table(struct a64_monitor *monitor)
{
    unsigned spins = 0;
    while (atomic_exchange_explicit(&monitor->lock, true, memory_order_acquire))
        wait_a_moment(&spins);
}

static void unlock_table(struct a64_monitor *monitor)
{
    atomic_store_explicit(&monitor->lock, false, memory_order_release);
}

/* Its state before. */
static uint64_t lock_entry(struct a64_monitor_entry *entry)
{
    unsigned spins = 0;
    for (;;) {
        uint64_t state = atomic_load_explicit(&entry->state, memory_order_relaxed);
        if (!(state & A64_MONITOR_LOCKED) &&
            atomic_compare_exchange_weak(&entry->state, &state, state | A64_MONITOR_LOCKED))
            return state;
        wait_a_moment(&spins);
    }
}

static void unlock_entry(struct a64_monitor_entry *entry, uint64_t state)
{
    atomic_store_explicit(&entry->state, state, memory_order_release);
}

/* ---- creation ---- */

int a64_monitor_create(struct a64_system *sys)
{
    struct a64_monitor *monitor = aligned_alloc(64, (sizeof *monitor + 63) & ~(size_t)63);
    if (!monitor)
        return -ENOMEM;
    memset(monitor, 0, sizeof *monitor);
    monitor->membarrier = membarrier_register();
    if (!monitor->membarrier) {
        for (unsigned i = 0; i < A64_MONITOR_ENTRIES; i++)
            atomic_init(&monitor->entry[i].state, A64_MONITOR_READY);
        monitor->hot = A64_MONITOR_ENTRIES;
    }
    sys->monitor = monitor;
    return 0;
}

void a64_monitor_destroy(struct a64_system *sys)
{
    free(sys->monitor);
    sys->monitor = NULL;
}

void a64_monitor_attach(struct a64_cpu *cpu)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    cpu->excl.key = 0;
    cpu->excl.version = A64_MONITOR_NONE;
    cpu->excl.looks = SWEEP_LEAST;
    if (!monitor)
        return;
    cpu->excl.table = cpu->excl.entry = monitor->entry;
    lock_table(monitor);
    monitor->cpu[cpu->index] = cpu;
    atomic_store_explicit(&cpu->monitored, monitor->hot != 0, memory_order_relaxed);
    unlock_table(monitor);
}

void a64_monitor_detach(struct a64_cpu *cpu)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    if (!monitor)
        return;
    lock_table(monitor);
    monitor->cpu[cpu->index] = NULL;
    monitor->waits[cpu->index] = NULL;
    unlock_table(monitor);
    cpu->excl.key = 0;
    cpu->excl.table = NULL;
}

/* ---- hot and cold ---- */

static void tell_all(struct a64_monitor *monitor, bool hot)
{
    for (unsigned i = 0; i < A64_MAX_CPUS; i++)
        if (monitor->cpu[i])
            atomic_store_explicit(&monitor->cpu[i]->monitored, hot, memory_order_relaxed);
}

/* ENTRY is locked, and cold. */
static void heat(struct a64_monitor *monitor, struct a64_monitor_entry *entry)
{
    atomic_fetch_or(&entry->state, A64_MONITOR_HOT);
    lock_table(monitor);
    monitor->heated++;
    if (!monitor->hot++)
        tell_all(monitor, true);
    unlock_table(monitor);
    membarrier_all();
}

/* Marks made before cannot be told from a store any more, so they are void. */
static bool cool(struct a64_monitor_entry *entry, uint64_t state)
{
    const uint64_t cold = (state & ~A64_MONITOR_HOT) + A64_MONITOR_COUNT;
    return atomic_compare_exchange_strong(&entry->state, &state, cold);
}

void a64_monitor_sweep(struct a64_cpu *cpu)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    cpu->excl.looks = SWEEP_LEAST;
    if (!monitor || !monitor->membarrier)
        return;
    lock_table(monitor);
    for (unsigned i = 0; i < A64_MONITOR_ENTRIES; i++) {
        struct a64_monitor_entry *entry = &monitor->entry[i];
        uint64_t state = atomic_load_explicit(&entry->state, memory_order_relaxed);
        if ((state & (A64_MONITOR_HOT | A64_MONITOR_LOCKED | A64_MONITOR_WAITED)) !=
            A64_MONITOR_HOT)
            continue;
        if (state & A64_MONITOR_USED)
            atomic_compare_exchange_strong(&entry->state, &state, state & ~A64_MONITOR_USED);
        else
            monitor->hot -= cool(entry, state);
    }
    cpu->excl.looks += (int32_t)(monitor->heated * SWEEP_HEAT);
    monitor->heated = 0;
    if (!monitor->hot)
        tell_all(monitor, false);
    unlock_table(monitor);
}

/* ---- waiting ---- */

/* A lost mark is a wake-up event for WFE (D1.6.1). */
static void wake(struct a64_cpu *cpu)
{
    __atomic_store_n(&cpu->event, true, __ATOMIC_RELEASE);
    if (cpu->sys->kick)
        cpu->sys->kick(cpu);
}

static void wake_all(struct a64_monitor *monitor, struct a64_monitor_entry *entry)
{
    lock_table(monitor);
    for (unsigned i = 0; i < A64_MAX_CPUS; i++) {
        if (monitor->waits[i] != entry)
            continue;
        monitor->waits[i] = NULL;
        wake(monitor->cpu[i]);
    }
    unlock_table(monitor);
}

static bool alone(const struct a64_cpu *cpu)
{
    return !cpu->excl.table || cpu->sys->cpu_count < 2;
}

/* Whether nobody has stored in the entry between the two states. */
static bool same_count(uint64_t a, uint64_t b)
{
    return !((a ^ b) & -(A64_MONITOR_COUNT / 2));
}

bool a64_exclusive_lost(struct a64_cpu *cpu)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    struct a64_monitor_entry *entry = cpu->excl.entry;
    if (!cpu->excl.key || alone(cpu))
        return false;
    const uint64_t state = lock_entry(entry);
    const bool lost = !same_count(state, cpu->excl.version);
    if (!lost) {
        lock_table(monitor);
        monitor->waits[cpu->index] = entry;
        unlock_table(monitor);
    }
    unlock_entry(entry, lost ? state : state | A64_MONITOR_WAITED);
    return lost;
}

/* ---- stores ---- */

/* STATE: before ENTRY, which somebody is about to store in, was locked. What it will be. */
static uint64_t begin(struct a64_cpu *cpu, struct a64_monitor_entry *entry, uint64_t state)
{
    if (state & A64_MONITOR_WAITED)
        wake_all(cpu->sys->monitor, entry);
    return (state & ~A64_MONITOR_WAITED) + A64_MONITOR_COUNT;
}

struct a64_monitor_entry *a64_store_begin_slow(struct a64_cpu *cpu, const void *host)
{
    if (alone(cpu))
        return NULL;
    struct a64_monitor_entry *entry =
        (struct a64_monitor_entry *)((char *)cpu->excl.table + a64_monitor_offset(host));
    if (--cpu->excl.looks < 0)
        a64_monitor_sweep(cpu);
    if (!(atomic_load_explicit(&entry->state, memory_order_relaxed) & A64_MONITOR_HOT))
        return NULL;
    const uint64_t next = begin(cpu, entry, lock_entry(entry));
    atomic_store_explicit(&entry->state, next | A64_MONITOR_LOCKED, memory_order_relaxed);
    return entry;
}

void a64_store_end_slow(struct a64_monitor_entry *entry)
{
    const uint64_t state = atomic_load_explicit(&entry->state, memory_order_relaxed);
    unlock_entry(entry, state & ~A64_MONITOR_LOCKED);
}

/* ---- exclusives ---- */

static void remember(struct a64_cpu *cpu, void *host, unsigned size, const void *value,
                     uint64_t version)
{
    cpu->excl.key = a64_exclusive_key(host, size);
    cpu->excl.version = version;
    memcpy(cpu->excl.value, value, size == 16 ? 16 : 8);
}

void a64_exclusive_load(struct a64_cpu *cpu, void *host, unsigned size, void *value)
{
    if (alone(cpu)) {
        host_load(host, size, value);
        remember(cpu, host, size, value, A64_MONITOR_NONE);
        return;
    }
    struct a64_monitor_entry *entry =
        (struct a64_monitor_entry *)((char *)cpu->excl.table + a64_monitor_offset(host));
    const uint64_t state = lock_entry(entry);
    if (!(state & A64_MONITOR_HOT))
        heat(cpu->sys->monitor, entry);
    host_load(host, size, value);
    unlock_entry(entry, state | A64_MONITOR_READY);
    cpu->excl.entry = entry;
    remember(cpu, host, size, value, state | A64_MONITOR_READY);
}

static bool compare_and_store(struct a64_cpu *cpu, void *host, unsigned size, const void *value)
{
    uint64_t expected[2] = {cpu->excl.value[0], cpu->excl.value[1]};
    return host_cas(host, size, expected, value);
}

bool a64_exclusive_store(struct a64_cpu *cpu, void *host, unsigned size, const void *value)
{
    struct a64_monitor_entry *entry = cpu->excl.entry;
    const bool match = cpu->excl.key == a64_exclusive_key(host, size);
    cpu->excl.key = 0;
    if (!match)
        return false;
    if (alone(cpu))
        return compare_and_store(cpu, host, size, value);
    const uint64_t state = lock_entry(entry);
    const bool stored =
        same_count(state, cpu->excl.version) && compare_and_store(cpu, host, size, value);
    unlock_entry(entry, stored ? begin(cpu, entry, state) : state);
    return stored;
}
