/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CONTAINER_H
#define POMONA_CONTAINER_H

/* Files inside files: archives, disk images and file systems, by nested paths like
 * "KDK.dmg:Kernel.pkg:Payload:/System/Library/Kernels/kernel". */

#include <stdbool.h>

#include "source.h"

struct container_entry {
    const char *name; /* the path within the container */
    uint64_t size;
    bool folder;
};

/* Something other than 0 ends the listing. */
typedef int container_visit(void *context, const struct container_entry *entry);

struct container_class {
    const char *name;        /* "zip", "xar", "cpio", "hfs", "apfs" */
    const char *description; /* "ZIP archive (IPSW)" */
    bool (*recognise)(const struct source *in);
    /* Visits what lies under FOLDER ("": all). */
    int (*list)(const struct source *in, const char *folder, container_visit *visit, void *context,
                struct error *err);
    int (*extract)(const struct source *in, const char *member, struct source *out,
                   struct error *err);
};

/* NULL when IN, as it lies there, is none. */
const struct container_class *container_of(const struct source *in);

/* Opens the file of the nested PATH: the shortest beginning of it that exists is a file of the
 * host, each further part, up to the next colon, a member; images, wrappers and compression between
 * are undone. What the last part names is not unwrapped. 0, or -1 and *ERR. */
int container_open_with(const char *path, const struct source_context *context, struct source *out,
                        struct error *err);
static inline int container_open(const char *path, struct source *out, struct error *err)
{
    return container_open_with(path, NULL, out, err);
}
/* Undoes disk images, partition tables, IMG4, and compression until IN is a container or nothing
 * known; OUT is a source of its own in any case. */
int container_unwrap(const struct source *in, struct source *out, struct error *err);

/* Calls USE with the container that IN is or wraps; of a partitioned disk, with each file system in
 * turn, until USE returns 0. 0, or -1 and the *ERR of the first. */
typedef int container_use(void *context, const struct source *in,
                          const struct container_class *class, struct error *err);
int container_each_file_system(const struct source *in, container_use *use, void *context,
                               struct error *err);

/* The whole file of the nested PATH in memory; PATH must live as long as OUT. */
int image_open_with(struct blob *out, const char *path, const struct source_context *context,
                    struct error *err);
static inline int image_open(struct blob *out, const char *path, struct error *err)
{
    return image_open_with(out, path, NULL, err);
}
/* IMG4, IM4P (encrypted: with KEYS, which may be NULL) and compression around IN undone; a view of
 * IN when there is none. An Apple Encrypted Archive is refused. */
int image_unpack(const struct blob *in, const struct im4p_keys *keys, struct blob *out,
                 struct error *err);
/* Both. */
int image_open_plain_with(struct blob *out, const char *path, const struct source_context *context,
                          struct error *err);
static inline int image_open_plain(struct blob *out, const char *path, struct error *err)
{
    return image_open_plain_with(out, path, NULL, err);
}

/* ---- within src/image ---- */

extern const struct container_class container_zip, container_xar, container_cpio, container_hfs,
    container_apfs;

bool udif_recognise(const struct source *in);
int udif_unwrap(const struct source *in, struct source *out, struct error *err);
bool pbzx_recognise(const struct source *in);
int pbzx_unwrap(const struct source *in, struct source *out, struct error *err);
/* Partition INDEX of a GPT or Apple partition map, counting those that hold a file system we
 * read. */
bool partition_recognise(const struct source *in, unsigned index);
int partition_unwrap(const struct source *in, unsigned index, struct source *out,
                     struct error *err);
/* IMG4, IM4P, LZFSE, LZSS, LZVN in memory; gzip. */
bool packed_recognise(const struct source *in);
int packed_unwrap(const struct source *in, struct source *out, struct error *err);

int container_no_member(const struct source *in, const char *member, struct error *err);
/* "./a" and "/a" are "a". */
const char *container_plain_name(const char *name);

#endif
