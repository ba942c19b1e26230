/* SPDX-License-Identifier: MIT */
/* LZFSE, the other way: matches are found by hash chains in a window of 256 KiB, one step of
 * laziness, and coded in bvx2 blocks of at most 10000 matches and 40000 literals, as
 * lzfse.c reads them; a block that would not shrink is stored (bvx-). The entropy coder runs
 * backwards, so that the decoder runs forwards: each symbol's states are an interval of the
 * decoder's table, and coding a symbol means finding the state in it that leads to where one is. */

#include <stdlib.h>
#include <string.h>

#include "compress.h"
#include "lzfse_format.h"

#define HASH_BITS   16
#define WINDOW      (1u << 18)
#define MAX_L       315u
#define MAX_M       2359u
#define MAX_D       262139u
#define LEAST_MATCH 4u
/* A match this long is taken without looking further. */
#define GOOD_MATCH   64u
#define CHAIN_DEPTH  32
#define NO_POSITION  UINT32_MAX
#define MAX_BLOCK    (MAX_LITERALS + MAX_MATCHES * 8u) /* bytes a coded block can have, generously */
#define HEADER_SPACE 1024u

struct triple {
    uint32_t l, m, d;
};

struct block {
    struct triple triples[MAX_MATCHES];
    uint8_t literals[MAX_LITERALS + 4];
    uint32_t triple_count, literal_count;
    uint32_t start, end; /* of what it stands for, in the input */
};

struct encoder {
    const uint8_t *in;
    uint32_t size;
    uint32_t hash[1u << HASH_BITS];
    uint32_t chain[WINDOW]; /* the position with the same hash before this one */
    struct block block;
    uint8_t scratch[MAX_BLOCK + HEADER_SPACE];
    uint8_t *out;
    size_t used, room;
    bool failed;
};

/* How one symbol is coded from state x: at least `boundary`: `bits` bits, else one fewer. */
struct fse_symbol {
    uint16_t frequency, first, boundary, longer;
    uint8_t bits;
};

/* Bits, least significant first. */
struct forward {
    uint8_t *at;
    uint64_t accumulator;
    unsigned have;
    uint64_t total;
};

static void put_bits(struct forward *out, uint32_t value, unsigned bits)
{
    out->accumulator |= (uint64_t)value << out->have;
    out->have += bits;
    out->total += bits;
    while (out->have >= 8) {
        *out->at++ = (uint8_t)out->accumulator;
        out->accumulator >>= 8;
        out->have -= 8;
    }
}

/* How many bytes it became; the last may be part empty. */
static uint32_t finish_bits(struct forward *out)
{
    if (out->have)
        *out->at++ = (uint8_t)out->accumulator;
    return (uint32_t)((out->total + 7) / 8);
}

static void grow(struct encoder *enc, size_t more)
{
    if (enc->failed || enc->room - enc->used >= more)
        return;
    const size_t room = enc->room * 2 + more;
    uint8_t *bigger = realloc(enc->out, room);
    enc->failed = !bigger;
    if (bigger) {
        enc->out = bigger;
        enc->room = room;
    }
}

static void append(struct encoder *enc, const void *data, size_t size)
{
    grow(enc, size);
    if (enc->failed)
        return;
    memcpy(enc->out + enc->used, data, size);
    enc->used += size;
}

/* ---- entropy coding ---- */

/* Makes COUNTS, of SYMBOLS symbols, add up to STATES, none that occurs becoming 0. */
static void normalise(const uint32_t *counts, unsigned symbols, uint32_t states, uint16_t *out)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < symbols; i++)
        total += counts[i];
    int32_t left = (int32_t)states;
    unsigned largest = 0;
    for (unsigned i = 0; i < symbols; i++) {
        uint32_t share = total ? (uint32_t)(((uint64_t)counts[i] * states + total / 2) / total) : 0;
        if (!share && counts[i])
            share = 1;
        out[i] = (uint16_t)share;
        left -= (int32_t)share;
        if (counts[i] > counts[largest])
            largest = i;
    }
    if (!total || left > 0 || -left < out[largest] / 4) {
        out[largest] = (uint16_t)(out[largest] + left);
        return;
    }
    /* Many rare symbols took more than there was: the frequent ones give it back in turn. */
    while (left < 0)
        for (unsigned i = 0; i < symbols && left < 0; i++)
            if (out[i] > 1) {
                out[i]--;
                left++;
            }
}

