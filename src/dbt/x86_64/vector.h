/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_VECTOR_H
#define POMONA_DBT_X86_64_VECTOR_H

/* The vector instructions that the Advanced SIMD lowerings (lower_simd_*.c, lower_crypto.c) are
 * made of, under Intel's mnemonics, and what those lowerings share: operands, results, constants,
 * FPSR.QC.
 *
 * All work on 128 bits, so that the upper halves of the host's registers stay clean. An instruction
 * that exists as VEX and as EVEX takes whichever its registers need; one with X_VEX must get
 * registers below 16, for which low() is there; one with X_EVEX is for hosts with AVX-512VL only.
 *
 * A lowering computes in scratch registers and writes its target by the last instruction, since Vd
 * may be any of its sources. */

#include "lower.h"

#define X_EW   0x20000u /* the W of EVEX, where VEX has none */
#define X_EVEX 0x40000u /* only EVEX */
#define X_VEX  0x80000u /* only VEX */

#define V66   (X_0F | X_66)
#define V38   (X_0F38 | X_66)
#define V3A   (X_0F3A | X_66)
#define VF338 (X_0F38 | X_F3)

/* clang-format off */
enum vector_op {
    VPADDB = V66 | 0xfc, VPADDW = V66 | 0xfd, VPADDD = V66 | 0xfe, VPADDQ = V66 | X_EW | 0xd4,
    VPSUBB = V66 | 0xf8, VPSUBW = V66 | 0xf9, VPSUBD = V66 | 0xfa, VPSUBQ = V66 | X_EW | 0xfb,
    VPADDSB = V66 | 0xec, VPADDSW = V66 | 0xed, VPADDUSB = V66 | 0xdc, VPADDUSW = V66 | 0xdd,
    VPSUBSB = V66 | 0xe8, VPSUBSW = V66 | 0xe9, VPSUBUSB = V66 | 0xd8, VPSUBUSW = V66 | 0xd9,
    VPMULLW = V66 | 0xd5, VPMULLD = V38 | 0x40, VPMULHW = V66 | 0xe5, VPMULHUW = V66 | 0xe4,
    VPMULHRSW = V38 | 0x0b, VPMULUDQ = V66 | X_EW | 0xf4, VPMULDQ = V38 | X_EW | 0x28,
    VPMADDWD = V66 | 0xf5, VPMADDUBSW = V38 | 0x04, VPSADBW = V66 | 0xf6,
    VPDPBUSD = V38 | X_EVEX | 0x50, VPDPWSSD = V38 | X_EVEX | 0x52,
    VPAVGB = V66 | 0xe0, VPAVGW = V66 | 0xe3,
    VPHADDW = V38 | X_VEX | 0x01, VPHADDD = V38 | X_VEX | 0x02, VPHMINPOSUW = V38 | X_VEX | 0x41,

    VPAND = V66 | X_EW | 0xdb, VPANDN = V66 | X_EW | 0xdf, VPOR = V66 | X_EW | 0xeb, VPXOR = V66 | X_EW | 0xef,
    VPTERNLOGQ = V3A | X_EVEX | X_W | 0x25,
    VPTEST = V38 | X_VEX | 0x17,

    VPCMPEQB = V66 | X_VEX | 0x74, VPCMPEQW = V66 | X_VEX | 0x75, VPCMPEQD = V66 | X_VEX | 0x76,
    VPCMPEQQ = V38 | X_VEX | 0x29, VPCMPGTB = V66 | X_VEX | 0x64, VPCMPGTW = V66 | X_VEX | 0x65,
    VPCMPGTD = V66 | X_VEX | 0x66, VPCMPGTQ = V38 | X_VEX | 0x37,

    VPMAXSB = V38 | 0x3c, VPMAXSW = V66 | 0xee, VPMAXSD = V38 | 0x3d,
    VPMAXSQ = V38 | X_EVEX | X_W | 0x3d, VPMINUQ = V38 | X_EVEX | X_W | 0x3b,
    VPMAXUB = V66 | 0xde, VPMAXUW = V38 | 0x3e, VPMAXUD = V38 | 0x3f,
    VPMINSB = V38 | 0x38, VPMINSW = V66 | 0xea, VPMINSD = V38 | 0x39,
    VPMINUB = V66 | 0xda, VPMINUW = V38 | 0x3a, VPMINUD = V38 | 0x3b,
    VPABSB = V38 | 0x1c, VPABSW = V38 | 0x1d, VPABSD = V38 | 0x1e, VPABSQ = V38 | X_EVEX | X_W | 0x1f,
    VPLZCNTD = V38 | X_EVEX | 0x44, VPLZCNTQ = V38 | X_EVEX | X_W | 0x44, VPOPCNTB = V38 | X_EVEX | 0x54,

