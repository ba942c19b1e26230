/* SPDX-License-Identifier: MIT */
/* Ad-hoc code signatures, made: a SuperBlob of a code directory of version 0x20400 with SHA-256
 * hashes, an empty set of requirements, the entitlements in XML and DER, and an empty CMS blob, as
 * codesign's "-s -" has them; or of the code directory alone, as linkers sign. The load command
 * takes the place of an old one or the room behind the others; __LINKEDIT ends with the signature,
 * which begins at a multiple of 16 bytes and measures one. */

#include <stdlib.h>
#include <string.h>

#include "code_signature.h"
#include "entitlements.h"
#include "trust_cache.h"

#define DIRECTORY_SIZE    88u /* without identifier and hashes */
#define DIRECTORY_VERSION 0x20400u
#define HASH_SIZE         32u
#define COMMAND_SIZE      16u
#define HEADER_SIZE       32u
#define MAX_PARTS         5u
#define SEGMENT_PAGE      0x4000u

/* Where in the file things are and go. */
struct plan {
    const struct macho *macho;
    const struct macho_sign_options *options;
    uint64_t command;  /* offset of LC_CODE_SIGNATURE */
    bool new_command;  /* it is yet to be added */
    uint64_t linkedit; /* offset of __LINKEDIT's command */
    uint64_t linkedit_offset, linkedit_end;
    uint64_t text_offset, text_size;
    uint64_t limit; /* bytes that are signed: where the signature begins */
};

static uint64_t align16(uint64_t value)
{
    return (value + 15) & ~15ull;
}

/* ---- where it goes ---- */

static void note_command(struct plan *plan, const struct macho_command *command)
{
    struct macho_segment segment;
    if (command->cmd == LC_CODE_SIGNATURE && command->size >= COMMAND_SIZE) {
        if (!plan->command)
            plan->command = command->offset;
    } else if (macho_command_segment(command, &segment)) {
        if (!strcmp(segment.name, "__LINKEDIT")) {
            plan->linkedit = command->offset;
            plan->linkedit_offset = segment.fileoff;
            plan->linkedit_end = segment.fileoff + segment.filesize;
        } else if (!strcmp(segment.name, "__TEXT")) {
            plan->text_offset = segment.fileoff;
            plan->text_size = segment.filesize;
        }
    }
}

/* The first byte behind the load commands that a section or segment occupies. */
static uint64_t first_content(const struct macho *macho)
{
    struct macho_command command;
    struct macho_segment segment;
    struct macho_section section;
    uint64_t first = macho->file.size;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (macho_command_segment(&command, &segment) && segment.filesize && segment.fileoff &&
            segment.fileoff < first)
            first = segment.fileoff;
        for (uint32_t i = 0; macho_command_section(&command, i, &section); i++)
            if (section.offset && section.size && section.offset < first)
                first = section.offset;
    }
    return first;
}

static int place_command(struct plan *plan, struct error *err)
{
    static const uint8_t zeros[COMMAND_SIZE];
    const struct macho *macho = plan->macho;
    if (plan->command)
        return 0;
    plan->new_command = true;
    plan->command = macho->header + HEADER_SIZE + macho->command_size;
    const uint8_t *room = blob_at(&macho->file, plan->command, COMMAND_SIZE);
    if (!room || plan->command + COMMAND_SIZE > first_content(macho) ||
        memcmp(room, zeros, COMMAND_SIZE))
        return blob_error(&macho->file, plan->command, err,
                          "no room for LC_CODE_SIGNATURE behind the load commands: link it again "
                          "with -headerpad 0x20");
    return 0;
}

