/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHO_PLAIN_H
#define POMONA_MACHO_PLAIN_H

/* Copies of kernels and kernel collections that tools can read which know neither chained fixups
 * nor Apple's generator of collections. */

#include "macho.h"

struct macho_plain {
    struct blob copy;  /* to be freed with blob_free */
    size_t pointers;   /* were fixups and are addresses now */
    size_t signed_too; /* of these: pointers that were to be signed */
    size_t binds;      /* to other files' symbols: 0 now */
    size_t elsewhere;  /* into another collection, whose address is not known: 0 now */
    size_t versions;   /* LC_BUILD_VERSION commands that were not valid */
    size_t doctypes;   /* document types taken out of __PRELINK_INFO */
};

/* Copies MACHO's whole file: every pointer that a fixup describes becomes the plain address (as
 * linked, without a slide), LC_DYLD_CHAINED_FIXUPS is gone from each header, LC_BUILD_VERSION names
 * a platform and versions and as many tools as it has room for, the document type of __PRELINK_INFO
 * is blank. Nothing moves: all addresses and offsets are those of the original. 0, or -1 and *ERR.
 */
int macho_plain(const struct macho *macho, struct macho_plain *out, struct error *err);

#endif
