/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_BOARD_H
#define POMONA_MACHINE_BOARD_H

/* A board is a const table: what sits at which guest-physical address and drives which interrupt.
 * The machine is built from it, the boot protocols describe it to the guest from it, and `pomona
 * machine NAME` prints it, so that there is one place to read, and one to change. vmapple.c and
 * virt.c hold the tables. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_class;

enum board_kind {
    BOARD_END, /* ends the table */
    BOARD_RAM, /* main memory; its size is what the user asked for, `size` is the largest possible
                  or 0 */
    BOARD_MEMORY, /* other memory: a boot ROM's place, or a region that `cls` fills at reset */
    BOARD_GICD,   /* GICv3 distributor */
    BOARD_GICR,   /* redistributors, 0x20000 a CPU */
    BOARD_GICM,   /* GICv2m frame: `spi` and `spi_count` are what it may raise */
    BOARD_DEVICE, /* registers of `cls` */
    BOARD_ECAM,   /* PCIe configuration space; `spi` and `spi_count` are the INTx lines */
    BOARD_MMIO32, /* PCIe 32-bit memory window, identity mapped */
    BOARD_PIO,    /* PCIe I/O window */
    BOARD_LATER,  /* the real board has it here, this one does not have it yet: reads as zero */
};

#define BOARD_NO_SPI (-1)

struct board_row {
    enum board_kind kind;
    const char *name; /* unique in the board: "uart0" */
    uint64_t base;    /* guest-physical address */
    uint64_t size;    /* bytes */
    int spi;          /* first shared peripheral interrupt (INTID - 32), or BOARD_NO_SPI */
    unsigned spi_count;
    const struct device_class
        *cls; /* what answers there; NULL for memory and the interrupt controller */
    const char *note;
};

struct board {
    const char *name;
    const char *description;
    const struct board_row *rows; /* ended by BOARD_END */
    unsigned max_cpus;
    unsigned default_cpus;
    uint64_t default_memory;
    unsigned spi_count;        /* of the distributor */
    uint8_t power_key_line;    /* of the PL061 */
};

/* By name; NULL when unknown. `boards` ends with NULL. */
const struct board *board_find(const char *name);
extern const struct board *const boards[];
extern const struct board board_vmapple, board_virt;

/* The first row of KIND, or NULL. */
const struct board_row *board_first(const struct board *board, enum board_kind kind);
/* The row with NAME, or NULL. */
const struct board_row *board_row_find(const struct board *board, const char *name);
/* The row that ADDRESS lies in, or NULL; rows of BOARD_RAM have no size and are not found. */
const struct board_row *board_row_at(const struct board *board, uint64_t address);
/* "ram", "gicd", … as JSON and the printed table name the kinds. */
const char *board_kind_name(enum board_kind kind);

/* MPIDR_EL1's affinity of CPU number CPU: at most 16 CPUs in an Aff1 group, so that a GICv3 target
 * list (16 bits) reaches all CPUs of a group. Without the RES1 bit 31. */
uint64_t board_mpidr(unsigned cpu);

#endif
