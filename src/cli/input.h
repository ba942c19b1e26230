/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_INPUT_H
#define POMONA_CLI_INPUT_H

/* How verbs read the files that they are given: by nested paths and in whatever wrapping
 * (image/container.h), encrypted ones with --iv and --key, with progress on the terminal. */

#include "cli/options.h"
#include "cli/progress.h"
#include "image/im4p.h"
#include "image/source.h"

/* --iv and --key: each a list by commas; NULL: not given. */
struct key_options {
    const char *iv, *key;
};
/* Their rows, of a struct key_options that is the member KEYS of the TYPE. */
#define KEY_OPTIONS_OF(type, keys)                                                                 \
    {"iv",                                                                                         \
     0,                                                                                            \
     OPTION_STRING,                                                                                \
     offsetof(type, keys.iv),                                                                      \
     "HEX[,HEX...]",                                                                               \
     NULL,                                                                                         \
     "--key: its IV, of several keys one each"},                                                   \
    {                                                                                              \
        "key", 0, OPTION_STRING, offsetof(type, keys.key), "HEX[,HEX...]", NULL,                   \
            "decrypts IM4P files; with 96 digits the first 32 are the IV; of several the one "     \
            "that fits is taken"                                                                   \
    }
#define KEY_OPTIONS KEY_OPTIONS_OF(struct values, keys)
/* OUT: none when there is no option. 0, or -1 and *ERR. */
int key_options_read(const struct key_options *options, struct im4p_keys *out, struct error *err);

/* What the sources of a verb are opened with. */
struct reading {
    struct source_context context;
    struct progress progress;
    struct im4p_keys keys;
};
/* KEYS may be NULL; PRINTS as progress_start has it. 0, or -1 and *ERR; then nothing is to be
 * ended. READING must outlive its sources, and not move. */
int reading_start(struct reading *reading, const struct key_options *keys, bool prints,
                  struct error *err);
void reading_end(struct reading *reading);
/* Starts READING and opens the nested PATH with it; nothing is to be ended when that fails. */
int reading_open(struct reading *reading, const char *path, const struct key_options *keys,
                 bool prints, struct source *out, struct error *err);

/* image_open and image_open_plain with these. KEYS may be NULL. */
int input_open(struct blob *out, const char *path, const struct key_options *keys,
               struct error *err);
int input_open_plain(struct blob *out, const char *path, const struct key_options *keys,
                     struct error *err);

#endif
