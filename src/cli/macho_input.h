/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_MACHO_INPUT_H
#define POMONA_CLI_MACHO_INPUT_H

/* The file that a macho verb works on: nested, wrapped or not, maybe one member of a collection. */

#include <jansson.h>

#include "cli/input.h"
#include "image/macho.h"

struct macho_input {
    struct blob file;   /* unpacked */
    struct macho macho; /* the member's header where one was asked for */
};

/* MEMBER NULL: the file itself. KEYS may be NULL. 0, or -1 and *ERR. PATH must live as long as
 * INPUT. */
int macho_input_open(struct macho_input *input, const char *path, const char *member,
                     const struct key_options *keys, struct error *err);
void macho_input_close(struct macho_input *input);

/* The header and the load commands, as `macho info` prints them; the processor of a header alone.
 */
json_t *macho_info_json(const struct macho *macho);
json_t *macho_cpu_json(uint32_t subtype);

#endif