/* The signature follows all else that __LINKEDIT holds, and nothing follows __LINKEDIT. */
static int place_signature(struct plan *plan, struct error *err)
{
    const struct blob *file = &plan->macho->file;
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(plan->macho, &cursor, &segment);)
        if (segment.filesize && segment.fileoff > plan->linkedit_offset)
            return blob_error(file, segment.fileoff, err,
                              "segment %s lies behind __LINKEDIT: this file cannot be signed",
                              segment.name);
    if (plan->linkedit_end < plan->linkedit_offset || plan->linkedit_end > file->size)
        return blob_error(file, plan->linkedit_offset, err,
                          "truncated: __LINKEDIT ends behind "
                          "the file; get a whole copy");
    plan->limit = align16(plan->linkedit_end);
    uint64_t end = plan->linkedit_end;
    if (!plan->new_command) {
        const uint8_t *command = blob_at(file, plan->command, COMMAND_SIZE);
        plan->limit = get_le32(command + 8);
        end = plan->limit + get_le32(command + 12);
        if (plan->limit < plan->linkedit_offset || plan->limit % 16 || end > plan->linkedit_end)
            return blob_error(file, plan->command + 8, err,
                              "the old signature is not at the end of __LINKEDIT");
    }
    if (plan->linkedit_offset < plan->macho->command_size + HEADER_SIZE ||
        plan->limit < plan->command + COMMAND_SIZE)
        return blob_error(file, plan->linkedit, err, "__LINKEDIT lies over the load commands");
    if (file->size - end >= SEGMENT_PAGE || plan->linkedit_end - end >= SEGMENT_PAGE)
        return blob_error(file, end, err, "data lies behind the place of the signature");
    if (plan->limit > UINT32_MAX)
        return blob_error(file, plan->limit, err, "files of over 4 GiB cannot be signed");
    return 0;
}

static int make_plan(const struct macho *macho, const struct macho_sign_options *options,
                     struct plan *plan, struct error *err)
{
    struct macho_command command;
    uint64_t cursor = 0;
    uint32_t count = 0;
    *plan = (struct plan){.macho = macho, .options = options};
    for (; macho_next_command(macho, &cursor, &command); count++)
        note_command(plan, &command);
    if (count != macho->command_count || cursor != macho->command_size)
        return blob_error(&macho->file, macho->header + 16, err,
                          "the load commands are not as many, or as large, as the header says");
    if (macho->header || !plan->linkedit)
        return blob_error(&macho->file, macho->header, err,
                          "no __LINKEDIT segment of its own: link it first");
    return place_command(plan, err) || place_signature(plan, err) ? -1 : 0;
}

/* ---- what is in it ---- */

/* One blob of the SuperBlob: header, then CONTENT. Slot 0, the code directory, is not among them.
 */
struct part {
    uint32_t slot, magic;
    struct blob content;
};

struct parts {
    struct part items[MAX_PARTS];
    size_t count;
    uint32_t special_slots;
    uint64_t exec_flags;
};

static void add_part(struct parts *parts, uint32_t slot, uint32_t magic, struct blob content)
{
    parts->items[parts->count++] = (struct part){slot, magic, content};
    if (slot <= SIGNATURE_SLOT_MOST && slot > parts->special_slots)
        parts->special_slots = slot;
}

static int add_entitlements(struct parts *parts, const struct blob *xml, struct error *err)
{
    struct plist *root;
    struct blob der;
    /* The blob holds the file as it is, so it must be the form that belongs there. */
    if (xml->size < 6 || xml->data[0] != '<')
        return blob_error(xml, 0, err, "not an XML property list (plutil -convert xml1)");
    if (plist_parse(xml, &root, err))
        return -1;
    const int result = entitlements_encode(root, xml, &der, err);
    if (!result) {
        parts->exec_flags = entitlements_exec_flags(root);
        add_part(parts, SIGNATURE_SLOT_ENTITLEMENTS, SIGNATURE_MAGIC_ENTITLEMENTS, *xml);
        parts->items[parts->count - 1].content.owned = NULL;
        add_part(parts, SIGNATURE_SLOT_DER_ENTITLEMENTS, SIGNATURE_MAGIC_DER_ENTITLEMENTS, der);
    }
    plist_free(root);
    return result;
}

