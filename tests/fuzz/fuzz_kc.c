/* SPDX-License-Identifier: MIT */
/* libFuzzer target for kernel collections and prelinked kernels: what is in them, what comes out of them. */

#include <stdlib.h>
#include <string.h>

#include "image/kc_exclude.h"
#include "image/kc_extract.h"
#include "image/kc_library.h"
#include "image/kc_map.h"
#include "image/macho_plain.h"

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

static void plain(const struct kc *kc)
{
    struct macho_plain copy;
    const int result = macho_plain(&kc->macho, &copy, &err);
    refused(result);
    if (!result)
        blob_free(&copy.copy);
}

static void look(const struct blob *in)
{
    struct kc kc;
    struct kc_region regions[KC_REGIONS];
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
    if (!result)
        exclude(&kc);
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
