/* SPDX-License-Identifier: MIT */
#ifndef POMONA_BOOT_LOAD_H
#define POMONA_BOOT_LOAD_H

/* What the boot protocols share; private to src/boot. */

#include "../image/blob.h"
#include "boot.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

static inline uint64_t align_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) & ~(to - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t to)
{
    return value & ~(to - 1);
}

/* First byte of RAM, and the byte behind the last. */
uint64_t boot_ram_base(const struct machine *machine);
uint64_t boot_ram_end(const struct machine *machine);

/* The guest: the embedded one, or the file mapped. */
int boot_open(const struct boot_options *options, struct blob *out, struct error *err);
/* The same, out of what it is wrapped in: IMG4, IM4P, compression. */
int boot_open_plain(const struct boot_options *options, struct blob *out, struct error *err);
/* Copies BLOB to ADDRESS; WHAT names it in the complaint when it does not fit in RAM. */
int boot_place(struct machine *machine, uint64_t address, const struct blob *blob, const char *what,
               struct error *err);
/* Zeroes [address, address + size). */
int boot_clear(struct machine *machine, uint64_t address, uint64_t size, const char *what,
               struct error *err);

/* Where a device tree goes, and what it says of the initrd (no size: none). */
struct tree_place {
    uint64_t address;
    uint64_t room; /* bytes there; a larger tree is left out. 0: as many as it needs */
    uint64_t initrd, initrd_size;
};
int boot_place_tree(struct machine *machine, const struct boot_options *options,
                    const struct tree_place *place, struct error *err);

int linux_load(struct machine *machine, const struct boot_options *options,
               struct boot_entry *entry, struct error *err);
int xnu_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err);
int raw_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err);
int elf_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err);
int rom_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err);

/* Whether IN begins as a Linux Image or an EFI zboot image does; as an ELF file for AArch64 does.
 */
bool linux_recognise(const struct blob *in);
bool elf_recognise(const struct blob *in);

#endif
