/* SPDX-License-Identifier: MIT */
/* Finds the kexts of kernel collections and prelinked kernels.
 *
 * A collection (MH_FILESET) has an LC_FILESET_ENTRY for the kernel and each kext with code, and the
 * Info.plists of all kexts as XML in __PRELINK_INFO. A prelinked kernel has the XML alone:
 * _PrelinkExecutableSourceAddr says where in __PRELINK_TEXT a kext's Mach-O lies,
 * _PrelinkExecutableLoadAddr where it is linked to run, which is the same address in all but the
 * oldest. Its file offsets count from its own header, unless its first segment says that it is
 * itself where it is in the cache.
 *
 * Those of iOS 12 and later have no such addresses: there the sections __kmod_info and __kmod_start
 * are lists of pointers to each kext's kmod_info, which begins with its identifier, and Mach-O
 * header; on arm64e these pointers are links of threads, which know their targets by themselves.
 *
 * Relied on: macho.c and plist.c check what they read; identifiers stay in the file or in the
 * parsed XML. Facts: image-format sheet A3. */

#include "kc.h"

#include <stdlib.h>
#include <string.h>

#define KMOD_NAME      16u /* of kmod_info, in 64 bits */
#define KMOD_NAME_SIZE 64u
#define THREAD_BITS    43 /* of a link are the pointer's own */
#define PROT_MODIFY    2u
#define PROT_EXECUTE   4u
#define CODELESS       0x7fffffffffffffffull /* _PrelinkExecutableLoadAddr of a kext without code */

/* ---- opening ---- */

static struct kc_entry *add_entry(struct kc *kc, const char *id)
{
    if (!(kc->count & (kc->count + 1))) { /* room for the next power of two */
        const size_t room = 2 * (kc->count + 1);
        struct kc_entry *more = realloc(kc->entries, room * sizeof(*more));
        if (!more)
            return NULL;
        kc->entries = more;
    }
    struct kc_entry *entry = &kc->entries[kc->count++];
    *entry = (struct kc_entry){.id = id};
    return entry;
}

static int no_memory(const struct kc *kc, struct error *err)
{
    return error_set(err, ERROR_OS, "%s: no memory for its kexts", kc->macho.file.name);
}

static int add_members(struct kc *kc, struct error *err)
{
    struct macho_command command;
    struct macho_member member;
    for (uint64_t cursor = 0; macho_next_command(&kc->macho, &cursor, &command);) {
        if (!macho_command_member(&command, &member))
            continue;
        struct kc_entry *entry = add_entry(kc, member.name);
        if (!entry)
            return no_memory(kc, err);
        entry->has_code = true;
        entry->vmaddr = member.vmaddr;
        entry->fileoff = member.fileoff;
        if (macho_open_inner(&kc->macho, member.fileoff, &entry->macho, err))
            return -1;
    }
    return 0;
}