static void make_symbols(const uint16_t *frequency, unsigned symbols, uint32_t states,
                         struct fse_symbol *out)
{
    unsigned first = 0;
    for (unsigned i = 0; i < symbols; i++) {
        const unsigned f = frequency[i];
        if (!f)
            continue;
        const unsigned k = floor_log2(states) - floor_log2(f);
        out[i] = (struct fse_symbol){.frequency = (uint16_t)f,
                                     .first = (uint16_t)first,
                                     .bits = (uint8_t)k,
                                     .boundary = (uint16_t)((f << k) - states),
                                     .longer = (uint16_t)(((2 * states) >> k) - f)};
        first += f;
    }
}

/* Codes SYMBOL with EXTRA further bits of value REST. */
static void put_symbol(struct forward *out, const struct fse_symbol *symbol, uint32_t states,
                       uint16_t *state, uint32_t rest, unsigned extra)
{
    const uint32_t x = *state, wide = x >= symbol->boundary;
    const unsigned bits = wide ? symbol->bits : symbol->bits - 1u;
    const uint32_t low = x & ((1u << bits) - 1);
    const uint32_t index =
        wide ? ((x + states) >> bits) - symbol->frequency : symbol->longer + (x >> bits);
    *state = (uint16_t)(symbol->first + index);
    put_bits(out, low << extra | rest, bits + extra);
}

/* A kind of value: its symbols, their first values and extra bits. */
struct alphabet {
    unsigned symbols;
    uint32_t states;
    unsigned (*extra)(unsigned symbol);
};

static unsigned symbol_of(const struct alphabet *a, uint32_t value, uint32_t *rest)
{
    uint32_t base = 0;
    unsigned symbol = 0;
    while (symbol + 1 < a->symbols && value - base >= 1u << a->extra(symbol))
        base += 1u << a->extra(symbol++);
    *rest = value - base;
    return symbol;
}

static const struct alphabet alphabets[3] = {{L_SYMBOLS, L_STATES, lzfse_l_extra},
                                             {M_SYMBOLS, M_STATES, lzfse_m_extra},
                                             {D_SYMBOLS, D_STATES, lzfse_d_extra}};

struct coded {
    uint16_t frequency[ALL_SYMBOLS];
    uint32_t literal_size, lmd_size;
    int literal_bits, lmd_bits;
    uint16_t literal_state[4], state[3];
    uint8_t *payload;
};

static uint32_t value_of(const struct triple *t, unsigned which)
{
    return which == 0 ? t->l : which == 1 ? t->m : t->d;
}

static void count_symbols(const struct block *b, struct coded *out)
{
    uint32_t counts[3][D_SYMBOLS] = {{0}}, literals[LITERAL_SYMBOLS] = {0}, rest;
    uint16_t *frequency = out->frequency;
    for (uint32_t i = 0; i < b->triple_count; i++)
        for (unsigned a = 0; a < 3; a++)
            counts[a][symbol_of(&alphabets[a], value_of(&b->triples[i], a), &rest)]++;
    for (uint32_t i = 0; i < b->literal_count; i++)
        literals[b->literals[i]]++;
    for (unsigned a = 0; a < 3; a++) {
        normalise(counts[a], alphabets[a].symbols, alphabets[a].states, frequency);
        frequency += alphabets[a].symbols;
    }
    normalise(literals, LITERAL_SYMBOLS, LITERAL_STATES, frequency);
}

static void code_literals(const struct block *b, struct coded *out)
{
    struct fse_symbol symbols[LITERAL_SYMBOLS] = {{0}};
    struct forward bits = {.at = out->payload};
    make_symbols(out->frequency + L_SYMBOLS + M_SYMBOLS + D_SYMBOLS, LITERAL_SYMBOLS,
                 LITERAL_STATES, symbols);
    for (uint32_t i = b->literal_count; i--;)
        put_symbol(&bits, &symbols[b->literals[i]], LITERAL_STATES, &out->literal_state[i & 3], 0,
                   0);
    out->literal_size = finish_bits(&bits);
    out->literal_bits = (int)(bits.total - 8ull * out->literal_size);
}

