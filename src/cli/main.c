/* SPDX-License-Identifier: MIT */
/* `pomona`: finds the verb and calls it. A verb is a file cmd_NAME.c with a struct verb; the exit
 * statuses are those of sysexits(3), and those of `pomona run`. */

#include "cli/verbs.h"

#include <errno.h>
#include <string.h>

const struct verb *const verbs[] = {
    &verb_run,
    &verb_machine,

    &verb_macho_info,
    &verb_macho_entry,
    &verb_macho_disass,
    &verb_macho_symbols,
    &verb_macho_fixups,
    &verb_macho_strings,
    &verb_macho_a2o,
    &verb_macho_o2a,
    &verb_macho_sign,
    &verb_macho_diff,

    &verb_adt_print,
    &verb_adt_get,
    &verb_adt_json,
    &verb_adt_build,
    &verb_adt_diff,
    &verb_adt_check,
    &verb_adt_edit,

    &verb_img4_info,
    &verb_img4_extract,
    &verb_img4_create,
    &verb_img4,

    &verb_tc_create,
    &verb_tc_info,
    &verb_tc_append,
    &verb_tc_remove,
    &verb_tc_region,

    &verb_nvram_new,
    &verb_nvram_list,
    &verb_nvram_get,
    &verb_nvram_set,
    &verb_nvram_check,

    &verb_ipsw_ls,
    &verb_ipsw_cat,
    &verb_ipsw_devices,

    &verb_pkg_ls,
    &verb_pkg_cat,

    &verb_dmg_ls,
    &verb_dmg_cat,

    &verb_hfs_ls,
    &verb_hfs_cat,

    &verb_apfs_ls,
    &verb_apfs_cat,

    &verb_kc_inspect,
    &verb_kc_extract,
    &verb_kc_exclude,
    &verb_kc_version,
    &verb_kc_map,
    &verb_kc_match,
    &verb_kc_diff,
    &verb_kc_ghidra,
    &verb_kc_lldb,
    &verb_symbolicate,

    &verb_bundle_info,
    &verb_bundle_import,

    &verb_preboot_kernelcache,

    &verb_help,
    &verb_complete,

    NULL,
};

int report(const struct error *err)
{
    fprintf(stderr, "pomona: %s\n", err->text);
    return err->code;
}

bool verb_parse(const struct verb *verb, int argc, char **argv, void *values,
                struct operands *operands, int *status)
{
    struct error err = {0};
    if (options_parse(verb, argc, argv, values, operands, &err)) {
        *status = report(&err);
        return false;
    }
    if (operands->help) {
        options_help(verb, stdout);
        *status = finish_output();
        return false;
    }
    if (operands->count < verb->min_operands) {
        *status = usage(verb);
        return false;
    }
    return true;
}

int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    struct error err;
    error_set(&err, ERROR_IO, "standard output: %s", strerror(errno));
    return report(&err);
}

int usage(const struct verb *verb)
{
    struct error err;
    error_set(&err, ERROR_USAGE, "usage: pomona %s %s", verb->name, verb->synopsis);
    return report(&err);
}

static void print_usage(FILE *out)
{
    fputs("usage: pomona VERB [OPTIONS] [OPERANDS]\n\n"
          "An Apple-silicon virtual machine that runs anywhere.\n\nverbs:\n",
          out);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (!(*verb)->hidden)
            fprintf(out, strlen((*verb)->name) > 14 ? "  %s\n%17s%s\n" : "  %-14s%.0s %s\n",
                    (*verb)->name, "", (*verb)->summary);
    fputs("\n'pomona VERB --help' lists a verb's options; 'pomona help' is the whole manual.\n",
          out);
}

/* The verb whose name the first words of ARGV are; *USED: how many words. */
static const struct verb *find_verb(int argc, char **argv, int *used)
{
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        const char *name = (*verb)->name, *second = strchr(name, ' ');
        size_t length = second ? (size_t)(second - name) : strlen(name);
        if (strncmp(argv[0], name, length) || argv[0][length])
            continue;
        if (second && (argc < 2 || strcmp(argv[1], second + 1)))
            continue;
        *used = second ? 2 : 1;
        return *verb;
    }
    return NULL;
}

static int unknown_verb(int argc, char **argv)
{
    const char *names[96];
    size_t count = 0;
    char given[64];
    struct error err;
    for (const struct verb *const *verb = verbs; *verb && count < 96; verb++)
        if (!(*verb)->hidden)
            names[count++] = (*verb)->name;
    snprintf(given, sizeof(given), "%s", argv[0]);
    const char *near = nearest(given, names, count);
    if (!near && argc > 1) {
        snprintf(given, sizeof(given), "%s %s", argv[0], argv[1]);
        near = nearest(given, names, count);
    }
    if (near)
        error_set(&err, ERROR_USAGE, "unknown verb '%s'; did you mean '%s'?", given, near);
    else
        error_set(&err, ERROR_USAGE, "unknown verb '%s'; 'pomona --help' lists the verbs", argv[0]);
    return report(&err);
}

int main(int argc, char **argv)
{
    int used;
    if (argc < 2) {
        print_usage(stderr);
        return ERROR_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_usage(stdout);
        return finish_output();
    }
    if (!strcmp(argv[1], "--version")) {
        puts("pomona " POMONA_VERSION);
        return finish_output();
    }
    const struct verb *verb = find_verb(argc - 1, argv + 1, &used);
    if (!verb)
        return unknown_verb(argc - 1, argv + 1);
    return verb->run(verb, argc - 1 - used, argv + 1 + used);
}
