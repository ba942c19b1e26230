/* SPDX-License-Identifier: MIT */
/* What a file is, by what is in it. Kernels, collections and programs have magic numbers; a flat
 * image has none, and is taken for one only when what the first CPU would run is code: a few
 * instructions from its entry on, through branches that stay in the file. What is none of these is
 * refused, because a machine that is given a text, an archive or half a kernel can only end in an
 * exception loop that explains nothing. --boot raw, --load-address and --entry-offset say that a
 * file is a flat image, whatever is in it. */

#include "../a64/decode.h"
#include "../image/container.h"
#include "../image/im4p.h"
#include "../image/macho.h"
#include "load.h"

/* So many instructions at the entry are looked at. */
#define ENOUGH 16

static enum boot_kind kind_of(const struct blob *blob)
{
    if (im4p_recognise(blob) || macho_recognise(blob))
        return BOOT_XNU;
    if (linux_recognise(blob))
        return BOOT_LINUX;
    return elf_recognise(blob) ? BOOT_ELF : BOOT_RAW;
}

/* How far the branch WORD at an address leads; 0: WORD is none that has its target in itself. */
static int64_t branch_distance(uint32_t word)
{
    if ((word & 0x7c000000) == 0x14000000) /* B, BL */
        return (int32_t)(word << 6) >> 4;
    if ((word & 0x7e000000) == 0x34000000 || (word & 0xfe000000) == 0x54000000) /* CBZ, B.cond */
        return (int32_t)(word << 8) >> 11 & ~3;
    if ((word & 0x7e000000) == 0x36000000) /* TBZ */
        return (int32_t)(word << 13) >> 16 & ~3;
    return 0;
}

static bool is_unconditional(uint32_t word)
{
    return (word & 0xfc000000) == 0x14000000;
}

/* SVC, HVC, SMC, BRK, HLT; WFI, WFE: a guest may end with one. */
static bool may_be_last(uint32_t word)
{
    return (word & 0xff000000) == 0xd4000000 || (word & ~0x20u) == 0xd503205f;
}

/* BR, RET, ERET and the like, BRK and HLT: what is behind them need not be code. */
static bool ends_path(uint32_t word)
{
    return ((word & 0xfe000000) == 0xd6000000 && (word & 0x00e00000) != 0x00200000) ||
           ((word & 0xff000000) == 0xd4000000 && word & 0x00e00000);
}

/* Whether the CPU would find code at *AT; else *AT is where it would not. */
static bool is_code(const struct blob *in, uint64_t *at)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < ENOUGH; i++) {
        const uint8_t *place = *at % 4 ? NULL : blob_at(in, *at, 4);
        if (!place)
            return may_be_last(word);
        word = get_le32(place);
        const uint64_t target = *at + (uint64_t)branch_distance(word);
        if (word < 0x10000 || !a64_decode(word) || target >= in->size) /* UDF */
            return false;
        if (ends_path(word))
            return true;
        *at = is_unconditional(word) ? target : *at + 4;
    }
    return true;
}

static int no_guest(const struct blob *in, uint64_t at, struct error *err)
{
    const uint8_t *word = blob_at(in, at, 4);
    if (!word)
        return blob_error(
            in, at, err,
            "neither a kernel nor a program: the file ends here, where code would go on; "
            "a flat image of any content starts with --boot raw");
    return blob_error(
        in, at, err,
        "neither a kernel nor a program, and 0x%08x is no instruction that leads on: a "
        "flat image of any content starts with --boot raw",
        get_le32(word));
}

/* Nothing known is in PLAIN, which is what OPTIONS names, unpacked. */
static int check_flat(const struct boot_options *options, const struct blob *plain,
                      struct error *err)
{
    struct source file;
    uint64_t at = options->raw_entry;
    if (options->raw_address || options->raw_entry || is_code(plain, &at))
        return 0;
    if (options->embedded || container_open_with(options->file, options->context, &file, NULL))
        return no_guest(plain, at, err);
    const struct container_class *class = container_of(&file);
    const int result =
        class ? source_error(&file, 0, err,
                             "files are in here (%s): name the kernel among them, as %s:PATH",
                             class->description, options->file)
              : no_guest(plain, at, err);
    source_close(&file);
    return result;
}

/* Looks through compression: a compressed Mach-O or Image is still what it is, and one that cannot
 * be unpacked is no flat image. */
static int kind_inside(const struct boot_options *options, const struct blob *blob,
                       enum boot_kind *kind, struct error *err)
{
    struct blob plain;
    *kind = kind_of(blob);
    if (*kind != BOOT_RAW)
        return 0;
    if (image_unpack(blob, source_keys(options->context), &plain, err))
        return -1;
    if (plain.data != blob->data)
        *kind = kind_of(&plain);
    const int result = *kind == BOOT_RAW ? check_flat(options, &plain, err) : 0;
    blob_free(&plain);
    return result;
}

int boot_sniff(const struct boot_options *options, enum boot_kind *kind, struct error *err)
{
    struct blob blob;
    *kind = options->kind;
    if (options->kind != BOOT_AUTO)
        return 0;
    if (boot_open(options, &blob, err))
        return -1;
    const int result = kind_inside(options, &blob, kind, err);
    blob_free(&blob);
    return result;
}

const char *boot_kind_name(enum boot_kind kind)
{
    static const char *const names[] = {"guest",       "Linux kernel", "XNU kernel",
                                        "ELF program", "flat image",   "boot ROM"};
    return names[kind];
}
