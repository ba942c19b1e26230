/* SPDX-License-Identifier: MIT */
/* Classes by their mangled names (Itanium C++ ABI, 5.1): each class NAME of libkern has the static
 * members NAME::gMetaClass and NAME::superClass, and a virtual table. The pointer in superClass
 * goes to the gMetaClass of the class above; in a collection it is a link of a chain of fixups.
 * Classes within namespaces are left out: IOKit finds classes by plain names. */

#include "kc_class.h"

#include <stdlib.h>
#include <string.h>

enum part { METACLASS, SUPERCLASS, VTABLE };

/* ---- names ---- */

/* "__ZN9IOService10gMetaClassE" is METACLASS of the SIZE characters at *NAME. */
static bool demangle(const char *symbol, enum part *part, const char **name, size_t *size)
{
    static const struct {
        const char *prefix, *suffix;
    } forms[] = {[METACLASS] = {"__ZN", "10gMetaClassE"},
                 [SUPERCLASS] = {"__ZN", "10superClassE"},
                 [VTABLE] = {"__ZTV", ""}};
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const size_t prefix = strlen(forms[i].prefix);
        if (strncmp(symbol, forms[i].prefix, prefix) || symbol[prefix] < '1' ||
            symbol[prefix] > '9')
            continue;
        char *end;
        *size = strtoul(symbol + prefix, &end, 10);
        if (*size < 256 && strnlen(end, *size) == *size && !strcmp(end + *size, forms[i].suffix)) {
            *name = end;
            *part = i;
            return true;
        }
    }
    return false;
}

/* ---- collecting ---- */

static int add(struct kc_classes *classes, const struct kc_entry *owner,
               const struct macho_symbol *symbol)
{
    enum part part;
    const char *name;
    size_t size;
    if ((symbol->type & MACHO_N_TYPE) != MACHO_N_SECT ||
        !demangle(symbol->name, &part, &name, &size))
        return 0;
    if (!(classes->count & (classes->count - 1))) { /* full when a power of two */
        const size_t room = classes->count ? classes->count * 2 : 1;
        struct kc_class *more = realloc(classes->items, room * sizeof(*more));
        if (!more)
            return -1;
        classes->items = more;
    }
    struct kc_class *class = &classes->items[classes->count];
    *class = (struct kc_class){.name = strndup(name, size),
                               .owner = owner,
                               .metaclass = part == METACLASS ? symbol->value : 0,
                               .super_at = part == SUPERCLASS ? symbol->value : 0};
    classes->count += class->name != NULL;
    return class->name ? 0 : -1;
}

static int compare(const void *left, const void *right)
{
    const struct kc_class *a = left, *b = right;
    const int order = strcmp(a->name, b->name);
    return order ? order : a->owner < b->owner ? -1 : a->owner > b->owner;
}

/* The parts of one class become one. */
static void merge(struct kc_classes *classes)
{
    size_t used = 0;
    if (classes->count)
        qsort(classes->items, classes->count, sizeof(*classes->items), compare);
    for (size_t i = 0; i < classes->count; i++) {
        struct kc_class *item = &classes->items[i], *last = used ? &classes->items[used - 1] : NULL;
        if (!last || strcmp(last->name, item->name)) {
            classes->items[used++] = *item;
            continue;
        }
        last->metaclass = last->metaclass ? last->metaclass : item->metaclass;
        last->super_at = last->super_at ? last->super_at : item->super_at;
        free(item->name);
    }
    classes->count = used;
}

/* ---- what descends from what ---- */

struct place {
    uint64_t address; /* first: macho_last_at() */
    struct kc_class *class;
};

struct links {
    struct place *supers, *metas; /* by address */
    size_t super_count, meta_count;
};

static struct kc_class *class_at(const struct place *places, size_t count, uint64_t address)
{
    const struct place *found = macho_last_at(places, count, sizeof(*places), address);
    return found && found->address == address ? found->class : NULL;
}

static int link_super(void *context, const struct macho_fixup *fixup)
{
    const struct links *links = context;
    struct kc_class *class = class_at(links->supers, links->super_count, fixup->address);
    if (class && !fixup->bind)
        class->super = class_at(links->metas, links->meta_count, fixup->target);
    return 0;
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return a->address < b->address ? -1 : a->address > b->address;
}

