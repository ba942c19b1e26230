/* SPDX-License-Identifier: MIT */
/* `pomona kc exclude`: what has to be left out of a kernel collection together with some kexts, or
 * because a library is missing already. kmutil asks for such a list kext by kext. */

#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/kc_exclude.h"
#include "image/kc_library.h"

struct values {
    bool json;
    struct key_options keys;
};

static const struct option exclude_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints as JSON"},
    KEY_OPTIONS,
    {0},
};

/* Prints, or adds to ARRAY, that ENTRY goes because it needs LIBRARY (NULL: was named). */
static void put(json_t *array, const struct kc_entry *entry, const char *library,
                const char *reason)
{
    if (!array) {
        print_text(entry->id, strlen(entry->id));
        putchar(' ');
        print_text(reason, strlen(reason));
        putchar('\n');
        return;
    }
    json_t *one = kc_entry_json(entry);
    json_object_set_new(one, "reason", json_text(reason, strlen(reason)));
    if (library)
        json_object_set_new(one, "library", json_text(library, strlen(library)));
    json_array_append_new(array, one);
}

/* Those that cannot link as it is. */
static int put_broken(const struct kc *kc, json_t *array, struct error *err)
{
    struct kc_library_problem *problems = calloc(kc->count + 1, sizeof(*problems));
    char text[512];
    if (!problems)
        return error_set(err, ERROR_OS, "%s: out of memory", kc->macho.file.name);
    kc_library_problems(kc, problems);
    for (size_t i = 0; i < kc->count; i++) {
        const struct kc_library_problem *problem = &problems[i];
        if (problem->fault == KC_LIBRARY_FINE)
            continue;
        const bool own = problem->kext == &kc->entries[i];
        const int used = own ? 0 : snprintf(text, sizeof(text), "needs %s: ", problem->kext->id);
        if (used >= 0 && (size_t)used < sizeof(text))
            kc_library_describe(kc, problem, text + used, sizeof(text) - (size_t)used);
        put(array, &kc->entries[i], problem->library, text);
    }
    free(problems);
    return 0;
}

static int put_excluded(const struct kc *kc, const struct operands *operands, json_t *array,
                        struct error *err)
{
    struct kc_exclusion *gone = calloc(kc->count + 1, sizeof(*gone));
    const char *unknown;
    char text[512];
    if (!gone)
        return error_set(err, ERROR_OS, "%s: out of memory", kc->macho.file.name);
    kc_exclude(kc, operands->items + 1, operands->count - 1, gone, &unknown);
    for (size_t i = 0; !unknown && i < kc->count; i++) {
        if (!gone[i].excluded)
            continue;
        snprintf(text, sizeof(text), "%s%s", gone[i].library ? "needs " : "is named",
                 gone[i].library ? gone[i].library : "");
        put(array, &kc->entries[i], gone[i].library, text);
    }
    free(gone);
    return unknown ? blob_error(&kc->macho.file, 0, err,
                                "no kext '%s' in it, and none that needs such a library; kc "
                                "inspect lists what there is",
                                unknown)
                   : 0;
}

static int work_exclude(const void *context, struct kc *kc, const struct operands *operands,
                        struct error *err)
{
    const struct values *values = context;
    json_t *array = values->json ? json_array() : NULL;
    const int result =
        operands->count > 1 ? put_excluded(kc, operands, array, err) : put_broken(kc, array, err);
    if (result && array)
        json_decref(array);
    else if (array)
        return print_json(array) ? -1 : 0;
    return result;
}

static int run_exclude(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, true, work_exclude);
}

const struct verb verb_kc_exclude = {
    .name = "kc exclude",
    .synopsis = "[OPTIONS] KC [BUNDLE-ID...]",
    .summary = "lists the kexts that cannot link without some others",
    .description =
        "Each BUNDLE-ID, which may be a library that the collection lacks, or a pattern with * and "
        "?, and whatever depends on it by OSBundleLibraries; the first column is the identifier, "
        "for kmutil's --elide-identifier. Without a BUNDLE-ID: what cannot link as it is.",
    .options = exclude_options,
    .min_operands = 1,
    .max_operands = 1024,
    .run = run_exclude,
};
