/* SPDX-License-Identifier: MIT */
/* `pomona symbolicate`: names for the addresses of a panic log. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/kc_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"
#include "image/panic.h"

#define NO_SLIDE UINT64_MAX

struct values {
    bool json, annotate;
    const char *collection;
    uint64_t slide;
    struct key_options keys;
};

static const struct option symbolicate_options[] = {
    OPTION("kc", 0, OPTION_FILE, collection, "KC", "the kernel collection that panicked; needed"),
    OPTION("slide", 0, OPTION_NUMBER, slide, "BYTES",
           "how far it was moved; default: as the log says. Given, nothing checks that log and "
           "collection belong together"),
    OPTION("annotate", 0, OPTION_FLAG, annotate, NULL,
           "prints the whole log, with the names behind the addresses"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    KEY_OPTIONS,
    {0},
};

struct job {
    const struct values *values;
    const struct kc *kc;
    const struct panic_log *log;
    struct macho_symbols *symbols; /* of each entry, once it is asked for */
    bool *loaded;
    uint64_t slide;
    const char *from; /* the line of the log that gave the slide; NULL: the user did */
};

/* What an address of the log is. */
struct place {
    uint64_t address, unslid;          /* without pointer authentication */
    const struct kc_entry *entry;      /* NULL: not in the collection */
    struct macho_segment segment;      /* of it */
    const struct macho_symbol *symbol; /* in that segment; or NULL */
    const struct panic_kext *kext;     /* of the log, where the collection has none */
    uint64_t offset;                   /* from the symbol, or the beginning of the kext */
};

/* A return address is behind its call, which may be a function's last instruction. */
static bool is_return(const char *label)
{
    return !strcmp(label, "lr") || !strcmp(label, "LR") || !strcmp(label, "caller");
}

/* The symbol that ADDRESS of ENTRY belongs to; of another segment none does. */
static const struct macho_symbol *find_symbol(struct job *job, const struct kc_entry *entry,
                                              const struct macho_segment *segment, uint64_t address)
{
    const size_t index = (size_t)(entry - job->kc->entries);
    if (!job->loaded[index])
        macho_symbols_load(&entry->macho, &job->symbols[index], NULL);
    job->loaded[index] = true;
    const struct macho_symbol *symbol = macho_symbol_at(&job->symbols[index], address);
    return symbol && symbol->value >= segment->vmaddr ? symbol : NULL;
}

/* False: neither in the collection nor in a kext of the log. */
static bool find_place(struct job *job, const struct panic_address *address, struct place *out)
{
    *out = (struct place){.address = panic_strip(job->kc, job->slide, address->value)};
    out->unslid = out->address - job->slide;
    const uint64_t at = out->unslid - (is_return(address->label) ? 4 : 0);
    out->entry = kc_entry_at(job->kc, at, &out->segment);
    if (!out->entry) {
        out->kext = panic_kext_at(job->log, out->address);
        out->offset = out->kext ? out->address - out->kext->first : 0;
        return out->kext != NULL;
    }
    out->symbol = find_symbol(job, out->entry, &out->segment, at);
    out->offset = out->unslid - (out->symbol ? out->symbol->value : out->entry->vmaddr);
    return true;
}

static void put_text(const char *text)
{
    print_text(text, strlen(text));
}

/* "com.apple.kernel _panic+0x40", "com.example.kext +0x1234 (__TEXT_EXEC)". */
static void print_place(const struct place *place)
{
    put_text(place->entry ? place->entry->id : place->kext->id);
    putchar(' ');
    if (place->symbol)
        put_text(place->symbol->name);
    printf("+0x%" PRIx64, place->offset);
    if (place->entry && !place->symbol) {
        fputs(" (", stdout);
        put_text(place->segment.name);
        putchar(')');
    }
    if (!place->entry)
        fputs(" (not in this collection)", stdout);
}

/* ---- lines ---- */

static void print_lines(struct job *job)
{
    struct place place;
    printf("slide 0x%" PRIx64 "%s%s\n", job->slide, job->from ? " by the log's " : "",
           job->from ? job->from : "");
    for (size_t i = 0; i < job->log->address_count; i++) {
        const struct panic_address *address = &job->log->addresses[i];
        if (!find_place(job, address, &place))
            continue;
        printf("%5u %8s  0x%016" PRIx64 "  ", address->line, address->label, place.address);
        print_place(&place);
        putchar('\n');
    }
}

static void print_annotated(struct job *job)
{
    const char *text = job->log->text;
    struct place place;
    size_t at = 0;
    for (size_t i = 0; i < job->log->address_count; i++) {
        const struct panic_address *address = &job->log->addresses[i];
        if (!find_place(job, address, &place))
            continue;
        const size_t end = address->at + address->length;
        fwrite(text + at, 1, end - at, stdout);
        fputs(" [", stdout);
        print_place(&place);
        putchar(']');
        at = end;
    }
    fputs(text + at, stdout);
    if (*text && text[strlen(text) - 1] != '\n')
        putchar('\n');
}

