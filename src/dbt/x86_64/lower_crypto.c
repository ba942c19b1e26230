/* SPDX-License-Identifier: MIT */
/* The Cryptographic Extension on the host's instructions for the same: AES, SHA-1, SHA-256; SHA-512
 * and SHA-3 by rotations and three-input logic; and CRC32 (CRC32C is in lower_bits.c). Arm manual
 * C7.2, Intel manual volume 2.
 *
 * What the host lacks is the interpreter's. */

#include "vector.h"

/* ---- AES ---- */

/* DST = OP(A, B); the forms for registers above 15 are an extension of their own. */
static void aes(struct lower *l, unsigned op, unsigned dst, unsigned a)
{
    if (!l->dbt->vaes && (dst >= 16 || a >= 16)) {
        if (a >= 16) {
            x86_vmov(&l->a, S0, a);
            a = S0;
        }
        vec_k(l, op, S0, a, K_ZERO);
        x86_vmov(&l->a, dst, S0);
        return;
    }
    vec_k(l, op, dst, a, K_ZERO);
}

/* Whether the next instruction is exec ID on V<d> in place. */
static bool next_is(const struct lower *l, const struct a64_insn *insn, unsigned id)
{
    if (l->at + 1 >= l->count)
        return false;
    const struct a64_insn *next = insn + 1;
    return next->row != A64_ROW_NONE && a64_exec_ids[next->row] == id && next->rd == insn->rd &&
           next->rn == insn->rd;
}

/* Arm adds the round's key first, the host last: so it is added before, and the host's is zero. A
 * round with its MixColumns, two instructions of Arm's, is one of the host's. */
static void aes_round(struct lower *l, const struct a64_insn *insn, unsigned last, unsigned whole,
                      unsigned mix)
{
    if (!l->dbt->aes) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPXOR, S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rd));
    const bool fused = next_is(l, insn, mix);
    aes(l, fused ? whole : last, dst, S0);
    lower_vdone(l, insn->rd, dst);
    l->at += fused;
}

static void lower_aese(struct lower *l, const struct a64_insn *insn)
{
    aes_round(l, insn, VAESENCLAST, VAESENC, A64_EXEC_aesmc);
}

static void lower_aesd(struct lower *l, const struct a64_insn *insn)
{
    aes_round(l, insn, VAESDECLAST, VAESDEC, A64_EXEC_aesimc);
}

/* The last round of the inverse, and a whole one, leave MixColumns. */
static void lower_aesmc(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->aes) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    aes(l, VAESDECLAST, S0, lower_vsrc(l, insn->rn, S0));
    aes(l, VAESENC, dst, S0);
    lower_vdone(l, insn->rd, dst);
}

static void lower_aesimc(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->aes) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = vec_low_dst(l, insn->rd);
    vec(l, VAESIMC, dst, 0, vec_low_rm(l, insn->rn, S0));
    lower_vdone(l, insn->rd, dst);
}

/* ---- SHA-1 and SHA-256: the host has no VEX forms ---- */

enum sha_op {
    SHA1RNDS4 = X_0F3A | 0xcc,
    SHA256RNDS2 = X_0F38 | 0xcb,
    SHA256MSG1 = X_0F38 | 0xcc,
    SHA256MSG2 = X_0F38 | 0xcd,
};

static void sha(struct lower *l, enum sha_op op, unsigned dst, unsigned src)
{
    x86_op(&l->a, op, dst, x86_r((int)src), 0);
}

/* Four rounds. The host's words stand in the opposite order, E is added to the first word of the
 * schedule, and the round's constant, which is in Arm's words already, comes off. */
static void sha1_rounds(struct lower *l, const struct a64_insn *insn, unsigned function,
                        uint32_t constant)
{
    if (!l->dbt->sha) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_i(l, VPSHUFD, S0, 0, vec_rm(l, insn->rd), 0x1b);
    vec_shift(l, VPSLLDQ, S1, lower_vsrc(l, insn->rn, S1), 12);
    vec_i(l, VPSHUFD, S2, 0, vec_rm(l, insn->rm), 0x1b);
    vec_r(l, VPADDD, S1, S1, S2);
    vec(l, VPSUBD, S1, S1, vector_literal_all(l, constant, 2));
    x86_op(&l->a, SHA1RNDS4, S0, x86_r(S1), 1);
    x86_u8(&l->a, function);
    vec_i(l, VPSHUFD, dst, 0, x86_r(S0), 0x1b);
    lower_vdone(l, insn->rd, dst);
}

static void lower_sha1c(struct lower *l, const struct a64_insn *insn)
{
    sha1_rounds(l, insn, 0, 0x5a827999);
}

