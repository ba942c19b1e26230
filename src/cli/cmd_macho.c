/* SPDX-License-Identifier: MIT */
/* `pomona macho info|entry|fixups|strings|a2o|o2a`: what is in a Mach-O file or kernel collection.
 * The other macho verbs have files of their own. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dsym_input.h"
#include "cli/input.h"
#include "cli/macho_info.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/signature_info.h"
#include "cli/verbs.h"
#include "image/container.h"

struct values {
    bool json, signature, entitlements;
    const char *member, *dsym;
    struct key_options keys;
};

#define JSON OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON")
#define MEMBER                                                                                     \
    OPTION("member", 't', OPTION_STRING, member, "ID",                                             \
           "looks at this member of a kernel collection (com.apple.kernel)")

static const struct option common_options[] = {
    JSON,
    MEMBER,
    KEY_OPTIONS,
    {0},
};

static const struct option convert_options[] = {
    JSON,
    MEMBER,
    OPTION("dsym", 0, OPTION_FILE, dsym, "BUNDLE",
           "says the source line too, from this dSYM or the file in it"),
    KEY_OPTIONS,
    {0},
};

static const struct option info_options[] = {
    JSON,
    MEMBER,
    OPTION("sig", 0, OPTION_FLAG, signature, NULL,
           "the signature: code directories, hashes and whether they match, requirements"),
    OPTION("ent", 0, OPTION_FLAG, entitlements, NULL,
           "the entitlements as they are; with --sig or --json by name, from XML and DER"),
    KEY_OPTIONS,
    {0},
};

/* ---- opening ---- */

int macho_input_open(struct macho_input *input, const char *path, const char *member,
                     const struct key_options *keys, struct error *err)
{
    uint64_t vmaddr, offset;
    struct macho outer;
    if (input_open_plain(&input->file, path, keys, err))
        return -1;
    int result = macho_open(&input->file, &input->macho, err);
    if (!result && member) {
        outer = input->macho;
        if (!macho_find_entry(&outer, member, &vmaddr, &offset))
            result = blob_error(&input->file, 0, err, "no member '%s' in this file", member);
        else
            result = macho_open_inner(&outer, offset, &input->macho, err);
    }
    if (result)
        blob_free(&input->file);
    return result;
}

void macho_input_close(struct macho_input *input)
{
    blob_free(&input->file);
}

/* What a verb of this file does with the opened input. -1 and *ERR when it cannot. */
typedef int work_fn(const struct values *values, const struct macho_input *input,
                    const struct operands *operands, struct error *err);

static int run_verb(const struct verb *self, int argc, char **argv, work_fn *work)
{
    struct values values = {0};
    struct operands operands;
    struct macho_input input;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (macho_input_open(&input, operands.items[0], values.member, &values.keys, &err))
        return report(&err);
    const int result = work(&values, &input, &operands, &err);
    macho_input_close(&input);
    return result ? report(&err) : finish_output();
}

/* ---- info ---- */

static json_t *segment_json(const struct macho_command *command, const struct macho_segment *g)
{
    struct macho_section s;
    json_t *sections = json_array();
    for (uint32_t i = 0; macho_command_section(command, i, &s); i++)
        json_array_append_new(
            sections, json_pack("{s:o, s:o, s:o, s:o, s:i, s:o}", "name",
                                json_text(s.name, strlen(s.name)), "addr", json_address(s.addr),
                                "size", json_address(s.size), "offset", json_address(s.offset),
                                "align", (int)s.align, "flags", json_address(s.flags)));
    json_t *out = json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "name",
                            json_text(g->name, strlen(g->name)), "vmaddr", json_address(g->vmaddr),
                            "vmsize", json_address(g->vmsize), "fileoff", json_address(g->fileoff),
                            "filesize", json_address(g->filesize), "maxprot", (int)g->maxprot,
                            "initprot", (int)g->initprot);
    if (json_array_size(sections))
        json_object_set_new(out, "sections", sections);
    else
        json_decref(sections);
    return out;
}

static json_t *version_json(uint32_t packed)
{
    return json_sprintf("%u.%u.%u", packed >> 16, packed >> 8 & 0xff, packed & 0xff);
}

/* The text at the offset that is at AT of COMMAND. */
static json_t *command_text(const struct macho_command *command, unsigned at)
{
    const uint32_t offset = get_le32(command->data + at);
    const size_t room = offset < command->size ? command->size - offset : 0;
    const char *text = (const char *)command->data + offset;
    return json_text(text, room ? strnlen(text, room) : 0);
}

