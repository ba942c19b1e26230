/* SPDX-License-Identifier: MIT */
/* Starting, stopping and resetting a machine. Stop requests come from any thread; the machine's own
 * thread answers them, because only it may wait for the vCPUs. */

#include "device/pl061.h"
#include "host/loop.h"
#include "machine/large.h"
#include "machine/pci.h"
#include "machine/state.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

void machine_request_stop(struct machine *machine, enum machine_stop why)
{
    machine_lock(machine);
    if (machine->stop == MACHINE_RUNNING) {
        machine->stop = why;
        /* Now, while the CPU that asks holds the turn: the others go on until they are parked. */
        hv_pomona_vm_get_instruction_count(&machine->outcome.instructions);
    }
    machine_unlock(machine);
    host_loop_wake(machine->loop);
}

static int load(struct machine *machine, struct boot_entry *entry, struct error *err)
{
    *entry = (struct boot_entry){0};
    return machine->config.boot(machine->config.boot_ctx, machine, entry, err);
}

int machine_load(struct machine *machine, struct boot_entry *entry, struct error *err)
{
    machine_enter(machine);
    machine_lock(machine);
    const int result = load(machine, entry, err);
    machine_unlock(machine);
    return result;
}

/* Loads the guest and starts the first CPU. All are parked. Under the lock. */
static int power_on(struct machine *machine, struct error *err)
{
    struct boot_entry entry;
    if (load(machine, &entry, err))
        return -1;
    machine->image_end = entry.image_end;
    psci_reset(&machine->psci);
    machine->stop = MACHINE_RUNNING;
    machine->phase = MACHINE_PHASE_RUN;
    machine_cpu_start(&machine->cpus[0], &entry);
    return 0;
}

static int reset(struct machine *machine, struct error *err)
{
    machine_log(machine, "machine", "reset");
    machine_cpus_park(machine);
    hv_gic_reset();
    for (unsigned i = 0; i < machine->device_count; i++)
        device_reset(machine->devices[i]);
    machine_pci_reset(machine->pci);
    return power_on(machine, err);
}

/* What the event loop calls when it was woken or a timer is due. */
static void service(void *ctx)
{
    struct machine *machine = ctx;
    machine_lock(machine);
    machine_time_service(machine);
    if (machine->stop == MACHINE_RESET && reset(machine, &machine->error))
        machine->stop = MACHINE_QUIT;
    if (machine->stop != MACHINE_RUNNING)
        host_loop_stop(machine->loop);
    machine_unlock(machine);
}

/* ---- profile ---- */

#define SAMPLE_MS 1

/* Makes every running CPU leave the guest, to be looked at by its own thread. */
static void sample(uv_timer_t *timer)
{
    struct machine *machine = timer->data;
    for (unsigned i = 0; i < machine->config.cpus; i++) {
        struct machine_cpu *cpu = &machine->cpus[i];
        if (machine->psci.power[i] != PSCI_ON)
            continue;
        atomic_store(&cpu->sample, true);
        hv_vcpus_exit(&cpu->id, 1);
    }
}

static void start_sampling(struct machine *machine)
{
    machine->sampler = machine->config.profile ? calloc(1, sizeof(*machine->sampler)) : NULL;
    if (!machine->sampler)
        return;
    uv_timer_init(host_loop_uv(machine->loop), machine->sampler);
    machine->sampler->data = machine;
    uv_timer_start(machine->sampler, sample, SAMPLE_MS, SAMPLE_MS);
}

static void free_sampler(uv_handle_t *handle)
{
    free(handle);
}

static void stop_sampling(struct machine *machine)
{
    if (!machine->sampler)
        return;
    uv_close((uv_handle_t *)machine->sampler, free_sampler);
    machine->sampler = NULL;
}

void machine_each_stack(struct machine *machine,
                        void (*met)(void *ctx, unsigned cpu, const uint64_t *frames, unsigned depth,
                                    uint64_t count),
                        void *ctx)
{
    for (unsigned i = 0; i < machine->config.cpus; i++)
        if (machine->cpus[i].profile)
            machine_profile_each(machine->cpus[i].profile, met, ctx, i);
}

/* ---- running ---- */

static void fill_outcome(struct machine *machine, struct machine_outcome *outcome)
{
    machine->outcome.why = machine->stop;
    for (unsigned i = 0; i < machine->config.cpus; i++)
        machine->outcome.exits += machine->cpus[i].exits;
    *outcome = machine->outcome;
}

int machine_run(struct machine *machine, struct machine_outcome *outcome, struct error *err)
{
    machine_enter(machine);
    machine_lock(machine);
    machine->thread = pthread_self();
    host_loop_set_service(machine->loop, service, machine);
    machine_time_start(machine);
    int result = power_on(machine, err);
    machine_unlock(machine);
    if (!result) {
        start_sampling(machine);
        machine_large_start(machine);
        host_loop_run(machine->loop);
        machine_large_stop(machine);
        stop_sampling(machine);
    }
    machine_lock(machine);
    machine_cpus_park(machine);
    fill_outcome(machine, outcome);
    host_loop_set_service(machine->loop, NULL, NULL);
    if (!result && machine->error.code) {
        *err = machine->error;
        result = -1;
    }
    machine_unlock(machine);
    return result;
}

void machine_each_encoding(struct machine *machine, void (*met)(void *ctx, const char *name),
                           void *ctx)
{
    machine_enter(machine);
    hv_pomona_vm_each_encoding(met, ctx);
}

const char *machine_preferred_engine(void)
{
    return hv_pomona_preferred_engine();
}

void machine_each_statistic(struct machine *machine,
                            void (*met)(void *ctx, const char *name, uint64_t value), void *ctx)
{
    machine_enter(machine);
    hv_pomona_vm_each_statistic(met, ctx);
}

#define POWER_KEY_NS 100000000ull

static void release_power_key(struct device_timer *timer, void *ctx)
{
    struct machine *machine = ctx;
    struct device *gpio = machine_device(machine, "gpio");
    pl061_set_input(gpio, machine->config.board->power_key_line, false);
}

void machine_press_power_key(struct machine *machine)
{
    machine_lock(machine);
    struct device *gpio = machine_device(machine, "gpio");
    if (gpio) {
        machine->power_key.fire = release_power_key;
        machine->power_key.ctx = machine;
        pl061_set_input(gpio, machine->config.board->power_key_line, true);
        device_timer_set(machine, &machine->power_key, machine_now(machine) + POWER_KEY_NS);
    }
    machine_unlock(machine);
}
