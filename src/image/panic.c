/* SPDX-License-Identifier: MIT */
/* Panic logs. What XNU writes on arm64: "panic(cpu N caller ADDRESS): …", the registers of an
 * exception, "KernelCache slide:" and the like, "lr: ADDRESS  fp: ADDRESS" for each frame, "CORE N:
 * PC=ADDRESS, LR=ADDRESS", and "Kernel Extensions in backtrace:" with a line
 *     IDENTIFIER(VERSION)[UUID]@FIRST->LAST
 * for each kext and what it depends on. Reports wrap the same text in JSON. Link registers may
 * carry pointer authentication codes. Left out: the stackshot of reports, which is about programs.
 *
 * The collection's slide and the kernel's are two numbers: the latter counts from where a kernel by
 * itself would have been, VM_KERNEL_LINK_ADDRESS (image-format sheet A3), which is the address of
 * the collection's header. */

#include "panic.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define MIN_DIGITS 9  /* shorter numbers are no kernel addresses */
#define VA_BITS    47 /* of macOS kernels; pointer authentication has the rest but bit 55 */
#define SMALL_BITS 39 /* of iOS kernels */

/* ---- text ---- */

static const char *report_text(const json_t *json)
{
    static const char *const keys[] = {"panicString", "macOSPanicString", "panic_string"};
    const char *text = NULL;
    for (size_t i = 0; !text && i < sizeof(keys) / sizeof(keys[0]); i++)
        text = json_string_value(json_object_get(json, keys[i]));
    return text;
}

/* The JSON object at AT: *TEXT is its panic string, or NULL, *USED its length. */
static int read_report(const struct blob *in, size_t at, char **text, size_t *used,
                       struct error *err)
{
    json_error_t error;
    json_t *json =
        json_loadb((const char *)in->data + at, in->size - at, JSON_DISABLE_EOF_CHECK, &error);
    const char *found = json ? report_text(json) : NULL;
    *text = found ? strdup(found) : NULL;
    *used = (size_t)error.position;
    if (!json)
        return blob_error(in, at + (size_t)error.position, err, "broken JSON: %s", error.text);
    json_decref(json);
    return 0;
}

/* The log as a string: zeros within it end lines. */
static char *copy_text(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < size; i++)
        copy[i] = (char)(data[i] ? data[i] : '\n');
    copy[size] = 0;
    return copy;
}

/* Up to two JSON objects, the header of a report and the report; what follows a header may be the
 * text itself. */
static int find_text(const struct blob *in, char **text, struct error *err)
{
    size_t at = 0, used;
    *text = NULL;
    for (int objects = 0; objects < 2 && !*text; objects++) {
        while (at < in->size && isspace(in->data[at]))
            at++;
        if (at == in->size || in->data[at] != '{')
            break;
        if (read_report(in, at, text, &used, err))
            return -1;
        at += used;
    }
    if (!*text)
        *text = copy_text(in->data + at, in->size - at);
    return *text ? 0 : error_set(err, ERROR_OS, "%s: no memory for the log", in->name);
}

/* ---- numbers and UUIDs ---- */

/* What follows NAME at the beginning of a line, blanks skipped; NULL: no such line. */
static const char *find_line(const char *text, const char *name)
{
    const size_t size = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += size)
        if (at == text || at[-1] == '\n') {
            at += size;
            return at + strspn(at, " \t");
        }
    return NULL;
}

static void read_numbers(struct panic_log *log)
{
    static const char *const names[PANIC_NUMBERS] = {
        [PANIC_CACHE_SLIDE] = "KernelCache slide:",        [PANIC_CACHE_BASE] = "KernelCache base:",
        [PANIC_TEXT_EXEC_BASE] = "Kernel text exec base:", [PANIC_KERNEL_SLIDE] = "Kernel slide:",
        [PANIC_TEXT_BASE] = "Kernel text base:",
    };
    for (unsigned i = 0; i < PANIC_NUMBERS; i++) {
        const char *at = find_line(log->text, names[i]);
        char *end;
        if (!at || strncmp(at, "0x", 2))
            continue;
        log->numbers[i] = strtoull(at, &end, 16);
        log->known[i] = end > at + 2;
    }
}

/* With dashes or without. */
static bool read_uuid(const char *at, uint8_t uuid[16])
{
    unsigned digits = 0;
    for (; *at && digits < 32; at++) {
        const char *hex = "0123456789abcdef", *digit = strchr(hex, tolower((unsigned char)*at));
        if (*at == '-')
            continue;
        if (!digit)
            return false;
        const uint8_t value = (uint8_t)(digit - hex);
        uuid[digits / 2] = (uint8_t)(digits & 1 ? uuid[digits / 2] | value : value << 4);
        digits++;
    }
    return digits == 32;
}