/* "1.2.3.4.5" of LC_SOURCE_VERSION. */
static json_t *source_version_json(uint64_t v)
{
    return json_sprintf("%u.%u.%u.%u.%u", (unsigned)(v >> 40), (unsigned)(v >> 30 & 0x3ff),
                        (unsigned)(v >> 20 & 0x3ff), (unsigned)(v >> 10 & 0x3ff),
                        (unsigned)(v & 0x3ff));
}

enum field_kind { COUNT_32, ADDRESS_32, ADDRESS_64, VERSION, SOURCE_VERSION, UUID, TEXT };

/* What commands without a form of their own hold, and where. */
static const struct field {
    uint32_t cmd;
    uint8_t offset;
    enum field_kind kind;
    const char *name;
} command_fields[] = {
    {LC_SYMTAB, 8, ADDRESS_32, "symoff"},
    {LC_SYMTAB, 12, COUNT_32, "nsyms"},
    {LC_SYMTAB, 16, ADDRESS_32, "stroff"},
    {LC_SYMTAB, 20, ADDRESS_32, "strsize"},
    {LC_DYSYMTAB, 8, COUNT_32, "ilocalsym"},
    {LC_DYSYMTAB, 12, COUNT_32, "nlocalsym"},
    {LC_DYSYMTAB, 16, COUNT_32, "iextdefsym"},
    {LC_DYSYMTAB, 20, COUNT_32, "nextdefsym"},
    {LC_DYSYMTAB, 24, COUNT_32, "iundefsym"},
    {LC_DYSYMTAB, 28, COUNT_32, "nundefsym"},
    {LC_DYSYMTAB, 56, ADDRESS_32, "indirectsymoff"},
    {LC_DYSYMTAB, 60, COUNT_32, "nindirectsyms"},
    {LC_DYSYMTAB, 64, ADDRESS_32, "extreloff"},
    {LC_DYSYMTAB, 68, COUNT_32, "nextrel"},
    {LC_DYSYMTAB, 72, ADDRESS_32, "locreloff"},
    {LC_DYSYMTAB, 76, COUNT_32, "nlocrel"},
    {LC_UUID, 8, UUID, "uuid"},
    {LC_BUILD_VERSION, 8, COUNT_32, "platform"},
    {LC_BUILD_VERSION, 12, VERSION, "minos"},
    {LC_BUILD_VERSION, 16, VERSION, "sdk"},
    {LC_SOURCE_VERSION, 8, SOURCE_VERSION, "version"},
    {LC_ID_DYLIB, 8, TEXT, "name"},
    {LC_ID_DYLIB, 16, VERSION, "current"},
    {LC_ID_DYLIB, 20, VERSION, "compatible"},
    {LC_LOAD_DYLIB, 8, TEXT, "name"},
    {LC_LOAD_DYLIB, 16, VERSION, "current"},
    {LC_LOAD_DYLIB, 20, VERSION, "compatible"},
    {LC_LOAD_WEAK_DYLIB, 8, TEXT, "name"},
    {LC_LOAD_WEAK_DYLIB, 16, VERSION, "current"},
    {LC_LOAD_WEAK_DYLIB, 20, VERSION, "compatible"},
    {LC_REEXPORT_DYLIB, 8, TEXT, "name"},
    {LC_REEXPORT_DYLIB, 16, VERSION, "current"},
    {LC_REEXPORT_DYLIB, 20, VERSION, "compatible"},
    {LC_LOAD_DYLINKER, 8, TEXT, "path"},
    {LC_RPATH, 8, TEXT, "path"},
    {LC_MAIN, 8, ADDRESS_64, "entryoff"},
    {LC_MAIN, 16, ADDRESS_64, "stacksize"},
};

static json_t *field_json(const struct macho_command *command, const struct field *field)
{
    static const uint8_t sizes[] = {4, 4, 8, 4, 8, 16, 4};
    const uint8_t *p = command->data + field->offset;
    if (command->size < field->offset + sizes[field->kind])
        return NULL;
    switch (field->kind) {
    case COUNT_32:
        return json_integer(get_le32(p));
    case ADDRESS_32:
        return json_address(get_le32(p));
    case ADDRESS_64:
        return json_address(get_le64(p));
    case VERSION:
        return version_json(get_le32(p));
    case SOURCE_VERSION:
        return source_version_json(get_le64(p));
    case UUID:
        return json_hex(p, 16);
    case TEXT:
        return command_text(command, field->offset);
    }
    return NULL;
}

