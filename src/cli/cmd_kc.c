/* SPDX-License-Identifier: MIT */
/* `pomona kc inspect`: what is in a kernel collection, in the columns and by the options of
 * kmutil's inspect. How every kc verb opens its collection is here too. */

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"

/* ---- opening ---- */

int kc_input_open(struct kc_input *input, const char *path, const struct key_options *keys,
                  bool info, struct error *err)
{
    if (input_open_plain(&input->file, path, keys, err))
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

int kc_verb(const struct verb *self, int argc, char **argv, void *values,
            const struct key_options *keys, bool info, kc_work *work)
{
    struct operands operands;
    struct kc_input input;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, values, &operands, &status))
        return status;
    if (kc_input_open(&input, operands.items[0], keys, info, &err))
        return report(&err);
    const int result = work(values, &input.kc, &operands, &err);
    kc_input_close(&input);
    return result ? report(&err) : finish_output();
}

/* ---- inspect: the list of kexts ---- */

struct values {
    bool json, no_header, verbose;
    bool mach_header, fileset_entries, load_addresses, kext_uuids, kernel_uuid, kernel_uuid_only;
    bool prelink_info, metadata, boot_properties;
    const char *variant, *boot, *system, *auxiliary;
    struct key_options keys;
};

#define FLAG(name, letter, field, help)                                                            \
    {                                                                                              \
        name, letter, OPTION_FLAG, offsetof(struct values, field), NULL, NULL, help                \
    }

static const struct option inspect_options[] = {
    FLAG("json", 0, json, "prints as JSON, with all columns"),
    {"variant-suffix", 'V', OPTION_STRING, offsetof(struct values, variant), "NAME", NULL,
     "the kernel has to be of this variant (release, development, kasan)"},
    OPTION("boot-path", 'B', OPTION_FILE, boot, "KC", "the boot collection"),
    OPTION("system-path", 'S', OPTION_FILE, system, "KC", "the system's"),
    OPTION("auxiliary-path", 'A', OPTION_FILE, auxiliary, "KC", "the auxiliary one"),
    FLAG("no-header", 0, no_header, "leaves out the line that names the columns"),
    FLAG("verbose", 'v', verbose, "with --show-mach-header, --show-fileset-entries: members' too"),
    FLAG("show-kext-load-addresses", 0, load_addresses, "columns with address and size as linked"),
    FLAG("show-kext-uuids", 0, kext_uuids, "a column with each kext's UUID"),
    FLAG("show-kernel-uuid", 0, kernel_uuid, "the kernel's UUID before the list"),
    FLAG("show-kernel-uuid-only", 0, kernel_uuid_only, "the kernel's UUID and nothing else"),
    FLAG("show-fileset-entries", 0, fileset_entries,
         "instead: the members with a Mach-O, the kernel too, with address and file offset"),
    FLAG("show-mach-header", 0, mach_header, "instead: the collection's header and load commands"),
    FLAG("show-mach-boot-properties", 0, boot_properties,
         "instead: entry point, lowest address, and the regions that iBoot protects"),
    FLAG("show-collection-metadata", 0, metadata,
         "instead: what __PRELINK_INFO says of the whole collection"),
    FLAG("show-prelink-info", 0, prelink_info, "instead: the XML of __PRELINK_INFO, as it is"),
    KEY_OPTIONS,
    {0},
};

void uuid_text(const uint8_t uuid[16], char text[37])
{
    snprintf(text, 37, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X",
             uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8],
             uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
}

/* A string or, for NULL, null. */
static json_t *text_json(const char *text)
{
    return text ? json_text(text, strlen(text)) : json_null();
}

json_t *kc_entry_json(const struct kc_entry *entry)
{
    uint8_t uuid[16];
    char text[37];
    json_t *out = json_pack("{s:o, s:o, s:b}", "id", text_json(entry->id), "version",
                            text_json(kc_entry_version(entry)), "codeless", !entry->has_code);
    if (entry->has_code) {
        json_object_set_new(out, "address", json_address(entry->vmaddr));
        json_object_set_new(out, "offset", json_address(entry->fileoff));
        json_object_set_new(out, "size", json_address(kc_entry_size(entry)));
    }
    if (kc_entry_uuid(entry, uuid)) {
        uuid_text(uuid, text);
        json_object_set_new(out, "uuid", json_string(text));
    }
    if (kc_entry_path(entry))
        json_object_set_new(out, "path", text_json(kc_entry_path(entry)));
    return out;
}

/* A column's text, filled up to WIDTH; 0: it is the last. Identifiers have no blanks. */
static void print_column(const char *text, int width)
{
    const size_t length = text && *text ? strlen(text) : 0;
    if (length)
        print_text(text, length);
    else
        putchar('-');
    if (width)
        printf("%*s", width > (int)length ? width - (int)length : 1, "");
}

