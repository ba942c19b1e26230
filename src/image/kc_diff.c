/* SPDX-License-Identifier: MIT */
/* Two collections compared: kexts by identifier, personalities by name and content, symbols by name
 * and size. A symbol reaches to the next one or the end of its segment; where it lies says nothing,
 * because a change anywhere before moves it. Of several symbols of one name (static functions of
 * several files) the first is compared with the first. */

#include "kc_diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values looked at in one comparison: IDREFs can make a small list into one without end. */
#define MAX_VALUES 100000u

struct diff {
    kc_emit_change *emit;
    void *context;
    struct error *err;
    const char *kext;
};

const char *kc_change_name(enum kc_change_kind kind)
{
    static const char *const names[] = {
        [KC_CHANGE_KEXT] = "kext",
        [KC_CHANGE_VERSION] = "version",
        [KC_CHANGE_UUID] = "uuid",
        [KC_CHANGE_SIZE] = "size",
        [KC_CHANGE_PERSONALITY] = "personality",
        [KC_CHANGE_SYMBOL] = "symbol",
    };
    return names[kind];
}

static void change(const struct diff *diff, enum kc_change_kind kind, const char *name,
                   const char *before, const char *after)
{
    const struct kc_change made = {
        .kind = kind, .kext = diff->kext, .name = name, .before = before, .after = after};
    diff->emit(diff->context, &made);
}

/* ---- property lists ---- */

static bool equal(const struct plist *a, const struct plist *b, unsigned *left);

static size_t count(const struct plist *node)
{
    size_t n = 0;
    for (const struct plist *at = node->children; at; at = at->next)
        n++;
    return n;
}

static bool equal_children(const struct plist *a, const struct plist *b, unsigned *left)
{
    const struct plist *theirs = b->children;
    if (count(a) != count(b))
        return false;
    for (const struct plist *ours = a->children; ours; ours = ours->next) {
        const struct plist *other = a->kind == PLIST_DICT ? plist_get(b, ours->key) : theirs;
        if (!other || !equal(ours, other, left))
            return false;
        theirs = theirs->next;
    }
    return true;
}

static bool equal(const struct plist *a, const struct plist *b, unsigned *left)
{
    a = plist_resolve(a);
    b = plist_resolve(b);
    if (!a || !b || a->kind != b->kind || !*left)
        return a == b;
    --*left;
    switch (a->kind) {
    case PLIST_STRING:
        return !strcmp(a->text, b->text);
    case PLIST_DATA:
        return a->size == b->size && !memcmp(a->data, b->data, a->size);
    case PLIST_INTEGER:
    case PLIST_BOOLEAN:
        return a->number == b->number;
    default:
        return equal_children(a, b, left);
    }
}

/* The key of the first value that A and B do not share; NULL: they are equal. */
static const char *first_difference(const struct plist *a, const struct plist *b)
{
    unsigned left = MAX_VALUES;
    for (const struct plist *at = a->children; at; at = at->next) {
        const struct plist *other = plist_get(b, at->key);
        if (!other || !equal(at, other, &left))
            return at->key;
    }
    for (const struct plist *at = b->children; at; at = at->next)
        if (!plist_get(a, at->key))
            return at->key;
    return NULL;
}

static void diff_personality(const struct diff *diff, const struct plist *a, const struct plist *b)
{
    const struct plist *before = plist_resolve(a), *after = plist_resolve(b);
    if (!before || !after || before->kind != PLIST_DICT || after->kind != PLIST_DICT)
        return;
    const struct kc_change made = {.kind = KC_CHANGE_PERSONALITY,
                                   .kext = diff->kext,
                                   .name = a->key,
                                   .property = first_difference(before, after),
                                   .before = "",
                                   .after = ""};
    if (made.property)
        diff->emit(diff->context, &made);
}

static void diff_personalities(const struct diff *diff, const struct kc_entry *a,
                               const struct kc_entry *b)
{
    const struct plist *before = kc_entry_personalities(a), *after = kc_entry_personalities(b);
    for (const struct plist *at = before ? before->children : NULL; at; at = at->next) {
        const struct plist *other = plist_get(after, at->key);
        if (other)
            diff_personality(diff, at, other);
        else
            change(diff, KC_CHANGE_PERSONALITY, at->key, "", NULL);
    }
    for (const struct plist *at = after ? after->children : NULL; at; at = at->next)
        if (!plist_get(before, at->key))
            change(diff, KC_CHANGE_PERSONALITY, at->key, NULL, "");
}

/* ---- symbols ---- */

struct sized {
    const char *name;
    uint64_t address, size;
};

struct sized_list {
    struct sized *items;
    size_t count;
    struct macho_symbols symbols; /* whose the names are */
};

static int compare(const void *left, const void *right)
{
    const struct sized *a = left, *b = right;
    const int order = strcmp(a->name, b->name);
    return order ? order : a->address < b->address ? -1 : a->address > b->address;
}

static uint64_t segment_end(const struct macho *macho, uint64_t address)
{
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &segment);)
        if (address >= segment.vmaddr && address - segment.vmaddr < segment.vmsize)
            return segment.vmaddr + segment.vmsize;
    return address;
}