static void add_fields(json_t *out, const struct macho *macho, const struct macho_command *command)
{
    bool known = false;
    uint64_t pc;
    for (size_t i = 0; i < sizeof(command_fields) / sizeof(command_fields[0]); i++)
        if (command_fields[i].cmd == command->cmd) {
            known = true;
            json_object_set_new(out, command_fields[i].name,
                                field_json(command, &command_fields[i]));
        }
    if (command->cmd == LC_UNIXTHREAD && macho_entry(macho, &pc))
        json_object_set_new(out, "pc", json_address(pc));
    /* Link edit data: an offset and a size. */
    if (!known && command->size == 16) {
        json_object_set_new(out, "dataoff", json_address(get_le32(command->data + 8)));
        json_object_set_new(out, "datasize", json_address(get_le32(command->data + 12)));
    }
}

json_t *macho_command_json(const struct macho *macho, const struct macho_command *command)
{
    struct macho_segment segment;
    struct macho_member member;
    const char *name = macho_command_name(command->cmd);
    json_t *out =
        json_pack("{s:o, s:i, s:o}", "cmd", name ? json_string(name) : json_address(command->cmd),
                  "size", (int)command->size, "at", json_address(command->offset));
    if (macho_command_segment(command, &segment)) {
        json_t *fields = segment_json(command, &segment);
        json_object_update(out, fields);
        json_decref(fields);
    } else if (macho_command_member(command, &member)) {
        json_object_set_new(out, "member", json_text(member.name, strlen(member.name)));
        json_object_set_new(out, "vmaddr", json_address(member.vmaddr));
        json_object_set_new(out, "fileoff", json_address(member.fileoff));
    } else {
        add_fields(out, macho, command);
    }
    return out;
}

/* "arm64e, kernel pointer authentication ABI 0". */
json_t *macho_cpu_json(uint32_t subtype)
{
    static const char *const names[] = {"arm64", "arm64v8", "arm64e"};
    const uint32_t low = subtype & 0xffffff;
    if (low > 2)
        return json_address(subtype);
    if (!(subtype >> 31))
        return json_string(names[low]);
    return json_sprintf("%s, %s pointer authentication ABI %u", names[low],
                        subtype & 0x40000000 ? "kernel" : "user", subtype >> 24 & 15);
}

json_t *macho_info_json(const struct macho *macho)
{
    json_t *commands = json_array();
    struct macho_command command;
    struct xnu_version version;
    uint64_t pc;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        json_array_append_new(commands, macho_command_json(macho, &command));
    json_t *out = json_pack("{s:s, s:o, s:o, s:i}", "type", macho_filetype_name(macho->filetype),
                            "cpu", macho_cpu_json(macho->cpusubtype), "flags",
                            json_address(macho->flags), "commands", (int)macho->command_count);
    if (macho_entry(macho, &pc))
        json_object_set_new(out, "entry", json_address(pc));
    macho_xnu_version(macho, &version);
    if (version.major)
        json_object_set_new(out, "xnu",
                            json_sprintf("%u.%u.%u", version.major, version.minor, version.patch));
    if (version.banner[0])
        json_object_set_new(out, "banner", json_text(version.banner, strlen(version.banner)));
    json_object_set_new(out, "load_commands", commands);
    return out;
}

/* What --sig, --ent or both ask for. */
static json_t *signature_part_json(const struct values *values, const struct macho *macho,
                                   struct error *err)
{
    json_t *out = values->signature ? signature_json(macho) : json_object();
    json_t *entitlements = values->entitlements ? entitlements_json(macho, err) : NULL;
    if (values->entitlements && !entitlements) {
        json_decref(out);
        return NULL;
    }
    if (!values->signature) {
        json_decref(out);
        return entitlements;
    }
    if (entitlements)
        json_object_set_new(out, "entitlements", entitlements);
    return out;
}

static int work_info(const struct values *values, const struct macho_input *input,
                     const struct operands *operands, struct error *err)
{
    struct blob xml;
    /* Alone it gives the list as it is, for a file. */
    if (values->entitlements && !values->signature && !values->json &&
        macho_entitlements(&input->macho, &xml))
        return write_blob(NULL, &xml, err);
    json_t *out = values->signature || values->entitlements
                      ? signature_part_json(values, &input->macho, err)
                      : macho_info_json(&input->macho);
    if (!out)
        return -1;
    if (values->json)
        return print_json(out) ? -1 : 0;
    print_tree(out);
    json_decref(out);
    return 0;
}

/* ---- addresses ---- */

