/* SPDX-License-Identifier: MIT */
/* The readers of src/image against files that other programs made (tests/unit/image/fixtures.py;
 * the folder is the only argument): what is read must be what the maker put in; cut off at any
 * length a file must be refused with its name and an offset; with any one byte changed it may give
 * anything but must stay in its bounds, which AddressSanitizer watches on a copy of exactly the
 * file's size. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/adt.h"
#include "image/compress.h"
#include "image/der.h"
#include "image/im4p.h"
#include "image/img4.h"
#include "image/macho.h"
#include "image/nvram.h"
#include "image/plist.h"
#include "image/trust_cache.h"

static const char *folder;

static struct blob open_fixture(const char *name)
{
    static char path[4096];
    struct blob blob;
    struct error err = {0};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (blob_open(&blob, path, &err))
        fail_msg("%s", err.text);
    return blob;
}

/* ---- cut and damaged files ---- */

/* Reads all of IN, and lets go of it again. */
typedef int read_fn(const struct blob *in, struct error *err);

static int read_part(const struct blob *whole, size_t size, size_t at, uint8_t flip, read_fn *read,
                     struct error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, whole->data, size);
    if (flip)
        copy[at] ^= flip;
    const struct blob part = {.data = copy, .size = size, .name = "part.of.file"};
    *err = (struct error){0};
    const int result = read(&part, err);
    free(copy);
    if (result && err->code != ERROR_OS &&
        (err->code != ERROR_DATA || !strstr(err->text, "part.of.file: offset 0x")))
        fail_msg("%zu bytes, byte %zu changed by 0x%02x: refused with '%s'", size, at, flip,
                 err->text);
    return result;
}

