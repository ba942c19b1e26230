/* SPDX-License-Identifier: MIT */
/* Apple Data Compression, which disk images had before zlib: runs of up to 128 literals, and
 * matches whose distance has 10 bits (3 to 18 bytes) or 16 bits (4 to 67 bytes). Facts: the
 * published descriptions of the format; dmg2img and 7-Zip read what is read here. */

#include "compress.h"

#include <string.h>

struct adc {
    const uint8_t *in, *end;
    uint8_t *out;
    size_t made, room;
};

static bool put_literals(struct adc *adc, size_t count)
{
    if (count > (size_t)(adc->end - adc->in) || count > adc->room - adc->made)
        return false;
    memcpy(adc->out + adc->made, adc->in, count);
    adc->in += count;
    adc->made += count;
    return true;
}

static bool put_match(struct adc *adc, size_t distance, size_t count)
{
    if (distance > adc->made || count > adc->room - adc->made)
        return false;
    /* Byte by byte: a match may overlap what it makes. */
    for (; count; count--, adc->made++)
        adc->out[adc->made] = adc->out[adc->made - distance];
    return true;
}

static bool step(struct adc *adc)
{
    const unsigned code = *adc->in++;
    if (code & 0x80)
        return put_literals(adc, (code & 0x7f) + 1);
    const size_t more = code & 0x40 ? 2 : 1;
    if ((size_t)(adc->end - adc->in) < more)
        return false;
    const size_t distance =
        code & 0x40 ? (size_t)adc->in[0] << 8 | adc->in[1] : (size_t)(code & 3) << 8 | adc->in[0];
    adc->in += more;
    return put_match(adc, distance + 1, code & 0x40 ? (code & 0x3f) + 4 : (code >> 2 & 15) + 3);
}

size_t adc_decode(const uint8_t *in, size_t size, uint8_t *out, size_t room)
{
    struct adc adc = {.in = in, .end = in + size, .out = out, .room = room};
    while (adc.in < adc.end && adc.made < room)
        if (!step(&adc))
            return 0;
    return adc.made;
}
