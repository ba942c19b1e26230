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

/* So many stores under the lock with no mark in sight cool an entry. */
#define IDLE_LIMIT 64
#define SPIN_LIMIT 100

struct a64_monitor_entry {
    _Atomic bool lock;
    uint8_t idle; /* stores since the last LDXR that found no mark */
};

struct a64_monitor {
    _Atomic uint8_t filter[A64_MONITOR_ENTRIES]; /* 1: hot */
    struct a64_monitor_entry entry[A64_MONITOR_ENTRIES];
    _Atomic uintptr_t armed[A64_MAX_CPUS]; /* granule number, or 0 */
    bool membarrier;
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

int a64_monitor_create(struct a64_system *sys)
{
    struct a64_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor)
        return -ENOMEM;
    monitor->membarrier = membarrier_register();
    for (unsigned i = 0; !monitor->membarrier && i < A64_MONITOR_ENTRIES; i++)
        atomic_init(&monitor->filter[i], 1);
    sys->monitor = monitor;
    return 0;
}

void a64_monitor_destroy(struct a64_system *sys)
{
    free(sys->monitor);
    sys->monitor = NULL;
}

static void lock(struct a64_monitor_entry *entry)
{
    unsigned spins = 0;
    while (atomic_exchange_explicit(&entry->lock, true, memory_order_acquire)) {
        while (atomic_load_explicit(&entry->lock, memory_order_relaxed))
            if (++spins % SPIN_LIMIT == 0)
                sched_yield();
    }
}

static void unlock(struct a64_monitor_entry *entry)
{
    atomic_store_explicit(&entry->lock, false, memory_order_release);
}

static uintptr_t granule_of(const void *host)
{
    return (uintptr_t)host >> A64_GRANULE_SHIFT;
}

void a64_monitor_attach(struct a64_cpu *cpu)
{
    cpu->excl.armed = false;
    cpu->excl.filter = cpu->sys->monitor ? cpu->sys->monitor->filter : NULL;
}

void a64_monitor_detach(struct a64_cpu *cpu)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    if (!monitor)
        return;
    a64_monitor_disarm(cpu);
    cpu->excl.filter = NULL;
    /* Another CPU may just be about to wake this one, holding the lock of some entry. */
    for (unsigned i = 0; i < A64_MONITOR_ENTRIES; i++) {
        lock(&monitor->entry[i]);
        unlock(&monitor->entry[i]);
    }
}

void a64_monitor_disarm(struct a64_cpu *cpu)
{
    cpu->excl.armed = false;
    if (cpu->sys->monitor)
        atomic_store_explicit(&cpu->sys->monitor->armed[cpu->index], 0, memory_order_release);
}

/* A lost mark is a wake-up event for WFE (D1.6.1). */
static void wake(struct a64_cpu *cpu)
{
    __atomic_store_n(&cpu->event, true, __ATOMIC_RELEASE);
    if (cpu->sys->kick)
        cpu->sys->kick(cpu);
}

/* Clears the marks that others than CPU have on GRANULE. The entry's lock is held. */
static void clear_others(struct a64_cpu *cpu, uintptr_t granule)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    for (unsigned i = 0; i < A64_MAX_CPUS; i++) {
        uintptr_t armed = granule;
        if (i != cpu->index &&
            atomic_load_explicit(&monitor->armed[i], memory_order_relaxed) == granule &&
            atomic_compare_exchange_strong(&monitor->armed[i], &armed, 0) && cpu->sys->cpus[i])
            wake(cpu->sys->cpus[i]);
    }
}

/* Whether a CPU has a mark in the entry of index INDEX; its lock is held, so none can appear. */
static bool any_mark(struct a64_monitor *monitor, unsigned index)
{
    for (unsigned i = 0; i < A64_MAX_CPUS; i++) {
        const uintptr_t armed = atomic_load_explicit(&monitor->armed[i], memory_order_acquire);
        if (armed && (armed & (A64_MONITOR_ENTRIES - 1)) == index)
            return true;
    }
    return false;
}

static void cool(struct a64_monitor *monitor, struct a64_monitor_entry *entry)
{
    const unsigned index = (unsigned)(entry - monitor->entry);
    if (!monitor->membarrier || ++entry->idle < IDLE_LIMIT)
        return;
    entry->idle = 0;
    if (!any_mark(monitor, index))
        atomic_store_explicit(&monitor->filter[index], 0, memory_order_relaxed);
}

struct a64_monitor_entry *a64_store_begin_slow(struct a64_cpu *cpu, const void *host)
{
    struct a64_monitor *monitor = cpu->sys->monitor;
    struct a64_monitor_entry *entry = &monitor->entry[a64_monitor_index(host)];
    lock(entry);
    clear_others(cpu, granule_of(host));
    cool(monitor, entry);
    return entry;
}

void a64_store_end_slow(struct a64_monitor_entry *entry)
{
    unlock(entry);
}

static void remember(struct a64_cpu *cpu, void *host, unsigned size, const void *value)
{
    cpu->excl.armed = true;
    cpu->excl.size = (uint8_t)size;
    cpu->excl.host = host;
    memcpy(cpu->excl.value, value, size == 16 ? 16 : 8);
}

static bool alone(const struct a64_cpu *cpu)
{
    return !cpu->sys->monitor || cpu->sys->cpu_count < 2;
}

void a64_exclusive_load(struct a64_cpu *cpu, void *host, unsigned size, void *value)
{
    if (alone(cpu)) {
        host_load(host, size, value);
        remember(cpu, host, size, value);
        return;
    }
    struct a64_monitor *monitor = cpu->sys->monitor;
    const unsigned index = a64_monitor_index(host);
    struct a64_monitor_entry *entry = &monitor->entry[index];
    lock(entry);
    entry->idle = 0;
    atomic_store_explicit(&monitor->armed[cpu->index], granule_of(host), memory_order_relaxed);
    if (!atomic_load_explicit(&monitor->filter[index], memory_order_relaxed)) {
        atomic_store_explicit(&monitor->filter[index], 1, memory_order_seq_cst);
        membarrier_all();
    }
    host_load(host, size, value);
    unlock(entry);
    remember(cpu, host, size, value);
}

static bool compare_and_store(struct a64_cpu *cpu, void *host, unsigned size, const void *value)
{
    uint64_t expected[2] = {cpu->excl.value[0], cpu->excl.value[1]};
    return host_cas(host, size, expected, value);
}

bool a64_exclusive_store(struct a64_cpu *cpu, void *host, unsigned size, const void *value)
{
    const bool match = cpu->excl.armed && cpu->excl.host == host && cpu->excl.size == size;
    cpu->excl.armed = false;
    if (alone(cpu))
        return match && compare_and_store(cpu, host, size, value);
    struct a64_monitor *monitor = cpu->sys->monitor;
    struct a64_monitor_entry *entry = &monitor->entry[a64_monitor_index(host)];
    const uintptr_t granule = granule_of(host);
    bool stored = false;
    lock(entry);
    if (match &&
        atomic_load_explicit(&monitor->armed[cpu->index], memory_order_relaxed) == granule &&
        compare_and_store(cpu, host, size, value)) {
        clear_others(cpu, granule);
        stored = true;
    }
    atomic_store_explicit(&monitor->armed[cpu->index], 0, memory_order_relaxed);
    unlock(entry);
    return stored;
}
