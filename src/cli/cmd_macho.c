/* SPDX-License-Identifier: MIT */
/* `pomona macho disass --raw FILE`: disassembles a flat file of A64 instructions, in the columns of
 * `objdump -d`: address, word, mnemonic and operands, separated by tabs. A rest of fewer than four
 * bytes is printed as objdump prints it, byte for byte. */

#include "a64/dis.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct disass_values {
    bool raw;
    uint64_t base;
};

static const struct option options[] = {
    {"raw", 0, OPTION_FLAG, offsetof(struct disass_values, raw), NULL, NULL,
     "FILE is nothing but instructions"},
    {"base", 0, OPTION_NUMBER, offsetof(struct disass_values, base), "ADDR", NULL,
     "the address of the first instruction"},
    {0},
};

static uint32_t little_endian(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)bytes[i] << i * 8;
    return value;
}

/* objdump's column of addresses is as wide as the end of the section asks for, in steps of four
 * digits. */
static int address_width(uint64_t end)
{
    int width = 4;
    while (width < 16 && end >> (width * 4 - 4))
        width += 4;
    return width;
}

static void print_tail(const uint8_t *bytes, size_t count, uint64_t address, int width)
{
    printf("%*" PRIx64 ":\t", width, address);
    for (size_t i = 0; i < count; i++)
        printf("%02x ", bytes[i]);
    printf("\t.byte\t");
    for (size_t i = 0; i < count; i++)
        printf("%s0x%02x", i ? ", " : "", bytes[i]);
    putchar('\n');
}

static void disassemble(const uint8_t *bytes, size_t size, uint64_t address)
{
    char text[256];
    int width = address_width(address + size);
    size_t at = 0;
    for (; size - at >= 4; at += 4, address += 4) {
        uint32_t word = little_endian(bytes + at, 4);
        printf("%*" PRIx64 ":\t%08" PRIx32 " \t%s\n", width, address, word,
               a64_disassemble(word, address, text, sizeof(text)));
    }
    if (at < size)
        print_tail(bytes + at, size - at, address, width);
}

/* All of FILE in *BYTES, to be freed. 0 or -errno. */
static int read_all(FILE *file, uint8_t **bytes, size_t *size)
{
    size_t room = 0;
    *bytes = NULL;
    *size = 0;
    for (;;) {
        if (*size == room) {
            room = room ? room * 2 : 65536;
            uint8_t *more = realloc(*bytes, room);
            if (!more)
                return -ENOMEM;
            *bytes = more;
        }
        size_t count = fread(*bytes + *size, 1, room - *size, file);
        *size += count;
        if (!count)
            return ferror(file) ? -errno : 0;
    }
}

static int run_disass(const struct verb *self, int argc, char **argv)
{
    struct disass_values values = {0};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (!operands.count || !values.raw) {
        error_set(&err, ERROR_USAGE, "usage: pomona %s %s", self->name, self->synopsis);
        return report(&err);
    }
    const char *name = operands.items[0];
    FILE *file = strcmp(name, "-") ? fopen(name, "rb") : stdin;
    if (!file) {
        error_set(&err, ERROR_NOINPUT, "%s: %s", name, strerror(errno));
        return report(&err);
    }
    uint8_t *bytes;
    size_t size;
    int result = read_all(file, &bytes, &size);
    fclose(file);
    if (result)
        error_set(&err, ERROR_IO, "%s: %s", name, strerror(-result));
    else
        disassemble(bytes, size, values.base);
    free(bytes);
    return err.code ? report(&err) : finish_output();
}

const struct verb verb_macho_disass = {
    .name = "macho disass",
    .synopsis = "--raw [--base ADDR] FILE",
    .summary = "disassembles a flat file of A64 instructions",
    .options = options,
    .max_operands = 1,
    .run = run_disass,
};
