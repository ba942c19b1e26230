/* SPDX-License-Identifier: MIT */
/* DWARF, read in a process of its own and looked up in this one. Debian's libdwarf is not made for
 * hostile files: whatever it does to the child, which has limits of time and memory and nothing but
 * a pipe to write to, here it is a file that cannot be read. Nothing that comes out of the pipe is
 * trusted: counts are checked against its length, indices where they are used, and what has to be
 * in order is sorted here. */

#include "debug_info.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "debug_info_tables.h"

#define DAMAGED        "its DWARF is damaged; make the dSYM again with dsymutil"
#define MEMORY_LEAST   (512ull << 20)
#define MEMORY_TIMES   48u /* what libdwarf and the tables take, as a multiple of the DWARF */
#define SECONDS_LEAST  5u
#define BYTES_A_SECOND (1u << 20)
#define PIPE_CHUNK     (1u << 20)
#define MAX_NESTED     64

struct debug_info {
    void *data; /* what came through the pipe */
    struct debug_tables tables;
    struct debug_range *functions; /* of the scopes without a parent, by address */
    size_t function_count;
};

/* ---- the child ---- */

static void write_all(int fd, const void *data, size_t size)
{
    for (const char *p = data; size;) {
        const ssize_t done = write(fd, p, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(1);
        p += done;
        size -= (size_t)done;
    }
}

static void limit(int resource, uint64_t most)
{
    const struct rlimit value = {(rlim_t)most, (rlim_t)most};
    setrlimit(resource, &value);
}

/* Bytes of address space that this process has; 0: the host does not tell. */
static uint64_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Dies quietly, and in time. */
static void confine(uint64_t dwarf_size)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGXCPU};
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        signal(deadly[i], SIG_DFL);
    const uint64_t now = address_space();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, SECONDS_LEAST + dwarf_size / BYTES_A_SECOND);
    if (now)
        limit(RLIMIT_AS, now + MEMORY_LEAST + MEMORY_TIMES * dwarf_size);
}

_Noreturn static void be_child(const struct macho *macho, uint64_t low, uint64_t high,
                               uint64_t dwarf_size, int fd)
{
    struct debug_tables t;
    struct debug_head head = {0};
    confine(dwarf_size);
    const char *problem = debug_info_read(macho, low, high, &t);
    if (problem) {
        snprintf(head.problem, sizeof(head.problem), "%s", problem);
        write_all(fd, &head, sizeof(head));
        _exit(0);
    }
    head.rows = t.row_count;
    head.scopes = t.scope_count;
    head.ranges = t.range_count;
    head.strings = t.string_size;
    write_all(fd, &head, sizeof(head));
    write_all(fd, t.rows, t.row_count * sizeof(*t.rows));
    write_all(fd, t.scopes, t.scope_count * sizeof(*t.scopes));
    write_all(fd, t.ranges, t.range_count * sizeof(*t.ranges));
    write_all(fd, t.strings, t.string_size);
    _exit(0);
}

/* ---- the parent ---- */

