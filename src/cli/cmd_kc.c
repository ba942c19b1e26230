/* SPDX-License-Identifier: MIT */
/* `pomona kc inspect`: what is in a kernel collection, in the columns and by the options of
 * kmutil's inspect. How every kc verb opens its collection is here too. */

#include <inttypes.h>
#include <string.h>

#include "cli/kc_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"

/* ---- opening ---- */

int kc_input_open(struct kc_input *input, const char *path, bool info, struct error *err)
{
    if (image_open_plain(&input->file, path, err))
        return -1;
    if (kc_open(&input->file, &input->kc, err) == 0) {
        if (!info || !kc_load_info(&input->kc, err))
            return 0;
        kc_free(&input->kc);
    }
    blob_free(&input->file);
    return -1;
}

void kc_input_close(struct kc_input *input)
{
    kc_free(&input->kc);
    blob_free(&input->file);
}

int kc_verb(const struct verb *self, int argc, char **argv, void *values, bool info, kc_work *work)
{
    struct operands operands;
    struct kc_input input;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, values, &operands, &status))
        return status;
    if (kc_input_open(&input, operands.items[0], info, &err))
        return report(&err);
    const int result = work(values, &input.kc, &operands, &err);
    kc_input_close(&input);
    return result ? report(&err) : finish_output();
}

/* ---- inspect ---- */

struct values {
    bool json, no_header;
};

static const struct option inspect_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints as JSON"},
    {"no-header", 0, OPTION_FLAG, offsetof(struct values, no_header), NULL, NULL,
     "leaves out the line that names the columns"},
    {0},
};

static json_t *entry_json(const struct kc_entry *entry)
{
    const char *version = kc_entry_version(entry);
    json_t *out = json_pack("{s:o, s:o}", "id", json_text(entry->id, strlen(entry->id)), "version",
                            version ? json_text(version, strlen(version)) : json_null());
    return out;
}

static void print_entry(const struct kc_entry *entry)
{
    const char *version = kc_entry_version(entry);
    print_text(entry->id, strlen(entry->id));
    putchar(' ');
    print_text(version ? version : "-", version ? strlen(version) : 1);
    putchar('\n');
}

static int work_inspect(const void *context, struct kc *kc, const struct operands *operands,
                        struct error *err)
{
    const struct values *values = context;
    json_t *array = values->json ? json_array() : NULL;
    if (!array && !values->no_header)
        puts("Identifier Version");
    for (size_t i = 0; i < kc->count; i++) {
        if (kc_is_kernel(&kc->entries[i]))
            continue;
        if (array)
            json_array_append_new(array, entry_json(&kc->entries[i]));
        else
            print_entry(&kc->entries[i]);
    }
    return array && print_json(array) ? -1 : 0;
}

static int run_inspect(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, true, work_inspect);
}

const struct verb verb_kc_inspect = {.name = "kc inspect",
                                     .synopsis = "[OPTIONS] KC",
                                     .summary = "lists the kexts of a kernel collection",
                                     .options = inspect_options,
                                     .min_operands = 1,
                                     .max_operands = 1,
                                     .run = run_inspect};
