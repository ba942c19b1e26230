/* SPDX-License-Identifier: MIT */
/* LZFSE: a stream of blocks, each raw (bvx-), LZVN (bvxn) or LZ77 with finite-state entropy coding
 * (bvx1: plain frequency tables, bvx2: packed ones), ended by bvx$. Both entropy streams are read
 * backwards from their ends. Facts: the published description of the format (image-format sheet
 * A2); everything in the input is checked before it is believed. */

#include "compress.h"

#include <stdlib.h>
#include <string.h>

#include "lzfse_format.h"

/* Runs are copied in pieces of up to 16 bytes, so that both ends need room for more. */
#define COPY_SLACK 16

/* One state of an FSE decoder: take `bits` bits; the low `extra` of them add to `base`, the others
 * to `next`. */
struct fse_entry {
    uint8_t bits, extra;
    uint16_t next;
    uint32_t base;
};

/* A bit stream read from its end towards its start. The next bits are the uppermost of the `have`
 * low bits of `window`. Where the stream is used up zeros follow, and are counted: whether they
 * were used is seen at the end. */
struct backward {
    const uint8_t *start, *at;
    uint64_t window;
    unsigned have, padding;
};

struct block {
    uint32_t raw_size, literal_count, match_count, literal_size, lmd_size;
    int literal_bits, lmd_bits; /* -7..0: unused bits at the end of each stream */
    uint16_t literal_state[4], l_state, m_state, d_state;
    uint16_t frequency[ALL_SYMBOLS];
    size_t header_size;
};

struct decoder {
    struct block block;
    struct fse_entry l[L_STATES], m[M_STATES], d[D_STATES], literal[LITERAL_STATES];
    uint8_t literals[MAX_LITERALS + 4 + COPY_SLACK];
    uint8_t *out;
    size_t produced, capacity;
};

/* Makes at least 56 bits ready. */
static inline void refill(struct backward *in)
{
    if (in->at - in->start >= 8) {
        const unsigned bytes = (63 - in->have) / 8;
        if (!bytes)
            return;
        in->at -= bytes;
        in->window = in->window << 8 * bytes | (get_le64(in->at - (8 - bytes)) >> (64 - 8 * bytes));
        in->have += 8 * bytes;
        return;
    }
    for (; in->have < 56; in->have += 8) {
        const bool more = in->at > in->start;
        in->at -= more;
        in->window = in->window << 8 | (more ? *in->at : 0);
        in->padding += !more;
    }
}

/* BITS of those that are ready. */
static inline uint32_t take(struct backward *in, unsigned bits)
{
    in->have -= bits;
    return (uint32_t)(in->window >> in->have) & (uint32_t)((1ull << bits) - 1);
}

/* The stream of SIZE bytes, whose last byte has -UNUSED bits too many. */
static struct backward open_stream(const uint8_t *data, uint32_t size, int unused)
{
    struct backward in = {.start = data, .at = data + size};
    refill(&in);
    take(&in, (unsigned)-unused);
    return in;
}

/* Whether no more was taken than there was. */
static bool was_enough(const struct backward *in)
{
    return 8 * in->padding <= in->have;
}

static unsigned no_extra(unsigned symbol)
{
    return 0;
}

/* Symbols occupy runs of states in order; of a symbol's f states the first 2^k' - f take one bit
 * more. False when the frequencies do not add up to STATES. */
static bool build_table(struct fse_entry *table, unsigned states, const uint16_t *frequency,
                        unsigned symbols, unsigned (*extra_bits)(unsigned), bool literal)
{
    unsigned filled = 0;
    uint32_t base = 0;
    for (unsigned symbol = 0; symbol < symbols; symbol++) {
        const unsigned f = frequency[symbol], extra = extra_bits(symbol);
        if (f > states - filled)
            return false;
        const unsigned k = f ? floor_log2(states) - floor_log2(f) : 0;
        const unsigned longer = f ? ((2 * states) >> k) - f : 0;
        for (unsigned j = 0; j < f; j++) {
            const unsigned bits = j < longer ? k : k - 1;
            const unsigned next = j < longer ? ((f + j) << k) - states : (j - longer) << (k - 1);
            table[filled++] = (struct fse_entry){.bits = (uint8_t)(bits + extra),
                                                 .extra = (uint8_t)extra,
                                                 .next = (uint16_t)next,
                                                 .base = literal ? symbol : base};
        }
        base += 1u << extra;
    }
    return filled == states;
}

