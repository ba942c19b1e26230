/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_EXTRACT_H
#define POMONA_KC_EXTRACT_H

/* Members of a kernel collection as files of their own. */

#include "kc.h"

/* ENTRY of KC as a Mach-O by itself: addresses stay, file offsets count from its own header, and
 * its
 * __LINKEDIT holds its own symbols and other tables alone. Pointers are copied as they are: of a
 * collection with chained fixups give the plain copy (macho_plain). *OUT is to be freed. 0, or -1
 * and *ERR; an entry without code is refused. */
int kc_extract(const struct kc *kc, const struct kc_entry *entry, struct blob *out,
               struct error *err);

/* The Info.plist of ENTRY, without what the collection's builder added, as an XML property list;
 * *OUT is to be freed. 0, or -1 and *ERR: it has none. */
int kc_info_plist(const struct kc *kc, const struct kc_entry *entry, struct blob *out,
                  struct error *err);

#endif
