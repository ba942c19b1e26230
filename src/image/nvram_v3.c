/* SPDX-License-Identifier: MIT */
/* The NVV3 store: a header, then records that are only ever appended. A change writes a new record
 * and clears bits in the old one's state, as flash memory allows; when no room is left, the records
 * in force are packed together and the generation rises. A power cut between the two can leave both
 * in force: the later one counts, and the next change retires every one of that name. Facts: the
 * structures of xnu's V3 handler (image-format sheet A8). */

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "nvram_internal.h"

#define MAGIC         0x4e565633u
#define HEADER_SIZE   24
#define VERSION       1
#define RECORD_SIZE   36
#define RECORD_MARK   0x55aa
#define STATE_ADDED   0x7f
#define STATE_DELETED 0xfd
#define STATE_MOVING  0xfe
#define LEAST_STORE   0x100
/* As in EDK II's variable store, whose layout this one descends from; XNU looks at neither. */
#define STATE_HEALTHY 0xfe
#define FORMATTED     0x5a
/* Kept over restarts, seen by boot services and by the system. */
#define ATTRIBUTES 7

/* 7C436110-AB2A-4BBB-A880-FE41995C9F82 and 40A0DDD2-77F8-4392-B4A3-1E7304206516, as bytes. */
static const uint8_t guids[2][16] = {
    {0x7c, 0x43, 0x61, 0x10, 0xab, 0x2a, 0x4b, 0xbb, 0xa8, 0x80, 0xfe, 0x41, 0x99, 0x5c, 0x9f,
     0x82},
    {0x40, 0xa0, 0xdd, 0xd2, 0x77, 0xf8, 0x43, 0x92, 0xb4, 0xa3, 0x1e, 0x73, 0x04, 0x20, 0x65,
     0x16},
};

struct record {
    size_t at, size; /* header, name and data */
    uint8_t state;
    uint32_t name_size, data_size;
    const uint8_t *name, *data;
};

static size_t store_size(const struct nvram *nvram)
{
    return get_le32(nvram->bank + 4);
}

/* Only a record in force must have a name that can be looked up. */
static bool sound_name(const struct record *record)
{
    return record->name_size && !record->name[record->name_size - 1] &&
           (record->state != STATE_ADDED ||
            strlen((const char *)record->name) + 1 == record->name_size);
}

/* 1 and *OUT; 0 at the end of the records; -1 and *ERR. The file may be longer than the store. */
static int read_record(const struct nvram *nvram, size_t at, struct record *out, struct error *err)
{
    struct blob bank = nvram_blob(nvram);
    bank.size = store_size(nvram);
    const uint8_t *p = blob_at(&bank, at, 2);
    if (!p || get_le16(p) == 0xffff)
        return 0;
    if (get_le16(p) != RECORD_MARK || !(p = blob_at(&bank, at, RECORD_SIZE)))
        return blob_error(
            &bank, at, err,
            "no NVRAM record and no free space here: corrupted; 'nvram new' makes a sound bank");
    *out = (struct record){
        .at = at, .state = p[2], .name_size = get_le32(p + 8), .data_size = get_le32(p + 12)};
    out->name = blob_at(&bank, at + RECORD_SIZE, out->name_size);
    out->data = blob_at(&bank, at + RECORD_SIZE + (uint64_t)out->name_size, out->data_size);
    if (!out->name || !out->data || !sound_name(out))
        return blob_error(&bank, at + 8, err,
                          "an NVRAM record of %u and %u bytes does not fit: corrupted; 'nvram new' "
                          "makes a sound bank",
                          out->name_size, out->data_size);
    out->size = RECORD_SIZE + (size_t)out->name_size + out->data_size;
    if (out->state == STATE_ADDED && get_le32(p + 32) != crc32(0, out->data, (uInt)out->data_size))
        return blob_error(&bank, at + 32, err, "the CRC-32 of NVRAM variable %s is wrong",
                          (const char *)out->name);
    return 1;
}

static int add_record(struct nvram *nvram, const struct record *record)
{
    struct nvram_variable like = {.scope = NVRAM_OTHER, .offset = record->at};
    memcpy(like.guid, nvram->bank + record->at + 16, 16);
    for (unsigned i = 0; i < 2; i++)
        if (!memcmp(like.guid, guids[i], 16))
            like.scope = (enum nvram_scope)i;
    return nvram_append(nvram, &like, record->name, record->name_size, record->data,
                        record->data_size);
}

static int check_header(struct nvram *nvram, struct error *err)
{
    const struct blob bank = nvram_blob(nvram);
    const size_t size = store_size(nvram);
    if (size > nvram->size || size < HEADER_SIZE)
        return blob_error(
            &bank, 4, err,
            "truncated: the store has 0x%zx bytes, the file 0x%zx; 'nvram new' makes a sound bank",
            size, nvram->size);
    if (nvram->bank[14] != VERSION)
        return blob_error(&bank, 14, err, "NVV3 store of version %u, not 1", nvram->bank[14]);
    nvram->generation = get_le32(nvram->bank + 8);
    return 0;
}