    VPSHUFB = V38 | 0x00, VPSHUFD = V66 | 0x70, VPALIGNR = V3A | 0x0f,
    VSHUFPS = X_0F | 0xc6, VSHUFPD = V66 | X_EW | 0xc6,
    VPUNPCKLBW = V66 | 0x60, VPUNPCKLWD = V66 | 0x61, VPUNPCKLDQ = V66 | 0x62, VPUNPCKLQDQ = V66 | X_EW | 0x6c,
    VPUNPCKHBW = V66 | 0x68, VPUNPCKHWD = V66 | 0x69, VPUNPCKHDQ = V66 | 0x6a, VPUNPCKHQDQ = V66 | X_EW | 0x6d,
    VPACKSSWB = V66 | 0x63, VPACKSSDW = V66 | 0x6b, VPACKUSWB = V66 | 0x67, VPACKUSDW = V38 | 0x2b,
    VPBLENDW = V3A | X_VEX | 0x0e, VPBLENDD = V3A | X_VEX | 0x02, VPBLENDVB = V3A | X_VEX | 0x4c,
    VBLENDVPS = V3A | X_VEX | 0x4a, VBLENDVPD = V3A | X_VEX | 0x4b,
    VPERMI2B = V38 | X_EVEX | 0x75, VINSERTPS = V3A | 0x21,

    VPSLLVD = V38 | 0x47, VPSLLVQ = V38 | X_W | 0x47, VPSLLVW = V38 | X_EVEX | X_W | 0x12,
    VPSRLVD = V38 | 0x45, VPSRLVQ = V38 | X_W | 0x45, VPSRLVW = V38 | X_EVEX | X_W | 0x10,
    VPSRAVD = V38 | 0x46, VPSRAVQ = V38 | X_EVEX | X_W | 0x46, VPSRAVW = V38 | X_EVEX | X_W | 0x11,

    VPMOVSXBW = V38 | 0x20, VPMOVSXWD = V38 | 0x23, VPMOVSXDQ = V38 | 0x25,
    VPMOVZXBW = V38 | 0x30, VPMOVZXWD = V38 | 0x33, VPMOVZXDQ = V38 | 0x35,
    /* The narrow register is the r/m operand. */
    VPMOVSQD = VF338 | X_EVEX | 0x25, VPMOVUSQD = VF338 | X_EVEX | 0x15,

    VPBROADCASTB = V38 | 0x78, VPBROADCASTW = V38 | 0x79, VPBROADCASTD = V38 | 0x58, VPBROADCASTQ = V38 | X_EW | 0x59,
    VPBROADCASTB_R = V38 | X_EVEX | 0x7a, VPBROADCASTW_R = V38 | X_EVEX | 0x7b,
    VPBROADCASTD_R = V38 | X_EVEX | 0x7c, VPBROADCASTQ_R = V38 | X_EVEX | X_W | 0x7c,
    VPINSRB = V3A | 0x20, VPINSRW = V66 | 0xc4, VPINSRD = V3A | 0x22, VPINSRQ = V3A | X_W | 0x22,
    VPEXTRB = V3A | 0x14, VPEXTRW = V3A | 0x15, VPEXTRD = V3A | 0x16, VPEXTRQ = V3A | X_W | 0x16,
    VMOVDDUP = X_0F | X_F2 | X_EW | 0x12, VMOVQ = X_0F | X_F3 | X_EW | 0x7e, VMOVSLDUP = X_0F | X_F3 | 0x12, VMOVSHDUP = X_0F | X_F3 | 0x16,

