/* SPDX-License-Identifier: MIT */
/* libFuzzer targets for the parsers of foreign files, one program each (FUZZ names the target): the input is the file. Errors
 * are fine, and must be set; crashes, leaks and hangs are what is looked for. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/fdt.h"
#include "image/adt_text.h"
#include "image/apfs_volumes.h"
#include "image/compress.h"
#include "image/container.h"
#include "image/debug_info_tables.h"
#include "image/decmpfs.h"
#include "image/entitlements.h"
#include "image/img4.h"
#include "image/code_signature.h"
#include "image/macho.h"
#include "image/nvram.h"
#include "image/plist.h"
#include "image/requirement.h"
#include "image/trust_cache.h"
#include "machine/board.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct error err;

/* What every refusal must look like. */
static void refused(int result)
{
    if (result && (!err.code || !err.text[0]))
        abort();
}

__attribute__((unused)) static void fuzz_lzfse(const struct blob *in)
{
    struct blob out;
    const int result = lzfse_decode(in, &out, &err);
    refused(result);
    if (!result)
        blob_free(&out);
}

__attribute__((unused)) static void fuzz_lzss(const struct blob *in)
{
    struct blob out;
    if (!lzss_recognise(in))
        return;
    const int result = lzss_decode(in, &out, &err);
    refused(result);
    if (!result)
        blob_free(&out);
}

__attribute__((unused)) static void fuzz_im4p(const struct blob *in)
{
    static const struct im4p_keys keys = {.items = {{.size = 16}, {.size = 32}}, .count = 2};
    struct blob out;
    const int result = im4p_payload(in, &keys, &out, &err);
    refused(result);
    if (!result)
        blob_free(&out);
}

/* What is taken apart must give the same file again, where it is one of whole parts; changing nothing changes nothing. */
__attribute__((unused)) static void fuzz_img4(const struct blob *in)
{
    struct img4 img4;
    struct im4m im4m;
    struct im4p im4p;
    struct blob out, set;
    struct img4_property property;
    struct img4_keybag bag;
    struct img4_signature signature;
    struct im4p_raw_boot raw;
    const struct im4p_change none = {0}, some = {.version = "another one"};
    const int result = img4_open(in, &img4, &err);
    refused(result);
    if (result)
        return;
    if (img4.im4m.size && !im4m_parse(&img4.im4m, &im4m, &err)) {
        for (uint64_t at = 0; img4_next_property(&im4m.manb, &at, &property);)
            ;
        img4_check_signature(&im4m, &signature);
        img4_check_digest(&im4m, &img4.im4p);
    }
    if (!img4.im4p.size || im4p_parse(in, &im4p, &err))
        return;
    for (uint64_t at = 0; im4p_next_keybag(&im4p, &at, &bag);)
        ;
    im4p_is_raw_boot(&im4p, &raw);
    img4_payload_properties(&im4p, &set);
    if (im4p_change(in, &none, &out, &err) || out.size != in->size || memcmp(out.data, in->data, in->size))
        abort();
    blob_free(&out);
    if (!im4p_change(in, &some, &out, &err)) {
        if (im4p_parse(&out, &im4p, &err) || im4p.version.size != 11)
            abort();
        blob_free(&out);
    }
}

/* Whatever goes in comes out again. */
__attribute__((unused)) static void fuzz_encode(const struct blob *in)
{
    struct blob packed, plain;
    for (int i = 0; i < 2; i++) {
        if ((i ? lzss_encode : lzfse_encode)(in, &packed, &err) || (i ? lzss_decode : lzfse_decode)(&packed, &plain, &err) ||
            plain.size != in->size || memcmp(plain.data, in->data, in->size))
            abort();
        blob_free(&packed);
        blob_free(&plain);
    }
}

static int seen_fixup(void *context, const struct macho_fixup *fixup)
{
    *(size_t *)context += strlen(fixup->import ? fixup->import : "");
    return 0;
}

