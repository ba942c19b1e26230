/* SPDX-License-Identifier: MIT */
/* APFS, read-only, through libfsapfs. A path may begin with a volume's name ("Preboot/..."); one
 * that begins with a slash is looked for in each volume in turn. What the file system compressed
 * is undone by decmpfs.c, since the library knows less of it. Limits are the library's: encrypted
 * and sealed volumes and snapshots are not read. It is not made for hostile files, so `run` lets it
 * near a guest's disk in a process of its own only (boot/xnu_volume.c). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libbfio.h>
#include <libfsapfs.h>

#include "container.h"
#include "decmpfs.h"

#define COPY_SIZE   (256u << 10)
#define MAX_DEPTH   128
#define MODE_TYPE   0170000
#define MODE_DIR    0040000
#define MODE_LINK   0120000
#define MAX_VOLUMES 100

/* An opened volume. */
struct volume {
    const struct source *in;
    intptr_t *handle;
    char name[256]; /* "" where there can be one only */
};

/* The container and its volumes. */
struct image {
    struct source whole;
    libbfio_handle_t *range; /* of the file that the container is in */
    intptr_t *container;
    struct volume volumes[MAX_VOLUMES];
    int count;
};

static bool recognise(const struct source *in)
{
    uint8_t magic[4];
    return source_peek(in, 32, magic, 4) == 4 && !memcmp(magic, "NXSB", 4);
}

/* Says what the library had to say, if anything. */
static int library_error(const struct source *in, const char *what, intptr_t **problem,
                         struct error *err)
{
    char text[256] = "";
    if (*problem && libfsapfs_error_sprint(*problem, text, sizeof(text)) < 0)
        *text = 0;
    if (*problem)
        libfsapfs_error_free(problem);
    return source_error(in, 0, err, "%s: %s", what, *text ? text : "the file system is damaged");
}

static int add_apfs_volume(struct image *image, int index, intptr_t **problem)
{
    struct volume *volume = &image->volumes[image->count];
    *volume = (struct volume){.in = &image->whole};
    if (libfsapfs_container_get_volume_by_index(image->container, index, &volume->handle,
                                                problem) != 1)
        return -1;
    if (libfsapfs_volume_get_utf8_name(volume->handle, (uint8_t *)volume->name,
                                       sizeof(volume->name), problem) != 1)
        volume->name[0] = 0;
    image->count++;
    return 0;
}

/* The library reads from where the container begins in its file. */
static int open_range(struct image *image, intptr_t **problem)
{
    const struct source *in = &image->whole;
    char path[32];
    const int length = snprintf(path, sizeof(path), "/dev/fd/%d", in->fd);
    return libbfio_file_range_initialize(&image->range, problem) == 1 &&
                   libbfio_file_range_set_name(image->range, path, (size_t)length, problem) == 1 &&
                   libbfio_file_range_set(image->range, (off64_t)in->offset, in->size, problem) == 1
               ? 0
               : -1;
}

static int open_apfs(struct image *image, struct error *err)
{
    intptr_t *problem = NULL;
    int count = 0, result = -1;
    if (!open_range(image, &problem) &&
        libfsapfs_container_initialize(&image->container, &problem) == 1 &&
        libfsapfs_container_open_file_io_handle(image->container, image->range, LIBFSAPFS_OPEN_READ,
                                                &problem) == 1 &&
        libfsapfs_container_get_number_of_volumes(image->container, &count, &problem) == 1)
        result = 0;
    for (int i = 0; !result && i < count && i < MAX_VOLUMES; i++)
        result = add_apfs_volume(image, i, &problem);
    if (!result)
        return 0;
    return library_error(&image->whole, "the APFS container cannot be read", &problem, err);
}

static void close_image(struct image *image)
{
    for (int i = 0; i < image->count; i++)
        libfsapfs_volume_free(&image->volumes[i].handle, NULL);
    if (image->container)
        libfsapfs_container_free(&image->container, NULL);
    if (image->range)
        libbfio_handle_free(&image->range, NULL);
    source_close(&image->whole);
    free(image);
}

static struct image *open_image(const struct source *in, struct error *err)
{
    struct image *image = calloc(1, sizeof(*image));
    if (!image) {
        error_set(err, ERROR_OS, "%s: no memory", in->name);
        return NULL;
    }
    if (source_range(in, 0, in->size, "(volume)", &image->whole, err)) {
        free(image);
        return NULL;
    }
    const int result = open_apfs(image, err);
    if (!result)
        return image;
    close_image(image);
    return NULL;
}

