/* SPDX-License-Identifier: MIT */
/* `pomona kc match`: which personality finds which node of a device tree, and what is missing for
 * the others. */

#include <inttypes.h>
#include <string.h>

#include "cli/adt_input.h"
#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/kc_match.h"

#define PATH_SIZE 512

struct values {
    bool json, failed;
    const char *tree, *kext;
    struct key_options keys;
};

static const struct option match_options[] = {
    OPTION("adt", 0, OPTION_FILE, tree, "FILE", "the Apple device tree to match with; needed"),
    OPTION("kext", 'b', OPTION_STRING, kext, "ID", "only the personalities of this kext"),
    OPTION("failed", 0, OPTION_FLAG, failed, NULL, "only those that do not match"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    KEY_OPTIONS,
    {0},
};

static void set_text(json_t *out, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(out, key, json_text(text, strlen(text)));
}

static json_t *match_json(const struct kc_match *match)
{
    char path[PATH_SIZE];
    json_t *nodes = json_array();
    for (size_t i = 0; i < match->node_count; i++) {
        adt_path(match->nodes[i], path, sizeof(path));
        json_array_append_new(nodes, json_text(path, strlen(path)));
    }
    json_t *out = json_object();
    set_text(out, "kext", match->kext->id);
    set_text(out, "personality", match->name);
    set_text(out, "class", match->class);
    set_text(out, "provider", match->provider);
    set_text(out, "verdict", kc_verdict_name(match->verdict));
    set_text(out, "property", match->property);
    set_text(out, "reason", match->reason);
    json_object_set_new(out, "probe_score", json_integer(match->score));
    set_text(out, "category", match->category);
    if (match->node_count)
        json_object_set(out, match->verdict == KC_MATCHES ? "nodes" : "nearest", nodes);
    json_decref(nodes);
    if (match->behind)
        set_text(out, "behind", match->behind->kext->id);
    return out;
}

static void put_text(const char *text)
{
    print_text(text, strlen(text));
}

/* "com.example.driver.UART Serial: matches /arm-io/uart0: IONameMatch: …". */
static void print_match(const struct kc_match *match)
{
    char path[PATH_SIZE];
    put_text(match->kext->id);
    putchar(' ');
    put_text(match->name);
    printf(": %s", kc_verdict_name(match->verdict));
    if (match->verdict == KC_MATCHES && match->node_count) {
        adt_path(match->nodes[0], path, sizeof(path));
        putchar(' ');
        put_text(path);
        if (match->node_count > 1)
            printf(" and %zu more", match->node_count - 1);
    }
    if (match->property)
        printf(": %s", match->property);
    if (*match->reason)
        fputs(": ", stdout);
    put_text(match->reason);
    if (match->behind) {
        printf("; behind ");
        put_text(match->behind->kext->id);
        printf(", which has probe score %" PRId64, match->behind->score);
    }
    putchar('\n');
}

static int print_matches(const struct values *values, const struct kc_matches *matches)
{
    json_t *array = values->json ? json_array() : NULL;
    for (size_t i = 0; i < matches->count; i++) {
        const struct kc_match *match = &matches->items[i];
        if ((values->kext && strcmp(values->kext, match->kext->id)) ||
            (values->failed && kc_match_is_up(match) && !match->behind))
            continue;
        if (array)
            json_array_append_new(array, match_json(match));
        else
            print_match(match);
    }
    return array ? print_json(array) : 0;
}

static int work_match(const void *context, struct kc *kc, const struct operands *operands,
                      struct error *err)
{
    const struct values *values = context;
    struct adt_input tree;
    struct kc_matches matches;
    if (!values->tree)
        return error_set(err, ERROR_USAGE, "kc match needs a device tree: --adt FILE");
    if (values->kext && !kc_find(kc, values->kext))
        return blob_error(&kc->macho.file, 0, err,
                          "no kext '%s'; 'pomona kc inspect' lists what there is", values->kext);
    if (!kc->info)
        return blob_error(&kc->macho.file, 0, err,
                          "no __PRELINK_INFO, so no personalities: this is a bare kernel");
    if (adt_input_open(values->tree, &values->keys, &tree, err))
        return -1;
    int result = kc_match(kc, tree.root, &matches, err);
    if (!result) {
        result = print_matches(values, &matches) ? -1 : 0;
        kc_matches_free(&matches);
    }
    adt_input_close(&tree);
    return result;
}

static int run_match(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, true, work_match);
}

const struct verb verb_kc_match = {
    .name = "kc match",
    .synopsis = "[OPTIONS] --adt TREE KC",
    .summary = "says which drivers of a collection match a device tree, and why not the others",
    .description =
        "Prints one line for each IOKit personality: its kext and name, a verdict, the property "
        "that decided, and why. The verdicts: matches (the node follows); follows (its provider "
        "is what a driver makes that matches); undecided (hardware has the names); no-library "
        "(OSBundleLibraries is not met); no-class; no-provider (the provider's class is nowhere, "
        "or nothing that makes such objects matches); no-node (no node has what the personality "
        "wants; the nearest one is named). A driver behind another matches, too, but the other "
        "has the higher IOProbeScore on that node.",
    .options = match_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_match};
