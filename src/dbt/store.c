/* SPDX-License-Identifier: MIT */
/* The file of store.h: [header | record | record ...]. It is read whole when it is opened, not
 * mapped: what was compared with its checksum is then what is used, whoever may change the file
 * meanwhile. */

#include <stdbool.h>

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "pomonaCC"
/* A file that would grow over this starts anew. */
#define MOST_BYTES (512u << 20)
#define BUCKETS    (1u << 17)

struct header {
    char magic[8];
    uint8_t identity[DBT_STORE_IDENTITY];
    uint64_t end; /* of what is whole */
    uint64_t sum;
};

struct entry {
    uint64_t key;
    size_t at;     /* in data */
    uint32_t next; /* in its bucket: index + 1 */
};

struct dbt_store {
    pthread_mutex_t lock;
    char name[32];
    int directory;
    struct header header;
    uint8_t *data;  /* the records read, in a mapping of `mapped` bytes */
    size_t mapped;
    uint8_t *fresh; /* those added */
    size_t loaded, used, room; /* bytes of those read, of all; room for those added */
    struct entry *entries;
    uint32_t count, entry_room;
    uint32_t expected; /* the entry that is probably wanted next */
    uint32_t bucket[BUCKETS];
    bool damaged;
    void (*said)(void *ctx, const char *text);
    void *ctx;
};

static void say(const struct dbt_store *store, const char *what, const char *why)
{
    char text[160];
    snprintf(text, sizeof(text), "code cache: %s: %s", what, why);
    if (store->said)
        store->said(store->ctx, text);
}

static uint64_t mix_word(uint64_t sum, const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
    sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
    return sum ^ sum >> 29;
}

/* No secret: it tells accidents, not enemies. Each step is a bijection of the words before; four
 * sums go side by side, as one alone waits for its multiplications. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint64_t side[3] = {1, 2, 3};
    for (; size >= 32; p += 32, size -= 32) {
        sum = mix_word(sum, p);
        for (unsigned i = 0; i < 3; i++)
            side[i] = mix_word(side[i], p + 8 + 8 * i);
    }
    for (; size >= 8; p += 8, size -= 8)
        sum = mix_word(sum, p);
    for (unsigned i = 0; i < 3; i++)
        sum = mix_word(sum, (const uint8_t *)&side[i]);
    return sum;
}

static uint64_t header_sum(const struct header *header)
{
    return mix(1, header, offsetof(struct header, sum));
}

static uint64_t record_sum(const struct dbt_record *record)
{
    const uint8_t *rest = (const uint8_t *)(record + 1);
    return mix(record->key ^ record->size, rest, record->size - sizeof(*record));
}

/* ---- records in memory ---- */

static bool grow(void *array, size_t size, size_t wanted)
{
    void **place = array;
    void *grown = realloc(*place, wanted * size);
    if (grown)
        *place = grown;
    return grown;
}

static bool enter(struct dbt_store *store, uint64_t key, size_t at)
{
    if (store->count == store->entry_room) {
        const uint32_t wanted = store->entry_room ? store->entry_room * 2 : 1u << 16;
        if (!grow(&store->entries, sizeof(struct entry), wanted))
            return false;
        store->entry_room = wanted;
    }
    uint32_t *bucket = &store->bucket[key * 0x9e3779b97f4a7c15ull >> 40 & (BUCKETS - 1)];
    store->entries[store->count] = (struct entry){key, at, *bucket};
    *bucket = ++store->count;
    return true;
}

static struct dbt_record *record_at(const struct dbt_store *store, size_t at)
{
    uint8_t *record = at < store->loaded ? store->data + at : store->fresh + (at - store->loaded);
    return (struct dbt_record *)(void *)record;
}