/* A prelinked or bare kernel: the file itself. */
static int add_kernel(struct kc *kc, struct error *err)
{
    uint64_t base;
    if (!macho_base(&kc->macho, &base))
        return blob_error(&kc->macho.file, 0, err, "no segment holds the header: not a kernel");
    struct kc_entry *entry = add_entry(kc, KC_KERNEL);
    if (!entry)
        return no_memory(kc, err);
    entry->has_code = true;
    entry->vmaddr = base;
    entry->fileoff = kc->macho.header;
    entry->macho = kc->macho;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct kc_name *a = left, *b = right;
    const int order = strcmp(a->id, b->id);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int index_entries(struct kc *kc, struct error *err)
{
    free(kc->by_id);
    kc->named = 0;
    kc->by_id = malloc((kc->count + 1) * sizeof(*kc->by_id));
    if (!kc->by_id)
        return no_memory(kc, err);
    for (size_t i = 0; i < kc->count; i++)
        kc->by_id[i] = (struct kc_name){.id = kc->entries[i].id, .index = i};
    kc->named = kc->count;
    qsort(kc->by_id, kc->named, sizeof(*kc->by_id), compare);
    return 0;
}

/* The XML, by its section, or by its segment where that has no sections. */
static void find_info(struct kc *kc)
{
    struct macho_section section;
    struct macho_segment segment;
    if (macho_find_section(&kc->macho, "__PRELINK_INFO", "__info", &section)) {
        blob_slice(&kc->macho.file, section.offset, section.size, &kc->info_section, "", NULL);
        return;
    }
    for (uint64_t cursor = 0; macho_next_segment(&kc->macho, &cursor, &segment);)
        if (!strcmp(segment.name, "__PRELINK_INFO") && !segment.section_count)
            blob_slice(&kc->macho.file, segment.fileoff, segment.filesize, &kc->info_section, "",
                       NULL);
}

int kc_open(const struct blob *file, struct kc *out, struct error *err)
{
    *out = (struct kc){0};
    if (macho_open(file, &out->macho, err))
        return -1;
    out->fileset = out->macho.filetype == MH_FILESET;
    if (!out->fileset && out->macho.filetype != MH_EXECUTE)
        return blob_error(file, 12, err,
                          "a Mach-O of type %s, neither a kernel collection nor a kernel",
                          macho_filetype_name(out->macho.filetype));
    find_info(out);
    if ((out->fileset ? add_members : add_kernel)(out, err) || index_entries(out, err)) {
        kc_free(out);
        return -1;
    }
    return 0;
}

void kc_free(struct kc *kc)
{
    free(kc->entries);
    free(kc->by_id);
    plist_free(kc->info);
    *kc = (struct kc){0};
}

/* ---- __PRELINK_INFO ---- */

/* The kext of a prelinked kernel whose Mach-O lies at SOURCE. */
static int open_prelinked(struct kc *kc, struct kc_entry *entry, uint64_t source, struct error *err)
{
    struct macho_segment segment;
    struct blob own;
    uint64_t at = 0;
    if (!macho_offset_of(&kc->macho, source, &entry->fileoff, &segment))
        return blob_error(&kc->macho.file, 0, err, "%s: its address 0x%llx is in no segment",
                          entry->id, (unsigned long long)source);
    if (macho_open_inner(&kc->macho, entry->fileoff, &entry->macho, err))
        return -1;
    entry->has_code = true;
    if (macho_next_segment(&entry->macho, &at, &segment) && segment.fileoff == entry->fileoff)
        return 0;
    blob_slice(&kc->macho.file, entry->fileoff, kc->macho.file.size - entry->fileoff, &own, "",
               NULL);
    return macho_open(&own, &entry->macho, err);
}

static int add_kext(struct kc *kc, const struct plist *info, struct error *err)
{
    const char *id = plist_text(info, "CFBundleIdentifier");
    const struct kc_entry *known = id ? kc_find(kc, id) : NULL;
    if (!id)
        return 0;
    if (known) {
        kc->entries[known - kc->entries].info = info;
        return 0;
    }
    uint64_t load, source;
    struct kc_entry *entry = add_entry(kc, id);
    if (!entry)
        return no_memory(kc, err);
    entry->info = info;
    if (kc->fileset || !plist_number(info, "_PrelinkExecutableLoadAddr", &load) || load == CODELESS)
        return 0;
    entry->vmaddr = load;
    return open_prelinked(
        kc, entry, plist_number(info, "_PrelinkExecutableSourceAddr", &source) ? source : load,
        err);
}

/* What WORD points to: an address, or the link of a thread, signed or not. */
static uint64_t pointer(const struct kc *kc, uint64_t word)
{
    uint64_t base;
    if (word >> 48 == 0xffff)
        return word;
    if (word >> 63)
        return macho_base(&kc->macho, &base) ? base + (uint32_t)word : 0;
    return (uint64_t)((int64_t)(word << (64 - THREAD_BITS)) >> (64 - THREAD_BITS));
}

/* The kext whose kmod_info is at INFO, and whose header at START. */
static int add_module(struct kc *kc, uint64_t info, uint64_t start, struct error *err)
{
    const uint8_t *name = kc_data_at(kc, info, KMOD_NAME + KMOD_NAME_SIZE);
    if (!name || !memchr(name + KMOD_NAME, 0, KMOD_NAME_SIZE))
        return blob_error(&kc->macho.file, 0, err, "no kmod_info with a name at 0x%llx",
                          (unsigned long long)info);
    const char *id = (const char *)name + KMOD_NAME;
    const struct kc_entry *known = kc_find(kc, id);
    if (known && known->has_code)
        return 0;
    struct kc_entry *entry = known ? &kc->entries[known - kc->entries] : add_entry(kc, id);
    if (!entry)
        return no_memory(kc, err);
    entry->vmaddr = start;
    return open_prelinked(kc, entry, start, err);
}

static int add_modules(struct kc *kc, struct error *err)
{
    struct macho_section infos, starts;
    if (!macho_find_section(&kc->macho, "__PRELINK_INFO", "__kmod_info", &infos) ||
        !macho_find_section(&kc->macho, "__PRELINK_INFO", "__kmod_start", &starts))
        return 0;
    const uint8_t *info = blob_at(&kc->macho.file, infos.offset, infos.size);
    const uint8_t *start = blob_at(&kc->macho.file, starts.offset, starts.size);
    if (!info || !start)
        return blob_error(&kc->macho.file, infos.offset, err,
                          "truncated: the list of kexts; get a whole copy");
    /* The kernel, which has no kmod_info, ends the list of headers. */
    for (uint64_t at = 0; at + 8 <= infos.size && at + 8 <= starts.size; at += 8)
        if (add_module(kc, pointer(kc, get_le64(info + at)), pointer(kc, get_le64(start + at)),
                       err))
            return -1;
    return index_entries(kc, err);
}

int kc_load_info(struct kc *kc, struct error *err)
{
    if (kc->info || !kc->info_section.size)
        return 0;
    if (plist_parse(&kc->info_section, &kc->info, err))
        return -1;
    const struct plist *kexts = plist_get(kc->info, "_PrelinkInfoDictionary");
    if (!kexts || kexts->kind != PLIST_ARRAY)
        return blob_error(&kc->info_section, 0, err, "no _PrelinkInfoDictionary in __PRELINK_INFO");
    /* kc_find() knows those of before only: what is added has no second of its name there. */
    for (const struct plist *kext = kexts->children; kext; kext = kext->next)
        if (add_kext(kc, plist_resolve(kext), err))
            return -1;
    return index_entries(kc, err) || (!kc->fileset && add_modules(kc, err)) ? -1 : 0;
}

/* ---- looking up ---- */

const struct kc_entry *kc_find(const struct kc *kc, const char *id)
{
    size_t low = 0, high = kc->named;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(kc->by_id[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < kc->named && !strcmp(kc->by_id[low].id, id) ? &kc->entries[kc->by_id[low].index]
                                                             : NULL;
}

/* The next segment that is the entry's own: a collection's members share __LINKEDIT. */
static bool next_own_segment(const struct kc_entry *entry, uint64_t *cursor,
                             struct macho_segment *out)
{
    while (macho_next_segment(&entry->macho, cursor, out))
        if (strcmp(out->name, "__LINKEDIT"))
            return true;
    return false;
}

const struct kc_entry *kc_entry_at(const struct kc *kc, uint64_t address,
                                   struct macho_segment *segment)
{
    /* From the end: a prelinked kernel's own segments are around its kexts. */
    for (size_t i = kc->count; i--;)
        for (uint64_t cursor = 0; next_own_segment(&kc->entries[i], &cursor, segment);)
            if (address >= segment->vmaddr && address - segment->vmaddr < segment->vmsize)
                return &kc->entries[i];
    return NULL;
}

const uint8_t *kc_data_at(const struct kc *kc, uint64_t address, uint64_t size)
{
    struct macho_segment segment;
    uint64_t offset;
    if (!macho_offset_of(&kc->macho, address, &offset, &segment) ||
        segment.filesize - (address - segment.vmaddr) < size)
        return NULL;
    return blob_at(&kc->macho.file, offset, size);
}

static unsigned region_of(const struct macho_segment *segment)
{
    if (!strcmp(segment->name, "__LINKEDIT"))
        return KC_LINKEDIT;
    if (!strcmp(segment->name, "__TEXT_BOOT_EXEC"))
        return KC_BOOT_EXEC;
    if (segment->initprot & PROT_EXECUTE)
        return KC_RX;
    /* Constants are writable in the file: whoever links pointers writes them. */
    if (!(segment->initprot & PROT_MODIFY) || strstr(segment->name, "CONST"))
        return KC_RO;
    return KC_RW;
}

void kc_boot_regions(const struct kc *kc, struct kc_region regions[KC_REGIONS])
{
    struct macho_segment segment;
    memset(regions, 0, KC_REGIONS * sizeof(*regions));
    for (uint64_t cursor = 0; macho_next_segment(&kc->macho, &cursor, &segment);) {
        struct kc_region *region = &regions[region_of(&segment)];
        if (!segment.filesize)
            continue;
        if (!region->size)
            *region = (struct kc_region){.address = segment.vmaddr, .offset = segment.fileoff};
        if (segment.fileoff + segment.filesize > region->offset + region->size)
            region->size = segment.fileoff + segment.filesize - region->offset;
    }
}

/* ---- what an entry says ---- */

const char *kc_entry_version(const struct kc_entry *entry)
{
    return plist_text(entry->info, "CFBundleVersion");
}

const char *kc_entry_executable(const struct kc_entry *entry)
{
    return plist_text(entry->info, "CFBundleExecutable");
}

const char *kc_entry_path(const struct kc_entry *entry)
{
    return plist_text(entry->info, "_PrelinkBundlePath");
}

uint64_t kc_entry_size(const struct kc_entry *entry)
{
    struct macho_segment segment;
    uint64_t size = 0;
    if (!entry->has_code || plist_number(entry->info, "_PrelinkExecutableSize", &size))
        return size;
    for (uint64_t cursor = 0; next_own_segment(entry, &cursor, &segment);)
        size += segment.vmsize;
    return size;
}

bool kc_entry_uuid(const struct kc_entry *entry, uint8_t uuid[16])
{
    return entry->has_code && macho_uuid(&entry->macho, uuid);
}

static const struct plist *dictionary(const struct kc_entry *entry, const char *key)
{
    const struct plist *found = plist_get(entry->info, key);
    return found && found->kind == PLIST_DICT ? found : NULL;
}

const struct plist *kc_entry_personalities(const struct kc_entry *entry)
{
    return dictionary(entry, "IOKitPersonalities");
}

const struct plist *kc_entry_libraries(const struct kc_entry *entry)
{
    static const char *const keys[] = {"OSBundleLibraries_arm64e", "OSBundleLibraries_arm64",
                                       "OSBundleLibraries"};
    const struct plist *found = NULL;
    for (size_t i = 0; !found && i < sizeof(keys) / sizeof(keys[0]); i++)
        found = dictionary(entry, keys[i]);
    return found;
}

bool kc_kernel_provides(const char *id)
{
    static const char kernel[] = KC_KERNEL, kpi[] = "com.apple.kpi.";
    return !strncmp(id, kpi, sizeof(kpi) - 1) ||
           (!strncmp(id, kernel, sizeof(kernel) - 1) &&
            (!id[sizeof(kernel) - 1] || id[sizeof(kernel) - 1] == '.'));
}
