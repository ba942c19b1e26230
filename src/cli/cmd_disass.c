/* SPDX-License-Identifier: MIT */
/* `pomona macho disass`: code of a Mach-O file or a flat one in the columns of `objdump -d`:
 * address, word, mnemonic and operands, separated by tabs, or in those of otool. Symbols are
 * printed where they begin and where code refers to them; an ADRP with the ADD or LDR that
 * completes it is followed to what it means, a fixed-up pointer to its target; instructions of
 * pointer authentication say what they sign or authenticate, with which key and modifier. A rest of
 * fewer than four bytes is printed as objdump prints it, byte for byte. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "a64/dis.h"
#include "cli/dsym_input.h"
#include "cli/input.h"
#include "cli/macho_input.h"
#include "cli/otool_text.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/code_target.h"
#include "image/container.h"

struct values {
    bool raw, entry, json;
    uint64_t base, address, offset, count;
    const char *member, *symbol, *section, *style, *dsym;
    struct key_options keys;
};

#define MOST_FRAMES 64

static const char *const styles[] = {"objdump", "otool", NULL};

static const struct option options[] = {
    OPTION("entry", 0, OPTION_FLAG, entry, NULL, "from the kernel's entry on"),
    OPTION("address", 'a', OPTION_NUMBER, address, "ADDR", "from this virtual address on"),
    OPTION("symbol", 's', OPTION_STRING, symbol, "NAME", "this function, up to the next symbol"),
    OPTION("section", 'x', OPTION_STRING, section, "SEG.SECT", "this section (__TEXT.__text)"),
    OPTION("offset", 0, OPTION_NUMBER, offset, "OFFSET", "from this file offset on"),
    OPTION("count", 'c', OPTION_NUMBER, count, "N", "so many instructions"),
    OPTION("member", 't', OPTION_STRING, member, "ID", "of this member of a kernel collection"),
    {"style", 0, OPTION_CHOICE, offsetof(struct values, style), "STYLE", styles,
     "whose columns to print"},
    OPTION("dsym", 0, OPTION_FILE, dsym, "BUNDLE",
           "with source lines and symbols from this dSYM, or the file in it"),
    OPTION("json", 0, OPTION_FLAG, json, NULL,
           "prints an array with an object for each instruction"),
    OPTION("raw", 0, OPTION_FLAG, raw, NULL, "FILE is nothing but instructions"),
    OPTION("base", 0, OPTION_NUMBER, base, "ADDR", "with --raw: the address of the first"),
    KEY_OPTIONS,
    {0},
};

/* ---- what words mean ---- */

#define PROGRESS_EVERY (1u << 16) /* bytes disassembled between two looks at the time */

/* A pointer that is fixed up, by address; and all that text is explained with. */
struct context {
    const struct macho *macho; /* NULL: a flat file */
    struct macho_symbols symbols;
    struct macho_fixups fixups;
    bool otool, json;
    bool more;          /* JSON: there was an instruction before */
    const char *remark; /* what begins one */
    const char *name;   /* of the file */
    struct progress progress;
    size_t next_label;        /* the first symbol that has not been passed yet */
    struct dsym *dsym;        /* NULL: none was given */
    struct debug_frame place; /* that was printed last */
    struct code_pages pages;
};

/* " <name+0x10>", nothing where there is no symbol. */
static void print_symbol(const struct context *c, uint64_t address)
{
    const struct macho_symbol *symbol = macho_symbol_at(&c->symbols, address);
    const bool exact = symbol && symbol->value == address;
    const char *stub = exact || !c->macho ? NULL : macho_indirect_symbol(c->macho, address);
    if (stub)
        printf(" <%s>", stub);
    if (stub || !symbol)
        return;
    printf(" <%s", symbol->name);
    if (symbol->value != address)
        printf("+0x%" PRIx64, address - symbol->value);
    putchar('>');
}

