/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_PSCI_H
#define POMONA_DEVICE_PSCI_H

/* The firmware that a guest calls with HVC or SMC, as far as it needs no firmware of its own: power
 * (PSCI 1.1, Arm DEN0022), the calling convention's own questions (SMCCC 1.2, DEN0028) and random
 * numbers (DEN0098). */

#include <stdbool.h>
#include <stdint.h>

struct machine;

#define PSCI_MAX_CPUS 32

enum psci_power {
    PSCI_ON = 0,
    PSCI_OFF = 1,
    PSCI_ON_PENDING = 2
}; /* as AFFINITY_INFO numbers them */

struct psci {
    struct machine *machine; /* for random numbers */
    unsigned cpus;
    const uint64_t *mpidr;        /* affinity of each CPU */
    uint64_t ram_base, ram_size;  /* where an entry point may lie */
    uint8_t power[PSCI_MAX_CPUS]; /* enum psci_power */
};

enum psci_action {
    PSCI_RETURN, /* go on with the results */
    PSCI_START, /* start CPU `target` at `entry` with `context` in X0, and go on with the results */
    PSCI_WAIT,  /* wait for an interrupt, then go on with the results */
    PSCI_SLEEP, /* wait for an interrupt, then start again at `entry` with `context` */
    PSCI_POWER_DOWN, /* this CPU stops until another one starts it */
    PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET,
};

struct psci_result {
    enum psci_action action;
    uint64_t x[4]; /* the registers X0 to X3 after the call */
    unsigned target;
    uint64_t entry, context;
};

/* All CPUs but the first are off. */
void psci_reset(struct psci *psci);

/* CPU number CPU calls with X0 to X3. An unknown function returns NOT_SUPPORTED (-1) in X0. Under
 * the machine's lock. */
struct psci_result psci_call(struct psci *psci, unsigned cpu, const uint64_t x[4]);

#endif
