/* SPDX-License-Identifier: MIT */

/* QARMA-64 with five rounds and the S-box sigma 2: Arm's architected algorithm for pointer
 * authentication (FEAT_PACQARMA5; Arm ARM, ComputePAC). Facts: R. Avanzi, "The QARMA Block Cipher
 * Family", IACR ToSC 2017(1), whose names are used here; its test vectors are in
 * tests/unit/test_pac.c.
 *
 * The 64-bit state is a 4 x 4 matrix of nibbles, cell 0 in bits 63:60, row by row. All steps work
 * on the whole word: permutations as rotations of the cells that move equally far, column mixing as
 * rotations by rows of 16 bits, the S-box as its algebraic normal form over the four bit planes.
 * So there is no table, and no time that depends on data. */

#include "qarma.h"

#define ROUNDS 5
#define ALPHA  0xc0ac29b7c97c50ddull

/* Digits of pi. */
static const uint64_t round_constant[ROUNDS] = {
    0, 0x13198a2e03707344ull, 0xa4093822299f31d0ull, 0x082efa98ec4e6c89ull, 0x452821e638d01377ull,
};

/* Bit 0 of every nibble. */
#define ONES 0x1111111111111111ull

/* The cells of the tweak that omega steps: 0, 1, 3, 4, 8, 11, 13. */
#define OMEGA_CELLS 0xff0ff000f00f0f00ull

/* tau = 0 11 6 13 10 1 12 7 5 14 3 8 15 4 9 2 and h = 6 5 14 15 0 1 2 3 7 12 13 4 8 9 10 11, where
 * cell i comes from: by how many cells it moves right, and the places it comes to. */
#define TAU(MOVE, x)                                                                               \
    (MOVE(x, 0, 0xf000000f00000000ull) | MOVE(x, 3, 0x00000000f00f0000ull) |                       \
     MOVE(x, 4, 0x00000f0000000000ull) | MOVE(x, 5, 0x00000000000000f0ull) |                       \
     MOVE(x, 6, 0x0f0f000000000000ull) | MOVE(x, 7, 0x0000000000f00000ull) |                       \
     MOVE(x, 9, 0x0000000000000f00ull) | MOVE(x, 10, 0x0000f0f000000000ull) |                      \
     MOVE(x, 11, 0x000000000f000000ull) | MOVE(x, 12, 0x00f0000000000000ull) |                     \
     MOVE(x, 13, 0x000000000000f00full))
#define H(MOVE, x)                                                                                 \
    (MOVE(x, 1, 0x00000000f0000000ull) | MOVE(x, 4, 0x00ffffff0000ffffull) |                       \
     MOVE(x, 7, 0x00000000000f0000ull) | MOVE(x, 10, 0xf000000000000000ull) |                      \
     MOVE(x, 12, 0x0f00000000000000ull) | MOVE(x, 13, 0x000000000ff00000ull))
#define FORWARD(x, cells, to)  (rotate(x, (64 - 4 * (cells)) % 64) & (to))
#define BACKWARD(x, cells, to) rotate((x) & (to), 4 * (cells))

static uint64_t rotate(uint64_t x, unsigned n)
{
    return n ? x << n | x >> (64 - n) : x;
}

static uint64_t tau(uint64_t x)
{
    return TAU(FORWARD, x);
}

static uint64_t tau_inverse(uint64_t x)
{
    return TAU(BACKWARD, x);
}

/* sigma 2 = b 6 8 f c 0 9 e 3 7 4 5 d 2 1 a. */
static uint64_t sigma(uint64_t x)
{
    const uint64_t a = x & ONES, b = x >> 1 & ONES, c = x >> 2 & ONES, d = x >> 3 & ONES;
    const uint64_t ab = a & b, ac = a & c, ad = a & d, bc = b & c, cd = c & d;
    const uint64_t abd = ab & d, acd = ac & d, bcd = bc & d;
    const uint64_t y0 = ONES ^ a ^ b ^ c ^ ac ^ (ab & c) ^ ad ^ abd ^ cd ^ bcd;
    const uint64_t y1 = ONES ^ b ^ ab ^ c ^ bc ^ abd ^ acd;
    const uint64_t y2 = a ^ c ^ bc ^ (b & d) ^ abd ^ bcd;
    const uint64_t y3 = ONES ^ a ^ ab ^ d ^ ad ^ abd ^ cd ^ acd ^ bcd;
    return y0 | y1 << 1 | y2 << 2 | y3 << 3;
}

