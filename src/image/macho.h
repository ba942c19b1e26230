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
#define MH_DSYM        10u
#define MH_KEXT_BUNDLE 11u
#define MH_FILESET     12u

#define LC_SYMTAB              0x2u
#define LC_UNIXTHREAD          0x5u
#define LC_DYSYMTAB            0xbu
#define LC_SEGMENT_64          0x19u
#define LC_UUID                0x1bu
#define LC_SOURCE_VERSION      0x2au
#define LC_BUILD_VERSION       0x32u
#define LC_FILESET_ENTRY       0x80000035u
#define LC_DYLD_CHAINED_FIXUPS 0x80000034u
#define LC_CODE_SIGNATURE      0x1du

#define LC_LOAD_DYLIB      0xcu
#define LC_ID_DYLIB        0xdu
#define LC_LOAD_DYLINKER   0xeu
#define LC_LOAD_WEAK_DYLIB 0x80000018u
#define LC_RPATH           0x8000001cu
#define LC_REEXPORT_DYLIB  0x8000001fu
#define LC_MAIN            0x80000028u

#define MACHO_HEADER_SIZE 32u

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
/* LC_UUID's bytes; false when there is none. */
bool macho_uuid(const struct macho *macho, uint8_t uuid[16]);
/* The collection's member whose identifier is NAME ("com.apple.kernel"). */
bool macho_find_entry(const struct macho *macho, const char *name, uint64_t *vmaddr,
                      uint64_t *fileoff);
/* Lowest and highest (exclusive) virtual address of the segments with a size. */
void macho_range(const struct macho *macho, uint64_t *low, uint64_t *high);

/* The address of the header: that of the segment which holds it. False: none does. */
bool macho_base(const struct macho *macho, uint64_t *base);
/* File offset of a virtual address, and the other way; *SEGMENT says where it is. False: it is not
 * in the file. */
bool macho_offset_of(const struct macho *macho, uint64_t address, uint64_t *offset,
                     struct macho_segment *segment);
bool macho_address_of(const struct macho *macho, uint64_t offset, uint64_t *address,
                      struct macho_segment *segment);
/* "LC_SEGMENT_64", or NULL for what is not known. */
const char *macho_command_name(uint32_t cmd);
const char *macho_filetype_name(uint32_t filetype);

/* ---- symbols (macho_symbols.c) ---- */

struct macho_symbol {
    uint64_t value;   /* first: macho_last_at() */
    const char *name; /* in the file */
    uint8_t type, section;
    uint16_t description;
};
/* N_TYPE bits of `type`. */
#define MACHO_N_STAB 0xe0
#define MACHO_N_TYPE 0x0e
#define MACHO_N_UNDF 0x00
#define MACHO_N_ABS  0x02
#define MACHO_N_SECT 0x0e
#define MACHO_N_EXT  0x01

/* The symbols of LC_SYMTAB, *INDEX from 0 on. False at the end, and when the table is not wholly in
 * the file, which macho_check_symbols() tells: 0, or -1 and *ERR. */
int macho_check_symbols(const struct macho *macho, struct error *err);
bool macho_next_symbol(const struct macho *macho, uint32_t *index, struct macho_symbol *out);

/* Those that are defined, of a file and of all its members, by address, and those that only an
 * export trie names. */
struct macho_symbols {
    struct macho_symbol *items;
    size_t count;
    char *names; /* of the latter */
};
int macho_symbols_load(const struct macho *macho, struct macho_symbols *out, struct error *err);
void macho_symbols_free(struct macho_symbols *symbols);
/* Adds COUNT others, in any order; their names are not copied. -1: no memory. */
int macho_symbols_add(struct macho_symbols *symbols, const struct macho_symbol *items,
                      size_t count);
/* Of COUNT items of SIZE bytes, which begin with a uint64_t and are sorted by it, the last one
 * whose number is ADDRESS or less; NULL: none. */
