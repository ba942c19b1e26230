/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_KC_INPUT_H
#define POMONA_CLI_KC_INPUT_H

/* How a kc verb begins and ends: its options are parsed, its kernel collection, in whatever
 * wrapping, is opened, and what it complains of is reported. A new one is a kc_work, a struct verb
 * whose run calls kc_verb(), and a line each in verbs.h and in main.c's list. */

#include <jansson.h>

#include "cli/input.h"
#include "image/kc.h"

struct kc_input {
    struct blob file; /* unpacked */
    struct kc kc;
};

/* PATH must live as long as INPUT; KEYS may be NULL. INFO: kc_load_info() too. 0, or -1 and *ERR.
 */
int kc_input_open(struct kc_input *input, const char *path, const struct key_options *keys,
                  bool info, struct error *err);
void kc_input_close(struct kc_input *input);

/* What a verb does with the opened collection. -1 and *ERR when it cannot. */
typedef int kc_work(const void *values, struct kc *kc, const struct operands *operands,
                    struct error *err);
/* Parses into VALUES, which KEYS is in, opens the first operand, kc_load_info() too where INFO, and
 * calls WORK. The exit status. */
int kc_verb(const struct verb *self, int argc, char **argv, void *values,
            const struct key_options *keys, bool info, kc_work *work);

/* "RELEASE_ARM64_T8101", the end of the version's banner; NULL: it names none. */
const char *kc_build(const struct xnu_version *version);
/* "4A1C…-…", as Apple's tools print it. */
void uuid_text(const uint8_t uuid[16], char text[37]);
/* Identifier, version, address, size, UUID: what is known of ENTRY. */
json_t *kc_entry_json(const struct kc_entry *entry);

#endif
