/* SPDX-License-Identifier: MIT */
/* The symbols of LC_SYMTAB. In a kernel collection each member has a table of its own in the shared
 * link edit information, with file offsets of the whole file. What was stripped may still be named
 * by the export trie. */

#include <stdlib.h>
#include <string.h>

#include "macho.h"

#define NLIST_SIZE 16

struct table {
    const uint8_t *entries;
    uint32_t count;
    struct blob strings;
};

/* 1, 0 when there is none, -1 and *ERR when the file ends before. */
static int find_table(const struct macho *macho, struct table *out, struct error *err)
{
    struct macho_command command;
    struct blob entries;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_SYMTAB || command.size < 24)
            continue;
        out->count = get_le32(command.data + 12);
        if (blob_slice(&macho->file, get_le32(command.data + 8), (uint64_t)out->count * NLIST_SIZE,
                       &entries, "the symbol table", err) ||
            blob_slice(&macho->file, get_le32(command.data + 16), get_le32(command.data + 20),
                       &out->strings, "the symbols' names", err))
            return -1;
        out->entries = entries.data;
        return 1;
    }
    return 0;
}

int macho_check_symbols(const struct macho *macho, struct error *err)
{
    struct table table;
    return find_table(macho, &table, err) < 0 ? -1 : 0;
}

static bool read_symbol(const struct table *table, uint32_t index, struct macho_symbol *out)
{
    const uint8_t *p = table->entries + (size_t)index * NLIST_SIZE;
    const uint32_t name = get_le32(p);
    const size_t room = name < table->strings.size ? table->strings.size - name : 0;
    const char *text = (const char *)table->strings.data + name;
    if (!room || strnlen(text, room) == room)
        return false;
    *out = (struct macho_symbol){.name = text,
                                 .type = p[4],
                                 .section = p[5],
                                 .description = get_le16(p + 6),
                                 .value = get_le64(p + 8)};
    return true;
}

bool macho_next_symbol(const struct macho *macho, uint32_t *index, struct macho_symbol *out)
{
    struct table table;
    if (find_table(macho, &table, NULL) <= 0)
        return false;
    while (*index < table.count)
        if (read_symbol(&table, (*index)++, out))
            return true;
    return false;
}

static int add_defined(const struct macho *macho, struct macho_symbols *out)
{
    struct table table;
    struct macho_symbol symbol;
    if (find_table(macho, &table, NULL) <= 0)
        return 0;
    struct macho_symbol *more =
        realloc(out->items, (out->count + table.count + 1) * sizeof(*out->items));
    if (!more)
        return -1;
    out->items = more;
    for (uint32_t i = 0; i < table.count; i++)
        if (read_symbol(&table, i, &symbol) && !(symbol.type & MACHO_N_STAB) &&
            (symbol.type & MACHO_N_TYPE) == MACHO_N_SECT && *symbol.name)
            out->items[out->count++] = symbol;
    return 0;
}

/* By address; of those at one address the exported ones last, so that they are found. */
static int compare(const void *left, const void *right)
{
    const struct macho_symbol *a = left, *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return (a->type & MACHO_N_EXT) - (b->type & MACHO_N_EXT);
}

/* ---- what only the export trie names ---- */

struct collection {
    struct macho_symbols *out;
    size_t known; /* sorted ones */
    size_t count, bytes;
    bool fill; /* else they are counted */
};

static bool is_known(const struct collection *c, const struct macho_export *export)
{
    const struct macho_symbol *first = c->out->items;
    const struct macho_symbol *symbol =
        macho_last_at(first, c->known, sizeof(*first), export->address);
    for (; symbol && symbol >= first && symbol->value == export->address; symbol--)
        if (!strcmp(symbol->name, export->name))
            return true;
    return false;
}

static int collect_export(void *context, const struct macho_export *export)
{
    struct collection *c = context;
    const size_t size = strlen(export->name) + 1;
    if (export->flags & MACHO_EXPORT_REEXPORT ||
        (export->flags & MACHO_EXPORT_KIND) == MACHO_EXPORT_ABSOLUTE || is_known(c, export))
        return 0;
    if (c->fill) {
        char *name = c->out->names + c->bytes;
        memcpy(name, export->name, size);
        c->out->items[c->known + c->count] = (struct macho_symbol){
            .value = export->address, .name = name, .type = MACHO_N_SECT | MACHO_N_EXT};
    }
    c->count++;
    c->bytes += size;
    return 0;
}

