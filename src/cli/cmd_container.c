/* SPDX-License-Identifier: MIT */
/* `pomona ipsw|pkg|dmg|hfs|apfs ls|cat`: what is in archives, disk images and file systems, by
 * nested paths (image/container.h), and `pomona ipsw devices`: what machines a restore image is
 * for. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"
#include "image/plist.h"

#define MANIFEST      "BuildManifest.plist"
#define VIRTUAL_CLASS "vma2macosap"
#define VIRTUAL_MODEL "VirtualMac2,1"

struct values {
    bool json, long_form;
    const char *output, *device;
    struct key_options keys;
};

static const struct option list_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints the list as JSON"},
    {"long", 'l', OPTION_FLAG, offsetof(struct values, long_form), NULL, NULL,
     "prints the sizes too"},
    KEY_OPTIONS,
    {0},
};

static const struct option ipsw_list_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints the list as JSON"},
    {"long", 'l', OPTION_FLAG, offsetof(struct values, long_form), NULL, NULL,
     "prints the sizes too"},
    {"device", 0, OPTION_STRING, offsetof(struct values, device), "MODEL", NULL,
     "lists the components for this machine (VirtualMac2,1 or vma2macosap) and their files"},
    KEY_OPTIONS,
    {0},
};

static const struct option cat_options[] = {
    {"output", 'o', OPTION_FILE, offsetof(struct values, output), "FILE", NULL,
     "writes to FILE instead of standard output"},
    KEY_OPTIONS,
    {0},
};

static const struct option ipsw_cat_options[] = {
    {"output", 'o', OPTION_FILE, offsetof(struct values, output), "FILE", NULL,
     "writes to FILE instead of standard output"},
    {"device", 0, OPTION_STRING, offsetof(struct values, device), "MODEL", NULL,
     "MEMBER is a component (KernelCache, DeviceTree) of the build for this machine"},
    KEY_OPTIONS,
    {0},
};

static const struct option devices_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints them as JSON"},
    KEY_OPTIONS,
    {0},
};

/* ---- ls ---- */

struct listing {
    const struct values *values;
    struct reading *reading;
    json_t *array;
    unsigned count;
};

static int visit(void *context, const struct container_entry *entry)
{
    struct listing *listing = context;
    const size_t length = strlen(entry->name);
    listing->count++;
    source_tell(&listing->reading->context, entry->name, 0, 0);
    if (listing->array)
        return json_array_append_new(
            listing->array,
            json_pack("{s:o, s:o, s:b}", "name", json_text(entry->name, length), "size",
                      json_integer((json_int_t)entry->size), "folder", entry->folder));
    if (listing->values->long_form)
        printf("%12" PRIu64 "  ", entry->size);
    print_text(entry->name, length);
    puts(entry->folder && length && entry->name[length - 1] != '/' ? "/" : "");
    return 0;
}

/* The kinds that a verb's first word allows; NULL ends. */
static bool kind_matches(const struct verb *verb, const struct container_class *class)
{
    static const struct {
        const char *word, *kinds;
    } allowed[] = {{"ipsw", "zip"},
                   {"pkg", "xar cpio"},
                   {"dmg", "hfs apfs"},
                   {"hfs", "hfs"},
                   {"apfs", "apfs"}};
    const size_t length = strcspn(verb->name, " ");
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (strlen(allowed[i].word) == length && !strncmp(allowed[i].word, verb->name, length))
            return strstr(allowed[i].kinds, class->name);
    return false;
}

static int list_source(const struct verb *verb, const struct source *file, struct listing *listing,
                       const char *folder, struct error *err)
{
    struct source plain;
    if (container_unwrap(file, &plain, err))
        return -1;
    const struct container_class *class = container_of(&plain);
    int result;
    if (!class)
        result = source_error(&plain, 0, err,
                              "no archive and no file system that is known: give a ZIP, xar, cpio "
                              "or pbzx archive, a disk image, an HFS+ or APFS volume");
    else if (!kind_matches(verb, class))
        result = source_error(
            &plain, 0, err, "this is a %s: 'pomona %s ls' lists it", class->description,
            !strcmp(class->name, "zip")                                 ? "ipsw"
            : strcmp(class->name, "xar") && strcmp(class->name, "cpio") ? class->name
                                                                        : "pkg");
    else
        result = class->list(&plain, folder, visit, listing, err);
    source_close(&plain);
    return result;
}

/* ---- BuildManifest ---- */

