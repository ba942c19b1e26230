/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_ENGINES_ARGUMENTS_H
#define POMONA_TESTS_ENGINES_ARGUMENTS_H

/* The command lines of the programs that hold one engine against another: pairs of an option and
 * its value. */

#include <stdbool.h>
#include <stdint.h>

/* What all of them take. */
struct arguments {
    const char *engine[2];  /* --first, --second: interp, and dbt where it is built */
    const char *knobs;      /* --knobs: of the second engine; NULL */
    const char *code_cache; /* --code-cache: of the second engine; NULL */
    const char *model;      /* --model: max */
    uint64_t seed;          /* --seed: 1 */
    uint64_t show;          /* --show: how many differences are shown; the caller's default */
};

/* What one of them takes besides: its value goes to one of TEXT and NUMBER. */
struct arguments_option {
    const char *name; /* with the dashes; NULL ends the table */
    const char **text;
    uint64_t *number;
    bool *given; /* becomes true; may be NULL */
};

/* Fills *A, whose show is set, and what OWN points at. Exits the program with a message and status
 * 2 when an option is unknown or has no value. */
void arguments_parse(struct arguments *a, const struct arguments_option *own, int argc,
                     char **argv);

/* The second engine becomes the one that is wrong at ROW (rig_plant()); NULL: nothing changes. */
void arguments_plant(struct arguments *a, const char *row);

#endif
