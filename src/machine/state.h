/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_STATE_H
#define POMONA_MACHINE_STATE_H

/* The machine from inside: what the files of src/machine share. */

#include <pthread.h>
#include <stdatomic.h>

#include <Hypervisor/Hypervisor.h>
#include <Hypervisor/hv_pomona.h>

#include "boot/boot.h"
#include "device/cfg.h"
#include "device/pl011.h"
#include "device/psci.h"
#include "machine/machine.h"
#include "machine/profile.h"

#define MACHINE_MAX_RAM     8
#define MACHINE_MAX_REGIONS 64
#define MACHINE_MAX_DEVICES 64
#define MACHINE_MAX_WARNED  1024

/* A piece of guest memory. */
struct machine_ram {
    uint64_t base, size;
    uint8_t *host;
    int fd; /* the file that it is; -1: none */
};

struct machine_defer {
    void (*work)(void *ctx);
    void *ctx;
};

/* A virtual CPU and its thread. */
struct machine_cpu {
    struct machine *machine;
    unsigned index;
    pthread_t thread;
    bool has_thread;
    hv_vcpu_t id;
    hv_vcpu_exit_t *exit;
    hv_return_t created; /* what hv_vcpu_create said */
    bool ready;          /* and that it has said it */
    bool parked;         /* outside hv_vcpu_run, waiting to be started */
    bool start;          /* to be started at `entry` */
    struct boot_entry entry;
    uint64_t *reset_values; /* of the system registers that cpu.c puts back */
    uint64_t exits;
    struct machine_profile *profile; /* NULL: none is wanted */
    _Atomic bool sample;             /* the next exit is for it */
};

/* What the vCPU threads are to do. */
enum machine_phase { MACHINE_PHASE_PARK, MACHINE_PHASE_RUN, MACHINE_PHASE_QUIT };

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
    struct machine_pci *pci; /* NULL on a board without PCI */

    uint64_t start_ns;           /* the host's monotonic clock when the machine's time began */
    struct uv_timer_s *sampler;  /* with --profile */
    struct machine_large *large; /* while it runs: see large.c */
    struct device_timer *timers; /* armed, soonest first */
    struct machine_queue deferred;
    struct device_timer power_key;   /* releases it */
    struct device_timer defer_timer; /* with the instruction clock: when the deferred work is due */
    struct device_timer sample_timer;  /* with the instruction clock: when input is looked for */
    uint64_t sampled_instructions;     /* retired at that time */
    uint64_t random_state[4];        /* xoshiro256**, when seeded */
    struct {
        const struct device *dev;
        uint64_t offset;
    } warned[MACHINE_MAX_WARNED];
    unsigned warned_count;

    hv_pomona_context_t context;
    bool vm_created;
    uint64_t mpidr[MACHINE_MAX_CPUS]; /* affinities */
    struct machine_cpu cpus[MACHINE_MAX_CPUS];
    pthread_cond_t changed; /* a CPU is ready, parked or to be started; the phase changed */
    enum machine_phase phase;
    uint64_t image_end; /* struct boot_entry */
    enum machine_stop stop; /* asked for, first come */
    struct machine_outcome outcome;
    struct error error; /* of a boot after a reset */
    struct psci psci;
    uint32_t spi_levels[32]; /* as the devices drive them */
    struct {
        struct pl011_config uart[MACHINE_MAX_SERIAL];
        struct cfg_config cfg;
    } device_config;
    unsigned uart_count;
};

/* time.c: starts the clock at 0; runs what is due. Under the lock. */
void machine_time_init(struct machine *machine);
void machine_time_free(struct machine *machine);
/* Before the first CPU runs. Under the lock. */
void machine_time_start(struct machine *machine);
void machine_time_service(struct machine *machine);
/* Sees to it that machine_time_service is called when the first timer is due. Under the lock. */
void machine_time_rearm(struct machine *machine);

/* log.c: tells once of an access to ADDRESS. */
void machine_warn_address(struct machine *machine, uint64_t address, const char *what);

/* bus.c: the region that covers all of [address, address + size), or NULL. */
const struct machine_region *machine_region_at(const struct machine *machine, uint64_t address,
                                               unsigned size);

/* The calling thread's API calls act on this machine from here on. */
void machine_enter(struct machine *machine);
/* An error of the API as a word: "HV_BUSY". */
const char *machine_hv_error(hv_return_t result);

/* cpu.c: makes the CPU's thread and vCPU, parked. 0, or -1 and *ERR. */
int machine_cpu_create(struct machine *machine, unsigned index, struct error *err);
/* Ends the thread; the phase is MACHINE_PHASE_QUIT. */
void machine_cpu_destroy(struct machine_cpu *cpu);
/* Starts a parked CPU at ENTRY. Under the lock. */
void machine_cpu_start(struct machine_cpu *cpu, const struct boot_entry *entry);
/* Makes all CPUs leave the guest and park, and waits for that. Under the lock, which is given up
 * meanwhile. */
void machine_cpus_park(struct machine *machine);
/* CPU's general register, 31 is XZR. On its thread. */
uint64_t machine_cpu_get_x(const struct machine_cpu *cpu, unsigned n);
void machine_cpu_set_x(const struct machine_cpu *cpu, unsigned n, uint64_t value);

/* inject.c: what the bus or the decoder of a real CPU would do to the guest, at the instruction
 * that made it exit. On the CPU's thread. */
void machine_inject_abort(struct machine_cpu *cpu);
void machine_inject_undefined(struct machine_cpu *cpu);

/* semihosting.c: answers HLT #0xF000; false: the guest has ended. On its thread, without the lock. */
#define MACHINE_SEMIHOSTING_HLT 0xf000u
bool machine_semihosting(struct machine_cpu *cpu);

/* exit.c: answers what made hv_vcpu_run return. False: the CPU is to park. On its thread, without
 * the lock. */
bool machine_cpu_exit(struct machine_cpu *cpu);

#endif