/* DSYM NULL: there is none. */
static int print_place(const struct values *values, uint64_t address, uint64_t offset,
                       const struct macho_segment *segment, const struct dsym *dsym)
{
    if (values->json) {
        json_t *out = json_pack("{s:o, s:o, s:s}", "address", json_address(address), "offset",
                                json_address(offset), "segment", segment->name);
        if (dsym)
            json_object_set_new(out, "frames", dsym_frames_json(dsym, address));
        return print_json(out) ? -1 : 0;
    }
    printf("address 0x%" PRIx64 " segment %s offset 0x%" PRIx64 "\n", address, segment->name,
           offset);
    if (dsym)
        dsym_print_frames(dsym, address);
    return 0;
}

static int work_entry(const struct values *values, const struct macho_input *input,
                      const struct operands *operands, struct error *err)
{
    struct macho_segment segment;
    uint64_t pc, offset;
    if (!macho_entry(&input->macho, &pc))
        return blob_error(&input->file, 0, err, "no LC_UNIXTHREAD: this is no kernel");
    if (!macho_offset_of(&input->macho, pc, &offset, &segment))
        return blob_error(&input->file, 0, err, "the entry 0x%llx is in no segment",
                          (unsigned long long)pc);
    return print_place(values, pc, offset, &segment, NULL);
}

static int work_convert(const struct values *values, const struct macho_input *input,
                        const char *text, bool to_offset, struct error *err)
{
    struct macho_segment segment;
    uint64_t number, other;
    if (!parse_number(text, &number))
        return error_set(err, ERROR_USAGE, "'%s' is not a number", text);
    if (!(to_offset ? macho_offset_of : macho_address_of)(&input->macho, number, &other, &segment))
        return blob_error(&input->file, 0, err, "%s 0x%llx is in no segment",
                          to_offset ? "address" : "offset", (unsigned long long)number);
    const uint64_t address = to_offset ? number : other, offset = to_offset ? other : number;
    if (!values->dsym)
        return print_place(values, address, offset, &segment, NULL);
    struct dsym dsym;
    if (dsym_open(&dsym, values->dsym, &input->macho, address, address + 1, err))
        return -1;
    const int result = print_place(values, address, offset, &segment, &dsym);
    dsym_close(&dsym);
    return result;
}

static int work_a2o(const struct values *values, const struct macho_input *input,
                    const struct operands *operands, struct error *err)
{
    return work_convert(values, input, operands->items[1], true, err);
}

static int work_o2a(const struct values *values, const struct macho_input *input,
                    const struct operands *operands, struct error *err)
{
    return work_convert(values, input, operands->items[1], false, err);
}

/* ---- fixups ---- */

struct fixup_print {
    json_t *array;
    const struct macho_symbols *symbols;
};

/* "IA, diversity 0x7069, with the address", the way the pointer is signed. */
static void print_auth(const struct macho_fixup *fixup)
{
    static const char *const keys[] = {"IA", "IB", "DA", "DB"};
    printf("  key %s, diversity 0x%x%s", keys[fixup->key], fixup->diversity,
           fixup->address_diversity ? ", with the address" : "");
}

static json_t *fixup_json(const struct macho_fixup *fixup)
{
    static const char *const keys[] = {"IA", "IB", "DA", "DB"};
    json_t *out = json_pack("{s:o, s:o, s:s}", "address", json_address(fixup->address), "offset",
                            json_address(fixup->offset), "kind", fixup->bind ? "bind" : "rebase");
    if (fixup->bind) {
        json_object_set_new(out, "import", json_text(fixup->import, strlen(fixup->import)));
        json_object_set_new(out, "library", json_integer(fixup->library));
        json_object_set_new(out, "addend", json_integer(fixup->addend));
    } else {
        json_object_set_new(out, "target", json_address(fixup->target));
        json_object_set_new(out, "level", json_integer(fixup->level));
    }
    if (fixup->auth) {
        json_object_set_new(out, "key", json_string(keys[fixup->key]));
        json_object_set_new(out, "diversity", json_integer(fixup->diversity));
        json_object_set_new(out, "address_diversity", json_boolean(fixup->address_diversity));
    }
    return out;
}

