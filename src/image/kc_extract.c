/* SPDX-License-Identifier: MIT */
/* Takes a member out of a collection. There its segments are spread over the regions that all
 * members share, its tables over one __LINKEDIT; here the segments follow each other, each where
 * its file offset agrees with its address in a page of 16 KiB, and the link edit data comes last:
 * symbol table, indirect symbols, the tables of LC_FUNCTION_STARTS and its like, strings.
 *
 * Relied on: macho.c has checked the load commands' sizes; what they point to is checked here. Left
 * out: commands with file offsets that have no meaning any more (chained fixups, code signature,
 * compressed dyld information, notes), and relocations, which a linked kext has none of. */

#include "kc_extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_SIZE  72u
#define SECTION_SIZE  80u
#define NLIST_SIZE    16u
#define LINKEDIT_DATA 16u /* size of a command that is an offset and a size */
#define PAGE          0x4000u
#define MOST_SEGMENTS 64u
#define IN_COLLECTION 0x80000000u /* of the header's flags */
#define SECTION_TYPE  0xffu

enum {
    LC_SEGMENT_SPLIT_INFO = 0x1e,
    LC_ENCRYPTION_INFO = 0x21,
    LC_DYLD_INFO = 0x22,
    LC_FUNCTION_STARTS = 0x26,
    LC_DATA_IN_CODE = 0x29,
    LC_ENCRYPTION_INFO_64 = 0x2c,
    LC_LINKER_OPTIMIZATION_HINT = 0x2e,
    LC_NOTE = 0x31,
    LC_DYLD_EXPORTS_TRIE = 0x33, /* all without REQ_DYLD */
};
#define REQ_DYLD 0x80000000u

struct part {
    struct macho_segment segment;
    uint64_t fileoff; /* in the new file */
    const uint8_t *data;
};

struct extract {
    const struct kc_entry *entry;
    struct part parts[MOST_SEGMENTS];
    unsigned part_count;
    uint64_t linkedit_at;      /* where the link edit data begins */
    FILE *commands, *linkedit; /* what was made so far */
    uint32_t command_count;
    struct error *err;
};

/* ---- where the segments go ---- */

static bool is_linkedit(const struct macho_segment *segment)
{
    return !strcmp(segment->name, "__LINKEDIT");
}

/* The first offset from END on that agrees with ADDRESS in a page. */
static uint64_t congruent(uint64_t end, uint64_t address)
{
    return end + ((address - end) & (PAGE - 1));
}

static int place_segments(struct extract *x)
{
    const struct macho *macho = &x->entry->macho;
    struct part *part = x->parts;
    uint64_t end = 0, linkedit = 0;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &part->segment);) {
        if (++x->part_count == MOST_SEGMENTS)
            return blob_error(&macho->file, macho->header, x->err, "%s has over %u segments",
                              x->entry->id, MOST_SEGMENTS - 1);
        if (is_linkedit(&part->segment)) {
            linkedit = part->segment.vmaddr;
        } else {
            part->fileoff = end ? congruent(end, part->segment.vmaddr) : 0;
            part->data = blob_at(&macho->file, part->segment.fileoff, part->segment.filesize);
            end = part->fileoff + part->segment.filesize;
            if (!part->data || end > 2 * macho->file.size + MOST_SEGMENTS * PAGE)
                return blob_error(&macho->file, macho->header, x->err,
                                  "segment %s of %s is not in the file", part->segment.name,
                                  x->entry->id);
        }
        part++;
    }
    x->linkedit_at = congruent(end, linkedit);
    if (!x->parts[0].data || x->parts[0].segment.fileoff != macho->header)
        return blob_error(&macho->file, macho->header, x->err,
                          "the first segment of %s does not begin with its header", x->entry->id);
    return 0;
}

/* ---- load commands ---- */

static void put_command(struct extract *x, const void *data, size_t size)
{
    fwrite(data, 1, size, x->commands);
    x->command_count++;
}

static void add_segment(struct extract *x, const struct macho_command *command, unsigned number)
{
    const struct part *part = &x->parts[number];
    struct macho_section section;
    uint8_t *copy = malloc(command->size);
    if (!copy)
        return;
    memcpy(copy, command->data, command->size);
    put_le64(copy + 40, part->fileoff);
    for (uint32_t i = 0; macho_command_section(command, i, &section); i++) {
        uint8_t *p = copy + SEGMENT_SIZE + (size_t)i * SECTION_SIZE;
        const unsigned type = section.flags & SECTION_TYPE;
        const bool zero =
            type == 1 || type == 12 || type == 18 || section.addr < part->segment.vmaddr;
        put_le32(p + 48,
                 zero ? 0 : (uint32_t)(part->fileoff + section.addr - part->segment.vmaddr));
        memset(p + 56, 0, 8);
    }
    put_command(x, copy, command->size);
    free(copy);
}

