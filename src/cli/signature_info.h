/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CLI_SIGNATURE_INFO_H
#define POMONA_CLI_SIGNATURE_INFO_H

/* Code signatures and entitlements as JSON, for `macho info`. */

#include <jansson.h>

#include "image/code_signature.h"

/* All of the signature; {"signature": "none"} where there is none. */
json_t *signature_json(const struct macho *macho);
/* {"xml": …, "der": …}, as far as there are any; NULL and *ERR: none, or damaged ones. */
json_t *entitlements_json(const struct macho *macho, struct error *err);

#endif
