/* SPDX-License-Identifier: MIT */
/* `pomona tc create|info|append|remove|region`: trust caches, bare or in an IM4P. */

#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"
#include "image/trust_collect.h"

#define MOST_OPERANDS 4096
#define MOST_MODULES  256

struct values {
    bool json;
    const char *output;
    uint64_t version;
    struct key_options keys;
};

#define OUTPUT                                                                                     \
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "what is made; default: standard output")
#define MADE_JSON OPTION("json", 0, OPTION_FLAG, json, NULL, WRITTEN_AS_JSON)

static const struct option create_options[] = {
    OUTPUT,
    OPTION("version", 'v', OPTION_NUMBER, version, "N", "of the format: 1 (default) or 2"),
    MADE_JSON,
    KEY_OPTIONS,
    {0},
};
static const struct option change_options[] = {
    OUTPUT,
    MADE_JSON,
    KEY_OPTIONS,
    {0},
};
static const struct option info_options[] = {
    OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON"),
    KEY_OPTIONS,
    {0},
};

/* ---- reading ---- */

static int cache_open(const char *path, const struct key_options *keys, struct blob *file,
                      struct trust_cache *cache, struct error *err)
{
    if (input_open_plain(file, path, keys, err))
        return -1;
    if (!trust_cache_parse(file, cache, err))
        return 0;
    blob_free(file);
    return -1;
}

static json_t *cache_json(const struct trust_cache *cache)
{
    static const char *const hashes[] = {"none",    "SHA-1",  "SHA-256", "SHA-256 truncated",
                                         "SHA-384", "SHA-512"};
    json_t *entries = json_array();
    for (size_t i = 0; i < cache->count; i++) {
        const struct trust_entry *entry = &cache->entries[i];
        json_array_append_new(
            entries,
            json_pack("{s:o, s:s, s:i, s:i}", "cdhash", json_hex(entry->cdhash, 20), "hash",
                      entry->hash_type <= TRUST_SHA512 ? hashes[entry->hash_type] : "unknown",
                      "flags", (int)entry->flags, "category", (int)entry->category));
    }
    return json_pack("{s:i, s:o, s:i, s:o}", "version", (int)cache->version, "uuid",
                     json_hex(cache->uuid, 16), "count", (int)cache->count, "entries", entries);
}

static int module_json(const struct blob *in, json_t *array, struct error *err)
{
    struct trust_cache cache;
    if (trust_cache_parse(in, &cache, err))
        return -1;
    json_array_append_new(array, cache_json(&cache));
    trust_cache_free(&cache);
    return 0;
}

/* Every module of a region, or the one that FILE is. */
static int file_json(const struct blob *file, json_t *array, struct error *err)
{
    struct blob modules[MOST_MODULES];
    if (trust_cache_recognise(file) || !trust_region_recognise(file))
        return module_json(file, array, err);
    const int count = trust_region_parse(file, modules, MOST_MODULES, err);
    for (int i = 0; i < count && i < MOST_MODULES; i++)
        if (module_json(&modules[i], array, err))
            return -1;
    return count < 0 ? -1 : 0;
}

static void print_caches(const json_t *array)
{
    size_t i, j;
    json_t *cache, *entry;
    json_array_foreach((json_t *)array, i, cache)
    {
        printf("version %d, UUID %s, %d hashes\n",
               (int)json_integer_value(json_object_get(cache, "version")),
               json_string_value(json_object_get(cache, "uuid")),
               (int)json_integer_value(json_object_get(cache, "count")));
        json_array_foreach(json_object_get(cache, "entries"), j, entry)
        {
            printf("%s %s flags %d category %d\n",
                   json_string_value(json_object_get(entry, "cdhash")),
                   json_string_value(json_object_get(entry, "hash")),
                   (int)json_integer_value(json_object_get(entry, "flags")),
                   (int)json_integer_value(json_object_get(entry, "category")));
        }
    }
}

static int run_info(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct blob file;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (input_open_plain(&file, operands.items[0], &values.keys, &err))
        return report(&err);
    json_t *array = json_array();
    const int result = file_json(&file, array, &err);
    blob_free(&file);
    if (!result && values.json)
        return print_json(array);
    if (!result)
        print_caches(array);
    json_decref(array);
    return result ? report(&err) : finish_output();
}

/* ---- making ---- */

