/* SPDX-License-Identifier: MIT */
#ifndef POMONA_BOOT_H
#define POMONA_BOOT_H

/* Putting a guest into memory and saying where it starts: linux.c, xnu.c, raw.c, elf.c, rom.c, and
 * sniff.c, which finds out what a file is. Boot code knows the machine only through machine.h. */

#include <stdbool.h>
#include <stdint.h>

#include "../host/error.h"

struct board;
struct machine;
struct source_context;

enum boot_kind {
    BOOT_AUTO, /* by what the file is */
    BOOT_LINUX,
    BOOT_XNU,
    BOOT_ELF,
    BOOT_RAW,
    BOOT_ROM,
};

struct boot_options {
    enum boot_kind kind;
    const struct source_context *context; /* of the files; NULL: an empty one */
    const char *file;                     /* the guest; NULL: none (the ROM path needs one too) */
    const char *initrd;                   /* linux; NULL: none */
    const char *ramdisk;                  /* xnu: becomes /chosen/memory-map RAMDisk; NULL: none */
    const char *trust_cache;              /* xnu; NULL: none */
    const char *aux_kc;                   /* xnu: auxiliary kernel collection; NULL: none */
    const char *device_tree;  /* the user's own tree (ADT for xnu, DTB for linux); NULL: made from
                                 the board */
    const char *command_line; /* boot arguments joined by blanks; NULL: "" */
    uint64_t slide;           /* xnu: how far above its link address the kernel runs */
    bool el2;                 /* CPUs start at EL2 */
    uint64_t raw_address;     /* raw: where; 0: start of RAM */
    uint64_t raw_entry;       /* raw: offset of the entry point in the file */
    const void *embedded;     /* a guest in memory instead of a file, of embedded_size bytes, named
                                 `file` in messages */
    uint64_t embedded_size;
};

/* Where the first CPU starts. */
struct boot_entry {
    uint64_t pc;
    uint64_t x[4]; /* X0..X3 */
    bool el2;
    uint64_t image_end; /* behind what was loaded; 0: not known */
};

/* What boot code asks of the machine besides guest_write() and machine_random();
 * src/machine/machine.c has them. */
const struct board *machine_board(const struct machine *machine);
uint64_t machine_ram_size(const struct machine *machine);
unsigned machine_cpu_count(const struct machine *machine);
bool machine_has_pmu(const struct machine *machine);
uint64_t machine_ecid(const struct machine *machine);
/* DONE of TOTAL bytes of WHAT are in memory. */
void machine_progress(struct machine *machine, const char *what, uint64_t done, uint64_t total);
/* A warning for the user, printed before the guest starts. */
void machine_warn(struct machine *machine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Loads the guest that OPTIONS names into MACHINE's memory and fills *ENTRY. Writes guest memory
 * only; may be called again after a reset. 0, or -1 with *ERR naming the file, the offset and the
 * way out. */
int boot_load(struct machine *machine, const struct boot_options *options, struct boot_entry *entry,
              struct error *err);

/* What the SystemVersion.plist of a volume says; "" where it says nothing. */
struct xnu_volume {
    char product[32], version[32], build[32]; /* "macOS", "14.6.1", "23G93" */
};

/* Releases of an XNU kernel and of its root volume. Darwin's numbers are 0 and texts "" where
 * nothing is known. */
struct boot_versions {
    unsigned kernel_darwin, volume_darwin;
    char kernel[80]; /* "Darwin 23.6.0 (xnu-10063)" */
    char file[256];  /* where the root volume is */
    struct xnu_volume volume;
    char warning[512]; /* that they do not fit, and the remedy; "": nothing to say */
};
/* Reads them without a machine: the RAM disk and the COUNT DISKS, as --disk names them, are looked
 * into. What cannot be read is left out: it is no error here. */
void boot_read_versions(const struct boot_options *options, const char *const *disks,
                        unsigned count, struct boot_versions *out);

/* What FILE is, where OPTIONS do not say it, by its first bytes: BOOT_LINUX, BOOT_XNU, BOOT_ELF or
 * BOOT_RAW (code and nothing else); -1 and *ERR when it cannot be read or is none of these. */
int boot_sniff(const struct boot_options *options, enum boot_kind *kind, struct error *err);

/* A word for people: "Linux kernel", "XNU kernel collection", ... */
const char *boot_kind_name(enum boot_kind kind);

#endif
