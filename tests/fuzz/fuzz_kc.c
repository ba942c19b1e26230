/* SPDX-License-Identifier: MIT */
/* libFuzzer target for kernel collections and prelinked kernels: what is in them, what comes out of them, what matches a device
 * tree; and for panic logs, which is what an input is that is no Mach-O file. */

#include <stdlib.h>
#include <string.h>

#include "image/kc_diff.h"
#include "image/kc_exclude.h"
#include "image/kc_extract.h"
#include "image/kc_library.h"
#include "image/kc_map.h"
#include "image/kc_match.h"
#include "image/macho_plain.h"
#include "image/panic.h"

#define MOST_EXTRACTED 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct error err;

static void refused(int result)
{
    if (result && (!err.code || !err.text[0]))
        abort();
}

static uint32_t symbol_count(const struct macho *macho)
{
    struct macho_symbol symbol;
    uint32_t index = 0, count = 0;
    while (count < 1000 && macho_next_symbol(macho, &index, &symbol))
        count++;
    return count;
}

/* What comes out is a Mach-O with all symbols; those whose names could not be read have none. */
static void extract(const struct kc *kc, const struct kc_entry *entry)
{
    struct blob out;
    struct macho again;
    int result = kc_extract(kc, entry, &out, &err);
    refused(result);
    if (result)
        return;
    if (macho_open(&out, &again, &err) || symbol_count(&again) < symbol_count(&entry->macho))
        abort();
    blob_free(&out);
}

/* What is written can be read. */
static void info_plist(const struct kc *kc, const struct kc_entry *entry)
{
    struct blob out;
    struct plist *again;
    const int result = kc_info_plist(kc, entry, &out, &err);
    refused(result);
    if (result)
        return;
    if (plist_parse(&out, &again, &err))
        abort();
    plist_free(again);
    blob_free(&out);
}

static void look_at(const struct kc *kc, const struct kc_entry *entry)
{
    struct macho_segment segment;
    struct kc_place place, back;
    uint8_t uuid[16];
    kc_entry_version(entry);
    kc_entry_uuid(entry, uuid);
    kc_entry_size(entry);
    kc_entry_personalities(entry);
    kc_entry_libraries(entry);
    kc_data_at(kc, entry->vmaddr, 32);
    const struct kc_entry *there = kc_entry_at(kc, entry->vmaddr, &segment);
    if (there && (entry->vmaddr < segment.vmaddr || entry->vmaddr - segment.vmaddr >= segment.vmsize))
        abort();
    if (!kc_find(kc, entry->id))
        abort();
    if (entry->has_code && kc_from_kernel(kc, &entry->macho, entry->vmaddr, &place))
        kc_to_kernel(kc, &entry->macho, place.collection, &back);
}

static void exclude(const struct kc *kc)
{
    static const char *const names[] = {"*Family", "com.apple.kpi.mach"};
    struct kc_exclusion *gone = calloc(kc->count + 1, sizeof(*gone));
    struct kc_library_problem *problems = calloc(kc->count + 1, sizeof(*problems));
    const char *unknown;
    if (!gone || !problems)
        abort();
    const size_t count = kc_exclude(kc, names, 2, gone, &unknown);
    size_t seen = 0;
    for (size_t i = 0; i < kc->count; i++)
        seen += gone[i].excluded;
    if (seen != count)
        abort();
    kc_library_problems(kc, problems);
    free(gone);
    free(problems);
}

/* The copy is a Mach-O as before, without chains. */
static void plain(const struct kc *kc)
{
    struct macho_plain copy;
    struct macho again;
    const int result = macho_plain(&kc->macho, &copy, &err);
    refused(result);
    if (result)
        return;
    if (macho_open(&copy.copy, &again, &err))
        abort();
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(&again, &cursor, &command);)
        if (command.cmd == LC_DYLD_CHAINED_FIXUPS)
            abort();
    blob_free(&copy.copy);
}

static void match(const struct kc *kc)
{
    struct adt_node *root = adt_new();
    struct kc_matches matches;
    struct adt_node *node = root ? adt_make(root, "/arm-io/uart0") : NULL;
    if (!node || adt_set_string(root, "compatible", "AppleARM") || adt_set_string(node, "compatible", "arm,pl011"))
        abort();
    const int result = kc_match(kc, root, &matches, &err);
    refused(result);
    for (size_t i = 0; !result && i < matches.count; i++)
        if (strnlen(matches.items[i].reason, sizeof(matches.items[i].reason)) == sizeof(matches.items[i].reason) ||
            !kc_verdict_name(matches.items[i].verdict) || !matches.items[i].property)
            abort();
    if (!result)
        kc_matches_free(&matches);
    adt_free(root);
}

static void seen_change(void *context, const struct kc_change *change)
{
    *(size_t *)context += strlen(change->kext) + strlen(kc_change_name(change->kind));
}

static const char log_text[] = "panic(cpu 0 caller 0xfffffe0008000000)\nKernel slide: 0x4000\n";

/* What is read of a log must lie in it. */
static void read_panic(const struct blob *in, const struct kc *kc)
{
    struct panic_log log;
    const char *from;
    uint64_t slide = 0;
    const int result = panic_parse(in, &log, &err);
    refused(result);
    if (result)
        return;
    for (size_t i = 0; i < log.address_count; i++)
        if (log.addresses[i].at + log.addresses[i].length > strlen(log.text) || (i && log.addresses[i].at <= log.addresses[i - 1].at))
            abort();
    for (size_t i = 0; i < log.kext_count; i++)
        if (panic_kext_at(&log, log.kexts[i].first) > &log.kexts[i])
            abort();
    if (kc) {
        refused(panic_slide(&log, kc, &slide, &from, &err));
        panic_strip(kc, slide, log.addresses[0].value);
    }
    panic_free(&log);
}

static void look(const struct blob *in)
{
    struct kc kc;
    struct kc_region regions[KC_REGIONS];
    if (!macho_recognise(in)) {
        read_panic(in, NULL);
        return;
    }
    int result = kc_open(in, &kc, &err);
    refused(result);
    if (result)
        return;
    kc_boot_regions(&kc, regions);
    plain(&kc);
    result = kc_load_info(&kc, &err);
    refused(result);
    for (size_t i = 0; !result && i < kc.count && i < 100; i++) {
        look_at(&kc, &kc.entries[i]);
        if (i < MOST_EXTRACTED)
            extract(&kc, &kc.entries[i]);
        info_plist(&kc, &kc.entries[i]);
    }
    if (!result) {
        const struct blob log = {.data = (const uint8_t *)log_text, .size = sizeof(log_text) - 1, .name = "log"};
        size_t length = 0;
        exclude(&kc);
        match(&kc);
        refused(kc_diff(&kc, &kc, seen_change, &length, &err));
        read_panic(&log, &kc);
    }
    kc_free(&kc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that reading past it is seen. */
    uint8_t *copy = malloc(size ? size : 1);
    const struct blob in = {.data = copy, .size = size, .name = "input"};
    memcpy(copy, data, size);
    err = (struct error){0};
    look(&in);
    free(copy);
    return 0;
}
