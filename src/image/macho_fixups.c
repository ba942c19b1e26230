/* SPDX-License-Identifier: MIT */
/* Chained fixups: each page with pointers to be fixed names its first one, and each pointer holds,
 * beside what it is to become, the distance to the next. Kernels of before, of the first arm64e
 * iPhones, have the starts of such threads in a section instead, and threads go on over pages.
 * Facts: the published fixup-chains header (image-format sheet A3). The 32-bit formats are of no
 * use on arm64 and not read. */

#include <stdlib.h>
#include <string.h>

#include "macho.h"

#define PAGE_NONE    0xffffu
#define HEADER_SIZE  28u
#define STARTS_SIZE  22u
#define LIBRARY_WEAK 0xf0
#define THREAD_END   0xffffffffu

enum format {
    ARM64E = 1,
    PTR_64 = 2,
    PTR_64_OFFSET = 6,
    ARM64E_KERNEL = 7,
    KERNEL_CACHE_64 = 8,
    ARM64E_USERLAND = 9,
    ARM64E_FIRMWARE = 10,
    ARM64E_USERLAND24 = 12,
    THREADED, /* of __thread_starts: no number of the format's */
};

static const struct {
    const char *name;
    unsigned stride;
} formats[] = {
    [ARM64E] = {"ARM64E", 8},
    [PTR_64] = {"64", 4},
    [PTR_64_OFFSET] = {"64_OFFSET", 4},
    [ARM64E_KERNEL] = {"ARM64E_KERNEL", 4},
    [KERNEL_CACHE_64] = {"64_KERNEL_CACHE", 4},
    [ARM64E_USERLAND] = {"ARM64E_USERLAND", 8},
    [ARM64E_FIRMWARE] = {"ARM64E_FIRMWARE", 4},
    [ARM64E_USERLAND24] = {"ARM64E_USERLAND24", 8},
};

unsigned macho_fixup_stride(unsigned format)
{
    return format < sizeof(formats) / sizeof(formats[0]) ? formats[format].stride : 0;
}

const char *macho_fixup_format_name(unsigned format)
{
    return macho_fixup_stride(format) ? formats[format].name : "unknown";
}

struct walk {
    const struct macho *macho;
    struct blob data; /* of LC_DYLD_CHAINED_FIXUPS */
    uint64_t base;
    unsigned format;
    macho_fixup_visit *visit;
    void *context;
    struct error *err;
    bool stopped;
};

static uint64_t bits(uint64_t word, unsigned high, unsigned low)
{
    return word >> low & (~0ull >> (63 - (high - low)));
}

static int64_t sign_extend(uint64_t value, unsigned width)
{
    return (int64_t)(value << (64 - width)) >> (64 - width);
}

/* Import ORDINAL: its name, library and addend. */
static void read_import(const struct walk *walk, uint64_t ordinal, struct macho_fixup *out)
{
    const uint8_t *head = walk->data.data;
    const uint32_t imports = get_le32(head + 8), names = get_le32(head + 12);
    const uint32_t count = get_le32(head + 16), format = get_le32(head + 20);
    const size_t size = format == 3 ? 16 : format == 2 ? 8 : 4;
    const uint8_t *p = ordinal < count && format >= 1 && format <= 3
                           ? blob_at(&walk->data, imports + ordinal * size, size)
                           : NULL;
    out->import = "(bad ordinal)";
    if (!p)
        return;
    const uint64_t word = format == 3 ? get_le64(p) : get_le32(p);
    const uint64_t name = names + (format == 3 ? word >> 32 : word >> 9);
    if (format == 3) {
        out->library = (int16_t)word;
        out->addend += (int64_t)get_le64(p + 8);
    } else {
        out->library = (word & 0xff) > LIBRARY_WEAK ? (int8_t)word : (int)(word & 0xff);
        out->addend += format == 2 ? (int32_t)get_le32(p + 4) : 0;
    }
    if (name < walk->data.size &&
        memchr(walk->data.data + name, 0, (size_t)(walk->data.size - name)))
        out->import = (const char *)walk->data.data + name;
}

static void decode_auth(uint64_t word, struct macho_fixup *out)
{
    out->auth = true;
    out->diversity = (uint16_t)bits(word, 47, 32);
    out->address_diversity = bits(word, 48, 48);
    out->key = (unsigned)bits(word, 50, 49);
}