/* The pointers of a copy without chains are addresses already. */
static void link_plain(const struct kc *kc, const struct links *links)
{
    for (size_t i = 0; i < links->super_count; i++) {
        const uint8_t *p = kc_data_at(kc, links->supers[i].address, 8);
        struct kc_class *class = links->supers[i].class;
        if (p && !class->super)
            class->super = class_at(links->metas, links->meta_count, get_le64(p));
    }
}

static int link_classes(const struct kc *kc, struct kc_classes *classes, struct error *err)
{
    struct place *places = malloc((2 * classes->count + 1) * sizeof(*places));
    if (!places)
        return error_set(err, ERROR_OS, "%s: no memory for its classes", kc->macho.file.name);
    struct links links = {.supers = places, .metas = places + classes->count};
    for (size_t i = 0; i < classes->count; i++) {
        struct kc_class *class = &classes->items[i];
        if (class->super_at)
            links.supers[links.super_count++] = (struct place){class->super_at, class};
        if (class->metaclass)
            links.metas[links.meta_count++] = (struct place){class->metaclass, class};
    }
    qsort(links.supers, links.super_count, sizeof(*places), compare_places);
    qsort(links.metas, links.meta_count, sizeof(*places), compare_places);
    const int result = macho_each_fixup(&kc->macho, link_super, &links, err);
    if (!result)
        link_plain(kc, &links);
    free(places);
    return result;
}

int kc_classes_load(const struct kc *kc, struct kc_classes *out, struct error *err)
{
    struct macho_symbol symbol;
    int result = 0;
    *out = (struct kc_classes){0};
    for (size_t i = 0; i < kc->count && !result; i++) {
        const struct kc_entry *entry = &kc->entries[i];
        for (uint32_t at = 0;
             entry->has_code && !result && macho_next_symbol(&entry->macho, &at, &symbol);)
            result = add(out, entry, &symbol);
    }
    if (result)
        error_set(err, ERROR_OS, "%s: no memory for its classes", kc->macho.file.name);
    merge(out);
    if (result || link_classes(kc, out, err)) {
        kc_classes_free(out);
        return -1;
    }
    return 0;
}

void kc_classes_free(struct kc_classes *classes)
{
    for (size_t i = 0; i < classes->count; i++)
        free(classes->items[i].name);
    free(classes->items);
    *classes = (struct kc_classes){0};
}

/* ---- asking ---- */

const struct kc_class *kc_class_find(const struct kc_classes *classes, const char *name)
{
    size_t low = 0, high = classes->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(classes->items[middle].name, name);
        if (!order)
            return &classes->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool kc_class_is(const struct kc_classes *classes, const char *name, const char *ancestor)
{
    if (!strcmp(name, ancestor))
        return true;
    const struct kc_class *class = kc_class_find(classes, name);
    /* No line of ancestors is longer than there are classes, so that a circle ends. */
    for (size_t i = 0; class && i <= classes->count; i++, class = class->super)
        if (!strcmp(class->name, ancestor))
            return true;
    return false;
}

bool kc_class_mentioned_in(const struct kc_entry *entry, const char *name)
{
    struct macho_section section;
    if (!entry->has_code || !macho_find_section(&entry->macho, "__TEXT", "__cstring", &section))
        return false;
    const uint8_t *at = blob_at(&entry->macho.file, section.offset, section.size);
    const uint8_t *const first = at, *const end = at ? at + section.size : NULL;
    const size_t size = strlen(name) + 1;
    for (; at && (at = memmem(at, (size_t)(end - at), name, size)); at++)
        if (at == first || !at[-1])
            return true;
    return false;
}

const struct kc_entry *kc_class_mentioned(const struct kc *kc, const char *name, const bool *skip)
{
    for (size_t i = 0; i < kc->count; i++)
        if (!(skip && skip[i]) && kc_class_mentioned_in(&kc->entries[i], name))
            return &kc->entries[i];
    return NULL;
}
