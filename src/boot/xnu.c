/* SPDX-License-Identifier: MIT */
/* Direct boot of an XNU kernel, as iBoot would leave it: the Mach-O (a kernel or an MH_FILESET
 * collection, bare or in IM4P/IMG4, compressed or not), then device tree, RAM disk and boot_args
 * above it, a trust cache (and a tree that the kernel locks down, and an auxiliary collection)
 * below. Facts: xnu-boot sheet 2-4, image-format sheet A3-A7.
 *
 * Low to high: [auxiliary collection][locked device tree][trust cache] kernel segments [device
 * tree][RAM disk][boot_args] topOfKernelData. XNU maps RAM early with 32 MiB blocks, so PA and VA
 * of the header must agree modulo 32 MiB: the virtual base is chosen so.
 *
 * A slide moves every address by the same amount; the load commands stay as they are, since a
 * collection's kernel finds the slide by where it runs and rebases everything itself. A static
 * kernel would have to be rebased here and is refused.
 *
 * An auxiliary collection (drivers that the user added) is linked to 0; its writable segments come
 * first and its header is further up, which is why the memory map names both. The kernel of a
 * collection slides and fixes it up as its own, so its segments are only laid out here. */

#include <stdlib.h>
#include <string.h>

#include "../device/device.h"
#include "../image/container.h"
#include "../image/img4.h"
#include "../image/macho.h"
#include "../image/trust_collect.h"
#include "load.h"
#include "xnu_tree.h"
#include "xnu_volume.h"

#define XNU_PAGE           KIB(16)
#define XNU_BLOCK          MIB(32)
#define XNU_LEAST_TOP      MIB(32) /* topOfKernelData stands at least this far above the header */
#define GUEST_KERNEL_LIMIT (1ull << 30) /* a collection's pointers have 30 bits */
#define LARGEST_SLIDE      (1ull << 30)

/* boot_args offsets that no version moves. */
#define ARGS_REVISION     0x00
#define ARGS_VERSION      0x02
#define ARGS_VIRT_BASE    0x08
#define ARGS_PHYS_BASE    0x10
#define ARGS_MEM_SIZE     0x18
#define ARGS_TOP          0x20
#define ARGS_TREE         0x60
#define ARGS_TREE_LENGTH  0x68
#define ARGS_COMMAND_LINE 0x6c
#define ARGS_LARGEST      0x480

struct xnu_boot {
    struct machine *machine;
    const struct boot_options *options;
    struct macho macho;
    struct xnu_version version;
    struct adt_node *tree;
    struct blob raw; /* a raw boot object's program, instead of a Mach-O; size 0: none */
    uint64_t raw_entry;
    uint64_t phys_base, virt_base;
    uint64_t low, high; /* virtual range of the kernel's segments, slid */
    uint64_t header;    /* virtual address of the Mach-O header, slid */
    uint64_t next;      /* physical address of the next free byte above the kernel */
    uint64_t tree_at, tree_size, args_at;
    struct macho aux; /* the auxiliary collection; file.size 0: none */
};

static uint64_t physical(const struct xnu_boot *b, uint64_t va)
{
    return va - b->virt_base + b->phys_base;
}

/* The address of file offset 0. */
static int find_header(struct xnu_boot *b, struct error *err)
{
    struct macho_segment segment;
    if (b->raw.size) {
        b->header = b->low;
        return 0;
    }
    for (uint64_t cursor = 0; macho_next_segment(&b->macho, &cursor, &segment);)
        if (segment.fileoff == 0 && segment.filesize) {
            b->header = segment.vmaddr + b->options->slide;
            return 0;
        }
    return blob_error(&b->macho.file, 0, err, "no segment holds the Mach-O header: not a kernel");
}