static void lower_sha1p(struct lower *l, const struct a64_insn *insn)
{
    sha1_rounds(l, insn, 1, 0x6ed9eba1);
}

static void lower_sha1m(struct lower *l, const struct a64_insn *insn)
{
    sha1_rounds(l, insn, 2, 0x8f1bbcdc);
}

/* DST = the words of SRC rotated left by BY; DST is not SRC. Uses S2. */
static void rotate_words(struct lower *l, unsigned dst, unsigned src, unsigned by)
{
    if (l->dbt->avx512) {
        vec_shift(l, VPROLD, dst, src, by);
        return;
    }
    vec_shift(l, VPSLLD, dst, src, by);
    vec_shift(l, VPSRLD, S2, src, 32 - by);
    vec_r(l, VPOR, dst, dst, S2);
}

static void lower_sha1h(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    rotate_words(l, S0, lower_vsrc(l, insn->rn, S1), 30);
    vec_done(l, insn->rd, S0, 4);
}

/* The upper half of Vd and the lower of Vn, with Vd and Vm. */
static void lower_sha1su0(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0), d = lower_vsrc(l, insn->rd, S1);
    vec_i(l, VSHUFPD, S0, d, vec_rm(l, insn->rn), 1);
    vec_r(l, VPXOR, S0, S0, d);
    vec(l, VPXOR, dst, S0, vec_rm(l, insn->rm));
    lower_vdone(l, insn->rd, dst);
}

/* The last word has the first one, rotated by one more, besides. */
static void lower_sha1su1(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_shift(l, VPSRLDQ, S0, lower_vsrc(l, insn->rn, S0), 4);
    vec(l, VPXOR, S0, S0, vec_rm(l, insn->rd));
    rotate_words(l, S1, S0, 1);
    vec_shift(l, VPSLLDQ, S0, S1, 12);
    vec_shift(l, VPSRLD, S2, S0, 31);
    vec_r(l, VPADDD, S0, S0, S0);
    vec_r(l, VPOR, S0, S0, S2);
    vec_r(l, VPXOR, dst, S0, S1);
    lower_vdone(l, insn->rd, dst);
}

/* Four rounds from abcd in V<x> and efgh in V<y>, with V<w>: S0 = f, e, b, a afterwards, S1 = h, g,
 * d, c, as the host has them. Its schedule is XMM0, two words at a time. */
static void sha256_rounds(struct lower *l, unsigned x, unsigned y, unsigned w)
{
    const unsigned abcd = lower_vsrc(l, x, S1), efgh = lower_vsrc(l, y, S2);
    vec_i(l, VSHUFPS, S0, efgh, x86_r((int)abcd), 0x11);
    vec_i(l, VSHUFPS, S1, efgh, x86_r((int)abcd), 0xbb);
    x86_vmov(&l->a, S2, 0);
    if (vhost_of(l->dbt, w) != 0)
        vec_copy(l, w, 0);
    sha(l, SHA256RNDS2, S1, S0);
    vec_i(l, VPSHUFD, 0, 0, x86_r(0), 0xee);
    sha(l, SHA256RNDS2, S0, S1);
    x86_vmov(&l->a, 0, S2);
}

static void lower_sha256h(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->sha) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    sha256_rounds(l, insn->rd, insn->rn, insn->rm);
    vec_i(l, VSHUFPS, dst, S0, x86_r(S1), 0xbb);
    lower_vdone(l, insn->rd, dst);
}

static void lower_sha256h2(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->sha) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    sha256_rounds(l, insn->rn, insn->rd, insn->rm);
    vec_i(l, VSHUFPS, dst, S0, x86_r(S1), 0x11);
    lower_vdone(l, insn->rd, dst);
}

static void lower_sha256su0(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->sha) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    vec_copy(l, insn->rd, S0);
    sha(l, SHA256MSG1, S0, vec_low(l, insn->rn, S1));
    lower_vdone(l, insn->rd, S0);
}

/* The host wants the words of seven rounds ago added already. */
static void lower_sha256su1(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->sha) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned m = vec_low(l, insn->rm, S1);
    vec_i(l, VPALIGNR, S0, m, vec_rm(l, insn->rn), 4);
    vec(l, VPADDD, S0, S0, vec_rm(l, insn->rd));
    sha(l, SHA256MSG2, S0, m);
    lower_vdone(l, insn->rd, S0);
}

/* ---- SHA-512 ---- */

/* DST = SRC rotated right by three amounts, added without carries. Uses S2; SRC stays. */
static void sum_of_rotations(struct lower *l, unsigned dst, unsigned src, unsigned r1, unsigned r2,
                             unsigned r3)
{
    vec_shift(l, VPRORQ, dst, src, r1);
    vec_shift(l, VPRORQ, S2, src, r2);
    vec_r(l, VPXOR, dst, dst, S2);
    vec_shift(l, VPRORQ, S2, src, r3);
    vec_r(l, VPXOR, dst, dst, S2);
}