/* SIZE bytes of the old file as link edit data of the new one: their offset there. */
static uint32_t add_linkedit(struct extract *x, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[8];
    const long at = ftell(x->linkedit);
    fwrite(data, 1, size, x->linkedit);
    fwrite(zeros, 1, -size % 8, x->linkedit);
    return (uint32_t)(x->linkedit_at + (uint64_t)at);
}

static void add_linkedit_data(struct extract *x, const struct macho_command *command)
{
    uint8_t copy[LINKEDIT_DATA];
    const uint32_t size = get_le32(command->data + 12);
    const uint8_t *data = blob_at(&x->entry->macho.file, get_le32(command->data + 8), size);
    if (!data)
        return;
    memcpy(copy, command->data, sizeof(copy));
    put_le32(copy + 8, add_linkedit(x, data, size));
    put_command(x, copy, sizeof(copy));
}

/* Symbols keep their numbers; one whose name cannot be read becomes empty. */
static void write_symbols(const struct extract *x, uint32_t count, FILE *table, FILE *strings)
{
    struct macho_symbol symbol;
    uint32_t written = 0;
    fputc(0, strings);
    for (uint32_t index = 0;
         macho_next_symbol(&x->entry->macho, &index, &symbol) && written < count; written++) {
        uint8_t entry[NLIST_SIZE] = {0};
        for (; written + 1 < index; written++)
            fwrite(entry, 1, sizeof(entry), table);
        put_le32(entry, (uint32_t)ftell(strings));
        entry[4] = symbol.type;
        entry[5] = symbol.section;
        entry[6] = (uint8_t)symbol.description;
        entry[7] = (uint8_t)(symbol.description >> 8);
        put_le64(entry + 8, symbol.value);
        fwrite(entry, 1, sizeof(entry), table);
        /* Names add up to less than a file, unless someone made them to share their bytes. */
        const size_t length = strlen(symbol.name);
        if ((size_t)ftell(strings) + length < x->entry->macho.file.size)
            fwrite(symbol.name, 1, length, strings);
        fputc(0, strings);
    }
    for (const uint8_t none[NLIST_SIZE] = {0}; written < count; written++)
        fwrite(none, 1, sizeof(none), table);
}

static void add_symbols(struct extract *x, const struct macho_command *command)
{
    uint8_t copy[24];
    char *table = NULL, *strings = NULL;
    size_t table_size = 0, string_size = 0;
    const uint32_t count = get_le32(command->data + 12);
    if (command->size != sizeof(copy) ||
        !blob_at(&x->entry->macho.file, get_le32(command->data + 8), (uint64_t)count * NLIST_SIZE))
        return;
    FILE *symbols = open_memstream(&table, &table_size);
    FILE *names = open_memstream(&strings, &string_size);
    if (symbols && names)
        write_symbols(x, count, symbols, names);
    if (symbols)
        fclose(symbols);
    if (names)
        fclose(names);
    memcpy(copy, command->data, sizeof(copy));
    put_le32(copy + 8, add_linkedit(x, (uint8_t *)table, table_size));
    put_le32(copy + 12, (uint32_t)(table_size / NLIST_SIZE));
    put_le32(copy + 16, add_linkedit(x, (uint8_t *)strings, string_size));
    put_le32(copy + 20, (uint32_t)string_size);
    put_command(x, copy, sizeof(copy));
    free(table);
    free(strings);
}

/* The groups of symbols stay; of the tables in the file that of indirect symbols alone. */
static void add_dynamic_symbols(struct extract *x, const struct macho_command *command)
{
    uint8_t copy[80] = {0};
    if (command->size != sizeof(copy))
        return;
    memcpy(copy, command->data, 32);
    const uint32_t count = get_le32(command->data + 60);
    const uint8_t *indirect =
        blob_at(&x->entry->macho.file, get_le32(command->data + 56), 4ull * count);
    if (indirect && count) {
        put_le32(copy + 56, add_linkedit(x, indirect, 4ull * count));
        put_le32(copy + 60, count);
    }
    put_command(x, copy, sizeof(copy));
}

static void add_command(struct extract *x, const struct macho_command *command)
{
    switch (command->cmd & ~REQ_DYLD) {
    case LC_SYMTAB:
        add_symbols(x, command);
        break;
    case LC_DYSYMTAB:
        add_dynamic_symbols(x, command);
        break;
    case LC_SEGMENT_SPLIT_INFO:
    case LC_FUNCTION_STARTS:
    case LC_DATA_IN_CODE:
    case LC_LINKER_OPTIMIZATION_HINT:
    case LC_DYLD_EXPORTS_TRIE:
        if (command->size == LINKEDIT_DATA)
            add_linkedit_data(x, command);
        break;
    case LC_CODE_SIGNATURE:
    case LC_DYLD_CHAINED_FIXUPS & ~REQ_DYLD:
    case LC_FILESET_ENTRY & ~REQ_DYLD:
    case LC_ENCRYPTION_INFO:
    case LC_ENCRYPTION_INFO_64:
    case LC_DYLD_INFO:
    case LC_NOTE:
        break;
    default:
        put_command(x, command->data, command->size);
    }
}