static int make_parts(const struct macho_sign_options *options, struct parts *parts,
                      struct error *err)
{
    static const uint8_t none[4];
    *parts = (struct parts){0};
    if (options->linker)
        return 0;
    add_part(parts, SIGNATURE_SLOT_REQUIREMENTS, SIGNATURE_MAGIC_REQUIREMENTS,
             (struct blob){.data = none, .size = sizeof(none)});
    if (options->entitlements && add_entitlements(parts, options->entitlements, err))
        return -1;
    add_part(parts, SIGNATURE_SLOT_CMS, SIGNATURE_MAGIC_CMS, (struct blob){0});
    return 0;
}

static void free_parts(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        blob_free(&parts->items[i].content);
}

/* ---- writing ---- */

/* The sizes that follow from a plan and its parts. */
struct layout {
    uint32_t directory, identifier, hashes, code_slots; /* offsets within the signature; count */
    uint32_t directory_size, size;                      /* size: of the SuperBlob */
};

static struct layout lay_out(const struct plan *plan, const struct parts *parts)
{
    const uint64_t page = 1ull << plan->options->page_shift;
    const uint32_t name = (uint32_t)strlen(plan->options->identifier) + 1;
    struct layout l = {.code_slots = (uint32_t)((plan->limit + page - 1) / page)};
    l.directory = 12 + 8 * (uint32_t)(parts->count + 1);
    /* Linkers keep to multiples of eight and sixteen bytes. */
    if (plan->options->linker)
        l.directory = (l.directory + 7) & ~7u;
    l.identifier = DIRECTORY_SIZE;
    l.hashes = l.identifier + (plan->options->linker ? (uint32_t)align16(name) : name) +
               parts->special_slots * HASH_SIZE;
    l.directory_size = l.hashes + l.code_slots * HASH_SIZE;
    l.size = l.directory + l.directory_size;
    for (size_t i = 0; i < parts->count; i++)
        l.size += 8 + (uint32_t)parts->items[i].content.size;
    return l;
}

static void write_command(const struct plan *plan, uint8_t *file, uint32_t size)
{
    uint8_t *command = file + plan->command, *linkedit = file + plan->linkedit;
    if (plan->new_command) {
        put_le32(file + 16, plan->macho->command_count + 1);
        put_le32(file + 20, plan->macho->command_size + COMMAND_SIZE);
        put_le32(command, LC_CODE_SIGNATURE);
        put_le32(command + 4, COMMAND_SIZE);
    }
    put_le32(command + 8, (uint32_t)plan->limit);
    put_le32(command + 12, size);
    const uint64_t filesize = plan->limit + size - plan->linkedit_offset;
    put_le64(linkedit + 48, filesize);
    if (get_le64(linkedit + 32) < filesize)
        put_le64(linkedit + 32, (filesize + SEGMENT_PAGE - 1) & ~(uint64_t)(SEGMENT_PAGE - 1));
}

static void write_directory_head(const struct plan *plan, const struct parts *parts,
                                 const struct layout *l, uint8_t *p)
{
    const bool program = plan->macho->filetype == MH_EXECUTE;
    put_be32(p, SIGNATURE_MAGIC_DIRECTORY);
    put_be32(p + 4, l->directory_size);
    put_be32(p + 8, DIRECTORY_VERSION);
    put_be32(p + 12, CODE_ADHOC | (plan->options->linker ? CODE_LINKER_SIGNED : 0));
    put_be32(p + 16, l->hashes);
    put_be32(p + 20, l->identifier);
    put_be32(p + 24, parts->special_slots);
    put_be32(p + 28, l->code_slots);
    put_be32(p + 32, (uint32_t)plan->limit);
    p[36] = HASH_SIZE;
    p[37] = TRUST_SHA256;
    p[39] = (uint8_t)plan->options->page_shift;
    put_be64(p + 64, plan->text_offset);
    put_be64(p + 72, plan->text_size);
    put_be64(p + 80, (program ? EXEC_MAIN_BINARY : 0) | parts->exec_flags);
    memcpy(p + l->identifier, plan->options->identifier, strlen(plan->options->identifier));
}

