/* SPDX-License-Identifier: MIT */
/* `pomona kc extract`: members of a kernel collection as files, or as bundles with their
 * Info.plist. What is extracted comes from the plain copy, in which every chained fixup is the
 * address that it stands for: by themselves chains would mean nothing. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/kc_extract.h"
#include "image/macho_plain.h"

struct values {
    bool all, json;
    const char *output;
    struct key_options keys;
};

static const struct option extract_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct values, all), NULL, NULL,
     "every kext and the kernel; --output is a folder"},
    {"output", 'o', OPTION_FILE, offsetof(struct values, output), "PATH", NULL,
     "a file; a folder or NAME.kext: as a bundle with the Info.plist; default: standard output"},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL,
     "prints what was written as JSON"},
    KEY_OPTIONS,
    {0},
};

/* ---- writing one ---- */

static int write_part(const char *path, struct blob *blob, struct error *err)
{
    const int result = write_blob(path, blob, err);
    blob_free(blob);
    return result;
}

/* FOLDER/Contents/Info.plist and FOLDER/Contents/MacOS/EXECUTABLE, what there is of both. */
static int write_bundle(const struct kc *kc, const struct kc_entry *entry, const char *folder,
                        struct error *err)
{
    char path[4096], name[256];
    struct blob blob;
    const char *executable = kc_entry_executable(entry);
    file_name(executable                ? executable
              : strrchr(entry->id, '.') ? strrchr(entry->id, '.') + 1
                                        : entry->id,
              name, sizeof(name));
    snprintf(path, sizeof(path), "%s/Contents%s", folder, entry->has_code ? "/MacOS" : "");
    if (make_folders(path, err))
        return -1;
    snprintf(path, sizeof(path), "%s/Contents/Info.plist", folder);
    if (entry->info && (kc_info_plist(kc, entry, &blob, err) || write_part(path, &blob, err)))
        return -1;
    snprintf(path, sizeof(path), "%s/Contents/MacOS/%s", folder, name);
    if (!entry->has_code)
        return 0;
    return kc_extract(kc, entry, &blob, err) || write_part(path, &blob, err) ? -1 : 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), part = strlen(end);
    return length >= part && !strcmp(text + length - part, end);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return ends_with(path, "/") || (!stat(path, &st) && S_ISDIR(st.st_mode));
}

/* In a folder the kernel, which is no bundle, is a file. WHERE: what was written. */
static int write_in_folder(const struct kc *kc, const struct kc_entry *entry, const char *folder,
                           char *where, size_t size, struct error *err)
{
    char name[256];
    struct blob blob;
    file_name(entry->id, name, sizeof(name));
    const bool file = kc_is_kernel(entry) || !entry->info;
    const int length = snprintf(where, size, "%s%s%s%s", folder, ends_with(folder, "/") ? "" : "/",
                                name, file ? "" : ".kext");
    if (length < 0 || (size_t)length >= size)
        return error_set(err, ERROR_USAGE, "%s: the path is too long", folder);
    if (!file)
        return write_bundle(kc, entry, where, err);
    return make_folders(folder, err) || kc_extract(kc, entry, &blob, err) ||
                   write_part(where, &blob, err)
               ? -1
               : 0;
}

static int write_one(const struct kc *kc, const struct kc_entry *entry, const char *output,
                     char *where, size_t size, struct error *err)
{
    struct blob blob;
    snprintf(where, size, "%s", output ? output : "-");
    if (output && is_folder(output) && !ends_with(output, ".kext"))
        return write_in_folder(kc, entry, output, where, size, err);
    if (output && ends_with(output, ".kext"))
        return write_bundle(kc, entry, output, err);
    if (!entry->has_code)
        return blob_error(&kc->macho.file, 0, err,
                          "%s is codeless: give a folder for its Info.plist (-o FOLDER/)",
                          entry->id);
    return kc_extract(kc, entry, &blob, err) || write_part(output, &blob, err) ? -1 : 0;
}

/* ---- the verb ---- */

struct job {
    const struct values *values;
    const struct kc *kc; /* the plain copy */
    json_t *written;
};

static int extract(const struct job *job, const struct kc_entry *entry, struct error *err)
{
    char where[4096];
    if (write_one(job->kc, entry, job->values->output, where, sizeof(where), err))
        return -1;
    if (job->written) {
        json_t *one = kc_entry_json(entry);
        json_object_set_new(one, "written", json_text(where, strlen(where)));
        json_array_append_new(job->written, one);
    }
    return 0;
}

static int extract_named(const struct job *job, const struct operands *operands, struct error *err)
{
    for (unsigned i = 1; i < operands->count; i++) {
        const struct kc_entry *entry = kc_find(job->kc, operands->items[i]);
        if (!entry)
            return blob_error(&job->kc->macho.file, 0, err,
                              "no kext '%s' in it; kc inspect lists what there is",
                              operands->items[i]);
        if (extract(job, entry, err))
            return -1;
    }
    return 0;
}

static int extract_all(const struct job *job, struct error *err)
{
    for (size_t i = 0; i < job->kc->count; i++)
        if (extract(job, &job->kc->entries[i], err))
            return -1;
    return 0;
}

static int check_usage(const struct values *values, const struct operands *operands,
                       struct error *err)
{
    const bool standard = !values->output || !strcmp(values->output, "-");
    if (values->all != (operands->count == 1))
        return error_set(err, ERROR_USAGE, "either bundle identifiers, or --all");
    if (standard && (operands->count > 2 || values->all || values->json))
        return error_set(err, ERROR_USAGE, "say with --output where they are to go");
    return 0;
}

static int work_plain(const struct values *values, const struct blob *plain,
                      const struct operands *operands, struct error *err)
{
    struct kc kc;
    char folder[4096];
    struct values changed = *values;
    if (kc_open(plain, &kc, err))
        return -1;
    int result = kc_load_info(&kc, err);
    const struct job job = {
        .values = &changed, .kc = &kc, .written = values->json ? json_array() : NULL};
    /* Several are not one file. */
    if ((values->all || operands->count > 2) && !is_folder(values->output)) {
        snprintf(folder, sizeof(folder), "%s/", values->output);
        changed.output = folder;
    }
    if (!result)
        result = values->all ? extract_all(&job, err) : extract_named(&job, operands, err);
    kc_free(&kc);
    if (job.written && result)
        json_decref(job.written);
    else if (job.written)
        result = print_json(job.written) ? -1 : 0;
    return result;
}

static int work_extract(const void *context, struct kc *kc, const struct operands *operands,
                        struct error *err)
{
    const struct values *values = context;
    struct macho_plain plain;
    if (check_usage(values, operands, err) || macho_plain(&kc->macho, &plain, err))
        return -1;
    const int result = work_plain(values, &plain.copy, operands, err);
    blob_free(&plain.copy);
    return result;
}

static int run_extract(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, false, work_extract);
}

const struct verb verb_kc_extract = {
    .name = "kc extract",
    .synopsis = "[OPTIONS] KC [BUNDLE-ID...]",
    .summary = "takes kexts out of a kernel collection",
    .description =
        "Each becomes a Mach-O by itself: addresses stay those of the collection, chained fixups "
        "become plain pointers, and the symbols are its own. The kernel is com.apple.kernel.",
    .options = extract_options,
    .min_operands = 1,
    .max_operands = 1024,
    .run = run_extract,
};
