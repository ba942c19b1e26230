/* SPDX-License-Identifier: MIT */
/* From a board's table to a machine: the VM, its memory, the interrupt controller, the devices, the
 * vCPUs, in the order that Apple's API wants (GIC before the first vCPU), and back. What only our
 * engines have (hv_pomona.h) is asked for when the user wants it, and refused with a clear message
 * where the engine lacks it. */

#include "host/loop.h"
#include "machine/pci.h"
#include "machine/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM_GRANULE 0x4000

const char *machine_hv_error(hv_return_t result)
{
    switch ((uint32_t)result) {
    case (uint32_t)HV_SUCCESS:
        return "HV_SUCCESS";
    case (uint32_t)HV_BUSY:
        return "HV_BUSY";
    case (uint32_t)HV_BAD_ARGUMENT:
        return "HV_BAD_ARGUMENT";
    case (uint32_t)HV_ILLEGAL_GUEST_STATE:
        return "HV_ILLEGAL_GUEST_STATE";
    case (uint32_t)HV_NO_RESOURCES:
        return "HV_NO_RESOURCES";
    case (uint32_t)HV_NO_DEVICE:
        return "HV_NO_DEVICE";
    case (uint32_t)HV_DENIED:
        return "HV_DENIED";
    case (uint32_t)HV_UNSUPPORTED:
        return "HV_UNSUPPORTED";
    }
    return "HV_ERROR";
}

static int hv_refused(struct error *err, const char *what, hv_return_t result)
{
    return error_set(err, ERROR_OS, "%s: the engine refused (%s)", what, machine_hv_error(result));
}

void machine_enter(struct machine *machine)
{
    if (machine->context)
        hv_pomona_context_set_current(machine->context);
}

/* Physical address bits that the guest sees: what an M1 has, and 40 when RAM ends above 64 GiB. */
static unsigned address_bits(const struct machine_config *config)
{
    uint64_t top = board_first(config->board, BOARD_RAM)->base + config->memory;
    return top <= 1ull << 36 ? 36 : top <= 1ull << 40 ? 40 : 0;
}

static int check_config(const struct machine_config *config, struct error *err)
{
    if (!config->cpus || config->cpus > config->board->max_cpus)
        return error_set(err, ERROR_USAGE, "%s has 1 to %u CPUs, not %u", config->board->name,
                         config->board->max_cpus, config->cpus);
    if (!config->memory || config->memory % RAM_GRANULE)
        return error_set(err, ERROR_USAGE, "the memory must be a multiple of 16 KiB, not %" PRIu64,
                         config->memory);
    if (!address_bits(config))
        return error_set(err, ERROR_USAGE, "%" PRIu64 " GiB of memory are more than %s can address",
                         config->memory >> 30, config->cpu);
    return 0;
}

/* Whether the engine has CAPABILITY, which the user asked for as WHAT. */
static int require(hv_pomona_capability_t capability, const char *what, struct error *err)
{
    if (hv_pomona_supports(capability))
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, "%s: this host's engine cannot do that", what);
}

static int configure_clock(const struct machine_config *config, hv_vm_config_t vm,
                           struct error *err)
{
    if (!config->insn_clock)
        return 0;
    if (require(HV_POMONA_CAP_INSN_CLOCK, "--clock insn", err))
        return -1;
    hv_pomona_clock_config_t clock = {.clock = HV_POMONA_CLOCK_INSN, .quantum = config->quantum};
    hv_return_t result = hv_pomona_vm_config_set_clock(vm, &clock);
    return result ? hv_refused(err, "--clock insn", result) : 0;
}

static int configure_el2(const struct machine_config *config, hv_vm_config_t vm, struct error *err)
{
    if (config->vhe_only && !config->el2)
        return error_set(err, ERROR_USAGE, "--vhe-only is for CPUs with EL2: give --el2 too");
    if (config->vhe_only && require(HV_POMONA_CAP_CPU_MODEL, "--vhe-only", err))
        return -1;
    hv_return_t result = config->el2 ? hv_vm_config_set_el2_enabled(vm, true) : HV_SUCCESS;
    if (!result && config->vhe_only)
        result = hv_pomona_vm_config_set_e2h_fixed(vm, true);
    return result ? hv_refused(err, "--el2", result) : 0;
}

/* The first difference is told and ends the machine. */
static void engines_differ(void *ctx, const char *text)
{
    struct machine *machine = ctx;
    machine_lock(machine);
    if (!machine->error.code) {
        machine->config.log.write(machine->config.log.ctx, "warning", text);
        error_set(&machine->error, ERROR_SOFTWARE, "the engines differ");
        machine_request_stop(machine, MACHINE_QUIT);
    }
    machine_unlock(machine);
}