static int seen_export(void *context, const struct macho_export *export)
{
    *(size_t *)context += strlen(export->name) + (export->import ? strlen(export->import) : 0);
    return 0;
}

/* IN as what the process that reads DWARF hands over: libdwarf itself is contained, not fuzzed. */
static void read_tables(const struct blob *in)
{
    struct debug_info *info;
    struct debug_function function;
    struct debug_frame frames[4];
    uint8_t *data = malloc(in->size + 1);
    memcpy(data, in->data, in->size);
    const int result = debug_info_adopt(data, in->size, "input", &info, &err);
    refused(result);
    if (result)
        return;
    for (size_t i = 0; i < 100 && debug_info_function(info, i, &function); i++)
        for (size_t n = debug_info_frames(info, function.low, frames, 4); n--;)
            if (strlen(frames[n].file) + strlen(frames[n].function) > 2 * in->size)
                abort();
    debug_info_free(info);
}

static void walk(const struct macho *macho)
{
    struct macho_symbol symbol;
    struct macho_symbols symbols;
    struct macho_code_directory directory;
    struct blob entitlements;
    size_t length = 0;
    for (uint32_t index = 0; index < 1000 && macho_next_symbol(macho, &index, &symbol);)
        length += strlen(symbol.name);
    if (!macho_symbols_load(macho, &symbols, &err)) {
        macho_symbol_at(&symbols, 0x1000);
        macho_symbols_free(&symbols);
    }
    refused(macho_each_fixup(macho, seen_fixup, &length, &err));
    refused(macho_each_export(macho, seen_export, &length, &err));
    struct signature_blob part;
    char text[200];
    for (uint32_t i = 0; macho_signature_blob(macho, i, &part); i++)
        requirement_text(&part.whole, text, sizeof(text));
    macho_code_directory(macho, &directory);
    macho_entitlements(macho, &entitlements);
    struct macho_segment segment;
    struct macho_section section;
    struct macho_fixups fixups;
    struct xnu_version version;
    uint64_t low, high;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &segment);)
        if (macho_find_section(macho, segment.name, "__stubs", &section) && macho_indirect_symbol(macho, section.addr))
            length++;
    macho_fixups_load(macho, &fixups, NULL);
    macho_fixup_at(&fixups, length);
    macho_fixups_free(&fixups);
    macho_range(macho, &low, &high);
    macho_entry(macho, &low);
    macho_xnu_version(macho, &version);
}

/* What is signed can be read again, and every page has its hash. */
static void sign_again(const struct macho *macho)
{
    static const char xml[] = "<dict><key>get-task-allow</key><true/><key>n</key><array><integer>-300</integer></array></dict>";
    const struct blob list = {.data = (const uint8_t *)xml, .size = sizeof(xml) - 1, .name = "list"};
    const struct macho_sign_options options = {.identifier = "fuzz", .entitlements = &list, .page_shift = 12};
    struct macho_code_directory directory;
    struct macho again;
    struct blob out;
    const int result = macho_sign(macho, &options, &out, &err);
    refused(result);
    if (result)
        return;
    if (macho_open(&out, &again, &err) || !macho_code_directory(&again, &directory) || strcmp(directory.identifier, "fuzz"))
        abort();
    for (uint32_t i = 0; i < directory.code_slots; i++)
        if (!code_directory_page_matches(&directory, &out, i))
            abort();
    blob_free(&out);
}

/* DER entitlements that can be read are written so that they read the same. */
static void rewrite_entitlements(const struct macho *macho)
{
    struct signature_blob part;
    struct blob content, first, second;
    struct plist *root, *again;
    if (!macho_signature_slot(macho, SIGNATURE_SLOT_DER_ENTITLEMENTS, &part) ||
        blob_slice(&part.whole, 8, part.whole.size - 8, &content, "entitlements", &err) || entitlements_decode(&content, &root, &err))
        return;
    entitlements_exec_flags(root);
    if (!entitlements_encode(root, &content, &first, &err)) {
        if (entitlements_decode(&first, &again, &err) || entitlements_encode(again, &first, &second, &err) ||
            second.size != first.size || memcmp(second.data, first.data, first.size))
            abort();
        plist_free(again);
        blob_free(&first);
        blob_free(&second);
    }
    plist_free(root);
}

