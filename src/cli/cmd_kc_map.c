/* SPDX-License-Identifier: MIT */
/* `pomona kc version|map`: which kernel a collection has, and its addresses in the kernel's own
 * file, which debug information and reports speak of. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/kc_map.h"

struct values {
    bool json, any;
    const char *kernel, *from;
    uint64_t slide;
    struct key_options keys;
};

#define JSON OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON")

/* ---- version ---- */

static const struct option version_options[] = {
    JSON,
    KEY_OPTIONS,
    {0},
};

static void add_uuid(json_t *out, const char *key, const struct macho *macho)
{
    uint8_t uuid[16];
    char text[37];
    if (!macho_uuid(macho, uuid))
        return;
    uuid_text(uuid, text);
    json_object_set_new(out, key, json_string(text));
}

const char *kc_build(const struct xnu_version *version)
{
    const char *xnu = strstr(version->banner, "xnu-"), *slash = xnu ? strchr(xnu, '/') : NULL;
    return slash ? slash + 1 : NULL;
}

/* What the banner has in it: "Darwin Kernel Version 23.6.0: DATE; root:xnu-10063.141.2~1/BUILD". */
static void add_banner(json_t *out, const struct xnu_version *version)
{
    if (version->major)
        json_object_set_new(
            out, "xnu", json_sprintf("%u.%u.%u", version->major, version->minor, version->patch));
    if (!version->banner[0])
        return;
    json_object_set_new(out, "banner", json_text(version->banner, strlen(version->banner)));
    json_object_set_new(out, "darwin", json_integer(version->darwin));
    const char *build = kc_build(version);
    if (build)
        json_object_set_new(out, "build", json_text(build, strlen(build)));
}

static const char *form(const struct kc *kc)
{
    return kc->fileset             ? "kernel collection (MH_FILESET)"
           : kc->info_section.size ? "prelinked kernel"
                                   : "kernel";
}

static json_t *version_json(const struct kc *kc, const struct kc_entry *kernel)
{
    struct xnu_version version;
    size_t code = 0;
    macho_xnu_version(&kc->macho, &version);
    json_t *out = json_pack("{s:s, s:o}", "form", form(kc), "cpu",
                            macho_cpu_json((kernel ? &kernel->macho : &kc->macho)->cpusubtype));
    add_banner(out, &version);
    if (kc->fileset)
        add_uuid(out, "collection_uuid", &kc->macho);
    if (kernel)
        add_uuid(out, "kernel_uuid", &kernel->macho);
    for (size_t i = 0; i < kc->count; i++)
        code += kc->entries[i].has_code && !kc_is_kernel(&kc->entries[i]);
    if (kc->info_section.size) {
        json_object_set_new(out, "kexts", json_integer((json_int_t)(kc->count - !!kernel)));
        json_object_set_new(out, "kexts_with_code", json_integer((json_int_t)code));
    }
    if (kernel && version.major) {
        const struct xnu_boot_args *args = xnu_boot_args(&version);
        json_object_set_new(out, "boot_args_revision", json_integer(args->revision));
        json_object_set_new(out, "boot_args_line", json_integer(args->line));
    }
    return out;
}

static int work_version(const void *context, struct kc *kc, const struct operands *operands,
                        struct error *err)
{
    const struct values *values = context;
    json_t *out = version_json(kc, kc_find(kc, KC_KERNEL));
    if (values->json)
        return print_json(out) ? -1 : 0;
    print_tree(out);
    json_decref(out);
    return 0;
}

static int run_version(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, true, work_version);
}

/* ---- map ---- */

static const char *const sides[] = {"kernel", "kc", NULL};

static const struct option map_options[] = {
    OPTION("kernel", 'k', OPTION_FILE, kernel, "FILE", "the kernel by itself, or its dSYM"),
    {"from", 0, OPTION_CHOICE, offsetof(struct values, from), "SIDE", sides,
     "whose the addresses are (default: both, where both have such a one)"},
    OPTION("slide", 0, OPTION_NUMBER, slide, "N", "the collection's addresses are slid by N"),
    OPTION("force", 0, OPTION_FLAG, any, NULL, "also with the kernel of another UUID"),
    JSON,
    KEY_OPTIONS,
    {0},
};

struct mapping {
    const struct values *values;
    const struct kc *kc;
    const struct macho *kernel;
    struct macho_symbols in_kernel, in_kc;
    json_t *array;
    bool found;
};

/* The nearest symbol, of the kernel's file or else of the collection; NULL: neither has any. */
static const struct macho_symbol *nearest_symbol(const struct mapping *m,
                                                 const struct kc_place *place, uint64_t *distance)
{
    const struct macho_symbol *symbol = macho_symbol_at(&m->in_kernel, place->kernel);
    *distance = symbol ? place->kernel - symbol->value : 0;
    if (symbol)
        return symbol;
    symbol = macho_symbol_at(&m->in_kc, place->collection);
    *distance = symbol ? place->collection - symbol->value : 0;
    return symbol;
}

