/* SPDX-License-Identifier: MIT */
/* A CHRP NVRAM bank. Partition header: signature, checksum, length in 16-byte units, name. The
 * first partition is Apple's, with an Adler-32 of everything behind it; those called common and
 * system (2common and 2system in version 2) hold "name=value" strings. In a value 0xff and 0x00
 * cannot stand, and are written as 0xff and a count whose top bit says which. */

#include <stdlib.h>
#include <string.h>

#include "compress.h"
#include "nvram_internal.h"

#define UNIT                16
#define SIGNATURE_APPLE     0x5a
#define SIGNATURE_VARIABLES 0x70
#define SIGNATURE_FREE      0x7f
#define APPLE_SIZE          0x20
#define LEAST_BANK          0x1000
#define VARIABLES_SIZE      0x700
#define ADLER_OFFSET        16
#define ADLER_START         20
#define GENERATION_OFFSET   20
#define ESCAPE              0xff
#define ESCAPE_LONGEST      0x7f

struct partition {
    size_t at, size;
    uint8_t signature;
    char name[13];
};

/* Signature plus bytes 2..15, carries folded in. */
static uint8_t checksum(const uint8_t *header)
{
    unsigned sum = header[0];
    for (int i = 2; i < UNIT; i++) {
        sum += header[i];
        sum = (sum & 0xff) + (sum >> 8);
    }
    return (uint8_t)sum;
}

static void put_header(uint8_t *at, uint8_t signature, size_t size, const char *name)
{
    at[0] = signature;
    at[2] = (uint8_t)(size / UNIT);
    at[3] = (uint8_t)(size / UNIT >> 8);
    memset(at + 4, 0, 12);
    memcpy(at + 4, name, strlen(name));
    at[1] = checksum(at);
}

static void seal(struct nvram *nvram, uint32_t generation)
{
    put_le32(nvram->bank + GENERATION_OFFSET, generation);
    put_le32(nvram->bank + ADLER_OFFSET,
             compress_adler32(nvram->bank + ADLER_START, nvram->size - ADLER_START));
}

static int read_partition(const struct nvram *nvram, size_t at, struct partition *out,
                          struct error *err)
{
    const struct blob bank = nvram_blob(nvram);
    const uint8_t *p = blob_at(&bank, at, UNIT);
    if (!p)
        return blob_error(
            &bank, at, err,
            "truncated: an NVRAM partition is cut off here; 'nvram new' makes a sound bank");
    *out = (struct partition){.at = at, .size = (size_t)get_le16(p + 2) * UNIT, .signature = p[0]};
    memcpy(out->name, p + 4, 12);
    if (p[1] != checksum(p))
        return blob_error(&bank, at + 1, err,
                          "NVRAM partition '%s' has checksum 0x%02x, not 0x%02x", out->name, p[1],
                          checksum(p));
    if (out->size < UNIT || out->size > nvram->size - at)
        return blob_error(
            &bank, at + 2, err,
            "NVRAM partition '%s' of %zu bytes: corrupted; 'nvram new' makes a sound bank",
            out->name, out->size);
    return 0;
}

static bool scope_of(const struct partition *partition, enum nvram_scope *scope)
{
    const char *name = partition->name + (partition->name[0] == '2');
    *scope = !strcmp(name, "system") ? NVRAM_SYSTEM : NVRAM_COMMON;
    return partition->signature == SIGNATURE_VARIABLES &&
           (*scope == NVRAM_SYSTEM || !strcmp(name, "common"));
}

/* Undoes the escapes of SIZE bytes; OUT NULL only measures. SIZE_MAX: the last one is cut off. */
static size_t unescape(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        size_t count = 1;
        uint8_t byte = in[i];
        if (byte == ESCAPE) {
            if (++i == size)
                return SIZE_MAX;
            count = in[i] & ESCAPE_LONGEST;
            byte = in[i] & 0x80 ? 0xff : 0;
        }
        if (out)
            memset(out + used, byte, count);
        used += count;
    }
    return used;
}

static size_t escape(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        const uint8_t byte = in[i];
        size_t run = 1;
        if (byte && byte != 0xff) {
            out[used++] = byte;
            i++;
            continue;
        }
        while (run < ESCAPE_LONGEST && i + run < size && in[i + run] == byte)
            run++;
        out[used++] = ESCAPE;
        out[used++] = (uint8_t)(run | (byte & 0x80));
        i += run;
    }
    return used;
}

/* One "name=value" of LENGTH bytes at AT. */
static int read_variable(struct nvram *nvram, enum nvram_scope scope, size_t at, size_t length,
                         struct error *err)
{
    const struct blob bank = nvram_blob(nvram);
    const uint8_t *p = nvram->bank + at, *equals = memchr(p, '=', length);
    if (!equals || equals == p)
        return blob_error(&bank, at, err, "no name and '=' here: not an NVRAM variable");
    const size_t name_size = (size_t)(equals - p), packed = length - name_size - 1;
    const size_t size = unescape(equals + 1, packed, NULL);
    if (size == SIZE_MAX)
        return blob_error(&bank, at + length - 1, err,
                          "an escape without its count ends NVRAM variable %.*s", (int)name_size,
                          (const char *)p);
    uint8_t *value = malloc(size + 1);
    if (!value)
        return nvram_no_memory(nvram, err);
    unescape(equals + 1, packed, value);
    const struct nvram_variable like = {.scope = scope, .offset = at};
    const int result = nvram_append(nvram, &like, p, name_size, value, size);
    free(value);
    return result ? nvram_no_memory(nvram, err) : 0;
}

