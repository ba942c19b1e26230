/* SPDX-License-Identifier: MIT */
/* Mach-O headers, load commands and segments, read where they lie. Offsets are the format's own;
 * every one is checked against the file before it is used. */

#include "macho.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_SIZE   72
#define SECTION_SIZE   80
#define THREAD_STATE64 6
#define THREAD_PC      272
#define THREAD_SIZE    288

bool macho_recognise(const struct blob *in)
{
    return in->size >= MACHO_HEADER_SIZE &&
           (get_le32(in->data) == MH_MAGIC_64 || get_be32(in->data) == FAT_MAGIC);
}

/* A fat file with one slice (iOS kernel caches come so): *THIN is the slice. */
static int thin(const struct blob *in, struct blob *out, struct error *err)
{
    const uint32_t count = get_be32(in->data + 4);
    if (count != 1)
        return blob_error(in, 4, err,
                          "a fat file of %u slices: extract the arm64e one first (lipo -thin)",
                          count);
    return blob_slice(in, get_be32(in->data + 16), get_be32(in->data + 20), out,
                      "the fat file's slice", err);
}

/* What lies behind the last of them is none of them. */
static int check_commands(struct macho *macho, struct error *err)
{
    uint64_t at = macho->header + MACHO_HEADER_SIZE;
    const uint64_t end = at + macho->command_size;
    if (!blob_at(&macho->file, at, macho->command_size))
        return blob_error(&macho->file, at, err,
                          "truncated: the load commands end behind the file; get a whole copy");
    for (uint32_t i = 0; i < macho->command_count; i++) {
        const uint8_t *p = end - at >= 8 ? blob_at(&macho->file, at, 8) : NULL;
        const uint32_t size = p ? get_le32(p + 4) : 0;
        if (size < 8 || size % 4 || size > end - at)
            return blob_error(&macho->file, at, err, "load command %u has the impossible size %u",
                              i, size);
        at += size;
    }
    macho->command_size = (uint32_t)(at - macho->header - MACHO_HEADER_SIZE);
    return 0;
}

static int open_at(const struct blob *file, uint64_t offset, struct macho *out, struct error *err)
{
    const uint8_t *p = blob_at(file, offset, MACHO_HEADER_SIZE);
    if (!p || get_le32(p) != MH_MAGIC_64)
        return blob_error(file, offset, err, "no 64-bit Mach-O header here: get a whole copy");
    if (get_le32(p + 4) != CPU_TYPE_ARM64)
        return blob_error(file, offset + 4, err,
                          "CPU type 0x%x is not arm64: this kernel is for another machine",
                          get_le32(p + 4));
    *out = (struct macho){.file = *file,
                          .header = offset,
                          .cpusubtype = get_le32(p + 8),
                          .filetype = get_le32(p + 12),
                          .command_count = get_le32(p + 16),
                          .command_size = get_le32(p + 20),
                          .flags = get_le32(p + 24)};
    return check_commands(out, err);
}

int macho_open(const struct blob *in, struct macho *out, struct error *err)
{
    struct blob file = *in;
    if (!macho_recognise(in))
        return blob_error(
            in, 0, err,
            "not a Mach-O file: give one, a kernel collection, or an IMG4 or IM4P that holds one");
    if (get_be32(in->data) == FAT_MAGIC && thin(in, &file, err))
        return -1;
    return open_at(&file, 0, out, err);
}

int macho_open_inner(const struct macho *outer, uint64_t offset, struct macho *out,
                     struct error *err)
{
    return open_at(&outer->file, offset, out, err);
}

bool macho_next_command(const struct macho *macho, uint64_t *cursor, struct macho_command *out)
{
    if (*cursor >= macho->command_size)
        return false;
    const uint64_t offset = macho->header + MACHO_HEADER_SIZE + *cursor;
    const uint8_t *p = blob_at(&macho->file, offset, 8);
    if (!p || macho->command_size - *cursor < 8)
        return false;
    *out = (struct macho_command){
        .cmd = get_le32(p), .size = get_le32(p + 4), .offset = offset, .data = p};
    if (out->size < 8 || out->size > macho->command_size - *cursor)
        return false;
    *cursor += out->size;
    return true;
}

static void copy_name(char out[17], const uint8_t *name)
{
    memcpy(out, name, 16);
    out[16] = 0;
}

bool macho_command_segment(const struct macho_command *command, struct macho_segment *out)
{
    if (command->cmd != LC_SEGMENT_64 || command->size < SEGMENT_SIZE)
        return false;
    const uint8_t *p = command->data;
    *out = (struct macho_segment){.vmaddr = get_le64(p + 24),
                                  .vmsize = get_le64(p + 32),
                                  .fileoff = get_le64(p + 40),
                                  .filesize = get_le64(p + 48),
                                  .maxprot = get_le32(p + 56),
                                  .initprot = get_le32(p + 60),
                                  .section_count = get_le32(p + 64)};
    copy_name(out->name, p + 8);
    return true;
}

