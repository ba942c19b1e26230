/* SPDX-License-Identifier: MIT */
/* Finding one's way through nested files: what each is, what wraps it, which part is meant. */

#include "container.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compress.h"
#include "im4p.h"

#define MAX_WRAPPERS 8 /* a DMG in LZFSE in an IM4P in an IMG4 has four */

static const struct container_class *const classes[] = {
    &container_zip, &container_xar, &container_cpio, &container_hfs, &container_apfs,
};

static const struct {
    bool (*recognise)(const struct source *in);
    int (*unwrap)(const struct source *in, struct source *out, struct error *err);
} wrappers[] = {
    {udif_recognise, udif_unwrap},
    {pbzx_recognise, pbzx_unwrap},
    {partition_recognise, partition_unwrap},
    {packed_recognise, packed_unwrap},
};

const struct container_class *container_of(const struct source *in)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (classes[i]->recognise(in))
            return classes[i];
    return NULL;
}

int container_no_member(const struct source *in, const char *member, struct error *err)
{
    return error_set(err, ERROR_DATA, "%s: there is no '%s' in it; list it to see what there is",
                     in->name, member);
}

const char *container_plain_name(const char *name)
{
    while (*name == '/' || (name[0] == '.' && name[1] == '/'))
        name++;
    return name;
}

static int refuse_encrypted_archive(const struct source *in, struct error *err)
{
    uint8_t magic[4];
    if (source_peek(in, 0, magic, 4) != 4 || memcmp(magic, "AEA1", 4))
        return 0;
    return source_error(in, 0, err,
                        "an Apple Encrypted Archive: its key is had from Apple's server only; "
                        "decrypt it elsewhere (aea decrypt) and give the result");
}

int container_unwrap(const struct source *in, struct source *out, struct error *err)
{
    struct source current;
    if (source_range(in, 0, in->size, "", &current, err))
        return -1;
    free(current.name);
    current.name = strdup(in->name);
    for (unsigned depth = 0; depth < MAX_WRAPPERS && !container_of(&current); depth++) {
        struct source next;
        size_t i = 0, count = sizeof(wrappers) / sizeof(wrappers[0]);
        int result = refuse_encrypted_archive(&current, err);
        while (!result && i < count && !wrappers[i].recognise(&current))
            i++;
        if (!result && i == count)
            break;
        result = result || wrappers[i].unwrap(&current, &next, err) ? -1 : 0;
        source_close(&current);
        if (result)
            return -1;
        current = next;
    }
    *out = current;
    return 0;
}

/* The member MEMBER of what IN is or wraps. */
static int open_member(const struct source *in, const char *member, struct source *out,
                       struct error *err)
{
    struct source plain;
    if (container_unwrap(in, &plain, err))
        return -1;
    const struct container_class *class = container_of(&plain);
    const int result = class ? class->extract(&plain, member, out, err)
                             : source_error(&plain, 0, err,
                                            "neither an archive nor a file system, so there is no "
                                            "'%s' in it",
                                            member);
    source_close(&plain);
    return result;
}

/* The length of the host file's name at the start of PATH. */
static size_t host_part(const char *path)
{
    if (!access(path, F_OK))
        return strlen(path);
    for (const char *colon = strchr(path, ':'); colon; colon = strchr(colon + 1, ':')) {
        char *part = strndup(path, (size_t)(colon - path));
        const bool exists = part && colon != path && (!strcmp(part, "-") || !access(part, F_OK));
        free(part);
        if (exists)
            return (size_t)(colon - path);
    }
    return strlen(path);
}

static int open_parts(char *parts, size_t first, struct source *out, struct error *err)
{
    char *rest = parts[first] ? parts + first + 1 : NULL;
    parts[first] = 0;
    int result = source_open(out, parts, err);
    while (!result && rest && *rest) {
        struct source outer = *out;
        char *member = strsep(&rest, ":");
        result = open_member(&outer, member, out, err);
        source_close(&outer);
    }
    return result;
}

int container_open(const char *path, struct source *out, struct error *err)
{
    char *parts = strdup(path);
    if (!parts)
        return error_set(err, ERROR_OS, "%s: no memory", path);
    const int result = open_parts(parts, host_part(path), out, err);
    free(parts);
    return result;
}

int image_open(struct blob *out, const char *path, struct error *err)
{
    struct source source;
    if (container_open(path, &source, err))
        return -1;
    const int result = source_map(&source, out, err);
    source_close(&source);
    out->name = strcmp(path, "-") ? path : "standard input";
    return result;
}

int image_unpack(const struct blob *in, struct blob *out, struct error *err)
{
    return im4p_recognise(in) ? im4p_payload(in, out, err) : decompress_any(in, out, err);
}

int image_open_plain(struct blob *out, const char *path, struct error *err)
{
    struct blob file;
    if (image_open(&file, path, err))
        return -1;
    const int result = image_unpack(&file, out, err);
    if (!result && out->data == file.data)
        *out = file;
    else
        blob_free(&file);
    return result;
}
