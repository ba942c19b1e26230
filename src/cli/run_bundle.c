/* SPDX-License-Identifier: MIT */
/* From a bundle (image/bundle.h) to what `run` takes: disks as --disk would name them. What is in a
 * bundle is not written to; an auxiliary image that was imported is the guest's own. */

#include "cli/run_bundle.h"

#include <stdlib.h>
#include <string.h>

/* FILE[,OPTION] for --disk; NULL and *ERR. What is in a bundle stays as it is, but what was
 * imported for this is the guest's. */
static char *disk_spec(const char *path, const char *option, struct error *err)
{
    char *spec = NULL;
    if (strchr(path, ','))
        error_set(err, ERROR_DATA, "%s: a comma cannot be in a disk's name: make a link to it",
                  path);
    else if (asprintf(&spec, "%s%s", path, option) < 0)
        error_set(err, ERROR_OS, "out of memory");
    return spec;
}

/* The disks of the bundle, in order, then the auxiliary image where it begins with its contents,
 * then those of --disk. */
static int add_disks(struct run_bundle *run, struct string_list *disks, struct error *err)
{
    const struct bundle *bundle = &run->bundle;
    const bool aux = bundle->aux && !bundle->aux_offset;
    const size_t count = bundle->disk_count + aux;
    const char **items = calloc(count + disks->count + 1, sizeof(*items));
    run->specs = calloc(count + 1, sizeof(*run->specs));
    if (!items || !run->specs) {
        free(items);
        return error_set(err, ERROR_OS, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const struct bundle_disk *disk = &bundle->disks[i];
        const bool own = i == bundle->disk_count && !strcmp(bundle->kind, "pomona");
        items[i] = run->specs[i] =
            i == bundle->disk_count
                ? disk_spec(bundle->aux, own ? "" : ",snapshot=on", err)
                : disk_spec(disk->path, disk->read_only ? ",ro" : ",snapshot=on", err);
        if (!items[i]) {
            free(items);
            return -1;
        }
    }
    for (size_t i = 0; i < disks->count; i++)
        items[count + i] = disks->items[i];
    free(disks->items);
    *disks = (struct string_list){items, count + disks->count};
    return 0;
}

static int check_disks(const struct bundle *bundle, struct error *err)
{
    for (size_t i = 0; i < bundle->disk_count; i++)
        if (!bundle->disks[i].there)
            return error_set(err, ERROR_NOINPUT, "%s: the bundle's disk is not there",
                             bundle->disks[i].path);
        else if (strcmp(bundle->disks[i].format, "raw"))
            return error_set(err, ERROR_DATA,
                             "%s: an ASIF disk image, which macOS alone reads: convert it to a raw "
                             "one there",
                             bundle->disks[i].path);
    return 0;
}

int run_bundle_open(struct run_bundle *run, const char *folder, struct string_list *disks,
                    struct error *err)
{
    if (bundle_open(folder, &run->bundle, err))
        return -1;
    return check_disks(&run->bundle, err) || add_disks(run, disks, err) ? -1 : 0;
}

void run_bundle_close(struct run_bundle *run)
{
    for (size_t i = 0; run->specs && run->specs[i]; i++)
        free(run->specs[i]);
    free(run->specs);
    bundle_free(&run->bundle);
}
