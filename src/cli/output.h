/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_OUTPUT_H
#define POMONA_CLI_OUTPUT_H

/* What the verbs print and write: JSON, and files of which "-" is standard output. */

#include <jansson.h>

#include "host/error.h"
#include "image/source.h"

/* Prints and lets go of JSON (NULL: out of memory). The process's exit status. */
int print_json(json_t *json);

/* Writes the file PATH, or standard output for "-" and NULL. A file that was there is replaced
 * whole: the new one is written beside it and takes its name at the end. 0, or -1 and *ERR. */
int write_blob(const char *path, const struct blob *blob, struct error *err);
/* As write_blob, of what a verb made: with JSON ("--json") an object says where it was written and
 * how large it is, and PATH cannot be standard output. */
int write_made(const char *path, bool json, const struct blob *blob, struct error *err);
#define WRITTEN_AS_JSON "says as JSON what was written; with --output"
/* Fails when PATH is where the JSON goes: standard output. */
int check_written(const char *path, struct error *err);
int write_source(const char *path, const struct source *source, struct error *err);
/* Makes the folder PATH and those above it, where they are not there. 0, or -1 and *ERR. */
int make_folders(const char *path, struct error *err);
/* An identifier or executable as a file name: it is out of a file, and must not lead elsewhere. */
void file_name(const char *text, char *out, size_t size);

/* BYTES in hexadecimal; a new reference, NULL without memory. */
json_t *json_hex(const uint8_t *bytes, size_t size);
/* A string that may hold anything: bytes that are no UTF-8 become "?". */
json_t *json_text(const char *text, size_t size);
/* "0xfffffe0007004000": a string, because JSON's numbers are not 64 bits wide everywhere. */
json_t *json_address(uint64_t value);

/* JSON for people: "key: value" lines, indented by what they belong to. */
void print_tree(const json_t *json);

/* Text from a file for a terminal: control characters and broken UTF-8 become "?". */
void print_text(const char *text, size_t size);

#endif
