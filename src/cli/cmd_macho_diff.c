/* SPDX-License-Identifier: MIT */
/* `pomona macho diff`: what another build changed. Load commands by their fields, sections by size
 * and contents, symbols, and functions by their instructions. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "a64/dis.h"
#include "cli/input.h"
#include "cli/macho_code_diff.h"
#include "cli/macho_info.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/verbs.h"

struct values {
    bool json, all;
    const char *member;
    struct key_options keys;
};

static const struct option options[] = {
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    OPTION("member", 't', OPTION_STRING, member, "ID",
           "compares this member of two kernel collections (com.apple.kernel)"),
    OPTION("all", 'a', OPTION_FLAG, all, NULL, "also names symbols that have only moved"),
    KEY_OPTIONS,
    {0},
};

/* The two files, and what was found. */
struct diff {
    const struct values *values;
    struct code_side a, b;
    json_t *commands, *sections, *added, *removed, *moved, *functions;
    uint64_t equal_functions;
};

/* ---- load commands and sections ---- */

/* The fields that FIELDS of one thing have in two files and that differ. */
static json_t *field_changes(const json_t *old, const json_t *new)
{
    const char *key;
    json_t *value, *changes = json_array();
    json_object_foreach((json_t *)old, key, value)
    {
        const json_t *other = json_object_get(new, key);
        if (!other || !json_equal(value, other))
            json_array_append_new(
                changes, json_pack("{s:s, s:O, s:O?}", "field", key, "old", value, "new", other));
    }
    return changes;
}

/* "LC_SYMTAB", "LC_LOAD_DYLIB /usr/lib/libSystem.B.dylib", "segment __TEXT"; the second one of a
 * name has " 2" behind it. */
static void put_unique(json_t *object, const char *kind, const char *name, json_t *value)
{
    char *key = NULL;
    const char *space = *name ? " " : "";
    if (asprintf(&key, "%s%s%s", kind, space, name) < 0)
        return;
    for (unsigned n = 2; json_object_get(object, key) && n < 100000; n++) {
        free(key);
        if (asprintf(&key, "%s%s%s %u", kind, space, name, n) < 0)
            return;
    }
    json_object_set(object, key, value);
    free(key);
}

/* The bytes of COMMAND as it is, for what has no fields of its own here. */
static void add_bytes(json_t *fields, const struct macho_command *command)
{
    if (json_object_size(fields) <= 1)
        json_object_set_new(fields, "bytes", json_hex(command->data, command->size));
}

static json_t *commands_by_name(const struct macho *macho)
{
    struct macho_command command;
    struct macho_segment segment;
    json_t *out = json_object();
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        json_t *fields = macho_command_json(macho, &command);
        const bool is_segment = macho_command_segment(&command, &segment);
        char *kind =
            strdup(is_segment ? "segment" : json_string_value(json_object_get(fields, "cmd")));
        const json_t *name = json_object_get(fields, "name");
        json_object_del(fields, "at");
        json_object_del(fields, "cmd");
        json_object_del(fields, "sections");
        add_bytes(fields, &command);
        put_unique(out, kind, name ? json_string_value(name) : "", fields);
        free(kind);
        json_decref(fields);
    }
    json_t *head =
        json_pack("{s:s, s:o, s:o}", "type", macho_filetype_name(macho->filetype), "cpusubtype",
                  json_address(macho->cpusubtype), "flags", json_address(macho->flags));
    put_unique(out, "header", "", head);
    json_decref(head);
    return out;
}

static void compare_commands(struct diff *d)
{
    const char *key;
    json_t *value, *old = commands_by_name(d->a.macho), *new = commands_by_name(d->b.macho);
    json_object_foreach(old, key, value)
    {
        const json_t *other = json_object_get(new, key);
        json_t *changes = other ? field_changes(value, other) : json_array();
        if (!other || json_array_size(changes))
            json_array_append_new(d->commands,
                                  json_pack("{s:s, s:s, s:O}", "command", key, "change",
                                            other ? "changed" : "removed", "fields", changes));
        json_decref(changes);
    }
    json_object_foreach(new, key, value)
    {
        if (!json_object_get(old, key))
            json_array_append_new(d->commands, json_pack("{s:s, s:s, s:[]}", "command", key,
                                                         "change", "added", "fields"));
    }
    json_decref(old);
    json_decref(new);
}

static json_t *section_fields(const struct macho_section *section)
{
    return json_pack("{s:o, s:o, s:o, s:i, s:o}", "addr", json_address(section->addr), "size",
                     json_address(section->size), "offset", json_address(section->offset), "align",
                     (int)section->align, "flags", json_address(section->flags));
}

/* Whether a symbol lies in SECTION, so that its functions can be compared. */
static bool has_symbols(const struct code_side *side, const struct macho_section *section)
{
    const struct macho_symbol *last =
        macho_symbol_at(&side->symbols, section->addr + section->size - 1);
    return section->size && last && last->value >= section->addr;
}