static int read_store(struct nvram *nvram, struct error *err)
{
    struct record record;
    int more = check_header(nvram, err);
    if (more)
        return -1;
    for (size_t at = HEADER_SIZE; (more = read_record(nvram, at, &record, err)) > 0;
         at += record.size)
        if (record.state == STATE_ADDED && add_record(nvram, &record))
            return nvram_no_memory(nvram, err);
    return more;
}

static int format_store(struct nvram *nvram, struct error *err)
{
    if (nvram->size < LEAST_STORE || nvram->size > UINT32_MAX)
        return error_set(err, ERROR_USAGE, "an NVV3 store of 0x%zx bytes: 0x%x is the least",
                         nvram->size, LEAST_STORE);
    memset(nvram->bank, 0xff, nvram->size);
    memset(nvram->bank, 0, HEADER_SIZE);
    put_le32(nvram->bank, MAGIC);
    put_le32(nvram->bank + 4, (uint32_t)nvram->size);
    put_le32(nvram->bank + 8, nvram->generation + 1);
    nvram->bank[12] = STATE_HEALTHY;
    nvram->bank[13] = FORMATTED;
    nvram->bank[14] = VERSION;
    /* Half for each scope, as the limits that the system then keeps to. */
    put_le32(nvram->bank + 16, (uint32_t)(nvram->size - HEADER_SIZE) / 2);
    put_le32(nvram->bank + 20, (uint32_t)(nvram->size - HEADER_SIZE) / 2);
    return 0;
}

/* The first free byte; the bank has been read before, so that its records are sound. */
static size_t end_of_records(const struct nvram *nvram)
{
    struct record record;
    size_t at = HEADER_SIZE;
    while (read_record(nvram, at, &record, NULL) > 0)
        at += record.size;
    return at;
}

/* Flash is written once: bytes that are not erased are no room, and could be old records. */
static bool is_erased(const struct nvram *nvram, size_t at)
{
    while (at < store_size(nvram) && nvram->bank[at] == 0xff)
        at++;
    return at == store_size(nvram);
}

/* Appends VARIABLE; false when there is no room. */
static bool append(struct nvram *nvram, const struct nvram_variable *variable, uint32_t attributes)
{
    const size_t at = end_of_records(nvram), name_size = strlen(variable->name) + 1;
    const size_t left = store_size(nvram) - at, head = RECORD_SIZE + name_size;
    if (head > left || variable->size > left - head || !is_erased(nvram, at))
        return false;
    uint8_t *p = nvram->bank + at;
    memset(p, 0, RECORD_SIZE);
    p[0] = RECORD_MARK & 0xff;
    p[1] = RECORD_MARK >> 8;
    p[2] = STATE_ADDED;
    put_le32(p + 4, attributes);
    put_le32(p + 8, (uint32_t)name_size);
    put_le32(p + 12, (uint32_t)variable->size);
    memcpy(p + 16, guids[variable->scope], 16);
    put_le32(p + 32, (uint32_t)crc32(0, variable->value, (uInt)variable->size));
    memcpy(p + RECORD_SIZE, variable->name, name_size);
    memcpy(p + RECORD_SIZE + name_size, variable->value, variable->size);
    return true;
}

/* Marks every record of OLD's name as deleted. */
static void retire(struct nvram *nvram, const struct nvram_variable *old)
{
    struct record record;
    for (size_t at = HEADER_SIZE; read_record(nvram, at, &record, NULL) > 0; at += record.size)
        if (record.state == STATE_ADDED && !memcmp(nvram->bank + at + 16, old->guid, 16) &&
            !strcmp((const char *)record.name, old->name))
            nvram->bank[at + 2] &= STATE_DELETED & STATE_MOVING;
}

/* Moves the records in force to the start of the store, each as it is. */
static void pack(struct nvram *nvram)
{
    struct record record;
    size_t end = HEADER_SIZE;
    for (size_t at = HEADER_SIZE; read_record(nvram, at, &record, NULL) > 0; at += record.size)
        if (record.state == STATE_ADDED) {
            memmove(nvram->bank + end, nvram->bank + at, record.size);
            end += record.size;
        }
    memset(nvram->bank + end, 0xff, store_size(nvram) - end);
    put_le32(nvram->bank + 8, nvram->generation + 1);
}

static int set_record(struct nvram *nvram, const struct nvram_variable *old,
                      const struct nvram_variable *fresh, struct error *err)
{
    const uint32_t attributes = old ? get_le32(nvram->bank + old->offset + 4) : ATTRIBUTES;
    if (old)
        retire(nvram, old);
    if (!fresh->value || append(nvram, fresh, attributes))
        return 0;
    pack(nvram);
    if (append(nvram, fresh, attributes))
        return 0;
    return error_set(err, ERROR_DATA,
                     "%s: '%s' of %zu bytes does not fit: the store has %zu in all; delete another "
                     "variable first",
                     nvram->file, fresh->name, fresh->size, store_size(nvram));
}

const struct nvram_form nvram_form_v3 = {
    .read = read_store, .format = format_store, .set = set_record};
