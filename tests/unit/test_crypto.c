/* SPDX-License-Identifier: MIT */
/* The cryptographic instructions, proven by what they are for: AES-128, GHASH, SHA-1, SHA-256,
 * SHA-512 and SHA3-256 built from them, one instruction at a time through the decoder, against
 * libcrypto on random keys and messages. A step's formula stands beside it; the algorithms are FIPS
 * 197, 180-4, 202, SP 800-38D. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "cpu.h"
#include "decode.h"

typedef union a64_vreg vreg;

enum { MESSAGES = 200, LONGEST = 400 };

/* Instructions on v0 (d), v1 (n), v2 (m), v3 (a). */
enum {
    AESE = 0x4E284820,
    AESD = 0x4E285820,
    AESMC = 0x4E286820,
    AESIMC = 0x4E287820,
    PMULL = 0x0EE2E020,
    PMULL2 = 0x4EE2E020,
    SHA1C = 0x5E020020,
    SHA1P = 0x5E021020,
    SHA1M = 0x5E022020,
    SHA1SU0 = 0x5E023020,
    SHA256H = 0x5E024020,
    SHA256H2 = 0x5E025020,
    SHA256SU1 = 0x5E026020,
    SHA1H = 0x5E280820,
    SHA1SU1 = 0x5E281820,
    SHA256SU0 = 0x5E282820,
    ADD_4S = 0x4EA28420,
    ADD_2D = 0x4EE28420,
    EXT_8 = 0x6E024020,
};
#define EOR3      0xCE020C20u
#define BCAX      0xCE220C20u
#define RAX1      0xCE628C20u
#define XAR       0xCE820020u
#define SHA512H   0xCE628020u
#define SHA512H2  0xCE628420u
#define SHA512SU1 0xCE628820u
#define SHA512SU0 0xCEC08020u
#define EOR_16B   0x6E221C20u

static vreg op4(uint32_t word, vreg d, vreg n, vreg m, vreg a)
{
    static struct a64_cpu cpu;
    struct a64_insn insn;
    for (unsigned feat = A64_FEAT_AES; feat <= A64_FEAT_SHA3; feat++)
        a64_feature_add(&cpu.feat, feat);
    cpu.v[0] = d, cpu.v[1] = n, cpu.v[2] = m, cpu.v[3] = a;
    a64_insn_decode(&insn, word, &cpu.feat);
    assert_int_not_equal(insn.row, A64_ROW_NONE);
    assert_int_equal(insn.exec(&cpu, &insn), A64_NEXT);
    assert_memory_equal(&cpu.v[1], &n, 16);
    assert_memory_equal(&cpu.v[2], &m, 16);
    assert_memory_equal(&cpu.v[3], &a, 16);
    return cpu.v[0];
}

static const vreg zero;

static vreg op2(uint32_t word, vreg d, vreg n)
{
    return op4(word, d, n, zero, zero);
}

static vreg op3(uint32_t word, vreg d, vreg n, vreg m)
{
    return op4(word, d, n, m, zero);
}

static vreg load(const void *bytes)
{
    vreg v;
    memcpy(&v, bytes, 16);
    return v;
}

static uint64_t state = 0x9E3779B97F4A7C15;

static void random_bytes(void *out, size_t count)
{
    uint8_t *byte = out;
    while (count--) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        *byte++ = (uint8_t)(state >> 32);
    }
}

/* AES-128. */

/* AESE of four equal columns and a zero key: the rows rotate onto themselves, SubBytes remains. */
static uint32_t sub_word(uint32_t word)
{
    return op2(AESE, (vreg){.s = {word, word, word, word}}, zero).s[0];
}

static void expand_key(const uint8_t key[16], vreg round[11])
{
    uint32_t constant = 1;
    round[0] = load(key);
    for (unsigned k = 1; k < 11; k++) {
        const uint32_t last = round[k - 1].s[3];
        uint32_t word = sub_word(last >> 8 | last << 24) ^ constant;
        for (unsigned c = 0; c < 4; c++)
            round[k].s[c] = word ^= round[k - 1].s[c];
        constant = constant << 1 ^ (constant >> 7) * 0x11B;
    }
}

static vreg encrypt(const vreg round[11], vreg block)
{
    for (unsigned k = 0; k < 9; k++)
        block = op2(AESMC, zero, op2(AESE, block, round[k]));
    return op3(EOR_16B, zero, op2(AESE, block, round[9]), round[10]);
}

static vreg decrypt(const vreg round[11], vreg block)
{
    block = op2(AESD, block, round[10]);
    for (unsigned k = 9; k > 0; k--)
        block = op2(AESD, op2(AESIMC, zero, block), op2(AESIMC, zero, round[k]));
    return op3(EOR_16B, zero, block, round[0]);
}

