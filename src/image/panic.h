/* SPDX-License-Identifier: MIT */
#ifndef POMONA_PANIC_H
#define POMONA_PANIC_H

/* Panic logs of arm64 kernels of macOS and iOS: where the kernel was, and every address that the
 * log mentions. */

#include <stdbool.h>

#include "blob.h"
#include "kc.h"

struct panic_address {
    size_t at, length; /* of "0x…" in the text */
    unsigned line;     /* from 1 */
    char label[24];    /* the word before it: "lr", "pc", "caller", "x0"; may be empty */
    uint64_t value;
};

/* A line of "Kernel Extensions in backtrace". */
struct panic_kext {
    char id[128], version[64];
    uint8_t uuid[16];
    uint64_t first, last; /* of its code */
};

enum panic_number {
    PANIC_CACHE_SLIDE, /* "KernelCache slide": of the collection; the next are named likewise */
    PANIC_CACHE_BASE,
    PANIC_TEXT_EXEC_BASE,
    PANIC_KERNEL_SLIDE,
    PANIC_TEXT_BASE,
    PANIC_NUMBERS,
};

struct panic_log {
    char *text; /* the log itself; of a JSON report its panicString */
    bool known[PANIC_NUMBERS];
    uint64_t numbers[PANIC_NUMBERS];
    bool has_cache_uuid, has_kernel_uuid;
    uint8_t cache_uuid[16], kernel_uuid[16];
    struct panic_address *addresses; /* in the text's order */
    size_t address_count;
    struct panic_kext *kexts;
    size_t kext_count;
};

/* Reads a log: text, the JSON of an .ips report (alone, or behind the line of its header), or text
 * behind such a line. 0, or -1 and *ERR: no panic log. */
int panic_parse(const struct blob *in, struct panic_log *out, struct error *err);
void panic_free(struct panic_log *log);

/* How far KC was moved when LOG was written; *FROM names the line that says so. 0, or -1 and *ERR:
 * the log does not say, or it speaks of another kernel (its UUID, or its places, are not KC's). */
int panic_slide(const struct panic_log *log, const struct kc *kc, uint64_t *slide,
                const char **from, struct error *err);
/* ADDRESS without the pointer authentication code that it may carry, in the address space of KC
 * moved by SLIDE. */
uint64_t panic_strip(const struct kc *kc, uint64_t slide, uint64_t address);
/* The kext of the log whose code ADDRESS is in; NULL: none. */
const struct panic_kext *panic_kext_at(const struct panic_log *log, uint64_t address);

#endif
