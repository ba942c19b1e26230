/* SPDX-License-Identifier: MIT */
/* Symbols of ELF-64 files (System V ABI, chapter 4), Mach-O files (macho_symbols.c) and of nm's
 * text: lines of an address, a letter and a name. */

#include "symbols.h"

#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "macho.h"

#define EHDR_SIZE  64
#define SHDR_SIZE  64
#define SYM_SIZE   24
#define SHT_SYMTAB 2
#define SHT_DYNSYM 11
#define STT_FUNC   2
#define STT_NOTYPE 0

static bool add(struct symbols *symbols, uint64_t value, const char *name, size_t length)
{
    /* Room grows by doubling: it is used up when the count is a power of two. */
    if (!(symbols->count & (symbols->count - 1))) {
        const size_t room = symbols->count ? symbols->count * 2 : 1;
        struct symbol *more = realloc(symbols->items, room * sizeof(*more));
        if (!more)
            return false;
        symbols->items = more;
    }
    symbols->items[symbols->count++] = (struct symbol){value, name, length};
    return true;
}

/* ---- ELF ---- */

struct section {
    uint32_t type, link;
    uint64_t offset, size;
};

static bool read_section(const struct blob *file, unsigned index, struct section *out)
{
    const uint64_t table = get_le64(file->data + 40);
    const unsigned size = get_le16(file->data + 58);
    const uint8_t *header = size >= SHDR_SIZE && table <= file->size
                                ? blob_at(file, table + (uint64_t)index * size, SHDR_SIZE)
                                : NULL;
    if (!header)
        return false;
    *out = (struct section){get_le32(header + 4), get_le32(header + 40), get_le64(header + 24),
                            get_le64(header + 32)};
    return true;
}

/* Whether SYMBOL names code: the symbols $x and $d of the Arm ABI do not. */
static bool is_code(const uint8_t *symbol, const char *name)
{
    const unsigned type = symbol[4] & 15;
    return (type == STT_FUNC || type == STT_NOTYPE) && get_le16(symbol + 6) && *name &&
           *name != '$';
}

static bool add_elf_table(struct symbols *symbols, const struct section *table,
                          const struct section *strings)
{
    const uint8_t *data = blob_at(&symbols->file, table->offset, table->size);
    const char *names = (const char *)blob_at(&symbols->file, strings->offset, strings->size);
    if (!data || !names)
        return true;
    for (uint64_t at = 0; at + SYM_SIZE <= table->size; at += SYM_SIZE) {
        const uint32_t name = get_le32(data + at);
        if (name >= strings->size || !is_code(data + at, names + name))
            continue;
        const size_t length = strnlen(names + name, strings->size - name);
        if (!add(symbols, get_le64(data + at + 8), names + name, length))
            return false;
    }
    return true;
}

static bool add_elf(struct symbols *symbols)
{
    const struct blob *file = &symbols->file;
    const unsigned count = file->size >= EHDR_SIZE ? get_le16(file->data + 60) : 0;
    struct section table, strings;
    for (unsigned i = 0; i < count; i++)
        if (read_section(file, i, &table) &&
            (table.type == SHT_SYMTAB || table.type == SHT_DYNSYM) &&
            read_section(file, table.link, &strings) && !add_elf_table(symbols, &table, &strings))
            return false;
    return true;
}

/* ---- Mach-O ---- */

static bool add_macho(struct symbols *symbols, struct error *err)
{
    struct macho macho;
    struct macho_symbols found;
    if (macho_open(&symbols->file, &macho, err) || macho_symbols_load(&macho, &found, err))
        return false;
    bool ok = true;
    for (size_t i = 0; i < found.count && ok; i++)
        ok = add(symbols, found.items[i].value, found.items[i].name, strlen(found.items[i].name));
    macho_symbols_free(&found);
    if (!ok)
        error_set(err, ERROR_OS, "%s: no memory for its symbols", symbols->file.name);
    return ok;
}

/* ---- text ---- */

/* Adds what one line names: code (letters t, w, any case). */
static bool add_line(struct symbols *symbols, const char *line, size_t length)
{
    uint64_t value = 0;
    size_t at = 0;
    for (; at < length && at < 16 && strchr("0123456789abcdef", line[at]) && line[at]; at++)
        value = value << 4 | (uint64_t)(line[at] <= '9' ? line[at] - '0' : line[at] - 'a' + 10);
    if (at < 8 || at + 4 > length || line[at] != ' ' || line[at + 2] != ' ' ||
        !strchr("tTwW", line[at + 1]) || line[at + 3] == '$')
        return true;
    const char *name = line + at + 3, *tab = memchr(name, '\t', length - at - 3);
    return add(symbols, value, name, tab ? (size_t)(tab - name) : length - at - 3);
}

static bool add_text(struct symbols *symbols)
{
    const char *text = (const char *)symbols->file.data, *const end = text + symbols->file.size;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const char *next = stop ? stop + 1 : end;
        if (!add_line(symbols, text, (size_t)((stop ? stop : end) - text)))
            return false;
        text = next;
    }
    return true;
}

/* ---- all ---- */

static int compare(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;
    return a->value < b->value ? -1 : a->value > b->value;
}

static int fail(struct symbols *symbols)
{
    symbols_free(symbols);
    return -1;
}

int symbols_open(struct symbols *symbols, const char *name, const struct source_context *context,
                 struct error *err)
{
    *symbols = (struct symbols){0};
    if (image_open_plain_with(&symbols->file, name, context, err))
        return -1;
    const struct blob *file = &symbols->file;
    if (macho_recognise(file)) {
        if (!add_macho(symbols, err))
            return fail(symbols);
    } else if (!(file->size >= 6 && !memcmp(file->data, "\177ELF\2\1", 6) ? add_elf(symbols)
                                                                          : add_text(symbols))) {
        error_set(err, ERROR_OS, "%s: no memory for its symbols", name);
        return fail(symbols);
    }
    if (!symbols->count) {
        error_set(err, ERROR_DATA,
                  "%s: no symbols; give an ELF or Mach-O file that has some, or a "
                  "System.map",
                  name);
        return fail(symbols);
    }
    qsort(symbols->items, symbols->count, sizeof(symbols->items[0]), compare);
    return 0;
}

void symbols_free(struct symbols *symbols)
{
    blob_free(&symbols->file);
    free(symbols->items);
    *symbols = (struct symbols){0};
}

const struct symbol *symbols_at(const struct symbols *symbols, uint64_t address)
{
    return macho_last_at(symbols->items, symbols->count, sizeof(*symbols->items), address);
}