static void compare_section(struct diff *d, const struct macho_section *old,
                            const struct macho_section *new)
{
    json_t *left = section_fields(old), *right = section_fields(new);
    json_t *changes = field_changes(left, right);
    uint64_t at = 0, differ = 0;
    if (!code_in_section(old) || !has_symbols(&d->a, old) || !has_symbols(&d->b, new))
        differ = code_compare_data(&d->a, old, &d->b, new, &at);
    if (json_array_size(changes) || differ)
        json_array_append_new(d->sections,
                              json_pack("{s:o, s:s, s:O, s:I, s:o}", "section",
                                        json_sprintf("%s.%s", old->segment, old->name), "change",
                                        "changed", "fields", changes, "bytes_that_differ",
                                        (json_int_t)differ, "first_at", json_address(at)));
    json_decref(left);
    json_decref(right);
    json_decref(changes);
}

/* Sections of FROM that TO does not have; those of both are compared when COMPARE says so. */
static void walk_sections(struct diff *d, const struct macho *from, const struct macho *to,
                          const char *change, bool compare)
{
    struct macho_command command;
    struct macho_section section, other;
    for (uint64_t cursor = 0; macho_next_command(from, &cursor, &command);)
        for (uint32_t i = 0; macho_command_section(&command, i, &section); i++) {
            if (!macho_find_section(to, section.segment, section.name, &other))
                json_array_append_new(
                    d->sections, json_pack("{s:o, s:s}", "section",
                                           json_sprintf("%s.%s", section.segment, section.name),
                                           "change", change));
            else if (compare)
                compare_section(d, &section, &other);
        }
}

/* ---- symbols and functions ---- */

static void add_symbol(json_t *array, const struct code_piece *piece)
{
    json_array_append_new(
        array, json_pack("{s:o, s:o, s:o}", "name", json_text(piece->name, strlen(piece->name)),
                         "value", json_address(piece->address), "size", json_address(piece->size)));
}

static json_t *instruction_json(uint32_t word, uint64_t address)
{
    char text[256] = "";
    if (word)
        a64_disassemble(word, address, text, sizeof(text));
    text[strcspn(text, "/")] = 0; /* a remark on a number */
    for (char *tab = text; (tab = strchr(tab, '\t'));)
        *tab = ' ';
    size_t length = strlen(text);
    while (length && text[length - 1] == ' ')
        length--;
    return json_stringn(text, length);
}

static void compare_pieces(struct diff *d, const struct code_piece *old,
                           const struct code_piece *new)
{
    struct code_difference found;
    if (old->address != new->address)
        json_array_append_new(d->moved, json_pack("{s:o, s:o, s:o}", "name",
                                                  json_text(old->name, strlen(old->name)), "old",
                                                  json_address(old->address), "new",
                                                  json_address(new->address)));
    if (!old->code || !new->code)
        return;
    if (code_compare(&d->a, old, &d->b, new, &found)) {
        d->equal_functions++;
        return;
    }
    json_array_append_new(d->functions,
                          json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "name",
                                    json_text(old->name, strlen(old->name)), "old_size",
                                    json_address(old->size), "new_size", json_address(new->size),
                                    "instructions_that_differ", (json_int_t)found.count, "first_at",
                                    json_address(found.at), "old",
                                    instruction_json(found.old, old->address + found.at), "new",
                                    instruction_json(found.new, new->address + found.at)));
}

/* Both lists are by name: what is in one only, and what is in both. */
static int compare_symbols(struct diff *d, struct error *err)
{
    size_t old_count, new_count, i = 0, j = 0;
    struct code_piece *old = code_pieces(&d->a, &old_count);
    struct code_piece *new = code_pieces(&d->b, &new_count);
    while (old && new && (i < old_count || j < new_count)) {
        const int order = i == old_count   ? 1
                          : j == new_count ? -1
                                           : strcmp(old[i].name, new[j].name);
        if (order < 0)
            add_symbol(d->removed, &old[i++]);
        else if (order > 0)
            add_symbol(d->added, &new[j++]);
        else
            compare_pieces(d, &old[i++], &new[j++]);
    }
    const bool good = old && new;
    free(old);
    free(new);
    return good ? 0 : error_set(err, ERROR_OS, "no memory to compare symbols in");
}

/* ---- printing ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : "";
}

static void put(const char *text)
{
    print_text(text, strlen(text));
}

static void put_value(const json_t *value)
{
    if (json_is_string(value))
        put(json_string_value(value));
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        printf("none");
}

/* "command LC_UUID uuid: 00 -> 11", a line a field. */
static void print_fields(const char *kind, const char *name, const json_t *fields)
{
    size_t index;
    json_t *field;
    json_array_foreach(fields, index, field)
    {
        printf("%s ", kind);
        put(name);
        printf(" %s: ", text_of(field, "field"));
        put_value(json_object_get(field, "old"));
        printf(" -> ");
        put_value(json_object_get(field, "new"));
        putchar('\n');
    }
}

