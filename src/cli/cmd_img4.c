/* SPDX-License-Identifier: MIT */
/* `pomona img4 info|extract|create`, and `pomona img4` with the options of img4tool, which does the
 * same work. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/img4_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/compress.h"
#include "image/container.h"
#include "image/img4.h"

struct values {
    bool json, verify, raw, raw_boot, all, extract, im4p_only;
    const char *output, *im4p, *im4m, *im4r, *extra, *input, *type, *rename, *description,
        *compression, *nonce, *ticket, *create;
    uint64_t entry_point, lowest_address;
    struct key_options keys;
};

static const char *const compressions[] = {"none", "lzss", "lzfse", NULL};
static const char *const img4tool_compressions[] = {"none", "complzss", "bvx2",
                                                    "lzss", "lzfse",    NULL};

static const struct option info_options[] = {
    KEY_OPTIONS,
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    OPTION("verify", 0, OPTION_FLAG, verify, NULL,
           "exit status 65 unless the manifest's digest is the payload's"),
    {0},
};

static const struct option extract_options[] = {
    OPTION("output", 'o', OPTION_FILE, output, "FILE",
           "the payload, decompressed; the default is standard output when nothing else is asked "
           "for"),
    OPTION("raw", 0, OPTION_FLAG, raw, NULL, "the payload as it is stored, still compressed"),
    OPTION("extra", 0, OPTION_FILE, extra, "FILE",
           "what lies behind the LZSS stream (kernels up to A9 have a monitor there)"),
    OPTION("im4p", 'p', OPTION_FILE, im4p, "FILE", "the IM4P"),
    OPTION("im4m", 'm', OPTION_FILE, im4m, "FILE", "the manifest; of a saved ticket (shsh2) too"),
    OPTION("im4r", 'r', OPTION_FILE, im4r, "FILE",
           "the restore info; of a saved ticket one with its generator"),
    KEY_OPTIONS,
    OPTION("json", 0, OPTION_FLAG, json, NULL, "says as JSON what was written where"),
    {0},
};

static const struct option create_options[] = {
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "what is made; default: standard output"),
    OPTION("input", 'i', OPTION_FILE, input, "FILE", "the payload, not compressed"),
    OPTION("im4p", 'p', OPTION_FILE, im4p, "FILE",
           "begins with this IM4P or IMG4: what no option changes stays byte for byte"),
    OPTION("type", 't', OPTION_STRING, type, "FOURCC", "krnl, dtre, trst, rdsk, ..."),
    OPTION("rename", 0, OPTION_STRING, rename, "FOURCC", "the same as --type"),
    OPTION("description", 'd', OPTION_STRING, description, "TEXT", "the description"),
    {"compress", 'c', OPTION_CHOICE, offsetof(struct values, compression), "KIND", compressions,
     "how the payload is compressed (default: none)"},
    OPTION("extra", 0, OPTION_FILE, extra, "FILE", "goes behind the LZSS stream"),
    OPTION("im4m", 'm', OPTION_FILE, im4m, "FILE", "the manifest, also of a saved ticket (shsh2)"),
    OPTION("im4r", 'r', OPTION_FILE, im4r, "FILE", "the restore info"),
    OPTION("nonce", 0, OPTION_STRING, nonce, "GENERATOR", "restore info with this generator"),
    OPTION("raw-boot-object", 0, OPTION_FLAG, raw_boot, NULL,
           "a flat program, as `kmutil configure-boot --raw` makes it; `pomona run` boots it"),
    OPTION("entry-point", 0, OPTION_NUMBER, entry_point, "ADDR",
           "its entry point, a virtual address (m1n1: 2048)"),
    OPTION("lowest-virtual-address", 0, OPTION_NUMBER, lowest_address, "ADDR",
           "the address of its first byte (m1n1: 0)"),
    KEY_OPTIONS,
    OPTION("json", 0, OPTION_FLAG, json, NULL, WRITTEN_AS_JSON),
    {0},
};

static const struct option img4tool_options[] = {
    OPTION("print-all", 'a', OPTION_FLAG, all, NULL, "prints everything"),
    OPTION("im4p-only", 'i', OPTION_FLAG, im4p_only, NULL, "prints the IM4P alone"),
    OPTION("extract", 'e', OPTION_FLAG, extract, NULL,
           "extracts: -o the payload, -p the IM4P, -m the manifest"),
    OPTION("outfile", 'o', OPTION_FILE, output, "FILE", "the file to write"),
    OPTION("im4p", 'p', OPTION_FILE, im4p, "FILE", "the IM4P, to write or with -c to read"),
    OPTION("im4m", 'm', OPTION_FILE, im4m, "FILE", "the manifest, to write or with -c to read"),
    OPTION("shsh", 's', OPTION_FILE, ticket, "FILE", "a saved ticket (shsh2), instead of FILE"),
    OPTION("create", 'c', OPTION_FILE, create, "FILE",
           "makes an IMG4 of -p and -m, or with -t an IM4P of FILE"),
    OPTION("rename-payload", 'n', OPTION_STRING, rename, "FOURCC",
           "writes FILE to -o, of this type"),
    OPTION("rename", 0, OPTION_STRING, rename, "FOURCC", "the same as --rename-payload"),
    OPTION("type", 't', OPTION_STRING, type, "FOURCC", "the type of what -c makes"),
    OPTION("desc", 'd', OPTION_STRING, description, "TEXT", "the description of what -c makes"),
    {"compression", 0, OPTION_CHOICE, offsetof(struct values, compression), "KIND",
     img4tool_compressions, "how -c compresses"},
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    KEY_OPTIONS,
    {0},
};

/* ---- extract ---- */

