/* SPDX-License-Identifier: MIT */
#ifndef POMONA_COMPRESS_H
#define POMONA_COMPRESS_H

/* Decompression of whole buffers. Apple's own formats are ours; gzip, zstd and the like go through
 * libraries. */

#include <stdbool.h>

#include "blob.h"

/* Nothing that boots is larger decompressed; a bomb stops here. */
#define DECOMPRESSED_MAX (4ull << 30)
/* Says that IN is such a one, seen at OFFSET. Returns -1. */
int decompressed_too_large(const struct blob *in, uint64_t offset, struct error *err);

/* "complzss", and "complzvn", which has the same header before an LZVN stream. in->data holds the
 * header; 0 and *OUT (to be freed), or -1 and *ERR. */
bool lzss_recognise(const struct blob *in);
int lzss_decode(const struct blob *in, struct blob *out, struct error *err);

/* Whether what lzss_recognise knows is LZVN. */
bool lzss_is_lzvn(const struct blob *in);

/* What lies behind the stream of a complzss, a view; size 0: nothing, or it is none. */
struct blob lzss_extra(const struct blob *in);

/* LZFSE streams: blocks bvx-, bvx1, bvx2, bvxn up to bvx$. */
bool lzfse_recognise(const struct blob *in);
int lzfse_decode(const struct blob *in, struct blob *out, struct error *err);

/* One LZVN payload of SIZE bytes into exactly OUT_SIZE bytes at out[0]; matches may reach back to
 * HISTORY bytes before. Returns the number of bytes produced; fewer than OUT_SIZE when the stream
 * is bad or ends early. */
size_t lzvn_decode(const uint8_t *in, size_t size, uint8_t *out, size_t out_size, size_t history);

/* ADC into up to ROOM bytes; the number of bytes produced, 0 when the stream is bad. */
size_t adc_decode(const uint8_t *in, size_t size, uint8_t *out, size_t room);

/* gzip (RFC 1952) and zstd, whole. */
bool gzip_recognise(const struct blob *in);
int gzip_decode(const struct blob *in, struct blob *out, struct error *err);
int zstd_decode(const struct blob *in, struct blob *out, struct error *err);
/* One stream of xz, or of the older .lzma; what follows it does not matter. */
int xz_decode(const struct blob *in, struct blob *out, struct error *err);

/* IN as an LZFSE stream; as complzss, header and all. */
int lzfse_encode(const struct blob *in, struct blob *out, struct error *err);
int lzss_encode(const struct blob *in, struct blob *out, struct error *err);

/* Whatever compression is recognised is undone, repeatedly; *OUT is a view of IN when there is
 * none. */
int decompress_any(const struct blob *in, struct blob *out, struct error *err);

uint32_t compress_adler32(const uint8_t *data, size_t size);

#endif