static inline uint32_t fse_next(struct backward *in, const struct fse_entry *table, uint16_t *state)
{
    const struct fse_entry *entry = &table[*state];
    const uint32_t bits = take(in, entry->bits);
    *state = (uint16_t)(entry->next + (bits >> entry->extra));
    return entry->base + (bits & ((1u << entry->extra) - 1));
}

/* The packed form of one frequency in bvx2: 2, 3, 5, 8 or 14 bits, shortest for the smallest. */
static unsigned unpack_frequency(uint32_t window, uint16_t *value)
{
    if ((window & 1) == 0) {
        *value = window >> 1 & 1;
        return 2;
    }
    if ((window & 3) == 1) {
        *value = (uint16_t)(2 + (window >> 2 & 1));
        return 3;
    }
    if ((window & 7) == 3) {
        *value = (uint16_t)(4 + (window >> 3 & 3));
        return 5;
    }
    if ((window & 15) == 7) {
        *value = (uint16_t)(8 + (window >> 4 & 15));
        return 8;
    }
    *value = (uint16_t)(24 + (window >> 4 & 0x3ff));
    return 14;
}

static int read_packed_frequencies(const struct blob *in, uint64_t at, struct block *block,
                                   struct error *err)
{
    const uint8_t *p = in->data + at + V2_HEADER, *end = in->data + at + block->header_size;
    uint32_t window = 0;
    unsigned have = 0;
    for (unsigned symbol = 0; symbol < ALL_SYMBOLS; symbol++) {
        while (have <= 24 && p < end) {
            window |= (uint32_t)*p++ << have;
            have += 8;
        }
        const unsigned used = unpack_frequency(window, &block->frequency[symbol]);
        if (used > have)
            return blob_error(in, at + V2_HEADER, err, "LZFSE frequency table ends early");
        window >>= used;
        have -= used;
    }
    return 0;
}

static int read_v2_header(const struct blob *in, uint64_t at, struct block *block,
                          struct error *err)
{
    const uint8_t *p = blob_at(in, at, V2_HEADER);
    if (!p)
        return blob_error(in, at, err, "LZFSE block header ends early: get a whole copy");
    const uint64_t a = get_le64(p + 8), b = get_le64(p + 16), c = get_le64(p + 24);
    *block = (struct block){.raw_size = get_le32(p + 4),
                            .literal_count = a & 0xfffff,
                            .literal_size = a >> 20 & 0xfffff,
                            .match_count = a >> 40 & 0xfffff,
                            .literal_bits = (int)(a >> 60 & 7) - 7,
                            .lmd_size = b >> 40 & 0xfffff,
                            .lmd_bits = (int)(b >> 60 & 7) - 7,
                            .l_state = c >> 32 & 0x3ff,
                            .m_state = c >> 42 & 0x3ff,
                            .d_state = c >> 52 & 0x3ff,
                            .header_size = (uint32_t)c};
    for (int i = 0; i < 4; i++)
        block->literal_state[i] = b >> 10 * i & 0x3ff;
    if (block->header_size < V2_HEADER || !blob_at(in, at, block->header_size))
        return blob_error(in, at + 24, err, "LZFSE header size %zu is impossible",
                          block->header_size);
    return read_packed_frequencies(in, at, block, err);
}

static int read_v1_header(const struct blob *in, uint64_t at, struct block *block,
                          struct error *err)
{
    const uint8_t *p = blob_at(in, at, V1_HEADER);
    if (!p)
        return blob_error(in, at, err, "LZFSE block header ends early: get a whole copy");
    *block = (struct block){.raw_size = get_le32(p + 4),
                            .literal_count = get_le32(p + 12),
                            .match_count = get_le32(p + 16),
                            .literal_size = get_le32(p + 20),
                            .lmd_size = get_le32(p + 24),
                            .literal_bits = (int32_t)get_le32(p + 28),
                            .lmd_bits = (int32_t)get_le32(p + 40),
                            .l_state = get_le16(p + 44),
                            .m_state = get_le16(p + 46),
                            .d_state = get_le16(p + 48),
                            .header_size = V1_HEADER};
    for (int i = 0; i < 4; i++)
        block->literal_state[i] = get_le16(p + 32 + 2 * i);
    for (int i = 0; i < ALL_SYMBOLS; i++)
        block->frequency[i] = get_le16(p + 50 + 2 * i);
    return 0;
}

