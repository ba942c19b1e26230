/* SPDX-License-Identifier: MIT */
/* `pomona bundle info|import`: virtual Macs of other programs' (image/bundle.h). An import writes
 * nothing but its own folder: a copy of the auxiliary image's contents and a description that
 * refers to the disks where they are; `run --bundle` reads either kind of folder and lets the guest
 * write to a throw-away layer over the disks. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/verbs.h"
#include "image/bundle.h"

#define MIB UINT64_C(0x100000)

struct values {
    bool json;
    const char *output;
};

static const struct option info_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints it as JSON"},
    {0},
};

static const struct option import_options[] = {
    {"output", 'o', OPTION_FILE, offsetof(struct values, output), "FOLDER", NULL,
     "the folder to make (default: the bundle's name with .pomona, here)"},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL,
     "prints what was made as JSON"},
    {0},
};

/* ---- what is known of a bundle ---- */

static json_t *ecid_json(const struct bundle *bundle)
{
    if (bundle->ecid_from == BUNDLE_ECID_NONE)
        return json_null();
    json_t *from = bundle->ecid_from == BUNDLE_ECID_AUX
                       ? json_sprintf("%s, offset %#" PRIx64, bundle->aux, bundle->ecid_offset)
                       : json_string("the machine identifier");
    return json_pack("{s:o, s:o, s:o}", "decimal", json_sprintf("%" PRIu64, bundle->ecid), "hex",
                     json_address(bundle->ecid), "from", from);
}

static json_t *model_json(const struct bundle *bundle)
{
    const char *model = bundle_model(bundle);
    if (!bundle->platform)
        return json_null();
    json_t *json = json_pack("{s:i, s:i, s:[i, i, i]}", "PlatformVersion", (int)bundle->platform,
                             "DataRepresentationVersion", (int)bundle->representation,
                             "MinimumSupportedOS", (int)bundle->minimum_os[0],
                             (int)bundle->minimum_os[1], (int)bundle->minimum_os[2]);
    if (model)
        json_object_set_new(json, "model", json_string(model));
    return json;
}

static json_t *disk_json(const struct bundle_disk *disk)
{
    return json_pack("{s:o, s:s, s:I, s:b, s:b}", "path", json_text(disk->path, strlen(disk->path)),
                     "format", disk->format, "size", (json_int_t)disk->size, "read_only",
                     disk->read_only, "missing", !disk->there);
}

static json_t *mac_json(const struct bundle *bundle)
{
    const uint8_t *mac = bundle->mac;
    return bundle->has_mac ? json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                                          mac[3], mac[4], mac[5])
                           : json_null();
}

static json_t *display_json(const struct bundle *bundle)
{
    return bundle->width
               ? json_pack("{s:i, s:i}", "width", (int)bundle->width, "height", (int)bundle->height)
               : json_null();
}

static json_t *aux_json(const struct bundle *bundle)
{
    if (!bundle->aux)
        return json_null();
    return json_pack("{s:o, s:I, s:I}", "path", json_text(bundle->aux, strlen(bundle->aux)), "size",
                     (json_int_t)bundle->aux_size, "contents_offset",
                     (json_int_t)bundle->aux_offset);
}

/* A number that the description may not have. */
static json_t *number_json(uint64_t number)
{
    return number ? json_integer((json_int_t)number) : json_null();
}

static json_t *disks_json(const struct bundle *bundle)
{
    json_t *disks = json_array();
    for (size_t i = 0; i < bundle->disk_count; i++)
        json_array_append_new(disks, disk_json(&bundle->disks[i]));
    return disks;
}

/* ---- the command line that starts it ---- */

