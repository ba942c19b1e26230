/* SPDX-License-Identifier: MIT */
/* What the two forms of an NVRAM bank have in common: the list of variables in force, and the rule
 * that a change is made on a copy, read again, and only then kept. Banks that a crash or another's
 * tool left with several variables of one name exist; XNU reads a bank into dictionaries, where the
 * last of them stays. */

#include "nvram.h"

#include <stdlib.h>
#include <string.h>

#include "nvram_internal.h"

#define SIGNATURE_APPLE 0x5a
#define MAGIC_V3        0x4e565633u /* 'NVV3' as a multi-character constant */

static const struct nvram_form *form_of(enum nvram_format format)
{
    return format == NVRAM_V3 ? &nvram_form_v3 : &nvram_form_chrp;
}

static bool is_v3(const struct blob *in)
{
    return in->size >= 24 && get_le32(in->data) == MAGIC_V3;
}

bool nvram_recognise(const struct blob *in)
{
    static const char name[12] = "nvram", second[12] = "2nvram";
    const bool chrp = in->size >= 32 && in->data[0] == SIGNATURE_APPLE &&
                      (!memcmp(in->data + 4, name, 12) || !memcmp(in->data + 4, second, 12));
    return chrp || is_v3(in);
}

struct blob nvram_blob(const struct nvram *nvram)
{
    return (struct blob){.data = nvram->bank, .size = nvram->size, .name = nvram->file};
}

int nvram_no_memory(const struct nvram *nvram, struct error *err)
{
    return error_set(err, ERROR_OS, "%s: no memory for the NVRAM", nvram->file);
}

int nvram_append(struct nvram *nvram, const struct nvram_variable *like, const void *name,
                 size_t name_size, const void *value, size_t size)
{
    struct nvram_variable *variable = calloc(1, sizeof(*variable));
    char *name_copy = strndup(name, name_size);
    uint8_t *value_copy = malloc(size + 1);
    if (!variable || !name_copy || !value_copy) {
        free(variable);
        free(name_copy);
        free(value_copy);
        return -1;
    }
    if (size)
        memcpy(value_copy, value, size);
    value_copy[size] = 0;
    *variable = *like;
    variable->name = name_copy;
    variable->value = value_copy;
    variable->size = size;
    variable->next = nvram->variables;
    nvram->variables = variable;
    return 0;
}

static void free_variable(struct nvram_variable *variable)
{
    free(variable->name);
    free(variable->value);
    free(variable);
}

void nvram_free(struct nvram *nvram)
{
    for (struct nvram_variable *variable = nvram->variables, *next; variable; variable = next) {
        next = variable->next;
        free_variable(variable);
    }
    free(nvram->bank);
    *nvram = (struct nvram){0};
}

static int compare_names(const struct nvram_variable *a, const struct nvram_variable *b)
{
    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    const int order = memcmp(a->guid, b->guid, sizeof(a->guid));
    return order ? order : strcmp(a->name, b->name);
}

static int by_offset(const void *a, const void *b)
{
    const struct nvram_variable *x = *(struct nvram_variable *const *)a;
    const struct nvram_variable *y = *(struct nvram_variable *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Of one name, the last in the bank first. */
static int by_name(const void *a, const void *b)
{
    const int order =
        compare_names(*(struct nvram_variable *const *)a, *(struct nvram_variable *const *)b);
    return order ? order : by_offset(b, a);
}

/* Leaves the variables that are in force, the last of each name, in the bank's order. */
static int settle(struct nvram *nvram, struct error *err)
{
    size_t count = 0, kept = 0;
    for (const struct nvram_variable *v = nvram->variables; v; v = v->next)
        count++;
    struct nvram_variable **all = malloc((count + 1) * sizeof(*all));
    if (!all)
        return nvram_no_memory(nvram, err);
    count = 0;
    for (struct nvram_variable *v = nvram->variables; v; v = v->next)
        all[count++] = v;
    qsort(all, count, sizeof(*all), by_name);
    for (size_t i = 0; i < count; i++) {
        if (kept && !compare_names(all[kept - 1], all[i]))
            free_variable(all[i]);
        else
            all[kept++] = all[i];
    }
    qsort(all, kept, sizeof(*all), by_offset);
    nvram->variables = NULL;
    while (kept--) {
        all[kept]->next = nvram->variables;
        nvram->variables = all[kept];
    }
    free(all);
    return 0;
}

static int read_bank(struct nvram *nvram, struct error *err)
{
    return form_of(nvram->format)->read(nvram, err) || settle(nvram, err) ? -1 : 0;
}

int nvram_open(const struct blob *in, struct nvram *out, struct error *err)
{
    *out = (struct nvram){.format = is_v3(in) ? NVRAM_V3 : NVRAM_CHRP,
                          .size = in->size,
                          .file = in->name,
                          .bank = malloc(in->size ? in->size : 1)};
    if (!out->bank)
        return nvram_no_memory(out, err);
    if (in->size)
        memcpy(out->bank, in->data, in->size);
    if (!read_bank(out, err))
        return 0;
    nvram_free(out);
    return -1;
}

int nvram_new(enum nvram_format format, size_t size, struct nvram *out, struct error *err)
{
    *out =
        (struct nvram){.format = format, .size = size, .file = "NVRAM", .bank = malloc(size + 1)};
    if (!out->bank)
        return nvram_no_memory(out, err);
    if (!form_of(format)->format(out, err) && !read_bank(out, err))
        return 0;
    nvram_free(out);
    return -1;
}

const struct nvram_variable *nvram_get(const struct nvram *nvram, enum nvram_scope scope,
                                       const char *name)
{
    for (const struct nvram_variable *variable = nvram->variables; variable;
         variable = variable->next)
        if (variable->scope == scope && !strcmp(variable->name, name))
            return variable;
    return NULL;
}

int nvram_set(struct nvram *nvram, enum nvram_scope scope, const char *name, const void *value,
              size_t size, struct error *err)
{
    if (!*name || strchr(name, '='))
        return error_set(err, ERROR_USAGE, "'%s' is no name for an NVRAM variable", name);
    if (scope == NVRAM_OTHER)
        return error_set(err, ERROR_USAGE, "'%s': only common and system variables are set", name);
    struct nvram changed = *nvram;
    const struct nvram_variable fresh = {
        .scope = scope, .name = (char *)name, .value = (uint8_t *)value, .size = size};
    changed.bank = malloc(nvram->size + 1);
    if (!changed.bank)
        return nvram_no_memory(nvram, err);
    memcpy(changed.bank, nvram->bank, nvram->size);
    int result = form_of(nvram->format)->set(&changed, nvram_get(nvram, scope, name), &fresh, err);
    changed.variables = NULL;
    if (!result)
        result = read_bank(&changed, err);
    nvram_free(result ? &changed : nvram);
    if (!result)
        *nvram = changed;
    return result;
}

const char *nvram_scope_name(enum nvram_scope scope)
{
    static const char *const names[] = {"common", "system", "other"};
    return names[scope];
}