bool macho_next_segment(const struct macho *macho, uint64_t *cursor, struct macho_segment *out)
{
    struct macho_command command;
    while (macho_next_command(macho, cursor, &command))
        if (macho_command_segment(&command, out))
            return true;
    return false;
}

bool macho_command_section(const struct macho_command *command, uint32_t index,
                           struct macho_section *out)
{
    if (command->cmd != LC_SEGMENT_64 || command->size < SEGMENT_SIZE ||
        index >= get_le32(command->data + 64) ||
        SEGMENT_SIZE + (index + 1ull) * SECTION_SIZE > command->size)
        return false;
    const uint8_t *p = command->data + SEGMENT_SIZE + (size_t)index * SECTION_SIZE;
    *out = (struct macho_section){.addr = get_le64(p + 32),
                                  .size = get_le64(p + 40),
                                  .offset = get_le32(p + 48),
                                  .align = get_le32(p + 52),
                                  .flags = get_le32(p + 64),
                                  .reserved1 = get_le32(p + 68),
                                  .reserved2 = get_le32(p + 72)};
    copy_name(out->name, p);
    copy_name(out->segment, p + 16);
    return true;
}

/* The section as the sections themselves name their segment: in an object file the segment has no
 * name of its own. */
bool macho_find_section(const struct macho *macho, const char *segment, const char *section,
                        struct macho_section *out)
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        for (uint32_t i = 0; macho_command_section(&command, i, out); i++)
            if (!strcmp(out->segment, segment) && !strcmp(out->name, section))
                return true;
    return false;
}

bool macho_entry(const struct macho *macho, uint64_t *pc)
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_UNIXTHREAD || command.size < THREAD_SIZE)
            continue;
        if (get_le32(command.data + 8) != THREAD_STATE64)
            continue;
        *pc = get_le64(command.data + THREAD_PC);
        return true;
    }
    return false;
}

bool macho_uuid(const struct macho *macho, uint8_t uuid[16])
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        if (command.cmd == LC_UUID && command.size >= 24) {
            memcpy(uuid, command.data + 8, 16);
            return true;
        }
    return false;
}

bool macho_command_member(const struct macho_command *command, struct macho_member *out)
{
    if (command->cmd != LC_FILESET_ENTRY || command->size < 32)
        return false;
    const uint32_t text = get_le32(command->data + 24);
    const size_t room = text < command->size ? command->size - text : 0;
    *out = (struct macho_member){.name = (const char *)command->data + text,
                                 .vmaddr = get_le64(command->data + 8),
                                 .fileoff = get_le64(command->data + 16)};
    return room && strnlen(out->name, room) < room;
}

bool macho_find_entry(const struct macho *macho, const char *name, uint64_t *vmaddr,
                      uint64_t *fileoff)
{
    struct macho_command command;
    struct macho_member member;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        if (macho_command_member(&command, &member) && !strcmp(member.name, name)) {
            *vmaddr = member.vmaddr;
            *fileoff = member.fileoff;
            return true;
        }
    return false;
}

void macho_range(const struct macho *macho, uint64_t *low, uint64_t *high)
{
    struct macho_segment segment;
    *low = UINT64_MAX;
    *high = 0;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &segment);) {
        if (!segment.vmsize)
            continue;
        *low = segment.vmaddr < *low ? segment.vmaddr : *low;
        *high = segment.vmaddr + segment.vmsize > *high ? segment.vmaddr + segment.vmsize : *high;
    }
}

/* LC_SOURCE_VERSION: A.B.C.D.E packed as 24, 10, 10, 10, 10 bits. */
static void source_version(const struct macho *macho, struct xnu_version *out)
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_SOURCE_VERSION || command.size < 16)
            continue;
        const uint64_t packed = get_le64(command.data + 8);
        out->major = packed >> 40;
        out->minor = packed >> 30 & 0x3ff;
        out->patch = packed >> 20 & 0x3ff;
    }
}

#define BANNER "Darwin Kernel Version "

/* Where the banner begins in a kernel's segments; __TEXT is the first. */
static const uint8_t *find_banner(const struct macho *kernel, size_t *room)
{
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(kernel, &cursor, &segment);) {
        const uint8_t *p = strcmp(segment.name, "__LINKEDIT")
                               ? blob_at(&kernel->file, segment.fileoff, segment.filesize)
                               : NULL;
        const uint8_t *hit = p ? memmem(p, segment.filesize, BANNER, strlen(BANNER)) : NULL;
        if (hit) {
            *room = segment.filesize - (size_t)(hit - p);
            return hit;
        }
    }
    return NULL;
}

