/* SPDX-License-Identifier: MIT */
/* `pomona nvram new|list|get|set|check`: NVRAM banks, CHRP and NVV3. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"
#include "image/nvram.h"

#define MOST_OPERANDS 256

struct values {
    bool json, raw, system, hex;
    const char *output, *format;
    uint64_t size;
    struct string_list remove;
    struct key_options keys;
};

#define JSON      OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON")
#define MADE_JSON OPTION("json", 0, OPTION_FLAG, json, NULL, WRITTEN_AS_JSON)
#define SYSTEM                                                                                     \
    OPTION("system", 0, OPTION_FLAG, system, NULL, "the system's variables, not the common ones")

static const char *const formats[] = {"chrp", "v3", NULL};

static const struct option new_options[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct values, format), "FORM", formats,
     "of the bank (default: chrp)"},
    OPTION("size", 0, OPTION_SIZE, size, "SIZE", "of the bank in bytes (default: 0x2000)"),
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "the bank; default: standard output"),
    MADE_JSON,
    {0},
};
static const struct option list_options[] = {
    JSON,
    KEY_OPTIONS,
    {0},
};
static const struct option get_options[] = {
    SYSTEM, OPTION("raw", 0, OPTION_FLAG, raw, NULL, "the value's bytes and nothing else"),
    JSON,   KEY_OPTIONS,
    {0},
};
static const struct option set_options[] = {
    SYSTEM,
    OPTION("hex", 0, OPTION_FLAG, hex, NULL, "VALUE is hexadecimal"),
    OPTION("delete", 0, OPTION_LIST, remove, "NAME", "deletes the variable"),
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "writes here instead of over FILE"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, "says as JSON what was written"),
    KEY_OPTIONS,
    {0},
};

static int bank_open(const char *path, const struct key_options *keys, struct blob *file,
                     struct nvram *nvram, struct error *err)
{
    if (input_open_plain(file, path, keys, err))
        return -1;
    if (!nvram_open(file, nvram, err))
        return 0;
    blob_free(file);
    return -1;
}

static int bank_write(const char *path, bool json, const struct nvram *nvram, struct error *err)
{
    const struct blob out = {.data = nvram->bank, .size = nvram->size, .name = path};
    return write_made(path, json, &out, err);
}

static int run_new(const struct verb *self, int argc, char **argv)
{
    struct values values = {.size = 0x2000};
    struct operands operands;
    struct error err = {0};
    struct nvram nvram;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    const bool v3 = values.format && !strcmp(values.format, "v3");
    if (nvram_new(v3 ? NVRAM_V3 : NVRAM_CHRP, values.size, &nvram, &err))
        return report(&err);
    const int result = bank_write(values.output, values.json, &nvram, &err);
    nvram_free(&nvram);
    return result ? report(&err) : 0;
}

/* ---- list, get, check ---- */

static bool is_text(const struct nvram_variable *variable)
{
    for (size_t i = 0; i < variable->size; i++)
        if (!isprint(variable->value[i]))
            return false;
    return true;
}

static json_t *variable_json(const struct nvram_variable *variable)
{
    json_t *out = json_pack("{s:s, s:o}", "scope", nvram_scope_name(variable->scope), "name",
                            json_text(variable->name, strlen(variable->name)));
    if (variable->scope == NVRAM_OTHER)
        json_object_set_new(out, "guid", json_hex(variable->guid, 16));
    if (is_text(variable))
        json_object_set_new(out, "value", json_text((const char *)variable->value, variable->size));
    else
        json_object_set_new(out, "hex", json_hex(variable->value, variable->size));
    return out;
}

static void print_value(const struct nvram_variable *variable)
{
    if (is_text(variable)) {
        print_text((const char *)variable->value, variable->size);
    } else {
        for (size_t i = 0; i < variable->size; i++)
            printf("%%%02x", variable->value[i]);
    }
    putchar('\n');
}

static int run_list(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct nvram nvram;
    struct blob file;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (bank_open(operands.items[0], &values.keys, &file, &nvram, &err))
        return report(&err);
    json_t *array = values.json ? json_array() : NULL;
    for (const struct nvram_variable *v = nvram.variables; v; v = v->next) {
        if (array) {
            json_array_append_new(array, variable_json(v));
            continue;
        }
        printf("%s:", nvram_scope_name(v->scope));
        print_text(v->name, strlen(v->name));
        putchar('=');
        print_value(v);
    }
    nvram_free(&nvram);
    blob_free(&file);
    return array ? print_json(array) : finish_output();
}

static int run_get(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct nvram nvram;
    struct blob file;
    int status, result = 0;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (bank_open(operands.items[0], &values.keys, &file, &nvram, &err))
        return report(&err);
    const struct nvram_variable *variable =
        nvram_get(&nvram, values.system ? NVRAM_SYSTEM : NVRAM_COMMON, operands.items[1]);
    if (!variable) {
        result = error_set(&err, ERROR_DATA, "%s: no variable '%s'; 'nvram list' prints all",
                           operands.items[0], operands.items[1]);
    } else if (values.raw) {
        const struct blob value = {.data = variable->value, .size = variable->size, .name = ""};
        result = write_blob(NULL, &value, &err);
    } else if (values.json) {
        print_json(variable_json(variable));
    } else {
        print_value(variable);
    }
    nvram_free(&nvram);
    blob_free(&file);
    return result ? report(&err) : finish_output();
}

