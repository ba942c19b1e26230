/* SPDX-License-Identifier: MIT */
/* `pomona run`: from options to a machine, and from how the guest ended to an exit status. */

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/describe.h"
#include "cli/run.h"
#include "cli/verbs.h"
#include "host/loop.h"
#include "host/serial.h"
#include "host/writable.h"
#include "image/container.h"
#include "image/preboot.h"
#include "pip_blob.h"

#define STATUS_PANIC 3

static const char *const engines[] = {"dbt", "interp", NULL};
static const char *const clocks[] = {"host", "insn", NULL};
static const char *const boots[] = {"auto", "linux", "xnu", "elf", "raw", "rom", NULL};

#define AT(member) offsetof(struct run_values, member)
static const struct option options[] = {
    {"machine", 0, OPTION_STRING, AT(machine), "BOARD", NULL,
     "the board: vmapple (default) or virt"},
    {"cpu", 0, OPTION_STRING, AT(cpu), "MODEL", NULL, "apple-m1 (default), apple-m2 or max"},
    {"cpus", 0, OPTION_NUMBER, AT(cpus), "N", NULL, "how many CPUs"},
    {"memory", 'm', OPTION_SIZE, AT(memory), "SIZE", NULL,
     "RAM: 512M, 4G, ... (default: 4G, virt 1G)"},
    {"initrd", 0, OPTION_FILE, AT(initrd), "FILE", NULL, "Linux: the initial RAM disk"},
    {"ramdisk", 0, OPTION_FILE, AT(ramdisk), "FILE", NULL, "XNU: the RAM disk, md0"},
    {"trust-cache", 0, OPTION_FILE, AT(trust_cache), "FILE|auto", NULL,
     "XNU: a trust cache or a region of them; auto: of all programs on the RAM disk"},
    {"trustcache", 0, OPTION_FILE, AT(trust_cache), "FILE|auto", NULL, "the same"},
    {"auxkc", 0, OPTION_FILE, AT(aux_kc), "FILE", NULL,
     "XNU: an auxiliary kernel collection, placed below the kernel's"},
    {"slide", 0, OPTION_SIZE, AT(slide), "SIZE", NULL,
     "XNU: how far above its link address the kernel collection runs"},
    {"device-tree", 0, OPTION_FILE, AT(device_tree), "FILE", NULL,
     "your own device tree (DTB, or Apple's)"},
    {"boot", 0, OPTION_CHOICE, AT(boot), "KIND", boots, "what FILE is, instead of looking"},
    {"load-address", 0, OPTION_NUMBER, AT(load_address), "ADDRESS", NULL,
     "raw: where the file goes (default: RAM)"},
    {"entry-offset", 0, OPTION_NUMBER, AT(entry_offset), "N", NULL,
     "raw: where in the file it starts"},
    {"disk", 0, OPTION_LIST, AT(disks), "FILE[,ro][,snapshot=on]", NULL,
     "a virtio disk; may be repeated"},
    {"bundle", 0, OPTION_FILE, AT(bundle), "FOLDER", NULL,
     "a virtual Mac's bundle: its ECID, CPUs, memory, network address and disks, which are not "
     "written to"},
    {"net", 0, OPTION_LIST, AT(nets), "user[,hostfwd=tcp::2222-:22]|none", NULL, "a network card"},
    {"mac", 0, OPTION_STRING, AT(mac), "ADDRESS", NULL,
     "--net: the first card's Ethernet address, 52:54:00:12:34:56"},
    {"serial", 0, OPTION_LIST, AT(serials), "stdio|pty|unix:P|tcp:H:P|file:P", NULL,
     "where a serial line goes; the second and later are virtio consoles (default: stdio)"},
    {"engine", 0, OPTION_CHOICE, AT(engine), "ENGINE", engines, "what runs the CPUs"},
    {"engine-knobs", 0, OPTION_STRING, AT(engine_knobs), "LIST", NULL,
     "for tests: makes an engine's rare paths common"},
    {"code-cache", 0, OPTION_FILE, AT(code_cache), "FOLDER", NULL,
     "--engine dbt: keeps translated code there, for later runs; made with mode 0700 if need be"},
    {"code-memory", 0, OPTION_SIZE, AT(code_memory), "SIZE", NULL,
     "--engine dbt: room for translated code, for each CPU (default: 48M)"},
    {"engine-check", 0, OPTION_FLAG, AT(engine_check), NULL, NULL,
     "--engine dbt: the interpreter runs every block too, and the first difference ends the run"},
    {"el2", 0, OPTION_FLAG, AT(el2), NULL, NULL, "the CPUs have EL2 and start there"},
    {"vhe-only", 0, OPTION_FLAG, AT(vhe_only), NULL, NULL,
     "--el2: HCR_EL2.E2H is always 1, as on the M1"},
    {"clock", 0, OPTION_CHOICE, AT(clock), "CLOCK", clocks,
     "host time, or a function of instructions (insn)"},
    {"seed", 0, OPTION_NUMBER, AT(seed), "N", NULL, "of all random numbers"},
    {"quantum", 0, OPTION_NUMBER, AT(quantum), "N", NULL,
     "--clock insn: instructions between two CPUs' turns"},
    {"ecid", 0, OPTION_NUMBER, AT(ecid), "N", NULL, "the virtual Mac's identity"},
    {"semihosting", 0, OPTION_FLAG, AT(semihosting), NULL, NULL,
     "answers the console, time and exit calls of Arm semihosting"},
    {"log", 0, OPTION_LIST, AT(logs), "CATEGORY", NULL,
     "tells of guest, machine, mmio, psci or all; encodings: at the end, which instructions were "
     "met"},
    {"dry-run", 0, OPTION_FLAG, AT(dry_run), NULL, NULL,
     "checks everything, prints the machine as JSON and does not start it; makes no file and "
     "listens nowhere"},
    {"perf-map", 0, OPTION_FLAG, AT(perf_map), NULL, NULL,
     "names translated code in /tmp/perf-PID.map, for Linux's perf"},
    {"profile", 0, OPTION_FILE, AT(profile), "FILE", NULL,
     "samples the guest's stacks: folded, for flame graphs, at the end"},
    {"symbols", 0, OPTION_FILE, AT(symbols), "FILE", NULL,
     "--profile: names for them, from an ELF or Mach-O file or a System.map"},
    {"stats", 0, OPTION_FLAG, AT(stats), NULL, NULL, "prints what was executed, at the end"},
    KEY_OPTIONS_OF(struct run_values, keys),
    {0},
};