/* NEEDED: the first length at which the file may be read without complaint. */
static void abuse_until(const char *name, read_fn *read, size_t needed)
{
    struct blob whole = open_fixture(name);
    struct error err;
    if (read_part(&whole, whole.size, 0, 0, read, &err))
        fail_msg("%s: %s", name, err.text);
    for (size_t size = 0; size < whole.size; size++)
        if (!read_part(&whole, size, 0, 0, read, &err) && size < needed)
            fail_msg("%s: cut to %zu bytes, it is not refused", name, size);
    static const uint8_t flips[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
    for (size_t at = 0; at < whole.size; at++)
        for (size_t i = 0; i < sizeof(flips); i++)
            read_part(&whole, whole.size, at, flips[i], read, &err);
    blob_free(&whole);
}

static void abuse(const char *name, read_fn *read)
{
    abuse_until(name, read, SIZE_MAX);
}

/* ---- DER, IM4P, IMG4 ---- */

/* Every element that can be reached. */
static int read_der(const struct blob *in, struct error *err)
{
    struct der element;
    uint64_t at = 0, number;
    do {
        if (der_next(in, &at, &element, err))
            return -1;
        der_unsigned(&element, &number);
        der_is_text(&element, "IM4P");
        if (element.tag & 0x20 && element.content.size && read_der(&element.content, err))
            return -1;
    } while (at < in->size);
    return 0;
}

static int read_im4p(const struct blob *in, struct error *err)
{
    static const struct im4p_keys keys = {.items = {{.size = 32}}, .count = 1};
    struct im4p im4p;
    struct blob payload;
    if (im4p_parse(in, &im4p, err))
        return -1;
    const int result = im4p_payload(in, &keys, &payload, err);
    if (!result)
        blob_free(&payload);
    return im4p.keybag.size ? 0 : result;
}

static void check_payload(const struct im4p *im4p)
{
    assert_int_equal(im4p->payload.size, 300);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(im4p->payload.data[i], "pomona"[i % 6]);
}

static void parse_fixture(const char *name, struct blob *file, struct im4p *im4p)
{
    struct error err = {0};
    *file = open_fixture(name);
    assert_true(im4p_recognise(file));
    if (im4p_parse(file, im4p, &err))
        fail_msg("%s", err.text);
    check_payload(im4p);
}

static void test_im4p_of_openssl(void **state)
{
    struct blob file;
    struct im4p im4p;
    parse_fixture("plain.im4p", &file, &im4p);
    assert_string_equal(im4p.type, "dtre");
    assert_memory_equal(im4p.version.data, "made by openssl", im4p.version.size);
    assert_true(!im4p.keybag.size && !im4p.properties.size && im4p.algorithm == ~0ull);
    blob_free(&file);

    parse_fixture("full.im4p", &file, &im4p);
    assert_string_equal(im4p.type, "krnl");
    assert_int_equal(im4p.algorithm, 1);
    assert_int_equal(im4p.raw_size, 0x81234567);
    assert_int_equal(im4p.keybag.data[0], DER_SEQUENCE);
    assert_int_equal(im4p.properties.data[0], DER_SEQUENCE);
    blob_free(&file);

    parse_fixture("signed.img4", &file, &im4p);
    assert_string_equal(im4p.type, "trst");
    blob_free(&file);
}

static void test_private_tags(void **state)
{
    struct blob file = open_fixture("signed.img4");
    struct der element;
    struct error err;
    /* IMG4 { magic, IM4P, [0] { IM4M { magic, version, SET { MANB ... } } } } */
    static const unsigned path[] = {0, 2, 0, 2, 0};
    struct blob in = file;
    for (size_t level = 0; level < sizeof(path) / sizeof(path[0]); level++) {
        uint64_t at = 0;
        for (unsigned i = 0; i <= path[level]; i++)
            assert_int_equal(der_next(&in, &at, &element, &err), 0);
        in = element.content;
    }
    assert_int_equal(element.tag, DER_PRIVATE);
    assert_int_equal(element.number, 0x4d414e42); /* MANB */
    blob_free(&file);
}

static void test_der_abused(void **state)
{
    abuse("plain.im4p", read_der);
    abuse("full.im4p", read_der);
    abuse("signed.img4", read_der);
}

static void test_im4p_abused(void **state)
{
    abuse("plain.im4p", read_im4p);
    abuse("full.im4p", read_im4p);
    abuse("signed.img4", read_im4p);
}

/* Element number SEED of those that lie LEAST levels deep or deeper. */
static bool choose(const struct blob *in, int least, unsigned *seed, struct der *out)
{
    struct der element;
    for (uint64_t at = 0; at < in->size;) {
        if (der_next(in, &at, &element, NULL))
            return false;
        if (least <= 0 && (*seed)-- == 0) {
            *out = element;
            return true;
        }
        if (element.tag & 0x20 && choose(&element.content, least - 1, seed, out))
            return true;
    }
    return false;
}

/* IN with an element that nobody knows behind one of those that it has. */
static bool add_unknown(const struct blob *in, unsigned random, struct blob *out)
{
    static const uint8_t tags[] = {0x0c, 0x04, 0x87, 0xa5, 0x30, 0x13, 0x02, 0x05};
    struct der chosen;
    unsigned seed = random % 40;
    /* What lies beside the three parts of an IMG4 cannot come back from them. */
    const int least = der_sequence_is(in, "IMG4") ? 3 : 1;
    if (!choose(in, least, &seed, &chosen))
        return false;
    const unsigned length = random >> 8 & 0x7f;
    uint8_t *both = calloc(1, chosen.whole.size + 2 + length);
    memcpy(both, chosen.whole.data, chosen.whole.size);
    both[chosen.whole.size] = tags[random >> 16 & 7];
    both[chosen.whole.size + 1] = (uint8_t)length;
    /* The content of what claims to be constructed must itself be elements. */
    for (unsigned i = 0; i + 1 < length; i += 2)
        both[chosen.whole.size + 2 + i] = 0x05;
    if (length % 2)
        both[chosen.whole.size + 1]--;
    const struct blob fresh = {
        .data = both, .size = chosen.whole.size + 2 + (length & ~1u), .name = ""};
    const int result = der_replace(in, chosen.whole.data, chosen.whole.size, &fresh, out, NULL);
    free(both);
    return !result;
}

static void check_equal(const struct blob *a, const struct blob *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

/* Apart and together; description and payload changed and changed back. */
static void repack(const struct blob *in)
{
    struct img4 parts;
    struct im4p before;
    struct blob again, changed, back;
    struct error err = {0};
    if (img4_open(in, &parts, &err))
        fail_msg("%s", err.text);
    if (der_sequence_is(in, "IMG4")) {
        assert_int_equal(img4_build(&parts, &again, &err), 0);
        check_equal(&again, in);
        blob_free(&again);
    }
    if (im4p_parse(in, &before, &err))
        return; /* what was put in made it no IM4P any more */
    char version[256] = "", description[200];
    memset(description, 'd', sizeof(description) - 1);
    description[sizeof(description) - 1] = 0;
    memcpy(version, before.version.data, before.version.size);
    const struct blob other = {.data = (const uint8_t *)description, .size = 150, .name = ""};
    const struct im4p_change there = {.type = "test", .version = description, .payload = &other};
    const struct im4p_change here = {
        .type = before.type, .version = version, .payload = &before.payload};
    assert_int_equal(im4p_change(in, &there, &changed, &err), 0);
    assert_int_equal(im4p_change(&changed, &here, &back, &err), 0);
    if (!before.compression_element.size) /* it goes with the payload that it describes */
        check_equal(&back, in);
    blob_free(&changed);
    blob_free(&back);
}

static void test_unknown_elements_stay(void **state)
{
    static const char *const names[] = {"plain.im4p", "full.im4p", "signed.img4"};
    unsigned random = 1, done = 0;
    for (unsigned tries = 0; done < 1000 && tries < 20000; tries++) {
        struct blob file = open_fixture(names[tries % 3]), mutated = {0};
        for (int i = 0; i < 3; i++) {
            struct blob next;
            random = random * 1103515245 + 12345;
            if (!add_unknown(mutated.size ? &mutated : &file, random >> 3, &next))
                continue;
            blob_free(&mutated);
            mutated = next;
        }
        if (mutated.size) {
            repack(&mutated);
            done++;
        }
        blob_free(&mutated);
        blob_free(&file);
    }
    assert_int_equal(done, 1000);
}

/* ---- compression ---- */

static int read_lzss(const struct blob *in, struct error *err)
{
    struct blob out;
    if (!lzss_recognise(in))
        return blob_error(in, 0, err, "not recognised");
    if (lzss_decode(in, &out, err))
        return -1;
    blob_free(&out);
    return 0;
}

static int read_gzip(const struct blob *in, struct error *err)
{
    struct blob out;
    if (!gzip_recognise(in))
        return blob_error(in, 0, err, "not recognised");
    if (gzip_decode(in, &out, err))
        return -1;
    blob_free(&out);
    return 0;
}

static void check_plain(const char *name)
{
    struct blob packed = open_fixture(name), plain = open_fixture("text"), out;
    struct error err = {0};
    if (decompress_any(&packed, &out, &err))
        fail_msg("%s", err.text);
    assert_int_equal(out.size, plain.size);
    assert_memory_equal(out.data, plain.data, plain.size);
    blob_free(&out);
    blob_free(&packed);
    blob_free(&plain);
}

typedef int code_fn(const struct blob *in, struct blob *out, struct error *err);

static void round_trip(const struct blob *in, code_fn *encode, code_fn *decode)
{
    struct blob packed, plain;
    struct error err = {0};
    assert_int_equal(encode(in, &packed, &err), 0);
    if (decode(&packed, &plain, &err))
        fail_msg("%zu bytes: %s", in->size, err.text);
    check_equal(&plain, in);
    blob_free(&packed);
    blob_free(&plain);
}

/* Runs, repetitions near and far, noise, and every small size. */
static void test_encoders(void **state)
{
    const size_t size = 1 << 20;
    uint8_t *data = malloc(size);
    unsigned random = 7;
    for (size_t i = 0; i < size; i++) {
        random = random * 1103515245 + 12345;
        data[i] = i < 100000          ? (uint8_t)(random >> 16)
                  : i % 70000 < 20000 ? data[i - 90000]
                  : i % 5000 < 3000   ? (uint8_t)(i / 5000)
                                      : (uint8_t)(random >> 28);
    }
    for (size_t length = 0; length <= size; length = length < 70 ? length + 1 : length * 3 + 1) {
        const struct blob in = {.data = data, .size = length, .name = "data"};
        round_trip(&in, lzfse_encode, lzfse_decode);
        round_trip(&in, lzss_encode, lzss_decode);
    }
    free(data);
}

static void test_compression(void **state)
{
    check_plain("text.lzss");
    check_plain("text.gz");
    abuse("text.lzss", read_lzss);
    abuse("text.gz", read_gzip);
}

/* ---- Mach-O ---- */

struct text {
    char data[4096];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int size =
        vsnprintf(text->data + text->used, sizeof(text->data) - text->used, format, args);
    va_end(args);
    text->used += (size_t)size;
    assert_true(text->used < sizeof(text->data));
}

static void say_segment(struct text *text, const struct macho_command *command)
{
    struct macho_segment g;
    struct macho_section s;
    if (!macho_command_segment(command, &g))
        return;
    say(text, "seg %s %#llx %#llx %#llx %#llx %u\n", g.name, (long long)g.vmaddr,
        (long long)g.vmsize, (long long)g.fileoff, (long long)g.filesize, g.section_count);
    for (uint32_t i = 0; macho_command_section(command, i, &s); i++)
        say(text, "sect %s %s %#llx %#llx %#x\n", s.segment, s.name, (long long)s.addr,
            (long long)s.size, s.offset);
}

/* The lines that fixtures.py makes from llvm-objdump's words. 0x0 is what %#llx prints as 0. */
static void describe(const struct macho *macho, struct text *text)
{
    struct macho_command command;
    uint64_t pc;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        say_segment(text, &command);
        if (command.cmd == LC_UUID) {
            say(text, "uuid ");
            for (int i = 8; i < 24; i++)
                say(text, "%02x%s", command.data[i], i == 23 ? "\n" : "");
        }
        if (command.cmd == LC_SOURCE_VERSION) {
            struct xnu_version version;
            macho_xnu_version(macho, &version);
            say(text, "version %u.%u.%u\n", version.major, version.minor, version.patch);
        }
        if (command.cmd == LC_UNIXTHREAD && macho_entry(macho, &pc))
            say(text, "entry %#llx\n", (long long)pc);
    }
}

/* "0x0" and "0" are the same number. */
static void drop_zero_prefixes(char *text)
{
    for (char *at; (at = strstr(text, " 0x0 ")) || (at = strstr(text, " 0x0\n"));)
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
}

static void check_macho(const char *name)
{
    char text_name[64], expected[4096] = "";
    snprintf(text_name, sizeof(text_name), "%s.txt", name);
    struct blob file = open_fixture(name), wanted = open_fixture(text_name);
    struct macho macho;
    struct text text = {0};
    struct error err = {0};
    if (macho_open(&file, &macho, &err))
        fail_msg("%s", err.text);
    describe(&macho, &text);
    memcpy(expected, wanted.data, wanted.size);
    drop_zero_prefixes(expected);
    drop_zero_prefixes(text.data);
    assert_string_equal(text.data, expected);
    blob_free(&file);
    blob_free(&wanted);
}

static void test_macho_as_llvm_reads_it(void **state)
{
    static const char *const names[] = {"kernel.macho", "fileset.macho", "object.macho",
                                        "dylib.macho", "arm64e.macho"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_macho(names[i]);
}

static int read_macho(const struct blob *in, struct error *err)
{
    struct macho macho, inner;
    struct macho_member member;
    struct macho_command command;
    struct macho_section section;
    struct xnu_version version;
    struct text text = {0};
    uint64_t low, high;
    if (macho_open(in, &macho, err))
        return -1;
    macho_range(&macho, &low, &high);
    macho_xnu_version(&macho, &version);
    macho_find_section(&macho, "__TEXT", "__none", &section);
    if (macho.command_size < 1024) /* else a damaged count might print more than `text` holds */
        describe(&macho, &text);
    for (uint64_t cursor = 0; macho_next_command(&macho, &cursor, &command);)
        if (macho_command_member(&command, &member) &&
            macho_open_inner(&macho, member.fileoff, &inner, err))
            return -1;
    return 0;
}

static size_t commands_end(const char *name)
{
    struct blob file = open_fixture(name);
    const size_t end = 32 + get_le32(file.data + 20);
    blob_free(&file);
    return end;
}

static void test_macho_abused(void **state)
{
    abuse_until("kernel.macho", read_macho, commands_end("kernel.macho"));
    abuse_until("object.macho", read_macho, commands_end("object.macho"));
    abuse_until("fileset.macho", read_macho, 0x1000);
    abuse("fat.macho", read_macho);
}

static void test_fileset(void **state)
{
    struct blob file = open_fixture("fileset.macho");
    struct error err = {0};
    struct macho outer, inner;
    uint64_t vmaddr, fileoff, pc;
    struct xnu_version version;
    if (macho_open(&file, &outer, &err))
        fail_msg("%s", err.text);
    assert_int_equal(outer.filetype, MH_FILESET);
    assert_true(macho_find_entry(&outer, "com.apple.kernel", &vmaddr, &fileoff));
    assert_false(macho_find_entry(&outer, "com.apple.kerne", &vmaddr, &pc));
    assert_int_equal(vmaddr, 0xfffffe0007005000);
    assert_int_equal(macho_open_inner(&outer, fileoff, &inner, &err), 0);
    assert_int_equal(inner.filetype, MH_EXECUTE);
    assert_int_equal(inner.flags, 0x80000000);
    assert_true(macho_entry(&inner, &pc));
    assert_int_equal(pc, 0xfffffe0007006004);
    macho_xnu_version(&inner, &version);
    assert_int_equal(version.major, 10063);
    blob_free(&file);
}

/* ---- device trees ---- */

static int read_adt(const struct blob *in, struct error *err)
{
    struct adt_node *root;
    if (adt_parse(in, &root, err))
        return -1;
    adt_find(root, "/chosen/memory-map");
    adt_free(root);
    return 0;
}

static void test_adt(void **state)
{
    struct blob file = open_fixture("tree.adt"), again;
    struct adt_node *root;
    struct error err = {0};
    if (adt_parse(&file, &root, &err))
        fail_msg("%s", err.text);
    const struct adt_property *p = adt_get(root, "syscfg-value");
    assert_true(p && p->placeholder && p->size == 5 && !memcmp(p->value, "abcde", 5));
    p = adt_get(adt_find(root, "chosen/memory-map"), "RAMDisk");
    assert_true(p && p->size == 16 && get_le64(p->value) == 0x70000000);
    p = adt_get(adt_find(root, "/chosen"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(p && p->size == 12);
    p = adt_get(adt_find(root, "/chosen"), "empty");
    assert_true(p && !p->size);
    assert_non_null(adt_find(root, "/cpus/cpu1"));
    assert_null(adt_find(root, "/cpus/cpu2"));
    /* Written again it differs in the placeholder's bit alone. */
    p = adt_get(root, "syscfg-value");
    assert_int_equal(adt_write(root, &again, &err), 0);
    assert_int_equal(again.size, file.size);
    unsigned differences = 0;
    for (size_t i = 0; i < again.size; i++)
        differences += again.data[i] != file.data[i];
    assert_int_equal(differences, 1);
    adt_free(root);
    blob_free(&again);
    blob_free(&file);
}

static void test_adt_abused(void **state)
{
    abuse("tree.adt", read_adt);
    /* A file whose children take time in the square of their number is no device tree. */
    static uint8_t wide[8 + 8 * 4097];
    const struct blob in = {.data = wide, .size = sizeof(wide), .name = "wide"};
    struct error err = {0};
    put_le32(wide + 4, 4096);
    assert_int_equal(read_adt(&in, &err), 0);
    put_le32(wide + 4, 4097);
    assert_int_equal(read_adt(&in, &err), -1);
    assert_int_equal(err.code, ERROR_DATA);
}

/* ---- trust caches ---- */

static int read_trust_cache(const struct blob *in, struct error *err)
{
    struct trust_cache cache;
    trust_cache_recognise(in);
    if (trust_cache_parse(in, &cache, err))
        return -1;
    trust_cache_free(&cache);
    return 0;
}

static int read_region(const struct blob *in, struct error *err)
{
    struct blob modules[4];
    const int count = trust_region_parse(in, modules, 4, err);
    for (int i = 0; i < count && i < 4; i++)
        if (read_trust_cache(&modules[i], err))
            return -1;
    return count < 0 ? -1 : 0;
}

static void check_trust_cache(const char *name, uint32_t version)
{
    struct blob file = open_fixture(name), again;
    struct trust_cache cache;
    struct error err = {0};
    assert_true(trust_cache_recognise(&file));
    if (trust_cache_parse(&file, &cache, &err))
        fail_msg("%s", err.text);
    assert_int_equal(cache.version, version);
    assert_int_equal(cache.count, 6);
    assert_int_equal(cache.uuid[15], 15);
    assert_int_equal(cache.entries[5].hash_type, version ? TRUST_SHA256 : 0);
    assert_int_equal(cache.entries[5].category, version == 2 ? 7 : 0);
    /* Out and in again, each entry: the same file. */
    for (size_t i = 0; i < 6; i++) {
        const struct trust_entry entry = cache.entries[i];
        bool added;
        assert_true(trust_cache_remove(&cache, entry.cdhash));
        assert_false(trust_cache_remove(&cache, entry.cdhash));
        assert_int_equal(trust_cache_add(&cache, &entry, &added), 0);
        assert_true(added);
        assert_int_equal(trust_cache_add(&cache, &entry, &added), 0);
        assert_false(added);
    }
    assert_int_equal(trust_cache_write(&cache, &again, &err), 0);
    assert_int_equal(again.size, file.size);
    assert_memory_equal(again.data, file.data, file.size);
    trust_cache_free(&cache);
    blob_free(&again);
    blob_free(&file);
}

static void test_trust_caches(void **state)
{
    check_trust_cache("trust0.tc", 0);
    check_trust_cache("trust1.tc", 1);
    check_trust_cache("trust2.tc", 2);
    struct blob file = open_fixture("region.tc"), modules[2], again;
    struct error err = {0};
    assert_int_equal(trust_region_parse(&file, modules, 2, &err), 2);
    assert_int_equal(trust_region_write(modules, 2, &again, &err), 0);
    assert_int_equal(again.size, file.size);
    assert_memory_equal(again.data, file.data, file.size);
    blob_free(&again);
    blob_free(&file);
}

static void test_trust_caches_abused(void **state)
{
    abuse("trust0.tc", read_trust_cache);
    abuse("trust1.tc", read_trust_cache);
    abuse("trust2.tc", read_trust_cache);
    abuse("region.tc", read_region);
}

/* ---- NVRAM ---- */

static int read_nvram(const struct blob *in, struct error *err)
{
    struct nvram nvram;
    if (nvram_open(in, &nvram, err))
        return -1;
    nvram_free(&nvram);
    return 0;
}

static void check_variable(const struct nvram *nvram, enum nvram_scope scope, const char *name,
                           const void *value, size_t size)
{
    const struct nvram_variable *variable = nvram_get(nvram, scope, name);
    assert_non_null(variable);
    assert_int_equal(variable->size, size);
    assert_memory_equal(variable->value, value, size);
}

static void check_bank(const char *name, enum nvram_format format, enum nvram_scope blob_scope)
{
    struct blob file = open_fixture(name);
    struct nvram nvram;
    struct error err = {0};
    assert_true(nvram_recognise(&file));
    if (nvram_open(&file, &nvram, &err))
        fail_msg("%s", err.text);
    assert_int_equal(nvram.format, format);
    assert_int_equal(nvram.generation, 9);
    check_variable(&nvram, NVRAM_COMMON, "boot-args", "-v serial=3", 11);
    check_variable(&nvram, blob_scope, "blob", "\x01\xff\xff\xff\0\0\x02", 7);
    check_variable(&nvram, NVRAM_COMMON, "empty", "", 0);
    assert_null(nvram_get(&nvram, NVRAM_COMMON, "boot"));
    nvram_free(&nvram);
    blob_free(&file);
}

/* Many changes, until the bank has been packed over and over: each is in force afterwards. */
static void change_often(enum nvram_format format, size_t size)
{
    struct nvram nvram;
    struct error err = {0};
    uint8_t value[300];
    if (nvram_new(format, size, &nvram, &err))
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < 200; i++) {
        char name[16];
        const size_t length = i * 37 % sizeof(value);
        snprintf(name, sizeof(name), "v%u", i % 3);
        for (size_t j = 0; j < length; j++)
            value[j] = (uint8_t)(i % 4 ? j * i : i % 8 ? 0xff : 0);
        if (nvram_set(&nvram, NVRAM_COMMON, name, value, length, &err))
            fail_msg("%s", err.text);
        check_variable(&nvram, NVRAM_COMMON, name, value, length);
    }
    assert_int_equal(nvram_set(&nvram, NVRAM_COMMON, "v1", NULL, 0, &err), 0);
    assert_null(nvram_get(&nvram, NVRAM_COMMON, "v1"));
    assert_non_null(nvram_get(&nvram, NVRAM_COMMON, "v2"));
    /* What does not fit is refused, and nothing is lost by it. */
    uint8_t *large = calloc(1, size);
    memset(large, 'x', size);
    assert_int_equal(nvram_set(&nvram, NVRAM_COMMON, "v2", large, size, &err), -1);
    assert_int_equal(err.code, ERROR_DATA);
    assert_non_null(nvram_get(&nvram, NVRAM_COMMON, "v2"));
    free(large);
    nvram_free(&nvram);
}

static void set_text(struct nvram *nvram, const char *name, const char *text)
{
    struct error err = {0};
    if (nvram_set(nvram, NVRAM_COMMON, name, text, text ? strlen(text) : 0, &err))
        fail_msg("%s", err.text);
}

/* A new reader's view of the bank as it is now. */
static void check_reread(const struct nvram *nvram, const char *name, const char *text)
{
    const struct blob bank = {.data = nvram->bank, .size = nvram->size, .name = "bank"};
    struct nvram again;
    struct error err = {0};
    if (nvram_open(&bank, &again, &err))
        fail_msg("%s", err.text);
    if (text)
        check_variable(&again, NVRAM_COMMON, name, text, strlen(text));
    else
        assert_null(nvram_get(&again, NVRAM_COMMON, name));
    nvram_free(&again);
}

static void open_bank(const char *name, struct blob *file, struct nvram *nvram)
{
    struct error err = {0};
    *file = open_fixture(name);
    if (nvram_open(file, nvram, &err))
        fail_msg("%s", err.text);
}

/* Of several variables of one name the last is in force; a change or a deletion is of all. */
static void check_duplicates(const char *name, enum nvram_scope other_scope, const char *other)
{
    struct blob file;
    struct nvram nvram;
    open_bank(name, &file, &nvram);
    check_variable(&nvram, NVRAM_COMMON, "boot-args", "-v", 2);
    set_text(&nvram, "boot-args", "new");
    check_reread(&nvram, "boot-args", "new");
    set_text(&nvram, "boot-args", NULL);
    check_reread(&nvram, "boot-args", NULL);
    check_variable(&nvram, other_scope, "other", other, strlen(other));
    nvram_free(&nvram);
    open_bank(name, &file, &nvram);
    set_text(&nvram, "boot-args", NULL);
    check_reread(&nvram, "boot-args", NULL);
    nvram_free(&nvram);
    blob_free(&file);
}

static void test_nvram_duplicates(void **state)
{
    check_duplicates("chrp-twice.nvram", NVRAM_COMMON, "kept");
    check_duplicates("v3-twice.nvram", NVRAM_SYSTEM, "of the system");
}

/* What lies behind the free space does not come into force when the free space is filled. */
static void test_nvram_left_over(void **state)
{
    struct blob file;
    struct nvram nvram;
    open_bank("v3-left.nvram", &file, &nvram);
    assert_null(nvram_get(&nvram, NVRAM_COMMON, "boot-args"));
    set_text(&nvram, "boot-args", "-v x");
    check_reread(&nvram, "boot-args", "-v x");
    check_reread(&nvram, "a", "1");
    nvram_free(&nvram);
    blob_free(&file);
}

/* A packed store has its records as they were: a variable of another vendor stays one. */
static void test_nvram_packed(void **state)
{
    static const char large[730] = "";
    struct blob file;
    struct nvram nvram;
    struct error err = {0};
    open_bank("v3.nvram", &file, &nvram);
    for (const struct nvram_variable *v = nvram.variables; v; v = v->next)
        nvram.bank[v->offset + 4] = 3;
    assert_int_equal(nvram_set(&nvram, NVRAM_COMMON, "large", large, sizeof(large), &err), 0);
    assert_int_equal(nvram_set(&nvram, NVRAM_COMMON, "boot-args", "-s", 2, &err), 0);
    for (const struct nvram_variable *v = nvram.variables; v; v = v->next)
        assert_int_equal(nvram.bank[v->offset + 4], strcmp(v->name, "large") ? 3 : 7);
    assert_int_equal(nvram.generation, 10);
    nvram_free(&nvram);
    blob_free(&file);
}

static void test_nvram_refused(void **state)
{
    static const char *const names[] = {"chrp-cut-escape.nvram", "v3-name.nvram"};
    for (size_t i = 0; i < 2; i++) {
        struct blob file = open_fixture(names[i]);
        struct error err = {0};
        assert_int_equal(read_nvram(&file, &err), -1);
        assert_int_equal(err.code, ERROR_DATA);
        blob_free(&file);
    }
    struct nvram nvram;
    struct error err = {0};
    assert_int_equal(nvram_new(NVRAM_V3, 0x400, &nvram, &err), 0);
    assert_int_equal(nvram_set(&nvram, NVRAM_OTHER, "a", "b", 1, &err), -1);
    assert_int_equal(nvram_set(&nvram, NVRAM_COMMON, "a=", "b", 1, &err), -1);
    nvram_free(&nvram);
}

static void test_nvram(void **state)
{
    check_bank("chrp.nvram", NVRAM_CHRP, NVRAM_COMMON);
    check_bank("v3.nvram", NVRAM_V3, NVRAM_SYSTEM);
    change_often(NVRAM_CHRP, 0x2000);
    change_often(NVRAM_V3, 0x1000);
}

static void test_nvram_abused(void **state)
{
    abuse("chrp.nvram", read_nvram);
    abuse("v3.nvram", read_nvram);
}

/* ---- property lists ---- */

static int read_plist(const struct blob *in, struct error *err)
{
    struct plist *root;
    if (plist_parse(in, &root, err))
        return -1;
    plist_get(plist_get(root, "deep"), "er");
    plist_free(root);
    return 0;
}

/* Both forms say the same, in any order of the keys. */
static void same_list(const struct plist *a, const struct plist *b)
{
    assert_non_null(b);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->size, b->size);
    if (a->text)
        assert_string_equal(a->text, b->text);
    if (a->data)
        assert_memory_equal(a->data, b->data, a->size);
    const struct plist *other = b->children;
    for (const struct plist *child = a->children; child; child = child->next) {
        same_list(child, child->key ? plist_get(b, child->key) : other);
        other = other ? other->next : NULL;
    }
    assert_null(other);
}

static void test_plists(void **state)
{
    struct blob xml = open_fixture("list.xml"), binary = open_fixture("list.bplist");
    struct plist *a, *b = NULL;
    struct error err = {0};
    if (plist_parse(&xml, &a, &err) || plist_parse(&binary, &b, &err))
        fail_msg("%s", err.text);
    same_list(a, b);
    assert_string_equal(plist_text(b, "date"), "2026-11-21T10:28:03Z");
    assert_string_equal(plist_text(b, "wide"), "Gr\xc3\xb6\xc3\x9f"
                                               "e \xf0\x9f\x8d\x8e");
    plist_free(a);
    plist_free(b);
    blob_free(&xml);
    blob_free(&binary);
}

static void test_plists_abused(void **state)
{
    abuse("list.bplist", read_plist);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_im4p_of_openssl),
        cmocka_unit_test(test_private_tags),
        cmocka_unit_test(test_der_abused),
        cmocka_unit_test(test_im4p_abused),
        cmocka_unit_test(test_unknown_elements_stay),
        cmocka_unit_test(test_encoders),
        cmocka_unit_test(test_compression),
        cmocka_unit_test(test_macho_as_llvm_reads_it),
        cmocka_unit_test(test_macho_abused),
        cmocka_unit_test(test_fileset),
        cmocka_unit_test(test_adt),
        cmocka_unit_test(test_adt_abused),
        cmocka_unit_test(test_trust_caches),
        cmocka_unit_test(test_trust_caches_abused),
        cmocka_unit_test(test_nvram),
        cmocka_unit_test(test_nvram_duplicates),
        cmocka_unit_test(test_nvram_left_over),
        cmocka_unit_test(test_nvram_packed),
        cmocka_unit_test(test_nvram_refused),
        cmocka_unit_test(test_nvram_abused),
        cmocka_unit_test(test_plists),
        cmocka_unit_test(test_plists_abused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
