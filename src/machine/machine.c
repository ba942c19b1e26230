/* SPDX-License-Identifier: MIT */
/* What a machine is, for those who ask: boot protocols, devices, the command line. How it comes to
 * be is in create.c, how it runs in run.c and vcpu.c. */

#include "boot/boot.h"
#include "machine/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct machine_config *machine_config(const struct machine *machine)
{
    return &machine->config;
}

const struct board *machine_board(const struct machine *machine)
{
    return machine->config.board;
}

unsigned machine_cpu_count(const struct machine *machine)
{
    return machine->config.cpus;
}

uint64_t machine_ecid(const struct machine *machine)
{
    return machine->config.ecid;
}

/* Only the model without a name of Apple's has one; Apple's framework hides the M1's from its
 * guests. */
bool machine_has_pmu(const struct machine *machine)
{
    return !strcmp(machine->config.cpu, "max");
}

void machine_progress(struct machine *machine, const char *what, uint64_t done, uint64_t total)
{
    const struct machine_config *config = &machine->config;
    if (config->progress)
        config->progress(config->progress_ctx, what, done, total);
}

void machine_warn(struct machine *machine, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    machine_log(machine, "warning", "%s", text);
}

void machine_lock(struct machine *machine)
{
    pthread_mutex_lock(&machine->lock);
}

void machine_unlock(struct machine *machine)
{
    pthread_mutex_unlock(&machine->lock);
}
