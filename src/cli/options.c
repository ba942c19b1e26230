/* SPDX-License-Identifier: MIT */
/* Parsing a command line by a verb's table (options.h). getopt_long is not used, because its tables
 * would have to be made from ours, and it prints its own complaints. */

#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENOUGH 64 /* characters of a name compared */

/* Insertions, deletions, replacements and swaps of neighbours that make B of A (restricted
 * Damerau-Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
    size_t na = strnlen(a, ENOUGH), nb = strnlen(b, ENOUGH);
    unsigned rows[3][ENOUGH + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= nb; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[nb];
}

const char *nearest(const char *text, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned least = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned d = distance(text, names[i]);
        if (!best || d < least) {
            best = names[i];
            least = d;
        }
    }
    size_t length = strlen(text);
    return best && least <= (length <= 4 ? 1 : length / 3 + 1) ? best : NULL;
}

bool parse_size(const char *text, uint64_t *size)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(text, &end, 0);
    if (end == text || errno || *text == '-')
        return false;
    unsigned shift = 0;
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    if (unit && *unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
        if (*end == 'i' && end[1] == 'B')
            end += 2;
    }
    if (*end || number > UINT64_MAX >> shift)
        return false;
    *size = number << shift;
    return true;
}

bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return end != text && !*end && !errno && *text != '-';
}

static int list_add(struct string_list *list, const char *item, struct error *err)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (!items)
        return error_set(err, ERROR_OS, "out of memory");
    list->items = items;
    list->items[list->count++] = item;
    return 0;
}

void string_list_free(struct string_list *list)
{
    free(list->items);
    *list = (struct string_list){0};
}

static int bad_choice(const struct option *opt, const char *text, struct error *err)
{
    char all[200] = "";
    size_t count = 0;
    for (; opt->choices[count]; count++) {
        strncat(all, count ? ", " : "", sizeof(all) - strlen(all) - 1);
        strncat(all, opt->choices[count], sizeof(all) - strlen(all) - 1);
    }
    const char *near = nearest(text, opt->choices, count);
    if (near)
        return error_set(err, ERROR_USAGE, "--%s: no '%s'; did you mean '%s'? There are: %s",
                         opt->name, text, near, all);
    return error_set(err, ERROR_USAGE, "--%s: no '%s'; there are: %s", opt->name, text, all);
}

static int store(const struct option *opt, const char *text, void *values, struct error *err)
{
    void *at = (char *)values + opt->offset;
    switch (opt->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return 0;
    case OPTION_LIST:
        return list_add(at, text, err);
    case OPTION_NUMBER:
        if (!parse_number(text, at))
            return error_set(err, ERROR_USAGE, "--%s: '%s' is not a number", opt->name, text);
        return 0;
    case OPTION_SIZE:
        if (!parse_size(text, at))
            return error_set(err, ERROR_USAGE,
                             "--%s: '%s' is not a size; write for example 512M or 4G", opt->name,
                             text);
        return 0;
    case OPTION_CHOICE:
        for (size_t i = 0; opt->choices[i]; i++)
            if (!strcmp(opt->choices[i], text))
                goto valid;
        return bad_choice(opt, text, err);
    case OPTION_STRING:
    case OPTION_FILE:
    valid:
        *(const char **)at = text;
        return 0;
    }
    return 0;
}

/* The option called NAME (LENGTH characters), or of LETTER when NAME is NULL. */
static const struct option *find(const struct verb *verb, const char *name, size_t length,
                                 char letter)
{
    for (const struct option *opt = verb->options; opt && opt->name; opt++)
        if (name ? !strncmp(opt->name, name, length) && !opt->name[length]
                 : letter && opt->letter == letter)
            return opt;
    return NULL;
}

static int unknown(const struct verb *verb, const char *text, size_t length, struct error *err)
{
    const char *names[64] = {"help"};
    size_t count = 1;
    for (const struct option *opt = verb->options; opt && opt->name && count < 64; opt++)
        names[count++] = opt->name;
    char word[ENOUGH + 1] = "";
    const char *dashless = text + strspn(text, "-");
    length -= (size_t)(dashless - text);
    memcpy(word, dashless, length < ENOUGH ? length : ENOUGH);
    const char *near = nearest(word, names, count);
    if (near)
        return error_set(err, ERROR_USAGE, "unknown option '%.*s'; did you mean '--%s'?",
                         (int)(length + (size_t)(dashless - text)), text, near);
    return error_set(err, ERROR_USAGE, "unknown option '%.*s'; 'pomona %s --help' lists all",
                     (int)(length + (size_t)(dashless - text)), text, verb->name);
}

/* One option, at argv[*at]; moves *AT past what it used. */
static int parse_option(const struct verb *verb, int argc, char **argv, int *at, void *values,
                        struct error *err)
{
    const char *text = argv[(*at)++], *value = NULL;
    const struct option *opt;
    size_t length = strcspn(text, "=");
    if (text[1] == '-') {
        opt = find(verb, text + 2, length - 2, 0);
        value = text[length] ? text + length + 1 : NULL;
    } else {
        opt = find(verb, NULL, 0, text[1]);
        value = text[2] ? text + 2 : NULL;
    }
    if (!opt || (text[1] != '-' && opt->kind == OPTION_FLAG && value))
        return unknown(verb, text, length, err);
    if (opt->kind == OPTION_FLAG && value)
        return error_set(err, ERROR_USAGE, "--%s takes no value", opt->name);
    if (opt->kind != OPTION_FLAG && !value) {
        if (*at >= argc)
            return error_set(err, ERROR_USAGE, "--%s needs a value: --%s %s", opt->name, opt->name,
                             opt->arg);
        value = argv[(*at)++];
    }
    return store(opt, value, values, err);
}

static int add_operand(const struct verb *verb, const char *text, struct operands *operands,
                       struct error *err)
{
    if (operands->count >= verb->max_operands)
        return error_set(err, ERROR_USAGE, "unexpected operand '%s'; usage: pomona %s %s", text,
                         verb->name, verb->synopsis);
    operands->items[operands->count++] = text; /* never ahead of what is being read */
    return 0;
}

int options_parse(const struct verb *verb, int argc, char **argv, void *values,
                  struct operands *operands, struct error *err)
{
    *operands = (struct operands){.items = (const char **)argv};
    for (int at = 0; at < argc;) {
        const char *text = argv[at];
        int result = 0;
        if (!strcmp(text, "--")) {
            for (at++; at < argc && !result; at++)
                result = verb->takes_rest ? list_add(&operands->rest, argv[at], err)
                                          : add_operand(verb, argv[at], operands, err);
        } else if (!strcmp(text, "--help") || !strcmp(text, "-h")) {
            operands->help = true;
            return 0;
        } else if (text[0] == '-' && text[1] && text[1] != ':') { /* "-:MEMBER" of standard input */
            result = parse_option(verb, argc, argv, &at, values, err);
        } else {
            result = add_operand(verb, text, operands, err);
            at++;
        }
        if (result)
            return result;
    }
    return 0;
}
