/* SPDX-License-Identifier: MIT */
/* DWARF 2 to 5 through libdwarf, which sees nothing of Mach-O: its sections are handed to it under
 * the names that it knows. Of each compilation unit are kept the rows of the line table, and the
 * functions with what is inlined in them. What belongs to a unit is let go of before the next, the
 * rest when the process ends. */

#include <stdlib.h>
#include <string.h>

#include <libdwarf/dwarf.h>
#include <libdwarf/libdwarf.h>

#include "debug_info_tables.h"

#define MAX_SECTIONS 64
#define MAX_DEPTH    512
#define MAX_ORIGINS  8
#define NAME_SLOTS   65536u

/* ---- sections ---- */

struct sections {
    struct section {
        char name[32];
        struct blob content;
    } items[MAX_SECTIONS]; /* the first is empty, as libdwarf is used to */
    unsigned count;
};

/* "__debug_str_offs", cut to 16 letters, is ".debug_str_offsets". */
static void add_section(struct sections *sections, const struct macho *macho,
                        const struct macho_section *section)
{
    struct section *out = &sections->items[sections->count];
    if (strcmp(section->segment, "__DWARF") || strncmp(section->name, "__debug_", 8) ||
        sections->count == MAX_SECTIONS ||
        blob_slice(&macho->file, section->offset, section->size, &out->content, "DWARF", NULL))
        return;
    snprintf(out->name, sizeof(out->name), ".debug_%s%s", section->name + 8,
             !strcmp(section->name, "__debug_str_offs") ? "ets" : "");
    sections->count++;
}

static void find_sections(struct sections *sections, const struct macho *macho)
{
    struct macho_command command;
    struct macho_section section;
    *sections = (struct sections){.count = 1};
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);)
        for (uint32_t i = 0; macho_command_section(&command, i, &section); i++)
            add_section(sections, macho, &section);
}

uint64_t debug_info_size(const struct macho *macho)
{
    struct sections sections;
    uint64_t size = 0;
    find_sections(&sections, macho);
    for (unsigned i = 1; i < sections.count; i++)
        size += sections.items[i].content.size;
    return size;
}

static int get_section_info(void *context, Dwarf_Half index, Dwarf_Obj_Access_Section *out,
                            int *error)
{
    const struct sections *sections = context;
    if (index >= sections->count)
        return DW_DLV_NO_ENTRY;
    *out = (Dwarf_Obj_Access_Section){.name = sections->items[index].name,
                                      .size = sections->items[index].content.size};
    return DW_DLV_OK;
}

static int load_section(void *context, Dwarf_Half index, Dwarf_Small **out, int *error)
{
    const struct sections *sections = context;
    if (!index || index >= sections->count)
        return DW_DLV_NO_ENTRY;
    *out = (Dwarf_Small *)sections->items[index].content.data;
    return DW_DLV_OK;
}

static Dwarf_Endianness get_byte_order(void *context)
{
    return DW_OBJECT_LSB;
}

static Dwarf_Small get_length_size(void *context)
{
    return 4;
}

static Dwarf_Small get_pointer_size(void *context)
{
    return 8;
}

static Dwarf_Unsigned get_section_count(void *context)
{
    return ((const struct sections *)context)->count;
}

static const Dwarf_Obj_Access_Methods methods = {
    .get_section_info = get_section_info,
    .get_byte_order = get_byte_order,
    .get_length_size = get_length_size,
    .get_pointer_size = get_pointer_size,
    .get_section_count = get_section_count,
    .load_section = load_section,
};

/* ---- what is collected ---- */

struct reader {
    Dwarf_Debug dbg;
    uint64_t low, high; /* asked for */
    struct debug_tables *out;
    size_t row_room, scope_room, range_room, string_room;
    /* Names that were seen lately, by where libdwarf has them. */
    struct {
        const char *text;
        uint32_t offset;
    } names[NAME_SLOTS];
    /* Of the unit that is being read. */
    Dwarf_Half version;
    Dwarf_Addr base;
    const char *folder;
    uint32_t *files; /* by number */
    size_t file_count;
    const char *problem;
};

/* Room for one more item of SIZE bytes behind the COUNT that there are; NULL without memory. */
static void *one_more(struct reader *r, void **items, size_t *room, size_t *count, size_t size)
{
    if (*count == *room) {
        const size_t more = *room ? *room * 2 : 256;
        void *larger = *count < DEBUG_NONE / 2 ? realloc(*items, more * size) : NULL;
        if (!larger) {
            r->problem = "there is no memory for it";
            return NULL;
        }
        *items = larger;
        *room = more;
    }
    return (char *)*items + (*count)++ * size;
}

