/* SPDX-License-Identifier: MIT */
/* From a guest to its protocol, and what all protocols share: opening, placing, complaining. */

#include "boot.h"

#include <string.h>

#include "../device/device.h"
#include "../image/container.h"
#include "../machine/board.h"
#include "load.h"

/* Files are copied in such pieces, so that progress can be told. */
#define PIECE MIB(4)

uint64_t boot_ram_base(const struct machine *machine)
{
    return board_first(machine_board(machine), BOARD_RAM)->base;
}

uint64_t boot_ram_end(const struct machine *machine)
{
    return boot_ram_base(machine) + machine_ram_size(machine);
}

int boot_open(const struct boot_options *options, struct blob *out, struct error *err)
{
    if (options->embedded) {
        *out = (struct blob){
            .data = options->embedded, .size = options->embedded_size, .name = options->file};
        return 0;
    }
    if (!options->file)
        return error_set(err, ERROR_USAGE,
                         "no guest was named: give a kernel, or see 'pomona run --help'");
    return image_open_with(out, options->file, options->context, err);
}

int boot_open_plain(const struct boot_options *options, struct blob *out, struct error *err)
{
    struct blob file;
    if (boot_open(options, &file, err))
        return -1;
    const int result = image_unpack(&file, source_keys(options->context), out, err);
    if (result)
        blob_free(&file);
    else
        blob_replace(&file, out);
    return result;
}

static int does_not_fit(struct machine *machine, uint64_t address, uint64_t size, const char *what,
                        struct error *err)
{
    if (address < boot_ram_base(machine))
        return error_set(
            err, ERROR_DATA, "%s cannot be at 0x%llx: memory begins at 0x%llx; see --load-address",
            what, (unsigned long long)address, (unsigned long long)boot_ram_base(machine));
    return error_set(
        err, ERROR_DATA,
        "%s needs 0x%llx bytes at 0x%llx, but memory ends at 0x%llx: give a larger --memory", what,
        (unsigned long long)size, (unsigned long long)address,
        (unsigned long long)boot_ram_end(machine));
}

int boot_place(struct machine *machine, uint64_t address, const struct blob *blob, const char *what,
               struct error *err)
{
    if (blob->size && !guest_view(machine, address, blob->size))
        return does_not_fit(machine, address, blob->size, what, err);
    for (uint64_t done = 0; done < blob->size;) {
        const uint64_t left = blob->size - done, piece = left < PIECE ? left : PIECE;
        if (guest_write(machine, address + done, blob->data + done, piece))
            return does_not_fit(machine, address, blob->size, what, err);
        done += piece;
        machine_progress(machine, what, done, blob->size);
    }
    return 0;
}

int boot_clear(struct machine *machine, uint64_t address, uint64_t size, const char *what,
               struct error *err)
{
    static const uint8_t zeros[65536];
    if (size && !guest_view(machine, address, size))
        return does_not_fit(machine, address, size, what, err);
    for (uint64_t done = 0; done < size;) {
        const uint64_t piece = size - done < sizeof(zeros) ? size - done : sizeof(zeros);
        if (guest_write(machine, address + done, zeros, piece))
            return does_not_fit(machine, address, size, what, err);
        done += piece;
    }
    return 0;
}

int boot_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
              struct error *err)
{
    enum boot_kind kind;
    *entry = (struct boot_entry){.el2 = options->el2};
    if (boot_sniff(options, &kind, err))
        return -1;
    if (kind != BOOT_RAW && (options->raw_address || options->raw_entry))
        return error_set(err, ERROR_USAGE,
                         "a %s says itself where it goes and starts: leave --load-address and "
                         "--entry-offset out, or give --boot raw",
                         boot_kind_name(kind));
    switch (kind) {
    case BOOT_LINUX:
        return linux_load(machine, options, entry, err);
    case BOOT_XNU:
        return xnu_load(machine, options, entry, err);
    case BOOT_ELF:
        return elf_load(machine, options, entry, err);
    case BOOT_ROM:
        return rom_load(machine, options, entry, err);
    default:
        return raw_load(machine, options, entry, err);
    }
}
