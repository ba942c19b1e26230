/* SPDX-License-Identifier: MIT */
/* The cryptographic instructions of both sets at the same work: AES-128 encryption rounds (FIPS
 * 197), SHA-256 and SHA-1 compression (FIPS 180-4), carry-less products, CRC-32C. Natively it runs
 * on processors that have AES-NI, PCLMUL, SHA-NI and SSE4.2; elsewhere these rows end with an
 * error. */

#include "bench.h"

#include <string.h>

#ifdef __aarch64__

#include <arm_acle.h>
#include <arm_neon.h>
#define CRYPTO  __attribute__((target("+crypto+crc")))
#define PRESENT true

typedef uint8x16_t block;

/* One full round: SubBytes, ShiftRows, MixColumns, then the key. */
CRYPTO static inline block aes_round(block state, block key)
{
    return vaesmcq_u8(vaeseq_u8(state, vdupq_n_u8(0))) ^ key;
}

CRYPTO static inline block aes_last(block state, block key)
{
    return vaeseq_u8(state, vdupq_n_u8(0)) ^ key;
}

CRYPTO static inline block aes_undo(block state, block key)
{
    return vaesimcq_u8(vaesdq_u8(state, vdupq_n_u8(0))) ^ key;
}

CRYPTO static inline block clmul(block x, block y)
{
    return (block)vmull_p64((poly64_t)vgetq_lane_u64((uint64x2_t)x, 0),
                            (poly64_t)vgetq_lane_u64((uint64x2_t)y, 0));
}

CRYPTO static inline uint32_t crc(uint32_t sum, uint64_t data)
{
    return __crc32cd(sum, data);
}

#else

#include <immintrin.h>
#define CRYPTO __attribute__((target("aes,pclmul,sha,sse4.2,ssse3")))
#define PRESENT                                                                                    \
    (__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&                          \
     __builtin_cpu_supports("sse4.2"))

typedef __m128i block;

CRYPTO static inline block aes_round(block state, block key)
{
    return _mm_aesenc_si128(state, key);
}

CRYPTO static inline block aes_last(block state, block key)
{
    return _mm_aesenclast_si128(state, key);
}

CRYPTO static inline block aes_undo(block state, block key)
{
    return _mm_aesdec_si128(state, key);
}

CRYPTO static inline block clmul(block x, block y)
{
    return _mm_clmulepi64_si128(x, y, 0);
}

CRYPTO static inline uint32_t crc(uint32_t sum, uint64_t data)
{
    return (uint32_t)_mm_crc32_u64(sum, data);
}

#endif

static block load(uint64_t *seed)
{
    const uint64_t words[2] = {bench_random(seed), bench_random(seed)};
    block loaded;
    memcpy(&loaded, words, sizeof(loaded));
    return loaded;
}

/* N blocks in each of four chains. */
CRYPTO static uint64_t aes_hw(struct bench *b, uint64_t n)
{
    block keys[11], state[4];
    uint64_t seed = b->seed;
    bench_check(PRESENT, "the processor's AES");
    for (int k = 0; k < 11; k++)
        keys[k] = load(&seed);
    for (int k = 0; k < 4; k++)
        state[k] = load(&seed);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < 4; k++)
            state[k] = state[k] ^ keys[0];
        for (int key = 1; key < 10; key++) {
            for (int k = 0; k < 4; k++)
                state[k] = aes_round(state[k], keys[key]);
        }
        for (int k = 0; k < 4; k++)
            state[k] = aes_last(state[k], keys[10]);
    }
    return bench_hash(state, sizeof(state));
}

/* One chain of decryption rounds: each waits for the one before. */
CRYPTO static uint64_t aes_chain(struct bench *b, uint64_t n)
{
    block keys[10], state;
    uint64_t seed = b->seed;
    bench_check(PRESENT, "the processor's AES");
    for (int k = 0; k < 10; k++)
        keys[k] = load(&seed);
    state = load(&seed);
    for (uint64_t round = 0; round < n; round++) {
        for (int key = 0; key < 10; key++)
            state = aes_undo(state, keys[key]);
    }
    return bench_hash(&state, sizeof(state));
}