__attribute__((unused)) static void fuzz_macho(const struct blob *in)
{
    struct macho outer, inner;
    uint64_t vmaddr, offset;
    if (!macho_recognise(in)) {
        read_tables(in);
        return;
    }
    const int result = macho_open(in, &outer, &err);
    refused(result);
    if (result)
        return;
    walk(&outer);
    sign_again(&outer);
    rewrite_entitlements(&outer);
    if (macho_find_entry(&outer, "com.apple.kernel", &vmaddr, &offset) && !macho_open_inner(&outer, offset, &inner, &err))
        walk(&inner);
}

static void found(void *context, const char *path, const char *property, const char *text)
{
}

/* Every change that is printed can be read again as one. */
static void changed(void *context, const char *change)
{
    const struct blob empty = {.data = (const uint8_t *)"\0\0\0\0\0\0\0", .size = 8, .name = "empty"};
    struct adt_node *root;
    if (++*(size_t *)context > 100 || adt_parse(&empty, &root, NULL))
        return;
    adt_change(root, change, &err);
    adt_free(root);
}

/* What is read must be written again as a tree that reads the same. */
__attribute__((unused)) static void fuzz_adt(const struct blob *in)
{
    struct adt_node *root, *again;
    struct blob out, out2;
    const int result = adt_parse(in, &root, &err);
    refused(result);
    if (result)
        return;
    if (adt_write(root, &out, &err) || adt_parse(&out, &again, &err) || adt_write(again, &out2, &err) ||
        out.size != out2.size || memcmp(out.data, out2.data, out.size))
        abort();
    adt_find(root, "/chosen/memory-map");
    adt_check(root, found, NULL);
    size_t changes = 0;
    const struct adt_preset_values values = {0};
    adt_preset(again, "virt-macos11", &values, NULL);
    if (adt_diff(root, again, changed, &changes, &err))
        abort();
    adt_free(root);
    adt_free(again);
    blob_free(&out);
    blob_free(&out2);
}

/* What is read must be written as the same bytes. */
__attribute__((unused)) static void fuzz_tc(const struct blob *in)
{
    struct trust_cache cache;
    struct blob out, modules[4];
    refused(trust_region_parse(in, modules, 4, &err) < 0);
    const int result = trust_cache_parse(in, &cache, &err);
    refused(result);
    if (result)
        return;
    if (trust_cache_write(&cache, &out, &err) || out.size > in->size || memcmp(out.data, in->data, out.size))
        abort();
    trust_cache_free(&cache);
    blob_free(&out);
}

/* How many variables NVRAM has that are not the one called "fuzz". */
static size_t other_variables(const struct nvram *nvram)
{
    size_t count = 0;
    for (const struct nvram_variable *v = nvram->variables; v; v = v->next)
        count += v->scope != NVRAM_COMMON || strcmp(v->name, "fuzz");
    return count;
}

/* A bank that is accepted takes a change, or says why not, and the change is in force, and a deletion too; the other variables
 * stay. */
__attribute__((unused)) static void fuzz_nvram(const struct blob *in)
{
    struct nvram nvram;
    const int result = nvram_open(in, &nvram, &err);
    refused(result);
    if (result)
        return;
    const size_t size = in->size < 40 ? in->size : 40, others = other_variables(&nvram);
    const int set = nvram_set(&nvram, NVRAM_COMMON, "fuzz", in->data, size, &err);
    refused(set);
    const struct nvram_variable *variable = nvram_get(&nvram, NVRAM_COMMON, "fuzz");
    if (!set && (!variable || variable->size != size || memcmp(variable->value, in->data, size)))
        abort();
    if (variable && (nvram_set(&nvram, NVRAM_COMMON, "fuzz", NULL, 0, &err) || nvram_get(&nvram, NVRAM_COMMON, "fuzz")))
        abort();
    if (other_variables(&nvram) != others)
        abort();
    nvram_free(&nvram);
}