static void code_cache_said(void *ctx, const char *text)
{
    machine_log(ctx, "machine", "%s", text);
}

static int configure_code(struct machine *machine, hv_vm_config_t vm, struct error *err)
{
    const struct machine_config *config = &machine->config;
    if (!config->code_cache && !config->code_memory)
        return 0;
    if (require(HV_POMONA_CAP_ENGINES, "--code-cache and --code-memory", err))
        return -1;
    if (config->code_memory && hv_pomona_vm_config_set_code_memory(vm, config->code_memory))
        return error_set(err, ERROR_USAGE, "--code-memory: give 64K to 1G");
    if (config->code_cache && !config->dry_run)
        hv_pomona_vm_config_set_code_cache(vm, config->code_cache, code_cache_said, machine);
    return 0;
}

static int configure_engine(struct machine *machine, hv_vm_config_t vm, struct error *err)
{
    const struct machine_config *config = &machine->config;
    if (config->engine && *config->engine) {
        if (require(HV_POMONA_CAP_ENGINES, "--engine", err))
            return -1;
        if (hv_pomona_vm_config_set_engine(vm, config->engine))
            return error_set(err, ERROR_UNAVAILABLE, "no engine '%s' here", config->engine);
    }
    if (config->engine_knobs && *config->engine_knobs) {
        if (require(HV_POMONA_CAP_ENGINES, "--engine-knobs", err))
            return -1;
        if (hv_pomona_vm_config_set_engine_knobs(vm, config->engine_knobs))
            return error_set(
                err, ERROR_USAGE,
                "--engine-knobs %s: give avx2, code=64K (or more), every-block, evict, "
                "no-slots, old-host, one-tlb, plant=ROW, vipt, windows, with commas between them",
                config->engine_knobs);
    }
    if (config->engine_check && require(HV_POMONA_CAP_ENGINES, "--engine-check", err))
        return -1;
    if (config->engine_check && config->cpus > 1 && !config->insn_clock)
        return error_set(err, ERROR_USAGE, "--engine-check is for one CPU, or --clock insn");
    if (config->engine_check)
        hv_pomona_vm_config_set_engine_check(vm, engines_differ, machine);
    if (config->perf_map && require(HV_POMONA_CAP_ENGINES, "--perf-map", err))
        return -1;
    if (config->perf_map && !config->dry_run)
        hv_pomona_vm_config_set_perf_map(vm, true);
    if (config->statistics && hv_pomona_supports(HV_POMONA_CAP_STATISTICS))
        hv_pomona_vm_config_set_statistics(vm, true);
    return configure_code(machine, vm, err);
}

static int configure_cpu(struct machine *machine, hv_vm_config_t vm, struct error *err)
{
    const struct machine_config *config = &machine->config;
    hv_return_t result;
    if (configure_engine(machine, vm, err))
        return -1;
    if (hv_pomona_supports(HV_POMONA_CAP_CPU_MODEL)) {
        if (hv_pomona_vm_config_set_cpu_model(vm, config->cpu))
            return error_set(err, ERROR_USAGE, "no CPU '%s'; there are apple-m1, apple-m2 and max",
                             config->cpu);
        hv_pomona_vm_config_set_pa_bits(vm, address_bits(config));
        hv_pomona_vm_config_set_private_memory(vm, true);
    }
    if (hv_pomona_supports(HV_POMONA_CAP_LOOP_EXIT))
        hv_pomona_vm_config_set_loop_exit(vm, true);
    result = hv_vm_config_set_ipa_size(vm, address_bits(config));
    if (result)
        return error_set(err, ERROR_UNAVAILABLE,
                         "this host cannot give a guest %u address bits; ask for less --memory",
                         address_bits(config));
    return configure_el2(config, vm, err);
}

static int create_vm(struct machine *machine, struct error *err)
{
    if (hv_pomona_supports(HV_POMONA_CAP_CONTEXTS)) {
        machine->context = hv_pomona_context_create();
        if (!machine->context)
            return error_set(err, ERROR_OS, "no further virtual machine can be made");
        machine_enter(machine);
    }
    hv_vm_config_t vm = hv_vm_config_create();
    if (!vm)
        return error_set(err, ERROR_OS, "out of memory");
    const char *engine = machine->config.engine;
    int result = configure_cpu(machine, vm, err);
    if (!result)
        result = configure_clock(&machine->config, vm, err);
    if (!result) {
        hv_return_t refused = hv_vm_create(vm);
        machine->vm_created = !refused;
        if (refused == HV_UNSUPPORTED && engine && strcmp(engine, "dbt") == 0)
            result = error_set(err, ERROR_UNAVAILABLE,
                               "--engine dbt: this processor lacks what the translator needs (AVX2, BMI2, FMA, "
                               "LZCNT, F16C): take --engine interp");
        else if (refused == HV_UNSUPPORTED && machine->config.el2)
            result = error_set(err, ERROR_UNAVAILABLE, "--el2: this host's engine has no EL2");
        else if (refused)
            result = hv_refused(err, "creating the virtual machine", refused);
    }
    os_release(vm);
    return result;
}

