/* SPDX-License-Identifier: MIT */
/* The boards there are, and how to find things in their tables. */

#include "machine/board.h"

#include <string.h>

const struct board *const boards[] = {&board_vmapple, &board_virt, NULL};

const struct board *board_find(const char *name)
{
    for (const struct board *const *board = boards; *board; board++)
        if (!strcmp((*board)->name, name))
            return *board;
    return NULL;
}

const struct board_row *board_first(const struct board *board, enum board_kind kind)
{
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        if (row->kind == kind)
            return row;
    return NULL;
}

const struct board_row *board_row_find(const struct board *board, const char *name)
{
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

const struct board_row *board_row_at(const struct board *board, uint64_t address)
{
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        if (address >= row->base && address - row->base < row->size)
            return row;
    return NULL;
}

const char *board_kind_name(enum board_kind kind)
{
    static const char *const names[] = {
        [BOARD_END] = "",          [BOARD_RAM] = "ram",        [BOARD_MEMORY] = "memory",
        [BOARD_GICD] = "gicd",     [BOARD_GICR] = "gicr",      [BOARD_GICM] = "gicm",
        [BOARD_DEVICE] = "device", [BOARD_ECAM] = "pcie-ecam", [BOARD_MMIO32] = "pcie-mmio32",
        [BOARD_PIO] = "pcie-io",   [BOARD_LATER] = "later",
    };
    return names[kind];
}

uint64_t board_mpidr(unsigned cpu)
{
    return (uint64_t)(cpu / 16) << 8 | cpu % 16;
}
