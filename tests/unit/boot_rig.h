/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TEST_BOOT_RIG_H
#define POMONA_TEST_BOOT_RIG_H

/* A machine that has memory and a board and nothing else, for what the boot protocols leave in it;
 * and kernels to boot: a Mach-O made of a few numbers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "image/adt.h"
#include "image/blob.h"
#include "machine/state.h"

#define MIB(n) ((uint64_t)(n) << 20)

struct machine *boot_rig_create(const struct board *board, uint64_t memory, unsigned cpus);
void boot_rig_destroy(struct machine *machine);

/* SIZE bytes of guest memory at ADDRESS; the test fails where there are none. */
const uint8_t *boot_rig_at(struct machine *machine, uint64_t address, uint64_t size);
static inline uint64_t boot_rig_u64(struct machine *machine, uint64_t address)
{
    return get_le64(boot_rig_at(machine, address, 8));
}

struct rig_segment {
    const char *name;
    uint64_t vmaddr, vmsize, fileoff, filesize;
};

/* A Mach-O kernel of these segments (ended by one without a name); the file is as long as the
 * furthest of them, filled with a pattern, headers in front. */
struct blob rig_kernel(uint32_t filetype, unsigned xnu_major, uint64_t entry,
                       const struct rig_segment *segments);
/* A file in the build's folder with these bytes; the name. */
const char *rig_file(const char *name, const void *data, size_t size);

#endif