/* ---- JSON ---- */

static void set_text(json_t *out, const char *key, const char *text)
{
    json_object_set_new(out, key, json_text(text, strlen(text)));
}

static json_t *place_json(const struct panic_address *address, const struct place *place)
{
    json_t *out = json_pack("{s:i, s:o, s:o}", "line", (int)address->line, "address",
                            json_address(place->address), "unslid", json_address(place->unslid));
    set_text(out, "label", address->label);
    set_text(out, "kext", place->entry ? place->entry->id : place->kext->id);
    json_object_set_new(out, "in_collection", json_boolean(place->entry != NULL));
    if (place->entry)
        set_text(out, "segment", place->segment.name);
    if (place->symbol)
        set_text(out, "symbol", place->symbol->name);
    json_object_set_new(out, "offset", json_address(place->offset));
    return out;
}

/* A kext of the log and whether the collection's is the same one, at the same place. */
static json_t *kext_json(const struct job *job, const struct panic_kext *kext)
{
    uint8_t uuid[16];
    struct macho_segment segment;
    const struct kc_entry *entry = kc_entry_at(job->kc, kext->first - job->slide, &segment);
    json_t *out = json_pack("{s:o, s:o, s:o}", "first", json_address(kext->first), "last",
                            json_address(kext->last), "uuid", json_hex(kext->uuid, 16));
    set_text(out, "kext", kext->id);
    set_text(out, "version", kext->version);
    json_object_set_new(
        out, "agrees",
        json_boolean(entry && !strcmp(entry->id, kext->id) &&
                     (!kc_entry_uuid(entry, uuid) || !memcmp(uuid, kext->uuid, 16))));
    return out;
}

static int print_report(struct job *job)
{
    struct place place;
    json_t *addresses = json_array(), *kexts = json_array();
    for (size_t i = 0; i < job->log->address_count; i++)
        if (find_place(job, &job->log->addresses[i], &place))
            json_array_append_new(addresses, place_json(&job->log->addresses[i], &place));
    for (size_t i = 0; i < job->log->kext_count; i++)
        json_array_append_new(kexts, kext_json(job, &job->log->kexts[i]));
    return print_json(json_pack("{s:o, s:s, s:o, s:o}", "slide", json_address(job->slide),
                                "slide_from", job->from ? job->from : "--slide", "addresses",
                                addresses, "kexts", kexts));
}

/* ---- the verb ---- */

static int print(struct job *job)
{
    if (job->values->json)
        return print_report(job) ? -1 : 0;
    (job->values->annotate ? print_annotated : print_lines)(job);
    return 0;
}

static int symbolicate(struct job *job, struct error *err)
{
    const size_t count = job->kc->count;
    job->slide = job->values->slide;
    if (job->slide == NO_SLIDE && panic_slide(job->log, job->kc, &job->slide, &job->from, err))
        return -1;
    job->symbols = calloc(count, sizeof(*job->symbols));
    job->loaded = calloc(count, sizeof(*job->loaded));
    int result = job->symbols && job->loaded ? print(job)
                                             : error_set(err, ERROR_OS, "no memory for symbols");
    for (size_t i = 0; job->symbols && i < count; i++)
        macho_symbols_free(&job->symbols[i]);
    free(job->symbols);
    free(job->loaded);
    return result;
}

static int run_symbolicate(const struct verb *self, int argc, char **argv)
{
    struct values values = {.slide = NO_SLIDE};
    struct operands operands;
    struct error err = {0};
    struct blob file;
    struct panic_log log;
    struct kc_input input;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (!values.collection) {
        error_set(&err, ERROR_USAGE, "symbolicate needs the collection that panicked: --kc KC");
        return report(&err);
    }
    if (input_open_plain(&file, operands.items[0], &values.keys, &err))
        return report(&err);
    int result = panic_parse(&file, &log, &err);
    blob_free(&file);
    if (result)
        return report(&err);
    result = kc_input_open(&input, values.collection, &values.keys, true, &err);
    if (!result) {
        struct job job = {.values = &values, .kc = &input.kc, .log = &log};
        result = symbolicate(&job, &err);
        kc_input_close(&input);
    }
    panic_free(&log);
    return result ? report(&err) : finish_output();
}

const struct verb verb_symbolicate = {
    .name = "symbolicate",
    .synopsis = "[OPTIONS] --kc KC PANIC",
    .summary = "names the addresses of an arm64 panic log",
    .description =
        "PANIC is the text of a panic log of macOS or iOS, or the .ips report with it. For every "
        "address that lies in the collection: its line in the log, the word before it (lr, pc, "
        "caller), the address without pointer authentication, the kext, the symbol and the offset. "
        "The slide is the log's; the UUIDs of the collection and kernel, and where the log has the "
        "kernel, have to agree with KC. Kexts of the log that are not in KC are named by the log.",
    .options = symbolicate_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_symbolicate};
