/* SPDX-License-Identifier: MIT */
/* `pomona adt print|get|json|build|diff|check`: Apple device trees read, made and compared; `adt
 * edit` is in cmd_adt_edit.c. What `diff` prints is what `edit --apply` takes. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/adt_input.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/adt_text.h"
#include "image/container.h"

struct values {
    bool json, raw;
    const char *output;
    struct key_options keys;
};

#define OUTPUT                                                                                     \
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "what is made; default: standard output")
#define JSON OPTION("json", 0, OPTION_FLAG, json, NULL, "prints as JSON")

static const struct option print_options[] = {
    JSON,
    KEY_OPTIONS,
    {0},
};
static const struct option json_options[] = {KEY_OPTIONS, {0}};
static const struct option get_options[] = {
    OPTION("raw", 0, OPTION_FLAG, raw, NULL, "the value's bytes and nothing else"),
    JSON,
    KEY_OPTIONS,
    {0},
};
static const struct option build_options[] = {
    OUTPUT, OPTION("json", 0, OPTION_FLAG, json, NULL, WRITTEN_AS_JSON), {0}};

/* ---- print, json, get ---- */

static void print_property(const struct adt_property *p, int indent)
{
    char *value = adt_format_value(p);
    printf("%*s%s = %s%s\n", indent, "", p->name, value ? value : "",
           p->placeholder ? " (placeholder)" : "");
    free(value);
}

static void print_node(const struct adt_node *node, int indent)
{
    char path[1024];
    adt_path(node, path, sizeof(path));
    printf("%*s%s\n", indent, "", path);
    for (const struct adt_property *p = node->properties; p; p = p->next)
        print_property(p, indent + 4);
    for (const struct adt_node *child = node->children; child; child = child->next)
        print_node(child, indent + 2);
}

static json_t *property_json(const struct adt_property *p)
{
    char *value = adt_format_value(p), *colon = value ? strchr(value, ':') : NULL;
    if (!colon)
        return NULL;
    *colon = 0;
    json_t *out = json_pack("{s:o, s:s, s:s}", "name", json_text(p->name, strlen(p->name)), "type",
                            value, "value", colon + 1);
    if (p->placeholder)
        json_object_set_new(out, "placeholder", json_true());
    free(value);
    return out;
}

static json_t *node_json(const struct adt_node *node)
{
    json_t *properties = json_array(), *children = json_array();
    for (const struct adt_property *p = node->properties; p; p = p->next)
        json_array_append_new(properties, property_json(p));
    for (const struct adt_node *child = node->children; child; child = child->next)
        json_array_append_new(children, node_json(child));
    return json_pack("{s:o, s:o}", "properties", properties, "children", children);
}

static int show(const struct verb *self, int argc, char **argv, bool always_json)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct adt_input in;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (adt_input_open(operands.items[0], &values.keys, &in, &err))
        return report(&err);
    const char *path = operands.count > 1 ? operands.items[1] : "/";
    const struct adt_node *node = adt_walk(in.root, path);
    if (!node)
        error_set(&err, ERROR_DATA, "%s: no node %s", operands.items[0], path);
    else if (values.json || always_json)
        print_json(node_json(node));
    else
        print_node(node, 0);
    adt_input_close(&in);
    return node ? finish_output() : report(&err);
}

static int run_print(const struct verb *self, int argc, char **argv)
{
    return show(self, argc, argv, false);
}

static int run_json(const struct verb *self, int argc, char **argv)
{
    return show(self, argc, argv, true);
}

static int print_found(const struct values *values, const struct adt_property *p, struct error *err)
{
    const struct blob bytes = {.data = p->value, .size = p->size, .name = p->name};
    if (values->raw)
        return write_blob(NULL, &bytes, err);
    if (values->json)
        return print_json(property_json(p)) ? -1 : 0;
    char *value = adt_format_value(p);
    puts(value ? strchr(value, ':') + 1 : "");
    free(value);
    return 0;
}

static int run_get(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct adt_input in;
    int status, result = -1;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (!strchr(operands.items[1], ':'))
        return usage(self);
    if (adt_input_open(operands.items[0], &values.keys, &in, &err))
        return report(&err);
    const char *colon = strchr(operands.items[1], ':');
    char *path = strndup(operands.items[1], (size_t)(colon - operands.items[1]));
    const struct adt_node *node = path ? adt_walk(in.root, path) : NULL;
    const struct adt_property *p = node ? adt_get(node, colon + 1) : NULL;
    if (p)
        result = print_found(&values, p, &err);
    else
        error_set(&err, ERROR_DATA, "%s: no %s; 'adt print' prints what there is",
                  operands.items[0], operands.items[1]);
    free(path);
    adt_input_close(&in);
    return result ? report(&err) : finish_output();
}

/* ---- build ---- */