/* Appends a blank and WORD, in quotes where the shell wants them. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "%+,-./:=@_";
    putc(' ', out);
    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, out);
        return;
    }
    putc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    putc('\'', out);
}

static void put_disk(FILE *out, const char *path, const char *options)
{
    char *spec = NULL;
    if (asprintf(&spec, "%s%s", path, options) < 0)
        return;
    fputs(" --disk", out);
    put_word(out, spec);
    free(spec);
}

/* What each option of `run` would be. */
static void put_options(FILE *out, const struct bundle *bundle)
{
    const uint8_t *mac = bundle->mac;
    if (bundle->ecid_from)
        fprintf(out, " --ecid %#" PRIx64, bundle->ecid);
    if (bundle->cpus)
        fprintf(out, " --cpus %u", bundle->cpus);
    if (bundle->memory)
        fprintf(out, " --memory %" PRIu64 "M", bundle->memory / MIB);
    if (bundle->has_mac)
        fprintf(out, " --net user --mac %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                mac[3], mac[4], mac[5]);
    for (size_t i = 0; i < bundle->disk_count; i++)
        if (bundle->disks[i].there)
            put_disk(out, bundle->disks[i].path,
                     bundle->disks[i].read_only ? ",ro" : ",snapshot=on");
}

static json_t *command_json(const struct bundle *bundle)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs("pomona run", out);
    if (!strcmp(bundle->kind, "pomona")) {
        fputs(" --bundle", out);
        put_word(out, bundle->folder);
    } else {
        put_options(out, bundle);
    }
    fputs(" KERNEL", out);
    fclose(out);
    json_t *json = json_text(text, size);
    free(text);
    return json;
}

static json_t *bundle_json(const struct bundle *bundle)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
                     bundle->kind, "whose", bundle->description, "ecid", ecid_json(bundle),
                     "hardware_model", model_json(bundle), "cpus", number_json(bundle->cpus),
                     "memory", number_json(bundle->memory), "mac", mac_json(bundle), "display",
                     display_json(bundle), "disks", disks_json(bundle), "aux", aux_json(bundle),
                     "command", command_json(bundle));
}

/* Prints and lets go of JSON, for people or for programs. */
static int print(json_t *json, bool as_json)
{
    if (as_json)
        return print_json(json);
    print_tree(json);
    json_decref(json);
    return finish_output();
}

static int run_info(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct bundle bundle;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (bundle_open(operands.items[0], &bundle, &err))
        return report(&err);
    status = print(bundle_json(&bundle), values.json);
    bundle_free(&bundle);
    return status;
}

/* ---- import ---- */

/* The bundle's own name with ".pomona"; to be freed. */
static char *default_output(const struct bundle *bundle)
{
    char *whole = realpath(bundle->folder, NULL), *name = NULL;
    const char *last = whole ? strrchr(whole, '/') + 1 : "bundle";
    if (asprintf(&name, "%.*s.pomona", (int)strcspn(last, "."), last) < 0)
        name = NULL;
    free(whole);
    return name;
}

/* Whether the folder FOLDER lies in the bundle, which stays as it is. */
static bool inside(const char *folder, const struct bundle *bundle)
{
    char *outer = realpath(bundle->folder, NULL), *inner = realpath(folder, NULL);
    const size_t length = outer ? strlen(outer) : 0;
    const bool result = outer && inner && !strncmp(outer, inner, length) &&
                        (!inner[length] || inner[length] == '/');
    free(outer);
    free(inner);
    return result;
}

static int make_folder(const char *folder, const struct bundle *bundle, struct error *err)
{
    if (mkdir(folder, 0777))
        return error_set(err, errno == EEXIST ? ERROR_DATA : ERROR_IO,
                         "%s: the folder cannot be made: %s; give another with -o", folder,
                         strerror(errno));
    if (!inside(folder, bundle))
        return 0;
    rmdir(folder);
    return error_set(err, ERROR_USAGE,
                     "%s: lies in the bundle, which is not written to; give another with -o",
                     folder);
}

static int write_aux(const struct bundle *bundle, const char *folder, struct error *err)
{
    struct source contents;
    char path[4096];
    if (!bundle->aux)
        return 0;
    snprintf(path, sizeof(path), "%s/aux.img", folder);
    if (bundle_aux_contents(bundle, &contents, err))
        return -1;
    const int result = write_source(path, &contents, err);
    source_close(&contents);
    return result;
}