static void free_memory(struct machine_ram *ram)
{
    if (ram->fd >= 0)
        close(ram->fd);
    hv_vm_deallocate(ram->host, ram->size);
    ram->host = NULL;
}

static int add_memory(struct machine *machine, const struct board_row *row, struct error *err)
{
    struct machine_ram *ram = &machine->ram[row->kind == BOARD_RAM ? 0 : machine->ram_count];
    uint64_t size = row->kind == BOARD_RAM ? machine->config.memory : row->size;
    void *host;
    int fd;
    hv_return_t result = hv_pomona_vm_allocate(&host, size, &fd);
    if (result)
        return error_set(err, ERROR_OS, "the host has no %" PRIu64 " MiB for the guest's %s",
                         size >> 20, row->name);
    *ram = (struct machine_ram){row->base, size, host, fd};
    result = hv_vm_map(host, row->base, size, HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC);
    if (result) {
        free_memory(ram);
        return hv_refused(err, row->name, result);
    }
    if (row->kind != BOARD_RAM)
        machine->ram_count++;
    return 0;
}

static int create_memory(struct machine *machine, struct error *err)
{
    machine->ram_count = 1; /* [0] is the main memory, wherever its row stands */
    for (const struct board_row *row = machine->config.board->rows; row->kind != BOARD_END; row++)
        if (row->kind == BOARD_RAM || row->kind == BOARD_MEMORY)
            if (add_memory(machine, row, err))
                return -1;
    return 0;
}

static int create_gic(struct machine *machine, struct error *err)
{
    const struct board *board = machine->config.board;
    const struct board_row *gicm = board_first(board, BOARD_GICM);
    hv_gic_config_t gic = hv_gic_config_create();
    if (!gic)
        return error_set(err, ERROR_OS, "out of memory");
    hv_return_t result =
        hv_gic_config_set_distributor_base(gic, board_first(board, BOARD_GICD)->base);
    if (!result)
        result = hv_gic_config_set_redistributor_base(gic, board_first(board, BOARD_GICR)->base);
    if (!result && gicm)
        result = hv_gic_config_set_msi_region_base(gic, gicm->base);
    if (!result && gicm)
        result =
            hv_gic_config_set_msi_interrupt_range(gic, 32 + (uint32_t)gicm->spi, gicm->spi_count);
    if (!result)
        result = hv_gic_create(gic);
    os_release(gic);
    return result ? hv_refused(err, "creating the interrupt controller", result) : 0;
}

static void set_spi(void *ctx, unsigned spi, bool level)
{
    struct machine *machine = ctx;
    uint32_t *word = &machine->spi_levels[spi / 32], bit = 1u << spi % 32;
    if (!!(*word & bit) == level)
        return;
    *word ^= bit;
    hv_gic_set_spi(32 + spi, level);
}

struct irq_line machine_spi(struct machine *machine, unsigned spi)
{
    return (struct irq_line){set_spi, machine, spi};
}

bool machine_send_msi(struct machine *machine, uint64_t address, uint32_t data)
{
    return !hv_gic_send_msi(address, data);
}

/* The parameters that a device of the table takes from the machine's configuration; see the
 * device's header. */
static const void *device_config(struct machine *machine, const struct board_row *row)
{
    if (row->cls == &pl011_class && machine->uart_count < MACHINE_MAX_SERIAL) {
        struct pl011_config *uart = &machine->device_config.uart[machine->uart_count];
        uart->chr = machine->config.serial[machine->uart_count++];
        return uart;
    }
    return row->cls == &cfg_class ? &machine->device_config.cfg : NULL;
}

static void fill_cfg(struct machine *machine)
{
    struct cfg_config *cfg = &machine->device_config.cfg;
    cfg->cpus = machine->config.cpus;
    cfg->ram_size = machine->config.memory;
    cfg->ecid = machine->config.ecid;
    for (unsigned i = 0; i < 4; i++) {
        memcpy(cfg->mac[i], machine->config.mac, 6);
        cfg->mac[i][5] += (uint8_t)i;
    }
}