/* The payload as stored, decrypted when a key was given; to be freed. Of RAW a single key's result
 * is taken, whatever it is. */
static int stored_payload(const struct values *values, bool raw, const struct im4p *im4p,
                          struct blob *out, struct error *err)
{
    struct im4p_keys keys;
    *out = im4p->payload;
    if (key_options_read(&values->keys, &keys, err))
        return -1;
    if (raw && keys.count <= 1)
        return keys.count ? img4_decrypt(&im4p->payload, keys.items, out, err) : 0;
    return keys.count || im4p->keybag.size ? im4p_decrypt(im4p, &keys, out, err) : 0;
}

static int write_payload(const struct values *values, const struct im4p *im4p, struct error *err)
{
    struct blob stored, plain = {0};
    if (stored_payload(values, values->raw, im4p, &stored, err))
        return -1;
    int result = values->raw ? 0 : decompress_any(&stored, &plain, err);
    if (!result)
        result = write_blob(values->output, values->raw ? &stored : &plain, err);
    blob_free(&plain);
    blob_free(&stored);
    return result;
}

static int write_part(const char *path, const struct blob *part, const struct blob *file,
                      const char *what, struct error *err)
{
    if (!path)
        return 0;
    if (!part->size)
        return blob_error(file, 0, err, "there is no %s in it", what);
    return write_blob(path, part, err);
}

/* The restore info, made from a ticket's generator where it has none of its own. */
static int write_restore_info(const struct values *values, const struct img4_input *in,
                              struct error *err)
{
    struct blob made;
    if (in->img4.im4r.size || !in->generator)
        return write_part(values->im4r, &in->img4.im4r, &in->file, "restore info", err);
    if (im4r_build(in->generator, &made, err))
        return -1;
    const int result = write_blob(values->im4r, &made, err);
    blob_free(&made);
    return result;
}

static int extract(const struct values *values, const char *path, struct error *err)
{
    struct img4_input in;
    struct im4p im4p;
    if (img4_input_open(path, &values->keys, &in, err))
        return -1;
    const bool other = values->im4p || values->im4m || values->im4r || values->extra;
    int result = write_part(values->im4p, &in.img4.im4p, &in.file, "IM4P", err);
    if (!result)
        result = write_part(values->im4m, &in.img4.im4m, &in.file, "manifest", err);
    if (!result && values->im4r)
        result = write_restore_info(values, &in, err);
    if (!result && (values->output || values->extra || !other)) {
        result = in.img4.im4p.size ? im4p_parse(&in.img4.im4p, &im4p, err)
                                   : blob_error(&in.file, 0, err, "there is no payload in it");
        if (!result && values->extra) {
            const struct blob extra = lzss_extra(&im4p.payload);
            result = write_part(values->extra, &extra, &in.file, "data behind an LZSS stream", err);
        }
        if (!result && (values->output || !other))
            result = write_payload(values, &im4p, err);
    }
    img4_input_close(&in);
    return result;
}

/* The parts that are wanted and their files as JSON; NULL and *ERR where one would go to standard
 * output, as the JSON does. */
static json_t *parts_json(const struct values *values, struct error *err)
{
    const struct {
        const char *name, *path;
    } parts[] = {{"payload", values->output},
                 {"extra", values->extra},
                 {"im4p", values->im4p},
                 {"im4m", values->im4m},
                 {"im4r", values->im4r}};
    json_t *out = json_object();
    bool any = false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *path = parts[i].path;
        any |= path != NULL;
        if (path && !check_written(path, err))
            json_object_set_new(out, parts[i].name, json_text(path, strlen(path)));
        else if (path)
            goto refused;
    }
    if (any || !check_written(NULL, err))
        return out;
refused:
    json_decref(out);
    return NULL;
}

/* ---- create ---- */

static bool compression_is(const struct values *values, const char *name, const char *magic)
{
    return values->compression &&
           (!strcmp(values->compression, name) || !strcmp(values->compression, magic));
}