/* Enters the records read; what is behind one that cannot be is left out. */
static void index_records(struct dbt_store *store)
{
    size_t at = 0;
    while (at + sizeof(struct dbt_record) <= store->loaded) {
        const struct dbt_record *record = record_at(store, at);
        if (record->size < sizeof(*record) || record->size % 8 ||
            record->size > store->loaded - at || record->zero || !enter(store, record->key, at))
            break;
        at += record->size;
    }
    store->damaged = at != store->loaded;
    if (store->damaged)
        say(store, store->name, "damaged: the rest is not used");
    store->loaded = store->used = at;
}

void dbt_store_add(struct dbt_store *store, struct dbt_record *record)
{
    record->zero = 0;
    record->sum = record_sum(record);
    pthread_mutex_lock(&store->lock);
    const size_t added = store->used - store->loaded, end = added + record->size;
    bool fits = store->loaded + end <= MOST_BYTES;
    if (fits && end > store->room) {
        const size_t wanted = end * 2 < 1u << 20 ? 1u << 20 : end * 2;
        fits = grow(&store->fresh, 1, wanted);
        store->room = fits ? wanted : store->room;
    }
    if (fits && enter(store, record->key, store->used)) {
        memcpy(store->fresh + added, record, record->size);
        store->used += record->size;
    }
    pthread_mutex_unlock(&store->lock);
}

/* Offers the record of entry I to ACCEPT. */
static bool offer(struct dbt_store *store, uint32_t i,
                  bool (*accept)(void *ctx, const struct dbt_record *record), void *ctx)
{
    const struct dbt_record *record = record_at(store, store->entries[i].at);
    if (record->sum == record_sum(record))
        return accept(ctx, record);
    if (!store->damaged) {
        store->damaged = true;
        say(store, store->name, "damaged: a record's checksum is wrong");
    }
    return false;
}

/* The record behind the one found is probably wanted next: runs do the same things in the same
 * order. */
static void expect(struct dbt_store *store, uint32_t i)
{
    store->expected = i + 1;
    if (i + 1 == store->count)
        return;
    const uint8_t *next = (const uint8_t *)record_at(store, store->entries[i + 1].at);
    for (unsigned line = 0; line < 8; line++)
        __builtin_prefetch(next + 64 * line);
}

bool dbt_store_find(struct dbt_store *store, uint64_t key,
                    bool (*accept)(void *ctx, const struct dbt_record *record), void *ctx)
{
    pthread_mutex_lock(&store->lock);
    uint32_t i = store->expected;
    bool found = i < store->count && store->entries[i].key == key && offer(store, i, accept, ctx);
    if (!found) {
        i = store->bucket[key * 0x9e3779b97f4a7c15ull >> 40 & (BUCKETS - 1)];
        for (; i && !found; i = found ? i : store->entries[i - 1].next)
            found = store->entries[i - 1].key == key && offer(store, i - 1, accept, ctx);
        i -= found;
    }
    if (found)
        expect(store, i);
    pthread_mutex_unlock(&store->lock);
    return found;
}

/* ---- the file ---- */

/* Whether FD is what nobody but the user can have written. */
static bool is_private(int fd, mode_t kind)
{
    struct stat st;
    return !fstat(fd, &st) && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() &&
           !(st.st_mode & 077) && (kind == S_IFDIR || st.st_nlink == 1);
}

static bool read_at(int fd, void *to, size_t size, size_t at)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = pread(fd, (uint8_t *)to + done, size - done, (off_t)(at + done));
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_at(int fd, const void *from, size_t size, size_t at)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = pwrite(fd, (const uint8_t *)from + done, size - done, (off_t)(at + done));
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Reads the header of FD; false: it is not this store's. */
static bool read_header(const struct dbt_store *store, int fd, struct header *header)
{
    struct stat st;
    return read_at(fd, header, sizeof(*header), 0) && header->sum == header_sum(header) &&
           !memcmp(header->magic, store->header.magic, sizeof(header->magic)) &&
           !memcmp(header->identity, store->header.identity, sizeof(header->identity)) &&
           header->end >= sizeof(*header) && !fstat(fd, &st) && (uint64_t)st.st_size >= header->end;
}

