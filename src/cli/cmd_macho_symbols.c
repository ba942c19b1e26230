/* SPDX-License-Identifier: MIT */
/* `pomona macho symbols`: from LC_SYMTAB as nm prints it, from the export trie, and from a dSYM
 * with the lines of the source. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dsym_input.h"
#include "cli/input.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/verbs.h"

#define MOST_FRAMES 64

struct values {
    bool json, all, exports;
    const char *member, *dsym;
    struct string_list addresses;
    struct key_options keys;
};

static const struct option options[] = {
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    OPTION("member", 't', OPTION_STRING, member, "ID",
           "looks at this member of a kernel collection (com.apple.kernel)"),
    OPTION("all", 'a', OPTION_FLAG, all, NULL, "debugging entries and undefined symbols too"),
    OPTION("addr", 0, OPTION_LIST, addresses, "ADDR",
           "only the symbol that ADDR belongs to; may be given again"),
    OPTION("exports", 0, OPTION_FLAG, exports, NULL, "what the export trie offers, and how"),
    OPTION("dsym", 0, OPTION_FILE, dsym, "BUNDLE",
           "functions with file and line from this dSYM, or the file in it"),
    KEY_OPTIONS,
    {0},
};

/* ---- the symbol table ---- */

/* The letter that nm prints. */
static char symbol_letter(const struct macho *macho, const struct macho_symbol *symbol)
{
    struct macho_command command;
    struct macho_section section;
    unsigned number = 0;
    char letter = '?';
    if (symbol->type & MACHO_N_STAB)
        return '-';
    if ((symbol->type & MACHO_N_TYPE) == MACHO_N_UNDF)
        letter = symbol->value ? 'c' : 'u';
    else if ((symbol->type & MACHO_N_TYPE) == MACHO_N_ABS)
        letter = 'a';
    for (uint64_t cursor = 0; letter == '?' && macho_next_command(macho, &cursor, &command);)
        for (uint32_t i = 0; macho_command_section(&command, i, &section); i++)
            if (++number == symbol->section)
                letter = !strcmp(section.name, "__text")   ? 't'
                         : !strcmp(section.name, "__data") ? 'd'
                         : !strcmp(section.name, "__bss")  ? 'b'
                                                           : 's';
    return (char)(symbol->type & MACHO_N_EXT ? letter & ~0x20 : letter);
}

static void print_symbol(json_t *array, const struct macho *macho,
                         const struct macho_symbol *symbol)
{
    const char letter = symbol_letter(macho, symbol);
    if (array) {
        json_array_append_new(array, json_pack("{s:o, s:o, s:o}", "name",
                                               json_text(symbol->name, strlen(symbol->name)),
                                               "value", json_address(symbol->value), "type",
                                               json_stringn(&letter, 1)));
        return;
    }
    if ((letter | 0x20) == 'u')
        printf("%16s %c ", "", letter);
    else
        printf("%016" PRIx64 " %c ", symbol->value, letter);
    print_text(symbol->name, strlen(symbol->name));
    putchar('\n');
}

/* Those of one header. */
static int print_table(const struct values *values, const struct macho *macho, json_t *array,
                       struct error *err)
{
    struct macho_symbol symbol;
    if (macho_check_symbols(macho, err))
        return -1;
    for (uint32_t index = 0; macho_next_symbol(macho, &index, &symbol);) {
        const bool defined =
            !(symbol.type & MACHO_N_STAB) && (symbol.type & MACHO_N_TYPE) != MACHO_N_UNDF;
        if (defined || values->all)
            print_symbol(array, macho, &symbol);
    }
    return 0;
}

static int print_tables(const struct values *values, const struct macho *macho, struct error *err)
{
    struct macho_command command;
    struct macho_member member;
    struct macho inner;
    json_t *array = values->json ? json_array() : NULL;
    int result = print_table(values, macho, array, err);
    for (uint64_t cursor = 0; !result && macho_next_command(macho, &cursor, &command);)
        if (macho_command_member(&command, &member))
            result = macho_open_inner(macho, member.fileoff, &inner, err) ||
                             print_table(values, &inner, array, err)
                         ? -1
                         : 0;
    if (result)
        json_decref(array);
    return result || (array && print_json(array)) ? -1 : 0;
}