/* OUT: what was compressed, and the extra data behind it. */
static int append_extra(const char *path, struct blob *out, struct error *err)
{
    struct blob extra;
    if (input_open(&extra, path, NULL, err))
        return -1;
    uint8_t *both = malloc(out->size + extra.size + 1);
    if (both) {
        memcpy(both, out->data, out->size);
        memcpy(both + out->size, extra.data, extra.size);
        const size_t size = out->size + extra.size;
        blob_free(out);
        blob_adopt(out, both, size, extra.name);
    }
    blob_free(&extra);
    return both ? 0 : error_set(err, ERROR_OS, "%s: no memory", path);
}

/* The payload that is to be stored; to be freed. *RAW_SIZE for the compression element. */
static int pack_payload(const struct values *values, struct blob *file, struct blob *out,
                        uint64_t *raw_size, struct error *err)
{
    int result = 0;
    *raw_size = 0;
    if (compression_is(values, "lzss", "complzss")) {
        result = lzss_encode(file, out, err);
        if (!result && values->extra)
            result = append_extra(values->extra, out, err);
        return result;
    }
    if (values->extra)
        return error_set(err, ERROR_USAGE, "--extra goes behind an LZSS stream: --compress lzss");
    if (compression_is(values, "lzfse", "bvx2")) {
        *raw_size = file->size;
        return lzfse_encode(file, out, err);
    }
    *out = *file;
    *file = (struct blob){.name = file->name};
    return 0;
}

static const char *wanted_type(const struct values *values)
{
    return values->type ? values->type : values->rename;
}

/* A new IM4P of what --input is. */
static int make_im4p(const struct values *values, struct blob *out, struct error *err)
{
    struct blob file, payload = {0};
    uint64_t raw_size;
    const char *type = wanted_type(values) ? wanted_type(values) : values->raw_boot ? "krnl" : NULL;
    const char *description = values->description ? values->description : "";
    if (!type || strlen(type) != 4)
        return error_set(err, ERROR_USAGE, "--type: a type of four characters is needed, as krnl");
    if (input_open(&file, values->input, &values->keys, err))
        return -1;
    int result;
    if (values->raw_boot) {
        const struct im4p_raw_boot raw = {.entry_point = values->entry_point,
                                          .lowest_address = values->lowest_address};
        result = im4p_build_raw_boot(type, description, &file, &raw, out, err);
    } else {
        result = pack_payload(values, &file, &payload, &raw_size, err);
        if (!result)
            result = im4p_build(type, description, &payload, raw_size, out, err);
        blob_free(&payload);
    }
    blob_free(&file);
    return result;
}

/* Decrypted, the keybag goes, since it would say that the payload still is encrypted. */
static int decrypt_base(const struct values *values, const struct blob *base,
                        struct im4p_change *change, struct blob *payload, struct error *err)
{
    struct im4p im4p;
    if (im4p_parse(base, &im4p, err) || stored_payload(values, false, &im4p, payload, err))
        return -1;
    change->payload = payload;
    change->raw_size = im4p.compression_element.size ? im4p.raw_size : 0;
    change->remove_keybag = true;
    return 0;
}

/* The IM4P of --im4p with what the options change. */
static int change_im4p(const struct values *values, const struct blob *base, struct blob *out,
                       struct error *err)
{
    struct blob file = {0}, payload = {0};
    struct im4p_change change = {.type = wanted_type(values), .version = values->description};
    int result = 0;
    if (values->input) {
        result = input_open(&file, values->input, &values->keys, err) ||
                         pack_payload(values, &file, &payload, &change.raw_size, err)
                     ? -1
                     : 0;
        change.payload = &payload;
        change.remove_keybag = true;
    } else if (values->keys.key || values->keys.iv) {
        result = decrypt_base(values, base, &change, &payload, err);
    }
    if (!result)
        result = im4p_change(base, &change, out, err);
    blob_free(&payload);
    blob_free(&file);
    return result;
}

/* Everything that an IMG4 is made of, and what of it is to be freed. */
struct parts {
    struct img4_input base, im4m, im4r;
    struct blob made_im4p, made_im4r;
    struct img4 img4;
};

static int gather_manifest(const struct values *values, struct parts *parts, struct error *err)
{
    if (values->im4m) {
        if (img4_input_open(values->im4m, &values->keys, &parts->im4m, err))
            return -1;
        if (!parts->im4m.img4.im4m.size)
            return blob_error(&parts->im4m.file, 0, err, "there is no manifest in it");
        parts->img4.im4m = parts->im4m.img4.im4m;
    }
    if (values->nonce) {
        if (im4r_build(strtoull(values->nonce, NULL, 0), &parts->made_im4r, err))
            return -1;
        parts->img4.im4r = parts->made_im4r;
    }
    if (values->im4r) {
        if (img4_input_open(values->im4r, &values->keys, &parts->im4r, err))
            return -1;
        if (!parts->im4r.img4.im4r.size)
            return blob_error(&parts->im4r.file, 0, err, "there is no restore info in it");
        parts->img4.im4r = parts->im4r.img4.im4r;
    }
    return 0;
}

