/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHO_H
#define POMONA_MACHO_H

/* arm64 and arm64e Mach-O: executables, kernels and MH_FILESET kernel collections (image-format
 * sheet A3). */

#include <stdbool.h>

#include "blob.h"

#define MH_MAGIC_64    0xfeedfacfu
#define FAT_MAGIC      0xcafebabeu
#define CPU_TYPE_ARM64 0x0100000cu
#define MH_EXECUTE     2u
#define MH_KEXT_BUNDLE 11u
#define MH_FILESET     12u

#define LC_SYMTAB              0x2u
#define LC_UNIXTHREAD          0x5u
#define LC_SEGMENT_64          0x19u
#define LC_UUID                0x1bu
#define LC_SOURCE_VERSION      0x2au
#define LC_BUILD_VERSION       0x32u
#define LC_FILESET_ENTRY       0x80000035u
#define LC_DYLD_CHAINED_FIXUPS 0x80000034u

struct macho {
    struct blob file; /* from the Mach-O header on */
    uint64_t header;  /* offset of this header in `file` (an inner one of a collection) */
    uint32_t cpusubtype, filetype, command_count, command_size, flags;
};

struct macho_command {
    uint32_t cmd, size;
    uint64_t offset;     /* in macho->file */
    const uint8_t *data; /* `size` bytes */
};

struct macho_segment {
    char name[17];
    uint64_t vmaddr, vmsize, fileoff, filesize;
    uint32_t maxprot, initprot, section_count;
};

struct macho_section {
    char name[17], segment[17];
    uint64_t addr, size;
    uint32_t offset, align, flags;
    uint32_t reserved1, reserved2;
};

/* A member of a collection. */
struct macho_member {
    const char *name; /* "com.apple.kernel"; in the file */
    uint64_t vmaddr, fileoff;
};

bool macho_recognise(const struct blob *in);
/* Reads the header in IN (a one-slice fat file is thinned) and checks that its load commands are
 * sound. */
int macho_open(const struct blob *in, struct macho *out, struct error *err);
/* The Mach-O at file offset OFFSET of the collection OUTER. */
int macho_open_inner(const struct macho *outer, uint64_t offset, struct macho *out,
                     struct error *err);

/* Iterates: *CURSOR starts at 0. False at the end. */
bool macho_next_command(const struct macho *macho, uint64_t *cursor, struct macho_command *out);
/* What COMMAND is when it is an LC_SEGMENT_64; the section number INDEX of one; an
 * LC_FILESET_ENTRY. False when it is none, or too short. */
bool macho_command_segment(const struct macho_command *command, struct macho_segment *out);
bool macho_command_section(const struct macho_command *command, uint32_t index,
                           struct macho_section *out);
bool macho_command_member(const struct macho_command *command, struct macho_member *out);
/* The same over LC_SEGMENT_64 only. */
bool macho_next_segment(const struct macho *macho, uint64_t *cursor, struct macho_segment *out);
bool macho_find_section(const struct macho *macho, const char *segment, const char *section,
                        struct macho_section *out);
/* PC of LC_UNIXTHREAD; false when there is none. */
bool macho_entry(const struct macho *macho, uint64_t *pc);
/* The collection's member whose identifier is NAME ("com.apple.kernel"). */
bool macho_find_entry(const struct macho *macho, const char *name, uint64_t *vmaddr,
                      uint64_t *fileoff);
/* Lowest and highest (exclusive) virtual address of the segments with a size. */
void macho_range(const struct macho *macho, uint64_t *low, uint64_t *high);

/* "10063.141.1" of "xnu-10063..." in a __TEXT,__const version banner, or LC_SOURCE_VERSION; major 0
 * when unknown. */
struct xnu_version {
    unsigned major, minor, patch;
    char banner[160];
};
void macho_xnu_version(const struct macho *macho, struct xnu_version *out);

#endif