static void put(struct mapping *m, const struct kc_place *place, const char *from)
{
    uint64_t distance;
    const struct macho_symbol *symbol = nearest_symbol(m, place, &distance);
    const uint64_t slid = place->collection + m->values->slide;
    const char *name = symbol ? symbol->name : "";
    m->found = true;
    if (m->array) {
        json_t *one = json_pack("{s:s, s:o, s:o, s:s, s:o}", "from", from, "kernel",
                                json_address(place->kernel), "kc", json_address(slid), "segment",
                                place->segment, "offset", json_address(place->offset));
        if (symbol) {
            json_object_set_new(one, "symbol", json_text(name, strlen(name)));
            json_object_set_new(one, "distance", json_address(distance));
        }
        json_array_append_new(m->array, one);
        return;
    }
    if (!strcmp(from, "kernel"))
        printf("kernel 0x%" PRIx64 " kc 0x%" PRIx64, place->kernel, slid);
    else
        printf("kc 0x%" PRIx64 " kernel 0x%" PRIx64, slid, place->kernel);
    printf(" %s+0x%" PRIx64, place->segment, place->offset);
    if (symbol) {
        putchar(' ');
        print_text(name, strlen(name));
        printf("+0x%" PRIx64, distance);
    }
    putchar('\n');
}

static bool wants(const struct mapping *m, const char *from)
{
    return !m->values->from || !strcmp(m->values->from, from);
}

static void map_address(struct mapping *m, uint64_t address)
{
    struct kc_place place;
    if (wants(m, "kernel") && kc_from_kernel(m->kc, m->kernel, address, &place))
        put(m, &place, "kernel");
    if (wants(m, "kc") && kc_to_kernel(m->kc, m->kernel, address - m->values->slide, &place))
        put(m, &place, "kc");
}

static int map_symbol(struct mapping *m, const char *name, struct error *err)
{
    struct kc_place place;
    const struct macho_symbol *symbol = macho_symbol_named(&m->in_kernel, name);
    if (symbol && kc_from_kernel(m->kc, m->kernel, symbol->value, &place)) {
        put(m, &place, "kernel");
        return 0;
    }
    symbol = macho_symbol_named(&m->in_kc, name);
    if (symbol && kc_to_kernel(m->kc, m->kernel, symbol->value, &place)) {
        put(m, &place, "kc");
        return 0;
    }
    return blob_error(&m->kernel->file, 0, err, "'%s' is neither a number nor a symbol of it",
                      name);
}

static int map_all(struct mapping *m, const struct operands *operands, struct error *err)
{
    for (unsigned i = 1; i < operands->count; i++) {
        char *end;
        const char *text = operands->items[i];
        const uint64_t address = strtoull(text, &end, 0);
        m->found = false;
        if (end == text || *end) {
            if (map_symbol(m, text, err))
                return -1;
            continue;
        }
        map_address(m, address);
        if (!m->found)
            return blob_error(&m->kernel->file, 0, err,
                              "0x%llx is in no segment that the kernel has in both files",
                              (unsigned long long)address);
    }
    return 0;
}

static int map_with(struct mapping *m, const struct operands *operands, struct error *err)
{
    const struct kc_entry *copy = kc_find(m->kc, KC_KERNEL);
    if (!m->values->any && kc_same_kernel(m->kc, m->kernel, err))
        return -1;
    if (macho_symbols_load(m->kernel, &m->in_kernel, err) ||
        (copy && copy->has_code && macho_symbols_load(&copy->macho, &m->in_kc, err)))
        return -1;
    m->array = m->values->json ? json_array() : NULL;
    const int result = map_all(m, operands, err);
    if (!m->array)
        return result;
    if (!result)
        return print_json(m->array) ? -1 : 0;
    json_decref(m->array);
    return -1;
}

static int work_map(const void *context, struct kc *kc, const struct operands *operands,
                    struct error *err)
{
    const struct values *values = context;
    struct macho_input kernel;
    if (!values->kernel)
        return error_set(err, ERROR_USAGE, "say with --kernel which file the kernel by itself is");
    if (macho_input_open(&kernel, values->kernel, NULL, &values->keys, err))
        return -1;
    struct mapping m = {.values = values, .kc = kc, .kernel = &kernel.macho};
    const int result = map_with(&m, operands, err);
    macho_symbols_free(&m.in_kernel);
    macho_symbols_free(&m.in_kc);
    macho_input_close(&kernel);
    return result;
}

static int run_map(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    return kc_verb(self, argc, argv, &values, &values.keys, false, work_map);
}

/* ---- verbs ---- */

const struct verb verb_kc_version = {
    .name = "kc version",
    .synopsis = "[OPTIONS] KC",
    .summary = "prints which kernel a collection has: version, build, UUID, boot_args",
    .options = version_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_version,
};

const struct verb verb_kc_map = {
    .name = "kc map",
    .synopsis = "[OPTIONS] KC --kernel KERNEL ADDRESS|SYMBOL...",
    .summary = "finds addresses of a kernel in a collection, and the other way",
    .description = "A collection has each of its kernel's segments elsewhere than the kernel's own "
                   "file. Both have to be of one build: their UUIDs are compared.",
    .options = map_options,
    .min_operands = 2,
    .max_operands = 1024,
    .run = run_map,
};