static void test_aes(void **unused)
{
    for (unsigned k = 0; k < MESSAGES; k++) {
        uint8_t key[16], plain[16], cipher[32];
        vreg round[11];
        int length;
        random_bytes(key, 16);
        random_bytes(plain, 16);
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
        assert_int_equal(EVP_EncryptUpdate(ctx, cipher, &length, plain, 16), 1);
        EVP_CIPHER_CTX_free(ctx);
        expand_key(key, round);
        const vreg ours = encrypt(round, load(plain));
        assert_memory_equal(&ours, cipher, 16);
        const vreg back = decrypt(round, load(cipher));
        assert_memory_equal(&back, plain, 16);
    }
}

/* GHASH: GCM's bits run the other way, so blocks are reflected and multiplied in the usual order.
 */

static vreg reflect(const uint8_t block[16])
{
    vreg out = zero;
    for (unsigned bit = 0; bit < 128; bit++)
        out.d[bit / 64] |= (uint64_t)(block[bit / 8] >> (7 - bit % 8) & 1) << bit % 64;
    return out;
}

/* The product modulo x^128 + x^7 + x^2 + x + 1. */
static vreg ghash_multiply(vreg a, vreg b)
{
    const vreg swapped = {.d = {b.d[1], b.d[0]}};
    const vreg low = op3(PMULL, zero, a, b), high = op3(PMULL2, zero, a, b);
    const vreg middle =
        op3(EOR_16B, zero, op3(PMULL, zero, a, swapped), op3(PMULL2, zero, a, swapped));
    uint64_t product[4] = {low.d[0], low.d[1] ^ middle.d[0], high.d[0] ^ middle.d[1], high.d[1]};
    const vreg polynomial = {.d = {0x87, 0}};
    for (unsigned k = 3; k >= 2; k--) {
        const vreg folded = op3(PMULL, zero, (vreg){.d = {product[k], 0}}, polynomial);
        product[k - 2] ^= folded.d[0];
        product[k - 1] ^= folded.d[1];
    }
    return (vreg){.d = {product[0], product[1]}};
}

/* GMAC: the tag of AES-128-GCM over whole blocks of additional data alone. */
static void gmac(const uint8_t key[16], const uint8_t iv[12], const uint8_t *data, unsigned blocks,
                 uint8_t tag[16])
{
    vreg round[11], sum = zero, counter = zero;
    uint8_t lengths[16] = {[6] = (uint8_t)(blocks * 128 >> 8), [7] = (uint8_t)(blocks * 128)};
    expand_key(key, round);
    const vreg encrypted_zero = encrypt(round, zero);
    const vreg h = reflect(encrypted_zero.b);
    for (unsigned k = 0; k <= blocks; k++)
        sum = ghash_multiply(op3(EOR_16B, zero, sum, reflect(k < blocks ? data + 16 * k : lengths)),
                             h);
    memcpy(&counter, iv, 12);
    counter.b[15] = 1;
    counter = encrypt(round, counter);
    const vreg bytes = reflect(sum.b);
    for (unsigned k = 0; k < 16; k++)
        tag[k] = (uint8_t)(bytes.b[k] ^ counter.b[k]);
}

static void test_pmull(void **unused)
{
    for (unsigned k = 0; k < MESSAGES; k++) {
        uint8_t key[16], iv[12], data[16 * 8], tag[16], ours[16];
        const unsigned blocks = k % 8 + 1;
        int length;
        random_bytes(key, 16);
        random_bytes(iv, 12);
        random_bytes(data, sizeof(data));
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
        assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &length, data, (int)(16 * blocks)), 1);
        assert_int_equal(EVP_EncryptFinal_ex(ctx, NULL, &length), 1);
        assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tag), 1);
        EVP_CIPHER_CTX_free(ctx);
        gmac(key, iv, data, blocks, ours);
        assert_memory_equal(ours, tag, 16);
    }
}

/* The SHA family: the first bits of the cube roots of the first eighty primes, fractions. */
static const uint64_t constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* W words of a block, each of BYTES, from big-endian. */
static void load_block(const uint8_t *block, unsigned bytes, vreg *w)
{
    for (unsigned k = 0; k < 16 * bytes; k++)
        w[k / 16].b[k % 16] = block[k - k % bytes + (bytes - 1 - k % bytes)];
}