/* ---- callbacks ---- */

/* A number that no option was given for. */
#define NOT_GIVEN    UINT64_MAX
#define DEFAULT_ECID 0x54143ed6eb5cb03a

static bool log_named(const struct run *run, const char *category)
{
    const struct string_list *logs = &run->values.logs;
    for (size_t i = 0; i < logs->count; i++)
        if (!strcmp(logs->items[i], category))
            return true;
    return false;
}

static bool log_wanted(void *ctx, const char *category)
{
    return log_named(ctx, category) || log_named(ctx, "all") || !strcmp(category, "warning");
}

static void log_write(void *ctx, const char *category, const char *text)
{
    fprintf(stderr, "pomona: %s: %s\r\n", category, text);
}

/* The guest's console may be the same terminal: the line goes as soon as a file is read. */
static void print_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    struct run *run = ctx;
    progress_step(&run->progress, what, done, total);
    if (done == total)
        progress_end(&run->progress);
}

static void serial_lock(void *ctx)
{
    struct run *run = ctx;
    if (run->machine)
        machine_lock(run->machine);
}

static void serial_unlock(void *ctx)
{
    struct run *run = ctx;
    if (run->machine)
        machine_unlock(run->machine);
}

static void serial_quit(void *ctx)
{
    struct run *run = ctx;
    if (run->machine)
        machine_request_stop(run->machine, MACHINE_QUIT);
}

static void serial_power(void *ctx)
{
    struct run *run = ctx;
    if (run->machine)
        machine_press_power_key(run->machine);
}

static void serial_notice(void *ctx, const char *text)
{
    fprintf(stderr, "pomona: %s\n", text);
}

static int boot(void *ctx, struct machine *machine, struct boot_entry *entry, struct error *err)
{
    struct run *run = ctx;
    return boot_load(machine, &run->boot, entry, err);
}

/* ---- from options to a configuration ---- */

static enum boot_kind boot_kind(const char *name)
{
    enum boot_kind kind = BOOT_AUTO;
    while (strcmp(boots[kind], name))
        kind++;
    return kind;
}

