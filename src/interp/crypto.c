/* SPDX-License-Identifier: MIT */
/* The Cryptographic Extension: AES, SHA-1, SHA-256, SHA-512 and SHA-3 instructions, each a step of
 * the algorithms of FIPS 180-4, 197 and 202. PMULL is in simd_diff.c. The S-boxes are the only
 * tables. Nothing here runs in constant time: a guest's secrets are open to its host anyway. Arm
 * manual C7.2 and its shared pseudocode (SHA256hash and relatives). */

#include "../a64/cpu.h"
#include "../a64/decode.h"

#include "a64_exec.h"

/* clang-format off */
static const uint8_t sub_bytes[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};
static const uint8_t inv_sub_bytes[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};
/* clang-format on */

/* AES. The state is a column-major 4x4 matrix of bytes: byte 4c + r is column c, row r. */

/* AddRoundKey, ShiftRows, SubBytes: row r rotates left by r (decryption: right). */
static union a64_vreg aes_round(union a64_vreg state, union a64_vreg key, const uint8_t *box,
                                unsigned direction)
{
    union a64_vreg r;
    for (unsigned i = 0; i < 16; i++) {
        const unsigned from = (i + direction * 4 * (i % 4)) % 16;
        r.b[i] = box[state.b[from] ^ key.b[from]];
    }
    return r;
}

int exec_aese(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd] = aes_round(cpu->v[insn->rd], cpu->v[insn->rn], sub_bytes, 1);
    return A64_NEXT;
}

int exec_aesd(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd] = aes_round(cpu->v[insn->rd], cpu->v[insn->rn], inv_sub_bytes, 3);
    return A64_NEXT;
}

/* Each of four bytes times x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
static uint32_t times_x(uint32_t column)
{
    return (column & 0x7F7F7F7F) << 1 ^ (column >> 7 & 0x01010101) * 0x1B;
}

static uint32_t ror32(uint32_t value, unsigned shift)
{
    return value >> shift | value << (32 - shift);
}

static uint32_t rol32(uint32_t value, unsigned shift)
{
    return ror32(value, 32 - shift);
}

static uint64_t ror64(uint64_t value, unsigned shift)
{
    return shift ? value >> shift | value << (64 - shift) : value;
}

/* A column times the circulant matrix of rows (2 3 1 1). */
static uint32_t mix_column(uint32_t column)
{
    const uint32_t next = ror32(column, 8);
    return times_x(column ^ next) ^ next ^ ror32(column, 16) ^ ror32(column, 24);
}

int exec_aesmc(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg n = cpu->v[insn->rn];
    for (unsigned c = 0; c < 4; c++)
        cpu->v[insn->rd].s[c] = mix_column(n.s[c]);
    return A64_NEXT;
}

/* (14 11 13 9) is (2 3 1 1) times (5 0 4 0). */
int exec_aesimc(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg n = cpu->v[insn->rn];
    for (unsigned c = 0; c < 4; c++) {
        const uint32_t column = n.s[c];
        cpu->v[insn->rd].s[c] = mix_column(column ^ times_x(times_x(column ^ ror32(column, 16))));
    }
    return A64_NEXT;
}

static uint64_t choose(uint64_t x, uint64_t y, uint64_t z)
{
    return (x & y) | (~x & z);
}

static uint64_t majority(uint64_t x, uint64_t y, uint64_t z)
{
    return (x & y) | (x & z) | (y & z);
}

static uint64_t parity(uint64_t x, uint64_t y, uint64_t z)
{
    return x ^ y ^ z;
}

/* SHA-1: four rounds. Vd is a, b, c, d; Sn is e; Vm is four words of schedule plus constant. */
static int sha1_rounds(struct a64_cpu *cpu, const struct a64_insn *insn,
                       uint64_t (*function)(uint64_t, uint64_t, uint64_t))
{
    union a64_vreg x = cpu->v[insn->rd];
    const union a64_vreg w = cpu->v[insn->rm];
    uint32_t y = cpu->v[insn->rn].s[0];
    for (unsigned e = 0; e < 4; e++) {
        const uint32_t mixed = (uint32_t)function(x.s[1], x.s[2], x.s[3]);
        const uint32_t a = y + rol32(x.s[0], 5) + mixed + w.s[e];
        y = x.s[3];
        x = (union a64_vreg){.s = {a, x.s[0], rol32(x.s[1], 30), x.s[2]}};
    }
    cpu->v[insn->rd] = x;
    return A64_NEXT;
}

int exec_sha1c(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return sha1_rounds(cpu, insn, choose);
}

int exec_sha1m(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return sha1_rounds(cpu, insn, majority);
}

int exec_sha1p(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return sha1_rounds(cpu, insn, parity);
}

int exec_sha1h(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd] = (union a64_vreg){.s = {rol32(cpu->v[insn->rn].s[0], 30)}};
    return A64_NEXT;
}

int exec_sha1su0(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg d = cpu->v[insn->rd], n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    cpu->v[insn->rd] = (union a64_vreg){.d = {d.d[0] ^ d.d[1] ^ m.d[0], d.d[1] ^ n.d[0] ^ m.d[1]}};
    return A64_NEXT;
}

int exec_sha1su1(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg d = cpu->v[insn->rd], n = cpu->v[insn->rn];
    const uint32_t t[4] = {d.s[0] ^ n.s[1], d.s[1] ^ n.s[2], d.s[2] ^ n.s[3], d.s[3]};
    cpu->v[insn->rd] = (union a64_vreg){
        .s = {rol32(t[0], 1), rol32(t[1], 1), rol32(t[2], 1), rol32(t[3], 1) ^ rol32(t[0], 2)}};
    return A64_NEXT;
}