static void print_header(const struct values *values)
{
    if (values->no_header)
        return;
    printf("%-60s %s", "Identifier", values->fileset_entries ? "" : "Version");
    if (values->load_addresses || values->fileset_entries)
        printf("%*s%-18s %-10s", values->fileset_entries ? 0 : 9, "", "Address",
               values->fileset_entries ? "Offset" : "Size");
    if (values->kext_uuids)
        printf(" UUID");
    putchar('\n');
}

static void print_entry(const struct values *values, const struct kc_entry *entry)
{
    uint8_t uuid[16];
    char text[37] = "-";
    print_column(entry->id, 61);
    if (!values->fileset_entries)
        print_column(kc_entry_version(entry),
                     values->load_addresses || values->kext_uuids ? 16 : 0);
    if (entry->has_code && (values->load_addresses || values->fileset_entries))
        printf("0x%016" PRIx64 " 0x%-8" PRIx64, entry->vmaddr,
               values->fileset_entries ? entry->fileoff : kc_entry_size(entry));
    else if (values->load_addresses)
        printf("%-18s %-10s", "-", "-");
    if (values->kext_uuids) {
        if (kc_entry_uuid(entry, uuid))
            uuid_text(uuid, text);
        printf(" %s", text);
    }
    putchar('\n');
}

/* The kexts, or all that have a Mach-O. */
static json_t *list_entries(const struct values *values, const struct kc *kc)
{
    json_t *array = values->json ? json_array() : NULL;
    if (!array)
        print_header(values);
    for (size_t i = 0; i < kc->count; i++) {
        const struct kc_entry *entry = &kc->entries[i];
        if (values->fileset_entries ? !entry->has_code : kc_is_kernel(entry))
            continue;
        if (!array) {
            print_entry(values, entry);
            continue;
        }
        json_t *one = kc_entry_json(entry);
        if (values->fileset_entries && values->verbose)
            json_object_set_new(one, "mach_header", macho_info_json(&entry->macho));
        json_array_append_new(array, one);
    }
    return array;
}

/* ---- inspect: the other parts ---- */

/* The kernel's UUID, or an empty string. */
static void kernel_uuid(const struct kc *kc, char text[37])
{
    const struct kc_entry *kernel = kc_find(kc, KC_KERNEL);
    uint8_t uuid[16];
    *text = 0;
    if (kernel && kc_entry_uuid(kernel, uuid))
        uuid_text(uuid, text);
}

static json_t *headers_json(const struct values *values, const struct kc *kc)
{
    json_t *out = macho_info_json(&kc->macho);
    json_t *members = values->verbose ? json_object() : NULL;
    for (size_t i = 0; members && i < kc->count; i++)
        if (kc->entries[i].has_code)
            json_object_set_new(members, kc->entries[i].id, macho_info_json(&kc->entries[i].macho));
    if (members)
        json_object_set_new(out, "members", members);
    return out;
}

static json_t *plist_json(const struct plist *node)
{
    const struct plist *value = plist_resolve(node);
    json_t *out;
    switch (value->kind) {
    case PLIST_DICT:
    case PLIST_ARRAY:
        out = value->kind == PLIST_DICT ? json_object() : json_array();
        for (const struct plist *child = value->children; child; child = child->next)
            if (value->kind == PLIST_DICT)
                json_object_set_new(out, child->key, plist_json(child));
            else
                json_array_append_new(out, plist_json(child));
        return out;
    case PLIST_DATA:
        return json_hex(value->data, value->size);
    case PLIST_INTEGER:
        return json_address((uint64_t)value->number);
    case PLIST_BOOLEAN:
        return json_boolean(value->number);
    default:
        return json_text(value->text ? value->text : "", value->size);
    }
}

/* All of __PRELINK_INFO but the list of kexts. */
static json_t *metadata_json(const struct kc *kc)
{
    json_t *out = json_object();
    const struct plist *root = plist_resolve(kc->info);
    for (const struct plist *at = root ? root->children : NULL; at; at = at->next)
        if (at->key && strcmp(at->key, "_PrelinkInfoDictionary") && plist_unfolds(at))
            json_object_set_new(out, at->key, plist_json(at));
    return out;
}

static json_t *region_json(const struct kc_region *region)
{
    return json_pack("{s:o, s:o, s:o}", "address", json_address(region->address), "offset",
                     json_address(region->offset), "size", json_address(region->size));
}

static json_t *boot_json(const struct kc *kc)
{
    static const char *const names[KC_REGIONS] = {"ro", "rx", "boot_exec", "rw", "linkedit"};
    struct kc_region regions[KC_REGIONS];
    uint64_t entry, low, high;
    json_t *out = json_object();
    macho_range(&kc->macho, &low, &high);
    if (macho_entry(&kc->macho, &entry))
        json_object_set_new(out, "entry_point", json_address(entry));
    json_object_set_new(out, "lowest_address", json_address(low));
    kc_boot_regions(kc, regions);
    for (unsigned i = 0; i < KC_REGIONS; i++)
        if (regions[i].size)
            json_object_set_new(out, names[i], region_json(&regions[i]));
    return out;
}

