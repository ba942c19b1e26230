/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_IMG4_INPUT_H
#define POMONA_CLI_IMG4_INPUT_H

/* The file that an img4 verb works on, and what is printed of it. */

#include "cli/input.h"
#include "image/img4.h"

/* A file, and what of an IMG4 is in it. */
struct img4_input {
    struct blob file, ticket_im4m;
    struct img4 img4;
    uint64_t generator; /* of a ticket */
};

/* PATH, which may be nested, must live as long as IN; KEYS, of files around it, may be NULL. 0, or
 * -1 and *ERR. */
int img4_input_open(const char *path, const struct key_options *keys, struct img4_input *in,
                    struct error *err);
void img4_input_close(struct img4_input *in);

/* Prints everything (or the IM4P alone), as text or JSON; with VERIFY a digest that is not the
 * payload's is an error. */
struct img4_print {
    bool json, verify, im4p_only;
};
int img4_print_info(const struct img4_print *print, const char *path,
                    const struct key_options *keys, struct error *err);

#endif