static int read_variables(struct nvram *nvram, const struct partition *partition,
                          enum nvram_scope scope, struct error *err)
{
    const struct blob bank = nvram_blob(nvram);
    const size_t end = partition->at + partition->size;
    for (size_t at = partition->at + UNIT; at < end && nvram->bank[at];) {
        const size_t length = strnlen((const char *)nvram->bank + at, end - at);
        if (at + length == end)
            return blob_error(&bank, at, err, "the NVRAM variable here runs out of its partition");
        if (read_variable(nvram, scope, at, length, err))
            return -1;
        at += length + 1;
    }
    return 0;
}

/* Checks all partitions; the last of each scope's name is in force, as for XNU. Size 0: none. */
static int find_partitions(const struct nvram *nvram, struct partition found[2], struct error *err)
{
    struct partition partition;
    enum nvram_scope scope;
    found[NVRAM_COMMON].size = found[NVRAM_SYSTEM].size = 0;
    for (size_t at = 0; at < nvram->size; at += partition.size) {
        if (read_partition(nvram, at, &partition, err))
            return -1;
        if (scope_of(&partition, &scope))
            found[scope] = partition;
    }
    return 0;
}

static int read_bank(struct nvram *nvram, struct error *err)
{
    const struct blob bank = nvram_blob(nvram);
    struct partition partition, found[2];
    if (!nvram_recognise(&bank))
        return blob_error(
            &bank, 0, err,
            "no Apple partition and no NVV3 store: not an NVRAM bank; 'nvram new' makes one");
    if (read_partition(nvram, 0, &partition, err))
        return -1;
    const uint32_t sum = compress_adler32(nvram->bank + ADLER_START, nvram->size - ADLER_START);
    if (partition.size < APPLE_SIZE || get_le32(nvram->bank + ADLER_OFFSET) != sum)
        return blob_error(&bank, ADLER_OFFSET, err,
                          "the Adler-32 is 0x%08x, of the bank it is 0x%08x: the bank is truncated "
                          "or corrupted, and XNU panics on it; 'nvram new' makes a sound bank",
                          get_le32(nvram->bank + ADLER_OFFSET), sum);
    nvram->generation = get_le32(nvram->bank + GENERATION_OFFSET);
    if (find_partitions(nvram, found, err))
        return -1;
    for (unsigned i = 0; i < 2; i++)
        if (found[i].size && read_variables(nvram, &found[i], (enum nvram_scope)i, err))
            return -1;
    return 0;
}

static int format_bank(struct nvram *nvram, struct error *err)
{
    const size_t free_at = APPLE_SIZE + 2 * VARIABLES_SIZE;
    if (nvram->size % UNIT || nvram->size < LEAST_BANK ||
        (nvram->size - free_at) / UNIT > UINT16_MAX)
        return error_set(err, ERROR_USAGE,
                         "a CHRP bank of 0x%zx bytes: it must be a multiple of 16 from 0x1000 to "
                         "0x%zx",
                         nvram->size, (size_t)UINT16_MAX * UNIT + free_at);
    memset(nvram->bank, 0, nvram->size);
    put_header(nvram->bank, SIGNATURE_APPLE, APPLE_SIZE, "nvram");
    put_header(nvram->bank + APPLE_SIZE, SIGNATURE_VARIABLES, VARIABLES_SIZE, "common");
    put_header(nvram->bank + APPLE_SIZE + VARIABLES_SIZE, SIGNATURE_VARIABLES, VARIABLES_SIZE,
               "system");
    put_header(nvram->bank + free_at, SIGNATURE_FREE, nvram->size - free_at, "wwwwwwwwwwww");
    seal(nvram, 1);
    return 0;
}

/* Puts VARIABLE at AT; how many bytes it took, 0 when it does not fit below END. */
static size_t put_variable(struct nvram *nvram, size_t at, size_t end,
                           const struct nvram_variable *variable)
{
    const size_t name_size = strlen(variable->name);
    uint8_t *packed = malloc(2 * variable->size + 1);
    const size_t size = packed ? escape(variable->value, variable->size, packed) : 0;
    const size_t all = name_size + 1 + size + 1;
    const bool fits = packed && all <= end - at;
    if (fits) {
        memcpy(nvram->bank + at, variable->name, name_size);
        nvram->bank[at + name_size] = '=';
        memcpy(nvram->bank + at + name_size + 1, packed, size);
        nvram->bank[at + all - 1] = 0;
    }
    free(packed);
    return fits ? all : 0;
}

/* The partition is written anew: the old order, a new variable at its end. */
static int set_variable(struct nvram *nvram, const struct nvram_variable *old,
                        const struct nvram_variable *fresh, struct error *err)
{
    struct partition found[2];
    if (find_partitions(nvram, found, err))
        return -1;
    const struct partition *partition = &found[fresh->scope];
    if (!partition->size)
        return error_set(err, ERROR_DATA, "%s: no partition '%s' in this NVRAM", nvram->file,
                         nvram_scope_name(fresh->scope));
    const size_t start = partition->at + UNIT, end = partition->at + partition->size;
    size_t at = start, used = 1;
    memset(nvram->bank + start, 0, end - start);
    for (const struct nvram_variable *v = nvram->variables; v && used; v = v->next) {
        const struct nvram_variable *now = v == old ? fresh : v;
        if (v->scope != fresh->scope || !now->value)
            continue;
        used = put_variable(nvram, at, end, now);
        at += used;
    }
    if (used && !old && fresh->value)
        used = put_variable(nvram, at, end, fresh);
    if (!used)
        return error_set(err, ERROR_DATA,
                         "%s: '%s' of %zu bytes does not fit: partition '%s' has %zu; delete "
                         "another variable first",
                         nvram->file, fresh->name, fresh->size, partition->name, end - start);
    seal(nvram, nvram->generation + 1);
    return 0;
}

const struct nvram_form nvram_form_chrp = {
    .read = read_bank, .format = format_bank, .set = set_variable};