/* Boot arguments behind "--", joined by blanks. */
static char *join(const struct string_list *words)
{
    size_t size = 1;
    for (size_t i = 0; i < words->count; i++)
        size += strlen(words->items[i]) + 1;
    char *line = calloc(1, size);
    for (size_t i = 0; line && i < words->count; i++) {
        strcat(line, i ? " " : "");
        strcat(line, words->items[i]);
    }
    return line;
}

static void fill_boot(struct run *run, const struct operands *operands)
{
    const struct run_values *v = &run->values;
    run->command_line = join(&operands->rest);
    run->context = (struct source_context){print_progress, run, &run->keys};
    progress_start(&run->progress, false);
    run->boot =
        (struct boot_options){.kind = boot_kind(v->boot),
                              .context = &run->context,
                              .file = operands->count ? operands->items[0] : "the embedded guest",
                              .initrd = v->initrd,
                              .ramdisk = v->ramdisk,
                              .trust_cache = v->trust_cache,
                              .aux_kc = v->aux_kc,
                              .device_tree = v->device_tree,
                              .command_line = run->command_line,
                              .slide = v->slide,
                              .el2 = v->el2,
                              .raw_address = v->load_address,
                              .raw_entry = v->entry_offset};
    if (!operands->count) {
        run->boot.embedded = pip_image;
        run->boot.embedded_size = sizeof(pip_image);
    }
}

static int check_logs(const struct string_list *logs, struct error *err)
{
    static const char *const known[] = {"all",  "encodings", "guest",  "machine",
                                        "mmio", "psci",      "warning"};
    for (size_t i = 0; i < logs->count; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            found |= !strcmp(logs->items[i], known[k]);
        if (!found)
            return error_set(err, ERROR_USAGE,
                             "--log %s: give guest, machine, mmio, psci, warning, encodings or all",
                             logs->items[i]);
    }
    return 0;
}

/* Whether PATH can be read but once: standard input, or a pipe. */
static bool is_stream(const char *path)
{
    struct stat st;
    return !strcmp(path, "-") || !strncmp(path, "-:", 2) ||
           (!stat(path, &st) && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)));
}

/* Looked into, loaded, and loaded again after a reset: it is kept. */
static int keep_stream(struct run *run, const char *path, struct error *err)
{
    if (image_open_with(&run->kernel, path, &run->context, err))
        return -1;
    run->boot.file = run->kernel.name;
    run->boot.embedded = run->kernel.data;
    run->boot.embedded_size = run->kernel.size;
    return 0;
}

/* A disk instead of a kernel, or a bundle without one: the disk's Preboot volume has it. */
static int find_kernel(struct run *run, const struct operands *operands, struct error *err)
{
    const struct bundle *bundle = &run->bundle.bundle;
    const char *disk = operands->count      ? operands->items[0]
                       : bundle->disk_count ? bundle->disks[0].path
                                            : NULL;
    const bool xnu = run->boot.kind == BOOT_AUTO || run->boot.kind == BOOT_XNU;
    if (operands->count && is_stream(operands->items[0]))
        return keep_stream(run, operands->items[0], err);
    if (!disk || !xnu || (operands->count && !preboot_is_disk(disk, &run->keys)))
        return 0;
    if (preboot_open(disk, &run->keys, &run->kernel, &run->kernel_name, err))
        return -1;
    run->boot.file = run->kernel_name;
    run->boot.embedded = run->kernel.data;
    run->boot.embedded_size = run->kernel.size;
    return 0;
}

/* What the options leave open, the bundle says. */
static int apply_bundle(struct run *run, struct error *err)
{
    struct run_values *v = &run->values;
    if (v->mac && !bundle_parse_mac(v->mac, run->mac))
        return error_set(err, ERROR_USAGE, "--mac %s: write it as 52:54:00:12:34:56", v->mac);
    if (v->bundle && run_bundle_open(&run->bundle, v->bundle, &v->disks, err))
        return -1;
    const struct bundle *bundle = &run->bundle.bundle;
    if (v->ecid == NOT_GIVEN)
        v->ecid = bundle->ecid_from ? bundle->ecid : DEFAULT_ECID;
    if (v->cpus == NOT_GIVEN && bundle->cpus)
        v->cpus = bundle->cpus;
    if (v->memory == NOT_GIVEN && bundle->memory)
        v->memory = bundle->memory;
    if (!v->mac)
        memcpy(run->mac, bundle->mac, sizeof(run->mac));
    return 0;
}