static unsigned decode_arm64e(const struct walk *walk, struct macho_fixup *out)
{
    const uint64_t word = out->word;
    const bool threaded = walk->format == THREADED;
    const bool virtual_targets =
        threaded || walk->format == ARM64E || walk->format == ARM64E_FIRMWARE;
    out->bind = !threaded && bits(word, 62, 62);
    if (word >> 63)
        decode_auth(word, out);
    if (out->bind) {
        if (!out->auth)
            out->addend = sign_extend(bits(word, 50, 32), 19);
        read_import(walk, bits(word, walk->format == ARM64E_USERLAND24 ? 23 : 15, 0), out);
    } else if (out->auth) {
        out->target = walk->base + bits(word, 31, 0);
    } else {
        out->target = threaded ? (uint64_t)sign_extend(bits(word, 42, 0), 43) : bits(word, 42, 0);
        out->target += virtual_targets ? 0 : walk->base;
        out->target |= bits(word, 50, 43) << 56;
    }
    return (unsigned)bits(word, 61, 51);
}

static unsigned decode_kernel_cache(const struct walk *walk, struct macho_fixup *out)
{
    out->target = walk->base + bits(out->word, 29, 0);
    out->level = (unsigned)bits(out->word, 31, 30);
    if (out->word >> 63)
        decode_auth(out->word, out);
    return (unsigned)bits(out->word, 62, 51);
}

static unsigned decode_64(const struct walk *walk, struct macho_fixup *out)
{
    out->bind = out->word >> 63;
    if (out->bind) {
        out->addend = (int64_t)bits(out->word, 31, 24);
        read_import(walk, bits(out->word, 23, 0), out);
    } else {
        out->target = bits(out->word, 35, 0) + (walk->format == PTR_64_OFFSET ? walk->base : 0);
        out->target |= bits(out->word, 43, 36) << 56;
    }
    return (unsigned)bits(out->word, 62, 51);
}

/* Decodes the pointer; the distance to the next in strides, 0 at a chain's end. */
static unsigned decode(const struct walk *walk, struct macho_fixup *out)
{
    switch (walk->format) {
    case PTR_64:
    case PTR_64_OFFSET:
        return decode_64(walk, out);
    case KERNEL_CACHE_64:
        return decode_kernel_cache(walk, out);
    default:
        return decode_arm64e(walk, out);
    }
}

/* The chain that begins at file offset OFFSET and ends before END. */
static int walk_chain(struct walk *walk, uint64_t address, uint64_t offset, uint64_t end)
{
    const struct blob *file = &walk->macho->file;
    for (;;) {
        const uint8_t *p = offset <= end && end - offset >= 8 ? blob_at(file, offset, 8) : NULL;
        if (!p)
            return blob_error(file, offset, walk->err, "a chain of fixups leaves its page here");
        struct macho_fixup fixup = {.address = address, .offset = offset, .word = get_le64(p)};
        const unsigned next = decode(walk, &fixup) * macho_fixup_stride(walk->format);
        walk->stopped = walk->visit(walk->context, &fixup) != 0;
        if (!next || walk->stopped)
            return 0;
        address += next;
        offset += next;
    }
}

/* One segment's pages, described at AT of the fixup data. */
static int walk_segment(struct walk *walk, uint64_t at)
{
    const uint8_t *p = blob_at(&walk->data, at, STARTS_SIZE);
    const uint32_t count = p ? get_le16(p + 20) : 0;
    const uint8_t *pages = p ? blob_at(&walk->data, at + STARTS_SIZE, 2ull * count) : NULL;
    if (!pages)
        return blob_error(&walk->data, at, walk->err,
                          "truncated: the page starts of fixups; get a whole copy");
    const uint32_t page_size = get_le16(p + 4);
    struct macho_segment segment;
    uint64_t start;
    walk->format = get_le16(p + 6);
    if (!macho_fixup_stride(walk->format))
        return blob_error(&walk->data, at + 6, walk->err, "pointer format %u is not one of arm64's",
                          walk->format);
    for (uint32_t i = 0; i < count && !walk->stopped; i++) {
        const uint32_t first = get_le16(pages + 2 * i);
        const uint64_t page = walk->base + get_le64(p + 8) + (uint64_t)i * page_size;
        if (first == PAGE_NONE)
            continue;
        if (first >= page_size || !macho_offset_of(walk->macho, page, &start, &segment))
            return blob_error(&walk->data, at + STARTS_SIZE + 2ull * i, walk->err,
                              "the fixups of page 0x%llx begin outside of it",
                              (unsigned long long)page);
        /* Of a segment's last page the file may hold less. */
        uint64_t end = start + page_size + 8;
        if (end > segment.fileoff + segment.filesize)
            end = segment.fileoff + segment.filesize;
        if (walk_chain(walk, page + first, start + first, end))
            return -1;
    }
    return 0;
}

