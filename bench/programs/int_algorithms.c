/* SPDX-License-Identifier: MIT */
/* Integer algorithms: sorting, sieving, hashing, long arithmetic, bit tricks. FIPS 180-4 for
 * SHA-256, CRC-32 by the usual reflected table; everything else needs no reference. */

#include "bench.h"

#include <string.h>

/* ---- SHA-256 in plain C; parallel.c has it on several threads ---- */

static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t ror(uint32_t x, unsigned by)
{
    return x >> by | x << (32 - by);
}

static void sha_block(uint32_t state[8], const uint8_t *data)
{
    uint32_t w[64], s[8];
    for (int k = 0; k < 16; k++)
        w[k] = (uint32_t)data[4 * k] << 24 | (uint32_t)data[4 * k + 1] << 16 |
               (uint32_t)data[4 * k + 2] << 8 | data[4 * k + 3];
    for (int k = 16; k < 64; k++)
        w[k] = w[k - 16] + w[k - 7] + (ror(w[k - 15], 7) ^ ror(w[k - 15], 18) ^ w[k - 15] >> 3) +
               (ror(w[k - 2], 17) ^ ror(w[k - 2], 19) ^ w[k - 2] >> 10);
    memcpy(s, state, sizeof(s));
    for (int k = 0; k < 64; k++) {
        const uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
                            ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[k] + w[k];
        const uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
                            ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (int j = 7; j > 0; j--)
            s[j] = s[j - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int k = 0; k < 8; k++)
        state[k] += s[k];
}

/* N KiB. */
static uint64_t sha256(struct bench *b, uint64_t n)
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t data[1024];
    uint64_t seed = b->seed;
    for (size_t k = 0; k < sizeof(data); k++)
        data[k] = (uint8_t)bench_random(&seed);
    bench_begin(b);
    for (uint64_t k = 0; k < n; k++) {
        for (size_t at = 0; at < sizeof(data); at += 64)
            sha_block(state, data + at);
        data[k % sizeof(data)] ^= (uint8_t)state[0];
    }
    return bench_hash(state, sizeof(state));
}

/* ---- the sieve of Eratosthenes: N numbers ---- */

static uint64_t sieve(struct bench *b, uint64_t n)
{
    uint8_t *composite = bench_alloc(n + 1);
    uint64_t primes = 0, sum = 0;
    bench_begin(b);
    for (uint64_t k = 2; k <= n; k++) {
        if (composite[k])
            continue;
        primes++;
        sum = bench_mix(sum, k);
        for (uint64_t multiple = k * k; multiple <= n; multiple += k)
            composite[multiple] = 1;
    }
    return bench_mix(sum, primes);
}

/* ---- quicksort and heapsort of N words ---- */

static void quick(int64_t *low, int64_t *high)
{
    while (low < high) {
        const int64_t pivot = low[(high - low) / 2];
        int64_t *left = low, *right = high;
        while (left <= right) {
            while (*left < pivot)
                left++;
            while (*right > pivot)
                right--;
            if (left <= right) {
                const int64_t kept = *left;
                *left++ = *right;
                *right-- = kept;
            }
        }
        quick(low, right);
        low = left;
    }
}

static int64_t *random_words(struct bench *b, uint64_t n)
{
    int64_t *words = bench_alloc(n * sizeof(*words));
    uint64_t seed = b->seed;
    for (uint64_t k = 0; k < n; k++)
        words[k] = (int64_t)bench_random(&seed);
    bench_begin(b);
    return words;
}

static uint64_t quicksort(struct bench *b, uint64_t n)
{
    int64_t *words = random_words(b, n);
    quick(words, words + n - 1);
    return bench_hash(words, n * sizeof(*words) / 16);
}

