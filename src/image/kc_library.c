/* SPDX-License-Identifier: MIT */
/* Whether the kexts of a collection can link: every library that OSBundleLibraries names has to be
 * there, in a version from the wanted one on, and still be compatible with it
 * (OSBundleCompatibleVersion). The kernel's own parts (com.apple.kpi.*) are there with the kernel,
 * with or without an entry. Facts: Apple's Kernel Extension Programming Topics, image-format sheet
 * A3. */

#include "kc_library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS   3u
#define MAX_DEPTH 64u

/* ---- versions ---- */

/* The letter of a development stage: releases, which have none, come last. */
static const char *read_stage(const char *at, uint64_t *stage)
{
    static const struct {
        char letter;
        uint8_t order;
    } stages[] = {{'d', 1}, {'a', 2}, {'b', 3}, {'f', 4}};
    *stage = 5;
    if (!strncmp(at, "fc", 2))
        at++; /* "final candidate" sorts as 'f' */
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        if (*at == stages[i].letter || (*at == 'c' && stages[i].letter == 'f')) {
            *stage = stages[i].order;
            return at + 1;
        }
    return at;
}

static bool read_number(const char **at, uint64_t limit, uint64_t *number)
{
    *number = 0;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *number = *number * 10 + (uint64_t)(**at - '0');
        if (*number > limit)
            return false;
    }
    return true;
}

uint64_t kc_version(const char *text)
{
    uint64_t value = 0, number, stage, level = 0;
    unsigned have = 0;
    while (have < NUMBERS) {
        if (!read_number(&text, 0x7fff, &number))
            return 0;
        value = value << 15 | number;
        have++;
        if (*text != '.')
            break;
        text++;
    }
    value <<= 15 * (NUMBERS - have);
    text = read_stage(text, &stage);
    if (stage != 5 && *text && !read_number(&text, 0xff, &level))
        return 0;
    /* A bit on top, so that version 0 is one. */
    return *text ? 0 : 1ull << 63 | value << 11 | stage << 8 | level;
}

/* ---- one library ---- */

enum kc_library_fault kc_library_check(const struct kc *kc, const char *id, const char *version)
{
    const struct kc_entry *library = kc_find(kc, id);
    if (!library || !library->info)
        return kc_kernel_provides(id) || library ? KC_LIBRARY_FINE : KC_LIBRARY_ABSENT;
    const char *has = kc_entry_version(library);
    const char *oldest = plist_text(library->info, "OSBundleCompatibleVersion");
    const uint64_t wanted = kc_version(version);
    if (!oldest)
        return kc_kernel_provides(id) ? KC_LIBRARY_FINE : KC_LIBRARY_NOT_ONE;
    if (!has || wanted > kc_version(has))
        return KC_LIBRARY_TOO_OLD;
    return wanted < kc_version(oldest) ? KC_LIBRARY_INCOMPATIBLE : KC_LIBRARY_FINE;
}

void kc_library_describe(const struct kc *kc, const struct kc_library_problem *problem, char *text,
                         size_t size)
{
    const struct kc_entry *library = kc_find(kc, problem->library);
    const char *has = library ? kc_entry_version(library) : NULL;
    const char *oldest = library ? plist_text(library->info, "OSBundleCompatibleVersion") : NULL;
    switch (problem->fault) {
    case KC_LIBRARY_FINE:
        snprintf(text, size, "%s", "");
        break;
    case KC_LIBRARY_ABSENT:
        snprintf(text, size, "%s %s is not in the collection", problem->library, problem->version);
        break;
    case KC_LIBRARY_NOT_ONE:
        snprintf(text, size, "%s has no OSBundleCompatibleVersion, so nothing links against it",
                 problem->library);
        break;
    case KC_LIBRARY_TOO_OLD:
        snprintf(text, size, "%s %s is wanted, the collection has %s", problem->library,
                 problem->version, has ? has : "none");
        break;
    case KC_LIBRARY_INCOMPATIBLE:
        snprintf(text, size, "%s %s is wanted, but that of the collection is compatible from %s on",
                 problem->library, problem->version, oldest ? oldest : "?");
        break;
    }
}

/* ---- all of them ---- */

struct search {
    const struct kc *kc;
    struct kc_library_problem *problems; /* `kext` NULL: not looked at yet */
    unsigned depth;
};

static void find_problem(struct search *search, const struct kc_entry *kext);

/* What is wrong with what LIBRARY itself needs. A circle of libraries is no fault. */
static bool inherit(struct search *search, struct kc_library_problem *problem,
                    const struct kc_entry *library)
{
    if (search->depth >= MAX_DEPTH)
        return false;
    find_problem(search, library);
    const struct kc_library_problem *theirs = &search->problems[library - search->kc->entries];
    if (theirs->fault != KC_LIBRARY_FINE)
        *problem = *theirs;
    return theirs->fault != KC_LIBRARY_FINE;
}

static void find_problem(struct search *search, const struct kc_entry *kext)
{
    struct kc_library_problem *problem = &search->problems[kext - search->kc->entries];
    const struct plist *libraries = kc_entry_libraries(kext);
    if (problem->kext)
        return;
    problem->kext = kext;
    search->depth++;
    for (const struct plist *at = libraries ? libraries->children : NULL; at; at = at->next) {
        const struct plist *value = plist_resolve(at);
        const char *version = value && value->kind == PLIST_STRING ? value->text : "";
        const struct kc_entry *library = kc_find(search->kc, at->key);
        const enum kc_library_fault fault = kc_library_check(search->kc, at->key, version);
        if (fault != KC_LIBRARY_FINE) {
            *problem = (struct kc_library_problem){kext, at->key, version, fault};
            break;
        }
        if (library && inherit(search, problem, library))
            break;
    }
    search->depth--;
}

void kc_library_problems(const struct kc *kc, struct kc_library_problem *faults)
{
    struct search search = {.kc = kc, .problems = faults};
    memset(faults, 0, kc->count * sizeof(*faults));
    for (size_t i = 0; i < kc->count; i++)
        find_problem(&search, &kc->entries[i]);
}

enum linker { UNKNOWN, ASKED, NO, YES };

/* One that is asked for again while it is being looked at is in a circle, which adds nothing. */
static bool links(const struct kc *kc, const struct kc_entry *kext, const struct kc_entry *library,
                  uint8_t *known, unsigned depth)
{
    const struct plist *libraries = kc_entry_libraries(kext);
    uint8_t *mine = &known[kext - kc->entries];
    if (*mine != UNKNOWN || depth == MAX_DEPTH)
        return *mine == YES;
    *mine = ASKED;
    bool found = kext == library;
    for (const struct plist *at = libraries ? libraries->children : NULL; at && !found;
         at = at->next) {
        const struct kc_entry *next = kc_find(kc, at->key);
        found = next && links(kc, next, library, known, depth + 1);
    }
    *mine = found ? YES : NO;
    return found;
}

void kc_linkers(const struct kc *kc, const struct kc_entry *library, bool *out)
{
    uint8_t *known = calloc(kc->count, 1);
    for (size_t i = 0; i < kc->count; i++)
        out[i] = known && links(kc, &kc->entries[i], library, known, 0);
    free(known);
}