static void print_fixup(const struct context *c, const struct macho_fixup *fixup)
{
    static const char *const keys[] = {"IA", "IB", "DA", "DB"};
    if (fixup->bind) {
        printf(" -> %s", fixup->import);
    } else {
        printf(" -> 0x%" PRIx64, fixup->target);
        print_symbol(c, fixup->target);
    }
    if (fixup->auth)
        printf(" signed with %s, 0x%x%s", keys[fixup->key], fixup->diversity,
               fixup->address_diversity ? " and the address" : "");
}

/* PACIA, PACIZA, PACIAZ, PACIASP, PACIA1716 and their like: the letters behind the verb are the
 * kind of key, Z for a modifier of zero, and which key; what follows that says what is meant when
 * there is no operand. */
static void print_signing(const char *remark, const char *what, const char *first,
                          const char *second)
{
    const bool zero = what[4] == 'z', implied = !*first;
    const char *rest = what + 5 + zero;
    const char *value = !implied ? first : !strcmp(rest, "1716") ? "x17" : "x30";
    const char *modifier = zero || !strcmp(rest, "z") ? "0"
                           : !implied                 ? second
                           : !strcmp(rest, "1716")    ? "x16"
                                                      : "sp";
    printf("  %s %s %s, key %c%c, modifier %s", remark, *what == 'p' ? "signs" : "authenticates",
           value, what[3] - 32, what[4 + zero] - 32, modifier);
}

/* "authenticates x8, key IA, modifier x9". */
static void print_authentication(const char *remark, const char *text)
{
    const size_t name = strcspn(text, "\t");
    const char *operands = text[name] ? text + name + 1 : "";
    char what[16] = "", first[24] = "", second[24] = "";
    snprintf(what, sizeof(what), "%.*s", (int)(name < 15 ? name : 15), text);
    sscanf(operands, "%23[^,], %23[^,]", first, second);
    const size_t length = strlen(what);
    const bool zero = what[length - 1] == 'z';
    const char key = (char)(what[length - 1 - zero] - 32);
    if (!strcmp(what, "pacga"))
        printf("  %s generic code, key GA, modifier%s", remark, strrchr(operands, ',') + 1);
    else if ((!strncmp(what, "pac", 3) || !strncmp(what, "aut", 3)) && length >= 5)
        print_signing(remark, what, first, second);
    else if (!strncmp(what, "ret", 3) || !strncmp(what, "eret", 4))
        printf("  %s authenticates %s, key I%c, modifier sp", remark, *what == 'e' ? "ELR" : "x30",
               key);
    else if (*what == 'b')
        printf("  %s authenticates %s, key I%c, modifier %s", remark, first, key,
               zero ? "0" : second);
    else
        printf("  %s authenticates the address, key D%c, modifier 0", remark, key);
}

/* Instructions of pointer authentication begin with one of these and go on with a letter of a key;
 * XPACI and XPACD strip. */
