/* SPDX-License-Identifier: MIT */
/* Flat images: raw.c puts a file, decompressed where it was looked into (sniff.c), at an address
 * and starts it there; a boot ROM goes to the board's ROM and starts at its first word, with the
 * MMU off and all other CPUs parked (PSCI). */

#include "../machine/board.h"
#include "load.h"

int raw_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err)
{
    struct blob file;
    const bool as_it_is = options->kind == BOOT_RAW;
    if (as_it_is ? boot_open(options, &file, err) : boot_open_plain(options, &file, err))
        return -1;
    const uint64_t address = options->raw_address ? options->raw_address : boot_ram_base(machine);
    int result = 0;
    if (options->raw_entry >= file.size || options->raw_entry % 4)
        result = error_set(err, ERROR_DATA,
                           "%s: the entry offset 0x%llx is no instruction in a file of 0x%zx bytes",
                           file.name, (unsigned long long)options->raw_entry, file.size);
    else
        result = boot_place(machine, address, &file, file.name, err);
    blob_free(&file);
    entry->pc = address + options->raw_entry;
    return result;
}

int rom_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err)
{
    const struct board_row *rom = board_row_find(machine_board(machine), "rom");
    struct blob file;
    if (!rom)
        return error_set(err, ERROR_USAGE, "this board has no boot ROM: use --machine vmapple");
    if (options->embedded)
        return error_set(err, ERROR_USAGE, "no boot ROM was named: give its file");
    if (boot_open_plain(options, &file, err))
        return -1;
    int result = 0;
    if (!file.size || file.size > rom->size)
        result = error_set(err, ERROR_DATA, "%s: %zu bytes do not fit the boot ROM's 1 .. %llu",
                           file.name, file.size, (unsigned long long)rom->size);
    else
        result = boot_place(machine, rom->base, &file, file.name, err);
    blob_free(&file);
    entry->pc = rom->base;
    return result;
}