static int fill_config(struct run *run, struct error *err)
{
    static const char *const network[] = {"user"};
    struct run_values *v = &run->values;
    if (check_logs(&v->logs, err) || key_options_read(&v->keys, &run->keys, err) ||
        apply_bundle(run, err))
        return -1;
    const struct board *board = board_from_name(v->machine, err);
    if (!board)
        return -1;
    run->config = (struct machine_config){
        .board = board,
        .cpu = v->cpu,
        .engine = v->engine,
        .engine_knobs = v->engine_knobs,
        .cpus = v->cpus == NOT_GIVEN ? board->default_cpus
                                     : (unsigned)(v->cpus < UINT32_MAX ? v->cpus : UINT32_MAX),
        .memory = v->memory == NOT_GIVEN ? board->default_memory : v->memory,
        .el2 = v->el2,
        .vhe_only = v->vhe_only,
        .insn_clock = !strcmp(v->clock, "insn"),
        .seeded = v->seed != 0,
        .semihosting = v->semihosting,
        .engine_check = v->engine_check,
        .code_cache = v->code_cache,
        .code_memory = v->code_memory,
        .perf_map = v->perf_map,
        .statistics = v->stats,
        .dry_run = v->dry_run,
        .profile = v->profile != NULL,
        .seed = v->seed,
        .quantum = v->quantum,
        .ecid = v->ecid,
        .disks = v->disks.items,
        .disk_count = (unsigned)v->disks.count,
        .nets = v->nets.count ? v->nets.items : network,
        .net_count = v->nets.count ? (unsigned)v->nets.count : run->bundle.bundle.has_mac,
        .log = {.wanted = log_wanted, .write = log_write, .ctx = run},
        .progress = print_progress,
        .progress_ctx = run,
        .boot = boot,
        .boot_ctx = run,
    };
    memcpy(run->config.mac, run->mac, sizeof(run->mac));
    return 0;
}

/* A dry run's lines are connected to nothing. */
static int open_serial(struct run *run, const char *spec, struct chardev **chr, struct error *err)
{
    const struct serial_host host = {.loop = run->loop,
                                     .sampled = run->config.insn_clock,
                                     .lock = serial_lock,
                                     .unlock = serial_unlock,
                                     .quit = serial_quit,
                                     .power = serial_power,
                                     .notice = serial_notice,
                                     .ctx = run};
    if (run->values.dry_run)
        return serial_check(spec, err);
    *chr = serial_open(spec, &host, err);
    return *chr ? 0 : -1;
}

static int open_serials(struct run *run, struct error *err)
{
    static const char *const standard[] = {"stdio"};
    const struct string_list *list = &run->values.serials;
    run->serial_specs = list->count ? list->items : standard;
    const size_t count = list->count ? list->count : 1;
    if (count > MACHINE_MAX_SERIAL)
        return error_set(err, ERROR_USAGE, "--serial: %u lines at most", MACHINE_MAX_SERIAL);
    for (size_t i = 0; i < count; i++) {
        if (open_serial(run, run->serial_specs[i], &run->config.serial[i], err))
            return -1;
        run->config.serial_count++;
    }
    return 0;
}

/* Said before the guest has run for a day. */
static int check_profile(const struct run *run, struct error *err)
{
    const char *path = run->values.profile;
    const int error = path && strcmp(path, "-") ? host_cannot_write(path) : 0;
    return error ? error_set(err, ERROR_IO, "%s: cannot be written: %s", path, strerror(error)) : 0;
}

/* All that comes before the guest: one way for a run and a dry run, so that they refuse the same.
 */
static int prepare(struct run *run, struct error *err)
{
    run->loop = host_loop_create();
    if (!run->loop)
        return error_set(err, ERROR_OS, "the host refused an event loop");
    if (open_serials(run, err) || check_profile(run, err) ||
        (run->values.symbols &&
         symbols_open(&run->symbols, run->values.symbols, &run->context, err)))
        return -1;
    run->machine = machine_create(&run->config, run->loop, err);
    return run->machine ? 0 : -1;
}

/* ---- ending ---- */

static void print_encoding(void *ctx, const char *name)
{
    log_write(ctx, "encodings", name);
}

