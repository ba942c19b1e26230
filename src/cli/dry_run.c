/* SPDX-License-Identifier: MIT */
/* `pomona run --dry-run`: the machine that the options, a bundle and the defaults amount to, as
 * JSON. It has been made and its guest loaded when it is described, by the code that a run goes
 * through; what is left out is what only a run can tell: whether a port or an address of the host's
 * is free. */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/describe.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/verbs.h"
#include "device/pl011.h"
#include "host/block.h"
#include "host/net.h"

/* TEXT, or null. */
static json_t *text_or_null(const char *text)
{
    return text && *text ? json_text(text, strlen(text)) : json_null();
}

/* NUMBER, or null for 0: as many as the engine thinks good. */
static json_t *number_or_null(uint64_t number)
{
    return number ? json_integer((json_int_t)number) : json_null();
}

static json_t *describe_texts(const char *const *texts, size_t count)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, text_or_null(texts[i]));
    return all;
}

static json_t *describe_disk(const char *spec)
{
    struct block_options options;
    char *copy = strdup(spec);
    json_t *disk = NULL;
    if (copy && !block_parse(copy, &options, NULL))
        disk = json_pack("{s:o, s:b, s:b}", "file", text_or_null(options.path), "read_only",
                         options.read_only, "snapshot", options.snapshot);
    free(copy);
    return disk;
}

static json_t *describe_disks(const struct machine_config *config)
{
    json_t *disks = json_array();
    for (unsigned i = 0; i < config->disk_count; i++)
        json_array_append_new(disks, describe_disk(config->disks[i]));
    return disks;
}

static json_t *describe_forward(const struct net_forward *forward)
{
    char host[INET_ADDRSTRLEN], guest[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &forward->host, host, sizeof(host));
    inet_ntop(AF_INET, &forward->guest, guest, sizeof(guest));
    return json_pack("{s:s, s:s, s:i, s:s, s:i}", "protocol", forward->udp ? "udp" : "tcp", "host",
                     host, "host_port", forward->host_port, "guest", guest, "guest_port",
                     forward->guest_port);
}

static json_t *describe_net(const char *text, const uint8_t mac[6], unsigned card)
{
    struct net_spec spec;
    json_t *forwards = json_array();
    if (!net_parse(text, &spec, NULL))
        for (unsigned i = 0; i < spec.count; i++)
            json_array_append_new(forwards, describe_forward(&spec.forwards[i]));
    net_spec_free(&spec);
    return json_pack("{s:s, s:o, s:o}", "kind", "user", "mac",
                     json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                                  mac[4], (uint8_t)(mac[5] + card)),
                     "hostfwd", forwards);
}

static json_t *describe_nets(const struct machine_config *config)
{
    json_t *nets = json_array();
    unsigned card = 0;
    for (unsigned i = 0; i < config->net_count; i++)
        if (strcmp(config->nets[i], "none"))
            json_array_append_new(nets, describe_net(config->nets[i], config->mac, card++));
    return nets;
}

/* The board's UARTs come first, in its table's order. */
static json_t *describe_serials(const struct run *run)
{
    const struct board_row *row = run->config.board->rows;
    json_t *lines = json_array();
    for (unsigned i = 0; i < run->config.serial_count; i++) {
        while (row->kind != BOARD_END && row->cls != &pl011_class)
            row++;
        json_array_append_new(lines,
                              json_pack("{s:s, s:o}", "line",
                                        row->kind == BOARD_END ? "virtio-console" : row->name, "to",
                                        text_or_null(run->serial_specs[i])));
        row += row->kind != BOARD_END;
    }
    return lines;
}

static json_t *describe_cpus(const struct run *run, const struct machine_config *config)
{
    const bool named = config->engine && *config->engine;
    return json_pack("{s:s, s:s, s:i, s:I, s:b, s:b, s:s, s:o, s:b, s:o, s:o, s:b, s:b}", "machine",
                     config->board->name, "cpu", config->cpu, "cpus", (int)config->cpus, "memory",
                     (json_int_t)config->memory, "el2", config->el2, "vhe_only", config->vhe_only,
                     "engine", named ? config->engine : machine_preferred_engine(), "engine_knobs",
                     text_or_null(config->engine_knobs), "engine_check", config->engine_check,
                     "code_cache", text_or_null(config->code_cache), "code_memory",
                     number_or_null(config->code_memory), "semihosting", config->semihosting,
                     "perf_map", config->perf_map);
}

/* 64-bit numbers that JSON's cannot hold are texts. No seed: random numbers are the host's. */
static json_t *describe_time(const struct run *run, const struct machine_config *config)
{
    return json_pack("{s:s, s:o, s:o, s:o}", "clock", run->values.clock, "quantum",
                     number_or_null(config->quantum), "seed",
                     config->seeded ? json_address(config->seed) : json_null(), "ecid",
                     json_address(config->ecid));
}

static json_t *describe_guest(const struct boot_options *boot, enum boot_kind kind,
                              const struct boot_entry *entry)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:i}}", "guest",
                     text_or_null(boot->file), "kind", boot_kind_name(kind), "command_line",
                     json_text(boot->command_line, strlen(boot->command_line)), "initrd",
                     text_or_null(boot->initrd), "ramdisk", text_or_null(boot->ramdisk),
                     "trust_cache", text_or_null(boot->trust_cache), "auxkc",
                     text_or_null(boot->aux_kc), "device_tree", text_or_null(boot->device_tree),
                     "slide", json_address(boot->slide), "entry", "pc", json_address(entry->pc),
                     "el", entry->el2 ? 2 : 1);
}

static json_t *describe_host(const struct run *run, const struct machine_config *config)
{
    const struct run_values *v = &run->values;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "bundle",
                     text_or_null(v->bundle), "disks", describe_disks(config), "net",
                     describe_nets(config), "serial", describe_serials(run), "log",
                     describe_texts(v->logs.items, v->logs.count), "profile",
                     text_or_null(v->profile), "symbols", text_or_null(v->symbols), "stats",
                     v->stats, "board", describe_board(config->board));
}

/* Moves what PART has to the end of WHOLE; either may be NULL, without memory. */
static void append(json_t *whole, json_t *part)
{
    json_object_update(whole, part);
    json_decref(part);
}

int dry_run(struct run *run)
{
    const struct machine_config *config = machine_config(run->machine);
    struct boot_entry entry;
    enum boot_kind kind;
    struct error err;
    if (boot_sniff(&run->boot, &kind, &err) || machine_load(run->machine, &entry, &err))
        return report(&err);
    json_t *json = json_object();
    append(json, describe_cpus(run, config));
    append(json, describe_time(run, config));
    append(json, describe_guest(&run->boot, kind, &entry));
    if (kind == BOOT_XNU) {
        struct boot_versions versions;
        boot_read_versions(&run->boot, config->disks, config->disk_count, &versions);
        describe_versions(&versions, json);
    }
    append(json, describe_host(run, config));
    return print_json(json);
}