/* The offset of a copy of TEXT. */
static uint32_t add_string(struct reader *r, const char *text)
{
    const size_t size = strlen(text) + 1, at = r->out->string_size;
    if (at + size > r->string_room) {
        const size_t more = (at + size) * 2;
        char *larger = more < DEBUG_NONE ? realloc(r->out->strings, more) : NULL;
        if (!larger) {
            r->problem = "there is no memory for it";
            return 0;
        }
        r->out->strings = larger;
        r->string_room = more;
    }
    memcpy(r->out->strings + at, text, size);
    r->out->string_size += size;
    return (uint32_t)at;
}

static uint32_t add_name(struct reader *r, const char *text)
{
    const size_t slot = ((uintptr_t)text * 0x9e3779b97f4a7c15u >> 40) % NAME_SLOTS;
    if (!text)
        return 0;
    if (r->names[slot].text != text) {
        r->names[slot].text = text;
        r->names[slot].offset = add_string(r, text);
    }
    return r->names[slot].offset;
}

static void add_row(struct reader *r, uint64_t address, uint32_t file, uint32_t line,
                    uint32_t column)
{
    const uint32_t order = (uint32_t)r->out->row_count;
    struct debug_row *row =
        one_more(r, (void **)&r->out->rows, &r->row_room, &r->out->row_count, sizeof(*row));
    if (row)
        *row = (struct debug_row){address, file, line, column, order};
}

/* ---- attributes ---- */

static bool get_attribute(Dwarf_Die die, Dwarf_Half which, Dwarf_Attribute *out)
{
    Dwarf_Error error;
    return dwarf_attr(die, which, out, &error) == DW_DLV_OK;
}

static const char *text_of(struct reader *r, Dwarf_Die die, Dwarf_Half which)
{
    Dwarf_Attribute attribute;
    Dwarf_Error error;
    char *text = NULL;
    if (!get_attribute(die, which, &attribute))
        return NULL;
    if (dwarf_formstring(attribute, &text, &error) != DW_DLV_OK)
        text = NULL;
    dwarf_dealloc(r->dbg, attribute, DW_DLA_ATTR);
    return text;
}

/* The number of an attribute, 0 without one. */
static uint32_t number_of(struct reader *r, Dwarf_Die die, Dwarf_Half which)
{
    Dwarf_Attribute attribute;
    Dwarf_Error error;
    Dwarf_Unsigned number = 0;
    Dwarf_Signed other;
    if (!get_attribute(die, which, &attribute))
        return 0;
    if (dwarf_formudata(attribute, &number, &error) != DW_DLV_OK)
        number = dwarf_formsdata(attribute, &other, &error) == DW_DLV_OK && other > 0
                     ? (Dwarf_Unsigned)other
                     : 0;
    dwarf_dealloc(r->dbg, attribute, DW_DLA_ATTR);
    return number < DEBUG_NONE ? (uint32_t)number : 0;
}

/* What the attribute WHICH of DIE refers to; to be let go of. */
static bool follow(struct reader *r, Dwarf_Die die, Dwarf_Half which, Dwarf_Die *out)
{
    Dwarf_Attribute attribute;
    Dwarf_Error error;
    Dwarf_Off offset;
    if (!get_attribute(die, which, &attribute))
        return false;
    const bool found = dwarf_global_formref(attribute, &offset, &error) == DW_DLV_OK &&
                       dwarf_offdie_b(r->dbg, offset, 1, out, &error) == DW_DLV_OK;
    dwarf_dealloc(r->dbg, attribute, DW_DLA_ATTR);
    return found;
}

/* The first of two attributes that DIE has, or what it is an instance or the definition of. */
static const char *inherited_text(struct reader *r, Dwarf_Die die, Dwarf_Half which,
                                  Dwarf_Half other, unsigned depth)
{
    Dwarf_Die origin;
    const char *text = text_of(r, die, which);
    if (!text)
        text = text_of(r, die, other);
    if (text || depth == MAX_ORIGINS ||
        !(follow(r, die, DW_AT_abstract_origin, &origin) ||
          follow(r, die, DW_AT_specification, &origin)))
        return text;
    text = inherited_text(r, origin, which, other, depth + 1);
    dwarf_dealloc(r->dbg, origin, DW_DLA_DIE);
    return text;
}