__attribute__((unused)) static void fuzz_plist(const struct blob *in)
{
    struct plist *root;
    const int result = plist_parse(in, &root, &err);
    refused(result);
    if (result)
        return;
    plist_get(plist_get(root, "resource-fork"), "blkx");
    plist_free(root);
}

static int seen(void *context, const struct container_entry *entry)
{
    snprintf(context, 512, "%s", entry->name);
    return 0;
}

/* The input as what a file system keeps of a compressed file: the attribute, and the same bytes as its resource fork. */
static void unpack_file(const struct blob *in, const struct source *fork)
{
    struct source out;
    uint64_t size;
    if (!decmpfs_size(in, &size) || source_spool(fork, "out", 0, &out, &err))
        return;
    refused(decmpfs_decode(in, fork, &out, &err));
    source_close(&out);
}

/* The checksums are not in the way of the fuzzer where they are the blocks' own: each block is sealed anew. */
static void list_volumes(const struct blob *in, const struct source *file)
{
    static struct apfs_volume volumes[APFS_MAX_VOLUMES];
    struct source sealed;
    uint8_t block[4096];
    unsigned count;
    if (in->size < 64 || memcmp(in->data + 32, "NXSB", 4) || source_spool(file, "sealed", 0, &sealed, &err))
        return;
    for (size_t at = 0; at < in->size; at += sizeof(block)) {
        const size_t size = in->size - at < sizeof(block) ? in->size - at : sizeof(block);
        memset(block, 0, sizeof(block));
        memcpy(block, in->data + at, size);
        apfs_seal(block, sizeof(block));
        source_append(&sealed, block, sizeof(block), &err);
    }
    refused(apfs_volumes(&sealed, volumes, &count, &err));
    source_close(&sealed);
}

/* IN as a file: a disk image, a payload, a partitioned disk, an HFS+ volume, a ZIP, xar or cpio archive; what is listed last is read.
 * APFS goes through a library that is not made for such (image/isolated.h): apart from list_volumes it is left out. */
__attribute__((unused)) static void fuzz_disk(const struct blob *in)
{
    char last[512] = "";
    struct source file = {.fd = memfd_create("fuzz", MFD_CLOEXEC), .name = strdup("input")}, plain, member;
    if (file.fd < 0 || source_append(&file, in->data, in->size, &err))
        abort();
    unpack_file(in, &file);
    list_volumes(in, &file);
    const int result = container_unwrap(&file, &plain, &err);
    refused(result);
    if (!result) {
        const struct container_class *class = container_of(&plain);
        if (class && class != &container_apfs) {
            refused(class->list(&plain, "", seen, last, &err));
            const int extracted = class->extract(&plain, last, &member, &err);
            refused(extracted);
            if (!extracted)
                source_close(&member);
        }
        source_close(&plain);
    }
    source_close(&file);
}

__attribute__((unused)) static void fuzz_dtb(const struct blob *in)
{
    const struct fdt_params params = {.board = &board_vmapple, .ram_size = 1 << 30, .cpus = 1, .command_line = "quiet"};
    void *dtb;
    size_t size;
    const int result = fdt_patch(&params, in->data, in->size, "input", &dtb, &size, &err);
    refused(result);
    if (!result)
        free(dtb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that reading past it is seen. */
    uint8_t *copy = malloc(size ? size : 1);
    const struct blob in = {.data = copy, .size = size, .name = "input"};
    memcpy(copy, data, size);
    err = (struct error){0};
    FUZZ(&in);
    free(copy);
    return 0;
}
