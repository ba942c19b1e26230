/* SPDX-License-Identifier: MIT */
/* What the machine tells of its guest: through the log that the command line gave it, never by
 * printing. Odd behaviour of the guest is told once for each register, so that a loop in the guest
 * floods nobody. */

#include "machine/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool machine_log_wanted(const struct machine *machine, const char *category)
{
    const struct machine_log *log = &machine->config.log;
    return log->write && (!log->wanted || log->wanted(log->ctx, category));
}

void machine_log(const struct machine *machine, const char *category, const char *format, ...)
{
    if (!machine_log_wanted(machine, category))
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    machine->config.log.write(machine->config.log.ctx, category, text);
}

/* Whether this is the first time; a full table is silent. */
static bool first_time(struct machine *machine, const struct device *dev, uint64_t offset)
{
    for (unsigned i = 0; i < machine->warned_count; i++)
        if (machine->warned[i].dev == dev && machine->warned[i].offset == offset)
            return false;
    if (machine->warned_count == MACHINE_MAX_WARNED)
        return false;
    machine->warned[machine->warned_count].dev = dev;
    machine->warned[machine->warned_count].offset = offset;
    machine->warned_count++;
    return true;
}

void device_warn(struct device *dev, uint64_t offset, const char *format, ...)
{
    if (!first_time(dev->machine, dev, offset))
        return;
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const struct device_reg *reg = device_reg_at(dev->cls, offset);
    machine_log(dev->machine, "guest", "%s at %#" PRIx64 ", register %#" PRIx64 "%s%s: %s",
                dev->cls->name, dev->base, offset, reg ? " " : "", reg ? reg->name : "", text);
}

void machine_warn_address(struct machine *machine, uint64_t address, const char *what)
{
    if (first_time(machine, NULL, address))
        machine_log(machine, "guest", "%s at %#" PRIx64, what, address);
}
