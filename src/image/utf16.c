/* SPDX-License-Identifier: MIT */
/* UTF-16 as property lists and HFS+ have it. A surrogate without its other half is kept as it is,
 * because HFS+ knows no difference. */

#include "utf16.h"

static uint32_t unit(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static size_t put_utf8(char *out, uint32_t c)
{
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    const unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    out[0] = (char)(lead[more] | c >> 6 * more);
    for (unsigned i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
    return more + 1;
}

size_t utf8_from_utf16be(const uint8_t *p, size_t count, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t c = unit(p + 2 * i);
        if (c >> 10 == 0x36 && i + 1 < count && unit(p + 2 * i + 2) >> 10 == 0x37)
            c = 0x10000 + ((c & 0x3ff) << 10 | (unit(p + 2 * ++i) & 0x3ff));
        used += put_utf8(out + used, c ? c : '?');
    }
    out[used] = 0;
    return used;
}
