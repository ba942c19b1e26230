/* SPDX-License-Identifier: MIT */
#ifndef POMONA_CODE_SIGNATURE_H
#define POMONA_CODE_SIGNATURE_H

/* Code signatures of Mach-O files: the SuperBlob of LC_CODE_SIGNATURE, read (macho_signature.c) and
 * made (macho_sign.c). */

#include "macho.h"

#define SIGNATURE_MAGIC_REQUIREMENTS     0xfade0c01u
#define SIGNATURE_MAGIC_DIRECTORY        0xfade0c02u
#define SIGNATURE_MAGIC_SUPERBLOB        0xfade0cc0u
#define SIGNATURE_MAGIC_CMS              0xfade0b01u
#define SIGNATURE_MAGIC_ENTITLEMENTS     0xfade7171u
#define SIGNATURE_MAGIC_DER_ENTITLEMENTS 0xfade7172u

/* Where a blob belongs; those up to SIGNATURE_SLOT_MOST are hashed by the code directories. */
#define SIGNATURE_SLOT_DIRECTORY        0u
#define SIGNATURE_SLOT_INFO             1u
#define SIGNATURE_SLOT_REQUIREMENTS     2u
#define SIGNATURE_SLOT_ENTITLEMENTS     5u
#define SIGNATURE_SLOT_DER_ENTITLEMENTS 7u
#define SIGNATURE_SLOT_MOST             11u
#define SIGNATURE_SLOT_CMS              0x10000u

#define CODE_ADHOC         0x00000002u
#define CODE_LINKER_SIGNED 0x00020000u

#define EXEC_MAIN_BINARY     0x001u
#define EXEC_ALLOW_UNSIGNED  0x010u
#define EXEC_DEBUGGER        0x020u
#define EXEC_JIT             0x040u
#define EXEC_SKIP_LIBRARIES  0x080u
#define EXEC_CAN_LOAD_CDHASH 0x100u
#define EXEC_CAN_EXEC_CDHASH 0x200u

/* ---- reading ---- */

struct signature_blob {
    uint32_t slot, magic;
    struct blob whole;
};

/* The INDEXth blob of the signature; false: there is none, or it is not within the signature. */
bool macho_signature_blob(const struct macho *macho, uint32_t index, struct signature_blob *out);
/* The first one that belongs in SLOT. */
bool macho_signature_slot(const struct macho *macho, uint32_t slot, struct signature_blob *out);

struct macho_code_directory {
    struct blob whole;
    const char *identifier, *team; /* team: NULL when there is none */
    uint32_t version, flags, runtime;
    unsigned hash_type, hash_size; /* the type as in trust caches */
    unsigned platform, page_shift; /* page_shift 0: one hash for all */
    uint32_t special_slots, code_slots;
    uint64_t code_limit;
    uint64_t exec_base, exec_limit, exec_flags; /* 0 before version 0x20400 */
    const uint8_t *hashes; /* of page 0; all special_slots and code_slots are in the blob */
    uint8_t cdhash[20];
};

/* Reads the code directory IN. False: it is none, cut off, or of an unknown kind of hash. */
bool code_directory_read(const struct blob *in, struct macho_code_directory *out);
/* Hashes SIZE bytes the way the directory does; hash_size bytes at OUT, which has room for 64. */
bool code_directory_hash(const struct macho_code_directory *directory, const void *data,
                         size_t size, uint8_t out[64]);
/* Whether page INDEX of FILE has the hash that the directory says. */
bool code_directory_page_matches(const struct macho_code_directory *directory,
                                 const struct blob *file, uint32_t index);
/* The strongest code directory of the signature. False: unsigned, or not readable. */
bool macho_code_directory(const struct macho *macho, struct macho_code_directory *out);
/* The entitlements' property list; false: none. */
bool macho_entitlements(const struct macho *macho, struct blob *out);

/* ---- making ---- */

struct macho_sign_options {
    const char *identifier;
    const struct blob *entitlements; /* an XML property list, kept as it is; NULL: none */
    unsigned page_shift;             /* 12 or 14 */
    bool linker;                     /* as linkers sign: nothing but a code directory */
};

/* The file with an ad-hoc signature: one that was there is replaced. OUT is to be freed. 0, or -1
 * and *ERR: the file has no place for one. */
int macho_sign(const struct macho *macho, const struct macho_sign_options *options,
               struct blob *out, struct error *err);

#endif