/* 40 hexadecimal digits. */
static bool parse_hash(const char *text, uint8_t out[CDHASH_SIZE])
{
    if (strlen(text) != 2 * CDHASH_SIZE || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
        return false;
    for (size_t i = 0; i < CDHASH_SIZE; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static int collect(struct trust_collection *collection, const char *item, struct error *err)
{
    struct trust_entry entry = {.hash_type = TRUST_SHA256};
    bool added;
    if (!parse_hash(item, entry.cdhash))
        return trust_collect(collection, item, err);
    return trust_cache_add(&collection->cache, &entry, &added)
               ? error_set(err, ERROR_OS, "out of memory")
               : 0;
}

static int write_cache(const struct values *values, const struct trust_cache *cache,
                       struct error *err)
{
    struct blob out;
    if (trust_cache_write(cache, &out, err))
        return -1;
    const int result = write_made(values->output, values->json, &out, err);
    blob_free(&out);
    return result;
}

/* Adds the operands from FIRST on and writes the cache. */
static int finish(struct trust_collection *collection, const struct values *values,
                  const struct operands *operands, unsigned first, struct error *err)
{
    struct reading reading;
    int result = reading_start(&reading, &values->keys, false, err);
    collection->context = &reading.context;
    for (unsigned i = first; !result && i < operands->count; i++)
        result = collect(collection, operands->items[i], err);
    reading_end(&reading);
    if (!result && collection->programs && collection->unsigned_programs == collection->programs)
        result = error_set(err, ERROR_DATA, "%s: none of %zu programs is signed: sign them first",
                           operands->items[first], collection->programs);
    if (!result && collection->unsigned_programs)
        fprintf(stderr, "pomona: %zu of %zu programs are not signed and were left out\n",
                collection->unsigned_programs, collection->programs);
    if (!result && collection->cache.version)
        trust_collection_finish(collection);
    if (!result)
        result = write_cache(values, &collection->cache, err);
    trust_cache_free(&collection->cache);
    return result;
}

static int run_create(const struct verb *self, int argc, char **argv)
{
    struct values values = {.version = 1};
    struct operands operands;
    struct error err = {0};
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (values.version < 1 || values.version > 2)
        return usage(self);
    struct trust_collection collection = {.cache.version = (uint32_t)values.version};
    return finish(&collection, &values, &operands, 0, &err) ? report(&err) : 0;
}

static int run_append(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct trust_collection collection = {0};
    struct blob file;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (cache_open(operands.items[0], &values.keys, &file, &collection.cache, &err))
        return report(&err);
    const int result = finish(&collection, &values, &operands, 1, &err);
    blob_free(&file);
    return result ? report(&err) : 0;
}

static int remove_all(struct trust_cache *cache, const struct operands *operands, struct error *err)
{
    for (unsigned i = 1; i < operands->count; i++) {
        uint8_t hash[CDHASH_SIZE];
        if (!parse_hash(operands->items[i], hash))
            return error_set(err, ERROR_USAGE, "'%s' is no hash of 40 hexadecimal digits",
                             operands->items[i]);
        if (!trust_cache_remove(cache, hash))
            return error_set(err, ERROR_DATA, "%s: there is no %s in it", operands->items[0],
                             operands->items[i]);
    }
    return 0;
}

static int run_remove(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct trust_cache cache;
    struct blob file;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (cache_open(operands.items[0], &values.keys, &file, &cache, &err))
        return report(&err);
    int result = remove_all(&cache, &operands, &err);
    if (!result)
        result = write_cache(&values, &cache, &err);
    trust_cache_free(&cache);
    blob_free(&file);
    return result ? report(&err) : 0;
}

/* ---- regions ---- */

static int check_module(const struct blob *module, struct error *err)
{
    struct trust_cache cache;
    if (trust_cache_parse(module, &cache, err))
        return -1;
    trust_cache_free(&cache);
    return 0;
}

static int run_region(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct blob modules[MOST_MODULES], out;
    unsigned count = 0;
    int status, result = 0;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    for (; !result && count < operands.count; count += !result) {
        result = input_open_plain(&modules[count], operands.items[count], &values.keys, &err);
        if (!result && (result = check_module(&modules[count], &err)))
            blob_free(&modules[count]);
    }
    if (!result && !(result = trust_region_write(modules, count, &out, &err))) {
        result = write_made(values.output, values.json, &out, &err);
        blob_free(&out);
    }
    for (unsigned i = 0; i < count; i++)
        blob_free(&modules[i]);
    return result ? report(&err) : 0;
}

const struct verb verb_tc_create = {
    .name = "tc create",
    .synopsis = "[-o FILE [--json]] [-v 1|2] PROGRAM|FOLDER|IMAGE|HASH...",
    .summary = "makes a trust cache of the programs' code directories",
    .options = create_options,
    .min_operands = 1,
    .max_operands = MOST_OPERANDS,
    .run = run_create,
};
const struct verb verb_tc_info = {
    .name = "tc info",
    .synopsis = "[--json] FILE",
    .summary = "prints a trust cache, or each of a region",
    .options = info_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_info,
};
const struct verb verb_tc_append = {
    .name = "tc append",
    .synopsis = "[-o FILE [--json]] TRUSTCACHE PROGRAM|FOLDER|IMAGE|HASH...",
    .summary = "adds programs to a trust cache",
    .options = change_options,
    .min_operands = 2,
    .max_operands = MOST_OPERANDS,
    .run = run_append,
};
const struct verb verb_tc_remove = {
    .name = "tc remove",
    .synopsis = "[-o FILE [--json]] TRUSTCACHE HASH...",
    .summary = "takes hashes out of a trust cache",
    .options = change_options,
    .min_operands = 2,
    .max_operands = MOST_OPERANDS,
    .run = run_remove,
};
const struct verb verb_tc_region = {
    .name = "tc region",
    .synopsis = "[-o FILE [--json]] TRUSTCACHE...",
    .summary = "makes the region that a boot loader hands over of trust caches",
    .options = change_options,
    .min_operands = 1,
    .max_operands = MOST_MODULES,
    .run = run_region,
};
