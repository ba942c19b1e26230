/* SPDX-License-Identifier: MIT */
/* Between a kernel and the collection that it is in, by the names of segments. */

#include "kc_map.h"

#include <string.h>

static const struct macho *member(const struct kc *kc)
{
    const struct kc_entry *kernel = kc_find(kc, KC_KERNEL);
    return kernel && kernel->has_code ? &kernel->macho : NULL;
}

int kc_same_kernel(const struct kc *kc, const struct macho *kernel, struct error *err)
{
    static const char form[] = "%02x%02x%02x%02x%02x%02x%02x%02x";
    uint8_t ours[16], theirs[16];
    char text[2][17];
    const struct macho *copy = member(kc);
    if (!copy || !macho_uuid(copy, ours))
        return blob_error(&kc->macho.file, 0, err, "no kernel with a UUID in it");
    if (!macho_uuid(kernel, theirs))
        return blob_error(&kernel->file, 0, err, "a Mach-O without a UUID");
    if (!memcmp(ours, theirs, 16))
        return 0;
    for (int i = 0; i < 2; i++) {
        const uint8_t *u = i ? theirs : ours;
        snprintf(text[i], sizeof(text[i]), form, u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7]);
    }
    return blob_error(&kernel->file, 0, err,
                      "another kernel (UUID %s...) than the collection's (%s...): take the one of "
                      "its build",
                      text[1], text[0]);
}

/* Where ADDRESS is in FROM, and which address that place has in TO. */
static bool move(const struct macho *from, const struct macho *to, uint64_t address,
                 struct kc_place *out, uint64_t *moved)
{
    struct macho_segment here, there;
    for (uint64_t at = 0; macho_next_segment(from, &at, &here);) {
        if (address < here.vmaddr || address - here.vmaddr >= here.vmsize ||
            !strcmp(here.name, "__LINKEDIT"))
            continue;
        for (uint64_t cursor = 0; macho_next_segment(to, &cursor, &there);)
            if (!strcmp(here.name, there.name) && address - here.vmaddr < there.vmsize) {
                memcpy(out->segment, here.name, sizeof(out->segment));
                out->offset = address - here.vmaddr;
                *moved = there.vmaddr + out->offset;
                return true;
            }
    }
    return false;
}

bool kc_from_kernel(const struct kc *kc, const struct macho *kernel, uint64_t address,
                    struct kc_place *out)
{
    const struct macho *copy = member(kc);
    out->kernel = address;
    return copy && move(kernel, copy, address, out, &out->collection);
}

bool kc_to_kernel(const struct kc *kc, const struct macho *kernel, uint64_t address,
                  struct kc_place *out)
{
    const struct macho *copy = member(kc);
    out->collection = address;
    return copy && move(copy, kernel, address, out, &out->kernel);
}
