/* SPDX-License-Identifier: MIT */
#ifndef POMONA_BUNDLE_H
#define POMONA_BUNDLE_H

/* Virtual Macs as other programs keep them on disk, and as `pomona bundle import` does: a folder
 * with a description, disks, and what the virtual Mac's firmware stores (the auxiliary image). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../host/error.h"
#include "source.h"

/* What Apple's framework puts before the contents of an auxiliary image. */
#define BUNDLE_AUX_HEADER 0x4000u
/* The file that an imported folder is described by. */
#define BUNDLE_POMONA_FILE "pomona.json"

struct bundle_disk {
    char *path;
    bool read_only;
    bool there;         /* the file exists */
    uint64_t size;      /* of the file; 0 when it does not exist */
    const char *format; /* "raw", or "asif", which nothing but macOS reads */
};

enum bundle_ecid { BUNDLE_ECID_NONE, BUNDLE_ECID_IDENTIFIER, BUNDLE_ECID_AUX };

struct bundle {
    const char *kind;        /* "macosvm", "tart", "virtualbuddy", "utm", "apple", "pomona" */
    const char *description; /* whose that is */
    char *folder;
    enum bundle_ecid ecid_from;
    uint64_t ecid;
    uint64_t ecid_offset; /* in the auxiliary image, when it is from there */
    unsigned platform;    /* PlatformVersion: 1, 2 (VirtualMac2,1), 3; 0: unknown */
    unsigned representation, minimum_os[3];
    unsigned cpus;   /* 0: not said */
    uint64_t memory; /* bytes; 0: not said */
    bool has_mac;
    uint8_t mac[6];
    unsigned width, height; /* of the first display; 0: not said */
    struct bundle_disk *disks;
    size_t disk_count;
    char *aux;           /* NULL: none is there */
    uint64_t aux_size;   /* of the file */
    uint64_t aux_offset; /* where its contents begin: 0 or BUNDLE_AUX_HEADER */
};

/* Reads the bundle in the folder PATH (or described by the file PATH), without writing anywhere. An
 * ECID that no machine identifier gives is looked for in the auxiliary image. 0, to be freed, or -1
 * and *ERR. */
int bundle_open(const char *path, struct bundle *out, struct error *err);
void bundle_free(struct bundle *bundle);

/* The ECID in a machine identifier: a property list, itself perhaps in base 64, any number of
 * times. */
bool bundle_identifier_ecid(const struct blob *identifier, uint64_t *ecid);
/* The ECID that the manifests in an auxiliary image are bound to. */
bool bundle_aux_ecid(const struct blob *aux, uint64_t *ecid, uint64_t *offset);

/* The contents of the auxiliary image, without the framework's header. 0, or -1 and *ERR. */
int bundle_aux_contents(const struct bundle *bundle, struct source *out, struct error *err);

/* "52:54:00:12:34:56"; false where TEXT is no address of one card. */
bool bundle_parse_mac(const char *text, uint8_t mac[6]);

/* "VirtualMac2,1", or NULL where the hardware model says nothing that is known. */
const char *bundle_model(const struct bundle *bundle);

#endif