/* ---- exports ---- */

static const char *const export_kinds[] = {"regular", "per-thread", "absolute", "unknown"};

static json_t *export_json(const struct macho_export *export)
{
    json_t *out =
        json_pack("{s:o, s:s, s:b}", "name", json_text(export->name, strlen(export->name)), "kind",
                  export_kinds[export->flags & MACHO_EXPORT_KIND], "weak",
                  (export->flags & MACHO_EXPORT_WEAK) != 0);
    if (export->import) {
        const char *name = *export->import ? export->import : export->name;
        json_object_set_new(out, "library", json_integer(export->library));
        json_object_set_new(out, "import", json_text(name, strlen(name)));
    } else {
        json_object_set_new(out, "value", json_address(export->address));
        if (export->resolver)
            json_object_set_new(out, "resolver", json_address(export->resolver));
    }
    return out;
}

static int visit_export(void *context, const struct macho_export *export)
{
    if (context)
        return json_array_append_new(context, export_json(export));
    if (export->import)
        printf("%-16s ", "re-export");
    else
        printf("%016" PRIx64 " ", export->address);
    print_text(export->name, strlen(export->name));
    if (export->flags & MACHO_EXPORT_KIND)
        printf(" [%s]", export_kinds[export->flags & MACHO_EXPORT_KIND]);
    if (export->flags & MACHO_EXPORT_WEAK)
        printf(" [weak]");
    if (export->resolver)
        printf(" [resolver 0x%" PRIx64 "]", export->resolver);
    if (export->import) {
        printf(" from library %u", export->library);
        if (*export->import) {
            printf(" as ");
            print_text(export->import, strlen(export->import));
        }
    }
    putchar('\n');
    return 0;
}

static int print_exports(const struct values *values, const struct macho *macho, struct error *err)
{
    json_t *array = values->json ? json_array() : NULL;
    const int result = macho_each_export(macho, visit_export, array, err);
    if (!array)
        return result;
    if (!result)
        return print_json(array) ? -1 : 0;
    json_decref(array);
    return -1;
}

/* ---- single addresses ---- */

/* What there is to look up, and in what. */
struct lookup {
    const struct macho *macho;
    const struct dsym *dsym; /* NULL: none was given */
    struct macho_symbols symbols;
    uint64_t *addresses;
    size_t count;
    uint64_t low, high; /* all of them lie in between */
};

static int read_addresses(const struct values *values, struct lookup *lookup, struct error *err)
{
    lookup->addresses = calloc(values->addresses.count, sizeof(*lookup->addresses));
    if (!lookup->addresses)
        return error_set(err, ERROR_OS, "out of memory");
    lookup->low = UINT64_MAX;
    for (size_t i = 0; i < values->addresses.count; i++) {
        uint64_t *address = &lookup->addresses[i];
        if (!parse_number(values->addresses.items[i], address))
            return error_set(err, ERROR_USAGE, "--addr: '%s' is not a number",
                             values->addresses.items[i]);
        lookup->low = *address < lookup->low ? *address : lookup->low;
        lookup->high = *address >= lookup->high ? *address + 1 : lookup->high;
    }
    lookup->count = values->addresses.count;
    return 0;
}

static json_t *nearest_json(const struct lookup *lookup, const struct macho_symbol *symbol,
                            uint64_t address)
{
    json_t *out =
        json_pack("{s:o, s:o, s:o}", "name", json_text(symbol->name, strlen(symbol->name)), "value",
                  json_address(symbol->value), "offset", json_address(address - symbol->value));
    if (lookup->dsym)
        json_object_set_new(out, "frames", dsym_frames_json(lookup->dsym, address));
    return out;
}

static int print_nearest(const struct lookup *lookup, uint64_t address, json_t *array,
                         struct error *err)
{
    const struct macho_symbol *symbol = macho_symbol_at(&lookup->symbols, address);
    if (!symbol)
        return blob_error(&lookup->macho->file, 0, err, "no symbol at or before 0x%llx",
                          (unsigned long long)address);
    if (array)
        return json_array_append_new(array, nearest_json(lookup, symbol, address));
    print_text(symbol->name, strlen(symbol->name));
    printf("+0x%" PRIx64 "\n", address - symbol->value);
    if (lookup->dsym)
        dsym_print_frames(lookup->dsym, address);
    return 0;
}

