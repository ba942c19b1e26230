/* SPDX-License-Identifier: MIT */
/* `pomona macho sign`: a copy of a program with an ad-hoc signature. */

#include <string.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/macho_input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/code_signature.h"

struct values {
    bool adhoc, linker, json;
    const char *entitlements, *identifier, *output;
    uint64_t page_size;
    struct key_options keys;
};

static const struct option options[] = {
    OPTION("adhoc", 0, OPTION_FLAG, adhoc, NULL, "without an identity; there is no other way here"),
    OPTION("entitlements", 0, OPTION_FILE, entitlements, "FILE",
           "an XML property list of entitlements to give the program"),
    OPTION("identifier", 0, OPTION_STRING, identifier, "ID",
           "default: that of the old signature, or the file's name"),
    OPTION("linker-signed", 0, OPTION_FLAG, linker, NULL,
           "as linkers sign: a code directory and nothing else"),
    OPTION("page-size", 0, OPTION_SIZE, page_size, "SIZE", "what is hashed at a time: 4K or 16K"),
    OPTION("output", 'o', OPTION_FILE, output, "FILE",
           "the signed program, which may be the same file; default: standard output"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, WRITTEN_AS_JSON),
    KEY_OPTIONS,
    {0},
};

/* The identifier that was asked for, that of the old signature, or the last part of the path. */
static const char *identifier_of(const struct values *values, const struct macho *macho,
                                 const char *path)
{
    struct macho_code_directory old;
    if (values->identifier)
        return values->identifier;
    if (macho_code_directory(macho, &old) && *old.identifier)
        return old.identifier;
    for (const char *p; (p = strpbrk(path, "/:")) && p[1];)
        path = p + 1;
    return path;
}

/* What could be executed can be so after signing. */
static void keep_executable(const char *from, const char *to)
{
    struct stat before, after;
    if (!stat(from, &before) && !stat(to, &after) && S_ISREG(after.st_mode) &&
        before.st_mode & S_IXUSR)
        chmod(to, (after.st_mode | (after.st_mode & 0444) >> 2) & 07777);
}

static int sign(const struct values *values, const char *path, struct error *err)
{
    struct macho_input input;
    struct blob entitlements = {0}, signed_file;
    struct macho_sign_options how = {.page_shift = values->page_size == 0x4000 ? 14 : 12,
                                     .linker = values->linker};
    if (macho_input_open(&input, path, NULL, &values->keys, err))
        return -1;
    int result =
        values->entitlements ? input_open(&entitlements, values->entitlements, NULL, err) : 0;
    if (!result) {
        how.identifier = identifier_of(values, &input.macho, path);
        how.entitlements = values->entitlements ? &entitlements : NULL;
        result = macho_sign(&input.macho, &how, &signed_file, err);
        blob_free(&entitlements);
    }
    macho_input_close(&input);
    if (result)
        return -1;
    result = write_made(values->output, values->json, &signed_file, err);
    if (!result && values->output)
        keep_executable(path, values->output);
    blob_free(&signed_file);
    return result;
}

static int run_sign(const struct verb *self, int argc, char **argv)
{
    struct values values = {.page_size = 0x1000};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (!values.adhoc)
        error_set(&err, ERROR_USAGE, "only --adhoc: this program knows no signing identities");
    else if (values.page_size != 0x1000 && values.page_size != 0x4000)
        error_set(&err, ERROR_USAGE, "--page-size: 4K or 16K");
    else if (values.linker && values.entitlements)
        error_set(&err, ERROR_USAGE, "--linker-signed signatures hold no entitlements");
    else if (values.identifier && (!*values.identifier || strlen(values.identifier) > 255))
        error_set(&err, ERROR_USAGE, "--identifier: 1 to 255 characters");
    if (err.code || sign(&values, operands.items[0], &err))
        return report(&err);
    return finish_output();
}

const struct verb verb_macho_sign = {
    .name = "macho sign",
    .synopsis = "--adhoc [OPTIONS] FILE",
    .summary = "signs a Mach-O program ad hoc, with entitlements if wanted",
    .description =
        "The signature is what codesign makes with the identity \"-\": a code directory of version "
        "0x20400 with SHA-256 hashes, an empty set of requirements, the entitlements in XML and "
        "DER, and an empty CMS blob; an Info.plist that is linked in is hashed too. An old "
        "signature is replaced; without one there must be room for a load command.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_sign,
};
