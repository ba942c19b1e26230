/* SPDX-License-Identifier: MIT */
/* `pomona adt edit`: presets, what a machine needs, single changes; what `adt diff` prints can be
 * applied, so that any edit can be taken back. */

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "boot/xnu_tree.h"
#include "cli/adt_input.h"
#include "cli/describe.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "image/container.h"
#include "image/nvram.h"

struct values {
    bool amcc, clear, json;
    const char *output, *preset, *ram, *nvram, *sip, *board, *apply, *undo, *seed;
    uint64_t cpus;
    struct string_list keep, disable, set, del;
    struct key_options keys;
};

static const char *const presets[] = {"virt-macos11", "vma2", "m1", NULL};

static const struct option edit_options[] = {
    OPTION("output", 'o', OPTION_FILE, output, "FILE", "what is made; default: standard output"),
    OPTION("json", 0, OPTION_FLAG, json, NULL, WRITTEN_AS_JSON),
    {"preset", 0, OPTION_CHOICE, offsetof(struct values, preset), "NAME", presets,
     "virt-macos11: another device's tree for a board that has none of its devices; vma2: the "
     "virtual Mac's, with the registers of --board; m1: a Mac whose first USB port is the "
     "console's"},
    OPTION("board", 0, OPTION_STRING, board, "BOARD",
           "gives uart0, gic, rtc, buttons, pcie and arm-io this board's registers (virt, vmapple; "
           "--preset vma2: virt)"),
    OPTION("cpus", 0, OPTION_NUMBER, cpus, "N",
           "--preset m1: keeps so many CPUs; --board: has them"),
    OPTION("keep-compatible", 0, OPTION_LIST, keep, "TEXT",
           "--preset virt-macos11: this 'compatible' stays (besides uart-1,samsung; \"a,*\": all "
           "that begin so)"),
    OPTION("ram", 0, OPTION_STRING, ram, "BASE:SIZE", "where memory is (0x40000000:6G)"),
    OPTION("nvram", 0, OPTION_FILE, nvram, "FILE",
           "an NVRAM bank; --preset virt-macos11: default "
           "an empty one of 8 KiB"),
    OPTION("seed", 0, OPTION_STRING, seed, "HEX",
           "/chosen random-seed (128 digits; default: random)"),
    OPTION("sip", 0, OPTION_STRING, sip, "BITS", "System Integrity Protection's csr bits"),
    OPTION("amcc", 0, OPTION_FLAG, amcc, NULL,
           "registers of a memory controller without apertures, for kernels that lock memory"),
    OPTION("disable", 0, OPTION_LIST, disable, "PATH", "no driver finds this node any more"),
    OPTION("set", 0, OPTION_LIST, set, "PATH:PROP=TYPE:VALUE",
           "sets a property: str:TEXT, strs:A|B, u32:N,..., u64:N,..., hex:DIGITS; +PATH makes a "
           "node"),
    OPTION("del", 0, OPTION_LIST, del, "PATH[:PROP]", "deletes a property or a node"),
    OPTION("apply", 0, OPTION_FILE, apply, "FILE", "makes the changes that 'adt diff' printed"),
    OPTION("undo", 0, OPTION_FILE, undo, "FILE", "writes what --apply takes to go back"),
    OPTION("clear-placeholders", 0, OPTION_FLAG, clear, NULL,
           "clears the bit of lengths on which XNU panics"),
    KEY_OPTIONS,
    {0},
};

int adt_input_open(const char *path, const struct key_options *keys, struct adt_input *in,
                   struct error *err)
{
    if (input_open_plain(&in->file, path, keys, err))
        return -1;
    if (!adt_parse(&in->file, &in->root, err))
        return 0;
    blob_free(&in->file);
    return -1;
}

void adt_input_close(struct adt_input *in)
{
    adt_free(in->root);
    blob_free(&in->file);
}

int adt_output(const char *path, bool json, const struct adt_node *root, struct error *err)
{
    struct blob out;
    if (adt_write_exact(root, &out, err))
        return -1;
    const int result = write_made(path, json, &out, err);
    blob_free(&out);
    return result;
}

