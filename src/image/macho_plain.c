/* SPDX-License-Identifier: MIT */
/* Kernel collections for other people's tools. What those stumble over is known: pointers that are
 * links of a chain, an LC_BUILD_VERSION that the generator leaves half empty, a document type
 * before the property list (image-format sheet A3). Everything is changed in place, so that an
 * address or offset means the same in both files. What is read is the original alone; what the copy
 * holds is never trusted. */

#include "macho_plain.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE    32u
#define BUILD_SIZE     24u
#define TOOL_SIZE      8u
#define PLATFORM_MACOS 1u
#define MACOS_11       0x000b0000u /* the first with kernel collections */
#define THREAD_END     0xffffffffu

struct work {
    const struct macho *macho;
    struct macho_plain *out;
    uint8_t *data;       /* of the copy */
    unsigned level;      /* of the collection itself */
    uint32_t minos, sdk; /* for the commands that say none */
};

/* ---- pointers ---- */

/* The highest level that is pointed to is the collection's own: the boot collection (0) is made
 * before the pageable one (1), and that before the auxiliary one (3). */
static int find_level(void *context, const struct macho_fixup *fixup)
{
    struct work *work = context;
    if (!fixup->bind && fixup->level > work->level)
        work->level = fixup->level;
    return 0;
}

static int apply(void *context, const struct macho_fixup *fixup)
{
    const struct work *work = context;
    struct macho_plain *out = work->out;
    uint64_t value = fixup->target;
    if (fixup->bind || fixup->level != work->level) {
        out->binds += fixup->bind;
        out->elsewhere += !fixup->bind;
        value = 0;
    } else {
        out->pointers++;
        out->signed_too += fixup->auth;
    }
    put_le64(work->data + fixup->offset, value);
    return 0;
}

/* ---- load commands ---- */

static bool build_version_is_valid(const struct macho_command *command)
{
    return command->size >= BUILD_SIZE && get_le32(command->data + 8) &&
           get_le32(command->data + 12) && get_le32(command->data + 16) &&
           get_le32(command->data + 20) == (command->size - BUILD_SIZE) / TOOL_SIZE;
}

/* What the first valid LC_BUILD_VERSION of a member says; the kernel keeps its own. */
static void find_versions(struct work *work, const struct macho *macho)
{
    struct macho_command command;
    for (uint64_t cursor = 0; !work->minos && macho_next_command(macho, &cursor, &command);)
        if (command.cmd == LC_BUILD_VERSION && build_version_is_valid(&command)) {
            work->minos = get_le32(command.data + 12);
            work->sdk = get_le32(command.data + 16);
        }
}

static void mend_build_version(struct work *work, uint8_t *p, uint32_t size)
{
    const uint32_t minos = work->minos ? work->minos : MACOS_11;
    if (!get_le32(p + 8))
        put_le32(p + 8, PLATFORM_MACOS);
    if (!get_le32(p + 12))
        put_le32(p + 12, minos);
    if (!get_le32(p + 16))
        put_le32(p + 16, work->sdk ? work->sdk : get_le32(p + 12));
    put_le32(p + 20, (size - BUILD_SIZE) / TOOL_SIZE);
    work->out->versions++;
}

/* Closes the commands of one header up where chained fixups were, and mends the others. All of the
 * header is written: a broken file may have pointers in it. */
static void rewrite_commands(struct work *work, const struct macho *macho)
{
    struct macho_command command;
    memcpy(work->data + macho->header, macho->file.data + macho->header, HEADER_SIZE);
    uint8_t *const first = work->data + macho->header + HEADER_SIZE, *to = first;
    uint32_t count = 0;
    for (uint64_t cursor = 0; macho_next_command(macho, &cursor, &command);) {
        if (command.cmd == LC_DYLD_CHAINED_FIXUPS)
            continue;
        memcpy(to, command.data, command.size);
        if (command.cmd == LC_BUILD_VERSION && command.size >= BUILD_SIZE &&
            !build_version_is_valid(&command))
            mend_build_version(work, to, command.size);
        to += command.size;
        count++;
    }
    const size_t used = (size_t)(to - first);
    memset(to, 0, macho->command_size - used);
    put_le32(work->data + macho->header + 16, count);
    put_le32(work->data + macho->header + 20, (uint32_t)used);
}

/* Starts of threaded chains, the form before LC_DYLD_CHAINED_FIXUPS: none are left. */
static void end_threads(struct work *work)
{
    struct macho_section section;
    if (macho_find_section(work->macho, "__TEXT", "__thread_starts", &section) &&
        section.size >= 8 && blob_at(&work->macho->file, section.offset, section.size))
        put_le32(work->data + section.offset + 4, THREAD_END);
}

/* ---- the property list ---- */

static void blank_doctypes(struct work *work)
{
    static const char mark[] = "<!DOCTYPE";
    struct macho_section section;
    if (!macho_find_section(work->macho, "__PRELINK_INFO", "__info", &section) ||
        !blob_at(&work->macho->file, section.offset, section.size))
        return;
    uint8_t *at = work->data + section.offset, *const end = at + section.size;
    while ((at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1))) {
        uint8_t *const close = memchr(at, '>', (size_t)(end - at));
        const size_t size = close ? (size_t)(close + 1 - at) : sizeof(mark) - 1;
        memset(at, ' ', size);
        at += size;
        work->out->doctypes++;
    }
}

/* ---- all ---- */

typedef void header_fn(struct work *work, const struct macho *macho);

/* The outer header and those of all members. */
static void each_header(struct work *work, header_fn *act)
{
    struct macho_command command;
    struct macho_member member;
    struct macho inner;
    for (uint64_t cursor = 0; macho_next_command(work->macho, &cursor, &command);)
        if (macho_command_member(&command, &member) &&
            !macho_open_inner(work->macho, member.fileoff, &inner, NULL))
            act(work, &inner);
    act(work, work->macho);
}

int macho_plain(const struct macho *macho, struct macho_plain *out, struct error *err)
{
    struct work work = {.macho = macho, .out = out, .data = malloc(macho->file.size)};
    *out = (struct macho_plain){0};
    if (!work.data)
        return error_set(err, ERROR_OS, "%s: no memory for a copy", macho->file.name);
    memcpy(work.data, macho->file.data, macho->file.size);
    if (macho_each_fixup(macho, find_level, &work, err) ||
        macho_each_fixup(macho, apply, &work, err)) {
        free(work.data);
        return -1;
    }
    end_threads(&work);
    blank_doctypes(&work);
    each_header(&work, find_versions);
    each_header(&work, rewrite_commands);
    blob_adopt(&out->copy, work.data, macho->file.size, macho->file.name);
    return 0;
}
