/* SPDX-License-Identifier: MIT */
/* Whether a kernel is that of the root volume: macOS does not start on another release's kernel,
 * and says so in ways that nobody understands.
 *
 * The volume's release stands in /System/Library/CoreServices/SystemVersion.plist, a small text
 * file that HFS+ and APFS both store as it is. Its text is looked for in the first 256 MiB of the
 * RAM disk and of each disk, without knowing the file system; where it is not found nothing is
 * said. xnu's numbers of each release are from the names of Apple's source releases. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../machine/machine.h"
#include "xnu_volume.h"

#define LOOK_AT MIB(256)
#define KEY     "<key>ProductVersion</key>"
#define NEAR    64 /* bytes between the key and its value */

/* The first xnu of each macOS. */
static const struct {
    unsigned xnu, macos;
} releases[] = {{7195, 11}, {8019, 12}, {8792, 13}, {10002, 14}, {11215, 15}, {12377, 26}};

unsigned xnu_macos_release(unsigned xnu)
{
    unsigned macos = 0;
    for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
        if (xnu >= releases[i].xnu)
            macos = releases[i].macos;
    return macos;
}

unsigned xnu_volume_release(const void *data, size_t size)
{
    const char *at = memmem(data, size, KEY, strlen(KEY));
    if (!at)
        return 0;
    at += strlen(KEY);
    const size_t left = (size_t)((const char *)data + size - at);
    const char *value = memmem(at, left < NEAR ? left : NEAR, "<string>", 8);
    unsigned release = 0;
    if (!value)
        return 0;
    for (value += 8;
         value < (const char *)data + size && *value >= '0' && *value <= '9' && release < 100;
         value++)
        release = release * 10 + (unsigned)(*value - '0');
    return release;
}

static void check_file(struct machine *machine, const char *path, unsigned xnu)
{
    struct blob file;
    struct error err;
    if (blob_open(&file, path, &err))
        return; /* whoever needs it complains */
    const unsigned kernel = xnu_macos_release(xnu);
    const unsigned volume =
        xnu_volume_release(file.data, file.size < LOOK_AT ? file.size : LOOK_AT);
    if (kernel && volume && kernel != volume)
        machine_warn(machine,
                     "%s holds macOS %u, but the kernel is xnu-%u, of macOS %u: take kernel and "
                     "volume of one release",
                     path, volume, xnu, kernel);
    blob_free(&file);
}

/* A disk as --disk names it: the path ends at the first comma. */
static void check_disk(struct machine *machine, const char *spec, unsigned xnu)
{
    char *path = strndup(spec, strcspn(spec, ","));
    if (path)
        check_file(machine, path, xnu);
    free(path);
}

void xnu_check_volumes(struct machine *machine, const struct boot_options *options, unsigned xnu)
{
    const struct machine_config *config = machine_config(machine);
    if (options->ramdisk)
        check_file(machine, options->ramdisk, xnu);
    for (unsigned i = 0; i < config->disk_count; i++)
        check_disk(machine, config->disks[i], xnu);
}
