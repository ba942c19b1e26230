/* SPDX-License-Identifier: MIT */
/* Between two builds nearly every address differs, and with it every branch, every ADRP and every
 * pointer. So an address is compared by what it stands for: a place in the same function, an
 * import, what a fixed-up pointer holds, the text of a string, the value of a literal, a symbol
 * with an offset. Functions are found by symbols alone. */

#include "cli/macho_code_diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "image/code_target.h"

#define SECTION_TYPE      0xffu
#define TYPE_ZEROFILL     1u
#define TYPE_CSTRINGS     2u
#define TYPE_4_LITERALS   3u
#define TYPE_8_LITERALS   4u
#define TYPE_16_LITERALS  14u
#define SOME_INSTRUCTIONS 0x00000400u
#define PURE_INSTRUCTIONS 0x80000000u
#define MEANING_SIZE      512

int code_side_open(struct code_side *side, const struct macho *macho, struct error *err)
{
    *side = (struct code_side){.macho = macho};
    if (macho_symbols_load(macho, &side->symbols, err))
        return -1;
    /* With broken fixups the rest can still be compared. */
    macho_fixups_load(macho, &side->fixups, NULL);
    return 0;
}

void code_side_close(struct code_side *side)
{
    macho_symbols_free(&side->symbols);
    macho_fixups_free(&side->fixups);
}

bool code_in_section(const struct macho_section *section)
{
    return section->flags & (SOME_INSTRUCTIONS | PURE_INSTRUCTIONS) ||
           !strcmp(section->name, "__text");
}

/* ---- pieces ---- */

static bool section_at(const struct macho *macho, uint64_t address, struct macho_section *out)
{
    struct macho_command command;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        for (uint32_t i = 0; macho_command_section(&command, i, out); i++)
            if (address >= out->addr && address - out->addr < out->size)
                return true;
    return false;
}

static int compare_pieces(const void *left, const void *right)
{
    const struct code_piece *a = left, *b = right;
    const int order = strcmp(a->name, b->name);
    if (order)
        return order;
    return a->address < b->address ? -1 : a->address > b->address;
}

struct code_piece *code_pieces(const struct code_side *side, size_t *count)
{
    const struct macho_symbols *symbols = &side->symbols;
    struct code_piece *pieces = calloc(symbols->count + 1, sizeof(*pieces));
    struct macho_section section = {.size = 0};
    uint64_t next = UINT64_MAX, last = UINT64_MAX;
    *count = pieces ? symbols->count : 0;
    /* From the end, so that the next symbol at another address is known. */
    for (size_t i = *count; i--;) {
        const struct macho_symbol *symbol = &symbols->items[i];
        if (symbol->value != last)
            next = last;
        last = symbol->value;
        bool inside = last >= section.addr && last - section.addr < section.size;
        if (!inside)
            inside = section_at(side->macho, last, &section);
        const uint64_t end = section.addr + section.size;
        pieces[i] = (struct code_piece){.name = symbol->name,
                                        .address = last,
                                        .size = inside ? (next < end ? next : end) - last : 0,
                                        .code = inside && code_in_section(&section)};
    }
    if (*count)
        qsort(pieces, *count, sizeof(*pieces), compare_pieces);
    return pieces;
}

/* ---- what addresses stand for ---- */

static void name_address(const struct code_side *side, uint64_t address, char *out)
{
    const struct macho_symbol *symbol = macho_symbol_at(&side->symbols, address);
    if (symbol)
        snprintf(out, MEANING_SIZE, "%s+0x%" PRIx64, symbol->name, address - symbol->value);
    else
        snprintf(out, MEANING_SIZE, "nothing");
}

/* How many bytes in SECTION, with LEFT bytes to its end, say what an address stands for when ACCESS
 * bytes are read there; ACCESS 0: it is not known how many. 0: it stands for itself. */
static uint64_t telling_size(const struct macho_section *section, uint64_t left, unsigned access)
{
    switch (section->flags & SECTION_TYPE) {
    case TYPE_CSTRINGS:
        return left;
    case TYPE_4_LITERALS:
        return 4;
    case TYPE_8_LITERALS:
        return 8;
    case TYPE_16_LITERALS:
        return 16;
    default:
        /* Constants of compilers: tables of a switch, vectors. */
        if (strcmp(section->segment, "__TEXT") || code_in_section(section))
            return 0;
        return access ? access : left < 8 ? left : 8;
    }
}

/* Of strings, literals and constants their contents, since nobody names them. False: ADDRESS is
 * none. */