/* As linkers know it, else as the source does. */
static uint32_t name_of(struct reader *r, Dwarf_Die die)
{
    const char *text = inherited_text(r, die, DW_AT_linkage_name, DW_AT_MIPS_linkage_name, 0);
    return add_name(r, text ? text : inherited_text(r, die, DW_AT_name, DW_AT_name, 0));
}

/* ---- ranges ---- */

/* Something other than 0 ends the walk. */
typedef int range_visit(struct reader *r, uint64_t low, uint64_t high, uint32_t scope);

static int walk_ranges_4(struct reader *r, Dwarf_Die die, Dwarf_Attribute attribute,
                         range_visit *visit, uint32_t scope)
{
    Dwarf_Error error;
    Dwarf_Off offset, real;
    Dwarf_Ranges *ranges;
    Dwarf_Signed count;
    Dwarf_Unsigned size;
    Dwarf_Addr base = r->base;
    int result = 0;
    if (dwarf_global_formref(attribute, &offset, &error) != DW_DLV_OK ||
        dwarf_get_ranges_b(r->dbg, offset, die, &real, &ranges, &count, &size, &error) != DW_DLV_OK)
        return 0;
    for (Dwarf_Signed i = 0; !result && i < count && ranges[i].dwr_type != DW_RANGES_END; i++) {
        if (ranges[i].dwr_type == DW_RANGES_ADDRESS_SELECTION)
            base = ranges[i].dwr_addr2;
        else
            result = visit(r, base + ranges[i].dwr_addr1, base + ranges[i].dwr_addr2, scope);
    }
    dwarf_ranges_dealloc(r->dbg, ranges, count);
    return result;
}

static int walk_ranges_5(struct reader *r, Dwarf_Attribute attribute, range_visit *visit,
                         uint32_t scope)
{
    Dwarf_Error error;
    Dwarf_Half form;
    Dwarf_Unsigned value, count, global, raw1, raw2, low, high;
    Dwarf_Rnglists_Head head;
    Dwarf_Bool unavailable;
    unsigned length, kind;
    int result = 0;
    if (dwarf_whatform(attribute, &form, &error) != DW_DLV_OK ||
        (form == DW_FORM_rnglistx ? dwarf_formudata(attribute, &value, &error)
                                  : dwarf_global_formref(attribute, &value, &error)) != DW_DLV_OK ||
        dwarf_rnglists_get_rle_head(attribute, form, value, &head, &count, &global, &error) !=
            DW_DLV_OK)
        return 0;
    for (Dwarf_Unsigned i = 0; !result && i < count; i++) {
        if (dwarf_get_rnglists_entry_fields_a(head, i, &length, &kind, &raw1, &raw2, &unavailable,
                                              &low, &high, &error) != DW_DLV_OK ||
            kind == DW_RLE_end_of_list)
            break;
        if (kind != DW_RLE_base_address && kind != DW_RLE_base_addressx && !unavailable)
            result = visit(r, low, high, scope);
    }
    dwarf_dealloc_rnglists_head(head);
    return result;
}

/* Visits the addresses that DIE stands for. */
static int walk_ranges(struct reader *r, Dwarf_Die die, range_visit *visit, uint32_t scope)
{
    Dwarf_Error error;
    Dwarf_Addr low, high;
    Dwarf_Half form;
    enum Dwarf_Form_Class class;
    Dwarf_Attribute attribute;
    if (get_attribute(die, DW_AT_ranges, &attribute)) {
        const int result = r->version >= 5 ? walk_ranges_5(r, attribute, visit, scope)
                                           : walk_ranges_4(r, die, attribute, visit, scope);
        dwarf_dealloc(r->dbg, attribute, DW_DLA_ATTR);
        return result;
    }
    if (dwarf_lowpc(die, &low, &error) != DW_DLV_OK ||
        dwarf_highpc_b(die, &high, &form, &class, &error) != DW_DLV_OK)
        return 0;
    return visit(r, low, class == DW_FORM_CLASS_CONSTANT ? low + high : high, scope);
}

static int keep_range(struct reader *r, uint64_t low, uint64_t high, uint32_t scope)
{
    if (low >= high)
        return 0;
    struct debug_range *range =
        one_more(r, (void **)&r->out->ranges, &r->range_room, &r->out->range_count, sizeof(*range));
    if (range)
        *range = (struct debug_range){low, high, scope, 0};
    return 0;
}

static int is_wanted(struct reader *r, uint64_t low, uint64_t high, uint32_t scope)
{
    return low < r->high && high > r->low;
}