/* The three sources, if they are in registers and the host rotates; false: it is the interpreter's.
 */
static bool sha512_sources(struct lower *l, const struct a64_insn *insn, unsigned *d, unsigned *n,
                           unsigned *m)
{
    if (!l->dbt->avx512 || vhost_of(l->dbt, insn->rd) < 0 || vhost_of(l->dbt, insn->rn) < 0 ||
        vhost_of(l->dbt, insn->rm) < 0) {
        lower_call(l, insn);
        return false;
    }
    lower_vectors(l);
    *d = (unsigned)vhost_of(l->dbt, insn->rd);
    *n = (unsigned)vhost_of(l->dbt, insn->rn);
    *m = (unsigned)vhost_of(l->dbt, insn->rm);
    return true;
}

/* VPTERNLOG's tables: the second chooses the third or the first; the first or the third; the
 * majority. */
#define CHOOSE_LAST_OR_FIRST 0xb8
#define CHOOSE_FIRST_OR_LAST 0xe2
#define MAJORITY             0xe8

/* DST = the upper doubleword of SRC, then TABLE of it, B and C. */
static void logic_with_upper(struct lower *l, unsigned dst, unsigned src, unsigned b, unsigned c,
                             unsigned table)
{
    vec_shift(l, VPSRLDQ, dst, src, 8);
    vec_i(l, VPTERNLOGQ, dst, b, x86_r((int)c), table);
}

/* In the low doublewords: x is Vn, y Vm, w Vd; the upper result waits in RAX. */
static void lower_sha512h(struct lower *l, const struct a64_insn *insn)
{
    unsigned w, x, y;
    if (!sha512_sources(l, insn, &w, &x, &y))
        return;
    vec_shift(l, VPSRLDQ, S0, y, 8);
    sum_of_rotations(l, S1, S0, 14, 18, 41);
    logic_with_upper(l, S2, x, S0, x, CHOOSE_LAST_OR_FIRST);
    vec_r(l, VPADDQ, S1, S1, S2);
    vec_shift(l, VPSRLDQ, S2, w, 8);
    vec_r(l, VPADDQ, S1, S1, S2);
    x86_vmovd_to(&l->a, 1, x86_r(RAX), S1);
    vec_r(l, VPADDQ, S0, S1, y);
    sum_of_rotations(l, S1, S0, 14, 18, 41);
    logic_with_upper(l, S2, y, S0, x, CHOOSE_FIRST_OR_LAST);
    vec_r(l, VPADDQ, S1, S1, S2);
    vec_r(l, VPADDQ, S1, S1, w);
    vec_i(l, VPINSRQ, w, S1, x86_r(RAX), 1);
}

static void lower_sha512h2(struct lower *l, const struct a64_insn *insn)
{
    unsigned w, x, y;
    if (!sha512_sources(l, insn, &w, &x, &y))
        return;
    sum_of_rotations(l, S1, y, 28, 34, 39);
    logic_with_upper(l, S2, y, x, y, MAJORITY);
    vec_r(l, VPADDQ, S1, S1, S2);
    vec_shift(l, VPSRLDQ, S2, w, 8);
    vec_r(l, VPADDQ, S1, S1, S2);
    x86_vmovd_to(&l->a, 1, x86_r(RAX), S1);
    sum_of_rotations(l, S0, S1, 28, 34, 39);
    logic_with_upper(l, S2, y, S1, y, MAJORITY);
    vec_r(l, VPADDQ, S0, S0, S2);
    vec_r(l, VPADDQ, S0, S0, w);
    vec_i(l, VPINSRQ, w, S0, x86_r(RAX), 1);
}

/* S0 = SRC rotated right by R1 and R2 and shifted by BY, added without carries. SRC may be S0. */
static void sigma(struct lower *l, unsigned src, unsigned r1, unsigned r2, unsigned by)
{
    vec_shift(l, VPRORQ, S1, src, r1);
    vec_shift(l, VPRORQ, S2, src, r2);
    vec_shift(l, VPSRLQ, S0, src, by);
    vec_i(l, VPTERNLOGQ, S0, S1, x86_r(S2), 0x96);
}

static void lower_sha512su0(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_i(l, VPALIGNR, S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rd), 8);
    sigma(l, S0, 1, 8, 7);
    vec(l, VPADDQ, dst, S0, vec_rm(l, insn->rd));
    lower_vdone(l, insn->rd, dst);
}

