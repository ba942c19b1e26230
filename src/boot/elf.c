/* SPDX-License-Identifier: MIT */
/* Static AArch64 ELF programs at their own physical addresses (System V ABI, ELF-64): every PT_LOAD
 * is placed at p_paddr and its rest zeroed; the program starts at e_entry, seen through the segment
 * that holds it. Where the program leaves the start of RAM free, the device tree stands there, as
 * on QEMU's board: programs made for that look for it. */

#include <string.h>

#include "load.h"

#define EHDR_SIZE  64
#define PHDR_SIZE  56
#define ET_EXEC    2
#define EM_AARCH64 183
#define PT_LOAD    1

bool elf_recognise(const struct blob *in)
{
    return in->size >= 4 && !memcmp(in->data, "\177ELF", 4);
}

/* Whether it is of the kind that can be started here. */
static bool is_aarch64(const struct blob *in)
{
    return in->size >= EHDR_SIZE && !memcmp(in->data, "\177ELF\2\1", 6) &&
           get_le16(in->data + 18) == EM_AARCH64;
}

struct phdr {
    uint64_t offset, vaddr, paddr, filesz, memsz;
};

/* What the segments take of memory. */
struct extent {
    uint64_t first, end;
};

static int load_segment(struct machine *machine, const struct blob *file, const struct phdr *ph,
                        struct error *err)
{
    struct blob content;
    if (ph->filesz > ph->memsz)
        return blob_error(
            file, ph->offset, err,
            "a segment is larger in the file than in memory: corrupted; get a whole copy");
    if (blob_slice(file, ph->offset, ph->filesz, &content, "a segment", err))
        return -1;
    if (boot_place(machine, ph->paddr, &content, file->name, err))
        return -1;
    return boot_clear(machine, ph->paddr + ph->filesz, ph->memsz - ph->filesz, file->name, err);
}

static int load_all(struct machine *machine, const struct blob *file, struct boot_entry *entry,
                    struct extent *extent, struct error *err)
{
    const uint64_t table = get_le64(file->data + 32);
    const unsigned size = get_le16(file->data + 54), count = get_le16(file->data + 56);
    entry->pc = get_le64(file->data + 24);
    const uint64_t start = entry->pc;
    bool inside = false;
    if (get_le16(file->data + 16) != ET_EXEC || size < PHDR_SIZE || !count)
        return blob_error(
            file, 16, err,
            "not a static executable: link it with fixed addresses (-static, no -pie)");
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *p = blob_at(file, table + (uint64_t)i * size, PHDR_SIZE);
        if (!p)
            return blob_error(file, table, err,
                              "truncated: the program headers are cut off; get a whole copy");
        const struct phdr ph = {get_le64(p + 8), get_le64(p + 16), get_le64(p + 24),
                                get_le64(p + 32), get_le64(p + 40)};
        if (get_le32(p) != PT_LOAD || !ph.memsz)
            continue;
        if (load_segment(machine, file, &ph, err))
            return -1;
        if (ph.paddr < extent->first)
            extent->first = ph.paddr;
        if (ph.paddr + ph.memsz > extent->end)
            extent->end = ph.paddr + ph.memsz;
        if (start - ph.vaddr < ph.memsz) {
            entry->pc = start - ph.vaddr + ph.paddr;
            inside = true;
        }
    }
    return inside ? 0
                  : blob_error(file, 24, err,
                               "no segment holds the entry point 0x%llx: not a bootable program",
                               (unsigned long long)start);
}

static int place_tree(struct machine *machine, const struct boot_options *options,
                      const struct extent *extent, struct error *err)
{
    const uint64_t ram = boot_ram_base(machine);
    if (extent->first <= ram)
        return 0;
    const struct tree_place place = {.address = ram, .room = extent->first - ram};
    return boot_place_tree(machine, options, &place, err);
}

int elf_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err)
{
    struct blob file;
    struct extent extent = {.first = boot_ram_end(machine)};
    if (boot_open_plain(options, &file, err))
        return -1;
    const int result =
        is_aarch64(&file)
            ? load_all(machine, &file, entry, &extent, err)
            : blob_error(&file, 0, err, "not a 64-bit little-endian AArch64 ELF file");
    blob_free(&file);
    entry->image_end = extent.end;
    return result ? result : place_tree(machine, options, &extent, err);
}