static int is_any(struct reader *r, uint64_t low, uint64_t high, uint32_t scope)
{
    return 1;
}

/* ---- functions ---- */

static void read_scopes(struct reader *r, Dwarf_Die die, uint32_t parent, unsigned depth);

static uint32_t file_number(const struct reader *r, uint32_t number)
{
    return number < r->file_count ? r->files[number] : 0;
}

/* Keeps DIE, a function or an inlined one, as a scope; its number, DEBUG_NONE: it has no code. */
static uint32_t add_scope(struct reader *r, Dwarf_Die die, bool inlined, uint32_t parent)
{
    const uint32_t number = (uint32_t)r->out->scope_count;
    const size_t ranges = r->out->range_count;
    walk_ranges(r, die, keep_range, number);
    if (r->out->range_count == ranges)
        return DEBUG_NONE;
    const struct debug_scope made = {
        .parent = parent,
        .end = number + 1,
        .name = name_of(r, die),
        .call_file = inlined ? file_number(r, number_of(r, die, DW_AT_call_file)) : 0,
        .call_line = inlined ? number_of(r, die, DW_AT_call_line) : 0,
        .call_column = inlined ? number_of(r, die, DW_AT_call_column) : 0};
    struct debug_scope *scope =
        one_more(r, (void **)&r->out->scopes, &r->scope_room, &r->out->scope_count, sizeof(*scope));
    if (!scope)
        return DEBUG_NONE;
    *scope = made;
    return number;
}

static void read_die(struct reader *r, Dwarf_Die die, uint32_t parent, unsigned depth)
{
    Dwarf_Error error;
    Dwarf_Half tag;
    uint32_t scope = DEBUG_NONE;
    if (dwarf_tag(die, &tag, &error) != DW_DLV_OK)
        return;
    const bool inlined = tag == DW_TAG_inlined_subroutine;
    if (tag == DW_TAG_subprogram)
        parent = scope = add_scope(r, die, false, DEBUG_NONE);
    else if (inlined && parent != DEBUG_NONE)
        scope = add_scope(r, die, true, parent);
    read_scopes(r, die, scope == DEBUG_NONE ? parent : scope, depth + 1);
    if (scope != DEBUG_NONE)
        r->out->scopes[scope].end = (uint32_t)r->out->scope_count;
}

/* All that is within DIE. */
static void read_scopes(struct reader *r, Dwarf_Die die, uint32_t parent, unsigned depth)
{
    Dwarf_Error error;
    Dwarf_Die child, next;
    if (depth == MAX_DEPTH || dwarf_child(die, &child, &error) != DW_DLV_OK)
        return;
    for (bool more = true; more && !r->problem; child = next) {
        read_die(r, child, parent, depth);
        more = dwarf_siblingof_b(r->dbg, child, 1, &next, &error) == DW_DLV_OK;
        dwarf_dealloc(r->dbg, child, DW_DLA_DIE);
    }
}

/* ---- lines ---- */

/* Number INDEX of the include directories. */
static const char *folder_of(Dwarf_Line_Context lines, const struct reader *r, Dwarf_Unsigned index)
{
    Dwarf_Error error;
    const char *name;
    /* Up to version 4 the unit's own folder is number 0 and not in the list; later it is in it. */
    if (r->version < 5 && !index)
        return r->folder;
    if (dwarf_srclines_include_dir_data(lines, (Dwarf_Signed)index, &name, &error) != DW_DLV_OK)
        return r->folder;
    return name;
}

static uint32_t add_path(struct reader *r, const char *folder, const char *name)
{
    char *path;
    const bool whole = *name == '/', rooted = !folder || *folder == '/' || !r->folder;
    if (asprintf(&path, "%s%s%s%s%s", whole || rooted ? "" : r->folder, whole || rooted ? "" : "/",
                 whole || !folder ? "" : folder, whole || !folder ? "" : "/", name) < 0)
        return 0;
    const uint32_t offset = add_string(r, path);
    free(path);
    return offset;
}

static void read_files(struct reader *r, Dwarf_Line_Context lines)
{
    Dwarf_Error error;
    Dwarf_Signed first, count, end;
    Dwarf_Unsigned folder, time, size;
    Dwarf_Form_Data16 *digest;
    const char *name;
    if (dwarf_srclines_files_indexes(lines, &first, &count, &end, &error) != DW_DLV_OK ||
        end <= 0 || !(r->files = calloc((size_t)end, sizeof(*r->files))))
        return;
    r->file_count = (size_t)end;
    for (Dwarf_Signed i = first; i < end; i++)
        if (dwarf_srclines_files_data_b(lines, i, &name, &folder, &time, &size, &digest, &error) ==
                DW_DLV_OK &&
            name)
            r->files[i] = add_path(r, folder_of(lines, r, folder), name);
}

