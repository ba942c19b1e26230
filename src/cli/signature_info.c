/* SPDX-License-Identifier: MIT */
/* What a code signature says, and whether its hashes are those of the file. Certificates are not
 * read: of a CMS blob only its size is told. */

#include "cli/signature_info.h"

#include <inttypes.h>
#include <string.h>

#include "cli/output.h"
#include "image/entitlements.h"
#include "image/requirement.h"

struct bit_name {
    uint64_t bit;
    const char *name;
};

static const struct bit_name directory_flags[] = {
    {0x1, "host"},
    {0x2, "adhoc"},
    {0x100, "hard"},
    {0x200, "kill"},
    {0x400, "expires"},
    {0x800, "restrict"},
    {0x1000, "enforcement"},
    {0x2000, "library-validation"},
    {0x10000, "runtime"},
    {0x20000, "linker-signed"},
    {0, NULL},
};

static const struct bit_name exec_flags[] = {
    {EXEC_MAIN_BINARY, "main-binary"},
    {EXEC_ALLOW_UNSIGNED, "allow-unsigned"},
    {EXEC_DEBUGGER, "debugger"},
    {EXEC_JIT, "jit"},
    {EXEC_SKIP_LIBRARIES, "skip-library-validation"},
    {EXEC_CAN_LOAD_CDHASH, "can-load-cdhash"},
    {EXEC_CAN_EXEC_CDHASH, "can-execute-cdhash"},
    {0, NULL},
};

/* The names of the bits of VALUE; bits without one as a number. */
static json_t *bits_json(uint64_t value, const struct bit_name *names)
{
    json_t *array = json_array();
    for (; names->name; names++)
        if (value & names->bit) {
            json_array_append_new(array, json_string(names->name));
            value &= ~names->bit;
        }
    if (value)
        json_array_append_new(array, json_address(value));
    return array;
}

static json_t *slot_name(uint32_t slot)
{
    static const char *const names[] = {"code directory",
                                        "Info.plist",
                                        "requirements",
                                        "resources",
                                        "application",
                                        "entitlements",
                                        "disk image",
                                        "DER entitlements",
                                        "launch constraints",
                                        "parent's launch constraints",
                                        "responsible process's launch constraints",
                                        "library constraints"};
    if (slot <= SIGNATURE_SLOT_MOST)
        return json_string(names[slot]);
    if (slot == SIGNATURE_SLOT_CMS)
        return json_string("CMS signature");
    if (slot - 0x1000u < 16)
        return json_sprintf("alternate code directory %u", slot - 0x1000u);
    return json_address(slot);
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* "yes", "no", or "not here" for what lies outside of the file. */
static const char *special_matches(const struct macho *macho,
                                   const struct macho_code_directory *directory, uint32_t slot,
                                   const uint8_t *hash)
{
    struct signature_blob part;
    struct macho_section section;
    const uint8_t *data = NULL;
    size_t size = 0;
    uint8_t digest[64];
    if (macho_signature_slot(macho, slot, &part)) {
        data = part.whole.data;
        size = part.whole.size;
    } else if (slot == SIGNATURE_SLOT_INFO &&
               macho_find_section(macho, "__TEXT", "__info_plist", &section)) {
        data = blob_at(&macho->file, section.offset, section.size);
        size = (size_t)section.size;
    }
    if (!data)
        return "not here";
    return code_directory_hash(directory, data, size, digest) &&
                   !memcmp(digest, hash, directory->hash_size)
               ? "yes"
               : "no";
}

static json_t *specials_json(const struct macho *macho,
                             const struct macho_code_directory *directory)
{
    json_t *array = json_array();
    for (uint32_t slot = 1; slot <= directory->special_slots; slot++) {
        const uint8_t *hash = directory->hashes - (size_t)slot * directory->hash_size;
        if (!all_zero(hash, directory->hash_size))
            json_array_append_new(array,
                                  json_pack("{s:o, s:o, s:s}", "slot", slot_name(slot), "hash",
                                            json_hex(hash, directory->hash_size), "matches",
                                            special_matches(macho, directory, slot, hash)));
    }
    return array;
}

/* The hash of every page, and the numbers of those which the file does not have. */
static void add_pages(json_t *out, const struct macho *macho,
                      const struct macho_code_directory *directory)
{
    json_t *pages = json_array(), *differ = json_array();
    for (uint32_t i = 0; i < directory->code_slots; i++) {
        const uint8_t *hash = directory->hashes + (size_t)i * directory->hash_size;
        json_array_append_new(pages, json_hex(hash, directory->hash_size));
        if (!code_directory_page_matches(directory, &macho->file, i))
            json_array_append_new(differ, json_integer(i));
    }
    json_object_set_new(out, "pages_that_differ", differ);
    json_object_set_new(out, "pages", pages);
}

static json_t *directory_json(const struct macho *macho,
                              const struct macho_code_directory *directory)
{
    static const char *const hashes[] = {"none",    "SHA-1",  "SHA-256", "SHA-256 truncated",
                                         "SHA-384", "SHA-512"};
    json_t *out = json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:o, s:i}", "version",
        json_address(directory->version), "flags", bits_json(directory->flags, directory_flags),
        "identifier", json_text(directory->identifier, strlen(directory->identifier)), "cdhash",
        json_hex(directory->cdhash, sizeof(directory->cdhash)), "hash",
        hashes[directory->hash_type], "platform", (int)directory->platform, "page_size",
        directory->page_shift ? (int)(1u << (directory->page_shift & 31)) : 0, "code_limit",
        json_address(directory->code_limit), "code_directory_size", (int)directory->whole.size);
    if (directory->team)
        json_object_set_new(out, "team", json_text(directory->team, strlen(directory->team)));
    if (directory->version >= 0x20400) {
        json_object_set_new(out, "exec_segment",
                            json_pack("{s:o, s:o, s:o}", "offset",
                                      json_address(directory->exec_base), "size",
                                      json_address(directory->exec_limit), "flags",
                                      bits_json(directory->exec_flags, exec_flags)));
    }
    if (directory->runtime)
        json_object_set_new(out, "runtime",
                            json_sprintf("%u.%u.%u", directory->runtime >> 16,
                                         directory->runtime >> 8 & 0xff,
                                         directory->runtime & 0xff));
    json_object_set_new(out, "special_slots", specials_json(macho, directory));
    add_pages(out, macho, directory);
    return out;
}