static int edit_memory(const struct values *values, struct adt_node *chosen, struct error *err)
{
    const char *colon = strchr(values->ram, ':');
    char *base_text = colon ? strndup(values->ram, (size_t)(colon - values->ram)) : NULL;
    uint64_t base, size;
    const bool good = base_text && parse_size(base_text, &base) && parse_size(colon + 1, &size);
    free(base_text);
    if (!good)
        return error_set(err, ERROR_USAGE, "--ram: '%s' is no BASE:SIZE", values->ram);
    return adt_set_u64(chosen, "dram-base", base) | adt_set_u64(chosen, "dram-size", size)
               ? error_set(err, ERROR_OS, "out of memory")
               : 0;
}

/* The bank of --nvram, or an empty one. */
static int edit_nvram(const struct values *values, struct adt_node *chosen, struct error *err)
{
    struct nvram nvram;
    struct blob file = {0};
    int result = values->nvram ? input_open(&file, values->nvram, &values->keys, err) ||
                                     nvram_open(&file, &nvram, err)
                               : nvram_new(NVRAM_CHRP, XNU_NVRAM_SIZE, &nvram, err);
    if (!result) {
        const uint32_t size = (uint32_t)nvram.size;
        result = adt_set_u32(chosen, "nvram-total-size", size) |
                 adt_set_u32(chosen, "nvram-bank-size", size) |
                 adt_set_u32(chosen, "nvram-bank-count", 1) |
                 adt_set(chosen, "nvram-proxy-data", nvram.bank, nvram.size);
        if (result)
            error_set(err, ERROR_OS, "out of memory");
        nvram_free(&nvram);
    }
    blob_free(&file);
    return result ? -1 : 0;
}

static int edit_seed(const struct values *values, struct adt_node *chosen, struct error *err)
{
    uint8_t seed[XNU_SEED_SIZE], *parsed = NULL;
    size_t size = sizeof(seed);
    char text[2 * XNU_SEED_SIZE + 8];
    if (values->seed) {
        snprintf(text, sizeof(text), "hex:%s", values->seed);
        if (strlen(values->seed) != 2 * sizeof(seed) || adt_parse_value(text, &parsed, &size, err))
            return error_set(err, ERROR_USAGE, "--seed: 128 hexadecimal digits are needed");
        memcpy(seed, parsed, sizeof(seed));
        free(parsed);
    } else if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        return error_set(err, ERROR_OS, "the host gives no random numbers");
    }
    return adt_set(chosen, "random-seed", seed, sizeof(seed))
               ? error_set(err, ERROR_OS, "out of memory")
               : 0;
}

static int edit_preset(const struct values *values, struct adt_node *root, struct error *err)
{
    const char **keep = calloc(values->keep.count + 2, sizeof(*keep));
    if (!keep)
        return error_set(err, ERROR_OS, "out of memory");
    keep[0] = "uart-1,samsung";
    for (size_t i = 0; i < values->keep.count; i++)
        keep[i + 1] = values->keep.items[i];
    const struct adt_preset_values preset = {.keep = keep, .cpus = (unsigned)values->cpus};
    const int result = adt_preset(root, values->preset, &preset, err);
    free(keep);
    return result;
}

static int edit_board(const struct values *values, const char *name, struct adt_node *root,
                      struct error *err)
{
    const struct board *board = board_from_name(name, err);
    if (!board)
        return -1;
    return xnu_tree_place(root, board, values->cpus ? (unsigned)values->cpus : 1)
               ? error_set(err, ERROR_OS, "out of memory")
               : 0;
}

static int apply_list(const struct string_list *list, const char *prefix, struct adt_node *root,
                      struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        char *change;
        if (asprintf(&change, "%s%s", prefix, list->items[i]) < 0)
            return error_set(err, ERROR_OS, "out of memory");
        const int result = adt_change(root, change, err);
        free(change);
        if (result)
            return -1;
    }
    return 0;
}

