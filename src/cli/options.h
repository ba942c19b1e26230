/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_OPTIONS_H
#define POMONA_CLI_OPTIONS_H

/* One table a verb says what options it has. From it come the parsing, --help, the man page and the
 * completions of bash and zsh, so that they cannot disagree. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "host/error.h"

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_STRING, /* const char * */
    OPTION_CHOICE, /* const char *, one of `choices` */
    OPTION_FILE,   /* const char *; completion offers files */
    OPTION_NUMBER, /* uint64_t: decimal, 0x… */
    OPTION_SIZE,   /* uint64_t: a number with K, M, G or T (powers of 1024) */
    OPTION_LIST,   /* struct string_list: may be given again */
};

struct string_list {
    const char **items;
    size_t count;
};

struct option {
    const char *name; /* without the dashes; NULL ends the table */
    char letter;      /* -X, or 0 */
    enum option_kind kind;
    size_t offset;              /* of the value in the verb's struct */
    const char *arg;            /* "FILE"; NULL for flags */
    const char *const *choices; /* ended by NULL; for OPTION_CHOICE */
    const char *help;
};

/* A row of an option that is the member FIELD of the verb's struct values, and no choice. */
#define OPTION(name, letter, kind, field, arg, help)                                               \
    {                                                                                              \
        name, letter, kind, offsetof(struct values, field), arg, NULL, help                        \
    }

struct verb {
    const char *name;        /* "run"; two words where a verb has verbs: "macho disass" */
    const char *synopsis;    /* after the name: "[OPTIONS] [FILE] [-- BOOT-ARGS]" */
    const char *summary;     /* one line */
    const char *description; /* paragraphs for --help and the man page */
    const struct option *options;
    unsigned min_operands, max_operands;
    bool takes_rest; /* what follows "--" belongs to the verb */
    bool hidden;     /* not in help */
    /* ARGC operands and options after the verb's name. The process's exit status. */
    int (*run)(const struct verb *verb, int argc, char **argv);
};

/* What was on the command line besides options. */
struct operands {
    const char **items; /* in the caller's ARGV, which is reordered */
    unsigned count;
    struct string_list rest; /* after "--" */
    bool help;               /* --help was given: nothing else was checked */
};

/* Fills VALUES (the verb's struct, with defaults set) and OPERANDS from the ARGC strings. 0, or -1
 * with *ERR. The strings are kept, not copied; operands_free frees the list of the rest,
 * string_list_free each list option. */
int options_parse(const struct verb *verb, int argc, char **argv, void *values,
                  struct operands *operands, struct error *err);
void string_list_free(struct string_list *list);

/* "4G" → 4 << 30. Returns false where TEXT is no size, or too large. */
bool parse_size(const char *text, uint64_t *size);

/* "10", "0x10". Returns false where TEXT is no number of 64 bits. */
bool parse_number(const char *text, uint64_t *number);

/* The NAMES nearest to TEXT (COUNT of them), when near enough to be what was meant, else NULL. */
const char *nearest(const char *text, const char *const *names, size_t count);

void options_help(const struct verb *verb, FILE *out);
/* The whole program's manual page, in man(7) macros. */
void options_man(const struct verb *const *verbs, FILE *out);
void options_complete_bash(const struct verb *const *verbs, FILE *out);
void options_complete_zsh(const struct verb *const *verbs, FILE *out);

#endif