static void sift(int64_t *heap, uint64_t at, uint64_t n)
{
    const int64_t value = heap[at];
    for (uint64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= value)
            break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

static uint64_t heapsort(struct bench *b, uint64_t n)
{
    int64_t *words = random_words(b, n);
    for (uint64_t k = n / 2; k-- > 0;)
        sift(words, k, n);
    for (uint64_t k = n; --k > 0;) {
        const int64_t top = words[0];
        words[0] = words[k];
        words[k] = top;
        sift(words, 0, k);
    }
    return bench_hash(words, n * sizeof(*words) / 16);
}

/* ---- the Collatz sequences of the first N numbers ---- */

static uint64_t collatz(struct bench *b, uint64_t n)
{
    uint64_t sum = 0, longest = 0;
    (void)b;
    for (uint64_t k = 1; k <= n; k++) {
        uint64_t steps = 0;
        for (uint64_t x = k; x != 1; steps++)
            x = x & 1 ? 3 * x + 1 : x >> 1;
        sum += steps;
        longest = steps > longest ? steps : longest;
    }
    return bench_mix(sum, longest);
}

/* ---- N products of 2048-bit numbers, schoolbook ---- */

enum { LIMBS = 32 };

static void multiply(uint64_t out[2 * LIMBS], const uint64_t x[LIMBS], const uint64_t y[LIMBS])
{
    memset(out, 0, 2 * LIMBS * sizeof(*out));
    for (int i = 0; i < LIMBS; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < LIMBS; j++) {
            const unsigned __int128 sum = (unsigned __int128)x[i] * y[j] + out[i + j] + carry;
            out[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out[i + LIMBS] = carry;
    }
}

static uint64_t bignum(struct bench *b, uint64_t n)
{
    uint64_t x[LIMBS], y[LIMBS], product[2 * LIMBS], seed = b->seed;
    for (int k = 0; k < LIMBS; k++) {
        x[k] = bench_random(&seed);
        y[k] = bench_random(&seed);
    }
    for (uint64_t k = 0; k < n; k++) {
        multiply(product, x, y);
        memcpy(x, product + LIMBS, sizeof(x));
        memcpy(y, product, sizeof(y));
        x[0] |= 1;
        x[LIMBS - 1] |= 1ULL << 63;
        y[LIMBS - 1] |= 1ULL << 63;
    }
    return bench_hash(product, sizeof(product));
}

/* ---- divisions ---- */

static uint64_t division(struct bench *b, uint64_t n)
{
    uint64_t sum = 0, seed = b->seed;
    for (uint64_t k = 0; k < n; k++) {
        const uint64_t x = bench_random(&seed), y = (x >> 40) + 3;
        const int32_t narrow = (int32_t)(x >> 16) | 1;
        sum += x / y + x % (k | 1) + (uint64_t)((int64_t)sum / narrow) +
               (uint32_t)x / ((uint32_t)k | 1);
    }
    return sum;
}

/* ---- bit tricks: counts, reversals, rotates, fields ---- */

static uint64_t bits(struct bench *b, uint64_t n)
{
    uint64_t sum = 0, seed = b->seed;
    for (uint64_t k = 0; k < n; k++) {
        const uint64_t x = bench_random(&seed);
        const unsigned by = (unsigned)x & 63;
        sum += (uint64_t)__builtin_clzll(x | 1) + (uint64_t)__builtin_ctzll(x | 1ULL << 63);
        sum ^= (x >> by | x << (-by & 63)) + __builtin_bswap64(x);
        sum += (uint64_t)__builtin_popcountll(x & sum) + (x >> 13 & 0x3ff) * 5;
        sum ^= (uint64_t)(int64_t)(int16_t)(x >> 7) & ~(x << 11 >> 40);
    }
    return sum;
}

/* ---- CRC-32 by table, N KiB ---- */

static uint64_t crc32tab(struct bench *b, uint64_t n)
{
    uint32_t table[256], crc = ~0U;
    uint8_t data[1024];
    uint64_t seed = b->seed;
    for (uint32_t k = 0; k < 256; k++) {
        uint32_t entry = k;
        for (int bit = 0; bit < 8; bit++)
            entry = entry >> 1 ^ (entry & 1 ? 0xedb88320 : 0);
        table[k] = entry;
    }
    for (size_t k = 0; k < sizeof(data); k++)
        data[k] = (uint8_t)bench_random(&seed);
    for (uint64_t k = 0; k < n; k++) {
        for (size_t at = 0; at < sizeof(data); at++)
            crc = table[(crc ^ data[at]) & 0xff] ^ crc >> 8;
    }
    return crc;
}

/* ---- a hash table of N keys with open addressing: insertions, hits and misses ---- */

static uint64_t hashtable(struct bench *b, uint64_t n)
{
    uint64_t size = 4, seed = b->seed, sum = 0;
    while (size < 2 * n)
        size *= 2;
    uint64_t *keys = bench_alloc(size * sizeof(*keys)),
             *values = bench_alloc(size * sizeof(*values));
    bench_begin(b);
    for (uint64_t k = 0; k < 3 * n; k++) {
        if (k == n)
            seed = b->seed;
        const uint64_t key = bench_random(&seed) | 1;
        uint64_t at = (key * 0x9e3779b97f4a7c15) >> 20 & (size - 1);
        while (keys[at] && keys[at] != key)
            at = (at + 1) & (size - 1);
        if (k < n) {
            keys[at] = key;
            values[at] = k;
        } else {
            sum = sum * 3 + (keys[at] ? values[at] : 1);
        }
    }
    return sum;
}

const struct benchmark bench_int_algorithms[] = {
    {"int", "sha256", sha256, 9000, 0},
    {"int", "sieve", sieve, 6000000, 0},
    {"int", "quicksort", quicksort, 500000, 0},
    {"int", "heapsort", heapsort, 300000, 0},
    {"int", "collatz", collatz, 150000, 0},
    {"int", "bignum", bignum, 30000, 0},
    {"int", "div", division, 4000000, 0},
    {"int", "bits", bits, 8000000, 0},
    {"int", "crc32tab", crc32tab, 20000, 0},
    {"int", "hashtable", hashtable, 400000, 0},
    {0},
};
