/* SPDX-License-Identifier: MIT */
/* What --stats prints: a line for each of the engine's counters, for what follows from several of
 * them, and for the run. Names and values are apart by two spaces or more, so that programs find
 * where a name ends. */

#include <inttypes.h>
#include <string.h>

#include "cli/run.h"

#define NAME_WIDTH "48"

/* What one counter, or the sum of two, is for each of another. */
struct quotient {
    const char *name, *of[2], *by;
};

static const struct quotient quotients[] = {
    {"host bytes per guest byte", {"bytes of host code"}, "translated bytes"},
    {"host bytes per guest byte, rare paths",
     {"bytes of host code, rare paths"},
     "translated bytes"},
    {"host bytes per guest byte, both",
     {"bytes of host code", "bytes of host code, rare paths"},
     "translated bytes"},
    {"nanoseconds per translated instruction",
     {"nanoseconds of translation"},
     "translated instructions"},
};
#define QUOTIENTS (sizeof quotients / sizeof quotients[0])

struct found {
    uint64_t of[QUOTIENTS], by[QUOTIENTS];
};

static bool is(const char *name, const char *wanted)
{
    return wanted && !strcmp(name, wanted);
}

static void print_counter(void *ctx, const char *name, uint64_t value)
{
    struct found *found = ctx;
    fprintf(stderr, "%-" NAME_WIDTH "s  %" PRIu64 "\n", name, value);
    for (size_t i = 0; i < QUOTIENTS; i++) {
        if (is(name, quotients[i].of[0]) || is(name, quotients[i].of[1]))
            found->of[i] += value;
        if (is(name, quotients[i].by))
            found->by[i] += value;
    }
}

/* The translator counts instructions where something depends on their number; the interpreter
 * always does. */
static bool are_counted(const struct machine_config *config)
{
    const bool named = config->engine && *config->engine;
    const char *engine = named ? config->engine : machine_preferred_engine();
    return config->insn_clock || !strcmp(engine, "interp");
}

void statistics_print(const struct run *run, const struct machine_outcome *outcome)
{
    struct found found = {{0}, {0}};
    machine_each_statistic(run->machine, print_counter, &found);
    for (size_t i = 0; i < QUOTIENTS; i++)
        if (found.by[i])
            fprintf(stderr, "%-" NAME_WIDTH "s  %.2f\n", quotients[i].name,
                    (double)found.of[i] / (double)found.by[i]);
    if (are_counted(&run->config))
        fprintf(stderr, "%-" NAME_WIDTH "s  %" PRIu64 "\n", "instructions", outcome->instructions);
    else
        fprintf(stderr, "%-" NAME_WIDTH "s  %s\n", "instructions",
                "not counted without --clock insn");
    fprintf(stderr, "%-" NAME_WIDTH "s  %" PRIu64 "\n", "exits", outcome->exits);
}
