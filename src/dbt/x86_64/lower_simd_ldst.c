/* SPDX-License-Identifier: MIT */
/* LD1 to LD4, ST1 to ST4, LD1R to LD4R (Arm manual C4.1.94): structures between memory and vector
 * registers.
 *
 * One check for all bytes of an instruction; then whole vectors are loaded and sorted by shuffles,
 * or the other way round. The host has no three-way interleaving, so there each vector is the OR of
 * one shuffle of each. */

#include "lower_mem.h"
#include "vector.h"

#include "../../a64/ldst.h"

/* The K-th register that the instruction names; V0 follows V31. */
static unsigned reg(const struct a64_insn *insn, unsigned k)
{
    return (insn->rd + k) % 32;
}

/* Whether the instruction is the interpreter's: a misaligned SP, or each element's address is
 * checked. */
static bool needs_care(const struct lower *l, const struct a64_insn *insn,
                       const struct a64_struct_form *form)
{
    return lower_sp_faults(l, insn) || (form->log2_bytes && l->mode & DBT_MODE_ALIGN);
}

static bool pinned(const struct lower *l, const struct a64_insn *insn, unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        if (vhost_of(l->dbt, reg(insn, k)) < 0)
            return false;
    return true;
}

static struct lower_miss begin(struct lower *l, const struct a64_insn *insn,
                               const struct a64_struct_form *form, bool store)
{
    lower_vectors(l);
    lower_clobber(l);
    lower_address(l, insn, 0);
    return lower_check_with_slow(l, insn, form->bytes, store ? DBT_FILL_WRITE : DBT_FILL_READ);
}

/* The base grows by Xm, or, 31, by the bytes moved. */
static void post_index(struct lower *l, const struct a64_insn *insn,
                       const struct a64_struct_form *form)
{
    const unsigned n = lower_base(insn), base = lower_src(l, 1, n, RAX), dst = lower_dst(n, RAX);
    if (insn->rm == 31)
        x86_lea(&l->a, 1, dst, x86_m((int)base, form->bytes));
    else
        x86_lea(&l->a, 1, dst, x86_mx((int)base, (int)lower_src(l, 1, insn->rm, RCX), 0, 0));
    lower_done(l, n, dst);
}

static void end(struct lower *l, const struct a64_insn *insn, const struct a64_struct_form *form,
                struct lower_miss miss)
{
    const bool post = insn->word >> 23 & 1;
    if (post)
        post_index(l, insn, form);
    lower_checked(l, miss);
    if (post && insn->rn == 31)
        lower_sp_written(l, insn->rm == 31 && !(form->bytes & 15));
}

/* WIDTH bytes (8 or 16) at DISP to or from HOST; 8 leave the upper half 0. */
static void load(struct lower *l, unsigned host, unsigned width, unsigned disp)
{
    if (width == 16)
        x86_vload(&l->a, host, lower_operand((int32_t)disp));
    else
        vec(l, VMOVQ, host, 0, lower_operand((int32_t)disp));
}

static void store(struct lower *l, unsigned host, unsigned width, unsigned disp)
{
    if (width == 16)
        x86_vstore(&l->a, lower_operand((int32_t)disp), host);
    else
        x86_vmovd_to(&l->a, 1, lower_operand((int32_t)disp), host);
}

/* The low half of SRC (HIGH: the upper one) becomes V<n>. */
static void half_done(struct lower *l, unsigned n, unsigned src, bool high)
{
    const unsigned dst = lower_vdst(l, n, S2);
    if (high)
        vec_shift(l, VPSRLDQ, dst, src, 8);
    else
        vec_r(l, VMOVQ, dst, 0, src);
    lower_vdone(l, n, dst);
}

static const unsigned zip_low[4] = {VPUNPCKLBW, VPUNPCKLWD, VPUNPCKLDQ, VPUNPCKLQDQ};
static const unsigned zip_high[4] = {VPUNPCKHBW, VPUNPCKHWD, VPUNPCKHDQ, VPUNPCKHQDQ};

/* ---- by one: no structure ---- */

static void load_1(struct lower *l, const struct a64_insn *insn, unsigned count, unsigned width)
{
    for (unsigned k = 0; k < count; k++) {
        const unsigned dst = lower_vdst(l, reg(insn, k), S0);
        load(l, dst, width, k * width);
        lower_vdone(l, reg(insn, k), dst);
        lower_made(l, reg(insn, k), width);
    }
}

static void store_1(struct lower *l, const struct a64_insn *insn, unsigned count, unsigned width)
{
    for (unsigned k = 0; k < count; k++)
        store(l, lower_vsrc(l, reg(insn, k), S0), width, k * width);
}

/* ---- by two ---- */

