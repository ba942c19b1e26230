/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_RUN_H
#define POMONA_CLI_RUN_H

/* What `pomona run` is about to do: shared by its verb (cmd_run.c) and the dry run's description of
 * it (dry_run.c). */

#include "boot/boot.h"
#include "cli/folded.h"
#include "cli/input.h"
#include "cli/run_bundle.h"
#include "machine/machine.h"

struct run_values {
    const char *code_cache;
    uint64_t code_memory;
    const char *machine, *cpu, *engine, *engine_knobs, *clock, *boot, *initrd, *ramdisk,
        *trust_cache, *aux_kc, *device_tree, *profile, *symbols, *bundle, *mac;
    uint64_t cpus, memory, slide, seed, quantum, ecid, load_address, entry_offset;
    bool el2, vhe_only, semihosting, dry_run, stats, perf_map, engine_check;
    struct string_list disks, nets, serials, logs;
    struct key_options keys;
};

struct run {
    struct run_values values;
    struct boot_options boot;
    struct machine_config config;
    struct machine *machine;
    struct host_loop *loop;
    const char *const *serial_specs; /* config.serial_count of them */
    char *command_line;
    struct run_bundle bundle;
    uint8_t mac[6];     /* all zero: made from the ECID */
    struct blob kernel; /* of a disk's Preboot volume or a pipe; size 0: of a file of its own */
    char *kernel_name;
    struct symbols symbols;   /* of the guest, for --profile */
    struct progress progress; /* of reading the guest */
    struct im4p_keys keys;    /* of the guest's files */
    struct source_context context;
};

/* Loads the guest of run->machine, made with config.dry_run, and prints the machine as JSON. The
 * process's exit status. */
int dry_run(struct run *run);

/* --stats: what the engine counted, and what follows from it, on standard error. After machine_run(). */
void statistics_print(const struct run *run, const struct machine_outcome *outcome);

#endif
