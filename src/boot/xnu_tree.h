/* SPDX-License-Identifier: MIT */
#ifndef POMONA_XNU_TREE_H
#define POMONA_XNU_TREE_H

/* The Apple device tree that an XNU kernel is handed: made from the board, or the user's own with
 * what must be patched. */

#include <stdbool.h>
#include <stdint.h>

#include "../host/error.h"
#include "../image/adt.h"

struct board;

#define XNU_NVRAM_SIZE 0x2000
#define XNU_SEED_SIZE  64

struct xnu_tree_params {
    const struct board *board;
    uint64_t ram_base, ram_size;
    unsigned cpus;
    uint64_t ecid;
    const char *boot_args;
    uint8_t seed[XNU_SEED_SIZE]; /* /chosen random-seed; must not be all zero */
};

/* The tree of the board with every node and property that XNU demands (xnu-boot sheet 5). NULL
 * without memory. */
struct adt_node *xnu_tree_make(const struct xnu_tree_params *params);
/* Brings a user's tree up to date, as iBoot would: placeholders cleared; memory, seed, a sound NVRAM
 * bank, the CPUs that the machine has, their clocks and which one runs, since XNU would panic, run
 * at a wrong rate or start CPUs that are not there. Everything else stays. 0, or -1 without memory.
 */
int xnu_tree_patch(struct adt_node *root, const struct xnu_tree_params *params);
/* Gives the devices that a tree has under /arm-io the registers of BOARD. 0, or -1 without memory.
 */
int xnu_tree_place(struct adt_node *root, const struct board *board, unsigned cpus);
/* /chosen/memory-map NAME = {address, size}. */
int xnu_tree_map(struct adt_node *root, const char *name, uint64_t address, uint64_t size);
/* A tree with /chosen/lock-regs belongs to a kernel that locks it down with itself, below its first
 * segment. */
bool xnu_tree_is_locked(struct adt_node *root);

#endif