/* An Info.plist that is linked in belongs to slot 1, as it lies in its section. */
static bool hash_info(const struct macho *macho, const struct macho_code_directory *directory,
                      uint8_t *hashes)
{
    struct macho_section section;
    if (!directory->special_slots || !macho_find_section(macho, "__TEXT", "__info_plist", &section))
        return true;
    const uint8_t *data = blob_at(&macho->file, section.offset, section.size);
    return !data || code_directory_hash(directory, data, (size_t)section.size,
                                        hashes - SIGNATURE_SLOT_INFO * HASH_SIZE);
}

/* The blobs behind the code directory, and their hashes in it. */
static bool write_parts(const struct parts *parts, const struct macho_code_directory *directory,
                        uint8_t *signature, uint32_t at, uint8_t *hashes)
{
    bool good = true;
    for (size_t i = 0; i < parts->count && good; i++) {
        const struct part *part = &parts->items[i];
        const size_t size = 8 + part->content.size;
        put_be32(signature + 20 + 8 * i, part->slot);
        put_be32(signature + 24 + 8 * i, at);
        put_be32(signature + at, part->magic);
        put_be32(signature + at + 4, (uint32_t)size);
        if (part->content.size)
            memcpy(signature + at + 8, part->content.data, part->content.size);
        if (part->slot <= SIGNATURE_SLOT_MOST)
            good = code_directory_hash(directory, signature + at, size,
                                       hashes - part->slot * HASH_SIZE);
        at += (uint32_t)size;
    }
    return good;
}

static bool write_signature(const struct plan *plan, const struct parts *parts,
                            const struct layout *l, uint8_t *file)
{
    uint8_t *signature = file + plan->limit, *hashes = signature + l->directory + l->hashes;
    const struct macho_code_directory kind = {.hash_type = TRUST_SHA256,
                                              .special_slots = parts->special_slots};
    const uint64_t page = 1ull << plan->options->page_shift;
    put_be32(signature, SIGNATURE_MAGIC_SUPERBLOB);
    put_be32(signature + 4, l->size);
    put_be32(signature + 8, (uint32_t)parts->count + 1);
    put_be32(signature + 12, SIGNATURE_SLOT_DIRECTORY);
    put_be32(signature + 16, l->directory);
    write_directory_head(plan, parts, l, signature + l->directory);
    if (!write_parts(parts, &kind, signature, l->directory + l->directory_size, hashes) ||
        !hash_info(plan->macho, &kind, hashes))
        return false;
    for (uint64_t at = 0; at < plan->limit; at += page, hashes += HASH_SIZE)
        if (!code_directory_hash(&kind, file + at,
                                 (size_t)(plan->limit - at < page ? plan->limit - at : page),
                                 hashes))
            return false;
    return true;
}

static int write_file(const struct plan *plan, const struct parts *parts, struct blob *out,
                      struct error *err)
{
    const struct blob *in = &plan->macho->file;
    const struct layout l = lay_out(plan, parts);
    const uint64_t room = align16(l.size), size = plan->limit + room;
    if (room > INT32_MAX)
        return blob_error(in, 0, err, "its signature would have over 2 GiB");
    uint8_t *file = calloc(1, (size_t)size);
    if (!file)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    const uint64_t kept = plan->new_command ? plan->linkedit_end : plan->limit;
    memcpy(file, in->data, (size_t)kept);
    write_command(plan, file, (uint32_t)room);
    blob_adopt(out, file, (size_t)size, in->name);
    if (write_signature(plan, parts, &l, file))
        return 0;
    blob_free(out);
    return error_set(err, ERROR_OS, "%s: no memory", in->name);
}

int macho_sign(const struct macho *macho, const struct macho_sign_options *options,
               struct blob *out, struct error *err)
{
    struct plan plan;
    struct parts parts;
    if (make_plan(macho, options, &plan, err))
        return -1;
    int result = make_parts(options, &parts, err);
    if (!result)
        result = write_file(&plan, &parts, out, err);
    free_parts(&parts);
    return result;
}
