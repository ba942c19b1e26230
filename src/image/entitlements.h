/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ENTITLEMENTS_H
#define POMONA_ENTITLEMENTS_H

/* Entitlements: a property list in XML and, since macOS 12, the same in DER. */

#include "plist.h"

/* ROOT, a dictionary, in DER. 0, or -1 and *ERR: it holds what DER entitlements cannot say. */
int entitlements_encode(const struct plist *root, const struct blob *in, struct blob *out,
                        struct error *err);
/* What the DER in IN says; to be freed by plist_free. 0, or -1 and *ERR. */
int entitlements_decode(const struct blob *in, struct plist **root, struct error *err);
/* The EXEC_… flags of a code directory that ROOT asks for. */
uint64_t entitlements_exec_flags(const struct plist *root);

#endif