static uint64_t region_read(void *ctx, uint64_t offset, unsigned size)
{
    return device_read(ctx, offset, size);
}

static void region_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    device_write(ctx, offset, size, value);
}

static int create_device(struct machine *machine, const struct board_row *row, struct error *err)
{
    struct irq_line irq[4];
    unsigned count = row->spi_count < 4 ? row->spi_count : 4;
    int result;
    for (unsigned i = 0; i < count; i++)
        irq[i] = machine_spi(machine, (unsigned)row->spi + i);
    struct device *dev = device_create(row->cls, machine, row->base, irq, count,
                                       device_config(machine, row), &result);
    if (!dev)
        return error_set(err, ERROR_OS, "%s: %s", row->name, strerror(-result));
    machine->devices[machine->device_count] = dev;
    machine->device_rows[machine->device_count++] = row;
    if (row->kind == BOARD_MEMORY)
        return 0;
    const struct machine_region region = {row->base, row->size, region_read, region_write, dev};
    result = machine_add_region(machine, &region);
    return result ? error_set(err, ERROR_SOFTWARE, "%s: %s", row->name, strerror(-result)) : 0;
}

static int create_devices(struct machine *machine, struct error *err)
{
    fill_cfg(machine);
    for (const struct board_row *row = machine->config.board->rows; row->kind != BOARD_END; row++)
        if (row->cls && create_device(machine, row, err))
            return -1;
    return 0;
}

static int create_cpus(struct machine *machine, struct error *err)
{
    const struct board_row *ram = board_first(machine->config.board, BOARD_RAM);
    for (unsigned i = 0; i < machine->config.cpus; i++)
        machine->mpidr[i] = board_mpidr(i);
    machine->psci = (struct psci){.machine = machine,
                                  .cpus = machine->config.cpus,
                                  .mpidr = machine->mpidr,
                                  .ram_base = ram->base,
                                  .ram_size = machine->config.memory};
    for (unsigned i = 0; i < machine->config.cpus; i++)
        if (machine_cpu_create(machine, i, err))
            return -1;
    return 0;
}

static void init_lock(struct machine *machine)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&machine->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    pthread_cond_init(&machine->changed, NULL);
}

/* A locally administered address that follows from the ECID, so that a guest keeps its lease. */
static void default_mac(struct machine_config *config)
{
    static const uint8_t none[6];
    if (memcmp(config->mac, none, sizeof(none)))
        return;
    config->mac[0] = 0x52;
    config->mac[1] = 0x54;
    for (unsigned i = 0; i < 4; i++)
        config->mac[2 + i] = (uint8_t)(config->ecid >> i * 8);
}

struct machine *machine_create(const struct machine_config *config, struct host_loop *loop,
                               struct error *err)
{
    if (check_config(config, err))
        return NULL;
    struct machine *machine = calloc(1, sizeof(*machine));
    if (!machine) {
        error_set(err, ERROR_OS, "out of memory");
        return NULL;
    }
    machine->config = *config;
    machine->config.seeded |= config->insn_clock;
    default_mac(&machine->config);
    machine->loop = loop;
    init_lock(machine);
    machine_time_init(machine);
    if (create_vm(machine, err) || create_memory(machine, err) || create_gic(machine, err) ||
        create_devices(machine, err) || machine_pci_create(machine, &machine->pci, err) ||
        create_cpus(machine, err)) {
        machine_destroy(machine);
        return NULL;
    }
    return machine;
}

static void destroy_cpus(struct machine *machine)
{
    machine_lock(machine);
    machine_cpus_park(machine);
    machine->phase = MACHINE_PHASE_QUIT;
    pthread_cond_broadcast(&machine->changed);
    machine_unlock(machine);
    for (unsigned i = 0; i < machine->config.cpus; i++)
        machine_cpu_destroy(&machine->cpus[i]);
}

void machine_destroy(struct machine *machine)
{
    if (!machine)
        return;
    machine_enter(machine);
    destroy_cpus(machine);
    machine_pci_destroy(machine->pci);
    for (unsigned i = machine->device_count; i-- > 0;)
        device_destroy(machine->devices[i]);
    if (machine->vm_created)
        hv_vm_destroy();
    for (unsigned i = 0; i < machine->ram_count; i++)
        if (machine->ram[i].host)
            free_memory(&machine->ram[i]);
    if (machine->context) {
        hv_pomona_context_set_current(NULL);
        hv_pomona_context_destroy(machine->context);
    }
    machine_time_free(machine);
    pthread_cond_destroy(&machine->changed);
    pthread_mutex_destroy(&machine->lock);
    free(machine);
}
