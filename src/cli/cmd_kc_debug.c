/* SPDX-License-Identifier: MIT */
/* `pomona kc ghidra` and `kc lldb`: kernel collections in the form that other people's tools load.
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/kc_extract.h"
#include "image/macho_plain.h"

#define MAX_DEPTH 32

struct values {
    bool json;
    const char *output, *symbols;
    uint64_t slide;
    struct key_options keys;
};

/* ---- ghidra ---- */

static const struct option ghidra_options[] = {
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "the copy; default: standard output"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, "says as JSON what was changed"),
    KEY_OPTIONS,
    {0},
};

static json_t *plain_json(const struct macho_plain *plain)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "pointers", (json_int_t)plain->pointers,
                     "signed", (json_int_t)plain->signed_too, "binds", (json_int_t)plain->binds,
                     "elsewhere", (json_int_t)plain->elsewhere, "build_versions",
                     (json_int_t)plain->versions, "doctypes", (json_int_t)plain->doctypes);
}

/* What was changed, where that does not go where the copy goes. */
static int say_changes(const struct values *values, const struct macho_plain *plain)
{
    if (!values->output || !strcmp(values->output, "-"))
        return 0;
    json_t *json = plain_json(plain);
    if (values->json)
        return print_json(json);
    print_tree(json);
    json_decref(json);
    return finish_output();
}

static int run_ghidra(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct macho_input input;
    struct macho_plain plain;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (macho_input_open(&input, operands.items[0], NULL, &values.keys, &err))
        return report(&err);
    int result = macho_plain(&input.macho, &plain, &err);
    if (!result) {
        result = write_blob(values.output, &plain.copy, &err);
        blob_free(&plain.copy);
    }
    macho_input_close(&input);
    return result ? report(&err) : say_changes(&values, &plain);
}

const struct verb verb_kc_ghidra = {
    .name = "kc ghidra",
    .synopsis = "[OPTIONS] KC",
    .summary = "copies a kernel collection so that other tools can load it",
    .description =
        "In the copy every pointer is the address it stands for (chained fixups are applied, "
        "signatures left out), and no LC_DYLD_CHAINED_FIXUPS is left; LC_BUILD_VERSION is whole; "
        "the property list of __PRELINK_INFO has no document type. Nothing moves: an address or "
        "file offset means the same in both. Kernels and kexts by themselves are taken, too; what "
        "such import becomes 0. LLDB, llvm-nm, llvm-objdump and llvm-otool read the copy; Ghidra "
        "itself is untested.",
    .options = ghidra_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_ghidra};

/* ---- lldb ---- */

static const struct option lldb_options[] = {
    OPTION("slide", 0, OPTION_NUMBER, slide, "BYTES",
           "how far the collection was moved (the panic log's KernelCache slide); default: 0"),
    OPTION("symbols", 0, OPTION_FILE, symbols, "FOLDER",
           "where to look for kernels, kexts and dSYMs with the same UUIDs (a KDK)"),
    OPTION("output", 'o', OPTION_FILE, output, "FOLDER",
           "gets target.lldb and a file for each member; needed"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints the modules as JSON"),
    KEY_OPTIONS,
    {0},
};

/* Files elsewhere with a member's UUID; NULL: none. */
struct elsewhere {
    char *program; /* the kernel or kext as it was before it came into the collection */
    char *debug;   /* its dSYM */
};

struct job {
    const struct values *values;
    const struct kc *kc;         /* the plain copy */
    char folder[PATH_MAX];       /* absolute */
    struct elsewhere *elsewhere; /* for each entry */
    char *script;
    size_t used;
    FILE *text; /* writes `script` */
    json_t *modules;
};

/* A path as LLDB's command line reads it; it has to stay on its line. */
static void put_quoted(FILE *out, const char *path)
{
    putc('"', out);
    for (; *path; path++) {
        if (strchr("\"\\`", *path))
            putc('\\', out);
        putc((unsigned char)*path < 0x20 ? '?' : *path, out);
    }
    putc('"', out);
}

/* ---- files with the same UUID ---- */

static void keep_symbols(struct job *job, const char *path)
{
    struct blob file;
    struct macho macho;
    uint8_t theirs[16], ours[16];
    if (blob_open(&file, path, NULL))
        return;
    if (macho_recognise(&file) && !macho_open(&file, &macho, NULL) && macho_uuid(&macho, theirs))
        for (size_t i = 0; i < job->kc->count; i++) {
            struct elsewhere *found = &job->elsewhere[i];
            char **slot = macho.filetype == MH_DSYM ? &found->debug : &found->program;
            if (!*slot && kc_entry_uuid(&job->kc->entries[i], ours) && !memcmp(ours, theirs, 16))
                *slot = realpath(path, NULL);
        }
    blob_free(&file);
}

/* Every file under PATH; what cannot be read holds no symbols. Links are not followed. */
static void search_symbols(struct job *job, const char *path, unsigned depth)
{
    struct stat st;
    if (depth == MAX_DEPTH || lstat(path, &st))
        return;
    if (S_ISREG(st.st_mode))
        keep_symbols(job, path);
    DIR *folder = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        char inner[PATH_MAX];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name) >= (int)sizeof(inner))
            continue;
        search_symbols(job, inner, depth + 1);
    }
    if (folder)
        closedir(folder);
}

/* ---- the script ---- */