/* What read_pomona in image/bundle.c reads: paths are whole, since the folder may be moved. */
static json_t *description(const struct bundle *bundle)
{
    json_t *disks = json_array(), *json;
    char *folder = realpath(bundle->folder, NULL);
    for (size_t i = 0; i < bundle->disk_count; i++) {
        char *path = realpath(bundle->disks[i].path, NULL);
        json_t *disk = disk_json(&bundle->disks[i]);
        if (path)
            json_object_set_new(disk, "path", json_text(path, strlen(path)));
        json_array_append_new(disks, disk);
        free(path);
    }
    json = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "imported_from",
                     json_text(folder ? folder : "", folder ? strlen(folder) : 0), "kind",
                     bundle->kind, "hardware_model", model_json(bundle), "cpus",
                     number_json(bundle->cpus), "memory", number_json(bundle->memory), "mac",
                     mac_json(bundle), "display", display_json(bundle), "disks", disks, "aux",
                     bundle->aux ? json_string("aux.img") : json_null());
    if (bundle->ecid_from)
        json_object_set_new(json, "ecid", json_address(bundle->ecid));
    free(folder);
    return json;
}

static int write_description(const struct bundle *bundle, const char *folder, struct error *err)
{
    char path[4096];
    json_t *json = description(bundle);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    if (!text)
        return error_set(err, ERROR_OS, "out of memory");
    const struct blob blob = {.data = (uint8_t *)text, .size = strlen(text), .name = folder};
    snprintf(path, sizeof(path), "%s/" BUNDLE_POMONA_FILE, folder);
    const int result = write_blob(path, &blob, err);
    free(text);
    return result;
}

static int import(const struct bundle *bundle, const char *folder, struct error *err)
{
    if (make_folder(folder, bundle, err))
        return -1;
    return write_aux(bundle, folder, err) || write_description(bundle, folder, err) ? -1 : 0;
}

static int print_import(const char *folder, bool as_json, struct error *err)
{
    struct bundle made;
    if (bundle_open(folder, &made, err))
        return report(err);
    json_t *json = bundle_json(&made);
    json_object_set_new(json, "folder", json_text(folder, strlen(folder)));
    const int status = print(json, as_json);
    bundle_free(&made);
    return status;
}

static int run_import(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct bundle bundle;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (bundle_open(operands.items[0], &bundle, &err))
        return report(&err);
    char *folder = values.output ? strdup(values.output) : default_output(&bundle);
    int result = folder ? 0 : error_set(&err, ERROR_OS, "out of memory");
    if (!result && !bundle.ecid_from)
        result = error_set(&err, ERROR_DATA,
                           "%s: no ECID in a machine identifier and none in the auxiliary image: "
                           "without it the disk cannot be unlocked",
                           bundle.folder);
    if (!result)
        result = import(&bundle, folder, &err);
    bundle_free(&bundle);
    status = result ? report(&err) : print_import(folder, values.json, &err);
    free(folder);
    return status;
}

const struct verb verb_bundle_info = {
    .name = "bundle info",
    .synopsis = "[--json] FOLDER",
    .summary = "prints what a virtual Mac's bundle says: ECID, model, disks, network",
    .description = "FOLDER is a virtual Mac of macosvm, Tart, VirtualBuddy, UTM, or Apple's sample "
                   "program, or what 'bundle import' made; of macosvm the JSON file may be given. "
                   "An ECID whose machine identifier is lost is looked for in the auxiliary image. "
                   "The last line is the command that starts it.",
    .options = info_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_info,
};
const struct verb verb_bundle_import = {
    .name = "bundle import",
    .synopsis = "[-o FOLDER] [--json] BUNDLE",
    .summary = "makes a folder for 'run --bundle' of a virtual Mac's bundle",
    .description = "The bundle is not written to: the folder gets a copy of the auxiliary image "
                   "without the 0x4000 bytes before its contents, and a description that refers to "
                   "the disks; what a guest writes to those is kept only while it runs.",
    .options = import_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_import,
};
