/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_STATE_H
#define POMONA_MACHINE_STATE_H

/* The machine from inside: what the files of src/machine share. */

#include <pthread.h>

#include <Hypervisor/Hypervisor.h>
#include <Hypervisor/hv_pomona.h>

#include "device/psci.h"
#include "machine/machine.h"

#define MACHINE_MAX_RAM     8
#define MACHINE_MAX_REGIONS 64
#define MACHINE_MAX_DEVICES 64
#define MACHINE_MAX_WARNED  1024

/* A piece of guest memory. */
struct machine_ram {
    uint64_t base, size;
    uint8_t *host;
};

struct machine_defer {
    void (*work)(void *ctx);
    void *ctx;
};

/* A queue of work that grows; see time.c. */
struct machine_queue {
    struct machine_defer *items;
    size_t count, room;
};

struct machine {
    struct machine_config config;
    struct host_loop *loop;
    pthread_mutex_t lock;
    pthread_t thread; /* the machine's own: who runs the loop */

    struct machine_ram ram[MACHINE_MAX_RAM]; /* [0] is the main memory */
    unsigned ram_count;
    struct machine_region regions[MACHINE_MAX_REGIONS]; /* ascending */
    unsigned region_count;
    struct device *devices[MACHINE_MAX_DEVICES];
    const struct board_row *device_rows[MACHINE_MAX_DEVICES];
    unsigned device_count;

    uint64_t start_ns;           /* the host's monotonic clock when the machine's time began */
    struct device_timer *timers; /* armed, soonest first */
    struct machine_queue deferred;
    struct device_timer defer_timer; /* with the instruction clock: when the deferred work is due */
    uint64_t random_state[4];        /* xoshiro256**, when seeded */
    struct {
        const struct device *dev;
        uint64_t offset;
    } warned[MACHINE_MAX_WARNED];
    unsigned warned_count;

    hv_pomona_context_t context;
    bool vm_created;
};

/* time.c: starts the clock at 0; runs what is due. Under the lock. */
void machine_time_init(struct machine *machine);
void machine_time_free(struct machine *machine);
void machine_time_service(struct machine *machine);
/* Sees to it that machine_time_service is called when the first timer is due. Under the lock. */
void machine_time_rearm(struct machine *machine);

/* log.c: tells once of an access to ADDRESS. */
void machine_warn_address(struct machine *machine, uint64_t address, const char *what);

/* bus.c: the region that covers all of [address, address + size), or NULL. */
const struct machine_region *machine_region_at(const struct machine *machine, uint64_t address,
                                               unsigned size);

#endif