/* From the last one, so that what comes next is known. */
static void measure(const struct macho *macho, const struct macho_symbols *symbols,
                    struct sized *out)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = symbols->count; i--;) {
        const uint64_t address = symbols->items[i].value;
        const bool twin = i + 1 < symbols->count && symbols->items[i + 1].value == address;
        if (!twin && i + 1 < symbols->count)
            next = symbols->items[i + 1].value;
        const uint64_t end = segment_end(macho, address);
        out[i] =
            (struct sized){symbols->items[i].name, address, (next < end ? next : end) - address};
    }
}

static void free_list(struct sized_list *list)
{
    free(list->items);
    macho_symbols_free(&list->symbols);
}

static int list_symbols(const struct kc_entry *entry, struct sized_list *out, struct error *err)
{
    *out = (struct sized_list){0};
    if (!entry->has_code)
        return 0;
    if (macho_symbols_load(&entry->macho, &out->symbols, err))
        return -1;
    out->items = malloc((out->symbols.count + 1) * sizeof(*out->items));
    if (!out->items) {
        free_list(out);
        return error_set(err, ERROR_OS, "%s: no memory for symbols", entry->id);
    }
    out->count = out->symbols.count;
    measure(&entry->macho, &out->symbols, out->items);
    qsort(out->items, out->count, sizeof(*out->items), compare);
    return 0;
}

static void diff_symbol(const struct diff *diff, const struct sized *a, const struct sized *b)
{
    char before[24] = "", after[24] = "";
    if (a && b && a->size == b->size)
        return;
    if (a)
        snprintf(before, sizeof(before), "0x%" PRIx64, a->size);
    if (b)
        snprintf(after, sizeof(after), "0x%" PRIx64, b->size);
    change(diff, KC_CHANGE_SYMBOL, a ? a->name : b->name, a ? before : NULL, b ? after : NULL);
}

static int diff_symbols(const struct diff *diff, const struct kc_entry *a, const struct kc_entry *b)
{
    struct sized_list before, after;
    if (list_symbols(a, &before, diff->err))
        return -1;
    if (list_symbols(b, &after, diff->err)) {
        free_list(&before);
        return -1;
    }
    for (size_t i = 0, j = 0; i < before.count || j < after.count;) {
        const struct sized *x = i < before.count ? &before.items[i] : NULL;
        const struct sized *y = j < after.count ? &after.items[j] : NULL;
        const int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);
        diff_symbol(diff, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
        i += order <= 0;
        j += order >= 0;
    }
    free_list(&before);
    free_list(&after);
    return 0;
}

/* ---- kexts ---- */

static void diff_text(const struct diff *diff, enum kc_change_kind kind, const char *a,
                      const char *b)
{
    if (strcmp(a ? a : "", b ? b : ""))
        change(diff, kind, NULL, a, b);
}

/* CFBundleVersion, or of the kernel, which has none, that of XNU. */
static const char *version(const struct kc_entry *entry, char *text, size_t size)
{
    struct xnu_version xnu;
    if (!kc_is_kernel(entry))
        return kc_entry_version(entry);
    macho_xnu_version(&entry->macho, &xnu);
    snprintf(text, size, "%u.%u.%u", xnu.major, xnu.minor, xnu.patch);
    return text;
}

static const char *uuid(const struct kc_entry *entry, char text[33])
{
    uint8_t bytes[16];
    if (!kc_entry_uuid(entry, bytes))
        return NULL;
    for (unsigned i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

static int diff_entries(const struct diff *diff, const struct kc_entry *a, const struct kc_entry *b)
{
    char before[48], after[48];
    diff_text(diff, KC_CHANGE_VERSION, version(a, before, sizeof(before)),
              version(b, after, sizeof(after)));
    diff_text(diff, KC_CHANGE_UUID, uuid(a, before), uuid(b, after));
    snprintf(before, sizeof(before), "0x%" PRIx64, kc_entry_size(a));
    snprintf(after, sizeof(after), "0x%" PRIx64, kc_entry_size(b));
    diff_text(diff, KC_CHANGE_SIZE, before, after);
    diff_personalities(diff, a, b);
    return diff_symbols(diff, a, b);
}

static void diff_presence(const struct diff *diff, const struct kc_entry *a,
                          const struct kc_entry *b)
{
    char text[48];
    const char *known = version(a ? a : b, text, sizeof(text));
    const char *shown = known ? known : "";
    change(diff, KC_CHANGE_KEXT, NULL, a ? shown : NULL, b ? shown : NULL);
}

static const struct kc_entry *named(const struct kc *kc, size_t index)
{
    return index < kc->named ? &kc->entries[kc->by_id[index].index] : NULL;
}

int kc_diff(const struct kc *a, const struct kc *b, kc_emit_change *emit, void *context,
            struct error *err)
{
    struct diff diff = {.emit = emit, .context = context, .err = err};
    for (size_t i = 0, j = 0; i < a->named || j < b->named;) {
        const struct kc_entry *x = named(a, i), *y = named(b, j);
        const int order = !x ? 1 : !y ? -1 : strcmp(x->id, y->id);
        diff.kext = order <= 0 ? x->id : y->id;
        if (order)
            diff_presence(&diff, order < 0 ? x : NULL, order > 0 ? y : NULL);
        else if (diff_entries(&diff, x, y))
            return -1;
        i += order <= 0;
        j += order >= 0;
    }
    return 0;
}