/* DST = the even elements of the 16 bytes at DISP in its low half, the odd ones in the upper. */
static void load_split(struct lower *l, unsigned dst, unsigned size, unsigned disp)
{
    static const uint64_t low[2] = {0x0e0c0a0806040200, 0x0d0c090805040100};
    static const uint64_t high[2] = {0x0f0d0b0907050301, 0x0f0e0b0a07060302};
    if (size == 2) {
        vec_i(l, VPSHUFD, dst, 0, lower_operand((int32_t)disp), 0xd8);
        return;
    }
    load(l, dst, 16, disp);
    vec(l, VPSHUFB, dst, dst, vector_literal(l, low[size], high[size]));
}

static void load_2(struct lower *l, const struct a64_insn *insn, unsigned size, bool full)
{
    if (size == 3) {
        load(l, S0, 16, 0);
        load(l, S1, 16, 16);
    } else {
        load_split(l, S0, size, 0);
        if (full)
            load_split(l, S1, size, 16);
    }
    for (unsigned k = 0; k < 2; k++) {
        if (!full) {
            half_done(l, reg(insn, k), S0, k);
            continue;
        }
        const unsigned dst = lower_vdst(l, reg(insn, k), S2);
        vec_r(l, k ? VPUNPCKHQDQ : VPUNPCKLQDQ, dst, S0, S1);
        lower_vdone(l, reg(insn, k), dst);
    }
}

static void store_2(struct lower *l, const struct a64_insn *insn, unsigned size, bool full)
{
    const unsigned a = lower_vsrc(l, insn->rd, S1);
    vec(l, zip_low[size], S0, a, vec_rm(l, reg(insn, 1)));
    store(l, S0, 16, 0);
    if (!full)
        return;
    vec(l, zip_high[size], S0, a, vec_rm(l, reg(insn, 1)));
    store(l, S0, 16, 16);
}

/* ---- by three ---- */

/* VPSHUFB's operand for what vector FROM of memory holds of register K (TO_REGISTER), or the other
 * way round; zeros elsewhere. Register K's lane i is element 3 i + k of memory. */
static struct x86_rm part_of_three(struct lower *l, unsigned size, unsigned k, unsigned from,
                                   bool to_register)
{
    uint8_t shuffle[16];
    for (unsigned byte = 0; byte < 16; byte++) {
        const unsigned lane = byte >> size, within = byte & ((1u << size) - 1);
        unsigned source; /* from the start of vector FROM */
        bool ours;
        if (to_register) {
            source = ((3 * lane + k) << size) + within - 16 * from;
            ours = source < 16;
        } else {
            const unsigned element = (16 * from >> size) + lane;
            source = (element / 3 << size) + within;
            ours = element % 3 == k && source < 16;
        }
        shuffle[byte] = ours ? (uint8_t)source : 0x80;
    }
    return x86_at((const void *)lower_literal(l, shuffle, 16));
}

/* DST |= SRC shuffled, by way of TEMP. */
static void or_shuffled(struct lower *l, unsigned dst, unsigned temp, unsigned src,
                        struct x86_rm shuffle)
{
    vec(l, VPSHUFB, temp, src, shuffle);
    vec_r(l, VPOR, dst, dst, temp);
}

static void load_3_doublewords(struct lower *l, const unsigned d[3])
{
    load(l, S0, 16, 0);
    load(l, S1, 16, 16);
    load(l, S2, 16, 32);
    vec_i(l, VSHUFPD, d[0], S0, x86_r(S1), 2);
    vec_i(l, VSHUFPD, d[1], S0, x86_r(S2), 1);
    vec_i(l, VSHUFPD, d[2], S1, x86_r(S2), 2);
}

/* The registers serve as temporaries until it is their turn. */
static void load_3(struct lower *l, const struct a64_insn *insn, unsigned size, bool full)
{
    const unsigned d[3] = {(unsigned)vhost_of(l->dbt, reg(insn, 0)),
                           (unsigned)vhost_of(l->dbt, reg(insn, 1)),
                           (unsigned)vhost_of(l->dbt, reg(insn, 2))};
    if (size == 3) {
        load_3_doublewords(l, d);
        return;
    }
    load(l, S0, 16, 0);
    load(l, S1, full ? 16 : 8, 16);
    if (full)
        load(l, S2, 16, 32);
    for (unsigned k = 0; k < 3; k++) {
        const unsigned temp = k < 2 ? d[k + 1] : S0;
        vec(l, VPSHUFB, d[k], S0, part_of_three(l, size, k, 0, true));
        or_shuffled(l, d[k], temp, S1, part_of_three(l, size, k, 1, true));
        if (full)
            or_shuffled(l, d[k], temp, S2, part_of_three(l, size, k, 2, true));
        else
            vec_r(l, VMOVQ, d[k], 0, d[k]);
    }
}