    VPCMP_B = V3A | X_EVEX | 0x3f, VPCMP_UB = V3A | X_EVEX | 0x3e, VPCMP_W = V3A | X_EVEX | X_W | 0x3f,
    VPCMP_UW = V3A | X_EVEX | X_W | 0x3e, VPCMP_D = V3A | X_EVEX | 0x1f, VPCMP_UD = V3A | X_EVEX | 0x1e,
    VPCMP_Q = V3A | X_EVEX | X_W | 0x1f, VPCMP_UQ = V3A | X_EVEX | X_W | 0x1e,
    VPTESTMB = V38 | X_EVEX | 0x26, VPTESTMW = V38 | X_EVEX | X_W | 0x26,
    VPTESTMD = V38 | X_EVEX | 0x27, VPTESTMQ = V38 | X_EVEX | X_W | 0x27,
    VPMOVM2B = VF338 | X_EVEX | 0x28, VPMOVM2W = VF338 | X_EVEX | X_W | 0x28,
    VPMOVM2D = VF338 | X_EVEX | 0x38, VPMOVM2Q = VF338 | X_EVEX | X_W | 0x38,

    VPCLMULQDQ = V3A | 0x44, VGF2P8AFFINEQB = V3A | X_W | 0xce,
    VAESENC = V38 | 0xdc, VAESENCLAST = V38 | 0xdd, VAESDEC = V38 | 0xde, VAESDECLAST = V38 | 0xdf,
    VAESIMC = V38 | X_VEX | 0xdb,
};
/* clang-format on */

/* Shifts by an immediate: the opcode, and in bits 31..29 the number that stands in ModRM.reg. */
#define SHIFT_GROUP(opcode, number) ((opcode) | (unsigned)(number) << 29)
#define VPSRLW                      SHIFT_GROUP(V66 | 0x71, 2)
#define VPSRAW                      SHIFT_GROUP(V66 | 0x71, 4)
#define VPSLLW                      SHIFT_GROUP(V66 | 0x71, 6)
#define VPSRLD                      SHIFT_GROUP(V66 | 0x72, 2)
#define VPSRAD                      SHIFT_GROUP(V66 | 0x72, 4)
#define VPSLLD                      SHIFT_GROUP(V66 | 0x72, 6)
#define VPSRLQ                      SHIFT_GROUP(V66 | X_EW | 0x73, 2)
#define VPSRAQ                      SHIFT_GROUP(V66 | X_EVEX | X_W | 0x72, 4)
#define VPSLLQ                      SHIFT_GROUP(V66 | X_EW | 0x73, 6)
#define VPSRLDQ                     SHIFT_GROUP(V66 | 0x73, 3)
#define VPSLLDQ                     SHIFT_GROUP(V66 | 0x73, 7)
#define VPRORD                      SHIFT_GROUP(V66 | X_EVEX | 0x72, 0)
#define VPROLD                      SHIFT_GROUP(V66 | X_EVEX | 0x72, 1)
#define VPRORQ                      SHIFT_GROUP(V66 | X_EVEX | X_W | 0x72, 0)
#define VPROLQ                      SHIFT_GROUP(V66 | X_EVEX | X_W | 0x72, 1)

#define S0 VSCRATCH0
#define S1 VSCRATCH1
#define S2 VSCRATCH2

/* ---- constants ---- */

/* Those that are used everywhere, in dbt_hot; the rest are literals of their blocks. */
enum vector_constant {
    K_ZERO,
    K_ONES,
    K_LOW_1,
    K_LOW_2,
    K_LOW_4,
    K_LOW_8, /* so many bytes of ones, zeros above */
    K_01B,
    K_0F,
    K_7F,
    K_80B,
    K_70, /* in every byte */
    K_0001,
    K_00FF,
    K_FF00,
    K_8000, /* in every half */
    K_80000000,
    K_0000FFFF, /* in every word */
    K_SIGN64,
    K_LOW_WORD, /* in every doubleword: 1 << 63, 0xffffffff */
    /* VPSHUFB: the even (odd) bytes, halves or words to the low half, zeros above; TWICE: to both
       halves. */
    K_EVEN_B,
    K_EVEN_H,
    K_EVEN_S,
    K_ODD_B,
    K_ODD_H,
    K_ODD_S,
    K_EVEN_B_TWICE,
    K_EVEN_H_TWICE,
    K_ODD_B_TWICE,
    K_ODD_H_TWICE,
    K_REV16_B,
    K_REV32_B,
    K_REV32_H,
    K_REV64_B,
    K_REV64_H, /* VPSHUFB: REVn */
    K_COUNT_BITS,
    K_REVERSE_LOW,
    K_REVERSE_HIGH, /* of a nibble */
    K_CLZ_HIGH,
    K_CLZ_LOW, /* of a byte, by its nibbles */
    K_HALVES_B,
    K_HALVES_H,       /* VPSHUFB: the elements of the two halves in turns */
    K_REVERSE_MATRIX, /* VGF2P8AFFINEQB */
    K_COUNT
};
_Static_assert(K_COUNT <= DBT_CONSTANTS, "room in dbt_hot");