static int check_slide(const struct xnu_boot *b, struct error *err)
{
    const uint64_t slide = b->options->slide;
    if (slide % XNU_PAGE || slide > LARGEST_SLIDE)
        return error_set(err, ERROR_USAGE,
                         "--slide must be a multiple of 16 KiB up to 1 GiB, not 0x%llx",
                         (unsigned long long)slide);
    if (slide && b->macho.filetype != MH_FILESET)
        return error_set(err, ERROR_USAGE,
                         "%s: not a kernel collection: only those can be slid; leave --slide out",
                         b->macho.file.name);
    return 0;
}

/* Kernel segments get physical addresses; BELOW bytes are needed under the lowest. */
static int choose_base(struct xnu_boot *b, uint64_t below, struct error *err)
{
    if (!b->raw.size)
        macho_range(&b->macho, &b->low, &b->high);
    if (b->low >= b->high || b->high - b->low > GUEST_KERNEL_LIMIT)
        return blob_error(&b->macho.file, 0, err, "the segments span 0x%llx..0x%llx: not a kernel",
                          (unsigned long long)b->low, (unsigned long long)b->high);
    if (check_slide(b, err))
        return -1;
    b->low += b->options->slide;
    b->high += b->options->slide;
    if (find_header(b, err))
        return -1;
    b->phys_base = boot_ram_base(b->machine);
    b->virt_base = align_down(b->low - below, XNU_BLOCK) + b->phys_base % XNU_BLOCK;
    if (b->virt_base > b->low - below)
        b->virt_base -= XNU_BLOCK;
    b->next = align_up(physical(b, b->high), XNU_PAGE);
    return 0;
}

/* The segments of MACHO, whose address 0 is PHYSICAL_ZERO. */
static int load_segments(struct xnu_boot *b, const struct macho *macho, uint64_t physical_zero,
                         struct error *err)
{
    const struct blob *file = &macho->file;
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &segment);) {
        struct blob content;
        const uint64_t filled =
            segment.filesize < segment.vmsize ? segment.filesize : segment.vmsize;
        if (!segment.vmsize)
            continue;
        if (blob_slice(file, segment.fileoff, filled, &content, segment.name, err))
            return -1;
        const uint64_t at = segment.vmaddr + physical_zero;
        if (boot_place(b->machine, at, &content, file->name, err) ||
            boot_clear(b->machine, at + filled, segment.vmsize - filled, file->name, err))
            return -1;
    }
    return 0;
}

static int load_kernel(struct xnu_boot *b, struct error *err)
{
    if (b->raw.size)
        return boot_place(b->machine, physical(b, b->low), &b->raw, b->raw.name, err);
    return load_segments(b, &b->macho, physical(b, b->options->slide), err);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_OS, "no memory for the Apple device tree");
}

static int open_tree(struct xnu_boot *b, struct error *err)
{
    struct xnu_tree_params params = {.board = machine_board(b->machine),
                                     .ram_base = boot_ram_base(b->machine),
                                     .ram_size = machine_ram_size(b->machine),
                                     .cpus = machine_cpu_count(b->machine),
                                     .ecid = machine_ecid(b->machine),
                                     .boot_args =
                                         b->options->command_line ? b->options->command_line : ""};
    machine_random(b->machine, params.seed, sizeof(params.seed));
    if (!b->options->device_tree) {
        b->tree = xnu_tree_make(&params);
        return b->tree ? 0 : no_memory(err);
    }
    struct blob plain;
    if (image_open_plain_with(&plain, b->options->device_tree, b->options->context, err))
        return -1;
    const int result = adt_parse(&plain, &b->tree, err);
    blob_free(&plain);
    if (result)
        return -1;
    return xnu_tree_patch(b->tree, &params) ? no_memory(err) : 0;
}

static int map_entry(struct xnu_boot *b, const char *name, uint64_t address, uint64_t size,
                     struct error *err)
{
    return xnu_tree_map(b->tree, name, address, size) ? no_memory(err) : 0;
}