/* Of a trie that is damaged none is taken. */
static int add_exported(const struct macho *macho, struct macho_symbols *out)
{
    struct collection c = {.out = out, .known = out->count};
    if (macho_each_export(macho, collect_export, &c, NULL) || !c.count)
        return 0;
    struct macho_symbol *more = realloc(out->items, (c.known + c.count) * sizeof(*more));
    if (!more)
        return -1;
    out->items = more;
    out->names = malloc(c.bytes);
    if (!out->names)
        return -1;
    c.fill = true;
    c.count = c.bytes = 0;
    macho_each_export(macho, collect_export, &c, NULL);
    out->count = c.known + c.count;
    qsort(out->items, out->count, sizeof(*out->items), compare);
    return 0;
}

int macho_symbols_load(const struct macho *macho, struct macho_symbols *out, struct error *err)
{
    struct macho_command command;
    struct macho_member member;
    struct macho inner;
    *out = (struct macho_symbols){0};
    int result = add_defined(macho, out);
    for (uint64_t cursor = 0; !result && macho_next_command(macho, &cursor, &command);)
        if (macho_command_member(&command, &member) &&
            !macho_open_inner(macho, member.fileoff, &inner, NULL))
            result = add_defined(&inner, out);
    if (!result && out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare);
    if (!result && !add_exported(macho, out))
        return 0;
    macho_symbols_free(out);
    return error_set(err, ERROR_OS, "%s: no memory for its symbols", macho->file.name);
}

int macho_symbols_add(struct macho_symbols *symbols, const struct macho_symbol *items, size_t count)
{
    struct macho_symbol *more =
        realloc(symbols->items, (symbols->count + count + 1) * sizeof(*more));
    if (!more)
        return -1;
    symbols->items = more;
    if (count)
        memcpy(more + symbols->count, items, count * sizeof(*more));
    symbols->count += count;
    qsort(more, symbols->count, sizeof(*more), compare);
    return 0;
}

void macho_symbols_free(struct macho_symbols *symbols)
{
    free(symbols->items);
    free(symbols->names);
    *symbols = (struct macho_symbols){0};
}

const void *macho_last_at(const void *items, size_t count, size_t size, uint64_t address)
{
    const uint8_t *const first = items;
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        uint64_t value;
        memcpy(&value, first + middle * size, sizeof(value));
        if (value <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? first + (low - 1) * size : NULL;
}

const struct macho_symbol *macho_symbol_at(const struct macho_symbols *symbols, uint64_t address)
{
    return macho_last_at(symbols->items, symbols->count, sizeof(*symbols->items), address);
}

const struct macho_symbol *macho_symbol_named(const struct macho_symbols *symbols, const char *name)
{
    for (size_t i = 0; i < symbols->count; i++)
        if (!strcmp(symbols->items[i].name, name) ||
            (symbols->items[i].name[0] == '_' && !strcmp(symbols->items[i].name + 1, name)))
            return &symbols->items[i];
    return NULL;
}

/* ---- the indirect symbol table ---- */

#define SECTION_TYPE  0xffu
#define LAZY_POINTERS 7u
#define POINTERS      6u
#define STUBS         8u

/* The section of stubs or imported pointers that holds ADDRESS, and the size of one in it. */
static bool find_indirect(const struct macho *macho, uint64_t address, struct macho_section *out,
                          uint32_t *size)
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        for (uint32_t i = 0; macho_command_section(&command, i, out); i++) {
            const uint32_t type = out->flags & SECTION_TYPE;
            if ((type != STUBS && type != POINTERS && type != LAZY_POINTERS) ||
                address < out->addr || address - out->addr >= out->size)
                continue;
            *size = type == STUBS ? out->reserved2 : 8;
            return *size != 0;
        }
    return false;
}

const char *macho_indirect_symbol(const struct macho *macho, uint64_t address)
{
    struct macho_section section;
    struct macho_command command;
    struct macho_symbol symbol;
    struct table table;
    uint32_t size;
    if (!find_indirect(macho, address, &section, &size))
        return NULL;
    const uint64_t index = section.reserved1 + (address - section.addr) / size;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_DYSYMTAB || command.size < 64 ||
            index >= get_le32(command.data + 60) || find_table(macho, &table, NULL) <= 0)
            continue;
        const uint8_t *entry = blob_at(&macho->file, get_le32(command.data + 56) + index * 4, 4);
        if (entry && get_le32(entry) < table.count && read_symbol(&table, get_le32(entry), &symbol))
            return symbol.name;
    }
    return NULL;
}
