/* SPDX-License-Identifier: MIT */
/* Finding kernels in Preboot (image-format sheet A9):
 * /UUID/boot/active holds a hash, /UUID/boot/HASH/System/Library/Caches/com.apple.kernelcaches/
 * the kernelcache of it, and kernelcache.custom.* beside it. The volume is told by its role. A
 * disk may have several groups; one counts only if the container has the system volume that is of
 * it, unless no volume is of any. */

#include "preboot.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "apfs_volumes.h"
#include "container.h"
#include "isolated.h"

#define UUID_LENGTH 36
#define HASH_LENGTH 96
#define KERNELS     "/System/Library/Caches/com.apple.kernelcaches/"
#define KERNEL      "kernelcache"

struct search {
    const struct source *in;
    const struct apfs_volume *volumes;
    unsigned volume_count;
    const char *preboot; /* the name of the volume */
    struct preboot_kernel *out;
    unsigned *count;
};

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdefABCDEF") >= length;
}

/* Whether NAME ("Preboot/UUID/boot/HASH/System/...") is a kernel's; *GROUP and *HASH within it. */
static bool parse_name(const char *name, const char *preboot, const char **group, const char **hash)
{
    const size_t length = strlen(preboot);
    static const char folder[] = "/boot/";
    if (strncmp(name, preboot, length) || name[length] != '/')
        return false;
    *group = name + length + 1;
    if (strlen(*group) < UUID_LENGTH || strncmp(*group + UUID_LENGTH, folder, strlen(folder)))
        return false;
    *hash = *group + UUID_LENGTH + strlen(folder);
    return strlen(*hash) > HASH_LENGTH && is_hex(*hash, HASH_LENGTH) &&
           !strncmp(*hash + HASH_LENGTH, KERNELS KERNEL, strlen(KERNELS KERNEL));
}

/* Whether a system volume of the container is of the GROUP. */
static bool has_system(const struct search *search, const char *group)
{
    bool any = false;
    for (unsigned i = 0; i < search->volume_count; i++) {
        const uint8_t *u = search->volumes[i].group;
        static const uint8_t none[16];
        char text[UUID_LENGTH + 1];
        if (search->volumes[i].role != APFS_ROLE_SYSTEM || !memcmp(u, none, 16))
            continue;
        any = true;
        snprintf(text, sizeof(text),
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
                 u[15]);
        if (!strncasecmp(text, group, UUID_LENGTH))
            return true;
    }
    return !any;
}

/* Whether HASH is what the file "active" of the group says. */
static bool is_active(const struct search *search, const char *group, const char *hash)
{
    char member[512], text[HASH_LENGTH + 1] = "";
    struct source file;
    snprintf(member, sizeof(member), "%s/%.*s/boot/active", search->preboot, UUID_LENGTH, group);
    if (container_apfs.extract(search->in, member, &file, NULL))
        return false;
    source_peek(&file, 0, text, HASH_LENGTH);
    source_close(&file);
    return !strncasecmp(text, hash, HASH_LENGTH);
}

static int visit(void *context, const struct container_entry *entry)
{
    struct search *search = context;
    const char *group, *hash;
    if (entry->folder || !parse_name(entry->name, search->preboot, &group, &hash) ||
        strlen(entry->name) >= sizeof(search->out->path))
        return 0;
    struct preboot_kernel *kernel = &search->out[(*search->count)++];
    *kernel = (struct preboot_kernel){.size = entry->size};
    snprintf(kernel->path, sizeof(kernel->path), "%s", entry->name);
    memcpy(kernel->group, group, UUID_LENGTH);
    kernel->custom = strcmp(strrchr(entry->name, '/') + 1, KERNEL);
    kernel->active = has_system(search, group) && is_active(search, group, hash);
    return *search->count == PREBOOT_MAX_KERNELS;
}

/* 0 where there are kernels. */
static int use_container(void *context, const struct source *in,
                         const struct container_class *class, struct error *err)
{
    struct search *search = context;
    char folder[sizeof(search->volumes->name) + 1];
    struct apfs_volume *volumes = calloc(APFS_MAX_VOLUMES, sizeof(*volumes));
    unsigned count = 0;
    int result = volumes ? 0 : error_set(err, ERROR_OS, "%s: no memory", in->name);
    if (!result && class != &container_apfs)
        result = source_error(in, 0, err, "no APFS container, so there is no Preboot volume");
    if (!result)
        result = apfs_volumes(in, volumes, &count, err);
    *search = (struct search){.in = in,
                              .volumes = volumes,
                              .volume_count = count,
                              .out = search->out,
                              .count = search->count};
    for (unsigned i = 0; !result && i < count; i++)
        if (volumes[i].role == APFS_ROLE_PREBOOT && *search->count < PREBOOT_MAX_KERNELS) {
            search->preboot = volumes[i].name;
            snprintf(folder, sizeof(folder), "%s/", volumes[i].name);
            result = class->list(in, folder, visit, search, err);
        }
    free(volumes);
    if (result || *search->count)
        return result;
    return source_error(in, 0, err, "no Preboot volume with a kernel in it");
}