static void code_triples(const struct block *b, struct coded *out)
{
    struct fse_symbol symbols[3][D_SYMBOLS] = {{{0}}};
    struct forward bits = {.at = out->payload + out->literal_size};
    const uint16_t *frequency = out->frequency;
    for (unsigned a = 0; a < 3; a++) {
        make_symbols(frequency, alphabets[a].symbols, alphabets[a].states, symbols[a]);
        frequency += alphabets[a].symbols;
    }
    for (uint32_t i = b->triple_count; i--;)
        for (unsigned a = 3; a--;) {
            uint32_t rest;
            const unsigned s = symbol_of(&alphabets[a], value_of(&b->triples[i], a), &rest);
            put_symbol(&bits, &symbols[a][s], alphabets[a].states, &out->state[a], rest,
                       alphabets[a].extra(s));
        }
    out->lmd_size = finish_bits(&bits);
    out->lmd_bits = (int)(bits.total - 8ull * out->lmd_size);
}

static void put_frequency(struct forward *out, uint32_t f)
{
    if (f < 2)
        put_bits(out, f << 1, 2);
    else if (f < 4)
        put_bits(out, 1 | (f - 2) << 2, 3);
    else if (f < 8)
        put_bits(out, 3 | (f - 4) << 3, 5);
    else if (f < 24)
        put_bits(out, 7 | (f - 8) << 4, 8);
    else
        put_bits(out, 15 | (f - 24) << 4, 14);
}

/* The bvx2 header at P; how long it is. */
static uint32_t put_header(const struct block *b, const struct coded *c, uint8_t *p)
{
    struct forward bits = {.at = p + V2_HEADER};
    for (unsigned i = 0; i < ALL_SYMBOLS; i++)
        put_frequency(&bits, c->frequency[i]);
    const uint32_t size = V2_HEADER + finish_bits(&bits);
    uint64_t states = 0;
    for (unsigned i = 0; i < 4; i++)
        states |= (uint64_t)c->literal_state[i] << 10 * i;
    put_le32(p, MAGIC_V2);
    put_le32(p + 4, b->end - b->start);
    put_le64(p + 8, b->literal_count | (uint64_t)c->literal_size << 20 |
                        (uint64_t)b->triple_count << 40 | (uint64_t)(c->literal_bits + 7) << 60);
    put_le64(p + 16, states | (uint64_t)c->lmd_size << 40 | (uint64_t)(c->lmd_bits + 7) << 60);
    put_le64(p + 24, size | (uint64_t)c->state[0] << 32 | (uint64_t)c->state[1] << 42 |
                         (uint64_t)c->state[2] << 52);
    return size;
}

static void flush_block(struct encoder *enc)
{
    struct block *b = &enc->block;
    if (b->start == b->end)
        return;
    while (b->literal_count % 4)
        b->literals[b->literal_count++] = 0;
    struct coded coded = {.payload = enc->scratch + HEADER_SPACE};
    uint8_t header[HEADER_SPACE];
    count_symbols(b, &coded);
    code_literals(b, &coded);
    code_triples(b, &coded);
    const uint32_t size = put_header(b, &coded, header);
    const uint32_t raw = b->end - b->start;
    if ((uint64_t)size + coded.literal_size + coded.lmd_size < 8ull + raw) {
        append(enc, header, size);
        append(enc, coded.payload, coded.literal_size + coded.lmd_size);
    } else {
        put_le32(header, MAGIC_RAW);
        put_le32(header + 4, raw);
        append(enc, header, 8);
        append(enc, enc->in + b->start, raw);
    }
    b->triple_count = b->literal_count = 0;
    b->start = b->end;
}

/* ---- matching ---- */

/* L literals from the block's end on, then M bytes from D before; D counts from the block's own
 * start, where the decoder knows no last distance. */
static void put_triple(struct encoder *enc, uint32_t l, uint32_t m, uint32_t d, uint32_t *last)
{
    struct block *b = &enc->block;
    if (b->triple_count == MAX_MATCHES || b->literal_count + l > MAX_LITERALS) {
        flush_block(enc);
        *last = 0;
    }
    memcpy(b->literals + b->literal_count, enc->in + b->end, l);
    b->literal_count += l;
    b->triples[b->triple_count++] = (struct triple){.l = l, .m = m, .d = d == *last ? 0 : d};
    *last = d;
    b->end += l + m;
}