static int open_manifest(const struct source *file, struct plist **manifest, struct error *err)
{
    struct source member;
    struct blob text;
    if (!container_zip.recognise(file))
        return source_error(file, 0, err,
                            "not a ZIP archive, so not an IPSW: give a restore image");
    if (container_zip.extract(file, MANIFEST, &member, err))
        return -1;
    int result = source_map(&member, &text, err);
    if (!result) {
        result = plist_parse(&text, manifest, err);
        blob_free(&text);
    }
    source_close(&member);
    return result;
}

/* The model of a build, which not every manifest names: that of a virtual Mac follows from its
 * class of device. */
static const char *product_of(const struct plist *identity)
{
    const char *product = plist_text(identity, "Ap,ProductType");
    const char *class = plist_text(plist_get(identity, "Info"), "DeviceClass");
    return !product && class && !strcasecmp(class, VIRTUAL_CLASS) ? VIRTUAL_MODEL : product;
}

/* The first build identity for the machine called DEVICE, NULL without one. */
static const struct plist *find_identity(const struct plist *manifest, const char *device)
{
    const struct plist *all = plist_get(manifest, "BuildIdentities");
    for (const struct plist *i = all ? all->children : NULL; i; i = i->next) {
        const char *class = plist_text(plist_get(i, "Info"), "DeviceClass");
        const char *product = product_of(i);
        if ((class && !strcasecmp(class, device)) || (product && !strcasecmp(product, device)))
            return plist_resolve(i);
    }
    return NULL;
}

static const struct plist *device_identity(const struct source *file, const struct plist *manifest,
                                           const char *device, struct error *err)
{
    const struct plist *identity = find_identity(manifest, device);
    if (!identity)
        error_set(err, ERROR_DATA,
                  "%s: no build for '%s' in it; 'pomona ipsw devices' lists what there is",
                  file->name, device);
    return identity;
}

static const char *component_path(const struct plist *component)
{
    return plist_text(plist_get(component, "Info"), "Path");
}

static int list_components(const struct source *file, const char *device, struct listing *listing,
                           struct error *err)
{
    struct plist *manifest;
    if (open_manifest(file, &manifest, err))
        return -1;
    const struct plist *identity = device_identity(file, manifest, device, err);
    const struct plist *components = plist_get(identity, "Manifest");
    for (const struct plist *c = components ? components->children : NULL; c; c = c->next) {
        const char *path = component_path(c);
        if (!path || !c->key)
            continue;
        if (listing->array)
            json_array_append_new(listing->array,
                                  json_pack("{s:s, s:s}", "component", c->key, "path", path));
        else
            printf("%-32s %s\n", c->key, path);
    }
    plist_free(manifest);
    return identity ? 0 : -1;
}

static int run_list(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct source file;
    struct reading reading;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (reading_open(&reading, operands.items[0], &values.keys, true, &file, &err))
        return report(&err);
    struct listing listing = {
        .values = &values, .reading = &reading, .array = values.json ? json_array() : NULL};
    const char *folder = operands.count > 1 ? operands.items[1] : "";
    const int result = values.device ? list_components(&file, values.device, &listing, &err)
                                     : list_source(self, &file, &listing, folder, &err);
    reading_end(&reading);
    source_close(&file);
    if (result) {
        json_decref(listing.array);
        return report(&err);
    }
    return listing.array ? print_json(listing.array) : finish_output();
}

/* ---- cat ---- */

/* FILE, a restore image, becomes its COMPONENT for DEVICE; it is to be closed in any case. */
static int open_component(struct source *file, const char *device, const char *component,
                          struct error *err)
{
    struct plist *manifest = NULL;
    struct source archive = *file;
    int result = -1;
    *file = (struct source){.fd = -1};
    const struct plist *identity = open_manifest(&archive, &manifest, err)
                                       ? NULL
                                       : device_identity(&archive, manifest, device, err);
    const char *member = component_path(plist_get(plist_get(identity, "Manifest"), component));
    if (identity && !member)
        error_set(err, ERROR_DATA, "%s: the build for %s has no component '%s'", archive.name,
                  device, component);
    else if (identity)
        result = container_zip.extract(&archive, member, file, err);
    plist_free(manifest);
    source_close(&archive);
    return result;
}