/* Whether LINE only says where a sequence ends. This libdwarf also takes a row for one that begins
 * an epilogue; a sequence's end does not. */
static bool ends_sequence(Dwarf_Line line)
{
    Dwarf_Error error;
    Dwarf_Bool ends = 0, prologue, epilogue = 0;
    Dwarf_Unsigned isa, discriminator;
    dwarf_lineendsequence(line, &ends, &error);
    dwarf_prologue_end_etc(line, &prologue, &epilogue, &isa, &discriminator, &error);
    return ends && !epilogue;
}

static void read_row(struct reader *r, Dwarf_Line line)
{
    Dwarf_Error error;
    Dwarf_Addr address;
    Dwarf_Unsigned number = 0, column = 0, file = 0;
    if (dwarf_lineaddr(line, &address, &error) != DW_DLV_OK)
        return;
    dwarf_lineno(line, &number, &error);
    dwarf_lineoff_b(line, &column, &error);
    dwarf_line_srcfileno(line, &file, &error);
    add_row(r, address, ends_sequence(line) ? DEBUG_NONE : file_number(r, (uint32_t)file),
            (uint32_t)number, (uint32_t)column);
}

static void read_lines(struct reader *r, Dwarf_Die unit)
{
    Dwarf_Error error;
    Dwarf_Unsigned version;
    Dwarf_Small tables;
    Dwarf_Line_Context lines;
    Dwarf_Line *rows;
    Dwarf_Signed count;
    if (dwarf_srclines_b(unit, &version, &tables, &lines, &error) != DW_DLV_OK)
        return;
    if (tables == 1 && dwarf_srclines_from_linecontext(lines, &rows, &count, &error) == DW_DLV_OK) {
        read_files(r, lines);
        for (Dwarf_Signed i = 0; i < count && !r->problem; i++)
            read_row(r, rows[i]);
    }
    dwarf_srclines_dealloc_b(lines);
}

/* ---- units ---- */

static void read_unit(struct reader *r, Dwarf_Die unit)
{
    Dwarf_Error error;
    if (walk_ranges(r, unit, is_any, 0) && !walk_ranges(r, unit, is_wanted, 0))
        return;
    r->folder = text_of(r, unit, DW_AT_comp_dir);
    if (dwarf_lowpc(unit, &r->base, &error) != DW_DLV_OK)
        r->base = 0;
    read_lines(r, unit);
    read_scopes(r, unit, DEBUG_NONE, 0);
    free(r->files);
    r->files = NULL;
    r->file_count = 0;
}

static void read_units(struct reader *r)
{
    Dwarf_Error error;
    Dwarf_Unsigned length, type_offset, next;
    Dwarf_Half address_size, length_size, extension_size, unit_type;
    Dwarf_Off abbreviations;
    Dwarf_Sig8 signature;
    Dwarf_Die unit;
    int result;
    while (!r->problem && (result = dwarf_next_cu_header_d(
                               r->dbg, 1, &length, &r->version, &abbreviations, &address_size,
                               &length_size, &extension_size, &signature, &type_offset, &next,
                               &unit_type, &error)) != DW_DLV_NO_ENTRY) {
        if (result == DW_DLV_ERROR) {
            r->problem = dwarf_errmsg(error);
            return;
        }
        if (dwarf_siblingof_b(r->dbg, NULL, 1, &unit, &error) != DW_DLV_OK)
            continue;
        read_unit(r, unit);
        dwarf_dealloc(r->dbg, unit, DW_DLA_DIE);
    }
}

const char *debug_info_read(const struct macho *macho, uint64_t low, uint64_t high,
                            struct debug_tables *out)
{
    Dwarf_Error error;
    struct sections *sections = malloc(sizeof(*sections));
    struct reader *r = calloc(1, sizeof(*r));
    if (!sections || !r)
        return "there is no memory for it";
    find_sections(sections, macho);
    Dwarf_Obj_Access_Interface object = {.object = sections, .methods = &methods};
    *out = (struct debug_tables){0};
    *r = (struct reader){.low = low, .high = high, .out = out};
    add_string(r, "");
    if (dwarf_object_init_b(&object, NULL, NULL, 0, &r->dbg, &error) != DW_DLV_OK)
        return "it has no units";
    read_units(r);
    return r->problem;
}