static void store_3_doublewords(struct lower *l, const struct a64_insn *insn)
{
    const unsigned a = lower_vsrc(l, reg(insn, 0), S1), c = lower_vsrc(l, reg(insn, 2), S2);
    vec(l, VPUNPCKLQDQ, S0, a, vec_rm(l, reg(insn, 1)));
    store(l, S0, 16, 0);
    vec_i(l, VSHUFPD, S0, c, x86_r((int)a), 2);
    store(l, S0, 16, 16);
    vec_r(l, VPUNPCKHQDQ, S0, lower_vsrc(l, reg(insn, 1), S1), c);
    store(l, S0, 16, 32);
}

static void store_3(struct lower *l, const struct a64_insn *insn, unsigned size, bool full)
{
    if (size == 3) {
        store_3_doublewords(l, insn);
        return;
    }
    for (unsigned v = 0; v < (full ? 3 : 2); v++) {
        vec(l, VPSHUFB, S0, lower_vsrc(l, reg(insn, 0), S0), part_of_three(l, size, 0, v, false));
        for (unsigned k = 1; k < 3; k++)
            or_shuffled(l, S0, S1, lower_vsrc(l, reg(insn, k), S1),
                        part_of_three(l, size, k, v, false));
        store(l, S0, full || v == 0 ? 16 : 8, 16 * v);
    }
}

/* ---- by four ---- */

/* DST = the 16 bytes at DISP, elements of one register together in a word. */
static void load_words(struct lower *l, unsigned dst, unsigned size, unsigned disp)
{
    static const uint64_t low[2] = {0x0d0905010c080400, 0x0b0a030209080100};
    static const uint64_t high[2] = {0x0f0b07030e0a0602, 0x0f0e07060d0c0504};
    load(l, dst, 16, disp);
    if (size < 2)
        vec(l, VPSHUFB, dst, dst, vector_literal(l, low[size], high[size]));
}

static void load_4_doublewords(struct lower *l, const unsigned d[4])
{
    for (unsigned k = 0; k < 4; k += 2) {
        load(l, S0, 16, 8 * k);
        vec(l, VPUNPCKLQDQ, d[k], S0, lower_operand((int32_t)(8 * k + 32)));
        vec(l, VPUNPCKHQDQ, d[k + 1], S0, lower_operand((int32_t)(8 * k + 32)));
    }
}

/* Words w0 to w3 of four vectors, transposed. */
static void load_4(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    unsigned d[4];
    for (unsigned k = 0; k < 4; k++)
        d[k] = (unsigned)vhost_of(l->dbt, reg(insn, k));
    if (size == 3) {
        load_4_doublewords(l, d);
        return;
    }
    load_words(l, S0, size, 0);
    load_words(l, S1, size, 16);
    vec_r(l, VPUNPCKLDQ, d[0], S0, S1);
    vec_r(l, VPUNPCKHDQ, d[2], S0, S1);
    load_words(l, S0, size, 32);
    load_words(l, S1, size, 48);
    vec_r(l, VPUNPCKLDQ, S2, S0, S1);
    vec_r(l, VPUNPCKHDQ, S0, S0, S1);
    vec_r(l, VPUNPCKHQDQ, d[1], d[0], S2);
    vec_r(l, VPUNPCKLQDQ, d[0], d[0], S2);
    vec_r(l, VPUNPCKHQDQ, d[3], d[2], S0);
    vec_r(l, VPUNPCKLQDQ, d[2], d[2], S0);
}

static void load_4_halves(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    load_words(l, S0, size, 0);
    load_words(l, S1, size, 16);
    vec_r(l, VPUNPCKLDQ, S2, S0, S1);
    vec_r(l, VPUNPCKHDQ, S0, S0, S1);
    for (unsigned k = 0; k < 4; k++) {
        const unsigned dst = (unsigned)vhost_of(l->dbt, reg(insn, k)), src = k < 2 ? S2 : S0;
        if (k & 1)
            vec_shift(l, VPSRLDQ, dst, src, 8);
        else
            vec_r(l, VMOVQ, dst, 0, src);
    }
}

/* The first and the third register in turns, and the second and the fourth, then those two. */
static void store_4_part(struct lower *l, const struct a64_insn *insn, unsigned size, bool upper,
                         unsigned disp)
{
    const unsigned op = upper ? zip_high[size] : zip_low[size];
    vec(l, op, S0, lower_vsrc(l, reg(insn, 0), S0), vec_rm(l, reg(insn, 2)));
    vec(l, op, S1, lower_vsrc(l, reg(insn, 1), S1), vec_rm(l, reg(insn, 3)));
    vec_r(l, zip_low[size], S2, S0, S1);
    store(l, S2, 16, disp);
    vec_r(l, zip_high[size], S2, S0, S1);
    store(l, S2, 16, disp + 16);
}

