/* SPDX-License-Identifier: MIT */
/* Finding the right file in a dSYM bundle, by UUID, and between its addresses and the program's: a
 * segment of one is the segment of that name in the other. */

#include "cli/dsym_input.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/output.h"
#include "image/container.h"

#define FOLDER      "Contents/Resources/DWARF"
#define MOST_FRAMES 64

/* ---- UUIDs ---- */

/* "none", or 32 digits in five groups, as tools print them. */
static void uuid_text(const struct macho *macho, char out[40])
{
    struct macho_command command;
    snprintf(out, 40, "none");
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd != LC_UUID || command.size < 24)
            continue;
        char *p = out;
        for (int i = 0; i < 16; i++)
            p += sprintf(p, "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                         command.data[8 + i]);
    }
}

static int open_file(struct dsym *dsym, const char *path, struct error *err)
{
    dsym->path = strdup(path);
    if (!dsym->path)
        return error_set(err, ERROR_OS, "out of memory");
    if (!image_open_plain(&dsym->file, dsym->path, err)) {
        if (!macho_open(&dsym->file, &dsym->macho, err))
            return 0;
        blob_free(&dsym->file);
    }
    free(dsym->path);
    dsym->path = NULL;
    return -1;
}

static int check_uuid(const struct dsym *dsym, struct error *err)
{
    char mine[40], theirs[40];
    uuid_text(dsym->program, mine);
    uuid_text(&dsym->macho, theirs);
    if (!strcmp(mine, theirs))
        return 0;
    return error_set(err, ERROR_DATA,
                     "%s has the UUID %s, but %s has %s: give the dSYM of this very build",
                     dsym->program->file.name, mine, dsym->path, theirs);
}

static void close_file(struct dsym *dsym)
{
    blob_free(&dsym->file);
    free(dsym->path);
    dsym->path = NULL;
}

/* The file of FOLDER that has the program's UUID. */
static int open_bundle(struct dsym *dsym, const char *folder, struct error *err)
{
    DIR *listing = opendir(folder);
    int result = error_set(err, ERROR_NOINPUT, "%s: no file with symbols in there", folder);
    if (!listing)
        return result;
    for (struct dirent *entry; result && (entry = readdir(listing));) {
        char *path;
        if (*entry->d_name == '.' || asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
            continue;
        result = open_file(dsym, path, err);
        if (!result && (result = check_uuid(dsym, err)))
            close_file(dsym);
        free(path);
    }
    closedir(listing);
    return result;
}

static int open_any(struct dsym *dsym, const char *path, struct error *err)
{
    struct stat st;
    char *folder;
    if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
        if (open_file(dsym, path, err))
            return -1;
        if (!check_uuid(dsym, err))
            return 0;
        close_file(dsym);
        return -1;
    }
    if (asprintf(&folder, "%s/" FOLDER, path) < 0)
        return error_set(err, ERROR_OS, "out of memory");
    const int result = open_bundle(dsym, folder, err);
    free(folder);
    return result;
}

/* ---- addresses ---- */

/* ADDRESS of FROM in TO. */
static bool move_address(const struct macho *from, const struct macho *to, uint64_t address,
                         uint64_t *out)
{
    struct macho_segment old, new;
    for (uint64_t i = 0; macho_next_segment(from, &i, &old);) {
        if (address < old.vmaddr || address - old.vmaddr >= old.vmsize)
            continue;
        for (uint64_t j = 0; macho_next_segment(to, &j, &new);)
            if (!strcmp(old.name, new.name)) {
                *out = address - old.vmaddr + new.vmaddr;
                return true;
            }
    }
    return false;
}

int dsym_open(struct dsym *dsym, const char *path, const struct macho *program, uint64_t low,
              uint64_t high, struct error *err)
{
    uint64_t last;
    *dsym = (struct dsym){.program = program};
    if (open_any(dsym, path, err))
        return -1;
    /* Where the range is not in one segment of both all is read. */
    if (high <= low || high - low > UINT32_MAX ||
        !move_address(program, &dsym->macho, high - 1, &last) ||
        !move_address(program, &dsym->macho, low, &low) || last < low) {
        low = 0;
        last = UINT64_MAX - 1;
    }
    if (!debug_info_load(&dsym->macho, low, last + 1, &dsym->info, err))
        return 0;
    dsym_close(dsym);
    return -1;
}

void dsym_close(struct dsym *dsym)
{
    debug_info_free(dsym->info);
    macho_symbols_free(&dsym->symbols);
    if (dsym->path)
        close_file(dsym);
    *dsym = (struct dsym){0};
}

int dsym_add_symbols(struct dsym *dsym, struct macho_symbols *symbols, struct error *err)
{
    struct macho_symbols *mine = &dsym->symbols;
    size_t kept = 0;
    if (macho_symbols_load(&dsym->macho, mine, err))
        return -1;
    for (size_t i = 0; i < mine->count; i++) {
        struct macho_symbol symbol = mine->items[i];
        if (!move_address(&dsym->macho, dsym->program, symbol.value, &symbol.value))
            continue;
        const struct macho_symbol *known = macho_symbol_at(symbols, symbol.value);
        if (!known || known->value != symbol.value)
            mine->items[kept++] = symbol;
    }
    return macho_symbols_add(symbols, mine->items, kept)
               ? error_set(err, ERROR_OS, "%s: no memory for its symbols", dsym->path)
               : 0;
}

size_t dsym_frames(const struct dsym *dsym, uint64_t address, struct debug_frame *frames,
                   size_t most)
{
    return move_address(dsym->program, &dsym->macho, address, &address)
               ? debug_info_frames(dsym->info, address, frames, most)
               : 0;
}

bool dsym_function(const struct dsym *dsym, size_t index, struct debug_function *out)
{
    uint64_t low;
    if (!debug_info_function(dsym->info, index, out))
        return false;
    if (move_address(&dsym->macho, dsym->program, out->low, &low)) {
        out->high += low - out->low;
        out->low = low;
    }
    return true;
}

/* ---- printing ---- */

void dsym_print_frames(const struct dsym *dsym, uint64_t address)
{
    struct debug_frame frames[MOST_FRAMES];
    const size_t count = dsym_frames(dsym, address, frames, MOST_FRAMES);
    for (size_t i = 0; i < count; i++) {
        const char *function = *frames[i].function ? frames[i].function : "??";
        printf(i ? "  inlined in " : "  ");
        print_text(function, strlen(function));
        printf(" at ");
        print_text(frames[i].file, strlen(frames[i].file));
        printf(":%u:%u\n", frames[i].line, frames[i].column);
    }
}

json_t *dsym_frames_json(const struct dsym *dsym, uint64_t address)
{
    struct debug_frame frames[MOST_FRAMES];
    const size_t count = dsym_frames(dsym, address, frames, MOST_FRAMES);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:i, s:i}", "function",
                             json_text(frames[i].function, strlen(frames[i].function)), "file",
                             json_text(frames[i].file, strlen(frames[i].file)), "line",
                             (int)frames[i].line, "column", (int)frames[i].column));
    return array;
}