static int print_prelink_info(const struct kc *kc, struct error *err)
{
    struct blob text = kc->info_section;
    if (!text.size)
        return blob_error(&kc->macho.file, 0, err, "no __PRELINK_INFO in it");
    while (text.size && !text.data[text.size - 1])
        text.size--;
    return write_blob(NULL, &text, err);
}

static void show(const struct values *values, json_t *all, const char *key, json_t *part)
{
    if (values->json) {
        json_object_set_new(all, key, part);
        return;
    }
    print_tree(part);
    json_decref(part);
}

static void show_parts(const struct values *values, const struct kc *kc, json_t *all)
{
    char uuid[37];
    kernel_uuid(kc, uuid);
    if (values->json)
        json_object_set_new(all, "kernel_uuid", json_string(uuid));
    else if (values->kernel_uuid_only)
        puts(uuid);
    else if (values->kernel_uuid)
        printf("kernel UUID: %s\n", uuid);
    if (values->mach_header)
        show(values, all, "mach_header", headers_json(values, kc));
    if (values->boot_properties)
        show(values, all, "boot_properties", boot_json(kc));
    if (values->metadata)
        show(values, all, "collection_metadata", metadata_json(kc));
    if (values->kernel_uuid_only ||
        (!values->fileset_entries &&
         (values->mach_header || values->boot_properties || values->metadata)))
        return;
    json_t *list = list_entries(values, kc);
    if (list)
        json_object_set_new(all, values->fileset_entries ? "fileset_entries" : "kexts", list);
}

/* What is asked for without anything of __PRELINK_INFO does not wait for that. */
static bool needs_info(const struct values *values, const struct kc *kc)
{
    return !values->kernel_uuid_only &&
           (values->metadata || !kc->fileset ||
            (!values->fileset_entries && !values->mach_header && !values->boot_properties));
}

/* kmutil chooses among an installed system's collections by the variant; of a file it is checked.
 * It begins the build that ends the kernel's version: RELEASE_ARM64_T8101. */
static int check_variant(const struct kc *kc, const char *variant, struct error *err)
{
    struct xnu_version version;
    macho_xnu_version(&kc->macho, &version);
    const char *build = kc_build(&version);
    const size_t length = strlen(variant);
    if (build && !strncasecmp(build, variant, length) && build[length] == '_')
        return 0;
    return blob_error(&kc->macho.file, 0, err,
                      "the kernel is %s, not %s: give that variant's collection",
                      build ? build : "of no variant that it names", variant);
}

/* One collection, whose kernel has to be of VARIANT (NULL: any); as JSON it is added to ARRAY, or
 * is all there is where that is NULL. */
static int inspect(const struct values *values, const char *path, const char *variant,
                   json_t *array, struct error *err)
{
    struct kc_input input;
    if (kc_input_open(&input, path, &values->keys, false, err))
        return -1;
    struct kc *kc = &input.kc;
    int result = variant ? check_variant(kc, variant, err) : 0;
    if (!result && values->prelink_info) {
        result = print_prelink_info(kc, err);
    } else if (!result && (!needs_info(values, kc) || !(result = kc_load_info(kc, err)))) {
        json_t *all = values->json ? json_object() : NULL;
        if (array)
            json_object_set_new(all, "file", json_text(path, strlen(path)));
        show_parts(values, kc, all);
        result = array ? json_array_append_new(array, all) : all && print_json(all) ? -1 : 0;
    }
    kc_input_close(&input);
    return result;
}

/* kmutil names a collection by its kind; the operand is one of any kind. */
static int run_inspect(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    int status, result = 0;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    /* Only the boot collection has a kernel. */
    const struct {
        const char *path, *variant;
    } files[] = {{values.boot, values.variant},
                 {values.system, NULL},
                 {values.auxiliary, NULL},
                 {operands.count ? operands.items[0] : NULL, values.variant}};
    unsigned count = 0;
    for (size_t i = 0; i < 4; i++)
        count += files[i].path != NULL;
    if (!count)
        return usage(self);
    json_t *array = values.json && count > 1 ? json_array() : NULL;
    for (size_t i = 0; !result && i < 4; i++)
        if (files[i].path)
            result = inspect(&values, files[i].path, files[i].variant, array, &err);
    if (result) {
        json_decref(array);
        return report(&err);
    }
    return array ? print_json(array) : finish_output();
}

const struct verb verb_kc_inspect = {
    .name = "kc inspect",
    .synopsis = "[OPTIONS] KC | -B|-S|-A KC...",
    .summary = "lists the kexts of a kernel collection",
    .description =
        "The options are those of kmutil's inspect. The first column is the bundle identifier, "
        "the second the version, so that lists for kmutil's -b can be made with awk. KC is an "
        "MH_FILESET or an older prelinked kernel, in whatever it is wrapped. Of several, boot, "
        "system and auxiliary, the lists follow each other; with --json an array has an object "
        "with its file for each.",
    .options = inspect_options,
    .max_operands = 1,
    .run = run_inspect,
};