/* ---- listing ---- */

struct walk {
    const struct volume *volume;
    container_visit *visit;
    void *context;
    char path[4096];
    const char *folder; /* only what lies under it */
};

static int walk_folder(struct walk *walk, intptr_t *entry, unsigned depth);

/* Whether ENTRY, at walk->path, or something beneath it is wanted. */
static bool wanted(const struct walk *walk, bool folder)
{
    const size_t have = strlen(walk->path), want = strlen(walk->folder);
    if (have >= want)
        return !strncmp(walk->path, walk->folder, want);
    return folder && !strncmp(walk->path, walk->folder, have);
}

/* ENTRY, whose name is appended to the path for as long. */
static int walk_entry(struct walk *walk, intptr_t *entry, unsigned depth)
{
    const size_t length = strlen(walk->path);
    size_t name_size = 0;
    uint16_t mode = 0;
    size64_t size = 0;
    int stop = 0;
    if (libfsapfs_file_entry_get_utf8_name_size(entry, &name_size, NULL) != 1 || !name_size ||
        length + name_size + 1 >= sizeof(walk->path))
        return 0;
    walk->path[length] = '/';
    if (libfsapfs_file_entry_get_utf8_name(entry, (uint8_t *)walk->path + length + 1, name_size,
                                           NULL) == 1) {
        libfsapfs_file_entry_get_file_mode(entry, &mode, NULL);
        const bool folder = (mode & MODE_TYPE) == MODE_DIR;
        if (!folder)
            libfsapfs_file_entry_get_size(entry, &size, NULL);
        const struct container_entry visited = {.name = walk->path, .size = size, .folder = folder};
        if (wanted(walk, false))
            stop = walk->visit(walk->context, &visited);
        if (!stop && folder && wanted(walk, true))
            stop = walk_folder(walk, entry, depth + 1);
    }
    walk->path[length] = 0;
    return stop;
}

static int walk_folder(struct walk *walk, intptr_t *entry, unsigned depth)
{
    int count = 0, stop = 0;
    if (depth > MAX_DEPTH ||
        libfsapfs_file_entry_get_number_of_sub_file_entries(entry, &count, NULL) != 1)
        return 0;
    for (int i = 0; i < count && !stop; i++) {
        intptr_t *child = NULL;
        if (libfsapfs_file_entry_get_sub_file_entry_by_index(entry, i, &child, NULL) != 1)
            continue;
        stop = walk_entry(walk, child, depth);
        libfsapfs_file_entry_free(&child, NULL);
    }
    return stop;
}

static int list(const struct source *in, const char *folder, container_visit *visit, void *context,
                struct error *err)
{
    struct image *image = open_image(in, err);
    if (!image)
        return -1;
    int stop = 0;
    for (int i = 0; i < image->count && !stop; i++) {
        const struct volume *volume = &image->volumes[i];
        struct walk walk = {.volume = volume, .visit = visit, .context = context, .folder = folder};
        intptr_t *root = NULL;
        snprintf(walk.path, sizeof(walk.path), "%s", volume->name);
        if (libfsapfs_volume_get_root_directory(volume->handle, &root, NULL) != 1)
            continue;
        stop = walk_folder(&walk, root, 0);
        libfsapfs_file_entry_free(&root, NULL);
    }
    close_image(image);
    return 0;
}

/* ---- extracting ---- */

/* What the library reads with: a file or an attribute of one. */
struct stream {
    intptr_t *handle;
    int (*size)(intptr_t *handle, size64_t *size, intptr_t **problem);
    ssize_t (*read)(intptr_t *handle, void *buffer, size_t size, off64_t at, intptr_t **problem);
    const char *complaint;
};

static int copy_stream(const struct stream *stream, struct source *out, struct error *err)
{
    intptr_t *problem = NULL;
    size64_t size = 0;
    uint8_t *buffer = malloc(COPY_SIZE);
    int result = buffer && stream->size(stream->handle, &size, &problem) == 1 ? 0 : -1;
    for (uint64_t at = 0; !result && at < size;) {
        const size_t piece = size - at < COPY_SIZE ? (size_t)(size - at) : COPY_SIZE;
        const ssize_t count = stream->read(stream->handle, buffer, piece, (off64_t)at, &problem);
        if (count <= 0)
            result = -1;
        else if (source_append(out, buffer, (size_t)count, err))
            break;
        else
            at += (uint64_t)count;
    }
    free(buffer);
    if (result)
        return library_error(out, stream->complaint, &problem, err);
    return out->size == size ? 0 : -1;
}