/* A file at the next free page above the kernel, named in the memory map. */
static int place_above(struct xnu_boot *b, const char *path, const char *name, struct error *err)
{
    struct blob file;
    if (!path)
        return 0;
    if (image_open_plain_with(&file, path, b->options->context, err))
        return -1;
    const int result = boot_place(b->machine, b->next, &file, path, err) ||
                               map_entry(b, name, b->next, file.size, err)
                           ? -1
                           : 0;
    b->next = align_up(b->next + file.size, XNU_PAGE);
    blob_free(&file);
    return result;
}

static uint64_t aux_size(const struct xnu_boot *b)
{
    uint64_t low, high;
    if (!b->aux.file.size)
        return 0;
    macho_range(&b->aux, &low, &high);
    return align_up(high, XNU_PAGE);
}

/* The auxiliary collection ends at END. */
static int place_aux(struct xnu_boot *b, uint64_t end, struct error *err)
{
    const uint64_t size = aux_size(b), base = end - size;
    uint64_t header;
    if (!size)
        return 0;
    macho_base(&b->aux, &header);
    return boot_clear(b->machine, base, size, b->aux.file.name, err) ||
                   load_segments(b, &b->aux, base, err) || map_entry(b, "AuxKC", base, size, err) ||
                   map_entry(b, "AuxKC-mach_header", base + header,
                             MACHO_HEADER_SIZE + b->aux.command_size, err)
               ? -1
               : 0;
}

/* A trust cache ends at the lowest kernel page; a locked tree ends where the trust cache starts;
 * an auxiliary collection ends at the lowest of all. */
static int place_below(struct xnu_boot *b, const struct blob *trust_cache, uint64_t tree_room,
                       struct error *err)
{
    uint64_t at = align_down(physical(b, b->low), XNU_PAGE);
    if (trust_cache->size) {
        at -= align_up(trust_cache->size, XNU_PAGE);
        if (boot_place(b->machine, at, trust_cache, b->options->trust_cache, err) ||
            map_entry(b, "TrustCache", at, align_up(trust_cache->size, XNU_PAGE), err))
            return -1;
    }
    if (tree_room)
        b->tree_at = at - tree_room;
    return place_aux(b, at - tree_room, err);
}

/* The tree is written last, since its memory map names everything else; its size must be known
 * first. */
static int reserve_tree(struct xnu_boot *b, uint64_t *size, struct error *err)
{
    static const char *const entries[] = {"DeviceTree", "BootArgs", "TrustCache",
                                          "RAMDisk",    "AuxKC",    "AuxKC-mach_header"};
    struct blob draft;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (map_entry(b, entries[i], 0, 0, err))
            return -1;
    if (adt_write(b->tree, &draft, err))
        return -1;
    *size = align_up(draft.size, XNU_PAGE);
    blob_free(&draft);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        adt_remove(adt_find(b->tree, "/chosen/memory-map"), entries[i]);
    return 0;
}

static int write_tree(struct xnu_boot *b, uint64_t room, struct error *err)
{
    struct blob tree;
    if (map_entry(b, "DeviceTree", b->tree_at, room, err) ||
        map_entry(b, "BootArgs", b->args_at, XNU_PAGE, err) || adt_write(b->tree, &tree, err))
        return -1;
    b->tree_size = room;
    const int result = boot_clear(b->machine, b->tree_at, room, "the device tree", err) ||
                               boot_place(b->machine, b->tree_at, &tree, "the device tree", err)
                           ? -1
                           : 0;
    blob_free(&tree);
    return result;
}