static int build_property(struct adt_node *node, const json_t *json, struct error *err)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *type = json_string_value(json_object_get(json, "type"));
    const char *text = json_string_value(json_object_get(json, "value"));
    char *both;
    uint8_t *value;
    size_t size;
    if (!name || !*name || strlen(name) > ADT_NAME_MAX || !type || !text)
        return error_set(err, ERROR_DATA,
                         "a property needs a name of 1 to %d characters, a type "
                         "and a value",
                         ADT_NAME_MAX);
    if (asprintf(&both, "%s:%s", type, text) < 0)
        return error_set(err, ERROR_OS, "out of memory");
    int result = adt_parse_value(both, &value, &size, err);
    free(both);
    if (result)
        return -1;
    result =
        adt_append(node, name, value, size, json_is_true(json_object_get(json, "placeholder")));
    free(value);
    return result ? error_set(err, ERROR_OS, "out of memory") : 0;
}

static int build_node(struct adt_node *node, const json_t *json, unsigned depth, struct error *err)
{
    size_t index;
    json_t *item;
    if (!json_is_object(json) || depth > 30)
        return error_set(err, ERROR_DATA, "a node is an object of properties and children");
    json_array_foreach(json_object_get(json, "properties"), index, item)
    {
        if (build_property(node, item, err))
            return -1;
    }
    json_array_foreach(json_object_get(json, "children"), index, item)
    {
        struct adt_node *child = adt_insert_node(node, UINT32_MAX);
        if (!child)
            return error_set(err, ERROR_OS, "out of memory");
        if (build_node(child, item, depth + 1, err))
            return -1;
    }
    return 0;
}

static int run_build(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct blob file;
    json_error_t problem;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (input_open(&file, operands.items[0], NULL, &err))
        return report(&err);
    json_t *json = json_loadb((const char *)file.data, file.size, 0, &problem);
    struct adt_node *root = adt_new();
    int result =
        json ? 0 : blob_error(&file, (uint64_t)problem.position, &err, "no JSON: %s", problem.text);
    if (!result && !root)
        result = error_set(&err, ERROR_OS, "out of memory");
    if (!result)
        result = build_node(root, json, 0, &err);
    if (!result)
        result = adt_output(values.output, values.json, root, &err);
    adt_free(root);
    json_decref(json);
    blob_free(&file);
    return result ? report(&err) : 0;
}

/* ---- diff ---- */

static void print_change(void *context, const char *change)
{
    json_t *array = *(json_t **)context;
    if (array)
        json_array_append_new(array, json_text(change, strlen(change)));
    else
        puts(change);
}

static int run_diff(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct adt_input a, b;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (adt_input_open(operands.items[0], &values.keys, &a, &err))
        return report(&err);
    if (adt_input_open(operands.items[1], &values.keys, &b, &err)) {
        adt_input_close(&a);
        return report(&err);
    }
    json_t *array = values.json ? json_array() : NULL;
    const int result = adt_diff(a.root, b.root, print_change, &array, &err);
    adt_input_close(&a);
    adt_input_close(&b);
    if (result)
        return report(&err);
    return array ? print_json(array) : finish_output();
}

/* ---- check ---- */

static void print_finding(void *context, const char *path, const char *property, const char *text)
{
    json_t *array = *(json_t **)context;
    if (array)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "path", path, "property",
                                               property, "problem", text));
    else
        printf("%s%s%s: %s\n", path, *property ? ":" : "", property, text);
}

static int run_check(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct adt_input in;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    if (adt_input_open(operands.items[0], &values.keys, &in, &err))
        return report(&err);
    json_t *array = values.json ? json_array() : NULL;
    const unsigned count = adt_check(in.root, print_finding, &array);
    adt_input_close(&in);
    status = array ? print_json(array) : finish_output();
    return status ? status : count ? ERROR_DATA : 0;
}

/* ---- verbs ---- */

#define VERB(word, arguments, text, table, least, most)                                            \
    const struct verb verb_adt_##word = {.name = "adt " #word,                                     \
                                         .synopsis = arguments,                                    \
                                         .summary = text,                                          \
                                         .options = table,                                         \
                                         .min_operands = least,                                    \
                                         .max_operands = most,                                     \
                                         .run = run_##word}

VERB(print, "[--json] FILE [PATH]", "prints an Apple device tree, values by meaning", print_options,
     1, 2);
VERB(get, "[--raw|--json] FILE PATH:PROPERTY", "prints one property", get_options, 2, 2);
VERB(json, "FILE [PATH]", "prints an Apple device tree as the JSON that 'adt build' takes",
     json_options, 1, 2);
VERB(build, "[-o FILE [--json]] JSON", "makes an Apple device tree of JSON", build_options, 1, 1);
VERB(diff, "[--json] FILE FILE", "prints the changes that make the second tree of the first",
     print_options, 2, 2);
VERB(check, "[--json] FILE", "names what XNU would panic on; exit status 65 if there is anything",
     print_options, 1, 1);
