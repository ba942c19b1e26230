/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_VERBS_H
#define POMONA_CLI_VERBS_H

/* The verbs of the program: one cmd_NAME.c each, and the list of all in main.c. */

#include "cli/options.h"

extern const struct verb verb_run, verb_machine, verb_macho_disass, verb_help, verb_complete;
extern const struct verb verb_ipsw_ls, verb_ipsw_cat, verb_ipsw_devices, verb_pkg_ls, verb_pkg_cat,
    verb_tc_create, verb_tc_info, verb_tc_append, verb_tc_remove, verb_tc_region, verb_nvram_new,
    verb_nvram_list, verb_nvram_get, verb_nvram_set, verb_nvram_check, verb_adt_print, verb_adt_get,
    verb_adt_json, verb_adt_build, verb_adt_diff, verb_adt_check, verb_adt_edit, verb_macho_info,
    verb_macho_entry, verb_macho_symbols, verb_macho_fixups, verb_macho_strings, verb_macho_a2o,
    verb_macho_o2a, verb_img4, verb_img4_info, verb_img4_extract, verb_img4_create, verb_dmg_ls,
    verb_dmg_cat, verb_hfs_ls, verb_hfs_cat, verb_apfs_ls, verb_apfs_cat;
extern const struct verb verb_macho_sign, verb_macho_diff;
extern const struct verb verb_kc_inspect, verb_kc_extract, verb_kc_exclude, verb_kc_version,
    verb_kc_map;
extern const struct verb verb_kc_match, verb_kc_ghidra, verb_kc_lldb, verb_kc_diff,
    verb_symbolicate;
extern const struct verb verb_bundle_info, verb_bundle_import, verb_preboot_kernelcache;
extern const struct verb *const verbs[]; /* ended by NULL */

/* Prints ERR on standard error, as the program's only form of complaint, and returns the exit
 * status it asks for. */
int report(const struct error *err);

/* Options and operands of a verb, at least min_operands of them; when the line was wrong or asked
 * for help this is said and *STATUS is the process's exit status, and the answer is false. */
bool verb_parse(const struct verb *verb, int argc, char **argv, void *values,
                struct operands *operands, int *status);

/* Says how VERB is used, on standard error; the exit status for a wrong command line. */
int usage(const struct verb *verb);

/* Flushes standard output; 0, or 74 with a message when what was printed could not be written. */
int finish_output(void);

#endif