int preboot_list(const struct source *disk, struct preboot_kernel *out, unsigned *count,
                 struct error *err)
{
    struct search search = {.out = out, .count = count};
    *count = 0;
    return container_each_file_system(disk, use_container, &search, err);
}

const struct preboot_kernel *preboot_choose(const struct preboot_kernel *kernels, unsigned count,
                                            const char *group, const char *disk, struct error *err)
{
    for (unsigned i = 0; i < count; i++)
        if (kernels[i].active && !kernels[i].custom &&
            (!group || !strcasecmp(kernels[i].group, group)))
            return &kernels[i];
    error_set(err, ERROR_DATA,
              group
                  ? "%s: no active kernel of the volume group %s; list what there is with 'pomona "
                    "preboot kernelcache'"
                  : "%s: none of its kernels is active; list them with 'pomona preboot "
                    "kernelcache' and take one by its path",
              disk, group);
    return NULL;
}

struct wanted {
    const char *path;
    struct source *out;
};

static int use_path(void *context, const struct source *in, const struct container_class *class,
                    struct error *err)
{
    const struct wanted *wanted = context;
    return class->extract(in, wanted->path, wanted->out, err);
}

int preboot_extract(const struct source *disk, const struct preboot_kernel *kernel,
                    struct source *out, struct error *err)
{
    struct wanted wanted = {.path = kernel->path, .out = out};
    return container_each_file_system(disk, use_path, &wanted, err);
}

/* ---- for a guest's own disk ---- */

bool preboot_is_disk(const char *path, const struct im4p_keys *keys)
{
    const struct source_context reading = {.keys = keys};
    struct source file;
    if (!strcmp(path, "-") || container_open_with(path, &reading, &file, NULL))
        return false;
    const bool disk = partition_recognise(&file, 0) || container_of(&file) == &container_apfs;
    source_close(&file);
    return disk;
}

struct request {
    const char *path;
    const struct im4p_keys *keys;
    struct source *spool;
};

struct answer {
    int result;
    struct error err;
    uint64_t size;
    char path[sizeof(((struct preboot_kernel *)0)->path)];
};

static int copy_kernel(const struct source *disk, struct answer *answer,
                       struct preboot_kernel *kernels, struct source *spool)
{
    struct source file;
    struct blob whole;
    unsigned count;
    if (preboot_list(disk, kernels, &count, &answer->err))
        return -1;
    const struct preboot_kernel *kernel =
        preboot_choose(kernels, count, NULL, disk->name, &answer->err);
    if (!kernel || preboot_extract(disk, kernel, &file, &answer->err))
        return -1;
    snprintf(answer->path, sizeof(answer->path), "%s", kernel->path);
    answer->size = file.size;
    int result = source_map(&file, &whole, &answer->err);
    if (!result)
        result = source_append(spool, whole.data, whole.size, &answer->err);
    source_close(&file);
    return result;
}

static bool find_kernel(void *context, void *out)
{
    const struct request *request = context;
    const struct source_context reading = {.keys = request->keys};
    struct answer *answer = out;
    struct source disk;
    struct preboot_kernel *kernels = calloc(PREBOOT_MAX_KERNELS, sizeof(*kernels));
    answer->result = !kernels || container_open_with(request->path, &reading, &disk, &answer->err)
                         ? -1
                         : copy_kernel(&disk, answer, kernels, request->spool);
    return true;
}

/* What the other process wrote into SPOOL, which is anything. */
static int take_kernel(struct answer *answer, const char *path, struct source *spool,
                       struct blob *out, char **name, struct error *err)
{
    answer->path[sizeof(answer->path) - 1] = answer->err.text[sizeof(answer->err.text) - 1] = 0;
    if (answer->result)
        return error_set(err, ERROR_DATA, "%s", answer->err.text);
    struct stat st;
    if (fstat(spool->fd, &st) || (uint64_t)st.st_size != answer->size)
        return error_set(err, ERROR_DATA, "%s: its file system cannot be read", path);
    spool->size = answer->size;
    if (asprintf(name, "%s:%s", path, answer->path) < 0)
        return error_set(err, ERROR_OS, "%s: no memory", path);
    const int result = source_map(spool, out, err);
    out->name = *name;
    if (result)
        free(*name);
    return result;
}

int preboot_open(const char *path, const struct im4p_keys *keys, struct blob *out, char **name,
                 struct error *err)
{
    const struct source disk = {.fd = -1, .name = (char *)path};
    struct source spool;
    struct answer answer;
    if (source_spool(&disk, "(kernel)", 0, &spool, err))
        return -1;
    struct request request = {path, keys, &spool};
    const int result = isolated_call(find_kernel, &request, &answer, sizeof(answer))
                           ? take_kernel(&answer, path, &spool, out, name, err)
                           : error_set(err, ERROR_DATA,
                                       "%s: reading its file system failed: name the kernel", path);
    source_close(&spool);
    return result;
}
