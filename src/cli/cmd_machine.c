/* SPDX-License-Identifier: MIT */
/* `pomona machine [NAME]`: what boards there are, and what sits where on one. */

#include "cli/describe.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "device/device.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct machine_values {
    bool json;
};

static const struct option options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct machine_values, json), NULL, NULL,
     "prints the table as JSON, with every device's registers"},
    {0},
};

static void print_row(const struct board_row *row)
{
    char end[32] = "", spi[32] = "";
    if (row->size)
        snprintf(end, sizeof(end), "%#012" PRIx64, row->base + row->size - 1);
    if (row->spi_count == 1)
        snprintf(spi, sizeof(spi), "%d", row->spi);
    else if (row->spi_count)
        snprintf(spi, sizeof(spi), "%d-%d", row->spi, row->spi + (int)row->spi_count - 1);
    printf("%#012" PRIx64 "  %-12s  %-8s  %-12s  %-12s  %s\n", row->base, end, spi, row->name,
           row->kind == BOARD_LATER ? "(later)"
           : row->cls               ? row->cls->name
                                    : board_kind_name(row->kind),
           row->note);
}

static void print_board(const struct board *board)
{
    printf("%s: %s; up to %u CPUs\n\n", board->name, board->description, board->max_cpus);
    printf("%-12s  %-12s  %-8s  %-12s  %-12s  %s\n", "first", "last", "SPI", "name", "what", "");
    for (const struct board_row *row = board->rows; row->kind != BOARD_END; row++)
        print_row(row);
    puts("\nAn SPI's INTID is 32 more. (later): the real board has it, this one not yet.");
}

static int list_boards(bool json)
{
    if (json) {
        json_t *all = json_array();
        for (const struct board *const *board = boards; *board; board++)
            json_array_append_new(all, json_string((*board)->name));
        return print_json(all);
    }
    for (const struct board *const *board = boards; *board; board++)
        printf("%-10s %s\n", (*board)->name, (*board)->description);
    return finish_output();
}

static int run_machine(const struct verb *self, int argc, char **argv)
{
    struct machine_values values = {0};
    struct operands operands;
    struct error err;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (!operands.count)
        return list_boards(values.json);
    const struct board *board = board_from_name(operands.items[0], &err);
    if (!board)
        return report(&err);
    if (values.json)
        return print_json(describe_board(board));
    print_board(board);
    return finish_output();
}

const struct verb verb_machine = {
    .name = "machine",
    .synopsis = "[--json] [NAME]",
    .summary = "lists the boards, or prints what sits where on one",
    .options = options,
    .max_operands = 1,
    .run = run_machine,
};