static bool find_uuid(const char *text, const char *name, uint8_t uuid[16])
{
    const char *at = find_line(text, name);
    return at && read_uuid(at, uuid);
}

/* ---- addresses ---- */

/* Room for one more in an array that is full whenever it has a power of two. */
static void *grow(void *items, size_t count, size_t size)
{
    if (count & (count - 1))
        return items;
    return realloc(items, (count ? count * 2 : 1) * size);
}

/* The word that ends before AT, but for what stands between a name and its value. */
static void read_label(const char *line, const char *at, char *out, size_t size)
{
    while (at > line && strchr(" \t:=,", at[-1]))
        at--;
    const char *end = at;
    while (at > line && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
        at--;
    snprintf(out, size, "%.*s", (int)(end - at), at);
}

static int add_address(struct panic_log *log, unsigned line, const char *start, const char *at,
                       size_t length)
{
    void *more = grow(log->addresses, log->address_count, sizeof(*log->addresses));
    if (!more)
        return -1;
    log->addresses = more;
    struct panic_address *address = &log->addresses[log->address_count++];
    *address = (struct panic_address){.at = (size_t)(at - log->text),
                                      .length = length,
                                      .line = line,
                                      .value = strtoull(at, NULL, 16)};
    read_label(start, at, address->label, sizeof(address->label));
    return 0;
}

/* IDENTIFIER(VERSION)[UUID]@FIRST->LAST, whatever is before the identifier. */
static bool read_kext(const char *start, const char *end, struct panic_kext *out)
{
    const char *open = memchr(start, '(', (size_t)(end - start));
    const char *close = open ? memchr(open, ')', (size_t)(end - open)) : NULL;
    const char *id = open;
    if (!close || end - close < 40 || close[1] != '[')
        return false;
    while (id > start && id[-1] != ' ' && id[-1] != '\t')
        id--;
    snprintf(out->id, sizeof(out->id), "%.*s", (int)(open - id), id);
    snprintf(out->version, sizeof(out->version), "%.*s", (int)(close - open - 1), open + 1);
    const char *place = memchr(close, '@', (size_t)(end - close));
    if (!place || !read_uuid(close + 2, out->uuid))
        return false;
    char *next;
    out->first = strtoull(place + 1, &next, 16);
    if (strncmp(next, "->", 2))
        return false;
    out->last = strtoull(next + 2, NULL, 16);
    return out->first <= out->last;
}

static int add_kext(struct panic_log *log, const struct panic_kext *kext)
{
    void *more = grow(log->kexts, log->kext_count, sizeof(*log->kexts));
    if (!more)
        return -1;
    log->kexts = more;
    log->kexts[log->kext_count++] = *kext;
    return 0;
}

/* The lines that say where the kernel is are no mention of an address. */
static bool is_place(const char *start, const char *end)
{
    const char *colon = memchr(start, ':', (size_t)(end - start));
    return colon && colon - start >= 5 &&
           (!memcmp(colon - 5, "slide", 5) || !memcmp(colon - 4, "base", 4));
}

static int read_line(struct panic_log *log, unsigned line, const char *start, const char *end)
{
    struct panic_kext kext;
    if (is_place(start, end))
        return 0;
    if (read_kext(start, end, &kext))
        return add_kext(log, &kext);
    for (const char *at = start; at + 2 < end; at++) {
        if (at[0] != '0' || at[1] != 'x')
            continue;
        size_t digits = 0;
        while (digits < 17 && at + 2 + digits < end && isxdigit((unsigned char)at[2 + digits]))
            digits++;
        if (digits >= MIN_DIGITS && digits <= 16 && add_address(log, line, start, at, digits + 2))
            return -1;
        at += digits + 1;
    }
    return 0;
}

static int read_lines(struct panic_log *log)
{
    unsigned line = 1;
    for (const char *start = log->text; *start; line++) {
        const char *end = strchrnul(start, '\n');
        if (read_line(log, line, start, end))
            return -1;
        start = *end ? end + 1 : end;
    }
    return 0;
}

int panic_parse(const struct blob *in, struct panic_log *out, struct error *err)
{
    *out = (struct panic_log){0};
    if (find_text(in, &out->text, err))
        return -1;
    if (read_lines(out)) {
        panic_free(out);
        return error_set(err, ERROR_OS, "%s: no memory for the log", in->name);
    }
    read_numbers(out);
    out->has_cache_uuid = find_uuid(out->text, "Fileset Kernelcache UUID:", out->cache_uuid);
    out->has_kernel_uuid = find_uuid(out->text, "Kernel UUID:", out->kernel_uuid);
    if (strstr(out->text, "panic") && out->address_count)
        return 0;
    panic_free(out);
    return blob_error(in, 0, err,
                      "no panic log: there is no 'panic' with an address in it; give the text, or "
                      "the whole .ips report");
}

void panic_free(struct panic_log *log)
{
    free(log->text);
    free(log->addresses);
    free(log->kexts);
    *log = (struct panic_log){0};
}

/* ---- where the collection was ---- */

static void format_uuid(const uint8_t uuid[16], char out[33])
{
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", uuid[i]);
}

static int check_uuid(const char *what, bool known, const uint8_t theirs[16],
                      const struct macho *macho, struct error *err)
{
    uint8_t ours[16];
    char a[33], b[33];
    if (!known || !macho_uuid(macho, ours) || !memcmp(ours, theirs, 16))
        return 0;
    format_uuid(theirs, a);
    format_uuid(ours, b);
    return error_set(err, ERROR_DATA,
                     "%s: the log is of another %s: its UUID is %s, this one's %s; find that one, "
                     "or insist with --slide",
                     macho->file.name, what, a, b);
}

/* One way to tell the slide: NUMBER of the log less WHERE in the collection. */
struct way {
    enum panic_number number;
    const char *name;
    uint64_t where;
    bool spare; /* for logs without the others: how it counts changed over the years */
};

static uint64_t segment_address(const struct macho *macho, const char *name)
{
    struct macho_segment segment;
    for (uint64_t cursor = 0; macho_next_segment(macho, &cursor, &segment);)
        if (!strcmp(segment.name, name))
            return segment.vmaddr;
    return 0;
}

int panic_slide(const struct panic_log *log, const struct kc *kc, uint64_t *slide,
                const char **from, struct error *err)
{
    const struct kc_entry *kernel = kc_find(kc, KC_KERNEL);
    const struct macho *text = kernel ? &kernel->macho : &kc->macho;
    uint64_t base = 0;
    macho_base(&kc->macho, &base);
    const uint64_t kernel_base = kernel ? kernel->vmaddr : base;
    const struct way ways[] = {
        {PANIC_CACHE_SLIDE, "KernelCache slide", 0, false},
        {PANIC_CACHE_BASE, "KernelCache base", base, false},
        {PANIC_TEXT_BASE, "Kernel text base", kernel_base, false},
        {PANIC_KERNEL_SLIDE, "Kernel slide", kernel_base - base, true},
        {PANIC_TEXT_EXEC_BASE, "Kernel text exec base", segment_address(text, "__TEXT_EXEC"), true},
    };
    if (check_uuid("kernel collection", log->has_cache_uuid && kc->fileset, log->cache_uuid,
                   &kc->macho, err) ||
        check_uuid("kernel", log->has_kernel_uuid, log->kernel_uuid, text, err))
        return -1;
    *from = NULL;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const uint64_t value = log->numbers[ways[i].number] - ways[i].where;
        if (!log->known[ways[i].number] || (*from && ways[i].spare))
            continue;
        if (*from && value != *slide)
            return error_set(err, ERROR_DATA,
                             "%s: not the collection of this log: by its '%s' it was moved by "
                             "0x%llx, by '%s' 0x%llx; find the right one, or insist with --slide",
                             kc->macho.file.name, *from, (unsigned long long)*slide, ways[i].name,
                             (unsigned long long)value);
        *from = *from ? *from : ways[i].name;
        *slide = value;
    }
    return *from ? 0
                 : error_set(err, ERROR_DATA,
                             "the log does not say where the kernel was (KernelCache slide, Kernel "
                             "slide, Kernel text base): give --slide");
}

uint64_t panic_strip(const struct kc *kc, uint64_t slide, uint64_t address)
{
    uint64_t low, high;
    const uint64_t stripped = address | ~0ull << VA_BITS, small = (1ull << SMALL_BITS) - 1;
    if (!(address >> 55 & 1))
        return address;
    macho_range(&kc->macho, &low, &high);
    if (stripped - slide >= low && stripped - slide < high)
        return stripped;
    const uint64_t smaller = (address & small) | (low & ~small);
    return address >> 56 != 0xff && smaller - slide >= low && smaller - slide < high ? smaller
                                                                                     : stripped;
}

const struct panic_kext *panic_kext_at(const struct panic_log *log, uint64_t address)
{
    for (size_t i = 0; i < log->kext_count; i++)
        if (address >= log->kexts[i].first && address <= log->kexts[i].last)
            return &log->kexts[i];
    return NULL;
}