static int exit_status(const struct machine_outcome *outcome)
{
    if (outcome->why != MACHINE_PANIC)
        return outcome->status;
    if (outcome->exception_loop)
        fprintf(stderr,
                "pomona: the guest loops in exceptions: cpu %u pc %#" PRIx64 " esr %#" PRIx64
                " far %#" PRIx64 " elr %#" PRIx64 "\n",
                outcome->cpu, outcome->pc, outcome->esr, outcome->far, outcome->elr);
    else
        fputs("pomona: the guest panicked\n", stderr);
    return STATUS_PANIC;
}

static void warn_of_engine(const struct run *run)
{
#if defined(__x86_64__)
    const char *named = run->config.engine;
    if (!(named && *named) && strcmp(machine_preferred_engine(), "interp") == 0)
        fputs("pomona: this processor lacks what the translator needs (AVX2, BMI2, FMA, LZCNT, F16C): "
              "the interpreter runs\n",
              stderr);
#endif
}

static int start(struct run *run)
{
    struct machine_outcome outcome = {0};
    struct error err;
    int status = machine_run(run->machine, &outcome, &err) ? report(&err) : exit_status(&outcome);
    if (run->values.profile &&
        write_folded(run->values.profile, run->machine, &run->symbols, run->values.slide, &err))
        status = report(&err);
    if (run->values.stats)
        statistics_print(run, &outcome);
    if (log_named(run, "encodings"))
        machine_each_encoding(run->machine, print_encoding, run);
    return status;
}

/* From a parsed command line to the exit status. */
static int run_machine(struct run *run, const struct operands *operands)
{
    struct error err;
    if (fill_config(run, &err) || find_kernel(run, operands, &err))
        return report(&err);
    warn_of_engine(run);
    if (prepare(run, &err))
        return report(&err);
    return run->values.dry_run ? dry_run(run) : start(run);
}

static void finish(struct run *run)
{
    machine_destroy(run->machine);
    run->machine = NULL;
    for (unsigned i = 0; i < run->config.serial_count; i++)
        if (run->config.serial[i])
            run->config.serial[i]->close(run->config.serial[i]);
    if (run->loop)
        host_loop_destroy(run->loop);
    free(run->command_line);
    symbols_free(&run->symbols);
    blob_free(&run->kernel);
    free(run->kernel_name);
    run_bundle_close(&run->bundle);
    string_list_free(&run->values.disks);
    string_list_free(&run->values.nets);
    string_list_free(&run->values.serials);
    string_list_free(&run->values.logs);
}

static int run_run(const struct verb *self, int argc, char **argv)
{
    struct run run = {.values = {.machine = "vmapple",
                                 .cpu = "apple-m1",
                                 .engine = getenv("POMONA_ENGINE"),
                                 .engine_knobs = getenv("POMONA_ENGINE_KNOBS"),
                                 .clock = "host",
                                 .boot = "auto",
                                 .cpus = NOT_GIVEN,
                                 .memory = NOT_GIVEN,
                                 .ecid = NOT_GIVEN}};
    struct operands operands;
    int status;
    if (!verb_parse(self, argc, argv, &run.values, &operands, &status))
        return status;
    signal(SIGPIPE, SIG_IGN);
    fill_boot(&run, &operands);
    status = run_machine(&run, &operands);
    finish(&run);
    string_list_free(&operands.rest);
    return status;
}

const struct verb verb_run = {
    .name = "run",
    .synopsis = "[OPTIONS] [FILE] [-- BOOT-ARGS]",
    .summary = "boots a guest: an XNU or Linux kernel, an ELF program, a flat image",
    .description = "FILE is looked into to find out what it is, through compression: a kernel, an "
                   "ELF program, or, when it begins with code, a flat image; anything else is one "
                   "with --boot raw, --load-address or --entry-offset only. Of a Mac's disk the "
                   "kernel in its Preboot volume is taken, as with --bundle and no FILE. Without "
                   "either the "
                   "embedded guest starts. Ctrl-A x leaves, Ctrl-A h helps. POMONA_ENGINE and "
                   "POMONA_ENGINE_KNOBS in the environment are the defaults of --engine and "
                   "--engine-knobs. Exit status: 0 the guest powered off; 3 it panicked or loops "
                   "in exceptions; 64 and up: usage, input (65) and host errors.",
    .options = options,
    .max_operands = 1,
    .takes_rest = true,
    .run = run_run,
};
