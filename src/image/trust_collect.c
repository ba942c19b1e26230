/* SPDX-License-Identifier: MIT */
/* Programs are found by their magic number, in fat files each arm64 slice is one. In folders and
 * images what is no program is passed over, and so is what is not signed, which is counted. */

#include "trust_collect.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "code_signature.h"
#include "container.h"

#define MAX_DEPTH  64
#define MAX_SLICES 32

static int add_slice(struct trust_collection *collection, const struct blob *slice,
                     struct error *err)
{
    struct macho macho;
    struct macho_code_directory directory;
    struct trust_entry entry = {0};
    bool added;
    if (macho_open(slice, &macho, err))
        return -1;
    collection->programs++;
    if (!macho_code_directory(&macho, &directory)) {
        collection->unsigned_programs++;
        return 0;
    }
    memcpy(entry.cdhash, directory.cdhash, sizeof(entry.cdhash));
    entry.hash_type = (uint8_t)directory.hash_type;
    return trust_cache_add(&collection->cache, &entry, &added)
               ? error_set(err, ERROR_OS, "out of memory")
               : 0;
}

/* All arm64 slices of FILE; other machines' are passed over. */
static int add_program(struct trust_collection *collection, const struct blob *file,
                       struct error *err)
{
    const uint32_t count = get_be32(file->data) == FAT_MAGIC ? get_be32(file->data + 4) : 0;
    if (!count)
        return add_slice(collection, file, err);
    for (uint32_t i = 0; i < count && i < MAX_SLICES; i++) {
        const uint8_t *p = blob_at(file, 8 + 20ull * i, 20);
        struct blob slice;
        if (!p || get_be32(p) != CPU_TYPE_ARM64)
            continue;
        if (blob_slice(file, get_be32(p + 8), get_be32(p + 12), &slice, "a slice", err) ||
            add_slice(collection, &slice, err))
            return -1;
    }
    return 0;
}

/* A file found in a folder or image: only what is a program and sound counts. */
static int add_found(struct trust_collection *collection, const struct source *file,
                     struct error *err)
{
    uint8_t magic[32];
    struct blob whole;
    const struct blob head = {.data = magic, .size = sizeof(magic), .name = file->name};
    struct error ignored = {0};
    if (source_peek(file, 0, magic, sizeof(magic)) != sizeof(magic) || !macho_recognise(&head))
        return 0;
    if (source_map(file, &whole, err))
        return -1;
    const int result = add_program(collection, &whole, &ignored);
    blob_free(&whole);
    if (result && ignored.code != ERROR_DATA) {
        *err = ignored;
        return -1;
    }
    return 0;
}

/* ---- folders ---- */

static int add_path(struct trust_collection *collection, const char *path, unsigned depth,
                    struct error *err);

static int add_folder(struct trust_collection *collection, const char *path, unsigned depth,
                      struct error *err)
{
    DIR *folder = depth < MAX_DEPTH ? opendir(path) : NULL;
    int result = 0;
    if (!folder)
        return error_set(err, ERROR_NOINPUT, "%s: the folder cannot be read", path);
    for (struct dirent *entry; !result && (entry = readdir(folder));) {
        char *inner;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (asprintf(&inner, "%s/%s", path, entry->d_name) < 0)
            result = error_set(err, ERROR_OS, "out of memory");
        else
            result = add_path(collection, inner, depth + 1, err);
        if (result >= 0)
            free(inner);
    }
    closedir(folder);
    return result;
}

static int add_path(struct trust_collection *collection, const char *path, unsigned depth,
                    struct error *err)
{
    struct stat st;
    struct source file;
    if (lstat(path, &st))
        return error_set(err, ERROR_NOINPUT, "%s: cannot be read", path);
    if (S_ISDIR(st.st_mode))
        return add_folder(collection, path, depth, err);
    if (!S_ISREG(st.st_mode))
        return 0;
    if (source_open(&file, path, err))
        return -1;
    source_tell(collection->context, path, 0, 0);
    const int result = add_found(collection, &file, err);
    source_close(&file);
    return result;
}

/* ---- images ---- */

struct visit {
    struct trust_collection *collection;
    const struct container_class *class;
    const struct source *image;
    struct error *err;
    int result;
};

static int visit_member(void *context, const struct container_entry *entry)
{
    struct visit *visit = context;
    struct source member;
    struct error ignored;
    if (entry->folder || entry->size < 32)
        return 0;
    /* Links and what the file system compressed cannot be had; no program is among them. */
    if (visit->class->extract(visit->image, entry->name, &member, &ignored))
        return 0;
    visit->result = add_found(visit->collection, &member, visit->err);
    source_close(&member);
    return visit->result;
}

static int add_image(struct trust_collection *collection, const struct source *image,
                     const struct container_class *class, struct error *err)
{
    struct visit visit = {.collection = collection, .class = class, .image = image, .err = err};
    if (class->list(image, "", visit_member, &visit, err))
        return -1;
    return visit.result;
}

int trust_collect(struct trust_collection *collection, const char *path, struct error *err)
{
    struct stat st;
    struct source file, plain;
    struct blob whole;
    if (!stat(path, &st) && S_ISDIR(st.st_mode))
        return add_folder(collection, path, 0, err);
    if (container_open_with(path, collection->context, &file, err))
        return -1;
    int result = container_unwrap(&file, &plain, err);
    source_close(&file);
    if (result)
        return -1;
    const struct container_class *class = container_of(&plain);
    if (class) {
        result = add_image(collection, &plain, class, err);
    } else if (!(result = source_map(&plain, &whole, err))) {
        result = macho_recognise(&whole)
                     ? add_program(collection, &whole, err)
                     : blob_error(&whole, 0, err, "no program, folder or disk image");
        blob_free(&whole);
    }
    source_close(&plain);
    return result;
}

void trust_collection_finish(struct trust_collection *collection)
{
    struct trust_cache *cache = &collection->cache;
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < cache->count; i++)
        good = EVP_DigestUpdate(ctx, cache->entries[i].cdhash, CDHASH_SIZE) == 1;
    if (good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1)
        memcpy(cache->uuid, digest, sizeof(cache->uuid));
    EVP_MD_CTX_free(ctx);
}