const void *macho_last_at(const void *items, size_t count, size_t size, uint64_t address);
/* The last one at or before ADDRESS; NULL: none. */
const struct macho_symbol *macho_symbol_at(const struct macho_symbols *symbols, uint64_t address);
const struct macho_symbol *macho_symbol_named(const struct macho_symbols *symbols,
                                              const char *name);

/* The name of the import that the stub or the pointer at ADDRESS stands for, by the indirect symbol
 * table; NULL: there is none. */
const char *macho_indirect_symbol(const struct macho *macho, uint64_t address);

/* ---- exports (macho_exports.c) ---- */

#define MACHO_EXPORT_KIND     0x03u
#define MACHO_EXPORT_THREAD   0x01u
#define MACHO_EXPORT_ABSOLUTE 0x02u
#define MACHO_EXPORT_WEAK     0x04u
#define MACHO_EXPORT_REEXPORT 0x08u
#define MACHO_EXPORT_RESOLVER 0x10u

struct macho_export {
    const char *name; /* until the visit ends */
    uint64_t flags;
    uint64_t address, resolver; /* virtual; resolver 0: none */
    unsigned library;           /* of a re-export: the ordinal */
    const char *import;         /* its name there, in the file; "": the same */
};

/* 0 goes on, more than 0 ends the walk, -1 is an error. */
typedef int macho_export_visit(void *context, const struct macho_export *export);
/* Calls VISIT for all that the export trie names. 0, or -1 and *ERR. */
int macho_each_export(const struct macho *macho, macho_export_visit *visit, void *context,
                      struct error *err);

/* ---- chained fixups (macho_fixups.c) ---- */

struct macho_fixup {
    uint64_t address, offset; /* of the pointer: virtual (first: macho_last_at()), in the file */
    uint64_t word;            /* as it is in the file */
    bool bind, auth, address_diversity;
    unsigned key; /* 0 IA, 1 IB, 2 DA, 3 DB */
    uint16_t diversity;
    uint64_t target; /* of a rebase: virtual address, high bits included */
    unsigned level;  /* cache level of kernel collections: 0 boot, 1 pageable, 3 auxiliary */
    const char *import;
    int library;
    int64_t addend;
};

/* Something other than 0 ends the walk. */
typedef int macho_fixup_visit(void *context, const struct macho_fixup *fixup);
/* Calls VISIT for every chained fixup of the file. 0, or -1 and *ERR. */
int macho_each_fixup(const struct macho *macho, macho_fixup_visit *visit, void *context,
                     struct error *err);
/* All of them by address. */
struct macho_fixups {
    struct macho_fixup *items;
    size_t count;
};
/* Of broken chains those up to where they break: -1, and *ERR says so. To be freed in any case. */
int macho_fixups_load(const struct macho *macho, struct macho_fixups *out, struct error *err);
void macho_fixups_free(struct macho_fixups *fixups);
/* The pointer at ADDRESS; NULL: none is fixed up there. */
const struct macho_fixup *macho_fixup_at(const struct macho_fixups *fixups, uint64_t address);
/* How many bytes after one pointer the next of a chain can be, in units; 0: unknown format. */
unsigned macho_fixup_stride(unsigned format);
const char *macho_fixup_format_name(unsigned format);

/* "10063.141.1" of "xnu-10063..." in the kernel's version banner, or its LC_SOURCE_VERSION; major 0
 * when unknown. Of a collection that of its kernel; a kext has none. */
struct xnu_version {
    unsigned major, minor, patch;
    unsigned darwin; /* major number in the banner */
    char banner[160];
};
void macho_xnu_version(const struct macho *macho, struct xnu_version *out);

/* The boot_args that a kernel is compiled for: how long the command line is decides where what
 * follows it stands. */
struct xnu_boot_args {
    unsigned since_major; /* of xnu's version */
    unsigned revision;
    unsigned line; /* bytes of CommandLine */
};
/* The newest where VERSION is not known. */
const struct xnu_boot_args *xnu_boot_args(const struct xnu_version *version);

#endif