static inline struct x86_rm vector_constant(const struct lower *l, enum vector_constant k)
{
    return x86_at(&l->dbt->hot->constant[k]);
}

/* A literal of the block: LOW and HIGH, or VALUE in every element of 1 << SIZE bytes. */
static inline struct x86_rm vector_literal(struct lower *l, uint64_t low, uint64_t high)
{
    const uint64_t value[2] = {low, high};
    return x86_at((const void *)lower_literal(l, value, 16));
}

static inline uint64_t vector_replicate(uint64_t value, unsigned size)
{
    static const uint64_t ones[4] = {0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1};
    return (size < 3 ? value & ((1ull << (8u << size)) - 1) : value) * ones[size];
}

static inline struct x86_rm vector_literal_all(struct lower *l, uint64_t value, unsigned size)
{
    value = vector_replicate(value, size);
    return vector_literal(l, value, value);
}

/* ---- instructions ---- */

static inline void vec(struct lower *l, unsigned op, unsigned dst, unsigned src, struct x86_rm rm)
{
    if (op & X_EVEX || dst >= 16 || src >= 16 || rm.reg >= 16)
        x86_evex(&l->a, op | (op & X_EW ? X_W : 0), dst, src, rm, 0, false, 0);
    else
        x86_vex(&l->a, op, dst, src, rm, 0);
}

static inline void vec_r(struct lower *l, unsigned op, unsigned dst, unsigned src, unsigned src2)
{
    vec(l, op, dst, src, x86_r((int)src2));
}

/* With an immediate. */
static inline void vec_i(struct lower *l, unsigned op, unsigned dst, unsigned src, struct x86_rm rm,
                         unsigned imm)
{
    if (op & X_EVEX || dst >= 16 || src >= 16 || rm.reg >= 16)
        x86_evex(&l->a, op | (op & X_EW ? X_W : 0), dst, src, rm, 0, false, 1);
    else
        x86_vex(&l->a, op, dst, src, rm, 1);
    x86_u8(&l->a, imm);
}

/* A shift by an immediate of register SRC. */
static inline void vec_shift(struct lower *l, unsigned op, unsigned dst, unsigned src, unsigned by)
{
    const unsigned number = op >> 29;
    op &= ~(7u << 29);
    if (op & X_EVEX || dst >= 16 || src >= 16)
        x86_evex(&l->a, op | (op & X_EW ? X_W : 0), number, dst, x86_r((int)src), 0, false, 1);
    else
        x86_vex(&l->a, op, number, dst, x86_r((int)src), 1);
    x86_u8(&l->a, by);
}

static inline void vec_k(struct lower *l, unsigned op, unsigned dst, unsigned src,
                         enum vector_constant k)
{
    vec(l, op, dst, src, vector_constant(l, k));
}

static inline void vec_zero(struct lower *l, unsigned dst)
{
    vec_r(l, VPXOR, dst, dst, dst);
}

/* ---- operands ---- */

/* V<n> as the last source: its register, or memory. */
static inline struct x86_rm vec_rm(struct lower *l, unsigned n)
{
    return vhost_of(l->dbt, n) >= 0 ? x86_r(vhost_of(l->dbt, n)) : guest_vector(n);
}

/* V<n> in a register below 16. */
static inline unsigned vec_low(struct lower *l, unsigned n, unsigned scratch)
{
    const unsigned reg = lower_vsrc(l, n, scratch);
    if (reg < 16)
        return reg;
    x86_vmov(&l->a, scratch, reg);
    return scratch;
}