static int write_args(struct xnu_boot *b, uint64_t top, struct error *err)
{
    const struct xnu_boot_args *format = xnu_boot_args(&b->version);
    const char *line = b->options->command_line ? b->options->command_line : "";
    uint8_t args[ARGS_LARGEST] = {0};
    if (strlen(line) >= format->line)
        return error_set(err, ERROR_USAGE,
                         "the boot arguments have %zu bytes; this kernel (xnu-%u) takes %u",
                         strlen(line), b->version.major, format->line - 1);
    args[ARGS_REVISION] = (uint8_t)format->revision;
    args[ARGS_VERSION] = 2;
    put_le64(args + ARGS_VIRT_BASE, b->virt_base);
    put_le64(args + ARGS_PHYS_BASE, b->phys_base);
    put_le64(args + ARGS_MEM_SIZE, machine_ram_size(b->machine));
    put_le64(args + ARGS_TOP, top);
    put_le64(args + ARGS_TREE, b->tree_at - b->phys_base + b->virt_base);
    put_le32(args + ARGS_TREE_LENGTH, (uint32_t)b->tree_size);
    memcpy(args + ARGS_COMMAND_LINE, line, strlen(line));
    const uint64_t flags = align_up(ARGS_COMMAND_LINE + format->line, 8);
    put_le64(args + flags + 8, machine_ram_size(b->machine));
    const struct blob blob = {.data = args, .size = flags + 16, .name = "boot_args"};
    return boot_place(b->machine, b->args_at, &blob, "boot_args", err);
}

static int place_everything(struct xnu_boot *b, const struct blob *trust_cache, struct error *err)
{
    uint64_t room;
    if (open_tree(b, err) || reserve_tree(b, &room, err))
        return -1;
    const uint64_t locked_room = xnu_tree_is_locked(b->tree) ? room : 0;
    const uint64_t below = align_up(trust_cache->size, XNU_PAGE) + locked_room + aux_size(b);
    if (choose_base(b, below, err) || load_kernel(b, err) ||
        place_below(b, trust_cache, locked_room, err))
        return -1;
    if (!locked_room) {
        b->tree_at = b->next;
        b->next += room;
    }
    if (place_above(b, b->options->ramdisk, "RAMDisk", err))
        return -1;
    b->args_at = b->next;
    const uint64_t end = b->next + XNU_PAGE, least = physical(b, b->header) + XNU_LEAST_TOP;
    const uint64_t top = align_up(end > least ? end : least, XNU_PAGE);
    if (top + MIB(32) > boot_ram_end(b->machine))
        return error_set(err, ERROR_USAGE,
                         "the kernel and its data end at 0x%llx of 0x%llx: give a larger --memory",
                         (unsigned long long)top, (unsigned long long)boot_ram_end(b->machine));
    return write_tree(b, room, err) || write_args(b, top, err) ? -1 : 0;
}

static int find_entry(struct xnu_boot *b, struct boot_entry *entry, struct error *err)
{
    uint64_t pc = b->raw_entry;
    const bool found = b->raw.size || macho_entry(&b->macho, &pc);
    pc += b->options->slide;
    if (!found || pc < b->low || pc >= b->high || pc % 4)
        return blob_error(&b->macho.file, 0, err,
                          "no LC_UNIXTHREAD with an entry point inside: not a bootable kernel");
    entry->pc = physical(b, pc);
    entry->x[0] = b->args_at;
    return 0;
}

static int open_kernel(const struct boot_options *options, struct blob *file, struct blob *plain,
                       struct error *err)
{
    if (boot_open(options, file, err))
        return -1;
    return image_unpack(file, source_keys(options->context), plain, err);
}

/* A flat program that its IM4P gives an address and an entry point (kmutil configure-boot --raw):
 * it is started as a kernel is. */
static bool is_raw(struct xnu_boot *b, const struct blob *file, const struct blob *plain)
{
    struct im4p im4p;
    struct im4p_raw_boot raw;
    if (macho_recognise(plain) || !plain->size || im4p_parse(file, &im4p, NULL) ||
        !im4p_is_raw_boot(&im4p, &raw))
        return false;
    b->raw = *plain;
    b->raw_entry = raw.entry_point;
    b->low = raw.lowest_address;
    b->high = raw.lowest_address + plain->size;
    b->macho.file = *plain; /* for messages */
    return true;
}