static uint64_t sigma_inverse(uint64_t x)
{
    const uint64_t a = x & ONES, b = x >> 1 & ONES, c = x >> 2 & ONES, d = x >> 3 & ONES;
    const uint64_t ab = a & b, ac = a & c, ad = a & d, bc = b & c, bd = b & d, cd = c & d;
    const uint64_t abc = ab & c, abd = ab & d, acd = ac & d, bcd = bc & d;
    const uint64_t y0 = ONES ^ a ^ c ^ bc ^ abc ^ d ^ ad ^ bd ^ abd ^ cd ^ bcd;
    const uint64_t y1 = a ^ ab ^ c ^ ac ^ bc ^ abc ^ d ^ ad ^ acd;
    const uint64_t y2 = ONES ^ ab ^ c ^ abc ^ d ^ ad ^ bd ^ abd ^ acd ^ bcd;
    const uint64_t y3 = a ^ b ^ ab ^ c ^ ac ^ ad ^ cd ^ bcd;
    return y0 | y1 << 1 | y2 << 2 | y3 << 3;
}

/* All nibbles rotated left by one or two bits. */
static uint64_t rho(uint64_t x)
{
    return (x << 1 & 0xeeeeeeeeeeeeeeeeull) | (x >> 3 & 0x1111111111111111ull);
}

static uint64_t rho2(uint64_t x)
{
    return (x << 2 & 0xccccccccccccccccull) | (x >> 2 & 0x3333333333333333ull);
}

/* M = Q = circ(0, rho, rho^2, rho), its own inverse. */
static uint64_t mix_columns(uint64_t x)
{
    return rho(rotate(x, 16)) ^ rho2(rotate(x, 32)) ^ rho(rotate(x, 48));
}

/* omega: b3 b2 b1 b0 -> (b0 + b1) b3 b2 b1. */
static uint64_t tweak_forward(uint64_t t)
{
    t = H(FORWARD, t);
    const uint64_t stepped =
        (t >> 1 & 0x7777777777777777ull) | ((t << 3 ^ t << 2) & 0x8888888888888888ull);
    return (t & ~OMEGA_CELLS) | (stepped & OMEGA_CELLS);
}

static uint64_t tweak_backward(uint64_t t)
{
    const uint64_t stepped =
        (t << 1 & 0xeeeeeeeeeeeeeeeeull) | ((t >> 3 ^ t) & 0x1111111111111111ull);
    t = (t & ~OMEGA_CELLS) | (stepped & OMEGA_CELLS);
    return H(BACKWARD, t);
}

static uint64_t reflect(uint64_t x, uint64_t key, uint64_t tweakey)
{
    x = mix_columns(tau(x ^ tweakey));
    x = sigma(x);
    x = mix_columns(tau(x)) ^ key;
    x = sigma_inverse(tau_inverse(x));
    return tau_inverse(mix_columns(x));
}

uint64_t a64_qarma5(uint64_t data, uint64_t modifier, uint64_t key_hi, uint64_t key_lo)
{
    const uint64_t w0 = key_hi, w1 = rotate(key_hi, 63) ^ key_hi >> 63;
    const uint64_t k0 = key_lo;
    uint64_t tweak = modifier;
    uint64_t x = data ^ w0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        x ^= k0 ^ tweak ^ round_constant[i];
        if (i > 0)
            x = mix_columns(tau(x));
        x = sigma(x);
        tweak = tweak_forward(tweak);
    }
    x = reflect(x, k0, w1 ^ tweak) ^ w0 ^ tweak;
    for (unsigned i = ROUNDS; i-- > 0;) {
        x = sigma_inverse(x);
        if (i > 0)
            x = tau_inverse(mix_columns(x));
        tweak = tweak_backward(tweak);
        x ^= k0 ^ tweak ^ round_constant[i] ^ ALPHA;
    }
    return x ^ w1;
}
