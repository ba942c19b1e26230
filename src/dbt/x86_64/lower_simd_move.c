/* SPDX-License-Identifier: MIT */
/* Advanced SIMD that moves without computing: modified immediates, copies between elements and
 * general registers, extract, permutations, table lookup, reversals (Arm manual C4.1.96). Most are
 * one shuffle. */

#include "vector.h"

/* ---- immediates ---- */

/* LOW in the low half of V<n>, and in the high half with Q. */
static void constant(struct lower *l, const struct a64_insn *insn, uint64_t value)
{
    const bool q = vec_q(insn);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    lower_vectors(l);
    if (value == 0)
        vec_zero(l, dst);
    else if (value == ~0ull)
        x86_vload(&l->a, dst, vector_constant(l, q ? K_ONES : K_LOW_8));
    else
        vec(l, q ? VMOVDDUP : VMOVQ, dst, 0, x86_at((const void *)lower_literal(l, &value, 8)));
    lower_vdone(l, insn->rd, dst);
}

static void lower_simd_movi(struct lower *l, const struct a64_insn *insn)
{
    constant(l, insn, insn->imm);
}

static void lower_simd_mvni(struct lower *l, const struct a64_insn *insn)
{
    constant(l, insn, ~insn->imm);
}

static void lower_simd_orr_imm(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0), src = lower_vsrc(l, insn->rd, S0);
    vec(l, VPOR, dst, src, vector_literal(l, insn->imm, insn->imm));
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

static void lower_simd_bic_imm(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0), src = lower_vsrc(l, insn->rd, S0);
    vec(l, VPAND, dst, src, vector_literal(l, ~insn->imm, vec_q(insn) ? ~insn->imm : 0));
    lower_vdone(l, insn->rd, dst);
}

/* ---- elements ---- */

/* imm5: its lowest bit set is log2 of the element's bytes, the bits above are the index. */
static unsigned imm5_size(const struct a64_insn *insn)
{
    return (unsigned)__builtin_ctz(insn->rm | 8);
}

static unsigned imm5_index(const struct a64_insn *insn)
{
    return insn->rm >> (imm5_size(insn) + 1);
}

/* VPSHUFB's operand that brings element INDEX to every lane of BYTES, or, ONE, to the first; else
 * zeros. */
static struct x86_rm element_shuffle(struct lower *l, unsigned size, unsigned index, unsigned bytes,
                                     bool one)
{
    uint8_t from[16];
    const unsigned first = index << size, used = one ? 1u << size : bytes;
    for (unsigned i = 0; i < 16; i++)
        from[i] = i < used ? (uint8_t)(first + (i & ((1u << size) - 1))) : 0x80;
    return x86_at((const void *)lower_literal(l, from, 16));
}

static void lower_simd_dup_v(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned broadcast[4] = {VPBROADCASTB, VPBROADCASTW, VPBROADCASTD, VPBROADCASTQ};
    const unsigned size = imm5_size(insn), index = imm5_index(insn);
    const bool scalar = vec_scalar(insn), q = vec_q(insn) && !scalar;
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (q && index == 0) {
        vec(l, broadcast[size], dst, 0, vec_rm(l, insn->rn));
    } else if (q && size == 2) {
        vec_i(l, VPSHUFD, dst, 0, vec_rm(l, insn->rn), index * 0x55);
    } else if (q && size == 3) {
        const unsigned n = lower_vsrc(l, insn->rn, S0);
        vec_r(l, VPUNPCKHQDQ, dst, n, n);
    } else if (size == 3) {
        const unsigned n = lower_vsrc(l, insn->rn, S0);
        if (index)
            vec_shift(l, VPSRLDQ, dst, n, 8);
        else
            vec_r(l, VMOVQ, dst, 0, n);
    } else {
        const unsigned n = lower_vsrc(l, insn->rn, S0);
        vec(l, VPSHUFB, dst, n, element_shuffle(l, size, index, q ? 16 : 8, scalar));
    }
    lower_vdone(l, insn->rd, dst);
}