/* The file, locked; -1: there is none that can be used. */
static int open_file(struct dbt_store *store, int flags, int lock)
{
    const int fd =
        openat(store->directory, store->name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT)
            say(store, store->name, strerror(errno));
        return -1;
    }
    struct header header;
    if (!is_private(fd, S_IFREG)) {
        say(store, store->name, "ignored: not a file of this user's own, with mode 0600");
    } else if (!flock(fd, lock)) {
        if (read_header(store, fd, &header)) {
            store->header = header;
            return fd;
        }
        say(store, store->name, "ignored: damaged, or of another version");
    }
    close(fd);
    return -1;
}

/* Memory of its own, in large pages where there are any; NULL: none. */
static void *reserve(size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(base, size, MADV_HUGEPAGE);
#endif
    return base;
}

static void load(struct dbt_store *store)
{
    const int fd = open_file(store, O_RDONLY, LOCK_SH);
    if (fd < 0)
        return;
    const size_t size = store->header.end - sizeof(struct header);
    if (size && size <= MOST_BYTES && (store->data = reserve(size))) {
        store->mapped = size;
        store->loaded = read_at(fd, store->data, size, sizeof(struct header)) ? size : 0;
    }
    close(fd);
    index_records(store);
}

/* Puts SIZE bytes of records behind those of FD, and then the header that says so. */
static bool append(struct dbt_store *store, int fd, const uint8_t *bytes, size_t size)
{
    if (!write_at(fd, bytes, size, store->header.end))
        return false;
    store->header.end += size;
    store->header.sum = header_sum(&store->header);
    return write_at(fd, &store->header, sizeof(store->header), 0);
}

/* A new file of SIZE bytes of records in place of what is there. */
static bool replace(struct dbt_store *store, const uint8_t *bytes, size_t size)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%ld.new", store->name, (long)getpid());
    const int fd =
        openat(store->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    store->header.end = sizeof(struct header);
    const bool good = fd >= 0 && append(store, fd, bytes, size) &&
                      !renameat(store->directory, name, store->directory, store->name);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !good)
        unlinkat(store->directory, name, 0);
    return good;
}

/* What others added meanwhile stays, unless the file is damaged or too large. */
static void save(struct dbt_store *store)
{
    const size_t size = store->used - store->loaded;
    if (!size)
        return;
    const uint8_t *fresh = store->fresh;
    const int fd = open_file(store, O_RDWR, LOCK_EX);
    const bool grows = fd >= 0 && !store->damaged && store->header.end + size <= MOST_BYTES;
    if (!(grows ? append(store, fd, fresh, size) : replace(store, fresh, size)))
        say(store, store->name, "could not be written");
    if (fd >= 0)
        close(fd);
}

/* ---- the store ---- */

static int open_directory(struct dbt_store *store, const char *path)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        say(store, path, strerror(errno));
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && is_private(fd, S_IFDIR))
        return fd;
    say(store, path, "not used: not a directory of this user's own, with mode 0700");
    if (fd >= 0)
        close(fd);
    return -1;
}

struct dbt_store *dbt_store_open(const char *directory, const uint8_t identity[DBT_STORE_IDENTITY],
                                 void (*said)(void *ctx, const char *text), void *ctx)
{
    struct dbt_store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    store->said = said;
    store->ctx = ctx;
    store->directory = open_directory(store, directory);
    if (store->directory < 0) {
        free(store);
        return NULL;
    }
    pthread_mutex_init(&store->lock, NULL);
    memcpy(store->header.magic, MAGIC, sizeof(store->header.magic));
    memcpy(store->header.identity, identity, DBT_STORE_IDENTITY);
    snprintf(store->name, sizeof(store->name), "%016" PRIx64 ".code",
             mix(0, identity, DBT_STORE_IDENTITY));
    load(store);
    return store;
}

void dbt_store_close(struct dbt_store *store)
{
    save(store);
    close(store->directory);
    pthread_mutex_destroy(&store->lock);
    if (store->data)
        munmap(store->data, store->mapped);
    free(store->fresh);
    free(store->entries);
    free(store);
}