static int walk_data(struct walk *walk)
{
    const uint8_t *head = blob_at(&walk->data, 0, HEADER_SIZE);
    const uint64_t starts = head ? get_le32(head + 4) : 0;
    const uint8_t *p = head ? blob_at(&walk->data, starts, 4) : NULL;
    const uint32_t count = p ? get_le32(p) : 0;
    if (!p || !blob_at(&walk->data, starts + 4, 4ull * count))
        return blob_error(&walk->data, 0, walk->err,
                          "truncated: the header of chained fixups; get a whole copy");
    if (get_le32(head))
        return blob_error(&walk->data, 0, walk->err, "chained fixups of version %u",
                          get_le32(head));
    for (uint32_t i = 0; i < count && !walk->stopped; i++) {
        const uint32_t offset = get_le32(p + 4 + 4 * i);
        if (offset && walk_segment(walk, starts + offset))
            return -1;
    }
    return 0;
}

/* The thread that begins at ADDRESS; *LEFT counts pointers down: there are no more than have room.
 */
static int walk_thread(struct walk *walk, uint64_t address, unsigned step, uint64_t *left)
{
    struct macho_segment segment;
    uint64_t offset;
    for (;;) {
        const uint8_t *p = macho_offset_of(walk->macho, address, &offset, &segment)
                               ? blob_at(&walk->macho->file, offset, 8)
                               : NULL;
        if (!p || !*left)
            return blob_error(&walk->macho->file, walk->macho->header, walk->err,
                              "a thread of pointers %s at 0x%llx",
                              p ? "never ends" : "leaves the file", (unsigned long long)address);
        --*left;
        struct macho_fixup fixup = {.address = address, .offset = offset, .word = get_le64(p)};
        const unsigned next = decode_arm64e(walk, &fixup) * step;
        walk->stopped = walk->visit(walk->context, &fixup) != 0;
        if (!next || walk->stopped)
            return 0;
        address += next;
    }
}

/* A word, whose lowest bit says what distances count in, and the offsets of the threads' starts. */
static int walk_threads(struct walk *walk, const struct macho_section *section)
{
    const uint8_t *p = blob_at(&walk->macho->file, section->offset, section->size);
    uint64_t left = walk->macho->file.size / 4;
    if (!p || section->size < 4)
        return 0;
    walk->format = THREADED;
    for (uint64_t at = 4; at + 4 <= section->size && !walk->stopped; at += 4) {
        const uint32_t start = get_le32(p + at);
        if (start == THREAD_END)
            break;
        if (walk_thread(walk, walk->base + start, get_le32(p) & 1 ? 8 : 4, &left))
            return -1;
    }
    return 0;
}

int macho_each_fixup(const struct macho *macho, macho_fixup_visit *visit, void *context,
                     struct error *err)
{
    struct walk walk = {.macho = macho, .visit = visit, .context = context, .err = err};
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_DYLD_CHAINED_FIXUPS || command.size < 16)
            continue;
        if (!macho_base(macho, &walk.base))
            return blob_error(&macho->file, 0, err, "no segment holds the header");
        if (blob_slice(&macho->file, get_le32(command.data + 8), get_le32(command.data + 12),
                       &walk.data, "the chained fixups", err))
            return -1;
        return walk_data(&walk);
    }
    struct macho_section section;
    if (macho_find_section(macho, "__TEXT", "__thread_starts", &section) &&
        macho_base(macho, &walk.base))
        return walk_threads(&walk, &section);
    return 0;
}

/* ---- all of them ---- */

static int keep_fixup(void *context, const struct macho_fixup *fixup)
{
    struct macho_fixups *out = context;
    /* Room grows by doubling: it is used up when the count is a power of two. */
    if (!(out->count & (out->count - 1))) {
        const size_t room = out->count ? out->count * 2 : 1;
        struct macho_fixup *more = realloc(out->items, room * sizeof(*more));
        if (!more)
            return 1;
        out->items = more;
    }
    out->items[out->count++] = *fixup;
    return 0;
}

static int compare_fixups(const void *left, const void *right)
{
    const struct macho_fixup *a = left, *b = right;
    return a->address < b->address ? -1 : a->address > b->address;
}

int macho_fixups_load(const struct macho *macho, struct macho_fixups *out, struct error *err)
{
    *out = (struct macho_fixups){0};
    const int result = macho_each_fixup(macho, keep_fixup, out, err);
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare_fixups);
    return result;
}

void macho_fixups_free(struct macho_fixups *fixups)
{
    free(fixups->items);
    *fixups = (struct macho_fixups){0};
}

const struct macho_fixup *macho_fixup_at(const struct macho_fixups *fixups, uint64_t address)
{
    const struct macho_fixup *found =
        macho_last_at(fixups->items, fixups->count, sizeof(*fixups->items), address);
    return found && found->address == address ? found : NULL;
}