static bool block_is_sane(const struct block *b)
{
    const bool states = b->l_state < L_STATES && b->m_state < M_STATES && b->d_state < D_STATES;
    bool literals = b->literal_count <= MAX_LITERALS && b->literal_count % 4 == 0;
    for (int i = 0; i < 4; i++)
        literals = literals && b->literal_state[i] < LITERAL_STATES;
    return states && literals && b->match_count <= MAX_MATCHES && b->literal_bits >= -7 &&
           b->literal_bits <= 0 && b->lmd_bits >= -7 && b->lmd_bits <= 0;
}

static bool build_tables(struct decoder *dec)
{
    const uint16_t *f = dec->block.frequency;
    return build_table(dec->l, L_STATES, f, L_SYMBOLS, lzfse_l_extra, false) &&
           build_table(dec->m, M_STATES, f + L_SYMBOLS, M_SYMBOLS, lzfse_m_extra, false) &&
           build_table(dec->d, D_STATES, f + L_SYMBOLS + M_SYMBOLS, D_SYMBOLS, lzfse_d_extra,
                       false) &&
           build_table(dec->literal, LITERAL_STATES, f + L_SYMBOLS + M_SYMBOLS + D_SYMBOLS,
                       LITERAL_SYMBOLS, no_extra, true);
}

static bool decode_literals(struct decoder *dec, const uint8_t *data)
{
    struct block *b = &dec->block;
    struct backward in = open_stream(data, b->literal_size, b->literal_bits);
    uint16_t state[4];
    memcpy(state, b->literal_state, sizeof(state));
    /* Four symbols take at most 40 bits. */
    for (uint32_t i = 0; i < b->literal_count; i += 4) {
        refill(&in);
        for (unsigned j = 0; j < 4; j++)
            dec->literals[i + j] = (uint8_t)fse_next(&in, dec->literal, &state[j]);
    }
    return was_enough(&in);
}

/* SIZE bytes, and up to COPY_SLACK more, which both sides have room for. */
static inline void copy_run(uint8_t *to, const uint8_t *from, uint32_t size)
{
    for (uint32_t i = 0; i < size; i += 16)
        memcpy(to + i, from + i, 16);
}

static inline void copy_match(uint8_t *to, uint32_t length, uint32_t distance)
{
    if (!length)
        return;
    const uint8_t *from = to - distance;
    if (distance >= 16)
        copy_run(to, from, length);
    else if (distance >= 8)
        for (uint32_t i = 0; i < length; i += 8)
            memcpy(to + i, from + i, 8);
    else
        for (uint32_t i = 0; i < length; i++)
            to[i] = from[i];
}

/* Literal run, match length, distance, over and over; distance 0 repeats the last one. */
static bool decode_matches(struct decoder *dec, const uint8_t *data)
{
    const struct block *b = &dec->block;
    struct backward in = open_stream(data, b->lmd_size, b->lmd_bits);
    uint8_t *out = dec->out + dec->produced;
    const uint8_t *const end = out + b->raw_size, *literal = dec->literals;
    const uint8_t *const literal_end = literal + b->literal_count;
    uint16_t l = b->l_state, m = b->m_state, d = b->d_state;
    uint32_t distance = 0;
    for (uint32_t i = 0; i < b->match_count; i++) {
        refill(&in); /* the three take at most 14, 17 and 23 bits */
        const uint32_t run = fse_next(&in, dec->l, &l);
        const uint32_t length = fse_next(&in, dec->m, &m);
        const uint32_t fresh = fse_next(&in, dec->d, &d);
        distance = fresh ? fresh : distance;
        if (run > literal_end - literal || run + length > end - out)
            return false;
        copy_run(out, literal, run);
        literal += run;
        out += run;
        if (length && (!distance || distance > out - dec->out))
            return false;
        copy_match(out, length, distance);
        out += length;
    }
    dec->produced += b->raw_size;
    return out == end && was_enough(&in);
}

static int decode_entropy_block(struct decoder *dec, const struct blob *in, uint64_t *at, bool v1,
                                struct error *err)
{
    struct block *b = &dec->block;
    if (v1 ? read_v1_header(in, *at, b, err) : read_v2_header(in, *at, b, err))
        return -1;
    if (!block_is_sane(b) || !build_tables(dec))
        return blob_error(in, *at, err, "LZFSE block header is corrupted; get a whole copy");
    const uint64_t payload = *at + b->header_size;
    const uint8_t *literals = blob_at(in, payload, (uint64_t)b->literal_size + b->lmd_size);
    if (!literals)
        return blob_error(in, payload, err, "LZFSE payload ends early: get a whole copy");
    if (!decode_literals(dec, literals) || !decode_matches(dec, literals + b->literal_size))
        return blob_error(in, payload, err, "LZFSE payload is corrupted; get a whole copy");
    *at = payload + b->literal_size + b->lmd_size;
    return 0;
}

