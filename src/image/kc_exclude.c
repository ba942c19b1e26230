/* SPDX-License-Identifier: MIT */
/* What depends on a kext, by OSBundleLibraries, on that in turn, and so on. The kernel itself never
 * goes. */

#include "kc_exclude.h"

#include <fnmatch.h>
#include <string.h>

struct names {
    const char *const *items;
    size_t count;
};

static bool is_named(const struct names *names, const char *id)
{
    for (size_t i = 0; i < names->count; i++)
        if (!fnmatch(names->items[i], id, 0))
            return true;
    return false;
}

/* The first library of ENTRY that goes, by name or since OUT says so. */
static const char *lost_library(const struct kc *kc, const struct kc_entry *entry,
                                const struct names *names, const struct kc_exclusion *out)
{
    const struct plist *libraries = kc_entry_libraries(entry);
    for (const struct plist *at = libraries ? libraries->children : NULL; at; at = at->next) {
        const struct kc_entry *library = kc_find(kc, at->key);
        if (library ? out[library - kc->entries].excluded : is_named(names, at->key))
            return at->key;
    }
    return NULL;
}

static size_t exclude_named(const struct kc *kc, const struct names *names,
                            struct kc_exclusion *out)
{
    size_t found = 0;
    for (size_t i = 0; i < kc->count; i++) {
        out[i] = (struct kc_exclusion){.excluded = !kc_is_kernel(&kc->entries[i]) &&
                                                   is_named(names, kc->entries[i].id)};
        found += out[i].excluded;
    }
    return found;
}

/* Those that lose a library by what went so far. */
static size_t exclude_dependents(const struct kc *kc, const struct names *names,
                                 struct kc_exclusion *out)
{
    size_t found = 0;
    for (size_t i = 0; i < kc->count; i++) {
        const char *library =
            out[i].excluded ? NULL : lost_library(kc, &kc->entries[i], names, out);
        if (!library)
            continue;
        out[i] = (struct kc_exclusion){.excluded = true, .library = library};
        found++;
    }
    return found;
}

/* Whether NAME says anything about KC. */
static bool is_known(const struct kc *kc, const char *name)
{
    for (size_t i = 0; i < kc->count; i++) {
        const struct plist *libraries = kc_entry_libraries(&kc->entries[i]);
        if (!fnmatch(name, kc->entries[i].id, 0))
            return true;
        for (const struct plist *at = libraries ? libraries->children : NULL; at; at = at->next)
            if (!fnmatch(name, at->key, 0))
                return true;
    }
    return false;
}

size_t kc_exclude(const struct kc *kc, const char *const *names, size_t count,
                  struct kc_exclusion *out, const char **unknown)
{
    const struct names list = {names, count};
    *unknown = NULL;
    for (size_t i = 0; i < count && !*unknown; i++)
        *unknown = is_known(kc, names[i]) ? NULL : names[i];
    size_t total = exclude_named(kc, &list, out), more;
    while ((more = exclude_dependents(kc, &list, out)))
        total += more;
    return total;
}