static void print_things(const char *kind, const char *key, const json_t *array)
{
    size_t index;
    json_t *thing;
    json_array_foreach(array, index, thing)
    {
        const char *name = text_of(thing, key), *change = text_of(thing, "change");
        const json_int_t differ = json_integer_value(json_object_get(thing, "bytes_that_differ"));
        if (strcmp(change, "changed")) {
            printf("%s ", kind);
            put(name);
            printf(" %s\n", change);
        }
        print_fields(kind, name, json_object_get(thing, "fields"));
        if (differ)
            printf("%s %s contents: %" JSON_INTEGER_FORMAT " bytes differ, the first at +%s\n",
                   kind, name, differ, text_of(thing, "first_at"));
    }
}

static void print_symbols(const char *change, const json_t *array)
{
    size_t index;
    json_t *symbol;
    json_array_foreach(array, index, symbol)
    {
        printf("symbol ");
        put(text_of(symbol, "name"));
        if (json_object_get(symbol, "old"))
            printf(" %s: %s -> %s\n", change, text_of(symbol, "old"), text_of(symbol, "new"));
        else
            printf(" %s: %s\n", change, text_of(symbol, "value"));
    }
}

static void print_functions(const json_t *array)
{
    size_t index;
    json_t *function;
    json_array_foreach(array, index, function)
    {
        printf("function ");
        put(text_of(function, "name"));
        printf(" changed: %s -> %s bytes, %" JSON_INTEGER_FORMAT
               " instructions, the first at +%s: ",
               text_of(function, "old_size"), text_of(function, "new_size"),
               json_integer_value(json_object_get(function, "instructions_that_differ")),
               text_of(function, "first_at"));
        put(text_of(function, "old"));
        printf(" -> ");
        put(text_of(function, "new"));
        putchar('\n');
    }
}

static void print_diff(const struct diff *d)
{
    print_things("command", "command", d->commands);
    print_things("section", "section", d->sections);
    print_symbols("removed", d->removed);
    print_symbols("added", d->added);
    if (d->values->all)
        print_symbols("moved", d->moved);
    print_functions(d->functions);
    if (json_array_size(d->moved) || json_array_size(d->functions))
        printf("%zu symbols moved, %zu functions changed, %" PRIu64 " did not\n",
               json_array_size(d->moved), json_array_size(d->functions), d->equal_functions);
}

static json_t *diff_json(const struct diff *d)
{
    return json_pack("{s:O, s:O, s:{s:O, s:O, s:O}, s:{s:I, s:O}}", "commands", d->commands,
                     "sections", d->sections, "symbols", "added", d->added, "removed", d->removed,
                     "moved", d->moved, "functions", "equal", (json_int_t)d->equal_functions,
                     "changed", d->functions);
}

/* ---- the verb ---- */

static int compare(const struct values *values, const struct macho *a, const struct macho *b,
                   struct error *err)
{
    struct diff d = {.values = values,
                     .commands = json_array(),
                     .sections = json_array(),
                     .added = json_array(),
                     .removed = json_array(),
                     .moved = json_array(),
                     .functions = json_array()};
    int result = code_side_open(&d.a, a, err) || code_side_open(&d.b, b, err) ? -1 : 0;
    if (!result) {
        compare_commands(&d);
        walk_sections(&d, a, b, "removed", true);
        walk_sections(&d, b, a, "added", false);
        result = compare_symbols(&d, err);
    }
    if (!result && values->json)
        result = print_json(diff_json(&d)) ? -1 : 0;
    else if (!result)
        print_diff(&d);
    json_t *const all[] = {d.commands, d.sections, d.added, d.removed, d.moved, d.functions};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        json_decref(all[i]);
    code_side_close(&d.a);
    code_side_close(&d.b);
    return result;
}

static int run_diff(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct macho_input a, b;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (macho_input_open(&a, operands.items[0], values.member, &values.keys, &err))
        return report(&err);
    int result = macho_input_open(&b, operands.items[1], values.member, &values.keys, &err);
    if (!result) {
        result = compare(&values, &a.macho, &b.macho, &err);
        macho_input_close(&b);
    }
    macho_input_close(&a);
    return result ? report(&err) : finish_output();
}

const struct verb verb_macho_diff = {
    .name = "macho diff",
    .synopsis = "[OPTIONS] FILE FILE",
    .summary = "prints what another build of a program changed",
    .description =
        "Load commands and sections by their fields and contents, symbols that came, went or "
        "moved, and functions by their instructions, where an address counts as what it stands "
        "for: a function that only lies elsewhere, or calls what lies elsewhere, is not changed. "
        "Functions are found by their symbols. Files without a difference print nothing.",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run_diff,
};
