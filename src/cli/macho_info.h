/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_MACHO_INFO_H
#define POMONA_CLI_MACHO_INFO_H

/* What `macho info` says, for others. */

#include <jansson.h>

#include "image/macho.h"

/* A load command with its fields; a segment with its sections. */
json_t *macho_command_json(const struct macho *macho, const struct macho_command *command);

#endif
