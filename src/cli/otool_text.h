/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_OTOOL_TEXT_H
#define POMONA_CLI_OTOOL_TEXT_H

#include <stddef.h>

/* Rewrites TEXT, an instruction as a64_disassemble() has it, the way otool has it; within SIZE
 * bytes. */
void otool_text(char *text, size_t size);

#endif