/* SHA256hash: four rounds on X (a to d) and Y (e to h) with schedule plus constant W. */
static void sha256_rounds(union a64_vreg *x, union a64_vreg *y, union a64_vreg w)
{
    for (unsigned k = 0; k < 4; k++) {
        const uint32_t a = x->s[0], e = y->s[0];
        const uint32_t t1 = y->s[3] + (ror32(e, 6) ^ ror32(e, 11) ^ ror32(e, 25)) +
                            (uint32_t)choose(e, y->s[1], y->s[2]) + w.s[k];
        const uint32_t t2 =
            (ror32(a, 2) ^ ror32(a, 13) ^ ror32(a, 22)) + (uint32_t)majority(a, x->s[1], x->s[2]);
        *y = (union a64_vreg){.s = {x->s[3] + t1, e, y->s[1], y->s[2]}};
        *x = (union a64_vreg){.s = {t1 + t2, a, x->s[1], x->s[2]}};
    }
}

int exec_sha256h(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    union a64_vreg x = cpu->v[insn->rd], y = cpu->v[insn->rn];
    sha256_rounds(&x, &y, cpu->v[insn->rm]);
    cpu->v[insn->rd] = x;
    return A64_NEXT;
}

int exec_sha256h2(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    union a64_vreg x = cpu->v[insn->rn], y = cpu->v[insn->rd];
    sha256_rounds(&x, &y, cpu->v[insn->rm]);
    cpu->v[insn->rd] = y;
    return A64_NEXT;
}

static uint32_t sha256_sigma0(uint32_t w)
{
    return ror32(w, 7) ^ ror32(w, 18) ^ w >> 3;
}

static uint32_t sha256_sigma1(uint32_t w)
{
    return ror32(w, 17) ^ ror32(w, 19) ^ w >> 10;
}

int exec_sha256su0(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    union a64_vreg r = cpu->v[insn->rd];
    const uint32_t w[4] = {r.s[1], r.s[2], r.s[3], cpu->v[insn->rn].s[0]};
    for (unsigned k = 0; k < 4; k++)
        r.s[k] += sha256_sigma0(w[k]);
    cpu->v[insn->rd] = r;
    return A64_NEXT;
}

/* The last two words depend on the first two. */
int exec_sha256su1(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    const uint32_t seven[4] = {n.s[1], n.s[2], n.s[3], m.s[0]};
    union a64_vreg r = cpu->v[insn->rd];
    for (unsigned k = 0; k < 4; k++)
        r.s[k] += seven[k] + sha256_sigma1(k < 2 ? m.s[2 + k] : r.s[k - 2]);
    cpu->v[insn->rd] = r;
    return A64_NEXT;
}

static uint64_t sha512_sum0(uint64_t x)
{
    return ror64(x, 28) ^ ror64(x, 34) ^ ror64(x, 39);
}

static uint64_t sha512_sum1(uint64_t x)
{
    return ror64(x, 14) ^ ror64(x, 18) ^ ror64(x, 41);
}

int exec_sha512h(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg x = cpu->v[insn->rn], y = cpu->v[insn->rm], w = cpu->v[insn->rd];
    const uint64_t high = choose(y.d[1], x.d[0], x.d[1]) + sha512_sum1(y.d[1]) + w.d[1];
    const uint64_t e = high + y.d[0];
    const uint64_t low = choose(e, y.d[1], x.d[0]) + sha512_sum1(e) + w.d[0];
    cpu->v[insn->rd] = (union a64_vreg){.d = {low, high}};
    return A64_NEXT;
}

int exec_sha512h2(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg x = cpu->v[insn->rn], y = cpu->v[insn->rm], w = cpu->v[insn->rd];
    const uint64_t high = majority(x.d[0], y.d[1], y.d[0]) + sha512_sum0(y.d[0]) + w.d[1];
    const uint64_t low = majority(high, y.d[0], y.d[1]) + sha512_sum0(high) + w.d[0];
    cpu->v[insn->rd] = (union a64_vreg){.d = {low, high}};
    return A64_NEXT;
}

static uint64_t sha512_sigma0(uint64_t w)
{
    return ror64(w, 1) ^ ror64(w, 8) ^ w >> 7;
}

static uint64_t sha512_sigma1(uint64_t w)
{
    return ror64(w, 19) ^ ror64(w, 61) ^ w >> 6;
}

int exec_sha512su0(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg w = cpu->v[insn->rd], x = cpu->v[insn->rn];
    cpu->v[insn->rd] =
        (union a64_vreg){.d = {w.d[0] + sha512_sigma0(w.d[1]), w.d[1] + sha512_sigma0(x.d[0])}};
    return A64_NEXT;
}

int exec_sha512su1(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg x = cpu->v[insn->rn], y = cpu->v[insn->rm];
    for (unsigned k = 0; k < 2; k++)
        cpu->v[insn->rd].d[k] += sha512_sigma1(x.d[k]) + y.d[k];
    return A64_NEXT;
}

/* SHA-3: bitwise on doublewords; d may be any of the sources, so each is read before it is written.
 */
#define SHA3(name, expression)                                                                     \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        for (unsigned k = 0; k < 2; k++) {                                                         \
            const uint64_t n = cpu->v[insn->rn].d[k], m = cpu->v[insn->rm].d[k];                   \
            const uint64_t a = cpu->v[insn->ra].d[k];                                              \
            (void)a;                                                                               \
            cpu->v[insn->rd].d[k] = (expression);                                                  \
        }                                                                                          \
        return A64_NEXT;                                                                           \
    }

SHA3(eor3, n ^ m ^ a)
SHA3(bcax, n ^ (m & ~a))
SHA3(rax1, n ^ ror64(m, 63))
SHA3(xar, ror64(n ^ m, insn->word >> 10 & 63))