static void lower_simd_dup_r(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned broadcast[4] = {VPBROADCASTB, VPBROADCASTW, VPBROADCASTD, VPBROADCASTQ};
    static const unsigned from_r[4] = {VPBROADCASTB_R, VPBROADCASTW_R, VPBROADCASTD_R,
                                       VPBROADCASTQ_R};
    const unsigned size = imm5_size(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (insn->rn == 31) {
        vec_zero(l, dst);
    } else if (l->dbt->avx512 && host_of[insn->rn] >= 0) {
        vec_r(l, from_r[size], dst, 0, (unsigned)host_of[insn->rn]);
    } else if (host_of[insn->rn] >= 0) {
        x86_vmovd_from(&l->a, size == 3, dst, lower_rm(insn->rn));
        vec_r(l, broadcast[size], dst, 0, dst);
    } else {
        vec(l, broadcast[size], dst, 0, lower_rm(insn->rn));
    }
    if (insn->rn == 31)
        lower_vdone(l, insn->rd, dst);
    else
        vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

/* VALUE, a general register or memory, becomes element INDEX of V<d>. */
static void insert(struct lower *l, unsigned d, unsigned size, unsigned index, struct x86_rm value)
{
    static const unsigned op[4] = {VPINSRB, VPINSRW, VPINSRD, VPINSRQ};
    const unsigned dst = lower_vdst(l, d, S0);
    vec_i(l, op[size], dst, lower_vsrc(l, d, S0), value, index);
    lower_vdone(l, d, dst);
}

static void lower_simd_ins_r(struct lower *l, const struct a64_insn *insn)
{
    lower_vectors(l);
    if (insn->rn == 31)
        x86_imm(&l->a, RAX, 0);
    insert(l, insn->rd, imm5_size(insn), imm5_index(insn),
           insn->rn == 31 ? x86_r(RAX) : lower_rm(insn->rn));
}

/* Element INDEX of V<n> in general register DST, zero-extended. */
static void extract(struct lower *l, unsigned dst, unsigned n, unsigned size, unsigned index)
{
    static const unsigned op[4] = {VPEXTRB, VPEXTRW, VPEXTRD, VPEXTRQ};
    struct x86 *a = &l->a;
    if (vhost_of(l->dbt, n) < 0) {
        const struct x86_rm from = x86_beyond(guest_vector(n), (int32_t)(index << size));
        if (size == 0)
            x86_movzx8(a, dst, from);
        else if (size == 1)
            x86_movzx16(a, dst, from);
        else
            x86_mov(a, size == 3, dst, from);
    } else if (size >= 2 && index == 0) {
        x86_vmovd_to(a, size == 3, x86_r((int)dst), (unsigned)vhost_of(l->dbt, n));
    } else {
        vec_i(l, op[size], (unsigned)vhost_of(l->dbt, n), 0, x86_r((int)dst), index);
    }
}

/* The element itself, if V<n> is in memory; else a copy in EAX or RAX. */
static struct x86_rm element(struct lower *l, unsigned n, unsigned size, unsigned index)
{
    if (vhost_of(l->dbt, n) < 0)
        return x86_beyond(guest_vector(n), (int32_t)(index << size));
    extract(l, RAX, n, size, index);
    return x86_r(RAX);
}

static void lower_simd_ins_v(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = imm5_size(insn), to = imm5_index(insn);
    const unsigned from = (insn->word >> 11 & 15) >> size;
    lower_vectors(l);
    if (size < 2 || (vhost_of(l->dbt, insn->rn) < 0 && size == 2)) {
        insert(l, insn->rd, size, to, element(l, insn->rn, size, from));
        return;
    }
    const unsigned dst = lower_vdst(l, insn->rd, S0), d = lower_vsrc(l, insn->rd, S0);
    const unsigned n = lower_vsrc(l, insn->rn, S1);
    if (size == 2)
        vec_i(l, VINSERTPS, dst, d, x86_r((int)n), from << 6 | to << 4);
    else if (to)
        vec_i(l, VSHUFPD, dst, d, x86_r((int)n), from << 1);
    else
        vec_i(l, VSHUFPD, dst, n, x86_r((int)d), from | 2);
    lower_vdone(l, insn->rd, dst);
}

static void lower_simd_umov(struct lower *l, const struct a64_insn *insn)
{
    const unsigned dst = lower_dst(insn->rd, RAX);
    if (insn->rd == 31)
        return;
    lower_vectors(l);
    extract(l, dst, insn->rn, imm5_size(insn), imm5_index(insn));
    lower_done(l, insn->rd, dst);
}

static void lower_simd_smov(struct lower *l, const struct a64_insn *insn)
{
    const unsigned dst = lower_dst(insn->rd, RAX), size = imm5_size(insn);
    if (insn->rd == 31)
        return;
    lower_vectors(l);
    const struct x86_rm from = element(l, insn->rn, size, imm5_index(insn));
    if (size == 0)
        x86_movsx8(&l->a, vec_q(insn), dst, from);
    else if (size == 1)
        x86_movsx16(&l->a, vec_q(insn), dst, from);
    else
        x86_movsxd(&l->a, dst, from);
    lower_done(l, insn->rd, dst);
}

/* ---- permutations ---- */

/* The bytes from imm4 on of Vm:Vn. */
static void lower_simd_ext(struct lower *l, const struct a64_insn *insn)
{
    const unsigned from = insn->word >> 11 & 15;
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (vec_q(insn)) {
        vec_i(l, VPALIGNR, dst, lower_vsrc(l, insn->rm, S0), vec_rm(l, insn->rn), from);
    } else {
        vec_low_halves(l, insn);
        vec_shift(l, VPSRLDQ, S0, S0, from & 7);
        vec_r(l, VMOVQ, dst, 0, S0);
    }
    lower_vdone(l, insn->rd, dst);
}

/* Bit 14 is "2" of ZIP2, UZP2, TRN2. */
static unsigned second(const struct a64_insn *insn)
{
    return insn->word >> 14 & 1;
}

static void lower_simd_zip(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned low[4] = {VPUNPCKLBW, VPUNPCKLWD, VPUNPCKLDQ, VPUNPCKLQDQ};
    static const unsigned high[4] = {VPUNPCKHBW, VPUNPCKHWD, VPUNPCKHDQ, VPUNPCKHQDQ};
    const unsigned size = vec_size(insn);
    const bool q = vec_q(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0), n = lower_vsrc(l, insn->rn, S0);
    vec(l, q && second(insn) ? high[size] : low[size], dst, n, vec_rm(l, insn->rm));
    if (!q && second(insn))
        vec_shift(l, VPSRLDQ, dst, dst, 8);
    else if (!q)
        vec_r(l, VMOVQ, dst, 0, dst);
    lower_vdone(l, insn->rd, dst);
}

static void lower_simd_uzp(struct lower *l, const struct a64_insn *insn)
{
    const unsigned size = vec_size(insn);
    const bool odd = second(insn);
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    if (!vec_q(insn)) {
        vec_low_halves(l, insn);
        vec_unzip(l, dst, S0, size, odd, false);
    } else if (size == 3) {
        const unsigned n = lower_vsrc(l, insn->rn, S0);
        vec(l, odd ? VPUNPCKHQDQ : VPUNPCKLQDQ, dst, n, vec_rm(l, insn->rm));
    } else if (insn->rn == insn->rm) {
        vec_unzip(l, dst, lower_vsrc(l, insn->rn, S0), size, odd, true);
    } else if (size == 2) {
        const unsigned n = lower_vsrc(l, insn->rn, S0);
        vec_i(l, VSHUFPS, dst, n, vec_rm(l, insn->rm), odd ? 0xdd : 0x88);
    } else {
        vec_unzip(l, S0, lower_vsrc(l, insn->rn, S0), size, odd, false);
        vec_unzip(l, S1, lower_vsrc(l, insn->rm, S1), size, odd, false);
        vec_r(l, VPUNPCKLQDQ, dst, S0, S1);
    }
    lower_vdone(l, insn->rd, dst);
}

/* DST = the even elements of EVEN and the odd ones of ODD. */
static void merge(struct lower *l, unsigned dst, unsigned even, struct x86_rm odd, unsigned size)
{
    if (size == 2) {
        vec_i(l, VPBLENDD, dst, even, odd, 0xa);
    } else if (size == 1) {
        vec_i(l, VPBLENDW, dst, even, odd, 0xaa);
    } else {
        x86_vload(&l->a, S2, vector_constant(l, K_FF00));
        vec_i(l, VPBLENDVB, dst, even, odd, S2 << 4);
    }
}

/* The even (TRN2: odd) elements of Vn and of Vm, in turns. */
static void lower_simd_trn(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned left[3] = {VPSLLW, VPSLLD, VPSLLQ}, right[3] = {VPSRLW, VPSRLD, VPSRLQ};
    const unsigned size = vec_size(insn), bits = 8u << size;
    lower_vectors(l);
    if (size == 3) {
        const unsigned dst = lower_vdst(l, insn->rd, S0), n = lower_vsrc(l, insn->rn, S0);
        vec(l, second(insn) ? VPUNPCKHQDQ : VPUNPCKLQDQ, dst, n, vec_rm(l, insn->rm));
        lower_vdone(l, insn->rd, dst);
        return;
    }
    const unsigned dst = vec_low_dst(l, insn->rd);
    if (second(insn)) {
        vec_shift(l, right[size], S0, lower_vsrc(l, insn->rn, S0), bits);
        merge(l, dst, S0, vec_low_rm(l, insn->rm, S1), size);
    } else {
        vec_shift(l, left[size], S0, lower_vsrc(l, insn->rm, S0), bits);
        merge(l, dst, vec_low(l, insn->rn, S1), x86_r(S0), size);
    }
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

/* ---- table lookup ---- */

/* Adds the bytes of register N that the indices in IDX name (less 16 * K) to S1, whose others stay.
 * An index of 16 or more, plus 0x70 with saturation, has bit 7 set, which VPSHUFB takes as zero. */
static void look_up(struct lower *l, unsigned m, unsigned n, unsigned k)
{
    if (k == 0) {
        vec_k(l, VPADDUSB, S1, m, K_70);
        vec_r(l, VPSHUFB, S1, lower_vsrc(l, n, S0), S1);
        return;
    }
    vec(l, VPSUBB, S0, m, vector_literal_all(l, 16 * k, 0));
    vec_k(l, VPADDUSB, S0, S0, K_70);
    vec_r(l, VPSHUFB, S0, lower_vsrc(l, n, S2), S0);
    vec_r(l, VPOR, S1, S1, S0);
}

/* TBX, bit 12: bytes of Vd stay where the index in M is beyond COUNT registers. */
static void keep_beyond(struct lower *l, unsigned dst, unsigned d, unsigned m, unsigned count)
{
    vec(l, VPADDUSB, S0, m, vector_literal_all(l, 128 - 16 * count, 0));
    vec_i(l, VPBLENDVB, dst, S1, vec_low_rm(l, d, S2), S0 << 4);
}

/* The registers Vn and behind it, V0 behind V31, are the table. */
static void lower_simd_tbl(struct lower *l, const struct a64_insn *insn)
{
    const unsigned count = (insn->word >> 13 & 3) + 1;
    const bool extend = insn->word >> 12 & 1;
    if (vhost_of(l->dbt, insn->rm) < 0 && (count > 1 || extend)) {
        /* The indices are needed again and again, and so are all scratch registers. */
        lower_call(l, insn);
        return;
    }
    lower_vectors(l);
    if (count == 1 && !extend) {
        const unsigned dst = lower_vdst(l, insn->rd, S0);
        vec_k(l, VPADDUSB, S0, lower_vsrc(l, insn->rm, S0), K_70);
        vec_r(l, VPSHUFB, dst, lower_vsrc(l, insn->rn, S1), S0);
        vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
        return;
    }
    const unsigned m = (unsigned)vhost_of(l->dbt, insn->rm);
    for (unsigned k = 0; k < count; k++)
        look_up(l, m, (insn->rn + k) % 32, k);
    if (extend) {
        const unsigned dst = vec_low_dst(l, insn->rd);
        keep_beyond(l, dst, insn->rd, m, count);
        vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
    } else {
        vec_done(l, insn->rd, S1, vec_bytes(insn, 0));
    }
}

/* ---- reversals ---- */

static void reverse(struct lower *l, const struct a64_insn *insn, enum vector_constant k)
{
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_k(l, VPSHUFB, dst, lower_vsrc(l, insn->rn, S0), k);
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

static void lower_simd_rev16(struct lower *l, const struct a64_insn *insn)
{
    reverse(l, insn, K_REV16_B);
}

static void lower_simd_rev32(struct lower *l, const struct a64_insn *insn)
{
    reverse(l, insn, vec_size(insn) ? K_REV32_H : K_REV32_B);
}

static void lower_simd_rev64(struct lower *l, const struct a64_insn *insn)
{
    if (vec_size(insn) < 2) {
        reverse(l, insn, vec_size(insn) ? K_REV64_H : K_REV64_B);
        return;
    }
    lower_vectors(l);
    const unsigned dst = lower_vdst(l, insn->rd, S0);
    vec_i(l, VPSHUFD, dst, 0, vec_rm(l, insn->rn), 0xb1);
    vec_done(l, insn->rd, dst, vec_bytes(insn, 0));
}

lower_fn *const lower_simd_move_table[A64_EXEC_COUNT] = {
    SIMD_ROW(movi),  SIMD_ROW(mvni),  SIMD_ROW(orr_imm), SIMD_ROW(bic_imm), SIMD_ROW(dup_v), SIMD_ROW(dup_r),
    SIMD_ROW(ins_r), SIMD_ROW(ins_v), SIMD_ROW(umov),    SIMD_ROW(smov),    SIMD_ROW(ext),   SIMD_ROW(zip),
    SIMD_ROW(uzp),   SIMD_ROW(trn),   SIMD_ROW(tbl),     SIMD_ROW(rev16),   SIMD_ROW(rev32), SIMD_ROW(rev64),
};
