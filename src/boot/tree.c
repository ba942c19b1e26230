/* SPDX-License-Identifier: MIT */
/* A flattened device tree in guest memory: the board's own, or the user's brought up to date. */

#include <stdlib.h>

#include "../device/device.h"
#include "../image/container.h"
#include "fdt.h"
#include "load.h"

#define DTB_LIMIT MIB(2) /* Linux, Documentation/arch/arm64/booting.rst */

static int make_tree(struct machine *machine, const struct boot_options *options,
                     const struct tree_place *place, void **dtb, size_t *size, struct error *err)
{
    struct fdt_params params = {
        .board = machine_board(machine),
        .ram_size = machine_ram_size(machine),
        .cpus = machine_cpu_count(machine),
        .el2 = options->el2,
        .pmu = machine_has_pmu(machine),
        .command_line = options->command_line ? options->command_line : "",
        .initrd_start = place->initrd,
        .initrd_end = place->initrd + place->initrd_size,
    };
    machine_random(machine, params.seed, sizeof(params.seed));
    if (!options->device_tree)
        return fdt_make(&params, dtb, size, err);
    struct blob user = {0};
    if (image_open_with(&user, options->device_tree, options->context, err))
        return -1;
    const int result =
        fdt_patch(&params, user.data, user.size, options->device_tree, dtb, size, err);
    blob_free(&user);
    return result;
}

int boot_place_tree(struct machine *machine, const struct boot_options *options,
                    const struct tree_place *place, struct error *err)
{
    struct blob tree = {.name = "the device tree"};
    void *dtb = NULL;
    if (make_tree(machine, options, place, &dtb, &tree.size, err))
        return -1;
    tree.data = dtb;
    int result = 0;
    if (tree.size > DTB_LIMIT)
        result = error_set(err, ERROR_DATA,
                           "the device tree has %zu bytes; Linux takes 2 MiB at most", tree.size);
    else if (!place->room || tree.size <= place->room)
        result = boot_place(machine, place->address, &tree, "the device tree", err);
    free(dtb);
    return result;
}
