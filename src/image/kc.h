/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_H
#define POMONA_KC_H

/* Kernel collections (MH_FILESET) and the prelinked kernels before them (an MH_EXECUTE with
 * __PRELINK_TEXT and __PRELINK_INFO): which kexts are in one, where, and what their Info.plists
 * say. Image-format sheet A3. */

#include "macho.h"
#include "plist.h"

#define KC_KERNEL "com.apple.kernel"

/* The kernel, or a kext. */
struct kc_entry {
    const char *id;           /* bundle identifier; lives as long as the kc */
    bool has_code;            /* false: a codeless kext, `info` alone; the next three are empty */
    uint64_t vmaddr;          /* of the Mach-O header as linked: without a slide */
    uint64_t fileoff;         /* of the Mach-O header, in kc->macho.file */
    struct macho macho;       /* its file offsets are of macho.file: the collection, or, in a
                                 prelinked kernel, often the kext's own part of it */
    const struct plist *info; /* its Info.plist and the _Prelink keys; NULL: none (the kernel), or
                                 not loaded */
};

struct kc_name {
    const char *id;
    size_t index; /* into entries */
};

struct kc {
    struct macho macho; /* the outer header; of a prelinked kernel that of the kernel itself */
    bool fileset;
    struct kc_entry *entries; /* in the file's order; codeless kexts follow by identifier */
    size_t count;
    struct kc_name *by_id;    /* the same sorted by identifier, the first of a name first */
    size_t named;             /* how many by_id has */
    struct blob info_section; /* __PRELINK_INFO's XML; size 0: none */
    struct plist *info;       /* its root; NULL until kc_load_info, or when there is none */
};

/* Reads the headers in FILE, which is unpacked (image_open_plain) and outlives OUT. Of a prelinked
 * kernel and a bare kernel only KC_KERNEL is there until kc_load_info; of a fileset all with code
 * are. 0, or -1 and *ERR: no kernel or collection, or a broken one. */
int kc_open(const struct blob *file, struct kc *out, struct error *err);
/* Reads __PRELINK_INFO too: gives each entry its `info` and adds the entries that only that knows.
 * Pointers to entries from before are void. 0, also when the file has none; or -1 and *ERR, after
 * which KC is good for kc_free alone. */
int kc_load_info(struct kc *kc, struct error *err);
void kc_free(struct kc *kc);

/* The entry whose identifier is ID, or NULL. */
const struct kc_entry *kc_find(const struct kc *kc, const char *id);
/* The entry with a segment (__LINKEDIT aside) that holds the unslid ADDRESS; *SEGMENT is that.
 * NULL: none. */
const struct kc_entry *kc_entry_at(const struct kc *kc, uint64_t address,
                                   struct macho_segment *segment);
/* The SIZE bytes at the unslid ADDRESS, by the outer header's segments; NULL: the file has them
 * not. */
const uint8_t *kc_data_at(const struct kc *kc, uint64_t address, uint64_t size);

/* The parts of a collection that iBoot protects alike (BootKC-ro, -rx, -bx, -rw, -le; a payload's
 * properties kcrf, kcrz ... kclz): from the first to the last segment of a kind. */
enum { KC_RO, KC_RX, KC_BOOT_EXEC, KC_RW, KC_LINKEDIT, KC_REGIONS };
struct kc_region {
    uint64_t address, offset, size; /* size 0: there is none; in the file */
};
void kc_boot_regions(const struct kc *kc, struct kc_region regions[KC_REGIONS]);

static inline bool kc_is_kernel(const struct kc_entry *entry)
{
    return !__builtin_strcmp(entry->id, KC_KERNEL);
}

/* CFBundleVersion, or NULL: the kernel has none, and nothing has before kc_load_info. */
const char *kc_entry_version(const struct kc_entry *entry);
/* CFBundleExecutable, or NULL; _PrelinkBundlePath, or NULL. */
const char *kc_entry_executable(const struct kc_entry *entry);
const char *kc_entry_path(const struct kc_entry *entry);
/* Bytes of address space: _PrelinkExecutableSize, or else what the segments (__LINKEDIT aside) add
 * up to. 0 for codeless ones. */
uint64_t kc_entry_size(const struct kc_entry *entry);
/* LC_UUID; false: it has none. */
bool kc_entry_uuid(const struct kc_entry *entry, uint8_t uuid[16]);
/* IOKitPersonalities: a dictionary of dictionaries whose keys are the personalities' names; NULL:
 * none. Walk ->children with ->next, and plist_resolve() each. */
const struct plist *kc_entry_personalities(const struct kc_entry *entry);
/* OSBundleLibraries_arm64e or _arm64, which win, or OSBundleLibraries: a dictionary from bundle
 * identifier to the least version, a string; NULL: none. */
const struct plist *kc_entry_libraries(const struct kc_entry *entry);
/* Whether the kernel itself is the library ID: com.apple.kernel, com.apple.kpi.*,
 * com.apple.kernel.* Such have at most a codeless entry in a collection. */
bool kc_kernel_provides(const char *id);

#endif