/* One object for one address, an array for more. */
static int print_found(const struct values *values, const struct lookup *lookup, struct error *err)
{
    json_t *array = values->json ? json_array() : NULL;
    int result = 0;
    for (size_t i = 0; !result && i < lookup->count; i++)
        result = print_nearest(lookup, lookup->addresses[i], array, err);
    if (array && !result) {
        json_t *out =
            lookup->count == 1 ? json_incref(json_array_get(array, 0)) : json_incref(array);
        result = print_json(out) ? -1 : 0;
    }
    json_decref(array);
    return result;
}

static int look_up(const struct values *values, const struct macho *macho, struct error *err)
{
    struct lookup lookup = {.macho = macho};
    struct dsym dsym = {0};
    int result = read_addresses(values, &lookup, err);
    if (!result && values->dsym) {
        result = dsym_open(&dsym, values->dsym, macho, lookup.low, lookup.high, err);
        lookup.dsym = &dsym;
    }
    if (!result)
        result = macho_symbols_load(macho, &lookup.symbols, err);
    if (!result && values->dsym)
        result = dsym_add_symbols(&dsym, &lookup.symbols, err);
    if (!result)
        result = print_found(values, &lookup, err);
    macho_symbols_free(&lookup.symbols);
    free(lookup.addresses);
    dsym_close(&dsym);
    return result;
}

/* ---- functions of a dSYM ---- */

static json_t *function_json(const struct debug_function *function, const struct debug_frame *at)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:i}", "name", json_text(function->name, strlen(function->name)),
        "value", json_address(function->low), "size", json_address(function->high - function->low),
        "file", json_text(at->file, strlen(at->file)), "line", (int)at->line);
}

static int print_functions(const struct values *values, const struct macho *macho,
                           struct error *err)
{
    struct dsym dsym;
    struct debug_function function;
    if (dsym_open(&dsym, values->dsym, macho, 0, UINT64_MAX, err))
        return -1;
    json_t *array = values->json ? json_array() : NULL;
    for (size_t i = 0; dsym_function(&dsym, i, &function); i++) {
        /* The last frame is the function's own, even where it begins with an inlined one. */
        struct debug_frame frames[MOST_FRAMES];
        const size_t count = dsym_frames(&dsym, function.low, frames, MOST_FRAMES);
        const struct debug_frame at = count ? frames[count - 1] : (struct debug_frame){.file = ""};
        if (array) {
            json_array_append_new(array, function_json(&function, &at));
            continue;
        }
        printf("%016" PRIx64 " t ", function.low);
        print_text(function.name, strlen(function.name));
        putchar('\t');
        print_text(at.file, strlen(at.file));
        printf(":%u\n", at.line);
    }
    dsym_close(&dsym);
    return array && print_json(array) ? -1 : 0;
}

static int print_symbols(const struct values *values, const struct macho *macho, struct error *err)
{
    if (values->exports)
        return print_exports(values, macho, err);
    if (values->addresses.count)
        return look_up(values, macho, err);
    if (values->dsym)
        return print_functions(values, macho, err);
    return print_tables(values, macho, err);
}

static int run_symbols(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct macho_input input;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status)) {
        string_list_free(&values.addresses);
        return status;
    }
    int result = macho_input_open(&input, operands.items[0], values.member, &values.keys, &err);
    if (!result) {
        result = print_symbols(&values, &input.macho, &err);
        macho_input_close(&input);
    }
    string_list_free(&values.addresses);
    return result ? report(&err) : finish_output();
}

const struct verb verb_macho_symbols = {
    .name = "macho symbols",
    .synopsis = "[OPTIONS] FILE",
    .summary = "prints symbols as nm does, exports, or functions with their source lines",
    .description = "Of a collection the symbols of all members are printed. --addr and --dsym "
                   "together say which source line an address comes from, through which inlined "
                   "functions. A dSYM of another build is refused.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_symbols,
};
