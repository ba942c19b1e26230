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

const struct container_class *container_of(const struct source *in)
{
    const struct container_class *class = NULL;
    for (size_t i = 0; !class && i < sizeof(classes) / sizeof(classes[0]); i++)
        if (classes[i]->recognise(in))
            class = classes[i];
    /* A disk image whose first run is stored begins as the file system in it does. */
    const bool volume = class == &container_hfs || class == &container_apfs;
    return volume && udif_recognise(in) ? NULL : class;
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

static int refuse_encrypted_archive(const struct blob *head, struct error *err)
{
    if (head->size < 4 || memcmp(head->data, "AEA1", 4))
        return 0;
    return blob_error(head, 0, err,
                      "an Apple Encrypted Archive: its key is had from Apple's server only; "
                      "decrypt it elsewhere (aea decrypt) and give the result");
}

/* Undoes the outermost wrapper of IN. 1: there is none. */
static int unwrap_once(const struct source *in, struct source *out, struct error *err)
{
    uint8_t magic[4];
    const struct blob head = {
        .data = magic, .size = source_peek(in, 0, magic, sizeof(magic)), .name = in->name};
    if (refuse_encrypted_archive(&head, err))
        return -1;
    if (udif_recognise(in))
        return udif_unwrap(in, out, err);
    if (pbzx_recognise(in))
        return pbzx_unwrap(in, out, err);
    if (partition_recognise(in, 0))
        return partition_unwrap(in, 0, out, err);
    return packed_recognise(in) ? packed_unwrap(in, out, err) : 1;
}

/* Undoes them all, but of partitions only where PARTITIONS says so. */
static int unwrap(const struct source *in, bool partitions, struct source *out, struct error *err)
{
    struct source current;
    if (source_range(in, 0, in->size, "", &current, err))
        return -1;
    free(current.name);
    current.name = strdup(in->name);
    for (unsigned depth = 0; depth < MAX_WRAPPERS && !container_of(&current); depth++) {
        struct source next;
        if (!partitions && !udif_recognise(&current) && partition_recognise(&current, 0))
            break;
        const int result = unwrap_once(&current, &next, err);
        if (result > 0)
            break;
        source_close(&current);
        if (result)
            return -1;
        current = next;
    }
    *out = current;
    return 0;
}

int container_unwrap(const struct source *in, struct source *out, struct error *err)
{
    return unwrap(in, true, out, err);
}

/* USE for each partition of DISK; *ERR is the first one's. */
static int each_partition(const struct source *disk, container_use *use, void *context,
                          struct error *err)
{
    int result = -1;
    for (unsigned i = 0; result && partition_recognise(disk, i); i++) {
        struct source partition;
        struct error problem = {0};
        result = partition_unwrap(disk, i, &partition, &problem);
        if (!result) {
            result = use(context, &partition, container_of(&partition), &problem);
            source_close(&partition);
        }
        if (result && !i && err)
            *err = problem;
    }
    return result;
}

int container_each_file_system(const struct source *in, container_use *use, void *context,
                               struct error *err)
{
    struct source plain;
    int result;
    if (unwrap(in, false, &plain, err))
        return -1;
    const struct container_class *class = container_of(&plain);
    if (class)
        result = use(context, &plain, class, err);
    else if (partition_recognise(&plain, 0))
        result = each_partition(&plain, use, context, err);
    else
        result = source_error(
            &plain, 0, err,
            "neither an archive nor a file system: there is nothing to look for a name in; "
            "give an archive, a disk image or a volume");
    source_close(&plain);
    return result;
}

struct wanted_member {
    const char *name;
    struct source *out;
};

static int use_member(void *context, const struct source *in, const struct container_class *class,
                      struct error *err)
{
    const struct wanted_member *wanted = context;
    return class->extract(in, wanted->name, wanted->out, err);
}

/* The member MEMBER of what IN is or wraps. */
static int open_member(const struct source *in, const char *member, struct source *out,
                       struct error *err)
{
    struct wanted_member wanted = {.name = member, .out = out};
    return container_each_file_system(in, use_member, &wanted, err);
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

static int open_parts(char *parts, size_t first, const struct source_context *context,
                      struct source *out, struct error *err)
{
    char *rest = parts[first] ? parts + first + 1 : NULL;
    parts[first] = 0;
    int result = source_open_with(out, parts, context, err);
    while (!result && rest && *rest) {
        struct source outer = *out;
        char *member = strsep(&rest, ":");
        result = open_member(&outer, member, out, err);
        source_close(&outer);
    }
    return result;
}

int container_open_with(const char *path, const struct source_context *context, struct source *out,
                        struct error *err)
{
    char *parts = strdup(path);
    if (!parts)
        return error_set(err, ERROR_OS, "%s: no memory", path);
    const int result = open_parts(parts, host_part(path), context, out, err);
    free(parts);
    return result;
}

int image_open_with(struct blob *out, const char *path, const struct source_context *context,
                    struct error *err)
{
    struct source source;
    if (container_open_with(path, context, &source, err))
        return -1;
    const int result = source_map(&source, out, err);
    source_close(&source);
    out->name = strcmp(path, "-") ? path : "standard input";
    return result;
}

int image_unpack(const struct blob *in, const struct im4p_keys *keys, struct blob *out,
                 struct error *err)
{
    if (refuse_encrypted_archive(in, err))
        return -1;
    return im4p_recognise(in) ? im4p_payload(in, keys, out, err) : decompress_any(in, out, err);
}

int image_open_plain_with(struct blob *out, const char *path, const struct source_context *context,
                          struct error *err)
{
    struct blob file;
    if (image_open_with(&file, path, context, err))
        return -1;
    const int result = image_unpack(&file, source_keys(context), out, err);
    if (result)
        blob_free(&file);
    else
        blob_replace(&file, out);
    return result;
}