/* The same as a last source. */
static inline struct x86_rm vec_low_rm(struct lower *l, unsigned n, unsigned scratch)
{
    return vhost_of(l->dbt, n) >= 0 ? x86_r((int)vec_low(l, n, scratch)) : guest_vector(n);
}

/* A copy of V<n>, or of an operand, in SCRATCH. */
static inline void vec_copy(struct lower *l, unsigned n, unsigned scratch)
{
    if (vhost_of(l->dbt, n) >= 0)
        x86_vmov(&l->a, scratch, (unsigned)vhost_of(l->dbt, n));
    else
        x86_vload(&l->a, scratch, guest_vector(n));
}

/* Where to compute V<n>, below 16. */
static inline unsigned vec_low_dst(struct lower *l, unsigned n)
{
    const unsigned dst = lower_vdst(l, n, S0);
    return dst < 16 ? dst : S0;
}

/* ---- the instruction's form (src/interp/simd.h has the same) ---- */

static inline unsigned vec_size(const struct a64_insn *insn)
{
    return insn->word >> 22 & 3;
}

static inline bool vec_q(const struct a64_insn *insn)
{
    return insn->word >> 30 & 1;
}

static inline bool vec_scalar(const struct a64_insn *insn)
{
    return insn->word >> 28 & 1;
}

/* With Q, "long" and "narrow" instructions work on the upper half of their narrow side. */
static inline bool vec_upper(const struct a64_insn *insn)
{
    return vec_q(insn) && !vec_scalar(insn);
}

static inline unsigned vec_bytes(const struct a64_insn *insn, unsigned size)
{
    return vec_scalar(insn) ? 1u << size : vec_q(insn) ? 16 : 8;
}

/* ---- results ---- */

/* Ones in the low BYTES. */
static inline enum vector_constant vec_mask(unsigned bytes)
{
    return bytes == 16  ? K_ONES
           : bytes == 8 ? K_LOW_8
           : bytes == 4 ? K_LOW_4
           : bytes == 2 ? K_LOW_2
                        : K_LOW_1;
}

/* The low BYTES of HOST become V<n>, zeros above. HOST is V<n>'s own register or a scratch one. */
static inline void vec_done(struct lower *l, unsigned n, unsigned host, unsigned bytes)
{
    const unsigned dst = lower_vdst(l, n, host);
    if (bytes == 8)
        vec_r(l, VMOVQ, dst, 0, host);
    else if (bytes < 8)
        vec_k(l, VPAND, dst, host, vec_mask(bytes));
    lower_vdone(l, n, bytes == 16 ? host : dst);
    if (bytes <= 8)
        lower_made(l, n, bytes);
}

/* FPSR.QC is set if the low BYTES of REG, a scratch register, are not all zero. EFLAGS are lost
 * already (lower_clobber()). */
static inline void vec_qc(struct lower *l, unsigned reg, unsigned bytes)
{
    vec_k(l, VPTEST, reg, 0, vec_mask(bytes));
    const struct x86_label set = x86_jcc(&l->a, CC_NE);
    x86_land(&l->cold, set);
    x86_alu_imm(&l->cold, ALU_OR, 0, CPU(fpsr), 1 << 27);
    x86_jmp_to(&l->cold, x86_here(&l->a));
}

/* The even or odd elements of SRC make the low half of DST; zeros above, or, TWICE, the same again.
 */
static inline void vec_unzip(struct lower *l, unsigned dst, unsigned src, unsigned size, bool odd,
                             bool twice)
{
    if (twice && size == 2) {
        vec_i(l, VPSHUFD, dst, 0, x86_r((int)src), odd ? 0xdd : 0x88);
        return;
    }
    const unsigned k = twice ? K_EVEN_B_TWICE + 2 * odd + size : K_EVEN_B + 3 * odd + size;
    vec_k(l, VPSHUFB, dst, src, (enum vector_constant)k);
}

/* DST = the element of Vm that an instruction "by element" names, in every lane: halves by H:L:M
 * and four bits of register, words by H:L and five. */