static void sha1_block(uint32_t h[5], const uint8_t *block)
{
    static const uint32_t function[4] = {SHA1C, SHA1P, SHA1M, SHA1P};
    static const uint32_t constant[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
    vreg w[20], abcd = load(h), e = {.s = {h[4]}};
    load_block(block, 4, w);
    for (unsigned k = 4; k < 20; k++)
        w[k] = op2(SHA1SU1, op3(SHA1SU0, w[k - 4], w[k - 3], w[k - 2]), w[k - 1]);
    for (unsigned k = 0; k < 20; k++) {
        const uint32_t c = constant[k / 5];
        const vreg next = op2(SHA1H, zero, abcd);
        const vreg wk = op3(ADD_4S, zero, w[k], (vreg){.s = {c, c, c, c}});
        abcd = op3(function[k / 5], abcd, e, wk);
        e = next;
    }
    for (unsigned k = 0; k < 4; k++)
        h[k] += abcd.s[k];
    h[4] += e.s[0];
}

static void sha256_block(uint32_t h[8], const uint8_t *block)
{
    vreg w[16], abcd = load(h), efgh = load(h + 4);
    load_block(block, 4, w);
    for (unsigned k = 4; k < 16; k++)
        w[k] = op3(SHA256SU1, op2(SHA256SU0, w[k - 4], w[k - 3]), w[k - 2], w[k - 1]);
    for (unsigned k = 0; k < 16; k++) {
        vreg c;
        for (unsigned i = 0; i < 4; i++)
            c.s[i] = (uint32_t)(constants[4 * k + i] >> 32);
        const vreg wk = op3(ADD_4S, zero, w[k], c), before = abcd;
        abcd = op3(SHA256H, abcd, efgh, wk);
        efgh = op3(SHA256H2, efgh, before, wk);
    }
    for (unsigned k = 0; k < 4; k++) {
        h[k] += abcd.s[k];
        h[k + 4] += efgh.s[k];
    }
}

static vreg ext8(vreg n, vreg m)
{
    return op3(EXT_8, zero, n, m);
}

static void sha512_block(uint64_t h[8], const uint8_t *block)
{
    vreg w[40], ab = load(h), cd = load(h + 2), ef = load(h + 4), gh = load(h + 6);
    load_block(block, 8, w);
    for (unsigned k = 8; k < 40; k++)
        w[k] =
            op3(SHA512SU1, op2(SHA512SU0, w[k - 8], w[k - 7]), w[k - 1], ext8(w[k - 4], w[k - 3]));
    for (unsigned k = 0; k < 40; k++) {
        const vreg wk = op3(ADD_2D, zero, w[k], load(&constants[2 * k]));
        const vreg sum = op3(ADD_2D, zero, gh, ext8(wk, wk));
        const vreg t1 = op3(SHA512H, sum, ext8(ef, gh), ext8(cd, ef));
        const vreg next = op3(SHA512H2, t1, cd, ab);
        gh = ef, ef = op3(ADD_2D, zero, cd, t1), cd = ab, ab = next;
    }
    for (unsigned k = 0; k < 2; k++) {
        h[k] += ab.d[k];
        h[k + 2] += cd.d[k];
        h[k + 4] += ef.d[k];
        h[k + 6] += gh.d[k];
    }
}

struct hash {
    const EVP_MD *(*libcrypto)(void);
    unsigned block, word, words; /* bytes of a block and of a word, words of the digest */
    void (*compress)(void *h, const uint8_t *block);
    const void *initial;
};

/* The message's last blocks: the rest of it, 0x80, zeros, its length in bits. */
static unsigned pad(const struct hash *hash, const uint8_t *message, unsigned length, uint8_t *last)
{
    const unsigned rest = length % hash->block;
    const unsigned total = rest + 1 + 2 * hash->word > hash->block ? 2 * hash->block : hash->block;
    memset(last, 0, total);
    memcpy(last, message + length - rest, rest);
    last[rest] = 0x80;
    last[total - 2] = (uint8_t)(length * 8 >> 8);
    last[total - 1] = (uint8_t)(length * 8);
    return total;
}

static void digest(const struct hash *hash, const uint8_t *message, unsigned length, uint8_t *out)
{
    uint64_t h[8];
    uint8_t last[256];
    const uint8_t *bytes = (const uint8_t *)h;
    memcpy(h, hash->initial, 8 * hash->word);
    for (unsigned k = 0; k + hash->block <= length; k += hash->block)
        hash->compress(h, message + k);
    const unsigned total = pad(hash, message, length, last);
    for (unsigned k = 0; k < total; k += hash->block)
        hash->compress(h, last + k);
    for (unsigned k = 0; k < hash->words * hash->word; k++)
        out[k] = bytes[k - k % hash->word + (hash->word - 1 - k % hash->word)];
}

static void check_hash(const struct hash *hash)
{
    for (unsigned k = 0; k < MESSAGES; k++) {
        uint8_t message[LONGEST], ours[64], theirs[64];
        const unsigned length = k % LONGEST;
        unsigned size;
        random_bytes(message, length);
        assert_int_equal(EVP_Digest(message, length, theirs, &size, hash->libcrypto(), NULL), 1);
        assert_int_equal(size, hash->words * hash->word);
        digest(hash, message, length, ours);
        assert_memory_equal(ours, theirs, size);
    }
}

static void sha1_compress(void *h, const uint8_t *block)
{
    sha1_block(h, block);
}

static void sha256_compress(void *h, const uint8_t *block)
{
    sha256_block(h, block);
}

static void sha512_compress(void *h, const uint8_t *block)
{
    sha512_block(h, block);
}

static void test_sha1(void **unused)
{
    static const uint32_t initial[8] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    check_hash(&(struct hash){EVP_sha1, 64, 4, 5, sha1_compress, initial});
}

static void test_sha256(void **unused)
{
    static const uint32_t initial[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                        0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    check_hash(&(struct hash){EVP_sha256, 64, 4, 8, sha256_compress, initial});
}

static void test_sha512(void **unused)
{
    static const uint64_t initial[8] = {0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B,
                                        0xA54FF53A5F1D36F1, 0x510E527FADE682D1, 0x9B05688C2B3E6C1F,
                                        0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179};
    check_hash(&(struct hash){EVP_sha512, 128, 8, 8, sha512_compress, initial});
}

/* Keccak-f[1600] on two states at once, one in each doubleword. */

static void theta(vreg a[25], vreg d[5])
{
    vreg c[5];
    for (unsigned x = 0; x < 5; x++)
        c[x] = op4(EOR3, zero, op4(EOR3, zero, a[x], a[x + 5], a[x + 10]), a[x + 15], a[x + 20]);
    for (unsigned x = 0; x < 5; x++)
        d[x] = op3(RAX1, zero, c[(x + 4) % 5], c[(x + 1) % 5]);
}

/* XAR adds theta's parity and rotates by rho; the lane's new place is pi. */
static void rho_pi(const vreg a[25], const vreg d[5], vreg b[25])
{
    unsigned x = 1, y = 0;
    b[0] = op3(XAR, zero, a[0], d[0]);
    for (unsigned t = 0; t < 24; t++) {
        const unsigned left = (t + 1) * (t + 2) / 2 % 64, new_y = (2 * x + 3 * y) % 5;
        b[y + 5 * new_y] = op3(XAR | (64 - left) % 64 << 10, zero, a[x + 5 * y], d[x]);
        x = y;
        y = new_y;
    }
}

static uint64_t round_constant(uint8_t *lfsr)
{
    uint64_t constant = 0;
    for (unsigned j = 0; j < 7; j++) {
        constant |= (uint64_t)(*lfsr & 1) << ((1u << j) - 1);
        *lfsr = (uint8_t)(*lfsr << 1 ^ (*lfsr >> 7) * 0x71);
    }
    return constant;
}

static void keccak(vreg a[25])
{
    uint8_t lfsr = 1;
    for (unsigned round = 0; round < 24; round++) {
        vreg b[25], d[5];
        theta(a, d);
        rho_pi(a, d, b);
        for (unsigned k = 0; k < 25; k++)
            a[k] = op4(BCAX, zero, b[k], b[k / 5 * 5 + (k + 2) % 5], b[k / 5 * 5 + (k + 1) % 5]);
        const uint64_t constant = round_constant(&lfsr);
        a[0] = op3(EOR_16B, zero, a[0], (vreg){.d = {constant, constant}});
    }
}

static void test_sha3(void **unused)
{
    enum { RATE = 136 };
    for (unsigned k = 0; k < MESSAGES; k++) {
        uint8_t message[2][RATE] = {0}, theirs[32];
        vreg a[25] = {0};
        const unsigned length = k % RATE;
        for (unsigned half = 0; half < 2; half++) {
            random_bytes(message[half], length);
            message[half][length] = 0x06;
            message[half][RATE - 1] |= 0x80;
            for (unsigned i = 0; i < RATE / 8; i++)
                memcpy(&a[i].d[half], message[half] + 8 * i, 8);
        }
        keccak(a);
        for (unsigned half = 0; half < 2; half++) {
            assert_int_equal(EVP_Digest(message[half], length, theirs, NULL, EVP_sha3_256(), NULL),
                             1);
            for (unsigned i = 0; i < 4; i++)
                assert_memory_equal(&a[i].d[half], theirs + 8 * i, 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes),    cmocka_unit_test(test_pmull),  cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_sha256), cmocka_unit_test(test_sha512), cmocka_unit_test(test_sha3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