/* Names are out of a file, and what is written is run. */
static bool is_plain_name(const char *name)
{
    for (; *name; name++)
        if (!strchr("_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *name))
            return false;
    return true;
}

/* Where each segment is: in a file from elsewhere they have other distances to each other. */
static void put_segments(struct job *job, const struct kc_entry *entry)
{
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(&entry->macho, &cursor, &segment);)
        if (segment.vmsize && strcmp(segment.name, "__LINKEDIT") && is_plain_name(segment.name))
            fprintf(job->text, " %s 0x%" PRIx64, segment.name, segment.vmaddr + job->values->slide);
    putc('\n', job->text);
}

static void put_module(struct job *job, size_t index, const char *path)
{
    const struct kc_entry *entry = &job->kc->entries[index];
    const struct elsewhere *elsewhere = &job->elsewhere[index];
    fputs(kc_is_kernel(entry) ? "target create --no-dependents " : "target modules add ",
          job->text);
    put_quoted(job->text, path);
    fputs("\ntarget modules load --file ", job->text);
    put_quoted(job->text, path);
    if (elsewhere->program)
        put_segments(job, entry);
    else
        fprintf(job->text, " --slide 0x%" PRIx64 "\n", job->values->slide);
    if (elsewhere->debug) {
        fputs("target symbols add ", job->text);
        put_quoted(job->text, elsewhere->debug);
        putc('\n', job->text);
    }
    json_t *json = json_pack("{s:o, s:o, s:o}", "id", json_text(entry->id, strlen(entry->id)),
                             "file", json_text(path, strlen(path)), "address",
                             json_address(entry->vmaddr + job->values->slide));
    if (elsewhere->debug)
        json_object_set_new(json, "symbols", json_text(elsewhere->debug, strlen(elsewhere->debug)));
    json_array_append_new(job->modules, json);
}

static int write_member(struct job *job, size_t index, struct error *err)
{
    const struct kc_entry *entry = &job->kc->entries[index];
    char path[PATH_MAX], name[256];
    struct blob blob;
    if (job->elsewhere[index].program) {
        put_module(job, index, job->elsewhere[index].program);
        return 0;
    }
    file_name(entry->id, name, sizeof(name));
    if (snprintf(path, sizeof(path), "%s/%s", job->folder, name) >= (int)sizeof(path))
        return error_set(err, ERROR_USAGE, "%s: the path is too long", job->folder);
    if (kc_extract(job->kc, entry, &blob, err))
        return -1;
    const int result = write_blob(path, &blob, err);
    blob_free(&blob);
    if (!result)
        put_module(job, index, path);
    return result;
}

/* The kernel is the target, so it comes first. */
static int write_members(struct job *job, struct error *err)
{
    for (int kernel = 1; kernel >= 0; kernel--)
        for (size_t i = 0; i < job->kc->count; i++)
            if (job->kc->entries[i].has_code && kc_is_kernel(&job->kc->entries[i]) == kernel &&
                write_member(job, i, err))
                return -1;
    return 0;
}

static int write_script(struct job *job, struct error *err)
{
    char path[PATH_MAX];
    if (fclose(job->text))
        return error_set(err, ERROR_OS, "no memory for the script");
    const struct blob script = {.data = (uint8_t *)job->script, .size = job->used};
    if (snprintf(path, sizeof(path), "%s/target.lldb", job->folder) >= (int)sizeof(path))
        return error_set(err, ERROR_USAGE, "%s: the path is too long", job->folder);
    return write_blob(path, &script, err);
}

static int make_target(struct job *job, struct error *err)
{
    const char *output = job->values->output;
    if (make_folders(output, err))
        return -1;
    if (!realpath(output, job->folder))
        return error_set(err, ERROR_IO, "%s: %s", output, strerror(errno));
    job->text = open_memstream(&job->script, &job->used);
    if (!job->text)
        return error_set(err, ERROR_OS, "no memory for the script");
    fprintf(job->text, "# LLDB: command source -e false target.lldb\n");
    if (job->values->symbols)
        search_symbols(job, job->values->symbols, 0);
    if (write_members(job, err)) {
        fclose(job->text);
        return -1;
    }
    return write_script(job, err);
}

static int work_plain(const struct values *values, const struct blob *plain, struct error *err)
{
    struct kc kc;
    if (kc_open(plain, &kc, err))
        return -1;
    struct job job = {.values = values, .kc = &kc, .modules = json_array()};
    int result = kc_load_info(&kc, err);
    if (!result && !(job.elsewhere = calloc(kc.count, sizeof(*job.elsewhere))))
        result = error_set(err, ERROR_OS, "no memory for its kexts");
    if (!result)
        result = make_target(&job, err);
    for (size_t i = 0; job.elsewhere && i < kc.count; i++) {
        free(job.elsewhere[i].program);
        free(job.elsewhere[i].debug);
    }
    free(job.elsewhere);
    free(job.script);
    kc_free(&kc);
    if (result || !values->json)
        json_decref(job.modules);
    else
        result = print_json(job.modules) ? -1 : 0;
    return result;
}

static int work_lldb(const void *context, struct kc *kc, const struct operands *operands,
                     struct error *err)
{
    const struct values *values = context;
    struct macho_plain plain;
    if (!values->output || !strcmp(values->output, "-"))
        return error_set(err, ERROR_USAGE, "kc lldb writes several files: give -o FOLDER");
    if (macho_plain(&kc->macho, &plain, err))
        return -1;
    const int result = work_plain(values, &plain.copy, err);
    blob_free(&plain.copy);
    return result;
}

static int run_lldb(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, false, work_lldb);
}

const struct verb verb_kc_lldb = {
    .name = "kc lldb",
    .synopsis = "[OPTIONS] -o FOLDER KC",
    .summary = "writes a script that loads a collection into LLDB, every kext at its address",
    .description =
        "FOLDER gets the kernel and every kext as files, with the symbols they have, and "
        "target.lldb, which adds and places them: 'command source -e false FOLDER/target.lldb', "
        "then 'process connect'. With --symbols the kernels and kexts of that folder that have a "
        "member's UUID (a KDK) take its place, segment by segment, and the dSYMs are added.",
    .options = lldb_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_lldb};