void macho_xnu_version(const struct macho *macho, struct xnu_version *out)
{
    struct macho kernel = *macho;
    uint64_t vmaddr, fileoff;
    size_t room;
    *out = (struct xnu_version){0};
    if (macho_find_entry(macho, "com.apple.kernel", &vmaddr, &fileoff) &&
        macho_open_inner(macho, fileoff, &kernel, NULL))
        return;
    if (kernel.filetype == MH_KEXT_BUNDLE)
        return;
    source_version(&kernel, out);
    const char *text = (const char *)find_banner(&kernel, &room);
    if (!text)
        return;
    snprintf(out->banner, sizeof(out->banner), "%.*s", (int)strnlen(text, room < 159 ? room : 159),
             text);
    sscanf(out->banner + strlen(BANNER), "%u", &out->darwin);
    const char *xnu = strstr(out->banner, "xnu-");
    if (xnu)
        sscanf(xnu, "xnu-%u.%u.%u", &out->major, &out->minor, &out->patch);
}

const struct xnu_boot_args *xnu_boot_args(const struct xnu_version *version)
{
    static const struct xnu_boot_args formats[] = {
        {12377, 3, 1024}, /* macOS 26 */
        {10002, 2, 1024}, /* macOS 14 */
        {6153, 2, 608},   /* macOS 11, iOS 13 */
        {1, 1, 256},
    };
    const struct xnu_boot_args *format = formats;
    while (version->major && format->since_major > version->major)
        format++;
    return format;
}

/* ---- addresses ---- */

bool macho_base(const struct macho *macho, uint64_t *base)
{
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &segment);)
        if (segment.fileoff <= macho->header &&
            macho->header - segment.fileoff < segment.filesize) {
            *base = segment.vmaddr + (macho->header - segment.fileoff);
            return true;
        }
    return false;
}

bool macho_offset_of(const struct macho *macho, uint64_t address, uint64_t *offset,
                     struct macho_segment *segment)
{
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, segment);)
        if (address >= segment->vmaddr && address - segment->vmaddr < segment->filesize) {
            *offset = address - segment->vmaddr + segment->fileoff;
            return true;
        }
    return false;
}

bool macho_address_of(const struct macho *macho, uint64_t offset, uint64_t *address,
                      struct macho_segment *segment)
{
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, segment);)
        if (offset >= segment->fileoff && offset - segment->fileoff < segment->filesize) {
            *address = offset - segment->fileoff + segment->vmaddr;
            return true;
        }
    return false;
}

/* ---- names ---- */

const char *macho_command_name(uint32_t cmd)
{
    static const struct {
        uint32_t cmd;
        const char *name;
    } names[] = {
        {0x2, "LC_SYMTAB"},
        {0x4, "LC_THREAD"},
        {0x5, "LC_UNIXTHREAD"},
        {0xb, "LC_DYSYMTAB"},
        {0xc, "LC_LOAD_DYLIB"},
        {0xd, "LC_ID_DYLIB"},
        {0xe, "LC_LOAD_DYLINKER"},
        {0x19, "LC_SEGMENT_64"},
        {0x1b, "LC_UUID"},
        {0x80000018, "LC_LOAD_WEAK_DYLIB"},
        {0x8000001c, "LC_RPATH"},
        {0x8000001f, "LC_REEXPORT_DYLIB"},
        {0x1d, "LC_CODE_SIGNATURE"},
        {0x1e, "LC_SEGMENT_SPLIT_INFO"},
        {0x22, "LC_DYLD_INFO"},
        {0x80000022, "LC_DYLD_INFO_ONLY"},
        {0x24, "LC_VERSION_MIN_MACOSX"},
        {0x25, "LC_VERSION_MIN_IPHONEOS"},
        {0x26, "LC_FUNCTION_STARTS"},
        {0x80000028, "LC_MAIN"},
        {0x29, "LC_DATA_IN_CODE"},
        {0x2a, "LC_SOURCE_VERSION"},
        {0x2c, "LC_ENCRYPTION_INFO_64"},
        {0x2e, "LC_LINKER_OPTIMIZATION_HINT"},
        {0x31, "LC_NOTE"},
        {0x32, "LC_BUILD_VERSION"},
        {0x80000033, "LC_DYLD_EXPORTS_TRIE"},
        {0x80000034, "LC_DYLD_CHAINED_FIXUPS"},
        {0x80000035, "LC_FILESET_ENTRY"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].cmd == cmd)
            return names[i].name;
    return NULL;
}

const char *macho_filetype_name(uint32_t filetype)
{
    static const char *const names[] = {"0",       "OBJECT",     "EXECUTE",  "FVMLIB", "CORE",
                                        "PRELOAD", "DYLIB",      "DYLINKER", "BUNDLE", "DYLIB_STUB",
                                        "DSYM",    "KEXTBUNDLE", "FILESET"};
    return filetype < sizeof(names) / sizeof(names[0]) ? names[filetype] : "unknown";
}
