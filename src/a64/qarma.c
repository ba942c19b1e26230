/* SPDX-License-Identifier: MIT */

/* QARMA-64 with five rounds and the S-box sigma 2: Arm's architected algorithm for pointer
 * authentication (FEAT_PACQARMA5; Arm ARM, ComputePAC). Facts: R. Avanzi, "The QARMA Block Cipher
 * Family", IACR ToSC 2017(1), whose names are used here; its test vectors are in
 * tests/unit/test_pac.c.
 *
 * The 64-bit state is a 4 x 4 matrix of nibbles, cell 0 in bits 63:60, row by row. Steps that treat
 * all cells alike work on the whole word; a row is 16 bits, so that rotating the word rotates the
 * rows.
 *
 * Not constant in time: the tables are indexed by secret data. The guest's keys guard the guest
 * from itself, not from the host. */

#include "qarma.h"

#define ROUNDS 5
#define ALPHA  0xc0ac29b7c97c50ddull

/* Digits of pi. */
static const uint64_t round_constant[ROUNDS] = {
    0, 0x13198a2e03707344ull, 0xa4093822299f31d0ull, 0x082efa98ec4e6c89ull, 0x452821e638d01377ull,
};

/* sigma 2 and its inverse, the value for nibble n in bits 4n+3:4n. */
#define SIGMA         0xa12d5473e90cf86bull
#define SIGMA_INVERSE 0x37c40f6291ba8de5ull

/* Where the nibble for each cell, 0 first, comes from: tau, h, and their inverses. */
static const uint8_t tau[16] = {0, 11, 6, 13, 10, 1, 12, 7, 5, 14, 3, 8, 15, 4, 9, 2};
static const uint8_t tau_inverse[16] = {0, 5, 15, 10, 13, 8, 2, 7, 11, 14, 4, 1, 6, 3, 9, 12};
static const uint8_t h[16] = {6, 5, 14, 15, 0, 1, 2, 3, 7, 12, 13, 4, 8, 9, 10, 11};
static const uint8_t h_inverse[16] = {4, 5, 6, 7, 11, 1, 0, 8, 12, 13, 14, 15, 9, 10, 2, 3};

/* The cells of the tweak that omega steps: 0, 1, 3, 4, 8, 11, 13. */
#define OMEGA_CELLS 0xff0ff000f00f0f00ull

static uint64_t substitute(uint64_t x, uint64_t box)
{
    uint64_t y = 0;
    for (unsigned shift = 0; shift < 64; shift += 4)
        y |= (box >> (x >> shift & 0xf) * 4 & 0xf) << shift;
    return y;
}

static uint64_t permute(uint64_t x, const uint8_t from[16])
{
    uint64_t y = 0;
    for (unsigned cell = 0; cell < 16; cell++)
        y = y << 4 | (x >> (60 - 4 * from[cell]) & 0xf);
    return y;
}

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
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
    t = permute(t, h);
    const uint64_t stepped =
        (t >> 1 & 0x7777777777777777ull) | ((t << 3 ^ t << 2) & 0x8888888888888888ull);
    return (t & ~OMEGA_CELLS) | (stepped & OMEGA_CELLS);
}

static uint64_t tweak_backward(uint64_t t)
{
    const uint64_t stepped =
        (t << 1 & 0xeeeeeeeeeeeeeeeeull) | ((t >> 3 ^ t) & 0x1111111111111111ull);
    return permute((t & ~OMEGA_CELLS) | (stepped & OMEGA_CELLS), h_inverse);
}

static uint64_t reflect(uint64_t x, uint64_t key, uint64_t tweakey)
{
    x = mix_columns(permute(x ^ tweakey, tau));
    x = substitute(x, SIGMA);
    x = mix_columns(permute(x, tau)) ^ key;
    x = substitute(permute(x, tau_inverse), SIGMA_INVERSE);
    return permute(mix_columns(x), tau_inverse);
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
            x = mix_columns(permute(x, tau));
        x = substitute(x, SIGMA);
        tweak = tweak_forward(tweak);
    }
    x = reflect(x, k0, w1 ^ tweak) ^ w0 ^ tweak;
    for (unsigned i = ROUNDS; i-- > 0;) {
        x = substitute(x, SIGMA_INVERSE);
        if (i > 0)
            x = permute(mix_columns(x), tau_inverse);
        tweak = tweak_backward(tweak);
        x ^= k0 ^ tweak ^ round_constant[i] ^ ALPHA;
    }
    return x ^ w1;
}