/* The attribute NAME appended to OUT. 0: there is none; negative: it cannot be read. */
static int copy_attribute(intptr_t *entry, const char *name, struct source *out, struct error *err)
{
    intptr_t *attribute = NULL, *problem = NULL;
    const int found = libfsapfs_file_entry_get_extended_attribute_by_utf8_name(
        entry, (const uint8_t *)name, strlen(name), &attribute, &problem);
    if (found != 1)
        return found ? library_error(out, "an attribute cannot be found", &problem, err) : 0;
    const struct stream stream = {attribute, libfsapfs_extended_attribute_get_size,
                                  libfsapfs_extended_attribute_read_buffer_at_offset,
                                  "an attribute cannot be read"};
    const int result = copy_stream(&stream, out, err);
    libfsapfs_extended_attribute_free(&attribute, NULL);
    return result ? -1 : 1;
}

/* A file that the file system compressed. 0: ENTRY is none; negative: it cannot be read. */
static int copy_compressed(const struct volume *volume, intptr_t *entry, struct source *out,
                           struct error *err)
{
    struct source attribute, fork = {.fd = -1};
    struct blob header = {0};
    if (source_spool(volume->in, DECMPFS_ATTRIBUTE, 0, &attribute, err))
        return -1;
    int result = copy_attribute(entry, DECMPFS_ATTRIBUTE, &attribute, err);
    if (result == 1) {
        result = source_map(&attribute, &header, err) ||
                         source_spool(volume->in, DECMPFS_FORK, 0, &fork, err) ||
                         copy_attribute(entry, DECMPFS_FORK, &fork, err) < 0 ||
                         decmpfs_decode(&header, &fork, out, err)
                     ? -1
                     : 1;
        blob_free(&header);
        source_close(&fork);
    }
    source_close(&attribute);
    return result;
}

static int copy_file(const struct volume *volume, intptr_t *entry, const char *member,
                     struct source *out, struct error *err)
{
    uint16_t mode = 0;
    libfsapfs_file_entry_get_file_mode(entry, &mode, NULL);
    if ((mode & MODE_TYPE) == MODE_DIR || (mode & MODE_TYPE) == MODE_LINK)
        return source_error(volume->in, 0, err, "'%s' is a %s, not a file", member,
                            (mode & MODE_TYPE) == MODE_DIR ? "folder" : "symbolic link");
    const struct stream data = {entry, libfsapfs_file_entry_get_size,
                                libfsapfs_file_entry_read_buffer_at_offset,
                                "the file cannot be read"};
    size64_t size = 0;
    libfsapfs_file_entry_get_size(entry, &size, NULL);
    if (source_spool(volume->in, member, size, out, err))
        return -1;
    int result = copy_compressed(volume, entry, out, err);
    if (!result)
        result = copy_stream(&data, out, err);
    if (result >= 0)
        return 0;
    source_close(out);
    return -1;
}

/* The path within VOLUME that MEMBER means, or NULL when it names another volume. */
static const char *path_in(const struct volume *volume, const char *member)
{
    const size_t length = strlen(volume->name);
    if (member[0] == '/')
        return member;
    if (length && !strncmp(member, volume->name, length) && member[length] == '/')
        return member + length;
    return NULL;
}

static int extract(const struct source *in, const char *member, struct source *out,
                   struct error *err)
{
    struct image *image = open_image(in, err);
    int result = -1;
    bool found = false;
    if (!image)
        return -1;
    for (int i = 0; i < image->count && !found; i++) {
        const struct volume *volume = &image->volumes[i];
        const char *path = path_in(volume, member);
        intptr_t *entry = NULL;
        if (!path || libfsapfs_volume_get_file_entry_by_utf8_path(
                         volume->handle, (const uint8_t *)path, strlen(path), &entry, NULL) != 1)
            continue;
        found = true;
        result = copy_file(volume, entry, member, out, err);
        libfsapfs_file_entry_free(&entry, NULL);
    }
    if (!found)
        container_no_member(in, member, err);
    close_image(image);
    return result;
}

const struct container_class container_apfs = {.name = "apfs",
                                               .description = "APFS container",
                                               .recognise = recognise,
                                               .list = list,
                                               .extract = extract};