/* All but __LINKEDIT's, whose size is known at the end; it is there already, to be filled in. */
static void add_commands(struct extract *x)
{
    struct macho_command command;
    struct macho_segment segment;
    unsigned number = 0;
    for (uint64_t cursor = 0; macho_next_command(&x->entry->macho, &cursor, &command);)
        if (macho_command_segment(&command, &segment))
            add_segment(x, &command, number++);
        else
            add_command(x, &command);
}

/* ---- the file ---- */

static void fill_linkedit(uint8_t *commands, size_t size, uint64_t at, uint64_t linkedit_size)
{
    for (uint8_t *p = commands; p < commands + size; p += get_le32(p + 4))
        if (get_le32(p) == LC_SEGMENT_64 && !strncmp((char *)p + 8, "__LINKEDIT", 16)) {
            put_le64(p + 32, (linkedit_size + PAGE - 1) & ~(uint64_t)(PAGE - 1));
            put_le64(p + 40, at);
            put_le64(p + 48, linkedit_size);
        }
}

static int assemble(struct extract *x, uint8_t *commands, size_t command_size,
                    const uint8_t *linkedit, size_t linkedit_size, struct blob *out)
{
    const struct macho *macho = &x->entry->macho;
    if (MACHO_HEADER_SIZE + (uint64_t)macho->command_size > x->parts[0].segment.filesize)
        return blob_error(&macho->file, macho->header, x->err,
                          "the load commands of %s are not in its first segment", x->entry->id);
    uint8_t *file = calloc(1, x->linkedit_at + linkedit_size);
    if (!file)
        return error_set(x->err, ERROR_OS, "%s: no memory for %s", macho->file.name, x->entry->id);
    for (unsigned i = 0; i < x->part_count; i++)
        if (x->parts[i].data)
            memcpy(file + x->parts[i].fileoff, x->parts[i].data, x->parts[i].segment.filesize);
    fill_linkedit(commands, command_size, x->linkedit_at, linkedit_size);
    /* What was dropped of the commands leaves zeros. */
    memset(file + MACHO_HEADER_SIZE, 0, macho->command_size);
    memcpy(file + MACHO_HEADER_SIZE, commands, command_size);
    put_le32(file + 16, x->command_count);
    put_le32(file + 20, (uint32_t)command_size);
    put_le32(file + 24, macho->flags & ~IN_COLLECTION);
    memcpy(file + x->linkedit_at, linkedit, linkedit_size);
    blob_adopt(out, file, x->linkedit_at + linkedit_size, macho->file.name);
    return 0;
}

static int extract(struct extract *x, struct blob *out)
{
    char *commands = NULL, *linkedit = NULL;
    size_t command_size = 0, linkedit_size = 0;
    x->commands = open_memstream(&commands, &command_size);
    x->linkedit = open_memstream(&linkedit, &linkedit_size);
    int result = x->commands && x->linkedit ? 0 : -1;
    if (!result)
        add_commands(x);
    if (x->commands && fclose(x->commands))
        result = -1;
    if (x->linkedit && fclose(x->linkedit))
        result = -1;
    if (result)
        error_set(x->err, ERROR_OS, "%s: no memory for its load commands", x->entry->id);
    else
        result =
            assemble(x, (uint8_t *)commands, command_size, (uint8_t *)linkedit, linkedit_size, out);
    free(commands);
    free(linkedit);
    return result;
}

int kc_extract(const struct kc *kc, const struct kc_entry *entry, struct blob *out,
               struct error *err)
{
    struct extract x = {.entry = entry, .err = err};
    if (!entry->has_code)
        return blob_error(&kc->macho.file, 0, err,
                          "%s has no code: of it there is an Info.plist alone", entry->id);
    return place_segments(&x) ? -1 : extract(&x, out);
}

/* ---- Info.plist ---- */

int kc_info_plist(const struct kc *kc, const struct kc_entry *entry, struct blob *out,
                  struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    if (!entry->info || !plist_unfolds(entry->info))
        return blob_error(&kc->info_section, 0, err, "no Info.plist of %s in __PRELINK_INFO%s",
                          entry->id, entry->info ? " that could be written out" : "");
    FILE *stream = open_memstream(&text, &size);
    if (stream)
        plist_write(entry->info, &kc->info_section, "_Prelink", stream);
    if (!stream || fclose(stream))
        return error_set(err, ERROR_OS, "%s: no memory for its Info.plist", entry->id);
    blob_adopt(out, text, size, "Info.plist");
    return 0;
}
