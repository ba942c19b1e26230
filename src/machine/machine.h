/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_MACHINE_H
#define POMONA_MACHINE_MACHINE_H

/* A machine: a board's table brought to life on Apple's Hypervisor API. One thread a vCPU runs
 * hv_vcpu_run and answers what leaves it; the machine's own thread runs the host's event loop.
 * Devices see it through device/device.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"
#include "host/error.h"
#include "machine/board.h"

struct boot_entry;
struct host_loop;

#define MACHINE_MAX_CPUS   32
#define MACHINE_MAX_SERIAL 4

/* Where what the guest does oddly, and what --log asks for, is told. Any thread. CATEGORY is one
 * word. */
struct machine_log {
    bool (*wanted)(void *ctx, const char *category);
    void (*write)(void *ctx, const char *category, const char *text);
    void *ctx;
};

struct machine_config {
    const struct board *board;
    const char *cpu;    /* the model's name: "apple-m1" */
    const char *engine; /* "dbt", "interp"; NULL: the best there is */
    const char *engine_knobs; /* of hv_pomona_vm_config_set_engine_knobs; NULL: none */
    unsigned cpus;      /* 1 to board->max_cpus */
    uint64_t memory;    /* bytes of RAM, a multiple of 16 KiB */
    bool el2;           /* the CPUs have EL2 and start there */
    bool vhe_only;      /* with el2: HCR_EL2.E2H is always 1 */
    bool insn_clock;    /* guest time is a function of instructions */
    bool seeded;        /* random numbers come from `seed`; always so with insn_clock */
    bool semihosting;
    bool engine_check; /* the translator against the interpreter: a difference ends the machine */
    const char *code_cache; /* directory of hv_pomona_vm_config_set_code_cache; NULL: none */
    uint64_t code_memory;   /* of hv_pomona_vm_config_set_code_memory; 0: what is good */
    bool perf_map; /* of hv_pomona_vm_config_set_perf_map */
    bool statistics; /* machine_each_statistic() will be asked */
    bool dry_run;  /* never to be run: nothing is made on the host, no port listened on */
    bool profile;  /* samples stacks, see machine_each_stack */
    uint64_t seed;
    uint64_t
        quantum; /* instructions between two CPUs' turns with insn_clock; 0: the engine's default */
    uint64_t ecid;  /* identity of a virtual Mac */
    uint8_t mac[6]; /* of the first network interface; all zero: made from the ECID */
    struct chardev
        *serial[MACHINE_MAX_SERIAL]; /* NULL: not connected. The machine does not close them. */
    unsigned serial_count;
    const char *const *disks; /* --disk, as given */
    unsigned disk_count;
    const char *const *nets; /* --net, as given */
    unsigned net_count;
    struct machine_log log;
    /* Told while a large file is read into memory: DONE of TOTAL bytes of WHAT. NULL: not wanted. */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;

    /* Loads the guest after power-on and after every reset, and says where the first CPU starts. 0,
     * or -1 and *ERR. */
    int (*boot)(void *ctx, struct machine *machine, struct boot_entry *entry, struct error *err);
    void *boot_ctx;
};

/* A machine that is not running yet, with its memory, devices and interrupt controller. CONFIG is
 * copied, what it points to must outlive the machine. LOOP is the event loop of the calling thread,
 * on which machine_run must then be called. NULL and *ERR when the host cannot. */
struct machine *machine_create(const struct machine_config *config, struct host_loop *loop,
                               struct error *err);
void machine_destroy(struct machine *machine);

/* Why a machine stopped, with what is worth telling of the CPU that made it stop. */
struct machine_outcome {
    enum machine_stop why;
    bool exception_loop; /* with MACHINE_PANIC: 1,000 exceptions at one vector with nothing retired
                          */
    unsigned cpu;
    uint64_t pc, esr, far, elr;
    int status;            /* with MACHINE_OFF through semihosting: the guest's exit status */
    uint64_t instructions; /* retired by all CPUs; 0 where the engine does not count */
    uint64_t exits;        /* returns of hv_vcpu_run */
};

/* Boots the guest and runs it until it is over. 0, or -1 and *ERR when it could not start. */
int machine_run(struct machine *machine, struct machine_outcome *outcome, struct error *err);

/* Loads the guest as machine_run does and says in *ENTRY where it would start, but starts nothing. 0,
 * or -1 and *ERR. */
int machine_load(struct machine *machine, struct boot_entry *entry, struct error *err);

/* Calls MET with the name of each instruction encoding that the guest has met. On the thread of machine_run. */
void machine_each_encoding(struct machine *machine, void (*met)(void *ctx, const char *name),
                           void *ctx);

/* The engine of a machine that names none. */
const char *machine_preferred_engine(void);

/* Calls MET with each counter of the engine. On the thread of machine_run, after it. */
void machine_each_statistic(struct machine *machine,
                            void (*met)(void *ctx, const char *name, uint64_t value), void *ctx);

/* With config.profile: calls MET with each stack that CPUs were seen with, innermost frame first, and how
 * often. A CPU is looked at every millisecond of host time, also while it sleeps. On the thread of
 * machine_run, after it. */
void machine_each_stack(struct machine *machine,
                        void (*met)(void *ctx, unsigned cpu, const uint64_t *frames, unsigned depth,
                                    uint64_t count),
                        void *ctx);

/* Presses the board's power key for a tenth of a second. Any thread. */
void machine_press_power_key(struct machine *machine);

const struct machine_config *machine_config(const struct machine *machine);
uint64_t machine_ram_base(const struct machine *machine);
uint64_t machine_ram_size(const struct machine *machine);

/* A range of addresses that devices answer; what the table's devices, and a bus like PCI, are to
 * the machine. */
struct machine_region {
    uint64_t base, size;
    uint64_t (*read)(void *ctx, uint64_t offset, unsigned size);
    void (*write)(void *ctx, uint64_t offset, unsigned size, uint64_t value);
    void *ctx;
};
/* Adds *REGION (copied). 0 or -errno; -EEXIST when it overlaps another region or memory. Before
 * machine_run. */
int machine_add_region(struct machine *machine, const struct machine_region *region);

/* The device of the board's row NAME, or NULL. */
struct device *machine_device(const struct machine *machine, const char *name);
/* A line that drives shared peripheral interrupt SPI. */
struct irq_line machine_spi(struct machine *machine, unsigned spi);
/* A message-signalled interrupt: DATA written to ADDRESS by a device. False when it is none of the
 * interrupt controller's. */
bool machine_send_msi(struct machine *machine, uint64_t address, uint32_t data);

void machine_lock(struct machine *machine);
void machine_unlock(struct machine *machine);

/* One line to the log, when CATEGORY is wanted. */
bool machine_log_wanted(const struct machine *machine, const char *category);
void machine_log(const struct machine *machine, const char *category, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
