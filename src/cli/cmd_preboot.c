/* SPDX-License-Identifier: MIT */
/* `pomona preboot kernelcache`: the kernels that a Mac's disk starts with (image/preboot.h). */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"
#include "image/preboot.h"

struct values {
    bool json;
    const char *output, *group;
    struct key_options keys;
};

static const struct option kernelcache_options[] = {
    {"output", 'o', OPTION_FILE, offsetof(struct values, output), "FILE", NULL,
     "writes the active kernel to FILE (-: standard output) instead of listing all"},
    {"group", 'g', OPTION_STRING, offsetof(struct values, group), "UUID", NULL,
     "-o: of this volume group, where the disk has several systems"},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, NULL, "prints the list as JSON"},
    KEY_OPTIONS,
    {0},
};

static json_t *kernel_json(const struct preboot_kernel *kernel)
{
    return json_pack("{s:s, s:s, s:I, s:b, s:b}", "path", kernel->path, "group", kernel->group,
                     "size", (json_int_t)kernel->size, "active", kernel->active, "custom",
                     kernel->custom);
}

static int print_list(const struct preboot_kernel *kernels, unsigned count, bool json)
{
    json_t *array = json ? json_array() : NULL;
    for (unsigned i = 0; i < count; i++) {
        const struct preboot_kernel *kernel = &kernels[i];
        if (array) {
            json_array_append_new(array, kernel_json(kernel));
            continue;
        }
        printf("%-6s %12" PRIu64 "  ", kernel->active ? "active" : "", kernel->size);
        print_text(kernel->path, strlen(kernel->path));
        putchar('\n');
    }
    return array ? print_json(array) : finish_output();
}

static int extract(const struct source *disk, const struct preboot_kernel *kernels, unsigned count,
                   const struct values *values, struct error *err)
{
    struct source file;
    const struct preboot_kernel *kernel =
        preboot_choose(kernels, count, values->group, disk->name, err);
    if (!kernel || preboot_extract(disk, kernel, &file, err))
        return -1;
    const int result = write_source(values->output, &file, err);
    source_close(&file);
    return result;
}

static int run_kernelcache(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct reading reading;
    struct source disk;
    unsigned count;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (reading_open(&reading, operands.items[0], &values.keys, !values.output, &disk, &err))
        return report(&err);
    struct preboot_kernel *kernels = calloc(PREBOOT_MAX_KERNELS, sizeof(*kernels));
    int result = kernels ? preboot_list(&disk, kernels, &count, &err)
                         : error_set(&err, ERROR_OS, "out of memory");
    if (!result && values.output)
        result = extract(&disk, kernels, count, &values, &err);
    reading_end(&reading);
    status = result ? report(&err) : values.output ? 0 : print_list(kernels, count, values.json);
    free(kernels);
    source_close(&disk);
    return status;
}

const struct verb verb_preboot_kernelcache = {
    .name = "preboot kernelcache",
    .synopsis = "[-o FILE] [-g UUID] [--json] DISK",
    .summary = "lists the kernels in a Mac disk's Preboot volume, or writes out the active one",
    .description = "DISK is a disk image with a GUID partition table, an APFS container, or a disk "
                   "image in another file. A path of the list can be given behind the disk's name: "
                   "'pomona run DISK:PATH'; 'pomona run DISK' takes the active kernel.",
    .options = kernelcache_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_kernelcache,
};