static bool authenticates(const char *text)
{
    static const char *const names[] = {"paci", "pacd",  "pacga", "auti",  "autd",
                                        "reta", "retb",  "ereta", "eretb", "braa",
                                        "brab", "blraa", "blrab", "ldraa", "ldrab"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (*text == *names[i] && !strncmp(text, names[i], strlen(names[i])))
            return true;
    return false;
}

static void explain(struct context *c, uint32_t word, uint64_t pc, const char *text)
{
    uint64_t target;
    const bool paged = code_paged_target(&c->pages, word, pc, &target);
    if (paged) {
        const struct macho_fixup *fixup = macho_fixup_at(&c->fixups, target);
        printf("  %s 0x%" PRIx64, c->remark, target);
        print_symbol(c, target);
        if (fixup)
            print_fixup(c, fixup);
    } else if (code_direct_target(word, pc, &target)) {
        print_symbol(c, target);
    } else if (authenticates(text)) {
        print_authentication(c->remark, text);
    }
}

/* ---- printing ---- */

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

/* The name that begins at ADDRESS, on a line of its own: of several the last, as macho_symbol_at
 * has it. */
static void print_label(struct context *c, uint64_t address)
{
    const struct macho_symbol *items = c->symbols.items, *symbol = NULL;
    for (; c->next_label < c->symbols.count && items[c->next_label].value <= address;
         c->next_label++)
        symbol = &items[c->next_label];
    if (!symbol || symbol->value != address)
        return;
    if (c->otool)
        printf("%s:\n", symbol->name);
    else
        printf("\n%016" PRIx64 " <%s>:\n", address, symbol->name);
}

/* Where the instruction at ADDRESS comes from, if that is not where the last one did. */
static void print_source(struct context *c, uint64_t address)
{
    struct debug_frame frames[MOST_FRAMES];
    const size_t count = dsym_frames(c->dsym, address, frames, MOST_FRAMES);
    const struct debug_frame place = count ? frames[0] : (struct debug_frame){.function = ""};
    const bool same = place.line == c->place.line && place.file == c->place.file &&
                      place.function == c->place.function;
    c->place = place;
    if (!count || same)
        return;
    for (size_t i = 0; i < count; i++) {
        printf(i ? " in " : "; ");
        print_text(frames[i].function, strlen(frames[i].function));
        putchar(' ');
        print_text(frames[i].file, strlen(frames[i].file));
        printf(":%u", frames[i].line);
    }
    putchar('\n');
}

/* VALUE in hexadecimal, filled up to WIDTH with PAD. Returns the end. */
static char *put_hex(char *at, uint64_t value, int width, char pad)
{
    char digits[16];
    int count = 0;
    do
        digits[count++] = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    for (; width > count; width--)
        *at++ = pad;
    while (count)
        *at++ = digits[--count];
    return at;
}

/* "address:\tword \ttext", or otool's "address\ttext". There are millions of these lines, so that
 * they do without printf. */
static void print_columns(const struct context *c, uint32_t word, uint64_t address, int width,
                          const char *text)
{
    char line[2 * 16 + 8], *at = line;
    if (c->otool) {
        at = put_hex(at, address, 16, '0');
        *at++ = '\t';
    } else {
        at = put_hex(at, address, width, ' ');
        *at++ = ':';
        *at++ = '\t';
        at = put_hex(at, word, 8, '0');
        *at++ = ' ';
        *at++ = '\t';
    }
    fwrite(line, 1, (size_t)(at - line), stdout);
    fputs(text, stdout);
}

static void print_word(struct context *c, uint32_t word, uint64_t address, int width)
{
    char text[256];
    a64_disassemble(word, address, text, sizeof(text));
    if (c->macho)
        print_label(c, address);
    if (c->dsym)
        print_source(c, address);
    if (c->otool)
        otool_text(text, sizeof(text));
    print_columns(c, word, address, width, text);
    if (c->macho)
        explain(c, word, address, text);
    putchar('\n');
}

/* ---- the same as JSON ---- */

/* A member WHICH of OBJECT: the symbol that ADDRESS belongs to, and how far into it. */
static void json_symbol(const struct context *c, json_t *object, const char *which,
                        uint64_t address)
{
    const struct macho_symbol *symbol = macho_symbol_at(&c->symbols, address);
    if (symbol)
        json_object_set_new(object, which,
                            json_pack("{s:o, s:I}", "name",
                                      json_text(symbol->name, strlen(symbol->name)), "offset",
                                      (json_int_t)(address - symbol->value)));
}

/* Objects are printed as they come: a kernel has millions of them. */
static void json_element(struct context *c, json_t *object)
{
    fputs(c->more ? ",\n" : "\n", stdout);
    c->more = true;
    if (!object || json_dumpf(object, stdout, JSON_COMPACT))
        fputs("null", stdout);
    json_decref(object);
}

static void json_word(struct context *c, uint32_t word, uint64_t address)
{
    char text[256], hex[16];
    uint64_t target;
    a64_disassemble(word, address, text, sizeof(text));
    if (c->otool)
        otool_text(text, sizeof(text));
    const size_t name = strcspn(text, "\t");
    const char *operands = text[name] ? text + name + 1 : "";
    snprintf(hex, sizeof(hex), "%08x", word);
    json_t *object =
        json_pack("{s:o, s:s, s:o, s:o}", "address", json_address(address), "word", hex, "mnemonic",
                  json_text(text, name), "operands", json_text(operands, strlen(operands)));
    json_symbol(c, object, "symbol", address);
    if (code_paged_target(&c->pages, word, address, &target) ||
        code_direct_target(word, address, &target)) {
        json_object_set_new(object, "target", json_address(target));
        json_symbol(c, object, "target_symbol", target);
    }
    json_element(c, object);
}

static void disassemble(struct context *c, const uint8_t *bytes, size_t size, uint64_t address)
{
    const int width = address_width(address + size);
    size_t at = 0;
    c->pages.known = 0;
    c->next_label = 0;
    for (; size - at >= 4; at += 4, address += 4) {
        if (c->json)
            json_word(c, get_le32(bytes + at), address);
        else
            print_word(c, get_le32(bytes + at), address, width);
        if (at % PROGRESS_EVERY == 0)
            progress_step(&c->progress, c->name, at, size);
    }
    if (at < size && c->json)
        json_element(c, json_pack("{s:o, s:o}", "address", json_address(address), "bytes",
                                  json_hex(bytes + at, size - at)));
    else if (at < size)
        print_tail(bytes + at, size - at, address, width);
}

/* ---- what is to be disassembled ---- */

struct piece {
    uint64_t address, offset, size;
};

static int disassemble_piece(struct context *c, const struct values *values, struct piece piece,
                             struct error *err)
{
    struct blob code;
    if (values->count && piece.size > values->count * 4)
        piece.size = values->count * 4;
    if (blob_slice(&c->macho->file, piece.offset, piece.size, &code, "the code", err))
        return -1;
    disassemble(c, code.data, code.size, piece.address);
    return 0;
}

/* From ADDRESS to the end of its segment. */
static int piece_from(const struct macho *macho, uint64_t address, struct piece *out,
                      struct error *err)
{
    struct macho_segment segment;
    if (!macho_offset_of(macho, address, &out->offset, &segment))
        return blob_error(&macho->file, 0, err, "address 0x%llx is in no segment",
                          (unsigned long long)address);
    out->address = address;
    out->size = segment.fileoff + segment.filesize - out->offset;
    return 0;
}

static int piece_of_symbol(const struct context *c, const char *name, struct piece *out,
                           struct error *err)
{
    const struct macho_symbol *symbol = macho_symbol_named(&c->symbols, name);
    if (!symbol)
        return blob_error(&c->macho->file, 0, err, "no symbol '%s'", name);
    if (piece_from(c->macho, symbol->value, out, err))
        return -1;
    const struct macho_symbol *end = c->symbols.items + c->symbols.count;
    while (symbol < end && symbol->value == out->address)
        symbol++;
    if (symbol < end && symbol->value - out->address < out->size)
        out->size = symbol->value - out->address;
    return 0;
}

static int piece_of_section(const struct macho *macho, const char *name, struct piece *out,
                            struct error *err)
{
    char segment[17] = "";
    struct macho_section section;
    const char *dot = strpbrk(name, ".,");
    snprintf(segment, sizeof(segment), "%.*s", dot ? (int)(dot - name) : 0, name);
    if (!dot || !macho_find_section(macho, segment, dot + 1, &section))
        return blob_error(&macho->file, 0, err, "no section '%s'; 'macho info' lists them", name);
    *out = (struct piece){section.addr, section.offset, section.size};
    return 0;
}

/* One piece, by what was asked for; 1: nothing was. */
static int chosen_piece(const struct context *c, const struct values *values, struct piece *out,
                        struct error *err)
{
    struct macho_segment segment;
    uint64_t address;
    if (values->section)
        return piece_of_section(c->macho, values->section, out, err);
    if (values->symbol)
        return piece_of_symbol(c, values->symbol, out, err);
    if (values->address != UINT64_MAX)
        return piece_from(c->macho, values->address, out, err);
    if (values->entry) {
        if (!macho_entry(c->macho, &address))
            return blob_error(&c->macho->file, 0, err, "no LC_UNIXTHREAD: it has no entry");
        return piece_from(c->macho, address, out, err);
    }
    if (values->offset == UINT64_MAX)
        return 1;
    if (!macho_address_of(c->macho, values->offset, &address, &segment))
        return blob_error(&c->macho->file, values->offset, err, "this offset is in no segment");
    return piece_from(c->macho, address, out, err);
}

/* Every section of pure instructions, as objdump -d takes them. */
#define SOME_INSTRUCTIONS 0x00000400u
#define PURE_INSTRUCTIONS 0x80000000u

static int every_section(struct context *c, const struct values *values, struct error *err)
{
    struct macho_command command;
    struct macho_section section;
    int result = 0;
    if (c->otool && !c->json)
        printf("%s:\n", c->name);
    for (uint64_t cursor = 0; !result && macho_next_command(c->macho, &cursor, &command);)
        for (uint32_t i = 0; !result && macho_command_section(&command, i, &section); i++) {
            if (!(section.flags & (SOME_INSTRUCTIONS | PURE_INSTRUCTIONS)) &&
                strcmp(section.name, "__text"))
                continue;
            if (!c->json)
                printf(c->otool ? "Contents of (%s,%s) section\n"
                                : "\nDisassembly of section %s,%s:\n",
                       section.segment, section.name);
            result = disassemble_piece(
                c, values, (struct piece){section.addr, section.offset, section.size}, err);
        }
    return result;
}

/* Symbols of the file and of the dSYM that was asked for. */
static int load_symbols(struct context *c, const struct values *values, struct dsym *dsym,
                        struct error *err)
{
    if (macho_symbols_load(c->macho, &c->symbols, err))
        return -1;
    if (!values->dsym)
        return 0;
    if (dsym_open(dsym, values->dsym, c->macho, 0, UINT64_MAX, err))
        return -1;
    c->dsym = dsym;
    return dsym_add_symbols(dsym, &c->symbols, err);
}

static int disassemble_macho(const struct values *values, const char *path, struct error *err)
{
    struct macho_input input;
    struct piece piece = {0};
    struct dsym dsym = {0};
    if (macho_input_open(&input, path, values->member, &values->keys, err))
        return -1;
    struct context c = {.macho = &input.macho,
                        .json = values->json,
                        .name = path,
                        .otool = values->style && !strcmp(values->style, "otool")};
    c.remark = c.otool ? ";" : "//";
    progress_start(&c.progress, true);
    int result = load_symbols(&c, values, &dsym, err);
    if (!result) {
        /* A file with broken fixups can still be disassembled. */
        macho_fixups_load(&input.macho, &c.fixups, NULL);
        result = chosen_piece(&c, values, &piece, err);
        if (result > 0)
            result = every_section(&c, values, err);
        else if (!result)
            result = disassemble_piece(&c, values, piece, err);
    }
    progress_end(&c.progress);
    macho_symbols_free(&c.symbols);
    dsym_close(&dsym);
    macho_fixups_free(&c.fixups);
    macho_input_close(&input);
    return result < 0 ? -1 : 0;
}

static int disassemble_flat(const struct values *values, const char *path, struct error *err)
{
    struct context c = {.name = path, .json = values->json};
    struct blob file;
    if (input_open_plain(&file, path, &values->keys, err))
        return -1;
    uint64_t start = values->offset == UINT64_MAX ? 0 : values->offset;
    if (start > file.size)
        start = file.size;
    size_t size = file.size - (size_t)start;
    if (values->count && size > values->count * 4)
        size = (size_t)values->count * 4;
    progress_start(&c.progress, true);
    disassemble(&c, file.data + start, size, values->base);
    progress_end(&c.progress);
    blob_free(&file);
    return 0;
}

static int run_disass(const struct verb *self, int argc, char **argv)
{
    struct values values = {.address = UINT64_MAX, .offset = UINT64_MAX};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (values.json)
        putchar('[');
    const int result =
        (values.raw ? disassemble_flat : disassemble_macho)(&values, operands.items[0], &err);
    if (values.json)
        puts("\n]");
    return result ? report(&err) : finish_output();
}

const struct verb verb_macho_disass = {
    .name = "macho disass",
    .synopsis = "[OPTIONS] FILE",
    .summary = "disassembles a Mach-O file, or with --raw a flat one",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_disass,
};