static int apply_file(const char *path, struct adt_node *root, struct error *err)
{
    struct blob file;
    if (input_open(&file, path, NULL, err))
        return -1;
    char *text = strndup(file.size ? (const char *)file.data : "", file.size), *rest = text;
    int result = text ? 0 : error_set(err, ERROR_OS, "out of memory");
    for (char *line; !result && (line = strsep(&rest, "\n"));)
        if (*line)
            result = adt_change(root, line, err);
    free(text);
    blob_free(&file);
    return result;
}

static int disable_all(const struct string_list *list, struct adt_node *root, struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct adt_node *node = adt_walk(root, list->items[i]);
        if (!node || !node->parent)
            return error_set(err, ERROR_DATA, "--disable: there is no node %s", list->items[i]);
        adt_disable(node);
    }
    return 0;
}

static void clear_placeholders(struct adt_node *node)
{
    for (struct adt_property *p = node->properties; p; p = p->next)
        p->placeholder = false;
    for (struct adt_node *child = node->children; child; child = child->next)
        clear_placeholders(child);
}

/* What /chosen says of the machine. */
static int edit_chosen(const struct values *values, bool foreign, struct adt_node *root,
                       struct error *err)
{
    if (!values->ram && !values->nvram && !values->seed && !foreign)
        return 0;
    struct adt_node *chosen = adt_make(root, "/chosen");
    if (!chosen)
        return error_set(err, ERROR_OS, "out of memory");
    if ((values->ram && edit_memory(values, chosen, err)) ||
        ((values->nvram || foreign) && edit_nvram(values, chosen, err)) ||
        ((values->seed || foreign) && edit_seed(values, chosen, err)))
        return -1;
    return 0;
}

/* In this order: presets, what the options give, single changes. */
static int edit(const struct values *values, struct adt_node *root, struct error *err)
{
    const char *preset = values->preset ? values->preset : "";
    const char *board = values->board ? values->board : !strcmp(preset, "vma2") ? "virt" : NULL;
    if (values->clear)
        clear_placeholders(root);
    if ((values->preset && edit_preset(values, root, err)) ||
        (board && edit_board(values, board, root, err)) ||
        edit_chosen(values, !strcmp(preset, "virt-macos11"), root, err))
        return -1;
    if ((values->sip && adt_set_sip(root, strtoull(values->sip, NULL, 0))) ||
        (values->amcc && adt_add_amcc(root)))
        return error_set(err, ERROR_OS, "out of memory");
    if (disable_all(&values->disable, root, err) ||
        (values->apply && apply_file(values->apply, root, err)) ||
        apply_list(&values->set, "", root, err) || apply_list(&values->del, "-", root, err))
        return -1;
    return 0;
}

static void add_line(void *context, const char *change)
{
    fprintf(context, "%s\n", change);
}

/* Writes to PATH what makes the tree of FILE out of ROOT. */
static int write_undo(const char *path, struct adt_node *root, const struct blob *file,
                      struct error *err)
{
    struct adt_node *before;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out || adt_parse(file, &before, err))
        return error_set(err, ERROR_OS, "out of memory");
    int result = adt_diff(root, before, add_line, out, err);
    adt_free(before);
    fclose(out);
    const struct blob blob = {.data = (const uint8_t *)text, .size = size, .name = path};
    if (!result)
        result = write_blob(path, &blob, err);
    free(text);
    return result;
}

static int run_edit(const struct verb *self, int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct error err = {0};
    struct adt_input in;
    int status;
    if (!verb_parse(self, argc, argv, &values, &operands, &status))
        return status;
    int result = adt_input_open(operands.items[0], &values.keys, &in, &err);
    if (!result) {
        result = edit(&values, in.root, &err);
        if (!result && values.undo)
            result = write_undo(values.undo, in.root, &in.file, &err);
        if (!result)
            result = adt_output(values.output, values.json, in.root, &err);
        adt_input_close(&in);
    }
    string_list_free(&values.keep);
    string_list_free(&values.disable);
    string_list_free(&values.set);
    string_list_free(&values.del);
    return result ? report(&err) : 0;
}

const struct verb verb_adt_edit = {
    .name = "adt edit",
    .synopsis = "[OPTIONS] FILE",
    .summary = "changes an Apple device tree",
    .options = edit_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_edit,
};