static int gather(const struct values *values, struct parts *parts, struct error *err)
{
    if (!values->im4p) {
        if (make_im4p(values, &parts->made_im4p, err))
            return -1;
        parts->img4.im4p = parts->made_im4p;
        return gather_manifest(values, parts, err);
    }
    if (img4_input_open(values->im4p, &values->keys, &parts->base, err))
        return -1;
    parts->img4 = parts->base.img4;
    if (!parts->img4.im4p.size)
        return blob_error(&parts->base.file, 0, err, "there is no IM4P in it");
    return gather_manifest(values, parts, err);
}

/* The IMG4 or IM4P that the parts make. An IMG4 that stays one is changed in place, so that its
 * unknown elements stay too. */
static int assemble(const struct values *values, struct parts *parts, struct blob *out,
                    struct error *err)
{
    const bool same_parts = !values->im4m && !values->im4r && !values->nonce;
    if (values->im4p && same_parts)
        return change_im4p(values, &parts->base.file, out, err);
    if (values->im4p) {
        if (change_im4p(values, &parts->img4.im4p, &parts->made_im4p, err))
            return -1;
        parts->img4.im4p = parts->made_im4p;
    }
    if (parts->img4.im4m.size || parts->img4.im4r.size)
        return img4_build(&parts->img4, out, err);
    *out = parts->made_im4p;
    parts->made_im4p = (struct blob){0};
    return 0;
}

static int create(const struct values *values, const char *output, struct error *err)
{
    struct parts parts = {0};
    struct blob out;
    int result = gather(values, &parts, err);
    if (!result)
        result = assemble(values, &parts, &out, err);
    if (!result) {
        result = write_made(output, values->json, &out, err);
        blob_free(&out);
    }
    blob_free(&parts.made_im4p);
    blob_free(&parts.made_im4r);
    img4_input_close(&parts.base);
    img4_input_close(&parts.im4m);
    img4_input_close(&parts.im4r);
    return result;
}

/* ---- verbs ---- */

static int run_info(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    const struct img4_print print = {.json = values.json, .verify = values.verify};
    return img4_print_info(&print, operands.items[0], &values.keys, &err) ? report(&err)
                                                                          : finish_output();
}

static int run_extract(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    json_t *json = values.json ? parts_json(&values, &err) : NULL;
    if ((values.json && !json) || extract(&values, operands.items[0], &err)) {
        json_decref(json);
        return report(&err);
    }
    return json ? print_json(json) : 0;
}

static int run_create(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (operands.count || (!values.input && !values.im4p))
        return usage(self);
    return create(&values, values.output, &err) ? report(&err) : 0;
}

/* img4tool's options, done by what the other verbs do. */
static int run_img4tool(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    const struct img4_print print = {.json = values.json, .im4p_only = values.im4p_only};
    const char *file = values.ticket ? values.ticket : operands.count ? operands.items[0] : NULL;
    int result;
    if (!file && !(values.create && values.im4p))
        return usage(self);
    if (values.create) {
        values.input = file;
        result = create(&values, values.create, &err);
    } else if (values.rename) {
        values.im4p = file;
        result = create(&values, values.output, &err);
    } else {
        result =
            values.all || !values.extract ? img4_print_info(&print, file, &values.keys, &err) : 0;
        if (!result && values.extract)
            result = extract(&values, file, &err);
    }
    return result ? report(&err) : finish_output();
}

const struct verb verb_img4_info = {
    .name = "img4 info",
    .synopsis = "[--json] [--verify] FILE",
    .summary = "prints what an IMG4, IM4P, IM4M, IM4R or saved ticket (shsh2) holds",
    .options = info_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_info,
};
const struct verb verb_img4_extract = {
    .name = "img4 extract",
    .synopsis = "[OPTIONS] FILE",
    .summary = "takes payload, manifest or restore info out of an IMG4 or IM4P",
    .options = extract_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_extract,
};
const struct verb verb_img4_create = {
    .name = "img4 create",
    .synopsis = "-i FILE -t FOURCC [OPTIONS] | -p IM4P [OPTIONS]",
    .summary = "makes an IM4P or IMG4, or changes one",
    .options = create_options,
    .run = run_create,
};
const struct verb verb_img4 = {
    .name = "img4",
    .synopsis = "[OPTIONS] [FILE]",
    .summary = "the same with the options of img4tool",
    .options = img4tool_options,
    .max_operands = 1,
    .run = run_img4tool,
};