static int visit_fixup(void *context, const struct macho_fixup *fixup)
{
    const struct fixup_print *print = context;
    if (print->array)
        return json_array_append_new(print->array, fixup_json(fixup));
    printf("0x%" PRIx64 " %s ", fixup->address, fixup->bind ? "bind  " : "rebase");
    if (fixup->bind) {
        print_text(fixup->import, strlen(fixup->import));
        printf(" library %d", fixup->library);
        if (fixup->addend)
            printf(" addend 0x%" PRIx64, (uint64_t)fixup->addend);
    } else {
        const struct macho_symbol *symbol = macho_symbol_at(print->symbols, fixup->target);
        printf("0x%" PRIx64, fixup->target);
        if (symbol && symbol->value == fixup->target)
            printf(" <%s>", symbol->name);
        if (fixup->level)
            printf(" in collection %u", fixup->level);
    }
    if (fixup->auth)
        print_auth(fixup);
    putchar('\n');
    return 0;
}

static int work_fixups(const struct values *values, const struct macho_input *input,
                       const struct operands *operands, struct error *err)
{
    struct macho_symbols symbols;
    if (macho_symbols_load(&input->macho, &symbols, err))
        return -1;
    struct fixup_print print = {.array = values->json ? json_array() : NULL, .symbols = &symbols};
    int result = macho_each_fixup(&input->macho, visit_fixup, &print, err);
    macho_symbols_free(&symbols);
    if (print.array && result)
        json_decref(print.array);
    else if (print.array)
        result = print_json(print.array) ? -1 : 0;
    return result;
}

/* ---- strings ---- */

#define SECTION_TYPE     0xffu
#define CSTRING_LITERALS 2u

static int print_strings(const struct macho *macho, const struct macho_section *section,
                         json_t *array, struct error *err)
{
    struct blob all;
    if (blob_slice(&macho->file, section->offset, section->size, &all, "a section of strings", err))
        return -1;
    for (uint64_t at = 0; at < section->size;) {
        const char *text = (const char *)all.data + at;
        const size_t length = strnlen(text, (size_t)(section->size - at));
        if (array) {
            json_array_append_new(array, json_pack("{s:o, s:o}", "address",
                                                   json_address(section->addr + at), "text",
                                                   json_text(text, length)));
        } else {
            printf("%016" PRIx64 "  ", section->addr + at);
            print_text(text, length);
            putchar('\n');
        }
        at += length + 1;
    }
    return 0;
}

static int strings_of(const struct macho *macho, json_t *array, struct error *err)
{
    struct macho_command command;
    struct macho_section section;
    int result = 0;
    for (uint64_t cursor = 0; !result && macho_next_command(macho, &cursor, &command);)
        for (uint32_t i = 0; !result && macho_command_section(&command, i, &section); i++)
            if ((section.flags & SECTION_TYPE) == CSTRING_LITERALS)
                result = print_strings(macho, &section, array, err);
    return result;
}

static int work_strings(const struct values *values, const struct macho_input *input,
                        const struct operands *operands, struct error *err)
{
    struct macho_command command;
    struct macho_member member;
    struct macho inner;
    json_t *array = values->json ? json_array() : NULL;
    int result = strings_of(&input->macho, array, err);
    for (uint64_t cursor = 0; !result && macho_next_command(&input->macho, &cursor, &command);)
        if (macho_command_member(&command, &member))
            result = macho_open_inner(&input->macho, member.fileoff, &inner, err) ||
                             strings_of(&inner, array, err)
                         ? -1
                         : 0;
    if (result)
        json_decref(array);
    return result || (array && print_json(array)) ? -1 : 0;
}

/* ---- verbs ---- */

#define VERB(word, arguments, text, table, operand_count)                                          \
    static int run_##word(const struct verb *self, int argc, char **argv)                          \
    {                                                                                              \
        return run_verb(self, argc, argv, work_##word);                                            \
    }                                                                                              \
    const struct verb verb_macho_##word = {.name = "macho " #word,                                 \
                                           .synopsis = arguments,                                  \
                                           .summary = text,                                        \
                                           .options = table,                                       \
                                           .min_operands = operand_count,                          \
                                           .max_operands = operand_count,                          \
                                           .run = run_##word}

VERB(info, "[OPTIONS] FILE", "prints the header and load commands of a Mach-O file", info_options,
     1);
VERB(entry, "[OPTIONS] FILE", "prints where a kernel starts: address, segment, file offset",
     common_options, 1);
VERB(fixups, "[OPTIONS] FILE", "prints every chained fixup: where, to what, how it is signed",
     common_options, 1);
VERB(strings, "[OPTIONS] FILE", "prints the C strings and their addresses", common_options, 1);
VERB(a2o, "[OPTIONS] FILE ADDRESS", "the file offset of a virtual address", convert_options, 2);
VERB(o2a, "[OPTIONS] FILE OFFSET", "the virtual address of a file offset", convert_options, 2);