static bool name_contents(const struct code_side *side, uint64_t address, unsigned access,
                          char *out)
{
    struct macho_section section;
    if (!section_at(side->macho, address, &section))
        return false;
    const uint64_t at = address - section.addr, left = section.size - at;
    const uint64_t size = telling_size(&section, left, access);
    const uint8_t *data =
        size && size <= left ? blob_at(&side->macho->file, section.offset + at, size) : NULL;
    if (!data)
        return false;
    if ((section.flags & SECTION_TYPE) == TYPE_CSTRINGS) {
        snprintf(out, MEANING_SIZE, "\"%.*s\"", (int)strnlen((const char *)data, (size_t)left),
                 (const char *)data);
        return true;
    }
    for (uint64_t i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", data[i]);
    return true;
}

static void name_fixup(const struct code_side *side, const struct macho_fixup *fixup, char *out)
{
    char target[MEANING_SIZE] = "";
    if (fixup->bind)
        snprintf(target, sizeof(target), "%s+0x%" PRIx64, fixup->import, (uint64_t)fixup->addend);
    else if (!name_contents(side, fixup->target, 0, target))
        name_address(side, fixup->target, target);
    snprintf(out, MEANING_SIZE, "-> %.400s %d %u %u %d", target, fixup->auth, fixup->key,
             fixup->diversity, fixup->address_diversity);
}

/* What ADDRESS, where ACCESS bytes are read, stands for within PIECE. */
static void name_target(const struct code_side *side, const struct code_piece *piece,
                        uint64_t address, unsigned access, char *out)
{
    if (address - piece->address < piece->size) {
        snprintf(out, MEANING_SIZE, "+0x%" PRIx64, address - piece->address);
        return;
    }
    const struct macho_symbol *symbol = macho_symbol_at(&side->symbols, address);
    if (symbol && symbol->value == address) {
        snprintf(out, MEANING_SIZE, "%s+0x0", symbol->name);
        return;
    }
    const struct macho_fixup *fixup = macho_fixup_at(&side->fixups, address);
    const char *import = macho_indirect_symbol(side->macho, address);
    if (import)
        snprintf(out, MEANING_SIZE, "import %s", import);
    else if (fixup)
        name_fixup(side, fixup, out);
    else if (!name_contents(side, address, access, out))
        name_address(side, address, out);
}

/* ---- code ---- */

/* One side of a comparison, an instruction at a time. */
struct reader {
    const struct code_side *side;
    const struct code_piece *piece;
    const uint8_t *data; /* NULL: not in the file */
    struct code_pages pages;
    uint32_t word;
    uint64_t target;
    bool has_target;
};

static void start(struct reader *r, const struct code_side *side, const struct code_piece *piece)
{
    struct macho_segment segment;
    uint64_t offset;
    *r = (struct reader){.side = side, .piece = piece};
    if (macho_offset_of(side->macho, piece->address, &offset, &segment))
        r->data = blob_at(&side->macho->file, offset, piece->size);
}

static void step(struct reader *r, uint64_t at)
{
    const uint64_t pc = r->piece->address + at;
    r->word = get_le32(r->data + at);
    const bool paged = code_paged_target(&r->pages, r->word, pc, &r->target);
    r->has_target = paged || code_direct_target(r->word, pc, &r->target);
}

static bool is_adrp(uint32_t word)
{
    return (word & 0x9f000000) == 0x90000000;
}

static bool same_instruction(const struct reader *a, const struct reader *b)
{
    char old[MEANING_SIZE], new[MEANING_SIZE];
    if (a->has_target != b->has_target ||
        code_without_target(a->word) != code_without_target(b->word))
        return false;
    /* What an ADRP alone means shows where it is used. */
    if (!a->has_target)
        return a->word == b->word || is_adrp(a->word);
    name_target(a->side, a->piece, a->target, code_access_size(a->word), old);
    name_target(b->side, b->piece, b->target, code_access_size(b->word), new);
    return !strcmp(old, new);
}

bool code_compare(const struct code_side *a, const struct code_piece *old,
                  const struct code_side *b, const struct code_piece *new,
                  struct code_difference *out)
{
    struct reader left, right;
    const uint64_t size = old->size < new->size ? old->size : new->size;
    *out = (struct code_difference){0};
    start(&left, a, old);
    start(&right, b, new);
    if (!left.data || !right.data)
        return left.data == right.data && old->size == new->size;
    for (uint64_t at = 0; size - at >= 4; at += 4) {
        step(&left, at);
        step(&right, at);
        if (same_instruction(&left, &right))
            continue;
        if (!out->count++)
            *out = (struct code_difference){1, at, left.word, right.word};
    }
    const uint64_t longer = old->size > new->size ? old->size : new->size;
    if (!out->count && longer != size) {
        const uint64_t at = size & ~3ull;
        out->at = at;
        out->old = old->size - at >= 4 ? get_le32(left.data + at) : 0;
        out->new = new->size - at >= 4 ? get_le32(right.data + at) : 0;
    }
    out->count += (longer - size + 3) / 4;
    return !out->count;
}

/* ---- data ---- */

/* The fixed-up pointer that the byte at ADDRESS belongs to. */
static const struct macho_fixup *fixup_over(const struct code_side *side, uint64_t address)
{
    const struct macho_fixup *fixup =
        macho_last_at(side->fixups.items, side->fixups.count, sizeof(*fixup), address);
    return fixup && address - fixup->address < 8 ? fixup : NULL;
}

static bool same_pointers(const struct code_side *a, const struct macho_fixup *old,
                          const struct code_side *b, const struct macho_fixup *new)
{
    char left[MEANING_SIZE], right[MEANING_SIZE];
    name_fixup(a, old, left);
    name_fixup(b, new, right);
    return !strcmp(left, right);
}

uint64_t code_compare_data(const struct code_side *a, const struct macho_section *old,
                           const struct code_side *b, const struct macho_section *new, uint64_t *at)
{
    const uint64_t size = old->size < new->size ? old->size : new->size;
    const bool zeros = (old->flags & SECTION_TYPE) == TYPE_ZEROFILL;
    const uint8_t *left = zeros ? NULL : blob_at(&a->macho->file, old->offset, size);
    const uint8_t *right = zeros ? NULL : blob_at(&b->macho->file, new->offset, size);
    uint64_t differ = 0;
    for (uint64_t i = 0; left && right && i < size; i++) {
        if (left[i] == right[i])
            continue;
        const struct macho_fixup *p = fixup_over(a, old->addr + i);
        const struct macho_fixup *q = fixup_over(b, new->addr + i);
        if (p && q &&
            p->address - old->addr == q->address - new->addr &&same_pointers(a, p, b, q)) {
            i = p->address - old->addr + 7;
            continue;
        }
        if (!differ++)
            *at = i;
    }
    return differ;
}
