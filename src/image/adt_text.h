/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ADT_TEXT_H
#define POMONA_ADT_TEXT_H

/* Apple device trees for people: values by meaning, paths, changes as text, what XNU would stumble
 * over. */

#include <stdio.h>

#include "adt.h"

enum adt_type { ADT_EMPTY, ADT_STRING, ADT_STRINGS, ADT_U32, ADT_U64, ADT_HEX };

/* What the bytes seem to be; ADT_U32 and ADT_U64 may be several. */
enum adt_type adt_guess(const struct adt_property *property);
const char *adt_type_name(enum adt_type type);
/* TYPE:VALUE as `adt_parse_value` reads it: str:text, strs:a|b, u32:1,0x2, u64:..., hex:00ff. To be
 * freed; NULL without memory. */
char *adt_format_value(const struct adt_property *property);
/* *VALUE is to be freed. 0, or -1 and *ERR. */
int adt_parse_value(const char *text, uint8_t **value, size_t *size, struct error *err);

/* The node of PATH: components are names, "name#1" for the second of that name, "#3" for the fourth
 * child. NULL when absent. */
struct adt_node *adt_walk(struct adt_node *root, const char *path);
/* Such a path to NODE, in OUT. */
void adt_path(const struct adt_node *node, char *out, size_t size);

/* One change, as text:
 *   /path:property=TYPE:VALUE      sets it, or makes it the last
 *   /path:property@2=TYPE:VALUE    sets it and makes it the third
 *   /path:property!=TYPE:VALUE     with the placeholder bit (may follow @2 too)
 *   -/path:property                deletes it
 *   +/path                         makes a node, the last of its parent's
 *   +/parent/@2                    makes a node without properties, the third child
 *   -/path                         deletes the node
 * 0, or -1 and *ERR. */
int adt_change(struct adt_node *root, const char *change, struct error *err);

/* Calls EMIT with each change that makes B of A, in the order in which they are to be made. */
typedef void adt_emit(void *context, const char *change);
int adt_diff(struct adt_node *a, struct adt_node *b, adt_emit *emit, void *context,
             struct error *err);

/* Calls REPORT for each thing that makes XNU panic or miss what it needs; returns how many. */
typedef void adt_report(void *context, const char *path, const char *property, const char *text);
unsigned adt_check(struct adt_node *root, adt_report *report, void *context);

/* Disables NODE: no driver and no search finds it by name, type or compatible any more. */
void adt_disable(struct adt_node *node);

/* What presets do (`adt edit --preset`); the caller gives what depends on the machine. */
struct adt_preset_values {
    const char *const *keep; /* compatibles that stay; ended by NULL */
    unsigned cpus;           /* m1: how many are kept; 0: all */
};
/* "virt-macos11", "vma2", "m1"; 0, or -1 and *ERR. */
int adt_preset(struct adt_node *root, const char *name, const struct adt_preset_values *values,
               struct error *err);
/* /chosen/asmb with the csr bits SIP; lock-regs of a memory controller without apertures. */
int adt_set_sip(struct adt_node *root, uint64_t sip);
int adt_add_amcc(struct adt_node *root);

#endif
