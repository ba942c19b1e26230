/* SPDX-License-Identifier: MIT */
/* Whether a kernel is that of the root volume: macOS does not start on another release's kernel,
 * and says so in ways that nobody understands.
 *
 * A volume's release stands in its SystemVersion.plist; on the sealed system volume of macOS 11 and
 * later, which libfsapfs cannot read, in the copy that the volume group's folder of Preboot has.
 * The root volume is the RAM disk where it holds one, else the first disk that does. A kernel names
 * its Darwin in its banner, or can be told by xnu's own number. What cannot be read or is not known
 * is not warned of: those who need the file complain.
 *
 * A disk is what a guest has written, and libfsapfs is not made for hostile files: the plist is
 * read in a process of its own, which hands back three short strings and may fail in any way.
 *
 * Releases: Apple's names of its source releases; macOS 10.N is Darwin N + 4, 11 to 15 are 20 to
 * 24, iOS and tvOS 11 to 18 are 17 to 24, and all of 26 are Darwin 25. */

#include "xnu_volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../image/container.h"
#include "../image/isolated.h"
#include "../image/macho.h"
#include "../image/plist.h"
#include "../machine/machine.h"

#define PLIST         "/System/Library/CoreServices/SystemVersion.plist"
#define LARGEST_PLIST 65536u

/* The first xnu of each Darwin. */
static const struct {
    unsigned xnu, darwin;
} releases[] = {{4570, 17}, {4903, 18},  {6153, 19},  {7195, 20}, {8019, 21},
                {8792, 22}, {10002, 23}, {11215, 24}, {12377, 25}};

static unsigned darwin_of_xnu(unsigned xnu)
{
    unsigned darwin = 0;
    for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
        if (xnu >= releases[i].xnu)
            darwin = releases[i].darwin;
    return darwin;
}

unsigned xnu_darwin(const struct xnu_version *version)
{
    return version->darwin ? version->darwin : darwin_of_xnu(version->major);
}

unsigned xnu_volume_darwin(const struct xnu_volume *volume)
{
    const bool mac = !strncasecmp(volume->product, "mac", 3);
    const bool mobile =
        !strcmp(volume->product, "iPhone OS") || !strcmp(volume->product, "Apple TVOS");
    unsigned major = 0, minor = 0;
    sscanf(volume->version, "%4u.%4u", &major, &minor);
    if ((mac || mobile) && major >= 26)
        return major - 1;
    if (mac)
        return major == 10 ? minor + 4 : major >= 11 && major <= 15 ? major + 9 : 0;
    return mobile && major >= 11 && major <= 18 ? major + 6 : 0;
}

/* ---- reading a volume ---- */

static void copy_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text ? text : "");
    for (char *at = out; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

static int read_plist(const struct source *file, struct xnu_volume *out, struct error *err)
{
    struct plist *plist;
    struct blob text;
    if (file->size > LARGEST_PLIST || source_map(file, &text, err))
        return -1;
    const int result = plist_parse(&text, &plist, err);
    blob_free(&text);
    if (result)
        return -1;
    copy_text(out->product, sizeof(out->product), plist_text(plist, "ProductName"));
    copy_text(out->version, sizeof(out->version), plist_text(plist, "ProductVersion"));
    copy_text(out->build, sizeof(out->build), plist_text(plist, "ProductBuildVersion"));
    plist_free(plist);
    return out->version[0] ? 0 : -1;
}

/* Finds the copy in a folder of Preboot. */
struct preboot {
    char name[512]; /* "": not found */
};

static int visit_preboot(void *context, const struct container_entry *entry)
{
    struct preboot *preboot = context;
    const size_t length = strlen(entry->name), want = strlen(PLIST);
    if (length < want || length >= sizeof(preboot->name) ||
        strcmp(entry->name + length - want, PLIST))
        return 0;
    memcpy(preboot->name, entry->name, length + 1);
    return 1;
}

static int use_file_system(void *context, const struct source *in,
                           const struct container_class *class, struct error *err)
{
    struct preboot preboot = {0};
    struct source file;
    const char *member = PLIST;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!class->extract(in, member, &file, err)) {
            const int result = read_plist(&file, context, err);
            source_close(&file);
            if (!result)
                return 0;
        }
        if (strcmp(class->name, "apfs") ||
            class->list(in, "Preboot/", visit_preboot, &preboot, err) || !preboot.name[0])
            return -1;
        member = preboot.name;
    }
    return -1;
}