static void store_4(struct lower *l, const struct a64_insn *insn, unsigned size, bool full)
{
    if (size < 3) {
        store_4_part(l, insn, size, false, 0);
        if (full)
            store_4_part(l, insn, size, true, 32);
        return;
    }
    for (unsigned k = 0; k < 4; k++) {
        const unsigned first = 2 * (k & 1), n = lower_vsrc(l, reg(insn, first), S0);
        vec(l, k < 2 ? VPUNPCKLQDQ : VPUNPCKHQDQ, S0, n, vec_rm(l, reg(insn, first + 1)));
        store(l, S0, 16, 16 * k);
    }
}

/* ---- multiple structures ---- */

static void lower_simd_ld_multi(struct lower *l, const struct a64_insn *insn)
{
    const struct a64_struct_form form = a64_multi_form(insn->word);
    const unsigned size = form.log2_bytes;
    if (needs_care(l, insn, &form) || (form.selem > 2 && !pinned(l, insn, form.selem))) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, &form, false);
    if (form.selem == 1)
        load_1(l, insn, form.registers, form.full ? 16 : 8);
    else if (form.selem == 2)
        load_2(l, insn, size, form.full);
    else if (form.selem == 3)
        load_3(l, insn, size, form.full);
    else if (form.full)
        load_4(l, insn, size);
    else
        load_4_halves(l, insn, size);
    end(l, insn, &form, miss);
}

static void lower_simd_st_multi(struct lower *l, const struct a64_insn *insn)
{
    const struct a64_struct_form form = a64_multi_form(insn->word);
    if (needs_care(l, insn, &form)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, &form, true);
    if (form.selem == 1)
        store_1(l, insn, form.registers, form.full ? 16 : 8);
    else if (form.selem == 2)
        store_2(l, insn, form.log2_bytes, form.full);
    else if (form.selem == 3)
        store_3(l, insn, form.log2_bytes, form.full);
    else
        store_4(l, insn, form.log2_bytes, form.full);
    end(l, insn, &form, miss);
}

/* ---- single structures ---- */

static void lower_simd_ld_lane(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned op[4] = {VPINSRB, VPINSRW, VPINSRD, VPINSRQ};
    const struct a64_struct_form form = a64_single_form(insn->word);
    if (needs_care(l, insn, &form)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, &form, false);
    for (unsigned k = 0; k < form.registers; k++) {
        const unsigned t = reg(insn, k), dst = lower_vdst(l, t, S0);
        vec_i(l, op[form.log2_bytes], dst, lower_vsrc(l, t, S0),
              lower_operand((int32_t)(k << form.log2_bytes)), form.lane);
        lower_vdone(l, t, dst);
    }
    end(l, insn, &form, miss);
}

static void lower_simd_st_lane(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned op[4] = {VPEXTRB, VPEXTRW, VPEXTRD, VPEXTRQ};
    const struct a64_struct_form form = a64_single_form(insn->word);
    if (needs_care(l, insn, &form)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, &form, true);
    for (unsigned k = 0; k < form.registers; k++)
        vec_i(l, op[form.log2_bytes], lower_vsrc(l, reg(insn, k), S0), 0,
              lower_operand((int32_t)(k << form.log2_bytes)), form.lane);
    end(l, insn, &form, miss);
}

static void lower_simd_ld_rep(struct lower *l, const struct a64_insn *insn)
{
    static const unsigned op[4] = {VPBROADCASTB, VPBROADCASTW, VPBROADCASTD, VPBROADCASTQ};
    const struct a64_struct_form form = a64_single_form(insn->word);
    if (needs_care(l, insn, &form)) {
        lower_call(l, insn);
        return;
    }
    const struct lower_miss miss = begin(l, insn, &form, false);
    for (unsigned k = 0; k < form.registers; k++) {
        const unsigned t = reg(insn, k), dst = lower_vdst(l, t, S0);
        vec(l, op[form.log2_bytes], dst, 0, lower_operand((int32_t)(k << form.log2_bytes)));
        vec_done(l, t, dst, form.full ? 16 : 8);
    }
    end(l, insn, &form, miss);
}

#define BOTH_ROWS(name)                                                                                  \
    [A64_EXEC_simd_##name] = lower_simd_##name, [A64_EXEC_simd_##name##_post] = lower_simd_##name

lower_fn *const lower_simd_ldst_table[A64_EXEC_COUNT] = {
    BOTH_ROWS(ld_multi), BOTH_ROWS(st_multi), BOTH_ROWS(ld_lane), BOTH_ROWS(st_lane), BOTH_ROWS(ld_rep),
};