static inline void vec_element(struct lower *l, const struct a64_insn *insn, unsigned dst)
{
    const unsigned hl = (insn->word >> 11 & 1) << 1 | (insn->word >> 21 & 1);
    if (vec_size(insn) != 1) {
        vec_i(l, VPSHUFD, dst, 0, vec_rm(l, insn->rm), hl * 0x55);
        return;
    }
    const unsigned at = hl << 1 | insn->rm >> 4, m = lower_vsrc(l, insn->rm & 15, dst);
    if (at == 0)
        vec_r(l, VPBROADCASTW, dst, 0, m);
    else
        vec(l, VPSHUFB, dst, m, vector_literal_all(l, 0x0100u + at * 0x0202u, 1));
}

/* lower_NAME() and lower_NAME_elem(): FUNCTION with Vm, and with an element of it in every lane. */
#define VEC_BY_VECTOR(name, function, ...)                                                         \
    static void lower_##name(struct lower *l, const struct a64_insn *insn)                         \
    {                                                                                              \
        lower_vectors(l);                                                                          \
        function(l, insn, vec_rm(l, insn->rm), __VA_ARGS__);                                       \
    }
#define VEC_BY_ELEMENT(name, function, ...)                                                        \
    static void lower_##name##_elem(struct lower *l, const struct a64_insn *insn)                  \
    {                                                                                              \
        lower_vectors(l);                                                                          \
        vec_element(l, insn, S2);                                                                  \
        function(l, insn, x86_r(S2), __VA_ARGS__);                                                 \
    }

/* S0 = the low halves of Vn and Vm. */
static inline void vec_low_halves(struct lower *l, const struct a64_insn *insn)
{
    vec(l, VPUNPCKLQDQ, S0, lower_vsrc(l, insn->rn, S0), vec_rm(l, insn->rm));
}

/* Whether the next instruction is exec ID on the other halves (Q), with the same bits in FIELDS. */
static inline bool vec_other_halves_follow(const struct lower *l, const struct a64_insn *insn,
                                           unsigned id, uint32_t fields)
{
    if (l->at + 1 >= l->count)
        return false;
    const struct a64_insn *next = insn + 1;
    return next->row != A64_ROW_NONE && a64_exec_ids[next->row] == id &&
           vec_q(next) != vec_q(insn) && !((next->word ^ insn->word) & fields);
}

/* DST = elements of the low (HIGH: upper) half of FROM, twice as wide. */
static inline void vec_extend_rm(struct lower *l, unsigned dst, struct x86_rm from, unsigned size,
                                 bool sign, bool high)
{
    static const unsigned op[2][3] = {{VPMOVZXBW, VPMOVZXWD, VPMOVZXDQ},
                                      {VPMOVSXBW, VPMOVSXWD, VPMOVSXDQ}};
    static const unsigned with_zeros[3] = {VPUNPCKHBW, VPUNPCKHWD, VPUNPCKHDQ};
    if (high && from.reg >= 0 && !sign) {
        vec_k(l, with_zeros[size], dst, (unsigned)from.reg, K_ZERO);
        return;
    }
    if (high && from.reg >= 0) {
        vec_i(l, VPSHUFD, dst, 0, from, 0xee);
        from = x86_r((int)dst);
    } else if (high) {
        from = x86_beyond(from, 8);
    }
    vec(l, op[sign][size], dst, 0, from);
}

static inline void vec_extend(struct lower *l, unsigned dst, unsigned n, unsigned size, bool sign,
                              bool high)
{
    vec_extend_rm(l, dst, vec_rm(l, n), size, sign, high);
}

/* The low (UPPER: the upper) halves of SRC's elements, which have 2 << SIZE bytes, become Vd: with
 * Q its upper half, else all of it. */
static inline void vec_narrow(struct lower *l, const struct a64_insn *insn, unsigned src,
                              unsigned size, bool upper)
{
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    const bool q = vec_upper(insn);
    vec_unzip(l, q ? S0 : dst, src, size, upper, false);
    if (q)
        vec_r(l, VPUNPCKLQDQ, dst, lower_vsrc(l, insn->rd, S1), S0);
    lower_vdone(l, insn->rd, dst);
}

/* What the constants of dbt_hot are. */
extern const union a64_vreg vector_constants[K_COUNT];
/* Fills the tables of FRECPE and FRSQRTE. */
void vector_estimates(uint32_t estimate[2][256]);

/* lower_simd_NAME() stands for row simd_NAME in its table. */
#define SIMD_ROW(name) [A64_EXEC_simd_##name] = lower_simd_##name

#endif