CRYPTO static uint64_t pmull(struct bench *b, uint64_t n)
{
    block x[4], y;
    uint64_t seed = b->seed;
    bench_check(PRESENT, "the processor's carry-less product");
    for (int k = 0; k < 4; k++)
        x[k] = load(&seed);
    y = load(&seed);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < 4; k++)
            x[k] = clmul(x[k], y) ^ x[k];
        y = y ^ x[round & 3];
    }
    return bench_hash(x, sizeof(x));
}

CRYPTO static uint64_t crc32c(struct bench *b, uint64_t n)
{
    uint64_t data[128], seed = b->seed;
    uint32_t sum = ~0U;
    bench_check(PRESENT, "the processor's CRC-32C");
    for (int k = 0; k < 128; k++)
        data[k] = bench_random(&seed);
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < 128; k++)
            sum = crc(sum, data[k]);
    }
    return sum;
}

/* ---- SHA-256: N blocks whose schedule is expanded by the instructions ---- */

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#ifdef __aarch64__

CRYPTO static void sha256_block(uint32_t state[8], const uint32_t message[16])
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4), w[4];
    const uint32x4_t old_abcd = abcd, old_efgh = efgh;
    for (int k = 0; k < 4; k++)
        w[k] = vld1q_u32(message + 4 * k);
    for (int k = 0; k < 16; k++) {
        const uint32x4_t keyed = w[k & 3] + vld1q_u32(sha256_k + 4 * k), before = abcd;
        if (k < 12)
            w[k & 3] = vsha256su1q_u32(vsha256su0q_u32(w[k & 3], w[(k + 1) & 3]), w[(k + 2) & 3],
                                       w[(k + 3) & 3]);
        abcd = vsha256hq_u32(abcd, efgh, keyed);
        efgh = vsha256h2q_u32(efgh, before, keyed);
    }
    vst1q_u32(state, abcd + old_abcd);
    vst1q_u32(state + 4, efgh + old_efgh);
}

#else

/* The instructions keep the state as ABEF and CDGH, highest word first. */
CRYPTO static void sha256_block(uint32_t state[8], const uint32_t message[16])
{
    __m128i abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
    __m128i cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]), w[4];
    uint32_t after[8];
    for (int k = 0; k < 4; k++)
        w[k] = _mm_loadu_si128((const __m128i *)(message + 4 * k));
    for (int k = 0; k < 16; k++) {
        __m128i keyed =
            _mm_add_epi32(w[k & 3], _mm_loadu_si128((const __m128i *)(sha256_k + 4 * k)));
        if (k < 12) {
            __m128i next = _mm_sha256msg1_epu32(w[k & 3], w[(k + 1) & 3]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(w[(k + 3) & 3], w[(k + 2) & 3], 4));
            w[k & 3] = _mm_sha256msg2_epu32(next, w[(k + 3) & 3]);
        }
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
        keyed = _mm_shuffle_epi32(keyed, 0x0e);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, keyed);
    }
    _mm_storeu_si128((__m128i *)after, abef);
    _mm_storeu_si128((__m128i *)(after + 4), cdgh);
    const uint32_t sums[8] = {after[3], after[2], after[7], after[6],
                              after[1], after[0], after[5], after[4]};
    for (int k = 0; k < 8; k++)
        state[k] += sums[k];
}

#endif

static uint64_t sha256_hw(struct bench *b, uint64_t n)
{
    uint32_t state[8], message[16];
    uint64_t seed = b->seed;
    bench_check(PRESENT, "the processor's SHA-256");
    for (int k = 0; k < 8; k++)
        state[k] = (uint32_t)bench_random(&seed);
    for (int k = 0; k < 16; k++)
        message[k] = (uint32_t)bench_random(&seed);
    for (uint64_t round = 0; round < n; round++) {
        sha256_block(state, message);
        message[round & 15] ^= state[round & 7];
    }
    return bench_hash(state, sizeof(state));
}

const struct benchmark bench_crypto[] = {
    {"crypto", "aes_hw", aes_hw, 1000000, 0},      {"crypto", "aes_chain", aes_chain, 600000, 0},
    {"crypto", "sha256_hw", sha256_hw, 600000, 0}, {"crypto", "pmull", pmull, 5000000, 0},
    {"crypto", "crc32c", crc32c, 200000, 0},       {0},
};
