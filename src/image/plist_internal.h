/* SPDX-License-Identifier: MIT */
#ifndef POMONA_PLIST_INTERNAL_H
#define POMONA_PLIST_INTERNAL_H

/* The forms of a property list other than XML, which plist.c has; each as plist_parse. */

#include "plist.h"

#define PLIST_MAX_DEPTH 64

bool plist_binary_recognise(const struct blob *in);
int plist_binary_parse(const struct blob *in, struct plist **root, struct error *err);
bool plist_json_recognise(const struct blob *in);
int plist_json_parse(const struct blob *in, struct plist **root, struct error *err);

#endif
