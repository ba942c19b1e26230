/* SPDX-License-Identifier: MIT */
/* LZVN: LZ77 in whole bytes. An opcode gives a run of literals L, then a match of length M at
 * distance D; the classes differ in how many bits each gets and whether D is new. Facts: the
 * published description of the format (image-format sheet A2). */

#include "compress.h"

#include <string.h>

struct lzvn {
    const uint8_t *in, *end;
    uint8_t *out;
    size_t produced, capacity, history, distance;
};

/* One decoded opcode. */
struct op {
    size_t literals, match, distance;
    unsigned size; /* bytes of the opcode itself */
    bool end, bad;
};

/* 1110LLLL, 11100000 LLLLLLLL: literals only. 1111MMMM, 11110000 MMMMMMMM: a match at the last
 * distance. */
static struct op decode_long(const struct lzvn *lz, uint8_t code)
{
    const size_t nibble = code & 15;
    const size_t count = nibble ? nibble : lz->end - lz->in > 1 ? lz->in[1] + 16u : 0;
    struct op op = {.size = nibble ? 1 : 2, .bad = !count, .distance = lz->distance};
    if (code >= 0xf0)
        op.match = count;
    else
        op.literals = count;
    return op;
}

/* 101LLMMM DDDDDDMM DDDDDDDD. */
static struct op decode_medium(const struct lzvn *lz, uint8_t code)
{
    if (lz->end - lz->in < 3)
        return (struct op){.bad = true};
    const unsigned rest = get_le16(lz->in + 1);
    return (struct op){.literals = code >> 3 & 3,
                       .match = ((code & 7u) << 2 | (rest & 3)) + 3,
                       .distance = rest >> 2,
                       .size = 3};
}

/* LLMMMDDD DDDDDDDD with the low three bits 110: the last distance; 111: two bytes of distance. */
static struct op decode_short(const struct lzvn *lz, uint8_t code)
{
    struct op op = {.literals = code >> 6, .match = (code >> 3 & 7u) + 3};
    const unsigned form = code & 7;
    op.size = form == 6 ? 1 : form == 7 ? 3 : 2;
    if (lz->end - lz->in < (ptrdiff_t)op.size)
        return (struct op){.bad = true};
    op.distance = form == 6   ? lz->distance
                  : form == 7 ? get_le16(lz->in + 1)
                              : form << 8 | lz->in[1];
    return op;
}

static struct op decode_op(const struct lzvn *lz)
{
    const uint8_t code = lz->in[0];
    if (code == 0x06)
        return (struct op){.end = true};
    if (code == 0x0e || code == 0x16)
        return (struct op){.size = 1};
    const bool reserved =
        (code < 0x40 && (code & 7) == 6) || (code & 0xf0) == 0x70 || (code & 0xf0) == 0xd0;
    if (reserved)
        return (struct op){.bad = true};
    if (code >= 0xe0)
        return decode_long(lz, code);
    if ((code & 0xe0) == 0xa0)
        return decode_medium(lz, code);
    return decode_short(lz, code);
}

static bool apply(struct lzvn *lz, const struct op *op)
{
    lz->in += op->size;
    if (op->literals > (size_t)(lz->end - lz->in) ||
        op->literals + op->match > lz->capacity - lz->produced)
        return false;
    memcpy(lz->out + lz->produced, lz->in, op->literals);
    lz->in += op->literals;
    lz->produced += op->literals;
    if (op->match && (!op->distance || op->distance > lz->produced + lz->history))
        return false;
    for (size_t i = 0; i < op->match; i++, lz->produced++)
        lz->out[lz->produced] = *(lz->out + lz->produced - op->distance);
    if (op->match)
        lz->distance = op->distance;
    return true;
}

size_t lzvn_decode(const uint8_t *in, size_t size, uint8_t *out, size_t out_size, size_t history)
{
    struct lzvn lz = {
        .in = in, .end = in + size, .out = out, .capacity = out_size, .history = history};
    while (lz.in < lz.end) {
        const struct op op = decode_op(&lz);
        if (op.end || op.bad || !apply(&lz, &op))
            break;
    }
    return lz.produced;
}