static void lower_sha512su1(struct lower *l, const struct a64_insn *insn)
{
    if (!l->dbt->avx512) {
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    sigma(l, lower_vsrc(l, insn->rn, S0), 19, 61, 6);
    vec(l, VPADDQ, S0, S0, vec_rm(l, insn->rm));
    vec(l, VPADDQ, dst, S0, vec_rm(l, insn->rd));
    lower_vdone(l, insn->rd, dst);
}

/* ---- SHA-3 ---- */

static void lower_eor3(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPXOR, S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    vec(l, VPXOR, dst, S0, vec_rm(l, insn->ra));
    lower_vdone(l, insn->rd, dst);
}

static void lower_bcax(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPANDN, S0, lower_vsrc(l, insn->ra, S0), vec_rm(l, insn->rm));
    vec(l, VPXOR, dst, S0, vec_rm(l, insn->rn));
    lower_vdone(l, insn->rd, dst);
}

/* DST = the doublewords of SRC, which is not S1, rotated right by BY, 1 to 63. */
static void rotate(struct lower *l, unsigned dst, unsigned src, unsigned by)
{
    if (l->dbt->avx512) {
        vec_shift(l, VPRORQ, dst, src, by);
        return;
    }
    vec_shift(l, VPSRLQ, S1, src, by);
    vec_shift(l, VPSLLQ, S0, src, 64 - by);
    vec_r(l, VPOR, dst, S0, S1);
}

static void lower_rax1(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    rotate(l, S0, lower_vsrc(l, insn->rm, S0), 63);
    vec(l, VPXOR, dst, S0, vec_rm(l, insn->rn));
    lower_vdone(l, insn->rd, dst);
}

static void lower_xar(struct lower *l, const struct a64_insn *insn)
{
    const unsigned by = insn->word >> 10 & 63;
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec(l, VPXOR, by ? S0 : dst, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
    if (by)
        rotate(l, dst, S0, by);
    lower_vdone(l, insn->rd, dst);
}

/* ---- CRC32 ---- */

/* Barrett's reduction of the 64 bits in RAX by the polynomial 0x04c11db7, all bit-reflected: the
 * quotient is the low doubleword of the product with floor(x^96 / P), the remainder the upper one
 * of the quotient's with P. To EAX. */
static void reduce(struct lower *l)
{
    const struct x86_rm k = vector_literal(l, 0xb4e5b025f7011641, 0x1db710640);
    x86_vmovd_from(&l->a, 1, S0, x86_r(RAX));
    vec_i(l, VPCLMULQDQ, S0, S0, k, 0x00);
    vec_i(l, VPCLMULQDQ, S0, S0, k, 0x10);
    vec_i(l, VPEXTRD, S0, 0, x86_r(RAX), 2);
}

/* The checksum's low bits go with the data, BITS of them; what is left of it comes to the result.
 */
static void crc32(struct lower *l, const struct a64_insn *insn, unsigned bits)
{
    struct x86 *a = &l->a;
    if (insn->rd == 31)
        return;
    if (!l->dbt->pclmul) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_copy(l, 0, insn->rn, RAX);
    if (bits < 32) {
        x86_mov_rr(a, 1, RCX, RAX);
        x86_shift_imm(a, SHIFT_SHR, 0, RCX, bits);
    }
    if (insn->rm != 31)
        x86_alu(a, ALU_XOR, bits == 64, RAX, lower_rm(insn->rm));
    if (bits < 64)
        x86_shift_imm(a, SHIFT_SHL, 1, RAX, 64 - bits);
    reduce(l);
    if (bits < 32)
        x86_alu(a, ALU_XOR, 0, RAX, x86_r(RCX));
    lower_done(l, insn->rd, RAX);
}

#define CRC32(name, bits)                                                                          \
    static void lower_##name(struct lower *l, const struct a64_insn *insn)                         \
    {                                                                                              \
        crc32(l, insn, bits);                                                                      \
    }

CRC32(crc32b, 8)
CRC32(crc32h, 16)
CRC32(crc32w, 32)
CRC32(crc32x, 64)

lower_fn *const lower_crypto_table[A64_EXEC_COUNT] = {
    ROW(aese),      ROW(aesd),      ROW(aesmc),   ROW(aesimc),   ROW(sha1c),     ROW(sha1p),
    ROW(sha1m),     ROW(sha1h),     ROW(sha1su0), ROW(sha1su1),  ROW(sha256h),   ROW(sha256h2),
    ROW(sha256su0), ROW(sha256su1), ROW(sha512h), ROW(sha512h2), ROW(sha512su0), ROW(sha512su1),
    ROW(eor3),      ROW(bcax),      ROW(rax1),    ROW(xar),      ROW(crc32b),    ROW(crc32h),
    ROW(crc32w),    ROW(crc32x),
};