static int run_check(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct nvram nvram;
    struct blob file;
    size_t count = 0;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (bank_open(operands.items[0], &values.keys, &file, &nvram, &err))
        return report(&err);
    for (const struct nvram_variable *v = nvram.variables; v; v = v->next)
        count++;
    const char *format = nvram.format == NVRAM_V3 ? "NVV3" : "CHRP";
    if (values.json)
        print_json(json_pack("{s:s, s:i, s:i, s:i}", "format", format, "size", (int)nvram.size,
                             "generation", (int)nvram.generation, "variables", (int)count));
    else
        printf("%s bank of 0x%zx bytes, generation %u, %zu variables: sound\n", format, nvram.size,
               nvram.generation, count);
    nvram_free(&nvram);
    blob_free(&file);
    return finish_output();
}

/* ---- set ---- */

/* VALUE of "NAME=VALUE", decoded in place when it is hexadecimal. */
static int decode_hex(char *text, size_t *size, struct error *err)
{
    const size_t length = strlen(text);
    for (size_t i = 0; i + 1 < length; i += 2) {
        const char digits[3] = {text[i], text[i + 1], 0};
        char *end;
        text[i / 2] = (char)strtoul(digits, &end, 16);
        if (*end)
            return error_set(err, ERROR_USAGE, "--hex: pairs of hexadecimal digits are needed");
    }
    *size = length / 2;
    return length % 2 ? error_set(err, ERROR_USAGE, "--hex: an odd number of digits") : 0;
}

static int set_one(const struct values *values, struct nvram *nvram, const char *item,
                   struct error *err)
{
    char *copy = strdup(item), *equals = copy ? strchr(copy, '=') : NULL;
    if (!equals) {
        free(copy);
        return error_set(err, ERROR_USAGE, "'%s' is not NAME=VALUE", item);
    }
    *equals = 0;
    size_t size = strlen(equals + 1);
    int result = values->hex ? decode_hex(equals + 1, &size, err) : 0;
    if (!result)
        result = nvram_set(nvram, values->system ? NVRAM_SYSTEM : NVRAM_COMMON, copy, equals + 1,
                           size, err);
    free(copy);
    return result;
}

static int change(const struct values *values, struct nvram *nvram, const struct operands *operands,
                  struct error *err)
{
    const enum nvram_scope scope = values->system ? NVRAM_SYSTEM : NVRAM_COMMON;
    for (size_t i = 0; i < values->remove.count; i++) {
        if (!nvram_get(nvram, scope, values->remove.items[i]))
            return error_set(err, ERROR_DATA, "%s: no variable '%s'; 'nvram list' prints all",
                             operands->items[0], values->remove.items[i]);
        if (nvram_set(nvram, scope, values->remove.items[i], NULL, 0, err))
            return -1;
    }
    for (unsigned i = 1; i < operands->count; i++)
        if (set_one(values, nvram, operands->items[i], err))
            return -1;
    return 0;
}

static int run_set(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct nvram nvram;
    struct blob file;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (operands.count < 2 && !values.remove.count)
        return usage(self);
    int result = bank_open(operands.items[0], &values.keys, &file, &nvram, &err);
    if (!result) {
        result = change(&values, &nvram, &operands, &err);
        if (!result)
            result = bank_write(values.output ? values.output : operands.items[0], values.json,
                                &nvram, &err);
        nvram_free(&nvram);
        blob_free(&file);
    }
    string_list_free(&values.remove);
    return result ? report(&err) : 0;
}

const struct verb verb_nvram_new = {
    .name = "nvram new",
    .synopsis = "[OPTIONS]",
    .summary = "makes an empty NVRAM bank",
    .options = new_options,
    .run = run_new,
};
const struct verb verb_nvram_list = {
    .name = "nvram list",
    .synopsis = "[--json] FILE",
    .summary = "prints the variables of an NVRAM bank",
    .options = list_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_list,
};
const struct verb verb_nvram_get = {
    .name = "nvram get",
    .synopsis = "[OPTIONS] FILE NAME",
    .summary = "prints one variable of an NVRAM bank",
    .options = get_options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run_get,
};
const struct verb verb_nvram_set = {
    .name = "nvram set",
    .synopsis = "[OPTIONS] FILE NAME=VALUE...",
    .summary = "sets variables in an NVRAM bank, as firmware does",
    .options = set_options,
    .min_operands = 1,
    .max_operands = MOST_OPERANDS,
    .run = run_set,
};
const struct verb verb_nvram_check = {
    .name = "nvram check",
    .synopsis = "[--json] FILE",
    .summary = "says whether an NVRAM bank is sound; exit status 65 if not",
    .options = list_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_check,
};