/* All that comes through FD, at most MOST bytes; *SIZE says how many. NULL without memory. */
static void *read_all(int fd, uint64_t most, size_t *size)
{
    char *data = NULL;
    size_t room = 0;
    *size = 0;
    for (;;) {
        if (*size == room) {
            char *more = room < most ? realloc(data, room * 2 + PIPE_CHUNK) : NULL;
            if (!more)
                break;
            data = more;
            room = room * 2 + PIPE_CHUNK;
        }
        const ssize_t done = read(fd, data + *size, room - *size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return data;
        *size += (size_t)done;
    }
    free(data);
    return NULL;
}

/* The child's whole output, to be freed; NULL and *ERR: it could not start, or did not end well. */
static void *run_child(const struct macho *macho, uint64_t low, uint64_t high, size_t *size,
                       struct error *err)
{
    const uint64_t dwarf_size = debug_info_size(macho);
    int fds[2], status = -1;
    if (pipe(fds)) {
        error_set(err, ERROR_OS, "no pipe: %s", strerror(errno));
        return NULL;
    }
    const pid_t child = fork();
    if (!child) {
        close(fds[0]);
        be_child(macho, low, high, dwarf_size, fds[1]);
    }
    close(fds[1]);
    void *data =
        child < 0 ? NULL : read_all(fds[0], MEMORY_LEAST + MEMORY_TIMES * dwarf_size, size);
    close(fds[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0)
        error_set(err, ERROR_OS, "no process to read DWARF in: %s", strerror(errno));
    else if (data && (!WIFEXITED(status) || WEXITSTATUS(status)))
        blob_error(&macho->file, macho->header, err,
                   "its DWARF is damaged: libdwarf crashed or ran out of time or memory over "
                   "it; make the dSYM again with dsymutil");
    else if (data)
        return data;
    else
        error_set(err, ERROR_OS, "%s: no memory for its DWARF", macho->file.name);
    free(data);
    return NULL;
}

/* Takes COUNT items of SIZE bytes off the front; false when there are not as many. */
static bool take(char **at, size_t *left, uint64_t count, size_t size, void *items)
{
    if (count > *left / size || count > UINT32_MAX)
        return false;
    memcpy(items, at, sizeof(*at));
    *at += count * size;
    *left -= (size_t)count * size;
    return true;
}

static int compare_rows(const void *left, const void *right)
{
    const struct debug_row *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    /* The end of one sequence comes before the beginning of the next. */
    if ((a->file == DEBUG_NONE) != (b->file == DEBUG_NONE))
        return a->file == DEBUG_NONE ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct debug_range *a = left, *b = right;
    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    return a->scope < b->scope ? -1 : a->scope > b->scope;
}

static int compare_range_scopes(const void *left, const void *right)
{
    const struct debug_range *a = left, *b = right;
    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    return a->low < b->low ? -1 : a->low > b->low;
}

/* Whether each scope refers to earlier ones only and ends behind itself. */
static bool sound_scopes(const struct debug_tables *t)
{
    for (size_t i = 0; i < t->scope_count; i++) {
        const struct debug_scope *scope = &t->scopes[i];
        if ((scope->parent != DEBUG_NONE && scope->parent >= i) || scope->end <= i ||
            scope->end > t->scope_count)
            return false;
    }
    for (size_t i = 0; i < t->range_count; i++)
        if (t->ranges[i].scope >= t->scope_count)
            return false;
    return true;
}

static bool index_tables(struct debug_info *info)
{
    struct debug_tables *t = &info->tables;
    info->functions = malloc((t->range_count + 1) * sizeof(*info->functions));
    if (!info->functions)
        return false;
    for (size_t i = 0; i < t->range_count; i++)
        if (t->scopes[t->ranges[i].scope].parent == DEBUG_NONE)
            info->functions[info->function_count++] = t->ranges[i];
    qsort(t->rows, t->row_count, sizeof(*t->rows), compare_rows);
    qsort(t->ranges, t->range_count, sizeof(*t->ranges), compare_range_scopes);
    qsort(info->functions, info->function_count, sizeof(*info->functions), compare_ranges);
    return true;
}

static int take_tables(struct debug_info *info, size_t size, const char *name, struct error *err)
{
    struct debug_tables *t = &info->tables;
    struct debug_head head;
    char *at = info->data;
    if (size < sizeof(head))
        return error_set(err, ERROR_DATA, "%s: " DAMAGED, name);
    memcpy(&head, at, sizeof(head));
    at += sizeof(head);
    size -= sizeof(head);
    head.problem[sizeof(head.problem) - 1] = 0;
    if (*head.problem)
        return error_set(err, ERROR_DATA,
                         "%s: its DWARF is damaged: %s; make the dSYM again with dsymutil", name,
                         head.problem);
    if (!take(&at, &size, head.rows, sizeof(*t->rows), &t->rows) ||
        !take(&at, &size, head.scopes, sizeof(*t->scopes), &t->scopes) ||
        !take(&at, &size, head.ranges, sizeof(*t->ranges), &t->ranges) || !head.strings ||
        !take(&at, &size, head.strings, 1, &t->strings) || t->strings[head.strings - 1])
        return error_set(err, ERROR_DATA, "%s: " DAMAGED, name);
    t->row_count = (size_t)head.rows;
    t->scope_count = (size_t)head.scopes;
    t->range_count = (size_t)head.ranges;
    t->string_size = (size_t)head.strings;
    if (!sound_scopes(t))
        return error_set(err, ERROR_DATA, "%s: " DAMAGED, name);
    return index_tables(info) ? 0 : error_set(err, ERROR_OS, "%s: no memory for its DWARF", name);
}

int debug_info_adopt(void *data, size_t size, const char *name, struct debug_info **out,
                     struct error *err)
{
    struct debug_info *info = calloc(1, sizeof(*info));
    if (!info) {
        free(data);
        return error_set(err, ERROR_OS, "%s: no memory for its DWARF", name);
    }
    info->data = data;
    if (take_tables(info, size, name, err)) {
        debug_info_free(info);
        return -1;
    }
    *out = info;
    return 0;
}

int debug_info_load(const struct macho *macho, uint64_t low, uint64_t high, struct debug_info **out,
                    struct error *err)
{
    size_t size;
    if (!debug_info_size(macho))
        return blob_error(&macho->file, macho->header, err,
                          "no DWARF in this file: dsymutil makes a dSYM of a program and its "
                          "object files");
    void *data = run_child(macho, low, high, &size, err);
    return data ? debug_info_adopt(data, size, macho->file.name, out, err) : -1;
}

void debug_info_free(struct debug_info *info)
{
    if (!info)
        return;
    free(info->functions);
    free(info->data);
    free(info);
}

/* ---- looking up ---- */

static const char *string_at(const struct debug_info *info, uint32_t offset)
{
    return offset < info->tables.string_size ? info->tables.strings + offset : "";
}

static void place_of(const struct debug_info *info, uint64_t address, struct debug_frame *frame)
{
    const struct debug_tables *t = &info->tables;
    const struct debug_row *row = macho_last_at(t->rows, t->row_count, sizeof(*t->rows), address);
    if (!row || row->file == DEBUG_NONE)
        return;
    frame->file = string_at(info, row->file);
    frame->line = row->line;
    frame->column = row->column;
}

/* Whether one of the ranges of SCOPE holds ADDRESS. */
static bool scope_holds(const struct debug_tables *t, uint32_t scope, uint64_t address)
{
    const struct debug_range wanted = {.scope = scope};
    size_t low = 0, high = t->range_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_range_scopes(&t->ranges[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < t->range_count && t->ranges[low].scope == scope; low++)
        if (address >= t->ranges[low].low && address < t->ranges[low].high)
            return true;
    return false;
}

/* The function that ADDRESS is in; DEBUG_NONE: in none. */
static uint32_t function_at(const struct debug_info *info, uint64_t address)
{
    const struct debug_range *range =
        macho_last_at(info->functions, info->function_count, sizeof(*info->functions), address);
    return range && address < range->high ? range->scope : DEBUG_NONE;
}

size_t debug_info_frames(const struct debug_info *info, uint64_t address,
                         struct debug_frame *frames, size_t most)
{
    const struct debug_tables *t = &info->tables;
    uint32_t chain[MAX_NESTED], depth = 0;
    struct debug_frame place = {.function = "", .file = ""};
    place_of(info, address, &place);
    uint32_t scope = function_at(info, address);
    if (scope == DEBUG_NONE) {
        if (most && *place.file)
            frames[0] = place;
        return most && *place.file;
    }
    /* What is within comes after: going on through it finds ever deeper scopes. */
    chain[depth++] = scope;
    for (uint32_t next = scope + 1; next < t->scopes[scope].end && depth < MAX_NESTED;) {
        if (t->scopes[next].parent == chain[depth - 1] && scope_holds(t, next, address)) {
            chain[depth++] = next++;
        } else {
            next = t->scopes[next].end;
        }
    }
    size_t count = 0;
    for (; depth && count < most; count++) {
        const struct debug_scope *found = &t->scopes[chain[--depth]];
        place.function = string_at(info, found->name);
        frames[count] = place;
        place.file = string_at(info, found->call_file);
        place.line = found->call_line;
        place.column = found->call_column;
    }
    return count;
}

bool debug_info_function(const struct debug_info *info, size_t index, struct debug_function *out)
{
    if (index >= info->function_count)
        return false;
    const struct debug_range *range = &info->functions[index];
    *out = (struct debug_function){range->low, range->high,
                                   string_at(info, info->tables.scopes[range->scope].name)};
    return true;
}