static int run_cat(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct source file;
    struct reading reading;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (operands.count != (values.device ? 2 : 1))
        return usage(self);
    if (reading_open(&reading, operands.items[0], &values.keys, !values.output, &file, &err))
        return report(&err);
    int result = values.device ? open_component(&file, values.device, operands.items[1], &err) : 0;
    if (!result)
        result = write_source(values.output, &file, &err);
    source_close(&file);
    reading_end(&reading);
    return result ? report(&err) : 0;
}

/* ---- devices ---- */

static const char *or_blank(const char *text)
{
    return text ? text : "";
}

static void print_identity(const struct plist *identity, json_t *array)
{
    const struct plist *info = plist_get(identity, "Info");
    const char *product = or_blank(product_of(identity));
    const char *class = or_blank(plist_text(info, "DeviceClass"));
    const char *board = or_blank(plist_text(identity, "ApBoardID"));
    const char *chip = or_blank(plist_text(identity, "ApChipID"));
    const char *build = or_blank(plist_text(info, "BuildNumber"));
    const char *behavior = or_blank(plist_text(info, "RestoreBehavior"));
    const char *variant = or_blank(plist_text(info, "Variant"));
    if (array)
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "product", product,
                                        "class", class, "board", board, "chip", chip, "build",
                                        build, "behavior", behavior, "variant", variant));
    else
        printf("%-16s %-14s %-6s %-8s %-8s %-7s %s\n", product, class, board, chip, build, behavior,
               variant);
}

static int run_devices(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct source file;
    struct plist *manifest = NULL;
    struct reading reading;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (reading_open(&reading, operands.items[0], &values.keys, false, &file, &err))
        return report(&err);
    const int result = open_manifest(&file, &manifest, &err);
    reading_end(&reading);
    source_close(&file);
    if (result)
        return report(&err);
    json_t *array = values.json ? json_array() : NULL;
    const struct plist *all = plist_get(manifest, "BuildIdentities");
    for (const struct plist *i = all ? all->children : NULL; i; i = i->next)
        print_identity(i, array);
    plist_free(manifest);
    return array ? print_json(array) : finish_output();
}

#define NESTED                                                                                     \
    "FILE may be nested: IPSW:MEMBER, DMG:PKG:Payload:/path. Disk images, partition tables, "      \
    "IMG4, "                                                                                       \
    "IM4P and compression between are undone by themselves."

#define LIST_VERB(variable, verb_name, what, table)                                                \
    const struct verb variable = {.name = verb_name " ls",                                         \
                                  .synopsis = "[OPTIONS] FILE [BEGINNING]",                        \
                                  .summary = "lists what is in " what,                             \
                                  .description = NESTED " BEGINNING: only names that begin so.",   \
                                  .options = table,                                                \
                                  .min_operands = 1,                                               \
                                  .max_operands = 2,                                               \
                                  .run = run_list}
#define CAT_VERB(variable, verb_name, what, table)                                                 \
    const struct verb variable = {.name = verb_name " cat",                                        \
                                  .synopsis = "[OPTIONS] FILE:MEMBER",                             \
                                  .summary = "writes out a file that is in " what,                 \
                                  .description = NESTED,                                           \
                                  .options = table,                                                \
                                  .max_operands = 2,                                               \
                                  .run = run_cat}

LIST_VERB(verb_ipsw_ls, "ipsw", "a restore image or another ZIP archive", ipsw_list_options);
CAT_VERB(verb_ipsw_cat, "ipsw", "a restore image or another ZIP archive", ipsw_cat_options);
LIST_VERB(verb_pkg_ls, "pkg", "an installer package or its payload", list_options);
CAT_VERB(verb_pkg_cat, "pkg", "an installer package or its payload", cat_options);
LIST_VERB(verb_dmg_ls, "dmg", "a disk image", list_options);
CAT_VERB(verb_dmg_cat, "dmg", "a disk image", cat_options);
LIST_VERB(verb_hfs_ls, "hfs", "an HFS+ volume", list_options);
CAT_VERB(verb_hfs_cat, "hfs", "an HFS+ volume", cat_options);
LIST_VERB(verb_apfs_ls, "apfs", "an APFS container", list_options);
CAT_VERB(verb_apfs_cat, "apfs", "an APFS container", cat_options);

const struct verb verb_ipsw_devices = {.name = "ipsw devices",
                                       .synopsis = "[--json] FILE",
                                       .summary = "lists the machines that a restore image is for",
                                       .options = devices_options,
                                       .min_operands = 1,
                                       .max_operands = 1,
                                       .run = run_devices};