static void put_match(struct encoder *enc, uint32_t literals, uint32_t match, uint32_t distance,
                      uint32_t *last)
{
    for (; literals > MAX_L; literals -= MAX_L)
        put_triple(enc, MAX_L, 0, *last ? *last : 1, last);
    for (; match > MAX_M; match -= MAX_M) {
        put_triple(enc, literals, MAX_M, distance, last);
        literals = 0;
    }
    if (literals || match)
        put_triple(enc, literals, match, match ? distance : *last ? *last : 1, last);
}

static uint32_t hash_of(const uint8_t *p)
{
    return get_le32(p) * 2654435761u >> (32 - HASH_BITS);
}

static void insert(struct encoder *enc, uint32_t at)
{
    const uint32_t h = hash_of(enc->in + at);
    enc->chain[at % WINDOW] = enc->hash[h];
    enc->hash[h] = at;
}

static uint32_t match_length(const uint8_t *a, const uint8_t *b, uint32_t limit)
{
    uint32_t length = 0;
    while (length + 8 <= limit) {
        const uint64_t x = get_le64(a + length) ^ get_le64(b + length);
        if (x)
            return length + (uint32_t)__builtin_ctzll(x) / 8;
        length += 8;
    }
    while (length < limit && a[length] == b[length])
        length++;
    return length;
}

/* The longest match for AT among those before it; 0 when none is worth it. */
static uint32_t find_match(const struct encoder *enc, uint32_t at, uint32_t *distance)
{
    const uint32_t limit = enc->size - at;
    uint32_t best = LEAST_MATCH - 1, candidate = enc->hash[hash_of(enc->in + at)];
    for (int depth = 0; depth < CHAIN_DEPTH && candidate != NO_POSITION; depth++) {
        const uint32_t d = at - candidate;
        if (d > MAX_D || best >= limit)
            break;
        if (enc->in[candidate + best] == enc->in[at + best]) {
            const uint32_t length = match_length(enc->in + candidate, enc->in + at, limit);
            if (length > best) {
                best = length;
                *distance = d;
            }
            if (best >= GOOD_MATCH)
                break;
        }
        const uint32_t before = enc->chain[candidate % WINDOW];
        candidate = before < candidate ? before : NO_POSITION;
    }
    return best >= LEAST_MATCH ? best : 0;
}

static void compress(struct encoder *enc)
{
    uint32_t at = 0, pending = 0, last = 0;
    const uint32_t end = enc->size > 8 ? enc->size - 8 : 0; /* what is hashed reads ahead */
    while (at < end) {
        uint32_t distance = 0, next_distance = 0;
        uint32_t match = find_match(enc, at, &distance);
        insert(enc, at);
        if (match && match < GOOD_MATCH && at + 1 < end &&
            find_match(enc, at + 1, &next_distance) > match + 1)
            match = 0;
        if (!match) {
            at++;
            continue;
        }
        put_match(enc, at - pending, match, distance, &last);
        for (uint32_t i = 1; i < match && at + i < end; i++)
            insert(enc, at + i);
        at += match;
        pending = at;
    }
    put_match(enc, enc->size - pending, 0, 0, &last);
    flush_block(enc);
}

int lzfse_encode(const struct blob *in, struct blob *out, struct error *err)
{
    if (in->size >= NO_POSITION)
        return error_set(err, ERROR_DATA, "%s: too large for an LZFSE stream of ours", in->name);
    struct encoder *enc = calloc(1, sizeof(*enc));
    if (!enc)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    enc->in = in->data;
    enc->size = (uint32_t)in->size;
    memset(enc->hash, 0xff, sizeof(enc->hash));
    uint8_t mark[4];
    put_le32(mark, MAGIC_END);
    compress(enc);
    append(enc, mark, sizeof(mark));
    const bool failed = enc->failed;
    if (failed)
        free(enc->out);
    else
        blob_adopt(out, enc->out, enc->used, in->name);
    free(enc);
    return failed ? error_set(err, ERROR_OS, "%s: no memory", in->name) : 0;
}