static int decode_raw_block(struct decoder *dec, const struct blob *in, uint64_t *at,
                            uint32_t raw_size, struct error *err)
{
    const uint8_t *data = blob_at(in, *at + 8, raw_size);
    if (!data)
        return blob_error(in, *at, err, "LZFSE raw block ends early: get a whole copy");
    memcpy(dec->out + dec->produced, data, raw_size);
    dec->produced += raw_size;
    *at += 8 + (uint64_t)raw_size;
    return 0;
}

static int decode_lzvn_block(struct decoder *dec, const struct blob *in, uint64_t *at,
                             uint32_t raw_size, struct error *err)
{
    const uint8_t *header = blob_at(in, *at, 12);
    const uint32_t packed = header ? get_le32(header + 8) : 0;
    const uint8_t *data = blob_at(in, *at + 12, packed);
    if (!header || !data)
        return blob_error(in, *at, err, "LZVN block ends early: get a whole copy");
    if (lzvn_decode(data, packed, dec->out + dec->produced, raw_size, dec->produced) != raw_size)
        return blob_error(in, *at, err, "LZVN block is corrupted; get a whole copy");
    dec->produced += raw_size;
    *at += 12 + (uint64_t)packed;
    return 0;
}

/* Room for RAW_SIZE more bytes. A block's promise is only believed up to what its form can expand
 * to. */
static int grow(struct decoder *dec, const struct blob *in, uint64_t at, uint32_t raw_size,
                struct error *err)
{
    /* An entropy block holds at most 10000 matches of 2359 and 40000 literals; LZVN opcodes give
     * 271 a byte. */
    const uint64_t limit = 2359ull * MAX_MATCHES + MAX_LITERALS + 271ull * in->size;
    if (raw_size > limit)
        return blob_error(in, at + 4, err,
                          "LZFSE block promises %u bytes: corrupted; get a whole copy", raw_size);
    const size_t need = dec->produced + raw_size + COPY_SLACK;
    if (need > DECOMPRESSED_MAX)
        return decompressed_too_large(in, at, err);
    if (need <= dec->capacity)
        return 0;
    size_t capacity = dec->capacity ? dec->capacity : 1 << 20;
    while (capacity < need)
        capacity *= 2;
    uint8_t *bigger = realloc(dec->out, capacity);
    if (!bigger)
        return error_set(err, ERROR_OS, "%s: no memory for %zu decompressed bytes", in->name, need);
    dec->out = bigger;
    dec->capacity = capacity;
    return 0;
}

static int decode_block(struct decoder *dec, const struct blob *in, uint64_t *at, struct error *err)
{
    const uint8_t *head = blob_at(in, *at, 8);
    if (!head)
        return blob_error(in, *at, err, "LZFSE block header ends early: get a whole copy");
    const uint32_t magic = get_le32(head), raw_size = get_le32(head + 4);
    const bool known =
        magic == MAGIC_RAW || magic == MAGIC_V1 || magic == MAGIC_V2 || magic == MAGIC_LZVN;
    if (!known)
        return blob_error(in, *at, err,
                          "0x%08x is no LZFSE block: the stream is corrupted; get a whole copy",
                          magic);
    if (grow(dec, in, *at, raw_size, err))
        return -1;
    if (magic == MAGIC_RAW)
        return decode_raw_block(dec, in, at, raw_size, err);
    if (magic == MAGIC_LZVN)
        return decode_lzvn_block(dec, in, at, raw_size, err);
    return decode_entropy_block(dec, in, at, magic == MAGIC_V1, err);
}

bool lzfse_recognise(const struct blob *in)
{
    return in->size >= 4 && !memcmp(in->data, "bvx", 3) && strchr("-12n$", in->data[3]) &&
           in->data[3];
}

int lzfse_decode(const struct blob *in, struct blob *out, struct error *err)
{
    struct decoder *dec = calloc(1, sizeof(*dec));
    if (!dec)
        return error_set(err, ERROR_OS, "%s: no memory", in->name);
    int result = 0;
    for (uint64_t at = 0; !result;) {
        const uint8_t *magic = blob_at(in, at, 4);
        if (!magic)
            result = blob_error(in, at, err, "LZFSE stream has no end mark: get a whole copy");
        else if (get_le32(magic) == MAGIC_END)
            break;
        else
            result = decode_block(dec, in, &at, err);
    }
    if (result)
        free(dec->out);
    else
        blob_adopt(out, dec->out, dec->produced, in->name);
    free(dec);
    return result;
}
