/* SPDX-License-Identifier: MIT */
/* The arm64 Linux boot protocol (Documentation/arch/arm64/booting.rst): Image at a 2 MiB boundary
 * plus text_offset, device tree in X0, MMU off. Image.gz is undone first; an EFI zboot image (a PE
 * stub around a compressed Image) is opened, since there is no EFI here to run the stub. */

#include <stdlib.h>
#include <string.h>

#include "../device/device.h"
#include "../image/compress.h"
#include "../image/container.h"
#include "load.h"

#define IMAGE_HEADER          64
#define IMAGE_MAGIC_AT        56
#define IMAGE_TEXT_OFFSET     8
#define IMAGE_SIZE            16
#define IMAGE_FLAGS           24
#define IMAGE_FLAG_BIG_ENDIAN 1
#define OLD_TEXT_OFFSET       0x80000 /* what image_size = 0 (before 3.17) means */
#define ZBOOT_MAGIC_AT        4
#define ZBOOT_PAYLOAD_OFFSET  8
#define ZBOOT_PAYLOAD_SIZE    12
#define ZBOOT_COMPRESSION     24
#define PE_OFFSET_AT          0x3c
#define PE_HEADER             24
#define PE_SECTION            40

static bool is_image(const struct blob *in)
{
    return in->size >= IMAGE_HEADER && !memcmp(in->data + IMAGE_MAGIC_AT, "ARM\x64", 4);
}

static bool is_zboot(const struct blob *in)
{
    return in->size >= IMAGE_HEADER && !memcmp(in->data, "MZ", 2) &&
           !memcmp(in->data + ZBOOT_MAGIC_AT, "zimg", 4);
}

bool linux_recognise(const struct blob *in)
{
    return is_image(in) || is_zboot(in);
}

static int open_zboot(const struct blob *in, struct blob *out, struct error *err)
{
    static const struct {
        const char *method; /* as the kernel's build names it */
        int (*decode)(const struct blob *in, struct blob *out, struct error *err);
    } known[] = {{"gzip", gzip_decode},
                 {"zstd22", zstd_decode},
                 {"zstd", zstd_decode},
                 {"xzkern", xz_decode},
                 {"lzma", xz_decode}};
    char method[33] = {0};
    struct blob payload;
    memcpy(method, in->data + ZBOOT_COMPRESSION, 32);
    for (char *c = method; *c; c++)
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    if (blob_slice(in, get_le32(in->data + ZBOOT_PAYLOAD_OFFSET),
                   get_le32(in->data + ZBOOT_PAYLOAD_SIZE), &payload, "the compressed kernel", err))
        return -1;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcmp(method, known[i].method))
            return known[i].decode(&payload, out, err);
    return blob_error(in, ZBOOT_COMPRESSION, err,
                      "EFI zboot compression \"%s\" is not supported: unpack the kernel first",
                      method);
}

/* The plain Image; *OUT is to be freed, and may be a view of FILE. */
static int open_image(const struct blob *file, struct blob *out, struct error *err)
{
    struct blob plain;
    if (decompress_any(file, &plain, err))
        return -1;
    if (is_zboot(&plain)) {
        const int result = open_zboot(&plain, out, err);
        blob_free(&plain);
        if (result)
            return -1;
    } else {
        *out = plain;
    }
    if (is_image(out))
        return 0;
    blob_free(out);
    return blob_error(file, IMAGE_MAGIC_AT, err,
                      "not an arm64 Linux Image: its magic number is missing");
}

/* The Image's own header does not say how long the file is, but that of the EFI stub, which most
 * kernels have, does: every PE section must be there. 0, or -1 for a file that was cut off. */
static int check_sections(const struct blob *image, struct error *err)
{
    if (memcmp(image->data, "MZ", 2))
        return 0;
    const uint64_t pe = get_le32(image->data + PE_OFFSET_AT);
    const uint8_t *coff = blob_at(image, pe, PE_HEADER);
    const uint64_t table = coff ? pe + PE_HEADER + get_le16(coff + 20) : pe;
    for (unsigned i = 0; coff && i < get_le16(coff + 6); i++) {
        const uint8_t *section = blob_at(image, table + i * PE_SECTION, PE_SECTION);
        if (!section || !blob_at(image, get_le32(section + 20), get_le32(section + 16))) {
            coff = NULL;
            break;
        }
    }
    return coff ? 0
                : blob_error(image, image->size, err,
                             "truncated: the kernel ends here; get a whole copy");
}

struct layout {
    uint64_t kernel, kernel_size; /* with BSS */
    uint64_t initrd, initrd_size;
    uint64_t dtb;
};

static int read_header(const struct blob *image, struct layout *layout, struct error *err)
{
    const uint64_t text_offset = get_le64(image->data + IMAGE_TEXT_OFFSET);
    const uint64_t size = get_le64(image->data + IMAGE_SIZE);
    if (get_le64(image->data + IMAGE_FLAGS) & IMAGE_FLAG_BIG_ENDIAN)
        return blob_error(image, IMAGE_FLAGS, err,
                          "a big-endian kernel: Apple's CPUs are little-endian only");
    if (size && size < image->size / 2)
        return blob_error(
            image, IMAGE_SIZE, err,
            "image_size 0x%llx is smaller than the file: corrupted header; get a whole copy",
            (unsigned long long)size);
    if (text_offset >= MIB(2))
        return blob_error(image, IMAGE_TEXT_OFFSET, err,
                          "text_offset 0x%llx is above 2 MiB: corrupted header; get a whole copy",
                          (unsigned long long)text_offset);
    if (check_sections(image, err))
        return -1;
    layout->kernel += size ? text_offset : OLD_TEXT_OFFSET;
    layout->kernel_size = size > image->size ? size : image->size;
    return 0;
}

static int place_initrd(struct machine *machine, const struct boot_options *options,
                        struct layout *layout, struct error *err)
{
    struct blob initrd;
    layout->initrd = align_up(layout->kernel + layout->kernel_size, MIB(2));
    if (!options->initrd)
        return 0;
    if (image_open_with(&initrd, options->initrd, options->context, err))
        return -1;
    layout->initrd_size = initrd.size;
    const int result = boot_place(machine, layout->initrd, &initrd, options->initrd, err);
    blob_free(&initrd);
    return result;
}

int linux_load(struct machine *machine, const struct boot_options *options,
               struct boot_entry *entry, struct error *err)
{
    struct blob file, image;
    struct layout layout = {.kernel = align_up(boot_ram_base(machine), MIB(2))};
    if (options->ramdisk)
        return error_set(err, ERROR_USAGE, "Linux takes no --ramdisk: give %s as --initrd",
                         options->ramdisk);
    if (boot_open(options, &file, err))
        return -1;
    int result = open_image(&file, &image, err);
    if (!result) {
        result = read_header(&image, &layout, err) ||
                 boot_place(machine, layout.kernel, &image, file.name, err) ||
                 boot_clear(machine, layout.kernel + image.size, layout.kernel_size - image.size,
                            file.name, err);
        blob_free(&image);
    }
    blob_free(&file);
    if (result || place_initrd(machine, options, &layout, err))
        return -1;
    layout.dtb = align_up(layout.initrd + layout.initrd_size, MIB(2));
    const struct tree_place place = {
        .address = layout.dtb,
        .initrd = layout.initrd,
        .initrd_size = layout.initrd_size,
    };
    if (boot_place_tree(machine, options, &place, err))
        return -1;
    entry->pc = layout.kernel;
    entry->x[0] = layout.dtb;
    return 0;
}
