/* SPDX-License-Identifier: MIT */
/* The command lines of engines, floats and programs: the options they share, and a table of those
 * that one alone has. What the options mean is said where the programs begin. */

#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static const struct arguments_option *find(const struct arguments_option *table, const char *name)
{
    while (table->name && strcmp(table->name, name))
        table++;
    return table->name ? table : NULL;
}

static void take(const struct arguments_option *option, const char *value)
{
    if (option->text)
        *option->text = value;
    else
        *option->number = strtoull(value, NULL, 0);
    if (option->given)
        *option->given = true;
}

void arguments_parse(struct arguments *a, const struct arguments_option *own, int argc, char **argv)
{
    const struct arguments_option shared[] = {
        {"--first", .text = &a->engine[0]}, {"--second", .text = &a->engine[1]},
        {"--knobs", .text = &a->knobs},     {"--code-cache", .text = &a->code_cache},
        {"--model", .text = &a->model},     {"--seed", .number = &a->seed},
        {"--show", .number = &a->show},     {0},
    };
    a->engine[0] = "interp";
    a->engine[1] = hv_engine_find("dbt") ? "dbt" : "interp";
    a->model = "max";
    a->seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const struct arguments_option *option = find(shared, argv[i]);
        if (!option)
            option = find(own, argv[i]);
        if (!option)
            fprintf(stderr, "what is %s?\n", argv[i]), exit(2);
        take(option, argv[i + 1]);
    }
    if (argc % 2 == 0)
        fprintf(stderr, "an option has no value\n"), exit(2);
}

void arguments_plant(struct arguments *a, const char *row)
{
    if (!row)
        return;
    rig_plant(row);
    a->engine[1] = rig_planted.name;
}
