/* SPDX-License-Identifier: MIT */
/* `pomona kc diff`: what changed from one kernel collection to another. */

#include <string.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/kc_diff.h"

struct values {
    bool json, brief;
    const char *kext;
    struct key_options keys;
};

static const struct option diff_options[] = {
    OPTION("kext", 'b', OPTION_STRING, kext, "ID", "only what changed in this one"),
    OPTION("no-symbols", 0, OPTION_FLAG, brief, NULL, "says nothing of symbols"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    KEY_OPTIONS,
    {0},
};

struct print {
    const struct values *values;
    json_t *array; /* NULL: as text */
};

static void set_text(json_t *out, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(out, key, json_text(text, strlen(text)));
}

/* "added", "removed" or "changed". */
static const char *how(const struct kc_change *change)
{
    return !change->before ? "added" : !change->after ? "removed" : "changed";
}

static json_t *change_json(const struct kc_change *change)
{
    json_t *out = json_object();
    set_text(out, "kext", change->kext);
    set_text(out, "what", kc_change_name(change->kind));
    set_text(out, "how", how(change));
    set_text(out, "name", change->name);
    set_text(out, "property", change->property);
    set_text(out, "before", change->before);
    set_text(out, "after", change->after);
    return out;
}

static void put_text(const char *text)
{
    if (text)
        print_text(text, strlen(text));
}

/* "~ com.example.kext symbol _start: 0x20 -> 0x24". */
static void print_change(const struct kc_change *change)
{
    const bool both = change->before && change->after;
    printf("%c ", both ? '~' : change->before ? '-' : '+');
    put_text(change->kext);
    if (change->kind != KC_CHANGE_KEXT)
        printf(" %s", kc_change_name(change->kind));
    if (change->name) {
        putchar(' ');
        put_text(change->name);
    }
    if (change->property) {
        fputs(": ", stdout);
        put_text(change->property);
    } else if (change->kind != KC_CHANGE_PERSONALITY) {
        fputs(change->kind == KC_CHANGE_KEXT ? " " : ": ", stdout);
        put_text(change->before);
        fputs(both ? " -> " : "", stdout);
        put_text(change->after);
    }
    putchar('\n');
}

static void show(void *context, const struct kc_change *change)
{
    const struct print *print = context;
    const struct values *values = print->values;
    if ((values->kext && strcmp(values->kext, change->kext)) ||
        (values->brief && change->kind == KC_CHANGE_SYMBOL))
        return;
    if (print->array)
        json_array_append_new(print->array, change_json(change));
    else
        print_change(change);
}

static int work_diff(const void *context, struct kc *kc, const struct operands *operands,
                     struct error *err)
{
    const struct values *values = context;
    struct print print = {.values = values};
    struct kc_input other;
    if (kc_input_open(&other, operands->items[1], &values->keys, true, err))
        return -1;
    print.array = values->json ? json_array() : NULL;
    int result = kc_diff(kc, &other.kc, show, &print, err);
    kc_input_close(&other);
    if (print.array && result)
        json_decref(print.array);
    else if (print.array)
        result = print_json(print.array) ? -1 : 0;
    return result;
}

static int run_diff(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, true, work_diff);
}

const struct verb verb_kc_diff = {
    .name = "kc diff",
    .synopsis = "[OPTIONS] OLD NEW",
    .summary = "says what changed from one kernel collection to another",
    .description = "One line for each kext that is new (+) or gone (-), and for each change (~) of "
                   "a version, UUID, size, personality (the first property that differs) or symbol "
                   "(by size; where it lies does not count).",
    .options = diff_options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run_diff};
