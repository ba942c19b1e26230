/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_ADT_INPUT_H
#define POMONA_CLI_ADT_INPUT_H

/* The file that an adt verb works on, and the tree that it writes. */

#include "cli/input.h"
#include "image/adt_text.h"

struct adt_input {
    struct blob file; /* unpacked */
    struct adt_node *root;
};

/* PATH, which may be nested, must live as long as IN; KEYS may be NULL. 0, or -1 and *ERR. */
int adt_input_open(const char *path, const struct key_options *keys, struct adt_input *in,
                   struct error *err);
void adt_input_close(struct adt_input *in);
/* Writes ROOT as it is to the file PATH ("-" or NULL: standard output). */
int adt_output(const char *path, bool json, const struct adt_node *root, struct error *err);

#endif