static int check_aux(const struct xnu_boot *b, struct error *err)
{
    const struct blob *file = &b->aux.file;
    uint64_t low, high, header;
    macho_range(&b->aux, &low, &high);
    if (b->macho.filetype != MH_FILESET)
        return error_set(err, ERROR_USAGE,
                         "%s: only the kernel of a collection (MH_FILESET) takes an --auxkc",
                         b->macho.file.name);
    if (b->aux.filetype != MH_FILESET || low || !macho_base(&b->aux, &header))
        return blob_error(file, 0, err,
                          "not an auxiliary kernel collection, which is an MH_FILESET linked to 0: "
                          "make one with 'kmutil create --new aux'");
    if (!high || high > GUEST_KERNEL_LIMIT)
        return blob_error(file, 0, err, "the segments span 0x%llx bytes: too many",
                          (unsigned long long)high);
    return 0;
}

/* PLAIN is to live as long as B. */
static int open_aux(struct xnu_boot *b, struct blob *plain, struct error *err)
{
    if (!b->options->aux_kc)
        return 0;
    if (image_open_plain_with(plain, b->options->aux_kc, b->options->context, err))
        return -1;
    return macho_open(plain, &b->aux, err) || check_aux(b, err) ? -1 : 0;
}

/* A trust cache of all programs on the RAM disk. */
static int make_trust_cache(const struct boot_options *options, struct blob *out, struct error *err)
{
    struct trust_collection collection = {.context = options->context, .cache.version = 1};
    const char *ramdisk = options->ramdisk;
    if (!ramdisk)
        return error_set(err, ERROR_USAGE, "--trust-cache auto is made of --ramdisk: give one");
    int result = trust_collect(&collection, ramdisk, err);
    trust_collection_finish(&collection);
    if (!result)
        result = trust_cache_write(&collection.cache, out, err);
    trust_cache_free(&collection.cache);
    return result;
}

/* The region that the kernel wants, made from a single trust cache where the file is one. */
static int open_trust_cache(const struct boot_options *options, struct blob *out, struct error *err)
{
    struct blob found;
    int result = strcmp(options->trust_cache, "auto")
                     ? image_open_plain_with(&found, options->trust_cache, options->context, err)
                     : make_trust_cache(options, &found, err);
    if (result)
        return -1;
    if (trust_cache_recognise(&found)) {
        result = trust_region_write(&found, 1, out, err);
    } else if (trust_region_recognise(&found)) {
        *out = found;
        return 0;
    } else {
        result = blob_error(&found, 0, err, "not a trust cache, nor a region of them");
    }
    blob_free(&found);
    return result;
}

int xnu_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
             struct error *err)
{
    struct xnu_boot b = {.machine = machine, .options = options};
    struct blob file = {0}, plain = {0}, trust_cache = {0}, aux = {0};
    if (options->el2)
        return error_set(err, ERROR_USAGE, "XNU starts at EL1: leave --el2 out");
    if (options->initrd)
        return error_set(err, ERROR_USAGE, "XNU takes no --initrd: give %s as --ramdisk",
                         options->initrd);
    int result = open_kernel(options, &file, &plain, err);
    if (!result && options->trust_cache)
        result = open_trust_cache(options, &trust_cache, err);
    if (!result && !is_raw(&b, &file, &plain)) {
        result = macho_open(&plain, &b.macho, err);
        if (!result)
            macho_xnu_version(&b.macho, &b.version);
    }
    if (!result)
        result = open_aux(&b, &aux, err);
    if (!result) {
        xnu_check_root(machine, options, &b.version);
        result = place_everything(&b, &trust_cache, err) || find_entry(&b, entry, err) ? -1 : 0;
    }
    adt_free(b.tree);
    blob_free(&aux);
    blob_free(&trust_cache);
    blob_free(&plain);
    blob_free(&file);
    return result;
}