/* One requirement in its language, or, where that fails, byte by byte. */
static json_t *requirement_json(const uint8_t *data, size_t size)
{
    const struct blob whole = {.data = data, .size = size};
    char text[4096];
    return requirement_text(&whole, text, sizeof(text)) ? json_text(text, strlen(text))
                                                        : json_hex(data, size);
}

/* The requirements by what they are for. */
static json_t *requirements_json(const struct blob *whole)
{
    static const char *const types[] = {"invalid",    "host",    "guest",
                                        "designated", "library", "plug-in"};
    json_t *array = json_array();
    const uint8_t *head = blob_at(whole, 8, 4);
    const uint32_t count = head ? get_be32(head) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = blob_at(whole, 12 + 8ull * i, 8);
        const uint64_t offset = entry ? get_be32(entry + 4) : 0;
        const uint8_t *inner = entry ? blob_at(whole, offset, 8) : NULL;
        const uint8_t *data = inner ? blob_at(whole, offset, get_be32(inner + 4)) : NULL;
        if (!data)
            break;
        const uint32_t type = get_be32(entry);
        json_array_append_new(
            array,
            json_pack("{s:o, s:o}", "for", type < 6 ? json_string(types[type]) : json_address(type),
                      "requirement", requirement_json(data, get_be32(inner + 4))));
    }
    return array;
}

static const char *cms_state(const struct macho *macho)
{
    struct signature_blob cms;
    if (!macho_signature_slot(macho, SIGNATURE_SLOT_CMS, &cms))
        return "none";
    return cms.whole.size > 8 ? "present, not looked at" : "empty";
}

static json_t *blobs_json(const struct macho *macho)
{
    struct signature_blob part;
    json_t *array = json_array();
    for (uint32_t i = 0; macho_signature_blob(macho, i, &part); i++)
        json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:i}", "slot", slot_name(part.slot),
                                               "magic", json_address(part.magic), "at",
                                               json_address(part.whole.origin), "size",
                                               (int)part.whole.size));
    return array;
}

json_t *signature_json(const struct macho *macho)
{
    struct macho_code_directory directory;
    struct signature_blob part;
    if (!macho_code_directory(macho, &directory))
        return json_pack("{s:s}", "signature", "none");
    /* First what identifies the program: of the directory that the kernel takes. */
    json_t *out =
        json_pack("{s:o, s:o, s:i, s:i}", "identifier",
                  json_text(directory.identifier, strlen(directory.identifier)), "cdhash",
                  json_hex(directory.cdhash, sizeof(directory.cdhash)), "hash_type",
                  (int)directory.hash_type, "code_directory_size", (int)directory.whole.size);
    json_object_set_new(out, "blobs", blobs_json(macho));
    json_t *directories = json_array();
    for (uint32_t i = 0; macho_signature_blob(macho, i, &part); i++)
        if (code_directory_read(&part.whole, &directory))
            json_array_append_new(directories, directory_json(macho, &directory));
    json_object_set_new(out, "code_directories", directories);
    if (macho_signature_slot(macho, SIGNATURE_SLOT_REQUIREMENTS, &part))
        json_object_set_new(out, "requirements", requirements_json(&part.whole));
    json_object_set_new(out, "cms", json_string(cms_state(macho)));
    return out;
}

/* ---- entitlements ---- */

static json_t *plist_json(const struct plist *node)
{
    const struct plist *value = plist_resolve(node);
    json_t *out;
    switch (value->kind) {
    case PLIST_DICT:
        out = json_object();
        for (const struct plist *child = value->children; child; child = child->next)
            json_object_set_new(out, child->key, plist_json(child));
        return out;
    case PLIST_ARRAY:
        out = json_array();
        for (const struct plist *child = value->children; child; child = child->next)
            json_array_append_new(out, plist_json(child));
        return out;
    case PLIST_STRING:
        return json_text(value->text, value->size);
    case PLIST_DATA:
        return json_hex(value->data, value->size);
    case PLIST_INTEGER:
        return json_integer(value->number);
    case PLIST_BOOLEAN:
        return json_boolean(value->number);
    }
    return NULL;
}

json_t *entitlements_json(const struct macho *macho, struct error *err)
{
    struct signature_blob part;
    struct blob content;
    struct plist *root;
    json_t *out = json_object();
    int result = 0;
    if (macho_entitlements(macho, &content) && !(result = plist_parse(&content, &root, err))) {
        json_object_set_new(out, "xml", plist_json(root));
        plist_free(root);
    }
    if (!result && macho_signature_slot(macho, SIGNATURE_SLOT_DER_ENTITLEMENTS, &part) &&
        !(result =
              blob_slice(&part.whole, 8, part.whole.size - 8, &content, "entitlements", err)) &&
        !(result = entitlements_decode(&content, &root, err))) {
        json_object_set_new(out, "der", plist_json(root));
        plist_free(root);
    }
    if (!result && !json_object_size(out))
        result = blob_error(&macho->file, 0, err, "no entitlements in its signature");
    if (!result)
        return out;
    json_decref(out);
    return NULL;
}