struct volume_request {
    const char *path;
    const struct im4p_keys *keys;
};

static int read_volume(const struct volume_request *request, struct xnu_volume *out)
{
    const struct source_context reading = {.keys = request->keys};
    struct source file;
    struct error ignored;
    if (container_open_with(request->path, &reading, &file, &ignored))
        return -1;
    const int result = container_each_file_system(&file, use_file_system, out, &ignored);
    source_close(&file);
    return result;
}

static bool read_answer(void *context, void *answer)
{
    return !read_volume(context, answer);
}

static bool all_terminated(const struct xnu_volume *volume)
{
    return !volume->product[sizeof(volume->product) - 1] &&
           !volume->version[sizeof(volume->version) - 1] &&
           !volume->build[sizeof(volume->build) - 1];
}

bool xnu_volume_read(const char *path, const struct im4p_keys *keys, struct xnu_volume *out)
{
    struct volume_request request = {path, keys};
    *out = (struct xnu_volume){0};
    return strcmp(path, "-") && isolated_call(read_answer, &request, out, sizeof(*out)) &&
           all_terminated(out);
}

/* ---- kernel and volume ---- */

/* A disk as --disk names it: the path ends at the first comma. */
static bool read_disk(const char *spec, const struct im4p_keys *keys, struct boot_versions *out)
{
    snprintf(out->file, sizeof(out->file), "%.*s", (int)strcspn(spec, ","), spec);
    return xnu_volume_read(out->file, keys, &out->volume);
}

static bool find_root(const struct boot_options *options, const char *const *disks, unsigned count,
                      struct boot_versions *out)
{
    const struct im4p_keys *keys = source_keys(options->context);
    if (options->ramdisk && xnu_volume_read(options->ramdisk, keys, &out->volume)) {
        snprintf(out->file, sizeof(out->file), "%s", options->ramdisk);
        return true;
    }
    for (unsigned i = 0; i < count; i++)
        if (read_disk(disks[i], keys, out))
            return true;
    return false;
}

static void name_kernel(const struct xnu_version *version, struct boot_versions *out)
{
    static const char banner[] = "Darwin Kernel Version ";
    const char *darwin = version->banner + strlen(banner);
    if (version->darwin)
        snprintf(out->kernel, sizeof(out->kernel), "Darwin %.*s (xnu-%u)",
                 (int)strspn(darwin, "0123456789."), darwin, version->major);
    else
        snprintf(out->kernel, sizeof(out->kernel), "xnu-%u (Darwin %u)", version->major,
                 out->kernel_darwin);
}

void xnu_versions(const struct xnu_version *version, const struct boot_options *options,
                  const char *const *disks, unsigned count, struct boot_versions *out)
{
    *out = (struct boot_versions){.kernel_darwin = xnu_darwin(version)};
    if (version->major || version->darwin)
        name_kernel(version, out);
    if (!find_root(options, disks, count, out)) {
        out->file[0] = 0;
        return;
    }
    out->volume_darwin = xnu_volume_darwin(&out->volume);
    if (out->kernel_darwin && out->volume_darwin && out->kernel_darwin != out->volume_darwin)
        snprintf(out->warning, sizeof(out->warning),
                 "the kernel is %s, but %s holds %s %s (%s), which is Darwin %u: take kernel and "
                 "root volume of one release",
                 out->kernel, out->file, out->volume.product, out->volume.version,
                 out->volume.build, out->volume_darwin);
}

void boot_read_versions(const struct boot_options *options, const char *const *disks,
                        unsigned count, struct boot_versions *out)
{
    struct xnu_version version = {0};
    struct blob plain = {0};
    struct macho macho;
    struct error ignored;
    if (!boot_open_plain(options, &plain, &ignored) && !macho_open(&plain, &macho, &ignored))
        macho_xnu_version(&macho, &version);
    xnu_versions(&version, options, disks, count, out);
    blob_free(&plain);
}

void xnu_check_root(struct machine *machine, const struct boot_options *options,
                    const struct xnu_version *version)
{
    const struct machine_config *config = machine_config(machine);
    struct boot_versions versions;
    xnu_versions(version, options, config->disks, config->disk_count, &versions);
    if (versions.warning[0])
        machine_warn(machine, "%s", versions.warning);
}
