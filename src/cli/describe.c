/* SPDX-License-Identifier: MIT */
/* Boards and machines as JSON. */

#include "cli/describe.h"
#include "boot/boot.h"
#include "cli/options.h"
#include "cli/output.h"
#include "device/device.h"

#include <inttypes.h>
#include <string.h>

static json_t *describe_registers(const struct device_class *cls)
{
    json_t *all = json_array();
    for (const struct device_reg *reg = cls->regs; reg->name; reg++)
        json_array_append_new(all, json_pack("{s:s, s:o, s:i, s:o, s:o}", "name", reg->name,
                                             "offset", json_address(reg->offset), "width",
                                             reg->width, "reset", json_address(reg->reset),
                                             "writable", json_address(reg->write_mask)));
    return all;
}

static json_t *describe_row(const struct board_row *row)
{
    json_t *out = json_pack("{s:s, s:s, s:o}", "name", row->name, "kind",
                            board_kind_name(row->kind), "base", json_address(row->base));
    if (row->size)
        json_object_set_new(out, "size", json_address(row->size));
    if (row->spi_count) {
        json_object_set_new(out, "spi", json_integer(row->spi));
        json_object_set_new(out, "spi_count", json_integer(row->spi_count));
    }
    if (*row->note)
        json_object_set_new(out, "note", json_string(row->note));
    if (row->cls) {
        json_object_set_new(out, "class", json_string(row->cls->name));
        json_object_set_new(out, "description", json_string(row->cls->description));
        json_object_set_new(out, "registers", describe_registers(row->cls));
    }
    return out;
}

json_t *describe_board(const struct board *board)
{
    json_t *rows = json_array();
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        json_array_append_new(rows, describe_row(row));
    return json_pack("{s:s, s:s, s:i, s:i, s:o, s:o}", "name", board->name, "description",
                     board->description, "max_cpus", (int)board->max_cpus, "spi_count",
                     (int)board->spi_count, "default_memory", json_address(board->default_memory),
                     "map", rows);
}

void describe_versions(const struct boot_versions *versions, json_t *out)
{
    const struct xnu_volume *volume = &versions->volume;
    if (versions->kernel[0])
        json_object_set_new(out, "kernel",
                            json_pack("{s:s, s:i}", "version", versions->kernel, "darwin",
                                      (int)versions->kernel_darwin));
    if (versions->file[0])
        json_object_set_new(out, "root",
                            json_pack("{s:o, s:s, s:s, s:s, s:i}", "file",
                                      json_text(versions->file, strlen(versions->file)), "product",
                                      volume->product, "version", volume->version, "build",
                                      volume->build, "darwin", (int)versions->volume_darwin));
    if (versions->warning[0])
        json_object_set_new(
            out, "warnings",
            json_pack("[o]", json_text(versions->warning, strlen(versions->warning))));
}

const struct board *board_from_name(const char *name, struct error *err)
{
    const struct board *board = board_find(name);
    if (board)
        return board;
    const char *names[8];
    size_t count = 0;
    for (const struct board *const *each = boards; *each && count < 8; each++)
        names[count++] = (*each)->name;
    const char *near = nearest(name, names, count);
    if (near)
        error_set(err, ERROR_USAGE, "no machine '%s'; did you mean '%s'?", name, near);
    else
        error_set(err, ERROR_USAGE, "no machine '%s'; 'pomona machine' lists them", name);
    return NULL;
}
